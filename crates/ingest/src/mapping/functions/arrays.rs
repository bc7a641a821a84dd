//! Functions of lists. A null list is an empty one where elements are added, and null where it alone is asked for.

use super::{Args, Builtin, Gives, MANY, nested};
use crate::mapping::value::{Outcome, Value};

pub(super) static ALL: &[Builtin] = &[
    nested("first", 1, MANY, Gives::Any, |args| end(args, false)),
    nested("last", 1, MANY, Gives::Any, |args| end(args, true)),
    nested("add_to_array", 2, MANY, Gives::Any, add_to_array),
    nested("join_arrays", 2, MANY, Gives::Any, join_arrays),
    nested("to_array", 2, MANY, Gives::Any, to_array),
    nested("size_of", 1, 1, Gives::Whole, size_of),
    nested("upsert_array_append", 1, 1, Gives::Any, same),
    nested("upsert_array_replace", 1, 2, Gives::Any, same),
    nested("filterArray", 2, 2, Gives::Any, filter),
    nested("transformArray", 2, 2, Gives::Any, transform),
    nested("flattenArray", 1, 1, Gives::Any, flatten),
];

/// Of one argument its elements count, of several they themselves.
fn end<'a>(args: &Args<'a>, last: bool) -> Outcome<'a> {
    if args.len() > 1 {
        return args.value(if last { args.len() - 1 } else { 0 });
    }
    let mut items = args.list(0)?;
    let found = if last { items.pop() } else { items.into_iter().next() };
    Ok(found.unwrap_or(Value::Null))
}

fn add_to_array<'a>(args: &Args<'a>) -> Outcome<'a> {
    let mut items = args.list(0)?;
    args.budget.elements(items.len() + args.len() - 1)?;
    for at in 1..args.len() {
        items.push(args.value(at)?);
    }
    Ok(Value::List(items))
}

fn join_arrays<'a>(args: &Args<'a>) -> Outcome<'a> {
    let mut all = Vec::new();
    for at in 0..args.len() {
        let items = args.list(at)?;
        args.budget.elements(items.len())?;
        all.extend(items);
    }
    Ok(Value::List(all))
}

fn to_array<'a>(args: &Args<'a>) -> Outcome<'a> {
    let nulls = args.value(0)?.truth();
    args.budget.elements(args.len() - 1)?;
    let mut items = Vec::with_capacity(args.len() - 1);
    for at in 1..args.len() {
        let value = args.value(at)?;
        if nulls || !value.is_null() {
            items.push(value);
        }
    }
    Ok(Value::List(items))
}

fn size_of<'a>(args: &Args<'a>) -> Outcome<'a> {
    let size = match args.value(0)?.unfolded() {
        Value::Null => 0,
        Value::List(items) => items.len(),
        Value::Object(members) => members.len(),
        other => other.text().map_or(0, |text| text.chars().count()),
    };
    Ok(Value::Int(i64::try_from(size).unwrap_or(i64::MAX)))
}

fn same<'a>(args: &Args<'a>) -> Outcome<'a> {
    let value = args.value(0)?;
    Ok(if value.is_null() { value } else { Value::List(value.list()) })
}

fn filter<'a>(args: &Args<'a>) -> Outcome<'a> {
    let value = args.value(0)?;
    if value.is_null() {
        return Ok(value);
    }
    let mut kept = Vec::new();
    for item in value.list() {
        if args.apply(1, &item)?.truth() {
            kept.push(item);
        }
    }
    Ok(Value::List(kept))
}

fn transform<'a>(args: &Args<'a>) -> Outcome<'a> {
    let value = args.value(0)?;
    if value.is_null() {
        return Ok(value);
    }
    let mut changed = Vec::new();
    for item in value.list() {
        let made = args.apply(1, &item)?;
        args.budget.look(&made)?;
        changed.push(made);
    }
    Ok(Value::List(changed))
}

fn flatten<'a>(args: &Args<'a>) -> Outcome<'a> {
    let value = args.value(0)?;
    if value.is_null() {
        return Ok(value);
    }
    let mut flat = Vec::new();
    for item in value.list() {
        spread(item, &mut flat);
    }
    args.budget.elements(flat.len())?;
    Ok(Value::List(flat))
}

/// As deep as lists are: of JSON text and of literals, which are bounded.
fn spread<'a>(value: Value<'a>, into: &mut Vec<Value<'a>>) {
    match value {
        Value::List(items) => items.into_iter().for_each(|item| spread(item, into)),
        other => into.push(other),
    }
}
