//! Flows.

use crate::world::{FLOWS, START, World, mapping_set, schema, target_connection};
use expect_test::expect;
use serde_json::{Value, json};

const PATH: &str = "/data/foundation/flowservice/flows";

#[tokio::test]
async fn a_flow_reads_back_with_what_follows_from_it_fs_env_6() {
    let world = World::new().await;
    let flow = world.dataflow().await.flow();
    let reply = world.post(PATH, flow).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let id = reply.body["id"].as_str().unwrap();
    expect![[r#"
        200 {
          "items": [
            {
              "id": "00000011-0000-4000-8000-000000000011",
              "createdAt": 1719792000000,
              "updatedAt": 1719792000000,
              "name": "people daily",
              "flowSpec": {
                "id": "9753525b-82c7-4dce-8a9b-5ccfce2b9876",
                "version": "1.0"
              },
              "sourceConnectionIds": [
                "00000004-0000-4000-8000-000000000004"
              ],
              "targetConnectionIds": [
                "0000000c-0000-4000-8000-00000000000c"
              ],
              "transformations": [
                {
                  "name": "Mapping",
                  "params": {
                    "mappingId": "0000000e00000000000000000000000e",
                    "mappingVersion": 0
                  }
                }
              ],
              "scheduleParams": {
                "startTime": "1719900000",
                "frequency": "day",
                "interval": "1",
                "backfill": "true"
              },
              "options": {
                "errorDiagnosticsEnabled": true,
                "partialIngestionPercent": 5
              },
              "createdBy": "acme-client@techacct.adobe.com",
              "updatedBy": "acme-client@techacct.adobe.com",
              "createdClient": "acme-client",
              "updatedClient": "acme-client",
              "sandboxId": "acme-prod",
              "sandboxName": "prod",
              "imsOrgId": "ACME@AdobeOrg",
              "inheritedAttributes": {
                "sourceConnections": [
                  {
                    "id": "00000004-0000-4000-8000-000000000004",
                    "connectionSpec": {
                      "id": "ecadc60c-7455-4d87-84dc-2a0e293d997b",
                      "version": "1.0"
                    },
                    "baseConnection": {
                      "id": "00000002-0000-4000-8000-000000000002",
                      "connectionSpec": {
                        "id": "ecadc60c-7455-4d87-84dc-2a0e293d997b",
                        "version": "1.0"
                      }
                    }
                  }
                ],
                "targetConnections": [
                  {
                    "id": "0000000c-0000-4000-8000-00000000000c",
                    "connectionSpec": {
                      "id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c",
                      "version": "1.0"
                    }
                  }
                ],
                "properties": {
                  "isSourceFlow": true
                }
              },
              "state": "enabled",
              "runs": "/runs?property=flowId==00000011-0000-4000-8000-000000000011",
              "lastOperation": {
                "started": 1719792000000,
                "updated": 0,
                "percentCompleted": 100.0,
                "status": {
                  "value": "completed",
                  "errors": []
                },
                "operation": "create"
              },
              "version": "<etag>",
              "etag": "<etag>"
            }
          ]
        }"#]]
    .assert_eq(&world.get(&format!("{PATH}/{id}")).await.shown());
}

#[tokio::test]
async fn a_flow_is_found_by_what_it_inherits_fs_q_3_4() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    world.created(PATH, parts.flow()).await;
    for term in [
        "state==ENABLED".to_string(),
        "inheritedAttributes.properties.isSourceFlow==true".into(),
        format!("inheritedAttributes.targetConnections[].connectionSpec.id=={}", crate::world::DATALAKE),
        format!("transformations[].params.mappingId=={}", parts.mapping),
        format!("sourceConnectionIds[]=={}", parts.source),
        "scheduleParams.frequency==Day".into(),
        format!("createdAt>{}", START - 1),
    ] {
        let reply = world.get(&format!("{PATH}?count=true&property={}", term.replace('>', "%3E"))).await;
        assert_eq!(reply.body, json!({ "count": 1 }), "{term}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_flow_is_named() {
    let world = World::new().await;
    let flow = world.dataflow().await.flow();
    let check = async |pointer: &str, value: Value, code: &str, at: &str| {
        let mut body = flow.clone();
        match body.pointer_mut(pointer) {
            Some(member) => *member = value,
            None => body[pointer.trim_start_matches('/')] = value,
        }
        let reply = world.post(PATH, body).await;
        let found = (reply.status.as_u16(), reply.code(), reply.body["report"]["pointer"].as_str().unwrap_or_default());
        assert_eq!(found, (400, code, at), "{pointer}: {}", reply.body);
    };
    check("/state", json!("enabled"), "FLOW-1410-400", "/state").await;
    check("/flowSpec/id", json!("nothing"), "FLOW-1413-400", "/flowSpec/id").await;
    check("/sourceConnectionIds", json!([]), "FLOW-1100-400", "/sourceConnectionIds").await;
    check("/sourceConnectionIds/0", json!("nothing"), "FLOW-1100-400", "/sourceConnectionIds/0").await;
    check("/targetConnectionIds", json!(["a", "b"]), "FLOW-1100-400", "/targetConnectionIds").await;
    check("/transformations", json!([]), "FLOW-1100-400", "/transformations").await;
    check("/transformations/0/name", json!("Encrypt"), "FLOW-1100-400", "/transformations/0").await;
    let mapping = "/transformations/0/params";
    check("/transformations/0/params/mappingId", json!("nothing"), "FLOW-1419-400", &format!("{mapping}/mappingId"))
        .await;
    check("/transformations/0/params/mappingVersion", json!(3), "FLOW-1412-400", &format!("{mapping}/mappingVersion"))
        .await;
    for odd in [json!("latest"), json!("00"), json!(0.5), json!(-1)] {
        check("/transformations/0/params/mappingVersion", odd, "FLOW-1412-400", &format!("{mapping}/mappingVersion"))
            .await;
    }
    check("/options/partialIngestionPercent", json!(0), "FLOW-1100-400", "/options/partialIngestionPercent").await;
    let reply = world
        .post(PATH, {
            let mut f = flow.clone();
            f["scheduleParams"]["interval"] = json!(0);
            f
        })
        .await;
    assert_eq!(reply.status, 400, "{}", reply.body);
    let reply = world.post(&format!("{PATH}?mode=sketch"), flow.clone()).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1451-400"));
    check("/policy", json!({ "id": "p", "name": "" }), "FLOW-1431-400", "/policy/name").await;
    check("/policy", json!(["p"]), "FLOW-1100-400", "/policy").await;
    check("/labels", json!("core/C2"), "FLOW-1100-400", "/labels").await;
}

#[tokio::test]
async fn the_tutorials_own_values_are_accepted_and_returned_as_sent_fs_spec_6() {
    let world = World::new().await;
    let mut flow = world.dataflow().await.flow();
    let schedule = json!({ "startTime": "1719900000", "frequency": "once", "interval": "15" });
    flow["scheduleParams"] = schedule.clone();
    flow["transformations"][0]["params"]["mappingVersion"] = json!("0");
    let id = world.created(PATH, flow).await;
    let reply = world.get(&format!("{PATH}/{id}")).await;
    assert_eq!(reply.item()["scheduleParams"], schedule);
    assert_eq!(reply.item()["transformations"][0]["params"]["mappingVersion"], "0");
}

#[tokio::test]
async fn a_mapping_that_does_not_fit_the_schema_is_pointed_at() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let mut wrong = mapping_set(&parts.schema);
    wrong["mappings"][0]["destinationXdmPath"] = json!("person.name.shoeSize");
    let id = world.created("/data/foundation/conversion/mappingSets?validate=False", wrong).await;
    let mut flow = parts.flow();
    flow["transformations"][0]["params"]["mappingId"] = json!(id);
    let reply = world.post(PATH, flow.clone()).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1419-400"), "{}", reply.body);
    assert_eq!(reply.body["report"]["pointer"], "/mappings/0", "{}", reply.body);
    let other = world.post("/data/foundation/schemaregistry/tenant/schemas", schema()).await;
    let other = other.body["$id"].as_str().unwrap().to_string();
    let id = world.created("/data/foundation/conversion/mappingSets", mapping_set(&other)).await;
    flow["transformations"][0]["params"]["mappingId"] = json!(id);
    assert_eq!(world.post(PATH, flow).await.code(), "FLOW-1425-400");
    let mut flow = parts.flow();
    let target = target_connection(&parts.dataset, &other);
    flow["targetConnectionIds"][0] = json!(world.created(&format!("{FLOWS}/targetConnections"), target).await);
    assert_eq!(world.post(PATH, flow).await.code(), "FLOW-1425-400");
}

#[tokio::test]
async fn a_disabled_connection_is_not_joined() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let patch = json!([{ "op": "replace", "path": "/state", "value": "disabled" }]);
    assert_eq!(world.patch(&format!("{FLOWS}/connections/{}", parts.base), patch).await.status, 200);
    assert_eq!(world.post(PATH, parts.flow()).await.code(), "FLOW-1445-400");
}

#[tokio::test]
async fn a_flow_is_disabled_and_renamed_whatever_became_of_its_connection() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let path = format!("{PATH}/{}", world.created(PATH, parts.flow()).await);
    let patch = |pointer: &str, value: &str| json!([{ "op": "replace", "path": pointer, "value": value }]);
    let base = format!("{FLOWS}/connections/{}", parts.base);
    assert_eq!(world.patch(&base, patch("/state", "disabled")).await.status, 200);
    assert_eq!(world.patch(&path, patch("/state", "disabled")).await.status, 200);
    assert_eq!(world.patch(&path, patch("/name", "retired")).await.status, 200);
    assert_eq!(world.patch(&path, patch("/scheduleParams/interval", "2")).await.code(), "FLOW-1445-400");
}

