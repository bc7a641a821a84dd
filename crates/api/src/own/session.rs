//! A browser's session: a person signs in by a link that is good once, or by a client's secret, and the access token of
//! that client becomes a cookie that scripts cannot read. Whatever takes a bearer token takes the cookie too; what it asks
//! for besides is in `caller.rs`.

use crate::App;
use crate::body::{Body, shaped};
use crate::bootstrap::{operator, secret_hash};
use crate::caller::{Member, SESSION_COOKIE, from_another_site};
use crate::ims::by_own_secret;
use crate::problem::{Failed, Problem, bad};
use crate::rights::{Right, by_resource};
use crate::tokens::{LIFE, account, secret_version};
use crate::writing::{gone, shown};
use crate::{sandboxes, system_random};
use axum::extract::{FromRequestParts, State};
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use forebay_model::error::Kind;
use forebay_model::{Document, Error, Result, Time, code};
use forebay_store::{Link, Store, Use, audit};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// How long a link is good, in minutes.
const LINK_LIFE: i64 = 15;

/// What signs in: `token`, or `clientId` and `clientSecret`.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignIn {
    /// Of a link that is good once.
    #[serde(default)]
    token: Option<String>,
    /// The client.
    #[serde(default)]
    client_id: Option<String>,
    /// Its secret.
    #[serde(default)]
    client_secret: Option<String>,
}

/// Who is signed in, what they may do, and where.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// The organization.
    org: SessionParty,
    /// The client.
    client: SessionParty,
    /// Who `createdBy` names.
    account: String,
    /// For `x-api-key`.
    api_key: String,
    /// The organization's namespace in the schema registry, without the underscore.
    tenant: String,
    /// The sandboxes that the client's roles cover.
    sandboxes: Vec<SessionSandbox>,
    /// Resource types and the actions on them, in some sandbox at least.
    permissions: BTreeMap<String, Vec<String>>,
    /// The program's version.
    version: String,
    /// The server is a demo.
    demo: bool,
    /// Where clients reach the server.
    public_url: String,
    /// The lake's folder or URI.
    lake_uri: String,
    /// When the session ends, in epoch milliseconds; unknown of a token of another issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

/// An id and what it is called.
#[derive(Serialize, ToSchema)]
pub struct SessionParty {
    /// Its id.
    id: String,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// A sandbox.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionSandbox {
    /// For `x-sandbox-name`.
    name: String,
    /// For people.
    title: String,
    /// `development` or `production`.
    r#type: String,
    /// `active`, or what it is on its way from or to.
    state: String,
    /// It is the one that is meant where none is named.
    is_default: bool,
}

/// A link that signs its client in, once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OneTimeLink {
    /// The link. Whoever has it is the client.
    pub url: String,
    /// Until when, in epoch milliseconds.
    pub expires_at: i64,
}

/// Makes a link that signs `client` in once, within fifteen minutes. Only the hash of its token is stored.
///
/// # Errors
/// `NotFound` without such a client; when the store fails.
pub async fn one_time_link(store: &Store, public_url: &str, client: &str, now: Time) -> Result<OneTimeLink> {
    let Some((scope, document)) = store.client(client).await?.filter(|(scope, _)| !scope.org.is_empty()) else {
        return Err(Error::new(Kind::NotFound, &code::HTTP_404, format!("there is no client {client}")));
    };
    let token = format!("{:032x}{:032x}", system_random(), system_random());
    let expires = now + TimeDelta::minutes(LINK_LIFE);
    let link = Link { org: scope.org, client: document.id.clone(), version: secret_version(&document) };
    store.keep_link(&secret_hash(&token), (&link, &document), expires, now).await?;
    let url = format!("{}/ui/?token={token}", public_url.trim_end_matches('/'));
    Ok(OneTimeLink { url, expires_at: expires.timestamp_millis() })
}

