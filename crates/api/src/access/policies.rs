//! Policies: rules that take rights away from everybody. An active policy is one that this server enforces: what it cannot
//! enforce (a condition, a kind of thing that is not here, a single field) is stored inactive, and refused to be active.

use super::{all, good_description, good_name, page, roles::only, room_for};
use crate::App;
use crate::body::{Body, shaped};
use crate::caller::Member;
use crate::params::Params;
use crate::problem::{Problem, bad};
use crate::rights;
use crate::writing::{IfMatch, check_version, gone, json};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::Place;
use forebay_model::patch;
use forebay_model::{Document, Resource, Result, Scope};
use forebay_store::{New, Secrets};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Members of a policy that a patch may touch.
const CHANGEABLE: &[&str] = &["name", "description", "status", "subjectCondition", "rules"];
/// Rules of one policy.
const MOST_RULES: usize = 100;

/// What a policy is made of.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewPolicy {
    /// Unique in the organization.
    name: String,
    /// For people.
    #[serde(default)]
    description: String,
    /// `active` or `inactive`.
    #[serde(default = "inactive")]
    status: String,
    /// Whom it is for; empty: everybody.
    #[serde(default)]
    subject_condition: Option<String>,
    /// What it takes away.
    #[serde(default)]
    rules: Vec<Rule>,
}

/// One rule of a policy.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Rule {
    /// `Deny`, `Permit` or `Indeterminate`.
    effect: String,
    /// `/orgs/{organization}/sandboxes/{name or *}/{kind or *}`.
    resource: String,
    /// A condition on labels; empty: always.
    #[serde(default)]
    condition: Option<String>,
    /// `com.adobe.action.read` and the like.
    actions: Vec<String>,
}

fn inactive() -> String {
    "inactive".into()
}

/// `GET /administration/policies`
#[utoipa::path(get, path = "/administration/policies", tag = "Access control", params(("limit" = Option<i64>, Query), ("start" = Option<i64>, Query)),
    responses((status = 200, description = "The organization's policies", body = Object)))]
pub async fn list_policies(State(app): State<App>, member: Member, params: Params) -> Result<Response, Problem> {
    let policies = all(&app, &member, Resource::Policy).await?;
    let policies: Vec<Value> = policies.iter().map(|policy| shown(policy, &member)).collect();
    let (policies, page, links) = page(&app, &params, "/administration/policies", &policies)?;
    // Documented by its name, read by aepp as `items`.
    Ok(json(StatusCode::OK, &json!({ "policies": policies, "items": policies, "_page": page, "_links": links })))
}

/// `POST /administration/policies`
#[utoipa::path(post, path = "/administration/policies", tag = "Access control", request_body = NewPolicy,
    responses((status = 200, description = "The policy", body = Object), (status = 400, description = "It cannot be enforced"), (status = 409, description = "The name is taken")))]
pub async fn create_policy(State(app): State<App>, member: Member, Body(body): Body) -> Result<Response, Problem> {
    let new: NewPolicy = shaped(body)?;
    check(&app, &member, &new, "").await?;
    let mut body = json!({ "createdBy": member.account });
    fill(&mut body, &new, &member);
    let new = New::new(Resource::Policy, app.uuid(), body).unstamped();
    let stored = app.store.insert(&Scope::organization(&member.org), new, app.now()).await?;
    Ok(json(StatusCode::OK, &shown(&stored, &member)))
}

/// `GET /administration/policies/{id}`
#[utoipa::path(get, path = "/administration/policies/{id}", tag = "Access control", params(("id" = String, Path)),
    responses((status = 200, description = "The policy, in a list of one", body = Object), (status = 404, description = "No such policy")))]
pub async fn get_policy(State(app): State<App>, member: Member, Path(id): Path<String>) -> Result<Response, Problem> {
    let policy = shown(&policy(&app, &member, &id).await?, &member);
    // The public description answers a list, its guide the policy itself: both are here.
    let mut body = policy.clone();
    body["policies"] = json!([policy]);
    Ok(json(StatusCode::OK, &body))
}

/// `PUT /administration/policies/{id}`
#[utoipa::path(put, path = "/administration/policies/{id}", tag = "Access control", request_body = NewPolicy, params(("id" = String, Path)),
    responses((status = 200, description = "The policy", body = Object), (status = 404, description = "No such policy"), (status = 409, description = "The name is taken")))]
pub async fn put_policy(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    let old = policy(&app, &member, &id).await?;
    let new: NewPolicy = shaped(body)?;
    change(&app, &member, old, &new, if_match.optional()).await
}

/// `PATCH /administration/policies/{id}`
#[utoipa::path(patch, path = "/administration/policies/{id}", tag = "Access control", request_body = Vec<Object>, params(("id" = String, Path)),
    responses((status = 200, description = "The policy", body = Object), (status = 404, description = "No such policy"), (status = 409, description = "The name is taken")))]
pub async fn patch_policy(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    let old = policy(&app, &member, &id).await?;
    let operations = patch::parse(&body)?;
    only(&operations, CHANGEABLE)?;
    let new: NewPolicy = shaped(patch::apply(&old.body, &operations)?)?;
    change(&app, &member, old, &new, if_match.optional()).await
}

