//! A worker's right to a run. Every claim of a run takes its flow's next epoch under a lease; whoever holds an older
//! epoch can write nothing any more. One run of a flow is active at a time: running, or given back with a later start.

use crate::database::{failed, millis, time};
use crate::rows;
use crate::{Store, schedules};
use chrono::TimeDelta;
use forebay_model::files::Window;
use forebay_model::run::{self, Span, Status};
use forebay_model::schedule::moment;
use forebay_model::{Document, Error, Kind, Resource, Result, Scope, Time, code};
use serde_json::Value;
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};
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
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct End {
    /// `metrics`, `activities`, …: each replaces that member of the run's body.
    pub run: Value,
    /// `Success` or `Failed`.
    pub state: Status,
    /// The flow's new cursor; none leaves it.
    pub cursor: Option<Value>,
    /// The batch's document; null for none.
    pub batch: Value,
}

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
struct FlowState {
    epoch: i64,
    cursor: Option<Value>,
    window_end: Option<Time>,
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

    /// Prolongs the lease; false when the run is no longer ours.
    pub async fn renew(&self, claim: &Claim, now: Time, lease: Duration) -> Result<bool> {
        let mut tx = self.database.write().await?;
        if !is_current(&mut tx, claim).await? {
            return Ok(false);
        }
        let sql =
            "UPDATE run_queue SET lease_until = $4 WHERE org = $1 AND sandbox = $2 AND run_id = $3";
        of_claim(sql, claim)
            .bind(expiry(now, lease)?)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// Keeps the run's plan; `Stale` when the run is no longer ours.
    pub async fn save_plan(&self, claim: &Claim, plan: &Value) -> Result<()> {
        let mut tx = self.database.write().await?;
        check(&mut tx, claim).await?;
        let sql = "UPDATE run_queue SET plan = $4 WHERE org = $1 AND sandbox = $2 AND run_id = $3";
        of_claim(sql, claim)
            .bind(plan.to_string())
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
        tx.commit().await.map_err(failed)
    }

    /// Merges `patch` (RFC 7386: objects member by member, null removes) into the run's body; `Stale` when the run is no
    /// longer ours.
    pub async fn report(&self, claim: &Claim, patch: Value, now: Time) -> Result<()> {
        let mut tx = self.database.write().await?;
        check(&mut tx, claim).await?;
        let stored = rows::load(&mut tx, &claim.scope, Resource::Run, &claim.run.id).await?;
        let mut body = stored.document.body.clone();
        rows::merge(&mut body, patch);
        let stored = rows::renewed(stored, body, now)?;
        rows::replace(&mut tx, &claim.scope, &stored).await?;
        tx.commit().await.map_err(failed)
    }

    /// Gives the run back, to be claimed no earlier than `not_before`. Other runs of the flow wait for it. `Stale` when the run
    /// is no longer ours.
    pub async fn release(&self, claim: &Claim, not_before: Time) -> Result<()> {
        let mut tx = self.database.write().await?;
        check(&mut tx, claim).await?;
        let sql = "UPDATE run_queue SET state = 'queued', worker = '', lease_until = 0, not_before = $4 WHERE org = $1 AND sandbox = $2 AND run_id = $3";
        of_claim(sql, claim)
            .bind(millis(not_before))
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        self.database.announce();
        Ok(())
    }

    /// Ends the run: its document, its batch, the flow's cursor and `lastRunDetails`, and its place in the queue, in one
    /// transaction. `Stale` when the run is no longer ours: nothing is written then.
    pub async fn finish(&self, claim: &Claim, end: End, now: Time) -> Result<()> {
        if !end.state.ended() {
            return Err(Error::internal("A run ends as success or as failed."));
        }
        let mut tx = self.database.write().await?;
        check(&mut tx, claim).await?;
        let run = end_run(&mut tx, claim, end.run, end.state, now).await?;
        if !end.batch.is_null() {
            put_batch(&mut tx, claim, end.batch, now).await?;
        }
        let span = Span {
            started: started(&run).unwrap_or(now),
            completed: Some(completed(&run).unwrap_or(now)),
        };
        tell_flow(
            &mut tx,
            &claim.scope,
            &claim.flow.id,
            run::last_details(&run.id, end.state, span),
        )
        .await?;
        advance(&mut tx, claim, end.state, end.cursor.as_ref()).await?;
        let sql = "UPDATE run_queue SET state = 'done', worker = '', lease_until = 0 WHERE org = $1 AND sandbox = $2 AND run_id = $3";
        of_claim(sql, claim)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        self.database.announce();
        Ok(())
    }

    /// The earliest moment at which `enqueue_due` or `claim` can find something; it may be past. None: only a change can.
    pub async fn wake(&self) -> Result<Option<Time>> {
        // With a bound that nothing exceeds, the condition leaves those rows that only time keeps from running.
        let sql = format!(
            "SELECT MIN(at) FROM (SELECT CASE WHEN q.state = 'running' THEN q.lease_until ELSE q.not_before END AS at {RUNNABLE} \
             UNION ALL SELECT next_due AS at FROM schedules WHERE enabled = 1 AND next_due IS NOT NULL) AS moments"
        );
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(i64::MAX)
            .fetch_one(&self.database.readers)
            .await
            .map_err(failed)?;
        row.try_get::<Option<i64>, _>(0)
            .map_err(failed)?
            .map(time)
            .transpose()
    }
}

async fn next(connection: &mut AnyConnection, now: Time) -> Result<Option<Queued>> {
    let sql = format!(
        "SELECT q.org, q.sandbox, q.sandbox_name, q.run_id, q.flow_id, q.due, q.epochs, q.attempt, q.retrigger, q.batch, q.plan, q.params, \
         q.windowed, q.window_start, q.window_end {RUNNABLE} ORDER BY q.not_before, q.due, q.run_id LIMIT 1"
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .bind(millis(now))
        .fetch_optional(connection)
        .await
        .map_err(failed)?;
    row.map(|row| queued(&row)).transpose()
}

fn queued(row: &AnyRow) -> Result<Queued> {
    let text = |i: usize| row.try_get::<String, _>(i).map_err(failed);
    let number = |i: usize| row.try_get::<i64, _>(i).map_err(failed);
    let moment = |i: usize| {
        row.try_get::<Option<i64>, _>(i)
            .map_err(failed)?
            .map(time)
            .transpose()
    };
    let window = if number(12)? == 1 {
        Some(Window {
            start: moment(13)?,
            end: moment(14)?,
        })
    } else {
        None
    };
    Ok(Queued {
        scope: Scope {
            org: text(0)?,
            sandbox: text(1)?,
            sandbox_name: text(2)?,
        },
        run_id: text(3)?,
        flow_id: text(4)?,
        due: time(number(5)?)?,
        epochs: serde_json::from_str(&text(6)?).map_err(|error| unreadable(error.into()))?,
        attempt: number(7)?,
        retrigger: number(8)? == 1,
        batch: text(9)?,
        plan: row
            .try_get::<Option<String>, _>(10)
            .map_err(failed)?
            .map(json)
            .transpose()?,
        params: json(text(11)?)?,
        window,
    })
}

fn json(text: String) -> Result<Value> {
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
    let flow = rows::load(&mut *connection, &scope, Resource::Flow, &queued.flow_id)
        .await?
        .document;
    let state = flow_state(&mut *connection, &scope, &queued.flow_id).await?;
    let window = match queued.window {
        Some(window) => window,
        None => window(&flow, &state, &queued.params, queued.due)?,
    };
    let epoch = state.epoch + 1;
    let mut epochs = queued.epochs;
    epochs.push(epoch);
    let sql = "UPDATE flow_state SET epoch = $4 WHERE org = $1 AND sandbox = $2 AND flow_id = $3";
    let query = sqlx::query(sql)
        .bind(&scope.org)
        .bind(&scope.sandbox)
        .bind(&queued.flow_id)
        .bind(epoch);
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
    let run = begin(
        &mut *connection,
        &scope,
        &queued.run_id,
        &queued.flow_id,
        queued.attempt == 0,
        now,
    )
    .await?;
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
    })
}

