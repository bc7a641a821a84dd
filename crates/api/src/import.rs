//! Batch ingestion (platform.md §6): a batch is made, its files are uploaded, whole or in ranges, and when it is
//! complete a worker brings them into the dataset. All that is known of an upload lies in its batch's document
//! ([`forebay_model::import`]); the bytes lie beside the batch's diagnostics, under names of our own.
//!
//! What always holds: bytes go to the lake as they come, and are counted as they go; a file counts once its batch's
//! document names it; a name that a caller sends never becomes a path.

use crate::body::Body;
use crate::caller::Caller;
use crate::identity;
use crate::params::Params;
use crate::problem::{Problem, bad, missing};
use crate::writing::{json, object};
use crate::{App, batch_location, table_location};
use axum::body::Body as Bytes;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use forebay_model::error::{Kind, Place};
use forebay_model::files::{FileOptions, Format};
use forebay_model::import::{self, Import, Piece, STAGED, Upload};
use forebay_model::{Document, Error, Resource, Result, code};
use forebay_store::{New, Secrets};
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Files of a batch at most.
const MAX_FILES: usize = 1_500;
/// Pieces of all files of a batch at most.
const MAX_PIECES: usize = 10_000;
/// Bytes of a file's name.
const MAX_NAME: usize = 512;

/// A batch to be uploaded.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "it says the form to readers of openapi.json")]
pub struct NewBatch {
    /// The dataset that it goes to.
    dataset_id: String,
    input_format: InputFormat,
    /// Rejected rows are kept, and told one by one.
    enable_error_diagnostics: Option<bool>,
    /// Rejected rows that the batch may have, in percent. It implies diagnostics.
    partial_ingestion_percentage: Option<f64>,
    /// The caller's own.
    tags: Option<std::collections::BTreeMap<String, String>>,
}

/// What the uploaded files are.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "it says the form to readers of openapi.json")]
pub struct InputFormat {
    /// `json`, `csv` (or `delimited`), or `parquet`.
    format: String,
    /// Of text: what stands between two values; one, of one byte.
    delimiters: Option<Vec<String>>,
    /// Of text: its encoding, such as `UTF-8`.
    charset: Option<String>,
}

/// `POST /batches`
#[utoipa::path(post, path = "/batches", tag = "Batch ingestion", request_body = NewBatch,
    responses((status = 201, description = "The batch", body = Object), (status = 400, description = "No such dataset, or a format that cannot be read")))]
pub async fn create_batch(State(app): State<App>, caller: Caller, Body(body): Body) -> Result<Response, Problem> {
    let body = object(body, "the batch")?;
    let at = || Place::pointer("/datasetId");
    let Some(dataset) = body.get("datasetId").and_then(Value::as_str).filter(|id| !id.is_empty()) else {
        return Err(bad("datasetId is missing: it is the id of a dataset").at(at()).into());
    };
    match caller.get(&app, Resource::Dataset, dataset).await {
        Err(error) if error.kind == Kind::NotFound => {
            return Err(bad(format!("datasetId names the dataset {dataset}, which does not exist")).at(at()).into());
        }
        found => found?,
    };
    let (percent, diagnostics) = tolerance(&body)?;
    let import = Import {
        dataset: dataset.to_string(),
        sandbox_name: caller.scope.sandbox_name.clone(),
        options: options(body.get("inputFormat"))?,
        partial_percent: percent,
        diagnostics,
        files: Default::default(),
        epochs: Vec::new(),
        attempt: 0,
        worker: String::new(),
        lease_until: 0,
        not_before: 0,
        promoted: None,
        merged: None,
    };
    let now = app.now().timestamp_millis();
    let id = ulid::Ulid::from_parts(now.unsigned_abs(), (app.random)()).to_string();
    let mut tags = match body.get("tags") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(tags)) => tags.clone(),
        Some(_) => return Err(bad("tags must be an object").at(Place::pointer("/tags")).into()),
    };
    tags.insert("acp_enableErrorDiagnostics".into(), json!(diagnostics));
    // P-8: the same number under the name that tags have for it.
    tags.insert("acp_partialIngestionPercent".into(), json!(percent));
    let mut batch = json!({
        "id": id,
        "imsOrg": caller.member.org,
        "status": "loading",
        "created": now,
        "updated": now,
        "createdUser": caller.member.account,
        "updatedUser": caller.member.account,
        "createdClient": caller.member.client,
        "version": "1.0.0",
        "relatedObjects": [{ "type": "dataSet", "id": dataset }],
        "inputFormat": body.get("inputFormat"),
        "tags": tags,
        "metrics": {},
        "errors": [],
    });
    import.keep(&mut batch);
    let document = app.store.insert(&caller.scope, New::new(Resource::Batch, id, batch).unstamped(), app.now()).await?;
    Ok(json(StatusCode::CREATED, &import::shown(document.body)))
}

