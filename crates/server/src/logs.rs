//! Where log lines go: standard error, as text for people or JSON for machines.

use crate::config::{Log, LogFormat};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Starts logging. Only the first call of a process has an effect.
pub fn start(config: &Log) -> Result<(), String> {
    let filter = EnvFilter::try_new(&config.filter).map_err(|e| format!("log.filter is wrong: {e}"))?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match config.format {
        LogFormat::Json => lines.json().try_init(),
        LogFormat::Text => lines.try_init(),
    };
    started.map_err(|e| format!("logging could not be started: {e}"))
}
