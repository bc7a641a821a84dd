//! Storing, reading, changing and deleting one document.

use crate::database::{failed, millis};
use crate::known::{Answer, Question};
use crate::rows::{self, COLUMNS, Place};
use crate::{Store, changes, deliveries, sandboxes, schedules, seal};
use forebay_model::document::{bare_etag, etag_matches};
use forebay_model::{Document, Error, Kind, Resource, Result, Scope, Time, code};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;

/// Sealed fields by JSON pointer, such as `/auth/params/s3SecretKey`.
pub type Secrets = BTreeMap<String, SecretString>;

/// A document to be stored.
#[derive(Debug)]
pub struct New {
    /// Its kind.
    pub resource: Resource,
    /// Its id, unique in its scope and kind.
    pub id: String,
    /// What the API shows; an object. No secret in it.
    pub body: Value,
    /// Its sealed fields.
    pub secrets: Secrets,
    /// Keep `id`, `createdAt`, `updatedAt`, `version` and `etag` in the body (Flow Service resources).
    pub stamp: bool,
}

#[allow(clippy::self_named_constructors)]
impl New {
    /// A stamped document without secrets.
    pub fn new(resource: Resource, id: impl Into<String>, body: Value) -> New {
        New { resource, id: id.into(), body, secrets: Secrets::new(), stamp: true }
    }

    /// With sealed fields.
    pub fn secrets(mut self, secrets: Secrets) -> New {
        self.secrets = secrets;
        self
    }

    /// With a body that has its own ways to say id, version and times.
    pub fn unstamped(mut self) -> New {
        self.stamp = false;
        self
    }
}

impl Store {
    /// Stores a new document. `Conflict` if it exists. A flow's schedule is stored with it.
    pub async fn insert(&self, scope: &Scope, new: New, now: Time) -> Result<Document> {
        let mut stored = rows::first(new.resource, &new.id, new.body, new.stamp, now)?;
        stored.sealed = seal::seal(&self.database.keys, &Place::new(scope, new.resource, &new.id), &new.secrets)?;
        let mut tx = self.database.write_of(scope, new.resource, &new.id).await?;
        sandboxes::open(&mut tx, scope).await?;
        if new.resource == Resource::Client {
            let sql = "SELECT id FROM documents WHERE resource = $1 AND id = $2";
            let taken = sqlx::query(sql)
                .bind(new.resource.name())
                .bind(&new.id)
                .fetch_optional(&mut *tx)
                .await
                .map_err(failed)?;
            if taken.is_some() {
                return Err(rows::exists(new.resource, &new.id));
            }
        }
        rows::insert(&mut tx, scope, &stored).await?;
        if new.resource == Resource::Flow {
            schedules::keep(&mut tx, scope, &stored.document, now).await?;
        }
        tx.commit().await.map_err(failed)?;
        self.announce(scope, new.resource);
        Ok(stored.document)
    }

    /// The document, or FLOW-1439-404.
    pub async fn get(&self, scope: &Scope, resource: Resource, id: &str) -> Result<Document> {
        let mut reader = self.database.readers.acquire().await.map_err(failed)?;
        Ok(rows::load(&mut reader, scope, resource, id).await?.document)
    }

    /// The opened sealed fields.
    pub async fn secrets(&self, scope: &Scope, resource: Resource, id: &str) -> Result<Secrets> {
        let mut reader = self.database.readers.acquire().await.map_err(failed)?;
        let stored = rows::load(&mut reader, scope, resource, id).await?;
        self.opened(scope, &stored)
    }

    fn opened(&self, scope: &Scope, stored: &rows::Stored) -> Result<Secrets> {
        let document = &stored.document;
        match &stored.sealed {
            None => Ok(Secrets::new()),
            Some(sealed) => {
                seal::open(&self.database.keys, &Place::new(scope, document.resource, &document.id), sealed)
            }
        }
    }

