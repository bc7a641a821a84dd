//! Upserts: a dataset whose schema has a primary identity is kept at one row a key.
//!
//! A run's rows are *staged*: Parquet under the table that no commit names, with three columns that say how new a row is
//! and whether it is a deletion. [`Table::prepare_merge`] makes of them, and of the table's newest version, the files of
//! the next one; no reader sees those. The caller keeps [`Merged::counts`], and [`Table::commit_merge`] puts the next
//! version, or says that another commit has changed the table and everything is to be prepared again.
//!
//! # The rule
//! 1. Of the rows staged for a key one counts: the newest, and of equally new ones the last in the run. The others are
//!    *superseded*.
//! 2. A key that the table has is changed only by a row that is at least as new as the table's: else that is *stale*. A
//!    row that was appended, not merged, has no version and is older than anything.
//! 3. All rows that the table has for the key go, and the new one comes (*updated*), or none (*deleted*). A key that the
//!    table does not have is *inserted*, or there was nothing to delete and it was *absent*. What was deleted is
//!    forgotten: an older row that comes later is an insert.
//! 4. The first merge says in the table what its key is. While the table has rows, nothing comes by another key.
//!
//! # How
//! Rows are named by their place, never carried about: [`reduce`] sorts the keys of the staged rows, outside memory where
//! they need it, and gives the one that counts of each. A [`chunk`] of them at a time is held in memory, and the keys of
//! the files that may have one of them are read past it ([`probe`]); what comes of it is one bit a row: to be dropped, of
//! a file of the table, and to be kept, of a staged one. Then the files that have a dropped row are written anew without
//! those, and the kept rows into files of their own ([`rewrite`]), so that a batch's files hold its rows and no others.
//!
//! Memory: half of [`MergeSpec::memory`] for the sort, a quarter for the chunk and the bits; the rest for the readers.
//! With less memory there are more chunks, and each reads keys again; a file is rewritten once, however many there are.

mod chunk;
mod key;
mod plan;
mod probe;
mod reduce;
mod rewrite;
mod shape;
mod source;

use crate::commit::{Committed, Txn};
use crate::error::{CODE, failed};
use crate::keyed;
use crate::schema::{arrow_schema, merge};
use crate::store::Table;
use crate::write::{File, plain, staged_fields};
use datafusion::arrow::datatypes::Schema;
use deltalake::DeltaTable;
use deltalake::kernel::{Metadata, Remove};
use deltalake::protocol::{DeltaOperation, MergePredicate};
use deltalake::table::state::DeltaTableState;
use forebay_model::event::VERSION;
use forebay_model::xdm::FieldTree;
use forebay_model::{Error, Kind, Result, Time};
use key::Key;
use plan::Plan;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use source::{Source, Stored};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Memory that one worker of a merge is worth.
const WORKER: u64 = 64 << 20;
/// Workers of one merge at most.
const WORKERS: usize = 4;

/// How to merge.
#[derive(Debug, Clone)]
pub struct MergeSpec {
    /// The path to the field that is the key: `["_id"]`, `["personalEmail", "address"]`.
    pub key: Vec<String>,
    /// A new file is begun when one reaches this many bytes.
    pub max_file: u64,
    /// Bytes that the merge may hold. As much as those who wrote the table's files had: one row group of a file is held
    /// at a time, compressed.
    pub memory: u64,
    /// Where a sort puts what does not fit; `None` for the system's folder of temporary files.
    pub spill: Option<PathBuf>,
    /// Grows by every row that is read, so that a long merge is seen to be alive. A row is read more than once.
    pub progress: Arc<AtomicU64>,
}

/// What became of the staged rows: together they are as many as those.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Keys that the table did not have.
    pub inserted: u64,
    /// Keys that have a new row.
    pub updated: u64,
    /// Keys that are gone.
    pub deleted: u64,
    /// Rows that were not the newest of their key in this run.
    pub superseded: u64,
    /// Rows older than the one that the table has.
    pub stale: u64,
    /// Deletions of keys that the table does not have.
    pub absent: u64,
}

impl Counts {
    /// All staged rows.
    pub fn total(&self) -> u64 {
        self.inserted + self.updated + self.deleted + self.superseded + self.stale + self.absent
    }
}

/// What a run's merge needs next.
#[derive(Debug, Clone)]
pub enum Prepared {
    /// Nothing: the run's data is in the table already.
    Landed(Committed),
    /// To be committed.
    Ready(Box<Merged>),
}

/// The files of a table's next version, complete and durable, and not yet part of it.
#[derive(Debug, Clone)]
pub struct Merged {
    /// What became of the staged rows.
    pub counts: Counts,
    /// Files that come.
    pub files: Vec<File>,
    /// Files that go.
    pub removed: Vec<Replaced>,
    /// The version that this was made of; `None` when there was no table.
    pub base: Option<u64>,
    /// What was in that version.
    pub(crate) made_of: Option<Made>,
    /// Rows that are in the new files as they were in the old ones.
    pub copied: u64,
    /// Files whose keys were read; of the others the statistics said enough.
    pub scanned: u64,
    pub(crate) columns: Schema,
    pub(crate) key: Vec<String>,
}

/// All of a version that a merge depends on. A later version that has the same is as good: others have only fenced, or
/// have committed no rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    /// Paths, with what another program may have marked in the file without renaming it.
    files: HashSet<String>,
    /// Columns and key.
    metadata: Metadata,
}

