//! The schema registry beyond one schema: kinds, shapes, unions, dependencies, and the helpers below `rpc`.

use crate::world::{ORG, OTHER_ORG, World, XED, schema};
use serde_json::{Value, json};

const PATH: &str = "/data/foundation/schemaregistry";
const FULL: &str = "application/vnd.adobe.xed-full+json; version=1";
const IDS: &str = "application/vnd.adobe.xed-id+json";
const PROFILE: &str = "https://ns.adobe.com/xdm/context/profile";

fn encoded(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

fn text<'a>(body: &'a Value, member: &str) -> &'a str {
    body[member].as_str().unwrap()
}

async fn made(world: &World, kind: &str, body: Value) -> Value {
    let reply = world.post(&format!("{PATH}/tenant/{kind}"), body).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    reply.body
}

async fn shown(world: &World, path: &str, accept: &str) -> Value {
    let reply = world.call("GET", &format!("{PATH}/{path}")).header("accept", accept).send().await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    reply.body
}

/// A data type, a field group with a field of that type, and a schema with the group.
async fn chain(world: &World) -> (Value, Value, Value) {
    let size = json!({ "type": "object", "title": "Size", "properties": { "width": { "type": "integer", "minimum": 1 },
        "unit": { "type": "string", "enum": ["cm", "in"] } } });
    let size = made(world, "datatypes", size).await;
    let group = json!({ "type": "object", "title": "Measures", "meta:intendedToExtend": [PROFILE],
        "properties": { "_acme": { "type": "object", "properties": { "size": { "$ref": size["$id"] } } } } });
    let group = made(world, "fieldgroups", group).await;
    let mut body = schema();
    body["allOf"].as_array_mut().unwrap().push(json!({ "$ref": group["$id"] }));
    let schema = made(world, "schemas", body).await;
    (size, group, schema)
}

#[tokio::test]
async fn every_kind_is_listed_in_both_containers() {
    let world = World::new().await;
    for kind in ["schemas", "fieldgroups", "mixins", "classes", "datatypes", "behaviors", "unions"] {
        for container in ["tenant", "global"] {
            let page = shown(&world, &format!("{container}/{kind}/"), IDS).await;
            let some = container == "global" && !matches!(kind, "schemas" | "unions");
            assert_eq!(!page["results"].as_array().unwrap().is_empty(), some, "{container}/{kind}");
        }
        let reply = world.call("GET", &format!("{PATH}/tenant/{kind}")).header("accept", "*/*").send().await;
        assert_eq!(reply.code(), "XDM-1006-400", "{kind}");
    }
    let behavior = shown(&world, "global/behaviors/_xdm.data.time-series", FULL).await;
    assert_eq!(behavior["properties"]["timestamp"]["type"], "string");
    for kind in ["behaviors", "unions"] {
        let reply = world.post(&format!("{PATH}/tenant/{kind}"), json!({ "title": "x", "type": "object" })).await;
        assert_eq!(reply.status, 400, "{kind}: {}", reply.body);
    }
    let reply = world.call("GET", &format!("{PATH}/tenant/things")).header("accept", IDS).send().await;
    assert_eq!(reply.code(), "XDM-1012-404");
}

