//! What the account really holds, to compare with what was read of it.

use super::records::Ask;
use super::sim::Sim;
use super::state::{Link, MERGED, PURGED};
use serde_json::{Value, json};

impl Sim {
    /// Ids of live records, ascending.
    pub fn ids(&self, object: &str) -> Vec<u64> {
        let world = self.world();
        let Some(kind) = world.kind(object) else { return Vec::new() };
        world.kinds[kind].rows.iter().filter(|row| row.live()).map(|row| row.id).collect()
    }

    /// Names of the properties of a type, ascending.
    pub fn property_names(&self, object: &str) -> Vec<String> {
        let world = self.world();
        let Some(kind) = world.kind(object) else { return Vec::new() };
        world.kinds[kind].properties.iter().filter(|p| p.archived_at.is_none()).map(|p| p.name.clone()).collect()
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
            row.flags & PURGED != 0 || (!row.live() && row.flags & MERGED == 0 && !world.listed(kind, *i, true, now))
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
}
