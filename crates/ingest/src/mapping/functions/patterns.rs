//! Functions of regular expressions. A pattern that is written out is compiled once; one that comes from the row is
//! compiled for each, within the same bounds.

use super::{Args, Builtin, Gives, Prepared, builtin};
use crate::mapping::value::{Fault, Outcome, Value};
use forebay_model::mapping::matching;
use regex::Regex;
use std::borrow::Cow;

pub(super) static ALL: &[Builtin] = &[
    Builtin { prepare: Some((1, part)), ..builtin("extract_regex", 2, 2, Gives::Texts, extract) },
    Builtin { prepare: Some((1, whole)), ..builtin("matches_regex", 2, 2, Gives::Truth, matches) },
];

/// What compiling a pattern costs a row, in elements.
const COMPILING: usize = 4096;

fn part(pattern: &str) -> Result<Prepared, String> {
    matching::compile(pattern).map(Prepared::Regex)
}

fn whole(pattern: &str) -> Result<Prepared, String> {
    matching::compile_whole(pattern).map(Prepared::Regex)
}

/// The pattern, ready.
fn regex<'a>(args: &Args<'a>, prepare: super::Prepare) -> Result<Option<Cow<'a, Regex>>, Fault> {
    if let Some(Prepared::Regex(regex)) = args.prepared {
        return Ok(Some(Cow::Borrowed(regex)));
    }
    let Some(pattern) = args.text(1)? else {
        return Ok(None);
    };
    args.budget.elements(COMPILING)?;
    match prepare(&pattern)? {
        Prepared::Regex(regex) => Ok(Some(Cow::Owned(regex))),
        Prepared::Date(_) => Ok(None),
    }
}

/// A group that takes no part is null.
fn extract<'a>(args: &Args<'a>) -> Outcome<'a> {
    let (Some(text), Some(regex)) = (args.text(0)?, regex(args, part)?) else {
        return Ok(Value::Null);
    };
    let Some(found) = regex.captures(&text) else {
        return Ok(Value::Null);
    };
    args.budget.elements(found.len())?;
    let group = |group: Option<regex::Match<'_>>| group.map_or(Value::Null, |group| Value::owned(group.as_str()));
    Ok(Value::List(found.iter().map(group).collect()))
}

fn matches<'a>(args: &Args<'a>) -> Outcome<'a> {
    let (Some(text), Some(regex)) = (args.text(0)?, regex(args, whole)?) else {
        return Ok(Value::Bool(false));
    };
    Ok(Value::Bool(regex.is_match(&text)))
}
