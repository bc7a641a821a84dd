//! Requests as the account sees them, and answers before they are sent.

use super::text::{instant_text, quoted};
use serde_json::Value;

/// A request, read whole.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub method: String,
    /// Path and query as they were sent.
    pub target: String,
    pub authorization: Option<String>,
    pub content_type: Option<String>,
    pub gzip: bool,
    /// The host it was sent to.
    pub host: String,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub fn query(&self) -> Query {
        Query::parse(self.target.split_once('?').map_or("", |(_, query)| query))
    }

    /// The body as JSON. No body is an empty object.
    pub fn json(&self) -> Result<Value, Failure> {
        if self.body.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        serde_json::from_slice(&self.body)
            .map_err(|e| Failure::invalid(format!("Invalid input JSON on line {}, column {}", e.line(), e.column())))
    }
}

/// Names and values, decoded.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(pub Vec<(String, String)>);

impl Query {
    pub fn parse(text: &str) -> Query {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        Query(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decoded(name), decoded(value))
                })
                .collect(),
        )
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// A list: `a,b`, or the parameter repeated, or both.
    pub fn list(&self, name: &str) -> Vec<String> {
        let values = self.0.iter().filter(|(n, _)| n == name).flat_map(|(_, value)| value.split(','));
        values.map(str::trim).filter(|value| !value.is_empty()).map(str::to_string).collect()
    }

    /// A boolean, in any case.
    pub fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.get(name).map(str::to_lowercase).as_deref() {
            None | Some("" | "false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Failure::invalid(format!("Unable to parse value for {name}: {other} is not a boolean"))),
        }
    }

    /// A number.
    pub fn number(&self, name: &str, default: u64) -> Result<u64, Failure> {
        match self.get(name) {
            None | Some("") => Ok(default),
            Some(text) => text
                .parse()
                .map_err(|_| Failure::invalid(format!("Unable to parse value for {name}: {text} is not a number"))),
        }
    }
}

/// A form's or query's text without its coding.
pub(super) fn decoded(text: &str) -> String {
    let plain = text.replace('+', " ");
    percent_encoding::percent_decode_str(&plain).decode_utf8_lossy().into_owned()
}

/// What is answered.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub status: u16,
    pub body: String,
    pub html: bool,
    pub headers: Vec<(&'static str, String)>,
    /// Records that it carries, for scripts: type and ids.
    pub returned: Option<(usize, Vec<u64>)>,
    pub correlation: String,
}

impl Reply {
    pub fn json(status: u16, body: String) -> Reply {
        Reply { status, body, html: false, headers: Vec::new(), returned: None, correlation: String::new() }
    }

    pub fn value(value: &Value) -> Reply {
        Reply::json(200, value.to_string())
    }
}

/// Why a request is refused.
#[derive(Debug, Clone, Default)]
pub(super) struct Failure {
    pub status: u16,
    pub category: Option<&'static str>,
    pub sub_category: Option<&'static str>,
    pub message: String,
    pub context: Vec<(&'static str, Vec<String>)>,
    pub errors: Vec<Value>,
    /// Written after the correlation id, as it stands.
    pub extra: Vec<(&'static str, String)>,
    pub headers: Vec<(&'static str, String)>,
    /// Replaces the body.
    pub whole: Option<String>,
    pub html: bool,
}

impl Failure {
    pub fn new(status: u16, category: &'static str, message: impl Into<String>) -> Failure {
        Failure { status, category: Some(category), message: message.into(), ..Failure::default() }
    }

    pub fn invalid(message: impl Into<String>) -> Failure {
        Failure::new(400, "VALIDATION_ERROR", message)
    }

    pub fn plain(status: u16, message: impl Into<String>) -> Failure {
        Failure { status, message: message.into(), ..Failure::default() }
    }

    pub fn not_found() -> Failure {
        Failure::new(404, "OBJECT_NOT_FOUND", "resource not found")
    }

    pub fn html(status: u16, body: impl Into<String>) -> Failure {
        Failure { status, whole: Some(body.into()), html: true, ..Failure::default() }
    }

    pub fn reply(self, correlation: &str) -> Reply {
        let mut body = self.whole.unwrap_or_default();
        if body.is_empty() && !self.html {
            body.push_str("{\"status\":\"error\",\"message\":");
            quoted(&mut body, &self.message);
            body.push_str(",\"correlationId\":");
            quoted(&mut body, correlation);
            for (name, value) in &self.extra {
                body.push_str(&format!(",\"{name}\":"));
                quoted(&mut body, value);
            }
            if !self.context.is_empty() {
                let context: serde_json::Map<String, Value> =
                    self.context.into_iter().map(|(name, values)| (name.to_string(), values.into())).collect();
                body.push_str(&format!(",\"context\":{}", Value::Object(context)));
            }
            if !self.errors.is_empty() {
                body.push_str(&format!(",\"errors\":{}", Value::Array(self.errors)));
            }
            if let Some(category) = self.category {
                body.push_str(&format!(",\"category\":\"{category}\""));
            }
            if let Some(sub) = self.sub_category {
                body.push_str(&format!(",\"subCategory\":\"{sub}\""));
            }
            body.push('}');
        }
        Reply {
            status: self.status,
            body,
            html: self.html,
            headers: self.headers,
            returned: None,
            correlation: String::new(),
        }
    }
}

/// `Tue, 03 Mar 2026 09:00:00 GMT`.
pub(super) fn http_date(ms: i64) -> String {
    match chrono::DateTime::from_timestamp_millis(ms) {
        Some(at) => at.format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        None => instant_text(ms),
    }
}
