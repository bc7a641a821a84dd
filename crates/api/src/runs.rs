//! Runs: read, and started on demand (FS §10).

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::entities;
use crate::flows::{delta_column, last_operation};
use crate::listing;
use crate::params::Params;
use crate::problem::{Problem, invalid};
use crate::sourceconnections::reader;
use crate::writing::{self, IfMatch, TRIES};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::schedule::{Every, Schedule, moment};
use forebay_model::{Document, Error, Resource, Result, code};
use forebay_sources::{Reader, tables};
use forebay_store::Enqueue;
use http::StatusCode;
use serde_json::{Value, json};

/// `GET /runs`
#[utoipa::path(get, path = "/runs", tag = "Runs",
    params(("property" = Option<Vec<String>>, Query), ("limit" = Option<i64>, Query), ("orderby" = Option<String>, Query),
        ("continuationToken" = Option<String>, Query), ("count" = Option<bool>, Query)),
    responses((status = 200, description = "A page of runs, or their number")))]
pub async fn list_runs(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    Ok(listing::list(&app, &caller, Resource::Run, "/runs", &[], &params).await?)
}

/// `GET /runs/{id}`
#[utoipa::path(get, path = "/runs/{id}", tag = "Runs", params(("id" = String, Path)),
    responses((status = 200, description = "The run, in an array of one"), (status = 404, description = "Not found")))]
pub async fn get_run(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    Ok(listing::item(&caller.get(&app, Resource::Run, &id).await?.body))
}

/// `POST /runs`: one run on demand of an enabled flow that is scheduled `once` (FS §10.1).
#[utoipa::path(post, path = "/runs", tag = "Runs", request_body = Object,
    responses((status = 201, description = "`{id, etag, items}`"), (status = 400, description = "The flow cannot be run on demand")))]
pub async fn create_run(State(app): State<App>, caller: Caller, Body(body): Body) -> Result<Response, Problem> {
    let now = app.now();
    let flow = flow(&app, &caller, &body).await?;
    let params = body.get("params").cloned().unwrap_or(Value::Null);
    if !params.is_null() && !params.is_object() {
        return Err(invalid("params must be a JSON object").at(Place::pointer("/params")).into());
    }
    if !matches!(body.get("status"), None | Some(Value::Null | Value::String(_))) {
        return Err(invalid("status must be text").at(Place::pointer("/status")).into());
    }
    let begin = time(&params, "startTime")?;
    let (from, to) = (time(&params, "windowStartTime")?, time(&params, "windowEndTime")?);
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        return Err(invalid("params.windowStartTime must be before params.windowEndTime")
            .at(Place::pointer("/params/windowStartTime"))
            .into());
    }
    if params.get("replayOf").is_some() {
        return Err(invalid("params.replayOf is not for callers to set")
            .at(Place::pointer("/params/replayOf"))
            .advice("Replay a run with POST /runs/{id}/action?op=replay.")
            .into());
    }
    for (name, given) in [("windowStartTime", from.is_some()), ("windowEndTime", to.is_some())] {
        if given && reads(&flow) == Reader::Tables {
            return Err(invalid(format!(
                "params.{name} does not apply: a run of a table goes on where the last one ended"
            ))
            .at(Place::pointer(format!("/params/{name}")))
            .advice("Leave the window out; to promote what a run has landed once more, replay that run.")
            .into());
        }
    }
    let flow = note_delta_column(&app, &caller, flow, &params).await?;
    let run = Enqueue { due: begin.unwrap_or(now).max(now), params, by: by(&caller) };
    let document = app.store.enqueue(&caller.scope, &flow.id, run, now).await?;
    Ok(created(&app, &document))
}

/// `PUT /runs/{id}`: how a provider tells of its runs. Here the workers do; a user's token may not (FS §10.2).
#[utoipa::path(put, path = "/runs/{id}", tag = "Runs", request_body = Object,
    params(("id" = String, Path), ("if-match" = String, Header)),
    responses((status = 400, description = "A user's token may not write a run"), (status = 404, description = "Not found"),
        (status = 412, description = "Changed since it was read")))]
pub async fn put_run(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    let run = caller.get(&app, Resource::Run, &id).await?;
    writing::check_version(if_match.required()?, &run)?;
    let body = writing::object(body, "the run")?;
    if body.get("id").is_some_and(|other| *other != json!(id)) {
        let message = "the body names another run than the path";
        return Err(Error::new(Kind::Invalid, &code::FLOW_1411, message).at(Place::pointer("/id")).into());
    }
    Err(Error::new(Kind::Invalid, &code::FLOW_1427, "a user's token may not write a run: its worker tells of it")
        .advice("Use POST /runs/{id}/action to trigger a run again.")
        .into())
}

