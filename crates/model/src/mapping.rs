//! The mapping language: a set of rules from source fields to target fields. Parsing and checking live here, pure;
//! `ingest/mapping` compiles the checked tree to DataFusion.
//!
//! [`MappingSet::parse`] reads either dialect of the API (P-1) and judges each rule by itself; [`MappingSet::check`]
//! judges the set against a schema. Start at [`grammar`] for expressions and at [`functions`] for what they may call.

pub mod ast;
mod calls;
mod check;
pub mod functions;
pub mod grammar;
mod infer;
mod lexer;
pub mod matching;
mod path;
pub mod pattern;
mod print;
#[cfg(test)]
mod tests;

use crate::code;
use crate::error::{Error, Kind, Place, Result};
use crate::xdm::FieldTree;
use ast::{Expr, FieldPath, Node, Step};
pub use calls::expression;
pub use infer::infer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashSet;

/// The most rules a set may have: as many as a row may have fields.
pub const MAX_RULES: usize = 10_000;

/// The rules of a mapping set, in the caller's order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MappingSet {
    /// In the caller's order.
    pub rules: Vec<Rule>,
}

/// One rule: what fills a target field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its place in the caller's list, from 0.
    pub index: usize,
    /// The target field's names, outermost first.
    pub destination: Vec<String>,
    /// What fills it.
    pub source: Source,
    /// The field identifies the record (legacy dialect).
    pub identity: bool,
}

/// What fills a target field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// A source field as it comes.
    Attribute(FieldPath),
    /// The same value in every row: text, a number, true or false.
    Constant(Value),
    /// A calculated field.
    Expression(Expr),
}

impl MappingSet {
    /// Reads the body of a mapping set in either dialect; the first rule that is wrong fails it.
    pub fn parse(body: &Value) -> Result<MappingSet> {
        let mut rules = Vec::new();
        for rule in parse_each(body)? {
            rules.push(rule?);
        }
        Ok(MappingSet { rules })
    }

    /// The distinct source fields that the rules read, in order of first use; `a[*].b` is read as `a`.
    pub fn fields(&self) -> Vec<FieldPath> {
        let mut seen = HashSet::new();
        let mut fields = Vec::new();
        for rule in &self.rules {
            rule.source.visit(&mut |path| {
                let path = path.read();
                if seen.insert(path.clone()) {
                    fields.push(path);
                }
            });
        }
        fields
    }

    /// Judges the set against the schema of its target: the first fault fails it.
    pub fn check(&self, target: &FieldTree) -> Result<()> {
        for mut faults in self.faults(target) {
            if !faults.is_empty() {
                return Err(faults.remove(0));
            }
        }
        Ok(())
    }

    /// Every fault against the schema, one list for each rule, in the set's order.
    pub fn faults(&self, target: &FieldTree) -> Vec<Vec<Error>> {
        check::faults(self, target)
    }

    /// The required fields that no rule fills, as dotted paths: each row would be rejected. A required child counts only
    /// where a rule fills something else in its parent.
    pub fn unfilled(&self, target: &FieldTree) -> Vec<String> {
        check::unfilled(self, target)
    }
}

/// The faults of a body, one list for each mapping, as `POST /mappingSets/validate` answers; without a schema only what
/// a rule shows by itself. An error when the body is no mapping set at all.
pub fn validate(body: &Value, target: Option<&FieldTree>) -> Result<Vec<Vec<Error>>> {
    let mut lists = Vec::new();
    let mut rules = Vec::new();
    for (index, rule) in parse_each(body)?.into_iter().enumerate() {
        lists.push(Vec::new());
        match rule {
            Ok(rule) => rules.push(rule),
            Err(fault) => lists[index].push(fault),
        }
    }
    let set = MappingSet { rules };
    let faults = match target {
        Some(target) => set.faults(target),
        None => set.rules.iter().map(|rule| calls::calls(rule).into_iter().collect()).collect(),
    };
    for (rule, found) in set.rules.iter().zip(faults) {
        lists[rule.index].extend(found);
    }
    Ok(lists)
}

