//! Data access.

use crate::world::World;
use expect_test::expect;
use forebay_model::Resource;
use serde_json::json;

const PATH: &str = "/data/foundation/export";

async fn world() -> (World, String) {
    let world = World::new().await;
    let dataset = world.dataflow().await.dataset;
    let body = json!({ "id": "01B", "status": "success", "completed": 1_719_792_000_000_i64,
        "relatedObjects": [{ "type": "dataSet", "id": dataset }] });
    world.put(&world.scope(), Resource::Batch, "01B", body).await;
    world.lake.store(&format!("tables/acme-prod/{dataset}/part-01B-0.parquet"), "0123456789");
    world.lake.store(&format!("tables/acme-prod/{dataset}/part-01A-0.parquet"), "another batch");
    world
        .lake
        .store("batches/acme-prod/01B/row_errors/part-0.json", "{\"_errors\":[{\"code\":\"1401\"}]}\n{\"b\":1}\n");
    world.lake.store("batches/acme-prod/01B/input_files/files 1.json", "{\"path\":\"a.csv\"}\n");
    (world, dataset)
}

#[tokio::test]
async fn a_batchs_files_are_listed_and_read_in_ranges() {
    let (world, _) = world().await;
    let reply = world.get(&format!("{PATH}/batches/01B/files")).await;
    let file = reply.body["data"][0]["_links"]["self"]["href"].as_str().unwrap();
    assert_eq!(reply.body["_page"], json!({ "limit": 100, "count": 1 }));
    let path = file.strip_prefix("http://forebay.test").unwrap().to_string();
    let listing = world.get(&path).await;
    expect![[r#"
        200 {
          "data": [
            {
              "name": "part-01B-0.parquet",
              "length": "10",
              "_links": {
                "self": {
                  "href": "http://forebay.test/data/foundation/export/files/01B-0?path=part-01B-0.parquet"
                }
              }
            }
          ],
          "_page": {
            "limit": 100,
            "count": 1
          }
        }"#]]
    .assert_eq(&listing.shown());
    let href = listing.body["data"][0]["_links"]["self"]["href"].as_str().unwrap();
    let path = href.strip_prefix("http://forebay.test").unwrap();
    assert_eq!(world.get(path).await.text, "0123456789");
    let part = world.call("GET", path).header("range", "bytes=2-4").send().await;
    assert_eq!((part.status.as_u16(), part.text.as_str()), (206, "234"));
    assert_eq!(part.headers["content-range"], "bytes 2-4/10");
    assert_eq!(part.headers["content-length"], "3");
    let etag = part.headers["etag"].to_str().unwrap();
    let same = world.call("GET", path).header("range", "bytes=2-4").header("if-range", etag).send().await;
    assert_eq!((same.status.as_u16(), same.text.as_str()), (206, "234"));
    let other = world.call("GET", path).header("range", "bytes=2-4").header("if-range", "\"other\"").send().await;
    assert_eq!((other.status.as_u16(), other.text.as_str()), (200, "0123456789"), "a file of another state");
    let head = world.call("HEAD", path).send().await;
    assert_eq!(
        (head.status.as_u16(), head.text.as_str(), &head.headers["content-length"]),
        (200, "", &"10".parse().unwrap())
    );
    let head = world.call("HEAD", path).header("range", "bytes=10-").send().await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""), "ranges are for GET");
    let outside = world.call("GET", path).header("range", "bytes=10-").send().await;
    assert_eq!(outside.status, 416);
    assert_eq!(outside.headers["content-range"], "bytes */10");
    for id in ["01B-1", "01B-failed-1", "01B-failed", "01Z-failed-0", "01Z-0", "nothing", "01B-x"] {
        assert_eq!(world.get(&format!("{PATH}/files/{id}")).await.status, 404, "{id}");
    }
}

