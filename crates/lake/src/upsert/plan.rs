//! The steps of one merge, from staged files to the files of the table's next version.

use super::chunk::{Bits, Entry, Keys};
use super::key::Key;
use super::probe::{Match, Probe};
use super::reduce::Winners;
use super::rewrite::{Job, Rewrite, Rewritten};
use super::source::{Source, Stored};
use super::{Counts, MergeSpec, Replaced};
use crate::write::File;
use datafusion::arrow::datatypes::SchemaRef;
use forebay_model::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tracing::debug;

/// The least that a chunk of keys is given.
const CHUNK_MIN: usize = 1 << 20;

/// One merge.
pub(super) struct Plan {
    pub source: Source,
    /// `<batch>-<epoch>`, in the names of the files that have the run's rows.
    pub label: String,
    pub epoch: i64,
    pub key: Key,
    /// The table's columns afterwards.
    pub columns: SchemaRef,
    pub spec: MergeSpec,
    pub workers: usize,
}

/// What a merge wrote.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub files: Vec<File>,
    pub removed: Vec<Replaced>,
    pub copied: u64,
    pub scanned: u64,
}

/// What is to become of rows, one bit each.
struct Marks {
    /// Of all staged rows: those that come into the table.
    kept: Bits,
    /// Of each of the table's files: the rows that go.
    dropped: Vec<Bits>,
    /// The table's files whose keys were read.
    scanned: Vec<bool>,
}

impl Plan {
    pub async fn run(&self, stored: Vec<Stored>, staged: &[File]) -> Result<(Counts, Written)> {
        let stored: Vec<Arc<Stored>> = stored.into_iter().map(Arc::new).collect();
        let mut marks = Marks {
            kept: Bits::default(),
            dropped: stored.iter().map(|_| Bits::default()).collect(),
            scanned: vec![false; stored.len()],
        };
        let mut counts = Counts::default();
        let mut winners = Winners::of(&self.source, &self.key, &self.spec, staged)?;
        while let Some((keys, mut entries)) = winners.chunk(self.room(&marks)).await? {
            debug!(table = %self.source.table, keys = entries.len(), "looking for keys");
            self.decide(&stored, keys, &mut entries, &mut marks, &mut counts).await?;
        }
        counts.superseded = winners.superseded;
        let rows: u64 = staged.iter().map(|f| f.rows).sum();
        if counts.total() != rows {
            return Err(Error::internal(format!(
                "A merge does not add up: {rows} rows were staged, and {} are accounted for.",
                counts.total()
            )));
        }
        // The sort's memory is free from here on.
        drop(winners);
        let written = self.write(&stored, staged, marks, &counts).await?;
        Ok((counts, written))
    }

    /// A quarter of the memory, without what the marks have of it.
    fn room(&self, marks: &Marks) -> usize {
        let taken = marks.kept.size() + marks.dropped.iter().map(Bits::size).sum::<usize>();
        usize::try_from(self.spec.memory / 4).unwrap_or(usize::MAX).saturating_sub(taken).max(CHUNK_MIN)
    }

    /// Finds a chunk's keys in the table, and marks what is to become of their rows.
    async fn decide(
        &self,
        stored: &[Arc<Stored>],
        keys: Keys,
        entries: &mut [Entry],
        marks: &mut Marks,
        counts: &mut Counts,
    ) -> Result<()> {
        let mut files = Vec::new();
        for (number, file) in stored.iter().enumerate() {
            if file.range.as_ref().is_none_or(|range| keys.any_within(range)) {
                files.push((number, file.clone()));
                marks.scanned[number] = true;
            }
        }
        let probe = Probe { source: self.source.clone(), key: self.key.clone(), keys, files };
        let mut probe = Arc::new(probe);
        // Files with a row of a key that has several: its places are not kept, but looked for again.
        let mut twice = vec![false; stored.len()];
        probe.run(self.workers, |found| note(entries, found, &mut twice)).await?;
        for entry in entries.iter() {
            let current = entry.hits == 0 || entry.version >= entry.newest;
            let count = match (current, entry.hits > 0, entry.deleted) {
                (false, ..) => &mut counts.stale,
                (true, true, true) => &mut counts.deleted,
                (true, true, false) => &mut counts.updated,
                (true, false, true) => &mut counts.absent,
                (true, false, false) => &mut counts.inserted,
            };
            *count += 1;
            if !current {
                continue;
            }
            if entry.hits == 1 {
                marks.dropped[entry.file].set(entry.at);
            }
            if !entry.deleted {
                marks.kept.set(entry.row);
            }
        }
        if twice.contains(&true) {
            let again = Arc::get_mut(&mut probe).ok_or_else(|| Error::internal("A merge's worker is still there."))?;
            again.files.retain(|(file, _)| twice[*file]);
            let entries = &*entries;
            let mark = |found: Match| {
                let entry = &entries[found.entry];
                if entry.hits > 1 && entry.version >= entry.newest {
                    marks.dropped[found.file].set(found.row);
                }
            };
            probe.run(self.workers, mark).await?;
        }
        Ok(())
    }

    async fn write(&self, stored: &[Arc<Stored>], staged: &[File], marks: Marks, counts: &Counts) -> Result<Written> {
        let mut without = Vec::new();
        let mut removed = Vec::new();
        let scanned = marks.scanned.iter().filter(|scanned| **scanned).count() as u64;
        for (file, dropped) in stored.iter().zip(marks.dropped) {
            if dropped.ones() > 0 {
                removed.push(file.replaced.clone());
                without.push(Job::Without(file.clone(), dropped));
            }
        }
        let kept = Arc::new(marks.kept);
        let mut among = Vec::new();
        let mut first = 0;
        for file in staged {
            if kept.any(first..first + file.rows) {
                among.push(Job::Among(file.clone(), kept.clone(), first));
            }
            first += file.rows;
        }
        let carried = self.rewrite(without, format!("carried-{}", self.epoch)).await?;
        let own = self.rewrite(among, format!("part-{}", self.label)).await?;
        if own.rows != counts.inserted + counts.updated {
            return Err(Error::internal(format!(
                "A merge does not add up: {} rows were written, {} are new and {} changed.",
                own.rows, counts.inserted, counts.updated
            )));
        }
        let copied = carried.rows;
        let files = carried.files.into_iter().chain(own.files).collect();
        Ok(Written { files, removed, copied, scanned })
    }

    async fn rewrite(&self, jobs: Vec<Job>, prefix: String) -> Result<Rewritten> {
        let share = usize::try_from(self.spec.memory / 2).unwrap_or(usize::MAX) / self.workers;
        let rewrite = Rewrite {
            source: self.source.clone(),
            jobs,
            prefix,
            columns: self.columns.clone(),
            key: self.spec.key.clone(),
            share,
            max_file: self.spec.max_file,
            stopped: AtomicBool::new(false),
        };
        rewrite.run(self.workers).await
    }
}

fn note(entries: &mut [Entry], found: Match, twice: &mut [bool]) {
    let entry = &mut entries[found.entry];
    match entry.hits {
        0 => (entry.file, entry.at, entry.newest) = (found.file, found.row, found.version),
        _ => {
            twice[entry.file] = true;
            twice[found.file] = true;
            entry.newest = entry.newest.max(found.version);
        }
    }
    entry.hits = entry.hits.saturating_add(1);
}
