//! Drafts of the UI's forms: what a person has filled in and not sent yet, kept on the server so that another browser can
//! go on with it. What is in `state` is the UI's affair; that no secret is in it is ours.

use crate::App;
use crate::body::{Body, shaped};
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::{Problem, bad};
use crate::writing::{IfMatch, changed, gone, json, pair, shown};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::Place;
use forebay_model::filter::Query;
use forebay_model::{Document, Resource, Result};
use forebay_store::{List, New};
use http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Drafts of a sandbox.
const MOST: u64 = 500;
/// Bytes of a draft's state.
const LARGEST: usize = 256 * 1024;
/// Characters of a name and of a step.
const LONGEST: usize = 255;
/// Endings of members' names that hold secrets, in lower case and without signs.
const SECRET: &[&str] =
    &["password", "passphrase", "secret", "secretkey", "accesstoken", "refreshtoken", "apikey", "privatekey"];
/// What stands for a secret that the server knows.
const MASK: &str = "********";

/// What is kept of a form.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewDraft {
    /// What the form makes: `flow`.
    #[serde(default)]
    kind: Option<String>,
    /// For people.
    #[serde(default)]
    name: Option<String>,
    /// Where in the form the person is.
    #[serde(default)]
    step: Option<String>,
    /// What is filled in, at most 256 KiB, and no secrets.
    #[serde(default)]
    #[schema(value_type = Object)]
    state: Map<String, Value>,
}

/// A draft.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Draft {
    /// Its id.
    id: String,
    /// What the form makes: `flow`.
    kind: String,
    /// For people.
    name: String,
    /// Where in the form the person is.
    step: String,
    /// What is filled in.
    #[schema(value_type = Object)]
    state: Value,
    /// Who began it.
    created_by: String,
    /// Who changed it last.
    updated_by: String,
    /// In epoch milliseconds.
    created_at: i64,
    /// In epoch milliseconds.
    updated_at: i64,
    /// For `If-Match`.
    etag: String,
}

/// Drafts.
#[derive(Serialize, ToSchema)]
pub struct Drafts {
    /// Newest first.
    items: Vec<Draft>,
}

/// What a change answers.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes the answer")]
pub struct DraftPair {
    /// Of the draft.
    id: String,
    /// For the next `If-Match`.
    etag: String,
}

/// `GET /drafts`
#[utoipa::path(get, path = "/drafts", tag = "Drafts", params(("limit" = Option<i64>, Query)),
    responses((status = 200, description = "The sandbox's drafts", body = Drafts)))]
pub async fn list_drafts(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    let limit = params.number("limit", 1, MOST as usize)?.unwrap_or(MOST as usize);
    let list = List { query: Query::default(), order: Vec::new(), limit, after: None };
    let page = app.store.list(&caller.scope, Resource::Draft, &list).await?;
    Ok(shown(StatusCode::OK, &Drafts { items: page.documents.iter().map(draft).collect() }))
}

/// `POST /drafts`
#[utoipa::path(post, path = "/drafts", tag = "Drafts", request_body = NewDraft,
    responses((status = 201, description = "`{id, etag}`", body = DraftPair), (status = 400, description = "Too large, or with a secret in it")))]
pub async fn create_draft(State(app): State<App>, caller: Caller, Body(body): Body) -> Result<Response, Problem> {
    let mut body = accepted(body)?;
    if app.store.count(&caller.scope, Resource::Draft, &Query::default()).await? >= MOST {
        return Err(bad(format!("a sandbox has at most {MOST} drafts"))
            .advice("Delete some that nobody needs.")
            .into());
    }
    body["createdBy"] = json!(caller.member.account);
    body["updatedBy"] = json!(caller.member.account);
    let new = New::new(Resource::Draft, app.uuid(), body);
    let document = app.store.insert(&caller.scope, new, app.now()).await?;
    let mut response = json(StatusCode::CREATED, &pair(&document));
    let link = app.link(&format!("/data/foundation/forebay/drafts/{}", document.id));
    if let Ok(link) = HeaderValue::from_str(&link) {
        response.headers_mut().insert(header::LOCATION, link);
    }
    Ok(response)
}

