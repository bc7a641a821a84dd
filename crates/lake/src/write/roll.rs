//! Parquet files one after the other: a new one is begun when the open one is large enough.

use super::File;
use super::file::Open;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use forebay_model::Result;
use object_store::ObjectStore;
use object_store::path::Path;
use std::sync::Arc;

/// The smallest row group that is worth a file: less memory than this is not kept to.
const GROUP_MIN: usize = 1 << 20;
/// The largest row group, however much memory there is.
const GROUP_MAX: usize = 128 << 20;

/// The files of one task.
pub(crate) struct Roll {
    store: Arc<dyn ObjectStore>,
    table: Path,
    prefix: String,
    columns: SchemaRef,
    group: usize,
    max_file: u64,
    key: Vec<String>,
    open: Option<Open>,
}

impl Roll {
    /// Files named `<prefix>-<UUID>` under the table; `share` is the memory that the task may hold.
    pub fn new(
        store: Arc<dyn ObjectStore>,
        table: Path,
        prefix: String,
        columns: SchemaRef,
        share: usize,
        max_file: u64,
    ) -> Roll {
        // A group is held twice while it is closed, encoded and on its way to the store, and the decoder and the
        // allocator hold as much again: measured over 2 GB, resident memory grew by four times this.
        let group = (share / 4).clamp(GROUP_MIN, GROUP_MAX);
        Roll { store, table, prefix, columns, group, max_file: max_file.max(1), key: Vec::new(), open: None }
    }

    /// For files that merges find by this field.
    pub fn keyed(mut self, key: &[String]) -> Roll {
        self.key = key.to_vec();
        self
    }

    /// Writes rows. Gives back a file that this made complete.
    pub async fn write(&mut self, rows: &RecordBatch) -> Result<Option<File>> {
        if rows.num_rows() == 0 {
            return Ok(None);
        }
        let mut open = match self.open.take() {
            Some(open) => open,
            None => {
                let name = format!("{}-{}.zstd.parquet", self.prefix, uuid::Uuid::new_v4());
                Open::create(self.store.clone(), &self.table, name, self.columns.clone(), self.group, self.key.clone())?
            }
        };
        let written = open.write(rows).await;
        if written.is_ok() && open.size() >= self.max_file {
            return open.close().await.map(Some);
        }
        self.open = Some(open);
        written.map(|()| None)
    }

    /// Completes the open file, if there is one.
    pub async fn close(&mut self) -> Result<Option<File>> {
        match self.open.take() {
            Some(open) => open.close().await.map(Some),
            None => Ok(None),
        }
    }

    /// Gives the open file up.
    pub async fn abort(&mut self) {
        if let Some(open) = self.open.take() {
            open.abort().await;
        }
    }
}
