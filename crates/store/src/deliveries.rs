//! What webhooks are told: a delivery is a document and, until it ends, a row of the queue. Both are made in the transaction
//! that ends a run, so that no end goes untold and none is told that did not happen. A delivery is tried under a lease, one of
//! a webhook at a time; a receiver may get it twice when a deliverer dies between sending and noting, always by one id.

use crate::Store;
use crate::database::{failed, millis};
use crate::rows::{self, COLUMNS};
use chrono::TimeDelta;
use forebay_model::notice;
use forebay_model::run::Status;
use forebay_model::{Document, Error, Resource, Result, Scope, Time, patch};
use serde_json::{Value, json};
use sqlx::{AnyConnection, AssertSqlSafe, Row};
use std::time::Duration;
use uuid::Uuid;

/// Webhooks of a sandbox that are told of a run.
const MAX_WEBHOOKS: i64 = 100;

/// The right to try a delivery until the lease expires.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Whose.
    pub scope: Scope,
    /// Its document; `payload` is what is to be sent.
    pub document: Document,
    /// The webhook's id.
    pub webhook: String,
    holder: String,
}

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is told.
    Delivered,
    /// It is to be tried again.
    Retry(Time),
    /// It will not be told.
    Failed,
}

impl Store {
    /// Puts something into the queue of one webhook: what a test of it sends.
    pub async fn enqueue_delivery(
        &self,
        scope: &Scope,
        webhook: &str,
        event: &str,
        about: &Value,
        now: Time,
    ) -> Result<Document> {
        let mut tx = self.database.write().await?;
        rows::load(&mut tx, scope, Resource::Webhook, webhook).await?;
        let document = enqueue(&mut tx, scope, webhook, event, about, now).await?;
        tx.commit().await.map_err(failed)?;
        self.database.announce();
        Ok(document)
    }

    /// Takes the delivery that has waited longest. None of a webhook of which one is being tried.
    pub async fn claim_delivery(&self, now: Time, lease: Duration) -> Result<Option<Delivery>> {
        const DUE: &str = "FROM delivery_queue q WHERE q.due <= $1 AND q.lease_until <= $1 AND NOT EXISTS (SELECT 1 FROM delivery_queue o \
             WHERE o.org = q.org AND o.sandbox = q.sandbox AND o.webhook = q.webhook AND o.lease_until > $1)";
        let sql = format!("SELECT q.id {DUE} LIMIT 1");
        let due = sqlx::query(AssertSqlSafe(sql)).bind(millis(now)).fetch_optional(&self.database.readers).await;
        if due.map_err(failed)?.is_none() {
            return Ok(None);
        }
        let until = TimeDelta::from_std(lease).ok().and_then(|lease| now.checked_add_signed(lease));
        let until = until.ok_or_else(|| Error::internal("A lease is too long."))?;
        let mut tx = self.database.write().await?;
        let sql = format!(
            "SELECT q.org, q.sandbox, q.sandbox_name, q.id, q.webhook {DUE} ORDER BY q.due, q.org, q.sandbox, q.id LIMIT 1"
        );
        let row = sqlx::query(AssertSqlSafe(sql)).bind(millis(now)).fetch_optional(&mut *tx).await.map_err(failed)?;
        let Some(row) = row else { return Ok(None) };
        let text = |i: usize| row.try_get::<String, _>(i).map_err(failed);
        let scope = Scope { org: text(0)?, sandbox: text(1)?, sandbox_name: text(2)? };
        let (id, webhook) = (text(3)?, text(4)?);
        let document = rows::load(&mut tx, &scope, Resource::Delivery, &id).await?.document;
        let holder = Uuid::new_v4().to_string();
        let sql = "UPDATE delivery_queue SET holder = $4, lease_until = $5 WHERE org = $1 AND sandbox = $2 AND id = $3";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(&id).bind(&holder).bind(millis(until));
        query.execute(&mut *tx).await.map_err(failed)?;
        tx.commit().await.map_err(failed)?;
        Ok(Some(Delivery { scope, document, webhook, holder }))
    }

