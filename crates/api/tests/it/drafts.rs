//! Drafts (FS §9.5): incomplete bodies are kept, checked when they are published, and run nothing.

use crate::world::{DATALAKE, FLOW_SPEC, FLOWS, Reply, S3, World, connection, source_connection, target_connection};
use forebay_model::Resource;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

const KINDS: &[&str] = &["connections", "sourceConnections", "targetConnections", "flows"];

async fn draft(world: &World, kind: &str, body: Value) -> String {
    let id = world.created(&format!("{FLOWS}/{kind}?mode=draft"), body).await;
    assert_eq!(world.get(&format!("{FLOWS}/{kind}/{id}")).await.item()["state"], "draft");
    id
}

async fn publish(world: &World, kind: &str, id: &str) -> Reply {
    world.call("POST", &format!("{FLOWS}/{kind}/{id}/action?op=publish")).send().await
}

#[track_caller]
fn refused(reply: &Reply, code: &str, pointer: &str) {
    let found = (reply.status.as_u16(), reply.code(), reply.body["report"]["pointer"].as_str().unwrap_or_default());
    assert_eq!(found, (400, code, pointer), "{}", reply.body);
}

#[tokio::test]
async fn a_dataflow_is_drafted_filled_in_and_published_from_its_base_on_fs_9_5() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let base = draft(&world, "connections", json!({ "name": "b", "connectionSpec": { "id": S3 } })).await;
    let body = json!({ "name": "s", "connectionSpec": { "id": S3 }, "baseConnectionId": base });
    let source = draft(&world, "sourceConnections", body).await;
    let target = draft(&world, "targetConnections", json!({ "name": "t", "connectionSpec": { "id": DATALAKE } })).await;
    let body = json!({ "name": "f", "flowSpec": { "id": FLOW_SPEC }, "sourceConnectionIds": [source], "targetConnectionIds": [target] });
    let flow = draft(&world, "flows", body).await;
    let path = |kind: &str, id: &str| format!("{FLOWS}/{kind}/{id}");

    // Nothing is whole yet, and each says what it lacks.
    refused(&publish(&world, "connections", &base).await, "FLOW-1100-400", "/auth");
    refused(&publish(&world, "sourceConnections", &source).await, "FLOW-1445-400", "");
    refused(&publish(&world, "targetConnections", &target).await, "FLOW-1100-400", "/data");
    refused(&publish(&world, "flows", &flow).await, "FLOW-1445-400", "");
    for (kind, id) in [("connections", &base), ("flows", &flow)] {
        assert_eq!(world.get(&path(kind, id)).await.item()["state"], "draft", "a refused publication changes nothing");
    }

    let auth = connection()["auth"].clone();
    let reply =
        world.patch(&path("connections", &base), json!([{ "op": "add", "path": "/auth", "value": auth }])).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let reply = publish(&world, "connections", &base).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(reply.body["etag"], world.get(&path("connections", &base)).await.item()["etag"], "FS-ENV-7");
    assert_eq!(world.get(&path("connections", &base)).await.item()["state"], "enabled");

    let full = source_connection(&base);
    let patch = json!([{ "op": "add", "path": "/data", "value": full["data"] }, { "op": "add", "path": "/params", "value": full["params"] }]);
    assert_eq!(world.patch(&path("sourceConnections", &source), patch).await.status, 200);
    assert_eq!(publish(&world, "sourceConnections", &source).await.status, 200);
    let full = target_connection(&parts.dataset, &parts.schema);
    let patch = json!([{ "op": "add", "path": "/data", "value": full["data"] }, { "op": "add", "path": "/params", "value": full["params"] }]);
    assert_eq!(world.patch(&path("targetConnections", &target), patch).await.status, 200);
    // The page of drafts addresses source and target connections as connections.
    let reply = publish(&world, "connections", &target).await;
    assert_eq!((reply.status.as_u16(), &reply.body["id"]), (200, &json!(target)), "{}", reply.body);
    assert_eq!(world.get(&path("targetConnections", &target)).await.item()["state"], "enabled");

    refused(&publish(&world, "flows", &flow).await, "FLOW-1100-400", "/transformations");
    let whole = parts.flow();
    let patch = json!([{ "op": "add", "path": "/scheduleParams", "value": { "frequency": "once" } },
        { "op": "add", "path": "/transformations", "value": whole["transformations"] }]);
    assert_eq!(world.patch(&path("flows", &flow), patch).await.status, 200);
    let run = world.post(&format!("{FLOWS}/runs"), json!({ "flowId": flow })).await;
    assert_eq!(run.code(), "FLOW-1444-400", "a draft never runs");
    world.app.store.enqueue_due(world.app.now()).await.unwrap();
    assert_eq!(
        world.get(&format!("{FLOWS}/runs?count=true")).await.body,
        json!({ "count": 0 }),
        "not by itself either"
    );
    let reply = publish(&world, "flows", &flow).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let item = world.get(&path("flows", &flow)).await.item().clone();
    assert_eq!((&item["state"], &item["lastOperation"]["operation"]), (&json!("enabled"), &json!("update")));
    assert_eq!(item["inheritedAttributes"]["sourceConnections"][0]["baseConnection"]["id"], base.as_str());
    assert_eq!(world.app.store.enqueue_due(world.app.now()).await.unwrap(), 1, "now it does");
    refused(&publish(&world, "flows", &flow).await, "FLOW-1422-400", "");
}

