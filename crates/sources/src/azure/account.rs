//! What a connection says of an account: a connection string or the URI of a shared access signature, read once.
//!
//! What always holds: no part of either is repeated in an error, since each of them may hold the secret.

use super::sign::{Credentials, Signature};
use crate::files::{Named, PATH, sent_path};
use crate::params::Params;
use forebay_model::{Error, Kind, Place, Result, code};
use percent_encoding::{percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use url::{Host, Url};

/// The suffix of public Azure.
const SUFFIX: &str = "core.windows.net";
/// Ports that stand for an emulator, where the account is in the path and not in the host.
const EMULATOR: [std::ops::RangeInclusive<u16>; 3] = [10000..=10004, 10100..=10104, 11000..=11004];

/// An account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) endpoint: Endpoint,
    pub(super) credentials: Credentials,
    /// The one container that the URI of the signature names.
    pub(super) container: Option<String>,
}

/// Where the blobs of an account are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Scheme, host and, when it is not the scheme's own, port.
    origin: String,
    /// A path under which the account lies, without a trailing slash; empty but for emulators and proxies.
    base: String,
}

/// Where one request goes.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) url: Url,
    /// The path as it is sent, which is also the one that is signed.
    pub(super) path: String,
}

impl Account {
    pub(super) fn new(params: &Params<'_>) -> Result<Account> {
        if let Some(text) = params.secret(&["connectionString"]) {
            return from_string(text.expose_secret());
        }
        match params.secret(&["sasUri"]) {
            Some(uri) => from_uri(uri.expose_secret()),
            None => Err(Wrong::STRING.because("it is missing, and so is sasUri")),
        }
    }
}

/// A parameter that cannot be used.
struct Wrong {
    name: &'static str,
    advice: &'static str,
}

impl Wrong {
    const STRING: Wrong = Wrong {
        name: "connectionString",
        advice: "Copy it from the storage account's access keys: \
                 DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…;EndpointSuffix=core.windows.net.",
    };
    const URI: Wrong = Wrong {
        name: "sasUri",
        advice: "Copy it from the shared access signature of the account or container: \
                 https://{account}.blob.core.windows.net/{container}?sv=…&sp=rl&se=…&sig=….",
    };

    fn because(&self, why: &str) -> Error {
        Error::new(Kind::Invalid, &code::FLOW_1100, format!("{} cannot be used: {why}", self.name))
            .at(Place::pointer(format!("/auth/params/{}", self.name)))
            .advice(self.advice)
    }
}

fn from_string(text: &str) -> Result<Account> {
    let wrong = Wrong::STRING;
    let mut parts = Vec::new();
    for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| wrong.because("a part of it has no value"))?;
        parts.push((name.trim().to_ascii_lowercase(), value.trim()));
    }
    let part = |wanted: &str| parts.iter().find(|(n, v)| n == wanted && !v.is_empty()).map(|(_, value)| *value);
    if part("usedevelopmentstorage").is_some() {
        return Err(
            wrong.because("UseDevelopmentStorage names no account; write out AccountName, AccountKey and BlobEndpoint")
        );
    }
    let name = part("accountname");
    if name.is_some_and(|name| !name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')) {
        return Err(wrong.because("AccountName has characters that no account's name has"));
    }
    let url = match (part("blobendpoint"), name) {
        (Some(url), _) => url.to_string(),
        (None, Some(name)) => {
            let scheme = part("defaultendpointsprotocol").unwrap_or("https");
            format!("{scheme}://{name}.blob.{}", part("endpointsuffix").unwrap_or(SUFFIX))
        }
        (None, None) => return Err(wrong.because("it has neither AccountName nor BlobEndpoint")),
    };
    let url = parsed(&url, &wrong)?;
    let credentials = match (part("accountkey"), part("sharedaccesssignature")) {
        (Some(key), _) => {
            let name = name.ok_or_else(|| wrong.because("it has an AccountKey and no AccountName"))?;
            let key = SecretString::from(key.to_string());
            Credentials::key(name, key).ok_or_else(|| wrong.because("AccountKey is not Base64"))?
        }
        (None, Some(query)) => signature(query, &wrong)?,
        (None, None) => return Err(wrong.because("it has neither AccountKey nor SharedAccessSignature")),
    };
    let endpoint = Endpoint::new(&url, url.path().trim_end_matches('/'));
    Ok(Account { endpoint, credentials, container: None })
}

fn from_uri(text: &str) -> Result<Account> {
    let wrong = Wrong::URI;
    // The signature's own characters may stand unencoded in what was copied.
    let (address, query) = text.split_once('?').ok_or_else(|| wrong.because("it has no signature behind a ?"))?;
    let url = parsed(address, &wrong)?;
    let credentials = signature(query, &wrong)?;
    if matches!(&credentials, Credentials::Signature(s) if s.resource.as_deref() == Some("b")) {
        return Err(wrong.because("it is for one blob; make one for the container or the account"));
    }
    let mut segments: Vec<&str> = url.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let account =
        if in_path(&url) && !segments.is_empty() { format!("/{}", segments.remove(0)) } else { String::new() };
    if segments.len() > 1 {
        return Err(wrong.because("it names more than a container; put the folder into folderPath"));
    }
    let container = segments.first().map(|name| percent_decode_str(name).decode_utf8_lossy().into_owned());
    Ok(Account { endpoint: Endpoint::new(&url, &account), credentials, container })
}

fn signature(query: &str, wrong: &Wrong) -> Result<Credentials> {
    let signature = Signature::parse(query).ok_or_else(|| wrong.because("its signature has no sig"))?;
    Ok(Credentials::Signature(signature))
}

fn parsed(text: &str, wrong: &Wrong) -> Result<Url> {
    let url = Url::parse(text).map_err(|_| wrong.because("its address is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong.because("its address is neither http nor https"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong.because("its address has a user name or a password in it"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong.because("its address has a query or a fragment"));
    }
    Ok(url)
}

/// Is the account's name in the path? So it is where a host cannot have a name in front.
fn in_path(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name == "localhost" || url.port().is_some_and(|p| EMULATOR.iter().any(|r| r.contains(&p)))
        }
        _ => true,
    }
}

impl Endpoint {
    fn new(url: &Url, base: &str) -> Endpoint {
        Endpoint { origin: url.origin().ascii_serialization(), base: base.to_string() }
    }

    /// Where a request for a container and a blob goes. `query` is encoded.
    pub(super) fn target(&self, named: &Named, query: &str) -> Result<Target> {
        let mut path = self.base.clone();
        match (&named.bucket, &named.key) {
            (None, _) => path.push('/'),
            (Some(container), None) => path = format!("{path}/{}", utf8_percent_encode(container, PATH)),
            (Some(container), Some(key)) => {
                path = format!("{path}/{}/{}", utf8_percent_encode(container, PATH), utf8_percent_encode(key, PATH));
            }
        }
        let path = sent_path(&path);
        let mark = if query.is_empty() { "" } else { "?" };
        let url = Url::parse(&format!("{}{path}{mark}{query}", self.origin)).map_err(|_| named.unspeakable())?;
        if url.path() != path {
            return Err(named.unspeakable());
        }
        Ok(Target { url, path })
    }
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
