//! Amazon S3 and the stores that speak its protocol. The spec is `s3.json`.
//!
//! What always holds: keys are the store's raw strings, never normalised; every request is signed here and sent
//! through the gate; the bucket and the folder of the connection are its root, and nothing above them is asked for.
//! Start at `call.rs` for one request, `list.rs` for what is there, `read.rs` for the bytes.

mod call;
mod endpoint;
mod fault;
mod list;
mod read;
mod sign;
mod xml;

use crate::params::Params;
use crate::{Check, Entry, Gate, Patience, Reader, Source};
use bytes::Bytes;
use endpoint::Endpoint;
use forebay_model::files::{Object, Selection};
use forebay_model::{Error, Kind, Place, Result, Time, code};
use futures::stream::BoxStream;
use sign::Credentials;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// The source.
pub(crate) static SOURCE: Source =
    Source { name: "amazon-s3", specs: &["ecadc60c-7455-4d87-84dc-2a0e293d997b"], reader: Reader::Files };

/// One account.
#[derive(Clone, Debug)]
pub(crate) struct S3 {
    account: Arc<Account>,
    patience: Patience,
}

#[derive(Debug)]
struct Account {
    gate: Gate,
    endpoint: Endpoint,
    credentials: Credentials,
    /// The bucket the connection names.
    bucket: Option<String>,
    /// The folder the connection names: empty, or with a trailing slash.
    folder: String,
    /// Regions that answers have named, by bucket; the empty name is the service's own.
    regions: RwLock<BTreeMap<String, String>>,
}

/// What a request is about, in the words of an error message.
#[derive(Debug, Clone)]
enum Named {
    Buckets,
    Bucket(String),
    Object { bucket: String, key: String },
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Named::Buckets => write!(f, "the list of buckets"),
            Named::Bucket(bucket) => write!(f, "bucket {bucket:?}"),
            Named::Object { bucket, key } => write!(f, "object {key:?} of bucket {bucket:?}"),
        }
    }
}

/// A place below the root: nothing (the buckets), or a bucket and a key or prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Spot {
    Buckets,
    In { bucket: String, key: String },
}

impl S3 {
    pub(crate) fn open(gate: &Gate, params: &Params<'_>) -> Result<S3> {
        let missing = |name: &str| {
            Error::new(Kind::Invalid, &code::FLOW_1100, format!("the connection has no {name}"))
                .at(Place::pointer(format!("/auth/params/{name}")))
                .advice("Give both the access key and the secret key.")
        };
        let key = params.text(&["s3AccessKey", "accessKeyId"]).ok_or_else(|| missing("s3AccessKey"))?;
        let secret = params.secret(&["s3SecretKey", "secretAccessKey"]).ok_or_else(|| missing("s3SecretKey"))?;
        let token = params.secret(&["s3SessionToken", "sessionToken"]);
        let endpoint = Endpoint::parse(params.text(&["serviceUrl"]).as_deref())?;
        let bucket = params.text(&["bucketName"]).map(|name| name.trim_matches('/').to_string());
        let folder = params.text(&["folderPath"]).map(|path| path.trim_matches('/').to_string()).unwrap_or_default();
        let folder = if folder.is_empty() { folder } else { format!("{folder}/") };
        // Without a bucket, the folder path begins with it.
        let (bucket, folder) = match bucket.filter(|name| !name.is_empty()) {
            Some(bucket) => (Some(bucket), folder),
            None if folder.is_empty() => (None, folder),
            None => folder.split_once('/').map(|(b, f)| (Some(b.to_string()), f.to_string())).unwrap_or_default(),
        };
        let account = Account {
            gate: gate.clone(),
            endpoint,
            credentials: Credentials { key, secret, token },
            bucket,
            folder,
            regions: RwLock::default(),
        };
        Ok(S3 { account: Arc::new(account), patience: Patience::default() })
    }