#[tokio::test]
async fn a_drafts_secrets_are_sealed_whatever_it_says_of_itself() {
    let world = World::new().await;
    // Without specName nobody can tell which parameters are secrets: all that any sign-in of the spec, or their names, say.
    let params = json!({ "s3AccessKey": "AKIA", "secretAccessKey": "canary-1", "s3SecretKey": "canary-2" });
    let body = json!({ "connectionSpec": { "id": S3 }, "auth": { "params": params } });
    let id = draft(&world, "connections", body).await;
    let path = format!("{FLOWS}/connections/{id}");
    let reply = world.get(&path).await;
    assert!(!reply.text.contains("canary"), "{}", reply.text);
    assert_eq!(reply.item()["auth"]["params"]["s3AccessKey"], "AKIA");
    // The names become those of the spec, and what was sealed under another one goes with it.
    let patch = json!([{ "op": "remove", "path": "/auth/params/s3SecretKey" },
        { "op": "add", "path": "/auth/specName", "value": "Access Key" }]);
    let reply = world.patch(&path, patch).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let secrets = world.app.store.secrets(&world.scope(), Resource::Connection, &id).await.unwrap();
    assert_eq!(secrets["/auth/params/s3SecretKey"].expose_secret(), "canary-1");
    assert_eq!(secrets.len(), 1);
    assert_eq!(publish(&world, "connections", &id).await.status, 200);
    assert!(!world.get(&path).await.text.contains("canary"));
    let secrets = world.app.store.secrets(&world.scope(), Resource::Connection, &id).await.unwrap();
    assert_eq!(secrets["/auth/params/s3SecretKey"].expose_secret(), "canary-1", "publishing keeps it");
}

#[tokio::test]
async fn what_a_draft_says_has_its_form_and_what_it_refers_to_exists() {
    let world = World::new().await;
    let check = async |kind: &str, body: Value, code: &str, pointer: &str| {
        refused(&world.post(&format!("{FLOWS}/{kind}?mode=draft"), body).await, code, pointer);
    };
    for kind in &KINDS[..3] {
        check(kind, json!({ "name": "x" }), "FLOW-1413-400", "/connectionSpec/id").await;
        check(kind, json!({ "connectionSpec": { "id": "nothing" } }), "FLOW-1413-400", "/connectionSpec/id").await;
    }
    check("connections", json!({ "connectionSpec": { "id": S3 }, "auth": "none" }), "FLOW-1100-400", "/auth").await;
    let auth = json!({ "specName": "Magic" });
    check("connections", json!({ "connectionSpec": { "id": S3 }, "auth": auth }), "FLOW-1415-400", "/auth/specName")
        .await;
    let body = json!({ "connectionSpec": { "id": S3 }, "baseConnectionId": "nothing" });
    check("sourceConnections", body, "FLOW-1100-400", "/baseConnectionId").await;
    let body = json!({ "connectionSpec": { "id": DATALAKE }, "params": { "dataSetId": "nothing" } });
    check("targetConnections", body, "FLOW-1100-400", "/params/dataSetId").await;
    check("flows", json!({ "name": "x" }), "FLOW-1413-400", "/flowSpec/id").await;
    let body = json!({ "flowSpec": { "id": FLOW_SPEC }, "sourceConnectionIds": ["nothing"] });
    check("flows", body, "FLOW-1100-400", "/sourceConnectionIds/0").await;
    let body = json!({ "flowSpec": { "id": FLOW_SPEC }, "sourceConnectionIds": "nothing" });
    check("flows", body, "FLOW-1100-400", "/sourceConnectionIds").await;
    for (member, value, at) in [
        ("transformations", json!([{ "params": {} }]), "/transformations/0"),
        ("scheduleParams", json!({ "frequency": 7 }), "/scheduleParams/frequency"),
        ("scheduleParams", json!("daily"), "/scheduleParams"),
        ("options", json!({ "partialIngestionPercent": 0 }), "/options/partialIngestionPercent"),
        ("labels", json!([7]), "/labels/0"),
    ] {
        let mut body = json!({ "flowSpec": { "id": FLOW_SPEC } });
        body[member] = value;
        check("flows", body, "FLOW-1100-400", at).await;
    }
    let body = json!({ "connectionSpec": { "id": S3 }, "data": { "format": 7 } });
    check("sourceConnections", body, "FLOW-1100-400", "/data/format").await;
    check("flows", json!({ "flowSpec": { "id": FLOW_SPEC }, "state": "enabled" }), "FLOW-1410-400", "/state").await;
}

