//! The queue: a run has one holder, who is replaced for good, and it ends once.

use super::*;
use forebay_model::Kind;
use forebay_model::run::Status;
use forebay_store::{Claim, End, Enqueue};
use std::collections::BTreeSet;

fn end(state: Status) -> End {
    let metrics = json!({ "durationSummary": { "startedAtUTC": at(5).timestamp_millis(), "completedAtUTC": at(7).timestamp_millis() },
                          "statusSummary": { "status": state.text(), "errors": [] } });
    End {
        run: json!({ "metrics": metrics, "activities": [{ "id": "copyActivity" }] }),
        state,
        cursor: None,
        batch: Value::Null,
        plan: None,
    }
}

async fn claim(store: &Store, worker: &str, now: Time) -> Option<Claim> {
    store.claim(worker, now, LEASE).await.expect("it answers")
}

async fn on_demand(store: &Store, flow: &str, due: i64, params: Value, now: i64) -> Document {
    let by = json!({ "createdBy": "u2@AdobeID" });
    store.enqueue(&prod(), flow, Enqueue { due: at(due), params, by }, at(now)).await.expect("it is queued")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_workers_claim_two_hundred_runs_once_each() {
    let fixture = Fixture::new().await;
    for i in 0..200 {
        flow(&fixture.store, &format!("f{i}"), 15, at(0)).await;
    }
    assert_eq!(fixture.store.enqueue_due(at(0)).await.expect("it enqueues"), 200);
    let mut tasks = Vec::new();
    for worker in 0..8 {
        let store = fixture.store.clone();
        tasks.push(tokio::spawn(async move {
            let mut runs = Vec::new();
            while let Some(claim) = claim(&store, &format!("w{worker}"), at(1)).await {
                runs.push((claim.run.id, claim.batch));
            }
            runs
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("no panic"));
    }
    assert_eq!(all.len(), 200);
    assert_eq!(all.iter().map(|(run, _)| run).collect::<BTreeSet<_>>().len(), 200);
    assert_eq!(all.iter().map(|(_, batch)| batch).collect::<BTreeSet<_>>().len(), 200);
}

#[tokio::test]
async fn a_claim_says_all_that_a_worker_needs() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let made = flow(store, "f1", 15, at(0)).await;
    store.enqueue_due(at(0)).await.expect("it enqueues");
    let claim = claim(store, "w1", at(5)).await.expect("a run");
    assert_eq!((claim.scope.clone(), claim.worker.as_str(), claim.attempt, claim.retrigger), (prod(), "w1", 1, false));
    assert_eq!((claim.epoch, claim.epochs.as_slice()), (1, [1].as_slice()));
    assert_eq!((&claim.plan, &claim.cursor, &claim.params), (&None, &None, &Value::Null));
    assert_eq!(claim.batch.len(), 26);
    assert_eq!(claim.flow.id, "f1");
    assert_eq!(claim.run.body["state"], "inProgress");
    assert_eq!(claim.run.body["metrics"]["durationSummary"]["startedAtUTC"], at(5).timestamp_millis());
    assert_eq!(store.get(&prod(), Resource::Run, &claim.run.id).await.expect("it is there"), claim.run);
    // FS-ETAG-2: that a run began is no change of the flow.
    let flow = store.get(&prod(), Resource::Flow, "f1").await.expect("it is there");
    assert_eq!((&flow.etag, flow.updated, &flow.body["etag"]), (&made.etag, made.updated, &made.body["etag"]));
    assert_eq!(
        flow.body["lastRunDetails"],
        json!({ "id": claim.run.id, "state": "inProgress", "startedAtUTC": at(5).timestamp_millis() })
    );
}

#[tokio::test]
async fn a_flow_has_one_active_run_and_the_rest_wait_in_order() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    flow(store, "f1", 15, at(0)).await;
    flow(store, "f2", 15, at(0)).await;
    store.enqueue_due(at(0)).await.expect("it enqueues");
    store.enqueue_due(at(900)).await.expect("it enqueues");
    let first = claim(store, "w1", at(900)).await.expect("a run");
    let second = claim(store, "w2", at(900)).await.expect("a run");
    assert_ne!(first.flow.id, second.flow.id);
    assert!(claim(store, "w3", at(900)).await.is_none());
    // Given back for an hour, it still is the flow's active run.
    store.release(&first, at(4_500)).await.expect("it is given back");
    assert!(claim(store, "w3", at(914)).await.is_none());
    store.finish(&second, end(Status::Failed), at(914)).await.expect("it ends");
    let third = claim(store, "w3", at(914)).await.expect("a run");
    assert_eq!((third.flow.id == second.flow.id, third.window.end), (true, Some(at(900))));
    let again = claim(store, "w4", at(4_500)).await;
    let again = if again.as_ref().is_some_and(|claim| claim.run.id == third.run.id) {
        claim(store, "w4", at(4_500)).await
    } else {
        again
    };
    let again = again.expect("the run that was given back");
    assert_eq!(
        (&again.run.id, again.attempt, &again.batch, again.window),
        (&first.run.id, 2, &first.batch, first.window)
    );
    assert_eq!(again.epochs, [first.epoch, again.epoch]);
}

#[tokio::test]
async fn an_expired_lease_is_taken_over_under_a_new_epoch() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    flow(store, "f1", 60, at(0)).await;
    store.enqueue_due(at(0)).await.expect("it enqueues");
    let old = claim(store, "w1", at(0)).await.expect("a run");
    store.save_plan(&old, &json!({ "parts": [1, 2] })).await.expect("it is kept");
    assert!(store.renew(&old, at(10), LEASE).await.expect("it answers"));
    assert!(claim(store, "w2", at(24)).await.is_none(), "the lease was prolonged");
    let new = claim(store, "w2", at(25)).await.expect("the lease expired");
    assert_eq!((new.epoch, new.epochs.as_slice(), new.attempt), (2, [1, 2].as_slice(), 2));
    assert_eq!((&new.run.id, &new.batch, new.window), (&old.run.id, &old.batch, old.window));
    assert_eq!(new.plan, Some(json!({ "parts": [1, 2] })));
    assert_eq!(new.run.body["metrics"]["durationSummary"]["startedAtUTC"], at(0).timestamp_millis());
}

