//! The log of a run, and its cancellation.

use crate::world::{FLOWS, World};
use forebay_model::run::trace::{Level, Line};
use forebay_store::Told;
use serde_json::{Value, json};
use std::time::Duration;

const OWN: &str = "/data/foundation/forebay/runs";

async fn run(world: &World) -> String {
    let mut flow = world.dataflow().await.flow();
    flow["scheduleParams"]["frequency"] = json!("once");
    let flow = world.created(&format!("{FLOWS}/flows"), flow).await;
    world.created(&format!("{FLOWS}/runs"), json!({ "flowId": flow })).await
}

async fn cancel(world: &World, id: &str) -> crate::world::Reply {
    world.call("POST", &format!("{OWN}/{id}/cancel")).send().await
}

#[tokio::test]
async fn a_log_is_paged_filtered_and_downloaded() {
    let world = World::new().await;
    let id = run(&world).await;
    let empty = world.get(&format!("{OWN}/{id}/log")).await;
    assert_eq!((empty.status.as_u16(), &empty.body), (200, &json!({ "items": [], "total": 0 })));
    let claim = world.app.store.claim("w", world.app.now(), Duration::from_secs(60)).await.unwrap().unwrap();
    let line =
        |level, message: &str, fields| Line { seq: 0, at: 1_719_792_000_000, level, message: message.into(), fields };
    let lines = vec![
        line(Level::Info, "planned 2 objects", json!({ "objects": 2 })),
        line(Level::Warn, "two\nlines\r", Value::Null),
        line(Level::Error, "the run failed", Value::Null),
    ];
    world.app.store.tell(&claim, Told { lines, ..Told::default() }, world.app.now()).await.unwrap();
    let all = world.get(&format!("{OWN}/{id}/log")).await;
    assert_eq!(all.body["total"], 3);
    assert_eq!(
        all.body["items"][0],
        json!({ "seq": 1, "at": 1_719_792_000_000_i64, "level": "info", "message": "planned 2 objects", "fields": { "objects": 2 } })
    );
    assert_eq!(all.body["items"][1].get("fields"), None);
    let some = world.get(&format!("{OWN}/{id}/log?level=WARN&start=1&limit=5")).await;
    assert_eq!((&some.body["total"], &some.body["items"][0]["seq"]), (&json!(2), &json!(3)));
    let text = world.get(&format!("{OWN}/{id}/log?format=text")).await;
    assert_eq!(
        text.text,
        "2024-07-01T00:00:00.000Z INFO  planned 2 objects\n2024-07-01T00:00:00.000Z WARN  two lines \n2024-07-01T00:00:00.000Z ERROR the run failed\n"
    );
    assert_eq!(text.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(text.headers["content-disposition"], format!("attachment; filename=\"run-{id}.log\""));
}

#[tokio::test]
async fn a_log_is_asked_for_well_or_refused() {
    let world = World::new().await;
    let id = run(&world).await;
    for query in ["level=loud", "format=xml", "start=-1", "limit=0", "limit=10001", "start=x"] {
        let reply = world.get(&format!("{OWN}/{id}/log?{query}")).await;
        assert_eq!(reply.status, 400, "{query}: {}", reply.body);
    }
    for path in ["nothing/log", "a%00b/log"] {
        assert_eq!(world.get(&format!("{OWN}/{path}")).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_run_is_cancelled_once_and_an_ended_one_not_at_all() {
    let world = World::new().await;
    let id = run(&world).await;
    let reply = cancel(&world, &id).await;
    assert_eq!((reply.status.as_u16(), &reply.body["id"]), (202, &json!(id)), "{}", reply.body);
    let shown = world.get(&format!("{FLOWS}/runs/{id}")).await;
    let run = shown.item();
    assert_eq!((&run["state"], &run["etag"]), (&json!("failed"), &reply.body["etag"]));
    let error = &run["metrics"]["statusSummary"]["errors"][0];
    assert_eq!(error["code"], "FOREBAY-1001-400");
    assert_eq!(cancel(&world, &id).await.body, reply.body, "again");
    assert_eq!(cancel(&world, "nothing").await.status, 404);

    let other = self::run(&world).await;
    let now = world.app.now();
    let claim = world.app.store.claim("w", now, Duration::from_secs(60)).await.unwrap().unwrap();
    let reply = cancel(&world, &other).await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    assert_eq!(world.get(&format!("{FLOWS}/runs/{other}")).await.item()["state"], "inProgress");
    let state = forebay_model::run::Status::Success;
    let end = forebay_store::End { run: json!({}), state, cursor: None, batch: Value::Null, plan: None };
    world.app.store.finish(&claim, end, now).await.unwrap();
    let late = cancel(&world, &other).await;
    assert_eq!((late.status.as_u16(), late.code()), (400, "FLOW-1422-400"));
    assert!(late.text.contains("has ended"), "{}", late.text);
}
