//! Azure Blob Storage, judged by Azurite: the laws that every source keeps, and what is Azure's own.

use super::{content, gate, list, patience, read, selection, shown};
use chrono::{DateTime, Utc};
use forebay_model::Kind;
use forebay_playground::azurite::Azurite;
use forebay_playground::fault::{Fault, Proxy, Script, Seen, seeded};
use forebay_sources::{AccountId, Accounts, Gate, Memory, Places, Remote, Secrets, by_spec};
use futures::{StreamExt, TryStreamExt};
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::Arc;

const SPEC: &str = "4c10e202-c428-4796-9208-5f1f5732b1cf";

/// Names that break whoever takes them for paths.
const ODD: [&str; 16] = [
    "in/a b.csv",
    "in/a+b.csv",
    "in/a%20b.csv",
    "in/100%.csv",
    "in/日本語.csv",
    "in/é.csv",
    "in/e\u{301}.csv",
    "in/a//b.csv",
    "in/a&b=<c>'\".csv",
    "in/#fragment?query.csv",
    "in/tab\t.csv",
    "in/*literal*.csv",
    "in/[x].csv",
    "in/emoji😀.csv",
    " leading blank",
    "in/~!$(),;:@.csv",
];

/// A container of its own at the emulator.
struct Here {
    azurite: Azurite,
    container: String,
}

async fn here() -> Here {
    let azurite = Azurite::given().unwrap();
    let container = format!("test-{:016x}", getrandom::u64().unwrap());
    azurite.create(&container).await.unwrap();
    Here { azurite, container }
}

fn open(gate: Gate, params: &Value, secret: (&str, &str)) -> forebay_model::Result<Remote> {
    let accounts = Accounts::new(gate, Arc::new(Memory::default()), Places::default());
    let id = AccountId { scope: forebay_model::Scope::organization("ORG"), connection: "c".into() };
    let secrets = Secrets::from([(secret.0.to_string(), SecretString::from(secret.1.to_string()))]);
    Ok(accounts.open(by_spec(SPEC).unwrap(), &id, params, &secrets)?.with_patience(patience()))
}

fn by_string(params: Value, text: &str) -> Remote {
    open(gate(), &params, ("connectionString", text)).unwrap()
}

fn by_uri(params: Value, uri: &str) -> Remote {
    open(gate(), &params, ("sasUri", uri)).unwrap()
}

fn in_an_hour() -> DateTime<Utc> {
    Utc::now() + chrono::Duration::hours(1)
}

impl Here {
    /// The account whose root is the container.
    fn remote(&self) -> Remote {
        self.with(json!({ "container": self.container }))
    }

    fn with(&self, params: Value) -> Remote {
        by_string(params, &self.azurite.connection_string(self.azurite.addr))
    }

    /// The same behind a proxy with a script.
    async fn through(&self, script: Script) -> (Proxy, Remote) {
        let proxy = Proxy::start(self.azurite.addr, script).await.unwrap();
        let text = self.azurite.connection_string(proxy.addr);
        (proxy, by_string(json!({ "container": self.container }), &text))
    }

    async fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        self.azurite.put(&self.container, name, bytes.as_ref().to_vec()).await.unwrap();
    }

    fn signed(&self, permissions: &str, expiry: DateTime<Utc>) -> String {
        let signature = self.azurite.container_signature(&self.container, permissions, expiry);
        self.azurite.uri(self.azurite.addr, Some(&self.container), &signature)
    }
}

fn proof(uri: &str) -> &str {
    uri.split("sig=").nth(1).unwrap()
}

async fn explored(remote: &Remote, path: &str) -> Vec<String> {
    let entries = remote.explore(path).await.unwrap();
    entries.into_iter().map(|e| format!("{} {} {}", if e.folder { "D" } else { "F" }, e.name, e.path)).collect()
}