#[tokio::test]
async fn a_replaced_worker_can_write_nothing() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for round in 0..20 {
        let id = format!("f{round}");
        let base = round * 100;
        flow(store, &id, 60, at(base)).await;
        store.enqueue_due(at(base)).await.expect("it enqueues");
        let old = claim(store, "w1", at(base)).await.expect("a run");
        let new = claim(store, "w2", at(base + 15)).await.expect("the lease expired");
        let before = store.get(&prod(), Resource::Run, &new.run.id).await.expect("it is there");
        let stale =
            |result: forebay_model::Result<()>| assert_eq!(result.expect_err("it is replaced").kind, Kind::Stale);
        stale(store.finish(&old, end(Status::Success), at(base + 16)).await);
        stale(store.report(&old, json!({ "x": 1 }), at(base + 16)).await);
        stale(store.save_plan(&old, &json!({})).await);
        stale(store.release(&old, at(base + 16)).await);
        assert!(!store.renew(&old, at(base + 16), LEASE).await.expect("it answers"));
        assert_eq!(store.get(&prod(), Resource::Run, &new.run.id).await.expect("it is there"), before);
        store.finish(&new, end(Status::Success), at(base + 17)).await.expect("it ends");
        stale(store.finish(&new, end(Status::Success), at(base + 18)).await);
    }
}

