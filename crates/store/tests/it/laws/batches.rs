//! Batches that clients upload: files come while a batch is open, one worker at a time has it afterwards, and batches of a
//! dataset go one after another (platform.md §6).

use super::*;
use forebay_model::Kind;
use forebay_store::{BatchClaim, BatchEnd, GivenUp, Limits, Piece, Task};

const LIMITS: Limits = Limits { files: 3, bytes: 100, pieces: 4 };

fn piece(start: u64, size: u64, location: &str) -> Piece {
    Piece { start, size, location: location.into() }
}

async fn open(store: &Store, dataset: &str, now: i64) -> String {
    let body = json!({ "status": "loading", "relatedObjects": [{ "type": "dataSet", "id": dataset }] });
    store.open_batch(&prod(), dataset, body, at(now)).await.expect("it is stored").id
}

async fn put(store: &Store, batch: &str, path: &str, size: u64, location: &str) -> forebay_model::Result<Vec<String>> {
    store.put_upload(&prod(), batch, path, piece(0, size, location), &LIMITS, at(1)).await
}

async fn status(store: &Store, batch: &str) -> String {
    let document = store.get(&prod(), Resource::Batch, batch).await.expect("it is there");
    document.text("/status").expect("it has one").to_string()
}

async fn claim(store: &Store, now: i64) -> Option<BatchClaim> {
    store.claim_batch("w", at(now), LEASE).await.expect("it answers")
}

fn ended(status: &str) -> BatchEnd {
    BatchEnd { batch: json!({ "status": status }), plan: None }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: forebay_model::Result<T>, kind: Kind, part: &str) {
    let error = result.expect_err("it is refused");
    assert_eq!(error.kind, kind, "{error:?}");
    assert!(error.message.contains(part), "{}", error.message);
}

#[tokio::test]
async fn a_file_that_is_put_again_replaces_what_was_there_and_names_what_nobody_needs() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let batch = open(store, "d", 0).await;
    assert!(put(store, &batch, "a.json", 10, "x/1").await.expect("it is taken").is_empty());
    assert_eq!(put(store, &batch, "a.json", 20, "x/2").await.expect("it is taken"), ["x/1"]);
    put(store, &batch, "b/c.json", 0, "x/3").await.expect("it is taken");
    let uploads = store.uploads(&prod(), &batch).await.expect("they are listed");
    let seen: Vec<_> = uploads.iter().map(|u| (u.path.as_str(), u.size(), u.whole)).collect();
    assert_eq!(seen, [("a.json", 20, true), ("b/c.json", 0, true)]);
    assert!(store.uploads(&scope("dev"), &batch).await.expect("it answers").is_empty());
    refused(
        store.put_upload(&scope("dev"), &batch, "a", piece(0, 1, "y"), &LIMITS, at(1)).await,
        Kind::NotFound,
        &batch,
    );
}

#[tokio::test]
async fn a_batch_holds_so_many_files_and_bytes_and_says_how_many() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let batch = open(store, "d", 0).await;
    put(store, &batch, "a", 60, "x/1").await.expect("it is taken");
    refused(put(store, &batch, "b", 41, "x/2").await, Kind::TooLarge, "101 bytes; a batch may have 100");
    // What it replaces does not count.
    put(store, &batch, "a", 100, "x/3").await.expect("it is taken");
    put(store, &batch, "b", 0, "x/4").await.expect("it is taken");
    put(store, &batch, "c", 0, "x/5").await.expect("it is taken");
    refused(put(store, &batch, "d", 0, "x/6").await, Kind::TooLarge, "3 files; a batch may have 3");
    assert_eq!(store.uploads(&prod(), &batch).await.expect("they are listed").len(), 3, "a refusal changes nothing");
}

