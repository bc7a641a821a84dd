//! The audit trail: who did what, when, to which document, and what became of it.
//!
//! A request runs inside [`follow`]. The first document that it writes notes the entry, in the transaction of that write:
//! there is no change without its entry, and no entry of a change that was rolled back. What changed nothing (a refusal, a
//! failure) is noted at the end by [`Store::audit_failure`]. What no request asked for (workers, upkeep) leaves no entry, nor
//! do the files that come into an open batch: they are no documents, and nobody reads them before the batch is completed,
//! which is noted.
//! Entries are added only, and chained: each hash covers the entry and the hash before it, under a key of this database, so
//! that an entry that was changed, taken out or put in by other means shows. An entry has no body and no secret in it.

use crate::Store;
use crate::database::{failed, millis};
use crate::keys::Key;
use forebay_model::{Document, Error, Result, Time};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// Characters of a text that a caller makes.
const LONGEST: usize = 255;
/// Refusals of callers that nobody vouches for, a minute, over all organizations: more are only logged.
const STRANGERS: u32 = 60;
/// Entries that a list reaches back.
pub const REACH: i64 = 10_000;

tokio::task_local! { static TRAIL: Arc<Trail>; }

/// What is known of a request while it is carried out.
pub struct Trail {
    key: Key,
    entry: Mutex<Entry>,
}

impl std::fmt::Debug for Trail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trail")
    }
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// Whose.
    pub org: String,
    /// Its place in the organization's chain, from 1.
    pub seq: i64,
    /// A UUID.
    pub id: String,
    /// When, in epoch milliseconds.
    pub at: i64,
    /// The account of whoever asked; empty for one that nobody vouches for.
    pub account: String,
    /// The client.
    pub client: String,
    /// The sandbox's name.
    pub sandbox: String,
    /// Method and route.
    pub operation: String,
    /// `Create`, `Update`, `Delete` and the like.
    pub action: String,
    /// What kind of document.
    pub kind: String,
    /// Its id.
    pub asset: String,
    /// Its name.
    pub asset_name: String,
    /// `Success`, `Deny` or `Failure`.
    pub status: String,
    /// The code of the failure.
    pub code: String,
    /// The request's id.
    pub request: String,
    /// The right that the operation needs, such as `Dataset write`.
    pub needed: String,
    /// Covers all of this and the hash before it.
    pub hash: String,
}

/// Which entries to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// No earlier, in epoch milliseconds.
    pub since: Option<i64>,
    /// Earlier than that.
    pub until: Option<i64>,
    /// Columns and the texts they may have, in any case. Columns that the table lacks are refused.
    pub equal: Vec<(&'static str, Vec<String>)>,
    /// None after this one of the chain: what keeps the pages of a list together while entries are added.
    pub upto: i64,
    /// Entries to skip.
    pub start: i64,
    /// Entries of the page.
    pub limit: i64,
}

/// Columns that a list may be narrowed by.
const COLUMNS: &[&str] =
    &["account", "client", "sandbox", "operation", "action", "kind", "asset", "status", "code", "request", "id"];

/// Carries a request out on its trail.
pub async fn follow<F: Future>(trail: Arc<Trail>, request: F) -> F::Output {
    TRAIL.scope(trail, request).await
}

/// Adds to what is known of the request under way; outside of one, nothing.
pub fn tell(change: impl FnOnce(&mut Entry)) {
    let _ = TRAIL.try_with(|trail| change(&mut trail.entry()));
}

