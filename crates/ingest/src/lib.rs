//! Runs: plan, copy, promote, commit.

pub mod decode;