/// `partialIngestionPercentage` and `enableErrorDiagnostics`; the first implies the second (PL-DIAG-1).
fn tolerance(body: &Map<String, Value>) -> Result<(Option<f64>, bool)> {
    let name = "partialIngestionPercentage";
    let percent = match body.get(name) {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()) {
            Some(percent) if percent > 0.0 && percent <= 100.0 => Some(percent),
            _ => {
                let message = format!("{name} must be a number above 0 and at most 100");
                return Err(bad(message).at(Place::pointer(format!("/{name}"))));
            }
        },
    };
    let name = "enableErrorDiagnostics";
    let asked = match body.get(name) {
        None | Some(Value::Null) => false,
        Some(Value::Bool(asked)) => *asked,
        Some(_) => return Err(bad(format!("{name} must be true or false")).at(Place::pointer(format!("/{name}")))),
    };
    Ok((percent, asked || percent.is_some()))
}

/// How the files are read.
fn options(format: Option<&Value>) -> Result<FileOptions> {
    let fault = |message: String, at: &str| Err(bad(message).at(Place::pointer(format!("/inputFormat{at}"))));
    let Some(Value::Object(format)) = format else {
        return fault("inputFormat must be an object with a format".into(), "");
    };
    let kind = match format.get("format").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
        Some("json") => Format::Json,
        Some("csv" | "delimited") => Format::Delimited,
        Some("parquet") => Format::Parquet,
        Some(other) => return fault(format!("{other:?} cannot be read: json, csv and parquet can"), "/format"),
        None => return fault("inputFormat.format is missing: json, csv or parquet".into(), "/format"),
    };
    let mut options = FileOptions { format: kind, ..FileOptions::default() };
    for (name, value) in format {
        let at = format!("/{name}");
        let first =
            || value.as_array().and_then(|all| if all.len() == 1 { all[0].as_str() } else { None }).or(value.as_str());
        match (name.as_str(), value) {
            ("format", _) | (_, Value::Null) => {}
            ("delimiters" | "delimiter" | "columnDelimiter", _) => {
                options.delimiter = match first() {
                    Some("\\t") => b'\t',
                    Some(text) if text.len() == 1 && !matches!(text, "\"" | "\n" | "\r") => text.as_bytes()[0],
                    _ => return fault(format!("{name} must be one delimiter of one byte"), &at),
                };
            }
            ("charset" | "encoding", Value::String(label)) => {
                if encoding_rs::Encoding::for_label(label.as_bytes()).is_none() {
                    return fault(format!("{label:?} is no encoding of text that is known"), &at);
                }
                options.encoding.clone_from(label);
            }
            ("quotes" | "quote" | "escapes" | "escape", _) if first() == Some("\"") => {}
            // Documents are found whether they stand on one line each or not.
            ("isMultiLineJson" | "header", Value::Bool(_)) if name != "header" || value == true => {}
            _ => return fault(format!("{name} has a value that cannot be read with here"), &at),
        }
    }
    Ok(options)
}

/// `GET /batches/{id}`
#[utoipa::path(get, path = "/batches/{id}", tag = "Batch ingestion", params(("id" = String, Path)),
    responses((status = 200, description = "The batch", body = Object), (status = 404, description = "Not found")))]
pub async fn get_uploaded_batch(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let document = caller.get(&app, Resource::Batch, &id).await?;
    Ok(json(StatusCode::OK, &import::shown(document.body)))
}

