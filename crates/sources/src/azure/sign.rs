//! Shared Key signatures of requests without a body, and shared access signatures as they were given.
//!
//! The key is read here and nowhere else.

use crate::files::QUERY;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay_model::Time;
use hmac::{Hmac, KeyInit, Mac};
use http::header::{AUTHORIZATION, IF_MATCH, RANGE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::{percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// The version of the protocol that we speak.
pub(super) const VERSION: &str = "2021-12-02";

/// How an account is signed in to.
#[derive(Debug)]
pub(super) enum Credentials {
    /// The account's name and one of its keys.
    Key { name: String, key: SecretString },
    /// A shared access signature.
    Signature(Signature),
}

/// A shared access signature.
#[derive(Debug)]
pub(super) struct Signature {
    /// The query that carries it, encoded.
    query: SecretString,
    /// The proof in it, as it would stand in a message of the other side.
    proof: SecretString,
    /// From when and until when it says that it is good.
    pub(super) start: Option<Time>,
    pub(super) expiry: Option<Time>,
    /// What it is for: `c` a container, `b` a blob; none for an account.
    pub(super) resource: Option<String>,
}

impl Credentials {
    /// `None` when the key is not Base64.
    pub(super) fn key(name: &str, key: SecretString) -> Option<Credentials> {
        STANDARD.decode(key.expose_secret()).ok().filter(|bytes| !bytes.is_empty())?;
        Some(Credentials::Key { name: name.to_string(), key })
    }

    /// What no message may repeat.
    pub(super) fn secret(&self) -> &SecretString {
        match self {
            Credentials::Key { key, .. } => key,
            Credentials::Signature(signature) => &signature.proof,
        }
    }

    /// What stands in the URL of each request.
    pub(super) fn query(&self) -> Option<&SecretString> {
        match self {
            Credentials::Key { .. } => None,
            Credentials::Signature(signature) => Some(&signature.query),
        }
    }
}

impl Signature {
    /// From a query, with or without its `?`; `None` when there is no proof in it. Some programs copy the plus of a proof
    /// as it is, and some encode it: both are read as a plus.
    pub(super) fn parse(query: &str) -> Option<Signature> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let mut pairs = Vec::new();
        for pair in query.trim_start_matches('?').split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name);
            // What says which request it is: ours to say.
            if !name.is_empty() && !matches!(name.as_str(), "comp" | "restype" | "prefix" | "delimiter" | "marker") {
                pairs.push((name, decoded(value)));
            }
        }
        let one = |wanted: &str| pairs.iter().find(|(n, v)| n == wanted && !v.is_empty()).map(|(_, v)| v.clone());
        let time = |wanted: &str| one(wanted).and_then(|text| moment(&text));
        let proof = SecretString::from(one("sig")?);
        let (start, expiry, resource) = (time("st"), time("se"), one("sr"));
        let query = SecretString::from(encoded(&pairs));
        Some(Signature { query, proof, start, expiry, resource })
    }
}

/// A time as signatures write it: down to the second, the minute, or the day.
fn moment(text: &str) -> Option<Time> {
    if let Ok(at) = chrono::DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ => format!("{}:00Z", text.strip_suffix('Z')?),
    };
    chrono::DateTime::parse_from_rfc3339(&whole).ok().map(|at| at.to_utc())
}

/// Pairs as a query.
pub(super) fn encoded(pairs: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, QUERY).to_string();
    let encoded: Vec<String> = pairs.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect();
    encoded.join("&")
}

/// What is signed of a request.
pub(super) struct Signed<'a> {
    pub(super) method: &'a Method,
    /// The encoded path.
    pub(super) path: &'a str,
    /// Names and values, not encoded.
    pub(super) query: &'a [(String, String)],
    /// The further headers.
    pub(super) headers: &'a HeaderMap,
}

/// The headers that sign a request made at `now`. `None` when one cannot be made of the account's name.
pub(super) fn headers(credentials: &Credentials, request: &Signed<'_>, now: Time) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("x-ms-version"), HeaderValue::from_static(VERSION));
    let Credentials::Key { name, key } = credentials else { return Some(headers) };
    let date = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let key = STANDARD.decode(key.expose_secret()).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(text(name, request, &date).as_bytes());
    let proof = STANDARD.encode(mac.finalize().into_bytes());
    let mut authorization = HeaderValue::from_str(&format!("SharedKey {name}:{proof}")).ok()?;
    authorization.set_sensitive(true);
    headers.insert(HeaderName::from_static("x-ms-date"), HeaderValue::from_str(&date).ok()?);
    headers.insert(AUTHORIZATION, authorization);
    Some(headers)
}

