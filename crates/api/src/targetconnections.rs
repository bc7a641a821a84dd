//! Target connections: the dataset that data goes to, and its schema (FS §9.2).

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::connections::{connection_spec, enabled, named, refuse_draft, refuse_id, state};
use crate::inherited;
use crate::listing;
use crate::params::Params;
use crate::problem::{Problem, invalid};
use crate::sourceconnections::unused;
use crate::writing::{self, IfMatch, TRIES};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::Place;
use forebay_model::{Resource, Result, patch};
use forebay_store::New;
use serde_json::{Map, Value, json};

/// `POST /targetConnections`
#[utoipa::path(post, path = "/targetConnections", tag = "Target connections", request_body = Object,
    responses((status = 201, description = "`{id, etag}`"), (status = 400, description = "The body is refused")))]
pub async fn create_target_connection(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    Body(body): Body,
) -> Result<Response, Problem> {
    refuse_draft(&params)?;
    let mut body = writing::object(body, "the target connection")?;
    refuse_id(&body)?;
    caller.sign(&mut body);
    complete(&app, &caller, &mut body).await?;
    body.insert("state".into(), json!("enabled"));
    let new = New::new(Resource::TargetConnection, app.uuid(), Value::Object(body));
    let document = app.store.insert(&caller.scope, new, app.now()).await?;
    Ok(writing::created(&app, &document))
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
    let sent = if_match.required()?;
    let operations = patch::parse(&body)?;
    for _ in 0..TRIES {
        let old = caller.get(&app, Resource::TargetConnection, &id).await?;
        writing::check_version(sent, &old)?;
        let mut new = writing::object(patch::apply(&old.body, &operations)?, "the patched target connection")?;
        state(&new)?;
        complete(&app, &caller, &mut new).await?;
        if old.text("/params/dataSetId") != new["params"]["dataSetId"].as_str() {
            // The mapping of a flow was checked against the dataset's schema.
            unused(&app, &caller, "targetConnectionIds", &id).await?;
        }
        if let Some(document) = writing::replace(&app, &caller, &old, Some(sent), Value::Object(new), None).await? {
            return Ok(writing::changed(&document));
        }
    }
    Err(writing::too_busy(Resource::TargetConnection, &id).into())
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
    caller.get(&app, Resource::TargetConnection, &id).await?;
    unused(&app, &caller, "targetConnectionIds", &id).await?;
    app.store.delete(&caller.scope, Resource::TargetConnection, &id, if_match.optional(), app.now()).await?;
    Ok(writing::gone())
}

/// Checks a target connection and fills in what follows from it.
async fn complete(app: &App, caller: &Caller, body: &mut Map<String, Value>) -> Result<()> {
    named(body, false)?;
    let spec = connection_spec(body)?;
    if spec.get("targetSpec").is_none_or(Value::is_null) {
        return Err(invalid(format!("the connection spec {} is not a target", spec["name"]))
            .at(Place::pointer("/connectionSpec/id")));
    }
    if !body.get("data").is_some_and(Value::is_object) {
        return Err(invalid("data is missing: it names the schema").at(Place::pointer("/data")));
    }
    data(&body["data"])?;
    let at = || Place::pointer("/params/dataSetId");
    let Some(params) = body.get_mut("params").and_then(Value::as_object_mut) else {
        return Err(invalid("params.dataSetId is missing").at(at()));
    };
    if !params.contains_key("dataSetId")
        && let Some(id) = params.get("datasetId").cloned()
    {
        params.insert("dataSetId".into(), id);
    }
    let dataset = match params.get("dataSetId") {
        Some(Value::String(id)) if !id.is_empty() => id.clone(),
        _ => return Err(invalid("params.dataSetId is missing").at(at())),
    };
    inherited::referred(app, caller, Resource::Dataset, &dataset, "/params/dataSetId").await?;
    match body.get("baseConnectionId") {
        None | Some(Value::Null) => {
            body.remove("inheritedAttributes");
        }
        // The oldest tutorials first create a connection of this spec, without credentials.
        Some(Value::String(id)) => {
            let base = inherited::referred(app, caller, Resource::Connection, id, "/baseConnectionId").await?;
            enabled(&base)?;
            body.insert("inheritedAttributes".into(), json!({ "baseConnection": inherited::brief(&base) }));
        }
        Some(_) => {
            return Err(invalid("baseConnectionId must be a text").at(Place::pointer("/baseConnectionId")));
        }
    }
    Ok(())
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
