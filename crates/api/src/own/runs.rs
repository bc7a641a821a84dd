//! Runs as lists show them.

use super::rows::{Named, RunRow, answer};
use crate::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use axum::extract::State;
use axum::response::Response;
use forebay_model::error::Kind;
use forebay_model::schedule::moment;
use forebay_model::{Error, Resource, Result, code, filter};
use forebay_store::{RunFacts, RunsAsked};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use utoipa::ToSchema;

/// Rows of a page at most, and of one that does not say.
const MAX_LIMIT: usize = 1_000;
const LIMIT: usize = 100;
/// Rows that a `property` passes over at most in one call.
const REACH: usize = 200_000;
/// Words for `status`, as rows have them.
const STATUSES: &[&str] = &["pending", "inProgress", "success", "partial", "failed", "cancelled"];

/// Runs, the newest first.
#[derive(Serialize, ToSchema)]
pub struct RunRows {
    items: Vec<RunRow>,
    /// `before` of the next page, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// `GET /runs`
#[utoipa::path(get, path = "/runs", tag = "Forebay",
    params(("limit" = Option<i64>, Query), ("before" = Option<String>, Query, description = "`next` of the page before, or a time"),
        ("flow" = Option<String>, Query, description = "A flow's id"), ("status" = Option<Vec<String>>, Query, description = "One or several, joined by commas"),
        ("from" = Option<String>, Query, description = "Begun then or later"), ("to" = Option<String>, Query, description = "Begun before"),
        ("property" = Option<Vec<String>>, Query, description = "Of a row, such as `failed>0`")),
    responses((status = 200, description = "A page of runs, the newest first", body = RunRows), (status = 400, description = "A parameter is wrong")))]
pub async fn list_run_rows(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    let limit = params.number("limit", 1, MAX_LIMIT)?.unwrap_or(LIMIT);
    let status = statuses(&params)?;
    let status: Vec<&str> = status.iter().map(String::as_str).collect();
    let query = filter::parse(&params.all("property"))?;
    let plain = query.terms.is_empty();
    let mut asked = RunsAsked {
        flow: params.one("flow")?,
        status: &status,
        from: time(&params, "from")?,
        to: time(&params, "to")?,
        before: before(&params)?,
        limit: if plain { limit + 1 } else { MAX_LIMIT },
    };
    let (mut found, mut looked): (Vec<RunFacts>, usize) = (Vec::new(), 0);
    // Where a piece ends without a page being full, the next goes on behind its last.
    loop {
        let piece = app.store.list_runs(&caller.scope, &asked).await?;
        let whole = piece.len() < asked.limit;
        looked += piece.len();
        asked.before = piece.last().map(place);
        for run in piece {
            let row = (!plain).then(|| serde_json::to_value(RunRow::new(&run, Named::new(&run.flow, None))));
            if row.is_none_or(|row| query.matches(&row.unwrap_or_default())) {
                found.push(run);
            }
        }
        if whole || found.len() > limit {
            break;
        }
        if looked >= REACH {
            let next = asked.before.as_ref().map(token);
            return Ok(answer(&RunRows { items: named_rows(&app, &caller, &found, None).await?, next }));
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|run| token(&place(run)));
    Ok(answer(&RunRows { items: named_rows(&app, &caller, &found, None).await?, next }))
}

/// Rows with the names of their flows; `known` are those that have been read already, all of them.
pub async fn named_rows(
    app: &App,
    caller: &Caller,
    runs: &[RunFacts],
    known: Option<&HashMap<String, Named>>,
) -> Result<Vec<RunRow>> {
    let own: HashMap<String, Named>;
    let names = match known {
        Some(names) => names,
        None => {
            own = names_of(app, caller, runs).await?;
            &own
        }
    };
    let name = |run: &RunFacts| names.get(&run.flow).cloned().unwrap_or_else(|| Named::gone(&run.flow));
    Ok(runs.iter().map(|run| RunRow::new(run, name(run))).collect())
}

/// The names of the flows of these runs, which are few.
async fn names_of(app: &App, caller: &Caller, runs: &[RunFacts]) -> Result<HashMap<String, Named>> {
    let ids: BTreeSet<&str> = runs.iter().map(|run| run.flow.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let names = app.store.names(&caller.scope, Resource::Flow, &ids).await?;
    Ok(names.into_iter().map(|(id, name)| (id.clone(), Named::new(&id, Some(&name)))).collect())
}

fn place(run: &RunFacts) -> (i64, String) {
    (run.begun, run.id.clone())
}

fn token((begun, id): &(i64, String)) -> String {
    format!("{begun}~{id}")
}

/// What `next` said, or a time.
fn before(params: &Params) -> Result<Option<(i64, String)>> {
    let Some(text) = params.one("before")? else { return Ok(None) };
    if let Some((begun, id)) = text.split_once('~') {
        return match begun.parse() {
            Ok(begun) => Ok(Some((begun, id.to_string()))),
            Err(_) => Err(wrong("before is a time, or what `next` of the page before said")),
        };
    }
    Ok(time(params, "before")?.map(|at| (at, String::new())))
}

/// A time in the query, as epoch milliseconds.
fn time(params: &Params, name: &str) -> Result<Option<i64>> {
    let Some(text) = params.one(name)? else { return Ok(None) };
    match moment(&Value::from(text)) {
        Some(at) => Ok(Some(at.timestamp_millis())),
        None => Err(wrong(format!("{name} is a time in epoch milliseconds or ISO 8601; {text:?} is none"))),
    }
}

fn statuses(params: &Params) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for word in params.all("status").iter().flat_map(|list| list.split(',').map(str::trim)) {
        match STATUSES.iter().find(|known| known.eq_ignore_ascii_case(word)) {
            Some(known) => all.push(known.to_string()),
            None => return Err(wrong(format!("status is one of {}, not {word:?}", STATUSES.join(", ")))),
        }
    }
    Ok(all)
}

fn wrong(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::Invalid, &code::FLOW_1451, message)
}
