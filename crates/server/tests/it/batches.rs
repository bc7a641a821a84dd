//! Batch ingestion and data access as clients use them (platform.md §6): curl uploads, other readers judge the table.

use crate::harness::{Forebay, column, id};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const IMPORT: &str = "/data/foundation/import/batches";
const EXPORT: &str = "/data/foundation/export";

/// A server, a dataset of people, and its table.
struct Place {
    forebay: Forebay,
    dataset: String,
    tenant: String,
    table: PathBuf,
    work: tempfile::TempDir,
}

impl Place {
    async fn new(env: &[(&str, &str)]) -> Place {
        let forebay = Forebay::start_with(env).await;
        let (schema, tenant) = forebay.people_schema().await;
        let dataset = forebay.dataset(&schema).await;
        let found = forebay.get(&format!("/data/foundation/catalog/dataSets/{dataset}")).await;
        let sandbox = found[&dataset]["sandboxId"].as_str().unwrap().to_string();
        let table = forebay.data.join("lake/tables").join(sandbox).join(&dataset);
        Place { forebay, dataset, tenant, table, work: tempfile::tempdir().unwrap() }
    }

    async fn batch(&self, format: &str, more: Value) -> String {
        let mut body = json!({ "datasetId": self.dataset, "inputFormat": { "format": format } });
        body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        id(&self.forebay.post(IMPORT, body).await)
    }

    fn file(&self, batch: &str, name: &str) -> String {
        format!("{IMPORT}/{batch}/datasets/{}/files/{name}", self.dataset)
    }

    /// curl, with all headers; answers status, response headers and body.
    async fn curl(&self, path: &str, more: &[&str]) -> (u16, String, Vec<u8>) {
        let (head, body) = (self.work.path().join("head"), self.work.path().join("body"));
        std::fs::write(&body, "").unwrap();
        let credential = |name: &str| self.forebay.credentials[name].as_str().unwrap().to_string();
        let headers = [
            format!("authorization: Bearer {}", self.forebay.token),
            format!("x-api-key: {}", credential("apiKey")),
            format!("x-gw-ims-org-id: {}", credential("imsOrgId")),
            format!("x-sandbox-name: {}", credential("sandbox")),
        ];
        let mut command = tokio::process::Command::new("curl");
        command.args(["-sS", "--noproxy", "*", "-w", "%{http_code}"]);
        command.arg("-D").arg(&head).arg("-o").arg(&body);
        for header in &headers {
            command.args(["-H", header]);
        }
        let path = path.strip_prefix(&self.forebay.url).unwrap_or(path);
        let out = command.args(more).arg(format!("{}{path}", self.forebay.url)).output().await.expect("curl starts");
        let status = String::from_utf8_lossy(&out.stdout).trim().parse().unwrap_or_else(|_| panic!("{out:?}"));
        (status, std::fs::read_to_string(&head).unwrap().to_ascii_lowercase(), std::fs::read(&body).unwrap())
    }

    async fn put(&self, batch: &str, name: &str, file: &Path) -> u16 {
        let arguments = ["-H", "content-type: application/octet-stream", "-T", file.to_str().unwrap()];
        self.curl(&self.file(batch, name), &arguments).await.0
    }

    async fn act(&self, batch: &str, action: &str) -> u16 {
        self.forebay.call("POST", &format!("{IMPORT}/{batch}?action={action}"), None, &[]).await.0
    }

