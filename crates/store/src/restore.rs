//! Reading back what `backup.rs` wrote: all of it, or nothing. Everything happens in one transaction, which is committed
//! once the file has been read to its end, its sum is right, and the given keys open it.

use crate::address::{Address, Dialect};
use crate::backup::{FORMAT, Header, MAGIC, Summary, Table, Trailer, Type, columns, hex};
use crate::database::{begin, check_keys, failed, millis, pools, time};
use crate::keys::Keys;
use crate::{migrations, rows};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chrono::Utc;
use flate2::bufread::GzDecoder;
use forebay_model::{Error, Kind, Result, code};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::any::AnyArguments;
use sqlx::query::Query as Statement;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row};
use std::io::{BufRead, BufReader, Read};

/// Rows that one statement writes.
const ROWS: usize = 32;
/// No line is longer: the largest document is far below.
const LONGEST: u64 = 256 << 20;

/// Claims that may have been made since a restore whose clock was ahead of ours.
const LATER: i64 = 1_000_000;

/// What a restore may find where it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onto {
    /// Nothing: anything else is refused.
    Nothing,
    /// Whatever is there. It is lost.
    Anything,
}

/// Replaces what is in the database at `url` by what `input` holds, and brings it up to date.
pub async fn restore(url: &str, keys: &Keys, input: impl Read + Send, onto: Onto) -> Result<Summary> {
    let mut lines = Lines::new(input);
    let header = header(&mut lines)?;
    let address = Address::parse(url)?;
    let dialect = address.dialect;
    let (writer, _) = pools(&address, 2).await?;
    let mut tx = begin(&writer, dialect, None).await?;
    clear(&mut tx, &address, onto).await?;
    migrations::migrate(&mut tx, dialect, header.schema).await?;
    let rows = fill(&mut tx, dialect, &mut lines, header.schema).await?;
    migrations::migrate(&mut tx, dialect, migrations::version()).await?;
    check_keys(&mut tx, keys).await?;
    // The lake may have seen claims that were made after the backup, or after another restore of it. Those to come are
    // later than all of them; milliseconds pass faster than claims are made.
    let before = migrations::epochs(&mut tx).await?;
    let base = millis(Utc::now()).max(before.saturating_add(LATER));
    migrations::put_meta(&mut tx, migrations::EPOCHS, &base.to_string()).await?;
    if dialect == Dialect::Postgres {
        // Of tables that were filled a moment ago it knows nothing yet, and finds the newest run of a flow among all runs.
        for table in migrations::tables(migrations::version()) {
            migrations::run(&mut tx, dialect, &format!("ANALYZE {table}")).await?;
        }
    }
    tx.commit().await.map_err(failed)?;
    writer.close().await;
    Ok(Summary { rows, made: time(header.made)? })
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, &code::FLOW_1400, message.into())
}

fn damaged() -> Error {
    refused("The backup is damaged: it is cut short, or was changed. Nothing was restored.")
}

fn header(lines: &mut Lines<impl Read>) -> Result<Header> {
    let header = lines.next().ok().and_then(|line| serde_json::from_value::<Header>(line).ok());
    let Some(header) = header.filter(|header| header.forebay == MAGIC) else {
        return Err(refused("The file is not a backup of Forebay, or its beginning is damaged."));
    };
    if header.format > FORMAT || header.schema > migrations::version() {
        return Err(refused(format!(
            "The backup was made by a newer program: it has form {} and schema {}, this program knows {FORMAT} and {}. Restore it with the newer one.",
            header.format,
            header.schema,
            migrations::version()
        )));
    }
    if !migrations::is_known(header.schema) {
        return Err(damaged());
    }
    Ok(header)
}