/// `POST /batches/{id}?action=…`: `COMPLETE`, `ABORT`, `FAIL`, `REVERT` or `REPLAY`.
#[utoipa::path(post, path = "/batches/{id}", tag = "Batch ingestion", params(("id" = String, Path), ("action" = String, Query)),
    responses((status = 200, description = "The batch", body = Object), (status = 400, description = "No such action"), (status = 404, description = "Not found"),
        (status = 409, description = "The batch is not in a state for that")))]
pub async fn act_on_batch(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
    _body: crate::body::OptionalBody,
) -> Result<Response, Problem> {
    let action = params.one("action")?.unwrap_or_default().to_ascii_uppercase();
    let batch = match action.as_str() {
        "COMPLETE" => change(&app, &caller, &id, complete).await?,
        "ABORT" => change(&app, &caller, &id, |body, _| give_up(body, "aborted")).await?,
        "FAIL" => change(&app, &caller, &id, |body, _| give_up(body, "failed")).await?,
        "REPLAY" => change(&app, &caller, &id, replay).await?,
        "REVERT" => revert(&app, &caller, &id).await?,
        other => {
            return Err(bad(format!("{other:?} is no action: COMPLETE, ABORT, FAIL, REVERT and REPLAY are")).into());
        }
    };
    Ok(json(StatusCode::OK, &batch))
}

/// Every file is there: a worker may have it. To say so again changes nothing.
fn complete(body: &mut Value, import: &mut Import) -> Result<()> {
    match body["status"].as_str() {
        Some("staged" | "processing" | "retrying" | "success") => return Ok(()),
        Some("loading") => {}
        _ => return Err(wrong_state(body, "completed")),
    }
    if let Some((name, _)) = import.files.iter().find(|(_, file)| !file.done) {
        let message = format!("the file {name:?} has not come whole");
        return Err(Error::new(Kind::Conflict, &code::HTTP_409, message)
            .advice("Send the ranges that are missing, then complete the file."));
    }
    stage(body)
}

fn stage(body: &mut Value) -> Result<()> {
    body["status"] = json!("staged");
    if let Value::Object(members) = body {
        import::wait_for(members, Some(STAGED));
    }
    Ok(())
}

fn give_up(body: &mut Value, status: &str) -> Result<()> {
    match body["status"].as_str() {
        Some("loading" | "staged" | "retrying") => {}
        Some(there) if there == status => return Ok(()),
        _ => return Err(wrong_state(body, status)),
    }
    body["status"] = json!(status);
    body["completed"] = body["updated"].clone();
    if let Value::Object(members) = body {
        import::wait_for(members, None);
    }
    Ok(())
}

/// A batch that failed is tried again with the files that it has.
fn replay(body: &mut Value, import: &mut Import) -> Result<()> {
    if body["status"] != "failed" || import.files.values().any(|file| !file.done) {
        return Err(wrong_state(body, "replayed"));
    }
    (import.attempt, import.not_before) = (0, 0);
    import.promoted = None;
    import.merged = None;
    body["errors"] = json!([]);
    body["metrics"] = json!({});
    if let Value::Object(members) = body {
        members.remove("completed");
    }
    stage(body)
}

fn wrong_state(body: &Value, done: &str) -> Error {
    let message = format!("the batch is {}, and cannot be {done}", body["status"].as_str().unwrap_or("not known"));
    Error::new(Kind::Conflict, &code::HTTP_409, message)
}

/// Changes an uploaded batch in one transaction.
async fn change(
    app: &App,
    caller: &Caller,
    id: &str,
    change: impl FnOnce(&mut Value, &mut Import) -> Result<()> + Send,
) -> Result<Value> {
    let now = app.now();
    let account = caller.member.account.clone();
    let apply = move |document: &Document, secrets: &Secrets| {
        let mut body = document.body.clone();
        let mut import = uploaded(document)?;
        body["updated"] = json!(now.timestamp_millis());
        body["updatedUser"] = json!(account);
        change(&mut body, &mut import)?;
        import.keep(&mut body);
        Ok((body, secrets.clone()))
    };
    let document = app.store.update(&caller.scope, Resource::Batch, id, None, now, apply).await?;
    Ok(import::shown(document.body))
}

