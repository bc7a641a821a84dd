//! Data access (platform.md §6): the files of a batch, its diagnostics, and a dataset's first rows.
//!
//! What always holds: a batch and a dataset are looked up in the caller's scope first; a name that a caller sends is
//! compared with the names that the lake lists, and never becomes a path.

use crate::caller::Caller;
use crate::engine::Stored;
use crate::params::Params;
use crate::problem::{Problem, bad, missing};
use crate::writing::json;
use crate::{App, batch_location, labels, table_location, xdm};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use forebay_model::error::Kind;
use forebay_model::{Document, Error, Resource, Result, code};
use futures::TryStreamExt;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::ops::Range;

const BASE: &str = "/data/foundation/export";
/// Part of the ids of diagnostics.
const FAILED: &str = "-failed";
/// Rows of a preview.
const PREVIEW: usize = 100;
/// Entries of a page at most, and of one that does not say.
const MAX_LIMIT: usize = 100;
/// Entries that `start` may skip.
const MAX_START: usize = 1_000_000;
/// Errors in the sample.
const SAMPLES: usize = 100;
/// Bytes of diagnostics that the sample is taken from.
const SAMPLE_BYTES: u64 = 1024 * 1024;

/// `GET /batches/{id}/files`: the files that the batch added to its dataset.
#[utoipa::path(get, path = "/batches/{id}/files", tag = "Data access",
    params(("id" = String, Path), ("start" = Option<i64>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, description = "The files"), (status = 404, description = "No such batch")))]
pub async fn list_batch_files(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let batch = open(&app, &caller, &id).await?;
    let files = committed(&app, &caller, &batch).await?;
    let entries = (0..files.len()).map(|index| {
        let file_id = format!("{id}-{index}");
        let href = app.link(&format!("{BASE}/files/{file_id}"));
        file_entry(&batch, &file_id, files[index].size, true, href)
    });
    let entries = entries.collect();
    Ok(paged(&app, entries, &params, &format!("{BASE}/batches/{id}/files"))?)
}

/// `GET /batches/{id}/failed`: the diagnostics of rejected rows, as files.
#[utoipa::path(get, path = "/batches/{id}/failed", tag = "Data access",
    params(("id" = String, Path), ("path" = Option<String>, Query), ("start" = Option<i64>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, description = "The files, or one of them"), (status = 404, description = "No such batch or file")))]
pub async fn list_failed_files(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let headers = ranged(&method, headers);
    let batch = open(&app, &caller, &id).await?;
    let stored = row_errors(&app, &caller, &id).await?;
    let base = format!("{BASE}/batches/{id}/failed");
    if let Some(name) = params.one("path")? {
        return Ok(listing_or_file(&app, &stored, Some(name), &base, "", &params, &headers).await?);
    }
    let entries = stored.iter().enumerate().map(|(index, file)| {
        let mut entry = entry(&app, &base, &file.name, file.size);
        let href = entry["_links"]["self"]["href"].as_str().unwrap_or_default().to_string();
        let more = file_entry(&batch, &format!("{id}{FAILED}-{index}"), file.size, false, href);
        if let (Value::Object(entry), Value::Object(more)) = (&mut entry, more) {
            entry.extend(more);
        }
        entry
    });
    Ok(paged(&app, entries.collect(), &params, &base)?)
}

/// `GET /batches/{id}/meta?path=…`: `input_files`, `row_errors`, or `row_error_samples.json`.
#[utoipa::path(get, path = "/batches/{id}/meta", tag = "Data access",
    params(("id" = String, Path), ("path" = Option<String>, Query), ("start" = Option<i64>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, description = "A listing, or a file"), (status = 404, description = "No such batch or path")))]
