//! Copying a table: pages land raw and compressed in the raw zone, with a checkpoint every few seconds.
//!
//! Always holds:
//! - A checkpoint names segments, entries and cursor together and is saved after they are durable: whoever resumes goes on
//!   at the last one, and what was landed after it and never named expires.
//! - What was read before a failure is landed before the failure is told.
//! - A run's segments belong to that run until it commits; when it fails by the outside, the flow's next run takes them
//!   over ([`Carried`]), so that nothing is read from the source twice and nothing waits for a hand.

use crate::plan::Plan;
use crate::promote::Progress;
use crate::raw;
use crate::story::Times;
use crate::worker::Record;
use forebay_lake::{Lake, layout};
use forebay_model::files::Part;
use forebay_model::{Error, Result, Time};
use forebay_sources::Remote;
use forebay_sources::tables::{Entry, Ledger, Page, Read, Rows, Seen, Shared};
use forebay_store::{Claim, Store};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Bytes of lines that make a segment.
const SEGMENT: usize = 8 << 20;

/// Records that could not be read and are named one by one.
const NAMED: usize = 10_000;

/// Where a flow's next run starts; kept as JSON by the store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The source's own cursor.
    #[serde(default)]
    pub from: Option<Value>,
    /// The ledger that goes with it, in the lake.
    #[serde(default)]
    pub ledger: Option<String>,
    /// What a failed run has landed and not committed, read after the ledger was written.
    #[serde(default)]
    pub carried: Option<Carried>,
}

/// Segments of a run that failed by the outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Carried {
    /// The run.
    pub run: String,
    /// Its copy.
    pub copied: Copied,
    /// Its segments.
    pub parts: Vec<Part>,
}

/// How far a run has copied. The segments are the parts of its plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Copied {
    /// Continues behind the last segment.
    #[serde(default)]
    pub cursor: Option<Value>,
    /// Everything is copied.
    #[serde(default)]
    pub done: bool,
    /// The ledger after everything was copied; none if it is the flow's still.
    #[serde(default)]
    pub ledger: Option<String>,
    /// Records landed.
    #[serde(default)]
    pub landed: u64,
    /// Records that the flow had already.
    #[serde(default)]
    pub known: u64,
    /// Deletions that a dataset without a primary identity cannot take, and records that a later run has deleted.
    #[serde(default)]
    pub left_out: u64,
    /// Records that the source could not give: how many, and the first of them by id and reason.
    #[serde(default)]
    pub unread: u64,
    /// See `unread`.
    #[serde(default)]
    pub named: Vec<(String, String)>,
    /// Bytes of the records as they came.
    #[serde(default)]
    pub bytes: u64,
    /// These segments were committed before: they are promoted again, and the flow's cursor stays where it is.
    #[serde(default)]
    pub again: bool,
}

impl Cursor {
    /// The cursor once what was copied is the flow's.
    pub fn after(self, copied: &Copied) -> Cursor {
        Cursor {
            from: copied.cursor.clone().or(self.from),
            ledger: copied.ledger.clone().or(self.ledger),
            carried: None,
        }
    }
}

/// Reads the flow's cursor of a claim.
pub fn cursor(claim: &Claim) -> Result<Cursor> {
    match &claim.cursor {
        None => Ok(Cursor::default()),
        Some(value) => serde_json::from_value(value.clone())
            .map_err(|e| Error::internal("the flow's cursor is not readable").caused_by(e)),
    }
}

/// What a copy works with.
pub struct Copy<'a> {
    /// Where checkpoints go.
    pub store: &'a Store,
    /// Where segments go.
    pub lake: &'a Lake,
    /// Whose run.
    pub claim: &'a Claim,
    /// The account.
    pub remote: &'a Remote,
    /// Which records.
    pub rows: &'a Rows,
    /// The dataset can take deletions.
    pub deletes: bool,
    /// The longest time between two checkpoints while pages come.
    pub every: Duration,
    /// When the run began.
    pub times: Times,
    /// What a watcher sees.
    pub progress: Arc<Progress>,
    /// What time it is.
    pub clock: fn() -> Time,
}