/// A member; who is nobody is told so by 401.
pub struct SignedIn(Member);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<SignedIn, Response> {
        let refused = match Member::from_request_parts(parts, app).await {
            Ok(member) => return Ok(SignedIn(member)),
            Err(refused) => refused,
        };
        let nobody = refused.extensions().get::<Failed>().is_some_and(|f| f.0.code == &code::GATEWAY_403010);
        Err(if nobody { Problem(unauthenticated("nobody is signed in")).into_response() } else { refused })
    }
}

/// `POST /session`: signs in, by a link's token or by a client's secret.
#[utoipa::path(post, path = "/session", tag = "Session", request_body = SignIn, security(()),
    responses((status = 200, description = "The session; its cookie comes with it", body = Session),
        (status = 401, description = "Wrong, used before, or expired"), (status = 403, description = "Sent by a page of another site")))]
pub async fn create_session(State(app): State<App>, headers: HeaderMap, Body(body): Body) -> Result<Response, Problem> {
    audit::tell(|entry| {
        (entry.operation, entry.action) = ("POST /data/foundation/forebay/session".into(), "SignIn".into())
    });
    // Nobody is to be signed in as somebody else by a page that they happen to look at.
    if from_another_site(&headers, false) {
        return Err(
            Error::new(Kind::Forbidden, &code::HTTP_403, "the request was sent by a page of another site").into()
        );
    }
    let asked: SignIn = shaped(body)?;
    let found = match (asked.token, asked.client_id, asked.client_secret) {
        (Some(token), None, None) => by_link(&app, &token).await?,
        (None, Some(client), Some(secret)) => {
            audit::tell(|entry| entry.client = client.clone());
            by_own_secret(&app, &client, &secret).await?.map(|(scope, client)| (scope.org, client))
        }
        _ => return Err(bad("the body has either token, or clientId and clientSecret").into()),
    };
    let Some((org, client)) = found else {
        let error = unauthenticated("the link or the secret is wrong, or the link was used before or has expired");
        return Err(error.advice("A new link is printed by `forebay login --browser`.").into());
    };
    audit::tell(|entry| {
        (entry.org, entry.client, entry.account) = (org.clone(), client.id.clone(), account(&client.id));
    });
    app.store.note_sign_in(&client).await?;
    let token = app.tokens.issue_for(&client.id, &org, secret_version(&client), app.now())?;
    let member = Member::of_token(&app, &token).await?;
    let mut response = shown(StatusCode::OK, &session(&app, &member).await?);
    set_cookie(&app, &mut response, &token, LIFE - 1);
    Ok(response)
}

/// `GET /session`: who is signed in.
#[utoipa::path(get, path = "/session", tag = "Session",
    responses((status = 200, description = "The session", body = Session), (status = 401, description = "Nobody is signed in")))]
pub async fn get_session(State(app): State<App>, SignedIn(member): SignedIn) -> Result<Response, Problem> {
    Ok(shown(StatusCode::OK, &session(&app, &member).await?))
}

/// `DELETE /session`: signs out. The token is good for nothing from now on.
#[utoipa::path(delete, path = "/session", tag = "Session",
    responses((status = 204, description = "Signed out"), (status = 401, description = "Nobody is signed in"),
        (status = 400, description = "The token is another issuer's, and ends there")))]
pub async fn delete_session(State(app): State<App>, SignedIn(member): SignedIn) -> Result<Response, Problem> {
    let Some(token) = &member.token else {
        return Err(bad("the token is another issuer's: sign out there").into());
    };
    let ends = Time::from_timestamp(token.ends + 1, 0).unwrap_or(Time::MAX_UTC);
    let client = app.store.client(&member.client).await?;
    app.store.revoke_token(&token.id, ends, client.as_ref().map(|(_, client)| client), app.now()).await?;
    let mut response = gone();
    set_cookie(&app, &mut response, "", 0);
    Ok(response)
}

/// `POST /session/links`: a link that signs the caller's own client in, in a browser.
#[utoipa::path(post, path = "/session/links", tag = "Session",
    responses((status = 201, description = "The link", body = OneTimeLink), (status = 400, description = "The token is another issuer's")))]
