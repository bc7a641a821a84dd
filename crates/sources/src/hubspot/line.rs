//! Landed lines: what was read becomes a page, as it is handed over.
//!
//! What always holds: a record's own members stay as they were read; ours stand in front. A record is delivered once for
//! each content that it had: the ledger knows what the flow was given. Versions of a record never go backwards, so that
//! whoever keeps the newest keeps the right one.

use super::wire::Record;
use crate::tables::{CHANGE, Entry, Ledger, Page, Problem, Seen, VERSION};
use forebay_model::Time;
use serde_json::Value;
use std::collections::HashSet;

/// The member that names a row of a table that is read whole: ids alone are not unique there.
pub(super) const KEY: &str = "_key";

/// What was read since the last page, and where to go on after it.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Living records.
    pub(super) living: Vec<Record>,
    /// Records as the archive has them.
    pub(super) archived: Vec<Record>,
    /// Ids that are not there any more.
    pub(super) gone: Vec<Gone>,
    /// What could not be read.
    pub(super) problems: Vec<Problem>,
    pub(super) cursor: Value,
}

/// A record that is not there any more.
#[derive(Debug, Clone)]
pub(super) struct Gone {
    pub(super) id: String,
    /// The record that it became a part of, where that is known.
    pub(super) into: Option<String>,
    /// When that was noticed, in epoch milliseconds.
    pub(super) at: i64,
}

/// Turns what was read into pages.
#[derive(Debug)]
pub(super) struct Assembly {
    portal: Option<i64>,
    kind: String,
    /// Of a table that is read whole each time: when that was. Its rows have no dates of their own.
    snapshot: Option<i64>,
    /// Merged away in this run: a copy that was read just before does not come back to life.
    merged: HashSet<String>,
}

impl Assembly {
    pub(super) fn new(portal: Option<i64>, kind: &str) -> Assembly {
        Assembly { portal, kind: kind.to_string(), snapshot: None, merged: HashSet::new() }
    }

    /// For a table that is read whole, at a moment in epoch milliseconds.
    pub(super) fn snapshot(portal: Option<i64>, kind: &str, at: i64) -> Assembly {
        Assembly { snapshot: Some(at), ..Assembly::new(portal, kind) }
    }

    /// The page, as the ledger stands; what it delivers is noted there.
    pub(super) fn page(&mut self, given: Given, ledger: &mut Ledger, now: Time) -> Page {
        let mut page = Page { cursor: given.cursor, problems: given.problems, ..Page::default() };
        let now = now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let mut out = Out { assembly: self, ledger, page: &mut page, now: &now };
        for record in given.living {
            out.living(&record);
        }
        for record in given.archived {
            out.archived(&record);
        }
        for gone in given.gone {
            out.gone(&gone);
        }
        page
    }
}

struct Out<'a> {
    assembly: &'a mut Assembly,
    ledger: &'a mut Ledger,
    page: &'a mut Page,
    now: &'a str,
}

