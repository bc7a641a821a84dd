//! What lists and sums tell of runs agrees with their documents.

use super::{Fixture, LEASE, at, flow, prod, scope};
use forebay_model::run::Status;
use forebay_model::{Resource, Time, code};
use forebay_store::{End, Enqueue, New, RunsAsked, Store, Told};
use serde_json::{Value, json};

fn metrics(started: Time, completed: Option<Time>, records: [i64; 4]) -> Value {
    let mut span = json!({ "startedAtUTC": started.timestamp_millis() });
    if let Some(completed) = completed {
        span["completedAtUTC"] = json!(completed.timestamp_millis());
    }
    json!({ "durationSummary": span, "sizeSummary": { "inputBytes": 100, "outputBytes": -1 },
        "recordSummary": { "inputRecordCount": records[0], "outputRecordCount": records[1], "failedRecordCount": records[2],
            "skippedRecordCount": records[3] }, "statusSummary": { "status": "success", "errors": [] } })
}

async fn end(store: &Store, run: Value, state: Status, now: Time) {
    let claim = store.claim("w1", now, LEASE).await.expect("it answers").expect("a run");
    let end = End { run, state, cursor: None, batch: Value::Null, plan: None };
    store.finish(&claim, end, now).await.expect("it ends");
}

async fn ran(store: &Store, seconds: i64, records: [i64; 4]) {
    assert_eq!(store.enqueue_due(at(seconds)).await.expect("it answers"), 1);
    let (started, ended) = (at(seconds), at(seconds + 5));
    end(store, json!({ "metrics": metrics(started, Some(ended), records) }), Status::Success, ended).await;
}

#[tokio::test]
async fn a_run_is_told_as_its_document_is() {
    let Fixture { store, database: _database } = Fixture::new().await;
    flow(&store, "f1", 15, at(0)).await;
    assert_eq!(store.enqueue_due(at(0)).await.expect("it answers"), 1);
    let told = async || store.last_runs(&prod(), Some("f1"), 8).await.expect("it answers").pop().expect("a run");
    let waits = told().await;
    assert_eq!((waits.number, waits.status.as_str(), waits.started), (1, "pending", None));
    assert_eq!(waits.begun, at(0).timestamp_millis());
    let claim = store.claim("w1", at(3), LEASE).await.expect("it answers").expect("a run");
    assert_eq!((told().await.status.as_str(), told().await.started), ("inProgress", Some(at(3).timestamp_millis())));
    store
        .report(&claim, json!({ "metrics": { "recordSummary": { "inputRecordCount": 7 } } }), at(4))
        .await
        .expect("told");
    assert_eq!(told().await.received, 7);
    let cause = json!({ "kind": "refused", "code": "FLOW-1102-500", "message": "S3 said no" });
    let run = json!({ "metrics": metrics(at(3), Some(at(9)), [7, 0, 2, 5]) });
    let failed = End { run, state: Status::Failed, cursor: None, batch: Value::Null, plan: None };
    let why = Told { cause: Some(cause.clone()), ..Told::default() };
    store.finish_with(&claim, failed, why, at(9)).await.expect("it ends");
    assert_eq!(store.trace(&prod(), &claim.run.id).await.expect("it answers").cause, Some(cause));
    let ended = told().await;
    assert_eq!(
        (ended.status.as_str(), ended.kind.as_str(), ended.code.as_str()),
        ("failed", "refused", "FLOW-1102-500")
    );
    assert_eq!((ended.received, ended.ingested, ended.failed, ended.skipped, ended.bytes), (7, 0, 2, 5, 100));
    assert_eq!(ended.completed, Some(at(9).timestamp_millis()));
    assert_eq!(store.run_facts(&prod(), &ended.id).await.expect("it answers"), Some(ended.clone()));
    assert_eq!(store.run_facts(&scope("dev"), &ended.id).await.expect("it answers"), None);
    // Triggered again it is as new, and says no failure.
    store.retrigger(&prod(), &ended.id, None, at(20)).await.expect("it waits");
    let again = told().await;
    assert_eq!((again.status.as_str(), again.kind.as_str(), again.code.as_str(), again.number), ("pending", "", "", 1));
    let trace = store.trace(&prod(), &ended.id).await.expect("it answers");
    assert_eq!((trace.number, trace.cause), (1, None));
}

