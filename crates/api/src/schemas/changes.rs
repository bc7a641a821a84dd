//! What became of a resource, change by change: kept with it, in a member that no answer shows but the audit log.

use crate::App;
use crate::caller::Caller;
use forebay_model::Time;
use serde_json::{Value, json};

/// The member of a stored resource; [`crate::xdm::Registry`] takes it off.
pub const MEMBER: &str = "forebay:changes";
/// Changes that are kept of a resource, and parts of one change.
const MOST: usize = 100;
/// Bytes of a value that is kept.
const VALUE: usize = 2048;
/// Members that say who and when, rather than what.
const ABOUT: &[&str] = &["meta:registryMetadata", "version", "refs", "meta:extends"];

/// The changes of a resource with a new one in front.
pub fn noted(app: &App, caller: &Caller, old: Option<&Value>, new: &Value, before: &[Value]) -> Vec<Value> {
    let mut parts = Vec::new();
    match old {
        Some(old) => compare(old, new, "", &mut parts),
        None => parts.push(("add", String::new(), short(&new["title"]))),
    }
    let id = &new["$id"];
    let trails: Vec<Value> = parts
        .into_iter()
        .take(MOST)
        .map(|(action, path, value)| {
            json!({ "id": id, "xdmType": new["meta:resourceType"], "action": action, "path": path, "value": value })
        })
        .collect();
    let change = json!({
        "id": id,
        "version": new["version"],
        "auditTrails": trails,
        "updatedUser": caller.member.account,
        "imsOrg": caller.member.org,
        "updated": millis(app.now()),
        "clientId": caller.member.client,
        "sandBoxId": caller.scope.sandbox,
    });
    std::iter::once(change).chain(before.iter().cloned()).take(MOST).collect()
}

fn millis(time: Time) -> i64 {
    time.timestamp_millis()
}

fn short(value: &Value) -> Value {
    if value.to_string().len() <= VALUE { value.clone() } else { Value::Null }
}

/// Where two values differ: what was done, the pointer, and what is there now.
fn compare(old: &Value, new: &Value, path: &str, parts: &mut Vec<(&'static str, String, Value)>) {
    let (Value::Object(before), Value::Object(after)) = (old, new) else {
        if old != new {
            parts.push(("update", path.to_string(), short(new)));
        }
        return;
    };
    let at = |name: &str| format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
    for (name, value) in after {
        if path.is_empty() && ABOUT.contains(&name.as_str()) {
            continue;
        }
        match before.get(name) {
            Some(old) => compare(old, value, &at(name), parts),
            None => parts.push(("add", at(name), short(value))),
        }
    }
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        parts.push(("remove", at(name), Value::Null));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_named_by_their_pointers() {
        let old = json!({ "title": "a", "p": { "x/y": 1, "z": 2 }, "version": "1.0" });
        let new = json!({ "title": "b", "p": { "x/y": 1, "w": 3 }, "version": "1.1" });
        let mut parts = Vec::new();
        compare(&old, &new, "", &mut parts);
        assert_eq!(
            parts,
            [
                ("update", "/title".to_string(), json!("b")),
                ("add", "/p/w".to_string(), json!(3)),
                ("remove", "/p/z".to_string(), Value::Null),
            ]
        );
    }
}
