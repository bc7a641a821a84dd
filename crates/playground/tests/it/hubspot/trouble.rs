//! What is refused, what is limited, and what goes wrong on purpose.

use super::client::{Here, here, ids};
use forebay_playground::hubspot::{Action, Clock, Config, Limits, Policy, Rule, Switches};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const LIST: &str = "/crm/v3/objects/contacts";
const SEARCH: &str = "/crm/v3/objects/contacts/search";

#[tokio::test]
async fn of_191_requests_in_ten_seconds_exactly_one_is_refused() {
    let limits = Limits { burst: Some(190), ..Limits::default() };
    let here = here(Config { limits, ..Config::tiny() }).await;
    let mut refused = Vec::new();
    for _ in 0..191 {
        let answer = here.get("/crm/v3/owners").await;
        assert_eq!(answer.header("x-hubspot-ratelimit-max"), Some("190"));
        if answer.status == 429 {
            refused.push(answer.json());
        }
    }
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["policyName"], "TEN_SECONDLY_ROLLING");
    assert_eq!(refused[0]["message"], "You have reached your ten_secondly_rolling limit.");
    assert_eq!(refused[0]["errorType"], "RATE_LIMIT");
    let summary = here.running.sim().summary();
    assert_eq!((summary.most_in_ten_seconds, summary.statuses[&429]), (191, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn however_many_ask_at_once_no_more_are_let_through() {
    let limits = Limits { burst: Some(100), ..Limits::default() };
    let here = std::sync::Arc::new(here(Config { limits, ..Config::tiny() }).await);
    let asked = (0..160).map(|_| {
        let here = here.clone();
        tokio::spawn(async move { here.get(LIST).await.status })
    });
    let answers = futures::future::join_all(asked).await;
    assert_eq!(answers.into_iter().filter(|status| *status.as_ref().unwrap() == 200).count(), 100);
}

#[tokio::test]
async fn two_refreshes_at_once_are_noticed() {
    let here = here(Config { latency: Duration::from_millis(50), ..Config::tiny() }).await;
    let body = form(&here, &here.running.account().refresh_token);
    let refresh = || here.form("/oauth/2026-03/token", &body);
    refresh().await;
    refresh().await;
    assert_eq!(here.running.sim().summary().overlapping_refreshes, 0);
    let (first, second) = futures::join!(refresh(), refresh());
    assert_ne!(first.json()["access_token"], second.json()["access_token"]);
    let summary = here.running.sim().summary();
    assert_eq!((summary.overlapping_refreshes, summary.refreshes, summary.most_at_once), (1, 4, 2));
}

#[tokio::test]
async fn windows_roll_by_the_virtual_clock_if_told_so() {
    let limits = Limits { burst: Some(10), search: Some(2), virtual_time: true, ..Limits::default() };
    let here = here(Config { limits, ..Config::tiny() }).await;
    let sim = here.running.sim();
    let search = async || here.post(SEARCH, json!({})).await;
    assert_eq!([search().await.status, search().await.status], [200, 200]);
    let refused = search().await;
    assert_eq!(refused.json()["policyName"], "SECONDLY");
    assert!(refused.header("x-hubspot-ratelimit-max").is_none());
    sim.advance(Duration::from_millis(1_000));
    assert_eq!(search().await.status, 200);
    for left in (0..7).rev() {
        let answer = here.get(LIST).await;
        assert_eq!(answer.header("x-hubspot-ratelimit-remaining"), Some(left.to_string().as_str()));
    }
    assert_eq!(here.get(LIST).await.status, 429);
    sim.advance(Duration::from_millis(9_000));
    // The first two are ten seconds old now, and no more.
    assert_eq!(
        [here.get(LIST).await.status, here.get(LIST).await.status, here.get(LIST).await.status],
        [200, 200, 429]
    );
}

#[tokio::test]
async fn the_day_ends_at_midnight_of_the_account() {
    let limits = Limits { daily: Some(3), ..Limits::default() };
    let here = here(Config { limits, ..Config::tiny() }).await;
    for left in ["2", "1", "0"] {
        assert_eq!(here.get(LIST).await.header("x-hubspot-ratelimit-daily-remaining"), Some(left));
    }
    assert_eq!(here.get(LIST).await.json()["policyName"], "DAILY");
    // It is four in the morning in New York.
    here.running.sim().advance(Duration::from_secs(19 * 3_600));
    assert_eq!(here.get(LIST).await.status, 429);
    here.running.sim().advance(Duration::from_secs(3_600));
    assert_eq!(here.get(LIST).await.status, 200);
}

async fn refused(here: &Here, target: &str, body: Option<Value>, status: u16, category: Option<&str>, text: &str) {
    let answer = match &body {
        Some(body) => here.post(target, body.clone()).await,
        None => here.get(target).await,
    };
    let what = format!("{target} {body:?}: {}", String::from_utf8_lossy(&answer.bytes));
    assert_eq!(answer.status, status, "{what}");
    let error = answer.json();
    assert_eq!(error["category"].as_str(), category, "{what}");
    assert!(error["message"].as_str().unwrap().contains(text), "{what}");
    assert_eq!(error["correlationId"].as_str(), answer.header("x-hubspot-correlation-id"), "{what}");
}

#[tokio::test]
async fn what_is_not_allowed_is_refused_with_a_reason() {
    let here = here(Config::tiny()).await;
    let invalid = Some("VALIDATION_ERROR");
    let many = |n: usize| -> Vec<Value> { (0..n).map(|id| json!({ "id": (id + 1).to_string() })).collect() };
    refused(&here, &format!("{LIST}?limit=101"), None, 400, invalid, "between 1 and 100").await;
    refused(&here, &format!("{LIST}?limit=51&propertiesWithHistory=email"), None, 400, invalid, "50").await;
    refused(&here, &format!("{LIST}?limit=x"), None, 400, invalid, "limit").await;
    refused(&here, &format!("{LIST}?archived=perhaps"), None, 400, invalid, "archived").await;
    refused(&here, &format!("{LIST}?after=never"), None, 400, invalid, "after").await;
    refused(&here, "/crm/v3/objects/spaceships", None, 400, None, "Unable to infer object type from: spaceships").await;
    refused(&here, "/crm/v3/objects/0-9999", None, 400, None, "Invalid object or event type id: 0-9999").await;
    refused(&here, "/crm/v3/objects/courses", None, 400, None, "Unable to infer object type").await;
    refused(&here, "/crm/v3/properties/machines", None, 400, None, "Unable to infer object type").await;
    refused(&here, "/crm/v3/objects/goal_targets", None, 403, Some("MISSING_SCOPES"), "required scopes").await;
    refused(&here, "/crm/v3/pipelines/contacts", None, 400, invalid, "pipelines").await;
    let batch = format!("{LIST}/batch/read");
    refused(&here, &batch, Some(json!({ "inputs": many(101) })), 400, invalid, "100").await;
    let history = json!({ "inputs": many(51), "propertiesWithHistory": ["email"] });
    let message = "The maximum number of inputs supported in a batch request for property histories is 50";
    refused(&here, &batch, Some(history), 400, invalid, message).await;
    refused(&here, &batch, Some(json!({ "inputs": [{ "id": "x" }] })), 400, invalid, "'x'").await;
    refused(&here, &batch, Some(json!({})), 400, invalid, "inputs").await;
    let associations = "/crm/v4/associations/contacts/companies/batch/read";
    refused(&here, associations, Some(json!({ "inputs": many(1_001) })), 400, invalid, "1000").await;

    let filter = json!({ "propertyName": "email", "operator": "HAS_PROPERTY" });
    let group = |n: usize| json!({ "filters": vec![filter.clone(); n] });
    for (body, text) in [
        (json!({ "limit": 201 }), "200"),
        (json!({ "after": 9_901, "limit": 100 }), "10000"),
        (json!({ "filterGroups": vec![group(1); 6] }), "5"),
        (json!({ "filterGroups": [group(7)] }), "6"),
        (json!({ "filterGroups": vec![group(5); 4] }), "18"),
        (json!({ "sorts": ["email", "createdate"] }), "1"),
        (json!({ "sorts": ["nothing"] }), "nothing"),
        (json!({ "filters": [{ "propertyName": "nothing", "operator": "EQ", "value": "1" }] }), "nothing"),
        (json!({ "filters": [{ "propertyName": "email", "operator": "LIKE", "value": "1" }] }), "LIKE"),
        (json!({ "filters": [{ "propertyName": "email", "operator": "IN", "value": "1" }] }), "values"),
        (json!({ "filters": [{ "propertyName": "createdate", "operator": "GT", "value": "monday" }] }), "monday"),
        (json!({ "filters": [{ "propertyName": "rating", "operator": "GT", "value": "five" }] }), "five"),
    ] {
        refused(&here, SEARCH, Some(body), 400, invalid, text).await;
    }
    let epoch = json!({ "filters": [{ "propertyName": "createdate", "operator": "GT", "value": "0" }] });
    refused(&here, SEARCH, Some(epoch), 500, None, "internal error").await;
    refused(&here, "/crm/v3/objects/contacts/7", None, 404, Some("OBJECT_NOT_FOUND"), "resource not found").await;

    let long = here.get(&format!("{LIST}?properties={}", "a".repeat(16_000))).await;
    assert_eq!((long.status, long.header("content-type")), (414, Some("text/html;charset=utf-8")));
    assert!(long.bytes.starts_with(b"<html>"));
    let contracts = here.post("/crm/v3/objects/contracts/search", json!({})).await;
    assert_eq!(contracts.status, 404);
    let scopes = here.get("/crm/v3/objects/goal_targets").await.json();
    assert_eq!(scopes["errors"][0]["context"]["requiredGranularScopes"], json!(["crm.objects.goals.read"]));
}

#[tokio::test]
async fn what_is_not_known_of_the_service_is_a_switch() {
    let switches = Switches { lenient_limits: true, bad_id_fails_batch: false, ..Switches::default() };
    let here = here(Config { switches, ..Config::default() }).await;
    assert_eq!(here.get(&format!("{LIST}?limit=500")).await.json()["results"].as_array().unwrap().len(), 100);
    let batch = here.post(&format!("{LIST}/batch/read"), json!({ "inputs": [{ "id": "x" }] })).await;
    assert_eq!((batch.status, batch.json()["errors"][0]["context"]["ids"].clone()), (207, json!(["x"])));
    let sim = here.running.sim();
    sim.set_switches(Switches { families_off: vec!["2026-09".into()], links_to_self: true, ..Switches::default() });
    assert_eq!(here.get("/crm/objects/2026-09/contacts").await.status, 404);
    let page = here.get("/crm/objects/2026-03/contacts?limit=2").await.json();
    assert!(page["paging"]["next"]["link"].as_str().unwrap().starts_with(&here.running.url()));
    sim.set_switches(Switches::default());
    let page = here.get("/crm/objects/2026-09/contacts?limit=2&properties=email").await.json();
    let after = page["paging"]["next"]["after"].as_str().unwrap();
    let link = format!("https://api.hubapi.com/crm/objects/2026-09/contacts?limit=2&properties=email&after={after}");
    assert_eq!(page["paging"]["next"]["link"], link);
}

fn form(here: &Here, refresh: &str) -> String {
    let account = here.running.account();
    format!(
        "grant_type=refresh_token&client_id={}&client_secret={}&refresh_token={refresh}",
        account.client_id, account.client_secret
    )
}

#[tokio::test]
async fn a_token_lives_for_half_an_hour() {
    let mut here = here(Config::tiny()).await;
    let account = here.running.account();
    here.token = account.access_token.clone();
    let sim = here.running.sim().clone();
    sim.advance(Duration::from_secs(1_799));
    assert_eq!(here.get(LIST).await.status, 200);
    sim.advance(Duration::from_secs(10));
    let expired = here.get(LIST).await;
    assert_eq!(expired.status, 401);
    let error = expired.json();
    assert_eq!(error["message"], "The OAuth token used to make this call expired 9 second(s) ago.");
    assert_eq!(
        (&error["category"], &error["context"]["expire time"]),
        (&json!("EXPIRED_AUTHENTICATION"), &json!(["2026-03-02T09:30:00Z"]))
    );
    let token = here.form("/oauth/2026-03/token", &form(&here, &account.refresh_token)).await.json();
    assert_eq!(
        (&token["expires_in"], &token["refresh_token"], &token["hub_id"]),
        (&json!(1_800), &json!(account.refresh_token), &json!(777_001))
    );
    here.token = token["access_token"].as_str().unwrap().into();
    let answer = here.get(LIST).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("x-hubspot-ratelimit-daily").is_none(), "only for static tokens");
    let old = here.form("/oauth/v1/token", &form(&here, &account.refresh_token)).await.json();
    assert_eq!(old.as_object().unwrap().len(), 4);
    let introspected = here.form("/oauth/v3/token/introspect", &format!("token={}", here.token)).await.json();
    assert_eq!((&introspected["active"], &introspected["hub_id"]), (&json!(true), &json!(777_001)));
    let summary = sim.summary();
    assert_eq!((summary.expired_tokens, summary.refreshes, summary.secrets_in_urls), (1, 2, 0));
    here.get(&format!("{LIST}?hapikey={}", account.client_secret)).await;
    assert_eq!(sim.summary().secrets_in_urls, 1);
}

#[tokio::test]
async fn token_requests_are_forms_and_say_what_is_wrong() {
    let here = here(Config::tiny()).await;
    let account = here.running.account();
    let json_body = json!({ "grant_type": "refresh_token", "client_id": account.client_id,
        "client_secret": account.client_secret, "refresh_token": account.refresh_token });
    let path = "/oauth/2026-09/token";
    assert_eq!(here.post(path, json_body.clone()).await.status, 400);
    here.running.sim().set_switches(Switches { json_token_requests: true, ..Switches::default() });
    assert_eq!(here.post(path, json_body).await.status, 200);
    for (body, status, error) in [
        (form(&here, "other"), "BAD_REFRESH_TOKEN", "invalid_grant"),
        (form(&here, "other").replace(&account.client_secret, "x"), "BAD_CLIENT_SECRET", "invalid_client"),
        (form(&here, "other").replace(&account.client_id, "x"), "BAD_CLIENT_ID", "invalid_client"),
        ("a=b".into(), "MISSING_GRANT_TYPE", "invalid_request"),
    ] {
        let answer = here.form(path, &body).await;
        let found = answer.json();
        assert_eq!((answer.status, &found["status"], &found["error"]), (400, &json!(status), &json!(error)));
        assert_eq!(found["message"], found["error_description"]);
    }
}

#[tokio::test]
async fn refresh_tokens_rotate_with_a_time_of_grace() {
    let switches = Switches { rotate_refresh_token: Some(60_000), ..Switches::default() };
    let here = here(Config { switches, ..Config::tiny() }).await;
    let first = here.running.account().refresh_token;
    let second = here.form("/oauth/v1/token", &form(&here, &first)).await.json()["refresh_token"].clone();
    let second = second.as_str().unwrap();
    assert_ne!(first, second);
    assert_eq!(here.form("/oauth/v1/token", &form(&here, &first)).await.status, 200);
    here.running.sim().advance(Duration::from_secs(60));
    assert_eq!(here.form("/oauth/v1/token", &form(&here, &first)).await.status, 400);
    assert_eq!(here.form("/oauth/v1/token", &form(&here, second)).await.status, 200);
}

#[tokio::test]
async fn each_fault_is_what_it_is_called() {
    let here = here(Config::with_contacts(300)).await;
    let sim = here.running.sim();
    let page = format!("{LIST}?limit=10");
    let good = here.get(&page).await;
    let with = async |action: Action, target: &str| {
        sim.clear_faults();
        sim.fault(Rule::new(action).nth(1));
        here.try_get(target).await
    };
    for status in [400, 403, 404, 414, 423, 477, 500, 502, 503, 504, 521, 530] {
        let answer = with(Action::Status(status), &page).await.unwrap();
        assert_eq!(answer.status, status);
        let html = answer.header("content-type").unwrap().starts_with("text/html");
        assert_eq!(html, [403, 414, 502, 521, 530].contains(&status), "{status}");
    }
    let limited = Action::RateLimit { policy: Policy::Secondly, retry_after: Some(3), named: false };
    let limited = with(limited, &page).await.unwrap();
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("3")));
    assert_eq!(limited.json()["policyName"], Value::Null);
    let moving = with(Action::Migration { retry_after: 86_400 }, &page).await.unwrap();
    assert_eq!((moving.status, moving.header("retry-after")), (477, Some("86400")));
    assert_eq!(with(Action::AuthFlap, &page).await.unwrap().json()["category"], "INVALID_AUTHENTICATION");
    assert_eq!(with(Action::DropScope, &page).await.unwrap().json()["category"], "MISSING_SCOPES");
    assert_eq!(with(Action::VersionOff, &page).await.unwrap().status, 404);
    let away = with(Action::Redirect { to: "http://127.0.0.1:1/".into() }, &page).await.unwrap();
    assert_eq!((away.status, away.header("location")), (302, Some("http://127.0.0.1:1/")));
    let html = with(Action::Html, &page).await.unwrap();
    assert!(html.status == 200 && html.bytes.starts_with(b"<!DOCTYPE html>"));
    let empty = with(Action::Empty, &page).await.unwrap();
    assert_eq!((empty.status, empty.bytes.len()), (200, 0));
    let corrupt = with(Action::Corrupt, &page).await.unwrap();
    assert!(corrupt.status == 200 && serde_json::from_slice::<Value>(&corrupt.bytes).is_err());
    let named = with(Action::ContentType("text/plain".into()), &page).await.unwrap();
    assert_eq!((named.header("content-type"), &named.bytes), (Some("text/plain"), &good.bytes));

    assert!(with(Action::Drop, &page).await.is_err());
    assert!(with(Action::Cut { after: 100, with_length: true }, &page).await.is_err());
    let cut = with(Action::Cut { after: 100, with_length: false }, &page).await.unwrap();
    assert_eq!(cut.bytes, good.bytes[..100]);
    let stalled = with(Action::Stall { after: 10 }, &page);
    assert!(tokio::time::timeout(Duration::from_millis(300), stalled).await.is_err());
    let started = Instant::now();
    let delayed = with(Action::Delay { ms: 150 }, &page).await.unwrap();
    assert!(delayed.bytes == good.bytes && started.elapsed() >= Duration::from_millis(150));
    let started = Instant::now();
    let slow = with(Action::Slow { bytes_per_second: good.bytes.len() as u64 * 5 }, &page).await.unwrap();
    assert!(slow.bytes == good.bytes && started.elapsed() >= Duration::from_millis(180));

    let doubled = with(Action::DoublePage, &page).await.unwrap().json();
    assert_eq!(doubled["results"].as_array().unwrap().len(), 20);
    let nothing = with(Action::EmptyPage, &page).await.unwrap().json();
    assert!(nothing["results"] == json!([]) && nothing["paging"]["next"]["after"].is_string());
    let after = good.json()["paging"]["next"]["after"].as_str().unwrap().to_string();
    let second = format!("{page}&after={after}");
    assert_eq!(with(Action::RepeatCursor, &second).await.unwrap().json()["paging"]["next"]["after"], after);
    assert_eq!(with(Action::CursorExpired, &second).await.unwrap().status, 400);
    assert_eq!(with(Action::CursorExpired, &page).await.unwrap().status, 200);
    let big = with(Action::Big { bytes: 20_000_000 }, &page).await.unwrap();
    assert!(big.bytes.len() > 20_000_000);

    let some: Vec<Value> = sim.ids("contacts")[..10].iter().map(|id| json!({ "id": id.to_string() })).collect();
    for (as_200, single, status, errors) in [(true, false, 200, 1), (false, true, 207, 5)] {
        sim.clear_faults();
        sim.fault(Rule::new(Action::BatchPartial { every: 2, as_200, single }).call("batch_read").nth(1));
        let partly = here.post(&format!("{LIST}/batch/read"), json!({ "inputs": some })).await;
        assert_eq!((partly.status, partly.json()["errors"].as_array().unwrap().len()), (status, errors));
        assert_eq!(partly.json()["results"].as_array().unwrap().len(), 5);
    }
}

