//! What would change: two manifests of one thing, member by member.

use super::{Frequency, Manifest, State, convert, secret};
use serde_json::{Map, Value, json};

/// One member that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Members from the top, joined by dots.
    pub path: String,
    /// What is there.
    pub before: Option<Value>,
    /// What is wanted.
    pub after: Option<Value>,
    /// It is a secret: neither value is shown.
    pub sensitive: bool,
}

/// Makes `wanted` comparable: what it leaves to the server is what the server has, and moments are written alike.
pub fn settle(wanted: &mut Manifest, current: Option<&Manifest>) {
    let Manifest::Flow(wanted) = wanted else { return };
    match &wanted.schedule.start {
        Some(start) => {
            if let Some(start) = convert::start(&json!(start)) {
                wanted.schedule.start = Some(start);
            }
        }
        None => {
            if let Some(Manifest::Flow(current)) = current {
                wanted.schedule.start = current.schedule.start.clone();
            }
        }
    }
    if let Some(end) = wanted.schedule.end.as_ref().and_then(|end| convert::start(&json!(end))) {
        wanted.schedule.end = Some(end);
    }
    if wanted.schedule.frequency == Frequency::Once {
        // They say nothing of a flow that runs once.
        wanted.schedule.interval = None;
        wanted.schedule.end = None;
    }
    if wanted.source.path.is_some() && wanted.source.format.is_none() {
        wanted.source.format = Some("delimited".into());
    }
}

/// What differs between what is there and what is wanted. `resend`: secrets that are set count as changed.
pub fn between(current: &Manifest, wanted: &Manifest, resend: bool) -> Vec<Change> {
    let (mut current, mut wanted) = (current.clone(), wanted.clone());
    settle(&mut current, None);
    settle(&mut wanted, Some(&current));
    let mut changes = Vec::new();
    walk("", Some(&plain(&current)), Some(&plain(&wanted)), resend, &mut changes);
    changes
}

/// All that a new thing has.
pub fn of_new(wanted: &Manifest) -> Vec<Change> {
    let mut wanted = wanted.clone();
    settle(&mut wanted, None);
    let mut changes = Vec::new();
    walk("", None, Some(&plain(&wanted)), false, &mut changes);
    changes.retain(|change| change.path != "kind" && change.path != "name");
    changes
}

/// A manifest as members: the rules of a mapping under their targets, and a state that is there.
fn plain(manifest: &Manifest) -> Value {
    let mut value = serde_json::to_value(manifest).unwrap_or_default();
    if let Some(Value::Array(rules)) = value.get("mapping").cloned() {
        let mut named = Map::new();
        for mut rule in rules {
            let to = rule.as_object_mut().and_then(|rule| rule.remove("to"));
            named.insert(to.and_then(|to| to.as_str().map(str::to_string)).unwrap_or_default(), rule);
        }
        value["mapping"] = Value::Object(named);
    }
    let state = match manifest {
        Manifest::Connection(connection) => connection.state,
        Manifest::Flow(flow) => flow.state,
        Manifest::Dataset(_) => return value,
    };
    if state == State::Enabled {
        value["state"] = json!("enabled");
    }
    value
}

fn walk(path: &str, before: Option<&Value>, after: Option<&Value>, resend: bool, changes: &mut Vec<Change>) {
    let hidden = |value: Option<&Value>| value.is_some_and(|value| secret(value).is_some());
    if hidden(before) || hidden(after) {
        if !hidden(before) || !hidden(after) || resend {
            let shown = |value: Option<&Value>| value.map(|_| Value::Null);
            changes.push(Change { path: path.into(), before: shown(before), after: shown(after), sensitive: true });
        }
        return;
    }
    let none = Map::new();
    match (before, after) {
        (a, b) if a == b => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => members(path, a, b, resend, changes),
        (None, Some(Value::Object(b))) if !b.is_empty() => members(path, &none, b, resend, changes),
        (Some(Value::Object(a)), None) if !a.is_empty() => members(path, a, &none, resend, changes),
        (a, b) => {
            changes.push(Change { path: path.into(), before: a.cloned(), after: b.cloned(), sensitive: false });
        }
    }
}

fn members(path: &str, a: &Map<String, Value>, b: &Map<String, Value>, resend: bool, changes: &mut Vec<Change>) {
    let names = b.keys().chain(a.keys().filter(|name| !b.contains_key(*name)));
    for name in names {
        let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        walk(&inner, a.get(name), b.get(name), resend, changes);
    }
}
