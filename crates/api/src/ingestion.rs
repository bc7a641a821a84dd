//! Batch ingestion (platform.md §6): a batch is created, gets its files, whole or in ranges, and is completed; a worker
//! does the rest.
//!
//! What always holds: a file streams into an object of its own in the lake's staging area and is named in the store once
//! it is complete, so nobody ever sees half of one; what the client calls it is a name and never becomes a path.

use crate::body::Body;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::{Problem, bad, missing};
use crate::sourceconnections::{compression, delimiter, encoding, truth};
use crate::writing::{json, object};
use crate::{App, export};
use axum::body::Body as Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use forebay_model::error::{Kind, Place};
use forebay_model::{Document, Error, Resource, Result, code, filter};
use forebay_store::{GivenUp, Limits, Piece, staging_folder};
use futures::StreamExt;
use futures::stream::BoxStream;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// Bytes of a file's name.
const MAX_NAME: usize = 512;

/// What a new batch is made of.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)] // A shape for the OpenAPI document; the body is read member by member, to name what is wrong.
pub struct NewBatch {
    /// The dataset that it is for.
    dataset_id: String,
    /// How its files are read.
    input_format: InputFormat,
    /// Keep rejected rows with file, line and reason.
    enable_error_diagnostics: Option<bool>,
    /// How many percent of the rows may be rejected.
    #[schema(minimum = 0, maximum = 100)]
    partial_ingestion_percentage: Option<f64>,
}

/// What files of a batch are.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code)]
pub enum FileFormat {
    /// A document a line, or documents in an array.
    Json,
    /// Apache Parquet.
    Parquet,
    /// As `delimited`.
    Csv,
    /// Text with a header line.
    Delimited,
}

/// How files of a batch are read.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code)]
pub struct InputFormat {
    format: FileFormat,
    /// `false`: each line is a document. Otherwise a file may be an array, too: its first bytes tell.
    is_multi_line_json: Option<bool>,
    /// Of delimited files: one character, or `\t`.
    delimiter: Option<String>,
    /// Of text files.
    encoding: Option<String>,
}

/// Where a file of a batch is.
#[derive(Deserialize)]
pub struct At {
    id: String,
    dataset: String,
    path: String,
    /// Behind the name's first slash.
    rest: Option<String>,
}

/// `POST /batches`
#[utoipa::path(post, path = "/batches", tag = "Batch ingestion", request_body = NewBatch,
    responses((status = 201, description = "The batch, `loading`"), (status = 400, description = "The body is refused")))]
pub async fn create_batch(State(app): State<App>, caller: Caller, Body(body): Body) -> Result<Response, Problem> {
    let body = object(body, "the batch")?;
    if body.contains_key("replay") {
        return Err(bad("replay is not supported")
            .at(Place::pointer("/replay"))
            .advice("Revert the batch that is to be replaced, and load its files in a new one.")
            .into());
    }
    let dataset = match body.get("datasetId") {
        Some(Value::String(id)) if !id.trim().is_empty() => id.clone(),
        _ => return Err(bad("datasetId is missing: it names the dataset").at(Place::pointer("/datasetId")).into()),
    };
    match caller.get(&app, Resource::Dataset, &dataset).await {
        Err(error) if error.kind == Kind::NotFound => {
            return Err(bad(format!("there is no dataset {dataset:?} in this sandbox"))
                .at(Place::pointer("/datasetId"))
                .into());
        }
        found => found?,
    };
    let now = app.now().timestamp_millis();
    let document = json!({
        "id": null,
        "imsOrg": caller.member.org,
        "status": "loading",
        "created": now,
        "updated": now,
        "createdUser": caller.member.account,
        "createdClient": caller.member.client,
        "updatedUser": caller.member.account,
        "version": "1.0.0",
        "relatedObjects": [{ "type": "dataSet", "id": dataset }],
        "inputFormat": input_format(&body)?,
        "tags": tags(&body)?,
        "metrics": {},
        "errors": [],
    });
    let document = app.store.open_batch(&caller.scope, &dataset, document, app.now()).await?;
    let mut response = json(StatusCode::CREATED, &document.body);
    let link = app.link(&format!("/data/foundation/catalog/batches/{}", document.id));
    if let Ok(link) = HeaderValue::from_str(&link) {
        response.headers_mut().insert(header::LOCATION, link);
    }
    Ok(response)
}

