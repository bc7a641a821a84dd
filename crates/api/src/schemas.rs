//! The schema registry (platform.md §3): schemas, field groups, data types and classes, in the tenant's container and
//! the global one.

mod accept;
mod changes;
pub mod define;
pub mod descriptors;
mod lists;
pub mod rpc;
mod shape;
mod unions;

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::identity;
use crate::listing;
use crate::params::Params;
use crate::problem::Problem;
use crate::writing::{gone, json};
use crate::xdm::{Registry, same, unknown};
use accept::Accept;
use axum::extract::{Path, State};
use axum::response::Response;
pub use changes::MEMBER as CHANGES;
use forebay_model::error::Kind;
use forebay_model::{Document, Error, Resource, Result, code, filter, patch, xdm};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// `GET /stats`
#[utoipa::path(get, path = "/stats", tag = "Schema registry", responses((status = 200, description = "The tenant and its counts")))]
pub async fn get_stats(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    let registry = Registry::open(&app, &caller).await?;
    let mut counts = Map::new();
    for kind in ["schemas", "fieldgroups", "datatypes", "classes", "descriptors", "unions"] {
        counts.insert(kind.into(), json!(0));
    }
    let mut usage = Map::new();
    for document in &registry.documents {
        let kind = document.text("/meta:resourceType").unwrap_or_default();
        increment(&mut counts, kind, 1);
        if let Some(class) = document.text("/meta:class").filter(|_| kind == "schemas") {
            increment(&mut usage, class, 1);
        }
    }
    increment(&mut counts, unions::KIND, unions::all(&registry, &caller).len() as u64);
    let descriptors = app.store.count(&caller.scope, Resource::Descriptor, &filter::Query::default()).await?;
    increment(&mut counts, "descriptors", descriptors);
    let mut by_change: Vec<&Document> = registry.documents.iter().collect();
    by_change.sort_by_key(|document| std::cmp::Reverse(document.updated));
    let recent = |documents: &mut dyn Iterator<Item = &Document>| -> Vec<Value> {
        documents.take(10).map(|document| lists::brief(&document.body)).collect()
    };
    let body = json!({
        "imsOrg": caller.member.org,
        "tenantId": caller.member.tenant,
        "counts": counts,
        "recentlyCreatedResources": recent(&mut registry.documents.iter()),
        "recentlyUpdatedResources": recent(&mut by_change.into_iter()),
        "classUsage": usage,
    });
    Ok(json(StatusCode::OK, &body))
}

fn increment(counts: &mut Map<String, Value>, name: &str, by: u64) {
    let count = counts.get(name).and_then(Value::as_u64).unwrap_or(0);
    counts.insert(name.into(), json!(count + by));
}

/// `GET /tenant/{kind}`: the sandbox's own resources.
#[utoipa::path(get, path = "/tenant/{kind}", tag = "Schema registry",
    params(("kind" = String, Path, description = "`schemas`, `fieldgroups` (or `mixins`), `datatypes`, `classes`, `behaviors` or `unions`"),
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
    params(("kind" = String, Path, description = "`schemas`, `fieldgroups` (or `mixins`), `datatypes`, `classes`, `behaviors` or `unions`"),
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
    let is = |body: &Value| body["$id"] == id || body["meta:altId"] == id;
    let global = || xdm::globals(kind.kind).iter().find(|body| is(body)).cloned();
    let body = match kind.global {
        true => global(),
        false if kind.kind == unions::KIND => unions::all(&registry, caller).into_iter().find(is),
        // aepp looks the field groups of a schema up in the tenant's container, whosever they are.
        false => find(&registry, kind.kind, id).map(|document| document.body.clone()).or_else(global),
    };
    let Some(body) = body else {
        return Err(unknown(id));
    };
    Ok(json(StatusCode::OK, &shape::shown(app, caller, &registry, body, shape).await?))
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
    Ok(define::create(&app, &caller, Place::writable(&kind)?, body).await?)
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
    Ok(define::rewrite(&app, &caller, Place::writable(&kind)?, &id, |_| Ok(body)).await?)
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
    let change = |old: &Value| {
        let new = patch::apply(old, &operations)?;
        define::computed_stay(old, &new)?;
        Ok(new)
    };
    Ok(define::rewrite(&app, &caller, Place::writable(&kind)?, &id, change).await?)
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
    let kind = Place::writable(&kind)?;
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
            "behaviors" => "behaviors",
            "unions" => unions::KIND,
            _ => return Err(unknown(kind)),
        };
        match container {
            "tenant" => Ok(Place { global: false, kind }),
            "global" => Ok(Place { global: true, kind }),
            _ => Err(unknown(container)),
        }
    }

    /// A kind of the tenant's container that a caller may define.
    fn writable(kind: &str) -> Result<&'static str> {
        match Place::of("tenant", kind)?.kind {
            kind @ ("behaviors" | unions::KIND) => {
                Err(Error::new(Kind::Invalid, &code::HTTP_400, format!("{kind} are not for callers to write"))
                    .advice("Write schemas, fieldgroups, datatypes, classes and descriptors."))
            }
            kind => Ok(kind),
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
