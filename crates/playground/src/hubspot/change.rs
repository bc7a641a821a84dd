//! Changes of data: what users, workflows and other software do to an account while it is read.

use super::state::{ARCHIVED, Kind, Link, LinkKey, MERGED, Overlay, PURGED, Pending, Row, World};
use super::text::mix;
use std::collections::BTreeSet;
use std::sync::atomic::AtomicU8;

impl World {
    /// A number that looks random; the next one is another.
    pub fn draw(&mut self) -> u64 {
        self.draws += 1;
        mix(self.seed ^ 0x6472_6177, self.draws)
    }

    /// The index sees what a record was for as long as it lags.
    fn note(&mut self, kind: usize, index: usize, before: Option<Row>, now: i64) {
        let id = self.kinds[kind].rows[index].id;
        let lag = self.lag_of(&self.kinds[kind], id);
        if lag > 0 {
            // What everyone has seen need not be kept.
            if self.kinds[kind].pending.len().is_multiple_of(1_024) {
                self.kinds[kind].pending.retain(|_, all| all.iter().any(|p| p.visible > now));
            }
            let pending = self.kinds[kind].pending.entry(index as u32).or_default();
            pending.retain(|p| p.visible > now);
            pending.push(Pending { visible: now + lag, before });
        }
    }

    /// A new revision of a record: a third of its values change, and its modified date.
    pub fn touch(&mut self, kind: usize, index: usize, now: i64) {
        let before = self.kinds[kind].rows[index];
        let row = &mut self.kinds[kind].rows[index];
        row.revision += 1;
        row.modified = now;
        self.kinds[kind].overlay_mut(index).stamps.push(now);
        self.note(kind, index, Some(before), now);
    }

    /// Sets values, by a new revision.
    pub fn set(&mut self, kind: usize, index: usize, values: &[(String, Option<String>)], now: i64) {
        self.touch(kind, index, now);
        let revision = self.kinds[kind].rows[index].revision;
        let overlay = self.kinds[kind].overlay_mut(index);
        for (name, value) in values {
            overlay.values.entry(name.clone()).or_default().push((revision, value.clone()));
        }
    }

    /// Changes live records; ids that are not are left out.
    pub fn edit(&mut self, kind: usize, ids: &[u64], now: i64) -> usize {
        let live: Vec<usize> = ids
            .iter()
            .filter_map(|id| self.kinds[kind].index(*id))
            .filter(|index| self.kinds[kind].rows[*index].live())
            .collect();
        for index in &live {
            self.touch(kind, *index, now);
        }
        live.len()
    }

    /// Ids of `n` live records, drawn at random.
    pub fn pick(&mut self, kind: usize, n: usize) -> Vec<u64> {
        let rows = self.kinds[kind].rows.len() as u64;
        let mut picked = Vec::with_capacity(n);
        let mut seen = BTreeSet::new();
        // A type may have fewer live records than wanted.
        for _ in 0..n * 8 + 64 {
            if picked.len() == n || rows == 0 {
                break;
            }
            let at = (self.draw() % rows) as usize;
            let row = self.kinds[kind].rows[at];
            if row.live() && seen.insert(row.id) {
                picked.push(row.id);
            }
        }
        picked
    }

    /// The same of those that were modified at or after an instant.
    pub fn pick_since(&mut self, kind: usize, since: i64, n: usize) -> Vec<u64> {
        let rows = self.kinds[kind].rows.iter();
        let mut all: Vec<u64> = rows.filter(|row| row.live() && row.modified >= since).map(|row| row.id).collect();
        let mut picked = Vec::with_capacity(n);
        while picked.len() < n && !all.is_empty() {
            let at = (self.draw() % all.len() as u64) as usize;
            picked.push(all.swap_remove(at));
        }
        picked
    }

    /// A new record at the end.
    pub fn create(&mut self, kind: usize, now: i64, values: &[(String, Option<String>)]) -> u64 {
        let last = self.kinds[kind].rows.last().map_or(100_000_000, |row| row.id);
        let id = last + 1 + mix(self.kinds[kind].key, last) % 97;
        let target = &mut self.kinds[kind];
        target.rows.push(Row { id, modified: now, revision: 0, flags: 0 });
        target.reads.0.push(AtomicU8::new(0));
        let index = target.rows.len() - 1;
        let overlay = target.overlay_mut(index);
        overlay.created = Some(now);
        for (name, value) in values {
            overlay.values.insert(name.clone(), vec![(0, value.clone())]);
        }
        self.note(kind, index, None, now);
        id
    }

    /// Archives a record. Its modified date stays.
    pub fn archive(&mut self, kind: usize, id: u64, now: i64) -> bool {
        let Some(index) = self.kinds[kind].index(id).filter(|at| self.kinds[kind].rows[*at].live()) else {
            return false;
        };
        let before = self.kinds[kind].rows[index];
        self.kinds[kind].overlay_mut(index).archived_at = Some(now);
        self.kinds[kind].rows[index].flags |= ARCHIVED;
        self.note(kind, index, Some(before), now);
        true
    }

