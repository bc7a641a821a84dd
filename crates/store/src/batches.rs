//! Batches that clients upload (platform.md §6): their documents, the files that they are made of so far, and what is to
//! be done with them. A batch takes files while it is open; from then on it belongs to whoever claims it
//! (`batch_claims.rs`).
//!
//! Always holds: a file is a list of objects in the lake's staging area; it is named here only once they are complete, and
//! nobody reads an object that is not named here. What nobody names any more is for the caller, or for a cleanup.

use crate::database::{failed, millis, time};
use crate::keys::random;
use crate::leases::insert_cleanup;
use crate::rows::{self, not_found};
use crate::{Store, sandboxes};
use forebay_model::{Document, Error, Kind, Resource, Result, Scope, Time, code, patch};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use ulid::Ulid;

/// An object that is part of an uploaded file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Where it begins in the file.
    pub start: u64,
    /// Bytes.
    pub size: u64,
    /// Where it lies in the lake.
    pub location: String,
}

/// An uploaded file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its path, as the client named it.
    pub path: String,
    /// Nothing of it is missing.
    pub whole: bool,
    /// Bytes of the whole, where the client has said it.
    pub total: Option<u64>,
    /// When it last changed.
    pub stored: Time,
    /// What it is made of, in order.
    pub pieces: Vec<Piece>,
}

impl Upload {
    /// Bytes that are there.
    pub fn size(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.size).sum()
    }

    /// Why its pieces are not one whole file; none if they are.
    fn fault(&self) -> Option<String> {
        let mut end = 0;
        for piece in &self.pieces {
            if piece.start > end {
                return Some(format!("the bytes from {end} to {} are missing", piece.start - 1));
            }
            if piece.start < end {
                return Some(format!("the bytes from {} to {} were sent by two ranges", piece.start, end - 1));
            }
            end += piece.size;
        }
        match self.total {
            Some(total) if total != end => {
                Some(format!("{end} bytes are there, and Content-Range has said that there are {total}"))
            }
            _ => None,
        }
    }
}

/// How much a batch may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Files of a batch.
    pub files: u64,
    /// Bytes of a batch.
    pub bytes: u64,
    /// Ranges of a file.
    pub pieces: u64,
}

/// What comes of a batch without its being ingested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenUp {
    /// By its client.
    Aborted,
    /// By its client, as a failure.
    Failed,
    /// By nobody: it was left behind.
    Abandoned,
}

impl GivenUp {
    fn status(self) -> &'static str {
        match self {
            GivenUp::Aborted => "aborted",
            GivenUp::Failed => "failed",
            GivenUp::Abandoned => "abandoned",
        }
    }
}

/// The lake's folder of what a batch is made of before it is ingested.
pub fn staging_folder(scope: &Scope, batch: &str) -> String {
    format!("staging/{}/{batch}", scope.sandbox)
}

impl Store {
    /// Stores a new batch, open for files. Its id, a ULID, is written into the body.
    pub async fn open_batch(&self, scope: &Scope, dataset: &str, mut body: Value, now: Time) -> Result<Document> {
        let id = Ulid::from_parts(millis(now).unsigned_abs(), u128::from_le_bytes(random()?)).to_string();
        body["id"] = json!(id);
        let stored = rows::first(Resource::Batch, &id, body, false, now)?;
        let mut tx = self.database.write().await?;
        sandboxes::open(&mut tx, scope).await?;
        rows::insert(&mut tx, scope, &stored).await?;
        insert(&mut tx, scope, &id, dataset, "ingest", "open", now).await?;
        tx.commit().await.map_err(failed)?;
        Ok(stored.document)
    }

    /// Refuses unless the batch takes files.
    pub async fn check_open(&self, scope: &Scope, batch: &str) -> Result<()> {
        let mut reader = self.database.readers.acquire().await.map_err(failed)?;
        open(&mut reader, scope, batch).await
    }

    /// A batch's files, by path.
    pub async fn uploads(&self, scope: &Scope, batch: &str) -> Result<Vec<Upload>> {
        let mut reader = self.database.readers.acquire().await.map_err(failed)?;
        uploads(&mut reader, scope, batch).await
    }

