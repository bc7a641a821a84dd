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
    expect![[r#"
        200 {
          "id": "00000006000000000000000000000006",
          "version": 0,
          "createdDate": 1719792000000,
          "modifiedDate": 1719792000000,
          "createdBy": "acme-client@techacct.adobe.com",
          "modifiedBy": "acme-client@techacct.adobe.com"
        }"#]]
    .assert_eq(&reply.shown());
    let id = reply.body["id"].as_str().unwrap().to_string();
    expect![[r#"
        200 {
          "version": 0,
          "xdmSchema": "https://ns.adobe.com/acme/schemas/000000020000000000000000000000020000000300000000",
          "xdmVersion": "1.0",
          "id": "00000006000000000000000000000006",
          "mappings": [
            {
              "destinationXdmPath": "person.name.firstName",
              "sourceAttribute": "first_name",
              "identity": false,
              "identityGroup": null,
              "namespaceCode": null,
              "version": 0,
              "id": "00000007000000000000000000000007",
              "destination": "person.name.firstName",
              "source": "first_name",
              "sourceType": "ATTRIBUTE"
            }
          ],
          "createdDate": 1719792000000,
          "modifiedDate": 1719792000000,
          "createdBy": "acme-client@techacct.adobe.com",
          "modifiedBy": "acme-client@techacct.adobe.com",
          "outputSchema": {
            "schemaRef": {
              "id": "https://ns.adobe.com/acme/schemas/000000020000000000000000000000020000000300000000",
              "contentType": "application/vnd.adobe.xed-full+json;version=1"
            }
          }
        }"#]]
    .assert_eq(&world.get(&format!("{PATH}/mappingSets/{id}")).await.shown());
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
    for path in [
        "/data/foundation/mappingSets",
        "/data/foundation/conversation/mappingSets",
        "/data/foundation/conversion/mappingSets",
    ] {
        assert_eq!(world.get(&format!("{path}/{id}")).await.status, 200, "{path}");
    }
    assert_eq!(world.call("DELETE", &format!("{PATH}/mappingSets/{id}")).send().await.status, 204);
    assert_eq!(world.get(&format!("{PATH}/mappingSets/{id}")).await.status, 404);
}

#[tokio::test]
async fn the_language_lists_every_function_and_operator() {
    let world = World::new().await;
    let functions = world.get(&format!("{PATH}/languages/el/functions")).await.body;
    let functions = functions.as_array().unwrap();
    assert_eq!(functions.len(), forebay_model::mapping::functions::FUNCTIONS.len());
    for function in functions {
        for member in
            ["category", "description", "syntax", "returns", "returnType", "example", "result", "params", "since"]
        {
            assert!(!function[member].is_null(), "{function} has no {member}");
        }
    }
    let operators = world.get(&format!("{PATH}/languages/el/operators")).await.body;
    for operator in operators.as_array().unwrap() {
        for member in ["operatorSymbol", "methodName", "numberOfOperands", "description", "example"] {
            assert!(!operator[member].is_null(), "{operator} has no {member}");
        }
    }
}

#[tokio::test]
async fn an_expression_is_judged_true_or_false() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let path = format!("{PATH}/languages/el/validate");
    for (body, valid) in [
        (json!({ "expression": "concat(a, ' ', b)" }), true),
        (json!({ "expression": "concat(a, " }), false),
        (json!({ "expression": "" }), false),
        (json!({ "expression": "nix(a)" }), false),
        (json!({ "expression": "matches_regex(a, '(?=b)')" }), false),
        (json!({ "expression": "transformArray(a, x -> x + 1)", "mappingSetId": parts.mapping }), true),
        (json!({ "expression": "a".repeat(4097) }), false),
        // The double computes nothing, so that no expression has a value for a sample; other samples are no records.
        (json!({ "expression": "upper(a)", "sampleData": "{\"a\": 1}" }), false),
        (json!({ "expression": "upper(a)", "sampleData": "string", "sampleDataType": "string" }), true),
    ] {
        let reply = world.post(&path, body.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.body), (200, &json!(valid)), "{body}");
    }
    for body in [json!({ "other": 1 }), json!({ "expression": 1 }), json!({ "expression": ["a"] })] {
        let reply = world.post(&path, body.clone()).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text);
        assert!(reply.text.contains("/expression"), "{body}: {}", reply.text);
    }
    assert_eq!(world.post(&path, json!([])).await.status, 400);
    let unknown = json!({ "expression": "a", "mappingSetId": "0123456789abcdef0123456789abcdef" });
    assert_eq!(world.post(&path, unknown).await.status, 404);
}

