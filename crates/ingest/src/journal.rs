//! What a run tells an operator: the lines of its log and the stages of its way. They are collected here and written with
//! what the worker writes anyway, once a second; a run never waits for them, and never fails by them.
//!
//! Always holds: no secret is in a line (messages are those that the run shows, never an error's source), and the number
//! of lines does not grow with the number of files or rows: what happens often is told in sums.

use forebay_lake::Found;
use forebay_model::Time;
use forebay_model::run::trace::{self, Figures, Level, Line, Stage, Step};
use forebay_store::Told;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Lines that wait to be written; more are dropped.
const WAITING: usize = 2_000;
/// Files that are told one by one.
const ONE_BY_ONE: u64 = 20;
/// Sums that are told of the others.
const SUMS: u64 = 200;
/// The shortest time between two lines of a copy; it grows with their number.
const PAUSE: Duration = Duration::from_secs(10);

/// The same of signs of life.
const LIFE: Duration = Duration::from_secs(60);

/// Collects. The default one collects nothing.
#[derive(Debug, Default)]
pub struct Journal {
    clock: Option<fn() -> Time>,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    lines: Vec<Line>,
    stages: Vec<Stage>,
    moved: bool,
    version: Option<u64>,
    /// Codes that were told.
    codes: BTreeSet<String>,
    /// Checkpoints that were told, and when the last one was.
    checkpoints: u32,
    last: Option<Instant>,
    /// Files at the last sum.
    files: u64,
    /// When a sign of life was told last, and how often.
    pulse: Option<(Instant, u32)>,
}