#[tokio::test]
async fn drafts_are_changed_and_deleted_but_neither_enabled_nor_built_upon() {
    let world = World::new().await;
    let base = draft(&world, "connections", json!({ "name": "b", "connectionSpec": { "id": S3 } })).await;
    let path = format!("{FLOWS}/connections/{base}");
    for state in ["enabled", "disabled"] {
        let patch = json!([{ "op": "replace", "path": "/state", "value": state }]);
        refused(&world.patch(&path, patch).await, "FLOW-1421-400", "/state");
    }
    let reply = world.post(&format!("{FLOWS}/sourceConnections"), source_connection(&base)).await;
    refused(&reply, "FLOW-1445-400", "");
    assert_eq!(world.get(&format!("{path}/explore")).await.code(), "FLOW-1445-400");
    let flow = draft(&world, "flows", json!({ "flowSpec": { "id": FLOW_SPEC } })).await;
    for op in ["enable", "disable"] {
        let reply = world.call("POST", &format!("{FLOWS}/flows/{flow}/action?op={op}")).send().await;
        refused(&reply, "FLOW-1422-400", "");
    }
    let drafts = world.get(&format!("{FLOWS}/flows?property=state==DRAFT&count=true")).await;
    assert_eq!(drafts.body, json!({ "count": 1 }));
    for (kind, id) in [("flows", &flow), ("connections", &base)] {
        let path = format!("{FLOWS}/{kind}/{id}");
        let patch = json!([{ "op": "replace", "path": "/name", "value": "renamed" }]);
        assert_eq!(world.patch(&path, patch).await.status, 200);
        assert_eq!(world.get(&path).await.item()["name"], "renamed");
        assert_eq!(world.call("DELETE", &path).send().await.status, 204);
        assert_eq!(world.get(&path).await.status, 404);
    }
}

#[tokio::test]
async fn a_draft_stands_in_nobodys_way_but_in_that_of_a_deletion() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    // A draft that has no mapping, to the same dataset.
    let body = json!({ "flowSpec": { "id": FLOW_SPEC }, "sourceConnectionIds": [parts.source], "targetConnectionIds": [parts.target] });
    let flow = draft(&world, "flows", body).await;
    let patch = json!([{ "op": "add", "path": "/params/cdcEnabled", "value": true }]);
    let source = format!("{FLOWS}/sourceConnections/{}", parts.source);
    assert_eq!(world.patch(&source, patch).await.status, 200, "what it will be given is still open");
    let patch = json!([{ "op": "remove", "path": "/params/cdcEnabled" }]);
    assert_eq!(world.patch(&source, patch).await.status, 200);
    world.created(&format!("{FLOWS}/flows"), parts.flow()).await;
    for (kind, id) in
        [("sourceConnections", &parts.source), ("targetConnections", &parts.target), ("connections", &parts.base)]
    {
        assert_eq!(world.call("DELETE", &format!("{FLOWS}/{kind}/{id}")).send().await.status, 400, "{kind}");
    }
    assert_eq!(world.call("DELETE", &format!("{FLOWS}/flows/{flow}")).send().await.status, 204);
}

#[tokio::test]
async fn specs_say_that_drafts_are_there() {
    let world = World::new().await;
    let reply = world.get(&format!("{FLOWS}/connectionSpecs?property=attributes.isDraftModeSupported==true")).await;
    let ids: Vec<&Value> = reply.body["items"].as_array().unwrap().iter().map(|spec| &spec["id"]).collect();
    for id in [S3, DATALAKE, crate::world::HUBSPOT] {
        assert!(ids.contains(&&json!(id)), "{id}");
    }
}
