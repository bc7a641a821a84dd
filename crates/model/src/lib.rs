//! The vocabulary of Forebay: what every other crate means by a document, an object, a mapping, a run and an error.
//!
//! Pure: no I/O, no async, no clock; time and ids are arguments. Start at [`error`] and [`document`], then
//! [`mapping`] and [`xdm`] for how incoming data gets its shape, then [`run`] for how a run is told.

pub mod cause;
pub mod code;
pub mod diff;
pub mod document;
pub mod error;
pub mod event;
pub mod files;
pub mod filter;
pub mod health;
pub mod identity;
pub mod manifest;
pub mod mapping;
pub mod notice;
pub mod patch;
pub mod run;
pub mod schedule;
pub mod table;
pub mod xdm;

pub use code::Code;
pub use document::{Document, Resource, Scope};
pub use error::{Context, Error, Kind, Place, Result};

/// A moment, in UTC. On the wire: epoch milliseconds, or epoch seconds in schedules.
pub type Time = chrono::DateTime<chrono::Utc>;
