//! What a run does with one kind of record (hubspot.md §7): everything, or what was changed; then the archive.
//!
//! What always holds: each cursor resumes after its page without loss; the one at the end is where the next run starts. A
//! walk that compares the whole table with the ledger starts over when it is cut off, since what it has seen is lost; what
//! it delivered is in the ledger and is not delivered again.

use super::HubSpot;
use super::fault::{Fault, Trouble};
use super::find::{Finder, Found, PAGE};
use super::forms::Forms;
use super::line::Given;
use super::pages::Out;
use super::place::{Met, Places, by_id};
use super::types::ObjectType;
use super::wire::{Record, Wanted};
use crate::tables::Shared;
use forebay_model::Result;
use futures::FutureExt;
use futures::stream::{self, BoxStream, StreamExt};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use twox_hash::XxHash64;

/// Batches that are read at once (§4.4).
const AT_ONCE: usize = 4;
/// HubSpot keeps archived records for 90 days: a longer gap than this is closed by a comparison (§7.6).
const LONGEST_GAP: i64 = 80 * 24 * 3600 * 1000;

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The table's path, without its lead and in lower case.
    pub(super) table: String,
    /// When the run began, by HubSpot's clock, in epoch milliseconds.
    pub(super) started: i64,
    /// Records that were changed before this have been read.
    pub(super) watermark: i64,
    /// When everything was last read.
    pub(super) swept: i64,
    /// Of the properties that everything was last read with.
    pub(super) properties: String,
    pub(super) step: Step,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Step {
    /// Everything, from a place in the list on.
    List { after: Option<String>, compare: bool },
    /// What was changed, above an id.
    Search { last: String },
    /// What was archived.
    Archive { after: Option<String> },
    /// Nothing: the next run.
    Rest,
}

/// One kind of record in one run.
pub(super) struct Walk {
    finder: Finder,
    cursor: Cursor,
    ledger: Shared,
    overlap: i64,
}

/// What names a table in a cursor.
pub(super) fn table_key(path: &str) -> String {
    super::types::bare(path).to_lowercase()
}

impl Walk {
    /// Makes up its mind what this run does. `names` are the properties to read, sorted, `forms` how
    /// they are spelled; `now` is HubSpot's clock.
    pub(super) fn new(
        hubspot: HubSpot,
        object: ObjectType,
        (names, forms): (Vec<String>, Forms),
        read: &crate::tables::Read,
        now: i64,
    ) -> Walk {
        let properties = format!("{:016x}", XxHash64::oneshot(0, names.join(",").as_bytes()));
        let wanted = names.iter().filter(|name| **name != object.modified).cloned().collect();
        let wanted = Wanted { names: wanted, modified: object.modified, forms };
        let mut asked = names;
        for own in [object.modified, "hs_merged_object_ids"] {
            if !asked.iter().any(|name| name == own) {
                asked.push(own.to_string());
            }
        }
        let table = table_key(&read.rows.table);
        let cursor = read.cursor.clone().and_then(|cursor| serde_json::from_value::<Cursor>(cursor).ok());
        let cursor = cursor.filter(|cursor| cursor.table == table);
        let compare = read.ledger.with(|ledger| !ledger.is_empty());
        let everything = |old: Option<&Cursor>| Cursor {
            table: table.clone(),
            started: now,
            watermark: old.map_or(0, |old| old.watermark),
            swept: old.map_or(0, |old| old.swept),
            properties: properties.clone(),
            step: Step::List { after: None, compare },
        };
        let cursor = match cursor {
            None => everything(None),
            Some(old) if old.step == Step::Rest => {
                let due = (read.rows.sweep > 0 && now.saturating_sub(old.swept) >= read.rows.sweep)
                    || now.saturating_sub(old.watermark) >= LONGEST_GAP
                    || old.properties != properties;
                match read.rows.incremental && object.search && !due {
                    true => Cursor { started: now, step: Step::Search { last: String::new() }, ..old },
                    false => everything(Some(&old)),
                }
            }
            // Cut off while it compared: what it had come by is lost.
            Some(Cursor { step: Step::List { compare: true, .. }, started, watermark, swept, properties, table }) => {
                Cursor { step: Step::List { after: None, compare: true }, started, watermark, swept, properties, table }
            }
            Some(under_way) => under_way,
        };
        let finder = Finder { hubspot, object, names: Arc::new(asked), wanted: Arc::new(wanted) };
        Walk { finder, cursor, ledger: read.ledger.clone(), overlap: read.rows.overlap.max(0) }
    }

