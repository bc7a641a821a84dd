//! The keys of files of the table, read past those of a chunk.

use super::chunk::Keys;
use super::key::Key;
use super::source::{BATCH_ROWS, Columns, Source, Stored};
use crate::error::failed;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use forebay_model::event::VERSION;
use forebay_model::{Error, Result};
use futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A row of the table with one of the keys.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match {
    /// The key's number in the chunk.
    pub entry: usize,
    /// The file's number.
    pub file: usize,
    /// The row's place in the file.
    pub row: u64,
    /// The row's version: the least there is where it has none.
    pub version: i64,
}

/// The files to read, and what for.
pub(super) struct Probe {
    pub source: Source,
    pub key: Key,
    pub keys: Keys,
    /// Those of the table's files that may have one of the keys, with their numbers.
    pub files: Vec<(usize, Arc<Stored>)>,
}

impl Probe {
    /// Gives every match to `each`. Matches of one file come in its order, files in any.
    pub async fn run(self: &Arc<Probe>, workers: usize, mut each: impl FnMut(Match)) -> Result<()> {
        let (sender, mut receiver) = mpsc::channel(workers * 2);
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..workers.min(self.files.len()) {
            tasks.spawn(self.clone().work(next.clone(), sender.clone()));
        }
        drop(sender);
        while let Some(matches) = receiver.recv().await {
            for found in matches {
                each(found);
            }
        }
        while let Some(done) = tasks.join_next().await {
            done.map_err(|e| failed(e, "A worker of a merge did not come to an end."))??;
        }
        Ok(())
    }

    async fn work(self: Arc<Probe>, next: Arc<AtomicUsize>, sender: mpsc::Sender<Vec<Match>>) -> Result<()> {
        while let Some((number, file)) = self.files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut batches = self.source.stored(file, Columns::Key(&self.key, &[VERSION], BATCH_ROWS)).await?;
            let mut first = 0;
            while let Some(batch) = batches.next().await {
                let batch = batch?;
                let matches = self.matches(&batch, *number, first)?;
                first += batch.num_rows() as u64;
                if !matches.is_empty() && sender.send(matches).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn matches(&self, batch: &RecordBatch, file: usize, first: u64) -> Result<Vec<Match>> {
        let keys = self.key.of(batch)?;
        let versions = match batch.column_by_name(VERSION) {
            Some(column) => Some(column.as_primitive_opt::<Int64Type>().ok_or_else(|| {
                Error::internal(format!("The table's column {VERSION} is not one of whole numbers."))
            })?),
            None => None,
        };
        let mut matches = Vec::new();
        for at in 0..keys.len() {
            if keys.is_null(at) {
                continue;
            }
            let Some(entry) = self.keys.find(keys.value(at)) else {
                continue;
            };
            let version = versions.and_then(|v| v.is_valid(at).then(|| v.value(at)));
            matches.push(Match {
                entry: entry as usize,
                file,
                row: first + at as u64,
                version: version.unwrap_or(i64::MIN),
            });
        }
        Ok(matches)
    }
}
