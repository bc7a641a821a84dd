//! Opening: the right key, a schema that is not newer, a file that only its owner reads; and what is acknowledged lasts.

use super::*;
use sqlx::AnyPool;

#[tokio::test]
async fn a_wrong_key_is_refused_at_once_and_touches_nothing() {
    let fixture = Fixture::new().await;
    let made = put(&fixture.store, &prod(), Resource::Connection, "c1", json!({}), at(0)).await;
    let error = Store::open(&fixture.database.url(), Keys::from_bytes([1; 32])).await.expect_err("refused");
    assert!(error.message.contains("Key 1 of this database is not the one in the given key"), "{error}");
    let fixture = fixture.reopened().await;
    assert_eq!(fixture.store.get(&prod(), Resource::Connection, "c1").await.expect("it is there"), made);
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_refused() {
    let fixture = Fixture::new().await;
    let raw = AnyPool::connect(&fixture.database.url()).await.expect("it connects");
    sqlx::query("UPDATE meta SET value = '999' WHERE name = 'schema'").execute(&raw).await.expect("it is written");
    let error = Store::open(&fixture.database.url(), key()).await.expect_err("refused");
    assert!(error.message.contains("newer program") && error.message.contains("999"), "{error}");
}

#[tokio::test]
async fn only_files_are_opened_and_by_plain_paths_too() {
    for url in [
        "sqlite::memory:",
        "sqlite://",
        "mysql://localhost/x",
        "postgres://127.0.0.1:1/x",
        "sqlite:///tmp/x.db?mode=memory",
        "/nowhere/at/all/forebay.db",
    ] {
        assert!(Store::open(url, key()).await.is_err(), "{url}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a folder with #1 and 50%");
    std::fs::create_dir(&path).expect("it is made");
    let path = path.join("forebay.db");
    let store = Store::open(path.to_str().expect("text"), key()).await.expect("it opens");
    put(&store, &prod(), Resource::Connection, "c1", json!({}), at(0)).await;
    assert!(path.exists());
}

#[tokio::test]
#[cfg(unix)]
async fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let database = Database::file();
    let store = Store::open(&database.url(), key()).await.expect("it opens");
    put(&store, &prod(), Resource::Connection, "c1", json!({}), at(0)).await;
    for entry in std::fs::read_dir(database.path("")).expect("it lists") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_in_a_copy_taken_without_closing() {
    let (database, copy) = (Database::file(), Database::file());
    let store = Store::open(&database.url(), key()).await.expect("it opens");
    let made = put(&store, &prod(), Resource::Connection, "c1", json!({}), at(0)).await;
    // A process that is killed leaves just these files; the store is still open here.
    for name in ["forebay.db", "forebay.db-wal"] {
        std::fs::copy(database.path(name), copy.path(name)).expect("it is copied");
    }
    let survivor = Store::open(&copy.url(), key()).await.expect("it opens");
    assert_eq!(survivor.get(&prod(), Resource::Connection, "c1").await.expect("it is there"), made);
}

#[tokio::test]
async fn a_write_that_is_abandoned_half_way_leaves_nothing_and_blocks_nobody() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let made = flow(store, "f1", 15, at(0)).await;
    // Dropping the future after ever more steps, until it is done before, is what a closed connection does to a request.
    let prod = prod();
    let mut steps = 1;
    loop {
        let change = |document: &Document, secrets: &forebay_store::Secrets| {
            let mut body = document.body.clone();
            body["name"] = "half".into();
            Ok((body, secrets.clone()))
        };
        let mut update = Box::pin(store.update(&prod, Resource::Flow, "f1", Some(&made.etag), at(1), change));
        let mut done = false;
        for _ in 0..steps {
            done = tokio::select! { biased; result = &mut update => { result.expect("it changes"); true } () = tokio::task::yield_now() => false };
            if done {
                break;
            }
        }
        drop(update);
        // The next write waits for whatever the abandoned one had begun: its commit may have been under way.
        let id = format!("c{steps}");
        put(store, &prod, Resource::Connection, &id, json!({}), at(2)).await;
        let found = store.get(&prod, Resource::Flow, "f1").await.expect("it is there");
        if found.etag != made.etag {
            assert_eq!(found.body["name"], "half");
            break;
        }
        assert!(!done && found == made);
        steps += 1 + steps / 2;
    }
}
