//! Search: an index beside the records, that may lag behind them. It matches what it holds, and is answered with what
//! is stored.

use super::property::{Gen, Property};
use super::records::{Ask, text, texts};
use super::state::{Kind, Row};
use super::text::{instant_text, parse_instant, quoted};
use super::wire::{Failure, Reply, Seen};
use serde_json::Value;
use std::borrow::Cow;
use std::cmp::Ordering;

const MOST: u64 = 200;
const CAP: u64 = 10_000;

/// What a filter compares.
enum Test {
    Compare(Ordering, bool, Operand),
    Between(Operand, Operand),
    Equal(Vec<Operand>, bool),
    Has(bool),
    Contains(String, bool),
}

/// A value of a filter, in every form in which it may be compared.
struct Operand {
    text: String,
    number: Option<f64>,
    instant: Option<i64>,
}

struct Filter {
    property: usize,
    test: Test,
    range: Option<Range>,
}

/// Bounds, both included, of what stands in the row itself: what readers filter by, and the reason that a million
/// records are searched in milliseconds.
struct Range {
    id: bool,
    low: i64,
    high: i64,
}

impl Range {
    fn of(property: &Property, test: &Test) -> Option<Range> {
        let id = match property.from {
            Gen::Id => true,
            Gen::Modified => false,
            _ => return None,
        };
        let whole = |operand: &Operand| {
            let number = operand.number.filter(|n| n.fract() == 0.0 && n.abs() < 9e15).map(|n| n as i64);
            if id { number } else { operand.instant }
        };
        let (low, high) = match test {
            Test::Compare(Ordering::Greater, equal, operand) => (whole(operand)? + i64::from(!equal), i64::MAX),
            Test::Compare(Ordering::Less, equal, operand) => (i64::MIN, whole(operand)? - i64::from(!equal)),
            Test::Between(low, high) => (whole(low)?, whole(high)?),
            Test::Equal(operands, true) if operands.len() == 1 => (whole(&operands[0])?, whole(&operands[0])?),
            _ => return None,
        };
        Some(Range { id, low, high })
    }

    fn holds(&self, row: &Row) -> bool {
        let value = if self.id { row.id as i64 } else { row.modified };
        self.low <= value && value <= self.high
    }
}

/// All that a search asks for, where it asks for nothing but bounds.
struct Bounds {
    id: (i64, i64),
    modified: (i64, i64),
}

impl Bounds {
    fn of(groups: &[Vec<Filter>]) -> Option<Bounds> {
        let mut all = Bounds { id: (i64::MIN, i64::MAX), modified: (i64::MIN, i64::MAX) };
        let filters = match groups {
            [] => return Some(all),
            [filters] => filters,
            _ => return None,
        };
        for filter in filters {
            let range = filter.range.as_ref()?;
            let side = if range.id { &mut all.id } else { &mut all.modified };
            *side = (side.0.max(range.low), side.1.min(range.high));
        }
        Some(all)
    }

    fn hold(&self, row: &Row) -> bool {
        let id = row.id as i64;
        (self.modified.0 <= row.modified) & (row.modified <= self.modified.1) & (self.id.0 <= id) & (id <= self.id.1)
    }
}

/// The first row that can match.
fn start(kind: &Kind, groups: &[Vec<Filter>]) -> usize {
    let least = |group: &Vec<Filter>| {
        let bounds = group.iter().filter_map(|f| f.range.as_ref()).filter(|range| range.id);
        bounds.map(|range| range.low).max().unwrap_or(i64::MIN)
    };
    let least = groups.iter().map(least).min().unwrap_or(i64::MIN);
    kind.rows.partition_point(|row| (row.id as i64) < least)
}

