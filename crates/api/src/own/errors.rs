//! What a run was made of, and the rows that went wrong in it. Both are files of lines beside the run's batch; they are
//! streamed, so that a hundred thousand failed rows cost no more memory than one page.

use super::lines::Lines;
use super::rows::answer;
use super::run::{batch, dataset};
use crate::App;
use crate::caller::Caller;
use crate::engine::Stored;
use crate::params::Params;
use crate::problem::Problem;
use crate::{batch_location, labels};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use forebay_model::error::Kind;
use forebay_model::event::Finding;
use forebay_model::{Document, Error, Resource, Result, code};
use http::{HeaderValue, header};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Entries of a page at most, and of one that does not say.
const MAX_LIMIT: usize = 1_000;
const LIMIT: usize = 100;
/// Entries that `start` may skip.
const MAX_START: usize = 100_000_000;
/// Codes that groups are told of.
const GROUPS: usize = 100;
/// Bytes of a download that are sent at once.
const CHUNK: usize = 64 << 10;

/// A file that a run read.
#[derive(Serialize, ToSchema)]
pub struct RunInput {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<String>,
    size: i64,
    etag: String,
}

/// The files that a run read.
#[derive(Serialize, ToSchema)]
pub struct RunInputs {
    items: Vec<RunInput>,
    total: usize,
}

/// `GET /runs/{id}/inputs`
#[utoipa::path(get, path = "/runs/{id}/inputs", tag = "Forebay",
    params(("id" = String, Path), ("start" = Option<i64>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, description = "The files that the run reads", body = RunInputs), (status = 404, description = "Not found")))]
pub async fn list_run_inputs(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let limit = params.number("limit", 1, MAX_LIMIT)?.unwrap_or(LIMIT);
    let start = params.number("start", 0, MAX_START)?.unwrap_or(0);
    let run = caller.get(&app, Resource::Run, &id).await?;
    let plan = match app.store.plan(&caller.scope, &id).await {
        Ok(plan) => plan.unwrap_or_default(),
        // Of a flow that is gone only the batch still tells.
        Err(error) if error.kind == Kind::NotFound => Value::Null,
        Err(error) => return Err(error.into()),
    };
    if let Some(parts) = plan.pointer("/plan/parts").and_then(Value::as_array) {
        let page = parts.iter().skip(start).take(limit);
        let items = page.map(|part| input(&part["object"], "key")).collect();
        return Ok(answer(&RunInputs { items, total: parts.len() }));
    }
    let (mut items, mut total) = (Vec::new(), 0);
    if let Some(batch) = batch(&app, &caller, &run).await? {
        let folder = format!("{}/input_files", batch_location(&caller.scope, &batch));
        let mut lines = Lines::new(&app, app.engine.list(&folder).await?);
        while let Some(line) = lines.next().await? {
            if (start..start.saturating_add(limit)).contains(&total) {
                items.push(input(&serde_json::from_slice(&line).unwrap_or_default(), "path"));
            }
            total += 1;
        }
    }
    Ok(answer(&RunInputs { items, total }))
}

fn input(object: &Value, path: &str) -> RunInput {
    let text = |name: &str| object[name].as_str().unwrap_or_default().to_string();
    RunInput {
        path: text(path),
        bucket: object["bucket"].as_str().filter(|bucket| !bucket.is_empty()).map(str::to_string),
        size: object["size"].as_i64().unwrap_or(0),
        etag: text("etag"),
    }
}

/// One thing that is wrong with a row.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RowFinding {
    pub code: String,
    pub message: String,
    /// The source's column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The target's field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// A row that went wrong.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RowError {
    pub file: String,
    /// From 1; 0 where the source has no lines.
    pub line: i64,
    #[serde(flatten)]
    pub first: RowFinding,
    /// Not stored; else stored with nulls.
    pub rejected: bool,
    /// The row as it was read; `_corrupt_record` is its raw text where it could not be parsed.
    #[schema(value_type = Object)]
    pub row: Map<String, Value>,
    /// All that is wrong with it, the first included.
    pub findings: Vec<RowFinding>,
}

/// How many rows have a code.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RowErrorGroup {
    code: String,
    count: i64,
    /// An example.
    message: String,
}

/// Rows that went wrong.
#[derive(Serialize, ToSchema)]
pub struct RowErrors {
    items: Vec<RowError>,
    /// Those that the filter lets through.
    total: usize,
    /// Of the whole run.
    groups: Vec<RowErrorGroup>,
}

/// Which rows.
struct Wanted {
    code: Option<String>,
    file: Option<String>,
}

impl Wanted {
    fn all(&self) -> bool {
        self.code.is_none() && self.file.is_none()
    }

