//! One Parquet file in the making. Row groups are closed by the memory they hold, files by their size.

use super::File;
use crate::error::failed;
use crate::stats;
use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::AsyncArrowWriter;
use datafusion::parquet::arrow::async_writer::AsyncFileWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};
use forebay_model::Result;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// Bytes of a part of an upload; the smallest that S3 takes.
const UPLOAD_PART: usize = 5 << 20;
/// Parts of one file on their way at once.
const UPLOADS: usize = 2;
/// Rows of a group at most, however small they are.
const GROUP_ROWS: usize = 1 << 20;

/// How Parquet is written here, also when small files are put together. Measured on customer rows: level 1 of zstd
/// takes a quarter less time than level 3 for 5 % of size, and a dictionary that is given up early (columns of unique
/// values) takes a tenth less, and less room, than one that is tried up to Parquet's usual 1 MiB.
pub(crate) fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_created_by("forebay".to_string())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("1 is a level of zstd")))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_dictionary_page_size_limit(128 << 10)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_statistics_truncate_length(Some(64))
        .build()
}

/// Where encoded bytes go: handed over, never copied.
struct Upload(BufWriter);

impl AsyncFileWriter for Upload {
    fn write(&mut self, bytes: Bytes) -> BoxFuture<'_, Result<(), ParquetError>> {
        async move { self.0.put(bytes).await.map_err(|e| ParquetError::External(Box::new(e))) }.boxed()
    }

    fn complete(&mut self) -> BoxFuture<'_, Result<(), ParquetError>> {
        async move { self.0.shutdown().await.map_err(|e| ParquetError::External(Box::new(e))) }.boxed()
    }
}

/// A file that is being written.
pub(super) struct Open {
    name: String,
    at: Path,
    writer: AsyncArrowWriter<Upload>,
    /// Bytes that the group in the making may hold.
    group: usize,
    /// The field that merges find the file by.
    key: Vec<String>,
}

impl Open {
    pub fn create(
        store: Arc<dyn ObjectStore>,
        table: &Path,
        name: String,
        columns: SchemaRef,
        group: usize,
        key: Vec<String>,
    ) -> Result<Open> {
        let at: Path = table.parts().chain(Path::from(name.as_str()).parts()).collect();
        let upload = BufWriter::with_capacity(store, at.clone(), UPLOAD_PART).with_max_concurrency(UPLOADS);
        let writer = AsyncArrowWriter::try_new(Upload(upload), columns, Some(properties()))
            .map_err(|e| failed(e, format!("The schema of {table} cannot be written as Parquet.")))?;
        Ok(Open { name, at, writer, group, key })
    }

    /// Writes rows, and closes the row group when it holds its share of memory.
    pub async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        self.writer.write(rows).await.map_err(|e| self.unwritten(e))?;
        // A wide table's columns hold their buffers even when empty: a flush must also be worth a group.
        let full = self.writer.memory_size() >= self.group;
        if full && self.writer.in_progress_size() >= self.group / 8 {
            self.writer.flush().await.map_err(|e| self.unwritten(e))?;
        }
        Ok(())
    }

    /// Bytes so far, those of the open row group by estimate.
    pub fn size(&self) -> u64 {
        (self.writer.bytes_written() + self.writer.in_progress_size()) as u64
    }

    /// Completes the file; it is durable when this returns.
    pub async fn close(mut self) -> Result<File> {
        let footer = self.writer.finish().await.map_err(|e| self.unwritten(e))?;
        Ok(File {
            path: self.name,
            size: self.writer.bytes_written() as u64,
            rows: u64::try_from(footer.file_metadata().num_rows()).unwrap_or(0),
            stats: stats::delta(&footer, &self.key).to_string(),
        })
    }

    /// Gives the file up.
    pub async fn abort(self) {
        let _ = self.writer.into_inner().0.abort().await;
    }

    fn unwritten(&self, error: impl Into<forebay_model::error::BoxError>) -> forebay_model::Error {
        failed(error, format!("The lake could not write {}.", self.at))
    }
}
