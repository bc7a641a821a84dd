//! What every source must keep.

use super::{gate, here, list, patience, read, remote, selection, shown};
use forebay_model::Kind;
use forebay_playground::fault::Fault;
use forebay_sources::{Gate, Remote, Secrets};
use futures::StreamExt;
use secrecy::SecretString;
use serde_json::json;
use std::sync::Arc;

#[tokio::test]
async fn wrong_credentials_are_refused_and_never_internal() {
    let here = here().await;
    here.put("in/a.csv", "x");
    let object = here.remote().stat("/in/a.csv").await.unwrap();
    let keys =
        [(here.running.access_key.as_str(), "wrong-secret-key"), ("AKIAOTHER", here.running.secret_key.as_str())];
    for (access, secret) in keys {
        let remote = remote(&here.running.url(), access, secret, json!({ "bucketName": "bucket" }));
        let errors = [
            list(&remote, selection("/in/", true, true)).await.unwrap_err(),
            remote.stat("/in/a.csv").await.unwrap_err(),
            remote.explore("").await.unwrap_err(),
            read(&remote, &object).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind, Kind::Refused, "{error}");
            assert!(error.message.contains("credentials were not accepted"), "{error}");
            assert!(!shown(&error).contains(secret), "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_connection_test_names_the_step_that_fails() {
    let here = here().await;
    let outcome = async |remote: Remote| {
        let checks = remote.test().await;
        let told = |ok, reached| {
            if ok {
                "ok"
            } else if reached {
                "failed"
            } else {
                "not reached"
            }
        };
        checks.iter().map(|c| format!("{} {}", c.name, told(c.ok, c.error.is_some()))).collect::<Vec<_>>().join(", ")
    };
    let (url, access, secret) = (here.running.url(), &here.running.access_key, &here.running.secret_key);
    assert_eq!(outcome(here.remote()).await, "connect ok, sign in ok, list ok");
    assert_eq!(outcome(here.with(json!({}))).await, "connect ok, sign in ok, list ok");
    assert_eq!(outcome(here.with(json!({"bucketName": "nowhere"}))).await, "connect ok, sign in ok, list failed");
    assert_eq!(outcome(remote(&url, access, "wrong", json!({}))).await, "connect ok, sign in failed, list not reached");
    let closed = remote("http://127.0.0.1:1", access, secret, json!({}));
    assert_eq!(outcome(closed).await, "connect failed, sign in not reached, list not reached");
}

#[tokio::test]
async fn a_closed_gate_lets_nothing_through() {
    let here = here().await;
    let (proxy, _) = here.through(Arc::new(|_| Fault::Pass)).await;
    let params = json!({"s3AccessKey": "k", "s3SecretKey": "s", "serviceUrl": proxy.url(), "bucketName": "bucket"});
    let gate = Gate::new(Vec::new()).unwrap();
    let remote = crate::open(gate, &params, &Secrets::new()).unwrap();
    let errors = [
        remote.explore("").await.unwrap_err(),
        remote.stat("/a").await.unwrap_err(),
        list(&remote, selection("/", true, true)).await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!((error.kind, error.message.starts_with("endpoint not allowed")), (Kind::Refused, true), "{error}");
    }
    assert_eq!(proxy.seen().len(), 0);
}

#[tokio::test]
async fn dropping_a_listing_stops_the_calls() {
    let here = here().await;
    for at in 0..2500 {
        here.put(&format!("{at:05}"), "x");
    }
    let (proxy, remote) = here.through(Arc::new(|_| Fault::Pass)).await;
    let mut objects = remote.list(&selection("/", true, true));
    assert!(objects.next().await.unwrap().is_ok());
    drop(objects);
    // Another call goes through the same proxy after whatever the dropped stream had asked.
    remote.stat("/00000").await.unwrap();
    assert_eq!(proxy.seen().len(), 2, "{:?}", proxy.seen());
}

#[tokio::test]
async fn secrets_are_in_nothing_that_can_be_printed() {
    let here = here().await;
    let params = json!({"s3AccessKey": "AKIA0", "serviceUrl": here.running.url(), "bucketName": "bucket"});
    let secrets = Secrets::from([
        ("s3SecretKey".to_string(), SecretString::from("canary-of-the-secret".to_string())),
        ("s3SessionToken".to_string(), SecretString::from("canary-of-the-token".to_string())),
    ]);
    let remote = crate::open(gate(), &params, &secrets).unwrap().with_patience(patience());
    let error = remote.stat("/a").await.unwrap_err();
    for text in [format!("{remote:?}"), shown(&error), format!("{:?}", remote.test().await)] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[tokio::test]
async fn an_answer_that_repeats_the_token_is_withheld() {
    let here = here().await;
    let token = "canary-of-the-session-token";
    let echo = Fault::error(403, token);
    let (proxy, _) = here.through(Arc::new(move |_| echo.clone())).await;
    let params =
        json!({"accessKeyId": "AKIA0", "SecretAccessKey": "s", "serviceUrl": proxy.url(), "bucketName": "bucket"});
    let secrets = Secrets::from([("s3SessionToken".to_string(), SecretString::from(token.to_string()))]);
    let remote = crate::open(gate(), &params, &secrets).unwrap().with_patience(patience());
    let error = remote.explore("").await.unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert!(!shown(&error).contains("canary"), "{error}");
}

#[test]
fn missing_keys_are_told_by_name() {
    for (params, name) in [(json!({"s3SecretKey": "s"}), "s3AccessKey"), (json!({"accessKeyId": "k"}), "s3SecretKey")] {
        let error = crate::open(gate(), &params, &Secrets::new()).unwrap_err();
        assert_eq!((error.kind, error.at.unwrap().to_string()), (Kind::Invalid, format!("/auth/params/{name}")));
    }
}
