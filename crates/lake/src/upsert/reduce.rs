//! The staged rows, reduced to one a key: their keys are sorted, newest first, outside memory where they need it, and
//! of each key the first is taken.

use super::MergeSpec;
use super::chunk::{Entry, Filling, Keys};
use super::key::Key;
use super::source::{Columns, Source};
use crate::error::{external, failed, recover};
use crate::write::File;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt64Type};
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::prelude::SessionConfig;
use forebay_model::event::{DELETED, SEQUENCE, VERSION};
use forebay_model::{Error, Result};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use std::sync::Arc;

const SORTING: &str = "The keys of the staged rows could not be sorted.";
/// Rows of a batch of the sort, of its input as of its output. Each batch is a run of its own: what the sort sets aside
/// for it is then enough for the batch and its key in the merge, too. From larger ones a run has several batches, for
/// which the merge asks while the sort's output fills the pool, and is refused (seen: 5,000,000 keys in 128 MiB).
const SORT_ROWS: usize = 2048;
/// The least that a sort can work with.
const SORT_MIN: usize = 8 << 20;

/// The keys of the staged files, as a part of a plan.
#[derive(Debug)]
struct Staged {
    source: Source,
    key: Key,
    files: Vec<File>,
    schema: SchemaRef,
}

/// `key`, `version`, `sequence`, `deleted`, `row`: the row's place among all staged rows.
fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("key", DataType::Binary, false),
        Field::new("version", DataType::Int64, false),
        Field::new("sequence", DataType::Int64, false),
        Field::new("deleted", DataType::Boolean, false),
        Field::new("row", DataType::UInt64, false),
    ]))
}

impl PartitionStream for Staged {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut first = 0;
        let mut files = Vec::with_capacity(self.files.len());
        for file in &self.files {
            files.push((file.clone(), first));
            first += file.rows;
        }
        let (source, key, schema) = (self.source.clone(), self.key.clone(), self.schema.clone());
        let batches = futures::stream::iter(files)
            .then(move |(file, first)| keys(source.clone(), key.clone(), schema.clone(), file, first))
            .try_flatten()
            .map_err(external);
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), batches))
    }
}

/// The keys of one file, whose first row is the `first` of all.
async fn keys(
    source: Source,
    key: Key,
    schema: SchemaRef,
    file: File,
    first: u64,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let batches = source.staged(&file, Columns::Key(&key, &[VERSION, SEQUENCE, DELETED], SORT_ROWS)).await?;
    let mut next = first;
    let batches = batches.map(move |batch| {
        let batch = batch?;
        let rows = UInt64Array::from_iter_values(next..next + batch.num_rows() as u64);
        next += batch.num_rows() as u64;
        let column = |name: &str| {
            let column = batch.column_by_name(name).cloned();
            column.ok_or_else(|| Error::internal(format!("A staged file has no column {name}: {}.", file.path)))
        };
        let columns: Vec<ArrayRef> =
            vec![Arc::new(key.of(&batch)?), column(VERSION)?, column(SEQUENCE)?, column(DELETED)?, Arc::new(rows)];
        if columns.iter().any(|c| c.null_count() > 0) {
            return Err(Error::internal(format!("A staged row has no key, no version or no place: {}.", file.path)));
        }
        RecordBatch::try_new(schema.clone(), columns).map_err(|e| failed(e, SORTING))
    });
    Ok(batches.boxed())
}

/// The staged rows that count, in the order of their keys.
pub(super) struct Winners {
    sorted: SendableRecordBatchStream,
    batch: Option<RecordBatch>,
    at: usize,
    last: Option<Vec<u8>>,
    rows: u64,
    /// Rows that were not the newest of their key.
    pub superseded: u64,
    read: u64,
}

impl Winners {
    pub fn of(source: &Source, key: &Key, spec: &MergeSpec, files: &[File]) -> Result<Winners> {
        let staged = Staged { source: source.clone(), key: key.clone(), files: files.to_vec(), schema: schema() };
        let input = StreamingTableExec::try_new(schema(), vec![Arc::new(staged)], None, [], false, None)
            .map_err(|e| failed(e, SORTING))?;
        let by = |name: &str, index: usize, descending: bool| PhysicalSortExpr {
            expr: Arc::new(Column::new(name, index)),
            options: SortOptions { descending, nulls_first: false },
        };
        let order = LexOrdering::new([by("key", 0, false), by("version", 1, true), by("sequence", 2, true)])
            .ok_or_else(|| failed("no order", SORTING))?;
        let sort = SortExec::new(order, Arc::new(input));
        let sorted = sort.execute(0, context(spec)?).map_err(|e| recover(e, SORTING))?;
        let rows = files.iter().map(|f| f.rows).sum();
        Ok(Winners { sorted, batch: None, at: 0, last: None, rows, superseded: 0, read: 0 })
    }

    /// As many as go into so much memory; `None` when there are no more.
    pub async fn chunk(&mut self, room: usize) -> Result<Option<(Keys, Vec<Entry>)>> {
        let mut filling = Filling::new(room, self.rows - self.read);
        while !filling.is_full() {
            if self.batch.as_ref().is_none_or(|b| self.at >= b.num_rows()) {
                self.batch = self.sorted.next().await.transpose().map_err(|e| recover(e, SORTING))?;
                self.at = 0;
            }
            match self.batch.take() {
                Some(batch) => self.take(&mut filling, batch),
                None => break,
            }
        }
        Ok(filling.done())
    }

    /// Goes on in a batch, to its end or until the chunk is full.
    fn take(&mut self, filling: &mut Filling, batch: RecordBatch) {
        let keys = batch.column(0).as_binary::<i32>();
        let versions = batch.column(1).as_primitive::<Int64Type>();
        let deleted = batch.column(3).as_boolean();
        let rows = batch.column(4).as_primitive::<UInt64Type>();
        while self.at < batch.num_rows() && !filling.is_full() {
            let key = keys.value(self.at);
            if self.last.as_deref() == Some(key) {
                self.superseded += 1;
            } else {
                filling.push(key, versions.value(self.at), deleted.value(self.at), rows.value(self.at));
                let last = self.last.get_or_insert_default();
                last.clear();
                last.extend_from_slice(key);
            }
            self.at += 1;
            self.read += 1;
        }
        self.batch = Some(batch);
    }
}

/// Half of the merge's memory, and a folder for what does not fit.
fn context(spec: &MergeSpec) -> Result<Arc<TaskContext>> {
    let memory = usize::try_from(spec.memory / 2).unwrap_or(usize::MAX).max(SORT_MIN);
    let spill = match &spec.spill {
        Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
        None => DiskManagerMode::OsTmpDirectory,
    };
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(spill))
        .build_arc()
        .map_err(|e| recover(e, SORTING))?;
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .with_batch_size(SORT_ROWS)
        .with_sort_spill_reservation_bytes(memory / 4);
    Ok(Arc::new(TaskContext::default().with_session_config(config).with_runtime(runtime)))
}