fn uploaded(batch: &Document) -> Result<Import> {
    Import::of(&batch.body)?.ok_or_else(|| {
        let message = format!("the batch {} was made by a flow: nothing is uploaded to it", batch.id);
        Error::new(Kind::Conflict, &code::HTTP_409, message)
    })
}

/// Takes a batch's rows out of its dataset again, whoever brought them in.
async fn revert(app: &App, caller: &Caller, id: &str) -> Result<Value> {
    let batch = caller.get(app, Resource::Batch, id).await?;
    match batch.text("/status") {
        Some("success") => {}
        Some("inactive") => return Ok(import::shown(batch.body)),
        _ => return Err(wrong_state(&batch.body, "reverted")),
    }
    let related = batch.body["relatedObjects"].as_array().into_iter().flatten();
    let dataset = related.into_iter().find(|object| object["type"] == "dataSet");
    let dataset = dataset.and_then(|object| object["id"].as_str()).unwrap_or_default();
    let document = caller.get(app, Resource::Dataset, dataset).await?;
    let schema = document.text("/schemaRef/id").unwrap_or_default();
    if identity::primary(app, caller, schema, None).await?.is_some() {
        let message = format!(
            "the dataset {dataset} keeps one row for each identity: what the batch changed cannot be taken back"
        );
        return Err(Error::new(Kind::Conflict, &code::HTTP_409, message));
    }
    let rows = batch.body["metrics"]["outputRecordCount"].as_u64().unwrap_or(0);
    app.engine.revert(&table_location(&caller.scope, dataset), id, rows, app.now()).await?;
    let now = app.now();
    let account = caller.member.account.clone();
    let apply = move |document: &Document, secrets: &Secrets| {
        let mut body = document.body.clone();
        body["status"] = json!("inactive");
        body["updated"] = json!(now.timestamp_millis());
        body["updatedUser"] = json!(account);
        Ok((body, secrets.clone()))
    };
    let document = app.store.update(&caller.scope, Resource::Batch, id, None, now, apply).await?;
    Ok(import::shown(document.body))
}

/// `PUT /batches/{id}/datasets/{dataset}/files/{path}`: a whole file; the same name again replaces it.
#[utoipa::path(put, path = "/batches/{id}/datasets/{dataset}/files/{*path}", tag = "Batch ingestion",
    params(("id" = String, Path), ("dataset" = String, Path), ("path" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, description = "It is there"), (status = 404, description = "No such batch or dataset"),
        (status = 409, description = "The batch takes no files any more"), (status = 413, description = "The file is too large")))]
pub async fn upload_file(
    State(app): State<App>,
    caller: Caller,
    Path((id, dataset, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let name = target(&app, &caller, &id, &dataset, &name).await?;
    let piece = land(&app, &caller, &id, 0, app.settings.max_upload, request).await?;
    let modified = app.now().timestamp_millis();
    let kept = piece.clone();
    take(&app, &caller, &id, &kept, move |import| {
        let file = Upload { done: true, modified, pieces: vec![piece] };
        Ok(import.files.insert(name, file).map(|old| old.pieces).unwrap_or_default())
    })
    .await?;
    Ok(StatusCode::OK.into_response())
}

/// `PATCH …/files/{path}`: a range of a large file, named by `Content-Range`.
#[utoipa::path(patch, path = "/batches/{id}/datasets/{dataset}/files/{*path}", tag = "Batch ingestion",
    params(("id" = String, Path), ("dataset" = String, Path), ("path" = String, Path), ("Content-Range" = String, Header)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, description = "What has come of the file", body = Object), (status = 400, description = "No range, or not the one that was sent"),
        (status = 404, description = "No such batch, dataset or begun file"), (status = 409, description = "The range overlaps others"),
        (status = 413, description = "The range, or the file, is too large")))]
