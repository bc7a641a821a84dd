//! The command line: a client of the public API and of nothing else. Data goes to stdout, talk to stderr.
//!
//! `server` puts [`Command`] into its own list of subcommands, calls [`complete`] before anything else and [`run`] for what
//! is ours. Each file holds one group of commands; [`client`] is the one way to the server, [`output`] the one way to print.

mod admin;
mod apply;
mod client;
mod completion;
mod connections;
mod context;
mod doctor;
mod draft;
mod explain;
mod explore;
mod failure;
mod files;
mod flows;
mod login;
mod names;
mod output;
mod plan;
mod progress;
mod raw;
mod runs;
mod secrets;
mod specs;
mod tables;

pub use completion::complete;
pub use failure::Exit;

use clap::{ArgAction, Args, Subcommand};
use client::{Client, How};
use context::{Context, Named};
use failure::{Failure, Result};
use output::{Colour, Format, Screen};
use std::process::ExitCode;
use std::time::Duration;

/// What the command line reads of the environment, beside the server's own keys.
pub const VARIABLES: &[&str] = &[
    "FOREBAY_CLI_CONFIG",
    "FOREBAY_CLIENT_ID",
    "FOREBAY_CLIENT_SECRET",
    "FOREBAY_COMPLETE",
    "FOREBAY_CONTEXT",
    "FOREBAY_ORG",
    "FOREBAY_SANDBOX",
    "FOREBAY_TOKEN",
    "FOREBAY_URL",
];

/// What all commands take.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server and output")]
pub struct Globals {
    /// The profile to use; `forebay context list` has them.
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,
    /// The server's URL.
    #[arg(long, global = true, value_name = "URL")]
    url: Option<String>,
    /// The sandbox to work in.
    #[arg(long, global = true, value_name = "NAME")]
    sandbox: Option<String>,
    /// How data is printed.
    #[arg(long, short, global = true, value_enum, value_name = "FORMAT")]
    output: Option<Format>,
    /// When colour is used.
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto")]
    color: Colour,
    /// Columns of the terminal, where it does not say.
    #[arg(long, global = true, value_name = "COLUMNS", hide_short_help = true)]
    width: Option<usize>,
    /// Say nothing but failures.
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Tell of each call; twice: with its answer.
    #[arg(long, short, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Print the call for curl, secrets left out, and do not make it.
    #[arg(long, global = true)]
    as_curl: bool,
    /// Tell what would be changed, and change nothing.
    #[arg(long, global = true)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long, short, global = true)]
    yes: bool,
    /// How many seconds to wait: for one answer, and with --wait or --follow in all.
    #[arg(long, global = true, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    timeout: Option<u64>,
}

/// A command with what all commands take.
#[derive(Debug, Clone, Args)]
pub struct With<T: Args> {
    #[command(flatten)]
    args: T,
    #[command(flatten)]
    globals: Globals,
}

/// A group of commands with what all commands take.
#[derive(Debug, Clone, Args)]
pub struct Group<T: Subcommand> {
    #[command(subcommand)]
    command: T,
    #[command(flatten)]
    globals: Globals,
}

/// Every command that talks to a server.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Sign in to a server and remember it.
    Login(With<login::Login>),
    /// Profiles: servers, clients and sandboxes.
    #[command(visible_alias = "contexts")]
    Context(Group<login::ContextCommand>),
    /// Kinds of systems that data can be read from.
    #[command(visible_alias = "spec")]
    Specs(Group<specs::SpecsCommand>),
    /// Credentials of accounts.
    #[command(visible_alias = "connection")]
    Connections(Group<connections::ConnectionsCommand>),
    /// List what a connection can see.
    Explore(With<explore::Explore>),
    /// Show the first rows of a file or table.
    Preview(With<explore::Preview>),
    /// What is read, how it is mapped, where it goes and when.
    #[command(visible_alias = "flow")]
    Flows(Group<flows::FlowsCommand>),
    /// Show what `apply` would change.
    Plan(With<plan::Plan>),
    /// Make what manifests say.
    Apply(With<apply::Apply>),
    /// Start a run of a flow.
    Run(With<runs::Run>),
    /// Executions of flows.
    Runs(Group<runs::RunsCommand>),
    /// Tables of the lake.
    #[command(visible_aliases = ["table", "datasets"])]
    Tables(Group<tables::TablesCommand>),
    /// Isolated spaces of the organization.
    #[command(visible_alias = "sandbox")]
    Sandboxes(Group<admin::SandboxesCommand>),
    /// API clients and their roles.
    #[command(visible_alias = "user")]
    Users(Group<admin::UsersCommand>),
    /// Secrets of API clients.
    Keys(Group<admin::KeysCommand>),
    /// Who did what.
    Audit(Group<admin::AuditCommand>),
    /// Make any call of the API, with credentials.
    Api(With<raw::Api>),
    /// Check this machine, the way to the server, and the server.
    Doctor(With<doctor::Doctor>),
    /// Print what a shell needs to complete commands and names.
    Completion(completion::Completion),
    /// Tell what an error code means; needs no server.
    Explain(With<explain::Explain>),
}

