//! What a run takes, what it leaves to the next, and what becomes of one that fails.

use crate::harness::{Bucket, FLOW, FlowSpec, Forebay, Made, counts, run_script};
use serde_json::{Value, json};

struct Setting {
    bucket: Bucket,
    forebay: Forebay,
    base: String,
    schema: String,
    tenant: String,
}

async fn setting(name: &str) -> Setting {
    let bucket = Bucket::seaweed(name).await;
    let forebay = Forebay::start().await;
    let base = forebay.connect(&bucket).await;
    let (schema, tenant) = forebay.people_schema().await;
    Setting { bucket, forebay, base, schema, tenant }
}

impl Setting {
    fn rules(&self) -> Value {
        json!([{ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" },
            { "sourceType": "ATTRIBUTE", "source": "visits", "destination": format!("_{}.visits", self.tenant) }])
    }

    async fn folder_flow(&self, options: Value) -> Made {
        let spec = FlowSpec {
            base: &self.base,
            path: "/in/",
            kind: "folder",
            format: "delimited",
            properties: Value::Null,
            schema: &self.schema,
            rules: self.rules(),
            options,
        };
        self.forebay.flow(spec).await
    }

    async fn run(&self, made: &Made) -> Value {
        let run = self.forebay.run(&made.flow).await;
        self.forebay.settled(&made.flow).await.into_iter().find(|r| r["id"] == run.as_str()).unwrap()
    }

    fn ids(&self, made: &Made) -> Vec<String> {
        let rows = run_script("oracle.py", &["rows", &made.table.display().to_string(), "--key", "_id"]);
        rows.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["_id"].as_str().unwrap().to_string()).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_reads_nothing_and_a_new_file_brings_only_itself() {
    let s = setting("incremental").await;
    s.bucket.put("in/a.csv", "id,visits\na1,1\na2,2\n").await;
    s.bucket.put("in/deep/b.csv", "id,visits\nb1,1\n").await;
    let made = s.folder_flow(Value::Null).await;
    let first = s.forebay.settled(&made.flow).await;
    assert_eq!(counts(&first[0]), (3, 3, 0, 0));
    // Put in the second of the last listing, or the next one: taken by the next run, once.
    s.bucket.put("in/c.csv", "id,visits\nc1,1\n").await;
    assert_eq!(counts(&s.run(&made).await), (1, 1, 0, 0));
    let nothing = s.run(&made).await;
    assert_eq!(counts(&nothing), (0, 0, 0, 0));
    assert_eq!(
        nothing["metrics"]["fileSummary"]["inputFileCount"], 0,
        "a second run over unchanged files reads nothing"
    );
    s.bucket.put("in/a.csv", "id,visits\na3,3\n").await;
    assert_eq!(counts(&s.run(&made).await), (1, 1, 0, 0), "a file that was rewritten is new");
    assert_eq!(s.ids(&made), ["a1", "a2", "a3", "b1", "c1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_fail_are_kept_with_their_place_below_the_threshold_and_above_it_nothing_shows() {
    let s = setting("partial").await;
    s.bucket.put("in/a.csv", "id,visits\na1,1\na2\na3,many\na4,4\n").await;
    let made = s.folder_flow(json!({ "errorDiagnosticsEnabled": true, "partialIngestionPercent": 30 })).await;
    let run = s.forebay.settled(&made.flow).await.remove(0);
    assert_eq!(run["state"], "success", "{run:#}");
    assert_eq!(counts(&run), (4, 3, 1, 0), "{run:#}");
    assert_eq!(
        run["metrics"]["recordSummary"]["warningRecordCount"], 1,
        "a value that does not convert is a warning, not a rejected row"
    );
    let promotion = &run["activities"][1];
    let errors = promotion["statusSummary"]["extensions"]["errors"].as_array().unwrap();
    let codes: Vec<&str> = errors.iter().map(|e| e["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["INGEST-1212-400", "INGEST-1401-400", "MAPPER-3700-400"], "{promotion:#}");
    assert_eq!(s.ids(&made), ["a1", "a3", "a4"]);

    let batch = promotion["targetInfo"][0]["reference"]["ids"][0].as_str().unwrap();
    let value = s.forebay.get(&format!("/data/foundation/catalog/batches/{batch}")).await;
    assert_eq!(value[batch]["metrics"]["failedRecordCount"], 1);
    let samples =
        s.forebay.get(&format!("/data/foundation/export/batches/{batch}/meta?path=row_error_samples.json")).await;
    let rejected = samples
        .as_array()
        .unwrap()
        .iter()
        .find(|r| r["_errors"][0]["code"] == "INGEST-1401-400")
        .unwrap_or_else(|| panic!("{samples:#}"));
    assert_eq!((rejected["_filename"].as_str(), rejected["_line"].as_u64()), (Some("in/a.csv"), Some(3)), "{rejected}");
    let warned = samples.as_array().unwrap().iter().find(|r| r["_errors"][0]["code"] == "MAPPER-3700-400").unwrap();
    assert_eq!((warned["_line"].as_u64(), warned["_errors"][0]["value"].as_str()), (Some(4), Some("many")), "{warned}");

    s.bucket.put("in/worse.csv", "id,visits\nw1,1\nw2\n").await;
    let run = s.run(&made).await;
    assert_eq!(run["state"], "failed");
    assert_eq!(counts(&run), (2, 0, 1, 1));
    assert_eq!(s.ids(&made), ["a1", "a3", "a4"], "FS-RUN-2: above the threshold nothing of the run shows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_re_trigger_of_a_failed_run_after_a_later_one_lands_its_rows_once() {
    let s = setting("retrigger").await;
    s.bucket.put("in/bad.csv", "id,visits\nx1,1\nx2\n").await;
    let made = s.folder_flow(Value::Null).await;
    let failed = s.forebay.settled(&made.flow).await.remove(0);
    assert_eq!(failed["state"], "failed", "{failed:#}");
    s.bucket.put("in/good.csv", "id,visits\ng1,1\n").await;
    let next = s.run(&made).await;
    assert_eq!((next["state"].as_str(), counts(&next)), (Some("success"), (1, 1, 0, 0)), "{next:#}");
    let id = failed["id"].as_str().unwrap();

    s.forebay
        .patch(
            &format!("{FLOW}/flows/{}", made.flow),
            json!([{ "op": "add", "path": "/options", "value": { "partialIngestionPercent": 60 } }]),
        )
        .await;
    s.forebay.post(&format!("{FLOW}/runs/{id}/action?op=RE_TRIGGER"), Value::Null).await;
    let again = s.forebay.settled(&made.flow).await.into_iter().find(|r| r["id"] == id).unwrap();
    assert_eq!((again["state"].as_str(), counts(&again)), (Some("success"), (2, 1, 1, 0)), "{again:#}");
    assert_eq!(counts(&s.run(&made).await), (0, 0, 0, 0), "the cursor did not move back");
    assert_eq!(s.ids(&made), ["g1", "x1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_failed_by_the_outside_leaves_its_files_to_the_next() {
    let s = setting("outside").await;
    s.bucket.put("in/a.csv", "id,visits\na1,1\n").await;
    let path = format!("{FLOW}/connections/{}", s.base);
    s.forebay
        .patch(&path, json!([{ "op": "replace", "path": "/auth/params/s3SecretKey", "value": "wrong-wrong-wrong" }]))
        .await;
    assert_eq!(s.forebay.get(&format!("{path}/test")).await["result"], false, "a failed login is false with 200");
    let made = s.folder_flow(Value::Null).await;
    let failed = s.forebay.settled(&made.flow).await.remove(0);
    assert_eq!(failed["state"], "failed");
    assert_eq!(failed["metrics"]["statusSummary"]["errors"][0]["code"], "CONNECTOR-1001-500", "{failed:#}");
    s.forebay
        .patch(&path, json!([{ "op": "replace", "path": "/auth/params/s3SecretKey", "value": s.bucket.secret_key }]))
        .await;
    assert_eq!(counts(&s.run(&made).await), (1, 1, 0, 0));
    let id = failed["id"].as_str().unwrap();
    s.forebay.post(&format!("{FLOW}/runs/{id}/action?op=re_trigger"), Value::Null).await;
    let again = s.forebay.settled(&made.flow).await.into_iter().find(|r| r["id"] == id).unwrap();
    assert_eq!((again["state"].as_str(), counts(&again)), (Some("success"), (0, 0, 0, 0)));
    assert_eq!(s.ids(&made), ["a1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_file_is_said_with_its_name_and_nothing_of_the_run_shows() {
    let s = setting("bad").await;
    let gzip = json!({ "compressionType": "gzip" });
    // A gzip member cut short, a Parquet file without its footer, a header with one name twice.
    let cases: [(&str, &[u8], &str, Value, &str); 3] = [
        ("cut.csv.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xcb, 0x4c], "delimited", gzip, "cut.csv.gz"),
        ("broken.parquet", b"PAR1 this is not a footer PAR1", "parquet", Value::Null, "broken.parquet"),
        ("twice.csv", b"id,visits,id\n1,2,3\n", "delimited", Value::Null, "twice"),
    ];
    for (name, bytes, format, properties, said) in cases {
        let path = format!("/bad/{name}");
        s.bucket.put(&path[1..], bytes.to_vec()).await;
        let spec = FlowSpec {
            base: &s.base,
            path: &path,
            kind: "file",
            format,
            properties,
            schema: &s.schema,
            rules: s.rules(),
            options: Value::Null,
        };
        let made = s.forebay.flow(spec).await;
        let run = s.forebay.settled(&made.flow).await.remove(0);
        assert_eq!(run["state"], "failed", "{name}: {run:#}");
        let errors = run["activities"].to_string();
        assert!(errors.contains(said), "{name}: the error does not say what it is about: {:#}", run["activities"]);
        assert!(!errors.contains("FLOW-1400"), "{name}: not our bug: {:#}", run["activities"]);
        assert!(!made.table.exists() || s.ids(&made).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_folder_is_a_run_of_nothing_and_a_missing_bucket_is_named() {
    let s = setting("empty").await;
    let made = s.folder_flow(Value::Null).await;
    let run = s.forebay.settled(&made.flow).await.remove(0);
    assert_eq!((run["state"].as_str(), counts(&run)), (Some("success"), (0, 0, 0, 0)), "{run:#}");
    let path = format!("{FLOW}/connections/{}", s.base);
    s.forebay
        .patch(
            &path,
            json!([{ "op": "replace", "path": "/auth/params/bucketName", "value": "there-is-no-such-bucket" }]),
        )
        .await;
    let run = s.run(&made).await;
    assert_eq!(run["state"], "failed");
    assert!(run["activities"].to_string().contains("there-is-no-such-bucket"), "{:#}", run["activities"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_of_a_deleted_dataset_is_removed() {
    let s = setting("removed").await;
    s.bucket.put("in/a.csv", "id,visits\na1,1\n").await;
    let made = s.folder_flow(Value::Null).await;
    s.forebay.settled(&made.flow).await;
    assert!(made.table.exists());
    let dataset = format!("/data/foundation/catalog/dataSets/{}", made.dataset);
    let (status, answer) = s.forebay.call("DELETE", &dataset, None, &[]).await;
    assert_eq!(status, 409, "a flow still writes to it: {answer}");
    for path in [format!("{FLOW}/flows/{}", made.flow), format!("{FLOW}/targetConnections/{}", made.target)] {
        assert_eq!(s.forebay.call("DELETE", &path, None, &[]).await.0, 204, "FS-ENV-8: {path}");
        assert_eq!(s.forebay.call("GET", &path, None, &[]).await.0, 404, "FS-ENV-8: {path}");
    }
    assert_eq!(s.forebay.call("DELETE", &dataset, None, &[]).await.0, 200);
    let began = std::time::Instant::now();
    while made.table.exists() {
        assert!(began.elapsed().as_secs() < 60, "the table is still there");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}
