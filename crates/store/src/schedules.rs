//! A flow's row in `schedules`, kept in the transaction that writes the flow, and the end of runs that will never begin.

use crate::database::{failed, millis, time};
use crate::{deliveries, rows, traces};
use forebay_model::run::{self, Problem, Status};
use forebay_model::schedule::Schedule;
use forebay_model::{Document, Resource, Result, Scope, Time, code, patch};
use sqlx::AnyConnection;
use sqlx::Row;

/// Brings the schedule up to date with the flow, as inserted or changed. The schedule of an enabled flow must be valid; a
/// draft's may be anything. Runs that wait for a flow that is not enabled fail.
pub(crate) async fn keep(connection: &mut AnyConnection, scope: &Scope, flow: &Document, now: Time) -> Result<()> {
    let enabled = is_enabled(flow);
    let sql = "SELECT last_due FROM schedules WHERE org = $1 AND sandbox = $2 AND flow_id = $3";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(&flow.id);
    let last = match query.fetch_optional(&mut *connection).await.map_err(failed)? {
        Some(row) => row.try_get::<Option<i64>, _>(0).map_err(failed)?.map(time).transpose()?,
        None => None,
    };
    let next = match of(flow) {
        Ok(schedule) => next_tick(&schedule, last),
        Err(error) if enabled => return Err(error),
        Err(_) => None,
    };
    let sql = "INSERT INTO schedules (org, sandbox, sandbox_name, flow_id, enabled, last_due, next_due) VALUES ($1, $2, $3, $4, $5, NULL, $6) \
               ON CONFLICT (org, sandbox, flow_id) DO UPDATE SET enabled = excluded.enabled, next_due = excluded.next_due";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(&scope.sandbox_name).bind(&flow.id);
    query.bind(i64::from(enabled)).bind(next.map(millis)).execute(&mut *connection).await.map_err(failed)?;
    let sql = "INSERT INTO flow_state (org, sandbox, flow_id, epoch) VALUES ($1, $2, $3, 0) ON CONFLICT (org, sandbox, flow_id) DO NOTHING";
    sqlx::query(sql)
        .bind(&scope.org)
        .bind(&scope.sandbox)
        .bind(&flow.id)
        .execute(&mut *connection)
        .await
        .map_err(failed)?;
    if !enabled {
        let why = Problem::new(&code::FLOW_1444, "The flow was disabled before this run began.");
        let sql = "SELECT run_id FROM run_queue WHERE org = $1 AND sandbox = $2 AND flow_id = $3 AND state = 'queued' AND attempt = 0";
        cancel(connection, scope, &flow.id, sql, &why, now).await?;
    }
    Ok(())
}

/// Whether the flow may begin runs.
pub(crate) fn is_enabled(flow: &Document) -> bool {
    flow.text("/state") == Some("enabled")
}

/// The flow's schedule. Its creation is what a start in the past means.
pub(crate) fn of(flow: &Document) -> Result<Schedule> {
    Schedule::parse(flow.body.get("scheduleParams"), flow.created)
}

pub(crate) fn next_tick(schedule: &Schedule, last: Option<Time>) -> Option<Time> {
    match last {
        None => Some(schedule.first()),
        Some(last) => schedule.next(last),
    }
}

/// After the flow is deleted: runs that have not ended fail, and nothing of the flow can be claimed or finished any more.
pub(crate) async fn forget(connection: &mut AnyConnection, scope: &Scope, flow_id: &str, now: Time) -> Result<()> {
    let why = Problem::new(&code::FLOW_1444, "The flow was deleted before this run ended.");
    let sql = "SELECT run_id FROM run_queue WHERE org = $1 AND sandbox = $2 AND flow_id = $3 AND state <> 'done'";
    cancel(connection, scope, flow_id, sql, &why, now).await?;
    for sql in [
        "DELETE FROM run_queue WHERE org = $1 AND sandbox = $2 AND flow_id = $3",
        "DELETE FROM schedules WHERE org = $1 AND sandbox = $2 AND flow_id = $3",
        "DELETE FROM flow_state WHERE org = $1 AND sandbox = $2 AND flow_id = $3",
    ] {
        sqlx::query(sql)
            .bind(&scope.org)
            .bind(&scope.sandbox)
            .bind(flow_id)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    traces::forget(connection, scope, flow_id).await
}

async fn cancel(
    connection: &mut AnyConnection,
    scope: &Scope,
    flow_id: &str,
    select: &'static str,
    why: &Problem,
    now: Time,
) -> Result<()> {
    let query = sqlx::query(select).bind(&scope.org).bind(&scope.sandbox).bind(flow_id);
    for row in query.fetch_all(&mut *connection).await.map_err(failed)? {
        end_unbegun(&mut *connection, scope, row.try_get(0).map_err(failed)?, why, now).await?;
    }
    Ok(())
}

/// Ends a run that nobody works on, as failed.
pub(crate) async fn end_unbegun(
    connection: &mut AnyConnection,
    scope: &Scope,
    run_id: &str,
    why: &Problem,
    now: Time,
) -> Result<Document> {
    let stored = rows::load(&mut *connection, scope, Resource::Run, run_id).await?;
    let mut body = stored.document.body.clone();
    patch::merge(&mut body, &run::cancelled(now, why));
    let stored = rows::renewed(stored, body, now)?;
    rows::replace(&mut *connection, scope, &stored).await?;
    deliveries::tell(&mut *connection, scope, &stored.document, Status::Failed, now).await?;
    let sql = "UPDATE run_queue SET state = 'done' WHERE org = $1 AND sandbox = $2 AND run_id = $3";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id);
    query.execute(connection).await.map_err(failed)?;
    Ok(stored.document)
}
