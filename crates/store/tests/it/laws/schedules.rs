//! Schedules: a tick is a run, once (P4); only enabled flows have any.

use super::*;
use forebay_model::run::Status;
use forebay_store::{Claim, End, Secrets};

async fn set(store: &Store, id: &str, pointer: &'static str, value: Value, now: Time) -> Document {
    let change = move |document: &Document, secrets: &Secrets| {
        let mut body = document.body.clone();
        *body.pointer_mut(pointer).expect("the member is there") = value;
        Ok((body, secrets.clone()))
    };
    store.update(&prod(), Resource::Flow, id, None, now, change).await.expect("it changes")
}

async fn enqueued(store: &Store, now: Time) -> u64 {
    store.enqueue_due(now).await.expect("it enqueues")
}

async fn claim(store: &Store, now: Time) -> Option<Claim> {
    store.claim("w", now, LEASE).await.expect("it answers")
}

async fn succeed(store: &Store, claim: &Claim, now: Time) {
    let end = End { run: json!({}), state: Status::Success, cursor: None, batch: Value::Null, plan: None };
    store.finish(claim, end, now).await.expect("it ends");
}

#[tokio::test]
async fn each_tick_makes_one_run_and_a_gap_makes_one() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    flow(store, "f1", 15, at(0)).await;
    assert_eq!(enqueued(store, at(-1)).await, 0);
    assert_eq!(enqueued(store, at(0)).await, 1);
    assert_eq!(enqueued(store, at(0)).await, 0);
    assert_eq!(enqueued(store, at(899)).await, 0);
    assert_eq!(enqueued(store, at(900)).await, 1);
    // Down for a day: one run, whose window spans the gap; and none again when the clock steps back.
    assert_eq!(enqueued(store, at(86_400 + 17)).await, 1);
    assert_eq!(enqueued(store, at(86_400)).await, 0);
    assert_eq!(enqueued(store, at(600)).await, 0);
    let mut ends = Vec::new();
    while let Some(claim) = claim(store, at(90_000)).await {
        ends.push((claim.window.start, claim.window.end));
        succeed(store, &claim, at(90_000)).await;
    }
    assert_eq!(ends, [(None, Some(at(0))), (Some(at(0)), Some(at(900))), (Some(at(900)), Some(at(86_400)))]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_callers_make_one_run_a_tick() {
    let fixture = Fixture::new().await;
    for i in 0..30 {
        flow(&fixture.store, &format!("f{i}"), 15, at(0)).await;
    }
    let mut total = 0;
    for tick in 0..4 {
        let mut tasks = Vec::new();
        for _ in 0..8 {
            let store = fixture.store.clone();
            tasks.push(tokio::spawn(async move { store.enqueue_due(at(tick * 900)).await }));
        }
        for task in tasks {
            total += task.await.expect("no panic").expect("it enqueues");
        }
        assert_eq!(total, 30 * (tick as u64 + 1));
    }
    let runs = fixture.store.count(&prod(), Resource::Run, &Default::default()).await.expect("it counts");
    assert_eq!(runs, 120);
}

#[tokio::test]
async fn more_flows_than_a_transaction_takes_are_all_enqueued() {
    let fixture = Fixture::new().await;
    for i in 0..230 {
        flow(&fixture.store, &format!("f{i}"), 15, at(0)).await;
    }
    assert_eq!(enqueued(&fixture.store, at(0)).await, 230);
}

#[tokio::test]
async fn a_scheduled_run_has_the_documented_members() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    flow(store, "f1", 15, at(0)).await;
    enqueued(store, at(1)).await;
    let list = forebay_store::List { query: Default::default(), order: vec![], limit: 2, after: None };
    let runs = store.list(&prod(), Resource::Run, &list).await.expect("it lists").documents;
    let body = &runs[0].body;
    assert_eq!(body["flowId"], "f1");
    assert_eq!(body["flowSpec"]["id"], "s");
    assert_eq!(body["createdBy"], "u1@AdobeID");
    assert_eq!(
        (&body["sandboxId"], &body["sandboxName"], &body["imsOrgId"]),
        (&json!("prod"), &json!("prod-name"), &json!("ACME@AdobeOrg"))
    );
    assert_eq!((&body["state"], &body["activities"]), (&json!("scheduled"), &json!([])));
    assert_eq!(body["metrics"]["statusSummary"]["status"], "scheduled");
    assert_eq!(body["createdAt"], at(1).timestamp_millis());
    assert_eq!(body["etag"], runs[0].etag.as_str());
}

#[tokio::test]
async fn drafts_and_disabled_flows_never_run_and_enabling_resumes() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let nonsense = json!({ "name": "d", "state": "draft", "scheduleParams": { "frequency": "never" } });
    put(store, &prod(), Resource::Flow, "draft", nonsense, at(0)).await;
    flow(store, "f1", 15, at(0)).await;
    set(store, "f1", "/state", json!("disabled"), at(1)).await;
    assert_eq!(enqueued(store, at(5_000)).await, 0);
    set(store, "f1", "/state", json!("enabled"), at(5_000)).await;
    assert_eq!(enqueued(store, at(5_000)).await, 1);
    assert_eq!(claim(store, at(5_000)).await.expect("a run").window.end, Some(at(4_500)));
    // A draft becomes a flow only with a schedule that can be read.
    let publish = |document: &Document, secrets: &Secrets| {
        let mut body = document.body.clone();
        body["state"] = "enabled".into();
        Ok((body, secrets.clone()))
    };
    let error = store.update(&prod(), Resource::Flow, "draft", None, at(2), publish).await.expect_err("it is refused");
    assert_eq!(error.code.id, "FLOW-1100-400");
    assert_eq!(store.get(&prod(), Resource::Flow, "draft").await.expect("it is there").body["state"], "draft");
}

