//! Who calls: the headers of every request turned into an organization, a client and a sandbox, or refused with the
//! gateway's own bodies in the gateway's own order (FS-HDR-1 to FS-HDR-3). What the caller may do is decided here too, for
//! every operation, by the table of [`crate::rights`].

use crate::App;
use crate::params::Params;
use crate::problem::Problem;
use crate::rights::{Held, Need, Right, Subject, need};
use crate::tokens::{Claims, Identity, secret_version};
use axum::extract::{FromRequestParts, MatchedPath};
use axum::response::{IntoResponse, Response};
use forebay_model::code::Code;
use forebay_model::error::Kind;
use forebay_model::{Document, Error, Resource, Result, Scope, code, filter};
use forebay_store::{List, audit};
use http::request::Parts;
use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Roles and policies that an organization may have, each.
pub const MOST: usize = 200;

/// The cookie of a browser's session: an access token.
pub const SESSION_COOKIE: &str = "forebay_session";

/// Where what we offer beyond the public services is.
const OWN: &str = "/data/foundation/forebay/";

/// The provider of streaming sources.
const STREAMING: &str = "521eee4d-8cbe-4906-bb48-fb6bd4450033";

/// A known client of an organization.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its organization.
    pub org: String,
    /// The client, which is also the API key.
    pub client: String,
    /// The technical account: who `createdBy` names.
    pub account: String,
    /// The organization's namespace in the schema registry, without the underscore.
    pub tenant: String,
    /// What it may do.
    pub held: Arc<Held>,
    /// The token that says so, if it is one of ours.
    pub token: Option<Token>,
}

/// A token of ours.
#[derive(Debug, Clone)]
pub struct Token {
    /// Which it is.
    pub id: String,
    /// When it expires, in epoch seconds.
    pub expires: i64,
    /// The last second at which it is accepted.
    pub ends: i64,
}

/// Members of a document that only this server writes.
const COMPUTED: &[&str] = &[
    "id",
    "etag",
    "eTag",
    "version",
    "createdAt",
    "updatedAt",
    "state",
    "inheritedAttributes",
    "lastOperation",
    "lastRunDetails",
    "runs",
    "providerRefId",
];

/// A member in one of its sandboxes.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub member: Member,
    /// Where.
    pub scope: Scope,
}

impl FromRequestParts<App> for Member {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Member, Response> {
        let found = async {
            tell_operation(parts);
            let member = member(parts, app).await?;
            allowed(parts, |right| member.must(right))?;
            Ok(member)
        };
        found.await.map_err(|error: Error| Problem(error).into_response())
    }
}

impl FromRequestParts<App> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Caller, Response> {
        let found = async {
            tell_operation(parts);
            let caller = caller(parts, app).await?;
            allowed(parts, |right| caller.must(right))?;
            Ok(caller)
        };
        found.await.map_err(|error: Error| Problem(error).into_response())
    }
}

/// The path of the operation's route, with names in the place of ids.
fn route(parts: &Parts) -> &str {
    parts.extensions.get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default()
}

/// For the audit trail: what is asked for, and by whom as far as nobody has checked it yet.
fn tell_operation(parts: &Parts) {
    let route = route(parts);
    audit::tell(|entry| {
        entry.operation = format!("{} {route}", parts.method);
        if let Some(Need::Right(right)) = need(&parts.method, route) {
            entry.needed = format!("{} {}", right.resource(), right.action());
        }
        if let Some(key) = parts.headers.get("x-api-key").and_then(|key| key.to_str().ok()) {
            entry.client = key.trim().to_string();
        }
        if route.ends_with("/action")
            && let Ok(Some(op)) = Params::parse(parts.uri.query().unwrap_or_default()).one("op")
            && op.len() <= 32
            && op.chars().all(|c| c.is_ascii_alphabetic())
        {
            entry.action = format!("{}{}", op[..1].to_ascii_uppercase(), op[1..].to_ascii_lowercase());
        }
    });
}

/// Whether the operation may be called: what the table does not name is nobody's.
fn allowed(parts: &Parts, must: impl Fn(Right) -> Result<()>) -> Result<()> {
    match need(&parts.method, route(parts)) {
        Some(Need::Membership) => Ok(()),
        Some(Need::Right(right)) => must(right),
        None => Err(Error::new(Kind::Forbidden, &code::FLOW_2120, "this operation is open to no role")),
    }
}