#[tokio::test]
async fn tokens_can_end_at_any_moment() {
    let mut here = here(Config::tiny()).await;
    let account = here.running.account();
    here.token = account.access_token.clone();
    let sim = here.running.sim().clone();
    sim.fault(Rule::new(Action::ExpireTokensAfter).call("list").nth(2));
    assert_eq!(
        [here.get(LIST).await.status, here.get(LIST).await.status, here.get(LIST).await.status],
        [200, 200, 401]
    );
    sim.clear_faults();
    sim.fault(Rule::new(Action::Rotate { grace: 0 }).call("token").nth(1));
    let token = here.form("/oauth/v3/token", &form(&here, &account.refresh_token)).await.json();
    here.token = token["access_token"].as_str().unwrap().into();
    let second = token["refresh_token"].as_str().unwrap().to_string();
    assert_eq!(here.form("/oauth/v3/token", &form(&here, &account.refresh_token)).await.status, 400);
    sim.fault(Rule::new(Action::RevokeRefresh).call("owners").nth(1));
    assert_eq!(here.get("/crm/v3/owners").await.status, 200);
    assert_eq!(here.form("/oauth/v3/token", &form(&here, &second)).await.json()["status"], "BAD_REFRESH_TOKEN");
    sim.fault(Rule::new(Action::RemoveApp).call("owners").nth(1));
    assert_eq!(here.get("/crm/v3/owners").await.json()["category"], "INVALID_AUTHENTICATION");
    here.token = account.private_app_token;
    assert_eq!(here.get(LIST).await.status, 401);
}

