//! Secrets, read from where they are kept and never from the command line: `env:NAME`, `file:PATH` or `@PATH`, stdin, or a
//! prompt.

use crate::failure::{Exit, Failure, Result};
use crate::output::{Screen, clean};
use std::io::Read;

/// Bytes of a secret at most.
const MOST: u64 = 1024 * 1024;

/// The secret that a reference names. None if the text is no reference.
///
/// # Errors
/// When there is nothing at that place.
pub fn referred(from: &str) -> Result<Option<String>> {
    if let Some(name) = from.strip_prefix("env:") {
        return match std::env::var(name) {
            Ok(value) if !value.is_empty() => Ok(Some(value)),
            _ => Err(Failure::usage(format!("the environment has no {name}, which a secret is to be read from"))
                .next(format!("export {name}=…, and the same again"))),
        };
    }
    match from.strip_prefix("file:").or_else(|| from.strip_prefix('@')) {
        Some("-") => stdin().map(Some),
        Some(path) => file(path).map(Some),
        None => Ok(None),
    }
}

fn file(path: &str) -> Result<String> {
    let failed = |e: std::io::Error| Failure::usage(format!("the file {path} with a secret cannot be read: {e}"));
    let mut text = String::new();
    std::fs::File::open(path).map_err(failed)?.take(MOST).read_to_string(&mut text).map_err(failed)?;
    trimmed(text, path)
}

/// All of stdin.
///
/// # Errors
/// When it is empty, or no text.
pub fn stdin() -> Result<String> {
    let mut text = String::new();
    let read = std::io::stdin().take(MOST).read_to_string(&mut text);
    read.map_err(|e| Failure::usage(format!("stdin cannot be read: {e}")))?;
    trimmed(text, "stdin")
}

/// Editors end files with a line end.
fn trimmed(text: String, from: &str) -> Result<String> {
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    match text.is_empty() {
        true => Err(Failure::usage(format!("{from} is empty: it should have a secret"))),
        false => Ok(text.to_string()),
    }
}

/// Asks for a secret; it is not shown while it is typed.
///
/// # Errors
/// Where nobody can be asked.
pub fn ask(screen: &Screen, what: &str) -> Result<String> {
    if !screen.can_ask() {
        return Err(Failure::usage(format!("{what} is a secret, and nobody can be asked for it here"))
            .next("the same with NAME=env:VARIABLE, NAME=@FILE or --secret-stdin NAME"));
    }
    dialoguer::Password::new().with_prompt(clean(what)).interact().map_err(interrupted)
}

/// Asks for a text.
///
/// # Errors
/// Where nobody can be asked.
pub fn ask_text(screen: &Screen, what: &str, default: Option<String>, needed: bool) -> Result<String> {
    if !screen.can_ask() {
        return Err(Failure::usage(format!("{what} is missing, and nobody can be asked for it here")));
    }
    let mut input = dialoguer::Input::<String>::new().with_prompt(clean(what)).allow_empty(!needed);
    if let Some(default) = default {
        input = input.default(default);
    }
    input.interact_text().map_err(interrupted)
}

/// Lets one be chosen.
///
/// # Errors
/// Where nobody can be asked.
pub fn ask_which(screen: &Screen, what: &str, names: &[&str]) -> Result<usize> {
    if !screen.can_ask() {
        return Err(Failure::usage(format!("{what}: nobody can be asked which, of {}", names.join(", "))));
    }
    let items: Vec<String> = names.iter().map(|name| clean(name)).collect();
    dialoguer::Select::new().with_prompt(clean(what)).items(&items).default(0).interact().map_err(interrupted)
}

fn interrupted(error: dialoguer::Error) -> Failure {
    let dialoguer::Error::IO(error) = error;
    match error.kind() {
        std::io::ErrorKind::Interrupted => Failure::silent(Exit::Interrupted),
        _ => Failure::new(Exit::Failed, format!("nothing could be asked: {error}")),
    }
}
