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
    expect![[r#"
        200 {
          "000000060000000000000000": {
            "name": "People (EU)",
            "description": "",
            "imsOrg": "ACME@AdobeOrg",
            "sandboxId": "acme-prod",
            "created": 1719792000000,
            "updated": 1719792000000,
            "createdClient": "acme-client",
            "createdUser": "acme-client@techacct.adobe.com",
            "updatedUser": "acme-client@techacct.adobe.com",
            "version": "1.0.0",
            "schemaRef": {
              "id": "https://ns.adobe.com/acme/schemas/000000020000000000000000000000020000000300000000",
              "contentType": "application/vnd.adobe.xed+json;version=1"
            },
            "classification": {
              "dataBehavior": "record",
              "managedBy": "CUSTOMER"
            },
            "fileDescription": {
              "persisted": true,
              "containerFormat": "parquet",
              "format": "parquet"
            },
            "files": "@/dataSets/000000060000000000000000/views/000000060000000000000000/files",
            "viewId": "000000060000000000000000",
            "dule": {},
            "tags": {
              "adobe/pqs/table": [
                "people_eu"
              ]
            },
            "statsCache": {},
            "extensions": {},
            "state": "DRAFT"
          }
        }"#]]
    .assert_eq(&reply.shown());
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

#[tokio::test]
async fn a_dataset_is_replaced_by_put_and_patched_deep_by_v2() {
    let world = World::new().await;
    let schema = schema_id(&world).await;
    let id = world.created(&format!("{PATH}/dataSets"), data_set(&schema)).await;
    let path = format!("{PATH}/dataSets/{id}");
    let patch = json!({ "extensions": { "team": { "owner": { "name": "x" } } }, "description": "old" });
    let reply = world.call("PATCH", &format!("{PATH}/v2/dataSets/{id}")).json(patch).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body), (200, &json!([format!("@/dataSets/{id}")])), "{}", reply.body);
    let value = world.get(&path).await.body[&id].clone();
    assert_eq!(value["extensions"]["team"]["owner"]["name"], "x");
    // What was read may be sent back, and what is left out goes.
    let reply = world.call("PUT", &path).json(value.clone()).send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let reply = world.call("PUT", &path).json(json!({ "name": "other", "tags": { "a": ["b"] } })).send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let new = world.get(&path).await.body[&id].clone();
    assert_eq!((&new["name"], &new["description"], &new["extensions"]), (&json!("other"), &json!(""), &json!({})));
    assert_eq!(new["tags"], json!({ "a": ["b"], "adobe/pqs/table": ["people_eu"] }));
    assert_eq!(
        (&new["schemaRef"], &new["created"], &new["state"]),
        (&value["schemaRef"], &value["created"], &value["state"])
    );
    for body in [
        json!({ "name": "x", "schemaRef": { "id": "y" } }),
        json!({ "name": null }),
        json!({ "name": "x", "sandboxId": "y" }),
        json!({ "name": "x", "tags": { "adobe/pqs/table": ["other"] } }),
        json!({ "name": "x", "tags": "y" }),
        json!([]),
    ] {
        assert_eq!(world.call("PUT", &path).json(body.clone()).send().await.status, 400, "{body}");
    }
    let reply = world.call("PUT", &format!("{PATH}/dataSets/nothing")).json(json!({ "name": "x" })).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["status"]), (404, &json!(404)), "PL-CAT-1");
}