pub async fn upload_file_part(
    State(app): State<App>,
    caller: Caller,
    Path((id, dataset, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let name = target(&app, &caller, &id, &dataset, &name).await?;
    let (start, end) = content_range(request.headers())?;
    if end > app.settings.max_large_upload {
        return Err(too_large(app.settings.max_large_upload).into());
    }
    begun(&app, &caller, &id, &name).await?;
    let piece = land(&app, &caller, &id, start, app.settings.max_upload, request).await?;
    let kept = piece.clone();
    let wanted = end - start;
    let file = name.clone();
    let batch = take(&app, &caller, &id, &kept, move |import| {
        if piece.size != wanted {
            let message = format!("Content-Range says {wanted} bytes, and {} came", piece.size);
            return Err(bad(message));
        }
        if import.files.values().map(|file| file.pieces.len()).sum::<usize>() >= MAX_PIECES {
            return Err(bad(format!("a batch has at most {MAX_PIECES} ranges")).advice("Send larger ranges."));
        }
        let upload = import.files.get_mut(&file).filter(|upload| !upload.done);
        let upload = upload.ok_or_else(|| not_begun(&file))?;
        Ok(upload.add(piece)?.into_iter().collect())
    })
    .await?;
    let upload = batch.files.get(&name).cloned().unwrap_or_default();
    Ok(shown_file(&name, &upload))
}

/// `POST …/files/{path}?action=INITIALIZE|COMPLETE`: begins and ends the upload of a large file.
#[utoipa::path(post, path = "/batches/{id}/datasets/{dataset}/files/{*path}", tag = "Batch ingestion",
    params(("id" = String, Path), ("dataset" = String, Path), ("path" = String, Path), ("action" = String, Query)),
    responses((status = 200, description = "What has come of the file", body = Object), (status = 400, description = "No such action"),
        (status = 404, description = "No such batch, dataset or begun file"), (status = 409, description = "A range is missing")))]
pub async fn act_on_file(
    State(app): State<App>,
    caller: Caller,
    Path((id, dataset, name)): Path<(String, String, String)>,
    params: Params,
    _body: crate::body::OptionalBody,
) -> Result<Response, Problem> {
    let name = target(&app, &caller, &id, &dataset, &name).await?;
    let action = params.one("action")?.unwrap_or_default().to_ascii_uppercase();
    let modified = app.now().timestamp_millis();
    let file = name.clone();
    let change: Change = match action.as_str() {
        "INITIALIZE" => Box::new(move |import: &mut Import| {
            let file = import.files.insert(file, Upload { done: false, modified, pieces: Vec::new() });
            Ok(file.map(|old| old.pieces).unwrap_or_default())
        }),
        "COMPLETE" => Box::new(move |import: &mut Import| {
            let upload = import.files.get_mut(&file).ok_or_else(|| not_begun(&file))?;
            if let Some(gap) = upload.gap() {
                let message = format!("the bytes from {gap} on are missing below others that have come");
                return Err(Error::new(Kind::Conflict, &code::HTTP_409, message).advice("Send that range."));
            }
            upload.done = true;
            Ok(Vec::new())
        }),
        other => return Err(bad(format!("{other:?} is no action: INITIALIZE and COMPLETE are")).into()),
    };
    let batch = rewrite(&app, &caller, &id, change).await?;
    let upload = batch.files.get(&name).cloned().unwrap_or_default();
    Ok(shown_file(&name, &upload))
}

/// `HEAD …/files/{path}`: how much has come of a file.
#[utoipa::path(head, path = "/batches/{id}/datasets/{dataset}/files/{*path}", tag = "Batch ingestion",
    params(("id" = String, Path), ("dataset" = String, Path), ("path" = String, Path)),
    responses((status = 200, description = "`Range` has the bytes that have come without a gap"), (status = 404, description = "No such batch, dataset or file")))]
