//! The simulated account, as a plain client sees it.
#![allow(clippy::cmp_owned, reason = "ids are texts in answers and numbers here")]

mod changes;
mod client;
mod control;
mod official;
mod reading;
mod trouble;
