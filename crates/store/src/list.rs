//! Listing and counting. Newest first is read in the order of an index and stops when the page is full; any other order
//! reads all documents once and keeps the best page. Equality on columns is pushed down, and every document that comes back
//! is still judged by `model::filter`, so pushing down can only save time.

use crate::Store;
use crate::cursor::{Cursor, Position};
use crate::database::{failed, millis};
use crate::known::{Answer, Question};
use crate::rows::{self, COLUMNS};
use forebay_model::filter::{Query, SortKey, compare_values, sort_values};
use forebay_model::{Document, Error, Resource, Result, Scope};
use futures::TryStreamExt;
use sqlx::any::AnyArguments;
use sqlx::query::Query as Statement;
use sqlx::{Any, AssertSqlSafe, Row};
use std::cmp::Ordering;
use std::sync::Arc;
use tokio::time::Instant;

/// At most so many rows are read at a time, when a filter may pass over them.
const LARGEST_PIECE: usize = 256;

/// Which documents to list.
#[derive(Debug, Clone)]
pub struct List {
    /// Filter and projection.
    pub query: Query,
    /// Empty: newest first. Ties are broken so in any order.
    pub order: Vec<SortKey>,
    /// At most this many; at least one.
    pub limit: usize,
    /// The token of the page before. It carries query, order and limit, which win over those here.
    pub after: Option<String>,
}

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Page {
    /// The documents, whole. Project them with `query`.
    pub documents: Vec<Document>,
    /// The token of the next page, if there is more.
    pub next: Option<String>,
    /// The query that was answered: of the list, or of its token.
    pub query: Query,
}

impl Store {
    /// One page of documents.
    pub async fn list(&self, scope: &Scope, resource: Resource, list: &List) -> Result<Page> {
        let plain = list.query == Query::default() && list.order.is_empty() && list.after.is_none();
        if !plain || !scope.sandbox.is_empty() {
            return self.read(scope, resource, list).await;
        }
        // Of an organization's own documents, such as roles: every request asks for them.
        let question = Question::First(scope.org.clone(), resource, list.limit);
        let (since, changes) = match self.database.known.ask(&question) {
            Ok(Answer::First(page)) => return Ok(Page::clone(&page)),
            Ok(_) => return Err(Error::internal("A list is known as something else.")),
            Err(changes) => (Instant::now(), changes),
        };
        let page = self.read(scope, resource, list).await?;
        self.database.known.keep(question, changes, since, Answer::First(Arc::new(page.clone())));
        Ok(page)
    }

    async fn read(&self, scope: &Scope, resource: Resource, list: &List) -> Result<Page> {
        let key = &self.database.tokens;
        let (asked, after) = match &list.after {
            Some(token) => {
                let cursor = Cursor::read(token, key, scope, resource)?;
                (
                    List { query: cursor.query, order: cursor.order, limit: cursor.limit, after: None },
                    Some(cursor.after),
                )
            }
            None => (list.clone(), None),
        };
        let limit = asked.limit.max(1);
        let mut documents = if newest_first(&asked.order) {
            self.newest(scope, resource, &asked.query, limit + 1, after.as_ref()).await?
        } else {
            self.sorted(scope, resource, &asked, limit + 1, after.as_ref()).await?
        };
        let mut next = None;
        if documents.len() > limit {
            documents.truncate(limit);
            if let Some(last) = documents.last() {
                let after = position(&asked.order, last);
                let cursor = Cursor { query: asked.query.clone(), order: asked.order, limit: asked.limit, after };
                next = Some(cursor.token(key, scope, resource)?);
            }
        }
        Ok(Page { documents, next, query: asked.query })
    }

    /// How many documents match.
    pub async fn count(&self, scope: &Scope, resource: Resource, query: &Query) -> Result<u64> {
        if query.terms.is_empty() {
            let sql = "SELECT COUNT(*) FROM documents WHERE org = $1 AND sandbox = $2 AND resource = $3";
            let row = sqlx::query(sql)
                .bind(&scope.org)
                .bind(&scope.sandbox)
                .bind(resource.name())
                .fetch_one(&self.database.readers);
            let count: i64 = row.await.map_err(failed)?.try_get(0).map_err(failed)?;
            return Ok(count.unsigned_abs());
        }
        let mut count = 0;
        let select = Select::new(resource, query, None, None);
        let mut found = select.statement(scope, resource).fetch(&self.database.readers);
        while let Some(row) = found.try_next().await.map_err(failed)? {
            if query.matches(&rows::document(resource, &row)?.body) {
                count += 1;
            }
        }
        Ok(count)
    }

    async fn newest(
        &self,
        scope: &Scope,
        resource: Resource,
        query: &Query,
        want: usize,
        after: Option<&Position>,
    ) -> Result<Vec<Document>> {
        let mut documents = Vec::new();
        let mut after = after.map(|after| (after.created, after.id.clone()));
        // What is pushed down is mostly all of the question: then the first piece is the page.
        let mut piece = want.min(LARGEST_PIECE);
        loop {
            let select = Select::new(resource, query, after.as_ref(), Some(piece));
            let found = select.statement(scope, resource).fetch_all(&self.database.readers).await.map_err(failed)?;
            let last = found.len() < piece;
            for row in found {
                let document = rows::document(resource, &row)?;
                after = Some((millis(document.created), document.id.clone()));
                if query.matches(&document.body) {
                    documents.push(document);
                }
                if documents.len() == want {
                    return Ok(documents);
                }
            }
            if last {
                return Ok(documents);
            }
            piece = (piece * 4).min(LARGEST_PIECE);
        }
    }

