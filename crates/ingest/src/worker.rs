//! Claims runs and leads each to its end: plan → copy → promote → commit → finish. Batches that clients upload go the same
//! way, from their own queue (`worker/batches.rs`).
//!
//! Always holds:
//! - Nothing is written before the run's plan is recorded, and nothing is committed before what was promoted is
//!   recorded beside it; so whoever takes the run over can tell its story without reading the source again.
//! - A claim after the first fences the table before it looks at it, so an old holder that wakes up commits nothing.
//! - On a resumed run the table is read first, the store second.
//! - A run ends in one transaction of the store with its cursor, its batch and its flow's last run.

mod batches;
mod tables;
mod telling;

use crate::copy::Copied;
use crate::decode::Objects;
use crate::journal::Journal;
use crate::mapping::{Upserts, Versions};
use crate::outcome::{self, Outcome};
use crate::plan::{Bounds, Cursor, LeftOut, Plan, Planner};
use crate::promote::{Progress, Promoted, Promotion, promote};
use crate::raw::{self, Landed};
use crate::setup::{self, Reads, Setup};
use crate::story;
use forebay_lake::{Committed, Counts, Lake, MergeSpec, Prepared, Table, Txn, WriteSpec, layout};
use forebay_model::files::{Object, Selection, Window};
use forebay_model::mapping::ast::{FieldPath, Step};
use forebay_model::run::Status;
use forebay_model::run::trace::Step as Stop;
use forebay_model::xdm::FieldTree;
use forebay_model::{Context, Error, Kind, Result, Scope, Time, code};
use forebay_sources::tables::{CHANGE, VERSION};
use forebay_sources::{Accounts, Remote};
use forebay_store::{BatchClaim, Claim, End, Store};
use futures::stream::BoxStream;
use futures::{FutureExt, TryStreamExt};
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, warn};

/// How often a run tells how far it is.
const TELL: Duration = Duration::from_secs(1);

/// A run that does not move for this long says so in its log.
const STILL: Duration = Duration::from_secs(30);

/// A run that was begun this many times as often as it may be tried, and never came to an end, takes its process down.
const FUTILE: u32 = 4;

/// How often a worker says that it is there.
const BEAT: Duration = Duration::from_secs(10);

/// How a worker works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This worker's name in claims.
    pub name: String,
    /// Runs side by side.
    pub concurrency: usize,
    /// Objects of a run read side by side.
    pub tasks: usize,
    /// Bytes a run's writers may hold.
    pub memory: u64,
    /// Where a merge puts what does not fit into its memory; none for the system's folder of temporary files.
    pub spill: Option<PathBuf>,
    /// Aim of one file, in bytes.
    pub file_size: u64,
    /// Claims of a run before it fails.
    pub attempts: u32,
    /// A claim's life without renewal.
    pub lease: Duration,
    /// A run without progress for this long is ended.
    pub idle: Duration,
    /// The longest time between two checkpoints while a table is copied.
    pub checkpoint: Duration,
    /// See [`Cursor`]; milliseconds.
    pub overlap: i64,
    /// How often due flows are looked for.
    pub tick: Duration,
    /// Origin of links in run documents.
    pub public_url: String,
}

/// What takes new columns of a source over into a flow's mapping, where its policy says so. Documents are the API's: in the
/// program, it is that.
#[async_trait::async_trait]
pub trait Propagate: Send + Sync {
    /// Answers the columns that the next run fills, and those that wait for a person, with the reason.
    async fn propagate(&self, scope: &Scope, flow: &str) -> Result<(Vec<String>, Vec<(String, String)>)>;
}

/// A worker and what it works with.
#[derive(Clone)]
pub struct Worker {
    /// Claims and documents.
    pub store: Store,
    /// Where rows go.
    pub lake: Lake,
    /// The way to the outside.
    pub accounts: Accounts,
    /// How it works.
    pub settings: Arc<Settings>,
    /// Takes new columns over; without it they wait.
    pub columns: Option<Arc<dyn Propagate>>,
    /// What time it is.
    pub clock: fn() -> Time,
}

