//! Two processes over one database on a server and one folder: each due run is made once, by whichever of them.

use crate::database::Database;
use crate::harness::{Bucket, FLOW, FlowSpec, Forebay, column, counts};
use serde_json::{Value, json};

async fn two(bucket: &Bucket) -> (Forebay, Forebay, String, String) {
    let first = Forebay::prepared(&[], Database::served(), |_| ()).await;
    let second = first.beside().await;
    let base = first.connect(bucket).await;
    let (schema, _) = first.people_schema().await;
    (first, second, base, schema)
}

fn spec<'a>(base: &'a str, schema: &'a str, path: &'a str) -> FlowSpec<'a> {
    FlowSpec {
        base,
        path,
        kind: "folder",
        format: "delimited",
        properties: Value::Null,
        schema,
        rules: json!([{ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" }]),
        options: Value::Null,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_due_run_is_made_once_and_each_row_lands_once() {
    let bucket = Bucket::playground("two").await;
    let (first, second, base, schema) = two(&bucket).await;
    let mut flows = Vec::new();
    for n in 0..6 {
        bucket.put(&format!("in{n}/a.csv"), format!("id\n{n}-a\n{n}-b\n")).await;
        let path = format!("/in{n}/");
        let maker = if n % 2 == 0 { &first } else { &second };
        flows.push(maker.flow(spec(&base, &schema, &path)).await);
    }
    for (n, made) in flows.iter().enumerate() {
        // What one has written, the other shows.
        let runs = if n % 2 == 0 { &second } else { &first }.settled(&made.flow).await;
        assert_eq!(runs.len(), 1, "one tick, one run: {runs:#?}");
        assert_eq!(counts(&runs[0]), (2, 2, 0, 0));
        assert_eq!(column(&made.table, "_id"), [format!("{n}-a"), format!("{n}-b")]);
    }
    bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn when_one_is_killed_the_other_takes_its_runs_over() {
    let bucket = Bucket::playground("takeover").await;
    let (mut first, second, base, schema) = two(&bucket).await;
    let mut flows = Vec::new();
    for n in 0..4 {
        let rows: String = (0..2_000).map(|row| format!("{n}-{row}\n")).collect();
        bucket.put(&format!("in{n}/a.csv"), format!("id\n{rows}")).await;
        let path = format!("/in{n}/");
        flows.push(second.flow(spec(&base, &schema, &path)).await);
    }
    first.kill();
    for made in &flows {
        let runs = second.settled(&made.flow).await;
        assert_eq!((runs.len(), runs[0]["state"].as_str()), (1, Some("success")), "{runs:#?}");
        assert_eq!(column(&made.table, "_id").len(), 2_000);
    }
    // It comes back in its old place, under its old name.
    first.resume().await;
    assert_eq!(first.get(&format!("{FLOW}/flows/{}", flows[0].flow)).await["items"][0]["id"], flows[0].flow.as_str());
    bucket.end().await;
}
