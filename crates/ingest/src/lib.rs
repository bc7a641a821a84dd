//! Runs: plan, copy, promote, commit.
