//! A column whose values differ in type from row to row, as the results of a language typed by its values may: `a + b`
//! is a number or a text, `c ? 1 : "x"` is either.
//!
//! Always holds: a column is an Arrow struct of [`mixed_type`], so that DataFusion filters and merges it like any other;
//! a null row is [`Value::Null`]; what goes in through [`MixedBuilder`] comes out of [`Mixed::get`] unchanged.

use super::moment::{Moment, Zone};
use super::read::Reader;
use super::value::Value;
use chrono::{Datelike, NaiveDate};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, NullBufferBuilder, StringArray, StringBuilder,
    StructArray, UInt8Array, new_null_array,
};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Float64Type, Int64Type, UInt8Type};
use serde_json::{Map, Value as Json, json};
use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

const TEXT: u8 = 0;
const BOOL: u8 = 1;
const INT: u8 = 2;
const NUMBER: u8 = 3;
const DAY: u8 = 4;
const MOMENT: u8 = 5;
const COMPOSITE: u8 = 6;

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    Fields::from(vec![
        Field::new("mixed.kind", DataType::UInt8, true),
        Field::new("mixed.bits", DataType::Int64, true),
        Field::new("mixed.text", DataType::Utf8, true),
    ])
});

/// The type of a mixed column: what a row is, its bits (of a number, a day, a moment), its text (a zone's name, JSON).
pub fn mixed_type() -> DataType {
    DataType::Struct(FIELDS.clone())
}

/// Whether a type is that of a mixed column.
pub fn is_mixed(of: &DataType) -> bool {
    matches!(of, DataType::Struct(fields) if *fields == *FIELDS)
}

/// A mixed column, ready to be read.
#[derive(Debug, Clone, Copy)]
pub struct Mixed<'a> {
    nulls: Option<&'a NullBuffer>,
    kinds: &'a UInt8Array,
    bits: &'a Int64Array,
    text: &'a StringArray,
}

impl<'a> Mixed<'a> {
    /// Reads a column of [`mixed_type`].
    pub fn new(array: &'a StructArray) -> Mixed<'a> {
        Mixed {
            nulls: array.nulls(),
            kinds: array.column(0).as_primitive::<UInt8Type>(),
            bits: array.column(1).as_primitive::<Int64Type>(),
            text: array.column(2).as_string(),
        }
    }

    /// One row's value.
    pub fn get(self, row: usize) -> Value<'a> {
        if self.nulls.is_some_and(|nulls| nulls.is_null(row)) {
            return Value::Null;
        }
        let bits = self.bits.value(row);
        match self.kinds.value(row) {
            TEXT => Value::Text(Cow::Borrowed(self.text.value(row))),
            BOOL => Value::Bool(bits != 0),
            INT => Value::Int(bits),
            NUMBER => Value::Number(f64::from_bits(bits.cast_unsigned())),
            DAY => {
                i32::try_from(bits).ok().and_then(NaiveDate::from_num_days_from_ce_opt).map_or(Value::Null, Value::Day)
            }
            MOMENT => Value::Moment(Moment { micros: bits, zone: zone(self.text.value(row)) }),
            _ => serde_json::from_str(self.text.value(row)).map_or(Value::Null, unpacked),
        }
    }
}

/// A mixed column being built.
#[derive(Debug)]
pub struct MixedBuilder {
    kinds: Vec<u8>,
    bits: Vec<i64>,
    text: StringBuilder,
    nulls: NullBufferBuilder,
}

impl MixedBuilder {
    /// An empty column.
    pub fn new(rows: usize) -> MixedBuilder {
        MixedBuilder {
            kinds: Vec::with_capacity(rows),
            bits: Vec::with_capacity(rows),
            text: StringBuilder::with_capacity(rows, 0),
            nulls: NullBufferBuilder::new(rows),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, value: &Value<'_>) {
        match value {
            Value::Null => {
                self.row(TEXT, 0, "");
                return self.nulls.append_null();
            }
            Value::Text(text) => self.row(TEXT, 0, text),
            Value::Bool(b) => self.row(BOOL, i64::from(*b), ""),
            Value::Int(n) => self.row(INT, *n, ""),
            Value::Number(n) => self.row(NUMBER, n.to_bits().cast_signed(), ""),
            Value::Day(day) => self.row(DAY, i64::from(day.num_days_from_ce()), ""),
            Value::Moment(moment) => match moment.zone {
                Zone::Utc => self.row(MOMENT, moment.micros, ""),
                Zone::Fixed(seconds) => self.row(MOMENT, moment.micros, &seconds.to_string()),
                named => self.row(MOMENT, moment.micros, &named.name()),
            },
            Value::List(_) | Value::Object(_) => self.row(COMPOSITE, 0, &packed(value).to_string()),
        }
        self.nulls.append_non_null();
    }

    /// Bytes of the texts so far.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.text.values_slice().len()
    }

