//! Every format and compression of the contract, from an S3 server that is not ours, row by row.

use crate::harness::{Bucket, FlowSpec, Forebay, counts, run_script};
use serde_json::{Value, json};
use std::path::Path;

/// File, format, properties of the source connection, source of the name, which expected rows.
fn cases() -> Vec<(&'static str, &'static str, Value, &'static str, &'static str)> {
    let csv = |properties: Value| ("delimited", properties, "name", "rows");
    let json = |properties: Value| ("json", properties, "name", "rows");
    let comma = || json!({ "columnDelimiter": "," });
    let packed = |kind: &str| json!({ "columnDelimiter": ",", "compressionType": kind });
    let rows = [
        ("plain.csv", csv(comma())),
        ("crlf.csv", csv(comma())),
        ("bom.csv", csv(comma())),
        ("tabs.tsv", csv(json!({ "columnDelimiter": "\\t" }))),
        ("pipes.txt", csv(json!({ "columnDelimiter": "|" }))),
        ("utf16.csv", csv(json!({ "columnDelimiter": ",", "encoding": "UTF-16" }))),
        ("latin.csv", ("delimited", json!({ "columnDelimiter": ",", "encoding": "ISO-8859-1" }), "name", "latin")),
        ("one.csv.gz", csv(packed("gzip"))),
        ("members.csv.gz", csv(packed("gzip"))),
        ("one.csv.bz2", csv(packed("bzip2"))),
        ("zlib.deflate", csv(packed("deflate"))),
        ("raw.deflate", csv(packed("deflate"))),
        ("two.zip", csv(packed("zipDeflate"))),
        ("two.tar", csv(packed("tar"))),
        ("two.tar.gz", csv(packed("tarGzip"))),
        ("lines.json", json(Value::Null)),
        ("array.json", json(Value::Null)),
        ("lines.json.gz", json(json!({ "compressionType": "gzip" }))),
        ("deep.json", ("json", Value::Null, "who.names[0]", "rows")),
        ("typed.parquet", ("parquet", Value::Null, "name", "rows")),
    ];
    rows.into_iter()
        .map(|(file, (format, properties, name, expected))| (file, format, properties, name, expected))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_format_and_compression_lands_the_same_rows() {
    let work = tempfile::tempdir().unwrap();
    run_script("formats.py", &[&work.path().display().to_string()]);
    let bucket = Bucket::seaweed("formats").await;
    bucket.put_folder(work.path(), "in").await;
    let forebay = Forebay::start().await;
    let base = forebay.connect(&bucket).await;
    all_land(&forebay, &base, "/in", work.path()).await;
}

/// A flow from each file of `folder`, which lies at `root` of a connection, lands the rows that were written into it.
pub async fn all_land(forebay: &Forebay, base: &str, root: &str, folder: &Path) {
    let (schema, tenant) = forebay.people_schema().await;
    let expected: Value = serde_json::from_slice(&std::fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let mut made = Vec::new();
    for (file, format, properties, name, kind) in cases() {
        let rules = json!([{ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" },
            { "sourceType": "ATTRIBUTE", "source": name, "destination": "person.name.fullName" },
            { "sourceType": "ATTRIBUTE", "source": "visits", "destination": format!("_{tenant}.visits") }]);
        let path = format!("{root}/{file}");
        let spec = FlowSpec {
            base,
            path: &path,
            kind: "file",
            format,
            properties,
            schema: &schema,
            rules,
            options: Value::Null,
        };
        made.push((file, kind, forebay.flow(spec).await));
    }
    for (file, kind, made) in &made {
        let runs = forebay.settled(&made.flow).await;
        assert_eq!(runs[0]["state"], "success", "{file}: {:#}", runs[0]);
        assert_eq!(counts(&runs[0]), (40, 40, 0, 0), "{file}: {:#}", runs[0]);
        let lines: Vec<String> = expected[*kind].as_array().unwrap().iter().map(|row| line(row, &tenant)).collect();
        let file_of_lines = folder.join("want.jsonl");
        std::fs::write(&file_of_lines, lines.join("\n")).unwrap();
        run_script(
            "oracle.py",
            &["compare", &made.table.display().to_string(), &file_of_lines.display().to_string(), "--key", "_id"],
        );
    }
}

fn line(row: &Value, tenant: &str) -> String {
    let mut target = json!({ "_id": row["_id"], "person": { "name": { "fullName": row["name"] } } });
    target[format!("_{tenant}")] = json!({ "visits": row["visits"] });
    target.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_properties_of_each_file_are_found_out_and_its_rows_previewed() {
    let work = tempfile::tempdir().unwrap();
    run_script("formats.py", &[&work.path().display().to_string()]);
    let bucket = Bucket::playground("sniff").await;
    bucket.put_folder(work.path(), "in").await;
    let forebay = Forebay::start().await;
    let base = forebay.connect(&bucket).await;
    let found = [
        ("plain.csv", json!({ "fileType": "delimited", "columnDelimiter": "," })),
        ("pipes.txt", json!({ "fileType": "delimited", "columnDelimiter": "|" })),
        ("one.csv.gz", json!({ "fileType": "delimited", "columnDelimiter": ",", "compressionType": "gzip" })),
        ("two.zip", json!({ "fileType": "delimited", "columnDelimiter": ",", "compressionType": "zipDeflate" })),
        ("two.tar.gz", json!({ "fileType": "delimited", "columnDelimiter": ",", "compressionType": "tarGzip" })),
        ("lines.json", json!({ "fileType": "json" })),
        ("array.json", json!({ "fileType": "json" })),
        ("typed.parquet", json!({ "fileType": "parquet" })),
    ];
    for (file, properties) in found {
        let path = format!(
            "{}/connections/{base}/explore?objectType=file&object=/in/{file}&determineProperties=true&preview=true",
            crate::harness::FLOW
        );
        let answer = forebay.get(&path).await;
        for (name, value) in properties.as_object().unwrap() {
            assert_eq!(answer["properties"][name], *value, "{file}: {}", answer["properties"]);
        }
        // The preview of an archive is its first file.
        let rows = if file.starts_with("two.") { 20 } else { 40 };
        assert_eq!(answer["data"].as_array().unwrap().len(), rows, "{file}");
        assert_eq!(answer["data"][1]["name"], "Grace, Rear Admiral", "{file}: {}", answer["data"][1]);
    }
    bucket.end().await;
}
