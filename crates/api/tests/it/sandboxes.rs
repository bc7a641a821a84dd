//! Sandboxes.

use crate::world::{FLOWS, OTHER_ORG, World, connection};
use expect_test::expect;
use forebay_model::{Resource, Scope};
use forebay_store::New;
use serde_json::json;

#[tokio::test]
async fn a_client_sees_its_organizations_sandboxes() {
    let world = World::new().await;
    let reply = world.call("GET", "/data/foundation/sandbox-management/").without("x-sandbox-name").send().await;
    let names: Vec<&str> =
        reply.body["sandboxes"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["dev", "prod"]);
    let reply = world.stranger("GET", "/data/foundation/sandbox-management/sandboxes", OTHER_ORG).send().await;
    expect![[r#"
        200 {
          "sandboxes": [
            {
              "name": "prod",
              "title": "PROD",
              "state": "active",
              "type": "production",
              "region": "VA7",
              "isDefault": true,
              "eTag": 1,
              "createdDate": "2024-07-01 00:00:00",
              "lastModifiedDate": "2024-07-01 00:00:00",
              "createdBy": "a@AdobeID",
              "modifiedBy": "a@AdobeID"
            }
          ],
          "_page": {
            "limit": 50,
            "count": 1
          },
          "_links": {
            "page": {
              "href": "http://forebay.test/data/foundation/sandbox-management/sandboxes?limit={limit}&offset={offset}",
              "templated": true
            }
          }
        }"#]]
    .assert_eq(&reply.shown());
}

#[tokio::test]
async fn pages_and_single_sandboxes() {
    let world = World::new().await;
    let reply = world.get("/data/foundation/sandbox-management/sandboxes?limit=1").await;
    assert_eq!(reply.body["_page"]["count"], 1);
    assert_eq!(
        reply.body["_links"]["next"]["href"],
        "http://forebay.test/data/foundation/sandbox-management/sandboxes?limit=1&offset=1"
    );
    let reply = world.get("/data/foundation/sandbox-management/sandboxes/dev").await;
    assert_eq!((reply.status.as_u16(), &reply.body["title"]), (200, &"DEV".into()));
    assert_eq!(reply.body["id"], "acme-dev", "aepp reads it");
    let reply = world.get("/data/foundation/sandbox-management/sandboxes/nowhere").await;
    assert_eq!((reply.status.as_u16(), &reply.body["status"]), (404, &404.into()));
    let reply = world.get("/data/foundation/sandbox-management/sandboxTypes").await;
    assert_eq!(reply.text, r#"{"sandboxTypes":["development","production"]}"#);
}

const SANDBOXES: &str = "/data/foundation/sandbox-management/sandboxes";

/// What the server's keeper does: sandboxes go on, and folders of the lake that nothing names are removed.
async fn keep(world: &World) {
    for cleanup in world.app.store.cleanups().await.unwrap() {
        world.lake.objects.lock().unwrap().retain(|path, _| !path.starts_with(&format!("{}/", cleanup.location)));
        world.app.store.done_cleanup(&cleanup.id).await.unwrap();
    }
    world.app.store.settle_sandboxes(world.app.now()).await.unwrap();
}

async fn state(world: &World, name: &str) -> String {
    let reply = world.get(&format!("{SANDBOXES}/{name}")).await;
    reply.body["state"].as_str().unwrap_or("none").to_string()
}

fn in_sandbox<'a>(world: &'a World, name: &str, method: &str, path: &str) -> crate::world::Call<'a> {
    world.call(method, path).without("x-sandbox-name").header("x-sandbox-name", name)
}

#[tokio::test]
async fn a_sandbox_is_made_used_renamed_and_deleted() {
    let world = World::new().await;
    let new = json!({ "name": "test-1", "title": "Test", "type": "development" });
    let reply = world.post(SANDBOXES, new.clone()).await;
    expect![[r#"
        202 {
          "name": "test-1",
          "title": "Test",
          "state": "creating",
          "type": "development",
          "region": "VA7",
          "isDefault": false,
          "eTag": 1,
          "createdDate": "2024-07-01 00:00:00",
          "lastModifiedDate": "2024-07-01 00:00:00",
          "createdBy": "acme-client@techacct.adobe.com",
          "modifiedBy": "acme-client@techacct.adobe.com"
        }"#]]
    .assert_eq(&reply.shown());
    assert_eq!(reply.headers["location"], "http://forebay.test/data/foundation/sandbox-management/sandboxes/test-1");
    assert_eq!(world.post(SANDBOXES, new.clone()).await.status, 409, "the name is taken");
    let list = || in_sandbox(&world, "test-1", "GET", &format!("{FLOWS}/flows"));
    let reply = list().send().await;
    assert_eq!((reply.status.as_u16(), reply.code()), (404, "FLOW-2106-404"), "not yet");
    keep(&world).await;
    assert_eq!(state(&world, "test-1").await, "active");
    assert_eq!(list().send().await.status, 200);

    world.pass(5000);
    let rename = json!({ "title": "Trial" });
    let reply = world.call("PATCH", &format!("{SANDBOXES}/test-1")).json(rename).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["title"], &reply.body["eTag"]), (200, &json!("Trial"), &json!(2)));
    assert_eq!(reply.body["lastModifiedDate"], "2024-07-01 00:00:05");
    for bad in
        [json!({}), json!({ "title": "" }), json!({ "title": 5 }), json!({ "title": "x", "name": "y" }), json!([])]
    {
        assert_eq!(
            world.call("PATCH", &format!("{SANDBOXES}/test-1")).json(bad.clone()).send().await.status,
            400,
            "{bad}"
        );
    }

    let reply = world.call("DELETE", &format!("{SANDBOXES}/test-1?validationOnly=true")).send().await;
    assert_eq!((reply.status.as_u16(), state(&world, "test-1").await.as_str()), (202, "active"), "only asked");
    let reply = world.call("DELETE", &format!("{SANDBOXES}/test-1")).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["state"], &reply.body["eTag"]), (202, &json!("deleted"), &json!(3)));
    assert_eq!(list().send().await.code(), "FLOW-2106-404");
    assert_eq!(world.call("DELETE", &format!("{SANDBOXES}/test-1")).send().await.status, 409, "it is being deleted");
    assert_eq!(world.post(SANDBOXES, new.clone()).await.status, 409, "its name is not free yet");
    for _ in 0..3 {
        keep(&world).await;
    }
    assert_eq!(world.get(&format!("{SANDBOXES}/test-1")).await.status, 404);
    assert_eq!(list().send().await.code(), "FLOW-2100-404");
    assert_eq!(world.get(SANDBOXES).await.body["_page"]["count"], 2);
    assert_eq!(world.post(SANDBOXES, new).await.status, 202, "its name is free");
}

