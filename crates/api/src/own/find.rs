//! Finding anything by its id or a part of its name: what the UI's search box asks.

use super::kinds::{kind, reading};
use crate::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::{Problem, bad};
use crate::rights::Right;
use crate::sandboxes;
use crate::writing::shown;
use axum::extract::State;
use axum::response::Response;
use forebay_model::error::Kind;
use forebay_model::{Resource, Result, Time};
use forebay_store::audit::Wanted;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// What is searched, in this order.
const KINDS: &[Resource] = &[
    Resource::Flow,
    Resource::Connection,
    Resource::SourceConnection,
    Resource::TargetConnection,
    Resource::Dataset,
    Resource::Schema,
    Resource::MappingSet,
    Resource::Run,
    Resource::Batch,
];
/// Characters of what is asked for.
const LONGEST: usize = 200;
const LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

/// What was found.
#[derive(Serialize, ToSchema)]
pub struct Findings {
    /// By exact id first, then by name.
    items: Vec<Found>,
}

/// One of them.
#[derive(Serialize, ToSchema, PartialEq)]
pub struct Found {
    /// `flow`, `connection`, `dataset` and the like; `request` for one that the audit trail has.
    kind: &'static str,
    /// Its id.
    id: String,
    /// What it is called.
    name: String,
    /// Some more.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// `GET /find`: by an exact id, or a part of a name in any case.
#[utoipa::path(get, path = "/find", tag = "Find",
    params(("q" = String, Query), ("limit" = Option<i64>, Query), ("sandbox" = Option<String>, Query, description = "In place of the header")),
    responses((status = 200, description = "What was found", body = Findings), (status = 400, description = "Nothing is asked for")))]
pub async fn find(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    let limit = params.number("limit", 1, MAX_LIMIT)?.unwrap_or(LIMIT);
    let asked = params.one("q")?.map(str::trim).unwrap_or_default();
    if asked.is_empty() || asked.chars().count() > LONGEST {
        return Err(bad(format!("q has 1 to {LONGEST} characters")).into());
    }
    let kinds: Vec<Resource> = KINDS.iter().copied().filter(|kind| caller.may(reading(*kind))).collect();
    let mut items = by_id(&app, &caller, &kinds, asked).await?;
    items.extend(request(&app, &caller, asked).await?);
    for named in app.store.named(&caller.scope, &kinds, asked, limit).await? {
        let found = Found { kind: kind(named.resource), id: named.id, name: named.name, detail: None };
        if !items.contains(&found) {
            items.push(found);
        }
    }
    let lower = asked.to_lowercase();
    for sandbox in sandboxes::all(&app, &caller.member.org).await? {
        let text = |pointer: &str| sandbox.text(pointer).unwrap_or_default();
        let (name, title) = (text("/name"), text("/title"));
        let fits = [name, title].iter().any(|text| text.to_lowercase().contains(&lower));
        if fits && caller.member.held.covers(name) {
            items.push(Found { kind: "sandbox", id: name.to_string(), name: title.to_string(), detail: None });
        }
    }
    items.truncate(limit);
    Ok(shown(StatusCode::OK, &Findings { items }))
}

async fn by_id(app: &App, caller: &Caller, kinds: &[Resource], id: &str) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    for resource in kinds {
        // A schema is stored by the last part of its `$id`.
        let id = if *resource == Resource::Schema { id.rsplit('/').next().unwrap_or(id) } else { id };
        match caller.get(app, *resource, id).await {
            Ok(document) => {
                let name = ["/name", "/title"].iter().find_map(|at| document.text(at)).unwrap_or_default();
                found.push(Found { kind: kind(*resource), id: document.id.clone(), name: name.into(), detail: None });
            }
            Err(error) if error.kind == Kind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// A request that the audit trail has.
async fn request(app: &App, caller: &Caller, id: &str) -> Result<Option<Found>> {
    if !caller.may(Right::ReadAudit) {
        return Ok(None);
    }
    let equal = vec![("request", vec![id.to_string()])];
    let wanted = Wanted { equal, upto: i64::MAX, limit: 1, ..Wanted::default() };
    let (entries, _) = app.store.audit(&caller.member.org, &wanted).await?;
    Ok(entries.into_iter().next().map(|entry| {
        let at = Time::from_timestamp_millis(entry.at).unwrap_or_default().format("%Y-%m-%dT%H:%M:%SZ");
        let by = if entry.account.is_empty() { "nobody known" } else { &entry.account };
        let detail = format!("{} by {by} at {at}: {}", entry.operation, entry.status);
        Found { kind: "request", id: entry.request, name: entry.asset_name, detail: Some(detail) }
    }))
}
