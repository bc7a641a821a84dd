//! Uploaded batches: claimed, promoted by the same plan as a run's files, committed once, told.
//!
//! Always holds what holds of a run (`worker.rs`): nothing is committed before what was promoted is recorded; a claim
//! after the first fences the table before it looks at it; and the table is read first, the store second. All that is
//! known of an upload lies in its batch's document, so that each step is one change of one document.

use crate::decode::Objects;
use crate::mapping::{Upserts, Versions};
use crate::outcome::{self, Outcome};
use crate::promote::{Progress, Promoted, Promotion, promote};
use crate::setup;
use crate::story;
use crate::worker::Worker;
use chrono::TimeDelta;
use forebay_lake::{Counts, Lake, MergeSpec, Prepared, Table, Txn, WriteSpec, layout};
use forebay_model::files::{Format, Object, Part};
use forebay_model::import::{self, Import, PROCESSING, STAGED, STATE, Upload};
use forebay_model::mapping::MappingSet;
use forebay_model::xdm::{Field, FieldTree, Type};
use forebay_model::{Context, Document, Error, Kind, Resource, Result, Scope, Time, code};
use forebay_store::Secrets;
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error, info, warn};

/// How often waiting batches are looked for when nobody tells of one.
const LOOK: Duration = Duration::from_secs(2);
/// What stands for the bucket of uploaded files.
const BUCKET: &str = "upload";

/// The right to import one batch until the lease expires.
#[derive(Clone)]
struct Claim {
    scope: Scope,
    batch: String,
    import: Import,
    epoch: i64,
    started: Time,
}

/// What an import needs to know of its dataset.
struct Target {
    table: Table,
    tree: FieldTree,
    key: Option<Vec<String>>,
}

impl Worker {
    /// Imports uploaded batches until `stop`; then gives back what it holds and returns.
    pub async fn import(self, stop: CancellationToken) {
        let slots = Arc::new(tokio::sync::Semaphore::new(self.settings.concurrency.max(1)));
        let mut importing = tokio::task::JoinSet::new();
        let mut changed = self.store.changed();
        if let Err(e) = self.forfeit_imports().await {
            warn!(error = %e, source = ?e.source, "the claims of the last start could not be ended; they expire");
        }
        while !stop.is_cancelled() {
            while importing.try_join_next().is_some() {}
            let waiting = self.store.waiting_batches().await.unwrap_or_else(|e| {
                warn!(error = %e, source = ?e.source, "waiting batches could not be looked up");
                Vec::new()
            });
            let mut begun = false;
            for (scope, document) in waiting {
                let Ok(slot) = slots.clone().try_acquire_owned() else { break };
                match self.claim_batch(scope, &document).await {
                    Ok(Some(claim)) => {
                        begun = true;
                        let (worker, stop) = (self.clone(), stop.clone());
                        let span = tracing::info_span!("import", batch.id = %claim.batch, epoch = claim.epoch);
                        importing.spawn(async move {
                            worker.lead_import(claim, stop).instrument(span).await;
                            drop(slot);
                        });
                    }
                    Ok(None) => {}
                    Err(e) => {
                        warn!(batch.id = %document.id, error = %e, source = ?e.source, "a batch could not be claimed")
                    }
                }
            }
            if begun {
                continue;
            }
            tokio::select! {
                _ = changed.changed() => {}
                Some(_) = importing.join_next(), if !importing.is_empty() => {}
                () = tokio::time::sleep(LOOK.max(self.settings.tick)) => {}
                () = stop.cancelled() => {}
            }
        }
        while importing.join_next().await.is_some() {}
    }

    /// Ends the claims under this worker's name that are from before this start: they are of a process that is gone.
    async fn forfeit_imports(&self) -> Result<()> {
        for (scope, document) in self.store.waiting_batches().await? {
            let held = Import::of(&document.body)?;
            let Some(import) = held.filter(|import| import.worker == self.settings.name && import.lease_until > 0)
            else {
                continue;
            };
            let epoch = import.epochs.last().copied().unwrap_or(1);
            let claim = Claim { scope, batch: document.id.clone(), import, epoch, started: (self.clock)() };
            self.change_batch(&claim, |_, import| import.lease_until = 0).await?;
        }
        Ok(())
    }

