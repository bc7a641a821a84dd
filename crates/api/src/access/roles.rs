//! Roles: permission sets, the sandboxes that they are for, and the subjects who have them. The administrators' role is
//! made with the organization; it can be given and taken, but not changed, and never from its last subject.

use super::{all, good_description, good_name, page, room_for};
use crate::App;
use crate::body::{Body, shaped};
use crate::caller::Member;
use crate::params::Params;
use crate::problem::{Problem, bad};
use crate::rights::{SETS, permission_set};
use crate::writing::{IfMatch, gone, json};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::patch::{self, Op};
use forebay_model::{Document, Error, Resource, Result, Scope, code};
use forebay_store::{New, Secrets};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Subjects of one role.
const MOST_SUBJECTS: usize = 500;
/// Members of a role that a patch may touch.
const CHANGEABLE: &[&str] = &["name", "description", "permissionSets", "sandboxes", "subjectAttributes"];
/// The type of roles that only this server makes.
const BUILT_IN: &str = "system-defined";

/// What a role is made of.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewRole {
    /// Unique in the organization.
    name: String,
    /// For people.
    #[serde(default)]
    description: String,
    /// `user-defined`.
    #[serde(default = "user_defined")]
    role_type: String,
    /// Ids of permission sets.
    #[serde(default)]
    permission_sets: Option<Vec<String>>,
    /// Names of sandboxes, or `*` for all.
    #[serde(default)]
    sandboxes: Option<Vec<String>>,
    /// What the role says of its subjects.
    #[serde(default)]
    subject_attributes: Option<Attributes>,
}

/// What a role says of its subjects.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Attributes {
    /// Labels.
    #[serde(default)]
    labels: Vec<String>,
}

fn user_defined() -> String {
    "user-defined".into()
}

/// The role of administrators: every right, in every sandbox.
pub fn administrators(clients: &[&str]) -> Value {
    let sets: Vec<&str> = SETS.iter().map(|set| set.id).collect();
    let subjects: Vec<Value> =
        clients.iter().map(|id| json!({ "subjectType": "apiIntegration", "subjectId": id })).collect();
    json!({
        "name": "Administrators",
        "description": "Everything, in every sandbox.",
        "roleType": BUILT_IN,
        "permissionSets": sets,
        "sandboxes": ["*"],
        "subjectAttributes": { "labels": [] },
        "subjects": subjects,
        "createdBy": "forebay",
        "modifiedBy": "forebay",
    })
}

/// Whether a role is the one of administrators.
pub fn is_built_in(role: &Document) -> bool {
    role.text("/roleType") == Some(BUILT_IN)
}

/// `GET /administration/roles`
#[utoipa::path(get, path = "/administration/roles", tag = "Access control", params(("limit" = Option<i64>, Query), ("start" = Option<i64>, Query)),
    responses((status = 200, description = "The organization's roles", body = Object)))]
pub async fn list_roles(State(app): State<App>, member: Member, params: Params) -> Result<Response, Problem> {
    let roles: Vec<Value> = all(&app, &member, Resource::Role).await?.iter().map(shown).collect();
    let (roles, page, mut links) = page(&app, &params, "/administration/roles", &roles)?;
    let href = app.link(&format!("{}/administration/roles/{{id}}/subjects", super::BASE));
    links["subjects"] = json!({ "href": href, "templated": true });
    // Documented by its name, read by aepp as `items`.
    Ok(json(StatusCode::OK, &json!({ "roles": roles, "items": roles, "_page": page, "_links": links })))
}

/// `POST /administration/roles`
#[utoipa::path(post, path = "/administration/roles", tag = "Access control", request_body = NewRole,
    responses((status = 200, description = "The role", body = Object), (status = 400, description = "Unknown permission set or sandbox"), (status = 409, description = "The name is taken")))]
pub async fn create_role(State(app): State<App>, member: Member, Body(body): Body) -> Result<Response, Problem> {
    let new: NewRole = shaped(body)?;
    let mut body = json!({ "subjects": [], "createdBy": member.account });
    fill(&mut body, &new, &member);
    check(&app, &member, &body, "").await?;
    let new = New::new(Resource::Role, app.uuid(), body).unstamped();
    let stored = app.store.insert(&Scope::organization(&member.org), new, app.now()).await?;
    Ok(json(StatusCode::OK, &shown(&stored)))
}

