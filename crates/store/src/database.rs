//! Opening: the connections, the tables, and the check that the keys fit; and the one way to write.
//!
//! Writers exclude each other. SQLite takes one writer at a time anyway: there is one writing connection, whose transactions
//! begin IMMEDIATE. On PostgreSQL a writer takes advisory locks when its transaction begins: [`Database::write`] excludes
//! every other writer, [`Database::write_on`] those that name one of the same keys. What a transaction reads of its keys
//! therefore stays as it is until the commit, on both; nothing is left to serialization failures and their repetition.

use crate::address::{Address, Dialect};
use crate::keys::{Key, Keys, random};
use crate::known::Known;
use crate::migrations::{self, meta, put_meta};
use crate::seal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use forebay_model::{Error, Kind, Resource, Result, Scope, Time, code};
use sha2::{Digest, Sha256};
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyPool, Connection, Row, Transaction};
use sqlx::{AnyConnection, AssertSqlSafe};
use std::time::Duration;
use tokio::sync::watch;
use zeroize::Zeroizing;

const READERS: u32 = 4;

/// Holders of [`Database::write`] have this lock alone, all other writers share it.
const EVERYTHING: i64 = 0x666f_7265_6261_7900;

/// A session of PostgreSQL. Its server may have other defaults; nothing waits for ever.
const SESSION: &str = "SET application_name = 'forebay'; SET default_transaction_isolation = 'read committed'; \
     SET statement_timeout = '30s'; SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = '60s'; \
     SET synchronous_commit = on; SET client_min_messages = warning";

/// The oldest server that this program is used with.
const OLDEST: u32 = 14;

/// The open database.
pub(crate) struct Database {
    pub(crate) dialect: Dialect,
    /// Of SQLite one connection: writers queue here instead of meeting a locked database.
    writer: AnyPool,
    pub(crate) readers: AnyPool,
    pub(crate) keys: Keys,
    /// Authenticates continuation tokens.
    pub(crate) tokens: Key,
    pub(crate) changes: watch::Sender<u64>,
    /// Which minute it is, and how many refusals of strangers were noted in it (`audit.rs`).
    pub(crate) strangers: std::sync::Mutex<(i64, u32)>,
    pub(crate) known: Known,
}

impl Database {
    /// Opens it. `connections` limits those to a server; a file needs few.
    pub(crate) async fn open(url: &str, keys: Keys, connections: u32) -> Result<Database> {
        let address = Address::parse(url)?;
        let (writer, readers) = pools(&address, connections).await?;
        let mut tx = begin(&writer, address.dialect, None).await?;
        migrations::migrate(&mut tx, address.dialect, migrations::version()).await?;
        let tokens = check_keys(&mut tx, &keys).await?;
        tx.commit().await.map_err(failed)?;
        Ok(Database {
            dialect: address.dialect,
            writer,
            readers,
            keys,
            tokens,
            changes: watch::Sender::new(0),
            strangers: Default::default(),
            known: Known::default(),
        })
    }

    /// A transaction that excludes every other writer from its first statement on.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Any>> {
        begin(&self.writer, self.dialect, None).await
    }

    /// A transaction that excludes other writers with the same key, and all of [`Database::write`]. Whatever it reads in
    /// order to write must be the key's alone.
    pub(crate) async fn write_on(&self, key: i64) -> Result<Transaction<'static, Any>> {
        begin(&self.writer, self.dialect, Some(key)).await
    }

    /// A transaction that changes this document, and of a flow its schedule and its runs too. A run, a batch and a client
    /// are changed by those who hold other keys: they take all of them.
    pub(crate) async fn write_of(
        &self,
        scope: &Scope,
        resource: Resource,
        id: &str,
    ) -> Result<Transaction<'static, Any>> {
        match resource {
            Resource::Run | Resource::Batch | Resource::Client => self.write().await,
            _ => self.write_on(key(&[&scope.org, &scope.sandbox, resource.name(), id])).await,
        }
    }

    /// Tells waiting workers to look again.
    pub(crate) fn announce(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}