/// FLOW-2118, FLOW-2120 or FLOW-2121, and which right it is that lacks.
fn lacking(held: &Held, right: Right, sandbox: Option<&str>) -> Error {
    let place = sandbox.map(|name| format!(" in the sandbox {name:?}")).unwrap_or_default();
    let what = format!("{} on {}", right.action(), right.resource());
    if sandbox.is_some_and(|name| !held.covers(name)) {
        return Error::new(Kind::Forbidden, &code::FLOW_2120, format!("no role of yours covers anything{place}"));
    }
    let code = match right {
        Right::WriteSources if held.may(Right::ReadSources, sandbox) => &code::FLOW_2121,
        _ => &code::FLOW_2118,
    };
    Error::new(Kind::Forbidden, code, format!("the operation needs the right to {what}{place}"))
        .advice("Ask an administrator for a role that has it.")
}

impl Member {
    /// Whom a token of ours is about: 401013 if it is not good.
    pub async fn of_token(app: &App, token: &str) -> Result<Member> {
        let claims = app.tokens.check(token, app.now())?;
        let owner = client_of(app, &claims).await?.ok_or_else(|| refused(&code::GATEWAY_401013))?;
        made(app, &Identity::Client(claims), &owner).await
    }

    /// Whether some role has the right, in whatever sandbox.
    pub fn may(&self, right: Right) -> bool {
        self.held.may(right, None)
    }

    /// The same, or 403.
    pub fn must(&self, right: Right) -> Result<()> {
        if self.may(right) { Ok(()) } else { Err(lacking(&self.held, right, None)) }
    }

    /// 403 unless a role has the right in that sandbox.
    pub fn must_in(&self, right: Right, sandbox: &str) -> Result<()> {
        if self.held.may(right, Some(sandbox)) { Ok(()) } else { Err(lacking(&self.held, right, Some(sandbox))) }
    }
}

/// What a request signs in by.
enum Credential<'a> {
    /// `Authorization: Bearer …`, which wins.
    Bearer(&'a str),
    /// The cookie of a session. A browser sends it by itself: `sent_on_purpose` asks for more.
    Cookie(&'a str),
}

impl Credential<'_> {
    fn of(headers: &HeaderMap) -> Result<Credential<'_>> {
        let Some(authorization) = single(headers, "authorization", &code::GATEWAY_401013)? else {
            let cookie = session_cookie(headers)?;
            return cookie.map(Credential::Cookie).ok_or_else(|| refused(&code::GATEWAY_403010));
        };
        match authorization.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Credential::Bearer(token.trim())),
            _ => Err(refused(&code::GATEWAY_401013)),
        }
    }
}

/// The session's cookie, if there is one; two of that name are refused, like any header that is there twice.
fn session_cookie(headers: &HeaderMap) -> Result<Option<&str>> {
    let mut found = None;
    for header in headers.get_all(http::header::COOKIE) {
        // Other cookies of the host are not ours to judge.
        for pair in header.as_bytes().split(|byte| *byte == b';') {
            let Some(value) = pair.trim_ascii().strip_prefix(SESSION_COOKIE.as_bytes()) else { continue };
            let Some(value) = value.strip_prefix(b"=") else { continue };
            let value = std::str::from_utf8(value).map_err(|_| refused(&code::GATEWAY_401013))?;
            if found.replace(value).is_some() {
                return Err(refused(&code::GATEWAY_401013));
            }
        }
    }
    Ok(found.filter(|value| !value.is_empty()))
}

/// Refuses what another site has made a browser send. A form cannot set a header of its own, and a script of another site
/// may not; newer browsers say besides where a request comes from.
fn sent_on_purpose(parts: &Parts) -> Result<()> {
    let headers = &parts.headers;
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let own = ["x-sandbox-name", "x-gw-ims-org-id", "x-api-key"];
    if !reads && !own.iter().any(|name| headers.contains_key(*name)) {
        let message =
            "a change by a browser's session needs one of the headers x-sandbox-name, x-gw-ims-org-id, x-api-key";
        return Err(Error::new(Kind::Forbidden, &code::HTTP_403, message));
    }
    if from_another_site(headers, reads) {
        return Err(Error::new(Kind::Forbidden, &code::HTTP_403, "the request was sent by a page of another site"));
    }
    Ok(())
}

/// Whether the browser says so. `none`: the person did it, by typing the address or the like.
pub fn from_another_site(headers: &HeaderMap, reads: bool) -> bool {
    headers.get_all("sec-fetch-site").iter().any(|site| match site.as_bytes() {
        b"same-origin" => false,
        b"none" => !reads,
        _ => true,
    })
}

