//! What must survive a restart: documents, leases, sealed secrets.

mod claims;
mod documents;
mod keys;
mod leases;
mod runs;

pub use claims::{Claim, End};
pub use documents::{List, New, Page, Secrets};
pub use keys::Keys;
pub use leases::Cleanup;
pub use runs::Enqueue;

use forebay_model::{Error, Result, Time};
use tokio::sync::watch;

/// The database.
#[derive(Clone)]
pub struct Store {
    changes: watch::Sender<u64>,
}

impl Store {
    /// Opens the database at `url` (`sqlite:///path/forebay.db`), creating it if absent, and brings its tables up to date.
    pub async fn open(_url: &str, _keys: Keys) -> Result<Store> {
        Err(unfinished())
    }
    /// Changes whenever a run may have become claimable through this process.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
    /// The next moment at which `enqueue_due` or `claim` may find something new, `now` at the earliest.
    pub async fn wake(&self, _now: Time) -> Result<Option<Time>> {
        Err(unfinished())
    }
}

pub(crate) fn unfinished() -> Error {
    Error::internal("in progress")
}
