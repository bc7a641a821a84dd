//! The one gate for all calls to the outside. Nothing else in the program opens a connection to a place that a caller
//! named.
//!
//! What always holds: only `http` and `https`; no user name in the URL; a host name is resolved once, every address
//! of the answer is judged, and the connection goes to one of the judged addresses; an address written in the URL is
//! judged before the request, because resolver hooks are not called for it; no proxy of the environment is used and
//! no redirect is followed. What is refused is refused before anything connects, with one text for all reasons.

use crate::address;
use bytes::Bytes;
use forebay_model::{Error, Kind, Result, code};
use futures::future::BoxFuture;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use url::{Host, Url};

/// How long a body may be silent.
const IDLE: Duration = Duration::from_secs(60);
/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(10);

/// Turns a host name into addresses.
pub type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// The gate. Clones share one pool of connections.
#[derive(Clone)]
pub struct Gate {
    client: reqwest::Client,
    rules: Arc<Rules>,
}

/// What the operator allows, and how names are looked up.
struct Rules {
    allow: Vec<IpNet>,
    lookup: Lookup,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("allow", &self.rules.allow).finish_non_exhaustive()
    }
}

impl Gate {
    /// A gate that lets through to public addresses and to those of `allow`, the operator's list.
    pub fn new(allow: Vec<IpNet>) -> Result<Gate> {
        Gate::with_lookup(allow, Arc::new(|host| Box::pin(system_lookup(host))), IDLE)
    }

    /// The same, with its own way to look up names and its own patience with silent bodies: for tests.
    pub fn with_lookup(allow: Vec<IpNet>, lookup: Lookup, idle: Duration) -> Result<Gate> {
        let rules = Arc::new(Rules { allow, lookup });
        let client = reqwest::Client::builder()
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT)
            .read_timeout(idle)
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("forebay/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Arc::new(Judge(rules.clone())))
            .build()
            .map_err(|e| Error::internal("the HTTP client cannot be built").caused_by(e))?;
        Ok(Gate { client, rules })
    }

    /// Judges a URL as far as that goes without looking up its host.
    pub fn check(&self, url: &Url) -> Result<()> {
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(name)) if !name.is_empty() => None,
            _ => return Err(refused(url)),
        };
        let plain = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
        let reachable = literal.is_none_or(|address| address::allowed(address, &self.rules.allow));
        if plain && reachable { Ok(()) } else { Err(refused(url)) }
    }

    /// Sends one request. The answer's status is the caller's to judge; redirects come back as they are.
    pub async fn send(&self, request: reqwest::Request) -> Result<reqwest::Response> {
        self.check(request.url())?;
        let url = request.url().clone();
        match self.client.execute(request).await {
            Ok(response) => Ok(response),
            Err(e) => Err(failure(&url, e)),
        }
    }

    /// The body of a small document, such as a key set: 200 and at most `limit` bytes, in ten seconds, or an error.
    pub async fn fetch(&self, url: &Url, limit: usize) -> Result<Vec<u8>> {
        let mut request = reqwest::Request::new(reqwest::Method::GET, url.clone());
        *request.timeout_mut() = Some(CONNECT);
        let mut response = self.send(request).await?;
        let status = response.status();
        if status != reqwest::StatusCode::OK {
            let message = format!("{} answered {}", shown_host(url), status.as_u16());
            return Err(Error::new(Kind::Refused, &code::FLOW_1102, message));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|e| failure(url, e))? {
            if body.len() + chunk.len() > limit {
                let message = format!("{} answered more than {limit} bytes", shown_host(url));
                return Err(Error::new(Kind::Refused, &code::FLOW_1102, message));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Posts a body and answers the status, within `patience`. What the other side says is not read.
    pub async fn post(&self, url: &Url, headers: HeaderMap, body: Bytes, patience: Duration) -> Result<u16> {
        let mut request = reqwest::Request::new(reqwest::Method::POST, url.clone());
        *request.headers_mut() = headers;
        *request.body_mut() = Some(body.into());
        *request.timeout_mut() = Some(patience);
        Ok(self.send(request).await?.status().as_u16())
    }

    /// Resolves a URL's host and opens a connection to it, nothing more: what a connection test reports first.
    pub async fn connect(&self, url: &Url) -> Result<()> {
        self.check(url)?;
        let mut request = reqwest::Request::new(reqwest::Method::HEAD, url.clone());
        *request.timeout_mut() = Some(CONNECT + Duration::from_secs(5));
        self.send(request).await.map(|_| ())
    }
}

/// Looks every name up and lets it through only if every address of the answer may be reached.
struct Judge(Arc<Rules>);

impl Resolve for Judge {
    fn resolve(&self, name: Name) -> Resolving {
        let rules = self.0.clone();
        let host = name.as_str().to_string();
        Box::pin(async move {
            let addresses = (rules.lookup)(host).await?;
            if addresses.is_empty() {
                return Err(Box::new(io::Error::new(io::ErrorKind::NotFound, "no address")) as _);
            }
            if !addresses.iter().all(|address| address::allowed(*address, &rules.allow)) {
                return Err(Box::new(Blocked) as _);
            }
            // Port 0 is replaced by the URL's.
            let addresses: Vec<SocketAddr> = addresses.into_iter().map(|address| SocketAddr::new(address, 0)).collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

async fn system_lookup(host: String) -> io::Result<Vec<IpAddr>> {
    let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
    Ok(found.map(|address| address.ip()).collect())
}

/// The mark that a judged name leaves in the HTTP client's error.
#[derive(Debug)]
struct Blocked;

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("endpoint not allowed")
    }
}

impl std::error::Error for Blocked {}

/// One text for every reason, so that a caller cannot map the inside by it.
fn refused(url: &Url) -> Error {
    let host = shown_host(url);
    Error::new(Kind::Refused, &code::FLOW_1100, format!("endpoint not allowed: {host}")).advice(
        "Use a public http or https address without a user name in it. For an address inside your network the \
         operator lists it in egress.allow (FOREBAY_EGRESS_ALLOW), such as 10.1.2.0/24.",
    )
}

/// What became of a request that got no answer.
fn failure(url: &Url, error: reqwest::Error) -> Error {
    let mut below: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(e) = below {
        if e.is::<Blocked>() {
            return refused(url);
        }
        below = e.source();
    }
    let host = shown_host(url);
    let timed_out = error.is_timeout();
    let error = error.without_url();
    if timed_out {
        return Error::new(Kind::TimedOut, &code::FLOW_1104, format!("{host} did not answer in time"))
            .advice("Try again later, or check that the endpoint can be reached from this machine.")
            .caused_by(error);
    }
    Error::new(Kind::Unavailable { retry_after: None }, &code::FLOW_1103, format!("{host} could not be reached"))
        .advice("Check the endpoint's name, port and certificate, and that it can be reached from this machine.")
        .caused_by(error)
}

/// Host and port, never a user name or a query.
fn shown_host(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_string(),
        (None, _) => "the address".to_string(),
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
