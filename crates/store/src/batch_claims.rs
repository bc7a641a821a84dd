//! A worker's right to a batch that was uploaded, or that is to be taken back: what `take.rs`, `claims.rs` and
//! `finish.rs` are to runs. Every claim takes the next epoch of its *dataset*, whose batches are worked on one after
//! another, in the order in which they were completed; so the lake's rule of one flow holds for a dataset's batches.

use crate::batches::{change, clear, of_batch};
use crate::claims::expiry;
use crate::database::{failed, millis};
use crate::{Store, migrations};
use forebay_model::{Document, Error, Kind, Result, Scope, Time, code};
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Row};
use std::time::Duration;

/// Rows that may be worked on: of the dataset, no other is.
const WORKABLE: &str = "FROM batch_queue q WHERE (q.state = 'running' AND q.lease_until <= $1) \
     OR (q.state = 'queued' AND q.not_before <= $1 \
         AND NOT EXISTS (SELECT 1 FROM batch_queue o WHERE o.org = q.org AND o.sandbox = q.sandbox AND o.dataset_id = q.dataset_id \
             AND o.batch_id <> q.batch_id AND (o.state = 'running' OR (o.state = 'queued' AND o.attempt > 0))))";

/// What is to be done with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Its files are to become rows of the dataset.
    Ingest,
    /// What it has stored is to be removed.
    Revert,
}

/// The right to work on a batch until the lease expires.
#[derive(Debug, Clone)]
pub struct BatchClaim {
    /// Whose batch.
    pub scope: Scope,
    /// Its document.
    pub batch: Document,
    /// The dataset that it belongs to.
    pub dataset: String,
    /// What is to be done.
    pub task: Task,
    /// Fences older holders.
    pub epoch: i64,
    /// All epochs that this task was ever claimed under, this one last.
    pub epochs: Vec<i64>,
    /// What `save_batch_plan` stored.
    pub plan: Option<Value>,
    /// How often this task was claimed, this claim included.
    pub attempt: u32,
    /// Who holds it.
    pub worker: String,
}

/// How work on a batch ended.
#[derive(Debug, Clone)]
pub struct BatchEnd {
    /// Merged into the batch's document: `status`, `metrics`, `errors` …
    pub batch: Value,
    /// Replaces what `save_batch_plan` stored; none leaves it.
    pub plan: Option<Value>,
}

