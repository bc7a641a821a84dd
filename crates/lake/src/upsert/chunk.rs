//! A part of the keys that a run changes, as many as fit into memory, and what is found out about them.

use std::hash::{BuildHasher, RandomState};

/// Keys in their order, each with its number.
#[derive(Debug, Default)]
pub(super) struct Keys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// An open hash table of numbers, at most half full; zero is free, so they count from one.
    slots: Vec<u32>,
    hasher: RandomState,
}

impl Keys {
    fn key(&self, number: usize) -> &[u8] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.bytes[start..self.ends[number]]
    }

    fn slot(&self, key: &[u8]) -> usize {
        // Truncation is what is wanted: the table's size is a power of two.
        self.hasher.hash_one(key) as usize & (self.slots.len() - 1)
    }

    /// The number of a key.
    pub fn find(&self, key: &[u8]) -> Option<u32> {
        let mut at = self.slot(key);
        loop {
            match self.slots[at] {
                0 => return None,
                number if self.key(number as usize - 1) == key => return Some(number - 1),
                _ => at = (at + 1) & (self.slots.len() - 1),
            }
        }
    }

    /// Whether one of the keys lies between two, which are included.
    pub fn any_within(&self, (low, high): &(Vec<u8>, Vec<u8>)) -> bool {
        let (mut from, mut to) = (0, self.ends.len());
        while from < to {
            let middle = from + (to - from) / 2;
            if self.key(middle) < low.as_slice() { from = middle + 1 } else { to = middle }
        }
        from < self.ends.len() && self.key(from) <= high.as_slice()
    }

    fn seal(&mut self) {
        self.slots = vec![0; (self.ends.len() * 2).next_power_of_two().max(2)];
        for number in 0..self.ends.len() {
            let mut at = self.slot(self.key(number));
            while self.slots[at] != 0 {
                at = (at + 1) & (self.slots.len() - 1);
            }
            self.slots[at] = u32::try_from(number + 1).expect("a chunk is not that large");
        }
    }
}

/// What is known of a key.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Of the staged row that counts.
    pub version: i64,
    pub deleted: bool,
    /// That row's place among all staged rows.
    pub row: u64,
    /// How many rows the table has.
    pub hits: u32,
    /// The newest of them.
    pub newest: i64,
    /// The first of them: its file and its place there.
    pub file: usize,
    pub at: u64,
}

/// The chunk while it is filled.
pub(super) struct Filling {
    keys: Keys,
    entries: Vec<Entry>,
    limit: usize,
    bytes: usize,
}

impl Filling {
    /// Room for so many bytes; the half of it is for the keys themselves.
    pub fn new(room: usize, rows: u64) -> Filling {
        // An entry, the end of its key, and up to four slots.
        let each = size_of::<Entry>() + size_of::<usize>() + 4 * size_of::<u32>();
        let most = usize::try_from(rows).unwrap_or(usize::MAX).min(u32::MAX as usize / 4);
        let limit = (room / 2 / each).clamp(1, most.max(1));
        let mut keys = Keys::default();
        keys.ends.reserve_exact(limit);
        Filling { keys, entries: Vec::with_capacity(limit), limit, bytes: room / 4 }
    }

    /// Takes a key that is greater than all before.
    pub fn push(&mut self, key: &[u8], version: i64, deleted: bool, row: u64) {
        self.keys.bytes.extend_from_slice(key);
        self.keys.ends.push(self.keys.bytes.len());
        self.entries.push(Entry { version, deleted, row, hits: 0, newest: i64::MIN, file: 0, at: 0 });
    }

    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.limit || self.keys.bytes.len() >= self.bytes
    }

    /// The keys, ready to be looked up, and their entries; `None` when there are none.
    pub fn done(mut self) -> Option<(Keys, Vec<Entry>)> {
        if self.entries.is_empty() {
            return None;
        }
        self.keys.seal();
        Some((self.keys, self.entries))
    }
}

/// One bit a row.
#[derive(Debug, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
    ones: u64,
}

impl Bits {
    pub fn set(&mut self, at: u64) {
        let (word, bit) = (usize::try_from(at / 64).expect("memory holds a bit a row"), 1 << (at % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.ones += u64::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }

    pub fn get(&self, at: u64) -> bool {
        let word = usize::try_from(at / 64).ok().and_then(|word| self.words.get(word));
        word.is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    pub fn any(&self, mut within: std::ops::Range<u64>) -> bool {
        within.any(|at| self.get(at))
    }

    pub fn ones(&self) -> u64 {
        self.ones
    }

    pub fn size(&self) -> usize {
        self.words.capacity() * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(texts: &[&str]) -> Keys {
        let mut filling = Filling::new(1 << 20, texts.len() as u64);
        for (row, text) in texts.iter().enumerate() {
            filling.push(text.as_bytes(), 0, false, row as u64);
        }
        filling.done().unwrap().0
    }

    #[test]
    fn each_key_is_found_and_no_other() {
        let texts: Vec<String> = (0..10_000).map(|n| format!("{n:07}")).collect();
        let keys = keys(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        for (number, text) in texts.iter().enumerate() {
            assert_eq!(keys.find(text.as_bytes()), Some(number as u32));
        }
        assert_eq!(keys.find(b"10000"), None);
        assert_eq!(keys.find(b""), None);
    }

    #[track_caller]
    fn check(low: &str, high: &str, expected: bool) {
        let keys = keys(&["b", "d", "dd"]);
        assert_eq!(keys.any_within(&(low.into(), high.into())), expected, "{low} to {high}");
    }

    #[test]
    fn a_range_is_asked_for_a_key_in_it() {
        check("a", "a", false);
        check("a", "b", true);
        check("b", "c", true);
        check("c", "cz", false);
        check("c", "d", true);
        check("da", "dc", false);
        check("dd", "z", true);
        check("de", "z", false);
    }

    #[test]
    fn a_chunk_is_full_by_its_entries_or_by_its_bytes() {
        let mut many = Filling::new(1000, 1000);
        let mut count = 0;
        while !many.is_full() {
            many.push(b"x", 0, false, count);
            count += 1;
        }
        assert!((2..20).contains(&count), "{count}");
        let mut long = Filling::new(100_000, 1000);
        long.push(&[b'x'; 30_000], 0, false, 0);
        assert!(long.is_full());
    }

    #[test]
    fn bits_are_those_that_were_set() {
        let mut bits = Bits::default();
        for at in [0, 63, 64, 64, 1000] {
            bits.set(at);
        }
        assert_eq!(bits.ones(), 4);
        assert!(bits.any(60..64) && !bits.any(65..1000) && !bits.any(2000..3000));
        assert!(bits.get(63) && bits.get(64) && bits.get(1000));
        assert!(!bits.get(1) && !bits.get(999) && !bits.get(1 << 40));
    }
}
