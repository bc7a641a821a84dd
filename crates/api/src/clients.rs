//! API clients of the organization: made, given new secrets, revoked. A secret is told once, to whoever asked for it; the
//! store keeps its hash. What a client may do is a matter of its roles.

use crate::App;
use crate::access::roles::is_built_in;
use crate::body::{Body, shaped};
use crate::bootstrap::secret_hash;
use crate::caller::Member;
use crate::jwt;
use crate::params::Params;
use crate::problem::{Problem, bad};
use crate::tokens::{account, secret_version};
use crate::writing::{gone, json};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::filter::Query;
use forebay_model::{Document, Error, Resource, Result, Scope, code};
use forebay_store::{List, New, Secrets};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Clients of one organization.
const MOST: usize = 1000;
/// Public keys of one client.
const MOST_KEYS: usize = 10;
const PATH: &str = "/data/foundation/forebay/clients";

/// What a client is made of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewClient {
    /// For people.
    name: String,
    /// For people.
    #[serde(default)]
    description: Option<String>,
    /// Public keys (JWK) by which it may sign JWTs for `/ims/exchange/jwt`.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>)]
    public_keys: Option<Vec<Value>>,
}

/// What can be changed of a client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientChange {
    /// For people.
    #[serde(default)]
    name: Option<String>,
    /// For people.
    #[serde(default)]
    description: Option<String>,
    /// Public keys (JWK), which replace those before.
    #[serde(default)]
    #[schema(value_type = Option<Vec<Object>>)]
    public_keys: Option<Vec<Value>>,
}

/// `GET /clients`
#[utoipa::path(get, path = "/clients", tag = "API clients", params(("limit" = Option<i64>, Query), ("start" = Option<i64>, Query)),
    responses((status = 200, description = "The organization's clients, without secrets", body = Object)))]
pub async fn list_clients(State(app): State<App>, member: Member, params: Params) -> Result<Response, Problem> {
    let limit = params.number("limit", 1, MOST)?.unwrap_or(100);
    let start = params.number("start", 0, MOST)?.unwrap_or(0);
    let all = all(&app, &member).await?;
    let clients: Vec<Value> = all.iter().skip(start).take(limit).map(shown).collect();
    let mut links = json!({});
    if start + clients.len() < all.len() && !clients.is_empty() {
        links["next"] = json!({ "href": app.link(&format!("{PATH}?limit={limit}&start={}", start + limit)) });
    }
    let page = json!({ "limit": limit, "count": clients.len() });
    Ok(json(StatusCode::OK, &json!({ "clients": clients, "_page": page, "_links": links })))
}

/// `POST /clients`: the answer has the secret; nothing tells it again.
#[utoipa::path(post, path = "/clients", tag = "API clients", request_body = NewClient,
    responses((status = 201, description = "The client, and its secret", body = Object), (status = 400, description = "Bad name or key"), (status = 409, description = "Too many clients")))]
pub async fn create_client(State(app): State<App>, member: Member, Body(body): Body) -> Result<Response, Problem> {
    let new: NewClient = shaped(body)?;
    let mut body = json!({ "organization": member.org, "tenantId": member.tenant, "createdBy": member.account });
    fill(&mut body, Some(&new.name), new.description.as_deref(), new.public_keys.as_deref())?;
    if all(&app, &member).await?.len() >= MOST {
        let message = format!("an organization has at most {MOST} clients");
        return Err(Error::new(Kind::Conflict, &code::HTTP_409, message).into());
    }
    let (id, secret) = (app.hex(32), app.hex(64));
    body["clientId"] = json!(id);
    body["secretHash"] = json!(secret_hash(&secret));
    body["secretVersion"] = json!(0);
    body["secretSince"] = json!(app.now().timestamp_millis());
    let new = New::new(Resource::Client, id, body).unstamped();
    let stored = app.store.insert(&Scope::organization(&member.org), new, app.now()).await?;
    Ok(json(StatusCode::CREATED, &told(&stored, &secret)))
}

/// `GET /clients/{id}`
#[utoipa::path(get, path = "/clients/{id}", tag = "API clients", params(("id" = String, Path)),
    responses((status = 200, description = "The client, without its secret", body = Object), (status = 404, description = "No such client")))]
pub async fn get_client(State(app): State<App>, member: Member, Path(id): Path<String>) -> Result<Response, Problem> {
    Ok(json(StatusCode::OK, &shown(&client(&app, &member, &id).await?)))
}

/// `PATCH /clients/{id}`: name, description and public keys. When a key goes, the client's tokens end.
#[utoipa::path(patch, path = "/clients/{id}", tag = "API clients", request_body = ClientChange, params(("id" = String, Path)),
    responses((status = 200, description = "The client", body = Object), (status = 400, description = "Bad name or key"), (status = 404, description = "No such client")))]
pub async fn patch_client(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Response, Problem> {
    client(&app, &member, &id).await?;
    let change: ClientChange = shaped(body)?;
    let stored = update(&app, &member, &id, move |body| {
        let before = body["publicKeys"].as_array().cloned().unwrap_or_default();
        fill(body, change.name.as_deref(), change.description.as_deref(), change.public_keys.as_deref())?;
        // A key that goes takes the tokens with it that were got by it: they do not say which key that was, so all end.
        if before.iter().any(|key| !body["publicKeys"].as_array().is_some_and(|keys| keys.contains(key))) {
            renew_version(body);
        }
        Ok(())
    });
    Ok(json(StatusCode::OK, &shown(&stored.await?)))
}

/// `POST /clients/{id}/rotate`: a new secret. The one before, and the tokens that it gave, are good for nothing at once.
#[utoipa::path(post, path = "/clients/{id}/rotate", tag = "API clients", params(("id" = String, Path)),
    responses((status = 200, description = "The client, and its new secret", body = Object), (status = 404, description = "No such client")))]