/// `GET /administration/roles/{id}`
#[utoipa::path(get, path = "/administration/roles/{id}", tag = "Access control", params(("id" = String, Path)),
    responses((status = 200, description = "The role", body = Object), (status = 404, description = "No such role")))]
pub async fn get_role(State(app): State<App>, member: Member, Path(id): Path<String>) -> Result<Response, Problem> {
    Ok(json(StatusCode::OK, &shown(&role(&app, &member, &id).await?)))
}

/// `PUT /administration/roles/{id}`: name and description; sets and sandboxes if they are given.
#[utoipa::path(put, path = "/administration/roles/{id}", tag = "Access control", request_body = NewRole, params(("id" = String, Path)),
    responses((status = 200, description = "The role", body = Object), (status = 404, description = "No such role"), (status = 409, description = "The name is taken")))]
pub async fn put_role(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    let old = changeable(role(&app, &member, &id).await?)?;
    let new: NewRole = shaped(body)?;
    let mut body = old.body.clone();
    fill(&mut body, &new, &member);
    check(&app, &member, &body, &id).await?;
    Ok(json(StatusCode::OK, &shown(&store(&app, &member, &old, if_match.optional(), body).await?)))
}

/// `PATCH /administration/roles/{id}`
#[utoipa::path(patch, path = "/administration/roles/{id}", tag = "Access control", request_body = Vec<Object>, params(("id" = String, Path)),
    responses((status = 200, description = "The role", body = Object), (status = 404, description = "No such role"), (status = 409, description = "The name is taken")))]
pub async fn patch_role(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    let old = changeable(role(&app, &member, &id).await?)?;
    let operations = patch::parse(&body)?;
    only(&operations, CHANGEABLE)?;
    let changed = patch::apply(&old.body, &operations)?;
    // The patched role must still have a role's shape.
    let new: NewRole = shaped(changed)?;
    let mut body = old.body.clone();
    body["permissionSets"] = json!([]);
    body["sandboxes"] = json!([]);
    body["subjectAttributes"] = json!({ "labels": [] });
    fill(&mut body, &new, &member);
    check(&app, &member, &body, &id).await?;
    Ok(json(StatusCode::OK, &shown(&store(&app, &member, &old, if_match.optional(), body).await?)))
}

/// `DELETE /administration/roles/{id}`
#[utoipa::path(delete, path = "/administration/roles/{id}", tag = "Access control", params(("id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 404, description = "No such role"), (status = 409, description = "The administrators' role stays")))]
pub async fn delete_role(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let old = changeable(role(&app, &member, &id).await?)?;
    let scope = Scope::organization(&member.org);
    app.store.delete(&scope, Resource::Role, &old.id, if_match.optional(), app.now()).await?;
    Ok(gone())
}

/// `GET /administration/roles/{id}/subjects`
#[utoipa::path(get, path = "/administration/roles/{id}/subjects", tag = "Access control", params(("id" = String, Path), ("limit" = Option<i64>, Query), ("start" = Option<i64>, Query)),
    responses((status = 200, description = "Who has the role", body = Object), (status = 404, description = "No such role")))]
pub async fn list_role_subjects(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let role = role(&app, &member, &id).await?;
    Ok(json(StatusCode::OK, &subjects(&app, &params, &role, "items")?))
}

/// `PATCH /administration/roles/{id}/subjects`: `add` and `remove` of `/user` and `/apiIntegration`, whose values are
/// accounts and client ids.
#[utoipa::path(patch, path = "/administration/roles/{id}/subjects", tag = "Access control", request_body = Vec<Object>, params(("id" = String, Path)),
    responses((status = 200, description = "Who has the role now", body = Object), (status = 404, description = "No such role"), (status = 409, description = "The last administrator stays")))]
