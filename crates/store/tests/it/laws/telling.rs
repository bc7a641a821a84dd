//! What is told of runs beside their documents, how runs are cancelled, and the columns that flows have met.

use super::*;
use forebay_model::Kind;
use forebay_model::code;
use forebay_model::run::Status;
use forebay_model::run::trace::{Ended, Figures, Level, Line, Stage, Step};
use forebay_store::{Claim, End, Enqueue, LINES, Lines, Met, Told};

const ALL: Lines = Lines { level: Level::Debug, start: 0, limit: LINES };

fn lines(count: i64, level: Level) -> Vec<Line> {
    (0..count)
        .map(|n| Line { seq: 0, at: 1_000 + n, level, message: format!("line {n}"), fields: json!({ "n": n }) })
        .collect()
}

fn end(state: Status) -> End {
    let run = json!({ "metrics": { "statusSummary": { "status": state.text(), "errors": [] } } });
    End { run, state, cursor: None, batch: Value::Null, plan: None }
}

/// An enabled flow with one claimed run.
async fn claimed(store: &Store) -> Claim {
    flow(store, "f1", 60, at(0)).await;
    store.enqueue_due(at(0)).await.expect("it enqueues");
    store.claim("w1", at(1), LEASE).await.expect("it answers").expect("a run")
}

#[tokio::test]
async fn a_log_is_read_in_order_from_any_line_and_by_importance() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let claim = claimed(store).await;
    store.tell(&claim, Told { lines: lines(3, Level::Info), ..Told::default() }, at(2)).await.expect("it is told");
    store.tell(&claim, Told { lines: lines(2, Level::Warn), ..Told::default() }, at(3)).await.expect("it is told");
    let (all, total) = store.run_log(&prod(), &claim.run.id, ALL).await.expect("it answers");
    assert_eq!((all.iter().map(|line| line.seq).collect::<Vec<_>>(), total), (vec![1, 2, 3, 4, 5], 5));
    assert_eq!((all[1].at, all[1].message.as_str(), &all[1].fields), (1_001, "line 1", &json!({ "n": 1 })));
    let wanted = Lines { level: Level::Warn, start: 1, limit: 10 };
    let (some, total) = store.run_log(&prod(), &claim.run.id, wanted).await.expect("it answers");
    assert_eq!((some.iter().map(|line| line.seq).collect::<Vec<_>>(), total), (vec![5], 2));
    // A line that cannot be stored as it is does not keep the others away.
    let odd = Line { seq: 0, at: 1, level: Level::Info, message: "a\0b".repeat(3_000), fields: json!({ "x": "\0" }) };
    store.tell(&claim, Told { lines: vec![odd], ..Told::default() }, at(3)).await.expect("it is told");
    assert_eq!(
        store.run_log(&scope("dev"), &claim.run.id, ALL).await.expect_err("another sandbox").kind,
        Kind::NotFound
    );
}

#[tokio::test]
async fn a_log_has_an_end_and_room_for_how_the_run_ended() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let claim = claimed(store).await;
    for _ in 0..3 {
        let told = Told { lines: lines(4_000, Level::Info), ..Told::default() };
        store.tell(&claim, told, at(2)).await.expect("it is told");
    }
    let (all, _) = store.run_log(&prod(), &claim.run.id, ALL).await.expect("it answers");
    assert!((all.len() as i64) < LINES);
    assert!(all.last().expect("a line").message.starts_with("… more"), "{:?}", all.last());
    let told = Told { lines: lines(1, Level::Error), ..Told::default() };
    store.finish_with(&claim, end(Status::Failed), told, at(3)).await.expect("it ends");
    let (all, _) = store.run_log(&prod(), &claim.run.id, ALL).await.expect("it answers");
    assert_eq!(all.last().expect("a line").level, Level::Error);
}

