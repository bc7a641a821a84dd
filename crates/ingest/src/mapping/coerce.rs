//! A whole column to a target type (PL §5.3): loops over text, kernels over what is typed, field by field over
//! structs and lists, and value by value for the rest.
//!
//! Always holds: a value that does not fit becomes null and is in [`Failures`]; a null stays null; blank text becomes
//! null silently unless the target is text; the result has exactly the target's Arrow type and the input's length.
//! Text to text is the same buffers, not a copy. A failure below a list carries the index in the batch's row.

use super::convert;
use super::read::{self, Reader, moment_type, plain};
use super::sink::{Failures, Sink, map_types};
use super::value::{Value, number_text};
use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, BooleanBufferBuilder, ListArray, MapArray,
    PrimitiveArray, StringArray, StringBuilder, StructArray, new_null_array,
};
use datafusion::arrow::buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use datafusion::arrow::error::ArrowError;
use forebay_model::xdm::{Field, Type};
use std::sync::Arc;

/// Converts a column. `to` is the Arrow type that the schema gives `ty`. An error is the column's, not a value's:
/// the caller tries row by row then.
pub fn column(array: &ArrayRef, ty: &Type, to: &DataType, failures: &mut Failures) -> Result<ArrayRef, ArrowError> {
    if array.null_count() == array.len() {
        return Ok(new_null_array(to, array.len()));
    }
    match (array.data_type(), ty) {
        (from, _) if from == to && scalar(ty) => Ok(array.clone()),
        (DataType::Float64, Type::Number) if finite(array) => Ok(array.clone()),
        (DataType::Utf8, _) => text(array.as_string(), array, ty, to, failures),
        (DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..), _) => {
            column(&plain(array)?, ty, to, failures)
        }
        (DataType::Struct(_), Type::Object(children)) => object(array.as_struct(), children, to, failures),
        (DataType::List(_), Type::Array(item)) => list(array.as_list::<i32>(), item, to, failures),
        (DataType::LargeList(_) | DataType::FixedSizeList(..), Type::Array(_)) => {
            column(&plain(array)?, ty, to, failures)
        }
        (DataType::Map(..), Type::Map(value)) => map(array.as_map(), value, to, failures),
        (from, Type::String) => typed_to_text(array, from, to, failures),
        (from, _) if kernel(from, ty) => {
            let converted = read::cast(array, to)?;
            note_lost(array, &converted, ty, failures);
            Ok(converted)
        }
        _ => by_value(array, ty, to, failures),
    }
}

fn scalar(ty: &Type) -> bool {
    !matches!(ty, Type::Object(_) | Type::Array(_) | Type::Map(_) | Type::Number)
}

/// JSON and the API know no NaN and no infinity; a column that has one goes value by value.
fn finite(array: &ArrayRef) -> bool {
    let numbers = array.as_primitive::<Float64Type>();
    (0..numbers.len()).all(|row| numbers.value(row).is_finite() || numbers.is_null(row))
}

/// Where Arrow's safe cast means what the contract means.
fn kernel(from: &DataType, ty: &Type) -> bool {
    match ty {
        Type::Byte | Type::Short | Type::Int | Type::Long => from.is_integer() || read::whole_decimal(from).is_some(),
        Type::Number => from.is_integer() || from.is_decimal(),
        Type::Date | Type::DateTime => matches!(from, DataType::Timestamp(..) | DataType::Date32 | DataType::Date64),
        _ => false,
    }
}

/// Rows that a safe cast made null.
fn note_lost(before: &ArrayRef, after: &ArrayRef, ty: &Type, failures: &mut Failures) {
    if before.null_count() == after.null_count() {
        return;
    }
    for row in 0..before.len() {
        if before.is_valid(row) && after.is_null(row) {
            let value = read::at(before, row);
            failures.add(row, "", &value, convert::misfit(&value, ty));
        }
    }
}

fn text(
    array: &StringArray,
    shared: &ArrayRef,
    ty: &Type,
    to: &DataType,
    failures: &mut Failures,
) -> Result<ArrayRef, ArrowError> {
    let small = |text: &str| convert::long_in(text);
    Ok(match ty {
        Type::String => return read::cast(shared, to),
        Type::Boolean => booleans(array, ty, failures),
        Type::Byte => Arc::new(each::<Int8Type>(array, ty, failures, |t| small(t)?.try_into().ok())),
        Type::Short => Arc::new(each::<Int16Type>(array, ty, failures, |t| small(t)?.try_into().ok())),
        Type::Int => Arc::new(each::<Int32Type>(array, ty, failures, |t| small(t)?.try_into().ok())),
        Type::Long => Arc::new(each::<Int64Type>(array, ty, failures, convert::long_in)),
        Type::Number => Arc::new(each::<Float64Type>(array, ty, failures, convert::double_in)),
        Type::Date => Arc::new(each::<Date32Type>(array, ty, failures, convert::days_in)),
        Type::DateTime => Arc::new(
            each::<TimestampMicrosecondType>(array, ty, failures, convert::micros_in).with_data_type(moment_type()),
        ),
        Type::Object(_) | Type::Array(_) | Type::Map(_) => {
            return by_value(shared, ty, to, failures);
        }
    })
}