pub async fn rotate_client(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (secret, now) = (app.hex(64), app.now().timestamp_millis());
    let hash = secret_hash(&secret);
    forebay_store::audit::tell(|entry| entry.action = "Rotate".into());
    let stored = update(&app, &member, &id, move |body| {
        body["secretHash"] = json!(hash);
        renew_version(body);
        body["secretSince"] = json!(now);
        Ok(())
    });
    Ok(json(StatusCode::OK, &told(&stored.await?, &secret)))
}

/// `DELETE /clients/{id}`: it is nobody from now on; what it made stays.
#[utoipa::path(delete, path = "/clients/{id}", tag = "API clients", params(("id" = String, Path)),
    responses((status = 204, description = "Revoked"), (status = 404, description = "No such client"), (status = 409, description = "The last administrator stays")))]
pub async fn delete_client(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    client(&app, &member, &id).await?;
    if is_last_administrator(&app, &member, &id).await? {
        let message = "the last administrator cannot be revoked: nobody could undo it";
        return Err(Error::new(Kind::Conflict, &code::HTTP_409, message).into());
    }
    app.store.delete(&Scope::organization(&member.org), Resource::Client, &id, None, app.now()).await?;
    Ok(gone())
}

async fn all(app: &App, member: &Member) -> Result<Vec<Document>> {
    let list = List { query: Query::default(), order: Vec::new(), limit: MOST, after: None };
    Ok(app.store.list(&Scope::organization(&member.org), Resource::Client, &list).await?.documents)
}

async fn client(app: &App, member: &Member, id: &str) -> Result<Document> {
    app.store.get(&Scope::organization(&member.org), Resource::Client, id).await
}

/// Ends every token that the client has.
fn renew_version(body: &mut Value) {
    body["secretVersion"] = json!(body["secretVersion"].as_i64().unwrap_or(0) + 1);
}

/// Whether nobody else among the clients that there are is an administrator.
async fn is_last_administrator(app: &App, member: &Member, id: &str) -> Result<bool> {
    let scope = Scope::organization(&member.org);
    let list = List { query: Query::default(), order: Vec::new(), limit: crate::caller::MOST, after: None };
    let roles = app.store.list(&scope, Resource::Role, &list).await?.documents;
    let clients = all(app, member).await?;
    let administers = |client: &str| {
        roles.iter().filter(|role| is_built_in(role)).any(|role| {
            role.body["subjects"].as_array().into_iter().flatten().any(|subject| {
                let named = subject["subjectId"].as_str().unwrap_or_default();
                named == client || named == account(client)
            })
        })
    };
    Ok(administers(id) && !clients.iter().any(|other| other.id != id && administers(&other.id)))
}

async fn update(
    app: &App,
    member: &Member,
    id: &str,
    change: impl FnOnce(&mut Value) -> Result<()> + Send,
) -> Result<Document> {
    let by = member.account.clone();
    let change = move |old: &Document, secrets: &Secrets| {
        let mut body = old.body.clone();
        change(&mut body)?;
        body["modifiedBy"] = json!(by);
        Ok((body, secrets.clone()))
    };
    app.store.update(&Scope::organization(&member.org), Resource::Client, id, None, app.now(), change).await
}

fn fill(body: &mut Value, name: Option<&str>, description: Option<&str>, keys: Option<&[Value]>) -> Result<()> {
    if let Some(name) = name {
        if name.trim().is_empty() || name.chars().count() > 255 || name.chars().any(char::is_control) {
            return Err(
                bad("name has 1 to 255 characters, none of them a control character").at(Place::pointer("/name"))
            );
        }
        body["name"] = json!(name);
    }
    if let Some(description) = description {
        if description.chars().count() > 2000 {
            return Err(bad("description has at most 2000 characters").at(Place::pointer("/description")));
        }
        body["description"] = json!(description);
    }
    if let Some(keys) = keys {
        if keys.len() > MOST_KEYS {
            return Err(bad(format!("a client has at most {MOST_KEYS} public keys")).at(Place::pointer("/publicKeys")));
        }
        for (index, key) in keys.iter().enumerate() {
            if let Some(fault) = jwt::fault(key) {
                return Err(
                    bad(format!("the key cannot be used: {fault}")).at(Place::pointer(format!("/publicKeys/{index}")))
                );
            }
        }
        body["publicKeys"] = json!(keys);
    }
    Ok(())
}

/// A client with the secret that was made just now.
fn told(client: &Document, secret: &str) -> Value {
    let mut shown = shown(client);
    shown["clientSecret"] = json!(secret);
    shown
}

/// A client as the API shows it: nothing of its secret.
fn shown(client: &Document) -> Value {
    let of = |name: &str| client.body.get(name).cloned().unwrap_or(Value::Null);
    json!({
        "id": client.id,
        "clientId": client.id,
        "account": account(&client.id),
        "name": of("name"),
        "description": of("description"),
        "publicKeys": client.body.get("publicKeys").cloned().unwrap_or(json!([])),
        "secretVersion": secret_version(client),
        "secretSince": of("secretSince"),
        "createdBy": of("createdBy"),
        "createdAt": client.created.timestamp_millis(),
        "modifiedBy": of("modifiedBy"),
        "modifiedAt": client.updated.timestamp_millis(),
    })
}
