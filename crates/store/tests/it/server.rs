//! What a server of PostgreSQL adds: passwords and TLS, its end and return, many programs at once.

use crate::database::{Database, address, tool, var};
use crate::laws::{LEASE, at, flow, key, prod, put};
use forebay_model::filter::Query;
use forebay_model::{Document, Error, Kind, Resource, Scope};
use forebay_store::{Enqueue, LIFE, List, New, Secrets, Store};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Everything that an error could tell: itself, and what lies beneath.
fn all_of(error: &Error) -> String {
    format!("{error} {error:?}")
}

#[tokio::test]
async fn a_password_is_asked_for_over_tls_and_told_to_nobody() {
    let folder = PathBuf::from(var("FOREBAY_TEST_POSTGRES_DIR"));
    let password = std::fs::read_to_string(folder.join("password")).expect("the server has one");
    let password = password.trim();
    let server = address("").replace("forebay@", "").replace("postgres://", "");
    let server = server.trim_end_matches('/');
    let name = format!("guarded{}", std::process::id());
    tool("createdb", &[&format!("--maintenance-db={}", address("postgres")), "-O", "guarded", &name]);
    let authority = folder.join("ca.crt");
    let tls = format!("sslmode=verify-full&sslrootcert={}", authority.display());
    let store =
        Store::open(&format!("postgres://guarded:{password}@{server}/{name}?{tls}"), key()).await.expect("it opens");
    put(&store, &prod(), Resource::Flow, "f", json!({}), at(0)).await;
    let sql = "SELECT COUNT(*) > 0 AND bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'guarded'";
    assert_eq!(tool("psql", &["-At", "-c", sql, &address("postgres")]).trim(), "t", "no connection is in the clear");
    drop(store);
    for (url, why) in [
        (format!("postgres://guarded:xx{password}@{server}/{name}?{tls}"), "a wrong password"),
        // Nobody vouches for the server's certificate.
        (format!("postgres://guarded:{password}@{server}/{name}?sslmode=verify-full"), "an unknown authority"),
        (format!("postgres://guarded:{password}@127.0.0.1:1/{name}"), "no server"),
        (format!("postgres://guarded:{password}@{server}/nowhere"), "no database"),
        (format!("postgres://guarded:{password}@{server}/{name}?passwort={password}"), "a parameter that is none"),
    ] {
        let error = Store::open(&url, key()).await.expect_err(why);
        assert!(!all_of(&error).contains(password), "{why}: {error:?}");
    }
    tool("dropdb", &[&format!("--maintenance-db={}", address("postgres")), "--force", &name]);
}

#[tokio::test]
async fn a_database_that_cannot_hold_all_text_is_refused() {
    let name = format!("ascii{}", std::process::id());
    let maintenance = format!("--maintenance-db={}", address("postgres"));
    tool(
        "createdb",
        &[&maintenance, "-T", "template0", "-E", "SQL_ASCII", "--locale-provider=libc", "--locale=C", &name],
    );
    let error = Store::open(&address(&name), key()).await.expect_err("refused");
    assert!(error.message.contains("SQL_ASCII"), "{error}");
    tool("dropdb", &[&maintenance, &name]);
}

#[tokio::test]
async fn text_is_compared_by_bytes_whatever_the_databases_language() {
    let database = Database::served();
    let _store = Store::open(&database.url(), key()).await.expect("it opens");
    let sql = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' \
               AND data_type IN ('text', 'character varying') AND collation_name IS DISTINCT FROM 'C'";
    assert_eq!(tool("psql", &["-At", "-c", sql, &database.url()]), "", "columns that another order applies to");
    assert_eq!(
        tool("psql", &["-At", "-c", "SELECT 'b' < 'C'", &database.url()]).trim(),
        "t",
        "the database's own order is another"
    );
}

