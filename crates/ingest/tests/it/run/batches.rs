//! Batches that clients upload (platform.md §6): every format into the dataset's fields, every row accounted for, each row
//! once whatever fails, and taken back whole.

use super::faulty::{Fault, Faulty};
use super::*;
use forebay_store::{Limits, Piece, staging_folder};

const LIMITS: Limits = Limits { files: 100, bytes: 1 << 30, pieces: 100 };

impl World {
    /// A dataset of its own for batches, of one row a key or not.
    async fn dataset(&self, id: &str, primary: bool) {
        self.put(Resource::Dataset, id, json!({ "name": id, "schemaRef": { "id": SCHEMA } })).await;
        if primary {
            let descriptor = json!({ "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": SCHEMA, "xdm:sourceVersion": 1,
                "xdm:sourceProperty": "/id", "xdm:namespace": "CRM", "xdm:property": "xdm:code", "xdm:isPrimary": true });
            self.put(Resource::Descriptor, "primary", descriptor).await;
        }
    }

    async fn open(&self, dataset: &str, format: &str, tags: Value) -> String {
        self.open_as(dataset, json!({ "format": format }), tags).await
    }

    async fn open_as(&self, dataset: &str, input: Value, tags: Value) -> String {
        let body = json!({ "status": "loading", "inputFormat": input, "tags": tags,
            "relatedObjects": [{ "type": "dataSet", "id": dataset }] });
        self.store.open_batch(&scope(), dataset, body, now()).await.unwrap().id
    }

    /// A file of a batch, in pieces of so many bytes.
    async fn upload(&self, batch: &str, path: &str, bytes: &[u8], piece: usize) {
        self.store.begin_upload(&scope(), batch, path, &LIMITS, now()).await.unwrap();
        for (n, chunk) in bytes.chunks(piece.max(1)).enumerate() {
            let location = format!("{}/{}", staging_folder(&scope(), batch), uuid::Uuid::new_v4());
            self.lake().store().put(&location.as_str().into(), chunk.to_vec().into()).await.unwrap();
            let piece = Piece { start: (n * piece) as u64, size: chunk.len() as u64, location };
            self.store.put_piece(&scope(), batch, path, piece, None, &LIMITS, now()).await.unwrap();
        }
        self.store.end_upload(&scope(), batch, path, now()).await.unwrap();
    }

    /// A batch of some files of text, completed.
    async fn batch(&self, dataset: &str, format: &str, tags: Value, files: &[(&str, &str)]) -> String {
        let batch = self.open(dataset, format, tags).await;
        for (path, text) in files {
            self.upload(&batch, path, text.as_bytes(), 7).await;
        }
        self.store.complete_batch(&scope(), &batch, now()).await.unwrap();
        batch
    }

    async fn batch_document(&self, id: &str) -> Value {
        self.store.get(&scope(), Resource::Batch, id).await.unwrap().body
    }

