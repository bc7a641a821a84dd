//! A store that dies at its n-th call, for every n, with the call's work undone or only its answer lost; then another
//! worker takes the run over. Each row is in the table once, whatever n was (P1), and no reader sees half a run (P2).

use crate::support::*;
use forebay_lake::{File, Lake};
use forebay_model::{Kind, Result};
use object_store::memory::InMemory;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The run: write, then commit.
async fn run(lake: &Lake, epochs: &[i64], files: &mut Vec<File>) -> Result<()> {
    *files = write_people(lake, 100..130).await?;
    table(lake).commit(&txn("f", epochs), &people(), files).await?;
    Ok(())
}

/// Another worker's claim: fence, look, and only then run again.
async fn take_over(lake: &Lake) {
    let progress = table(lake).fence("f", 12, &people()).await.unwrap();
    if !progress.landed(&[11, 12]) {
        run(lake, &[11, 12], &mut Vec::new()).await.unwrap();
    }
}

/// How many calls a run makes, each of which was made to fail.
async fn every_call_fails_once(fault: Fault, rows_before: i64) -> usize {
    let mut calls = 0;
    loop {
        let disk = Arc::new(InMemory::new());
        let healthy = memory_lake(disk.clone());
        if rows_before > 0 {
            let files = write_people(&healthy, 0..rows_before).await.unwrap();
            table(&healthy).commit(&txn("f", &[1]), &people(), &files).await.unwrap();
        }
        let store = Faulty::new(disk, calls, fault);
        let mut files = Vec::new();
        let ended = run(&memory_lake(store.clone()), &[11], &mut files).await;
        let crashed = ended.is_err();
        if let Err(error) = ended {
            let again = Kind::Unavailable { retry_after: None };
            assert_eq!(error.kind, again, "call {calls}: {error:?}");
        }
        assert_eq!(crashed, store.died(), "a run that lost its store must say so, call {calls}");
        let expected: Vec<i64> = (0..rows_before).chain(100..130).collect();
        if crashed {
            take_over(&healthy).await;
        }
        assert_eq!(ids(&healthy).await, expected, "store died at call {calls}, {fault:?}");
        // The first worker wakes up with all its files and tries once more.
        let late = table(&healthy).commit(&txn("f", &[11]), &people(), &files).await;
        match late {
            Ok(done) => assert!(done.already, "call {calls}"),
            Err(error) => assert_eq!(error.kind, Kind::Conflict, "call {calls}"),
        }
        assert_eq!(ids(&healthy).await, expected, "late commit after call {calls}, {fault:?}");
        if !crashed {
            return calls;
        }
        calls += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_once_whichever_call_fails_in_the_first_run() {
    assert!(every_call_fails_once(Fault::Before, 0).await >= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_once_whichever_call_fails_in_a_later_run() {
    assert!(every_call_fails_once(Fault::Before, 20).await >= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_once_whichever_answer_is_lost_in_the_first_run() {
    assert!(every_call_fails_once(Fault::After, 0).await >= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_once_whichever_answer_is_lost_in_a_later_run() {
    assert!(every_call_fails_once(Fault::After, 20).await >= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_take_over_that_crashes_too_can_be_taken_over() {
    let mut calls = 0;
    loop {
        let disk = Arc::new(InMemory::new());
        let store = Faulty::new(disk.clone(), calls, Fault::After);
        let lake = memory_lake(store.clone());
        let fenced = table(&lake).fence("f", 11, &people()).await;
        let healthy = memory_lake(disk);
        take_over(&healthy).await;
        assert_eq!(ids(&healthy).await, (100..130).collect::<Vec<_>>(), "fence died at call {calls}");
        if fenced.is_ok() {
            assert!(!store.died());
            break;
        }
        calls += 1;
    }
    assert!(calls >= 2);
}

/// A claim's put is on its way when its worker gives the run up and asks the table whether the data landed: once the
/// answer is no, it must stay no, though the claim had fenced that very epoch when it began.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_its_way_when_a_run_is_given_up_does_not_land_afterwards() {
    for rows_before in [0, 20] {
        let disk = Arc::new(InMemory::new());
        let healthy = memory_lake(disk.clone());
        if rows_before > 0 {
            let files = write_people(&healthy, 0..rows_before).await.unwrap();
            table(&healthy).commit(&txn("f", &[1]), &people(), &files).await.unwrap();
        }
        table(&healthy).fence("f", 11, &people()).await.unwrap();
        let (store, held) = Faulty::holding(disk);
        let claim = tokio::spawn(async move { run(&memory_lake(store), &[11], &mut Vec::new()).await });
        held.sent.await.unwrap();
        claim.abort();
        let progress = table(&healthy).fence_anew("f", 11, &people()).await.unwrap();
        assert!(!progress.landed(&[11]));
        held.go.send(()).unwrap();
        let refused = held.answer.await.unwrap().unwrap_err();
        assert!(matches!(refused, object_store::Error::AlreadyExists { .. }), "{refused:?}");
        assert_eq!(ids(&healthy).await, (0..rows_before).collect::<Vec<_>>());
        assert!(!table(&healthy).progress("f").await.unwrap().landed(&[11]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_sees_whole_runs_only() {
    let lake = new_lake();
    let over = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (lake, over) = (lake.clone(), over.clone());
        async move {
            let mut seen = vec![0];
            while !over.load(Ordering::SeqCst) {
                seen.push(ids(&lake).await.len());
            }
            seen.push(ids(&lake).await.len());
            seen
        }
    });
    for run in 0..12 {
        let ids = run * 30..(run + 1) * 30;
        let files = write_people(&lake, ids).await.unwrap();
        assert_eq!(files.len(), 2);
        table(&lake).commit(&txn("f", &[run + 1]), &people(), &files).await.unwrap();
    }
    over.store(true, Ordering::SeqCst);
    let seen = reader.await.unwrap();
    assert!(seen.iter().all(|rows| rows % 30 == 0), "{seen:?}");
    assert!(seen.is_sorted(), "{seen:?}");
    assert_eq!(seen.last(), Some(&360));
}
