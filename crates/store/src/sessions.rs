//! Signing in and out: links that are good for one time, and access tokens that are good for nothing any more.
//!
//! Of a link only its token's hash is stored. It is used by a conditional update, so of two who use it at once one is let
//! in. A token that was revoked is asked for with every request: the answer is kept for a second, like those of `known.rs`.

use crate::database::{failed, key, millis};
use crate::known::{Answer, Question};
use crate::{Store, audit};
use forebay_model::{Document, Error, Result, Time};
use sqlx::Row;
use tokio::time::Instant;

/// How long a link's row outlives the link, in milliseconds.
const REMEMBERED: i64 = 3_600_000;

/// Whom a link signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The client's organization.
    pub org: String,
    /// The client.
    pub client: String,
    /// Which of the client's secrets there was when the link was made.
    pub version: i64,
}

/// What became of the use of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    /// It was good, and is so no more.
    Good(Link),
    /// It has been used before, or has expired.
    Spent(Link),
    /// There never was one, or it is long ago.
    Unknown,
}

impl Store {
    /// Keeps a link that signs a client in, by the hash of its token. Old ones go. A request under way notes it in its trail.
    pub async fn keep_link(
        &self,
        hash: &str,
        (link, client): (&Link, &Document),
        expires: Time,
        now: Time,
    ) -> Result<()> {
        let mut tx = self.database.write_on(key(&["link", hash])).await?;
        let sql = "DELETE FROM one_time_links WHERE expires < $1";
        sqlx::query(sql).bind(millis(now) - REMEMBERED).execute(&mut *tx).await.map_err(failed)?;
        let sql =
            "INSERT INTO one_time_links (hash, org, client, version, expires, used) VALUES ($1, $2, $3, $4, $5, 0)";
        let query = sqlx::query(sql).bind(hash).bind(&link.org).bind(&link.client).bind(link.version);
        query.bind(millis(expires)).execute(&mut *tx).await.map_err(failed)?;
        audit::note(&mut tx, client, "CreateLink").await?;
        tx.commit().await.map_err(failed)
    }

    /// Uses a link, by the hash of its token.
    pub async fn use_link(&self, hash: &str, now: Time) -> Result<Use> {
        let mut tx = self.database.write_on(key(&["link", hash])).await?;
        let sql = "UPDATE one_time_links SET used = $2 WHERE hash = $1 AND used = 0 AND expires > $2 \
                   RETURNING org, client, version";
        let query = sqlx::query(sql).bind(hash).bind(millis(now));
        let good = query.fetch_optional(&mut *tx).await.map_err(failed)?;
        if let Some(row) = good {
            tx.commit().await.map_err(failed)?;
            return Ok(Use::Good(link(&row)?));
        }
        let sql = "SELECT org, client, version FROM one_time_links WHERE hash = $1";
        let spent = sqlx::query(sql).bind(hash).fetch_optional(&mut *tx).await.map_err(failed)?;
        spent.map_or(Ok(Use::Unknown), |row| link(&row).map(Use::Spent))
    }

    /// Notes in the audit trail of the request under way that a client has signed in.
    pub async fn note_sign_in(&self, client: &Document) -> Result<()> {
        let mut tx = self.database.write_on(key(&["sign in", &client.id])).await?;
        audit::note(&mut tx, client, "SignIn").await?;
        tx.commit().await.map_err(failed)
    }

    /// Makes a token good for nothing, until it would have ended by itself at `expires`; and notes it in the trail as done to
    /// `client`, where the token is of one of ours.
    pub async fn revoke_token(&self, id: &str, expires: Time, client: Option<&Document>, now: Time) -> Result<()> {
        let mut tx = self.database.write_on(key(&["token", id])).await?;
        let sql = "DELETE FROM revoked_tokens WHERE expires < $1";
        sqlx::query(sql).bind(millis(now)).execute(&mut *tx).await.map_err(failed)?;
        let sql = "INSERT INTO revoked_tokens (id, expires) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING";
        sqlx::query(sql).bind(id).bind(millis(expires)).execute(&mut *tx).await.map_err(failed)?;
        if let Some(client) = client {
            audit::note(&mut tx, client, "SignOut").await?;
        }
        tx.commit().await.map_err(failed)?;
        self.database.known.forget();
        Ok(())
    }

    /// Whether a token was revoked.
    pub async fn is_revoked(&self, id: &str) -> Result<bool> {
        let question = Question::Revoked(id.to_string());
        let (since, changes) = match self.database.known.ask(&question) {
            Ok(Answer::Revoked(revoked)) => return Ok(revoked),
            Ok(_) => return Err(Error::internal("A token is known as something else.")),
            Err(changes) => (Instant::now(), changes),
        };
        let query = sqlx::query("SELECT expires FROM revoked_tokens WHERE id = $1").bind(id);
        let revoked = query.fetch_optional(&self.database.readers).await.map_err(failed)?.is_some();
        self.database.known.keep(question, changes, since, Answer::Revoked(revoked));
        Ok(revoked)
    }
}

fn link(row: &sqlx::any::AnyRow) -> Result<Link> {
    Ok(Link {
        org: row.try_get(0).map_err(failed)?,
        client: row.try_get(1).map_err(failed)?,
        version: row.try_get(2).map_err(failed)?,
    })
}