/// `POST …/objects/{type}/search`.
pub(super) fn search(ask: &Ask, seen: &Seen) -> Result<Reply, Failure> {
    let kind = &ask.world.kinds[ask.kind];
    let body = seen.json()?;
    let limit = number_of(&body, "limit", 10)?;
    let limit = match limit {
        1..=MOST => limit,
        _ if ask.switches.lenient_limits => limit.clamp(1, MOST),
        // A question for the total alone.
        0 => 0,
        _ => return Err(Failure::invalid(format!("Invalid limit {limit}: the maximum page size is {MOST}"))),
    };
    let after = number_of(&body, "after", 0)?;
    if after + limit > CAP {
        return Err(Failure::invalid(format!(
            "Paging through search results is limited to {CAP} objects: after {after} and limit {limit} ask for more"
        )));
    }
    let groups = groups(kind, &body)?;
    let sort = sort(kind, &body)?;
    let query = body.get("query").and_then(Value::as_str).map(str::to_lowercase).filter(|q| !q.trim().is_empty());
    if query.as_ref().is_some_and(|q| q.chars().count() > 3_000) {
        return Err(Failure::invalid("The query is longer than 3000 characters"));
    }
    let wanted = ask.wanted(&texts(body.get("properties")), &[]);

    let mut matches: Vec<(u32, Row)> = Vec::new();
    let (from, to) = (after as usize, (after + limit) as usize);
    // In the order of ids only the page itself need be kept.
    let by_id = sort.as_ref().is_none_or(|(at, ascending)| kind.properties[*at].from == Gen::Id && *ascending);
    let mut total = 0usize;
    let mut scratch = String::new();
    let first = start(kind, &groups);
    let quick = if by_id && query.is_none() && kind.pending.is_empty() { Bounds::of(&groups) } else { None };
    if let Some(bounds) = &quick {
        for (index, row) in kind.rows.iter().enumerate().skip(first) {
            if bounds.hold(row) && row.live() {
                if (from..to).contains(&total) {
                    matches.push((index as u32, *row));
                }
                total += 1;
            }
        }
    }
    let rest = if quick.is_some() { kind.rows.len() } else { first };
    for index in rest..kind.rows.len() {
        let Some(row) = indexed(kind, index, ask.now).filter(Row::live) else { continue };
        let fits = groups.is_empty()
            || groups.iter().any(|group| group.iter().all(|f| holds(ask, kind, index, &row, f, &mut scratch)));
        if !fits || query.as_ref().is_some_and(|q| !contains(ask, kind, index, &row, q)) {
            continue;
        }
        if !by_id || (from..to).contains(&total) {
            matches.push((index as u32, row));
        }
        total += 1;
    }
    let page: Vec<u32> = match &sort {
        Some((at, ascending)) if !by_id => {
            sorted(ask, kind, matches, *at, *ascending).into_iter().skip(from).take(to - from).collect()
        }
        _ => matches.into_iter().map(|(index, _)| index).collect(),
    };
    let mut out = String::with_capacity(page.len() * (300 + wanted.properties.len() * 44) + 64);
    out.push_str(&format!("{{\"total\":{total},\"results\":["));
    let mut ids = Vec::with_capacity(page.len());
    for index in page {
        let index = index as usize;
        // Gone since the index saw it.
        if !kind.rows[index].live() {
            continue;
        }
        if !ids.is_empty() {
            out.push(',');
        }
        ask.write(&mut out, &mut scratch, index, &wanted, false);
        ids.push(kind.rows[index].id);
    }
    out.push(']');
    if total > to && limit > 0 {
        out.push_str(",\"paging\":{\"next\":{\"after\":");
        quoted(&mut out, &to.to_string());
        out.push_str("}}");
    }
    out.push('}');
    Ok(Reply { returned: Some((ask.kind, ids)), ..Reply::json(200, out) })
}

/// The record as the index has it.
fn indexed(kind: &Kind, index: usize, now: i64) -> Option<Row> {
    if !kind.pending.is_empty()
        && let Some(pending) = kind.pending.get(&(index as u32))
        && let Some(unseen) = pending.iter().find(|p| p.visible > now)
    {
        return unseen.before;
    }
    Some(kind.rows[index])
}

