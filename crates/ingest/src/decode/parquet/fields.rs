//! Paths into typed columns: through structs by name, into lists by index, into maps by key.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, MapArray, RecordBatch, UInt64Array, make_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::error::ArrowError;
use forebay_model::mapping::ast::Step;

/// The type at a path, if the schema has one.
pub(super) fn type_at(schema: &Schema, path: &[Step]) -> Option<DataType> {
    let (Step::Name(root), rest) = path.split_first()? else { return None };
    let mut ty = schema.field_with_name(root).ok()?.data_type();
    for step in rest {
        ty = match (ty, step) {
            (DataType::Struct(fields), Step::Name(name)) => fields.iter().find(|f| f.name() == name)?.data_type(),
            (DataType::List(element), Step::Index(_)) => element.data_type(),
            (DataType::Map(entries, _), Step::Name(_)) => match entries.data_type() {
                DataType::Struct(fields) if fields.len() == 2 => fields[1].data_type(),
                _ => return None,
            },
            _ => return None,
        };
    }
    Some(ty.clone())
}

/// The path as far as it goes through structs: what has to be read.
pub(super) fn prefix<'p>(schema: &Schema, path: &'p [Step]) -> Vec<&'p str> {
    let mut names = Vec::new();
    for (depth, step) in path.iter().enumerate() {
        let Step::Name(name) = step else { break };
        let inside = depth == 0 || matches!(type_at(schema, &path[..depth]), Some(DataType::Struct(_)));
        if !inside {
            break;
        }
        names.push(name.as_str());
    }
    names
}

/// The values at a path that the batch's schema has.
pub(super) fn pick(batch: &RecordBatch, path: &[Step]) -> Result<ArrayRef, ArrowError> {
    let absent = || ArrowError::SchemaError("no such field".into());
    let Some((Step::Name(root), rest)) = path.split_first() else { return Err(absent()) };
    let mut array = batch.column_by_name(root).ok_or_else(absent)?.clone();
    for step in rest {
        array = match (array.data_type(), step) {
            (DataType::Struct(_), Step::Name(name)) => member(&array, name)?.ok_or_else(absent)?,
            (DataType::List(_), Step::Index(index)) => element(&array, *index)?,
            (DataType::Map(..), Step::Name(key)) => entry(array.as_map(), key)?,
            _ => return Err(absent()),
        };
    }
    Ok(array)
}

/// A struct's member, null where the struct is.
fn member(array: &ArrayRef, name: &str) -> Result<Option<ArrayRef>, ArrowError> {
    let parent = array.as_struct();
    let Some(child) = parent.column_by_name(name) else { return Ok(None) };
    let nulls = NullBuffer::union(parent.nulls(), child.nulls());
    let data = child.to_data().into_builder().nulls(nulls).build()?;
    Ok(Some(make_array(data)))
}

/// The element at an index, null where the list is shorter.
fn element(array: &ArrayRef, index: u64) -> Result<ArrayRef, ArrowError> {
    let list = array.as_list::<i32>();
    let mut places = Vec::with_capacity(list.len());
    for (row, ends) in list.offsets().windows(2).enumerate() {
        let place = (ends[0] as u64).saturating_add(index);
        places.push((list.is_valid(row) && place < ends[1] as u64).then_some(place));
    }
    take(list.values(), &UInt64Array::from(places), None)
}

/// The value of a key; of a key given twice the last one counts.
fn entry(map: &MapArray, key: &str) -> Result<ArrayRef, ArrowError> {
    let keys = cast(map.keys(), &DataType::Utf8)?;
    let keys = keys.as_string::<i32>();
    let mut places = Vec::with_capacity(map.len());
    for (row, ends) in map.offsets().windows(2).enumerate() {
        let found = (ends[0]..ends[1]).rev().find(|&at| keys.is_valid(at as usize) && keys.value(at as usize) == key);
        places.push(found.filter(|_| map.is_valid(row)).map(|at| at as u64));
    }
    take(map.values(), &UInt64Array::from(places), None)
}

/// A type that holds the values of both, where there is one; else the first.
pub(super) fn wider(one: DataType, other: DataType) -> DataType {
    let rank = |ty: &DataType| match ty {
        DataType::Int8 => Some(1),
        DataType::UInt8 | DataType::Int16 => Some(2),
        DataType::UInt16 | DataType::Int32 => Some(3),
        DataType::UInt32 | DataType::Int64 => Some(4),
        DataType::Float16 | DataType::Float32 => Some(5),
        DataType::Float64 => Some(6),
        _ => None,
    };
    match (rank(&one), rank(&other)) {
        _ if one == other => one,
        (Some(a), Some(b)) => match a.max(b) {
            2 => DataType::Int16,
            3 => DataType::Int32,
            4 => DataType::Int64,
            _ => DataType::Float64,
        },
        _ => one,
    }
}