    /// One of a batch's files.
    pub async fn upload(&self, scope: &Scope, batch: &str, path: &str) -> Result<Option<Upload>> {
        let mut reader = self.database.readers.acquire().await.map_err(failed)?;
        upload(&mut reader, scope, batch, path).await
    }

    /// Makes an object a whole file of the batch, instead of what it may have had under that path. Answers the objects that
    /// nothing names any more.
    pub async fn put_upload(
        &self,
        scope: &Scope,
        batch: &str,
        path: &str,
        piece: Piece,
        limits: &Limits,
        now: Time,
    ) -> Result<Vec<String>> {
        let mut tx = self.database.write().await?;
        open(&mut tx, scope, batch).await?;
        let before = upload(&mut tx, scope, batch, path).await?;
        forget_upload(&mut tx, scope, batch, path).await?;
        within(&mut tx, scope, batch, piece.size, limits).await?;
        insert_upload(&mut tx, scope, batch, path, true, now).await?;
        insert_piece(&mut tx, scope, batch, path, &piece).await?;
        touch(&mut tx, scope, batch, now).await?;
        tx.commit().await.map_err(failed)?;
        Ok(before.into_iter().flat_map(|upload| upload.pieces).map(|piece| piece.location).collect())
    }

    /// Begins a file that comes in ranges, instead of what the batch may have under that path. Answers the objects that
    /// nothing names any more.
    pub async fn begin_upload(
        &self,
        scope: &Scope,
        batch: &str,
        path: &str,
        limits: &Limits,
        now: Time,
    ) -> Result<Vec<String>> {
        let mut tx = self.database.write().await?;
        open(&mut tx, scope, batch).await?;
        let before = upload(&mut tx, scope, batch, path).await?;
        forget_upload(&mut tx, scope, batch, path).await?;
        within(&mut tx, scope, batch, 0, limits).await?;
        insert_upload(&mut tx, scope, batch, path, false, now).await?;
        touch(&mut tx, scope, batch, now).await?;
        tx.commit().await.map_err(failed)?;
        Ok(before.into_iter().flat_map(|upload| upload.pieces).map(|piece| piece.location).collect())
    }

    /// Adds a range to a file that was begun. One that starts where another does takes its place: answers its object.
    #[allow(clippy::too_many_arguments)]
    pub async fn put_piece(
        &self,
        scope: &Scope,
        batch: &str,
        path: &str,
        piece: Piece,
        total: Option<u64>,
        limits: &Limits,
        now: Time,
    ) -> Result<Vec<String>> {
        let mut tx = self.database.write().await?;
        open(&mut tx, scope, batch).await?;
        let begun = begun(&mut tx, scope, batch, path).await?;
        if let (Some(said), Some(total)) = (begun.total, total)
            && said != total
        {
            let message = format!("Content-Range says that {path} has {total} bytes, and said {said} before");
            return Err(Error::new(Kind::Invalid, &code::HTTP_400, message));
        }
        let replaced: Vec<String> = begun
            .pieces
            .iter()
            .filter(|other| other.start == piece.start)
            .map(|other| other.location.clone())
            .collect();
        if begun.pieces.len() as u64 - replaced.len() as u64 >= limits.pieces {
            let message = format!("{path} has {} ranges already, the most that a file may be sent in", limits.pieces);
            return Err(Error::new(Kind::TooLarge, &code::HTTP_413, message).advice("Send larger ranges."));
        }
        let sql = "DELETE FROM batch_pieces WHERE org = $1 AND sandbox = $2 AND batch_id = $3 AND path = $4 AND start_at = $5";
        let query = of_path(sql, scope, batch, path).bind(number(piece.start)?);
        query.execute(&mut *tx).await.map_err(failed)?;
        within(&mut tx, scope, batch, piece.size, limits).await?;
        insert_piece(&mut tx, scope, batch, path, &piece).await?;
        let sql = "UPDATE batch_uploads SET total = $5, stored = $6 WHERE org = $1 AND sandbox = $2 AND batch_id = $3 AND path = $4";
        let total = total.or(begun.total).map(number).transpose()?;
        of_path(sql, scope, batch, path).bind(total).bind(millis(now)).execute(&mut *tx).await.map_err(failed)?;
        touch(&mut tx, scope, batch, now).await?;
        tx.commit().await.map_err(failed)?;
        Ok(replaced)
    }

