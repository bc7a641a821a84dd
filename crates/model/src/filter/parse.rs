//! From text to [`Query`] and [`SortKey`]. Every refusal has its own code of the contract, and quotes what it refuses.

use super::{Op, Query, Segment, SortKey, Term, number};
use crate::code::{self, Code};
use crate::{Error, Kind, Result};

const MAX_TEXT: usize = 2048;
const MAX_TERMS: usize = 10;
const MAX_DEPTH: usize = 8;

/// Parses the `property` parameters of one request, percent-decoded.
pub fn parse(properties: &[String]) -> Result<Query> {
    let texts: Vec<&str> = properties.iter().map(String::as_str).collect();
    parse_all(&texts)
}

/// Parses the `queryString` of a search, where `&` joins terms (FS §7.2).
pub fn parse_search(text: &str) -> Result<Query> {
    let mut texts = Vec::new();
    let mut quoted = false;
    let mut start = 0;
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '&' if !quoted => {
                texts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    texts.push(&text[start..]);
    parse_all(&texts)
}

fn parse_all(texts: &[&str]) -> Result<Query> {
    check_limits("property", texts)?;
    let mut query = Query::default();
    for text in texts {
        if text.trim().is_empty() {
            return Err(refuse(
                &code::FLOW_1451,
                "A property parameter is empty.".to_string(),
            ));
        }
        match text.find(['=', '!', '<', '>', '~']) {
            Some(at) => query.terms.push(term(text, at)?),
            None => {
                let names = projection(text)?;
                query.projection.get_or_insert_with(Vec::new).extend(names);
            }
        }
    }
    Ok(query)
}

fn check_limits(what: &str, texts: &[&str]) -> Result<()> {
    let length: usize = texts.iter().map(|text| text.len()).sum();
    if length > MAX_TEXT {
        return Err(refuse(
            &code::FLOW_1451,
            format!("{what} has {length} bytes; at most {MAX_TEXT} are allowed."),
        ));
    }
    if texts.len() > MAX_TERMS {
        return Err(refuse(
            &code::FLOW_1451,
            format!(
                "{what} has {} terms; at most {MAX_TERMS} are allowed.",
                texts.len()
            ),
        ));
    }
    Ok(())
}

fn term(text: &str, at: usize) -> Result<Term> {
    let path = path(&text[..at])?;
    let (op, rest) = operator(text, at)?;
    let values = values(text, rest.trim())?;
    let names: Vec<&str> = path.iter().map(|segment| segment.name.as_str()).collect();
    check_field(&names, op, &values)?;
    Ok(Term { path, op, values })
}

fn operator(text: &str, at: usize) -> Result<(Op, &str)> {
    let rest = &text[at..];
    if rest.starts_with('~') || rest.starts_with("=~") || rest.starts_with("!~") {
        return Err(refuse(
            &code::FLOW_1440,
            format!("The operator ~ in '{text}' is not implemented."),
        ));
    }
    let known = [
        ("==", Op::Eq),
        ("!=", Op::Ne),
        ("<=", Op::Le),
        (">=", Op::Ge),
        ("<", Op::Lt),
        (">", Op::Gt),
        ("=", Op::Eq),
    ];
    let found = known.iter().find(|(sign, _)| rest.starts_with(sign));
    match found {
        Some((sign, op)) if !rest[sign.len()..].starts_with(['=', '!', '<', '>', '~']) => {
            Ok((*op, &rest[sign.len()..]))
        }
        _ => Err(refuse(
            &code::FLOW_1450,
            format!(
                "There is no such operator as the one in '{text}'; use ==, !=, <, <=, > or >=."
            ),
        )),
    }
}

fn check_field(path: &[&str], op: Op, values: &[String]) -> Result<()> {
    let field = path.join(".");
    if op.ordering() && path.last() == Some(&"id") {
        return Err(refuse(
            &code::FLOW_1448,
            format!("The operator {} is not supported for '{field}'.", op.text()),
        ));
    }
    if op.ordering() && values.len() > 1 {
        return Err(refuse(
            &code::FLOW_1443,
            format!(
                "The operator {} on '{field}' takes one value, not {}.",
                op.text(),
                values.len()
            ),
        ));
    }
    if field == "createdAt" || field == "updatedAt" {
        if values.len() > 1 {
            return Err(refuse(
                &code::FLOW_1452,
                format!("'{field}' takes one value, not {}.", values.len()),
            ));
        }
        if number(&values[0]).is_none() {
            return Err(refuse(
                &code::FLOW_1452,
                format!(
                    "'{field}' is a number of milliseconds; '{}' is not.",
                    values[0]
                ),
            ));
        }
    }
    Ok(())
}

/// `seg{.seg}`, each optionally followed by `[]`.
fn path(text: &str) -> Result<Vec<Segment>> {
    let text = text.trim();
    let mut path = Vec::new();
    for part in text.split('.') {
        let (name, each) = match part.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (part, false),
        };
        if !is_name(name) {
            return Err(refuse(
                &code::FLOW_1449,
                format!("'{text}' is not a field: names are joined by dots, as in a.b[].c."),
            ));
        }
        path.push(Segment {
            name: name.to_string(),
            each,
        });
    }
    if path.len() > MAX_DEPTH {
        return Err(refuse(
            &code::FLOW_1449,
            format!(
                "'{text}' has {} names; at most {MAX_DEPTH} are allowed.",
                path.len()
            ),
        ));
    }
    Ok(path)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name
            .contains(|c: char| c.is_whitespace() || c.is_control() || "\",.[]=!<>~&+".contains(c))
}

