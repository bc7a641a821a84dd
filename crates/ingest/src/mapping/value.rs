//! One value of a row, typed as it comes: what expressions compute with.
//!
//! Always holds: numbers are finite; a list or object of a text source may still be JSON text and is read as such when
//! one is asked for. The rules of truth, number, text, equality and order that expressions follow are here and nowhere
//! else.

use super::moment::Moment;
use chrono::NaiveDate;
use datafusion::arrow::compute::kernels::cast_utils::Parser;
use datafusion::arrow::datatypes::Float64Type;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;

/// Why a value could not be computed or converted, in the caller's words.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What is wrong.
    pub why: Cow<'static, str>,
    /// The row asked for more work than a row may cost.
    pub limit: bool,
}

impl Fault {
    /// The row asks for too much.
    pub fn limit(why: impl Into<Cow<'static, str>>) -> Fault {
        Fault { why: why.into(), limit: true }
    }
}

impl From<&'static str> for Fault {
    fn from(why: &'static str) -> Fault {
        Fault { why: why.into(), limit: false }
    }
}

impl From<String> for Fault {
    fn from(why: String) -> Fault {
        Fault { why: why.into(), limit: false }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// A value, or why there is none.
pub type Outcome<'a> = Result<Value<'a>, Fault>;

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Absent.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A finite number.
    Number(f64),
    /// Text, which every column of a delimited or JSON file is.
    Text(Cow<'a, str>),
    /// A day.
    Day(NaiveDate),
    /// A point in time.
    Moment(Moment),
    /// Several values.
    List(Vec<Value<'a>>),
    /// Named values, in order.
    Object(Vec<(String, Value<'a>)>),
}

/// An object being built; however many members, adding one takes the same time.
#[derive(Debug, Default)]
pub struct Members<'a> {
    list: Vec<(String, Value<'a>)>,
    /// Where each is, kept once there are more than a glance takes in.
    places: HashMap<String, usize>,
}

impl<'a> Members<'a> {
    const GLANCE: usize = 16;

    fn place(&self, name: &str) -> Option<usize> {
        if self.places.is_empty() {
            return self.list.iter().position(|(known, _)| known == name);
        }
        self.places.get(name).copied()
    }

    /// Adds a member, in the place of one of the same name.
    pub fn put(&mut self, name: String, value: Value<'a>) {
        match self.place(&name) {
            Some(at) => self.list[at].1 = value,
            None => self.push(name, value),
        }
    }

    /// Adds a member unless there is one of the same name.
    pub fn put_new(&mut self, name: String, value: Value<'a>) {
        if self.place(&name).is_none() {
            self.push(name, value);
        }
    }

    fn push(&mut self, name: String, value: Value<'a>) {
        if self.list.len() == Self::GLANCE {
            self.places = self.list.iter().enumerate().map(|(at, (name, _))| (name.clone(), at)).collect();
        }
        if self.list.len() >= Self::GLANCE {
            self.places.insert(name.clone(), self.list.len());
        }
        self.list.push((name, value));
    }

    /// The object.
    pub fn value(self) -> Value<'a> {
        Value::Object(self.list)
    }
}

/// A number as arithmetic sees it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Num {
    /// Whole.
    Int(i64),
    /// With a fraction, or beyond 64 bits.
    Float(f64),
}

impl Num {
    /// As a double.
    pub fn float(self) -> f64 {
        match self {
            Num::Int(n) => n as f64,
            Num::Float(n) => n,
        }
    }

    /// A value, where the number is finite.
    pub fn value<'a>(self) -> Outcome<'a> {
        match self {
            Num::Int(n) => Ok(Value::Int(n)),
            Num::Float(n) if n.is_finite() => Ok(Value::Number(n)),
            Num::Float(_) => Err("the result is too large for a number".into()),
        }
    }

    /// The whole number it is, if it is one and fits 64 bits.
    pub fn whole(self) -> Option<i64> {
        match self {
            Num::Int(n) => Some(n),
            Num::Float(n) => whole(n),
        }
    }
}

/// The whole number that a double is, if it is one and fits 64 bits.
pub fn whole(n: f64) -> Option<i64> {
    (n.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&n)).then_some(n as i64)
}

/// A finite number in a text, blanks around it aside.
pub fn number_in(text: &str) -> Option<Num> {
    let text = text.trim();
    match text.as_bytes().first()? {
        b'0'..=b'9' | b'+' | b'-' | b'.' => {}
        _ => return None,
    }
    if let Ok(n) = text.parse::<i64>() {
        return Some(Num::Int(n));
    }
    Float64Type::parse(text).filter(|n| n.is_finite()).map(Num::Float)
}

/// The contract's words for true and false (PL §5.3); any other text is neither.
pub fn boolean_in(text: &str) -> Option<bool> {
    match text {
        "y" | "yes" | "Y" | "YES" | "on" | "ON" | "true" | "TRUE" => Some(true),
        "n" | "N" | "no" | "NO" | "off" | "OFF" | "false" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Whether a text as a condition holds.
pub fn truth_in(text: &str) -> bool {
    match (boolean_in(text), number_in(text)) {
        (Some(b), _) => b,
        (None, Some(n)) => n.float() != 0.0,
        (None, None) => !text.is_empty(),
    }
}

/// Order of two texts: by value where both are numbers, else by letters.
pub fn order_texts(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    match number_in(a).and_then(|a| Some((a, number_in(b)?))) {
        Some((Num::Int(a), Num::Int(b))) => a.cmp(&b),
        Some((x, y)) => x.float().partial_cmp(&y.float()).unwrap_or_else(|| a.cmp(b)),
        None => a.cmp(b),
    }
}

/// A number as text: whole doubles without a fraction.
pub fn number_text(n: f64) -> String {
    if n.abs() < 1e15 {
        format!("{n}")
    } else {
        serde_json::Number::from_f64(n).map_or_else(|| n.to_string(), |n| n.to_string())
    }
}

impl<'a> Value<'a> {
    /// Text that is owned.
    pub fn owned(text: impl Into<String>) -> Value<'a> {
        Value::Text(Cow::Owned(text.into()))
    }

    /// No value.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The number it is or reads as.
    pub fn number(&self) -> Option<Num> {
        match self {
            Value::Int(n) => Some(Num::Int(*n)),
            Value::Number(n) => Some(Num::Float(*n)),
            Value::Text(text) => number_in(text),
            _ => None,
        }
    }

    /// Text, as a target of type string shows it; none for null.
    pub fn text(self) -> Option<Cow<'a, str>> {
        Some(match self {
            Value::Null => return None,
            Value::Text(text) => text,
            Value::Bool(true) => "true".into(),
            Value::Bool(false) => "false".into(),
            Value::Int(n) => n.to_string().into(),
            Value::Number(n) => number_text(n).into(),
            Value::Day(day) => day.to_string().into(),
            Value::Moment(moment) => moment.text().into(),
            Value::List(_) | Value::Object(_) => self.json().to_string().into(),
        })
    }

    /// Whether a condition holds: the contract's boolean words, numbers other than zero, any other text that is not
    /// empty, anything else that is there.
    pub fn truth(&self) -> bool {
        match self {
            Value::Null => false,
            Value::Bool(b) => *b,
            Value::Int(n) => *n != 0,
            Value::Number(n) => *n != 0.0,
            Value::Text(text) => truth_in(text),
            _ => true,
        }
    }

    /// The moment it is or reads as.
    pub fn moment(&self) -> Option<Moment> {
        match self {
            Value::Moment(moment) => Some(*moment),
            Value::Day(day) => Some(Moment::midnight(*day)),
            Value::Text(text) => Moment::parse(text),
            _ => None,
        }
    }

    /// JSON text of a list or an object becomes one; anything else stays.
    pub fn unfolded(self) -> Value<'a> {
        let Value::Text(text) = &self else {
            return self;
        };
        let composite = matches!(text.trim_start().as_bytes().first(), Some(b'[' | b'{'));
        match composite.then(|| serde_json::from_str::<Json>(text)) {
            Some(Ok(json)) => Value::from_json(json),
            _ => self,
        }
    }

    /// Its elements: of a list, or of JSON text of one; a single value is a list of one, null is none.
    pub fn list(self) -> Vec<Value<'a>> {
        match self.unfolded() {
            Value::Null => Vec::new(),
            Value::List(items) => items,
            other => vec![other],
        }
    }

