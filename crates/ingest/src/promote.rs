//! The promotion: one DataFusion plan from pinned objects to files under the table, where no reader looks yet.
//!
//! ```text
//! WriteExec       writes Parquet and diagnostics; reports each file and each part
//!   MapExec       source columns → target columns
//!     ScanExec    the parts named by its input rows → source columns
//!       DataSourceExec(MemorySourceConfig)   column `part`, one partition per task
//! ```
//!
//! Always holds: what comes back accounts for every pinned part exactly once, and its rows add up; anything else is
//! an error and nothing is committed (the spike's rule 3).

use crate::decode::{Met, Objects, ScanExec, ScanSpec};
use crate::journal::Journal;
use crate::mapping::{MapExec, MapSpec, Upserts};
use crate::outcome::ours;
use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::memory::{DataSourceExec, MemorySourceConfig};
use datafusion::error::DataFusionError;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use forebay_lake::{File, Found, Lake, Report, WriteExec, WriteSpec};
use forebay_model::event::Finding;
use forebay_model::files::{FileOptions, Object, Part};
use forebay_model::mapping::MappingSet;
use forebay_model::mapping::ast::{FieldPath, Step};
use forebay_model::run::trace::{Figures, Stage, Step as Stop};
use forebay_model::xdm::FieldTree;
use forebay_model::{Error, Result, Time};
use forebay_sources::Source;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Rows of a record batch. Large enough to make the per-batch work vanish, small enough to stay in the caches.
const BATCH: usize = 8192;

/// What a promotion does.
pub struct Promotion<'a> {
    /// Pinned objects.
    pub parts: &'a [Part],
    /// How their bytes are read.
    pub options: FileOptions,
    /// The mapping set; none copies same-named fields.
    pub set: Option<MappingSet>,
    /// Where fields lie in landed records; files have them under their own names.
    pub landed: Option<&'static Source>,
    /// How rows change a dataset that keeps one row a key; none appends them.
    pub upserts: Option<Upserts>,
    /// The dataset's fields.
    pub target: FieldTree,
    /// Where and how files are written.
    pub write: WriteSpec,
    /// When the run was planned, for `now()`: a retry writes the same.
    pub now: Time,
    /// How many tasks read side by side.
    pub tasks: usize,
}

/// What a promotion did: what the commit, the run's metrics and the batch are made of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Promoted {
    /// Files to commit.
    pub files: Vec<File>,
    /// Diagnostics files, relative to the lake.
    pub diagnostics: Vec<String>,
    /// Records read.
    pub records: u64,
    /// Records in `files`.
    pub written: u64,
    /// Records kept in the diagnostics only.
    pub rejected: u64,
    /// Records written with nulls where values did not convert.
    pub warned: u64,
    /// Bytes read from the source.
    pub bytes_in: u64,
    /// Bytes of `files`.
    pub bytes_out: u64,
    /// Findings by code: how many records, and one message as an example.
    pub findings: BTreeMap<String, Found>,
}

/// What a watcher may see of a promotion while it goes.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes read from the source so far.
    pub bytes: AtomicU64,
    /// Records of finished parts.
    pub records: AtomicU64,
    /// Parts finished.
    pub parts: AtomicU64,
    /// Pages copied.
    pub pages: AtomicU64,
    /// Records copied.
    pub copied: AtomicU64,
    /// Rows that a merge has read.
    pub merging: Arc<AtomicU64>,
    /// What the scan has met.
    pub met: Arc<Met>,
    /// What is told of the run.
    pub journal: Journal,
    /// Files and bytes that there are to read, and the bytes that had been read before: of a table, its copy's.
    planned: OnceLock<(u64, u64, u64)>,
}

impl Progress {
    /// Of a run: `stages` are those of claims before this one.
    pub fn of_run(clock: fn() -> Time, stages: Vec<Stage>) -> Progress {
        let met = Arc::new(Met::new(clock));
        Progress { journal: Journal::new(clock, stages), met, ..Progress::default() }
    }

    /// It is known what there is to read.
    pub fn plan(&self, parts: &[Part]) {
        let total = parts.iter().map(|part| part.object.size).sum();
        // What was counted so far is a copy's.
        let before = if self.pages.load(Ordering::Relaxed) > 0 { self.bytes.load(Ordering::Relaxed) } else { 0 };
        let _ = self.planned.set((parts.len() as u64, total, before));
    }

    /// Changes whenever the run moves.
    pub fn moves(&self) -> u64 {
        let counts = [&self.bytes, &self.records, &self.pages, &*self.merging];
        counts.iter().map(|count| count.load(Ordering::Relaxed)).sum::<u64>() + self.met.count()
    }

    /// The figures now; also notes that rows are written, since the first have come.
    pub fn figures(&self, now: Time) -> Figures {
        if let Some(at) = self.met.first() {
            self.journal.begin_once(Stop::Write, at);
        }
        let at = now.timestamp_millis();
        let bytes = self.bytes.load(Ordering::Relaxed);
        let Some(&(files_total, bytes_total, before)) = self.planned.get() else {
            return Figures { at, bytes, records: self.copied.load(Ordering::Relaxed), ..Figures::default() };
        };
        // Parts of a file may be read twice.
        let bytes = (bytes - before).min(bytes_total);
        let records = self.met.count().max(self.records.load(Ordering::Relaxed));
        let files = self.parts.load(Ordering::Relaxed);
        Figures { at, bytes, bytes_total: Some(bytes_total), files, files_total: Some(files_total), records }
    }
}