    /// Ends a file that came in ranges. Refused unless they are one whole. Ending it again is no error.
    pub async fn end_upload(&self, scope: &Scope, batch: &str, path: &str, now: Time) -> Result<()> {
        let mut tx = self.database.write().await?;
        open(&mut tx, scope, batch).await?;
        let Some(found) = upload(&mut tx, scope, batch, path).await? else { return Err(not_begun(path)) };
        if let Some(fault) = found.fault() {
            let message = format!("{path} is not complete: {fault}");
            return Err(Error::new(Kind::Invalid, &code::HTTP_400, message)
                .advice("Send the ranges that are missing, or initialize the upload anew."));
        }
        let sql = "UPDATE batch_uploads SET whole = 1, stored = $5 WHERE org = $1 AND sandbox = $2 AND batch_id = $3 AND path = $4";
        of_path(sql, scope, batch, path).bind(millis(now)).execute(&mut *tx).await.map_err(failed)?;
        touch(&mut tx, scope, batch, now).await?;
        tx.commit().await.map_err(failed)
    }

    /// Closes the batch and puts it into the queue. It has ended well or is on its way: nothing is done.
    pub async fn complete_batch(&self, scope: &Scope, batch: &str, now: Time) -> Result<()> {
        let mut tx = self.database.write().await?;
        let status = status(&mut tx, scope, batch).await?;
        if matches!(status.as_str(), "staged" | "processing" | "success") {
            return Ok(());
        }
        open(&mut tx, scope, batch).await?;
        if let Some(file) = uploads(&mut tx, scope, batch).await?.into_iter().find(|file| !file.whole) {
            let message = format!("the upload of {} was begun and not completed", file.path);
            return Err(Error::new(Kind::Invalid, &code::HTTP_400, message)
                .advice("Complete it with action=complete on the file, or put the file as a whole."));
        }
        let sql = "UPDATE batch_queue SET state = 'queued', due = $4, not_before = $4 WHERE org = $1 AND sandbox = $2 AND batch_id = $3";
        of_batch(sql, scope, batch).bind(millis(now)).execute(&mut *tx).await.map_err(failed)?;
        change(&mut tx, scope, batch, json!({ "status": "staged" }), now).await?;
        tx.commit().await.map_err(failed)?;
        self.database.announce();
        Ok(())
    }

    /// Ends a batch that nobody works on yet, and has its files removed. It has ended so already: nothing is done.
    pub async fn give_up_batch(&self, scope: &Scope, batch: &str, how: GivenUp, now: Time) -> Result<()> {
        let mut tx = self.database.write().await?;
        let is = status(&mut tx, scope, batch).await?;
        if is == how.status() {
            return Ok(());
        }
        // One that was begun may have been committed: who claims it finds that out.
        let sql = "UPDATE batch_queue SET state = 'done' WHERE org = $1 AND sandbox = $2 AND batch_id = $3 AND task = 'ingest' \
                   AND (state = 'open' OR (state = 'queued' AND attempt = 0))";
        let done = of_batch(sql, scope, batch).execute(&mut *tx).await.map_err(failed)?;
        if done.rows_affected() != 1 {
            return Err(conflict(format!("the batch {batch} is {is}: it cannot become {} any more", how.status()))
                .advice("A batch that has succeeded can be taken back with action=REVERT."));
        }
        let patch = json!({ "status": how.status(), "completed": millis(now) });
        change(&mut tx, scope, batch, patch, now).await?;
        clear(&mut tx, scope, batch).await?;
        tx.commit().await.map_err(failed)
    }

    /// Puts the removal of what a batch has stored into the queue. It is removed, or about to be: nothing is done.
    pub async fn revert_batch(&self, scope: &Scope, batch: &str, dataset: &str, now: Time) -> Result<()> {
        let mut tx = self.database.write().await?;
        sandboxes::open(&mut tx, scope).await?;
        let is = status(&mut tx, scope, batch).await?;
        match is.as_str() {
            "inactive" | "deleted" => return Ok(()),
            "success" => {}
            _ => return Err(conflict(format!("the batch {batch} is {is}; only one that succeeded can be reverted"))),
        }
        let sql = "UPDATE batch_queue SET task = 'revert', state = 'queued', due = $4, not_before = $4, attempt = 0, epochs = '[]', plan = NULL \
                   WHERE org = $1 AND sandbox = $2 AND batch_id = $3 AND state = 'done'";
        let done = of_batch(sql, scope, batch).bind(millis(now)).execute(&mut *tx).await.map_err(failed)?;
        if done.rows_affected() == 0 {
            // A flow has made it.
            insert(&mut tx, scope, batch, dataset, "revert", "queued", now).await?;
        }
        change(&mut tx, scope, batch, json!({ "status": "inactive" }), now).await?;
        tx.commit().await.map_err(failed)?;
        self.database.announce();
        Ok(())
    }

