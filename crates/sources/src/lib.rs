//! The outside world: one source a file, behind one egress gate.
//!
//! [`Gate`] is the only way out. [`Source`] is our code for a kind of system, found by connection spec id with
//! [`by_spec`]; [`Accounts::open`] joins it with one account's credentials. The specs that the API shows are [`specs`]
//! and [`flow_specs`]. Start at `remote.rs`, then `files.rs` and `s3.rs` for files, `hubspot.rs` for tables.

mod accounts;
mod address;
mod azure;
mod files;
mod http;
mod hubspot;
mod params;
mod pause;
mod redact;
mod remote;
mod s3;
mod selection;
mod specs;
pub mod tables;

pub use accounts::{AccountId, Accounts, Memory, Places, Vault};
pub use http::{Gate, Lookup};
pub use params::Secrets;
pub use remote::{Check, Entry, Patience, Remote};
pub use specs::{by_spec, flow_spec, flow_specs, runner, spec, specs};

use forebay_model::Result;
use forebay_model::mapping::ast::FieldPath;

/// A kind of system that data is read from; one or more connection specs share it.
#[derive(Debug)]
pub struct Source {
    /// The name of its connection spec, such as `amazon-s3`.
    pub name: &'static str,
    /// The connection specs it runs.
    pub specs: &'static [&'static str],
    /// How its data is reached.
    pub reader: Reader,
    /// How an account of it is opened.
    reach: Reach,
}

/// How accounts of a source are opened.
#[derive(Debug, Clone, Copy)]
enum Reach {
    /// A store of objects.
    Files(fn(&Gate, &params::Params<'_>) -> Result<files::Files>),
    HubSpot,
}

impl Source {
    /// Where a column that a mapping names stands in what the source gives: in a landed line, or in the file itself.
    pub fn locate(&self, field: &FieldPath) -> FieldPath {
        match self.reader {
            Reader::Files => field.clone(),
            Reader::Tables => hubspot::locate(field),
        }
    }
}

/// How a source's data is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Files are pinned and read in place.
    Files,
    /// Records are paged and landed.
    Tables,
}

/// Every source. Adding one is a file, its spec, and a line here.
pub static SOURCES: &[&Source] = &[&s3::SOURCE, &azure::SOURCE, &hubspot::SOURCE];
