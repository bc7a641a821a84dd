//! A key as bytes, in the order that Delta's statistics have: text by its UTF-8, a whole number by its value.

use crate::error::{CODE, failed};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, RecordBatch};
use datafusion::arrow::compute::{cast, is_null, nullif};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::parquet::schema::types::SchemaDescriptor;
use forebay_model::xdm::{FieldTree, Type};
use forebay_model::{Error, Kind, Result};
use serde_json::Value;

/// The field that tells rows apart.
#[derive(Debug, Clone)]
pub(super) struct Key {
    path: Vec<String>,
    kind: Form,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Text,
    Whole,
}

impl Key {
    pub fn new(schema: &FieldTree, path: &[String]) -> Result<Key> {
        let kind = match schema.find(path).map(|f| &f.ty) {
            Some(Type::String) => Form::Text,
            Some(Type::Byte | Type::Short | Type::Int | Type::Long) => Form::Whole,
            _ => {
                let message = format!("The key {} is not a text or a whole number of the schema.", path.join("."));
                return Err(Error::new(Kind::Invalid, CODE, message));
            }
        };
        Ok(Key { path: path.to_vec(), kind })
    }

    /// The key's leaf in a file; `None` in a file that is older than the field.
    pub fn leaf(&self, file: &SchemaDescriptor) -> Option<usize> {
        (0..file.num_columns()).find(|&i| file.column(i).path().parts() == self.path)
    }

    /// The keys of a batch that has the field.
    pub fn of(&self, batch: &RecordBatch) -> Result<BinaryArray> {
        let doing = || format!("The key {} could not be read.", self.path.join("."));
        let (first, rest) = self.path.split_first().ok_or_else(|| failed("an empty path", doing()))?;
        let missing = || failed("no such column", doing());
        let mut at: ArrayRef = batch.column_by_name(first).ok_or_else(missing)?.clone();
        for name in rest {
            let parent = at.as_struct_opt().ok_or_else(missing)?;
            let child = parent.column_by_name(name).ok_or_else(missing)?.clone();
            // A child of an object that is not there is not there either, whatever its own buffer says.
            at = match parent.null_count() {
                0 => child,
                _ => {
                    nullif(&child, &is_null(parent).map_err(|e| failed(e, doing()))?).map_err(|e| failed(e, doing()))?
                }
            };
        }
        match self.kind {
            Form::Text => {
                let texts = cast(&at, &DataType::Utf8).map_err(|e| failed(e, doing()))?;
                Ok(BinaryArray::from(texts.as_string::<i32>().clone()))
            }
            Form::Whole => {
                let numbers = cast(&at, &DataType::Int64).map_err(|e| failed(e, doing()))?;
                Ok(numbers.as_primitive::<Int64Type>().iter().map(|n| n.map(whole)).collect())
            }
        }
    }

    /// The least and the greatest key of a file, by its statistics; either may be rounded away from the middle.
    pub fn range(&self, statistics: &Value) -> Option<(Vec<u8>, Vec<u8>)> {
        Some((self.bound(statistics.get("minValues")?)?, self.bound(statistics.get("maxValues")?)?))
    }

    fn bound(&self, bounds: &Value) -> Option<Vec<u8>> {
        let mut at = bounds;
        for name in &self.path {
            at = at.get(name)?;
        }
        match self.kind {
            Form::Text => at.as_str().map(|text| text.as_bytes().to_vec()),
            Form::Whole => at.as_i64().map(|number| whole(number).to_vec()),
        }
    }
}

/// Big end first and the sign turned over: bytes in the order of the numbers.
fn whole(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ (1 << 63)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay_model::xdm::Field;
    use serde_json::json;

    fn field(name: &str, ty: Type) -> Field {
        Field { name: name.into(), ty, required: false }
    }

    fn tree() -> FieldTree {
        let email = Type::Object(vec![field("address", Type::String), field("opened", Type::DateTime)]);
        FieldTree { fields: vec![field("id", Type::Int), field("email", email)] }
    }

    #[test]
    fn whole_numbers_are_ordered_as_numbers() {
        let numbers = [i64::MIN, -70_000, -1, 0, 1, 255, 256, i64::MAX];
        assert!(numbers.map(whole).is_sorted());
    }

    #[track_caller]
    fn check(path: &[&str], statistics: Value, expected: Option<(&[u8], &[u8])>) {
        let path: Vec<String> = path.iter().map(|p| p.to_string()).collect();
        let range = Key::new(&tree(), &path).unwrap().range(&statistics);
        assert_eq!(range, expected.map(|(a, b)| (a.to_vec(), b.to_vec())));
    }

    #[test]
    fn a_files_range_is_read_from_its_statistics() {
        check(
            &["email", "address"],
            json!({"minValues": {"email": {"address": "a"}}, "maxValues": {"email": {"address": "b"}}}),
            Some((b"a", b"b")),
        );
        check(&["id"], json!({"minValues": {"id": -1}, "maxValues": {"id": 1}}), Some((&whole(-1), &whole(1))));
    }

    #[test]
    fn a_bound_that_is_missing_is_no_range() {
        check(&["id"], json!({"minValues": {"id": 1}, "maxValues": {}}), None);
        check(&["id"], json!({"numRecords": 1}), None);
        check(&["email", "address"], json!({"minValues": {"email": null}, "maxValues": {"email": null}}), None);
    }

    #[test]
    fn a_key_is_a_text_or_a_whole_number() {
        for path in [vec!["email"], vec!["email", "opened"], vec!["gone"], vec![]] {
            let path: Vec<String> = path.into_iter().map(str::to_string).collect();
            assert_eq!(Key::new(&tree(), &path).unwrap_err().kind, Kind::Invalid);
        }
    }
}
