//! The simulated account, as a plain client sees it.

mod client;
mod official;
mod reading;
