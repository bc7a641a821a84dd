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
use forebay_model::error::Kind;
use forebay_model::{Document, Error, Resource, Result, run as told};
use forebay_sources::Reader;
use forebay_store::Queued;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Lines of the diagnostics that are looked through for where a kind of problem was met.
const EXAMPLES: usize = 200;

/// A try to do a run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunAttempt {
    /// From 1.
    number: usize,
    epoch: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
    /// `running`, `waiting`, `success`, `failed`, `cancelled`, or `givenBack` for one that another followed.
    outcome: String,
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
    /// `list` or `copy`, `write`, `commit`.
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
    /// `waiting`, `running`, `done`, `failed` or `skipped`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// How far a run is that goes on.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunProgress {
    bytes: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_total: Option<i64>,
    files: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    files_total: Option<i64>,
    records: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_per_second: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_ms: Option<i64>,
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
    version: Option<i64>,
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
    let plan = match row.status {
        RunStatus::InProgress => app.store.plan(&caller.scope, &id).await?,
        _ => None,
    };
    let problems = Problems { app: &app, caller: &caller, run: &run, facts: &facts, material: material.as_ref() };
    let problems = problems.all(&examples(&app, &caller, &run).await?).await?;
    let explain = why_not(&row, flow.as_ref());
    let summary = |path: &str| run.body.pointer(&format!("/metrics/{path}")).and_then(Value::as_i64).unwrap_or(-1);
    let changed = flow.as_ref().is_none_or(|flow| flow.updated.timestamp_millis() > facts.begun);
    let detail = RunDetail {
        etag: run.etag.clone(),
        attempts: attempts(&row, queued.as_ref()),
        balance: RunBalance {
            received: facts.received,
            ingested: facts.ingested,
            failed: facts.failed,
            skipped: facts.skipped,
            warned: facts.warned,
        },
        stages: stages(&run, &row, flow.as_ref()),
        progress: progress(&app, &run, &row, plan.as_ref()),
        problems,
        window: window(&run, queued.as_ref()),
        files: InOut { input: summary("fileSummary/inputFileCount"), output: summary("fileSummary/outputFileCount") },
        sizes: InOut { input: summary("sizeSummary/inputBytes"), output: summary("sizeSummary/outputBytes") },
        batch: batch(&app, &caller, &run).await?,
        dataset,
        version: run.body["tableVersion"].as_i64(),
        flow: RunFlow {
            id: name.id.clone(),
            name: name.name.clone(),
            state: flow.as_ref().map_or("gone", |flow| flow.text("/state").unwrap_or("enabled")).to_string(),
            etag: flow.as_ref().map(|flow| flow.etag.clone()).unwrap_or_default(),
        },
        source,
        configuration: RunConfiguration {
            flow: flow.filter(|_| !changed).map(|flow| flow.body),
            changed_since: changed,
        },
        cancellable: explain.cancel.is_none(),
        retriable: explain.retry.is_none(),
        replayable: explain.replay.is_none(),
        explain,
        run: row,
    };
    Ok(answer(&detail))
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

fn attempts(run: &RunRow, queued: Option<&Queued>) -> Vec<RunAttempt> {
    let Some(queued) = queued else { return Vec::new() };
    let last = queued.epochs.len();
    let one = |(index, epoch): (usize, &i64)| {
        let newest = index + 1 == last;
        let outcome = match (newest, queued.state.as_str(), run.status) {
            (false, _, _) => "givenBack",
            (true, "running", _) => "running",
            (true, "queued", _) => "waiting",
            (true, _, RunStatus::Failed) => "failed",
            (true, _, RunStatus::Cancelled) => "cancelled",
            (true, _, _) => "success",
        };
        RunAttempt {
            number: index + 1,
            epoch: *epoch,
            started_at: run.started_at.filter(|_| index == 0),
            ended_at: run.completed_at.filter(|_| newest),
            worker: Some(queued.worker.clone()).filter(|worker| newest && !worker.is_empty()),
            outcome: outcome.into(),
            retry_at: (outcome == "waiting").then(|| queued.not_before.timestamp_millis()),
        }
    };
    queued.epochs.iter().enumerate().map(one).collect()
}

