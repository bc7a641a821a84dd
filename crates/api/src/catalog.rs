//! Catalog (platform.md §4): datasets, and the batches that runs add to them. Lists are objects keyed by id.

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::listing;
use crate::params::Params;
use crate::problem::{Problem, bad};
use crate::writing::{TRIES, check_version, json, object, too_busy};
use crate::xdm::Registry;
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::filter;
use forebay_model::{Document, Error, Resource, Result, code, patch};
use forebay_store::{List, New, Secrets};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// Entries of a page at most (P-10), and of one that does not say.
const MAX_LIMIT: usize = 100;
const LIMIT: usize = 20;
/// Entries that `start` may skip.
const MAX_START: usize = 100_000;
/// Members of a dataset that a caller may change.
const CHANGEABLE: &[&str] =
    &["name", "description", "tags", "fileDescription", "extensions", "dule", "state", "enableErrorDiagnostics"];

/// `POST /dataSets`: writes nothing to the lake; the first commit creates the table.
#[utoipa::path(post, path = "/dataSets", tag = "Catalog", request_body = Object, params(("requestDataSource" = Option<bool>, Query)),
    responses((status = 201, description = "`[\"@/dataSets/{id}\"]`"), (status = 400, description = "No such schema")))]
pub async fn create_data_set(State(app): State<App>, caller: Caller, Body(body): Body) -> Result<Response, Problem> {
    let body = object(body, "the dataset")?;
    let name = match body.get("name") {
        Some(Value::String(name)) if !name.trim().is_empty() => name.clone(),
        _ => return Err(bad("name is missing").at(Place::pointer("/name")).into()),
    };
    let schema = body.get("schemaRef").and_then(|schema| schema["id"].as_str()).unwrap_or_default();
    let at = || Place::pointer("/schemaRef/id");
    if schema.is_empty() {
        return Err(bad("schemaRef.id is missing").at(at()).into());
    }
    let registry = Registry::open(&app, &caller).await?;
    let found = registry.find(schema).filter(|found| found["meta:resourceType"] == "schemas");
    let Some(found) = found else {
        return Err(bad(format!("schemaRef.id names the schema {schema}, which does not exist")).at(at()).into());
    };
    let own = found["$id"].as_str().unwrap_or(schema).to_string();
    // A schema whose fields cannot be made one cannot be a table.
    registry.tree(&own)?;
    let id = app.hex(24);
    let now = app.now();
    let mut value = data_set(&app, &caller, &body, &id, &name, &own).await?;
    let extends = found["meta:extends"].as_array();
    if extends.is_some_and(|extends| extends.iter().any(|id| id == "https://ns.adobe.com/xdm/data/time-series")) {
        value["classification"]["dataBehavior"] = json!("time-series");
    }
    let mut new = New::new(Resource::Dataset, id.clone(), value);
    new.stamp = false;
    app.store.insert(&caller.scope, new, now).await?;
    let mut response = json(StatusCode::CREATED, &json!([format!("@/dataSets/{id}")]));
    if let Ok(link) = HeaderValue::from_str(&app.link(&format!("/data/foundation/catalog/dataSets/{id}"))) {
        response.headers_mut().insert(header::LOCATION, link);
    }
    Ok(response)
}

/// A dataset's value.
async fn data_set(
    app: &App,
    caller: &Caller,
    body: &Map<String, Value>,
    id: &str,
    name: &str,
    schema: &str,
) -> Result<Value> {
    let now = app.now().timestamp_millis();
    let mut table = table_name(name);
    let all = listing::every(app, caller, Resource::Dataset, &[]).await?;
    if all.iter().any(|other| other.body["tags"]["adobe/pqs/table"][0] == table) {
        table = format!("{table}_{}", &id[..8]);
    }
    let mut tags = match body.get("tags") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(tags)) => tags.clone(),
        Some(_) => return Err(bad("tags must be an object").at(Place::pointer("/tags"))),
    };
    tags.insert("adobe/pqs/table".into(), json!([table]));
    let content = body["schemaRef"]["contentType"].as_str().unwrap_or("application/vnd.adobe.xed+json;version=1");
    Ok(json!({
        "name": name,
        "description": body.get("description").cloned().unwrap_or(json!("")),
        "imsOrg": caller.member.org,
        "sandboxId": caller.scope.sandbox,
        "created": now,
        "updated": now,
        "createdClient": caller.member.client,
        "createdUser": caller.member.account,
        "updatedUser": caller.member.account,
        "version": "1.0.0",
        "schemaRef": { "id": schema, "contentType": content },
        "classification": { "dataBehavior": "record", "managedBy": "CUSTOMER" },
        "fileDescription": { "persisted": true, "containerFormat": "parquet", "format": "parquet" },
        "files": format!("@/dataSets/{id}/views/{id}/files"),
        "viewId": id,
        "dule": {},
        "tags": tags,
        "statsCache": {},
        "extensions": {},
        "state": "DRAFT",
    }))
}

