//! The writer: what lands in files, what lands in diagnostics, and that nothing goes unaccounted for (P3).

use crate::support::*;
use datafusion::arrow::array::*;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use expect_test::{Expect, expect};
use forebay_lake::{Part, WriteExec, WriteSpec};
use forebay_model::event::{Event, Finding};
use forebay_model::xdm::{FieldTree, Type};
use forebay_model::{Kind, code};
use futures::StreamExt;
use object_store::ObjectStoreExt;
use serde_json::{Value, json};
use std::sync::Arc;

fn record(rejected: bool, columns: Option<Value>, raw: Option<&str>) -> Option<Event> {
    Some(Event::Record {
        rejected,
        file: "a.csv".into(),
        line: 3,
        findings: vec![Finding {
            column: Some("id".into()),
            ..Finding::new(&code::FLOW_1400, "no")
        }],
        columns: columns.and_then(|c| c.as_object().cloned()),
        raw: raw.map(str::to_string),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn ordinary_rejected_and_warned_rows_go_where_they_belong() {
    let lake = new_lake();
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![
        Some(1),
        None,
        Some(3),
        None,
        Some(5),
    ]));
    let names: ArrayRef = Arc::new(StringArray::from(vec![
        Some("a"),
        Some("b"),
        None,
        None,
        Some("e"),
    ]));
    let events = vec![
        None,
        record(false, Some(json!({"id": "x", "name": "b"})), None),
        None,
        record(true, None, Some("\"broken")),
        None,
    ];
    let rows = batch(&people(), 4, vec![ids, names], events);
    let input = source(input_schema(&people()), &[vec![rows, end(&people(), 4, 5)]]);
    let written = write(&lake, spec(), input).await.unwrap();
    let account = Part {
        id: 4,
        records: 5,
        written: 4,
        rejected: 1,
        warned: 1,
        bytes: 50,
        findings: vec![],
    };
    assert_eq!(written.parts, [account]);
    assert_eq!(written.files.iter().map(|f| f.rows).sum::<u64>(), 4);
    table(&lake)
        .commit(&txn("f", &[1]), &people(), &written.files)
        .await
        .unwrap();
    let rows: Vec<String> = table(&lake)
        .rows(10)
        .await
        .unwrap()
        .iter()
        .map(Value::to_string)
        .collect();
    assert_eq!(
        rows,
        [
            r#"{"id":1,"name":"a"}"#,
            r#"{"name":"b"}"#,
            r#"{"id":3}"#,
            r#"{"id":5,"name":"e"}"#
        ]
    );
    assert_eq!(written.diagnostics.len(), 1);
    let (path, lines) = (&written.diagnostics[0].path, written.diagnostics[0].lines);
    assert!(
        path.starts_with("batches/sand/batch/row_errors/part-") && path.ends_with(".json"),
        "{path}"
    );
    let found = lake
        .store()
        .get(&path.as_str().into())
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert_eq!(lines, 2);
    expect![[r#"
        {"id":"x","name":"b","_errors":[{"code":"FLOW-1400-500","message":"no","column":"id"}],"_filename":"a.csv","_line":3,"_rejected":false}
        {"_corrupt_record":"\"broken","_errors":[{"code":"FLOW-1400-500","message":"no","column":"id"}],"_filename":"a.csv","_line":3,"_rejected":true}
    "#]]
    .assert_eq(std::str::from_utf8(&found).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_may_share_a_batch_and_a_file() {
    let lake = new_lake();
    let merged = datafusion::arrow::compute::concat_batches(
        &input_schema(&people()),
        [part(0, 0..3), part(1, 3..3), part(2, 3..7)]
            .concat()
            .iter(),
    );
    let input = source(input_schema(&people()), &[vec![merged.unwrap()]]);
    let written = write(&lake, spec(), input).await.unwrap();
    let counts: Vec<_> = written.parts.iter().map(|p| (p.id, p.written)).collect();
    assert_eq!(counts, [(0, 3), (1, 0), (2, 4)]);
    assert_eq!(written.files.len(), 1);
    assert!(written.diagnostics.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_with_nothing_in_it_has_an_account_and_no_file() {
    let lake = new_lake();
    let input = source(input_schema(&people()), &[vec![end(&people(), 9, 0)]]);
    let written = write(&lake, spec(), input).await.unwrap();
    assert_eq!((written.parts.len(), written.files.len()), (1, 0));
    assert!(listing(&lake).await.is_empty());
}

async fn refused(batches: Vec<RecordBatch>) -> String {
    let lake = new_lake();
    let input = source(input_schema(&people()), &[batches]);
    let error = write(&lake, spec(), input).await.unwrap_err();
    assert_eq!(error.kind, Kind::Internal);
    assert_eq!(
        data_files(&listing(&lake).await),
        0,
        "an ended task leaves no file"
    );
    error.message.into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_do_not_add_up_end_the_run() {
    let rows = part(3, 0..5).remove(0);
    let said = refused(vec![rows.clone(), end(&people(), 3, 6)]).await;
    assert_eq!(
        said,
        "Part 3 does not add up: 6 records were read, 5 rows were written and 0 rejected."
    );
    assert_eq!(
        refused(vec![rows]).await,
        "Part 3 has no end: its rows stop half way."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_input_of_another_shape_is_refused_at_once() {
    let schema = forebay_lake::arrow_schema(&people());
    let error = WriteExec::new(spec(), new_lake(), source(schema, &[vec![]])).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("_part (UInt32) and _event (Utf8)"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_would_leave_the_lake_are_refused() {
    for odd in [
        WriteSpec {
            run: "../x".into(),
            ..spec()
        },
        WriteSpec {
            batch: "a/b".into(),
            ..spec()
        },
        WriteSpec {
            table: "elsewhere".into(),
            ..spec()
        },
    ] {
        let input = source(input_schema(&people()), &[vec![]]);
        assert!(WriteExec::new(odd, new_lake(), input).is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_large_enough_is_followed_by_another() {
    let lake = new_lake();
    let batches: Vec<RecordBatch> = (0..10)
        .map(|i| part(0, i * 100..(i + 1) * 100).remove(0))
        .collect();
    let batches = [batches, vec![end(&people(), 0, 1000)]].concat();
    let input = source(input_schema(&people()), &[batches]);
    let written = write(
        &lake,
        WriteSpec {
            max_file: 1500,
            ..spec()
        },
        input,
    )
    .await
    .unwrap();
    assert!(written.files.len() > 2, "{}", written.files.len());
    assert_eq!(written.files.iter().map(|f| f.rows).sum::<u64>(), 1000);
    let names: std::collections::HashSet<_> = written.files.iter().map(|f| &f.path).collect();
    assert_eq!(names.len(), written.files.len());
    assert!(
        names.iter().all(|n| n.starts_with("part-run-1-")),
        "{names:?}"
    );
    for file in &written.files {
        let at = format!("{TABLE}/{}", file.path);
        assert_eq!(
            lake.store().head(&at.as_str().into()).await.unwrap().size,
            file.size
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_dropped_half_way_leaves_no_table() {
    let lake = new_lake();
    let input = source(input_schema(&people()), &[part(0, 0..5), part(1, 5..10)]);
    let writer = WriteExec::new(spec(), lake.clone(), input).unwrap();
    let mut stream = writer.execute(0, SessionContext::new().task_ctx()).unwrap();
    assert!(stream.next().await.is_some());
    drop(stream);
    assert!(table(&lake).schema().await.unwrap().is_none());
    assert_eq!(data_files(&listing(&lake).await), 0);
}

/// The statistics of one column, `c`, with these values.
async fn check(ty: Type, values: ArrayRef, expected: Expect) {
    let tree = FieldTree {
        fields: vec![field("c", ty)],
    };
    let count = values.len() as u64;
    let rows = batch(&tree, 0, vec![values], vec![]);
    let input = source(input_schema(&tree), &[vec![rows, end(&tree, 0, count)]]);
    let written = write(&new_lake(), spec(), input).await.unwrap();
    expected.assert_eq(&written.files[0].stats);
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_of_integers() {
    check(
        Type::Short,
        Arc::new(Int16Array::from(vec![Some(-3), None, Some(300)])),
        expect![[
            r#"{"numRecords":3,"minValues":{"c":-3},"maxValues":{"c":300},"nullCount":{"c":1}}"#
        ]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_of_numbers_know_no_nan() {
    check(
        Type::Number,
        Arc::new(Float64Array::from(vec![f64::NAN, 2.5, -1.0])),
        expect![[
            r#"{"numRecords":3,"minValues":{"c":-1.0},"maxValues":{"c":2.5},"nullCount":{"c":0}}"#
        ]],
    )
    .await;
    check(
        Type::Number,
        Arc::new(Float64Array::from(vec![f64::NAN, f64::NAN])),
        expect![[r#"{"numRecords":2,"minValues":{},"maxValues":{},"nullCount":{"c":0}}"#]],
    )
    .await;
    check(
        Type::Number,
        Arc::new(Float64Array::from(vec![f64::INFINITY, 1.0])),
        expect![[r#"{"numRecords":2,"minValues":{"c":1.0},"maxValues":{},"nullCount":{"c":0}}"#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_of_days_and_moments_are_iso_texts() {
    check(
        Type::Date,
        Arc::new(Date32Array::from(vec![-1, 20_000])),
        expect![[
            r#"{"numRecords":2,"minValues":{"c":"1969-12-31"},"maxValues":{"c":"2024-10-04"},"nullCount":{"c":0}}"#
        ]],
    )
    .await;
    check(
        Type::DateTime,
        Arc::new(TimestampMicrosecondArray::from(vec![-1, 1_767_225_600_123_456]).with_timezone("UTC")),
        expect![[
            r#"{"numRecords":2,"minValues":{"c":"1969-12-31T23:59:59.999999Z"},"maxValues":{"c":"2026-01-01T00:00:00.123456Z"},"nullCount":{"c":0}}"#
        ]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_texts_maximum_is_rounded_up() {
    let (low, high) = ("a".repeat(100), "b".repeat(100));
    let (min, max) = ("a".repeat(64), format!("{}c", "b".repeat(63)));
    let tree = FieldTree {
        fields: vec![field("c", Type::String)],
    };
    let rows = batch(
        &tree,
        0,
        vec![Arc::new(StringArray::from(vec![low, high]))],
        vec![],
    );
    let input = source(input_schema(&tree), &[vec![rows, end(&tree, 0, 2)]]);
    let written = write(&new_lake(), spec(), input).await.unwrap();
    let stats: Value = serde_json::from_str(&written.files[0].stats).unwrap();
    assert_eq!(
        (&stats["minValues"]["c"], &stats["maxValues"]["c"]),
        (&json!(min), &json!(max))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_maximum_that_cannot_be_cut_is_left_out() {
    let highest = char::MAX.to_string().repeat(100);
    let tree = FieldTree {
        fields: vec![field("c", Type::String)],
    };
    let rows = batch(
        &tree,
        0,
        vec![Arc::new(StringArray::from(vec![highest]))],
        vec![],
    );
    let input = source(input_schema(&tree), &[vec![rows, end(&tree, 0, 1)]]);
    let written = write(&new_lake(), spec(), input).await.unwrap();
    let stats: Value = serde_json::from_str(&written.files[0].stats).unwrap();
    assert_eq!(stats["maxValues"], json!({}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_nulls_has_a_count_and_no_bounds() {
    check(
        Type::String,
        Arc::new(StringArray::from(vec![None::<&str>, None])),
        expect![[r#"{"numRecords":2,"minValues":{},"maxValues":{},"nullCount":{"c":2}}"#]],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn statistics_nest_as_columns_do_and_lists_have_none() {
    let inner = Type::Object(vec![
        field("x", Type::Int),
        field("l", Type::Array(Box::new(Type::Int))),
    ]);
    let tree = FieldTree {
        fields: vec![field("c", inner)],
    };
    let schema = forebay_lake::arrow_schema(&tree);
    let datafusion::arrow::datatypes::DataType::Struct(fields) = schema.field(0).data_type() else {
        panic!()
    };
    let x: ArrayRef = Arc::new(Int32Array::from(vec![7, 1, 0]));
    let l = new_null_array(fields[1].data_type(), 3);
    let c = StructArray::new(
        fields.clone(),
        vec![x, l],
        Some(vec![true, true, false].into()),
    );
    let rows = batch(&tree, 0, vec![Arc::new(c)], vec![]);
    let input = source(input_schema(&tree), &[vec![rows, end(&tree, 0, 3)]]);
    let written = write(&new_lake(), spec(), input).await.unwrap();
    expect![[r#"{"numRecords":3,"minValues":{"c":{"x":1}},"maxValues":{"c":{"x":7}},"nullCount":{"c":{"x":1}}}"#]]
        .assert_eq(&written.files[0].stats);
}
