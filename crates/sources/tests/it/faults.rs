//! A network and a store that fail: what may pass is tried again, within bounds; what may not is told at once.

use super::{content, here, list, patience, read, selection};
use forebay_model::Kind;
use forebay_playground::fault::{Fault, Seen, seeded};
use forebay_sources::{Gate, Patience, Secrets};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test]
async fn with_one_call_in_ten_failing_everything_still_arrives() {
    let here = here().await;
    for at in 0..200 {
        here.put(&format!("in/{at:03}.csv"), format!("content of {at}"));
    }
    for seed in 0..3 {
        let (proxy, remote) = here.through(seeded(seed, 10)).await;
        let objects = list(&remote, selection("/in/", true, true)).await.unwrap();
        assert_eq!(objects.len(), 200);
        for (at, object) in objects.iter().enumerate() {
            assert_eq!(read(&remote, object).await.unwrap(), format!("content of {at}").as_bytes(), "seed {seed}");
        }
        // One page and 200 objects; at most half as many calls again.
        assert!(proxy.seen().len() <= 301, "seed {seed}: {}", proxy.seen().len());
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_asked_a_few_times_and_no_more() {
    let here = here().await;
    for fault in [Fault::error(503, "SlowDown"), Fault::error(500, "InternalError"), Fault::Drop] {
        let script = fault.clone();
        let (proxy, remote) = here.through(Arc::new(move |_| script.clone())).await;
        let error = remote.explore("").await.unwrap_err();
        assert!(matches!(error.kind, Kind::Unavailable { .. }), "{fault:?}: {error}");
        assert_eq!((error.code.id, proxy.seen().len()), ("FLOW-1103-503", 6), "{fault:?}");
    }
}

#[tokio::test]
async fn what_cannot_pass_is_asked_once() {
    let here = here().await;
    for (status, code, kind) in [
        (403, "AccessDenied", Kind::Refused),
        (400, "ExpiredToken", Kind::Refused),
        (403, "RequestTimeTooSkewed", Kind::Refused),
        (404, "NoSuchBucket", Kind::NotFound),
    ] {
        let (proxy, remote) = here.through(Arc::new(move |_| Fault::error(status, code))).await;
        assert_eq!(remote.explore("").await.unwrap_err().kind, kind, "{code}");
        assert_eq!(proxy.seen().len(), 1, "{code}");
    }
}

#[tokio::test]
async fn retry_after_is_waited_for_and_one_beyond_the_budget_is_handed_up() {
    let here = here().await;
    let busy = |seconds: &str| Fault::Answer {
        status: 503,
        headers: vec![("retry-after".into(), seconds.into())],
        body: String::new(),
    };
    let first = busy("1");
    let script = move |seen: &Seen| if seen.number == 0 { first.clone() } else { Fault::Pass };
    let (_proxy, remote) = here.through(Arc::new(script)).await;
    let started = Instant::now();
    remote.explore("").await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1));

    let long = busy("3000");
    let (proxy, remote) = here.through(Arc::new(move |_| long.clone())).await;
    let error = remote.explore("").await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable { retry_after: Some(Duration::from_secs(3000)) });
    assert_eq!(proxy.seen().len(), 1);
}

#[tokio::test]
async fn a_bucket_in_another_region_is_asked_again_there_and_then_always() {
    let here = here().await;
    here.put("a", "x");
    // Answers that name a region, until a request is signed for it.
    let malformed = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region></Error>";
    let wrong = Fault::Answer { status: 400, headers: Vec::new(), body: malformed.into() };
    let script = move |seen: &Seen| if seen.number == 0 { wrong.clone() } else { Fault::Pass };
    let (proxy, remote) = here.through(Arc::new(script)).await;
    remote.explore("").await.unwrap();
    remote.stat("/a").await.unwrap();
    assert_eq!(proxy.seen().len(), 3);
    // One that goes on naming regions is not followed for ever.
    let wrong = Fault::Answer { status: 400, headers: Vec::new(), body: malformed.replace("eu-west-3", "eu-west-4") };
    let (proxy, remote) = here.through(Arc::new(move |_| wrong.clone())).await;
    assert_eq!(remote.explore("").await.unwrap_err().kind, Kind::Refused);
    assert_eq!(proxy.seen().len(), 2);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let here = here().await;
    let (elsewhere, _) = here.through(Arc::new(|_| Fault::Pass)).await;
    let moved = Fault::Answer {
        status: 307,
        headers: vec![("location".into(), format!("{}/bucket", elsewhere.url()))],
        body: String::new(),
    };
    let (_proxy, remote) = here.through(Arc::new(move |_| moved.clone())).await;
    assert_eq!(remote.explore("").await.unwrap_err().kind, Kind::Refused);
    assert_eq!(elsewhere.seen().len(), 0);
}

#[tokio::test]
async fn silence_ends_in_a_timeout_and_is_resumed() {
    let here = here().await;
    here.put("k", content(100_000));
    let object = here.remote().stat("/k").await.unwrap();
    let (proxy, _) =
        here.through(Arc::new(|seen: &Seen| if seen.number == 0 { Fault::Stall(70_000) } else { Fault::Pass })).await;
    // A gate with little patience for silence.
    let lookup: forebay_sources::Lookup = Arc::new(|_| Box::pin(async { Ok(Vec::new()) }));
    let gate = Gate::with_lookup(vec!["127.0.0.0/8".parse().unwrap()], lookup, Duration::from_millis(200)).unwrap();
    let params = json!({
        "s3AccessKey": here.running.access_key, "s3SecretKey": here.running.secret_key,
        "serviceUrl": proxy.url(), "bucketName": "bucket"
    });
    let remote = crate::open(gate, &params, &Secrets::new()).unwrap().with_patience(patience());
    assert_eq!(read(&remote, &object).await.unwrap(), content(100_000));
    assert_eq!(proxy.seen()[1].range.as_deref(), Some("bytes=70000-99999"));
}

#[tokio::test]
async fn the_connection_test_does_not_keep_a_person_waiting() {
    let here = here().await;
    let (proxy, remote) = here.through(Arc::new(|_| Fault::error(503, "SlowDown"))).await;
    let checks = remote.with_patience(Patience { first: Duration::from_millis(1), ..Patience::default() }).test().await;
    assert!(!checks[2].ok);
    assert_eq!(proxy.seen().len(), 3);
}

#[tokio::test]
async fn a_head_that_fails_without_a_reason_is_explained_by_a_get() {
    let here = here().await;
    let (_proxy, denied) = here
        .through(Arc::new(|seen: &Seen| match seen.method.as_str() {
            "HEAD" => Fault::Answer { status: 400, headers: Vec::new(), body: String::new() },
            _ => Fault::error(400, "ExpiredToken"),
        }))
        .await;
    let error = denied.stat("/a").await.unwrap_err();
    assert!(error.message.contains("ExpiredToken"), "{error}");
}