    /// Changes a document in one transaction, if `if_match` (when given) names its etag (FS-ETAG-3, FS-ETAG-4). `change`
    /// gets the document as it is now and its secrets, and answers both as they shall be. The etag is new afterwards.
    pub async fn update(
        &self,
        scope: &Scope,
        resource: Resource,
        id: &str,
        if_match: Option<&str>,
        now: Time,
        change: impl FnOnce(&Document, &Secrets) -> Result<(Value, Secrets)> + Send,
    ) -> Result<Document> {
        let mut tx = self.database.write_of(scope, resource, id).await?;
        sandboxes::open(&mut tx, scope).await?;
        let stored = rows::load(&mut tx, scope, resource, id).await?;
        check_etag(if_match, &stored.document)?;
        let secrets = self.opened(scope, &stored)?;
        let (body, new) = change(&stored.document, &secrets)?;
        let mut stored = rows::renewed(stored, body, now)?;
        stored.resealed = changed(&secrets, &new);
        let secrets = new;
        stored.sealed = seal::seal(&self.database.keys, &Place::new(scope, resource, id), &secrets)?;
        rows::replace(&mut tx, scope, &stored).await?;
        if resource == Resource::Flow {
            schedules::keep(&mut tx, scope, &stored.document, now).await?;
        }
        tx.commit().await.map_err(failed)?;
        self.announce(scope, resource);
        Ok(stored.document)
    }

    /// Replaces some of a document's sealed fields, by their pointers, and leaves all else as it is, the etag too: what the
    /// API shows has not changed.
    pub async fn reseal(&self, scope: &Scope, resource: Resource, id: &str, renewed: &Secrets) -> Result<()> {
        let mut tx = self.database.write_of(scope, resource, id).await?;
        let stored = rows::load(&mut tx, scope, resource, id).await?;
        let mut secrets = self.opened(scope, &stored)?;
        secrets.extend(renewed.iter().map(|(pointer, secret)| (pointer.clone(), secret.clone())));
        let sealed = seal::seal(&self.database.keys, &Place::new(scope, resource, id), &secrets)?;
        let sql = "UPDATE documents SET sealed = $5 WHERE org = $1 AND sandbox = $2 AND resource = $3 AND id = $4";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(resource.name()).bind(id).bind(sealed);
        query.execute(&mut *tx).await.map_err(failed)?;
        tx.commit().await.map_err(failed)
    }

    /// Deletes a document. A flow's waiting runs fail, and it is never claimed again; its folders in the lake and a
    /// dataset's become cleanups.
    pub async fn delete(
        &self,
        scope: &Scope,
        resource: Resource,
        id: &str,
        if_match: Option<&str>,
        now: Time,
    ) -> Result<()> {
        let mut tx = self.database.write_of(scope, resource, id).await?;
        let stored = rows::load(&mut tx, scope, resource, id).await?;
        check_etag(if_match, &stored.document)?;
        let sql = "DELETE FROM documents WHERE org = $1 AND sandbox = $2 AND resource = $3 AND id = $4";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(resource.name()).bind(id);
        query.execute(&mut *tx).await.map_err(failed)?;
        rows::note(&mut tx, scope, &stored, ["Delete", "deleted"], millis(now)).await?;
        match resource {
            Resource::Flow => {
                schedules::forget(&mut tx, scope, id, now).await?;
                for folder in ["raw", "ledgers"] {
                    let folder = format!("{folder}/{}/{id}", scope.sandbox);
                    crate::leases::insert_cleanup(&mut tx, &folder).await?;
                }
            }
            Resource::Webhook => deliveries::forget(&mut tx, scope, id).await?,
            Resource::Dataset => crate::leases::insert_cleanup(&mut tx, &table_folder(scope, id)).await?,
            _ => {}
        }
        tx.commit().await.map_err(failed)?;
        self.announce(scope, resource);
        Ok(())
    }

    fn announce(&self, scope: &Scope, resource: Resource) {
        if scope.sandbox.is_empty() {
            self.database.known.forget();
        }
        if resource == Resource::Flow {
            self.database.announce();
        }
    }

    /// Empties a sandbox: its documents, schedules, runs and cursors are gone, its folders in the lake become cleanups.
    pub async fn reset(&self, scope: &Scope) -> Result<()> {
        self.empty(scope, None).await
    }

