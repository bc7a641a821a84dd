//! What permission sets there are: one product, its categories, its sets. Built in, so only read.

use crate::caller::Member;
use crate::problem::{Problem, missing};
use crate::rights::{self, SETS};
use crate::writing::json;
use axum::extract::Path;
use axum::response::Response;
use forebay_model::Result;
use http::StatusCode;
use serde_json::{Value, json};

/// The one product.
const PRODUCT: &str = "forebay";

/// `GET /administration/products`
#[utoipa::path(get, path = "/administration/products", tag = "Access control",
    responses((status = 200, description = "The products", body = Object)))]
pub async fn list_products(_: Member) -> Response {
    let product = json!({ "id": PRODUCT, "name": "Forebay", "serviceCode": "acp" });
    json(StatusCode::OK, &json!({ "products": [product] }))
}

/// `GET /administration/products/{id}/categories`
#[utoipa::path(get, path = "/administration/products/{id}/categories", tag = "Access control", params(("id" = String, Path)),
    responses((status = 200, description = "The categories of its permission sets", body = Object), (status = 404, description = "No such product")))]
pub async fn list_permission_categories(_: Member, Path(id): Path<String>) -> Result<Response, Problem> {
    known(&id)?;
    let mut names: Vec<&str> = SETS.iter().map(|set| set.category).collect();
    names.dedup();
    let categories: Vec<Value> = names.into_iter().map(|name| json!({ "name": name })).collect();
    Ok(json(StatusCode::OK, &json!({ "categories": categories })))
}

/// `GET /administration/products/{id}/permission-sets`
#[utoipa::path(get, path = "/administration/products/{id}/permission-sets", tag = "Access control", params(("id" = String, Path)),
    responses((status = 200, description = "Its permission sets", body = Object), (status = 404, description = "No such product")))]
pub async fn list_permission_sets(_: Member, Path(id): Path<String>) -> Result<Response, Problem> {
    known(&id)?;
    let sets: Vec<Value> = SETS
        .iter()
        .map(|set| {
            let permissions: Vec<Value> = rights::by_resource(set.rights)
                .into_iter()
                .map(|(resource, actions)| json!({ "resource": resource, "actions": actions }))
                .collect();
            json!({ "id": set.id, "name": set.name, "category": set.category, "permissions": permissions })
        })
        .collect();
    Ok(json(StatusCode::OK, &json!({ "permission-sets": sets })))
}

fn known(id: &str) -> Result<()> {
    if id == PRODUCT {
        Ok(())
    } else {
        Err(missing(format!("there is no product {id:?}; the one there is is {PRODUCT}")))
    }
}
