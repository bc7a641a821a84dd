//! The Parquet files that a merge reads: those of the table and the staged ones.

use super::Replaced;
use super::key::Key;
use crate::error::{CODE, failed};
use crate::write::File;
use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use deltalake::kernel::LogicalFileView;
use forebay_model::{Error, Kind, Result};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows of a batch at most, and the bytes that it should have.
pub(super) const BATCH_ROWS: usize = 8192;
const BATCH_BYTES: i64 = 2 << 20;
/// The end of a file that is read at once, in the hope that the footer is in it.
const FOOTER: usize = 64 << 10;

/// A file of the table.
#[derive(Debug)]
pub(super) struct Stored {
    pub replaced: Replaced,
    /// Where it lies below the table.
    pub at: Path,
    /// The least and the greatest key in it, where that is known.
    pub range: Option<(Vec<u8>, Vec<u8>)>,
}

impl Stored {
    pub fn of(view: &LogicalFileView, key: &Key) -> Result<Stored> {
        if view.deletion_vector_descriptor().is_some() || !view.partition_values_map().is_empty() {
            let message =
                "A merge cannot read tables with partitions or deletion vectors; another program has made them.";
            return Err(Error::new(Kind::Invalid, CODE, message));
        }
        let statistics = view.stats().and_then(|text| serde_json::from_str(&text).ok());
        Ok(Stored {
            replaced: Replaced { path: view.path().to_string(), size: u64::try_from(view.size()).unwrap_or_default() },
            at: view.object_store_path(),
            range: statistics.and_then(|s| key.range(&s)),
        })
    }
}

/// The columns that are asked of a file.
pub(super) enum Columns<'a> {
    All,
    /// The key and others at the top. A file that lacks the key has no rows to give; one that lacks another is read
    /// without it. In batches of so many rows.
    Key(&'a Key, &'a [&'a str], usize),
}

/// Where the files are.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub store: Arc<dyn ObjectStore>,
    pub table: Path,
    progress: Arc<AtomicU64>,
}

impl Source {
    /// `progress` grows by every row that is read.
    pub fn new(store: Arc<dyn ObjectStore>, table: Path, progress: Arc<AtomicU64>) -> Source {
        Source { store, table, progress }
    }

    /// The rows of a file of the table, in their order.
    pub async fn stored(&self, file: &Stored, columns: Columns<'_>) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        self.read(&file.at, file.replaced.size, None, columns).await
    }

    /// The rows of a staged file, in their order, and all that were reported.
    pub async fn staged(&self, file: &File, columns: Columns<'_>) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        self.read(&Path::from(file.path.as_str()), file.size, Some(file.rows), columns).await
    }

    async fn read(
        &self,
        at: &Path,
        size: u64,
        rows: Option<u64>,
        columns: Columns<'_>,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let at: Path = self.table.parts().chain(at.parts()).collect();
        let unread = {
            let at = at.clone();
            move |error: ParquetError| failed(error, format!("The lake could not read {at}."))
        };
        let reader = Reader { store: self.store.clone(), at: at.clone(), size };
        let mut builder = ParquetRecordBatchStreamBuilder::new(reader).await.map_err(&unread)?;
        let footer = builder.metadata().clone();
        let found = footer.file_metadata().num_rows();
        if rows.is_some_and(|rows| i64::try_from(rows) != Ok(found)) {
            return Err(Error::internal(format!(
                "A staged file has {found} rows, not those that were reported: {at}."
            )));
        }
        if let Columns::Key(key, others, rows) = columns {
            let descriptor = builder.parquet_schema();
            let Some(leaf) = key.leaf(descriptor) else {
                return Ok(futures::stream::empty().boxed());
            };
            let mut leaves = vec![leaf];
            leaves.extend((0..descriptor.num_columns()).filter(|&i| {
                let path = descriptor.column(i);
                path.path().parts().len() == 1 && others.contains(&path.name())
            }));
            let mask = ProjectionMask::leaves(descriptor, leaves);
            builder = builder.with_projection(mask).with_batch_size(rows);
        } else {
            builder = builder.with_batch_size(batch_rows(&footer));
        }
        let rows = builder.build().map_err(&unread)?;
        let progress = self.progress.clone();
        let count = move |batch: &RecordBatch| {
            progress.fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        };
        Ok(rows.map_err(unread).inspect_ok(count).boxed())
    }
}

/// Fewer rows a batch where they are wide.
fn batch_rows(footer: &ParquetMetaData) -> usize {
    let rows = footer.file_metadata().num_rows().max(1);
    let bytes: i64 = footer.row_groups().iter().map(|g| g.total_byte_size()).sum();
    usize::try_from(BATCH_BYTES / (bytes / rows).max(1)).unwrap_or(BATCH_ROWS).clamp(64, BATCH_ROWS)
}

/// A file, as the Parquet reader asks for it.
struct Reader {
    store: Arc<dyn ObjectStore>,
    at: Path,
    size: u64,
}

fn unread(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes, ParquetError>> {
        self.store.get_range(&self.at, range).map_err(unread).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>, ParquetError>> {
        async move { self.store.get_ranges(&self.at, &ranges).await.map_err(unread) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>, ParquetError>> {
        async move {
            let size = self.size;
            let footer = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            footer.with_prefetch_hint(Some(FOOTER)).load_and_finish(self, size).await.map(Arc::new)
        }
        .boxed()
    }
}
