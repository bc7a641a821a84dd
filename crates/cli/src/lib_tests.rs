//! The command line as clap has it.

use super::*;
use clap::{CommandFactory, Parser};

#[derive(Parser)]
#[command(name = "forebay")]
struct Cli {
    #[command(subcommand)]
    _command: Option<Whole>,
}

/// As `server` has it.
#[derive(clap::Subcommand)]
enum Whole {
    /// One of the server's own.
    Serve,
    #[command(flatten)]
    Client(Box<Command>),
}

#[test]
fn the_commands_do_not_contradict_one_another() {
    Cli::command().debug_assert();
}

#[track_caller]
fn good(line: &str) {
    if let Err(error) = Cli::try_parse_from(line.split_whitespace()) {
        panic!("{line}: {error}");
    }
}

#[test]
fn flags_go_before_and_behind_the_command_of_a_group() {
    good("forebay runs list --output json -q");
    good("forebay runs --output json list --flow x");
    good("forebay run f --wait --strict --timeout 60");
    good("forebay plan -f a.yaml -f b --exit-code --prune");
    good("forebay api GET /flows?limit=5 -H accept:text/plain");
    good("forebay api /flows");
    good("forebay connections create --spec amazon-s3 -i --name x --secret-stdin s3SecretKey");
    good("forebay explain");
    good("forebay completion zsh");
    good("forebay tables preview t -n 5 --version 3");
}

#[test]
fn no_flag_takes_a_secret() {
    fn walk(command: &clap::Command, path: &str) {
        for argument in command.get_arguments() {
            let name = argument.get_long().unwrap_or_default();
            let secret = ["secret", "password", "token"].iter().any(|word| name.contains(word));
            let places = ["secret-stdin", "secret-from", "resend-secrets"];
            assert!(!secret || places.contains(&name), "{path} --{name}");
        }
        for inner in command.get_subcommands() {
            walk(inner, &format!("{path} {}", inner.get_name()));
        }
    }
    walk(&Cli::command(), "forebay");
}

#[test]
fn every_command_says_what_it_does() {
    fn walk(command: &clap::Command, path: &str) {
        assert!(command.get_about().is_some() || path == "forebay", "{path}");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{path} {}", argument.get_id());
        }
        for inner in command.get_subcommands() {
            walk(inner, &format!("{path} {}", inner.get_name()));
        }
    }
    let mut command = Cli::command();
    command.build();
    walk(&Cli::command(), "forebay");
}