pub async fn patch_role_subjects(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    let old = role(&app, &member, &id).await?;
    // Here a removal names whom by its value, which a patch proper has no use for.
    let operations = match &body {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    if operations.is_empty() {
        return Err(bad("the patch is empty: send a list of operations").into());
    }
    let mut have: Vec<Value> = old.body["subjects"].as_array().cloned().unwrap_or_default();
    for (index, item) in operations.iter().enumerate() {
        change_subjects(&mut have, index, item)?;
    }
    if have.len() > MOST_SUBJECTS {
        return Err(bad(format!("a role has at most {MOST_SUBJECTS} subjects")).into());
    }
    if is_built_in(&old) && !anybody(&app, &member, &have).await? {
        let message = "the last administrator cannot be taken away: nobody could undo it. One who is left must be a client of the organization, or a user";
        return Err(Error::new(Kind::Conflict, &code::HTTP_409, message).into());
    }
    let mut new = old.body.clone();
    new["subjects"] = Value::Array(have);
    new["modifiedBy"] = json!(member.account);
    let stored = store(&app, &member, &old, if_match.optional(), new).await?;
    Ok(json(StatusCode::OK, &subjects(&app, &Params::default(), &stored, "subjects")?))
}

/// Whether somebody is among the subjects: a client that there is, or a user, whom only an issuer knows.
async fn anybody(app: &App, member: &Member, subjects: &[Value]) -> Result<bool> {
    for subject in subjects {
        if subject["subjectType"] == "user" {
            return Ok(true);
        }
        let id = subject["subjectId"].as_str().unwrap_or_default();
        match app.store.get(&Scope::organization(&member.org), Resource::Client, id).await {
            Ok(_) => return Ok(true),
            Err(error) if error.kind == Kind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

fn change_subjects(have: &mut Vec<Value>, index: usize, item: &Value) -> Result<()> {
    let fault =
        |member: &str, message: &str| Err(bad(message.to_string()).at(Place::pointer(format!("/{index}/{member}"))));
    let (kind, named) = match item["path"].as_str().unwrap_or_default().trim_start_matches('/').split_once('/') {
        Some((kind, id)) => (kind.to_string(), Some(id.to_string())),
        None => (item["path"].as_str().unwrap_or_default().trim_start_matches('/').to_string(), None),
    };
    let kind = match kind.to_ascii_lowercase().as_str() {
        "user" => "user",
        "apiintegration" => "apiIntegration",
        _ => return fault("path", "path is /user or /apiIntegration"),
    };
    let ids: Vec<String> = match (&item["value"], named) {
        (Value::String(id), _) => vec![id.clone()],
        (Value::Array(ids), _) if ids.iter().all(Value::is_string) => {
            ids.iter().filter_map(Value::as_str).map(str::to_string).collect()
        }
        (Value::Null, Some(id)) => vec![id],
        _ => return fault("value", "value is an account or a client id, or a list of them"),
    };
    let plain = |id: &String| !id.trim().is_empty() && id.len() <= 256 && !id.chars().any(char::is_control);
    if !ids.iter().all(plain) {
        return fault("value", "an account or client id has 1 to 256 characters, none of them a control character");
    }
    let op = match item["op"].as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("add") => Op::Add,
        Some("replace") => Op::Replace,
        Some("remove") => Op::Remove,
        _ => return fault("op", "op is add, replace or remove"),
    };
    let is = |subject: &Value, id: &str| subject["subjectType"] == kind && subject["subjectId"] == id;
    if op == Op::Replace {
        have.retain(|subject| subject["subjectType"] != kind);
    }
    for id in ids {
        match op {
            Op::Remove => have.retain(|subject| !is(subject, &id)),
            _ if have.iter().any(|subject| is(subject, &id)) => {}
            _ => have.push(json!({ "subjectType": kind, "subjectId": id })),
        }
    }
    Ok(())
}

fn subjects(app: &App, params: &Params, role: &Document, member: &str) -> Result<Value> {
    let path = format!("/administration/roles/{}/subjects", role.id);
    let all = role.body["subjects"].as_array().into_iter().flatten();
    let all: Vec<Value> = all
        .map(|s| json!({ "roleId": role.id, "subjectType": s["subjectType"], "subjectId": s["subjectId"] }))
        .collect();
    let (items, page, mut links) = page(app, params, &path, &all)?;
    links["self"] = json!({ "href": app.link(&format!("{}{path}", super::BASE)), "templated": false });
    Ok(json!({ member: items, "_page": page, "_links": links }))
}

async fn role(app: &App, member: &Member, id: &str) -> Result<Document> {
    app.store.get(&Scope::organization(&member.org), Resource::Role, id).await
}

fn changeable(role: Document) -> Result<Document> {
    if is_built_in(&role) {
        let message = "the administrators' role cannot be changed or deleted; it can be given and taken";
        return Err(Error::new(Kind::Conflict, &code::HTTP_409, message));
    }
    Ok(role)
}

/// Refuses a patch of anything but these members.
pub fn only(operations: &[patch::Operation], members: &[&str]) -> Result<()> {
    for (index, operation) in operations.iter().enumerate() {
        let first = operation.path.trim_start_matches('/').split('/').next().unwrap_or_default();
        if !members.contains(&first) {
            return Err(bad(format!("{first:?} cannot be changed; what can is {}", members.join(", ")))
                .at(Place::pointer(format!("/{index}/path"))));
        }
    }
    Ok(())
}

fn fill(body: &mut Value, new: &NewRole, member: &Member) {
    body["name"] = json!(new.name);
    body["description"] = json!(new.description);
    body["roleType"] = json!(new.role_type);
    if let Some(sets) = &new.permission_sets {
        body["permissionSets"] = json!(sets);
    }
    if let Some(sandboxes) = &new.sandboxes {
        body["sandboxes"] = json!(sandboxes);
    }
    if let Some(attributes) = &new.subject_attributes {
        body["subjectAttributes"] = json!(attributes);
    }
    for (name, empty) in
        [("permissionSets", json!([])), ("sandboxes", json!([])), ("subjectAttributes", json!({ "labels": [] }))]
    {
        if body[name].is_null() {
            body[name] = empty;
        }
    }
    body["modifiedBy"] = json!(member.account);
}

async fn check(app: &App, member: &Member, body: &Value, id: &str) -> Result<()> {
    let name = body["name"].as_str().unwrap_or_default();
    good_name(name)?;
    good_description(body["description"].as_str().unwrap_or_default())?;
    if body["roleType"] != user_defined() {
        return Err(bad("roleType is user-defined: only the server makes others").at(Place::pointer("/roleType")));
    }
    for (index, set) in body["permissionSets"].as_array().into_iter().flatten().enumerate() {
        if set.as_str().and_then(permission_set).is_none() {
            return Err(bad(format!("there is no permission set {set}"))
                .at(Place::pointer(format!("/permissionSets/{index}")))
                .advice(
                    "GET /data/foundation/access-control/administration/products/forebay/permission-sets lists them.",
                ));
        }
    }
    let known: BTreeSet<String> = crate::sandboxes::all(app, &member.org)
        .await?
        .iter()
        .filter(|sandbox| sandbox.text("/state") != Some("deleting"))
        .filter_map(|sandbox| sandbox.text("/name").map(str::to_string))
        .collect();
    for (index, name) in body["sandboxes"].as_array().into_iter().flatten().enumerate() {
        if name != "*" && !name.as_str().is_some_and(|name| known.contains(name)) {
            return Err(bad(format!("there is no sandbox {name}")).at(Place::pointer(format!("/sandboxes/{index}"))));
        }
    }
    room_for(app, member, Resource::Role, name, id).await
}

async fn store(app: &App, member: &Member, old: &Document, sent: Option<&str>, body: Value) -> Result<Document> {
    if let Some(sent) = sent {
        crate::writing::check_version(sent, old)?;
    }
    let change = move |_: &Document, secrets: &Secrets| Ok((body, secrets.clone()));
    app.store.update(&Scope::organization(&member.org), old.resource, &old.id, Some(&old.etag), app.now(), change).await
}

/// Takes the name of a sandbox that goes out of every role: a later one of the same name is another sandbox.
pub async fn forget_sandbox(app: &App, member: &Member, name: &str) -> Result<()> {
    let scope = Scope::organization(&member.org);
    let names =
        |role: &Document| role.body["sandboxes"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    for role in all(app, member, Resource::Role).await?.iter().filter(|role| names(role)) {
        let change = |old: &Document, secrets: &Secrets| {
            let mut body = old.body.clone();
            if let Some(sandboxes) = body["sandboxes"].as_array_mut() {
                sandboxes.retain(|one| one != name);
            }
            Ok((body, secrets.clone()))
        };
        match app.store.update(&scope, Resource::Role, &role.id, None, app.now(), change).await {
            Err(error) if error.kind == Kind::NotFound => {}
            done => drop(done?),
        }
    }
    Ok(())
}

/// A role as the API shows it; its subjects have a list of their own.
fn shown(role: &Document) -> Value {
    let of = |name: &str| role.body.get(name).cloned().unwrap_or(Value::Null);
    json!({
        "id": role.id,
        "name": of("name"),
        "description": of("description"),
        "roleType": of("roleType"),
        "permissionSets": of("permissionSets"),
        "sandboxes": of("sandboxes"),
        "subjectAttributes": of("subjectAttributes"),
        "createdBy": of("createdBy"),
        "createdAt": role.created.timestamp_millis(),
        "modifiedBy": of("modifiedBy"),
        "modifiedAt": role.updated.timestamp_millis(),
        "etag": role.etag,
    })
}
