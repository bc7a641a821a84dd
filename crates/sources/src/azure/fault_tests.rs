//! From answers to errors, case by case.

use super::super::sign::Signature;
use super::*;
use expect_test::{Expect, expect};
use secrecy::SecretString;
use std::time::Duration;

const KEY: &str = "dmVyeS1zZWNyZXQta2V5LTEyMzQ=";

fn key() -> Credentials {
    Credentials::key("acme", SecretString::from(KEY.to_string())).unwrap()
}

fn signature(times: &str) -> Credentials {
    Credentials::Signature(Signature::parse(&format!("sv=2021-12-02&{times}sig=canaryOfTheProof%2B%2F%3D")).unwrap())
}

fn answer(credentials: &Credentials, status: u16, headers: &[(&'static str, &str)], body: &str) -> Fault {
    let named = Named::object(&super::super::WORDS, "c", "in/a.csv");
    let status = StatusCode::from_u16(status).unwrap();
    let headers = headers.iter().map(|(k, v)| (http::HeaderName::from_static(k), v.parse().unwrap())).collect();
    let now = chrono::DateTime::parse_from_rfc3339("2024-07-01T00:10:00Z").unwrap().to_utc();
    of_answer(&named, credentials, status, &headers, body.as_bytes(), now)
}

fn body(code: &str) -> String {
    format!(
        "\u{feff}<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>Why &amp; how.\nRequestId:1\nTime:2</Message></Error>"
    )
}

#[track_caller]
fn check(status: u16, code: &str, expected: Expect) {
    let fault = answer(&key(), status, &[], &body(code));
    let again = if fault.again { "again" } else { "last" };
    expected.assert_eq(&format!("{:?} {again}: {}", fault.error.kind, fault.error));
    assert!(fault.error.advice.is_some());
    // A HEAD has the code in a header alone.
    let head = answer(&key(), status, &[("x-ms-error-code", code)], "");
    assert_eq!((head.error.kind, head.again, head.sign_in), (fault.error.kind, fault.again, fault.sign_in));
}

#[test]
fn refused_missing_changed_and_busy_are_told_apart() {
    check(
        403,
        "AuthenticationFailed",
        expect![[
            r#"Refused last: FLOW-1102-500: blob "in/a.csv" of container "c" was refused: the credentials were not accepted (AuthenticationFailed: Why & how.)"#
        ]],
    );
    check(
        403,
        "AuthorizationFailure",
        expect![[
            r#"Refused last: FLOW-1102-500: blob "in/a.csv" of container "c" was refused: access is denied (AuthorizationFailure: Why & how.)"#
        ]],
    );
    check(
        404,
        "ContainerNotFound",
        expect![[
            r#"NotFound last: FLOW-1101-404: blob "in/a.csv" of container "c" was not found (ContainerNotFound: Why & how.)"#
        ]],
    );
    check(
        412,
        "ConditionNotMet",
        expect![[
            r#"Stale last: FLOW-1102-500: blob "in/a.csv" of container "c" failed: the blob changed while it was read (ConditionNotMet: Why & how.)"#
        ]],
    );
    check(
        503,
        "ServerBusy",
        expect![[
            r#"Unavailable { retry_after: None } again: FLOW-1103-503: blob "in/a.csv" of container "c" failed: the source is busy (ServerBusy: Why & how.)"#
        ]],
    );
    check(
        409,
        "BlobArchived",
        expect![[
            r#"Refused last: FLOW-1102-500: blob "in/a.csv" of container "c" was refused: it lies in the archive tier (BlobArchived: Why & how.)"#
        ]],
    );
}

#[test]
fn a_bare_status_is_enough() {
    for (status, kind) in [
        (401, Kind::Refused),
        (403, Kind::Refused),
        (404, Kind::NotFound),
        (412, Kind::Stale),
        (416, Kind::Stale),
        (302, Kind::Refused),
        (400, Kind::Refused),
    ] {
        assert_eq!(answer(&key(), status, &[], "").error.kind, kind, "{status}");
    }
    for status in [408, 429, 500, 502, 503, 504] {
        assert!(answer(&key(), status, &[], "<html>busy</html>").again, "{status}");
    }
    assert_eq!(answer(&key(), 503, &[("retry-after", "30")], "").retry_after, Some(Duration::from_secs(30)));
}

#[track_caller]
fn told(times: &str, date: &str, why: &str, advice: &str) {
    let fault = answer(&signature(times), 403, &[("date", date)], &body("AuthenticationFailed"));
    assert!(fault.sign_in && fault.error.message.contains(why), "{}", fault.error);
    assert!(fault.error.advice.as_ref().unwrap().contains(advice), "{:?}", fault.error.advice);
}

#[test]
fn a_signature_that_is_not_good_now_is_told_from_one_that_is_wrong() {
    let now = "Mon, 01 Jul 2024 00:10:00 GMT";
    told("se=2024-07-01T00:09Z&", now, "the signature expired at 2024-07-01T00:09:00Z", "/auth/params/sasUri");
    told("st=2024-08-01&se=2024-09-01&", now, "the signature is good from 2024-08-01T00:00:00Z", "Wait");
    told("se=2024-09-01&", now, "the credentials were not accepted (", "it must be whole");
    told("se=2024-09-01&", "Mon, 01 Jul 2024 01:10:00 GMT", "3600 s behind", "clock");
}

#[test]
fn what_a_signature_lacks_is_named() {
    for (code, advice) in [
        ("AuthorizationPermissionMismatch", "read and list"),
        ("AuthorizationResourceTypeMismatch", "srt=sco"),
        ("AuthorizationServiceMismatch", "ss=b"),
        ("AuthorizationProtocolMismatch", "https"),
        ("AuthorizationSourceIPMismatch", "sip"),
    ] {
        let fault = answer(&signature(""), 403, &[], &body(code));
        assert!(!fault.sign_in && !fault.again && fault.error.kind == Kind::Refused, "{code}");
        assert!(fault.error.advice.unwrap().contains(advice), "{code}");
    }
}

#[test]
fn what_the_other_side_says_is_cut_and_never_repeats_our_secrets() {
    let said = ["canaryOfTheProof+/=", "canaryOfTheProof%2B%2F%3D", KEY, &"x".repeat(10_000)];
    for (credentials, own) in [(key(), KEY), (signature(""), "canaryOfTheProof")] {
        for said in said {
            for body in [
                format!("<Error><Code>Odd</Code><Message>{said}</Message></Error>"),
                format!("<Error><Code>{said}</Code><Message>m</Message></Error>"),
                format!(
                    "<Error><Code>AuthenticationFailed</Code><Message>m</Message><AuthenticationErrorDetail>{said}</AuthenticationErrorDetail></Error>"
                ),
            ] {
                let told = format!("{:?}", answer(&credentials, 403, &[], &body).error);
                assert!(!told.contains(own) && told.len() < 3 * redact::LIMIT, "{told}");
            }
        }
    }
}