/// `item{,item}`; an item in double quotes may hold commas, and a doubled quote stands for one (FS-Q-2).
fn values(term: &str, text: &str) -> Result<Vec<String>> {
    let mut values = Vec::new();
    let mut rest = text;
    loop {
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_item(term, quoted)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                (rest[..end].trim_end().to_string(), &rest[end..])
            }
        };
        if value.is_empty() {
            return Err(refuse(
                &code::FLOW_1453,
                format!("'{term}' has an empty value."),
            ));
        }
        values.push(value);
        let after = after.trim_start();
        match after.strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None if after.is_empty() => return Ok(values),
            None => {
                return Err(refuse(
                    &code::FLOW_1452,
                    format!("'{term}' has text after a closing quote."),
                ));
            }
        }
    }
}

fn quoted_item<'a>(term: &str, text: &'a str) -> Result<(String, &'a str)> {
    let mut value = String::new();
    let mut rest = text;
    loop {
        let Some(end) = rest.find('"') else {
            return Err(refuse(
                &code::FLOW_1452,
                format!("'{term}' has a quote that is not closed."),
            ));
        };
        value.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                value.push('"');
                rest = more;
            }
            None => return Ok((value, rest)),
        }
    }
}

fn projection(text: &str) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for part in text.split(',') {
        names.push(path(part)?.swap_remove(0).name);
    }
    Ok(names)
}

/// Parses `orderby`: keys joined by commas, `-` for greatest first. A `+` may arrive as a blank (FS-BASE-5, FS-Q-9).
pub fn parse_order(text: &str) -> Result<Vec<SortKey>> {
    let parts: Vec<&str> = text.split(',').collect();
    check_limits("orderby", &parts)?;
    let mut keys = Vec::new();
    for part in parts {
        let part = part.trim();
        let (descending, name) = match part.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, part.strip_prefix('+').unwrap_or(part).trim_start()),
        };
        if name.starts_with(['-', '+', '!', '~', '<', '>'])
            || name.contains(char::is_whitespace)
            || name.contains(':') && direction(name)
        {
            return Err(refuse(
                &code::FLOW_1432,
                format!(
                    "'{part}' does not say a direction: write {0} or -{0}.",
                    plain(name)
                ),
            ));
        }
        let path = path(name).map_err(|_| {
            refuse(
                &code::FLOW_1433,
                format!("'{part}' is not a field to sort by."),
            )
        })?;
        if path.iter().any(|segment| segment.each) {
            return Err(refuse(
                &code::FLOW_1433,
                format!("'{part}' is an array, which has no order."),
            ));
        }
        keys.push(SortKey {
            path: path.into_iter().map(|segment| segment.name).collect(),
            descending,
        });
    }
    Ok(keys)
}

fn direction(name: &str) -> bool {
    let word = name.rsplit(':').next().unwrap_or_default();
    ["asc", "desc", "ascending", "descending"]
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known))
}

fn plain(name: &str) -> &str {
    let name = name.trim_start_matches(|c: char| !c.is_alphanumeric());
    name.split([' ', ':']).next().unwrap_or(name)
}

fn refuse(code: &'static Code, message: String) -> Error {
    Error::new(Kind::Invalid, code, message)
}
