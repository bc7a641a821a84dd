//! How a run is told: its document (FS §10.2), its batch (platform.md §4), and the small files beside its
//! diagnostics. Always holds: input = output + failed + skipped, or the run is not told at all (FS-RUN-1).

use crate::copy::Copied;
use crate::promote::Promoted;
use crate::worker::Record;
use forebay_lake::Lake;
use forebay_model::event::Finding;
use forebay_model::files::Part;
use forebay_model::run::trace::Figures;
use forebay_model::run::{self, Activity, Files, Manifest, Metrics, Problem, Records, Reference, Size, Span, Status};
use forebay_model::{Context, Error, Kind, Result, Time, code};
use forebay_store::Claim;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Rows shown as samples of what went wrong.
const SAMPLES: usize = 100;
/// Bytes of a diagnostics file that samples are looked for in.
const SAMPLED: u64 = 1 << 20;
const STORAGE: Kind = Kind::Unavailable { retry_after: None };

/// When the activities of a run began and ended; epoch milliseconds, 0 for not yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// Listing began.
    pub copy_started: i64,
    /// The plan was recorded.
    pub copy_ended: i64,
    /// Reading began.
    pub promote_started: i64,
}

/// The error of a run with more rejected rows than it may have.
pub fn above_threshold(promoted: &Promoted, percent: f64, allowed: Option<f64>) -> Error {
    let limit = match allowed {
        Some(allowed) => format!("{allowed} % may fail"),
        None => "the flow has no partial ingestion, so none may fail".to_string(),
    };
    let first = promoted
        .findings
        .iter()
        .next()
        .map(|(code, tally)| format!("; first: {code}, {}", tally.example))
        .unwrap_or_default();
    Error::new(
        Kind::Invalid,
        &code::INGEST_1212,
        format!("{} of {} rows failed ({percent:.2} %), and {limit}; nothing of this run was stored{first}", promoted.rejected, promoted.records),
    )
    .advice("Look at the run's failed records, mend the file or the mapping and re-trigger the run; or raise options.partialIngestionPercent of the flow.")
}

/// What a run shows while it goes.
pub fn in_progress(claim: &Claim, figures: &Figures, now: Time) -> Value {
    let mut activity = Activity::begun(run::PROMOTION, now);
    activity.size = Size { input: Some(figures.bytes), output: None };
    activity.files.input = figures.files;
    let records = figures.records;
    // What is not stored yet is neither ingested nor failed: it is under way.
    let mut told =
        json!({ "activities": [activity.json()], "metrics": { "sizeSummary": activity.json()["sizeSummary"] } });
    told["metrics"]["recordSummary"] = json!({ "inputRecordCount": records });
    told["activities"][0]["recordSummary"] = json!({ "inputRecordCount": records });
    told["activities"][0]["targetInfo"] = json!([{ "id": claim.flow.text("/targetConnectionIds/0"), "type": "TargetConnection",
        "reference": { "type": "Batch", "ids": [claim.batch] } }]);
    told
}

/// A run that ended.
pub struct Story<'a> {
    /// Which run.
    pub claim: &'a Claim,
    /// Its dataset, where the documents could be read.
    pub dataset: Option<&'a str>,
    /// Its plan, where it came so far.
    pub record: Option<&'a Record>,
    /// What it promoted.
    pub promoted: &'a Promoted,
    /// Why it failed.
    pub error: Option<&'a Error>,
    /// Origin of links.
    pub public_url: &'a str,
    /// When it ended.
    pub now: Time,
}

