//! A merged schema to a tree of fields. The type of a field is what `meta:xdmType` says, or what its JSON Schema means.

use super::merge::pointer;
use super::{Field, FieldTree, MAX_DEPTH, Type};
use crate::code;
use crate::error::{Error, Kind, Place, Result};
use crate::event;
use serde_json::{Map, Value};
use std::collections::HashMap;

type Object = Map<String, Value>;

pub(super) fn tree(schema: &Value) -> Result<FieldTree> {
    let Value::Object(node) = schema else { return Err(fault(&[], "the schema is not a JSON object")) };
    Ok(FieldTree { fields: children(node, &mut Vec::new())? })
}

fn fault(path: &[String], message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, &code::XDM_1020, message.into()).at(Place::pointer(pointer(path)))
}

/// The fields of an object's `properties`.
fn children(node: &Object, path: &mut Vec<String>) -> Result<Vec<Field>> {
    if path.len() > MAX_DEPTH {
        return Err(fault(path, format!("the schema is nested deeper than {MAX_DEPTH} levels")));
    }
    let required: Vec<&str> = match node.get("required") {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let Some(Value::Object(properties)) = node.get("properties") else { return Ok(Vec::new()) };
    let mut folded: HashMap<String, &str> = HashMap::new();
    let mut fields = Vec::new();
    for (name, property) in properties {
        path.push(name.clone());
        check_name(name, path)?;
        if let Some(twin) = folded.insert(name.to_lowercase(), name) {
            return Err(fault(
                path,
                format!("the fields `{twin}` and `{name}` differ in capitals only, which a table cannot hold"),
            ));
        }
        let Value::Object(property) = property else {
            return Err(fault(path, format!("the property `{name}` is not a JSON object")));
        };
        if let Some(ty) = type_of(property, path)? {
            fields.push(Field { name: name.clone(), ty, required: required.contains(&name.as_str()) });
        }
        path.pop();
    }
    Ok(fields)
}

/// Letters, digits, `-` and `_`. Columns that a run adds to each row are nobody's field.
fn check_name(name: &str, path: &[String]) -> Result<()> {
    let legal = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !legal {
        let message = format!("`{name}` is no name for a field: letters, digits, `-` and `_` are allowed");
        return Err(fault(path, message));
    }
    if path.len() == 1 && [event::PART, event::FILE, event::LINE, event::EVENT].contains(&name) {
        return Err(fault(path, format!("the name `{name}` is kept for the system")));
    }
    Ok(())
}

/// What kind of type a node is, as `meta:xdmType` names it; `None` where it does not say.
pub(crate) fn xdm_type(node: &Object) -> Option<&'static str> {
    let composite = || {
        if node.contains_key("properties") {
            Some("object")
        } else if node.contains_key("items") {
            Some("array")
        } else if matches!(node.get("additionalProperties"), Some(Value::Object(_))) {
            Some("map")
        } else {
            None
        }
    };
    if let Some(said) = node.get("meta:xdmType").and_then(Value::as_str) {
        let known = match said {
            "string" => "string",
            "boolean" => "boolean",
            "byte" => "byte",
            "short" => "short",
            "int" | "integer" => "int",
            "long" => "long",
            "number" | "double" | "float" => "number",
            "date" => "date",
            "date-time" | "dateTime" => "date-time",
            "array" => "array",
            "map" => "map",
            "object" => composite().unwrap_or("object"),
            _ => return None,
        };
        return Some(known);
    }
    let json = match node.get("type") {
        Some(Value::String(name)) => name.as_str(),
        // `["string", "null"]`: null says nothing, every field may be null.
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|name| *name != "null")?,
        _ => return composite().or_else(|| node.contains_key("enum").then_some("string")),
    };
    match json {
        "string" => Some(match node.get("format").and_then(Value::as_str) {
            Some("date") => "date",
            Some("date-time") => "date-time",
            _ => "string",
        }),
        "boolean" => Some("boolean"),
        "integer" => Some(width(node)),
        "number" => Some("number"),
        "array" => Some("array"),
        "object" => Some(composite().unwrap_or("object")),
        _ => None,
    }
}

/// The narrowest integer that holds the declared range; without a range 32 bits, as the registry has it.
fn width(node: &Object) -> &'static str {
    let bound = |key: &str| node.get(key).and_then(Value::as_f64);
    let (least, most) = (bound("minimum"), bound("maximum"));
    let within = |low: f64, high: f64| least.is_none_or(|v| v >= low) && most.is_none_or(|v| v <= high);
    let closed = least.is_some() && most.is_some();
    if closed && within(-128.0, 128.0) {
        // The registry's own range of a byte ends at 128.
        if most == Some(128.0) && least != Some(-128.0) { "short" } else { "byte" }
    } else if closed && within(-32768.0, 32768.0) {
        "short"
    } else if within(f64::from(i32::MIN), 2_147_483_648.0) {
        "int"
    } else {
        "long"
    }
}

/// The type of a property; `None` for an object with nothing in it.
fn type_of(node: &Object, path: &mut Vec<String>) -> Result<Option<Type>> {
    let Some(kind) = xdm_type(node) else {
        let said = node.get("meta:xdmType").or_else(|| node.get("type"));
        return Err(fault(
            path,
            match said {
                Some(said) => format!("the field `{}` has the type {said}, which is not known", path.join(".")),
                None => format!("the field `{}` has no type", path.join(".")),
            },
        ));
    };
    Ok(Some(match kind {
        "string" => Type::String,
        "boolean" => Type::Boolean,
        "byte" => Type::Byte,
        "short" => Type::Short,
        "int" => Type::Int,
        "long" => Type::Long,
        "number" => Type::Number,
        "date" => Type::Date,
        "date-time" => Type::DateTime,
        "array" => {
            let Some(Value::Object(items)) = node.get("items") else {
                return Err(fault(path, format!("the array `{}` does not say what its `items` are", path.join("."))));
            };
            return Ok(inside(items, path)?.map(|ty| Type::Array(Box::new(ty))));
        }
        "map" => match node.get("additionalProperties") {
            Some(Value::Object(values)) if !values.is_empty() => {
                return Ok(inside(values, path)?.map(|ty| Type::Map(Box::new(ty))));
            }
            _ => Type::Map(Box::new(Type::String)),
        },
        _ => {
            let fields = children(node, path)?;
            if fields.is_empty() {
                return Ok(None);
            }
            Type::Object(fields)
        }
    }))
}

/// The type of an array's elements or a map's values.
fn inside(node: &Object, path: &mut Vec<String>) -> Result<Option<Type>> {
    if path.len() > MAX_DEPTH {
        return Err(fault(path, format!("the schema is nested deeper than {MAX_DEPTH} levels")));
    }
    path.push("[]".into());
    let ty = type_of(node, path)?;
    path.pop();
    Ok(ty)
}
