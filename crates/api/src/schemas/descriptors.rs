//! Descriptors (platform.md §3.4): what is said of a schema's fields. The one that the rest of the program acts on is
//! the primary identity; of others it is checked that their schema is there.
//!
//! A schema has one primary identity at most: its descriptor's id is made of the schema's, so that the store refuses a
//! second one however many are sent at once.

use super::accept::{Accept, Described, Form};
use super::lists;
use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::identity as guard;
use crate::labels::keeps_seal;
use crate::listing;
use crate::params::Params;
use crate::problem::Problem;
use crate::writing::{gone, json, object};
use crate::xdm::{Registry, unknown};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::identity::{self, DESCRIPTOR};
use forebay_model::{Document, Error, Resource, Result, Time, code};
use forebay_store::New;
use http::StatusCode;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Hex digits of a descriptor's id.
const DIGITS: usize = 40;

/// `GET /tenant/descriptors`: by their types, or in pages with `xdm-v2`.
#[utoipa::path(get, path = "/tenant/descriptors", tag = "Schema registry",
    params(("property" = Option<Vec<String>>, Query), ("orderby" = Option<String>, Query), ("start" = Option<String>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, description = "The descriptors"), (status = 400, description = "Accept does not fit")))]
pub async fn list_tenant_descriptors(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    accept: Accept,
) -> Result<Response, Problem> {
    let form = accept.descriptors()?;
    let documents = listing::every(&app, &caller, Resource::Descriptor, &[]).await?;
    let found = documents.into_iter().map(|document| (document.body, document.updated)).collect();
    Ok(list(&app, &params, found, "tenant", form)?)
}

/// `GET /global/descriptors`: there are none.
#[utoipa::path(get, path = "/global/descriptors", tag = "Schema registry",
    params(("property" = Option<Vec<String>>, Query), ("orderby" = Option<String>, Query), ("start" = Option<String>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, description = "An empty list"), (status = 400, description = "Accept does not fit")))]
pub async fn list_global_descriptors(
    State(app): State<App>,
    _caller: Caller,
    params: Params,
    accept: Accept,
) -> Result<Response, Problem> {
    Ok(list(&app, &params, Vec::new(), "global", accept.descriptors()?)?)
}

fn list(app: &App, params: &Params, found: Vec<(Value, Time)>, container: &str, how: Described) -> Result<Response> {
    let show = |body: &Value| match how.form {
        Form::Id => body["@id"].clone(),
        Form::Link => json!(format!("/{container}/descriptors/{}", body["@id"].as_str().unwrap_or_default())),
        Form::Whole => body.clone(),
    };
    if how.paged {
        let page = lists::page(app, params, found, &format!("{container}/descriptors"), show)?;
        return Ok(json(StatusCode::OK, &page));
    }
    let (found, _) = lists::ordered(params, found)?;
    let mut types: Map<String, Value> = Map::new();
    for body in &found {
        let kind = body["@type"].as_str().unwrap_or_default();
        if let Value::Array(list) = types.entry(kind).or_insert(json!([])) {
            list.push(show(body));
        }
    }
    Ok(json(StatusCode::OK, &Value::Object(types)))
}

/// `GET /tenant/descriptors/{id}`
#[utoipa::path(get, path = "/tenant/descriptors/{id}", tag = "Schema registry", params(("id" = String, Path), ("Accept" = String, Header)),
    responses((status = 200, description = "The descriptor"), (status = 400, description = "Accept does not fit"), (status = 404, description = "Not found")))]
pub async fn get_descriptor(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    accept: Accept,
) -> Result<Response, Problem> {
    accept.descriptor()?;
    Ok(json(StatusCode::OK, &find(&app, &caller, &id).await?.body))
}

/// `POST /tenant/descriptors`
#[utoipa::path(post, path = "/tenant/descriptors", tag = "Schema registry", request_body = Object,
    responses((status = 201, description = "The whole descriptor"), (status = 400, description = "It does not fit the schema"),
        (status = 409, description = "The schema has a primary identity, or a dataset of it has rows, or a flow cannot go by this one")))]
pub async fn create_descriptor(State(app): State<App>, caller: Caller, Body(body): Body) -> Result<Response, Problem> {
    let registry = Registry::open(&app, &caller).await?;
    let mut body = checked(&caller, &registry, body)?;
    let schema = body["xdm:sourceSchema"].as_str().unwrap_or_default().to_string();
    let primary = identity::is_primary(&body);
    let id = if primary { primary_id(&schema) } else { app.hex(DIGITS) };
    if primary {
        match caller.get(&app, Resource::Descriptor, &id).await {
            Ok(there) => return Err(second(&there.body).into()),
            Err(error) if error.kind == Kind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        guard::unwritten(&app, &caller, &schema).await?;
        guard::suits_flows(&app, &caller, &schema, &body).await?;
    }
    body["@id"] = json!(id);
    let new = New::new(Resource::Descriptor, id, body.clone()).unstamped();
    match app.store.insert(&caller.scope, new, app.now()).await {
        Ok(document) => Ok(json(StatusCode::CREATED, &document.body)),
        Err(error) if error.kind == Kind::Conflict => Err(second(&body).into()),
        Err(error) => Err(error.into()),
    }
}

/// `PUT /tenant/descriptors/{id}`: replaces a descriptor by one of the same type and schema.
#[utoipa::path(put, path = "/tenant/descriptors/{id}", tag = "Schema registry", request_body = Object, params(("id" = String, Path)),
    responses((status = 200, description = "The whole descriptor"), (status = 400, description = "It does not fit the schema"),
        (status = 404, description = "Not found"), (status = 409, description = "A dataset of the schema has rows")))]
