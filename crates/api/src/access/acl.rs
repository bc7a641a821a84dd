//! What there is to be allowed, and what the caller is allowed: the two operations that clients ask before they try.

use crate::body::{Body, listed};
use crate::caller::{Caller, Member};
use crate::problem::{Problem, bad};
use crate::rights::{self, Right};
use crate::writing::json;
use axum::response::Response;
use forebay_model::error::Place;
use http::StatusCode;
use serde_json::{Map, Value, json};

/// Texts that one request may ask about.
const MOST: usize = 1000;

/// `GET /acl/reference`: every permission set and resource type, with the actions that each can allow.
#[utoipa::path(get, path = "/acl/reference", tag = "Access control",
    responses((status = 200, description = "Permissions and resource types", body = Object)))]
pub async fn get_acl_reference(_: Member) -> Response {
    let permissions: Map<String, Value> =
        rights::SETS.iter().map(|set| (set.id.to_string(), rights::by_resource(set.rights).into())).collect();
    let types = rights::by_resource(Right::ALL);
    json(StatusCode::OK, &json!({ "permissions": permissions, "resource-types": types }))
}

/// `POST /acl/effective-policies`: what the caller may do, in the sandbox of the call.
#[utoipa::path(post, path = "/acl/effective-policies", tag = "Access control", request_body = Vec<String>,
    responses((status = 200, description = "Actions by what was asked about", body = Object),
        (status = 400, description = "Not a list of `/permissions/…` and `/resource-types/…`")))]
pub async fn list_effective_policies(caller: Caller, Body(body): Body) -> Result<Response, Problem> {
    let asked: Vec<String> = listed(body)?;
    if asked.len() > MOST {
        return Err(bad(format!("at most {MOST} permissions and resource types are looked up at once")).into());
    }
    let mut policies = Map::new();
    for (index, text) in asked.iter().enumerate() {
        let actions = match text.trim_start_matches('/').split_once('/') {
            Some(("permissions", id)) => permission(&caller, id),
            Some(("resource-types", name)) => resource_type(&caller, name),
            _ => {
                let message = format!("{text:?} is neither /permissions/… nor /resource-types/…");
                return Err(bad(message).at(Place::pointer(format!("/{index}"))).into());
            }
        };
        policies.insert(text.clone(), json!(actions));
    }
    Ok(json(StatusCode::OK, &json!({ "policies": policies })))
}

/// All of a set, or nothing.
fn permission(caller: &Caller, id: &str) -> Vec<&'static str> {
    let whole = rights::permission_set(id).is_some_and(|set| set.rights.iter().all(|right| caller.may(*right)));
    if whole { vec!["*"] } else { Vec::new() }
}

fn resource_type(caller: &Caller, name: &str) -> Vec<&'static str> {
    let Some(name) = rights::resource_type(name) else {
        return Vec::new();
    };
    rights::actions(Right::ALL.iter().copied().filter(|right| right.resource() == name && caller.may(*right)))
}
