//! Batch ingestion: batches, their files, and what may be done with them.

use crate::world::{CLIENT, ORG, World};
use forebay_model::Resource;
use forebay_model::import::{Import, STATE};
use serde_json::{Value, json};

const PATH: &str = "/data/foundation/import/batches";

async fn batch(world: &World, more: Value) -> (String, String) {
    let dataset = world.dataflow().await.dataset;
    let mut body = json!({ "datasetId": dataset, "inputFormat": { "format": "json" } });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let reply = world.post(PATH, body).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    (reply.body["id"].as_str().unwrap().to_string(), dataset)
}

/// What is kept of an upload.
async fn kept(world: &World, batch: &str) -> Import {
    let document = world.app.store.get(&world.scope(), Resource::Batch, batch).await.unwrap();
    Import::of(&document.body).unwrap().unwrap()
}

async fn waiting(world: &World) -> Vec<String> {
    world.app.store.waiting_batches().await.unwrap().into_iter().map(|(_, batch)| batch.id).collect()
}

fn uploads(world: &World) -> usize {
    world.lake.objects.lock().unwrap().keys().filter(|path| path.contains("/uploads/")).count()
}

#[tokio::test]
async fn a_batch_is_made_filled_and_completed() {
    let world = World::new().await;
    let (id, dataset) = batch(&world, json!({ "partialIngestionPercentage": "7.5", "tags": { "team": "x" } })).await;
    assert_eq!(id.len(), 26, "a ULID: {id}");
    let shown = world.get(&format!("{PATH}/{id}")).await.body;
    assert_eq!((&shown["status"], &shown["relatedObjects"][0]["id"]), (&json!("loading"), &json!(dataset)));
    // PL-DIAG-1 and P-8: a percentage implies diagnostics, and is told under the name of tags.
    let tags = json!({ "team": "x", "acp_enableErrorDiagnostics": true, "acp_partialIngestionPercent": 7.5 });
    assert_eq!(shown["tags"], tags);
    assert_eq!(shown["createdUser"], json!(format!("{CLIENT}@techacct.adobe.com")));
    let catalog = world.get(&format!("/data/foundation/catalog/batches/{id}")).await;
    assert_eq!(catalog.body[&id], shown);
    assert!(!catalog.text.contains("forebay:"), "{}", catalog.text);

    let file = format!("{PATH}/{id}/datasets/{dataset}/files/2024/07/a.json");
    let octets = |method: &str, path: &str, text: &str| {
        world.call(method, path).header("content-type", "application/octet-stream").text(text)
    };
    assert_eq!(octets("PUT", &file, "{\"_id\":\"1\"}").send().await.status, 200);
    let put = octets("PUT", &file, "{\"_id\":\"22\"}").send().await;
    assert_eq!((put.status.as_u16(), put.text.as_str()), (200, ""), "the same name replaces the file");
    assert_eq!(uploads(&world), 1, "the replaced bytes are gone");
    let head = world.call("HEAD", &file).send().await;
    assert_eq!((head.status.as_u16(), &head.headers["content-length"]), (200, &"12".parse().unwrap()));
    assert_eq!(head.headers["range"], "bytes=0-11");
    assert_eq!(world.call("HEAD", &format!("{file}.no")).send().await.status, 404);

    assert!(waiting(&world).await.is_empty());
    let reply = world.call("POST", &format!("{PATH}/{id}?action=complete")).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["status"]), (200, &json!("staged")), "{}", reply.body);
    assert!(reply.body.get(STATE).is_none(), "{}", reply.body);
    assert_eq!(waiting(&world).await, [id.clone()], "a worker is to import it");
    let again = world.call("POST", &format!("{PATH}/{id}?action=COMPLETE")).send().await;
    assert_eq!((again.status.as_u16(), &again.body["status"]), (200, &json!("staged")), "to say so twice is harmless");
    let late = octets("PUT", &file, "{}").send().await;
    assert_eq!((late.status.as_u16(), &late.body["status"]), (409, &json!(409)), "{}", late.body);
    assert_eq!(uploads(&world), 1);
    let import = kept(&world, &id).await;
    assert_eq!(import.files.keys().collect::<Vec<_>>(), ["2024/07/a.json"]);
}

