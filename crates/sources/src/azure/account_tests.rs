//! Connection strings and URIs as people paste them.

use super::*;
use crate::Secrets;
use serde_json::json;

const KEY: &str = "Y2FuYXJ5LW9mLXRoZS1rZXk=";

fn open(name: &str, text: &str) -> Result<Account> {
    let secrets = Secrets::from([(name.to_string(), SecretString::from(text.to_string()))]);
    Account::new(&Params::new(&json!({}), &secrets))
}

/// Where a blob is asked for, and the container that is all there is.
fn reached(name: &str, text: &str) -> (String, Option<String>) {
    let account = open(name, text).unwrap();
    let named = Named::object(&super::super::WORDS, "in", "a b/ü.csv");
    (account.endpoint.target(&named, "").unwrap().url.to_string(), account.container)
}

#[track_caller]
fn string(text: &str, expected: &str) {
    assert_eq!(reached("connectionString", text), (format!("{expected}/in/a%20b/%C3%BC.csv"), None));
}

#[test]
fn a_connection_string_names_the_endpoint_in_each_of_its_forms() {
    string(
        &format!("DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={KEY}"),
        "https://acme.blob.core.windows.net",
    );
    string(
        &format!(" accountname = acme ; ACCOUNTKEY={KEY};EndpointSuffix=core.chinacloudapi.cn;"),
        "https://acme.blob.core.chinacloudapi.cn",
    );
    string(
        &format!("AccountName=acme;AccountKey={KEY};BlobEndpoint=http://127.0.0.1:10000/acme/;QueueEndpoint=http://x/"),
        "http://127.0.0.1:10000/acme",
    );
    string(
        "BlobEndpoint=https://acme.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=a%2B",
        "https://acme.blob.core.windows.net",
    );
    string(
        &format!("DefaultEndpointsProtocol=http;AccountName=acme;AccountKey={KEY}"),
        "http://acme.blob.core.windows.net",
    );
}

#[track_caller]
fn uri(text: &str, expected: &str, container: Option<&str>) {
    let expected = (format!("{expected}/in/a%20b/%C3%BC.csv"), container.map(str::to_string));
    assert_eq!(reached("sasUri", text), expected, "{text}");
}

#[test]
fn a_uri_names_an_account_or_one_container() {
    uri("https://acme.blob.core.windows.net/?sv=1&sig=s", "https://acme.blob.core.windows.net", None);
    uri("https://acme.blob.core.windows.net?sv=1&sig=s", "https://acme.blob.core.windows.net", None);
    uri("https://acme.blob.core.windows.net/files?sr=c&sig=s", "https://acme.blob.core.windows.net", Some("files"));
    uri("https://acme.blob.core.windows.net/files/?sr=c&sig=s", "https://acme.blob.core.windows.net", Some("files"));
    uri("https://blobs.example.com/%24web?sr=c&sig=s", "https://blobs.example.com", Some("$web"));
    // Where no name can stand before the host, the account is in the path.
    uri("http://127.0.0.1:10000/acme?sig=s", "http://127.0.0.1:10000/acme", None);
    uri("http://127.0.0.1:10000/acme/files?sig=s", "http://127.0.0.1:10000/acme", Some("files"));
    uri("http://[::1]:9/acme/files?sig=s", "http://[::1]:9/acme", Some("files"));
    uri("http://azurite:10000/acme/files?sig=s", "http://azurite:10000/acme", Some("files"));
}

#[track_caller]
fn refused(name: &str, text: &str, why: &str) {
    let error = open(name, text).unwrap_err();
    assert_eq!((error.kind, error.at.as_ref().unwrap().to_string()), (Kind::Invalid, format!("/auth/params/{name}")));
    assert!(error.message.contains(why) && error.advice.is_some(), "{error}");
    // Whatever part of it was wrong, none is repeated.
    assert!(!format!("{error:?}").contains("canary"), "{error:?}");
}

#[test]
fn what_cannot_be_used_says_why_and_repeats_nothing() {
    for (text, why) in [
        ("canary", "a part of it has no value"),
        ("AccountName=canary", "neither AccountKey nor SharedAccessSignature"),
        ("AccountKey=canary", "neither AccountName nor BlobEndpoint"),
        ("AccountName=acme;AccountKey=canary!", "AccountKey is not Base64"),
        ("AccountName=canary.example.com/;AccountKey=aaaa", "no account's name"),
        ("AccountName=acme;AccountKey=aaaa;EndpointSuffix=canary@evil.example", "a user name"),
        ("BlobEndpoint=ftp://canary;SharedAccessSignature=sig=s", "neither http nor https"),
        ("BlobEndpoint=https://acme.example/?canary=1;SharedAccessSignature=sig=s", "a query"),
        ("BlobEndpoint=https://acme.example/;AccountKey=aaaa", "no AccountName"),
        ("BlobEndpoint=https://acme.example/;SharedAccessSignature=canary=1", "no sig"),
        ("UseDevelopmentStorage=true", "names no account"),
    ] {
        refused("connectionString", text, why);
    }
    for (text, why) in [
        ("https://acme.blob.core.windows.net/canary", "no signature behind a ?"),
        ("https://acme.blob.core.windows.net/?sv=canary", "no sig"),
        ("canary?sig=canary", "not a URL"),
        ("https://canary:x@acme.example/?sig=s", "a user name"),
        ("https://acme.example/files/canary/x.csv?sr=c&sig=s", "more than a container"),
        ("https://acme.example/files?sr=b&sig=canary", "for one blob"),
    ] {
        refused("sasUri", text, why);
    }
    let none = Account::new(&Params::new(&json!({}), &Secrets::new())).unwrap_err();
    assert!(none.message.contains("it is missing, and so is sasUri"), "{none}");
}

#[test]
fn names_stand_in_a_url_as_they_are_or_not_at_all() {
    let endpoint = open("connectionString", &format!("AccountName=acme;AccountKey={KEY}")).unwrap().endpoint;
    let path = |key: &str| endpoint.target(&Named::object(&super::super::WORDS, "c", key), "x=1").unwrap().path;
    assert_eq!(path("a+b%c#d?e"), "/c/a%2Bb%25c%23d%3Fe");
    assert_eq!(path("a//b/"), "/c/a//b/");
    // No URL holds such a segment: the slashes are encoded, and the key stays what it is.
    assert_eq!(path("../up"), "/c%2F..%2Fup");
    let root = endpoint.target(&Named::buckets(&super::super::WORDS), "comp=list").unwrap();
    assert_eq!(root.url.as_str(), "https://acme.blob.core.windows.net/?comp=list");
}