pub async fn head_file(
    State(app): State<App>,
    caller: Caller,
    Path((id, dataset, name)): Path<(String, String, String)>,
) -> Result<Response, Problem> {
    let name = named(&name)?;
    let batch = caller.get(&app, Resource::Batch, &id).await?;
    let import = uploaded(&batch)?;
    of_dataset(&import, &dataset)?;
    let Some(upload) = import.files.get(&name) else {
        return Err(missing(format!("the batch has no file {name:?}")).into());
    };
    let mut response = StatusCode::OK.into_response();
    let came = upload.gap().unwrap_or(upload.size());
    if let Some(last) = came.checked_sub(1)
        && let Ok(value) = HeaderValue::from_str(&format!("bytes=0-{last}"))
    {
        response.headers_mut().insert(header::RANGE, value);
    }
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(upload.size()));
    Ok(response)
}

type Change = Box<dyn FnOnce(&mut Import) -> Result<Vec<Piece>> + Send>;

fn shown_file(name: &str, upload: &Upload) -> Response {
    let body = json!({ "name": name, "sizeInBytes": upload.size(), "isComplete": upload.done });
    json(StatusCode::OK, &body)
}

fn not_begun(name: &str) -> Error {
    missing(format!("no upload of {name:?} in ranges is under way")).advice("Begin it with POST …?action=INITIALIZE.")
}

/// Looks at a batch before its bytes are read: it takes files, and they go to its dataset.
async fn target(app: &App, caller: &Caller, id: &str, dataset: &str, name: &str) -> Result<String> {
    let name = named(name)?;
    let batch = caller.get(app, Resource::Batch, id).await?;
    let import = uploaded(&batch)?;
    of_dataset(&import, dataset)?;
    loads(&batch.body)?;
    if import.files.len() >= MAX_FILES && !import.files.contains_key(&name) {
        return Err(too_many());
    }
    Ok(name)
}

async fn begun(app: &App, caller: &Caller, id: &str, name: &str) -> Result<()> {
    let import = uploaded(&caller.get(app, Resource::Batch, id).await?)?;
    match import.files.get(name) {
        Some(upload) if !upload.done => Ok(()),
        _ => Err(not_begun(name)),
    }
}

fn of_dataset(import: &Import, dataset: &str) -> Result<()> {
    if import.dataset == dataset {
        return Ok(());
    }
    Err(missing(format!("the batch goes to the dataset {}, not to {dataset}", import.dataset)))
}

fn loads(batch: &Value) -> Result<()> {
    if batch["status"] == "loading" {
        return Ok(());
    }
    Err(wrong_state(batch, "given more files"))
}

fn too_many() -> Error {
    bad(format!("a batch has at most {MAX_FILES} files")).advice("Make another batch for the rest.")
}

/// A name that is a relative path of plain segments.
fn named(name: &str) -> Result<String> {
    let plain = |segment: &str| !matches!(segment, "" | "." | "..");
    if name.len() > MAX_NAME || name.chars().any(char::is_control) || !name.split('/').all(plain) {
        return Err(bad(format!(
            "{name:?} is no name for a file: up to {MAX_NAME} bytes, folders by slashes, no empty segment, no . and .."
        )));
    }
    Ok(name.to_string())
}

/// `bytes 0-99/200` or `bytes 0-99/*`: the first byte, and the one past the last.
fn content_range(headers: &HeaderMap) -> Result<(u64, u64)> {
    let parse = || {
        let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?.trim().strip_prefix("bytes")?;
        let (range, total) = text.trim_start_matches(['=', ' ']).split_once('/').unwrap_or((text, "*"));
        let (first, last) = range.trim_start_matches(['=', ' ']).split_once('-')?;
        let (first, last) = (first.trim().parse::<u64>().ok()?, last.trim().parse::<u64>().ok()?);
        let total = match total.trim() {
            "*" => None,
            total => Some(total.parse::<u64>().ok()?),
        };
        (first <= last && total.is_none_or(|total| last < total)).then_some((first, last.checked_add(1)?))
    };
    parse().ok_or_else(|| bad("Content-Range must name the bytes that are sent, such as `bytes 0-1023/4096`"))
}

fn too_large(most: u64) -> Error {
    let message = format!("more than {most} bytes are sent, the most that is accepted");
    Error::new(Kind::TooLarge, &code::HTTP_400, message).advice(
        "Send a large file in ranges: POST …?action=INITIALIZE, PATCH with Content-Range, POST …?action=COMPLETE.",
    )
}

