//! One request: built, signed, sent through the gate, and judged.

use super::{S3, fault, sign};
use crate::files::{ERROR_LIMIT, Fault, Named, bounded, document, now, object};
use forebay_model::files::Object;
use forebay_model::{Error, Kind, code};
use http::header::RANGE;
use http::{HeaderName, Method};
use reqwest::Response;

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

    fn bucket(&self) -> Option<&str> {
        self.named.bucket.as_deref()
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

    pub(super) async fn document<T>(
        &self,
        ask: &Ask,
        read: impl Fn(&[u8]) -> Result<T, &'static str>,
    ) -> Result<T, Fault> {
        let response = self.attempt(ask).await?;
        document(&ask.named, response, read).await
    }

    /// What `HEAD` says of an object. Its failures have no body, so the reason is asked for with a `GET`.
    pub(super) async fn look(&self, named: Named, bucket: &str, key: &str) -> Result<Object, Fault> {
        let head = Ask { method: Method::HEAD, ..Ask::get(named.clone()) };
        let fault = match self.attempt(&head).await {
            Ok(response) => {
                let found = object(bucket, key, &response);
                return found.ok_or_else(|| Fault::last(named.not_one("it lacks headers")));
            }
            Err(fault) => fault,
        };
        if fault.error.kind != Kind::Refused {
            return Err(fault);
        }
        let ask = Ask { headers: vec![(RANGE, "bytes=0-0".to_string())], ..Ask::get(named) };
        Err(self.attempt(&ask).await.err().unwrap_or(fault))
    }

    async fn send(&self, ask: &Ask, region: &str) -> Result<Response, Fault> {
        let now = now();
        let query = sign::query(&ask.query);
        let target = self.endpoint.target(region, &ask.named, &query).map_err(Fault::last)?;
        let signed =
            sign::Signed { method: &ask.method, host: &target.host, path: &target.path, query: &ask.query, region };
        let headers = sign::headers(&self.credentials, &signed, now).ok_or_else(|| Fault::last(unspeakable()))?;
        let mut request = reqwest::Request::new(ask.method.clone(), target.url);
        *request.headers_mut() = headers;
        for (name, value) in &ask.headers {
            request.headers_mut().insert(name, ask.named.header(value).map_err(Fault::last)?);
        }
        let response = self.gate.send(request).await.map_err(Fault::of_gate)?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_success() {
            return Ok(response);
        }
        // A reason that does not arrive is no reason; the status alone says enough.
        let body = bounded(response, ERROR_LIMIT).await.unwrap_or_default();
        Err(fault::of_answer(&ask.named, &self.credentials, status, &headers, &body, now))
    }
}

fn unspeakable() -> Error {
    Error::new(
        Kind::Refused,
        &code::FLOW_1100,
        "a key or token of the connection has characters that no header can hold",
    )
    .advice("Copy the credentials again, without line breaks.")
}
