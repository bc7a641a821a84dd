//! One run, with all that its page shows: how far it is, where its records went, what failed and what to do.

use super::errors::{self, RowError};
use super::lines::Lines;
use super::problems::{Problem4, Problems};
use super::rows::{Material, Named, RunRow, RunStatus, SpecName, answer};
use super::schedules::RunWindow;
use crate::App;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::runs::reads;
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::diff::is_cut;
use forebay_model::error::Kind;
use forebay_model::run::trace::{Attempt, Ended, Step, Trace};
use forebay_model::{Document, Error, Resource, Result, run as told};
use forebay_sources::Reader;
use forebay_store::{DECIDED, POLICY, Past, Queued};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Lines of the diagnostics that are looked through for where a kind of problem was met.
const EXAMPLES: usize = 200;
/// Milliseconds that a run reads before its speed is told.
const STABLE: i64 = 3_000;
/// So many times what is read, at most, is what there is to read when the time that is left is told.
const PART: u64 = 20;
/// Changes of a flow that are taken back.
const CHANGES: i64 = 200;

/// A try to do a run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunAttempt {
    /// From 1.
    number: u64,
    epoch: i64,
    started_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    /// `running`, `success`, `failed`, `cancelled`, `waiting` (to be tried again), `retried`, `givenBack` by a worker that
    /// was shut down, or `lost` with its worker.
    outcome: &'static str,
    /// What was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<i64>,
}

/// Where the records went: received = ingested + failed + skipped.
#[derive(Serialize, ToSchema)]
pub struct RunBalance {
    received: i64,
    ingested: i64,
    failed: i64,
    skipped: i64,
    /// Part of those that were ingested.
    warned: i64,
}

/// A part of a run's work.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunStage {
    /// `list` or `copy`, `read`, `write`, `commit`.
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
    /// `waiting`, `running`, `done`, `failed`, or `skipped` by a run that ended before it.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// How far a run is that goes on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunProgress {
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_total: Option<u64>,
    files: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    files_total: Option<u64>,
    records: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_ms: Option<u64>,
}

/// In and out; -1 is unknown.
#[derive(Serialize, ToSchema)]
pub struct InOut {
    input: i64,
    output: i64,
}

/// The flow of a run.
#[derive(Serialize, ToSchema)]
pub struct RunFlow {
    id: String,
    name: String,
    /// `gone` where it is not there any more.
    state: String,
    etag: String,
}

/// The source of a run.
#[derive(Serialize, ToSchema)]
pub struct RunSource {
    spec: SpecName,
    connection: Named,
}

/// How the flow was configured.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunConfiguration {
    /// The flow as the run had it, where that is still known.
    #[schema(value_type = Option<Object>)]
    flow: Option<Value>,
    /// The flow was changed after the run began, or is gone.
    changed_since: bool,
}

/// Why something cannot be done with the run.
#[derive(Default, Serialize, ToSchema)]
pub struct WhyNot {
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<String>,
}

/// A run with all that is known of it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunDetail {
    run: RunRow,
    etag: String,
    attempts: Vec<RunAttempt>,
    balance: RunBalance,
    stages: Vec<RunStage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<RunProgress>,
    problems: Vec<Problem4>,
    window: RunWindow,
    files: InOut,
    sizes: InOut,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset: Option<Named>,
    /// The version of the table that the run committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    flow: RunFlow,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<RunSource>,
    configuration: RunConfiguration,
    cancellable: bool,
    retriable: bool,
    replayable: bool,
    explain: WhyNot,
}

/// `GET /runs/{id}`
#[utoipa::path(get, path = "/runs/{id}", tag = "Forebay", params(("id" = String, Path)),
    responses((status = 200, description = "The run", body = RunDetail), (status = 404, description = "Not found")))]