    /// Brings an archived record back.
    pub fn restore(&mut self, kind: usize, id: u64, now: i64) -> bool {
        let archived = |row: &Row| row.flags & ARCHIVED != 0 && row.flags & (PURGED | MERGED) == 0;
        let Some(index) = self.kinds[kind].index(id).filter(|at| archived(&self.kinds[kind].rows[*at])) else {
            return false;
        };
        let before = self.kinds[kind].rows[index];
        let row = &mut self.kinds[kind].rows[index];
        row.flags &= !ARCHIVED;
        row.revision += 1;
        row.modified = now;
        self.kinds[kind].overlay_mut(index).stamps.push(now);
        self.note(kind, index, Some(before), now);
        true
    }

    /// Removes a record for good.
    pub fn purge(&mut self, kind: usize, id: u64, now: i64) -> bool {
        let Some(index) = self.kinds[kind].index(id).filter(|at| self.kinds[kind].rows[*at].flags & PURGED == 0) else {
            return false;
        };
        let before = self.kinds[kind].rows[index];
        self.kinds[kind].rows[index].flags |= PURGED;
        self.kinds[kind].overlay.remove(&(index as u32));
        self.note(kind, index, Some(before), now);
        true
    }

    /// Makes one record with a new id of two. The old ids go on answering for it.
    pub fn merge(&mut self, kind: usize, primary: u64, other: u64, now: i64) -> Option<u64> {
        let live = |target: &Kind, id| target.index(id).filter(|at| target.rows[*at].live());
        let first = live(&self.kinds[kind], primary)?;
        let second = live(&self.kinds[kind], other)?;
        if first == second {
            return None;
        }
        let links: Vec<(usize, Vec<Link>)> = (0..self.kinds.len())
            .map(|to| {
                let mut all: BTreeSet<Link> = self.links(kind, primary, to).into_iter().collect();
                all.extend(self.links(kind, other, to));
                (to, all.into_iter().filter(|link| to != kind || (link.to != primary && link.to != other)).collect())
            })
            .collect();
        let id = self.create(kind, now, &[]);
        let target = &mut self.kinds[kind];
        let mut merged_ids = vec![primary, other];
        for index in [first, second] {
            if let Some(overlay) = target.overlay(index) {
                merged_ids.extend(&overlay.merged_ids);
            }
        }
        let of_first = target.overlay(first).cloned().unwrap_or_default();
        let like = of_first.like.unwrap_or((first as u32, primary));
        let revision = target.rows[first].revision;
        let survivor = target.index(id)?;
        target.rows[survivor].revision = revision + 1;
        let mut stamps = of_first.stamps;
        stamps.push(now);
        *target.overlay_mut(survivor) = Overlay {
            values: of_first.values,
            stamps,
            created: of_first.created,
            archived_at: None,
            recalculated: of_first.recalculated,
            merged_ids,
            like: Some(like),
        };
        for (index, old) in [(first, primary), (second, other)] {
            let before = self.kinds[kind].rows[index];
            self.kinds[kind].rows[index].flags |= MERGED;
            self.kinds[kind].merged.insert(old, id);
            self.note(kind, index, Some(before), now);
        }
        for (to, all) in links {
            for link in all {
                self.link(kind, id, to, link);
            }
        }
        Some(id)
    }

    /// Computes calculated properties anew. The modified date stays.
    pub fn recalculate(&mut self, kind: usize, ids: &[u64]) -> usize {
        let indexes: Vec<usize> = ids.iter().filter_map(|id| self.kinds[kind].index(*id)).collect();
        for index in &indexes {
            self.kinds[kind].overlay_mut(*index).recalculated += 1;
        }
        indexes.len()
    }

    /// Links two records, in both directions. No modified date changes.
    pub fn link(&mut self, from: usize, id: u64, to: usize, link: Link) {
        let back = Link { to: id, user: link.user, type_id: self.opposite(from, to, link) };
        for (key, link) in [((from, id, to), link), ((to, link.to, from), back)] {
            drop_link(&mut self.removed, key, link);
            self.added.entry(key).or_default().insert(link);
        }
    }

    /// Undoes it.
    pub fn unlink(&mut self, from: usize, id: u64, to: usize, link: Link) {
        let back = Link { to: id, user: link.user, type_id: self.opposite(from, to, link) };
        for (key, link) in [((from, id, to), link), ((to, link.to, from), back)] {
            drop_link(&mut self.added, key, link);
            self.removed.entry(key).or_default().insert(link);
        }
    }
}

fn drop_link(all: &mut std::collections::BTreeMap<LinkKey, BTreeSet<Link>>, key: LinkKey, link: Link) {
    if let Some(links) = all.get_mut(&key) {
        links.remove(&link);
    }
}
