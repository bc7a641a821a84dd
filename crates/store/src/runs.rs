//! How runs come to be: by schedule, on demand, or again. Each is a document and a row of the queue, made together.
//! A tick of a flow makes one run, however many callers ask: the tick is noted in the transaction that makes the run, and
//! is unique in the queue besides.

use crate::database::{failed, millis, time};
use crate::documents::check_etag;
use crate::keys::random;
use crate::rows::{self, not_found};
use crate::{Store, sandboxes, schedules, traces};
use forebay_model::run::trace::Trace;
use forebay_model::run::{self, Status};
use forebay_model::{Document, Error, Kind, Resource, Result, Scope, Time, code, patch};
use serde_json::{Map, Value};
use sqlx::AnyConnection;
use sqlx::Row;
use ulid::Ulid;
use uuid::Uuid;

/// An on-demand run (FS §10.1).
#[derive(Debug, Clone)]
pub struct Enqueue {
    /// When it begins.
    pub due: Time,
    /// `params` of the request: `windowStartTime`, `windowEndTime`, `deltaColumn`. The claim's window is made of them.
    pub params: Value,
    /// Members for the run's body: `createdBy`, `createdClient` ….
    pub by: Value,
}

/// A flow that is due.
struct Due {
    scope: Scope,
    flow_id: String,
}

impl Store {
    /// Puts a run of every flow that is due into the queue, and answers how many. Any number of callers may ask at once.
    pub async fn enqueue_due(&self, now: Time) -> Result<u64> {
        let mut count = 0;
        loop {
            let due = self.due(now).await?;
            if due.is_empty() {
                break;
            }
            let mut tx = self.database.write().await?;
            for due in &due {
                count += u64::from(enqueue_tick(&mut tx, due, now).await?);
            }
            tx.commit().await.map_err(failed)?;
        }
        if count > 0 {
            self.database.announce();
        }
        Ok(count)
    }

    async fn due(&self, now: Time) -> Result<Vec<Due>> {
        let sql = "SELECT org, sandbox, sandbox_name, flow_id FROM schedules WHERE enabled = 1 AND next_due <= $1 ORDER BY next_due LIMIT 100";
        let mut due = Vec::new();
        for row in sqlx::query(sql).bind(millis(now)).fetch_all(&self.database.readers).await.map_err(failed)? {
            let text = |i: usize| row.try_get::<String, _>(i).map_err(failed);
            due.push(Due {
                scope: Scope { org: text(0)?, sandbox: text(1)?, sandbox_name: text(2)? },
                flow_id: text(3)?,
            });
        }
        Ok(due)
    }

