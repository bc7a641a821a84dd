//! A backup moves everything, in both directions between the databases, and a restore is all or nothing.

use crate::database::Database;
use crate::laws::{LEASE, at, flow, key, prod, put, scope};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use forebay_model::run::Status;
use forebay_model::{Kind, Resource};
use forebay_store::{End, Enqueue, Keys, New, Onto, Secrets, Store, backup, restore};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::time::Duration;

/// Rows in every table, with all that is hard to carry.
pub async fn fill(store: &Store, connections: usize) {
    for i in 0..connections {
        let id = format!("c{i}");
        let body = json!({ "name": format!("n{i} ü 😀 \"'\\ \u{0} \u{7f}"), "n": [1, 1.5, -0.0, 1e300, i64::MAX, u64::MAX, null], "long": "x".repeat(i * 500) });
        let secrets = Secrets::from([("/auth/params/s3SecretKey".to_string(), format!("secret {i}").into())]);
        let new = New::new(Resource::Connection, id, body).secrets(secrets);
        store.insert(&prod(), new, at(i as i64)).await.expect("it is stored");
    }
    put(store, &scope("dev"), Resource::Connection, "c1", json!({ "name": "", "state": 7 }), at(-5_000_000_000)).await;
    for (id, minutes) in [("f1", 15), ("f2", 30)] {
        flow(store, id, minutes, at(0)).await;
    }
    store.enqueue_due(at(0)).await.expect("it enqueues");
    let ended = store.claim("w1", at(1), LEASE).await.expect("it answers").expect("a run");
    store.save_plan(&ended, &json!({ "parts": ["ä", 1] })).await.expect("it is kept");
    let end = End {
        run: json!({ "metrics": {} }),
        state: Status::Success,
        cursor: Some(json!({ "at": 7 })),
        batch: json!({ "status": "success" }),
        plan: None,
    };
    store.finish(&ended, end, at(3)).await.expect("it ends");
    store.claim("w2", at(4), LEASE).await.expect("it answers").expect("a run");
    let run = Enqueue { due: at(100), params: json!({ "windowStartTime": 5 }), by: Value::Null };
    store.enqueue(&prod(), "f1", run, at(5)).await.expect("it is queued");
    assert!(store.lease("keeper", "me", at(0), Duration::from_secs(60)).await.expect("it answers"));
    store.add_cleanup("tables/prod/gone").await.expect("it is noted");
    assert!(store.swap_state("budget", None, &json!({ "left": 3 })).await.expect("it answers"));
}

pub async fn saved(database: &Database) -> Vec<u8> {
    let mut file = Vec::new();
    backup(&database.url(), &mut file, at(77)).await.expect("it is written");
    file
}

/// The tables of a backup with their rows, sorted; without the first line and the sum.
pub fn tables(file: &[u8]) -> Vec<String> {
    let mut text = String::new();
    GzDecoder::new(file).read_to_string(&mut text).expect("it is gzip");
    let (mut tables, mut table) = (Vec::new(), String::new());
    for line in text.lines().skip(1) {
        match serde_json::from_str::<Value>(line).expect("it is JSON") {
            Value::Array(_) => tables.push(format!("{table} {line}")),
            Value::Object(members) if members.contains_key("table") => {
                table = members["table"].as_str().expect("text").to_string();
                tables.push(line.to_string());
            }
            _ => {}
        }
    }
    tables.sort();
    tables
}

/// Without what a restore adds: the epoch that all later ones are above.
fn earlier(rows: Vec<String>) -> Vec<String> {
    rows.into_iter().filter(|row| !row.starts_with("meta [\"epochs\"")).collect()
}

async fn check(from: Database, to: Database) {
    let store = Store::open(&from.url(), key()).await.expect("it opens");
    fill(&store, 40).await;
    let file = saved(&from).await;
    let rows = tables(&file);
    for table in ["documents", "schedules", "flow_state", "run_queue", "leases", "cleanups", "states", "meta"] {
        assert!(rows.iter().any(|row| row.starts_with(&format!("{table} ["))), "no row of {table}");
    }
    assert!(!String::from_utf8_lossy(&file).contains("secret 1"));
    let told = restore(&to.url(), &key(), file.as_slice(), Onto::Nothing).await.expect("it is restored");
    assert_eq!(told.made, at(77));
    assert_eq!(earlier(tables(&saved(&to).await)), rows, "each row of each table, as it was");
    let moved = Store::open(&to.url(), key()).await.expect("it opens");
    let secrets = moved.secrets(&prod(), Resource::Connection, "c3").await.expect("they open");
    assert_eq!(secrets["/auth/params/s3SecretKey"].expose_secret(), "secret 3");
    for id in ["c1", "c39", "c0"] {
        let (a, b) =
            (store.get(&prod(), Resource::Connection, id).await, moved.get(&prod(), Resource::Connection, id).await);
        assert_eq!(a.expect("it is there"), b.expect("it is there"));
    }
    // And it goes on: the run that was held is taken over when its lease expires.
    let taken = moved.claim("w3", at(100), LEASE).await.expect("it answers").expect("a run");
    assert_eq!((taken.worker.as_str(), taken.attempt), ("w3", 2));
}

