//! A worker's right to a run.
use crate::{Store, unfinished};
use forebay_model::files::Window;
use forebay_model::run::Status;
use forebay_model::{Document, Result, Scope, Time};
use serde_json::Value;
use std::time::Duration;

/// The right to execute one run until the lease expires.
#[derive(Debug, Clone)]
pub struct Claim {
    /// Whose run.
    pub scope: Scope,
    /// Its flow.
    pub flow: Document,
    /// Its document, `inProgress`.
    pub run: Document,
    /// The batch it writes: a ULID, fixed for the run's life.
    pub batch: String,
    /// Fences older holders.
    pub epoch: i64,
    /// All epochs this run was ever claimed under, this one last.
    pub epochs: Vec<i64>,
    /// What `save_plan` stored.
    pub plan: Option<Value>,
    /// The flow's cursor as of this claim.
    pub cursor: Option<Value>,
    /// `params` of an on-demand run; null for a scheduled one.
    pub params: Value,
    /// The span of data.
    pub window: Window,
    /// How often this run was claimed since it was (re-)triggered, this claim included.
    pub attempt: u32,
    /// A re-triggered run: it must not move the cursor back.
    pub retrigger: bool,
    /// Who holds it.
    pub worker: String,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct End {
    /// `metrics`, `activities`, …: merged over the run's body, member by member.
    pub run: Value,
    /// `Success` or `Failed`.
    pub state: Status,
    /// The flow's new cursor.
    pub cursor: Option<Value>,
    /// The batch's document; null for none.
    pub batch: Value,
}

impl Store {
    /// Claims one run.
    pub async fn claim(&self, _worker: &str, _now: Time, _lease: Duration) -> Result<Option<Claim>> {
        Err(unfinished())
    }
    /// Prolongs the lease; false when the run is no longer ours.
    pub async fn renew(&self, _claim: &Claim, _now: Time, _lease: Duration) -> Result<bool> {
        Err(unfinished())
    }
    /// Keeps the run's plan; Stale when the run is no longer ours.
    pub async fn save_plan(&self, _claim: &Claim, _plan: &Value) -> Result<()> {
        Err(unfinished())
    }
    /// Merges `patch` (RFC 7386) into the run's body; Stale when the run is no longer ours.
    pub async fn report(&self, _claim: &Claim, _patch: Value, _now: Time) -> Result<()> {
        Err(unfinished())
    }
    /// Gives the run back, to be claimed no earlier than `not_before`.
    pub async fn release(&self, _claim: &Claim, _not_before: Time) -> Result<()> {
        Err(unfinished())
    }
    /// Ends the run: its document, its batch, the cursor, the flow's `lastRunDetails`, in one transaction. Stale when the
    /// run is no longer ours.
    pub async fn finish(&self, _claim: &Claim, _end: End, _now: Time) -> Result<()> {
        Err(unfinished())
    }
}
