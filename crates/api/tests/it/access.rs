//! Access control (platform.md §7): the operations, and that every other operation obeys.

use crate::matrix::{Operation, operations};
use crate::world::{CLIENT, FLOWS, ORG, OTHER_ORG, World, connection};
use expect_test::expect;
use forebay_model::filter::Query;
use forebay_model::{Resource, Scope};
use serde_json::{Value, json};

const ACCESS: &str = "/data/foundation/access-control";
const SETS: &[&str] = &[
    "manage-sources",
    "manage-streaming-sources",
    "manage-datasets",
    "manage-schemas",
    "manage-sandboxes",
    "reset-sandboxes",
    "export",
    "manage-access-control",
    "view-user-activity-log",
];
const KINDS: &[Resource] = &[
    Resource::Connection,
    Resource::SourceConnection,
    Resource::TargetConnection,
    Resource::Flow,
    Resource::Run,
    Resource::Schema,
    Resource::Descriptor,
    Resource::Dataset,
    Resource::MappingSet,
    Resource::Sandbox,
    Resource::Client,
    Resource::Role,
    Resource::Policy,
];

/// A path with something in the place of each of its names.
fn filled(path: &str) -> String {
    path.replace("{container}", "tenant").replace("{kind}", "schemas").replace("{id}", "x").replace("{name}", "dev")
}

/// How many of everything there are.
async fn counted(world: &World) -> Vec<u64> {
    let mut counts = Vec::new();
    for scope in [world.scope(), Scope::organization(ORG)] {
        for kind in KINDS {
            counts.push(world.app.store.count(&scope, *kind, &Query::default()).await.unwrap());
        }
    }
    counts
}

