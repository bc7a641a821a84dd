//! Batch ingestion: how a batch is created, filled, completed and given up (platform.md §6).

use crate::descriptors::identity;
use crate::world::{Dataflow, ORG, OTHER_ORG, Reply, World};
use expect_test::expect;
use forebay_model::Resource;
use forebay_store::BatchEnd;
use serde_json::{Value, json};
use std::time::Duration;

const PATH: &str = "/data/foundation/import/batches";

/// A world, a dataset and a batch for it.
struct Loading {
    world: World,
    schema: String,
    dataset: String,
    batch: String,
}

impl Loading {
    async fn new() -> Loading {
        let world = World::new().await;
        let Dataflow { schema, dataset, .. } = world.dataflow().await;
        let reply = world.post(PATH, body(&dataset)).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let batch = reply.body["id"].as_str().unwrap().to_string();
        Loading { world, schema, dataset, batch }
    }

    fn file(&self, name: &str) -> String {
        format!("{PATH}/{}/datasets/{}/files/{name}", self.batch, self.dataset)
    }

    async fn put(&self, name: &str, text: &str) -> Reply {
        self.world
            .call("PUT", &self.file(name))
            .header("content-type", "application/octet-stream")
            .text(text)
            .send()
            .await
    }

    async fn range(&self, name: &str, range: &str, text: &str) -> Reply {
        self.world.call("PATCH", &self.file(name)).header("content-range", range).text(text).send().await
    }

    async fn act(&self, action: &str) -> Reply {
        self.world.call("POST", &format!("{PATH}/{}?action={action}", self.batch)).send().await
    }

    async fn act_on(&self, name: &str, action: &str) -> Reply {
        self.world.call("POST", &format!("{}?action={action}", self.file(name))).send().await
    }

    /// What the staging area holds, by content.
    fn staged(&self) -> Vec<String> {
        let objects = self.world.lake.objects.lock().unwrap();
        let staged = objects.iter().filter(|(path, _)| path.starts_with("staging/"));
        let mut texts: Vec<String> = staged.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect();
        texts.sort();
        texts
    }

    async fn status(&self) -> Value {
        let reply = self.world.get(&format!("/data/foundation/catalog/batches/{}", self.batch)).await;
        reply.body[&self.batch]["status"].clone()
    }
}

fn body(dataset: &str) -> Value {
    json!({ "datasetId": dataset, "inputFormat": { "format": "json", "isMultiLineJson": false } })
}

#[track_caller]
fn check(reply: &Reply, status: u16, part: &str) {
    assert_eq!(reply.status, status, "{}", reply.text);
    assert!(reply.text.contains(part), "{}", reply.text);
}

