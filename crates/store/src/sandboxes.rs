//! The life of a sandbox: creating → active, active → resetting → active, active → deleting → deleted.
//!
//! A caller's request closes a sandbox in one transaction: from then on nothing is read or written there, no run begins, and
//! whoever holds one has lost it. [`Store::settle_sandboxes`] does the rest, step by step, each step a transaction of its
//! own that can be done again: it waits until every lost lease has run out, deletes the documents, hands the folders to the
//! lake's keeper, and opens the sandbox (or buries it) when they are gone. What is done stands in the store, so any process
//! can go on after any crash. A deleted sandbox keeps its row: its id is never written to again; its name is free.

use crate::Store;
use crate::database::{failed, millis};
use crate::documents::New;
use crate::rows::{self, COLUMNS};
use forebay_model::{Document, Error, Kind, Resource, Result, Scope, Time, code};
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Row};

/// Documents that one transaction deletes: others may write in between.
const AT_ONCE: i64 = 2_000;
/// Where a sandbox has folders in the lake.
pub(crate) const FOLDERS: &[&str] = &["tables", "batches", "raw", "ledgers", "staging"];
/// Members that only this file reads: when nobody can hold a run any more, and that the documents are gone.
const QUIET: &str = "quietAfter";
const EMPTIED: &str = "emptied";

impl Store {
    /// Stores a new sandbox of an organization. `Conflict` if another one that is not deleted has its name.
    pub async fn create_sandbox(&self, org: &Scope, new: New, now: Time) -> Result<Document> {
        let stored = rows::first(new.resource, &new.id, new.body, new.stamp, now)?;
        let name = stored.document.text("/name").unwrap_or_default().to_string();
        let mut tx = self.database.write().await?;
        let sql = "SELECT id FROM documents WHERE org = $1 AND sandbox = '' AND resource = $2 AND name = $3 AND state <> 'deleted'";
        let query = sqlx::query(sql).bind(&org.org).bind(Resource::Sandbox.name()).bind(&name);
        if query.fetch_optional(&mut *tx).await.map_err(failed)?.is_some() {
            let message = format!("There is a sandbox named {name} already.");
            return Err(Error::new(Kind::Conflict, &code::HTTP_409, message));
        }
        rows::insert(&mut tx, org, &stored).await?;
        tx.commit().await.map_err(failed)?;
        self.database.known.forget();
        Ok(stored.document)
    }

    /// Closes a sandbox, to be reset or deleted: `change` answers its body with the new state. Its schedules and its queue
    /// are gone with it, and with them the claims of those who run something there.
    pub async fn close_sandbox(
        &self,
        org: &Scope,
        id: &str,
        now: Time,
        change: impl FnOnce(&Document) -> Result<Value> + Send,
    ) -> Result<Document> {
        let mut tx = self.database.write().await?;
        let stored = rows::load(&mut tx, org, Resource::Sandbox, id).await?;
        let mut body = change(&stored.document)?;
        let mut quiet = millis(now);
        for queue in ["run_queue", "batch_queue"] {
            let sql =
                format!("SELECT MAX(lease_until) FROM {queue} WHERE org = $1 AND sandbox = $2 AND state = 'running'");
            let query = sqlx::query(AssertSqlSafe(sql)).bind(&org.org).bind(id);
            let held: Option<i64> = query.fetch_one(&mut *tx).await.map_err(failed)?.try_get(0).map_err(failed)?;
            quiet = quiet.max(held.unwrap_or(0));
        }
        body[QUIET] = json!(quiet);
        body[EMPTIED] = json!(false);
        stop(&mut tx, &org.org, id).await?;
        let stored = rows::renewed(stored, body, now)?;
        rows::replace(&mut tx, org, &stored).await?;
        tx.commit().await.map_err(failed)?;
        self.database.known.forget();
        self.database.announce();
        Ok(stored.document)
    }