pub async fn get_run_detail(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let run = caller.get(&app, Resource::Run, &id).await?;
    let Some(facts) = app.store.run_facts(&caller.scope, &id).await? else {
        return Err(Error::internal("A run is told of nowhere.").into());
    };
    let flow = there(caller.get(&app, Resource::Flow, &facts.flow).await)?;
    let queued = app.store.queued(&caller.scope, &id).await?;
    let name = match &flow {
        Some(flow) => Named::new(&flow.id, flow.text("/name")),
        None => Named::gone(&facts.flow),
    };
    let row = RunRow::new(&facts, name.clone());
    let material = match &flow {
        Some(flow) => Some((Material::of(&app, &caller, flow).await?, flow)),
        None => None,
    };
    let (mut dataset, mut source) = (None, None);
    if let Some((material, flow)) = &material {
        let from = material.source(flow);
        let connection = match from.connection.state.as_str() {
            "gone" => Named::gone(&from.connection.id),
            _ => Named::new(&from.connection.id, Some(&from.connection.name)),
        };
        source = Some(RunSource { spec: from.spec, connection });
        dataset = Some(material.target(flow).dataset).filter(|dataset| !dataset.id.is_empty());
    }
    let trace = app.store.trace(&caller.scope, &id).await?;
    let problems =
        Problems { app: &app, caller: &caller, run: &run, facts: &facts, trace: &trace, material: material.as_ref() };
    let problems = problems.all(&examples(&app, &caller, &run).await?).await?;
    let explain = why_not(&row, flow.as_ref(), trace.cancelled_by.as_deref());
    let was = match &flow {
        Some(flow) => configuration(&app, &caller, flow, facts.begun).await?,
        None => None,
    };
    let summary = |path: &str| run.body.pointer(&format!("/metrics/{path}")).and_then(Value::as_i64).unwrap_or(-1);
    let changed = flow.as_ref().is_none_or(|flow| flow.updated.timestamp_millis() > facts.begun);
    let detail = RunDetail {
        etag: run.etag.clone(),
        attempts: attempts(&trace, queued.as_ref()),
        balance: RunBalance {
            received: facts.received,
            ingested: facts.ingested,
            failed: facts.failed,
            skipped: facts.skipped,
            warned: facts.warned,
        },
        stages: stages(&trace, &row, tables(&trace, flow.as_ref())),
        progress: progress(&trace, &row),
        problems,
        window: window(&run, queued.as_ref()),
        files: InOut { input: summary("fileSummary/inputFileCount"), output: summary("fileSummary/outputFileCount") },
        sizes: InOut { input: summary("sizeSummary/inputBytes"), output: summary("sizeSummary/outputBytes") },
        batch: batch(&app, &caller, &run).await?,
        dataset,
        version: trace.version,
        flow: RunFlow {
            id: name.id.clone(),
            name: name.name.clone(),
            state: flow.as_ref().map_or("gone", |flow| flow.text("/state").unwrap_or("enabled")).to_string(),
            etag: flow.as_ref().map(|flow| flow.etag.clone()).unwrap_or_default(),
        },
        source,
        configuration: RunConfiguration { flow: was, changed_since: changed },
        cancellable: explain.cancel.is_none(),
        retriable: explain.retry.is_none(),
        replayable: explain.replay.is_none(),
        explain,
        run: row,
    };
    Ok(answer(&detail))
}

/// Whether the run copies a table, or reads files in place.
fn tables(trace: &Trace, flow: Option<&Document>) -> bool {
    match flow {
        Some(flow) => reads(flow) == Reader::Tables,
        None => trace.stages.iter().any(|stage| stage.name == Step::Copy),
    }
}

/// A document, if it is there.
fn there(found: Result<Document>) -> Result<Option<Document>> {
    match found {
        Ok(document) => Ok(Some(document)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The batch that a run writes: the queue knows, and of a flow that is gone its document.
pub async fn batch(app: &App, caller: &Caller, run: &Document) -> Result<Option<String>> {
    let named = activity(run, told::PROMOTION).and_then(|activity| activity.pointer("/targetInfo/0/reference/ids/0"));
    if let Some(batch) = named.and_then(Value::as_str) {
        return Ok(Some(batch.to_string()));
    }
    Ok(app.store.queued(&caller.scope, &run.id).await?.map(|queued| queued.batch).filter(|batch| !batch.is_empty()))
}

/// The dataset that a run writes to: its batch knows, or its flow.
pub async fn dataset(app: &App, caller: &Caller, run: &Document) -> Result<Option<String>> {
    if let Some(batch) = batch(app, caller, run).await?
        && let Some(batch) = there(caller.get(app, Resource::Batch, &batch).await)?
        && let Some(dataset) = crate::export::dataset_of(&batch)
    {
        return Ok(Some(dataset.to_string()));
    }
    let target = match activity(run, told::PROMOTION).and_then(|activity| activity.pointer("/targetInfo/0/id")) {
        Some(target) => target.as_str().unwrap_or_default().to_string(),
        None => {
            let flow = there(caller.get(app, Resource::Flow, run.text("/flowId").unwrap_or_default()).await)?;
            flow.and_then(|flow| flow.text("/targetConnectionIds/0").map(str::to_string)).unwrap_or_default()
        }
    };
    let target = there(caller.get(app, Resource::TargetConnection, &target).await)?;
    Ok(target.and_then(|target| target.text("/params/dataSetId").map(str::to_string)))
}

fn activity<'a>(run: &'a Document, id: &str) -> Option<&'a Value> {
    run.body["activities"].as_array()?.iter().find(|activity| activity["id"] == id)
}

fn at(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer).and_then(Value::as_i64).filter(|number| *number >= 0)
}