#[tokio::test]
async fn a_reset_leaves_nothing_and_touches_nobody_else() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let mut flow = parts.flow();
    flow["scheduleParams"] =
        json!({ "startTime": "1719792000", "frequency": "minute", "interval": 15, "backfill": true });
    let flow = world.created(&format!("{FLOWS}/flows"), flow).await;
    let other = in_sandbox(&world, "dev", "POST", &format!("{FLOWS}/connections")).json(connection()).send().await;
    assert_eq!(other.status, 201);
    world.lake.store(&format!("tables/acme-prod/{}/part.parquet", parts.dataset), "rows");
    world.lake.store("tables/acme-dev/x/part.parquet", "rows");
    let store = &world.app.store;
    assert_eq!(store.enqueue_due(world.app.now()).await.unwrap(), 1);
    let lease = std::time::Duration::from_secs(15);
    let claim = store.claim("w1", world.app.now(), lease).await.unwrap().expect("the run is claimed");

    let reply = world.call("PUT", &format!("{SANDBOXES}/prod")).json(json!({ "action": "reset" })).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["state"]), (202, &json!("resetting")), "{}", reply.body);
    assert!(!store.renew(&claim, world.app.now(), lease).await.unwrap(), "the run's holder has lost it");
    assert!(store.claim("w2", world.app.now(), lease).await.unwrap().is_none(), "and nobody takes it over");
    world.pass(3_600_000);
    assert_eq!(store.enqueue_due(world.app.now()).await.unwrap(), 0, "nothing is scheduled");
    world.pass(-3_600_000);
    let reply = world.get(&format!("{FLOWS}/flows/{flow}")).await;
    assert_eq!(reply.code(), "FLOW-2106-404", "{}", reply.text);
    let unnamed = world.call("GET", &format!("{FLOWS}/flows")).without("x-sandbox-name").send().await;
    assert_eq!(unnamed.code(), "FLOW-2106-404", "the default one");
    let again = world.call("PUT", &format!("{SANDBOXES}/prod")).json(json!({ "action": "reset" })).send().await;
    assert_eq!(again.status, 409);

    // Whoever held the run may write until his lease has run out: nothing is removed before.
    keep(&world).await;
    keep(&world).await;
    assert!(store.get(&world.scope(), Resource::Flow, &flow).await.is_ok());
    world.pass(15_000);
    keep(&world).await;
    assert!(store.get(&world.scope(), Resource::Flow, &flow).await.is_err());
    assert_eq!(state(&world, "prod").await, "resetting", "the lake is still to be cleaned");
    keep(&world).await;
    assert_eq!(state(&world, "prod").await, "active");
    let objects: Vec<String> = world.lake.objects.lock().unwrap().keys().cloned().collect();
    assert_eq!(objects, ["tables/acme-dev/x/part.parquet"]);
    for (path, member) in [("connections", "items"), ("flows", "items"), ("runs", "items")] {
        assert_eq!(world.get(&format!("{FLOWS}/{path}")).await.body[member], json!([]), "{path}");
    }
    assert_eq!(world.get("/data/foundation/catalog/dataSets").await.body, json!({}));
    let count = in_sandbox(&world, "dev", "GET", &format!("{FLOWS}/connections?count=true")).send().await;
    assert_eq!(count.body, json!({ "count": 1 }), "the other sandbox is as it was");
    assert_eq!(world.created(&format!("{FLOWS}/connections"), connection()).await.len(), 36, "it can be used again");
    let told = world.get("/data/foundation/audit/events?property=action==reset").await;
    let event = &told.body["_embedded"]["events"];
    assert_eq!((&event[0]["status"], &event[1]["assetName"]), (&json!("Failure"), &json!("prod")));
}

