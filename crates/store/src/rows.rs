//! Rows of the table of documents: the statements that read and write one. Everything here runs inside a caller's
//! transaction or on a reader, and names its place in full.

use crate::database::{failed, is_duplicate, millis, time};
use crate::{audit, changes, facts, history};
use forebay_model::{Document, Error, Kind, Resource, Result, Scope, Time, code};
use serde_json::{Map, Value};
use sqlx::AnyConnection;
use sqlx::Row;
use sqlx::any::AnyRow;

/// Where a document is; what its secrets are bound to.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub org: &'a str,
    pub sandbox: &'a str,
    pub resource: &'static str,
    pub id: &'a str,
}

impl<'a> Place<'a> {
    pub(crate) fn new(scope: &'a Scope, resource: Resource, id: &'a str) -> Place<'a> {
        Place { org: &scope.org, sandbox: &scope.sandbox, resource: resource.name(), id }
    }
}

/// A document and what is kept beside it.
pub(crate) struct Stored {
    pub document: Document,
    pub version: i64,
    pub stamped: bool,
    pub sealed: Option<Vec<u8>>,
    /// The body before this version, where there was one.
    pub before: Option<Value>,
    /// Which sealed fields this version changes, by their pointers.
    pub resealed: Vec<String>,
}

/// The columns that [`document`] reads.
pub(crate) const COLUMNS: &str = "id, etag, created_at, updated_at, doc";

pub(crate) fn document(resource: Resource, row: &AnyRow) -> Result<Document> {
    let doc: &str = row.try_get(4).map_err(failed)?;
    let body = serde_json::from_str(doc)
        .map_err(|error| Error::internal("A stored document is not JSON.").caused_by(error))?;
    Ok(Document {
        resource,
        id: row.try_get(0).map_err(failed)?,
        etag: row.try_get(1).map_err(failed)?,
        created: time(row.try_get(2).map_err(failed)?)?,
        updated: time(row.try_get(3).map_err(failed)?)?,
        body,
    })
}

pub(crate) async fn find(
    connection: &mut AnyConnection,
    scope: &Scope,
    resource: Resource,
    id: &str,
) -> Result<Option<Stored>> {
    // PostgreSQL refuses even to compare such a text.
    if id.contains('\0') {
        return Ok(None);
    }
    let sql = "SELECT id, etag, created_at, updated_at, doc, version, stamped, sealed FROM documents \
               WHERE org = $1 AND sandbox = $2 AND resource = $3 AND id = $4";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(resource.name()).bind(id);
    let Some(row) = query.fetch_optional(connection).await.map_err(failed)? else {
        return Ok(None);
    };
    let stamped: i64 = row.try_get(6).map_err(failed)?;
    Ok(Some(Stored {
        document: document(resource, &row)?,
        version: row.try_get(5).map_err(failed)?,
        stamped: stamped == 1,
        sealed: row.try_get(7).map_err(failed)?,
        before: None,
        resealed: Vec::new(),
    }))
}

/// The document, or FLOW-1439-404.
pub(crate) async fn load(
    connection: &mut AnyConnection,
    scope: &Scope,
    resource: Resource,
    id: &str,
) -> Result<Stored> {
    find(connection, scope, resource, id).await?.ok_or_else(|| not_found(resource, id))
}

pub(crate) fn not_found(resource: Resource, id: &str) -> Error {
    let message = format!(
        "The requested {} resource {id} is not found. Verify the resource ID before trying again.",
        resource.name()
    );
    Error::new(Kind::NotFound, &code::FLOW_1439, message)
}

/// Makes the first version of a document; nothing is written yet.
pub(crate) fn first(resource: Resource, id: &str, body: Value, stamped: bool, now: Time) -> Result<Stored> {
    let now = time(millis(now))?;
    let document =
        Document { resource, id: id.to_string(), etag: String::new(), created: now, updated: now, body: Value::Null };
    let none = Stored { document, version: 0, stamped, sealed: None, before: None, resealed: Vec::new() };
    renewed(none, body, now)
}

/// Makes the next version of a document, with a new etag; nothing is written yet.
pub(crate) fn renewed(mut stored: Stored, body: Value, now: Time) -> Result<Stored> {
    stored.version += 1;
    let document = &mut stored.document;
    // A clock that steps back must not make a change look older than the one before it.
    document.updated = time(millis(now))?.max(document.updated);
    document.etag = etag(document, stored.version);
    let body = if stored.stamped { stamp(document, body)? } else { body };
    stored.before = Some(std::mem::replace(&mut document.body, body));
    Ok(stored)
}

/// `"xxxxxxxx-0000-0200-0000-xxxxxxxx0000"` with its quotes (FS-ETAG-1). The version goes into the first group, so no two
/// versions of a document share an etag; the seconds go into the last.
fn etag(document: &Document, version: i64) -> String {
    let mut hash: u32 = 0x811c_9dc5;
    for byte in document.id.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    let first = hash.wrapping_add(version as u32);
    let seconds = document.updated.timestamp() as u32;
    format!("\"{first:08x}-0000-0200-0000-{seconds:08x}0000\"")
}

