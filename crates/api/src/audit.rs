//! The audit trail, as the public audit service shows it: read by whoever has the right, and concluded for every request.
//! Entries of changes are written by the store, in the transaction of the change.

use crate::App;
use crate::caller::Member;
use crate::params::Params;
use crate::problem::{Failed, Problem, bad};
use crate::writing::json;
use axum::extract::State;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forebay_model::{Error, Result, Time};
use forebay_store::audit::{Entry, REACH, Trail, Wanted};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

const PATH: &str = "/data/foundation/audit/events";
/// Entries of a page that does not say, and at most.
const LIMIT: usize = 50;
const MAX_LIMIT: usize = 1000;
/// Bytes of all filters together.
const MAX_FILTER: usize = 4096;
/// Values of all filters together.
const MAX_VALUES: usize = 100;

/// Documents by the names that the public service has for them.
const ASSETS: &[(&str, &str)] = &[
    ("connections", "Source Account"),
    ("sourceConnections", "Source Connection"),
    ("targetConnections", "Target Connection"),
    ("flows", "Source Data Flow"),
    ("runs", "Source Data Flow Run"),
    ("connectionSpecs", "Connection Spec"),
    ("flowSpecs", "Flow Spec"),
    ("schemas", "Schema"),
    ("descriptors", "Descriptor"),
    ("dataSets", "Dataset"),
    ("batches", "Batch"),
    ("mappingSets", "Mapping Set"),
    ("flowSchemas", "Source Data Flow Columns"),
    ("sandboxes", "Sandbox"),
    ("clients", "API Client"),
    ("roles", "Role"),
    ("policies", "Policy"),
];

/// Members of an event that a filter may name, and the columns they are in.
const FILTERS: &[(&str, &str)] = &[
    ("status", "status"),
    ("action", "action"),
    ("user", "account"),
    ("userEmail", "account"),
    ("authId", "client"),
    ("assetType", "kind"),
    ("assetId", "asset"),
    ("sandboxName", "sandbox"),
    ("requestId", "request"),
    ("failureCode", "code"),
    ("operation", "operation"),
    ("id", "id"),
];

/// A query that goes on: what was asked, and the last entry there was when it was asked first.
#[derive(Serialize, Deserialize)]
struct Query {
    property: Vec<String>,
    upto: i64,
}

/// Notes a request that was refused, or that failed to change something. What succeeded has been noted by the store.
pub async fn conclude(app: &App, trail: &Trail, method: &Method, answer: StatusCode, failed: Option<Failed>) {
    let (known, question) = {
        let entry = trail.entry();
        (!entry.operation.is_empty(), entry.needed.ends_with(" read") || entry.needed.is_empty())
    };
    let denied = matches!(answer, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let changing = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) && !question;
    if !known || !(denied || answer.as_u16() >= 400 && changing) {
        return;
    }
    let status = if denied { "Deny" } else { "Failure" };
    let code = match failed {
        Some(Failed(error)) => error.code.id.to_string(),
        None => answer.as_u16().to_string(),
    };
    match app.store.audit_failure(trail, status, &code).await {
        Ok(true) => {}
        Ok(false) => tracing::info!(code, "a request of somebody whom nobody vouches for was refused"),
        Err(error) => tracing::error!("a refused request could not be noted in the audit trail: {error}"),
    }
}

/// `GET /audit/events`: newest first, the last 10,000 that match.
#[utoipa::path(get, path = "/events", tag = "Audit",
    params(("property" = Option<Vec<String>>, Query), ("limit" = Option<i64>, Query), ("start" = Option<i64>, Query), ("queryId" = Option<String>, Query)),
    responses((status = 200, description = "The events", body = Object), (status = 400, description = "Bad filter")))]
pub async fn list_audit_events(State(app): State<App>, member: Member, params: Params) -> Result<Response, Problem> {
    let limit = params.number("limit", 1, MAX_LIMIT)?.unwrap_or(LIMIT);
    let start = params.number("start", 0, REACH as usize)?.unwrap_or(0);
    let query = match params.one("queryId")? {
        Some(id) => read_query(id)?,
        None => Query { property: params.all("property"), upto: app.store.audit_last(&member.org).await? },
    };
    let wanted = Wanted { upto: query.upto, start: start as i64, limit: limit as i64, ..filters(&query.property)? };
    let (entries, total) = app.store.audit(&member.org, &wanted).await?;
    let events: Vec<Value> = entries.iter().map(shown).collect();
    let id = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&query).unwrap_or_default());
    let link = |start: usize| app.link(&format!("{PATH}?queryId={id}&start={start}&limit={limit}"));
    let own: String = query
        .property
        .iter()
        .map(|p| format!("&property={}", byte_serialize(p.as_bytes()).collect::<String>()))
        .collect();
    let mut links = json!({
        "self": { "href": app.link(&format!("{PATH}?limit={limit}&start={start}{own}")) },
        "page": { "href": app.link(&format!("{PATH}?queryId={id}&limit={limit}{{&start}}")), "templated": true },
    });
    if start + events.len() < total as usize && !events.is_empty() {
        links["next"] = json!({ "href": link(start + limit) });
    }
    let pages = (total as usize).div_ceil(limit);
    Ok(json(
        StatusCode::OK,
        &json!({
            "_embedded": { "customerAuditLogList": events, "events": events },
            "_links": links,
            "page": { "size": limit, "totalElements": total, "totalPages": pages, "number": start / limit + 1 },
            "queryId": id,
        }),
    ))
}