async fn flow_state(
    connection: &mut AnyConnection,
    scope: &Scope,
    flow_id: &str,
) -> Result<FlowState> {
    let sql = "SELECT epoch, progress, window_end FROM flow_state WHERE org = $1 AND sandbox = $2 AND flow_id = $3";
    let query = sqlx::query(sql)
        .bind(&scope.org)
        .bind(&scope.sandbox)
        .bind(flow_id);
    let row = query.fetch_one(connection).await.map_err(failed)?;
    Ok(FlowState {
        epoch: row.try_get(0).map_err(failed)?,
        cursor: row
            .try_get::<Option<String>, _>(1)
            .map_err(failed)?
            .map(json)
            .transpose()?,
        window_end: row
            .try_get::<Option<i64>, _>(2)
            .map_err(failed)?
            .map(time)
            .transpose()?,
    })
}

/// The data that the run is about (FS §9.6, §9.7, §10.1).
fn window(flow: &Document, state: &FlowState, params: &Value, due: Time) -> Result<Window> {
    let start = match (
        params.get("windowStartTime").and_then(moment),
        state.window_end,
    ) {
        (Some(start), _) => Some(start),
        (None, Some(end)) => Some(end),
        (None, None) if schedules::of(flow)?.backfill => None,
        (None, None) => Some(flow.created),
    };
    let end = params.get("windowEndTime").and_then(moment).unwrap_or(due);
    Ok(Window {
        start,
        end: Some(end),
    })
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
    rows::merge(&mut body, run::claimed(now));
    let stored = rows::renewed(stored, body, now)?;
    rows::replace(&mut *connection, scope, &stored).await?;
    let span = Span {
        started: now,
        completed: None,
    };
    tell_flow(
        connection,
        scope,
        flow_id,
        run::last_details(run_id, Status::InProgress, span),
    )
    .await?;
    Ok(stored.document)
}