/// In whose name a run is made.
pub fn by(caller: &Caller) -> Value {
    json!({
        "createdBy": caller.member.account,
        "updatedBy": caller.member.account,
        "createdClient": caller.member.client,
        "updatedClient": caller.member.client,
    })
}

/// The superset of the three documented shapes.
pub fn created(app: &App, run: &Document) -> Response {
    let mut answer = writing::pair(run);
    answer["items"] = json!([writing::pair(run)]);
    let mut response = writing::created(app, run);
    *response.body_mut() = writing::json(StatusCode::CREATED, &answer).into_body();
    response
}

/// Takes `params.deltaColumn` into the flow's `Copy`, where it stays: a later run may repeat it and not name another.
async fn note_delta_column(app: &App, caller: &Caller, flow: Document, params: &Value) -> Result<Document> {
    let at = || Place::pointer("/params/deltaColumn");
    let Some(column) = params.get("deltaColumn").filter(|column| !column.is_null()) else { return Ok(flow) };
    if reads(&flow) != Reader::Tables {
        return Err(invalid("params.deltaColumn does not apply: files are chosen by when they were modified").at(at()));
    }
    delta_column(column).map_err(|error| error.at(at()))?;
    let name = column["name"].as_str().unwrap_or_default().trim();
    let mut flow = flow;
    for _ in 0..TRIES {
        match tables::delta_column(&flow.body) {
            Some(known) if known == name => return Ok(flow),
            Some(known) => {
                let message = format!("the flow goes by the column {known}; a run cannot name another");
                return Err(invalid(message).at(at()).advice("Leave deltaColumn out, or change the flow's Copy."));
            }
            None => {}
        }
        let mut body = flow.body.clone();
        let mut list = body["transformations"].as_array().cloned().unwrap_or_default();
        match list.iter_mut().find(|transformation| transformation["name"] == "Copy") {
            Some(copy) if copy["params"].is_object() => copy["params"]["deltaColumn"] = column.clone(),
            Some(copy) => copy["params"] = json!({ "deltaColumn": column }),
            None => list.insert(0, json!({ "name": "Copy", "params": { "deltaColumn": column } })),
        }
        body["transformations"] = Value::Array(list);
        body["lastOperation"] = last_operation("update", app.now());
        if let Some(written) = writing::replace(app, caller, &flow, None, body, None).await? {
            return Ok(written);
        }
        flow = caller.get(app, Resource::Flow, &flow.id).await?;
    }
    Err(writing::too_busy(Resource::Flow, &flow.id))
}

/// How the data of a flow is reached.
pub fn reads(flow: &Document) -> Reader {
    let id = flow.body.pointer("/inheritedAttributes/sourceConnections/0/connectionSpec/id");
    reader(&json!({ "id": id }))
}

/// The flow of the body: there, enabled, scheduled `once`.
async fn flow(app: &App, caller: &Caller, body: &Value) -> Result<Document> {
    let at = || Place::pointer("/flowId");
    let id = match body.get("flowId") {
        Some(Value::String(id)) if !id.trim().is_empty() => id,
        _ => return Err(Error::new(Kind::Invalid, &code::FLOW_1446, "flowId is missing").at(at())),
    };
    let flow = match caller.get(app, Resource::Flow, id).await {
        Ok(flow) => flow,
        Err(error) if error.kind == Kind::NotFound => {
            let message = format!("there is no flow with the id {id:?} in this sandbox");
            return Err(Error::new(Kind::Invalid, &code::FLOW_1430, message).at(at()));
        }
        Err(error) => return Err(error),
    };
    let state = |message: String| Err(Error::new(Kind::Invalid, &code::FLOW_1444, message).at(at()));
    match flow.text("/state") {
        Some("enabled") => {}
        other => {
            return state(format!("flow {id} is {}, not enabled", other.unwrap_or("without a state")));
        }
    }
    let base = "/inheritedAttributes/sourceConnections/0/baseConnection/id";
    if let Some(base) = flow.text(base) {
        match caller.get(app, Resource::Connection, base).await {
            Ok(base) => entities::enabled(&base)?,
            Err(error) if error.kind == Kind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    match Schedule::parse(flow.body.get("scheduleParams"), flow.created)?.every {
        Every::Once => Ok(flow),
        Every::Seconds(_) => {
            state(format!("flow {id} runs on a schedule; only flows with the frequency once run on demand"))
        }
    }
}

fn time(params: &Value, name: &str) -> Result<Option<forebay_model::Time>> {
    match params.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match moment(value) {
            Some(time) => Ok(Some(time)),
            None => Err(invalid(format!("params.{name} must be a time in epoch seconds"))
                .at(Place::pointer(format!("/params/{name}")))),
        },
    }
}