/// What is recorded with a run while it goes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Record {
    /// What it reads.
    pub plan: Plan,
    /// What it promoted last, recorded before the commit.
    #[serde(default)]
    pub promoted: Option<Promoted>,
    /// When copying began and ended, and promotion began; epoch milliseconds.
    #[serde(default)]
    pub times: story::Times,
    /// The run failed with this plan: whoever works on it again plans what is left of it.
    #[serde(default)]
    pub failed: bool,
    /// An object of the plan had changed: what is left of it has to be looked for.
    #[serde(default)]
    pub verify: bool,
    /// How far it has copied, where the source is a table.
    #[serde(default)]
    pub copied: Option<Copied>,
    /// Its landed segments wait for it to be re-triggered; no other run takes them.
    #[serde(default)]
    pub owned: bool,
    /// What its rows did to a dataset that keeps one row a key, recorded before the commit.
    #[serde(default)]
    pub merged: Option<Counts>,
    /// Of a batch that was uploaded: the objects that its files are made of.
    #[serde(default)]
    pub uploads: batches::Uploads,
}

impl Record {
    /// Keeps it with its run; `Conflict` when the run is no longer ours.
    pub(crate) async fn save(&self, store: &Store, claim: &Claim) -> Result<()> {
        store.save_plan(claim, &self.json()).await.map_err(lost)
    }

    fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("a record is plain data")
    }
}

/// A claim, of a run or of a batch: what the holder does whatever it is of.
trait Held: Sync {
    /// Prolongs the lease; false when it is no longer ours.
    fn renew(&self, worker: &Worker) -> impl Future<Output = Result<bool>> + Send;
    /// Tells how far the work is, and if it has moved, in its document too.
    fn tell(&self, worker: &Worker, progress: &Progress, moved: bool) -> impl Future<Output = Result<()>> + Send;
    /// Who has asked for its end.
    fn cancelled(&self, worker: &Worker) -> impl Future<Output = Result<Option<String>>> + Send;
    /// Keeps the record; `Conflict` when it is no longer ours.
    fn save(&self, worker: &Worker, record: &Record) -> impl Future<Output = Result<()>> + Send;
    /// The folder of the batch's row errors.
    fn row_errors(&self) -> String;
}

impl Held for Claim {
    async fn renew(&self, worker: &Worker) -> Result<bool> {
        worker.store.renew(self, (worker.clock)(), worker.settings.lease).await
    }

    async fn tell(&self, worker: &Worker, progress: &Progress, moved: bool) -> Result<()> {
        worker.tell(self, progress, moved).await
    }

    async fn cancelled(&self, worker: &Worker) -> Result<Option<String>> {
        worker.store.cancelled(self).await
    }

    async fn save(&self, worker: &Worker, record: &Record) -> Result<()> {
        record.save(&worker.store, self).await
    }

    fn row_errors(&self) -> String {
        layout::row_errors(&self.scope.sandbox, &self.batch)
    }
}

/// What is claimed.
enum Work {
    Run(Box<Claim>),
    Batch(Box<BatchClaim>),
}

impl Work {
    /// What it is called, for the log.
    fn name(&self) -> String {
        match self {
            Work::Run(claim) => format!("run {}", claim.run.id),
            Work::Batch(claim) => format!("batch {}", claim.batch.id),
        }
    }

    fn span(&self) -> tracing::Span {
        match self {
            Work::Run(claim) => {
                tracing::info_span!("run", run.id = %claim.run.id, flow.id = %claim.flow.id, epoch = claim.epoch)
            }
            Work::Batch(claim) => {
                tracing::info_span!("batch", batch.id = %claim.batch.id, dataset.id = %claim.dataset, epoch = claim.epoch)
            }
        }
    }
}

