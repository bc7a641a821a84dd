//! The program. Started with no arguments it is the whole platform on one machine.

mod backup;
mod config;
mod demo;
mod engine;
mod keeper;
mod logs;
mod pages;
mod place;
mod playground;
mod serve;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

/// Forebay: an open, self-hosted Flow Service.
#[derive(Parser)]
#[command(name = "forebay", version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the platform: API, scheduler and workers in one process.
    Serve(Serve),
    /// Write all metadata into one file, whether the platform is at work or not. The lake and the key file are not in it.
    Backup(Backup),
    /// Read a backup into an empty database, of whatever kind.
    Restore(Restore),
    /// Start the platform with a small S3 server and a simulated HubSpot account beside it, for a first look.
    Demo(Demo),
    /// Start a local S3 endpoint with sample data and, if asked, a simulated HubSpot account; prints one JSON line with
    /// their addresses and the credentials they accept.
    Playground(Playground),
    /// What talks to a server.
    #[command(flatten)]
    Client(Box<forebay_cli::Command>),
}

#[derive(Args, Default)]
struct Serve {
    /// Folder of the metadata, the lake and the keys.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Address and port of the API.
    #[arg(long)]
    listen: Option<SocketAddr>,
    /// A configuration file (TOML); `default.toml` in the source names every key.
    #[arg(long)]
    config: Option<PathBuf>,
}

#[derive(Args)]
struct Backup {
    /// The file to be written; it must not exist.
    file: PathBuf,
    /// Folder of the metadata, the lake and the keys.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The platform's configuration file.
    #[arg(long)]
    config: Option<PathBuf>,
}

#[derive(Args)]
struct Restore {
    /// The file that `forebay backup` wrote.
    file: PathBuf,
    /// Folder of the metadata, the lake and the keys; the key file must be there.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The platform's configuration file.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Replace what the database holds.
    #[arg(long)]
    force: bool,
}

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
struct Demo {
    #[command(subcommand)]
    command: Option<DemoCommand>,
    /// Folder of the demo's metadata, lake, keys and sample objects.
    #[arg(long, default_value = "./data/demo")]
    data: PathBuf,
    /// Address and port of the API; another port is taken if this one is.
    #[arg(long, default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// Land sample data by the public API alone, and end.
    #[arg(long)]
    exit: bool,
    /// How it is told.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Subcommand)]
enum DemoCommand {
    /// Begin anew: remove what a demo that has ended left, or restore one that runs.
    Reset(Reset),
}

#[derive(Args)]
struct Reset {
    /// The demo's folder.
    #[arg(long, default_value = "./data/demo")]
    data: PathBuf,
}

#[derive(Args)]
struct Playground {
    /// Address and port of the S3 endpoint; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:9797")]
    s3: SocketAddr,
    /// Folder of its buckets; a temporary one by default.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Address and port of a simulated HubSpot account; port 0 takes a free one.
    #[arg(long)]
    hubspot: Option<SocketAddr>,
    /// Address and port where the account can be changed and made to misbehave.
    #[arg(long, requires = "hubspot")]
    hubspot_control: Option<SocketAddr>,
    /// Enforce the limits of a professional account.
    #[arg(long, requires = "hubspot")]
    hubspot_limits: bool,
    /// The same seed gives the same account.
    #[arg(long, default_value_t = 42)]
    seed: u64,
    /// How many contacts it has.
    #[arg(long, default_value_t = 1_000)]
    contacts: u64,
}

/// How answers are printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

fn main() -> ExitCode {
    forebay_cli::complete(Cli::command);
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("forebay: no threads could be started: {e}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        let done = match cli.command.unwrap_or(Command::Serve(Serve::default())) {
            Command::Serve(args) => serve::command(args).await,
            Command::Backup(args) => backup::save(args).await,
            Command::Restore(args) => backup::load(args).await,
            Command::Demo(args) => demo::command(args).await,
            Command::Playground(args) => playground::command(args).await,
            Command::Client(command) => return forebay_cli::run(*command).await,
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => {
                eprintln!("forebay: {message}");
                ExitCode::FAILURE
            }
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn no_command_names_two_things_alike() {
        Cli::command().debug_assert();
    }
}
