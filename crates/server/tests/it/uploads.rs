//! Batch ingestion (PL §6) with the whole program: upload, complete, read, take back; and a program that is killed.

use crate::harness::Forebay;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const IMPORT: &str = "/data/foundation/import/batches";
const EXPORT: &str = "/data/foundation/export";

async fn batch(forebay: &Forebay, dataset: &str, format: &str, percent: Option<u32>) -> String {
    let body =
        json!({ "datasetId": dataset, "inputFormat": { "format": format }, "partialIngestionPercentage": percent });
    forebay.post(IMPORT, body).await["id"].as_str().unwrap().to_string()
}

async fn put(forebay: &Forebay, batch: &str, dataset: &str, name: &str, text: &str) -> (u16, Value) {
    let path = format!("{IMPORT}/{batch}/datasets/{dataset}/files/{name}");
    forebay.send("PUT", &path, text.as_bytes().to_vec(), &[]).await
}

async fn ended(forebay: &Forebay, batch: &str) -> Value {
    let began = Instant::now();
    loop {
        let value = forebay.get(&format!("/data/foundation/catalog/batches/{batch}")).await[batch].clone();
        if value["status"] == "success" || value["status"] == "failed" {
            return value;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{value:#}\n{}", forebay.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn preview(forebay: &Forebay, dataset: &str) -> Vec<Value> {
    let answer = forebay.get(&format!("{EXPORT}/datasets/{dataset}/preview")).await;
    answer["data"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_uploaded_read_counted_labelled_and_taken_back() {
    let forebay = Forebay::start_with(&[("FOREBAY_IMPORT_FILE", "1")]).await;
    let (schema, tenant) = forebay.people_schema().await;
    let dataset = forebay.dataset(&schema).await;
    let id = batch(&forebay, &dataset, "json", Some(50)).await;
    let line = |name: &str, visits: Value| {
        let mut row = json!({ "_id": name, "person": { "name": { "firstName": name } } });
        row[format!("_{tenant}")] = json!({ "visits": visits });
        format!("{row}\n")
    };
    let good = format!("{}{}{{broken\n", line("ann", json!(1)), line("bob", json!(2)));
    assert_eq!(put(&forebay, &id, &dataset, "in/a.json", &good).await.0, 200);
    let (status, refused) = put(&forebay, &id, &dataset, "in/b.json", &"x".repeat((1 << 20) + 1)).await;
    assert_eq!((status, &refused["status"]), (413, &json!(413)), "{refused}");
    let staged = forebay.post(&format!("{IMPORT}/{id}?action=COMPLETE"), Value::Null).await;
    assert!(["staged", "processing"].contains(&staged["status"].as_str().unwrap()), "{staged}");
    let done = ended(&forebay, &id).await;
    assert_eq!(done["status"], "success", "{done:#}");
    let counts =
        ["inputRecordCount", "outputRecordCount", "failedRecordCount"].map(|name| done["metrics"][name].clone());
    assert_eq!(counts, [json!(3), json!(2), json!(1)]);
    let rows = preview(&forebay, &dataset).await;
    assert_eq!(rows.len(), 2, "{rows:#?}");
    assert_eq!(rows[0]["person"]["name"]["firstName"], "ann");
    assert_eq!(rows[1][format!("_{tenant}")]["visits"], 2);

    let input = forebay.get(&format!("{EXPORT}/batches/{id}/meta?path=input_files/part-00000.json")).await;
    assert_eq!(input["path"], "in/a.json", "{input}");
    let failed = forebay.get(&format!("{EXPORT}/batches/{id}/failed")).await;
    let name = failed["data"][0]["name"].as_str().unwrap();
    let rows = forebay.get(&format!("{EXPORT}/batches/{id}/failed?path={name}")).await;
    assert_eq!(
        (&rows["_filename"], &rows["_errors"][0]["code"]),
        (&json!("in/a.json"), &json!("INGEST-1401-400")),
        "{rows}"
    );

    let metric = json!({ "name": "timeseries.ingestion.dataset.recordsuccess.count", "aggregator": "sum",
        "filters": [{ "name": "dataSetId", "value": dataset }] });
    let metrics =
        forebay.post("/data/infrastructure/observability/insights/metrics", json!({ "metrics": [metric] })).await;
    let days = metrics["metricResponses"][0]["datapoints"][0]["dps"].as_object().unwrap().clone();
    assert_eq!(days.values().filter_map(Value::as_f64).sum::<f64>(), 2.0, "{days:?}");

    let labels = format!("/data/foundation/dataset/datasets/{dataset}/labels");
    forebay.post(&labels, json!({ "labels": ["core/C12"] })).await;
    let (status, refused) = forebay.call("GET", &format!("{EXPORT}/datasets/{dataset}/preview"), None, &[]).await;
    // The first client of an installation may be one that has the right `export`.
    assert!(
        status == 200 || (status == 403 && refused["detail"].as_str().unwrap().contains("C12")),
        "{status} {refused}"
    );
    assert_eq!(forebay.call("DELETE", &labels, None, &[]).await.0, 204);

    let taken = forebay.post(&format!("{IMPORT}/{id}?action=REVERT"), Value::Null).await;
    assert_eq!(taken["status"], "inactive", "{taken}");
    assert!(preview(&forebay, &dataset).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_comes_in_ranges_and_lands_whole() {
    let forebay = Forebay::start_with(&[("FOREBAY_IMPORT_FILE", "1")]).await;
    let (schema, _) = forebay.people_schema().await;
    let dataset = forebay.dataset(&schema).await;
    let id = batch(&forebay, &dataset, "csv", None).await;
    let mut text = String::from("_id,person.name.firstName\n");
    for n in 0..100_000 {
        text.push_str(&format!("{n},name number {n}\n"));
    }
    let file = format!("{IMPORT}/{id}/datasets/{dataset}/files/big.csv");
    forebay.post(&format!("{file}?action=INITIALIZE"), Value::Null).await;
    let mut at = 0;
    for piece in text.as_bytes().chunks(1_000_000) {
        let range = format!("bytes {at}-{}/{}", at + piece.len() - 1, text.len());
        let (status, said) = forebay.send("PATCH", &file, piece.to_vec(), &[("content-range", &range)]).await;
        assert_eq!(status, 200, "{said}");
        at += piece.len();
    }
    let whole = forebay.post(&format!("{file}?action=COMPLETE"), Value::Null).await;
    assert_eq!(whole["sizeInBytes"], json!(text.len()));
    forebay.post(&format!("{IMPORT}/{id}?action=COMPLETE"), Value::Null).await;
    let done = ended(&forebay, &id).await;
    assert_eq!(
        (&done["status"], &done["metrics"]["outputRecordCount"]),
        (&json!("success"), &json!(100_000)),
        "{done:#}"
    );
    assert_eq!(done["metrics"]["inputByteSize"], json!(text.len()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_completed_is_imported_after_a_kill_exactly_once() {
    let mut forebay = Forebay::start().await;
    let (schema, _) = forebay.people_schema().await;
    let dataset = forebay.dataset(&schema).await;
    let mut rows = 0;
    for (round, wait) in [0, 5, 20, 60, 150].into_iter().enumerate() {
        let id = batch(&forebay, &dataset, "csv", None).await;
        let mut text = String::from("_id\n");
        for n in 0..3_000 {
            text.push_str(&format!("{round}-{n}\n"));
        }
        assert_eq!(put(&forebay, &id, &dataset, "a.csv", &text).await.0, 200);
        forebay.post(&format!("{IMPORT}/{id}?action=COMPLETE"), Value::Null).await;
        tokio::time::sleep(Duration::from_millis(wait)).await;
        forebay.kill();
        forebay.resume().await;
        let done = ended(&forebay, &id).await;
        assert_eq!(
            (&done["status"], &done["metrics"]["outputRecordCount"]),
            (&json!("success"), &json!(3_000)),
            "{done:#}"
        );
        rows += 3_000;
        let table = glob(&forebay, &dataset);
        assert_eq!(count(&table), rows, "after the kill {wait} ms later");
    }
}

/// The dataset's folder.
fn glob(forebay: &Forebay, dataset: &str) -> String {
    let tables = forebay.data.join("lake/tables");
    let sandbox = std::fs::read_dir(&tables).unwrap().next().unwrap().unwrap().path();
    sandbox.join(dataset).display().to_string()
}

/// The rows of a table, by a reader that is not ours.
fn count(table: &str) -> usize {
    let program = "import sys, deltalake; print(deltalake.DeltaTable(sys.argv[1]).to_pyarrow_dataset().count_rows())";
    let out = std::process::Command::new(crate::harness::python()).args(["-c", program, table]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).trim().parse().unwrap()
}
