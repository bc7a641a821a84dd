//! Exactly-once: one Delta transaction a run, fenced by the epoch of its claim.
//!
//! # The rule
//! Every claim of a run takes its flow's next epoch. A table keeps two transaction ids for each flow that writes to it:
//! - `<flow>`: the highest epoch of any claim that has touched the table, by a fence or by its data;
//! - `<flow>/data`: the epoch whose claim committed data last.
//!
//! [`Table::commit`] reads both from the newest snapshot and decides:
//! 1. `<flow>/data` is one of this *run's* epochs: its data is in the table. Nothing is done, and that is success.
//! 2. `<flow>` is above this claim's epoch: somebody took over. Refused with [`Kind::Conflict`].
//! 3. Otherwise the files, any new columns and both ids become one commit, put only if no other commit has taken the
//!    next version; if one has, everything is read and decided again.
//!
//! Whoever takes over, fails or cancels a run first commits a fence, `<flow>` = its own epoch and nothing else. From then
//! on the old holder is refused by 2, or loses the put of 3 and is refused when it reads again. A fence carries one of
//! the run's own epochs, so a single id could not tell it from the run's data; commit metadata could, but is lost when
//! the log is cleaned up, while both ids are in every checkpoint. Hence two ids.
//!
//! A merge ([`Table::commit_merge`]) goes by the same rule with one more: its files were made of those of one version of
//! the table, so they go in as the next of a version that has the same files and columns, or not at all.
//!
//! Rows that are merged by a key stay with that key: a commit whose rows go by another, or by none, is refused with
//! [`Kind::Invalid`] (`keyed`).
//!
//! A table that does not exist cannot hold a fence, and an old holder could still create it. So a fence creates the
//! table, empty, with its columns; version 0 is put only if absent, like any other.
//!
//! Before a run is called failed, the caller fences anew and looks at [`Progress::landed`]: a commit whose answer was lost
//! has landed, and the run has succeeded. That fence is a version of its own though the claim began with one of the same
//! epoch: a put that is still on its way was made for the next version, and finds it taken. (Rule 1 knows only the flow's newest data. A run whose data landed must not be
//! re-triggered after a later run committed, and it cannot be: it never became a failed one.)

mod revert;

use crate::error::{CODE, failed, unreached};
use crate::keyed;
use crate::schema::{arrow_schema, delta_schema, merge};
use crate::store::Table;
use crate::upsert::{Merged, Prepared};
use crate::write::File;
use datafusion::arrow::datatypes::Schema;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties, TableReference, TransactionError};
use deltalake::kernel::{Action, Add, MetadataExt, Protocol, Remove, Transaction, new_metadata};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::{DeltaTable, DeltaTableError};
use forebay_model::xdm::FieldTree;
use forebay_model::{Error, Kind, Result, Time};
use serde_json::{Value, json};
use std::time::Duration;
use tracing::debug;

/// How often a commit may lose the race for the next version.
const ATTEMPTS: u32 = 100;

/// Who commits: one claim of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Txn {
    /// The flow's id.
    pub flow: String,
    /// The epochs of all claims of this run so far, this one's included.
    pub epochs: Vec<i64>,
    /// This claim's epoch.
    pub epoch: i64,
    /// The run's id, for the table's history.
    pub run: String,
    /// The batch's id, for the table's history.
    pub batch: String,
    /// The commit's time.
    pub now: Time,
}

/// A run's data is in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The version that this call committed, or the newest one if the data was there already.
    pub version: u64,
    /// An earlier call had committed it.
    pub already: bool,
}

/// How far a flow has come in a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// The table's newest version; `None` when there is no table.
    pub version: Option<u64>,
    /// The highest epoch that has fenced or committed.
    pub fenced: Option<i64>,
    /// The epoch whose data was committed last.
    pub data: Option<i64>,
}

impl Progress {
    /// Whether the data of the run with these epochs is in the table.
    pub fn landed(&self, epochs: &[i64]) -> bool {
        self.data.is_some_and(|data| epochs.contains(&data))
    }

