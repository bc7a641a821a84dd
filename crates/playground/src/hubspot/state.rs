//! An account's records: a row of 24 bytes each, and an overlay for what was changed. Values are computed from the
//! row, so a million contacts cost 24 MB. Rows stand in the order of their ids and are never removed: a purged record
//! is a row with a flag.

use super::catalog::{self, Def};
use super::config::{Config, Lag};
use super::property::{self, Property};
use super::text::mix;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::AtomicU8;

pub(super) const DAY: i64 = 86_400_000;
/// Archived records are gone from both lists after this.
pub(super) const KEPT: i64 = 90 * DAY;

pub(super) const ARCHIVED: u32 = 1;
pub(super) const PURGED: u32 = 2;
pub(super) const MERGED: u32 = 4;
/// There is an overlay.
pub(super) const CHANGED: u32 = 8;

/// A record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub id: u64,
    pub modified: i64,
    pub revision: u32,
    pub flags: u32,
}

impl Row {
    pub fn live(&self) -> bool {
        self.flags & (ARCHIVED | PURGED | MERGED) == 0
    }
}

/// What cannot be computed of a record.
#[derive(Debug, Clone, Default)]
pub(super) struct Overlay {
    /// Explicit values by property, each with the revision that set it, oldest first.
    pub values: BTreeMap<String, Vec<(u32, Option<String>)>>,
    /// When each revision after the first was made.
    pub stamps: Vec<i64>,
    pub created: Option<i64>,
    pub archived_at: Option<i64>,
    /// How often calculated properties were computed anew.
    pub recalculated: u32,
    /// The ids that were merged into this one.
    pub merged_ids: Vec<u64>,
    /// Values are those of this row: the first of the two that were merged.
    pub like: Option<(u32, u64)>,
}

/// A change that the index has not seen yet.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub visible: i64,
    /// The row as it was; `None` if there was none.
    pub before: Option<Row>,
}

/// How often each record was delivered. A copy starts anew.
#[derive(Default)]
pub(super) struct Reads(pub Vec<AtomicU8>);

impl Clone for Reads {
    fn clone(&self) -> Reads {
        Reads(self.0.iter().map(|_| AtomicU8::new(0)).collect())
    }
}

/// An object type with its records.
#[derive(Clone)]
pub(super) struct Kind {
    pub def: Def,
    pub key: u64,
    pub properties: Vec<Property>,
    pub by_name: HashMap<String, usize>,
    pub rows: Vec<Row>,
    /// How many rows were there at the start: associations are computed over them.
    pub base: usize,
    pub overlay: HashMap<u32, Overlay>,
    pub pending: HashMap<u32, Vec<Pending>>,
    pub merged: BTreeMap<u64, u64>,
    pub reads: Reads,
}

impl Kind {
    pub fn index(&self, id: u64) -> Option<usize> {
        self.rows.binary_search_by_key(&id, |row| row.id).ok()
    }

    pub fn property(&self, name: &str) -> Option<&Property> {
        self.by_name.get(name).map(|at| &self.properties[*at])
    }

    pub fn reindex(&mut self) {
        self.properties.sort_by(|a, b| a.name.cmp(&b.name));
        self.by_name = self.properties.iter().enumerate().map(|(at, p)| (p.name.clone(), at)).collect();
    }

    pub fn overlay(&self, index: usize) -> Option<&Overlay> {
        if self.rows[index].flags & CHANGED == 0 {
            return None;
        }
        self.overlay.get(&(index as u32))
    }

    pub fn overlay_mut(&mut self, index: usize) -> &mut Overlay {
        self.rows[index].flags |= CHANGED;
        self.overlay.entry(index as u32).or_default()
    }

    /// The row that a name stands for, following merges.
    pub fn survivor(&self, id: u64) -> u64 {
        let mut id = id;
        while let Some(next) = self.merged.get(&id) {
            id = *next;
        }
        id
    }
}

/// What one record is linked to another by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Link {
    pub to: u64,
    /// Made by the account's users.
    pub user: bool,
    pub type_id: u32,
}

/// From a type and a record to a type.
pub(super) type LinkKey = (usize, u64, usize);

/// An owner.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub id: u64,
    pub user_id: Option<u64>,
    pub email: Option<String>,
    pub first: &'static str,
    pub last: &'static str,
    pub queue: bool,
    pub archived: bool,
}

