//! Between the folder's values and those of the protocol.

use crate::folder::{After, Condition, Failure, Headers, Stored, hex};
use chrono::{DateTime, Utc};
use s3s::dto::{ETag, ETagCondition, EncodingType, Metadata, Object, Timestamp};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use std::time::{Duration, UNIX_EPOCH};

/// The one place that reads the clock.
pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}

pub(super) fn failed(failure: Failure) -> S3Error {
    let code = match &failure {
        Failure::NoBucket => S3ErrorCode::NoSuchBucket,
        Failure::BucketExists => S3ErrorCode::BucketAlreadyOwnedByYou,
        Failure::BucketNotEmpty => S3ErrorCode::BucketNotEmpty,
        Failure::NoKey => S3ErrorCode::NoSuchKey,
        Failure::Condition => S3ErrorCode::PreconditionFailed,
        Failure::Io(_) => S3ErrorCode::InternalError,
    };
    S3Error::with_message(code, failure.to_string())
}

pub(super) fn instant(seconds: i64) -> Timestamp {
    Timestamp::from(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
}

pub(super) fn etag(stored: &Stored) -> ETag {
    ETag::Strong(stored.etag.clone())
}

pub(super) fn listed(key: String, stored: &Stored) -> Object {
    Object {
        key: Some(key),
        size: i64::try_from(stored.size).ok(),
        e_tag: Some(etag(stored)),
        last_modified: Some(instant(stored.modified)),
        ..Object::default()
    }
}

pub(super) fn headers(
    content_type: Option<String>,
    content_encoding: Option<String>,
    cache_control: Option<String>,
    metadata: Option<Metadata>,
) -> Headers {
    let metadata = metadata.unwrap_or_default().into_iter().collect();
    Headers { content_type, content_encoding, cache_control, metadata }
}

pub(super) fn metadata(headers: &Headers) -> Option<Metadata> {
    (!headers.metadata.is_empty()).then(|| headers.metadata.clone().into_iter().collect())
}

fn holds(condition: &ETagCondition, stored: &Stored) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == stored.etag,
    }
}

/// The conditions of a read.
pub(super) fn check_read(
    stored: &Stored,
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<()> {
    if if_match.is_some_and(|condition| !holds(condition, stored)) {
        return Err(failed(Failure::Condition));
    }
    if if_none_match.is_some_and(|condition| holds(condition, stored)) {
        return Err(s3_error!(NotModified));
    }
    Ok(())
}

/// The condition of a write.
pub(super) fn condition(
    if_match: Option<&ETagCondition>,
    if_none_match: Option<&ETagCondition>,
) -> S3Result<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::None),
        (None, Some(ETagCondition::Any)) => Ok(Condition::Absent),
        (Some(ETagCondition::Any), None) => Ok(Condition::Present),
        (Some(ETagCondition::ETag(etag)), None) => Ok(Condition::Etag(etag.value().to_string())),
        _ => Err(s3_error!(NotImplemented, "Writes take If-Match, or If-None-Match with a star.")),
    }
}

/// `encoding-type=url`: the encoding of forms, slashes kept, as S3 does it.
pub(super) fn coded(text: String, encoding: Option<&EncodingType>) -> String {
    if encoding.map(EncodingType::as_str) != Some(EncodingType::URL) {
        return text;
    }
    let mut coded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => coded.push(char::from(byte)),
            b' ' => coded.push('+'),
            _ => coded.push_str(&format!("%{byte:02X}")),
        }
    }
    coded
}

/// A continuation token: opaque to clients, and plain ASCII whatever the key.
pub(super) fn to_token(after: &After) -> String {
    match after {
        After::Key(key) => format!("k{}", hex(key.as_bytes())),
        After::Prefix(prefix) => format!("p{}", hex(prefix.as_bytes())),
    }
}

pub(super) fn from_token(token: &str) -> Option<After> {
    let (kind, digits) = token.split_at_checked(1)?;
    let bytes: Option<Vec<u8>> =
        digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect();
    let text = String::from_utf8(bytes?).ok()?;
    match kind {
        "k" => Some(After::Key(text)),
        "p" => Some(After::Prefix(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tokens_come_back_as_they_went(key in any::<String>(), group in any::<bool>()) {
            let after = if group { After::Prefix(key) } else { After::Key(key) };
            prop_assert_eq!(from_token(&to_token(&after)), Some(after));
        }

        #[test]
        fn foreign_tokens_are_no_place_and_no_panic(token in any::<String>()) {
            if let Some(after) = from_token(&token) {
                prop_assert_eq!(to_token(&after).to_lowercase(), token.to_lowercase());
            }
        }
    }

    #[test]
    fn keys_are_coded_as_forms_with_their_slashes() {
        let url = EncodingType::from_static(EncodingType::URL);
        assert_eq!(coded("a b/c+d%é(1).csv".into(), Some(&url)), "a+b/c%2Bd%25%C3%A9%281%29.csv");
        assert_eq!(coded("a b".into(), None), "a b");
    }
}
