//! Look-ups, lists and searches of Flow Service: the envelopes (FS-ENV-1 to FS-ENV-5) over the query language of the
//! model. A list is asked by query parameters, a search by a body; both become one [`Asked`].

use crate::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::invalid;
use crate::registry::CONNECTION_SPECS;
use crate::rights::Right;
use crate::writing::json;
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::filter::{self, Query, SortKey};
use forebay_model::{Document, Error, Resource, Result, Scope, code};
use forebay_store::List;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::borrow::Cow;

/// Entities of a page that does not say.
const LIMIT: usize = 100;
/// Entities of a page at most.
const MAX_LIMIT: usize = 1000;
/// Bytes of all filters together.
const MAX_FILTER: usize = 2048;
/// `property` parameters of one request.
const MAX_TERMS: usize = 10;
/// Sandboxes of one search.
const MAX_SANDBOXES: usize = 50;

/// Members of every stored entity that have an order (FS-Q-9).
const SORTABLE: &[&str] = &[
    "id",
    "name",
    "description",
    "state",
    "createdAt",
    "updatedAt",
    "createdBy",
    "updatedBy",
    "createdClient",
    "updatedClient",
    "sandboxId",
    "sandboxName",
    "imsOrgId",
    "version",
    "etag",
    "providerId",
    "providerRefId",
];

/// What is asked of a list.
#[derive(Debug)]
pub struct Asked {
    query: Query,
    order: Vec<SortKey>,
    limit: Option<usize>,
    count: bool,
    after: Option<String>,
}

impl Asked {
    /// By query parameters: `property`, `orderby`, `limit`, `count`, `continuationToken`. `fixed` are conditions that the
    /// caller did not write.
    pub fn of_list(params: &Params, fixed: &[String]) -> Result<Asked> {
        let mut properties = properties(params)?;
        properties.extend_from_slice(fixed);
        let asked = Asked {
            query: filter::parse(&properties)?,
            order: params.one("orderby")?.map(filter::parse_order).transpose()?.unwrap_or_default(),
            limit: params.number("limit", 1, MAX_LIMIT)?,
            count: params.flag("count")?,
            after: params.one("continuationToken")?.map(str::to_string),
        };
        asked.checked()
    }

    /// By the body of a search (FS §7.2, §6.2, §9.6): `queryString`, `orderby`, `limit`, `count`, `projectionFields`.
    pub fn of_search(body: &Value, params: &Params) -> Result<Asked> {
        if !body.is_object() {
            return Err(invalid("a search is an object with queryString, limit, orderby and count"));
        }
        let mut query = match text(body, "queryString")? {
            Some(text) => filter::parse_search(text).map_err(|error| error.at(Place::pointer("/queryString")))?,
            None => Query::default(),
        };
        if let Some(fields) = fields(body)? {
            let named = filter::parse(&[fields]).map_err(|error| error.at(Place::pointer("/projectionFields")))?;
            if !named.terms.is_empty() {
                return Err(invalid("projectionFields are names of members, joined by commas")
                    .at(Place::pointer("/projectionFields")));
            }
            query.projection.get_or_insert_default().extend(named.projection.unwrap_or_default());
        }
        let order = text(body, "orderby")?.map(filter::parse_order).transpose();
        let asked = Asked {
            query,
            order: order.map_err(|error| error.at(Place::pointer("/orderby")))?.unwrap_or_default(),
            limit: limit(body)?,
            count: flag(body, "count")?,
            after: params.one("continuationToken")?.map(str::to_string),
        };
        asked.checked()
    }

    /// FLOW-1401-400.
    fn checked(self) -> Result<Asked> {
        if self.count && self.limit.is_some() {
            return Err(Error::new(Kind::Invalid, &code::FLOW_1401, "limit and count=true exclude each other"));
        }
        Ok(self)
    }

    /// FLOW-1433-400 for a key that the entities of this kind have not, or that has no order.
    fn sorts(&self, resource: Resource) -> Result<()> {
        for key in &self.order {
            let (scalars, objects) = members(resource);
            let first = key.path[0].as_str();
            let known = match key.path.len() {
                1 => SORTABLE.contains(&first) || scalars.contains(&first),
                _ => objects.contains(&first),
            };
            if !known {
                let message = format!("'{key}' is not a member that {} can be sorted by", resource.name());
                return Err(Error::new(Kind::Invalid, &code::FLOW_1433, message));
            }
        }
        Ok(())
    }