/// Writes the flow's `lastRunDetails`. It is not a change of the flow: version, etag and times stay (FS-ETAG-2).
async fn tell_flow(
    connection: &mut AnyConnection,
    scope: &Scope,
    flow_id: &str,
    details: Value,
) -> Result<()> {
    let mut stored = rows::load(&mut *connection, scope, Resource::Flow, flow_id).await?;
    if let Some(members) = stored.document.body.as_object_mut() {
        members.insert("lastRunDetails".into(), details);
    }
    rows::replace(connection, scope, &stored).await
}

async fn end_run(
    connection: &mut AnyConnection,
    claim: &Claim,
    members: Value,
    state: Status,
    now: Time,
) -> Result<Document> {
    let stored = rows::load(&mut *connection, &claim.scope, Resource::Run, &claim.run.id).await?;
    let mut body = stored.document.body.clone();
    if let (Some(body), Value::Object(members)) = (body.as_object_mut(), members) {
        body.extend(members);
        body.insert("state".into(), state.text().into());
    }
    let stored = rows::renewed(stored, body, now)?;
    rows::replace(connection, &claim.scope, &stored).await?;
    Ok(stored.document)
}

async fn put_batch(
    connection: &mut AnyConnection,
    claim: &Claim,
    body: Value,
    now: Time,
) -> Result<()> {
    match rows::find(
        &mut *connection,
        &claim.scope,
        Resource::Batch,
        &claim.batch,
    )
    .await?
    {
        Some(stored) => {
            rows::replace(connection, &claim.scope, &rows::renewed(stored, body, now)?).await
        }
        None => {
            rows::insert(
                connection,
                &claim.scope,
                &rows::first(Resource::Batch, &claim.batch, body, false, now)?,
            )
            .await
        }
    }
}

/// Moves the cursor, and after a success the start of the next window, which never goes back.
async fn advance(
    connection: &mut AnyConnection,
    claim: &Claim,
    state: Status,
    cursor: Option<&Value>,
) -> Result<()> {
    let known = flow_state(&mut *connection, &claim.scope, &claim.flow.id).await?;
    let window_end = if state == Status::Success {
        known.window_end.max(claim.window.end)
    } else {
        known.window_end
    };
    let cursor = cursor.or(known.cursor.as_ref());
    let sql = "UPDATE flow_state SET progress = $4, window_end = $5 WHERE org = $1 AND sandbox = $2 AND flow_id = $3";
    let query = sqlx::query(sql)
        .bind(&claim.scope.org)
        .bind(&claim.scope.sandbox)
        .bind(&claim.flow.id);
    query
        .bind(cursor.map(Value::to_string))
        .bind(window_end.map(millis))
        .execute(connection)
        .await
        .map_err(failed)?;
    Ok(())
}

fn started(run: &Document) -> Option<Time> {
    run.body
        .pointer("/metrics/durationSummary/startedAtUTC")
        .and_then(moment)
}

fn completed(run: &Document) -> Option<Time> {
    run.body
        .pointer("/metrics/durationSummary/completedAtUTC")
        .and_then(moment)
}

/// Whether the claim is the run's latest and the flow's, and the run has not ended.
async fn is_current(connection: &mut AnyConnection, claim: &Claim) -> Result<bool> {
    let sql = "SELECT q.run_id FROM run_queue q JOIN flow_state f ON f.org = q.org AND f.sandbox = q.sandbox AND f.flow_id = q.flow_id \
               WHERE q.org = $1 AND q.sandbox = $2 AND q.run_id = $3 AND q.state = 'running' AND q.epoch = $4 AND f.epoch = $4";
    let row = of_claim(sql, claim)
        .bind(claim.epoch)
        .fetch_optional(connection)
        .await
        .map_err(failed)?;
    Ok(row.is_some())
}

async fn check(connection: &mut AnyConnection, claim: &Claim) -> Result<()> {
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
fn of_claim<'q>(
    sql: &'static str,
    claim: &Claim,
) -> sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments> {
    sqlx::query(sql)
        .bind(claim.scope.org.clone())
        .bind(claim.scope.sandbox.clone())
        .bind(claim.run.id.clone())
}

fn expiry(now: Time, lease: Duration) -> Result<i64> {
    let until = TimeDelta::from_std(lease)
        .ok()
        .and_then(|lease| now.checked_add_signed(lease));
    until
        .map(millis)
        .ok_or_else(|| Error::internal("A lease is too long."))
}
