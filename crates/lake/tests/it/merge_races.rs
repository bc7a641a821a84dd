//! A merge beside other commits and across crashes: each change counts once, whoever comes in between, and whichever
//! call of the store fails.

use crate::staged::*;
use crate::support::*;
use forebay_lake::{Compact, Counts, File, Lake, MergeSpec, Prepared, Upkeep};
use forebay_model::{Kind, Result};
use futures::FutureExt;
use object_store::memory::InMemory;
use std::num::NonZeroU64;
use std::sync::Arc;

const NONE: Counts = Counts { inserted: 0, updated: 0, deleted: 0, superseded: 0, stale: 0, absent: 0 };

fn upkeep() -> Upkeep {
    Upkeep {
        checkpoint_interval: 1000,
        compact: Some(Compact { target: NonZeroU64::new(1 << 20).unwrap(), min_files: 2 }),
        vacuum_retention: chrono::Duration::days(7),
        log_retention: chrono::Duration::days(30),
        memory: 64 << 20,
        now: chrono::Utc::now(),
    }
}

async fn commit(lake: &Lake, flow: &str, epoch: i64, prepared: &Prepared) -> Result<Option<u64>, Kind> {
    let committed = table(lake).commit_merge(&txn(flow, &[epoch]), prepared).await;
    committed.map(|c| c.map(|c| c.version)).map_err(|e| e.kind)
}