    /// A filter or an order must not become a way to ask about a secret, not even about its mask.
    async fn refuse_secrets(&self, app: &App, caller: &Caller) -> Result<()> {
        let terms = self.query.terms.iter().map(|term| term.path.iter().map(|s| s.name.as_str()).collect::<Vec<_>>());
        let keys = self.order.iter().map(|key| key.path.iter().map(String::as_str).collect());
        let asked: Vec<Vec<&str>> = terms.chain(keys).filter(|path| path.starts_with(&["auth", "params"])).collect();
        if asked.is_empty() {
            return Ok(());
        }
        let specs = CONNECTION_SPECS.all(app, caller).await?;
        for path in asked {
            let name = path.get(2).copied().unwrap_or_default();
            if crate::secrets::may_be_secret(specs.iter().map(AsRef::as_ref), name) {
                let message = format!("auth.params.{name} is a secret: it can be neither compared nor sorted by");
                return Err(Error::new(Kind::Invalid, &code::FLOW_1448, message));
            }
        }
        Ok(())
    }
}

/// Members besides [`SORTABLE`] that an entity may be sorted by: as they are, or by something inside of them.
fn members(resource: Resource) -> (&'static [&'static str], &'static [&'static str]) {
    match resource {
        Resource::Connection => (&[], &["connectionSpec", "auth"]),
        Resource::SourceConnection | Resource::TargetConnection => {
            (&["baseConnectionId"], &["connectionSpec", "data", "params", "inheritedAttributes"])
        }
        Resource::Flow => (
            &["runs"],
            &[
                "flowSpec",
                "scheduleParams",
                "options",
                "policy",
                "inheritedAttributes",
                "lastOperation",
                "lastRunDetails",
            ],
        ),
        Resource::Run => (&["flowId"], &["flowSpec", "params", "metrics"]),
        Resource::Webhook => (&["url"], &[]),
        Resource::Delivery => (&["webhookId", "event", "flowId", "runId", "nextAttemptAt"], &[]),
        Resource::ConnectionSpec | Resource::FlowSpec => (&["type"], &["attributes"]),
        _ => (&[], &[]),
    }
}

/// One entity, in an array (FS-ENV-1).
pub fn item(entity: &Value) -> Response {
    json(StatusCode::OK, &json!({ "items": [entity] }))
}

/// A page of the documents of a kind, or their number, as query parameters ask. `base` is where the next page is asked
/// for, and `fixed` are conditions that the caller did not write.
pub async fn list(
    app: &App,
    caller: &Caller,
    resource: Resource,
    base: &str,
    fixed: &[String],
    params: &Params,
) -> Result<Response> {
    answer(app, caller, resource, base, Asked::of_list(params, fixed)?).await
}

/// A page of the caller's documents of a kind, or their number.
pub async fn answer(app: &App, caller: &Caller, resource: Resource, base: &str, asked: Asked) -> Result<Response> {
    if resource == Resource::Connection {
        asked.refuse_secrets(app, caller).await?;
    }
    answer_in(app, std::slice::from_ref(&caller.scope), resource, base, asked).await
}