pub async fn put_descriptor(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let old = find(&app, &caller, &id).await?;
    let registry = Registry::open(&app, &caller).await?;
    let mut body = checked(&caller, &registry, body)?;
    for member in ["@type", "xdm:sourceSchema", "xdm:isPrimary"] {
        if body[member] != old.body[member] {
            return Err(refused(format!("`{member}` of a descriptor cannot change"), member)
                .advice("Delete the descriptor and create another.")
                .into());
        }
    }
    keeps_seal(&caller, &old.body, &body)?;
    if identity::is_primary(&body) && body["xdm:sourceProperty"] != old.body["xdm:sourceProperty"] {
        let schema = body["xdm:sourceSchema"].as_str().unwrap_or_default();
        guard::unwritten(&app, &caller, schema).await?;
        guard::suits_flows(&app, &caller, schema, &body).await?;
    }
    body["@id"] = json!(id);
    let change = move |_: &Document, secrets: &forebay_store::Secrets| Ok((body, secrets.clone()));
    let document =
        app.store.update(&caller.scope, Resource::Descriptor, &id, Some(&old.etag), app.now(), change).await?;
    Ok(json(StatusCode::OK, &document.body))
}

/// `DELETE /tenant/descriptors/{id}`: a primary identity stays while a dataset of the schema has rows.
#[utoipa::path(delete, path = "/tenant/descriptors/{id}", tag = "Schema registry", params(("id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 404, description = "Not found"), (status = 409, description = "Still in use")))]
pub async fn delete_descriptor(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let old = find(&app, &caller, &id).await?;
    keeps_seal(&caller, &old.body, &Value::Null)?;
    if identity::is_primary(&old.body) {
        let schema = old.text("/xdm:sourceSchema").unwrap_or_default();
        guard::unwritten(&app, &caller, schema).await?;
        guard::unneeded(&app, &caller, schema).await?;
    }
    app.store.delete(&caller.scope, Resource::Descriptor, &id, Some(&old.etag), app.now()).await?;
    Ok(gone())
}

async fn find(app: &App, caller: &Caller, id: &str) -> Result<Document> {
    match caller.get(app, Resource::Descriptor, id).await {
        Err(error) if error.kind == Kind::NotFound => Err(unknown(id)),
        found => found,
    }
}

/// A descriptor as it is stored and shown, but for its id.
fn checked(caller: &Caller, registry: &Registry, body: Value) -> Result<Value> {
    let mut body = Value::Object(object(body, "the descriptor")?);
    let kind = body["@type"].as_str().filter(|text| text.starts_with("xdm:") && text.len() > "xdm:".len());
    let Some(kind) = kind.map(str::to_string) else {
        return Err(refused(format!("`@type` must name a type of descriptor, such as {DESCRIPTOR}"), "@type"));
    };
    let at = "xdm:sourceSchema";
    let Some(id) = body[at].as_str().filter(|id| !id.is_empty()) else {
        return Err(refused("`xdm:sourceSchema` is missing: it is the $id of a schema".into(), at));
    };
    let schema = registry.find(id).filter(|found| kind != DESCRIPTOR || found["meta:resourceType"] == "schemas");
    let Some(schema) = schema else {
        return Err(refused(format!("`xdm:sourceSchema` names the schema {id}, which does not exist"), at));
    };
    let own = schema["$id"].as_str().unwrap_or(id).to_string();
    if body["xdm:sourceVersion"].is_null() {
        body["xdm:sourceVersion"] = json!(1);
    }
    if kind == DESCRIPTOR {
        identity::check(&body, &registry.tree(&own)?)?;
        if body["xdm:property"].is_null() {
            body["xdm:property"] = json!("xdm:code");
        }
        body["xdm:isPrimary"] = json!(identity::is_primary(&body));
    }
    let computed = json!({
        at: own,
        "imsOrg": caller.member.org,
        "version": "1",
        "meta:containerId": "tenant",
        "meta:sandboxId": caller.scope.sandbox,
        "meta:sandboxType": registry.sandbox_type,
    });
    for (name, value) in computed.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    Ok(body)
}

/// The id of the descriptor that says a schema's primary identity.
fn primary_id(schema: &str) -> String {
    let hash = Sha256::digest(format!("primary identity of {schema}"));
    let mut id: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    id.truncate(DIGITS);
    id
}

/// A schema has one primary identity at most.
fn second(there: &Value) -> Error {
    let property = there["xdm:sourceProperty"].as_str().unwrap_or_default();
    let message = format!("the schema has a primary identity already: {property}");
    Error::new(Kind::Conflict, &code::HTTP_409, message)
        .at(Place::pointer("/xdm:isPrimary"))
        .advice("Replace or delete that descriptor, or send this one with \"xdm:isPrimary\": false.")
}

fn refused(message: String, member: &str) -> Error {
    Error::new(Kind::Invalid, &code::XDM_1020, message).at(Place::pointer(format!("/{member}")))
}
