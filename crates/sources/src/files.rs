//! Stores of objects, whatever their protocol: what [`crate::s3`] and [`crate::azure`] share. A store says how one
//! request is made and what its answer means; here is what follows from that: the place a path names, listing,
//! reading, patience, and the test of a connection.
//!
//! What always holds: keys are the store's raw strings, never normalised; the bucket and the folder of the connection
//! are its root, and nothing above them is asked for. Start at [`Store`], then `list.rs` and `read.rs`.

mod fault;
mod list;
mod read;
mod xml;

pub(crate) use fault::{Fault, broken, retry_after, skew};
#[cfg(test)]
pub(crate) use xml::Told;
pub(crate) use xml::{error as told, millis_of, quoted, walk};

use crate::pause::{self, Pauses};
use crate::{Check, Entry, Gate, Patience};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use forebay_model::files::{Object, Selection};
use forebay_model::{Error, Kind, Result, Time, code};
use futures::stream::BoxStream;
use http::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};
use reqwest::Response;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// What is encoded in a query: all but the unreserved characters of RFC 3986.
pub(crate) const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// What is encoded in a path: the same, without the slash.
pub(crate) const PATH: &AsciiSet = &QUERY.remove(b'/');

/// The most of an error's body that is read.
pub(crate) const ERROR_LIMIT: usize = 64 << 10;
/// The largest document that is read: a page of a listing with the longest keys fits many times.
pub(crate) const DOCUMENT_LIMIT: usize = 32 << 20;

/// One account at a store of objects: how a request is made, once. Whoever calls repeats it.
#[async_trait]
pub(crate) trait Store: Send + Sync + fmt::Debug {
    /// The words of its kind.
    fn words(&self) -> &'static Words;

    /// The way out.
    fn gate(&self) -> &Gate;

    /// The service itself.
    fn service(&self) -> Result<Url>;

    /// A page of the buckets' names, and where the next one starts.
    async fn buckets(&self, token: Option<&str>) -> Result<(Vec<String>, Option<String>), Fault>;

    /// A page of a listing, with at most `most` keys in it.
    async fn page(&self, keys: &Keys, token: Option<&str>, most: Option<u32>) -> Result<Page, Fault>;

    /// What the store says of an object.
    async fn head(&self, bucket: &str, key: &str) -> Result<Object, Fault>;

    /// The object's bytes, as the further headers say.
    async fn get(&self, bucket: &str, key: &str, headers: &[(HeaderName, String)]) -> Result<Response, Fault>;
}

/// What a store calls things, in messages.
#[derive(Debug)]
pub(crate) struct Words {
    /// `S3`: in "the answer is not one of S3".
    pub(crate) store: &'static str,
    pub(crate) bucket: &'static str,
    pub(crate) object: &'static str,
    /// The parameter that says where the store is.
    pub(crate) address: &'static str,
}

/// What a request is about, in the words of an error message.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    words: &'static Words,
    pub(crate) bucket: Option<String>,
    pub(crate) key: Option<String>,
}

impl Named {
    pub(crate) fn buckets(words: &'static Words) -> Named {
        Named { words, bucket: None, key: None }
    }

    pub(crate) fn bucket(words: &'static Words, bucket: &str) -> Named {
        Named { words, bucket: Some(bucket.to_string()), key: None }
    }

    pub(crate) fn object(words: &'static Words, bucket: &str, key: &str) -> Named {
        Named { words, bucket: Some(bucket.to_string()), key: Some(key.to_string()) }
    }

    /// The other side answered, and not as such a store does.
    pub(crate) fn not_one(&self, why: &str) -> Error {
        let message = format!("{self}: the answer is not one of {}: {why}", self.words.store);
        Error::new(Kind::Refused, &code::FLOW_1102, message)
            .advice(format!("Check {}: something else may answer at that address.", self.words.address))
    }

    /// No URL can hold this name.
    pub(crate) fn unspeakable(&self) -> Error {
        Error::new(Kind::Refused, &code::FLOW_1100, format!("no request can name {self}"))
            .advice(format!("Rename the {}, or select files with a pattern that leaves it out.", self.words.object))
    }

