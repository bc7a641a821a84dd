//! A client of Azurite, Microsoft's emulator of Azure Blob Storage, for tests: makes containers, puts blobs, and signs
//! shared access signatures. The emulator is started by `scripts/with-services.sh`, and judges what our source sends.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;
use std::io;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// The version of the protocol that signatures are made for.
const VERSION: &str = "2021-12-02";
/// What is encoded in a query.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// What is encoded in a path.
const PATH: &AsciiSet = &QUERY.remove(b'/');

/// An account at a running emulator.
#[derive(Debug, Clone)]
pub struct Azurite {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The account's name.
    pub account: String,
    /// The account's key, in Base64.
    pub key: String,
}

impl Azurite {
    /// The emulator that the tests were given; one that is missing is an error that says how to get it.
    pub fn given() -> io::Result<Azurite> {
        let given = |name: &str| {
            let hint =
                || io::Error::other(format!("{name} is not set: run the tests through scripts/with-services.sh"));
            std::env::var(name).map_err(|_| hint())
        };
        let addr = given("FOREBAY_TEST_AZURE_ADDRESS")?.parse().map_err(io::Error::other)?;
        Ok(Azurite { addr, account: given("FOREBAY_TEST_AZURE_ACCOUNT")?, key: given("FOREBAY_TEST_AZURE_KEY")? })
    }

    /// The account's connection string, with the emulator or something before it at `addr`.
    pub fn connection_string(&self, addr: SocketAddr) -> String {
        let Azurite { account, key, .. } = self;
        format!(
            "DefaultEndpointsProtocol=http;AccountName={account};AccountKey={key};BlobEndpoint=http://{addr}/{account}"
        )
    }

    /// The URI of the account, or of one container, with a signature as its query.
    pub fn uri(&self, addr: SocketAddr, container: Option<&str>, signature: &str) -> String {
        let container = container.map(|name| format!("/{name}")).unwrap_or_default();
        format!("http://{addr}/{}{container}?{signature}", self.account)
    }

    /// A signature for the account's blobs.
    pub fn account_signature(&self, permissions: &str, expiry: DateTime<Utc>) -> String {
        let expiry = time(expiry);
        let text = format!("{}\n{permissions}\nb\nsco\n\n{expiry}\n\n\n{VERSION}\n\n", self.account);
        query(&[
            ("sv", VERSION),
            ("ss", "b"),
            ("srt", "sco"),
            ("sp", permissions),
            ("se", &expiry),
            ("sig", &self.sign(&text)),
        ])
    }

    /// A signature for one container.
    pub fn container_signature(&self, container: &str, permissions: &str, expiry: DateTime<Utc>) -> String {
        let expiry = time(expiry);
        let place = format!("/blob/{}/{container}", self.account);
        let text = format!("{permissions}\n\n{expiry}\n{place}\n\n\n\n{VERSION}\nc\n\n\n\n\n\n\n");
        query(&[("sv", VERSION), ("sr", "c"), ("sp", permissions), ("se", &expiry), ("sig", &self.sign(&text))])
    }

    /// Makes a container.
    pub async fn create(&self, container: &str) -> io::Result<()> {
        self.ask(Method::PUT, container, "", "restype=container", Bytes::new()).await
    }

    /// Puts a blob, over one of the same name.
    pub async fn put(&self, container: &str, name: &str, bytes: impl Into<Bytes>) -> io::Result<()> {
        self.ask(Method::PUT, container, name, "", bytes.into()).await
    }

    /// Deletes a blob.
    pub async fn delete(&self, container: &str, name: &str) -> io::Result<()> {
        self.ask(Method::DELETE, container, name, "", Bytes::new()).await
    }

    fn sign(&self, text: &str) -> String {
        let key = STANDARD.decode(&self.key).unwrap_or_default();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }

    async fn ask(&self, method: Method, container: &str, name: &str, what: &str, body: Bytes) -> io::Result<()> {
        let signature = self.account_signature("rwdlc", Utc::now() + chrono::Duration::hours(1));
        let slash = if name.is_empty() { "" } else { "/" };
        let path = format!("{}{slash}{}", utf8_percent_encode(container, PATH), utf8_percent_encode(name, PATH));
        let uri = format!("/{}/{path}?{what}&{signature}", self.account);
        let request = Request::builder().method(method).uri(uri).header("host", self.addr.to_string());
        let request = request
            .header("x-ms-version", VERSION)
            .header("x-ms-blob-type", "BlockBlob")
            .header("content-length", body.len());
        let request = request.body(Full::new(body)).map_err(io::Error::other)?;
        let stream = TcpStream::connect(self.addr).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        let status = answer.status();
        let said = answer.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
        match status {
            StatusCode::CREATED | StatusCode::ACCEPTED => Ok(()),
            _ => Err(io::Error::other(format!("{path}: {status} {}", String::from_utf8_lossy(&said)))),
        }
    }
}

fn time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn query(pairs: &[(&str, &str)]) -> String {
    let encoded: Vec<String> =
        pairs.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, QUERY))).collect();
    encoded.join("&")
}