/// Drops the tables that are there, if that is allowed or they are empty.
async fn clear(connection: &mut AnyConnection, address: &Address, onto: Onto) -> Result<()> {
    if columns(&mut *connection, address.dialect, "meta").await?.is_empty() {
        return Ok(());
    }
    let found = migrations::found(&mut *connection).await?;
    if found > migrations::version() {
        let message = format!("The database {} belongs to a newer program. Restore with that one.", address.shown);
        return Err(refused(message));
    }
    for table in migrations::tables(found) {
        // What only says that the database is one of ours does not count.
        if onto == Onto::Nothing && table != "meta" {
            let sql = format!("SELECT COUNT(*) FROM {table}");
            let row = sqlx::query(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.map_err(failed)?;
            if row.try_get::<i64, _>(0).map_err(failed)? > 0 {
                let message = format!("The database {} is not empty, and would be lost.", address.shown);
                return Err(Error::new(Kind::Conflict, &code::FLOW_1400, message));
            }
        }
    }
    for table in migrations::tables(found) {
        migrations::run(&mut *connection, address.dialect, &format!("DROP TABLE {table}")).await?;
    }
    Ok(())
}

/// Writes all rows, and answers how many they are. The tables are new.
async fn fill(
    connection: &mut AnyConnection,
    dialect: Dialect,
    lines: &mut Lines<impl Read>,
    schema: u32,
) -> Result<u64> {
    let mut missing = migrations::tables(schema);
    let mut insert: Option<Insert> = None;
    let mut count = 0;
    loop {
        let line = lines.next()?;
        if line.is_array() {
            let insert = insert.as_mut().ok_or_else(damaged)?;
            insert.add(&mut *connection, line).await?;
            count += 1;
            continue;
        }
        if let Some(mut insert) = insert.take() {
            insert.flush(&mut *connection).await?;
        }
        if line.get("sha256").is_some() {
            let trailer: Trailer = serde_json::from_value(line).map_err(|_| damaged())?;
            if trailer.sha256 != lines.sum() || trailer.rows != count || !missing.is_empty() {
                return Err(damaged());
            }
            lines.end()?;
            return Ok(count);
        }
        let table: Table = serde_json::from_value(line).map_err(|_| damaged())?;
        let Some(at) = missing.iter().position(|name| *name == table.table) else {
            return Err(damaged());
        };
        let name = missing.swap_remove(at);
        if columns(&mut *connection, dialect, name).await? != table.columns {
            return Err(damaged());
        }
        // A migration may have put rows in.
        migrations::run(&mut *connection, dialect, &format!("DELETE FROM {name}")).await?;
        insert = Some(Insert { table: name, columns: table.columns, rows: Vec::new() });
    }
}

/// Rows on their way into a table.
struct Insert {
    table: &'static str,
    columns: Vec<(String, Type)>,
    rows: Vec<Vec<Value>>,
}

impl Insert {
    async fn add(&mut self, connection: &mut AnyConnection, line: Value) -> Result<()> {
        match line {
            Value::Array(row) if row.len() == self.columns.len() => self.rows.push(row),
            _ => return Err(damaged()),
        }
        if self.rows.len() == ROWS { self.flush(connection).await } else { Ok(()) }
    }

    async fn flush(&mut self, connection: &mut AnyConnection) -> Result<()> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        let mut sql = format!("INSERT INTO {} ({}) VALUES ", self.table, names.join(", "));
        for row in 0..self.rows.len() {
            let marks: Vec<String> = (1..=names.len()).map(|i| format!("${}", row * names.len() + i)).collect();
            sql.push_str(&format!("{}({})", if row > 0 { ", " } else { "" }, marks.join(", ")));
        }
        let mut statement = sqlx::query(AssertSqlSafe(sql));
        for row in std::mem::take(&mut self.rows) {
            for (value, (name, kind)) in row.into_iter().zip(&self.columns) {
                statement = bind(statement, value, *kind, self.table == "documents" && is_repeated(name))?;
            }
        }
        // What a database does not take was never in one: it is told apart from one that does not answer.
        statement.execute(connection).await.map_err(failed).map_err(|error| match error.kind {
            Kind::Unavailable { .. } => error,
            _ => damaged().caused_by(error),
        })?;
        Ok(())
    }
}

/// Whether a column of the documents repeats a member.
fn is_repeated(column: &str) -> bool {
    matches!(column, "name" | "state" | "parent")
}

fn bind<'q>(
    statement: Statement<'q, Any, AnyArguments>,
    value: Value,
    kind: Type,
    repeated: bool,
) -> Result<Statement<'q, Any, AnyArguments>> {
    Ok(match (kind, value) {
        (Type::Text, Value::Null) => statement.bind(None::<String>),
        // Older programs put texts there that PostgreSQL does not take; without them the document is asked.
        (Type::Text, Value::String(text)) if repeated && !rows::is_repeatable(&text) => statement.bind(None::<String>),
        (Type::Text, Value::String(text)) => statement.bind(text),
        (Type::Bigint, Value::Null) => statement.bind(None::<i64>),
        (Type::Bigint, Value::Number(number)) => statement.bind(number.as_i64().ok_or_else(damaged)?),
        (Type::Double, Value::Null) => statement.bind(None::<f64>),
        (Type::Double, Value::String(text)) => statement.bind(text.parse::<f64>().map_err(|_| damaged())?),
        (Type::Blob, Value::Null) => statement.bind(None::<Vec<u8>>),
        (Type::Blob, Value::String(text)) => statement.bind(STANDARD_NO_PAD.decode(text).map_err(|_| damaged())?),
        _ => return Err(damaged()),
    })
}

/// Reads lines, and sums them up.
struct Lines<R: Read> {
    input: BufReader<GzDecoder<BufReader<R>>>,
    digest: Sha256,
    /// Without the last line.
    before: Sha256,
}

impl<R: Read> Lines<R> {
    fn new(input: R) -> Lines<R> {
        let input = BufReader::new(GzDecoder::new(BufReader::new(input)));
        Lines { input, digest: Sha256::new(), before: Sha256::new() }
    }

    /// Of the lines before the last.
    fn sum(&self) -> String {
        hex(&self.before.clone().finalize())
    }

    fn next(&mut self) -> Result<Value> {
        let mut line = Vec::new();
        self.input.by_ref().take(LONGEST).read_until(b'\n', &mut line).map_err(|error| damaged().caused_by(error))?;
        if line.last() != Some(&b'\n') {
            return Err(damaged());
        }
        self.before = self.digest.clone();
        self.digest.update(&line);
        serde_json::from_slice(&line).map_err(|error| damaged().caused_by(error))
    }

    /// Nothing comes after the last line, and the compression's own sum is right.
    fn end(&mut self) -> Result<()> {
        let mut rest = [0; 1];
        let inside = self.input.read(&mut rest).map_err(|error| damaged().caused_by(error))?;
        let outside = self.input.get_mut().get_mut().read(&mut rest).map_err(|error| damaged().caused_by(error))?;
        if inside + outside == 0 { Ok(()) } else { Err(damaged()) }
    }
}