    /// Claims a batch, if it may be claimed now.
    async fn claim_batch(&self, mut scope: Scope, document: &Document) -> Result<Option<Claim>> {
        let now = (self.clock)();
        let free = |body: &Value| -> Result<Option<Import>> {
            let import = Import::of(body)?;
            let at = now.timestamp_millis();
            Ok(import.filter(|import| !body[STATE].is_null() && import.lease_until <= at && import.not_before <= at))
        };
        if free(&document.body)?.is_none() {
            return Ok(None);
        }
        let until = self.lease_end(now);
        let mut claimed = None;
        let change = |document: &Document, secrets: &Secrets| {
            let mut body = document.body.clone();
            let Some(mut import) = free(&body)? else {
                return Err(taken());
            };
            import.epochs.push(import.epochs.last().copied().unwrap_or(0) + 1);
            import.attempt += 1;
            import.lease_until = until;
            import.worker = self.settings.name.clone();
            import.keep(&mut body);
            body["status"] = json!("processing");
            if body["started"].is_null() {
                body["started"] = json!(now.timestamp_millis());
            }
            body["updated"] = json!(now.timestamp_millis());
            body[STATE] = json!(PROCESSING);
            let started = body["started"].as_i64().and_then(Time::from_timestamp_millis).unwrap_or(now);
            claimed = Some((import, started));
            Ok((body, secrets.clone()))
        };
        match self.store.update(&scope, Resource::Batch, &document.id, None, now, change).await {
            Err(e) if matches!(e.kind, Kind::Conflict | Kind::NotFound) => return Ok(None),
            done => done?,
        };
        let Some((import, started)) = claimed else { return Ok(None) };
        scope.sandbox_name = import.sandbox_name.clone();
        let epoch = import.epochs.last().copied().unwrap_or(1);
        Ok(Some(Claim { scope, batch: document.id.clone(), import, epoch, started }))
    }

    fn lease_end(&self, now: Time) -> i64 {
        let lease = TimeDelta::from_std(self.settings.lease).unwrap_or(TimeDelta::seconds(60));
        (now + lease).timestamp_millis()
    }

    /// Changes a batch that is still ours; `Conflict` when it is not.
    async fn change_batch(&self, claim: &Claim, change: impl FnOnce(&mut Value, &mut Import) + Send) -> Result<()> {
        let (now, epoch) = ((self.clock)(), claim.epoch);
        let apply = move |document: &Document, secrets: &Secrets| {
            let mut body = document.body.clone();
            let Some(mut import) = Import::of(&body)?.filter(|import| import.epochs.last() == Some(&epoch)) else {
                return Err(taken());
            };
            change(&mut body, &mut import);
            import.keep(&mut body);
            Ok((body, secrets.clone()))
        };
        match self.store.update(&claim.scope, Resource::Batch, &claim.batch, None, now, apply).await {
            Ok(_) => Ok(()),
            // The sandbox was emptied: there is nothing left to tell.
            Err(e) if e.kind == Kind::NotFound => Err(taken()),
            Err(e) => Err(e),
        }
    }

    /// Leads one claimed batch to an outcome.
    async fn lead_import(&self, mut claim: Claim, stop: CancellationToken) {
        let progress = Arc::new(Progress::default());
        let watched = claim.clone();
        let working = AssertUnwindSafe(self.import_batch(&mut claim, progress.clone())).catch_unwind();
        let worked = tokio::select! {
            worked = working => worked.unwrap_or_else(|_| Err(Error::internal("the import panicked"))),
            ended = self.watch_import(&watched, progress) => Err(ended),
            () = stop.cancelled() => {
                let given_back = self.change_batch(&watched, |body, import| {
                    import.lease_until = 0;
                    import.attempt = import.attempt.saturating_sub(1);
                    body[STATE] = json!(STAGED);
                });
                if let Err(e) = given_back.await {
                    warn!(error = %e, "the batch could not be given back; its claim expires");
                }
                return;
            }
        };
        if let Err(met) = worked
            && let Err(e) = self.fail_import(&claim, met).await
        {
            error!(error = %e, source = ?e.source, "the batch's end could not be recorded; its claim expires and it is taken over");
        }
    }