impl Story<'_> {
    /// The members of the run's document that its end decides.
    pub fn run(&self) -> Result<Value> {
        let copy = self.copy();
        let promotion = (self.error.is_none() || self.failed_at() == run::PROMOTION).then(|| self.promotion());
        let span = Span { started: self.started(), completed: Some(self.now) };
        let errors = self.errors(self.failed_at());
        let metrics = Metrics::of(span, self.status(), errors, Some(&copy), promotion.as_ref())?;
        let mut activities = vec![copy];
        activities.extend(promotion);
        let mut body = run::body(&metrics, &activities);
        body["providerRefId"] = json!(format!("forebay:{}:{}", self.claim.flow.id, self.claim.epoch));
        Ok(body)
    }

    fn status(&self) -> Status {
        if self.error.is_none() { Status::Success } else { Status::Failed }
    }

    /// A failed run stored nothing, whatever its writers had written (FS-RUN-2): good rows are left out, not failed.
    fn records(&self) -> Records {
        let promoted = self.promoted;
        // Of rows that change a table, some are older than what it has.
        let merged = self.record.and_then(|r| r.merged).map(|counts| counts.inserted + counts.updated + counts.deleted);
        let stored = if self.error.is_none() { merged.unwrap_or(promoted.written) } else { 0 };
        let warned = if self.error.is_none() { promoted.warned.min(stored) } else { 0 };
        let (left_out, unread) = self.copied().map_or((0, 0), |copied| (copied.left_out, copied.unread));
        Records {
            input: promoted.records + left_out + unread,
            output: stored,
            failed: promoted.rejected + unread,
            skipped: promoted.written - stored + left_out,
            warned,
        }
    }

    /// How far a table was copied.
    fn copied(&self) -> Option<&Copied> {
        self.record.and_then(|r| r.copied.as_ref())
    }

    fn started(&self) -> Time {
        let running = self.claim.run.body.pointer("/metrics/durationSummary/startedAtUTC").and_then(Value::as_i64);
        running.and_then(Time::from_timestamp_millis).unwrap_or(self.now)
    }

    /// The activity that failed, or the last one.
    fn failed_at(&self) -> &'static str {
        let promoting = self.record.is_some_and(|r| r.times.promote_started > 0);
        if self.error.is_some() && !promoting { run::COPY } else { run::PROMOTION }
    }

    /// What the run and its failing activity say: only which stage it was (FS §10.2).
    fn errors(&self, stage: &str) -> Vec<Problem> {
        let problem = match self.error {
            // Not a stage is at fault.
            Some(error) if error.code == &code::RUN_CANCELLED => Problem::new(error.code, error.message.to_string()),
            Some(_) if stage == run::COPY => Problem::new(&code::CONNECTOR_1001, "Reading from the source failed."),
            Some(_) => Problem::new(&code::CONNECTOR_2001, "Promotion to the lake failed."),
            None if self.records().failed > 0 => {
                Problem::new(&code::CONNECTOR_2001, "Promotion reported errors; see the promotion activity.")
            }
            None => return Vec::new(),
        };
        vec![problem]
    }

    fn planned(&self) -> (u64, u64) {
        let parts = self.record.map(|r| r.plan.parts.as_slice()).unwrap_or_default();
        (parts.len() as u64, parts.iter().map(|p| p.object.size).sum())
    }

    fn copy(&self) -> Activity {
        let ended = self.record.and_then(|r| moment(r.times.copy_ended)).unwrap_or(self.now);
        let failed = self.error.is_some() && self.failed_at() == run::COPY;
        let (files, bytes) = self.planned();
        let copied = self.copied();
        Activity {
            updated: ended,
            span: Span { started: self.started(), completed: Some(ended) },
            window: Some(self.claim.window),
            size: Size { input: Some(copied.map_or(bytes, |copied| copied.bytes)), output: Some(bytes) },
            // A copy of files counts no records; that of a table knows those that the flow had already.
            records: copied.filter(|copied| !copied.again).map(|copied| Records {
                input: copied.landed + copied.left_out + copied.known + copied.unread,
                output: copied.landed,
                failed: copied.unread,
                skipped: copied.left_out + copied.known,
                ..Records::default()
            }),
            files: Files { input: files, output: files, ..Files::default() },
            status: if failed { Status::Failed } else { Status::Success },
            errors: if failed { self.errors(run::COPY) } else { Vec::new() },
            findings: if failed { self.details() } else { Vec::new() },
            reference: self.claim.flow.text("/sourceConnectionIds/0").map(|id| Reference {
                id: id.to_string(),
                kind: "AdfRunId".into(),
                ids: vec![self.claim.run.id.clone()],
            }),
            ..Activity::begun(run::COPY, self.started())
        }
    }

    fn promotion(&self) -> Activity {
        let (files, bytes) = self.planned();
        let stored = self.error.is_none();
        let link = |path: &str| {
            format!("{}/data/foundation/export/batches/{}/meta?path={path}", self.public_url, self.claim.batch)
        };
        let some_failed = !self.promoted.diagnostics.is_empty();
        let began = self.record.and_then(|r| moment(r.times.promote_started)).unwrap_or(self.now);
        Activity {
            updated: self.now,
            span: Span { started: began, completed: Some(self.now) },
            size: Size { input: Some(bytes), output: Some(if stored { self.promoted.bytes_out } else { 0 }) },
            records: Some(self.records()),
            files: Files {
                input: files,
                output: if stored { self.promoted.files.len() as u64 } else { 0 },
                ..Files::default()
            },
            status: self.status(),
            errors: self.errors(run::PROMOTION),
            findings: self.details(),
            manifest: Manifest {
                files: Some(link("input_files")),
                failed: some_failed.then(|| link("row_errors")),
                sample: some_failed.then(|| link("row_error_samples.json")),
            },
            reference: self.claim.flow.text("/targetConnectionIds/0").map(|id| Reference {
                id: id.to_string(),
                kind: "Batch".into(),
                ids: vec![self.claim.batch.clone()],
            }),
            ..Activity::begun(run::PROMOTION, began)
        }
    }

    fn details(&self) -> Vec<Problem> {
        details(self.promoted, self.error)
    }

    /// The batch, as Catalog shows it (platform.md §4).
    pub fn batch(&self) -> Value {
        let (claim, now) = (self.claim, self.now.timestamp_millis());
        let records = self.records();
        let (files, bytes) = self.planned();
        let options = &claim.flow.body["options"];
        let errors = batch_errors(self.details());
        let related: Vec<Value> = self.dataset.map(|id| json!({ "type": "dataSet", "id": id })).into_iter().collect();
        json!({ "id": claim.batch, "imsOrg": claim.scope.org, "status": if self.error.is_none() { "success" } else { "failed" },
            "created": claim.run.created.timestamp_millis(), "started": self.started().timestamp_millis(), "completed": now, "updated": now,
            "version": "1.0.0", "relatedObjects": related, "inputFormat": { "format": "parquet" },
            "tags": { "acp_enableErrorDiagnostics": options["errorDiagnosticsEnabled"].as_bool().unwrap_or(false),
                "acp_partialIngestionPercent": options["partialIngestionPercent"], "flowId": [claim.flow.id], "runId": [claim.run.id] },
            // Catalog knows no skipped records: in a failed batch every record is one that failed (platform.md §4).
            "metrics": { "inputByteSize": bytes, "inputFileCount": files, "inputRecordCount": records.input,
                "outputRecordCount": records.output, "failedRecordCount": records.failed + records.skipped },
            "errors": errors })
    }
}

