//! A run's document (FS §10.2), built from typed values. A run has two activities, copy and promotion. The figures of
//! the whole run follow from theirs: what came in is the copy's (records: the promotion's, since a copy counts none),
//! what went out is the promotion's. Records always balance (FS-RUN-1). Top-level `state` repeats the status.

pub mod trace;

use crate::code::Code;
use crate::files::Window;
use crate::{Error, Result, Time};
use serde_json::{Map, Value, json};

/// The first activity: from the source to the raw zone.
pub const COPY: &str = "copyActivity";
/// The second activity: from the raw zone to the lake.
pub const PROMOTION: &str = "promotionActivity";

/// How far a run, or an activity, is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Waits for its turn.
    Scheduled,
    /// A worker has it.
    InProgress,
    /// All of it, or all but the rejected rows, is in the lake.
    Success,
    /// Nothing of it is in the lake.
    Failed,
}

impl Status {
    /// As the wire has it.
    pub fn text(self) -> &'static str {
        match self {
            Status::Scheduled => "scheduled",
            Status::InProgress => "inProgress",
            Status::Success => "success",
            Status::Failed => "failed",
        }
    }

    /// From the wire, in any case.
    pub fn parse(text: &str) -> Option<Status> {
        let all = [Status::Scheduled, Status::InProgress, Status::Success, Status::Failed];
        all.into_iter().find(|status| status.text().eq_ignore_ascii_case(text))
    }

    /// Nothing more will happen.
    pub fn ended(self) -> bool {
        matches!(self, Status::Success | Status::Failed)
    }
}

/// When something began and ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first moment.
    pub started: Time,
    /// Its last, once there is one.
    pub completed: Option<Time>,
}

impl Span {
    fn json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("startedAtUTC".into(), self.started.timestamp_millis().into());
        if let Some(completed) = self.completed {
            map.insert("completedAtUTC".into(), completed.timestamp_millis().into());
        }
        map
    }
}

/// Bytes in and out; unknown is -1 on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Read.
    pub input: Option<u64>,
    /// Written.
    pub output: Option<u64>,
}

impl Size {
    fn json(&self) -> Value {
        let text = |bytes: Option<u64>| bytes.map_or(json!(-1), |bytes| json!(bytes));
        json!({ "inputBytes": text(self.input), "outputBytes": text(self.output) })
    }
}

/// Records in and out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Records {
    /// Read.
    pub input: u64,
    /// Stored.
    pub output: u64,
    /// Rejected.
    pub failed: u64,
    /// Left out on purpose.
    pub skipped: u64,
    /// Stored with a null where a value did not convert; part of `output`.
    pub warned: u64,
}

impl Records {
    /// FS-RUN-1: every record that came in is stored, rejected or left out; an Internal error otherwise.
    pub fn check(&self) -> Result<()> {
        let known = self.output.checked_add(self.failed).and_then(|sum| sum.checked_add(self.skipped));
        if known == Some(self.input) && self.warned <= self.output {
            return Ok(());
        }
        Err(Error::internal(format!(
            "The run's records do not balance: {} came in, but {} were stored ({} with warnings), {} rejected and {} left out. Nothing was committed.",
            self.input, self.output, self.warned, self.failed, self.skipped
        )))
    }

    /// FS-RUN-2: the part of records that failed, in percent.
    pub fn failed_percent(&self) -> f64 {
        if self.input == 0 { 0.0 } else { self.failed as f64 * 100.0 / self.input as f64 }
    }

    fn json(&self) -> Value {
        let mut map = Map::new();
        map.insert("inputRecordCount".into(), self.input.into());
        map.insert("outputRecordCount".into(), self.output.into());
        map.insert("failedRecordCount".into(), self.failed.into());
        if self.skipped > 0 {
            map.insert("skippedRecordCount".into(), self.skipped.into());
        }
        if self.warned > 0 {
            map.insert("warningRecordCount".into(), self.warned.into());
        }
        Value::Object(map)
    }
}

/// Files in and out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Files {
    /// Read.
    pub input: u64,
    /// Written.
    pub output: u64,
    /// Left out on purpose.
    pub skipped: u64,
    /// Not readable.
    pub failed: u64,
}