    /// What `save_plan` stored of a run, whatever became of it; none if it never planned.
    pub async fn plan(&self, scope: &Scope, run_id: &str) -> Result<Option<Value>> {
        if run_id.contains('\0') {
            return Err(not_found(Resource::Run, run_id));
        }
        let sql = "SELECT plan FROM run_queue WHERE org = $1 AND sandbox = $2 AND run_id = $3";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id);
        let row = query.fetch_optional(&self.database.readers).await.map_err(failed)?;
        let row = row.ok_or_else(|| not_found(Resource::Run, run_id))?;
        let Some(text) = row.try_get::<Option<String>, _>(0).map_err(failed)? else { return Ok(None) };
        let plan = serde_json::from_str(&text);
        plan.map(Some).map_err(|error| Error::internal("A stored plan is not JSON.").caused_by(error))
    }

    /// Puts one run into the queue. The flow must exist and be enabled.
    pub async fn enqueue(&self, scope: &Scope, flow_id: &str, run: Enqueue, now: Time) -> Result<Document> {
        let mut tx = self.database.write_of(scope, Resource::Flow, flow_id).await?;
        sandboxes::open(&mut tx, scope).await?;
        let Some(flow) = rows::find(&mut tx, scope, Resource::Flow, flow_id).await? else {
            return Err(Error::new(
                Kind::Invalid,
                &code::FLOW_1430,
                format!("There is no flow {flow_id} in this sandbox."),
            ));
        };
        if !schedules::is_enabled(&flow.document) {
            return Err(not_enabled(flow_id));
        }
        let document = create(&mut tx, scope, &flow.document, None, &run, now).await?;
        tx.commit().await.map_err(failed)?;
        self.database.announce();
        Ok(document)
    }

    /// Puts a failed run into the queue again: same window, same plan, same batch. The flow must be enabled.
    pub async fn retrigger(&self, scope: &Scope, run_id: &str, if_match: Option<&str>, now: Time) -> Result<Document> {
        let mut tx = self.database.write().await?;
        let stored = rows::load(&mut tx, scope, Resource::Run, run_id).await?;
        check_etag(if_match, &stored.document)?;
        let state = stored.document.text("/state").unwrap_or_default().to_string();
        if Status::parse(&state) != Some(Status::Failed) {
            let message = format!("The run {run_id} is {state}; only a failed run can be triggered again.");
            return Err(Error::new(Kind::Invalid, &code::FLOW_1422, message));
        }
        let flow_id = stored.document.text("/flowId").unwrap_or_default().to_string();
        match rows::find(&mut tx, scope, Resource::Flow, &flow_id).await? {
            None => {
                return Err(Error::new(
                    Kind::Invalid,
                    &code::FLOW_1430,
                    format!("The flow {flow_id} of the run {run_id} no longer exists."),
                ));
            }
            Some(flow) if !schedules::is_enabled(&flow.document) => {
                return Err(not_enabled(&flow_id));
            }
            Some(_) => {}
        }
        let sql = "UPDATE run_queue SET state = 'queued', attempt = 0, retrigger = 1, not_before = $4, worker = '', lease_until = 0 \
                   WHERE org = $1 AND sandbox = $2 AND run_id = $3 AND state = 'done'";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id).bind(millis(now));
        if query.execute(&mut *tx).await.map_err(failed)?.rows_affected() != 1 {
            return Err(not_found(Resource::Run, run_id));
        }
        let sql = "UPDATE run_traces SET cancelled_by = NULL WHERE org = $1 AND sandbox = $2 AND run_id = $3";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id);
        query.execute(&mut *tx).await.map_err(failed)?;
        if let Some(trace) = traces::load(&mut tx, scope, run_id).await? {
            traces::save(&mut tx, scope, run_id, &Trace { cause: None, ..trace }).await?;
        }
        let mut body = stored.document.body.clone();
        if let Some(members) = body.as_object_mut() {
            members.remove("metrics");
        }
        patch::merge(&mut body, &run::scheduled());
        let stored = rows::renewed(stored, body, now)?;
        rows::replace(&mut tx, scope, &stored).await?;
        tx.commit().await.map_err(failed)?;
        self.database.announce();
        Ok(stored.document)
    }
}

fn not_enabled(flow_id: &str) -> Error {
    Error::new(
        Kind::Invalid,
        &code::FLOW_1444,
        format!("The flow {flow_id} is not enabled, so it runs nothing. Enable it first."),
    )
}