    /// The batch, once it has ended.
    async fn ended(&self, batch: &str) -> Value {
        let began = Instant::now();
        loop {
            let found = self.forebay.get(&format!("/data/foundation/catalog/batches/{batch}")).await;
            let found = &found[batch];
            if !["staged", "processing", "inactive"].contains(&found["status"].as_str().unwrap()) {
                return found.clone();
            }
            assert!(began.elapsed() < Duration::from_secs(120), "the batch does not end: {found:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.work.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uploaded_file_is_stored_read_back_in_ranges_and_taken_back() {
    let place = Place::new(&[]).await;
    let text = format!("_id,person.name.fullName,_{}.visits\na,Ada,1\nb,Grace,2\nc,Joan,3,4\n", place.tenant);
    let file = place.write("people.csv", &text);
    let batch = place.batch("csv", json!({ "partialIngestionPercentage": 50 })).await;
    assert_eq!(place.put(&batch, "in/people.csv", &file).await, 200);
    let (status, head, _) = place.curl(&place.file(&batch, "in/people.csv"), &["-I"]).await;
    assert_eq!(status, 200);
    assert!(head.contains(&format!("content-length: {}", text.len())), "{head}");
    assert_eq!(place.act(&batch, "COMPLETE").await, 200);
    let found = place.ended(&batch).await;
    assert_eq!(found["status"], "success", "{found:#}");
    let count = |name: &str| found["metrics"][name].as_u64().unwrap();
    assert_eq!(
        (count("inputRecordCount"), count("outputRecordCount"), count("failedRecordCount")),
        (3, 2, 1),
        "{found:#}"
    );
    assert_eq!(column(&place.table, "_id"), ["a", "b"].map(Value::from));
    assert_eq!(column(&place.table, &format!("_{}.visits", place.tenant)), [json!(1), json!(2)]);

    // Data access: the batch's file, whole and in ranges.
    let files = place.forebay.get(&format!("{EXPORT}/batches/{batch}/files")).await;
    let listing = files["data"][0]["_links"]["self"]["href"].as_str().unwrap().to_string();
    let listing = place.forebay.get(listing.strip_prefix(&place.forebay.url).unwrap()).await;
    let href = listing["data"][0]["_links"]["self"]["href"].as_str().unwrap().to_string();
    let length: usize = listing["data"][0]["length"].as_str().expect("a length is a text").parse().unwrap();
    let (status, head, whole) = place.curl(&href, &[]).await;
    assert_eq!((status, whole.len(), &whole[..4], &whole[length - 4..]), (200, length, &b"PAR1"[..], &b"PAR1"[..]));
    let etag = head.lines().find_map(|line| line.strip_prefix("etag: ")).expect("it has an etag").trim().to_string();
    let mut pieced = Vec::new();
    while pieced.len() < length {
        let range = format!("range: bytes={}-{}", pieced.len(), pieced.len() + 999);
        let (status, head, part) = place.curl(&href, &["-H", &range, "-H", &format!("if-range: {etag}")]).await;
        assert_eq!(status, 206, "{head}");
        assert!(head.contains(&format!("content-range: bytes {}-", pieced.len())), "{head}");
        pieced.extend(part);
    }
    assert_eq!(pieced, whole);
    assert_eq!(place.curl(&href, &["-H", &format!("range: bytes={length}-")]).await.0, 416);
    let (status, _, failed) = place.curl(&format!("{EXPORT}/batches/{batch}/failed"), &[]).await;
    let failed: Value = serde_json::from_slice(&failed).unwrap();
    let href = failed["data"][0]["_links"]["self"]["href"].as_str().unwrap();
    let (_, _, line) = place.curl(href, &[]).await;
    let line: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!((status, &line["_filename"], &line["_line"]), (200, &json!("in/people.csv"), &json!(4)), "{line}");
    let inputs = place.forebay.get(&format!("{EXPORT}/batches/{batch}/meta?path=input_files")).await;
    let href = inputs["data"][0]["_links"]["self"]["href"].as_str().unwrap();
    let (_, _, line) = place.curl(href, &[]).await;
    assert_eq!(serde_json::from_slice::<Value>(&line).unwrap()["path"], "in/people.csv");

    assert_eq!(place.act(&batch, "REVERT").await, 200);
    assert_eq!(place.ended(&batch).await["status"], "deleted");
    assert!(column(&place.table, "_id").is_empty());
    let files = place.forebay.get(&format!("{EXPORT}/batches/{batch}/files")).await;
    assert_eq!(files["data"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_for_a_request_goes_in_ranges_and_memory_does_not_grow_with_it() {
    let place = Place::new(&[("FOREBAY_UPLOAD_REQUEST_MB", "64")]).await;
    let batch = place.batch("json", Value::Null).await;
    // 96 MiB of lines of 1 KiB.
    let mut text = String::new();
    for n in 0..96 * 1024 {
        let line = format!("{{\"_id\":\"p{n:06}\",\"more\":\"");
        text.push_str(&line);
        text.extend(std::iter::repeat_n('x', 1024 - line.len() - 3));
        text.push_str("\"}\n");
    }
    let file = place.write("large.json", &text);
    let before = place.forebay.peak();
    assert_eq!(place.put(&batch, "large.json", &file).await, 413);
    let (status, _, body) =
        place.curl(&place.file(&batch, "x"), &["-H", "expect:", "-T", file.to_str().unwrap()]).await;
    assert!(status == 413 && String::from_utf8_lossy(&body).contains("67108864 bytes"), "{status}");
    assert_eq!(
        place.curl(&format!("{}?action=initialize", place.file(&batch, "large.json")), &["-X", "POST"]).await.0,
        200
    );
    let piece = 48 << 20;
    for n in 0..2 {
        let part = place.write("part", &text[n * piece..(n + 1) * piece]);
        let range = format!("content-range: bytes {}-{}/{}", n * piece, (n + 1) * piece - 1, text.len());
        let arguments = ["-X", "PATCH", "-H", &range, "-H", "content-type: application/octet-stream", "--data-binary"];
        let mut arguments = arguments.to_vec();
        let named = format!("@{}", part.display());
        arguments.push(&named);
        assert_eq!(place.curl(&place.file(&batch, "large.json"), &arguments).await.0, 200);
    }
    assert_eq!(
        place.curl(&format!("{}?action=complete", place.file(&batch, "large.json")), &["-X", "POST"]).await.0,
        200
    );
    let grown = place.forebay.peak() - before;
    assert!(grown < 80, "uploading took {grown} MiB");
    assert_eq!(place.act(&batch, "COMPLETE").await, 200);
    let found = place.ended(&batch).await;
    assert_eq!(
        (&found["status"], &found["metrics"]["outputRecordCount"]),
        (&json!("success"), &json!(96 * 1024)),
        "{found:#}"
    );
    let began = Instant::now();
    let staging = place.forebay.data.join("lake/staging");
    while files_below(&staging) > 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "the staging area is not emptied");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn files_below(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|e| if e.path().is_dir() { files_below(&e.path()) } else { 1 }).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_at_any_point_each_row_of_a_batch_is_there_exactly_once() {
    let mut place = Place::new(&[]).await;
    let rows = 20_000;
    for round in 0..6 {
        let lines: String = (0..rows).map(|n| format!("{{\"_id\":\"r{round}-{n}\"}}\n")).collect();
        let file = place.write("rows.json", &lines);
        let batch = place.batch("json", Value::Null).await;
        assert_eq!(place.put(&batch, "rows.json", &file).await, 200);
        assert_eq!(place.act(&batch, "COMPLETE").await, 200);
        tokio::time::sleep(Duration::from_millis(round * 60)).await;
        place.forebay.kill();
        place.forebay.resume().await;
        let found = place.ended(&batch).await;
        assert_eq!(
            (&found["status"], &found["metrics"]["outputRecordCount"]),
            (&json!("success"), &json!(rows)),
            "{found:#}"
        );
    }
    let ids = column(&place.table, "_id");
    let distinct: std::collections::BTreeSet<&str> = ids.iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!((ids.len(), distinct.len()), (6 * rows, 6 * rows));
}
