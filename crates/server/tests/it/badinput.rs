//! Files and mappings that are wrong, one by one: each is told with what, where and why, nothing crashes, and no good
//! row is lost beside a bad one.

use crate::harness::{Bucket, FLOW, FULL, FlowSpec, Forebay, LAKE, Made, S3, column, counts, encoded, id, python};
use serde_json::{Value, json};
use std::io::Write;

struct Scene {
    bucket: Bucket,
    forebay: Forebay,
    base: String,
    schema: String,
    tenant: String,
}

async fn scene(name: &str) -> Scene {
    let bucket = Bucket::playground(name).await;
    let forebay = Forebay::start().await;
    let base = forebay.connect(&bucket).await;
    let (schema, tenant) = forebay.people_schema().await;
    Scene { bucket, forebay, base, schema, tenant }
}

/// One bad file, and what becomes of it.
struct Case {
    name: &'static str,
    bytes: Vec<u8>,
    format: &'static str,
    properties: Value,
    percent: Option<u32>,
    state: &'static str,
    /// Input, output, failed, skipped; none where a file breaks, for how much of it was read is not promised.
    counts: Option<(u64, u64, u64, u64)>,
    /// What the run says of it.
    said: &'static [&'static str],
}

impl Case {
    fn fails(name: &'static str, bytes: impl Into<Vec<u8>>, said: &'static [&'static str]) -> Case {
        Case {
            name,
            bytes: bytes.into(),
            format: "delimited",
            properties: Value::Null,
            percent: Some(50),
            state: "failed",
            counts: None,
            said,
        }
    }

    fn lands(
        name: &'static str,
        bytes: impl Into<Vec<u8>>,
        counts: (u64, u64, u64, u64),
        said: &'static [&'static str],
    ) -> Case {
        Case { counts: Some(counts), state: "success", ..Case::fails(name, bytes, said) }
    }

    fn json(self) -> Case {
        Case { format: "json", ..self }
    }

    fn parquet(self) -> Case {
        Case { format: "parquet", ..self }
    }

    fn packed(self, how: &str) -> Case {
        Case { properties: json!({ "compressionType": how }), ..self }
    }

    fn counted(self, counts: (u64, u64, u64, u64)) -> Case {
        Case { counts: Some(counts), ..self }
    }

    fn strict(self) -> Case {
        Case { percent: None, ..self }
    }
}