    /// Renews the claim and watches that the import moves; returns when it has to end.
    async fn watch_import(&self, claim: &Claim, progress: Arc<Progress>) -> Error {
        let (mut moved, mut seen) = (Instant::now(), 0);
        loop {
            tokio::time::sleep(self.settings.lease / 3).await;
            let until = self.lease_end((self.clock)());
            match self.change_batch(claim, |_, import| import.lease_until = until).await {
                Err(e) if e.kind == Kind::Conflict => return e,
                // The lease still stands; the next renewal may get through.
                Err(e) => warn!(error = %e, "the claim could not be renewed"),
                Ok(()) => {}
            }
            let now = progress.bytes.load(Ordering::Relaxed)
                + progress.records.load(Ordering::Relaxed)
                + progress.merging.load(Ordering::Relaxed);
            if now != seen {
                (seen, moved) = (now, Instant::now());
            } else if moved.elapsed() > self.settings.idle {
                return Error::new(Kind::TimedOut, &code::FLOW_1104, "the import made no progress");
            }
        }
    }

    async fn target(&self, claim: &Claim) -> Result<Target> {
        let (scope, dataset) = (&claim.scope, &claim.import.dataset);
        let tree = setup::dataset_tree(&self.store, scope, dataset).await?;
        let key = setup::primary_identity(&self.store, scope, dataset, None, &tree).await?;
        Ok(Target { table: self.lake.table(&layout::table(&scope.sandbox, dataset)), tree, key })
    }

    /// The import itself.
    async fn import_batch(&self, claim: &mut Claim, progress: Arc<Progress>) -> Result<()> {
        let target = self.target(claim).await?;
        let flow = Import::flow(&claim.batch);
        if claim.import.epochs.len() > 1 {
            target.table.fence(&flow, claim.epoch, &target.tree).await?;
        }
        if let Some(done) = promoted(&claim.import)
            && target.table.progress(&flow).await?.landed(&claim.import.epochs)
        {
            info!("the commit of an earlier claim stands; finishing its bookkeeping");
            return self.finish_import(claim, &target, &done).await;
        }
        let parts = parts(&claim.import);
        let promoted = match parts.is_empty() {
            true => Promoted::default(),
            false => self.promote_uploads(claim, &target, &parts, progress.clone()).await?,
        };
        claim.import.promoted = Some(serde_json::to_value(&promoted).expect("what was promoted is plain data"));
        claim.import.merged = None;
        let kept = claim.import.clone();
        self.change_batch(claim, move |_, import| {
            import.promoted = kept.promoted;
            import.merged = None;
        })
        .await?;
        self.prune_errors(claim, &promoted.diagnostics).await?;
        let percent = 100.0 * promoted.rejected as f64 / promoted.records.max(1) as f64;
        if promoted.rejected > 0 && percent > claim.import.partial_percent.unwrap_or(0.0) {
            return Err(story::above_threshold(&promoted, percent, claim.import.partial_percent));
        }
        if !promoted.files.is_empty() {
            self.commit_import(claim, &target, &promoted, progress).await?;
        }
        info!(rows = promoted.written, rejected = promoted.rejected, "imported the batch");
        self.finish_import(claim, &target, &promoted).await
    }

    async fn promote_uploads(
        &self,
        claim: &Claim,
        target: &Target,
        parts: &[Part],
        progress: Arc<Progress>,
    ) -> Result<Promoted> {
        let place = layout::batch(&claim.scope.sandbox, &claim.batch);
        story::write_input_files(&self.lake, &place, parts).await?;
        let modified: BTreeMap<u32, i64> = parts.iter().map(|part| (part.id, part.object.modified)).collect();
        let promotion = Promotion {
            parts,
            options: claim.import.options.clone(),
            set: columns(&claim.import, &target.tree)?,
            landed: None,
            upserts: target.key.clone().map(|key| Upserts { key, change: None, versions: Versions::Parts(modified) }),
            target: target.tree.clone(),
            write: WriteSpec {
                table: target.table.location().to_string(),
                run: claim.batch.clone(),
                batch: claim.batch.clone(),
                epoch: claim.epoch,
                max_file: self.settings.file_size,
                memory: self.settings.memory,
                staged: target.key.is_some(),
            },
            now: claim.started,
            tasks: self.settings.tasks,
        };
        let objects = Uploads {
            lake: self.lake.clone(),
            folder: layout::uploads(&claim.scope.sandbox, &claim.batch),
            files: Arc::new(claim.import.files.clone()),
        };
        let promoted = promote(promotion, Arc::new(objects), &self.lake, progress).await?;
        story::write_samples(&self.lake, &place, &promoted.diagnostics).await?;
        Ok(promoted)
    }

