//! Batches that clients upload (platform.md §6, `docs/adr/0011`): the files lie in the lake's staging area and have the
//! dataset's own fields; from there on they go the way of a run's objects.
//!
//! Always holds what holds of runs: what is read is recorded before anything is written, what was promoted before the
//! commit; a claim after the first fences the table before it looks at it. In the table a dataset's batches are one
//! flow, [`UPLOADS`], whose epochs are the dataset's.

use super::{Held, Record, Worker, lost};
use crate::decode::{self, Objects};
use crate::mapping::{self, Upserts, Versions};
use crate::outcome::{self, Outcome};
use crate::plan::Plan;
use crate::promote::{Progress, Promoted, Promotion, promote};
use crate::setup;
use crate::story;
use bytes::Bytes;
use forebay_lake::{Lake, MergeSpec, Table, Txn, WriteSpec, layout};
use forebay_model::files::{FileOptions, Format, Object, Part};
use forebay_model::mapping::MappingSet;
use forebay_model::xdm::FieldTree;
use forebay_model::{Context, Document, Error, Kind, Resource, Result, Time, code};
use forebay_store::{BatchClaim, BatchEnd, Piece, Task};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// What stands for a flow in the table.
const UPLOADS: &str = "uploads";
/// What stands for the bucket of uploaded files.
const BUCKET: &str = "upload";
/// Files whose beginnings are looked at side by side.
const PEEKS: usize = 4;

/// The objects that files are made of, by the files' paths.
pub type Uploads = BTreeMap<String, Vec<Piece>>;

impl Held for BatchClaim {
    async fn renew(&self, worker: &Worker) -> Result<bool> {
        worker.store.renew_batch(self, (worker.clock)(), worker.settings.lease).await
    }

    /// A batch shows its numbers when it has ended.
    async fn tell(&self, _: &Worker, _: &Progress, _: bool) -> Result<()> {
        Ok(())
    }

    /// Nobody can ask for that.
    async fn cancelled(&self, _: &Worker) -> Result<Option<String>> {
        Ok(None)
    }

    async fn save(&self, worker: &Worker, record: &Record) -> Result<()> {
        worker.store.save_batch_plan(self, &record.json()).await.map_err(lost)
    }

    fn row_errors(&self) -> String {
        layout::row_errors(&self.scope.sandbox, &self.batch.id)
    }
}

/// What the documents say about a batch.
struct Setup {
    location: String,
    table: Table,
    target: FieldTree,
    key: Option<Vec<String>>,
    files: FileOptions,
    /// Rejected rows in percent of all that it may have; none: no row may be rejected.
    partial_percent: Option<f64>,
    diagnostics: bool,
}

impl Worker {
    /// Leads one claimed batch to an outcome.
    pub(super) async fn lead_batch(&self, claim: BatchClaim, stop: CancellationToken) {
        let progress = Arc::new(Progress::default());
        let mut record = match claim.plan.clone().map(serde_json::from_value::<Option<Record>>).transpose() {
            Ok(record) => record.flatten(),
            Err(e) => {
                error!(error = %e, "the batch's record is not readable; it is made anew");
                None
            }
        };
        let working = async {
            match claim.task {
                Task::Ingest => self.ingest(&claim, &mut record, progress.clone()).await,
                Task::Revert => self.revert(&claim).await,
            }
        };
        let worked = tokio::select! {
            worked = AssertUnwindSafe(working).catch_unwind() => {
                worked.unwrap_or_else(|_| Err(Error::internal("the work on the batch panicked")))
            }
            ended = self.watch(&claim, progress.clone()) => Err(ended),
            () = stop.cancelled() => {
                if let Err(e) = self.store.release_batch(&claim, (self.clock)()).await {
                    warn!(error = %e, "the claim could not be given back; it expires");
                }
                return;
            }
        };
        let Err(error) = worked else { return };
        let outcome = outcome::of(&error, claim.attempt, self.settings.attempts);
        warn!(error = %error, source = ?error.source, ?outcome, "the batch met an error");
        let ended = match (outcome, claim.task) {
            (Outcome::Lost, _) => Ok(()),
            (Outcome::Retry(gap) | Outcome::Replan(gap), _) => {
                self.store.release_batch(&claim, (self.clock)() + gap).await
            }
            (_, Task::Ingest) => self.fail_batch(&claim, record, error).await,
            (_, Task::Revert) => self.stay(&claim, error).await,
        };
        if let Err(e) = ended {
            error!(error = %e, source = ?e.source, "the batch's end could not be recorded; its claim expires and it is taken over");
        }
    }

