//! How a run is told: its document (FS §10.2), its batch (platform.md §4), and the small files beside its
//! diagnostics. Always holds: input = output + failed + skipped, or the run is not told at all (FS-RUN-1).

use crate::promote::{Progress, Promoted};
use crate::setup::Setup;
use crate::worker::Record;
use forebay_lake::Lake;
use forebay_model::files::Part;
use forebay_model::{Context, Error, Kind, Result, Time, code};
use forebay_store::Claim;
use object_store::path::Path;
use object_store::ObjectStoreExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

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
    let first = promoted.findings.iter().next().map(|(code, tally)| format!("; first: {code}, {}", tally.example)).unwrap_or_default();
    Error::new(
        Kind::Invalid,
        &code::INGEST_1212,
        format!("{} of {} rows failed ({percent:.2} %), and {limit}; nothing of this run was stored{first}", promoted.rejected, promoted.records),
    )
    .advice("Look at the run's failed records, mend the file or the mapping and re-trigger the run; or raise options.partialIngestionPercent of the flow.")
}

/// What a run shows while it goes.
pub fn in_progress(progress: &Progress) -> Value {
    json!({ "metrics": {
        "sizeSummary": { "inputBytes": progress.bytes.load(Ordering::Relaxed), "outputBytes": -1 },
        "recordSummary": { "inputRecordCount": progress.records.load(Ordering::Relaxed) },
        "fileSummary": { "inputFileCount": progress.parts.load(Ordering::Relaxed) } } })
}

