//! Unions (platform.md §3.1): what all schemas of a class have together. A schema takes part once it has the tag
//! `union`, which it keeps. Nobody writes a union: it is made when it is asked for.

use crate::caller::Caller;
use crate::xdm::Registry;
use serde_json::{Value, json};

/// The name of the kind.
pub const KIND: &str = "unions";

/// The tag of schemas that take part.
const TAG: &str = "union";
/// The member that has a schema's tags.
pub const TAGS: &str = "meta:immutableTags";

/// Whether a schema takes part in the union of its class.
fn takes_part(schema: &Value) -> bool {
    schema["meta:resourceType"] == "schemas"
        && schema[TAGS].as_array().is_some_and(|tags| tags.iter().any(|tag| tag == TAG))
}

/// The unions of a sandbox, one for each class that has a schema with the tag.
pub fn all(registry: &Registry, caller: &Caller) -> Vec<Value> {
    let mut unions: Vec<Value> = Vec::new();
    for document in registry.documents.iter().filter(|document| takes_part(&document.body)) {
        let (Some(class), Some(schema)) = (document.text("/meta:class"), document.text("/$id")) else { continue };
        let id = format!("{class}__union");
        let at = match unions.iter().position(|union| union["$id"] == id) {
            Some(at) => at,
            None => {
                unions.push(empty(registry, caller, class, &id));
                unions.len() - 1
            }
        };
        let part = json!({ "$ref": schema, "type": "object", "meta:xdmType": "object" });
        for (member, value) in [("allOf", part), ("refs", json!(schema)), ("meta:extends", json!(schema))] {
            if let Some(list) = unions[at][member].as_array_mut() {
                list.push(value);
            }
        }
    }
    unions
}

/// The union of a class with no schema in it yet.
fn empty(registry: &Registry, caller: &Caller, class: &str, id: &str) -> Value {
    let found = registry.find(class).unwrap_or_default();
    let title = found["title"].as_str().unwrap_or(class);
    let alt = found["meta:altId"].as_str().unwrap_or(class);
    json!({
        "$id": id,
        "meta:altId": format!("{alt}__union"),
        "meta:resourceType": KIND,
        "version": "1.0",
        "title": title,
        "type": "object",
        "description": format!("What the schemas of the class {title} have together"),
        "allOf": [],
        "refs": [],
        "imsOrg": caller.member.org,
        "meta:class": class,
        "meta:extends": [],
        "meta:xdmType": "object",
        "meta:containerId": "tenant",
        "meta:sandboxId": caller.scope.sandbox,
        "meta:sandboxType": registry.sandbox_type,
        "meta:tenantNamespace": format!("_{}", caller.member.tenant),
    })
}
