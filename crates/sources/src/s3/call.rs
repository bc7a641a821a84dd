//! One request: built, signed, sent through the gate, judged, and sent again where that may help.

use super::fault::{self, Fault};
use super::{Named, S3, now, sign, xml};
use crate::pause::{self, Pauses};
use bytes::BytesMut;
use forebay_model::files::Object;
use forebay_model::{Error, Kind, code};
use http::header::{CONTENT_LENGTH, ETAG, LAST_MODIFIED, RANGE};
use http::{HeaderName, HeaderValue, Method};
use reqwest::Response;

/// The most of an error's body that is read.
const ERROR_LIMIT: usize = 64 << 10;
/// The largest document that is read: a page of 1,000 keys of 1,024 encoded bytes fits many times.
const DOCUMENT_LIMIT: usize = 32 << 20;

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) method: Method,
    pub(super) named: Named,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(HeaderName, String)>,
}

impl Ask {
    pub(super) fn get(named: Named) -> Ask {
        Ask { method: Method::GET, named, query: Vec::new(), headers: Vec::new() }
    }

    pub(super) fn query(mut self, name: &str, value: impl Into<String>) -> Ask {
        self.query.push((name.to_string(), value.into()));
        self
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Ask {
        self.headers.push((name, value.into()));
        self
    }

    fn bucket(&self) -> Option<&str> {
        match &self.named {
            Named::Buckets => None,
            Named::Bucket(bucket) | Named::Object { bucket, .. } => Some(bucket),
        }
    }

    fn key(&self) -> Option<&str> {
        match &self.named {
            Named::Object { key, .. } => Some(key),
            _ => None,
        }
    }
}

impl S3 {
    /// One attempt; a second one at once when the first answer names another region.
    pub(super) async fn attempt(&self, ask: &Ask) -> Result<Response, Fault> {
        let region = self.region(ask.bucket());
        let fault = match self.send(ask, &region).await {
            Ok(response) => return Ok(response),
            Err(fault) => fault,
        };
        match &fault.region {
            Some(told) if *told != region => {
                let response = self.send(ask, told).await?;
                self.learn_region(ask.bucket(), told.clone());
                Ok(response)
            }
            _ => Err(fault),
        }
    }

    /// Attempts until one succeeds, cannot succeed, or patience ends.
    pub(super) async fn document<T>(
        &self,
        ask: &Ask,
        read: impl Fn(&[u8]) -> Result<T, &'static str>,
    ) -> Result<T, Fault> {
        let mut pauses = Pauses::new(self.patience);
        loop {
            let fault = match self.read_document(ask, &read).await {
                Ok(document) => return Ok(document),
                Err(fault) => fault,
            };
            self.pause(&mut pauses, fault).await?;
        }
    }

    /// Waits before the next attempt, or gives the fault back when there is none.
    pub(super) async fn pause(&self, pauses: &mut Pauses, fault: Fault) -> Result<(), Fault> {
        if !fault.again {
            return Err(fault);
        }
        match pauses.next(fault.retry_after, pause::chance()) {
            Some(pause) => {
                tracing::debug!(millis = pause.as_millis() as u64, "{}: trying again", fault.error);
                tokio::time::sleep(pause).await;
                Ok(())
            }
            None => Err(fault),
        }
    }

    /// What `HEAD` says of an object. Its failures have no body, so the reason is asked for with a `GET`.
    pub(super) async fn head(&self, bucket: &str, key: &str) -> Result<Object, Error> {
        let named = Named::Object { bucket: bucket.to_string(), key: key.to_string() };
        let head = Ask { method: Method::HEAD, ..Ask::get(named.clone()) };
        let mut pauses = Pauses::new(self.patience);
        loop {
            let mut fault = match self.attempt(&head).await {
                Ok(response) => {
                    return object(bucket, key, &response).ok_or_else(|| not_s3(&named, "it lacks headers"));
                }
                Err(fault) => fault,
            };
            if fault.error.kind == Kind::Refused {
                let ask = Ask::get(named.clone()).header(RANGE, "bytes=0-0");
                fault = self.attempt(&ask).await.err().unwrap_or(fault);
            }
            if let Err(fault) = self.pause(&mut pauses, fault).await {
                return Err(fault.error);
            }
        }
    }

