//! The demo's switches, in a server that is one. `matrix.rs` shows that no other server has them.

use crate::world::World;
use async_trait::async_trait;
use expect_test::expect;
use forebay_api::{App, Demo, DemoControl, DemoFault, router};
use forebay_model::Result;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const DEMO: &str = "/data/foundation/forebay/demo";

/// What was asked of it.
#[derive(Default)]
struct Played {
    fault: Mutex<Option<DemoFault>>,
    resets: Mutex<u32>,
}

#[async_trait]
impl DemoControl for Played {
    async fn shown(&self) -> Result<Demo> {
        Ok(Demo { active: true, recipes: Vec::new(), fault: *self.fault.lock().unwrap() })
    }

    async fn switch(&self, fault: Option<DemoFault>) -> Result<()> {
        *self.fault.lock().unwrap() = fault;
        Ok(())
    }

    async fn reset(&self) -> Result<()> {
        *self.resets.lock().unwrap() += 1;
        self.switch(None).await
    }

    fn sandbox(&self) -> String {
        "prod".into()
    }
}

async fn world() -> (World, Arc<Played>) {
    let mut world = World::new().await;
    let played = Arc::new(Played::default());
    world.router = router(App { demo: Some(played.clone()), ..world.app.clone() });
    (world, played)
}

#[tokio::test]
async fn a_fault_is_switched_on_and_off_and_all_is_reset() {
    let (world, played) = world().await;
    let shown = world.call("GET", DEMO).send().await;
    expect![[r#"{"active":true,"recipes":[],"fault":null}"#]].assert_eq(&shown.text);
    for fault in ["s3-403", "s3-slow", "hubspot-401"] {
        let reply = world.call("PUT", DEMO).json(json!({ "fault": fault })).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["fault"]), (200, &json!(fault)));
    }
    let reply = world.call("PUT", DEMO).json(json!({ "fault": null })).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["fault"]), (200, &Value::Null));
    world.call("PUT", DEMO).json(json!({ "fault": "s3-slow" })).send().await;
    let reply = world.call("POST", &format!("{DEMO}/reset")).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["fault"]), (200, &Value::Null));
    assert_eq!(*played.resets.lock().unwrap(), 1);
}

#[tokio::test]
async fn what_is_no_fault_is_refused_and_breaks_nothing() {
    let (world, played) = world().await;
    for body in
        [json!({ "fault": "s3-404" }), json!({}), json!({ "fault": 1 }), json!([]), json!({ "fault": null, "more": 1 })]
    {
        let reply = world.call("PUT", DEMO).json(body.clone()).send().await;
        assert_eq!(reply.status.as_u16(), 400, "{body}: {}", reply.text);
    }
    assert_eq!(*played.fault.lock().unwrap(), None);
}

#[tokio::test]
async fn a_reset_takes_the_right_to_empty_the_sandbox() {
    let (world, played) = world().await;
    world.client_with("player", &["manage-sources"], &["prod"]).await;
    let by = |method: &str, path: &str| world.by("player", "prod", method, path);
    assert_eq!(by("PUT", DEMO).json(json!({ "fault": "s3-403" })).send().await.status.as_u16(), 200);
    assert_eq!(by("POST", &format!("{DEMO}/reset")).send().await.status.as_u16(), 403);
    assert_eq!(*played.resets.lock().unwrap(), 0);
}