/// A run that ended.
pub struct Story<'a> {
    /// Which run.
    pub claim: &'a Claim,
    /// Its documents, where they could be read.
    pub setup: Option<&'a Setup>,
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
    /// The members of the run's document that the end decides: `metrics`, `activities`.
    pub fn run(&self) -> Result<Value> {
        let (promoted, now) = (self.promoted, self.now.timestamp_millis());
        // A failed run stored nothing, whatever its writers had written (FS-RUN-2).
        let stored = if self.error.is_none() { promoted.written } else { 0 };
        let (failed, skipped) = (promoted.rejected, promoted.written - stored);
        if promoted.records != stored + failed + skipped || promoted.records != promoted.written + promoted.rejected {
            return Err(Error::internal("the run's records do not balance"));
        }
        let bytes_out = if self.error.is_none() { promoted.bytes_out } else { 0 };
        let files_in = self.record.map_or(0, |r| r.plan.parts.len());
        let files_out = if self.error.is_none() { promoted.files.len() } else { 0 };
        let bytes_planned: u64 = self.record.map_or(0, |r| r.plan.parts.iter().map(|p| p.object.size).sum());
        let times = self.record.map(|r| r.times).unwrap_or_default();
        let started = self.started();
        let status = if self.error.is_none() { "success" } else { "failed" };
        let stage = self.failed_stage();
        let records = json!({ "inputRecordCount": promoted.records, "outputRecordCount": stored, "failedRecordCount": failed,
            "skippedRecordCount": skipped, "warningRecordCount": promoted.warned });
        let run_errors = self.run_errors(stage);
        let metrics = json!({
            "durationSummary": { "startedAtUTC": started, "completedAtUTC": now },
            "sizeSummary": { "inputBytes": bytes_planned, "outputBytes": bytes_out },
            "recordSummary": records,
            "fileSummary": { "inputFileCount": files_in, "outputFileCount": files_out, "activityRefs": ["promotionActivity"] },
            "statusSummary": { "status": status, "errors": run_errors, "activityRefs": [stage] } });
        let mut activities = vec![self.copy_activity(&times, files_in, bytes_planned)];
        if self.error.is_none() || stage == "promotionActivity" {
            activities.push(self.promotion_activity(&times, records, files_in, files_out, bytes_planned, bytes_out));
        }
        Ok(json!({ "metrics": metrics, "activities": activities, "providerRefId": format!("forebay:{}:{}", self.claim.flow.id, self.claim.epoch) }))
    }

    fn started(&self) -> i64 {
        let running = self.claim.run.body.pointer("/metrics/durationSummary/startedAtUTC").and_then(Value::as_i64);
        running.or(self.record.map(|r| r.times.copy_started)).filter(|t| *t > 0).unwrap_or(self.now.timestamp_millis())
    }

    /// The activity that failed, or the last one.
    fn failed_stage(&self) -> &'static str {
        match (self.error, self.record) {
            (Some(_), None) => "copyActivity",
            (Some(_), Some(record)) if record.times.promote_started == 0 => "copyActivity",
            _ => "promotionActivity",
        }
    }

    /// The run level only names the failing stage (FS §10.2).
    fn run_errors(&self, stage: &str) -> Value {
        let copy = &code::CONNECTOR_1001;
        let promotion = &code::CONNECTOR_2001;
        match self.error {
            Some(_) if stage == "copyActivity" => json!([{ "code": copy.id, "message": "Reading from the source failed." }]),
            Some(_) => json!([{ "code": promotion.id, "message": "Promotion to the lake failed." }]),
            None if self.promoted.rejected > 0 => json!([{ "code": promotion.id, "message": "Promotion reported errors; see the promotion activity." }]),
            None => json!([]),
        }
    }

    fn copy_activity(&self, times: &Times, files: usize, bytes: u64) -> Value {
        let claim = self.claim;
        let failed = self.error.is_some() && self.failed_stage() == "copyActivity";
        let ended = if times.copy_ended > 0 { times.copy_ended } else { self.now.timestamp_millis() };
        let window = json!({ "windowStart": claim.window.start.map(|t| t.timestamp_millis()), "windowEnd": claim.window.end.map(|t| t.timestamp_millis()) });
        let mut status = json!({ "status": if failed { "failed" } else { "success" }, "extensions": { "type": "one-time" } });
        if claim.flow.text("/scheduleParams/frequency").is_some_and(|f| !f.eq_ignore_ascii_case("once")) {
            status["extensions"]["type"] = json!("incremental");
        }
        if failed {
            status["errors"] = json!([{ "code": code::CONNECTOR_1001.id, "message": "Reading from the source failed." }]);
            status["extensions"]["errors"] = self.details();
        }
        let source = claim.flow.text("/sourceConnectionIds/0");
        json!({ "id": "copyActivity", "updatedAtUTC": ended,
            "durationSummary": { "startedAtUTC": self.started(), "completedAtUTC": ended, "extensions": window },
            "sizeSummary": { "inputBytes": bytes, "outputBytes": bytes },
            "recordSummary": {},
            "fileSummary": { "inputFileCount": files, "outputFileCount": files },
            "statusSummary": status,
            "sourceInfo": [{ "id": source, "type": "SourceConnection", "reference": { "type": "AdfRunId", "ids": [claim.run.id] } }] })
    }

    fn promotion_activity(&self, times: &Times, records: Value, files_in: usize, files_out: usize, bytes_in: u64, bytes_out: u64) -> Value {
        let claim = self.claim;
        let now = self.now.timestamp_millis();
        let meta = format!("{}/data/foundation/export/batches/{}/meta?path=", self.public_url, claim.batch);
        let failed = self.error.is_some();
        let mut status = json!({ "status": if failed { "failed" } else { "success" }, "extensions": {} });
        if failed {
            status["errors"] = json!([{ "code": code::CONNECTOR_2001.id, "message": "Promotion to the lake failed." }]);
        } else if self.promoted.rejected > 0 {
            status["errors"] = json!([{ "code": code::CONNECTOR_2001.id, "message": "Promotion reported errors." }]);
        }
        if !self.promoted.diagnostics.is_empty() {
            status["extensions"]["manifest"] = json!({ "failedRecords": format!("{meta}row_errors"), "sampleErrors": format!("{meta}row_error_samples.json") });
        }
        let details = self.details();
        if details.as_array().is_some_and(|d| !d.is_empty()) {
            status["extensions"]["errors"] = details;
        }
        let target = claim.flow.text("/targetConnectionIds/0");
        json!({ "id": "promotionActivity", "updatedAtUTC": now,
            "durationSummary": { "startedAtUTC": times.promote_started.max(times.copy_ended), "completedAtUTC": now },
            "sizeSummary": { "inputBytes": bytes_in, "outputBytes": bytes_out },
            "recordSummary": records,
            "fileSummary": { "inputFileCount": files_in, "outputFileCount": files_out,
                "extensions": { "manifest": { "fileInfo": format!("{meta}input_files") } } },
            "statusSummary": status,
            "targetInfo": [{ "id": target, "type": "TargetConnection", "reference": { "type": "Batch", "ids": [claim.batch] } }] })
    }

    /// Codes with their counts: a summary first when rows were rejected, then each code found, then the error itself.
    fn details(&self) -> Value {
        let (promoted, mut details) = (self.promoted, Vec::new());
        if let Some(error) = self.error {
            let mut detail = json!({ "code": error.code.id, "message": error.message });
            if let Some(at) = &error.at {
                detail["at"] = json!(at);
            }
            if let Some(advice) = &error.advice {
                detail["advice"] = json!(advice);
            }
            details.push(detail);
        } else if promoted.rejected > 0 {
            let message = format!("{} rows rejected, {} stored.", promoted.rejected, promoted.written);
            details.push(json!({ "code": code::INGEST_1212.id, "message": message, "recordCount": promoted.rejected }));
        }
        for (code, tally) in &promoted.findings {
            details.push(json!({ "code": code, "recordCount": tally.records, "message": tally.example }));
        }
        Value::Array(details)
    }

    /// The batch, as Catalog shows it (platform.md §4).
    pub fn batch(&self) -> Value {
        let (claim, promoted, now) = (self.claim, self.promoted, self.now.timestamp_millis());
        let failed = self.error.is_some();
        let stored = if failed { 0 } else { promoted.written };
        let options = &claim.flow.body["options"];
        let dataset = self.setup.map(|s| s.dataset.clone());
        let bytes: u64 = self.record.map_or(0, |r| r.plan.parts.iter().map(|p| p.object.size).sum());
        let files = self.record.map_or(0, |r| r.plan.parts.len());
        let mut errors = self.details();
        for error in errors.as_array_mut().into_iter().flatten() {
            if let Some(message) = error.as_object_mut().and_then(|e| e.remove("message")) {
                error["description"] = message;
            }
        }
        let related = dataset.map(|id| json!([{ "type": "dataSet", "id": id }])).unwrap_or(json!([]));
        json!({ "id": claim.batch, "imsOrg": claim.scope.org, "status": if failed { "failure" } else { "success" },
            "created": claim.run.created.timestamp_millis(), "started": self.started(), "completed": now, "updated": now,
            "version": "1.0.0", "relatedObjects": related, "inputFormat": { "format": "parquet" },
            "tags": { "acp_enableErrorDiagnostics": options["errorDiagnosticsEnabled"].as_bool().unwrap_or(false),
                "acp_partialIngestionPercent": options["partialIngestionPercent"], "flowId": [claim.flow.id], "runId": [claim.run.id] },
            "metrics": { "inputByteSize": bytes, "inputFileCount": files, "inputRecordCount": promoted.records,
                "outputRecordCount": stored, "failedRecordCount": promoted.records - stored },
            "errors": errors })
    }
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
