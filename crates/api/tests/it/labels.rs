//! Data usage labels.

use crate::world::{CLIENT, FLOWS, World};
use forebay_model::Resource;
use serde_json::{Value, json};

const EXPORT: &str = "/data/foundation/export";

fn path(dataset: &str) -> String {
    format!("/data/foundation/dataset/datasets/{dataset}/labels")
}

fn field(schema: &str, pointer: &str, labels: Value) -> Value {
    json!({ "option": { "id": schema, "contentType": "application/vnd.adobe.xed-full+json;version=1", "schemaPath": pointer },
        "labels": labels })
}

const ADDRESS: &str = "/properties/personalEmail/properties/address";

#[tokio::test]
async fn labels_are_made_read_replaced_and_taken_away() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let path = path(&parts.dataset);
    let none = world.call("GET", &path).send().await;
    assert_eq!(
        (none.status.as_u16(), &none.body["code"], &none.body["status"]),
        (404, &json!("PES-404"), &json!("NOT_FOUND"))
    );
    assert_eq!(none.body["path"], json!(path));
    assert!(none.body["timestamp"].as_str().unwrap().starts_with("2024-07-01T00:00:00"), "{}", none.body);
    let put = world.call("PUT", &path).header("if-match", "*").json(json!({ "labels": [] })).send().await;
    assert_eq!(put.status, 404, "there is nothing to replace");

    // P-9: with the prefix or without, as it was sent.
    let body = json!({ "labels": ["core/C2", "C9"], "optionalLabels": [field(&parts.schema, ADDRESS, json!(["I1"]))] });
    let made = world.post(&path, body.clone()).await;
    assert_eq!((made.status.as_u16(), &made.body), (201, &body), "{}", made.body);
    let again = world.post(&path, body.clone()).await;
    assert_eq!((again.status.as_u16(), &again.body["code"]), (403, &json!("PES-403")));
    let read = world.get(&path).await;
    assert_eq!(read.body, body);
    let etag = read.headers["etag"].to_str().unwrap().to_string();

    let other = json!({ "labels": ["S1"], "optionalLabels": [] });
    let bare = world.call("PUT", &path).json(other.clone()).send().await;
    assert_eq!(
        (bare.status.as_u16(), &bare.body["code"]),
        (400, &json!("PES-400")),
        "If-Match is needed: {}",
        bare.body
    );
    let stale = world.call("PUT", &path).header("if-match", "\"x\"").json(other.clone()).send().await;
    assert_eq!((stale.status.as_u16(), &stale.body["code"]), (412, &json!("PES-412")), "{}", stale.body);
    let put = world.call("PUT", &path).header("if-match", &etag).json(other.clone()).send().await;
    assert_eq!((put.status.as_u16(), &put.body), (200, &other));
    assert_ne!(put.headers["etag"], etag.as_str());
    let gone = world.call("DELETE", &path).header("if-match", &etag).send().await;
    assert_eq!(gone.status, 412, "that etag is an old one");
    assert_eq!(world.call("DELETE", &path).send().await.status, 204);
    assert_eq!(world.get(&path).await.status, 404);
    assert_eq!(world.get(&crate::labels::path("nothing")).await.body["code"], "PES-404");
}

#[tokio::test]
async fn a_label_and_a_field_must_exist() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let schema = parts.schema.as_str();
    let fields = |field: Value| json!({ "labels": [], "optionalLabels": [field] });
    for (body, at) in [
        (json!({ "labels": ["C13"] }), "/labels/0"),
        (json!({ "labels": ["C1", "core/C1"] }), "/labels/1"),
        (json!({ "labels": [7] }), "/labels/0"),
        (json!({ "labels": "C1" }), "/labels"),
        (json!({ "labels": [], "names": [] }), "/names"),
        (json!({ "labels": [], "optionalLabels": {} }), "/optionalLabels"),
        (fields(field(schema, "/properties/nothing", json!(["C1"]))), "/optionalLabels/0/option/schemaPath"),
        (fields(field(schema, "/title", json!(["C1"]))), "/optionalLabels/0/option/schemaPath"),
        (fields(field("https://ns.adobe.com/acme/schemas/x", ADDRESS, json!(["C1"]))), "/optionalLabels/0/option/id"),
        (fields(field(schema, ADDRESS, json!(["no"]))), "/optionalLabels/0/labels/0"),
        (fields(json!(1)), "/optionalLabels/0/labels"),
    ] {
        let reply = world.post(&path(&parts.dataset), body.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.body["code"]), (400, &json!("PES-400")), "{body}: {}", reply.body);
        assert_eq!(reply.body["pointer"], at, "{body}: {}", reply.body);
    }
    assert_eq!(world.get(&path(&parts.dataset)).await.status, 404, "nothing was stored");
    let custom = world.post(&path(&parts.dataset), json!({ "labels": ["custom/HR-only"] })).await;
    assert_eq!(custom.status, 201, "{}", custom.body);
}

