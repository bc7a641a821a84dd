//! Sandboxes (platform.md §2): made, renamed, emptied and deleted. They belong to the organization, so no sandbox header is
//! asked for. What takes time is begun here and done by the store (`Store::settle_sandboxes`).

use crate::App;
use crate::access;
use crate::body::{Body, shaped};
use crate::caller::Member;
use crate::params::Params;
use crate::problem::{Problem, bad, missing};
use crate::rights::Right;
use crate::writing::json;
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::filter::{self, Query};
use forebay_model::{Document, Error, Resource, Result, Scope, code};
use forebay_store::{List, New, Secrets};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

const BASE: &str = "/data/foundation/sandbox-management";
/// Sandboxes of a page that does not say.
const LIMIT: usize = 50;
/// Sandboxes that an organization may have, deleted ones not counted.
const ALL: usize = 1000;
/// Characters of a name.
const NAME: usize = 63;
const TYPES: &[&str] = &["development", "production"];

/// What a sandbox is made of.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewSandbox {
    /// Lower-case letters, digits and hyphens, beginning with a letter; unique in the organization.
    name: String,
    /// For people.
    title: String,
    /// `development` or `production`.
    r#type: String,
}

/// What can be changed of a sandbox.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SandboxChange {
    /// For people.
    title: String,
}

/// What can be done to a sandbox.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SandboxAction {
    /// `reset`.
    action: String,
}

/// `GET /`: the sandboxes that this token may use now.
#[utoipa::path(get, path = "/", tag = "Sandboxes",
    params(("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query), ("property" = Option<Vec<String>>, Query), ("orderBy" = Option<String>, Query)),
    responses((status = 200, description = "The sandboxes", body = Object)))]
pub async fn list_my_sandboxes(State(app): State<App>, member: Member, params: Params) -> Result<Response, Problem> {
    let usable = |sandbox: &Document| {
        sandbox.text("/state") == Some("active") && member.held.covers(sandbox.text("/name").unwrap_or_default())
    };
    let all: Vec<Document> = all(&app, &member.org).await?.into_iter().filter(usable).collect();
    Ok(page(&app, &all, &params, "/")?)
}

/// `GET /sandboxes`: all of the organization, whatever their state.
#[utoipa::path(get, path = "/sandboxes", tag = "Sandboxes",
    params(("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query), ("property" = Option<Vec<String>>, Query), ("orderBy" = Option<String>, Query)),
    responses((status = 200, description = "The sandboxes", body = Object)))]
pub async fn list_sandboxes(State(app): State<App>, member: Member, params: Params) -> Result<Response, Problem> {
    let all = all(&app, &member.org).await?;
    Ok(page(&app, &all, &params, "/sandboxes")?)
}

/// `POST /sandboxes`: 202; it can be used when its state is `active`.
#[utoipa::path(post, path = "/sandboxes", tag = "Sandboxes", request_body = NewSandbox,
    responses((status = 202, description = "The sandbox, `creating`", body = Object), (status = 400, description = "Bad name, title or type"), (status = 409, description = "The name is taken")))]
pub async fn create_sandbox(State(app): State<App>, member: Member, Body(body): Body) -> Result<Response, Problem> {
    let new: NewSandbox = shaped(body)?;
    good_name(&new.name)?;
    good_title(&new.title)?;
    if !TYPES.contains(&new.r#type.as_str()) {
        return Err(bad("type is development or production").at(Place::pointer("/type")).into());
    }
    if all(&app, &member.org).await?.len() >= ALL {
        let message = format!("an organization has at most {ALL} sandboxes");
        return Err(Error::new(Kind::Conflict, &code::HTTP_409, message).into());
    }
    let body = json!({
        "name": new.name,
        "title": new.title,
        "state": "creating",
        "type": new.r#type,
        "region": "VA7",
        "isDefault": false,
        "eTag": 1,
        "createdBy": member.account,
        "modifiedBy": member.account,
    });
    let new = New::new(Resource::Sandbox, app.uuid(), body).unstamped();
    let stored = app.store.create_sandbox(&Scope::organization(&member.org), new, app.now()).await?;
    Ok(accepted(&app, &stored))
}

/// `GET /sandboxes/{name}`
#[utoipa::path(get, path = "/sandboxes/{name}", tag = "Sandboxes", params(("name" = String, Path)),
    responses((status = 200, description = "The sandbox", body = Object), (status = 404, description = "No such sandbox")))]
