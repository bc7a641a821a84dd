//! The token endpoint (platform.md §1): this server plays IMS for its own clients.

use crate::App;
use crate::body;
use crate::bootstrap::secret_hash;
use crate::problem::JSON;
use crate::tokens::LIFE;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use forebay_model::Error;
use forebay_store::audit;
use http::{StatusCode, header};
use serde_json::{Value, json};

/// `POST /ims/token/v2`: parameters in the query or in the body.
#[utoipa::path(post, path = "/ims/token/v2", tag = "IMS",
    params(("grant_type" = Option<String>, Query), ("client_id" = Option<String>, Query), ("client_secret" = Option<String>, Query),
        ("scope" = Option<String>, Query)),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"), security(()),
    responses((status = 200, description = "An access token"), (status = 401, description = "Unknown client or wrong secret")))]
pub async fn token_v2(app: State<App>, request: Request) -> Response {
    token(app, request).await
}

/// `POST /ims/token/v3`: parameters in the query or in the body.
#[utoipa::path(post, path = "/ims/token/v3", tag = "IMS",
    params(("grant_type" = Option<String>, Query), ("client_id" = Option<String>, Query), ("client_secret" = Option<String>, Query),
        ("scope" = Option<String>, Query)),
    request_body(content = Object, content_type = "application/x-www-form-urlencoded"), security(()),
    responses((status = 200, description = "An access token"), (status = 401, description = "Unknown client or wrong secret")))]
pub async fn token_v3(app: State<App>, request: Request) -> Response {
    token(app, request).await
}

async fn token(State(app): State<App>, request: Request) -> Response {
    let path = request.uri().path().to_string();
    let query = request.uri().query().unwrap_or_default().to_string();
    let body = match body::bytes(request.into_body()).await {
        Ok(body) => body,
        Err(_) => return refused(StatusCode::BAD_REQUEST, "invalid_request"),
    };
    // The body wins over the query.
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(&body)
        .chain(url::form_urlencoded::parse(query.as_bytes()))
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let find = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.trim());
    match find("grant_type") {
        Some("client_credentials") => {}
        Some(_) => return refused(StatusCode::BAD_REQUEST, "unsupported_grant_type"),
        None => return refused(StatusCode::BAD_REQUEST, "invalid_request"),
    }
    let (Some(id), Some(secret)) = (find("client_id"), find("client_secret")) else {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client");
    };
    let operation = format!("POST {path}");
    audit::tell(|entry| (entry.operation, entry.client) = (operation, id.to_string()));
    match issue(&app, id, secret).await {
        Ok(Some(token)) => {
            answer(StatusCode::OK, &json!({ "access_token": token, "token_type": "bearer", "expires_in": LIFE - 1 }))
        }
        Ok(None) => refused(StatusCode::UNAUTHORIZED, "invalid_client"),
        Err(error) => {
            tracing::error!("a token could not be issued: {error}");
            refused(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
        }
    }
}

/// A token, if the secret is the client's. An unknown client takes the same steps as a known one.
async fn issue(app: &App, id: &str, secret: &str) -> Result<Option<String>, Error> {
    let found = app.store.client(id).await?;
    let stored = found.as_ref().and_then(|(_, client)| client.text("/secretHash")).unwrap_or_default();
    let given = secret_hash(secret);
    let right = same(stored.as_bytes(), given.as_bytes());
    match found {
        Some((scope, _)) if right => app.tokens.issue(id, &scope.org, app.now()).map(Some),
        _ => Ok(None),
    }
}

/// Whether two texts are equal, in a time that tells nothing about where they differ.
fn same(a: &[u8], b: &[u8]) -> bool {
    let mut difference = u8::from(a.len() != b.len());
    for (x, y) in b.iter().zip(a.iter().chain(std::iter::repeat(&0))) {
        difference |= x ^ y;
    }
    std::hint::black_box(difference) == 0
}

fn refused(status: StatusCode, error: &str) -> Response {
    answer(status, &json!({ "error": error }))
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
