//! Replays (an extension): what a run of a table source has landed is promoted again, by the mapping that its flow has
//! now. A replay is a run of its own and asks the source for nothing.

use crate::App;
use crate::caller::Caller;
use crate::runs::{by, created, reads};
use axum::response::Response;
use forebay_model::error::Kind;
use forebay_model::run::Status;
use forebay_model::{Document, Error, Resource, Result, code};
use forebay_sources::Reader;
use forebay_store::Enqueue;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};

/// Puts a replay of a run into the queue.
pub async fn replay(app: &App, caller: &Caller, run: &Document) -> Result<Response> {
    succeeded(run)?;
    let flow = flow(app, caller, run).await?;
    if reads(&flow) != Reader::Tables {
        let message =
            format!("the run {} read files in place, so nothing of it was landed that could be replayed", run.id);
        return Err(refused(message));
    }
    // A replay has landed nothing itself.
    let origin = run.text("/params/replayOf").unwrap_or(&run.id);
    landed(app, caller, origin).await?;
    let now = app.now();
    let new = Enqueue { due: now, params: params(run, origin), by: by(caller) };
    let document = app.store.enqueue(&caller.scope, &flow.id, new, now).await?;
    Ok(created(app, &document))
}

fn refused(message: String) -> Error {
    Error::new(Kind::Invalid, &code::FLOW_1422, message)
}

fn succeeded(run: &Document) -> Result<()> {
    let state = run.text("/state").unwrap_or_default();
    let error = refused(format!("the run {} is {state}; only a run that succeeded can be replayed", run.id));
    match Status::parse(state) {
        Some(Status::Success) => Ok(()),
        Some(Status::Failed) => Err(error.advice("Use op=re_trigger: it goes on with what the run had landed.")),
        _ => Err(error),
    }
}

async fn flow(app: &App, caller: &Caller, run: &Document) -> Result<Document> {
    match caller.get(app, Resource::Flow, run.text("/flowId").unwrap_or_default()).await {
        Err(error) if error.kind == Kind::NotFound => {
            let message = format!("the flow of the run {} no longer exists", run.id);
            Err(Error::new(Kind::Invalid, &code::FLOW_1430, message))
        }
        found => found,
    }
}

/// What the new run replays, and of which window: the flow's next run goes on where its last one ended, not where a
/// replay did.
fn params(run: &Document, origin: &str) -> Value {
    let mut params = json!({ "replayOf": origin });
    let Some(window) = run.body.pointer("/activities/0/durationSummary/extensions") else { return params };
    if window["windowEnd"].is_number() {
        // A first run's window is open.
        let start = Some(&window["windowStart"]).filter(|start| start.is_number()).cloned();
        params["windowStartTime"] = start.unwrap_or(json!(0));
        params["windowEndTime"] = window["windowEnd"].clone();
    }
    params
}

/// Whether all that a run has landed is still in the lake.
async fn landed(app: &App, caller: &Caller, run: &str) -> Result<()> {
    let expired = || refused(format!("the pages that the run {run} landed are not kept any more"));
    let plan = match app.store.plan(&caller.scope, run).await {
        Ok(plan) => plan.unwrap_or_default(),
        Err(error) if error.kind == Kind::NotFound => return Err(expired()),
        Err(error) => return Err(error),
    };
    let mut folders: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in plan.pointer("/plan/parts").and_then(Value::as_array).into_iter().flatten() {
        let key = part["object"]["key"].as_str().and_then(|key| key.rsplit_once('/'));
        let Some((folder, name)) = key else { continue };
        folders.entry(folder.to_string()).or_default().push(name.to_string());
    }
    if folders.is_empty() {
        return Err(refused(format!("the run {run} landed no pages: there was nothing new for it")));
    }
    for (folder, names) in &folders {
        let there: HashSet<String> = app.engine.list(folder).await?.into_iter().map(|object| object.name).collect();
        if !names.iter().all(|name| there.contains(name)) {
            return Err(expired());
        }
    }
    Ok(())
}