impl Worker {
    /// Works until `stop`; then gives back what it holds and returns.
    pub async fn run(self, stop: CancellationToken) {
        let slots = Arc::new(tokio::sync::Semaphore::new(self.settings.concurrency.max(1)));
        let mut running = tokio::task::JoinSet::new();
        let mut changed = self.store.changed();
        // A set: it ends with this future, however that ends.
        let mut beating = tokio::task::JoinSet::new();
        beating.spawn(self.clone().beat(stop.clone()));
        while !stop.is_cancelled() {
            while running.try_join_next().is_some() {}
            if let Err(e) = self.store.enqueue_due((self.clock)()).await {
                warn!(error = %e, source = ?e.source, "due flows could not be looked up");
            }
            let slot = tokio::select! {
                slot = slots.clone().acquire_owned() => slot.expect("the semaphore is never closed"),
                () = stop.cancelled() => break,
            };
            match self.next_work().await {
                Ok(Some(work)) => {
                    let (worker, stop) = (self.clone(), stop.clone());
                    running.spawn(async move {
                        let (name, span) = (work.name(), work.span());
                        let leading = async move {
                            match work {
                                Work::Run(claim) => worker.lead(*claim, stop).await,
                                Work::Batch(claim) => worker.lead_batch(*claim, stop).await,
                            }
                        };
                        if let Err(e) = tokio::spawn(leading.instrument(span)).await {
                            error!(error = %e, "the {name} panicked; its claim expires and it is taken over");
                        }
                        drop(slot);
                    });
                }
                Ok(None) => {
                    drop(slot);
                    tokio::select! {
                        _ = changed.changed() => {}
                        () = tokio::time::sleep(self.settings.tick) => {}
                        () = stop.cancelled() => {}
                    }
                }
                Err(e) => {
                    drop(slot);
                    warn!(error = %e, source = ?e.source, "nothing could be claimed");
                    tokio::time::sleep(self.settings.tick).await;
                }
            }
        }
        while running.join_next().await.is_some() {}
        while beating.join_next().await.is_some() {}
    }