    pub(crate) fn with_patience(mut self, patience: Patience) -> S3 {
        self.patience = patience;
        self
    }

    pub(crate) async fn test(&self) -> Vec<Check> {
        // A person waits for the answer.
        let hurried = Patience { attempts: self.patience.attempts.min(2), ..self.patience };
        let hurried = self.clone().with_patience(hurried);
        let mut checks = Vec::new();
        let started = Instant::now();
        let connected = match hurried.account.endpoint.root() {
            Ok(url) => hurried.account.gate.connect(&url).await,
            Err(e) => Err(e),
        };
        checks.push(told("connect", started, connected.err()));
        if checks[0].ok {
            let started = Instant::now();
            let listed = hurried.first_page().await;
            let sign_in = listed.as_ref().err().is_some_and(|fault| fault.sign_in);
            let error = listed.err().map(|fault| fault.error);
            if sign_in {
                checks.push(told("sign in", started, error));
            } else {
                checks.push(told("sign in", started, None));
                checks.push(told("list", started, error));
            }
        }
        for name in ["sign in", "list"] {
            if !checks.iter().any(|check| check.name == name) {
                checks.push(Check { name, ok: false, millis: 0, error: None });
            }
        }
        checks
    }

    pub(crate) async fn explore(&self, path: &str) -> Result<Vec<Entry>> {
        list::explore(self, path).await
    }

    pub(crate) fn list(&self, selection: &Selection) -> BoxStream<'static, Result<Object>> {
        list::list(self.clone(), selection.clone())
    }

    pub(crate) async fn stat(&self, path: &str) -> Result<Object> {
        match self.spot(path) {
            Spot::In { bucket, key } if !key.is_empty() => self.head(&bucket, &key).await,
            _ => Err(no_file(path)),
        }
    }

    pub(crate) fn read(&self, object: &Object, range: Option<Range<u64>>) -> BoxStream<'static, Result<Bytes>> {
        read::read(self.clone(), object.clone(), range)
    }

    /// The place a caller's path names. One leading slash is dropped, no more: a key may begin with one.
    fn spot(&self, path: &str) -> Spot {
        let path = path.strip_prefix('/').unwrap_or(path);
        match &self.account.bucket {
            Some(bucket) => Spot::In { bucket: bucket.clone(), key: format!("{}{path}", self.account.folder) },
            None => match path.split_once('/') {
                Some((bucket, key)) => Spot::In { bucket: bucket.to_string(), key: key.to_string() },
                None if path.is_empty() => Spot::Buckets,
                None => Spot::In { bucket: path.to_string(), key: String::new() },
            },
        }
    }

    /// The path that names a key: the inverse of [`S3::spot`].
    fn path(&self, bucket: &str, key: &str) -> String {
        match &self.account.bucket {
            Some(_) => format!("/{}", key.strip_prefix(&self.account.folder).unwrap_or(key)),
            None => format!("/{bucket}/{key}"),
        }
    }

    fn region(&self, bucket: Option<&str>) -> String {
        let regions = self.account.regions.read().unwrap_or_else(PoisonError::into_inner);
        regions.get(bucket.unwrap_or_default()).unwrap_or(&self.account.endpoint.region).clone()
    }

    fn learn_region(&self, bucket: Option<&str>, region: String) {
        let mut regions = self.account.regions.write().unwrap_or_else(PoisonError::into_inner);
        regions.insert(bucket.unwrap_or_default().to_string(), region);
    }
}

/// The one place that reads the clock: a signature needs the time of its own attempt.
fn now() -> Time {
    chrono::Utc::now()
}

fn told(name: &'static str, started: Instant, error: Option<Error>) -> Check {
    Check { name, ok: error.is_none(), millis: millis(started.elapsed()), error }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn no_file(path: &str) -> Error {
    Error::new(Kind::NotFound, &code::FLOW_1101, format!("{path:?} names no file"))
        .advice("Explore the connection to see what it holds. For a folder, set type to folder.")
}