#[tokio::test]
async fn a_look_up_shows_the_shape_that_is_accepted_pl_xdm_1() {
    let world = World::new().await;
    let (_, _, created) = chain(&world).await;
    let path = format!("tenant/schemas/{}", text(&created, "meta:altId"));
    let flat = shown(&world, &path, "application/vnd.adobe.xed-flat+json; version=1").await;
    assert_eq!(flat["properties"]["_acme.size.width"]["type"], "integer");
    assert_eq!(flat["properties"]["person.name.firstName"]["type"], "string");
    assert!(flat["properties"].as_object().unwrap().keys().all(|name| name != "person"));
    let raw = shown(&world, &path, "application/vnd.adobe.xed-notext+json; version=1").await;
    assert!(raw.get("title").is_none() && raw["allOf"].is_array());

    let deprecated = json!({ "@type": "xdm:descriptorDeprecated", "xdm:sourceSchema": created["$id"],
        "xdm:sourceVersion": 1, "xdm:sourceProperty": "/_acme/size" });
    made(&world, "descriptors", deprecated).await;
    let size = |body: &Value| body["properties"]["_acme"]["properties"]["size"]["meta:status"].clone();
    let marked = shown(&world, &path, "application/vnd.adobe.xed-deprecated+json; version=1").await;
    assert_eq!(size(&marked), "deprecated");
    assert_eq!(size(&shown(&world, &path, FULL).await), Value::Null);
    let described = shown(&world, &path, "application/vnd.adobe.xed-full-desc+json; version=1").await;
    assert_eq!(described["meta:descriptors"][0]["@type"], "xdm:descriptorDeprecated");

    let patch = json!([{ "op": "replace", "path": "/title", "value": "Things" }]);
    world.call("PATCH", &format!("{PATH}/{path}")).json(patch).send().await;
    let newest = shown(&world, &path, "application/vnd.adobe.xed+json; version=1.1").await;
    assert_eq!((&newest["title"], &newest["version"]), (&json!("Things"), &json!("1.1")));
    let reply = world
        .call("GET", &format!("{PATH}/{path}"))
        .header("accept", "application/vnd.adobe.xed+json; version=1.2")
        .send()
        .await;
    assert_eq!(reply.code(), "XDM-1012-404", "no such version yet");
}

#[tokio::test]
async fn a_union_is_what_the_tagged_schemas_of_a_class_have() {
    let world = World::new().await;
    let (_, _, first) = chain(&world).await;
    let second = made(&world, "schemas", schema()).await;
    assert_eq!(shown(&world, "tenant/unions", IDS).await["results"], json!([]));
    let tag = json!([{ "op": "add", "path": "/meta:immutableTags", "value": ["union"] }]);
    for schema in [&first, &second] {
        let path = format!("{PATH}/tenant/schemas/{}", text(schema, "meta:altId"));
        let reply = world.call("PATCH", &path).json(tag.clone()).send().await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    let list = shown(&world, "tenant/unions", IDS).await;
    assert_eq!(list["results"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["results"][0]["meta:altId"], "_xdm.context.profile__union");
    for id in ["_xdm.context.profile__union".to_string(), encoded(&format!("{PROFILE}__union"))] {
        let union = shown(&world, &format!("tenant/unions/{id}"), FULL).await;
        assert_eq!(union["properties"]["_acme"]["properties"]["size"]["properties"]["width"]["type"], "integer");
        assert!(union["properties"]["personalEmail"].is_object());
    }
    let path = format!("{PATH}/tenant/schemas/{}", text(&first, "meta:altId"));
    let untag = json!([{ "op": "remove", "path": "/meta:immutableTags" }]);
    let reply = world.call("PATCH", &path).json(untag).send().await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, "XDM-1020-400"), "a tag stays");
    let counts = world.get(&format!("{PATH}/stats/")).await.body["counts"].clone();
    assert_eq!(counts["unions"], 1, "{counts}");
    assert_eq!((&counts["schemas"], &counts["datatypes"], &counts["fieldgroups"]), (&json!(2), &json!(1), &json!(1)));
}

#[tokio::test]
async fn a_schema_has_one_class_and_a_class_a_behavior() {
    let world = World::new().await;
    let event = "https://ns.adobe.com/xdm/context/experienceevent";
    let refused = [
        ("schemas", json!({ "title": "two", "allOf": [{ "$ref": PROFILE }, { "$ref": event }] })),
        ("schemas", json!({ "title": "other", "meta:class": event, "allOf": [{ "$ref": PROFILE }] })),
        ("schemas", json!({ "title": "dangling", "meta:class": "https://ns.adobe.com/acme/classes/x" })),
        ("schemas", json!({ "title": "tagged", "meta:class": PROFILE, "meta:immutableTags": ["private"] })),
        ("classes", json!({ "title": "no behavior", "properties": { "_acme": { "type": "object" } } })),
    ];
    for (kind, mut body) in refused {
        body["type"] = json!("object");
        let reply = world.post(&format!("{PATH}/tenant/{kind}"), body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, "XDM-1020-400"), "{body}: {}", reply.body);
        assert!(reply.body["report"]["pointer"].is_string(), "{}", reply.body);
    }
    let class = json!({ "type": "object", "title": "Shops", "allOf": [{ "$ref": "https://ns.adobe.com/xdm/data/record" }],
        "properties": { "_acme": { "type": "object", "properties": { "shop": { "type": "string" } } } } });
    let class = made(&world, "classes", class).await;
    let shops = json!({ "type": "object", "title": "All shops", "meta:class": class["$id"] });
    let shops = made(&world, "schemas", shops).await;
    assert_eq!((&shops["meta:class"], &shops["allOf"][0]["$ref"]), (&class["$id"], &class["$id"]));
    let full = shown(&world, &format!("tenant/schemas/{}", text(&shops, "meta:altId")), FULL).await;
    assert_eq!(full["properties"]["_acme"]["properties"]["shop"]["type"], "string");
    let reply = world.call("DELETE", &format!("{PATH}/tenant/classes/{}", text(&class, "meta:altId"))).send().await;
    assert_eq!(reply.status, 409, "a schema has the class");
}

