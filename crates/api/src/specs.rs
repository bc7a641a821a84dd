//! Connection specs and flow specs: the built-in ones, all in one answer (FS §6).

use crate::caller::Caller;
use crate::listing;
use crate::params::Params;
use crate::problem::Problem;
use axum::extract::Path;
use axum::response::Response;
use forebay_model::error::Kind;
use forebay_model::{Error, code};

/// `GET /connectionSpecs`: every connection spec that satisfies the filter.
#[utoipa::path(get, path = "/connectionSpecs", tag = "Connection specs",
    params(("property" = Option<Vec<String>>, Query, description = "Filter or projection")),
    responses((status = 200, description = "The specs"), (status = 403, description = "Not authenticated")))]
pub async fn list_connection_specs(_: Caller, params: Params) -> Result<Response, Problem> {
    Ok(listing::all(forebay_sources::specs(), &params)?)
}

/// `GET /connectionSpecs/{id}`
#[utoipa::path(get, path = "/connectionSpecs/{id}", tag = "Connection specs", params(("id" = String, Path)),
    responses((status = 200, description = "The spec, in an array of one"), (status = 404, description = "No such spec")))]
pub async fn get_connection_spec(_: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    match forebay_sources::spec(&id) {
        Some(spec) => Ok(listing::item(spec)),
        None => Err(unknown("connectionSpecs", &id).into()),
    }
}

/// `GET /flowSpecs`: every flow spec that satisfies the filter.
#[utoipa::path(get, path = "/flowSpecs", tag = "Flow specs",
    params(("property" = Option<Vec<String>>, Query, description = "Filter or projection")),
    responses((status = 200, description = "The specs"), (status = 403, description = "Not authenticated")))]
pub async fn list_flow_specs(_: Caller, params: Params) -> Result<Response, Problem> {
    Ok(listing::all(forebay_sources::flow_specs(), &params)?)
}

/// `GET /flowSpecs/{id}`
#[utoipa::path(get, path = "/flowSpecs/{id}", tag = "Flow specs", params(("id" = String, Path)),
    responses((status = 200, description = "The spec, in an array of one"), (status = 404, description = "No such spec")))]
pub async fn get_flow_spec(_: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    match forebay_sources::flow_spec(&id) {
        Some(spec) => Ok(listing::item(spec)),
        None => Err(unknown("flowSpecs", &id).into()),
    }
}

fn unknown(kind: &str, id: &str) -> Error {
    Error::new(
        Kind::NotFound,
        &code::FLOW_1439,
        format!("The requested {kind} resource {id} is not found. Verify the resource ID before trying again."),
    )
}