impl Files {
    fn json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.insert("inputFileCount".into(), self.input.into());
        map.insert("outputFileCount".into(), self.output.into());
        if self.skipped > 0 {
            map.insert("skippedFileCount".into(), self.skipped.into());
        }
        if self.failed > 0 {
            map.insert("failedFileCount".into(), self.failed.into());
        }
        map
    }
}

/// One line of an error list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The contract's code.
    pub code: String,
    /// Why, in the caller's words.
    pub message: String,
    /// How many records, where it is about records.
    pub records: Option<u64>,
}

impl Problem {
    /// A problem that is not about a number of records.
    pub fn new(code: &'static Code, message: impl Into<String>) -> Problem {
        Problem { code: code.id.to_string(), message: message.into(), records: None }
    }

    fn json(&self) -> Value {
        match self.records {
            Some(records) => {
                json!({ "code": self.code, "recordCount": records, "message": self.message })
            }
            None => json!({ "code": self.code, "message": self.message }),
        }
    }
}

/// Where the rows that failed can be read: absolute addresses of this server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The list of files that were read.
    pub files: Option<String>,
    /// All rejected records.
    pub failed: Option<String>,
    /// A few of them.
    pub sample: Option<String>,
}

/// What an activity reads from or writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The id of the source or target connection.
    pub id: String,
    /// What `ids` are, such as `Batch`.
    pub kind: String,
    /// The batch's id, or the run's.
    pub ids: Vec<String>,
}

/// One of the two activities of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// [`COPY`] or [`PROMOTION`].
    pub id: &'static str,
    /// When its figures were taken.
    pub updated: Time,
    /// When it ran.
    pub span: Span,
    /// The window of the data; the copy's.
    pub window: Option<Window>,
    /// Bytes.
    pub size: Size,
    /// Records; none for a copy of files, which counts none.
    pub records: Option<Records>,
    /// Files.
    pub files: Files,
    /// How far it is.
    pub status: Status,
    /// What failed, in a word.
    pub errors: Vec<Problem>,
    /// What failed, in detail: beside the manifest.
    pub findings: Vec<Problem>,
    /// Where the rows that failed can be read.
    pub manifest: Manifest,
    /// What it reads from (copy) or writes to (promotion).
    pub reference: Option<Reference>,
}

impl Activity {
    /// An activity that has just begun.
    pub fn begun(id: &'static str, now: Time) -> Activity {
        Activity {
            id,
            updated: now,
            span: Span { started: now, completed: None },
            window: None,
            size: Size::default(),
            records: None,
            files: Files::default(),
            status: Status::InProgress,
            errors: Vec::new(),
            findings: Vec::new(),
            manifest: Manifest::default(),
            reference: None,
        }
    }

    /// As the wire has it.
    pub fn json(&self) -> Value {
        let mut map = Map::new();
        map.insert("id".into(), self.id.into());
        map.insert("updatedAtUTC".into(), self.updated.timestamp_millis().into());
        map.insert("durationSummary".into(), self.duration());
        map.insert("sizeSummary".into(), self.size.json());
        map.insert("recordSummary".into(), self.records.map_or(json!({}), |records| records.json()));
        let mut files = self.files.json();
        if let Some(link) = &self.manifest.files {
            files.insert("extensions".into(), json!({ "manifest": { "fileInfo": link } }));
        }
        map.insert("fileSummary".into(), Value::Object(files));
        map.insert("statusSummary".into(), self.summary());
        if let Some(reference) = &self.reference {
            let (member, kind) =
                if self.id == COPY { ("sourceInfo", "SourceConnection") } else { ("targetInfo", "TargetConnection") };
            let info = json!([{ "id": reference.id, "type": kind, "reference": { "type": reference.kind, "ids": reference.ids } }]);
            map.insert(member.into(), info);
        }
        Value::Object(map)
    }

    fn duration(&self) -> Value {
        let mut map = self.span.json();
        if let Some(window) = &self.window {
            let mut bounds = Map::new();
            for (name, bound) in [("windowStart", window.start), ("windowEnd", window.end)] {
                if let Some(bound) = bound {
                    bounds.insert(name.into(), bound.timestamp_millis().into());
                }
            }
            map.insert("extensions".into(), Value::Object(bounds));
        }
        Value::Object(map)
    }