    /// Rules 1 and 2: `Some` when the run's data is in the table, an error when another has taken over.
    pub(crate) fn decide(&self, txn: &Txn) -> Result<Option<Committed>> {
        if self.landed(&txn.epochs) {
            return Ok(Some(Committed { version: self.version.unwrap_or_default(), already: true }));
        }
        self.refuse(&txn.flow, txn.epoch)?;
        Ok(None)
    }

    fn refuse(&self, flow: &str, epoch: i64) -> Result<()> {
        match self.fenced {
            Some(fenced) if fenced > epoch => Err(Error::new(
                Kind::Conflict,
                CODE,
                format!("Another worker has taken over flow {flow}: epoch {epoch} was replaced by {fenced}."),
            )),
            _ => Ok(()),
        }
    }
}

fn data_id(flow: &str) -> String {
    format!("{flow}/data")
}

/// What one commit changes.
struct Change<'a> {
    schema: &'a Schema,
    files: &'a [File],
    /// What a merge's rows go by.
    key: Option<&'a [String]>,
    removes: Vec<Remove>,
    operation: DeltaOperation,
    txns: Vec<Transaction>,
    notes: Vec<(String, Value)>,
    time: Option<i64>,
}

impl<'a> Change<'a> {
    /// A run's data: files to add, both ids, and for the table's history who it was.
    fn data(txn: &Txn, schema: &'a Schema, files: &'a [File]) -> Change<'a> {
        Change {
            schema,
            files,
            key: None,
            removes: Vec::new(),
            operation: append(),
            txns: vec![Transaction::new(&txn.flow, txn.epoch), Transaction::new(data_id(&txn.flow), txn.epoch)],
            notes: vec![
                ("forebay.flow".into(), json!(txn.flow)),
                ("forebay.run".into(), json!(txn.run)),
                ("forebay.batch".into(), json!(txn.batch)),
                ("forebay.epoch".into(), json!(txn.epoch)),
            ],
            time: Some(txn.now.timestamp_millis()),
        }
    }
}

fn append() -> DeltaOperation {
    DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None }
}

enum Outcome {
    Version(u64),
    /// Somebody else took the version, or the answer was lost: read again.
    Again,
}

impl Table {
    /// Makes a run's files part of the table, with `schema` as the columns they have. See the module for the rule.
    /// With no files the commit still marks the run as done.
    pub async fn commit(&self, txn: &Txn, schema: &FieldTree, files: &[File]) -> Result<Committed> {
        let columns = arrow_schema(schema);
        let change = Change::data(txn, &columns, files);
        let committed = self.commit_change(txn, &change, None).await?;
        committed.ok_or_else(|| Error::internal("An append was said to depend on what the table holds."))
    }

    /// Makes a prepared merge the table's next version, under the module's rule. `None`: another commit has changed the
    /// table's files or columns, and what was prepared is worth nothing any more: prepare again.
    pub async fn commit_merge(&self, txn: &Txn, prepared: &Prepared) -> Result<Option<Committed>> {
        let merged = match prepared {
            Prepared::Landed(committed) => return Ok(Some(*committed)),
            Prepared::Ready(merged) => merged,
        };
        let mut change = Change::data(txn, &merged.columns, &merged.files);
        change.removes = merged.removed.iter().map(|old| old.remove(txn.now)).collect();
        change.key = Some(&merged.key);
        change.operation = merged.operation();
        change.notes.push(("operationMetrics".into(), merged.metrics()));
        self.commit_change(txn, &change, Some(merged)).await
    }

    /// Decides by the newest version, and puts the next, until nobody comes first. `None`: the table is not what the
    /// merge was made of.
    async fn commit_change(
        &self,
        txn: &Txn,
        change: &Change<'_>,
        merged: Option<&Merged>,
    ) -> Result<Option<Committed>> {
        for attempt in 0..ATTEMPTS {
            let table = self.open().await?;
            let progress = self.progress_of(table.as_ref(), &txn.flow).await?;
            if let Some(committed) = progress.decide(txn)? {
                return Ok(Some(committed));
            }
            if merged.is_some_and(|merged| !merged.fits(table.as_ref())) {
                return Ok(None);
            }
            match self.put(table, change).await {
                Ok(Outcome::Version(version)) => return Ok(Some(Committed { version, already: false })),
                Ok(Outcome::Again) => self.lost(attempt).await,
                Err(error) => return self.settle(txn, error).await.map(Some),
            }
        }
        Err(self.crowded())
    }