pub async fn get_sandbox(
    State(app): State<App>,
    member: Member,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    let sandbox = find(&app, &member, Right::ReadSandboxes, &name).await?;
    let mut answer = shown(&sandbox);
    // Not documented, and read by aepp.
    answer["id"] = json!(sandbox.id);
    Ok(json(StatusCode::OK, &answer))
}

/// `PATCH /sandboxes/{name}`: its title.
#[utoipa::path(patch, path = "/sandboxes/{name}", tag = "Sandboxes", request_body = SandboxChange, params(("name" = String, Path)),
    responses((status = 200, description = "The sandbox", body = Object), (status = 400, description = "Not a title"), (status = 404, description = "No such sandbox"), (status = 409, description = "It is being deleted")))]
pub async fn patch_sandbox(
    State(app): State<App>,
    member: Member,
    Path(name): Path<String>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let sandbox = find(&app, &member, Right::WriteSandboxes, &name).await?;
    let change: SandboxChange = shaped(body)?;
    good_title(&change.title)?;
    let by = member.account.clone();
    let change = move |old: &Document, secrets: &Secrets| {
        if old.text("/state") == Some("deleting") {
            return Err(busy(old));
        }
        let mut body = changed(old, &by);
        body["title"] = json!(change.title);
        Ok((body, secrets.clone()))
    };
    let scope = Scope::organization(&member.org);
    let stored = app.store.update(&scope, Resource::Sandbox, &sandbox.id, None, app.now(), change).await?;
    Ok(json(StatusCode::OK, &shown(&stored)))
}

/// `PUT /sandboxes/{name}`: `{"action": "reset"}` deletes all that is in it.
#[utoipa::path(put, path = "/sandboxes/{name}", tag = "Sandboxes", request_body = SandboxAction,
    params(("name" = String, Path), ("validationOnly" = Option<bool>, Query)),
    responses((status = 202, description = "The sandbox, `resetting`", body = Object), (status = 400, description = "No such action"), (status = 404, description = "No such sandbox"), (status = 409, description = "It is not active")))]
pub async fn reset_sandbox(
    State(app): State<App>,
    member: Member,
    Path(name): Path<String>,
    params: Params,
    Body(body): Body,
) -> Result<Response, Problem> {
    let sandbox = find(&app, &member, Right::ResetSandboxes, &name).await?;
    let action: SandboxAction = shaped(body)?;
    if action.action != "reset" {
        return Err(bad("action is reset").at(Place::pointer("/action")).into());
    }
    forebay_store::audit::tell(|entry| entry.action = "Reset".into());
    let stored = close(&app, &member, &sandbox, "resetting", params.flag("validationOnly")?).await?;
    Ok(accepted(&app, &stored))
}

/// `DELETE /sandboxes/{name}`: with all that is in it. The default sandbox stays.
#[utoipa::path(delete, path = "/sandboxes/{name}", tag = "Sandboxes", params(("name" = String, Path), ("validationOnly" = Option<bool>, Query)),
    responses((status = 202, description = "The sandbox, `deleted`", body = Object), (status = 400, description = "It is the default one"), (status = 404, description = "No such sandbox"), (status = 409, description = "It is not active")))]
pub async fn delete_sandbox(
    State(app): State<App>,
    member: Member,
    Path(name): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let sandbox = find(&app, &member, Right::WriteSandboxes, &name).await?;
    if sandbox.body["isDefault"] == true {
        return Err(bad(format!("the sandbox {name} is the default one, which cannot be deleted")).into());
    }
    forebay_store::audit::tell(|entry| entry.action = "Delete".into());
    let only_ask = params.flag("validationOnly")?;
    let stored = close(&app, &member, &sandbox, "deleting", only_ask).await?;
    if !only_ask {
        access::roles::forget_sandbox(&app, &member, &name).await?;
    }
    let mut body = shown(&stored);
    // To whoever deleted it it is gone: nothing can be read there any more.
    body["state"] = json!("deleted");
    Ok(json(StatusCode::ACCEPTED, &body))
}

/// `GET /sandboxTypes`
#[utoipa::path(get, path = "/sandboxTypes", tag = "Sandboxes", responses((status = 200, description = "The types", body = Object)))]
pub async fn list_sandbox_types(_: Member) -> Response {
    json(StatusCode::OK, &json!({ "sandboxTypes": TYPES }))
}

/// Every sandbox of an organization that is not deleted, by name.
pub async fn all(app: &App, org: &str) -> Result<Vec<Document>> {
    let query = filter::parse(&["state!=deleted".to_string()])?;
    let list = List { query, order: filter::parse_order("name")?, limit: ALL, after: None };
    Ok(app.store.list(&Scope::organization(org), Resource::Sandbox, &list).await?.documents)
}