#[tokio::test]
async fn rules_fit_what_they_say() {
    let here = here(Config::tiny()).await;
    let sim = here.running.sim();
    sim.fault(Rule::new(Action::Status(500)).path("/crm/v3/objects/*").object("deals").times(2, 2));
    let mut found = Vec::new();
    for target in ["deals", "deals", "contacts", "0-3", "deal"] {
        found.push(here.get(&format!("/crm/v3/objects/{target}")).await.status);
    }
    assert_eq!(found, [200, 500, 200, 500, 200]);
    sim.clear_faults();
    let now = sim.now_ms();
    sim.fault(Rule::new(Action::Status(503)).between(now + 1_000, now + 2_000));
    let mut found = Vec::new();
    for _ in 0..3 {
        found.push(here.get(LIST).await.status);
        sim.advance(Duration::from_secs(1));
    }
    assert_eq!(found, [200, 503, 200]);
    sim.clear_faults();
    sim.forget_requests();
    sim.fault(Rule::new(Action::Status(503)).probability(0.3));
    let mut failed = 0;
    for _ in 0..200 {
        failed += u32::from(here.get(LIST).await.status == 503);
    }
    assert!((40..80).contains(&failed), "{failed}");
    assert_eq!(sim.requests().iter().filter(|entry| entry.rule == Some(0)).count(), failed as usize);
}