/// Parses each text; a buffer of values, and the input's own nulls where every text parses.
fn each<T: ArrowPrimitiveType>(
    array: &StringArray,
    ty: &Type,
    failures: &mut Failures,
    parse: impl Fn(&str) -> Option<T::Native>,
) -> PrimitiveArray<T> {
    let mut values = Vec::with_capacity(array.len());
    let mut lost = Vec::new();
    match array.nulls() {
        None => {
            for row in 0..array.len() {
                values.push(parse(array.value(row)).unwrap_or_else(|| lose(&mut lost, row)));
            }
        }
        Some(nulls) => {
            for (row, valid) in nulls.iter().enumerate() {
                let value = if valid {
                    parse(array.value(row)).unwrap_or_else(|| lose(&mut lost, row))
                } else {
                    T::Native::default()
                };
                values.push(value);
            }
        }
    }
    PrimitiveArray::new(values.into(), without(array, &lost, ty, failures))
}

#[cold]
fn lose<N: Default>(lost: &mut Vec<usize>, row: usize) -> N {
    lost.push(row);
    N::default()
}

/// The input's nulls and the lost rows; a lost row that is not blank is a failure.
fn without(array: &StringArray, lost: &[usize], ty: &Type, failures: &mut Failures) -> Option<NullBuffer> {
    if lost.is_empty() {
        return array.nulls().cloned();
    }
    let mut valid = BooleanBufferBuilder::new(array.len());
    match array.nulls() {
        Some(nulls) => valid.append_buffer(nulls.inner()),
        None => valid.append_n(array.len(), true),
    }
    for &row in lost {
        valid.set_bit(row, false);
        let text = array.value(row);
        if !convert::blank(text) {
            let value = Value::Text(text.into());
            failures.add(row, "", &value, convert::misfit(&value, ty));
        }
    }
    Some(NullBuffer::new(valid.finish()))
}

fn booleans(array: &StringArray, ty: &Type, failures: &mut Failures) -> ArrayRef {
    let mut lost = Vec::new();
    let values = BooleanBuffer::collect_bool(array.len(), |row| {
        array.is_valid(row) && convert::bool_in(array.value(row)).unwrap_or_else(|| lose(&mut lost, row))
    });
    Arc::new(BooleanArray::new(values, without(array, &lost, ty, failures)))
}

fn typed_to_text(
    array: &ArrayRef,
    from: &DataType,
    to: &DataType,
    failures: &mut Failures,
) -> Result<ArrayRef, ArrowError> {
    let direct = from.is_integer()
        || from.is_decimal()
        || matches!(from, DataType::Boolean | DataType::Date32 | DataType::Date64);
    if direct {
        let array = if *from == DataType::Date64 { read::cast(array, &DataType::Date32)? } else { array.clone() };
        return read::cast(&array, to);
    }
    if matches!(from, DataType::Float16 | DataType::Float32 | DataType::Float64) {
        // Through text for a narrow float: 1.1 in 32 bits is 1.1, not 1.10000002384186.
        if !matches!(from, DataType::Float64) {
            return read::cast(array, to);
        }
        let numbers = array.as_primitive::<Float64Type>();
        let texts: StringArray = numbers.iter().map(|n| n.map(number_text)).collect();
        return Ok(Arc::new(texts));
    }
    if matches!(from, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_)) {
        let converted = read::cast(array, to)?;
        for row in (0..array.len()).filter(|&row| array.is_valid(row) && converted.is_null(row)) {
            failures.add(row, "", &Value::Null, "the bytes are not UTF-8 text".into());
        }
        return Ok(converted);
    }
    let array = plain(array)?;
    let reader = Reader::new(&array);
    let mut texts = StringBuilder::with_capacity(array.len(), array.len() * 24);
    for row in 0..array.len() {
        texts.append_option(reader.get(row).text());
    }
    read::cast(&(Arc::new(texts.finish()) as ArrayRef), to)
}