async fn find(app: &App, member: &Member, right: Right, name: &str) -> Result<Document> {
    member.must_in(right, name)?;
    let found = all(app, &member.org).await?.into_iter().find(|sandbox| sandbox.text("/name") == Some(name));
    found.ok_or_else(|| missing(format!("the organization has no sandbox named {name:?}")))
}

async fn close(app: &App, member: &Member, sandbox: &Document, state: &str, only_ask: bool) -> Result<Document> {
    if only_ask {
        return if sandbox.text("/state") == Some("active") { Ok(sandbox.clone()) } else { Err(busy(sandbox)) };
    }
    let (by, state) = (member.account.clone(), state.to_string());
    let change = move |old: &Document| {
        if old.text("/state") != Some("active") {
            return Err(busy(old));
        }
        let mut body = changed(old, &by);
        body["state"] = json!(state);
        Ok(body)
    };
    app.store.close_sandbox(&Scope::organization(&member.org), &sandbox.id, app.now(), change).await
}

fn busy(sandbox: &Document) -> Error {
    let message = format!("the sandbox is {}", sandbox.text("/state").unwrap_or_default());
    Error::new(Kind::Conflict, &code::HTTP_409, message).advice("Try again when it is active.")
}

fn changed(sandbox: &Document, by: &str) -> Value {
    let mut body = sandbox.body.clone();
    body["eTag"] = json!(body["eTag"].as_i64().unwrap_or(0) + 1);
    body["modifiedBy"] = json!(by);
    body
}

fn good_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() <= NAME && name.chars().all(plain) {
        return Ok(());
    }
    let message = format!("name has 1 to {NAME} lower-case letters, digits and hyphens, and begins with a letter");
    Err(bad(message).at(Place::pointer("/name")))
}

fn good_title(title: &str) -> Result<()> {
    if title.trim().is_empty() || title.chars().count() > access::NAME || title.chars().any(char::is_control) {
        let message = format!("title has 1 to {} characters, none of them a control character", access::NAME);
        return Err(bad(message).at(Place::pointer("/title")));
    }
    Ok(())
}

/// 202, and where to see how it goes on.
fn accepted(app: &App, sandbox: &Document) -> Response {
    let mut response = json(StatusCode::ACCEPTED, &shown(sandbox));
    let name = sandbox.text("/name").unwrap_or_default();
    if let Ok(link) = HeaderValue::from_str(&app.link(&format!("{BASE}/sandboxes/{name}"))) {
        response.headers_mut().insert(header::LOCATION, link);
    }
    response
}

fn page(app: &App, all: &[Document], params: &Params, path: &str) -> Result<Response> {
    let limit = params.number("limit", 1, ALL)?.unwrap_or(LIMIT);
    let offset = params.number("offset", 0, ALL)?.unwrap_or(0);
    let query: Query = filter::parse(&params.all("property"))?;
    let mut all: Vec<Value> = all.iter().map(shown).filter(|sandbox| query.matches(sandbox)).collect();
    if let Some(order) = params.one("orderBy")? {
        let order = filter::parse_order(order)?;
        all.sort_by(|a, b| filter::compare(&order, a, b));
    }
    let sandboxes: Vec<Value> = all.iter().skip(offset).take(limit).cloned().collect();
    let template = app.link(&format!("{BASE}{path}?limit={{limit}}&offset={{offset}}"));
    let mut links = json!({ "page": { "href": template, "templated": true } });
    if offset + sandboxes.len() < all.len() && !sandboxes.is_empty() {
        let next = app.link(&format!("{BASE}{path}?limit={limit}&offset={}", offset + limit));
        links["next"] = json!({ "href": next, "templated": false });
    }
    let page = json!({ "limit": limit, "count": sandboxes.len() });
    Ok(json(StatusCode::OK, &json!({ "sandboxes": sandboxes, "_page": page, "_links": links })))
}

/// A sandbox as the API shows it; its id is not shown to users.
fn shown(sandbox: &Document) -> Value {
    let text = |name: &str| sandbox.body.get(name).cloned().unwrap_or(Value::Null);
    let date = |time: forebay_model::Time| time.format("%Y-%m-%d %H:%M:%S").to_string();
    json!({
        "name": text("name"),
        "title": text("title"),
        "state": text("state"),
        "type": text("type"),
        "region": text("region"),
        "isDefault": text("isDefault"),
        "eTag": text("eTag"),
        "createdDate": date(sandbox.created),
        "lastModifiedDate": date(sandbox.updated),
        "createdBy": text("createdBy"),
        "modifiedBy": text("modifiedBy"),
    })
}