/// Makes the run of a flow's latest tick, if there is one that has no run yet. A gap of ticks makes one run.
async fn enqueue_tick(connection: &mut AnyConnection, due: &Due, now: Time) -> Result<bool> {
    let scope = &due.scope;
    let sql = "SELECT last_due FROM schedules WHERE org = $1 AND sandbox = $2 AND flow_id = $3 AND enabled = 1 AND next_due <= $4";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(&due.flow_id).bind(millis(now));
    // Somebody else was quicker, or the flow has just been changed.
    let Some(row) = query.fetch_optional(&mut *connection).await.map_err(failed)? else {
        return Ok(false);
    };
    let last = row.try_get::<Option<i64>, _>(0).map_err(failed)?.map(time).transpose()?;
    let flow = rows::load(&mut *connection, scope, Resource::Flow, &due.flow_id).await?.document;
    let schedule = match schedules::of(&flow) {
        Ok(schedule) => schedule,
        Err(error) => {
            tracing::error!(flow.id = %flow.id, %error, "the flow's schedule cannot be read: it is put to rest until the flow is changed");
            note_tick(connection, due, last, None).await?;
            return Ok(false);
        }
    };
    let Some(tick) = schedule.due(last, now) else {
        note_tick(connection, due, last, schedule.next(now)).await?;
        return Ok(false);
    };
    let by = creator(&flow);
    let run = Enqueue { due: tick, params: Value::Null, by };
    create(connection, scope, &flow, Some(tick), &run, now).await?;
    note_tick(connection, due, Some(tick), schedule.next(tick)).await?;
    Ok(true)
}

async fn note_tick(connection: &mut AnyConnection, due: &Due, last: Option<Time>, next: Option<Time>) -> Result<()> {
    let sql = "UPDATE schedules SET last_due = $4, next_due = $5 WHERE org = $1 AND sandbox = $2 AND flow_id = $3";
    let query = sqlx::query(sql).bind(&due.scope.org).bind(&due.scope.sandbox).bind(&due.flow_id);
    query.bind(last.map(millis)).bind(next.map(millis)).execute(connection).await.map_err(failed)?;
    Ok(())
}

/// A scheduled run is made in the name of the flow's maker.
fn creator(flow: &Document) -> Value {
    let mut by = Map::new();
    for name in ["createdBy", "createdClient", "updatedBy", "updatedClient"] {
        if let Some(value) = flow.body.get(name) {
            by.insert(name.into(), value.clone());
        }
    }
    Value::Object(by)
}

/// Writes the run's document and its row of the queue.
async fn create(
    connection: &mut AnyConnection,
    scope: &Scope,
    flow: &Document,
    tick: Option<Time>,
    run: &Enqueue,
    now: Time,
) -> Result<Document> {
    let id = Uuid::new_v4().to_string();
    let stored = rows::first(Resource::Run, &id, body(scope, flow, run), true, now)?;
    rows::insert(&mut *connection, scope, &stored).await?;
    let batch = Ulid::from_parts(millis(now).unsigned_abs(), u128::from_le_bytes(random()?)).to_string();
    let sql = "INSERT INTO run_queue (org, sandbox, sandbox_name, run_id, flow_id, tick, due, not_before, state, worker, lease_until, \
               epoch, epochs, attempt, retrigger, batch, params, windowed) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 'queued', '', 0, 0, '[]', 0, 0, $8, $9, 0)";
    let query = sqlx::query(sql)
        .bind(&scope.org)
        .bind(&scope.sandbox)
        .bind(&scope.sandbox_name)
        .bind(&id)
        .bind(&flow.id)
        .bind(tick.map(millis))
        .bind(millis(run.due))
        .bind(batch)
        .bind(run.params.to_string());
    query.execute(&mut *connection).await.map_err(failed)?;
    traces::create(connection, scope, &id, &flow.id).await?;
    Ok(stored.document)
}

fn body(scope: &Scope, flow: &Document, run: &Enqueue) -> Value {
    let mut body = Map::new();
    body.insert("sandboxId".into(), scope.sandbox.as_str().into());
    body.insert("sandboxName".into(), scope.sandbox_name.as_str().into());
    body.insert("imsOrgId".into(), scope.org.as_str().into());
    body.insert("flowId".into(), flow.id.as_str().into());
    if let Some(spec) = flow.body.get("flowSpec") {
        body.insert("flowSpec".into(), spec.clone());
    }
    if !run.params.is_null() {
        body.insert("params".into(), run.params.clone());
    }
    let mut body = Value::Object(body);
    patch::merge(&mut body, &run.by);
    patch::merge(&mut body, &run::scheduled());
    body
}
