//! A database of a test's own: a file of SQLite, or one of the server that `scripts/with-services.sh` starts, where
//! FOREBAY_TEST_DATABASE is `postgres`. Other crates' tests include this file by its path.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// A database that goes when this value does.
pub struct Database {
    folder: TempDir,
    /// On the server.
    name: Option<String>,
}

#[allow(dead_code)]
impl Database {
    /// As FOREBAY_TEST_DATABASE says.
    pub fn new() -> Database {
        match std::env::var("FOREBAY_TEST_DATABASE").as_deref() {
            Err(_) | Ok("sqlite") => Database::file(),
            Ok("postgres") => Database::served(),
            Ok(other) => panic!("FOREBAY_TEST_DATABASE is {other}; it may be sqlite or postgres"),
        }
    }

    /// A file of SQLite.
    pub fn file() -> Database {
        Database { folder: tempfile::tempdir().expect("a folder"), name: None }
    }

    /// One on the server, whatever FOREBAY_TEST_DATABASE says.
    pub fn served() -> Database {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        // Names are taken once for as long as the server lives.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
        let name = format!("t{}_{}_{now}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let maintenance = format!("--maintenance-db={}", address("postgres"));
        tool("createdb", &[&maintenance, &name]);
        Database { folder: tempfile::tempdir().expect("a folder"), name: Some(name) }
    }

    /// For `Store::open`.
    pub fn url(&self) -> String {
        match &self.name {
            Some(name) => format!("{}?sslmode=disable", address(name)),
            None => format!("sqlite://{}", self.path("forebay.db").display()),
        }
    }

    /// Whether it is on the server.
    pub fn is_served(&self) -> bool {
        self.name.is_some()
    }

    /// A file beside it; the database itself, where it is a file, is `forebay.db`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            let maintenance = format!("--maintenance-db={}", address("postgres"));
            Command::new(binary("dropdb")).args([&maintenance, "--force", "--if-exists", name]).status().ok();
        }
    }
}

/// The URL of a database of the server.
pub fn address(name: &str) -> String {
    format!("{}/{name}", var("FOREBAY_TEST_POSTGRES"))
}

/// What `scripts/with-services.sh` says.
pub fn var(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run the tests through `make test` or scripts/with-services.sh, which start PostgreSQL"
        )
    })
}

fn binary(name: &str) -> PathBuf {
    PathBuf::from(var("FOREBAY_TEST_POSTGRES_BIN")).join(name)
}

/// Runs one of PostgreSQL's programs and answers what it says.
pub fn tool(name: &str, args: &[&str]) -> String {
    let out = Command::new(binary(name)).args(args).output().expect("PostgreSQL's programs are there");
    assert!(out.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}
