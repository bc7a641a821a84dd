//! What happened to a flow: its runs, and what people changed of it and of all that it is made of, newest first.

use super::kinds::{kind, reading};
use crate::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::{Problem, bad};
use crate::writing::shown;
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::diff::Difference;
use forebay_model::error::Kind;
use forebay_model::{Document, Resource, Result, code, filter};
use forebay_store::{List, Past};
use http::StatusCode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

const LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;
/// What happened in the same millisecond as the last of a page is on that page, up to so many more.
const MORE: usize = 100;

/// What happened.
#[derive(Serialize, ToSchema)]
pub struct Timeline {
    /// Newest first.
    items: Vec<Happening>,
    /// For `before`, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// A run or a change.
#[derive(Serialize, ToSchema)]
pub struct Happening {
    /// In epoch milliseconds.
    at: i64,
    /// `run` or `change`.
    kind: &'static str,
    /// Of a change: `Create`, `Update`, `Disable` and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<String>,
    /// Of a change: whose.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// What it is about.
    subject: About,
    /// In a sentence.
    summary: String,
    /// Of a change: what is other than before.
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<Vec<Differs>>,
    /// Of a run: how it went.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunFigures>,
}

/// A document.
#[derive(Serialize, ToSchema)]
pub struct About {
    /// `flow`, `connection`, `run` and the like.
    kind: String,
    /// Its id.
    id: String,
    /// Its name then.
    name: String,
}

/// A place of a document that changed.
#[derive(Serialize, ToSchema)]
pub struct Differs {
    /// A JSON pointer.
    path: String,
    /// What was there; absent if nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<Value>,
    /// What is there; absent if nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<Value>,
}

/// How a run went.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunFigures {
    /// Of the run.
    id: String,
    /// `pending`, `inProgress`, `success`, `partial`, `failed` or `cancelled`.
    status: &'static str,
    /// Records that came in.
    received: u64,
    /// Of them, stored.
    ingested: u64,
    /// Rejected.
    failed: u64,
    /// Left out on purpose.
    skipped: u64,
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<i64>,
}

/// `GET /flows/{id}/timeline`
#[utoipa::path(get, path = "/flows/{id}/timeline", tag = "Timeline",
    params(("id" = String, Path), ("limit" = Option<i64>, Query), ("before" = Option<i64>, Query, description = "Epoch milliseconds"),
        ("kind" = Option<String>, Query, description = "`run`, `change`, or both with a comma between")),
    responses((status = 200, description = "What happened, newest first", body = Timeline), (status = 404, description = "No such flow")))]
pub async fn get_flow_timeline(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let flow = caller.get(&app, Resource::Flow, &id).await?;
    let limit = params.number("limit", 1, MAX_LIMIT)?.unwrap_or(LIMIT);
    let before = params.number("before", 0, 9_007_199_254_740_991)?.map(|at| at as i64);
    let kinds: Vec<&str> = params.one("kind")?.unwrap_or("run,change").split(',').map(str::trim).collect();
    if let Some(other) = kinds.iter().find(|kind| !["run", "change"].contains(kind)) {
        return Err(bad(format!("kind is run or change, not {other:?}")).into());
    }
    let mut items = Vec::new();
    if kinds.contains(&"run") {
        items.extend(runs(&app, &caller, &flow, before, limit + MORE).await?);
    }
    if kinds.contains(&"change") {
        let parts = parts(&app, &caller, &flow).await?;
        let past = app.store.history(&caller.scope, &parts, before, (limit + MORE) as i64).await?;
        items.extend(past.into_iter().map(change));
    }
    items.sort_by_key(|item| std::cmp::Reverse(item.at));
    let mut next = None;
    if items.len() > limit {
        let last = items[limit - 1].at;
        let end = limit + items[limit..].iter().take_while(|item| item.at == last).count();
        next = (items.len() > end).then_some(last);
        items.truncate(end);
    }
    Ok(shown(StatusCode::OK, &Timeline { items, next }))
}