#[tokio::test]
async fn the_same_requests_get_the_same_bytes() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let clock = Clock { per_request: Duration::from_millis(250), ..Clock::default() };
        let here = here(Config { clock, ..Config::default() }).await;
        let sim = here.running.sim();
        assert!(sim.scenario("edge_trouble") && sim.scenario("busy_office") && sim.scenario("merge_day"));
        let mut all = Vec::new();
        for at in 0..60 {
            let target = match at % 4 {
                0 => format!(
                    "{LIST}?limit=100&properties=email,rating,channels&associations=companies,deals&after={}",
                    at * 10_000_000
                ),
                1 => "/crm/v3/objects/deals?limit=50&propertiesWithHistory=dealstage".into(),
                2 => "/crm/v3/properties/contacts".into(),
                _ => "/crm/v3/objects/companies?archived=true".into(),
            };
            let answer = here.try_get(&target).await;
            all.push(answer.map(|a| (a.status, format!("{:?}", a.headers), a.bytes)).map_err(|_| "ended"));
        }
        let since = json!({ "propertyName": "lastmodifieddate", "operator": "GTE", "value": sim.now_ms() - 40_000 });
        let search = json!({ "filters": [since], "limit": 50 });
        let found = here.post(SEARCH, search).await;
        all.push(Ok((found.status, format!("{:?}", found.headers), found.bytes)));
        runs.push(all);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_ask() {
    let here = here(Config::default()).await;
    let target = format!("{LIST}?limit=100");
    let plain = here.get(&target).await;
    let packed = here.get_with(&target, "accept-encoding", "deflate, gzip").await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed.bytes[..]), &mut text).unwrap();
    assert_eq!(text, plain.bytes);
    assert!(packed.bytes.len() < plain.bytes.len() / 3);
    assert_eq!(ids(plain.json()["results"].as_array().unwrap()).len(), 100);
    assert_eq!(plain.header("date"), Some("Mon, 02 Mar 2026 09:00:00 GMT"));
}

#[tokio::test]
async fn what_no_call_knows_is_ignored_and_counted() {
    let here = here(Config::tiny()).await;
    assert_eq!(here.get(&format!("{LIST}?limit=2&count=7")).await.json()["results"].as_array().unwrap().len(), 2);
    here.post(SEARCH, json!({ "filters": [], "limit": 1 })).await;
    here.post(&format!("{LIST}/batch/read"), json!({ "inputs": [{ "id": "1", "after": "2" }] })).await;
    let strays: Vec<String> = here.running.sim().summary().strays.into_keys().collect();
    assert_eq!(strays, ["batch_read: inputs.after", "list: count", "search: filters"]);
}
