//! The `property` query language and `orderby` (FS-Q-1 to FS-Q-9): parsed once into a [`Query`], evaluated over the
//! document that the API shows. Printing a term and parsing it again gives the same term.
//! Limits: 2 KiB of text, ten terms, paths of eight names.

mod parse;

pub use parse::{parse, parse_order, parse_search};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};
use std::cmp::Ordering;
use std::fmt;

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Op {
    /// `==` (also a single `=`).
    Eq,
    /// `!=`: not `==`, so a missing path matches.
    Ne,
    /// `<`.
    Lt,
    /// `<=`.
    Le,
    /// `>`.
    Gt,
    /// `>=`.
    Ge,
}

impl Op {
    /// As it is written.
    pub fn text(self) -> &'static str {
        match self {
            Op::Eq => "==",
            Op::Ne => "!=",
            Op::Lt => "<",
            Op::Le => "<=",
            Op::Gt => ">",
            Op::Ge => ">=",
        }
    }

    fn ordering(self) -> bool {
        !matches!(self, Op::Eq | Op::Ne)
    }

    fn holds(self, found: Ordering) -> bool {
        match self {
            Op::Eq => found.is_eq(),
            Op::Ne => found.is_ne(),
            Op::Lt => found.is_lt(),
            Op::Le => found.is_le(),
            Op::Gt => found.is_gt(),
            Op::Ge => found.is_ge(),
        }
    }
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Member name.
    pub name: String,
    /// Written with `[]`. It changes nothing: an array is walked with or without it (FS-Q-3).
    pub each: bool,
}

/// One condition: `path op value{,value}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// Where to look; one to eight names.
    pub path: Vec<Segment>,
    /// How to compare.
    pub op: Op,
    /// With what; never empty. Several mean "any of", and come with `==` and `!=` only.
    pub values: Vec<String>,
}

/// All `property` parameters of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// All must hold.
    pub terms: Vec<Term>,
    /// Keep these top-level members, and `id` (FS-Q-8).
    pub projection: Option<Vec<String>>,
}

impl Query {
    /// Whether the document satisfies every term.
    pub fn matches(&self, doc: &Value) -> bool {
        self.terms.iter().all(|term| term.matches(doc))
    }

    /// Keeps the members that the projection names, and `id`.
    pub fn project(&self, doc: Value) -> Value {
        let Some(names) = &self.projection else {
            return doc;
        };
        let Value::Object(members) = doc else {
            return doc;
        };
        let mut kept = Map::new();
        for (name, value) in members {
            if name == "id" || names.contains(&name) {
                kept.insert(name, value);
            }
        }
        Value::Object(kept)
    }

    /// The `property` parameters that parse to this query.
    pub fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.terms.iter().map(Term::to_string).collect();
        if let Some(names) = &self.projection {
            texts.push(names.join(","));
        }
        texts
    }
}

impl Term {
    /// The dotted path and the values, when this is an equality whose path has no `[]`: what a store may push down.
    pub fn equality(&self) -> Option<(String, &[String])> {
        if self.op != Op::Eq || self.path.iter().any(|segment| segment.each) {
            return None;
        }
        let names: Vec<&str> = self
            .path
            .iter()
            .map(|segment| segment.name.as_str())
            .collect();
        Some((names.join("."), &self.values))
    }

    /// Whether the document satisfies this term.
    pub fn matches(&self, doc: &Value) -> bool {
        let fold = self
            .path
            .last()
            .is_some_and(|segment| folds_case(&segment.name));
        let equal = |found: &Value| self.values.iter().any(|text| equal(found, text, fold));
        match self.op {
            Op::Eq => walk(doc, &self.path, &equal),
            Op::Ne => !walk(doc, &self.path, &equal),
            op => walk(doc, &self.path, &|found| {
                self.values.iter().any(|text| ordered(found, text, op))
            }),
        }
    }
}

/// Members whose values are words of an enumeration; stored in lower case, asked for in any (FS-Q-4).
fn folds_case(name: &str) -> bool {
    matches!(name, "state" | "status" | "frequency")
}

/// Whether any scalar at the path satisfies `test`. Arrays are walked wherever they are met; null counts as missing.
fn walk(value: &Value, path: &[Segment], test: &dyn Fn(&Value) -> bool) -> bool {
    match (value, path.split_first()) {
        (Value::Array(items), _) => items.iter().any(|item| walk(item, path, test)),
        (Value::Object(members), Some((first, rest))) => members
            .get(&first.name)
            .is_some_and(|member| walk(member, rest, test)),
        (Value::Null | Value::Object(_), None) => false,
        (_, None) => test(value),
        (_, Some(_)) => false,
    }
}

