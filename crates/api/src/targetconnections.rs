//! Target connections: the dataset that data goes to, and its schema (FS §9.2).

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::entities::{self, Entity, Form, How, enabled, formed, named};
use crate::inherited;
use crate::listing;
use crate::params::Params;
use crate::problem::{Problem, invalid};
use crate::registry::CONNECTION_SPECS;
use crate::sourceconnections::unused;
use crate::writing::IfMatch;
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::Place;
use forebay_model::{Resource, Result};
use forebay_store::Secrets;
use serde_json::{Map, Value, json};

/// Where data goes.
pub struct TargetConnection;

impl Entity for TargetConnection {
    const RESOURCE: Resource = Resource::TargetConnection;
    const NAME: &'static str = "the target connection";

    async fn complete(app: &App, caller: &Caller, body: &mut Map<String, Value>, how: &How<'_>) -> Result<Secrets> {
        complete(app, caller, body, how.draft).await?;
        if let Some(old) = how.checked()
            && old.text("/params/dataSetId") != body["params"]["dataSetId"].as_str()
        {
            // The mapping of a flow was checked against the dataset's schema, that of a draft not yet.
            unused(app, caller, "targetConnectionIds", &old.id, &["state!=draft".into()]).await?;
        }
        Ok(Secrets::new())
    }

    async fn unused(app: &App, caller: &Caller, id: &str) -> Result<()> {
        unused(app, caller, "targetConnectionIds", id, &[]).await
    }
}

/// `POST /targetConnections`
#[utoipa::path(post, path = "/targetConnections", tag = "Target connections", request_body = Object,
    params(("mode" = Option<String>, Query, description = "`draft`: it may be incomplete")),
    responses((status = 201, description = "`{id, etag}`"), (status = 400, description = "The body is refused")))]
pub async fn create_target_connection(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    Body(body): Body,
) -> Result<Response, Problem> {
    Ok(entities::create::<TargetConnection>(&app, &caller, &params, body).await?)
}

/// `GET /targetConnections`
#[utoipa::path(get, path = "/targetConnections", tag = "Target connections",
    params(("property" = Option<Vec<String>>, Query), ("limit" = Option<i64>, Query), ("orderby" = Option<String>, Query),
        ("continuationToken" = Option<String>, Query), ("count" = Option<bool>, Query)),
    responses((status = 200, description = "A page of target connections, or their number")))]
pub async fn list_target_connections(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Response, Problem> {
    Ok(listing::list(&app, &caller, Resource::TargetConnection, "/targetConnections", &[], &params).await?)
}

/// `GET /targetConnections/{id}`
#[utoipa::path(get, path = "/targetConnections/{id}", tag = "Target connections", params(("id" = String, Path)),
    responses((status = 200, description = "The target connection, in an array of one"), (status = 404, description = "Not found")))]
pub async fn get_target_connection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(listing::item(&caller.get(&app, Resource::TargetConnection, &id).await?.body))
}

/// `PATCH /targetConnections/{id}`
#[utoipa::path(patch, path = "/targetConnections/{id}", tag = "Target connections", request_body = Object,
    params(("id" = String, Path), ("if-match" = String, Header)),
    responses((status = 200, description = "`{id, etag}`"), (status = 412, description = "Changed since it was read")))]
pub async fn patch_target_connection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    Ok(entities::patch::<TargetConnection>(&app, &caller, &id, &if_match, &body).await?)
}

/// `DELETE /targetConnections/{id}`: refused while flows use it.
#[utoipa::path(delete, path = "/targetConnections/{id}", tag = "Target connections", params(("id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 400, description = "Flows use it")))]
pub async fn delete_target_connection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    Ok(entities::delete::<TargetConnection>(&app, &caller, &id, &if_match).await?)
}

/// Checks a target connection and fills in what follows from it.
async fn complete(app: &App, caller: &Caller, body: &mut Map<String, Value>, draft: bool) -> Result<()> {
    named(body, false)?;
    formed(body, &[("data", Form::Object), ("params", Form::Object), ("baseConnectionId", Form::Text)])?;
    let spec = CONNECTION_SPECS.named(app, caller, body, "connectionSpec").await?;
    if spec.get("targetSpec").is_none_or(Value::is_null) {
        return Err(invalid(format!("the connection spec {} is not a target", spec["name"]))
            .at(Place::pointer("/connectionSpec/id")));
    }
    match body.get("data") {
        Some(value) => data(value)?,
        None if draft => {}
        None => return Err(invalid("data is missing: it names the schema").at(Place::pointer("/data"))),
    }
    match dataset(body)? {
        Some(id) => {
            inherited::referred(app, caller, Resource::Dataset, &id, "/params/dataSetId").await?;
        }
        None if draft => {}
        None => return Err(invalid("params.dataSetId is missing").at(Place::pointer("/params/dataSetId"))),
    }
    match body.get("baseConnectionId").and_then(Value::as_str) {
        None => {
            body.remove("inheritedAttributes");
        }
        // The oldest tutorials first create a connection of this spec, without credentials.
        Some(id) => {
            let base = inherited::referred(app, caller, Resource::Connection, id, "/baseConnectionId").await?;
            if !draft {
                enabled(&base)?;
            }
            body.insert("inheritedAttributes".into(), json!({ "baseConnection": inherited::brief(&base) }));
        }
    }
    Ok(())
}

/// The dataset that `params` names, in either spelling.
fn dataset(body: &mut Map<String, Value>) -> Result<Option<String>> {
    let Some(params) = body.get_mut("params").and_then(Value::as_object_mut) else { return Ok(None) };
    if !params.contains_key("dataSetId")
        && let Some(id) = params.get("datasetId").cloned()
    {
        params.insert("dataSetId".into(), id);
    }
    match params.get("dataSetId") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(id)) if !id.is_empty() => Ok(Some(id.clone())),
        Some(_) => Err(invalid("params.dataSetId must be the id of a dataset").at(Place::pointer("/params/dataSetId"))),
    }
}

/// What is there of `data` has its type: a schema that cannot be read would never be compared with the dataset's.
fn data(data: &Value) -> Result<()> {
    let fits = |pointer: &str, value: &Value| match pointer {
        "/schema" => value.is_object(),
        _ => value.is_string(),
    };
    let rules = [("/format", "a text"), ("/schema", "an object with id and version"), ("/schema/id", "a text")];
    for (pointer, wanted) in rules {
        if data.pointer(pointer).is_some_and(|value| !value.is_null() && !fits(pointer, value)) {
            let message = format!("data{} must be {wanted}", pointer.replace('/', "."));
            return Err(invalid(message).at(Place::pointer(format!("/data{pointer}"))));
        }
    }
    Ok(())
}