/// Writes the bytes of a request into the batch's folder, as they come.
async fn land(app: &App, caller: &Caller, id: &str, start: u64, most: u64, request: Request) -> Result<Piece> {
    let said = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if said.is_some_and(|said| said > most) {
        return Err(too_large(most));
    }
    let object = app.hex(32);
    let path = upload_path(caller, id, &object);
    let came = Arc::new(AtomicU64::new(0));
    let counted = came.clone();
    let body: Bytes = request.into_body();
    let chunks = body.into_data_stream().map(move |chunk| {
        let chunk = chunk.map_err(|error| {
            Error::new(Kind::Invalid, &code::HTTP_400, "the body ended before it was complete").caused_by(error)
        })?;
        let so_far = counted.fetch_add(chunk.len() as u64, Ordering::Relaxed) + chunk.len() as u64;
        if so_far > most { Err(too_large(most)) } else { Ok(chunk) }
    });
    app.engine.put(&path, chunks.boxed()).await?;
    Ok(Piece { object, start, size: came.load(Ordering::Relaxed) })
}

fn upload_path(caller: &Caller, batch: &str, object: &str) -> String {
    format!("{}/uploads/{object}", batch_location(&caller.scope, batch))
}

/// Names a landed piece in the batch's document; what cannot be named is removed again.
async fn take(
    app: &App,
    caller: &Caller,
    id: &str,
    piece: &Piece,
    change: impl FnOnce(&mut Import) -> Result<Vec<Piece>> + Send + 'static,
) -> Result<Import> {
    let taken = rewrite(app, caller, id, Box::new(change)).await;
    if taken.is_err() {
        discard(app, caller, id, std::slice::from_ref(piece)).await;
    }
    taken
}

/// Changes the files of a batch that still takes some, and removes the pieces that the change leaves nameless.
async fn rewrite(app: &App, caller: &Caller, id: &str, change: Change) -> Result<Import> {
    let now = app.now();
    let mut after = None;
    let apply = |document: &Document, secrets: &Secrets| {
        let mut body = document.body.clone();
        let mut import = uploaded(document)?;
        loads(&body)?;
        let nameless = change(&mut import)?;
        if import.files.len() > MAX_FILES {
            return Err(too_many());
        }
        import.keep(&mut body);
        body["updated"] = json!(now.timestamp_millis());
        after = Some((import, nameless));
        Ok((body, secrets.clone()))
    };
    app.store.update(&caller.scope, Resource::Batch, id, None, now, apply).await?;
    let (import, nameless) = after.ok_or_else(|| Error::internal("A change of a batch was not made."))?;
    discard(app, caller, id, &nameless).await;
    Ok(import)
}

async fn discard(app: &App, caller: &Caller, id: &str, pieces: &[Piece]) {
    for piece in pieces {
        let path = upload_path(caller, id, &piece.object);
        if let Err(error) = app.engine.delete(&path).await {
            tracing::warn!(%error, path, "an uploaded object that nobody needs could not be removed: it expires");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn range(text: &str, expected: Option<(u64, u64)>) {
        let headers = [(header::CONTENT_RANGE, HeaderValue::from_str(text).unwrap())].into_iter().collect();
        assert_eq!(content_range(&headers).ok(), expected, "{text}");
    }

    #[test]
    fn a_content_range_has_a_first_and_a_last_byte() {
        range("bytes 0-99/200", Some((0, 100)));
        range("bytes=100-199/*", Some((100, 200)));
        range("bytes 5-5", Some((5, 6)));
        for odd in
            ["", "bytes 9-0/10", "bytes 0-10/10", "0-9", "bytes -5/10", "bytes 0-18446744073709551615/*", "lines 0-1/2"]
        {
            range(odd, None);
        }
    }

    #[test]
    fn names_are_relative_and_plain() {
        for good in ["a.csv", "2024/07/a b.json", "ü"] {
            assert!(named(good).is_ok(), "{good}");
        }
        for bad in ["", "/a", "a//b", "a/", "../a", "a/./b", "a\nb", &"x".repeat(513)] {
            assert!(named(bad).is_err(), "{bad}");
        }
    }
}