/// `inputFormat`, as it was sent: what cannot be read is refused by name.
fn input_format(body: &Map<String, Value>) -> Result<Value> {
    let at = |name: &str| Place::pointer(format!("/inputFormat{name}"));
    let Some(Value::Object(input)) = body.get("inputFormat") else {
        return Err(bad("inputFormat is missing: its format is json, parquet or csv").at(at("")));
    };
    let format = input.get("format").and_then(Value::as_str).unwrap_or_default();
    if !["json", "parquet", "csv", "delimited"].contains(&format.to_ascii_lowercase().as_str()) {
        return Err(bad(format!("inputFormat.format must be json, parquet, csv or delimited, not {format:?}"))
            .at(at("/format")));
    }
    if truth(input.get("isMultiLineJson")).is_none() {
        return Err(bad("inputFormat.isMultiLineJson must be true or false").at(at("/isMultiLineJson")));
    }
    let checks = [
        ("delimiter", (|text| delimiter(text).map(|_| ())) as fn(&str) -> Result<()>),
        ("columnDelimiter", |text| delimiter(text).map(|_| ())),
        ("encoding", |text| encoding(text).map(|_| ())),
        ("charset", |text| encoding(text).map(|_| ())),
        ("compression", |text| compression(text).map(|_| ())),
        ("compressionType", |text| compression(text).map(|_| ())),
    ];
    for (name, check) in checks {
        match input.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => check(text).map_err(|error| error.at(at(&format!("/{name}"))))?,
            Some(_) => return Err(bad(format!("inputFormat.{name} must be a text")).at(at(&format!("/{name}")))),
        }
    }
    Ok(Value::Object(input.clone()))
}

/// `tags`, with the two settings under the names that Catalog has for them (P-8).
fn tags(body: &Map<String, Value>) -> Result<Value> {
    let mut tags = match body.get("tags") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(tags)) => tags.clone(),
        Some(_) => return Err(bad("tags must be an object").at(Place::pointer("/tags"))),
    };
    let mut percent = Value::Null;
    for (holder, name, pointer) in [
        (body, "partialIngestionPercentage", "/partialIngestionPercentage"),
        (body, "partialIngestionPercent", "/partialIngestionPercent"),
        (&tags.clone(), "acp_partialIngestionPercent", "/tags/acp_partialIngestionPercent"),
    ] {
        let sent = match holder.get(name) {
            None | Some(Value::Null) => continue,
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_f64(),
        };
        match sent {
            Some(number) if (0.0..=100.0).contains(&number) && percent.is_null() => {
                // A whole number is shown as one.
                percent = if number.fract() == 0.0 { json!(number as i64) } else { json!(number) };
            }
            Some(number) if percent.as_f64() == Some(number) => {}
            Some(number) if (0.0..=100.0).contains(&number) => {
                let message = format!("{name} contradicts another member that says the same");
                return Err(bad(message).at(Place::pointer(pointer)));
            }
            _ => return Err(bad(format!("{name} must be a number from 0 to 100")).at(Place::pointer(pointer))),
        }
    }
    let asked = body.get("enableErrorDiagnostics").or_else(|| body.get("errorDiagnosticsEnabled"));
    let Some(asked) = truth(asked.or_else(|| tags.get("acp_enableErrorDiagnostics"))) else {
        let message = "enableErrorDiagnostics must be true or false";
        return Err(bad(message).at(Place::pointer("/enableErrorDiagnostics")));
    };
    // Partial ingestion implies diagnostics (PL-DIAG-1).
    tags.insert("acp_enableErrorDiagnostics".into(), json!(asked || !percent.is_null()));
    tags.remove("acp_partialIngestionPercent");
    if !percent.is_null() {
        tags.insert("acp_partialIngestionPercent".into(), percent);
    }
    Ok(Value::Object(tags))
}

/// `POST /batches/{id}?action=COMPLETE|ABORT|FAIL|REVERT`
#[utoipa::path(post, path = "/batches/{id}", tag = "Batch ingestion",
    params(("id" = String, Path), ("action" = String, Query, description = "COMPLETE, ABORT, FAIL or REVERT")),
    responses((status = 200, description = "Done, or put into the queue"), (status = 400, description = "No such action"),
        (status = 404, description = "No such batch"), (status = 409, description = "The batch is not in a state for it")))]
