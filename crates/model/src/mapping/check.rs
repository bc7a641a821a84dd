//! A mapping set against the schema of its target: fields exist, calls are right, values can fit. What only a row can
//! show (a text that is no number) is not judged here.

use super::calls::calls;
use super::infer::{infer, is_number};
use super::{MappingSet, Rule, Source, dotted, invalid};
use crate::error::{Error, Place};
use crate::xdm::{Field, FieldTree, Type};
use serde_json::Value;
use std::collections::{HashMap, HashSet};

/// Advice compares a name with every field of the schema; a set that is wrong throughout gets it for its first faults.
const ADVISED: usize = 50;

/// Every fault, one list for each rule.
pub(super) fn faults(set: &MappingSet, target: &FieldTree) -> Vec<Vec<Error>> {
    let fields = index(target);
    let mut advised = 0;
    let mut lists = Vec::new();
    for rule in &set.rules {
        let mut list = Vec::new();
        match fields.get(&rule.destination) {
            Some(field) => list.extend(fit(rule, field)),
            None => {
                advised += 1;
                list.push(unknown(rule, if advised <= ADVISED { Some(target) } else { None }));
            }
        }
        list.extend(calls(rule));
        lists.push(list);
    }
    lists
}

/// Every field by its path, parents included.
fn index(target: &FieldTree) -> HashMap<Vec<String>, &Field> {
    let mut into = HashMap::new();
    let mut open: Vec<(Vec<String>, &Field)> = target.fields.iter().map(|f| (vec![f.name.clone()], f)).collect();
    while let Some((path, field)) = open.pop() {
        if let Type::Object(children) = &field.ty {
            for child in children {
                let mut below = path.clone();
                below.push(child.name.clone());
                open.push((below, child));
            }
        }
        into.insert(path, field);
    }
    into
}

fn place(rule: &Rule) -> Place {
    Place::pointer(format!("/mappings/{}", rule.index))
}

/// The target field is not in the schema; with one to look into, the closest field is told.
fn unknown(rule: &Rule, target: Option<&FieldTree>) -> Error {
    let path = dotted(&rule.destination);
    let message = format!("mapping {}: the schema has no field `{path}`", rule.index);
    let fault = invalid(message).at(place(rule));
    let mut fields = Vec::new();
    if let Some(target) = target {
        paths(&target.fields, &mut Vec::new(), &mut fields);
    }
    match closest(&path, fields.iter().map(String::as_str)) {
        Some(near) => fault.advice(format!("The closest field is `{near}`.")),
        None => fault.advice("Look up the schema's fields, or add a field group that has this one."),
    }
}

/// Every field's dotted path, parents included.
fn paths(fields: &[Field], above: &mut Vec<String>, into: &mut Vec<String>) {
    for field in fields {
        above.push(field.name.clone());
        into.push(dotted(above));
        if let Type::Object(children) = &field.ty {
            paths(children, above, into);
        }
        above.pop();
    }
}