    /// Does what is to be done now for all sandboxes that are on their way to another state, and answers how many arrived.
    pub async fn settle_sandboxes(&self, now: Time) -> Result<usize> {
        let sql = format!(
            "SELECT {COLUMNS}, org FROM documents WHERE resource = $1 AND sandbox = '' AND state IN ('creating', 'resetting', 'deleting') ORDER BY org, id"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(Resource::Sandbox.name());
        let rows = query.fetch_all(&self.database.readers).await.map_err(failed)?;
        let mut arrived = 0;
        for row in rows {
            let org: String = row.try_get(5).map_err(failed)?;
            let sandbox = rows::document(Resource::Sandbox, &row)?;
            arrived += usize::from(self.settle(&org, &sandbox, now).await?);
        }
        Ok(arrived)
    }

    async fn settle(&self, org: &str, sandbox: &Document, now: Time) -> Result<bool> {
        let next = match sandbox.text("/state") {
            Some("creating") => return self.arrive(org, sandbox, "active", now).await,
            Some("resetting") => "active",
            _ => "deleted",
        };
        if sandbox.body[QUIET].as_i64().is_some_and(|quiet| millis(now) < quiet) {
            return Ok(false);
        }
        let name = sandbox.text("/name").unwrap_or_default().to_string();
        let scope = Scope { org: org.to_string(), sandbox: sandbox.id.clone(), sandbox_name: name };
        if sandbox.body[EMPTIED] != true {
            while self.delete_some(&scope, sandbox).await? {}
            self.empty(&scope, Some(sandbox)).await?;
            self.emptied(org, sandbox).await?;
            return Ok(false);
        }
        for cleanup in self.cleanups().await? {
            if FOLDERS.iter().any(|folder| cleanup.location == format!("{folder}/{}", sandbox.id)) {
                return Ok(false);
            }
        }
        self.arrive(org, sandbox, next, now).await
    }

    /// Deletes some documents of a sandbox; false when there were none, or when another process has taken the sandbox on.
    async fn delete_some(&self, scope: &Scope, seen: &Document) -> Result<bool> {
        let sql = "DELETE FROM documents WHERE org = $1 AND sandbox = $2 AND (resource, id) IN \
                   (SELECT resource, id FROM documents WHERE org = $1 AND sandbox = $2 LIMIT $3)";
        let mut tx = self.database.write().await?;
        if !unchanged(&mut tx, &scope.org, seen).await? {
            return Ok(false);
        }
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(AT_ONCE);
        let done = query.execute(&mut *tx).await.map_err(failed)?.rows_affected();
        tx.commit().await.map_err(failed)?;
        self.database.known.forget();
        Ok(done > 0)
    }

    async fn emptied(&self, org: &str, sandbox: &Document) -> Result<()> {
        self.mark(org, sandbox, |body| body[EMPTIED] = json!(true), sandbox.updated).await
    }

    async fn arrive(&self, org: &str, sandbox: &Document, state: &str, now: Time) -> Result<bool> {
        let change = |body: &mut Value| {
            body["state"] = json!(state);
            if let Some(members) = body.as_object_mut() {
                members.remove(QUIET);
                members.remove(EMPTIED);
            }
        };
        self.mark(org, sandbox, change, now).await?;
        Ok(true)
    }

    /// Changes a sandbox's document, if it is still in the state that it was seen in.
    async fn mark(&self, org: &str, seen: &Document, change: impl FnOnce(&mut Value), now: Time) -> Result<()> {
        let scope = Scope::organization(org);
        let mut tx = self.database.write().await?;
        let stored = rows::load(&mut tx, &scope, Resource::Sandbox, &seen.id).await?;
        if stored.document.etag != seen.etag {
            return Ok(());
        }
        let mut body = stored.document.body.clone();
        change(&mut body);
        rows::replace(&mut tx, &scope, &rows::renewed(stored, body, now)?).await?;
        tx.commit().await.map_err(failed)?;
        self.database.known.forget();
        Ok(())
    }
}

/// Whether a sandbox is still in the state that it was seen in: who was slow must not empty it for its next users.
pub(crate) async fn unchanged(connection: &mut AnyConnection, org: &str, seen: &Document) -> Result<bool> {
    let stored = rows::load(connection, &Scope::organization(org), Resource::Sandbox, &seen.id).await?;
    Ok(stored.document.etag == seen.etag)
}

/// Takes away all that could begin or go on in a sandbox.
pub(crate) async fn stop(connection: &mut AnyConnection, org: &str, sandbox: &str) -> Result<()> {
    for sql in [
        "DELETE FROM schedules WHERE org = $1 AND sandbox = $2",
        "DELETE FROM flow_state WHERE org = $1 AND sandbox = $2",
        "DELETE FROM run_queue WHERE org = $1 AND sandbox = $2",
        "DELETE FROM run_facts WHERE org = $1 AND sandbox = $2",
        "DELETE FROM run_traces WHERE org = $1 AND sandbox = $2",
        "DELETE FROM run_log WHERE org = $1 AND sandbox = $2",
        "DELETE FROM flow_columns WHERE org = $1 AND sandbox = $2",
        "DELETE FROM delivery_queue WHERE org = $1 AND sandbox = $2",
        "DELETE FROM batch_queue WHERE org = $1 AND sandbox = $2",
        "DELETE FROM batch_uploads WHERE org = $1 AND sandbox = $2",
        "DELETE FROM batch_pieces WHERE org = $1 AND sandbox = $2",
        "DELETE FROM history WHERE org = $1 AND sandbox = $2",
    ] {
        sqlx::query(sql).bind(org).bind(sandbox).execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}

/// Refuses a write to a sandbox that has been closed since its caller was let in.
pub(crate) async fn open(connection: &mut AnyConnection, scope: &Scope) -> Result<()> {
    if scope.sandbox.is_empty() {
        return Ok(());
    }
    let sql = "SELECT state FROM documents WHERE org = $1 AND sandbox = '' AND resource = $2 AND id = $3";
    let query = sqlx::query(sql).bind(&scope.org).bind(Resource::Sandbox.name()).bind(&scope.sandbox);
    let Some(row) = query.fetch_optional(connection).await.map_err(failed)? else {
        return Ok(());
    };
    match row.try_get::<Option<String>, _>(0).map_err(failed)?.as_deref() {
        Some("active") => Ok(()),
        _ => Err(closed(&scope.sandbox_name)),
    }
}

/// FLOW-2106.
fn closed(name: &str) -> Error {
    let message = format!("The sandbox {name} is being reset or deleted.");
    Error::new(Kind::NotFound, &code::FLOW_2106, message)
}
