//! Claiming: which run is next, and under which epoch and window. One run of a flow is active at a time: running, or given
//! back with a later start.

use crate::claims::{Claim, expiry};
use crate::database::{failed, millis, time};
use crate::finish::tell_flow;
use crate::rows;
use crate::{Store, migrations, schedules, traces};
use forebay_model::files::Window;
use forebay_model::run::trace::Attempt;
use forebay_model::run::{self, Span, Status};
use forebay_model::schedule::moment;
use forebay_model::{Document, Error, Resource, Result, Scope, Time, patch};
use serde_json::Value;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
use std::time::Duration;

/// Rows that may run: of the flow, no other run is active, and it is enabled unless the run has begun already.
const RUNNABLE: &str = "FROM run_queue q JOIN schedules s ON s.org = q.org AND s.sandbox = q.sandbox AND s.flow_id = q.flow_id \
     WHERE ((q.state = 'running' AND q.lease_until <= $1) \
        OR (q.state = 'queued' AND q.not_before <= $1 AND (q.attempt > 0 OR s.enabled = 1) \
            AND NOT EXISTS (SELECT 1 FROM run_queue o WHERE o.org = q.org AND o.sandbox = q.sandbox AND o.flow_id = q.flow_id \
                AND o.run_id <> q.run_id AND (o.state = 'running' OR (o.state = 'queued' AND o.attempt > 0)))))";

/// A row of the queue.
struct Queued {
    scope: Scope,
    run_id: String,
    flow_id: String,
    due: Time,
    epochs: Vec<i64>,
    attempt: i64,
    retrigger: bool,
    batch: String,
    plan: Option<Value>,
    params: Value,
    window: Option<Window>,
}

/// A row of `flow_state`.
pub(crate) struct FlowState {
    pub epoch: i64,
    pub cursor: Option<Value>,
    pub window_end: Option<Time>,
}

impl Store {
    /// Claims one run: one that is queued and due, or one whose holder let its lease expire.
    pub async fn claim(&self, worker: &str, now: Time, lease: Duration) -> Result<Option<Claim>> {
        let sql = format!("SELECT q.run_id {RUNNABLE} LIMIT 1");
        let runnable = sqlx::query(AssertSqlSafe(sql))
            .bind(millis(now))
            .fetch_optional(&self.database.readers)
            .await
            .map_err(failed)?;
        if runnable.is_none() {
            return Ok(None);
        }
        let mut tx = self.database.write().await?;
        let Some(queued) = next(&mut tx, now).await? else {
            return Ok(None);
        };
        let claim = take(&mut tx, queued, worker, now, lease).await?;
        tx.commit().await.map_err(failed)?;
        Ok(Some(claim))
    }

    /// The earliest moment at which `enqueue_due` or `claim` can find something; it may be past. None: only a change can.
    pub async fn wake(&self) -> Result<Option<Time>> {
        // With a bound that nothing exceeds, the condition leaves those rows that only time keeps from running.
        let sql = format!(
            "SELECT MIN(at) FROM (SELECT CASE WHEN q.state = 'running' THEN q.lease_until ELSE q.not_before END AS at {RUNNABLE} \
             UNION ALL SELECT next_due AS at FROM schedules WHERE enabled = 1 AND next_due IS NOT NULL) AS moments"
        );
        let row =
            sqlx::query(AssertSqlSafe(sql)).bind(i64::MAX).fetch_one(&self.database.readers).await.map_err(failed)?;
        row.try_get::<Option<i64>, _>(0).map_err(failed)?.map(time).transpose()
    }
    /// Ends the leases of a worker that is known to be gone, such as this process's own former life: its runs and batches can be
    /// claimed at once. Answers how many there were.
    pub async fn forfeit(&self, worker: &str, now: Time) -> Result<u64> {
        let mut tx = self.database.write().await?;
        let sql = "UPDATE run_queue SET lease_until = $2 WHERE worker = $1 AND state = 'running' AND lease_until > $2";
        let query = sqlx::query(sql).bind(worker).bind(millis(now));
        let mut count = query.execute(&mut *tx).await.map_err(failed)?.rows_affected();
        let sql =
            "UPDATE batch_queue SET lease_until = $2 WHERE worker = $1 AND state = 'running' AND lease_until > $2";
        let query = sqlx::query(sql).bind(worker).bind(millis(now));
        count += query.execute(&mut *tx).await.map_err(failed)?.rows_affected();
        tx.commit().await.map_err(failed)?;
        self.database.announce();
        Ok(count)
    }
}

async fn next(connection: &mut AnyConnection, now: Time) -> Result<Option<Queued>> {
    let sql = format!(
        "SELECT q.org, q.sandbox, q.sandbox_name, q.run_id, q.flow_id, q.due, q.epochs, q.attempt, q.retrigger, q.batch, q.plan, q.params, \
         q.windowed, q.window_start, q.window_end {RUNNABLE} ORDER BY q.not_before, q.due, q.run_id LIMIT 1"
    );
    let row = sqlx::query(AssertSqlSafe(sql)).bind(millis(now)).fetch_optional(connection).await.map_err(failed)?;
    row.map(|row| queued(&row)).transpose()
}

