//! What changes in a sandbox, in order, for those who watch it, in whatever process they are.
//!
//! Each write of a document notes itself in its own transaction. The number comes from a row of its sandbox, which stays
//! locked until the commit: numbers are given out in the order of commits and have no gaps, on both databases, so a reader
//! who has seen number 7 and now sees 9 first has lost 8. What is told of that is that all must be read again.

use crate::Store;
use crate::database::failed;
use forebay_model::{Document, Resource, Result, Scope};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// So many changes of a sandbox stay.
const KEPT: i64 = 10_000;
/// Old ones go once in so many.
const ONCE_IN: i64 = 128;

/// A change of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its place in the sandbox's changes, from 1.
    pub seq: i64,
    /// What kind of document; none when the sandbox was emptied.
    pub kind: Option<Resource>,
    /// Its id.
    pub id: String,
    /// `created`, `updated` or `deleted`.
    pub action: String,
    /// Its state, if it has one.
    pub state: String,
    /// A run's flow.
    pub flow: String,
    /// When, in epoch milliseconds.
    pub at: i64,
}

/// Kinds that are told of.
const KINDS: &[Resource] = &[
    Resource::Connection,
    Resource::SourceConnection,
    Resource::TargetConnection,
    Resource::Flow,
    Resource::Run,
    Resource::Schema,
    Resource::Dataset,
    Resource::Batch,
    Resource::MappingSet,
    Resource::Draft,
];

/// Notes that a document is written, in the transaction that writes it.
pub(crate) async fn note(
    connection: &mut AnyConnection,
    scope: &Scope,
    document: &Document,
    action: &str,
    at: i64,
) -> Result<()> {
    // Versions of a mapping set are told of as the set.
    let version = document.resource == Resource::MappingSet && document.id.contains('@');
    if scope.sandbox.is_empty() || version || !KINDS.contains(&document.resource) {
        return Ok(());
    }
    let state = document.text("/state").or_else(|| document.text("/status")).unwrap_or_default();
    let flow = document.text("/flowId").filter(|_| document.resource == Resource::Run).unwrap_or_default();
    add(connection, scope, (document.resource.name(), &document.id), action, (state, flow), at).await
}

/// Notes that a sandbox was emptied.
pub(crate) async fn note_emptied(connection: &mut AnyConnection, scope: &Scope) -> Result<()> {
    add(connection, scope, ("", ""), "deleted", ("", ""), 0).await
}

async fn add(
    connection: &mut AnyConnection,
    scope: &Scope,
    (kind, id): (&str, &str),
    action: &str,
    (state, flow): (&str, &str),
    at: i64,
) -> Result<()> {
    let sql = "INSERT INTO change_heads (org, sandbox, seq) VALUES ($1, $2, 1) \
               ON CONFLICT (org, sandbox) DO UPDATE SET seq = change_heads.seq + 1 RETURNING seq";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox);
    let seq: i64 = query.fetch_one(&mut *connection).await.map_err(failed)?.try_get(0).map_err(failed)?;
    let sql = "INSERT INTO changes (org, sandbox, seq, kind, id, action, state, flow, at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(seq).bind(kind).bind(id);
    let query = query.bind(action).bind(state.replace('\0', "")).bind(flow.replace('\0', "")).bind(at);
    query.execute(&mut *connection).await.map_err(failed)?;
    if seq % ONCE_IN == 0 {
        let sql = "DELETE FROM changes WHERE org = $1 AND sandbox = $2 AND seq <= $3";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(seq - KEPT);
        query.execute(connection).await.map_err(failed)?;
    }
    Ok(())
}

impl Store {
    /// The number of a sandbox's last change; 0 for none.
    pub async fn last_change(&self, scope: &Scope) -> Result<i64> {
        let sql = "SELECT seq FROM change_heads WHERE org = $1 AND sandbox = $2";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox);
        let row = query.fetch_optional(&self.database.readers).await.map_err(failed)?;
        row.map_or(Ok(0), |row| row.try_get(0).map_err(failed))
    }

    /// The first changes after one, at most `limit`. None when some of them are no longer kept, or when there was no such
    /// change: whoever asks has to read everything again.
    pub async fn changes(&self, scope: &Scope, after: i64, limit: i64) -> Result<Option<Vec<Change>>> {
        let last = self.last_change(scope).await?;
        if last <= after {
            return Ok((last == after).then(Vec::new));
        }
        let sql = "SELECT seq, kind, id, action, state, flow, at FROM changes \
                   WHERE org = $1 AND sandbox = $2 AND seq > $3 ORDER BY seq LIMIT $4";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(after).bind(limit);
        let rows = query.fetch_all(&self.database.readers).await.map_err(failed)?;
        let changes: Vec<Change> = rows.iter().map(change).collect::<Result<_>>()?;
        Ok(Some(changes).filter(|changes| changes.first().is_some_and(|first| first.seq == after + 1)))
    }
}

fn change(row: &AnyRow) -> Result<Change> {
    let text = |i: usize| row.try_get::<String, _>(i).map_err(failed);
    let kind = text(1)?;
    Ok(Change {
        seq: row.try_get(0).map_err(failed)?,
        kind: KINDS.iter().copied().find(|known| known.name() == kind),
        id: text(2)?,
        action: text(3)?,
        state: text(4)?,
        flow: text(5)?,
        at: row.try_get(6).map_err(failed)?,
    })
}