    /// The headers of a request beside those that sign it; an etag may hold what no header can.
    pub(crate) fn header(&self, value: &str) -> Result<HeaderValue> {
        HeaderValue::from_str(value).map_err(|_| self.not_one("its etag is odd"))
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Words { bucket: word, object, .. } = self.words;
        match (&self.bucket, &self.key) {
            (Some(bucket), Some(key)) => write!(f, "{object} {key:?} of {word} {bucket:?}"),
            (Some(bucket), None) => write!(f, "{word} {bucket:?}"),
            (None, _) => write!(f, "the list of {word}s"),
        }
    }
}

/// One page of a listing. The bucket of its objects is filled in by the caller.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) objects: Vec<Object>,
    pub(crate) folders: Vec<String>,
    /// Where the next page starts; `None` on the last one.
    pub(crate) next: Option<String>,
}

/// Which keys of a bucket.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) bucket: String,
    pub(crate) prefix: String,
    /// One level: what lies deeper comes as folders.
    pub(crate) flat: bool,
}

/// The part of a store that a connection names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Root {
    /// The bucket.
    bucket: Option<String>,
    /// The folder: empty, or with a trailing slash.
    folder: String,
}

impl Root {
    /// From the parameters as they were written. Without a bucket, the folder's path begins with it.
    pub(crate) fn new(bucket: Option<String>, folder: Option<String>) -> Root {
        let bucket = bucket.map(|name| name.trim_matches('/').to_string()).filter(|name| !name.is_empty());
        let folder = folder.map(|path| path.trim_matches('/').to_string()).unwrap_or_default();
        let folder = if folder.is_empty() { folder } else { format!("{folder}/") };
        match bucket {
            Some(bucket) => Root { bucket: Some(bucket), folder },
            None => match folder.split_once('/') {
                Some((bucket, folder)) => Root { bucket: Some(bucket.to_string()), folder: folder.to_string() },
                None => Root::default(),
            },
        }
    }

    /// The place a caller's path names. One leading slash is dropped, no more: a key may begin with one.
    fn spot(&self, path: &str) -> Spot {
        let path = path.strip_prefix('/').unwrap_or(path);
        match &self.bucket {
            Some(bucket) => Spot::In { bucket: bucket.clone(), key: format!("{}{path}", self.folder) },
            None => match path.split_once('/') {
                Some((bucket, key)) => Spot::In { bucket: bucket.to_string(), key: key.to_string() },
                None if path.is_empty() => Spot::Buckets,
                None => Spot::In { bucket: path.to_string(), key: String::new() },
            },
        }
    }

    /// The path that names a key: the inverse of [`Root::spot`].
    fn path(&self, bucket: &str, key: &str) -> String {
        match &self.bucket {
            Some(_) => format!("/{}", key.strip_prefix(&self.folder).unwrap_or(key)),
            None => format!("/{bucket}/{key}"),
        }
    }
}

/// A place below the root: nothing (the buckets), or a bucket and a key or prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Spot {
    Buckets,
    In { bucket: String, key: String },
}

/// One account at a store of objects, with the root of its connection and the patience of its caller.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    store: Arc<dyn Store>,
    root: Root,
    patience: Patience,
}

impl Files {
    pub(crate) fn new(store: impl Store + 'static, root: Root) -> Files {
        Files { store: Arc::new(store), root, patience: Patience::default() }
    }

    pub(crate) fn with_patience(mut self, patience: Patience) -> Files {
        self.patience = patience;
        self
    }