    /// The same; if the sandbox was seen, then only while it is as it was.
    pub(crate) async fn empty(&self, scope: &Scope, seen: Option<&Document>) -> Result<()> {
        if scope.sandbox.is_empty() {
            return Err(Error::internal("An organization cannot be reset, only a sandbox."));
        }
        let mut tx = self.database.write().await?;
        if let Some(seen) = seen
            && !sandboxes::unchanged(&mut tx, &scope.org, seen).await?
        {
            return Ok(());
        }
        let sql = "DELETE FROM documents WHERE org = $1 AND sandbox = $2";
        sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).execute(&mut *tx).await.map_err(failed)?;
        sandboxes::stop(&mut tx, &scope.org, &scope.sandbox).await?;
        changes::note_emptied(&mut tx, scope).await?;
        for folder in sandboxes::FOLDERS {
            crate::leases::insert_cleanup(&mut tx, &format!("{folder}/{}", scope.sandbox)).await?;
        }
        tx.commit().await.map_err(failed)?;
        self.database.announce();
        Ok(())
    }

    /// The API client of that id, in whatever organization: only the token endpoint may ask so.
    pub async fn client(&self, client_id: &str) -> Result<Option<(Scope, Document)>> {
        if client_id.contains('\0') {
            return Ok(None);
        }
        let question = Question::Client(client_id.to_string());
        let (since, changes) = match self.database.known.ask(&question) {
            Ok(Answer::Client(scope, client)) => return Ok(Some((scope, client))),
            Ok(_) => return Err(Error::internal("A client is known as something else.")),
            Err(changes) => (Instant::now(), changes),
        };
        let sql = format!("SELECT {COLUMNS}, org FROM documents WHERE resource = $1 AND id = $2");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(Resource::Client.name()).bind(client_id);
        let Some(row) = query.fetch_optional(&self.database.readers).await.map_err(failed)? else {
            return Ok(None);
        };
        let org: &str = row.try_get(5).map_err(failed)?;
        let (scope, client) = (Scope::organization(org), rows::document(Resource::Client, &row)?);
        self.database.known.keep(question, changes, since, Answer::Client(scope.clone(), client.clone()));
        Ok(Some((scope, client)))
    }

    /// The scope of an organization's sandbox, by name; none if there is no such sandbox, or it is not active.
    pub async fn sandbox(&self, org: &str, name: &str) -> Result<Option<Scope>> {
        if org.contains('\0') || name.contains('\0') {
            return Ok(None);
        }
        let question = Question::Sandbox(org.to_string(), name.to_string());
        let (since, changes) = match self.database.known.ask(&question) {
            Ok(Answer::Sandbox(scope)) => return Ok(Some(scope)),
            Ok(_) => return Err(Error::internal("A sandbox is known as something else.")),
            Err(changes) => (Instant::now(), changes),
        };
        let sql = format!(
            "SELECT {COLUMNS} FROM documents WHERE org = $1 AND sandbox = '' AND resource = $2 AND name = $3 AND state = 'active'"
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(org).bind(Resource::Sandbox.name()).bind(name);
        let Some(row) = query.fetch_optional(&self.database.readers).await.map_err(failed)? else {
            return Ok(None);
        };
        let document = rows::document(Resource::Sandbox, &row)?;
        let sandbox = document.text("/id").unwrap_or(&document.id).to_string();
        let scope = Scope { org: org.to_string(), sandbox, sandbox_name: name.to_string() };
        self.database.known.keep(question, changes, since, Answer::Sandbox(scope.clone()));
        Ok(Some(scope))
    }
}

/// Pointers of the sealed fields that are other than before, came or went.
fn changed(before: &Secrets, after: &Secrets) -> Vec<String> {
    let same = |pointer: &String| match (before.get(pointer), after.get(pointer)) {
        (Some(old), Some(new)) => old.expose_secret() == new.expose_secret(),
        (old, new) => old.is_none() && new.is_none(),
    };
    let all: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    all.into_iter().filter(|pointer| !same(pointer)).cloned().collect()
}

/// Where a dataset's table lies in the lake.
fn table_folder(scope: &Scope, dataset: &str) -> String {
    format!("tables/{}/{dataset}", scope.sandbox)
}

pub(crate) fn check_etag(if_match: Option<&str>, document: &Document) -> Result<()> {
    let Some(sent) = if_match else { return Ok(()) };
    if etag_matches(sent, &document.etag) {
        return Ok(());
    }
    // FS-ERR-2 has this text.
    let (sent, current) = (bare_etag(sent), bare_etag(&document.etag));
    let message = format!("Supplied version=[\"{sent}\"] does not match the current version on entity=[\"{current}\"]");
    Err(Error::new(Kind::Stale, &code::FLOW_1404, message)
        .advice("Read the entity again and send its etag in If-Match."))
}