#[tokio::test]
async fn a_changed_schedule_counts_from_the_last_tick() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    flow(store, "f1", 15, at(0)).await;
    assert_eq!(enqueued(store, at(0)).await, 1);
    set(store, "f1", "/scheduleParams/interval", json!(60), at(10)).await;
    assert_eq!(enqueued(store, at(3_599)).await, 0);
    assert_eq!(enqueued(store, at(3_600)).await, 1);
    set(store, "f1", "/scheduleParams/frequency", json!("once"), at(3_700)).await;
    assert_eq!(enqueued(store, at(999_999)).await, 0);
}

#[tokio::test]
async fn a_schedule_of_once_runs_once() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    // The HubSpot tutorial: a start long past and an interval beside `once`.
    let schedule = json!({ "startTime": "1567411548", "frequency": "once", "interval": "15" });
    put(store, &prod(), Resource::Flow, "f1", json!({ "state": "enabled", "scheduleParams": schedule }), at(0)).await;
    assert_eq!(enqueued(store, at(3)).await, 1);
    assert_eq!(claim(store, at(3)).await.expect("a run").window.end, Some(at(0)));
    assert_eq!(enqueued(store, at(99_999)).await, 0);
}

#[tokio::test]
async fn without_backfill_the_first_window_starts_at_the_flows_creation() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let schedule = json!({ "startTime": at(60).timestamp(), "frequency": "hour", "interval": 1, "backfill": "false" });
    put(store, &prod(), Resource::Flow, "f1", json!({ "state": "enabled", "scheduleParams": schedule }), at(0)).await;
    enqueued(store, at(60)).await;
    let claim = claim(store, at(60)).await.expect("a run");
    assert_eq!((claim.window.start, claim.window.end), (Some(at(0)), Some(at(60))));
}

#[tokio::test]
async fn disabling_fails_what_waits_and_leaves_what_runs() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    flow(store, "f1", 15, at(0)).await;
    enqueued(store, at(0)).await;
    let running = claim(store, at(0)).await.expect("a run");
    enqueued(store, at(900)).await;
    set(store, "f1", "/state", json!("disabled"), at(901)).await;
    let list = forebay_store::List { query: Default::default(), order: vec![], limit: 9, after: None };
    let runs = store.list(&prod(), Resource::Run, &list).await.expect("it lists").documents;
    let states: Vec<&Value> = runs.iter().map(|run| &run.body["state"]).collect();
    assert_eq!(states, ["failed", "inProgress"]);
    let error = &runs[0].body["metrics"]["statusSummary"]["errors"][0];
    assert_eq!(
        (&error["code"], runs[0].body["metrics"]["statusSummary"]["status"].as_str()),
        (&json!("FLOW-1444-400"), Some("failed"))
    );
    succeed(store, &running, at(902)).await;
    assert!(claim(store, at(9_999)).await.is_none());
    assert_eq!(
        store.retrigger(&prod(), &runs[0].id, None, at(903)).await.expect_err("disabled").code.id,
        "FLOW-1444-400"
    );
    set(store, "f1", "/state", json!("enabled"), at(904)).await;
    store.retrigger(&prod(), &runs[0].id, None, at(905)).await.expect("it is queued again");
    assert_eq!(claim(store, at(905)).await.expect("a run").run.id, runs[0].id);
}

#[tokio::test]
async fn a_deleted_flow_ends_its_runs_and_nothing_of_it_is_claimed() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    flow(store, "f1", 15, at(0)).await;
    enqueued(store, at(0)).await;
    let running = claim(store, at(0)).await.expect("a run");
    enqueued(store, at(900)).await;
    store.delete(&prod(), Resource::Flow, "f1", None, at(901)).await.expect("it goes");
    assert!(claim(store, at(99_999)).await.is_none());
    assert_eq!(enqueued(store, at(99_999)).await, 0);
    assert!(!store.renew(&running, at(902), LEASE).await.expect("it answers"));
    let query = forebay_model::filter::parse(&["flowId==f1".into(), "state==failed".into()]).expect("a query");
    assert_eq!(store.count(&prod(), Resource::Run, &query).await.expect("it counts"), 2, "its history stays");
    assert_eq!(
        store.retrigger(&prod(), &running.run.id, None, at(903)).await.expect_err("no flow").code.id,
        "FLOW-1430-400"
    );
}

#[tokio::test]
async fn a_waiting_worker_is_woken_and_told_when() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let mut changed = store.changed();
    assert_eq!(store.wake().await.expect("it answers"), None);
    flow(store, "f1", 15, at(60)).await;
    assert!(changed.has_changed().expect("the store lives"));
    changed.mark_unchanged();
    assert_eq!(store.wake().await.expect("it answers"), Some(at(60)));
    enqueued(store, at(60)).await;
    assert!(changed.has_changed().expect("the store lives"));
    assert_eq!(store.wake().await.expect("it answers"), Some(at(60)));
    let running = claim(store, at(60)).await.expect("a run");
    assert_eq!(store.wake().await.expect("it answers"), Some(at(75)), "when the lease expires");
    enqueued(store, at(960)).await;
    store.renew(&running, at(960), LEASE).await.expect("it answers");
    assert_eq!(store.wake().await.expect("it answers"), Some(at(975)), "a run that waits for another wakes nobody");
    changed.mark_unchanged();
    succeed(store, &running, at(961)).await;
    assert!(changed.has_changed().expect("the store lives"));
    assert_eq!(store.wake().await.expect("it answers"), Some(at(960)));
}