/// The error itself, or a summary of rejected rows; then each code found.
pub fn details(promoted: &Promoted, error: Option<&Error>) -> Vec<Problem> {
    let mut details = Vec::new();
    if let Some(error) = error {
        let mut message = error.message.to_string();
        if let Some(at) = &error.at {
            message = format!("{message} ({at})");
        }
        if let Some(advice) = &error.advice {
            message = format!("{message} {advice}");
        }
        details.push(Problem { code: error.code.id.to_string(), message, records: None });
    } else if promoted.rejected > 0 {
        let rows = if promoted.rejected == 1 { "row" } else { "rows" };
        let message = format!("{} {rows} rejected, {} stored.", promoted.rejected, promoted.written);
        details.push(Problem { records: Some(promoted.rejected), ..Problem::new(&code::INGEST_1212, message) });
    }
    for (code, found) in &promoted.findings {
        details.push(Problem { code: code.clone(), message: found.example.clone(), records: Some(found.records) });
    }
    details
}

/// Problems, as a batch shows them.
pub fn batch_errors(problems: Vec<Problem>) -> Vec<Value> {
    let mut errors = Vec::new();
    for problem in problems {
        let mut error = json!({ "code": problem.code, "description": problem.message });
        if let Some(count) = problem.records {
            error["recordCount"] = json!(count);
        }
        errors.push(error);
    }
    errors
}

fn moment(millis: i64) -> Option<Time> {
    (millis > 0).then(|| Time::from_timestamp_millis(millis)).flatten()
}

/// Writes which files the batch was made of: one JSON line each, as data access shows them.
pub async fn write_input_files(lake: &Lake, place: &str, parts: &[Part]) -> Result<()> {
    let mut lines = String::new();
    for Part { object, .. } in parts {
        let line = json!({ "path": object.key, "bucket": object.bucket, "size": object.size, "etag": object.etag });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    write(lake, format!("{place}/input_files/part-00000.json"), lines).await
}

/// Writes the records that a source could not give, as row errors; answers the file.
pub async fn write_unread(lake: &Lake, folder: &str, table: &str, named: &[(String, String)]) -> Result<String> {
    let mut lines = String::new();
    for (id, reason) in named {
        let finding = Finding::new(&code::CONNECTOR_1001, format!("record {id} could not be read: {reason}"));
        let line = json!({ "id": id, "_errors": [finding], "_filename": table, "_line": 0, "_rejected": true });
        lines.push_str(&line.to_string());
        lines.push('\n');
    }
    let path = format!("{folder}/unread-{}.json", uuid::Uuid::new_v4());
    write(lake, path.clone(), lines).await?;
    Ok(path)
}

/// Writes the first failed rows of the diagnostics as one JSON array.
pub async fn write_samples(lake: &Lake, place: &str, diagnostics: &[String]) -> Result<()> {
    let mut samples: Vec<Value> = Vec::new();
    for path in diagnostics {
        if samples.len() >= SAMPLES {
            break;
        }
        let head = lake.store().get_range(&Path::from(path.as_str()), 0..SAMPLED).await;
        let head = head.context(STORAGE, &code::CONNECTOR_2001, "the diagnostics could not be read back")?;
        for line in String::from_utf8_lossy(&head).lines().take(SAMPLES - samples.len()) {
            samples.extend(serde_json::from_str::<Value>(line));
        }
    }
    if samples.is_empty() {
        return Ok(());
    }
    write(lake, format!("{place}/row_error_samples.json"), Value::Array(samples).to_string()).await
}

async fn write(lake: &Lake, path: String, text: String) -> Result<()> {
    let put = lake.store().put(&Path::from(path), text.into()).await;
    put.map(|_| ()).context(STORAGE, &code::CONNECTOR_2001, "the batch's files could not be written")
}
