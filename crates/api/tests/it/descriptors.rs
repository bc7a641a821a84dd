//! Descriptors and the primary identity (platform.md §3.4).

use crate::world::{Dataflow, FLOWS, Reply, World, schema};
use expect_test::expect;
use forebay_model::Resource;
use serde_json::{Value, json};

const REGISTRY: &str = "/data/foundation/schemaregistry";
const PATH: &str = "/data/foundation/schemaregistry/tenant/descriptors";
const ONE: &str = "application/vnd.adobe.xdm+json";

pub fn identity(schema: &str, property: &str, primary: bool) -> Value {
    json!({ "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": schema, "xdm:sourceVersion": 1,
        "xdm:sourceProperty": property, "xdm:namespace": "Email", "xdm:property": "xdm:code", "xdm:isPrimary": primary })
}

async fn new_schema(world: &World) -> Value {
    let reply = world.post(&format!("{REGISTRY}/tenant/schemas"), schema()).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body
}

/// A batch that left so many rows in a dataset.
async fn wrote(world: &World, parts: &Dataflow, rows: u64) {
    let batch = json!({ "id": "01B", "status": "success", "relatedObjects": [{ "type": "dataSet", "id": parts.dataset }],
        "metrics": { "inputRecordCount": rows, "outputRecordCount": rows, "failedRecordCount": 0 } });
    world.put(&world.scope(), Resource::Batch, &format!("01B{rows}"), batch).await;
}

async fn delete(world: &World, path: &str) -> Reply {
    world.call("DELETE", path).send().await
}