/// The same, of several sandboxes, one after the other: a page has documents of one of them. The token of a page says in
/// front which one is next; what follows is the store's, which knows the sandbox that it was made for.
pub async fn answer_in(app: &App, scopes: &[Scope], resource: Resource, base: &str, asked: Asked) -> Result<Response> {
    asked.sorts(resource)?;
    if scopes.len() > 1 && !asked.order.is_empty() {
        let message = "orderby cannot be used when several sandboxes are listed at once";
        return Err(Error::new(Kind::Invalid, &code::FLOW_1424, message));
    }
    if asked.count {
        let mut count = 0;
        for scope in scopes {
            count += app.store.count(scope, resource, &asked.query).await?;
        }
        return Ok(json(StatusCode::OK, &json!({ "count": count })));
    }
    let (mut at, after) = match (&asked.after, scopes.len()) {
        (Some(token), 2..) => place(token, scopes.len())?,
        (token, _) => (0, token.clone()),
    };
    let mut list = List { query: asked.query, order: asked.order, limit: asked.limit.unwrap_or(LIMIT), after };
    loop {
        let page = app.store.list(&scopes[at], resource, &list).await?;
        let next = match page.next {
            Some(token) if scopes.len() > 1 => Some(format!("{at}.{token}")),
            Some(token) => Some(token),
            None if at + 1 < scopes.len() => Some(format!("{}.", at + 1)),
            None => None,
        };
        if page.documents.is_empty() && at + 1 < scopes.len() {
            at += 1;
            list.after = None;
            continue;
        }
        let items: Vec<Value> = page.documents.into_iter().map(|d| page.query.project(d.body)).collect();
        let links = match next {
            // The token comes first and alone: one client takes whatever follows the first `=` (FS-ENV-3).
            Some(token) => json!({ "next": { "href": format!("{base}?continuationToken={token}") } }),
            None => json!({}),
        };
        return Ok(json(StatusCode::OK, &json!({ "items": items, "_links": links })));
    }
}

/// Which of several sandboxes a token goes on in, and where there.
fn place(token: &str, sandboxes: usize) -> Result<(usize, Option<String>)> {
    let parted = token.split_once('.').and_then(|(at, token)| Some((at.parse::<usize>().ok()?, token)));
    match parted {
        Some((at, rest)) if at < sandboxes => Ok((at, Some(rest.to_string()).filter(|rest| !rest.is_empty()))),
        _ => Err(Error::new(Kind::Invalid, &code::FLOW_1451, "continuationToken is not one of this search's")),
    }
}

