//! How a failure is said: the one place that turns an error into a status and a body, in the family's own shape.
//!
//! A handler's error travels to the outermost layer inside the response's extensions ([`Problem`]); there the path
//! tells the family, the request id is known, and the cause goes to the log.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use forebay_model::error::{Kind, Place};
use forebay_model::{Error, Time, code};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::sync::Arc;

/// Documents say so (FS-HDR-4).
pub const JSON: HeaderValue = HeaderValue::from_static("application/json;charset=UTF-8");

/// A failed request, on its way to [`render`].
#[derive(Debug)]
pub struct Problem(pub Error);

impl From<Error> for Problem {
    fn from(error: Error) -> Problem {
        Problem(error)
    }
}

/// The error of a response that is still to be rendered.
#[derive(Clone)]
pub struct Failed(pub Arc<Error>);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status(&self.0);
        response.extensions_mut().insert(Failed(Arc::new(self.0)));
        response
    }
}

/// What the renderer knows of the request.
pub struct About<'a> {
    /// The request's path, before normalisation.
    pub path: &'a str,
    /// Its id.
    pub request: &'a str,
    /// The organization that it names.
    pub org: &'a str,
    /// The sandbox that it names.
    pub sandbox: &'a str,
    /// Now.
    pub now: Time,
}