impl Out<'_> {
    fn living(&mut self, record: &Record) {
        for id in &record.merged {
            if *id != record.id {
                self.gone(&Gone { id: id.clone(), into: Some(record.id.clone()), at: record.modified });
                self.assembly.merged.insert(id.clone());
            }
        }
        let version = match self.ledger.get(&record.id) {
            Some(seen) if self.assembly.snapshot.is_some() && seen.hash == record.hash && !seen.deleted => {
                return self.page.known += 1;
            }
            Some(seen) if self.assembly.snapshot.is_some() => record.modified.max(seen.version.saturating_add(1)),
            None => record.modified,
            Some(_) if self.assembly.merged.contains(&record.id) => return self.page.known += 1,
            // Restored: nothing but its version says that it is newer than its end.
            Some(seen) if seen.deleted => record.modified.max(seen.version.saturating_add(1)),
            Some(seen) if seen.hash == record.hash && record.modified <= seen.version => return self.page.known += 1,
            Some(seen) => record.modified.max(seen.version),
        };
        self.line("u", version, &[], Some(&record.text));
        self.note(&record.id, Seen { version, hash: record.hash, deleted: false });
    }

    fn archived(&mut self, record: &Record) {
        // What the flow was never given needs no end.
        let Some(seen) = self.ledger.get(&record.id).filter(|seen| !seen.deleted) else {
            return self.page.known += 1;
        };
        let version = record.archived_at.unwrap_or(record.modified).max(seen.version.saturating_add(1));
        self.line("d", version, &[], Some(&record.text));
        self.note(&record.id, Seen { version, hash: 0, deleted: true });
    }

    fn gone(&mut self, gone: &Gone) {
        let seen = self.ledger.get(&gone.id);
        let Some(seen) = seen else {
            // What the flow was never given needs no end. A copy that was read just before the merge comes too late.
            if gone.into.is_some() {
                self.ledger.note(&gone.id, Seen { version: gone.at, hash: 0, deleted: true });
            }
            return;
        };
        if seen.deleted {
            return;
        }
        let version = gone.at.max(seen.version.saturating_add(1));
        let mut members = match self.assembly.snapshot {
            Some(_) => parts(&self.assembly.kind, &gone.id),
            None => vec![("id", Value::from(gone.id.as_str()))],
        };
        members.push(("archived", Value::from(true)));
        members.extend(gone.into.iter().map(|into| ("_merged_into", Value::from(into.as_str()))));
        self.line("d", version, &members, None);
        self.note(&gone.id, Seen { version, hash: 0, deleted: true });
    }

    fn line(&mut self, change: &str, version: i64, members: &[(&str, Value)], record: Option<&[u8]>) {
        use std::io::Write;
        let lines = &mut self.page.lines;
        let portal = self.assembly.portal.map_or("null".to_string(), |portal| portal.to_string());
        let (kind, now) = (&self.assembly.kind, self.now);
        // Writing into memory does not fail.
        let _ = write!(
            lines,
            "{{\"{CHANGE}\":\"{change}\",\"{VERSION}\":{version},\"_portal_id\":{portal},\"_object_type\":\"{kind}\",\"_extracted_at\":\"{now}\""
        );
        for (name, value) in members {
            let _ = write!(lines, ",\"{name}\":{value}");
        }
        match record.map(inside) {
            Some(own) if !own.is_empty() => {
                lines.push(b',');
                splice(lines, own);
            }
            _ => {}
        }
        lines.extend_from_slice(b"}\n");
    }

    fn note(&mut self, id: &str, seen: Seen) {
        self.ledger.note(id, seen);
        self.page.entries.push(Entry { id: id.to_string(), seen });
    }
}

/// The members that name a row of a table that is read whole: its key and the parts of it.
fn parts(kind: &str, key: &str) -> Vec<(&'static str, Value)> {
    let names: &[&str] = match kind {
        "pipeline" => &["objectTypeId", "id"],
        "pipeline_stage" => &["objectTypeId", "pipelineId", "id"],
        "property" => &["objectTypeId", "name"],
        "association" => &["fromId", "toId", "category", "typeId"],
        _ => &["id"],
    };
    let parts = key.splitn(names.len(), ':').zip(names).map(|(part, name)| match *name {
        "typeId" => (*name, part.parse::<i64>().map_or_else(|_| Value::from(part), Value::from)),
        _ => (*name, Value::from(part)),
    });
    std::iter::once((KEY, Value::from(key))).chain(parts).collect()
}

/// The members of an object's text.
fn inside(object: &[u8]) -> &[u8] {
    let object = object.trim_ascii();
    let object = object.strip_prefix(b"{").unwrap_or(object);
    object.strip_suffix(b"}").unwrap_or(object).trim_ascii()
}

/// Adds JSON text on one line. Line breaks in JSON text stand between tokens only: a blank is as good.
fn splice(lines: &mut Vec<u8>, text: &[u8]) {
    let start = lines.len();
    lines.extend_from_slice(text);
    for byte in &mut lines[start..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
