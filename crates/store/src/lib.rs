//! What must survive a restart: documents, schedules, runs, leases, sealed secrets.
//!
//! Always: every write is one transaction, durable when the call returns; every call takes a `Scope`, and no statement
//! looks outside it; sealed fields are never in a document; times are arguments.
//! The database is SQLite or PostgreSQL, by the same SQL; what differs is in `address.rs`, `database.rs` (connections, and who
//! may write when) and `migrations.rs` (two words).
//! Start at [`Store`], then `documents.rs`; runs go through `runs.rs` (how they come
//! to be), `take.rs` (claiming), `claims.rs` (holding) and `finish.rs` (ending). Who is told of an end: `deliveries.rs`.
//! What is told of runs beside their documents: `traces.rs`; how they are cancelled: `cancel.rs`.
//! Batches that clients upload: `batches.rs` and `batch_claims.rs`.

mod address;
pub mod audit;
mod backup;
mod batch_claims;
mod batches;
mod cancel;
mod changes;
mod claims;
mod columns;
mod cursor;
mod database;
mod deliveries;
mod derive;
mod documents;
mod facts;
mod finish;
mod history;
mod keys;
mod known;
mod leases;
mod list;
mod migrations;
mod names;
mod pulse;
mod restore;
mod rows;
mod runs;
mod sandboxes;
mod schedules;
mod seal;
mod sessions;
mod states;
mod take;
mod traces;

pub use backup::{Summary, backup};
pub use batch_claims::{BatchClaim, BatchEnd, Task};
pub use batches::{GivenUp, Limits, Piece, Upload, staging_folder};
pub use changes::Change;
pub use claims::Claim;
pub use columns::{DECIDED, FlowColumn, Met, NewColumns, POLICIES, POLICY};
pub use deliveries::{Delivery, Outcome};
pub use documents::{New, Secrets};
pub use facts::{HOUR, Queued, RunFacts, RunSums, RunsAsked, Tick};
pub use finish::End;
pub use history::Past;
pub use keys::Keys;
pub use known::LIFE;
pub use leases::Cleanup;
pub use list::{List, Page};
pub use names::Named;
pub use pulse::Pulse;
pub use restore::{Onto, restore};
pub use runs::Enqueue;
pub use sessions::{Link, Use};
pub use traces::{LINES, Lines, Told};

use database::Database;
use std::sync::Arc;
use tokio::sync::watch;

/// Connections to a server, where nobody says otherwise.
const CONNECTIONS: u32 = 16;

/// The database. Clones share it.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
}

impl Store {
    /// Opens the database at `url`, and brings its tables up to date: `sqlite:///path/forebay.db` or a plain path, a file
    /// that is created if it is absent, or `postgres://user:password@host/database`, which must exist. Refuses keys that do
    /// not open it, and a database that a newer program has written.
    pub async fn open(url: &str, keys: Keys) -> forebay_model::Result<Store> {
        Store::open_with(url, keys, CONNECTIONS).await
    }

    /// The same, with at most so many connections to a server.
    pub async fn open_with(url: &str, keys: Keys, connections: u32) -> forebay_model::Result<Store> {
        Ok(Store { database: Arc::new(Database::open(url, keys, connections).await?) })
    }

    /// Asks the database something, as a sign of life.
    pub async fn ping(&self) -> forebay_model::Result<()> {
        sqlx::query("SELECT value FROM meta WHERE name = 'schema'")
            .fetch_optional(&self.database.readers)
            .await
            .map_err(database::failed)?;
        Ok(())
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
