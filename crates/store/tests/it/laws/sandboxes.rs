//! A sandbox on its way to another state: each step can be done again, by whoever comes next.

use super::{Fixture, at, flow, prod, put};
use forebay_model::{Kind, Resource, Scope};
use forebay_store::{New, Store};
use serde_json::{Value, json};

fn org() -> Scope {
    Scope::organization("ACME@AdobeOrg")
}

async fn with_sandbox(store: &Store) {
    let new = New::new(Resource::Sandbox, "prod", json!({ "name": "prod-name", "state": "creating" })).unstamped();
    store.create_sandbox(&org(), new, at(0)).await.unwrap();
}

async fn close(store: &Store, state: &'static str) {
    let change = move |old: &forebay_model::Document| {
        let mut body = old.body.clone();
        body["state"] = json!(state);
        Ok(body)
    };
    store.close_sandbox(&org(), "prod", at(1), change).await.unwrap();
}

async fn state(store: &Store) -> Value {
    store.get(&org(), Resource::Sandbox, "prod").await.unwrap().body["state"].clone()
}

#[tokio::test]
async fn a_sandbox_arrives_however_often_the_program_is_started_anew() {
    for (doing, done) in [("resetting", "active"), ("deleting", "deleted")] {
        let mut fixture = Fixture::new().await;
        with_sandbox(&fixture.store).await;
        assert!(fixture.store.sandbox("ACME@AdobeOrg", "prod-name").await.unwrap().is_none(), "it is not there yet");
        assert_eq!(fixture.store.settle_sandboxes(at(0)).await.unwrap(), 1);
        flow(&fixture.store, "f1", 15, at(0)).await;
        for n in 0..50 {
            put(&fixture.store, &prod(), Resource::Connection, &format!("c{n}"), json!({}), at(0)).await;
        }
        close(&fixture.store, doing).await;
        assert_eq!(fixture.store.enqueue_due(at(3600)).await.unwrap(), 0, "nothing begins any more");
        let mut steps = 0;
        while state(&fixture.store).await != done {
            fixture = fixture.reopened().await;
            fixture.store.settle_sandboxes(at(2)).await.unwrap();
            fixture = fixture.reopened().await;
            for cleanup in fixture.store.cleanups().await.unwrap() {
                assert_eq!(state(&fixture.store).await, doing, "it waits for the lake");
                fixture.store.done_cleanup(&cleanup.id).await.unwrap();
            }
            steps += 1;
            assert!(steps < 5, "{}", state(&fixture.store).await);
        }
        let count = fixture.store.count(&prod(), Resource::Connection, &forebay_model::filter::Query::default()).await;
        assert_eq!(count.unwrap(), 0);
        assert_eq!(fixture.store.settle_sandboxes(at(3)).await.unwrap(), 0, "there is nothing more to do");
        let late = fixture.store.insert(&prod(), New::new(Resource::Connection, "late", json!({})), at(4)).await;
        match done {
            "active" => assert!(late.is_ok()),
            _ => assert_eq!(late.unwrap_err().kind, Kind::NotFound),
        }
        assert_eq!(fixture.store.sandbox("ACME@AdobeOrg", "prod-name").await.unwrap().is_some(), done == "active");
    }
}

#[tokio::test]
async fn two_sandboxes_cannot_have_one_name_unless_one_is_deleted() {
    let Fixture { store, database: _database } = Fixture::new().await;
    with_sandbox(&store).await;
    let twin = || New::new(Resource::Sandbox, "twin", json!({ "name": "prod-name", "state": "creating" })).unstamped();
    assert_eq!(store.create_sandbox(&org(), twin(), at(0)).await.unwrap_err().kind, Kind::Conflict);
    store.settle_sandboxes(at(0)).await.unwrap();
    close(&store, "deleting").await;
    assert_eq!(store.create_sandbox(&org(), twin(), at(1)).await.unwrap_err().kind, Kind::Conflict);
    for _ in 0..2 {
        store.settle_sandboxes(at(2)).await.unwrap();
        for cleanup in store.cleanups().await.unwrap() {
            store.done_cleanup(&cleanup.id).await.unwrap();
        }
    }
    store.create_sandbox(&org(), twin(), at(3)).await.unwrap();
}