pub async fn get_batch_meta(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let headers = ranged(&method, headers);
    open(&app, &caller, &id).await?;
    let base = format!("{BASE}/batches/{id}/meta");
    let folder = batch_location(&caller.scope, &id);
    let path = params.one("path")?.unwrap_or_default().trim_matches('/');
    let (kind, name) = match path.split_once('/') {
        Some((kind, name)) => (kind, Some(name)),
        None => (path, None),
    };
    match (kind, name) {
        ("", None) => {
            let entries =
                ["input_files", "row_errors", "row_error_samples.json"].map(|name| entry(&app, &base, name, 0));
            Ok(paged(&app, entries.to_vec(), &params, &base)?)
        }
        // One page spells it the other way round.
        ("row_error_samples.json" | "row_errors_sample.json", None) => {
            Ok(json(StatusCode::OK, &samples(&app, &folder).await?))
        }
        ("input_files" | "row_errors", name) => {
            let stored = app.engine.list(&format!("{folder}/{kind}")).await?;
            Ok(listing_or_file(&app, &stored, name, &base, &format!("{kind}/"), &params, &headers).await?)
        }
        _ => Err(missing(format!("the batch has nothing at the path {path:?}"))
            .advice("It has input_files, row_errors and row_error_samples.json.")
            .into()),
    }
}

/// `GET /files/{id}[?path=…]`: what a file consists of, or its bytes (206 on ranges).
#[utoipa::path(get, path = "/files/{id}", tag = "Data access",
    params(("id" = String, Path), ("path" = Option<String>, Query), ("Range" = Option<String>, Header)),
    responses((status = 200, description = "A listing, or the bytes"), (status = 206, description = "A range of the bytes"),
        (status = 404, description = "No such file"), (status = 416, description = "The range lies outside the file")))]
pub async fn get_file(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let headers = ranged(&method, headers);
    let unknown = || missing(format!("there is no file with the id {id:?}"));
    let Some((batch, index)) = id.rsplit_once('-') else {
        return Err(unknown().into());
    };
    let Ok(index) = index.parse::<usize>() else {
        return Err(unknown().into());
    };
    let files = match batch.strip_suffix(FAILED) {
        Some(batch) => {
            let batch = open(&app, &caller, batch).await?;
            row_errors(&app, &caller, &batch.id).await?
        }
        None => {
            let batch = open(&app, &caller, batch).await?;
            committed(&app, &caller, &batch).await?
        }
    };
    let Some(file) = files.get(index) else {
        return Err(unknown().into());
    };
    let one = [Stored { name: base_name(&file.name).to_string(), ..file.clone() }];
    let base = format!("{BASE}/files/{id}");
    Ok(listing_or_file(&app, &one, params.one("path")?, &base, "", &params, &headers).await?)
}

/// `GET /datasets/{id}/preview`: the first rows.
#[utoipa::path(get, path = "/datasets/{id}/preview", tag = "Data access", params(("id" = String, Path)),
    responses((status = 200, description = "`{data}`"), (status = 404, description = "No such dataset")))]
pub async fn preview_data_set(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let dataset = caller.get(&app, Resource::Dataset, &id).await?;
    labels::exportable(&app, &caller, &id).await?;
    let tree = xdm::tree(&app, &caller, dataset.text("/schemaRef/id").unwrap_or_default()).await?;
    let rows = app.engine.read(&table_location(&caller.scope, &id), &tree, PREVIEW).await?;
    Ok(json(StatusCode::OK, &json!({ "data": rows })))
}

/// A batch that the caller may read from.
async fn open(app: &App, caller: &Caller, id: &str) -> Result<Document> {
    let batch = caller.get(app, Resource::Batch, id).await?;
    if let Some(dataset) = dataset_of(&batch) {
        labels::exportable(app, caller, dataset).await?;
    }
    Ok(batch)
}

/// The dataset of a batch.
pub fn dataset_of(batch: &Document) -> Option<&str> {
    let related = batch.body["relatedObjects"].as_array()?;
    related.iter().find(|object| object["type"] == "dataSet")?["id"].as_str()
}

