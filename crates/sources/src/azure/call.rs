//! One request: built, signed, sent through the gate, and judged.

use super::{Azure, fault, sign};
use crate::files::{ERROR_LIMIT, Fault, Named, bounded, document, now};
use forebay_model::{Error, Kind, code};
use http::{HeaderMap, HeaderName, Method};
use reqwest::Response;
use secrecy::ExposeSecret;

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

    pub(super) fn query(mut self, name: &str, value: &str) -> Ask {
        self.query.push((name.to_string(), value.to_string()));
        self
    }

    pub(super) fn query_some(self, name: &str, value: Option<&str>) -> Ask {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }
}

impl Azure {
    /// One attempt.
    pub(super) async fn attempt(&self, ask: &Ask) -> Result<Response, Fault> {
        let (account, now) = (&self.account, now());
        let mut headers = HeaderMap::new();
        for (name, value) in &ask.headers {
            headers.insert(name, ask.named.header(value).map_err(Fault::last)?);
        }
        let mut query = sign::encoded(&ask.query);
        if let Some(signature) = account.credentials.query() {
            let mark = if query.is_empty() { "" } else { "&" };
            query = format!("{query}{mark}{}", signature.expose_secret());
        }
        let target = account.endpoint.target(&ask.named, &query).map_err(Fault::last)?;
        let signed = sign::Signed { method: &ask.method, path: &target.path, query: &ask.query, headers: &headers };
        let more = sign::headers(&account.credentials, &signed, now).ok_or_else(|| Fault::last(unspeakable()))?;
        headers.extend(more);
        let mut request = reqwest::Request::new(ask.method.clone(), target.url);
        *request.headers_mut() = headers;
        let response = self.gate.send(request).await.map_err(Fault::of_gate)?;
        let (status, headers) = (response.status(), response.headers().clone());
        if status.is_success() {
            return Ok(response);
        }
        // A reason that does not arrive is no reason; the status and a header say enough.
        let body = bounded(response, ERROR_LIMIT).await.unwrap_or_default();
        Err(fault::of_answer(&ask.named, &account.credentials, status, &headers, &body, now))
    }

    pub(super) async fn document<T>(
        &self,
        ask: &Ask,
        read: impl Fn(&[u8]) -> Result<T, &'static str>,
    ) -> Result<T, Fault> {
        let response = self.attempt(ask).await?;
        document(&ask.named, response, read).await
    }
}

fn unspeakable() -> Error {
    Error::new(Kind::Refused, &code::FLOW_1100, "the account's name has characters that no header can hold")
        .advice("Copy the connection string again.")
}