fn equal(found: &Value, text: &str, fold: bool) -> bool {
    match found {
        Value::String(found) if fold => found.eq_ignore_ascii_case(text),
        Value::String(found) => found == text,
        Value::Number(found) => {
            number(text).is_some_and(|text| compare_numbers(&Numeric::of(found), &text).is_eq())
        }
        Value::Bool(found) => text.eq_ignore_ascii_case(if *found { "true" } else { "false" }),
        _ => false,
    }
}

fn ordered(found: &Value, text: &str, op: Op) -> bool {
    match found {
        Value::Number(found) => {
            number(text).is_some_and(|text| op.holds(compare_numbers(&Numeric::of(found), &text)))
        }
        // Schedules hold numbers as strings where the caller sent them so; ISO dates compare as text (FS-Q-5).
        Value::String(found) => match (number(found), number(text)) {
            (Some(found), Some(text)) => op.holds(compare_numbers(&found, &text)),
            _ => op.holds(found.as_str().cmp(text)),
        },
        _ => false,
    }
}

/// A number without loss: whole ones exactly, others as doubles.
enum Numeric {
    Whole(i128),
    Real(f64),
}

impl Numeric {
    fn of(number: &Number) -> Numeric {
        if let Some(whole) = number.as_i64() {
            Numeric::Whole(whole.into())
        } else if let Some(whole) = number.as_u64() {
            Numeric::Whole(whole.into())
        } else {
            Numeric::Real(number.as_f64().unwrap_or(0.0))
        }
    }

    fn real(&self) -> f64 {
        match self {
            Numeric::Whole(whole) => *whole as f64,
            Numeric::Real(real) => *real,
        }
    }
}

fn number(text: &str) -> Option<Numeric> {
    if !text
        .trim_start_matches('-')
        .starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    if let Ok(whole) = text.parse() {
        return Some(Numeric::Whole(whole));
    }
    let real: f64 = text.parse().ok()?;
    real.is_finite().then_some(Numeric::Real(real))
}

fn compare_numbers(a: &Numeric, b: &Numeric) -> Ordering {
    match (a, b) {
        (Numeric::Whole(a), Numeric::Whole(b)) => a.cmp(b),
        _ => a.real().total_cmp(&b.real()),
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.path.iter().enumerate() {
            let dot = if i == 0 { "" } else { "." };
            let each = if segment.each { "[]" } else { "" };
            write!(f, "{dot}{}{each}", segment.name)?;
        }
        f.write_str(self.op.text())?;
        for (i, value) in self.values.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            if value
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.:/@".contains(c))
            {
                f.write_str(value)?;
            } else {
                write!(f, "\"{}\"", value.replace('"', "\"\""))?;
            }
        }
        Ok(())
    }
}

/// One key of `orderby`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SortKey {
    /// Where to look.
    pub path: Vec<String>,
    /// Greatest first.
    pub descending: bool,
}

impl fmt::Display for SortKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{}",
            if self.descending { "-" } else { "" },
            self.path.join(".")
        )
    }
}

/// What a document is sorted by: the scalar at each key's path, or null.
pub fn sort_values(keys: &[SortKey], doc: &Value) -> Vec<Value> {
    let mut values = Vec::with_capacity(keys.len());
    for key in keys {
        let mut at = Some(doc);
        for name in &key.path {
            at = at.and_then(|value| value.get(name));
        }
        values.push(match at {
            Some(value) if !value.is_array() && !value.is_object() => value.clone(),
            _ => Value::Null,
        });
    }
    values
}

/// Compares what [`sort_values`] found in two documents. Numbers come before text, and a missing value always last.
pub fn compare_values(keys: &[SortKey], a: &[Value], b: &[Value]) -> Ordering {
    for ((key, a), b) in keys.iter().zip(a).zip(b) {
        let found = match (a, b) {
            (Value::Null, Value::Null) => Ordering::Equal,
            (Value::Null, _) => return Ordering::Greater,
            (_, Value::Null) => return Ordering::Less,
            (Value::Number(a), Value::Number(b)) => {
                compare_numbers(&Numeric::of(a), &Numeric::of(b))
            }
            (Value::String(a), Value::String(b)) => a.cmp(b),
            (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
            _ => rank(a).cmp(&rank(b)),
        };
        if found.is_ne() {
            return if key.descending {
                found.reverse()
            } else {
                found
            };
        }
    }
    Ordering::Equal
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Number(_) => 0,
        Value::String(_) => 1,
        Value::Bool(_) => 2,
        _ => 3,
    }
}

/// Compares two documents by the keys.
pub fn compare(keys: &[SortKey], a: &Value, b: &Value) -> Ordering {
    compare_values(keys, &sort_values(keys, a), &sort_values(keys, b))
}

#[cfg(test)]
mod tests;
