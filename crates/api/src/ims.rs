//! The token endpoints (platform.md §1): this server plays IMS for its own clients. A client signs in by its secret, by a
//! refresh token, or by a JWT that it signed with a key whose public half is registered. What needs a browser (a code) has
//! no place here, and is answered as an expired code would be.

use crate::App;
use crate::body;
use crate::bootstrap::secret_hash;
use crate::jwt::{self, Head, KeySet};
use crate::problem::JSON;
use crate::tokens::{LIFE, account, secret_version};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use forebay_model::error::Kind;
use forebay_model::{Document, Error, Scope, Time};
use forebay_store::audit;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Fields that one request may have.
const MOST_FIELDS: usize = 50;

/// What a client sends, as a form, as a multipart form, or in the query.
#[derive(Debug, Default, ToSchema)]
pub struct TokenRequest {
    /// `client_credentials`, `refresh_token` or `authorization_code`.
    grant_type: Option<String>,
    /// The client.
    client_id: Option<String>,
    /// Its secret.
    client_secret: Option<String>,
    /// Accepted and not looked at: roles say what a client may do.
    #[expect(dead_code, reason = "a member of the public form")]
    scope: Option<String>,
    /// Of `authorization_code`.
    code: Option<String>,
    /// Of `refresh_token`.
    refresh_token: Option<String>,
    /// Of the JWT exchange.
    jwt_token: Option<String>,
}

/// An access token.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "it describes the answer")]
pub struct TokenAnswer {
    /// For `Authorization: Bearer …`.
    access_token: String,
    /// `bearer`.
    token_type: String,
    /// Seconds; milliseconds in the JWT exchange (P-4).
    expires_in: i64,
    /// Of `/ims/token/v1`.
    refresh_token: Option<String>,
}

/// Why no token is given: an error of OAuth.
struct Refusal(StatusCode, &'static str, &'static str);

impl Refusal {
    fn request(description: &'static str) -> Refusal {
        Refusal(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    fn grant(description: &'static str) -> Refusal {
        Refusal(StatusCode::BAD_REQUEST, "invalid_grant", description)
    }

    /// One answer for an unknown client and for a wrong secret (PL-IMS-2).
    fn client() -> Refusal {
        Refusal(StatusCode::UNAUTHORIZED, "invalid_client", "")
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        tracing::error!("a token could not be issued: {error}");
        match error.kind {
            Kind::TooLarge => Refusal(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "the body is too large"),
            Kind::Invalid => Refusal::request("the body cannot be read"),
            _ => Refusal(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "try again"),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Refusal(status, error, description) = self;
        let mut body = json!({ "error": error });
        if !description.is_empty() {
            body["error_description"] = json!(description);
        }
        let mut response = answer(status, &body);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// `POST /ims/token/v1`: an access token and a refresh token, which is good for the next ones.
#[utoipa::path(post, path = "/ims/token/v1", tag = "IMS",
    params(("grant_type" = Option<String>, Query), ("client_id" = Option<String>, Query), ("client_secret" = Option<String>, Query),
        ("code" = Option<String>, Query), ("refresh_token" = Option<String>, Query)),
    request_body(content((TokenRequest = "application/x-www-form-urlencoded"), (TokenRequest = "multipart/form-data"))), security(()),
    responses((status = 200, description = "Tokens", body = TokenAnswer), (status = 400, description = "An error of OAuth", body = Object),
        (status = 401, description = "Unknown client or wrong secret", body = Object)))]
pub async fn token_v1(State(app): State<App>, request: Request) -> Response {
    respond(async {
        let asked = TokenRequest::read(request).await?;
        let (org, client) = authenticated(&app, &asked).await?;
        match asked.grant_type.as_deref() {
            Some("client_credentials") => {}
            Some("refresh_token") => refreshed(&app, &asked, &org, &client)?,
            Some("authorization_code") if asked.code.is_none() => return Err(Refusal::request("code is missing")),
            Some("authorization_code") => {
                return Err(Refusal::grant("this server gives out no codes: nobody signs in by a browser"));
            }
            _ => return Err(ungrantable(&asked)),
        }
        let mut tokens = issued(&app, &org, &client)?;
        let version = secret_version(&client);
        tokens["refresh_token"] = json!(app.tokens.issue_refresh(&client.id, &org.org, version, app.now())?);
        Ok(tokens)
    })
    .await
}

/// `POST /ims/token/v2`: parameters in the query or in the body.
#[utoipa::path(post, path = "/ims/token/v2", tag = "IMS",
    params(("grant_type" = Option<String>, Query), ("client_id" = Option<String>, Query), ("client_secret" = Option<String>, Query),
        ("scope" = Option<String>, Query)),
    request_body(content((TokenRequest = "application/x-www-form-urlencoded"), (TokenRequest = "multipart/form-data"))), security(()),
    responses((status = 200, description = "An access token", body = TokenAnswer), (status = 400, description = "An error of OAuth", body = Object),
        (status = 401, description = "Unknown client or wrong secret", body = Object)))]
pub async fn token_v2(app: State<App>, request: Request) -> Response {
    by_secret(app, request).await
}

/// `POST /ims/token/v3`: parameters in the query or in the body.
#[utoipa::path(post, path = "/ims/token/v3", tag = "IMS",
    params(("grant_type" = Option<String>, Query), ("client_id" = Option<String>, Query), ("client_secret" = Option<String>, Query),
        ("scope" = Option<String>, Query)),
    request_body(content((TokenRequest = "application/x-www-form-urlencoded"), (TokenRequest = "multipart/form-data"))), security(()),
    responses((status = 200, description = "An access token", body = TokenAnswer), (status = 400, description = "An error of OAuth", body = Object),
        (status = 401, description = "Unknown client or wrong secret", body = Object)))]
