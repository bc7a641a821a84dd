//! Small states that processes share, by name. A state is replaced only by whoever knows its version, so that two who
//! change it at once notice each other.

use crate::Store;
use crate::database::{failed, is_duplicate, key};
use forebay_model::{Error, Result};
use serde_json::Value;
use sqlx::Row;

impl Store {
    /// A state and its version.
    pub async fn state(&self, name: &str) -> Result<Option<(Value, i64)>> {
        let query = sqlx::query("SELECT value, version FROM states WHERE name = $1").bind(name);
        let Some(row) = query.fetch_optional(&self.database.readers).await.map_err(failed)? else {
            return Ok(None);
        };
        let text: &str = row.try_get(0).map_err(failed)?;
        let value = serde_json::from_str(text)
            .map_err(|error| Error::internal("A stored state is not JSON.").caused_by(error))?;
        Ok(Some((value, row.try_get(1).map_err(failed)?)))
    }

    /// Replaces a state if its version is `expected`; `None` creates it. False when somebody else was faster.
    pub async fn swap_state(&self, name: &str, expected: Option<i64>, value: &Value) -> Result<bool> {
        let mut tx = self.database.write_on(key(&["state", name])).await?;
        let changed = match expected {
            Some(version) => {
                let sql = "UPDATE states SET value = $3, version = version + 1 WHERE name = $1 AND version = $2";
                let query = sqlx::query(sql).bind(name).bind(version).bind(value.to_string());
                query.execute(&mut *tx).await.map_err(failed)?.rows_affected() == 1
            }
            None => {
                let sql = "INSERT INTO states (name, version, value) VALUES ($1, 1, $2)";
                match sqlx::query(sql).bind(name).bind(value.to_string()).execute(&mut *tx).await {
                    Ok(_) => true,
                    Err(error) if is_duplicate(&error) => false,
                    Err(error) => return Err(failed(error)),
                }
            }
        };
        if changed {
            tx.commit().await.map_err(failed)?;
        }
        Ok(changed)
    }
}
