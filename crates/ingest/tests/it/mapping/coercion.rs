//! Columns to every type of target (PL §5.3).

use super::{Scan, field, map, set};
use datafusion::arrow::array::*;
use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Int32Type, TimeUnit};
use expect_test::{Expect, expect};
use forebay_model::xdm::Type;
use serde_json::{Value, json};
use std::sync::Arc;

/// A text column to a type: what comes out, and what is told.
#[track_caller]
fn check(ty: Type, texts: &[&str], expected: Expect) {
    let rows: Vec<Vec<Option<&str>>> = texts.iter().map(|text| vec![Some(*text)]).chain([vec![None]]).collect();
    let rows: Vec<&[Option<&str>]> = rows.iter().map(Vec::as_slice).collect();
    let mapped = map(vec![field("out", ty)], Some(set(&[("ATTRIBUTE", "in", "out")])), Scan::text(&["in"], &rows));
    let mut told = String::new();
    for (row, text) in texts.iter().enumerate() {
        told += &format!("{text:?} → {}\n", mapped.rows[row].get("out").unwrap_or(&Value::Null));
    }
    assert_eq!(mapped.rows[texts.len()], json!({}), "null stays null");
    expected.assert_eq(&(told + &mapped.findings()));
}

/// A typed column to a type.
#[track_caller]
fn check_typed(array: ArrayRef, ty: Type, expected: Expect) {
    let target = vec![field("out", ty)];
    let mapped = map(target, Some(set(&[("ATTRIBUTE", "in", "out")])), Scan::typed(vec![("in", array)]));
    let values: Vec<Value> = mapped.rows.iter().map(|row| row.get("out").cloned().unwrap_or(Value::Null)).collect();
    expected.assert_eq(&format!("{}\n{}", Value::Array(values), mapped.findings()));
}