#[tokio::test]
async fn a_change_may_not_break_what_refers_to_it() {
    let world = World::new().await;
    let (size, group, _) = chain(&world).await;
    // The schema has `person` as an object already: a group that makes it a text cannot stand beside it.
    let person = json!([{ "op": "add", "path": "/properties/person", "value": { "type": "string" } }]);
    let path = format!("{PATH}/tenant/fieldgroups/{}", text(&group, "meta:altId"));
    let reply = world.call("PATCH", &path).json(person).send().await;
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert_eq!(shown(&world, &path[PATH.len() + 1..], XED).await["version"], "1.0", "nothing was changed");
    // No dataset has the schema yet, so a field may change its type.
    let wider = json!([{ "op": "replace", "path": "/properties/width/type", "value": "number" }]);
    let path = format!("{PATH}/tenant/datatypes/{}", text(&size, "meta:altId"));
    let reply = world.call("PATCH", &path).json(wider).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["version"]), (200, &json!("1.1")), "{}", reply.body);
    assert_eq!(world.call("DELETE", &path).send().await.status, 409, "a field group refers to it");
}

#[tokio::test]
async fn what_is_exported_can_be_imported_elsewhere() {
    let world = World::new().await;
    let (size, _, created) = chain(&world).await;
    let alt = text(&created, "meta:altId").to_string();
    let export = world.get(&format!("{PATH}/rpc/export/{alt}")).await;
    assert_eq!(export.status, 200, "{}", export.body);
    let titles: Vec<&Value> = export.body.as_array().unwrap().iter().map(|body| &body["title"]).collect();
    assert_eq!(titles, ["Size", "Measures", "Contacts"], "what is needed comes first");
    assert!(!export.text.contains("acme/") && !export.text.contains("_acme") && !export.text.contains(ORG));

    let there = world.stranger("POST", &format!("{PATH}/rpc/import"), OTHER_ORG).json(export.body.clone()).send().await;
    assert_eq!(there.status, 200, "{}", there.body);
    assert_eq!(there.body[2]["$id"], json!(text(&created, "$id").replace("/acme/", "/rival/")));
    let path = format!("{PATH}/tenant/schemas/{}", alt.replace("_acme", "_rival"));
    let full = world.stranger("GET", &path, OTHER_ORG).header("accept", FULL).send().await;
    assert_eq!(full.body["properties"]["_rival"]["properties"]["size"]["properties"]["unit"]["enum"][0], "cm");
    // The same again changes nothing, here and there.
    let again = world.post(&format!("{PATH}/rpc/import"), export.body.clone()).await;
    assert_eq!((again.status.as_u16(), &again.body[0]["$id"]), (200, &size["$id"]), "{}", again.body);

    let mut other = export.body.clone();
    other[0]["properties"]["width"]["type"] = json!("number");
    let reply = world.post(&format!("{PATH}/rpc/import"), other).await;
    assert_eq!(reply.status, 409, "{}", reply.body);
    let mut dangling = export.body.clone();
    dangling.as_array_mut().unwrap().remove(0);
    let dev = world.stranger("POST", &format!("{PATH}/rpc/import"), ORG).json(dangling).send().await;
    assert_eq!((dev.status.as_u16(), dev.code()), (404, "XDM-1012-404"), "{}", dev.body);
    let list = world.stranger("GET", &format!("{PATH}/tenant/schemas"), ORG).header("accept", IDS).send().await;
    assert_eq!(list.body["results"], json!([]), "all of it or nothing");
    for body in
        [json!([]), json!({}), json!([{}]), json!([{ "$id": "https://ns.adobe.com/acme/schemas/../x" }]), json!([1])]
    {
        let reply = world.post(&format!("{PATH}/rpc/import"), body.clone()).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.body);
    }
    assert_eq!(world.get(&format!("{PATH}/rpc/export/nothing")).await.code(), "XDM-1012-404");
}

