//! A whole installation in one file, and back (`restore.rs`), from one kind of database to the other.
//!
//! The file is lines of JSON, compressed with gzip: what it is; then for each table its name and columns, and its rows as
//! arrays; at last how many rows there were and the SHA-256 of all bytes before that line. It is written in one pass over one
//! snapshot, beside a program that is at work. Secrets stay as they lie in the database, sealed: the file does not open them,
//! and neither does whoever has it but not the key file. The lake is not in it.

use crate::address::{Address, Dialect};
use crate::database::{failed, unopened};
use crate::migrations::{self, tables};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use flate2::Compression;
use flate2::write::GzEncoder;
use forebay_model::{Error, Kind, Result, Time, code};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Row};
use std::io::Write;

/// What the first line says it is.
pub(crate) const MAGIC: &str = "backup";
/// Counts the changes of the form that an older program could not read.
pub(crate) const FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    /// [`MAGIC`].
    pub forebay: String,
    pub format: u32,
    /// Of the tables.
    pub schema: u32,
    /// Epoch milliseconds.
    pub made: i64,
}

/// The line before a table's rows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Table {
    pub table: String,
    pub columns: Vec<(String, Type)>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Trailer {
    pub rows: u64,
    pub sha256: String,
}

/// What a column holds. Its JSON is text, a number, text that reads as the very same number, base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Type {
    Text,
    Bigint,
    Double,
    Blob,
}

/// What was written or read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Rows of all tables.
    pub rows: u64,
    /// The moment of the backup.
    pub made: Time,
}

/// Writes all tables of the database at `url` to `out`. The database may be in use.
pub async fn backup(url: &str, out: impl Write + Send, now: Time) -> Result<Summary> {
    sqlx::any::install_default_drivers();
    let address = Address::existing(url)?;
    let unopened = |error| unopened(&address.shown, error);
    let mut connection = AnyConnection::connect(&address.url).await.map_err(unopened)?;
    // One moment for all tables, and no limit of time.
    let begin = match address.dialect {
        Dialect::Sqlite => "BEGIN",
        Dialect::Postgres => {
            let limits = "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0";
            sqlx::raw_sql(limits).execute(&mut connection).await.map_err(failed)?;
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        }
    };
    let mut tx = connection.begin_with(begin).await.map_err(failed)?;
    let schema = schema(&mut tx, &address).await?;
    let mut lines = Lines { out: GzEncoder::new(out, Compression::default()), digest: Sha256::new() };
    lines.put(&Header { forebay: MAGIC.into(), format: FORMAT, schema, made: now.timestamp_millis() })?;
    let mut rows = 0;
    for table in tables(schema) {
        rows += copy(&mut tx, address.dialect, table, &mut lines).await?;
    }
    lines.end(rows)?;
    tx.rollback().await.map_err(failed)?;
    connection.close().await.map_err(failed)?;
    Ok(Summary { rows, made: now })
}

/// The version of the tables as they are; nothing is migrated.
async fn schema(connection: &mut AnyConnection, address: &Address) -> Result<u32> {
    let refused = |why: &str| {
        let message = format!("The database {} {why}", address.shown);
        Error::new(Kind::Invalid, &code::FLOW_1400, message)
    };
    if columns(&mut *connection, address.dialect, "meta").await?.is_empty() {
        return Err(refused("is empty: there is nothing to back up."));
    }
    match migrations::found(connection).await? {
        0 => Err(refused("is empty: there is nothing to back up.")),
        found if found > migrations::version() => {
            Err(refused("was written by a newer program. Use that one to back it up."))
        }
        found => Ok(found),
    }
}

/// Writes a table, and answers how many rows it has.
async fn copy<W: Write>(
    connection: &mut AnyConnection,
    dialect: Dialect,
    table: &str,
    lines: &mut Lines<W>,
) -> Result<u64> {
    let columns = columns(&mut *connection, dialect, table).await?;
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let sql = format!("SELECT {} FROM {table}", names.join(", "));
    lines.put(&Table { table: table.to_string(), columns: columns.clone() })?;
    let mut count = 0;
    let mut found = sqlx::query(AssertSqlSafe(sql)).fetch(connection);
    while let Some(row) = found.try_next().await.map_err(failed)? {
        let mut values = Vec::with_capacity(columns.len());
        for (i, (_, kind)) in columns.iter().enumerate() {
            values.push(value(&row, i, *kind).map_err(failed)?);
        }
        lines.put(&values)?;
        count += 1;
    }
    Ok(count)
}

fn value(row: &AnyRow, i: usize, kind: Type) -> Result<Value, sqlx::Error> {
    Ok(match kind {
        Type::Text => json!(row.try_get::<Option<&str>, _>(i)?),
        Type::Bigint => json!(row.try_get::<Option<i64>, _>(i)?),
        Type::Double => json!(row.try_get::<Option<f64>, _>(i)?.map(|number| format!("{number:?}"))),
        Type::Blob => json!(row.try_get::<Option<&[u8]>, _>(i)?.map(|bytes| STANDARD_NO_PAD.encode(bytes))),
    })
}

/// The columns of a table in their order; none if there is no such table.
pub(crate) async fn columns(
    connection: &mut AnyConnection,
    dialect: Dialect,
    table: &str,
) -> Result<Vec<(String, Type)>> {
    let sql = match dialect {
        Dialect::Sqlite => "SELECT name, type FROM pragma_table_info($1) ORDER BY cid",
        Dialect::Postgres => {
            "SELECT column_name::text, data_type::text FROM information_schema.columns \
             WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position"
        }
    };
    let mut columns = Vec::new();
    for row in sqlx::query(sql).bind(table).fetch_all(connection).await.map_err(failed)? {
        let kind: &str = row.try_get(1).map_err(failed)?;
        let kind = match kind.to_ascii_uppercase().as_str() {
            "TEXT" => Type::Text,
            "BIGINT" => Type::Bigint,
            "DOUBLE PRECISION" => Type::Double,
            "BLOB" | "BYTEA" => Type::Blob,
            _ => return Err(Error::internal(format!("The table {table} has a column of the type {kind}."))),
        };
        columns.push((row.try_get(0).map_err(failed)?, kind));
    }
    Ok(columns)
}

/// Writes lines, and sums them up.
struct Lines<W: Write> {
    out: GzEncoder<W>,
    digest: Sha256,
}

impl<W: Write> Lines<W> {
    fn put(&mut self, line: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec(line).map_err(|error| unwritten(error.into()))?;
        text.push(b'\n');
        self.digest.update(&text);
        self.out.write_all(&text).map_err(unwritten)
    }

    fn end(mut self, rows: u64) -> Result<()> {
        let sha256 = hex(&self.digest.clone().finalize());
        self.put(&Trailer { rows, sha256 })?;
        let mut out = self.out.finish().map_err(unwritten)?;
        out.flush().map_err(unwritten)
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unwritten(error: std::io::Error) -> Error {
    Error::new(Kind::Unavailable { retry_after: None }, &code::FLOW_1400, "The backup cannot be written.")
        .caused_by(error)
}