#[tokio::test]
async fn a_preview_answers_one_record_or_several() {
    let world = World::new().await;
    let schema = schema_id(&world).await;
    let path = format!("{PATH}/mappingSets/preview");
    let set = mapping_set(&schema);
    let one = json!({ "data": { "first_name": "Ada" }, "mappingSet": set });
    let reply = world.post(&path, one).await;
    let expected = json!({ "data": { "person.name.firstName": "Ada" }, "errors": [] });
    assert_eq!((reply.status.as_u16(), reply.body), (200, expected));
    let mut failing = set.clone();
    failing["mappings"] =
        json!([{ "destination": "person.name.firstName", "source": "upper(a)", "sourceType": "EXPRESSION" }]);
    let several = json!({ "data": [{ "a": 1 }, { "a": 2 }], "mappingSet": failing });
    let reply = world.post(&path, several).await;
    assert_eq!(reply.body["data"].as_array().map(Vec::len), Some(2), "{}", reply.text);
    assert_eq!(reply.body["errors"][1]["record"], 1);
    assert_eq!(reply.body["errors"][1]["destination"], "person.name.firstName");
    let none = world.post(&path, json!({ "data": [], "mappingSet": set })).await;
    assert_eq!((none.status.as_u16(), none.body), (200, json!({ "data": [], "errors": [] })));
    // Without a schema the mappings' own fields are the target.
    let bare = json!({ "data": {}, "mappingSet": { "mappings": [{ "destination": "a.b", "source": "1 + 1", "sourceType": "EXPRESSION" }] } });
    assert_eq!(world.post(&path, bare).await.status, 200);
}

#[tokio::test]
async fn what_no_preview_can_be_made_of_is_refused_with_its_place() {
    let world = World::new().await;
    let schema = schema_id(&world).await;
    let set = mapping_set(&schema);
    let mut unknown = set.clone();
    unknown["mappings"][0]["destinationXdmPath"] = json!("person.shoe");
    let expression =
        |source: &str| json!({ "mappings": [{ "destination": "a", "source": source, "sourceType": "EXPRESSION" }] });
    for (body, place) in [
        (json!({ "mappingSet": set }), "/data"),
        (json!({ "data": 1, "mappingSet": set }), "/data"),
        (json!({ "data": [{}, 1], "mappingSet": set }), "/data/1"),
        (json!({ "data": {} }), "/mappingSet"),
        (json!({ "data": {}, "mappingSet": {} }), "/mappingSet/mappings"),
        (json!({ "data": {}, "mappingSet": unknown }), "/mappingSet/mappings/0"),
        (
            json!({ "data": {}, "mappingSet": mapping_set("https://ns.adobe.com/acme/schemas/no") }),
            "/mappingSet/xdmSchema",
        ),
        (json!({ "data": {}, "mappingSet": expression("upper(a, b)") }), "11"),
        (
            json!({ "data": {}, "mappingSet": { "mappings": [
            { "destination": "a", "source": "x" }, { "destination": "a.b", "source": "y" }] } }),
            "/mappingSet/mappings/1",
        ),
    ] {
        let reply = world.post("/data/foundation/conversion/mappingSets/preview", body.clone()).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text);
        assert!(reply.text.contains(place), "{body}: {}", reply.text);
    }
    let many = json!({ "data": vec![json!({}); 1001], "mappingSet": set });
    assert_eq!(world.post("/data/foundation/conversion/mappingSets/preview", many).await.status, 413);
}

#[tokio::test]
async fn one_mapping_is_read_by_its_id_and_the_schema_can_come_along() {
    let world = World::new().await;
    let schema = schema_id(&world).await;
    let id = world.created(&format!("{PATH}/mappingSets"), mapping_set(&schema)).await;
    let set = world.get(&format!("{PATH}/mappingSets/{id}")).await.body;
    let mid = set["mappings"][0]["id"].as_str().unwrap();
    assert_eq!(world.get(&format!("{PATH}/mappingSets/{id}/mappings/{mid}")).await.body, set["mappings"][0]);
    assert_eq!(world.get(&format!("{PATH}/mappingSets/{id}/mappings/no")).await.status, 404);
    assert_eq!(world.get(&format!("{PATH}/mappingSets/no/mappings/{mid}")).await.status, 404);
    assert!(set["outputSchema"]["jsonSchema"].is_null());
    let expanded = world.get(&format!("{PATH}/mappingSets/{id}?expandSchema=true")).await.body;
    assert!(expanded["outputSchema"]["jsonSchema"]["properties"]["person"].is_object(), "{expanded}");
    let list = world.get(&format!("{PATH}/mappingSets?expandSchema=true")).await.body;
    assert_eq!(list["data"][0]["outputSchema"], expanded["outputSchema"]);
    assert_eq!(world.get(&format!("{PATH}/mappingSets?expandSchema=perhaps")).await.status, 400);
}
