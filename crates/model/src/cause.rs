//! Why a run failed, kept beside its document as data, so that nobody has to read it out of a sentence.

use crate::Error;
use crate::error::{Kind, Place};
use serde_json::{Map, Value, json};

/// A kind, by name.
pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Invalid => "invalid",
        Kind::Unauthenticated => "unauthenticated",
        Kind::Forbidden => "forbidden",
        Kind::NotFound => "notFound",
        Kind::TooLarge => "tooLarge",
        Kind::Conflict => "conflict",
        Kind::Stale => "stale",
        Kind::Refused => "refused",
        Kind::TooMany { .. } => "tooMany",
        Kind::Unavailable { .. } => "unavailable",
        Kind::TimedOut => "timedOut",
        Kind::Internal => "internal",
    }
}

/// `{kind, code, message, at?, advice?}`: the caller's part of an error.
pub fn told(error: &Error) -> Value {
    let mut told = Map::new();
    told.insert("kind".into(), kind(error.kind).into());
    told.insert("code".into(), error.code.id.into());
    told.insert("message".into(), error.message.as_ref().into());
    if let Some(at) = &error.at {
        let place = match at {
            Place::Pointer { pointer } => json!({ "field": pointer }),
            Place::Span { start, end } => json!({ "start": start, "end": end }),
            Place::File { file, line, column } => {
                let mut place = Map::new();
                place.insert("file".into(), file.as_str().into());
                if let Some(line) = line {
                    place.insert("line".into(), (*line).into());
                }
                if let Some(column) = column {
                    place.insert("column".into(), column.as_str().into());
                }
                Value::Object(place)
            }
        };
        told.insert("at".into(), place);
    }
    if let Some(advice) = &error.advice {
        told.insert("advice".into(), advice.as_ref().into());
    }
    Value::Object(told)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code;

    #[test]
    fn an_error_is_told_without_what_lies_beneath() {
        let file = Place::File { file: "a.csv".into(), line: Some(7), column: None };
        let error = Error::new(Kind::Refused, &code::FLOW_1102, "S3 refused the key")
            .at(file)
            .advice("Renew the key.")
            .caused_by("a secret of the server");
        let expected = json!({ "kind": "refused", "code": "FLOW-1102-500", "message": "S3 refused the key",
            "at": { "file": "a.csv", "line": 7 }, "advice": "Renew the key." });
        assert_eq!(told(&error), expected);
        assert_eq!(told(&Error::internal("x"))["at"], Value::Null);
    }
}
