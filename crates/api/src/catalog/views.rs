//! What Catalog says beside datasets and batches themselves (platform.md §4): a dataset's view and the files in it, the
//! last batch of each dataset, and what tags there are.

use super::{keyed, of_list};
use crate::App;
use crate::caller::Caller;
use crate::listing;
use crate::params::Params;
use crate::problem::{Problem, missing};
use crate::table_location;
use crate::writing::json;
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::{Document, Resource, Result, filter};
use forebay_store::List;
use http::StatusCode;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// Files of a page at most, and of one that does not say.
const MAX_FILES: usize = 100;
/// Files that `start` may skip.
const MAX_START: usize = 10_000_000;
/// Batches that are looked at for the last ones.
const PAGE: usize = 1000;

/// `GET /dataSets/{id}/views`: a dataset has one, which has all of it.
#[utoipa::path(get, path = "/dataSets/{id}/views", tag = "Catalog", params(("id" = String, Path)),
    responses((status = 200, description = "The view, under its id", body = Object), (status = 404, description = "Not found")))]
pub async fn list_views(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let dataset = caller.get(&app, Resource::Dataset, &id).await?;
    Ok(json(StatusCode::OK, &view(&dataset)))
}

/// `GET /dataSets/{id}/views/{view}`
#[utoipa::path(get, path = "/dataSets/{id}/views/{view}", tag = "Catalog", params(("id" = String, Path), ("view" = String, Path)),
    responses((status = 200, description = "The view, under its id", body = Object), (status = 404, description = "Not found")))]
pub async fn get_view(
    State(app): State<App>,
    caller: Caller,
    Path((id, name)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let dataset = seen(&app, &caller, &id, &name).await?;
    Ok(json(StatusCode::OK, &view(&dataset)))
}

/// `GET /dataSets/{id}/views/{view}/files`: the files that the dataset consists of now.
#[utoipa::path(get, path = "/dataSets/{id}/views/{view}/files", tag = "Catalog",
    params(("id" = String, Path), ("view" = String, Path), ("start" = Option<i64>, Query), ("limit" = Option<i64>, Query)),
    responses((status = 200, description = "The files, keyed by id", body = Object), (status = 404, description = "Not found")))]
pub async fn list_view_files(
    State(app): State<App>,
    caller: Caller,
    Path((id, name)): Path<(String, String)>,
    params: Params,
) -> Result<Response, Problem> {
    let dataset = seen(&app, &caller, &id, &name).await?;
    let limit = params.number("limit", 1, MAX_FILES)?.unwrap_or(MAX_FILES);
    let start = params.number("start", 0, MAX_START)?.unwrap_or(0);
    let mut files = Map::new();
    // Every file's name has the empty text in it.
    for file in app.engine.files(&table_location(&caller.scope, &id), "").await?.into_iter().skip(start).take(limit) {
        let hash = Sha256::digest(&file.name);
        let key: String = hash[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        let entry = json!({
            "id": key,
            "name": file.name,
            "dataSetId": id,
            "dataSetViewId": id,
            "imsOrg": dataset.body["imsOrg"],
            "format": "parquet",
            "sizeInBytes": file.size,
            "isValid": true,
        });
        files.insert(key, entry);
    }
    Ok(json(StatusCode::OK, &Value::Object(files)))
}

async fn seen(app: &App, caller: &Caller, id: &str, name: &str) -> Result<Document> {
    let dataset = caller.get(app, Resource::Dataset, id).await?;
    match name == id {
        true => Ok(dataset),
        false => Err(missing(format!("the dataset {id} has no view {name}; its view has its own id"))),
    }
}

fn view(dataset: &Document) -> Value {
    let (id, body) = (&dataset.id, &dataset.body);
    json!({ id.as_str(): {
        "id": id,
        "dataSetId": id,
        "name": body["name"],
        "imsOrg": body["imsOrg"],
        "sandboxId": body["sandboxId"],
        "created": body["created"],
        "updated": body["updated"],
        "createdUser": body["createdUser"],
        "version": body["version"],
        "schemaRef": body["schemaRef"],
        "files": format!("@/dataSets/{id}/views/{id}/files"),
    } })
}

/// `GET /lastBatches`: of each dataset the last batch, the last that succeeded and the last that failed.
#[utoipa::path(get, path = "/lastBatches", tag = "Catalog",
    params(("dataSet" = Option<String>, Query, description = "Ids of datasets, by commas; `dataSetId` is the same"), ("lastBatchStatus" = Option<String>, Query),
        ("lastBatchId" = Option<String>, Query), ("lastSuccessfulBatchId" = Option<String>, Query), ("lastFailedBatchId" = Option<String>, Query)),
    responses((status = 200, description = "The last batches, keyed by dataset", body = Object)))]