/// The schema that a body names, in either dialect: a `$id` or a `meta:altId`.
pub fn schema_of(body: &Value) -> Option<&str> {
    let current = body.pointer("/outputSchema/schemaRef/id").and_then(Value::as_str);
    current.or_else(|| body.get("xdmSchema").and_then(Value::as_str)).filter(|id| !id.is_empty())
}

impl Source {
    /// Calls `see` with each source field, in the order of the text; repeats are not left out.
    pub fn visit(&self, see: &mut dyn FnMut(&FieldPath)) {
        match self {
            Source::Attribute(path) => see(path),
            Source::Constant(_) => {}
            Source::Expression(expr) => expr.visit(see),
        }
    }
}

impl Expr {
    /// Calls `see` with each source field, in the order of the text; repeats are not left out.
    pub fn visit(&self, see: &mut dyn FnMut(&FieldPath)) {
        match &self.node {
            Node::Null | Node::Boolean(_) | Node::Integer(_) | Node::Number(_) | Node::Text(_) | Node::Local(_) => {}
            Node::Field(path) => see(path),
            Node::Unary(_, operand) => operand.visit(see),
            Node::Binary(_, left, right) => {
                left.visit(see);
                right.visit(see);
            }
            Node::Conditional(condition, yes, no) => {
                condition.visit(see);
                yes.visit(see);
                no.visit(see);
            }
            Node::Call(_, items) | Node::List(items) => {
                for item in items {
                    item.visit(see);
                }
            }
            Node::Object(members) => {
                for (key, value) in members {
                    key.visit(see);
                    value.visit(see);
                }
            }
            Node::Lambda(_, body) => body.visit(see),
        }
    }
}

/// Every rule by itself. The outer error means that the body is no mapping set.
fn parse_each(body: &Value) -> Result<Vec<Result<Rule>>> {
    let fault = |message: &'static str, at: &str| Err(invalid(message).at(Place::pointer(at)));
    if !body.is_object() {
        return fault("the mapping set is not a JSON object", "");
    }
    let entries = match body.get("mappings") {
        Some(Value::Array(entries)) => entries,
        Some(_) => return fault("`mappings` is not an array", "/mappings"),
        None => return fault("the mapping set has no `mappings`", "/mappings"),
    };
    if entries.len() > MAX_RULES {
        let message = format!("the mapping set has {} mappings; {MAX_RULES} are allowed", entries.len());
        return Err(Error::new(Kind::TooLarge, &code::FLOW_1419, message).at(Place::pointer("/mappings")));
    }
    let mut seen = HashSet::new();
    let mut rules = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let mut rule = parse_rule(index, entry);
        if let Ok(parsed) = &rule
            && !seen.insert(parsed.destination.clone())
        {
            let message = format!(
                "mapping {index}: the target field `{}` is filled by an earlier mapping already",
                dotted(&parsed.destination)
            );
            let fault = invalid(message).at(Place::pointer(format!("/mappings/{index}/{}", destination_of(entry).0)));
            rule =
                Err(fault.advice("Remove one of the two, or join them in one expression, such as `coalesce(a, b)`."));
        }
        rules.push(rule);
    }
    Ok(rules)
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::Invalid, &code::FLOW_1419, message)
}

/// The member that names the target, and its value.
fn destination_of(entry: &Value) -> (&'static str, Option<&Value>) {
    member(entry, ["destination", "destinationXdmPath"])
}

/// The first member of the two that is there and not null.
fn member<'a>(entry: &'a Value, names: [&'static str; 2]) -> (&'static str, Option<&'a Value>) {
    for name in names {
        if let Some(value) = entry.get(name).filter(|value| !value.is_null()) {
            return (name, Some(value));
        }
    }
    (names[0], None)
}

fn parse_rule(index: usize, entry: &Value) -> Result<Rule> {
    if !entry.is_object() {
        return Err(
            invalid(format!("mapping {index} is not a JSON object")).at(Place::pointer(format!("/mappings/{index}")))
        );
    }
    let destination = destination(index, entry)?;
    let identity = entry.get("identity").and_then(Value::as_bool).unwrap_or(false);
    let source = parse_source(index, entry)?;
    Ok(Rule { index, destination, source, identity })
}

