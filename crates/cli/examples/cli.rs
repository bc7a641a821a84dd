//! The command line alone, without the server's own subcommands: to try a change of it in seconds.

use clap::{CommandFactory, Parser};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "forebay", version)]
struct Cli {
    #[command(subcommand)]
    command: forebay_cli::Command,
}

fn main() -> ExitCode {
    forebay_cli::complete(Cli::command);
    let cli = Cli::parse();
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(forebay_cli::run(cli.command)),
        Err(e) => {
            eprintln!("no threads could be started: {e}");
            ExitCode::FAILURE
        }
    }
}
