//! Actions (FS §9.4), and writing a run (FS §10.2).

use crate::world::{FLOWS, Reply, World};
use serde_json::json;

#[track_caller]
fn refused(reply: &Reply, code: &str) {
    assert_eq!((reply.status.as_u16(), reply.code()), (400, code), "{}", reply.body);
}

#[tokio::test]
async fn every_operation_is_known_in_any_case_and_no_other() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let flow = world.created(&format!("{FLOWS}/flows"), parts.flow()).await;
    let act = async |kind: &str, id: &str, query: &str| {
        world.call("POST", &format!("{FLOWS}/{kind}/{id}/action{query}")).send().await
    };
    let kinds = [
        ("connections", &parts.base, true),
        ("sourceConnections", &parts.source, false),
        ("targetConnections", &parts.target, false),
        ("flows", &flow, true),
    ];
    for (kind, id, finalizes) in kinds {
        refused(&act(kind, id, "").await, "FLOW-1451-400");
        refused(&act(kind, id, "?op=explode").await, "FLOW-1451-400");
        refused(&act(kind, id, "?op=publish").await, "FLOW-1422-400");
        refused(&act(kind, id, "?op=PUBLISH&subOp=APPLY").await, "FLOW-1422-400");
        refused(&act(kind, id, "?op=publish&subOp=undo").await, "FLOW-1435-400");
        let code = if finalizes { "FLOW-1402-400" } else { "FLOW-1451-400" };
        refused(&act(kind, id, "?op=FINALIZE&subOp=APPLY").await, code);
        refused(&act(kind, id, "?op=finalize_update").await, code);
        assert_eq!(act(kind, "nothing", "?op=publish").await.status, 404, "{kind}");
        let reply = world
            .call("POST", &format!("{FLOWS}/{kind}/{id}/action?op=publish"))
            .header("if-match", "\"stale\"")
            .send()
            .await;
        assert_eq!((reply.status.as_u16(), reply.code()), (412, "FLOW-1404-412"), "{kind}");
    }
    for op in ["enable", "DISABLE", "disable", "Enable"] {
        assert_eq!(act("flows", &flow, &format!("?op={op}")).await.status, 200, "{op}");
    }
    assert_eq!(world.get(&format!("{FLOWS}/flows/{flow}")).await.item()["state"], "enabled");
}

#[tokio::test]
async fn the_body_of_an_action_is_looked_at() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let path = format!("{FLOWS}/connections/{}/action?op=finalize&subOp=", parts.base);
    let check = async |sub: &str, body: serde_json::Value, code: &str| {
        refused(&world.post(&format!("{path}{sub}"), body).await, code);
    };
    check("PROGRESS", json!({ "percentCompleted": 101 }), "FLOW-1407-400").await;
    check("APPLY", json!({ "percentCompleted": 50 }), "FLOW-1407-400").await;
    check("APPLY", json!({ "status": { "value": "DREAMING" } }), "FLOW-1437-400").await;
    check("APPLY", json!([]), "FLOW-1100-400").await;
    check("PROGRESS", json!({ "percentCompleted": 50, "status": { "value": "in_progress" } }), "FLOW-1402-400").await;
    let reply = world.call("POST", &format!("{path}APPLY")).text("{").send().await;
    refused(&reply, "FLOW-1100-400");
}

#[tokio::test]
async fn a_user_may_not_write_a_run_fs_10_2() {
    let world = World::new().await;
    let mut flow = world.dataflow().await.flow();
    flow["scheduleParams"]["frequency"] = json!("once");
    let flow = world.created(&format!("{FLOWS}/flows"), flow).await;
    let run = world.created(&format!("{FLOWS}/runs"), json!({ "flowId": flow })).await;
    let path = format!("{FLOWS}/runs/{run}");
    let before = world.get(&path).await.body;
    let put = async |etag: Option<&str>, body: serde_json::Value| {
        let call = world.call("PUT", &path).json(body);
        match etag {
            Some(etag) => call.header("if-match", etag).send().await,
            None => call.send().await,
        }
    };
    let body = json!({ "flowId": flow, "metrics": {} });
    refused(&put(None, body.clone()).await, "FLOW-1403-400");
    assert_eq!(put(Some("stale"), body.clone()).await.code(), "FLOW-1404-412");
    refused(&put(Some("*"), json!({})).await, "FLOW-1405-400");
    refused(&put(Some("*"), json!({ "id": "other" })).await, "FLOW-1411-400");
    let etag = before["items"][0]["etag"].as_str().unwrap();
    refused(&put(Some(etag), body).await, "FLOW-1427-400");
    assert_eq!(world.get(&path).await.body, before);
    let reply =
        world.call("PUT", &format!("{FLOWS}/runs/nothing")).header("if-match", "*").json(json!({})).send().await;
    assert_eq!(reply.status, 404);
}
