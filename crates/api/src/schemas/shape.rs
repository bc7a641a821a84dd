//! A resource in the shape that the Accept header asks for (platform.md §3.2).

use super::accept::Shape;
use crate::App;
use crate::caller::Caller;
use crate::identity;
use crate::xdm::Registry;
use forebay_model::error::Kind;
use forebay_model::{Error, Result, code};
use serde_json::{Map, Value, json};

/// The type of descriptors that call a field deprecated.
const DEPRECATED: &str = "xdm:descriptorDeprecated";

/// A resource as it is asked for.
pub async fn shown(app: &App, caller: &Caller, registry: &Registry, body: Value, shape: Shape) -> Result<Value> {
    has_version(&body, shape)?;
    let mut shown = if shape.full { registry.full(&body)? } else { body };
    if shape.descriptors || shape.deprecated {
        let own = shown["$id"].as_str().unwrap_or_default().to_string();
        let descriptors: Vec<Value> =
            identity::descriptors(app, caller, &own).await?.into_iter().map(|d| d.body).collect();
        if shape.deprecated {
            descriptors.iter().for_each(|descriptor| deprecate(&mut shown, descriptor));
        }
        if shape.descriptors {
            shown["meta:descriptors"] = Value::Array(descriptors);
        }
    }
    if !shape.texts {
        without_texts(&mut shown);
    }
    if shape.flat {
        let mut fields = Map::new();
        flatten(&shown, "", &mut fields);
        shown["properties"] = Value::Object(fields);
    }
    Ok(shown)
}

/// Whether the resource has come as far as the version that is asked for. The newest is always what is shown: a change
/// only adds.
fn has_version(body: &Value, shape: Shape) -> Result<()> {
    let newest = body["version"].as_str().unwrap_or("1.0");
    let minor = newest.split('.').nth(1).and_then(|minor| minor.parse::<u64>().ok());
    match (shape.minor, minor) {
        (Some(asked), Some(newest)) if asked > newest => {
            let message = format!("the resource has no version 1.{asked}; its newest is 1.{newest}");
            Err(Error::new(Kind::NotFound, &code::XDM_1012, message))
        }
        _ => Ok(()),
    }
}

/// Marks the field that a descriptor calls deprecated: `/personalEmail/address`.
fn deprecate(schema: &mut Value, descriptor: &Value) {
    let Some(path) = descriptor["xdm:sourceProperty"].as_str().filter(|_| descriptor["@type"] == DEPRECATED) else {
        return;
    };
    let mut at = Some(schema);
    for name in path.split('/').filter(|name| !name.is_empty() && *name != "properties") {
        at = at.and_then(|node| node.get_mut("properties")?.get_mut(name));
    }
    if let Some(Value::Object(field)) = at {
        field.insert("meta:status".into(), json!("deprecated"));
    }
}

/// Every field by its path: `person.name.firstName`, inside lists `items[*].name`.
fn flatten(node: &Value, path: &str, fields: &mut Map<String, Value>) {
    for (name, field) in node["properties"].as_object().into_iter().flatten() {
        let at = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        if field["properties"].is_object() {
            flatten(field, &at, fields);
        } else if field["items"]["properties"].is_object() {
            flatten(&field["items"], &format!("{at}[*]"), fields);
        } else {
            fields.insert(at, field.clone());
        }
    }
}

/// Takes `title` and `description` out of a resource; a property of that name stays.
fn without_texts(value: &mut Value) {
    let Value::Object(node) = value else { return };
    node.retain(|name, value| !(value.is_string() && (name == "title" || name == "description")));
    for (name, value) in node.iter_mut() {
        match value {
            Value::Object(children) if name == "properties" || name == "definitions" => {
                children.values_mut().for_each(without_texts);
            }
            Value::Array(items) => items.iter_mut().for_each(without_texts),
            other => without_texts(other),
        }
    }
}
