//! `configs`: what a connection spec lets its users say (FS-SPEC-4).

use crate::App;
use crate::caller::Caller;
use crate::listing;
use crate::params::Params;
use crate::problem::{Problem, invalid};
use crate::registry::CONNECTION_SPECS;
use crate::writing::json;
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::{Resource, Result};
use http::StatusCode;
use serde_json::{Value, json};

/// Datasets of a page that does not say, and of any page.
const LIMIT: usize = 100;

/// `GET /connectionSpecs/{id}/configs`
#[utoipa::path(get, path = "/connectionSpecs/{id}/configs", tag = "Connection specs",
    params(("id" = String, Path), ("authType" = Option<String>, Query), ("outputType" = Option<String>, Query),
        ("outputField" = Option<String>, Query), ("start" = Option<i64>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, description = "`{items}`, for datasets with `pageInfo`"), (status = 400, description = "Not offered"),
        (status = 404, description = "No such spec")))]
pub async fn get_connection_spec_configs(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    Ok(answer(&app, &caller, &id, &params).await?)
}

/// The configuration of connections of a spec.
pub async fn answer(app: &App, caller: &Caller, id: &str, params: &Params) -> Result<Response> {
    let Some(spec) = CONNECTION_SPECS.find(app, caller, id).await? else {
        return Err(CONNECTION_SPECS.unknown(id));
    };
    if let Some(kind) = params.one("authType")? {
        return Err(invalid(format!(
            "the spec {} has nothing to configure for authType={kind:?}: roles of a hosting cloud are not offered",
            spec["name"]
        ))
        .advice("Sign in with one of the spec's authSpec."));
    }
    match params.one("outputType")? {
        Some("activationDatasets") => datasets(app, caller, params).await,
        Some(other) => Err(invalid(format!("outputType must be activationDatasets, not {other:?}"))),
        None => Ok(json(StatusCode::OK, &json!({ "items": columns(&spec) }))),
    }
}

/// What a source or target connection of the spec may say in `params`.
fn columns(spec: &Value) -> Vec<Value> {
    let mut columns = Vec::new();
    for side in ["sourceSpec", "targetSpec"] {
        for (name, property) in spec[side]["spec"]["properties"].as_object().into_iter().flatten() {
            let kind = property["type"].as_str().unwrap_or("string");
            columns.push(json!({ "columnName": name, "columnType": kind }));
        }
    }
    columns
}

/// The datasets of the sandbox, page by page from `start` on.
async fn datasets(app: &App, caller: &Caller, params: &Params) -> Result<Response> {
    if let Some(field) = params.one("outputField")?
        && field != "datasets"
    {
        return Err(invalid(format!("outputField must be datasets, not {field:?}")));
    }
    let start = params.number("start", 0, usize::MAX)?.unwrap_or_default();
    let limit = params.number("limit", 1, LIMIT)?.unwrap_or(LIMIT);
    let wanted: Option<Vec<String>> =
        params.one("properties")?.map(|names| names.split(',').map(|name| name.trim().to_string()).collect());
    let all = listing::every(app, caller, Resource::Dataset, &[]).await?;
    let has_next = all.len() > start.saturating_add(limit);
    let mut items = Vec::new();
    for dataset in all.into_iter().skip(start).take(limit) {
        let mut item = json!({ "id": dataset.id });
        for (name, value) in dataset.body.as_object().into_iter().flatten() {
            if wanted.as_ref().is_none_or(|wanted| wanted.contains(name)) {
                item[name] = value.clone();
            }
        }
        items.push(item);
    }
    Ok(json(StatusCode::OK, &json!({ "items": items, "pageInfo": { "hasNext": has_next } })))
}
