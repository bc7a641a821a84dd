//! Field trees to Arrow, and on to Delta. Names are kept as they are; every field is nullable (what is required is
//! checked before the rows come here); nested names are those that the Delta protocol asks of Parquet files.
//! A table's schema only grows: [`merge`] adds fields at the end, and no type ever changes.

use crate::error::CODE;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use deltalake::kernel::StructType;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use forebay_model::xdm::{self, FieldTree, Type};
use forebay_model::{Context, Error, Kind, Result};
use std::sync::Arc;

/// The columns of a table with these fields. An object with no children has no place in a Parquet file and is left
/// out, wherever it stands: it could never hold a value.
pub fn arrow_schema(tree: &FieldTree) -> SchemaRef {
    Arc::new(Schema::new(arrow_fields(&tree.fields)))
}

fn arrow_fields(fields: &[xdm::Field]) -> Vec<Field> {
    let mut columns = Vec::with_capacity(fields.len());
    for field in fields {
        if let Some(ty) = arrow_type(&field.ty) {
            columns.push(Field::new(&field.name, ty, true));
        }
    }
    columns
}

/// The Arrow type of a field; `None` for an object with nothing in it.
pub fn arrow_type(ty: &Type) -> Option<DataType> {
    Some(match ty {
        Type::String => DataType::Utf8,
        Type::Boolean => DataType::Boolean,
        Type::Byte => DataType::Int8,
        Type::Short => DataType::Int16,
        Type::Int => DataType::Int32,
        Type::Long => DataType::Int64,
        Type::Number => DataType::Float64,
        Type::Date => DataType::Date32,
        Type::DateTime => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Type::Object(children) => {
            let children = arrow_fields(children);
            if children.is_empty() {
                return None;
            }
            DataType::Struct(children.into())
        }
        Type::Array(item) => list_of(arrow_type(item)?),
        Type::Map(value) => map_of(arrow_type(value)?),
    })
}

fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("element", item, true)))
}

fn map_of(value: DataType) -> DataType {
    let entry = vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", value, true),
    ];
    DataType::Map(
        Arc::new(Field::new(
            "key_value",
            DataType::Struct(entry.into()),
            false,
        )),
        false,
    )
}

/// The table's schema after files with the `wanted` columns are added to it.
pub fn merge(current: &Schema, wanted: &Schema) -> Result<Schema> {
    Ok(Schema::new(merge_fields(
        "",
        current.fields(),
        wanted.fields(),
    )?))
}

fn merge_fields(parent: &str, current: &Fields, wanted: &Fields) -> Result<Fields> {
    let mut merged: Vec<Arc<Field>> = current.iter().cloned().collect();
    for field in wanted {
        let path = if parent.is_empty() {
            field.name().clone()
        } else {
            format!("{parent}.{}", field.name())
        };
        match current.iter().position(|c| c.name() == field.name()) {
            Some(at) => {
                let ty = merge_type(&path, current[at].data_type(), field.data_type())?;
                merged[at] = Arc::new(current[at].as_ref().clone().with_data_type(ty));
            }
            None => {
                let folded = field.name().to_lowercase();
                if let Some(twin) = merged.iter().find(|c| c.name().to_lowercase() == folded) {
                    return Err(refuse(format!(
                        "the field {path} differs only in case from {}, which the table has already",
                        twin.name()
                    )));
                }
                merged.push(field.clone());
            }
        }
    }
    Ok(merged.into())
}

fn merge_type(path: &str, current: &DataType, wanted: &DataType) -> Result<DataType> {
    match (current, wanted) {
        (DataType::Struct(current), DataType::Struct(wanted)) => {
            Ok(DataType::Struct(merge_fields(path, current, wanted)?))
        }
        (DataType::List(current), DataType::List(wanted)) => {
            let item = merge_type(
                &format!("{path}[]"),
                current.data_type(),
                wanted.data_type(),
            )?;
            Ok(DataType::List(Arc::new(
                current.as_ref().clone().with_data_type(item),
            )))
        }
        (DataType::Map(entries, sorted), DataType::Map(wanted, _)) => {
            let entry = merge_type(
                &format!("{path}{{}}"),
                entries.data_type(),
                wanted.data_type(),
            )?;
            Ok(DataType::Map(
                Arc::new(entries.as_ref().clone().with_data_type(entry)),
                *sorted,
            ))
        }
        (current, wanted) if current == wanted => Ok(current.clone()),
        (current, wanted) => {
            let (is, asked) = (type_name(current), type_name(wanted));
            let widening = match widens(current, wanted) {
                true => "; a stored column is never widened",
                false => "",
            };
            Err(refuse(format!(
                "the field {path} is stored as {is} and cannot become {asked}{widening}"
            )))
        }
    }
}

fn refuse(why: String) -> Error {
    Error::new(Kind::Invalid, CODE, format!("The schema does not fit the dataset's table: {why}."))
        .advice("A table's fields keep their types for ever: give the new field another name, or use a new dataset.")
}

fn widens(current: &DataType, wanted: &DataType) -> bool {
    use DataType::*;
    matches!(
        (current, wanted),
        (Int8, Int16 | Int32 | Int64 | Float64)
            | (Int16, Int32 | Int64 | Float64)
            | (Int32, Int64 | Float64)
            | (Date32, Timestamp(..))
    )
}

/// A type as the schema's author would call it.
pub fn type_name(ty: &DataType) -> &'static str {
    match ty {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "string",
        DataType::Boolean => "boolean",
        DataType::Int8 => "byte",
        DataType::Int16 => "short",
        DataType::Int32 => "int",
        DataType::Int64 => "long",
        DataType::Float64 => "number",
        DataType::Date32 => "date",
        DataType::Timestamp(..) => "date-time",
        DataType::Struct(_) => "object",
        DataType::List(_) => "array",
        DataType::Map(..) => "map",
        _ => "a type that the lake does not write",
    }
}