impl Scene {
    fn rules(&self) -> Value {
        let own = |name: &str| format!("_{}.{name}", self.tenant);
        json!([{ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" },
            { "sourceType": "ATTRIBUTE", "source": "visits", "destination": own("visits") }])
    }

    async fn flow(&self, path: &str, kind: &str, case: &Case) -> Made {
        let options = case.percent.map_or(Value::Null, |p| json!({ "partialIngestionPercent": p }));
        let spec = FlowSpec {
            base: &self.base,
            path,
            kind,
            format: case.format,
            properties: case.properties.clone(),
            schema: &self.schema,
            rules: self.rules(),
            options,
        };
        self.forebay.flow(spec).await
    }

    /// A preview of the file, declared and found out: rows, or a refusal that is the file's and not ours.
    async fn preview(&self, case: &Case) -> Vec<String> {
        let packed =
            case.properties["compressionType"].as_str().map(|c| format!("&compressionType={c}")).unwrap_or_default();
        let mut faults = Vec::new();
        for how in [format!("fileType={}{packed}", case.format), "determineProperties=true".to_string()] {
            let path = format!(
                "{FLOW}/connections/{}/explore?objectType=file&object=/in/{}&preview=true&{how}",
                self.base, case.name
            );
            let began = std::time::Instant::now();
            let (status, answer) = self.forebay.call("GET", &path, None, &[]).await;
            if !(status == 200 || (400..500).contains(&status) && answer.to_string().contains(case.name)) {
                faults.push(format!("its preview by {how} is {status} {answer}"));
            }
            if began.elapsed().as_secs() >= 10 {
                faults.push(format!("its preview by {how} took {:?}", began.elapsed()));
            }
        }
        faults
    }

    /// Runs each file in a flow of its own.
    async fn check(&self, cases: Vec<Case>) {
        let mut made = Vec::new();
        for case in &cases {
            self.bucket.put_raw(&[(format!("in/{}", case.name), case.bytes.clone())]).await;
            made.push(self.flow(&format!("/in/{}", case.name), "file", case).await);
        }
        let mut wrong = Vec::new();
        for (case, made) in cases.iter().zip(&made) {
            let run = self.forebay.settled(&made.flow).await.remove(0);
            let text = run["activities"].to_string();
            let mut faults = Vec::new();
            if run["state"] != case.state {
                faults.push(format!("it is {}", run["state"]));
            }
            if case.counts.is_some_and(|expected| counts(&run) != expected) {
                faults.push(format!("its counts are {:?}", counts(&run)));
            }
            faults.extend(case.said.iter().filter(|s| !text.contains(**s)).map(|s| format!("it does not say {s:?}")));
            if text.contains("FLOW-1400") || text.contains("panicked") {
                faults.push("it blames us".into());
            }
            faults.extend(self.preview(case).await);
            if !faults.is_empty() {
                wrong.push(format!(
                    "{}: {}: {:#}",
                    case.name,
                    faults.join(", "),
                    run["activities"][1]["statusSummary"]
                ));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn rows(count: usize) -> String {
    let mut text = String::from("id,visits\n");
    for i in 0..count {
        text.push_str(&format!("r{i},{i}\n"));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_delimited_files_are_told_by_file_and_line() {
    let s = scene("csv").await;
    let long = [b"id,visits\na,1\nb,".to_vec(), vec![b'7'; 20 << 20], b"\nc,3\nd,4\n".to_vec()].concat();
    s.check(vec![
        Case::lands("empty.csv", "", (0, 0, 0, 0), &[]),
        Case::lands("header.csv", "id,visits\n", (0, 0, 0, 0), &[]),
        Case::lands("header-without-end.csv", "id,visits", (0, 0, 0, 0), &[]),
        Case::lands("no-last-end.csv", "id,visits\na,1", (1, 1, 0, 0), &[]),
        Case::lands("blank-lines.csv", "id,visits\n\na,1\n\n\nb,2\n\n", (2, 2, 0, 0), &[]),
        Case::lands(
            "ragged.csv",
            "id,visits\na,1\nb\nc,3,4\nd,4\n",
            (4, 2, 2, 0),
            &["INGEST-1401-400", "ragged.csv", "2 rows rejected, 2 stored"],
        ),
        Case::fails("ragged-strict.csv", "id,visits\na,1\nb\n", &["INGEST-1212-400", "ragged-strict.csv", "1 of 2"])
            .strict()
            .counted((2, 0, 1, 1)),
        Case::fails("unclosed.csv", "id,visits\na,1\n\"b,2\nc,3\n", &["unclosed.csv", "line 3"]),
        Case::lands("long-line.csv", long, (4, 3, 1, 0), &["INGEST-1401-400", "16 MiB", "long-line.csv"]),
        Case::fails("twice.csv", "id,visits,id\n1,2,3\n", &["twice.csv", "\\\"id\\\" twice"]),
        Case::lands("twice-elsewhere.csv", "id,visits,x,x\n1,2,3,4\n", (1, 1, 0, 0), &[]),
        Case::lands(
            "utf8.csv",
            b"id,visits\na,1\n\xff\xfe\xfd,2\nc,3\n".to_vec(),
            (3, 2, 1, 0),
            &["INGEST-1401-400", "utf8.csv, line 3", "encoding"],
        ),
        Case::lands("nul.csv", b"id,visits\na\0b,1\nc,3\n".to_vec(), (2, 2, 0, 0), &[]),
        Case::lands(
            "numbers.csv",
            "id,visits\na,99999999999999999999\nb,-9223372036854775808\nc,1e400\nd,1.5\n",
            (4, 4, 0, 0),
            &["MAPPER-3700-400", "64 bits", "numbers.csv, line 2"],
        ),
        Case::lands(
            "no-such-column.csv",
            "id,vists\na,1\n",
            (1, 1, 0, 0),
            &["MAPPER-3700-400", "no column", "visits", "vists"],
        ),
        Case::fails(
            "binary.csv",
            (0..=255u8).cycle().take(40_000).collect::<Vec<u8>>(),
            &["binary.csv", "none of the mapped columns"],
        ),
    ])
    .await;
    s.bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_compressed_files_are_told_by_name() {
    let s = scene("packed").await;
    let good = gzip(rows(1_000).as_bytes());
    let cut = good[..good.len() / 2].to_vec();
    let garbage = [good.clone(), b"this is no gzip member".to_vec()].concat();
    let zeros = [good.clone(), vec![0; 512]].concat();
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    let bomb = gzip(&vec![b'x'; 64 << 20]);
    s.check(vec![
        Case::fails("cut.csv.gz", cut, &["cut.csv.gz", "gzip"]).packed("gzip"),
        Case::fails("garbage.csv.gz", garbage, &["garbage.csv.gz", "gzip"]).packed("gzip"),
        Case::fails("zeros.csv.gz", zeros, &["zeros.csv.gz", "gzip"]).packed("gzip"),
        Case::fails("flipped.csv.gz", flipped, &["flipped.csv.gz", "gzip"]).packed("gzip"),
        Case::fails("plain.csv.gz", rows(3), &["plain.csv.gz", "gzip"]).packed("gzip"),
        Case::fails("bomb.csv.gz", bomb, &["bomb.csv.gz", "1000 times"]).packed("gzip"),
        Case::fails("not.zip", rows(3), &["not.zip", "zipDeflate"]).packed("zipDeflate"),
        Case::fails("not.tar", rows(3), &["not.tar", "tar"]).packed("tar"),
        Case::fails("not.bz2", rows(3), &["not.bz2", "bzip2"]).packed("bzip2"),
        Case::lands("empty.csv.gz", gzip(b""), (0, 0, 0, 0), &[]).packed("gzip"),
    ])
    .await;
    let tab = Case {
        properties: json!({ "columnDelimiter": "\\t" }),
        ..Case::lands("tab.csv", rows(3).replace(',', "\t"), (3, 3, 0, 0), &[])
    };
    s.check(vec![tab]).await;
    s.bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_json_files_lose_the_bad_records_alone() {
    let s = scene("json").await;
    let line = |id: &str| format!("{{\"id\":\"{id}\",\"visits\":1}}\n");
    let deep_line = format!(
        "{}{}{}{}\n{}",
        line("a"),
        "{\"id\":\"deep\",\"visits\":".to_string() + &"[".repeat(5_000),
        "]".repeat(5_000),
        "}",
        line("b")
    );
    let long = format!("{}{{\"id\":\"long\",\"x\":\"{}\"}}\n{}", line("a"), "x".repeat(20 << 20), line("b"));
    s.check(vec![
        Case::lands("empty.json", "", (0, 0, 0, 0), &[]).json(),
        Case::lands("blank.json", " \n\n", (0, 0, 0, 0), &[]).json(),
        Case::lands("array.json", "[]", (0, 0, 0, 0), &[]).json(),
        Case::lands(
            "broken.json",
            format!("{}{{\"id\":\"b\",\n{}", line("a"), line("c")),
            (3, 2, 1, 0),
            &["INGEST-1401-400", "broken.json"],
        )
        .json(),
        Case::lands(
            "scalar.json",
            format!("{}7\n{}", line("a"), line("c")),
            (3, 2, 1, 0),
            &["INGEST-1401-400", "scalar.json"],
        )
        .json(),
        Case::lands("deep.json", deep_line, (3, 2, 1, 0), &["INGEST-1401-400", "deep.json"]).json(),
        Case::fails("abyss.json", "[".repeat(2_000_000), &["abyss.json"]).json(),
        Case::lands("long.json", long, (3, 2, 1, 0), &["INGEST-1401-400", "16 MiB", "long.json"]).json(),
        Case::lands(
            "utf8.json",
            [line("a").into_bytes(), b"{\"id\":\"\xff\"}\n".to_vec(), line("c").into_bytes()].concat(),
            (3, 2, 1, 0),
            &["INGEST-1401-400", "utf8.json"],
        )
        .json(),
        Case::lands(
            "numbers.json",
            "{\"id\":\"a\",\"visits\":1e400}\n{\"id\":\"b\",\"visits\":99999999999999999999}\n",
            (2, 2, 0, 0),
            &["MAPPER-3700-400"],
        )
        .json(),
        Case::lands(
            "shapes.json",
            "{\"id\":{\"x\":1},\"visits\":[1]}\n{\"id\":\"b\",\"visits\":{}}\n",
            (2, 2, 0, 0),
            &[],
        )
        .json(),
        Case::fails("cut-array.json", "[{\"id\":\"a\",\"visits\":1},{\"id\":\"b\"", &["cut-array.json"]).json(),
    ])
    .await;
    s.bucket.end().await;
}

const PARQUET: &str = r#"
import sys, pyarrow as pa, pyarrow.parquet as pq, datetime
at = sys.argv[1]
pq.write_table(pa.table({"id": ["a"], "visits": pa.array([1], pa.int64())}), at + "/1.parquet")
pq.write_table(pa.table({"extra": [True], "visits": pa.array([2.0], pa.float64()), "id": pa.array([7], pa.int64())}), at + "/2.parquet")
pq.write_table(pa.table({"id": ["c"]}), at + "/3.parquet")
pq.write_table(pa.table({"id": pa.array(["d"]).dictionary_encode(), "visits": pa.array([4], pa.int8())}), at + "/4.parquet")
pq.write_table(pa.table({"id": pa.array([], pa.string()), "visits": pa.array([], pa.int64())}), at + "/5.parquet")
pq.write_table(pa.table({"id": ["f"], "visits": ["6"]}), at + "/6.parquet")
"#;

#[tokio::test(flavor = "multi_thread")]
async fn parquet_files_of_different_shapes_land_in_one_run_and_broken_ones_are_named() {
    let s = scene("parquet").await;
    let work = tempfile::tempdir().unwrap();
    let out = std::process::Command::new(python()).args(["-c", PARQUET]).arg(work.path()).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    s.bucket.put_folder(work.path(), "mixed").await;
    let whole = std::fs::read(work.path().join("1.parquet")).unwrap();
    let mut broken = whole.clone();
    let footer = broken.len() - 40;
    broken[footer..footer + 20].fill(0xff);
    let case = Case::lands("mixed", "", (5, 5, 0, 0), &[]).parquet();
    let mixed = s.flow("/mixed/", "folder", &case).await;
    s.check(vec![
        Case::fails("footer.parquet", broken, &["footer.parquet"]).parquet(),
        Case::fails("cut.parquet", whole[..whole.len() - 10].to_vec(), &["cut.parquet"]).parquet(),
        Case::fails("text.parquet", "id,visits\n1,2\n", &["text.parquet"]).parquet(),
        Case::fails("tiny.parquet", "PAR1", &["tiny.parquet"]).parquet(),
        Case::fails("parquet.csv", whole, &["parquet.csv"]),
    ])
    .await;
    let run = s.forebay.settled(&mixed.flow).await.remove(0);
    assert_eq!((run["state"].as_str(), counts(&run)), (Some("success"), (5, 5, 0, 0)), "{run:#}");
    assert_eq!(column(&mixed.table, "_id"), ["7", "a", "c", "d", "f"]);
    assert_eq!(
        column(&mixed.table, &format!("_{}.visits", s.tenant)),
        [1, 2, 4, 6].map(Value::from).into_iter().chain([Value::Null]).collect::<Vec<_>>().sorted()
    );
    s.bucket.end().await;
}

trait Sorted {
    fn sorted(self) -> Self;
}

impl Sorted for Vec<Value> {
    /// As the oracle sorts: numbers first.
    fn sorted(mut self) -> Self {
        self.sort_by_key(|v| v.as_i64().unwrap_or(i64::MAX));
        self
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_a_required_field_is_rejected_and_the_others_land() {
    let s = scene("required").await;
    let schema = json!({ "type": "object", "title": "Events", "allOf": [{ "$ref": "https://ns.adobe.com/xdm/context/experienceevent" }] });
    let schema = s.forebay.post("/data/foundation/schemaregistry/tenant/schemas", schema).await["$id"]
        .as_str()
        .unwrap()
        .to_string();
    s.bucket
        .put(
            "in/events.csv",
            "id,at\ne1,2024-07-01T10:00:00Z\ne2,\n,2024-07-01T10:00:00Z\ne4,yesterday\ne5,2024-07-01T11:00:00Z\n",
        )
        .await;
    let rules = json!([{ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" }, { "sourceType": "ATTRIBUTE", "source": "at", "destination": "timestamp" }]);
    let options = json!({ "partialIngestionPercent": 80 });
    let spec = FlowSpec {
        base: &s.base,
        path: "/in/events.csv",
        kind: "file",
        format: "delimited",
        properties: Value::Null,
        schema: &schema,
        rules,
        options,
    };
    let made = s.forebay.flow(spec).await;
    let run = s.forebay.settled(&made.flow).await.remove(0);
    assert_eq!((run["state"].as_str(), counts(&run)), (Some("success"), (5, 2, 3, 0)), "{run:#}");
    let text = run["activities"].to_string();
    assert!(text.contains("INGEST-1555-400") && text.contains("timestamp"), "{text}");
    assert_eq!(column(&made.table, "_id"), ["e1", "e5"]);
    let batch = run["activities"][1]["targetInfo"][0]["reference"]["ids"][0].as_str().unwrap();
    let samples =
        s.forebay.get(&format!("/data/foundation/export/batches/{batch}/meta?path=row_error_samples.json")).await;
    let mut lines: Vec<u64> = samples
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| r["_errors"].to_string().contains("INGEST-1555-400"))
        .map(|r| r["_line"].as_u64().unwrap())
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, [3, 4, 5], "{samples:#}");
    s.bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_refused_where_it_is_named() {
    let s = scene("refused").await;
    s.bucket.put("a.csv", rows(2)).await;
    for (name, value, said) in [
        ("columnDelimiter", "||", "columnDelimiter"),
        ("columnDelimiter", "§", "columnDelimiter"),
        ("encoding", "klingon", "klingon"),
        ("compressionType", "rar", "rar"),
    ] {
        let mut data = json!({ "format": "delimited", "properties": {} });
        data["properties"][name] = json!(value);
        let body = json!({ "name": "s", "baseConnectionId": s.base, "connectionSpec": { "id": S3, "version": "1.0" }, "data": data, "params": { "path": "/a.csv", "type": "file" } });
        let (status, answer) = s.forebay.call("POST", &format!("{FLOW}/sourceConnections"), Some(body), &[]).await;
        assert!(
            status == 400 && answer.to_string().contains(said) && answer.to_string().contains(name),
            "{name}={value}: {status} {answer}"
        );
        let path = format!(
            "{FLOW}/connections/{}/explore?objectType=file&object=/a.csv&fileType=delimited&{name}={}",
            s.base,
            encoded(value)
        );
        let (status, answer) = s.forebay.call("GET", &path, None, &[]).await;
        assert!(status == 400 && answer.to_string().contains(said), "explore {name}={value}: {status} {answer}");
    }
    let missing = [
        ("file&object=/nothing.csv&fileType=delimited", 404),
        ("folder&object=/nothing/", 404),
        ("file&object=/nothing.csv&determineProperties=true", 404),
        ("bucket", 400),
        ("file&object=/a.csv", 400),
    ];
    for (query, expected) in missing {
        let (status, answer) = s
            .forebay
            .call("GET", &format!("{FLOW}/connections/{}/explore?objectType={query}", s.base), None, &[])
            .await;
        assert_eq!(status, expected, "{query}: {answer}");
    }
    s.bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_and_missing_buckets_are_the_providers_failures() {
    let s = scene("keys").await;
    let mut wrong = s.bucket.params();
    wrong["s3SecretKey"] = json!("not-the-secret");
    let mut missing = s.bucket.params();
    missing["bucketName"] = json!("no-such-bucket-here");
    let mut nobody = s.bucket.params();
    // A port where nobody listens.
    nobody["serviceUrl"] = json!(format!(
        "http://127.0.0.1:{}",
        std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
    ));
    for (params, statuses, said) in
        [(wrong, [500, 500], "secret"), (missing, [404, 500], "no-such-bucket-here"), (nobody, [503, 503], "127.0.0.1")]
    {
        let base = s.forebay.connect_by(params).await;
        assert_eq!(s.forebay.get(&format!("{FLOW}/connections/{base}/test")).await["result"], false);
        // A service that is down is asked again for some seconds.
        let queries: &[&str] = if statuses[0] == 503 {
            &["root"]
        } else {
            &["root", "folder&object=/in/", "file&object=/a.csv&fileType=delimited"]
        };
        for query in queries {
            let (status, answer) = s
                .forebay
                .call("GET", &format!("{FLOW}/connections/{base}/explore?objectType={query}"), None, &[])
                .await;
            let text = answer.to_string();
            assert!(statuses.contains(&status) && !text.contains("FLOW-1400"), "{said}, {query}: {status} {answer}");
            assert!(
                text.contains("FLOW-11"),
                "the provider's failure has a code of its own: {said}, {query}: {status} {answer}"
            );
            if *query == "root" {
                assert!(text.contains(said), "{said}: {answer}");
            }
        }
    }
    s.bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mapping_that_cannot_work_is_refused_with_its_place() {
    let s = scene("mapping").await;
    s.bucket.put("a.csv", rows(2)).await;
    let output = json!({ "schemaRef": { "id": s.schema, "contentType": FULL } });
    let attribute = |source: &str, to: &str| json!({ "sourceType": "ATTRIBUTE", "source": source, "destination": to });
    let expression =
        |source: &str, to: &str| json!({ "sourceType": "EXPRESSION", "source": source, "destination": to });
    let cases: [(Value, &[&str]); 6] = [
        (attribute("id", "person.name.firtName"), &["person.name.firtName", "person.name.firstName"]),
        (expression("concta(id, \"x\")", "_id"), &["concta", "concat"]),
        (expression("matches_regex(id, \"(?=a)\")", "_id"), &["matches_regex", "looks around"]),
        (expression("concat(id, ", "_id"), &["11"]),
        (expression("upper(id, id, id)", "_id"), &["upper"]),
        (expression("id +* 2", "_id"), &["*"]),
    ];
    for (rule, said) in cases {
        let set = json!({ "outputSchema": output, "mappings": [rule] });
        // Asked for no validation, the set is stored, and the flow is where it is refused.
        let (status, refused) =
            s.forebay.call("POST", "/data/foundation/conversion/mappingSets", Some(set.clone()), &[]).await;
        assert!((400..500).contains(&status), "{rule}: {status} {refused}");
        for text in said {
            assert!(refused.to_string().contains(text), "{rule} does not say {text:?}: {refused}");
        }
        let set = id(&s.forebay.post("/data/foundation/conversion/mappingSets?validate=False", set).await);
        let (status, answer) =
            s.forebay.call("POST", &format!("{FLOW}/flows"), Some(s.flow_body(&set).await), &[]).await;
        assert_eq!(status, 400, "{rule}: {answer}");
        for text in said {
            assert!(answer.to_string().contains(text), "{rule} at the flow does not say {text:?}: {answer}");
        }
    }
    s.bucket.end().await;
}

impl Scene {
    async fn flow_body(&self, set: &str) -> Value {
        let source = json!({ "name": "s", "baseConnectionId": self.base, "connectionSpec": { "id": S3, "version": "1.0" }, "data": { "format": "delimited" }, "params": { "path": "/a.csv", "type": "file" } });
        let source = id(&self.forebay.post(&format!("{FLOW}/sourceConnections"), source).await);
        let dataset = self.forebay.dataset(&self.schema).await;
        let target = json!({ "name": "t", "connectionSpec": { "id": LAKE, "version": "1.0" }, "data": { "schema": { "id": self.schema, "version": FULL } }, "params": { "dataSetId": dataset } });
        let target = id(&self.forebay.post(&format!("{FLOW}/targetConnections"), target).await);
        json!({ "name": "flow", "flowSpec": { "id": "9753525b-82c7-4dce-8a9b-5ccfce2b9876", "version": "1.0" }, "sourceConnectionIds": [source], "targetConnectionIds": [target],
            "transformations": [{ "name": "Mapping", "params": { "mappingId": set, "mappingVersion": 0 } }], "scheduleParams": { "startTime": 0, "frequency": "once" } })
    }
}
