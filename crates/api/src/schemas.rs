//! The schema registry (platform.md §3): schemas, field groups, data types and classes, in the tenant's container and
//! the global one.

mod accept;
pub mod descriptors;
mod lists;

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::identity;
use crate::listing;
use crate::params::Params;
use crate::problem::Problem;
use crate::writing::{gone, json, object};
use crate::xdm::{Registry, breaks, same, unknown};
use accept::{Accept, Shape};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::Kind;
use forebay_model::{Document, Error, Resource, Result, Time, code, patch, xdm};
use forebay_store::New;
use http::StatusCode;
use serde_json::{Map, Value, json};

const GLOBAL_VERSION: &str = "1.50.0";

/// `GET /stats`
#[utoipa::path(get, path = "/stats", tag = "Schema registry", responses((status = 200, description = "The tenant and its counts")))]
pub async fn get_stats(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    let registry = Registry::open(&app, &caller).await?;
    let mut counts = Map::new();
    let mut usage = Map::new();
    for document in &registry.documents {
        let kind = document.text("/meta:resourceType").unwrap_or_default();
        increment(&mut counts, kind);
        if let Some(class) = document.text("/meta:class").filter(|_| kind == "schemas") {
            increment(&mut usage, class);
        }
    }
    let recent: Vec<Value> = registry.documents.iter().take(10).map(|d| lists::brief(&d.body)).collect();
    let body = json!({
        "imsOrg": caller.member.org,
        "tenantId": caller.member.tenant,
        "counts": counts,
        "recentlyCreatedResources": recent,
        "recentlyUpdatedResources": recent,
        "classUsage": usage,
    });
    Ok(json(StatusCode::OK, &body))
}

fn increment(counts: &mut Map<String, Value>, name: &str) {
    let count = counts.get(name).and_then(Value::as_u64).unwrap_or(0);
    counts.insert(name.into(), json!(count + 1));
}

/// `GET /tenant/{kind}`: the sandbox's own resources.
#[utoipa::path(get, path = "/tenant/{kind}", tag = "Schema registry",
    params(("kind" = String, Path, description = "`schemas`, `fieldgroups`, `datatypes` or `classes`"),
        ("property" = Option<Vec<String>>, Query), ("orderby" = Option<String>, Query), ("start" = Option<String>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, description = "A page of resources"), (status = 400, description = "Accept does not fit")))]
pub async fn list_tenant_schemas(
    State(app): State<App>,
    caller: Caller,
    Path(kind): Path<String>,
    params: Params,
    accept: Accept,
) -> Result<Response, Problem> {
    Ok(lists::list(&app, &caller, "tenant", &kind, &params, &accept).await?)
}

/// `GET /global/{kind}`: everybody's resources.
#[utoipa::path(get, path = "/global/{kind}", tag = "Schema registry",
    params(("kind" = String, Path, description = "`schemas`, `fieldgroups`, `datatypes` or `classes`"),
        ("property" = Option<Vec<String>>, Query), ("orderby" = Option<String>, Query), ("start" = Option<String>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, description = "A page of resources"), (status = 400, description = "Accept does not fit")))]
pub async fn list_global_schemas(
    State(app): State<App>,
    caller: Caller,
    Path(kind): Path<String>,
    params: Params,
    accept: Accept,
) -> Result<Response, Problem> {
    Ok(lists::list(&app, &caller, "global", &kind, &params, &accept).await?)
}

/// `GET /tenant/{kind}/{id}`: one resource, by `meta:altId` or the URL-encoded `$id`.
#[utoipa::path(get, path = "/tenant/{kind}/{id}", tag = "Schema registry",
    params(("kind" = String, Path), ("id" = String, Path), ("Accept" = String, Header)),
    responses((status = 200, description = "The resource"), (status = 400, description = "Accept lacks a version"), (status = 404, description = "Not found")))]
pub async fn get_tenant_schema(
    State(app): State<App>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    accept: Accept,
) -> Result<Response, Problem> {
    Ok(look_up(&app, &caller, "tenant", &kind, &id, &accept).await?)
}

