//! Runs that are cancelled wherever they are: nothing of them is stored, and the flow's next run takes what they left; or
//! they had committed, and then they have succeeded.

use super::crashes::{EXPECTED, world};
use super::faulty::{Fault, Faulty};
use super::table_crashes::{EDITED, GONE, NEW, check, office};
use super::*;
use forebay_model::code;
use forebay_model::run::trace::{Ended, Level};
use forebay_playground::fault::{self, Proxy};
use forebay_store::Lines;

const BY: &str = "ann@AdobeID";

fn is_cancelled(run: &Value) -> bool {
    run["state"] == "failed" && run["metrics"]["statusSummary"]["errors"][0]["code"] == code::RUN_CANCELLED.id
}

/// A worker that looks every tenth of a second.
fn quick(worker: Worker) -> Worker {
    let settings = Settings { lease: Duration::from_millis(300), ..(*worker.settings).clone() };
    Worker { settings: Arc::new(settings), ..worker }
}

/// Waits until the flow's n-th run has ended; the clock stands still.
async fn ended(world: &World, n: usize) -> Value {
    ended_of(world, "f", n).await
}

async fn ended_of(world: &World, flow: &str, n: usize) -> Value {
    let began = Instant::now();
    loop {
        let run = world.runs(flow).await.remove(n);
        if run["state"] == "success" || run["state"] == "failed" {
            return run;
        }
        assert!(began.elapsed() < PATIENCE, "the run does not end: {run:#}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn cancel(world: &World, run: &Value) {
    world.store.cancel(&scope(), run["id"].as_str().unwrap(), BY, now()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_at_any_call_of_the_lake_stores_all_or_nothing() {
    let (mut at, mut cancelled, mut committed) = (0, 0, 0);
    loop {
        let world = world().await;
        let store = Faulty::new(world.memory.clone(), at, Fault::Sleep);
        let stop = CancellationToken::new();
        let worker = tokio::spawn(quick(world.worker("w", lake(store.clone()))).run(stop.clone()));
        let whole = tokio::select! {
            () = store.met() => false,
            _ = ended(&world, 1) => true,
        };
        if whole {
            break;
        }
        let run = world.runs("f").await.remove(1);
        if run["state"] != "success" {
            cancel(&world, &run).await;
        }
        // The next call may be the one that tells whether it had committed.
        let run = ended(&world, 1).await;
        store.wake();
        if is_cancelled(&run) {
            cancelled += 1;
            assert_eq!(counts(&run).1, 0, "call {at}: {run:#}");
            assert_eq!(world.ids("f").await, ["first"], "call {at}");
            let trace = world.store.trace(&scope(), run["id"].as_str().unwrap()).await.unwrap();
            assert_eq!(trace.attempts.last().unwrap().outcome, Some(Ended::Cancelled), "call {at}");
            assert_eq!((trace.version, trace.cancelled_by.as_deref()), (None, Some(BY)), "call {at}");
        } else {
            committed += 1;
            assert_eq!((run["state"].as_str(), counts(&run)), (Some("success"), (7, 6, 1, 0)), "call {at}: {run:#}");
        }
        advance(3_600);
        world.settled("f").await;
        assert_eq!(world.ids("f").await, EXPECTED, "call {at}: the next run covers it");
        stop.cancel();
        worker.await.unwrap();
        at += 1;
    }
    assert!(at > 8 && cancelled > 3, "{at} calls, {cancelled} cancelled, {committed} committed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_a_table_that_is_cancelled_at_any_call_leaves_all_of_it_to_the_next_run() {
    let (mut at, mut cancelled) = (0, 0);
    loop {
        let (office, before) = office(false).await;
        let store = Faulty::new(office.memory.clone(), at, Fault::Sleep);
        let stop = CancellationToken::new();
        let worker = tokio::spawn(quick(office.worker_over("w", lake(store.clone()))).run(stop.clone()));
        let whole = tokio::select! {
            () = store.met() => false,
            _ = ended_of(&office, "people", 1) => true,
        };
        if whole {
            break;
        }
        let run = office.runs("people").await.remove(1);
        if run["state"] != "success" {
            cancel(&office, &run).await;
        }
        let run = ended_of(&office, "people", 1).await;
        counts(&run);
        store.wake();
        let brought = (EDITED + NEW + GONE) as u64;
        advance(900);
        let runs = office.settled("people").await;
        if is_cancelled(&run) {
            cancelled += 1;
            assert_eq!(counts(&runs[2]).0, brought, "call {at}: {:#}", runs[2]);
        } else {
            assert_eq!((run["state"].as_str(), counts(&run).0), (Some("success"), brought), "call {at}: {run:#}");
        }
        check(&office, false, before, &format!("call {at}")).await;
        stop.cancel();
        worker.await.unwrap();
        at += 1;
    }
    assert!(at > 12 && cancelled > 6, "{at} calls, {cancelled} cancelled");
}

/// A world whose source stalls in the midst of a file, as long as it is told to.
async fn stalled() -> (World, Proxy, Arc<std::sync::atomic::AtomicBool>, Arc<tokio::sync::Notify>) {
    let world = World::new().await;
    let stalls = Arc::new(std::sync::atomic::AtomicBool::new(true));
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
    world.file("f/big.csv", &["a", "b", "c"]);
    world.flow("f", "proxied", json!({ "startTime": now().timestamp(), "frequency": "hour", "interval": 1 })).await;
    world.store.enqueue_due(now()).await.unwrap();
    (world, proxy, stalls, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_source_stalls_ends_within_two_seconds_and_the_next_one_covers_it() {
    let (world, _proxy, stalls, asked) = stalled().await;
    let _stop = world.start("w");
    asked.notified().await;
    let run = world.runs("f").await.remove(0);
    let began = Instant::now();
    cancel(&world, &run).await;
    let run = ended(&world, 0).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(is_cancelled(&run), "{run:#}");
    assert_eq!(counts(&run), (0, 0, 0, 0));
    let id = run["id"].as_str().unwrap();
    let wanted = Lines { level: Level::Warn, start: 0, limit: 100 };
    let (log, _) = world.store.run_log(&scope(), id, wanted).await.unwrap();
    let told: Vec<&str> = log.iter().map(|line| line.message.as_str()).collect();
    assert_eq!(told[0], format!("{BY} asked for the run to be cancelled"));
    assert!(told[1].starts_with(&format!("The run was cancelled by {BY}. Nothing of it was stored.")), "{told:?}");
    let refused = world.store.retrigger(&scope(), id, None, now()).await;
    assert!(refused.is_ok(), "a cancelled run can be triggered again: {refused:?}");
    stalls.store(false, Ordering::SeqCst);
    let runs = world.settled("f").await;
    assert_eq!((runs[0]["state"].as_str(), counts(&runs[0])), (Some("success"), (3, 3, 0, 0)));
    assert_eq!(world.ids("f").await, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_worker_died_ends_as_cancelled_when_it_is_taken_over() {
    let (world, _proxy, stalls, asked) = stalled().await;
    let process = Process::start(&world, world.lake(), CancellationToken::new());
    asked.notified().await;
    process.kill();
    let run = world.runs("f").await.remove(0);
    cancel(&world, &run).await;
    let _stop = world.start("second");
    advance(LEASE.as_secs() as i64 - 10);
    assert_eq!(world.runs("f").await[0]["state"], "inProgress", "its lease still stands");
    stalls.store(false, Ordering::SeqCst);
    advance(11);
    assert!(is_cancelled(&ended(&world, 0).await));
    let runs = world.settled("f").await;
    assert_eq!(counts(&runs[1]), (3, 3, 0, 0), "the next run covers it");
    assert_eq!(world.ids("f").await, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_for_its_next_try_is_cancelled_at_once() {
    let world = World::new().await;
    // Nobody listens there.
    world.connect("away", "http://127.0.0.1:1").await;
    world.flow("f", "away", json!({ "startTime": now().timestamp(), "frequency": "hour", "interval": 1 })).await;
    world.store.enqueue_due(now()).await.unwrap();
    let id = world.runs("f").await[0]["id"].as_str().unwrap().to_string();
    // The first attempt has ended; the clock stands still, so the second never comes.
    let claim = world.store.claim("gone", now(), LEASE).await.unwrap().unwrap();
    world.store.retry(&claim, now() + LEASE, Default::default(), "away".into(), now()).await.unwrap();
    let _stop = world.start("w");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(world.runs("f").await[0]["state"], "inProgress");
    world.store.cancel(&scope(), &id, BY, now()).await.unwrap();
    assert!(is_cancelled(&ended(&world, 0).await));
}
