//! Uploaded batches (PL §6): the same promotion as a flow's files, once, whatever happens to the worker.

use super::faulty::{Fault, Faulty};
use super::*;
use forebay_model::files::{FileOptions, Format};
use forebay_model::import::{Import, Piece, STAGED, Upload};
use forebay_store::Secrets;

const DEEP: &str = "https://ns.adobe.com/acme/schemas/deep";

/// What a batch is to be.
struct Batch {
    format: Format,
    percent: Option<f64>,
    diagnostics: bool,
    files: Vec<(&'static str, Vec<Vec<u8>>)>,
}

impl Batch {
    fn json(text: &str) -> Batch {
        Batch { format: Format::Json, percent: None, diagnostics: false, files: vec![("a.json", vec![text.into()])] }
    }
}

impl World {
    async fn dataset(&self, id: &str) {
        let deep = json!({ "$id": DEEP, "type": "object", "title": "Deep", "properties": {
            "id": { "type": "string" }, "n": { "type": "integer", "meta:xdmType": "long" },
            "who": { "type": "object", "properties": { "name": { "type": "string" }, "born": { "type": "string", "format": "date" } } },
            "tags": { "type": "array", "items": { "type": "string" } } }, "required": ["id"] });
        self.put(Resource::Schema, &format!("deep-{id}"), deep).await;
        self.put(Resource::Dataset, id, json!({ "name": id, "schemaRef": { "id": DEEP } })).await;
    }

    /// A completed batch with its files, each in so many pieces.
    async fn upload(&self, id: &str, dataset: &str, batch: Batch) {
        let mut import = Import {
            dataset: dataset.into(),
            sandbox_name: "prod".into(),
            options: FileOptions { format: batch.format, ..FileOptions::default() },
            partial_percent: batch.percent,
            diagnostics: batch.diagnostics,
            files: Default::default(),
            epochs: Vec::new(),
            attempt: 0,
            worker: String::new(),
            lease_until: 0,
            not_before: 0,
            promoted: None,
            merged: None,
        };
        let store = self.lake().store();
        for (name, pieces) in batch.files {
            let mut upload = Upload { done: true, modified: now().timestamp_millis(), pieces: Vec::new() };
            let mut start = 0;
            for (index, bytes) in pieces.into_iter().enumerate() {
                let object = format!("{index}-{}", name.replace('/', "-"));
                let size = bytes.len() as u64;
                let path = format!("{}/{object}", layout::uploads("prod", id));
                store.put(&path.as_str().into(), bytes.into()).await.unwrap();
                upload.pieces.push(Piece { object, start, size });
                start += size;
            }
            import.files.insert(name.into(), upload);
        }
        let mut body = json!({ "id": id, "status": "staged", "state": STAGED, "created": now().timestamp_millis(),
            "relatedObjects": [{ "type": "dataSet", "id": dataset }] });
        import.keep(&mut body);
        self.store.insert(&scope(), New::new(Resource::Batch, id, body).unstamped(), now()).await.unwrap();
    }

    fn importer(&self, lake: Lake) -> CancellationToken {
        let stop = CancellationToken::new();
        tokio::spawn(self.worker("importer", lake).import(stop.clone()));
        stop
    }

    /// As `POST …?action=REPLAY` does it.
    async fn replay(&self, id: &str) {
        let change = |document: &forebay_model::Document, secrets: &Secrets| {
            let mut body = document.body.clone();
            let mut import = Import::of(&body)?.unwrap();
            (import.attempt, import.not_before, import.promoted) = (0, 0, None);
            import.keep(&mut body);
            body["status"] = json!("staged");
            body["state"] = json!(STAGED);
            Ok((body, secrets.clone()))
        };
        self.store.update(&scope(), Resource::Batch, id, None, now(), change).await.unwrap();
    }

    async fn batch(&self, id: &str) -> Value {
        self.store.get(&scope(), Resource::Batch, id).await.unwrap().body
    }