#[tokio::test]
async fn from_sqlite_to_sqlite() {
    check(Database::file(), Database::file()).await;
}

#[tokio::test]
async fn from_sqlite_to_postgres() {
    check(Database::file(), Database::served()).await;
}

#[tokio::test]
async fn from_postgres_to_sqlite() {
    check(Database::served(), Database::file()).await;
}

#[tokio::test]
async fn from_postgres_to_postgres() {
    check(Database::served(), Database::served()).await;
}

/// A filled database, and what of it must be there whatever is tried.
async fn filled() -> (Database, Vec<String>) {
    let database = Database::new();
    fill(&Store::open(&database.url(), key()).await.expect("it opens"), 40).await;
    let rows = tables(&saved(&database).await);
    (database, rows)
}

#[tokio::test]
async fn what_is_there_is_lost_only_when_told_so() {
    let (database, rows) = filled().await;
    let other = Database::new();
    put(&Store::open(&other.url(), key()).await.expect("it opens"), &prod(), Resource::Flow, "x", json!({}), at(0))
        .await;
    let file = saved(&other).await;
    let error = restore(&database.url(), &key(), file.as_slice(), Onto::Nothing).await.expect_err("refused");
    assert!(error.kind == Kind::Conflict && error.message.contains("not empty"), "{error}");
    assert_eq!(tables(&saved(&database).await), rows);
    restore(&database.url(), &key(), file.as_slice(), Onto::Anything).await.expect("it is replaced");
    assert_eq!(earlier(tables(&saved(&database).await)), tables(&file));
    // A database that was merely opened once is empty.
    let fresh = Database::new();
    Store::open(&fresh.url(), key()).await.expect("it opens");
    restore(&fresh.url(), &key(), file.as_slice(), Onto::Nothing).await.expect("it is restored");
}

#[tokio::test]
async fn another_key_is_refused_and_nothing_changes() {
    let (database, rows) = filled().await;
    let file = saved(&database).await;
    let error = restore(&database.url(), &Keys::from_bytes([1; 32]), file.as_slice(), Onto::Anything).await;
    assert!(error.expect_err("refused").message.contains("key"));
    assert_eq!(tables(&saved(&database).await), rows);
}

#[tokio::test]
async fn a_file_that_was_cut_or_changed_is_refused_and_nothing_changes() {
    let (database, rows) = filled().await;
    let file = saved(&database).await;
    let url = database.url();
    let keys = key();
    let refused = async |bytes: &[u8], what: String| {
        let Err(error) = restore(&url, &keys, bytes, Onto::Anything).await else { panic!("{what} was taken") };
        assert_eq!(error.kind, Kind::Invalid, "{what}: {error}");
    };
    let steps = 40;
    for i in 0..steps {
        let cut = i * file.len() / steps;
        refused(&file[..cut], format!("cut at {cut}")).await;
        let mut changed = file.clone();
        changed[cut] ^= 1 << (i % 8);
        // Some bits of gzip's own header mean nothing: the file is then whole, and what it says is.
        if i > 0 {
            refused(&changed, format!("bit {} of byte {cut}", i % 8)).await;
        }
    }
    refused(&file[..file.len() - 1], "the last byte".into()).await;
    refused(&[file.as_slice(), b"x"].concat(), "a byte too many".into()).await;
    refused(b"", "nothing".into()).await;
    refused(b"PK not a backup", "something else".into()).await;
    // Lines that are whole and not ours.
    let mut text = String::new();
    GzDecoder::new(file.as_slice()).read_to_string(&mut text).expect("it is gzip");
    let lines: Vec<&str> = text.lines().collect();
    let packed = |lines: &[&str]| {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        lines.iter().for_each(|line| writeln!(out, "{line}").expect("memory takes it"));
        out.finish().expect("memory takes it")
    };
    for left_out in 1..lines.len() - 1 {
        if left_out % 9 == 1 {
            let rest = [&lines[..left_out], &lines[left_out + 1..]].concat();
            refused(&packed(&rest), format!("without line {left_out}")).await;
        }
    }
    refused(&packed(&lines[..lines.len() - 1]), "without its end".into()).await;
    assert_eq!(tables(&saved(&database).await), rows);
    assert!(
        restore(&url, &key(), packed(&lines).as_slice(), Onto::Anything).await.is_ok(),
        "the lines themselves are good"
    );
}

