//! Delta's per-file statistics, from a Parquet footer: `numRecords`, and `minValues`, `maxValues`, `nullCount` nested
//! as the columns are. A bound that is in doubt is left out; a wrong one would hide rows from every reader.
//!
//! Leaves inside lists and maps have none. Parquet has cut long texts already, maxima rounded up; a maximum that could
//! not be cut short is left out here. Times keep their microseconds: not every reader rounds milliseconds back up.

use chrono::{DateTime, Datelike, Days, NaiveDate};
use datafusion::parquet::basic::{LogicalType, TimeUnit, Type as Physical};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::parquet::file::statistics::Statistics;
use datafusion::parquet::schema::types::ColumnDescriptor;
use serde_json::{Map, Number, Value, json};

/// Leaves that get statistics, counted from the first column: Delta's own default.
const LEAVES: usize = 32;
/// A text bound longer than this is left out.
const TEXT: usize = 256;

/// The statistics of a file that is complete. The leaf at `key` has them wherever it stands: merges find their files by
/// it. An empty path is no leaf.
pub fn delta(footer: &ParquetMetaData, key: &[String]) -> Value {
    let (mut low, mut high, mut nulls) = (Map::new(), Map::new(), Map::new());
    let schema = footer.file_metadata().schema_descr();
    let leaves = (0..schema.num_columns()).filter(|&i| schema.column(i).max_rep_level() == 0);
    for (place, index) in leaves.enumerate() {
        let column = schema.column(index);
        if place >= LEAVES && column.path().parts() != key {
            continue;
        }
        let Some(leaf) = leaf(footer, index, &column) else {
            continue;
        };
        let path = column.path().parts();
        nest(&mut nulls, path, leaf.nulls.into());
        if let Some((min, max)) = leaf.bounds {
            if let Some(min) = min.into_json() {
                nest(&mut low, path, min);
            }
            if let Some(max) = max.into_json() {
                nest(&mut high, path, max);
            }
        }
    }
    json!({
        "numRecords": footer.file_metadata().num_rows(),
        "minValues": low,
        "maxValues": high,
        "nullCount": nulls,
    })
}

struct Leaf {
    nulls: u64,
    bounds: Option<(Bound, Bound)>,
}

/// A column's statistics over all row groups; `None` when a group has none.
fn leaf(footer: &ParquetMetaData, index: usize, column: &ColumnDescriptor) -> Option<Leaf> {
    let mut nulls = 0;
    let mut bounds: Option<(Bound, Bound)> = None;
    let mut known = true;
    for group in footer.row_groups() {
        let statistics = group.column(index).statistics()?;
        let missing = statistics.null_count_opt()?;
        nulls += missing;
        if missing == u64::try_from(group.num_rows()).unwrap_or(u64::MAX) {
            continue;
        }
        bounds = match (range(statistics, column), bounds.take()) {
            (Some((min, max)), Some((low, high))) => Some((low.smaller(min), high.larger(max))),
            (Some(range), None) => Some(range),
            (None, _) => {
                known = false;
                None
            }
        };
        if !known {
            break;
        }
    }
    if !known {
        // Values without an order, or none but NaN: the nulls still count.
        nulls = 0;
        for group in footer.row_groups() {
            nulls += group.column(index).statistics()?.null_count_opt()?;
        }
        bounds = None;
    }
    Some(Leaf { nulls, bounds })
}

/// A bound in its column's own order.
#[derive(Debug, Clone, PartialEq)]
enum Bound {
    Int(i64),
    Float(f64),
    Day(i32),
    Micros(i64),
    Text(String),
}

impl Bound {
    fn below(&self, other: &Bound) -> bool {
        match (self, other) {
            (Bound::Int(a), Bound::Int(b)) | (Bound::Micros(a), Bound::Micros(b)) => a < b,
            (Bound::Float(a), Bound::Float(b)) => a < b,
            (Bound::Day(a), Bound::Day(b)) => a < b,
            (Bound::Text(a), Bound::Text(b)) => a.as_bytes() < b.as_bytes(),
            _ => false,
        }
    }

    fn smaller(self, other: Bound) -> Bound {
        if other.below(&self) { other } else { self }
    }

    fn larger(self, other: Bound) -> Bound {
        if self.below(&other) { other } else { self }
    }

    fn into_json(self) -> Option<Value> {
        match self {
            Bound::Int(value) => Some(value.into()),
            Bound::Float(value) => Number::from_f64(value).map(Value::Number),
            Bound::Day(value) => day(value).map(Value::String),
            Bound::Micros(value) => moment(value).map(Value::String),
            Bound::Text(value) => (value.len() <= TEXT).then_some(Value::String(value)),
        }
    }
}

fn range(statistics: &Statistics, column: &ColumnDescriptor) -> Option<(Bound, Bound)> {
    let logical = column.logical_type_ref();
    match statistics {
        Statistics::Int32(s) => {
            let (min, max) = (*s.min_opt()?, *s.max_opt()?);
            match logical {
                Some(LogicalType::Date) => Some((Bound::Day(min), Bound::Day(max))),
                None | Some(LogicalType::Integer { .. }) => Some((Bound::Int(min.into()), Bound::Int(max.into()))),
                Some(_) => None,
            }
        }
        Statistics::Int64(s) => {
            let (min, max) = (*s.min_opt()?, *s.max_opt()?);
            match logical {
                Some(LogicalType::Timestamp(t)) if t.unit == TimeUnit::MICROS => {
                    Some((Bound::Micros(min), Bound::Micros(max)))
                }
                None | Some(LogicalType::Integer { .. }) => Some((Bound::Int(min), Bound::Int(max))),
                Some(_) => None,
            }
        }
        Statistics::Double(s) => {
            let (min, max) = (*s.min_opt()?, *s.max_opt()?);
            (!min.is_nan() && !max.is_nan()).then_some((Bound::Float(min), Bound::Float(max)))
        }
        Statistics::ByteArray(s) if logical == Some(&LogicalType::String) => {
            debug_assert_eq!(column.physical_type(), Physical::BYTE_ARRAY);
            let (min, max) = (s.min_opt()?.as_utf8().ok()?, s.max_opt()?.as_utf8().ok()?);
            Some((Bound::Text(min.into()), Bound::Text(max.into())))
        }
        _ => None,
    }
}

fn nest(into: &mut Map<String, Value>, path: &[String], value: Value) {
    let Some((last, parents)) = path.split_last() else {
        return;
    };
    let mut at = into;
    for parent in parents {
        let child = at.entry(parent.clone()).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(members) = child else {
            return;
        };
        at = members;
    }
    at.insert(last.clone(), value);
}

/// ISO 8601, for the years that every reader can parse.
pub(crate) fn day(days: i32) -> Option<String> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
    let distance = Days::new(days.unsigned_abs().into());
    let date = if days < 0 { epoch.checked_sub_days(distance) } else { epoch.checked_add_days(distance) }?;
    (1..=9999).contains(&date.year()).then(|| date.format("%Y-%m-%d").to_string())
}

/// ISO 8601 in UTC with microseconds, for the years that every reader can parse.
pub(crate) fn moment(micros: i64) -> Option<String> {
    let time = DateTime::from_timestamp_micros(micros)?;
    (1..=9999).contains(&time.year()).then(|| time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string())
}
