//! Datasets as Delta tables: write files, commit once, read.
//!
//! A run writes Parquet under the table, where no reader looks yet ([`write`]), and then names all of it in one Delta
//! transaction that carries the flow's epoch ([`commit`]). Exactly-once lives in that transaction, and only there.
//! A dataset whose schema has a primary identity is kept at one row a key instead: its files are staged, then merged
//! ([`upsert`]).
//! [`store`] is where the bytes lie, [`schema`] gives fields their Arrow and Delta types, [`read`] gives rows back, `tell`
//! says what a table's log knows, [`upkeep`] keeps tables small and old files away. Start at [`Lake`] and [`Table`].

pub mod commit;
mod error;
mod folder;
pub mod json;
mod keyed;
pub mod layout;
pub mod read;
pub mod schema;
pub mod stats;
pub mod store;
mod tell;
pub mod upkeep;
pub mod upsert;
pub mod write;

pub use commit::{Committed, Progress, Txn};
pub use folder::Folder;
pub use schema::{arrow_schema, merge};
pub use store::{Lake, Table};
pub use upkeep::{Compact, Upkeep};
pub use upsert::{Counts, MergeSpec, Merged, Prepared};
pub use write::{Diagnostics, File, Found, Part, Report, WriteExec, WriteSpec};