#[tokio::test]
async fn a_newer_programs_file_is_refused_by_name() {
    let (database, rows) = filled().await;
    for header in [
        json!({ "forebay": "backup", "format": 1, "schema": 999, "made": 0 }),
        json!({ "forebay": "backup", "format": 2, "schema": 1, "made": 0 }),
    ] {
        let mut out = GzEncoder::new(Vec::new(), Compression::fast());
        writeln!(out, "{header}").expect("memory takes it");
        let file = out.finish().expect("memory takes it");
        let error = restore(&database.url(), &key(), file.as_slice(), Onto::Anything).await.expect_err("refused");
        assert!(error.message.contains("newer program"), "{error}");
    }
    assert_eq!(tables(&saved(&database).await), rows);
}

#[tokio::test]
async fn there_must_be_something_to_back_up() {
    let file = Database::file();
    assert!(backup(&file.url(), Vec::new(), at(0)).await.is_err());
    assert!(!file.path("forebay.db").exists(), "no database is made on the way");
    let error = backup(&Database::served().url(), Vec::new(), at(0)).await.expect_err("refused");
    assert!(error.message.contains("nothing to back up"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_backup_under_load_is_one_moment() {
    let database = Database::new();
    let store = Store::open(&database.url(), key()).await.expect("it opens");
    // Each pass changes both documents, one after the other: at no moment is the second ahead of the first.
    for id in ["a", "b"] {
        put(&store, &prod(), Resource::Flow, id, json!({ "n": 0 }), at(0)).await;
    }
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for n in 1..=200 {
                for id in ["a", "b"] {
                    let change =
                        |_: &forebay_model::Document, secrets: &Secrets| Ok((json!({ "n": n }), secrets.clone()));
                    store.update(&prod(), Resource::Flow, id, None, at(n), change).await.expect("it changes");
                }
            }
        }
    });
    let mut seen = Vec::new();
    while !writer.is_finished() {
        let file = saved(&database).await;
        let copy = Database::file();
        restore(&copy.url(), &key(), file.as_slice(), Onto::Nothing).await.expect("it is restored");
        let copy = Store::open(&copy.url(), key()).await.expect("it opens");
        let n = async |id| {
            copy.get(&prod(), Resource::Flow, id).await.expect("it is there").body["n"].as_i64().expect("a number")
        };
        seen.push((n("a").await, n("b").await));
    }
    writer.await.expect("no panic");
    assert!(seen.iter().all(|(a, b)| a == b || a == &(b + 1)), "{seen:?}");
}

/// The lake may have seen claims after the backup, and after an earlier restore of it: none may come again.
#[tokio::test]
async fn what_is_claimed_after_a_restore_is_later_than_all_that_was_claimed_before() {
    let database = Database::new();
    let store = Store::open(&database.url(), key()).await.expect("it opens");
    flow(&store, "f", 15, at(0)).await;
    let file = saved(&database).await;
    drop(store);
    let (mut runs, mut uploads) = (0, 0);
    for _ in 0..3 {
        restore(&database.url(), &key(), file.as_slice(), Onto::Anything).await.expect("it is restored");
        let store = Store::open(&database.url(), key()).await.expect("it opens");
        store.enqueue_due(at(0)).await.expect("it enqueues");
        let claim = store.claim("w", at(1), LEASE).await.expect("it answers").expect("a run");
        assert!(claim.epoch > runs, "{} after {runs}", claim.epoch);
        runs = claim.epoch;
        // A dataset whose first upload came after the backup has no row in it.
        let body = json!({ "status": "loading", "relatedObjects": [{ "type": "dataSet", "id": "d" }] });
        let batch = store.open_batch(&prod(), "d", body, at(2)).await.expect("it is stored").id;
        let piece = forebay_store::Piece { start: 0, size: 1, location: "x".into() };
        let limits = forebay_store::Limits { files: 3, bytes: 100, pieces: 4 };
        store.put_upload(&prod(), &batch, "a.json", piece, &limits, at(2)).await.expect("it is taken");
        store.complete_batch(&prod(), &batch, at(3)).await.expect("it is queued");
        let claim = store.claim_batch("w", at(4), LEASE).await.expect("it answers").expect("a batch");
        assert!(claim.epoch > uploads, "{} after {uploads}", claim.epoch);
        uploads = claim.epoch;
    }
}
