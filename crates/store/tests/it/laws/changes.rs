//! What changes is told in order, without gaps, and only while it stands.

use super::{Fixture, at, key, prod, put, scope};
use forebay_model::{Error, Resource};
use forebay_store::{New, Store};
use serde_json::json;

/// Places, kinds and actions of all changes after one.
async fn told(store: &Store, after: i64) -> Option<Vec<String>> {
    let changes = store.changes(&prod(), after, 1_000).await.unwrap()?;
    let kind = |kind: Option<Resource>| kind.map_or("all", Resource::name);
    Some(changes.iter().map(|c| format!("{} {} {} {}", c.seq, kind(c.kind), c.id, c.action)).collect())
}

#[tokio::test]
async fn each_write_that_was_committed_is_told_once() {
    let Fixture { store, database: _database } = Fixture::new().await;
    assert_eq!(told(&store, 0).await.unwrap(), Vec::<String>::new());
    put(&store, &prod(), Resource::Connection, "a", json!({ "state": "enabled" }), at(0)).await;
    put(&store, &scope("dev"), Resource::Connection, "b", json!({}), at(0)).await;
    put(&store, &prod(), Resource::Webhook, "w", json!({}), at(0)).await;
    for version in ["m", "m@0"] {
        put(&store, &prod(), Resource::MappingSet, version, json!({}), at(0)).await;
    }
    let refused = store.insert(&prod(), New::new(Resource::Connection, "a", json!({})), at(1)).await;
    assert!(refused.is_err());
    let fails = |_: &_, _: &_| Err(Error::internal("no"));
    assert!(store.update(&prod(), Resource::Connection, "a", None, at(1), fails).await.is_err());
    let same =
        |old: &forebay_model::Document, secrets: &forebay_store::Secrets| Ok((old.body.clone(), secrets.clone()));
    store.update(&prod(), Resource::Connection, "a", None, at(1), same).await.unwrap();
    store.delete(&prod(), Resource::Connection, "a", None, at(2)).await.unwrap();
    store.reset(&prod()).await.unwrap();
    let all = [
        "1 connections a created",
        "2 mappingSets m created",
        "3 connections a updated",
        "4 connections a deleted",
        "5 all  deleted",
    ];
    assert_eq!(told(&store, 0).await.unwrap(), all);
    assert_eq!(told(&store, 3).await.unwrap(), all[3..]);
    assert_eq!(told(&store, 5).await.unwrap(), Vec::<String>::new());
    assert_eq!((told(&store, 6).await, told(&store, -1).await), (None, None));
    let first = &store.changes(&prod(), 0, 1).await.unwrap().unwrap()[0];
    assert_eq!((first.state.as_str(), first.at), ("enabled", at(0).timestamp_millis()));
}

#[tokio::test]
async fn writers_at_once_in_two_programs_leave_no_gap() {
    let Fixture { store, database } = Fixture::new().await;
    let other = Store::open(&database.url(), key()).await.unwrap();
    let reader = store.clone();
    let read = tokio::spawn(async move {
        let mut seen: Vec<i64> = Vec::new();
        while seen.len() < 60 {
            let after = seen.last().copied().unwrap_or(0);
            let more = reader.changes(&prod(), after, 7).await.unwrap().expect("there is no gap");
            seen.extend(more.iter().map(|change| change.seq));
            tokio::task::yield_now().await;
        }
        seen
    });
    let writers = (0..6).map(|writer| {
        let store = if writer % 2 == 0 { store.clone() } else { other.clone() };
        tokio::spawn(async move {
            for i in 0..10 {
                put(&store, &prod(), Resource::Dataset, &format!("{writer}-{i}"), json!({}), at(0)).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(read.await.unwrap(), (1..=60).collect::<Vec<i64>>());
}