#[tokio::test]
async fn lists_are_filtered_projected_and_ordered() {
    let world = World::new().await;
    let schema = schema_id(&world).await;
    let mut ids = Vec::new();
    for (name, team) in [("a", "x"), ("b", "y"), ("a", "y")] {
        world.pass(1000);
        let mut body = data_set(&schema);
        body["name"] = json!(name);
        body["tags"] = json!({ "team": [team], "n": 7 });
        ids.push(world.created(&format!("{PATH}/dataSets"), body).await);
    }
    let check = async |query: &str, expected: &[usize]| {
        let reply = world.get(&format!("{PATH}/dataSets?{query}")).await;
        let found: Vec<&str> = reply.body.as_object().unwrap().keys().map(String::as_str).collect();
        let expected: Vec<&str> = expected.iter().map(|index| ids[*index].as_str()).collect();
        assert_eq!(found, expected, "{query}: {}", reply.body);
    };
    check("", &[2, 1, 0]).await;
    check("tags=team:y", &[2, 1]).await;
    check("tags=team:y,n:7&limit=1&start=1", &[1]).await;
    check("tags=team:*,none", &[]).await;
    check("orderBy=asc:name,created", &[0, 2, 1]).await;
    check("orderBy=desc:name,created", &[1, 2, 0]).await;
    check(&format!("createdAfter={}&createdBefore={}", crate::world::START + 2000, crate::world::START + 3000), &[1])
        .await;
    check(
        &format!("schemaRef.id={}&name=b", url::form_urlencoded::byte_serialize(schema.as_bytes()).collect::<String>()),
        &[1],
    )
    .await;
    let reply = world.get(&format!("{PATH}/dataSets?properties=name,schemaRef.id,nothing&limit=1")).await;
    assert_eq!(reply.body[&ids[2]], json!({ "name": "a", "schemaRef": { "id": schema } }));
    let reply = world.get(&format!("{PATH}/dataSets/{}?properties=tags.team", ids[0])).await;
    assert_eq!(reply.body[&ids[0]], json!({ "tags": { "team": ["x"] } }));
    for query in ["limit=0", "limit=101", "start=-1", "orderBy=up:name"] {
        assert_eq!(world.get(&format!("{PATH}/dataSets?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_view_has_the_files_of_its_dataset() {
    let world = World::new().await;
    let schema = schema_id(&world).await;
    let id = world.created(&format!("{PATH}/dataSets"), data_set(&schema)).await;
    for name in ["part-01A-0.parquet", "part-01B-0.parquet"] {
        world.lake.store(&format!("tables/acme-prod/{id}/{name}"), "0123456789");
    }
    let views = world.get(&format!("{PATH}/dataSets/{id}/views")).await;
    let link = views.body[&id]["files"].as_str().unwrap().strip_prefix('@').unwrap().to_string();
    assert_eq!(world.get(&format!("{PATH}/dataSets/{id}/views/{id}")).await.body, views.body);
    let files = world.get(&format!("{PATH}{link}")).await;
    let names: Vec<&serde_json::Value> = files.body.as_object().unwrap().values().map(|file| &file["name"]).collect();
    assert_eq!(names, ["part-01A-0.parquet", "part-01B-0.parquet"], "{}", files.body);
    assert_eq!(world.get(&format!("{PATH}{link}?start=1&limit=1")).await.body.as_object().unwrap().len(), 1);
    for path in
        ["dataSets/nothing/views", &format!("dataSets/{id}/views/other"), &format!("dataSets/{id}/views/other/files")]
    {
        let reply = world.get(&format!("{PATH}/{path}")).await;
        assert_eq!((reply.status.as_u16(), &reply.body["status"]), (404, &json!(404)), "{path}");
    }
}

#[tokio::test]
async fn the_last_batches_the_tags_and_everything_are_told() {
    let world = World::new().await;
    let schema = schema_id(&world).await;
    let mut body = data_set(&schema);
    body["tags"] = json!({ "team": ["x"], "team/lead": "y", "teams": ["z"] });
    let dataset = world.created(&format!("{PATH}/dataSets"), body).await;
    for (id, dataset, status) in
        [("01A", "d1", "success"), ("01B", "d1", "failed"), ("01C", "d2", "success"), ("01D", "d1", "processing")]
    {
        world.pass(1000);
        let created = world.app.now().timestamp_millis();
        let body = json!({ "id": id, "status": status, "created": created, "tags": { "team": "w" },
            "relatedObjects": [{ "type": "dataSet", "id": dataset }] });
        world.put(&world.scope(), Resource::Batch, id, body).await;
    }
    let last = world.get(&format!("{PATH}/lastBatches")).await.body;
    let of = |name: &str| last["d1"][name].clone();
    assert_eq!((of("lastBatchId"), of("lastBatchStatus")), (json!("01D"), json!("processing")));
    assert_eq!((of("lastSuccessfulBatchId"), of("lastFailedBatchId")), (json!("01A"), json!("01B")));
    let one = world.get(&format!("{PATH}/lastBatches?dataSet=d2")).await.body;
    assert_eq!(one.as_object().unwrap().keys().collect::<Vec<_>>(), ["d2"]);
    let some = world.get(&format!("{PATH}/lastBatches?lastBatchStatus=success")).await.body;
    assert_eq!(some.as_object().unwrap().keys().collect::<Vec<_>>(), ["d2"]);

    let tags = world.get(&format!("{PATH}/tags/team")).await.body;
    assert_eq!((&tags["team"], &tags["team/lead"], tags.get("teams")), (&json!(["x", "w"]), &json!(["y"]), None));
    assert_eq!(tags["objectType"]["dataSets"], json!([format!("@/dataSets/{dataset}")]));
    assert_eq!(world.get(&format!("{PATH}/tags/adobe%2Fpqs")).await.body["adobe/pqs/table"], json!(["people_eu"]));
    assert_eq!(world.get(&format!("{PATH}/tags/nothing")).await.status, 404);

    let all = world.get(&format!("{PATH}/?limit=3")).await.body;
    let keys: Vec<String> = all.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, [format!("@/dataSets/{dataset}"), "@/batches/01D".into(), "@/batches/01C".into()]);
    let rest = world.get(&format!("{PATH}?start=2&properties=status")).await.body;
    assert_eq!(
        rest,
        json!({ "@/batches/01C": { "status": "success" }, "@/batches/01B": { "status": "failed" }, "@/batches/01A": { "status": "success" } })
    );
}