    async fn sorted(
        &self,
        scope: &Scope,
        resource: Resource,
        asked: &List,
        want: usize,
        after: Option<&Position>,
    ) -> Result<Vec<Document>> {
        let select = Select::new(resource, &asked.query, None, None);
        let mut found = select.statement(scope, resource).fetch(&self.database.readers);
        let mut best: Vec<(Position, Document)> = Vec::new();
        while let Some(row) = found.try_next().await.map_err(failed)? {
            let document = rows::document(resource, &row)?;
            if !asked.query.matches(&document.body) {
                continue;
            }
            let here = position(&asked.order, &document);
            if after.is_some_and(|after| compare(&asked.order, &here, after).is_le()) {
                continue;
            }
            let at = best.partition_point(|(other, _)| compare(&asked.order, other, &here).is_lt());
            if at < want {
                best.truncate(want - 1);
                best.insert(at, (here, document));
            }
        }
        Ok(best.into_iter().map(|(_, document)| document).collect())
    }
}

fn newest_first(order: &[SortKey]) -> bool {
    match order {
        [] => true,
        [key] => key.descending && key.path == ["createdAt"],
        _ => false,
    }
}

fn position(order: &[SortKey], document: &Document) -> Position {
    Position { created: millis(document.created), id: document.id.clone(), values: sort_values(order, &document.body) }
}

fn compare(order: &[SortKey], a: &Position, b: &Position) -> Ordering {
    compare_values(order, &a.values, &b.values).then(b.created.cmp(&a.created)).then_with(|| b.id.cmp(&a.id))
}

/// The statement of a list: fixed text and parameters, never a caller's text.
struct Select {
    sql: String,
    after: Option<(i64, String)>,
    values: Vec<String>,
}

/// What a term says of a column.
struct Condition {
    column: &'static str,
    /// The column has one of the wanted values.
    equal: String,
    /// Only the document can tell: NULL stands for a member that is not a short text, and an unstamped body has its own id.
    unknown: &'static str,
}

impl Select {
    fn new(resource: Resource, query: &Query, after: Option<&(i64, String)>, limit: Option<usize>) -> Select {
        let mut values = Vec::new();
        let mut parameter = if after.is_some() { 5 } else { 3 };
        let mut conditions: Vec<Condition> = Vec::new();
        for term in &query.terms {
            let Some((path, wanted)) = term.equality() else {
                continue;
            };
            let Some(column) = column(resource, &path) else {
                continue;
            };
            // PostgreSQL takes no such text. No column has one.
            if wanted.iter().any(|value| value.contains('\0')) {
                continue;
            }
            let mut marks = Vec::with_capacity(wanted.len());
            for value in wanted {
                parameter += 1;
                marks.push(format!("${parameter}"));
                values.push(if column == "state" { value.to_ascii_lowercase() } else { value.clone() });
            }
            let equal = format!("{column} IN ({})", marks.join(", "));
            conditions.push(Condition { column, equal, unknown: unknown(column) });
        }
        let mut base = format!("SELECT {COLUMNS} FROM documents WHERE org = $1 AND sandbox = $2 AND resource = $3");
        if after.is_some() {
            base.push_str(" AND (created_at < $4 OR (created_at = $4 AND id < $5))");
        }
        // The most telling column has an index for each half of its condition: two reads in order, merged.
        let telling = ["id", "name", "parent"]
            .iter()
            .find_map(|column| conditions.iter().position(|condition| condition.column == *column))
            .map(|at| conditions.swap_remove(at));
        for Condition { equal, unknown, .. } in &conditions {
            base.push_str(&format!(" AND ({equal} OR {unknown})"));
        }
        let mut sql = match telling {
            None => base,
            Some(Condition { column, equal, unknown }) => {
                let apart = if column == "id" { format!(" AND NOT ({equal})") } else { String::new() };
                format!("{base} AND {equal} UNION ALL {base} AND {unknown}{apart}")
            }
        };
        sql.push_str(" ORDER BY created_at DESC, id DESC");
        if let Some(limit) = limit {
            sql.push_str(&format!(" LIMIT {limit}"));
        }
        Select { sql, after: after.cloned(), values }
    }

    fn statement(&self, scope: &Scope, resource: Resource) -> Statement<'_, Any, AnyArguments> {
        let mut statement = sqlx::query(AssertSqlSafe(self.sql.clone()))
            .bind(scope.org.clone())
            .bind(scope.sandbox.clone())
            .bind(resource.name());
        if let Some((created, id)) = &self.after {
            statement = statement.bind(*created).bind(id.clone());
        }
        for value in &self.values {
            statement = statement.bind(value.clone());
        }
        statement
    }
}

/// The rows of which a column says nothing.
fn unknown(column: &str) -> &'static str {
    match column {
        "id" => "stamped = 0",
        "name" => "name IS NULL",
        "parent" => "parent IS NULL",
        _ => "state IS NULL",
    }
}

/// The column that repeats a member of the body.
fn column(resource: Resource, path: &str) -> Option<&'static str> {
    match path {
        "id" => Some("id"),
        "name" => Some("name"),
        "state" => Some("state"),
        _ if rows::parent_member(resource) == Some(path) => Some("parent"),
        _ => None,
    }
}
