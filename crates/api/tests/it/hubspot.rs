//! A source of tables from its first call to a flow: the public HubSpot tutorials (platform.md §8.2) against a simulated
//! account on loopback.

use crate::world::{Choices, FLOWS, HUBSPOT, Reply, TABLES_FLOW_SPEC, World, data_set, schema, target_connection};
use expect_test::expect;
use forebay_model::Resource;
use forebay_model::run::Status;
use forebay_playground::hubspot::{Config, Hubspot, Running};
use forebay_sources::Places;
use forebay_store::{Claim, End};
use serde_json::{Value, json};
use std::time::Duration;

const RUNS: &str = "/data/foundation/flowservice/runs";

/// A world, and an account that its connections reach.
async fn world() -> (World, Running) {
    let running = Hubspot::start(Config::tiny()).await.unwrap();
    let places = Places { hubspot: running.url().parse().unwrap() };
    (World::with(Choices { allow: vec!["127.0.0.0/8"], places, ..Choices::default() }).await, running)
}

/// The body that all four tutorials print, with an account's credentials in it.
fn connection(running: &Running) -> Value {
    let account = running.account();
    json!({
        "name": "connection for hubspot",
        "description": "connection for hubspot",
        "auth": { "specName": "Basic Authentication", "params": {
            "clientId": account.client_id, "clientSecret": account.client_secret,
            "accessToken": account.access_token, "refreshToken": account.refresh_token,
        } },
        "connectionSpec": { "id": HUBSPOT, "version": "1.0" },
    })
}

fn source_connection(base: &str) -> Value {
    json!({
        "name": "Source Connection for a Marketing Automation system",
        "baseConnectionId": base,
        "description": "Source Connection for a Marketing Automation system",
        "data": { "format": "tabular" },
        "params": { "path": "Hubspot.Contacts" },
        "connectionSpec": { "id": HUBSPOT, "version": "1.0" },
    })
}

/// Everything that a flow needs, and the flow that the tutorial makes of it.
async fn flow(world: &World, running: &Running) -> Value {
    let base = world.created(&format!("{FLOWS}/connections"), connection(running)).await;
    let source = world.created(&format!("{FLOWS}/sourceConnections"), source_connection(&base)).await;
    let schema = world.post("/data/foundation/schemaregistry/tenant/schemas", schema()).await;
    let schema = schema.body["$id"].as_str().unwrap();
    let dataset = world.created("/data/foundation/catalog/dataSets?requestDataSource=true", data_set(schema)).await;
    let target = world.created(&format!("{FLOWS}/targetConnections"), target_connection(&dataset, schema)).await;
    let rules =
        [("Vid", "_id"), ("Properties_Firstname_Value", "person.name.firstName"), ("Added_At", "_repo.createDate")];
    let rules: Vec<Value> = rules
        .iter()
        .map(|(source, target)| {
            json!({ "destinationXdmPath": target, "sourceAttribute": source, "identity": false,
                "identityGroup": null, "namespaceCode": null, "version": 0 })
        })
        .collect();
    let set = json!({ "version": 0, "xdmSchema": schema, "xdmVersion": "1.0", "id": null, "mappings": rules });
    let set = world.created("/data/foundation/conversion/mappingSets", set).await;
    json!({
        "name": "HubSpot contacts",
        "flowSpec": { "id": TABLES_FLOW_SPEC, "version": "1.0" },
        "sourceConnectionIds": [source],
        "targetConnectionIds": [target],
        "transformations": [
            { "name": "Copy", "params": { "deltaColumn": { "name": "updatedAt", "dateFormat": "YYYY-MM-DD", "timezone": "UTC" } } },
            { "name": "Mapping", "params": { "mappingId": set, "mappingVersion": 0 } },
        ],
        "scheduleParams": { "startTime": "1567411548", "frequency": "once", "interval": "15" },
    })
}