/// The sandboxes that `x-active-sandbox-ids` names; without it, the caller's.
pub async fn sandboxes(app: &App, caller: &Caller, headers: &HeaderMap) -> Result<Vec<Scope>> {
    let mut texts = Vec::new();
    for value in headers.get_all("x-active-sandbox-ids") {
        match value.to_str() {
            Ok(text) => texts.extend(text.split(',').map(str::trim).filter(|text| !text.is_empty())),
            Err(_) => return Err(invalid("x-active-sandbox-ids must be ids of sandboxes, joined by commas")),
        }
    }
    if texts.is_empty() {
        return Ok(vec![caller.scope.clone()]);
    }
    if texts.len() > MAX_SANDBOXES {
        return Err(invalid(format!("x-active-sandbox-ids may name at most {MAX_SANDBOXES} sandboxes")));
    }
    let known = every_in(app, &Scope::organization(&caller.scope.org), Resource::Sandbox, &[]).await?;
    let mut scopes: Vec<Scope> = Vec::new();
    for id in texts {
        let named = known.iter().find(|sandbox| sandbox.text("/id").unwrap_or(&sandbox.id) == id);
        let name = named.and_then(|sandbox| sandbox.text("/name"));
        let scope = match name {
            Some(name) => app.store.sandbox(&caller.scope.org, name).await?,
            None => None,
        };
        let Some(scope) = scope else {
            let message = format!("the organization has no sandbox with the id {id:?}");
            return Err(Error::new(Kind::NotFound, &code::FLOW_2101, message));
        };
        caller.member.must_in(Right::ReadSources, &scope.sandbox_name)?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    Ok(scopes)
}

/// All of a short list that is not paged (FS §6.1): specs.
pub fn all(specs: &[Cow<'static, Value>], params: &Params) -> Result<Response> {
    let query = filter::parse(&properties(params)?)?;
    let items: Vec<Value> =
        specs.iter().filter(|s| query.matches(s)).map(|s| query.project(s.as_ref().clone())).collect();
    if params.flag("count")? {
        return Ok(json(StatusCode::OK, &json!({ "count": items.len() })));
    }
    Ok(json(StatusCode::OK, &json!({ "items": items, "_links": {} })))
}

/// A search among specs (FS §6.2), which are not paged: `limit` cuts the list. With `groupByProperty`, specs that agree in
/// that member stand together, and `groups` says how many there are of each.
pub fn search(specs: Vec<Cow<'static, Value>>, body: &Value, params: &Params) -> Result<Response> {
    let asked = Asked::of_search(body, params)?;
    asked.sorts(Resource::FlowSpec)?;
    if asked.after.is_some() {
        return Err(Error::new(Kind::Invalid, &code::FLOW_1451, "specs are not paged: leave continuationToken out"));
    }
    let mut found: Vec<Cow<'static, Value>> = specs.into_iter().filter(|spec| asked.query.matches(spec)).collect();
    found.sort_by(|a, b| filter::compare(&asked.order, a, b));
    let mut answer = json!({});
    if let Some(by) = text(body, "groupByProperty")? {
        let key = filter::parse_order(by).map_err(|error| error.at(Place::pointer("/groupByProperty")))?;
        let mut groups: Vec<(Value, Vec<Cow<'static, Value>>)> = Vec::new();
        for spec in found {
            let value = filter::sort_values(&key, &spec).pop().unwrap_or_default();
            match groups.iter_mut().find(|(known, _)| *known == value) {
                Some((_, members)) => members.push(spec),
                None => groups.push((value, vec![spec])),
            }
        }
        let told = |(value, members): &(Value, Vec<_>)| json!({ "value": value, "count": members.len() });
        answer["groups"] = groups.iter().map(told).collect();
        found = groups.into_iter().flat_map(|(_, members)| members).collect();
    }
    if asked.count {
        answer["count"] = json!(found.len());
    } else {
        found.truncate(asked.limit.unwrap_or(MAX_LIMIT));
        answer["items"] = found.into_iter().map(|spec| asked.query.project(spec.into_owned())).collect();
        answer["_links"] = json!({});
    }
    Ok(json(StatusCode::OK, &answer))
}

/// A text of a search's body.
fn text<'a>(body: &'a Value, name: &str) -> Result<Option<&'a str>> {
    match &body[name] {
        Value::Null => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(invalid(format!("{name} must be a text")).at(Place::pointer(format!("/{name}")))),
    }
}

fn fields(body: &Value) -> Result<Option<String>> {
    let fault =
        || invalid("projectionFields must be a text or an array of texts").at(Place::pointer("/projectionFields"));
    match &body["projectionFields"] {
        Value::Array(names) if names.is_empty() => Ok(None),
        Value::Array(names) => {
            let names: Option<Vec<&str>> = names.iter().map(Value::as_str).collect();
            Ok(Some(names.ok_or_else(fault)?.join(",")))
        }
        Value::Null | Value::String(_) => Ok(text(body, "projectionFields")?.map(str::to_string)),
        _ => Err(fault()),
    }
}

/// `limit` of a search's body, as a number or as digits.
fn limit(body: &Value) -> Result<Option<usize>> {
    let number = match &body["limit"] {
        Value::Null => return Ok(None),
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    match number.and_then(|number| usize::try_from(number).ok()).filter(|number| (1..=MAX_LIMIT).contains(number)) {
        Some(number) => Ok(Some(number)),
        None => {
            let message = format!("limit must be a whole number from 1 to {MAX_LIMIT}");
            Err(Error::new(Kind::Invalid, &code::FLOW_1452, message).at(Place::pointer("/limit")))
        }
    }
}

fn flag(body: &Value, name: &str) -> Result<bool> {
    match crate::sourceconnections::truth(body.get(name)) {
        Some(truth) => Ok(truth),
        None => {
            let message = format!("{name} must be true or false");
            Err(Error::new(Kind::Invalid, &code::FLOW_1452, message).at(Place::pointer(format!("/{name}"))))
        }
    }
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

/// Every document that satisfies the conditions, page by page: for checks of ours, not for answers.
pub async fn every(app: &App, caller: &Caller, resource: Resource, properties: &[String]) -> Result<Vec<Document>> {
    every_in(app, &caller.scope, resource, properties).await
}

/// The same, of any scope.
pub async fn every_in(app: &App, scope: &Scope, resource: Resource, properties: &[String]) -> Result<Vec<Document>> {
    let query: Query = filter::parse(properties)?;
    let mut list = List { query, order: Vec::new(), limit: MAX_LIMIT, after: None };
    let mut documents = Vec::new();
    loop {
        let page = app.store.list(scope, resource, &list).await?;
        documents.extend(page.documents);
        match page.next {
            Some(token) => list.after = Some(token),
            None => return Ok(documents),
        }
    }
}
