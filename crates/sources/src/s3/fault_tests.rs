//! From answers to errors, case by case.

use super::*;
use expect_test::{Expect, expect};
use secrecy::ExposeSecret;
use std::time::Duration;

fn credentials() -> Credentials {
    Credentials {
        key: "AKIA0".into(),
        secret: SecretString::from("very-secret-key-1234".to_string()),
        token: Some(SecretString::from("session-token-5678".to_string())),
    }
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Fault {
    let named = Named::object(&super::super::WORDS, "b", "in/a.csv");
    let status = StatusCode::from_u16(status).unwrap();
    let headers = headers.iter().map(|(k, v)| (http::HeaderName::from_static(k), v.parse().unwrap())).collect();
    let now = chrono::DateTime::parse_from_rfc3339("2024-07-01T00:10:00Z").unwrap().to_utc();
    of_answer(&named, &credentials(), status, &headers, body.as_bytes(), now)
}

#[track_caller]
fn check(status: u16, code: &str, expected: Expect) {
    let body = format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>Why &amp; how.</Message></Error>");
    let fault = answer(status, &[], &body);
    let again = if fault.again { "again" } else { "last" };
    expected.assert_eq(&format!("{:?} {again}: {}", fault.error.kind, fault.error));
}

#[test]
fn wrong_keys_are_refused_and_never_internal() {
    for (status, code) in [
        (403, "InvalidAccessKeyId"),
        (403, "SignatureDoesNotMatch"),
        (400, "ExpiredToken"),
        (400, "InvalidToken"),
        (403, "RequestTimeTooSkewed"),
    ] {
        let fault = answer(status, &[], &format!("<Error><Code>{code}</Code></Error>"));
        assert!(fault.sign_in && !fault.again && fault.error.kind == Kind::Refused, "{code}");
        assert!(fault.error.advice.is_some(), "{code}");
    }
    check(
        403,
        "SignatureDoesNotMatch",
        expect![[
            r#"Refused last: FLOW-1102-500: object "in/a.csv" of bucket "b" was refused: the credentials were not accepted (SignatureDoesNotMatch: Why & how.)"#
        ]],
    );
}

#[test]
fn an_expired_token_names_the_patch_that_renews_it() {
    let fault = answer(400, &[], "<Error><Code>ExpiredToken</Code></Error>");
    assert!(fault.error.advice.unwrap().contains("/auth/params/s3SessionToken"));
}

#[test]
fn missing_denied_changed_and_busy_are_told_apart() {
    check(
        404,
        "NoSuchKey",
        expect![[
            r#"NotFound last: FLOW-1101-404: object "in/a.csv" of bucket "b" was not found (NoSuchKey: Why & how.)"#
        ]],
    );
    check(
        403,
        "AccessDenied",
        expect![[
            r#"Refused last: FLOW-1102-500: object "in/a.csv" of bucket "b" was refused: access is denied (AccessDenied: Why & how.)"#
        ]],
    );
    check(
        412,
        "PreconditionFailed",
        expect![[
            r#"Stale last: FLOW-1102-500: object "in/a.csv" of bucket "b" failed: the object changed while it was read (PreconditionFailed: Why & how.)"#
        ]],
    );
    check(
        503,
        "SlowDown",
        expect![[
            r#"Unavailable { retry_after: None } again: FLOW-1103-503: object "in/a.csv" of bucket "b" failed: the source is busy (SlowDown: Why & how.)"#
        ]],
    );
}

#[test]
fn a_bare_status_is_enough() {
    let kinds =
        [(403, Kind::Refused), (404, Kind::NotFound), (412, Kind::Stale), (416, Kind::Stale), (400, Kind::Refused)];
    for (status, kind) in kinds {
        assert_eq!(answer(status, &[], "").error.kind, kind, "{status}");
    }
    for status in [408, 429, 500, 502, 503, 504] {
        assert!(answer(status, &[], "<html>busy</html>").again, "{status}");
    }
}

#[test]
fn retry_after_is_read_in_both_forms_and_nonsense_is_no_wish() {
    let wait = |text| answer(503, &[("retry-after", text)], "").retry_after;
    assert_eq!(wait("30"), Some(Duration::from_secs(30)));
    assert_eq!(wait("Mon, 01 Jul 2024 00:11:00 GMT"), Some(Duration::from_secs(60)));
    assert_eq!(wait("999999999"), Some(Duration::from_secs(3600)));
    assert_eq!(wait("soon"), None);
    assert_eq!(wait("Mon, 01 Jul 2024 00:00:00 GMT"), None);
}

#[test]
fn a_region_is_believed_only_when_it_is_a_plain_name() {
    let malformed = |region: &str| {
        let body = format!("<Error><Code>AuthorizationHeaderMalformed</Code><Region>{region}</Region></Error>");
        answer(400, &[], &body).region
    };
    assert_eq!(malformed("eu-central-1").as_deref(), Some("eu-central-1"));
    assert_eq!(malformed("evil.example.org/"), None);
    assert_eq!(malformed("x@evil"), None);
    assert_eq!(answer(301, &[("x-amz-bucket-region", "eu-west-3")], "").region.as_deref(), Some("eu-west-3"));
}

#[test]
fn the_size_of_a_skew_is_told() {
    let body = "<Error><Code>RequestTimeTooSkewed</Code></Error>";
    let fault = answer(403, &[("date", "Mon, 01 Jul 2024 01:10:00 GMT")], body);
    assert!(fault.error.message.contains("3600 s behind"), "{}", fault.error);
}

#[test]
fn what_the_other_side_says_is_cut_and_never_repeats_our_secrets() {
    let credentials = credentials();
    let token = credentials.token.as_ref().unwrap().expose_secret();
    let said = [token.to_string(), credentials.secret.expose_secret().to_string(), "x".repeat(100_000)];
    for said in said {
        for body in [
            format!("<Error><Code>Odd</Code><Message>{said}</Message></Error>"),
            format!("<Error><Code>{said}</Code><Message>m</Message></Error>"),
        ] {
            let told = format!("{:?}", answer(400, &[], &body).error);
            assert!(!told.contains(token) && !told.contains("very-secret") && told.len() < 3 * redact::LIMIT, "{told}");
        }
    }
}