    /// The batch, once it has ended; the clock goes on meanwhile, so that retries come, and less than a lease in all.
    async fn batch_ended(&self, id: &str) -> Value {
        let began = Instant::now();
        loop {
            let batch = self.batch_document(id).await;
            if !["staged", "processing", "inactive"].contains(&batch["status"].as_str().unwrap()) {
                return batch;
            }
            assert!(began.elapsed() < PATIENCE, "the batch does not end: {batch:#}");
            advance(2);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// `id=n` of each row of a dataset, sorted.
    async fn pairs(&self, dataset: &str) -> Vec<String> {
        let rows = self.lake().table(&layout::table("prod", dataset)).rows(100_000).await.unwrap();
        let mut rows: Vec<String> =
            rows.iter().map(|r| format!("{}={}", r["id"].as_str().unwrap_or("-"), r["n"])).collect();
        rows.sort();
        rows
    }

    async fn lines(&self, folder: &str) -> Vec<Value> {
        let store = self.lake().store();
        let mut files = store.list(Some(&folder.into()));
        let mut lines = Vec::new();
        while let Some(file) = files.try_next().await.unwrap() {
            let bytes = store.get(&file.location).await.unwrap().bytes().await.unwrap();
            lines.extend(std::str::from_utf8(&bytes).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()));
        }
        lines
    }
}

/// (input, output, failed); they add up or the test fails (platform.md §4).
#[track_caller]
fn sums(batch: &Value) -> (u64, u64, u64) {
    let count = |name: &str| batch["metrics"][name].as_u64().unwrap_or_else(|| panic!("{name}: {batch:#}"));
    let sums = (count("inputRecordCount"), count("outputRecordCount"), count("failedRecordCount"));
    assert_eq!(sums.0, sums.1 + sums.2, "{batch:#}");
    sums
}

#[tokio::test]
async fn lines_arrays_and_delimited_files_become_rows_of_the_dataset() {
    let world = World::new().await;
    world.start("w");
    type Files = &'static [(&'static str, &'static str)];
    let cases: [(&str, &str, Files); 4] = [
        ("lines", "json", &[("a.json", "{\"id\":\"a\",\"n\":1}\n{\"id\":\"b\",\"n\":2,\"more\":{}}\n")]),
        ("array", "json", &[("a.json", "[{\"id\":\"a\",\"n\":1},\n {\"id\":\"b\",\"n\":2}]")]),
        ("csv", "csv", &[("a.csv", "n,id,other\n1,a,x\n"), ("in/b.csv", "id,n\nb,2\n"), ("empty.csv", "")]),
        ("headers", "delimited", &[("a.csv", "id,n\na,1\n"), ("b.csv", "id,unknown\nb,2\n")]),
    ];
    for (dataset, format, files) in cases {
        world.dataset(dataset, false).await;
        let id = world.batch(dataset, format, json!({}), files).await;
        let batch = world.batch_ended(&id).await;
        assert_eq!(batch["status"], "success", "{dataset}: {batch:#}");
        assert_eq!(sums(&batch), (2, 2, 0), "{dataset}");
        assert_eq!(batch["metrics"]["inputFileCount"], files.len());
        let second = if dataset == "headers" { "b=null" } else { "b=2" };
        assert_eq!(world.pairs(dataset).await, ["a=1", second], "{dataset}");
        let named: Vec<Value> = world.lines(&format!("batches/prod/{id}/input_files")).await;
        let mut named: Vec<&str> = named.iter().map(|line| line["path"].as_str().unwrap()).collect();
        named.sort();
        let mut expected: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
        expected.sort();
        assert_eq!(named, expected);
    }
}

#[tokio::test]
async fn what_is_said_to_be_lines_is_read_by_lines() {
    let world = World::new().await;
    world.dataset("d", false).await;
    world.start("w");
    // The first line would be taken for the beginning of an array.
    let text = b"[broken\n{\"id\":\"a\",\"n\":1}\n";
    let some = json!({ "acp_partialIngestionPercent": 50 });
    for (multi, status) in
        [(json!(false), "success"), (json!("false"), "success"), (json!(true), "failed"), (Value::Null, "failed")]
    {
        let input = json!({ "format": "json", "isMultiLineJson": multi });
        let id = world.open_as("d", input, some.clone()).await;
        world.upload(&id, "a.json", text, 100).await;
        world.store.complete_batch(&scope(), &id, now()).await.unwrap();
        let batch = world.batch_ended(&id).await;
        assert_eq!(batch["status"], status, "{multi}: {batch:#}");
        if status == "success" {
            assert_eq!(sums(&batch), (2, 1, 1), "{multi}");
        }
    }
}

#[tokio::test]
async fn delimiter_encoding_and_compression_are_those_of_the_batch() {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"id|n\nJos\xe9|1\n\"a|b\"|2\n").unwrap();
    let packed = packed.finish().unwrap();
    let world = World::new().await;
    world.dataset("d", false).await;
    world.start("w");
    let input = json!({ "format": "CSV", "delimiter": "|", "charset": "ISO-8859-1", "compressionType": "gzip" });
    let id = world.open_as("d", input, json!({})).await;
    world.upload(&id, "people.csv.gz", &packed, 5).await;
    world.store.complete_batch(&scope(), &id, now()).await.unwrap();
    let batch = world.batch_ended(&id).await;
    assert_eq!((&batch["status"], sums(&batch)), (&json!("success"), (2, 2, 0)), "{batch:#}");
    assert_eq!(world.pairs("d").await, ["José=1", "a|b=2"]);
}

