//! What is told of a run beside its document: attempts, stages, figures, lines of its log. Plain data, written by the
//! store and the worker, and shown as it is. Times are epoch milliseconds.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Attempts that are kept of one run: the last ones.
pub const ATTEMPTS: usize = 100;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Trace {
    /// Counts the runs of a flow, from 1; 0 where that is not known.
    pub number: i64,
    /// How often it was claimed since it was made or triggered again.
    pub attempt: i64,
    /// Who has asked for its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_by: Option<String>,
    /// Every claim, oldest first.
    pub attempts: Vec<Attempt>,
    /// Where it is, and was, in its last attempt.
    pub stages: Vec<Stage>,
    /// The version of the table that it has committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// How far it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Figures>,
    /// The error of its last attempt that met one, as `cause::told` says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Value>,
}

/// One claim of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Attempt {
    /// Counts the claims of the run, from 1.
    pub number: u64,
    /// The claim's epoch.
    pub epoch: i64,
    /// Who held it.
    pub worker: String,
    /// When it began.
    pub started_at: i64,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
    /// How; none while it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Ended>,
    /// What was wrong, as the run says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ended {
    /// The run succeeded.
    Success,
    /// The run failed.
    Failed,
    /// The run was cancelled.
    Cancelled,
    /// It met an error, and the run is tried again.
    Retried,
    /// Its worker was shut down and gave it back.
    Released,
    /// Its worker did not renew its lease.
    Lost,
}

/// A part of a run's way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// Which.
    pub name: Step,
    /// When it began.
    pub started_at: i64,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<i64>,
}

/// The parts, in their order. Rows are written while others are still read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Files are listed.
    List,
    /// A table is copied to the raw zone.
    Copy,
    /// Rows are read.
    Read,
    /// Rows are written, and merged where the dataset keeps one row a key.
    Write,
    /// They become part of the table.
    Commit,
}

/// How far a run is. Totals are known once it is planned.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Figures {
    /// When they were taken.
    pub at: i64,
    /// Bytes read.
    pub bytes: u64,
    /// Bytes that there are to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_total: Option<u64>,
    /// Files read.
    pub files: u64,
    /// Files that there are to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_total: Option<u64>,
    /// Records read.
    pub records: u64,
}

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Counts the lines of the run, from 1; 0 before it is kept.
    #[serde(default)]
    pub seq: i64,
    /// When.
    pub at: i64,
    /// How much it matters.
    pub level: Level,
    /// A sentence that reads alone.
    pub message: String,
    /// The same for programs: an object, or null.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub fields: Value,
}

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// To whom looks for a fault of ours.
    Debug,
    /// What happened.
    Info,
    /// Something was not as it should be.
    Warn,
    /// Something failed.
    Error,
}

impl Level {
    /// As the store keeps it: the higher, the more it matters.
    pub fn number(self) -> i64 {
        self as i64
    }

    /// From the store's number.
    pub fn of(number: i64) -> Level {
        match number {
            0 => Level::Debug,
            1 => Level::Info,
            2 => Level::Warn,
            _ => Level::Error,
        }
    }

    /// As the wire has it.
    pub fn text(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }

    /// From the wire, in any case.
    pub fn parse(text: &str) -> Option<Level> {
        [Level::Debug, Level::Info, Level::Warn, Level::Error].into_iter().find(|l| l.text().eq_ignore_ascii_case(text))
    }
}

impl Trace {
    /// Notes a claim. One before it that nobody has ended was lost.
    pub fn claimed(&mut self, attempt: Attempt) {
        self.end_attempt(attempt.started_at, Ended::Lost, None);
        if self.attempts.len() >= ATTEMPTS {
            self.attempts.remove(0);
        }
        self.attempts.push(attempt);
    }

    /// Ends the last claim, unless it has ended.
    pub fn end_attempt(&mut self, at: i64, outcome: Ended, error: Option<String>) {
        if let Some(last) = self.attempts.last_mut().filter(|last| last.outcome.is_none()) {
            last.ended_at = Some(at.max(last.started_at));
            last.outcome = Some(outcome);
            last.error = error;
        }
    }
}

/// Begins a stage: it, and those behind it, are as if they had not been before.
pub fn begin(stages: &mut Vec<Stage>, name: Step, at: i64) {
    stages.retain(|stage| stage.name < name);
    stages.push(Stage { name, started_at: at, ended_at: None });
}

/// Ends a stage that goes on.
pub fn end(stages: &mut [Stage], name: Step, at: i64) {
    if let Some(stage) = stages.iter_mut().find(|stage| stage.name == name && stage.ended_at.is_none()) {
        stage.ended_at = Some(at.max(stage.started_at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u64, started_at: i64) -> Attempt {
        Attempt { number, started_at, ..Attempt::default() }
    }

    #[test]
    fn a_claim_that_nobody_ended_was_lost_when_the_next_began() {
        let mut trace = Trace::default();
        trace.claimed(attempt(1, 10));
        trace.claimed(attempt(2, 30));
        trace.end_attempt(40, Ended::Success, None);
        trace.end_attempt(50, Ended::Failed, Some("late".into()));
        let told: Vec<_> = trace.attempts.iter().map(|a| (a.number, a.ended_at, a.outcome)).collect();
        assert_eq!(told, [(1, Some(30), Some(Ended::Lost)), (2, Some(40), Some(Ended::Success))]);
    }

    #[test]
    fn a_stage_that_begins_again_takes_those_behind_it_away() {
        let mut stages = Vec::new();
        for (step, at) in [(Step::List, 1), (Step::Read, 2), (Step::Write, 3), (Step::Read, 9)] {
            begin(&mut stages, step, at);
        }
        end(&mut stages, Step::List, 4);
        end(&mut stages, Step::Commit, 4);
        let told: Vec<_> = stages.iter().map(|s| (s.name, s.started_at, s.ended_at)).collect();
        assert_eq!(told, [(Step::List, 1, Some(4)), (Step::Read, 9, None)]);
    }

    #[test]
    fn the_wire_says_what_is_known_and_nothing_else() {
        let mut trace = Trace { number: 3, attempt: 1, ..Trace::default() };
        trace.claimed(Attempt { epoch: 7, worker: "w".into(), ..attempt(1, 10) });
        begin(&mut trace.stages, Step::List, 11);
        let told = serde_json::to_value(&trace).unwrap();
        assert_eq!(
            told,
            serde_json::json!({ "number": 3, "attempt": 1,
                "attempts": [{ "number": 1, "epoch": 7, "worker": "w", "startedAt": 10 }],
                "stages": [{ "name": "list", "startedAt": 11 }] })
        );
        assert_eq!(serde_json::from_value::<Trace>(told).unwrap(), trace);
    }

    #[test]
    fn levels_have_an_order_and_a_name() {
        for level in [Level::Debug, Level::Info, Level::Warn, Level::Error] {
            assert_eq!((Level::of(level.number()), Level::parse(level.text())), (level, Some(level)));
        }
        assert!(Level::Warn > Level::Info && Level::parse("loud").is_none());
    }
}