/// Which structs are there: those with a child that is there, within `base`.
pub fn present(children: &[ArrayRef], base: Option<&NullBuffer>, rows: usize) -> Option<NullBuffer> {
    let mut any: Option<BooleanBuffer> = None;
    for child in children {
        let Some(nulls) = child.nulls().filter(|nulls| nulls.null_count() > 0) else {
            return base.cloned();
        };
        if nulls.null_count() < rows {
            any = Some(any.map_or_else(|| nulls.inner().clone(), |any| &any | nulls.inner()));
        }
    }
    let any = NullBuffer::new(any.unwrap_or_else(|| BooleanBuffer::new_unset(rows)));
    NullBuffer::union(Some(&any), base)
}

/// Children by name; a child that the source lacks is null.
fn object(
    array: &StructArray,
    children: &[Field],
    to: &DataType,
    failures: &mut Failures,
) -> Result<ArrayRef, ArrowError> {
    let DataType::Struct(fields) = to else {
        return Ok(new_null_array(to, array.len()));
    };
    let mut columns = Vec::with_capacity(children.len());
    for (child, field) in children.iter().zip(fields) {
        let column = match array.column_by_name(&child.name) {
            Some(source) => {
                let mut below = Failures::default();
                let converted = self::column(source, &child.ty, field.data_type(), &mut below)?;
                for mut failure in below.0 {
                    if array.is_valid(failure.row) {
                        failure.below.insert_str(0, &format!(".{}", child.name));
                        failures.0.push(failure);
                    }
                }
                converted
            }
            None => new_null_array(field.data_type(), array.len()),
        };
        columns.push(column);
    }
    let nulls = present(&columns, array.nulls(), array.len());
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, array.len())?))
}

/// The elements that rows `0..` use, and offsets that start at 0: a slice shares its elements with its neighbours.
fn used(offsets: &OffsetBuffer<i32>) -> (usize, usize, OffsetBuffer<i32>) {
    let start = offsets.first().copied().unwrap_or(0);
    let end = offsets.last().copied().unwrap_or(0);
    let rebased = if start == 0 {
        offsets.clone()
    } else {
        OffsetBuffer::new(offsets.iter().map(|offset| offset - start).collect::<Vec<i32>>().into())
    };
    (start as usize, (end - start) as usize, rebased)
}

fn list(array: &ListArray, item: &Type, to: &DataType, failures: &mut Failures) -> Result<ArrayRef, ArrowError> {
    let DataType::List(field) = to else {
        return Ok(new_null_array(to, array.len()));
    };
    let (start, length, offsets) = used(array.offsets());
    let mut below = Failures::default();
    let values = column(&array.values().slice(start, length), item, field.data_type(), &mut below)?;
    for mut failure in below.0 {
        if let Some((row, at)) = owner(&offsets, array, failure.row) {
            failure.below.insert_str(0, &format!("[{at}]"));
            failure.row = row;
            failures.0.push(failure);
        }
    }
    Ok(Arc::new(ListArray::try_new(field.clone(), offsets, values, array.nulls().cloned())?))
}

fn map(array: &MapArray, value: &Type, to: &DataType, failures: &mut Failures) -> Result<ArrayRef, ArrowError> {
    let DataType::Map(entries, sorted) = to else {
        return Ok(new_null_array(to, array.len()));
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return Ok(new_null_array(to, array.len()));
    };
    let (key_type, value_type) = map_types(entries.data_type());
    let (start, length, offsets) = used(array.offsets());
    let keys = read::cast(&array.keys().slice(start, length), &key_type)?;
    let mut below = Failures::default();
    let values = column(&array.values().slice(start, length), value, &value_type, &mut below)?;
    for mut failure in below.0 {
        if let Some((row, _)) = owner(&offsets, array, failure.row) {
            let key = read::at(&keys, failure.row).text().unwrap_or_default().into_owned();
            failure.below.insert_str(0, &format!(".{key}"));
            failure.row = row;
            failures.0.push(failure);
        }
    }
    let pairs = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    Ok(Arc::new(MapArray::try_new(entries.clone(), offsets, pairs, array.nulls().cloned(), *sorted)?))
}

/// The row that an element belongs to, and its place in it.
fn owner(offsets: &[i32], array: &dyn Array, element: usize) -> Option<(usize, usize)> {
    let row = offsets.partition_point(|&start| start as usize <= element).checked_sub(1)?;
    let start = *offsets.get(row)? as usize;
    (row < array.len() && array.is_valid(row)).then(|| (row, element - start))
}

fn by_value(array: &ArrayRef, ty: &Type, to: &DataType, failures: &mut Failures) -> Result<ArrayRef, ArrowError> {
    let array = plain(array)?;
    let reader = Reader::new(&array);
    let mut sink = Sink::new(ty, to, array.len());
    for row in 0..array.len() {
        sink.append(reader.get(row), row, "", failures);
    }
    sink.finish()
}
