//! The fault proxy does what its script says, and only that.

use super::{Here, client, here};
use forebay_playground::fault::{Fault, Proxy, Script, seeded};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutPayload};
use futures::StreamExt;
use std::sync::Arc;

async fn through(script: Script) -> (Here, Proxy, impl ObjectStore) {
    let here = here().await;
    here.client().put(&Path::from("k"), PutPayload::from(vec![7; 100_000])).await.unwrap();
    let proxy = Proxy::start(here.running.addr, script).await.unwrap();
    let client = client(proxy.addr, &here.running.access_key, &here.running.secret_key);
    (here, proxy, client)
}

#[tokio::test]
async fn what_passes_is_untouched_and_counted() {
    let (_here, proxy, client) = through(Arc::new(|_| Fault::Pass)).await;
    let range = client.get_range(&Path::from("k"), 5..10).await.unwrap();
    assert_eq!(range, vec![7; 5]);
    let seen = proxy.seen();
    assert_eq!((seen.len(), seen[0].target.as_str(), seen[0].range.as_deref()), (1, "/bucket/k", Some("bytes=5-9")));
}

#[tokio::test]
async fn a_cut_body_arrives_in_part_and_a_dropped_request_not_at_all() {
    let (_here, _proxy, client) = through(Arc::new(|_| Fault::Cut(1000))).await;
    let mut body = client.get(&Path::from("k")).await.unwrap().into_stream();
    let mut size = 0;
    let end = loop {
        match body.next().await.unwrap() {
            Ok(bytes) => size += bytes.len(),
            Err(e) => break e,
        }
    };
    assert_eq!(size, 1000, "{end}");
    let (_here, _proxy, client) = through(Arc::new(|_| Fault::Drop)).await;
    assert!(client.get(&Path::from("k")).await.is_err());
}

#[tokio::test]
async fn an_answer_of_the_script_is_given_instead() {
    let (_here, _proxy, client) = through(Arc::new(|_| Fault::error(404, "NoSuchKey"))).await;
    assert!(matches!(client.get(&Path::from("k")).await, Err(Error::NotFound { .. })));
}

#[test]
fn a_seed_fails_the_same_requests_and_about_as_many_as_it_says() {
    let (a, b) = (seeded(3, 10), seeded(3, 10));
    let seen = |number| forebay_playground::fault::Seen {
        number,
        method: "GET".into(),
        target: "/".into(),
        range: None,
        if_match: None,
    };
    let faults: Vec<Fault> = (0..2000).map(|number| a(&seen(number))).collect();
    assert_eq!(faults, (0..2000).map(|number| b(&seen(number))).collect::<Vec<_>>());
    let bad = faults.iter().filter(|fault| **fault != Fault::Pass).count();
    assert!((140..260).contains(&bad), "{bad}");
}