/// The flow, and what it is made of, as far as the caller may read it.
async fn parts(app: &App, caller: &Caller, flow: &Document) -> Result<Vec<(Resource, String)>> {
    let mut parts = vec![(Resource::Flow, flow.id.clone())];
    let mut add = |resource: Resource, id: Option<&str>| {
        let part = (resource, id.unwrap_or_default().to_string());
        if !part.1.is_empty() && caller.may(reading(resource)) && !parts.contains(&part) {
            parts.push(part);
        }
    };
    let texts = |member: &Value| -> Vec<String> {
        member.as_array().into_iter().flatten().filter_map(|id| id.as_str().map(str::to_string)).collect()
    };
    for transformation in flow.body["transformations"].as_array().into_iter().flatten() {
        add(Resource::MappingSet, transformation["params"]["mappingId"].as_str());
    }
    for id in texts(&flow.body["sourceConnectionIds"]) {
        add(Resource::SourceConnection, Some(&id));
        if let Some(source) = there(app, caller, Resource::SourceConnection, &id).await? {
            add(Resource::Connection, source.text("/baseConnectionId"));
        }
    }
    for id in texts(&flow.body["targetConnectionIds"]) {
        add(Resource::TargetConnection, Some(&id));
        let Some(target) = there(app, caller, Resource::TargetConnection, &id).await? else { continue };
        let dataset = target.text("/params/dataSetId").or(target.text("/params/datasetId")).unwrap_or_default();
        add(Resource::Dataset, Some(dataset));
        if let Some(dataset) = there(app, caller, Resource::Dataset, dataset).await? {
            // A schema is stored by the last part of its `$id`.
            add(Resource::Schema, dataset.text("/schemaRef/id").and_then(|id| id.rsplit('/').next()));
        }
    }
    Ok(parts)
}

async fn there(app: &App, caller: &Caller, resource: Resource, id: &str) -> Result<Option<Document>> {
    match caller.get(app, resource, id).await {
        Ok(document) => Ok(Some(document)),
        Err(error) if error.kind == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

async fn runs(
    app: &App,
    caller: &Caller,
    flow: &Document,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<Happening>> {
    let mut terms = vec![format!("flowId==\"{}\"", flow.id)];
    terms.extend(before.map(|at| format!("createdAt<{at}")));
    let list = List { query: filter::parse(&terms)?, order: Vec::new(), limit, after: None };
    let runs = app.store.list(&caller.scope, Resource::Run, &list).await?.documents;
    Ok(runs.iter().map(|document| run(flow, document)).collect())
}

fn run(flow: &Document, document: &Document) -> Happening {
    let figure = |name: &str| document.body.pointer(&format!("/metrics/recordSummary/{name}")).and_then(Value::as_u64);
    let moment =
        |name: &str| document.body.pointer(&format!("/metrics/durationSummary/{name}")).and_then(Value::as_i64);
    let count = |name: &str| figure(name).unwrap_or(0);
    let (ingested, failed) = (count("outputRecordCount"), count("failedRecordCount"));
    let why = document.text("/metrics/statusSummary/errors/0/code");
    let cancelled = why.is_some_and(|why| [code::RUN_CANCELLED.id, code::FLOW_1444.id].contains(&why));
    let (status, how) = match document.text("/state").unwrap_or_default() {
        "success" if failed > 0 => ("partial", format!("The run stored {ingested} records and rejected {failed}.")),
        "success" => ("success", format!("The run stored {ingested} records.")),
        "failed" if cancelled => ("cancelled", "The run was cancelled.".to_string()),
        "failed" => ("failed", "The run failed.".to_string()),
        "inProgress" => ("inProgress", "The run is at work.".to_string()),
        _ => ("pending", "The run waits for its turn.".to_string()),
    };
    let duration_ms = moment("startedAtUTC").zip(moment("completedAtUTC")).map(|(from, to)| to - from);
    let name = flow.text("/name").unwrap_or_default().to_string();
    Happening {
        at: document.created.timestamp_millis(),
        kind: "run",
        action: None,
        by: None,
        subject: About { kind: "run".into(), id: document.id.clone(), name },
        summary: how,
        diff: None,
        run: Some(RunFigures {
            id: document.id.clone(),
            status,
            received: count("inputRecordCount"),
            ingested,
            failed,
            skipped: count("skippedRecordCount"),
            duration_ms,
        }),
    }
}

fn change(past: Past) -> Happening {
    let known = [
        Resource::Connection,
        Resource::SourceConnection,
        Resource::TargetConnection,
        Resource::Flow,
        Resource::Dataset,
        Resource::Schema,
        Resource::MappingSet,
    ];
    let kind = known.into_iter().find(|resource| resource.name() == past.kind).map_or("", kind);
    let places: Vec<&str> = past.diff.iter().take(3).map(|d| d.path.trim_start_matches('/')).collect();
    let more = if past.diff.len() > 3 { " and more" } else { "" };
    let of = if places.is_empty() { String::new() } else { format!(": {}{more}", places.join(", ")) };
    // Mapping sets may have no name.
    let (shown, name) = match past.name.as_str() {
        "" => (String::new(), kind.replace("mappingSet", "mapping set")),
        name => (format!(" {name:?}"), past.name.clone()),
    };
    let summary = format!("{} {kind}{shown}{of}", past.action);
    Happening {
        at: past.at,
        kind: "change",
        action: Some(past.action),
        by: Some(past.account),
        subject: About { kind: kind.into(), id: past.id, name },
        summary,
        diff: Some(past.diff.into_iter().map(differs).collect()),
        run: None,
    }
}

fn differs(difference: Difference) -> Differs {
    Differs { path: difference.path, before: difference.before, after: difference.after }
}