    /// Takes the flow over: after this, no claim with a lower epoch can commit. Creates the table if there is none.
    /// Refused when a higher epoch has been here. Says how far the flow has come, the fence included. A claim that has
    /// fenced already is not made to do it twice.
    pub async fn fence(&self, flow: &str, epoch: i64, schema: &FieldTree) -> Result<Progress> {
        self.take_over(flow, epoch, schema, |progress| progress.fenced == Some(epoch)).await
    }

    /// As [`Table::fence`], with a version of its own in any case: of this claim too, no put that was sent before can
    /// land after this. What it says of the claim's data is therefore the last word, once the claim puts no more.
    pub async fn fence_anew(&self, flow: &str, epoch: i64, schema: &FieldTree) -> Result<Progress> {
        self.take_over(flow, epoch, schema, |_| false).await
    }

    async fn take_over(
        &self,
        flow: &str,
        epoch: i64,
        schema: &FieldTree,
        done: impl Fn(&Progress) -> bool,
    ) -> Result<Progress> {
        let columns = arrow_schema(schema);
        let change = Change {
            schema: &columns,
            files: &[],
            key: None,
            removes: Vec::new(),
            operation: append(),
            txns: vec![Transaction::new(flow, epoch)],
            notes: vec![("forebay.flow".into(), json!(flow)), ("forebay.fence".into(), json!(epoch))],
            time: None,
        };
        for attempt in 0..ATTEMPTS {
            let table = self.open().await?;
            let progress = self.progress_of(table.as_ref(), flow).await?;
            progress.refuse(flow, epoch)?;
            if done(&progress) {
                return Ok(progress);
            }
            match self.put(table, &change).await? {
                Outcome::Version(version) => {
                    return Ok(Progress { version: Some(version), fenced: Some(epoch), ..progress });
                }
                Outcome::Again => self.lost(attempt).await,
            }
        }
        Err(self.crowded())
    }

    /// How far a flow has come. On restart this is read first, and the store second.
    pub async fn progress(&self, flow: &str) -> Result<Progress> {
        let table = self.open().await?;
        self.progress_of(table.as_ref(), flow).await
    }

    pub(crate) async fn progress_of(&self, table: Option<&DeltaTable>, flow: &str) -> Result<Progress> {
        let Some(table) = table else {
            return Ok(Progress::default());
        };
        let doing = || format!("The lake could not read how far {} has come.", self.path);
        let log = table.log_store();
        let snapshot = table.snapshot().map_err(|e| failed(e, doing()))?;
        let fenced = snapshot.transaction_version(log.as_ref(), flow).await.map_err(|e| failed(e, doing()))?;
        let data = snapshot.transaction_version(log.as_ref(), data_id(flow)).await.map_err(|e| failed(e, doing()))?;
        Ok(Progress { version: Some(snapshot.version()), fenced, data })
    }

