//! The `property` query language and `orderby` (FS-Q-1 to FS-Q-9): parsed once, evaluated over the shown document.

use crate::{Result, code, error::Error, error::Kind};
use serde_json::Value;
use std::cmp::Ordering;

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Member name.
    pub name: String,
    /// Written with `[]`.
    pub each: bool,
}

/// One condition: `path op value{,value}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Where to look.
    pub path: Vec<Segment>,
    /// How to compare.
    pub op: Op,
    /// With what; several mean "any of".
    pub values: Vec<String>,
}

/// All `property` parameters of one request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// All must hold.
    pub terms: Vec<Term>,
    /// Keep these top-level members, and `id`.
    pub projection: Option<Vec<String>>,
}

/// One key of `orderby`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SortKey {
    /// Where to look.
    pub path: Vec<String>,
    /// Greatest first.
    pub descending: bool,
}

/// Parses the `property` parameters of one request.
pub fn parse(_properties: &[String]) -> Result<Query> {
    Err(Error::new(Kind::Invalid, &code::FLOW_1400, "in progress"))
}

impl Query {
    /// Whether the document satisfies every term.
    pub fn matches(&self, _doc: &Value) -> bool {
        true
    }
    /// Keeps the members that the projection names.
    pub fn project(&self, doc: Value) -> Value {
        doc
    }
}

impl Term {
    /// The dotted path and the values, when this is an equality without `[]`: what a store may push down.
    pub fn equality(&self) -> Option<(String, &[String])> {
        None
    }
}

/// Parses `orderby`.
pub fn parse_order(_text: &str) -> Result<Vec<SortKey>> {
    Ok(Vec::new())
}

/// Compares two documents by the keys.
pub fn compare(_keys: &[SortKey], _a: &Value, _b: &Value) -> Ordering {
    Ordering::Equal
}
