//! Targets below objects, objects copied whole, and targets by name.

use super::{Scan, field, map, required, set};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Field as ArrowField};
use expect_test::expect;
use forebay_model::xdm::{Field, Type};
use serde_json::json;
use std::sync::Arc;

fn person() -> Field {
    let name = Type::Object(vec![field("firstName", Type::String), field("lastName", Type::String)]);
    field("person", Type::Object(vec![field("name", name), field("age", Type::Int)]))
}

#[test]
fn rules_fill_leaves_of_objects_and_leave_the_rest_null() {
    let set = set(&[("ATTRIBUTE", "First Name", "person.name.firstName"), ("STATIC", "x", "note")]);
    let scan = Scan::text(&["${First Name}"], &[&[Some("Ada")], &[None]]);
    let mapped = map(vec![person(), field("note", Type::String)], Some(set), scan);
    assert_eq!(
        mapped.rows,
        [json!({ "person": { "name": { "firstName": "Ada" } }, "note": "x" }), json!({ "note": "x" })]
    );
    assert!(mapped.batch.column(0).is_null(1), "a struct whose children are all null is null");
    assert!(mapped.batch.column(0).as_struct().column_by_name("name").unwrap().is_null(1));
}

#[test]
fn an_object_is_copied_whole_save_for_children_with_a_rule() {
    // PL-MAP-3.
    let set = set(&[
        ("ATTRIBUTE", "who", "person"),
        ("EXPRESSION", "upper(last)", "person.name.lastName"),
        ("EXPRESSION", "nullify()", "person.age"),
    ]);
    let who = r#"{"name":{"firstName":"Ada","lastName":"copied"},"age":36,"extra":1}"#;
    let scan =
        Scan::text(&["who", "last"], &[&[Some(who), Some("Lovelace")], &[None, Some("Byron")], &[Some("{}"), None]]);
    let mapped = map(vec![person()], Some(set), scan);
    let expected = [
        json!({ "person": { "name": { "firstName": "Ada", "lastName": "LOVELACE" } } }),
        json!({ "person": { "name": { "lastName": "BYRON" } } }),
        json!({}),
    ];
    assert_eq!(mapped.rows, expected);
    assert_eq!(mapped.findings(), "");
}

#[test]
fn fields_are_found_inside_structs_lists_and_json_text() {
    let first: ArrayRef = Arc::new(StringArray::from(vec!["Ada", "hidden"]));
    let age: ArrayRef = Arc::new(Int64Array::from(vec![36, 1]));
    let fields = vec![ArrowField::new("first", DataType::Utf8, true), ArrowField::new("age", DataType::Int64, true)];
    let nulls = datafusion::arrow::buffer::NullBuffer::from(vec![true, false]);
    let who: ArrayRef = Arc::new(StructArray::new(fields.into(), vec![first, age], Some(nulls)));
    let text: ArrayRef = Arc::new(StringArray::from(vec![r#"{"list":[{"x":"1"},{"x":"2"}]}"#, "no json"]));
    let set = set(&[
        ("ATTRIBUTE", "who.first", "person.name.firstName"),
        ("EXPRESSION", "who.age * 2", "person.age"),
        ("ATTRIBUTE", "text.list[1].x", "person.name.lastName"),
    ]);
    let mapped = map(vec![person()], Some(set), Scan::typed(vec![("who", who), ("text", text)]));
    assert_eq!(
        mapped.rows,
        [json!({ "person": { "name": { "firstName": "Ada", "lastName": "2" }, "age": 72 } }), json!({})]
    );
}

#[test]
fn without_a_mapping_set_columns_go_to_the_fields_of_their_names() {
    let scan = Scan::text(
        &["person.name.firstName", "score", "unknown"],
        &[&[Some("Ada"), Some("1.5"), Some("x")], &[Some("Bob"), Some("high"), None]],
    );
    let mapped = map(vec![person(), field("score", Type::Number), field("lacking", Type::Date)], None, scan);
    let expected = [
        json!({ "person": { "name": { "firstName": "Ada" } }, "score": 1.5 }),
        json!({ "person": { "name": { "firstName": "Bob" } } }),
    ];
    assert_eq!(mapped.rows, expected);
    expect![[r#"
        1: MAPPER-3700-400 score "high": score is null: the text is not a number
    "#]]
    .assert_eq(&mapped.findings());
}

#[test]
fn a_column_that_the_file_lacks_is_null() {
    let set = set(&[("ATTRIBUTE", "lacking", "a"), ("EXPRESSION", "concat(lacking, \"!\")", "b")]);
    let mapped =
        map(vec![field("a", Type::Long), field("b", Type::String)], Some(set), Scan::text(&["x"], &[&[Some("1")]]));
    assert_eq!(mapped.rows, [json!({ "b": "!" })]);
    assert_eq!(mapped.findings(), "");
}

#[test]
fn an_object_with_no_children_has_no_column() {
    let target = vec![
        field("hollow", Type::Object(vec![])),
        field("outer", Type::Object(vec![field("hollow", Type::Object(vec![])), required("kept", Type::Int)])),
    ];
    let set = set(&[("ATTRIBUTE", "x", "outer")]);
    let mapped = map(target, Some(set), Scan::text(&["x"], &[&[Some(r#"{"hollow":{},"kept":3}"#)]]));
    assert_eq!(mapped.rows, [json!({ "outer": { "kept": 3 } })]);
    assert_eq!(mapped.findings(), "");
}