#[tokio::test]
async fn a_patch_is_checked_like_a_new_flow_and_a_past_start_is_fixed() {
    let world = World::new().await;
    let id = world.created(PATH, world.dataflow().await.flow()).await;
    let path = format!("{PATH}/{id}");
    let patch = |pointer: &str, value: Value| json!([{ "op": "replace", "path": pointer, "value": value }]);
    for (pointer, value) in [
        ("/name", json!("renamed")),
        ("/labels", json!(["core/C2"])),
        ("/scheduleParams/frequency", json!("week")),
        ("/scheduleParams/startTime", json!(1_719_990_000)),
    ] {
        let reply = world.patch(&path, patch(pointer, value)).await;
        assert_eq!(reply.status, 200, "{pointer}: {}", reply.body);
    }
    let item = world.get(&path).await.item().clone();
    assert_eq!(item["lastOperation"]["operation"], "update");
    assert_eq!((&item["name"], &item["labels"]), (&json!("renamed"), &json!(["core/C2"])));
    for (pointer, value, code) in [
        ("/transformations/0/params/mappingId", json!("nothing"), "FLOW-1419-400"),
        ("/state", json!("draft"), "FLOW-1456-400"),
        ("/flowSpec/id", json!("x"), "FLOW-1423-400"),
        ("/inheritedAttributes", json!({}), "FLOW-1423-400"),
    ] {
        assert_eq!(world.patch(&path, patch(pointer, value)).await.code(), code, "{pointer}");
    }
    world.pass(10 * 86_400_000);
    let reply = world.patch(&path, patch("/scheduleParams/startTime", json!(1_800_000_000))).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1423-400"), "FS §9.3");
    assert_eq!(world.patch(&path, patch("/scheduleParams/interval", json!(2))).await.status, 200);
}