/// Runs the promotion. Dropping the future stops every task and every read.
pub async fn promote(
    promotion: Promotion<'_>,
    objects: Arc<dyn Objects>,
    lake: &Lake,
    progress: Arc<Progress>,
) -> Result<Promoted> {
    let context = SessionContext::new_with_config(
        SessionConfig::new().with_batch_size(BATCH).with_target_partitions(promotion.tasks.max(1)),
    );
    let counted: Arc<dyn Objects> = Arc::new(Counted { inner: objects, progress: progress.clone() });
    let mut scan = scan(&promotion, &counted).await?;
    scan.met = Some(progress.met.clone());
    progress.met.map(scan.columns.iter().cloned().chain(scan.reads.iter().cloned()));
    let names: Arc<BTreeMap<u32, String>> =
        Arc::new(promotion.parts.iter().map(|part| (part.id, part.object.key.clone())).collect());
    let plan = plan(&promotion, scan, counted, lake).map_err(ours)?;
    let mut tasks = tokio::task::JoinSet::new();
    for partition in 0..plan.properties().output_partitioning().partition_count() {
        let stream = plan.execute(partition, context.task_ctx()).map_err(ours)?;
        let (progress, names) = (progress.clone(), names.clone());
        tasks.spawn(async move {
            let mut reports = Vec::new();
            let mut stream = stream;
            while let Some(batch) = stream.try_next().await.map_err(ours)? {
                for report in WriteExec::reports(&batch)? {
                    note(&progress, &names, &report);
                    reports.push(report);
                }
            }
            Ok::<_, Error>(reports)
        });
    }
    let mut reports = Vec::new();
    while let Some(task) = tasks.join_next().await {
        // Leaving early drops the set, which ends the other tasks.
        reports.extend(task.map_err(|e| Error::internal("a task of the run panicked").caused_by(e))??);
    }
    account(promotion.parts, reports)
}

/// What a watcher sees of a report.
fn note(progress: &Progress, names: &BTreeMap<u32, String>, report: &Report) {
    match report {
        Report::Part(part) => {
            let records = progress.records.fetch_add(part.records, Ordering::Relaxed) + part.records;
            let files = progress.parts.fetch_add(1, Ordering::Relaxed) + 1;
            let (total, name) = (names.len() as u64, names.get(&part.id).map_or("", String::as_str));
            progress.journal.file(name, (part.records, part.rejected), (files, total), records);
            for finding in &part.findings {
                let found = Found { records: 1, example: finding.message.clone() };
                progress.journal.found(&BTreeMap::from([(finding.code.clone(), found)]));
            }
            if files == total {
                progress.journal.end(Stop::Read);
            }
        }
        Report::Diagnostics(diagnostics) => progress.journal.found(&diagnostics.codes),
        Report::File(_) => {}
    }
}

/// What is read: the fields that the mapping names, typed as the files have them where the format has types.
async fn scan(promotion: &Promotion<'_>, objects: &Arc<dyn Objects>) -> Result<ScanSpec> {
    let mut columns: Vec<FieldPath> = match &promotion.set {
        Some(set) => set.fields(),
        None => promotion.target.fields.iter().map(|f| FieldPath(vec![Step::Name(f.name.clone())])).collect(),
    };
    for field in promotion.upserts.iter().flat_map(Upserts::fields) {
        if !columns.contains(&field) {
            columns.push(field);
        }
    }
    let spec = ScanSpec::new(promotion.options.clone(), columns);
    match promotion.landed {
        Some(source) => Ok(spec.landed(|field| source.locate(field))),
        None => spec.typed(objects, promotion.parts).await,
    }
}

fn plan(
    promotion: &Promotion<'_>,
    scan: ScanSpec,
    objects: Arc<dyn Objects>,
    lake: &Lake,
) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
    let schema = Arc::new(Schema::new(vec![Field::new("part", DataType::Utf8, false)]));
    let mut partitions = Vec::new();
    for task in spread(promotion.parts, promotion.tasks) {
        let lines: Vec<String> = task.iter().map(|p| serde_json::to_string(p).expect("a part is plain data")).collect();
        partitions.push(vec![RecordBatch::try_new(schema.clone(), vec![Arc::new(StringArray::from(lines))])?]);
    }
    let parts = DataSourceExec::from_data_source(MemorySourceConfig::try_new(&partitions, schema, None)?);
    let scan = Arc::new(ScanExec::new(scan, objects, parts));
    let map = MapSpec { target: promotion.target.clone(), set: promotion.set.clone(), now: promotion.now };
    let map = match promotion.upserts.clone() {
        Some(upserts) => MapExec::upserting(map, upserts, scan),
        None => MapExec::new(map, scan),
    };
    let map = Arc::new(map.map_err(|e| DataFusionError::External(Box::new(e)))?);
    Ok(Arc::new(WriteExec::new(promotion.write.clone(), lake.clone(), map)?))
}