#[tokio::test]
async fn a_trace_tells_attempts_stages_and_figures() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let first = claimed(store).await;
    let stages = vec![Stage { name: Step::List, started_at: 1, ended_at: Some(2) }];
    let figures = Figures { at: 2, bytes: 7, bytes_total: Some(9), files: 1, files_total: Some(2), records: 3 };
    let told = Told { stages: Some(stages.clone()), progress: Some(figures.clone()), ..Told::default() };
    let before = store.get(&prod(), Resource::Run, &first.run.id).await.expect("it is there");
    store.tell(&first, told, at(2)).await.expect("it is told");
    assert_eq!(store.get(&prod(), Resource::Run, &first.run.id).await.expect("it is there"), before);
    store.retry(&first, at(5), Told::default(), "away".into(), at(3)).await.expect("it is given back");
    let second = store.claim("w2", at(5), LEASE).await.expect("it answers").expect("the run");
    assert_eq!(second.trace.stages, stages);
    let third = store.claim("w3", at(60), LEASE).await.expect("it answers").expect("its lease is over");
    let told = Told { version: Some(4), ..Told::default() };
    store.finish_with(&third, end(Status::Success), told, at(61)).await.expect("it ends");
    let trace = store.trace(&prod(), &first.run.id).await.expect("it answers");
    let attempts: Vec<_> =
        trace.attempts.iter().map(|a| (a.number, a.worker.as_str(), a.outcome, a.error.as_deref())).collect();
    assert_eq!(
        attempts,
        [
            (1, "w1", Some(Ended::Retried), Some("away")),
            (2, "w2", Some(Ended::Lost), None),
            (3, "w3", Some(Ended::Success), None)
        ]
    );
    assert_eq!((trace.number, trace.attempt, trace.version), (1, 3, Some(4)));
    assert_eq!((trace.stages, trace.progress), (stages, Some(figures)));
    let late = Told { lines: lines(1, Level::Info), ..Told::default() };
    assert_eq!(store.tell(&second, late, at(62)).await.expect_err("it is replaced").kind, Kind::Stale);
}

#[tokio::test]
async fn runs_are_numbered_by_flow_and_go_with_it() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    flow(store, "f1", 60, at(0)).await;
    flow(store, "f2", 60, at(0)).await;
    let mut ids = Vec::new();
    for n in 0..3 {
        let run = Enqueue { due: at(n), params: Value::Null, by: json!({}) };
        ids.push(store.enqueue(&prod(), "f1", run, at(n)).await.expect("it is queued").id);
    }
    let run = Enqueue { due: at(9), params: Value::Null, by: json!({}) };
    ids.push(store.enqueue(&prod(), "f2", run, at(9)).await.expect("it is queued").id);
    ids.push("nothing".into());
    let numbers = async || {
        let mut numbers = Vec::new();
        for id in &ids {
            numbers.push(store.trace(&prod(), id).await.ok().map(|trace| trace.number));
        }
        numbers
    };
    assert_eq!(numbers().await, [Some(1), Some(2), Some(3), Some(1), None]);
    store.delete(&prod(), Resource::Flow, "f1", None, at(10)).await.expect("it is deleted");
    assert_eq!(numbers().await, [Some(0), Some(0), Some(0), Some(1), None], "the runs are still there");
    store.reset(&prod()).await.expect("it is emptied");
    assert_eq!(numbers().await, [None; 5]);
}

#[tokio::test]
async fn a_run_that_nobody_claimed_is_cancelled_at_once_and_can_be_triggered_again() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    flow(store, "f1", 60, at(0)).await;
    store.enqueue_due(at(0)).await.expect("it enqueues");
    let claim = store.claim("w1", at(0), LEASE).await.expect("it answers").expect("a run");
    let run = Enqueue { due: at(1), params: Value::Null, by: json!({}) };
    let id = store.enqueue(&prod(), "f1", run, at(1)).await.expect("it is queued").id;
    let cancelled = store.cancel(&prod(), &id, "ann@AdobeID", at(2)).await.expect("it is cancelled");
    assert_eq!(cancelled.body["state"], "failed");
    let error = &cancelled.body["metrics"]["statusSummary"]["errors"][0];
    assert_eq!(error["code"], code::RUN_CANCELLED.id);
    assert_eq!(error["message"], "The run was cancelled by ann@AdobeID. Nothing of it was stored.");
    assert_eq!(store.cancel(&prod(), &id, "bob", at(3)).await.expect("again").etag, cancelled.etag);
    let (log, _) = store.run_log(&prod(), &id, ALL).await.expect("it answers");
    assert_eq!(log.len(), 1);
    store.finish(&claim, end(Status::Success), at(4)).await.expect("it ends");
    assert!(store.claim("w1", at(5), LEASE).await.expect("it answers").is_none());
    store.retrigger(&prod(), &id, None, at(6)).await.expect("it is queued again");
    let claim = store.claim("w1", at(6), LEASE).await.expect("it answers").expect("the run");
    assert_eq!((claim.run.id.as_str(), &claim.trace.cancelled_by), (id.as_str(), &None));
}

