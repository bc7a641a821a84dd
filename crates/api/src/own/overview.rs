//! What somebody who comes in the morning wants to see first.

use super::rows::{FlowHealth, Material, Named, Need, RunRow, answer};
use super::runs::named_rows;
use crate::App;
use crate::caller::Caller;
use crate::listing;
use crate::params::Params;
use crate::problem::Problem;
use axum::extract::State;
use axum::response::Response;
use chrono::TimeDelta;
use forebay_model::{Resource, Time};
use forebay_store::{HOUR, RunSums, RunsAsked};
use serde::Serialize;
use std::collections::HashMap;
use utoipa::ToSchema;

/// Hours of a series at most, and of one that does not say.
const MAX_HOURS: usize = 744;
const HOURS: usize = 24;
/// Coming runs that are told.
const NEXT: usize = 10;
/// Past runs that are told.
const RECENT: usize = 20;

/// How many dataflows are how.
#[derive(Default, Serialize, ToSchema)]
pub struct FlowCounts {
    running: usize,
    /// Those that are new or done count, too.
    healthy: usize,
    late: usize,
    failing: usize,
    paused: usize,
    drafts: usize,
    total: usize,
}

/// Sums of the runs that ended in an hour.
#[derive(Default, Serialize, ToSchema)]
pub struct SeriesPoint {
    /// The hour's beginning, epoch milliseconds.
    at: i64,
    received: i64,
    ingested: i64,
    failed: i64,
    skipped: i64,
    bytes: i64,
    runs: i64,
}

/// Sums of all hours.
#[derive(Default, Serialize, ToSchema)]
pub struct SeriesTotals {
    received: i64,
    ingested: i64,
    failed: i64,
    skipped: i64,
    bytes: i64,
    runs: i64,
}

/// A run to come.
#[derive(Serialize, ToSchema)]
pub struct ComingRun {
    flow: Named,
    /// Epoch milliseconds.
    at: i64,
}

/// The state of a sandbox.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    as_of: i64,
    needs_action: Vec<Need>,
    counts: FlowCounts,
    series: Vec<SeriesPoint>,
    totals: SeriesTotals,
    next: Vec<ComingRun>,
    recent: Vec<RunRow>,
}

/// `GET /overview`
#[utoipa::path(get, path = "/overview", tag = "Forebay",
    params(("hours" = Option<i64>, Query, description = "1 to 744; 24 unless given")),
    responses((status = 200, description = "The state of the sandbox", body = Overview)))]
pub async fn get_overview(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    let hours = params.number("hours", 1, MAX_HOURS)?.unwrap_or(HOURS);
    let now = app.now();
    let flows = listing::every(&app, &caller, Resource::Flow, &[]).await?;
    let material = Material::all(&app, &caller).await?;
    let names: HashMap<String, Named> =
        flows.iter().map(|flow| (flow.id.clone(), Named::new(&flow.id, flow.text("/name")))).collect();
    let (mut counts, mut needs_action) = (FlowCounts { total: flows.len(), ..FlowCounts::default() }, Vec::new());
    for flow in &flows {
        let row = material.row(flow);
        let count = match row.health {
            FlowHealth::Running => &mut counts.running,
            FlowHealth::Healthy | FlowHealth::New | FlowHealth::Done => &mut counts.healthy,
            FlowHealth::Late => &mut counts.late,
            FlowHealth::Failing => &mut counts.failing,
            FlowHealth::Paused => &mut counts.paused,
            FlowHealth::Draft => &mut counts.drafts,
        };
        *count += 1;
        needs_action.extend(row.needs);
    }
    needs_action.sort_by_key(|need: &Need| (need.severity, std::cmp::Reverse(need.since)));
    let mut next: Vec<ComingRun> = Vec::new();
    for tick in material.ticks() {
        if let (Some(at), Some(flow)) = (tick.next, names.get(&tick.flow)) {
            next.push(ComingRun { flow: flow.clone(), at: at.timestamp_millis() });
        }
    }
    next.sort_by(|a, b| (a.at, &a.flow.id).cmp(&(b.at, &b.flow.id)));
    next.truncate(NEXT);
    let (series, totals) = series(&app, &caller, hours, now).await?;
    let recent = app.store.list_runs(&caller.scope, &RunsAsked { limit: RECENT, ..RunsAsked::default() }).await?;
    let recent = named_rows(&app, &caller, &recent, Some(&names)).await?;
    Ok(answer(&Overview { as_of: now.timestamp_millis(), needs_action, counts, series, totals, next, recent }))
}

/// The last hours, this one included, each with its sums.
async fn series(
    app: &App,
    caller: &Caller,
    hours: usize,
    now: Time,
) -> Result<(Vec<SeriesPoint>, SeriesTotals), Problem> {
    let hours = hours as i64;
    let first = (now.timestamp_millis().div_euclid(HOUR) - hours + 1) * HOUR;
    let from = Time::from_timestamp_millis(first).unwrap_or_default();
    let found = app.store.run_sums(&caller.scope, from, now + TimeDelta::milliseconds(1)).await?;
    let found: HashMap<i64, RunSums> = found.into_iter().map(|sums| (sums.at, sums)).collect();
    let (mut series, mut totals) = (Vec::new(), SeriesTotals::default());
    for hour in 0..hours {
        let at = first + hour * HOUR;
        let RunSums { received, ingested, failed, skipped, bytes, runs, .. } =
            found.get(&at).copied().unwrap_or_default();
        series.push(SeriesPoint { at, received, ingested, failed, skipped, bytes, runs });
        totals.received += received;
        totals.ingested += ingested;
        totals.failed += failed;
        totals.skipped += skipped;
        totals.bytes += bytes;
        totals.runs += runs;
    }
    Ok((series, totals))
}