#[tokio::test]
async fn a_write_that_was_let_in_before_a_sandbox_was_closed_is_refused() {
    let world = World::new().await;
    let reply = world.call("DELETE", &format!("{SANDBOXES}/dev")).send().await;
    assert_eq!(reply.status, 202);
    let scope = Scope { org: crate::world::ORG.into(), sandbox: "acme-dev".into(), sandbox_name: "dev".into() };
    for _ in 0..3 {
        let late = world.app.store.insert(&scope, New::new(Resource::Connection, "late", json!({})), world.app.now());
        assert_eq!(late.await.unwrap_err().code.id, "FLOW-2106-404");
        keep(&world).await;
    }
    assert_eq!(world.get(&format!("{SANDBOXES}/dev")).await.status, 404);
}

#[tokio::test]
async fn what_is_not_possible_with_sandboxes_is_refused() {
    let world = World::new().await;
    for (body, place) in [
        (json!({}), ""),
        (json!({ "name": "Upper", "title": "x", "type": "development" }), "/name"),
        (json!({ "name": "1st", "title": "x", "type": "development" }), "/name"),
        (json!({ "name": "", "title": "x", "type": "development" }), "/name"),
        (json!({ "name": "a/../b", "title": "x", "type": "development" }), "/name"),
        (json!({ "name": "a".repeat(64), "title": "x", "type": "development" }), "/name"),
        (json!({ "name": "a", "title": " ", "type": "development" }), "/title"),
        (json!({ "name": "a", "title": "x", "type": "else" }), "/type"),
        (json!({ "name": "a", "title": "x", "type": 1 }), "/type"),
    ] {
        let reply = world.post(SANDBOXES, body.clone()).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.body);
        assert_eq!(reply.body["report"]["pointer"].as_str().unwrap_or_default(), place, "{body}");
    }
    assert_eq!(world.call("DELETE", &format!("{SANDBOXES}/prod")).send().await.status, 400, "the default one");
    let act = |body: serde_json::Value| world.call("PUT", &format!("{SANDBOXES}/dev")).json(body).send();
    for body in [json!({}), json!({ "action": "copy" }), json!({ "action": "reset", "x": 1 }), json!("reset")] {
        assert_eq!(act(body.clone()).await.status, 400, "{body}");
    }
    for method in ["PATCH", "PUT", "DELETE"] {
        let body = if method == "PATCH" { json!({ "title": "x" }) } else { json!({ "action": "reset" }) };
        let nowhere = world.call(method, &format!("{SANDBOXES}/nowhere")).json(body.clone()).send().await;
        assert_eq!(nowhere.status, 404, "{method}");
        let reply = world.stranger(method, &format!("{SANDBOXES}/dev"), OTHER_ORG).json(body).send().await;
        assert_eq!(reply.status, 404, "{method}: another organization's");
    }
    assert_eq!(state(&world, "dev").await, "active");
    // Rights are for the sandboxes of the role.
    world.client_with("keeper", &["manage-sandboxes"], &["dev"]).await;
    let by = |method: &str, name: &str| world.by("keeper", "dev", method, &format!("{SANDBOXES}/{name}"));
    assert_eq!(by("GET", "prod").send().await.status, 403);
    assert_eq!(by("PATCH", "prod").json(json!({ "title": "x" })).send().await.status, 403);
    assert_eq!(by("PUT", "prod").json(json!({ "action": "reset" })).send().await.status, 403);
    assert_eq!(by("PUT", "dev").json(json!({ "action": "reset" })).send().await.status, 202);
    let mine = world.by("keeper", "dev", "GET", "/data/foundation/sandbox-management/").send().await;
    assert_eq!(mine.body["sandboxes"], json!([]), "the one it may use is being reset");
}