#[tokio::test]
async fn a_flow_is_disabled_and_enabled_by_actions_a_12() {
    let world = World::new().await;
    let id = world.created(PATH, world.dataflow().await.flow()).await;
    let path = format!("{PATH}/{id}");
    let act = async |query: &str| world.call("POST", &format!("{path}/action?{query}")).send().await;
    let first = world.get(&path).await.item()["etag"].clone();
    let same = act("op=enable").await;
    assert_eq!((same.status.as_u16(), &same.body["etag"]), (200, &first), "idempotent");
    let off = act("op=DISABLE").await;
    assert_eq!(off.status, 200, "{}", off.body);
    assert_ne!(off.body["etag"], first);
    assert_eq!(world.get(&path).await.item()["state"], "disabled");
    assert_eq!(act("op=enable&subOp=APPLY").await.status, 200);
    assert_eq!(world.get(&path).await.item()["state"], "enabled");
    for (query, code) in [
        ("", "FLOW-1451-400"),
        ("op=dance", "FLOW-1451-400"),
        ("op=enable&subOp=JUMP", "FLOW-1435-400"),
        ("op=finalize", "FLOW-1402-400"),
        ("op=publish", "FLOW-1422-400"),
    ] {
        assert_eq!(act(query).await.code(), code, "{query}");
    }
    let stale = world.call("POST", &format!("{path}/action?op=disable")).header("if-match", "\"old\"").send().await;
    assert_eq!(stale.code(), "FLOW-1404-412");
}

#[tokio::test]
async fn a_deleted_flow_frees_its_connections() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let id = world.created(PATH, parts.flow()).await;
    let reply = world.call("DELETE", &format!("/data/foundation/catalog/dataSets/{}", parts.dataset)).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["status"]), (409, &json!(409)));
    let reply =
        world.call("DELETE", &format!("/data/foundation/conversion/mappingSets/{}", parts.mapping)).send().await;
    assert_eq!(reply.status, 409);
    assert_eq!(world.call("DELETE", &format!("{PATH}/{id}")).send().await.status, 204);
    assert_eq!(world.get(&format!("{PATH}/{id}")).await.status, 404);
    for (kind, id) in
        [("sourceConnections", &parts.source), ("targetConnections", &parts.target), ("connections", &parts.base)]
    {
        assert_eq!(world.call("DELETE", &format!("{FLOWS}/{kind}/{id}")).send().await.status, 204, "{kind}");
    }
}

/// A mapping set with these rules: target field, whether it is an identity, and its namespace.
async fn mapped(world: &World, schema: &str, rules: &[(&str, bool, Option<&str>)]) -> String {
    let mut set = mapping_set(schema);
    let rules = rules.iter().map(|(target, identity, namespace)| {
        json!({ "destinationXdmPath": target, "sourceAttribute": "x", "identity": identity, "namespaceCode": namespace })
    });
    set["mappings"] = rules.collect();
    world.created("/data/foundation/conversion/mappingSets", set).await
}

