//! Dataflows as lists and pages show them: source, target, schedule, health, the last runs, what to do.

use super::rows::{FlowRow, Material, answer};
use crate::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::Resource;
use forebay_model::filter::Query;
use forebay_store::List;
use serde::Serialize;
use utoipa::ToSchema;

/// Rows of a list at most, and of one that does not say.
const MAX_LIMIT: usize = 10_000;
const LIMIT: usize = 1_000;

/// Dataflows, the newest first.
#[derive(Serialize, ToSchema)]
pub struct FlowRows {
    items: Vec<FlowRow>,
    /// How many there are.
    total: u64,
}

/// `GET /flows`
#[utoipa::path(get, path = "/flows", tag = "Forebay", params(("limit" = Option<i64>, Query)),
    responses((status = 200, description = "The dataflows, the newest first", body = FlowRows)))]
pub async fn list_flow_rows(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    let limit = params.number("limit", 1, MAX_LIMIT)?.unwrap_or(LIMIT);
    let list = List { query: Query::default(), order: Vec::new(), limit, after: None };
    let flows = app.store.list(&caller.scope, Resource::Flow, &list).await?;
    let total = match flows.next {
        Some(_) => app.store.count(&caller.scope, Resource::Flow, &Query::default()).await?,
        None => flows.documents.len() as u64,
    };
    let material = Material::all(&app, &caller).await?;
    let items = flows.documents.iter().map(|flow| material.row(flow)).collect();
    Ok(answer(&FlowRows { items, total }))
}

/// `GET /flows/{id}`
#[utoipa::path(get, path = "/flows/{id}", tag = "Forebay", params(("id" = String, Path)),
    responses((status = 200, description = "The dataflow", body = FlowRow), (status = 404, description = "Not found")))]
pub async fn get_flow_row(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let flow = caller.get(&app, Resource::Flow, &id).await?;
    Ok(answer(&Material::of(&app, &caller, &flow).await?.row(&flow)))
}