impl Journal {
    /// Goes on where claims before this one have come.
    pub fn new(clock: fn() -> Time, stages: Vec<Stage>) -> Journal {
        Journal { clock: Some(clock), open: Mutex::new(Open { stages, ..Open::default() }) }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Option<i64> {
        self.clock.map(|clock| clock().timestamp_millis())
    }

    /// A line.
    pub fn say(&self, level: Level, message: impl Into<String>, fields: Value) {
        let Some(at) = self.now() else { return };
        let mut open = self.open();
        if open.lines.len() < WAITING {
            open.lines.push(Line { seq: 0, at, level, message: message.into(), fields });
        }
    }

    /// What happened.
    pub fn info(&self, message: impl Into<String>, fields: Value) {
        self.say(Level::Info, message, fields);
    }

    /// What was not as it should be.
    pub fn warn(&self, message: impl Into<String>, fields: Value) {
        self.say(Level::Warn, message, fields);
    }

    /// A stage begins; those behind it have not been.
    pub fn begin(&self, step: Step) {
        let Some(at) = self.now() else { return };
        let mut open = self.open();
        trace::begin(&mut open.stages, step, at);
        open.moved = true;
    }

    /// It began then, unless it has begun.
    pub fn begin_once(&self, step: Step, at: i64) {
        let mut open = self.open();
        if self.clock.is_some() && !open.stages.iter().any(|stage| stage.name == step) {
            trace::begin(&mut open.stages, step, at);
            open.moved = true;
        }
    }

    /// A stage has ended.
    pub fn end(&self, step: Step) {
        let Some(at) = self.now() else { return };
        let mut open = self.open();
        trace::end(&mut open.stages, step, at);
        open.moved = true;
    }

    /// The run's rows are a version of the table.
    pub fn committed(&self, version: u64) {
        self.open().version = Some(version);
    }

    /// A file was read whole: told by name for the first ones, in sums for the others.
    pub fn file(&self, name: &str, (records, rejected): (u64, u64), (files, total): (u64, u64), all: u64) {
        let told = {
            let mut open = self.open();
            let due = files <= ONE_BY_ONE || files == total || files >= open.files + (total / SUMS).max(1);
            if due {
                open.files = files;
            }
            due
        };
        if !told {
            return;
        }
        let fields =
            json!({ "file": name, "records": records, "rejected": rejected, "files": files, "filesTotal": total });
        let failed = if rejected > 0 { format!(", {rejected} of them rejected") } else { String::new() };
        match files <= ONE_BY_ONE {
            true => self.info(format!("read {name}: {records} records{failed} (file {files} of {total})"), fields),
            false => self.info(format!("read {files} of {total} files, {all} records so far"), fields),
        }
    }

    /// The first row of each code that was found.
    pub fn found(&self, codes: &BTreeMap<String, Found>) {
        for (code, found) in codes {
            if self.open().codes.insert(code.clone()) {
                let fields = json!({ "code": code, "example": found.example });
                self.warn(format!("first row with {code}: {}", found.example), fields);
            }
        }
    }

    /// How far a copy is: told the less often the longer it takes.
    pub fn checkpoint(&self, landed: u64, known: u64, segments: usize) {
        {
            let mut open = self.open();
            let pause = PAUSE * (1 + open.checkpoints / 30).min(30);
            if open.last.is_some_and(|last| last.elapsed() < pause) {
                return;
            }
            open.last = Some(Instant::now());
            open.checkpoints += 1;
        }
        let fields = json!({ "landed": landed, "known": known, "segments": segments });
        self.info(format!("checkpoint: {landed} records landed, {known} known already"), fields);
    }

    /// A sign of life of a run that takes long: told the less often the longer it takes.
    pub fn pulse(&self, figures: &Figures) {
        {
            let mut open = self.open();
            let (last, count) = *open.pulse.get_or_insert((Instant::now(), 0));
            if last.elapsed() < LIFE * (1 + count / 30).min(30) {
                return;
            }
            open.pulse = Some((Instant::now(), count + 1));
        }
        let of = figures.bytes_total.map(|total| format!(" of {}", bytes(total))).unwrap_or_default();
        let fields = serde_json::to_value(figures).unwrap_or_default();
        self.info(format!("read {}{of}, {} records so far", bytes(figures.bytes), figures.records), fields);
    }

    /// What there is to write, taken out.
    pub fn drain(&self) -> Told {
        let mut open = self.open();
        let stages = std::mem::take(&mut open.moved).then(|| open.stages.clone());
        Told { lines: std::mem::take(&mut open.lines), stages, version: open.version.take(), ..Told::default() }
    }

    /// What could not be written waits for the next time.
    pub fn put_back(&self, told: Told) {
        let mut open = self.open();
        let later = std::mem::take(&mut open.lines);
        open.lines = told.lines.into_iter().chain(later).take(WAITING).collect();
        open.moved |= told.stages.is_some();
        open.version = open.version.or(told.version);
    }
}

/// A number of bytes for people.
pub fn bytes(count: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut size = count as f64;
    let mut unit = 0;
    while size >= 1024.0 && unit + 1 < units.len() {
        size /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{size:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        Journal::new(|| Time::from_timestamp(1_750_000_000, 0).expect("in range"), Vec::new())
    }

    #[test]
    fn ten_thousand_files_make_no_more_than_five_hundred_lines() {
        let journal = journal();
        for n in 1..=10_000 {
            journal.file("a.csv", (3, 0), (n, 10_000), 3 * n);
        }
        let lines = journal.drain().lines;
        assert!((100..500).contains(&lines.len()), "{}", lines.len());
        assert_eq!(lines.last().unwrap().message, "read 10000 of 10000 files, 30000 records so far");
    }

    #[test]
    fn a_code_is_told_once() {
        let journal = journal();
        let codes = BTreeMap::from([("X".to_string(), Found { records: 2, example: "bad".into() })]);
        journal.found(&codes);
        journal.found(&codes);
        assert_eq!(journal.drain().lines.len(), 1);
    }

    #[test]
    fn what_could_not_be_written_is_written_later_and_in_order() {
        let journal = journal();
        journal.info("one", Value::Null);
        journal.begin(Step::List);
        let told = journal.drain();
        assert!(journal.drain().is_empty());
        journal.info("two", Value::Null);
        journal.put_back(told);
        let told = journal.drain();
        assert_eq!(told.lines.iter().map(|l| l.message.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        assert!(told.stages.is_some());
    }

    #[test]
    fn the_default_one_collects_nothing() {
        let journal = Journal::default();
        journal.info("x", Value::Null);
        journal.begin(Step::Read);
        assert!(journal.drain().is_empty());
    }

    #[test]
    fn bytes_are_said_for_people() {
        assert_eq!([bytes(0), bytes(1023), bytes(1536), bytes(5 << 30)], ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
    }
}