fn number_of(body: &Value, name: &str, default: u64) -> Result<u64, Failure> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(default),
        Some(Value::String(text)) if text.is_empty() => Ok(default),
        Some(value) => text(value)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Failure::invalid(format!("Invalid input JSON: '{name}' must be a whole number"))),
    }
}

fn groups(kind: &Kind, body: &Value) -> Result<Vec<Vec<Filter>>, Failure> {
    let empty = Vec::new();
    let listed = |value: Option<&Value>| value.and_then(Value::as_array).cloned();
    let mut all: Vec<Vec<Value>> = Vec::new();
    // One connector sends the filters bare.
    if let Some(filters) = listed(body.get("filters")) {
        all.push(filters);
    }
    for group in listed(body.get("filterGroups")).unwrap_or(empty) {
        all.push(listed(group.get("filters")).unwrap_or_default());
    }
    all.retain(|group| !group.is_empty());
    if all.len() > 5 {
        return Err(Failure::invalid(format!("Too many filter groups: {} given, at most 5 are allowed", all.len())));
    }
    if let Some(group) = all.iter().find(|group| group.len() > 6) {
        return Err(Failure::invalid(format!(
            "Too many filters in a group: {} given, at most 6 are allowed",
            group.len()
        )));
    }
    let count: usize = all.iter().map(Vec::len).sum();
    if count > 18 {
        return Err(Failure::invalid(format!("Too many filters: {count} given, at most 18 are allowed")));
    }
    all.into_iter().map(|group| group.iter().map(|f| filter(kind, f)).collect()).collect()
}

fn filter(kind: &Kind, filter: &Value) -> Result<Filter, Failure> {
    let name = filter.get("propertyName").and_then(Value::as_str).unwrap_or_default();
    let operator = filter.get("operator").and_then(Value::as_str).unwrap_or_default();
    let Some(at) = kind.by_name.get(name).filter(|at| kind.properties[**at].archived_at.is_none()) else {
        let message = format!("There was a problem with the request: property '{name}' does not exist");
        return Err(Failure::invalid(message));
    };
    let property = &kind.properties[*at];
    let operand = |field: &str| -> Result<Operand, Failure> {
        let value = filter.get(field).and_then(text);
        let value = value.ok_or_else(|| Failure::invalid(format!("operator {operator} requires '{field}'")))?;
        Operand::of(property, value)
    };
    let operands = || -> Result<Vec<Operand>, Failure> {
        let values = texts(filter.get("values"));
        if values.is_empty() {
            return Err(Failure::invalid(format!("operator {operator} requires 'values'")));
        }
        values.into_iter().map(|value| Operand::of(property, value)).collect()
    };
    let test = match operator {
        "EQ" => Test::Equal(vec![operand("value")?], true),
        "NEQ" => Test::Equal(vec![operand("value")?], false),
        "GT" => Test::Compare(Ordering::Greater, false, operand("value")?),
        "GTE" => Test::Compare(Ordering::Greater, true, operand("value")?),
        "LT" => Test::Compare(Ordering::Less, false, operand("value")?),
        "LTE" => Test::Compare(Ordering::Less, true, operand("value")?),
        "BETWEEN" => Test::Between(operand("value")?, operand("highValue")?),
        "IN" => Test::Equal(operands()?, true),
        "NOT_IN" => Test::Equal(operands()?, false),
        "HAS_PROPERTY" => Test::Has(true),
        "NOT_HAS_PROPERTY" => Test::Has(false),
        "CONTAINS_TOKEN" => Test::Contains(operand("value")?.text.replace('*', "").to_lowercase(), true),
        "NOT_CONTAINS_TOKEN" => Test::Contains(operand("value")?.text.replace('*', "").to_lowercase(), false),
        other => {
            return Err(Failure::invalid(format!("Invalid input JSON: '{other}' is no operator of a filter")));
        }
    };
    let range = Range::of(property, &test);
    Ok(Filter { property: *at, test, range })
}