/// A segment on its way to the raw zone, and the checkpoint it makes.
struct Landing {
    object: JoinHandle<Result<Option<forebay_model::files::Object>>>,
    then: Copied,
}

impl Copy<'_> {
    /// Copies what is new from where `copied` and `parts` are, which it moves on; every checkpoint of them is durable.
    pub async fn run(&self, copied: &mut Copied, parts: &mut Vec<Part>) -> Result<()> {
        let before = cursor(self.claim)?;
        let ledger = Shared::new(self.ledger(&before, parts).await?);
        let from = copied.cursor.clone().or(before.from);
        let read = Read { rows: self.rows.clone(), cursor: from, ledger: ledger.clone() };
        let mut pages = self.remote.pages(read);
        let mut open = Open::new(copied.clone());
        let mut landing: Option<Landing> = None;
        let outcome = loop {
            match pages.next().await {
                None => break Ok(()),
                Some(Err(error)) => break Err(error),
                Some(Ok(page)) => {
                    self.progress.bytes.fetch_add(page.lines.len() as u64, Ordering::Relaxed);
                    // A page with nothing new in it moves the run on, too.
                    self.progress.pages.fetch_add(1, Ordering::Relaxed);
                    self.progress.copied.fetch_add(page.entries.len() as u64 + page.known, Ordering::Relaxed);
                    open.take(page, self.deletes)?;
                }
            }
            if open.lines.len() >= SEGMENT || open.since.elapsed() >= self.every {
                self.settle(&mut landing, copied, parts).await?;
                landing = Some(self.land(&mut open));
            }
        };
        self.settle(&mut landing, copied, parts).await?;
        let mut last = Some(self.land(&mut open));
        self.settle(&mut last, copied, parts).await?;
        outcome?;
        if copied.landed + copied.left_out > 0 {
            let folder = layout::ledgers(&self.claim.scope.sandbox, &self.claim.flow.id);
            let ledger = ledger.with(std::mem::take);
            copied.ledger = Some(raw::write_ledger(self.lake, &folder, ledger).await?);
        }
        copied.done = true;
        self.save(copied, parts).await
    }

    /// What the flow was given: its ledger, and what is landed and not in it yet.
    async fn ledger(&self, before: &Cursor, parts: &[Part]) -> Result<Ledger> {
        let mut ledger = match &before.ledger {
            Some(path) => raw::read_ledger(self.lake, path).await?,
            None => Ledger::default(),
        };
        for part in parts {
            for entry in raw::entries(self.lake, &part.object).await? {
                ledger.note(&entry.id, entry.seen);
            }
        }
        Ok(ledger)
    }

    /// Waits for what is on its way and makes its checkpoint.
    async fn settle(&self, landing: &mut Option<Landing>, copied: &mut Copied, parts: &mut Vec<Part>) -> Result<()> {
        let Some(Landing { object, then }) = landing.take() else { return Ok(()) };
        let object = object.await.map_err(|e| Error::internal("landing a page panicked").caused_by(e))??;
        if object.is_none() && then == *copied {
            return Ok(());
        }
        if let Some(object) = object {
            parts.push(Part { id: parts.len() as u32, object });
        }
        *copied = then;
        self.save(copied, parts).await?;
        self.progress.journal.checkpoint(copied.landed, copied.known, parts.len());
        Ok(())
    }

    /// Makes a checkpoint durable.
    async fn save(&self, copied: &Copied, parts: &[Part]) -> Result<()> {
        let plan = Plan { parts: parts.to_vec(), watermark: None };
        let record = Record { plan, times: self.times, copied: Some(copied.clone()), ..Record::default() };
        record.save(self.store, self.claim).await
    }

    /// Sends what is open on its way.
    fn land(&self, open: &mut Open) -> Landing {
        let then = open.then.clone();
        let (lines, entries) = (std::mem::take(&mut open.lines), std::mem::take(&mut open.entries));
        open.since = Instant::now();
        let folder = raw::folder(&self.claim.scope.sandbox, &self.claim.flow.id, &self.claim.run.id);
        let (lake, now) = (self.lake.clone(), (self.clock)());
        let object = tokio::spawn(async move {
            match entries.is_empty() {
                true => Ok(None),
                false => raw::land(&lake, &folder, lines, entries, now).await.map(Some),
            }
        });
        Landing { object, then }
    }
}