    /// Gives up the batches that take files and got none since `before`. Answers how many.
    pub async fn abandon_batches(&self, before: Time, now: Time) -> Result<u64> {
        let sql = "SELECT org, sandbox, sandbox_name, batch_id FROM batch_queue WHERE state = 'open' AND touched < $1 LIMIT 1000";
        let query = sqlx::query(sql).bind(millis(before));
        let rows = query.fetch_all(&self.database.readers).await.map_err(failed)?;
        let mut count = 0;
        for row in rows {
            let text = |at: usize| row.try_get::<String, _>(at).map_err(failed);
            let scope = Scope { org: text(0)?, sandbox: text(1)?, sandbox_name: text(2)? };
            match self.give_up_batch(&scope, &text(3)?, GivenUp::Abandoned, now).await {
                Ok(()) => count += 1,
                // Its client was faster.
                Err(error) if matches!(error.kind, Kind::Conflict | Kind::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(count)
    }

    /// Whether something in the staging area of a sandbox may still be wanted for a batch.
    pub async fn batch_is_live(&self, sandbox: &str, batch: &str) -> Result<bool> {
        let sql = "SELECT batch_id FROM batch_queue WHERE sandbox = $1 AND batch_id = $2 AND state <> 'done' LIMIT 1";
        let query = sqlx::query(sql).bind(sandbox).bind(batch);
        Ok(query.fetch_optional(&self.database.readers).await.map_err(failed)?.is_some())
    }
}

fn conflict(message: String) -> Error {
    Error::new(Kind::Conflict, &code::HTTP_409, message)
}

fn not_begun(path: &str) -> Error {
    conflict(format!("no upload of {path} in ranges was begun")).advice("Begin it with action=initialize on the file.")
}

/// A statement whose first three parameters name a batch.
pub(crate) fn of_batch<'q>(
    sql: &'static str,
    scope: &Scope,
    batch: &str,
) -> sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments> {
    sqlx::query(sql).bind(scope.org.clone()).bind(scope.sandbox.clone()).bind(batch.to_string())
}

fn of_path<'q>(
    sql: &'static str,
    scope: &Scope,
    batch: &str,
    path: &str,
) -> sqlx::query::Query<'q, sqlx::Any, sqlx::any::AnyArguments> {
    of_batch(sql, scope, batch).bind(path.to_string())
}

fn number(n: u64) -> Result<i64> {
    i64::try_from(n)
        .map_err(|_| Error::new(Kind::TooLarge, &code::HTTP_413, format!("{n} is more bytes than a batch can have")))
}

fn count(row: &AnyRow, at: usize) -> Result<u64> {
    Ok(row.try_get::<i64, _>(at).map_err(failed)?.unsigned_abs())
}

async fn insert(
    connection: &mut AnyConnection,
    scope: &Scope,
    batch: &str,
    dataset: &str,
    task: &str,
    state: &str,
    now: Time,
) -> Result<()> {
    let sql = "INSERT INTO batch_queue (org, sandbox, batch_id, sandbox_name, dataset_id, task, state, touched, due, not_before, worker, \
               lease_until, epoch, epochs, attempt) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $8, '', 0, 0, '[]', 0)";
    let query = of_batch(sql, scope, batch).bind(&scope.sandbox_name).bind(dataset).bind(task).bind(state);
    query.bind(millis(now)).execute(connection).await.map_err(failed)?;
    Ok(())
}

/// What the batch's document says of it; NotFound if there is none.
async fn status(connection: &mut AnyConnection, scope: &Scope, batch: &str) -> Result<String> {
    let stored = rows::load(connection, scope, Resource::Batch, batch).await?;
    Ok(stored.document.text("/status").unwrap_or_default().to_string())
}