/// `DELETE /administration/policies/{id}`
#[utoipa::path(delete, path = "/administration/policies/{id}", tag = "Access control", params(("id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 404, description = "No such policy")))]
pub async fn delete_policy(
    State(app): State<App>,
    member: Member,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    let scope = Scope::organization(&member.org);
    app.store.delete(&scope, Resource::Policy, &id, if_match.optional(), app.now()).await?;
    Ok(gone())
}

async fn policy(app: &App, member: &Member, id: &str) -> Result<Document> {
    app.store.get(&Scope::organization(&member.org), Resource::Policy, id).await
}

async fn change(
    app: &App,
    member: &Member,
    old: Document,
    new: &NewPolicy,
    sent: Option<&str>,
) -> Result<Response, Problem> {
    if let Some(sent) = sent {
        check_version(sent, &old)?;
    }
    check(app, member, new, &old.id).await?;
    let mut body = old.body.clone();
    fill(&mut body, new, member);
    let scope = Scope::organization(&member.org);
    let change = move |_: &Document, secrets: &Secrets| Ok((body, secrets.clone()));
    let stored = app.store.update(&scope, Resource::Policy, &old.id, Some(&old.etag), app.now(), change).await?;
    Ok(json(StatusCode::OK, &shown(&stored, member)))
}

fn fill(body: &mut Value, new: &NewPolicy, member: &Member) {
    body["name"] = json!(new.name);
    body["description"] = json!(new.description);
    body["status"] = json!(new.status);
    body["subjectCondition"] = json!(new.subject_condition);
    body["rules"] = json!(new.rules);
    body["modifiedBy"] = json!(member.account);
}

async fn check(app: &App, member: &Member, policy: &NewPolicy, id: &str) -> Result<()> {
    good_name(&policy.name)?;
    good_description(&policy.description)?;
    if !matches!(policy.status.as_str(), "active" | "inactive") {
        return Err(bad("status is active or inactive").at(Place::pointer("/status")));
    }
    if policy.rules.len() > MOST_RULES {
        return Err(bad(format!("a policy has at most {MOST_RULES} rules")).at(Place::pointer("/rules")));
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        check_rule(member, index, rule)?;
    }
    if policy.status == "active" {
        enforceable(policy)?;
    }
    room_for(app, member, Resource::Policy, &policy.name, id).await
}

fn check_rule(member: &Member, index: usize, rule: &Rule) -> Result<()> {
    let at = |name: &str| Place::pointer(format!("/rules/{index}/{name}"));
    if !["deny", "permit", "indeterminate"].contains(&rule.effect.to_ascii_lowercase().as_str()) {
        return Err(bad("effect is Deny, Permit or Indeterminate").at(at("effect")));
    }
    if !rule.resource.starts_with(&format!("/orgs/{}/sandboxes/", member.org)) {
        let message = format!("resource begins with /orgs/{}/sandboxes/", member.org);
        return Err(bad(message).at(at("resource")));
    }
    if rule.actions.is_empty() || !rule.actions.iter().all(|action| rights::action(action).is_some()) {
        let message = "actions are com.adobe.action.read, .view, .write, .create, .edit or .delete";
        return Err(bad(message).at(at("actions")));
    }
    if let Some(condition) = rule.condition.as_deref().filter(|text| !text.trim().is_empty())
        && serde_json::from_str::<Value>(condition).is_err()
    {
        return Err(bad("condition is a condition as JSON, in a text").at(at("condition")));
    }
    Ok(())
}

/// What is active must hold: no more may be promised than is kept.
fn enforceable(policy: &NewPolicy) -> Result<()> {
    let blank = |text: &Option<String>| text.as_deref().is_none_or(|text| text.trim().is_empty());
    let advice = "Store the policy as inactive, or leave the condition out.";
    if !blank(&policy.subject_condition) {
        let message = "a policy with a subjectCondition cannot be active: this server does not judge subjects by it";
        return Err(bad(message).at(Place::pointer("/subjectCondition")).advice(advice));
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        if !blank(&rule.condition) {
            let message = "a rule with a condition cannot be active: this server does not compare labels of subjects";
            return Err(bad(message).at(Place::pointer(format!("/rules/{index}/condition"))).advice(advice));
        }
        if rights::target(&rule.resource).is_none() {
            let message = "an active rule is for a sandbox, or for its sources, streaming-sources, datasets or schemas";
            return Err(bad(message).at(Place::pointer(format!("/rules/{index}/resource"))).advice(
                "Store the policy as inactive, or end the resource with /*, /sources/*, /datasets/* or /schemas/*.",
            ));
        }
    }
    Ok(())
}

fn shown(policy: &Document, member: &Member) -> Value {
    let of = |name: &str| policy.body.get(name).cloned().unwrap_or(Value::Null);
    json!({
        "id": policy.id,
        "imsOrgId": member.org,
        "createdBy": of("createdBy"),
        "createdAt": policy.created.timestamp_millis(),
        "modifiedBy": of("modifiedBy"),
        "modifiedAt": policy.updated.timestamp_millis(),
        "name": of("name"),
        "description": of("description"),
        "status": of("status"),
        "subjectCondition": of("subjectCondition"),
        "rules": of("rules"),
        "etag": policy.etag,
    })
}
