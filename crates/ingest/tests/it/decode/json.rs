//! JSON, case by case.

use super::*;
use expect_test::expect;

#[track_caller]
fn check(text: impl AsRef<[u8]>, columns: &str, expected: Expect) {
    check_file("in/a.json", text.as_ref(), json(), columns, expected);
}

#[test]
fn each_line_is_a_record() {
    check(
        "{\"id\":1,\"n\":\"a\"}\n{\"n\":\"b\",\"id\":2}\r\n\n {\"id\":3} ",
        "id n",
        expect![[r#"
        1 1 | a
        2 2 | b
        4 3 | ∅
        end: 3 records, 46 bytes
    "#]],
    );
}

#[test]
fn an_empty_file_has_no_records() {
    check(
        "",
        "id",
        expect![[r#"
        end: 0 records, 0 bytes
    "#]],
    );
    check(
        " \n\n",
        "id",
        expect![[r#"
        end: 0 records, 3 bytes
    "#]],
    );
    check(
        "[]",
        "id",
        expect![[r#"
        end: 0 records, 2 bytes
    "#]],
    );
    check(
        "\u{FEFF} [ ] \n",
        "id",
        expect![[r#"
        end: 0 records, 9 bytes
    "#]],
    );
}

#[test]
fn paths_lead_into_objects_and_arrays() {
    check(
        "{\"a\":{\"b\":[{\"c\":\"x\"},{\"c\":\"y\"}]},\"d\":[1,2]}\n{\"a\":[1],\"d\":{\"0\":1}}\n{\"a\":{\"b\":[]},\"d\":[]}\n",
        "a.b[1].c a.b d[0] a",
        expect![[r#"
            1 y | [{"c":"x"},{"c":"y"}] | 1 | {"b":[{"c":"x"},{"c":"y"}]}
            2 ∅ | ∅ | ∅ | [1]
            3 ∅ | [] | ∅ | {"b":[]}
            end: 3 records, 88 bytes
        "#]],
    );
}

#[test]
fn scalars_are_their_text_and_composites_their_json() {
    check(
        r#"{"a":true,"b":-0.50e+2,"c":"","d":null,"e":{"x": [1,{}]},"f":123456789012345678901234567890,"g":"A\n\ud83e\udd80"}"#,
        "a b c d e f g h",
        expect![[r#"
            1 true | -0.50e+2 |  | ∅ | {"x": [1,{}]} | 123456789012345678901234567890 | A\n🦀 | ∅
            end: 1 records, 114 bytes
        "#]],
    );
}

#[test]
fn a_bad_line_is_rejected_by_itself() {
    check(
        "{\"id\":1}\n{\"id\":2,}\n{\"id\":3\nnot json\n{\"id\":5} x\n{\"id\":01}\n[7]\n8\n\"nine\"\nnull\n{\"id\":\"\\ud800\"}\n{\"id\":\"a\tb\"}\n{\"id\":13}\n",
        "id",
        expect![[r#"
            1 1
            2 REJECTED INGEST-1401-400: the line is not JSON: a quoted name is expected in column 9 "{\"id\":2,}"
            3 REJECTED INGEST-1401-400: the line is not JSON: it ends too early "{\"id\":3"
            4 REJECTED INGEST-1401-400: the line is not JSON: a value is expected in column 1 "not json"
            5 REJECTED INGEST-1401-400: the line is not one JSON document: something follows it in column 9 "{\"id\":5} x"
            6 REJECTED INGEST-1401-400: the line is not JSON: a number may not start with 0 in column 8 "{\"id\":01}"
            7 REJECTED INGEST-1401-400: the record is not a JSON object "[7]"
            8 REJECTED INGEST-1401-400: the record is not a JSON object "8"
            9 REJECTED INGEST-1401-400: the record is not a JSON object "\"nine\""
            10 REJECTED INGEST-1401-400: the record is not a JSON object "null"
            11 REJECTED INGEST-1401-400: the line is not JSON: a lone surrogate is no character in column 14 "{\"id\":\"\\ud800\"}"
            12 REJECTED INGEST-1401-400: the line is not JSON: a control character must be escaped in column 9 "{\"id\":\"a\tb\"}"
            13 13
            end: 13 records, 114 bytes
        "#]],
    );
}

#[test]
fn of_a_key_given_twice_the_last_counts() {
    check(
        "{\"id\":1,\"id\":2}\n{\"a\":{\"b\":1},\"a\":{}}\n",
        "id a.b",
        expect![[r#"
        1 2 | ∅
        2 ∅ | ∅
        end: 2 records, 37 bytes
    "#]],
    );
}

#[test]
fn bytes_that_are_not_utf8_reject_their_line() {
    check(
        b"{\"id\":1}\n{\"id\":\"\xFF\"}\n{\"\xC0\xAF\":1}\n{\"id\":4}\n",
        "id",
        expect![[r#"
        1 1
        2 REJECTED INGEST-1401-400: the record is not valid in the file's encoding "{\"id\":\"�\"}"
        3 REJECTED INGEST-1401-400: the record is not valid in the file's encoding "{\"��\":1}"
        4 4
        end: 4 records, 38 bytes
    "#]],
    );
}

#[test]
fn an_array_holds_one_record_an_element() {
    check(
        "[{\"id\":1},{\"id\":2}]",
        "id",
        expect![[r#"
        1 1
        1 2
        end: 2 records, 19 bytes
    "#]],
    );
    check(
        "[\n  {\n    \"id\": 1,\n    \"n\": {\n      \"x\": 2\n    }\n  },\n  {\n    \"id\": 3\n  }\n]\n",
        "id n",
        expect![[r#"
        2 1 | {\n      "x": 2\n    }
        8 3 | ∅
        end: 2 records, 76 bytes
    "#]],
    );
    check(
        "[{\"id\":1}, 2, \"x\", [{\"id\":3}],\n{\"id\":4}]",
        "id",
        expect![[r#"
        1 1
        1 REJECTED INGEST-1401-400: the record is not a JSON object "2"
        1 REJECTED INGEST-1401-400: the record is not a JSON object "\"x\""
        1 REJECTED INGEST-1401-400: the record is not a JSON object "[{\"id\":3}]"
        2 4
        end: 5 records, 40 bytes
    "#]],
    );
    check(
        b"[{\"id\":\"\xFF\"},{\"id\":2}]",
        "id",
        expect![[r#"
        1 REJECTED INGEST-1401-400: the record is not valid in the file's encoding "{\"id\":\"�\"}"
        1 2
        end: 2 records, 21 bytes
    "#]],
    );
}

#[test]
fn a_fault_in_an_array_refuses_the_file() {
    check(
        "[{\"id\":1},\n {\"id\":2,},\n {\"id\":3}]",
        "id",
        expect![[r#"
        Invalid: INGEST-1401-400: in/a.json is not JSON from line 2, column 10 on: a quoted name is expected (at in/a.json line 2)
    "#]],
    );
    check(
        "[{\"id\":1},{\"id\":2},]",
        "id",
        expect![[r#"
        Invalid: INGEST-1401-400: in/a.json is not JSON from line 1, column 20 on: a value is expected (at in/a.json line 1)
    "#]],
    );
    check(
        "[{\"id\":1} {\"id\":2}]",
        "id",
        expect![[r#"
        Invalid: INGEST-1401-400: in/a.json is not JSON from line 1, column 11 on: ',' or ']' is expected (at in/a.json line 1)
    "#]],
    );
    check(
        "[{\"id\":1},{\"id\"",
        "id",
        expect![[r#"
        Invalid: INGEST-1401-400: in/a.json is not JSON from line 1, column 11 on: the document that starts here ends too early (at in/a.json line 1)
    "#]],
    );
    check(
        "[{\"id\":1}",
        "id",
        expect![[r#"
        Invalid: INGEST-1401-400: in/a.json is not JSON from line 1, column 10 on: the array is not closed (at in/a.json line 1)
    "#]],
    );
    check(
        "[{\"id\":1},",
        "id",
        expect![[r#"
        Invalid: INGEST-1401-400: in/a.json is not JSON from line 1, column 11 on: the array is not closed (at in/a.json line 1)
    "#]],
    );
    check(
        "[{\"id\":1}]\n[{\"id\":2}]",
        "id",
        expect![[r#"
        Invalid: INGEST-1401-400: in/a.json is not JSON from line 2, column 1 on: something follows the array (at in/a.json line 2)
    "#]],
    );
    check(
        "[",
        "id",
        expect![[r#"
        Invalid: INGEST-1401-400: in/a.json is not JSON from line 1, column 2 on: the array is not closed (at in/a.json line 1)
    "#]],
    );
}

#[test]
fn documents_over_several_lines_follow_each_other() {
    check(
        "{\n  \"id\": 1\n}\n{\n  \"id\": 2\n}\n{\"id\":3}{\"id\":4}\n",
        "id",
        expect![[r#"
        1 1
        4 2
        7 3
        7 4
        end: 4 records, 45 bytes
    "#]],
    );
    check(
        "{\n  \"id\": 1\n}",
        "id",
        expect![[r#"
        1 1
        end: 1 records, 13 bytes
    "#]],
    );
    check(
        "{\n \"id\": 1\n}\n{\n \"id\" 2\n}\n",
        "id",
        expect![[r#"
        Invalid: INGEST-1401-400: in/a.json is not JSON from line 5, column 7 on: ':' is expected behind the name (at in/a.json line 5)
    "#]],
    );
}

#[test]
fn a_file_of_lines_whose_first_is_cut_stays_one_of_lines() {
    check(
        "{\"id\":1,\n{\"id\":2}\n{\"id\":3}\n",
        "id",
        expect![[r#"
        1 REJECTED INGEST-1401-400: the line is not JSON: it ends too early "{\"id\":1,"
        2 2
        3 3
        end: 3 records, 27 bytes
    "#]],
    );
    check(
        "{\"id\":\n{\"id\":2}\n{\"id\":3}\n",
        "id",
        expect![[r#"
        1 REJECTED INGEST-1401-400: the line is not JSON: it ends too early "{\"id\":"
        2 2
        3 3
        end: 3 records, 25 bytes
    "#]],
    );
}

#[test]
fn nesting_has_a_limit() {
    let deep = |depth: usize| format!("{{\"id\":{}{}}}\n", "[".repeat(depth - 1), "]".repeat(depth - 1));
    let text = deep(128) + &deep(129) + &deep(100_000) + "{\"id\":4}\n";
    check(
        text,
        "x",
        expect![[r#"
        1 ∅
        2 REJECTED INGEST-1401-400: the line is not JSON: the document is nested too deeply in column 134 "{\"id\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
        3 REJECTED INGEST-1401-400: the line is not JSON: the document is nested too deeply in column 134 "{\"id\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
        4 ∅
        end: 4 records, 200541 bytes
    "#]],
    );
}

#[test]
fn other_encodings_are_decoded() {
    let mut bytes = vec![0xFF, 0xFE];
    for unit in "{\"id\":\"Zoë 🦀\"}\n{\"id\":2}\n".encode_utf16() {
        bytes.extend(unit.to_le_bytes());
    }
    check(
        bytes,
        "id",
        expect![[r#"
        1 Zoë 🦀
        2 2
        end: 2 records, 52 bytes
    "#]],
    );
    let options = FileOptions { encoding: "windows-1252".into(), ..json() };
    check_file(
        "a.json",
        b"{\"id\":\"\x80\"}\n",
        options,
        "id",
        expect![[r#"
        1 €
        end: 1 records, 11 bytes
    "#]],
    );
}
