//! What is there, and what a selection names.

use super::{Here, here, list, read, selection};
use expect_test::{Expect, expect};
use forebay_model::Kind;
use forebay_playground::fault::Fault;
use serde_json::json;
use std::sync::Arc;

/// Keys that break whoever takes them for paths.
const ODD: [&str; 22] = [
    "in/a b.csv",
    "in/a+b.csv",
    "in/a%20b.csv",
    "in/100%.csv",
    "in/日本語.csv",
    "in/é.csv",
    "in/e\u{301}.csv",
    "in/a//b.csv",
    "in/../up.csv",
    "in/./dot.csv",
    "..",
    "/leading.csv",
    "//two.csv",
    "in/trailing ",
    " in/leading blank",
    "in/a&b=<c>'\".csv",
    "in/new\nline.csv",
    "in/tab\t.csv",
    "in/?query#fragment.csv",
    "in/a\\b.csv",
    "in/*literal*.csv",
    "in/emoji😀.csv",
];

async fn explored(here: &Here, params: serde_json::Value, path: &str) -> String {
    let entries = here.with(params).explore(path).await.unwrap();
    let line = |e: forebay_sources::Entry| format!("{} {:?} {:?}", if e.folder { "D" } else { "F" }, e.name, e.path);
    entries.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

async fn sample() -> Here {
    let here = here().await;
    for key in [
        "in/a.csv",
        "in/b.csv",
        "in/c.json",
        "in/2024/01/x.csv",
        "in/2024/02/y.csv",
        "in/2024/",
        "top.csv",
        "out/z.csv",
    ] {
        here.put(key, if key.ends_with('/') { "" } else { key });
    }
    here
}

#[tokio::test]
async fn exploring_goes_one_level_at_a_time() {
    let here = sample().await;
    here.running.folder().create_bucket("another").unwrap();
    let bucket = || json!({"bucketName": "bucket"});
    let check = async |params, path: &str, expected: &Expect| expected.assert_eq(&explored(&here, params, path).await);
    let buckets = expect![[r#"
        D "another" "/another/"
        D "bucket" "/bucket/""#]];
    check(json!({}), "", &buckets).await;
    check(json!({}), "/", &buckets).await;
    let top = expect![[r#"
        D "in" "/bucket/in/"
        D "out" "/bucket/out/"
        F "top.csv" "/bucket/top.csv""#]];
    check(json!({}), "/bucket/", &top).await;
    check(json!({}), "bucket", &top).await;
    let root = expect![[r#"
        D "in" "/in/"
        D "out" "/out/"
        F "top.csv" "/top.csv""#]];
    check(bucket(), "", &root).await;
    let inside = expect![[r#"
        D "2024" "/in/2024/"
        F "a.csv" "/in/a.csv"
        F "b.csv" "/in/b.csv"
        F "c.json" "/in/c.json""#]];
    for path in ["/in/", "in/", "/in", "in"] {
        check(bucket(), path, &inside).await;
    }
    // The marker of the folder is not shown in it.
    let year = expect![[r#"
        D "01" "/in/2024/01/"
        D "02" "/in/2024/02/""#]];
    check(bucket(), "/in/2024/", &year).await;
    let rooted = expect![[r#"
        D "01" "/01/"
        D "02" "/02/""#]];
    check(json!({"bucketName": "bucket", "folderPath": "/in/2024"}), "", &rooted).await;
    check(json!({"folderPath": "bucket/in/2024/"}), "", &rooted).await;
}

#[tokio::test]
async fn a_folder_or_bucket_that_is_not_there_is_not_found() {
    let here = sample().await;
    for (params, path) in [
        (json!({"bucketName": "bucket"}), "/nowhere/"),
        (json!({"bucketName": "nowhere"}), ""),
        (json!({}), "/nowhere/"),
        (json!({}), "/bucket/nowhere/"),
    ] {
        let error = here.with(params).explore(path).await.unwrap_err();
        assert_eq!((error.kind, error.code.id), (Kind::NotFound, "FLOW-1101-404"), "{path}: {error}");
    }
    // An empty bucket is there, and so is the root of an empty one.
    here.running.folder().create_bucket("empty").unwrap();
    assert!(here.with(json!({})).explore("/empty/").await.unwrap().is_empty());
}

async fn selected(here: &Here, path: &str, folder: bool, recursive: bool) -> String {
    let objects = list(&here.remote(), selection(path, folder, recursive)).await.unwrap();
    assert!(objects.iter().all(|object| object.bucket == "bucket"));
    objects.into_iter().map(|object| object.key).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn selections_name_files_folders_and_patterns() {
    let here = sample().await;
    here.put("in/empty.csv", "");
    here.put("in/[x].csv", "x");
    let check = async |path: &str, folder, recursive, expected: &str| {
        assert_eq!(selected(&here, path, folder, recursive).await, expected, "{path} {folder} {recursive}");
    };
    check("/in/a.csv", false, false, "in/a.csv").await;
    check("in/a.csv", false, false, "in/a.csv").await;
    check("/in/", true, false, "in/[x].csv in/a.csv in/b.csv in/c.json in/empty.csv").await;
    check("/in", true, true, "in/2024/01/x.csv in/2024/02/y.csv in/[x].csv in/a.csv in/b.csv in/c.json in/empty.csv")
        .await;
    check("/", true, false, "top.csv").await;
    check("/in/*.csv", false, false, "in/[x].csv in/a.csv in/b.csv in/empty.csv").await;
    check("/in/**/*.csv", false, false, "in/2024/01/x.csv in/2024/02/y.csv in/[x].csv in/a.csv in/b.csv in/empty.csv")
        .await;
    check("/in/2024/0?/*.csv", false, false, "in/2024/01/x.csv in/2024/02/y.csv").await;
    check("/in/{a,c}.*", false, false, "in/a.csv in/c.json").await;
    check("/in/[ab].csv", false, false, "in/a.csv in/b.csv").await;
    check("*.csv", false, false, "top.csv").await;
    check("/in/2024/*/", true, false, "in/2024/01/x.csv in/2024/02/y.csv").await;
    check("/i*", true, true, "in/2024/01/x.csv in/2024/02/y.csv in/[x].csv in/a.csv in/b.csv in/c.json in/empty.csv")
        .await;
    // A file of that very name wins over the pattern.
    check("/in/[x].csv", false, false, "in/[x].csv").await;
    check("/nothing/*.csv", false, false, "").await;
    // Without a bucket in the connection the path begins with it.
    let objects = list(&here.with(json!({})), selection("/bucket/in/*.json", false, false)).await.unwrap();
    assert_eq!(objects[0].key, "in/c.json");
    // The connection's folder is its root.
    let rooted = here.with(json!({"bucketName": "bucket", "folderPath": "in"}));
    let objects = list(&rooted, selection("*.json", false, false)).await.unwrap();
    assert_eq!(objects[0].key, "in/c.json");
}

#[tokio::test]
async fn a_selection_that_can_name_nothing_says_so() {
    let here = sample().await;
    let kind =
        async |params, path: &str| list(&here.with(params), selection(path, false, false)).await.unwrap_err().kind;
    assert_eq!(kind(json!({"bucketName": "bucket"}), "/in/nowhere.csv").await, Kind::NotFound);
    assert_eq!(kind(json!({"bucketName": "bucket"}), "/in/[a.csv").await, Kind::Invalid);
    assert_eq!(kind(json!({}), "/*/a.csv").await, Kind::Invalid);
    assert_eq!(kind(json!({}), "/").await, Kind::NotFound);
}

#[tokio::test]
async fn odd_keys_are_listed_and_read_as_they_are() {
    let here = here().await;
    for key in ODD {
        here.put(key, key);
    }
    let remote = here.remote();
    let mut listed = list(&remote, selection("/", true, true)).await.unwrap();
    let mut expected: Vec<&str> = ODD.to_vec();
    expected.sort();
    assert_eq!(listed.iter().map(|object| object.key.as_str()).collect::<Vec<_>>(), expected);
    for object in &mut listed {
        assert_eq!(read(&remote, object).await.unwrap(), object.key.as_bytes(), "{:?}", object.key);
        // One leading slash is dropped from a path; a key that begins with one is named with two.
        let named = remote.stat(&format!("/{}", object.key)).await.unwrap();
        assert_eq!(&named, object);
    }
}

#[tokio::test]
async fn long_keys_are_listed_and_read() {
    let here = here().await;
    let key = "長".repeat(341);
    here.put(&key, "x");
    let remote = here.remote();
    let listed = list(&remote, selection("/", true, true)).await.unwrap();
    assert_eq!(listed[0].key, key);
    assert_eq!(read(&remote, &listed[0]).await.unwrap(), b"x");
}

#[tokio::test]
async fn paths_that_exploring_gives_can_be_explored_and_read() {
    let here = here().await;
    for key in ODD {
        here.put(key, key);
    }
    for params in [json!({"bucketName": "bucket"}), json!({}), json!({"bucketName": "bucket", "folderPath": "in"})] {
        let remote = here.with(params.clone());
        let (mut folders, mut files) = (vec![String::new()], 0);
        while let Some(folder) = folders.pop() {
            for entry in remote.explore(&folder).await.unwrap() {
                assert!(entry.path.starts_with('/') && entry.path.ends_with('/') == entry.folder, "{entry:?}");
                if entry.folder {
                    folders.push(entry.path);
                } else {
                    let object = remote.stat(&entry.path).await.unwrap();
                    assert_eq!(read(&remote, &object).await.unwrap(), object.key.as_bytes(), "{entry:?}");
                    files += 1;
                }
            }
        }
        let all = if params["folderPath"].is_null() {
            ODD.len()
        } else {
            ODD.iter().filter(|k| k.starts_with("in/")).count()
        };
        assert_eq!(files, all, "{params}");
    }
}

#[tokio::test]
async fn two_and_a_half_thousand_keys_come_in_three_pages() {
    let here = here().await;
    for at in 0..2500 {
        here.put(&format!("in/{at:05} +.csv"), "x");
    }
    let (proxy, remote) = here.through(Arc::new(|_| Fault::Pass)).await;
    let listed = list(&remote, selection("/in/", true, true)).await.unwrap();
    assert_eq!(listed.len(), 2500);
    assert!(listed.windows(2).all(|pair| pair[0].key < pair[1].key));
    assert_eq!(proxy.seen().len(), 3);
    assert_eq!(remote.explore("/in/").await.unwrap().len(), 2500);
}

#[tokio::test]
async fn a_token_that_comes_twice_ends_the_listing() {
    let here = here().await;
    for at in 0..1500 {
        here.put(&format!("{at:05}"), "x");
    }
    // The endpoint's second page says again where the first one ended.
    let (proxy, remote) = here
        .through(Arc::new(|_| Fault::Rewrite {
            from: "<IsTruncated>false</IsTruncated>".into(),
            to: "<IsTruncated>true</IsTruncated><NextContinuationToken>k3030393939</NextContinuationToken>".into(),
        }))
        .await;
    let error = list(&remote, selection("/", true, true)).await.unwrap_err();
    assert_eq!(error.kind, Kind::Refused);
    assert!(error.message.contains("circles"), "{error}");
    assert!(proxy.seen().len() <= 3, "{:?}", proxy.seen());
}

#[tokio::test]
async fn what_is_not_s3_is_said_to_be_not_s3() {
    let here = here().await;
    for body in ["<html><body>Welcome</body></html>", "{}", "", "<ListBucketResult><Contents>"] {
        let answer = Fault::Answer { status: 200, headers: Vec::new(), body: body.to_string() };
        let (proxy, remote) = here.through(Arc::new(move |_| answer.clone())).await;
        let error = remote.explore("").await.unwrap_err();
        assert_eq!(error.kind, Kind::Refused, "{body}");
        assert!(error.message.contains("not one of S3"), "{body}: {error}");
        assert_eq!(proxy.seen().len(), 1, "{body}");
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_never_taken_for_one_without_the_file() {
    let here = here().await;
    here.put("in/[x].csv", "x");
    // Only the question for the file itself fails; the listing would answer, with nothing.
    let (_proxy, remote) = here
        .through(Arc::new(|seen| match seen.method.as_str() {
            "HEAD" => Fault::Drop,
            _ => Fault::Pass,
        }))
        .await;
    let error = list(&remote, selection("/in/[x].csv", false, false)).await.unwrap_err();
    assert!(matches!(error.kind, Kind::Unavailable { .. }), "{error}");
}
