//! Look-ups and lists of Flow Service: the envelopes (FS-ENV-1 to FS-ENV-5) over the query language of the model.

use crate::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::writing::json;
use axum::response::Response;
use forebay_model::error::Kind;
use forebay_model::filter::{self, Query};
use forebay_model::{Document, Error, Resource, Result, code};
use forebay_store::List;
use http::StatusCode;
use serde_json::{Value, json};

/// Entities of a page that does not say.
const LIMIT: usize = 100;
/// Entities of a page at most.
const MAX_LIMIT: usize = 1000;
/// Bytes of all filters together.
const MAX_FILTER: usize = 2048;
/// `property` parameters of one request.
const MAX_TERMS: usize = 10;

/// One entity, in an array (FS-ENV-1).
pub fn item(entity: &Value) -> Response {
    json(StatusCode::OK, &json!({ "items": [entity] }))
}

/// A page of the documents of a kind, or their number. `base` is where the next page is asked for, and `fixed` are
/// conditions that the caller did not write.
pub async fn list(
    app: &App,
    caller: &Caller,
    resource: Resource,
    base: &str,
    fixed: &[String],
    params: &Params,
) -> Result<Response> {
    let mut properties = properties(params)?;
    properties.extend_from_slice(fixed);
    if resource == Resource::Connection {
        refuse_secrets(&properties, params)?;
    }
    let query = filter::parse(&properties)?;
    let limit = params.number("limit", 1, MAX_LIMIT)?;
    if params.flag("count")? {
        if limit.is_some() {
            return Err(Error::new(Kind::Invalid, &code::FLOW_1401, "limit and count=true exclude each other"));
        }
        let count = app.store.count(&caller.scope, resource, &query).await?;
        return Ok(json(StatusCode::OK, &json!({ "count": count })));
    }
    let order = match params.one("orderby")? {
        Some(text) => filter::parse_order(text)?,
        None => Vec::new(),
    };
    let after = params.one("continuationToken")?.map(str::to_string);
    let list = List { query, order, limit: limit.unwrap_or(LIMIT), after };
    let page = app.store.list(&caller.scope, resource, &list).await?;
    let items: Vec<Value> = page.documents.into_iter().map(|d| page.query.project(d.body)).collect();
    let links = match page.next {
        // The token comes first and alone: one client takes whatever follows the first `=` (FS-ENV-3).
        Some(token) => json!({ "next": { "href": format!("{base}?continuationToken={token}") } }),
        None => json!({}),
    };
    Ok(json(StatusCode::OK, &json!({ "items": items, "_links": links })))
}

/// All of a short list that is not paged (FS §6.1): specs.
pub fn all(specs: &[Value], params: &Params) -> Result<Response> {
    let query = filter::parse(&properties(params)?)?;
    let items: Vec<Value> = specs.iter().filter(|s| query.matches(s)).map(|s| query.project(s.clone())).collect();
    if params.flag("count")? {
        return Ok(json(StatusCode::OK, &json!({ "count": items.len() })));
    }
    Ok(json(StatusCode::OK, &json!({ "items": items, "_links": {} })))
}

fn properties(params: &Params) -> Result<Vec<String>> {
    let properties = params.all("property");
    if properties.len() > MAX_TERMS || properties.iter().map(String::len).sum::<usize>() > MAX_FILTER {
        return Err(Error::new(
            Kind::Invalid,
            &code::FLOW_1451,
            format!("at most {MAX_TERMS} property parameters of {MAX_FILTER} characters together are accepted"),
        ));
    }
    Ok(properties)
}

/// A filter or an order must not become a way to ask about a secret, not even about its mask.
fn refuse_secrets(properties: &[String], params: &Params) -> Result<()> {
    let order = params.one("orderby")?.unwrap_or_default();
    let asked = properties.iter().map(String::as_str).chain([order]).map(|text| text.replace([' ', '[', ']'], ""));
    for text in asked {
        let Some(at) = text.find("auth.params.") else { continue };
        let name: String =
            text[at + "auth.params.".len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if crate::secrets::may_be_secret(&name) {
            let message = format!("auth.params.{name} is a secret: it can be neither compared nor sorted by");
            return Err(Error::new(Kind::Invalid, &code::FLOW_1448, message));
        }
    }
    Ok(())
}

/// Every document that satisfies the conditions, page by page: for checks of ours, not for answers.
pub async fn every(app: &App, caller: &Caller, resource: Resource, properties: &[String]) -> Result<Vec<Document>> {
    let query: Query = filter::parse(properties)?;
    let mut list = List { query, order: Vec::new(), limit: MAX_LIMIT, after: None };
    let mut documents = Vec::new();
    loop {
        let page = app.store.list(&caller.scope, resource, &list).await?;
        documents.extend(page.documents);
        match page.next {
            Some(token) => list.after = Some(token),
            None => return Ok(documents),
        }
    }
}
