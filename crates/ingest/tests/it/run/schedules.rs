//! When flows run, and what each run takes (P4).

use super::*;
use forebay_model::Document;
use forebay_store::Secrets;

async fn set_state(world: &World, flow: &str, state: &'static str) {
    let change = move |document: &Document, secrets: &Secrets| {
        let mut body = document.body.clone();
        body["state"] = json!(state);
        Ok((body, secrets.clone()))
    };
    world.store.update(&scope(), Resource::Flow, flow, None, now(), change).await.unwrap();
}

/// One tick each time, one run for a gap, none while it is disabled, none after its end.
async fn check(frequency: &str, interval: i64, seconds: i64) {
    let world = World::new().await;
    let stop = world.start("w");
    world.file("f/old.csv", &["old"]);
    advance(60);
    world
        .flow("f", "base", json!({ "startTime": now().timestamp(), "frequency": frequency, "interval": interval }))
        .await;
    let runs = world.settled("f").await;
    assert_eq!(
        runs.iter().map(counts).collect::<Vec<_>>(),
        [(1, 1, 0, 0)],
        "with backfill the first run takes what is there"
    );

    advance(10);
    world.file("f/b.csv", &["b1", "b2"]);
    advance(seconds - 11);
    assert_eq!(world.settled("f").await.len(), 1, "a second before the tick nothing runs");
    advance(1);
    let runs = world.settled("f").await;
    assert_eq!(runs.len(), 2);
    assert_eq!(counts(&runs[1]), (2, 2, 0, 0));
    assert_eq!(world.settled("f").await.len(), 2, "one run a tick");

    world.file("f/c.csv", &["c"]);
    advance(5 * seconds + seconds / 2);
    let runs = world.settled("f").await;
    assert_eq!(runs.len(), 3, "a gap is one catch-up run");
    assert_eq!(counts(&runs[2]), (1, 1, 0, 0));
    advance(seconds / 2 + 1);
    assert_eq!(world.settled("f").await.len(), 4, "ticks stay where they were");

    set_state(&world, "f", "disabled").await;
    world.file("f/d.csv", &["d"]);
    advance(3 * seconds);
    assert_eq!(world.settled("f").await.len(), 4, "a disabled flow does not run");
    set_state(&world, "f", "enabled").await;
    let runs = world.settled("f").await;
    assert_eq!(runs.len(), 5, "an enabled one catches up");
    assert_eq!(counts(&runs[4]), (1, 1, 0, 0));
    assert_eq!(world.ids("f").await, ["b1", "b2", "c", "d", "old"]);

    // Ended in the midst of its runs: what waits is never begun.
    stop.cancel();
    advance(seconds);
    assert_eq!(world.store.enqueue_due(now()).await.unwrap(), 1);
    world.store.delete(&scope(), Resource::Flow, "f", None, now()).await.unwrap();
    let _stop = world.start("w2");
    advance(3 * seconds);
    let runs = world.settled("f").await;
    assert_eq!(runs.iter().filter(|r| r["state"] == "success").count(), 5, "a deleted flow does not run");
    assert_eq!(world.store.enqueue_due(now()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_of_every_quarter_of_an_hour_runs_at_its_ticks() {
    check("minute", 15, 900).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hourly_flow_runs_at_its_ticks() {
    check("hour", 1, 3_600).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daily_flow_runs_at_its_ticks() {
    check("day", 1, 86_400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_of_every_second_week_runs_at_its_ticks() {
    check("week", 2, 14 * 86_400).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_backfill_files_that_were_there_before_the_flow_are_never_taken() {
    let world = World::new().await;
    let _stop = world.start("w");
    world.file("f/old.csv", &["old"]);
    advance(60);
    world
        .flow(
            "f",
            "base",
            json!({ "startTime": now().timestamp() + 3_600, "frequency": "hour", "interval": 1, "backfill": false }),
        )
        .await;
    advance(60);
    world.file("f/new.csv", &["new"]);
    assert_eq!(world.settled("f").await.len(), 0, "not before its start");
    advance(3_600);
    world.settled("f").await;
    advance(3_600);
    let runs = world.settled("f").await;
    assert_eq!(runs.iter().map(counts).collect::<Vec<_>>(), [(1, 1, 0, 0), (0, 0, 0, 0)]);
    assert_eq!(world.ids("f").await, ["new"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_that_runs_once_does_so() {
    let world = World::new().await;
    let _stop = world.start("w");
    world.file("f/a.csv", &["a"]);
    world.flow("f", "base", json!({ "startTime": now().timestamp() + 100, "frequency": "once" })).await;
    assert_eq!(world.settled("f").await.len(), 0);
    advance(100);
    assert_eq!(world.settled("f").await.len(), 1);
    advance(30 * 86_400);
    assert_eq!(world.settled("f").await.len(), 1);
    assert_eq!(world.ids("f").await, ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_arrive_while_runs_follow_each_other_are_taken_once_by_workers_side_by_side() {
    let world = World::new().await;
    let _workers = [world.start("w1"), world.start("w2"), world.start("w3")];
    world.flow("f", "base", json!({ "startTime": now().timestamp(), "frequency": "minute", "interval": 15 })).await;
    world.flow("g", "base", json!({ "startTime": now().timestamp(), "frequency": "minute", "interval": 15 })).await;
    let mut expected = Vec::new();
    for tick in 0..6 {
        for flow in ["f", "g"] {
            let ids: Vec<String> = (0..5).map(|i| format!("{tick}-{i}")).collect();
            world.file(&format!("{flow}/{tick}.csv"), &ids.iter().map(String::as_str).collect::<Vec<_>>());
        }
        expected.extend((0..5).map(|i| format!("{tick}-{i}")));
        world.settled("f").await;
        world.settled("g").await;
        advance(900);
    }
    for flow in ["f", "g"] {
        world.settled(flow).await;
        assert_eq!(world.ids(flow).await, expected, "{flow}");
    }
}
