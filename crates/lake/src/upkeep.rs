//! What keeps a table quick and small: small files put together, checkpoints, old log entries and unnamed files deleted.
//! Every step is safe beside commits: compaction is itself a commit that no append conflicts with, that gives way to a
//! merge that removes any file, and that leaves the flows' transaction ids alone; log entries go only below a
//! checkpoint, which holds those ids; and the vacuum takes files older than its retention, which must exceed the longest
//! run, since a run's files have no name until it commits.

use crate::commit::lost_race;
use crate::error::{CODE, failed};
use crate::layout;
use crate::store::{Lake, Table};
use crate::write::properties;
use chrono::{DateTime, Duration, Utc};
use deltalake::DeltaTable;
use deltalake::checkpoints::{cleanup_expired_logs_for, create_checkpoint};
use deltalake::delta_datafusion::create_session_state_with_spill_config;
use deltalake::operations::vacuum::{Clock, VacuumMode};
use forebay_model::{Error, Kind, Result, Time};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use std::num::NonZeroU64;
use std::sync::Arc;
use tracing::debug;

/// No run is this short of time: a shorter retention is refused.
const RETENTION_MIN: Duration = Duration::hours(1);
/// A compaction that takes longer commits what it has.
const COMMIT_EVERY: std::time::Duration = std::time::Duration::from_secs(60);
/// Bytes of temporary files that a compaction may make.
const SPILL: u64 = 1 << 30;

/// What to keep, and for how long.
#[derive(Debug, Clone)]
pub struct Upkeep {
    /// A checkpoint is written every so many commits.
    pub checkpoint_interval: u64,
    /// When small files are put together; `None` for never.
    pub compact: Option<Compact>,
    /// Files that no version names are deleted after this long. Must exceed the longest run.
    pub vacuum_retention: Duration,
    /// Log entries below a checkpoint are deleted after this long. Must exceed the longest pause of a worker.
    pub log_retention: Duration,
    /// Bytes that a compaction may hold.
    pub memory: usize,
    /// The time that retentions count from.
    pub now: Time,
}

/// When small files are put together.
#[derive(Debug, Clone, Copy)]
pub struct Compact {
    /// Bytes of a file that is large enough.
    pub target: NonZeroU64,
    /// How many files must be less than half of that before it is worth it.
    pub min_files: usize,
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Files that were put together.
    pub compacted: u64,
    /// Files that they became.
    pub compacted_into: u64,
    /// A checkpoint was written.
    pub checkpoint: bool,
    /// Log entries deleted.
    pub log_entries: u64,
    /// Data files deleted.
    pub vacuumed: u64,
    /// Half-written files deleted.
    pub swept: u64,
}

impl Table {
    /// Does what is due. A table that does not exist needs nothing.
    pub async fn maintain(&self, upkeep: &Upkeep) -> Result<Kept> {
        if upkeep.vacuum_retention < RETENTION_MIN || upkeep.log_retention < RETENTION_MIN {
            return Err(Error::new(
                Kind::Invalid,
                CODE,
                "The lake's retentions must be at least an hour, and longer than any run.",
            ));
        }
        let mut kept = Kept::default();
        let Some(mut table) = self.open().await? else {
            return Ok(kept);
        };
        // Below the checkpoint of an earlier time, which every reader knows by now.
        kept.log_entries = self.clean_log(&table, upkeep.now - upkeep.log_retention).await?;
        if kept.log_entries > 0 {
            // The state at hand may be made of the entries that went.
            let Some(again) = self.open().await? else {
                return Ok(kept);
            };
            table = again;
        }
        if let Some(compact) = upkeep.compact {
            (table, kept.compacted, kept.compacted_into) = self.compact(table, compact, upkeep.memory).await?;
        }
        kept.checkpoint = self.checkpoint(&table, upkeep.checkpoint_interval).await?;
        kept.vacuumed = self.vacuum(table, upkeep).await?;
        kept.swept = self.lake.sweep(&self.path, upkeep.now - upkeep.vacuum_retention).await?;
        Ok(kept)
    }

    /// Deletes the table with everything in it. It is no error if there is none; repeat it until it succeeds.
    pub async fn remove(&self) -> Result<()> {
        self.lake.delete_all(&self.path).await
    }