/// Parts over tasks: the largest first, each to the task with the fewest bytes.
fn spread(parts: &[Part], tasks: usize) -> Vec<Vec<&Part>> {
    let mut spread: Vec<(u64, Vec<&Part>)> = vec![(0, Vec::new()); tasks.clamp(1, parts.len().max(1))];
    let mut order: Vec<&Part> = parts.iter().collect();
    order.sort_by(|a, b| b.object.size.cmp(&a.object.size).then(a.id.cmp(&b.id)));
    for part in order {
        let task = spread.iter_mut().min_by_key(|t| t.0).expect("at least one task");
        task.0 += part.object.size.max(1);
        task.1.push(part);
    }
    spread.into_iter().map(|t| t.1).collect()
}

/// Adds the reports up, and refuses unless each part was reported once and its rows balance.
fn account(parts: &[Part], reports: Vec<Report>) -> Result<Promoted> {
    let mut total = Promoted::default();
    let mut open: BTreeSet<u32> = parts.iter().map(|p| p.id).collect();
    let mut in_files = 0;
    for report in reports {
        match report {
            Report::File(file) => {
                in_files += file.rows;
                total.bytes_out += file.size;
                total.files.push(file);
            }
            Report::Part(part) => {
                if !open.remove(&part.id) || part.records != part.written + part.rejected {
                    return Err(Error::internal(format!("part {} was reported twice or does not balance", part.id)));
                }
                total.records += part.records;
                total.written += part.written;
                total.rejected += part.rejected;
                total.warned += part.warned;
                total.bytes_in += part.bytes;
                for finding in &part.findings {
                    total.note(finding);
                }
            }
            Report::Diagnostics(diagnostics) => {
                total.diagnostics.push(diagnostics.path);
                for (code, found) in diagnostics.codes {
                    let sum = total.findings.entry(code).or_default();
                    sum.records += found.records;
                    if sum.example.is_empty() {
                        sum.example = found.example;
                    }
                }
            }
        }
    }
    if let Some(missing) = open.first() {
        return Err(Error::internal(format!("part {missing} was never reported")));
    }
    if in_files != total.written {
        return Err(Error::internal(format!("{} records were written and {in_files} are in the files", total.written)));
    }
    Ok(total)
}

impl Promoted {
    fn note(&mut self, finding: &Finding) {
        let sum = self.findings.entry(finding.code.clone()).or_default();
        sum.records += 1;
        if sum.example.is_empty() {
            sum.example = finding.message.clone();
        }
    }
}

/// Counts what passes, so that the watchdog and the run's page see progress.
#[derive(Debug)]
struct Counted {
    inner: Arc<dyn Objects>,
    progress: Arc<Progress>,
}

impl Objects for Counted {
    fn read(&self, object: &Object, range: Option<Range<u64>>) -> BoxStream<'static, Result<bytes::Bytes>> {
        let progress = self.progress.clone();
        let counted = self.inner.read(object, range).inspect_ok(move |chunk| {
            progress.bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        });
        counted.boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(id: u32, size: u64) -> Part {
        Part { id, object: Object { bucket: "b".into(), key: format!("k{id}"), size, etag: "e".into(), modified: 0 } }
    }

    fn done(id: u32, records: u64, written: u64, rejected: u64) -> Report {
        Report::Part(forebay_lake::Part { id, records, written, rejected, warned: 0, bytes: 1, findings: vec![] })
    }

    #[test]
    fn parts_are_spread_by_size_and_none_is_lost() {
        let parts: Vec<Part> = [100, 1, 1, 98, 0].into_iter().enumerate().map(|(i, s)| part(i as u32, s)).collect();
        let spread = spread(&parts, 2);
        assert_eq!(
            spread.iter().map(|t| t.iter().map(|p| p.id).collect::<Vec<_>>()).collect::<Vec<_>>(),
            [vec![0, 4], vec![3, 1, 2]]
        );
    }

    #[test]
    fn a_part_reported_twice_or_never_is_refused() {
        let parts = [part(0, 1), part(1, 1)];
        assert!(account(&parts, vec![done(0, 0, 0, 0), done(0, 0, 0, 0), done(1, 0, 0, 0)]).is_err());
        assert!(account(&parts, vec![done(0, 0, 0, 0)]).is_err());
        assert!(account(&parts, vec![done(0, 0, 0, 0), done(1, 0, 0, 0)]).is_ok());
    }

    #[test]
    fn rows_that_do_not_balance_are_refused() {
        let parts = [part(0, 1)];
        let file = |rows| Report::File(File { path: "f".into(), size: 10, rows, stats: String::new() });
        assert!(account(&parts, vec![done(0, 3, 2, 0)]).is_err());
        assert!(account(&parts, vec![done(0, 3, 2, 1), file(1)]).is_err());
        let total = account(&parts, vec![done(0, 3, 2, 1), file(2)]).unwrap();
        assert_eq!((total.records, total.written, total.rejected, total.bytes_out), (3, 2, 1, 10));
    }
}
