//! Data Prep (platform.md §5): mapping sets in either dialect, and the registry of the mapping language.
//!
//! A mapping set is stored once for each of its versions, as `<id>@<version>`, and once more under its bare id as the
//! newest: flows keep the version that they name (PL-MAP-1).

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::listing;
use crate::mappinghead;
use crate::params::Params;
use crate::problem::{Problem, bad};
use crate::writing::{TRIES, gone, json, object, too_busy};
use crate::xdm::Registry;
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::mapping;
use forebay_model::xdm::FieldTree;
use forebay_model::{Document, Error, Resource, Result, Time, code};
use forebay_store::New;
use http::StatusCode;
use serde_json::{Map, Value, json};

pub mod language;
pub mod preview;
mod shapes;

use shapes::{MappingSetBody, ValidationShown};

/// Mapping sets of a page at most, and of one that does not say.
const MAX_LIMIT: usize = 100;
const LIMIT: usize = 20;
/// Mapping sets that `start` may skip.
const MAX_START: usize = 100_000;

pub use mapping::schema_of;

/// `POST /mappingSets[?validate=False]`
#[utoipa::path(post, path = "/mappingSets", tag = "Data Prep", request_body = MappingSetBody, params(("validate" = Option<String>, Query)),
    responses((status = 200, description = "The id, and version 0"), (status = 400, description = "The mapping set is refused")))]
pub async fn create_mapping_set(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    Body(body): Body,
) -> Result<Response, Problem> {
    let mut body = object(body, "the mapping set")?;
    validated(&app, &caller, &params, &body).await?;
    let id = app.hex(32);
    let now = app.now();
    stamp(&app, &caller, &mut body, &id, 0, (now, now));
    let body = Value::Object(body);
    insert(&app, &caller, format!("{id}@0"), body.clone(), now).await?;
    insert(&app, &caller, id, body.clone(), now).await?;
    Ok(json(StatusCode::OK, &summary(&body)))
}

/// `GET /mappingSets`
#[utoipa::path(get, path = "/mappingSets", tag = "Data Prep",
    params(("limit" = Option<i64>, Query), ("start" = Option<i64>, Query), ("name" = Option<String>, Query), ("orderBy" = Option<String>, Query),
        ("expandSchema" = Option<bool>, Query)),
    responses((status = 200, description = "A page of mapping sets")))]
pub async fn list_mapping_sets(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    let limit = params.number("limit", 1, MAX_LIMIT)?.unwrap_or(LIMIT);
    let start = params.number("start", 0, MAX_START)?.unwrap_or(0);
    let name = params.one("name")?;
    let mut sets: Vec<Document> = listing::every(&app, &caller, Resource::MappingSet, &[]).await?;
    sets.retain(|set| !set.id.contains('@') && name.is_none_or(|name| set.text("/name") == Some(name)));
    if params.one("orderBy")?.is_some_and(|order| !order.starts_with("desc") && !order.starts_with('-')) {
        sets.reverse();
    }
    let mut data: Vec<Value> = sets.iter().skip(start).take(limit).map(|set| shown(&set.body)).collect();
    if params.flag("expandSchema")? {
        expand(&app, &caller, &mut data).await?;
    }
    let mut links = json!({});
    if start + limit < sets.len() {
        let next = format!("/data/foundation/conversion/mappingSets?start={}&limit={limit}", start + limit);
        links["next"] = json!({ "href": app.link(&next), "templated": false });
    }
    let page = json!({ "limit": limit, "count": data.len() });
    Ok(json(StatusCode::OK, &json!({ "data": data, "_page": page, "_links": links })))
}

/// `GET /mappingSets/{id}`: the newest version, in both dialects.
#[utoipa::path(get, path = "/mappingSets/{id}", tag = "Data Prep", params(("id" = String, Path), ("expandSchema" = Option<bool>, Query)),
    responses((status = 200, description = "The mapping set"), (status = 404, description = "Not found")))]
pub async fn get_mapping_set(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let mut set = shown(&newest(&app, &caller, &id).await?.body);
    if params.flag("expandSchema")? {
        expand(&app, &caller, std::slice::from_mut(&mut set)).await?;
    }
    Ok(json(StatusCode::OK, &set))
}

