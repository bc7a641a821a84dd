//! What a browser gets from the program: the way in, the web UI, the documentation.

use crate::harness::Forebay;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

/// A client that follows nothing and decodes nothing.
fn browser() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn header<'a>(answer: &'a reqwest::Response, name: &str) -> &'a str {
    answer.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

#[tokio::test]
async fn the_root_leads_to_the_ui_and_each_address_of_it_has_a_nonce_of_its_own() {
    let forebay = Forebay::start().await;
    let (browser, url) = (browser(), &forebay.url);
    let answer = browser.get(format!("{url}/?token=abc")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "location")), (303, "/ui/?token=abc"));
    let mut policies = Vec::new();
    for path in ["/ui/", "/ui/flows/1?tab=runs"] {
        let answer = browser.get(format!("{url}{path}")).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200, "{path}");
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(header(&answer, name), value, "{path}");
        }
        let policy = header(&answer, "content-security-policy").to_string();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"), "{policy}");
        let text = answer.text().await.unwrap();
        assert!(!text.contains("__CSP_NONCE__"));
        // Scripts and styles that the page names are there, for good, and packed where the browser reads that.
        for asset in text.split(['"', '\'']).filter(|piece| piece.starts_with("/ui/assets/")) {
            let asked = browser.get(format!("{url}{asset}")).header("accept-encoding", "gzip, br");
            let answer = asked.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), 200, "{asset}");
            assert!(header(&answer, "cache-control").contains("immutable"), "{asset}");
            let etag = header(&answer, "etag").to_string();
            let again = browser
                .get(format!("{url}{asset}"))
                .header("accept-encoding", "gzip, br")
                .header("if-none-match", etag);
            assert_eq!(again.send().await.unwrap().status().as_u16(), 304, "{asset}");
        }
        policies.push(policy);
    }
    assert_ne!(policies[0], policies[1], "a nonce is used once");
    let answer = browser.get(format!("{url}/ui/assets/old-abc.js")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "content-type")), (404, "text/plain; charset=utf-8"));
    let (status, body) = forebay.call("POST", "/ui/", Some(json!({})), &[]).await;
    assert_eq!((status, &body["title"]), (404, &json!("NotFoundError")), "only GET and HEAD have pages: {body}");
    let events = forebay.get("/data/foundation/audit/events").await.to_string();
    assert!(!events.contains("/ui/"), "pages leave no trace");
}

#[tokio::test]
async fn the_documentation_is_served_without_scripts() {
    let forebay = Forebay::start().await;
    let (browser, url) = (browser(), &forebay.url);
    for path in ["/docs/", "/docs/api.html", "/docs/errors.html", "/docs/tutorials/s3.html"] {
        let answer = browser.get(format!("{url}{path}")).send().await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), header(&answer, "content-type")),
            (200, "text/html; charset=utf-8"),
            "{path}"
        );
        assert!(!header(&answer, "content-security-policy").contains("script-src"));
        assert!(!answer.text().await.unwrap().contains("<script"));
    }
    let answer = browser.get(format!("{url}/docs")).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), header(&answer, "location")), (303, "/docs/"));
    assert_eq!(browser.get(format!("{url}/docs/none.html")).send().await.unwrap().status().as_u16(), 404);
}

#[tokio::test]
async fn a_start_prints_a_link_that_signs_in_once_and_logs_it_never() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(dir.path().join("data"));
    command.env("FOREBAY_LOG_FORMAT", "json").env("FOREBAY_LOG_FILTER", "debug");
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = child.stderr.take().unwrap();
    let logged = std::thread::spawn(move || {
        let mut text = String::new();
        log.read_to_string(&mut text).unwrap();
        text
    });
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let link = line.strip_prefix("UI  ").and_then(|rest| rest.split(' ').next()).unwrap_or_else(|| panic!("{line}"));
    assert!(line.ends_with("(one-time link, good for 15 minutes)"), "{line}");
    let (page, token) = link.split_once("?token=").unwrap();
    let session = page.replace("/ui/", "/data/foundation/forebay/session");
    let browser = browser();
    assert_eq!(browser.get(link).send().await.unwrap().status().as_u16(), 200);
    let sign_in = || browser.post(&session).json(&json!({ "token": token })).send();
    let answer = sign_in().await.unwrap();
    assert_eq!(answer.status().as_u16(), 200);
    assert!(header(&answer, "set-cookie").starts_with("forebay_session="));
    let body: Value = answer.json().await.unwrap();
    assert_eq!((&body["demo"], &body["sandboxes"][0]["name"]), (&json!(false), &json!("prod")));
    assert_eq!(sign_in().await.unwrap().status().as_u16(), 401, "it is good once");
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    child.wait().unwrap();
    let logged = logged.join().unwrap();
    assert!(logged.contains("Forebay listens on") && !logged.contains(token), "{logged}");
}
