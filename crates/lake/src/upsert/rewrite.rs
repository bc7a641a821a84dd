//! Files written anew: some rows of some files, in their order.

use super::chunk::Bits;
use super::shape;
use super::source::{Columns, Source, Stored};
use crate::error::failed;
use crate::write::{File, Roll};
use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use forebay_model::{Error, Result};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::task::JoinSet;

/// Which rows of which file.
pub(super) enum Job {
    /// Those of a file of the table without these.
    Without(Arc<Stored>, Bits),
    /// Those of a staged file that are among these; the file's first row is the number said.
    Among(File, Arc<Bits>, u64),
}

impl Job {
    async fn open(&self, source: &Source) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        match self {
            Job::Without(file, _) => source.stored(file, Columns::All).await,
            Job::Among(file, ..) => source.staged(file, Columns::All).await,
        }
    }

    fn wants(&self, row: u64) -> bool {
        match self {
            Job::Without(_, dropped) => !dropped.get(row),
            Job::Among(_, kept, first) => kept.get(first + row),
        }
    }

    /// Rows that must be missing from the file in the end.
    fn dropped(&self) -> Option<u64> {
        match self {
            Job::Without(_, dropped) => Some(dropped.ones()),
            Job::Among(..) => None,
        }
    }
}

/// What is to be written, and how.
pub(super) struct Rewrite {
    pub source: Source,
    pub jobs: Vec<Job>,
    /// The beginning of every new file's name.
    pub prefix: String,
    pub columns: SchemaRef,
    /// The field that the files will be found by.
    pub key: Vec<String>,
    /// Memory of one worker.
    pub share: usize,
    pub max_file: u64,
    /// A worker has failed: the others give up.
    pub stopped: AtomicBool,
}

/// Files, and how many rows they have together.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    pub files: Vec<File>,
    pub rows: u64,
}

impl Rewrite {
    pub async fn run(self, workers: usize) -> Result<Rewritten> {
        let workers = workers.min(self.jobs.len());
        let (this, next) = (Arc::new(self), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for _ in 0..workers {
            tasks.spawn(this.clone().work(next.clone()));
        }
        let mut all = Rewritten::default();
        let mut fault = None;
        // To the last worker, whatever became of the first: a task that is dropped leaves its upload open in the store.
        while let Some(done) = tasks.join_next().await {
            match done.map_err(|e| failed(e, "A worker of a merge did not come to an end.")).flatten() {
                Ok(mut done) => {
                    all.files.append(&mut done.files);
                    all.rows += done.rows;
                }
                Err(error) => {
                    this.stopped.store(true, Ordering::Relaxed);
                    fault = fault.or(Some(error));
                }
            }
        }
        fault.map_or(Ok(all), Err)
    }

    async fn work(self: Arc<Rewrite>, next: Arc<AtomicUsize>) -> Result<Rewritten> {
        let (store, table) = (self.source.store.clone(), self.source.table.clone());
        let roll = Roll::new(store, table, self.prefix.clone(), self.columns.clone(), self.share, self.max_file);
        let mut roll = roll.keyed(&self.key);
        let done = self.write(&next, &mut roll).await;
        if done.is_err() {
            roll.abort().await;
        }
        done
    }

    async fn write(&self, next: &AtomicUsize, roll: &mut Roll) -> Result<Rewritten> {
        let mut done = Rewritten::default();
        while let Some(job) = self.jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut batches = job.open(&self.source).await?;
            let (mut read, mut written) = (0, 0);
            while let Some(batch) = batches.next().await {
                let batch = batch?;
                if self.stopped.load(Ordering::Relaxed) {
                    return Err(Error::internal("Another worker of a merge has failed."));
                }
                let wanted = BooleanBuffer::collect_bool(batch.num_rows(), |at| job.wants(read + at as u64));
                read += batch.num_rows() as u64;
                if wanted.count_set_bits() == 0 {
                    continue;
                }
                let rows = filter_record_batch(&batch, &BooleanArray::new(wanted, None))
                    .map_err(|e| failed(e, "Rows of a merge could not be taken out of a batch."))?;
                written += rows.num_rows() as u64;
                done.files.extend(roll.write(&shape::fit(&rows, &self.columns)?).await?);
            }
            if job.dropped().is_some_and(|dropped| written + dropped != read) {
                return Err(Error::internal("A merge found other rows in a file than it had found there before."));
            }
            done.rows += written;
        }
        done.files.extend(roll.close().await?);
        Ok(done)
    }
}
