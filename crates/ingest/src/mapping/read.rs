//! Arrow columns read value by value: [`Reader`] for the columns of an expression, [`at`] for anything nested.
//!
//! Always holds: a column is first brought to one of a few types by [`plain`], so that reading a row is one match.

use super::mixed::{Mixed, is_mixed};
use super::moment::Moment;
use super::value::Value;
use chrono::{Duration, NaiveDate};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType, UInt64Type,
};
use datafusion::arrow::error::ArrowError;
use std::borrow::Cow;
use std::sync::Arc;

/// Microseconds in UTC, as every moment is kept.
pub fn moment_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Casts, with null for what does not fit.
pub fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef, ArrowError> {
    if array.data_type() == to {
        return Ok(array.clone());
    }
    cast_with_options(array, to, &CastOptions { safe: true, ..CastOptions::default() })
}

/// A column of nulls.
pub fn nothing(rows: usize) -> ArrayRef {
    Arc::new(StringArray::new_null(rows))
}

/// Digits of a decimal type that holds whole numbers only.
pub fn whole_decimal(of: &DataType) -> Option<u8> {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256};
    match of {
        Decimal32(digits, 0) | Decimal64(digits, 0) | Decimal128(digits, 0) | Decimal256(digits, 0) => Some(*digits),
        _ => None,
    }
}

/// The type that a column is read as. A decimal is a double, unless it is whole and surely fits 64 bits.
pub fn plain_type(of: &DataType) -> DataType {
    use DataType::*;
    match of {
        Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 => Int64,
        of if whole_decimal(of).is_some_and(|digits| digits <= 18) => Int64,
        Float16 | Float32 | Float64 | Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => Float64,
        Date32 | Date64 => Date32,
        Timestamp(..) => moment_type(),
        Boolean | Null | UInt64 | Struct(_) | List(_) | Map(..) => of.clone(),
        LargeList(field) | FixedSizeList(field, _) | ListView(field) | LargeListView(field) => List(field.clone()),
        Dictionary(_, value) => plain_type(value),
        _ => Utf8,
    }
}

/// A column in the type that it is read as.
pub fn plain(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    cast(array, &plain_type(array.data_type()))
}

/// A plain column, ready to be read.
#[derive(Debug, Clone, Copy)]
pub enum Reader<'a> {
    /// Text.
    Text(&'a StringArray),
    /// Whole numbers.
    Int(&'a Int64Array),
    /// Numbers.
    Number(&'a Float64Array),
    /// Booleans.
    Bool(&'a BooleanArray),
    /// Days.
    Day(&'a Date32Array),
    /// Moments.
    Moment(&'a TimestampMicrosecondArray),
    /// Values of several types.
    Mixed(Mixed<'a>),
    /// Anything else.
    Other(&'a ArrayRef),
}

impl<'a> Reader<'a> {
    /// Reads a column that [`plain`] made.
    pub fn new(array: &'a ArrayRef) -> Reader<'a> {
        match array.data_type() {
            DataType::Utf8 => Reader::Text(array.as_string()),
            DataType::Int64 => Reader::Int(array.as_primitive::<Int64Type>()),
            DataType::Float64 => Reader::Number(array.as_primitive::<Float64Type>()),
            DataType::Boolean => Reader::Bool(array.as_boolean()),
            DataType::Date32 => Reader::Day(array.as_primitive::<Date32Type>()),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Reader::Moment(array.as_primitive::<TimestampMicrosecondType>())
            }
            of if is_mixed(of) => Reader::Mixed(Mixed::new(array.as_struct())),
            _ => Reader::Other(array),
        }
    }

    /// One row's value.
    pub fn get(self, row: usize) -> Value<'a> {
        match self {
            Reader::Text(a) if a.is_valid(row) => Value::Text(Cow::Borrowed(a.value(row))),
            Reader::Int(a) if a.is_valid(row) => Value::Int(a.value(row)),
            Reader::Number(a) if a.is_valid(row) => number(a.value(row)),
            Reader::Bool(a) if a.is_valid(row) => Value::Bool(a.value(row)),
            Reader::Day(a) if a.is_valid(row) => day(a.value(row)),
            Reader::Moment(a) if a.is_valid(row) => Value::Moment(Moment::utc(a.value(row))),
            Reader::Mixed(a) => a.get(row),
            Reader::Other(a) => at(a, row),
            _ => Value::Null,
        }
    }
}

fn number<'a>(n: f64) -> Value<'a> {
    if n.is_finite() { Value::Number(n) } else { Value::owned(n.to_string()) }
}

fn day<'a>(days: i32) -> Value<'a> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).unwrap_or_default();
    epoch.checked_add_signed(Duration::days(i64::from(days))).map_or(Value::Null, Value::Day)
}

/// One value of any column, nested ones included.
pub fn at<'a>(array: &'a ArrayRef, row: usize) -> Value<'a> {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Null => Value::Null,
        DataType::UInt64 => {
            let n = array.as_primitive::<UInt64Type>().value(row);
            i64::try_from(n).map_or(Value::Number(n as f64), Value::Int)
        }
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            Value::Object(
                fields.iter().zip(columns).map(|(field, column)| (field.name().clone(), at(column, row))).collect(),
            )
        }
        DataType::List(_) => owned_items(array.as_list::<i32>().value(row)),
        DataType::Map(..) => {
            let entries: ArrayRef = Arc::new(array.as_map().value(row));
            let (keys, values) = (entries.as_struct().column(0), entries.as_struct().column(1));
            let entry = |i| Some((at(keys, i).text()?.into_owned(), owned(at(values, i))));
            Value::Object((0..entries.len()).filter_map(entry).collect())
        }
        other if plain_type(other) == *other => owned(Reader::new(array).get(row)),
        _ => {
            let Ok(one) = plain(&array.slice(row, 1)) else {
                return Value::Null;
            };
            owned(Reader::new(&one).get(0))
        }
    }
}

fn owned_items<'a>(items: ArrayRef) -> Value<'a> {
    Value::List((0..items.len()).map(|i| owned(at(&items, i))).collect())
}

/// A value that borrows nothing.
pub fn owned<'a>(value: Value<'_>) -> Value<'a> {
    match value {
        Value::Null => Value::Null,
        Value::Bool(b) => Value::Bool(b),
        Value::Int(n) => Value::Int(n),
        Value::Number(n) => Value::Number(n),
        Value::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
        Value::Day(day) => Value::Day(day),
        Value::Moment(moment) => Value::Moment(moment),
        Value::List(items) => Value::List(items.into_iter().map(owned).collect()),
        Value::Object(members) => Value::Object(members.into_iter().map(|(k, v)| (k, owned(v))).collect()),
    }
}
