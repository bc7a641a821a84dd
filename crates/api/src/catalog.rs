//! Catalog (platform.md §4): datasets, and the batches that runs add to them. Lists are objects keyed by id.

pub mod views;

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
        ("orderBy" = Option<String>, Query), ("name" = Option<String>, Query), ("state" = Option<String>, Query), ("schemaRef.id" = Option<String>, Query),
        ("createdAfter" = Option<i64>, Query), ("createdBefore" = Option<i64>, Query), ("updatedAfter" = Option<i64>, Query), ("updatedBefore" = Option<i64>, Query),
        ("tags" = Option<String>, Query, description = "`name:value,other:*`"), ("property" = Option<Vec<String>>, Query)),
    responses((status = 200, description = "The datasets, keyed by id", body = Object)))]
pub async fn list_data_sets(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    let mut terms = params.all("property");
    for name in
        ["name", "description", "state", "version", "createdClient", "createdUser", "updatedUser", "schemaRef.id"]
    {
        if let Some(value) = params.one(name)? {
            terms.push(equals(name, value)?);
        }
    }
    times(&params, &mut terms)?;
    let (found, _) = keyed(&app, &caller, Resource::Dataset, &terms, of_list(&params)?).await?;
    Ok(json(StatusCode::OK, &Value::Object(found)))
}

/// `GET /dataSets/{id}`: an object with one key.
#[utoipa::path(get, path = "/dataSets/{id}", tag = "Catalog", params(("id" = String, Path), ("properties" = Option<String>, Query)),
    responses((status = 200, description = "The dataset, under its id"), (status = 404, description = "Not found")))]
pub async fn get_data_set(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let how = of_list(&params)?;
    let document = caller.get(&app, Resource::Dataset, &id).await?;
    Ok(json(StatusCode::OK, &json!({ id: how.projected(document.body) })))
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
    let change = |old: &Value| match &body {
        Value::Array(_) => patch::apply(old, &patch::parse(&body)?),
        Value::Object(_) => {
            let mut new = old.clone();
            patch::merge(&mut new, &body);
            Ok(new)
        }
        _ => Err(bad("the body must be an object to merge or an array of patch operations")),
    };
    Ok(rewrite(&app, &caller, &id, &if_match, change).await?)
}

/// `PATCH /v2/dataSets/{id}`: as `PATCH /dataSets/{id}`; objects on the way to a nested member are made.
#[utoipa::path(patch, path = "/v2/dataSets/{id}", tag = "Catalog", request_body = Object, params(("id" = String, Path)),
    responses((status = 200, description = "`[\"@/dataSets/{id}\"]`", body = Vec<String>), (status = 404, description = "Not found")))]
pub async fn patch_data_set_v2(
    app: State<App>,
    caller: Caller,
    id: Path<String>,
    if_match: crate::writing::IfMatch,
    body: Body,
) -> Result<Response, Problem> {
    patch_data_set(app, caller, id, if_match, body).await
}

/// `PUT /dataSets/{id}`: other values for everything that a caller may change; what is left out goes back to none.
#[utoipa::path(put, path = "/dataSets/{id}", tag = "Catalog", request_body = Object, params(("id" = String, Path)),
    responses((status = 200, description = "`[\"@/dataSets/{id}\"]`", body = Vec<String>), (status = 404, description = "Not found")))]
pub async fn put_data_set(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: crate::writing::IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    let body = object(body, "the dataset")?;
    let change = |old: &Value| {
        let mut new = old.clone();
        for name in CHANGEABLE.iter().filter(|name| **name != "name") {
            new[*name] = match *name {
                "description" => json!(""),
                "state" | "fileDescription" => old[*name].clone(),
                "enableErrorDiagnostics" => Value::Null,
                _ => json!({}),
            };
        }
        for (name, value) in &body {
            new[name.as_str()] = value.clone();
        }
        if let Value::Object(members) = &mut new {
            members.retain(|name, value| !(value.is_null() && old.get(name).is_none_or(Value::is_null)));
        }
        // The table's name stays whether it is sent or not.
        if new["tags"].is_object() && new["tags"]["adobe/pqs/table"].is_null() {
            new["tags"]["adobe/pqs/table"] = old["tags"]["adobe/pqs/table"].clone();
        }
        Ok(new)
    };
    Ok(rewrite(&app, &caller, &id, &if_match, change).await?)
}