#[tokio::test]
async fn sandboxes_are_filtered_and_ordered() {
    let world = World::new().await;
    let names = async |query: &str| -> Vec<String> {
        let reply = world.get(&format!("{SANDBOXES}?{query}")).await;
        reply.body["sandboxes"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(names("orderBy=-name").await, ["prod", "dev"]);
    assert_eq!(names("property=isDefault==true").await, ["prod"]);
    assert_eq!(names("property=name==dev&property=state==active").await, ["dev"]);
    assert_eq!(names("offset=1&limit=5").await, ["prod"]);
    assert_eq!(names("offset=7").await, Vec::<String>::new());
    for bad in ["limit=0", "offset=-1", "property=~", "orderBy=,"] {
        assert_eq!(world.get(&format!("{SANDBOXES}?{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_role_for_a_deleted_sandbox_is_not_one_for_the_next_of_its_name() {
    let world = World::new().await;
    world.client_with("guest", &["view-sources"], &["dev"]).await;
    world.client_with("resident", &["view-sources"], &["prod", "dev"]).await;
    let sandboxes = async |client: &str| {
        let path = format!("/data/foundation/access-control/administration/roles/role-{client}");
        world.get(&path).await.body["sandboxes"].clone()
    };
    let ask = world.call("DELETE", &format!("{SANDBOXES}/dev?validationOnly=true")).send().await;
    assert_eq!((ask.status.as_u16(), sandboxes("guest").await), (202, json!(["dev"])), "nothing was done");
    assert_eq!(world.call("DELETE", &format!("{SANDBOXES}/dev")).send().await.status, 202);
    assert_eq!((sandboxes("guest").await, sandboxes("resident").await), (json!([]), json!(["prod"])));
    let role = json!({ "name": "late", "permissionSets": ["view-sources"], "sandboxes": ["dev"] });
    let reply = world.post("/data/foundation/access-control/administration/roles", role).await;
    assert_eq!(reply.status, 400, "it is on its way out: {}", reply.body);
}
