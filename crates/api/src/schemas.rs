//! The schema registry (platform.md §3): schemas, field groups, data types and classes, in the tenant's container and
//! the global one.

mod accept;

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::listing;
use crate::params::Params;
use crate::problem::Problem;
use crate::writing::{gone, json, object};
use crate::xdm::{Registry, breaks, same, unknown};
use accept::{Accept, Shape};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::Kind;
use forebay_model::filter;
use forebay_model::{Document, Error, Resource, Result, Time, code, patch, xdm};
use forebay_store::New;
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::cmp::Ordering;

/// Resources of a list at most (P-10).
const MAX_LIMIT: usize = 500;
/// Resources of a page that does not say.
const LIMIT: usize = 300;
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
    let recent: Vec<Value> = registry.documents.iter().take(10).map(|d| brief(&d.body)).collect();
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

/// `GET /{container}/{kind}`: a list.
#[utoipa::path(get, path = "/{container}/{kind}", tag = "Schema registry",
    params(("container" = String, Path, description = "`tenant` or `global`"), ("kind" = String, Path, description = "`schemas`, `fieldgroups`, `datatypes` or `classes`"),
        ("property" = Option<Vec<String>>, Query), ("orderby" = Option<String>, Query), ("start" = Option<String>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, description = "A page of resources"), (status = 400, description = "Accept does not fit")))]
pub async fn list_schemas(
    State(app): State<App>,
    caller: Caller,
    Path((container, kind)): Path<(String, String)>,
    params: Params,
    accept: Accept,
) -> Result<Response, Problem> {
    let kind = Place::of(&container, &kind)?;
    let shape = accept.list()?;
    let query = filter::parse(&params.all("property"))?;
    let mut found: Vec<(Value, Time)> = match kind.global {
        true => xdm::globals(kind.kind).iter().map(|body| (body.clone(), Time::UNIX_EPOCH)).collect(),
        false => {
            let registry = Registry::open(&app, &caller).await?;
            let ours = registry.documents.into_iter().filter(|d| d.text("/meta:resourceType") == Some(kind.kind));
            ours.map(|document| (document.body, document.updated)).collect()
        }
    };
    found.retain(|(body, _)| query.matches(body));
    let order = params.one("orderby")?.unwrap_or("updated").trim().to_string();
    sort(&mut found, &order);
    let limit = params.number("limit", 1, MAX_LIMIT)?.unwrap_or(LIMIT);
    let start = params.number("start", 0, usize::MAX)?.unwrap_or(0);
    let page: Vec<Value> = found.iter().skip(start).take(limit).map(|(body, _)| listed(body, shape)).collect();
    let next = (start + limit < found.len()).then(|| (start + limit).to_string());
    let base = format!("/data/foundation/schemaregistry/{container}/{}", kind.kind);
    let link = next.as_ref().map(|next| {
        json!({ "href": app.link(&format!("{base}?start={next}&limit={limit}&orderby={order}")) })
    });
    let mut links = json!({ "next": link });
    if !kind.global {
        let global = app.link(&format!("/data/foundation/schemaregistry/global/{}", kind.kind));
        links[format!("global_{}", kind.kind)] = json!({ "href": global });
    }
    let body = json!({
        "results": page,
        "_page": { "orderby": order, "next": next, "count": page.len() },
        "_links": links,
    });
    Ok(json(StatusCode::OK, &body))
}

/// By `title` or another member, or by when they changed.
fn sort(found: &mut [(Value, Time)], order: &str) {
    let (name, backwards) = match order.strip_prefix('-') {
        Some(name) => (name, true),
        None => (order.trim_start_matches('+'), false),
    };
    found.sort_by(|(a, changed_a), (b, changed_b)| {
        let ordering = match name {
            "updated" | "created" => changed_a.cmp(changed_b),
            _ => match (a[name].as_str(), b[name].as_str()) {
                (Some(a), Some(b)) => a.cmp(b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            },
        };
        let ordering = if backwards { ordering.reverse() } else { ordering };
        match ordering {
            Ordering::Equal => a["$id"].as_str().cmp(&b["$id"].as_str()),
            other => other,
        }
    });
}

fn listed(body: &Value, shape: Shape) -> Value {
    match shape {
        Shape::Ids => brief(body),
        _ => body.clone(),
    }
}

fn brief(body: &Value) -> Value {
    json!({ "title": body["title"], "$id": body["$id"], "meta:altId": body["meta:altId"], "version": body["version"] })
}

/// `GET /{container}/{kind}/{id}`: one resource, by `meta:altId` or the URL-encoded `$id`.
#[utoipa::path(get, path = "/{container}/{kind}/{id}", tag = "Schema registry",
    params(("container" = String, Path), ("kind" = String, Path), ("id" = String, Path), ("Accept" = String, Header)),
    responses((status = 200, description = "The resource"), (status = 400, description = "Accept lacks a version"), (status = 404, description = "Not found")))]