#[tokio::test]
async fn the_tutorials_requests_work_from_the_look_up_to_the_flow_pl_8_2() {
    let (world, running) = world().await;
    let found = world.get(&format!("{FLOWS}/connectionSpecs?property=name==%22hubspot%22")).await;
    assert_eq!(found.body["items"].as_array().map(Vec::len), Some(1), "{}", found.body);
    let auth = &found.item()["authSpec"][0];
    assert_eq!((&found.item()["id"], &auth["name"]), (&json!(HUBSPOT), &json!("Basic Authentication")));
    assert_eq!(
        auth["spec"]["required"],
        json!(["clientId", "clientSecret", "accessToken", "refreshToken"]),
        "FS-SPEC-3"
    );

    let created = world.post(&format!("{FLOWS}/connections"), connection(&running)).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.body.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "etag"], "FS-ENV-6");
    let path = format!("{FLOWS}/connections/{}", created.body["id"].as_str().unwrap());
    let tested = world.get(&format!("{path}/test")).await;
    assert_eq!((tested.status.as_u16(), &tested.body["result"]), (200, &json!(true)), "{}", tested.body);
    let shown = world.get(&path).await;
    for name in ["clientSecret", "accessToken", "refreshToken"] {
        assert_eq!(shown.item()["auth"]["params"][name], "********", "FS-ENV-9");
    }
    let spec = world.get(&format!("{FLOWS}/flowSpecs?property=name==CRMToAEP")).await;
    assert_eq!(spec.item()["id"], TABLES_FLOW_SPEC);

    let flow = flow(&world, &running).await;
    let id = world.created(&format!("{FLOWS}/flows"), flow.clone()).await;
    let read = world.get(&format!("{FLOWS}/flows/{id}")).await;
    for member in ["transformations", "scheduleParams"] {
        assert_eq!(read.item()[member], flow[member], "FS-SPEC-6: what was sent is what comes back");
    }
}

#[tokio::test]
async fn a_failed_sign_in_is_no_error() {
    let (world, running) = world().await;
    let mut body = connection(&running);
    body["auth"]["params"]["clientSecret"] = json!("canary-wrong");
    body["auth"]["params"]["accessToken"] = json!("canary-wrong");
    let id = world.created(&format!("{FLOWS}/connections"), body.clone()).await;
    let tested = world.get(&format!("{FLOWS}/connections/{id}/test")).await;
    assert_eq!((tested.status.as_u16(), &tested.body["result"]), (200, &json!(false)), "{}", tested.body);
    assert!(!tested.text.contains("canary"), "{}", tested.text);
    body["auth"]["params"].as_object_mut().unwrap().remove("refreshToken");
    let refused = world.post(&format!("{FLOWS}/connections"), body).await;
    assert_eq!(refused.body["report"]["pointer"], "/auth/params/refreshToken", "FS-CON-3");
}