#[test]
fn text_becomes_whole_numbers_within_their_bits() {
    check(
        Type::Byte,
        &["127", "-128", "128", " 5 ", "1.0", "1.5", "x", ""],
        expect![[r#"
            "127" → 127
            "-128" → -128
            "128" → null
            " 5 " → 5
            "1.0" → 1
            "1.5" → null
            "x" → null
            "" → null
            2: MAPPER-3700-400 out "128": out is null: the number does not fit a whole number of 8 bits
            5: MAPPER-3700-400 out "1.5": out is null: the number has a fraction and the target is whole
            6: MAPPER-3700-400 out "x": out is null: the text is not a number
        "#]],
    );
    check(
        Type::Short,
        &["32767", "32768"],
        expect![[r#"
        "32767" → 32767
        "32768" → null
        1: MAPPER-3700-400 out "32768": out is null: the number does not fit a whole number of 16 bits
    "#]],
    );
    check(
        Type::Int,
        &["-2147483648", "2147483648"],
        expect![[r#"
        "-2147483648" → -2147483648
        "2147483648" → null
        1: MAPPER-3700-400 out "2147483648": out is null: the number does not fit a whole number of 32 bits
    "#]],
    );
    check(
        Type::Long,
        &["9223372036854775807", "9223372036854775808"],
        expect![[r#"
        "9223372036854775807" → 9223372036854775807
        "9223372036854775808" → null
        1: MAPPER-3700-400 out "9223372036854775808": out is null: the number does not fit a whole number of 64 bits
    "#]],
    );
}

#[test]
fn text_becomes_numbers() {
    check(
        Type::Number,
        &["1.5", "-2e3", "7", "NaN", "1e999", "1,5", "  "],
        expect![[r#"
        "1.5" → 1.5
        "-2e3" → -2000.0
        "7" → 7.0
        "NaN" → null
        "1e999" → null
        "1,5" → null
        "  " → null
        3: MAPPER-3700-400 out "NaN": out is null: the text is not a number
        4: MAPPER-3700-400 out "1e999": out is null: the text is not a number
        5: MAPPER-3700-400 out "1,5": out is null: the text is not a number
    "#]],
    );
}

#[test]
fn text_becomes_booleans_by_the_contracts_words_only() {
    check(
        Type::Boolean,
        &[
            "y", "yes", "Y", "YES", "on", "ON", "true", "TRUE", "n", "N", "no", "NO", "off", "OFF", "false", "FALSE",
            "1", "maybe",
        ],
        expect![[r#"
            "y" → true
            "yes" → true
            "Y" → true
            "YES" → true
            "on" → true
            "ON" → true
            "true" → true
            "TRUE" → true
            "n" → false
            "N" → false
            "no" → false
            "NO" → false
            "off" → false
            "OFF" → false
            "false" → false
            "FALSE" → false
            "1" → null
            "maybe" → null
            16: MAPPER-3700-400 out "1": out is null: the text is none of y, yes, on, true, n, no, off, false
            17: MAPPER-3700-400 out "maybe": out is null: the text is none of y, yes, on, true, n, no, off, false
        "#]],
    );
}

#[test]
fn text_becomes_dates_and_moments() {
    check(
        Type::DateTime,
        &["2024-03-05T06:07:08.123Z", "2024-03-05 06:07:08+02:00", "05.Mar.2024", "soon", "1390574181854"],
        expect![[r#"
        "2024-03-05T06:07:08.123Z" → "2024-03-05T06:07:08.123Z"
        "2024-03-05 06:07:08+02:00" → "2024-03-05T04:07:08Z"
        "05.Mar.2024" → "2024-03-05T00:00:00Z"
        "soon" → null
        "1390574181854" → null
        3: MAPPER-3700-400 out "soon": out is null: the text is not a date with a time in any known format
        4: MAPPER-3700-400 out "1390574181854": out is null: the text is not a date with a time in any known format
    "#]],
    );
    check(
        Type::Date,
        &["2024-03-05", "2024-03-05T23:30:00-05:00", "3/05/2024", "31.2.2024"],
        expect![[r#"
        "2024-03-05" → "2024-03-05"
        "2024-03-05T23:30:00-05:00" → "2024-03-05"
        "3/05/2024" → "2024-03-05"
        "31.2.2024" → null
        3: MAPPER-3700-400 out "31.2.2024": out is null: the text is not a day in any known format
    "#]],
    );
}

#[test]
fn text_stays_text_without_a_copy() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some(" ä "), Some(""), None]));
    let scan = Scan::typed(vec![("in", texts.clone())]);
    let mapped = map(vec![field("out", Type::String)], Some(set(&[("ATTRIBUTE", "in", "out")])), scan);
    let out = mapped.batch.column(0).as_string::<i32>();
    assert_eq!(out.value_data().as_ptr(), texts.as_string::<i32>().value_data().as_ptr());
    assert_eq!(mapped.rows, [json!({ "out": " ä " }), json!({ "out": "" }), json!({})]);
}

#[test]
fn json_text_becomes_lists_objects_and_maps() {
    check(
        Type::Array(Box::new(Type::Int)),
        &["[1, \"2\", null]", "[]", "[1, \"x\"]", "1", "[1"],
        expect![[r#"
        "[1, \"2\", null]" → [1,2,null]
        "[]" → []
        "[1, \"x\"]" → [1,null]
        "1" → null
        "[1" → null
        2: MAPPER-3700-400 out[1] "x": out[1] is null: the text is not a number
        3: MAPPER-3700-400 out "1": out is null: text is not a list
        4: MAPPER-3700-400 out "[1": out is null: text is not a list
    "#]],
    );
    let address = Type::Object(vec![field("city", Type::String), field("zip", Type::Int)]);
    check(
        address.clone(),
        &[r#"{"city":"Ulm","zip":"89073","more":1}"#, r#"{"zip":"x","city":"y"}"#, "{}", "[]"],
        expect![[r#"
        "{\"city\":\"Ulm\",\"zip\":\"89073\",\"more\":1}" → {"city":"Ulm","zip":89073}
        "{\"zip\":\"x\",\"city\":\"y\"}" → {"city":"y"}
        "{}" → null
        "[]" → null
        1: MAPPER-3700-400 out.zip "x": out.zip is null: the text is not a number
        3: MAPPER-3700-400 out "[]": out is null: text is not an object
    "#]],
    );
    check(
        Type::Array(Box::new(address)),
        &[r#"[{"city":"Ulm"},{"zip":"x"}]"#],
        expect![[r#"
        "[{\"city\":\"Ulm\"},{\"zip\":\"x\"}]" → [{"city":"Ulm"},null]
        0: MAPPER-3700-400 out[1].zip "x": out[1].zip is null: the text is not a number
    "#]],
    );
    check(
        Type::Map(Box::new(Type::Number)),
        &[r#"{"a":1,"b":"2.5"}"#, r#"{"a":"x"}"#, "a"],
        expect![[r#"
        "{\"a\":1,\"b\":\"2.5\"}" → {"a":1.0,"b":2.5}
        "{\"a\":\"x\"}" → {"a":null}
        "a" → null
        1: MAPPER-3700-400 out.a "x": out.a is null: the text is not a number
        2: MAPPER-3700-400 out "a": out is null: text is not a map
    "#]],
    );
    check(
        Type::String,
        &[r#"{"a": [1]}"#],
        expect![[r#"
        "{\"a\": [1]}" → "{\"a\": [1]}"
    "#]],
    );
}

#[test]
fn typed_numbers_are_widened_and_narrowed_with_a_range_check() {
    let longs: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(300), None]));
    check_typed(
        longs.clone(),
        Type::Byte,
        expect![[r#"
        [1,null,null]
        1: MAPPER-3700-400 out "300": out is null: the number does not fit a whole number of 8 bits
    "#]],
    );
    check_typed(
        longs.clone(),
        Type::Number,
        expect![[r#"
        [1.0,300.0,null]
    "#]],
    );
    check_typed(
        longs.clone(),
        Type::String,
        expect![[r#"
        ["1","300",null]
    "#]],
    );
    check_typed(
        longs.clone(),
        Type::DateTime,
        expect![[r#"
        ["1970-01-01T00:00:00.001Z","1970-01-01T00:00:00.300Z",null]
    "#]],
    );
    check_typed(
        longs,
        Type::Boolean,
        expect![[r#"
        [null,null,null]
        0: MAPPER-3700-400 out "1": out is null: a number is not a boolean
        1: MAPPER-3700-400 out "300": out is null: a number is not a boolean
    "#]],
    );
    check_typed(
        Arc::new(UInt64Array::from(vec![1, u64::MAX])),
        Type::Long,
        expect![[r#"
        [1,null]
        1: MAPPER-3700-400 out "1.8446744073709552e+19": out is null: the number does not fit a whole number of 64 bits
    "#]],
    );
    check_typed(
        Arc::new(Float64Array::from(vec![2.0, 2.5, f64::NAN, 1e30])),
        Type::Long,
        expect![[r#"
        [2,null,null,null]
        1: MAPPER-3700-400 out "2.5": out is null: the number has a fraction and the target is whole
        2: MAPPER-3700-400 out "NaN": out is null: the text is not a number
        3: MAPPER-3700-400 out "1e+30": out is null: the number does not fit a whole number of 64 bits
    "#]],
    );
    check_typed(
        Arc::new(Float64Array::from(vec![2.0, 2.5, f64::NAN])),
        Type::Number,
        expect![[r#"
        [2.0,2.5,null]
        2: MAPPER-3700-400 out "NaN": out is null: the text is not a number
    "#]],
    );
    check_typed(
        Arc::new(Float64Array::from(vec![2.0, 2.5, 1e30])),
        Type::String,
        expect![[r#"
        ["2","2.5","1e+30"]
    "#]],
    );
    check_typed(
        Arc::new(Float32Array::from(vec![1.1])),
        Type::String,
        expect![[r#"
        ["1.1"]
    "#]],
    );
    let decimals = Decimal128Array::from(vec![12345, -1]).with_precision_and_scale(12, 2).unwrap();
    check_typed(
        Arc::new(decimals.clone()),
        Type::Number,
        expect![[r#"
        [123.45,-0.01]
    "#]],
    );
    check_typed(
        Arc::new(decimals.clone()),
        Type::String,
        expect![[r#"
        ["123.45","-0.01"]
    "#]],
    );
    let wide =
        Decimal128Array::from(vec![9_007_199_254_740_993, i128::MAX / 10]).with_precision_and_scale(38, 0).unwrap();
    check_typed(
        Arc::new(wide),
        Type::Long,
        expect![[r#"
        [9007199254740993,null]
        1: MAPPER-3700-400 out "1.7014118346046924e+37": out is null: the number does not fit a whole number of 64 bits
    "#]],
    );
    check_typed(
        Arc::new(decimals),
        Type::Long,
        expect![[r#"
        [null,null]
        0: MAPPER-3700-400 out "123.45": out is null: the number has a fraction and the target is whole
        1: MAPPER-3700-400 out "-0.01": out is null: the number has a fraction and the target is whole
    "#]],
    );
}

#[test]
fn typed_times_become_microseconds_in_utc() {
    let millis: ArrayRef =
        Arc::new(TimestampMillisecondArray::from(vec![Some(1_390_574_181_854), None]).with_timezone("+02:00"));
    check_typed(
        millis.clone(),
        Type::DateTime,
        expect![[r#"
        ["2014-01-24T14:36:21.854Z",null]
    "#]],
    );
    check_typed(
        millis.clone(),
        Type::Date,
        expect![[r#"
        ["2014-01-24",null]
    "#]],
    );
    check_typed(
        millis,
        Type::String,
        expect![[r#"
        ["2014-01-24T14:36:21.854Z",null]
    "#]],
    );
    let nanos: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1_390_574_181_854_321_987]));
    assert_eq!(nanos.data_type(), &DataType::Timestamp(TimeUnit::Nanosecond, None));
    check_typed(
        nanos,
        Type::DateTime,
        expect![[r#"
        ["2014-01-24T14:36:21.854321Z"]
    "#]],
    );
    check_typed(
        Arc::new(TimestampSecondArray::from(vec![1, i64::MAX])),
        Type::DateTime,
        expect![[r#"
        ["1970-01-01T00:00:01Z",null]
        1: MAPPER-3700-400 out: out is null: the value is beyond a date with a time
    "#]],
    );
    check_typed(
        Arc::new(Date32Array::from(vec![19_000])),
        Type::DateTime,
        expect![[r#"
        ["2022-01-08T00:00:00Z"]
    "#]],
    );
    check_typed(
        Arc::new(Date32Array::from(vec![19_000])),
        Type::String,
        expect![[r#"
        ["2022-01-08"]
    "#]],
    );
}

#[test]
fn typed_structs_and_lists_go_field_by_field() {
    let city: ArrayRef = Arc::new(StringArray::from(vec![Some("Ulm"), None, Some("Bern")]));
    let zip: ArrayRef = Arc::new(StringArray::from(vec![Some("89073"), None, Some("x")]));
    let other: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let text = |name: &str| Arc::new(ArrowField::new(name, DataType::Utf8, true));
    let address: ArrayRef = Arc::new(StructArray::from(vec![
        (text("city"), city),
        (text("zip"), zip),
        (Arc::new(ArrowField::new("other", DataType::Int32, true)), other),
    ]));
    let wanted = Type::Object(vec![field("zip", Type::Int), field("city", Type::String), field("lacking", Type::Date)]);
    check_typed(
        address.clone(),
        wanted.clone(),
        expect![[r#"
        [{"zip":89073,"city":"Ulm"},null,{"city":"Bern"}]
        2: MAPPER-3700-400 out.zip "x": out.zip is null: the text is not a number
    "#]],
    );
    check_typed(
        address.clone(),
        Type::String,
        expect![[r#"
        ["{\"city\":\"Ulm\",\"zip\":\"89073\",\"other\":1}","{\"city\":null,\"zip\":null,\"other\":2}","{\"city\":\"Bern\",\"zip\":\"x\",\"other\":3}"]
    "#]],
    );
    let element = Arc::new(ArrowField::new("item", address.data_type().clone(), true));
    let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths([1, 0, 2]);
    let list: ArrayRef = Arc::new(ListArray::try_new(element, offsets, address, None).unwrap());
    check_typed(
        list.slice(1, 2),
        Type::Array(Box::new(wanted)),
        expect![[r#"
        [[],[null,{"city":"Bern"}]]
        1: MAPPER-3700-400 out[1].zip "x": out[1].zip is null: the text is not a number
    "#]],
    );
    let numbers = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), None]), None]);
    check_typed(
        Arc::new(numbers.clone()),
        Type::Array(Box::new(Type::String)),
        expect![[r#"
        [["1",null],null]
    "#]],
    );
    check_typed(
        Arc::new(numbers),
        Type::Long,
        expect![[r#"
        [null,null]
        0: MAPPER-3700-400 out "[1,null]": out is null: a list is not a whole number of 64 bits
    "#]],
    );
}

#[test]
fn typed_maps_become_maps_and_objects() {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    builder.keys().append_value("a");
    builder.values().append_value(1);
    builder.keys().append_value("b");
    builder.values().append_value(500);
    builder.append(true).unwrap();
    builder.append(false).unwrap();
    let map: ArrayRef = Arc::new(builder.finish());
    check_typed(
        map.clone(),
        Type::Map(Box::new(Type::Byte)),
        expect![[r#"
        [{"a":1,"b":null},null]
        0: MAPPER-3700-400 out.b "500": out.b is null: the number does not fit a whole number of 8 bits
    "#]],
    );
    check_typed(
        map,
        Type::Object(vec![field("b", Type::String)]),
        expect![[r#"
        [{"b":"500"},null]
    "#]],
    );
}

#[test]
fn a_column_that_arrow_refuses_loses_only_the_rows_to_blame() {
    let mut builder = MapBuilder::new(None, BinaryBuilder::new(), Int32Builder::new());
    for key in [b"a".as_slice(), b"\xff".as_slice(), b"c".as_slice()] {
        builder.keys().append_value(key);
        builder.values().append_value(1);
        builder.append(true).unwrap();
    }
    check_typed(
        Arc::new(builder.finish()),
        Type::Map(Box::new(Type::Int)),
        expect![[r#"
        [{"a":1},null,{"c":1}]
        1: MAPPER-3700-400 out "{}": out is null: the value is not a map
    "#]],
    );
}

#[test]
fn bytes_that_are_no_text_are_told() {
    check_typed(
        Arc::new(BinaryArray::from(vec![b"ok".as_slice(), b"\xff".as_slice()])),
        Type::String,
        expect![[r#"
        ["ok",null]
        1: MAPPER-3700-400 out: out is null: the bytes are not UTF-8 text
    "#]],
    );
}

#[test]
fn a_raw_value_is_cut_at_one_kibibyte() {
    let long = "é".repeat(2000);
    let mapped = map(
        vec![field("out", Type::Long)],
        Some(set(&[("ATTRIBUTE", "in", "out")])),
        Scan::text(&["in"], &[&[Some(&long)]]),
    );
    assert_eq!(mapped.events[0].1["findings"][0]["value"].as_str().unwrap().len(), 1024);
}