    /// One attempt at the version after the one that `table` shows.
    async fn put(&self, table: Option<DeltaTable>, change: &Change<'_>) -> Result<Outcome> {
        let doing = || format!("The lake could not commit to {}.", self.path);
        let mut actions = Vec::with_capacity(change.files.len() + change.removes.len() + 2);
        let log = match &table {
            None => {
                let columns = delta_schema(change.schema)?;
                let none: [&str; 0] = [];
                let metadata = new_metadata(&columns, none, keyed::new(change.key));
                actions.push(Action::Protocol(protocol()?));
                actions.push(Action::Metadata(metadata.map_err(|e| failed(e, doing()))?));
                self.handle()?.log_store()
            }
            Some(table) => {
                let snapshot = table.snapshot().map_err(|e| failed(e, doing()))?.snapshot();
                let current = snapshot.arrow_schema();
                let mut metadata = snapshot.metadata().clone();
                // A fence brings no files, and so no columns either.
                if !change.files.is_empty() {
                    let merged = merge(&current, change.schema)?;
                    if merged != *current {
                        let grown = metadata.with_schema(&delta_schema(&merged)?);
                        metadata = grown.map_err(|e| failed(e, doing()))?;
                    }
                }
                if change.key.is_some() || !change.files.is_empty() {
                    let has_rows = snapshot.log_data().iter().next().is_some();
                    metadata = keyed::after(&self.path, metadata, has_rows, change.key)?;
                }
                if metadata != *snapshot.metadata() {
                    actions.push(Action::Metadata(metadata));
                }
                table.log_store()
            }
        };
        for file in change.files {
            actions.push(Action::Add(add(file, change.time.unwrap_or_default())?));
        }
        actions.extend(change.removes.iter().cloned().map(Action::Remove));
        let properties = CommitProperties::default()
            .with_max_retries(0)
            .with_create_checkpoint(false)
            .with_cleanup_expired_logs(Some(false))
            .with_application_transactions(change.txns.clone())
            .with_metadata(change.notes.iter().cloned());
        let state = match &table {
            Some(table) => Some(table.snapshot().map_err(|e| failed(e, doing()))? as &dyn TableReference),
            None => None,
        };
        let commit = CommitBuilder::from(properties).with_actions(actions).build(state, log, change.operation.clone());
        let prepared = commit.into_prepared_commit_future().await.map_err(|e| failed(e, doing()))?;
        match prepared.await {
            Ok(done) => Ok(Outcome::Version(done.version)),
            Err(error) if lost_race(&error) => Ok(Outcome::Again),
            Err(error) => Err(unreached(error, doing())),
        }
    }

    /// A commit failed, and perhaps only its answer did: the table knows.
    async fn settle(&self, txn: &Txn, error: Error) -> Result<Committed> {
        match self.progress(&txn.flow).await {
            Ok(progress) if progress.landed(&txn.epochs) => {
                Ok(Committed { version: progress.version.unwrap_or_default(), already: false })
            }
            _ => Err(error),
        }
    }

    /// Somebody else took the next version. Waits a little longer each time, by chance, so that racers part ways.
    async fn lost(&self, attempt: u32) {
        debug!(table = %self.path, attempt, "another commit came first; the table is read again");
        let limit = 10 * u64::from(attempt.min(30) + 1);
        let chance = u64::from(uuid::Uuid::new_v4().as_bytes()[0]);
        tokio::time::sleep(Duration::from_millis(limit * chance / 256)).await;
    }

    fn crowded(&self) -> Error {
        Error::new(
            Kind::Unavailable { retry_after: None },
            CODE,
            format!("The lake could not commit to {}: others took the next version {ATTEMPTS} times.", self.path),
        )
    }
}

/// Whether a commit failed because of others, and may be tried again after another look.
pub(crate) fn lost_race(error: &DeltaTableError) -> bool {
    matches!(
        error,
        DeltaTableError::VersionAlreadyExists(_)
            | DeltaTableError::Transaction {
                source: TransactionError::MaxCommitAttempts(_)
                    | TransactionError::CommitConflict(_)
                    | TransactionError::VersionAlreadyExists(_),
            }
    )
}

/// The oldest protocol there is: everybody can read it and append to it.
fn protocol() -> Result<Protocol> {
    serde_json::from_value(json!({ "minReaderVersion": 1, "minWriterVersion": 2 }))
        .map_err(|e| failed(e, "The lake could not state its protocol."))
}

fn add(file: &File, time: i64) -> Result<Add> {
    let size = i64::try_from(file.size).map_err(|e| failed(e, "A data file is larger than a table can say."))?;
    Ok(Add {
        path: file.path.clone(),
        size,
        modification_time: time,
        data_change: true,
        stats: Some(file.stats.clone()),
        ..Add::default()
    })
}
