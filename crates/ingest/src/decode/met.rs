//! What a scan meets by the way: how many rows, and which columns the files have, mapped or not. No byte is read for it.

use super::sample::xdm;
use datafusion::arrow::datatypes::Schema;
use forebay_model::Time;
use forebay_model::mapping::ast::{FieldPath, Step};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Documents of each file that are looked into, whatever was seen before.
const OF_EACH: usize = 3;
/// Documents of all files together that are looked into.
const DOCUMENTS: u64 = 500;
/// A larger document is not.
const LARGEST: usize = 256 << 10;
/// Columns that are kept.
const MOST: usize = 12_000;

/// What one run's scans have met; shared by its tasks.
#[derive(Debug, Default)]
pub struct Met {
    clock: Option<fn() -> Time>,
    rows: AtomicU64,
    first: AtomicI64,
    documents: AtomicU64,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    columns: BTreeMap<String, Column>,
    /// The last header: most files of a run have the same.
    header: Vec<String>,
    mapped: Vec<String>,
}

/// A column that was met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    /// Its type; none where only empty values were met.
    pub kind: Option<&'static str>,
    /// One of its values.
    pub sample: Option<String>,
}

impl Met {
    /// One that tells when the first rows came.
    pub fn new(clock: fn() -> Time) -> Met {
        Met { clock: Some(clock), ..Met::default() }
    }

    /// Rows are on their way.
    pub(crate) fn rows(&self, count: u64) {
        if count > 0
            && self.rows.fetch_add(count, Ordering::Relaxed) == 0
            && let Some(clock) = self.clock
        {
            self.first.store(clock().timestamp_millis(), Ordering::Relaxed);
        }
    }

    /// How many rows have come.
    pub fn count(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// When the first of them came, in epoch milliseconds.
    pub fn first(&self) -> Option<i64> {
        Some(self.first.load(Ordering::Relaxed)).filter(|at| *at > 0)
    }

    /// The columns that are asked for.
    pub fn map(&self, fields: impl Iterator<Item = FieldPath>) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for field in fields {
            let top = field.0.first().map(|step| FieldPath(vec![step.clone()]).plain());
            found.mapped.extend([field.plain(), field.to_string()].into_iter().chain(top));
        }
    }

    /// All that was met, and what of it is mapped.
    pub fn columns(&self) -> (BTreeMap<String, Column>, Vec<String>) {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        (found.columns.clone(), found.mapped.clone())
    }

    /// The header of delimited text; says whether any of it is new, so that values are worth a look.
    pub(crate) fn header(&self, names: &[String]) -> bool {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if found.header == names {
            return false;
        }
        found.header = names.to_vec();
        let before = found.columns.len();
        for name in names {
            found.note(name.trim(), Some("string"), None);
        }
        found.columns.len() > before
    }

    /// Values of a header's columns.
    pub(crate) fn values<'v>(&self, values: impl Iterator<Item = (&'v str, String)>) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, value) in values {
            found.note(name.trim(), Some("string"), Some(value).filter(|value| !value.is_empty()));
        }
    }

    /// The columns of a file that has types.
    pub(crate) fn schema(&self, schema: &Schema) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for field in schema.fields() {
            found.note(field.name(), Some(xdm(field.data_type()).word()), None);
        }
    }

    /// Looks into the n-th document of a file, if it is one of the few; `landed` documents keep a record's fields in
    /// `properties`, and have members of ours.
    pub(crate) fn document(&self, nth: usize, text: &[u8], landed: bool) {
        let enough = self.documents.load(Ordering::Relaxed) >= DOCUMENTS;
        if text.len() > LARGEST || (nth >= OF_EACH && enough) {
            return;
        }
        self.documents.fetch_add(1, Ordering::Relaxed);
        let Ok(document) = serde_json::from_slice::<Map<String, Value>>(text) else { return };
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, value) in &document {
            match value {
                _ if landed && name.starts_with('_') => {}
                Value::Object(members) if landed && name == "properties" => {
                    for (member, value) in members {
                        let field = FieldPath(vec![Step::Name(name.clone()), Step::Name(member.clone())]);
                        found.value(&field.to_string(), value);
                    }
                }
                value => found.value(name, value),
            }
        }
    }
}

impl Found {
    fn value(&mut self, name: &str, value: &Value) {
        let kind = match value {
            Value::Null => None,
            Value::Bool(_) => Some("boolean"),
            Value::Number(number) if number.is_f64() => Some("number"),
            Value::Number(_) => Some("integer"),
            Value::String(_) => Some("string"),
            Value::Array(_) => Some("array"),
            Value::Object(_) => Some("object"),
        };
        let sample = match value {
            Value::String(text) => Some(text.clone()),
            Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
            _ => None,
        };
        self.note(name, kind, sample.filter(|text| !text.is_empty()));
    }

    fn note(&mut self, name: &str, kind: Option<&'static str>, sample: Option<String>) {
        let room = self.columns.len() < MOST;
        match self.columns.get_mut(name) {
            Some(column) => {
                column.kind = column.kind.or(kind);
                column.sample = column.sample.take().or(sample);
            }
            None if room => {
                self.columns.insert(name.to_string(), Column { kind, sample });
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn landed_records_are_known_by_their_properties_and_not_by_our_members() {
        let met = Met::default();
        met.document(0, br#"{"_version":1,"id":"7","properties":{"email":null,"n":3}}"#, true);
        met.document(1, br#"{"id":"8","properties":{"email":"a@b"}}"#, true);
        let (columns, _) = met.columns();
        let told: Vec<_> = columns.iter().map(|(n, c)| (n.as_str(), c.kind, c.sample.as_deref())).collect();
        assert_eq!(
            told,
            [
                ("id", Some("string"), Some("7")),
                ("properties.email", Some("string"), Some("a@b")),
                ("properties.n", Some("integer"), Some("3"))
            ]
        );
    }

    #[test]
    fn the_first_documents_of_each_file_are_looked_into_however_many_there_were() {
        let met = Met::default();
        for n in 0..2 * DOCUMENTS as usize {
            met.document(n, br#"{"a":1}"#, false);
        }
        met.document(700, br#"{"late":1}"#, false);
        met.document(2, br#"{"next file":1}"#, false);
        let (columns, _) = met.columns();
        assert_eq!(columns.keys().collect::<Vec<_>>(), ["a", "next file"]);
    }

    #[test]
    fn a_header_that_came_before_has_nothing_new() {
        let met = Met::default();
        let names = ["id".to_string(), " n ".to_string()];
        assert!(met.header(&names));
        assert!(!met.header(&names));
        assert!(!met.header(&names[..1]), "fewer columns are no new ones");
        met.values([("id", "7".to_string())].into_iter());
        let (columns, _) = met.columns();
        assert_eq!(columns["id"].sample.as_deref(), Some("7"));
        assert!(columns.contains_key("n"));
    }
}