#[tokio::test]
async fn an_end_is_written_whole() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let made = flow(store, "f1", 60, at(0)).await;
    store.enqueue_due(at(0)).await.expect("it enqueues");
    let first = claim(store, "w1", at(5)).await.expect("a run");
    store
        .report(&first, json!({ "metrics": { "sizeSummary": { "inputBytes": 7 } } }), at(6))
        .await
        .expect("it is told");
    let reported = store.get(&prod(), Resource::Run, &first.run.id).await.expect("it is there");
    assert_eq!(reported.body["metrics"]["sizeSummary"]["inputBytes"], 7);
    assert_eq!(reported.body["metrics"]["durationSummary"]["startedAtUTC"], at(5).timestamp_millis());
    assert_ne!(reported.etag, first.run.etag);
    let batch = json!({ "status": "success", "created": 5 });
    let ending = End { cursor: Some(json!({ "taken": ["a"] })), batch: batch.clone(), ..end(Status::Success) };
    store.finish(&first, ending, at(8)).await.expect("it ends");
    let run = store.get(&prod(), Resource::Run, &first.run.id).await.expect("it is there");
    assert_eq!((&run.body["state"], &run.body["activities"][0]["id"]), (&json!("success"), &json!("copyActivity")));
    assert_eq!(run.body["metrics"].get("sizeSummary"), None, "the end replaces what was told before");
    assert_eq!(store.get(&prod(), Resource::Batch, &first.batch).await.expect("it is there").body, batch);
    let flow = store.get(&prod(), Resource::Flow, "f1").await.expect("it is there");
    let details = json!({ "id": run.id, "state": "success", "startedAtUTC": at(5).timestamp_millis(), "completedAtUTC": at(7).timestamp_millis() });
    assert_eq!((&flow.body["lastRunDetails"], &flow.etag), (&details, &made.etag));
    store.enqueue_due(at(3_600)).await.expect("it enqueues");
    let second = claim(store, "w1", at(3_600)).await.expect("a run");
    assert_eq!(second.cursor, Some(json!({ "taken": ["a"] })));
    assert_eq!((second.window.start, second.window.end), (Some(at(0)), Some(at(3_600))));
    assert_ne!(second.batch, first.batch);
}

#[tokio::test]
async fn after_a_failure_the_next_window_starts_where_the_last_success_ended() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    flow(store, "f1", 60, at(0)).await;
    let mut windows = Vec::new();
    for (hour, state) in [Status::Success, Status::Failed, Status::Success, Status::Success].into_iter().enumerate() {
        let now = at(hour as i64 * 3_600);
        store.enqueue_due(now).await.expect("it enqueues");
        let claim = claim(store, "w", now).await.expect("a run");
        windows.push(claim.window.start);
        store.finish(&claim, end(state), now).await.expect("it ends");
    }
    // FS §9.7: since the previous successful run's window.
    assert_eq!(windows, [None, Some(at(0)), Some(at(0)), Some(at(7_200))]);
}

#[tokio::test]
async fn a_failed_run_is_triggered_again_with_its_plan_window_and_batch() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    flow(store, "f1", 60, at(0)).await;
    store.enqueue_due(at(0)).await.expect("it enqueues");
    let first = claim(store, "w", at(0)).await.expect("a run");
    store.save_plan(&first, &json!({ "parts": 3 })).await.expect("it is kept");
    assert_eq!(
        store.retrigger(&prod(), &first.run.id, None, at(1)).await.expect_err("it runs").code.id,
        "FLOW-1422-400"
    );
    store.finish(&first, end(Status::Failed), at(1)).await.expect("it ends");
    store.enqueue_due(at(3_600)).await.expect("it enqueues");
    let second = claim(store, "w", at(3_600)).await.expect("a run");
    store.finish(&second, End { cursor: Some(json!(6)), ..end(Status::Success) }, at(3_601)).await.expect("it ends");

    let stale = store.retrigger(&prod(), &first.run.id, Some(&first.run.etag), at(4_000)).await;
    assert_eq!(stale.expect_err("it has changed since").kind, Kind::Stale);
    let failed = store.get(&prod(), Resource::Run, &first.run.id).await.expect("it is there");
    let queued = store.retrigger(&prod(), &first.run.id, Some(&failed.etag), at(4_000)).await.expect("it is queued");
    assert_eq!((&queued.body["state"], &queued.body["activities"]), (&json!("scheduled"), &json!([])));
    assert_eq!(queued.body["metrics"], json!({ "statusSummary": { "status": "scheduled", "errors": [] } }));
    assert_ne!(queued.etag, failed.etag);
    let again = claim(store, "w", at(4_000)).await.expect("a run");
    assert_eq!((&again.run.id, &again.batch, again.window), (&first.run.id, &first.batch, first.window));
    assert_eq!(
        (again.retrigger, again.attempt, again.plan.clone(), again.epochs.clone()),
        (true, 1, Some(json!({ "parts": 3 })), vec![1, 3])
    );
    store.finish(&again, end(Status::Success), at(4_100)).await.expect("it ends");

    // Neither the cursor nor the windows went back.
    store.enqueue_due(at(7_200)).await.expect("it enqueues");
    let third = claim(store, "w", at(7_200)).await.expect("a run");
    assert_eq!((third.cursor.clone(), third.window.start), (Some(json!(6)), Some(at(3_600))));
}

