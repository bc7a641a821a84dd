//! The source fields that the rules read, found in the scan's columns.
//!
//! The scan gives each field its own column, named by the path's text. Where it does not (a preview over whole
//! records, a struct read once), the longest prefix that is a column is taken and the rest of the path is walked: by
//! name into structs, maps and JSON text, by place into lists, and behind `[*]` into every element of one. A field that is nowhere is null: the scan tells about
//! columns that a file lacks.

use super::read;
use super::value::Value;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder, UInt64Array, new_null_array};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use forebay_model::mapping::ast::{FieldPath, Step};
use std::sync::Arc;

/// Where a source field is.
#[derive(Debug, Clone)]
pub struct Located {
    column: Option<usize>,
    steps: Vec<Step>,
}

impl Located {
    /// Finds a field in the scan's schema, by its text as a path or, for one name, by the bare name.
    pub fn find(path: &FieldPath, schema: &Schema) -> Located {
        for length in (1..=path.0.len()).rev() {
            let prefix = FieldPath(path.0[..length].to_vec());
            let column = schema.index_of(&prefix.to_string()).or_else(|_| schema.index_of(&prefix.plain()));
            if let Ok(column) = column {
                return Located { column: Some(column), steps: path.0[length..].to_vec() };
            }
        }
        Located { column: None, steps: Vec::new() }
    }

    /// The type of the field's column.
    pub fn data_type(&self, schema: &Schema) -> DataType {
        let Some(column) = self.column else {
            return DataType::Utf8;
        };
        if self.steps.contains(&Step::Every) {
            return DataType::Utf8;
        }
        let start = schema.field(column).data_type().clone();
        self.steps.iter().fold(start, |of, step| match (of, step) {
            (DataType::Struct(fields), Step::Name(name)) => {
                fields.find(name).map_or(DataType::Utf8, |(_, child)| child.data_type().clone())
            }
            (DataType::List(item), Step::Index(_)) => item.data_type().clone(),
            _ => DataType::Utf8,
        })
    }

    /// The field's column of a batch.
    pub fn fetch(&self, batch: &RecordBatch) -> Result<ArrayRef, ArrowError> {
        let Some(column) = self.column else {
            return Ok(new_null_array(&DataType::Utf8, batch.num_rows()));
        };
        let mut array = batch.column(column).clone();
        for (at, step) in self.steps.iter().enumerate() {
            if *step == Step::Every {
                return every(&array, &self.steps[at..]);
            }
            array = walk(&array, step)?;
        }
        Ok(array)
    }
}

/// The values behind a `[*]` as JSON text of one list, however many `[*]` there are.
fn every(array: &ArrayRef, steps: &[Step]) -> Result<ArrayRef, ArrowError> {
    let array = read::plain(array)?;
    let reader = read::Reader::new(&array);
    let mut texts = StringBuilder::with_capacity(array.len(), 0);
    for row in 0..array.len() {
        let value = reader.get(row);
        if value.is_null() {
            texts.append_null();
            continue;
        }
        let mut found = Vec::new();
        gather(value, steps, &mut found);
        texts.append_option(Value::List(found).text());
    }
    Ok(Arc::new(texts.finish()))
}

fn gather<'a>(value: Value<'a>, steps: &[Step], found: &mut Vec<Value<'a>>) {
    match steps.split_first() {
        None => found.push(value),
        Some((Step::Every, rest)) => {
            if let Value::List(items) = value.unfolded() {
                items.into_iter().for_each(|item| gather(item, rest, found));
            }
        }
        Some((step, rest)) => gather(member(value, step), rest, found),
    }
}

fn walk(array: &ArrayRef, step: &Step) -> Result<ArrayRef, ArrowError> {
    let nothing = || Ok(new_null_array(&DataType::Utf8, array.len()));
    match (array.data_type(), step) {
        (DataType::Struct(_), Step::Name(name)) => match array.as_struct().column_by_name(name) {
            Some(child) => super::shape::masked(child, array.nulls()),
            None => nothing(),
        },
        (DataType::List(_), Step::Index(at)) => {
            let list = array.as_list::<i32>();
            let places: UInt64Array = (0..list.len())
                .map(|row| {
                    (list.is_valid(row) && *at < list.value_length(row) as u64)
                        .then(|| list.value_offsets()[row] as u64 + at)
                })
                .collect();
            take(list.values(), &places, None)
        }
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Map(..), _) => {
            let array = read::plain(array)?;
            let reader = read::Reader::new(&array);
            let texts: StringArray = (0..array.len()).map(|row| member(reader.get(row), step).text()).collect();
            Ok(Arc::new(texts))
        }
        _ => nothing(),
    }
}

/// A member of an object, an element of a list.
fn member<'a>(value: Value<'a>, step: &Step) -> Value<'a> {
    match (value.unfolded(), step) {
        (Value::Object(members), Step::Name(name)) => {
            members.into_iter().find(|(key, _)| key == name).map_or(Value::Null, |(_, value)| value)
        }
        (Value::List(mut items), Step::Index(at)) if (*at as usize) < items.len() => items.swap_remove(*at as usize),
        _ => Value::Null,
    }
}