    /// Says again and again that this worker is there, with work or without.
    async fn beat(self, stop: CancellationToken) {
        loop {
            let over = stop.is_cancelled();
            let life = if over { Duration::ZERO } else { 3 * BEAT };
            if let Err(e) = self.store.worker_is_there(&self.settings.name, (self.clock)(), life).await {
                warn!(error = %e, "the worker's sign of life could not be given");
            }
            if over {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(BEAT) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Claims a run, or else a batch.
    async fn next_work(&self) -> Result<Option<Work>> {
        let (name, lease) = (&self.settings.name, self.settings.lease);
        if let Some(claim) = self.store.claim(name, (self.clock)(), lease).await? {
            return Ok(Some(Work::Run(Box::new(claim))));
        }
        let batch = self.store.claim_batch(name, (self.clock)(), lease).await?;
        Ok(batch.map(|claim| Work::Batch(Box::new(claim))))
    }

    /// Leads one claimed run to an outcome.
    async fn lead(&self, claim: Claim, stop: CancellationToken) {
        let progress = Arc::new(Progress::of_run(self.clock, claim.trace.stages.clone()));
        self.claimed(&claim, &progress.journal);
        let mut record = match claim.plan.clone().map(serde_json::from_value::<Option<Record>>).transpose() {
            Ok(record) => record.flatten(),
            Err(e) => {
                error!(error = %e, "the run's record is not readable; it is planned anew");
                None
            }
        };
        // A panic ends its run, not the worker; what is recorded up to then says whether rows were committed.
        let working = AssertUnwindSafe(self.work(&claim, &mut record, progress.clone())).catch_unwind();
        let worked = tokio::select! {
            worked = working => worked.unwrap_or_else(|_| Err(Error::internal("the run panicked"))),
            ended = self.watch(&claim, progress.clone()) => Err(ended),
            () = stop.cancelled() => {
                self.stopped(&claim, &progress).await;
                return;
            }
        };
        let ended = match worked {
            Ok(()) => return,
            Err(error) => self.fail(&claim, record, &progress, error).await,
        };
        if let Err(e) = ended {
            error!(error = %e, source = ?e.source, "the run's end could not be recorded; its claim expires and it is taken over");
        }
    }

    /// Renews the claim, tells how far the run is and watches that it moves; returns when the run has to end.
    async fn watch(&self, held: &impl Held, progress: Arc<Progress>) -> Error {
        let every = TELL.min(self.settings.lease / 3);
        let (mut renewed, mut moved, mut seen) = (Instant::now(), Instant::now(), 0);
        let mut waits = false;
        loop {
            tokio::time::sleep(every).await;
            match held.cancelled(self).await {
                Ok(Some(by)) => return telling::cancelled(&by),
                Ok(None) => {}
                Err(e) => warn!(error = %e, "whether the run was cancelled could not be looked up"),
            }
            if renewed.elapsed() + every > self.settings.lease / 3 {
                match held.renew(self).await {
                    Ok(true) => renewed = Instant::now(),
                    Ok(false) => return Error::new(Kind::Conflict, &code::FLOW_1422, "the claim was taken over"),
                    // The lease still stands; the next renewal may get through.
                    Err(e) => warn!(error = %e, "the claim could not be renewed"),
                }
            }
            let now = progress.moves();
            if let Err(e) = held.tell(self, &progress, now != seen).await {
                warn!(error = %e, "progress could not be recorded");
            }
            if now != seen {
                if std::mem::take(&mut waits) {
                    let waited = moved.elapsed().as_secs();
                    progress.journal.info(format!("goes on after {waited} s"), json!({ "waitedSeconds": waited }));
                }
                (seen, moved) = (now, Instant::now());
            } else if !waits && moved.elapsed() > STILL {
                waits = true;
                let message = "nothing has moved for half a minute: the source asked for a pause, or does not answer";
                progress.journal.warn(message, Value::Null);
            } else if moved.elapsed() > self.settings.idle {
                return Error::new(Kind::TimedOut, &code::FLOW_1104, "the run made no progress")
                    .advice("Check that the source answers; the run is tried again.");
            }
        }
    }

    /// The run itself.
    async fn work(&self, claim: &Claim, record: &mut Option<Record>, progress: Arc<Progress>) -> Result<()> {
        if let Some(by) = &claim.trace.cancelled_by {
            return Err(telling::cancelled(by));
        }
        if claim.attempt > self.settings.attempts.saturating_mul(FUTILE) {
            let message = format!("the run was begun {} times and never came to an end", claim.attempt - 1);
            return Err(Error::new(Kind::Invalid, &code::CONNECTOR_2001, message).advice(
                "Look at the server's log for why it ended; lower run.memory or run.tasks, then re-trigger the run.",
            ));
        }
        let setup = setup::load(&self.store, &self.lake, &claim.scope, &claim.flow).await?;
        if claim.epochs.len() > 1 {
            setup.table.fence(&claim.flow.id, claim.epoch, &setup.target).await?;
        }
        if let Some(done) = record.as_ref().and_then(|r| r.promoted.clone())
            && setup.table.progress(&claim.flow.id).await?.landed(&claim.epochs)
        {
            info!("the commit of an earlier claim stands; finishing its bookkeeping");
            let record = record.as_ref().expect("it holds what was promoted");
            progress.journal.info("an earlier attempt had committed: only the bookkeeping is done", Value::Null);
            return self.finish(claim, &setup, record, &done, &progress).await;
        }
        let remote = self.accounts.open(setup.kind, &setup.account, &setup.params, &setup.secrets)?;
        match &setup.reads {
            Reads::Files { selection, .. } => {
                self.pin(claim, &setup, selection, &remote, record, &progress.journal).await?
            }
            Reads::Table(rows) => self.copy(claim, &setup, rows, &remote, record, progress.clone()).await?,
        }
        let record = record.as_mut().expect("it was planned above");
        record.times.promote_started = (self.clock)().timestamp_millis();
        info!(parts = record.plan.parts.len(), "planned");
        progress.plan(&record.plan.parts);
        let unread = record.copied.as_ref().map_or(0, |copied| copied.unread);
        if record.plan.parts.is_empty() && unread == 0 {
            progress.journal.info("there is nothing new", Value::Null);
            return self.finish(claim, &setup, record, &Promoted::default(), &progress).await;
        }
        progress.journal.begin(Stop::Read);
        let promoted = self.promote(claim, &setup, record, remote, progress.clone()).await?;
        self.promoted(&promoted, &progress);
        record.promoted = Some(promoted.clone());
        if let Err(e) = self.save(claim, record).await {
            self.discard(&promoted.diagnostics).await;
            return Err(e);
        }
        self.tidy(claim, &promoted.diagnostics).await?;
        // Deletions that cannot be told by the dataset's key stay what they are however often they are tried.
        let keyless = promoted.findings.get(code::CONNECTOR_2001.id).map_or(0, |found| found.records);
        let rejected = promoted.rejected.saturating_sub(keyless);
        let percent = 100.0 * rejected as f64 / promoted.records.max(1) as f64;
        if rejected > 0 && percent > setup.options.partial_percent.unwrap_or(0.0) {
            let allowed = setup.options.partial_percent;
            return Err(story::above_threshold(&promoted, percent, allowed));
        }
        telling::judged(&progress.journal, rejected, percent, setup.options.partial_percent);
        let txn = Txn {
            flow: claim.flow.id.clone(),
            epochs: claim.epochs.clone(),
            epoch: claim.epoch,
            run: claim.run.id.clone(),
            batch: claim.batch.clone(),
            now: (self.clock)(),
        };
        let committed = match &setup.key {
            Some(key) => {
                let spec = MergeSpec {
                    key: key.clone(),
                    max_file: self.settings.file_size,
                    memory: self.settings.memory,
                    spill: self.settings.spill.clone(),
                    progress: progress.merging.clone(),
                };
                self.merge(claim, (&setup.table, &setup.target), spec, &txn, record, (&promoted, &progress.journal))
                    .await?
            }
            None => {
                progress.journal.end(Stop::Write);
                progress.journal.begin(Stop::Commit);
                setup.table.commit(&txn, &setup.target, &promoted.files).await?
            }
        };
        telling::committed(&progress.journal, &committed, &promoted);
        info!(
            version = committed.version,
            rows = promoted.written,
            rejected = promoted.rejected,
            "committed {} rows to dataset {}",
            promoted.written,
            setup.dataset
        );
        self.finish(claim, &setup, record, &promoted, &progress).await
    }

    /// Pins the files that are new, unless that was done before.
    async fn pin(
        &self,
        claim: &Claim,
        setup: &Setup,
        selection: &Selection,
        remote: &Remote,
        record: &mut Option<Record>,
        journal: &Journal,
    ) -> Result<()> {
        if let Some(record) = record.as_ref().filter(|r| !r.failed) {
            telling::planned(journal, claim, &record.plan, None);
            return Ok(());
        }
        journal.begin(Stop::List);
        let copy_started = (self.clock)().timestamp_millis();
        let (plan, left_out) = self.plan(claim, setup, selection, remote, record.as_ref()).await?;
        let times = story::Times { copy_started, copy_ended: (self.clock)().timestamp_millis(), promote_started: 0 };
        let new = Record { plan, times, ..Record::default() };
        self.save(claim, &new).await?;
        journal.end(Stop::List);
        telling::planned(journal, claim, &new.plan, left_out);
        *record = Some(new);
        Ok(())
    }

    /// What the run reads, and what of a listing it leaves out.
    async fn plan(
        &self,
        claim: &Claim,
        setup: &Setup,
        selection: &Selection,
        remote: &Remote,
        before: Option<&Record>,
    ) -> Result<(Plan, Option<LeftOut>)> {
        let cursor = cursor(claim)?;
        let given = setup::window(&claim.params)?;
        if let Some(before) = before {
            let mut plan = before.plan.again(&cursor, self.settings.overlap);
            if before.verify {
                let listed: HashSet<Object> = remote.list(selection).try_collect().await?;
                plan.parts.retain(|p| listed.contains(&p.object));
            }
            return Ok((plan, None));
        }
        let window = match given {
            Some(window) => Some(window),
            None if claim.retrigger => Some(Window { start: None, end: claim.window.end }),
            None => None,
        };
        let mut planner = Planner::new(&cursor, Bounds { window, not_before: setup.not_before }, self.settings.overlap);
        let mut listing = remote.list(selection);
        while let Some(object) = listing.try_next().await? {
            planner.offer(object);
        }
        let left_out = planner.left_out();
        Ok((planner.finish(), Some(left_out)))
    }

    /// Brings a run's rows into a dataset that keeps one row a key. What they do is recorded before the commit.
    async fn merge(
        &self,
        held: &impl Held,
        (table, target): (&Table, &FieldTree),
        spec: MergeSpec,
        txn: &Txn,
        record: &mut Record,
        (promoted, journal): (&Promoted, &Journal),
    ) -> Result<Committed> {
        loop {
            let prepared = table.prepare_merge(txn, target, &spec, &promoted.files).await?;
            if let Prepared::Ready(merged) = &prepared {
                record.merged = Some(merged.counts);
                held.save(self, record).await?;
            }
            journal.end(Stop::Write);
            journal.begin(Stop::Commit);
            if let Some(committed) = table.commit_merge(txn, &prepared).await? {
                return Ok(committed);
            }
            info!("another commit came first; the merge is made again");
            journal.info("another commit came first: the merge is made again", Value::Null);
        }
    }

    async fn promote(
        &self,
        claim: &Claim,
        setup: &Setup,
        record: &Record,
        remote: Remote,
        progress: Arc<Progress>,
    ) -> Result<Promoted> {
        let place = layout::batch(&claim.scope.sandbox, &claim.batch);
        story::write_input_files(&self.lake, &place, &record.plan.parts).await?;
        let write = WriteSpec {
            table: setup.location.clone(),
            run: claim.run.id.clone(),
            batch: claim.batch.clone(),
            epoch: claim.epoch,
            max_file: self.settings.file_size,
            memory: self.settings.memory,
            staged: setup.key.is_some(),
        };
        let (options, landed, change, versions) = match &setup.reads {
            Reads::Files { options, changes, .. } => {
                let modified = record.plan.parts.iter().map(|part| (part.id, part.object.modified)).collect();
                (options.clone(), None, changes.then_some(CHANGE), Versions::Parts(modified))
            }
            Reads::Table(_) => {
                let version = FieldPath(vec![Step::Name(VERSION.into())]);
                (raw::options(), Some(setup.kind), Some(CHANGE), Versions::Field(version))
            }
        };
        let change = change.map(|name| FieldPath(vec![Step::Name(name.into())]));
        let promotion = Promotion {
            parts: &record.plan.parts,
            options,
            landed,
            upserts: setup.key.clone().map(|key| Upserts { key, change, versions }),
            set: setup.set.clone(),
            target: setup.target.clone(),
            write,
            now: Time::from_timestamp_millis(record.times.copy_started).unwrap_or_default(),
            tasks: self.settings.tasks,
        };
        let objects: Arc<dyn Objects> = match &setup.reads {
            Reads::Files { .. } => Arc::new(Pinned(remote)),
            Reads::Table(_) => Arc::new(Landed(self.lake.clone())),
        };
        let mut promoted = match record.plan.parts.is_empty() {
            true => Promoted::default(),
            false => promote(promotion, objects, &self.lake, progress).await?,
        };
        if let (Some(copied), Reads::Table(rows)) = (&record.copied, &setup.reads)
            && let Some((id, reason)) = copied.named.first()
        {
            let folder = layout::row_errors(&claim.scope.sandbox, &claim.batch);
            promoted.diagnostics.push(story::write_unread(&self.lake, &folder, &rows.table, &copied.named).await?);
            let example = format!("record {id} could not be read: {reason}");
            let found = promoted.findings.entry(code::CONNECTOR_1001.id.to_string()).or_default();
            found.records += copied.unread;
            found.example = example;
        }
        story::write_samples(&self.lake, &place, &promoted.diagnostics).await?;
        Ok(promoted)
    }

    /// Takes away the diagnostics that earlier attempts left. What is there is listed before the claim is seen to be
    /// held: so nothing of whoever takes the run over can be among it.
    async fn tidy(&self, held: &impl Held, keep: &[String]) -> Result<()> {
        let place = Path::from(held.row_errors());
        let listed: Vec<String> =
            self.lake.store().list(Some(&place)).map_ok(|m| m.location.to_string()).try_collect().await.context(
                Kind::Unavailable { retry_after: None },
                &code::CONNECTOR_2001,
                "the diagnostics of earlier attempts could not be listed",
            )?;
        if !held.renew(self).await? {
            return Err(Error::new(Kind::Conflict, &code::FLOW_1422, "the claim was taken over"));
        }
        let stale: Vec<String> = listed.into_iter().filter(|path| !keep.contains(path)).collect();
        self.discard(&stale).await;
        Ok(())
    }

    /// Takes files away that nobody needs any more.
    async fn discard(&self, paths: &[String]) {
        for path in paths {
            if let Err(e) = self.lake.store().delete(&Path::from(path.as_str())).await {
                warn!(error = %e, path, "a file that nobody needs could not be removed");
            }
        }
    }

    async fn save(&self, claim: &Claim, record: &Record) -> Result<()> {
        record.save(&self.store, claim).await
    }

    async fn finish(
        &self,
        claim: &Claim,
        setup: &Setup,
        record: &Record,
        promoted: &Promoted,
        progress: &Progress,
    ) -> Result<()> {
        let now = (self.clock)();
        let next = self.next(claim, record)?;
        let told = story::Story {
            claim,
            dataset: Some(&setup.dataset),
            record: Some(record),
            promoted,
            error: None,
            public_url: &self.settings.public_url,
            now,
        };
        let end = End { run: told.run()?, state: Status::Success, cursor: next, batch: told.batch(), plan: None };
        self.prune_ledgers(claim, record).await?;
        self.note_columns(claim, progress).await;
        self.store.finish_with(claim, end, self.last(progress, promoted), now).await.map_err(lost)?;
        if record.merged.is_some() {
            // What was staged for a merge is in the files that it wrote.
            let staged: Vec<String> =
                promoted.files.iter().map(|file| format!("{}/{}", setup.location, file.path)).collect();
            self.discard(&staged).await;
        }
        metrics::counter!("forebay_runs_total", "state" => "success").increment(1);
        metrics::counter!("forebay_records_ingested_total").increment(promoted.written);
        metrics::counter!("forebay_records_failed_total").increment(promoted.rejected);
        info!(records = promoted.records, ingested = promoted.written, failed = promoted.rejected, "the run succeeded");
        Ok(())
    }

    /// A commit whose answer was lost may have landed. Before a run is called failed, the table is fenced against its
    /// own late commit and asked.
    async fn landed_after_all(
        &self,
        claim: &Claim,
        record: Option<&Record>,
        progress: &Progress,
        error: &Error,
    ) -> Result<Option<Result<()>>> {
        let Some((record, promoted)) = record.and_then(|r| Some((r, r.promoted.as_ref()?))) else { return Ok(None) };
        if error.code == &code::INGEST_1212 {
            // It was never committed.
            return Ok(None);
        }
        let setup = match setup::load(&self.store, &self.lake, &claim.scope, &claim.flow).await {
            Ok(setup) => setup,
            // What the flow wrote to is gone, and whatever was committed with it.
            Err(e) if e.kind == Kind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        let found = setup.table.fence_anew(&claim.flow.id, claim.epoch, &setup.target).await?;
        if !found.landed(&claim.epochs) {
            return Ok(None);
        }
        warn!("the commit had landed though its answer was lost");
        progress.journal.warn(format!("it had committed before this: {}", error.message), Value::Null);
        Ok(Some(self.finish(claim, &setup, record, promoted, progress).await))
    }

    /// The run's record as the store has it.
    async fn recorded(&self, claim: &Claim) -> Result<Option<Record>> {
        let plan = self.store.plan(&claim.scope, &claim.run.id).await?;
        Ok(plan.and_then(|plan| serde_json::from_value::<Option<Record>>(plan).ok().flatten()))
    }

    /// Records what became of a run that met an error.
    async fn fail(&self, claim: &Claim, mut record: Option<Record>, progress: &Progress, error: Error) -> Result<()> {
        let outcome = outcome::of(&error, claim.attempt, self.settings.attempts);
        warn!(error = %error, source = ?error.source, ?outcome, "the run met an error");
        let now = (self.clock)();
        match outcome {
            Outcome::Lost => Ok(()),
            Outcome::Retry(gap) => self.try_again(claim, progress, &error, gap).await,
            Outcome::Replan(gap) => {
                // Safe: nothing of this plan was committed, or the run would have been finished instead.
                match record {
                    // What is landed does not change.
                    Some(record) if record.copied.is_some() => self.save(claim, &record).await?,
                    Some(record) if claim.retrigger => {
                        self.save(claim, &Record { failed: true, verify: true, ..record }).await?
                    }
                    _ => self.store.save_plan(claim, &serde_json::Value::Null).await?,
                }
                self.try_again(claim, progress, &error, gap).await
            }
            Outcome::FailedByData | Outcome::FailedByOutside => {
                if record.is_none() {
                    // It was ended while it copied: what is recorded is the last checkpoint.
                    record = self.recorded(claim).await?;
                }
                if let Some(ended) = self.landed_after_all(claim, record.as_ref(), progress, &error).await? {
                    return ended;
                }
                let cursor = match &mut record {
                    // A record that had failed before says nothing of this claim.
                    Some(record) if !record.failed => self.left(claim, record, outcome)?,
                    _ => None,
                };
                let empty = Promoted::default();
                let promoted = record.as_ref().and_then(|r| r.promoted.as_ref()).unwrap_or(&empty);
                let setup = setup::load(&self.store, &self.lake, &claim.scope, &claim.flow).await.ok();
                let told = story::Story {
                    claim,
                    dataset: setup.as_ref().map(|s| s.dataset.as_str()),
                    record: record.as_ref(),
                    promoted,
                    error: Some(&error),
                    public_url: &self.settings.public_url,
                    now,
                };
                let (run, batch) = (told.run()?, told.batch());
                let plan = record.map(|record| Record { failed: true, ..record }.json());
                metrics::counter!("forebay_runs_total", "state" => "failed").increment(1);
                let end = End { run, state: Status::Failed, cursor, batch, plan };
                let told = self.failed(progress, &error, outcome);
                self.store.finish_with(claim, end, told, now).await
            }
        }
    }
}

/// The store says Stale when the run is no longer ours.
fn lost(error: Error) -> Error {
    match error.kind {
        Kind::Stale => Error { kind: Kind::Conflict, ..error },
        _ => error,
    }
}

fn cursor(claim: &Claim) -> Result<Cursor> {
    match &claim.cursor {
        None => Ok(Cursor::default()),
        Some(value) => serde_json::from_value(value.clone())
            .map_err(|e| Error::internal("the flow's cursor is not readable").caused_by(e)),
    }
}

/// A connection's objects, read as they were pinned.
#[derive(Debug)]
pub struct Pinned(pub Remote);

impl Objects for Pinned {
    fn read(&self, object: &Object, range: Option<Range<u64>>) -> BoxStream<'static, Result<bytes::Bytes>> {
        self.0.read(object, range)
    }
}