/// The same columns, as the Delta log says them.
pub(crate) fn delta_schema(schema: &Schema) -> Result<StructType> {
    schema.try_into_kernel().context(
        Kind::Invalid,
        CODE,
        "The schema cannot be stored as a Delta table's schema.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use deltalake::kernel::engine::arrow_conversion::TryIntoArrow;

    fn field(name: &str, ty: Type) -> xdm::Field {
        xdm::Field {
            name: name.into(),
            ty,
            required: true,
        }
    }

    fn tree(fields: Vec<xdm::Field>) -> FieldTree {
        FieldTree { fields }
    }

    /// Every type there is.
    fn wide() -> FieldTree {
        tree(vec![
            field("text", Type::String),
            field("flag", Type::Boolean),
            field("b", Type::Byte),
            field("s", Type::Short),
            field("i", Type::Int),
            field("l", Type::Long),
            field("n", Type::Number),
            field("day", Type::Date),
            field("at", Type::DateTime),
            field(
                "_tenant",
                Type::Object(vec![field(
                    "a",
                    Type::Object(vec![field("b", Type::String)]),
                )]),
            ),
            field(
                "list",
                Type::Array(Box::new(Type::Object(vec![field("x", Type::Int)]))),
            ),
            field(
                "map",
                Type::Map(Box::new(Type::Array(Box::new(Type::Number)))),
            ),
        ])
    }

    #[test]
    fn delta_gives_back_the_very_columns_it_was_given() {
        let schema = arrow_schema(&wide());
        let delta = delta_schema(&schema).expect("every type has a Delta type");
        let back: Schema = (&delta).try_into_arrow().expect("and back");
        assert_eq!(&back, schema.as_ref());
    }

    #[test]
    fn required_fields_are_nullable_in_the_table() {
        assert!(
            arrow_schema(&wide())
                .fields()
                .iter()
                .all(|f| f.is_nullable())
        );
    }

    #[test]
    fn an_object_with_nothing_in_it_is_left_out() {
        let schema = arrow_schema(&tree(vec![
            field("id", Type::Long),
            field(
                "free",
                Type::Object(vec![field("inner", Type::Object(vec![]))]),
            ),
            field("frees", Type::Array(Box::new(Type::Object(vec![])))),
        ]));
        assert_eq!(schema.fields().len(), 1);
    }

    #[track_caller]
    fn check(
        current: Vec<xdm::Field>,
        wanted: Vec<xdm::Field>,
        expected: Result<Vec<xdm::Field>, &str>,
    ) {
        let merged = merge(&arrow_schema(&tree(current)), &arrow_schema(&tree(wanted)));
        match (merged, expected) {
            (Ok(merged), Ok(expected)) => assert_eq!(merged, *arrow_schema(&tree(expected))),
            (Err(error), Err(expected)) => {
                assert_eq!(error.kind, Kind::Invalid);
                assert_eq!(
                    error.message,
                    format!("The schema does not fit the dataset's table: {expected}.")
                );
            }
            (merged, expected) => panic!("{merged:?}\nis not\n{expected:?}"),
        }
    }

    #[test]
    fn new_fields_go_to_the_end_and_old_ones_stay() {
        check(
            vec![field("a", Type::Long), field("b", Type::String)],
            vec![field("c", Type::Date), field("b", Type::String)],
            Ok(vec![
                field("a", Type::Long),
                field("b", Type::String),
                field("c", Type::Date),
            ]),
        );
    }

    #[test]
    fn nested_fields_grow_in_the_same_way() {
        let object =
            |names: &[&str]| Type::Object(names.iter().map(|n| field(n, Type::String)).collect());
        check(
            vec![
                field("p", object(&["x"])),
                field("l", Type::Array(Box::new(object(&["x"])))),
                field("m", Type::Map(Box::new(object(&["x"])))),
            ],
            vec![
                field("p", object(&["y"])),
                field("l", Type::Array(Box::new(object(&["z", "x"])))),
                field("m", Type::Map(Box::new(object(&["y"])))),
            ],
            Ok(vec![
                field("p", object(&["x", "y"])),
                field("l", Type::Array(Box::new(object(&["x", "z"])))),
                field("m", Type::Map(Box::new(object(&["x", "y"])))),
            ]),
        );
    }

    #[test]
    fn a_type_never_changes() {
        let nested = |ty| vec![field("p", Type::Object(vec![field("q", ty)]))];
        check(
            nested(Type::String),
            nested(Type::Long),
            Err("the field p.q is stored as string and cannot become long"),
        );
        check(
            vec![field("a", Type::Array(Box::new(Type::Long)))],
            vec![field("a", Type::Array(Box::new(Type::Boolean)))],
            Err("the field a[] is stored as long and cannot become boolean"),
        );
        check(
            vec![field("a", Type::Long)],
            vec![field("a", Type::Int)],
            Err("the field a is stored as long and cannot become int"),
        );
    }

    #[test]
    fn widening_is_refused_by_name() {
        check(
            vec![field("a", Type::Int)],
            vec![field("a", Type::Long)],
            Err(
                "the field a is stored as int and cannot become long; a stored column is never widened",
            ),
        );
    }

    #[test]
    fn names_that_differ_only_in_case_are_refused() {
        check(
            vec![field("Email", Type::String)],
            vec![field("email", Type::String)],
            Err("the field email differs only in case from Email, which the table has already"),
        );
    }
}