    fn row(&mut self, kind: u8, bits: i64, text: &str) {
        self.kinds.push(kind);
        self.bits.push(bits);
        self.text.append_value(text);
    }

    /// The column.
    pub fn finish(mut self) -> ArrayRef {
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt8Array::from(self.kinds)),
            Arc::new(Int64Array::from(self.bits)),
            Arc::new(self.text.finish()),
        ];
        Arc::new(StructArray::new(FIELDS.clone(), columns, self.nulls.finish()))
    }
}

/// A zone from the text that is kept for it: nothing, seconds, a name.
fn zone(text: &str) -> Zone {
    match (text, text.parse::<i32>()) {
        ("", _) => Zone::Utc,
        (_, Ok(seconds)) => Zone::Fixed(seconds),
        (name, Err(_)) => Zone::parse(name).unwrap_or(Zone::Utc),
    }
}

/// JSON from which [`unpacked`] has the very value again: an object names what JSON has no word for, and fractions.
fn packed(value: &Value<'_>) -> Json {
    match value {
        Value::Number(n) => json!({ "bits": n.to_bits() }),
        Value::Day(day) => json!({ "day": day.num_days_from_ce() }),
        Value::Moment(moment) => match moment.zone {
            Zone::Utc => json!({ "moment": moment.micros, "zone": "" }),
            Zone::Fixed(seconds) => {
                json!({ "moment": moment.micros, "zone": seconds.to_string() })
            }
            named => json!({ "moment": moment.micros, "zone": named.name() }),
        },
        Value::List(items) => Json::Array(items.iter().map(packed).collect()),
        Value::Object(members) => {
            let members: Vec<Json> = members.iter().map(|(name, value)| json!([name, packed(value)])).collect();
            json!({ "object": members })
        }
        other => other.json(),
    }
}

fn unpacked<'a>(json: Json) -> Value<'a> {
    match json {
        Json::Array(items) => Value::List(items.into_iter().map(unpacked).collect()),
        Json::Object(members) => special(members),
        other => Value::from_json(other),
    }
}

fn special<'a>(mut members: Map<String, Json>) -> Value<'a> {
    if let Some(Json::Array(pairs)) = members.remove("object") {
        let pair = |pair: Json| match pair {
            Json::Array(mut pair) if pair.len() == 2 => {
                let value = unpacked(pair.swap_remove(1));
                Some((pair.swap_remove(0).as_str()?.to_string(), value))
            }
            _ => None,
        };
        return Value::Object(pairs.into_iter().filter_map(pair).collect());
    }
    if let Some(bits) = members.get("bits").and_then(Json::as_u64) {
        return Value::Number(f64::from_bits(bits));
    }
    if let Some(days) = members.get("day").and_then(Json::as_i64) {
        let day = i32::try_from(days).ok();
        return day.and_then(NaiveDate::from_num_days_from_ce_opt).map_or(Value::Null, Value::Day);
    }
    let micros = members.get("moment").and_then(Json::as_i64);
    let name = members.get("zone").and_then(Json::as_str).unwrap_or("");
    micros.map_or(Value::Null, |micros| Value::Moment(Moment { micros, zone: zone(name) }))
}

/// A mixed column whose rows all are of one type, as a column of that type, without a copy of the values.
pub fn narrow(array: &ArrayRef) -> Option<ArrayRef> {
    if !is_mixed(array.data_type()) {
        return None;
    }
    let mixed = Mixed::new(array.as_struct());
    let kinds = mixed.kinds.values();
    let nulls = mixed.nulls.filter(|nulls| nulls.null_count() > 0);
    let kind = match nulls {
        None => kinds.first().copied(),
        Some(nulls) => nulls.valid_indices().next().map(|row| kinds[row]),
    };
    let Some(kind) = kind else {
        return Some(new_null_array(&DataType::Utf8, array.len()));
    };
    let uniform = match nulls {
        None => kinds.iter().all(|other| *other == kind),
        Some(nulls) => nulls.valid_indices().all(|row| kinds[row] == kind),
    };
    let nulls = nulls.cloned();
    let bits = mixed.bits.values();
    match kind {
        _ if !uniform => None,
        TEXT => Some(Arc::new(StringArray::new(mixed.text.offsets().clone(), mixed.text.values().clone(), nulls))),
        INT => Some(Arc::new(Int64Array::new(bits.clone(), nulls))),
        NUMBER => Some(Arc::new(Float64Array::new(bits.inner().clone().into(), nulls))),
        BOOL => {
            Some(Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(array.len(), |row| bits[row] != 0), nulls)))
        }
        _ => None,
    }
}

