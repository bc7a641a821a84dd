//! HubSpot's own clients, unmodified, judge whether the account is one.

use forebay_playground::hubspot::{Action, Config, Hubspot, Policy, Rule, Running};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// A folder or program that make hands to the tests.
fn given(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests through make"))
}

fn scripts() -> String {
    format!("{}/../../scripts", env!("CARGO_MANIFEST_DIR"))
}

/// Runs a client's script against the account, and gives what it printed.
async fn run(program: String, script: String, what: &str, running: &Running) -> Value {
    let account = running.account();
    let who = json!({ "token": account.private_app_token, "clientId": account.client_id,
        "clientSecret": account.client_secret, "refreshToken": account.refresh_token });
    let mut child = Command::new(program)
        .args([script.as_str(), what, &running.url()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(who.to_string().as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn python(what: &str, running: &Running) -> Value {
    run(given("FOREBAY_TEST_PYTHON"), format!("{}/hubspot_client.py", scripts()), what, running).await
}

async fn node(what: &str, running: &Running) -> Value {
    given("FOREBAY_TEST_HUBSPOT_NODE");
    run("node".into(), format!("{}/hubspot-client/client.mjs", scripts()), what, running).await
}

fn texts(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

/// What a client understood is what is there.
fn judge(found: &Value, running: &Running) {
    let sim = running.sim();
    let truth = sim.truth("contacts");
    let ids = texts(&sim.ids("contacts"));
    assert_eq!(found["all"], json!(ids));
    let emails: Vec<&Value> = truth.iter().map(|record| &record["properties"]["email"]).collect();
    assert_eq!(found["emails"], json!(emails));
    let mut companies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut links: BTreeMap<String, BTreeMap<String, BTreeSet<u64>>> = BTreeMap::new();
    for row in sim.association_truth("contacts", "companies") {
        let text = |name: &str| row[name].as_str().unwrap().to_string();
        companies.entry(text("from")).or_default().insert(text("to"));
        links.entry(text("from")).or_default().entry(text("to")).or_default().insert(row["typeId"].as_u64().unwrap());
    }
    assert_eq!(found["companies"], json!(companies));
    let read: BTreeMap<String, Vec<(String, BTreeSet<u64>)>> = serde_json::from_value(found["links"].clone()).unwrap();
    let read: BTreeMap<String, BTreeMap<String, BTreeSet<u64>>> =
        read.into_iter().map(|(from, to)| (from, to.into_iter().collect())).collect();
    assert_eq!(read, links);
    assert!(links.values().flatten().any(|(_, types)| types.len() == 3));
    let first = ids.iter().find(|id| companies.contains_key(*id)).unwrap();
    let one: BTreeSet<String> = serde_json::from_value(found["links of one"].clone()).unwrap();
    assert_eq!(one, companies[first]);

    let history = found["history"].as_object().unwrap();
    assert!(history.len() >= 50);
    for (id, email) in ids.iter().zip(emails) {
        assert!(history.get(id).is_none_or(|old| old == &json!([email])), "{id}");
    }
    let archived = texts(&sim.archived_ids("contacts"));
    assert_eq!(
        found["archived"],
        json!([[archived[0], true, true], [archived[1], true, true], [archived[2], true, true]])
    );
    assert_eq!(found["one"], json!([ids[0], true]));
    assert_eq!(found["search by text"], json!({ "total": ids.len(), "ids": ids[7..14], "after": "14" }));
    let last: Vec<&String> = ids.iter().rev().skip(7).take(7).collect();
    assert_eq!(found["search by object"]["ids"], json!(last));
    assert_eq!((&found["batch"]["ids"], &found["batch"]["errors"]), (&json!([ids[0]]), &Value::Null));
    assert_eq!((&found["partly"]["ids"], &found["partly"]["errors"]), (&json!([ids[0]]), &json!(1)));
    assert_eq!(found["partly"]["missing"], json!([{ "ids": ["7"] }]));
    assert_eq!(found["batch of archived"]["ids"], json!([archived[0]]));

    assert!(found["types"].as_array().unwrap().contains(&json!("holograph")));
    let names = found["properties"].as_array().unwrap();
    assert!(names.contains(&json!("archived")) && names.contains(&json!("id")));
    // Sensitive ones must be asked for.
    assert!(!names.contains(&json!("passport_number")));
    let schemas: Vec<&Value> = found["schemas"].as_array().unwrap().iter().map(|schema| &schema[1]).collect();
    assert_eq!(json!(schemas), json!(["machines", "form_submissions", "gauges"]));
    assert_eq!(found["owners"]["False"].as_array().unwrap().len(), 10);
    assert_eq!(found["owners"]["True"].as_array().unwrap().len(), 2);
    assert_eq!(found["pipelines"]["default"][2], json!(["closedwon", "1.0"]));
    assert_eq!(found["lists"], json!([5, true, 5]));
    assert_eq!(found["custom"], json!(texts(&sim.ids("machines"))[..10]));
    assert_eq!(found["calls"], json!(texts(&sim.ids("calls"))[..10]));
    assert_eq!((&found["marketing emails"], &found["forms"]), (&json!(23), &json!(6)));
    assert_eq!(found["token"], json!(["bearer", 1800, true]));
    assert_eq!(found["token details"], json!([running.account().portal_id, true]));
    assert_eq!(found["with it"], 2);
    assert_eq!(sim.summary().strays, BTreeMap::new(), "they know their own calls");
}

#[tokio::test]
async fn the_python_client_reads_everything() {
    let running = Hubspot::start(Config::default()).await.unwrap();
    let found = python("read", &running).await;
    judge(&found, &running);
    assert_eq!(found["batch"]["model"], "BatchResponseSimplePublicObject");
    assert_eq!(found["partly"]["model"], "BatchResponseSimplePublicObjectWithErrors");
    // 11 pages of a hundred, then 20 of 50, then three of its own.
    let summary = running.sim().summary();
    assert_eq!(summary.objects["list contacts"], 10 + 20 + 1 + 1);
    assert!(summary.templates.contains_key("GET /crm/v3/owners"));
    assert!(summary.statuses.keys().all(|status| [200, 207].contains(status)), "{:?}", summary.statuses);
}

#[tokio::test]
async fn the_node_client_reads_everything() {
    let running = Hubspot::start(Config::default()).await.unwrap();
    let found = node("read", &running).await;
    judge(&found, &running);
    let summary = running.sim().summary();
    assert_eq!(summary.objects["list contacts"], 10 + 1 + 1 + 1);
    assert!(summary.statuses.keys().all(|status| [200, 207].contains(status)), "{:?}", summary.statuses);
}

fn trouble(running: &Running) {
    let sim = running.sim();
    let limit = |policy, named| Action::RateLimit { policy, retry_after: None, named };
    sim.fault(Rule::new(Action::AuthFlap).call("owners").nth(1));
    sim.fault(Rule::new(Action::DropScope).call("properties").nth(1));
    sim.fault(Rule::new(limit(Policy::TenSecondly, true)).call("list").object("contacts").nth(1));
    sim.fault(Rule::new(limit(Policy::TenSecondly, true)).call("list").object("deals").nth(1));
    sim.fault(Rule::new(limit(Policy::Secondly, false)).call("list").object("deals").nth(1));
}

#[track_caller]
fn refused(found: &Value, name: &str, class: &str, status: u16, field: &str, value: &str) {
    let [found_class, found_status, body] = &found[name].as_array().expect(name)[..] else { panic!("{found}") };
    assert_eq!((found_class, found_status), (&json!(class), &json!(status)), "{name}");
    assert_eq!(body[field], value, "{name}: {body}");
    assert_eq!(body["correlationId"].as_str().map(str::len), Some(36), "{name}");
}

#[tokio::test]
async fn the_python_client_understands_refusals_and_recovers() {
    let running = Hubspot::start(Config::default()).await.unwrap();
    trouble(&running);
    let found = python("trouble", &running).await;
    refused(&found, "401", "UnauthorizedException", 401, "category", "INVALID_AUTHENTICATION");
    refused(&found, "403", "ForbiddenException", 403, "category", "MISSING_SCOPES");
    refused(&found, "429", "ApiException", 429, "policyName", "TEN_SECONDLY_ROLLING");
    refused(&found, "404", "NotFoundException", 404, "category", "OBJECT_NOT_FOUND");
    refused(&found, "400", "ApiException", 400, "category", "VALIDATION_ERROR");
    refused(&found, "wrong token", "UnauthorizedException", 401, "category", "INVALID_AUTHENTICATION");
    assert_eq!(found["patient"], 2);
    assert_eq!(running.sim().summary().objects["list deals"], 3);
}

#[tokio::test]
async fn the_node_client_knows_our_limits_by_their_bodies() {
    let running = Hubspot::start(Config::default()).await.unwrap();
    trouble(&running);
    let found = node("trouble", &running).await;
    refused(&found, "401", "ApiException", 401, "category", "INVALID_AUTHENTICATION");
    refused(&found, "403", "ApiException", 403, "category", "MISSING_SCOPES");
    refused(&found, "429", "ApiException", 429, "policyName", "TEN_SECONDLY_ROLLING");
    refused(&found, "404", "ApiException", 404, "category", "OBJECT_NOT_FOUND");
    refused(&found, "400", "ApiException", 400, "category", "VALIDATION_ERROR");
    refused(&found, "wrong token", "ApiException", 401, "category", "INVALID_AUTHENTICATION");
    assert_eq!(found["patient"], 2);
    // Ten seconds for the one it knows by its policy, twice one second for the one it knows by its message.
    assert_eq!(found["waits"], json!([10_000, 2_000]));
}