#[tokio::test]
async fn a_new_batch_is_loading_and_catalog_shows_it() {
    let Loading { world, dataset, batch, .. } = Loading::new().await;
    assert_eq!(batch.len(), 26, "a ULID");
    let mut send = body(&dataset);
    send["partialIngestionPercentage"] = json!("2.5");
    let reply = world.post(PATH, send).await;
    let mut shown = reply.body.clone();
    let id = shown["id"].take();
    let location = reply.headers["location"].to_str().unwrap();
    assert!(location.ends_with(&format!("/data/foundation/catalog/batches/{}", id.as_str().unwrap())), "{location}");
    shown["relatedObjects"][0]["id"].take();
    expect![[r#"
        {
          "id": null,
          "imsOrg": "ACME@AdobeOrg",
          "status": "loading",
          "created": 1719792000000,
          "updated": 1719792000000,
          "createdUser": "acme-client@techacct.adobe.com",
          "createdClient": "acme-client",
          "updatedUser": "acme-client@techacct.adobe.com",
          "version": "1.0.0",
          "relatedObjects": [
            {
              "type": "dataSet",
              "id": null
            }
          ],
          "inputFormat": {
            "format": "json",
            "isMultiLineJson": false
          },
          "tags": {
            "acp_enableErrorDiagnostics": true,
            "acp_partialIngestionPercent": 2.5
          },
          "metrics": {},
          "errors": []
        }"#]]
    .assert_eq(&format!("{shown:#}"));
}

#[tokio::test]
async fn a_body_that_says_something_else_is_refused_with_its_place() {
    let Loading { world, dataset, .. } = Loading::new().await;
    let cases = [
        ("/datasetId", json!("66aa0a0b0c0d0e0f10111213"), "/datasetId"),
        ("/datasetId", json!(7), "/datasetId"),
        ("/inputFormat", json!("json"), "/inputFormat"),
        ("/inputFormat/format", json!("avro"), "/inputFormat/format"),
        ("/inputFormat/format", Value::Null, "/inputFormat/format"),
        ("/inputFormat/isMultiLineJson", json!("maybe"), "/inputFormat/isMultiLineJson"),
        ("/inputFormat/delimiter", json!("ab"), "/inputFormat/delimiter"),
        ("/inputFormat/encoding", json!("klingon"), "/inputFormat/encoding"),
        ("/inputFormat/compressionType", json!(1), "/inputFormat/compressionType"),
        ("/partialIngestionPercentage", json!(101), "/partialIngestionPercentage"),
        ("/partialIngestionPercentage", json!([]), "/partialIngestionPercentage"),
        ("/enableErrorDiagnostics", json!(3), "/enableErrorDiagnostics"),
        ("/tags", json!("x"), "/tags"),
        ("/replay", json!({ "predecessors": [] }), "/replay"),
    ];
    for (pointer, value, place) in cases {
        let mut send = body(&dataset);
        match pointer.rsplit_once('/').unwrap() {
            ("", name) => send[name] = value,
            (parent, name) => send.pointer_mut(parent).unwrap()[name] = value,
        }
        let reply = world.post(PATH, send).await;
        assert_eq!((reply.status.as_u16(), &reply.body["report"]["pointer"]), (400, &json!(place)), "{}", reply.text);
    }
    for text in ["[]", "7", "{}", "", "{"] {
        assert_eq!(world.call("POST", PATH).text(text).send().await.status, 400, "{text}");
    }
    let mut send = body(&dataset);
    send["partialIngestionPercentage"] = json!(5);
    send["tags"] = json!({ "acp_partialIngestionPercent": 6 });
    check(&world.post(PATH, send).await, 400, "contradicts");
    let all = world.get("/data/foundation/catalog/batches").await;
    assert_eq!(all.body.as_object().map(|all| all.len()), Some(1), "a refusal stores nothing");
}

#[tokio::test]
async fn files_are_put_replaced_and_measured() {
    let loading = Loading::new().await;
    check(&loading.put("a.json", "first").await, 200, "");
    check(&loading.put("a.json", "second").await, 200, "");
    check(&loading.put("in/2024/b%20c.json", "third").await, 200, "");
    assert_eq!(loading.staged(), ["second", "third"], "what was replaced is gone");
    for (name, size) in [("a.json", "6"), ("in/2024/b%20c.json", "5"), ("in%2F2024%2Fb%20c.json", "5")] {
        let head = loading.world.call("HEAD", &loading.file(name)).send().await;
        assert_eq!((head.status.as_u16(), head.headers["content-length"].to_str().unwrap()), (200, size), "{name}");
        assert_eq!(head.text, "");
    }
    assert_eq!(loading.world.call("HEAD", &loading.file("z.json")).send().await.status, 404);
    for name in ["..", "a/../b", "a//b", "%2e%2e", "a%00b", "a%0ab", &"x".repeat(513)] {
        let reply = loading.put(name, "x").await;
        assert!(matches!(reply.status.as_u16(), 400 | 404), "{name}: {}", reply.text);
    }
    let elsewhere = format!("{PATH}/{}/datasets/other/files/a", loading.batch);
    assert_eq!(loading.world.call("PUT", &elsewhere).text("x").send().await.status, 404);
    assert_eq!(loading.staged().len(), 2, "a refusal leaves nothing");
}

#[tokio::test]
async fn limits_are_told_and_leave_nothing_behind() {
    let loading = Loading::new().await;
    let long = "x".repeat(1_001);
    check(&loading.put("a", &long).await, 413, "larger than 1000 bytes");
    let sized = loading.world.call("PUT", &loading.file("a")).header("content-length", "1001").text("x").send().await;
    check(&sized, 413, "larger than 1000 bytes");
    assert!(loading.staged().is_empty());
    for name in ["a", "b"] {
        check(&loading.put(name, &long[..1_000]).await, 200, "");
    }
    check(&loading.put("c", "x").await, 413, "2001 bytes; a batch may have 2000");
    check(&loading.put("c", "").await, 200, "");
    check(&loading.put("d", "").await, 413, "3 files; a batch may have 3");
    assert_eq!(loading.staged().len(), 3);
}

#[tokio::test]
async fn a_large_file_comes_in_ranges() {
    let loading = Loading::new().await;
    check(&loading.range("big", "bytes 0-4/9", "hello").await, 409, "no upload of big in ranges was begun");
    check(&loading.act_on("big", "complete").await, 409, "no upload of big in ranges was begun");
    check(&loading.act_on("big", "INITIALIZE").await, 200, "");
    check(&loading.range("big", "bytes 5-8/9", "wide").await, 200, "");
    check(&loading.act_on("big", "complete").await, 400, "the bytes from 0 to 4 are missing");
    check(&loading.range("big", "bytes 0-4/9", "hell").await, 400, "names 5 bytes");
    check(&loading.range("big", "bytes 0-4/9", "hello!").await, 400, "names 5 bytes");
    check(&loading.range("big", "bytes 0-4/10", "hello").await, 400, "has 10 bytes, and said 9 before");
    for bad in ["", "items 0-4/9", "bytes 4-0/9", "bytes 0-9/9"] {
        check(&loading.range("big", bad, "hello").await, 400, "Content-Range must be");
    }
    check(&loading.range("big", "bytes 0-4/9", "HELLO").await, 200, "");
    check(&loading.range("big", "bytes 0-4/9", "hello").await, 200, "");
    assert_eq!(loading.staged(), ["hello", "wide"], "only what is named stays");
    let head = loading.world.call("HEAD", &loading.file("big")).send().await;
    assert_eq!(head.headers["content-length"], "9");
    check(&loading.act("COMPLETE").await, 400, "the upload of big was begun and not completed");
    check(&loading.act_on("big", "complete").await, 200, "");
    check(&loading.act_on("big", "finish").await, 400, "action must be initialize or complete");
    check(&loading.act("complete").await, 200, "");
    assert_eq!(loading.status().await, "staged");
}

#[tokio::test]
async fn a_batch_is_completed_aborted_or_failed_once() {
    for (action, status) in [("COMPLETE", "staged"), ("ABORT", "aborted"), ("FAIL", "failed")] {
        let loading = Loading::new().await;
        check(&loading.put("a", "x").await, 200, "");
        check(&loading.act(action).await, 200, "");
        check(&loading.act(action).await, 200, "");
        assert_eq!(loading.status().await, status);
        check(&loading.put("b", "x").await, 409, &format!("is {status}"));
        check(&loading.act_on("b", "initialize").await, 409, &format!("is {status}"));
        assert_eq!(loading.staged(), ["x"], "the keeper removes it");
        let cleanups = loading.world.app.store.cleanups().await.unwrap();
        assert_eq!(cleanups.len(), usize::from(action != "COMPLETE"));
        if action != "COMPLETE" {
            check(&loading.act("COMPLETE").await, 409, &format!("is {status}"));
        }
    }
    let loading = Loading::new().await;
    check(&loading.act("REVERT").await, 409, "is loading; only one that succeeded can be reverted");
    check(&loading.act("REPLAY").await, 400, "cannot be replayed");
    check(&loading.act("EXPLODE").await, 400, "COMPLETE, ABORT, FAIL or REVERT");
    check(&loading.world.call("POST", &format!("{PATH}/{}", loading.batch)).send().await, 400, "names no action");
    check(&loading.world.call("POST", &format!("{PATH}/01Z?action=COMPLETE")).send().await, 404, "");
}

#[tokio::test]
async fn a_batch_of_a_flow_takes_no_files_and_is_reverted_while_its_files_are_its_own() {
    let Loading { world, dataset, .. } = Loading::new().await;
    let flows = json!({ "id": "01F", "status": "success", "metrics": { "outputRecordCount": 5 },
        "relatedObjects": [{ "type": "dataSet", "id": dataset }] });
    world.put(&world.scope(), Resource::Batch, "01F", flows).await;
    let file = format!("{PATH}/01F/datasets/{dataset}/files/a");
    check(&world.call("PUT", &file).text("x").send().await, 409, "was made by a flow");
    let revert = || world.call("POST", &format!("{PATH}/01F?action=REVERT")).send();
    check(&revert().await, 409, "put together with those of others");
    world.lake.store(&format!("tables/acme-prod/{dataset}/part-01F-1-x.parquet"), "x");
    check(&revert().await, 200, "");
    let reply = world.get("/data/foundation/catalog/batches/01F").await;
    assert_eq!(reply.body["01F"]["status"], "inactive");
    let lease = Duration::from_secs(15);
    let claim = world.app.store.claim_batch("w", world.app.now(), lease).await.unwrap().unwrap();
    assert_eq!((claim.batch.id.as_str(), claim.dataset), ("01F", dataset));
}

#[tokio::test]
async fn what_rows_go_by_stays_while_a_batch_is_on_its_way_and_merged_rows_stay_for_good() {
    let loading = Loading::new().await;
    let (world, schema) = (&loading.world, &loading.schema);
    let descriptors = "/data/foundation/schemaregistry/tenant/descriptors";
    check(&loading.act("COMPLETE").await, 200, "");
    check(&world.post(descriptors, identity(schema, "/_id", true)).await, 409, "is staged");
    let dataset = format!("/data/foundation/catalog/dataSets/{}", loading.dataset);
    check(&world.call("DELETE", &dataset).send().await, 409, "is staged");
    let claim = world.app.store.claim_batch("w", world.app.now(), Duration::from_secs(15)).await.unwrap().unwrap();
    check(&world.post(descriptors, identity(schema, "/_id", true)).await, 409, "is processing");
    let end = BatchEnd { batch: json!({ "status": "failed" }), plan: None };
    world.app.store.finish_batch(&claim, end, world.app.now()).await.unwrap();
    check(&world.post(descriptors, identity(schema, "/_id", true)).await, 201, "");
    let merged = json!({ "id": "01M", "status": "success", "metrics": { "outputRecordCount": 5 },
        "relatedObjects": [{ "type": "dataSet", "id": loading.dataset }] });
    world.put(&world.scope(), Resource::Batch, "01M", merged).await;
    let reply = world.call("POST", &format!("{PATH}/01M?action=REVERT")).send().await;
    check(&reply, 409, "keeps one row a key");
}

#[tokio::test]
async fn strangers_find_nothing_and_change_nothing() {
    let loading = Loading::new().await;
    check(&loading.put("a", "x").await, 200, "");
    for org in [ORG, OTHER_ORG] {
        let calls = [
            ("PUT", loading.file("a")),
            ("PATCH", loading.file("a")),
            ("HEAD", loading.file("a")),
            ("POST", format!("{}?action=initialize", loading.file("a"))),
            ("POST", format!("{PATH}/{}?action=ABORT", loading.batch)),
            ("PUT", loading.file("in/deep/a")),
        ];
        for (method, path) in calls {
            let call = loading.world.stranger(method, &path, org).header("content-range", "bytes 0-0/1");
            assert_eq!(call.text("y").send().await.status, 404, "{method} {path} from {org}");
        }
        let mine = loading.world.stranger("POST", PATH, org).json(body(&loading.dataset)).send().await;
        check(&mine, 400, "there is no dataset");
    }
    assert_eq!((loading.staged(), loading.status().await), (vec!["x".to_string()], json!("loading")));
}
