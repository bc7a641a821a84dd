//! What webhooks are told (FS §10.3): the events, who wants one, and what it says.

use crate::run::Status;
use serde_json::{Map, Value, json};

/// A run ended and is in the lake.
pub const SUCCESS: &str = "sources_flow_run_success";
/// A run failed.
pub const FAILURE: &str = "sources_flow_run_failure";
/// The same, as one page writes it: a webhook may ask for it by this name, and is told under this name.
pub const FAILED: &str = "sources_flow_run_failed";
/// Somebody tries a webhook out.
pub const TEST: &str = "forebay_webhook_test";

/// The events that a webhook may ask for.
pub const EVENTS: &[&str] = &[SUCCESS, FAILURE, FAILED];

/// Under which name a webhook wants to hear how a run of a flow ended; none if it does not. Without `events` it hears of
/// all, without `flowIds` of every flow.
pub fn wanted(webhook: &Value, ended: Status, flow_id: &str) -> Option<&'static str> {
    let names: &[&'static str] = match ended {
        Status::Success => &[SUCCESS],
        Status::Failed => &[FAILURE, FAILED],
        Status::Scheduled | Status::InProgress => return None,
    };
    let flows = webhook["flowIds"].as_array().filter(|flows| !flows.is_empty());
    if flows.is_some_and(|flows| !flows.iter().any(|flow| flow == flow_id)) {
        return None;
    }
    match webhook["events"].as_array().filter(|events| !events.is_empty()) {
        None => names.first().copied(),
        Some(events) => names.iter().copied().find(|name| events.iter().any(|event| event == name)),
    }
}

/// What is sent: the run as it is shown (its metrics, activities and errors), under the header that public subscribers
/// know.
pub fn payload(event_id: &str, event: &str, org: &str, run: &Value) -> Value {
    let mut told = match run {
        Value::Object(members) => members.clone(),
        _ => Map::new(),
    };
    let header = json!({ "imsOrgId": org, "providerMetadata": "platform_notifications", "eventCode": event });
    told.insert("header".into(), json!({ "_adobeio": header }));
    json!({ "event_id": event_id, "event": told })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(webhook: Value, ended: Status, expected: Option<&str>) {
        assert_eq!(wanted(&webhook, ended, "f1"), expected, "{webhook}");
    }

    #[test]
    fn a_webhook_hears_what_it_asks_for() {
        check(json!({}), Status::Success, Some(SUCCESS));
        check(json!({ "events": [] }), Status::Failed, Some(FAILURE));
        check(json!({ "events": [SUCCESS] }), Status::Failed, None);
        check(json!({ "events": [FAILED] }), Status::Failed, Some(FAILED));
        check(json!({ "events": [FAILED, FAILURE] }), Status::Failed, Some(FAILURE));
        check(json!({ "flowIds": ["f2"] }), Status::Success, None);
        check(json!({ "flowIds": ["f2", "f1"] }), Status::Success, Some(SUCCESS));
        check(json!({}), Status::InProgress, None);
    }

    #[test]
    fn a_notice_is_the_run_under_a_header() {
        let told =
            payload("e1", FAILURE, "ACME@AdobeOrg", &json!({ "id": "r1", "flowId": "f1", "metrics": { "a": 1 } }));
        assert_eq!(told["event_id"], "e1");
        assert_eq!(told["event"]["id"], "r1");
        assert_eq!(told["event"]["metrics"]["a"], 1);
        assert_eq!(told["event"]["header"]["_adobeio"]["eventCode"], FAILURE);
    }
}