/// Two programs over one database.
async fn two(database: &Database) -> [Store; 2] {
    let open = async || Store::open(&database.url(), key()).await.expect("it opens");
    [open().await, open().await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_programs_make_each_due_run_once_and_claim_it_once() {
    let database = Database::served();
    let stores = two(&database).await;
    for i in 0..60 {
        flow(&stores[0], &format!("f{i}"), 15, at(0)).await;
    }
    let mut tasks = Vec::new();
    for i in 0..6 {
        let store = stores[i % 2].clone();
        tasks.push(tokio::spawn(async move {
            let mut made = 0;
            let mut runs = Vec::new();
            for round in 0..3 {
                made += store.enqueue_due(at(900 * round)).await.expect("it enqueues");
                while let Some(claim) = store.claim("w", at(900 * round), LEASE).await.expect("it answers") {
                    runs.push((claim.run.id.clone(), claim.flow.id.clone(), claim.epoch));
                    store.release(&claim, at(1_000_000)).await.expect("it is given back");
                }
            }
            (made, runs)
        }));
    }
    let (mut made, mut runs) = (0, Vec::new());
    for task in tasks {
        let (count, claimed) = task.await.expect("no panic");
        made += count;
        runs.extend(claimed);
    }
    // Three ticks of each flow, unless some caller was still at an earlier one when the next had been made: never more.
    assert!((60..=180).contains(&made), "{made}");
    assert_eq!(runs.len(), 60, "one active run of each flow");
    assert_eq!(runs.iter().map(|(run, ..)| run).collect::<BTreeSet<_>>().len(), 60);
    assert_eq!(runs.iter().map(|(_, flow, epoch)| (flow, epoch)).collect::<BTreeSet<_>>().len(), 60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn changes_of_one_document_by_two_programs_are_all_kept() {
    let database = Database::served();
    let stores = two(&database).await;
    put(&stores[0], &prod(), Resource::Connection, "c", json!({ "n": 0 }), at(0)).await;
    let mut tasks = Vec::new();
    for i in 0..8 {
        let store = stores[i % 2].clone();
        tasks.push(tokio::spawn(async move {
            for _ in 0..25 {
                let change = |document: &Document, secrets: &Secrets| {
                    let n = document.body["n"].as_i64().expect("a number") + 1;
                    Ok((json!({ "n": n }), secrets.clone()))
                };
                store.update(&prod(), Resource::Connection, "c", None, at(1), change).await.expect("it changes");
            }
        }));
    }
    for task in tasks {
        task.await.expect("no panic");
    }
    let found = stores[1].get(&prod(), Resource::Connection, "c").await.expect("it is there");
    assert_eq!(found.body["n"], 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flow_is_changed_while_its_runs_end_and_nobody_waits_for_ever() {
    let database = Database::served();
    let stores = two(&database).await;
    flow(&stores[0], "f", 15, at(0)).await;
    let changing = tokio::spawn({
        let store = stores[0].clone();
        async move {
            for n in 0..60 {
                let change = |document: &Document, secrets: &Secrets| {
                    let mut body = document.body.clone();
                    body["description"] = n.into();
                    // Disabling fails the runs that wait: the locks of a run's end, taken the other way round.
                    body["state"] = if n % 3 == 2 { "disabled" } else { "enabled" }.into();
                    Ok((body, secrets.clone()))
                };
                store.update(&prod(), Resource::Flow, "f", None, at(n), change).await.expect("it changes");
            }
        }
    });
    let mut ended = 0;
    while !changing.is_finished() {
        let run = Enqueue { due: at(0), params: Value::Null, by: Value::Null };
        match stores[1].enqueue(&prod(), "f", run, at(0)).await {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind, Kind::Invalid, "{error:?}"),
        }
        if let Some(claim) = stores[1].claim("w", at(0), LEASE).await.expect("it answers") {
            stores[1].report(&claim, json!({ "x": 1 }), at(0)).await.expect("it is told");
            let end = forebay_store::End {
                run: json!({}),
                state: forebay_model::run::Status::Success,
                cursor: None,
                batch: json!({ "status": "success" }),
                plan: None,
            };
            stores[1].finish(&claim, end, at(0)).await.expect("it ends");
            ended += 1;
        }
    }
    changing.await.expect("no panic");
    assert!(ended > 0, "runs ended meanwhile");
}

#[tokio::test]
async fn what_one_program_changes_of_an_organization_another_sees_soon() {
    let database = Database::served();
    let stores = two(&database).await;
    let org = Scope::organization("ACME@AdobeOrg");
    let sandbox = New::new(Resource::Sandbox, "s1", json!({ "name": "dev", "state": "active" })).unstamped();
    stores[0].insert(&org, sandbox, at(0)).await.expect("it is stored");
    let list = List { query: Query::default(), order: vec![], limit: 10, after: None };
    for store in &stores {
        assert!(
            store.sandbox(&org.org, "dev").await.expect("it looks").is_some(),
            "what is not there is not remembered"
        );
        assert_eq!(store.list(&org, Resource::Sandbox, &list).await.expect("it lists").documents.len(), 1);
    }
    stores[0].delete(&org, Resource::Sandbox, "s1", None, at(1)).await.expect("it is deleted");
    assert!(stores[0].sandbox(&org.org, "dev").await.expect("it looks").is_none(), "at once where it was changed");
    let began = Instant::now();
    while stores[1].sandbox(&org.org, "dev").await.expect("it looks").is_some()
        || !stores[1].list(&org, Resource::Sandbox, &list).await.expect("it lists").documents.is_empty()
    {
        assert!(began.elapsed() < LIFE * 3, "it is remembered for too long");
        tokio::task::yield_now().await;
    }
}

/// A server of this test's own, which it may end.
struct Server {
    folder: TempDir,
    port: u16,
}

impl Server {
    fn start() -> Server {
        let folder = tempfile::tempdir().expect("a folder");
        script(&["init", folder.path().to_str().expect("text")]);
        let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let server = Server { folder, port };
        server.resume();
        server
    }

    fn resume(&self) {
        script(&["start", self.folder.path().to_str().expect("text"), &self.port.to_string()]);
    }

    fn stop(&self, mode: &str) {
        script(&["stop", self.folder.path().to_str().expect("text"), mode]);
    }

    fn url(&self) -> String {
        format!("postgres://forebay@127.0.0.1:{}/postgres?sslmode=disable", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/postgres.sh");
        Command::new(path).args(["stop", self.folder.path().to_str().expect("text"), "immediate"]).output().ok();
    }
}

fn script(args: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/postgres.sh");
    let done = Command::new(path).args(args).status().expect("the script starts");
    assert!(done.success(), "postgres.sh {args:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_ends_and_returns_costs_some_calls_and_loses_nothing() {
    let server = Server::start();
    let store = Store::open(&server.url(), key()).await.expect("it opens");
    put(&store, &prod(), Resource::Flow, "f", json!({ "n": 0 }), at(0)).await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut tasks = Vec::new();
    for task in 0..6 {
        let (store, stop) = (store.clone(), stop.clone());
        tasks.push(tokio::spawn(async move {
            let (mut stored, mut refused, mut n) = (Vec::new(), 0, 0);
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                n += 1;
                let id = format!("c{task}-{n}");
                let new = forebay_store::New::new(Resource::Connection, &id, json!({}));
                let written = store.insert(&prod(), new, at(0)).await;
                let read = store.get(&prod(), Resource::Flow, "f").await;
                for error in [written.as_ref().err(), read.as_ref().err()].into_iter().flatten() {
                    assert!(matches!(error.kind, Kind::Unavailable { retry_after: Some(_) }), "{error:?}");
                    refused += 1;
                }
                if written.is_ok() {
                    stored.push(id);
                }
            }
            (stored, refused)
        }));
    }
    for mode in ["fast", "immediate"] {
        server.stop(mode);
        tokio::time::timeout(Duration::from_secs(20), async {
            while store.get(&prod(), Resource::Flow, "f").await.is_ok() {}
        })
        .await
        .expect("it is noticed");
        server.resume();
        let back = Instant::now();
        while store.get(&prod(), Resource::Flow, "f").await.is_err() {
            assert!(back.elapsed() < Duration::from_secs(20), "it does not come back");
        }
    }
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    let (mut all, mut refused) = (Vec::new(), 0);
    for task in tasks {
        let (stored, count) = task.await.expect("no panic");
        all.extend(stored);
        refused += count;
    }
    assert!(refused > 0, "nobody noticed");
    assert!(!all.is_empty(), "nothing was stored");
    for id in &all {
        store.get(&prod(), Resource::Connection, id).await.expect("what was acknowledged is there");
    }
    // All connections work again.
    for _ in 0..40 {
        store.get(&prod(), Resource::Flow, "f").await.expect("it reads");
        store.lease("l", "me", at(0), LEASE).await.expect("it writes");
    }
}