fn queued(row: &AnyRow) -> Result<Queued> {
    let text = |i: usize| row.try_get::<String, _>(i).map_err(failed);
    let number = |i: usize| row.try_get::<i64, _>(i).map_err(failed);
    let moment = |i: usize| row.try_get::<Option<i64>, _>(i).map_err(failed)?.map(time).transpose();
    let window = if number(12)? == 1 { Some(Window { start: moment(13)?, end: moment(14)? }) } else { None };
    Ok(Queued {
        scope: Scope { org: text(0)?, sandbox: text(1)?, sandbox_name: text(2)? },
        run_id: text(3)?,
        flow_id: text(4)?,
        due: time(number(5)?)?,
        epochs: serde_json::from_str(&text(6)?).map_err(|error| unreadable(error.into()))?,
        attempt: number(7)?,
        retrigger: number(8)? == 1,
        batch: text(9)?,
        plan: row.try_get::<Option<String>, _>(10).map_err(failed)?.map(json).transpose()?,
        params: json(text(11)?)?,
        window,
    })
}

pub(crate) fn json(text: String) -> Result<Value> {
    serde_json::from_str(&text).map_err(|error| unreadable(error.into()))
}

fn unreadable(source: forebay_model::error::BoxError) -> Error {
    Error::internal("A row of the queue cannot be read.").caused_by(source)
}

async fn take(
    connection: &mut AnyConnection,
    queued: Queued,
    worker: &str,
    now: Time,
    lease: Duration,
) -> Result<Claim> {
    let scope = queued.scope;
    let flow = rows::load(&mut *connection, &scope, Resource::Flow, &queued.flow_id).await?.document;
    let state = flow_state(&mut *connection, &scope, &queued.flow_id).await?;
    let window = match queued.window {
        Some(window) => window,
        None => window(&flow, &state, &queued.params, queued.due)?,
    };
    let epoch = state.epoch.max(migrations::epochs(&mut *connection).await?) + 1;
    let mut epochs = queued.epochs;
    epochs.push(epoch);
    let sql = "UPDATE flow_state SET epoch = $4 WHERE org = $1 AND sandbox = $2 AND flow_id = $3";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(&queued.flow_id).bind(epoch);
    query.execute(&mut *connection).await.map_err(failed)?;
    let sql = "UPDATE run_queue SET state = 'running', worker = $4, lease_until = $5, epoch = $6, epochs = $7, attempt = $8, \
               windowed = 1, window_start = $9, window_end = $10 WHERE org = $1 AND sandbox = $2 AND run_id = $3";
    let query = sqlx::query(sql)
        .bind(&scope.org)
        .bind(&scope.sandbox)
        .bind(&queued.run_id)
        .bind(worker)
        .bind(expiry(now, lease)?)
        .bind(epoch)
        .bind(Value::from(epochs.clone()).to_string())
        .bind(queued.attempt + 1)
        .bind(window.start.map(millis))
        .bind(window.end.map(millis));
    query.execute(&mut *connection).await.map_err(failed)?;
    let mut trace = traces::load(&mut *connection, &scope, &queued.run_id).await?.unwrap_or_default();
    trace.claimed(Attempt {
        number: epochs.len() as u64,
        epoch,
        worker: worker.to_string(),
        started_at: millis(now),
        ..Attempt::default()
    });
    traces::save(&mut *connection, &scope, &queued.run_id, &trace).await?;
    let run = begin(&mut *connection, &scope, &queued.run_id, &queued.flow_id, queued.attempt == 0, now).await?;
    Ok(Claim {
        scope,
        flow,
        run,
        batch: queued.batch,
        epoch,
        epochs,
        plan: queued.plan,
        cursor: state.cursor,
        params: queued.params,
        window,
        attempt: u32::try_from(queued.attempt + 1).unwrap_or(u32::MAX),
        retrigger: queued.retrigger,
        worker: worker.to_string(),
        trace,
    })
}

pub(crate) async fn flow_state(connection: &mut AnyConnection, scope: &Scope, flow_id: &str) -> Result<FlowState> {
    let sql = "SELECT epoch, progress, window_end FROM flow_state WHERE org = $1 AND sandbox = $2 AND flow_id = $3";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(flow_id);
    let row = query.fetch_one(connection).await.map_err(failed)?;
    Ok(FlowState {
        epoch: row.try_get(0).map_err(failed)?,
        cursor: row.try_get::<Option<String>, _>(1).map_err(failed)?.map(json).transpose()?,
        window_end: row.try_get::<Option<i64>, _>(2).map_err(failed)?.map(time).transpose()?,
    })
}

/// The data that the run is about (FS §9.6, §9.7, §10.1).
fn window(flow: &Document, state: &FlowState, params: &Value, due: Time) -> Result<Window> {
    let start = match (params.get("windowStartTime").and_then(moment), state.window_end) {
        (Some(start), _) => Some(start),
        (None, Some(end)) => Some(end),
        (None, None) if schedules::of(flow)?.backfill => None,
        (None, None) => Some(flow.created),
    };
    let end = params.get("windowEndTime").and_then(moment).unwrap_or(due);
    Ok(Window { start, end: Some(end) })
}

/// The run's document as of this claim. The first claim writes it and the flow's `lastRunDetails`; a later one continues.
async fn begin(
    connection: &mut AnyConnection,
    scope: &Scope,
    run_id: &str,
    flow_id: &str,
    first: bool,
    now: Time,
) -> Result<Document> {
    let stored = rows::load(&mut *connection, scope, Resource::Run, run_id).await?;
    if !first {
        return Ok(stored.document);
    }
    let mut body = stored.document.body.clone();
    patch::merge(&mut body, &run::claimed(now));
    let stored = rows::renewed(stored, body, now)?;
    rows::replace(&mut *connection, scope, &stored).await?;
    let span = Span { started: now, completed: None };
    tell_flow(connection, scope, flow_id, run::last_details(run_id, Status::InProgress, span)).await?;
    Ok(stored.document)
}