    /// Goes from step to step until there is rest.
    pub(super) async fn run(mut self, out: &Out) -> Result<(), Fault> {
        loop {
            match self.cursor.step.clone() {
                Step::List { after, compare } => self.everything(out, after, compare).await?,
                Step::Search { last } => self.changes(out, last).await?,
                Step::Archive { after } => self.archive(out, after).await?,
                Step::Rest => return Ok(()),
            }
        }
    }

    fn at(&self, step: Step) -> serde_json::Value {
        let cursor = Cursor { step, ..self.cursor.clone() };
        // A cursor is text, numbers and an enum: it is always JSON.
        serde_json::to_value(cursor).unwrap_or_default()
    }

    fn given(&self, found: Found, step: Step) -> Given {
        let Found { living, archived, gone, problems } = found;
        Given { living, archived, gone, problems, cursor: self.at(step) }
    }

    /// The list, page by page.
    async fn everything(&mut self, out: &Out, after: Option<String>, compare: bool) -> Result<(), Fault> {
        // Counts once the cursor rests; until then the step says that the list is not read.
        self.cursor.swept = self.cursor.started;
        let mut met = compare.then(Met::default);
        let mut places = Places::at(after);
        while self.finder.fits() {
            let listed = match self.finder.list(&places.here, &self.finder.names, false).await {
                Ok(listed) => listed,
                // The cap was halved as far as it goes: this kind is read by ids from here on.
                Err(fault) if fault.trouble == Trouble::TooLong => break,
                Err(fault) if places.start_over(&fault) => continue,
                Err(fault) => return Err(fault),
            };
            note(&mut met, &listed.records);
            let more = places.go(&listed)?;
            let after = places.here.after.clone();
            let step = if more { Step::List { after, compare } } else { Step::Archive { after: None } };
            // A comparison is not over when the list is.
            let step = if compare { Step::List { after: None, compare } } else { step };
            out.give(self.given(Found { living: listed.records, ..Found::default() }, step)).await?;
            if !more {
                return self.compare(out, met).await;
            }
        }
        self.by_ids(out, places, &mut met, compare).await?;
        self.compare(out, met).await
    }

    /// As the list, where its URL would be too long: ids first, then batches of them.
    async fn by_ids(&self, out: &Out, places: Places, met: &mut Option<Met>, compare: bool) -> Result<(), Fault> {
        let now = self.cursor.started;
        let start = Some((self.finder.clone(), places));
        let pages = stream::try_unfold(start, |state| async move {
            let Some((finder, mut places)) = state else { return Ok(None) };
            let listed = loop {
                match finder.list(&places.here, &[], false).await {
                    Ok(listed) => break listed,
                    Err(fault) if places.start_over(&fault) => {}
                    Err(fault) => return Err(fault),
                }
            };
            let more = places.go(&listed)?;
            let ids: Vec<String> = listed.records.into_iter().map(|record| record.id).collect();
            let next = places.here.after.clone();
            Ok::<_, Fault>(Some(((ids, next), more.then_some((finder, places)))))
        });
        let mut batches = looked_up(self.finder.clone(), now, pages.boxed());
        while let Some(batch) = batches.next().await {
            let (found, next) = batch?;
            note(met, &found.living);
            note(met, &found.archived);
            let step = match next {
                _ if compare => Step::List { after: None, compare },
                Some(after) => Step::List { after: Some(after), compare },
                None => Step::Archive { after: None },
            };
            out.give(self.given(found, step)).await?;
        }
        Ok(())
    }

    /// What the flow was given and the list has not: archived, merged or purged (§7.6).
    async fn compare(&mut self, out: &Out, met: Option<Met>) -> Result<(), Fault> {
        self.cursor.step = Step::Archive { after: None };
        let Some(met) = met else { return Ok(()) };
        out.settle().await?;
        let mut unmet: Vec<String> =
            self.ledger.with(|ledger| ledger.living().filter(|id| !met.contains(id)).collect());
        drop(met);
        unmet.sort_unstable_by(|a, b| by_id(a, b));
        if !unmet.is_empty() {
            tracing::info!(table = %self.cursor.table, "{} records are not in HubSpot's list any more", unmet.len());
        }
        let chunks: Vec<_> = unmet.chunks(PAGE).map(|ids| Ok((ids.to_vec(), ()))).collect();
        let mut batches = looked_up(self.finder.clone(), self.cursor.started, stream::iter(chunks).boxed());
        while let Some(batch) = batches.next().await {
            let (found, ()) = batch?;
            out.give(self.given(found, Step::List { after: None, compare: true })).await?;
        }
        Ok(())
    }