    /// The files of a batch become rows of its dataset.
    async fn ingest(&self, claim: &BatchClaim, record: &mut Option<Record>, progress: Arc<Progress>) -> Result<()> {
        if claim.attempt > self.settings.attempts.saturating_mul(super::FUTILE) {
            let message = format!("the batch was begun {} times and never came to an end", claim.attempt - 1);
            return Err(Error::new(Kind::Invalid, &code::CONNECTOR_2001, message)
                .advice("Look at the server's log for why it ended; lower run.memory or run.tasks."));
        }
        let setup = self.batch_setup(claim).await?;
        if claim.epochs.len() > 1 {
            setup.table.fence(UPLOADS, claim.epoch, &setup.target).await?;
        }
        if let Some(done) = record.as_ref().and_then(|r| r.promoted.clone())
            && setup.table.progress(UPLOADS).await?.landed(&claim.epochs)
        {
            info!("the commit of an earlier claim stands; finishing its bookkeeping");
            let record = record.as_ref().expect("it holds what was promoted");
            return self.finish_batch(claim, &setup, record, &done).await;
        }
        if record.is_none() {
            let new = self.pin_uploads(claim).await?;
            claim.save(self, &new).await?;
            *record = Some(new);
        }
        let record = record.as_mut().expect("it was pinned above");
        let promoted = self.promote_uploads(claim, &setup, record, progress.clone()).await?;
        record.promoted = Some(promoted.clone());
        if let Err(e) = claim.save(self, record).await {
            self.discard(&promoted.diagnostics).await;
            return Err(e);
        }
        self.tidy(claim, &promoted.diagnostics).await?;
        let percent = 100.0 * promoted.rejected as f64 / promoted.records.max(1) as f64;
        if promoted.rejected > 0 && percent > setup.partial_percent.unwrap_or(0.0) {
            return Err(above_threshold(&promoted, percent, &setup));
        }
        let txn = self.txn(claim);
        match &setup.key {
            Some(key) => {
                let spec = MergeSpec {
                    key: key.clone(),
                    max_file: self.settings.file_size,
                    memory: self.settings.memory,
                    spill: self.settings.spill.clone(),
                    progress: progress.merging.clone(),
                };
                self.merge(claim, (&setup.table, &setup.target), spec, &txn, record, (&promoted, &progress.journal))
                    .await?;
            }
            None => {
                setup.table.commit(&txn, &setup.target, &promoted.files).await?;
            }
        }
        info!(rows = promoted.written, rejected = promoted.rejected, "committed {} rows", promoted.written);
        self.finish_batch(claim, &setup, record, &promoted).await
    }

    fn txn(&self, claim: &BatchClaim) -> Txn {
        Txn {
            flow: UPLOADS.into(),
            epochs: claim.epochs.clone(),
            epoch: claim.epoch,
            run: claim.batch.id.clone(),
            batch: claim.batch.id.clone(),
            now: (self.clock)(),
        }
    }

    async fn batch_setup(&self, claim: &BatchClaim) -> Result<Setup> {
        let (scope, dataset) = (&claim.scope, &claim.dataset);
        let target = setup::dataset_tree(&self.store, scope, dataset).await?;
        let location = layout::table(&scope.sandbox, dataset);
        let tags = &claim.batch.body["tags"];
        let partial_percent = tags["acp_partialIngestionPercent"].as_f64();
        Ok(Setup {
            key: setup::primary_identity(&self.store, scope, dataset, None, &target).await?,
            table: self.lake.table(&location),
            location,
            target,
            files: file_options(&claim.batch)?,
            partial_percent,
            // Partial ingestion implies diagnostics (PL-DIAG-1).
            diagnostics: setup::flag(&tags["acp_enableErrorDiagnostics"]) || partial_percent.is_some(),
        })
    }