/// Any column as a mixed one.
pub fn widen(array: &ArrayRef) -> ArrayRef {
    let rows = array.len();
    let nulls = array.nulls().cloned();
    let none = || new_null_array(&DataType::Utf8, rows);
    let kinds = |kind: u8| Arc::new(UInt8Array::from(vec![kind; rows])) as ArrayRef;
    let columns = match array.data_type() {
        of if is_mixed(of) => return array.clone(),
        DataType::Utf8 => vec![kinds(TEXT), Arc::new(Int64Array::from(vec![0; rows])), array.clone()],
        DataType::Int64 => vec![kinds(INT), array.clone(), none()],
        DataType::Float64 if finite(array.as_primitive::<Float64Type>()) => {
            let numbers = array.as_primitive::<Float64Type>();
            let bits = Int64Array::new(numbers.values().inner().clone().into(), None);
            vec![kinds(NUMBER), Arc::new(bits), none()]
        }
        _ => {
            let reader = Reader::new(array);
            let mut builder = MixedBuilder::new(rows);
            for row in 0..rows {
                builder.push(&reader.get(row));
            }
            return builder.finish();
        }
    };
    Arc::new(StructArray::new(FIELDS.clone(), columns, nulls))
}

/// Numbers by their bits, of which some are with a fraction.
pub fn numbers(bits: Int64Array, floats: &[bool]) -> ArrayRef {
    let kind = |float: &bool| if *float { NUMBER } else { INT };
    let nulls = bits.nulls().cloned();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(floats.iter().map(kind).collect::<UInt8Array>()),
        Arc::new(bits),
        new_null_array(&DataType::Utf8, floats.len()),
    ];
    Arc::new(StructArray::new(FIELDS.clone(), columns, nulls))
}

/// Whether every number can be a [`Value::Number`].
pub fn finite(numbers: &Float64Array) -> bool {
    numbers.values().iter().all(|n| n.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(values: &[Value<'static>], narrows: Option<DataType>) {
        let mut builder = MixedBuilder::new(0);
        values.iter().for_each(|value| builder.push(value));
        let array = builder.finish();
        assert_eq!(array.data_type(), &mixed_type());
        let read = |array: &ArrayRef| -> Vec<Value<'static>> {
            let reader = Reader::new(array);
            (0..array.len()).map(|row| crate::mapping::read::owned(reader.get(row))).collect()
        };
        assert_eq!(read(&array), values);
        let narrowed = narrow(&array);
        assert_eq!(narrowed.as_ref().map(|a| a.data_type().clone()), narrows);
        if let Some(narrowed) = narrowed {
            assert_eq!(read(&narrowed), values);
            assert_eq!(read(&widen(&narrowed)), values);
            assert_eq!(read(&widen(&narrowed.slice(1, values.len() - 1))), values[1..]);
            assert_eq!(read(&narrow(&array.slice(1, values.len() - 1)).unwrap()), values[1..]);
        }
    }

    #[test]
    fn what_goes_in_comes_out() {
        let day = NaiveDate::from_ymd_opt(2024, 2, 29).unwrap();
        let moment = |zone: &str| Value::Moment(Moment { micros: -1, zone: Zone::parse(zone).unwrap() });
        let object = Value::Object(vec![
            ("day".into(), Value::Int(1)),
            ("b".into(), Value::List(vec![Value::Day(day), moment("+01:30")])),
        ]);
        check(
            &[
                Value::Null,
                Value::owned("ö"),
                Value::owned(""),
                Value::Bool(true),
                Value::Int(i64::MIN),
                Value::Number(-0.5),
                Value::Day(day),
                moment("Z"),
                moment("-08:00"),
                moment("Europe/Paris"),
                object,
            ],
            None,
        );
    }

    #[test]
    fn rows_of_one_type_are_a_plain_column() {
        check(&[Value::Null, Value::owned("a"), Value::owned("ö")], Some(DataType::Utf8));
        check(&[Value::Int(-1), Value::Null, Value::Int(3)], Some(DataType::Int64));
        check(&[Value::Number(0.5), Value::Number(-1.0)], Some(DataType::Float64));
        check(&[Value::Bool(true), Value::Bool(false)], Some(DataType::Boolean));
        check(&[Value::Null, Value::Null], Some(DataType::Utf8));
    }
}
