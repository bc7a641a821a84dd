//! Opening: the connections, the tables, and the check that the keys fit.

use crate::keys::{Key, Keys, random};
use crate::seal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use forebay_model::{Error, Kind, Result, Time, code};
use sqlx::AnyConnection;
use sqlx::any::AnyPoolOptions;
use sqlx::{Any, AnyPool, Row, Transaction};
use std::time::Duration;
use tokio::sync::watch;
use zeroize::Zeroizing;

/// In order; the number of the last is the schema's version. A file that has been released never changes.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_start.sql"),
    include_str!("../migrations/0002_states.sql"),
    include_str!("../migrations/0005_webhooks.sql"),
    include_str!("../migrations/0010_audit.sql"),
];

const READERS: u32 = 4;

/// The open database.
pub(crate) struct Database {
    /// One connection: writers queue here instead of meeting a locked database.
    writer: AnyPool,
    pub(crate) readers: AnyPool,
    pub(crate) keys: Keys,
    /// Authenticates continuation tokens.
    pub(crate) tokens: Key,
    pub(crate) changes: watch::Sender<u64>,
    /// Which minute it is, and how many refusals of strangers were noted in it (`audit.rs`).
    pub(crate) strangers: std::sync::Mutex<(i64, u32)>,
}

impl Database {
    pub(crate) async fn open(url: &str, keys: Keys) -> Result<Database> {
        sqlx::any::install_default_drivers();
        let url = address(url)?;
        let writer = pool(1, "PRAGMA foreign_keys = ON").connect(&url).await.map_err(|error| unopened(&url, error))?;
        migrate(&writer).await?;
        let tokens = check_keys(&writer, &keys).await?;
        let readers =
            pool(READERS, "PRAGMA query_only = ON").connect(&url).await.map_err(|error| unopened(&url, error))?;
        Ok(Database { writer, readers, keys, tokens, changes: watch::Sender::new(0), strangers: Default::default() })
    }

    /// A transaction that holds the right to write from its first statement on.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Any>> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)
    }

    /// Tells waiting workers to look again.
    pub(crate) fn announce(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}

/// `sqlite://…?mode=rwc`, from that or from a plain path. The file is created here, readable by its owner only.
fn address(url: &str) -> Result<String> {
    let refused = |why: &str| Error::new(Kind::Invalid, &code::FLOW_1400, format!("The database {url} {why}"));
    let (path, options) = match url.strip_prefix("sqlite:") {
        Some(rest) => rest
            .strip_prefix("//")
            .unwrap_or(rest)
            .split_once('?')
            .unwrap_or((rest.strip_prefix("//").unwrap_or(rest), "")),
        None if url.contains("://") => {
            return Err(refused("is not a SQLite file, and nothing else is supported: use sqlite:///path/forebay.db."));
        }
        None => (url, ""),
    };
    let path = if url.starts_with("sqlite:") {
        path.to_string()
    } else {
        path.replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace(' ', "%20")
    };
    if path.is_empty() || path.contains(":memory:") || options.contains("mode=memory") {
        return Err(refused("is not a file. What it keeps must survive a restart."));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let plain = path.replace("%20", " ").replace("%23", "#").replace("%3F", "?").replace("%25", "%");
        let made = std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&plain);
        made.map_err(|error| {
            refused("cannot be opened for writing. Check that its folder exists and who owns it.").caused_by(error)
        })?;
    }
    Ok(format!("sqlite://{path}?mode=rwc"))
}

fn pool(connections: u32, setting: &'static str) -> AnyPoolOptions {
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

async fn migrate(writer: &AnyPool) -> Result<()> {
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let table = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)";
    sqlx::query(table).execute(&mut *tx).await.map_err(failed)?;
    let found = match meta(&mut tx, "schema").await? {
        None => 0,
        Some(text) => {
            text.parse().map_err(|_| Error::internal("The database says no version of its schema that can be read."))?
        }
    };
    if found > MIGRATIONS.len() {
        let message = format!(
            "The database was written by a newer program: its schema has version {found}, this program knows {}. Start the newer program, or restore a backup.",
            MIGRATIONS.len()
        );
        return Err(Error::new(Kind::Conflict, &code::FLOW_1400, message));
    }
    if found < MIGRATIONS.len() {
        for script in &MIGRATIONS[found..] {
            sqlx::raw_sql(*script).execute(&mut *tx).await.map_err(failed)?;
        }
        put_meta(&mut tx, "schema", &MIGRATIONS.len().to_string()).await?;
    }
    tx.commit().await.map_err(failed)
}

/// The token key lies in the database, sealed. Opening it is the check that the keys are the right ones.
async fn check_keys(writer: &AnyPool, keys: &Keys) -> Result<Key> {
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let bound = seal::associate(&["token key"]);
    let Some(stored) = meta(&mut tx, "tokens").await? else {
        let (version, wrapping) = keys.current();
        let key: Key = Zeroizing::new(random()?);
        let sealed = seal::encrypt(wrapping, &bound, key.as_slice())?;
        put_meta(&mut tx, "tokens", &format!("{version} {}", STANDARD_NO_PAD.encode(sealed))).await?;
        tx.commit().await.map_err(failed)?;
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

async fn meta(connection: &mut AnyConnection, name: &str) -> Result<Option<String>> {
    let row = sqlx::query("SELECT value FROM meta WHERE name = $1")
        .bind(name)
        .fetch_optional(connection)
        .await
        .map_err(failed)?;
    row.map(|row| row.try_get(0).map_err(failed)).transpose()
}

async fn put_meta(connection: &mut AnyConnection, name: &str, value: &str) -> Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    sqlx::query(sql).bind(name).bind(value).execute(connection).await.map_err(failed)?;
    Ok(())
}

fn unopened(url: &str, error: sqlx::Error) -> Error {
    Error::new(
        Kind::Unavailable { retry_after: None },
        &code::FLOW_1400,
        format!("The database {url} cannot be opened. The log says why."),
    )
    .caused_by(error)
}

/// A failure of the database. What is busy or gone may come back; all else is a fault of ours.
pub(crate) fn failed(error: sqlx::Error) -> Error {
    let passing = match &error {
        sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        // SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR, SQLITE_FULL; the extended codes keep the low byte.
        sqlx::Error::Database(error) => {
            let number: Option<u32> = error.code().and_then(|code| code.parse().ok());
            number.is_some_and(|number| matches!(number & 0xff, 5 | 6 | 10 | 13))
        }
        _ => false,
    };
    let kind = if passing { Kind::Unavailable { retry_after: Some(Duration::from_secs(2)) } } else { Kind::Internal };
    Error::new(kind, &code::FLOW_1400, "The database did not carry out a statement. The log has the details.")
        .caused_by(error)
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
