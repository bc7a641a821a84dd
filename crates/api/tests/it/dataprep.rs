//! Data Prep.

use crate::world::{World, mapping_set, schema};
use expect_test::expect;
use serde_json::json;

const PATH: &str = "/data/foundation/conversion";

async fn schema_id(world: &World) -> String {
    let reply = world.post("/data/foundation/schemaregistry/tenant/schemas", schema()).await;
    reply.body["$id"].as_str().unwrap().to_string()
}

#[tokio::test]
async fn a_set_in_either_dialect_is_read_in_both_p_1_p_5() {
    let world = World::new().await;
    let schema = schema_id(&world).await;
    let reply = world.post(&format!("{PATH}/mappingSets"), mapping_set(&schema)).await;
    expect![[]].assert_eq(&reply.shown());
    let id = reply.body["id"].as_str().unwrap().to_string();
    expect![[]].assert_eq(&world.get(&format!("{PATH}/mappingSets/{id}")).await.shown());
    let current = json!({
        "outputSchema": { "schemaRef": { "id": schema, "contentType": "application/vnd.adobe.xed-full+json;version=1" } },
        "mappings": [{ "sourceType": "EXPRESSION", "source": "concat(a, \" \", b)", "destination": "person.name.fullName" }],
    });
    let id = world.created(&format!("{PATH}/mappingSets"), current).await;
    let set = world.get(&format!("{PATH}/mappingSets/{id}")).await.body;
    assert_eq!(set["xdmSchema"], schema.as_str());
    assert_eq!(set["mappings"][0]["destinationXdmPath"], "person.name.fullName");
}

#[tokio::test]
async fn a_new_version_leaves_the_old_one_to_the_flows_that_name_it_pl_map_1() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let path = format!("{PATH}/mappingSets/{}", parts.mapping);
    let reply = world.call("PUT", &path).json(mapping_set(&parts.schema)).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["version"]), (200, &json!(1)), "{}", reply.body);
    assert_eq!(world.get(&path).await.body["version"], 1);
    for version in [0, 1] {
        let mut flow = parts.flow();
        flow["transformations"][0]["params"]["mappingVersion"] = json!(version);
        world.created("/data/foundation/flowservice/flows", flow).await;
    }
    assert_eq!(world.get(&format!("{PATH}/mappingSets/{}@0", parts.mapping)).await.status, 404);
    let list = world.get(&format!("{PATH}/mappingSets?limit=5")).await;
    assert_eq!(list.body["data"].as_array().map(Vec::len), Some(1), "one entry for all versions");
    assert_eq!(list.body["_page"], json!({ "limit": 5, "count": 1 }));
}

#[tokio::test]
async fn faults_are_answered_mapping_by_mapping() {
    let world = World::new().await;
    let schema = schema_id(&world).await;
    let mut set = mapping_set(&schema);
    let good = set["mappings"][0].clone();
    let mut unknown = good.clone();
    unknown["destinationXdmPath"] = json!("person.shoe");
    let broken = json!({ "sourceType": "EXPRESSION", "source": "concat(a,", "destination": "person.name.lastName" });
    set["mappings"] = json!([good, unknown, broken]);
    let reply = world.post(&format!("{PATH}/mappingSets/validate"), set.clone()).await;
    let statuses: Vec<&str> =
        reply.body["validationResponse"].as_array().unwrap().iter().map(|r| r["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["SUCCESS", "FAILED", "FAILED"], "{}", reply.body);
    assert_eq!(world.post(&format!("{PATH}/mappingSets"), set.clone()).await.status, 400);
    assert_eq!(world.post(&format!("{PATH}/mappingSets?validate=False"), set).await.status, 200);
    let reply = world.post(&format!("{PATH}/mappingSets"), mapping_set("https://ns.adobe.com/acme/schemas/no")).await;
    assert_eq!((reply.status.as_u16(), &reply.body["status"]), (400, &json!(400)));
}

#[tokio::test]
async fn the_misprinted_addresses_work_too() {
    let world = World::new().await;
    let schema = schema_id(&world).await;
    let id = world.created("/data/foundation/mappingSets", mapping_set(&schema)).await;
    for path in ["/data/foundation/mappingSets", "/data/foundation/conversation/mappingSets", "/data/foundation/conversion/mappingSets"] {
        assert_eq!(world.get(&format!("{path}/{id}")).await.status, 200, "{path}");
    }
    assert_eq!(world.call("DELETE", &format!("{PATH}/mappingSets/{id}")).send().await.status, 204);
    assert_eq!(world.get(&format!("{PATH}/mappingSets/{id}")).await.status, 404);
}

#[tokio::test]
async fn the_language_lists_what_can_be_used() {
    let world = World::new().await;
    let functions = world.get(&format!("{PATH}/languages/el/functions")).await.body;
    let concat = functions.as_array().unwrap().iter().find(|f| f["function"] == "concat").unwrap();
    for member in ["category", "description", "syntax", "returns", "returnType", "example", "result", "params", "since"] {
        assert!(concat.get(member).is_some(), "{member}");
    }
    assert!(functions.as_array().unwrap().iter().all(|f| f["available"] == true));
    let operators = world.get(&format!("{PATH}/languages/el/operators")).await.body;
    assert!(operators.as_array().unwrap().iter().any(|o| o["operatorSymbol"] == "+"));
}
