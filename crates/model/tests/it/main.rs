//! One test binary for the crate.

// A test that meets the unexpected may panic.
#![allow(clippy::unwrap_used)]

mod manual;
mod tidy;