pub async fn act_on_batch(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let batch = caller.get(&app, Resource::Batch, &id).await?;
    let (scope, now) = (&caller.scope, app.now());
    let action = params.one("action")?.unwrap_or_default().to_ascii_uppercase();
    match action.as_str() {
        "COMPLETE" => app.store.complete_batch(scope, &id, now).await?,
        "ABORT" => app.store.give_up_batch(scope, &id, GivenUp::Aborted, now).await?,
        "FAIL" => app.store.give_up_batch(scope, &id, GivenUp::Failed, now).await?,
        "REVERT" => revert(&app, &caller, &batch).await?,
        "REPLAY" => {
            return Err(bad("batches cannot be replayed")
                .advice("Revert the batch that is to be replaced, and load its files in a new one.")
                .into());
        }
        "" => return Err(bad("the query names no action: COMPLETE, ABORT, FAIL or REVERT").into()),
        other => return Err(bad(format!("action must be COMPLETE, ABORT, FAIL or REVERT, not {other:?}")).into()),
    }
    Ok(StatusCode::OK.into_response())
}

/// A worker takes the batch's files out of the dataset; what cannot be taken out is refused here, as far as can be seen.
async fn revert(app: &App, caller: &Caller, batch: &Document) -> Result<()> {
    let Some(dataset) = export::dataset_of(batch) else {
        return Err(Error::new(Kind::Conflict, &code::HTTP_409, format!("the batch {} has no dataset", batch.id)));
    };
    let refused = |why: &str| {
        Error::new(Kind::Conflict, &code::HTTP_409, format!("the batch {} cannot be taken back: {why}", batch.id))
    };
    if batch.text("/status") == Some("success")
        && batch.body.pointer("/metrics/outputRecordCount").and_then(Value::as_u64).unwrap_or_default() > 0
        && let Ok(found) = caller.get(app, Resource::Dataset, dataset).await
    {
        let schema = found.text("/schemaRef/id").unwrap_or_default();
        if crate::identity::primary(app, caller, schema, None).await?.is_some() {
            return Err(refused("its dataset keeps one row a key, and its rows have taken the place of others"));
        }
        if app.engine.files(&crate::table_location(&caller.scope, dataset), &batch.id).await?.is_empty() {
            return Err(refused("its files were put together with those of others"));
        }
    }
    app.store.revert_batch(&caller.scope, &batch.id, dataset, app.now()).await
}

/// `PUT /batches/{id}/datasets/{dataset}/files/{path}`: a whole file.
#[utoipa::path(put, path = "/batches/{id}/datasets/{dataset}/files/{path}", tag = "Batch ingestion",
    params(("id" = String, Path), ("dataset" = String, Path), ("path" = String, Path)),
    request_body(content = String, content_type = "application/octet-stream", description = "The file's bytes"),
    responses((status = 200, description = "The file is there"), (status = 400, description = "The name is not one of a file"), (status = 404, description = "No such batch"),
        (status = 409, description = "The batch takes no files"), (status = 413, description = "Larger than the operator allows")))]
pub async fn put_batch_file(
    State(app): State<App>,
    caller: Caller,
    Path(at): Path<At>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let name = find(&app, &caller, &at).await?;
    app.store.check_open(&caller.scope, &at.id).await?;
    let most = app.settings.uploads.request;
    if length(&headers).is_some_and(|length| length > most) {
        return Err(too_large(most).into());
    }
    let location = location(&app, &caller, &at.id);
    let size = app.engine.stage(&location, limited(body, most, move || too_large(most))).await?;
    let piece = Piece { start: 0, size, location: location.clone() };
    let limits = app.settings.uploads.batch;
    settle(&app, location, app.store.put_upload(&caller.scope, &at.id, &name, piece, &limits, app.now()).await).await?;
    Ok(StatusCode::OK.into_response())
}

/// `PATCH /batches/{id}/datasets/{dataset}/files/{path}`: a range of a file that was begun.
#[utoipa::path(patch, path = "/batches/{id}/datasets/{dataset}/files/{path}", tag = "Batch ingestion",
    params(("id" = String, Path), ("dataset" = String, Path), ("path" = String, Path),
        ("Content-Range" = String, Header, description = "`bytes 0-1048575/5242880`")),
    request_body(content = String, content_type = "application/octet-stream", description = "The range's bytes"),
    responses((status = 200, description = "The range is there"), (status = 400, description = "Content-Range is missing or does not fit"),
        (status = 404, description = "No such batch"), (status = 409, description = "No upload was begun"),
        (status = 413, description = "Larger than the operator allows")))]
