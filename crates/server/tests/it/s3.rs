//! What S3 servers do to their clients: many keys, odd keys, patterns, buckets, both spellings of a key pair; objects
//! that change and connections that break while a run reads.

use crate::harness::{Bucket, FLOW, FlowSpec, Forebay, Made, column, counts, encoded};
use forebay_playground::fault::{self, Fault, Proxy};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Scene {
    forebay: Forebay,
    schema: String,
    rules: Value,
}

async fn scene() -> Scene {
    let forebay = Forebay::start().await;
    let (schema, tenant) = forebay.people_schema().await;
    let rules = json!([{ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" },
        { "sourceType": "ATTRIBUTE", "source": "visits", "destination": format!("_{tenant}.visits") }]);
    Scene { forebay, schema, rules }
}

impl Scene {
    async fn flow(&self, base: &str, path: &str, kind: &str, recursive: bool) -> Made {
        let spec = FlowSpec {
            base,
            path,
            kind,
            format: "delimited",
            properties: Value::Null,
            schema: &self.schema,
            rules: self.rules.clone(),
            options: Value::Null,
        };
        self.forebay.flow_of(spec, recursive).await
    }

    /// The only run of a flow; it must have succeeded.
    async fn landed(&self, made: &Made) -> Value {
        let run = self.forebay.settled(&made.flow).await.remove(0);
        assert_eq!(run["state"], "success", "{run:#}");
        run
    }

    async fn explore(&self, base: &str, path: &str) -> Vec<Value> {
        let kind = if path.is_empty() { "root".to_string() } else { format!("folder&object={}", encoded(path)) };
        let answer = self.forebay.get(&format!("{FLOW}/connections/{base}/explore?objectType={kind}")).await;
        answer.as_array().unwrap_or_else(|| panic!("{answer}")).clone()
    }
}

/// A file of one row.
fn one(id: &str) -> Vec<u8> {
    format!("id,visits\n{id},1\n").into_bytes()
}

fn names(entries: &[Value], member: &str) -> BTreeSet<String> {
    entries.iter().map(|e| e[member].as_str().unwrap().to_string()).collect()
}

fn ids(made: &Made) -> Vec<String> {
    column(&made.table, "_id").into_iter().map(|v| v.as_str().unwrap().to_string()).collect()
}

async fn many_keys(bucket: Bucket) {
    let s = scene().await;
    let objects: Vec<(String, Vec<u8>)> =
        (0..1_200).map(|i| (format!("in/f-{i:05}.csv"), one(&format!("r{i:05}")))).collect();
    bucket.put_raw(&objects).await;
    let base = s.forebay.connect(&bucket).await;
    let shown = s.explore(&base, "/in/").await;
    assert_eq!(names(&shown, "path").len(), 1_200, "explore shows more than one page of keys");
    let made = s.flow(&base, "/in/", "folder", true).await;
    let run = s.landed(&made).await;
    assert_eq!(counts(&run), (1_200, 1_200, 0, 0));
    assert_eq!(run["metrics"]["fileSummary"]["inputFileCount"], 1_200);
    let expected: Vec<String> = (0..1_200).map(|i| format!("r{i:05}")).collect();
    assert_eq!(ids(&made), expected);
    bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_keys_than_a_page_holds_are_all_taken_once() {
    many_keys(Bucket::seaweed("many").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_keys_than_a_page_of_the_playground_are_all_taken_once() {
    many_keys(Bucket::playground("many").await).await;
}

/// Keys as users write them, and as they should not. Those that SeaweedFS itself cannot hold are the playground's.
const ODD: [&str; 13] = [
    "two words.csv",
    "a+b.csv",
    "100%.csv",
    "%2F.csv",
    "a%2Fb%20c.csv",
    "日本語 ä.csv",
    "it's \"q\".csv",
    "#hash?x=1&y.csv",
    "[b]{c}.csv",
    "star*.csv",
    "semi;colon,comma=.csv",
    "trailing ",
    "<tag>@:~!$()'.csv",
];
const ODDER: [&str; 4] = ["back\\slash.csv", "a//b.csv", "deep/../up.csv", "/leading.csv"];

async fn odd_keys(bucket: Bucket, keys: &[&str]) {
    let s = scene().await;
    let objects: Vec<(String, Vec<u8>)> =
        keys.iter().enumerate().map(|(i, key)| (format!("in/{key}"), one(&format!("r{i:02}")))).collect();
    bucket.put_raw(&objects).await;
    let base = s.forebay.connect(&bucket).await;
    let all = s.flow(&base, "/in/", "folder", true).await;
    let mut each = Vec::new();
    for key in keys {
        each.push(s.flow(&base, &format!("/in/{key}"), "file", false).await);
    }
    assert_eq!(counts(&s.landed(&all).await), (keys.len() as u64, keys.len() as u64, 0, 0));
    assert_eq!(ids(&all), (0..keys.len()).map(|i| format!("r{i:02}")).collect::<Vec<_>>());
    let shown = names(&s.explore(&base, "/in/").await, "path");
    for (i, key) in keys.iter().enumerate() {
        if ODD.contains(key) {
            assert!(shown.contains(&format!("/in/{key}")), "{key:?} is not in {shown:?}");
        }
        let path = format!(
            "{FLOW}/connections/{base}/explore?objectType=file&object={}&fileType=delimited&preview=true",
            encoded(&format!("/in/{key}"))
        );
        assert_eq!(s.forebay.get(&path).await["data"][0]["id"], format!("r{i:02}"), "{key:?}");
        assert_eq!(counts(&s.landed(&each[i]).await), (1, 1, 0, 0), "{key:?}");
    }
    bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_keys_are_listed_previewed_and_read_as_they_are() {
    odd_keys(Bucket::seaweed("odd").await, &ODD).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_look_like_paths_are_not_normalised() {
    odd_keys(Bucket::playground("odder").await, &[ODD.as_slice(), &ODDER].concat()).await;
}

async fn patterns(bucket: Bucket) {
    let s = scene().await;
    let keys = [
        "in/a.csv",
        "in/b.csv",
        "in/c.txt",
        "in/sub/d.csv",
        "in/sub/deep/e.csv",
        "in/sub/f.txt",
        "inside/g.csv",
        "in.csv",
    ];
    let objects: Vec<(String, Vec<u8>)> = keys.iter().map(|key| (key.to_string(), one(key))).collect();
    bucket.put_raw(&objects).await;
    let base = s.forebay.connect(&bucket).await;
    // What "recursive" says matters for folders alone: a pattern says it itself.
    let cases: [(&str, &str, bool, &[&str]); 11] = [
        ("/in/*.csv", "file", false, &["in/a.csv", "in/b.csv"]),
        ("/in/*.csv", "file", true, &["in/a.csv", "in/b.csv"]),
        ("/in/**/*.csv", "file", false, &["in/a.csv", "in/b.csv", "in/sub/d.csv", "in/sub/deep/e.csv"]),
        ("/in/{a,c}.{csv,txt}", "file", false, &["in/a.csv", "in/c.txt"]),
        ("/in/?.csv", "file", false, &["in/a.csv", "in/b.csv"]),
        ("in/*/*.csv", "file", false, &["in/sub/d.csv"]),
        ("/in/", "folder", false, &["in/a.csv", "in/b.csv", "in/c.txt"]),
        (
            "/in",
            "folder",
            true,
            &["in/a.csv", "in/b.csv", "in/c.txt", "in/sub/d.csv", "in/sub/deep/e.csv", "in/sub/f.txt"],
        ),
        ("/in/s*", "folder", false, &["in/sub/d.csv", "in/sub/f.txt"]),
        ("/", "folder", false, &["in.csv"]),
        ("/in/nothing-*.csv", "file", false, &[]),
    ];
    let mut made = Vec::new();
    for (path, kind, recursive, _) in cases {
        made.push(s.flow(&base, path, kind, recursive).await);
    }
    for ((path, kind, recursive, expected), made) in cases.iter().zip(&made) {
        let run = s.landed(made).await;
        assert_eq!(counts(&run).1, expected.len() as u64, "{path} as {kind}, recursive {recursive}: {run:#}");
        if !expected.is_empty() {
            let rows =
                s.forebay.get(&format!("/data/foundation/export/datasets/{}/preview", made.dataset)).await.to_string();
            for key in *expected {
                assert!(
                    rows.contains(&format!("\"{key}\"")),
                    "{path} as {kind}, recursive {recursive}: {key} is not in {rows}"
                );
            }
        }
    }
    bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_and_folders_select_what_they_say() {
    patterns(Bucket::seaweed("globs").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_and_folders_select_what_they_say_on_the_playground() {
    patterns(Bucket::playground("globs").await).await;
}

async fn spellings(bucket: Bucket) {
    let s = scene().await;
    bucket.put_raw(&[("in/deep/a.csv".into(), one("a")), ("b.csv".into(), one("b"))]).await;
    let (key, secret, endpoint, name) = (&bucket.access_key, &bucket.secret_key, &bucket.endpoint, &bucket.name);

    // Without a bucket the root is the buckets (FS §8.2).
    let base = s.forebay.connect_by(json!({ "s3AccessKey": key, "s3SecretKey": secret, "serviceUrl": endpoint })).await;
    let root = s.explore(&base, "").await;
    let own = root.iter().find(|e| e["name"] == name.as_str()).unwrap_or_else(|| panic!("{name} is not in {root:?}"));
    assert_eq!((own["type"].as_str(), own["path"].as_str()), (Some("folder"), Some(format!("/{name}/").as_str())));
    assert_eq!(
        names(&s.explore(&base, &format!("/{name}/")).await, "path"),
        BTreeSet::from([format!("/{name}/in/"), format!("/{name}/b.csv")])
    );
    let by_bucket = s.flow(&base, &format!("/{name}/in/"), "folder", true).await;
    let by_pattern = s.flow(&base, &format!("/{name}/*.csv"), "file", true).await;

    // A folder of the connection is its root; the other spelling of the pair (FS-SPEC-2).
    let base = s.forebay.connect_by(json!({ "accessKeyId": key, "secretAccessKey": secret, "serviceUrl": endpoint, "bucketName": name, "folderPath": "/in/deep" })).await;
    assert_eq!(names(&s.explore(&base, "").await, "path"), BTreeSet::from(["/a.csv".to_string()]));
    let by_folder = s.flow(&base, "/a.csv", "file", false).await;

    // Names in any case (FS-CON-3).
    let base = s
        .forebay
        .connect_by(json!({ "S3ACCESSKEY": key, "s3secretkey": secret, "ServiceURL": endpoint, "BUCKETNAME": name }))
        .await;
    assert_eq!(s.forebay.get(&format!("{FLOW}/connections/{base}/test")).await["result"], true);
    let shown = s.forebay.get(&format!("{FLOW}/connections/{base}")).await.to_string();
    assert!(!shown.contains(secret.as_str()), "a secret in another case is sealed as well: {shown}");
    let by_case = s.flow(&base, "/b.csv", "file", false).await;
    for made in [&by_bucket, &by_pattern, &by_folder, &by_case] {
        assert_eq!(counts(&s.landed(made).await), (1, 1, 0, 0));
    }
    bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_folders_and_every_spelling_of_the_parameters_work() {
    spellings(Bucket::seaweed("spell").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_folders_and_every_spelling_of_the_parameters_work_on_the_playground() {
    spellings(Bucket::playground("spell").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_token_is_accepted_and_sealed() {
    let bucket = Bucket::playground("session").await;
    bucket.put_raw(&[("a.csv".into(), one("a"))]).await;
    let s = scene().await;
    let mut params = bucket.params();
    params["s3SessionToken"] = json!("a-session-token-of-some-length");
    let base = s.forebay.connect_by(params).await;
    assert_eq!(s.forebay.get(&format!("{FLOW}/connections/{base}/test")).await["result"], true);
    let shown = s.forebay.get(&format!("{FLOW}/connections/{base}")).await;
    assert_eq!(shown["items"][0]["auth"]["params"]["s3SessionToken"], "********");
    assert_eq!(counts(&s.landed(&s.flow(&base, "/a.csv", "file", false).await).await), (1, 1, 0, 0));
    bucket.end().await;
}

/// `rows` rows of one version of a file.
fn version(name: &str, rows: usize) -> Vec<u8> {
    let mut text = String::from("id,visits,note\n");
    for i in 0..rows {
        text.push_str(&format!("{name}-{i:06},{i},some text that makes the file larger than one read of it\n"));
    }
    text.into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_replaced_while_a_run_reads_it_lands_as_one_of_its_versions() {
    let bucket = Bucket::playground("swap").await;
    bucket.put_raw(&[("in/big.csv".into(), version("old", 20_000)), ("in/small.csv".into(), one("small"))]).await;
    let (folder, name) = (bucket.running().folder().clone(), bucket.name.clone());
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = reads.clone();
    // The first answer breaks in the middle; before the reader asks for the rest, the object is another one.
    let script: fault::Script = Arc::new(move |seen| {
        if seen.method != "GET" || !seen.target.contains("big.csv") {
            return Fault::Pass;
        }
        match counted.fetch_add(1, Ordering::SeqCst) {
            0 => Fault::Cut(400_000),
            1 => {
                folder.put(&name, "in/big.csv", &version("new", 15_000), chrono::Utc::now()).unwrap();
                Fault::Pass
            }
            _ => Fault::Pass,
        }
    });
    let proxy = Proxy::start(bucket.running().addr, script).await.unwrap();
    let s = scene().await;
    let mut params = bucket.params();
    params["serviceUrl"] = json!(proxy.url());
    let base = s.forebay.connect_by(params).await;
    let made = s.flow(&base, "/in/", "folder", true).await;
    let run = s.landed(&made).await;
    assert!(reads.load(Ordering::SeqCst) >= 3, "the object was read {} times", reads.load(Ordering::SeqCst));
    assert_eq!(counts(&run), (15_001, 15_001, 0, 0));
    let found = ids(&made);
    assert_eq!(found.iter().filter(|id| id.starts_with("new-")).count(), 15_000, "no mixture of two versions");
    assert_eq!((found.len(), found.iter().collect::<BTreeSet<_>>().len()), (15_001, 15_001));
    let next = s.forebay.run(&made.flow).await;
    let next = s.forebay.settled(&made.flow).await.into_iter().find(|r| r["id"] == next.as_str()).unwrap();
    assert_eq!(counts(&next), (0, 0, 0, 0), "the new version was taken, and is not taken again");
    bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_fails_one_call_in_ten_gives_every_row_once() {
    let bucket = Bucket::playground("faults").await;
    let mut objects: Vec<(String, Vec<u8>)> =
        (0..40).map(|i| (format!("in/f{i:02}.csv"), one(&format!("s{i:02}")))).collect();
    objects.push(("in/big.csv".into(), version("big", 20_000)));
    bucket.put_raw(&objects).await;
    let proxy = Proxy::start(bucket.running().addr, fault::seeded(7, 10)).await.unwrap();
    let s = scene().await;
    let mut params = bucket.params();
    params["serviceUrl"] = json!(proxy.url());
    let base = s.forebay.connect_by(params).await;
    let made = s.flow(&base, "/in/", "folder", true).await;
    assert_eq!(counts(&s.landed(&made).await), (20_040, 20_040, 0, 0));
    let found = ids(&made);
    assert_eq!((found.len(), found.iter().collect::<BTreeSet<_>>().len()), (20_040, 20_040));
    assert!(proxy.seen().len() > 42, "calls were repeated: {}", proxy.seen().len());
    bucket.end().await;
}
