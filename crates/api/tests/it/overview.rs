//! Rows of dataflows, the overview, and the preview of a schedule.

use crate::world::{FLOWS, HUBSPOT, ORG, START, TABLES_FLOW_SPEC, World};
use forebay_model::run::Status;
use forebay_model::{Resource, code};
use forebay_store::{End, Met, Told};
use serde_json::{Value, json};
use std::time::Duration;

pub const OWN: &str = "/data/foundation/forebay";
const HOUR: i64 = 3_600_000;
const LEASE: Duration = Duration::from_secs(60);

/// An enabled flow that runs every so often from now on.
pub async fn flow(world: &World, name: &str, frequency: &str, interval: i64) -> String {
    let mut flow = world.dataflow().await.flow();
    flow["name"] = json!(name);
    let start = world.app.now().timestamp();
    flow["scheduleParams"] = json!({ "startTime": start, "frequency": frequency, "interval": interval });
    world.created(&format!("{FLOWS}/flows"), flow).await
}

/// What a run is told at its end.
pub fn ended(world: &World, received: i64, failed: i64, state: &str) -> Value {
    let now = world.app.now().timestamp_millis();
    let stored = if state == "success" { received - failed } else { 0 };
    json!({ "metrics": {
        "durationSummary": { "startedAtUTC": now - 1_000, "completedAtUTC": now },
        "sizeSummary": { "inputBytes": 100 * received, "outputBytes": 50 },
        "recordSummary": { "inputRecordCount": received, "outputRecordCount": stored, "failedRecordCount": failed,
            "skippedRecordCount": received - failed - stored },
        "fileSummary": { "inputFileCount": 2, "outputFileCount": 1 },
        "statusSummary": { "status": state, "errors": [] } } })
}

/// Runs what is due, to an end.
pub async fn run(world: &World, mut body: Value, cause: Option<(&str, &str, &str)>) -> String {
    let (store, now) = (&world.app.store, world.app.now());
    store.enqueue_due(now).await.unwrap();
    let claim = store.claim("w1", now, LEASE).await.unwrap().expect("a run");
    let state = if cause.is_some() { Status::Failed } else { Status::Success };
    let mut told = Told::default();
    if let Some((kind, code, message)) = cause {
        told.cause = Some(json!({ "kind": kind, "code": code, "message": message, "advice": "Do this." }));
        body["metrics"]["statusSummary"]["errors"] = json!([{ "code": code, "message": message }]);
    }
    let end = End { run: body, state, cursor: None, batch: Value::Null, plan: None };
    store.finish_with(&claim, end, told, now).await.unwrap();
    claim.run.id
}

/// Runs what is due, to a good end; it meets these columns.
pub async fn meet(world: &World, names: &[&str]) {
    meet_as(world, &names.iter().map(|name| (*name, "int")).collect::<Vec<_>>()).await;
}

/// The same with a type for each.
pub async fn meet_as(world: &World, columns: &[(&str, &str)]) {
    let (store, now) = (&world.app.store, world.app.now());
    store.enqueue_due(now).await.unwrap();
    let claim = store.claim("w1", now, LEASE).await.unwrap().expect("a run");
    let met = columns.iter().map(|(name, kind)| Met { name: name.to_string(), kind: kind.to_string(), sample: None });
    store.meet_columns(&claim, &met.collect::<Vec<_>>(), &[], now).await.unwrap();
    let run = ended(world, 1, 0, "success");
    let end = End { run, state: Status::Success, cursor: None, batch: Value::Null, plan: None };
    store.finish(&claim, end, now).await.unwrap();
}

/// Two runs of an hourly flow: the second meets new columns.
pub async fn new_columns(world: &World, known: &[&str], new: &[&str]) {
    meet(world, known).await;
    world.pass(HOUR);
    meet(world, new).await;
}

