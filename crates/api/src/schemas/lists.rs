//! Lists of the registry (platform.md §3.2): filtered, ordered, and cut into pages.

use super::Place;
use super::accept::{Accept, Listed};
use super::unions;
use crate::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::writing::json;
use crate::xdm::Registry;
use axum::response::Response;
use forebay_model::{Result, Time, filter, xdm};
use http::StatusCode;
use serde_json::{Value, json};
use std::cmp::Ordering;

/// Resources of a list at most (P-10).
const MAX_LIMIT: usize = 500;
/// Resources of a page that does not say.
const LIMIT: usize = 300;
/// Resources that `start` may skip.
const MAX_START: usize = 100_000;

/// The resources of a kind.
pub async fn list(
    app: &App,
    caller: &Caller,
    container: &str,
    kind: &str,
    params: &Params,
    accept: &Accept,
) -> Result<Response> {
    let kind = Place::of(container, kind)?;
    let shape = accept.list()?;
    let found: Vec<(Value, Time)> = match kind.global {
        true => xdm::globals(kind.kind).iter().map(|body| (body.clone(), Time::UNIX_EPOCH)).collect(),
        false => {
            let registry = Registry::open(app, caller).await?;
            if kind.kind == unions::KIND {
                let unions = unions::all(&registry, caller).into_iter().map(|union| (union, app.now())).collect();
                let path = format!("{container}/{}", kind.kind);
                let body = page(app, params, unions, &path, |body| listed(body, shape))?;
                return Ok(json(StatusCode::OK, &body));
            }
            let ours = registry.documents.into_iter().filter(|d| d.text("/meta:resourceType") == Some(kind.kind));
            ours.map(|document| (document.body, document.updated)).collect()
        }
    };
    let mut body = page(app, params, found, &format!("{container}/{}", kind.kind), |body| listed(body, shape))?;
    if !kind.global {
        let global = app.link(&format!("/data/foundation/schemaregistry/global/{}", kind.kind));
        body["_links"][format!("global_{}", kind.kind)] = json!({ "href": global });
    }
    Ok(json(StatusCode::OK, &body))
}

/// One page of what was found, each resource as `show` shows it. `path` is where the next page is asked for.
pub fn page(
    app: &App,
    params: &Params,
    found: Vec<(Value, Time)>,
    path: &str,
    show: impl Fn(&Value) -> Value,
) -> Result<Value> {
    let (found, order) = ordered(params, found)?;
    let limit = params.number("limit", 1, MAX_LIMIT)?.unwrap_or(LIMIT);
    let start = params.number("start", 0, MAX_START)?.unwrap_or(0);
    let page: Vec<Value> = found.iter().skip(start).take(limit).map(show).collect();
    let next = (start + limit < found.len()).then(|| (start + limit).to_string());
    let link = next.as_ref().map(|next| {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("start", next).append_pair("limit", &limit.to_string()).append_pair("orderby", &order);
        // The next page is one of the same list: the filters go with it.
        for property in params.all("property") {
            query.append_pair("property", &property);
        }
        json!({ "href": app.link(&format!("/data/foundation/schemaregistry/{path}?{}", query.finish())) })
    });
    Ok(json!({
        "results": page,
        "_page": { "orderby": order, "next": next, "count": page.len() },
        "_links": { "next": link },
    }))
}

/// What of it the caller's filter leaves, in the caller's order, and that order's name.
pub fn ordered(params: &Params, mut found: Vec<(Value, Time)>) -> Result<(Vec<Value>, String)> {
    let query = filter::parse(&params.all("property"))?;
    found.retain(|(body, _)| query.matches(body));
    let order = params.one("orderby")?.unwrap_or("updated").trim().to_string();
    sort(&mut found, &order);
    Ok((found.into_iter().map(|(body, _)| body).collect(), order))
}

/// By `title` or another member, or by when they changed.
fn sort(found: &mut [(Value, Time)], order: &str) {
    let (name, backwards) = match order.strip_prefix('-') {
        Some(name) => (name, true),
        None => (order.trim_start_matches('+'), false),
    };
    found.sort_by(|(a, changed_a), (b, changed_b)| {
        let ordering = match name {
            "updated" | "created" => changed_a.cmp(changed_b),
            _ => match (a[name].as_str(), b[name].as_str()) {
                (Some(a), Some(b)) => a.cmp(b),
                (a, b) => b.is_some().cmp(&a.is_some()),
            },
        };
        let ordering = if backwards { ordering.reverse() } else { ordering };
        match ordering {
            Ordering::Equal => id(a).cmp(&id(b)),
            other => other,
        }
    });
}

/// A resource's own id; a descriptor's has another name.
fn id(body: &Value) -> Option<&str> {
    body["$id"].as_str().or_else(|| body["@id"].as_str())
}

fn listed(body: &Value, shape: Listed) -> Value {
    match shape {
        Listed::Ids => brief(body),
        Listed::Whole => body.clone(),
    }
}

/// A resource in short.
pub fn brief(body: &Value) -> Value {
    json!({ "title": body["title"], "$id": body["$id"], "meta:altId": body["meta:altId"], "version": body["version"] })
}
