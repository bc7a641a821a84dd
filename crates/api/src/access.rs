//! Access control (platform.md §7): what there is to be allowed ([`acl`], [`products`]), who is allowed it ([`roles`]) and
//! what is taken away from all ([`policies`]). Roles and policies belong to the organization. Enforced by
//! [`crate::caller`], not here.

pub mod acl;
pub mod policies;
pub mod products;
pub mod roles;

use crate::App;
use crate::caller::{MOST, Member};
use crate::params::Params;
use crate::problem::bad;
use forebay_model::error::{Kind, Place};
use forebay_model::filter::Query;
use forebay_model::{Document, Error, Resource, Result, Scope, code};
use forebay_store::List;
use serde_json::{Value, json};

/// Where this service lies.
const BASE: &str = "/data/foundation/access-control";
/// Characters of a name.
pub const NAME: usize = 255;
/// Characters of a description.
const DESCRIPTION: usize = 2000;

/// Every document of a kind in the organization, oldest first.
async fn all(app: &App, member: &Member, resource: Resource) -> Result<Vec<Document>> {
    let list = List { query: Query::default(), order: Vec::new(), limit: MOST, after: None };
    let mut all = app.store.list(&Scope::organization(&member.org), resource, &list).await?.documents;
    all.reverse();
    Ok(all)
}

/// 409 when the organization has as many as it may, or another one of that name.
async fn room_for(app: &App, member: &Member, resource: Resource, name: &str, id: &str) -> Result<()> {
    let all = all(app, member, resource).await?;
    let conflict = |message: String| Err(Error::new(Kind::Conflict, &code::HTTP_409, message));
    if all.iter().any(|other| other.id != id && other.text("/name") == Some(name)) {
        return conflict(format!("{} has one named {name:?} already", resource.name()));
    }
    if !all.iter().any(|other| other.id == id) && all.len() >= MOST {
        return conflict(format!("an organization has at most {MOST} {}", resource.name()));
    }
    Ok(())
}

/// A page of a list: what is on it, and `_page` and `_links`.
fn page(app: &App, params: &Params, path: &str, all: &[Value]) -> Result<(Vec<Value>, Value, Value)> {
    let limit = params.number("limit", 1, MOST)?.unwrap_or(MOST);
    let start = params.number("start", 0, MOST)?.unwrap_or(0);
    let items: Vec<Value> = all.iter().skip(start).take(limit).cloned().collect();
    let template = app.link(&format!("{BASE}{path}?limit={{limit}}&start={{start}}"));
    let mut links = json!({ "page": { "href": template, "templated": true } });
    if start + items.len() < all.len() && !items.is_empty() {
        let next = app.link(&format!("{BASE}{path}?limit={limit}&start={}", start + limit));
        links["next"] = json!({ "href": next, "templated": false });
    }
    let page = json!({ "limit": limit, "count": items.len() });
    Ok((items, page, links))
}

/// A name that is not blank, not too long, and on one line.
fn good_name(name: &str) -> Result<()> {
    let fault = |what: String| Err(bad(what).at(Place::pointer("/name")));
    if name.trim().is_empty() {
        return fault("name is blank".into());
    }
    if name.chars().count() > NAME || name.chars().any(char::is_control) {
        return fault(format!("name has at most {NAME} characters, none of them a control character"));
    }
    Ok(())
}

fn good_description(description: &str) -> Result<()> {
    if description.chars().count() > DESCRIPTION || description.contains('\0') {
        return Err(bad(format!("description has at most {DESCRIPTION} characters")).at(Place::pointer("/description")));
    }
    Ok(())
}
