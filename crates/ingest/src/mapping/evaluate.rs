//! A mapping set applied to a few records that are at hand as JSON: what `POST /mappingSets/preview` shows. The same
//! code runs as in a run, over the same text columns that a scan of a JSON file gives.

use super::exec::Mapper;
use super::kernel::TooLarge;
use super::{MapSpec, identity};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use forebay_model::code;
use forebay_model::error::{Context, Error, Kind, Result};
use forebay_model::event::{Event, Finding};
use forebay_model::mapping::ast::{FieldPath, Step};
use serde_json::Value;
use std::sync::Arc;

/// A record, mapped.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluated {
    /// The target's fields; nulls are left out.
    pub row: Value,
    /// What did not convert, and what is required and missing.
    pub findings: Vec<Finding>,
    /// A run would not store it.
    pub rejected: bool,
}

/// Applies a mapping set to records, in order.
pub fn evaluate(spec: &MapSpec, records: &[Value]) -> Result<Vec<Evaluated>> {
    let failed = |what| (Kind::Internal, &code::FLOW_1400, what);
    let batch = columns(spec, records);
    let mut mapper = Mapper::new(spec, batch.schema_ref())?;
    let (kind, code, message) = failed("The records could not be mapped.");
    let mapped = match mapper.map(&batch) {
        Err(error) if TooLarge::is(&error) => {
            let message = "the mapped records together are too large for a preview";
            return Err(Error::new(Kind::TooLarge, &code::FLOW_1100, message).advice("Send fewer records."));
        }
        mapped => mapped.context(kind, code, message)?,
    };
    let targets: Vec<usize> = (0..mapped.num_columns() - 2).collect();
    let events = mapped.column(mapped.num_columns() - 1).as_string::<i32>().clone();
    let (kind, code, message) = failed("The mapped records could not be shown.");
    let rows = forebay_lake::json::rows(&mapped.project(&targets).context(kind, code, message)?)?;
    let mut evaluated = Vec::with_capacity(rows.len());
    for (at, row) in rows.into_iter().enumerate() {
        let event = events.is_valid(at).then(|| serde_json::from_str(events.value(at)));
        let (rejected, findings) = match event.transpose().context(kind, code, message)? {
            Some(Event::Record { rejected, findings, .. }) => (rejected, findings),
            _ => (false, Vec::new()),
        };
        evaluated.push(Evaluated { row, findings, rejected });
    }
    Ok(evaluated)
}

/// One text column for each source field.
fn columns(spec: &MapSpec, records: &[Value]) -> RecordBatch {
    let set = spec.set.clone().unwrap_or_else(|| identity(names(records).into_iter(), &spec.target));
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for path in set.fields() {
        fields.push(Field::new(path.to_string(), DataType::Utf8, true));
        arrays.push(Arc::new(records.iter().map(|record| text(record, &path)).collect::<StringArray>()));
    }
    let options = RecordBatchOptions::new().with_row_count(Some(records.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .expect("every column is text and has one value for each record")
}

/// The names of the records' members, each once.
fn names(records: &[Value]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in records.iter().filter_map(Value::as_object).flat_map(|record| record.keys()) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

/// A member as a scan gives it: scalars as text, composites as JSON text. A flat record may have the whole path as name.
fn text(record: &Value, path: &FieldPath) -> Option<String> {
    let mut at = record.get(path.plain());
    if at.is_none() {
        at = path.0.iter().try_fold(record, |value, step| match step {
            Step::Name(name) => value.get(name),
            Step::Index(index) => value.get(usize::try_from(*index).ok()?),
            Step::Every => None,
        });
    }
    match at? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
