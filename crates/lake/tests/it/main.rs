//! The lake against folders, memory and stores that fail.

mod commit;
mod crashes;
mod folder;
mod memory;
mod read;
mod support;
mod upkeep;
mod write;
