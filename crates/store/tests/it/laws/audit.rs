//! The audit trail: an entry is there exactly if its change is, and what is altered by other means shows.

use super::{Fixture, at, prod, put};
use forebay_model::{Kind, Resource};
use forebay_store::audit::{Trail, Wanted, follow};
use forebay_store::{New, Store};
use serde_json::json;
use std::sync::Arc;

const ORG: &str = "ACME@AdobeOrg";

fn trail(store: &Store, request: &str, seconds: i64) -> Arc<Trail> {
    let trail = store.trail(request, at(seconds));
    {
        let mut entry = trail.entry();
        entry.org = ORG.into();
        entry.account = "u1@AdobeID".into();
    }
    trail
}

async fn requests(store: &Store) -> Vec<String> {
    let wanted = Wanted { upto: i64::MAX, limit: 100, ..Wanted::default() };
    let (entries, total) = store.audit(ORG, &wanted).await.unwrap();
    assert_eq!(total as usize, entries.len());
    entries
        .into_iter()
        .map(|entry| format!("{} {} {} {}", entry.request, entry.action, entry.asset, entry.status))
        .collect()
}

#[tokio::test]
async fn a_change_and_its_entry_are_one() {
    let Fixture { store, database: _database } = Fixture::new().await;
    let prod = prod();
    put(&store, &prod, Resource::Connection, "before", json!({}), at(0)).await;
    assert!(requests(&store).await.is_empty(), "no request asked for it");
    let insert = |id: &str| store.insert(&prod, New::new(Resource::Connection, id, json!({ "name": "n" })), at(1));
    follow(trail(&store, "r1", 1), async {
        insert("a").await.unwrap();
        insert("b").await.unwrap();
    })
    .await;
    follow(trail(&store, "r2", 2), async {
        assert_eq!(insert("a").await.unwrap_err().kind, Kind::Conflict);
    })
    .await;
    follow(trail(&store, "r3", 3), async {
        let change = |_: &_, secrets: &_| Ok((json!({ "name": "m" }), Clone::clone(secrets)));
        let stale = store.update(&prod, Resource::Connection, "a", Some("\"x\""), at(3), change).await;
        assert_eq!(stale.unwrap_err().kind, Kind::Stale);
        store.update(&prod, Resource::Connection, "a", None, at(3), change).await.unwrap();
        store.delete(&prod, Resource::Connection, "b", None, at(3)).await.unwrap();
    })
    .await;
    assert_eq!(requests(&store).await, ["r3 Update a Success", "r1 Create a Success"]);
    assert_eq!(store.audit_verify(ORG).await.unwrap(), (2, None));
}

#[tokio::test]
async fn whatever_is_altered_by_other_means_shows() {
    let alterations = [
        ("UPDATE audit SET account = 'somebody' WHERE seq = 2", Some(2)),
        ("UPDATE audit SET at = at + 1 WHERE seq = 4", Some(4)),
        ("DELETE FROM audit WHERE seq = 3", Some(3)),
        ("DELETE FROM audit WHERE seq = 4", Some(4)),
        ("DELETE FROM audit WHERE seq = 1", Some(1)),
        ("UPDATE audit SET seq = 9 WHERE seq = 4", Some(4)),
        ("UPDATE audit_heads SET seq = 3", Some(4)),
        ("UPDATE audit_heads SET base_seq = 1, base_hash = (SELECT hash FROM audit WHERE seq = 1)", Some(2)),
        ("DELETE FROM audit_heads", Some(1)),
        ("UPDATE audit SET account = account", None),
    ];
    for (alteration, broken) in alterations {
        let Fixture { store, database } = Fixture::new().await;
        for n in 1..5 {
            let new = New::new(Resource::Connection, format!("c{n}"), json!({}));
            follow(trail(&store, "r", n), store.insert(&prod(), new, at(n))).await.unwrap();
        }
        let pool = sqlx::AnyPool::connect(&database.url()).await.unwrap();
        sqlx::query(alteration).execute(&pool).await.unwrap();
        assert_eq!(store.audit_verify(ORG).await.unwrap().1, broken, "{alteration}");
    }
}

#[tokio::test]
async fn a_trail_that_is_cut_at_its_beginning_goes_on() {
    let Fixture { store, database: _database } = Fixture::new().await;
    for n in 1..5 {
        let new = New::new(Resource::Connection, format!("c{n}"), json!({}));
        follow(trail(&store, "r", n), store.insert(&prod(), new, at(n))).await.unwrap();
    }
    assert_eq!(store.audit_expire(at(3)).await.unwrap(), 2);
    assert_eq!(requests(&store).await, ["r Create c4 Success", "r Create c3 Success"]);
    assert_eq!(store.audit_verify(ORG).await.unwrap(), (2, None));
    assert_eq!(store.audit_expire(at(9)).await.unwrap(), 2);
    assert_eq!(store.audit_verify(ORG).await.unwrap(), (0, None));
    let new = New::new(Resource::Connection, "c5", json!({}));
    follow(trail(&store, "r", 9), store.insert(&prod(), new, at(9))).await.unwrap();
    assert_eq!(store.audit_verify(ORG).await.unwrap(), (1, None));
}