    pub(crate) async fn test(&self) -> Vec<Check> {
        // A person waits for the answer.
        let hurried = Patience { attempts: self.patience.attempts.min(2), ..self.patience };
        let hurried = self.clone().with_patience(hurried);
        let mut checks = Vec::new();
        let started = Instant::now();
        let connected = match self.store.service() {
            Ok(url) => self.store.gate().connect(&url).await,
            Err(e) => Err(e),
        };
        checks.push(check("connect", started, connected.err()));
        if checks[0].ok {
            let started = Instant::now();
            let listed = hurried.first_page().await;
            let sign_in = listed.as_ref().err().is_some_and(|fault| fault.sign_in);
            let error = listed.err().map(|fault| fault.error);
            if sign_in {
                checks.push(check("sign in", started, error));
            } else {
                checks.push(check("sign in", started, None));
                checks.push(check("list", started, error));
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
        match self.root.spot(path) {
            Spot::In { bucket, key } if !key.is_empty() => self.head(&bucket, &key).await,
            _ => Err(no_file(path)),
        }
    }

    pub(crate) fn read(&self, object: &Object, range: Option<Range<u64>>) -> BoxStream<'static, Result<Bytes>> {
        read::read(self.clone(), object.clone(), range)
    }

    async fn head(&self, bucket: &str, key: &str) -> Result<Object> {
        self.patiently(|| self.store.head(bucket, key)).await.map_err(|fault| fault.error)
    }

    /// Attempts until one succeeds, cannot succeed, or patience ends.
    async fn patiently<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut pauses = Pauses::new(self.patience);
        loop {
            match attempt().await {
                Ok(answer) => return Ok(answer),
                Err(fault) => pause(&mut pauses, fault).await?,
            }
        }
    }
}

/// Waits before the next attempt, or gives the fault back when there is none.
async fn pause(pauses: &mut Pauses, fault: Fault) -> Result<(), Fault> {
    if !fault.again {
        return Err(fault);
    }
    match pauses.next(fault.retry_after, pause::chance()) {
        Some(pause) => {
            tracing::debug!(millis = millis(pause), "{}: trying again", fault.error);
            tokio::time::sleep(pause).await;
            Ok(())
        }
        None => Err(fault),
    }
}

/// A body, up to a little more than `limit` bytes of it.
pub(crate) async fn bounded(mut response: Response, limit: usize) -> Result<BytesMut, reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > limit {
            break;
        }
    }
    Ok(body)
}

/// A document, read whole and understood.
pub(crate) async fn document<T>(
    named: &Named,
    response: Response,
    read: impl Fn(&[u8]) -> Result<T, &'static str>,
) -> Result<T, Fault> {
    let body = bounded(response, DOCUMENT_LIMIT).await.map_err(|e| broken(named, e))?;
    if body.len() > DOCUMENT_LIMIT {
        return Err(Fault::last(named.not_one("the answer is too large")));
    }
    read(&body).map_err(|why| Fault::last(named.not_one(why)))
}

/// What the headers of an answer say of an object.
pub(crate) fn object(bucket: &str, key: &str, response: &Response) -> Option<Object> {
    let text = |name: HeaderName| response.headers().get(name)?.to_str().ok();
    let modified = chrono::DateTime::parse_from_rfc2822(text(http::header::LAST_MODIFIED)?).ok()?;
    Some(Object {
        bucket: bucket.to_string(),
        key: key.to_string(),
        size: text(http::header::CONTENT_LENGTH)?.parse().ok()?,
        etag: quoted(text(http::header::ETAG).unwrap_or_default()),
        modified: modified.timestamp_millis(),
    })
}

/// The path as it is sent. A URL cannot hold a `.` or `..` segment: every parser on the way folds it. Written with
/// `%2F` for its slashes such a key is one segment, and the service decodes it to the same key.
pub(crate) fn sent_path(path: &str) -> String {
    if !path.split('/').any(|segment| matches!(segment, "." | "..")) {
        return path.to_string();
    }
    format!("/{}", path[1..].replace('/', "%2F"))
}

/// The one place that reads the clock: a signature needs the time of its own attempt.
pub(crate) fn now() -> Time {
    chrono::Utc::now()
}

fn check(name: &'static str, started: Instant, error: Option<Error>) -> Check {
    Check { name, ok: error.is_none(), millis: millis(started.elapsed()), error }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn no_file(path: &str) -> Error {
    Error::new(Kind::NotFound, &code::FLOW_1101, format!("{path:?} names no file"))
        .advice("Explore the connection to see what it holds. For a folder, set type to folder.")
}
