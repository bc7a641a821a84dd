//! What a run tells beside its document reaches the pages: a column that the source has anew, and a source that lets
//! nobody in any more.

use crate::harness::{Bucket, FlowSpec, Forebay, counts};
use forebay_playground::fault::{self, Fault, Proxy};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const OWN: &str = "/data/foundation/forebay";

#[tokio::test(flavor = "multi_thread")]
async fn a_new_column_is_told_taken_over_and_filled_and_a_refusal_names_the_connection() {
    let bucket = Bucket::playground("columns").await;
    bucket.put("in/a.csv", "id,visits\na,1\n").await;
    let closed = Arc::new(AtomicBool::new(false));
    let shut = closed.clone();
    let script: fault::Script = Arc::new(move |_| match shut.load(Ordering::SeqCst) {
        true => Fault::error(403, "AccessDenied"),
        false => Fault::Pass,
    });
    let proxy = Proxy::start(bucket.running().addr, script).await.unwrap();
    let forebay = Forebay::start().await;
    let (schema, tenant) = forebay.people_schema().await;
    let mut params = bucket.params();
    params["serviceUrl"] = json!(proxy.url());
    let base = forebay.connect_by(params).await;
    let spec = FlowSpec {
        base: &base,
        path: "/in/",
        kind: "folder",
        format: "delimited",
        properties: Value::Null,
        schema: &schema,
        rules: json!([{ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" },
            { "sourceType": "ATTRIBUTE", "source": "visits", "destination": format!("_{tenant}.visits") }]),
        options: Value::Null,
    };
    let made = forebay.flow(spec).await;
    let own = format!("{OWN}/flows/{}", made.flow);
    let last = async || {
        let mut runs = forebay.settled(&made.flow).await;
        let run = runs.pop().unwrap();
        let shown = forebay.get(&format!("{OWN}/runs/{}", run["id"].as_str().unwrap())).await;
        (run, shown)
    };
    let (run, shown) = last().await;
    assert_eq!(counts(&run), (1, 1, 0, 0));
    let states: Vec<_> = shown["stages"].as_array().unwrap().iter().map(|s| (&s["name"], &s["state"])).collect();
    assert_eq!(
        states,
        ["list", "read", "write", "commit"]
            .map(|name| (json!(name), json!("done")))
            .iter()
            .map(|(n, s)| (n, s))
            .collect::<Vec<_>>()
    );
    assert_eq!((&shown["run"]["number"], &shown["attempts"][0]["outcome"]), (&json!(1), &json!("success")));
    assert!(shown["version"].is_u64(), "{shown:#}");
    let known = forebay.get(&format!("{own}/schema")).await;
    assert_eq!((known["columns"].as_array().map(Vec::len), &known["pending"]), (Some(2), &json!([])));

    bucket.put("in/b.csv", "id,visits,city\nb,2,Ulm\n").await;
    forebay.run(&made.flow).await;
    let (run, _) = last().await;
    assert_eq!(counts(&run), (1, 1, 0, 0));
    let waits = forebay.get(&format!("{own}/schema")).await["pending"].clone();
    assert_eq!((&waits[0]["name"], &waits[0]["sample"], &waits[0]["run"]), (&json!("city"), &json!("Ulm"), &run["id"]));
    let needs = async || forebay.get(&format!("{OWN}/overview")).await["needsAction"].clone();
    assert_eq!(needs().await[0]["kind"], "schemaChange");
    let taken = forebay.post(&format!("{own}/schema/approve"), json!({ "columns": [{ "name": "city" }] })).await;
    assert_eq!(taken["targets"], json!({ "city": format!("_{tenant}.city") }));
    let after = forebay.get(&format!("{own}/schema")).await;
    assert_eq!((&after["pending"], &after["history"][0]["action"]), (&json!([]), &json!("approve")));
    assert_eq!(needs().await, json!([]));

    bucket.put("in/c.csv", "id,visits,city\nc,3,Bonn\n").await;
    forebay.run(&made.flow).await;
    let (run, shown) = last().await;
    assert_eq!((counts(&run), &shown["run"]["number"]), ((1, 1, 0, 0), &json!(3)));
    let rows = forebay.get(&format!("{OWN}/datasets/{}/preview", made.dataset)).await["rows"].to_string();
    assert!(rows.contains("Bonn") && !rows.contains("Ulm"), "{rows}");

    closed.store(true, Ordering::SeqCst);
    forebay.run(&made.flow).await;
    let (run, shown) = last().await;
    assert_eq!(run["state"], "failed");
    assert_eq!(run.get("cause"), None, "the public run says it in its own words");
    let problem = &shown["problems"][0];
    assert_eq!((&problem["code"], &problem["where"]["object"]), (&json!("FLOW-1102-500"), &json!("bucket: /in/")));
    assert_eq!(problem["what"], "Run 4 failed: the source failed");
    assert!(problem["why"].as_str().unwrap().contains("access is denied"), "{problem:#}");
    assert!(problem["do"].as_str().unwrap().contains("s3:ListBucket"), "{problem:#}");
    assert_eq!((&shown["stages"][0]["state"], &shown["retriable"]), (&json!("failed"), &json!(true)));
    let need = needs().await[0].clone();
    assert_eq!(
        (&need["kind"], &need["action"], &need["run"]),
        (&json!("connectionFailed"), &json!("reauthorise"), &run["id"])
    );
    assert_eq!(need["connection"]["id"], base);
    bucket.end().await;
}

/// The run that meets a new column takes it over, and the next one fills it; two servers at one database do so once.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_column_is_taken_over_by_itself_and_filled_by_the_next_run() {
    let bucket = Bucket::playground("propagate").await;
    bucket.put("in/a.csv", "id,visits\na,1\n").await;
    let forebay = Forebay::start().await;
    let (schema, tenant) = forebay.people_schema().await;
    let base = forebay.connect(&bucket).await;
    let made = forebay
        .flow(FlowSpec {
            base: &base,
            path: "/in/",
            kind: "folder",
            format: "delimited",
            properties: Value::Null,
            schema: &schema,
            rules: json!([{ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" },
                { "sourceType": "ATTRIBUTE", "source": "visits", "destination": format!("_{tenant}.visits") }]),
            options: Value::Null,
        })
        .await;
    let own = format!("{OWN}/flows/{}", made.flow);
    forebay.settled(&made.flow).await;
    let set = json!({ "policy": "propagate" });
    let (status, answer) = forebay.call("PUT", &format!("{own}/schema/policy"), Some(set), &[]).await;
    assert_eq!(status, 200, "{answer}");
    // Where several processes may share a database, any of them may lead the run.
    let beside = if forebay.database.is_served() { Some(forebay.beside().await) } else { None };
    bucket.put("in/b.csv", "id,visits,city,zip\nb,2,Ulm,89073\n").await;
    forebay.run(&made.flow).await;
    let run = forebay.settled(&made.flow).await.pop().unwrap();
    assert_eq!((counts(&run), &run["state"]), ((1, 1, 0, 0), &json!("success")));
    let after = forebay.get(&format!("{own}/schema")).await;
    assert_eq!(after["pending"].as_array().map(Vec::len), Some(0), "{:#}", after["pending"]);
    let decided: Vec<&Value> =
        after["history"].as_array().unwrap().iter().filter(|entry| entry["action"] == "approve").collect();
    assert_eq!((decided.len(), &decided[0]["by"]), (1, &json!("flow flow")), "{:#}", after["history"]);
    let log = forebay.get(&format!("{OWN}/runs/{}/log", run["id"].as_str().unwrap())).await.to_string();
    assert!(log.contains("took over new columns of the source, which the next run fills: city, zip"), "{log}");

    bucket.put("in/c.csv", "id,visits,city,zip\nc,3,Bonn,53111\n").await;
    forebay.run(&made.flow).await;
    let run = forebay.settled(&made.flow).await.pop().unwrap();
    assert_eq!(counts(&run), (1, 1, 0, 0));
    let cities = crate::harness::column(&made.table, &format!("_{tenant}.city"));
    assert_eq!(cities.iter().filter(|city| **city == "Bonn").count(), 1, "{cities:?}");
    assert!(!cities.contains(&json!("Ulm")), "what was read before stays as it is: {cities:?}");
    // Who has no work is there all the same.
    let system = forebay.get(&format!("{OWN}/system")).await;
    let there = if beside.is_some() { 2 } else { 1 };
    let idle = |worker: &&Value| worker["alive"] == true && worker["running"] == 0;
    assert_eq!(system["workers"].as_array().unwrap().iter().filter(idle).count(), there, "{:#}", system["workers"]);
    drop(beside);
    bucket.end().await;
}
