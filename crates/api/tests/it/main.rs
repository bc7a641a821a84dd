//! The control plane, called in process over a temporary store, or raw over a socket. Each test names the rules of the
//! contract that it checks. Time and ids come from the test's world, so the replies are the same each time.

// A test that meets the unexpected may panic.
#![allow(clippy::unwrap_used)]

mod actions;
