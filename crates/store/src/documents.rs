//! Documents.
use crate::{Store, unfinished};
use forebay_model::filter::{Query, SortKey};
use forebay_model::{Document, Resource, Result, Scope, Time};
use secrecy::SecretString;
use serde_json::Value;
use std::collections::BTreeMap;

/// Sealed fields by JSON pointer, such as `/auth/params/s3SecretKey`.
pub type Secrets = BTreeMap<String, SecretString>;

/// A document to be stored.
pub struct New {
    /// Its kind.
    pub resource: Resource,
    /// Its id.
    pub id: String,
    /// What the API shows.
    pub body: Value,
    /// Its sealed fields.
    pub secrets: Secrets,
    /// Writes `id`, `createdAt`, `updatedAt`, `version` and `etag` into the body (Flow Service resources).
    pub stamp: bool,
}

impl New {
    /// A stamped document without secrets.
    pub fn new(resource: Resource, id: impl Into<String>, body: Value) -> New {
        New { resource, id: id.into(), body, secrets: Secrets::new(), stamp: true }
    }
}

/// Which documents to list.
#[derive(Debug, Clone)]
pub struct List {
    /// Filter and projection.
    pub query: Query,
    /// Empty: newest first.
    pub order: Vec<SortKey>,
    /// At most this many.
    pub limit: usize,
    /// The token of the page before. What it carries (query, order, limit) wins over the rest of this list.
    pub after: Option<String>,
}

/// One page of a list.
#[derive(Debug)]
pub struct Page {
    /// The documents, whole: project them with `query`.
    pub documents: Vec<Document>,
    /// The token of the next page, if there is more: base64url without `=`.
    pub next: Option<String>,
    /// The query that was answered; on later pages it comes from the token (FS-ENV-3).
    pub query: Query,
}

impl Store {
    /// Stores a new document.
    pub async fn insert(&self, _scope: &Scope, _new: New, _now: Time) -> Result<Document> {
        Err(unfinished())
    }
    /// The document, or FLOW-1439-404.
    pub async fn get(&self, _scope: &Scope, _resource: Resource, _id: &str) -> Result<Document> {
        Err(unfinished())
    }
    /// One page of documents.
    pub async fn list(&self, _scope: &Scope, _resource: Resource, _list: &List) -> Result<Page> {
        Err(unfinished())
    }
    /// How many documents match.
    pub async fn count(&self, _scope: &Scope, _resource: Resource, _query: &Query) -> Result<u64> {
        Err(unfinished())
    }
    /// Changes a document in one transaction, if `if_match` (when given) is its etag (FS-ETAG-3, FS-ETAG-4).
    pub async fn update(
        &self,
        _scope: &Scope,
        _resource: Resource,
        _id: &str,
        _if_match: Option<&str>,
        _now: Time,
        _change: impl FnOnce(&Document, &Secrets) -> Result<(Value, Secrets)> + Send,
    ) -> Result<Document> {
        Err(unfinished())
    }
    /// Deletes a document.
    pub async fn delete(&self, _scope: &Scope, _resource: Resource, _id: &str, _if_match: Option<&str>, _now: Time) -> Result<()> {
        Err(unfinished())
    }
    /// The opened sealed fields.
    pub async fn secrets(&self, _scope: &Scope, _resource: Resource, _id: &str) -> Result<Secrets> {
        Err(unfinished())
    }
    /// The API client of that id, in whatever organization.
    pub async fn client(&self, _client_id: &str) -> Result<Option<(Scope, Document)>> {
        Err(unfinished())
    }
    /// The scope of an organization's sandbox.
    pub async fn sandbox(&self, _org: &str, _name: &str) -> Result<Option<Scope>> {
        Err(unfinished())
    }
    /// Empties a sandbox: every document, schedule, run and cursor in it; its datasets' folders become cleanups.
    pub async fn reset(&self, _scope: &Scope, _now: Time) -> Result<()> {
        Err(unfinished())
    }
}