    /// What was changed since the watermark, by ascending id; never by offset (§7.4).
    async fn changes(&mut self, out: &Out, last: String) -> Result<(), Fault> {
        let (since, now) = (self.cursor.watermark, self.cursor.started);
        let start = (self.finder.clone(), self.ledger.clone(), last, VecDeque::new(), false);
        let chunks = stream::try_unfold(start, move |state| async move {
            let (finder, ledger, mut last, mut waiting, mut done) = state;
            while waiting.is_empty() && !done {
                let found = finder.search(since, &last).await?;
                let count = found.records.len() as u64;
                // Nothing is left when this page is all that matches.
                done = count == 0 || found.total == Some(count);
                let mut news = found.records;
                news.sort_by(|a, b| by_id(&a.id, &b.id));
                if let Some(record) = news.last() {
                    last.clone_from(&record.id);
                }
                waiting = pick(&ledger, news, &last);
                // A page without news is a page all the same: whoever waits sees that the walk goes on, and where to resume.
                if waiting.is_empty() && !done {
                    waiting.push_back((Vec::new(), last.clone()));
                }
            }
            let chunk = waiting.pop_front();
            Ok::<_, Fault>(chunk.map(|chunk| (chunk, (finder, ledger, last, waiting, done))))
        });
        let mut batches = looked_up(self.finder.clone(), now, chunks.boxed());
        while let Some(batch) = batches.next().await {
            let (found, last) = batch?;
            out.give(self.given(found, Step::Search { last })).await?;
        }
        self.cursor.step = Step::Archive { after: None };
        Ok(())
    }

    /// The archive has no dates to ask by: it is read whole (§7.5), and what is news is delivered.
    async fn archive(&mut self, out: &Out, after: Option<String>) -> Result<(), Fault> {
        let names = [self.finder.object.modified.to_string()];
        let mut places = Places::at(after);
        out.settle().await?;
        loop {
            let listed = match self.finder.list(&places.here, &names, true).await {
                Ok(listed) => listed,
                Err(fault) if places.start_over(&fault) => continue,
                Err(fault) => return Err(fault),
            };
            let more = places.go(&listed)?;
            // What the flow was never given needs no end.
            let news: Vec<Record> = self.ledger.with(|ledger| {
                let living = |record: &Record| ledger.get(&record.id).is_some_and(|seen| !seen.deleted);
                listed.records.into_iter().filter(living).collect()
            });
            let news = self.finder.archived(news).await?;
            if !more {
                let started = self.cursor.started;
                self.cursor.watermark = started.saturating_sub(self.overlap);
                self.cursor.step = Step::Rest;
                // The last page is handed over even if it is empty: its cursor is where the next run starts.
                return out.give(self.given(Found { archived: news, ..Found::default() }, Step::Rest)).await;
            }
            // So are those before: they say that the walk goes on, and where to resume.
            let step = Step::Archive { after: places.here.after.clone() };
            out.give(self.given(Found { archived: news, ..Found::default() }, step)).await?;
        }
    }
}

/// Reads batches of ids, a few at once, in their order.
fn looked_up<T: Send + 'static>(
    finder: Finder,
    now: i64,
    ids: BoxStream<'static, Result<(Vec<String>, T), Fault>>,
) -> BoxStream<'static, Result<(Found, T), Fault>> {
    let batches = ids.map(move |batch| {
        let finder = finder.clone();
        async move {
            let (ids, what) = batch?;
            Ok((finder.look_up(ids, now).await?, what))
        }
        .boxed()
    });
    batches.buffered(AT_ONCE).boxed()
}

fn note(met: &mut Option<Met>, records: &[Record]) {
    if let Some(met) = met {
        records.iter().for_each(|record| met.insert(&record.id));
    }
}

/// The ids to read of a search's page, in batches, each with the id that it covers everything up to.
fn pick(ledger: &Shared, records: Vec<Record>, last: &str) -> VecDeque<(Vec<String>, String)> {
    let ids: Vec<String> = ledger.with(|ledger| {
        // Index and record may differ; who has the indexed version or a newer one has nothing to gain.
        let known = |record: &Record| {
            let seen = ledger.get(&record.id).filter(|seen| !seen.deleted);
            record.modified > 0 && seen.is_some_and(|seen| seen.version >= record.modified)
        };
        records.into_iter().filter(|record| !known(record)).map(|record| record.id).collect()
    });
    let mut batches: VecDeque<(Vec<String>, String)> =
        ids.chunks(PAGE).map(|ids| (ids.to_vec(), ids.last().cloned().unwrap_or_default())).collect();
    // The last batch covers what needed no reading behind it.
    if let Some((_, covered)) = batches.back_mut() {
        *covered = last.to_string();
    }
    batches
}