#[tokio::test]
async fn diagnostics_are_listed_read_and_sampled() {
    let (world, _) = world().await;
    let path = format!("{PATH}/batches/01B/meta");
    let reply = world.get(&format!("{path}?path=row_errors")).await;
    expect![[r#"
        200 {
          "data": [
            {
              "name": "part-0.json",
              "length": "38",
              "_links": {
                "self": {
                  "href": "http://forebay.test/data/foundation/export/batches/01B/meta?path=row_errors/part-0.json"
                }
              }
            }
          ],
          "_page": {
            "limit": 100,
            "count": 1
          }
        }"#]]
    .assert_eq(&reply.shown());
    let reply = world.get(&format!("{path}?path=row_errors/part-0.json")).await;
    assert!(reply.text.starts_with("{\"_errors\""), "{}", reply.text);
    let reply = world.get(&format!("{path}?path=row_error_samples.json")).await;
    assert_eq!(reply.body, json!([{ "_errors": [{ "code": "1401" }] }, { "b": 1 }]));
    let reply = world.get(&format!("{path}?path=input_files")).await;
    let href = reply.body["data"][0]["_links"]["self"]["href"].as_str().unwrap();
    let reply = world.get(href.strip_prefix("http://forebay.test").unwrap()).await;
    assert_eq!(reply.text, "{\"path\":\"a.csv\"}\n");
    assert_eq!(world.get(&path).await.body["data"].as_array().map(Vec::len), Some(3));
    let failed = world.get(&format!("{PATH}/batches/01B/failed")).await;
    let entry = &failed.body["data"][0];
    assert_eq!((&entry["name"], &entry["isValid"]), (&json!("part-0.json"), &json!(false)));
    let href = entry["_links"]["self"]["href"].as_str().unwrap();
    let file = world.get(href.strip_prefix("http://forebay.test").unwrap()).await;
    assert!(file.text.starts_with("{\"_errors\""), "{}", file.text);
    // As a file of its own, too.
    let id = entry["dataSetFileId"].as_str().unwrap();
    let file = world.get(&format!("{PATH}/files/{id}?path=part-0.json")).await;
    assert!(file.text.starts_with("{\"_errors\""), "{}", file.text);
}

#[tokio::test]
async fn a_path_never_leaves_its_folder() {
    let (world, dataset) = world().await;
    for path in [
        "row_errors/../input_files/files 1.json",
        "row_errors/../../../../etc/passwd",
        "..",
        "input_files/..%2f..%2fx",
        "/",
        &format!("../../tables/acme-prod/{dataset}/part-01B-0.parquet"),
    ] {
        let query: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
        let reply = world.get(&format!("{PATH}/batches/01B/meta?path={query}")).await;
        let listing = reply.body["data"].as_array().is_some_and(|all| all.len() == 3);
        assert!(reply.status == 404 || (path == "/" && listing), "{path}: {} {}", reply.status, reply.text);
    }
    assert_eq!(world.get(&format!("{PATH}/batches/..%2f01B/meta")).await.status, 404);
}

#[tokio::test]
async fn a_preview_shows_the_first_rows() {
    let (world, dataset) = world().await;
    let path = format!("{PATH}/datasets/{dataset}/preview");
    assert_eq!(world.get(&path).await.text, r#"{"data":[]}"#, "before the first commit");
    world.lake.rows.lock().unwrap().extend((0..150).map(|n| json!({ "n": n })));
    assert_eq!(world.get(&path).await.body["data"].as_array().map(Vec::len), Some(100));
    assert_eq!(world.get(&format!("{PATH}/datasets/nothing/preview")).await.status, 404);
}

#[tokio::test]
async fn a_range_is_one_of_the_file_that_was_seen_and_of_a_get() {
    let (world, _) = world().await;
    let path = format!("{PATH}/files/01B-0?path=part-01B-0.parquet");
    let whole = world.get(&path).await;
    let etag = whole.headers["etag"].to_str().unwrap().to_string();
    assert_eq!((whole.status.as_u16(), whole.headers["accept-ranges"].to_str().unwrap()), (200, "bytes"));
    let ask = |range: &'static str, if_range: String| {
        world.call("GET", &path).header("range", range).header("if-range", &if_range).send()
    };
    let part = ask("bytes=2-4", etag.clone()).await;
    assert_eq!((part.status.as_u16(), part.text.as_str()), (206, "234"));
    for other in ["\"another\"", "Mon, 01 Jul 2024 00:00:00 GMT", &format!("W/{etag}")] {
        let reply = ask("bytes=2-4", other.to_string()).await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, "0123456789"), "{other}");
    }
    for (range, text) in [("bytes=-3", "789"), ("bytes=7-", "789"), ("bytes=7-99", "789"), ("bytes=0-0", "0")] {
        let reply = world.call("GET", &path).header("range", range).send().await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (206, text), "{range}");
    }
    // Several ranges, another unit and nonsense are no range: the whole is sent.
    for range in ["bytes=0-1,3-4", "items=0-1", "bytes=5-2", "bytes=x-y", "bytes="] {
        let reply = world.call("GET", &path).header("range", range).send().await;
        assert_eq!((reply.status.as_u16(), reply.text.as_str()), (200, "0123456789"), "{range}");
    }
    let unsatisfied = world.call("GET", &path).header("range", "bytes=-0").send().await;
    assert_eq!(unsatisfied.status, 416);
    let head = world.call("HEAD", &path).header("range", "bytes=2-4").send().await;
    assert_eq!((head.status.as_u16(), head.text.as_str()), (200, ""));
    assert_eq!(
        (head.headers["content-length"].to_str().unwrap(), &head.headers["etag"]),
        ("10", &whole.headers["etag"])
    );
}