    async fn commit_import(
        &self,
        claim: &Claim,
        target: &Target,
        promoted: &Promoted,
        progress: Arc<Progress>,
    ) -> Result<()> {
        let txn = Txn {
            flow: Import::flow(&claim.batch),
            epochs: claim.import.epochs.clone(),
            epoch: claim.epoch,
            run: claim.batch.clone(),
            batch: claim.batch.clone(),
            now: (self.clock)(),
        };
        let Some(key) = &target.key else {
            target.table.commit(&txn, &target.tree, &promoted.files).await?;
            return Ok(());
        };
        let spec = MergeSpec {
            key: key.clone(),
            max_file: self.settings.file_size,
            memory: self.settings.memory,
            spill: self.settings.spill.clone(),
            progress: progress.merging.clone(),
        };
        loop {
            let prepared = target.table.prepare_merge(&txn, &target.tree, &spec, &promoted.files).await?;
            if let Prepared::Ready(merged) = &prepared {
                let counts = serde_json::to_value(merged.counts).expect("counts are plain data");
                self.change_batch(claim, move |_, import| import.merged = Some(counts)).await?;
            }
            if target.table.commit_merge(&txn, &prepared).await?.is_some() {
                return Ok(());
            }
            info!("another commit came first; the merge is made again");
        }
    }

    /// Takes away the diagnostics of earlier attempts, and all where nobody asked for them. What is there is listed
    /// before the claim is seen to be held: so nothing of whoever takes the batch over can be among it.
    async fn prune_errors(&self, claim: &Claim, keep: &[String]) -> Result<()> {
        let place = layout::row_errors(&claim.scope.sandbox, &claim.batch);
        let listed: Vec<Path> =
            self.lake.store().list(Some(&Path::from(place))).map_ok(|meta| meta.location).try_collect().await.context(
                STORAGE,
                &code::CONNECTOR_2001,
                "the diagnostics of earlier attempts could not be listed",
            )?;
        let until = self.lease_end((self.clock)());
        self.change_batch(claim, |_, import| import.lease_until = until).await?;
        for path in listed {
            if !claim.import.diagnostics || !keep.iter().any(|kept| kept == path.as_ref()) {
                self.remove(&path).await;
            }
        }
        Ok(())
    }

    async fn remove(&self, path: &Path) {
        use object_store::ObjectStoreExt;
        if let Err(e) = self.lake.store().delete(path).await {
            warn!(error = %e, %path, "a file that nobody needs could not be removed");
        }
    }

    /// Records a success, and removes what was uploaded.
    async fn finish_import(&self, claim: &Claim, target: &Target, promoted: &Promoted) -> Result<()> {
        let told = promoted.clone();
        self.end(claim, "success", move |import| (told, details(import, None))).await?;
        metrics::counter!("forebay_records_ingested_total").increment(promoted.written);
        metrics::counter!("forebay_records_failed_total").increment(promoted.rejected);
        if target.key.is_some() {
            // What was staged for a merge is in the files that it wrote.
            for file in &promoted.files {
                self.remove(&Path::from(format!("{}/{}", target.table.location(), file.path))).await;
            }
        }
        let folder = layout::uploads(&claim.scope.sandbox, &claim.batch);
        for piece in claim.import.files.values().flat_map(|file| &file.pieces) {
            self.remove(&Path::from(format!("{folder}/{}", piece.object))).await;
        }
        Ok(())
    }