impl Store {
    /// Claims one batch: one that waits, or one whose holder let its lease expire.
    pub async fn claim_batch(&self, worker: &str, now: Time, lease: Duration) -> Result<Option<BatchClaim>> {
        let sql = format!("SELECT q.batch_id {WORKABLE} LIMIT 1");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(millis(now));
        if query.fetch_optional(&self.database.readers).await.map_err(failed)?.is_none() {
            return Ok(None);
        }
        let mut tx = self.database.write().await?;
        let sql = format!(
            "SELECT q.org, q.sandbox, q.sandbox_name, q.batch_id, q.dataset_id, q.task, q.epochs, q.attempt, q.plan {WORKABLE} \
             ORDER BY q.not_before, q.due, q.batch_id LIMIT 1"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(millis(now));
        let Some(row) = query.fetch_optional(&mut *tx).await.map_err(failed)? else { return Ok(None) };
        let text = |at: usize| row.try_get::<String, _>(at).map_err(failed);
        let scope = Scope { org: text(0)?, sandbox: text(1)?, sandbox_name: text(2)? };
        let (id, dataset) = (text(3)?, text(4)?);
        let task = if text(5)? == "revert" { Task::Revert } else { Task::Ingest };
        let mut epochs: Vec<i64> = json(&text(6)?)?;
        let attempt = row.try_get::<i64, _>(7).map_err(failed)? + 1;
        let plan = row.try_get::<Option<String>, _>(8).map_err(failed)?.map(|text| json(&text)).transpose()?;
        let epoch = last_epoch(&mut tx, &scope, &dataset).await?.max(migrations::epochs(&mut tx).await?) + 1;
        epochs.push(epoch);
        let sql = "UPDATE batch_queue SET state = 'running', worker = $4, lease_until = $5, epoch = $6, epochs = $7, attempt = $8 \
                   WHERE org = $1 AND sandbox = $2 AND batch_id = $3";
        let query = of_batch(sql, &scope, &id).bind(worker).bind(expiry(now, lease)?).bind(epoch);
        let query = query.bind(Value::from(epochs.clone()).to_string()).bind(attempt);
        query.execute(&mut *tx).await.map_err(failed)?;
        let begun = match (task, attempt) {
            (Task::Ingest, 1) => json!({ "status": "processing", "started": millis(now) }),
            _ => json!({}),
        };
        let batch = change(&mut tx, &scope, &id, begun, now).await?;
        tx.commit().await.map_err(failed)?;
        let attempt = u32::try_from(attempt).unwrap_or(u32::MAX);
        Ok(Some(BatchClaim { scope, batch, dataset, task, epoch, epochs, plan, attempt, worker: worker.to_string() }))
    }

    /// Prolongs the lease; false when the batch is no longer ours.
    pub async fn renew_batch(&self, claim: &BatchClaim, now: Time, lease: Duration) -> Result<bool> {
        let mut tx = self.database.write().await?;
        let sql = "UPDATE batch_queue SET lease_until = $5 WHERE org = $1 AND sandbox = $2 AND batch_id = $3 AND state = 'running' AND epoch = $4";
        let query = of_claim(sql, claim).bind(expiry(now, lease)?);
        let held = query.execute(&mut *tx).await.map_err(failed)?.rows_affected() == 1;
        tx.commit().await.map_err(failed)?;
        Ok(held)
    }

    /// Keeps what the work has come to; `Stale` when the batch is no longer ours.
    pub async fn save_batch_plan(&self, claim: &BatchClaim, plan: &Value) -> Result<()> {
        let mut tx = self.database.write().await?;
        let sql = "UPDATE batch_queue SET plan = $5 WHERE org = $1 AND sandbox = $2 AND batch_id = $3 AND state = 'running' AND epoch = $4";
        held(of_claim(sql, claim).bind(plan.to_string()), claim, &mut tx).await?;
        tx.commit().await.map_err(failed)
    }

    /// Gives the batch back, to be claimed no earlier than `not_before`. Other batches of the dataset wait for it. `Stale`
    /// when it is no longer ours.
    pub async fn release_batch(&self, claim: &BatchClaim, not_before: Time) -> Result<()> {
        let mut tx = self.database.write().await?;
        let sql = "UPDATE batch_queue SET state = 'queued', worker = '', lease_until = 0, not_before = $5 \
                   WHERE org = $1 AND sandbox = $2 AND batch_id = $3 AND state = 'running' AND epoch = $4";
        held(of_claim(sql, claim).bind(millis(not_before)), claim, &mut tx).await?;
        tx.commit().await.map_err(failed)?;
        self.database.announce();
        Ok(())
    }

    /// Ends the work: the batch's document and its place in the queue, in one transaction. What was uploaded is to be
    /// removed. `Stale` when the batch is no longer ours: nothing is written then.
    pub async fn finish_batch(&self, claim: &BatchClaim, end: BatchEnd, now: Time) -> Result<()> {
        let mut tx = self.database.write().await?;
        let sql = "UPDATE batch_queue SET state = 'done', worker = '', lease_until = 0 \
                   WHERE org = $1 AND sandbox = $2 AND batch_id = $3 AND state = 'running' AND epoch = $4";
        held(of_claim(sql, claim), claim, &mut tx).await?;
        if let Some(plan) = &end.plan {
            let sql = "UPDATE batch_queue SET plan = $4 WHERE org = $1 AND sandbox = $2 AND batch_id = $3";
            let query = of_batch(sql, &claim.scope, &claim.batch.id).bind(plan.to_string());
            query.execute(&mut *tx).await.map_err(failed)?;
        }
        change(&mut tx, &claim.scope, &claim.batch.id, end.batch, now).await?;
        if claim.task == Task::Ingest {
            clear(&mut tx, &claim.scope, &claim.batch.id).await?;
        }
        tx.commit().await.map_err(failed)?;
        self.database.announce();
        Ok(())
    }
}

fn json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text)
        .map_err(|error| Error::internal("A row of the queue of batches cannot be read.").caused_by(error))
}

async fn last_epoch(connection: &mut AnyConnection, scope: &Scope, dataset: &str) -> Result<i64> {
    let sql = "SELECT COALESCE(MAX(epoch), CAST(0 AS BIGINT)) FROM batch_queue WHERE org = $1 AND sandbox = $2 AND dataset_id = $3";
    let row = of_batch(sql, scope, dataset).fetch_one(connection).await.map_err(failed)?;
    row.try_get(0).map_err(failed)
}

/// A statement whose first four parameters name the claim's batch and epoch.
fn of_claim<'q>(sql: &'static str, claim: &BatchClaim) -> sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments> {
    of_batch(sql, &claim.scope, &claim.batch.id).bind(claim.epoch)
}

/// Runs a statement that changes the claim's row, if the claim is its latest.
async fn held(
    query: sqlx::query::Query<'_, sqlx::Any, sqlx::any::AnyArguments>,
    claim: &BatchClaim,
    connection: &mut AnyConnection,
) -> Result<()> {
    if query.execute(connection).await.map_err(failed)?.rows_affected() == 1 {
        return Ok(());
    }
    let message = format!(
        "The batch {} is no longer held under epoch {}: it was taken over or ended.",
        claim.batch.id, claim.epoch
    );
    Err(Error::new(Kind::Stale, &code::FLOW_1404, message))
}