/// What happens between the two calls sends the merge back to the first; then it takes account of it.
async fn in_between(what: impl AsyncFn(&Lake), counts: Counts, rows: &[(&str, &str)]) {
    let lake = new_lake();
    merge(&lake, 1, &[put("a", "A", 1), put("b", "B", 1)]).await;
    merge(&lake, 2, &[put("c", "C", 1)]).await;
    let changes = [put("a", "A5", 5), gone("b", 5), put("d", "D5", 5)];
    let prepared = prepare(&lake, "f", 3, &changes).await;
    what(&lake).await;
    assert_eq!(commit(&lake, "f", 3, &prepared).await, Ok(None));
    assert_eq!(run(&lake, "f", 3, &changes).await.0.counts, counts);
    same(&state(&lake).await, rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_merge_in_between_is_taken_account_of() {
    in_between(
        async |lake| {
            run(lake, "g", 1, &[put("a", "A9", 9), gone("b", 2), put("d", "D2", 2)]).await;
        },
        Counts { stale: 1, absent: 1, updated: 1, ..NONE },
        &[("a", "A9"), ("c", "C"), ("d", "D5")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_append_in_between_is_taken_account_of() {
    in_between(
        async |lake| append_beside(lake, &[put("d", "appended", 0), put("a", "appended", 0)]).await,
        Counts { updated: 2, deleted: 1, ..NONE },
        &[("a", "A5"), ("c", "C"), ("d", "D5")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_in_between_is_taken_account_of() {
    in_between(
        async |lake| assert_eq!(table(lake).maintain(&upkeep()).await.unwrap().compacted, 2),
        Counts { updated: 1, deleted: 1, inserted: 1, ..NONE },
        &[("a", "A5"), ("c", "C"), ("d", "D5")],
    )
    .await;
}

/// What a run goes by may change while it is on its way: the version that its commit follows has the last word.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_comes_in_between_refuses_what_goes_by_another_or_by_none() {
    let by_name = MergeSpec { key: vec!["name".into()], ..merge_spec() };
    let inner = Arc::new(InMemory::new());
    let lake = memory_lake(inner.clone());
    append(&lake, "old", 1, &[put("a", "A", 0)]).await;
    let appended = write_contacts(&lake, &[put("a", "twice", 0)]).await;
    let staged = stage(&lake, &[put("b", "A", 1)]).await;
    let other = table(&lake).prepare_merge(&txn("g", &[1]), &contacts(), &by_name, &staged).await.unwrap();
    let theirs = lake.clone();
    let hook = once_before_commit(move || {
        async move {
            merge(&theirs, 1, &[put("c", "C", 1)]).await;
        }
        .boxed()
    });
    let slow = table(&memory_lake(Faulty::calling(inner, hook)));
    let told = slow.commit(&txn("h", &[1]), &contacts(), &appended).await.unwrap_err();
    assert_eq!(told.kind, Kind::Invalid);
    assert_eq!(commit(&lake, "g", 1, &other).await, Ok(None));
    let told = table(&lake).prepare_merge(&txn("g", &[1]), &contacts(), &by_name, &staged).await.unwrap_err();
    assert_eq!(told.kind, Kind::Invalid);
    assert!(told.message.contains("`email.address`") && told.message.contains("`name`"), "{}", told.message);
    same(&state(&lake).await, &[("a", "A"), ("c", "C")]);
}

/// Neither a fence nor a run without changes touches what a merge was made of: it need not be made again, whether they
/// come before its look or between that and its put.
#[tokio::test(flavor = "multi_thread")]
async fn a_merge_outlives_commits_that_change_no_row() {
    let inner = Arc::new(InMemory::new());
    let lake = memory_lake(inner.clone());
    merge(&lake, 1, &[put("a", "A", 1), put("b", "B", 1)]).await;
    let prepared = prepare(&lake, "f", 2, &[put("a", "A2", 2), gone("b", 2)]).await;
    table(&lake).fence("g", 1, &contacts()).await.unwrap();
    run(&lake, "g", 1, &[put("a", "stale", 0)]).await;
    let other = lake.clone();
    let hook = once_before_commit(move || {
        async move {
            table(&other).fence("h", 1, &contacts()).await.unwrap();
        }
        .boxed()
    });
    let slow = memory_lake(Faulty::calling(inner, hook));
    assert_eq!(commit(&slow, "f", 2, &prepared).await, Ok(Some(4)));
    same(&state(&lake).await, &[("a", "A2")]);
}

/// The compaction has read its files, then a merge replaces one of them, then the compaction puts.
#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_gives_way_to_a_merge() {
    let inner = Arc::new(InMemory::new());
    let lake = memory_lake(inner.clone());
    merge(&lake, 1, &[put("a", "A", 1), put("b", "B", 1)]).await;
    merge(&lake, 2, &[put("c", "C", 1)]).await;
    let other = lake.clone();
    let hook = once_before_commit(move || {
        async move {
            merge(&other, 3, &[put("a", "A5", 5)]).await;
        }
        .boxed()
    });
    let slow = memory_lake(Faulty::calling(inner, hook));
    assert_eq!(table(&slow).maintain(&upkeep()).await.unwrap().compacted, 0);
    same(&state(&lake).await, &[("a", "A5"), ("b", "B"), ("c", "C")]);
    assert!(table(&lake).maintain(&upkeep()).await.unwrap().compacted > 0);
    same(&state(&lake).await, &[("a", "A5"), ("b", "B"), ("c", "C")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_higher_epoch_refuses_a_merge_before_and_after_it_is_prepared() {
    for exists in [false, true] {
        let lake = new_lake();
        if exists {
            merge(&lake, 1, &[put("a", "A", 1)]).await;
        }
        let prepared = prepare(&lake, "f", 2, &[put("a", "late", 9)]).await;
        table(&lake).fence("f", 3, &contacts()).await.unwrap();
        assert_eq!(commit(&lake, "f", 2, &prepared).await, Err(Kind::Conflict));
        let files = stage(&lake, &[put("a", "late", 9)]).await;
        let again = table(&lake).prepare_merge(&txn("f", &[2]), &contacts(), &merge_spec(), &files).await;
        assert_eq!(again.unwrap_err().kind, Kind::Conflict);
        assert_eq!(state(&lake).await.len(), usize::from(exists));
    }
}

/// The old holder has read the table and found it its own; then the fence lands; then the old holder puts.
#[tokio::test(flavor = "multi_thread")]
async fn a_fence_between_an_old_holders_look_and_its_put_wins() {
    for exists in [false, true] {
        let inner = Arc::new(InMemory::new());
        let lake = memory_lake(inner.clone());
        if exists {
            merge(&lake, 1, &[put("a", "A", 1)]).await;
        }
        let prepared = prepare(&lake, "f", 2, &[put("a", "late", 9)]).await;
        let other = lake.clone();
        let hook = once_before_commit(move || {
            async move {
                table(&other).fence("f", 3, &contacts()).await.unwrap();
            }
            .boxed()
        });
        let slow = memory_lake(Faulty::calling(inner, hook));
        assert_eq!(commit(&slow, "f", 2, &prepared).await, Err(Kind::Conflict));
        assert_eq!(commit(&lake, "f", 2, &prepared).await, Err(Kind::Conflict));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_landed_is_not_merged_again() {
    let lake = new_lake();
    let changes = [put("a", "A", 1)];
    let prepared = prepare(&lake, "f", 1, &changes).await;
    assert_eq!(commit(&lake, "f", 1, &prepared).await, Ok(Some(0)));
    // The same claim, and a later one of the same run.
    let twice = table(&lake).commit_merge(&txn("f", &[1]), &prepared).await.unwrap().unwrap();
    assert!(twice.already);
    table(&lake).fence("f", 2, &contacts()).await.unwrap();
    let files = stage(&lake, &changes).await;
    let txn = txn("f", &[1, 2]);
    let again = table(&lake).prepare_merge(&txn, &contacts(), &merge_spec(), &files).await.unwrap();
    assert!(matches!(again, Prepared::Landed(committed) if committed.already));
    assert!(table(&lake).commit_merge(&txn, &again).await.unwrap().unwrap().already);
    // And the other way round: what was merged is not appended.
    assert!(table(&lake).commit(&txn, &contacts(), &files).await.unwrap().already);
    same(&state(&lake).await, &[("a", "A")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_racers_with_one_claim_one_commits() {
    let lake = new_lake();
    let mut racers = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let lake = lake.clone();
        racers.spawn(async move {
            let files = stage(&lake, &[put("a", "A", 1), put("b", "B", 1)]).await;
            let txn = txn("f", &[4]);
            loop {
                let prepared = table(&lake).prepare_merge(&txn, &contacts(), &merge_spec(), &files).await.unwrap();
                if let Some(done) = table(&lake).commit_merge(&txn, &prepared).await.unwrap() {
                    return done.already;
                }
            }
        });
    }
    assert_eq!(racers.join_all().await.iter().filter(|already| !**already).count(), 1);
    same(&state(&lake).await, &[("a", "A"), ("b", "B")]);
}

/// Flows with keys of their own and one that all of them change: each row once, and of the shared one the newest.
#[tokio::test(flavor = "multi_thread")]
async fn mergers_at_once_all_land() {
    let lake = new_lake();
    let mut racers = tokio::task::JoinSet::new();
    for flow in 0..4 {
        let lake = lake.clone();
        racers.spawn(async move {
            let name = format!("flow-{flow}");
            for epoch in 1..4 {
                let own = format!("{flow}-{epoch}");
                run(&lake, &name, epoch, &[put(&own, &own, 1), put("shared", &own, flow * 10 + epoch)]).await;
            }
        });
    }
    racers.join_all().await;
    let state = state(&lake).await;
    assert_eq!(state.len(), 13);
    assert_eq!(state["shared"], "3-3");
}

/// The run: stage, prepare, commit.
async fn crashing(lake: &Lake, epochs: &[i64], files: &mut Vec<File>) -> Result<()> {
    *files = try_stage(lake, &[put("a", "A2", 2), gone("b", 2), put("new", "N", 2), put("new", "older", 1)]).await?;
    loop {
        let txn = txn("f", epochs);
        let prepared = table(lake).prepare_merge(&txn, &contacts(), &merge_spec(), files).await?;
        if table(lake).commit_merge(&txn, &prepared).await?.is_some() {
            return Ok(());
        }
    }
}

/// How many calls a run makes, each of which was made to fail.
async fn every_call_fails_once(fault: Fault, exists: bool) -> usize {
    let mut calls = 0;
    loop {
        let disk = Arc::new(InMemory::new());
        let healthy = memory_lake(disk.clone());
        if exists {
            merge(&healthy, 1, &[put("a", "A", 1), put("b", "B", 1)]).await;
            merge(&healthy, 2, &[put("c", "C", 1)]).await;
        }
        let expected: &[(&str, &str)] =
            if exists { &[("a", "A2"), ("c", "C"), ("new", "N")] } else { &[("a", "A2"), ("new", "N")] };
        let store = Faulty::new(disk, calls, fault);
        let mut files = Vec::new();
        let ended = crashing(&memory_lake(store.clone()), &[11], &mut files).await;
        let crashed = ended.is_err();
        if let Err(error) = ended {
            assert_eq!(error.kind, Kind::Unavailable { retry_after: None }, "call {calls}: {error:?}");
        }
        assert_eq!(crashed, store.died(), "a run that lost its store must say so, call {calls}");
        if crashed {
            // Another worker's claim: fence, look, and only then run again.
            let progress = table(&healthy).fence("f", 12, &contacts()).await.unwrap();
            if !progress.landed(&[11, 12]) {
                crashing(&healthy, &[11, 12], &mut Vec::new()).await.unwrap();
            }
        }
        same(&state(&healthy).await, expected);
        // The first worker wakes up with all its files and tries once more.
        match table(&healthy).prepare_merge(&txn("f", &[11]), &contacts(), &merge_spec(), &files).await {
            Ok(prepared) => assert!(matches!(prepared, Prepared::Landed(_)), "call {calls}"),
            Err(error) => assert_eq!(error.kind, Kind::Conflict, "call {calls}"),
        }
        if !crashed {
            return calls;
        }
        calls += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_once_whichever_call_fails_in_the_first_run() {
    assert!(every_call_fails_once(Fault::Before, false).await >= 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_once_whichever_call_fails_in_a_later_run() {
    assert!(every_call_fails_once(Fault::Before, true).await >= 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_once_whichever_answer_is_lost_in_the_first_run() {
    assert!(every_call_fails_once(Fault::After, false).await >= 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_once_whichever_answer_is_lost_in_a_later_run() {
    assert!(every_call_fails_once(Fault::After, true).await >= 12);
}