    async fn ended(&self, id: &str) -> Value {
        let began = Instant::now();
        loop {
            let batch = self.batch(id).await;
            if batch["status"] == "success" || batch["status"] == "failed" {
                let count = |name: &str| batch["metrics"][name].as_u64().unwrap();
                let sum = count("outputRecordCount") + count("failedRecordCount");
                assert_eq!(count("inputRecordCount"), sum, "P-3: {batch:#}");
                assert!(batch.get("state").is_none(), "nobody is to import it again: {batch:#}");
                return batch;
            }
            assert!(began.elapsed() < PATIENCE, "the batch does not end: {batch:#}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn rows(&self, dataset: &str) -> Vec<Value> {
        let mut rows = self.lake().table(&layout::table("prod", dataset)).rows(1_000_000).await.unwrap();
        rows.sort_by_key(|row| row["id"].as_str().unwrap_or_default().to_string());
        rows
    }

    async fn below(&self, folder: &str) -> Vec<String> {
        let listed = self.lake().store().list(Some(&folder.into()));
        listed.map_ok(|meta| meta.location.to_string()).try_collect().await.unwrap()
    }
}

fn codes(batch: &Value) -> Vec<&str> {
    batch["errors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn documents_of_the_schemas_form_land_without_a_mapping() {
    let world = World::new().await;
    world.dataset("d").await;
    let text = r#"{"id":"a","n":1,"who":{"name":"Ann","born":"1990-02-03"},"tags":["x","y"],"other":7}
{"id":"b","who":{"name":"Bob"}}
"#;
    world.upload("01A", "d", Batch::json(text)).await;
    world.importer(world.lake());
    let batch = world.ended("01A").await;
    assert_eq!(batch["status"], "success", "{batch:#}");
    assert_eq!(batch["metrics"]["outputRecordCount"], 2);
    assert_eq!(batch["metrics"]["inputFileCount"], 1);
    assert_eq!(batch["metrics"]["inputByteSize"], json!(text.len()));
    assert!(batch["metrics"]["outputByteSize"].as_u64().unwrap() > 0);
    let rows = world.rows("d").await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["who"], json!({ "name": "Ann", "born": "1990-02-03" }));
    assert_eq!((&rows[0]["n"], &rows[0]["tags"]), (&json!(1), &json!(["x", "y"])));
    assert_eq!(rows[1]["who"]["name"], "Bob");
    assert!(world.below(&layout::uploads("prod", "01A")).await.is_empty(), "what was uploaded is in the dataset");
    assert_eq!(world.below("batches/prod/01A/input_files").await.len(), 1);
}

#[tokio::test]
async fn flat_files_name_fields_by_their_paths_and_pieces_make_one_file() {
    let world = World::new().await;
    world.dataset("d").await;
    // Cut in the middle of a value.
    let pieces = vec![b"id,n,who.name,who.born\na,1,An".to_vec(), b"n,1990-02-03\nb,2,Bob,\n".to_vec()];
    let batch =
        Batch { format: Format::Delimited, percent: None, diagnostics: false, files: vec![("in/a.csv", pieces)] };
    world.upload("01A", "d", batch).await;
    world.importer(world.lake());
    let batch = world.ended("01A").await;
    assert_eq!(batch["status"], "success", "{batch:#}");
    let rows = world.rows("d").await;
    assert_eq!(rows[0]["who"], json!({ "name": "Ann", "born": "1990-02-03" }));
    assert_eq!((&rows[1]["n"], &rows[1]["who"]["name"]), (&json!(2), &json!("Bob")));
}

#[tokio::test]
async fn parquet_lands_as_it_is() {
    use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray, StructArray};
    use datafusion::arrow::datatypes::{DataType, Field};
    use datafusion::arrow::record_batch::RecordBatch;
    let world = World::new().await;
    world.dataset("d").await;
    let name: ArrayRef = Arc::new(StringArray::from(vec!["Ann", "Bob"]));
    let who: ArrayRef = Arc::new(StructArray::from(vec![(Arc::new(Field::new("name", DataType::Utf8, true)), name)]));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(StringArray::from(vec!["a", "b"]))),
        ("n", Arc::new(Int64Array::from(vec![Some(1), None]))),
        ("who", who),
    ];
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = datafusion::parquet::arrow::ArrowWriter::try_new(&mut bytes, rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    // In three pieces: the reader asks for ranges over their edges.
    let third = bytes.len() / 3;
    let pieces = vec![bytes[..third].to_vec(), bytes[third..2 * third].to_vec(), bytes[2 * third..].to_vec()];
    let batch =
        Batch { format: Format::Parquet, percent: None, diagnostics: false, files: vec![("a.parquet", pieces)] };
    world.upload("01A", "d", batch).await;
    world.importer(world.lake());
    let batch = world.ended("01A").await;
    assert_eq!(batch["status"], "success", "{batch:#}");
    let rows = world.rows("d").await;
    assert_eq!((&rows[0]["n"], &rows[0]["who"]["name"]), (&json!(1), &json!("Ann")));
    assert_eq!(rows[1]["who"]["name"], "Bob");
}

#[tokio::test]
async fn bad_rows_fail_the_batch_unless_some_may_fail_pl_diag_1() {
    let world = World::new().await;
    world.dataset("d").await;
    let text = "{\"id\":\"a\",\"n\":1}\n{\"n\":2}\n{broken\n{\"id\":\"b\"}\n";
    world.upload("01A", "d", Batch::json(text)).await;
    world.upload("01B", "d", Batch { percent: Some(50.0), diagnostics: true, ..Batch::json(text) }).await;
    world.upload("01C", "d", Batch { percent: Some(10.0), diagnostics: true, ..Batch::json(text) }).await;
    world.importer(world.lake());
    let strict = world.ended("01A").await;
    assert_eq!((&strict["status"], codes(&strict)), (&json!("failed"), vec!["INGEST-1211-400"]), "{strict:#}");
    assert!(world.below("batches/prod/01A/row_errors").await.is_empty(), "nobody asked for diagnostics");
    let some = world.ended("01B").await;
    assert_eq!((&some["status"], &some["metrics"]["failedRecordCount"]), (&json!("success"), &json!(2)), "{some:#}");
    assert_eq!(codes(&some)[0], "INGEST-1212-400");
    assert!(codes(&some).contains(&"INGEST-1401-400"), "{some:#}");
    assert!(!world.below("batches/prod/01B/row_errors").await.is_empty());
    let few = world.ended("01C").await;
    assert_eq!((&few["status"], codes(&few)[0]), (&json!("failed"), "INGEST-1212-400"), "{few:#}");
    assert_eq!((&few["metrics"]["outputRecordCount"], &few["metrics"]["inputRecordCount"]), (&json!(0), &json!(4)));
    assert_eq!(world.rows("d").await.len(), 2, "only the batch that may have bad rows has stored its good ones");
    let kept = world.below(&layout::uploads("prod", "01A")).await;
    assert_eq!(kept.len(), 1, "a failed batch can be replayed");
}

#[tokio::test]
async fn a_file_that_is_none_and_a_dataset_that_is_gone_fail_the_batch() {
    let world = World::new().await;
    world.dataset("d").await;
    let parquet = Batch { format: Format::Parquet, ..Batch::json("not parquet") };
    world.upload("01A", "d", Batch { diagnostics: true, ..parquet }).await;
    world.upload("01B", "nowhere", Batch::json("{}")).await;
    world.upload("01C", "d", Batch { files: Vec::new(), ..Batch::json("") }).await;
    world.importer(world.lake());
    let batch = world.ended("01A").await;
    assert_eq!(batch["status"], "failed", "{batch:#}");
    assert!(batch["errors"][0]["description"].as_str().unwrap().contains("a.json"), "{batch:#}");
    assert_eq!(world.ended("01B").await["status"], "failed");
    assert_eq!(world.ended("01C").await["status"], "success", "nothing is easily done");
}

#[tokio::test]
async fn rows_of_a_dataset_with_an_identity_are_merged() {
    let world = World::new().await;
    world.dataset("d").await;
    let descriptor = json!({ "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": DEEP, "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/id", "xdm:namespace": "CRM", "xdm:property": "xdm:code", "xdm:isPrimary": true });
    world.put(Resource::Descriptor, "primary", descriptor).await;
    world.upload("01A", "d", Batch::json("{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":1}\n")).await;
    world.importer(world.lake());
    world.ended("01A").await;
    advance(60);
    world.upload("01B", "d", Batch::json("{\"id\":\"b\",\"n\":2}\n{\"id\":\"c\",\"n\":2}\n")).await;
    let batch = world.ended("01B").await;
    assert_eq!(batch["metrics"]["outputRecordCount"], 2, "{batch:#}");
    let rows: Vec<String> =
        world.rows("d").await.iter().map(|row| format!("{}={}", row["id"].as_str().unwrap(), row["n"])).collect();
    assert_eq!(rows, ["a=1", "b=2", "c=2"]);
}

/// For every call of the lake's storage: it fails, or its answer is lost, or the worker panics; then another worker takes
/// over when claims and pauses are over. Whatever the point was, each row is there once.
#[tokio::test]
async fn a_batch_lands_once_wherever_the_lake_fails() {
    for fault in [Fault::Before, Fault::After, Fault::Panic] {
        for nth in 0.. {
            let world = World::new().await;
            world.dataset("d").await;
            world.upload("01A", "d", Batch::json("{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":2}\n")).await;
            let faulty = Faulty::new(world.memory.clone(), nth, fault);
            let stop = world.importer(lake(faulty.clone()));
            let began = Instant::now();
            // Until the first worker has done what it can.
            loop {
                let status = world.batch("01A").await["status"].clone();
                if status == "retrying" || status == "success" || status == "failed" {
                    break;
                }
                assert!(began.elapsed() < PATIENCE, "{fault:?} at {nth}: {status}");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            stop.cancel();
            // Past every lease and every pause between two attempts.
            advance(2 * 3_600);
            world.importer(world.lake());
            let mut batch = world.ended("01A").await;
            if batch["status"] == "failed" {
                // A panic is nobody's data: it is not tried again by itself, but can be by the caller.
                assert_eq!(fault, Fault::Panic, "at {nth}: {batch:#}");
                assert!(world.rows("d").await.is_empty(), "at {nth}");
                world.replay("01A").await;
                batch = world.ended("01A").await;
            }
            assert_eq!(batch["status"], "success", "{fault:?} at {nth}: {batch:#}");
            assert_eq!(batch["metrics"]["outputRecordCount"], 2, "{fault:?} at {nth}");
            let rows = world.rows("d").await;
            let ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().unwrap()).collect();
            assert_eq!(ids, ["a", "b"], "{fault:?} at {nth}");
            if !faulty.struck() {
                assert!(nth > 5, "{nth} calls are too few for an import");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_commit_that_stands_is_not_made_again() {
    let world = World::new().await;
    world.dataset("d").await;
    world.upload("01A", "d", Batch::json("{\"id\":\"a\",\"n\":1}\n")).await;
    let stop = world.importer(world.lake());
    let done = world.ended("01A").await;
    stop.cancel();
    // As if the worker had died between the commit and the batch's end.
    let back = |document: &forebay_model::Document, secrets: &Secrets| {
        let mut body = document.body.clone();
        body["status"] = json!("processing");
        body["state"] = json!("processing");
        body["metrics"] = json!({});
        Ok((body, secrets.clone()))
    };
    world.store.update(&scope(), Resource::Batch, "01A", None, now(), back).await.unwrap();
    advance(2 * 3_600);
    world.importer(world.lake());
    let again = world.ended("01A").await;
    assert_eq!(again["metrics"], done["metrics"]);
    assert_eq!(world.rows("d").await.len(), 1);
}

#[tokio::test]
async fn a_batch_can_be_taken_back_once_and_only_whole() {
    let world = World::new().await;
    world.dataset("d").await;
    world.upload("01A", "d", Batch::json("{\"id\":\"a\"}\n")).await;
    world.upload("01B", "d", Batch::json("{\"id\":\"b\"}\n{\"id\":\"c\"}\n")).await;
    world.importer(world.lake());
    world.ended("01A").await;
    world.ended("01B").await;
    let lake = world.lake();
    let table = lake.table(&layout::table("prod", "d"));
    assert!(table.revert("01B", 3, now()).await.is_err(), "that is not what is there");
    table.revert("01B", 2, now()).await.unwrap();
    table.revert("01B", 2, now()).await.unwrap();
    assert_eq!(world.rows("d").await.iter().map(|row| row["id"].clone()).collect::<Vec<_>>(), ["a"]);
}
