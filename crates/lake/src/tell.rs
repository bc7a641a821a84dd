//! What a table's log says of it: how large it is, who committed what, and rows as an older version has them. Sizes and
//! counts come from the log's statistics; no data file is opened for them.

use crate::error::{failed, recover};
use crate::json;
use crate::schema::type_name;
use crate::store::{Lake, Table};
use datafusion::arrow::datatypes::Schema;
use forebay_model::table::{TableCommit, TableRows, TableState};
use forebay_model::{Context, Error, Kind, Result, code};
use futures::StreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::Value;

impl Lake {
    /// Where other programs find a folder of the lake: an absolute path, or a URI.
    pub fn address(&self, location: &str) -> String {
        let table = self.table(location);
        let url = table.url();
        let text = match url.to_file_path() {
            Ok(path) if url.scheme() == "file" => path.display().to_string(),
            _ => url.to_string(),
        };
        text.trim_end_matches('/').to_string()
    }
}

impl Table {
    /// The newest version; none before the first commit.
    pub async fn describe(&self) -> Result<Option<TableState>> {
        let Some(table) = self.seen().await? else {
            return Ok(None);
        };
        let snapshot = table.snapshot().map_err(|e| failed(e, self.unread()))?;
        let version = snapshot.version();
        let (mut files, mut bytes, mut rows) = (0, 0, Some(0));
        for file in snapshot.log_data().iter() {
            files += 1;
            bytes += u64::try_from(file.size()).unwrap_or(0);
            rows = rows.zip(file.num_records()).map(|(rows, more)| rows + more as u64);
        }
        let modified = self.commit_at(version).await?.map(|commit| commit.at).filter(|at| *at > 0);
        Ok(Some(TableState { version, files, rows, bytes, modified }))
    }

    /// At most `limit` commits, the newest first; only those before a version, if one is given. Old ones are gone once
    /// the log was cleaned up.
    pub async fn commits(&self, before: Option<u64>, limit: usize) -> Result<Vec<TableCommit>> {
        let Some(table) = self.seen().await? else {
            return Ok(Vec::new());
        };
        let newest = table.snapshot().map_err(|e| failed(e, self.unread()))?.version();
        let mut next = before.map_or(newest + 1, |before| before.min(newest + 1));
        let mut commits = Vec::new();
        while next > 0 && commits.len() < limit {
            next -= 1;
            match self.commit_at(next).await? {
                Some(commit) => commits.push(commit),
                None => break,
            }
        }
        Ok(commits)
    }

    /// At most `limit` rows as a version has them; `None` is the newest. `NotFound` for one that is not there (any more).
    pub async fn rows_at(&self, version: Option<u64>, limit: usize) -> Result<TableRows> {
        let gone = |version: u64| {
            let message = format!("The table has no version {version}, or none any more.");
            Error::new(Kind::NotFound, &code::HTTP_404, message)
        };
        let Some(mut table) = self.seen().await? else {
            return version.map_or(Ok(TableRows::default()), |version| Err(gone(version)));
        };
        let newest = table.snapshot().map_err(|e| failed(e, self.unread()))?.version();
        let asked = version.unwrap_or(newest);
        if asked > newest {
            return Err(gone(asked));
        }
        if asked < newest
            && let Err(error) = table.load_version(asked).await
        {
            return Err(gone(asked).caused_by(error));
        }
        let snapshot = table.snapshot().map_err(|e| failed(e, self.unread()))?;
        let columns = columns(&crate::read::shown(&snapshot.snapshot().arrow_schema()));
        let mut stream = self.stream(&table, Some(limit)).await?;
        let mut rows = Vec::new();
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(|error| {
                let error = recover(error, &self.unread());
                // Upkeep takes away the files that only old versions name.
                if asked < newest && is_missing(&error) { gone(asked).caused_by(error) } else { error }
            })?;
            rows.extend(json::rows(&batch)?);
        }
        Ok(TableRows { version: Some(asked), columns, rows })
    }

    /// A commit, by its file in the log; none where that is gone.
    async fn commit_at(&self, version: u64) -> Result<Option<TableCommit>> {
        let path = Path::from(format!("{}/_delta_log/{version:020}.json", self.location()));
        let again = Kind::Unavailable { retry_after: None };
        let got = match self.lake.store().get(&path).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            got => got.context(again, &code::FLOW_1400, self.unread())?,
        };
        let bytes = got.bytes().await.context(again, &code::FLOW_1400, self.unread())?;
        Ok(Some(commit(version, &bytes)))
    }
}

/// What the actions of a commit say. An action that cannot be read says nothing.
fn commit(version: u64, log: &[u8]) -> TableCommit {
    let mut commit = TableCommit { version, added_rows: Some(0), ..TableCommit::default() };
    for line in log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let Ok(action) = serde_json::from_slice::<Value>(line) else { continue };
        let info = &action["commitInfo"];
        if info.is_object() {
            let text = |name: &str| info[name].as_str().map(str::to_string);
            commit.at = info["timestamp"].as_i64().unwrap_or(0);
            commit.operation = text("operation").unwrap_or_default();
            commit.run = text("forebay.run");
            commit.batch = text("forebay.batch");
            if !info["forebay.fence"].is_null() {
                commit.operation = "FENCE".into();
            }
        }
        let add = &action["add"];
        if add.is_object() {
            let stats = add["stats"].as_str().and_then(|stats| serde_json::from_str::<Value>(stats).ok());
            let rows = stats.and_then(|stats| stats["numRecords"].as_u64());
            commit.added_files += 1;
            commit.bytes += add["size"].as_u64().unwrap_or(0);
            commit.added_rows = commit.added_rows.zip(rows).map(|(sum, rows)| sum + rows);
        }
        commit.removed_files += u64::from(action["remove"].is_object());
    }
    commit
}

fn is_missing(error: &Error) -> bool {
    let mut at: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = at {
        let stored = error.downcast_ref::<object_store::Error>();
        // The engine keeps it in a box.
        let stored = stored.or_else(|| error.downcast_ref::<Box<object_store::Error>>().map(Box::as_ref));
        let missing =
            error.downcast_ref::<std::io::Error>().map(std::io::Error::kind) == Some(std::io::ErrorKind::NotFound);
        if missing || matches!(stored, Some(object_store::Error::NotFound { .. })) {
            return true;
        }
        at = error.source();
    }
    false
}

fn columns(schema: &Schema) -> Vec<(String, String)> {
    schema.fields().iter().map(|field| (field.name().clone(), type_name(field.data_type()).to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_told_by_its_actions() {
        let log = br#"{"commitInfo":{"timestamp":5,"operation":"WRITE","forebay.run":"r1","forebay.batch":"b1"}}
{"add":{"path":"a","size":10,"stats":"{\"numRecords\":3}"}}
{"add":{"path":"b","size":20,"stats":"{\"numRecords\":4}"}}
{"remove":{"path":"c"}}
no json"#;
        let expected = TableCommit {
            version: 7,
            at: 5,
            operation: "WRITE".into(),
            run: Some("r1".into()),
            batch: Some("b1".into()),
            added_rows: Some(7),
            added_files: 2,
            removed_files: 1,
            bytes: 30,
        };
        assert_eq!(commit(7, log), expected);
        let fence = br#"{"commitInfo":{"timestamp":5,"operation":"WRITE","forebay.fence":3}}"#;
        assert_eq!(commit(1, fence).operation, "FENCE");
        assert_eq!(commit(1, br#"{"add":{"path":"a","size":1}}"#).added_rows, None, "no statistics, no number");
    }
}
