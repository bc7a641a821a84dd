//! The tests of this crate, in one binary.

// A test that meets the unexpected may panic.
#![allow(clippy::unwrap_used)]

mod decode;
mod mapping;
mod run;
