//! Lists of runs, a run with all that is known of it, its inputs, and its row errors.

use crate::overview::{OWN, ended, flow, run};
use crate::world::{FLOWS, ORG, OTHER_ORG, START, World};
use forebay_model::Resource;
use forebay_model::run::Status;
use forebay_model::run::trace::{Figures, Stage, Step};
use forebay_store::{End, Told};
use serde_json::{Value, json};
use std::time::Duration;

const HOUR: i64 = 3_600_000;

async fn ids(world: &World, query: &str) -> Vec<i64> {
    let reply = world.get(&format!("{OWN}/runs?{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.text);
    reply.body["items"].as_array().unwrap().iter().map(|run| run["number"].as_i64().unwrap()).collect()
}

/// Six runs of a flow, an hour apart: the third failed, the fifth has failed rows, the sixth waits.
async fn six(world: &World) -> String {
    let id = flow(world, "people", "hour", 1).await;
    for n in 1..=5 {
        match n {
            3 => run(world, ended(world, 4, 4, "failed"), Some(("invalid", "INGEST-1212-400", "no"))).await,
            5 => run(world, ended(world, 4, 1, "success"), None).await,
            _ => run(world, ended(world, 4, 0, "success"), None).await,
        };
        world.pass(HOUR);
    }
    world.app.store.enqueue_due(world.app.now()).await.unwrap();
    id
}

#[tokio::test]
async fn runs_are_listed_filtered_and_paged() {
    let world = World::new().await;
    let flow = six(&world).await;
    assert_eq!(ids(&world, "").await, [6, 5, 4, 3, 2, 1]);
    for (query, expected) in [
        ("status=failed", vec![3]),
        ("status=success", vec![4, 2, 1]),
        ("status=partial,pending", vec![6, 5]),
        ("status=FAILED&status=partial", vec![5, 3]),
        ("status=cancelled", vec![]),
        ("property=failed%3E0", vec![5, 3]),
        ("property=status==partial", vec![5]),
        ("flow=nothing", vec![]),
    ] {
        assert_eq!(ids(&world, query).await, expected, "{query}");
    }
    assert_eq!(ids(&world, &format!("flow={flow}&limit=2")).await, [6, 5]);
    let second = START + HOUR - 1_000;
    assert_eq!(ids(&world, &format!("from={second}&to={}", second + 1)).await, [2]);
    assert_eq!(ids(&world, &format!("before={second}")).await, [1]);
    assert_eq!(ids(&world, "from=2024-07-01T03:30:00Z").await, [6, 5]);
    for filter in ["", "&property=received%3E0"] {
        let (mut seen, mut next) = (Vec::new(), String::new());
        loop {
            let page = world.get(&format!("{OWN}/runs?limit=2{filter}{next}")).await.body;
            seen.extend(page["items"].as_array().unwrap().iter().map(|run| run["number"].as_i64().unwrap()));
            let Some(token) = page["next"].as_str() else { break };
            next = format!("&before={token}");
        }
        let expected: &[i64] = if filter.is_empty() { &[6, 5, 4, 3, 2, 1] } else { &[5, 4, 3, 2, 1] };
        assert_eq!(seen, expected, "{filter}");
    }
    for bad in [
        "limit=0",
        "limit=1001",
        "status=odd",
        "before=x",
        "before=x~y",
        "from=soon",
        "to=soon",
        "property=status~x",
        "limit=1&limit=2",
    ] {
        assert_eq!(world.get(&format!("{OWN}/runs?{bad}")).await.status, 400, "{bad}");
    }
    for org in [ORG, OTHER_ORG] {
        assert_eq!(world.stranger("GET", &format!("{OWN}/runs"), org).send().await.body["items"], json!([]));
    }
    // Runs outlive their flow.
    assert_eq!(world.call("DELETE", &format!("{FLOWS}/flows/{flow}")).header("if-match", "*").send().await.status, 204);
    let left = world.get(&format!("{OWN}/runs?limit=1")).await.body["items"][0].clone();
    assert_eq!(left["flow"], json!({ "id": flow, "name": flow, "gone": true }));
}

async fn detail(world: &World, id: &str) -> Value {
    let reply = world.get(&format!("{OWN}/runs/{id}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.body
}

fn state(detail: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_string();
    detail["stages"].as_array().unwrap().iter().map(|stage| (text(&stage["name"]), text(&stage["state"]))).collect()
}

fn stages(states: [&str; 4]) -> Vec<(String, String)> {
    let names = ["list", "read", "write", "commit"].into_iter();
    names.zip(states).map(|(name, state)| (name.to_string(), state.to_string())).collect()
}

/// Stages that follow one another, a second each; the last goes on.
fn so_far(steps: &[Step], from: i64) -> Option<Vec<Stage>> {
    let at = |n: usize| from + 1_000 * n as i64;
    let stage = |(n, name): (usize, &Step)| Stage {
        name: *name,
        started_at: at(n),
        ended_at: (n + 1 < steps.len()).then(|| at(n + 1)),
    };
    Some(steps.iter().enumerate().map(stage).collect())
}

#[tokio::test]
async fn a_run_is_shown_in_every_state() {
    let world = World::new().await;
    let flow = flow(&world, "people", "hour", 1).await;
    let store = &world.app.store;
    store.enqueue_due(world.app.now()).await.unwrap();
    let id = world.get(&format!("{OWN}/runs")).await.body["items"][0]["id"].as_str().unwrap().to_string();
    let waits = detail(&world, &id).await;
    assert_eq!(
        (&waits["run"]["status"], &waits["attempts"], waits.get("progress")),
        (&json!("pending"), &json!([]), None)
    );
    assert_eq!(state(&waits), stages(["waiting"; 4]));
    assert_eq!(
        (&waits["cancellable"], &waits["retriable"], &waits["replayable"]),
        (&json!(true), &json!(false), &json!(false))
    );
    assert_eq!((&waits["dataset"]["name"], &waits["flow"]["name"]), (&json!("People (EU)"), &json!("people")));
    assert_eq!(waits["source"]["spec"]["title"], "Amazon S3");
    let claim = store.claim("w1", world.app.now(), Duration::from_secs(60)).await.unwrap().unwrap();
    let parts: Vec<Value> = (0..3).map(|n| json!({ "id": n, "object": { "bucket": "b", "key": format!("in/{n}.csv"), "size": 1_000, "etag": "\"e\"", "modified": 5 } })).collect();
    store.save_plan(&claim, &json!({ "plan": { "parts": parts } })).await.unwrap();
    let began = world.app.now().timestamp_millis();
    let figures = |after: i64| Figures {
        at: began + after,
        bytes: 600,
        bytes_total: Some(3_000),
        files: 1,
        files_total: Some(3),
        records: 60,
    };
    let told = |steps: &[Step], after: i64| Told {
        stages: so_far(steps, began),
        progress: Some(figures(after)),
        ..Told::default()
    };
    store.tell(&claim, told(&[Step::List], 500), world.app.now()).await.unwrap();
    let goes = detail(&world, &id).await;
    assert_eq!(state(&goes), stages(["running", "waiting", "waiting", "waiting"]));
    // It has read for a second: that is too short to tell its speed.
    store.tell(&claim, told(&[Step::List, Step::Read], 2_000), world.app.now()).await.unwrap();
    let figures = json!({ "bytes": 600, "bytesTotal": 3_000, "files": 1, "filesTotal": 3, "records": 60 });
    assert_eq!(detail(&world, &id).await["progress"], figures);
    store.tell(&claim, told(&[Step::List, Step::Read], 4_000), world.app.now()).await.unwrap();
    let goes = detail(&world, &id).await;
    assert_eq!(
        goes["progress"],
        json!({ "bytes": 600, "bytesTotal": 3_000, "files": 1, "filesTotal": 3, "records": 60, "bytesPerSecond": 200, "etaMs": 12_000 })
    );
    assert_eq!(state(&goes), stages(["done", "running", "waiting", "waiting"]));
    assert_eq!((&goes["attempts"][0]["outcome"], &goes["attempts"][0]["worker"]), (&json!("running"), &json!("w1")));
    let inputs = world.get(&format!("{OWN}/runs/{id}/inputs?start=1&limit=1")).await.body;
    assert_eq!(
        inputs,
        json!({ "items": [{ "path": "in/1.csv", "bucket": "b", "size": 1_000, "etag": "\"e\"" }], "total": 3 })
    );
    world.pass(2_000);
    let cause = json!({ "kind": "unavailable", "code": "FLOW-1103-503", "message": "S3 is busy" });
    let why = Told { cause: Some(cause), ..Told::default() };
    let now = world.app.now();
    store.retry(&claim, now + chrono::TimeDelta::seconds(30), why, "S3 is busy".into(), now).await.unwrap();
    let again = detail(&world, &id).await;
    assert_eq!(
        (&again["attempts"][0]["outcome"], &again["attempts"][0]["retryAt"]),
        (&json!("waiting"), &json!(began + 32_000))
    );
    assert_eq!(
        (&again["problems"][0]["what"], again["progress"].get("bytesPerSecond")),
        (&json!("An attempt of run 1 failed: the source is unavailable"), None)
    );
    assert_eq!(state(&again), stages(["done", "failed", "waiting", "waiting"]));
    world.pass(30_000);
    let mut body = ended(&world, 3, 0, "success");
    body["activities"] = json!([
        { "id": "copyActivity", "durationSummary": { "startedAtUTC": began, "completedAtUTC": began + 5, "extensions": { "windowStart": 1, "windowEnd": 2 } }, "statusSummary": { "status": "success" } },
        { "id": "promotionActivity", "durationSummary": { "startedAtUTC": began + 5, "completedAtUTC": began + 9 }, "statusSummary": { "status": "success" } },
    ]);
    let claim = store.claim("w1", world.app.now(), Duration::from_secs(60)).await.unwrap().unwrap();
    let all = so_far(&[Step::List, Step::Read, Step::Write, Step::Commit], began);
    let told = Told { version: Some(7), stages: all, ..Told::default() };
    let end = End { run: body, state: Status::Success, cursor: None, batch: Value::Null, plan: None };
    store.finish_with(&claim, end, told, world.app.now()).await.unwrap();
    let done = detail(&world, &id).await;
    assert_eq!(state(&done), stages(["done"; 4]));
    assert_eq!(
        (&done["version"], &done["files"], &done["sizes"]),
        (&json!(7), &json!({ "input": 2, "output": 1 }), &json!({ "input": 300, "output": 50 }))
    );
    assert_eq!(done["balance"], json!({ "received": 3, "ingested": 3, "failed": 0, "skipped": 0, "warned": 0 }));
    let outcomes: Vec<&Value> =
        done["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["outcome"]).collect();
    assert_eq!((outcomes, &done["problems"]), (vec![&json!("retried"), &json!("success")], &json!([])));
    assert_eq!((&done["cancellable"], &done["explain"]["cancel"]), (&json!(false), &json!("The run has ended.")));
    assert!(done["explain"]["replay"].as_str().unwrap().contains("files in place"), "{}", done["explain"]);
    assert_eq!(done["window"], json!({ "from": null, "to": START }));
    assert_eq!(
        (&done["configuration"]["changedSince"], &done["configuration"]["flow"]["id"]),
        (&json!(false), &json!(flow))
    );
    world
        .patch(&format!("{FLOWS}/flows/{flow}"), json!([{ "op": "replace", "path": "/name", "value": "renamed" }]))
        .await;
    let changed = detail(&world, &id).await;
    assert_eq!(
        (&changed["configuration"]["changedSince"], &changed["flow"]["name"]),
        (&json!(true), &json!("renamed"))
    );
    assert_eq!(changed["configuration"]["flow"]["name"], "people", "as it was");
    for path in ["nothing", "nothing/inputs", "nothing/errors"] {
        assert_eq!(world.get(&format!("{OWN}/runs/{path}")).await.status, 404, "{path}");
    }
    for org in [ORG, OTHER_ORG] {
        for path in ["", "/inputs", "/errors"] {
            assert_eq!(world.stranger("GET", &format!("{OWN}/runs/{id}{path}"), org).send().await.status, 404);
        }
    }
}

#[tokio::test]
async fn a_problem_has_four_parts() {
    let world = World::new().await;
    let id = flow(&world, "people", "hour", 1).await;
    let cause = Some(("forbidden", "FLOW-1102-500", "S3 refused the key AKIA…"));
    run(&world, ended(&world, 0, 0, "failed"), cause).await;
    let seen = world.app.now().timestamp_millis();
    world.pass(HOUR);
    let last = run(&world, ended(&world, 0, 0, "failed"), cause).await;
    let failed = detail(&world, &last).await;
    let problem = &failed["problems"][0];
    assert_eq!(failed["problems"].as_array().map(Vec::len), Some(1));
    assert_eq!(problem["code"], "FLOW-1102-500");
    assert_eq!(problem["title"], "The source failed");
    assert_eq!(problem["what"], "Run 2 failed: the source failed");
    assert_eq!(problem["where"], json!({ "object": "warehouse bucket: /in/people.csv" }));
    assert_eq!((&problem["why"], &problem["do"]), (&json!("S3 refused the key AKIA…"), &json!("Do this.")));
    assert_eq!(problem["seenBefore"], json!({ "times": 1, "lastAt": seen }));
    assert_eq!(problem["docUrl"], "/docs/errors.html#FLOW-1102-500");
    assert_eq!((&failed["retriable"], state(&failed)), (&json!(true), stages(["skipped"; 4])));
    assert_eq!(world.call("POST", &format!("{FLOWS}/flows/{id}/action?op=disable")).send().await.status, 200);
    let idle = detail(&world, &last).await;
    assert_eq!(
        (&idle["retriable"], &idle["explain"]["retry"]),
        (&json!(false), &json!("The flow is not enabled; enable it first."))
    );
    assert_eq!(world.call("DELETE", &format!("{FLOWS}/flows/{id}")).header("if-match", "*").send().await.status, 204);
    let orphan = detail(&world, &last).await;
    assert_eq!(
        (&orphan["flow"]["state"], orphan.get("source"), &orphan["attempts"]),
        (&json!("gone"), None, &json!([]))
    );
    assert_eq!((&orphan["configuration"]["changedSince"], &orphan["problems"][0]["where"]), (&json!(true), &json!({})));
}

/// A run with row errors in two files: `count` lines, every tenth is corrupt.
async fn with_errors(world: &World, count: usize) -> (String, String) {
    let flow = flow(world, "people", "hour", 1).await;
    let dataset =
        world.get(&format!("{OWN}/flows/{flow}")).await.body["target"]["dataset"]["id"].as_str().unwrap().to_string();
    let mut files = [String::new(), String::new()];
    for n in 0..count {
        let line = match n % 10 {
            9 => {
                json!({ "_corrupt_record": format!("=cmd|{n}"), "_errors": [{ "code": "INGEST-1401-400", "message": "broken quote" }], "_filename": "b.csv", "_line": n + 1, "_rejected": true })
            }
            _ => {
                json!({ "id": n.to_string(), "age": "abc", "_errors": [{ "code": "MAPPER-3700-400", "message": "not a number", "column": "age", "value": "abc" },
                { "code": "INGEST-1555-400", "message": "missing", "column": "person.name" }], "_filename": "a.csv", "_line": n + 1, "_rejected": false })
            }
        };
        files[usize::from(n >= count / 2)].push_str(&format!("{line}\n"));
    }
    let mut body = ended(world, count as i64, (count / 10) as i64, "success");
    let error = |code: &str, count: usize| json!({ "code": code, "recordCount": count, "message": format!("{code} (a.csv, line 1)") });
    body["activities"] = json!([{ "id": "promotionActivity", "durationSummary": {}, "statusSummary": { "status": "success", "extensions": {
        "errors": [error("INGEST-1212-400", count / 10), error("INGEST-1401-400", count / 10), error("MAPPER-3700-400", count - count / 10)] } } }]);
    let id = run(world, body, None).await;
    let batch = world.app.store.queued(&world.scope(), &id).await.unwrap().unwrap().batch;
    for (n, file) in files.iter().enumerate() {
        world.lake.store(&format!("batches/acme-prod/{batch}/row_errors/part-{n}.json"), file);
    }
    (id, dataset)
}

#[tokio::test]
async fn row_errors_are_paged_grouped_and_filtered() {
    let world = World::new().await;
    let (id, _) = with_errors(&world, 40).await;
    let get = async |query: &str| world.get(&format!("{OWN}/runs/{id}/errors?{query}")).await.body;
    let page = get("limit=2&start=8").await;
    assert_eq!(page["total"], 40);
    assert_eq!(
        page["items"][0],
        json!({ "file": "a.csv", "line": 9, "code": "MAPPER-3700-400", "message": "not a number", "column": "age", "value": "abc",
        "rejected": false, "row": { "id": "8", "age": "abc" }, "findings": [
            { "code": "MAPPER-3700-400", "message": "not a number", "column": "age", "value": "abc" },
            { "code": "INGEST-1555-400", "message": "missing", "field": "person.name" }] })
    );
    assert_eq!(
        (&page["items"][1]["rejected"], &page["items"][1]["row"]),
        (&json!(true), &json!({ "_corrupt_record": "=cmd|9" }))
    );
    assert_eq!(
        page["groups"],
        json!([{ "code": "MAPPER-3700-400", "count": 36, "message": "MAPPER-3700-400 (a.csv, line 1)" },
        { "code": "INGEST-1401-400", "count": 4, "message": "INGEST-1401-400 (a.csv, line 1)" }])
    );
    let corrupt = get("code=INGEST-1401-400&limit=3&start=2").await;
    let lines: Vec<&Value> = corrupt["items"].as_array().unwrap().iter().map(|item| &item["line"]).collect();
    assert_eq!((&corrupt["total"], lines), (&json!(4), vec![&json!(30), &json!(40)]));
    let second = get("code=INGEST-1555-400&limit=1").await;
    assert_eq!(
        (&second["total"], &second["items"][0]["code"], &second["items"][0]["field"]),
        (&json!(36), &json!("INGEST-1555-400"), &json!("person.name"))
    );
    assert_eq!(get("file=b.csv").await["total"], 4);
    assert_eq!(get("file=b.csv&code=MAPPER-3700-400").await["items"], json!([]));
    assert_eq!((&get("start=1000").await["items"], &get("start=1000").await["total"]), (&json!([]), &json!(40)));
    for bad in ["limit=0", "limit=1001", "start=-1", "format=xml"] {
        assert_eq!(world.get(&format!("{OWN}/runs/{id}/errors?{bad}")).await.status, 400, "{bad}");
    }
    // The run's page says where each kind was met first.
    let problems = detail(&world, &id).await["problems"].clone();
    assert_eq!(problems[1]["what"], "4 rows: corrupt row");
    assert_eq!(
        (&problems[1]["where"], &problems[1]["why"]),
        (&json!({ "file": "b.csv", "line": 10 }), &json!("broken quote"))
    );
    assert_eq!(problems[2]["where"], json!({ "file": "a.csv", "line": 1, "column": "age" }));
}

#[tokio::test]
async fn row_errors_are_downloaded_as_files() {
    let world = World::new().await;
    let (id, _) = with_errors(&world, 20).await;
    let get = async |query: &str| world.get(&format!("{OWN}/runs/{id}/errors?{query}")).await;
    let csv = get("format=csv").await;
    assert_eq!(csv.headers["content-type"], "text/csv;charset=UTF-8");
    assert_eq!(csv.headers["content-disposition"], format!("attachment; filename=\"errors-{id}.csv\"").as_str());
    let lines: Vec<&str> = csv.text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (21, "file,line,column,field,code,message,value,rejected,row"));
    assert_eq!(lines[1], r#"a.csv,1,age,,MAPPER-3700-400,not a number,abc,false,"{""id"":""0"",""age"":""abc""}""#);
    assert_eq!(lines[10], r#"b.csv,10,,,INGEST-1401-400,broken quote,,true,"{""_corrupt_record"":""=cmd|9""}""#);
    let jsonl = get("format=JSONL&code=INGEST-1401-400").await;
    let lines: Vec<Value> = jsonl.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["line"].as_i64().unwrap()).collect::<Vec<_>>(), [10, 20]);
}

#[tokio::test]
async fn a_hundred_thousand_row_errors_are_fluent() {
    let world = World::new().await;
    let (id, _) = with_errors(&world, 100_000).await;
    for query in ["limit=100", "limit=100&start=99900", "limit=100&code=INGEST-1401-400"] {
        let began = std::time::Instant::now();
        let reply = world.get(&format!("{OWN}/runs/{id}/errors?{query}")).await;
        println!("{query}: {:?}", began.elapsed());
        assert_eq!(reply.body["items"].as_array().map(Vec::len), Some(100), "{query}");
        // Built without optimisation, beside other tests.
        assert!(began.elapsed() < Duration::from_secs(30), "{query}: {:?}", began.elapsed());
    }
    let csv = world.get(&format!("{OWN}/runs/{id}/errors?format=csv")).await;
    assert_eq!(csv.text.lines().count(), 100_001);
}

#[tokio::test]
async fn rows_are_for_those_who_may_read_the_dataset() {
    let world = World::new().await;
    let (id, dataset) = with_errors(&world, 10).await;
    let path = format!("{OWN}/runs/{id}/errors");
    world.client_with("sources", &["view-sources"], &["prod"]).await;
    assert_eq!(world.by("sources", "prod", "GET", &path).send().await.status, 403);
    assert_eq!(world.by("sources", "prod", "GET", &format!("{OWN}/runs/{id}")).send().await.status, 200);
    world.client_with("datasets", &["view-sources", "view-datasets"], &["prod"]).await;
    assert_eq!(world.by("datasets", "prod", "GET", &path).send().await.status, 200);
    world
        .put(&world.scope(), Resource::DatasetLabels, &dataset, json!({ "labels": ["core/C12"], "optionalLabels": [] }))
        .await;
    for query in ["", "?format=csv", "?format=jsonl"] {
        let reply = world.by("datasets", "prod", "GET", &format!("{path}{query}")).send().await;
        assert_eq!(reply.status, 403, "{}", reply.text);
        assert!(reply.text.contains("C12") && !reply.text.contains("abc"), "{}", reply.text);
    }
}

#[tokio::test]
async fn a_run_without_a_batch_has_no_row_errors() {
    let world = World::new().await;
    world.put(&world.scope(), Resource::Run, "r1", json!({ "state": "failed", "flowId": "gone" })).await;
    let errors = world.get(&format!("{OWN}/runs/r1/errors")).await.body;
    assert_eq!(errors, json!({ "items": [], "total": 0, "groups": [] }));
    assert_eq!(world.get(&format!("{OWN}/runs/r1/inputs")).await.body, json!({ "items": [], "total": 0 }));
    assert_eq!(detail(&world, "r1").await["problems"][0]["code"], "FLOW-1400-500");
}