#[tokio::test]
async fn files_that_bring_changes_need_a_primary_identity_fs_9_7() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let mut source = crate::world::source_connection(&parts.base);
    source["params"]["cdcEnabled"] = json!("true");
    let source = world.created(&format!("{FLOWS}/sourceConnections"), source).await;
    let mut flow = parts.flow();
    flow["sourceConnectionIds"] = json!([source]);
    let refused = world.post(PATH, flow.clone()).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (400, "FLOW-1100-400"));
    assert_eq!(refused.body["report"]["pointer"], "/targetConnectionIds/0");
    assert!(refused.body["errorMessage"].as_str().unwrap().contains("xdm:descriptorIdentity"), "{}", refused.body);

    let descriptors = "/data/foundation/schemaregistry/tenant/descriptors";
    let identity = world.post(descriptors, crate::descriptors::identity(&parts.schema, "/_id", true)).await;
    let unfilled = world.post(PATH, flow.clone()).await;
    assert_eq!((unfilled.status.as_u16(), unfilled.code()), (400, "FLOW-1419-400"), "{}", unfilled.body);
    let filled = mapped(&world, &parts.schema, &[("_id", false, None), ("person.name.firstName", false, None)]).await;
    flow["transformations"][0]["params"]["mappingId"] = json!(filled);
    let id = world.created(PATH, flow.clone()).await;

    let path = format!("{descriptors}/{}", identity.body["@id"].as_str().unwrap());
    let needed = world.call("DELETE", &path).send().await;
    assert_eq!(needed.status, 409, "{}", needed.body);
    assert!(needed.body["detail"].as_str().unwrap().contains(&id), "{}", needed.body);
    let patch = json!([{ "op": "replace", "path": "/params/cdcEnabled", "value": false }]);
    let used = world.patch(&format!("{FLOWS}/sourceConnections/{source}"), patch).await;
    assert_eq!(used.code(), "FLOW-1447-400", "a flow was made for changes");
    assert_eq!(world.call("DELETE", &format!("{PATH}/{id}")).send().await.status, 204);
    assert_eq!(world.call("DELETE", &path).send().await.status, 204);
}

#[tokio::test]
async fn a_mapping_set_says_the_identity_in_the_older_dialect_pl_5_2() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let mut flow = parts.flow();
    let mut with = async |rules: &[(&str, bool, Option<&str>)]| {
        flow["transformations"][0]["params"]["mappingId"] = json!(mapped(&world, &parts.schema, rules).await);
        world.post(PATH, flow.clone()).await
    };
    let born = with(&[("person.birthDate", true, Some("Day"))]).await;
    assert_eq!(born.code(), "FLOW-1419-400", "a day tells no people apart: {}", born.body);
    let two = with(&[("_id", true, Some("A")), ("person.name.fullName", true, Some("B"))]).await;
    assert_eq!((two.code(), &two.body["report"]["pointer"]), ("FLOW-1419-400", &json!("/mappings/1/identity")));
    let first = with(&[("_id", true, Some("HubSpot"))]).await;
    assert_eq!(first.status, 201, "{}", first.body);
    // Two flows that tell the records of one dataset apart by different fields would undo each other.
    let other = with(&[("personalEmail.address", true, Some("Email"))]).await;
    assert_eq!((other.status.as_u16(), &other.body["report"]["pointer"]), (400, &json!("/transformations")));
    let none = with(&[("_id", false, None)]).await;
    assert!(none.body["errorMessage"].as_str().unwrap().contains("by nothing"), "{}", none.body);
    let same = with(&[("_id", true, Some("CRM")), ("person.name.fullName", false, None)]).await;
    assert_eq!(same.status, 201, "{}", same.body);
    // What the schema says wins. It cannot be said against flows that are there, nor a flow made against it.
    let descriptors = "/data/foundation/schemaregistry/tenant/descriptors";
    let email = |schema: &str| crate::descriptors::identity(schema, "/personalEmail/address", true);
    assert_eq!(world.post(descriptors, email(&parts.schema)).await.status, 409);
    let parts = world.dataflow().await;
    assert_eq!(world.post(descriptors, email(&parts.schema)).await.status, 201);
    let rules = [("_id", true, Some("HubSpot")), ("personalEmail.address", false, None)];
    let mut flow = parts.flow();
    flow["transformations"][0]["params"]["mappingId"] = json!(mapped(&world, &parts.schema, &rules).await);
    let differs = world.post(PATH, flow).await;
    assert_eq!(differs.code(), "FLOW-1419-400", "{}", differs.body);
}
