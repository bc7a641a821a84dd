//! What a row does to a table that keeps one row a key: which version it is of, in which order it came, and whether it
//! deletes. Three columns between the target's and the metadata carry it to the lake's merge.
//!
//! Always holds: a row without a key, or with a change that is neither upsert nor delete, is rejected; a row that
//! deletes needs nothing but its key.

use super::read;
use super::report::Findings;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, UInt32Array};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, UInt32Type};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use forebay_model::code;
use forebay_model::event::{DELETED, SEQUENCE, VERSION};
use forebay_model::mapping::ast::FieldPath;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Bits of a sequence below the part's id: a part may have so many records.
const ROW_BITS: u32 = 40;

/// The columns that a merge needs beside the table's own.
pub(super) fn fields() -> [Field; 3] {
    [
        Field::new(VERSION, DataType::Int64, true),
        Field::new(SEQUENCE, DataType::Int64, true),
        Field::new(DELETED, DataType::Boolean, true),
    ]
}

/// How rows of a source change a table that keeps one row a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upserts {
    /// The path of the target field that is the key: the schema's primary identity.
    pub key: Vec<String>,
    /// The source field that says `u` or `d` (FS §9.7); without one every row is an upsert.
    pub change: Option<FieldPath>,
    /// What says how new a row is.
    pub versions: Versions,
}

/// What says how new a row is, in epoch milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Versions {
    /// A source field.
    Field(FieldPath),
    /// The part that the row came in: when its file was last modified.
    Parts(BTreeMap<u32, i64>),
}

impl Upserts {
    /// The source fields it reads.
    pub fn fields(&self) -> Vec<FieldPath> {
        let version = match &self.versions {
            Versions::Field(field) => Some(field.clone()),
            Versions::Parts(_) => None,
        };
        self.change.iter().cloned().chain(version).collect()
    }
}

/// What the rows of one batch do.
pub(super) struct Changes {
    deleted: BooleanArray,
    versions: Int64Array,
    /// Rows whose change is neither `u` nor `d`, and what it is.
    unknown: Vec<(usize, String)>,
}

impl Changes {
    /// Reads them from a batch of the scan.
    pub fn of(upserts: &Upserts, batch: &RecordBatch, parts: &ArrayRef) -> Result<Changes, ArrowError> {
        let rows = batch.num_rows();
        let (mut deleted, mut unknown) = (vec![false; rows], Vec::new());
        if let Some(change) = upserts.change.as_ref().and_then(|field| batch.column_by_name(&field.to_string())) {
            let change = read::cast(change, &DataType::Utf8)?;
            for (row, text) in change.as_string::<i32>().iter().enumerate() {
                match text.map(str::trim).unwrap_or_default() {
                    "" | "u" | "U" => {}
                    "d" | "D" => deleted[row] = true,
                    other => unknown.push((row, other.to_string())),
                }
            }
        }
        let versions = match &upserts.versions {
            Versions::Field(field) => match batch.column_by_name(&field.to_string()) {
                Some(column) => read::cast(column, &DataType::Int64)?.as_primitive::<Int64Type>().clone(),
                None => Int64Array::new_null(rows),
            },
            Versions::Parts(modified) => {
                let parts = parts.as_primitive::<UInt32Type>();
                parts.iter().map(|part| part.and_then(|part| modified.get(&part).copied())).collect()
            }
        };
        Ok(Changes { deleted: BooleanArray::from(deleted), versions, unknown })
    }

    /// Whether a row deletes.
    pub fn deletes(&self, row: usize) -> bool {
        self.deleted.value(row)
    }

    /// Rejects the rows that cannot be merged; `targets` are the target's columns, named by `fields`.
    pub fn judge(
        &self,
        key: &[String],
        batch: &RecordBatch,
        targets: &[ArrayRef],
        skip: &dyn Fn(usize) -> bool,
        findings: &mut Findings,
    ) {
        for (row, change) in self.unknown.iter().filter(|(row, _)| !skip(*row)) {
            findings.refuse(
                *row,
                &code::INGEST_1555,
                format!("the change {change:?} is neither u (upsert) nor d (delete)"),
            );
        }
        for row in (0..batch.num_rows()).filter(|&row| !skip(row)) {
            if !present(targets, row) {
                let (code, what) = match self.deletes(row) {
                    true => (&code::CONNECTOR_2001, ": the deletion cannot be applied"),
                    false => (&code::INGEST_1555, ""),
                };
                findings.refuse(row, code, format!("the primary identity {} is empty{what}", key.join(".")));
            }
        }
    }

    /// The three columns, in the lake's order: version, sequence, deleted.
    pub fn columns(self, parts: &ArrayRef, counts: &mut HashMap<u32, i64>) -> Vec<ArrayRef> {
        let parts: &UInt32Array = parts.as_primitive();
        let mut sequences = Vec::with_capacity(parts.len());
        for run in parts.values().chunk_by(|a, b| a == b) {
            let next = counts.entry(run[0]).or_default();
            sequences.extend((0..run.len() as i64).map(|row| (i64::from(run[0]) << ROW_BITS) + *next + row));
            *next += run.len() as i64;
        }
        vec![Arc::new(self.versions), Arc::new(Int64Array::from(sequences)), Arc::new(self.deleted)]
    }
}

/// Whether the row has a value in the last of the arrays, each inside the one before it.
fn present(path: &[ArrayRef], row: usize) -> bool {
    !path.is_empty() && path.iter().all(|array| array.is_valid(row))
}

/// The arrays from a target column down to the key, outermost first; none when the schema has no such field.
pub(super) fn key(path: &[String], schema: &Schema, targets: &[ArrayRef]) -> Option<Vec<ArrayRef>> {
    let (first, rest) = path.split_first()?;
    let mut array = targets[schema.index_of(first).ok()?].clone();
    let mut arrays = vec![array.clone()];
    for name in rest {
        array = array.as_struct_opt()?.column_by_name(name)?.clone();
        arrays.push(array.clone());
    }
    Some(arrays)
}
