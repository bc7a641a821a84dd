//! Where an account's buckets are: the service URL read once, and the URL of each request.
//!
//! What always holds: AWS is spoken to by host (`bucket.s3.region.amazonaws.com`) unless the bucket's name has a dot,
//! which no certificate covers; every other store by path. The path that is signed and the path that is sent name the
//! same key, byte for byte.

use super::WORDS;
use crate::files::{Named, PATH, sent_path};
use forebay_model::{Error, Kind, Place, Result, code};
use percent_encoding::utf8_percent_encode;
use url::Url;

/// The region when nothing names one.
const DEFAULT_REGION: &str = "us-east-1";

/// An S3 service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    scheme: String,
    /// Host and, when it is not the scheme's own, port.
    host: String,
    /// A path under which the service lies, without a trailing slash; empty for nearly all.
    base: String,
    /// For AWS: what stands before and behind the region in the host's name.
    aws: Option<(String, String)>,
    /// The region the service URL names.
    pub(super) region: String,
}

/// Where one request goes.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) url: Url,
    pub(super) host: String,
    /// The path to sign.
    pub(super) path: String,
}

impl Endpoint {
    /// Reads a service URL; without one it is AWS.
    pub(super) fn parse(service_url: Option<&str>) -> Result<Endpoint> {
        let text = service_url.unwrap_or("https://s3.us-east-1.amazonaws.com/");
        let with_scheme = if text.contains("://") { text.to_string() } else { format!("https://{text}") };
        let url = Url::parse(&with_scheme).map_err(|_| invalid("it is not a URL"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid("it is neither http nor https"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid("it has a user name or a password in it"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("it has a query or a fragment"));
        }
        let name = url.host_str().ok_or_else(|| invalid("it has no host"))?;
        let aws = aws(name);
        let region = aws.as_ref().map_or(DEFAULT_REGION, |(_, region, _)| region).to_string();
        Ok(Endpoint {
            scheme: url.scheme().to_string(),
            host: url.port().map_or(name.to_string(), |port| format!("{name}:{port}")),
            base: url.path().trim_end_matches('/').to_string(),
            aws: aws.filter(|_| url.port().is_none()).map(|(before, _, behind)| (before, behind)),
            region,
        })
    }

    /// The service itself.
    pub(super) fn root(&self) -> Result<Url> {
        self.target(&self.region, &Named::buckets(&WORDS), "").map(|target| target.url)
    }

    /// Where a request for a bucket and a key goes. `query` is encoded.
    pub(super) fn target(&self, region: &str, named: &Named, query: &str) -> Result<Target> {
        let (bucket, key) = (named.bucket.as_deref(), named.key.as_deref());
        let host = match &self.aws {
            Some((before, behind)) => format!("{before}{region}{behind}"),
            None => self.host.clone(),
        };
        let by_host = bucket.filter(|name| self.aws.is_some() && !name.contains('.'));
        let host = by_host.map_or(host.clone(), |name| format!("{name}.{host}"));
        let mut path = self.base.clone();
        if let Some(name) = bucket.filter(|_| by_host.is_none()) {
            path = format!("{path}/{}", utf8_percent_encode(name, PATH));
        }
        match key {
            Some(key) => path = format!("{path}/{}", utf8_percent_encode(key, PATH)),
            None if path.is_empty() || bucket.is_none() => path.push('/'),
            None => {}
        }
        let sent = sent_path(&path);
        let mark = if query.is_empty() { "" } else { "?" };
        let url =
            Url::parse(&format!("{}://{host}{sent}{mark}{query}", self.scheme)).map_err(|_| named.unspeakable())?;
        if url.path() != sent {
            return Err(named.unspeakable());
        }
        Ok(Target { url, host, path })
    }
}

/// The parts of an AWS host: before the region, the region, behind it. A bucket in front is dropped.
fn aws(host: &str) -> Option<(String, String, String)> {
    let (name, suffix) = match host.strip_suffix(".amazonaws.com.cn") {
        Some(name) => (name, ".amazonaws.com.cn"),
        None => (host.strip_suffix(".amazonaws.com")?, ".amazonaws.com"),
    };
    let labels: Vec<&str> = name.split('.').collect();
    let at = labels.iter().rposition(|label| *label == "s3" || label.starts_with("s3-"))?;
    let (service, rest) = (labels[at], &labels[at + 1..]);
    let found = match (service, rest) {
        ("s3" | "s3-external-1", []) => ("s3.".to_string(), DEFAULT_REGION),
        ("s3" | "s3-fips", [region]) => (format!("{service}."), *region),
        ("s3" | "s3-fips", ["dualstack", region]) => (format!("{service}.dualstack."), *region),
        // The old form with a hyphen.
        (old, []) => ("s3.".to_string(), old.strip_prefix("s3-")?),
        _ => return None,
    };
    Some((found.0, found.1.to_string(), suffix.to_string()))
}

fn invalid(why: &str) -> Error {
    Error::new(Kind::Invalid, &code::FLOW_1100, format!("serviceUrl cannot be used: {why}"))
        .at(Place::pointer("/auth/params/serviceUrl"))
        .advice("Write it as https://s3.{region}.amazonaws.com/ or as the endpoint of an S3-compatible store.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(service_url: Option<&str>, bucket: &str, key: Option<&str>, region: &str, expected: &str) {
        let endpoint = Endpoint::parse(service_url).unwrap();
        assert_eq!(endpoint.region, region);
        assert_eq!(endpoint.target(region, &named(bucket, key), "").unwrap().url.as_str(), expected);
    }

    fn named(bucket: &str, key: Option<&str>) -> Named {
        match key {
            Some(key) => Named::object(&WORDS, bucket, key),
            None => Named::bucket(&WORDS, bucket),
        }
    }

    #[test]
    fn aws_is_spoken_to_by_host_in_the_region_that_the_url_names() {
        let irish = "https://data.s3.eu-west-1.amazonaws.com/a%20b";
        check(Some("https://s3.eu-west-1.amazonaws.com/"), "data", Some("a b"), "eu-west-1", irish);
        check(Some("s3-eu-west-1.amazonaws.com"), "data", Some("a b"), "eu-west-1", irish);
        check(Some("https://other.s3.eu-west-1.amazonaws.com"), "data", Some("a b"), "eu-west-1", irish);
        check(None, "data", None, "us-east-1", "https://data.s3.us-east-1.amazonaws.com/");
        check(Some("https://s3.amazonaws.com"), "data", None, "us-east-1", "https://data.s3.us-east-1.amazonaws.com/");
        let cn = "https://data.s3.cn-north-1.amazonaws.com.cn/";
        check(Some("https://s3.cn-north-1.amazonaws.com.cn"), "data", None, "cn-north-1", cn);
        let both = "https://data.s3.dualstack.us-west-2.amazonaws.com/";
        check(Some("https://s3.dualstack.us-west-2.amazonaws.com"), "data", None, "us-west-2", both);
    }

    #[test]
    fn dotted_buckets_and_other_stores_are_spoken_to_by_path() {
        check(None, "my.data", Some("k"), "us-east-1", "https://s3.us-east-1.amazonaws.com/my.data/k");
        check(Some("http://127.0.0.1:9000"), "data", Some("k"), "us-east-1", "http://127.0.0.1:9000/data/k");
        check(Some("http://[::1]:9000/s3/"), "data", None, "us-east-1", "http://[::1]:9000/s3/data");
        // A name that only looks like Amazon's.
        let fake = "https://s3.amazonaws.com.example.org/data";
        check(Some("https://s3.amazonaws.com.example.org"), "data", None, "us-east-1", fake);
    }

    #[test]
    fn odd_keys_are_sent_as_they_are() {
        let at = Some("http://h:1");
        check(at, "b", Some("a//b"), "us-east-1", "http://h:1/b/a//b");
        check(at, "b", Some("/a"), "us-east-1", "http://h:1/b//a");
        check(at, "b", Some("a/../b"), "us-east-1", "http://h:1/b%2Fa%2F..%2Fb");
        check(at, "b", Some(".."), "us-east-1", "http://h:1/b%2F..");
        check(at, "b", Some("%2e%2e/+ü"), "us-east-1", "http://h:1/b/%252e%252e/%2B%C3%BC");
        check(at, "b", Some("a/"), "us-east-1", "http://h:1/b/a/");
    }

    #[test]
    fn the_signed_path_keeps_its_slashes() {
        let target = Endpoint::parse(Some("http://h:1")).unwrap().target("r", &named("b", Some("../x")), "").unwrap();
        assert_eq!((target.path.as_str(), target.url.path()), ("/b/../x", "/b%2F..%2Fx"));
    }

    #[test]
    fn a_key_that_no_url_can_hold_is_refused() {
        let endpoint = Endpoint::parse(None).unwrap();
        assert_eq!(endpoint.target("us-east-1", &named("b", Some("..")), "").unwrap_err().kind, Kind::Refused);
    }

    #[test]
    fn service_urls_that_hide_something_are_invalid() {
        for text in ["ftp://h", "https://u:p@h/", "https://h/?x=1", "https://h/#f", "https://", "http://[::1"] {
            assert_eq!(Endpoint::parse(Some(text)).unwrap_err().kind, Kind::Invalid, "{text}");
        }
    }
}