#[tokio::test]
async fn a_large_file_comes_in_ranges() {
    let world = World::new().await;
    let (id, dataset) = batch(&world, json!({})).await;
    let file = format!("{PATH}/{id}/datasets/{dataset}/files/big.json");
    let send = async |range: &str, text: &str| {
        world.call("PATCH", &file).header("content-range", range).text(text).send().await
    };
    assert_eq!(send("bytes 0-4/15", "01234").await.status, 404, "it was not begun");
    let begun = world.call("POST", &format!("{file}?action=INITIALIZE")).send().await;
    assert_eq!((begun.status.as_u16(), &begun.body["sizeInBytes"]), (200, &json!(0)), "{}", begun.body);
    let early = world.call("POST", &format!("{PATH}/{id}?action=COMPLETE")).send().await;
    assert_eq!(early.status, 409, "the file is not there: {}", early.body);
    assert_eq!(send("bytes 10-14/15", "abcde").await.status, 200);
    let gap = world.call("POST", &format!("{file}?action=COMPLETE")).send().await;
    assert_eq!(gap.status, 409, "{}", gap.body);
    assert_eq!(send("bytes 0-4/15", "01234").await.status, 200);
    let head = world.call("HEAD", &file).send().await;
    assert_eq!(head.headers["range"], "bytes=0-4", "up to the gap");
    assert_eq!(send("bytes 4-9/15", "456789").await.status, 409, "it overlaps");
    assert_eq!(send("bytes 5-9/15", "5678").await.status, 400, "a byte too few");
    assert_eq!(send("bytes 9-5/15", "5678").await.status, 400);
    assert_eq!(uploads(&world), 2, "what is refused leaves nothing behind");
    assert_eq!(send("bytes 5-9/15", "-----").await.status, 200);
    assert_eq!(send("bytes 5-9/15", "56789").await.status, 200, "a range may come again");
    assert_eq!(uploads(&world), 3);
    let done = world.call("POST", &format!("{file}?action=complete")).send().await;
    assert_eq!((done.status.as_u16(), &done.body["sizeInBytes"]), (200, &json!(15)), "{}", done.body);
    assert_eq!(send("bytes 15-15/16", "x").await.status, 404, "it is complete");
    assert_eq!(world.call("POST", &format!("{PATH}/{id}?action=COMPLETE")).send().await.status, 200);
    let pieces = kept(&world, &id).await.files["big.json"].pieces.clone();
    let bytes: Vec<u8> = pieces
        .iter()
        .flat_map(|piece| {
            world.lake.objects.lock().unwrap()[&format!("batches/acme-prod/{id}/uploads/{}", piece.object)].clone()
        })
        .collect();
    assert_eq!(String::from_utf8(bytes).unwrap(), "0123456789abcde");
}

#[tokio::test]
async fn what_is_too_large_is_413_and_leaves_nothing() {
    let world = World::new().await;
    let (id, dataset) = batch(&world, json!({})).await;
    let file = format!("{PATH}/{id}/datasets/{dataset}/files/a.json");
    let large = "x".repeat(1001);
    for call in
        [world.call("PUT", &file).text(&large), world.call("PUT", &file).header("content-length", "1001").text(&large)]
    {
        let reply = call.send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["status"]), (413, &json!(413)), "{}", reply.body);
        assert!(reply.body["detail"].as_str().unwrap().contains("1000 bytes"), "{}", reply.body);
    }
    assert_eq!(world.call("PUT", &file).text(&large[1..]).send().await.status, 200);
    world.call("POST", &format!("{file}.big?action=INITIALIZE")).send().await;
    let far = world
        .call("PATCH", &format!("{file}.big"))
        .header("content-range", "bytes 4999-5000/*")
        .text("xx")
        .send()
        .await;
    assert_eq!(far.status, 413, "beyond the largest file: {}", far.body);
    assert_eq!(uploads(&world), 1);
}

#[tokio::test]
async fn a_batch_that_cannot_be_is_refused_with_its_place() {
    let world = World::new().await;
    let dataset = world.dataflow().await.dataset;
    let with = |name: &str, value: Value| {
        let mut body = json!({ "datasetId": dataset, "inputFormat": { "format": "json" } });
        body[name] = value;
        body
    };
    for (body, at) in [
        (with("datasetId", json!("nothing")), "/datasetId"),
        (with("datasetId", json!(7)), "/datasetId"),
        (with("inputFormat", json!("json")), "/inputFormat"),
        (with("inputFormat", json!({})), "/inputFormat/format"),
        (with("inputFormat", json!({ "format": "avro" })), "/inputFormat/format"),
        (with("inputFormat", json!({ "format": "csv", "delimiters": ["::"] })), "/inputFormat/delimiters"),
        (with("inputFormat", json!({ "format": "csv", "charset": "klingon" })), "/inputFormat/charset"),
        (with("inputFormat", json!({ "format": "csv", "quotes": ["'"] })), "/inputFormat/quotes"),
        (with("partialIngestionPercentage", json!(101)), "/partialIngestionPercentage"),
        (with("enableErrorDiagnostics", json!("yes")), "/enableErrorDiagnostics"),
        (with("tags", json!([])), "/tags"),
    ] {
        let reply = world.post(PATH, body.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.body["status"]), (400, &json!(400)), "{body}: {}", reply.body);
        assert_eq!(reply.body["report"]["pointer"], at, "{body}: {}", reply.body);
    }
    let good =
        with("inputFormat", json!({ "format": "csv", "delimiters": ["|"], "quotes": ["\""], "charset": "ISO-8859-1" }));
    let reply = world.post(PATH, good).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let options = kept(&world, reply.body["id"].as_str().unwrap()).await.options;
    assert_eq!((options.delimiter, options.encoding.as_str()), (b'|', "ISO-8859-1"));
}

