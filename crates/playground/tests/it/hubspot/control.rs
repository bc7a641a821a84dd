//! The control port, and the values that break readers.

use super::client::{Here, here};
use forebay_playground::hubspot::{Config, Hubspot, Plan, Switches};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The same account, with the control port in place of the API.
async fn controlled() -> (Here, Here) {
    let config = Config { control: Some(([127, 0, 0, 1], 0).into()), ..Config::tiny() };
    let api = here(config).await;
    let mut control = here(Config::tiny()).await;
    control.running.addr = api.running.control.unwrap();
    (api, control)
}

#[tokio::test]
async fn everything_can_be_done_from_another_process() {
    let (api, control) = controlled().await;
    let sim = api.running.sim();
    assert_eq!(api.get("/__sim/summary").await.status, 404, "the API knows nothing of the control port");
    let account = control.get("/__sim/account").await.json();
    assert_eq!(account["refreshToken"], api.running.account().refresh_token);
    let before = sim.now_ms();
    assert_eq!(control.post("/__sim/clock", json!({ "advanceMs": 5_000 })).await.json()["nowMs"], before + 5_000);
    control.post("/__sim/faults", json!({ "call": "list", "last": 1, "action": { "status": 503 } })).await;
    assert_eq!(api.get("/crm/v3/objects/contacts").await.status, 503);
    let all = sim.ids("contacts");
    for mutation in [
        json!({ "archive": { "object": "contacts", "which": { "ids": [all[0]] } } }),
        json!({ "edit": { "object": "contacts", "which": { "random": 2 } } }),
        json!({ "addProperty": { "object": "contacts", "name": "x", "kind": "string" } }),
    ] {
        let done = control.post("/__sim/mutate", mutation).await;
        assert_eq!(done.status, 200, "{}", done.json());
    }
    let wrong = json!({ "archive": { "object": "nothing", "which": { "random": 1 } } });
    assert_eq!(control.post("/__sim/mutate", wrong).await.status, 400);
    let script = json!({ "when": { "after": { "call": "list", "object": null, "n": 1 } },
        "mutation": { "create": { "object": "deals", "n": 2 } } });
    assert_eq!(control.post("/__sim/script", script).await.status, 200);
    api.get("/crm/v3/objects/contacts").await;
    assert_eq!(sim.ids("deals").len(), 5);
    let lines = control.get("/__sim/truth/contacts").await;
    let records: Vec<Value> = String::from_utf8(lines.bytes.to_vec())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(records, sim.truth("contacts"));
    assert_eq!(control.get("/__sim/ids/contacts").await.json()["live"], json!(sim.ids("contacts")));
    let links = control.get("/__sim/associations/contacts/companies").await;
    assert_eq!(
        links.bytes.iter().filter(|b| **b == b'\n').count(),
        sim.association_truth("contacts", "companies").len()
    );
    assert_eq!(control.post("/__sim/switches", json!({ "lag": { "fixed": 5 }, "urlBytes": 100 })).await.status, 200);
    assert_eq!(sim.switches().url_bytes, 100);
    assert_eq!(control.post("/__sim/switches", json!({ "nothing": 1 })).await.status, 400);
    assert_eq!(control.post("/__sim/limits", json!({ "burst": 1 })).await.status, 200);
    assert_eq!(control.post("/__sim/scenario", json!({ "name": "calm" })).await.status, 200);
    assert_eq!(control.post("/__sim/tokens/expire", json!({})).await.status, 200);
    let summary = control.get("/__sim/summary").await.json();
    assert_eq!((&summary["objects"]["list contacts"], &summary["statuses"]["503"]), (&json!(2), &json!(1)));
    assert_eq!(control.get("/__sim/requests").await.bytes.iter().filter(|b| **b == b'\n').count(), 3);
    assert_eq!(control.post("/__sim/reset", json!({})).await.status, 200);
    assert_eq!(sim.ids("contacts"), all);
}