pub async fn list_last_batches(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    let mut wanted: Vec<String> = Vec::new();
    for name in ["dataSet", "dataSetId"] {
        for list in params.all(name) {
            wanted.extend(list.split(',').map(|id| id.trim().to_string()));
        }
    }
    let mut last: Map<String, Value> = Map::new();
    let mut list = List { query: filter::Query::default(), order: Vec::new(), limit: PAGE, after: None };
    loop {
        let page = app.store.list(&caller.scope, Resource::Batch, &list).await?;
        for batch in page.documents {
            let related = batch.body["relatedObjects"].as_array().into_iter().flatten();
            let dataset = related.into_iter().find(|object| object["type"] == "dataSet");
            let Some(dataset) = dataset.and_then(|object| object["id"].as_str()) else { continue };
            if wanted.is_empty() || wanted.iter().any(|id| id == dataset) {
                note(last.entry(dataset).or_insert(json!({})), &batch);
            }
        }
        match page.next {
            Some(next) => list.after = Some(next),
            None => break,
        }
    }
    for name in ["lastBatchId", "lastBatchStatus", "lastSuccessfulBatchId", "lastFailedBatchId"] {
        if let Some(value) = params.one(name)? {
            last.retain(|_, entry| entry[name] == value);
        }
    }
    Ok(json(StatusCode::OK, &Value::Object(last)))
}

/// Batches come newest first: what is there already is newer.
fn note(entry: &mut Value, batch: &Document) {
    let status = batch.text("/status").unwrap_or_default();
    if entry["lastBatchId"].is_null() {
        for (name, value) in [
            ("lastBatchId", json!(batch.id)),
            ("lastBatchStatus", json!(status)),
            ("imsOrg", batch.body["imsOrg"].clone()),
            ("created", batch.body["created"].clone()),
            ("updated", batch.body["updated"].clone()),
        ] {
            entry[name] = value;
        }
    }
    let kind = match status {
        "success" => "lastSuccessfulBatchId",
        "failed" | "failure" => "lastFailedBatchId",
        _ => return,
    };
    if entry[kind].is_null() {
        entry[kind] = json!(batch.id);
    }
}

/// `GET /tags/{namespace}`: the values that tags of a name, or below it, have.
#[utoipa::path(get, path = "/tags/{namespace}", tag = "Catalog", params(("namespace" = String, Path)),
    responses((status = 200, description = "The values, and the objects that have them", body = Object), (status = 404, description = "No object has such a tag")))]
pub async fn list_tags(
    State(app): State<App>,
    caller: Caller,
    Path(namespace): Path<String>,
) -> Result<Response, Problem> {
    let mut values: Map<String, Value> = Map::new();
    let mut objects: Map<String, Value> = Map::new();
    for resource in [Resource::Dataset, Resource::Batch] {
        for document in listing::every(&app, &caller, resource, &[]).await? {
            let tags = document.body["tags"].as_object().into_iter().flatten();
            let below =
                |name: &str| name.strip_prefix(&namespace).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            let mut has = false;
            for (name, value) in tags.filter(|(name, _)| below(name)) {
                has = true;
                let all = values.entry(name).or_insert(json!([]));
                let value = if value.is_array() { value.clone() } else { json!([value]) };
                for value in value.as_array().into_iter().flatten() {
                    if let Value::Array(all) = all
                        && !all.contains(value)
                    {
                        all.push(value.clone());
                    }
                }
            }
            if has && let Value::Array(all) = objects.entry(resource.name()).or_insert(json!([])) {
                all.push(json!(format!("@/{}/{}", resource.name(), document.id)));
            }
        }
    }
    if values.is_empty() {
        return Err(missing(format!("no object has the tag {namespace:?}, or one below it")).into());
    }
    let mut body = json!({ "objectType": objects });
    if let Value::Object(members) = &mut body {
        members.extend(values);
    }
    Ok(json(StatusCode::OK, &body))
}

/// `GET /`: datasets and batches together, each under its path.
#[utoipa::path(get, path = "/", tag = "Catalog",
    params(("limit" = Option<i64>, Query), ("start" = Option<i64>, Query), ("properties" = Option<String>, Query),
        ("orderBy" = Option<String>, Query), ("property" = Option<Vec<String>>, Query)),
    responses((status = 200, description = "Datasets, then batches, keyed by their paths", body = Object)))]
pub async fn list_everything(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    let terms = params.all("property");
    let how = of_list(&params)?;
    let mut found = Map::new();
    let mut skipped = 0;
    for resource in [Resource::Dataset, Resource::Batch] {
        let rest = super::Page { start: how.start - skipped, limit: how.limit - found.len(), ..how.clone() };
        if rest.limit == 0 {
            break;
        }
        let (page, skip) = keyed(&app, &caller, resource, &terms, rest).await?;
        skipped += skip;
        found.extend(page.into_iter().map(|(id, body)| (format!("@/{}/{id}", resource.name()), body)));
    }
    Ok(json(StatusCode::OK, &Value::Object(found)))
}
