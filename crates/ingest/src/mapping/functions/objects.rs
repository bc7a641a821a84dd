//! Functions of objects, which maps are too: named values in an order.

use super::texts::joined;
use super::{Args, Builtin, Gives, MANY, builtin, nested};
use crate::mapping::value::{Fault, Members, Outcome, Value};
use std::borrow::Cow;
use std::collections::HashSet;

pub(super) static ALL: &[Builtin] = &[
    nested("to_object", 2, MANY, Gives::Any, to_object),
    nested("to_map", 2, MANY, Gives::Any, to_object),
    nested("arrays_to_object", 2, MANY, Gives::Any, arrays_to_object),
    nested("str_to_object", 1, 3, Gives::Any, str_to_object),
    nested("get", 2, 2, Gives::Any, |args| Ok(member(args.value(0)?, &args.value(1)?))),
    builtin("contains_key", 1, 1, Gives::Truth, |args| Ok(Value::Bool(!args.value(0)?.is_null()))),
    nested("get_keys", 1, 1, Gives::Texts, get_keys),
    builtin("get_values", 3, 4, Gives::Text, get_values),
    nested("map_get_values", 2, 2, Gives::Any, map_get_values),
    nested("map_has_keys", 2, 2, Gives::Truth, map_has_keys),
    nested("add_to_map", 2, MANY, Gives::Any, add_to_map),
    nested("object_to_map", 1, 1, Gives::Any, |args| Ok(args.object(0)?.map_or(Value::Null, Value::Object))),
    nested("array_to_map", 2, 2, Gives::Any, array_to_map),
    nested("json_to_object", 1, 1, Gives::Any, json_to_object),
    nested("array_to_string", 2, 2, Gives::Text, array_to_string),
];

/// Keys and values in turn.
fn to_object<'a>(args: &Args<'a>) -> Outcome<'a> {
    args.budget.elements(args.len())?;
    let mut members = Members::default();
    for at in (0..args.len()).step_by(2) {
        members.put(args.key(at)?, args.value(at + 1)?);
    }
    Ok(members.value())
}

/// Keys and lists in turn; the longest list counts.
fn arrays_to_object<'a>(args: &Args<'a>) -> Outcome<'a> {
    let mut columns = Vec::with_capacity(args.len() / 2);
    for at in (0..args.len()).step_by(2) {
        columns.push((args.key(at)?, args.list(at + 1)?.into_iter()));
    }
    let longest = columns.iter().map(|(_, items)| items.len()).max().unwrap_or(0);
    args.budget.elements(longest.saturating_mul(columns.len() + 1))?;
    let mut objects = Vec::with_capacity(longest);
    for _ in 0..longest {
        let mut members = Members::default();
        for (key, items) in &mut columns {
            members.put(key.clone(), items.next().unwrap_or(Value::Null));
        }
        objects.push(members.value());
    }
    Ok(Value::List(objects))
}

/// A delimiter; the usual one where none is given, or an empty one.
fn delimiter<'a>(args: &Args<'a>, at: usize, usual: &'static str) -> Result<Cow<'a, str>, Fault> {
    Ok(args.text(at)?.filter(|text| !text.is_empty()).unwrap_or(usual.into()))
}

/// The pairs of `a:1,b:2`, without the white space around their parts; what has no delimiter is none.
fn pairs<'t>(text: &'t str, between: &'t str, fields: &'t str) -> impl Iterator<Item = (&'t str, &'t str)> {
    text.split(fields).filter_map(move |field| field.split_once(between)).map(|(key, value)| (key.trim(), value.trim()))
}

fn str_to_object<'a>(args: &Args<'a>) -> Outcome<'a> {
    let Some(text) = args.text(0)? else {
        return Ok(Value::Null);
    };
    let (between, fields) = (delimiter(args, 1, ":")?, delimiter(args, 2, ",")?);
    let mut members = Members::default();
    for (key, value) in pairs(&text, &between, &fields) {
        args.budget.elements(1)?;
        members.put(key.to_string(), Value::owned(value));
    }
    Ok(members.value())
}

fn get_values<'a>(args: &Args<'a>) -> Outcome<'a> {
    let (Some(text), Some(wanted)) = (args.text(0)?, args.text(1)?) else {
        return Ok(Value::Null);
    };
    let (between, fields) = (delimiter(args, 2, ":")?, delimiter(args, 3, ",")?);
    let found = pairs(&text, &between, &fields).find(|(key, _)| *key == wanted.trim());
    Ok(found.map_or(Value::Null, |(_, value)| Value::owned(value)))
}