#[tokio::test]
async fn only_loopback_is_served() {
    let config = Config { listen: ([0, 0, 0, 0], 0).into(), ..Config::tiny() };
    assert!(Hubspot::start(config).await.is_err());
}

#[tokio::test]
async fn the_first_records_break_readers() {
    let here = here(Config::tiny()).await;
    let truth = here.running.sim().truth("contacts");
    let values = |name: &str| {
        truth.iter().map(|r| r["properties"][name].as_str().unwrap_or("null").to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        values("rating")[..7],
        ["null", "", "67340.0", "1.0E7", "-0", "123456789012345678", "134376773869;137654776000"]
    );
    assert!(
        values("renewal_date").contains(&"1709164800000".into())
            && values("renewal_date").contains(&"9999-12-31".into())
    );
    assert!(values("last_visit_at").contains(&"2024-02-29T10:00:00.000+05:30".into()));
    assert!(values("is_key_account").contains(&"TRUE".into()));
    assert!(values("channels").contains(&"gone_option".into()));
    let twins = here.running.sim().property_names("contacts");
    let twins: Vec<&String> = twins.iter().filter(|name| name.starts_with("two_names")).collect();
    assert!(twins.len() == 2 && twins[0][..63] == twins[1][..63]);
}

#[tokio::test]
async fn a_note_may_be_as_long_as_notes_get_and_an_account_may_be_tame() {
    let long = here(Config::default()).await;
    let bodies = |here: &Here| -> Vec<String> {
        let truth = here.running.sim().truth("notes");
        truth.iter().filter_map(|note| note["properties"]["hs_note_body"].as_str()).map(str::to_string).collect()
    };
    let longest = bodies(&long).into_iter().max_by_key(String::len).unwrap();
    assert_eq!(longest.chars().count(), 65_536);
    let tame = here(Config { switches: Switches { nasty: false, ..Switches::default() }, ..Config::default() }).await;
    assert!(bodies(&tame).iter().all(|body| body.len() < 1_000 && !body.contains('\u{1}')));
    assert!(!tame.running.sim().property_names("contacts").contains(&"a_hologram".to_string()));
}

#[tokio::test]
async fn sensitive_properties_must_be_asked_for_and_granted() {
    let here = here(Config::tiny()).await;
    let names = async |level: &str| here.get(&format!("/crm/properties/2026-09/0-1?dataSensitivity={level}")).await;
    let plain = names("non_sensitive").await.json();
    assert!(plain["results"].as_array().unwrap().iter().all(|p| p["dataSensitivity"] == "non_sensitive"));
    assert_eq!(names("sensitive").await.json()["results"][0]["name"], "passport_number");
    let refused = names("highly_sensitive").await;
    assert_eq!(
        refused.json()["errors"][0]["context"]["requiredGranularScopes"],
        json!(["crm.objects.contacts.highly_sensitive.read.v2"])
    );
    let record = here.get("/crm/v3/objects/contacts?properties=passport_number,blood_group").await.json();
    let keys: BTreeSet<&str> =
        record["results"][0]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    assert!(keys.contains("passport_number") && !keys.contains("blood_group"));
}

#[tokio::test]
async fn the_fewest_requests_are_those_of_the_contract() {
    let here = here(Config::default()).await;
    let sim = here.running.sim();
    let plan = |full, fits_url| Plan { object: "contacts".into(), full, fits_url, ..Plan::default() };
    assert_eq!(sim.minimum(&plan(true, true)), 10);
    assert_eq!(sim.minimum(&plan(true, false)), 20);
    assert_eq!(sim.minimum(&Plan { history: true, ..plan(true, true) }), 20);
    assert_eq!(sim.minimum(&Plan { changed: 450, pairs: 2, ..plan(false, true) }), 3 + 5 + 2);
    assert_eq!(sim.minimum(&Plan { sweep: true, pairs: 3, archived: true, ..plan(false, true) }), 1 + 3);
    here.walk("/crm/v3/objects/contacts", "").await;
    assert_eq!(sim.summary().objects["list contacts"], 10);
}
