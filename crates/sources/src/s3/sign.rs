//! AWS Signature Version 4 for requests without a body.
//!
//! Our own, because object_store's signer parses the URL again and so cannot sign a key with a `..` segment. The
//! secret key is read here and nowhere else.

use crate::files::QUERY;
use forebay_model::Time;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::utf8_percent_encode;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// SHA-256 of nothing.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The credentials of one account.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) key: String,
    pub(super) secret: SecretString,
    pub(super) token: Option<SecretString>,
}

/// What is signed of a request.
pub(super) struct Signed<'a> {
    pub(super) method: &'a Method,
    /// `host` or `host:port`, as the `Host` header will have it.
    pub(super) host: &'a str,
    /// The encoded path, slashes plain.
    pub(super) path: &'a str,
    /// Names and values, not encoded.
    pub(super) query: &'a [(String, String)],
    pub(super) region: &'a str,
}

/// The query as the canonical request and the URL have it: encoded and sorted.
pub(super) fn query(pairs: &[(String, String)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, QUERY).to_string();
    let mut encoded: Vec<String> = pairs.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect();
    encoded.sort();
    encoded.join("&")
}

/// The headers that sign a request made at `now`. `None` when a credential cannot stand in a header.
pub(super) fn headers(credentials: &Credentials, request: &Signed<'_>, now: Time) -> Option<HeaderMap> {
    let date = now.format("%Y%m%dT%H%M%SZ").to_string();
    let mut signed = vec![("host", request.host), ("x-amz-content-sha256", EMPTY), ("x-amz-date", date.as_str())];
    if let Some(token) = &credentials.token {
        signed.push(("x-amz-security-token", token.expose_secret()));
    }
    let names = signed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let lines: String = signed.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
    let Signed { method, path, region, .. } = request;
    let canonical = format!("{method}\n{path}\n{}\n{lines}\n{names}\n{EMPTY}", query(request.query));
    let scope = format!("{}/{region}/s3/aws4_request", &date[..8]);
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let mut key = format!("AWS4{}", credentials.secret.expose_secret()).into_bytes();
    for step in [&date[..8], region, "s3", "aws4_request"] {
        key = mac(&key, step);
    }
    let signature = hex(&mac(&key, &text));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
        credentials.key
    );

    let mut headers = HeaderMap::new();
    for (name, value) in &signed[1..] {
        headers.insert(HeaderName::from_static(name_of(name)), sensitive(value)?);
    }
    headers.insert(http::header::AUTHORIZATION, sensitive(&authorization)?);
    Some(headers)
}

/// Header names are static; this keeps the list above the only one.
fn name_of(name: &str) -> &'static str {
    match name {
        "x-amz-content-sha256" => "x-amz-content-sha256",
        "x-amz-date" => "x-amz-date",
        _ => "x-amz-security-token",
    }
}

fn sensitive(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::PATH;

    #[track_caller]
    fn check(path: &str, pairs: &[(&str, &str)], expected: &str) {
        let credentials = Credentials {
            key: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: SecretString::from("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_string()),
            token: None,
        };
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let request = Signed {
            method: &Method::GET,
            host: "examplebucket.s3.amazonaws.com",
            path,
            query: &pairs,
            region: "us-east-1",
        };
        let now = chrono::DateTime::parse_from_rfc3339("2013-05-24T00:00:00Z").unwrap().to_utc();
        let headers = headers(&credentials, &request, now).unwrap();
        let authorization = headers["authorization"].to_str().unwrap();
        assert_eq!(authorization.rsplit_once("Signature=").unwrap().1, expected);
        assert!(headers["authorization"].is_sensitive());
    }

    // The two examples of Amazon's documentation of header signatures that have no body and no further header.
    #[test]
    fn listing_a_bucket_signs_as_documented() {
        check(
            "/",
            &[("prefix", "J"), ("max-keys", "2")],
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        );
    }

    #[test]
    fn reading_the_lifecycle_signs_as_documented() {
        check("/", &[("lifecycle", "")], "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    }

    #[test]
    fn reserved_characters_are_encoded_in_queries_and_paths() {
        let pairs = [("b".to_string(), "a b+c/ü~".to_string()), ("a".to_string(), "*".to_string())];
        assert_eq!(query(&pairs), "a=%2A&b=a%20b%2Bc%2F%C3%BC~");
        assert_eq!(utf8_percent_encode("a b/c+%", PATH).to_string(), "a%20b/c%2B%25");
    }
}