async fn open(connection: &mut AnyConnection, scope: &Scope, batch: &str) -> Result<()> {
    let is = status(&mut *connection, scope, batch).await?;
    let sql = "SELECT state FROM batch_queue WHERE org = $1 AND sandbox = $2 AND batch_id = $3";
    let row = of_batch(sql, scope, batch).fetch_optional(connection).await.map_err(failed)?;
    let state = row.map(|row| row.try_get::<String, _>(0).map_err(failed)).transpose()?;
    match state.as_deref() {
        Some("open") => Ok(()),
        Some(_) => Err(conflict(format!("the batch {batch} is {is}: it takes no files and cannot be completed"))
            .advice("Create another batch.")),
        None => Err(conflict(format!("the batch {batch} was made by a flow: it takes no files"))),
    }
}

/// The file, while it comes in ranges.
async fn begun(connection: &mut AnyConnection, scope: &Scope, batch: &str, path: &str) -> Result<Upload> {
    match upload(connection, scope, batch, path).await? {
        Some(upload) if !upload.whole => Ok(upload),
        Some(_) => Err(conflict(format!("{path} is complete"))
            .advice("Begin it anew with action=initialize on the file, or put it as a whole.")),
        None => Err(not_begun(path)),
    }
}

async fn upload(connection: &mut AnyConnection, scope: &Scope, batch: &str, path: &str) -> Result<Option<Upload>> {
    let sql = "SELECT whole, total, stored FROM batch_uploads WHERE org = $1 AND sandbox = $2 AND batch_id = $3 AND path = $4";
    let row = of_path(sql, scope, batch, path).fetch_optional(&mut *connection).await.map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    let sql = "SELECT start_at, size, location FROM batch_pieces WHERE org = $1 AND sandbox = $2 AND batch_id = $3 AND path = $4 ORDER BY start_at";
    let mut pieces = Vec::new();
    for row in of_path(sql, scope, batch, path).fetch_all(connection).await.map_err(failed)? {
        pieces.push(piece(&row, 0)?);
    }
    let total: Option<i64> = row.try_get(1).map_err(failed)?;
    Ok(Some(Upload {
        path: path.to_string(),
        whole: count(&row, 0)? == 1,
        total: total.map(i64::unsigned_abs),
        stored: time(row.try_get(2).map_err(failed)?)?,
        pieces,
    }))
}

fn piece(row: &AnyRow, at: usize) -> Result<Piece> {
    Ok(Piece { start: count(row, at)?, size: count(row, at + 1)?, location: row.try_get(at + 2).map_err(failed)? })
}

async fn uploads(connection: &mut AnyConnection, scope: &Scope, batch: &str) -> Result<Vec<Upload>> {
    let sql = "SELECT path, whole, total, stored FROM batch_uploads WHERE org = $1 AND sandbox = $2 AND batch_id = $3 ORDER BY path";
    let mut found = Vec::new();
    for row in of_batch(sql, scope, batch).fetch_all(&mut *connection).await.map_err(failed)? {
        let total: Option<i64> = row.try_get(2).map_err(failed)?;
        found.push(Upload {
            path: row.try_get(0).map_err(failed)?,
            whole: count(&row, 1)? == 1,
            total: total.map(i64::unsigned_abs),
            stored: time(row.try_get(3).map_err(failed)?)?,
            pieces: Vec::new(),
        });
    }
    let sql = "SELECT path, start_at, size, location FROM batch_pieces WHERE org = $1 AND sandbox = $2 AND batch_id = $3 ORDER BY path, start_at";
    let mut at = 0;
    for row in of_batch(sql, scope, batch).fetch_all(connection).await.map_err(failed)? {
        let path: &str = row.try_get(0).map_err(failed)?;
        while found.get(at).is_some_and(|upload| upload.path != path) {
            at += 1;
        }
        let Some(upload) = found.get_mut(at) else {
            return Err(Error::internal("A piece of a batch is of no file that it has."));
        };
        upload.pieces.push(piece(&row, 1)?);
    }
    Ok(found)
}

