//! How runs come to be.
use crate::{Store, unfinished};
use forebay_model::{Document, Result, Scope, Time};
use serde_json::Value;

/// An on-demand run (FS §10.1).
#[derive(Debug, Clone)]
pub struct Enqueue {
    /// When it begins.
    pub due: Time,
    /// `params` of the request: `windowStartTime`, `windowEndTime`, `deltaColumn`.
    pub params: Value,
    /// Members merged into the run's body: `createdBy`, `createdClient` ….
    pub by: Value,
}

impl Store {
    /// Puts a run of every flow that is due into the queue; answers how many.
    pub async fn enqueue_due(&self, _now: Time) -> Result<u64> {
        Err(unfinished())
    }
    /// Puts one run into the queue.
    pub async fn enqueue(&self, _scope: &Scope, _flow_id: &str, _run: Enqueue, _now: Time) -> Result<Document> {
        Err(unfinished())
    }
    /// Puts a failed run into the queue again: same window, same plan, same batch.
    pub async fn retrigger(&self, _scope: &Scope, _run_id: &str, _if_match: Option<&str>, _now: Time) -> Result<Document> {
        Err(unfinished())
    }
}