async fn outcome(remote: Remote) -> String {
    let checks = remote.test().await;
    let told = |ok, reached| match (ok, reached) {
        (true, _) => "ok",
        (false, true) => "failed",
        (false, false) => "not reached",
    };
    checks.iter().map(|c| format!("{} {}", c.name, told(c.ok, c.error.is_some()))).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn exploring_goes_one_level_at_a_time_and_begins_with_the_container() {
    let here = here().await;
    for name in ["in/a.csv", "in/b.json", "in/2024/01/x.csv", "in/2024/", "top.csv"] {
        here.put(name, if name.ends_with('/') { "" } else { name }).await;
    }
    let container = &here.container;
    let account = here.with(json!({}));
    let root = explored(&account, "").await;
    assert!(root.contains(&format!("D {container} /{container}/")), "{root:?}");
    let top = explored(&account, &format!("/{container}/")).await;
    assert_eq!(top, [format!("D in /{container}/in/"), format!("F top.csv /{container}/top.csv")]);
    // With a container in the connection its root is the container, with a folder the folder.
    let remote = here.remote();
    assert_eq!(explored(&remote, "/").await, ["D in /in/", "F top.csv /top.csv"]);
    for path in ["/in/", "in"] {
        assert_eq!(explored(&remote, path).await, ["D 2024 /in/2024/", "F a.csv /in/a.csv", "F b.json /in/b.json"]);
    }
    // The marker of the folder is not shown in it.
    let rooted = here.with(json!({ "container": container, "folderPath": "/in/2024" }));
    assert_eq!(explored(&rooted, "").await, ["D 01 /01/"]);
    for (remote, path) in
        [(&account, "/no-such-container/"), (&remote, "/nowhere/"), (&account, &format!("{container}/no/"))]
    {
        let error = remote.explore(path).await.unwrap_err();
        assert_eq!((error.kind, error.code.id), (Kind::NotFound, "FLOW-1101-404"), "{path}: {error}");
    }
}

#[tokio::test]
async fn selections_name_blobs_folders_and_patterns() {
    let here = here().await;
    for name in ["in/a.csv", "in/b.csv", "in/c.json", "in/2024/x.csv", "in/[x].csv", "top.csv"] {
        here.put(name, name).await;
    }
    let remote = here.remote();
    let check = async |path: &str, folder, recursive, expected: &[&str]| {
        let found = list(&remote, selection(path, folder, recursive)).await.unwrap();
        assert!(
            found
                .iter()
                .all(|object| object.bucket == here.container && object.size > 0 && object.etag.starts_with('"'))
        );
        assert_eq!(found.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), expected, "{path}");
    };
    check("/in/a.csv", false, false, &["in/a.csv"]).await;
    check("/in/", true, false, &["in/[x].csv", "in/a.csv", "in/b.csv", "in/c.json"]).await;
    check("/in", true, true, &["in/2024/x.csv", "in/[x].csv", "in/a.csv", "in/b.csv", "in/c.json"]).await;
    check("/in/*.csv", false, false, &["in/[x].csv", "in/a.csv", "in/b.csv"]).await;
    check("**/x.csv", false, false, &["in/2024/x.csv"]).await;
    check("/in/[ab].csv", false, false, &["in/a.csv", "in/b.csv"]).await;
    // A blob of that very name wins over the pattern.
    check("/in/[x].csv", false, false, &["in/[x].csv"]).await;
    let listed = list(&remote, selection("/in/a.csv", false, false)).await.unwrap();
    assert_eq!(listed[0], remote.stat("/in/a.csv").await.unwrap(), "a listing and a HEAD tell the same");
    let error = list(&remote, selection("/in/nowhere.csv", false, false)).await.unwrap_err();
    assert_eq!(error.kind, Kind::NotFound, "{error}");
    let error = list(&here.with(json!({})), selection("/*/a.csv", false, false)).await.unwrap_err();
    assert!(error.kind == Kind::Invalid && error.message.contains("container"), "{error}");
}

#[tokio::test]
async fn odd_names_are_listed_explored_and_read_as_they_are() {
    let here = here().await;
    for name in ODD {
        here.put(name, name).await;
    }
    let signed = by_uri(json!({ "container": here.container }), &here.signed("rl", in_an_hour()));
    for remote in [here.remote(), signed] {
        let listed = list(&remote, selection("/", true, true)).await.unwrap();
        let mut expected = ODD.to_vec();
        expected.sort();
        let mut names: Vec<&str> = listed.iter().map(|object| object.key.as_str()).collect();
        names.sort();
        assert_eq!(names, expected);
        for object in &listed {
            assert_eq!(read(&remote, object).await.unwrap(), object.key.as_bytes(), "{:?}", object.key);
        }
        let (mut folders, mut files) = (vec![String::new()], 0);
        while let Some(folder) = folders.pop() {
            for entry in remote.explore(&folder).await.unwrap() {
                if entry.folder {
                    folders.push(entry.path);
                } else {
                    let object = remote.stat(&entry.path).await.unwrap();
                    assert_eq!(format!("/{}", object.key), entry.path);
                    files += 1;
                }
            }
        }
        assert_eq!(files, ODD.len());
    }
}