#[tokio::test]
async fn sample_data_has_the_schemas_fields() {
    let world = World::new().await;
    let (_, _, created) = chain(&world).await;
    let sample = world.get(&format!("{PATH}/rpc/sampledata/{}", encoded(text(&created, "$id")))).await;
    assert_eq!(sample.status, 200, "{}", sample.body);
    assert_eq!(sample.body["_acme"]["size"], json!({ "width": 7, "unit": "cm" }));
    assert!(sample.body["person"]["name"]["firstName"].is_string());
    assert_eq!(world.get(&format!("{PATH}/rpc/sampledata/nothing")).await.code(), "XDM-1012-404");
}

#[tokio::test]
async fn the_log_of_a_resource_has_its_changes_newest_first() {
    let world = World::new().await;
    let (_, _, created) = chain(&world).await;
    let alt = text(&created, "meta:altId");
    let patch = json!([{ "op": "replace", "path": "/title", "value": "Things" }]);
    world.pass(1000);
    let reply = world.call("PATCH", &format!("{PATH}/tenant/schemas/{alt}")).json(patch).send().await;
    assert!(!reply.text.contains("forebay:"), "{}", reply.text);
    let log = world.get(&format!("{PATH}/rpc/auditlog/{alt}")).await;
    assert_eq!(log.status, 200, "{}", log.body);
    assert_eq!(log.body.as_array().map(Vec::len), Some(2), "{}", log.body);
    let trail = &log.body[0]["auditTrails"][0];
    assert_eq!(
        (&trail["action"], &trail["path"], &trail["value"]),
        (&json!("update"), &json!("/title"), &json!("Things"))
    );
    assert_eq!((&log.body[0]["version"], &log.body[0]["updated"]), (&json!("1.1"), &json!(crate::world::START + 1000)));
    for path in [format!("tenant/schemas/{alt}"), "tenant/schemas".into()] {
        let accept = if path.ends_with("schemas") { "application/vnd.adobe.xed+json" } else { XED };
        let body = shown(&world, &path, accept).await;
        assert!(!body.to_string().contains("forebay:"), "the log is not part of the resource");
    }
    assert_eq!(world.get(&format!("{PATH}/rpc/auditlog/_xdm.context.profile")).await.body, json!([]));
    assert_eq!(world.get(&format!("{PATH}/rpc/auditlog/nothing")).await.code(), "XDM-1012-404");
}

#[tokio::test]
async fn what_the_registry_writes_is_true_and_stays() {
    let world = World::new().await;
    let sandboxes = "/data/foundation/sandbox-management/sandboxes";
    let lab = json!({ "name": "lab", "title": "Lab", "type": "development" });
    assert_eq!(world.post(sandboxes, lab).await.status, 202);
    world.app.store.settle_sandboxes(world.app.now()).await.unwrap();
    for (sandbox, kind) in [("lab", "development"), ("prod", "production")] {
        let call = world.by(crate::world::CLIENT, sandbox, "POST", &format!("{PATH}/tenant/schemas"));
        let reply = call.json(schema()).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["meta:sandboxType"]), (201, &json!(kind)), "{}", reply.body);
    }
    let created = made(&world, "schemas", schema()).await;
    let path = format!("{PATH}/tenant/schemas/{}", text(&created, "meta:altId"));
    for member in ["$id", "meta:altId", "imsOrg", "meta:registryMetadata"] {
        let patch = json!([{ "op": "replace", "path": format!("/{member}"), "value": "x" }]);
        let reply = world.call("PATCH", &path).json(patch).send().await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1423-400"), "{member}: {}", reply.body);
    }
    let call = world.by(crate::world::CLIENT, "nowhere", "GET", &format!("{PATH}/tenant/schemas"));
    let reply = call.header("accept", IDS).send().await;
    assert_eq!(reply.code(), "FLOW-2100-404", "as every other service says it (FS-HDR-3)");
}
