//! The registry's helpers (platform.md §3.1): resources taken from one sandbox to another, sample data, and the log of
//! changes.

use super::define::{self, COMPUTED, Identity};
use super::refers;
use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::writing::json;
use crate::xdm::{Registry, unknown};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::xdm::{Field, Type};
use forebay_model::{Document, Error, Resource, Result, code, xdm};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// What stands for the tenant in an exported resource.
const PLACEHOLDER: &str = "<XDM_TENANTID_PLACEHOLDER>";
/// Resources of one import.
const MOST: usize = 200;

/// `GET /rpc/export/{id}`: a resource and everything of the tenant's that it needs, ready for an import elsewhere.
#[utoipa::path(get, path = "/rpc/export/{id}", tag = "Schema registry", params(("id" = String, Path)),
    responses((status = 200, description = "The resources, what is needed first", body = Vec<Object>), (status = 404, description = "Not found")))]
pub async fn export_schema(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let registry = Registry::open(&app, &caller).await?;
    let mut found = Vec::new();
    collect(&registry, own(&registry, &id)?, &mut found);
    let tenant = &caller.member.tenant;
    let exported: Vec<Value> = found
        .into_iter()
        .map(|document| {
            let mut body = rename(&document.body, tenant, PLACEHOLDER);
            if let Value::Object(members) = &mut body {
                let ours =
                    ["imsOrg", "meta:registryMetadata", "meta:sandboxId", "meta:sandboxType", "meta:tenantNamespace"];
                members.retain(|name, _| !ours.contains(&name.as_str()));
            }
            body
        })
        .collect();
    Ok(json(StatusCode::OK, &Value::Array(exported)))
}

/// `POST /rpc/import`: what an export gave. All of it, or nothing; a resource that is here already stays if it is the
/// same.
#[utoipa::path(post, path = "/rpc/import", tag = "Schema registry", request_body = Vec<Object>,
    responses((status = 200, description = "The resources as they are here", body = Vec<Object>), (status = 400, description = "A resource is refused"),
        (status = 409, description = "A resource of that id is here and is another")))]
pub async fn import_schemas(State(app): State<App>, caller: Caller, Body(body): Body) -> Result<Response, Problem> {
    let Value::Array(items) = body else {
        return Err(fault("the body must be an array of resources, as an export gives it", "").into());
    };
    if items.is_empty() || items.len() > MOST {
        return Err(fault(format!("an import has 1 to {MOST} resources, not {}", items.len()), "").into());
    }
    let mut registry = Registry::open(&app, &caller).await?;
    let mut new = Vec::new();
    let mut all = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let item = rename(item, PLACEHOLDER, &caller.member.tenant);
        let (identity, name) = identity(&app, &caller, &item, index)?;
        let mut definition = item;
        if let Value::Object(members) = &mut definition {
            members.retain(|name, _| !COMPUTED.contains(&name.as_str()));
        }
        let body =
            define::defined(&app, &caller, &registry, definition, &identity).map_err(|error| within(error, index))?;
        match registry.find(&identity.id) {
            Some(there) if plain(&there) == plain(&body) => all.push(there),
            Some(_) => {
                let message = format!("{} is here already, and is another resource than the one sent", identity.id);
                return Err(Error::new(Kind::Conflict, &code::HTTP_409, message)
                    .at(Place::pointer(format!("/{index}")))
                    .advice("Change the one that is here with PUT, or delete it first.")
                    .into());
            }
            None => {
                registry.put(&body);
                all.push(body.clone());
                new.push((name, body));
            }
        }
    }
    for (done, (name, body)) in new.iter().enumerate() {
        if let Err(error) = define::insert(&app, &caller, name, body).await {
            for (name, _) in new[..done].iter().rev() {
                app.store.delete(&caller.scope, Resource::Schema, name, None, app.now()).await?;
            }
            return Err(error.into());
        }
    }
    Ok(json(StatusCode::OK, &Value::Array(all)))
}

/// `GET /rpc/sampledata/{id}`: a record as the schema would have it.
#[utoipa::path(get, path = "/rpc/sampledata/{id}", tag = "Schema registry", params(("id" = String, Path)),
    responses((status = 200, description = "A record", body = Object), (status = 404, description = "Not found")))]
pub async fn sample_schema(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let registry = Registry::open(&app, &caller).await?;
    let Some(body) = registry.find(&id) else {
        return Err(unknown(&id).into());
    };
    let (full, tree) = (registry.full(&body)?, xdm::resolve(&body, &|id| registry.find(id))?);
    Ok(json(StatusCode::OK, &Value::Object(record(&tree.fields, &full))))
}

/// `GET /rpc/auditlog/{id}`: what became of a resource, newest first.
#[utoipa::path(get, path = "/rpc/auditlog/{id}", tag = "Schema registry", params(("id" = String, Path)),
    responses((status = 200, description = "The changes", body = Vec<Object>), (status = 404, description = "Not found")))]
pub async fn audit_schema(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let registry = Registry::open(&app, &caller).await?;
    let changes = match own(&registry, &id) {
        Ok(document) => registry.changes.get(&document.id).cloned().unwrap_or_default(),
        // What is everybody's does not change.
        Err(_) if xdm::global(&id).is_some() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    Ok(json(StatusCode::OK, &Value::Array(changes)))
}

fn own<'a>(registry: &'a Registry, id: &str) -> Result<&'a Document> {
    let is = |document: &&Document| document.text("/$id") == Some(id) || document.text("/meta:altId") == Some(id);
    registry.documents.iter().find(is).ok_or_else(|| unknown(id))
}