async fn member(parts: &Parts, app: &App) -> Result<Member> {
    let headers = &parts.headers;
    let credential = Credential::of(headers)?;
    let identity = match credential {
        Credential::Bearer(token) => app.tokens.identify(token, app.now()).await?,
        Credential::Cookie(token) => Identity::Client(app.tokens.check(token, app.now())?),
    };
    let by_cookie = matches!(credential, Credential::Cookie(_));
    let (account, client, org) = told(&identity);
    let owner = match &identity {
        Identity::Client(claims) => client_of(app, claims).await?,
        Identity::Other(vouched) => any_client(app, &vouched.org).await?,
    };
    let key = match single(headers, "x-api-key", &code::GATEWAY_403003)? {
        None if by_cookie => client,
        None => return Err(refused(&code::GATEWAY_403000)),
        Some(key) => key,
    };
    if key != client {
        return Err(refused(&code::GATEWAY_403003));
    }
    let named = match single(headers, "x-gw-ims-org-id", &code::GATEWAY_403025)? {
        None if by_cookie => org,
        None => return Err(refused(&code::GATEWAY_400003)),
        Some(named) => named,
    };
    let Some(owner) = owner.filter(|_| named == org) else {
        return Err(refused(&code::GATEWAY_403025));
    };
    audit::tell(|entry| {
        entry.org = org.clone();
        entry.account = account.clone();
        entry.client = client.clone();
    });
    if by_cookie {
        sent_on_purpose(parts)?;
    }
    made(app, &identity, &owner).await
}

/// A member, as who its token is about is known.
async fn made(app: &App, identity: &Identity, owner: &Document) -> Result<Member> {
    let (account, client, org) = told(identity);
    let (subject, token) = match identity {
        Identity::Client(claims) => (
            Subject { client: Some(client), account, roles: &[] },
            Some(Token { id: claims.jti.clone(), expires: claims.expires(), ends: claims.ends() }),
        ),
        Identity::Other(vouched) => (Subject { client: None, account, roles: &vouched.roles }, None),
    };
    Ok(Member {
        held: Arc::new(held(app, org, &subject).await?),
        org: org.clone(),
        account: account.clone(),
        tenant: owner.text("/tenantId").unwrap_or("forebay").to_string(),
        client: client.clone(),
        token,
    })
}

/// Account, client and organization.
fn told(identity: &Identity) -> (&String, &String, &String) {
    match identity {
        Identity::Client(claims) => (&claims.sub, &claims.client_id, &claims.org),
        Identity::Other(vouched) => (&vouched.user, &vouched.client, &vouched.org),
    }
}

/// The document of the client that a token of ours was issued to: 401013 if it is gone, or has another secret by now, or if
/// the token was revoked. None if it is another organization's.
async fn client_of(app: &App, claims: &Claims) -> Result<Option<Document>> {
    if app.store.is_revoked(&claims.jti).await? {
        return Err(refused(&code::GATEWAY_401013));
    }
    let Some((owner, client)) = app.store.client(&claims.client_id).await? else {
        return Err(refused(&code::GATEWAY_401013));
    };
    if secret_version(&client) != claims.version {
        return Err(refused(&code::GATEWAY_401013));
    }
    Ok((owner.org == claims.org).then_some(client))
}

/// Some client of the organization, which tells what they have in common; none if there is no such organization.
pub async fn any_client(app: &App, org: &str) -> Result<Option<Document>> {
    let list = List { query: filter::Query::default(), order: Vec::new(), limit: 1, after: None };
    if org.is_empty() {
        return Ok(None);
    }
    Ok(app.store.list(&Scope::organization(org), Resource::Client, &list).await?.documents.into_iter().next())
}

/// What the organization's roles and policies make of a subject.
async fn held(app: &App, org: &str, subject: &Subject<'_>) -> Result<Held> {
    let scope = Scope::organization(org);
    let list = List { query: filter::Query::default(), order: Vec::new(), limit: MOST, after: None };
    let roles = app.store.list(&scope, Resource::Role, &list).await?.documents;
    let policies = app.store.list(&scope, Resource::Policy, &list).await?.documents;
    Ok(Held::new(subject, &roles, &policies))
}

/// Who calls, in which sandbox; what the operation needs is not looked at.
pub async fn caller(parts: &Parts, app: &App) -> Result<Caller> {
    let headers = &parts.headers;
    let member = member(parts, app).await?;
    if headers.contains_key("x-sandbox-id") {
        let message = "x-sandbox-id needs a service token; name the sandbox in x-sandbox-name";
        return Err(Error::new(Kind::Invalid, &code::FLOW_2110, message));
    }
    let query = Params::parse(parts.uri.query().unwrap_or_default());
    let by_address = match opened_by_address(parts) {
        true => query.one("sandbox")?,
        false => None,
    };
    let name = single(headers, "x-sandbox-name", &code::FLOW_2100)?.or(by_address);
    if by_address.is_some_and(|sandbox| Some(sandbox) != name) {
        let message = "the query parameter sandbox and the header x-sandbox-name name two sandboxes";
        return Err(Error::new(Kind::Invalid, &code::HTTP_400, message));
    }
    let scope = match name {
        Some("*") => return Err(refused(&code::FLOW_2111)),
        Some(name) => app.store.sandbox(&member.org, name).await?,
        None if app.settings.strict => return Err(refused(&code::FLOW_2105)),
        None => default_sandbox(app, &member.org).await?,
    };
    match scope {
        Some(scope) => {
            audit::tell(|entry| entry.sandbox = scope.sandbox_name.clone());
            Ok(Caller { member, scope })
        }
        None => Err(no_sandbox(app, &member.org, name).await?),
    }
}

