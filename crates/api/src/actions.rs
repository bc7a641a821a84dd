//! Actions on connections, source and target connections, flows and runs (FS §9.4).

use crate::App;
use crate::body::OptionalBody;
use crate::caller::Caller;
use crate::connections::Connection;
use crate::entities;
use crate::flows::{Flow, last_operation};
use crate::params::Params;
use crate::problem::{Problem, invalid};
use crate::sourceconnections::SourceConnection;
use crate::targetconnections::TargetConnection;
use crate::writing::{self, IfMatch, TRIES};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::{Error, Resource, Result, code};
use serde_json::{Value, json};

/// What a `subOp` may be.
const SUB_OPS: &[&str] = &["apply", "rollback", "progress"];

/// What the status of a finalisation may be.
const STATUSES: &[&str] =
    &["IN_PROGRESS", "COMPLETED", "SUCCESS", "PARTIAL_SUCCESS", "FAILED", "PARTIAL_FAILURE", "QUEUED", "SCHEDULED"];

/// `POST /connections/{id}/action?op=publish`, of a source or target connection too: one page addresses them here.
#[utoipa::path(post, path = "/connections/{id}/action", tag = "Connections",
    params(("id" = String, Path), ("op" = String, Query), ("subOp" = Option<String>, Query), ("if-match" = Option<String>, Header)),
    responses((status = 200, description = "`{id, etag}`"), (status = 400, description = "No such action, or not in this state")))]
pub async fn act_on_connection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
    if_match: IfMatch,
    body: OptionalBody,
) -> Result<Response, Problem> {
    let missing = match caller.get(&app, Resource::Connection, &id).await {
        Ok(_) => None,
        Err(error) if error.kind == Kind::NotFound => Some(error),
        Err(error) => return Err(error.into()),
    };
    let Some(missing) = missing else {
        only_publish(&params, &body, &["publish", "finalize", "finalize_update"])?;
        return Ok(entities::publish::<Connection>(&app, &caller, &id, &if_match).await?);
    };
    let other = async |resource| match caller.get(&app, resource, &id).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind == Kind::NotFound => Ok(false),
        Err(error) => Err(error),
    };
    if other(Resource::SourceConnection).await? {
        only_publish(&params, &body, &["publish"])?;
        return Ok(entities::publish::<SourceConnection>(&app, &caller, &id, &if_match).await?);
    }
    if other(Resource::TargetConnection).await? {
        only_publish(&params, &body, &["publish"])?;
        return Ok(entities::publish::<TargetConnection>(&app, &caller, &id, &if_match).await?);
    }
    Err(missing.into())
}

/// `POST /sourceConnections/{id}/action?op=publish`
#[utoipa::path(post, path = "/sourceConnections/{id}/action", tag = "Source connections",
    params(("id" = String, Path), ("op" = String, Query), ("if-match" = Option<String>, Header)),
    responses((status = 200, description = "`{id, etag}`"), (status = 400, description = "No such action, or not in this state")))]
pub async fn act_on_source_connection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
    if_match: IfMatch,
    body: OptionalBody,
) -> Result<Response, Problem> {
    caller.get(&app, Resource::SourceConnection, &id).await?;
    only_publish(&params, &body, &["publish"])?;
    Ok(entities::publish::<SourceConnection>(&app, &caller, &id, &if_match).await?)
}

/// `POST /targetConnections/{id}/action?op=publish`
#[utoipa::path(post, path = "/targetConnections/{id}/action", tag = "Target connections",
    params(("id" = String, Path), ("op" = String, Query), ("if-match" = Option<String>, Header)),
    responses((status = 200, description = "`{id, etag}`"), (status = 400, description = "No such action, or not in this state")))]
pub async fn act_on_target_connection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
    if_match: IfMatch,
    body: OptionalBody,
) -> Result<Response, Problem> {
    caller.get(&app, Resource::TargetConnection, &id).await?;
    only_publish(&params, &body, &["publish"])?;
    Ok(entities::publish::<TargetConnection>(&app, &caller, &id, &if_match).await?)
}

/// `POST /flows/{id}/action?op=enable|disable|publish`
#[utoipa::path(post, path = "/flows/{id}/action", tag = "Flows",
    params(("id" = String, Path), ("op" = String, Query), ("subOp" = Option<String>, Query), ("if-match" = Option<String>, Header)),
    responses((status = 200, description = "`{id, etag}`"), (status = 400, description = "No such action, or not in this state")))]
pub async fn act_on_flow(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
    if_match: IfMatch,
    body: OptionalBody,
) -> Result<Response, Problem> {
    caller.get(&app, Resource::Flow, &id).await?;
    match operation(&params, &body, &["enable", "disable", "publish", "finalize", "finalize_update"])? {
        "publish" => Ok(entities::publish::<Flow>(&app, &caller, &id, &if_match).await?),
        "enable" => Ok(switch(&app, &caller, &id, &if_match, "enabled").await?),
        _ => Ok(switch(&app, &caller, &id, &if_match, "disabled").await?),
    }
}