pub async fn patch_batch_file(
    State(app): State<App>,
    caller: Caller,
    Path(at): Path<At>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let name = find(&app, &caller, &at).await?;
    app.store.check_open(&caller.scope, &at.id).await?;
    let (start, size, total) = content_range(&headers)?;
    let most = app.settings.uploads.request;
    if size > most {
        return Err(too_large(most).into());
    }
    let unfit = move || bad(format!("Content-Range names {size} bytes, and the body has another number of them"));
    if length(&headers).is_some_and(|length| length != size) {
        return Err(unfit().into());
    }
    let location = location(&app, &caller, &at.id);
    let got = app.engine.stage(&location, limited(body, size, unfit)).await?;
    let piece = Piece { start, size, location: location.clone() };
    let limits = app.settings.uploads.batch;
    let put = match got == size {
        true => app.store.put_piece(&caller.scope, &at.id, &name, piece, total, &limits, app.now()).await,
        false => Err(unfit()),
    };
    settle(&app, location, put).await?;
    Ok(StatusCode::OK.into_response())
}

/// `HEAD /batches/{id}/datasets/{dataset}/files/{path}`: how much of a file is there.
#[utoipa::path(head, path = "/batches/{id}/datasets/{dataset}/files/{path}", tag = "Batch ingestion",
    params(("id" = String, Path), ("dataset" = String, Path), ("path" = String, Path)),
    responses((status = 200, description = "Its bytes so far in Content-Length"), (status = 404, description = "No such batch or file")))]
pub async fn head_batch_file(State(app): State<App>, caller: Caller, Path(at): Path<At>) -> Result<Response, Problem> {
    let name = find(&app, &caller, &at).await?;
    let Some(upload) = app.store.upload(&caller.scope, &at.id, &name).await? else {
        return Err(missing(format!("the batch has no file {name:?}")).into());
    };
    let mut response = StatusCode::OK.into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(upload.size()));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(response)
}

/// `POST /batches/{id}/datasets/{dataset}/files/{path}?action=initialize|complete`: the ends of an upload in ranges.
#[utoipa::path(post, path = "/batches/{id}/datasets/{dataset}/files/{path}", tag = "Batch ingestion",
    params(("id" = String, Path), ("dataset" = String, Path), ("path" = String, Path),
        ("action" = String, Query, description = "initialize or complete")),
    responses((status = 200, description = "Begun, or complete"), (status = 400, description = "No such action, or ranges are missing"),
        (status = 404, description = "No such batch"), (status = 409, description = "The batch takes no files")))]
pub async fn act_on_batch_file(
    State(app): State<App>,
    caller: Caller,
    Path(at): Path<At>,
    params: Params,
) -> Result<Response, Problem> {
    let name = find(&app, &caller, &at).await?;
    let action = params.one("action")?.unwrap_or_default().to_ascii_lowercase();
    let (scope, now) = (&caller.scope, app.now());
    match action.as_str() {
        "initialize" => {
            let limits = app.settings.uploads.batch;
            let stale = app.store.begin_upload(scope, &at.id, &name, &limits, now).await?;
            app.engine.discard(&stale).await;
        }
        "complete" => app.store.end_upload(scope, &at.id, &name, now).await?,
        other => return Err(bad(format!("action must be initialize or complete, not {other:?}")).into()),
    }
    Ok(StatusCode::OK.into_response())
}

/// Refuses while a batch of the dataset is being ingested, or about to be.
pub async fn idle(app: &App, caller: &Caller, dataset: &str) -> Result<()> {
    for status in ["staged", "processing", "inactive"] {
        let terms = [format!("relatedObjects[].id==\"{dataset}\""), format!("status=={status}")];
        if app.store.count(&caller.scope, Resource::Batch, &filter::parse(&terms)?).await? > 0 {
            let message = format!("a batch of the dataset {dataset} is {status}");
            return Err(Error::new(Kind::Conflict, &code::HTTP_409, message).advice("Try again when it has ended."));
        }
    }
    Ok(())
}

/// How much clients may upload.
#[derive(Debug, Clone, Copy)]
pub struct Uploads {
    /// Bytes of one request.
    pub request: u64,
    /// What a batch may hold.
    pub batch: Limits,
}

