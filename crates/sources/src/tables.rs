//! What table sources have in common: tables and columns to explore, pages to land, and the ledger of what a flow has
//! been given so far.
//!
//! A table source reads records page by page. Each [`Page`] holds its records as they came, one JSON text a line, with a
//! few members of ours in front; the [`Entry`] of each record; and the cursor that continues after the page, which is
//! also where the next run starts once the stream has ended. Whoever lands pages saves page, entries and cursor together:
//! a crash resumes at the last cursor that was saved. The [`Ledger`] is what keeps a record from being delivered twice, and
//! what a sweep compares the source with to find what was changed or purged unseen.

mod rows;

pub use rows::{delta_column, rows};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// The member in front of each landed record that says what became of it: `u` upsert, `d` delete (flow-service.md §9.7).
pub const CHANGE: &str = "_change_request_type";
/// The member in front of each landed record that says when the source last changed it, in epoch milliseconds.
pub const VERSION: &str = "_version";

/// A table as explore lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Such as `Contacts`.
    pub name: String,
    /// Such as `Hubspot.Contacts`: what `object=` and `params.path` take.
    pub path: String,
    /// Its columns and rows can be read with what the account was granted.
    pub readable: bool,
    /// What the account would have to be granted, where the source says so.
    pub missing: Vec<String>,
}

/// A column as explore shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// As mappings name it.
    pub name: String,
    /// Its type.
    pub ty: forebay_model::xdm::Type,
    /// What people call it, where the source says so.
    pub label: Option<String>,
}

/// Which records a source connection names, and how they are kept up to date.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rows {
    /// The table's path.
    pub table: String,
    /// The columns that are wanted; empty for all.
    pub columns: Vec<String>,
    /// Later runs read what has changed; otherwise each run reads everything.
    pub incremental: bool,
    /// How long after a change the source may hide it, in milliseconds; what is younger is asked for again.
    pub overlap: i64,
    /// How often the whole table is compared with the ledger, in milliseconds; 0 for never.
    pub sweep: i64,
}

/// What a run reads of a table.
#[derive(Debug, Clone)]
pub struct Read {
    /// Which records.
    pub rows: Rows,
    /// Where to go on: the cursor of the last page that was landed, or that the last run ended with.
    pub cursor: Option<Value>,
    /// What the flow was given so far. The source notes each record here when it delivers it.
    pub ledger: Shared,
}

/// Records as they came.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// One JSON object a line: the record as it came, with [`CHANGE`], [`VERSION`] and the source's own members in front.
    pub lines: Vec<u8>,
    /// One for each line, in their order.
    pub entries: Vec<Entry>,
    /// Continues after this page; after the last one, where the next run starts.
    pub cursor: Value,
    /// Records that the page held and that were not delivered, since the flow has them already.
    pub known: u64,
    /// Records that could not be read.
    pub problems: Vec<Problem>,
}

/// A record that could not be read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its id in the source.
    pub id: String,
    /// In a few words.
    pub reason: String,
}

/// A delivered record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id in the source.
    pub id: String,
    /// What was delivered of it.
    pub seen: Seen,
}

/// What a flow was given of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// When the source last changed it, epoch milliseconds.
    pub version: i64,
    /// Of its contents, whatever their order.
    pub hash: u32,
    /// It was deleted.
    pub deleted: bool,
}

/// What a flow was given so far, by the source's ids. Some 24 bytes of memory a record whose id is a number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    numbers: HashMap<u64, Seen>,
    texts: BTreeMap<String, Seen>,
}

/// A ledger that the reader of a table and whoever lands its pages hold together.
#[derive(Debug, Clone, Default)]
pub struct Shared(Arc<Mutex<Ledger>>);

impl Shared {
    /// Shares a ledger.
    pub fn new(ledger: Ledger) -> Shared {
        Shared(Arc::new(Mutex::new(ledger)))
    }