impl Trail {
    /// What is known so far.
    pub fn entry(&self) -> MutexGuard<'_, Entry> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of the request under way; none outside of one.
pub(crate) fn under_way() -> Option<Entry> {
    TRAIL.try_with(|trail| trail.entry().clone()).ok()
}

/// Notes that a document is written, in the transaction that writes it. One request leaves one entry: that of its first
/// document.
pub(crate) async fn note(connection: &mut AnyConnection, document: &Document, action: &str) -> Result<()> {
    let Ok(trail) = TRAIL.try_with(Arc::clone) else {
        return Ok(());
    };
    let (entry, again) = {
        let mut entry = trail.entry();
        if entry.org.is_empty() {
            return Ok(());
        }
        let again = !entry.id.is_empty();
        if !again {
            entry.id = Uuid::new_v4().to_string();
        }
        let mut entry = entry.clone();
        if entry.action.is_empty() {
            entry.action = action.to_string();
        }
        entry.kind = document.resource.name().to_string();
        entry.asset = plain(&document.id);
        entry.asset_name = ["/name", "/title"].iter().find_map(|at| document.text(at)).map(plain).unwrap_or_default();
        entry.status = "Success".to_string();
        (entry, again)
    };
    // A second document of the request, or a second try after the first was rolled back.
    if again {
        let noted = sqlx::query("SELECT id FROM audit WHERE id = $1").bind(&entry.id);
        if noted.fetch_optional(&mut *connection).await.map_err(failed)?.is_some() {
            return Ok(());
        }
    }
    add(connection, &trail.key, entry).await
}

/// Adds an entry to its organization's chain.
async fn add(connection: &mut AnyConnection, key: &Key, mut entry: Entry) -> Result<()> {
    let head = match next(connection, &entry.org).await? {
        Some(head) => head,
        None => {
            let sql = "INSERT INTO audit_heads (org, seq, hash, base_seq, base_hash, base_seal) VALUES ($1, 0, '', 0, '', $2) ON CONFLICT (org) DO NOTHING";
            let seal = base_seal(key, &entry.org, 0, "");
            sqlx::query(sql).bind(&entry.org).bind(seal).execute(&mut *connection).await.map_err(failed)?;
            let head = next(connection, &entry.org).await?;
            head.ok_or_else(|| Error::internal("The audit trail has no head."))?
        }
    };
    entry.seq = head.try_get(0).map_err(failed)?;
    let before: String = head.try_get(1).map_err(failed)?;
    entry.hash = hash(key, &entry, &before);
    let sql = "INSERT INTO audit (org, seq, id, at, account, client, sandbox, operation, action, kind, asset, asset_name, status, code, request, needed, hash) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
    let query = sqlx::query(sql).bind(&entry.org).bind(entry.seq).bind(&entry.id).bind(entry.at);
    let query = query.bind(&entry.account).bind(&entry.client).bind(&entry.sandbox).bind(&entry.operation);
    let query = query.bind(&entry.action).bind(&entry.kind).bind(&entry.asset).bind(&entry.asset_name);
    let query = query.bind(&entry.status).bind(&entry.code).bind(&entry.request).bind(&entry.needed).bind(&entry.hash);
    query.execute(&mut *connection).await.map_err(failed)?;
    let sql = "UPDATE audit_heads SET hash = $2 WHERE org = $1";
    sqlx::query(sql).bind(&entry.org).bind(&entry.hash).execute(connection).await.map_err(failed)?;
    Ok(())
}

/// Takes the next place of an organization's chain, and tells the hash before it; none if the chain has not begun.
async fn next(connection: &mut AnyConnection, org: &str) -> Result<Option<AnyRow>> {
    let sql = "UPDATE audit_heads SET seq = seq + 1 WHERE org = $1 RETURNING seq, hash";
    sqlx::query(sql).bind(org).fetch_optional(connection).await.map_err(failed)
}

/// A text of a caller's, fit for a column: short, and without control characters.
pub(crate) fn plain(text: &str) -> String {
    text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn mac(key: &Key, purpose: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_slice()).expect("HMAC takes a key of any length");
    mac.update(purpose.as_bytes());
    mac
}

fn hex(mac: Hmac<Sha256>) -> String {
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hash(key: &Key, entry: &Entry, before: &str) -> String {
    let mut mac = mac(key, "audit entry");
    let numbers = [entry.seq.to_string(), entry.at.to_string()];
    let texts = [
        before,
        &numbers[0],
        &numbers[1],
        &entry.org,
        &entry.id,
        &entry.account,
        &entry.client,
        &entry.sandbox,
        &entry.operation,
        &entry.action,
        &entry.kind,
        &entry.asset,
        &entry.asset_name,
        &entry.status,
        &entry.code,
        &entry.request,
        &entry.needed,
    ];
    for text in texts {
        mac.update(&(text.len() as u64).to_be_bytes());
        mac.update(text.as_bytes());
    }
    hex(mac)
}

fn base_seal(key: &Key, org: &str, seq: i64, hash: &str) -> String {
    let mut mac = mac(key, "audit base");
    mac.update(format!("{seq} {hash} {org}").as_bytes());
    hex(mac)
}

const FIELDS: &str = "org, seq, id, at, account, client, sandbox, operation, action, kind, asset, asset_name, status, code, request, needed, hash";

fn entry(row: &AnyRow) -> Result<Entry> {
    let text = |i: usize| row.try_get::<String, _>(i).map_err(failed);
    Ok(Entry {
        org: text(0)?,
        seq: row.try_get(1).map_err(failed)?,
        id: text(2)?,
        at: row.try_get(3).map_err(failed)?,
        account: text(4)?,
        client: text(5)?,
        sandbox: text(6)?,
        operation: text(7)?,
        action: text(8)?,
        kind: text(9)?,
        asset: text(10)?,
        asset_name: text(11)?,
        status: text(12)?,
        code: text(13)?,
        request: text(14)?,
        needed: text(15)?,
        hash: text(16)?,
    })
}

impl Store {
    /// The trail of a request that begins now.
    pub fn trail(&self, request: &str, now: Time) -> Arc<Trail> {
        let entry = Entry { at: millis(now), request: plain(request), ..Entry::default() };
        Arc::new(Trail { key: self.database.tokens.clone(), entry: Mutex::new(entry) })
    }

    /// Notes a request that was refused or failed. Of callers that nobody vouches for (no account), a few a minute are
    /// noted, if the client that they claim to be is one of ours; false for one that was not.
    pub async fn audit_failure(&self, trail: &Trail, status: &str, code: &str) -> Result<bool> {
        let mut entry = trail.entry().clone();
        if entry.account.is_empty() {
            let claimed = if entry.client.is_empty() { None } else { self.client(&entry.client).await? };
            match claimed {
                Some((scope, _)) if !scope.org.is_empty() => entry.org = scope.org,
                // Who claims to be nobody in particular: the operation may say whose affair it is.
                None if entry.client.is_empty() && !entry.org.is_empty() => {}
                _ => return Ok(false),
            }
            if !self.strangers_allowed(entry.at) {
                return Ok(false);
            }
        }
        entry.id = Uuid::new_v4().to_string();
        entry.status = status.to_string();
        entry.code = plain(code);
        entry.client = plain(&entry.client);
        let mut tx = self.database.write().await?;
        add(&mut tx, &trail.key, entry).await?;
        tx.commit().await.map_err(failed)?;
        Ok(true)
    }

    fn strangers_allowed(&self, at: i64) -> bool {
        let mut seen = self.database.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = at.div_euclid(60_000);
        if seen.0 != minute {
            *seen = (minute, 0);
        }
        seen.1 += 1;
        seen.1 <= STRANGERS
    }

    /// The number of the organization's last entry; 0 for none.
    pub async fn audit_last(&self, org: &str) -> Result<i64> {
        let query = sqlx::query("SELECT seq FROM audit_heads WHERE org = $1").bind(org);
        let row = query.fetch_optional(&self.database.readers).await.map_err(failed)?;
        row.map_or(Ok(0), |row| row.try_get(0).map_err(failed))
    }

    /// Entries, newest first, and how many there are in all, up to [`REACH`].
    pub async fn audit(&self, org: &str, wanted: &Wanted) -> Result<(Vec<Entry>, i64)> {
        let mut condition = String::from("org = $1 AND seq <= $2");
        let mut parameter = 2;
        let mut numbers = Vec::new();
        for (sign, bound) in [(">=", wanted.since), ("<", wanted.until)] {
            if let Some(bound) = bound {
                parameter += 1;
                condition.push_str(&format!(" AND at {sign} ${parameter}"));
                numbers.push(bound);
            }
        }
        let mut texts = Vec::new();
        for (column, values) in &wanted.equal {
            if !COLUMNS.contains(column) {
                return Err(Error::internal("The audit trail has no such column."));
            }
            let mut marks = Vec::new();
            for value in values {
                parameter += 1;
                marks.push(format!("${parameter}"));
                texts.push(value.replace('\0', "").to_ascii_lowercase());
            }
            condition.push_str(&format!(" AND LOWER({column}) IN ({})", marks.join(", ")));
        }
        let count = format!(
            "SELECT COUNT(*) FROM (SELECT seq FROM audit WHERE {condition} ORDER BY seq DESC LIMIT {REACH}) AS found"
        );
        let (start, limit) = (wanted.start.clamp(0, REACH), wanted.limit.clamp(0, REACH));
        let limit = limit.min(REACH - start);
        let page =
            format!("SELECT {FIELDS} FROM audit WHERE {condition} ORDER BY seq DESC LIMIT {limit} OFFSET {start}");
        let bind = |sql: String| {
            let mut query = sqlx::query(AssertSqlSafe(sql)).bind(org.to_string()).bind(wanted.upto);
            for number in &numbers {
                query = query.bind(*number);
            }
            for text in &texts {
                query = query.bind(text.clone());
            }
            query
        };
        let total = bind(count).fetch_one(&self.database.readers).await.map_err(failed)?;
        let rows = bind(page).fetch_all(&self.database.readers).await.map_err(failed)?;
        Ok((rows.iter().map(entry).collect::<Result<_>>()?, total.try_get(0).map_err(failed)?))
    }

    /// Removes entries that are older than `before`, and answers how many. What stays is still a chain.
    pub async fn audit_expire(&self, before: Time) -> Result<u64> {
        let sql = "SELECT org, MAX(seq) FROM audit WHERE at < $1 GROUP BY org ORDER BY org";
        let old = sqlx::query(sql).bind(millis(before)).fetch_all(&self.database.readers).await.map_err(failed)?;
        let mut removed = 0;
        for row in old {
            let org: String = row.try_get(0).map_err(failed)?;
            let last: i64 = row.try_get(1).map_err(failed)?;
            let mut tx = self.database.write().await?;
            let sql = "SELECT hash FROM audit WHERE org = $1 AND seq = $2";
            let found = sqlx::query(sql).bind(&org).bind(last).fetch_optional(&mut *tx).await.map_err(failed)?;
            // Somebody else has removed it.
            let Some(found) = found else { continue };
            let hash: String = found.try_get(0).map_err(failed)?;
            let sql = "DELETE FROM audit WHERE org = $1 AND seq <= $2";
            let done = sqlx::query(sql).bind(&org).bind(last).execute(&mut *tx).await.map_err(failed)?;
            let seal = base_seal(&self.database.tokens, &org, last, &hash);
            let sql = "UPDATE audit_heads SET base_seq = $2, base_hash = $3, base_seal = $4 WHERE org = $1";
            let query = sqlx::query(sql).bind(&org).bind(last).bind(&hash).bind(seal);
            query.execute(&mut *tx).await.map_err(failed)?;
            tx.commit().await.map_err(failed)?;
            removed += done.rows_affected();
        }
        Ok(removed)
    }

    /// Goes over an organization's chain. The number of entries that are whole, and the place of the first that is not:
    /// changed, missing, or put in by other means.
    pub async fn audit_verify(&self, org: &str) -> Result<(u64, Option<i64>)> {
        let key = &self.database.tokens;
        let sql = "SELECT seq, hash, base_seq, base_hash, base_seal FROM audit_heads WHERE org = $1";
        let head = sqlx::query(sql).bind(org).fetch_optional(&self.database.readers).await.map_err(failed)?;
        let Some(head) = head else {
            let stray = sqlx::query("SELECT seq FROM audit WHERE org = $1 ORDER BY seq LIMIT 1").bind(org);
            let stray = stray.fetch_optional(&self.database.readers).await.map_err(failed)?;
            return Ok((0, stray.map(|row| row.try_get(0)).transpose().map_err(failed)?));
        };
        let (last, base): (i64, i64) = (head.try_get(0).map_err(failed)?, head.try_get(2).map_err(failed)?);
        let text = |i: usize| head.try_get::<String, _>(i).map_err(failed);
        let (mut before, mut at, mut whole) = (text(3)?, base, 0);
        if base_seal(key, org, base, &before) != text(4)? {
            return Ok((0, Some(base + 1)));
        }
        loop {
            let sql =
                format!("SELECT {FIELDS} FROM audit WHERE org = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT 1000");
            let query = sqlx::query(AssertSqlSafe(sql)).bind(org).bind(at).bind(last);
            let rows = query.fetch_all(&self.database.readers).await.map_err(failed)?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                let entry = entry(row)?;
                if entry.seq != at + 1 || entry.hash != hash(key, &entry, &before) {
                    return Ok((whole, Some(at + 1)));
                }
                (before, at, whole) = (entry.hash, entry.seq, whole + 1);
            }
        }
        let ends = at == last && before == text(1)?;
        Ok((whole, if ends { None } else { Some(at + 1) }))
    }
}
