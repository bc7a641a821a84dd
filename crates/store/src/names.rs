//! Documents by a part of their names, in any case and any script.

use crate::Store;
use crate::database::failed;
use forebay_model::{Error, Resource, Result, Scope};
use futures::TryStreamExt;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

/// A document that has such a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// What kind it is.
    pub resource: Resource,
    /// Its id.
    pub id: String,
    /// What it is called.
    pub name: String,
}

impl Store {
    /// Documents of these kinds whose names have `part` in them, at most `limit`, kind by kind, newest first. Schemas are
    /// called by their titles; versions of a mapping set are not told apart from it.
    pub async fn named(&self, scope: &Scope, kinds: &[Resource], part: &str, limit: usize) -> Result<Vec<Named>> {
        let part = part.to_lowercase();
        let mut found = Vec::new();
        for resource in kinds {
            let title = *resource == Resource::Schema;
            let sql = format!(
                "SELECT id, {} FROM documents WHERE org = $1 AND sandbox = $2 AND resource = $3 ORDER BY created_at DESC, id DESC",
                if title { "doc" } else { "COALESCE(name, '')" }
            );
            let query = sqlx::query(AssertSqlSafe(sql)).bind(&scope.org).bind(&scope.sandbox).bind(resource.name());
            let mut rows = query.fetch(&self.database.readers);
            while found.len() < limit
                && let Some(row) = rows.try_next().await.map_err(failed)?
            {
                let (id, text): (&str, &str) = (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
                let name = if title { title_of(text)? } else { text.to_string() };
                let version = *resource == Resource::MappingSet && id.contains('@');
                if !version && name.to_lowercase().contains(&part) {
                    found.push(Named { resource: *resource, id: id.to_string(), name });
                }
            }
        }
        Ok(found)
    }
}

fn title_of(doc: &str) -> Result<String> {
    let body: Value = serde_json::from_str(doc)
        .map_err(|error| Error::internal("A stored document is not JSON.").caused_by(error))?;
    Ok(body["title"].as_str().unwrap_or_default().to_string())
}
