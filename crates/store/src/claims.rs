//! A worker's right to a run. Every claim of a run takes its flow's next epoch under a lease (`take.rs`); whoever holds an
//! older epoch can write nothing any more. Here is what a holder does until the run ends (`finish.rs`).

use crate::Store;
use crate::database::{failed, millis};
use crate::traces::{self, Told};
use chrono::TimeDelta;
use forebay_model::files::Window;
use forebay_model::run::trace::{Ended, Trace};
use forebay_model::{Document, Error, Kind, Resource, Result, Scope, Time, code};
use serde_json::Value;
use sqlx::AnyConnection;
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
    /// The span of data, fixed by the first claim: from the end of the last successful run's window (open for a first run;
    /// the flow's creation for one without backfill) to the tick. `params` may say otherwise.
    pub window: Window,
    /// How often this run was claimed since it was (re-)triggered, this claim included.
    pub attempt: u32,
    /// A re-triggered run: it must not move the cursor back.
    pub retrigger: bool,
    /// Who holds it.
    pub worker: String,
    /// What is told of the run so far: of claims before this one, too.
    pub trace: Trace,
}

impl Store {
    /// Prolongs the lease; false when the run is no longer ours.
    pub async fn renew(&self, claim: &Claim, now: Time, lease: Duration) -> Result<bool> {
        let mut tx = self.database.write_of(&claim.scope, Resource::Flow, &claim.flow.id).await?;
        if !is_current(&mut tx, claim).await? {
            return Ok(false);
        }
        let sql = "UPDATE run_queue SET lease_until = $4 WHERE org = $1 AND sandbox = $2 AND run_id = $3";
        of_claim(sql, claim).bind(expiry(now, lease)?).execute(&mut *tx).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// Keeps the run's plan; `Stale` when the run is no longer ours.
    pub async fn save_plan(&self, claim: &Claim, plan: &Value) -> Result<()> {
        let mut tx = self.database.write_of(&claim.scope, Resource::Flow, &claim.flow.id).await?;
        check(&mut tx, claim).await?;
        let sql = "UPDATE run_queue SET plan = $4 WHERE org = $1 AND sandbox = $2 AND run_id = $3";
        of_claim(sql, claim).bind(plan.to_string()).execute(&mut *tx).await.map_err(failed)?;
        tx.commit().await.map_err(failed)
    }

    /// Merges `patch` (RFC 7386: objects member by member, null removes) into the run's body; `Stale` when the run is no
    /// longer ours.
    pub async fn report(&self, claim: &Claim, patch: Value, now: Time) -> Result<()> {
        self.tell(claim, Told { patch: Some(patch), ..Told::default() }, now).await
    }

    /// Gives the run back, to be claimed no earlier than `not_before`. Other runs of the flow wait for it. `Stale` when the run
    /// is no longer ours.
    pub async fn release(&self, claim: &Claim, not_before: Time) -> Result<()> {
        self.give_back(claim, not_before, Told::default(), (Ended::Released, None, not_before)).await
    }

    /// The same of an attempt that met an error, which the run's log and its attempts tell.
    pub async fn retry(&self, claim: &Claim, not_before: Time, told: Told, error: String, now: Time) -> Result<()> {
        self.give_back(claim, not_before, told, (Ended::Retried, Some(error), now)).await
    }

    async fn give_back(
        &self,
        claim: &Claim,
        not_before: Time,
        told: Told,
        ended: (Ended, Option<String>, Time),
    ) -> Result<()> {
        let mut tx = self.database.write_of(&claim.scope, Resource::Flow, &claim.flow.id).await?;
        check(&mut tx, claim).await?;
        // One that is to be cancelled does not wait.
        let sql = "UPDATE run_queue SET state = 'queued', worker = '', lease_until = 0, not_before = CASE WHEN EXISTS \
                   (SELECT 1 FROM run_traces t WHERE t.org = $1 AND t.sandbox = $2 AND t.run_id = $3 AND t.cancelled_by IS NOT NULL) \
                   THEN 0 ELSE $4 END WHERE org = $1 AND sandbox = $2 AND run_id = $3";
        of_claim(sql, claim).bind(millis(not_before)).execute(&mut *tx).await.map_err(failed)?;
        traces::keep(&mut tx, claim, told, Some(ended)).await?;
        tx.commit().await.map_err(failed)?;
        self.database.announce();
        Ok(())
    }
}

/// Whether the claim is the run's latest and the flow's, and the run has not ended.
async fn is_current(connection: &mut AnyConnection, claim: &Claim) -> Result<bool> {
    let sql = "SELECT q.run_id FROM run_queue q JOIN flow_state f ON f.org = q.org AND f.sandbox = q.sandbox AND f.flow_id = q.flow_id \
               WHERE q.org = $1 AND q.sandbox = $2 AND q.run_id = $3 AND q.state = 'running' AND q.epoch = $4 AND f.epoch = $4";
    let row = of_claim(sql, claim).bind(claim.epoch).fetch_optional(connection).await.map_err(failed)?;
    Ok(row.is_some())
}

pub(crate) async fn check(connection: &mut AnyConnection, claim: &Claim) -> Result<()> {
    if is_current(connection, claim).await? {
        return Ok(());
    }
    let message = format!(
        "The run {} is no longer held under epoch {}: it was taken over, cancelled or ended.",
        claim.run.id, claim.epoch
    );
    Err(Error::new(Kind::Stale, &code::FLOW_1404, message))
}

/// A statement whose first three parameters name the claim's run.
pub(crate) fn of_claim<'q>(
    sql: &'static str,
    claim: &Claim,
) -> sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments> {
    sqlx::query(sql).bind(claim.scope.org.clone()).bind(claim.scope.sandbox.clone()).bind(claim.run.id.clone())
}

pub(crate) fn expiry(now: Time, lease: Duration) -> Result<i64> {
    let until = TimeDelta::from_std(lease).ok().and_then(|lease| now.checked_add_signed(lease));
    until.map(millis).ok_or_else(|| Error::internal("A lease is too long."))
}