/// `GET /audit/verification`: whether the trail is whole, and if not, the sequence of the first entry that is not as it was
/// written.
#[utoipa::path(get, path = "/verification", tag = "Audit", responses((status = 200, description = "How many entries are whole, and where the first is that is not", body = Object)))]
pub async fn verify_audit_trail(State(app): State<App>, member: Member) -> Result<Response, Problem> {
    let (entries, broken) = app.store.audit_verify(&member.org).await?;
    let body = json!({ "imsOrgId": member.org, "whole": broken.is_none(), "entries": entries, "firstBroken": broken });
    Ok(json(StatusCode::OK, &body))
}

fn read_query(id: &str) -> Result<Query> {
    let read = || serde_json::from_slice(&URL_SAFE_NO_PAD.decode(id).ok()?).ok();
    read().ok_or_else(|| bad("queryId is not one that a list of events has given"))
}

/// `action==create,update`, `timestamp>2024-01-01T00:00:00Z`, and several of them with commas between.
fn filters(properties: &[String]) -> Result<Wanted> {
    if properties.iter().map(String::len).sum::<usize>() > MAX_FILTER {
        return Err(bad(format!("property has at most {MAX_FILTER} characters, all of them together")));
    }
    let mut wanted = Wanted::default();
    let mut values = 0;
    for property in properties {
        for part in property.split(',') {
            values += 1;
            if !part.contains(['=', '<', '>']) {
                // One more value of the filter before.
                match wanted.equal.last_mut() {
                    Some((column, list)) => list.push(value(column, part.trim())),
                    None => return Err(no_filter(part)),
                }
                continue;
            }
            filter(&mut wanted, part)?;
        }
    }
    if values > MAX_VALUES {
        return Err(bad(format!("property has at most {MAX_VALUES} values, all of them together")));
    }
    Ok(wanted)
}

fn filter(wanted: &mut Wanted, text: &str) -> Result<()> {
    let at = text.find(['=', '<', '>']).unwrap_or(text.len());
    let (name, rest) = text.split_at(at);
    let sign: String = rest.chars().take_while(|c| matches!(c, '=' | '<' | '>')).collect();
    let given = rest[sign.len()..].trim().trim_matches('"');
    let name = name.trim();
    if name == "timestamp" {
        let moment: Time = given
            .parse()
            .map_err(|_| bad(format!("timestamp is a moment such as 2024-01-01T00:00:00Z, not {given:?}")))?;
        let at = moment.timestamp_millis();
        match sign.as_str() {
            ">" => wanted.since = Some(at + 1),
            ">=" => wanted.since = Some(at),
            "<" => wanted.until = Some(at),
            "<=" => wanted.until = Some(at + 1),
            "==" | "=" => (wanted.since, wanted.until) = (Some(at), Some(at + 1)),
            _ => return Err(no_filter(text)),
        }
        return Ok(());
    }
    let Some((_, column)) = FILTERS.iter().find(|(known, _)| *known == name) else {
        return Err(no_filter(text));
    };
    if !matches!(sign.as_str(), "==" | "=") {
        return Err(no_filter(text));
    }
    wanted.equal.push((column, vec![value(column, given)]));
    Ok(())
}

/// A value as the column has it.
fn value(column: &str, given: &str) -> String {
    let known = ASSETS.iter().find(|(_, name)| column == "kind" && name.eq_ignore_ascii_case(given));
    known.map_or(given, |(kind, _)| kind).to_string()
}

fn no_filter(text: &str) -> Error {
    let names: Vec<&str> = FILTERS.iter().map(|(name, _)| *name).collect();
    bad(format!("property {text:?} is not of the form name==value or timestamp>moment"))
        .advice(format!("Names are timestamp, {}.", names.join(", ")))
}

fn shown(entry: &Entry) -> Value {
    let at = Time::from_timestamp_millis(entry.at).unwrap_or_default();
    let (resource, action) = entry.needed.rsplit_once(' ').unwrap_or_default();
    let kind = ASSETS.iter().find(|(kind, _)| *kind == entry.kind).map_or(entry.kind.as_str(), |(_, name)| name);
    json!({
        "userEmail": entry.account,
        "userIpAddresses": [],
        "eventType": "Core",
        "id": entry.id,
        "version": "1.0",
        "imsOrgId": entry.org,
        "sandboxName": entry.sandbox,
        "region": "VA7",
        "requestId": entry.request,
        "authId": entry.client,
        "permissionResource": resource,
        "permissionType": action.to_ascii_uppercase(),
        "assetType": kind,
        "assetId": entry.asset,
        "assetName": entry.asset_name,
        "action": entry.action,
        "status": entry.status,
        "failureCode": entry.code,
        "timestamp": at.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string(),
        "operation": entry.operation,
        "sequence": entry.seq,
        "hash": entry.hash,
    })
}
