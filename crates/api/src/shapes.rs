//! Completes the OpenAPI document that the routes generate: what every operation has in common (headers, refusals), and
//! the shapes of bodies, which are data (`shapes/*.json`). A body that a handler describes itself stays as it is.
//!
//! Shapes are as strict as the server and no stricter: what they refuse, the server refuses. They are open: a member that
//! they do not name is legal.

use serde_json::{Value, json};

/// Shapes, which operations they belong to, and how a failure looks below a path. Later prefixes come first.
const FILES: [&str; 6] = [
    include_str!("shapes/common.json"),
    include_str!("shapes/catalog.json"),
    include_str!("shapes/prep.json"),
    include_str!("shapes/registry.json"),
    include_str!("shapes/flow.json"),
    include_str!("shapes/webhooks.json"),
];

/// What any secured operation may answer beside what its handler says.
const REFUSALS: [(&str, &str); 5] = [
    ("400", "The request is wrong: the answer says where"),
    ("401", "The token is not valid"),
    ("403", "A credential is missing, or the caller may not do this"),
    ("404", "There is no such resource, or no such sandbox"),
    ("503", "Trying again may help; `Retry-After` says when"),
];

/// The document with headers, refusals and shapes.
pub fn complete(mut document: Value) -> Value {
    let files = FILES.map(|file| serde_json::from_str::<Value>(file).expect("shapes are JSON: a test reads them"));
    for file in &files {
        for (name, shape) in members(&file["schemas"]) {
            let schemas = &mut document["components"]["schemas"];
            if schemas.get(name).is_none() {
                schemas[name] = shape.clone();
            }
        }
    }
    let Some(paths) = document["paths"].as_object_mut() else {
        return document;
    };
    for (path, item) in paths {
        for operation in item.as_object_mut().into_iter().flat_map(|item| item.values_mut()) {
            let shape = files.iter().find_map(|file| file["operations"].get(operation["operationId"].as_str()?));
            let shape = shape.cloned().unwrap_or_default();
            let family = family(&files, path);
            parameters(operation, family["limit"].as_u64());
            query(operation, &shape["query"]);
            common(operation, family["error"].as_str().unwrap_or("PlainError"));
            body(operation, shape["request"].as_str());
            answer(operation, shape["response"].as_str());
        }
    }
    document
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// What is said of all operations below a path.
fn family<'a>(files: &'a [Value], path: &str) -> &'a Value {
    let families = files.iter().rev().filter_map(|file| file["paths"].as_array()).flatten();
    let mut families = families.filter(|family| family["prefix"].as_str().is_some_and(|p| path.starts_with(p)));
    families.next().unwrap_or(&Value::Null)
}

/// Bounds of numbers as the server has them. What Rust's types say of them is its own affair.
fn parameters(operation: &mut Value, limit: Option<u64>) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap_or_default().to_string();
        let schema = &mut parameter["schema"];
        if schema["type"] == json!(["string", "null"]) {
            *schema = json!({ "type": "string" });
        }
        if name == "mode" {
            *schema = json!({ "type": "string", "enum": ["draft"] });
        }
        if matches!(name.as_str(), "preview" | "determineProperties") {
            // They are looked at for a file only.
            *schema = json!({ "type": ["boolean", "string"] });
        }
        if schema["type"] != "integer" {
            continue;
        }
        *schema = match (name.as_str(), limit) {
            ("limit", Some(most)) => json!({ "type": "integer", "minimum": 1, "maximum": most }),
            ("limit", None) => json!({ "type": "integer", "minimum": 1 }),
            ("start" | "offset", _) => json!({ "type": "integer", "minimum": 0 }),
            _ => json!({ "type": "integer" }),
        };
    }
}

/// What the shape of an operation says of its query.
fn query(operation: &mut Value, shapes: &Value) {
    for parameter in operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(shape) = parameter["name"].as_str().and_then(|name| shapes.get(name)) {
            parameter["schema"] = shape.clone();
        }
    }
}

fn reference(name: &str) -> Value {
    json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } } })
}

/// Headers of a caller, and the answers of a refusal.
fn common(operation: &mut Value, failure: &str) {
    let open = operation["security"] == json!([{}]);
    if !open {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let mut all = parameters;
        all.push(header("x-gw-ims-org-id", true, "The organization, `…@AdobeOrg`"));
        all.push(header("x-sandbox-name", false, "The sandbox; the organization's default one unless given"));
        operation["parameters"] = Value::Array(all);
    }
    let guarded = operation["parameters"].as_array().is_some_and(|all| all.iter().any(|p| p["name"] == "if-match"));
    let mut refusals: Vec<(&str, &str)> = REFUSALS.to_vec();
    if guarded {
        refusals.push(("412", "The entity has changed since: its etag is another"));
    }
    if operation.get("requestBody").is_some() {
        refusals.push(("413", "The body is too large"));
    }
    let responses = &mut operation["responses"];
    for (status, description) in refusals {
        if responses.get(status).is_none() {
            responses[status] = json!({ "description": description });
        }
    }
    for (status, response) in responses.as_object_mut().into_iter().flatten() {
        if status.starts_with(['4', '5']) && response.get("content").is_none() {
            response["content"] = reference(failure);
        }
    }
}

fn header(name: &str, required: bool, description: &str) -> Value {
    json!({ "name": name, "in": "header", "required": required, "description": description, "schema": { "type": "string" } })
}

/// A request's body: JSON, unless the handler says what it is.
fn body(operation: &mut Value, shape: Option<&str>) {
    let Some(body) = operation.get_mut("requestBody") else {
        return;
    };
    if let Some(name) = shape {
        let bare = body["content"]["application/json"]["schema"].get("properties").is_none();
        if bare {
            body["content"] = reference(name);
        }
        body["required"] = json!(true);
    }
}

/// The body of success.
fn answer(operation: &mut Value, shape: Option<&str>) {
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    for (status, response) in responses {
        // What the generator makes of a bare `bool` or `String` is plain text, and our answers are JSON.
        let described = response["content"].as_object().is_some_and(|kinds| !kinds.contains_key("text/plain"));
        if let (true, false, Some(name)) = (matches!(status.as_str(), "200" | "201" | "202"), described, shape) {
            response["content"] = reference(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;
    use std::collections::BTreeSet;

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                if let Some(name) = object.get("$ref").and_then(Value::as_str) {
                    found.insert(name.trim_start_matches("#/components/schemas/").to_string());
                }
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn shapes_name_operations_and_shapes_that_exist() {
        let bare = serde_json::to_value(crate::routes::generated()).unwrap();
        let ids: BTreeSet<&str> = bare["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|item| item.as_object().unwrap().values())
            .filter_map(|operation| operation["operationId"].as_str())
            .collect();
        for file in FILES {
            let file: Value = serde_json::from_str(file).unwrap();
            for (name, _) in members(&file["operations"]) {
                assert!(ids.contains(name.as_str()), "no operation is called {name}");
            }
        }
        let document = complete(bare.clone());
        let mut used = BTreeSet::new();
        references(&document, &mut used);
        let known: Map<String, Value> = document["components"]["schemas"].as_object().unwrap().clone();
        for name in used {
            assert!(known.contains_key(&name), "no shape is called {name}");
        }
    }
}
