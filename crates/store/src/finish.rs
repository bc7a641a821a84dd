//! The end of a run: one transaction for all that it changes.

use crate::cancel::is_cancelled;
use crate::claims::{Claim, check, of_claim};
use crate::database::{failed, millis};
use crate::rows;
use crate::take::flow_state;
use crate::traces::Told;
use crate::{Store, deliveries, traces};
use forebay_model::run::trace::Ended;
use forebay_model::run::{self, Span, Status};
use forebay_model::schedule::moment;
use forebay_model::{Document, Error, Resource, Result, Scope, Time};
use serde_json::Value;
use sqlx::AnyConnection;

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
    /// Replaces what `save_plan` stored; none leaves it.
    pub plan: Option<Value>,
}

impl Store {
    /// Ends the run: its document, its batch, the flow's cursor and `lastRunDetails`, and its place in the queue, in one
    /// transaction. `Stale` when the run is no longer ours: nothing is written then.
    pub async fn finish(&self, claim: &Claim, end: End, now: Time) -> Result<()> {
        self.finish_with(claim, end, Told::default(), now).await
    }

    /// The same, with the last that is to be told of the run.
    pub async fn finish_with(&self, claim: &Claim, end: End, told: Told, now: Time) -> Result<()> {
        if !end.state.ended() {
            return Err(Error::internal("A run ends as success or as failed."));
        }
        let mut tx = self.database.write_of(&claim.scope, Resource::Flow, &claim.flow.id).await?;
        check(&mut tx, claim).await?;
        let run = end_run(&mut tx, claim, end.run, end.state, now).await?;
        deliveries::tell(&mut tx, &claim.scope, &run, end.state, now).await?;
        if !end.batch.is_null() {
            put_batch(&mut tx, claim, end.batch, now).await?;
        }
        let span = Span { started: started(&run).unwrap_or(now), completed: Some(completed(&run).unwrap_or(now)) };
        tell_flow(&mut tx, &claim.scope, &claim.flow.id, run::last_details(&run.id, end.state, span)).await?;
        if let Some(plan) = &end.plan {
            let sql = "UPDATE run_queue SET plan = $4 WHERE org = $1 AND sandbox = $2 AND run_id = $3";
            of_claim(sql, claim).bind(plan.to_string()).execute(&mut *tx).await.map_err(failed)?;
        }
        traces::keep(&mut tx, claim, told, Some(outcome(&run, end.state, now))).await?;
        advance(&mut tx, claim, end.state, end.cursor.as_ref()).await?;
        let sql = "UPDATE run_queue SET state = 'done', worker = '', lease_until = 0 WHERE org = $1 AND sandbox = $2 AND run_id = $3";
        of_claim(sql, claim).execute(&mut *tx).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        self.database.announce();
        Ok(())
    }
}

/// Writes the flow's `lastRunDetails`. It is not a change of the flow: version, etag and times stay (FS-ETAG-2).
pub(crate) async fn tell_flow(
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

/// How the attempt ended, and what the run says was wrong.
fn outcome(run: &Document, state: Status, now: Time) -> (Ended, Option<String>, Time) {
    let outcome = match state {
        Status::Success => Ended::Success,
        _ if is_cancelled(run) => Ended::Cancelled,
        _ => Ended::Failed,
    };
    let error = run.text("/metrics/statusSummary/errors/0/message").filter(|_| state != Status::Success);
    (outcome, error.map(String::from), now)
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

async fn put_batch(connection: &mut AnyConnection, claim: &Claim, body: Value, now: Time) -> Result<()> {
    match rows::find(&mut *connection, &claim.scope, Resource::Batch, &claim.batch).await? {
        Some(stored) => rows::replace(connection, &claim.scope, &rows::renewed(stored, body, now)?).await,
        None => {
            rows::insert(connection, &claim.scope, &rows::first(Resource::Batch, &claim.batch, body, false, now)?).await
        }
    }
}

/// Moves the cursor, and after a success the start of the next window, which never goes back.
async fn advance(connection: &mut AnyConnection, claim: &Claim, state: Status, cursor: Option<&Value>) -> Result<()> {
    let known = flow_state(&mut *connection, &claim.scope, &claim.flow.id).await?;
    let window_end = if state == Status::Success { known.window_end.max(claim.window.end) } else { known.window_end };
    let cursor = cursor.or(known.cursor.as_ref());
    let sql = "UPDATE flow_state SET progress = $4, window_end = $5 WHERE org = $1 AND sandbox = $2 AND flow_id = $3";
    let query = sqlx::query(sql).bind(&claim.scope.org).bind(&claim.scope.sandbox).bind(&claim.flow.id);
    query.bind(cursor.map(Value::to_string)).bind(window_end.map(millis)).execute(connection).await.map_err(failed)?;
    Ok(())
}

fn started(run: &Document) -> Option<Time> {
    run.body.pointer("/metrics/durationSummary/startedAtUTC").and_then(moment)
}

fn completed(run: &Document) -> Option<Time> {
    run.body.pointer("/metrics/durationSummary/completedAtUTC").and_then(moment)
}