    /// Ends a batch: its status, its counts, its errors.
    async fn end(
        &self,
        claim: &Claim,
        status: &'static str,
        tell: impl FnOnce(&Import) -> (Promoted, Vec<Value>) + Send,
    ) -> Result<()> {
        let now = (self.clock)().timestamp_millis();
        self.change_batch(claim, move |body, import| {
            let (promoted, errors) = tell(import);
            let stored = if status == "success" { stored(import, &promoted) } else { 0 };
            let bytes: u64 = import.files.values().map(Upload::size).sum();
            body["status"] = json!(status);
            body["completed"] = json!(now);
            body["updated"] = json!(now);
            body["metrics"] = json!({
                "inputByteSize": bytes,
                "inputFileCount": import.files.len(),
                "inputRecordCount": promoted.records,
                "outputRecordCount": stored,
                "outputByteSize": if status == "success" { promoted.bytes_out } else { 0 },
                // Catalog knows no skipped records: what is not stored has failed (platform.md §4).
                "failedRecordCount": promoted.records - stored,
            });
            body["errors"] = Value::Array(errors);
            import.lease_until = 0;
            if let Value::Object(members) = body {
                import::wait_for(members, None);
            }
        })
        .await
    }

    /// Records what became of a batch that met an error.
    async fn fail_import(&self, claim: &Claim, error: Error) -> Result<()> {
        let outcome = outcome::of(&error, claim.import.attempt, self.settings.attempts);
        warn!(error = %error, source = ?error.source, ?outcome, "the import met an error");
        let now = (self.clock)();
        match outcome {
            Outcome::Lost => Ok(()),
            Outcome::Retry(gap) | Outcome::Replan(gap) => {
                let not_before = (now + gap).timestamp_millis();
                self.change_batch(claim, move |body, import| {
                    import.lease_until = 0;
                    import.not_before = not_before;
                    body[STATE] = json!(STAGED);
                    body["status"] = json!("retrying");
                })
                .await
            }
            Outcome::FailedByData | Outcome::FailedByOutside => {
                if let Some(done) = promoted(&claim.import)
                    && error.code != &code::INGEST_1212
                {
                    // A commit whose answer was lost may have landed: the table is fenced against it, and asked.
                    match self.target(claim).await {
                        Ok(target) => {
                            let flow = Import::flow(&claim.batch);
                            let seen = target.table.fence_anew(&flow, claim.epoch, &target.tree).await?;
                            if seen.landed(&claim.import.epochs) {
                                return self.finish_import(claim, &target, &done).await;
                            }
                        }
                        // The dataset is gone, and whatever was committed with it.
                        Err(e) if e.kind == Kind::NotFound => {}
                        Err(e) => return Err(e),
                    }
                }
                self.end(claim, "failed", move |import| {
                    (promoted(import).unwrap_or_default(), details(import, Some(&error)))
                })
                .await
            }
        }
    }
}

const STORAGE: Kind = Kind::Unavailable { retry_after: None };

fn taken() -> Error {
    Error::new(Kind::Conflict, &code::FLOW_1422, "the batch was taken over")
}

fn promoted(import: &Import) -> Option<Promoted> {
    serde_json::from_value(import.promoted.clone()?).ok()
}

/// Records that are in the dataset: of those that change a table, some are older than what it has.
fn stored(import: &Import, promoted: &Promoted) -> u64 {
    let counts = import.merged.clone().and_then(|merged| serde_json::from_value::<Counts>(merged).ok());
    counts.map_or(promoted.written, |counts| counts.inserted + counts.updated + counts.deleted)
}