impl Operand {
    fn of(property: &Property, text: String) -> Result<Operand, Failure> {
        let mut operand = Operand { text, number: None, instant: None };
        match property.kind.as_str() {
            "number" => {
                operand.number = operand.text.trim().parse().ok();
                if operand.number.is_none() {
                    let message = format!("'{}' is not a number, which property '{}' is", operand.text, property.name);
                    return Err(Failure::invalid(message));
                }
            }
            "date" | "datetime" => {
                operand.instant = parse_instant(operand.text.trim());
                match operand.instant {
                    // Seen on the live service.
                    Some(0) => return Err(Failure::plain(500, "internal error")),
                    Some(_) => {}
                    None => {
                        let message = format!("'{}' is no date, which property '{}' is", operand.text, property.name);
                        return Err(Failure::invalid(message));
                    }
                }
            }
            _ => {}
        }
        Ok(operand)
    }

    /// How a value stands to it; `None` if they cannot be compared.
    fn order(&self, value: &Stored) -> Option<Ordering> {
        if let Some(ms) = self.instant {
            return value.instant().map(|value| value.cmp(&ms));
        }
        if let Some(number) = self.number {
            return value.number().and_then(|value| value.partial_cmp(&number));
        }
        match value {
            Stored::Text(text) => Some(text.to_lowercase().cmp(&self.text.to_lowercase())),
            _ => None,
        }
    }
}

/// A record's value.
enum Stored<'a> {
    Id(u64),
    Instant(i64),
    Text(Cow<'a, str>),
}

impl Stored<'_> {
    fn instant(&self) -> Option<i64> {
        match self {
            Stored::Instant(ms) => Some(*ms),
            Stored::Text(text) => parse_instant(text),
            Stored::Id(_) => None,
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Stored::Id(id) => Some(*id as f64),
            Stored::Text(text) => text.trim().parse().ok(),
            Stored::Instant(ms) => Some(*ms as f64),
        }
    }
}

fn stored<'a>(
    ask: &Ask,
    kind: &Kind,
    index: usize,
    row: &Row,
    at: usize,
    scratch: &'a mut String,
) -> Option<Stored<'a>> {
    let property = &kind.properties[at];
    match property.from {
        Gen::Id => Some(Stored::Id(row.id)),
        Gen::Modified => Some(Stored::Instant(row.modified)),
        Gen::Created => Some(Stored::Instant(ask.world.created(kind, index))),
        _ => {
            scratch.clear();
            let there = ask.world.value_of(kind, index, row, property, scratch);
            (there && !scratch.is_empty()).then_some(Stored::Text(Cow::Borrowed(scratch)))
        }
    }
}

fn holds(ask: &Ask, kind: &Kind, index: usize, row: &Row, filter: &Filter, scratch: &mut String) -> bool {
    if let Some(range) = &filter.range {
        return range.holds(row);
    }
    let value = stored(ask, kind, index, row, filter.property, scratch);
    match &filter.test {
        Test::Has(wanted) => value.is_some() == *wanted,
        // No value is unlike any other.
        Test::Equal(operands, wanted) => {
            value.is_some_and(|v| operands.iter().any(|o| o.order(&v) == Some(Ordering::Equal))) == *wanted
        }
        Test::Compare(order, equal, operand) => value
            .and_then(|v| operand.order(&v))
            .is_some_and(|found| found == *order || (*equal && found == Ordering::Equal)),
        Test::Between(low, high) => value.is_some_and(|v| {
            low.order(&v).is_some_and(|o| o != Ordering::Less) && high.order(&v).is_some_and(|o| o != Ordering::Greater)
        }),
        Test::Contains(token, wanted) => {
            let found = match value {
                Some(Stored::Text(text)) => text.to_lowercase().contains(token.as_str()),
                _ => false,
            };
            found == *wanted
        }
    }
}

