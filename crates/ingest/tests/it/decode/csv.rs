//! Delimited text, case by case.

use super::*;
use expect_test::expect;

#[track_caller]
fn check(text: impl AsRef<[u8]>, columns: &str, expected: Expect) {
    check_file("in/a.csv", text.as_ref(), delimited(), columns, expected);
}

#[track_caller]
fn check_encoding(encoding: &str, bytes: impl AsRef<[u8]>, expected: Expect) {
    let options = FileOptions { encoding: encoding.into(), ..delimited() };
    check_file("in/a.csv", bytes.as_ref(), options, "id name", expected);
}

#[test]
fn asked_columns_come_in_the_asked_order() {
    check(
        "id,name,city\n1,Ada,London\n2,Bob,Paris\n",
        "city id",
        expect![[r#"
        2 London | 1
        3 Paris | 2
        end: 2 records, 38 bytes
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
        "\n\r\n\n",
        "id",
        expect![[r#"
        end: 0 records, 4 bytes
    "#]],
    );
    check(
        "\u{FEFF}",
        "id",
        expect![[r#"
        end: 0 records, 3 bytes
    "#]],
    );
}

#[test]
fn a_header_alone_has_no_records() {
    check(
        "id,name\n",
        "id",
        expect![[r#"
        end: 0 records, 8 bytes
    "#]],
    );
    check(
        "id,name",
        "id",
        expect![[r#"
        end: 0 records, 7 bytes
    "#]],
    );
    check(
        "id,name\r",
        "name",
        expect![[r#"
        end: 0 records, 8 bytes
    "#]],
    );
}

#[test]
fn an_unquoted_empty_field_is_null_and_a_quoted_one_is_empty_text() {
    check(
        "id,name\n1,\n2,\"\"\n,x\n",
        "id name",
        expect![[r#"
        2 1 | ∅
        3 2 | 
        4 ∅ | x
        end: 3 records, 19 bytes
    "#]],
    );
}

#[test]
fn a_line_is_the_first_physical_one_of_its_record() {
    check(
        "id,note\n1,\"a\nb\r\nc\rd\"\n2,x\n\n\n3,\"y\n\"\n4,z\n",
        "id note",
        expect![[r#"
        2 1 | a\nb\r\nc\rd
        6 2 | x
        9 3 | y\n
        11 4 | z
        end: 4 records, 38 bytes
    "#]],
    );
}

#[test]
fn any_line_break_ends_a_record() {
    check(
        "id,n\r\n1,a\r\n2,b\r\n",
        "id n",
        expect![[r#"
        2 1 | a
        3 2 | b
        end: 2 records, 16 bytes
    "#]],
    );
    check(
        "id,n\r1,a\r2,b\r",
        "id n",
        expect![[r#"
        2 1 | a
        3 2 | b
        end: 2 records, 13 bytes
    "#]],
    );
    check(
        "id,n\n1,a\r\n2,b\r3,c",
        "id n",
        expect![[r#"
        2 1 | a
        3 2 | b
        4 3 | c
        end: 3 records, 17 bytes
    "#]],
    );
}

#[test]
fn blank_lines_are_no_records_but_count_as_lines() {
    check(
        "\n\nid,n\n\n1,a\n\r\n\r\n2,b\n\n",
        "id n",
        expect![[r#"
        5 1 | a
        8 2 | b
        end: 2 records, 21 bytes
    "#]],
    );
}

#[test]
fn blanks_alone_in_a_line_are_a_short_record() {
    check(
        "id,n\n  \n1,a\n",
        "id n",
        expect![[r#"
        2 REJECTED INGEST-1401-400: the record has 1 fields where the header has 2 "  "
        3 1 | a
        end: 2 records, 12 bytes
    "#]],
    );
}

#[test]
fn quotes_are_doubled_inside_quotes_and_plain_elsewhere() {
    check(
        "id,n\n1,\"a \"\"b\"\" c\"\n2,a \"b\" c\n3,\"\"\"\"\n4, \"x\"\n5,\"a,b\"\n6,x\"\n",
        "id n",
        expect![[r#"
            2 1 | a "b" c
            3 2 | a "b" c
            4 3 | "
            5 4 |  "x"
            6 5 | a,b
            7 6 | x"
            end: 6 records, 56 bytes
        "#]],
    );
}

#[test]
fn a_backslash_escapes_nothing() {
    check(
        "id,n\n1,\"a\\\"\n2,\"b\\\"\"c\"\n",
        "id n",
        expect![[r#"
        2 1 | a\
        3 2 | b\"c
        end: 2 records, 22 bytes
    "#]],
    );
}

#[test]
fn text_behind_a_closing_quote_rejects_the_record() {
    check(
        "id,n\n1,\"a\"b\n2,ok\n3,\"a\nb\" ,c\n4,ok\n\"5\"x,\"ok\"\n",
        "id n",
        expect![[r#"
        2 REJECTED INGEST-1401-400: text behind a closing quote in line 2 "1,\"a\"b"
        3 2 | ok
        4 REJECTED INGEST-1401-400: text behind a closing quote in line 5 "3,\"a\nb\" ,c"
        6 4 | ok
        7 REJECTED INGEST-1401-400: text behind a closing quote in line 7 "\"5\"x,\"ok\""
        end: 5 records, 43 bytes
    "#]],
    );
}

#[test]
fn a_quote_open_in_the_last_line_rejects_that_line() {
    check(
        "id,n\n1,a\n2,\"b",
        "id n",
        expect![[r#"
        2 1 | a
        3 REJECTED INGEST-1401-400: the quote opened in line 3 is never closed "2,\"b"
        end: 2 records, 13 bytes
    "#]],
    );
    check(
        "id,n\n1,a\n2,\"b\r\n",
        "id n",
        expect![[r#"
        2 1 | a
        3 REJECTED INGEST-1401-400: the quote opened in line 3 is never closed "2,\"b\r\n"
        end: 2 records, 15 bytes
    "#]],
    );
    check(
        "id,n\n1,a\n2,\"",
        "id n",
        expect![[r#"
        2 1 | a
        3 REJECTED INGEST-1401-400: the quote opened in line 3 is never closed "2,\""
        end: 2 records, 12 bytes
    "#]],
    );
}

#[test]
fn a_quote_that_swallows_lines_refuses_the_file() {
    check(
        "id,n\n1,a\n2,\"b\n3,c\n4,d\n",
        "id n",
        expect![[r#"
        Invalid: INGEST-1401-400: a quote opened in line 3 of in/a.csv is never closed, so the rest of the file cannot be read (at in/a.csv line 3)
    "#]],
    );
    check(
        "id,n\n1,\"a\nb\",\"c\n3,c\n",
        "id n",
        expect![[r#"
        Invalid: INGEST-1401-400: a quote opened in line 3 of in/a.csv is never closed, so the rest of the file cannot be read (at in/a.csv line 3)
    "#]],
    );
    check(
        "id,\"n\n1,a\n2,b\n",
        "id n",
        expect![[r#"
        Invalid: INGEST-1401-400: a quote opened in line 1 of in/a.csv is never closed, so the rest of the file cannot be read (at in/a.csv line 1)
    "#]],
    );
}

#[test]
fn ragged_records_are_rejected_by_line() {
    check(
        "id,n\n1,a\n2\n3,c,x\n4,d\n5,\n6,f,\n",
        "id n",
        expect![[r#"
        2 1 | a
        3 REJECTED INGEST-1401-400: the record has 1 fields where the header has 2 "2"
        4 REJECTED INGEST-1401-400: the record has 3 fields where the header has 2 "3,c,x"
        5 4 | d
        6 5 | ∅
        7 REJECTED INGEST-1401-400: the record has 3 fields where the header has 2 "6,f,"
        end: 6 records, 29 bytes
    "#]],
    );
}

#[test]
fn trailing_delimiters_are_a_column_when_the_header_has_one() {
    check(
        "id,n,\n1,a,\n2,b\n",
        "id n",
        expect![[r#"
        2 1 | a
        3 REJECTED INGEST-1401-400: the record has 2 fields where the header has 3 "2,b"
        end: 2 records, 15 bytes
    "#]],
    );
}

#[test]
fn a_preamble_makes_every_record_ragged() {
    check(
        "Report of May\nid,n\n1,a\n",
        "id",
        expect![[r#"
            Invalid: INGEST-1401-400: none of the mapped columns is in in/a.csv: the header of in/a.csv has no column "id"; it has: Report of May (at in/a.csv line 1)
        "#]],
    );
}

#[test]
fn header_names_match_exactly_and_else_trimmed() {
    check(
        "id , Name,name\n1,a,b\n",
        "id name Name",
        expect![[r#"
        2 1 | b | a
        end: 1 records, 21 bytes
    "#]],
    );
    check(
        "id, id\n1,2\n",
        "id",
        expect![[r#"
        2 1
        end: 1 records, 11 bytes
    "#]],
    );
    check(
        "ID,\"n\"\"q\"\n1,2\n",
        "id n\"q",
        expect![[r#"
        2 ∅ | 2
        end: 1 records, 14 bytes
          MAPPER-3700-400: the header of in/a.csv has no column "id"; it has: ID, n"q
    "#]],
    );
}

#[test]
fn a_dotted_path_is_a_dotted_header() {
    check(
        "person.name,a[0]\nx,y\n",
        "person.name a[0]",
        expect![[r#"
        2 x | y
        end: 1 records, 21 bytes
    "#]],
    );
}

#[test]
fn a_duplicated_header_matters_only_where_it_is_asked() {
    check(
        "id,n,n\n1,a,b\n",
        "id",
        expect![[r#"
        2 1
        end: 1 records, 13 bytes
    "#]],
    );
    check(
        "id,n,n\n1,a,b\n",
        "id n",
        expect![[r#"
        Invalid: INGEST-1401-400: the header of in/a.csv has the mapped column "n" twice, as columns 2 and 3 (at in/a.csv line 1)
    "#]],
    );
    check(
        "\nid, n,n \n1,a,b\n",
        "n",
        expect![[r#"
        Invalid: INGEST-1401-400: the header of in/a.csv has the mapped column "n" twice, as columns 2 and 3 (at in/a.csv line 2)
    "#]],
    );
}

#[test]
fn a_column_that_the_header_lacks_is_null_and_told_once() {
    check(
        "id,n\n1,a\n2,b\n",
        "id city",
        expect![[r#"
        2 1 | ∅
        3 2 | ∅
        end: 2 records, 13 bytes
          MAPPER-3700-400: the header of in/a.csv has no column "city"; it has: id, n
    "#]],
    );
    let names: Vec<String> = (0..30).map(|at| format!("c{at}")).collect();
    check(
        names.join(",") + "\n",
        "city",
        expect![[r#"
            Invalid: INGEST-1401-400: none of the mapped columns is in in/a.csv: the header of in/a.csv has no column "city"; it has: c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16, c17, c18, c19 and 10 more (at in/a.csv line 1)
        "#]],
    );
}

#[test]
fn any_byte_may_delimit() {
    for (delimiter, text) in
        [(b';', "id;n\n1;a,b\n"), (b'\t', "id\tn\n1\ta,b\n"), (b'|', "id|n\n1|a,b\n"), (1, "id\u{1}n\n1\u{1}a,b\n")]
    {
        let options = FileOptions { delimiter, ..delimited() };
        let (objects, object) = Memory::one("a.csv", text, 7);
        let spec = ScanSpec::new(options, vec![path("id"), path("n")]);
        let told = super::run(told(spec, objects, object));
        assert_eq!(told, "2 1 | a,b\nend: 1 records, 11 bytes\n");
    }
}

#[test]
fn a_delimiter_with_another_meaning_is_refused() {
    for delimiter in [b'"', b'\n', 0xE9] {
        let options = FileOptions { delimiter, ..delimited() };
        let (objects, object) = Memory::one("a.csv", "id\n1\n", 7);
        let text = super::run(told(ScanSpec::new(options, vec![path("id")]), objects, object));
        assert!(text.starts_with("Invalid: INGEST-1401-400: a.csv cannot be read with the delimiter"), "{text}");
    }
}

#[test]
fn nul_bytes_and_odd_characters_are_kept() {
    check(
        "id,n\n1,a\0b\n2,\u{2028}x\n3,\u{85}\n4,\0\n",
        "id n",
        expect![[r#"
        2 1 | a\u{0}b
        3 2 | \u{2028}x
        4 3 | \u{85}
        5 4 | \u{0}
        end: 4 records, 27 bytes
    "#]],
    );
}

#[test]
fn bytes_that_are_not_utf8_reject_their_record() {
    check(
        b"id,n\n1,a\n2,\xFF\xFEz\n3,c\n\xE9,d\n5,\xC0\xAF\n6,\xED\xA0\x80\n7,\xE2\x82\n8,h\n",
        "id n",
        expect![[r#"
        2 1 | a
        3 REJECTED INGEST-1401-400: the field is not valid in the file's encoding (column n) "2,��z"
        4 3 | c
        5 REJECTED INGEST-1401-400: the field is not valid in the file's encoding (column id) "�,d"
        6 REJECTED INGEST-1401-400: the field is not valid in the file's encoding (column n) "5,��"
        7 REJECTED INGEST-1401-400: the field is not valid in the file's encoding (column n) "6,���"
        8 REJECTED INGEST-1401-400: the field is not valid in the file's encoding (column n) "7,�"
        9 8 | h
        end: 8 records, 43 bytes
    "#]],
    );
}

#[test]
fn bad_bytes_in_a_column_that_nobody_asked_for_do_no_harm() {
    check(
        b"id,n\n1,a\n2,\xFF\n",
        "id",
        expect![[r#"
        2 1
        3 2
        end: 2 records, 13 bytes
    "#]],
    );
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_header() {
    check(
        "\u{FEFF}id,n\n1,a\n",
        "id n",
        expect![[r#"
        2 1 | a
        end: 1 records, 12 bytes
    "#]],
    );
    check(
        "\u{FEFF}\"id\",n\n1,a\n",
        "id n",
        expect![[r#"
        2 1 | a
        end: 1 records, 14 bytes
    "#]],
    );
}

fn utf16(text: &str, little: bool, mark: bool) -> Vec<u8> {
    let text = if mark { format!("\u{FEFF}{text}") } else { text.to_string() };
    let mut bytes = Vec::new();
    for unit in text.encode_utf16() {
        bytes.extend(if little { unit.to_le_bytes() } else { unit.to_be_bytes() });
    }
    bytes
}

#[test]
fn utf16_is_read_with_and_without_a_mark() {
    let text = "id,name\n1,Zoë 🦀\n2,\"a\n\"\"b\"\n";
    for (encoding, little, mark) in [
        ("UTF-16LE", true, false),
        ("UTF-16BE", false, false),
        ("UTF-16", true, true),
        ("UTF-16LE", false, true),
        ("UTF-8", true, true),
        ("utf-8", false, true),
    ] {
        let bytes = utf16(text, little, mark);
        let options = FileOptions { encoding: encoding.into(), ..delimited() };
        let (objects, object) = Memory::one("a.csv", bytes.clone(), 3);
        let told = super::run(told(ScanSpec::new(options, vec![path("id"), path("name")]), objects, object));
        assert_eq!(told, format!("2 1 | Zoë 🦀\n3 2 | a\\n\"b\nend: 2 records, {} bytes\n", bytes.len()), "{encoding}");
    }
    let mut broken = utf16("id,name\n1,x\n2,", true, false);
    broken.extend(0xD800u16.to_le_bytes());
    broken.extend(utf16("\n3,z\n4,", true, false));
    broken.push(0x61);
    check_encoding(
        "UTF-16LE",
        broken,
        expect![[r#"
        2 1 | x
        3 REJECTED INGEST-1401-400: the field is not valid in the file's encoding (column name) "2,�"
        4 3 | z
        5 REJECTED INGEST-1401-400: the field is not valid in the file's encoding (column name) "4,�"
        end: 4 records, 45 bytes
    "#]],
    );
}

#[test]
fn declared_encodings_are_decoded() {
    check_encoding(
        "ISO-8859-1",
        b"id,name\n1,Zo\xEB\n",
        expect![[r#"
        2 1 | Zoë
        end: 1 records, 14 bytes
    "#]],
    );
    check_encoding(
        "windows-1252",
        b"id,name\n1,\x80 5\n",
        expect![[r#"
        2 1 | € 5
        end: 1 records, 14 bytes
    "#]],
    );
    check_encoding(
        "Shift_JIS",
        b"id,name\n1,\x93\xFA\x96{\n2,\x81\n3,\x82\xA0\n",
        expect![[r#"
        2 1 | 日本
        3 REJECTED INGEST-1401-400: the field is not valid in the file's encoding (column name) "2,�"
        4 3 | あ
        end: 3 records, 24 bytes
    "#]],
    );
    check_encoding(
        "windows-1251",
        "\u{FEFF}id,name\n1,mark wins é\n",
        expect![[r#"
        2 1 | mark wins é
        end: 1 records, 26 bytes
    "#]],
    );
}

#[test]
fn encodings_that_are_not_known_are_refused_by_name() {
    check_encoding(
        "EBCDIC-37",
        "id,name\n",
        expect![[r#"
        Invalid: INGEST-1401-400: the encoding "EBCDIC-37" declared for in/a.csv is not known (at in/a.csv)
    "#]],
    );
    check_encoding(
        "UTF-8",
        b"\xFF\xFE\0\0i\0\0\0d\0\0\0",
        expect![[r#"
        Invalid: INGEST-1401-400: in/a.csv is UTF-32, which is not supported (at in/a.csv)
    "#]],
    );
}

#[test]
fn columns_have_a_limit() {
    let wide = |columns: usize| {
        let names: Vec<String> = (0..columns).map(|at| format!("c{at}")).collect();
        let row = vec!["x"; columns].join(",");
        format!("{}\n{row}\n{row}\n", names.join(","))
    };
    check(
        wide(10_000),
        "c0 c9999",
        expect![[r#"
        2 x | x
        3 x | x
        end: 2 records, 98890 bytes
    "#]],
    );
    check(
        wide(10_001),
        "c0",
        expect![[r#"
        TooLarge: INGEST-1401-400: in/a.csv has 10001 columns; 10000 is the limit (at in/a.csv line 1)
    "#]],
    );
}