#[tokio::test]
async fn a_file_goes_to_the_batchs_own_dataset_under_a_plain_name() {
    let world = World::new().await;
    let (id, dataset) = batch(&world, json!({})).await;
    for (path, status) in [
        (format!("{PATH}/{id}/datasets/other/files/a.json"), 404),
        (format!("{PATH}/nothing/datasets/{dataset}/files/a.json"), 404),
        (format!("{PATH}/{id}/datasets/{dataset}/files/..%2F..%2Fx"), 400),
        (format!("{PATH}/{id}/datasets/{dataset}/files/a//b"), 400),
        (format!("{PATH}/{id}/datasets/{dataset}/files/%0a"), 400),
    ] {
        for method in ["PUT", "PATCH", "POST"] {
            let call = world.call(method, &format!("{path}?action=INITIALIZE")).header("content-range", "bytes 0-1/2");
            assert_eq!(call.text("{}").send().await.status, status, "{method} {path}");
        }
    }
    assert_eq!(uploads(&world), 0);
    let flow = json!({ "id": "01B", "status": "success", "relatedObjects": [{ "type": "dataSet", "id": dataset }] });
    world.put(&world.scope(), Resource::Batch, "01B", flow).await;
    let reply = world.call("PUT", &format!("{PATH}/01B/datasets/{dataset}/files/a")).text("{}").send().await;
    assert_eq!(reply.status, 409, "a flow's batch takes no files: {}", reply.body);
    let stranger =
        world.stranger("PUT", &format!("{PATH}/{id}/datasets/{dataset}/files/a"), ORG).text("{}").send().await;
    assert_eq!(stranger.status, 404);
}

#[tokio::test]
async fn actions_follow_the_life_of_a_batch() {
    let world = World::new().await;
    let act = async |id: &str, action: &str| {
        let reply = world.call("POST", &format!("{PATH}/{id}?action={action}")).send().await;
        (reply.status.as_u16(), reply.body["status"].clone())
    };
    let set = async |id: &str, change: Value| {
        let apply = |document: &forebay_model::Document, secrets: &forebay_store::Secrets| {
            let mut body = document.body.clone();
            for (name, value) in change.as_object().unwrap() {
                body[name] = value.clone();
            }
            Ok((body, secrets.clone()))
        };
        world.app.store.update(&world.scope(), Resource::Batch, id, None, world.app.now(), apply).await.unwrap();
    };
    let (id, _) = batch(&world, json!({})).await;
    assert_eq!(act(&id, "VANISH").await, (400, json!(400)));
    assert_eq!(act(&id, "REVERT").await, (409, json!(409)), "nothing was imported");
    assert_eq!(act(&id, "REPLAY").await, (409, json!(409)), "it has not failed");
    assert_eq!(act(&id, "ABORT").await, (200, json!("aborted")));
    assert_eq!(act(&id, "ABORT").await, (200, json!("aborted")));
    assert_eq!(act(&id, "COMPLETE").await, (409, json!(409)));
    let (id, dataset) = batch(&world, json!({})).await;
    assert_eq!(act(&id, "COMPLETE").await, (200, json!("staged")));
    assert_eq!(act(&id, "FAIL").await, (200, json!("failed")));
    assert!(waiting(&world).await.is_empty(), "nobody is to import it any more");
    assert_eq!(act(&id, "REPLAY").await, (200, json!("staged")));
    assert_eq!(waiting(&world).await, [id.clone()]);
    set(&id, json!({ "status": "processing" })).await;
    assert_eq!(act(&id, "ABORT").await, (409, json!(409)), "a worker has it");

    set(&id, json!({ "status": "success", "metrics": { "outputRecordCount": 13 } })).await;
    world.lake.store(&format!("tables/acme-prod/{dataset}/part-{id}-0.parquet"), "rows");
    assert_eq!(act(&id, "REVERT").await, (409, json!(409)), "its rows are mixed with others");
    set(&id, json!({ "metrics": { "outputRecordCount": 1 } })).await;
    assert_eq!(act(&id, "REVERT").await, (200, json!("inactive")));
    assert_eq!(act(&id, "REVERT").await, (200, json!("inactive")));
    let files = world.get(&format!("/data/foundation/export/batches/{id}/files")).await;
    assert_eq!(files.body["data"], json!([]));
}
