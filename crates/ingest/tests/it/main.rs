//! The tests of this crate, in one binary.

// A test that meets the unexpected may panic.
#![allow(clippy::unwrap_used)]

// The same for every crate over the store.
#[path = "../../../store/tests/it/database.rs"]
mod database;
mod decode;
mod mapping;
mod run;
