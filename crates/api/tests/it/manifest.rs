//! What there is, as manifests.

use crate::world::{CLIENT, FLOWS, World, connection};
use expect_test::expect;
use serde_json::{Value, json};

const PATH: &str = "/data/foundation/forebay/manifest";

async fn flow(world: &World) -> String {
    let parts = world.dataflow().await;
    world.created(&format!("{FLOWS}/flows"), parts.flow()).await
}

async fn json_of(world: &World, query: &str) -> Value {
    let reply = world.call("GET", &format!("{PATH}{query}")).header("accept", "application/json").send().await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.body
}

#[tokio::test]
async fn everything_is_told_in_an_order_in_which_it_can_be_made() {
    let world = World::new().await;
    flow(&world).await;
    let reply = world.get(PATH).await;
    assert_eq!(reply.headers["content-type"], "application/yaml; charset=utf-8");
    assert!(!reply.text.contains("canary"), "a secret is told");
    expect![[r#"
        kind: Connection
        name: warehouse bucket
        spec: amazon-s3
        auth:
          type: Access Key
          params:
            s3AccessKey: AKIA0EXAMPLE
            s3SecretKey:
              secret: env:WAREHOUSE_BUCKET_S3SECRETKEY
        ---
        kind: Dataset
        name: People (EU)
        fieldGroups:
        - https://ns.adobe.com/xdm/context/profile-person-details
        - https://ns.adobe.com/xdm/context/profile-personal-details
        ---
        kind: Flow
        name: people daily
        connection: warehouse bucket
        dataset: People (EU)
        source:
          path: /in/people.csv
          format: delimited
          properties:
            columnDelimiter: ;
        mapping:
        - to: person.name.firstName
          from: first_name
        schedule:
          frequency: day
          interval: 1
          start: "2024-07-02T06:00:00Z"
        options:
          partialIngestionPercent: 5
          errorDiagnostics: true
    "#]]
    .assert_eq(&reply.text);
}

#[tokio::test]
async fn a_flow_comes_with_what_it_refers_to_and_with_what_a_change_must_name() {
    let world = World::new().await;
    let id = flow(&world).await;
    world.created(&format!("{FLOWS}/connections"), connection()).await;
    let found = json_of(&world, &format!("?flow={id}")).await;
    let kinds: Vec<&str> =
        found["items"].as_array().unwrap().iter().map(|item| item["manifest"]["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Connection", "Dataset", "Flow"]);
    let document = world.get(&format!("{FLOWS}/flows/{id}")).await.item().clone();
    let refs = &found["items"][2]["refs"];
    assert_eq!((&refs["id"], &refs["etag"]), (&document["id"], &document["etag"]));
    assert_eq!(refs["sourceConnection"]["id"], document["sourceConnectionIds"][0]);
    assert_eq!(refs["transformations"], document["transformations"]);
    assert_eq!(refs["startTime"], "1719900000");
    assert_eq!(found["items"][1]["refs"]["groups"], json!([]));
    assert_eq!(json_of(&world, "").await["items"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn fields_of_a_group_that_one_schema_has_are_the_datasets_own() {
    let world = World::new().await;
    let registry = "/data/foundation/schemaregistry/tenant";
    let group = json!({ "type": "object", "title": "Loyalty", "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
        "definitions": { "own": { "properties": { "_acme": { "type": "object", "required": ["id"],
            "properties": { "id": { "type": "string" }, "points": { "type": "integer", "meta:xdmType": "int" } } } } } },
        "allOf": [{ "$ref": "#/definitions/own" }] });
    let group = world.post(&format!("{registry}/fieldgroups"), group).await.body["$id"].clone();
    let define = async |title: &str| {
        let body = json!({ "type": "object", "title": title,
            "allOf": [{ "$ref": "https://ns.adobe.com/xdm/context/profile" }, { "$ref": group }] });
        world.post(&format!("{registry}/schemas"), body).await.body["$id"].clone()
    };
    let schema = define("Loyal").await;
    let descriptor = json!({ "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": schema, "xdm:sourceVersion": 1,
        "xdm:sourceProperty": "/_acme/id", "xdm:namespace": "Card", "xdm:isPrimary": true });
    let descriptor = world.post(&format!("{registry}/descriptors"), descriptor).await.body["@id"].clone();
    let body = json!({ "name": "Loyal", "schemaRef": { "id": schema } });
    let dataset = world.created("/data/foundation/catalog/dataSets", body).await;
    let found = json_of(&world, &format!("?dataset={dataset}")).await;
    let item = &found["items"][0];
    assert_eq!(
        item["manifest"],
        json!({ "kind": "Dataset", "name": "Loyal", "key": { "field": "id", "namespace": "Card" },
            "fields": { "id": { "type": "string", "required": true }, "points": "integer" } })
    );
    assert_eq!((&item["refs"]["groups"], &item["refs"]["descriptor"]), (&json!([group]), &descriptor));
    // A group that another schema has too is referred to.
    define("Too").await;
    let found = json_of(&world, &format!("?dataset={dataset}")).await;
    assert_eq!(found["items"][0]["manifest"]["fieldGroups"], json!([group]));
}

#[tokio::test]
async fn what_cannot_be_told_is_refused() {
    let world = World::new().await;
    let id = flow(&world).await;
    let reply = world.get(&format!("{PATH}?flow={id}&connection={id}")).await;
    assert_eq!(reply.status, 400, "{}", reply.text);
    for kind in ["flow", "connection", "dataset"] {
        assert_eq!(world.get(&format!("{PATH}?{kind}=nobody")).await.status, 404);
    }
    let draft = json!({ "name": "half", "flowSpec": { "id": crate::world::FLOW_SPEC, "version": "1.0" } });
    let draft = world.created(&format!("{FLOWS}/flows?mode=draft"), draft).await;
    let reply = world.get(&format!("{PATH}?flow={draft}")).await;
    assert_eq!((reply.status.as_u16(), reply.body["report"]["pointer"].as_str()), (400, Some("/flow")));
    assert_eq!(json_of(&world, "").await["items"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn who_may_not_see_schemas_or_datasets_sees_no_manifest() {
    let world = World::new().await;
    flow(&world).await;
    for (client, sets, status) in [
        ("sources", vec!["view-sources"], 403),
        ("tables", vec!["view-datasets", "view-schemas"], 403),
        ("all", vec!["view-sources", "view-datasets", "view-schemas"], 200),
    ] {
        world.client_with(client, &sets, &["prod"]).await;
        assert_eq!(world.by(client, "prod", "GET", PATH).send().await.status, status, "{client}");
    }
    assert_eq!(world.by(CLIENT, "prod", "GET", PATH).send().await.status, 200);
}
