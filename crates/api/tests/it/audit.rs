//! The audit trail: each change and each refusal leaves one entry, which tells no secret and cannot be altered unseen.

use crate::matrix::{Operation, nowhere, operations};
use crate::world::{CLIENT, FLOWS, ORG, OTHER_ORG, SECRET, World, connection};
use expect_test::expect;
use serde_json::{Value, json};

const EVENTS: &str = "/data/foundation/audit/events";

/// The events, newest first.
async fn events(world: &World, query: &str) -> Vec<Value> {
    let reply = world.get(&format!("{EVENTS}?{query}")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["_embedded"]["customerAuditLogList"].as_array().unwrap().clone()
}

/// What happened to what, newest first.
async fn told(world: &World, query: &str) -> Vec<String> {
    let events = events(world, query).await;
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_string();
    events.iter().map(|e| format!("{} {} {}", text(e, "action"), text(e, "assetType"), text(e, "status"))).collect()
}

#[tokio::test]
async fn a_change_is_noted_with_who_when_and_what() {
    let world = World::new().await;
    let call = world.call("POST", &format!("{FLOWS}/connections")).header("x-request-id", "req-1");
    let id = call.json(connection()).send().await.body["id"].as_str().unwrap().to_string();
    let mut events = events(&world, "").await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["assetId"], id);
    for masked in ["id", "hash", "assetId"] {
        events[0][masked] = json!("masked");
    }
    expect![[r#"
        {
          "userEmail": "acme-client@techacct.adobe.com",
          "userIpAddresses": [],
          "eventType": "Core",
          "id": "masked",
          "version": "1.0",
          "imsOrgId": "ACME@AdobeOrg",
          "sandboxName": "prod",
          "region": "VA7",
          "requestId": "req-1",
          "authId": "acme-client",
          "permissionResource": "EnterpriseSource",
          "permissionType": "WRITE",
          "assetType": "Source Account",
          "assetId": "masked",
          "assetName": "warehouse bucket",
          "action": "Create",
          "status": "Success",
          "failureCode": "",
          "timestamp": "2024-07-01T00:00:00.000+0000",
          "operation": "POST /data/foundation/flowservice/connections",
          "sequence": 1,
          "hash": "masked"
        }"#]]
    .assert_eq(&format!("{:#}", events[0]));
}

#[tokio::test]
async fn each_unsafe_operation_leaves_one_entry_also_when_it_fails() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let mut flow = parts.flow();
    flow["scheduleParams"] = json!({ "startTime": "1719792000", "frequency": "once" });
    let flow_id = world.created(&format!("{FLOWS}/flows"), flow.clone()).await;
    world.created(&format!("{FLOWS}/runs"), json!({ "flowId": flow_id })).await;
    let action = format!("{FLOWS}/flows/{flow_id}/action?op=disable");
    assert_eq!(world.call("POST", &action).send().await.status, 200);
    // Failures.
    flow["sourceConnectionIds"] = json!(["nothing"]);
    assert_eq!(world.post(&format!("{FLOWS}/flows"), flow).await.status, 400);
    assert_eq!(world.call("DELETE", &format!("{FLOWS}/flows/nothing")).send().await.status, 404);
    assert_eq!(
        world
            .call("PATCH", &format!("{FLOWS}/flows/{flow_id}"))
            .header("if-match", "\"x\"")
            .json(json!([{ "op": "replace", "path": "/name", "value": "x" }]))
            .send()
            .await
            .status,
        412
    );
    // What only reads leaves none.
    assert_eq!(world.get(&format!("{FLOWS}/flows/nothing")).await.status, 404);
    world.post("/data/foundation/conversion/mappingSets/validate", json!({})).await;
    assert_eq!(world.call("DELETE", &format!("{FLOWS}/flows/{flow_id}")).send().await.status, 204);
    expect![[r#"
        [
            "Delete Source Data Flow Success",
            "  Failure",
            "  Failure",
            "  Failure",
            "Disable Source Data Flow Success",
            "Create Source Data Flow Run Success",
            "Create Source Data Flow Success",
            "Create Mapping Set Success",
            "Create Target Connection Success",
            "Create Dataset Success",
            "Create Schema Success",
            "Create Source Connection Success",
            "Create Source Account Success",
        ]"#]]
    .assert_eq(&format!("{:#?}", told(&world, "").await));
    let codes: Vec<Value> =
        events(&world, "property=status==failure").await.iter().map(|e| e["failureCode"].clone()).collect();
    assert_eq!(codes.len(), 3, "{codes:?}");
    assert!(codes.contains(&json!("FLOW-1404-412")) && codes.contains(&json!("FLOW-1439-404")), "{codes:?}");
}

#[tokio::test]
async fn every_operation_that_fails_to_change_something_leaves_one_entry_and_a_question_none() {
    let world = World::new().await;
    let mut tried = 0;
    for Operation { method, path, open, .. } in operations(&world).await {
        if open {
            continue;
        }
        let filled = nowhere(&path);
        let before = world.app.store.audit_last(ORG).await.unwrap();
        let reply = world.call(&method, &filled).header("if-match", "\"x\"").text("[]").send().await;
        let question = ["GET", "HEAD"].contains(&method.as_str())
            || ["/search", "/validate", "/preview", "/metrics", "/effective-policies"]
                .iter()
                .any(|end| path.ends_with(end));
        // Signing out and making a link need no body, and are noted as they succeed.
        let session = !question && path.contains("/forebay/session");
        let expected = if session || !question && !reply.status.is_success() { 1 } else { 0 };
        let left = world.app.store.audit_last(ORG).await.unwrap() - before;
        assert_eq!(left, expected, "{method} {path}: {} {}", reply.status, reply.text);
        tried += expected;
    }
    assert!(tried >= 30, "{tried}");
    assert_eq!(world.app.store.audit_verify(ORG).await.unwrap().1, None);
}

#[tokio::test]
async fn refusals_are_noted_and_strangers_cannot_fill_the_trail() {
    let world = World::new().await;
    world.client_with("reader", &["view-sources"], &["*"]).await;
    world.by("reader", "prod", "GET", "/data/foundation/catalog/dataSets").send().await;
    let event = &events(&world, "property=status==Deny").await[0];
    assert_eq!(
        (&event["authId"], &event["permissionResource"], &event["failureCode"]),
        (&json!("reader"), &json!("Dataset"), &json!("FLOW-2118-403"))
    );
    // Somebody who only says that he is a client of ours.
    for token in ["x", "y"] {
        let call = world.bare("GET", &format!("{FLOWS}/flows")).header("authorization", &format!("Bearer {token}"));
        assert_eq!(call.header("x-api-key", CLIENT).header("x-gw-ims-org-id", ORG).send().await.status, 401);
    }
    let event = &events(&world, "").await[0];
    assert_eq!(
        (&event["authId"], &event["userEmail"], &event["failureCode"]),
        (&json!(CLIENT), &json!(""), &json!("401013"))
    );
    for _ in 0..100 {
        let call = world.bare("GET", &format!("{FLOWS}/flows")).header("x-api-key", CLIENT);
        assert_eq!(call.send().await.status, 403);
        world
            .bare("POST", "/ims/token/v3")
            .text(&format!("grant_type=client_credentials&client_id={CLIENT}&client_secret=x"))
            .send()
            .await;
    }
    assert_eq!(events(&world, "limit=1000").await.len(), 61, "60 a minute, and the one of a known client");
    world.pass(60_000);
    world
        .bare("POST", "/ims/token/v3")
        .text(&format!("grant_type=client_credentials&client_id={CLIENT}&client_secret=x"))
        .send()
        .await;
    let event = &events(&world, "limit=1").await[0];
    assert_eq!((&event["operation"], &event["status"]), (&json!("POST /ims/token/v3"), &json!("Deny")));
    // One who names nobody leaves nothing.
    world.bare("GET", &format!("{FLOWS}/flows")).header("x-api-key", "nobody").send().await;
    assert_eq!(events(&world, "limit=1000").await.len(), 62);
}

#[tokio::test]
async fn no_secret_is_in_the_trail() {
    let world = World::new().await;
    let id = world.created(&format!("{FLOWS}/connections"), connection()).await;
    let mut bad = connection();
    bad["auth"]["params"]["s3SecretKey"] = json!(["canary-in-a-list"]);
    world.post(&format!("{FLOWS}/connections"), bad).await;
    let patch = json!([{ "op": "replace", "path": "/auth/params/s3SecretKey", "value": "canary-2" }]);
    world.patch(&format!("{FLOWS}/connections/{id}"), patch).await;
    let reply = world.get(&format!("{EVENTS}?limit=1000")).await;
    assert!(reply.body["page"]["totalElements"].as_i64().unwrap() >= 2);
    assert!(!reply.text.contains("canary") && !reply.text.contains(SECRET), "{}", reply.text);
}

#[tokio::test]
async fn events_are_filtered_and_paged_and_pages_hold_still() {
    let world = World::new().await;
    for _ in 0..5 {
        world.pass(1000);
        world.created(&format!("{FLOWS}/connections"), connection()).await;
    }
    let first = world.get(&format!("{EVENTS}?limit=2")).await;
    assert_eq!(first.body["page"], json!({ "size": 2, "totalElements": 5, "totalPages": 3, "number": 1 }));
    world.created(&format!("{FLOWS}/connections"), connection()).await;
    let mut seen: Vec<i64> = Vec::new();
    let mut page = first;
    loop {
        seen.extend(
            page.body["_embedded"]["events"].as_array().unwrap().iter().map(|e| e["sequence"].as_i64().unwrap()),
        );
        let Some(next) = page.body["_links"]["next"]["href"].as_str() else { break };
        page = world.get(next.strip_prefix("http://forebay.test").unwrap()).await;
    }
    assert_eq!(seen, [5, 4, 3, 2, 1]);
    let count = async |query: &str| events(&world, query).await.len();
    assert_eq!(count("property=action==create,update").await, 6);
    assert_eq!(count("property=action==delete").await, 0);
    assert_eq!(count("property=assetType==Source%20Account,status==success").await, 6);
    assert_eq!(count("property=timestamp%3E2024-07-01T00:00:03Z").await, 3);
    assert_eq!(count("property=timestamp%3C2024-07-01T00:00:03Z&property=timestamp%3E=2024-07-01T00:00:02Z").await, 1);
    assert_eq!(count("property=user==somebody").await, 0);
    for bad in [
        "property=nothing==1",
        "property=action",
        "property=action~x",
        "property=timestamp==yesterday",
        "property=action!=create",
        "limit=0",
        "limit=1001",
        "start=-1",
        "queryId=x",
        "queryId=e30",
    ] {
        assert_eq!(world.get(&format!("{EVENTS}?{bad}")).await.status, 400, "{bad}");
    }
    // Another organization sees its own.
    let reply = world.stranger("GET", EVENTS, OTHER_ORG).send().await;
    assert_eq!(reply.body["page"]["totalElements"], 0);
    world.client_with("reader", &["manage-sources"], &["*"]).await;
    assert_eq!(world.by("reader", "prod", "GET", EVENTS).send().await.status, 403);
}

#[tokio::test]
async fn old_entries_go_and_the_chain_stays_whole() {
    let world = World::new().await;
    for _ in 0..4 {
        world.pass(86_400_000);
        world.created(&format!("{FLOWS}/connections"), connection()).await;
    }
    let store = &world.app.store;
    assert_eq!(store.audit_verify(ORG).await.unwrap(), (4, None));
    let before = world.app.now() - std::time::Duration::from_secs(2 * 86_400 - 1);
    assert_eq!(store.audit_expire(before).await.unwrap(), 2);
    assert_eq!(store.audit_verify(ORG).await.unwrap(), (2, None));
    world.created(&format!("{FLOWS}/connections"), connection()).await;
    let reply = world.get("/data/foundation/audit/verification").await;
    assert_eq!(reply.body, json!({ "imsOrgId": ORG, "whole": true, "entries": 3, "firstBroken": null }));
    assert_eq!(store.audit_expire(before).await.unwrap(), 0);
}