/// Everything of an account that calls read.
#[derive(Clone)]
pub(super) struct World {
    pub seed: u64,
    pub portal: u64,
    pub start: i64,
    pub nasty: bool,
    pub lag: Lag,
    pub kinds: Vec<Kind>,
    pub added: BTreeMap<LinkKey, BTreeSet<Link>>,
    pub removed: BTreeMap<LinkKey, BTreeSet<Link>>,
    pub owners: Vec<Owner>,
    /// Changes of lists: when a contact joined one, or that it left.
    pub listed: BTreeMap<(u64, u64), Option<i64>>,
    /// Numbers drawn by changes at random.
    pub draws: u64,
}

impl World {
    pub fn new(config: &Config) -> World {
        let volumes = config.profile.volumes();
        let contacts = config.contacts.unwrap_or(volumes.contacts);
        let seed = mix(config.seed, 0x6875_6273_706f_7421);
        let mut world = World {
            seed,
            portal: config.portal_id,
            start: config.clock.start_ms,
            nasty: config.switches.nasty,
            lag: config.switches.lag,
            kinds: Vec::new(),
            added: BTreeMap::new(),
            removed: BTreeMap::new(),
            owners: owners(),
            listed: BTreeMap::new(),
            draws: 0,
        };
        for def in catalog::types(config.portal_id) {
            let activities = (volumes.activities / 5).max(1);
            let live = match def.plural.as_str() {
                "contacts" => contacts,
                "companies" => volumes.companies,
                "deals" => volumes.deals,
                "tickets" => volumes.tickets,
                "calls" | "emails" | "meetings" | "notes" | "tasks" => activities,
                "machines" => volumes.custom - volumes.custom / 3,
                "form_submissions" => volumes.custom / 3,
                "gauges" => (volumes.custom / 10).max(3),
                _ => (volumes.deals / 10).max(2),
            };
            let most = match def.plural.as_str() {
                "contacts" => volumes.properties,
                "companies" | "deals" => volumes.properties / 2,
                _ => 25,
            };
            let kind = world.populate(def, live, most, config);
            world.kinds.push(kind);
        }
        if config.switches.merges {
            world.merge_some(config.clock.start_ms - 10 * DAY);
        }
        world
    }

    fn populate(&self, def: Def, live: u64, most: usize, config: &Config) -> Kind {
        let key = mix(self.seed, super::text::name_hash(&def.id));
        let archived = match live * config.switches.archived_percent / 100 {
            0 if live >= 3 && config.switches.archived_percent > 0 => 1,
            share => share,
        };
        let merging = if config.switches.merges && def.merges && live >= 8 { 2 } else { 0 };
        let total = live + archived + merging;
        let same = config.switches.one_stamp.unwrap_or((live / 4).min(25_000)).min(live);
        let same_from = if def.plural == "contacts" { total / 4 } else { total };
        let mut rows = Vec::with_capacity(total as usize + 64);
        let mut stamped = 0;
        for at in 0..total {
            let id = id_of(key, at, total);
            let mut row = Row { id, modified: 0, revision: 0, flags: 0 };
            if (at + 1) * archived / total > at * archived / total {
                row.flags |= ARCHIVED;
            }
            let created = created_base(key, id, self.start);
            let latest = if row.flags & ARCHIVED != 0 { archived_base(key, id, self.start) } else { self.start - DAY };
            row.modified = created + (mix(key ^ 0x6d6f64, id) % (latest - created).max(1) as u64) as i64;
            if mix(key ^ 0x73_6563, id).is_multiple_of(8) {
                row.modified -= row.modified % 1_000;
            }
            if at >= same_from && stamped < same && row.flags & ARCHIVED == 0 {
                row.modified = self.start - 2 * DAY + 7;
                stamped += 1;
            }
            rows.push(row);
        }
        let mut kind = Kind {
            key,
            properties: property::of(&def, most, &config.switches),
            by_name: HashMap::new(),
            base: rows.len(),
            reads: Reads(rows.iter().map(|_| AtomicU8::new(0)).collect()),
            rows,
            overlay: HashMap::new(),
            pending: HashMap::new(),
            merged: BTreeMap::new(),
            def,
        };
        kind.reindex();
        kind
    }

    /// A and B become C, C and D become E, in each type that can.
    fn merge_some(&mut self, at: i64) {
        for kind in 0..self.kinds.len() {
            let rows = &self.kinds[kind].rows;
            if !self.kinds[kind].def.merges || rows.len() < 10 {
                continue;
            }
            // The last ones: the first are there to break readers.
            let ids: Vec<u64> = rows.iter().rev().filter(|row| row.live()).take(3).map(|row| row.id).collect();
            if let [a, b, d] = ids[..] {
                let c = self.merge(kind, a, b, at).expect("both are live");
                self.merge(kind, c, d, at + DAY).expect("both are live");
            }
        }
        for kind in &mut self.kinds {
            kind.pending.clear();
        }
    }

