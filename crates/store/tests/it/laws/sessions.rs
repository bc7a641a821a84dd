//! Links that are good once, and tokens that were revoked, also where another program has done it.

use super::{Fixture, at, key};
use chrono::TimeDelta;
use forebay_model::{Resource, Scope};
use forebay_store::{Link, New, Store, Use};
use serde_json::json;

async fn made(store: &Store, hash: &str) -> Link {
    let org = Scope::organization("ACME@AdobeOrg");
    let client = match store.client("c").await.unwrap() {
        Some((_, client)) => client,
        None => store.insert(&org, New::new(Resource::Client, "c", json!({})).unstamped(), at(0)).await.unwrap(),
    };
    let link = Link { org: org.org, client: "c".into(), version: 3 };
    store.keep_link(hash, (&link, &client), at(900), at(0)).await.unwrap();
    link
}

#[tokio::test]
async fn a_link_is_used_once_by_whichever_program() {
    let Fixture { store, database } = Fixture::new().await;
    let other = Store::open(&database.url(), key()).await.unwrap();
    let link = made(&store, "h").await;
    let uses = [store.use_link("h", at(1)), other.use_link("h", at(1)), store.use_link("h", at(1))];
    let mut uses = futures::future::join_all(uses).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
    uses.sort_by_key(|used| *used != Use::Good(link.clone()));
    assert_eq!(uses, [Use::Good(link.clone()), Use::Spent(link.clone()), Use::Spent(link)]);
    assert_eq!(store.use_link("other", at(1)).await.unwrap(), Use::Unknown);
}

#[tokio::test]
async fn a_link_expires_and_is_forgotten_after_an_hour_more() {
    let Fixture { store, database: _database } = Fixture::new().await;
    let link = made(&store, "h").await;
    assert_eq!(store.use_link("h", at(900)).await.unwrap(), Use::Spent(link.clone()));
    let client = store.client("c").await.unwrap().unwrap().1;
    store.keep_link("i", (&link, &client), at(9_000), at(4_501)).await.unwrap();
    assert_eq!(store.use_link("h", at(4_501)).await.unwrap(), Use::Unknown);
    assert_eq!(store.use_link("i", at(4_501)).await.unwrap(), Use::Good(link));
}

#[tokio::test]
async fn a_revoked_token_is_so_at_once_here_and_soon_elsewhere() {
    let Fixture { store, database } = Fixture::new().await;
    let other = Store::open(&database.url(), key()).await.unwrap();
    assert!(!store.is_revoked("t").await.unwrap());
    assert!(!other.is_revoked("t").await.unwrap());
    store.revoke_token("t", at(100), None, at(0)).await.unwrap();
    store.revoke_token("t", at(100), None, at(0)).await.unwrap();
    assert!(store.is_revoked("t").await.unwrap() && !store.is_revoked("u").await.unwrap());
    let waited = async {
        while !other.is_revoked("t").await.unwrap() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(forebay_store::LIFE * 5, waited).await.expect("the other program sees it");
    // What has ended by itself need not be known any more.
    store.revoke_token("v", at(300), None, at(100) + TimeDelta::milliseconds(1)).await.unwrap();
    assert!(!store.is_revoked("t").await.unwrap());
}