    /// Notes a try and what came of it. False when the delivery is no longer ours: it was taken over, or its webhook is gone.
    pub async fn note_delivery(
        &self,
        delivery: &Delivery,
        attempt: Value,
        outcome: Outcome,
        now: Time,
    ) -> Result<bool> {
        let Delivery { scope, document, holder, .. } = delivery;
        let mut tx = self.database.write().await?;
        let sql = match outcome {
            Outcome::Retry(_) => {
                "UPDATE delivery_queue SET due = $5, lease_until = 0 WHERE org = $1 AND sandbox = $2 AND id = $3 AND holder = $4"
            }
            _ => "DELETE FROM delivery_queue WHERE org = $1 AND sandbox = $2 AND id = $3 AND holder = $4",
        };
        let mut query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(&document.id).bind(holder);
        if let Outcome::Retry(due) = outcome {
            query = query.bind(millis(due));
        }
        if query.execute(&mut *tx).await.map_err(failed)?.rows_affected() != 1 {
            return Ok(false);
        }
        let stored = rows::load(&mut tx, scope, Resource::Delivery, &document.id).await?;
        let mut body = stored.document.body.clone();
        if let Some(attempts) = body["attempts"].as_array_mut() {
            attempts.push(attempt);
        }
        let (state, next) = match outcome {
            Outcome::Delivered => ("delivered", Value::Null),
            Outcome::Retry(due) => ("pending", json!(millis(due))),
            Outcome::Failed => ("failed", Value::Null),
        };
        patch::merge(&mut body, &json!({ "state": state, "nextAttemptAt": next }));
        let stored = rows::renewed(stored, body, now)?;
        rows::replace(&mut tx, scope, &stored).await?;
        tx.commit().await.map_err(failed)?;
        Ok(true)
    }

    /// When the next delivery is due; it may be past.
    pub async fn next_delivery(&self) -> Result<Option<Time>> {
        let sql = "SELECT MIN(CASE WHEN lease_until > due THEN lease_until ELSE due END) FROM delivery_queue";
        let row = sqlx::query(sql).fetch_one(&self.database.readers).await.map_err(failed)?;
        row.try_get::<Option<i64>, _>(0).map_err(failed)?.map(crate::database::time).transpose()
    }

    /// Forgets deliveries that ended, and were made before `before`; answers how many.
    pub async fn prune_deliveries(&self, before: Time) -> Result<u64> {
        let mut tx = self.database.write().await?;
        let sql = "DELETE FROM documents WHERE resource = $1 AND created_at < $2 AND state <> 'pending'";
        let query = sqlx::query(sql).bind(Resource::Delivery.name()).bind(millis(before));
        let gone = query.execute(&mut *tx).await.map_err(failed)?.rows_affected();
        tx.commit().await.map_err(failed)?;
        Ok(gone)
    }
}

/// Tells the webhooks of a sandbox how a run ended.
pub(crate) async fn tell(
    connection: &mut AnyConnection,
    scope: &Scope,
    run: &Document,
    ended: Status,
    now: Time,
) -> Result<()> {
    let sql = format!(
        "SELECT {COLUMNS} FROM documents WHERE org = $1 AND sandbox = $2 AND resource = $3 AND state = 'enabled' \
         ORDER BY created_at, id LIMIT $4"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(&scope.org).bind(&scope.sandbox).bind(Resource::Webhook.name());
    let flow_id = run.text("/flowId").unwrap_or_default();
    for row in query.bind(MAX_WEBHOOKS).fetch_all(&mut *connection).await.map_err(failed)? {
        let webhook = rows::document(Resource::Webhook, &row)?;
        if let Some(event) = notice::wanted(&webhook.body, ended, flow_id) {
            enqueue(connection, scope, &webhook.id, event, &run.body, now).await?;
        }
    }
    Ok(())
}

/// After a webhook is deleted: there is nobody to tell.
pub(crate) async fn forget(connection: &mut AnyConnection, scope: &Scope, webhook: &str) -> Result<()> {
    let sql = "DELETE FROM delivery_queue WHERE org = $1 AND sandbox = $2 AND webhook = $3";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(webhook);
    query.execute(&mut *connection).await.map_err(failed)?;
    let sql = "DELETE FROM documents WHERE org = $1 AND sandbox = $2 AND resource = $3 AND parent = $4";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(Resource::Delivery.name()).bind(webhook);
    query.execute(connection).await.map_err(failed)?;
    Ok(())
}

async fn enqueue(
    connection: &mut AnyConnection,
    scope: &Scope,
    webhook: &str,
    event: &str,
    about: &Value,
    now: Time,
) -> Result<Document> {
    let id = Uuid::new_v4().to_string();
    let body = json!({
        "webhookId": webhook,
        "event": event,
        "flowId": about["flowId"],
        "runId": about["id"],
        "sandboxId": scope.sandbox,
        "sandboxName": scope.sandbox_name,
        "imsOrgId": scope.org,
        "state": "pending",
        "nextAttemptAt": millis(now),
        "attempts": [],
        "payload": notice::payload(&id, event, &scope.org, about),
    });
    let stored = rows::first(Resource::Delivery, &id, body, true, now)?;
    rows::insert(&mut *connection, scope, &stored).await?;
    let sql = "INSERT INTO delivery_queue (org, sandbox, sandbox_name, id, webhook, due, holder, lease_until) \
               VALUES ($1, $2, $3, $4, $5, $6, '', 0)";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(&scope.sandbox_name).bind(&id);
    query.bind(webhook).bind(millis(now)).execute(connection).await.map_err(failed)?;
    Ok(stored.document)
}