#[tokio::test]
async fn ranges_make_a_file_when_nothing_is_missing() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let batch = open(store, "d", 0).await;
    let scope = prod();
    let range = |start, size, location: &'static str, total| {
        store.put_piece(&scope, &batch, "a", piece(start, size, location), total, &LIMITS, at(2))
    };
    refused(range(0, 10, "x/0", None).await, Kind::Conflict, "no upload of a in ranges was begun");
    store.begin_upload(&scope, &batch, "a", &LIMITS, at(1)).await.expect("it begins");
    range(10, 10, "x/2", Some(30)).await.expect("any order will do");
    let end = || store.end_upload(&scope, &batch, "a", at(3));
    refused(end().await, Kind::Invalid, "the bytes from 0 to 9 are missing");
    refused(range(0, 10, "x/1", Some(31)).await, Kind::Invalid, "31 bytes, and said 30 before");
    range(0, 12, "x/1", None).await.expect("it is taken");
    refused(end().await, Kind::Invalid, "the bytes from 10 to 11 were sent by two ranges");
    assert_eq!(range(0, 10, "x/3", None).await.expect("it is taken again"), ["x/1"]);
    refused(end().await, Kind::Invalid, "20 bytes are there, and Content-Range has said that there are 30");
    refused(
        store.complete_batch(&scope, &batch, at(3)).await,
        Kind::Invalid,
        "the upload of a was begun and not completed",
    );
    range(20, 10, "x/4", Some(30)).await.expect("it is taken");
    end().await.expect("it is whole");
    end().await.expect("the answer may have been lost");
    refused(range(30, 1, "x/5", None).await, Kind::Conflict, "a is complete");
    let upload = store.upload(&scope, &batch, "a").await.expect("it answers").expect("it is there");
    let places: Vec<_> = upload.pieces.iter().map(|p| (p.start, p.location.as_str())).collect();
    assert_eq!((upload.size(), places), (30, vec![(0, "x/3"), (10, "x/2"), (20, "x/4")]));
    // Begun anew, it is empty.
    let gone = store.begin_upload(&scope, &batch, "a", &LIMITS, at(4)).await.expect("it begins");
    assert_eq!(gone, ["x/3", "x/2", "x/4"]);
}

#[tokio::test]
async fn a_batch_is_staged_claimed_and_ended_once() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let batch = open(store, "d", 0).await;
    put(store, &batch, "a", 1, "staging/prod/x/1").await.expect("it is taken");
    assert!(claim(store, 1).await.is_none(), "it is open");
    store.complete_batch(&prod(), &batch, at(2)).await.expect("it is staged");
    store.complete_batch(&prod(), &batch, at(2)).await.expect("its answer may have been lost");
    assert_eq!(status(store, &batch).await, "staged");
    refused(put(store, &batch, "b", 1, "x/2").await, Kind::Conflict, "is staged");
    let held = claim(store, 3).await.expect("it waits");
    assert_eq!((held.batch.id.as_str(), held.dataset.as_str(), held.task), (batch.as_str(), "d", Task::Ingest));
    assert_eq!((held.epoch, held.epochs.as_slice(), held.attempt), (1, &[1][..], 1));
    assert_eq!(held.batch.body["status"], "processing");
    assert_eq!(held.batch.body["started"], at(3).timestamp_millis());
    assert!(claim(store, 4).await.is_none(), "it is held");
    refused(
        store.give_up_batch(&prod(), &batch, GivenUp::Aborted, at(4)).await,
        Kind::Conflict,
        "is processing: it cannot become aborted",
    );
    store.save_batch_plan(&held, &json!({ "n": 1 })).await.expect("it is ours");
    // The holder is gone; whoever takes over fences it.
    let taken = claim(store, 3 + 16).await.expect("its lease has expired");
    assert_eq!((taken.epochs.as_slice(), taken.attempt, &taken.plan), (&[1, 2][..], 2, &Some(json!({ "n": 1 }))));
    refused(store.finish_batch(&held, ended("success"), at(20)).await, Kind::Stale, "taken over");
    refused(store.save_batch_plan(&held, &json!({})).await, Kind::Stale, "taken over");
    assert!(!store.renew_batch(&held, at(20), LEASE).await.expect("it answers"));
    assert!(store.renew_batch(&taken, at(20), LEASE).await.expect("it answers"));
    store.finish_batch(&taken, ended("success"), at(21)).await.expect("it is ours");
    assert_eq!(status(store, &batch).await, "success");
    assert!(claim(store, 1000).await.is_none());
    assert!(store.uploads(&prod(), &batch).await.expect("it answers").is_empty());
    let cleanups = store.cleanups().await.expect("they are listed");
    assert_eq!(cleanups[0].location, format!("staging/prod/{batch}"));
    assert!(!store.batch_is_live("prod", &batch).await.expect("it answers"));
}