#[tokio::test]
async fn blobs_come_page_by_page_and_no_page_more_than_is_wanted() {
    let here = here().await;
    let names: Vec<String> = (0..2_010).map(|at| format!("in/{at:05} +.csv")).collect();
    let puts = names.iter().map(|name| here.azurite.put(&here.container, name, "x"));
    futures::stream::iter(puts).buffer_unordered(16).try_collect::<Vec<()>>().await.unwrap();
    let (proxy, remote) = here.through(Arc::new(|_| Fault::Pass)).await;
    let listed = list(&remote, selection("/in/", true, true)).await.unwrap();
    assert_eq!(listed.iter().map(|object| &object.key).collect::<Vec<_>>(), names.iter().collect::<Vec<_>>());
    assert_eq!(proxy.seen().len(), 2);
    assert_eq!(remote.explore("/in/").await.unwrap().len(), names.len());
    // A stream that is dropped asks for no more.
    let before = proxy.seen().len();
    let mut objects = remote.list(&selection("/in/", true, true));
    assert!(objects.next().await.unwrap().is_ok());
    drop(objects);
    remote.stat("/in/00000 +.csv").await.unwrap();
    assert_eq!(proxy.seen().len(), before + 2);
}

/// A page of a listing as Azure writes it.
fn page(names: std::ops::Range<usize>, next: &str) -> Fault {
    let properties = "<Properties><Last-Modified>Mon, 01 Jul 2024 00:00:00 GMT</Last-Modified><Etag>0x8</Etag>\
                      <Content-Length>1</Content-Length></Properties>";
    let blobs: String = names.map(|at| format!("<Blob><Name>in/{at:05}.csv</Name>{properties}</Blob>")).collect();
    let body =
        format!("<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>");
    Fault::Answer { status: 200, headers: Vec::new(), body }
}

#[tokio::test]
async fn more_than_five_thousand_blobs_are_listed_over_empty_pages_too() {
    let here = here().await;
    let script = |seen: &Seen| match seen.target.split("marker=").nth(1) {
        None => page(0..2_000, "m1"),
        Some("m1") => page(2_000..2_000, "m2"),
        Some("m2") => page(2_000..4_000, "m3"),
        _ => page(4_000..5_100, ""),
    };
    let (proxy, remote) = here.through(Arc::new(script)).await;
    let listed = list(&remote, selection("/in/", true, true)).await.unwrap();
    assert_eq!((listed.len(), listed[5_099].key.as_str(), proxy.seen().len()), (5_100, "in/05099.csv", 4));
    assert_eq!(remote.explore("/in/").await.unwrap().len(), 5_100);
    // A marker that comes again ends the listing.
    let (proxy, remote) = here.through(Arc::new(|_| page(0..1, "again"))).await;
    let error = list(&remote, selection("/in/", true, true)).await.unwrap_err();
    assert!(error.kind == Kind::Refused && error.message.contains("circles"), "{error}");
    assert_eq!(proxy.seen().len(), 2);
}

#[tokio::test]
async fn wrong_credentials_are_refused_with_advice_and_never_internal() {
    let here = here().await;
    here.put("in/a.csv", "x").await;
    let object = here.remote().stat("/in/a.csv").await.unwrap();
    let (azurite, container) = (&here.azurite, json!({ "container": here.container }));
    let other = "Y2FuYXJ5LW9mLXRoZS13cm9uZy1rZXk=";
    let tampered = here.signed("rl", in_an_hour()).replace("sp=rl", "sp=rwl");
    let expired = here.signed("rl", Utc::now() - chrono::Duration::minutes(1));
    let wrong_key = azurite.connection_string(azurite.addr).replace(&azurite.key, other);
    let accounts = [
        (by_string(container.clone(), &wrong_key), "AccountKey"),
        (by_uri(container.clone(), &tampered), "it must be whole"),
        (by_uri(container.clone(), &expired), "/auth/params/sasUri"),
    ];
    for (remote, advice) in accounts {
        let errors = [
            list(&remote, selection("/in/", true, true)).await.unwrap_err(),
            remote.stat("/in/a.csv").await.unwrap_err(),
            remote.explore("").await.unwrap_err(),
            read(&remote, &object).await.unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind, Kind::Refused, "{error}");
            assert!(error.message.contains("credentials were not accepted"), "{error}");
            assert!(error.advice.as_ref().unwrap().contains(advice), "{:?}", error.advice);
            for secret in [other, proof(&tampered), proof(&expired)] {
                assert!(!shown(&error).contains(secret), "{error:?}");
            }
        }
        assert_eq!(outcome(remote).await, "connect ok, sign in failed, list not reached");
    }
    let error = by_uri(container, &expired).explore("").await.unwrap_err();
    assert!(error.message.contains("the signature expired at"), "{error}");
}