impl Made {
    pub fn of(snapshot: &DeltaTableState) -> Made {
        let mut files = HashSet::new();
        for view in snapshot.log_data().iter() {
            let marked = if view.deletion_vector_descriptor().is_some() { "?marked" } else { "" };
            files.insert(format!("{}{marked}", view.path()));
        }
        Made { files, metadata: snapshot.snapshot().metadata().clone() }
    }
}

/// A file of the table that a merge takes out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// Relative to the table.
    pub path: String,
    /// Bytes.
    pub size: u64,
}

impl Replaced {
    pub(crate) fn remove(&self, now: Time) -> Remove {
        Remove {
            path: self.path.clone(),
            data_change: true,
            deletion_timestamp: Some(now.timestamp_millis()),
            extended_file_metadata: Some(true),
            partition_values: Some(Default::default()),
            size: i64::try_from(self.size).ok(),
            ..Remove::default()
        }
    }
}

impl Merged {
    /// Whether the table is as it was when this was made, whatever its version.
    pub(crate) fn fits(&self, table: Option<&DeltaTable>) -> bool {
        let snapshot = table.and_then(|table| table.snapshot().ok());
        self.base == snapshot.map(|s| s.version()) || self.made_of == snapshot.map(Made::of)
    }

    pub(crate) fn operation(&self) -> DeltaOperation {
        let key: Vec<String> = self.key.iter().map(|name| format!("`{name}`")).collect();
        let key = key.join(".");
        let action = |action: &str, predicate: &str| MergePredicate {
            action_type: action.into(),
            predicate: Some(format!("{predicate} AND source.at_least_as_new")),
        };
        DeltaOperation::Merge {
            predicate: None,
            merge_predicate: Some(format!("target.{key} = source.{key}")),
            matched_predicates: vec![action("update", "NOT source.deleted"), action("delete", "source.deleted")],
            not_matched_predicates: vec![MergePredicate {
                action_type: "insert".into(),
                predicate: Some("NOT source.deleted".into()),
            }],
            not_matched_by_source_predicates: Vec::new(),
        }
    }

    /// As other writers name them in a table's history.
    pub(crate) fn metrics(&self) -> Value {
        let counts = &self.counts;
        json!({
            "numSourceRows": counts.total(),
            "numTargetRowsInserted": counts.inserted,
            "numTargetRowsUpdated": counts.updated,
            "numTargetRowsDeleted": counts.deleted,
            "numTargetRowsCopied": self.copied,
            "numOutputRows": self.copied + counts.inserted + counts.updated,
            "numTargetFilesScanned": self.scanned,
            "numTargetFilesAdded": self.files.len(),
            "numTargetFilesRemoved": self.removed.len(),
        })
    }
}

impl Table {
    /// Makes the files of the table's next version of its newest one and a run's staged files. See the module for the
    /// rule. The caller keeps the counts, then calls [`Table::commit_merge`].
    pub async fn prepare_merge(
        &self,
        txn: &Txn,
        schema: &FieldTree,
        spec: &MergeSpec,
        staged: &[File],
    ) -> Result<Prepared> {
        let table = self.open().await?;
        let progress = self.progress_of(table.as_ref(), &txn.flow).await?;
        if let Some(committed) = progress.decide(txn)? {
            return Ok(Prepared::Landed(committed));
        }
        if !plain(&txn.batch) {
            return Err(Error::internal(format!("A merge cannot make file names of batch {:?}.", txn.batch)));
        }
        let key = Key::new(schema, &spec.key)?;
        let wanted = merged_schema(schema)?;
        let mut columns = wanted.clone();
        let mut stored = Vec::new();
        let mut made_of = None;
        if let Some(table) = &table {
            let doing = || format!("The lake could not read the files of {}.", self.path);
            let snapshot = table.snapshot().map_err(|e| failed(e, doing()))?;
            columns = merge(&snapshot.snapshot().arrow_schema(), &wanted)?;
            for view in snapshot.log_data().iter() {
                stored.push(Stored::of(&view, &key)?);
            }
            made_of = Some(Made::of(snapshot));
            // Before anything is written; the commit looks again.
            let metadata = snapshot.snapshot().metadata().clone();
            keyed::after(&self.path, metadata, !stored.is_empty(), Some(&spec.key))?;
        }
        let plan = Plan {
            source: Source::new(self.lake.store(), self.path.clone(), spec.progress.clone()),
            label: format!("{}-{}", txn.batch, txn.epoch),
            epoch: txn.epoch,
            key,
            columns: columns.into(),
            spec: spec.clone(),
            workers: workers(spec.memory),
        };
        let (counts, written) = plan.run(stored, staged).await?;
        Ok(Prepared::Ready(Box::new(Merged {
            counts,
            files: written.files,
            removed: written.removed,
            base: progress.version,
            made_of,
            copied: written.copied,
            scanned: written.scanned,
            columns: wanted,
            key: spec.key.clone(),
        })))
    }
}

/// The columns of a merged table.
fn merged_schema(schema: &FieldTree) -> Result<Schema> {
    let own = arrow_schema(schema);
    let technical = staged_fields();
    if let Some(field) = own.fields().iter().find(|f| technical.iter().any(|t| t.name() == f.name())) {
        return Err(Error::new(
            Kind::Invalid,
            CODE,
            format!("The schema has a field {}, a name that merged datasets keep for themselves.", field.name()),
        ));
    }
    let mut fields = own.fields().to_vec();
    fields.extend(technical.into_iter().filter(|f| f.name() == VERSION).map(Into::into));
    Ok(Schema::new(fields))
}

fn workers(memory: u64) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    usize::try_from(memory / WORKER).unwrap_or(WORKERS).clamp(1, WORKERS.min(processors).max(1))
}
