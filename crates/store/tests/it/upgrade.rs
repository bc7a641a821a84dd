//! A database that the first program made is brought up to date, on both databases, and reads back.
//! `upgrade/0001.sql` is such a database: it was dumped when there was one migration, and never changes.

use crate::database::Database;
use crate::laws::{LEASE, at, key, prod, scope};
use forebay_model::filter::{self, Query};
use forebay_model::{Kind, Resource};
use forebay_store::{List, Onto, Store, backup, restore};
use secrecy::ExposeSecret;
use serde_json::json;
use sqlx::{AnyConnection, AssertSqlSafe, Connection};

const FIRST: &str = include_str!("upgrade/0001.sql");

async fn old(database: &Database) {
    sqlx::any::install_default_drivers();
    let sql = if database.is_served() {
        FIRST.replace(" TEXT", " TEXT COLLATE \"C\"").replace(" BLOB", " BYTEA").replace("X'", "'\\x")
    } else {
        FIRST.to_string()
    };
    let url = if database.is_served() { database.url() } else { format!("{}?mode=rwc", database.url()) };
    let mut raw = AnyConnection::connect(&url).await.expect("it connects");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut raw).await.expect("it is filled");
    raw.close().await.expect("it closes");
}

/// What the program of that time had stored.
async fn reads_back(store: &Store) {
    let found = store.get(&prod(), Resource::Connection, "c3").await.expect("it is there");
    assert_eq!((found.created, found.body["name"].as_str()), (at(3), Some("n3 ü 😀 \"'\\ \u{0} \u{7f}")));
    let secrets = store.secrets(&prod(), Resource::Connection, "c3").await.expect("they open");
    assert_eq!(secrets["/auth/params/s3SecretKey"].expose_secret(), "secret 3");
    let by_name = |name: &str| List {
        query: filter::parse(&[format!("name=={name}")]).expect("a query"),
        order: vec![],
        limit: 5,
        after: None,
    };
    let page = store.list(&prod(), Resource::Flow, &by_name("f2")).await.expect("it lists");
    assert_eq!(page.documents.iter().map(|document| &document.id).collect::<Vec<_>>(), ["f2"]);
    assert_eq!(store.count(&prod(), Resource::Connection, &Query::default()).await.expect("it counts"), 6);
    assert_eq!(store.count(&scope("dev"), Resource::Connection, &Query::default()).await.expect("it counts"), 1);
    let taken = store.claim("w3", at(100), LEASE).await.expect("it answers").expect("a run");
    assert_eq!((taken.attempt, taken.epochs.len()), (2, 2), "the run that was held is taken over");
    for (run, number) in [("0a946519-2cf3-4833-95c7-7ebc67da426b", 1), ("b7025be1-31ba-4e39-9bfb-da2e2aa7a9e1", 2)] {
        let trace = store.trace(&prod(), run).await.expect("it is there");
        assert_eq!(trace.number, number, "old runs are numbered, too");
    }
    // What later programs added works, too.
    let runs = store.last_runs(&prod(), None, 8).await.expect("it lists");
    assert!(!runs.is_empty() && runs.iter().all(|run| run.number > 0), "{runs:?}");
    assert!(store.swap_state("budget", None, &json!({ "left": 3 })).await.expect("it answers"));
}

async fn check(database: Database) {
    old(&database).await;
    let store = Store::open(&database.url(), key()).await.expect("it is brought up to date");
    reads_back(&store).await;
    drop(store);
    Store::open(&database.url(), key()).await.expect("twice is once");
}

#[tokio::test]
async fn a_file_of_the_first_program_is_brought_up_to_date() {
    check(Database::file()).await;
}

#[tokio::test]
async fn a_server_of_the_first_program_is_brought_up_to_date() {
    check(Database::served()).await;
}

#[tokio::test]
async fn a_backup_of_an_old_database_is_of_its_time_and_restored_it_is_not() {
    let (database, to) = (Database::new(), Database::served());
    old(&database).await;
    let mut file = Vec::new();
    backup(&database.url(), &mut file, at(7)).await.expect("it is written");
    let mut again = Vec::new();
    backup(&database.url(), &mut again, at(7)).await.expect("it is written");
    assert_eq!(crate::backup::tables(&file), crate::backup::tables(&again), "a backup changes nothing");
    restore(&to.url(), &key(), file.as_slice(), Onto::Nothing).await.expect("it is restored");
    reads_back(&Store::open(&to.url(), key()).await.expect("it opens")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn programs_that_start_at_once_bring_it_up_to_date_once() {
    let database = Database::served();
    old(&database).await;
    let mut starts = Vec::new();
    for _ in 0..6 {
        let url = database.url();
        starts.push(tokio::spawn(async move { Store::open(&url, key()).await }));
    }
    for start in starts {
        start.await.expect("no panic").expect("it opens");
    }
    let empty = Database::served();
    let mut starts = Vec::new();
    for _ in 0..6 {
        let url = empty.url();
        starts.push(tokio::spawn(async move { Store::open(&url, key()).await }));
    }
    for start in starts {
        start.await.expect("no panic").expect("it opens");
    }
    let refused = Store::open(&empty.url(), forebay_store::Keys::from_bytes([1; 32])).await.expect_err("refused");
    assert_eq!(refused.kind, Kind::Invalid, "all opened it with the one key: {refused}");
}
