//! The store's laws: whatever database lies beneath, they hold. Start at `laws.rs`.

// A test that meets the unexpected may panic.
#![allow(clippy::unwrap_used)]

mod backup;
mod database;
mod laws;
mod server;
mod upgrade;
