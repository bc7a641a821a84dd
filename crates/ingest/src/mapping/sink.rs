//! Builds a column of any target type, value by value: for expressions, constants, JSON text and whatever
//! [`super::coerce`] has no loop for.
//!
//! Always holds: `append` adds exactly one row, null where the value does not fit, and says so to [`Failures`]; the
//! finished array has exactly the data type it was made for.

use super::convert;
use super::value::{Fault, Value};
use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int8Builder, Int16Builder, Int32Builder, Int64Builder,
    ListArray, MapArray, NullBufferBuilder, StringBuilder, StructArray, TimestampMicrosecondBuilder, new_null_array,
};
use datafusion::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::arrow::error::ArrowError;
use forebay_model::xdm::Type;
use std::sync::Arc;

/// A value that did not fit its target.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The batch's row.
    pub row: usize,
    /// Steps below the rule's target, such as `.city` or `[3].city`; empty for the target itself.
    pub below: String,
    /// The value that failed, as text.
    pub value: Option<String>,
    /// Why.
    pub reason: Fault,
}

/// The failures of one column in one batch.
#[derive(Debug, Default)]
pub struct Failures(pub Vec<Failure>);

impl Failures {
    /// Notes one.
    #[cold]
    pub fn add(&mut self, row: usize, below: &str, value: &Value<'_>, reason: Fault) {
        let value = value.clone().text().map(|text| text.into_owned());
        self.0.push(Failure { row, below: below.to_string(), value, reason });
    }
}

/// A column being built.
#[derive(Debug)]
pub struct Sink {
    ty: Type,
    column: Column,
}

#[derive(Debug)]
enum Column {
    Text(StringBuilder),
    Bool(BooleanBuilder),
    Byte(Int8Builder),
    Short(Int16Builder),
    Int(Int32Builder),
    Long(Int64Builder),
    Number(Float64Builder),
    Day(Date32Builder),
    Moment(TimestampMicrosecondBuilder),
    Object { fields: Fields, children: Vec<(String, Sink)>, nulls: NullBufferBuilder, rows: usize },
    List { item: Box<Sink>, of: DataType, offsets: Vec<i32>, nulls: NullBufferBuilder },
    Map { keys: StringBuilder, values: Box<Sink>, of: DataType, offsets: Vec<i32>, nulls: NullBufferBuilder },
}