#[tokio::test]
async fn a_connection_test_names_the_step_that_fails() {
    let here = here().await;
    assert_eq!(outcome(here.remote()).await, "connect ok, sign in ok, list ok");
    assert_eq!(outcome(here.with(json!({}))).await, "connect ok, sign in ok, list ok");
    let nowhere = here.with(json!({ "container": "no-such-container" }));
    assert_eq!(outcome(nowhere).await, "connect ok, sign in ok, list failed");
    // May read and not list.
    let reader = by_uri(json!({}), &here.signed("r", in_an_hour()));
    assert_eq!(outcome(reader).await, "connect ok, sign in ok, list failed");
    let closed = by_string(json!({}), &here.azurite.connection_string("127.0.0.1:1".parse().unwrap()));
    assert_eq!(outcome(closed).await, "connect failed, sign in not reached, list not reached");
}

#[tokio::test]
async fn a_signature_for_one_container_sees_that_container() {
    let (here, other) = (here().await, here().await);
    here.put("in/a.csv", "here").await;
    other.put("in/a.csv", "there").await;
    let remote = by_uri(json!({}), &here.signed("rl", in_an_hour()));
    // The container stays the first segment: a connection may change its sign-in and keep its paths.
    let container = &here.container;
    assert_eq!(explored(&remote, "").await, [format!("D {container} /{container}/")]);
    assert_eq!(explored(&remote, &format!("/{container}/in/")).await, [format!("F a.csv /{container}/in/a.csv")]);
    let object = remote.stat(&format!("/{container}/in/a.csv")).await.unwrap();
    assert_eq!(read(&remote, &object).await.unwrap(), b"here");
    let error = remote.stat(&format!("/{}/in/a.csv", other.container)).await.unwrap_err();
    assert_eq!(error.kind, Kind::Refused, "{error}");
    assert_eq!(outcome(by_uri(json!({}), &here.signed("rl", in_an_hour()))).await, "connect ok, sign in ok, list ok");
    // The same as a part of a connection string.
    let signature = here.azurite.container_signature(container, "rl", in_an_hour());
    let text =
        format!("BlobEndpoint=http://{}/{};SharedAccessSignature={signature}", here.azurite.addr, here.azurite.account);
    assert_eq!(explored(&by_string(json!({ "container": container }), &text), "").await, ["D in /in/"]);
    // An account's signature sees all of them.
    let account = here.azurite.account_signature("rl", in_an_hour());
    let account = by_uri(json!({}), &here.azurite.uri(here.azurite.addr, None, &account));
    let root = explored(&account, "").await;
    for container in [container, &other.container] {
        assert!(root.contains(&format!("D {container} /{container}/")), "{root:?}");
    }
}

#[tokio::test]
async fn a_closed_gate_lets_nothing_through() {
    let here = here().await;
    let (proxy, _) = here.through(Arc::new(|_| Fault::Pass)).await;
    let text = here.azurite.connection_string(proxy.addr);
    let remote = open(Gate::new(Vec::new()).unwrap(), &json!({}), ("connectionString", &text)).unwrap();
    for error in [remote.explore("").await.unwrap_err(), remote.stat("/c/a").await.unwrap_err()] {
        assert_eq!((error.kind, error.message.starts_with("endpoint not allowed")), (Kind::Refused, true), "{error}");
    }
    assert_eq!(proxy.seen().len(), 0);
}

#[tokio::test]
async fn secrets_are_in_nothing_that_can_be_printed() {
    let here = here().await;
    let key = "Y2FuYXJ5LW9mLXRoZS13cm9uZy1rZXk=";
    let text = here.azurite.connection_string(here.azurite.addr).replace(&here.azurite.key, key);
    let uri = format!(
        "http://{}/{}/c?sv=2021-12-02&sr=c&sp=rl&se=2030-01-01&sig=canaryOfTheProof",
        here.azurite.addr, here.azurite.account
    );
    for remote in [by_string(json!({}), &text), by_uri(json!({}), &uri)] {
        let error = remote.stat("/c/a").await.unwrap_err();
        for text in [format!("{remote:?}"), shown(&error), format!("{:?}", remote.test().await)] {
            assert!(!text.contains(key) && !text.contains("canary"), "{text}");
        }
    }
}