/// `PUT /mappingSets/{id}`: a new version. Flows keep theirs.
#[utoipa::path(put, path = "/mappingSets/{id}", tag = "Data Prep", request_body = MappingSetBody, params(("id" = String, Path), ("validate" = Option<String>, Query)),
    responses((status = 200, description = "The id and its new version"), (status = 404, description = "Not found")))]
pub async fn put_mapping_set(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
    Body(body): Body,
) -> Result<Response, Problem> {
    newest(&app, &caller, &id).await?;
    let body = object(body, "the mapping set")?;
    validated(&app, &caller, &params, &body).await?;
    Ok(json(StatusCode::OK, &summary(&next_version(&app, &caller, &id, body).await?)))
}

/// Stores a checked body as the next version of a set, and answers that version's number.
pub async fn renew(app: &App, caller: &Caller, id: &str, body: Map<String, Value>) -> Result<u64> {
    validated(app, caller, &Params::default(), &body).await?;
    Ok(next_version(app, caller, id, body).await?["version"].as_u64().unwrap_or(0))
}

/// Stores a body as the next version of a set.
async fn next_version(app: &App, caller: &Caller, id: &str, body: Map<String, Value>) -> Result<Value> {
    let mut version = 0;
    for _ in 0..TRIES {
        let now = app.now();
        let old = newest(app, caller, id).await?;
        version = u64::max(version, old.body["version"].as_u64().unwrap_or(0)) + 1;
        let mut body = body.clone();
        stamp(app, caller, &mut body, id, version, (old.created, now));
        let body = Value::Object(body);
        match insert(app, caller, format!("{id}@{version}"), body.clone(), now).await {
            Ok(_) => {}
            // Another request took this version, or took it and failed before it was the newest.
            Err(error) if error.kind == Kind::Conflict => continue,
            Err(error) => return Err(error),
        }
        let head = body.clone();
        let change = move |_: &Document, secrets: &forebay_store::Secrets| Ok((head, secrets.clone()));
        match app.store.update(&caller.scope, Resource::MappingSet, id, Some(&old.etag), now, change).await {
            Ok(_) => return Ok(body),
            Err(error) if error.kind == Kind::Stale => {}
            Err(error) => return Err(error),
        }
    }
    Err(too_busy(Resource::MappingSet, id))
}

/// `DELETE /mappingSets/{id}`: refused while flows use it.
#[utoipa::path(delete, path = "/mappingSets/{id}", tag = "Data Prep", params(("id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 409, description = "Flows use it")))]
pub async fn delete_mapping_set(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let set = newest(&app, &caller, &id).await?;
    let used = forebay_model::filter::parse(&[format!("transformations[].params.mappingId==\"{id}\"")])?;
    if app.store.count(&caller.scope, Resource::Flow, &used).await? > 0 {
        let message = format!("flows still use the mapping set {id}");
        return Err(Error::new(Kind::Conflict, &code::HTTP_409, message).advice("Delete the flows first.").into());
    }
    app.store.delete(&caller.scope, Resource::MappingSet, &id, None, app.now()).await?;
    for version in 0..=set.body["version"].as_u64().unwrap_or(0) {
        let id = format!("{id}@{version}");
        match app.store.delete(&caller.scope, Resource::MappingSet, &id, None, app.now()).await {
            Err(error) if error.kind != Kind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(gone())
}

/// `GET /mappingSets/{id}/mappings`
#[utoipa::path(get, path = "/mappingSets/{id}/mappings", tag = "Data Prep", params(("id" = String, Path)),
    responses((status = 200, description = "The mappings"), (status = 404, description = "Not found")))]
pub async fn list_mappings(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let set = shown(&newest(&app, &caller, &id).await?.body);
    let mappings = set["mappings"].as_array().cloned().unwrap_or_default();
    let page = json!({ "limit": mappings.len(), "count": mappings.len() });
    Ok(json(StatusCode::OK, &json!({ "data": mappings, "_page": page, "_links": {} })))
}

/// `GET /mappingSets/{id}/mappings/{mid}`
#[utoipa::path(get, path = "/mappingSets/{id}/mappings/{mid}", tag = "Data Prep", params(("id" = String, Path), ("mid" = String, Path)),
    responses((status = 200, description = "The mapping"), (status = 404, description = "Not found")))]