/// `GET /drafts/{id}`
#[utoipa::path(get, path = "/drafts/{id}", tag = "Drafts", params(("id" = String, Path)),
    responses((status = 200, description = "The draft, in an array of one", body = Drafts), (status = 404, description = "Not found")))]
pub async fn get_draft(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let found = caller.get(&app, Resource::Draft, &id).await?;
    Ok(shown(StatusCode::OK, &Drafts { items: vec![draft(&found)] }))
}

/// `PUT /drafts/{id}`: replaces all of it.
#[utoipa::path(put, path = "/drafts/{id}", tag = "Drafts", request_body = NewDraft,
    params(("id" = String, Path), ("if-match" = String, Header)),
    responses((status = 200, description = "`{id, etag}`", body = DraftPair), (status = 412, description = "Changed since it was read")))]
pub async fn put_draft(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    caller.get(&app, Resource::Draft, &id).await?;
    let etag = if_match.required()?;
    let mut body = accepted(body)?;
    body["updatedBy"] = json!(caller.member.account);
    let change = move |old: &Document, secrets: &forebay_store::Secrets| {
        body["createdBy"] = old.body["createdBy"].clone();
        Ok((body, secrets.clone()))
    };
    let stored = app.store.update(&caller.scope, Resource::Draft, &id, Some(etag), app.now(), change).await?;
    Ok(changed(&stored))
}

/// `DELETE /drafts/{id}`
#[utoipa::path(delete, path = "/drafts/{id}", tag = "Drafts", params(("id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 404, description = "Not found")))]
pub async fn delete_draft(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    app.store.delete(&caller.scope, Resource::Draft, &id, if_match.optional(), app.now()).await?;
    Ok(gone())
}

/// The body of a draft, judged.
fn accepted(body: Value) -> Result<Value> {
    let new: NewDraft = shaped(body)?;
    let kind = new.kind.unwrap_or_else(|| "flow".into());
    if kind != "flow" {
        return Err(bad("kind must be flow").at(Place::pointer("/kind")));
    }
    let (name, step) = (new.name.unwrap_or_default(), new.step.unwrap_or_default());
    for (member, text) in [("name", &name), ("step", &step)] {
        if text.chars().count() > LONGEST || text.chars().any(char::is_control) {
            let message = format!("{member} has at most {LONGEST} characters, none of them a control character");
            return Err(bad(message).at(Place::pointer(format!("/{member}"))));
        }
    }
    let state = Value::Object(new.state);
    if state.to_string().len() > LARGEST {
        return Err(bad(format!("state has at most {LARGEST} bytes")).at(Place::pointer("/state")));
    }
    if let Some(pointer) = secret(&state, "/state") {
        let error = bad("a draft keeps no secrets").at(Place::pointer(pointer));
        return Err(error.advice("Make the connection first, and keep its id."));
    }
    Ok(json!({ "kind": kind, "name": name, "step": step, "state": state }))
}

/// Where a member lies that is called like a secret and has a text in it.
fn secret(value: &Value, at: &str) -> Option<String> {
    match value {
        Value::Object(members) => members.iter().find_map(|(name, member)| {
            let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
            let plain: String = name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
            let named = SECRET.iter().any(|end| plain.ends_with(end));
            match member {
                Value::String(text) if named && !text.is_empty() && text != MASK => Some(pointer),
                member => secret(member, &pointer),
            }
        }),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| secret(item, &format!("{at}/{index}")))
        }
        _ => None,
    }
}

fn draft(document: &Document) -> Draft {
    let text = |pointer: &str| document.text(pointer).unwrap_or_default().to_string();
    Draft {
        id: document.id.clone(),
        kind: text("/kind"),
        name: text("/name"),
        step: text("/step"),
        state: document.body["state"].clone(),
        created_by: text("/createdBy"),
        updated_by: text("/updatedBy"),
        created_at: document.created.timestamp_millis(),
        updated_at: document.updated.timestamp_millis(),
        etag: document.etag.clone(),
    }
}
