//! A fuzzer that we did not write (Schemathesis) on our own OpenAPI document, against a real server with a real dataflow
//! in it: no failure of ours, no status, header or body that is not in the document, nothing taken that it forbids, no
//! use of what was deleted, no operation without credentials. `scripts/fuzz/` says which checks are off, and why.
//! Short and seeded here; `make soak` runs it long.

use crate::harness::{Bucket, FLOW, FlowSpec, Forebay, S3, python, script};
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};

/// The ids that operations on one resource may name; whoever deletes makes its own.
async fn ids(forebay: &Forebay, bucket: &Bucket) -> Value {
    let base = forebay.connect(bucket).await;
    let (schema, _) = forebay.people_schema().await;
    let rules = json!([{ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" }]);
    let spec = FlowSpec {
        base: &base,
        path: "/in/people.csv",
        kind: "file",
        format: "delimited",
        properties: Value::Null,
        schema: &schema,
        rules,
        options: Value::Null,
    };
    let made = forebay.flow(spec).await;
    let run = forebay.settled(&made.flow).await.remove(0);
    let flow = forebay.get(&format!("{FLOW}/flows/{}", made.flow)).await["items"][0].clone();
    let batches = forebay.get(&format!("/data/foundation/catalog/batches?dataSet={}", made.dataset)).await;
    let batch = batches.as_object().unwrap().keys().next().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap().to_string();
    let mapping = text(&flow["transformations"][0]["params"]["mappingId"]);
    let known = [
        ("connections", base),
        ("sourceConnections", text(&flow["sourceConnectionIds"][0])),
        ("targetConnections", made.target),
        ("flows", made.flow),
        ("runs", text(&run["id"])),
        ("connectionSpecs", S3.into()),
        ("flowSpecs", text(&flow["flowSpec"]["id"])),
        ("dataSets", made.dataset.clone()),
        ("datasets", made.dataset),
        ("batches", batch),
        ("mappingSets", mapping),
        ("schemas", schema),
        ("sandboxes", "prod".into()),
    ];
    // Each path of the document whose collection is known.
    let document = forebay.get("/openapi.json").await;
    let mut ids = json!({});
    for path in document["paths"].as_object().unwrap().keys() {
        let mut before = path.split('/').zip(path.split('/').skip(1));
        let Some((kind, name)) = before.find(|(_, segment)| matches!(*segment, "{id}" | "{name}")) else { continue };
        if let Some((_, id)) = known.iter().find(|(collection, _)| *collection == kind) {
            ids[path] = json!({ "name": name.trim_matches(['{', '}']), "id": id });
        }
    }
    ids
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fuzzer_finds_no_fault_by_our_own_document() {
    let bucket = Bucket::playground("fuzz").await;
    bucket.put("in/people.csv", "id,first\n1,Ada\n2,Grace\n").await;
    let forebay = Forebay::start().await;
    let ids = ids(&forebay, &bucket).await;
    // A stream of events has no end that the fuzzer could wait for; the API's own tests read it.
    let scene = json!({ "url": forebay.url, "token": forebay.token, "credentials": forebay.credentials, "ids": ids,
        "skip": ["watch_events"] });
    let examples = std::env::var("FOREBAY_TEST_FUZZ").unwrap_or_else(|_| "10".into());
    let seconds = 170 + 30 * examples.parse::<u64>().expect("FOREBAY_TEST_FUZZ is a number");
    let mut child = Command::new(python())
        .arg(script("fuzz/run.py"))
        .args(["--examples", &examples, "--seconds", &seconds.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts");
    child.stdin.take().unwrap().write_all(scene.to_string().as_bytes()).unwrap();
    let out = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said}\n{}", String::from_utf8_lossy(&out.stderr));
    assert!(said.contains("Stateful"), "all phases ran: {said}");
    let log = forebay.log();
    let faults: Vec<&str> = log.lines().filter(|line| line.contains("panicked") || line.contains(" ERROR ")).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    bucket.end().await;
}
