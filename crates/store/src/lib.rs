//! What must survive a restart: documents, schedules, runs, leases, sealed secrets.
//!
//! Always: every write is one transaction, durable when the call returns; every call takes a `Scope`, and no statement
//! looks outside it; sealed fields are never in a document; times are arguments.
//! SQLite takes one writer: there is one writing connection, whose transactions begin IMMEDIATE, and a few readers beside
//! it, so nobody meets a locked database. The SQL is portable; what PostgreSQL needs otherwise comes with it.
//! Start at [`Store`], then `documents.rs`; runs go through `runs.rs` (how they come
//! to be), `take.rs` (claiming), `claims.rs` (holding) and `finish.rs` (ending). Who is told of an end: `deliveries.rs`.

pub mod audit;
mod claims;
mod cursor;
mod database;
mod deliveries;
mod derive;
mod documents;
mod finish;
mod keys;
mod leases;
mod list;
mod rows;
mod runs;
mod schedules;
mod seal;
mod states;
mod take;

pub use claims::Claim;
pub use deliveries::{Delivery, Outcome};
pub use documents::{New, Secrets};
pub use finish::End;
pub use keys::Keys;
pub use leases::Cleanup;
pub use list::{List, Page};
pub use runs::Enqueue;

use database::Database;
use std::sync::Arc;
use tokio::sync::watch;

/// The database. Clones share it.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
}

impl Store {
    /// Opens the database at `url` (`sqlite:///path/forebay.db`, or a plain path), creates it if it is absent, and brings its
    /// tables up to date. Refuses keys that do not open it, and a database that a newer program has written.
    pub async fn open(url: &str, keys: Keys) -> forebay_model::Result<Store> {
        Ok(Store { database: Arc::new(Database::open(url, keys).await?) })
    }

    /// Changes whenever, through this process, a run may have become due or claimable: a worker waits on it instead of
    /// asking again and again.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.database.changes.subscribe()
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}
