//! Rows: findings, rejections, events that pass, and what the operator keeps.

use super::{Scan, field, map, now, required, run, set};
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{DataType, UInt32Type};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use expect_test::expect;
use forebay_ingest::mapping::{MapExec, MapSpec, evaluate};
use forebay_model::xdm::{FieldTree, Type};
use serde_json::json;
use std::sync::Arc;

#[test]
fn findings_of_a_row_are_one_event_with_the_rows_own_columns() {
    // PL-MAP-2: a value that fails is null and the row goes on.
    let set = set(&[("ATTRIBUTE", "id", "id"), ("ATTRIBUTE", "score", "score"), ("EXPRESSION", "id / zero", "ratio")]);
    let target = vec![field("id", Type::Long), field("score", Type::Number), field("ratio", Type::Number)];
    let scan = Scan::text(
        &["id", "score", "zero"],
        &[&[Some("1"), Some("2"), Some("4")], &[Some("x"), Some("y"), Some("0")], &[Some("3"), Some("0.5"), Some("0")]],
    );
    let mapped = map(target, Some(set), scan);
    assert_eq!(
        mapped.rows,
        [json!({ "id": 1, "score": 2.0, "ratio": 0.25 }), json!({}), json!({ "id": 3, "score": 0.5 })]
    );
    let events: Vec<_> = mapped.events.iter().map(|(row, event)| json!([row, event])).collect();
    expect![[r#"
        [
          [
            1,
            {
              "event": "record",
              "rejected": false,
              "file": "in/people.csv",
              "line": 3,
              "findings": [
                {
                  "code": "MAPPER-3700-400",
                  "message": "id is null: the text is not a number",
                  "column": "id",
                  "value": "x"
                },
                {
                  "code": "MAPPER-3700-400",
                  "message": "score is null: the text is not a number",
                  "column": "score",
                  "value": "y"
                },
                {
                  "code": "MAPPER-3700-400",
                  "message": "ratio is null: \"x\" is not a number",
                  "column": "ratio",
                  "value": "{\"id\":\"x\",\"zero\":\"0\"}"
                }
              ],
              "columns": {
                "id": "x",
                "score": "y",
                "zero": "0"
              }
            }
          ],
          [
            2,
            {
              "event": "record",
              "rejected": false,
              "file": "in/people.csv",
              "line": 4,
              "findings": [
                {
                  "code": "MAPPER-3700-400",
                  "message": "ratio is null: a division by zero",
                  "column": "ratio",
                  "value": "{\"id\":\"3\",\"zero\":\"0\"}"
                }
              ],
              "columns": {
                "id": "3",
                "score": "0.5",
                "zero": "0"
              }
            }
          ]
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&events).unwrap());
}

#[test]
fn a_row_without_a_required_field_is_rejected_and_says_which() {
    // FS-RUN-2, PL-MAP-2.
    let name = Type::Object(vec![required("last", Type::String), field("first", Type::String)]);
    let target = vec![required("id", Type::Long), field("name", name)];
    let set =
        set(&[("ATTRIBUTE", "id", "id"), ("ATTRIBUTE", "first", "name.first"), ("ATTRIBUTE", "last", "name.last")]);
    let scan = Scan::text(
        &["id", "first", "last"],
        &[
            &[Some("1"), Some("Ada"), Some("Lovelace")],
            &[Some("x"), Some("Ada"), Some("Lovelace")],
            &[None, None, None],
            &[Some("4"), Some("Ada"), None],
            &[Some(" "), Some("Ada"), None],
        ],
    );
    let mapped = map(target, Some(set), scan);
    expect![[r#"
        1 rejected: MAPPER-3700-400 id "x": id is null: the text is not a number
        1 rejected: INGEST-1555-400 id: the required field id is empty
        2 rejected: INGEST-1555-400 id: the required field id is empty
        3 rejected: INGEST-1555-400 name.last: the required field name.last is empty
        4 rejected: INGEST-1555-400 id: the required field id is empty
        4 rejected: INGEST-1555-400 name.last: the required field name.last is empty
    "#]]
    .assert_eq(&mapped.findings());
}

#[test]
fn elements_of_a_list_need_their_required_children() {
    let item = Type::Object(vec![
        required("sku", Type::String),
        field("tags", Type::Array(Box::new(Type::Object(vec![required("t", Type::Int), field("u", Type::Int)])))),
        field("n", Type::Int),
    ]);
    let target = vec![field("items", Type::Array(Box::new(item)))];
    let scan = Scan::text(
        &["items"],
        &[
            &[Some(r#"[{"sku":"a"},{"n":1}]"#)],
            &[None],
            &[Some(r#"[{"sku":"a","tags":[{"t":1},{"u":1}]}]"#)],
            &[Some("[null]")],
        ],
    );
    let mapped = map(target, Some(set(&[("ATTRIBUTE", "items", "items")])), scan);
    expect![[r#"
        0 rejected: INGEST-1555-400 items[1].sku: the required field items[1].sku is empty
        2 rejected: INGEST-1555-400 items[0].tags[1].t: the required field items[0].tags[1].t is empty
    "#]]
    .assert_eq(&mapped.findings());
}

#[test]
fn a_required_field_that_no_rule_feeds_rejects_every_row() {
    let target = vec![required("id", Type::Long), field("a", Type::String)];
    let mapped = map(target, Some(set(&[("ATTRIBUTE", "a", "a")])), Scan::text(&["a"], &[&[Some("x")], &[Some("y")]]));
    assert_eq!(mapped.events.iter().filter(|(_, event)| event["rejected"] == true).count(), 2);
}

#[test]
fn rows_with_an_event_pass_with_null_targets() {
    let target = vec![required("id", Type::Long), field("fixed", Type::String), field("at", Type::DateTime)];
    let set = set(&[("ATTRIBUTE", "id", "id"), ("STATIC", "same", "fixed"), ("EXPRESSION", "now()", "at")]);
    let end = json!({ "event": "end", "records": 1, "bytes": 9, "findings": [] });
    let bad = json!({ "event": "record", "rejected": true, "file": "f", "line": 3, "findings": [], "raw": "…" });
    let scan = Scan::text(&["id"], &[&[Some("1")], &[Some("not a number")], &[None]])
        .event(1, bad.clone())
        .event(2, end.clone());
    let mapped = map(target, Some(set), scan);
    assert_eq!(
        mapped.rows,
        [json!({ "id": 1, "fixed": "same", "at": "2024-07-01T10:10:24.500Z" }), json!({}), json!({})]
    );
    assert_eq!(mapped.events, [(1, bad), (2, end)]);
    let parts = mapped.batch.column_by_name("_part").unwrap().as_primitive::<UInt32Type>();
    assert_eq!(parts.values().as_ref(), [7, 7, 7], "the part goes with every row");
}

#[test]
fn a_batch_of_events_alone_and_an_empty_batch_pass() {
    let target = || vec![required("id", Type::Long), field("o", Type::Object(vec![field("x", Type::Int)]))];
    let rules = || Some(set(&[("ATTRIBUTE", "id", "id"), ("STATIC", "1", "o.x")]));
    let end = json!({ "event": "end", "records": 0, "bytes": 0, "findings": [] });
    let alone = Scan::text(&["id"], &[&[None]]).event(0, end.clone());
    let batches = vec![Scan::text(&["id"], &[]).batch(), Scan::text(&["id"], &[&[Some("5")]]).batch(), alone.batch()];
    let mapped = run(target(), rules(), batches);
    assert_eq!(mapped.rows, [json!({ "id": 5, "o": { "x": 1 } }), json!({})]);
    assert_eq!(mapped.events, [(1, end)]);
}

#[test]
fn every_column_has_the_lakes_type_and_order_is_kept() {
    let target = FieldTree { fields: vec![field("b", Type::DateTime), field("a", Type::Array(Box::new(Type::Date)))] };
    let batch = Scan::text(&["x"], &[&[Some("1")]]).batch();
    let child =
        MemorySourceConfig::try_new_exec(&[vec![batch.clone()], vec![batch.clone()]], batch.schema(), None).unwrap();
    let exec = MapExec::new(MapSpec { target: target.clone(), set: None, now: now() }, child.clone()).unwrap();
    let schema = exec.schema();
    let lake = forebay_lake::arrow_schema(&target);
    assert_eq!(&schema.fields()[..2], &lake.fields()[..]);
    assert_eq!(schema.field(2).data_type(), &DataType::UInt32);
    assert_eq!(schema.field(3).data_type(), &DataType::Utf8);
    assert_eq!(exec.properties().output_partitioning().partition_count(), 2);
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    let again = (Arc::new(exec) as Arc<dyn ExecutionPlan>).replace_children(vec![child], options).unwrap();
    assert_eq!(again.schema(), schema);
}

#[test]
fn a_set_that_cannot_run_is_refused_with_its_reason() {
    let refusal = |source: &str, destination: &str| {
        let batch = Scan::text(&["x"], &[&[Some("1")]]).batch();
        let child = MemorySourceConfig::try_new_exec(&[vec![batch.clone()]], batch.schema(), None).unwrap();
        let target = FieldTree { fields: vec![field("a", Type::Long)] };
        let spec = MapSpec { target, set: Some(set(&[("EXPRESSION", source, destination)])), now: now() };
        MapExec::new(spec, child).map(|_| ()).unwrap_err().to_string()
    };
    expect!["FLOW-1419-400: The mapping's expression cannot run: the date pattern `yyyy-MM-dd n` has the letter n, which is not supported. (at characters 0 to 23)"].assert_eq(&refusal("date(x, \"yyyy-MM-dd n\")", "a"));
    expect![
        "FLOW-1419-400: The mapping's expression cannot run: the function sha3 is not available. (at characters 0 to 7)"
    ]
    .assert_eq(&refusal("sha3(x)", "a"));
    expect!["FLOW-1419-400: The mapping's target nowhere is not in the schema."].assert_eq(&refusal("x", "nowhere"));
}

#[test]
fn a_column_that_loses_all_values_tells_about_each() {
    let texts: Vec<String> = (0..5000).map(|n| format!("v{n}")).collect();
    let rows: Vec<[Option<&str>; 1]> = texts.iter().map(|text| [Some(text.as_str())]).collect();
    let rows: Vec<&[Option<&str>]> = rows.iter().map(|row| row.as_slice()).collect();
    let mapped =
        map(vec![field("out", Type::Long)], Some(set(&[("ATTRIBUTE", "in", "out")])), Scan::text(&["in"], &rows));
    assert_eq!(mapped.events.len(), 5000);
    assert_eq!(mapped.batch.column(0).null_count(), 5000);
}

#[test]
fn a_preview_maps_records_at_hand_as_a_run_would() {
    let target = FieldTree {
        fields: vec![
            required("id", Type::Long),
            field("name", Type::String),
            field("tags", Type::Array(Box::new(Type::String))),
        ],
    };
    let rules =
        set(&[("ATTRIBUTE", "id", "id"), ("EXPRESSION", "upper(who.name)", "name"), ("ATTRIBUTE", "tags", "tags")]);
    let records =
        [json!({ "id": 1, "who": { "name": "Ada" }, "tags": ["a", "b"] }), json!({ "id": "x", "who.name": "flat" })];
    let found = evaluate(&MapSpec { target: target.clone(), set: Some(rules), now: now() }, &records).unwrap();
    assert_eq!(found[0].row, json!({ "id": 1, "name": "ADA", "tags": ["a", "b"] }));
    assert!(!found[0].rejected && found[0].findings.is_empty());
    assert_eq!(found[1].row, json!({ "name": "FLAT" }));
    assert!(found[1].rejected);
    assert_eq!(found[1].findings.len(), 2, "the id does not convert, and is required");
    let by_name = evaluate(&MapSpec { target, set: None, now: now() }, &records[..1]).unwrap();
    assert_eq!(by_name[0].row, json!({ "id": 1, "tags": ["a", "b"] }));
}
