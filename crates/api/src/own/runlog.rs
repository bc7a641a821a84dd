//! The log of a run, and its cancellation.

use crate::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::writing;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use forebay_model::error::Kind;
use forebay_model::run::trace::{Level, Line};
use forebay_model::{Error, Result, Time, code};
use forebay_store::{LINES, Lines};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use utoipa::ToSchema;

/// Lines of a page that does not say.
const LIMIT: usize = 1_000;

/// A page of a run's log.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunLog {
    /// Oldest first.
    items: Vec<RunLogLine>,
    /// Lines of that importance.
    total: i64,
}

/// A line of a run's log.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunLogLine {
    /// Counts the lines of the run, from 1.
    seq: i64,
    /// When, in epoch milliseconds.
    at: i64,
    /// How much it matters.
    level: RunLogLevel,
    /// A sentence that reads alone.
    message: String,
    /// The same for programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    fields: Option<Map<String, Value>>,
}

/// How much a line matters.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunLogLevel {
    /// To whom looks for a fault of Forebay.
    Debug,
    /// What happened.
    Info,
    /// Something was not as it should be.
    Warn,
    /// Something failed.
    Error,
}

/// What was written.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunCancelled {
    /// The run's id.
    id: String,
    /// Its etag.
    etag: String,
}

impl From<Line> for RunLogLine {
    fn from(line: Line) -> RunLogLine {
        let level = match line.level {
            Level::Debug => RunLogLevel::Debug,
            Level::Info => RunLogLevel::Info,
            Level::Warn => RunLogLevel::Warn,
            Level::Error => RunLogLevel::Error,
        };
        let fields = match line.fields {
            Value::Object(fields) => Some(fields),
            _ => None,
        };
        RunLogLine { seq: line.seq, at: line.at, level, message: line.message, fields }
    }
}

/// `GET /runs/{id}/log`: what the run told on its way; with `format=text` all of it as a file.
#[utoipa::path(get, path = "/runs/{id}/log", tag = "Runs",
    params(("id" = String, Path), ("start" = Option<i64>, Query), ("limit" = Option<i64>, Query),
        ("level" = Option<String>, Query, description = "At least so important: debug, info, warn or error"),
        ("format" = Option<String>, Query, description = "`json`, or `text` for a download")),
    responses((status = 200, description = "A page of lines, oldest first", content((RunLog = "application/json"), (String = "text/plain"))), (status = 404, description = "No such run")))]
pub async fn get_run_log(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let level = match params.one("level")? {
        None => Level::Debug,
        Some(text) => Level::parse(text.trim()).ok_or_else(|| wrong("level must be debug, info, warn or error"))?,
    };
    let text = match params.one("format")?.map(str::to_ascii_lowercase).as_deref() {
        None | Some("json") => false,
        Some("text") => true,
        Some(_) => return Err(wrong("format must be json or text").into()),
    };
    let most = LINES as usize;
    let start = params.number("start", 0, i64::MAX as usize)?.unwrap_or(0) as i64;
    let limit = params.number("limit", 1, most)?.unwrap_or(if text { most } else { LIMIT }) as i64;
    let (lines, total) = app.store.run_log(&caller.scope, &id, Lines { level, start, limit }).await?;
    if text {
        return Ok(download(&id, &lines));
    }
    let log = RunLog { items: lines.into_iter().map(RunLogLine::from).collect(), total };
    Ok(writing::json(StatusCode::OK, &json!(log)))
}

/// `POST /runs/{id}/cancel`: the run ends at its next step, and nothing of it is stored. Asking again changes nothing.
#[utoipa::path(post, path = "/runs/{id}/cancel", tag = "Runs", params(("id" = String, Path)),
    responses((status = 202, description = "The run is cancelled, or is about to be", body = RunCancelled),
        (status = 400, description = "The run has ended"), (status = 404, description = "No such run")))]
pub async fn cancel_run(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let run = app.store.cancel(&caller.scope, &id, &caller.member.account, app.now()).await?;
    Ok(writing::json(StatusCode::ACCEPTED, &json!(RunCancelled { id: run.id, etag: run.etag })))
}

fn wrong(message: &'static str) -> Error {
    Error::new(Kind::Invalid, &code::FLOW_1451, message)
}

/// The lines as a text that people read.
fn download(id: &str, lines: &[Line]) -> Response {
    let mut text = String::new();
    for line in lines {
        let at = Time::from_timestamp_millis(line.at).unwrap_or_default();
        let at = at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        // A message is one line, whatever a file's name has in it.
        let message = line.message.replace(['\r', '\n'], " ");
        let _ = writeln!(text, "{at} {:5} {message}", line.level.text().to_uppercase());
    }
    let mut response = text.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    let plain: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"run-{plain}.log\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}
