//! Sandboxes.

use crate::world::{OTHER_ORG, World};
use expect_test::expect;

#[tokio::test]
async fn a_client_sees_its_organizations_sandboxes() {
    let world = World::new().await;
    let reply = world.call("GET", "/data/foundation/sandbox-management/").without("x-sandbox-name").send().await;
    let names: Vec<&str> = reply.body["sandboxes"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["dev", "prod"]);
    let reply = world.stranger("GET", "/data/foundation/sandbox-management/sandboxes", OTHER_ORG).send().await;
    expect![[]].assert_eq(&reply.shown());
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
    assert!(reply.body.get("id").is_none(), "the id is not shown to users");
    let reply = world.get("/data/foundation/sandbox-management/sandboxes/nowhere").await;
    assert_eq!((reply.status.as_u16(), &reply.body["status"]), (404, &404.into()));
    let reply = world.get("/data/foundation/sandbox-management/sandboxTypes").await;
    assert_eq!(reply.text, r#"{"sandboxTypes":["development","production"]}"#);
}