/// Stores a changed dataset, from its newest version.
async fn rewrite(
    app: &App,
    caller: &Caller,
    id: &str,
    if_match: &crate::writing::IfMatch,
    change: impl Fn(&Value) -> Result<Value>,
) -> Result<Response> {
    for _ in 0..TRIES {
        let old = caller.get(app, Resource::Dataset, id).await?;
        if let Some(sent) = if_match.optional() {
            check_version(sent, &old)?;
        }
        let mut new = change(&old.body)?;
        only_changeable(&old.body, &new)?;
        new["updated"] = json!(app.now().timestamp_millis());
        new["updatedUser"] = json!(caller.member.account);
        let change = move |_: &Document, secrets: &Secrets| Ok((new, secrets.clone()));
        let etag = Some(old.etag.as_str());
        match app.store.update(&caller.scope, Resource::Dataset, id, etag, app.now(), change).await {
            Ok(_) => return Ok(json(StatusCode::OK, &json!([format!("@/dataSets/{id}")]))),
            Err(error) if error.kind == Kind::Stale => {}
            Err(error) => return Err(error),
        }
    }
    Err(too_busy(Resource::Dataset, id))
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
        ("createdAfter" = Option<i64>, Query), ("createdBefore" = Option<i64>, Query), ("startAfter" = Option<i64>, Query), ("startBefore" = Option<i64>, Query),
        ("endAfter" = Option<i64>, Query), ("endBefore" = Option<i64>, Query), ("batch" = Option<String>, Query), ("tags" = Option<String>, Query),
        ("properties" = Option<String>, Query), ("orderBy" = Option<String>, Query), ("property" = Option<Vec<String>>, Query)),
    responses((status = 200, description = "The batches, keyed by id", body = Object)))]
pub async fn list_batches(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    let mut terms = params.all("property");
    if let Some(dataset) = params.one("dataSet")? {
        terms.push(equals("relatedObjects[].id", dataset)?);
    }
    for (name, path) in
        [("status", "status"), ("batch", "id"), ("createdClient", "createdClient"), ("createdUser", "createdUser")]
    {
        if let Some(value) = params.one(name)? {
            terms.push(equals(path, value)?);
        }
    }
    times(&params, &mut terms)?;
    let (found, _) = keyed(&app, &caller, Resource::Batch, &terms, of_list(&params)?).await?;
    Ok(json(StatusCode::OK, &Value::Object(found)))
}

