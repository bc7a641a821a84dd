//! The folder store: put-if-absent, large files, and nothing half written in sight.

use forebay_lake::{Folder, Lake};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

struct At {
    dir: TempDir,
    store: Folder,
}

impl At {
    fn new() -> At {
        At {
            dir: tempfile::tempdir().unwrap(),
            store: Folder::root(),
        }
    }

    fn path(&self, name: &str) -> Path {
        Path::from_absolute_path(self.dir.path().join(name)).unwrap()
    }

    async fn read(&self, name: &str) -> Option<Vec<u8>> {
        match self.store.get(&self.path(name)).await {
            Ok(found) => Some(found.bytes().await.unwrap().to_vec()),
            Err(object_store::Error::NotFound { .. }) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// Every name in the folder, listed by the store or not.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.dir.path().join(folder)).unwrap();
        entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

fn create() -> PutOptions {
    PutMode::Create.into()
}

#[tokio::test]
async fn a_put_makes_the_folders_above_it() {
    let at = At::new();
    at.store
        .put(&at.path("a/b/c.txt"), "x".into())
        .await
        .unwrap();
    assert_eq!(at.read("a/b/c.txt").await, Some(b"x".to_vec()));
    assert_eq!(at.names("a/b"), ["c.txt"]);
}

#[tokio::test]
async fn a_put_replaces_and_a_create_does_not() {
    let at = At::new();
    at.store.put(&at.path("x"), "1".into()).await.unwrap();
    at.store.put(&at.path("x"), "2".into()).await.unwrap();
    let refused = at.store.put_opts(&at.path("x"), "3".into(), create()).await;
    assert!(
        matches!(refused, Err(object_store::Error::AlreadyExists { .. })),
        "{refused:?}"
    );
    assert_eq!(at.read("x").await, Some(b"2".to_vec()));
    assert_eq!(at.names(""), ["x"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_racing_creates_exactly_one_wins() {
    let at = At::new();
    for round in 0..10 {
        let mut racers = tokio::task::JoinSet::new();
        for racer in 0..8 {
            let (store, path) = (at.store.clone(), at.path(&format!("log/{round}.json")));
            racers.spawn(async move {
                let payload = PutPayload::from(format!("{racer}"));
                store
                    .put_opts(&path, payload, create())
                    .await
                    .map(|_| racer)
                    .ok()
            });
        }
        let winners: Vec<i32> = racers.join_all().await.into_iter().flatten().collect();
        assert_eq!(winners.len(), 1);
        let kept = at.read(&format!("log/{round}.json")).await.unwrap();
        assert_eq!(kept, winners[0].to_string().into_bytes());
    }
}

#[tokio::test]
async fn a_large_file_appears_when_it_is_complete() {
    let at = At::new();
    let mut upload = at.store.put_multipart(&at.path("t/big")).await.unwrap();
    let second = upload.put_part(vec![1; 3000].into());
    let third = upload.put_part(vec![2; 10].into());
    third.await.unwrap();
    second.await.unwrap();
    assert_eq!(at.read("t/big").await, None);
    let listed: Vec<_> = at
        .store
        .list(Some(&at.path("t")))
        .try_collect()
        .await
        .unwrap();
    assert!(listed.is_empty(), "{listed:?}");
    upload.complete().await.unwrap();
    let bytes = at.read("t/big").await.unwrap();
    assert_eq!((bytes.len(), bytes[2999], bytes[3000]), (3010, 1, 2));
    assert_eq!(at.names("t"), ["big"]);
}

#[tokio::test]
async fn a_large_file_given_up_leaves_nothing() {
    let at = At::new();
    let mut upload = at.store.put_multipart(&at.path("t/big")).await.unwrap();
    upload.put_part(vec![1; 10].into()).await.unwrap();
    drop(upload);
    assert!(at.names("t").is_empty());
}

#[tokio::test]
async fn renames_and_copies_do_not_overwrite_unless_told_to() {
    let at = At::new();
    at.store.put(&at.path("a"), "a".into()).await.unwrap();
    at.store.put(&at.path("b"), "b".into()).await.unwrap();
    assert!(
        at.store
            .copy_if_not_exists(&at.path("a"), &at.path("b"))
            .await
            .is_err()
    );
    assert!(
        at.store
            .rename_if_not_exists(&at.path("a"), &at.path("b"))
            .await
            .is_err()
    );
    assert_eq!(at.read("b").await, Some(b"b".to_vec()));
    at.store
        .rename_if_not_exists(&at.path("a"), &at.path("sub/c"))
        .await
        .unwrap();
    assert_eq!(
        (at.read("a").await, at.read("sub/c").await),
        (None, Some(b"a".to_vec()))
    );
    at.store
        .copy(&at.path("sub/c"), &at.path("b"))
        .await
        .unwrap();
    assert_eq!(at.read("b").await, Some(b"a".to_vec()));
}

#[tokio::test]
async fn a_sweep_takes_only_old_half_written_files() {
    let at = At::new();
    at.store.put(&at.path("t/whole"), "x".into()).await.unwrap();
    std::fs::write(at.dir.path().join("t/half#123"), "x").unwrap();
    std::fs::write(at.dir.path().join("t/no#half"), "x").unwrap();
    let now = SystemTime::now();
    assert_eq!(
        at.store
            .sweep(&at.path("t"), now - Duration::from_secs(60))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        at.store
            .sweep(&at.path("t"), now + Duration::from_secs(60))
            .await
            .unwrap(),
        1
    );
    let mut left = at.names("t");
    left.sort();
    assert_eq!(left, ["no#half", "whole"]);
    assert_eq!(at.store.sweep(&at.path("none"), now).await.unwrap(), 0);
}

#[tokio::test]
async fn a_lakes_paths_are_relative_to_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::local(&dir.path().join("a lake")).unwrap();
    lake.store()
        .put(&"batches/s/b/x.json".into(), "x".into())
        .await
        .unwrap();
    assert!(dir.path().join("a lake/batches/s/b/x.json").is_file());
    let listed: Vec<_> = lake
        .store()
        .list(None)
        .map(|m| m.unwrap().location.to_string())
        .collect()
        .await;
    assert_eq!(listed, ["batches/s/b/x.json"]);
}
