//! What readers are given.

use crate::support::*;
use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::{DataType, Fields};
use expect_test::expect;
use forebay_lake::{Lake, arrow_schema};
use forebay_model::xdm::{FieldTree, Type};
use futures::TryStreamExt;
use std::sync::Arc;

/// Every type there is.
pub fn everything() -> FieldTree {
    FieldTree {
        fields: vec![
            field("id", Type::Int),
            field("flag", Type::Boolean),
            field("byte", Type::Byte),
            field("short", Type::Short),
            field("long", Type::Long),
            field("number", Type::Number),
            field("day", Type::Date),
            field("at", Type::DateTime),
            field("person", Type::Object(vec![field("name", Type::String), field("age", Type::Int)])),
            field("tags", Type::Array(Box::new(Type::String))),
            field("scores", Type::Map(Box::new(Type::Number))),
        ],
    }
}

fn column(tree: &FieldTree, name: &str) -> DataType {
    arrow_schema(tree).field_with_name(name).unwrap().data_type().clone()
}

/// Two rows: all there, and all missing.
pub fn rows(tree: &FieldTree) -> Vec<ArrayRef> {
    let DataType::Struct(person) = column(tree, "person") else { panic!() };
    let DataType::List(element) = column(tree, "tags") else { panic!() };
    let DataType::Map(entries, _) = column(tree, "scores") else { panic!() };
    let DataType::Struct(entry) = entries.data_type() else { panic!() };
    let entry: Fields = entry.clone();
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("Ada"), None]));
    let ages: ArrayRef = Arc::new(Int32Array::from(vec![None::<i32>, None]));
    let present = |first: bool| Some(vec![first, false].into());
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let values: ArrayRef = Arc::new(Float64Array::from(vec![Some(0.5), None]));
    let map = MapArray::new(
        entries.clone(),
        datafusion::arrow::buffer::OffsetBuffer::from_lengths([2, 0]),
        StructArray::new(entry, vec![keys, values], None),
        present(true),
        false,
    );
    vec![
        Arc::new(Int32Array::from(vec![1, 2])),
        Arc::new(BooleanArray::from(vec![Some(true), None])),
        Arc::new(Int8Array::from(vec![Some(-8), None])),
        Arc::new(Int16Array::from(vec![Some(-16), None])),
        Arc::new(Int64Array::from(vec![Some(i64::MAX), None])),
        Arc::new(Float64Array::from(vec![Some(1.25), None])),
        Arc::new(Date32Array::from(vec![Some(20_000), None])),
        Arc::new(TimestampMicrosecondArray::from(vec![Some(1_767_225_600_123_456), None]).with_timezone("UTC")),
        Arc::new(StructArray::new(person, vec![names, ages], present(true))),
        Arc::new(ListArray::new(
            element,
            datafusion::arrow::buffer::OffsetBuffer::from_lengths([2, 0]),
            Arc::new(StringArray::from(vec![Some("x"), None])),
            present(true),
        )),
        Arc::new(map),
    ]
}

pub async fn with_everything() -> Lake {
    let (lake, tree) = (new_lake(), everything());
    let input = source(input_schema(&tree), &[vec![batch(&tree, 0, rows(&tree), vec![]), end(&tree, 0, 2)]]);
    let files = write(&lake, spec(), input).await.unwrap().files;
    table(&lake).commit(&txn("f", &[1]), &tree, &files).await.unwrap();
    lake
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_comes_back_as_json() {
    let lake = with_everything().await;
    let rows = table(&lake).rows(10).await.unwrap();
    expect![[r#"
        {
          "id": 1,
          "flag": true,
          "byte": -8,
          "short": -16,
          "long": 9223372036854775807,
          "number": 1.25,
          "day": "2024-10-04",
          "at": "2026-01-01T00:00:00.123456Z",
          "person": {
            "name": "Ada"
          },
          "tags": [
            "x",
            null
          ],
          "scores": {
            "a": 0.5,
            "b": null
          }
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(&rows[0]).unwrap());
    assert_eq!(rows[1].to_string(), r#"{"id":2}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_columns_are_those_of_the_field_tree() {
    let lake = with_everything().await;
    assert_eq!(table(&lake).schema().await.unwrap().unwrap(), arrow_schema(&everything()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_kept() {
    let lake = new_lake();
    let files = write_people(&lake, 0..1000).await.unwrap();
    table(&lake).commit(&txn("f", &[1]), &people(), &files).await.unwrap();
    for limit in [0, 1, 7, 600, 1000] {
        assert_eq!(table(&lake).rows(limit).await.unwrap().len(), limit);
    }
    assert_eq!(table(&lake).rows(5000).await.unwrap().len(), 1000);
    assert_eq!(table(&lake).count().await.unwrap(), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_there_has_columns_and_no_rows() {
    let lake = new_lake();
    assert!(table(&lake).rows(10).await.unwrap().is_empty());
    assert_eq!(table(&lake).count().await.unwrap(), 0);
    assert!(table(&lake).schema().await.unwrap().is_none());
    let stream = table(&lake).read(&people(), None).await.unwrap();
    assert_eq!(stream.schema(), arrow_schema(&people()));
    assert!(stream.try_collect::<Vec<_>>().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_rows_come_as_batches() {
    let lake = new_lake();
    let files = write_people(&lake, 0..20_000).await.unwrap();
    table(&lake).commit(&txn("f", &[1]), &people(), &files).await.unwrap();
    let batches: Vec<_> = table(&lake).read(&people(), None).await.unwrap().try_collect().await.unwrap();
    assert_eq!(batches.iter().map(|b| b.num_rows()).sum::<usize>(), 20_000);
    assert!(batches.iter().all(|b| b.num_rows() <= 8192));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_in_a_folder_reads_what_it_wrote() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::local(&dir.path().join("with a space")).unwrap();
    let files = write_people(&lake, 0..10).await.unwrap();
    table(&lake).commit(&txn("f", &[1]), &people(), &files).await.unwrap();
    assert_eq!(ids(&lake).await, (0..10).collect::<Vec<_>>());
    let again = Lake::local(&dir.path().join("with a space")).unwrap();
    assert_eq!(table(&again).progress("f").await.unwrap().data, Some(1));
}