/// A file of a batch, as both lists of them show it.
fn file_entry(batch: &Document, file_id: &str, size: u64, valid: bool, href: String) -> Value {
    let time = batch.body["completed"].as_i64().unwrap_or_default().to_string();
    json!({
        "dataSetFileId": file_id,
        "dataSetViewId": dataset_of(batch).unwrap_or_default(),
        "version": "1.0.0",
        "created": time,
        "updated": time,
        "size": size.to_string(),
        "isValid": valid,
        "_links": { "self": { "href": href } },
    })
}

/// The diagnostics of a batch's rejected rows.
async fn row_errors(app: &App, caller: &Caller, batch: &str) -> Result<Vec<Stored>> {
    app.engine.list(&format!("{}/row_errors", batch_location(&caller.scope, batch))).await
}

/// The files that a batch committed; none of a dataset that is gone.
async fn committed(app: &App, caller: &Caller, batch: &Document) -> Result<Vec<Stored>> {
    let Some(dataset) = dataset_of(batch) else {
        return Ok(Vec::new());
    };
    match caller.get(app, Resource::Dataset, dataset).await {
        Ok(_) => app.engine.files(&table_location(&caller.scope, dataset), &batch.id).await,
        Err(error) if error.kind == Kind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn base_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn entry(app: &App, base: &str, name: &str, size: u64) -> Value {
    let query: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    let query = query.replace("%2F", "/");
    json!({
        "name": base_name(name),
        "length": size.to_string(),
        "_links": { "self": { "href": app.link(&format!("{base}?path={query}")) } },
    })
}

/// All of a folder's files, or the one that `name` names.
async fn listing_or_file(
    app: &App,
    stored: &[Stored],
    name: Option<&str>,
    base: &str,
    prefix: &str,
    params: &Params,
    headers: &HeaderMap,
) -> Result<Response> {
    let Some(name) = name else {
        let entries = stored.iter().map(|file| entry(app, base, &format!("{prefix}{}", file.name), file.size));
        return paged(app, entries.collect(), params, base);
    };
    match stored.iter().find(|file| file.name == name) {
        Some(file) => bytes(app, file, headers).await,
        None => Err(missing(format!("there is no file {name:?}"))),
    }
}

fn paged(app: &App, entries: Vec<Value>, params: &Params, base: &str) -> Result<Response> {
    let limit = params.number("limit", 1, MAX_LIMIT)?.unwrap_or(MAX_LIMIT);
    let start = params.number("start", 0, MAX_START)?.unwrap_or(0);
    let all = entries.len();
    let page: Vec<Value> = entries.into_iter().skip(start).take(limit).collect();
    let mut body = json!({ "data": page, "_page": { "limit": limit, "count": page.len() } });
    if start.saturating_add(limit) < all {
        let path: String = match params.one("path")? {
            Some(path) => {
                format!("&path={}", url::form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>())
            }
            None => String::new(),
        };
        let next = app.link(&format!("{base}?start={}&limit={limit}{path}", start + limit));
        body["_links"] = json!({ "next": { "href": next } });
    }
    Ok(json(StatusCode::OK, &body))
}

/// A file's bytes, or the range that is asked for.
async fn bytes(app: &App, file: &Stored, headers: &HeaderMap) -> Result<Response> {
    let etag = etag(file);
    // What was got before belongs to another file: the whole of this one is sent.
    let same = headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == etag.as_bytes());
    let asked = headers.get(header::RANGE).and_then(|value| value.to_str().ok()).filter(|_| same);
    let range = match asked.map(|text| range(text, file.size)) {
        None | Some(Asked::All) => None,
        Some(Asked::Part(range)) => Some(range),
        Some(Asked::Nothing) => {
            let mut response = Problem(Error::new(
                Kind::Invalid,
                &code::HTTP_416,
                format!("the range lies outside the file, which has {} bytes", file.size),
            ))
            .into_response();
            if let Ok(value) = HeaderValue::from_str(&format!("bytes */{}", file.size)) {
                response.headers_mut().insert(header::CONTENT_RANGE, value);
            }
            return Ok(response);
        }
    };
    let stream = app.engine.bytes(&file.path, range.clone()).await?;
    let mut response = Response::new(Body::from_stream(stream.map_err(|error| {
        tracing::warn!("sending a file of the lake failed: {error}");
        std::io::Error::other("the file could not be read to its end")
    })));
    let fields = response.headers_mut();
    let kind = if file.name.ends_with(".json") { "application/json" } else { "application/octet-stream" };
    fields.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        fields.insert(header::ETAG, etag);
    }
    fields.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    let length = range.as_ref().map_or(file.size, |range| range.end - range.start);
    fields.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    if let Some(range) = range {
        let text = format!("bytes {}-{}/{}", range.start, range.end - 1, file.size);
        if let Ok(value) = HeaderValue::from_str(&text) {
            fields.insert(header::CONTENT_RANGE, value);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// The lake writes an object once, under a name of its own.
fn etag(file: &Stored) -> String {
    let hash = Sha256::digest(format!("{} {}", file.path, file.size));
    format!("\"{}\"", hash[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

/// The headers, without a range where it means nothing: ranges are for GET.
fn ranged(method: &Method, mut headers: HeaderMap) -> HeaderMap {
    if method != Method::GET {
        headers.remove(header::RANGE);
    }
    headers
}

/// What a Range header asks for.
#[derive(Debug, PartialEq)]
enum Asked {
    /// Everything: the header says nothing that we understand, or several ranges.
    All,
    /// One range, inside the file.
    Part(Range<u64>),
    /// A range outside the file.
    Nothing,
}

fn range(text: &str, size: u64) -> Asked {
    let Some((from, to)) = text.trim().strip_prefix("bytes=").and_then(|spec| spec.split_once('-')) else {
        return Asked::All;
    };
    let range = match (from.trim().parse::<u64>(), to.trim()) {
        (Ok(from), "") => from..size,
        (Ok(from), to) => match to.parse::<u64>() {
            Ok(to) if to >= from => from..to.saturating_add(1).min(size),
            _ => return Asked::All,
        },
        (Err(_), last) if from.trim().is_empty() => match last.parse::<u64>() {
            Ok(last) => size.saturating_sub(last)..size,
            Err(_) => return Asked::All,
        },
        _ => return Asked::All,
    };
    if range.start >= range.end { Asked::Nothing } else { Asked::Part(range) }
}

/// The first errors, out of the first files.
async fn samples(app: &App, folder: &str) -> Result<Value> {
    let mut samples = Vec::new();
    for file in app.engine.list(&format!("{folder}/row_errors")).await? {
        let whole = file.size <= SAMPLE_BYTES;
        let range = (!whole).then_some(0..SAMPLE_BYTES);
        let pieces: Vec<bytes::Bytes> = app.engine.bytes(&file.path, range).await?.try_collect().await?;
        let text = pieces.concat();
        for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<Value>(line) {
                Ok(error) => samples.push(error),
                // The last line may be cut off.
                Err(_) if !whole => break,
                Err(_) => {
                    return Err(bad(format!("the diagnostics file {} has a line that is not JSON", file.name)));
                }
            }
            if samples.len() == SAMPLES {
                return Ok(Value::Array(samples));
            }
        }
    }
    Ok(Value::Array(samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Asked) {
        assert_eq!(range(text, 100), expected, "{text}");
    }

    #[test]
    fn ranges_lie_inside_the_file_or_are_refused() {
        check("bytes=0-9", Asked::Part(0..10));
        check("bytes=90-", Asked::Part(90..100));
        check("bytes=-5", Asked::Part(95..100));
        check("bytes=-500", Asked::Part(0..100));
        check("bytes=50-18446744073709551615", Asked::Part(50..100));
        check("bytes=100-", Asked::Nothing);
        check("bytes=-0", Asked::Nothing);
        for odd in ["bytes=9-0", "bytes=a-b", "bytes=0-1,3-4", "lines=0-1", "", "bytes=-"] {
            check(odd, Asked::All);
        }
    }
}
