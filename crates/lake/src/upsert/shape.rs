//! Rows in the shape of the table as it is now: a file may be older than some of its columns, nested ones too, and
//! another writer's may say the same in other types.

use crate::error::{CODE, failed};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatch, StructArray, new_null_array,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Fields, SchemaRef};
use forebay_model::{Context, Kind, Result};
use std::sync::Arc;

const DOING: &str = "Rows of a table could not be brought into its present shape.";

/// The batch with the columns of `to`, by name; null where it has none.
pub(super) fn fit(batch: &RecordBatch, to: &SchemaRef) -> Result<RecordBatch> {
    let whole = StructArray::from(batch.clone());
    let columns = children(&whole, to.fields())?;
    RecordBatch::try_new(to.clone(), columns).context(Kind::Internal, CODE, DOING)
}

fn children(from: &StructArray, to: &Fields) -> Result<Vec<ArrayRef>> {
    let mut columns = Vec::with_capacity(to.len());
    for field in to {
        columns.push(match from.column_by_name(field.name()) {
            Some(column) => array(column, field.data_type())?,
            None => new_null_array(field.data_type(), from.len()),
        });
    }
    Ok(columns)
}

fn array(from: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if from.data_type() == to {
        return Ok(from.clone());
    }
    let fitted: ArrayRef = match (from.data_type(), to) {
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let from = from.as_struct();
            let columns = children(from, fields)?;
            let made = StructArray::try_new_with_length(fields.clone(), columns, from.nulls().cloned(), from.len());
            Arc::new(made.map_err(|e| failed(e, DOING))?)
        }
        (DataType::List(_), DataType::List(item)) => {
            let from = from.as_list::<i32>();
            let items = array(from.values(), item.data_type())?;
            let made = ListArray::try_new(item.clone(), from.offsets().clone(), items, from.nulls().cloned());
            Arc::new(made.map_err(|e| failed(e, DOING))?)
        }
        (DataType::Map(..), DataType::Map(entry, sorted)) => {
            let from = from.as_map();
            let entries: ArrayRef = Arc::new(from.entries().clone());
            let DataType::Struct(fields) = entry.data_type() else {
                return Err(failed("a map without entries", DOING));
            };
            // Keys and values go by their places: other writers name them otherwise.
            let mut columns = Vec::with_capacity(fields.len());
            for (column, field) in entries.as_struct().columns().iter().zip(fields) {
                columns.push(array(column, field.data_type())?);
            }
            let entries = StructArray::try_new(fields.clone(), columns, None).map_err(|e| failed(e, DOING))?;
            let made =
                MapArray::try_new(entry.clone(), from.offsets().clone(), entries, from.nulls().cloned(), *sorted);
            Arc::new(made.map_err(|e| failed(e, DOING))?)
        }
        _ => {
            let exact = CastOptions { safe: false, ..CastOptions::default() };
            cast_with_options(from, to, &exact).map_err(|e| failed(e, DOING))?
        }
    };
    Ok(fitted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::array::{Int64Array, StringArray};
    use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
    use datafusion::arrow::datatypes::{Field, Int64Type, Schema};

    fn object(names: &[&str]) -> Fields {
        names.iter().map(|n| Field::new(*n, DataType::Int64, true)).collect()
    }

    fn numbers(values: Vec<Option<i64>>) -> ArrayRef {
        Arc::new(Int64Array::from(values))
    }

    #[test]
    fn what_a_file_lacks_is_null_and_the_rest_is_untouched() {
        let old = StructArray::new(
            object(&["a"]),
            vec![numbers(vec![Some(1), None])],
            Some(NullBuffer::from(vec![true, false])),
        );
        let item = |names: &[&str]| Arc::new(Field::new("element", DataType::Struct(object(names)), true));
        let items = StructArray::new(object(&["a"]), vec![numbers(vec![Some(5), Some(6)])], None);
        let list = ListArray::new(item(&["a"]), OffsetBuffer::from_lengths([2, 0]), Arc::new(items), None);
        let batch = RecordBatch::try_from_iter([
            ("s", Arc::new(old) as ArrayRef),
            ("l", Arc::new(list) as ArrayRef),
            ("t", Arc::new(StringArray::from(vec!["x", "y"])) as ArrayRef),
        ])
        .unwrap();
        let to = Arc::new(Schema::new(vec![
            Field::new("t", DataType::Utf8, true),
            Field::new("s", DataType::Struct(object(&["b", "a"])), true),
            Field::new("l", DataType::List(item(&["a", "b"])), true),
            Field::new("n", DataType::Int64, true),
        ]));
        let fitted = fit(&batch, &to).unwrap();
        assert_eq!(fitted.schema(), to);
        let s = fitted.column(1).as_struct();
        assert!(s.is_valid(0) && s.is_null(1));
        assert_eq!(s.column(1).as_primitive::<Int64Type>().value(0), 1);
        assert_eq!(s.column(0).null_count(), 2);
        let l = fitted.column(2).as_list::<i32>().value(0);
        assert_eq!(l.as_struct().column(0).as_primitive::<Int64Type>().values(), &[5, 6]);
        assert_eq!(fitted.column(3).null_count(), 2);
    }

    #[test]
    fn a_value_that_does_not_fit_is_an_error_and_not_a_null() {
        let batch = RecordBatch::try_from_iter([("n", numbers(vec![Some(1 << 40)]))]).unwrap();
        let to = Arc::new(Schema::new(vec![Field::new("n", DataType::Int32, true)]));
        assert!(fit(&batch, &to).is_err());
    }
}