/// For each code the first row that has it.
async fn examples(app: &App, caller: &Caller, run: &Document) -> Result<BTreeMap<String, RowError>> {
    let mut examples = BTreeMap::new();
    let mut lines = Lines::new(app, errors::files(app, caller, run).await?);
    for _ in 0..EXAMPLES {
        let Some(line) = lines.next().await? else { break };
        let error = errors::row_error(&line);
        for finding in &error.findings {
            let example = || RowError { first: finding.clone(), ..error.clone() };
            examples.entry(finding.code.clone()).or_insert_with(example);
        }
    }
    Ok(examples)
}

fn attempts(trace: &Trace, queued: Option<&Queued>) -> Vec<RunAttempt> {
    let waits = queued.filter(|queued| queued.state == "queued").map(|queued| queued.not_before.timestamp_millis());
    let one = |(index, attempt): (usize, &Attempt)| {
        let retry_at = waits.filter(|_| index + 1 == trace.attempts.len());
        let outcome = match attempt.outcome {
            None => "running",
            Some(Ended::Success) => "success",
            Some(Ended::Failed) => "failed",
            Some(Ended::Cancelled) => "cancelled",
            Some(Ended::Retried | Ended::Released) if retry_at.is_some() => "waiting",
            Some(Ended::Retried) => "retried",
            Some(Ended::Released) => "givenBack",
            Some(Ended::Lost) => "lost",
        };
        RunAttempt {
            number: attempt.number,
            epoch: attempt.epoch,
            started_at: attempt.started_at,
            ended_at: attempt.ended_at,
            worker: Some(attempt.worker.clone()).filter(|worker| !worker.is_empty()),
            outcome,
            error: attempt.error.clone(),
            retry_at: retry_at.filter(|_| outcome == "waiting"),
        }
    };
    trace.attempts.iter().enumerate().map(one).collect()
}

/// Every stage in its order, whether or not it has begun.
fn stages(trace: &Trace, row: &RunRow, tables: bool) -> Vec<RunStage> {
    let goes = trace.attempts.last().is_some_and(|attempt| attempt.outcome.is_none());
    let good = matches!(row.status, RunStatus::Success | RunStatus::Partial);
    let bad = matches!(row.status, RunStatus::Failed | RunStatus::Cancelled);
    let first = if tables { (Step::Copy, "copy") } else { (Step::List, "list") };
    let all = [first, (Step::Read, "read"), (Step::Write, "write"), (Step::Commit, "commit")];
    let one = |(step, name): (Step, &'static str)| {
        let known = trace.stages.iter().find(|stage| stage.name == step).filter(|_| row.status != RunStatus::Pending);
        let state = match known {
            // What a run that succeeded has not told, it did all the same.
            _ if good => "done",
            Some(stage) if stage.ended_at.is_some() => "done",
            Some(_) if goes && !bad => "running",
            Some(_) => "failed",
            None if bad => "skipped",
            None => "waiting",
        };
        let unstored = bad && step == Step::Commit;
        RunStage {
            name,
            started_at: known.map(|stage| stage.started_at),
            ended_at: known.and_then(|stage| stage.ended_at),
            state,
            note: unstored.then(|| "Nothing of this run is in the table.".into()),
        }
    };
    all.into_iter().map(one).collect()
}

/// How far a run is. Its speed is told once it has read for a while, and the time that is left once a part is behind it.
fn progress(trace: &Trace, row: &RunRow) -> Option<RunProgress> {
    let figures = trace.progress.as_ref().filter(|_| row.status == RunStatus::InProgress)?;
    let goes = trace.attempts.last().is_some_and(|attempt| attempt.outcome.is_none());
    let reading =
        trace.stages.iter().find(|stage| matches!(stage.name, Step::Copy | Step::Read) && stage.ended_at.is_none());
    let spent = reading.map(|stage| figures.at - stage.started_at).filter(|spent| goes && *spent >= STABLE);
    let per =
        |count: u64, of: u64| u64::try_from(u128::from(count) * 1_000 / u128::from(of.max(1))).unwrap_or(u64::MAX);
    let speed = spent.map(|spent| per(figures.bytes, spent.unsigned_abs())).filter(|speed| *speed > 0);
    let left = figures.bytes_total.filter(|total| figures.bytes >= total / PART);
    let left = left.map(|total| total.saturating_sub(figures.bytes));
    Some(RunProgress {
        bytes: figures.bytes,
        bytes_total: figures.bytes_total,
        files: figures.files,
        files_total: figures.files_total,
        records: figures.records,
        bytes_per_second: speed,
        eta_ms: left.zip(speed).map(|(left, speed)| per(left, speed)),
    })
}