pub async fn get_mapping(
    State(app): State<App>,
    caller: Caller,
    Path((id, mid)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let mut set = shown(&newest(&app, &caller, &id).await?.body);
    for mapping in set["mappings"].as_array_mut().into_iter().flatten() {
        if mapping["id"] == mid.as_str() {
            return Ok(json(StatusCode::OK, mapping));
        }
    }
    let message = format!("the mapping set {id} has no mapping with the id {mid:?}");
    Err(Error::new(Kind::NotFound, &code::HTTP_404, message).into())
}

/// `POST /mappingSets/validate`: one answer for each mapping.
#[utoipa::path(post, path = "/mappingSets/validate", tag = "Data Prep", request_body = MappingSetBody,
    responses((status = 200, description = "One answer for each mapping", body = ValidationShown), (status = 400, description = "Not a mapping set")))]
pub async fn validate_mapping_set(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body,
) -> Result<Response, Problem> {
    let body = object(body, "the mapping set")?;
    mappinghead::check(&body)?;
    let faults = faults(&app, &caller, &Value::Object(body)).await?;
    let answers: Vec<Value> = faults
        .iter()
        .map(|faults| {
            let errors: Vec<Value> = faults.iter().map(fault).collect();
            json!({ "status": if errors.is_empty() { "SUCCESS" } else { "FAILED" }, "errors": errors })
        })
        .collect();
    Ok(json(StatusCode::OK, &json!({ "validationResponse": answers })))
}

fn fault(error: &Error) -> Value {
    let mut shown = json!({ "code": error.code.id, "message": error.message });
    match &error.at {
        Some(Place::Pointer { pointer }) => shown["pointer"] = json!(pointer),
        Some(Place::Span { start, end }) => shown["span"] = json!({ "start": start, "end": end }),
        _ => {}
    }
    shown
}

/// The version of a mapping set that a flow's transformation names: FLOW-1419 without the set, FLOW-1412 without the
/// version. A version is an integer, as a number or in digits; without one it is the first.
pub async fn version(app: &App, caller: &Caller, params: &Value, pointer: &impl Fn(&str) -> String) -> Result<Value> {
    let refuse = |code, message: String, member: &str| {
        Err(Error::new(Kind::Invalid, code, message).at(Place::pointer(pointer(member))))
    };
    let Some(id) = params["mappingId"].as_str().filter(|id| !id.is_empty() && !id.contains('@')) else {
        return refuse(&code::FLOW_1419, "mappingId is missing".into(), "mappingId");
    };
    match caller.get(app, Resource::MappingSet, id).await {
        Ok(_) => {}
        Err(error) if error.kind == Kind::NotFound => {
            return refuse(&code::FLOW_1419, format!("there is no mapping set with the id {id:?}"), "mappingId");
        }
        Err(error) => return Err(error),
    }
    let version = match &params["mappingVersion"] {
        Value::Null => Some(0),
        Value::String(text) => text.parse::<u64>().ok().filter(|version| version.to_string() == *text),
        value => value.as_u64(),
    };
    let Some(version) = version else {
        return refuse(&code::FLOW_1412, "mappingVersion must be a whole number".into(), "mappingVersion");
    };
    match caller.get(app, Resource::MappingSet, &format!("{id}@{version}")).await {
        Ok(set) => Ok(set.body),
        Err(error) if error.kind == Kind::NotFound => {
            refuse(&code::FLOW_1412, format!("the mapping set {id} has no version {version}"), "mappingVersion")
        }
        Err(error) => Err(error),
    }
}

async fn newest(app: &App, caller: &Caller, id: &str) -> Result<Document> {
    if id.contains('@') {
        let message = format!("there is no mapping set with the id {id:?}");
        return Err(Error::new(Kind::NotFound, &code::HTTP_404, message));
    }
    caller.get(app, Resource::MappingSet, id).await
}

async fn insert(app: &App, caller: &Caller, id: String, body: Value, now: Time) -> Result<Document> {
    let mut new = New::new(Resource::MappingSet, id, body);
    new.stamp = false;
    app.store.insert(&caller.scope, new, now).await
}

/// Refuses a set with a fault, unless the caller waives the check (`validate=False`).
async fn validated(app: &App, caller: &Caller, params: &Params, body: &Map<String, Value>) -> Result<()> {
    mappinghead::check(body)?;
    if params.one("validate")?.is_some_and(|text| text.eq_ignore_ascii_case("false")) {
        return Ok(());
    }
    let body = Value::Object(body.clone());
    for faults in faults(app, caller, &body).await? {
        if let Some(mut fault) = faults.into_iter().next() {
            fault.code = &code::FLOW_1419;
            return Err(fault);
        }
    }
    Ok(())
}

