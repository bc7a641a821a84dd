//! Runs over a table with a lake that fails once, at every call there is, and workers that die at every call there is:
//! whatever happens each contact has one row, a dataset without a primary identity has each change once, and each run
//! adds up (P1, P3).

use super::faulty::{Fault, Faulty};
use super::tables::{Office, contacts};
use super::*;

/// Contacts that are edited between the first run and the second; so many are archived, and so many come.
pub(super) const EDITED: usize = 9;
pub(super) const GONE: usize = 4;
pub(super) const NEW: usize = 3;

/// An account whose contacts have landed once and changed since.
pub(super) async fn office(primary: bool) -> (Office, usize) {
    let office = Office::new(contacts(150)).await;
    office.contacts_flow("people", primary).await;
    let stop = office.start("setup");
    office.settled("people").await;
    stop.cancel();
    let ids = office.sim().ids("contacts");
    office.sim().advance(Duration::from_secs(3_600));
    office.sim().edit("contacts", &ids[20..20 + EDITED]);
    office.sim().archive("contacts", &ids[50..50 + GONE]);
    office.sim().create("contacts", NEW);
    advance(900);
    office.store.enqueue_due(now()).await.unwrap();
    (office, ids.len())
}

/// The table is what the account is; without a primary identity it is what the account was, and each change once.
pub(super) async fn check(office: &Office, primary: bool, before: usize, what: &str) {
    match primary {
        true => office.check("people").await,
        false => assert_eq!(office.stored("people").await.len(), before + EDITED + NEW, "{what}"),
    }
}

/// Waits until no run is open; the clock goes on, so that retries come, and less than a lease in all.
async fn ended(office: &Office) -> Vec<Value> {
    let began = Instant::now();
    loop {
        let runs = office.runs("people").await;
        if runs.iter().all(|run| run["state"] == "success" || run["state"] == "failed") {
            return runs;
        }
        assert!(began.elapsed() < PATIENCE, "the run does not end: {runs:#?}");
        advance(2);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn every_call_fails_once(fault: Fault, primary: bool) {
    let mut at = 0;
    loop {
        let what = format!("call {at}, {fault:?}, primary {primary}");
        let (office, before) = office(primary).await;
        let store = Faulty::new(office.memory.clone(), at, fault);
        let stop = CancellationToken::new();
        let worker = tokio::spawn(office.worker_over("w", lake(store.clone())).run(stop.clone()));
        let runs = ended(&office).await;
        counts(&runs[1]);
        if runs[1]["state"] == "failed" {
            assert_eq!(fault, Fault::Panic, "{what}: {:#}", runs[1]);
            // The next run takes what a run of ours left.
            advance(900);
            office.settled("people").await;
        } else {
            let brought = EDITED + NEW + GONE;
            assert_eq!(counts(&runs[1]).0, brought as u64, "{what}: {:#}", runs[1]);
        }
        check(&office, primary, before, &what).await;
        stop.cancel();
        worker.await.unwrap();
        if !store.struck() {
            break;
        }
        at += 1;
    }
    assert!(at > 12, "a run makes more than {at} calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_contact_has_one_row_whichever_call_of_the_lake_fails() {
    every_call_fails_once(Fault::Before, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_contact_has_one_row_whichever_answer_of_the_lake_is_lost() {
    every_call_fails_once(Fault::After, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_added_once_whichever_answer_of_the_lake_is_lost() {
    every_call_fails_once(Fault::After, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_is_added_once_wherever_a_run_panics() {
    every_call_fails_once(Fault::Panic, false).await;
}

/// The first worker sleeps at its n-th call past its lease, another takes over, and then the first wakes up.
#[tokio::test(flavor = "multi_thread")]
async fn a_holder_that_wakes_up_late_changes_nothing_more() {
    let mut at = 0;
    loop {
        let (office, before) = office(false).await;
        let store = Faulty::new(office.memory.clone(), at, Fault::Sleep);
        let stop = CancellationToken::new();
        let first = tokio::spawn(office.worker_over("first", lake(store.clone())).run(stop.clone()));
        let whole = tokio::select! {
            () = store.met() => false,
            _ = ended(&office) => true,
        };
        if !whole {
            advance(LEASE.as_secs() as i64 + 1);
            let second = office.start("second");
            office.settled("people").await;
            store.wake();
            tokio::time::sleep(Duration::from_millis(100)).await;
            second.cancel();
        }
        stop.cancel();
        first.await.unwrap();
        check(&office, false, before, &format!("call {at}")).await;
        // What the flow knows is whole, too: nothing comes again.
        advance(900);
        let third = office.start("third");
        let runs = office.settled("people").await;
        assert_eq!(counts(runs.last().unwrap()).1, 0, "call {at}: {:#}", runs.last().unwrap());
        third.cancel();
        if whole {
            break;
        }
        at += 1;
    }
    assert!(at > 12, "a run makes more than {at} calls");
}
