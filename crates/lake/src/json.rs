//! Rows as JSON, as the API shows them: nested as the columns are, times in ISO 8601. A null has no member, so that a
//! sparse row stays short; inside lists and maps it is `null`, since its place counts there.

use crate::stats::day;
use chrono::{DateTime, SecondsFormat, Utc};
use datafusion::arrow::array::{Array, AsArray, RecordBatch, StructArray};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType,
};
use forebay_model::{Error, Result};
use serde_json::{Map, Number, Value};

/// The rows of a batch.
pub fn rows(batch: &RecordBatch) -> Result<Vec<Value>> {
    let whole = StructArray::from(batch.clone());
    let mut rows = Vec::with_capacity(whole.len());
    for row in 0..whole.len() {
        rows.push(object(&whole, row)?);
    }
    Ok(rows)
}

fn object(columns: &StructArray, row: usize) -> Result<Value> {
    let mut members = Map::new();
    for (field, column) in columns.fields().iter().zip(columns.columns()) {
        let value = value(column.as_ref(), row)?;
        if !value.is_null() {
            members.insert(field.name().clone(), value);
        }
    }
    Ok(Value::Object(members))
}

/// One value. A number that JSON does not have (NaN, infinity) becomes text.
pub fn value(array: &dyn Array, row: usize) -> Result<Value> {
    if array.is_null(row) {
        return Ok(Value::Null);
    }
    Ok(match array.data_type() {
        DataType::Null => Value::Null,
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Date32 => {
            let days = array.as_primitive::<Date32Type>().value(row);
            day(days).map_or_else(|| days.into(), Value::String)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            DateTime::<Utc>::from_timestamp_micros(micros).map_or_else(
                || micros.into(),
                |t| t.to_rfc3339_opts(SecondsFormat::AutoSi, true).into(),
            )
        }
        DataType::Struct(_) => object(array.as_struct(), row)?,
        DataType::List(_) => list(array.as_list::<i32>().value(row).as_ref())?,
        DataType::LargeList(_) => list(array.as_list::<i64>().value(row).as_ref())?,
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let mut members = Map::new();
            for at in 0..entries.len() {
                if let Value::String(key) = value(entries.column(0).as_ref(), at)? {
                    members.insert(key, value(entries.column(1).as_ref(), at)?);
                }
            }
            Value::Object(members)
        }
        other => {
            return Err(Error::internal(format!(
                "A column of type {other} cannot be shown as JSON."
            )));
        }
    })
}

fn list(items: &dyn Array) -> Result<Value> {
    let mut values = Vec::with_capacity(items.len());
    for at in 0..items.len() {
        values.push(value(items, at)?);
    }
    Ok(Value::Array(values))
}

fn float(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None => Value::String(value.to_string()),
    }
}
