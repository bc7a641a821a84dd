//! Deliveries to webhooks: made by the end of a run and by nothing else, claimed by one, and gone with their webhook or
//! their sandbox.

use super::*;
use forebay_model::Kind;
use forebay_model::run::Status;
use forebay_store::{End, List};
use std::collections::BTreeSet;

async fn webhook(store: &Store, id: &str, members: Value) {
    let mut body = json!({ "state": "enabled", "url": "https://example.com/" });
    for (name, value) in members.as_object().expect("members") {
        body[name] = value.clone();
    }
    put(store, &prod(), Resource::Webhook, id, body, at(0)).await;
}

/// The webhooks and events that are in the list of deliveries.
async fn told(store: &Store) -> BTreeSet<(String, String)> {
    let list = List { query: Default::default(), order: Vec::new(), limit: 1000, after: None };
    let page = store.list(&prod(), Resource::Delivery, &list).await.expect("it lists");
    let text = |document: &Document, name: &str| document.text(name).unwrap_or_default().to_string();
    page.documents.iter().map(|document| (text(document, "/webhookId"), text(document, "/event"))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    expected.iter().map(|(webhook, event)| (webhook.to_string(), event.to_string())).collect()
}

fn end(state: Status) -> End {
    End { run: json!({}), state, cursor: None, batch: Value::Null, plan: None }
}

#[tokio::test]
async fn an_end_is_told_to_those_who_asked_in_the_transaction_that_ends_the_run() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    flow(store, "f1", 15, at(0)).await;
    webhook(store, "all", json!({})).await;
    webhook(store, "failures", json!({ "events": ["sources_flow_run_failure"] })).await;
    webhook(store, "other-flow", json!({ "flowIds": ["f2"] })).await;
    webhook(store, "off", json!({ "state": "disabled" })).await;
    put(store, &scope("dev"), Resource::Webhook, "elsewhere", json!({ "state": "enabled" }), at(0)).await;
    store.enqueue_due(at(0)).await.expect("it enqueues");
    let claim = store.claim("w", at(0), LEASE).await.expect("it claims").expect("a run");
    assert_eq!(told(store).await, pairs(&[]));
    store.finish(&claim, end(Status::Success), at(1)).await.expect("it ends");
    assert_eq!(told(store).await, pairs(&[("all", "sources_flow_run_success")]));
    // A holder that is too late tells nobody.
    assert_eq!(store.finish(&claim, end(Status::Failed), at(2)).await.expect_err("it has ended").kind, Kind::Stale);
    assert_eq!(told(store).await.len(), 1);
    // A run that never begins has failed too.
    store.enqueue_due(at(15 * 60)).await.expect("it enqueues");
    store.delete(&prod(), Resource::Flow, "f1", None, at(16 * 60)).await.expect("it goes");
    let expected = [
        ("all", "sources_flow_run_success"),
        ("all", "sources_flow_run_failure"),
        ("failures", "sources_flow_run_failure"),
    ];
    assert_eq!(told(store).await, pairs(&expected));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_delivery_is_claimed_by_one() {
    let fixture = Fixture::new().await;
    for n in 0..50 {
        let id = format!("w{n}");
        webhook(&fixture.store, &id, json!({})).await;
        fixture.store.enqueue_delivery(&prod(), &id, "test", &json!({}), at(0)).await.expect("it is queued");
    }
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let store = fixture.store.clone();
        tasks.push(tokio::spawn(async move {
            let mut ids = Vec::new();
            while let Some(delivery) = store.claim_delivery(at(1), LEASE).await.expect("it answers") {
                ids.push(delivery.document.id);
            }
            ids
        }));
    }
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.expect("no panic"));
    }
    assert_eq!(all.len(), 50);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 50);
}

#[tokio::test]
async fn deliveries_go_with_their_webhook_and_with_their_sandbox() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for id in ["w1", "w2"] {
        webhook(store, id, json!({})).await;
        store.enqueue_delivery(&prod(), id, "test", &json!({}), at(0)).await.expect("it is queued");
    }
    assert_eq!(store.next_delivery().await.expect("it answers"), Some(at(0)));
    store.delete(&prod(), Resource::Webhook, "w1", None, at(1)).await.expect("it goes");
    assert_eq!(told(store).await, pairs(&[("w2", "test")]));
    store.reset(&prod()).await.expect("it resets");
    assert_eq!(told(store).await, pairs(&[]));
    assert!(store.claim_delivery(at(1), LEASE).await.expect("it answers").is_none());
    assert_eq!(store.next_delivery().await.expect("it answers"), None);
    let late = store.enqueue_delivery(&prod(), "w1", "test", &json!({}), at(2)).await;
    assert_eq!(late.expect_err("nobody is told").kind, Kind::NotFound);
}