fn stages(run: &Document, row: &RunRow, flow: Option<&Document>) -> Vec<RunStage> {
    let tables = flow.is_some_and(|flow| reads(flow) == Reader::Tables);
    let (copy, promotion) = (activity(run, told::COPY), activity(run, told::PROMOTION));
    let span = |activity: Option<&Value>, end: &str| {
        activity.and_then(|activity| at(activity, &format!("/durationSummary/{end}AtUTC")))
    };
    let status =
        |activity: Option<&Value>| match activity.and_then(|activity| activity["statusSummary"]["status"].as_str()) {
            Some("success") => "done",
            Some("failed") => "failed",
            Some(_) => "running",
            None => "waiting",
        };
    let first = if tables { "copy" } else { "list" };
    let ended = !matches!(row.status, RunStatus::Pending | RunStatus::InProgress);
    // While it goes on, only the activity that goes on is told.
    let (first_state, began) = match (copy, promotion, row.status) {
        (Some(_), _, _) => (status(copy), span(copy, "started")),
        (None, Some(_), _) => ("done", row.started_at),
        (None, None, RunStatus::Pending) => ("waiting", None),
        (None, None, RunStatus::InProgress) => ("running", row.started_at),
        (None, None, _) => {
            (if row.started_at.is_some() && row.status != RunStatus::Success { "failed" } else { "skipped" }, None)
        }
    };
    let write = if ended && promotion.is_none() { "skipped" } else { status(promotion) };
    let commit = match row.status {
        RunStatus::Success | RunStatus::Partial => "done",
        RunStatus::Failed | RunStatus::Cancelled => "skipped",
        _ => "waiting",
    };
    let done = commit == "done";
    vec![
        RunStage { name: first, started_at: began, ended_at: span(copy, "completed"), state: first_state, note: None },
        RunStage {
            name: "write",
            started_at: span(promotion, "started"),
            ended_at: span(promotion, "completed"),
            state: write,
            note: None,
        },
        RunStage {
            name: "commit",
            started_at: None,
            ended_at: row.completed_at.filter(|_| done),
            state: commit,
            note: (commit == "skipped").then(|| "Nothing of this run is in the table.".into()),
        },
    ]
}

fn progress(app: &App, run: &Document, row: &RunRow, plan: Option<&Value>) -> Option<RunProgress> {
    if row.status != RunStatus::InProgress {
        return None;
    }
    let parts = plan.and_then(|plan| plan.pointer("/plan/parts")).and_then(Value::as_array);
    let total = parts.map(|parts| parts.iter().filter_map(|part| part["object"]["size"].as_i64()).sum::<i64>());
    let promotion = activity(run, told::PROMOTION);
    let count = |pointer: &str| promotion.and_then(|activity| at(activity, pointer)).unwrap_or(0);
    let bytes = count("/sizeSummary/inputBytes");
    let since = promotion.and_then(|activity| at(activity, "/durationSummary/startedAtUTC"));
    let spent = since.map(|since| app.now().timestamp_millis() - since).filter(|spent| *spent > 0);
    let speed = spent.map(|spent| bytes.saturating_mul(1_000) / spent).filter(|speed| *speed > 0);
    let left = total.map(|total| (total - bytes).max(0));
    Some(RunProgress {
        bytes,
        bytes_total: total,
        files: count("/fileSummary/inputFileCount"),
        files_total: parts.map(|parts| parts.len() as i64),
        records: row.received,
        bytes_per_second: speed,
        eta_ms: left.zip(speed).map(|(left, speed)| left.saturating_mul(1_000) / speed),
    })
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
fn why_not(run: &RunRow, flow: Option<&Document>) -> WhyNot {
    let mut why = WhyNot::default();
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