/// The target field of a mapping: its names, outermost first.
pub(crate) fn destination(index: usize, entry: &Value) -> Result<Vec<String>> {
    let at = |name: &str| Place::pointer(format!("/mappings/{index}/{name}"));
    let (name, value) = destination_of(entry);
    let Some(text) = value.and_then(Value::as_str) else {
        let message = format!(
            "mapping {index} names no target field: `destination` (or `destinationXdmPath`) is missing or no text"
        );
        return Err(invalid(message).at(at(name)));
    };
    if let (Some(a), Some(b)) =
        (entry.get("destination").and_then(Value::as_str), entry.get("destinationXdmPath").and_then(Value::as_str))
        && a != b
    {
        let message = format!("mapping {index} names two target fields, `{a}` and `{b}`");
        return Err(invalid(message)
            .at(at("destinationXdmPath"))
            .advice("Send `destination` alone, or the same path in both."));
    }
    parse_destination(text)
        .map_err(|why| invalid(format!("mapping {index}: target field `{text}`: {why}")).at(at(name)))
}

fn parse_destination(text: &str) -> std::result::Result<Vec<String>, String> {
    let path: FieldPath = text.parse().map_err(|why: grammar::ParseError| why.message)?;
    let mut names = Vec::new();
    for step in path.0 {
        match step {
            Step::Name(name) => names.push(name),
            Step::Index(_) | Step::Every => {
                return Err("single elements of an array cannot be filled yet: map the whole array".into());
            }
        }
    }
    Ok(names)
}

/// How the source is to be read.
enum SourceType {
    Attribute,
    Expression,
    Static,
}

fn source_type(index: usize, entry: &Value) -> Result<SourceType> {
    let given = match entry.get("sourceType") {
        None | Some(Value::Null) => return Ok(SourceType::Attribute),
        Some(Value::String(text)) => text.to_ascii_uppercase(),
        Some(other) => other.to_string(),
    };
    match given.as_str() {
        "ATTRIBUTE" | "TEXT/X.SCHEMA-PATH" | "" => Ok(SourceType::Attribute),
        "EXPRESSION" | "TEXT/X.AEP-XL" => Ok(SourceType::Expression),
        "STATIC" => Ok(SourceType::Static),
        _ => Err(invalid(format!("mapping {index}: `sourceType` {} is not known", entry["sourceType"]))
            .at(Place::pointer(format!("/mappings/{index}/sourceType")))
            .advice("Use ATTRIBUTE, EXPRESSION or STATIC.")),
    }
}

fn parse_source(index: usize, entry: &Value) -> Result<Source> {
    let kind = source_type(index, entry)?;
    let (name, value) = member(entry, ["source", "sourceAttribute"]);
    let pointer = format!("/mappings/{index}/{name}");
    let Some(value) = value else {
        let message = format!("mapping {index} has no source: `source` (or `sourceAttribute`) is missing");
        return Err(invalid(message).at(Place::pointer(pointer)));
    };
    if matches!(kind, SourceType::Static) {
        return match value {
            Value::String(_) | Value::Number(_) | Value::Bool(_) => Ok(Source::Constant(value.clone())),
            _ => Err(invalid(format!("mapping {index}: a STATIC source is text, a number, true or false"))
                .at(Place::pointer(pointer))),
        };
    }
    let Some(text) = value.as_str() else {
        return Err(invalid(format!("mapping {index}: `{name}` is no text")).at(Place::pointer(pointer)));
    };
    let parsed = match kind {
        SourceType::Expression => grammar::parse(text).map(Source::Expression),
        _ => text.parse().map(Source::Attribute),
    };
    parsed.map_err(|why| {
        let place = Place::Span { start: why.span.start, end: why.span.end };
        invalid(format!("mapping {index} (`{pointer}`): {}", why.message)).at(place).caused_by(why)
    })
}

/// A target path as text; a dot inside a name is escaped.
pub(crate) fn dotted(path: &[String]) -> String {
    let names: Vec<String> = path.iter().map(|name| name.replace('.', "\\.")).collect();
    names.join(".")
}