    /// The row, if it is wanted; what is wrong by the wanted code stands first.
    fn take(&self, line: &[u8]) -> Option<RowError> {
        // Most lines are left out without being parsed: a code stands in its line as it is.
        if let (Some(code), Ok(text)) = (&self.code, std::str::from_utf8(line))
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !text.contains(code.as_str())
        {
            return None;
        }
        let mut error = row_error(line);
        if self.file.as_ref().is_some_and(|file| *file != error.file) {
            return None;
        }
        if let Some(code) = &self.code {
            error.first = error.findings.iter().find(|finding| finding.code == *code)?.clone();
        }
        Some(error)
    }
}

/// `GET /runs/{id}/errors`: needs the right to read datasets, since rows are shown.
#[utoipa::path(get, path = "/runs/{id}/errors", tag = "Forebay",
    params(("id" = String, Path), ("start" = Option<i64>, Query), ("limit" = Option<i64>, Query), ("code" = Option<String>, Query),
        ("file" = Option<String>, Query), ("format" = Option<String>, Query, description = "`csv` or `jsonl`: all of them, as a file")),
    responses((status = 200, description = "A page of rows that went wrong, or all of them as a file", body = RowErrors),
        (status = 403, description = "The dataset has labels that forbid it"), (status = 404, description = "Not found")))]
pub async fn list_run_errors(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let limit = params.number("limit", 1, MAX_LIMIT)?.unwrap_or(LIMIT);
    let start = params.number("start", 0, MAX_START)?.unwrap_or(0);
    let owned = |name: &str| params.one(name).map(|value| value.map(str::to_string));
    let wanted = Wanted { code: owned("code")?, file: owned("file")? };
    let run = caller.get(&app, Resource::Run, &id).await?;
    if let Some(dataset) = dataset(&app, &caller, &run).await? {
        labels::exportable(&app, &caller, &dataset).await?;
    }
    let files = files(&app, &caller, &run).await?;
    match params.one("format")?.map(str::to_ascii_lowercase).as_deref() {
        None | Some("json") => {}
        Some("csv") => return Ok(download(&app, files, wanted, Form::Csv, &id)),
        Some("jsonl") => return Ok(download(&app, files, wanted, Form::Jsonl, &id)),
        Some(other) => {
            let message = format!("format is json, csv or jsonl, not {other:?}");
            return Err(Error::new(Kind::Invalid, &code::FLOW_1451, message).into());
        }
    }
    let mut lines = Lines::new(&app, files);
    let (mut items, mut total) = (Vec::new(), 0);
    while let Some(line) = lines.next().await? {
        let on_page = (start..start.saturating_add(limit)).contains(&total);
        if wanted.all() && !on_page {
            total += 1;
            continue;
        }
        if let Some(error) = wanted.take(&line) {
            if on_page {
                items.push(error);
            }
            total += 1;
        }
    }
    Ok(answer(&RowErrors { items, total, groups: groups(&run) }))
}

/// The files with a run's row errors; none before it has a batch.
pub async fn files(app: &App, caller: &Caller, run: &Document) -> Result<Vec<Stored>> {
    match batch(app, caller, run).await? {
        Some(batch) => app.engine.list(&format!("{}/row_errors", batch_location(&caller.scope, &batch))).await,
        None => Ok(Vec::new()),
    }
}

/// A line of the diagnostics. One that is no JSON is a row of which nothing more is known.
pub fn row_error(line: &[u8]) -> RowError {
    let mut row: Map<String, Value> = serde_json::from_slice(line).unwrap_or_default();
    let mut taken = |name: &str| row.remove(name).unwrap_or_default();
    let found: Vec<Finding> = serde_json::from_value(taken("_errors")).unwrap_or_default();
    let file = taken("_filename").as_str().unwrap_or_default().to_string();
    let number = taken("_line").as_i64().unwrap_or(0);
    let rejected = taken("_rejected") == true;
    let findings: Vec<RowFinding> = found.into_iter().map(|finding| told(finding, &row)).collect();
    let unknown = || RowFinding {
        code: code::INGEST_1401.id.into(),
        message: code::INGEST_1401.title.into(),
        column: None,
        field: None,
        value: None,
    };
    let first = findings.first().cloned().unwrap_or_else(unknown);
    RowError { file, line: number, first, rejected, row, findings }
}

/// What a finding names is a column if the row has one of that name, and else a field.
fn told(finding: Finding, row: &Map<String, Value>) -> RowFinding {
    let (column, field) = match finding.column {
        Some(name) if row.contains_key(&name) => (Some(name), None),
        name => (None, name),
    };
    RowFinding { code: finding.code, message: finding.message, column, field, value: finding.value }
}