pub async fn create_session_link(State(app): State<App>, member: Member) -> Result<Response, Problem> {
    if member.token.is_none() {
        return Err(bad("the token is another issuer's: only a client of this server has links").into());
    }
    let link = one_time_link(&app.store, &app.settings.public_url, &member.client, app.now()).await?;
    Ok(shown(StatusCode::CREATED, &link))
}

/// Whom a link's token signs in. A link that was good once tells the trail whose it was.
async fn by_link(app: &App, token: &str) -> Result<Option<(String, Document)>> {
    let link = match app.store.use_link(&secret_hash(token), app.now()).await? {
        Use::Good(link) => link,
        Use::Spent(link) => {
            audit::tell(|entry| entry.client = link.client);
            return Ok(None);
        }
        Use::Unknown => {
            let org = operator(&app.store).await?.unwrap_or_default();
            audit::tell(|entry| entry.org = org);
            return Ok(None);
        }
    };
    audit::tell(|entry| entry.client = link.client.clone());
    let found = app.store.client(&link.client).await?;
    let same = |found: &(_, Document)| secret_version(&found.1) == link.version;
    Ok(found.filter(same).filter(|(scope, _)| scope.org == link.org).map(|(scope, client)| (scope.org, client)))
}

fn unauthenticated(message: &'static str) -> Error {
    Error::new(Kind::Unauthenticated, &code::HTTP_401, message)
}

/// The cookie goes to this host alone, to no script, and with no request that another site has made.
fn set_cookie(app: &App, response: &mut Response, token: &str, seconds: i64) {
    let secure = if app.settings.public_url.starts_with("https://") { "; Secure" } else { "" };
    let cookie = format!("{SESSION_COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let mut cookie = HeaderValue::from_str(&cookie).expect("a token is letters, digits and dots");
    cookie.set_sensitive(true);
    response.headers_mut().insert(header::SET_COOKIE, cookie);
}

async fn session(app: &App, member: &Member) -> Result<Session> {
    let client = app.store.client(&member.client).await?;
    let name = client.as_ref().filter(|_| member.token.is_some()).and_then(|(_, client)| client.text("/name"));
    let covered = |sandbox: &Document| {
        sandbox.text("/state") != Some("deleted") && member.held.covers(sandbox.text("/name").unwrap_or_default())
    };
    let sandboxes = sandboxes::all(app, &member.org).await?.into_iter().filter(covered);
    let rights: Vec<Right> = Right::ALL.iter().copied().filter(|right| member.may(*right)).collect();
    let permissions = by_resource(&rights).into_iter().map(|(resource, actions)| {
        let actions = actions.as_array().into_iter().flatten().filter_map(|a| a.as_str().map(str::to_string)).collect();
        (resource, actions)
    });
    Ok(Session {
        org: SessionParty { id: member.org.clone(), name: None },
        client: SessionParty { id: member.client.clone(), name: Some(name.unwrap_or(&member.client).to_string()) },
        account: member.account.clone(),
        api_key: member.client.clone(),
        tenant: member.tenant.clone(),
        sandboxes: sandboxes.map(|sandbox| of_sandbox(&sandbox)).collect(),
        permissions: permissions.collect(),
        version: env!("CARGO_PKG_VERSION").into(),
        demo: app.settings.demo,
        public_url: app.settings.public_url.clone(),
        lake_uri: app.settings.lake.clone(),
        expires_at: member.token.as_ref().map(|token| token.expires * 1000),
    })
}

fn of_sandbox(sandbox: &Document) -> SessionSandbox {
    let text = |pointer: &str| sandbox.text(pointer).unwrap_or_default().to_string();
    SessionSandbox {
        name: text("/name"),
        title: text("/title"),
        r#type: text("/type"),
        state: text("/state"),
        is_default: sandbox.body["isDefault"] == true,
    }
}