    async fn read_document<T>(&self, ask: &Ask, read: impl Fn(&[u8]) -> Result<T, &'static str>) -> Result<T, Fault> {
        let response = self.attempt(ask).await?;
        let body = bounded(response, DOCUMENT_LIMIT).await.map_err(|e| broken(&ask.named, e))?;
        if body.len() > DOCUMENT_LIMIT {
            return Err(Fault::last(not_s3(&ask.named, "the answer is too large")));
        }
        read(&body).map_err(|why| Fault::last(not_s3(&ask.named, why)))
    }

    async fn send(&self, ask: &Ask, region: &str) -> Result<Response, Fault> {
        let (account, now) = (&self.account, now());
        let query = sign::query(&ask.query);
        let target = account.endpoint.target(region, ask.bucket(), ask.key(), &query).map_err(Fault::last)?;
        let signed =
            sign::Signed { method: &ask.method, host: &target.host, path: &target.path, query: &ask.query, region };
        let headers = sign::headers(&account.credentials, &signed, now).ok_or_else(|| Fault::last(unspeakable()))?;
        let mut request = reqwest::Request::new(ask.method.clone(), target.url);
        *request.headers_mut() = headers;
        for (name, value) in &ask.headers {
            let value = HeaderValue::from_str(value).map_err(|_| Fault::last(not_s3(&ask.named, "its etag is odd")))?;
            request.headers_mut().insert(name, value);
        }
        let response = account.gate.send(request).await.map_err(Fault::of_gate)?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_success() {
            return Ok(response);
        }
        // A reason that does not arrive is no reason; the status alone says enough.
        let body = bounded(response, ERROR_LIMIT).await.unwrap_or_default();
        Err(fault::of_answer(&ask.named, &account.credentials, status, &headers, &body, now))
    }
}

/// A body, up to a little more than `limit` bytes of it.
async fn bounded(mut response: Response, limit: usize) -> Result<BytesMut, reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > limit {
            break;
        }
    }
    Ok(body)
}

fn object(bucket: &str, key: &str, response: &Response) -> Option<Object> {
    let text = |name: &HeaderName| response.headers().get(name)?.to_str().ok();
    let modified = chrono::DateTime::parse_from_rfc2822(text(&LAST_MODIFIED)?).ok()?;
    Some(Object {
        bucket: bucket.to_string(),
        key: key.to_string(),
        size: text(&CONTENT_LENGTH)?.parse().ok()?,
        etag: xml::quoted(text(&ETAG).unwrap_or_default()),
        modified: modified.timestamp_millis(),
    })
}

/// The connection broke in the middle of a body.
pub(super) fn broken(named: &Named, error: reqwest::Error) -> Fault {
    let (kind, code) = match error.is_timeout() {
        true => (Kind::TimedOut, &code::FLOW_1104),
        false => (Kind::Unavailable { retry_after: None }, &code::FLOW_1103),
    };
    let what = if error.is_timeout() { "went silent" } else { "broke off" };
    let error = Error::new(kind, code, format!("{named}: the answer {what}")).caused_by(error.without_url());
    Fault::passing(error.advice("Try again later, or check the network between this machine and the source."))
}

/// The other side answered, and not as S3 does.
pub(super) fn not_s3(named: &Named, why: &str) -> Error {
    Error::new(Kind::Refused, &code::FLOW_1102, format!("{named}: the answer is not one of S3: {why}"))
        .advice("Check serviceUrl: something else may answer at that address.")
}

fn unspeakable() -> Error {
    Error::new(
        Kind::Refused,
        &code::FLOW_1100,
        "a key or token of the connection has characters that no header can hold",
    )
    .advice("Copy the credentials again, without line breaks.")
}