/// How many rows have which code, as the run's document says it.
fn groups(run: &Document) -> Vec<RowErrorGroup> {
    let mut groups: BTreeMap<String, RowErrorGroup> = BTreeMap::new();
    for activity in run.body["activities"].as_array().into_iter().flatten() {
        let found = activity.pointer("/statusSummary/extensions/errors").and_then(Value::as_array);
        for problem in found.into_iter().flatten() {
            let Some(count) = problem["recordCount"].as_i64() else { continue };
            let code = problem["code"].as_str().unwrap_or_default().to_string();
            // The sum of all, which is no kind of its own.
            if code == code::INGEST_1212.id {
                continue;
            }
            let message = problem["message"].as_str().unwrap_or_default().to_string();
            groups.insert(code.clone(), RowErrorGroup { code, count, message });
        }
    }
    let mut groups: Vec<RowErrorGroup> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    groups.truncate(GROUPS);
    groups
}

#[derive(Clone, Copy, PartialEq)]
enum Form {
    Csv,
    Jsonl,
}

/// All rows, as a file that is made while it is sent.
fn download(app: &App, files: Vec<Stored>, wanted: Wanted, form: Form, id: &str) -> Response {
    let head = if form == Form::Csv { "file,line,column,field,code,message,value,rejected,row\r\n" } else { "" };
    let state = (Lines::new(app, files), wanted, BytesMut::from(head), false);
    let stream = futures::stream::try_unfold(state, move |(mut lines, wanted, mut out, ended)| async move {
        if ended {
            return Ok(None);
        }
        let mut ended = false;
        while out.len() < CHUNK {
            let Some(line) = lines.next().await.map_err(broken)? else {
                ended = true;
                break;
            };
            if let Some(error) = wanted.take(&line) {
                write(&mut out, &error, form);
            }
        }
        let chunk: Bytes = out.split().freeze();
        Ok::<_, std::io::Error>(Some((chunk, (lines, wanted, out, ended))))
    });
    let mut response = Response::new(Body::from_stream(stream));
    let (kind, end) = match form {
        Form::Csv => ("text/csv;charset=UTF-8", "csv"),
        Form::Jsonl => ("application/x-ndjson", "jsonl"),
    };
    let fields = response.headers_mut();
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let plain: String = id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"errors-{plain}.{end}\"")) {
        fields.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

fn broken(error: Error) -> std::io::Error {
    tracing::warn!("sending the row errors of a run failed: {error}");
    std::io::Error::other("the diagnostics could not be read to their end")
}

fn write(out: &mut BytesMut, error: &RowError, form: Form) {
    if form == Form::Jsonl {
        out.extend_from_slice(serde_json::to_string(error).unwrap_or_default().as_bytes());
        out.extend_from_slice(b"\n");
        return;
    }
    let RowFinding { code, message, column, field, value } = &error.first;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let cells = [
        error.file.clone(),
        error.line.to_string(),
        text(column),
        text(field),
        code.clone(),
        message.clone(),
        text(value),
        error.rejected.to_string(),
        Value::Object(error.row.clone()).to_string(),
    ];
    let cells: Vec<String> = cells.iter().map(|cell| cell_of(cell)).collect();
    out.extend_from_slice(cells.join(",").as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// A cell of CSV (RFC 4180). What a spreadsheet would take for a formula gets an apostrophe in front.
fn cell_of(text: &str) -> String {
    let text = match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') => format!("'{text}"),
        _ => text.to_string(),
    };
    match text.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cell: &str, expected: &str) {
        assert_eq!(cell_of(cell), expected);
    }

    #[test]
    fn cells_are_quoted_and_formulas_are_made_harmless() {
        check("plain", "plain");
        check("a,b", "\"a,b\"");
        check("say \"x\"", "\"say \"\"x\"\"\"");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx"] {
            check(formula, &format!("'{formula}"));
        }
        check("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\"");
        check("\r=1", "\"'\r=1\"");
        check("", "");
    }

    #[test]
    fn a_line_that_is_no_json_is_still_a_row() {
        let error = row_error(b"{\"a\":");
        assert_eq!((error.first.code.as_str(), error.line, error.rejected), ("INGEST-1401-400", 0, false));
    }

    #[test]
    fn what_is_wrong_is_a_column_where_the_row_has_one() {
        let line = br#"{"age":"abc","_errors":[{"code":"A","message":"m","column":"age","value":"abc"},{"code":"B","message":"n","column":"person.age"}],"_filename":"a.csv","_line":7,"_rejected":true}"#;
        let error = row_error(line);
        assert_eq!((error.file.as_str(), error.line, error.rejected), ("a.csv", 7, true));
        assert_eq!((error.first.column.as_deref(), error.first.field.as_deref()), (Some("age"), None));
        assert_eq!(
            (error.findings[1].column.as_deref(), error.findings[1].field.as_deref()),
            (None, Some("person.age"))
        );
        assert_eq!(Value::Object(error.row), serde_json::json!({ "age": "abc" }));
    }
}