    /// The type that a path names.
    pub fn kind(&self, name: &str) -> Option<usize> {
        self.kinds.iter().position(|kind| kind.def.answers_to(name))
    }

    /// When a record was made.
    pub fn created(&self, kind: &Kind, index: usize) -> i64 {
        let base = |id| created_base(kind.key, id, self.start);
        match kind.overlay(index) {
            Some(overlay) => {
                overlay.created.unwrap_or_else(|| base(overlay.like.map_or(kind.rows[index].id, |(_, id)| id)))
            }
            None => base(kind.rows[index].id),
        }
    }

    /// When a record was archived, if it is.
    pub fn archived_at(&self, kind: &Kind, index: usize) -> Option<i64> {
        let row = &kind.rows[index];
        if row.flags & ARCHIVED == 0 {
            return None;
        }
        let explicit = kind.overlay(index).and_then(|overlay| overlay.archived_at);
        Some(explicit.unwrap_or_else(|| archived_base(kind.key, row.id, self.start)))
    }

    /// It shows in one of the two lists.
    pub fn listed(&self, kind: &Kind, index: usize, archived: bool, now: i64) -> bool {
        let row = &kind.rows[index];
        if !archived {
            return row.live();
        }
        row.flags & (PURGED | MERGED) == 0 && self.archived_at(kind, index).is_some_and(|at| at > now - KEPT)
    }

    /// How much later than the change the index sees it.
    pub fn lag_of(&self, kind: &Kind, id: u64) -> i64 {
        match self.lag {
            Lag::None => 0,
            Lag::Fixed(ms) => ms,
            Lag::Random(least, most) => least + (mix(kind.key ^ 0x6c6167, id) % (most - least).max(1) as u64) as i64,
            Lag::Stuck(share, ms) => {
                let drawn = (mix(kind.key ^ 0x737475, id) >> 11) as f64 / (1u64 << 53) as f64;
                if drawn < share { ms } else { 0 }
            }
        }
    }
}

/// Ids have 9 to 12 digits, so that their order as text is another than as numbers.
fn id_of(key: u64, at: u64, total: u64) -> u64 {
    let tenth = |n: u64| n * total / 10;
    let (from, to, digits) = match at {
        at if at < tenth(1).max(1) => (0, tenth(1).max(1), 9),
        at if at < tenth(4) => (tenth(1).max(1), tenth(4), 10),
        at if at < tenth(8) => (tenth(4), tenth(8), 11),
        _ => (tenth(8), total, 12),
    };
    let base = 10u64.pow(digits - 1);
    let stride = 8 * base / (to - from).max(1);
    base + (at - from) * stride + mix(key, at) % (stride / 2).max(1)
}

fn created_base(key: u64, id: u64, start: i64) -> i64 {
    let at = start - 1_095 * DAY + (mix(key ^ 0x637265, id) % (900 * DAY) as u64) as i64;
    if mix(key ^ 0x72_6f75, id).is_multiple_of(8) { at - at % 1_000 } else { at }
}

/// One in five was archived so long ago that it is gone.
fn archived_base(key: u64, id: u64, start: i64) -> i64 {
    let drawn = mix(key ^ 0x617263, id);
    let days = if drawn.is_multiple_of(5) { 95 + drawn / 7 % 30 } else { 1 + drawn / 7 % 80 };
    start - days as i64 * DAY + (drawn / 11 % 3_600_000) as i64
}

fn owners() -> Vec<Owner> {
    const NAMES: [(&str, &str); 12] = [
        ("Ada", "Lovelace"),
        ("Grace", "Hopper"),
        ("José", "García"),
        ("Zoë", "Müller"),
        ("Łukasz", "Kowalska"),
        ("美咲", "田中"),
        ("Олена", "Шевченко"),
        ("Ravi", "Gupta"),
        ("Chloé", "Dubois"),
        ("Ayşe", "Yılmaz"),
        ("Ingrid", "Ødegård"),
        ("Support", "Queue"),
    ];
    let owner = |(at, &(first, last)): (usize, &(&'static str, &'static str))| Owner {
        id: 41_000_000 + at as u64 * 137,
        user_id: (at != 11).then_some(9_586_500 + at as u64),
        // One has none.
        email: (at != 7 && at != 11).then(|| format!("owner{at}@example.test")),
        first,
        last,
        queue: at == 11,
        archived: at == 3 || at == 9,
    };
    NAMES.iter().enumerate().map(owner).collect()
}