    async fn compact(&self, table: DeltaTable, compact: Compact, memory: usize) -> Result<(DeltaTable, u64, u64)> {
        let doing = || format!("The lake could not put the small files of {} together.", self.path);
        let snapshot = table.snapshot().map_err(|e| failed(e, doing()))?;
        let half = i64::try_from(compact.target.get() / 2).unwrap_or(i64::MAX);
        let small = snapshot.log_data().iter().filter(|f| f.size() < half).count();
        if small < compact.min_files.max(2) {
            return Ok((table, 0, 0));
        }
        let session = create_session_state_with_spill_config(Some(memory), Some(SPILL));
        let done = table
            .optimize()
            .with_target_size(compact.target)
            .with_max_concurrent_tasks(1)
            .with_min_commit_interval(COMMIT_EVERY)
            .with_writer_properties(properties())
            .with_session_state(Arc::new(session))
            .await;
        let (table, done) = match done {
            Ok(done) => done,
            // A merge has removed a file, one of these or any other: there is a next time.
            Err(error) if lost_race(&error) => {
                debug!(table = %self.path, "another commit came first; small files stay as they are");
                let again = self.open().await?;
                return Ok((again.ok_or_else(|| failed(error, doing()))?, 0, 0));
            }
            Err(error) => return Err(failed(error, doing())),
        };
        Ok((table, done.num_files_removed, done.num_files_added))
    }

    async fn checkpoint(&self, table: &DeltaTable, interval: u64) -> Result<bool> {
        let doing = || format!("The lake could not write a checkpoint of {}.", self.path);
        let version = table.version().unwrap_or_default();
        let due = match self.last_checkpoint().await? {
            Some(last) => version >= last + interval.max(1),
            None => version + 1 >= interval,
        };
        if due {
            create_checkpoint(table, None).await.map_err(|e| failed(e, doing()))?;
        }
        Ok(due)
    }

    /// The version of the newest checkpoint, by the hint beside it.
    async fn last_checkpoint(&self) -> Result<Option<u64>> {
        let doing = || format!("The lake could not look for checkpoints of {}.", self.path);
        let at: Path = self.path.parts().chain(Path::from("_delta_log/_last_checkpoint").parts()).collect();
        let hint = match self.lake.store().get(&at).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error, doing())),
            Ok(found) => found.bytes().await.map_err(|e| failed(e, doing()))?,
        };
        let hint: Option<serde_json::Value> = serde_json::from_slice(&hint).ok();
        Ok(hint.and_then(|h| h.get("version")?.as_u64()))
    }

    async fn clean_log(&self, table: &DeltaTable, before: DateTime<Utc>) -> Result<u64> {
        let version = table.version().unwrap_or_default();
        let log = table.log_store();
        let deleted = cleanup_expired_logs_for(version, log.as_ref(), before.timestamp_millis(), None)
            .await
            .map_err(|e| failed(e, format!("The lake could not clean up the log of {}.", self.path)))?;
        Ok(deleted as u64)
    }

    async fn vacuum(&self, table: DeltaTable, upkeep: &Upkeep) -> Result<u64> {
        // Only a full vacuum finds files that no version ever named: those of failed and repeated tasks.
        let (_, done) = table
            .vacuum()
            .with_mode(VacuumMode::Full)
            .with_retention_period(upkeep.vacuum_retention)
            .with_enforce_retention_duration(false)
            .with_clock(Arc::new(At(upkeep.now)))
            .await
            .map_err(|e| failed(e, format!("The lake could not delete unused files of {}.", self.path)))?;
        Ok(done.files_deleted.len() as u64)
    }
}

impl Lake {
    /// Deletes diagnostics and other leftovers of a sandbox's batches that were written before `before`.
    pub async fn expire_batches(&self, sandbox: &str, before: Time) -> Result<u64> {
        self.expire(&layout::batch(sandbox, ""), before).await
    }
}

#[derive(Debug)]
struct At(Time);

impl Clock for At {
    fn current_timestamp_millis(&self) -> i64 {
        self.0.timestamp_millis()
    }
}
