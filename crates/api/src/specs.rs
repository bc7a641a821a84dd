//! Connection specs and flow specs (FS §6): listed all in one answer, looked up, searched, and written. What an
//! organization writes is seen in all of its sandboxes and by nobody else.

mod check;

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::entities::refuse_id;
use crate::listing;
use crate::params::Params;
use crate::problem::{Problem, invalid};
use crate::registry::{self, CONNECTION_SPECS, FLOW_SPECS, Shelf};
use crate::rights::Right;
use crate::sandboxes;
use crate::secrets;
use crate::writing::{self, IfMatch, TRIES};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::{Document, Error, Resource, Result, Scope, code, filter};
use forebay_store::{List, New};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// Specs that an organization may store of each kind: all are in one answer.
const MAX_SPECS: u64 = 1000;
/// Bytes of one spec as JSON.
const MAX_BYTES: usize = 64 * 1024;

/// `GET /connectionSpecs`: every connection spec that satisfies the filter.
#[utoipa::path(get, path = "/connectionSpecs", tag = "Connection specs",
    params(("property" = Option<Vec<String>>, Query, description = "Filter or projection")),
    responses((status = 200, description = "The specs"), (status = 403, description = "Not authenticated")))]
pub async fn list_connection_specs(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Response, Problem> {
    Ok(listing::all(&CONNECTION_SPECS.all(&app, &caller).await?, &params)?)
}

/// `GET /connectionSpecs/{id}`
#[utoipa::path(get, path = "/connectionSpecs/{id}", tag = "Connection specs", params(("id" = String, Path)),
    responses((status = 200, description = "The spec, in an array of one"), (status = 404, description = "No such spec")))]
pub async fn get_connection_spec(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(get(&app, &caller, &CONNECTION_SPECS, &id).await?)
}

/// `POST /connectionSpecs`
#[utoipa::path(post, path = "/connectionSpecs", tag = "Connection specs", request_body = Object,
    responses((status = 201, description = "The spec"), (status = 400, description = "The spec is refused")))]
pub async fn create_connection_spec(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body,
) -> Result<Response, Problem> {
    Ok(create(&app, &caller, &CONNECTION_SPECS, body).await?)
}

/// `PUT /connectionSpecs/{id}`: replaces a stored spec. Built-in ones cannot be replaced.
#[utoipa::path(put, path = "/connectionSpecs/{id}", tag = "Connection specs", request_body = Object,
    params(("id" = String, Path), ("if-match" = Option<String>, Header)),
    responses((status = 200, description = "The spec"), (status = 400, description = "The spec is refused"),
        (status = 404, description = "No such spec")))]
pub async fn put_connection_spec(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    Ok(replace(&app, &caller, &CONNECTION_SPECS, &id, &if_match, body).await?)
}

/// `GET /flowSpecs`: every flow spec that satisfies the filter.
#[utoipa::path(get, path = "/flowSpecs", tag = "Flow specs",
    params(("property" = Option<Vec<String>>, Query, description = "Filter or projection")),
    responses((status = 200, description = "The specs"), (status = 403, description = "Not authenticated")))]
pub async fn list_flow_specs(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    Ok(listing::all(&FLOW_SPECS.all(&app, &caller).await?, &params)?)
}

/// `GET /flowSpecs/{id}`
#[utoipa::path(get, path = "/flowSpecs/{id}", tag = "Flow specs", params(("id" = String, Path)),
    responses((status = 200, description = "The spec, in an array of one"), (status = 404, description = "No such spec")))]
pub async fn get_flow_spec(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(get(&app, &caller, &FLOW_SPECS, &id).await?)
}

/// `POST /flowSpecs/search`
#[utoipa::path(post, path = "/flowSpecs/search", tag = "Flow specs", request_body = Object,
    responses((status = 200, description = "The specs that were found, or their number"), (status = 400, description = "The search is refused")))]
pub async fn search_flow_specs(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    Body(body): Body,
) -> Result<Response, Problem> {
    Ok(listing::search(FLOW_SPECS.all(&app, &caller).await?, &body, &params)?)
}

/// `POST /flowSpecs`
#[utoipa::path(post, path = "/flowSpecs", tag = "Flow specs", request_body = Object,
    responses((status = 201, description = "The spec"), (status = 400, description = "The spec is refused")))]
pub async fn create_flow_spec(State(app): State<App>, caller: Caller, Body(body): Body) -> Result<Response, Problem> {
    Ok(create(&app, &caller, &FLOW_SPECS, body).await?)
}

/// `PUT /flowSpecs/{id}`: replaces a spec. Of a built-in one the organization gets an edition of its own: so a new
/// connection spec joins the flows of an old flow spec (FS §13).
#[utoipa::path(put, path = "/flowSpecs/{id}", tag = "Flow specs", request_body = Object,
    params(("id" = String, Path), ("if-match" = Option<String>, Header)),
    responses((status = 200, description = "The spec"), (status = 400, description = "The spec is refused"),
        (status = 404, description = "No such spec")))]
