//! Sandboxes: read (platform.md §2). They belong to the organization, so no sandbox header is asked for.

use crate::App;
use crate::caller::Member;
use crate::params::Params;
use crate::problem::{Problem, missing};
use crate::rights::Right;
use crate::writing::json;
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::filter::{self, Query};
use forebay_model::{Document, Resource, Result, Scope};
use forebay_store::List;
use http::StatusCode;
use serde_json::{Value, json};

const BASE: &str = "/data/foundation/sandbox-management";
/// Sandboxes of a page that does not say.
const LIMIT: usize = 50;
/// Sandboxes that an organization may have, more or less.
const ALL: usize = 1000;

/// `GET /`: the sandboxes that this token may use.
#[utoipa::path(get, path = "/", tag = "Sandboxes", params(("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query)),
    responses((status = 200, description = "The sandboxes")))]
pub async fn list_my_sandboxes(State(app): State<App>, member: Member, params: Params) -> Result<Response, Problem> {
    Ok(page(&app, &member, &params, "/").await?)
}

/// `GET /sandboxes`
#[utoipa::path(get, path = "/sandboxes", tag = "Sandboxes", params(("limit" = Option<i64>, Query), ("offset" = Option<i64>, Query)),
    responses((status = 200, description = "The sandboxes")))]
pub async fn list_sandboxes(State(app): State<App>, member: Member, params: Params) -> Result<Response, Problem> {
    Ok(page(&app, &member, &params, "/sandboxes").await?)
}

/// `GET /sandboxes/{name}`
#[utoipa::path(get, path = "/sandboxes/{name}", tag = "Sandboxes", params(("name" = String, Path)),
    responses((status = 200, description = "The sandbox"), (status = 404, description = "No such sandbox")))]
pub async fn get_sandbox(
    State(app): State<App>,
    member: Member,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    member.must_in(Right::ReadSandboxes, &name)?;
    let all = all(&app, &member).await?;
    match all.iter().find(|sandbox| sandbox.text("/name") == Some(&name)) {
        Some(sandbox) => Ok(json(StatusCode::OK, &shown(sandbox))),
        None => Err(missing(format!("the organization has no sandbox named {name:?}")).into()),
    }
}

/// `GET /sandboxTypes`
#[utoipa::path(get, path = "/sandboxTypes", tag = "Sandboxes", responses((status = 200, description = "The types")))]
pub async fn list_sandbox_types(_: Member) -> Response {
    json(StatusCode::OK, &json!({ "sandboxTypes": ["development", "production"] }))
}

async fn all(app: &App, member: &Member) -> Result<Vec<Document>> {
    let list = List { query: Query::default(), order: filter::parse_order("name")?, limit: ALL, after: None };
    Ok(app.store.list(&Scope::organization(&member.org), Resource::Sandbox, &list).await?.documents)
}

async fn page(app: &App, member: &Member, params: &Params, path: &str) -> Result<Response> {
    let limit = params.number("limit", 1, ALL)?.unwrap_or(LIMIT);
    let offset = params.number("offset", 0, ALL)?.unwrap_or(0);
    let all = all(app, member).await?;
    let sandboxes: Vec<Value> = all.iter().skip(offset).take(limit).map(shown).collect();
    let template = app.link(&format!("{BASE}{path}?limit={{limit}}&offset={{offset}}"));
    let mut links = json!({ "page": { "href": template, "templated": true } });
    if offset + limit < all.len() {
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
