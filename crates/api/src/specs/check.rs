//! What a spec must be to be stored: of the right form, and its JSON Schemas such that they can be checked against.

use crate::problem::invalid;
use crate::secrets;
use forebay_model::Result;
use forebay_model::error::Place;
use serde_json::{Map, Value};

/// FS §6.1.
pub fn connection_spec(body: &Map<String, Value>) -> Result<()> {
    head(body)?;
    described(body, "authSpec", auth)?;
    described(body, "encryptionSpecs", schema)?;
    for member in ["sourceSpec", "targetSpec"] {
        side(body, member)?;
    }
    for member in ["exploreSpec", "attributes", "settings", "permissionsInfo", "policy"] {
        object(body, member)?;
    }
    list(body, "entitlementInfo").map(|_| ())
}

/// FS §6.2. Transformations are taken by any of their three names, and kept by the two that are read.
pub fn flow_spec(body: &mut Map<String, Value>) -> Result<()> {
    head(body)?;
    for member in ["sourceConnectionSpecIds", "targetConnectionSpecIds"] {
        ids(body, member)?;
    }
    let mut transformations = Value::Null;
    for member in ["transformationSpecs", "transformationSpec", "transformationSpecDTOS"] {
        described(body, member, schema)?;
        match body.get(member) {
            Some(given) if transformations.is_null() => transformations = given.clone(),
            Some(given) if !given.is_null() && *given != transformations => {
                return Err(invalid(format!(
                    "{member} says something else than the member of the same meaning before it"
                ))
                .at(Place::pointer(format!("/{member}"))));
            }
            _ => {}
        }
    }
    body.remove("transformationSpecDTOS");
    if !transformations.is_null() {
        body.insert("transformationSpecs".into(), transformations.clone());
        body.insert("transformationSpec".into(), transformations);
    }
    for member in ["scheduleSpec", "optionSpec", "runSpec"] {
        side(body, member)?;
    }
    for member in ["attributes", "permissionsInfo", "policy"] {
        object(body, member)?;
    }
    list(body, "entitlementInfo").map(|_| ())
}

fn fault<T>(pointer: impl Into<String>, message: impl Into<String>) -> Result<T> {
    Err(invalid(message).at(Place::pointer(pointer.into())))
}

fn head(body: &Map<String, Value>) -> Result<()> {
    for member in ["name", "providerId"] {
        if !body.get(member).is_some_and(is_name) {
            return fault(format!("/{member}"), format!("{member} is missing: it is a text that is not blank"));
        }
    }
    for member in ["type", "description"] {
        if body.get(member).is_some_and(|value| !value.is_null() && !value.is_string()) {
            return fault(format!("/{member}"), format!("{member} must be a text"));
        }
    }
    match body.get("version") {
        Some(Value::String(_)) => Ok(()),
        _ => fault("/version", "version must be a text"),
    }
}

fn is_name(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.trim().is_empty())
}

fn list<'a>(body: &'a Map<String, Value>, member: &str) -> Result<&'a [Value]> {
    match body.get(member) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => fault(format!("/{member}"), format!("{member} must be an array")),
    }
}

fn object<'a>(body: &'a Map<String, Value>, member: &str) -> Result<Option<&'a Value>> {
    match body.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(value) if value.is_object() => Ok(Some(value)),
        Some(_) => fault(format!("/{member}"), format!("{member} must be an object")),
    }
}

fn ids(body: &Map<String, Value>, member: &str) -> Result<()> {
    let items = list(body, member)?;
    for (index, id) in items.iter().enumerate() {
        if !is_name(id) {
            return fault(
                format!("/{member}/{index}"),
                format!("{member}[{index}] must be the id of a connection spec"),
            );
        }
        if items[..index].contains(id) {
            return fault(format!("/{member}/{index}"), format!("{member} has {id} twice"));
        }
    }
    Ok(())
}

