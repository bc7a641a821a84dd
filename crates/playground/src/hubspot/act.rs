//! What tests do to the account's data. An object type that there is not is a mistake of the test: it panics.

use super::property::{Gen, Property};
use super::script::{Mutation, Which};
use super::sim::Sim;
use super::state::{Link, World};
use std::sync::atomic::Ordering;

impl Sim {
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

    /// Lets a contact join a list.
    pub fn join_list(&self, list: u64, id: u64) {
        let now = self.stamp();
        self.world_mut().listed.insert((list, id), Some(now));
    }

    /// Lets a contact leave a list.
    pub fn leave_list(&self, list: u64, id: u64) {
        self.world_mut().listed.insert((list, id), None);
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
        self.with(object, |world, kind| {
            for overlay in world.kinds[kind].overlay.values_mut() {
                if let Some(values) = overlay.values.remove(from) {
                    overlay.values.insert(to.into(), values);
                }
            }
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
            Mutation::JoinList { list, id } => self.join_list(*list, *id),
            Mutation::LeaveList { list, id } => self.leave_list(*list, *id),
            Mutation::Advance { ms } => _ = self.moved.fetch_add(*ms as i64, Ordering::SeqCst),
        }
    }
}