#[tokio::test]
async fn an_identity_is_created_shown_and_replaced_pl_3_4() {
    let world = World::new().await;
    let schema = new_schema(&world).await;
    // Either id of the schema names it; its `$id` is what is kept.
    let alt = schema["meta:altId"].as_str().unwrap();
    let reply = world.post(PATH, identity(alt, "/personalEmail/address", true)).await;
    expect![[r#"
        201 {
          "@type": "xdm:descriptorIdentity",
          "xdm:sourceSchema": "https://ns.adobe.com/acme/schemas/000000020000000000000000000000020000000300000000",
          "xdm:sourceVersion": 1,
          "xdm:sourceProperty": "/personalEmail/address",
          "xdm:namespace": "Email",
          "xdm:property": "xdm:code",
          "xdm:isPrimary": true,
          "imsOrg": "ACME@AdobeOrg",
          "version": "1",
          "meta:containerId": "tenant",
          "meta:sandboxId": "acme-prod",
          "meta:sandboxType": "production",
          "@id": "7084754ee01e033edd79ec0ee52dedcf47f4b482"
        }"#]]
    .assert_eq(&reply.shown());
    let path = format!("{PATH}/{}", reply.body["@id"].as_str().unwrap());
    let shown = world.call("GET", &path).header("accept", ONE).send().await;
    assert_eq!((shown.status.as_u16(), &shown.body), (200, &reply.body));
    let changed = world.call("PUT", &path).json(identity(alt, "/_id", true)).send().await;
    assert_eq!((changed.status.as_u16(), &changed.body["xdm:sourceProperty"]), (200, &json!("/_id")));
    for (member, value) in [
        ("xdm:isPrimary", json!(false)),
        ("@type", json!("xdm:descriptorOneToOne")),
        ("xdm:sourceProperty", json!("/x")),
    ] {
        let mut body = identity(alt, "/_id", true);
        body[member] = value;
        let refused = world.call("PUT", &path).json(body).send().await;
        assert_eq!((refused.status.as_u16(), refused.code()), (400, "XDM-1020-400"), "{member}: {}", refused.body);
    }
    let full = "application/vnd.adobe.xed-full-desc+json; version=1";
    let schema_path = format!("{REGISTRY}/tenant/schemas/{alt}");
    let with = world.call("GET", &schema_path).header("accept", full).send().await;
    assert_eq!(with.body["meta:descriptors"][0]["xdm:sourceProperty"], "/_id", "platform.md §3.2");
    assert_eq!(delete(&world, &schema_path).await.status, 409, "the descriptor refers to it");
    assert_eq!(delete(&world, &path).await.status, 204);
    let gone = world.call("GET", &path).header("accept", ONE).send().await;
    assert_eq!((gone.status.as_u16(), gone.code()), (404, "XDM-1012-404"));
    assert_eq!(delete(&world, &path).await.code(), "XDM-1012-404");
    assert_eq!(delete(&world, &schema_path).await.status, 204);
}

#[tokio::test]
async fn a_schema_has_one_primary_identity_at_most_pl_3_4() {
    let world = World::new().await;
    let schema = new_schema(&world).await["$id"].as_str().unwrap().to_string();
    let sent = (0..4).map(|_| world.post(PATH, identity(&schema, "/personalEmail/address", true)));
    let mut statuses: Vec<u16> =
        futures::future::join_all(sent).await.iter().map(|reply| reply.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409]);
    let reply = world.post(PATH, identity(&schema, "/_id", true)).await;
    assert_eq!(reply.body["report"]["pointer"], "/xdm:isPrimary", "{}", reply.body);
    assert!(reply.body["detail"].as_str().unwrap().contains("/personalEmail/address"), "{}", reply.body);
    assert_eq!(world.post(PATH, identity(&schema, "/_id", false)).await.status, 201, "others may be");
    let other = new_schema(&world).await["$id"].as_str().unwrap().to_string();
    assert_eq!(world.post(PATH, identity(&other, "/_id", true)).await.status, 201, "another schema has its own");
}

#[tokio::test]
async fn what_is_wrong_with_a_descriptor_is_pointed_at() {
    let world = World::new().await;
    let schema = new_schema(&world).await["$id"].as_str().unwrap().to_string();
    for (member, value) in [
        ("@type", json!(null)),
        ("@type", json!("descriptor")),
        ("xdm:sourceSchema", json!("https://ns.adobe.com/acme/schemas/nothing")),
        ("xdm:sourceSchema", json!("https://ns.adobe.com/xdm/context/profile")),
        ("xdm:sourceProperty", json!("/person/shoeSize")),
        ("xdm:sourceProperty", json!("/person/name")),
        ("xdm:sourceProperty", json!("/person/birthDate")),
        ("xdm:namespace", json!("")),
        ("xdm:isPrimary", json!("maybe")),
    ] {
        let mut body = identity(&schema, "/personalEmail/address", true);
        body[member] = value.clone();
        let reply = world.post(PATH, body).await;
        let pointer = reply.body["report"]["pointer"].as_str().unwrap_or_default();
        assert_eq!(
            (reply.status.as_u16(), reply.code(), pointer.trim_start_matches('/')),
            (400, "XDM-1020-400", member),
            "{value}: {}",
            reply.body
        );
    }
    let reply = world.post(PATH, identity(&schema, "/properties/personalEmail/properties/address", true)).await;
    assert!(reply.body["detail"].as_str().unwrap().contains("write /personalEmail/address"), "{}", reply.body);
}

#[tokio::test]
async fn lists_have_the_form_that_is_asked_for_pl_xdm_1() {
    let world = World::new().await;
    let schema = new_schema(&world).await["$id"].as_str().unwrap().to_string();
    let first = world.post(PATH, identity(&schema, "/_id", true)).await.body;
    world.pass(1000);
    let label = json!({ "@type": "xdm:alternateDisplayInfo", "xdm:sourceSchema": schema, "xdm:sourceProperty": "/_id",
        "xdm:title": { "en_us": "Key" } });
    let second = world.post(PATH, label).await.body;
    let list = async |accept: &str, query: &str| {
        let reply = world.call("GET", &format!("{PATH}?{query}")).header("accept", accept).send().await;
        assert_eq!(reply.status, 200, "{accept}: {}", reply.body);
        reply.body
    };
    let link = |body: &Value| json!(format!("/tenant/descriptors/{}", body["@id"].as_str().unwrap()));
    assert_eq!(
        list("application/vnd.adobe.xdm-link+json", "").await,
        json!({ "xdm:descriptorIdentity": [link(&first)], "xdm:alternateDisplayInfo": [link(&second)] })
    );
    assert_eq!(
        list("application/vnd.adobe.xdm-id+json", "property=@type==xdm:descriptorIdentity").await,
        json!({ "xdm:descriptorIdentity": [first["@id"]] })
    );
    assert_eq!(list(ONE, "").await["xdm:alternateDisplayInfo"], json!([second]));
    let page = list("application/vnd.adobe.xdm-v2+json", "limit=1").await;
    assert_eq!((&page["results"], &page["_page"]["next"]), (&json!([first]), &json!("1")));
    let page = list("application/vnd.adobe.xdm-v2-id+json", "start=1").await;
    assert_eq!((&page["results"], &page["_page"]["next"]), (&json!([second["@id"]]), &json!(null)));
    let wrong = world.call("GET", PATH).header("accept", "application/json").send().await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (400, "XDM-1008-400"));
    let path = format!("{PATH}/{}", first["@id"].as_str().unwrap());
    let wrong = world.call("GET", &path).header("accept", "*/*").send().await;
    assert_eq!((wrong.status.as_u16(), wrong.code()), (400, "XDM-1009-400"));
    let none = world.call("GET", &format!("{REGISTRY}/global/descriptors")).header("accept", ONE).send().await;
    assert_eq!((none.status.as_u16(), &none.body), (200, &json!({})));
}