/// The candidate that is most like `wanted`, if one is like it at all: few edits, or the same last name.
pub(super) fn closest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let small = wanted.to_lowercase();
    let last = small.rsplit('.').next().unwrap_or(&small).to_string();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let folded = candidate.to_lowercase();
        let near = edits(&small, &folded);
        let named_alike = folded.rsplit('.').next() == Some(last.as_str());
        let alike = near <= 1 + small.chars().count() / 4 || named_alike;
        let rank = if named_alike { near / 2 } else { near };
        if alike && best.is_none_or(|(before, _)| rank < before) {
            best = Some((rank, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// The Levenshtein distance; texts longer than 128 characters are compared by their first 128.
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(128).enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

/// Whether what the source gives can be in the field.
fn fit(rule: &Rule, field: &Field) -> Option<Error> {
    let given = match &rule.source {
        Source::Attribute(_) => return None,
        Source::Constant(value) => return constant(rule, value, field),
        Source::Expression(expr) => infer(expr)?,
    };
    if can_become(&given, &field.ty) {
        return None;
    }
    let message = format!(
        "mapping {}: the expression gives {}, but the target field `{}` is {}",
        rule.index,
        told(&given),
        dotted(&rule.destination),
        told(&field.ty)
    );
    let fault = invalid(message).at(place(rule));
    Some(match &field.ty {
        Type::Object(_) => fault.advice("Map the object's children one by one, or an object to the object."),
        _ => fault,
    })
}

/// Whether a value of one type can be converted to another, at least for some rows.
fn can_become(given: &Type, wanted: &Type) -> bool {
    match (given, wanted) {
        (Type::Object(_) | Type::Map(_), Type::Object(_) | Type::Map(_)) => true,
        (_, Type::Object(_) | Type::Map(_)) | (Type::Object(_) | Type::Map(_), Type::Array(_)) => false,
        (Type::Array(given), Type::Array(wanted)) => can_become(given, wanted),
        (Type::String, Type::Array(_)) | (_, Type::String) | (Type::String, _) => true,
        (_, Type::Array(_)) | (Type::Object(_) | Type::Map(_) | Type::Array(_), _) => false,
        (Type::Boolean, wanted) => *wanted == Type::Boolean,
        (Type::Date | Type::DateTime, wanted) => matches!(wanted, Type::Date | Type::DateTime),
        // Whole numbers are moments in milliseconds; fractions are none.
        (Type::Number, wanted) => is_number(wanted),
        (_, wanted) => is_number(wanted) || *wanted == Type::DateTime,
    }
}

/// A value that is the same in every row is known now, and so is whether it converts.
fn constant(rule: &Rule, value: &Value, field: &Field) -> Option<Error> {
    let good = match &field.ty {
        Type::String => true,
        Type::Boolean => match value {
            Value::Bool(_) => true,
            Value::String(text) => boolean_word(text).is_some(),
            _ => false,
        },
        Type::Byte => whole(value, i8::MIN.into(), i8::MAX.into()),
        Type::Short => whole(value, i16::MIN.into(), i16::MAX.into()),
        Type::Int => whole(value, i32::MIN.into(), i32::MAX.into()),
        Type::Long => whole(value, i64::MIN, i64::MAX),
        Type::Number => match value {
            Value::Number(_) => true,
            Value::String(text) => text.trim().parse::<f64>().is_ok_and(f64::is_finite),
            _ => false,
        },
        Type::Date => value.is_string(),
        Type::DateTime => value.is_string() || value.is_i64(),
        Type::Array(_) => value.is_string(),
        Type::Object(_) | Type::Map(_) => false,
    };
    if good {
        return None;
    }
    let message = format!(
        "mapping {}: the constant {value} cannot be in the target field `{}`, which is {}",
        rule.index,
        dotted(&rule.destination),
        told(&field.ty)
    );
    Some(invalid(message).at(place(rule)))
}

fn whole(value: &Value, least: i64, most: i64) -> bool {
    let number = match value {
        Value::Number(number) => number.as_i64(),
        // A fraction of nought is none: `12.0` is read as 12.
        Value::String(text) => {
            let text = text.trim();
            text.parse().ok().or_else(|| text.parse::<f64>().ok().filter(|n| n.fract() == 0.0).map(|n| n as i64))
        }
        _ => None,
    };
    number.is_some_and(|n| (least..=most).contains(&n))
}

/// The words that stand for true and false in text (PL §5.3).
fn boolean_word(text: &str) -> Option<bool> {
    match text {
        "y" | "yes" | "Y" | "YES" | "on" | "ON" | "true" | "TRUE" => Some(true),
        "n" | "N" | "no" | "NO" | "off" | "OFF" | "false" | "FALSE" => Some(false),
        _ => None,
    }
}

fn told(ty: &Type) -> &'static str {
    match ty {
        Type::String => "text",
        Type::Boolean => "true or false",
        Type::Byte | Type::Short | Type::Int | Type::Long => "a whole number",
        Type::Number => "a number",
        Type::Date => "a date",
        Type::DateTime => "a moment in time",
        Type::Object(_) => "an object",
        Type::Array(_) => "an array",
        Type::Map(_) => "a map",
    }
}

/// Required fields that stay null in every row.
pub(super) fn unfilled(set: &MappingSet, target: &FieldTree) -> Vec<String> {
    let mut filled = Filled { whole: HashSet::new(), inside: HashSet::new() };
    for rule in &set.rules {
        filled.whole.insert(&rule.destination);
        filled.inside.extend((1..rule.destination.len()).map(|end| &rule.destination[..end]));
    }
    let mut missing = Vec::new();
    seek(&filled, &target.fields, &mut Vec::new(), &mut missing);
    missing
}

/// Target fields that a rule fills, and objects that one fills something in.
struct Filled<'a> {
    whole: HashSet<&'a [String]>,
    inside: HashSet<&'a [String]>,
}

fn seek(filled: &Filled<'_>, fields: &[Field], above: &mut Vec<String>, missing: &mut Vec<String>) {
    for field in fields {
        above.push(field.name.clone());
        let (whole, inside) = (filled.whole.contains(above.as_slice()), filled.inside.contains(above.as_slice()));
        if field.required && !whole && !inside {
            missing.push(dotted(above));
        }
        if let Type::Object(children) = &field.ty
            && inside
            && !whole
        {
            seek(filled, children, above, missing);
        }
        above.pop();
    }
}
