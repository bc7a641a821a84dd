//! The tables, and how a database comes to have them. One SQL for both databases: columns are TEXT, BIGINT, DOUBLE
//! PRECISION or BLOB, and on PostgreSQL the first and the last of these words become its own (`translated`). A file that has
//! been released never changes; numbers rise, and may leave gaps.

use crate::address::Dialect;
use crate::database::failed;
use crate::facts;
use forebay_model::{Error, Kind, Result, code};
use sqlx::{AnyConnection, AssertSqlSafe, Row};

/// The migration whose table is filled from the documents.
const FACTS: u32 = 50;

/// In order. The number of the last is the schema's version.
const MIGRATIONS: &[(u32, &str)] = &[
    (1, include_str!("../migrations/0001_start.sql")),
    (2, include_str!("../migrations/0002_states.sql")),
    (3, include_str!("../migrations/0003_lists.sql")),
    (5, include_str!("../migrations/0005_webhooks.sql")),
    (10, include_str!("../migrations/0010_audit.sql")),
    (30, include_str!("../migrations/0030_batches.sql")),
    (40, include_str!("../migrations/0040_sessions.sql")),
    (41, include_str!("../migrations/0041_changes.sql")),
    (FACTS, include_str!("../migrations/0050_run_facts.sql")),
    (60, include_str!("../migrations/0060_run_log.sql")),
];

/// Where [`epochs`] lies in the table `meta`.
pub(crate) const EPOCHS: &str = "epochs";

/// The schema that this program works on.
pub(crate) fn version() -> u32 {
    MIGRATIONS.last().map_or(0, |(number, _)| *number)
}

/// Whether there is such a version: numbers have gaps.
pub(crate) fn is_known(version: u32) -> bool {
    MIGRATIONS.iter().any(|(number, _)| *number == version)
}

/// The version of the tables that are there; 0 before the first migration.
pub(crate) async fn found(connection: &mut AnyConnection) -> Result<u32> {
    match meta(connection, "schema").await? {
        None => Ok(0),
        Some(text) => {
            text.parse().map_err(|_| Error::internal("The database says no version of its schema that can be read."))
        }
    }
}

/// What holds the schema's version; it is there before the first migration.
pub(crate) const META: &str = "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)";

/// The tables at a version, `meta` first.
pub(crate) fn tables(version: u32) -> Vec<&'static str> {
    let mut tables = vec!["meta"];
    for line in MIGRATIONS.iter().filter(|(number, _)| *number <= version).flat_map(|(_, sql)| sql.lines()) {
        let rest = |words: &str| line.strip_prefix(words).and_then(|rest| rest.split([' ', '(', ';']).next());
        if let Some(name) = rest("CREATE TABLE ") {
            tables.push(name);
        } else if let Some(name) = rest("DROP TABLE ") {
            tables.retain(|known| *known != name);
        }
    }
    tables
}

/// Brings the tables up to `to` inside the caller's transaction, and notes the version.
pub(crate) async fn migrate(connection: &mut AnyConnection, dialect: Dialect, to: u32) -> Result<()> {
    run(&mut *connection, dialect, META).await?;
    let found = found(&mut *connection).await?;
    if found > version() {
        let message = format!(
            "The database was written by a newer program: its schema has version {found}, this program knows {}. Start the newer program, or restore a backup.",
            version()
        );
        return Err(Error::new(Kind::Conflict, &code::FLOW_1400, message));
    }
    let mut reached = found;
    for (number, script) in MIGRATIONS.iter().filter(|(number, _)| *number > found && *number <= to) {
        run(&mut *connection, dialect, script).await?;
        if *number == FACTS {
            facts::fill(&mut *connection).await?;
        }
        reached = *number;
    }
    if reached > found {
        put_meta(connection, "schema", &reached.to_string()).await?;
    }
    Ok(())
}

/// Carries out statements that are part of this program.
pub(crate) async fn run(connection: &mut AnyConnection, dialect: Dialect, sql: &str) -> Result<()> {
    let sql = translated(sql, dialect);
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map_err(failed)?;
    Ok(())
}

/// PostgreSQL compares text by the database's language unless told otherwise, and has another word for bytes.
fn translated(sql: &str, dialect: Dialect) -> String {
    if dialect == Dialect::Sqlite {
        return sql.to_string();
    }
    let mut out = String::with_capacity(sql.len() + 256);
    for word in sql.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
        let (name, rest) = match word.chars().last() {
            Some(c) if !c.is_ascii_alphanumeric() && c != '_' => word.split_at(word.len() - c.len_utf8()),
            _ => (word, ""),
        };
        out.push_str(match name {
            "TEXT" => "TEXT COLLATE \"C\"",
            "BLOB" => "BYTEA",
            name => name,
        });
        out.push_str(rest);
    }
    out
}

pub(crate) async fn meta(connection: &mut AnyConnection, name: &str) -> Result<Option<String>> {
    let row = sqlx::query("SELECT value FROM meta WHERE name = $1")
        .bind(name)
        .fetch_optional(connection)
        .await
        .map_err(failed)?;
    row.map(|row| row.try_get(0).map_err(failed)).transpose()
}

/// What all epochs of flows and of uploads are later than: the lake may have seen any before.
pub(crate) async fn epochs(connection: &mut AnyConnection) -> Result<i64> {
    match meta(connection, EPOCHS).await? {
        None => Ok(0),
        Some(text) => text.parse().map_err(|_| Error::internal("The database says no epoch that can be read.")),
    }
}

pub(crate) async fn put_meta(connection: &mut AnyConnection, name: &str, value: &str) -> Result<()> {
    let sql = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    sqlx::query(sql).bind(name).bind(value).execute(connection).await.map_err(failed)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise() {
        assert!(MIGRATIONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn words_are_translated_and_parts_of_words_are_not() {
        let sql = "CREATE TABLE t (a TEXT NOT NULL, b BLOB, TEXTUAL TEXT); -- ü BLOB_x";
        assert_eq!(
            translated(sql, Dialect::Postgres),
            "CREATE TABLE t (a TEXT COLLATE \"C\" NOT NULL, b BYTEA, TEXTUAL TEXT COLLATE \"C\"); -- ü BLOB_x"
        );
        assert_eq!(translated(sql, Dialect::Sqlite), sql);
    }

    #[test]
    fn tables_are_found_in_the_migrations() {
        let all = tables(version());
        assert_eq!(all[0], "meta");
        assert!(all.contains(&"documents") && all.contains(&"states"), "{all:?}");
        assert!(!tables(1).contains(&"states"));
    }
}