#[tokio::test]
async fn an_identity_cannot_change_below_rows_that_are_stored() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    // A batch without rows leaves nothing behind.
    wrote(&world, &parts, 0).await;
    let created = world.post(PATH, identity(&parts.schema, "/_id", true)).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let path = format!("{PATH}/{}", created.body["@id"].as_str().unwrap());
    wrote(&world, &parts, 3).await;
    let reply = delete(&world, &path).await;
    assert_eq!(reply.status, 409);
    assert!(reply.body["detail"].as_str().unwrap().contains(&parts.dataset), "{}", reply.body);
    let other = identity(&parts.schema, "/personalEmail/address", true);
    assert_eq!(world.call("PUT", &path).json(other).send().await.status, 409);
    let mut named = identity(&parts.schema, "/_id", true);
    named["xdm:namespace"] = json!("CRM");
    assert_eq!(world.call("PUT", &path).json(named).send().await.status, 200, "the name changes no row");
    assert_eq!(world.post(PATH, identity(&parts.schema, "/person/name/fullName", false)).await.status, 201);
    // Rows that were stored without an identity do not get one.
    let parts = world.dataflow().await;
    wrote(&world, &parts, 4).await;
    let late = world.post(PATH, identity(&parts.schema, "/_id", true)).await;
    assert_eq!(late.status, 409, "{}", late.body);
}

#[tokio::test]
async fn an_identity_cannot_change_while_a_run_writes() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let mut flow = parts.flow();
    flow["scheduleParams"]["frequency"] = json!("once");
    let flow = world.created(&format!("{FLOWS}/flows"), flow).await;
    world.created(&format!("{FLOWS}/runs"), json!({ "flowId": flow })).await;
    let now = world.app.now();
    world.app.store.claim("w", now, std::time::Duration::from_secs(60)).await.unwrap().unwrap();
    let reply = world.post(PATH, identity(&parts.schema, "/_id", true)).await;
    assert_eq!(reply.status, 409);
    assert!(reply.body["detail"].as_str().unwrap().contains("right now"), "{}", reply.body);
}

#[tokio::test]
async fn an_identity_that_a_flow_cannot_go_by_is_refused() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let mut set = crate::world::mapping_set(&parts.schema);
    set["mappings"] = json!([{ "destinationXdmPath": "personalEmail.address", "sourceAttribute": "x" }]);
    let mapping = world.created("/data/foundation/conversion/mappingSets", set).await;
    let mut flow = parts.flow();
    flow["transformations"][0]["params"]["mappingId"] = json!(mapping);
    let flow = world.created(&format!("{FLOWS}/flows"), flow).await;
    let refused = |reply: Reply| {
        assert_eq!((reply.status.as_u16(), &reply.body["report"]["pointer"]), (409, &json!("/xdm:sourceProperty")));
        let detail = reply.body["detail"].as_str().unwrap();
        assert!(detail.contains(&flow) && detail.contains("_id"), "{detail}");
    };
    refused(world.post(PATH, identity(&parts.schema, "/_id", true)).await);
    assert_eq!(world.post(PATH, identity(&parts.schema, "/_id", false)).await.status, 201, "nothing goes by it");
    let suits = world.post(PATH, identity(&parts.schema, "/personalEmail/address", true)).await;
    assert_eq!(suits.status, 201, "{}", suits.body);
    let path = format!("{PATH}/{}", suits.body["@id"].as_str().unwrap());
    refused(world.call("PUT", &path).json(identity(&parts.schema, "/_id", true)).send().await);
}

#[tokio::test]
async fn a_schema_keeps_the_field_that_is_its_identity() {
    let world = World::new().await;
    let schema = new_schema(&world).await;
    let id = schema["$id"].as_str().unwrap();
    assert_eq!(world.post(PATH, identity(id, "/personalEmail/address", true)).await.status, 201);
    let mut without = crate::world::schema();
    without["allOf"].as_array_mut().unwrap().pop();
    let path = format!("{REGISTRY}/tenant/schemas/{}", schema["meta:altId"].as_str().unwrap());
    let reply = world.call("PUT", &path).json(without).send().await;
    assert_eq!(reply.status, 400);
    assert!(reply.body["detail"].as_str().unwrap().contains("personalEmail.address"), "{}", reply.body);
}