#[tokio::test]
async fn what_is_labelled_c12_is_not_given_out() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let body =
        json!({ "id": "01B", "status": "success", "relatedObjects": [{ "type": "dataSet", "id": parts.dataset }] });
    world.put(&world.scope(), Resource::Batch, "01B", body).await;
    world.lake.store("batches/acme-prod/01B/row_errors/part-0.json", "{\"canary\":1}\n");
    world.lake.store(&format!("tables/acme-prod/{}/part-01B-0.parquet", parts.dataset), "canary");
    world.lake.rows.lock().unwrap().push(json!({ "canary": 1 }));
    let ways = [
        format!("{EXPORT}/batches/01B/files"),
        format!("{EXPORT}/batches/01B/failed"),
        format!("{EXPORT}/batches/01B/failed?path=part-0.json"),
        format!("{EXPORT}/batches/01B/meta?path=row_errors/part-0.json"),
        format!("{EXPORT}/batches/01B/meta?path=row_error_samples.json"),
        format!("{EXPORT}/files/01B-0?path=part-01B-0.parquet"),
        format!("{EXPORT}/files/01B-failed-0"),
        format!("{EXPORT}/datasets/{}/preview", parts.dataset),
    ];
    world.client_with("reader", &["manage-datasets"], &["*"]).await;
    let check = async |label: Option<&str>| {
        for way in &ways {
            let reply = world.get(way).await;
            assert_eq!(reply.status, 200, "{way}: a role with the right export: {}", reply.text);
            let reply = world.by("reader", "prod", "GET", way).send().await;
            match label {
                None => assert_eq!(reply.status, 200, "{way}: {}", reply.text),
                Some(named) => {
                    assert_eq!(
                        (reply.status.as_u16(), &reply.body["status"]),
                        (403, &json!(403)),
                        "{way}: {}",
                        reply.text
                    );
                    let detail = reply.body["detail"].as_str().unwrap();
                    assert!(detail.contains("C12") && detail.contains(named), "{way}: {detail}");
                    assert!(!reply.text.contains("canary"), "{way}");
                }
            }
        }
    };
    check(None).await;
    let path = path(&parts.dataset);
    world.post(&path, json!({ "labels": ["C1"] })).await;
    check(None).await;
    let put = async |body: Value| {
        let reply = world.call("PUT", &path).header("if-match", "*").json(body).send().await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    };
    put(json!({ "labels": ["core/C12"] })).await;
    check(Some(&parts.dataset)).await;
    put(json!({ "labels": ["C2"], "optionalLabels": [field(&parts.schema, ADDRESS, json!(["C12"]))] })).await;
    check(Some(ADDRESS)).await;
    put(json!({ "labels": [] })).await;
    check(None).await;
    let descriptor = json!({ "@type": "xdm:descriptorLabel", "xdm:sourceSchema": parts.schema, "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/personalEmail/address", "xdm:labels": ["core/C12"] });
    let reply = world.post("/data/foundation/schemaregistry/tenant/descriptors", descriptor).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    check(Some("/personalEmail/address")).await;
}

