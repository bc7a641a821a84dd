//! Runs.

use crate::world::{FLOWS, World};
use expect_test::expect;
use serde_json::{Value, json};

const PATH: &str = "/data/foundation/flowservice/runs";

async fn flow(world: &World, frequency: &str) -> String {
    let mut flow = world.dataflow().await.flow();
    flow["scheduleParams"]["frequency"] = json!(frequency);
    world.created(&format!("{FLOWS}/flows"), flow).await
}

#[tokio::test]
async fn a_run_on_demand_is_answered_in_all_documented_shapes_a_14() {
    let world = World::new().await;
    let flow = flow(&world, "once").await;
    let params = json!({ "windowStartTime": "1719700000", "windowEndTime": 1_719_790_000_000_u64 });
    let reply = world.post(PATH, json!({ "flowId": flow, "status": "active", "params": params })).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(reply.body["items"][0], json!({ "id": reply.body["id"], "etag": reply.body["etag"] }));
    let id = reply.body["id"].as_str().unwrap();
    assert!(reply.headers["location"].to_str().unwrap().ends_with(id));
    let run = world.get(&format!("{PATH}/{id}")).await;
    let item = run.item();
    assert_eq!((&item["flowId"], &item["state"], &item["activities"]), (&json!(flow), &json!("scheduled"), &json!([])));
    for path in [format!("{PATH}?property=flowId=={flow}"), format!("{FLOWS}/flows/{flow}/runs/")] {
        let list = world.get(&path).await;
        assert_eq!(list.body["items"].as_array().map(Vec::len), Some(1), "{path} (A-18)");
        assert_eq!(list.item()["id"], id);
    }
    assert_eq!(world.get(&format!("{FLOWS}/flows/nothing/runs")).await.status, 404);
}

#[tokio::test]
async fn only_an_enabled_flow_that_is_scheduled_once_runs_on_demand() {
    let world = World::new().await;
    let check = async |body: Value, code: &str| {
        let reply = world.post(PATH, body).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, code), "{}", reply.body);
    };
    let daily = flow(&world, "day").await;
    check(json!({ "flowId": daily }), "FLOW-1444-400").await;
    check(json!({ "flowId": "nothing" }), "FLOW-1430-400").await;
    check(json!({ "flowId": "" }), "FLOW-1446-400").await;
    check(json!({ "status": "active" }), "FLOW-1446-400").await;
    let once = flow(&world, "once").await;
    check(json!({ "flowId": once, "params": { "windowStartTime": "soon" } }), "FLOW-1100-400").await;
    check(json!({ "flowId": once, "params": { "windowStartTime": 2, "windowEndTime": 1 } }), "FLOW-1100-400").await;
    check(json!({ "flowId": once, "params": { "deltaColumn": { "name": "x" } } }), "FLOW-1100-400").await;
    // Whoever disables a connection ends what is read through it.
    let read = world.get(&format!("{FLOWS}/flows/{once}")).await;
    let base = read.item()["inheritedAttributes"]["sourceConnections"][0]["baseConnection"]["id"].clone();
    let base = format!("{FLOWS}/connections/{}", base.as_str().unwrap());
    for (state, code) in [("disabled", Some("FLOW-1445-400")), ("enabled", None)] {
        let patch = json!([{ "op": "replace", "path": "/state", "value": state }]);
        assert_eq!(world.call("PATCH", &base).header("if-match", "*").json(patch).send().await.status, 200);
        if let Some(code) = code {
            check(json!({ "flowId": once }), code).await;
        }
    }
    let path = format!("{FLOWS}/flows/{once}/action?op=disable");
    assert_eq!(world.call("POST", &path).send().await.status, 200);
    check(json!({ "flowId": once }), "FLOW-1444-400").await;
}

#[tokio::test]
async fn only_a_failed_run_is_triggered_again() {
    let world = World::new().await;
    let flow = flow(&world, "once").await;
    let id = world.created(PATH, json!({ "flowId": flow })).await;
    let act = async |query: &str| world.call("POST", &format!("{PATH}/{id}/action?{query}")).send().await;
    assert_eq!(act("op=RE_TRIGGER").await.code(), "FLOW-1422-400");
    assert_eq!(act("op=stop").await.code(), "FLOW-1451-400");
    assert_eq!(world.call("POST", &format!("{PATH}/nothing/action?op=re_trigger")).send().await.status, 404);
    let now = world.app.now();
    let claim = world.app.store.claim("w", now, std::time::Duration::from_secs(60)).await.unwrap().unwrap();
    let end = forebay_store::End {
        run: json!({}),
        state: forebay_model::run::Status::Failed,
        cursor: None,
        batch: Value::Null,
        plan: None,
    };
    world.app.store.finish(&claim, end, now).await.unwrap();
    let failed = world.get(&format!("{PATH}?property=metrics.statusSummary.status==Failed&count=true")).await;
    expect![[r#"
        200 {
          "count": 0
        }"#]]
    .assert_eq(&failed.shown());
    let reply = act("op=re_trigger").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(world.get(&format!("{PATH}/{id}")).await.item()["state"], "scheduled");
}