/// The text that the key signs. The empty lines are headers that no request of ours has.
fn text(account: &str, request: &Signed<'_>, date: &str) -> String {
    let header = |name| request.headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok()).unwrap_or_default();
    let mut query: Vec<_> =
        request.query.iter().map(|(name, value)| format!("\n{}:{value}", name.to_lowercase())).collect();
    query.sort();
    format!(
        "{}\n\n\n\n\n\n\n\n{}\n\n\n{}\nx-ms-date:{date}\nx-ms-version:{VERSION}\n/{account}{}{}",
        request.method,
        header(IF_MATCH),
        header(RANGE),
        request.path,
        query.concat(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request<'a>(path: &'a str, query: &'a [(String, String)], headers: &'a HeaderMap) -> Signed<'a> {
        Signed { method: &Method::GET, path, query, headers }
    }

    /// The example of Azure's documentation, in the version of the protocol that we speak.
    #[test]
    fn the_signed_text_is_the_documented_one() {
        let pair = |name: &str, value: &str| (name.to_string(), value.to_string());
        let query = [pair("restype", "container"), pair("comp", "metadata"), pair("timeout", "20")];
        let headers = HeaderMap::new();
        let found = text("myaccount", &request("/mycontainer", &query, &headers), "Fri, 26 Jun 2015 23:39:12 GMT");
        let expected = "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2021-12-02\n\
                        /myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20";
        assert_eq!(found, expected);
    }

    #[test]
    fn a_range_and_an_etag_are_signed_and_the_proof_is_kept_out_of_logs() {
        let mut headers_sent = HeaderMap::new();
        headers_sent.insert(IF_MATCH, HeaderValue::from_static("\"0x8\""));
        headers_sent.insert(RANGE, HeaderValue::from_static("bytes=0-9"));
        let found = text("a", &request("/c/b", &[], &headers_sent), "now");
        assert!(found.starts_with("GET\n\n\n\n\n\n\n\n\"0x8\"\n\n\nbytes=0-9\nx-ms-date:now\n"), "{found:?}");
        let credentials = Credentials::key("a", SecretString::from("c2VjcmV0".to_string())).unwrap();
        let signed = headers(&credentials, &request("/c/b", &[], &headers_sent), chrono::DateTime::UNIX_EPOCH).unwrap();
        assert!(signed[AUTHORIZATION].is_sensitive() && !format!("{credentials:?}").contains("c2VjcmV0"));
        assert_eq!(signed["x-ms-date"], "Thu, 01 Jan 1970 00:00:00 GMT");
    }

    #[track_caller]
    fn check(query: &str, expected: Option<(&str, &str)>) {
        let found = Signature::parse(query);
        let found = found.as_ref().map(|s| (s.query.expose_secret(), s.proof.expose_secret()));
        assert_eq!(found, expected);
    }

    #[test]
    fn a_signature_is_read_with_its_plus_encoded_or_not() {
        let both = Some(("sv=2021-12-02&se=2030-01-01&sig=a%2Bb%2F%3D", "a+b/="));
        check("?sv=2021-12-02&se=2030-01-01&sig=a%2Bb%2F%3D", both);
        check("sv=2021-12-02&se=2030-01-01&sig=a+b/=", both);
        check("restype=container&comp=list&sv=2021-12-02&se=2030-01-01&sig=a+b/=&prefix=x", both);
        for none in ["", "sv=2021-12-02", "sig=", "sig"] {
            check(none, None);
        }
    }

    #[test]
    fn times_are_read_in_each_of_their_lengths() {
        for (text, millis) in [
            ("2024-07-01T00:00:30Z", Some(1_719_792_030_000)),
            ("2024-07-01T00:01Z", Some(1_719_792_060_000)),
            ("2024-07-01", Some(1_719_792_000_000)),
            ("soon", None),
            ("ü", None),
        ] {
            assert_eq!(moment(text).map(|at| at.timestamp_millis()), millis, "{text}");
        }
    }
}