/// The text that `query` looks through: what a record is called.
fn contains(ask: &Ask, kind: &Kind, index: usize, row: &Row, query: &str) -> bool {
    let through = kind.properties.iter().filter(|p| {
        matches!(p.from, Gen::Email | Gen::First | Gen::Last | Gen::Name | Gen::Domain | Gen::Phone | Gen::Sentence)
    });
    let mut text = String::new();
    for property in through {
        text.clear();
        if ask.world.value_of(kind, index, row, property, &mut text) && text.to_lowercase().contains(query) {
            return true;
        }
    }
    false
}

/// The one sort: an object, `"-name"`, `"name"`, or JSON in a text.
fn sort(kind: &Kind, body: &Value) -> Result<Option<(usize, bool)>, Failure> {
    let Some(sorts) = body.get("sorts").and_then(Value::as_array) else { return Ok(None) };
    let first = match &sorts[..] {
        [] => return Ok(None),
        [first] => first.clone(),
        more => return Err(Failure::invalid(format!("Too many sorts: {} given, at most 1 is allowed", more.len()))),
    };
    let parsed = match &first {
        Value::String(text) if text.trim_start().starts_with('{') => serde_json::from_str(text)
            .map_err(|_| Failure::invalid(format!("Invalid input JSON: '{text}' is no sort")))?,
        _ => first,
    };
    let (name, ascending) = match &parsed {
        Value::String(text) => match text.strip_prefix('-') {
            Some(name) => (name.to_string(), false),
            None => (text.clone(), true),
        },
        object => {
            let name = object.get("propertyName").and_then(Value::as_str).unwrap_or_default().to_string();
            match object.get("direction").and_then(Value::as_str) {
                None | Some("ASCENDING") => (name, true),
                Some("DESCENDING") => (name, false),
                Some(other) => {
                    return Err(Failure::invalid(format!("Invalid input JSON: '{other}' is no direction of a sort")));
                }
            }
        }
    };
    match kind.by_name.get(&name) {
        Some(at) => Ok(Some((*at, ascending))),
        None => {
            Err(Failure::invalid(format!("There was a problem with the request: property '{name}' does not exist")))
        }
    }
}

/// What a record is sorted by: nothing first, then numbers, then text.
#[derive(PartialEq, PartialOrd)]
enum Key {
    Nothing,
    Whole(i64),
    Number(f64),
    Text(String),
}

fn sorted(ask: &Ask, kind: &Kind, matches: Vec<(u32, Row)>, at: usize, ascending: bool) -> Vec<u32> {
    let property = &kind.properties[at];
    let mut scratch = String::new();
    let key = |index: usize, row: &Row, scratch: &mut String| match stored(ask, kind, index, row, at, scratch) {
        None => Key::Nothing,
        Some(Stored::Id(id)) => Key::Whole(id as i64),
        Some(value) => match property.kind.as_str() {
            "number" => value.number().map_or(Key::Nothing, Key::Number),
            "date" | "datetime" => value.instant().map_or(Key::Nothing, Key::Whole),
            _ => match value {
                Stored::Text(text) => Key::Text(text.to_lowercase()),
                Stored::Instant(ms) => Key::Text(instant_text(ms)),
                Stored::Id(id) => Key::Whole(id as i64),
            },
        },
    };
    let mut keyed: Vec<(Key, u32)> =
        matches.iter().map(|(index, row)| (key(*index as usize, row, &mut scratch), *index)).collect();
    keyed.sort_by(|a, b| {
        let order = a.0.partial_cmp(&b.0).unwrap_or(Ordering::Equal);
        let order = if ascending { order } else { order.reverse() };
        order.then(a.1.cmp(&b.1))
    });
    keyed.into_iter().map(|(_, index)| index).collect()
}