#[tokio::test]
async fn a_claimed_run_is_marked_and_ends_by_its_holders_hand() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let claim = claimed(store).await;
    assert_eq!(store.cancelled(&claim).await.expect("it answers"), None);
    let run = store.cancel(&prod(), &claim.run.id, "ann", at(2)).await.expect("it is marked");
    assert_eq!(run.body["state"], "inProgress");
    store.cancel(&prod(), &claim.run.id, "bob", at(2)).await.expect("again");
    assert_eq!(store.cancelled(&claim).await.expect("it answers").as_deref(), Some("ann"));
    // It does not wait for its next try.
    store.release(&claim, at(1_000)).await.expect("it is given back");
    let claim = store.claim("w2", at(3), LEASE).await.expect("it answers").expect("the run");
    assert_eq!(claim.trace.cancelled_by.as_deref(), Some("ann"));
    // The commit has won.
    store.finish(&claim, end(Status::Success), at(4)).await.expect("it ends");
    let refused = store.cancel(&prod(), &claim.run.id, "ann", at(5)).await.expect_err("it has ended");
    assert_eq!((refused.kind, refused.code), (Kind::Invalid, &code::FLOW_1422));
    assert!(refused.message.contains("has ended"), "{}", refused.message);
    assert_eq!(store.cancel(&prod(), "nothing", "ann", at(5)).await.expect_err("no run").kind, Kind::NotFound);
    assert_eq!(
        store.cancel(&scope("dev"), &claim.run.id, "ann", at(5)).await.expect_err("theirs").kind,
        Kind::NotFound
    );
}

#[tokio::test]
async fn a_run_that_waits_for_its_next_try_ends_when_it_is_cancelled() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let claim = claimed(store).await;
    store.release(&claim, at(1_000)).await.expect("it is given back");
    store.cancel(&prod(), &claim.run.id, "ann", at(2)).await.expect("it is marked");
    let again = store.claim("w2", at(2), LEASE).await.expect("it answers").expect("the run, at once");
    assert_eq!(again.trace.cancelled_by.as_deref(), Some("ann"));
}

fn met(names: &[&str]) -> Vec<Met> {
    names.iter().map(|name| Met { name: name.to_string(), kind: "string".into(), sample: None }).collect()
}

async fn states(store: &Store) -> Vec<(String, String)> {
    let columns = store.columns(&prod(), "f1").await.expect("it answers");
    columns.into_iter().map(|column| (column.name, column.state)).collect()
}

fn pairs(told: &[(&str, &str)]) -> Vec<(String, String)> {
    told.iter().map(|(name, state)| (name.to_string(), state.to_string())).collect()
}

#[tokio::test]
async fn columns_of_the_first_run_are_known_and_later_ones_are_pending_unless_mapped() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let claim = claimed(store).await;
    let meet = async |names: &[&str], seconds: i64| {
        store.meet_columns(&claim, &met(names), &["mapped".into()], at(seconds)).await.expect("it is noted")
    };
    assert!(meet(&["a", "b"], 2).await.is_empty());
    assert!(meet(&["b"], 3).await.is_empty(), "a lost column is no new one");
    let long = "x".repeat(600);
    assert_eq!(meet(&["a", "c", "mapped", "", "nul\0", &long], 4).await, ["c"]);
    assert!(meet(&["c"], 5).await.is_empty(), "it is told once");
    let known = [("a", "known"), ("b", "known"), ("c", "pending"), ("mapped", "known")];
    assert_eq!(states(store).await, pairs(&known));
    assert_eq!(
        store.settle_columns(&prod(), "f1", &["c".into(), "a".into()], "dismissed", at(6)).await.expect("it settles"),
        1
    );
    assert_eq!(states(store).await[2].1, "dismissed");
    store.set_schema_policy(&prod(), "f1", "ignore", at(6)).await.expect("it is set");
    assert!(meet(&["d"], 6).await.is_empty());
    for policy in ["Propagate", "loud", ""] {
        let refused = store.set_schema_policy(&prod(), "f1", policy, at(6)).await.expect_err("no such policy");
        assert_eq!(refused.kind, Kind::Invalid);
    }
    assert_eq!(store.schema_policy(&prod(), "f1").await.expect("it answers"), "ignore");
    assert_eq!(
        store.set_schema_policy(&prod(), "nothing", "pause", at(6)).await.expect_err("no flow").kind,
        Kind::NotFound
    );
    store.delete(&prod(), Resource::Flow, "f1", None, at(10)).await.expect("it is deleted");
    assert!(states(store).await.is_empty());
}

#[tokio::test]
async fn a_flow_that_pauses_for_new_columns_is_disabled_and_its_run_goes_on() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let claim = claimed(store).await;
    store.set_schema_policy(&prod(), "f1", "pause", at(6)).await.expect("it is set");
    store.meet_columns(&claim, &met(&["a"]), &[], at(2)).await.expect("it is noted");
    let state = async || store.get(&prod(), Resource::Flow, "f1").await.expect("it is there").body["state"].clone();
    assert_eq!(state().await, "enabled");
    assert_eq!(store.meet_columns(&claim, &met(&["a", "b"]), &[], at(3)).await.expect("it is noted"), ["b"]);
    assert_eq!(state().await, "disabled");
    store.finish(&claim, end(Status::Success), at(4)).await.expect("it ends");
    assert_eq!(store.enqueue_due(at(9_999)).await.expect("it answers"), 0);
    assert_eq!(state().await, "disabled");
}