#[tokio::test]
async fn batches_of_a_dataset_go_in_the_order_in_which_they_were_completed() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (one, two, other) = (open(store, "d", 0).await, open(store, "d", 1).await, open(store, "e", 2).await);
    store.complete_batch(&prod(), &two, at(3)).await.expect("it is staged");
    store.complete_batch(&prod(), &one, at(4)).await.expect("it is staged");
    store.complete_batch(&prod(), &other, at(5)).await.expect("it is staged");
    let first = claim(store, 6).await.expect("it waits");
    assert_eq!(first.batch.id, two);
    let others = claim(store, 6).await.expect("another dataset's");
    assert_eq!(others.batch.id, other);
    store.finish_batch(&others, ended("success"), at(6)).await.expect("it is ours");
    assert!(claim(store, 6).await.is_none(), "the dataset is being worked on");
    store.release_batch(&first, at(60)).await.expect("it is ours");
    assert!(claim(store, 7).await.is_none(), "what was begun comes first");
    let again = claim(store, 60).await.expect("it waits no more");
    assert_eq!((again.batch.id.as_str(), again.epoch), (two.as_str(), 2));
    store.finish_batch(&again, ended("failed"), at(61)).await.expect("it is ours");
    let last = claim(store, 62).await.expect("it waits");
    assert_eq!((last.batch.id.as_str(), last.epoch), (one.as_str(), 3), "epochs of a dataset only rise");
}

#[tokio::test]
async fn what_is_aborted_failed_or_left_behind_is_never_claimed() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (aborted, failed, left, alive) =
        (open(store, "d", 0).await, open(store, "d", 0).await, open(store, "d", 0).await, open(store, "d", 0).await);
    store.complete_batch(&prod(), &failed, at(1)).await.expect("it is staged");
    for _ in 0..2 {
        store.give_up_batch(&prod(), &aborted, GivenUp::Aborted, at(2)).await.expect("it is open");
        store.give_up_batch(&prod(), &failed, GivenUp::Failed, at(2)).await.expect("nobody has begun it");
    }
    refused(store.complete_batch(&prod(), &aborted, at(3)).await, Kind::Conflict, "is aborted");
    store.put_upload(&prod(), &alive, "a", piece(0, 1, "x"), &LIMITS, at(500)).await.expect("it is taken");
    assert_eq!(store.abandon_batches(at(400), at(1000)).await.expect("it answers"), 1);
    for (batch, expected) in [(aborted, "aborted"), (failed, "failed"), (left, "abandoned"), (alive, "loading")] {
        assert_eq!(status(store, &batch).await, expected);
    }
    assert!(claim(store, 2000).await.is_none());
    assert_eq!(store.cleanups().await.expect("they are listed").len(), 3);
}

#[tokio::test]
async fn only_a_batch_that_succeeded_is_reverted_and_one_of_a_flow_too() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let batch = open(store, "d", 0).await;
    refused(
        store.revert_batch(&prod(), &batch, "d", at(1)).await,
        Kind::Conflict,
        "is loading; only one that succeeded",
    );
    store.complete_batch(&prod(), &batch, at(1)).await.expect("it is staged");
    let held = claim(store, 2).await.expect("it waits");
    store.finish_batch(&held, ended("success"), at(3)).await.expect("it is ours");
    super::put(store, &prod(), Resource::Batch, "of-a-flow", json!({ "status": "success" }), at(3)).await;
    for (batch, epoch) in [(batch.as_str(), 2), ("of-a-flow", 3)] {
        store.revert_batch(&prod(), batch, "d", at(4)).await.expect("it is taken");
        store.revert_batch(&prod(), batch, "d", at(4)).await.expect("its answer may have been lost");
        assert_eq!(status(store, batch).await, "inactive");
        let held = claim(store, 5).await.expect("it waits");
        assert_eq!((held.batch.id.as_str(), held.task), (batch, Task::Revert));
        assert_eq!((held.epochs.as_slice(), held.attempt), (&[epoch][..], 1));
        store.finish_batch(&held, ended("deleted"), at(6)).await.expect("it is ours");
    }
}

#[tokio::test]
async fn a_reset_forgets_the_batches_of_its_sandbox() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let batch = open(store, "d", 0).await;
    put(store, &batch, "a", 1, "x/1").await.expect("it is taken");
    store.complete_batch(&prod(), &batch, at(1)).await.expect("it is staged");
    let held = claim(store, 2).await.expect("it waits");
    store.reset(&prod()).await.expect("it resets");
    refused(store.finish_batch(&held, ended("success"), at(3)).await, Kind::Stale, "taken over or ended");
    assert!(claim(store, 1000).await.is_none());
    assert!(store.uploads(&prod(), &batch).await.expect("it answers").is_empty());
}
