//! The schema registry.

use crate::world::{World, XED, data_set, schema};
use expect_test::expect;
use serde_json::{Value, json};

const PATH: &str = "/data/foundation/schemaregistry";
const FULL: &str = "application/vnd.adobe.xed-full+json; version=1";

fn encoded(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

fn field_group(name: &str, ty: Value) -> Value {
    json!({
        "type": "object", "title": "Loyalty", "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
        "definitions": { "custom": { "properties": { "_acme": { "type": "object", "properties": { name: ty } } } } },
        "allOf": [{ "$ref": "#/definitions/custom" }],
    })
}

#[tokio::test]
async fn stats_tell_the_tenant() {
    let world = World::new().await;
    world.post(&format!("{PATH}/tenant/schemas"), schema()).await;
    let reply = world.get(&format!("{PATH}/stats")).await;
    assert_eq!((&reply.body["tenantId"], &reply.body["counts"]["schemas"]), (&json!("acme"), &json!(1)));
    assert_eq!(reply.body["classUsage"], json!({ "https://ns.adobe.com/xdm/context/profile": 1 }));
}

#[tokio::test]
async fn a_schema_is_created_and_shown_whole() {
    let world = World::new().await;
    let reply = world.post(&format!("{PATH}/tenant/schemas"), schema()).await;
    let mut shown = reply.body.clone();
    shown["meta:registryMetadata"]["eTag"] = json!("<etag>");
    expect![[r#"
        201 {
          "type": "object",
          "title": "Contacts",
          "description": "people",
          "allOf": [
            {
              "$ref": "https://ns.adobe.com/xdm/context/profile",
              "type": "object",
              "meta:xdmType": "object"
            },
            {
              "$ref": "https://ns.adobe.com/xdm/context/profile-person-details",
              "type": "object",
              "meta:xdmType": "object"
            },
            {
              "$ref": "https://ns.adobe.com/xdm/context/profile-personal-details",
              "type": "object",
              "meta:xdmType": "object"
            }
          ],
          "$id": "https://ns.adobe.com/acme/schemas/000000020000000000000000000000020000000300000000",
          "meta:altId": "_acme.schemas.000000020000000000000000000000020000000300000000",
          "meta:resourceType": "schemas",
          "version": "1.0",
          "refs": [
            "https://ns.adobe.com/xdm/context/profile",
            "https://ns.adobe.com/xdm/context/profile-person-details",
            "https://ns.adobe.com/xdm/context/profile-personal-details"
          ],
          "imsOrg": "ACME@AdobeOrg",
          "meta:extensible": false,
          "meta:abstract": false,
          "meta:extends": [
            "https://ns.adobe.com/xdm/context/profile",
            "https://ns.adobe.com/xdm/common/auditable",
            "https://ns.adobe.com/xdm/data/record",
            "https://ns.adobe.com/xdm/context/profile-person-details",
            "https://ns.adobe.com/xdm/context/profile-personal-details"
          ],
          "meta:xdmType": "object",
          "meta:containerId": "tenant",
          "meta:sandboxId": "acme-prod",
          "meta:sandboxType": "production",
          "meta:tenantNamespace": "_acme",
          "meta:registryMetadata": {
            "repo:createdDate": 1719792000000,
            "repo:lastModifiedDate": 1719792000000,
            "xdm:createdClientId": "acme-client",
            "xdm:createdUserId": "acme-client@techacct.adobe.com",
            "xdm:lastModifiedClientId": "acme-client",
            "xdm:lastModifiedUserId": "acme-client@techacct.adobe.com",
            "eTag": "<etag>",
            "meta:globalLibVersion": "1.50.0"
          },
          "meta:class": "https://ns.adobe.com/xdm/context/profile"
        }"#]]
    .assert_eq(&format!("{} {shown:#}", reply.status.as_u16()));
}

#[tokio::test]
async fn a_schema_is_looked_up_by_either_id_pl_xdm_1() {
    let world = World::new().await;
    let created = world.post(&format!("{PATH}/tenant/schemas"), schema()).await.body;
    let (id, alt) = (created["$id"].as_str().unwrap(), created["meta:altId"].as_str().unwrap());
    for name in [alt.to_string(), encoded(id)] {
        let path = format!("{PATH}/tenant/schemas/{name}/");
        let raw = world.call("GET", &path).header("accept", XED).send().await;
        assert_eq!((raw.status.as_u16(), &raw.body["$id"]), (200, &json!(id)), "{name}: {}", raw.body);
        assert!(raw.body["allOf"].is_array());
        let full = world.call("GET", &path).header("accept", FULL).send().await;
        assert_eq!(
            full.body["properties"]["person"]["properties"]["name"]["properties"]["firstName"]["type"],
            "string"
        );
        assert!(full.body.get("allOf").is_none());
        let notext = "application/vnd.adobe.xed-full-notext+json;version=1";
        let bare = world.call("GET", &path).header("accept", notext).send().await;
        assert!(bare.body.get("title").is_none() && bare.body["properties"]["person"].get("title").is_none());
        for accept in ["*/*", "application/vnd.adobe.xed+json", "application/json"] {
            let reply = world.call("GET", &path).header("accept", accept).send().await;
            assert_eq!((reply.status.as_u16(), reply.code()), (400, "XDM-1007-400"), "{accept}");
        }
    }
    let reply = world.call("GET", &format!("{PATH}/tenant/fieldgroups/{alt}")).header("accept", XED).send().await;
    assert_eq!(reply.code(), "XDM-1012-404", "another kind");
    let reply = world
        .call("GET", &format!("{PATH}/tenant/schemas/nothing"))
        .header("accept", XED)
        .header("x-request-id", "r-3")
        .send()
        .await;
    expect![[r#"
        404 {
          "type": "http://ns.adobe.com/aep/errors/XDM-1012-404",
          "title": "Resource not found",
          "status": 404,
          "report": {
            "registryRequestId": "r-3",
            "timestamp": "07-01-2024 00:00:00",
            "detailed-message": "The registry has no resource with the id nothing",
            "sub-errors": []
          },
          "detail": "The registry has no resource with the id nothing"
        }"#]]
    .assert_eq(&reply.shown());
}

#[tokio::test]
async fn lists_show_ids_or_whole_objects_pl_xdm_1() {
    let world = World::new().await;
    for title in ["b", "a", "c"] {
        let mut body = schema();
        body["title"] = json!(title);
        world.post(&format!("{PATH}/tenant/schemas"), body).await;
    }
    let path = format!("{PATH}/tenant/schemas?orderby=title&limit=2");
    let reply = world.call("GET", &path).header("accept", "application/vnd.adobe.xed-id+json").send().await;
    expect![[r#"
        200 {
          "results": [
            {
              "title": "a",
              "$id": "https://ns.adobe.com/acme/schemas/000000060000000000000000000000060000000700000000",
              "meta:altId": "_acme.schemas.000000060000000000000000000000060000000700000000",
              "version": "1.0"
            },
            {
              "title": "b",
              "$id": "https://ns.adobe.com/acme/schemas/000000020000000000000000000000020000000300000000",
              "meta:altId": "_acme.schemas.000000020000000000000000000000020000000300000000",
              "version": "1.0"
            }
          ],
          "_page": {
            "orderby": "title",
            "next": "2",
            "count": 2
          },
          "_links": {
            "next": {
              "href": "http://forebay.test/data/foundation/schemaregistry/tenant/schemas?start=2&limit=2&orderby=title"
            },
            "global_schemas": {
              "href": "http://forebay.test/data/foundation/schemaregistry/global/schemas"
            }
          }
        }"#]]
    .assert_eq(&reply.shown());
    let path = format!("{PATH}/tenant/schemas?property=title==c");
    let reply = world.call("GET", &path).header("accept", "application/vnd.adobe.xed+json").send().await;
    assert_eq!(reply.body["results"].as_array().map(Vec::len), Some(1));
    assert!(reply.body["results"][0]["allOf"].is_array());
    let reply = world.call("GET", &path).header("accept", "*/*").send().await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, "XDM-1006-400"));
    for kind in ["classes", "fieldgroups", "mixins", "datatypes"] {
        let path = format!("{PATH}/global/{kind}");
        let reply = world.call("GET", &path).header("accept", "application/vnd.adobe.xed-id+json").send().await;
        assert!(!reply.body["results"].as_array().unwrap().is_empty(), "{kind}");
    }
    let id = encoded("https://ns.adobe.com/xdm/context/profile");
    let reply = world.call("GET", &format!("{PATH}/global/classes/{id}")).header("accept", FULL).send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[tokio::test]
async fn a_tenants_own_field_group_extends_a_schema() {
    let world = World::new().await;
    let group =
        world.post(&format!("{PATH}/tenant/fieldgroups"), field_group("points", json!({ "type": "integer" }))).await;
    assert_eq!(group.status, 201, "{}", group.body);
    let group = group.body["$id"].as_str().unwrap().to_string();
    assert!(group.starts_with("https://ns.adobe.com/acme/fieldgroups/"));
    let mut body = schema();
    body["allOf"].as_array_mut().unwrap().push(json!({ "$ref": group }));
    let created = world.post(&format!("{PATH}/tenant/schemas"), body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let path = format!("{PATH}/tenant/schemas/{}", created.body["meta:altId"].as_str().unwrap());
    let full = world.call("GET", &path).header("accept", FULL).send().await;
    assert_eq!(full.body["properties"]["_acme"]["properties"]["points"]["type"], "integer");
    let reply = world.call("DELETE", &format!("{PATH}/tenant/fieldgroups/{}", encoded(&group))).send().await;
    assert_eq!(reply.status, 409, "a schema refers to it");
    assert_eq!(world.call("DELETE", &path).send().await.status, 204);
    let reply = world.call("DELETE", &format!("{PATH}/tenant/mixins/{}", encoded(&group))).send().await;
    assert_eq!(reply.status, 204);
}

#[tokio::test]
async fn a_definition_that_cannot_stand_is_refused() {
    let world = World::new().await;
    for body in [
        json!({ "type": "object", "allOf": [{ "$ref": "https://ns.adobe.com/xdm/context/profile" }] }),
        json!({ "type": "object", "title": "no class", "allOf": [] }),
        json!({ "type": "object", "title": "dangling", "allOf": [{ "$ref": "https://ns.adobe.com/acme/schemas/nothing" }] }),
    ] {
        let reply = world.post(&format!("{PATH}/tenant/schemas"), body.clone()).await;
        assert!(matches!(reply.status.as_u16(), 400 | 404), "{body}: {} {}", reply.status, reply.body);
        assert!(reply.body["report"]["detailed-message"].is_string());
    }
    let reply = world.call("POST", &format!("{PATH}/global/schemas")).json(schema()).send().await;
    assert_eq!(reply.status, 405, "the global container is read-only");
}

#[tokio::test]
async fn a_schema_in_use_can_only_be_extended() {
    let world = World::new().await;
    let group =
        world.post(&format!("{PATH}/tenant/fieldgroups"), field_group("points", json!({ "type": "integer" }))).await;
    let group = group.body["$id"].as_str().unwrap().to_string();
    let mut body = schema();
    body["allOf"].as_array_mut().unwrap().push(json!({ "$ref": group }));
    let created = world.post(&format!("{PATH}/tenant/schemas"), body.clone()).await.body;
    world.created("/data/foundation/catalog/dataSets", data_set(created["$id"].as_str().unwrap())).await;
    let path = format!("{PATH}/tenant/schemas/{}", created["meta:altId"].as_str().unwrap());
    let group_path = format!("{PATH}/tenant/fieldgroups/{}", encoded(&group));

    let reply = world.call("PUT", &path).json(schema()).send().await;
    assert_eq!(reply.status, 400, "the group's field would be gone: {}", reply.body);
    let patch = json!([{ "op": "replace", "path": "/definitions/custom/properties/_acme/properties/points/type", "value": "string" }]);
    let reply = world.call("PATCH", &group_path).json(patch).send().await;
    assert_eq!(reply.status, 400, "the type would change below the dataset: {}", reply.body);
    let patch = json!([{ "op": "add", "path": "/definitions/custom/properties/_acme/properties/level", "value": { "type": "string" } }]);
    let reply = world.call("PATCH", &group_path).json(patch).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["version"]), (200, &json!("1.1")), "{}", reply.body);
    let patch = json!([{ "op": "replace", "path": "/title", "value": "People" }]);
    let reply = world.call("PATCH", &path).json(patch).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["title"]), (200, &json!("People")));
    let reply = world.call("DELETE", &path).send().await;
    assert_eq!(reply.status, 409, "a dataset has it");
}

#[tokio::test]
async fn the_link_to_the_next_page_asks_for_the_same_list() {
    let world = World::new().await;
    for title in ["b & b", "a", "b & b", "b & b"] {
        let mut body = schema();
        body["title"] = json!(title);
        world.post(&format!("{PATH}/tenant/schemas"), body).await;
    }
    let mut path =
        format!("{PATH}/tenant/schemas?orderby=%2Btitle&limit=1&property=title==b%20%26%20b&property=version==1.0");
    let mut seen = Vec::new();
    loop {
        let page = world.call("GET", &path).header("accept", "application/vnd.adobe.xed-id+json").send().await.body;
        seen.extend(page["results"].as_array().unwrap().iter().map(|found| found["title"].clone()));
        match page["_links"]["next"]["href"].as_str() {
            Some(next) => path = next.strip_prefix("http://forebay.test").unwrap().to_string(),
            None => break,
        }
    }
    assert_eq!(seen, ["b & b", "b & b", "b & b"]);
}