    fn summary(&self) -> Value {
        let mut map = Map::new();
        map.insert("status".into(), self.status.text().into());
        if !self.errors.is_empty() {
            map.insert("errors".into(), problems(&self.errors));
        }
        let mut manifest = Map::new();
        for (name, link) in [("failedRecords", &self.manifest.failed), ("sampleErrors", &self.manifest.sample)] {
            if let Some(link) = link {
                manifest.insert(name.into(), link.as_str().into());
            }
        }
        let mut extensions = Map::new();
        if !manifest.is_empty() {
            extensions.insert("manifest".into(), Value::Object(manifest));
        }
        if !self.findings.is_empty() {
            extensions.insert("errors".into(), problems(&self.findings));
        }
        if !extensions.is_empty() {
            map.insert("extensions".into(), Value::Object(extensions));
        }
        Value::Object(map)
    }
}

fn problems(list: &[Problem]) -> Value {
    Value::Array(list.iter().map(Problem::json).collect())
}

/// The figures of a whole run.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// When it ran.
    pub span: Span,
    /// Bytes: the copy's in, the promotion's out.
    pub size: Size,
    /// Records: the promotion's.
    pub records: Records,
    /// Files: the copy's in, the promotion's out.
    pub files: Files,
    /// How far it is.
    pub status: Status,
    /// The failing stage; the details are in the activity.
    pub errors: Vec<Problem>,
}

impl Metrics {
    /// The run's figures from its activities'. Fails when the records do not balance (FS-RUN-1).
    pub fn of(
        span: Span,
        status: Status,
        errors: Vec<Problem>,
        copy: Option<&Activity>,
        promotion: Option<&Activity>,
    ) -> Result<Metrics> {
        let records = promotion.and_then(|activity| activity.records).unwrap_or_default();
        records.check()?;
        let size = Size {
            input: copy.map_or(Some(0), |activity| activity.size.input),
            output: promotion.map_or(Some(0), |activity| activity.size.output),
        };
        let copied = copy.map(|activity| activity.files).unwrap_or_default();
        let promoted = promotion.map(|activity| activity.files).unwrap_or_default();
        let files = Files {
            input: copied.input,
            output: promoted.output,
            skipped: copied.skipped + promoted.skipped,
            failed: copied.failed + promoted.failed,
        };
        Ok(Metrics { span, size, records, files, status, errors })
    }

    /// As the wire has it.
    pub fn json(&self) -> Value {
        let mut files = self.files.json();
        files.insert("activityRefs".into(), json!([PROMOTION]));
        json!({
            "durationSummary": self.span.json(),
            "sizeSummary": self.size.json(),
            "recordSummary": self.records.json(),
            "fileSummary": files,
            "statusSummary": { "status": self.status.text(), "errors": problems(&self.errors), "activityRefs": [PROMOTION] },
        })
    }
}

/// The members of a run's document that say how far it is: `state`, `metrics`, `activities`.
pub fn body(metrics: &Metrics, activities: &[Activity]) -> Value {
    let activities: Vec<Value> = activities.iter().map(Activity::json).collect();
    json!({ "state": metrics.status.text(), "metrics": metrics.json(), "activities": activities })
}

/// The same of a run that waits for its turn: a patch.
pub fn scheduled() -> Value {
    json!({ "state": "scheduled", "metrics": { "statusSummary": { "status": "scheduled", "errors": [] } }, "activities": [] })
}

/// The same of a run that a worker has just claimed.
pub fn claimed(started: Time) -> Value {
    let span = Span { started, completed: None };
    let status = json!({ "status": "inProgress", "errors": [] });
    json!({ "state": "inProgress", "metrics": { "durationSummary": span.json(), "statusSummary": status }, "activities": [] })
}

/// The same of a run that failed before any activity began.
pub fn cancelled(at: Time, why: &Problem) -> Value {
    let span = Span { started: at, completed: Some(at) };
    let status = json!({ "status": "failed", "errors": [why.json()] });
    json!({ "state": "failed", "metrics": { "durationSummary": span.json(), "statusSummary": status }, "activities": [] })
}

/// A flow's `lastRunDetails`.
pub fn last_details(id: &str, status: Status, span: Span) -> Value {
    let mut map = Map::new();
    map.insert("id".into(), id.into());
    map.insert("state".into(), status.text().into());
    map.append(&mut span.json());
    Value::Object(map)
}

#[cfg(test)]
mod tests;
