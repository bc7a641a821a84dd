//! The bytes of objects: whole, in ranges, and when the object or the network changes under us.

use super::{Here, content, here, read};
use bytes::Bytes;
use forebay_model::Kind;
use forebay_playground::fault::{Fault, Seen};
use futures::{StreamExt, TryStreamExt};
use std::sync::Arc;

const SIZE: usize = 300_000;

async fn with_object() -> (Here, forebay_model::files::Object) {
    let here = here().await;
    here.put("k", content(SIZE));
    let object = here.remote().stat("/k").await.unwrap();
    (here, object)
}

#[tokio::test]
async fn ranges_are_read_to_the_byte() {
    let (here, object) = with_object().await;
    let (remote, whole) = (here.remote(), content(SIZE));
    assert_eq!(read(&remote, &object).await.unwrap(), whole);
    let size = SIZE as u64;
    for range in
        [0..1, 0..size, 1..size, size - 1..size, 5..5, 1000..200_000, size..size, 0..size + 10, size + 5..size + 9]
    {
        let got: Vec<Bytes> = remote.read(&object, Some(range.clone())).try_collect().await.unwrap();
        let (start, end) = (range.start.min(size) as usize, range.end.min(size) as usize);
        assert_eq!(got.concat(), &whole[start..end], "{range:?}");
    }
}

#[tokio::test]
async fn an_empty_object_is_no_bytes() {
    let here = here().await;
    here.put("empty", "");
    let object = here.remote().stat("/empty").await.unwrap();
    assert_eq!((object.size, read(&here.remote(), &object).await.unwrap()), (0, Vec::new()));
}

#[tokio::test]
async fn an_object_that_changed_since_it_was_listed_is_stale() {
    let (here, object) = with_object().await;
    let mut changed = content(SIZE);
    changed[0] ^= 1;
    here.put("k", changed);
    let error = read(&here.remote(), &object).await.unwrap_err();
    assert_eq!(error.kind, Kind::Stale);
    assert!(error.message.contains("changed while it was read"), "{error}");
    here.running.folder().delete("bucket", "k").unwrap();
    assert_eq!(read(&here.remote(), &object).await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn an_object_that_changes_between_two_connections_is_stale_and_never_a_mixture() {
    let (here, object) = with_object().await;
    // The first answer breaks off; before the second request the object is another.
    let folder = here.running.folder().clone();
    let (_proxy, remote) = here
        .through(Arc::new(move |seen: &Seen| {
            if seen.number == 0 {
                return Fault::Cut(100_000);
            }
            folder.put("bucket", "k", &[9; SIZE], chrono::Utc::now()).unwrap();
            Fault::Pass
        }))
        .await;
    let mut body = remote.read(&object, None);
    let mut got = Vec::new();
    let error = loop {
        match body.next().await.unwrap() {
            Ok(bytes) => got.extend_from_slice(&bytes),
            Err(e) => break e,
        }
    };
    assert_eq!(error.kind, Kind::Stale, "{error}");
    assert_eq!(got, content(SIZE)[..100_000]);
    assert!(body.next().await.is_none());
}

#[tokio::test]
async fn a_store_that_ignores_if_match_is_found_out_by_its_etag() {
    let (here, mut object) = with_object().await;
    // An etag that no header check of the endpoint compares: the answer's own etag tells.
    let answer =
        Fault::Answer { status: 200, headers: vec![("etag".into(), "\"another\"".into())], body: "x".repeat(SIZE) };
    let (_proxy, remote) = here.through(Arc::new(move |_| answer.clone())).await;
    assert_eq!(read(&remote, &object).await.unwrap_err().kind, Kind::Stale);
    object.etag = "\"another\"".into();
    object.size += 1;
    let error = read(&remote, &object).await.unwrap_err();
    assert_eq!(error.kind, Kind::Stale, "another size is another object: {error}");
}

#[tokio::test]
async fn a_truncated_body_is_resumed_at_the_byte_where_it_broke() {
    let (here, object) = with_object().await;
    for at in [0, 1, 65_535, 65_536, 150_000, SIZE as u64 - 1] {
        for fault in [Fault::Cut(at), Fault::Short(at)] {
            let first = fault.clone();
            let script = move |seen: &Seen| if seen.number == 0 { first.clone() } else { Fault::Pass };
            let (proxy, remote) = here.through(Arc::new(script)).await;
            assert_eq!(read(&remote, &object).await.unwrap(), content(SIZE), "{fault:?}");
            let seen = proxy.seen();
            assert_eq!(seen.len(), 2, "{fault:?}");
            let expected = if at == 0 { None } else { Some(format!("bytes={at}-{}", SIZE - 1)) };
            assert_eq!(seen[1].range, expected, "{fault:?}");
            assert_eq!(seen[1].if_match.as_deref(), Some(object.etag.as_str()));
        }
    }
}

#[tokio::test]
async fn a_body_that_breaks_again_and_again_is_read_as_long_as_it_gets_on() {
    let (here, object) = with_object().await;
    // Four connections of 66 kB and a rest: each one brings enough to be worth the next.
    let (proxy, remote) = here.through(Arc::new(|_| Fault::Cut(66_000))).await;
    assert_eq!(read(&remote, &object).await.unwrap(), content(SIZE));
    assert_eq!(proxy.seen().len(), 5);
}

#[tokio::test]
async fn a_body_that_never_gets_on_ends_in_an_error_after_a_few_attempts() {
    let (here, object) = with_object().await;
    for fault in [Fault::Cut(10), Fault::Short(10), Fault::Drop, Fault::error(503, "SlowDown")] {
        let script = fault.clone();
        let (proxy, remote) = here.through(Arc::new(move |_| script.clone())).await;
        let error = read(&remote, &object).await.unwrap_err();
        assert!(matches!(error.kind, Kind::Unavailable { .. }), "{fault:?}: {error}");
        assert_eq!(proxy.seen().len(), 6, "{fault:?}");
    }
}

#[tokio::test]
async fn a_store_that_ignores_ranges_is_not_believed() {
    let (here, object) = with_object().await;
    let answer = Fault::Answer { status: 200, headers: Vec::new(), body: "x".repeat(100) };
    let (_proxy, remote) = here.through(Arc::new(move |_| answer.clone())).await;
    let error = remote.read(&object, Some(100..200)).try_collect::<Vec<_>>().await.unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert!(error.message.contains("Range"), "{error}");
}