/// A resource behind everything of the tenant's that it refers to.
fn collect<'a>(registry: &'a Registry, document: &'a Document, found: &mut Vec<&'a Document>) {
    if found.iter().any(|known| known.id == document.id) {
        return;
    }
    for other in &registry.documents {
        let id = other.text("/$id").unwrap_or_default();
        // No circle can be stored.
        if other.id != document.id && refers(&document.body, id) {
            collect(registry, other, found);
        }
    }
    found.push(document);
}

/// A resource with one tenant's name in place of another's: in ids, references and the namespace of its own fields.
fn rename(value: &Value, from: &str, to: &str) -> Value {
    match value {
        Value::Object(members) => {
            let own = format!("_{from}");
            let renamed = members.iter().map(|(name, value)| {
                let name = if *name == own { format!("_{to}") } else { name.clone() };
                (name, rename(value, from, to))
            });
            Value::Object(renamed.collect())
        }
        Value::Array(items) => items.iter().map(|item| rename(item, from, to)).collect(),
        Value::String(text) => {
            let url = format!("https://ns.adobe.com/{from}/");
            let alt = format!("_{from}.");
            json!(match (text.strip_prefix(&url), text.strip_prefix(&alt)) {
                (Some(rest), _) => format!("https://ns.adobe.com/{to}/{rest}"),
                (_, Some(rest)) => format!("_{to}.{rest}"),
                _ if *text == format!("_{from}") => format!("_{to}"),
                _ => text.clone(),
            })
        }
        other => other.clone(),
    }
}

/// What an imported resource is here, and the name it is stored under.
fn identity(app: &App, caller: &Caller, item: &Value, index: usize) -> Result<(Identity, String)> {
    let at = format!("/{index}/$id");
    let Some(id) = item["$id"].as_str() else {
        return Err(fault("the resource has no $id", &at));
    };
    let prefix = format!("https://ns.adobe.com/{}/", caller.member.tenant);
    let Some((segment, name)) = id.strip_prefix(&prefix).and_then(|rest| rest.split_once('/')) else {
        return Err(fault(
            format!("{id} is not an id of this tenant, nor of an export: {PLACEHOLDER} stands there for the tenant"),
            &at,
        ));
    };
    let kind = match segment {
        "schemas" => "schemas",
        "fieldgroups" | "mixins" => "fieldgroups",
        "datatypes" => "datatypes",
        "classes" => "classes",
        _ => return Err(fault(format!("{segment} is no kind of resource that can be imported"), &at)),
    };
    if name.is_empty() || name.len() > 64 || !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(fault(format!("{name:?} is no name of a resource: up to 64 letters and digits"), &at));
    }
    let now = app.now();
    let identity = Identity {
        kind,
        id: id.to_string(),
        alt: format!("_{}.{segment}.{name}", caller.member.tenant),
        version: "1.0".into(),
        created: now,
        updated: now,
    };
    Ok((identity, name.to_string()))
}

/// A definition without what the registry writes.
fn plain(body: &Value) -> Value {
    let mut body = body.clone();
    if let Value::Object(members) = &mut body {
        members.retain(|name, _| !COMPUTED.contains(&name.as_str()));
    }
    body
}

fn fault(message: impl Into<String>, at: &str) -> Error {
    Error::new(Kind::Invalid, &code::XDM_1020, message.into()).at(Place::pointer(at))
}

/// An error's place inside the item of an import.
fn within(mut error: Error, index: usize) -> Error {
    error.at = Some(match error.at {
        Some(Place::Pointer { pointer }) => Place::pointer(format!("/{index}{pointer}")),
        _ => Place::pointer(format!("/{index}")),
    });
    error
}

fn record(fields: &[Field], node: &Value) -> Map<String, Value> {
    let value = |field: &Field| (field.name.clone(), sample(&field.ty, &node["properties"][&field.name]));
    fields.iter().map(value).collect()
}

/// A value of a type: what the field itself offers, or one that anybody would know for an example.
fn sample(ty: &Type, node: &Value) -> Value {
    let offered = [&node["default"], &node["examples"][0], &node["enum"][0]];
    if let Some(offered) = offered.into_iter().find(|value| !value.is_null()) {
        return offered.clone();
    }
    let least = node["minimum"].as_i64().unwrap_or(0);
    match ty {
        Type::String if node["format"] == "email" => json!("someone@example.com"),
        Type::String if node["format"] == "uri" => json!("https://example.com/"),
        Type::String => json!("Sample value"),
        Type::Boolean => json!(true),
        Type::Byte | Type::Short | Type::Int | Type::Long => json!(least.max(7)),
        Type::Number => json!(least as f64 + 7.5),
        Type::Date => json!("2024-07-01"),
        Type::DateTime => json!("2024-07-01T12:00:00.000Z"),
        Type::Object(fields) => Value::Object(record(fields, node)),
        Type::Array(inside) => json!([sample(inside, &node["items"])]),
        Type::Map(inside) => json!({ "key": sample(inside, &node["additionalProperties"]) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_name_is_replaced_where_it_is_a_name() {
        let body = json!({ "$id": "https://ns.adobe.com/acme/schemas/1", "meta:altId": "_acme.schemas.1", "title": "acme _acme",
            "properties": { "_acme": { "properties": { "acme": { "$ref": "https://ns.adobe.com/acme/datatypes/2" } } } } });
        assert_eq!(
            rename(&body, "acme", "x"),
            json!({ "$id": "https://ns.adobe.com/x/schemas/1", "meta:altId": "_x.schemas.1", "title": "acme _acme",
                "properties": { "_x": { "properties": { "acme": { "$ref": "https://ns.adobe.com/x/datatypes/2" } } } } })
        );
        assert_eq!(rename(&rename(&body, "acme", "x"), "x", "acme"), body);
    }
}
