//! Which record is linked to which. Computed over the rows of the start in both directions, with an overlay for what
//! was changed.

use super::state::{Link, World};
use std::collections::BTreeSet;

/// Two types, each record of the first linked to at most one of the second by default: names, the number of the link
/// there and back.
const PAIRS: [(&str, &str, u32, u32); 14] = [
    ("contacts", "companies", 279, 280),
    ("deals", "contacts", 3, 4),
    ("deals", "companies", 341, 342),
    ("tickets", "contacts", 16, 15),
    ("tickets", "companies", 339, 340),
    ("calls", "contacts", 194, 193),
    ("emails", "contacts", 198, 197),
    ("meetings", "contacts", 200, 199),
    ("notes", "contacts", 202, 201),
    ("tasks", "contacts", 204, 203),
    ("line_items", "deals", 20, 19),
    ("machines", "contacts", 51, 50),
    ("machines", "companies", 53, 52),
    ("contacts", "contacts", 449, 449),
];

/// Labels between contacts and companies.
pub(super) const PRIMARY: (u32, u32) = (1, 2);
pub(super) const DECIDES: (u32, u32) = (41, 42);

/// What one company gets.
const CROWD: usize = 12_000;

struct Pair {
    there: u32,
    back: u32,
    forward: bool,
}

impl World {
    fn pair(&self, from: usize, to: usize) -> Option<Pair> {
        let (from, to) = (self.kinds[from].def.plural.as_str(), self.kinds[to].def.plural.as_str());
        PAIRS.iter().find_map(|&(a, b, there, back)| {
            if (a, b) == (from, to) {
                Some(Pair { there, back, forward: true })
            } else if (a, b) == (to, from) {
                Some(Pair { there: back, back: there, forward: false })
            } else {
                None
            }
        })
    }

    /// The plain link between two types.
    pub fn plain(&self, from: usize, to: usize) -> u32 {
        self.pair(from, to).map_or(900 + (from * 50 + to) as u32, |pair| pair.there)
    }

    /// The number of the same link seen from the other side.
    pub fn opposite(&self, from: usize, to: usize, link: Link) -> u32 {
        for (there, back) in [PRIMARY, DECIDES] {
            if link.user == (there == DECIDES.0) && link.type_id == there {
                return back;
            }
            if link.user == (there == DECIDES.0) && link.type_id == back {
                return there;
            }
        }
        match self.pair(from, to) {
            Some(pair) if pair.there == link.type_id => pair.back,
            _ => self.plain(to, from),
        }
    }

    /// All links there are between two types: number, made by users, label.
    pub fn link_types(&self, from: usize, to: usize) -> Vec<(u32, bool, Option<&'static str>)> {
        let mut all = vec![(self.plain(from, to), self.custom_pair(from, to), None)];
        let names = (self.kinds[from].def.plural.as_str(), self.kinds[to].def.plural.as_str());
        match names {
            ("contacts", "companies") => {
                all.push((PRIMARY.0, false, Some("Primary")));
                all.push((DECIDES.0, true, Some("Decision maker")));
            }
            ("companies", "contacts") => {
                all.push((PRIMARY.1, false, Some("Primary")));
                all.push((DECIDES.1, true, Some("Decision maker")));
            }
            _ => {}
        }
        all
    }

    fn custom_pair(&self, from: usize, to: usize) -> bool {
        self.kinds[from].def.custom() || self.kinds[to].def.custom()
    }

    /// The label of a link.
    pub fn label(&self, from: usize, to: usize, link: &Link) -> Option<&'static str> {
        self.link_types(from, to).into_iter().find(|t| (t.0, t.1) == (link.type_id, link.user)).and_then(|t| t.2)
    }

    /// The live records of a type that a record is linked to, by id.
    pub fn links(&self, from: usize, id: u64, to: usize) -> Vec<Link> {
        let mut all = Vec::new();
        let (source, target) = (&self.kinds[from], &self.kinds[to]);
        let Some(at) = source.index(id) else { return all };
        if !source.rows[at].live() {
            return all;
        }
        if at < source.base
            && let Some(pair) = self.pair(from, to)
        {
            self.computed(from, at, to, &pair, &mut all);
        }
        let key = (from, id, to);
        if let Some(removed) = self.removed.get(&key) {
            all.retain(|link| !removed.contains(link));
        }
        if let Some(added) = self.added.get(&key) {
            all.extend(added);
        }
        all.retain(|link| target.index(link.to).is_some_and(|at| target.rows[at].live()));
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The links of the start. Record `i` of the first type goes to `i + shift` of the second, except every seventh.
    fn computed(&self, from: usize, at: usize, to: usize, pair: &Pair, all: &mut Vec<Link>) {
        let (source, target) = (&self.kinds[from], &self.kinds[to]);
        let user = self.custom_pair(from, to);
        if from == to {
            // One that is linked to itself.
            if at == 5 {
                all.push(Link { to: source.rows[at].id, user, type_id: pair.there });
            }
            return;
        }
        let (many, few) = if pair.forward { (source, target) } else { (target, source) };
        if many.base == 0 || few.base == 0 {
            return;
        }
        let labels = matches!((many.def.plural.as_str(), few.def.plural.as_str()), ("contacts", "companies"));
        let crowd = if labels { CROWD.min(many.base / 2) } else { 0 };
        let shift = (many.key % few.base as u64) as usize;
        let mut push = |index: usize, many_at: usize, main: bool| {
            let id = target.rows[index].id;
            all.push(Link { to: id, user, type_id: pair.there });
            if labels && main {
                let side = |both: (u32, u32)| if pair.forward { both.0 } else { both.1 };
                if many_at.is_multiple_of(2) {
                    all.push(Link { to: id, user: false, type_id: side(PRIMARY) });
                }
                if many_at.is_multiple_of(5) {
                    all.push(Link { to: id, user: true, type_id: side(DECIDES) });
                }
            }
        };
        if pair.forward {
            if at % 7 == 3 {
                return;
            }
            push((at + shift) % few.base, at, true);
            if at < crowd {
                push(0, at, false);
            }
            return;
        }
        let mut many_at = (at + few.base - shift) % few.base;
        while many_at < many.base {
            if many_at % 7 != 3 {
                push(many_at, many_at, true);
            }
            many_at += few.base;
        }
        if at == 0 {
            for many_at in (0..crowd).filter(|at| at % 7 != 3) {
                push(many_at, many_at, false);
            }
        }
    }

    /// Every link between two types, for the truth.
    pub fn all_links(&self, from: usize, to: usize) -> Vec<(u64, Link)> {
        let ids: BTreeSet<u64> = self.kinds[from].rows.iter().filter(|row| row.live()).map(|row| row.id).collect();
        ids.into_iter().flat_map(|id| self.links(from, id, to).into_iter().map(move |link| (id, link))).collect()
    }
}