/// What a writer may have to itself, by name.
pub(crate) fn key(parts: &[&str]) -> i64 {
    let digest = Sha256::digest(seal::associate(parts));
    i64::from_le_bytes(*digest.first_chunk().expect("a digest has 32 bytes"))
}

/// Begins a transaction that writes; no key means all of them.
pub(crate) async fn begin(pool: &AnyPool, dialect: Dialect, key: Option<i64>) -> Result<Transaction<'static, Any>> {
    if dialect == Dialect::Sqlite {
        return pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed);
    }
    let mut tx = pool.begin().await.map_err(failed)?;
    let query = match key {
        None => sqlx::query("SELECT pg_advisory_xact_lock($1)::text").bind(EVERYTHING),
        Some(key) => sqlx::query("SELECT pg_advisory_xact_lock_shared($1)::text, pg_advisory_xact_lock($2)::text")
            .bind(EVERYTHING)
            .bind(key),
    };
    query.fetch_one(&mut *tx).await.map_err(failed)?;
    Ok(tx)
}

/// Those who write, and those who read.
pub(crate) async fn pools(address: &Address, connections: u32) -> Result<(AnyPool, AnyPool)> {
    sqlx::any::install_default_drivers();
    let unopened = |error| unopened(&address.shown, error);
    if address.dialect == Dialect::Sqlite {
        let writer = file(1, "PRAGMA foreign_keys = ON").connect(&address.url).await.map_err(unopened)?;
        let readers = file(READERS, "PRAGMA query_only = ON").connect_lazy(&address.url).map_err(unopened)?;
        return Ok((writer, readers));
    }
    // By hand, so that what is wrong is said at once: a pool tries again until its time is up.
    let mut first = AnyConnection::connect(&address.url).await.map_err(unopened)?;
    suits(&mut first, address).await?;
    first.close().await.map_err(failed)?;
    let half = (connections / 2).max(1);
    let writer = server(half, SESSION.to_string()).connect_lazy(&address.url).map_err(unopened)?;
    let readers = server(half, format!("{SESSION}; SET default_transaction_read_only = on"));
    Ok((writer, readers.connect_lazy(&address.url).map_err(unopened)?))
}

/// Refuses a server that would lose or refuse what we store.
async fn suits(connection: &mut AnyConnection, address: &Address) -> Result<()> {
    let sql = "SELECT current_setting('server_version_num'), current_setting('server_encoding')";
    let row = sqlx::query(sql).fetch_one(connection).await.map_err(failed)?;
    let (number, encoding): (String, String) = (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    let refused =
        |why: String| Error::new(Kind::Invalid, &code::FLOW_1400, format!("The database {} {why}", address.shown));
    if number.parse::<u32>().unwrap_or(0) < OLDEST * 10_000 {
        return Err(refused(format!("is on a server that is too old: PostgreSQL {OLDEST} or newer is needed.")));
    }
    if encoding != "UTF8" {
        return Err(refused(format!("has the encoding {encoding}; create it with UTF8.")));
    }
    Ok(())
}

fn file(connections: u32, setting: &'static str) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(30))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_connect(move |connection, _| Box::pin(configure(connection, setting)))
}

/// `synchronous=FULL`: what was acknowledged survives a power cut, too.
async fn configure(connection: &mut AnyConnection, setting: &'static str) -> Result<(), sqlx::Error> {
    for pragma in ["PRAGMA busy_timeout = 10000", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", setting] {
        sqlx::query(pragma).fetch_all(&mut *connection).await?;
    }
    Ok(())
}

/// A connection that has lain idle is asked whether its server is still there; one that breaks in use costs one request,
/// which may be sent again.
fn server(connections: u32, session: String) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(5))
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for > Duration::from_secs(1) {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| {
            let session = AssertSqlSafe(session.clone());
            Box::pin(async move {
                sqlx::raw_sql(session).execute(connection).await?;
                Ok(())
            })
        })
}