/// `GET /global/{kind}/{id}`: one resource, by `meta:altId` or the URL-encoded `$id`.
#[utoipa::path(get, path = "/global/{kind}/{id}", tag = "Schema registry",
    params(("kind" = String, Path), ("id" = String, Path), ("Accept" = String, Header)),
    responses((status = 200, description = "The resource"), (status = 400, description = "Accept lacks a version"), (status = 404, description = "Not found")))]
pub async fn get_global_schema(
    State(app): State<App>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    accept: Accept,
) -> Result<Response, Problem> {
    Ok(look_up(&app, &caller, "global", &kind, &id, &accept).await?)
}

async fn look_up(
    app: &App,
    caller: &Caller,
    container: &str,
    kind: &str,
    id: &str,
    accept: &Accept,
) -> Result<Response> {
    let kind = Place::of(container, kind)?;
    let shape = accept.look_up()?;
    let registry = Registry::open(app, caller).await?;
    let body = match kind.global {
        true => xdm::globals(kind.kind).iter().find(|body| body["$id"] == id || body["meta:altId"] == id).cloned(),
        false => find(&registry, kind.kind, id).map(|document| document.body.clone()),
    };
    let Some(body) = body else {
        return Err(unknown(id));
    };
    let mut shown = match shape {
        Shape::Full { .. } => registry.full(&body)?,
        _ => body,
    };
    if let Shape::Full { texts: false, .. } | Shape::Raw { texts: false } = shape {
        without_texts(&mut shown);
    }
    if let Shape::Full { descriptors: true, .. } = shape {
        let own = shown["$id"].as_str().unwrap_or(id).to_string();
        shown["meta:descriptors"] =
            identity::descriptors(app, caller, &own).await?.into_iter().map(|d| d.body).collect();
    }
    Ok(json(StatusCode::OK, &shown))
}

/// Takes `title` and `description` out of a resource; a property of that name stays.
fn without_texts(value: &mut Value) {
    let Value::Object(node) = value else { return };
    node.retain(|name, value| !(value.is_string() && (name == "title" || name == "description")));
    for (name, value) in node.iter_mut() {
        match value {
            Value::Object(children) if name == "properties" || name == "definitions" => {
                children.values_mut().for_each(without_texts);
            }
            Value::Array(items) => items.iter_mut().for_each(without_texts),
            other => without_texts(other),
        }
    }
}

/// `POST /tenant/{kind}`
#[utoipa::path(post, path = "/tenant/{kind}", tag = "Schema registry", request_body = Object, params(("kind" = String, Path)),
    responses((status = 201, description = "The whole resource"), (status = 400, description = "The definition is refused")))]
pub async fn create_schema(
    State(app): State<App>,
    caller: Caller,
    Path(kind): Path<String>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let kind = Place::of("tenant", &kind)?.kind;
    let name = app.hex(48);
    let now = app.now();
    let registry = Registry::open(&app, &caller).await?;
    let tenant = &caller.member.tenant;
    let identity = Identity {
        kind,
        id: format!("https://ns.adobe.com/{tenant}/{kind}/{name}"),
        alt: format!("_{tenant}.{kind}.{name}"),
        version: "1.0".into(),
        created: now,
        updated: now,
    };
    let body = defined(&app, &caller, &registry, body, &identity)?;
    let mut new = New::new(Resource::Schema, name, body);
    new.stamp = false;
    let document = app.store.insert(&caller.scope, new, now).await?;
    Ok(json(StatusCode::CREATED, &document.body))
}

/// `PUT /tenant/{kind}/{id}`: replaces a definition.
#[utoipa::path(put, path = "/tenant/{kind}/{id}", tag = "Schema registry", request_body = Object,
    params(("kind" = String, Path), ("id" = String, Path)),
    responses((status = 200, description = "The whole resource"), (status = 400, description = "The change would break stored data")))]
pub async fn put_schema(
    State(app): State<App>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    Body(body): Body,
) -> Result<Response, Problem> {
    Ok(rewrite(&app, &caller, &kind, &id, |_| Ok(body)).await?)
}

/// `PATCH /tenant/{kind}/{id}`: JSON Patch.
#[utoipa::path(patch, path = "/tenant/{kind}/{id}", tag = "Schema registry", request_body = Object,
    params(("kind" = String, Path), ("id" = String, Path)),
    responses((status = 200, description = "The whole resource"), (status = 400, description = "The change would break stored data")))]
