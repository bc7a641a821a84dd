//! Pages for browsers: what the program serves beside the API, from a place that this crate does not know.
//!
//! They are asked first, and only for GET and HEAD; a path that they do not have goes on to the API, whose own answers
//! stay as they are. A page changes nothing and shows nothing that is anybody's, so it has no caller and no place in
//! the audit trail.

use crate::{App, leftover};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// Where pages come from.
pub trait Pages: Send + Sync {
    /// The page at a path, or none where the API answers.
    fn page(&self, asked: &Asked<'_>) -> Option<Page>;
}

/// What a browser asks for.
pub struct Asked<'a> {
    /// The path, as it was sent.
    pub path: &'a str,
    /// What follows the question mark.
    pub query: Option<&'a str>,
    /// The encodings that the browser reads.
    pub encodings: &'a str,
    /// Makes a number that is used once.
    pub nonce: &'a dyn Fn() -> String,
}

/// What it gets.
pub struct Page {
    /// The status.
    pub status: u16,
    /// Headers; with an `etag` the browser may keep its copy.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Bytes,
}

/// The layer before all others.
pub async fn first(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(page) = page(&app, &request) else {
        return next.run(request).await;
    };
    let kept = kept(request.headers(), &page);
    let (request, leftover) = leftover::watch(request);
    drop(request);
    let mut response = Response::new(if kept { Body::empty() } else { Body::from(page.body) });
    *response.status_mut() = match kept {
        true => StatusCode::NOT_MODIFIED,
        false => StatusCode::from_u16(page.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    };
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    for (name, value) in page.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name, value);
        }
    }
    leftover.clear(&mut response).await;
    response
}

fn page(app: &App, request: &Request) -> Option<Page> {
    let pages = app.pages.as_ref()?;
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return None;
    }
    let encodings = request.headers().get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    pages.page(&Asked {
        path: request.uri().path(),
        query: request.uri().query(),
        encodings: encodings.unwrap_or_default(),
        nonce: &|| app.hex(32),
    })
}

/// Whether the browser has this very page.
fn kept(headers: &HeaderMap, page: &Page) -> bool {
    let Some((_, etag)) = page.headers.iter().find(|(name, _)| *name == "etag") else {
        return false;
    };
    let known = headers.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok()).unwrap_or_default();
    known.split(',').any(|known| known.trim().trim_start_matches("W/") == etag)
}