/// Runs a command; what it failed at has been told.
pub async fn run(command: Command) -> ExitCode {
    let (screen, done) = match command {
        Command::Completion(args) => {
            let screen = Screen::new(None, Colour::Never, None, 0);
            let done = completion::run(&args, &screen);
            (screen, done)
        }
        Command::Login(with) => direct(with.globals, async |tool| login::login(tool, with.args).await).await,
        Command::Context(group) => direct(group.globals, async |tool| login::context(tool, group.command).await).await,
        Command::Doctor(with) => direct(with.globals, async |tool| doctor::run(tool, with.args).await).await,
        Command::Explain(with) => direct(with.globals, async |tool| explain::run(&tool.screen, &with.args)).await,
        Command::Specs(group) => server(group.globals, async |tool| specs::run(tool, group.command).await).await,
        Command::Connections(group) => {
            server(group.globals, async |tool| connections::run(tool, group.command).await).await
        }
        Command::Explore(with) => server(with.globals, async |tool| explore::explore(tool, with.args).await).await,
        Command::Preview(with) => server(with.globals, async |tool| explore::preview(tool, with.args).await).await,
        Command::Flows(group) => server(group.globals, async |tool| flows::run(tool, group.command).await).await,
        Command::Plan(with) => server(with.globals, async |tool| plan::run(tool, with.args).await).await,
        Command::Apply(with) => server(with.globals, async |tool| apply::run(tool, with.args).await).await,
        Command::Run(with) => server(with.globals, async |tool| runs::start(tool, with.args).await).await,
        Command::Runs(group) => server(group.globals, async |tool| runs::run(tool, group.command).await).await,
        Command::Tables(group) => server(group.globals, async |tool| tables::run(tool, group.command).await).await,
        Command::Sandboxes(group) => {
            server(group.globals, async |tool| admin::sandboxes(tool, group.command).await).await
        }
        Command::Users(group) => server(group.globals, async |tool| admin::users(tool, group.command).await).await,
        Command::Keys(group) => server(group.globals, async |tool| admin::keys(tool, group.command).await).await,
        Command::Audit(group) => server(group.globals, async |tool| admin::audit(tool, group.command).await).await,
        Command::Api(with) => server(with.globals, async |tool| raw::run(tool, with.args).await).await,
    };
    match done {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => {
            failure.tell(&screen);
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// What a command that may need no server is given.
pub(crate) struct Tool {
    /// Where it prints.
    pub screen: Screen,
    /// What was said on the command line.
    pub globals: Globals,
}

impl Tool {
    fn new(globals: Globals) -> Tool {
        let level = if globals.quiet { -1 } else { i8::try_from(globals.verbose).unwrap_or(2) };
        Tool { screen: Screen::new(globals.output, globals.color, globals.width, level), globals }
    }

    /// What the command line says of the context.
    pub fn named(&self) -> Named {
        let Globals { context, url, sandbox, .. } = self.globals.clone();
        Named { context, url, sandbox }
    }

    /// How long one answer is waited for.
    pub fn patience(&self) -> Duration {
        Duration::from_secs(self.globals.timeout.unwrap_or(90))
    }

    /// The way to a server.
    pub fn client(&self, context: Context) -> Result<Client> {
        let how = How { as_curl: self.globals.as_curl, dry_run: self.globals.dry_run };
        Client::new(context, self.screen.clone(), how, self.patience())
    }
}

/// What a command that talks to a server is given.
pub(crate) struct Session {
    /// The way there.
    pub client: Client,
    /// Where it prints.
    pub screen: Screen,
    /// What was said on the command line.
    pub globals: Globals,
}

impl Session {
    /// Asks whether to go on: `--yes` says so, and in pipes nobody can.
    pub fn confirm(&self, question: &str) -> Result<()> {
        if self.globals.yes || self.client.only_shows() {
            return Ok(());
        }
        if !self.screen.can_ask() {
            return Err(Failure::usage(format!("{question} Nobody can be asked here.")).next("the same with --yes"));
        }
        // A line, and no single key: a terminal stays as it is, whatever happens meanwhile.
        let term = dialoguer::console::Term::stderr();
        let asked = term.write_str(&format!("{} [y/N] ", output::clean(question))).and_then(|()| term.read_line());
        match asked {
            Ok(answer) if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) => Ok(()),
            Ok(_) => Err(Failure::new(Exit::Failed, "Nothing was changed.").next("the same with --yes, to go on")),
            Err(_) => Err(Failure::silent(Exit::Interrupted)),
        }
    }

    /// When waiting is over.
    pub fn deadline(&self) -> Option<tokio::time::Instant> {
        let seconds = self.globals.timeout?;
        Some(tokio::time::Instant::now() + Duration::from_secs(seconds))
    }
}

async fn direct(globals: Globals, work: impl AsyncFnOnce(&Tool) -> Result<Exit>) -> (Screen, Result<Exit>) {
    let tool = Tool::new(globals);
    let done = interruptible(work(&tool)).await;
    (tool.screen, done)
}

async fn server(globals: Globals, work: impl AsyncFnOnce(&Session) -> Result<Exit>) -> (Screen, Result<Exit>) {
    let tool = Tool::new(globals);
    let client = Context::find(&tool.named()).and_then(|context| tool.client(context));
    let client = match client {
        Ok(client) => client,
        Err(failure) => return (tool.screen, Err(failure)),
    };
    let session = Session { client, screen: tool.screen.clone(), globals: tool.globals };
    let done = interruptible(work(&session)).await;
    (tool.screen, done)
}

/// Ctrl-C ends a command. Commands that wait for a run say more about it themselves, and come first.
async fn interruptible(work: impl Future<Output = Result<Exit>>) -> Result<Exit> {
    tokio::select! {
        biased;
        done = work => done,
        _ = tokio::signal::ctrl_c() => Err(Failure::silent(Exit::Interrupted)),
    }
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
#[path = "lib_tests.rs"]
mod tests;