    /// What the batch is made of. It is closed: nothing is added any more.
    async fn pin_uploads(&self, claim: &BatchClaim) -> Result<Record> {
        let now = (self.clock)().timestamp_millis();
        let (mut parts, mut uploads) = (Vec::new(), Uploads::new());
        for (id, upload) in self.store.uploads(&claim.scope, &claim.batch.id).await?.into_iter().enumerate() {
            let object = Object {
                bucket: BUCKET.into(),
                key: upload.path.clone(),
                size: upload.size(),
                etag: String::new(),
                modified: upload.stored.timestamp_millis(),
            };
            parts.push(Part { id: id as u32, object });
            uploads.insert(upload.path, upload.pieces);
        }
        let times = story::Times { copy_started: now, copy_ended: now, promote_started: now };
        Ok(Record { plan: Plan { parts, watermark: None }, uploads, times, ..Record::default() })
    }

    async fn promote_uploads(
        &self,
        claim: &BatchClaim,
        setup: &Setup,
        record: &Record,
        progress: Arc<Progress>,
    ) -> Result<Promoted> {
        let parts = &record.plan.parts;
        if parts.is_empty() {
            return Ok(Promoted::default());
        }
        let place = layout::batch(&claim.scope.sandbox, &claim.batch.id);
        story::write_input_files(&self.lake, &place, parts).await?;
        let objects: Arc<dyn Objects> =
            Arc::new(Staged { lake: self.lake.clone(), uploads: Arc::new(record.uploads.clone()) });
        let modified = parts.iter().map(|part| (part.id, part.object.modified)).collect();
        let promotion = Promotion {
            parts,
            options: setup.files.clone(),
            landed: None,
            upserts: setup.key.clone().map(|key| Upserts { key, change: None, versions: Versions::Parts(modified) }),
            set: columns(&objects, parts, setup, &progress).await?,
            target: setup.target.clone(),
            write: WriteSpec {
                table: setup.location.clone(),
                run: claim.batch.id.clone(),
                batch: claim.batch.id.clone(),
                epoch: claim.epoch,
                max_file: self.settings.file_size,
                memory: self.settings.memory,
                staged: setup.key.is_some(),
            },
            now: Time::from_timestamp_millis(record.times.copy_started).unwrap_or_default(),
            tasks: self.settings.tasks,
        };
        let mut promoted = promote(promotion, objects, &self.lake, progress).await?;
        if !setup.diagnostics {
            self.discard(&std::mem::take(&mut promoted.diagnostics)).await;
        }
        story::write_samples(&self.lake, &place, &promoted.diagnostics).await?;
        Ok(promoted)
    }

    async fn finish_batch(
        &self,
        claim: &BatchClaim,
        setup: &Setup,
        record: &Record,
        promoted: &Promoted,
    ) -> Result<()> {
        let told = told(claim, record, promoted, None, (self.clock)());
        let end = BatchEnd { batch: told, plan: Some(Value::Null) };
        self.store.finish_batch(claim, end, (self.clock)()).await.map_err(lost)?;
        if record.merged.is_some() {
            // What was staged for a merge is in the files that it wrote.
            let staged: Vec<String> =
                promoted.files.iter().map(|file| format!("{}/{}", setup.location, file.path)).collect();
            self.discard(&staged).await;
        }
        metrics::counter!("forebay_batches_total", "state" => "success").increment(1);
        metrics::counter!("forebay_records_ingested_total").increment(promoted.written);
        metrics::counter!("forebay_records_failed_total").increment(promoted.rejected);
        info!(records = promoted.records, stored = promoted.written, failed = promoted.rejected, "the batch succeeded");
        Ok(())
    }

