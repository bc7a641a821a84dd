//! Webhooks (FS §10.3): who is told, what, how it is signed, and what becomes of a receiver that does not listen.

use crate::world::{Choices, FLOWS, ORG, Reply, World};
use axum::Router;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use forebay_api::Deliverer;
use forebay_model::run::Status;
use forebay_store::End;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PATH: &str = "/data/foundation/forebay/webhooks";
const SECRET: &str = "canary-secret-of-a-webhook";

/// A receiver on loopback: answers what it is told to, and keeps what it got.
#[derive(Clone, Default)]
struct Receiver {
    answers: Arc<Mutex<Vec<u16>>>,
    got: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
    heard: Arc<tokio::sync::Notify>,
}

impl Receiver {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let router = Router::new().route("/hook", axum::routing::post(receive)).with_state(self.clone());
        tokio::spawn(forebay_api::serve(listener, router, std::future::pending()));
        url
    }

    fn take(&self) -> Vec<(HeaderMap, Value)> {
        let got = std::mem::take(&mut *self.got.lock().unwrap());
        got.into_iter().map(|(headers, body)| (headers, serde_json::from_slice(&body).unwrap())).collect()
    }
}

async fn receive(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> (StatusCode, HeaderMap) {
    receiver.got.lock().unwrap().push((headers, body));
    receiver.heard.notify_one();
    let mut answers = receiver.answers.lock().unwrap();
    let status = if answers.is_empty() { 204 } else { answers.remove(0) };
    let mut headers = HeaderMap::new();
    headers.insert("location", "http://127.0.0.1:1/elsewhere".parse().unwrap());
    (StatusCode::from_u16(status).unwrap(), headers)
}

async fn world() -> World {
    World::with(Choices { allow: vec!["127.0.0.0/8"], ..Choices::default() }).await
}

fn deliverer(world: &World) -> Deliverer {
    Deliverer { store: world.app.store.clone(), gate: world.app.accounts.gate.clone(), clock: world.app.clock.clone() }
}

/// Runs a flow once, to that end.
async fn run(world: &World, flow: &str, state: Status) -> String {
    let id = world.created(&format!("{FLOWS}/runs"), json!({ "flowId": flow })).await;
    let now = world.app.now();
    let claim = world.app.store.claim("w", now, Duration::from_secs(60)).await.unwrap().unwrap();
    assert_eq!(claim.run.id, id);
    let errors = json!([{ "code": "CONNECTOR-2001-500", "message": "promotion reported errors" }]);
    let metrics = json!({ "recordSummary": { "inputRecordCount": 40, "outputRecordCount": 38, "failedRecordCount": 2 },
        "statusSummary": { "status": state.text(), "errors": errors } });
    let run = json!({ "metrics": metrics, "activities": [{ "id": "copyActivity" }] });
    let end = End { run, state, cursor: None, batch: Value::Null, plan: None };
    world.app.store.finish(&claim, end, now).await.unwrap();
    id
}

async fn flow(world: &World) -> String {
    let mut flow = world.dataflow().await.flow();
    flow["scheduleParams"]["frequency"] = json!("once");
    world.created(&format!("{FLOWS}/flows"), flow).await
}

async fn deliveries(world: &World, id: &str) -> Reply {
    world.get(&format!("{PATH}/{id}/deliveries")).await
}

#[tokio::test]
async fn the_end_of_a_run_is_told_once_and_signed_fs_10_3() {
    let world = world().await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let flow = flow(&world).await;
    let hook = world.created(PATH, json!({ "name": "ops", "url": url, "secret": SECRET })).await;
    let other = world.stranger("POST", PATH, ORG).json(json!({ "url": url })).send().await;
    assert_eq!(other.status, 201, "{}", other.body);
    let ok = run(&world, &flow, Status::Success).await;
    let bad = run(&world, &flow, Status::Failed).await;
    let deliverer = deliverer(&world);
    // One at a time for one receiver, however many are due.
    assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
    assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
    assert_eq!(deliverer.deliver_due().await.unwrap(), 0, "and no more");
    let got = receiver.take();
    let codes: Vec<&Value> = got.iter().map(|(_, body)| &body["event"]["header"]["_adobeio"]["eventCode"]).collect();
    let mut sorted: Vec<&str> = codes.iter().map(|code| code.as_str().unwrap()).collect();
    sorted.sort_unstable();
    assert_eq!(sorted, ["sources_flow_run_failure", "sources_flow_run_success"]);
    for (headers, body) in &got {
        let event = &body["event"];
        let success = event["header"]["_adobeio"]["eventCode"] == "sources_flow_run_success";
        assert_eq!(event["id"], if success { ok.as_str() } else { bad.as_str() });
        assert_eq!((&event["flowId"], &event["imsOrgId"]), (&json!(flow), &json!(ORG)));
        assert_eq!(event["metrics"]["recordSummary"]["failedRecordCount"], 2);
        assert_eq!(event["metrics"]["statusSummary"]["errors"][0]["code"], "CONNECTOR-2001-500");
        let text = |name: &str| headers[name].to_str().unwrap().to_string();
        assert_eq!(body["event_id"], text("webhook-id"));
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{}.{}.{body}", text("webhook-id"), text("webhook-timestamp")).as_bytes());
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(text("webhook-signature"), expected);
    }
    let told = deliveries(&world, &hook).await;
    assert!(!told.text.contains("canary"), "{}", told.text);
    assert_eq!(told.body["items"].as_array().unwrap().len(), 2);
    let item = told.item();
    assert_eq!((&item["state"], &item["attempts"][0]["status"]), (&json!("delivered"), &json!(204)), "{item}");
    let elsewhere = other.body["id"].as_str().unwrap();
    let path = format!("{PATH}/{elsewhere}/deliveries?count=true");
    assert_eq!(
        world.stranger("GET", &path, ORG).send().await.body,
        json!({ "count": 0 }),
        "another sandbox hears nothing"
    );
}

#[tokio::test]
async fn a_receiver_that_fails_is_tried_again_and_then_given_up() {
    let world = world().await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let flow = flow(&world).await;
    let hook = world.created(PATH, json!({ "url": url, "secret": SECRET, "flowIds": [flow] })).await;
    let deliverer = deliverer(&world);
    // A redirect is not followed: it is a failure like any other.
    receiver.answers.lock().unwrap().extend([500, 302, 204]);
    run(&world, &flow, Status::Success).await;
    assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
    assert_eq!(deliverer.deliver_due().await.unwrap(), 0, "not at once");
    let item = deliveries(&world, &hook).await.item().clone();
    assert_eq!((&item["state"], &item["attempts"][0]["status"]), (&json!("pending"), &json!(500)));
    assert_eq!(item["nextAttemptAt"], world.app.now().timestamp_millis() + 10_000);
    for pause in [10_000, 60_000] {
        world.pass(pause);
        assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
    }
    let item = deliveries(&world, &hook).await.item().clone();
    let statuses: Vec<&Value> = item["attempts"].as_array().unwrap().iter().map(|a| &a["status"]).collect();
    assert_eq!((&item["state"], statuses), (&json!("delivered"), vec![&json!(500), &json!(302), &json!(204)]));
    let ids: std::collections::BTreeSet<String> =
        receiver.take().iter().map(|(headers, _)| headers["webhook-id"].to_str().unwrap().to_string()).collect();
    assert_eq!(ids.len(), 1, "all tries have one id");

    receiver.answers.lock().unwrap().extend([503; 20]);
    world.pass(1);
    run(&world, &flow, Status::Success).await;
    let mut tries = 0;
    for _ in 0..20 {
        tries += deliverer.deliver_due().await.unwrap();
        world.pass(24 * 3_600_000);
    }
    assert_eq!(tries, 8);
    let item = deliveries(&world, &hook).await.item().clone();
    assert_eq!((&item["state"], &item["nextAttemptAt"]), (&json!("failed"), &Value::Null));

    // One that is gone for good says so.
    receiver.answers.lock().unwrap().splice(.., [410]);
    run(&world, &flow, Status::Failed).await;
    assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
    assert_eq!(deliveries(&world, &hook).await.item()["state"], "failed");
    assert_eq!(world.app.store.next_delivery().await.unwrap(), None);
    let kept = world.get(&format!("{PATH}/{hook}/deliveries?count=true")).await.body;
    assert_eq!(kept, json!({ "count": 3 }));
    let later = world.app.now() + chrono::TimeDelta::days(1);
    assert_eq!(world.app.store.prune_deliveries(later).await.unwrap(), 3);
}

#[tokio::test]
async fn the_loop_hears_of_a_run_by_itself_and_ends_when_it_is_told_to() {
    let world = world().await;
    let receiver = Receiver::default();
    let url = receiver.start().await;
    let flow = flow(&world).await;
    let hook = world.created(PATH, json!({ "url": url })).await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(deliverer(&world).run(async { drop(stopped.await) }));
    let patience = Duration::from_secs(30);
    for state in [Status::Success, Status::Failed] {
        run(&world, &flow, state).await;
        tokio::time::timeout(patience, receiver.heard.notified()).await.expect("it is told");
    }
    stop.send(()).unwrap();
    tokio::time::timeout(patience, running).await.expect("it ends").unwrap();
    let told = world.get(&format!("{PATH}/{hook}/deliveries?property=state==delivered&count=true")).await;
    assert_eq!(told.body, json!({ "count": 2 }), "what was under way is noted");
}

#[tokio::test]
async fn a_deliverer_that_dies_is_replaced_and_can_note_nothing_more() {
    let world = world().await;
    let flow = flow(&world).await;
    world.created(PATH, json!({ "url": "http://127.0.0.1:1/", "secret": SECRET })).await;
    run(&world, &flow, Status::Success).await;
    let store = &world.app.store;
    let lease = Duration::from_secs(60);
    let first = store.claim_delivery(world.app.now(), lease).await.unwrap().unwrap();
    assert!(store.claim_delivery(world.app.now(), lease).await.unwrap().is_none());
    world.pass(60_001);
    let second = store.claim_delivery(world.app.now(), lease).await.unwrap().unwrap();
    assert_eq!(first.document.id, second.document.id);
    let note = async |delivery| {
        store.note_delivery(delivery, json!({}), forebay_store::Outcome::Delivered, world.app.now()).await.unwrap()
    };
    assert!(!note(&first).await);
    assert!(note(&second).await);
    assert!(!note(&second).await);
}

#[tokio::test]
async fn a_webhook_is_kept_with_its_secret_sealed() {
    let world = World::new().await;
    let body = json!({ "name": "ops", "url": "https://hooks.example.com/x", "events": ["sources_flow_run_failed"] });
    let reply = world.post(PATH, body.clone()).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let made = reply.body["secret"].as_str().unwrap().to_string();
    assert!(made.starts_with("whsec_") && made.len() > 40, "{made}");
    let id = reply.body["id"].as_str().unwrap();
    let path = format!("{PATH}/{id}");
    assert_eq!(reply.headers["location"], format!("http://forebay.test{path}").as_str());
    let shown = world.get(&path).await;
    assert_eq!(shown.item()["secret"], "********");
    assert!(!shown.text.contains(&made[6..]));
    let sealed = async || {
        use secrecy::ExposeSecret;
        let secrets = world.app.store.secrets(&world.scope(), forebay_model::Resource::Webhook, id).await.unwrap();
        secrets["/secret"].expose_secret().to_string()
    };
    assert_eq!(sealed().await, made);
    let reply = world.patch(&path, json!([{ "op": "replace", "path": "/secret", "value": "********" }])).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(sealed().await, made, "the mask keeps it");
    let patch = json!([{ "op": "replace", "path": "/secret", "value": SECRET }, { "op": "replace", "path": "/state", "value": "disabled" }]);
    assert_eq!(world.patch(&path, patch).await.status, 200);
    assert_eq!(sealed().await, SECRET);
    assert_eq!(world.call("POST", &format!("{path}/test")).send().await.status, 400, "disabled");
    assert_eq!(world.get(&format!("{PATH}?property=state==disabled&count=true")).await.body, json!({ "count": 1 }));
    for (pointer, value, at) in [
        ("/url", json!(null), "/url"),
        ("/url", json!("hooks.example.com"), "/url"),
        ("/url", json!("ftp://example.com/"), "/url"),
        ("/url", json!("http://user:canary@example.com/"), "/url"),
        ("/url", json!("http://127.0.0.1:9/"), "/url"),
        ("/url", json!("http://169.254.169.254/latest/meta-data"), "/url"),
        ("/url", json!("http://[::1]/"), "/url"),
        ("/url", json!(format!("https://example.com/{}", "x".repeat(2048))), "/url"),
        ("/events", json!("all"), "/events"),
        ("/events", json!(["sources_flow_run_success", "other"]), "/events/1"),
        ("/flowIds", json!([7]), "/flowIds/0"),
        ("/secret", json!("short"), "/secret"),
        ("/secret", json!("whsec_%%%"), "/secret"),
        ("/secret", json!(7), "/secret"),
        ("/name", json!(""), "/name"),
    ] {
        let mut body = body.clone();
        body[pointer.trim_start_matches('/')] = value;
        let reply = world.post(PATH, body).await;
        let found = (reply.status.as_u16(), reply.body["report"]["pointer"].as_str());
        assert_eq!(found, (400, Some(at)), "{}", reply.body);
        assert!(!reply.text.contains("canary"));
    }
    assert_eq!(world.call("DELETE", &path).send().await.status, 204);
    assert_eq!(world.get(&path).await.status, 404);
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_called_and_a_deleted_webhook_is_told_nothing() {
    // The address is judged when the name is looked up; `localhost` is not among those that may be reached.
    let world = World::new().await;
    let hook = world.created(PATH, json!({ "url": "http://localhost:9/hook", "secret": SECRET })).await;
    let reply = world.call("POST", &format!("{PATH}/{hook}/test")).send().await;
    assert_eq!(reply.status, 202, "{}", reply.body);
    let deliverer = deliverer(&world);
    assert_eq!(deliverer.deliver_due().await.unwrap(), 1);
    let item = deliveries(&world, &hook).await.item().clone();
    assert_eq!(item["id"], reply.body["id"]);
    assert_eq!(item["event"], "forebay_webhook_test");
    let text = item["attempts"][0]["error"]["message"].as_str().unwrap();
    assert!(text.contains("endpoint not allowed"), "{text}");
    assert_eq!(world.call("DELETE", &format!("{PATH}/{hook}")).send().await.status, 204);
    assert_eq!(world.app.store.next_delivery().await.unwrap(), None, "nothing waits for it any more");
    world.pass(24 * 3_600_000);
    assert_eq!(deliverer.deliver_due().await.unwrap(), 0);
}