/// The token key lies in the database, sealed. Opening it is the check that the keys are the right ones.
pub(crate) async fn check_keys(connection: &mut AnyConnection, keys: &Keys) -> Result<Key> {
    let bound = seal::associate(&["token key"]);
    let Some(stored) = meta(&mut *connection, "tokens").await? else {
        let (version, wrapping) = keys.current();
        let key: Key = Zeroizing::new(random()?);
        let sealed = seal::encrypt(wrapping, &bound, key.as_slice())?;
        put_meta(connection, "tokens", &format!("{version} {}", STANDARD_NO_PAD.encode(sealed))).await?;
        return Ok(key);
    };
    match open_token_key(keys, &bound, &stored) {
        Some(key) => Ok(key),
        None => {
            let version = stored.split(' ').next().unwrap_or_default();
            let message = format!(
                "Key {version} of this database is not the one in {}. Give the key file that the database was created with; without it stored credentials cannot be read.",
                keys.origin()
            );
            Err(Error::new(Kind::Invalid, &code::FLOW_1400, message))
        }
    }
}

fn open_token_key(keys: &Keys, bound: &[u8], stored: &str) -> Option<Key> {
    let (version, sealed) = stored.split_once(' ')?;
    let wrapping = keys.get(version.parse().ok()?)?;
    let opened = Zeroizing::new(seal::decrypt(wrapping, bound, &STANDARD_NO_PAD.decode(sealed).ok()?)?);
    Some(Zeroizing::new(opened.as_slice().try_into().ok()?))
}

pub(crate) fn unopened(shown: &str, error: sqlx::Error) -> Error {
    Error::new(
        Kind::Unavailable { retry_after: None },
        &code::FLOW_1400,
        format!("The database {shown} cannot be opened. The log says why."),
    )
    .caused_by(error)
}

/// A failure of the database. What is busy or gone may come back; what cannot be stored is the caller's; all else is a
/// fault of ours.
pub(crate) fn failed(error: sqlx::Error) -> Error {
    let passing = Kind::Unavailable { retry_after: Some(Duration::from_secs(2)) };
    let (kind, message) = match &error {
        sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
            (passing, UNDONE)
        }
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some(code) if code.len() == 5 => of_postgres(code, passing),
            Some(code) if is_passing_in_sqlite(code) => (passing, UNDONE),
            _ => (Kind::Internal, UNDONE),
        },
        // What a server that is being ended sends may break off anywhere.
        sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) => (passing, UNDONE),
        _ => (Kind::Internal, UNDONE),
    };
    Error::new(kind, &code::FLOW_1400, message).caused_by(error)
}

const UNDONE: &str = "The database did not carry out a statement. The log has the details.";

/// SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_FULL; the extended codes keep the low byte.
fn is_passing_in_sqlite(code: &str) -> bool {
    code.parse::<u32>().is_ok_and(|number| matches!(number & 0xff, 5 | 6 | 10 | 13))
}

/// By SQLSTATE: the first two characters are its class.
fn of_postgres(code: &str, passing: Kind) -> (Kind, &'static str) {
    match (&code[..code.len().min(2)], code) {
        (_, "22021" | "22P05") => (Kind::Invalid, "A text has the character U+0000, which cannot be stored."),
        ("54", _) => (Kind::Invalid, "A text is too long to be stored."),
        // No connection, no resources, ended by its operator or by a time limit, rolled back; a lock that nobody gave up
        // in time, a server that only reads, a disk that failed.
        ("08" | "53" | "57" | "40", _) | (_, "55P03" | "25006" | "25P03" | "58030") => (passing, UNDONE),
        _ => (Kind::Internal, UNDONE),
    }
}

/// Whether a unique key stands against an insert.
pub(crate) fn is_duplicate(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.is_unique_violation())
}

/// A time as it is stored.
pub(crate) fn millis(time: Time) -> i64 {
    time.timestamp_millis()
}

/// A stored time.
pub(crate) fn time(millis: i64) -> Result<Time> {
    Time::from_timestamp_millis(millis).ok_or_else(|| Error::internal("A stored time is out of range."))
}
