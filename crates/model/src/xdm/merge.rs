//! A schema's parts made one: every `$ref` followed, every `allOf` merged, in the order of the text. Bounded in depth
//! and in fields, so that neither a circle nor doubling references can run away.

use super::tree::xdm_type;
use super::{Lookup, MAX_DEPTH, MAX_FIELDS, global};
use crate::code;
use crate::error::{Error, Kind, Place, Result};
use serde_json::{Map, Value};
use std::rc::Rc;

type Object = Map<String, Value>;

/// What a property takes over from the type it refers to, where it does not say otherwise itself.
const INHERITED: &[&str] = &[
    "title",
    "description",
    "type",
    "format",
    "pattern",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "enum",
    "meta:enum",
    "default",
    "meta:xdmType",
    "items",
    "additionalProperties",
];

pub(super) fn full(schema: &Value, lookup: Lookup<'_>) -> Result<Value> {
    let Value::Object(node) = schema else {
        return Err(
            Error::new(Kind::Invalid, &code::XDM_1020, "the schema is not a JSON object").at(Place::pointer(""))
        );
    };
    let mut merger = Merger { lookup, open: Vec::new(), path: Vec::new(), fields: 0, nodes: 0 };
    let document = Rc::new(schema.clone());
    merger.node(node, &document, 0).map(Value::Object)
}

struct Merger<'a> {
    lookup: Lookup<'a>,
    /// The references that are being followed, outermost first.
    open: Vec<String>,
    /// The names of the properties that are being merged, outermost first.
    path: Vec<String>,
    fields: usize,
    nodes: usize,
}

/// The most nodes that are visited: parts of parts that double have no fields to count.
const MAX_NODES: usize = 10 * MAX_FIELDS;