impl Sink {
    /// An empty column of the Arrow type that the schema gives an XDM type.
    pub fn new(ty: &Type, arrow: &DataType, rows: usize) -> Sink {
        let column = match (ty, arrow) {
            (Type::Boolean, _) => Column::Bool(BooleanBuilder::with_capacity(rows)),
            (Type::Byte, _) => Column::Byte(Int8Builder::with_capacity(rows)),
            (Type::Short, _) => Column::Short(Int16Builder::with_capacity(rows)),
            (Type::Int, _) => Column::Int(Int32Builder::with_capacity(rows)),
            (Type::Long, _) => Column::Long(Int64Builder::with_capacity(rows)),
            (Type::Number, _) => Column::Number(Float64Builder::with_capacity(rows)),
            (Type::Date, _) => Column::Day(Date32Builder::with_capacity(rows)),
            (Type::DateTime, _) => {
                Column::Moment(TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC"))
            }
            (Type::Object(children), DataType::Struct(fields)) => Column::Object {
                fields: fields.clone(),
                children: children
                    .iter()
                    .zip(fields)
                    .map(|(c, f)| (c.name.clone(), Sink::new(&c.ty, f.data_type(), rows)))
                    .collect(),
                nulls: NullBufferBuilder::new(rows),
                rows: 0,
            },
            (Type::Array(item), DataType::List(field)) => Column::List {
                item: Box::new(Sink::new(item, field.data_type(), rows)),
                of: arrow.clone(),
                offsets: vec![0],
                nulls: NullBufferBuilder::new(rows),
            },
            (Type::Map(value), DataType::Map(entries, _)) => Column::Map {
                keys: StringBuilder::new(),
                values: Box::new(Sink::new(value, &map_types(entries.data_type()).1, rows)),
                of: arrow.clone(),
                offsets: vec![0],
                nulls: NullBufferBuilder::new(rows),
            },
            _ => Column::Text(StringBuilder::with_capacity(rows, rows * 8)),
        };
        Sink { ty: ty.clone(), column }
    }

    /// Bytes of the texts so far, of a column of texts or of lists of them.
    #[inline]
    pub fn bytes(&self) -> usize {
        match &self.column {
            Column::Text(builder) => builder.values_slice().len(),
            Column::List { item, offsets, .. } => item.bytes() + offsets.len() * 4,
            _ => 0,
        }
    }

    /// Adds one row: the value converted, or null and a failure. Says whether the row has a value.
    pub fn append(&mut self, value: Value<'_>, row: usize, below: &str, failures: &mut Failures) -> bool {
        let Some(present) = self.put(&value, row, below, failures) else {
            if !matches!(&value, Value::Null) && !matches!(&value, Value::Text(text) if convert::blank(text)) {
                failures.add(row, below, &value, convert::misfit(&value, &self.ty));
            }
            self.null();
            return false;
        };
        present
    }

    /// None when the value does not fit and no row was added; otherwise whether the row has a value.
    fn put(&mut self, value: &Value<'_>, row: usize, below: &str, failures: &mut Failures) -> Option<bool> {
        if value.is_null() {
            return None;
        }
        match &mut self.column {
            Column::Text(builder) => match value {
                Value::Text(text) => builder.append_value(text),
                other => builder.append_option(other.clone().text()),
            },
            Column::Bool(builder) => builder.append_value(convert::to_bool(value)?),
            Column::Byte(builder) => builder.append_value(convert::to_long(value)?.try_into().ok()?),
            Column::Short(builder) => builder.append_value(convert::to_long(value)?.try_into().ok()?),
            Column::Int(builder) => builder.append_value(convert::to_long(value)?.try_into().ok()?),
            Column::Long(builder) => builder.append_value(convert::to_long(value)?),
            Column::Number(builder) => builder.append_value(convert::to_double(value)?),
            Column::Day(builder) => builder.append_value(convert::to_days(value)?),
            Column::Moment(builder) => builder.append_value(convert::to_micros(value)?),
            _ => return self.put_composite(value.clone().unfolded(), row, below, failures),
        }
        Some(true)
    }

    fn put_composite(&mut self, value: Value<'_>, row: usize, below: &str, failures: &mut Failures) -> Option<bool> {
        match (&mut self.column, value) {
            (Column::Object { children, nulls, rows, .. }, Value::Object(mut members)) => {
                let mut present = false;
                for (name, child) in children.iter_mut() {
                    let member = members.iter().position(|(key, _)| key == name).map(|at| members.swap_remove(at).1);
                    present |= child.append(member.unwrap_or(Value::Null), row, &format!("{below}.{name}"), failures);
                }
                nulls.append(present);
                *rows += 1;
                Some(present)
            }
            (Column::List { item, offsets, nulls, .. }, Value::List(items)) => {
                let end = end_of(offsets, items.len())?;
                for (at, value) in items.into_iter().enumerate() {
                    item.append(value, row, &format!("{below}[{at}]"), failures);
                }
                offsets.push(end);
                nulls.append_non_null();
                Some(true)
            }
            (Column::Map { keys, values, offsets, nulls, .. }, Value::Object(members)) => {
                let end = end_of(offsets, members.len())?;
                for (key, value) in members {
                    values.append(value, row, &format!("{below}.{key}"), failures);
                    keys.append_value(key);
                }
                offsets.push(end);
                nulls.append_non_null();
                Some(true)
            }
            _ => None,
        }
    }

    fn null(&mut self) {
        match &mut self.column {
            Column::Text(builder) => builder.append_null(),
            Column::Bool(builder) => builder.append_null(),
            Column::Byte(builder) => builder.append_null(),
            Column::Short(builder) => builder.append_null(),
            Column::Int(builder) => builder.append_null(),
            Column::Long(builder) => builder.append_null(),
            Column::Number(builder) => builder.append_null(),
            Column::Day(builder) => builder.append_null(),
            Column::Moment(builder) => builder.append_null(),
            Column::Object { children, nulls, rows, .. } => {
                children.iter_mut().for_each(|(_, child)| child.null());
                nulls.append_null();
                *rows += 1;
            }
            Column::List { offsets, nulls, .. } | Column::Map { offsets, nulls, .. } => {
                offsets.push(offsets.last().copied().unwrap_or(0));
                nulls.append_null();
            }
        }
    }

    /// The column.
    pub fn finish(self) -> Result<ArrayRef, ArrowError> {
        Ok(match self.column {
            Column::Text(mut builder) => Arc::new(builder.finish()),
            Column::Bool(mut builder) => Arc::new(builder.finish()),
            Column::Byte(mut builder) => Arc::new(builder.finish()),
            Column::Short(mut builder) => Arc::new(builder.finish()),
            Column::Int(mut builder) => Arc::new(builder.finish()),
            Column::Long(mut builder) => Arc::new(builder.finish()),
            Column::Number(mut builder) => Arc::new(builder.finish()),
            Column::Day(mut builder) => Arc::new(builder.finish()),
            Column::Moment(mut builder) => Arc::new(builder.finish()),
            Column::Object { fields, children, mut nulls, rows } => {
                let columns = children.into_iter().map(|(_, child)| child.finish()).collect::<Result<Vec<_>, _>>()?;
                Arc::new(StructArray::try_new_with_length(fields, columns, nulls.finish(), rows)?)
            }
            Column::List { item, of, offsets, mut nulls } => {
                let DataType::List(field) = of else {
                    return Ok(new_null_array(&of, offsets.len() - 1));
                };
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                Arc::new(ListArray::try_new(field, offsets, item.finish()?, nulls.finish())?)
            }
            Column::Map { mut keys, values, of, offsets, mut nulls } => {
                let DataType::Map(entries, sorted) = of else {
                    return Ok(new_null_array(&of, offsets.len() - 1));
                };
                let DataType::Struct(fields) = entries.data_type().clone() else {
                    return Ok(new_null_array(&DataType::Map(entries, sorted), offsets.len() - 1));
                };
                let columns: Vec<ArrayRef> = vec![Arc::new(keys.finish()), values.finish()?];
                let pairs = StructArray::try_new(fields, columns, None)?;
                let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
                Arc::new(MapArray::try_new(entries, offsets, pairs, nulls.finish(), sorted)?)
            }
        })
    }
}

fn end_of(offsets: &[i32], more: usize) -> Option<i32> {
    offsets.last().copied().unwrap_or(0).checked_add(i32::try_from(more).ok()?)
}

/// Types of a map's keys and values, from its entries.
pub fn map_types(entries: &DataType) -> (DataType, DataType) {
    match entries {
        DataType::Struct(fields) if fields.len() == 2 => (fields[0].data_type().clone(), fields[1].data_type().clone()),
        _ => (DataType::Utf8, DataType::Utf8),
    }
}