/// What the batch's errors say: the error itself, or a summary of the rejected rows, then each code found. Without
/// diagnostics only that rows failed (PL-DIAG-1).
fn details(import: &Import, error: Option<&Error>) -> Vec<Value> {
    let promoted = promoted(import).unwrap_or_default();
    let said = |code: &str, text: String| json!({ "code": code, "description": text });
    let mut details = Vec::new();
    match error {
        Some(error) if error.code != &code::INGEST_1212 || import.diagnostics => {
            let at = error.at.as_ref().map(|at| format!(" ({at})")).unwrap_or_default();
            let advice = error.advice.as_ref().map(|advice| format!(" {advice}")).unwrap_or_default();
            details.push(said(error.code.id, format!("{}{at}.{advice}", error.message.trim_end_matches('.'))));
        }
        _ if promoted.rejected > 0 && import.diagnostics => {
            let text = format!("{} rows rejected, {} stored.", promoted.rejected, promoted.written);
            details.push(said(code::INGEST_1212.id, text));
        }
        _ => {}
    }
    if !import.diagnostics {
        if promoted.rejected > 0 {
            let text =
                format!("{} of {} rows failed; the batch keeps no diagnostics.", promoted.rejected, promoted.records);
            details.push(said(code::INGEST_1211.id, text));
        }
        return details;
    }
    for (code, found) in &promoted.findings {
        let mut detail = said(code, found.example.clone());
        detail["recordCount"] = json!(found.records);
        details.push(detail);
    }
    details
}

/// The files in the order of their names.
fn parts(import: &Import) -> Vec<Part> {
    let mut parts = Vec::new();
    for (name, file) in &import.files {
        let etag = file.pieces.iter().map(|piece| piece.object.as_str()).collect::<Vec<_>>().join("-");
        let object = Object {
            bucket: BUCKET.into(),
            key: name.clone(),
            size: file.size(),
            etag: if file.pieces.len() == 1 { etag } else { format!("{} pieces", file.pieces.len()) },
            modified: file.modified,
        };
        parts.push(Part { id: parts.len() as u32, object });
    }
    parts
}

/// What is read of the files. Rows that have the schema's form are copied; a flat file names each field by its path,
/// `person.name.firstName`.
fn columns(import: &Import, tree: &FieldTree) -> Result<Option<MappingSet>> {
    if import.options.format != Format::Delimited {
        return Ok(None);
    }
    let mut rules = Vec::new();
    leaves(&tree.fields, "", &mut rules);
    MappingSet::parse(&json!({ "mappings": rules })).map(Some)
}

fn leaves(fields: &[Field], above: &str, rules: &mut Vec<Value>) {
    for field in fields {
        let path = format!("{above}{}", field.name);
        match &field.ty {
            Type::Object(children) => leaves(children, &format!("{path}."), rules),
            Type::Array(_) | Type::Map(_) => {}
            _ => {
                rules.push(json!({ "sourceType": "ATTRIBUTE", "source": format!("${{{path}}}"), "destination": path }))
            }
        }
    }
}

/// Uploaded files, read from the pieces that they came in.
#[derive(Debug)]
struct Uploads {
    lake: Lake,
    folder: String,
    files: Arc<BTreeMap<String, Upload>>,
}

impl Objects for Uploads {
    fn read(&self, object: &Object, range: Option<Range<u64>>) -> BoxStream<'static, Result<bytes::Bytes>> {
        let wanted = range.unwrap_or(0..object.size);
        let mut reads = Vec::new();
        for piece in self.files.get(&object.key).map(|file| file.pieces.as_slice()).unwrap_or_default() {
            let (start, end) = (wanted.start.max(piece.start), wanted.end.min(piece.start + piece.size));
            if start < end {
                let path = Path::from(format!("{}/{}", self.folder, piece.object));
                reads.push((path, start - piece.start..end - piece.start));
            }
        }
        let store = self.lake.store();
        let chunks = futures::stream::iter(reads).then(move |(path, range)| {
            let store = store.clone();
            async move {
                let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
                let got = match store.get_opts(&path, options).await {
                    Err(object_store::Error::NotFound { .. }) => {
                        let message = "an uploaded file is not there any more: uploads are kept as long as diagnostics";
                        return Err(Error::new(Kind::Invalid, &code::CONNECTOR_2001, message));
                    }
                    got => got.context(STORAGE, &code::CONNECTOR_2001, "an uploaded file could not be read")?,
                };
                let chunks = got.into_stream();
                Ok(chunks.map(|c| c.context(STORAGE, &code::CONNECTOR_2001, "an uploaded file could not be read")))
            }
        });
        chunks.try_flatten().boxed()
    }
}
