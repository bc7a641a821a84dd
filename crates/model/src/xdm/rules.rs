//! What a caller may define: a schema, class, field group or data type before it is stored.

use super::{Lookup, global, resolve};
use crate::code;
use crate::error::{Error, Kind, Place, Result};
use serde_json::Value;

/// The longest definition, as JSON.
pub const MAX_SCHEMA_BYTES: usize = 256 * 1024;

/// Names of the model's own vocabularies; the only ones below the top level that may begin with `_`.
const SYSTEM: &[&str] = &["_id", "_repo", "_schema", "_dc", "_xmpDM"];

/// Judges a definition as a caller sends it: its title and type, the names of its fields, and that every `$ref` is known.
pub fn check_new(body: &Value, lookup: Lookup<'_>) -> Result<()> {
    let fault =
        |message: String, at: &str| Err(Error::new(Kind::Invalid, &code::XDM_1020, message).at(Place::pointer(at)));
    let Value::Object(node) = body else { return fault("the definition is not a JSON object".into(), "") };
    let size = body.to_string().len();
    if size > MAX_SCHEMA_BYTES {
        let message = format!("the definition has {size} bytes; {MAX_SCHEMA_BYTES} are allowed");
        return Err(Error::new(Kind::TooLarge, &code::XDM_1020, message));
    }
    match node.get("title") {
        Some(Value::String(title)) if !title.trim().is_empty() => {}
        _ => return fault("`title` is missing, empty or no text".into(), "/title"),
    }
    match node.get("type") {
        Some(Value::String(ty)) if ty == "object" => {}
        Some(other) => return fault(format!("`type` must be \"object\", not {other}"), "/type"),
        None => return fault("`type` is missing: write \"type\": \"object\"".into(), "/type"),
    }
    names(body, "", true)?;
    resolve(body, lookup).map(|_| ())
}

/// The fields' names in the caller's own text. Inside an object none begins with `_` but the system's own; at the top
/// level there are the tenant's namespace and the vocabularies.
fn names(node: &Value, at: &str, top: bool) -> Result<()> {
    let Value::Object(node) = node else { return Ok(()) };
    for (key, value) in node {
        match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                for (name, property) in properties {
                    let at = format!("{at}/properties/{}", name.replace('~', "~0").replace('/', "~1"));
                    if !top && name.starts_with('_') && !SYSTEM.contains(&name.as_str()) {
                        let message = format!(
                            "the field `{name}` may not begin with `_`: only the tenant's namespace and system fields do"
                        );
                        return Err(Error::new(Kind::Invalid, &code::XDM_1020, message).at(Place::pointer(at)));
                    }
                    names(property, &at, false)?;
                }
            }
            ("definitions", Value::Object(definitions)) => {
                for (name, definition) in definitions {
                    names(definition, &format!("{at}/definitions/{name}"), true)?;
                }
            }
            ("allOf", Value::Array(parts)) => {
                for (index, part) in parts.iter().enumerate() {
                    names(part, &format!("{at}/allOf/{index}"), top)?;
                }
            }
            ("items" | "additionalProperties", inside) => names(inside, &format!("{at}/{key}"), false)?,
            _ => {}
        }
    }
    Ok(())
}

/// The class of a schema: its `meta:class`, or the first of its parts that is one.
pub fn class_of(schema: &Value, lookup: Lookup<'_>) -> Option<String> {
    if let Some(class) = schema.get("meta:class").and_then(Value::as_str) {
        return Some(class.to_string());
    }
    for part in schema.get("allOf")?.as_array()? {
        let Some(id) = part.get("$ref").and_then(Value::as_str) else { continue };
        let found = lookup(id).or_else(|| global(id).cloned());
        if let Some(found) = found.filter(|found| found["meta:resourceType"] == "classes") {
            return found.get("$id").and_then(Value::as_str).map(str::to_string);
        }
    }
    None
}
