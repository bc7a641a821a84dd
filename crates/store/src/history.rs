//! What callers have changed of the documents that people configure: an entry for each change, in its transaction, with
//! what was before and what is after. Secrets are not in documents; that one has changed is all that is said of it.
//! Changes that no caller asked for (a run's end, upkeep) leave none.

use crate::database::{failed, millis};
use crate::rows::Stored;
use crate::{Store, audit};
use forebay_model::diff::{self, Difference};
use forebay_model::{Document, Error, Resource, Result, Scope, Time};
use serde_json::{Value, json};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};
use uuid::Uuid;

/// What is written with every change and says nothing of it.
const NOISE: &[&str] = &[
    "etag",
    "eTag",
    "createdAt",
    "updatedAt",
    "updatedBy",
    "updatedClient",
    "modifiedBy",
    "modifiedDate",
    "lastOperation",
    "lastRunDetails",
    "inheritedAttributes",
    "providerRefId",
];

/// A change.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// When, in epoch milliseconds.
    pub at: i64,
    /// The account of whoever did it.
    pub account: String,
    /// Their client.
    pub client: String,
    /// The request.
    pub request: String,
    /// What kind of document, as the store names it.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// Its name then.
    pub name: String,
    /// `Create`, `Update`, `Delete`, `Disable` and the like.
    pub action: String,
    /// The etag afterwards.
    pub etag: String,
    /// What is other than before; empty for what is new or gone.
    pub diff: Vec<Difference>,
}

fn is_kept(document: &Document) -> bool {
    match document.resource {
        Resource::Connection
        | Resource::SourceConnection
        | Resource::TargetConnection
        | Resource::Flow
        | Resource::Dataset
        | Resource::Schema => true,
        Resource::MappingSet => !document.id.contains('@'),
        _ => false,
    }
}

/// Notes a change, in the transaction that writes it.
pub(crate) async fn note(
    connection: &mut AnyConnection,
    scope: &Scope,
    stored: &Stored,
    action: &str,
    at: i64,
) -> Result<()> {
    let document = &stored.document;
    if audit::under_way().is_none_or(|entry| entry.account.is_empty()) || !is_kept(document) {
        return Ok(());
    }
    let mut differences = Vec::new();
    if action == "Update" {
        let ids = document.resource == Resource::MappingSet;
        let noise = |path: &[String]| {
            let name = path.last().map_or("", String::as_str);
            // The version of what is stamped is its etag; mappings are numbered anew with each version of their set.
            NOISE.contains(&name) && path.len() == 1
                || name == "version" && (path.len() == 1 && stored.stamped || ids)
                || ids && name == "id"
        };
        differences = diff::between(stored.before.as_ref().unwrap_or(&Value::Null), &document.body, &noise);
        differences.extend(stored.resealed.iter().map(|pointer| Difference {
            path: pointer.clone(),
            before: None,
            after: Some(json!("(secret changed)")),
        }));
        // Without a version before, it is no change of the document (`finish::tell_flow`).
        if differences.is_empty() || stored.before.is_none() {
            return Ok(());
        }
    }
    tell(connection, scope, document, action, at, &differences).await
}

/// Notes what a caller has changed of a document, or of what belongs to it.
pub(crate) async fn tell(
    connection: &mut AnyConnection,
    scope: &Scope,
    document: &Document,
    action: &str,
    at: i64,
    differences: &[Difference],
) -> Result<()> {
    let Some(by) = audit::under_way().filter(|entry| !entry.account.is_empty() && is_kept(document)) else {
        return Ok(());
    };
    let name = ["/name", "/title"].iter().find_map(|at| document.text(at)).map(audit::plain).unwrap_or_default();
    let action = if by.action.is_empty() { action } else { &by.action };
    let sql = "INSERT INTO history (org, sandbox, entry, at, account, client, request, kind, id, name, action, etag, diff) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(Uuid::new_v4().to_string()).bind(at);
    let query = query.bind(audit::plain(&by.account)).bind(audit::plain(&by.client)).bind(&by.request);
    let query = query.bind(document.resource.name()).bind(&document.id).bind(name).bind(action).bind(&document.etag);
    let differences = serde_json::to_string(differences)
        .map_err(|error| Error::internal("A difference is not JSON.").caused_by(error))?;
    query.bind(differences).execute(connection).await.map_err(failed)?;
    Ok(())
}

impl Store {
    /// Changes of some documents before a moment, newest first. Documents are named by kind and id.
    pub async fn history(
        &self,
        scope: &Scope,
        documents: &[(Resource, String)],
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Past>> {
        if documents.is_empty() {
            return Ok(Vec::new());
        }
        let pairs: Vec<String> =
            (0..documents.len()).map(|i| format!("(kind = ${} AND id = ${})", 2 * i + 5, 2 * i + 6)).collect();
        let sql = format!(
            "SELECT at, account, client, request, kind, id, name, action, etag, diff FROM history \
             WHERE org = $1 AND sandbox = $2 AND at < $3 AND ({}) ORDER BY at DESC, entry DESC LIMIT $4",
            pairs.join(" OR ")
        );
        let query = sqlx::query(AssertSqlSafe(sql)).bind(scope.org.clone()).bind(scope.sandbox.clone());
        let mut query = query.bind(before.unwrap_or(i64::MAX)).bind(limit);
        for (resource, id) in documents {
            query = query.bind(resource.name()).bind(id.replace('\0', ""));
        }
        query.fetch_all(&self.database.readers).await.map_err(failed)?.iter().map(past).collect()
    }

    /// Removes what is older than `before`, and answers how many entries that were.
    pub async fn history_expire(&self, before: Time) -> Result<u64> {
        let mut tx = self.database.write_on(crate::database::key(&["history"])).await?;
        let query = sqlx::query("DELETE FROM history WHERE at < $1").bind(millis(before));
        let removed = query.execute(&mut *tx).await.map_err(failed)?.rows_affected();
        tx.commit().await.map_err(failed)?;
        Ok(removed)
    }
}

fn past(row: &AnyRow) -> Result<Past> {
    let text = |i: usize| row.try_get::<String, _>(i).map_err(failed);
    Ok(Past {
        at: row.try_get(0).map_err(failed)?,
        account: text(1)?,
        client: text(2)?,
        request: text(3)?,
        kind: text(4)?,
        id: text(5)?,
        name: text(6)?,
        action: text(7)?,
        etag: text(8)?,
        diff: serde_json::from_str(&text(9)?)
            .map_err(|error| Error::internal("A stored difference is not JSON.").caused_by(error))?,
    })
}