/// Bounds of times, in epoch milliseconds.
fn times(params: &Params, terms: &mut Vec<String>) -> Result<()> {
    for (name, term) in [
        ("created", "created=="),
        ("updated", "updated=="),
        ("createdAfter", "created>="),
        ("createdBefore", "created<"),
        ("updatedAfter", "updated>="),
        ("updatedBefore", "updated<"),
        ("startAfter", "started>="),
        ("startBefore", "started<"),
        ("endAfter", "completed>="),
        ("endBefore", "completed<"),
    ] {
        if let Some(time) = params.number(name, 0, usize::MAX)? {
            terms.push(format!("{term}{time}"));
        }
    }
    Ok(())
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

/// How a list is asked for.
#[derive(Clone)]
struct Page {
    start: usize,
    limit: usize,
    order: Vec<filter::SortKey>,
    /// Paths of members that are wanted; none for all.
    properties: Option<Vec<String>>,
    /// Tags that are wanted, and their values; none for any.
    tags: Vec<(String, Option<String>)>,
}

fn of_list(params: &Params) -> Result<Page> {
    let mut tags = Vec::new();
    for tag in params.one("tags")?.into_iter().flat_map(|text| text.split(',')) {
        let (name, value) = tag.trim().split_once(':').unwrap_or((tag.trim(), "*"));
        tags.push((name.to_string(), (value != "*").then(|| value.to_string())));
    }
    Ok(Page {
        limit: params.number("limit", 1, MAX_LIMIT)?.unwrap_or(LIMIT),
        start: params.number("start", 0, MAX_START)?.unwrap_or(0),
        order: params.one("orderBy")?.map(order).transpose()?.unwrap_or_default(),
        properties: params.one("properties")?.map(|text| text.split(',').map(|name| name.trim().to_string()).collect()),
        tags,
    })
}

impl Page {
    fn has_tags(&self, body: &Value) -> bool {
        let is = |there: &Value, wanted: &str| {
            let said = there.as_str().map_or_else(|| there.to_string(), str::to_string);
            said == wanted
        };
        self.tags.iter().all(|(name, wanted)| match (&body["tags"][name], wanted) {
            (Value::Null, _) => false,
            (_, None) => true,
            (Value::Array(all), Some(wanted)) => all.iter().any(|value| is(value, wanted)),
            (value, Some(wanted)) => is(value, wanted),
        })
    }

    /// The wanted members alone.
    fn projected(&self, body: Value) -> Value {
        let Some(wanted) = &self.properties else { return body };
        let mut out = json!({});
        for path in wanted {
            // A member whose own name has dots in it comes first.
            let names: Vec<&str> = if body.get(path).is_some() { vec![path] } else { path.split('.').collect() };
            let Some(value) = names.iter().try_fold(&body, |at, name| at.get(name)) else { continue };
            let mut at = &mut out;
            for name in &names {
                if !at.is_object() {
                    *at = json!({});
                }
                at = &mut at[*name];
            }
            *at = value.clone();
        }
        out
    }
}

/// A page of documents, keyed by id, and how many were skipped before it.
async fn keyed(
    app: &App,
    caller: &Caller,
    resource: Resource,
    terms: &[String],
    how: Page,
) -> Result<(Map<String, Value>, usize)> {
    let mut list = List { query: filter::parse(terms)?, order: how.order.clone(), limit: MAX_LIMIT, after: None };
    let mut skipped = 0;
    let mut found = Map::new();
    loop {
        let page = app.store.list(&caller.scope, resource, &list).await?;
        for document in page.documents {
            let body = document.body;
            if !how.has_tags(&body) {
                continue;
            }
            if skipped < how.start {
                skipped += 1;
                continue;
            }
            if found.len() == how.limit {
                break;
            }
            found.insert(document.id, how.projected(body));
        }
        match page.next {
            Some(token) if found.len() < how.limit => list.after = Some(token),
            _ => return Ok((found, skipped)),
        }
    }
}

/// `desc:created,asc:name` as the model's order; a key without a direction has that of the one before it.
fn order(text: &str) -> Result<Vec<filter::SortKey>> {
    let mut keys = Vec::new();
    let mut backwards = false;
    for key in text.split(',').map(str::trim) {
        let name = match key.split_once(':') {
            Some((direction @ ("asc" | "desc"), name)) => {
                backwards = direction == "desc";
                name
            }
            Some((direction, _)) => {
                return Err(bad(format!("orderBy sorts by asc: or desc:, not by {direction:?}")));
            }
            None => key,
        };
        keys.push(format!("{}{name}", if backwards { "-" } else { "" }));
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
        patch::merge(&mut target, &json!({ "a": null, "b": { "c": 4 }, "e": [1] }));
        assert_eq!(target, json!({ "b": { "c": 4, "d": 3 }, "e": [1] }));
    }
}
