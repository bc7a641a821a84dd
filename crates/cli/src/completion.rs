//! Completion: of commands and flags, and of live names of flows, connections and tables. A shell waits while it
//! completes, so the server is asked for a second at most, and nothing is ever said.

use crate::client::{Client, How};
use crate::context::{Config, Context, Named};
use crate::failure::{Exit, Failure, Result};
use crate::names::{self, Kind};
use crate::output::{Colour, Screen};
use clap::{Args, ValueEnum};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use clap_complete::env::Shells;
use std::time::Duration;

/// How long a shell waits.
const PATIENCE: Duration = Duration::from_millis(900);

/// `forebay completion`
#[derive(Debug, Clone, Args)]
pub struct Completion {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

/// Shells that can complete.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

/// Answers a shell that asks for completions, and ends the program then; does nothing else. To be called first.
pub fn complete(command: impl Fn() -> clap::Command) {
    clap_complete::CompleteEnv::with_factory(command).var("FOREBAY_COMPLETE").complete();
}

/// Prints what the shell is to read at its start.
pub fn run(args: &Completion, screen: &Screen) -> Result<Exit> {
    let name = match args.shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
        Shell::Powershell => "powershell",
    };
    let shells = Shells::builtins();
    let Some(shell) = shells.completer(name) else {
        return Err(Failure::new(Exit::Failed, format!("{name} is not supported")));
    };
    let program = std::env::current_exe().ok().map(|path| path.display().to_string());
    let program = program.unwrap_or_else(|| "forebay".into());
    let mut script = Vec::new();
    shell.write_registration("FOREBAY_COMPLETE", "forebay", "forebay", &program, &mut script)?;
    screen.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}

/// Names of a kind, as the server has them.
pub fn names(kind: Kind) -> ArgValueCandidates {
    ArgValueCandidates::new(move || live(kind).unwrap_or_default())
}

/// Names of profiles.
pub fn contexts() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let config = Config::read().unwrap_or_default();
        config.contexts.into_keys().map(CompletionCandidate::new).collect()
    })
}

/// Error codes.
pub fn codes() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let codes = forebay_model::code::ALL.iter();
        codes.map(|code| CompletionCandidate::new(code.id).help(Some(code.title.into()))).collect()
    })
}

fn live(kind: Kind) -> Option<Vec<CompletionCandidate>> {
    let screen = Screen::new(None, Colour::Never, None, -1);
    let context = Context::find(&Named::default()).ok()?;
    let client = Client::new(context, screen, How::default(), PATIENCE).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    let found =
        runtime.block_on(async { tokio::time::timeout(PATIENCE, names::all(&client, kind)).await }).ok()?.ok()?;
    // A look-up of a name that hangs is not waited for.
    runtime.shutdown_background();
    let mut candidates: Vec<CompletionCandidate> = found
        .into_iter()
        .filter(|found| !found.name.is_empty())
        .map(|found| CompletionCandidate::new(found.name))
        .collect();
    candidates.dedup_by(|a, b| a.get_value() == b.get_value());
    Some(candidates)
}