pub async fn token_v3(app: State<App>, request: Request) -> Response {
    by_secret(app, request).await
}

/// `POST /ims/exchange/jwt`: a JWT that the client signed, for an access token that lives by milliseconds.
#[utoipa::path(post, path = "/ims/exchange/jwt", tag = "IMS",
    params(("client_id" = Option<String>, Query), ("client_secret" = Option<String>, Query), ("jwt_token" = Option<String>, Query)),
    request_body(content((TokenRequest = "multipart/form-data"), (TokenRequest = "application/x-www-form-urlencoded"))), security(()),
    responses((status = 200, description = "An access token", body = TokenAnswer), (status = 400, description = "An error of OAuth", body = Object),
        (status = 401, description = "Unknown client or wrong secret", body = Object)))]
pub async fn exchange_jwt(State(app): State<App>, request: Request) -> Response {
    respond(async {
        let asked = TokenRequest::read(request).await?;
        let (org, client) = authenticated(&app, &asked).await?;
        let Some(token) = asked.jwt_token.as_deref() else {
            return Err(Refusal::request("jwt_token is missing"));
        };
        vouched(token, &org, &client, app.now())?;
        let mut tokens = issued(&app, &org, &client)?;
        tokens["expires_in"] = json!((LIFE - 1) * 1000);
        Ok(tokens)
    })
    .await
}

async fn by_secret(State(app): State<App>, request: Request) -> Response {
    respond(async {
        let asked = TokenRequest::read(request).await?;
        if asked.grant_type.as_deref() != Some("client_credentials") {
            return Err(ungrantable(&asked));
        }
        let (org, client) = authenticated(&app, &asked).await?;
        issued(&app, &org, &client)
    })
    .await
}

fn ungrantable(asked: &TokenRequest) -> Refusal {
    match asked.grant_type {
        Some(_) => Refusal(StatusCode::BAD_REQUEST, "unsupported_grant_type", ""),
        None => Refusal::request("grant_type is missing"),
    }
}

async fn respond(tokens: impl Future<Output = Result<Value, Refusal>>) -> Response {
    match tokens.await {
        Ok(tokens) => answer(StatusCode::OK, &tokens),
        Err(refusal) => refusal.into_response(),
    }
}

impl TokenRequest {
    /// From the body, else the query.
    async fn read(request: Request) -> Result<TokenRequest, Refusal> {
        let operation = format!("{} {}", request.method(), request.uri().path().trim_end_matches('/'));
        let query = request.uri().query().unwrap_or_default().to_string();
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).map(str::to_string);
        let body = body::bytes(request.into_body()).await?;
        let mut fields = match kind.and_then(|kind| multer::parse_boundary(kind).ok()) {
            Some(boundary) => multipart(body, boundary).await?,
            None => url::form_urlencoded::parse(&body).into_owned().collect(),
        };
        fields.extend(url::form_urlencoded::parse(query.as_bytes()).into_owned());
        let find = |name: &str| {
            let found = fields.iter().find(|(n, _)| n == name).map(|(_, value)| value.trim().to_string());
            found.filter(|value| !value.is_empty())
        };
        let asked = TokenRequest {
            grant_type: find("grant_type"),
            client_id: find("client_id"),
            client_secret: find("client_secret"),
            scope: find("scope"),
            code: find("code"),
            refresh_token: find("refresh_token"),
            jwt_token: find("jwt_token"),
        };
        let client = asked.client_id.clone().unwrap_or_default();
        audit::tell(|entry| (entry.operation, entry.client) = (operation, client));
        Ok(asked)
    }
}