/// The flow as it was when the run began: every change since is taken back. None where that is not known: of some changes
/// only a part is kept.
async fn configuration(app: &App, caller: &Caller, flow: &Document, begun: i64) -> Result<Option<Value>> {
    if flow.updated.timestamp_millis() <= begun {
        return Ok(Some(flow.body.clone()));
    }
    let of = [(Resource::Flow, flow.id.clone())];
    let past = app.store.history(&caller.scope, &of, None, CHANGES).await?;
    let since: Vec<Past> = past.into_iter().take_while(|past| past.at > begun).collect();
    // A change that no caller asked for has no entry.
    let known = since.first().is_some_and(|last| last.etag == flow.etag) && since.len() < CHANGES as usize;
    Ok(Some(flow.body.clone()).filter(|_| known).and_then(|body| before(body, &since)))
}

/// A document before changes, the newest of which is the first. Items of lists that came or went have no place to be put.
fn before(mut body: Value, changes: &[Past]) -> Option<Value> {
    for difference in changes.iter().flat_map(|past| &past.diff) {
        if difference.path.starts_with(DECIDED) || difference.path == POLICY {
            continue;
        }
        let (parent, name) = difference.path.rsplit_once('/')?;
        if difference.before.as_ref().is_some_and(is_cut) {
            return None;
        }
        let name = name.replace("~1", "/").replace("~0", "~");
        match (body.pointer_mut(parent)?, &difference.before) {
            (Value::Object(members), Some(before)) => {
                members.insert(name, before.clone());
            }
            (Value::Object(members), None) => {
                members.remove(&name);
            }
            (Value::Array(items), Some(before)) if difference.after.is_some() => {
                *items.get_mut(name.parse::<usize>().ok()?)? = before.clone();
            }
            _ => return None,
        }
    }
    Some(body)
}

fn window(run: &Document, queued: Option<&Queued>) -> RunWindow {
    if let Some((from, to)) = queued.and_then(|queued| queued.window) {
        return RunWindow { from, to };
    }
    let bound = |name: &str| {
        let copy = activity(run, told::COPY)?;
        at(copy, &format!("/durationSummary/extensions/{name}"))
    };
    RunWindow { from: bound("windowStart"), to: bound("windowEnd") }
}

/// What cannot be done with the run, and why; the same rules as the actions have.
fn why_not(run: &RunRow, flow: Option<&Document>, cancelled_by: Option<&str>) -> WhyNot {
    let mut why = WhyNot::default();
    if let Some(by) = cancelled_by {
        why.cancel = Some(format!("{by} has asked for the run to be cancelled."));
    }
    if !matches!(run.status, RunStatus::Pending | RunStatus::InProgress) {
        why.cancel = Some("The run has ended.".into());
    }
    let gone = || Some("The flow of the run is not there any more.".to_string());
    let disabled = flow.is_some_and(|flow| flow.text("/state") != Some("enabled"));
    let idle = || Some("The flow is not enabled; enable it first.".to_string());
    why.retry = match run.status {
        RunStatus::Failed | RunStatus::Cancelled if flow.is_none() => gone(),
        RunStatus::Failed | RunStatus::Cancelled if disabled => idle(),
        RunStatus::Failed | RunStatus::Cancelled => None,
        _ => Some("Only a run that failed can be tried again.".into()),
    };
    let tables = flow.is_some_and(|flow| reads(flow) == Reader::Tables);
    why.replay = match run.status {
        RunStatus::Success | RunStatus::Partial if flow.is_none() => gone(),
        RunStatus::Success | RunStatus::Partial if !tables => {
            Some("The run read files in place, so nothing of it was landed that could be replayed.".into())
        }
        RunStatus::Success | RunStatus::Partial if disabled => idle(),
        RunStatus::Success | RunStatus::Partial => None,
        _ => Some("Only a run that succeeded can be replayed.".into()),
    };
    why
}