pub async fn put_flow_spec(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    Ok(replace(&app, &caller, &FLOW_SPECS, &id, &if_match, body).await?)
}

async fn get(app: &App, caller: &Caller, shelf: &Shelf, id: &str) -> Result<Response> {
    match shelf.find(app, caller, id).await? {
        Some(spec) => Ok(listing::item(&spec)),
        None => Err(shelf.unknown(id)),
    }
}

async fn create(app: &App, caller: &Caller, shelf: &Shelf, body: Value) -> Result<Response> {
    let body = writing::object(body, "the spec")?;
    refuse_id(&body)?;
    everywhere(app, caller).await?;
    let scope = registry::organization(caller);
    if app.store.count(&scope, shelf.resource, &filter::Query::default()).await? >= MAX_SPECS {
        return Err(invalid(format!("an organization may store at most {MAX_SPECS} of {}", shelf.resource.name())));
    }
    let id = app.uuid();
    let spec = complete(app, caller, shelf, &id, body, None).await?;
    let now = app.now();
    let document = app.store.insert(&scope, New::new(shelf.resource, &id, spec).unstamped(), now).await?;
    let mut response = writing::json(StatusCode::CREATED, &registry::shown(document));
    let link = app.link(&format!("/data/foundation/flowservice/{}/{id}", shelf.resource.name()));
    if let Ok(link) = HeaderValue::from_str(&link) {
        response.headers_mut().insert(header::LOCATION, link);
    }
    Ok(response)
}

