//! Named leases, so that one keeper at a time looks after the lake, and folders of the lake that wait for removal.

use crate::Store;
use crate::database::{failed, key, millis};
use chrono::TimeDelta;
use forebay_model::{Error, Result, Time};
use sqlx::AnyConnection;
use sqlx::Row;
use std::time::Duration;
use uuid::Uuid;

/// A folder of the lake that nothing names any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleanup {
    /// For `done_cleanup`.
    pub id: String,
    /// The folder.
    pub location: String,
}

impl Store {
    /// Takes or renews a named lease; false when somebody else holds it. A `ttl` of zero gives it up.
    pub async fn lease(&self, name: &str, holder: &str, now: Time, ttl: Duration) -> Result<bool> {
        let until = TimeDelta::from_std(ttl)
            .ok()
            .and_then(|ttl| now.checked_add_signed(ttl))
            .ok_or_else(|| Error::internal("A lease is too long."))?;
        let sql = "INSERT INTO leases (name, holder, expires) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE \
                   SET holder = excluded.holder, expires = excluded.expires WHERE leases.holder = excluded.holder OR leases.expires <= $4";
        let mut tx = self.database.write_on(key(&["lease", name])).await?;
        let query = sqlx::query(sql).bind(name).bind(holder).bind(millis(until)).bind(millis(now));
        let taken = query.execute(&mut *tx).await.map_err(failed)?.rows_affected() == 1;
        tx.commit().await.map_err(failed)?;
        Ok(taken)
    }

    /// Notes a folder of the lake to be removed; noting it twice is noting it once.
    pub async fn add_cleanup(&self, location: &str) -> Result<()> {
        let mut tx = self.database.write_on(key(&["cleanup", location])).await?;
        insert_cleanup(&mut tx, location).await?;
        tx.commit().await.map_err(failed)
    }

    /// What waits for removal.
    pub async fn cleanups(&self) -> Result<Vec<Cleanup>> {
        let rows = sqlx::query("SELECT id, location FROM cleanups ORDER BY location")
            .fetch_all(&self.database.readers)
            .await
            .map_err(failed)?;
        let mut cleanups = Vec::with_capacity(rows.len());
        for row in rows {
            cleanups.push(Cleanup { id: row.try_get(0).map_err(failed)?, location: row.try_get(1).map_err(failed)? });
        }
        Ok(cleanups)
    }

    /// It is removed.
    pub async fn done_cleanup(&self, id: &str) -> Result<()> {
        let mut tx = self.database.write_on(key(&["cleanup", id])).await?;
        sqlx::query("DELETE FROM cleanups WHERE id = $1").bind(id).execute(&mut *tx).await.map_err(failed)?;
        tx.commit().await.map_err(failed)
    }
}

pub(crate) async fn insert_cleanup(connection: &mut AnyConnection, location: &str) -> Result<()> {
    let sql = "INSERT INTO cleanups (id, location) VALUES ($1, $2) ON CONFLICT (location) DO NOTHING";
    sqlx::query(sql).bind(Uuid::new_v4().to_string()).bind(location).execute(connection).await.map_err(failed)?;
    Ok(())
}