async fn multipart(body: Bytes, boundary: String) -> Result<Vec<(String, String)>, Refusal> {
    let unreadable = |_| Refusal::request("the multipart form cannot be read");
    let stream = futures::stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut form = multer::Multipart::new(stream, boundary);
    let mut fields = Vec::new();
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        if fields.len() >= MOST_FIELDS {
            return Err(Refusal::request("the form has too many fields"));
        }
        let name = field.name().unwrap_or_default().to_string();
        fields.push((name, field.text().await.map_err(unreadable)?));
    }
    Ok(fields)
}

/// The client whose secret was sent.
async fn authenticated(app: &App, asked: &TokenRequest) -> Result<(Scope, Document), Refusal> {
    let (Some(id), Some(secret)) = (&asked.client_id, &asked.client_secret) else {
        return Err(Refusal::client());
    };
    by_own_secret(app, id, secret).await?.ok_or_else(Refusal::client)
}

/// The client of that id, if that is its secret. An unknown client takes the same steps as a known one.
pub async fn by_own_secret(app: &App, id: &str, secret: &str) -> Result<Option<(Scope, Document)>, Error> {
    let found = app.store.client(id).await?;
    let stored = found.as_ref().and_then(|(_, client)| client.text("/secretHash")).unwrap_or_default();
    let given = secret_hash(secret);
    let right = same(stored.as_bytes(), given.as_bytes());
    Ok(found.filter(|_| right))
}

fn issued(app: &App, org: &Scope, client: &Document) -> Result<Value, Refusal> {
    let token = app.tokens.issue_for(&client.id, &org.org, secret_version(client), app.now())?;
    Ok(json!({ "access_token": token, "token_type": "bearer", "expires_in": LIFE - 1 }))
}

/// Whether the refresh token is this client's, of its present secret.
fn refreshed(app: &App, asked: &TokenRequest, org: &Scope, client: &Document) -> Result<(), Refusal> {
    let Some(token) = &asked.refresh_token else {
        return Err(Refusal::request("refresh_token is missing"));
    };
    let refused = || Refusal::grant("the refresh token is not valid, or has expired");
    let claims = app.tokens.check_refresh(token, app.now()).map_err(|_| refused())?;
    let its = claims.client_id == client.id && claims.org == org.org && claims.version == secret_version(client);
    if its { Ok(()) } else { Err(refused()) }
}

/// Whether the client has signed the JWT: with one of its registered keys, about itself, for us, and not long ago.
fn vouched(token: &str, org: &Scope, client: &Document, now: Time) -> Result<(), Refusal> {
    let refused = |why| Refusal(StatusCode::BAD_REQUEST, "invalid_token", why);
    let keys = KeySet::parse(&json!({ "keys": client.body["publicKeys"] })).unwrap_or_default();
    if keys.len() == 0 {
        return Err(refused("the client has no registered public key"));
    }
    let head = jwt::head(token).ok_or_else(|| refused("the JWT cannot be read"))?;
    // Which of the client's keys it is does not matter.
    let head = Head { kid: None, ..head };
    let claims = keys.open(token, &head).ok_or_else(|| refused("the signature is not of a registered key"))?;
    let says = |name: &str| claims.get(name).and_then(Value::as_str);
    let audience = format!("/c/{}", client.id);
    if says("iss") != Some(&org.org) {
        return Err(refused("iss is not the client's organization"));
    }
    if says("sub") != Some(&account(&client.id)) {
        return Err(refused("sub is not the client's technical account"));
    }
    if !jwt::is_for(&claims, |aud| aud.ends_with(&audience)) {
        return Err(refused("aud does not end with /c/ and the client's id"));
    }
    if !jwt::alive(&claims, now) {
        return Err(refused("the JWT has expired, or is not good yet"));
    }
    Ok(())
}

/// Whether two texts are equal, in a time that tells nothing about where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    let mut difference = u8::from(a.len() != b.len());
    for (x, y) in b.iter().zip(a.iter().chain(std::iter::repeat(&0))) {
        difference |= x ^ y;
    }
    std::hint::black_box(difference) == 0
}

fn answer(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_the_same_or_not() {
        assert!(same(b"abc", b"abc"));
        for (a, b) in [("abc", "abd"), ("abc", "ab"), ("ab", "abc"), ("", "a"), ("a", "")] {
            assert!(!same(a.as_bytes(), b.as_bytes()), "{a} {b}");
        }
    }
}
