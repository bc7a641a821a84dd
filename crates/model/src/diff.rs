//! What is other between two JSON documents, for people: a short list of places with what was there and what is.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Places of one list; the rest is only said to be there.
const MOST: usize = 100;
/// Characters of a text.
const LONGEST: usize = 500;
/// Bytes of a list or an object.
const LARGEST: usize = 2_000;

/// A place where two documents differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// A JSON pointer.
    pub path: String,
    /// What was there; none if nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is there; none if nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// Where two documents differ. Members whose path is `noise` are not looked at. Long values are cut.
pub fn between(before: &Value, after: &Value, noise: &dyn Fn(&[String]) -> bool) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut path = Vec::new();
    walk(Some(before), Some(after), &mut path, noise, &mut found);
    if found.len() > MOST {
        let more = format!("({} more differences)", found.len() - MOST);
        found.truncate(MOST);
        found.push(Difference { path: String::new(), before: None, after: Some(json!(more)) });
    }
    found
}

fn walk(
    before: Option<&Value>,
    after: Option<&Value>,
    path: &mut Vec<String>,
    noise: &dyn Fn(&[String]) -> bool,
    found: &mut Vec<Difference>,
) {
    if before == after || !path.is_empty() && noise(path) {
        return;
    }
    match (before, after) {
        (Some(Value::Object(old)), Some(Value::Object(new))) => {
            let added = new.keys().filter(|name| !old.contains_key(*name));
            for name in old.keys().chain(added) {
                path.push(name.clone());
                walk(old.get(name), new.get(name), path, noise, found);
                path.pop();
            }
        }
        (Some(Value::Array(old)), Some(Value::Array(new))) => {
            // What is the same at both ends has not changed, wherever in between something came or went.
            let least = old.len().min(new.len());
            let head = (0..least).take_while(|i| old[*i] == new[*i]).count();
            let tail = (0..least - head).take_while(|i| old[old.len() - 1 - i] == new[new.len() - 1 - i]).count();
            for index in head..old.len().max(new.len()) - tail {
                path.push(index.to_string());
                let old = old.get(index).filter(|_| index < old.len() - tail);
                let new = new.get(index).filter(|_| index < new.len() - tail);
                walk(old, new, path, noise, found);
                path.pop();
            }
        }
        _ => {
            let pointer = path.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1")));
            let shown = |value: Option<&Value>| value.map(cut);
            found.push(Difference { path: pointer.collect(), before: shown(before), after: shown(after) });
        }
    }
}

/// A value that is short enough to be shown.
fn cut(value: &Value) -> Value {
    match value {
        Value::String(text) if text.chars().count() > LONGEST => {
            json!(format!("{}…", text.chars().take(LONGEST).collect::<String>()))
        }
        Value::Array(items) if value.to_string().len() > LARGEST => json!(format!("({} items)", items.len())),
        Value::Object(members) if value.to_string().len() > LARGEST => json!(format!("({} members)", members.len())),
        value => value.clone(),
    }
}

/// Whether a value may be one that was cut, so that it is not what was there.
pub fn is_cut(value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let counted = text.starts_with('(') && [" items)", " members)"].iter().any(|end| text.ends_with(end));
    counted || text.ends_with('…') && text.chars().count() == LONGEST + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(before: Value, after: Value, expected: &[&str]) {
        let noise = |path: &[String]| path == ["etag"];
        let shown = |value: &Option<Value>| value.as_ref().map_or("–".to_string(), Value::to_string);
        let found = between(&before, &after, &noise).into_iter();
        let found: Vec<String> =
            found.map(|d| format!("{} {} → {}", d.path, shown(&d.before), shown(&d.after))).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn members_that_changed_came_or_went() {
        check(json!({ "a": 1, "b": { "c": 2 } }), json!({ "a": 1, "b": { "c": 3 } }), &["/b/c 2 → 3"]);
        check(json!({ "a": 1 }), json!({ "b": null }), &["/a 1 → –", "/b – → null"]);
        check(json!({ "a/b": 1 }), json!({ "a/b": [] }), &["/a~1b 1 → []"]);
        check(json!({ "etag": 1, "x": { "etag": 1 } }), json!({ "etag": 2, "x": { "etag": 2 } }), &["/x/etag 1 → 2"]);
        check(json!({}), json!({}), &[]);
    }

    #[test]
    fn items_of_lists() {
        check(json!([1, 2, 3]), json!([1, 3]), &["/1 2 → –"]);
        check(json!([1, 3]), json!([1, 2, 3]), &["/1 – → 2"]);
        check(json!([1, 1]), json!([1, 1, 1]), &["/2 – → 1"]);
        check(json!([{ "a": 1 }, 5]), json!([{ "a": 2 }, 5]), &["/0/a 1 → 2"]);
        check(json!([1]), json!([]), &["/0 1 → –"]);
    }

    #[test]
    fn what_is_long_is_cut() {
        let long = "ä".repeat(600);
        let found = between(&json!({ "a": "" }), &json!({ "a": long }), &|_| false);
        assert_eq!(found[0].after.as_ref().unwrap().as_str().unwrap().chars().count(), 501);
        assert!(is_cut(found[0].after.as_ref().unwrap()) && !is_cut(&json!("ä…")) && !is_cut(&json!(7)));
        let many: Vec<Value> = (0..1000).map(|i| json!(i)).collect();
        let found = between(&json!({}), &json!({ "a": many }), &|_| false);
        assert_eq!(found[0].after, Some(json!("(1000 items)")));
        assert!(is_cut(&json!("(1000 items)")));
        let found = between(&json!([]), &json!(many), &|_| false);
        assert_eq!((found.len(), found[100].after.clone()), (101, Some(json!("(900 more differences)"))));
    }
}
