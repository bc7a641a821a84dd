//! The sources against real endpoints on loopback, and against what stands between them and us: S3 here, the others in
//! files and folders of their own.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod azure;
mod faults;
mod hubspot;
mod laws;
mod listing;
mod reading;
mod wire;

use bytes::Bytes;
use forebay_model::files::{Object, Selection};
use forebay_model::{Error, Result};
use forebay_playground::fault::{Proxy, Script};
use forebay_playground::{Playground, PlaygroundConfig, Running};
use forebay_sources::{AccountId, Accounts, Gate, Memory, Patience, Places, Remote, Secrets, by_spec};
use futures::TryStreamExt;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::time::Duration;

const S3: &str = "ecadc60c-7455-4d87-84dc-2a0e293d997b";

/// An endpoint over a folder of its own, with the bucket `bucket`.
struct Here {
    _dir: tempfile::TempDir,
    running: Running,
}

async fn here() -> Here {
    let dir = tempfile::tempdir().unwrap();
    let running = Playground::start(PlaygroundConfig::new(dir.path())).await.unwrap();
    running.folder().create_bucket("bucket").unwrap();
    Here { _dir: dir, running }
}

/// Pauses of a test are short; the number of attempts is the real one.
fn patience() -> Patience {
    Patience {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(5),
        budget: Duration::from_secs(5),
        ..Patience::default()
    }
}

fn gate() -> Gate {
    Gate::new(vec!["127.0.0.0/8".parse().unwrap()]).unwrap()
}

fn remote(url: &str, access: &str, secret: &str, more: Value) -> Remote {
    let mut params = json!({ "s3AccessKey": access, "serviceUrl": url });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let secrets = Secrets::from([("s3SecretKey".to_string(), SecretString::from(secret.to_string()))]);
    open(gate(), &params, &secrets).unwrap().with_patience(patience())
}

impl Here {
    /// The account whose root is the bucket.
    fn remote(&self) -> Remote {
        self.with(json!({ "bucketName": "bucket" }))
    }

    fn with(&self, more: Value) -> Remote {
        remote(&self.running.url(), &self.running.access_key, &self.running.secret_key, more)
    }

    /// The same account behind a proxy with a script.
    async fn through(&self, script: Script) -> (Proxy, Remote) {
        let proxy = Proxy::start(self.running.addr, script).await.unwrap();
        let (access, secret) = (&self.running.access_key, &self.running.secret_key);
        let remote = remote(&proxy.url(), access, secret, json!({ "bucketName": "bucket" }));
        (proxy, remote)
    }

    fn put(&self, key: &str, bytes: impl AsRef<[u8]>) {
        let now = chrono::DateTime::from_timestamp(1_719_792_000, 0).unwrap();
        self.running.folder().put("bucket", key, bytes.as_ref(), now).unwrap();
    }
}

fn selection(path: &str, folder: bool, recursive: bool) -> Selection {
    Selection { path: path.to_string(), folder, recursive }
}

async fn list(remote: &Remote, selection: Selection) -> Result<Vec<Object>> {
    remote.list(&selection).try_collect().await
}

async fn read(remote: &Remote, object: &Object) -> Result<Vec<u8>> {
    let chunks: Vec<Bytes> = remote.read(object, None).try_collect().await?;
    Ok(chunks.concat())
}

/// Bytes that tell their own position.
fn content(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 + at / 251) as u8).collect()
}

/// Everything an error shows, to anyone.
fn shown(error: &Error) -> String {
    format!("{error} {error:?} {:?}", error.advice)
}

/// An S3 account that keeps nothing.
pub fn open(gate: Gate, params: &serde_json::Value, secrets: &Secrets) -> forebay_model::Result<Remote> {
    let accounts = Accounts::new(gate, std::sync::Arc::new(Memory::default()), Places::default());
    let id = AccountId { scope: forebay_model::Scope::organization("ORG"), connection: "c".into() };
    accounts.open(by_spec(S3).unwrap(), &id, params, secrets)
}
