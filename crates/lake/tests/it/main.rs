//! The lake against folders, memory and stores that fail.

// A test that meets the unexpected may panic.
#![allow(clippy::unwrap_used)]

mod commit;
mod crashes;
mod folder;
mod memory;
mod merge;
mod merge_model;
mod merge_races;
mod read;
mod revert;
mod staged;
mod support;
mod tell;
mod upkeep;
mod write;