    /// Works on it.
    pub fn with<T>(&self, work: impl FnOnce(&mut Ledger) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The id as a number, if its text is just that number.
fn number(id: &str) -> Option<u64> {
    let plain = !id.starts_with('0') && id.bytes().all(|b| b.is_ascii_digit());
    if plain { id.parse().ok() } else { None }
}

impl Ledger {
    /// How many records it knows, deleted ones included.
    pub fn len(&self) -> usize {
        self.numbers.len() + self.texts.len()
    }

    /// It knows none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was given of a record.
    pub fn get(&self, id: &str) -> Option<Seen> {
        match number(id) {
            Some(number) => self.numbers.get(&number).copied(),
            None => self.texts.get(id).copied(),
        }
    }

    /// Notes that a record was given.
    pub fn note(&mut self, id: &str, seen: Seen) {
        match number(id) {
            Some(number) => {
                self.numbers.insert(number, seen);
            }
            None => {
                self.texts.insert(id.to_string(), seen);
            }
        }
    }

    /// Every record that was given and not deleted since, in no order.
    pub fn living(&self) -> impl Iterator<Item = String> + '_ {
        let numbers = self.numbers.iter().filter(|(_, seen)| !seen.deleted).map(|(id, _)| id.to_string());
        numbers.chain(self.texts.iter().filter(|(_, seen)| !seen.deleted).map(|(id, _)| id.clone()))
    }

    /// Every record, in the order of their ids: numbers first.
    pub fn entries(&self) -> Vec<Entry> {
        let mut numbers: Vec<u64> = self.numbers.keys().copied().collect();
        numbers.sort_unstable();
        let numbers = numbers.into_iter().map(|id| Entry { id: id.to_string(), seen: self.numbers[&id] });
        numbers.chain(self.texts.iter().map(|(id, seen)| Entry { id: id.clone(), seen: *seen })).collect()
    }
}

/// Entries as bytes: for each the id's length (u16) and text, the version (i64), the hash (u32) and a flag, all little endian.
pub fn encode(entries: impl IntoIterator<Item = impl std::borrow::Borrow<Entry>>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        let entry: &Entry = entry.borrow();
        let length = u16::try_from(entry.id.len()).expect("no source has ids of 64 KiB");
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(entry.id.as_bytes());
        bytes.extend_from_slice(&entry.seen.version.to_le_bytes());
        bytes.extend_from_slice(&entry.seen.hash.to_le_bytes());
        bytes.push(u8::from(entry.seen.deleted));
    }
    bytes
}

/// The inverse of [`encode`]; `None` for bytes that are something else.
pub fn decode(mut bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<2>()?;
        let (id, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
        let (version, rest) = rest.split_first_chunk::<8>()?;
        let (hash, rest) = rest.split_first_chunk::<4>()?;
        let (deleted, rest) = rest.split_first()?;
        let seen =
            Seen { version: i64::from_le_bytes(*version), hash: u32::from_le_bytes(*hash), deleted: *deleted == 1 };
        entries.push(Entry { id: std::str::from_utf8(id).ok()?.to_string(), seen });
        bytes = rest;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, version: i64) -> Entry {
        Entry { id: id.into(), seen: Seen { version, hash: 7, deleted: version < 0 } }
    }

    #[test]
    fn entries_survive_their_bytes_and_cut_ones_are_refused() {
        let entries = vec![entry("9", 1), entry("0010", -5), entry("a:b", i64::MAX), entry("18446744073709551615", 0)];
        let bytes = encode(&entries);
        assert_eq!(decode(&bytes).as_deref(), Some(&entries[..]));
        assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn ids_that_look_alike_stay_apart() {
        let mut ledger = Ledger::default();
        for (i, id) in ["10", "010", "0", "00", "", "+10", "18446744073709551616"].into_iter().enumerate() {
            ledger.note(id, entry(id, i as i64).seen);
        }
        assert_eq!(ledger.len(), 7);
        assert_eq!(ledger.get("010").map(|s| s.version), Some(1));
        assert_eq!(ledger.get("11"), None);
        let mut again = Ledger::default();
        for entry in ledger.entries() {
            again.note(&entry.id, entry.seen);
        }
        assert_eq!(again, ledger);
    }
}