async fn row(world: &World, id: &str) -> Value {
    let reply = world.get(&format!("{OWN}/flows/{id}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let list = world.get(&format!("{OWN}/flows")).await;
    let listed = list.body["items"].as_array().unwrap().iter().find(|row| row["id"] == id);
    assert_eq!(listed, Some(&reply.body), "the list and the look-up agree");
    reply.body
}

#[tokio::test]
async fn a_row_says_what_flows_where_and_how_it_does() {
    let world = World::new().await;
    let id = flow(&world, "people", "hour", 1).await;
    let new = row(&world, &id).await;
    assert_eq!((&new["health"], &new["state"], &new["last"]), (&json!("new"), &json!("enabled"), &json!([])));
    assert_eq!(new["source"]["kind"], "files");
    assert_eq!(new["source"]["what"], "/in/people.csv");
    assert_eq!(
        (&new["source"]["spec"]["name"], &new["source"]["spec"]["title"]),
        (&json!("amazon-s3"), &json!("Amazon S3"))
    );
    assert_eq!(
        (&new["source"]["connection"]["name"], &new["source"]["connection"]["state"]),
        (&json!("warehouse bucket"), &json!("enabled"))
    );
    assert_eq!(new["target"]["dataset"]["name"], "People (EU)");
    assert!(new["target"]["schema"].as_str().unwrap().starts_with("https://ns.adobe.com/acme/schemas/"));
    assert_eq!(new["mappingSet"]["version"], 0);
    assert_eq!(
        new["schedule"],
        json!({ "frequency": "hour", "interval": 1, "startTime": START, "backfill": true, "text": "every hour" })
    );
    run(&world, ended(&world, 10, 1, "success"), None).await;
    let good = row(&world, &id).await;
    assert_eq!(
        (&good["health"], &good["totals"]),
        (&json!("healthy"), &json!({ "rowsLastRun": 9, "failedLastRun": 1 }))
    );
    let last = &good["last"][0];
    assert_eq!((&last["number"], &last["status"], &last["durationMs"]), (&json!(1), &json!("partial"), &json!(1_000)));
    assert_eq!((&last["flow"]["name"], &last["bytes"], last.get("error")), (&json!("people"), &json!(1_000), None));
    assert_eq!(good["freshness"]["nextRunAt"], START + HOUR);
    assert_eq!(good["freshness"]["lastSuccessAt"], START);
    assert_eq!(good["freshness"]["text"], "Next run in 1 hour; last success 0 seconds ago.");
    assert_eq!(good["etag"], world.get(&format!("{FLOWS}/flows/{id}")).await.item()["etag"]);
    // Nine more: eight are shown, the oldest first.
    for n in 0..9 {
        world.pass(HOUR);
        run(&world, ended(&world, n, 0, "success"), None).await;
    }
    let numbers: Vec<i64> =
        row(&world, &id).await["last"].as_array().unwrap().iter().map(|run| run["number"].as_i64().unwrap()).collect();
    assert_eq!(numbers, [3, 4, 5, 6, 7, 8, 9, 10]);
}

#[tokio::test]
async fn lateness_is_a_need_and_grows_into_failing() {
    let world = World::new().await;
    let id = flow(&world, "people", "hour", 1).await;
    run(&world, ended(&world, 1, 0, "success"), None).await;
    world.pass(2 * HOUR);
    assert_eq!(row(&world, &id).await["health"], "healthy", "exactly an interval past due");
    world.pass(1);
    let late = row(&world, &id).await;
    assert_eq!((&late["health"], &late["freshness"]["lateByMs"]), (&json!("late"), &json!(HOUR + 1)));
    let need = &late["needs"][0];
    assert_eq!(
        (&need["kind"], &need["severity"], &need["action"], &need["since"]),
        (&json!("late"), &json!("warning"), &json!("open"), &json!(START + HOUR))
    );
    world.pass(HOUR);
    let failing = row(&world, &id).await;
    assert_eq!((&failing["health"], &failing["needs"][0]["severity"]), (&json!("failing"), &json!("error")));
    // Paused it is neither.
    assert_eq!(world.call("POST", &format!("{FLOWS}/flows/{id}/action?op=disable")).send().await.status, 200);
    let paused = row(&world, &id).await;
    assert_eq!(
        (&paused["health"], &paused["needs"], paused["freshness"].get("dueAt")),
        (&json!("paused"), &json!([]), None)
    );
}

#[tokio::test]
async fn a_failure_is_a_need_and_a_retry_is_none() {
    let world = World::new().await;
    let id = flow(&world, "people", "hour", 1).await;
    run(&world, ended(&world, 9, 9, "failed"), Some(("invalid", "INGEST-1212-400", "9 of 9 rows failed"))).await;
    let first = world.app.now().timestamp_millis();
    world.pass(HOUR);
    let last =
        run(&world, ended(&world, 9, 9, "failed"), Some(("invalid", "INGEST-1212-400", "9 of 9 rows failed"))).await;
    let failing = row(&world, &id).await;
    assert_eq!((&failing["health"], failing["needs"].as_array().map(Vec::len)), (&json!("failing"), Some(1)));
    let need = &failing["needs"][0];
    assert_eq!((&need["kind"], &need["action"], &need["run"]), (&json!("runFailed"), &json!("retry"), &json!(last)));
    assert_eq!(
        (&need["since"], &need["code"], &need["message"]),
        (&json!(first), &json!("INGEST-1212-400"), &json!("9 of 9 rows failed"))
    );
    assert_eq!(failing["last"][1]["error"]["code"], "INGEST-1212-400");
    // Credentials: the connection is what needs somebody.
    world.pass(HOUR);
    run(&world, ended(&world, 0, 0, "failed"), Some(("forbidden", "FLOW-1102-500", "S3 says 403"))).await;
    let need = row(&world, &id).await["needs"][0].clone();
    assert_eq!(
        (&need["kind"], &need["action"], &need["connection"]["name"]),
        (&json!("connectionFailed"), &json!("reauthorise"), &json!("warehouse bucket"))
    );
    world.pass(HOUR);
    run(&world, ended(&world, 1, 0, "success"), None).await;
    assert_eq!(row(&world, &id).await["needs"], json!([]), "success ends it");
    // A run that waits to be tried again is amber, and no need.
    world.pass(HOUR);
    world.app.store.enqueue_due(world.app.now()).await.unwrap();
    let claim = world.app.store.claim("w1", world.app.now(), LEASE).await.unwrap().expect("a run");
    assert_eq!(row(&world, &id).await["health"], "running");
    world.app.store.release(&claim, world.app.now() + chrono::TimeDelta::seconds(90)).await.unwrap();
    let retrying = row(&world, &id).await;
    assert_eq!((&retrying["health"], &retrying["needs"]), (&json!("running"), &json!([])));
    assert_eq!(retrying["freshness"]["retryAt"], world.app.now().timestamp_millis() + 90_000);
    assert_eq!(
        retrying["freshness"]["text"],
        "A run met trouble and is tried again in 1 minute; last success 1 hour ago."
    );
}

#[tokio::test]
async fn a_cancelled_run_says_nothing_of_the_flows_health() {
    let world = World::new().await;
    let id = flow(&world, "people", "hour", 1).await;
    run(&world, ended(&world, 1, 0, "success"), None).await;
    world.pass(HOUR);
    run(&world, ended(&world, 0, 0, "failed"), Some(("refused", code::RUN_CANCELLED.id, "stopped"))).await;
    let row = row(&world, &id).await;
    assert_eq!(
        (&row["health"], &row["last"][1]["status"], &row["needs"]),
        (&json!("healthy"), &json!("cancelled"), &json!([]))
    );
    let overview = world.get(&format!("{OWN}/overview")).await.body;
    assert_eq!((&overview["recent"][0]["status"], &overview["needsAction"]), (&json!("cancelled"), &json!([])));
    let run = world.get(&format!("{OWN}/runs/{}", row["last"][1]["id"].as_str().unwrap())).await.body;
    assert_eq!(run["run"]["status"], "cancelled");
    assert!(run["stages"].as_array().unwrap().iter().all(|stage| stage["state"] == "skipped"), "{run}");
    assert_eq!(
        (&run["attempts"][0]["outcome"], &run["problems"][0]["what"]),
        (&json!("cancelled"), &json!("Run 2 was cancelled"))
    );
    let line = &world.get(&format!("{OWN}/flows/{id}/timeline?kind=run")).await.body["items"][0];
    assert_eq!(line["run"]["status"], "cancelled");
}

#[tokio::test]
async fn drafts_one_time_flows_and_what_is_gone_have_rows() {
    let world = World::new().await;
    let draft = world
        .created(
            &format!("{FLOWS}/flows?mode=draft"),
            json!({ "name": "sketch", "flowSpec": { "id": TABLES_FLOW_SPEC, "version": "1.0" } }),
        )
        .await;
    let sketch = row(&world, &draft).await;
    assert_eq!(
        (&sketch["health"], &sketch["state"], &sketch["source"]["connection"]["state"]),
        (&json!("draft"), &json!("draft"), &json!("none"))
    );
    assert_eq!(sketch.get("mappingSet"), None);
    let once = flow(&world, "once", "once", 1).await;
    assert_eq!(row(&world, &once).await["health"], "new");
    run(&world, ended(&world, 1, 0, "success"), None).await;
    let done = row(&world, &once).await;
    assert_eq!(
        (&done["health"], &done["schedule"]["text"], done["schedule"].get("interval")),
        (&json!("done"), &json!("once"), None)
    );
    // Written past the API: a flow whose connections and dataset are not there any more.
    let body = json!({ "name": "orphan", "state": "enabled", "sourceConnectionIds": ["s-gone"], "targetConnectionIds": ["t1"],
        "scheduleParams": { "frequency": "day", "interval": 1, "startTime": START / 1000 },
        "inheritedAttributes": { "sourceConnections": [{ "id": "s-gone", "connectionSpec": { "id": HUBSPOT }, "baseConnection": { "id": "c-gone" } }] } });
    world.put(&world.scope(), Resource::Flow, "orphan", body).await;
    world.put(&world.scope(), Resource::TargetConnection, "t1", json!({ "params": { "dataSetId": "d-gone" } })).await;
    let orphan = row(&world, "orphan").await;
    assert_eq!(
        (&orphan["source"]["kind"], &orphan["source"]["connection"]),
        (&json!("table"), &json!({ "id": "c-gone", "name": "c-gone", "state": "gone" }))
    );
    assert_eq!(orphan["target"]["dataset"], json!({ "id": "d-gone", "name": "d-gone", "gone": true }));
    assert_eq!(world.get(&format!("{OWN}/flows/nothing")).await.status, 404);
    for bad in ["limit=0", "limit=x", "limit=10001"] {
        assert_eq!(world.get(&format!("{OWN}/flows?{bad}")).await.status, 400, "{bad}");
    }
    let first = world.get(&format!("{OWN}/flows?limit=1")).await.body;
    assert_eq!((first["items"].as_array().map(Vec::len), &first["total"]), (Some(1), &json!(3)));
}

#[tokio::test]
async fn new_columns_of_a_source_ask_for_a_review() {
    let world = World::new().await;
    let id = flow(&world, "people", "hour", 1).await;
    new_columns(&world, &["first_name"], &["age"]).await;
    let need = row(&world, &id).await["needs"][0].clone();
    assert_eq!(
        (&need["kind"], &need["action"], &need["since"]),
        (&json!("schemaChange"), &json!("reviewSchema"), &json!(START + HOUR))
    );
    assert!(need["message"].as_str().unwrap().contains("age"), "{need}");
    // A flow that pauses for them is disabled, and says why.
    let store = &world.app.store;
    store.set_schema_policy(&world.scope(), &id, "pause", world.app.now()).await.unwrap();
    world.pass(HOUR);
    meet(&world, &["first_name", "age", "town"]).await;
    let paused = row(&world, &id).await;
    assert_eq!((&paused["state"], &paused["health"]), (&json!("disabled"), &json!("paused")));
    let need = &paused["needs"][0];
    assert_eq!((&need["kind"], &need["severity"]), (&json!("autoDisabled"), &json!("error")));
    assert_eq!(need["message"], "The source has columns that the flow does not know: age, town.");
}

#[tokio::test]
async fn the_overview_adds_up() {
    let world = World::new().await;
    let empty = world.get(&format!("{OWN}/overview")).await.body;
    assert_eq!(
        (empty["series"].as_array().map(Vec::len), &empty["counts"]["total"], &empty["needsAction"]),
        (Some(24), &json!(0), &json!([]))
    );
    let good = flow(&world, "good", "hour", 1).await;
    run(&world, ended(&world, 10, 1, "success"), None).await;
    world.pass(HOUR + 60_000);
    run(&world, ended(&world, 7, 0, "success"), None).await;
    let bad = flow(&world, "bad", "day", 1).await;
    run(&world, ended(&world, 5, 5, "failed"), Some(("invalid", "INGEST-1212-400", "no"))).await;
    world
        .created(
            &format!("{FLOWS}/flows?mode=draft"),
            json!({ "name": "sketch", "flowSpec": { "id": TABLES_FLOW_SPEC, "version": "1.0" } }),
        )
        .await;
    let overview = world.get(&format!("{OWN}/overview?hours=3")).await.body;
    let series = overview["series"].as_array().unwrap();
    let shown: Vec<_> = series
        .iter()
        .map(|point| (point["at"].as_i64().unwrap() - START, point["received"].clone(), point["runs"].clone()))
        .collect();
    assert_eq!(shown, [(-HOUR, json!(0), json!(0)), (0, json!(10), json!(1)), (HOUR, json!(12), json!(2))]);
    assert_eq!(
        overview["totals"],
        json!({ "received": 22, "ingested": 16, "failed": 6, "skipped": 0, "bytes": 2_200, "runs": 3 })
    );
    assert_eq!(
        overview["counts"],
        json!({ "running": 0, "healthy": 1, "late": 0, "failing": 1, "paused": 0, "drafts": 1, "total": 3 })
    );
    assert_eq!(overview["needsAction"].as_array().map(Vec::len), Some(1));
    assert_eq!(overview["needsAction"][0]["flow"], json!({ "id": bad, "name": "bad" }));
    assert_eq!(overview["next"][0], json!({ "flow": { "id": good, "name": "good" }, "at": START + 2 * HOUR }));
    assert_eq!(overview["recent"].as_array().map(Vec::len), Some(3));
    assert_eq!(overview["asOf"], START + HOUR + 60_000);
    for bad in ["hours=0", "hours=745", "hours=x"] {
        assert_eq!(world.get(&format!("{OWN}/overview?{bad}")).await.status, 400, "{bad}");
    }
    // Of the other sandbox nothing is seen.
    let other = world.stranger("GET", &format!("{OWN}/overview"), ORG).send().await.body;
    assert_eq!(
        (&other["counts"]["total"], &other["recent"], &other["totals"]["runs"]),
        (&json!(0), &json!([]), &json!(0))
    );
}

#[tokio::test]
async fn names_of_datasets_are_for_those_who_may_read_datasets() {
    let world = World::new().await;
    let id = flow(&world, "people", "hour", 1).await;
    world.client_with("reader", &["view-sources"], &["prod"]).await;
    let row = world.by("reader", "prod", "GET", &format!("{OWN}/flows/{id}")).send().await.body;
    assert_eq!(row["target"]["dataset"]["name"], row["target"]["dataset"]["id"]);
    world.client_with("other", &["view-datasets"], &["prod"]).await;
    for path in ["flows", "overview", "runs"] {
        assert_eq!(world.by("other", "prod", "GET", &format!("{OWN}/{path}")).send().await.status, 403, "{path}");
    }
}

#[tokio::test]
async fn a_schedule_is_tried_before_it_is_one() {
    let world = World::new().await;
    let try_out = async |body: Value| world.post(&format!("{OWN}/schedules/preview"), body).await;
    let schedule = json!({ "startTime": "2024-07-01T06:00:00Z", "frequency": "minute", "interval": "15" });
    let reply = try_out(json!({ "scheduleParams": schedule, "count": 2 })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let six = START + 6 * HOUR;
    assert_eq!(
        reply.body["runs"],
        json!([
            { "dueAt": six, "window": { "from": null, "to": six } },
            { "dueAt": six + 900_000, "window": { "from": six, "to": six + 900_000 } },
        ])
    );
    assert_eq!(reply.body["text"], "every 15 minutes");
    assert_eq!(try_out(json!({ "scheduleParams": schedule })).await.body["runs"].as_array().map(Vec::len), Some(5));
    let after = try_out(json!({ "scheduleParams": schedule, "count": 1, "after": six + 1 })).await;
    assert_eq!(after.body["runs"][0]["dueAt"], six + 900_000);
    let once = try_out(json!({ "scheduleParams": { "frequency": "once" } })).await;
    assert_eq!(once.body["runs"], json!([{ "dueAt": START, "window": { "from": null, "to": START } }]));
    for (body, at) in [
        (json!({ "scheduleParams": { "frequency": "minute", "interval": 5 } }), "/scheduleParams/interval"),
        (json!({ "scheduleParams": { "frequency": "yearly", "interval": 1 } }), "/scheduleParams/frequency"),
        (json!({ "scheduleParams": "daily" }), "/scheduleParams"),
        (json!({ "scheduleParams": schedule, "count": 0 }), "/count"),
        (json!({ "scheduleParams": schedule, "count": 101 }), "/count"),
        (json!({ "scheduleParams": schedule, "after": "soon" }), "/after"),
    ] {
        let reply = try_out(body.clone()).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.text.contains(&format!("\"{at}\"")) || reply.text.contains(at), "{body}: {}", reply.text);
    }
    assert_eq!(try_out(json!([])).await.status, 400);
    // It only asks: who may read may try.
    world.client_with("reader", &["view-sources"], &["prod"]).await;
    let call = world.by("reader", "prod", "POST", &format!("{OWN}/schedules/preview"));
    assert_eq!(call.json(json!({ "scheduleParams": schedule })).send().await.status, 200);
}

#[tokio::test]
async fn a_thousand_flows_with_a_hundred_thousand_runs_are_fluent() {
    let world = World::new().await;
    let source = flow(&world, "model", "hour", 1).await;
    world.crowd(&source, 1_000, 100).await;
    for path in ["flows", "overview?hours=744", "runs", "runs?flow=crowd-7&limit=100", "runs?property=failed%3E0"] {
        let began = std::time::Instant::now();
        let reply = world.get(&format!("{OWN}/{path}")).await;
        let spent = began.elapsed();
        assert_eq!(reply.status, 200, "{}", reply.text);
        println!("{path}: {spent:?}, {} bytes", reply.text.len());
        // Built without optimisation, beside other tests. A query for each flow takes many times that.
        assert!(spent < Duration::from_secs(6), "{path}: {spent:?}");
        if path == "flows" {
            let rows = reply.body["items"].as_array().unwrap();
            assert_eq!((rows.len(), &reply.body["total"]), (1_000, &json!(1_001)));
            let row = rows.iter().find(|row| row["id"] == "crowd-7").unwrap();
            assert_eq!(row["last"].as_array().map(Vec::len), Some(8));
            assert_eq!(row["last"][7]["number"], 100);
        }
    }
}