impl Default for Uploads {
    fn default() -> Uploads {
        Uploads { request: 1 << 30, batch: Limits { files: 25_000, bytes: 1 << 40, pieces: 10_000 } }
    }
}

/// Looks the batch up, and whether the dataset is its own. Answers the file's name.
async fn find(app: &App, caller: &Caller, at: &At) -> Result<String> {
    let batch = caller.get(app, Resource::Batch, &at.id).await?;
    if export::dataset_of(&batch) != Some(at.dataset.as_str()) {
        return Err(missing(format!("the batch {} is not for a dataset {:?}", at.id, at.dataset)));
    }
    let name = match &at.rest {
        Some(rest) => format!("{}/{rest}", at.path),
        None => at.path.clone(),
    };
    let good = |part: &str| !matches!(part, "" | "." | "..") && !part.chars().any(char::is_control);
    if name.len() > MAX_NAME || !name.split('/').all(good) {
        return Err(bad(format!(
            "a file's name has at most {MAX_NAME} bytes, no control characters, and between its slashes no empty part, `.` or `..`"
        )));
    }
    Ok(name)
}

/// A new object's place.
fn location(app: &App, caller: &Caller, batch: &str) -> String {
    format!("{}/{}", staging_folder(&caller.scope, batch), app.uuid())
}

/// What was staged is named now, or goes; and what it has replaced goes.
async fn settle(app: &App, staged: String, named: Result<Vec<String>>) -> Result<()> {
    match named {
        Ok(stale) => {
            app.engine.discard(&stale).await;
            Ok(())
        }
        Err(error) => {
            app.engine.discard(&[staged]).await;
            Err(error)
        }
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_large(most: u64) -> Error {
    Error::new(
        Kind::TooLarge,
        &code::HTTP_413,
        format!("the body is larger than {most} bytes, the most that one request may have"),
    )
    .advice("Send the file in ranges: action=initialize, PATCH with Content-Range, action=complete.")
}

/// The body's bytes as they come; `beyond` is what a longer body is refused with.
fn limited(
    body: Bytes,
    most: u64,
    beyond: impl Fn() -> Error + Send + 'static,
) -> BoxStream<'static, Result<bytes::Bytes>> {
    let mut got = 0;
    let chunks = body.into_data_stream().map(move |chunk| {
        let chunk = chunk.map_err(|error| bad("the body ended before it was complete").caused_by(error))?;
        got += chunk.len() as u64;
        if got > most { Err(beyond()) } else { Ok(chunk) }
    });
    chunks.boxed()
}

/// `bytes 0-99/1000` as start, length and total, which may be `*`.
fn content_range(headers: &HeaderMap) -> Result<(u64, u64, Option<u64>)> {
    let text = headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parsed = || {
        let (range, total) = text.trim().strip_prefix("bytes")?.trim().split_once('/')?;
        let (from, to) = range.trim().split_once('-')?;
        let (from, to): (u64, u64) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
        let total = match total.trim() {
            "*" => None,
            total => Some(total.parse::<u64>().ok().filter(|total| to < *total)?),
        };
        let size = to.checked_sub(from)?.checked_add(1)?;
        // What a store of ours can count.
        i64::try_from(to).ok()?;
        Some((from, size, total))
    };
    parsed().ok_or_else(|| bad(format!("Content-Range must be as in `bytes 0-1048575/5242880`, not {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<(u64, u64, Option<u64>)>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_RANGE, HeaderValue::from_str(text).unwrap());
        assert_eq!(content_range(&headers).ok(), expected, "{text}");
    }

    #[test]
    fn a_content_range_lies_inside_its_total() {
        check("bytes 0-99/1000", Some((0, 100, Some(1000))));
        check("bytes=5-5/6", None);
        check("bytes 5-5/6", Some((5, 1, Some(6))));
        check("bytes 5-9/*", Some((5, 5, None)));
        for bad in
            ["", "0-9/10", "bytes 9-5/10", "bytes 0-10/10", "bytes */10", "bytes 0-/10", "bytes -5/10", "bytes a-b/c"]
        {
            check(bad, None);
        }
        check("bytes 0-18446744073709551615/*", None);
        check("bytes 9223372036854775807-9223372036854775808/*", None);
    }
}