/// Whether a browser opens the operation by its address alone, and so may name the sandbox in it: what we offer beyond the
/// public services.
fn opened_by_address(parts: &Parts) -> bool {
    matches!(parts.method, Method::GET | Method::HEAD) && route(parts).starts_with(OWN)
}

/// FLOW-2106 for a sandbox that is not active now, FLOW-2103 for a default one that is not there, FLOW-2100 else.
async fn no_sandbox(app: &App, org: &str, name: Option<&str>) -> Result<Error> {
    let found = crate::sandboxes::all(app, org).await?;
    let default = || found.iter().find(|sandbox| sandbox.body["isDefault"] == true);
    let Some(name) = name.or_else(|| default()?.text("/name")) else {
        return Ok(refused(&code::FLOW_2103));
    };
    if found.iter().any(|sandbox| sandbox.text("/name") == Some(name)) {
        let message = format!("the sandbox {name:?} is being created, reset or deleted");
        return Ok(Error::new(Kind::NotFound, &code::FLOW_2106, message).advice("Try again when it is active."));
    }
    let message = format!("the organization has no sandbox named {name:?}");
    let advice = "List the sandboxes with GET /data/foundation/sandbox-management/.";
    Ok(Error::new(Kind::NotFound, &code::FLOW_2100, message).advice(advice))
}

/// The one value of a header; blank counts as absent, and a repeated security header is refused: two readers of the
/// request could each believe another one.
fn single<'a>(headers: &'a HeaderMap, name: &str, code: &'static Code) -> Result<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(refused(code));
    }
    match first.map(|value| value.to_str().map(str::trim)) {
        None | Some(Ok("")) => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => Err(refused(code)),
    }
}

fn refused(code: &'static Code) -> Error {
    let kind = match code.status {
        401 => Kind::Unauthenticated,
        403 => Kind::Forbidden,
        404 => Kind::NotFound,
        _ => Kind::Invalid,
    };
    Error::new(kind, code, code.title)
}

/// The organization's default sandbox.
async fn default_sandbox(app: &App, org: &str) -> Result<Option<Scope>> {
    let list =
        List { query: filter::parse(&["isDefault==true".to_string()])?, order: Vec::new(), limit: 1, after: None };
    let page = app.store.list(&Scope::organization(org), Resource::Sandbox, &list).await?;
    match page.documents.first().and_then(|sandbox| sandbox.text("/name")) {
        Some(name) => app.store.sandbox(org, name).await,
        None => Ok(None),
    }
}

impl Caller {
    /// Whether the caller has the right in its sandbox.
    pub fn may(&self, right: Right) -> bool {
        self.member.held.may(right, Some(&self.scope.sandbox_name))
    }

    /// The same, or 403.
    pub fn must(&self, right: Right) -> Result<()> {
        if self.may(right) { Ok(()) } else { Err(lacking(&self.member.held, right, Some(&self.scope.sandbox_name))) }
    }

    /// 403 unless the caller may make connections to systems of that connection spec: streaming ones have a right of their own.
    pub fn must_connect(&self, spec: &Value) -> Result<()> {
        if spec["providerId"] == STREAMING { self.must(Right::WriteStreaming) } else { Ok(()) }
    }

    /// Writes who made a document, and where it lives, into its body. Whatever the caller sent in these members, and in
    /// those that the server computes, goes.
    pub fn sign(&self, body: &mut Map<String, Value>) {
        for name in COMPUTED {
            body.remove(*name);
        }
        let signature = [
            ("createdBy", &self.member.account),
            ("updatedBy", &self.member.account),
            ("createdClient", &self.member.client),
            ("updatedClient", &self.member.client),
            ("sandboxId", &self.scope.sandbox),
            ("sandboxName", &self.scope.sandbox_name),
            ("imsOrgId", &self.member.org),
        ];
        for (name, value) in signature {
            body.insert(name.into(), json!(value));
        }
    }

    /// Writes who changed a document into its body.
    pub fn countersign(&self, body: &mut Value) {
        body["updatedBy"] = json!(self.member.account);
        body["updatedClient"] = json!(self.member.client);
    }

    /// Reads a document of the caller's sandbox.
    pub async fn get(&self, app: &App, resource: Resource, id: &str) -> Result<Document> {
        app.store.get(&self.scope, resource, id).await
    }
}