/// Writes the members that the store keeps into the body: id and times in front, version and etag behind.
fn stamp(document: &Document, body: Value) -> Result<Value> {
    let Value::Object(members) = body else {
        return Err(Error::internal("A document's body must be an object."));
    };
    let mut stamped = Map::new();
    stamped.insert("id".into(), document.id.as_str().into());
    stamped.insert("createdAt".into(), millis(document.created).into());
    stamped.insert("updatedAt".into(), millis(document.updated).into());
    for (name, value) in members {
        if !matches!(name.as_str(), "id" | "createdAt" | "updatedAt" | "version" | "etag") {
            stamped.insert(name, value);
        }
    }
    stamped.insert("version".into(), document.etag.as_str().into());
    stamped.insert("etag".into(), document.etag.as_str().into());
    Ok(Value::Object(stamped))
}

/// An id is a part of keys; an entry of an index has at most 2,700 bytes on PostgreSQL.
const LONGEST_ID: usize = 1_024;
/// A longer text is not repeated in a column: only the document can tell, as of a member that is not text.
const LONGEST: usize = 512;

/// The columns beside the document: name, state, parent.
struct Columns {
    name: Option<String>,
    state: Option<String>,
    parent: Option<String>,
}

impl Columns {
    fn of(document: &Document) -> Columns {
        let text = |name: &str| match document.body.get(name) {
            None | Some(Value::Null) => Some(String::new()),
            Some(Value::String(text)) if is_repeatable(text) => Some(text.clone()),
            Some(_) => None,
        };
        let parent = match parent_member(document.resource) {
            Some(member) => text(member),
            None => Some(String::new()),
        };
        Columns { name: text("name"), state: text("state").map(|state| state.to_ascii_lowercase()), parent }
    }
}

/// Whether a column can hold a member's text.
pub(crate) fn is_repeatable(text: &str) -> bool {
    text.len() <= LONGEST && !text.contains('\0')
}

/// The member that is repeated in the column `parent`.
pub(crate) fn parent_member(resource: Resource) -> Option<&'static str> {
    match resource {
        Resource::Run => Some("flowId"),
        Resource::SourceConnection | Resource::TargetConnection => Some("baseConnectionId"),
        Resource::Delivery => Some("webhookId"),
        _ => None,
    }
}

pub(crate) async fn insert(connection: &mut AnyConnection, scope: &Scope, stored: &Stored) -> Result<()> {
    let sql = "INSERT INTO documents (org, sandbox, resource, id, name, state, parent, created_at, updated_at, version, etag, stamped, doc, sealed) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    let document = &stored.document;
    if document.id.len() > LONGEST_ID || document.id.contains('\0') {
        let message = format!("An id has at most {LONGEST_ID} bytes, and none of them is zero.");
        return Err(Error::new(Kind::Invalid, &code::FLOW_1400, message));
    }
    let columns = Columns::of(document);
    let query = sqlx::query(sql)
        .bind(&scope.org)
        .bind(&scope.sandbox)
        .bind(document.resource.name())
        .bind(&document.id)
        .bind(columns.name)
        .bind(columns.state)
        .bind(columns.parent)
        .bind(millis(document.created))
        .bind(millis(document.updated))
        .bind(stored.version)
        .bind(&document.etag)
        .bind(i64::from(stored.stamped))
        .bind(document.body.to_string())
        .bind(stored.sealed.as_deref());
    match query.execute(&mut *connection).await {
        Ok(_) => note(connection, scope, stored, ["Create", "created"], millis(document.updated)).await,
        Err(error) if is_duplicate(&error) => Err(exists(document.resource, &document.id)),
        Err(error) => Err(failed(error)),
    }
}

pub(crate) fn exists(resource: Resource, id: &str) -> Error {
    Error::new(Kind::Conflict, &code::FLOW_1100, format!("The {} resource {id} exists already.", resource.name()))
}

pub(crate) async fn replace(connection: &mut AnyConnection, scope: &Scope, stored: &Stored) -> Result<()> {
    let sql = "UPDATE documents SET name = $5, state = $6, parent = $7, updated_at = $8, version = $9, etag = $10, doc = $11, sealed = $12 \
               WHERE org = $1 AND sandbox = $2 AND resource = $3 AND id = $4";
    let document = &stored.document;
    let columns = Columns::of(document);
    let query = sqlx::query(sql)
        .bind(&scope.org)
        .bind(&scope.sandbox)
        .bind(document.resource.name())
        .bind(&document.id)
        .bind(columns.name)
        .bind(columns.state)
        .bind(columns.parent)
        .bind(millis(document.updated))
        .bind(stored.version)
        .bind(&document.etag)
        .bind(document.body.to_string())
        .bind(stored.sealed.as_deref());
    let done = query.execute(&mut *connection).await.map_err(failed)?;
    if done.rows_affected() != 1 {
        return Err(not_found(document.resource, &document.id));
    }
    note(connection, scope, stored, ["Update", "updated"], millis(document.updated)).await
}

/// Tells of a write, in its transaction: the audit trail, the document's history, and those who watch the sandbox. Always
/// in this order, which is that of the locks.
pub(crate) async fn note(
    connection: &mut AnyConnection,
    scope: &Scope,
    stored: &Stored,
    [action, told]: [&str; 2],
    at: i64,
) -> Result<()> {
    follow(&mut *connection, scope, &stored.document).await?;
    audit::note(&mut *connection, &stored.document, action).await?;
    history::note(&mut *connection, scope, stored, action, at).await?;
    changes::note(connection, scope, &stored.document, told, at).await
}

/// Brings what is kept beside a document up to date with it.
async fn follow(connection: &mut AnyConnection, scope: &Scope, document: &Document) -> Result<()> {
    match document.resource {
        Resource::Run => facts::keep(connection, scope, document).await,
        _ => Ok(()),
    }
}