#[tokio::test]
async fn the_label_c12_is_taken_away_only_with_the_right_that_it_asks_for() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    world.client_with("steward", &["manage-datasets", "manage-schemas"], &["*"]).await;
    let path = path(&parts.dataset);
    let field = field(&parts.schema, ADDRESS, json!(["C12"]));
    let both = json!({ "labels": ["core/C12"], "optionalLabels": [field] });
    assert_eq!(world.post(&path, both.clone()).await.status, 201);
    let put = async |client: &str, body: Value| {
        world.by(client, "prod", "PUT", &path).header("if-match", "*").json(body).send().await
    };
    for less in [
        json!({ "labels": ["C1"], "optionalLabels": [field] }),
        json!({ "labels": ["C12"] }),
        json!({ "labels": ["C12"], "optionalLabels": [{ "option": field["option"], "labels": ["C1"] }] }),
    ] {
        let reply = put("steward", less.clone()).await;
        assert_eq!(reply.status, 403, "{less}: {}", reply.body);
        assert!(reply.text.contains("C12") && reply.text.contains("export"), "{}", reply.text);
        assert_eq!(world.get(&path).await.body, both, "{less}");
    }
    assert_eq!(world.by("steward", "prod", "DELETE", &path).send().await.status, 403);
    let more = json!({ "labels": ["C12", "C1"], "optionalLabels": [field] });
    assert_eq!(put("steward", more).await.status, 200, "other labels come and go");
    assert_eq!(put(CLIENT, json!({ "labels": ["C1"] })).await.status, 200);
    assert_eq!(world.by("steward", "prod", "DELETE", &path).send().await.status, 204);

    let descriptors = "/data/foundation/schemaregistry/tenant/descriptors";
    let descriptor = |property: &str, label: &str| {
        json!({ "@type": "xdm:descriptorLabel", "xdm:sourceSchema": parts.schema,
        "xdm:sourceVersion": 1, "xdm:sourceProperty": property, "xdm:labels": [label] })
    };
    let sealed = world.post(descriptors, descriptor("/personalEmail/address", "core/C12")).await;
    let path = format!("{descriptors}/{}", sealed.body["@id"].as_str().unwrap());
    for less in [descriptor("/personalEmail/address", "C1"), descriptor("/person/name", "C12")] {
        let reply = world.by("steward", "prod", "PUT", &path).json(less.clone()).send().await;
        assert_eq!(reply.status, 403, "{less}: {}", reply.body);
        assert!(reply.text.contains("export"), "{}", reply.text);
    }
    assert_eq!(world.by("steward", "prod", "DELETE", &path).send().await.status, 403);
    let same = descriptor("/personalEmail/address", "C12");
    assert_eq!(world.by("steward", "prod", "PUT", &path).json(same).send().await.status, 200);
    assert_eq!(world.call("DELETE", &path).send().await.status, 204);
}

#[tokio::test]
async fn labels_outlive_the_dataset() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    world.post(&path(&parts.dataset), json!({ "labels": ["C12"] })).await;
    let body =
        json!({ "id": "01B", "status": "success", "relatedObjects": [{ "type": "dataSet", "id": parts.dataset }] });
    world.put(&world.scope(), Resource::Batch, "01B", body).await;
    let reply = world.call("DELETE", &format!("/data/foundation/catalog/dataSets/{}", parts.dataset)).send().await;
    assert_eq!(reply.status, 200);
    world.client_with("reader", &["manage-datasets"], &["*"]).await;
    let errors = format!("{EXPORT}/batches/01B/meta?path=row_errors");
    assert_eq!(world.by("reader", "prod", "GET", &errors).send().await.status, 403);
    assert_eq!(world.get(&path(&parts.dataset)).await.status, 404);
}

#[tokio::test]
async fn core_labels_are_listed() {
    let world = World::new().await;
    let reply = world.get("/data/foundation/dulepolicy/labels/core").await;
    let names: Vec<&str> =
        reply.body["children"].as_array().unwrap().iter().map(|l| l["name"].as_str().unwrap()).collect();
    for name in ["C1", "C12", "I1", "I2", "S1", "S2", "PSPD", "RHD", "Third-Party"] {
        assert!(names.contains(&name), "{name}");
    }
    assert_eq!(world.get("/data/foundation/dulepolicy/labels/core/C12").await.body["name"], "C12");
    assert_eq!(world.get("/data/foundation/dulepolicy/labels/core/C13").await.body["code"], "PES-404");
}

#[tokio::test]
async fn a_flow_has_labels_by_patch() {
    let world = World::new().await;
    let flow = world.dataflow().await.flow();
    let id = world.created(&format!("{FLOWS}/flows"), flow).await;
    let path = format!("{FLOWS}/flows/{id}");
    let reply = world.patch(&path, json!([{ "op": "add", "path": "/labels", "value": ["core/C12"] }])).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(world.get(&path).await.item()["labels"], json!(["core/C12"]));
    let reply = world.patch(&path, json!([{ "op": "add", "path": "/labels/-", "value": "C99" }])).await;
    assert_eq!((reply.status.as_u16(), &reply.body["report"]["pointer"]), (400, &json!("/labels/1")), "{}", reply.body);
}