    /// Records that a batch has failed; unless its commit has landed after all.
    async fn fail_batch(&self, claim: &BatchClaim, record: Option<Record>, error: Error) -> Result<()> {
        let record = record.unwrap_or_default();
        let empty = Promoted::default();
        let promoted = record.promoted.as_ref().unwrap_or(&empty);
        let judged = error.code == &code::INGEST_1211 || error.code == &code::INGEST_1212;
        if record.promoted.is_some() && !judged {
            match self.batch_setup(claim).await {
                Ok(setup) => {
                    let progress = setup.table.fence_anew(UPLOADS, claim.epoch, &setup.target).await?;
                    if progress.landed(&claim.epochs) {
                        warn!("the commit had landed though its answer was lost");
                        return self.finish_batch(claim, &setup, &record, promoted).await;
                    }
                }
                // The dataset is gone, and whatever was committed with it.
                Err(e) if e.kind == Kind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        let told = told(claim, &record, promoted, Some(&error), (self.clock)());
        metrics::counter!("forebay_batches_total", "state" => "failed").increment(1);
        let end = BatchEnd { batch: told, plan: Some(Value::Null) };
        self.store.finish_batch(claim, end, (self.clock)()).await.map_err(lost)
    }

    /// What a batch has stored is taken out of the dataset.
    async fn revert(&self, claim: &BatchClaim) -> Result<()> {
        match self.store.get(&claim.scope, Resource::Dataset, &claim.dataset).await {
            Ok(_) => {
                let table = self.lake.table(&layout::table(&claim.scope.sandbox, &claim.dataset));
                let rows = claim.batch.body.pointer("/metrics/outputRecordCount").and_then(Value::as_u64);
                if let Some(rows @ 1..) = rows {
                    table.revert(&self.txn(claim), &claim.batch.id, rows).await?;
                }
            }
            Err(e) if e.kind == Kind::NotFound => {}
            Err(e) => return Err(e),
        }
        info!("the batch was taken back");
        let end = BatchEnd { batch: json!({ "status": "deleted" }), plan: Some(Value::Null) };
        self.store.finish_batch(claim, end, (self.clock)()).await.map_err(lost)
    }

    /// A batch that cannot be taken back stays what it was, and says why.
    async fn stay(&self, claim: &BatchClaim, error: Error) -> Result<()> {
        let mut errors = claim.batch.body["errors"].as_array().cloned().unwrap_or_default();
        errors.push(json!({ "code": error.code.id, "description": error.message }));
        let end = BatchEnd { batch: json!({ "status": "success", "errors": errors }), plan: Some(Value::Null) };
        self.store.finish_batch(claim, end, (self.clock)()).await.map_err(lost)
    }
}

/// How the bytes of a batch's files are read (`inputFormat`).
fn file_options(batch: &Document) -> Result<FileOptions> {
    let input = &batch.body["inputFormat"];
    let format = match input["format"].as_str().unwrap_or_default().to_ascii_lowercase().as_str() {
        "csv" => "delimited".to_string(),
        other => other.to_string(),
    };
    let either = |one: &str, other: &str| input.get(one).or_else(|| input.get(other)).cloned();
    let options = setup::file_options(&json!({ "data": { "format": format, "properties": {
        "columnDelimiter": either("delimiter", "columnDelimiter"),
        "encoding": either("encoding", "charset"),
        "compressionType": either("compressionType", "compression") } } }))?;
    // Said, and said to be no.
    let lines = options.format == Format::Json
        && !input["isMultiLineJson"].is_null()
        && !setup::flag(&input["isMultiLineJson"]);
    Ok(FileOptions { lines, ..options })
}

/// The columns that the files have and the dataset knows. Documents are read by the dataset's fields: none.
async fn columns(
    objects: &Arc<dyn Objects>,
    parts: &[Part],
    setup: &Setup,
    progress: &Progress,
) -> Result<Option<MappingSet>> {
    if setup.files.format == Format::Json {
        return Ok(None);
    }
    let filled: Vec<Object> = parts.iter().map(|part| part.object.clone()).filter(|object| object.size > 0).collect();
    let (objects, options) = (objects.clone(), setup.files.clone());
    let peeks = futures::stream::iter(filled).map(move |object| {
        let (objects, options) = (objects.clone(), options.clone());
        async move { decode::sample(objects, &object, Some(options), 1).await }
    });
    let mut names = BTreeSet::new();
    let mut peeks = peeks.buffer_unordered(PEEKS);
    while let Some(sample) = peeks.try_next().await? {
        // Of very many files this takes long, and is no standstill.
        progress.pages.fetch_add(1, Ordering::Relaxed);
        names.extend(sample.columns.into_iter().map(|column| column.name));
    }
    if names.is_empty() {
        return Ok(None);
    }
    let set = mapping::identity(names.iter().map(String::as_str), &setup.target);
    if set.rules.is_empty() {
        let shown: Vec<&str> = names.iter().take(20).map(String::as_str).collect();
        let message = format!("none of the files' columns is a field of the dataset: {}", shown.join(", "));
        return Err(Error::new(Kind::Invalid, &code::INGEST_1401, message).advice(
            "Name columns as the schema names its fields, those inside objects with dots: person.name.firstName.",
        ));
    }
    Ok(Some(set))
}

fn above_threshold(promoted: &Promoted, percent: f64, setup: &Setup) -> Error {
    let limit = match setup.partial_percent {
        Some(allowed) => format!("{allowed} % may fail"),
        None => "the batch has no partial ingestion, so none may fail".to_string(),
    };
    let message = format!(
        "{} of {} rows failed ({percent:.2} %), and {limit}; nothing of this batch was stored.",
        promoted.rejected, promoted.records
    );
    match setup.diagnostics {
        true => Error::new(Kind::Invalid, &code::INGEST_1212, message)
            .advice("Look at the batch's failed records, mend the files and upload them in another batch."),
        false => Error::new(Kind::Invalid, &code::INGEST_1211, message)
            .advice("Set enableErrorDiagnostics or partialIngestionPercentage of the batch to see file, line and column of each."),
    }
}

/// What a batch that ended shows (platform.md §4): input = output + failed, whatever became of it.
fn told(claim: &BatchClaim, record: &Record, promoted: &Promoted, error: Option<&Error>, now: Time) -> Value {
    let merged = record.merged.map(|counts| counts.inserted + counts.updated + counts.deleted);
    let stored = if error.is_none() { merged.unwrap_or(promoted.written) } else { 0 };
    let bytes: u64 = record.plan.parts.iter().map(|part| part.object.size).sum();
    let blind = error.is_some_and(|e| e.code == &code::INGEST_1211);
    let problems = match blind {
        // One error, and nothing about rows (PL-DIAG-1).
        true => story::details(&Promoted::default(), error),
        false => story::details(promoted, error),
    };
    let started = claim.batch.body["started"].as_i64().unwrap_or_else(|| now.timestamp_millis());
    json!({
        "status": if error.is_none() { "success" } else { "failed" },
        "started": started,
        "completed": now.timestamp_millis(),
        "metrics": {
            "inputByteSize": bytes,
            "inputFileCount": record.plan.parts.len(),
            "inputRecordCount": promoted.records,
            "outputRecordCount": stored,
            "failedRecordCount": promoted.records - stored,
            "outputByteSize": if error.is_none() { promoted.bytes_out } else { 0 },
        },
        "errors": story::batch_errors(problems),
    })
}

/// Uploaded files, read from the staging area.
#[derive(Debug)]
struct Staged {
    lake: Lake,
    uploads: Arc<Uploads>,
}

impl Objects for Staged {
    fn read(&self, object: &Object, range: Option<Range<u64>>) -> BoxStream<'static, Result<Bytes>> {
        let range = range.unwrap_or(0..object.size);
        let mut wanted = Vec::new();
        for piece in self.uploads.get(&object.key).into_iter().flatten() {
            let (from, to) = (range.start.max(piece.start), range.end.min(piece.start + piece.size));
            if from < to {
                wanted.push((piece.location.clone(), from - piece.start..to - piece.start));
            }
        }
        let (store, name) = (self.lake.store(), object.key.clone());
        let pieces = futures::stream::iter(wanted).then(move |(location, range)| {
            let (store, name) = (store.clone(), name.clone());
            async move { read_piece(store, location, range, name).await }
        });
        pieces.try_flatten().boxed()
    }
}

async fn read_piece(
    store: Arc<dyn ObjectStore>,
    location: String,
    range: Range<u64>,
    name: String,
) -> Result<BoxStream<'static, Result<Bytes>>> {
    const STORAGE: Kind = Kind::Unavailable { retry_after: None };
    let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
    let got = match store.get_opts(&Path::from(location), options).await {
        Err(object_store::Error::NotFound { .. }) => {
            let message = format!("what was uploaded as {name} is not in the staging area any more");
            return Err(
                Error::new(Kind::NotFound, &code::CONNECTOR_2001, message).advice("Upload it in another batch.")
            );
        }
        got => got.context(STORAGE, &code::CONNECTOR_2001, "the staging area could not be read")?,
    };
    let chunks = got.into_stream();
    Ok(chunks.map(|chunk| chunk.context(STORAGE, &code::CONNECTOR_2001, "the staging area could not be read")).boxed())
}