/// Enables or disables a flow. One that is so already stays as it is.
async fn switch(app: &App, caller: &Caller, id: &str, if_match: &IfMatch, state: &str) -> Result<Response> {
    for _ in 0..TRIES {
        let old = caller.get(app, Resource::Flow, id).await?;
        if let Some(sent) = if_match.optional() {
            writing::check_version(sent, &old)?;
        }
        if entities::is_draft(&old) {
            let error = refused(&code::FLOW_1422, "the flow is a draft: it can be neither enabled nor disabled");
            return Err(error.advice("Publish it with op=publish."));
        }
        if old.text("/state") == Some(state) {
            return Ok(writing::changed(&old));
        }
        let mut body = old.body.clone();
        body["state"] = json!(state);
        body["lastOperation"] = last_operation("update", app.now());
        if let Some(document) = writing::replace(app, caller, &old, if_match.optional(), body, None).await? {
            return Ok(writing::changed(&document));
        }
    }
    Err(writing::too_busy(Resource::Flow, id))
}

/// `POST /runs/{id}/action?op=re_trigger|replay`: runs a failed run's window again, or promotes what a run of a table
/// source has landed once more, by the mapping that its flow has now (an extension).
#[utoipa::path(post, path = "/runs/{id}/action", tag = "Runs",
    params(("id" = String, Path), ("op" = String, Query), ("if-match" = Option<String>, Header)),
    responses((status = 200, description = "`{id, etag}` of the run"), (status = 201, description = "`{id, etag, items}` of the new run that replays it"),
        (status = 400, description = "The run did not fail, or cannot be replayed")))]
pub async fn act_on_run(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
    if_match: IfMatch,
    body: OptionalBody,
) -> Result<Response, Problem> {
    let run = caller.get(&app, Resource::Run, &id).await?;
    if let Some(sent) = if_match.optional() {
        writing::check_version(sent, &run)?;
    }
    match operation(&params, &body, &["re_trigger", "replay"])? {
        "replay" => Ok(crate::replay::replay(&app, &caller, &run).await?),
        _ => {
            let document = app.store.retrigger(&caller.scope, &id, if_match.optional(), app.now()).await?;
            Ok(writing::changed(&document))
        }
    }
}

fn only_publish(params: &Params, body: &OptionalBody, known: &[&'static str]) -> Result<()> {
    operation(params, body, known).map(|_| ())
}

/// `op` in any case, one of `known`, and a `subOp` that exists if there is one. Finalisation is refused: it is how
/// the provider of a source tells that it is done, and here the server provides all of them.
fn operation(params: &Params, body: &OptionalBody, known: &[&'static str]) -> Result<&'static str> {
    let sub = params.one("subOp")?.map(str::to_ascii_lowercase);
    if sub.as_ref().is_some_and(|sub| !SUB_OPS.contains(&sub.as_str())) {
        return Err(refused(&code::FLOW_1435, "subOp must be APPLY, ROLLBACK or PROGRESS"));
    }
    let Some(op) = params.one("op")? else {
        return Err(refused(&code::FLOW_1451, "the query parameter op is missing"));
    };
    let op = op.trim().to_ascii_lowercase();
    let Some(known) = known.iter().find(|known| **known == op) else {
        let offered: Vec<&str> = known.iter().copied().filter(|known| !known.starts_with("finalize")).collect();
        let message = format!("op must be one of {}, not {op:?}", offered.join(", "));
        return Err(Error::new(Kind::Invalid, &code::FLOW_1451, message));
    };
    if let Some(body) = &body.0 {
        told(body, sub.as_deref())?;
    }
    match known.starts_with("finalize") {
        true => Err(refused(&code::FLOW_1402, "finalisation is reserved to the source's provider")),
        false => Ok(known),
    }
}

/// The body of an action: how far a finalisation is.
fn told(body: &Value, sub: Option<&str>) -> Result<()> {
    if !body.is_object() {
        return Err(invalid("the body of an action must be an object"));
    }
    let percent = &body["percentCompleted"];
    if !percent.is_null() {
        let fits = percent.as_f64().is_some_and(|percent| (0.0..=100.0).contains(&percent));
        if !fits || sub.is_some_and(|sub| sub != "progress") {
            let message = "percentCompleted must be a number from 0 to 100, and goes with subOp=PROGRESS";
            return Err(refused(&code::FLOW_1407, message).at(Place::pointer("/percentCompleted")));
        }
    }
    match &body["status"]["value"] {
        Value::Null => Ok(()),
        Value::String(status) if STATUSES.iter().any(|known| known.eq_ignore_ascii_case(status)) => Ok(()),
        _ => {
            let message = format!("status.value must be one of {}", STATUSES.join(", "));
            Err(Error::new(Kind::Invalid, &code::FLOW_1437, message).at(Place::pointer("/status/value")))
        }
    }
}

fn refused(code: &'static forebay_model::Code, message: &'static str) -> Error {
    Error::new(Kind::Invalid, code, message)
}
