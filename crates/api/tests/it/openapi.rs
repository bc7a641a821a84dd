//! The document that is made of the routes, and the two tests that it drives: every operation without credentials, and
//! every operation from a stranger's sandbox and organization.

use crate::world::{FLOWS, ORG, OTHER_ORG, World, connection};
use forebay_model::Resource;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Every operation: method, path, whether it needs credentials.
pub fn operations(document: &Value) -> Vec<(String, String, bool)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let open = operation["security"] == json!([{}]);
            operations.push((method.to_uppercase(), path.clone(), !open));
        }
    }
    operations
}

#[tokio::test]
async fn the_document_is_served_and_names_every_operation_once() {
    let world = World::new().await;
    let document = world.bare("GET", "/openapi.json").send().await.body;
    assert_eq!(document["openapi"].as_str().map(|v| &v[..2]), Some("3."));
    // The file shows in a review what a change does to the interface.
    expect_test::expect_file!["../../openapi.json"].assert_eq(&format!("{document:#}\n"));
    let operations = operations(&document);
    assert!(operations.len() >= 60, "{}", operations.len());
    let ids: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|item| item.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap().to_string())
        .collect();
    assert_eq!(ids.len(), operations.len(), "operation ids are unique");
}

#[tokio::test]
async fn no_operation_answers_without_credentials() {
    let world = World::new().await;
    let document = world.bare("GET", "/openapi.json").send().await.body;
    for (method, path, secured) in operations(&document) {
        let path = path
            .replace("{container}", "tenant")
            .replace("{kind}", "schemas")
            .replace("{id}", "x")
            .replace("{name}", "x");
        let reply = world.bare(&method, &path).text("{}").send().await;
        if secured {
            assert_eq!((reply.status.as_u16(), &reply.body["error_code"]), (403, &json!("403010")), "{method} {path}");
        } else {
            assert!(path.starts_with("/ims/"), "{path} is open");
            assert!(reply.status == 400 || reply.status == 401, "{method} {path}: {}", reply.text);
        }
    }
}