#[tokio::test]
async fn tables_are_a_bare_array_and_a_table_has_columns_and_rows_fs_exp_2_fs_exp_3() {
    let (world, running) = world().await;
    let base = world.created(&format!("{FLOWS}/connections"), connection(&running)).await;
    let explore = async |query: &str| world.get(&format!("{FLOWS}/connections/{base}/explore?{query}")).await;
    let root = explore("objectType=root").await;
    let tables = root.body.as_array().unwrap();
    let of = |path: &str| tables.iter().find(|table| table["path"] == path).unwrap();
    let contacts = json!({ "type": "table", "name": "Contacts", "path": "Hubspot.Contacts", "canPreview": true, "canFetchSchema": true });
    assert_eq!(of("Hubspot.Contacts"), &contacts);
    let unread = tables.iter().find(|table| table["canPreview"] == false).unwrap();
    assert_eq!(unread["missingScopes"], json!(["crm.objects.goals.read"]), "{unread}");
    assert_eq!(explore("").await.body, root.body, "without parameters the root");

    let table = explore("objectType=table&object=Hubspot.Contacts").await;
    assert_eq!((&table.body["format"], table.body.get("data")), (&json!("flat"), None), "{}", table.body);
    let columns = table.body["schema"]["columns"].as_array().unwrap();
    let column = |name: &str| columns.iter().find(|column| column["name"] == name).unwrap_or_else(|| panic!("{name}"));
    for name in ["Vid", "Properties_Firstname_Value", "Properties_Lastname_Value", "Portal_Id", "updatedAt"] {
        column(name);
    }
    assert_eq!(column("Added_At")["xdm"]["format"], "date-time");
    assert_eq!(column("Properties_Firstname_Value")["type"], "string");
    let preview = explore("OBJECTTYPE=TABLE&object=Hubspot.Contacts&preview=True").await;
    let rows = preview.body["data"].as_array().unwrap();
    assert!((1..=100).contains(&rows.len()) && rows[0]["Vid"].is_string(), "{}", preview.body);

    let nothing = explore("objectType=table&object=Hubspot.Nothing").await;
    assert_eq!((nothing.status.as_u16(), nothing.code()), (404, "FLOW-1101-404"), "{}", nothing.body);
    for query in [
        "objectType=table",
        "objectType=folder&object=/in/",
        "objectType=file&object=/in/a.csv&fileType=json",
        "objectType=rest&object=json",
        "objectType=table&object=Hubspot.Contacts&filters=e30",
    ] {
        let reply = explore(query).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1100-400"), "{query}: {}", reply.body);
    }
    let file = explore("objectType=folder&object=/in/").await;
    expect![[r#""this connection holds tables. Send objectType=root to list them, or objectType=table and object to see one.""#]]
        .assert_eq(&file.body["errorMessage"].to_string());
}

#[tokio::test]
async fn a_source_connection_names_a_table_a_27() {
    let (world, running) = world().await;
    let base = world.created(&format!("{FLOWS}/connections"), connection(&running)).await;
    let path = format!("{FLOWS}/sourceConnections");
    for (pointer, value, at) in [
        ("/data/format", json!("delimited"), "/data/format"),
        ("/data", json!(null), "/data/format"),
        ("/params", json!({}), "/params/path"),
        ("/params", json!({ "path": "A", "tableName": "B" }), "/params/tableName"),
        ("/params", json!({ "path": "A", "columns": [{}] }), "/params/columns/0"),
        ("/params", json!({ "path": "A", "filters": { "type": "PQL" } }), "/params/filters"),
        ("/params", json!({ "path": "A", "overlapMinutes": 0 }), "/params/overlapMinutes"),
        ("/params", json!({ "path": "A", "sweepHours": "seldom" }), "/params/sweepHours"),
        ("/params", json!({ "path": "A", "cdcEnabled": true }), "/params/cdcEnabled"),
    ] {
        let mut body = source_connection(&base);
        *body.pointer_mut(pointer).unwrap() = value;
        let reply = world.post(&path, body).await;
        let found = (reply.status.as_u16(), reply.body["report"]["pointer"].as_str().unwrap_or_default());
        assert_eq!(found, (400, at), "{}", reply.body);
    }
    let mut body = source_connection(&base);
    body["data"] = json!({ "format": "Tabular", "schema": null, "properties": null });
    body["params"] = json!({ "tableName": "Hubspot.Contacts", "overlapMinutes": "30", "sweepHours": 0,
        "columns": [{ "name": "Vid", "type": "string", "xdm": { "type": "string" } }] });
    let id = world.created(&path, body.clone()).await;
    assert_eq!(world.get(&format!("{path}/{id}")).await.item()["params"], body["params"]);
}

#[tokio::test]
async fn a_table_that_a_flow_reads_stays_the_same_table() {
    let (world, running) = world().await;
    let flow = flow(&world, &running).await;
    world.created(&format!("{FLOWS}/flows"), flow.clone()).await;
    let path = format!("{FLOWS}/sourceConnections/{}", flow["sourceConnectionIds"][0].as_str().unwrap());
    let patch = |pointer: &str, value: Value| json!([{ "op": "add", "path": pointer, "value": value }]);
    let other = world.patch(&path, patch("/params/path", json!("Hubspot.All_Deals"))).await;
    assert_eq!((other.status.as_u16(), other.code()), (400, "FLOW-1447-400"), "{}", other.body);
    assert_eq!(world.patch(&path, patch("/params/overlapMinutes", json!(20))).await.status, 200);
}

#[tokio::test]
async fn what_is_wrong_with_a_flow_of_tables_is_named_fs_9_6() {
    let (world, running) = world().await;
    let flow = flow(&world, &running).await;
    let path = format!("{FLOWS}/flows");
    let check = async |transformations: Value, at: &str| {
        let mut body = flow.clone();
        body["transformations"] = transformations;
        let reply = world.post(&path, body).await;
        let found = (reply.status.as_u16(), reply.body["report"]["pointer"].as_str().unwrap_or_default());
        assert_eq!(found, (400, at), "{}", reply.body);
    };
    let (copy, mapping) = (&flow["transformations"][0], &flow["transformations"][1]);
    check(json!([copy]), "/transformations").await;
    check(json!([copy, mapping, copy]), "/transformations/2").await;
    let named = |column: Value| json!([mapping, { "name": "Copy", "params": { "deltaColumn": column } }]);
    for column in [json!("updatedAt"), json!({}), json!({ "name": " " }), json!({ "name": "x", "timezone": 7 })] {
        check(named(column), "/transformations/1/params/deltaColumn").await;
    }
    // Never because the column is not among those that explore shows, and without one each run reads everything.
    for transformations in [
        named(json!({ "name": "no_such_column" })),
        json!([mapping]),
        json!([{ "name": "Copy", "params": { "mode": "append" } }, mapping]),
    ] {
        let mut body = flow.clone();
        body["transformations"] = transformations;
        let reply = world.post(&path, body).await;
        assert_eq!(reply.status, 201, "FS-EXP-3: {}", reply.body);
    }
    let mut files = flow.clone();
    files["flowSpec"]["id"] = json!(crate::world::FLOW_SPEC);
    assert_eq!(world.post(&path, files).await.code(), "FLOW-1413-400", "files and tables have flow specs of their own");
}

#[tokio::test]
async fn a_runs_delta_column_stays_with_the_flow_fs_10_1() {
    let (world, running) = world().await;
    let mut flow = flow(&world, &running).await;
    flow["transformations"].as_array_mut().unwrap().remove(0);
    let id = world.created(&format!("{FLOWS}/flows"), flow).await;
    let run =
        async |column: Value| world.post(RUNS, json!({ "flowId": id, "params": { "deltaColumn": column } })).await;
    assert_eq!(run(json!({ "name": "" })).await.body["report"]["pointer"], "/params/deltaColumn");
    let first = run(json!({ "name": "updatedAt" })).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let path = format!("{FLOWS}/flows/{id}");
    let transformations = world.get(&path).await.item()["transformations"].clone();
    assert_eq!(transformations[0], json!({ "name": "Copy", "params": { "deltaColumn": { "name": "updatedAt" } } }));
    assert_eq!(transformations[1]["name"], "Mapping");
    let etag = world.get(&path).await.item()["etag"].clone();
    assert_eq!(run(json!({ "name": "updatedAt" })).await.status, 201, "the same again is harmless");
    let other = run(json!({ "name": "createdAt" })).await;
    assert_eq!((other.status.as_u16(), other.code()), (400, "FLOW-1100-400"), "{}", other.body);
    assert_eq!(world.get(&path).await.item()["etag"], etag, "FS-ETAG-2");
}

/// Ends a run as a worker does.
async fn end(world: &World, state: Status, plan: Value) -> Claim {
    let now = world.app.now();
    let claim = world.app.store.claim("w", now, Duration::from_secs(60)).await.unwrap().unwrap();
    world.app.store.save_plan(&claim, &plan).await.unwrap();
    let window = json!({ "windowStart": 1_719_700_000_000_i64, "windowEnd": 1_719_790_000_000_i64 });
    let run = json!({ "activities": [{ "id": "copyActivity", "durationSummary": { "extensions": window } }] });
    world
        .app
        .store
        .finish(&claim, End { run, state, cursor: None, batch: Value::Null, plan: None }, now)
        .await
        .unwrap();
    claim
}

#[tokio::test]
async fn a_run_that_landed_pages_is_replayed_by_a_new_run() {
    let (world, running) = world().await;
    let flow = flow(&world, &running).await;
    let flow = world.created(&format!("{FLOWS}/flows"), flow).await;
    let replay =
        async |id: &str| -> Reply { world.call("POST", &format!("{RUNS}/{id}/action?op=REPLAY")).send().await };
    let id = world.created(RUNS, json!({ "flowId": flow })).await;
    let waiting = replay(&id).await;
    assert_eq!((waiting.status.as_u16(), waiting.code()), (400, "FLOW-1422-400"), "{}", waiting.body);
    let forged = world.post(RUNS, json!({ "flowId": flow, "params": { "replayOf": id } })).await;
    assert_eq!((forged.status.as_u16(), &forged.body["report"]["pointer"]), (400, &json!("/params/replayOf")));
    let key = format!("raw/acme-prod/{flow}/{id}/0.jsonl.gz");
    end(&world, Status::Success, json!({ "plan": { "parts": [{ "id": 0, "object": { "key": key } }] } })).await;
    let expired = replay(&id).await;
    assert!(expired.body["errorMessage"].as_str().unwrap().contains("not kept any more"), "{}", expired.body);
    world.lake.store(&key, "page");

    let reply = replay(&id).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let new = reply.body["id"].as_str().unwrap();
    assert_eq!(reply.body["items"][0]["id"], new);
    assert!(reply.headers["location"].to_str().unwrap().ends_with(new));
    let claim = end(&world, Status::Success, json!({ "plan": { "parts": [] } })).await;
    let params =
        json!({ "replayOf": id, "windowStartTime": 1_719_700_000_000_i64, "windowEndTime": 1_719_790_000_000_i64 });
    assert_eq!((claim.run.id.as_str(), &claim.params), (new, &params));
    assert_eq!(claim.window.end.unwrap().timestamp_millis(), 1_719_790_000_000, "the next run's window is not cut");
    assert_eq!(world.get(&format!("{RUNS}/{new}")).await.item()["params"]["replayOf"], id);

    // What a replay promoted is what the first run landed.
    let again = replay(new).await;
    assert_eq!(again.status, 201, "{}", again.body);
    let again = world.get(&format!("{RUNS}/{}", again.body["id"].as_str().unwrap())).await;
    assert_eq!(again.item()["params"]["replayOf"], id);
    end(&world, Status::Failed, json!({})).await;
    let failed = replay(again.item()["id"].as_str().unwrap()).await;
    assert!(failed.body["errorMessage"].as_str().unwrap().contains("re_trigger"), "{}", failed.body);
    let idle = world.created(RUNS, json!({ "flowId": flow })).await;
    end(&world, Status::Success, json!({ "plan": { "parts": [] } })).await;
    let idle = replay(&idle).await;
    assert!(idle.body["errorMessage"].as_str().unwrap().contains("nothing new"), "{}", idle.body);
    let stale = world.call("POST", &format!("{RUNS}/{id}/action?op=replay")).header("if-match", "\"old\"").send().await;
    assert_eq!(stale.code(), "FLOW-1404-412");
    assert_eq!(world.call("DELETE", &format!("{FLOWS}/flows/{flow}")).send().await.status, 204);
    assert_eq!(replay(&id).await.code(), "FLOW-1430-400");
}

#[tokio::test]
async fn a_run_of_files_has_nothing_to_replay() {
    let world = World::new().await;
    let mut flow = world.dataflow().await.flow();
    flow["scheduleParams"]["frequency"] = json!("once");
    let flow = world.created(&format!("{FLOWS}/flows"), flow).await;
    let id = world.created(RUNS, json!({ "flowId": flow })).await;
    end(&world, Status::Success, json!({ "plan": { "parts": [{ "object": { "key": "in/a.csv" } }] } })).await;
    let reply = world.call("POST", &format!("{RUNS}/{id}/action?op=replay")).send().await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1422-400"));
    assert!(reply.body["errorMessage"].as_str().unwrap().contains("in place"), "{}", reply.body);
    assert!(world.app.store.count(&world.scope(), Resource::Run, &Default::default()).await.unwrap() == 1);
}
