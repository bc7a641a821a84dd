//! Rows of the table of errors.

use super::*;
use http::{HeaderName, HeaderValue};

fn fault(target: Target, status: u16, headers: &[(&'static str, &str)], body: &str) -> Fault {
    let headers =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
    let secret = SecretString::from("pat-na1-1234567890abcdef".to_string());
    of_answer(&target, status, &headers.collect(), body.as_bytes(), &[&secret])
}

fn list() -> Target {
    Target::List("0-1".to_string())
}

#[track_caller]
fn check(target: Target, status: u16, body: &str, expected: Trouble) {
    assert_eq!(fault(target, status, &[], body).trouble, expected, "{status} {body}");
}

fn limited(policy: Policy, seconds: u64) -> Trouble {
    Trouble::Limited { policy, wait: Duration::from_secs(seconds) }
}

/// §4.3.
#[test]
fn limits_are_told_apart_by_name_message_and_path() {
    let rolling =
        r#"{"message":"You have reached your ten_secondly_rolling limit.","policyName":"TEN_SECONDLY_ROLLING"}"#;
    let secondly = r#"{"status":"error","message":"You have reached your secondly limit.","errorType":"RATE_LIMIT"}"#;
    let search = || Target::Search("0-1".to_string());
    check(list(), 429, rolling, limited(Policy::Rolling, 10));
    check(search(), 429, rolling, limited(Policy::Rolling, 10));
    check(search(), 429, secondly, limited(Policy::Secondly, 1));
    check(search(), 429, "{}", limited(Policy::Secondly, 1));
    check(list(), 429, "<html>", limited(Policy::Rolling, 10));
    check(list(), 429, r#"{"message":"You have reached your daily limit."}"#, limited(Policy::Daily, 0));
    check(list(), 429, r#"{"policyName":"DAILY"}"#, limited(Policy::Daily, 0));
    let asked = fault(list(), 429, &[("retry-after", "7")], rolling);
    assert_eq!(asked.trouble, limited(Policy::Rolling, 7));
}

/// §11.
#[test]
fn statuses_mean_what_the_table_says() {
    check(list(), 401, r#"{"category":"EXPIRED_AUTHENTICATION"}"#, Trouble::Token { expired: true });
    check(list(), 401, r#"{"category":"INVALID_AUTHENTICATION"}"#, Trouble::Token { expired: false });
    check(list(), 401, "", Trouble::Token { expired: false });
    check(list(), 530, "", Trouble::Token { expired: false });
    check(list(), 403, "<html>", Trouble::Blocked);
    check(list(), 403, r#"{"message":"This app does not have proper permissions"}"#, Trouble::Denied(Vec::new()));
    check(list(), 404, "", Trouble::Missing);
    check(list(), 414, "<html>", Trouble::TooLong);
    check(list(), 400, r#"{"category":"VALIDATION_ERROR"}"#, Trouble::Wrong);
    check(list(), 500, "", Trouble::Failing);
    for status in [302, 408, 423, 502, 503, 504, 521, 526, 599] {
        check(list(), status, "", Trouble::Passing);
    }
    check(Target::Token, 400, r#"{"error":"invalid_grant"}"#, Trouble::Last);
    check(Target::Token, 400, r#"{"status":"BAD_REFRESH_TOKEN"}"#, Trouble::Last);
    check(Target::Token, 400, r#"{"status":"BAD_CLIENT_SECRET","error":"invalid_client"}"#, Trouble::Wrong);
}

#[test]
fn waits_are_read_and_bounded() {
    assert_eq!(fault(list(), 423, &[], "").wait, Some(Duration::from_secs(2)));
    assert_eq!(fault(list(), 423, &[("retry-after", "9")], "").wait, Some(Duration::from_secs(9)));
    let date = [("date", "Mon, 02 Mar 2026 09:00:00 GMT"), ("retry-after", "Mon, 02 Mar 2026 09:01:00 GMT")];
    assert_eq!(fault(list(), 503, &date, "").wait, Some(Duration::from_secs(60)));
    assert_eq!(
        fault(list(), 477, &[("retry-after", "999999")], "").trouble,
        Trouble::Paused(Duration::from_secs(86_400))
    );
    assert_eq!(fault(list(), 503, &[("retry-after", "soon")], "").wait, None);
}

#[test]
fn scopes_and_correlation_ids_are_told_and_secrets_are_not() {
    let body = r#"{"category":"MISSING_SCOPES","correlationId":"5f2c","message":"token pat-na1-1234567890abcdef lacks it",
        "errors":[{"context":{"requiredGranularScopes":["crm.objects.goals.read"]}}]}"#;
    let fault = fault(list(), 403, &[], body);
    assert_eq!(fault.trouble, Trouble::Denied(vec!["crm.objects.goals.read".to_string()]));
    let shown = format!("{} {:?}", fault.error, fault.error);
    assert!(shown.contains("crm.objects.goals.read") && shown.contains("5f2c"), "{shown}");
    assert!(!shown.contains("1234567890"), "{shown}");
}

#[test]
fn a_kind_that_is_not_there_is_not_found() {
    for message in ["Unable to infer object type from: x", "Invalid object or event type id: 0-9999"] {
        let fault = fault(list(), 400, &[], &format!(r#"{{"status":"error","message":"{message}"}}"#));
        assert_eq!(fault.error.kind, Kind::NotFound);
    }
}
