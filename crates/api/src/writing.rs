//! What all writes of Flow Service have in common: etags in and out (FS-ETAG-1 to FS-ETAG-5) and the answers
//! (FS-ENV-6 to FS-ENV-8).

use crate::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::{JSON, Problem};
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Response};
use forebay_model::error::Kind;
use forebay_model::{Document, Error, Resource, Result, code};
use forebay_store::Secrets;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// How often a change with `If-Match: *` is tried again when somebody else was faster.
pub const TRIES: usize = 8;

/// The etag that a request was made from: the header, else the query parameter (FS-ETAG-5).
pub struct IfMatch(Option<String>);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<IfMatch, Response> {
        if_match(parts).map(IfMatch).map_err(|error| Problem(error).into_response())
    }
}

fn if_match(parts: &Parts) -> Result<Option<String>> {
    let mut headers = parts.headers.get_all(header::IF_MATCH).iter();
    if let Some(value) = headers.next() {
        let text = value.to_str().unwrap_or_default().trim();
        if headers.next().is_some() {
            return Err(Error::new(Kind::Invalid, &code::FLOW_1451, "If-Match is sent twice"));
        }
        if !text.is_empty() {
            return Ok(Some(text.to_string()));
        }
    }
    let params = Params::parse(parts.uri.query().unwrap_or_default());
    Ok(params.one("if-match")?.map(|text| text.trim().to_string()))
}

impl IfMatch {
    /// The etag, or FLOW-1403-400 (FS-ETAG-3).
    pub fn required(&self) -> Result<&str> {
        match &self.0 {
            Some(etag) => Ok(etag),
            None => Err(Error::new(Kind::Invalid, &code::FLOW_1403, "the If-Match header is missing")
                .advice("Read the resource and send its etag.")),
        }
    }

    /// The etag, if one was sent.
    pub fn optional(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// Refuses a change that was not made from the document's current version (FS-ETAG-3, FS-ETAG-4).
pub fn check_version(sent: &str, document: &Document) -> Result<()> {
    if sent.trim() == "*" || bare(sent) == bare(&document.etag) {
        return Ok(());
    }
    let message = format!(
        "Supplied version=[\"{}\"] does not match the current version on entity=[\"{}\"]",
        bare(sent),
        bare(&document.etag)
    );
    Err(Error::new(Kind::Stale, &code::FLOW_1404, message))
}

/// Without blanks, an optional `W/` and at most one pair of quotes.
fn bare(etag: &str) -> &str {
    let text = etag.trim();
    let text = text.strip_prefix("W/").unwrap_or(text).trim();
    match text.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) => inner,
        None => text,
    }
}

/// Stores a changed body over the version it was made from. `None`: somebody was faster, and the caller, who named no
/// version (`*`), is to start again from the new one.
pub async fn replace(
    app: &App,
    caller: &Caller,
    from: &Document,
    sent: Option<&str>,
    mut body: Value,
    secrets: Option<Secrets>,
) -> Result<Option<Document>> {
    caller.countersign(&mut body);
    let change = move |_: &Document, old: &Secrets| Ok((body, secrets.unwrap_or_else(|| old.clone())));
    let written = app.store.update(&caller.scope, from.resource, &from.id, Some(&from.etag), app.now(), change).await;
    match written {
        Ok(document) => Ok(Some(document)),
        Err(error) if error.kind == Kind::Stale => match sent {
            None | Some("*") => Ok(None),
            Some(sent) => {
                check_version(sent, &app.store.get(&caller.scope, from.resource, &from.id).await?)?;
                Ok(None)
            }
        },
        Err(error) => Err(error),
    }
}

/// What to say when [`TRIES`] were not enough.
pub fn too_busy(resource: Resource, id: &str) -> Error {
    let message = format!("{} {id} is being changed by many requests at once", resource.name());
    Error::new(Kind::Stale, &code::FLOW_1404, message).advice("Try again.")
}

/// The members of a JSON object, or FLOW-1100-400.
pub fn object(value: Value, what: &str) -> Result<Map<String, Value>> {
    match value {
        Value::Object(map) if map.is_empty() => {
            Err(Error::new(Kind::Invalid, &code::FLOW_1405, format!("{what} is empty")))
        }
        Value::Object(map) => Ok(map),
        _ => Err(crate::problem::invalid(format!("{what} must be a JSON object"))),
    }
}

/// A JSON answer.
pub fn json(status: StatusCode, body: &Value) -> Response {
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// A JSON answer that has a shape.
pub fn shown(status: StatusCode, body: &impl serde::Serialize) -> Response {
    match serde_json::to_value(body) {
        Ok(body) => json(status, &body),
        Err(error) => Problem(Error::internal("An answer is not JSON.").caused_by(error)).into_response(),
    }
}

/// `{id, etag}`.
pub fn pair(document: &Document) -> Value {
    json!({ "id": document.id, "etag": document.etag })
}

/// 201 with `{id, etag}` and where it is (FS-ENV-6).
pub fn created(app: &App, document: &Document) -> Response {
    let mut response = json(StatusCode::CREATED, &pair(document));
    let link = app.link(&format!("/data/foundation/flowservice/{}/{}", document.resource.name(), document.id));
    if let Ok(link) = HeaderValue::from_str(&link) {
        response.headers_mut().insert(header::LOCATION, link);
    }
    response
}

/// 200 with `{id, etag}` (FS-ENV-7).
pub fn changed(document: &Document) -> Response {
    json(StatusCode::OK, &pair(document))
}

/// 204 (FS-ENV-8).
pub fn gone() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(sent: &str, current: &str, expected: bool) {
        let now = forebay_model::Time::UNIX_EPOCH;
        let document = Document {
            resource: Resource::Flow,
            id: "f".into(),
            etag: current.into(),
            created: now,
            updated: now,
            body: Value::Null,
        };
        assert_eq!(check_version(sent, &document).is_ok(), expected, "{sent} against {current}");
    }

    #[test]
    fn versions_are_compared_without_quotes_blanks_and_weakness() {
        for sent in ["\"a-1\"", "a-1", " W/\"a-1\" ", "*", "W/a-1"] {
            check(sent, "\"a-1\"", true);
        }
        for sent in ["\"a-2\"", "", "\"\"a-1\"\"", "A-1"] {
            check(sent, "\"a-1\"", false);
        }
    }
}
