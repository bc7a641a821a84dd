//! One value to one of the target's scalar types (PL §5.3), and why it does not fit when it does not. The loops of
//! [`super::coerce`] and the builders of [`super::sink`] agree because both end here.
//!
//! Blank text is no value for every type but text: it becomes null and nobody is told.

use super::moment::{Moment, iso};
use super::value::{Fault, Num, Value, boolean_in, number_in, whole};
use datafusion::arrow::compute::kernels::cast_utils::Parser;
use datafusion::arrow::datatypes::Float64Type;
use forebay_model::xdm::Type;

/// What a type is called in messages.
pub fn type_name(ty: &Type) -> &'static str {
    match ty {
        Type::String => "text",
        Type::Boolean => "a boolean",
        Type::Byte => "a whole number of 8 bits",
        Type::Short => "a whole number of 16 bits",
        Type::Int => "a whole number of 32 bits",
        Type::Long => "a whole number of 64 bits",
        Type::Number => "a number",
        Type::Date => "a day",
        Type::DateTime => "a date with a time",
        Type::Object(_) => "an object",
        Type::Array(_) => "a list",
        Type::Map(_) => "a map",
    }
}

/// Why a value is not of a type.
pub fn misfit(value: &Value<'_>, ty: &Type) -> Fault {
    match (value, ty) {
        (Value::Text(_), Type::Boolean) => "the text is none of y, yes, on, true, n, no, off, false".into(),
        (Value::Text(_), Type::Date | Type::DateTime) => {
            format!("the text is not {} in any known format", type_name(ty)).into()
        }
        (Value::Text(text), Type::Byte | Type::Short | Type::Int | Type::Long) => match number_in(text) {
            Some(n) if n.float().fract() != 0.0 => "the number has a fraction and the target is whole".into(),
            Some(_) => format!("the number does not fit {}", type_name(ty)).into(),
            None => "the text is not a number".into(),
        },
        (Value::Text(_), Type::Number) => "the text is not a number".into(),
        (Value::Number(n), Type::Byte | Type::Short | Type::Int | Type::Long) if n.fract() != 0.0 => {
            "the number has a fraction and the target is whole".into()
        }
        (Value::Int(_) | Value::Number(_), Type::Byte | Type::Short | Type::Int | Type::Long) => {
            format!("the number does not fit {}", type_name(ty)).into()
        }
        // A typed value that is there, and beyond what we read values as.
        (Value::Null, _) => format!("the value is beyond {}", type_name(ty)).into(),
        (Value::Int(_), Type::DateTime) => "the milliseconds are beyond the calendar".into(),
        _ => format!("{} is not {}", value.kind(), type_name(ty)).into(),
    }
}

/// Blank text counts as absent.
pub fn blank(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_whitespace())
}

/// A whole number, digits first: the loop that typing an id column spends its time in.
#[inline]
pub fn long_in(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes.first()? {
        b'-' => (true, &bytes[1..]),
        _ => (false, bytes),
    };
    if digits.is_empty() || digits.len() > 18 {
        return slow_long(text);
    }
    let mut n: i64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return slow_long(text);
        }
        n = n * 10 + i64::from(digit);
    }
    Some(if negative { -n } else { n })
}

/// Blanks, a plus sign, 19 digits, `12.0`, `1e3`.
#[cold]
fn slow_long(text: &str) -> Option<i64> {
    number_in(text)?.whole()
}

/// A finite number.
#[inline]
pub fn double_in(text: &str) -> Option<f64> {
    match Float64Type::parse(text) {
        Some(n) if n.is_finite() => Some(n),
        _ => number_in(text).map(Num::float),
    }
}

/// Microseconds in UTC.
#[inline]
pub fn micros_in(text: &str) -> Option<i64> {
    match iso(text.as_bytes()) {
        Some((micros, _)) => Some(micros),
        None => Moment::parse(text).map(|moment| moment.micros),
    }
}

/// Days since 1970, by the wall clock that the text shows.
#[inline]
pub fn days_in(text: &str) -> Option<i32> {
    let (micros, offset) = match iso(text.as_bytes()) {
        Some(found) => found,
        None => {
            let moment = Moment::parse(text)?;
            (moment.micros, moment.zone.offset_at(moment.micros))
        }
    };
    days_of(micros, offset)
}

/// Days since 1970 of a moment's wall clock.
pub fn days_of(micros: i64, offset: i32) -> Option<i32> {
    let local = micros.checked_add(i64::from(offset) * 1_000_000)?;
    i32::try_from(local.div_euclid(86_400_000_000)).ok()
}

/// A boolean.
#[inline]
pub fn bool_in(text: &str) -> Option<bool> {
    boolean_in(text).or_else(|| boolean_in(text.trim()))
}

/// A value as a whole number.
pub fn to_long(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        Value::Number(n) => whole(*n),
        Value::Text(text) => long_in(text),
        _ => None,
    }
}

/// A value as a number.
pub fn to_double(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Text(text) => double_in(text),
        other => other.number().map(Num::float),
    }
}

/// A value as a boolean.
pub fn to_bool(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::Text(text) => bool_in(text),
        _ => None,
    }
}

/// A value as days since 1970.
pub fn to_days(value: &Value<'_>) -> Option<i32> {
    match value {
        Value::Day(day) => days_of(Moment::midnight(*day).micros, 0),
        Value::Moment(moment) => days_of(moment.micros, moment.zone.offset_at(moment.micros)),
        Value::Text(text) => days_in(text),
        _ => None,
    }
}

/// A value as microseconds in UTC.
pub fn to_micros(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Text(text) => micros_in(text),
        // A number that is typed as one is epoch milliseconds; digits in a text are whatever the formats say.
        Value::Int(millis) => chrono::DateTime::from_timestamp_millis(*millis).map(|utc| utc.timestamp_micros()),
        other => other.moment().map(|moment| moment.micros),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_read_in_every_usual_spelling() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("007", Some(7)),
            ("+5", Some(5)),
            (" 42 ", Some(42)),
            ("12.0", Some(12)),
            ("1e3", Some(1000)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("12.5", None),
            ("1,000", None),
            ("-", None),
            ("", None),
            ("٣", None),
            ("1 2", None),
        ] {
            assert_eq!(long_in(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_day_is_the_one_its_own_clock_shows() {
        assert_eq!(days_in("1970-01-02T23:30:00-05:00"), Some(1));
        assert_eq!(days_in("1969-12-31"), Some(-1));
        assert_eq!(days_in("01/02/1970"), Some(1), "M/dd/yyyy");
    }

    #[test]
    fn numbers_that_json_cannot_hold_are_refused() {
        for text in ["NaN", "inf", "1e999"] {
            assert_eq!(double_in(text), None, "{text}");
        }
        assert_eq!(double_in(" 1.5 "), Some(1.5));
    }
}