/// A list of `{name, spec}` with names of their own.
fn described(body: &Map<String, Value>, member: &str, check: fn(&Value, &str) -> Result<()>) -> Result<()> {
    let items = list(body, member)?;
    for (index, item) in items.iter().enumerate() {
        let at = format!("/{member}/{index}");
        if !item.is_object() {
            return fault(at, format!("{member}[{index}] must be an object with name and spec"));
        }
        if !is_name(&item["name"]) {
            return fault(format!("{at}/name"), format!("{member}[{index}].name must be a text that is not blank"));
        }
        if items[..index].iter().any(|before| before["name"] == item["name"]) {
            return fault(format!("{at}/name"), format!("{member} has two of the name {}", item["name"]));
        }
        if !item["type"].is_null() && !item["type"].is_string() {
            return fault(format!("{at}/type"), format!("{member}[{index}].type must be a text"));
        }
        check(&item["spec"], &format!("{at}/spec"))?;
    }
    Ok(())
}

/// `{name?, type?, spec?, attributes?}`.
fn side(body: &Map<String, Value>, member: &str) -> Result<()> {
    let Some(side) = object(body, member)? else { return Ok(()) };
    for name in ["name", "type"] {
        if !side[name].is_null() && !side[name].is_string() {
            return fault(format!("/{member}/{name}"), format!("{member}.{name} must be a text"));
        }
    }
    if !side["attributes"].is_null() && !side["attributes"].is_object() {
        return fault(format!("/{member}/attributes"), format!("{member}.attributes must be an object"));
    }
    match &side["spec"] {
        Value::Null => Ok(()),
        spec => schema(spec, &format!("/{member}/spec")),
    }
}

/// The schema of credentials: an object whose passwords can be found, since each of them is sealed by its name.
fn auth(spec: &Value, at: &str) -> Result<()> {
    schema(spec, at)?;
    let kind = &spec["type"];
    if !kind.is_null() && kind != "object" {
        return fault(format!("{at}/type"), "an auth spec describes an object: its type must be object");
    }
    // What is marked must be inside of a named parameter.
    if secrets::passwords(spec) > named_passwords(spec) {
        return fault(at, "\"format\": \"password\" marks a parameter by its name: it belongs below properties");
    }
    Ok(())
}

/// How many of the marks are inside of a named parameter, where [`secrets::marked`] looks for them.
fn named_passwords(schema: &Value) -> usize {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut count: usize = properties.map(|(_, property)| secrets::passwords(property)).sum();
    for keyword in ["allOf", "anyOf", "oneOf"] {
        count += schema[keyword].as_array().into_iter().flatten().map(named_passwords).sum::<usize>();
    }
    count + ["if", "then", "else", "not"].iter().filter_map(|k| schema.get(k)).map(named_passwords).sum::<usize>()
}

/// A JSON Schema, draft 7, whole in itself.
fn schema(schema: &Value, at: &str) -> Result<()> {
    if !schema.is_object() {
        return fault(at, "spec must be a JSON Schema");
    }
    if let Some(pointer) = reference(schema) {
        return fault(format!("{at}{pointer}"), "a spec is whole in itself: write out what $ref refers to");
    }
    if let Err(error) = jsonschema::draft7::meta::validate(schema) {
        let (pointer, rule) = (error.instance_path().as_str().to_string(), error.kind().keyword().to_string());
        let message = format!("spec is not a JSON Schema of draft 7: it breaks the rule {rule:?} there");
        return fault(format!("{at}{pointer}"), message);
    }
    match secrets::validator(schema) {
        Ok(_) => Ok(()),
        Err(error) => {
            let pointer = error.instance_path().as_str().to_string();
            fault(
                format!("{at}{pointer}"),
                "spec cannot be checked against: a pattern in it is not one, or it is too large",
            )
        }
    }
}

/// Where a schema refers to another one.
fn reference(value: &Value) -> Option<String> {
    match value {
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            if name == "$ref" && value.is_string() {
                return Some("/$ref".to_string());
            }
            reference(value).map(|rest| format!("/{}{rest}", name.replace('~', "~0").replace('/', "~1")))
        }),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| reference(item).map(|rest| format!("/{index}{rest}")))
        }
        _ => None,
    }
}