/// A dataset's name as SQL writes it.
fn table_name(name: &str) -> String {
    let mut table = String::new();
    for c in name.to_lowercase().chars() {
        match c {
            'a'..='z' | '0'..='9' => table.push(c),
            _ if table.ends_with('_') => {}
            _ => table.push('_'),
        }
    }
    let table = table.trim_matches('_');
    match table.chars().next() {
        None => "dataset".into(),
        Some('0'..='9') => format!("_{table}"),
        Some(_) => table.chars().take(100).collect(),
    }
}

/// `GET /dataSets`: an object keyed by id.
#[utoipa::path(get, path = "/dataSets", tag = "Catalog",
    params(("limit" = Option<i64>, Query), ("start" = Option<i64>, Query), ("properties" = Option<String>, Query),
        ("orderBy" = Option<String>, Query), ("name" = Option<String>, Query), ("property" = Option<Vec<String>>, Query)),
    responses((status = 200, description = "The datasets, keyed by id")))]
pub async fn list_data_sets(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    let mut terms = params.all("property");
    for name in ["name", "state"] {
        if let Some(value) = params.one(name)? {
            terms.push(equals(name, value)?);
        }
    }
    Ok(keyed(&app, &caller, Resource::Dataset, &terms, &params).await?)
}

/// `GET /dataSets/{id}`: an object with one key.
#[utoipa::path(get, path = "/dataSets/{id}", tag = "Catalog", params(("id" = String, Path)),
    responses((status = 200, description = "The dataset, under its id"), (status = 404, description = "Not found")))]
pub async fn get_data_set(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let document = caller.get(&app, Resource::Dataset, &id).await?;
    Ok(json(StatusCode::OK, &json!({ id: document.body })))
}

/// `PATCH /dataSets/{id}`: JSON Patch if the body is an array, else a merge (P-11).
#[utoipa::path(patch, path = "/dataSets/{id}", tag = "Catalog", request_body = Object, params(("id" = String, Path)),
    responses((status = 200, description = "`[\"@/dataSets/{id}\"]`"), (status = 404, description = "Not found")))]
pub async fn patch_data_set(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: crate::writing::IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    for _ in 0..TRIES {
        let old = caller.get(&app, Resource::Dataset, &id).await?;
        if let Some(sent) = if_match.optional() {
            check_version(sent, &old)?;
        }
        let mut new = match &body {
            Value::Array(_) => patch::apply(&old.body, &patch::parse(&body)?)?,
            Value::Object(_) => {
                let mut new = old.body.clone();
                merge(&mut new, &body);
                new
            }
            _ => {
                return Err(bad("the body must be an object to merge or an array of patch operations").into());
            }
        };
        only_changeable(&old.body, &new)?;
        new["updated"] = json!(app.now().timestamp_millis());
        new["updatedUser"] = json!(caller.member.account);
        let change = move |_: &Document, secrets: &Secrets| Ok((new, secrets.clone()));
        let etag = Some(old.etag.as_str());
        match app.store.update(&caller.scope, Resource::Dataset, &id, etag, app.now(), change).await {
            Ok(_) => return Ok(json(StatusCode::OK, &json!([format!("@/dataSets/{id}")]))),
            Err(error) if error.kind == Kind::Stale => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(too_busy(Resource::Dataset, &id).into())
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in members {
        match value {
            Value::Null => {
                target.as_object_mut().expect("made an object above").remove(name);
            }
            value => merge(&mut target[name.as_str()], value),
        }
    }
}

fn only_changeable(old: &Value, new: &Value) -> Result<()> {
    let none = Map::new();
    let (old, new) = (old.as_object().unwrap_or(&none), new.as_object().unwrap_or(&none));
    let touched = old
        .keys()
        .chain(new.keys())
        .find(|name| old.get(*name) != new.get(*name) && !CHANGEABLE.contains(&name.as_str()));
    if let Some(name) = touched {
        return Err(bad(format!("{name} cannot be changed")).at(Place::pointer(format!("/{name}"))));
    }
    let table = |body: &Map<String, Value>| body.get("tags").map(|tags| tags["adobe/pqs/table"].clone());
    if table(old) != table(new) {
        return Err(bad("tags[\"adobe/pqs/table\"] cannot be changed").at(Place::pointer("/tags")));
    }
    match new.get("name") {
        Some(Value::String(name)) if !name.trim().is_empty() => Ok(()),
        _ => Err(bad("name must be a text that is not blank").at(Place::pointer("/name"))),
    }
}

/// `DELETE /dataSets/{id}`: refused while flows write to it. The store notes its folder to be removed.
#[utoipa::path(delete, path = "/dataSets/{id}", tag = "Catalog", params(("id" = String, Path)),
    responses((status = 200, description = "`[\"@/dataSets/{id}\"]`"), (status = 409, description = "Flows write to it")))]