pub async fn get_schema(
    State(app): State<App>,
    caller: Caller,
    Path((container, kind, id)): Path<(String, String, String)>,
    accept: Accept,
) -> Result<Response, Problem> {
    let kind = Place::of(&container, &kind)?;
    let shape = accept.look_up()?;
    let registry = Registry::open(&app, &caller).await?;
    let body = match kind.global {
        true => xdm::globals(kind.kind).iter().find(|body| body["$id"] == id || body["meta:altId"] == id).cloned(),
        false => find(&registry, kind.kind, &id).map(|document| document.body.clone()),
    };
    let Some(body) = body else { return Err(unknown(&id).into()) };
    let mut shown = match shape {
        Shape::Full { .. } => registry.full(&body)?,
        _ => body,
    };
    if let Shape::Full { texts: false } | Shape::Raw { texts: false } = shape {
        without_texts(&mut shown);
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
    let ids = Ids::new(&caller, kind, &name);
    let body = defined(&app, &caller, &registry, body, kind, &ids, "1.0", (now, now))?;
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
    let Some(document) = find(&registry, kind, &id) else { return Err(unknown(&id).into()) };
    let own = document.text("/$id").unwrap_or_default();
    let datasets = datasets_of(&app, &caller).await?;
    let by_dataset = datasets.iter().find(|d| same(d.text("/schemaRef/id").unwrap_or_default(), own));
    let by_resource = registry.documents.iter().find(|d| d.id != document.id && refers(&d.body, own));
    if let Some(user) = by_dataset.or(by_resource) {
        let title = user.text("/title").or(user.text("/name")).unwrap_or_default();
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

/// The two ids of a resource.
struct Ids {
    id: String,
    alt: String,
}

impl Ids {
    fn new(caller: &Caller, kind: &str, name: &str) -> Ids {
        let tenant = &caller.member.tenant;
        Ids {
            id: format!("https://ns.adobe.com/{tenant}/{kind}/{name}"),
            alt: format!("_{tenant}.{kind}.{name}"),
        }
    }
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
#[allow(clippy::too_many_arguments)]
fn defined(
    app: &App,
    caller: &Caller,
    registry: &Registry,
    body: Value,
    kind: &'static str,
    ids: &Ids,
    version: &str,
    (created, updated): (Time, Time),
) -> Result<Value> {
    let mut body = object(body, "the definition")?;
    body.entry("type").or_insert(json!("object"));
    let mut definition = Value::Object(body);
    let lookup = |id: &str| registry.find(id);
    xdm::check_new(&definition, &lookup)?;
    let mut refs = Vec::new();
    for part in definition["allOf"].as_array_mut().into_iter().flatten() {
        let Some(target) = part["$ref"].as_str().map(str::to_string) else { continue };
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
        "$id": ids.id,
        "meta:altId": ids.alt,
        "meta:resourceType": kind,
        "version": version,
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
            "repo:createdDate": created.timestamp_millis(),
            "repo:lastModifiedDate": updated.timestamp_millis(),
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
    let Some(document) = find(&registry, kind, id).cloned() else { return Err(unknown(id)) };
    let now = app.now();
    let ids = Ids {
        id: document.text("/$id").unwrap_or_default().to_string(),
        alt: document.text("/meta:altId").unwrap_or_default().to_string(),
    };
    let version = next_version(document.text("/version").unwrap_or("1.0"));
    let body = change(&document.body)?;
    let new = defined(app, caller, &registry, body, kind, &ids, &version, (document.created, now))?;
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
            return Err(Error::new(Kind::Conflict, &code::HTTP_400, message)
                .advice("A schema in use can only be extended."));
        }
    }
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