impl Merger<'_> {
    fn fault(&self, message: impl Into<String>) -> Error {
        let pointer = pointer(&self.path);
        Error::new(Kind::Invalid, &code::XDM_1020, message.into()).at(Place::pointer(pointer))
    }

    /// One node of a schema, whole. `document` is what a local reference `#/…` looks into.
    fn node(&mut self, node: &Object, document: &Rc<Value>, depth: usize) -> Result<Object> {
        if depth > MAX_DEPTH {
            return Err(self.fault(format!("the schema is nested deeper than {MAX_DEPTH} levels")));
        }
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let message = format!("the schema and what it refers to have more than {MAX_NODES} parts");
            return Err(Error::new(Kind::TooLarge, &code::XDM_1020, message).at(Place::pointer(pointer(&self.path))));
        }
        let mut out = Object::new();
        for (key, value) in node {
            match (key.as_str(), value) {
                ("$ref", Value::String(reference)) => {
                    let target = self.follow(reference, document, depth)?;
                    self.inherit(&mut out, node, target, true)?;
                    out.insert("meta:referencedFrom".into(), Value::String(reference.clone()));
                }
                ("allOf", Value::Array(parts)) => {
                    for part in parts {
                        let Value::Object(part) = part else {
                            return Err(self.fault("an element of `allOf` is not a JSON object"));
                        };
                        let mut part = self.node(part, document, depth + 1)?;
                        part.remove("meta:referencedFrom");
                        self.inherit(&mut out, node, part, false)?;
                    }
                }
                ("properties", Value::Object(properties)) => {
                    let mut merged = Object::new();
                    for (name, property) in properties {
                        merged.insert(name.clone(), self.property(name, property, document, depth)?);
                    }
                    self.join(&mut out, merged)?;
                }
                ("required", Value::Array(names)) => require(&mut out, names),
                ("items" | "additionalProperties", Value::Object(inside)) => {
                    let inside = self.node(inside, document, depth + 1)?;
                    out.insert(key.clone(), Value::Object(inside));
                }
                ("$ref" | "allOf" | "properties" | "required" | "items", _) => {
                    return Err(self.fault(format!("`{key}` is not of the form that JSON Schema has for it")));
                }
                ("definitions", _) => {}
                _ => {
                    out.insert(key.clone(), value.clone());
                }
            }
        }
        Ok(out)
    }

    fn property(&mut self, name: &str, property: &Value, document: &Rc<Value>, depth: usize) -> Result<Value> {
        self.path.push(name.to_string());
        self.fields += 1;
        if self.fields > MAX_FIELDS {
            let message = format!("the schema has more than {MAX_FIELDS} fields");
            return Err(Error::new(Kind::TooLarge, &code::XDM_1020, message).at(Place::pointer(pointer(&self.path))));
        }
        let Value::Object(property) = property else {
            return Err(self.fault(format!("the property `{name}` is not a JSON object")));
        };
        let merged = self.node(property, document, depth + 1)?;
        self.path.pop();
        Ok(Value::Object(merged))
    }

    /// What a reference names, merged.
    fn follow(&mut self, reference: &str, document: &Rc<Value>, depth: usize) -> Result<Object> {
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let home = document.get("$id").and_then(Value::as_str).unwrap_or("");
        let absolute = if base.is_empty() { format!("{home}#{fragment}") } else { reference.to_string() };
        if self.open.contains(&absolute) {
            let circle = self.open.join(" → ");
            return Err(self.fault(format!("`{reference}` refers back to itself: {circle} → {absolute}")));
        }
        let target = if base.is_empty() || base == home {
            document.clone()
        } else {
            let found = (self.lookup)(base).or_else(|| global(base).cloned());
            Rc::new(found.ok_or_else(|| self.missing(reference))?)
        };
        let Some(Value::Object(node)) = target.pointer(fragment) else { return Err(self.missing(reference)) };
        self.open.push(absolute);
        let merged = self.node(node, &target, depth + 1)?;
        self.open.pop();
        Ok(merged)
    }

    fn missing(&self, reference: &str) -> Error {
        Error::new(Kind::NotFound, &code::XDM_1012, format!("the resource `{reference}`, which a `$ref` names, is not found"))
            .at(Place::pointer(pointer(&self.path)))
            .advice("Create it first, or correct the `$ref`. It must be the `$id` of a resource of this sandbox or of the global library.")
    }

    /// Takes over what `part` says and `node` itself does not. Titles come with a reference, not with a part.
    fn inherit(&mut self, out: &mut Object, node: &Object, mut part: Object, titles: bool) -> Result<()> {
        if let Some(Value::Object(properties)) = part.remove("properties") {
            self.join(out, properties)?;
        }
        if let Some(Value::Array(names)) = part.remove("required") {
            require(out, &names);
        }
        for key in INHERITED {
            let text = matches!(*key, "title" | "description");
            if node.contains_key(*key) || out.contains_key(*key) || (text && !titles) {
                continue;
            }
            if let Some(value) = part.remove(*key) {
                out.insert(key.to_string(), value);
            }
        }
        Ok(())
    }

    /// Adds properties to those that are there.
    fn join(&mut self, out: &mut Object, properties: Object) -> Result<()> {
        let Value::Object(present) = out.entry("properties").or_insert_with(|| Value::Object(Object::new())) else {
            return Err(self.fault("`properties` is not a JSON object"));
        };
        for (name, property) in properties {
            self.path.push(name.clone());
            match present.get_mut(&name) {
                None => {
                    present.insert(name, property);
                }
                Some(before) => self.agree(before, property)?,
            }
            self.path.pop();
        }
        Ok(())
    }

    /// Two definitions of one field: objects are joined, anything else must be of one type.
    fn agree(&mut self, before: &mut Value, after: Value) -> Result<()> {
        let (Value::Object(before), Value::Object(mut after)) = (before, after) else { return Ok(()) };
        let objects = before.contains_key("properties") && after.contains_key("properties");
        let (first, second) = (xdm_type(before), xdm_type(&after));
        if !objects && first != second {
            let types = (first.unwrap_or("none"), second.unwrap_or("none"));
            let message = format!(
                "the field `{}` is defined twice, with the types {} and {}",
                self.path.join("."),
                types.0,
                types.1
            );
            return Err(Error::new(Kind::Invalid, &code::XDM_1413, message).at(Place::pointer(pointer(&self.path))));
        }
        if let Some(Value::Array(names)) = after.remove("required") {
            require(before, &names);
        }
        if let Some(Value::Object(properties)) = after.remove("properties") {
            self.join(before, properties)?;
        }
        Ok(())
    }
}

/// Adds names to `required`, each once.
fn require(out: &mut Object, names: &[Value]) {
    let Value::Array(present) = out.entry("required").or_insert_with(|| Value::Array(Vec::new())) else { return };
    for name in names {
        if !present.contains(name) {
            present.push(name.clone());
        }
    }
}

/// Where a field is defined in the merged schema.
pub(super) fn pointer(path: &[String]) -> String {
    path.iter().map(|name| format!("/properties/{}", name.replace('~', "~0").replace('/', "~1"))).collect()
}
