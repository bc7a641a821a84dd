//! Lists, objects and maps: as literals, from functions and from sources, into columns of the target; and how much a
//! row may make of itself.

use super::{Mapped, Scan, field, map, required, set};
use datafusion::arrow::array::{Array, ArrayRef, Int64Array, ListArray, StringArray, StructArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field as ArrowField};
use forebay_model::xdm::Type;
use serde_json::{Value, json};
use std::sync::Arc;

fn list(item: Type) -> Type {
    Type::Array(Box::new(item))
}

/// What one expression gives for a record, in a column of a type; findings, where there are some.
#[track_caller]
fn check(expression: &str, ty: Type, expected: Value, findings: &str) {
    let scan = Scan::text(
        &["items", "name", "n"],
        &[&[Some(r#"[{"sku":"a","price":"1.5"},{"sku":"b"},{"price":2}]"#), Some("Ada"), Some("7")]],
    );
    let mapped = map(vec![field("out", ty)], Some(set(&[("EXPRESSION", expression, "out")])), scan);
    assert_eq!(mapped.rows[0].get("out").cloned().unwrap_or(Value::Null), expected, "{expression}");
    assert_eq!(mapped.findings(), findings, "{expression}");
}

#[test]
fn objects_lists_and_maps_are_targets() {
    let person = Type::Object(vec![field("first", Type::String), field("age", Type::Int)]);
    check("{\"first\": name, \"age\": n, \"more\": 1}", person.clone(), json!({ "first": "Ada", "age": 7 }), "");
    check(
        "to_object(\"first\", upper(name), \"age\", name)",
        person.clone(),
        json!({ "first": "ADA" }),
        "0: MAPPER-3700-400 out.age \"Ada\": out.age is null: the text is not a number\n",
    );
    check("[{\"age\": 1}, null, {}]", list(person), json!([{ "age": 1 }, null, null]), "");
    check("[n, 8.0, null]", list(Type::Long), json!([7, 8, null]), "");
    check(
        "[n, name]",
        list(Type::Long),
        json!([7, null]),
        "0: MAPPER-3700-400 out[1] \"Ada\": out[1] is null: the text is not a number\n",
    );
    check("to_map(\"a\", n, name, 2)", Type::Map(Box::new(Type::Long)), json!({ "a": 7, "Ada": 2 }), "");
    check("str_to_object(\"a:1,b:x\")", Type::Map(Box::new(Type::String)), json!({ "a": "1", "b": "x" }), "");
    check("add_to_map({\"a\": [1]}, {\"a\": 2})", Type::Map(Box::new(list(Type::Long))), json!({ "a": [1] }), "");
    check("coalesce(null, [1, 2])", list(Type::String), json!(["1", "2"]), "");
    check("n == 7 ? {\"a\": 1} : null", Type::Map(Box::new(Type::Long)), json!({ "a": 1 }), "");
}

#[test]
fn what_is_in_a_list_is_changed_and_chosen() {
    check("transformArray(items[*].sku, s -> upper(s))", list(Type::String), json!(["A", "B", null]), "");
    check("items[*].price", list(Type::Number), json!([1.5, null, 2.0]), "");
    check("size_of(items[*])", Type::Long, json!(3), "");
    check("join(\"-\", items[*].sku)", Type::String, json!("a-b"), "");
    check("filterArray(items, i -> i.price > 1)[0].sku", Type::String, json!("a"), "");
    check("max(items[*].price) * 2", Type::Number, json!(4.0), "");
    check("array_to_map(items, \"sku\").b.sku", Type::String, json!("b"), "");
    check("transformArray(items, i -> 10 / i.price)", list(Type::Number), json!([10.0 / 1.5, null, 5.0]), "");
}

#[test]
fn every_element_of_a_typed_list() {
    let skus: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("c")]));
    let counts: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None]));
    let items = StructArray::from(vec![
        (Arc::new(ArrowField::new("sku", DataType::Utf8, true)), skus),
        (Arc::new(ArrowField::new("count", DataType::Int64, true)), counts),
    ]);
    let item = Arc::new(ArrowField::new_list_field(items.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths([2, 0, 1, 0]);
    let nulls = Some(vec![true, true, true, false].into());
    let lists: ArrayRef = Arc::new(ListArray::new(item, offsets, Arc::new(items), nulls));
    let rules = set(&[("ATTRIBUTE", "items[*].sku", "skus"), ("EXPRESSION", "first(items[*].count) + 1", "first")]);
    let mapped = map(
        vec![field("skus", list(Type::String)), field("first", Type::Long)],
        Some(rules),
        Scan::typed(vec![("items", lists)]),
    );
    assert_eq!(
        mapped.rows,
        [
            json!({ "skus": ["a", null], "first": 2 }),
            json!({ "skus": [], "first": 1 }),
            json!({ "skus": ["c"], "first": 1 }),
            json!({ "first": 1 })
        ]
    );
}

#[test]
fn an_object_is_copied_and_its_own_mappings_count_pl_map_3() {
    let address = |children: &[&str]| Type::Object(children.iter().map(|name| field(name, Type::String)).collect());
    let target = vec![field("addr", address(&["addrLine1", "city", "state", "zip"]))];
    let record = r#"{"line1":"4191 Ridgebrook Way","city":"San Jose","state":"California","zip":null}"#;
    let rules = set(&[
        ("ATTRIBUTE", "address", "addr"),
        ("EXPRESSION", "address.line1", "addr.addrLine1"),
        ("EXPRESSION", "nullify()", "addr.state"),
    ]);
    let mapped = map(target, Some(rules), Scan::text(&["address", "address.line1"], &[&[Some(record), Some("4191")]]));
    assert_eq!(mapped.rows[0], json!({ "addr": { "addrLine1": "4191", "city": "San Jose" } }));
}

fn grown(expression: &str, rows: usize) -> Mapped {
    let long = "a".repeat(200);
    let row: &[Option<&str>] = &[Some(&long)];
    let rules = set(&[("EXPRESSION", expression, "out"), ("ATTRIBUTE", "x", "x")]);
    map(
        vec![field("out", Type::String), required("x", Type::String)],
        Some(rules),
        Scan::text(&["x"], &vec![row; rows]),
    )
}

#[test]
fn a_row_that_asks_for_too_much_is_null_and_is_told_so() {
    let long = "b".repeat(1000);
    for expression in [
        format!("replacestr(replacestr(x, \"a\", \"{long}\"), \"b\", \"{long}\")"),
        "lpad(x, 1048577, \"x\")".to_string(),
        format!("concat(replacestr(x, \"a\", \"{long}\"){})", ", replacestr(x, \"a\", lpad(\"\", 1000, \"c\"))".repeat(25)),
        "size_of(flattenArray(transformArray(explode(x, \"\"), a -> transformArray(explode(x, \"\"), b -> transformArray(explode(x, \"\"), c -> [a, b, c])))))".to_string(),
        format!("size_of(transformArray(explode(replacestr(x, \"a\", \"{long}\"), \"\"), a -> extract_regex(a, a)))"),
        format!("size_of(transformArray(explode(replacestr(x, \"a\", \"{long}\"), \"\"), a -> explode(\"{long}\", \"\")))"),
    ] {
        let mapped = grown(&expression, 2);
        let findings = mapped.findings();
        assert_eq!(findings.lines().count(), 2, "{expression}: {findings}");
        assert!(findings.starts_with("0: MAPPER-3701-400 out"), "{expression}: {findings}");
        assert!(mapped.rows[1].get("out").is_none() && mapped.rows[1].get("x").is_some(), "the row itself is kept");
    }
}

#[test]
fn a_long_list_of_objects_is_within_what_a_row_may_cost() {
    let members: String = (0..20).map(|n| format!(", \"m{n}\": \"{}\"", "v".repeat(20))).collect();
    let item = format!("{{\"id\": a, \"n\": 1{members}}}");
    let expression = format!(
        "size_of(filterArray(transformArray(explode(replacestr(x, \"a\", \"aaaaaaaaaa\"), \"\"), a -> {item}), o -> o.id == \"a\" and o.n == 1 and o.m0 != \"\"))"
    );
    let mapped = grown(&expression, 1);
    assert_eq!((mapped.findings().as_str(), &mapped.rows[0]["out"]), ("", &json!("2000")));
}

#[test]
fn calls_in_calls_are_computed_once_each() {
    // Each of these asked twice, or more often, for what is inside of it: 2 to the 40th power of calls.
    for (open, close) in [
        ("coalesce(", ", 1)"),
        ("decode(", ", 1, 1, 2, 2, 3)"),
        ("date(", ")"),
        ("array_to_map(", ", \"a\")"),
        ("map_get_values({}, ", ")"),
        ("array_to_string(\",\", ", ")"),
        ("iif(", ", 1, 2)"),
        ("max(", ", 1)"),
        ("first(", ")"),
    ] {
        let nested = format!("{}x{}", open.repeat(40), close.repeat(40));
        assert_eq!(grown(&nested, 3).rows.len(), 3, "{open}");
    }
}

#[test]
fn a_batch_that_grows_too_large_is_mapped_in_parts_and_loses_no_row() {
    let long = "b".repeat(3500);
    let mapped = grown(&format!("replacestr(x, \"a\", \"{long}\")"), 150);
    assert_eq!(mapped.rows.len(), 150);
    assert!(mapped.events.is_empty(), "{}", mapped.findings());
    assert!(mapped.rows.iter().all(|row| row["out"].as_str().is_some_and(|out| out.len() == 700_000)));
}