/// A member of an object, an element of a list; a name asks each element of a list.
pub(in crate::mapping) fn member<'a>(value: Value<'a>, key: &Value<'_>) -> Value<'a> {
    match value.unfolded() {
        Value::Object(members) => match key.clone().text() {
            Some(key) => members.into_iter().find(|(name, _)| *name == key).map_or(Value::Null, |(_, value)| value),
            None => Value::Null,
        },
        Value::List(mut items) => match key.number().map(|n| n.whole().and_then(|n| usize::try_from(n).ok())) {
            Some(Some(at)) if at < items.len() => items.swap_remove(at),
            Some(_) => Value::Null,
            None => Value::List(items.into_iter().map(|item| member(item, key)).collect()),
        },
        _ => Value::Null,
    }
}

fn get_keys<'a>(args: &Args<'a>) -> Outcome<'a> {
    let Some(members) = args.object(0)? else {
        return Ok(Value::Null);
    };
    Ok(Value::List(members.into_iter().map(|(name, _)| Value::owned(name)).collect()))
}

/// The keys that are asked for: of a list each, any other value as text.
fn wanted(keys: Value<'_>) -> HashSet<Cow<'_, str>> {
    keys.list().into_iter().filter_map(Value::text).collect()
}

fn map_get_values<'a>(args: &Args<'a>) -> Outcome<'a> {
    let Some(members) = args.object(0)? else {
        return Ok(Value::Null);
    };
    let keys = args.value(1)?.unfolded();
    let many = matches!(keys, Value::List(_));
    let keys = wanted(keys);
    let mut found = members.into_iter().filter(|(name, _)| keys.contains(name.as_str())).map(|(_, value)| value);
    if !many {
        return Ok(found.next_back().unwrap_or(Value::Null));
    }
    let mut seen = HashSet::new();
    Ok(Value::List(found.filter(|value| seen.insert(value.json().to_string())).collect()))
}

fn map_has_keys<'a>(args: &Args<'a>) -> Outcome<'a> {
    let Some(members) = args.object(0)? else {
        return Ok(Value::Bool(false));
    };
    let names: HashSet<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    Ok(Value::Bool(wanted(args.value(1)?).iter().any(|key| names.contains(key.as_ref()))))
}

/// Null maps are empty; all null is null.
fn add_to_map<'a>(args: &Args<'a>) -> Outcome<'a> {
    let mut all = Members::default();
    let mut any = false;
    for at in 0..args.len() {
        let Some(members) = args.object(at)? else { continue };
        any = true;
        args.budget.elements(members.len())?;
        for (name, value) in members {
            all.put_new(name, value);
        }
    }
    Ok(if any { all.value() } else { Value::Null })
}

fn array_to_map<'a>(args: &Args<'a>) -> Outcome<'a> {
    let items = args.value(0)?;
    if items.is_null() {
        return Ok(Value::Null);
    }
    let key = Value::owned(args.key(1)?);
    let mut map = Members::default();
    for item in items.list() {
        args.budget.elements(1)?;
        args.budget.look(&item)?;
        if let Some(name) = member(item.clone(), &key).text() {
            map.put_new(name.into_owned(), item);
        }
    }
    Ok(map.value())
}

/// JSON text; what is an object or a list already stays.
fn json_to_object<'a>(args: &Args<'a>) -> Outcome<'a> {
    match args.value(0)? {
        Value::Text(text) if text.trim().is_empty() => Ok(Value::Null),
        Value::Text(text) => match serde_json::from_str(&text) {
            Ok(json) => {
                let value = Value::from_json(json);
                args.budget.look(&value)?;
                Ok(value)
            }
            Err(why) => {
                let (line, column) = (why.line(), why.column());
                Err(format!("json_to_object() takes JSON text, and this is none (line {line}, column {column})").into())
            }
        },
        other => Ok(other),
    }
}

fn array_to_string<'a>(args: &Args<'a>) -> Outcome<'a> {
    let separator = args.text(0)?.unwrap_or_default();
    let items = args.value(1)?;
    if items.is_null() {
        return Ok(Value::Null);
    }
    let texts: Vec<Cow<'a, str>> = items.list().into_iter().filter_map(Value::text).collect();
    joined(args, &separator, &texts)
}
