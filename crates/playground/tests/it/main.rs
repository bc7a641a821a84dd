//! The endpoint as another's client sees it: object_store's, which the lake uses too.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod faults;
mod hubspot;

use bytes::Bytes;
use forebay_playground::{Playground, PlaygroundConfig, Running, orders, sample};
use futures::{StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{
    Error, GetOptions, GetRange, MultipartUpload, ObjectStore, ObjectStoreExt, PutMode, PutMultipartOptions,
    PutPayload, UpdateVersion,
};
use std::net::SocketAddr;
use std::sync::Arc;

/// An endpoint over a folder of its own, with one bucket.
struct Here {
    _dir: tempfile::TempDir,
    running: Running,
}

async fn here() -> Here {
    let dir = tempfile::tempdir().unwrap();
    let running = Playground::start(PlaygroundConfig::new(dir.path())).await.unwrap();
    running.folder().create_bucket("bucket").unwrap();
    Here { _dir: dir, running }
}

fn client(at: SocketAddr, access: &str, secret: &str) -> AmazonS3 {
    let retry = object_store::RetryConfig { max_retries: 0, ..Default::default() };
    AmazonS3Builder::new()
        .with_endpoint(format!("http://{at}"))
        .with_allow_http(true)
        .with_bucket_name("bucket")
        .with_region("us-east-1")
        .with_access_key_id(access)
        .with_secret_access_key(secret)
        .with_retry(retry)
        .build()
        .unwrap()
}

impl Here {
    fn client(&self) -> AmazonS3 {
        client(self.running.addr, &self.running.access_key, &self.running.secret_key)
    }
}

fn payload(size: usize, seed: usize) -> PutPayload {
    PutPayload::from((0..size).map(|at| (at * 31 + seed + at / 255) as u8).collect::<Vec<u8>>())
}

#[tokio::test]
async fn wrong_keys_are_refused_and_change_nothing() {
    let here = here().await;
    let path = Path::from("k");
    for (access, secret) in
        [(here.running.access_key.as_str(), "wrong"), ("AKIAOTHER", here.running.secret_key.as_str())]
    {
        let client = client(here.running.addr, access, secret);
        let put = client.put(&path, PutPayload::from_static(b"x")).await.unwrap_err();
        assert!(matches!(put, Error::PermissionDenied { .. }), "{put}");
        let get = client.get(&path).await.unwrap_err();
        assert!(matches!(get, Error::PermissionDenied { .. }), "{get}");
    }
    assert!(matches!(here.client().head(&path).await, Err(Error::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_writers_that_want_to_be_first_exactly_one_is() {
    let here = here().await;
    let client = Arc::new(here.client());
    for round in 0..20 {
        let path = Path::from(format!("log/{round:020}.json"));
        let writers = (0..16).map(|writer| {
            let (client, path) = (client.clone(), path.clone());
            tokio::spawn(async move {
                let put = client.put_opts(&path, PutPayload::from(writer.to_string()), PutMode::Create.into()).await;
                match put {
                    Ok(_) => Some(writer),
                    Err(Error::AlreadyExists { .. }) => None,
                    Err(e) => panic!("round {round}: {e}"),
                }
            })
        });
        let winners: Vec<i32> =
            futures::future::join_all(writers).await.into_iter().filter_map(Result::unwrap).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        let kept = client.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(kept, winners[0].to_string(), "round {round}");
    }
}

#[tokio::test]
async fn updates_are_compared_with_the_etag() {
    let here = here().await;
    let (client, path) = (here.client(), Path::from("k"));
    let first = client.put(&path, PutPayload::from_static(b"one")).await.unwrap();
    let update = |e_tag: Option<String>| PutMode::Update(UpdateVersion { e_tag, version: None });
    let second =
        client.put_opts(&path, PutPayload::from_static(b"two"), update(first.e_tag.clone()).into()).await.unwrap();
    assert_ne!(first.e_tag, second.e_tag);
    let stale = client.put_opts(&path, PutPayload::from_static(b"three"), update(first.e_tag.clone()).into()).await;
    assert!(matches!(stale, Err(Error::Precondition { .. })));
    let get = |if_match: Option<String>| GetOptions { if_match, ..GetOptions::default() };
    assert!(matches!(client.get_opts(&path, get(first.e_tag)).await, Err(Error::Precondition { .. })));
    let bytes = client.get_opts(&path, get(second.e_tag.clone())).await.unwrap().bytes().await.unwrap();
    assert_eq!(bytes, "two");
    let unchanged = GetOptions { if_none_match: second.e_tag, ..GetOptions::default() };
    assert!(matches!(client.get_opts(&path, unchanged).await, Err(Error::NotModified { .. })));
}

#[tokio::test]
async fn ranges_of_a_large_object_are_what_was_put() {
    let here = here().await;
    let (client, path) = (here.client(), Path::from("large"));
    let content = payload(3_500_000, 1);
    let whole: Bytes = content.clone().into();
    client.put(&path, content).await.unwrap();
    assert_eq!(client.get(&path).await.unwrap().bytes().await.unwrap(), whole);
    for range in [0..1, 0..3_500_000, 1_048_575..1_048_577, 3_499_999..3_500_000, 17..2_100_000] {
        let got = client.get_range(&path, range.clone()).await.unwrap();
        assert_eq!(got, whole.slice(range.start as usize..range.end as usize), "{range:?}");
    }
    let tail = GetOptions { range: Some(GetRange::Suffix(10)), ..GetOptions::default() };
    assert_eq!(client.get_opts(&path, tail).await.unwrap().bytes().await.unwrap(), whole.slice(3_499_990..));
    assert!(client.get_range(&path, 3_500_000..3_500_001).await.is_err());
}

#[tokio::test]
async fn listings_have_pages() {
    let here = here().await;
    for at in 0..2500 {
        here.running
            .folder()
            .put("bucket", &format!("in/{:02}/{at:05}.csv", at % 50), b"x", chrono::Utc::now())
            .unwrap();
    }
    let client = here.client();
    let mut keys: Vec<String> =
        client.list(Some(&Path::from("in"))).map_ok(|meta| meta.location.to_string()).try_collect().await.unwrap();
    assert_eq!(keys.len(), 2500);
    keys.dedup();
    assert_eq!(keys.len(), 2500);
    let level = client.list_with_delimiter(Some(&Path::from("in"))).await.unwrap();
    assert_eq!((level.common_prefixes.len(), level.objects.len()), (50, 0));
}

#[tokio::test]
async fn parts_become_one_object_or_none() {
    let here = here().await;
    let (client, path) = (here.client(), Path::from("parts"));
    let mut upload = client.put_multipart(&path).await.unwrap();
    for part in 0..2 {
        upload.put_part(payload(5 << 20, part)).await.unwrap();
    }
    upload.put_part(payload(3, 9)).await.unwrap();
    assert!(client.head(&path).await.is_err());
    let done = upload.complete().await.unwrap();
    assert!(done.e_tag.unwrap().ends_with("-3\""));
    let bytes = client.get(&path).await.unwrap().bytes().await.unwrap();
    let expected: Vec<u8> = [payload(5 << 20, 0), payload(5 << 20, 1), payload(3, 9)]
        .into_iter()
        .flat_map(|part| Bytes::from(part).to_vec())
        .collect();
    assert_eq!(bytes, expected);

    let mut given_up = client.put_multipart_opts(&Path::from("no"), PutMultipartOptions::default()).await.unwrap();
    given_up.put_part(payload(10, 0)).await.unwrap();
    given_up.abort().await.unwrap();
    assert!(given_up.complete().await.is_err());
    assert!(client.head(&Path::from("no")).await.is_err());
}

#[tokio::test]
async fn objects_are_copied_and_deleted_one_by_one_and_in_bulk() {
    let here = here().await;
    let client = here.client();
    let (from, to) = (Path::from("a b+c"), Path::from("日本/100%"));
    client.put(&from, PutPayload::from_static(b"x")).await.unwrap();
    client.copy(&from, &to).await.unwrap();
    client.delete(&from).await.unwrap();
    assert!(client.head(&from).await.is_err());
    assert_eq!(client.get(&to).await.unwrap().bytes().await.unwrap(), "x");
    let many: Vec<Path> = (0..20).map(|at| Path::from(format!("many/{at}"))).collect();
    for path in &many {
        client.put(path, PutPayload::from_static(b"x")).await.unwrap();
    }
    let deleted: Vec<Path> =
        client.delete_stream(futures::stream::iter(many).map(Ok).boxed()).try_collect().await.unwrap();
    assert_eq!(deleted.len(), 20);
    let left: Vec<_> = client.list(None).try_collect().await.unwrap();
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn everything_is_there_again_after_a_restart() {
    let here = here().await;
    here.client().put(&Path::from("k"), PutPayload::from_static(b"kept")).await.unwrap();
    let Here { _dir, running } = here;
    running.shutdown().await;
    let running = Playground::start(PlaygroundConfig::new(_dir.path())).await.unwrap();
    let client = client(running.addr, &running.access_key, &running.secret_key);
    assert_eq!(client.get(&Path::from("k")).await.unwrap().bytes().await.unwrap(), "kept");
}

#[test]
fn the_sample_is_the_same_every_time_and_loading_it_again_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = forebay_playground::Folder::open(dir.path()).unwrap();
    let at = |seconds| chrono::DateTime::from_timestamp(seconds, 0).unwrap();
    sample::load(&folder, 42, at(1)).unwrap();
    let before = folder.list(sample::BUCKET, "", None, None, 1000).unwrap().objects;
    sample::load(&folder, 42, at(2)).unwrap();
    assert_eq!(folder.list(sample::BUCKET, "", None, None, 1000).unwrap().objects, before);
    assert_eq!(sample::objects(42).unwrap(), sample::objects(42).unwrap());
    assert!(before.iter().any(|(key, stored)| key == "in/people.csv" && stored.size > 50_000));
    assert!(before.iter().any(|(key, _)| key == "compressed/people.csv.gz"));
}

#[test]
fn a_bucket_that_people_played_with_is_restored_and_what_they_left_alone_keeps_its_date() {
    let dir = tempfile::tempdir().unwrap();
    let folder = forebay_playground::Folder::open(dir.path()).unwrap();
    let at = |seconds| chrono::DateTime::from_timestamp(seconds, 0).unwrap();
    sample::restore(&folder, 1, at(1)).unwrap();
    let all = || folder.list(sample::BUCKET, "", None, None, 1000).unwrap().objects;
    let before = all();
    folder.put(sample::BUCKET, "mine.csv", b"a", at(2)).unwrap();
    folder.put(sample::BUCKET, "in/people.csv", b"changed", at(2)).unwrap();
    folder.delete(sample::BUCKET, &orders::key(3)).unwrap();
    sample::restore(&folder, 1, at(3)).unwrap();
    let names = |all: &[(String, forebay_playground::folder::Stored)]| -> Vec<(String, String)> {
        all.iter().map(|(key, stored)| (key.clone(), stored.etag.clone())).collect()
    };
    let after = all();
    assert_eq!(names(&after), names(&before));
    let newer: Vec<&str> = after.iter().filter(|(_, s)| s.modified == 3).map(|(key, _)| key.as_str()).collect();
    assert_eq!(newer, ["in/people.csv", &orders::key(3)]);
}

#[test]
fn the_orders_are_a_hundred_thousand_and_two_of_them_are_odd() {
    use std::io::Read;
    let mut rows = 0;
    let mut odd = Vec::new();
    for file in 1..=orders::FILES {
        let mut text = String::new();
        let packed = orders::part(1, file).unwrap();
        assert_eq!(packed, orders::part(1, file).unwrap());
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
        let mut lines = text.lines();
        assert_eq!(lines.next().unwrap(), orders::COLUMNS.map(|(name, _)| name).join(","));
        for line in lines {
            // A comma between quotes parts nothing.
            let quoted = |(at, piece): (usize, &str)| if at % 2 == 1 { "q".to_string() } else { piece.to_string() };
            let plain: String = line.split('"').enumerate().map(quoted).collect();
            let record: Vec<&str> = plain.split(',').collect();
            rows += 1;
            let number = record[10].parse::<f64>().is_ok();
            if record.len() != orders::COLUMNS.len() || !number {
                odd.push((rows, record.len(), number));
            }
        }
    }
    assert_eq!(rows, orders::ROWS);
    assert_eq!(
        odd,
        [(orders::TOO_MANY, orders::COLUMNS.len() + 1, true), (orders::NO_NUMBER, orders::COLUMNS.len(), false)]
    );
}