#[tokio::test]
async fn a_run_on_demand_waits_for_its_start_and_takes_its_window() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let schedule = json!({ "startTime": at(1_000_000).timestamp(), "frequency": "once" });
    put(store, &prod(), Resource::Flow, "f1", json!({ "state": "enabled", "scheduleParams": schedule }), at(0)).await;
    // Digits in a string, epoch seconds, and milliseconds.
    let params =
        json!({ "windowStartTime": at(-500).timestamp().to_string(), "windowEndTime": at(-100).timestamp_millis() });
    let run = on_demand(store, "f1", 100, params.clone(), 10).await;
    assert_eq!(
        (&run.body["params"], &run.body["createdBy"], &run.body["state"]),
        (&params, &json!("u2@AdobeID"), &json!("scheduled"))
    );
    assert!(claim(store, "w", at(99)).await.is_none());
    let first = claim(store, "w", at(100)).await.expect("a run");
    assert_eq!((first.window.start, first.window.end, &first.params), (Some(at(-500)), Some(at(-100)), &params));
    store.finish(&first, end(Status::Success), at(101)).await.expect("it ends");
    on_demand(store, "f1", 200, Value::Null, 200).await;
    on_demand(store, "f1", 200, Value::Null, 200).await;
    let second = claim(store, "w", at(200)).await.expect("a run");
    assert_eq!(
        (second.window.start, second.window.end),
        (Some(at(-100)), Some(at(200))),
        "from the last window's end to now"
    );
    store.finish(&second, end(Status::Success), at(201)).await.expect("it ends");
    assert!(claim(store, "w", at(201)).await.is_some(), "the same moment twice is two runs");
}

#[tokio::test]
async fn a_run_on_demand_needs_an_enabled_flow() {
    let fixture = Fixture::new().await;
    put(&fixture.store, &prod(), Resource::Flow, "draft", json!({ "state": "draft" }), at(0)).await;
    let run = Enqueue { due: at(0), params: Value::Null, by: json!({}) };
    let error = fixture.store.enqueue(&prod(), "draft", run.clone(), at(0)).await.expect_err("a draft never runs");
    assert_eq!(error.code.id, "FLOW-1444-400");
    assert_eq!(fixture.store.enqueue(&prod(), "none", run, at(0)).await.expect_err("no flow").code.id, "FLOW-1430-400");
}

#[tokio::test]
async fn a_run_survives_a_restart_with_its_claim() {
    let fixture = Fixture::new().await;
    flow(&fixture.store, "f1", 60, at(0)).await;
    fixture.store.enqueue_due(at(0)).await.expect("it enqueues");
    let claimed = claim(&fixture.store, "w1", at(0)).await.expect("a run");
    let fixture = fixture.reopened().await;
    assert!(claim(&fixture.store, "w2", at(1)).await.is_none(), "the lease still holds");
    assert!(fixture.store.renew(&claimed, at(1), LEASE).await.expect("it answers"));
    fixture.store.finish(&claimed, end(Status::Success), at(2)).await.expect("it ends");
    assert_eq!(fixture.store.enqueue_due(at(3)).await.expect("it enqueues"), 0);
}

#[tokio::test]
async fn a_process_that_starts_again_gives_up_its_former_lifes_leases() {
    let fixture = Fixture::new().await;
    flow(&fixture.store, "f1", 60, at(0)).await;
    flow(&fixture.store, "f2", 60, at(0)).await;
    fixture.store.enqueue_due(at(0)).await.expect("it enqueues");
    let mine = claim(&fixture.store, "me", at(0)).await.expect("a run");
    let other = claim(&fixture.store, "other", at(0)).await.expect("a run");
    let fixture = fixture.reopened().await;
    assert_eq!(fixture.store.forfeit("me", at(1)).await.expect("it answers"), 1);
    let again = claim(&fixture.store, "me", at(1)).await.expect("its run, at once");
    assert_eq!((again.run.id == mine.run.id, again.epoch), (true, 2));
    assert!(claim(&fixture.store, "me", at(1)).await.is_none());
    assert!(fixture.store.renew(&other, at(1), LEASE).await.expect("it answers"));
    assert!(!fixture.store.renew(&mine, at(1), LEASE).await.expect("it answers"));
}