#[tokio::test]
async fn every_operation_is_refused_to_a_client_without_a_role_and_changes_nothing() {
    let world = World::new().await;
    world.dataflow().await;
    world.client_with("nobody", &[], &["*"]).await;
    let before = counted(&world).await;
    let mut open = Vec::new();
    for Operation { method, path, .. } in operations(&world).await.into_iter().filter(|operation| !operation.open) {
        let call = world.by("nobody", "prod", &method, &filled(&path)).header("if-match", "*").text("{}");
        let reply = call.header("accept", crate::world::XED).send().await;
        if reply.status != 403 {
            open.push(format!("{method} {}", path.trim_end_matches('/')));
        }
    }
    expect![[r#"
        [
            "POST /data/foundation/access-control/acl/effective-policies",
            "GET /data/foundation/access-control/acl/reference",
            "GET /data/foundation/forebay/codes",
            "GET /data/foundation/forebay/events",
            "GET /data/foundation/forebay/find",
            "GET /data/foundation/forebay/session",
            "DELETE /data/foundation/forebay/session",
            "POST /data/foundation/forebay/session/links",
            "GET /data/foundation/sandbox-management",
        ]"#]]
    .assert_eq(&format!("{open:#?}"));
    assert_eq!(counted(&world).await, before, "nothing was changed");
}

#[tokio::test]
async fn every_operation_needs_one_right_and_an_administrator_may_call_it() {
    let world = World::new().await;
    let operations: Vec<_> = operations(&world).await.into_iter().filter(|operation| !operation.open).collect();
    let families: &[&[&str]] = &[
        &["manage-sources"],
        &["manage-streaming-sources"],
        &["manage-datasets"],
        &["manage-schemas"],
        &["manage-sandboxes"],
        &["reset-sandboxes", "manage-sandboxes"],
        &["export"],
        &["manage-access-control"],
        &["view-user-activity-log"],
    ];
    let mut refused = vec![Vec::new(); operations.len()];
    for without in families {
        let sets: Vec<&str> = SETS.iter().copied().filter(|set| !without.contains(set)).collect();
        world.client_with(without[0], &sets, &["*"]).await;
        for (index, Operation { method, path, .. }) in operations.iter().enumerate() {
            let call = world.by(without[0], "prod", method, &filled(path)).header("if-match", "*").text("[]");
            if call.send().await.status == 403 {
                refused[index].push(without[0]);
            }
        }
    }
    for (Operation { method, path, .. }, refused) in operations.iter().zip(refused) {
        let reply = world.call(method, &filled(path)).header("if-match", "*").text("[]").send().await;
        assert_ne!(reply.status, 403, "{method} {path}: an administrator is refused: {}", reply.text);
        let own = path.ends_with("/acl/reference")
            || path.ends_with("/effective-policies")
            || path.contains("/forebay/session")
            || path.ends_with("/forebay/codes")
            || path.ends_with("/forebay/events")
            || path.ends_with("/forebay/find")
            || (method == "GET" && path.trim_end_matches('/').ends_with("/sandbox-management"));
        // Seeing sandboxes is in both sets of sandboxes.
        let sandboxes = path.contains("/sandbox-management/sandbox");
        let expected = if own {
            0..=0
        } else if sandboxes {
            1..=2
        } else if path.ends_with("/forebay/manifest") {
            // It tells of flows, datasets and schemas at once.
            3..=3
        } else {
            1..=1
        };
        assert!(expected.contains(&refused.len()), "{method} {path}: {refused:?}");
    }
}

#[tokio::test]
async fn reading_is_not_writing_and_a_sandbox_is_not_another() {
    let world = World::new().await;
    world.client_with("reader", &["view-sources"], &["dev"]).await;
    let path = format!("{FLOWS}/connections");
    assert_eq!(world.by("reader", "dev", "GET", &path).send().await.status, 200);
    let reply = world.by("reader", "dev", "POST", &path).json(connection()).send().await;
    assert_eq!((reply.status.as_u16(), reply.code()), (403, "FLOW-2121-403"));
    let reply = world.by("reader", "prod", "GET", &path).send().await;
    assert_eq!((reply.status.as_u16(), reply.code()), (403, "FLOW-2120-403"));
    let reply = world.by("reader", "dev", "GET", "/data/foundation/catalog/dataSets").send().await;
    assert_eq!(reply.status, 403);
    expect![[r#"
        403 {
          "type": "https://ns.adobe.com/aep/errors/FLOW-2118-403",
          "status": 403,
          "title": "Permission missing",
          "detail": "the operation needs the right to read on Dataset in the sandbox \"dev\". Ask an administrator for a role that has it.",
          "report": {
            "request-id": "masked"
          }
        }"#]]
    .assert_eq(&masked(reply.shown()));
}

/// The text with its request id masked.
fn masked(text: String) -> String {
    let mut masked = String::new();
    for line in text.lines() {
        match line.find("\"request-id\":") {
            Some(at) => masked.push_str(&format!("{}\"request-id\": \"masked\"\n", &line[..at])),
            None => masked.push_str(&format!("{line}\n")),
        }
    }
    masked.trim_end().to_string()
}

#[tokio::test]
async fn a_client_asks_what_it_may_do() {
    let world = World::new().await;
    world.client_with("reader", &["view-sources", "manage-datasets"], &["dev"]).await;
    let asked = json!([
        "/permissions/manage-datasets",
        "/permissions/manage-sources",
        "/permissions/none",
        "/resource-types/EnterpriseSource",
        "/resource-types/datasets",
        "/resource-types/schemas",
        "/resource-types/segments"
    ]);
    let path = format!("{ACCESS}/acl/effective-policies");
    let reply = world.by("reader", "dev", "POST", &path).json(asked.clone()).send().await;
    expect![[r#"
        200 {
          "policies": {
            "/permissions/manage-datasets": [
              "*"
            ],
            "/permissions/manage-sources": [],
            "/permissions/none": [],
            "/resource-types/EnterpriseSource": [
              "read"
            ],
            "/resource-types/datasets": [
              "read",
              "write",
              "delete"
            ],
            "/resource-types/schemas": [],
            "/resource-types/segments": []
          }
        }"#]]
    .assert_eq(&reply.shown());
    let reply = world.by("reader", "prod", "POST", &path).json(asked).send().await;
    assert!(
        reply.body["policies"].as_object().unwrap().values().all(|actions| *actions == json!([])),
        "{}",
        reply.body
    );
    for (bad, place) in [(json!({}), ""), (json!([1]), "/0"), (json!(["/else/x"]), "/0")] {
        let reply = world.by("reader", "dev", "POST", &path).json(bad).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["report"]["pointer"]), (400, &json!(place)), "{}", reply.body);
    }
    let reply = world.by("reader", "dev", "GET", &format!("{ACCESS}/acl/reference")).send().await;
    assert_eq!(reply.body["permissions"]["manage-schemas"], json!({ "Schema": ["read", "write", "delete"] }));
    assert_eq!(reply.body["resource-types"]["EnterpriseSource"], json!(["read", "write", "delete"]));
    assert_eq!(reply.body["resource-types"]["export"], json!(["read"]));
}

#[tokio::test]
async fn a_role_is_made_given_changed_and_taken() {
    let world = World::new().await;
    world.client_with("bob", &[], &[]).await;
    let roles = format!("{ACCESS}/administration/roles");
    let new = json!({ "name": "Readers", "description": "who read", "roleType": "user-defined" });
    let reply = world.post(&roles, new.clone()).await;
    assert_eq!((reply.status.as_u16(), &reply.body["permissionSets"]), (200, &json!([])), "{}", reply.body);
    let id = reply.body["id"].as_str().unwrap().to_string();
    assert_eq!(world.post(&roles, new).await.status, 409, "the name is taken");
    let role = format!("{roles}/{id}");
    let patch = json!([{ "op": "add", "path": "/permissionSets", "value": ["view-sources"] }, { "op": "replace", "path": "/sandboxes", "value": ["dev"] }]);
    let reply = world.call("PATCH", &role).json(patch).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["sandboxes"]), (200, &json!(["dev"])), "{}", reply.body);

    let call = || world.by("bob", "dev", "GET", "/data/foundation/flowservice/flows");
    assert_eq!(call().send().await.status, 403);
    let subjects = format!("{role}/subjects");
    let give = json!({ "op": "add", "path": "/user", "value": "bob@techacct.adobe.com" });
    let reply = world.call("PATCH", &subjects).json(json!([give])).send().await;
    assert_eq!(reply.body["subjects"][0]["subjectId"], "bob@techacct.adobe.com", "{}", reply.body);
    assert_eq!(call().send().await.status, 200, "the role holds at once");
    let reply = world.get(&subjects).await;
    assert_eq!((&reply.body["items"][0]["roleId"], &reply.body["_page"]["count"]), (&json!(id), &json!(1)));
    let take = json!([{ "op": "remove", "path": "/user", "value": "bob@techacct.adobe.com" }]);
    assert_eq!(world.call("PATCH", &subjects).json(take).send().await.body["subjects"], json!([]));
    assert_eq!(call().send().await.status, 403, "and is gone at once");

    let put = json!({ "name": "Editors", "description": "", "roleType": "user-defined" });
    let reply = world.call("PUT", &role).header("if-match", "\"old\"").json(put.clone()).send().await;
    assert_eq!(reply.status, 412, "{}", reply.body);
    let reply = world.call("PUT", &role).json(put).send().await;
    assert_eq!((&reply.body["name"], &reply.body["permissionSets"]), (&json!("Editors"), &json!(["view-sources"])));
    let reply = world.get(&format!("{roles}?limit=1&start=1")).await;
    assert_eq!((reply.body["roles"].as_array().unwrap().len(), &reply.body["_page"]["count"]), (1, &json!(1)));
    for foreign in ["GET", "PUT", "PATCH", "DELETE"] {
        let reply = world.stranger(foreign, &role, OTHER_ORG).text(r#"{"name":"x"}"#).send().await;
        assert_eq!(reply.status, 404, "{foreign}: {}", reply.text);
    }
    assert_eq!(world.call("DELETE", &role).send().await.status, 204);
    assert_eq!(world.get(&role).await.status, 404);
}

#[tokio::test]
async fn a_bad_role_is_refused_with_the_place() {
    let world = World::new().await;
    let roles = format!("{ACCESS}/administration/roles");
    let cases = [
        (json!({}), ""),
        (json!({ "name": 5 }), "/name"),
        (json!({ "name": " " }), "/name"),
        (json!({ "name": "a\nb" }), "/name"),
        (json!({ "name": "x", "roleType": "system-defined" }), "/roleType"),
        (json!({ "name": "x", "permissionSets": ["view-sources", "nonsense"] }), "/permissionSets/1"),
        (json!({ "name": "x", "permissionSets": [1] }), "/permissionSets/0"),
        (json!({ "name": "x", "sandboxes": ["nowhere"] }), "/sandboxes/0"),
        (json!([]), ""),
    ];
    for (body, place) in cases {
        let reply = world.post(&roles, body.clone()).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.body);
        assert_eq!(reply.body["report"]["pointer"].as_str().unwrap_or_default(), place, "{body}: {}", reply.body);
    }
    assert_eq!(world.get(&roles).await.body["_page"]["count"], 1, "nothing was stored");
    let id = world.post(&roles, json!({ "name": "x" })).await.body["id"].as_str().unwrap().to_string();
    let patches = [
        json!([{ "op": "replace", "path": "/createdBy", "value": "me" }]),
        json!([{ "op": "add", "path": "/subjects/-", "value": { "subjectType": "user", "subjectId": "me" } }]),
        json!([{ "op": "replace", "path": "/name", "value": { "a": 1 } }]),
        json!([{ "op": "remove", "path": "/name" }]),
        json!([{ "op": "move", "from": "/name", "path": "/description" }]),
        json!([]),
    ];
    for patch in patches {
        let reply = world.call("PATCH", &format!("{roles}/{id}")).json(patch.clone()).send().await;
        assert_eq!(reply.status, 400, "{patch}: {}", reply.body);
    }
    let subjects = format!("{roles}/{id}/subjects");
    for patch in [
        json!([{ "op": "add", "path": "/group", "value": "x" }]),
        json!([{ "op": "add", "path": "/user", "value": 5 }]),
        json!([{ "op": "add", "path": "/user", "value": "" }]),
        json!([{ "op": "test", "path": "/user", "value": "x" }]),
        json!([]),
        json!(["x"]),
    ] {
        let reply = world.call("PATCH", &subjects).json(patch.clone()).send().await;
        assert_eq!(reply.status, 400, "{patch}: {}", reply.body);
    }
}

#[tokio::test]
async fn the_administrators_role_is_never_empty_and_never_changed() {
    let world = World::new().await;
    let role = format!("{ACCESS}/administration/roles/administrators");
    assert_eq!(world.call("DELETE", &role).send().await.status, 409);
    let patch = json!([{ "op": "replace", "path": "/permissionSets", "value": [] }]);
    assert_eq!(world.call("PATCH", &role).json(patch).send().await.status, 409);
    assert_eq!(world.call("PUT", &role).json(json!({ "name": "x" })).send().await.status, 409);
    let subjects = format!("{role}/subjects");
    let take = json!([{ "op": "remove", "path": "/apiIntegration", "value": CLIENT }]);
    assert_eq!(world.call("PATCH", &subjects).json(take.clone()).send().await.status, 409);
    let give = json!([{ "op": "add", "path": "/apiIntegration", "value": "bob" }]);
    assert_eq!(world.call("PATCH", &subjects).json(give).send().await.status, 200);
    assert_eq!(world.call("PATCH", &subjects).json(take.clone()).send().await.status, 409, "there is no client bob");
    assert_eq!(world.get(&role).await.status, 200);
    world.client_with("bob", &[], &[]).await;
    assert_eq!(world.call("PATCH", &subjects).json(take).send().await.status, 200, "there is another one");
    assert_eq!(world.get(&role).await.status, 403, "and the rights are gone");
}

#[tokio::test]
async fn an_active_policy_takes_rights_away_from_everybody() {
    let world = World::new().await;
    let policies = format!("{ACCESS}/administration/policies");
    let rule = |resource: &str, condition: &str| {
        json!({ "effect": "Deny", "resource": resource, "condition": condition,
        "actions": ["com.adobe.action.write"] })
    };
    let freeze = |status: &str| {
        json!({ "name": "freeze", "description": "", "status": status, "imsOrgID": ORG,
        "rules": [rule("/orgs/ACME@AdobeOrg/sandboxes/prod/sources/*", "")] })
    };
    let reply = world.post(&policies, freeze("inactive")).await;
    assert_eq!((reply.status.as_u16(), &reply.body["imsOrgId"]), (200, &json!(ORG)), "{}", reply.body);
    let policy = format!("{policies}/{}", reply.body["id"].as_str().unwrap());
    let connect = |sandbox: &'static str| {
        world.by(CLIENT, sandbox, "POST", "/data/foundation/flowservice/connections").json(connection()).send()
    };
    assert_eq!(connect("prod").await.status, 201);
    let activate = json!([{ "op": "replace", "path": "/status", "value": "active" }]);
    assert_eq!(world.call("PATCH", &policy).json(activate.clone()).send().await.body["status"], "active");
    let reply = connect("prod").await;
    assert_eq!((reply.status.as_u16(), reply.code()), (403, "FLOW-2121-403"), "{}", reply.body);
    assert_eq!(connect("dev").await.status, 201, "another sandbox");
    assert_eq!(world.call("PUT", &policy).json(freeze("inactive")).send().await.status, 200);
    assert_eq!(connect("prod").await.status, 201);

    // What cannot be enforced is stored, and cannot be active.
    let labels =
        r#"{"adobe.match_all_labels_by_prefix":[{"var":"subject.roles.labels"},"core/",{"var":"resource.labels"}]}"#;
    for (resource, condition) in [
        ("/orgs/ACME@AdobeOrg/sandboxes/prod/schemas/*/schema-fields/*", ""),
        ("/orgs/ACME@AdobeOrg/sandboxes/prod/segments/*", ""),
        ("/orgs/ACME@AdobeOrg/sandboxes/*", labels),
    ] {
        let named = |status: &str| json!({ "name": format!("{resource}{condition}"), "status": status, "rules": [rule(resource, condition)] });
        let reply = world.post(&policies, named("active")).await;
        assert_eq!(reply.status, 400, "{resource} {}", reply.body);
        assert!(reply.body["report"]["pointer"].as_str().unwrap().starts_with("/rules/0/"), "{}", reply.body);
        let reply = world.post(&policies, named("inactive")).await;
        let path = format!("{policies}/{}", reply.body["id"].as_str().unwrap());
        assert_eq!(world.call("PATCH", &path).json(activate.clone()).send().await.status, 400);
    }
    let bad: Vec<Value> = vec![
        json!({ "name": "b", "status": "on" }),
        json!({ "name": "b", "rules": [{ "effect": "Maybe", "resource": "/orgs/ACME@AdobeOrg/sandboxes/*", "actions": ["read"] }] }),
        json!({ "name": "b", "rules": [rule("/orgs/RIVAL@AdobeOrg/sandboxes/*", "")] }),
        json!({ "name": "b", "rules": [{ "effect": "Deny", "resource": "/orgs/ACME@AdobeOrg/sandboxes/*", "actions": ["fly"] }] }),
        json!({ "name": "b", "rules": [rule("/orgs/ACME@AdobeOrg/sandboxes/*", "{")] }),
        json!({ "name": "b", "rules": {} }),
    ];
    for body in bad {
        assert_eq!(world.post(&policies, body.clone()).await.status, 400, "{body}");
    }
    assert_eq!(world.stranger("GET", &policy, OTHER_ORG).send().await.status, 404);
    let reply = world.get(&policy).await;
    assert_eq!(reply.body["policies"][0]["id"], reply.body["id"]);
    assert_eq!(world.call("DELETE", &policy).send().await.status, 204);
    assert_eq!(world.get(&policy).await.status, 404);
}

#[tokio::test]
async fn products_tell_what_roles_are_made_of() {
    let world = World::new().await;
    let products = format!("{ACCESS}/administration/products");
    let reply = world.get(&products).await;
    let id = reply.body["products"][0]["id"].as_str().unwrap().to_string();
    let reply = world.get(&format!("{products}/{id}/permission-sets")).await;
    let sets = reply.body["permission-sets"].as_array().unwrap();
    assert!(sets.iter().any(|set| set["id"] == "manage-sources"
        && set["permissions"][0] == json!({ "resource": "EnterpriseSource", "actions": ["read", "write", "delete"] })));
    let reply = world.get(&format!("{products}/{id}/categories")).await;
    assert_eq!(reply.body["categories"][0]["name"], "Data Ingestion");
    assert_eq!(world.get(&format!("{products}/else/categories")).await.status, 404);
}

#[tokio::test]
async fn a_streaming_source_needs_a_right_of_its_own() {
    let world = World::new().await;
    world.client_with("batch", &["manage-sources"], &["*"]).await;
    let specs = world.get(&format!("{FLOWS}/connectionSpecs")).await;
    for spec in specs.body["items"].as_array().unwrap() {
        let body = json!({ "name": "x", "connectionSpec": { "id": spec["id"], "version": "1.0" } });
        let reply = world.by("batch", "dev", "POST", &format!("{FLOWS}/connections")).json(body).send().await;
        let streaming = spec["providerId"] == "521eee4d-8cbe-4906-bb48-fb6bd4450033";
        assert_eq!(reply.status == 403, streaming, "{}: {}", spec["name"], reply.body);
        assert_eq!(reply.text.contains("StreamingSource"), streaming, "{}", reply.text);
    }
    // To take one away is no less than to make it.
    let mut spec =
        json!({ "name": "acme-stream", "version": "1.0", "providerId": "521eee4d-8cbe-4906-bb48-fb6bd4450033" });
    spec["authSpec"] = json!([{ "name": "none", "spec": { "type": "object" } }]);
    let spec = world.created(&format!("{FLOWS}/connectionSpecs"), spec).await;
    let body = json!({ "name": "x", "connectionSpec": { "id": spec }, "auth": { "specName": "none", "params": {} } });
    let id = world.created(&format!("{FLOWS}/connections"), body).await;
    let path = format!("{FLOWS}/connections/{id}");
    let reply = world.by("batch", "prod", "DELETE", &path).send().await;
    assert_eq!(reply.status, 403, "{}", reply.body);
    assert!(reply.text.contains("StreamingSource"), "{}", reply.text);
    assert_eq!(world.call("DELETE", &path).send().await.status, 204);
}