#[tokio::test]
async fn a_parquet_file_in_ranges_becomes_rows() {
    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
    let ids: Vec<String> = (0..500).map(|n| format!("p{n:03}")).collect();
    let numbers: Vec<i64> = (0..500).collect();
    let columns: [(&str, ArrayRef); 2] =
        [("id", Arc::new(StringArray::from(ids))), ("n", Arc::new(Int64Array::from(numbers)))];
    let rows = RecordBatch::try_from_iter(columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = datafusion::parquet::arrow::ArrowWriter::try_new(&mut bytes, rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
    let world = World::new().await;
    world.dataset("d", false).await;
    world.start("w");
    let id = world.open("d", "parquet", json!({})).await;
    world.upload(&id, "a.parquet", &bytes, 999).await;
    world.store.complete_batch(&scope(), &id, now()).await.unwrap();
    let batch = world.batch_ended(&id).await;
    assert_eq!((&batch["status"], sums(&batch)), (&json!("success"), (500, 500, 0)), "{batch:#}");
    let pairs = world.pairs("d").await;
    assert_eq!((pairs.len(), pairs[499].as_str()), (500, "p499=499"));
}

#[tokio::test]
async fn rejected_rows_are_kept_up_to_the_threshold_and_named_pl_diag_1() {
    let world = World::new().await;
    world.dataset("d", false).await;
    world.start("w");
    let file = "id,n\na,1\nb,2\nc,3,too many\nd,4\n";
    let some = json!({ "acp_partialIngestionPercent": 25 });
    let id = world.batch("d", "csv", some, &[("people.csv", file)]).await;
    let batch = world.batch_ended(&id).await;
    assert_eq!((&batch["status"], sums(&batch)), (&json!("success"), (4, 3, 1)), "{batch:#}");
    assert_eq!(batch["errors"][0]["code"], "INGEST-1212-400");
    let rejected = world.lines(&format!("batches/prod/{id}/row_errors")).await;
    assert_eq!((&rejected[0]["_filename"], &rejected[0]["_line"]), (&json!("people.csv"), &json!(4)));
    assert_eq!(rejected[0]["_corrupt_record"], "c,3,too many");
    // One in four is more than 24 %: nothing is stored, and the rows can be read all the same.
    let less = json!({ "acp_partialIngestionPercent": 24 });
    let id = world.batch("d", "csv", less, &[("people.csv", file)]).await;
    let batch = world.batch_ended(&id).await;
    assert_eq!((&batch["status"], sums(&batch)), (&json!("failed"), (4, 0, 4)), "{batch:#}");
    assert_eq!(batch["errors"][0]["code"], "INGEST-1212-400");
    assert_eq!(world.lines(&format!("batches/prod/{id}/row_errors")).await.len(), 1);
    // Without diagnostics there is a single error, and no row is kept.
    let id = world.batch("d", "csv", json!({}), &[("people.csv", file)]).await;
    let batch = world.batch_ended(&id).await;
    assert_eq!((&batch["status"], sums(&batch)), (&json!("failed"), (4, 0, 4)), "{batch:#}");
    let codes: Vec<&str> = batch["errors"].as_array().unwrap().iter().map(|e| e["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["INGEST-1211-400"]);
    assert!(world.lines(&format!("batches/prod/{id}/row_errors")).await.is_empty());
    assert_eq!(world.pairs("d").await, ["a=1", "b=2", "d=4"]);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_and_a_header_of_another_schema_fail_the_batch_pl_diag_2() {
    let world = World::new().await;
    world.dataset("d", false).await;
    world.start("w");
    let cases = [
        ("json", "[{\"id\":\"a\",\"n\":1},", "is not JSON"),
        ("csv", "this,that\n1,2\n", "none of the files' columns is a field of the dataset"),
        ("parquet", "not a parquet file at all", "people"),
    ];
    for (format, text, part) in cases {
        let id = world.batch("d", format, json!({ "acp_partialIngestionPercent": 100 }), &[("people", text)]).await;
        let batch = world.batch_ended(&id).await;
        assert_eq!(batch["status"], "failed", "{format}: {batch:#}");
        assert!(batch["errors"][0]["description"].as_str().unwrap().contains(part), "{format}: {batch:#}");
    }
    let id = world.batch("d", "csv", json!({}), &[]).await;
    let batch = world.batch_ended(&id).await;
    assert_eq!((&batch["status"], sums(&batch)), (&json!("success"), (0, 0, 0)), "a batch of nothing");
    assert!(world.pairs("d").await.is_empty());
}

#[tokio::test]
async fn a_dataset_with_a_primary_identity_keeps_one_row_a_key() {
    let world = World::new().await;
    world.dataset("d", true).await;
    world.start("w");
    let one = world
        .batch("d", "csv", json!({ "acp_partialIngestionPercent": 50 }), &[("a", "id,n\na,1\nb,1\na,2\n,9\n")])
        .await;
    let batch = world.batch_ended(&one).await;
    // The older of the two rows of `a` is left out; one has no key.
    assert_eq!((&batch["status"], sums(&batch)), (&json!("success"), (4, 2, 2)), "{batch:#}");
    advance(10);
    let two = world.batch("d", "json", json!({}), &[("b", "{\"id\":\"b\",\"n\":7}\n{\"id\":\"c\",\"n\":7}\n")]).await;
    assert_eq!(sums(&world.batch_ended(&two).await), (2, 2, 0));
    assert_eq!(world.pairs("d").await, ["a=2", "b=7", "c=7"]);
    // What took the place of others is not taken back, and the batch says so.
    world.store.revert_batch(&scope(), &two, "d", now()).await.unwrap();
    let batch = world.batch_ended(&two).await;
    assert_eq!(batch["status"], "success");
    assert!(batch["errors"][0]["description"].as_str().unwrap().contains("one row a key"), "{batch:#}");
    assert_eq!(world.pairs("d").await.len(), 3);
}

#[tokio::test]
async fn a_batch_is_taken_back_whole_and_alone() {
    let world = World::new().await;
    world.dataset("d", false).await;
    world.start("w");
    let one = world.batch("d", "csv", json!({}), &[("a", "id,n\na,1\n")]).await;
    let two = world.batch("d", "csv", json!({}), &[("a", "id,n\nb,1\nc,1\n")]).await;
    world.batch_ended(&one).await;
    world.batch_ended(&two).await;
    world.store.revert_batch(&scope(), &two, "d", now()).await.unwrap();
    assert_eq!(world.batch_ended(&two).await["status"], "deleted");
    assert_eq!(world.pairs("d").await, ["a=1"]);
    // What is there can be loaded again.
    let three = world.batch("d", "csv", json!({}), &[("a", "id,n\nb,1\nc,1\n")]).await;
    world.batch_ended(&three).await;
    assert_eq!(world.pairs("d").await, ["a=1", "b=1", "c=1"]);
}

#[tokio::test]
async fn a_batch_whose_dataset_is_gone_fails_and_its_files_are_removed() {
    let world = World::new().await;
    world.dataset("d", false).await;
    let id = world.batch("d", "csv", json!({}), &[("a", "id,n\na,1\n")]).await;
    world.store.delete(&scope(), Resource::Dataset, "d", None, now()).await.unwrap();
    world.start("w");
    let batch = world.batch_ended(&id).await;
    assert_eq!((&batch["status"], sums(&batch)), (&json!("failed"), (0, 0, 0)), "{batch:#}");
    let cleanups = world.store.cleanups().await.unwrap();
    assert!(cleanups.iter().any(|c| c.location == staging_folder(&scope(), &id)), "{cleanups:?}");
}

/// A dataset that a batch has written to, and a batch that waits, or whose removal waits.
async fn waiting(primary: bool, revert: bool) -> (World, String) {
    let world = World::new().await;
    world.dataset("d", primary).await;
    let stop = world.start("setup");
    let first = world.batch("d", "csv", json!({}), &[("a", "id,n\na,1\nb,1\n")]).await;
    world.batch_ended(&first).await;
    advance(10);
    let tags = json!({ "acp_partialIngestionPercent": 50 });
    let files = [("b", "id,n\nb,2\nc,2,x\n"), ("c", "id,n\nd,2\n")];
    let second = world.batch("d", "csv", tags.clone(), if revert { &files } else { &files[..0] }).await;
    world.batch_ended(&second).await;
    stop.cancel();
    if revert {
        world.store.revert_batch(&scope(), &second, "d", now()).await.unwrap();
        return (world, second);
    }
    let id = world.batch("d", "csv", tags, &files).await;
    (world, id)
}

async fn check_rows(world: &World, primary: bool, revert: bool, what: &str) {
    let expected: &[&str] = match (primary, revert) {
        (_, true) => &["a=1", "b=1"],
        (true, _) => &["a=1", "b=2", "d=2"],
        (false, _) => &["a=1", "b=1", "b=2", "d=2"],
    };
    assert_eq!(world.pairs("d").await, expected, "{what}");
}

async fn every_call_fails_once(fault: Fault, primary: bool, revert: bool) {
    let mut at = 0;
    loop {
        let what = format!("call {at}, {fault:?}, primary {primary}, revert {revert}");
        let (world, id) = waiting(primary, revert).await;
        let store = Faulty::new(world.memory.clone(), at, fault);
        let stop = CancellationToken::new();
        let worker = tokio::spawn(world.worker("w", lake(store.clone())).run(stop.clone()));
        let batch = world.batch_ended(&id).await;
        if fault == Fault::Panic && batch["status"] == "failed" {
            // Nothing of it is there.
            assert_eq!(world.pairs("d").await, ["a=1", "b=1"], "{what}");
        } else if fault == Fault::Panic && revert && batch["status"] == "success" {
            assert_eq!(world.pairs("d").await, ["a=1", "b=1", "b=2", "d=2"], "{what}");
        } else {
            assert_eq!(batch["status"], if revert { "deleted" } else { "success" }, "{what}: {batch:#}");
            assert_eq!(sums(&batch), (3, 2, 1), "{what}: {batch:#}");
            check_rows(&world, primary, revert, &what).await;
            // Of the row errors of all attempts those of the one that counts are left.
            assert_eq!(world.lines(&format!("batches/prod/{id}/row_errors")).await.len(), 1, "{what}");
        }
        stop.cancel();
        worker.await.unwrap();
        if !store.struck() {
            break;
        }
        at += 1;
    }
    assert!(at > if revert { 3 } else { 12 }, "it makes more than {at} calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_of_a_batch_is_there_once_whichever_call_of_the_lake_fails() {
    every_call_fails_once(Fault::Before, false, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_of_a_batch_is_there_once_whichever_answer_of_the_lake_is_lost() {
    every_call_fails_once(Fault::After, false, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_merged_once_whichever_answer_of_the_lake_is_lost() {
    every_call_fails_once(Fault::After, true, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_of_a_batch_is_there_once_wherever_the_work_panics() {
    every_call_fails_once(Fault::Panic, false, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_taken_back_once_whichever_call_fails_or_answer_is_lost() {
    every_call_fails_once(Fault::Before, false, true).await;
    every_call_fails_once(Fault::After, false, true).await;
}

/// The first worker sleeps at its n-th call past its lease, another takes over, and then the first wakes up.
#[tokio::test(flavor = "multi_thread")]
async fn a_holder_of_a_batch_that_wakes_up_late_changes_nothing_more() {
    let mut at = 0;
    loop {
        let (world, id) = waiting(false, false).await;
        let store = Faulty::new(world.memory.clone(), at, Fault::Sleep);
        let stop = CancellationToken::new();
        let first = tokio::spawn(world.worker("first", lake(store.clone())).run(stop.clone()));
        let whole = tokio::select! {
            () = store.met() => false,
            _ = world.batch_ended(&id) => true,
        };
        if !whole {
            advance(LEASE.as_secs() as i64 + 1);
            let second = world.start("second");
            world.batch_ended(&id).await;
            store.wake();
            tokio::time::sleep(Duration::from_millis(100)).await;
            second.cancel();
        }
        stop.cancel();
        first.await.unwrap();
        let batch = world.batch_ended(&id).await;
        assert_eq!((&batch["status"], sums(&batch)), (&json!("success"), (3, 2, 1)), "call {at}: {batch:#}");
        check_rows(&world, false, false, &format!("call {at}")).await;
        if whole {
            break;
        }
        at += 1;
    }
    assert!(at > 12, "a batch makes more than {at} calls");
}

/// A process that dies at its n-th call; the next one finds what it had come to.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_outlives_its_process_wherever_that_dies() {
    let mut at = 0;
    loop {
        let (world, id) = waiting(false, false).await;
        let store = Faulty::new(world.memory.clone(), at, Fault::Sleep);
        let process = Process::start(&world, lake(store.clone()), CancellationToken::new());
        let whole = tokio::select! {
            () = store.met() => false,
            _ = world.batch_ended(&id) => true,
        };
        process.kill();
        if whole {
            break;
        }
        world.store.forfeit("process", now()).await.unwrap();
        let next = world.start("next");
        let batch = world.batch_ended(&id).await;
        assert_eq!((&batch["status"], sums(&batch)), (&json!("success"), (3, 2, 1)), "call {at}: {batch:#}");
        check_rows(&world, false, false, &format!("call {at}")).await;
        next.cancel();
        at += 1;
    }
    assert!(at > 12, "a batch makes more than {at} calls");
}
