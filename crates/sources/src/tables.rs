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
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// The member in front of each landed record that says what became of it: `u` upsert, `d` delete (flow-service.md §9.7).
pub const CHANGE: &str = "_change_request_type";
/// The member in front of each landed record that says when the source last changed it, in epoch milliseconds.
pub const VERSION: &str = "_version";

/// The longest id of a record, in bytes. A source refuses longer ones where it reads them.
pub const LONGEST_ID: usize = 1024;

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
    /// The column that this one is under another name, for who came with that name.
    pub alias_of: Option<String>,
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

/// What a flow was given so far, by the source's ids. Some 50 bytes of memory a record whose id is a number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    numbers: BTreeMap<u64, Seen>,
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

    /// Writes every record, numbers first, in the order of their ids.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        for (id, seen) in &self.numbers {
            encode(&id.to_string(), *seen, to)?;
        }
        for (id, seen) in &self.texts {
            encode(id, *seen, to)?;
        }
        Ok(())
    }

    /// The inverse of [`Ledger::write`].
    pub fn read(from: &mut impl BufRead) -> io::Result<Ledger> {
        let mut ledger = Ledger::default();
        while let Some(entry) = decode(from)? {
            ledger.note(&entry.id, entry.seen);
        }
        Ok(ledger)
    }
}

/// An entry as bytes: the id's length (u16) and text, the version (i64), the hash (u32) and a flag, all little endian.
pub fn encode(id: &str, seen: Seen, to: &mut impl Write) -> io::Result<()> {
    let length = u16::try_from(id.len()).ok().filter(|length| usize::from(*length) <= LONGEST_ID);
    let length = length.ok_or_else(|| io::Error::other(format!("an id is longer than {LONGEST_ID} bytes")))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(id.as_bytes())?;
    to.write_all(&seen.version.to_le_bytes())?;
    to.write_all(&seen.hash.to_le_bytes())?;
    to.write_all(&[u8::from(seen.deleted)])
}

/// The next of the entries that [`encode`] wrote; none at their end. Bytes that are something else are an error.
pub fn decode(from: &mut impl BufRead) -> io::Result<Option<Entry>> {
    if from.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut length = [0; 2];
    from.read_exact(&mut length)?;
    let mut id = vec![0; u16::from_le_bytes(length).into()];
    from.read_exact(&mut id)?;
    let (mut version, mut hash, mut deleted) = ([0; 8], [0; 4], [0; 1]);
    from.read_exact(&mut version)?;
    from.read_exact(&mut hash)?;
    from.read_exact(&mut deleted)?;
    let id = String::from_utf8(id).map_err(io::Error::other)?;
    let (version, hash) = (i64::from_le_bytes(version), u32::from_le_bytes(hash));
    Ok(Some(Entry { id, seen: Seen { version, hash, deleted: deleted[0] == 1 } }))
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
        let mut bytes = Vec::new();
        entries.iter().for_each(|entry| encode(&entry.id, entry.seen, &mut bytes).unwrap());
        let all = |mut bytes: &[u8]| {
            let mut read = Vec::new();
            while let Some(entry) = decode(&mut bytes)? {
                read.push(entry);
            }
            Ok::<_, io::Error>(read)
        };
        assert_eq!(all(&bytes).unwrap(), entries);
        assert!(all(&bytes[..bytes.len() - 1]).is_err());
        assert!(encode(&"x".repeat(LONGEST_ID), entry("", 0).seen, &mut Vec::new()).is_ok());
        assert!(encode(&"x".repeat(LONGEST_ID + 1), entry("", 0).seen, &mut Vec::new()).is_err());
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
        let mut bytes = Vec::new();
        ledger.write(&mut bytes).unwrap();
        assert_eq!(Ledger::read(&mut bytes.as_slice()).unwrap(), ledger);
    }
}