#[tokio::test]
async fn runs_are_numbered_and_the_last_of_each_flow_are_found() {
    let Fixture { store, database: _database } = Fixture::new().await;
    for id in ["f1", "f2", "f3"] {
        flow(&store, id, 15, at(0)).await;
    }
    for n in 0..5 {
        assert_eq!(store.enqueue_due(at(n * 900)).await.expect("it answers"), 3);
    }
    let last = store.last_runs(&prod(), None, 3).await.expect("it answers");
    let shown: Vec<_> = last.iter().map(|run| (run.flow.as_str(), run.number)).collect();
    let expected: Vec<_> = ["f1", "f2", "f3"].iter().flat_map(|flow| [3, 4, 5].map(|n| (*flow, n))).collect();
    assert_eq!(shown, expected);
    assert_eq!(store.last_runs(&scope("dev"), None, 3).await.expect("it answers"), []);
    assert_eq!(store.last_runs(&prod(), Some("f\0"), 3).await.expect("it answers"), []);
    // A deleted flow is not listed, and its runs still are.
    store.delete(&prod(), Resource::Flow, "f2", None, at(9_000)).await.expect("it goes");
    assert_eq!(store.last_runs(&prod(), None, 3).await.expect("it answers").len(), 6);
    let asked = RunsAsked { flow: Some("f2"), status: &["cancelled"], limit: 100, ..RunsAsked::default() };
    assert_eq!(store.list_runs(&prod(), &asked).await.expect("it answers").len(), 5, "they ended with their flow");
    let names = store.names(&prod(), Resource::Flow, &["f1", "f2", "f3", "f\0"]).await.expect("it answers");
    let mut names: Vec<_> = names.iter().map(|(id, name)| (id.as_str(), name.as_str())).collect();
    names.sort_unstable();
    assert_eq!(names, [("f1", "f1"), ("f3", "f3")]);
    assert_eq!(store.names(&prod(), Resource::Flow, &[]).await.expect("it answers"), []);
}

#[tokio::test]
async fn runs_are_listed_by_pages_newest_first() {
    let Fixture { store, database: _database } = Fixture::new().await;
    for id in ["f1", "f2"] {
        flow(&store, id, 15, at(0)).await;
    }
    for n in 0..4 {
        store.enqueue_due(at(n * 900)).await.expect("it answers");
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let asked = RunsAsked { before: before.clone(), limit: 3, ..RunsAsked::default() };
        let page = store.list_runs(&prod(), &asked).await.expect("it answers");
        let Some(last) = page.last() else { break };
        before = Some((last.begun, last.id.clone()));
        seen.extend(page.into_iter().map(|run| (run.begun, run.id)));
    }
    assert_eq!(seen.len(), 8);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "{seen:?}");
    let within = |from, to| RunsAsked { from, to, limit: 100, ..RunsAsked::default() };
    let count = async |asked: RunsAsked<'static>| store.list_runs(&prod(), &asked).await.expect("it answers").len();
    let second = at(900).timestamp_millis();
    assert_eq!(count(within(Some(second), None)).await, 6);
    assert_eq!(count(within(None, Some(second))).await, 2);
    assert_eq!(count(within(Some(second), Some(second + 1))).await, 2);
    assert_eq!(count(RunsAsked { status: &["failed", "cancelled"], limit: 9, ..RunsAsked::default() }).await, 0);
    assert_eq!(count(RunsAsked { status: &["pending"], flow: Some("f1"), limit: 9, ..RunsAsked::default() }).await, 4);
}