#[tokio::test]
async fn a_guessed_id_finds_nothing_from_another_sandbox_or_organization() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let mut flow = parts.flow();
    flow["scheduleParams"]["frequency"] = json!("once");
    let flow_id = world.created(&format!("{FLOWS}/flows"), flow.clone()).await;
    let run = world.created(&format!("{FLOWS}/runs"), json!({ "flowId": flow_id })).await;
    let batch =
        json!({ "id": "01B", "status": "success", "relatedObjects": [{ "type": "dataSet", "id": parts.dataset }] });
    world.put(&world.scope(), Resource::Batch, "01B", batch).await;
    world.lake.store("batches/acme-prod/01B/row_errors/part-0.json", "{\"canary\":1}");
    let identity = crate::descriptors::identity(&parts.schema, "/_id", false);
    let descriptor = world.post("/data/foundation/schemaregistry/tenant/descriptors", identity).await;
    let descriptor = descriptor.body["@id"].as_str().unwrap().to_string();
    let hook = json!({ "url": "https://hooks.example.com/canary" });
    let hook = world.created("/data/foundation/forebay/webhooks", hook).await;
    let schema = parts.schema.rsplit('/').next().unwrap().to_string();
    let alt = format!("_acme.schemas.{schema}");
    let id_for = |path: &str| -> String {
        let id = match path {
            _ if path.contains("/sourceConnections") => &parts.source,
            _ if path.contains("/targetConnections") => &parts.target,
            _ if path.contains("/connections") => &parts.base,
            _ if path.contains("/flows/") => &flow_id,
            _ if path.contains("/runs/") => &run,
            _ if path.contains("/webhooks") => &hook,
            _ if path.contains("/mappingSets") => &parts.mapping,
            _ if path.contains("/dataSets") || path.contains("/datasets") => &parts.dataset,
            _ if path.contains("/batches") => return "01B".into(),
            _ if path.contains("/files/") => return "01B-0".into(),
            _ if path.contains("/descriptors") => &descriptor,
            _ if path.contains("/schemaregistry") => &alt,
            _ => return String::new(),
        };
        id.clone()
    };
    let mut tried = 0;
    let document = world.bare("GET", "/openapi.json").send().await.body;
    for (method, path, secured) in operations(&document) {
        let id = id_for(&path);
        if !secured || !path.contains("{id}") || id.is_empty() {
            continue;
        }
        let path = path.replace("{container}", "tenant").replace("{kind}", "schemas").replace("{id}", &id);
        let path = if path.ends_with("/action") { format!("{path}?op=disable") } else { path };
        let body = if method == "PATCH" {
            json!([{ "op": "replace", "path": "/name", "value": "x" }])
        } else {
            json!({ "x": 1 })
        };
        for org in [ORG, OTHER_ORG] {
            let call = world.stranger(&method, &path, org).header("if-match", "*").header("accept", crate::world::XED);
            let reply = call.text(&body.to_string()).send().await;
            assert_eq!(reply.status, 404, "{method} {path} from {org}: {}", reply.text);
            assert!(!reply.text.contains("canary"), "{method} {path}");
            tried += 1;
        }
    }
    assert!(tried >= 50, "{tried}");

    // Lists are empty, and references in bodies lead nowhere.
    for org in [ORG, OTHER_ORG] {
        for kind in ["connections", "sourceConnections", "targetConnections", "flows", "runs"] {
            let reply = world.stranger("GET", &format!("{FLOWS}/{kind}?count=true"), org).send().await;
            assert_eq!(reply.body, json!({ "count": 0 }), "{kind}");
        }
        let mine = world.stranger("POST", &format!("{FLOWS}/connections"), org).json(connection()).send().await;
        assert_eq!(mine.status, 201);
        let bodies = [
            ("sourceConnections", crate::world::source_connection(&parts.base)),
            ("targetConnections", crate::world::target_connection(&parts.dataset, &parts.schema)),
            ("flows", flow.clone()),
            ("runs", json!({ "flowId": flow_id })),
        ];
        for (kind, body) in bodies {
            let reply = world.stranger("POST", &format!("{FLOWS}/{kind}"), org).json(body).send().await;
            assert_eq!(reply.status, 400, "{kind} from {org}: {}", reply.body);
        }
        let reply = world
            .stranger("POST", "/data/foundation/catalog/dataSets", org)
            .json(crate::world::data_set(&parts.schema))
            .send()
            .await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        let descriptors = "/data/foundation/schemaregistry/tenant/descriptors";
        let identity = crate::descriptors::identity(&parts.schema, "/_id", false);
        let reply = world.stranger("POST", descriptors, org).json(identity).send().await;
        assert_eq!(reply.status, 400, "{}", reply.body);
        let all = "application/vnd.adobe.xdm+json";
        let reply = world.stranger("GET", descriptors, org).header("accept", all).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body), (200, &json!({})), "{org}");
    }
    assert_eq!(world.get(&format!("{FLOWS}/flows/{flow_id}")).await.item()["state"], "enabled", "nothing was changed");
}

#[tokio::test]
async fn a_strangers_continuation_token_shows_nothing() {
    let world = World::new().await;
    for _ in 0..3 {
        world.pass(1);
        world.created(&format!("{FLOWS}/connections"), connection()).await;
    }
    let reply = world.get(&format!("{FLOWS}/connections?limit=1")).await;
    let href = reply.body["_links"]["next"]["href"].as_str().unwrap().to_string();
    for org in [ORG, OTHER_ORG] {
        let reply = world.stranger("GET", &format!("{FLOWS}{href}"), org).send().await;
        assert!(reply.status == 400 || reply.body["items"] == json!([]), "{}", reply.body);
    }
}