pub async fn patch_schema(
    State(app): State<App>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let operations = patch::parse(&body)?;
    Ok(rewrite(&app, &caller, &kind, &id, |old| patch::apply(old, &operations)).await?)
}

/// `DELETE /tenant/{kind}/{id}`: refused while a dataset or another resource refers to it.
#[utoipa::path(delete, path = "/tenant/{kind}/{id}", tag = "Schema registry",
    params(("kind" = String, Path), ("id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 409, description = "Still in use")))]
pub async fn delete_schema(
    State(app): State<App>,
    caller: Caller,
    Path((kind, id)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let kind = Place::of("tenant", &kind)?.kind;
    let registry = Registry::open(&app, &caller).await?;
    let Some(document) = find(&registry, kind, &id) else {
        return Err(unknown(&id).into());
    };
    let own = document.text("/$id").unwrap_or_default();
    let datasets = datasets_of(&app, &caller).await?;
    let by_dataset = datasets.iter().find(|d| same(d.text("/schemaRef/id").unwrap_or_default(), own));
    let by_resource = registry.documents.iter().find(|d| d.id != document.id && refers(&d.body, own));
    let descriptors = identity::descriptors(&app, &caller, own).await?;
    if let Some(user) = by_dataset.or(by_resource).or(descriptors.first()) {
        let title = ["/title", "/name", "/@type"].iter().find_map(|at| user.text(at)).unwrap_or_default();
        let message = format!("{id} is still in use by {} {} {title:?}", user.resource.name(), user.id);
        return Err(Error::new(Kind::Conflict, &code::HTTP_409, message).advice("Delete that first.").into());
    }
    app.store.delete(&caller.scope, Resource::Schema, &document.id, None, app.now()).await?;
    Ok(gone())
}

/// A container and a kind that exist.
struct Place {
    global: bool,
    kind: &'static str,
}

impl Place {
    fn of(container: &str, kind: &str) -> Result<Place> {
        let kind = match kind {
            "schemas" => "schemas",
            // Two names for the same things.
            "fieldgroups" | "mixins" => "fieldgroups",
            "datatypes" => "datatypes",
            "classes" => "classes",
            _ => return Err(unknown(kind)),
        };
        match container {
            "tenant" => Ok(Place { global: false, kind }),
            "global" => Ok(Place { global: true, kind }),
            _ => Err(unknown(container)),
        }
    }
}

/// What the registry itself says of a resource.
struct Identity {
    kind: &'static str,
    /// `$id`
    id: String,
    /// `meta:altId`
    alt: String,
    version: String,
    created: Time,
    updated: Time,
}

fn find<'a>(registry: &'a Registry, kind: &str, id: &str) -> Option<&'a Document> {
    registry
        .documents
        .iter()
        .filter(|document| document.text("/meta:resourceType") == Some(kind))
        .find(|document| document.text("/$id") == Some(id) || document.text("/meta:altId") == Some(id))
}

async fn datasets_of(app: &App, caller: &Caller) -> Result<Vec<Document>> {
    listing::every(app, caller, Resource::Dataset, &[]).await
}

/// Whether a resource refers to `id` anywhere.
fn refers(value: &Value, id: &str) -> bool {
    match value {
        Value::Object(members) => {
            members.get("$ref").and_then(Value::as_str).is_some_and(|target| same(target, id))
                || members.values().any(|member| refers(member, id))
        }
        Value::Array(items) => items.iter().any(|item| refers(item, id)),
        _ => false,
    }
}

/// A definition as it is stored and shown (platform.md §3.3).
fn defined(app: &App, caller: &Caller, registry: &Registry, body: Value, identity: &Identity) -> Result<Value> {
    let kind = identity.kind;
    let mut body = object(body, "the definition")?;
    body.entry("type").or_insert(json!("object"));
    let mut definition = Value::Object(body);
    let lookup = |id: &str| registry.find(id);
    xdm::check_new(&definition, &lookup)?;
    let mut refs = Vec::new();
    for part in definition["allOf"].as_array_mut().into_iter().flatten() {
        let Some(target) = part["$ref"].as_str().map(str::to_string) else {
            continue;
        };
        if !target.starts_with('#') {
            part["type"] = json!("object");
            part["meta:xdmType"] = json!("object");
            refs.push(target);
        }
    }
    let class = xdm::class_of(&definition, &lookup);
    if kind == "schemas" && class.is_none() {
        let message = "a schema needs a class: name one in allOf, such as https://ns.adobe.com/xdm/context/profile";
        return Err(Error::new(Kind::Invalid, &code::HTTP_400, message));
    }
    let mut extends: Vec<Value> = Vec::new();
    for target in &refs {
        let behind = lookup(target).map(|found| found["meta:extends"].clone());
        let behind = behind.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
        for id in std::iter::once(json!(target)).chain(behind) {
            if !extends.contains(&id) {
                extends.push(id);
            }
        }
    }
    let computed = json!({
        "$id": identity.id,
        "meta:altId": identity.alt,
        "meta:resourceType": kind,
        "version": identity.version,
        "refs": refs,
        "imsOrg": caller.member.org,
        "meta:extensible": kind != "schemas",
        "meta:abstract": kind != "schemas",
        "meta:extends": extends,
        "meta:xdmType": "object",
        "meta:containerId": "tenant",
        "meta:sandboxId": caller.scope.sandbox,
        "meta:sandboxType": "production",
        "meta:tenantNamespace": format!("_{}", caller.member.tenant),
        "meta:registryMetadata": {
            "repo:createdDate": identity.created.timestamp_millis(),
            "repo:lastModifiedDate": identity.updated.timestamp_millis(),
            "xdm:createdClientId": caller.member.client,
            "xdm:createdUserId": caller.member.account,
            "xdm:lastModifiedClientId": caller.member.client,
            "xdm:lastModifiedUserId": caller.member.account,
            "eTag": app.hex(32),
            "meta:globalLibVersion": GLOBAL_VERSION,
        },
    });
    for (name, value) in computed.as_object().into_iter().flatten() {
        definition[name] = value.clone();
    }
    if let Some(class) = class {
        definition["meta:class"] = json!(class);
    }
    Ok(definition)
}

/// Stores a changed definition, unless it would break data that is stored under it.
async fn rewrite(
    app: &App,
    caller: &Caller,
    kind: &str,
    id: &str,
    change: impl FnOnce(&Value) -> Result<Value>,
) -> Result<Response> {
    let kind = Place::of("tenant", kind)?.kind;
    let mut registry = Registry::open(app, caller).await?;
    let Some(document) = find(&registry, kind, id).cloned() else {
        return Err(unknown(id));
    };
    let now = app.now();
    let identity = Identity {
        kind,
        id: document.text("/$id").unwrap_or_default().to_string(),
        alt: document.text("/meta:altId").unwrap_or_default().to_string(),
        version: next_version(document.text("/version").unwrap_or("1.0")),
        created: document.created,
        updated: now,
    };
    let new = defined(app, caller, &registry, change(&document.body)?, &identity)?;
    let datasets = datasets_of(app, caller).await?;
    let mut before = Vec::new();
    for dataset in &datasets {
        let schema = dataset.text("/schemaRef/id").unwrap_or_default();
        before.push((dataset, schema, registry.tree(schema)?));
    }
    registry.put(&new);
    for (dataset, schema, old) in before {
        if let Some(fault) = breaks(&old.fields, &registry.tree(schema)?.fields, "") {
            let message = format!("dataset {} has this schema, and {fault}", dataset.id);
            return Err(
                Error::new(Kind::Conflict, &code::HTTP_400, message).advice("A schema in use can only be extended.")
            );
        }
    }
    identity::still_fit(app, caller, &registry).await?;
    let stored = new.clone();
    let etag = document.etag.clone();
    app.store
        .update(&caller.scope, Resource::Schema, &document.id, Some(&etag), now, move |_, secrets| {
            Ok((stored, secrets.clone()))
        })
        .await?;
    Ok(json(StatusCode::OK, &new))
}

/// `1.3` after `1.2`.
fn next_version(version: &str) -> String {
    let minor = version.split_once('.').and_then(|(_, minor)| minor.parse::<u64>().ok()).unwrap_or(0);
    format!("1.{}", minor + 1)
}