#[tokio::test]
async fn hours_have_sums_and_flows_their_last_success() {
    let Fixture { store, database: _database } = Fixture::new().await;
    flow(&store, "f1", 15, at(0)).await;
    // 1,750,000,000 is 400 seconds before an hour.
    ran(&store, 0, [10, 9, 1, 0]).await;
    ran(&store, 900, [5, 5, 0, 0]).await;
    ran(&store, 1_800, [4, 3, 0, 1]).await;
    let hour = |n: i64| (at(0).timestamp_millis() / 3_600_000 + n) * 3_600_000;
    let sums = store.run_sums(&prod(), at(0), at(100_000)).await.expect("it answers");
    let shown: Vec<_> =
        sums.iter().map(|s| (s.at, s.received, s.ingested, s.failed, s.skipped, s.bytes, s.runs)).collect();
    assert_eq!(shown.iter().map(|s| s.6).sum::<i64>(), 3);
    assert_eq!(shown.iter().map(|s| s.1).sum::<i64>(), 19);
    assert!(shown.iter().all(|s| s.0 == hour(0) || s.0 == hour(1)), "{shown:?}");
    assert_eq!(store.run_sums(&prod(), at(6), at(905)).await.expect("it answers"), [], "from is in, to is not");
    assert_eq!(store.run_sums(&scope("dev"), at(0), at(100_000)).await.expect("it answers"), []);
    let tick = store.ticks(&prod(), Some("f1")).await.expect("it answers").remove(0);
    assert_eq!((tick.success, tick.next, tick.retry), (Some(at(1_805)), Some(at(2_700)), None));
    // A run that waits to be tried again says when.
    store.enqueue_due(at(2_700)).await.expect("it answers");
    let claim = store.claim("w1", at(2_700), LEASE).await.expect("it answers").expect("a run");
    store.release(&claim, at(2_760)).await.expect("given back");
    assert_eq!(store.ticks(&prod(), None).await.expect("it answers")[0].retry, Some(at(2_760)));
    let queued = store.queued(&prod(), &claim.run.id).await.expect("it answers").expect("it is there");
    assert_eq!((queued.state.as_str(), queued.attempt, queued.epochs.len()), ("queued", 1, 1));
    assert_eq!((queued.due, queued.not_before, queued.batch.len()), (at(2_700), at(2_760), 26));
    assert!(store.queued(&scope("dev"), &claim.run.id).await.expect("it answers").is_none());
}

#[tokio::test]
async fn earlier_failures_of_the_same_kind_are_counted() {
    let Fixture { store, database: _database } = Fixture::new().await;
    flow(&store, "f1", 15, at(0)).await;
    for (n, code) in [(0, "A-1"), (1, "B-1"), (2, "A-1"), (3, "A-1")] {
        store.enqueue_due(at(n * 900)).await.expect("it answers");
        let mut metrics = metrics(at(n * 900), Some(at(n * 900 + 5)), [0, 0, 0, 0]);
        metrics["statusSummary"] = json!({ "status": "failed", "errors": [{ "code": code, "message": "x" }] });
        let run = json!({ "metrics": metrics });
        end(&store, run, Status::Failed, at(n * 900 + 5)).await;
    }
    let last = store.last_runs(&prod(), Some("f1"), 1).await.expect("it answers").remove(0);
    let seen = store.seen_before(&prod(), &last, "A-1").await.expect("it answers");
    assert_eq!(seen, (2, Some(at(1_805).timestamp_millis())));
    assert_eq!(store.seen_before(&prod(), &last, "C-1").await.expect("it answers"), (0, None));
}