const SIZE: usize = 200_000;

#[tokio::test]
async fn ranges_changes_and_broken_bodies_are_read_right_or_not_at_all() {
    let here = here().await;
    here.put("k", content(SIZE)).await;
    let remote = here.remote();
    let object = remote.stat("/k").await.unwrap();
    assert_eq!(object.size, SIZE as u64);
    assert_eq!(read(&remote, &object).await.unwrap(), content(SIZE));
    let part: Vec<_> = remote.read(&object, Some(1_000..70_000)).try_collect().await.unwrap();
    assert_eq!(part.concat(), &content(SIZE)[1_000..70_000]);
    // A body that breaks is resumed where it broke, by the same etag.
    for at in [0, 1, 150_000] {
        for fault in [Fault::Cut(at), Fault::Short(at)] {
            let first = fault.clone();
            let script = move |seen: &Seen| if seen.number == 0 { first.clone() } else { Fault::Pass };
            let (proxy, remote) = here.through(Arc::new(script)).await;
            assert_eq!(read(&remote, &object).await.unwrap(), content(SIZE), "{fault:?}");
            let seen = proxy.seen();
            assert_eq!((seen.len(), seen[1].if_match.as_deref()), (2, Some(object.etag.as_str())), "{fault:?}");
        }
    }
    here.put("k", vec![9; SIZE]).await;
    let error = read(&remote, &object).await.unwrap_err();
    assert!(error.kind == Kind::Stale && error.message.contains("changed while it was read"), "{error}");
    here.azurite.delete(&here.container, "k").await.unwrap();
    // Whether it is gone or another is not told apart by every server; both end the reading.
    assert!(matches!(read(&remote, &object).await.unwrap_err().kind, Kind::NotFound | Kind::Stale));
    assert_eq!(remote.stat("/k").await.unwrap_err().kind, Kind::NotFound);
    here.put("empty", "").await;
    let empty = remote.stat("/empty").await.unwrap();
    assert_eq!((empty.size, read(&remote, &empty).await.unwrap()), (0, Vec::new()));
}

#[tokio::test]
async fn with_one_call_in_ten_failing_everything_still_arrives() {
    let here = here().await;
    for at in 0..60 {
        here.put(&format!("in/{at:03}.csv"), format!("content of {at}")).await;
    }
    for seed in 0..3 {
        let (proxy, remote) = here.through(seeded(seed, 10)).await;
        let objects = list(&remote, selection("/in/", true, true)).await.unwrap();
        assert_eq!(objects.len(), 60);
        for (at, object) in objects.iter().enumerate() {
            assert_eq!(read(&remote, object).await.unwrap(), format!("content of {at}").as_bytes(), "seed {seed}");
        }
        assert!(proxy.seen().len() <= 91, "seed {seed}: {}", proxy.seen().len());
    }
}

#[tokio::test]
async fn what_may_pass_is_asked_again_and_what_cannot_is_asked_once() {
    let here = here().await;
    for (status, code, kind, calls) in [
        (503, "ServerBusy", Kind::Unavailable { retry_after: None }, 6),
        (500, "InternalError", Kind::Unavailable { retry_after: None }, 6),
        (403, "AuthorizationFailure", Kind::Refused, 1),
        (404, "ContainerNotFound", Kind::NotFound, 1),
        (409, "PublicAccessNotPermitted", Kind::Refused, 1),
    ] {
        let (proxy, remote) = here.through(Arc::new(move |_| Fault::error(status, code))).await;
        let error = remote.explore("").await.unwrap_err();
        assert_eq!((error.kind, proxy.seen().len()), (kind, calls), "{code}");
    }
    // A redirect is not followed, and what is not Azure is said not to be.
    let moved = Fault::Answer {
        status: 302,
        headers: vec![("location".into(), "http://127.0.0.1:1/".into())],
        body: String::new(),
    };
    let (_proxy, remote) = here.through(Arc::new(move |_| moved.clone())).await;
    assert_eq!(remote.explore("").await.unwrap_err().kind, Kind::Refused);
    for body in ["<html></html>", "{}", ""] {
        let answer = Fault::Answer { status: 200, headers: Vec::new(), body: body.to_string() };
        let (_proxy, remote) = here.through(Arc::new(move |_| answer.clone())).await;
        let error = remote.explore("").await.unwrap_err();
        assert!(error.message.contains("not one of Azure Blob Storage"), "{body}: {error}");
    }
}