pub async fn delete_data_set(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    caller.get(&app, Resource::Dataset, &id).await?;
    let targets = [equals("params.dataSetId", &id)?];
    for target in listing::every(&app, &caller, Resource::TargetConnection, &targets).await? {
        let used = filter::parse(&[format!("targetConnectionIds[]==\"{}\"", target.id)])?;
        if app.store.count(&caller.scope, Resource::Flow, &used).await? > 0 {
            let message = format!("flows write to the dataset {id} through the target connection {}", target.id);
            return Err(Error::new(Kind::Conflict, &code::HTTP_409, message).advice("Delete the flows first.").into());
        }
    }
    crate::ingestion::idle(&app, &caller, &id).await?;
    app.store.delete(&caller.scope, Resource::Dataset, &id, None, app.now()).await?;
    Ok(json(StatusCode::OK, &json!([format!("@/dataSets/{id}")])))
}

/// `GET /batches`: an object keyed by id.
#[utoipa::path(get, path = "/batches", tag = "Catalog",
    params(("limit" = Option<i64>, Query), ("start" = Option<i64>, Query), ("dataSet" = Option<String>, Query), ("status" = Option<String>, Query),
        ("createdAfter" = Option<i64>, Query), ("createdBefore" = Option<i64>, Query), ("orderBy" = Option<String>, Query)),
    responses((status = 200, description = "The batches, keyed by id")))]
pub async fn list_batches(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    let mut terms = params.all("property");
    if let Some(dataset) = params.one("dataSet")? {
        terms.push(equals("relatedObjects[].id", dataset)?);
    }
    if let Some(status) = params.one("status")? {
        terms.push(equals("status", status)?);
    }
    for (name, op) in [("createdAfter", ">="), ("createdBefore", "<")] {
        if let Some(time) = params.number(name, 0, usize::MAX)? {
            terms.push(format!("created{op}{time}"));
        }
    }
    Ok(keyed(&app, &caller, Resource::Batch, &terms, &params).await?)
}

/// `GET /batches/{id}`: an object with one key.
#[utoipa::path(get, path = "/batches/{id}", tag = "Catalog", params(("id" = String, Path)),
    responses((status = 200, description = "The batch, under its id"), (status = 404, description = "Not found")))]
pub async fn get_batch(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let document = caller.get(&app, Resource::Batch, &id).await?;
    Ok(json(StatusCode::OK, &json!({ id: document.body })))
}

/// A filter term for one value.
fn equals(path: &str, value: &str) -> Result<String> {
    if value.contains('"') {
        return Err(bad(format!("{value:?} is not a value of {path}")));
    }
    Ok(format!("{path}==\"{value}\""))
}

/// A page of documents, keyed by id.
async fn keyed(app: &App, caller: &Caller, resource: Resource, terms: &[String], params: &Params) -> Result<Response> {
    let limit = params.number("limit", 1, MAX_LIMIT)?.unwrap_or(LIMIT);
    let start = params.number("start", 0, MAX_START)?.unwrap_or(0);
    let order = match params.one("orderBy")? {
        Some(text) => order(text)?,
        None => Vec::new(),
    };
    let wanted: Option<Vec<&str>> = params.one("properties")?.map(|text| text.split(',').map(str::trim).collect());
    let mut list = List { query: filter::parse(terms)?, order, limit: MAX_LIMIT, after: None };
    let mut skip = start;
    let mut found = Map::new();
    loop {
        let page = app.store.list(&caller.scope, resource, &list).await?;
        for document in page.documents {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            if found.len() == limit {
                break;
            }
            let mut body = document.body;
            if let (Some(wanted), Value::Object(members)) = (&wanted, &mut body) {
                members.retain(|name, _| wanted.contains(&name.as_str()));
            }
            found.insert(document.id, body);
        }
        match page.next {
            Some(token) if found.len() < limit => list.after = Some(token),
            _ => return Ok(json(StatusCode::OK, &Value::Object(found))),
        }
    }
}

/// `desc:created,asc:name` as the model's order.
fn order(text: &str) -> Result<Vec<filter::SortKey>> {
    let mut keys = Vec::new();
    for key in text.split(',').map(str::trim) {
        keys.push(match key.split_once(':') {
            Some(("desc", name)) => format!("-{name}"),
            Some(("asc", name)) => name.to_string(),
            Some((direction, _)) => {
                return Err(bad(format!("orderBy sorts by asc: or desc:, not by {direction:?}")));
            }
            None => key.to_string(),
        });
    }
    filter::parse_order(&keys.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_table_name() {
        for (name, table) in
            [("My People (EU)", "my_people_eu"), ("2024 sales", "_2024_sales"), ("파섹", "dataset"), ("a--b", "a_b")]
        {
            assert_eq!(table_name(name), table);
        }
    }

    #[test]
    fn a_merge_removes_nulls_and_keeps_the_rest() {
        let mut target = json!({ "a": 1, "b": { "c": 2, "d": 3 } });
        merge(&mut target, &json!({ "a": null, "b": { "c": 4 }, "e": [1] }));
        assert_eq!(target, json!({ "b": { "c": 4, "d": 3 }, "e": [1] }));
    }
}