#[tokio::test]
async fn a_run_of_any_form_is_told() {
    let Fixture { store, database: _database } = Fixture::new().await;
    for (n, body) in [
        json!({}),
        json!({ "state": 7, "flowId": ["x"], "metrics": "none" }),
        json!({ "state": "failed", "flowId": "f\0", "metrics": { "recordSummary": { "inputRecordCount": -1 }, "sizeSummary": { "inputBytes": -1 } } }),
        json!({ "state": "failed", "activities": [{ "statusSummary": { "status": "failed", "extensions": { "errors": [{ "code": "X", "message": "why" }] } } }] }),
        json!({ "state": "failed", "metrics": { "statusSummary": { "errors": [{ "code": code::RUN_CANCELLED.id, "message": "stopped" }] } } }),
    ]
    .into_iter()
    .enumerate()
    {
        store.insert(&prod(), New::new(Resource::Run, format!("r{n}"), body), at(1)).await.expect("it is stored");
    }
    let told = async |id: &str| {
        let facts = store.run_facts(&prod(), id).await.expect("it answers").expect("a run");
        (facts.status, facts.code, facts.message)
    };
    let is = |status: &str, code: &str, message: &str| (status.to_string(), code.to_string(), message.to_string());
    assert_eq!(told("r0").await, is("pending", "", ""));
    assert_eq!(told("r1").await, is("pending", "", ""));
    assert_eq!(told("r2").await, is("failed", "FLOW-1400-500", ""));
    assert_eq!(told("r3").await, is("failed", "X", "why"));
    assert_eq!(told("r4").await, is("cancelled", code::RUN_CANCELLED.id, "stopped"));
}

#[tokio::test]
async fn an_emptied_sandbox_tells_of_no_runs() {
    let Fixture { store, database: _database } = Fixture::new().await;
    flow(&store, "f1", 15, at(0)).await;
    store.enqueue_due(at(0)).await.expect("it answers");
    store.reset(&prod()).await.expect("it is emptied");
    let asked = RunsAsked { limit: 10, ..RunsAsked::default() };
    assert_eq!(store.list_runs(&prod(), &asked).await.expect("it answers"), []);
}

#[tokio::test]
async fn the_queue_has_a_pulse() {
    let Fixture { store, database: _database } = Fixture::new().await;
    let still = store.pulse("ACME@AdobeOrg", at(0)).await.expect("it answers");
    assert_eq!((still.queued, still.running, still.waiting, still.oldest), (0, 0, 0, None));
    assert!(still.bytes.expect("known") > 0);
    for id in ["f1", "f2", "f3"] {
        flow(&store, id, 15, at(0)).await;
    }
    store
        .enqueue(&prod(), "f3", Enqueue { due: at(500), params: Value::Null, by: json!({}) }, at(0))
        .await
        .expect("queued");
    store.enqueue_due(at(0)).await.expect("it answers");
    store.claim("w1", at(10), LEASE).await.expect("it answers").expect("a run");
    let pulse = store.pulse("ACME@AdobeOrg", at(20)).await.expect("it answers");
    assert_eq!((pulse.queued, pulse.running, pulse.waiting, pulse.abandoned), (2, 1, 1, 0));
    assert_eq!((pulse.oldest, pulse.next_tick), (Some(at(0)), Some(at(900))));
    assert_eq!(pulse.workers, [("w1".to_string(), 1, at(25))]);
    assert_eq!(store.pulse("ACME@AdobeOrg", at(25)).await.expect("it answers").abandoned, 1);
    // Who has no work is there, too; who has gone is shown for a while.
    let life = std::time::Duration::from_secs(30);
    for name in ["w1", "w2"] {
        store.worker_is_there(name, at(20), life).await.expect("it is noted");
    }
    let workers = async |seconds| store.pulse("ACME@AdobeOrg", at(seconds)).await.expect("it answers").workers;
    assert_eq!(workers(25).await, [("w1".to_string(), 1, at(50)), ("w2".to_string(), 0, at(50))]);
    assert_eq!(workers(3_000).await.len(), 2);
    assert_eq!(workers(50 + 3_600).await, [("w1".to_string(), 1, at(25))]);
    assert_eq!(store.pulse("RIVAL@AdobeOrg", at(25)).await.expect("it answers").queued, 0);
}

#[tokio::test]
async fn opening_twice_changes_nothing() {
    let fixture = Fixture::new().await;
    flow(&fixture.store, "f1", 15, at(0)).await;
    fixture.store.enqueue_due(at(0)).await.expect("it answers");
    let before = fixture.store.last_runs(&prod(), None, 8).await.expect("it answers");
    let fixture = fixture.reopened().await;
    assert_eq!(fixture.store.last_runs(&prod(), None, 8).await.expect("it answers"), before);
}
