//! One spelling for values that HubSpot spells in several ways, whatever they are mapped to (hubspot.md §10.2). Pure.
//!
//! What always holds: it goes by the type that the account declares. What is not of that type stays as it came, so that
//! whoever converts it tells of it. Numbers and everything else need no other spelling.

use super::wire::Property;
use chrono::{DateTime, Datelike, SecondsFormat, Utc};
use std::collections::HashMap;

/// A type whose values have several spellings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `true` and `false` in any case; `yes` and `no`, too.
    Bool,
    /// A day, or milliseconds, or a moment: then its day in UTC.
    Date,
    /// A moment, or milliseconds.
    DateTime,
}

/// The properties that have such a type.
pub(super) type Forms = HashMap<String, Form>;

/// Which of the properties have such a type.
pub(super) fn forms(properties: &[Property]) -> Forms {
    let form = |property: &Property| match property.ty.as_deref()? {
        "bool" | "boolean" => Some(Form::Bool),
        "date" => Some(Form::Date),
        "datetime" => Some(Form::DateTime),
        _ => None,
    };
    properties.iter().filter_map(|property| Some((property.name.clone(), form(property)?))).collect()
}

/// The one spelling of a value: plain text that JSON need not escape. `None` if it has that spelling already, or is no
/// value of the type.
pub(super) fn spelled(form: Form, text: &str) -> Option<String> {
    match form {
        Form::Bool if matches!(text, "true" | "false") => None,
        Form::Bool => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" => Some("true".into()),
            "false" | "no" => Some("false".into()),
            _ => None,
        },
        Form::Date => {
            let moment = millis(text).or_else(|| DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.to_utc()));
            moment.filter(written).map(|moment| moment.format("%Y-%m-%d").to_string())
        }
        Form::DateTime => millis(text).filter(written).map(|at| at.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
    }
}

fn millis(text: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(text.parse().ok()?)
}

/// Its year has four digits, as everybody writes and reads it.
fn written(moment: &DateTime<Utc>) -> bool {
    (0..=9999).contains(&moment.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(form: Form, text: &str, expected: Option<&str>) {
        assert_eq!(spelled(form, text).as_deref(), expected, "{text}");
    }

    /// O: airbyte#10576. The day is UTC's, never that of the text's own clock.
    #[test]
    fn dates_come_as_days_and_as_milliseconds() {
        check(Form::Date, "2024-02-29", None);
        check(Form::Date, "1709164800000", Some("2024-02-29"));
        check(Form::Date, "1709251199999", Some("2024-02-29"));
        check(Form::Date, "-86400000", Some("1969-12-31"));
        check(Form::Date, "-1", Some("1969-12-31"));
        check(Form::Date, "0", Some("1970-01-01"));
        check(Form::Date, "2024-03-31T23:30:00Z", Some("2024-03-31"));
        check(Form::Date, "2024-03-31T23:30:00-05:00", Some("2024-04-01"));
        check(Form::Date, "2024-04-01T01:30:00+05:30", Some("2024-03-31"));
        for other in ["0000-00-00", "soon", "", "1709164800000.5", "253402300800000", "99999999999999999999"] {
            check(Form::Date, other, None);
        }
    }

    #[test]
    fn moments_come_as_text_and_as_milliseconds() {
        check(Form::DateTime, "1709200800000", Some("2024-02-29T10:00:00Z"));
        check(Form::DateTime, "1709200800123", Some("2024-02-29T10:00:00.123Z"));
        check(Form::DateTime, "-1", Some("1969-12-31T23:59:59.999Z"));
        for other in ["2024-02-29T10:00:00.123456Z", "2024-02-29T10:00:00.000+05:30", "yesterday", "2024-02-29"] {
            check(Form::DateTime, other, None);
        }
    }

    #[test]
    fn truth_comes_in_any_case() {
        for (text, expected) in [("TRUE", "true"), ("Yes", "true"), ("False", "false"), ("nO", "false")] {
            check(Form::Bool, text, Some(expected));
        }
        for other in ["true", "false", "1", "maybe", ""] {
            check(Form::Bool, other, None);
        }
    }
}