/// Pages that are not on their way yet.
struct Open {
    lines: Vec<u8>,
    entries: Vec<Entry>,
    /// The checkpoint once they are landed.
    then: Copied,
    since: Instant,
}

impl Open {
    fn new(then: Copied) -> Open {
        Open { lines: Vec::new(), entries: Vec::new(), then, since: Instant::now() }
    }

    fn take(&mut self, page: Page, deletes: bool) -> Result<()> {
        let lines = page.lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
        if lines.clone().count() != page.entries.len() {
            return Err(Error::internal("a page does not have one line for each of its records"));
        }
        self.then.known += page.known;
        self.then.bytes += page.lines.len() as u64;
        for (line, entry) in lines.zip(page.entries) {
            if deletes || !entry.seen.deleted {
                self.lines.extend_from_slice(line);
                self.lines.push(b'\n');
                self.then.landed += 1;
            } else {
                self.then.left_out += 1;
            }
            self.entries.push(entry);
        }
        self.then.unread += page.problems.len() as u64;
        let room = NAMED.saturating_sub(self.then.named.len());
        self.then.named.extend(page.problems.into_iter().take(room).map(|problem| (problem.id, problem.reason)));
        self.then.cursor = Some(page.cursor);
        Ok(())
    }
}

/// Segments that are promoted again, without the records that the flow was given otherwise since: a deleted key must not
/// come back, and content that changed under one date must not go back. Answers how many records were left out.
pub async fn revive(lake: &Lake, claim: &Claim, parts: &mut [Part], now: Time) -> Result<u64> {
    let Some(path) = cursor(claim)?.ledger else { return Ok(0) };
    let ledger = raw::read_ledger(lake, &path).await?;
    let folder = raw::folder(&claim.scope.sandbox, &claim.flow.id, &claim.run.id);
    let mut left_out = 0;
    for part in parts {
        let entries = raw::entries(lake, &part.object).await?;
        let gone = |entry: &Entry| {
            let other = |now: Seen| now.deleted || now.hash != entry.seen.hash;
            let now = ledger.get(&entry.id).filter(|now| now.version >= entry.seen.version);
            !entry.seen.deleted && now.is_some_and(other)
        };
        let dead = entries.iter().filter(|entry| gone(entry)).count();
        if dead == 0 {
            continue;
        }
        let lines = raw::lines(lake, &part.object).await?;
        let (mut kept, mut alive) = (Vec::with_capacity(lines.len()), Vec::with_capacity(entries.len() - dead));
        let lines: Vec<&[u8]> = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
        // A dataset without a primary identity was given no deletions: they have entries and no lines.
        let all = lines.len() == entries.len();
        let landed: Vec<Entry> = entries.into_iter().filter(|entry| all || !entry.seen.deleted).collect();
        if landed.len() != lines.len() {
            return Err(Error::internal(format!("{} has not one line for each of its entries", part.object.key)));
        }
        for (line, entry) in lines.into_iter().zip(landed) {
            if !gone(&entry) {
                kept.extend_from_slice(line);
                kept.push(b'\n');
                alive.push(entry);
            }
        }
        left_out += dead as u64;
        part.object = raw::land(lake, &folder, kept, alive, now).await?;
    }
    Ok(left_out)
}
