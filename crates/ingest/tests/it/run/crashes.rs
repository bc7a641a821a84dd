//! Lakes that fail once, at every call there is; workers that die, or sleep past their lease, at every call there is;
//! sources that stop in the middle. Whatever happens each row is in the table once (P1) and each run adds up (P3).

use super::faulty::{Fault, Faulty};
use super::*;
use forebay_playground::fault::{self, Proxy};
use std::sync::atomic::AtomicBool;

/// A world with three files of seven rows, one of them bad, in a flow that has run once already over one more.
pub(super) async fn world() -> World {
    let world = World::new().await;
    world.file("f/first.csv", &["first"]);
    world.flow("f", "base", json!({ "startTime": now().timestamp(), "frequency": "hour", "interval": 1 })).await;
    let stop = world.start("setup");
    world.settled("f").await;
    stop.cancel();
    world.file("f/a.csv", &["a1", "a2", "a3"]);
    world.source.folder().put(BUCKET, "f/b.csv", b"id,n\nb1,1\nbad\nb2,2\n", now()).unwrap();
    world.file("f/c.csv", &["c1"]);
    advance(3_600);
    world.store.enqueue_due(now()).await.unwrap();
    world
}

pub(super) const EXPECTED: [&str; 7] = ["a1", "a2", "a3", "b1", "b2", "c1", "first"];

/// Waits until the second run has ended; the clock goes on, so that retries come.
async fn ended(world: &World) -> Value {
    let began = Instant::now();
    loop {
        let run = world.runs("f").await.remove(1);
        if run["state"] == "success" || run["state"] == "failed" {
            return run;
        }
        assert!(began.elapsed() < PATIENCE, "the run does not end: {run:#}");
        // Less than the lease in all: nobody loses a claim by this.
        advance(5);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn every_call_fails_once(fault: Fault) {
    let mut at = 0;
    loop {
        let world = world().await;
        let store = Faulty::new(world.memory.clone(), at, fault);
        let stop = CancellationToken::new();
        let worker = tokio::spawn(world.worker("w", lake(store.clone())).run(stop.clone()));
        let run = ended(&world).await;
        if fault != Fault::Panic {
            assert_eq!(run["state"], "success", "call {at}, {fault:?}: {run:#}");
            assert_eq!(counts(&run), (7, 6, 1, 0), "call {at}, {fault:?}");
            assert_eq!(world.rejected(&run).await.len(), 1, "call {at}, {fault:?}");
        } else if run["state"] == "failed" {
            // The next run takes what a run of ours left.
            counts(&run);
            advance(3_600);
            let runs = world.settled("f").await;
            assert_eq!(counts(&runs[2]), (7, 6, 1, 0), "call {at}, {fault:?}");
        }
        assert_eq!(world.ids("f").await, EXPECTED, "call {at}, {fault:?}");
        stop.cancel();
        worker.await.unwrap();
        if !store.struck() {
            break;
        }
        at += 1;
    }
    assert!(at > 8, "a run makes more than {at} calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_lands_once_whichever_call_of_the_lake_fails() {
    every_call_fails_once(Fault::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_lands_once_whichever_answer_of_the_lake_is_lost() {
    every_call_fails_once(Fault::After).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_its_run_and_nothing_else() {
    every_call_fails_once(Fault::Panic).await;
}

/// The first worker stops at its n-th call of the lake, for every n, and another takes over when its lease is over.
/// `dies`: with its whole process; else it wakes up afterwards and goes on as if nothing had been.
async fn every_call_is_the_last(dies: bool) {
    let mut at = 0;
    loop {
        let world = world().await;
        let store = Faulty::new(world.memory.clone(), at, Fault::Sleep);
        let stop = CancellationToken::new();
        let first = Process::start(&world, lake(store.clone()), stop.clone());
        let whole = tokio::select! {
            () = store.met() => false,
            run = ended(&world) => { assert_eq!(counts(&run), (7, 6, 1, 0)); true }
        };
        if dies {
            first.kill();
            advance(LEASE.as_secs() as i64 + 1);
            let _stop = world.start("second");
            world.settled("f").await;
        } else {
            advance(LEASE.as_secs() as i64 + 1);
            let second = world.start("second");
            world.settled("f").await;
            store.wake();
            advance(60);
            world.settled("f").await;
            // It has nothing left to do, and does it.
            tokio::time::sleep(Duration::from_millis(100)).await;
            stop.cancel();
            second.cancel();
            first.kill();
        }
        let runs = world.runs("f").await;
        assert_eq!(
            (runs[1]["state"].as_str(), counts(&runs[1])),
            (Some("success"), (7, 6, 1, 0)),
            "call {at}: {:#}",
            runs[1]
        );
        assert_eq!(world.ids("f").await, EXPECTED, "call {at}");
        assert_eq!(world.rejected(&runs[1]).await.len(), 1, "call {at}: {:?}", world.rejected(&runs[1]).await);
        if whole && !store.struck() {
            break;
        }
        at += 1;
    }
    assert!(at > 8, "a run makes more than {at} calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_at_any_call_is_taken_over_and_each_row_lands_once() {
    every_call_is_the_last(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_sleeps_past_its_lease_at_any_call_writes_nothing_more() {
    every_call_is_the_last(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_holder_died_while_the_source_stalled_is_taken_over() {
    let world = World::new().await;
    let stalls = Arc::new(AtomicBool::new(true));
    let asked = Arc::new(tokio::sync::Notify::new());
    let (stalling, told) = (stalls.clone(), asked.clone());
    let script: fault::Script = Arc::new(move |seen| {
        if seen.target.contains("big.csv") && stalling.load(Ordering::SeqCst) {
            told.notify_one();
            return fault::Fault::Stall(10);
        }
        fault::Fault::Pass
    });
    let proxy = Proxy::start(world.source.addr, script).await.unwrap();
    world.connect("proxied", &proxy.url()).await;
    world.file("f/big.csv", &["a", "b", "c", "d", "e"]);
    world.file("f/small.csv", &["s"]);
    world.flow("f", "proxied", json!({ "startTime": now().timestamp(), "frequency": "once" })).await;
    let process = Process::start(&world, world.lake(), CancellationToken::new());
    asked.notified().await;
    process.kill();
    stalls.store(false, Ordering::SeqCst);
    assert_eq!(world.runs("f").await[0]["state"], "inProgress");
    let _stop = world.start("second");
    advance(LEASE.as_secs() as i64 + 1);
    let runs = world.settled("f").await;
    assert_eq!(runs.iter().map(counts).collect::<Vec<_>>(), [(6, 6, 0, 0)]);
    assert_eq!(world.ids("f").await, ["a", "b", "c", "d", "e", "s"]);
}