/// The faults of each mapping, against the schema that the set names.
async fn faults(app: &App, caller: &Caller, body: &Value) -> Result<Vec<Vec<Error>>> {
    mapping::validate(body, target(app, caller, body).await?.as_ref())
}

/// The fields of the schema that a set names; none where it names none.
async fn target(app: &App, caller: &Caller, body: &Value) -> Result<Option<FieldTree>> {
    let Some(id) = schema_of(body) else { return Ok(None) };
    match Registry::open(app, caller).await?.tree(id) {
        Ok(tree) => Ok(Some(tree)),
        Err(error) if error.kind == Kind::NotFound => {
            let member = if body.pointer("/outputSchema/schemaRef/id").is_some_and(|current| current == id) {
                "/outputSchema/schemaRef/id"
            } else {
                "/xdmSchema"
            };
            Err(bad(format!("the mapping set names the schema {id}, which does not exist")).at(Place::pointer(member)))
        }
        Err(error) => Err(error),
    }
}

/// Puts the schema, its parts merged, beside each reference to it (`expandSchema`). One that is gone stays a reference.
async fn expand(app: &App, caller: &Caller, sets: &mut [Value]) -> Result<()> {
    let registry = Registry::open(app, caller).await?;
    for set in sets {
        let schema = schema_of(set).and_then(|id| registry.find(id));
        if let Some(schema) = schema {
            set["outputSchema"]["jsonSchema"] = registry.full(&schema)?;
        }
    }
    Ok(())
}

/// Writes what the server knows into a set and its mappings.
fn stamp(
    app: &App,
    caller: &Caller,
    body: &mut Map<String, Value>,
    id: &str,
    version: u64,
    (created, modified): (Time, Time),
) {
    let known = json!({
        "id": id,
        "version": version,
        "createdDate": created.timestamp_millis(),
        "modifiedDate": modified.timestamp_millis(),
        "createdBy": caller.member.account,
        "modifiedBy": caller.member.account,
    });
    for (name, value) in known.as_object().into_iter().flatten() {
        body.insert(name.clone(), value.clone());
    }
    for mapping in body.get_mut("mappings").and_then(Value::as_array_mut).into_iter().flatten() {
        if mapping.is_object() && !mapping["id"].is_string() {
            mapping["id"] = json!(app.hex(32));
        }
    }
}

fn summary(body: &Value) -> Value {
    let mut summary = Map::new();
    for name in ["id", "version", "createdDate", "modifiedDate", "createdBy", "modifiedBy"] {
        summary.insert(name.into(), body[name].clone());
    }
    Value::Object(summary)
}

/// A set in both dialects (P-1): what the caller wrote, and the other dialect's members beside it.
fn shown(body: &Value) -> Value {
    let mut set = body.clone();
    if let Some(schema) = schema_of(body) {
        if set["xdmSchema"].is_null() {
            set["xdmSchema"] = json!(schema);
            set["xdmVersion"] = json!("1.0");
        }
        if set["outputSchema"].is_null() {
            let content = "application/vnd.adobe.xed-full+json;version=1";
            set["outputSchema"] = json!({ "schemaRef": { "id": schema, "contentType": content } });
        }
    }
    for mapping in set["mappings"].as_array_mut().into_iter().flatten() {
        if !mapping.is_object() {
            continue;
        }
        let fill = |mapping: &mut Value, name: &str, value: Value| {
            if mapping[name].is_null() {
                mapping[name] = value;
            }
        };
        let legacy = mapping["destination"].is_null();
        if legacy {
            let (to, from) = (mapping["destinationXdmPath"].clone(), mapping["sourceAttribute"].clone());
            fill(mapping, "destination", to);
            fill(mapping, "source", from);
            fill(mapping, "sourceType", json!("ATTRIBUTE"));
        } else {
            let (to, from) = (mapping["destination"].clone(), mapping["source"].clone());
            fill(mapping, "destinationXdmPath", to);
            let kind = mapping["sourceType"].as_str().unwrap_or("ATTRIBUTE").to_ascii_lowercase();
            if kind == "attribute" || kind == "text/x.schema-path" {
                fill(mapping, "sourceAttribute", from);
            }
            fill(mapping, "identity", json!(false));
        }
        fill(mapping, "version", json!(0));
    }
    set
}
