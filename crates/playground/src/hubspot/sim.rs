//! The account: its clock, its data, its rules, its journal. Everything that tests may do to it.

use super::Account;
use super::config::{Config, Limits, Switches};
use super::fault::{Rule, Rules};
use super::journal::{Entry, Journal, Summary};
use super::limits::Windows;
use super::oauth::Auth;
use super::property::{Gen, Property};
use super::records::Ask;
use super::script::{Mutation, Scripts, When, Which};
use super::state::{Kind, Link, PURGED, World};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// The account.
pub struct Sim {
    pub(super) config: Config,
    started: Instant,
    /// How far the virtual clock was moved, in milliseconds.
    moved: AtomicI64,
    world: RwLock<World>,
    auth: Mutex<Auth>,
    pub(super) windows: Mutex<Windows>,
    pub(super) rules: Mutex<Rules>,
    pub(super) scripts: Mutex<Scripts>,
    pub(super) journal: Mutex<Journal>,
    settings: RwLock<Arc<(Limits, Switches)>>,
    pub(super) correlations: AtomicU64,
    pub(super) under_way: AtomicU64,
    pub(super) tokens_under_way: AtomicU64,
}

/// What a run had to do, for [`Sim::minimum`].
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Plan {
    /// The type.
    pub object: String,
    /// A first load; otherwise what changed is read.
    pub full: bool,
    /// The properties fit the URL of a list.
    pub fits_url: bool,
    /// With history.
    pub history: bool,
    /// How many records changed.
    pub changed: u64,
    /// The archived records are read.
    pub archived: bool,
    /// How many types associations are read to, beside those that ride along.
    pub pairs: u64,
    /// All associations are swept.
    pub sweep: bool,
    /// All ids are compared.
    pub reconcile: bool,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sim {
    pub(super) fn new(config: Config) -> Sim {
        Sim {
            started: Instant::now(),
            moved: AtomicI64::new(0),
            world: RwLock::new(World::new(&config)),
            auth: Mutex::new(Auth::new(&config)),
            windows: Mutex::default(),
            rules: Mutex::new(Rules::new(config.seed)),
            scripts: Mutex::default(),
            journal: Mutex::default(),
            settings: RwLock::new(Arc::new((config.limits, config.switches.clone()))),
            correlations: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            tokens_under_way: AtomicU64::new(0),
            config,
        }
    }

    pub(super) fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn auth(&self) -> MutexGuard<'_, Auth> {
        locked(&self.auth)
    }

    pub(super) fn settings(&self) -> Arc<(Limits, Switches)> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn real_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    pub(super) fn count_read(kind: &Kind, index: usize) {
        // Two at once may count as one: it is a hint.
        let reads = &kind.reads[index];
        reads.store(reads.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
    }

    /// What a client needs to know.
    pub fn account(&self) -> Account {
        self.auth().account.clone()
    }

    /// The virtual clock, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        let clock = self.config.clock;
        let real =
            if clock.factor == 0.0 { 0.0 } else { self.started.elapsed().as_secs_f64() * 1_000.0 * clock.factor };
        clock.start_ms + self.moved.load(Ordering::SeqCst) + real as i64
    }

    /// Moves the virtual clock, and does what was to happen in between.
    pub fn advance(&self, by: Duration) {
        self.moved.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
        self.settle();
    }

    /// Does what the clock has made due.
    pub(super) fn settle(&self) {
        let due = {
            let mut scripts = locked(&self.scripts);
            if scripts.is_empty() {
                return;
            }
            scripts.due(self.now_ms())
        };
        for (at, mutation) in due {
            self.apply_at(&mutation, None, at);
        }
    }

    /// The instant of a change: no two are the same.
    fn stamp(&self) -> i64 {
        self.moved.fetch_add(1, Ordering::SeqCst);
        self.now_ms()
    }

    /// Changes what is enforced.
    pub fn set_limits(&self, limits: Limits) {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        *settings = Arc::new((limits, settings.1.clone()));
        *locked(&self.windows) = Windows::default();
    }

    /// Changes the switches. Those that shape the data have no effect any more.
    pub fn set_switches(&self, switches: Switches) {
        self.world_mut().lag = switches.lag;
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        *settings = Arc::new((settings.0, switches));
    }

    /// The switches as they are.
    pub fn switches(&self) -> Switches {
        self.settings().1.clone()
    }

    fn with<T>(&self, object: &str, act: impl FnOnce(&mut World, usize) -> T) -> T {
        let mut world = self.world_mut();
        let kind = world.kind(object).unwrap_or_else(|| panic!("there is no object type {object}"));
        act(&mut world, kind)
    }

    /// Changes records: a third of their values, and their modified date. Each gets a stamp of its own.
    pub fn edit(&self, object: &str, ids: &[u64]) {
        for id in ids {
            let now = self.stamp();
            self.with(object, |world, kind| world.edit(kind, &[*id], now));
        }
    }

    /// Changes `n` live records drawn by the seed, and returns their ids.
    pub fn edit_random(&self, object: &str, n: usize) -> Vec<u64> {
        let ids = self.with(object, |world, kind| world.pick(kind, n));
        self.edit(object, &ids);
        ids
    }

    /// Changes records, all with one stamp, which it returns.
    pub fn bulk_edit(&self, object: &str, ids: &[u64]) -> i64 {
        let now = self.stamp();
        self.with(object, |world, kind| world.edit(kind, ids, now));
        now
    }

    /// Gives a property of a record a value; `None` clears it.
    pub fn set(&self, object: &str, id: u64, property: &str, value: Option<&str>) {
        let now = self.stamp();
        self.with(object, |world, kind| {
            if let Some(index) = world.kinds[kind].index(id) {
                world.set(kind, index, &[(property.into(), value.map(str::to_string))], now);
            }
        });
    }

    /// Makes records at the end, and returns their ids.
    pub fn create(&self, object: &str, n: usize) -> Vec<u64> {
        (0..n)
            .map(|_| {
                let now = self.stamp();
                self.with(object, |world, kind| world.create(kind, now, &[]))
            })
            .collect()
    }

    /// Archives records; their modified dates stay.
    pub fn archive(&self, object: &str, ids: &[u64]) {
        let now = self.stamp();
        self.with(object, |world, kind| ids.iter().for_each(|id| _ = world.archive(kind, *id, now)));
    }

    /// Brings archived records back.
    pub fn restore(&self, object: &str, ids: &[u64]) {
        let now = self.stamp();
        self.with(object, |world, kind| ids.iter().for_each(|id| _ = world.restore(kind, *id, now)));
    }

    /// Removes records for good.
    pub fn purge(&self, object: &str, ids: &[u64]) {
        let now = self.stamp();
        self.with(object, |world, kind| ids.iter().for_each(|id| _ = world.purge(kind, *id, now)));
    }

    /// Makes one record of two, and returns its new id; `None` if one of them is not live.
    pub fn merge(&self, object: &str, primary: u64, other: u64) -> Option<u64> {
        let now = self.stamp();
        self.with(object, |world, kind| world.merge(kind, primary, other, now))
    }

    /// Computes the calculated properties of records anew; no modified date moves.
    pub fn recalculate(&self, object: &str, ids: &[u64]) {
        self.with(object, |world, kind| world.recalculate(kind, ids));
    }

    /// Links two records; no modified date moves.
    pub fn associate(&self, from: &str, id: u64, to: &str, to_id: u64) {
        self.with(from, |world, kind| {
            if let Some(to) = world.kind(to) {
                let (type_id, user, _) = world.link_types(kind, to)[0];
                world.link(kind, id, to, Link { to: to_id, user, type_id });
            }
        });
    }

    /// Undoes all links between two records; no modified date moves.
    pub fn dissociate(&self, from: &str, id: u64, to: &str, to_id: u64) {
        self.with(from, |world, kind| {
            if let Some(to) = world.kind(to) {
                for link in world.links(kind, id, to).into_iter().filter(|link| link.to == to_id) {
                    world.unlink(kind, id, to, link);
                }
            }
        });
    }

    /// Adds a property; records have values for it at once.
    pub fn add_property(&self, object: &str, name: &str, kind_name: &str) {
        let from = match kind_name {
            "number" => Gen::Number,
            "date" => Gen::Date,
            "datetime" => Gen::DateTime,
            "bool" => Gen::Bool,
            "enumeration" => Gen::Choice,
            _ => Gen::Word,
        };
        let now = self.stamp();
        self.with(object, |world, kind| {
            let target = &mut world.kinds[kind];
            target.properties.retain(|p| p.name != name);
            target.properties.push(Property { created: now, updated: now, ..Property::new(name, kind_name, from) });
            target.reindex();
        });
    }

    fn change_property(&self, object: &str, name: &str, change: impl FnOnce(&mut Property, i64)) {
        let now = self.stamp();
        self.with(object, |world, kind| {
            let target = &mut world.kinds[kind];
            if let Some(at) = target.by_name.get(name).copied() {
                change(&mut target.properties[at], now);
                target.properties[at].updated = now;
                target.reindex();
            }
        });
    }

    /// Archives a property: it is not answered any more.
    pub fn archive_property(&self, object: &str, name: &str) {
        self.change_property(object, name, |property, now| property.archived_at = Some(now));
    }

    /// Gives a property another type, and values of it.
    pub fn retype_property(&self, object: &str, name: &str, kind_name: &str) {
        self.archive_property(object, name);
        self.add_property(object, name, kind_name);
    }

    /// Gives a property another name; it keeps its values.
    pub fn rename_property(&self, object: &str, from: &str, to: &str) {
        self.change_property(object, from, |property, _| {
            let hash = property.hash;
            let renamed = Property::new(to, &property.kind, property.from);
            property.name = renamed.name;
            property.key = renamed.key;
            property.label = renamed.label;
            property.hash = hash;
        });
    }

    /// Switches an object type on or off.
    pub fn set_object_enabled(&self, object: &str, on: bool) {
        self.with(object, |world, kind| world.kinds[kind].def.off = !on);
    }

    /// Does a change now.
    pub fn apply(&self, mutation: &Mutation) {
        let now = self.now_ms();
        self.apply_at(mutation, None, now);
    }

    /// Does a change at an instant of the past, for what the clock ran over; `returned` is what a call delivered.
    pub(super) fn apply_at(&self, mutation: &Mutation, returned: Option<&[u64]>, at: i64) {
        let ids = |object: &str, which: &Which| -> Vec<u64> {
            match which {
                Which::Ids(ids) => ids.clone(),
                Which::Returned => returned.unwrap_or_default().to_vec(),
                Which::Random(n) => self.with(object, |world, kind| world.pick(kind, *n)),
                Which::ChangedSince { ms, n } => self.with(object, |world, kind| world.pick_since(kind, *ms, *n)),
            }
        };
        // Scripts of the clock happen at their instant; those of requests each at a new one.
        let stamp = || if at < self.now_ms() { at } else { self.stamp() };
        match mutation {
            Mutation::Edit { object, which } => {
                for id in ids(object, which) {
                    let now = stamp();
                    self.with(object, |world, kind| world.edit(kind, &[id], now));
                }
            }
            Mutation::BulkEdit { object, which } => {
                let (ids, now) = (ids(object, which), stamp());
                self.with(object, |world, kind| world.edit(kind, &ids, now));
            }
            Mutation::Set { object, which, property, value } => {
                for id in ids(object, which) {
                    self.set(object, id, property, value.as_deref());
                }
            }
            Mutation::Create { object, n } => _ = self.create(object, *n),
            Mutation::Archive { object, which } => self.archive(object, &ids(object, which)),
            Mutation::Restore { object, which } => self.restore(object, &ids(object, which)),
            Mutation::Purge { object, which } => self.purge(object, &ids(object, which)),
            Mutation::Merge { object, which } => {
                if let [first, second, ..] = ids(object, which)[..] {
                    self.merge(object, first, second);
                }
            }
            Mutation::Recalculate { object, which } => self.recalculate(object, &ids(object, which)),
            Mutation::Associate { from, id, to, to_id } => self.associate(from, *id, to, *to_id),
            Mutation::Dissociate { from, id, to, to_id } => self.dissociate(from, *id, to, *to_id),
            Mutation::AddProperty { object, name, kind } => self.add_property(object, name, kind),
            Mutation::ArchiveProperty { object, name } => self.archive_property(object, name),
            Mutation::RetypeProperty { object, name, kind } => self.retype_property(object, name, kind),
            Mutation::RenameProperty { object, from, to } => self.rename_property(object, from, to),
            Mutation::SetEnabled { object, on } => self.set_object_enabled(object, *on),
            Mutation::Advance { ms } => _ = self.moved.fetch_add(*ms as i64, Ordering::SeqCst),
        }
    }

    /// Lets a change happen by itself.
    pub fn script(&self, when: When, mutation: Mutation) {
        locked(&self.scripts).add(when, mutation, self.now_ms());
    }

    /// Ends all scripts.
    pub fn clear_scripts(&self) {
        locked(&self.scripts).clear();
    }

    /// Adds a rule.
    pub fn fault(&self, rule: Rule) {
        locked(&self.rules).add(rule);
    }

    /// Ends all rules.
    pub fn clear_faults(&self) {
        locked(&self.rules).clear();
    }

    /// Ends all access tokens now.
    pub fn expire_tokens(&self) {
        let now = self.now_ms();
        self.auth().expire_all(now);
    }

    /// What was asked, oldest first; at most the last 200,000.
    pub fn requests(&self) -> Vec<Entry> {
        locked(&self.journal).entries.clone()
    }

    /// Counts of what was asked, and what was wrong with it.
    pub fn summary(&self) -> Summary {
        let mut summary = locked(&self.journal).summary();
        summary.refreshes = self.auth().refreshes;
        let world = self.world();
        let twice = |kind: &Kind| kind.reads.iter().filter(|n| n.load(Ordering::Relaxed) > 1).count() as u64;
        summary.read_twice = world.kinds.iter().map(twice).sum();
        summary
    }

    /// Forgets what was asked so far.
    pub fn forget_requests(&self) {
        *locked(&self.journal) = Journal::default();
        for kind in &self.world().kinds {
            kind.reads.iter().for_each(|n| n.store(0, Ordering::Relaxed));
        }
    }

    /// Ids of live records, ascending.
    pub fn ids(&self, object: &str) -> Vec<u64> {
        let world = self.world();
        let Some(kind) = world.kind(object) else { return Vec::new() };
        world.kinds[kind].rows.iter().filter(|row| row.live()).map(|row| row.id).collect()
    }

    /// Ids of archived records that still show, ascending.
    pub fn archived_ids(&self, object: &str) -> Vec<u64> {
        let (world, now) = (self.world(), self.now_ms());
        let Some(at) = world.kind(object) else { return Vec::new() };
        let kind = &world.kinds[at];
        (0..kind.rows.len()).filter(|i| world.listed(kind, *i, true, now)).map(|i| kind.rows[i].id).collect()
    }

    /// Ids of records that are gone for good, ascending.
    pub fn purged_ids(&self, object: &str) -> Vec<u64> {
        let (world, now) = (self.world(), self.now_ms());
        let Some(at) = world.kind(object) else { return Vec::new() };
        let kind = &world.kinds[at];
        let gone = |i: &usize| {
            let row = kind.rows[*i];
            row.flags & PURGED != 0
                || (!row.live() && row.flags & super::state::MERGED == 0 && !world.listed(kind, *i, true, now))
        };
        (0..kind.rows.len()).filter(gone).map(|i| kind.rows[i].id).collect()
    }

    /// Former ids and the ids of the records that they became.
    pub fn merges(&self, object: &str) -> Vec<(u64, u64)> {
        let world = self.world();
        let Some(kind) = world.kind(object) else { return Vec::new() };
        let kind = &world.kinds[kind];
        kind.merged.keys().map(|old| (*old, kind.survivor(*old))).collect()
    }

    /// The live records as a list with every property would have them, by id.
    pub fn truth(&self, object: &str) -> Vec<Value> {
        self.truth_of(object, false)
    }

    /// The same of the archived records that still show.
    pub fn archived_truth(&self, object: &str) -> Vec<Value> {
        self.truth_of(object, true)
    }

    fn truth_of(&self, object: &str, archived: bool) -> Vec<Value> {
        let mut all = Vec::new();
        self.each_truth(object, archived, |text| {
            all.push(serde_json::from_str(text).expect("records are written as JSON"));
        });
        all
    }

    /// Hands each record, as JSON text, to `take`: for accounts that are too large for a list.
    pub fn each_truth(&self, object: &str, archived: bool, mut take: impl FnMut(&str)) {
        let (world, now, settings) = (self.world(), self.now_ms(), self.settings());
        let Some(at) = world.kind(object) else { return };
        let kind = &world.kinds[at];
        let sees = self.sees(&kind.def.plural);
        let ask = Ask { world: &world, kind: at, now, switches: &settings.1, family: "v3", sees };
        let names: Vec<String> = kind.properties.iter().map(|p| p.name.clone()).collect();
        let wanted = ask.wanted(&names, &[]);
        let (mut out, mut scratch) = (String::new(), String::new());
        for index in (0..kind.rows.len()).filter(|index| world.listed(kind, *index, archived, now)) {
            out.clear();
            ask.write(&mut out, &mut scratch, index, &wanted, archived);
            take(&out);
        }
    }

    /// Every link between two types: both ids, category, number, label.
    pub fn association_truth(&self, from: &str, to: &str) -> Vec<Value> {
        let world = self.world();
        let (Some(from), Some(to)) = (world.kind(from), world.kind(to)) else { return Vec::new() };
        let row = |(id, link): (u64, Link)| {
            json!({ "from": id.to_string(), "to": link.to.to_string(),
                "category": if link.user { "USER_DEFINED" } else { "HUBSPOT_DEFINED" },
                "typeId": link.type_id, "label": world.label(from, to, &link) })
        };
        world.all_links(from, to).into_iter().map(row).collect()
    }

    /// The fewest requests that a run could make for what it had to do.
    pub fn minimum(&self, plan: &Plan) -> u64 {
        let live = self.ids(&plan.object).len() as u64;
        let gone = self.archived_ids(&plan.object).len() as u64;
        // A walk over nothing is one request too.
        let pages = |n: u64, size: u64| n.div_ceil(size).max(1);
        let size = if plan.history { 50 } else { 100 };
        let mut least = 0;
        if plan.full {
            least +=
                if plan.fits_url || plan.history { pages(live, size) } else { pages(live, 100) + live.div_ceil(size) };
        } else if plan.changed > 0 || !(plan.archived || plan.sweep || plan.reconcile) {
            least += pages(plan.changed, 200) + plan.changed.div_ceil(size);
            least += plan.pairs * plan.changed.div_ceil(1_000);
        }
        if plan.archived {
            least += pages(gone, 100);
        }
        if plan.sweep {
            least += plan.pairs * live.div_ceil(1_000);
        }
        if plan.reconcile {
            least += pages(live, 100);
        }
        least
    }
}