/// Refuses what would be too much: one more file or range, of so many bytes.
async fn within(connection: &mut AnyConnection, scope: &Scope, batch: &str, more: u64, limits: &Limits) -> Result<()> {
    let too_large = |message: String| {
        Err(Error::new(Kind::TooLarge, &code::HTTP_413, message).advice("Complete this batch and go on in another."))
    };
    let sql = "SELECT COUNT(*) FROM batch_uploads WHERE org = $1 AND sandbox = $2 AND batch_id = $3";
    let files = count(&of_batch(sql, scope, batch).fetch_one(&mut *connection).await.map_err(failed)?, 0)?;
    if files >= limits.files {
        return too_large(format!("the batch has {files} files; a batch may have {}", limits.files));
    }
    let sql = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM batch_pieces WHERE org = $1 AND sandbox = $2 AND batch_id = $3";
    let bytes = count(&of_batch(sql, scope, batch).fetch_one(connection).await.map_err(failed)?, 0)?;
    if bytes.saturating_add(more) > limits.bytes {
        return too_large(format!(
            "the batch would have {} bytes; a batch may have {}",
            bytes.saturating_add(more),
            limits.bytes
        ));
    }
    Ok(())
}

async fn insert_upload(
    connection: &mut AnyConnection,
    scope: &Scope,
    batch: &str,
    path: &str,
    whole: bool,
    now: Time,
) -> Result<()> {
    let sql = "INSERT INTO batch_uploads (org, sandbox, batch_id, path, whole, stored) VALUES ($1, $2, $3, $4, $5, $6)";
    let query = of_path(sql, scope, batch, path).bind(i64::from(whole)).bind(millis(now));
    query.execute(connection).await.map_err(failed)?;
    Ok(())
}

async fn insert_piece(
    connection: &mut AnyConnection,
    scope: &Scope,
    batch: &str,
    path: &str,
    piece: &Piece,
) -> Result<()> {
    let sql = "INSERT INTO batch_pieces (org, sandbox, batch_id, path, start_at, size, location) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let query = of_path(sql, scope, batch, path).bind(number(piece.start)?).bind(number(piece.size)?);
    query.bind(&piece.location).execute(connection).await.map_err(failed)?;
    Ok(())
}

async fn forget_upload(connection: &mut AnyConnection, scope: &Scope, batch: &str, path: &str) -> Result<()> {
    for sql in [
        "DELETE FROM batch_uploads WHERE org = $1 AND sandbox = $2 AND batch_id = $3 AND path = $4",
        "DELETE FROM batch_pieces WHERE org = $1 AND sandbox = $2 AND batch_id = $3 AND path = $4",
    ] {
        of_path(sql, scope, batch, path).execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}

async fn touch(connection: &mut AnyConnection, scope: &Scope, batch: &str, now: Time) -> Result<()> {
    let sql = "UPDATE batch_queue SET touched = $4 WHERE org = $1 AND sandbox = $2 AND batch_id = $3";
    of_batch(sql, scope, batch).bind(millis(now)).execute(connection).await.map_err(failed)?;
    Ok(())
}

/// The batch's files are of no use any more.
pub(crate) async fn clear(connection: &mut AnyConnection, scope: &Scope, batch: &str) -> Result<()> {
    for sql in [
        "DELETE FROM batch_uploads WHERE org = $1 AND sandbox = $2 AND batch_id = $3",
        "DELETE FROM batch_pieces WHERE org = $1 AND sandbox = $2 AND batch_id = $3",
    ] {
        of_batch(sql, scope, batch).execute(&mut *connection).await.map_err(failed)?;
    }
    insert_cleanup(connection, &staging_folder(scope, batch)).await
}

/// Merges a patch into the batch's document, and tells its version and time.
pub(crate) async fn change(
    connection: &mut AnyConnection,
    scope: &Scope,
    batch: &str,
    patch: Value,
    now: Time,
) -> Result<Document> {
    let Some(stored) = rows::find(&mut *connection, scope, Resource::Batch, batch).await? else {
        return Err(not_found(Resource::Batch, batch));
    };
    let mut body = stored.document.body.clone();
    patch::merge(&mut body, &patch);
    body["updated"] = json!(millis(now));
    body["version"] = json!(format!("1.0.{}", stored.version));
    let stored = rows::renewed(stored, body, now)?;
    rows::replace(connection, scope, &stored).await?;
    Ok(stored.document)
}