    /// The same value, borrowed.
    pub fn view(&self) -> Value<'_> {
        match self {
            Value::Text(text) => Value::Text(Cow::Borrowed(text)),
            Value::List(items) => Value::List(items.iter().map(Value::view).collect()),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(name, value)| (name.clone(), value.view())).collect())
            }
            Value::Null => Value::Null,
            Value::Bool(b) => Value::Bool(*b),
            Value::Int(n) => Value::Int(*n),
            Value::Number(n) => Value::Number(*n),
            Value::Day(day) => Value::Day(*day),
            Value::Moment(moment) => Value::Moment(*moment),
        }
    }

    /// Equality of expressions: numbers by value, dates by instant, otherwise texts; null equals null only.
    pub fn equals(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Null, _) | (_, Value::Null) => false,
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }

    /// Order of expressions, as [`Value::equals`]; none where a side is null.
    pub fn order(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Value::Null, _) | (_, Value::Null) => return None,
            (Value::Text(a), Value::Text(b)) => return Some(order_texts(a, b)),
            (Value::Bool(a), b) | (b, Value::Bool(a)) => {
                let b = match b {
                    Value::Bool(b) => Some(*b),
                    Value::Text(text) => boolean_in(text),
                    _ => None,
                };
                if let Some(b) = b {
                    let order = a.cmp(&b);
                    return Some(if matches!(self, Value::Bool(_)) { order } else { order.reverse() });
                }
            }
            (Value::Moment(_) | Value::Day(_), _) | (_, Value::Moment(_) | Value::Day(_)) => {
                if let (Some(a), Some(b)) = (self.moment(), other.moment()) {
                    return Some(a.micros.cmp(&b.micros));
                }
            }
            _ => {}
        }
        match (self.number(), other.number()) {
            (Some(Num::Int(a)), Some(Num::Int(b))) => Some(a.cmp(&b)),
            (Some(a), Some(b)) => a.float().partial_cmp(&b.float()),
            _ => Some(self.clone().text()?.as_ref().cmp(other.clone().text()?.as_ref())),
        }
    }

    /// From JSON.
    pub fn from_json<'b>(json: Json) -> Value<'b> {
        match json {
            Json::Null => Value::Null,
            Json::Bool(b) => Value::Bool(b),
            Json::Number(n) => match (n.as_i64(), n.as_f64()) {
                (Some(n), _) => Value::Int(n),
                (None, Some(n)) => Value::Number(n),
                (None, None) => Value::Null,
            },
            Json::String(text) => Value::Text(Cow::Owned(text)),
            Json::Array(items) => Value::List(items.into_iter().map(Value::from_json).collect()),
            Json::Object(members) => {
                Value::Object(members.into_iter().map(|(k, v)| (k, Value::from_json(v))).collect())
            }
        }
    }

    /// As JSON; dates are texts.
    pub fn json(&self) -> Json {
        match self {
            Value::Null => Json::Null,
            Value::Bool(b) => Json::Bool(*b),
            Value::Int(n) => Json::from(*n),
            Value::Number(n) => Json::from(*n),
            Value::Text(text) => Json::from(text.as_ref()),
            Value::Day(day) => Json::from(day.to_string()),
            Value::Moment(moment) => Json::from(moment.text()),
            Value::List(items) => Json::Array(items.iter().map(Value::json).collect()),
            Value::Object(members) => Json::Object(members.iter().map(|(k, v)| (k.clone(), v.json())).collect()),
        }
    }

    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::Day(_) | Value::Moment(_) => "a date",
            Value::List(_) => "a list",
            Value::Object(_) => "an object",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value<'static> {
        Value::from_json(serde_json::from_str(json).unwrap())
    }

    #[track_caller]
    fn check(left: &str, right: &str, expected: Option<Ordering>) {
        assert_eq!(value(left).order(&value(right)), expected, "{left} against {right}");
        assert_eq!(value(right).order(&value(left)), expected.map(Ordering::reverse), "{right} against {left}");
    }

    #[test]
    fn numbers_compare_by_value_and_texts_by_letters() {
        check("\"10\"", "9", Some(Ordering::Greater));
        check("\"10\"", "\"9\"", Some(Ordering::Greater));
        check("\"10\"", "\"9a\"", Some(Ordering::Less));
        check("1", "1.0", Some(Ordering::Equal));
        check("\"1e1\"", "10", Some(Ordering::Equal));
        check("9007199254740993", "9007199254740992", Some(Ordering::Greater));
        check("true", "\"yes\"", Some(Ordering::Equal));
        check("true", "\"off\"", Some(Ordering::Greater));
        check("null", "1", None);
    }

    #[test]
    fn only_plain_numbers_are_numbers() {
        for text in ["nan", "inf", "Infinity", "", " ", "1,000", "0x10", "1e999", "-", "."] {
            assert_eq!(number_in(text), None, "{text:?}");
        }
        assert_eq!(number_in(" +7 "), Some(Num::Int(7)));
        assert_eq!(number_in("9223372036854775808"), Some(Num::Float(9_223_372_036_854_775_808.0)));
    }

    #[test]
    fn truth_knows_the_contracts_words() {
        for text in ["y", "YES", "on", "true", "1", "-2.5", "anything"] {
            assert!(Value::owned(text).truth(), "{text}");
        }
        for text in ["n", "NO", "off", "FALSE", "0", "0.0", ""] {
            assert!(!Value::owned(text).truth(), "{text}");
        }
    }
}