fn status(error: &Error) -> StatusCode {
    match error.kind {
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Unavailable { .. } | Kind::TooMany { .. } if error.code.status < 500 => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::from_u16(error.code.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// The response of an error, in the shape of the path's family.
pub fn render(error: &Error, about: &About<'_>) -> Response {
    log(error, about);
    let status = status(error);
    let body = match family(about.path) {
        _ if error.code.id.starts_with('4') && error.code.id.len() == 6 => gateway(error),
        Family::Flow => flow(error, status, about),
        Family::Xdm => xdm(error, status, about),
        Family::Pes => pes(error, status, about),
        Family::Insights => insights(error, status, about),
        Family::Plain => plain(error, status, about),
    };
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    if error.kind == Kind::TooLarge {
        // The rest of the body is not read: nobody may send the next request behind it.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    if let Kind::TooMany { retry_after } | Kind::Unavailable { retry_after } = error.kind {
        let seconds = retry_after.map_or(1, |wait| wait.as_secs().max(1));
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// The services that have a shape of their own.
enum Family {
    Flow,
    Xdm,
    Pes,
    Insights,
    Plain,
}

fn family(path: &str) -> Family {
    if path.starts_with("/data/foundation/schemaregistry") {
        Family::Xdm
    } else if path.starts_with("/data/infrastructure/observability/") {
        Family::Insights
    } else if path.starts_with("/data/foundation/dataset/") || path.starts_with("/data/foundation/dulepolicy") {
        Family::Pes
    } else if path.starts_with("/data/foundation/flowservice") || !path.starts_with("/data/foundation/") {
        Family::Flow
    } else {
        Family::Plain
    }
}

/// What the caller is told in place of an internal error's own words: nothing of our insides.
fn message(error: &Error) -> String {
    match &error.advice {
        Some(advice) => format!("{} {advice}", sentence(&error.message)),
        None => error.message.to_string(),
    }
}

fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_string() } else { format!("{text}.") }
}

/// FS-HDR-1: two fields, the code a string.
fn gateway(error: &Error) -> Value {
    json!({ "error_code": error.code.id, "message": error.code.title })
}

/// FS-ERR-1: the problem document with the two older fields beside it, which keep the older texts (FS-ERR-2).
fn flow(error: &Error, status: StatusCode, about: &About<'_>) -> Value {
    let details = message(error);
    let mut report = json!({ "detailed-message": details, "request-id": about.request });
    let mut older = details.clone();
    if error.kind == Kind::NotFound
        && let Some((kind, id)) = resource(about.path)
    {
        report["id"] = json!(id);
        report["type"] = json!(kind);
        if error.code == &code::FLOW_1439 {
            older = format!("{kind} not found with id = [{id}]");
        }
    }
    place(&mut report, error);
    let mut body = json!({
        "type": type_of(error),
        "title": error.code.title,
        "status": status.as_u16(),
        "report": report,
        "errorMessage": older,
        "errorDetails": details,
    });
    if !error.code.id.contains('-') {
        // FS-HDR-1 has such a body for a wrong content type.
        body["detail"] = body["errorDetails"].clone();
    }
    if error.code == &code::FLOW_1413 {
        body["message"] = json!("Please provide a valid spec id");
    }
    body
}

/// Where the code is explained; a mere status has no page.
fn type_of(error: &Error) -> String {
    match error.code.id.contains('-') {
        true => format!("https://ns.adobe.com/aep/errors/{}", error.code.id),
        false => "/placeholder/type/uri".into(),
    }
}

fn place(report: &mut Value, error: &Error) {
    match &error.at {
        Some(Place::Pointer { pointer }) => report["pointer"] = json!(pointer),
        Some(Place::Span { start, end }) => report["span"] = json!({ "start": start, "end": end }),
        Some(at @ Place::File { .. }) => report["at"] = json!(at.to_string()),
        None => {}
    }
}

/// The resource that a path of Flow Service names: `connections`, and its id.
fn resource(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/data/foundation/flowservice/")?;
    let (kind, rest) = rest.split_once('/')?;
    let id = rest.split('/').next()?;
    (!id.is_empty()).then_some((kind, id))
}

/// platform.md §3.2. An error of the store becomes the registry's own.
fn xdm(error: &Error, status: StatusCode, about: &About<'_>) -> Value {
    let code = match error.kind {
        _ if error.code.id.starts_with("XDM-") => error.code,
        // A sandbox that there is not is told of in the same words everywhere (FS-HDR-3).
        _ if error.code.id.starts_with("FLOW-21") => error.code,
        Kind::NotFound => &code::XDM_1012,
        _ => error.code,
    };
    let detail = message(error);
    let kind = if code.id.contains('-') {
        format!("http://ns.adobe.com/aep/errors/{}", code.id)
    } else {
        "/placeholder/type/uri".into()
    };
    let mut report = json!({
        "registryRequestId": about.request,
        "timestamp": about.now.format("%m-%d-%Y %H:%M:%S").to_string(),
        "detailed-message": detail,
        "sub-errors": [],
    });
    place(&mut report, error);
    json!({ "type": kind, "title": code.title, "status": status.as_u16(), "report": report, "detail": detail })
}

/// platform.md §7: labels. Here the status is a word, and the code has the number.
fn pes(error: &Error, status: StatusCode, about: &About<'_>) -> Value {
    let word = status.canonical_reason().unwrap_or("Error").to_ascii_uppercase().replace([' ', '-'], "_");
    let code = match error.code.id.starts_with("PES-") {
        true => error.code.id.to_string(),
        false => format!("PES-{}", status.as_u16()),
    };
    let mut body = json!({
        "timestamp": about.now.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "status": word,
        "code": code,
        "message": message(error),
        "path": about.path,
    });
    if let Some(Place::Pointer { pointer }) = &error.at {
        body["pointer"] = json!(pointer);
    }
    body
}

/// Observability: the newer shape, and the members of the older one beside it.
fn insights(error: &Error, status: StatusCode, about: &About<'_>) -> Value {
    let known = error.code.id.starts_with("INSGHT-") || status != StatusCode::BAD_REQUEST;
    let code = if known { error.code } else { &code::INSGHT_1000 };
    let detail = message(error);
    let mut report = json!({ "tenantInfo": { "sandboxName": about.sandbox, "imsOrgId": about.org },
        "additionalContext": null, "request-id": about.request });
    place(&mut report, error);
    json!({
        "type": format!("http://ns.adobe.com/aep/errors/{}", code.id),
        "title": format!("{} - {detail}", status.canonical_reason().unwrap_or("Error")),
        "status": status.as_u16(),
        "report": report,
        "error-chain": [{ "serviceId": "INSGHT", "errorCode": code.id, "invokingServiceId": "INSGHT",
            "unixTimeStampMs": about.now.timestamp_millis() }],
        "errorCode": code.id,
        "httpStatus": status.as_u16(),
        "details": detail,
    })
}

/// Catalog, Data Prep, Data Access, Sandbox: a numeric status (PL-CAT-1) and a text.
fn plain(error: &Error, status: StatusCode, about: &About<'_>) -> Value {
    let mut body = json!({
        "type": type_of(error),
        "status": status.as_u16(),
        "title": plain_title(status, error),
        "detail": message(error),
        "report": { "request-id": about.request },
    });
    let mut report = body["report"].take();
    place(&mut report, error);
    body["report"] = report;
    body
}

fn plain_title(status: StatusCode, error: &Error) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => code::HTTP_404.title,
        StatusCode::BAD_REQUEST if !error.code.id.contains('-') => code::HTTP_400.title,
        _ => error.code.title,
    }
}

/// The whole chain of causes, and never a secret: the model's errors carry none.
fn log(error: &Error, about: &About<'_>) {
    let mut causes = String::new();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        causes.push_str(": ");
        causes.push_str(&cause.to_string());
        next = cause.source();
    }
    let (path, request) = (about.path, about.request);
    match error.kind {
        Kind::Internal => {
            tracing::error!(request, path, "a request failed inside: {error}{causes}")
        }
        Kind::Unavailable { .. } | Kind::TimedOut | Kind::Refused => {
            tracing::warn!(request, path, "a request failed: {error}{causes}");
        }
        _ => tracing::debug!(request, path, "a request was refused: {error}{causes}"),
    }
}

/// `Invalid` with FLOW-1100-400: what the contract has no code of its own for.
pub fn invalid(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, &code::FLOW_1100, message.into())
}

/// `Invalid` with a plain 400, for the neighbouring services.
pub fn bad(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, &code::HTTP_400, message.into())
}

/// `NotFound` with a plain 404, for the neighbouring services.
pub fn missing(message: impl Into<String>) -> Error {
    Error::new(Kind::NotFound, &code::HTTP_404, message.into())
}
