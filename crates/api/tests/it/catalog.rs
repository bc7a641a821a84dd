//! Catalog.

use crate::world::{World, data_set, schema};
use expect_test::expect;
use forebay_model::Resource;
use serde_json::json;

const PATH: &str = "/data/foundation/catalog";

async fn schema_id(world: &World) -> String {
    let reply = world.post("/data/foundation/schemaregistry/tenant/schemas", schema()).await;
    reply.body["$id"].as_str().unwrap().to_string()
}

#[tokio::test]
async fn a_dataset_is_created_and_read_keyed_by_its_id_p_2() {
    let world = World::new().await;
    let schema = schema_id(&world).await;
    let reply = world.post(&format!("{PATH}/dataSets?requestDataSource=true"), data_set(&schema)).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let link = reply.body[0].as_str().unwrap();
    let id = link.strip_prefix("@/dataSets/").unwrap().to_string();
    assert_eq!(id.len(), 24);
    assert!(reply.headers["location"].to_str().unwrap().ends_with(&id));
    let reply = world.get(&format!("{PATH}/dataSets/{id}")).await;
    expect![[]].assert_eq(&reply.shown());
    let second = world.created(&format!("{PATH}/dataSets"), data_set(&schema)).await;
    let reply = world.get(&format!("{PATH}/dataSets?limit=10&properties=name,tags")).await;
    let names: Vec<&String> = reply.body.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 2);
    let table = reply.body[&second]["tags"]["adobe/pqs/table"][0].as_str().unwrap();
    assert_eq!(table, format!("people_eu_{}", &second[..8]), "table names are unique");
    assert!(reply.body[&second].get("imsOrg").is_none(), "projected");
    let reply = world.get(&format!("{PATH}/dataSets?start=1&limit=1&orderBy=desc:created")).await;
    assert_eq!(reply.body.as_object().unwrap().len(), 1);
    let reply = world.get(&format!("{PATH}/dataSets?name=nobody")).await;
    assert_eq!(reply.text, "{}");
}

#[tokio::test]
async fn a_schema_must_exist_and_a_404_has_a_number_pl_cat_1() {
    let world = World::new().await;
    let reply = world.post(&format!("{PATH}/dataSets"), data_set("https://ns.adobe.com/acme/schemas/nothing")).await;
    assert_eq!((reply.status.as_u16(), &reply.body["status"]), (400, &json!(400)), "{}", reply.body);
    let reply = world.call("GET", &format!("{PATH}/dataSets/nothing")).header("x-request-id", "r-4").send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["status"]), (404, &json!(404)));
    let class = data_set("https://ns.adobe.com/xdm/context/profile");
    assert_eq!(world.post(&format!("{PATH}/dataSets"), class).await.status, 400, "a class is no schema");
    assert_eq!(world.post(&format!("{PATH}/dataSets"), json!({ "name": "x" })).await.status, 400);
}

#[tokio::test]
async fn a_dataset_is_changed_by_merge_or_by_patch_p_11() {
    let world = World::new().await;
    let schema = schema_id(&world).await;
    let id = world.created(&format!("{PATH}/dataSets"), data_set(&schema)).await;
    let path = format!("{PATH}/dataSets/{id}");
    let reply = world.call("PATCH", &path).json(json!({ "name": "renamed", "tags": { "team": ["x"] } })).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body), (200, &json!([format!("@/dataSets/{id}")])), "{}", reply.body);
    let patch = json!([{ "op": "replace", "path": "/description", "value": "d" }]);
    assert_eq!(world.call("PATCH", &path).json(patch).send().await.status, 200);
    let value = world.get(&path).await.body[&id].clone();
    assert_eq!((&value["name"], &value["description"]), (&json!("renamed"), &json!("d")));
    assert_eq!(value["tags"], json!({ "adobe/pqs/table": ["people_eu"], "team": ["x"] }));
    for body in [
        json!({ "imsOrg": "x" }),
        json!({ "schemaRef": { "id": "x" } }),
        json!({ "tags": { "adobe/pqs/table": null } }),
        json!({ "tags": null }),
        json!({ "name": null }),
        json!({ "sandboxId": null }),
    ] {
        assert_eq!(world.call("PATCH", &path).json(body.clone()).send().await.status, 400, "{body}");
    }
}

#[tokio::test]
async fn a_deleted_datasets_folder_is_to_be_removed() {
    let world = World::new().await;
    let schema = schema_id(&world).await;
    let id = world.created(&format!("{PATH}/dataSets"), data_set(&schema)).await;
    assert_eq!(world.call("DELETE", &format!("{PATH}/dataSets/{id}")).send().await.status, 200);
    assert_eq!(world.get(&format!("{PATH}/dataSets/{id}")).await.status, 404);
    let cleanups = world.app.store.cleanups().await.unwrap();
    assert_eq!(cleanups.iter().map(|c| c.location.clone()).collect::<Vec<_>>(), [format!("tables/acme-prod/{id}")]);
}

#[tokio::test]
async fn batches_are_listed_by_dataset_status_and_time() {
    let world = World::new().await;
    for (id, dataset, status) in [("01A", "d1", "success"), ("01B", "d1", "failed"), ("01C", "d2", "success")] {
        world.pass(1000);
        let created = world.app.now().timestamp_millis();
        let body = json!({ "id": id, "status": status, "created": created, "relatedObjects": [{ "type": "dataSet", "id": dataset }] });
        world.put(&world.scope(), Resource::Batch, id, body).await;
    }
    let check = async |query: &str, expected: &[&str]| {
        let reply = world.get(&format!("{PATH}/batches?{query}")).await;
        let ids: Vec<&str> = reply.body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(ids, expected, "{query}: {}", reply.body);
    };
    check("", &["01C", "01B", "01A"]).await;
    check("dataSet=d1", &["01B", "01A"]).await;
    check("dataSet=d1&status=success", &["01A"]).await;
    check("orderBy=asc:created&limit=1", &["01A"]).await;
    check(&format!("createdAfter={}", crate::world::START + 3000), &["01C"]).await;
    let reply = world.get(&format!("{PATH}/batches/01B")).await;
    assert_eq!(reply.body["01B"]["status"], "failed");
    assert_eq!(world.get(&format!("{PATH}/batches/01Z")).await.status, 404);
    assert_eq!(world.get(&format!("{PATH}/batches?orderBy=up:created")).await.status, 400);
}