async fn replace(
    app: &App,
    caller: &Caller,
    shelf: &Shelf,
    id: &str,
    if_match: &IfMatch,
    body: Value,
) -> Result<Response> {
    let body = writing::object(body, "the spec")?;
    if body.get("id").is_some_and(|other| !other.is_null() && *other != json!(id)) {
        let message = "the body names another spec than the path";
        return Err(Error::new(Kind::Invalid, &code::FLOW_1411, message).at(Place::pointer("/id")));
    }
    let built_in = shelf.built_in(id);
    if built_in.is_some() && shelf.resource == Resource::ConnectionSpec {
        let message = format!("the connection spec {id} is built in and cannot be replaced");
        return Err(Error::new(Kind::Invalid, &code::FLOW_1426, message).advice("Store a spec of your own with POST."));
    }
    everywhere(app, caller).await?;
    let scope = registry::organization(caller);
    for _ in 0..TRIES {
        let old = shelf.stored(app, caller, id).await?;
        match (&old, if_match.optional()) {
            (None, _) if built_in.is_none() => return Err(shelf.unknown(id)),
            (Some(old), Some(sent)) => writing::check_version(sent, old)?,
            _ => {}
        }
        let spec = complete(app, caller, shelf, id, body.clone(), old.as_ref()).await?;
        let now = app.now();
        let written = match &old {
            None => app.store.insert(&scope, New::new(shelf.resource, id, spec).unstamped(), now).await,
            Some(old) => {
                let change = move |_: &Document, secrets: &forebay_store::Secrets| Ok((spec, secrets.clone()));
                app.store.update(&scope, shelf.resource, id, Some(&old.etag), now, change).await
            }
        };
        match written {
            Ok(document) => return Ok(writing::json(StatusCode::OK, &registry::shown(document))),
            // Somebody was faster: look again.
            Err(error) if matches!(error.kind, Kind::Stale | Kind::Conflict | Kind::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Err(writing::too_busy(shelf.resource, id))
}

/// What is written holds in every sandbox of the organization, so the right to write it must, too.
async fn everywhere(app: &App, caller: &Caller) -> Result<()> {
    for sandbox in sandboxes::all(app, &caller.member.org).await? {
        caller.member.must_in(Right::WriteSources, sandbox.text("/name").unwrap_or_default())?;
    }
    Ok(())
}

/// Connections of a spec count on it: its provider says which right they need, its marks say what of them is sealed.
fn as_guarded(old: &Value, new: &Value) -> Result<()> {
    if old["providerId"] != new["providerId"] {
        return Err(invalid("providerId of a spec cannot change").at(Place::pointer("/providerId")));
    }
    for auth in secrets::auth_specs(old) {
        let same = secrets::auth_specs(new).find(|other| other["name"] == auth["name"]);
        let kept = same.map(|other| secrets::marked(&other["spec"])).unwrap_or_default();
        if let Some(name) = secrets::marked(&auth["spec"]).into_iter().find(|name| !kept.contains(name)) {
            let message = format!("{name} of {} is a secret: the spec cannot make it an open parameter", auth["name"]);
            return Err(invalid(message).at(Place::pointer("/authSpec")).advice("Store another spec with POST."));
        }
    }
    Ok(())
}

/// Checks a spec and writes into it what the server keeps.
async fn complete(
    app: &App,
    caller: &Caller,
    shelf: &Shelf,
    id: &str,
    mut body: Map<String, Value>,
    old: Option<&Document>,
) -> Result<Value> {
    let version = body.get("version").cloned();
    let mut created = Map::new();
    for name in ["createdAt", "createdBy", "createdClient"] {
        if let Some(value) = old.and_then(|old| old.body.get(name)) {
            created.insert(name.into(), value.clone());
        }
    }
    caller.sign(&mut body);
    // A spec belongs to the organization, and its version is its own.
    body.remove("sandboxId");
    body.remove("sandboxName");
    body.retain(|_, value| !value.is_null());
    let version = match version {
        None | Some(Value::Null) => json!("1.0"),
        Some(Value::Number(number)) => json!(number.to_string()),
        Some(other) => other,
    };
    body.insert("version".into(), version);
    match shelf.resource {
        Resource::ConnectionSpec => {
            check::connection_spec(&body)?;
            unrunnable(&mut body);
        }
        _ => check::flow_spec(&mut body)?,
    }
    distinct(app, caller, shelf, id, &body).await?;
    let now = app.now().timestamp_millis();
    let mut spec = Map::new();
    spec.insert("id".into(), json!(id));
    spec.append(&mut body);
    spec.insert("createdAt".into(), json!(now));
    spec.append(&mut created);
    spec.insert("updatedAt".into(), json!(now));
    let spec = Value::Object(spec);
    if spec.to_string().len() > MAX_BYTES {
        let message = format!("the spec is larger than {MAX_BYTES} bytes, the most that is stored");
        return Err(Error::new(Kind::TooLarge, &code::FLOW_1100, message));
    }
    if let Some(old) = old {
        as_guarded(&old.body, &spec)?;
        shown_in_clear(app, caller, &old.body, &spec).await?;
    }
    Ok(spec)
}

/// What built-in specs say of themselves, a stored one cannot claim.
fn unrunnable(body: &mut Map<String, Value>) {
    let attributes = body.entry("attributes").or_insert_with(|| json!({}));
    attributes["forebay"] = json!({ "runnable": false, "reason": "This Forebay has no source for it." });
}

/// Clients look specs up by their names: two of one name would hide each other.
async fn distinct(app: &App, caller: &Caller, shelf: &Shelf, id: &str, body: &Map<String, Value>) -> Result<()> {
    let name = &body["name"];
    let taken = shelf.all(app, caller).await?.iter().any(|spec| spec["name"] == *name && spec["id"] != id);
    if !taken {
        return Ok(());
    }
    Err(Error::new(Kind::Conflict, &code::FLOW_1100, format!("there is a {} by the name {name} already", shelf.name))
        .at(Place::pointer("/name")))
}

/// Connections hold as a secret what their spec called one when they were written. A spec cannot make a secret of
/// what connections show already.
async fn shown_in_clear(app: &App, caller: &Caller, old: &Value, new: &Value) -> Result<()> {
    let marked = |spec: &Value| -> std::collections::BTreeSet<String> {
        let names = secrets::auth_specs(spec).flat_map(|auth| secrets::marked(&auth["spec"]));
        names.map(str::to_string).collect()
    };
    let known = marked(old);
    let fresh: Vec<String> = marked(new).into_iter().filter(|name| !known.contains(name)).collect();
    let id = new["id"].as_str().unwrap_or_default();
    if fresh.is_empty() {
        return Ok(());
    }
    let query = filter::parse(&[format!("connectionSpec.id==\"{id}\"")])?;
    for sandbox in listing::every_in(app, &registry::organization(caller), Resource::Sandbox, &[]).await? {
        let scope = Scope {
            org: caller.scope.org.clone(),
            sandbox: sandbox.text("/id").unwrap_or(&sandbox.id).to_string(),
            sandbox_name: sandbox.text("/name").unwrap_or_default().to_string(),
        };
        let mut list = List { query: query.clone(), order: Vec::new(), limit: 100, after: None };
        loop {
            let page = app.store.list(&scope, Resource::Connection, &list).await?;
            for connection in &page.documents {
                let shows = |name: &&String| {
                    let value = &connection.body["auth"]["params"][name.as_str()];
                    !value.is_null() && *value != secrets::MASK
                };
                if let Some(name) = fresh.iter().find(shows) {
                    let message = format!("connections show {name} already: the spec cannot make a secret of it");
                    return Err(Error::new(Kind::Conflict, &code::FLOW_1100, message)
                        .at(Place::pointer("/authSpec"))
                        .advice("Delete these connections first, or give the parameter another name."));
                }
            }
            match page.next {
                Some(token) => list.after = Some(token),
                None => break,
            }
        }
    }
    Ok(())
}
