//! Actions on flows and runs (FS §9.4).

use crate::App;
use crate::body::OptionalBody;
use crate::caller::Caller;
use crate::flows::last_operation;
use crate::params::Params;
use crate::problem::Problem;
use crate::writing::{self, IfMatch, TRIES};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::Kind;
use forebay_model::{Error, Resource, Result, code};
use serde_json::json;

/// `POST /flows/{id}/action?op=enable|disable`
#[utoipa::path(post, path = "/flows/{id}/action", tag = "Flows",
    params(("id" = String, Path), ("op" = String, Query), ("subOp" = Option<String>, Query), ("if-match" = Option<String>, Header)),
    responses((status = 200, description = "`{id, etag}`"), (status = 400, description = "No such action, or not in this state")))]
pub async fn act_on_flow(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
    if_match: IfMatch,
    _body: OptionalBody,
) -> Result<Response, Problem> {
    for _ in 0..TRIES {
        let old = caller.get(&app, Resource::Flow, &id).await?;
        if let Some(sent) = if_match.optional() {
            writing::check_version(sent, &old)?;
        }
        let state = match operation(&params)?.as_str() {
            "enable" => "enabled",
            "disable" => "disabled",
            "finalize" | "finalize_update" => {
                return Err(refused(&code::FLOW_1402, "finalisation is reserved to the source's provider").into());
            }
            "publish" => {
                return Err(refused(&code::FLOW_1422, "only a draft can be published, and this flow is none").into());
            }
            other => return Err(unknown(other, "enable, disable").into()),
        };
        if old.text("/state") == Some(state) {
            return Ok(writing::changed(&old));
        }
        let mut body = old.body.clone();
        body["state"] = json!(state);
        body["lastOperation"] = last_operation("update", app.now());
        if let Some(document) = writing::replace(&app, &caller, &old, if_match.optional(), body, None).await? {
            return Ok(writing::changed(&document));
        }
    }
    Err(writing::too_busy(Resource::Flow, &id).into())
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
    _body: OptionalBody,
) -> Result<Response, Problem> {
    let run = caller.get(&app, Resource::Run, &id).await?;
    if let Some(sent) = if_match.optional() {
        writing::check_version(sent, &run)?;
    }
    match operation(&params)?.as_str() {
        "re_trigger" => {
            let document = app.store.retrigger(&caller.scope, &id, if_match.optional(), app.now()).await?;
            Ok(writing::changed(&document))
        }
        "replay" => Ok(crate::replay::replay(&app, &caller, &run).await?),
        other => Err(unknown(other, "re_trigger, replay").into()),
    }
}

/// `op` in any case, and a `subOp` that exists if there is one.
fn operation(params: &Params) -> Result<String> {
    if let Some(sub) = params.one("subOp")?
        && !["apply", "rollback", "progress"].contains(&sub.to_ascii_lowercase().as_str())
    {
        return Err(refused(&code::FLOW_1435, "subOp must be APPLY, ROLLBACK or PROGRESS"));
    }
    match params.one("op")? {
        Some(op) => Ok(op.trim().to_ascii_lowercase()),
        None => Err(refused(&code::FLOW_1451, "the query parameter op is missing")),
    }
}

fn refused(code: &'static forebay_model::Code, message: &'static str) -> Error {
    Error::new(Kind::Invalid, code, message)
}

fn unknown(op: &str, known: &str) -> Error {
    Error::new(Kind::Invalid, &code::FLOW_1451, format!("op must be one of {known}, not {op:?}"))
}
