//! What is printed at three widths, over fixed answers, and in each format.

use super::*;
use expect_test::{Expect, expect};
use serde_json::json;

fn screen(format: Format, width: Option<usize>) -> Screen {
    let mut screen = Screen::new(Some(format), Colour::Never, width, 0);
    screen.width = width;
    screen.now = DateTime::from_timestamp_millis(1_764_000_000_000).unwrap();
    screen
}

const COLUMNS: &[Column] = &[
    text("NAME", "/name"),
    number("ROWS", "/rows"),
    size("SIZE", "/bytes"),
    age("CHANGED", "/at"),
    text("WHAT", "/what"),
];

fn rows() -> Vec<Value> {
    vec![
        json!({ "name": "orders", "rows": 6_120_004, "bytes": 382_000_000, "at": 1_763_999_280_000_i64, "what": "all orders since the shop opened" }),
        json!({ "name": "evil\u{1b}[2Jname", "rows": 0, "bytes": 7, "at": 1_764_000_240_000_i64, "what": null }),
    ]
}

#[track_caller]
fn check(format: Format, width: Option<usize>, expected: Expect) {
    expected.assert_eq(&screen(format, width).list_text(COLUMNS, &rows()).unwrap());
}

#[test]
fn a_narrow_terminal_gets_one_below_the_other() {
    check(
        Format::Table,
        Some(40),
        expect![[r#"
            NAME: orders
            ROWS: 6,120,004
            SIZE: 382 MB
            CHANGED: 12 min ago
            WHAT: all orders since the shop opened

            NAME: evil\u{1b}[2Jname
            ROWS: 0
            SIZE: 7 B
            CHANGED: in 4 min
        "#]],
    );
}

#[test]
fn a_common_terminal() {
    check(
        Format::Table,
        Some(80),
        expect![[r#"
            NAME               ROWS       SIZE    CHANGED     WHAT
            orders             6,120,004  382 MB  12 min ago  all orders since the shop
                                                              opened
            evil\u{1b}[2Jname          0     7 B  in 4 min
        "#]],
    );
}

#[test]
fn a_wide_terminal_and_a_pipe_get_the_same() {
    check(
        Format::Table,
        Some(200),
        expect![[r#"
            NAME               ROWS       SIZE    CHANGED     WHAT
            orders             6,120,004  382 MB  12 min ago  all orders since the shop opened
            evil\u{1b}[2Jname          0     7 B  in 4 min
        "#]],
    );
    let wide = screen(Format::Table, Some(200)).list_text(COLUMNS, &rows()).unwrap();
    assert_eq!(screen(Format::Table, None).list_text(COLUMNS, &rows()).unwrap(), wide);
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    for width in [20, 40, 60, 80, 200] {
        let text = screen(Format::Table, Some(width)).list_text(COLUMNS, &rows()).unwrap();
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(widest <= width || width < 60, "{width}: {widest}\n{text}");
    }
}

#[test]
fn programs_get_values_as_they_are() {
    check(
        Format::Jsonl,
        Some(40),
        expect![[r#"
        {"name":"orders","rows":6120004,"bytes":382000000,"at":1763999280000,"what":"all orders since the shop opened"}
        {"name":"evil\u001b[2Jname","rows":0,"bytes":7,"at":1764000240000,"what":null}
    "#]],
    );
    let csv = screen(Format::Csv, Some(40)).list_text(COLUMNS, &rows()).unwrap();
    let expected = [
        "name,rows,size,changed,what",
        "orders,6120004,382000000,1763999280000,all orders since the shop opened",
        "evil\u{1b}[2Jname,0,7,1764000240000,",
        "",
    ];
    assert_eq!(csv, expected.join("\r\n"));
    check(
        Format::Yaml,
        Some(40),
        expect![[r#"
        - name: orders
          rows: 6120004
          bytes: 382000000
          at: 1763999280000
          what: all orders since the shop opened
        - name: "evil\e[2Jname"
          rows: 0
          bytes: 7
          at: 1764000240000
          what: null
    "#]],
    );
}

#[test]
fn a_formula_is_no_formula_any_more() {
    for (text, expected) in
        [("=1+1", "'=1+1"), ("+4", "'+4"), ("-x", "'-x"), ("@a", "'@a"), ("\tb", "'\tb"), ("plain", "plain")]
    {
        assert_eq!(cell(&json!(text)), expected);
    }
    assert_eq!(cell(&json!(-5)), "-5");
    assert_eq!(line(["a,b".to_string(), "say \"x\"".to_string()].into_iter()), "\"a,b\",\"say \"\"x\"\"\"\r\n");
}

#[test]
fn what_could_move_the_cursor_is_escaped() {
    assert_eq!(clean("a\u{1b}[31mb\nc\u{202e}d\u{200b}"), "a\\u{1b}[31mb\\nc\\u{202e}d\\u{200b}");
    assert_eq!(clean("größe 日本 ✔"), "größe 日本 ✔");
}

#[test]
fn moments_are_read_as_the_services_write_them() {
    for value in [json!(1_719_792_000_000_i64), json!("2024-07-01T00:00:00Z"), json!("2024-07-01T00:00:00.000+0000")] {
        assert_eq!(time(&value).map(exact).as_deref(), Some("2024-07-01T00:00:00Z"), "{value}");
    }
}

#[test]
fn numbers_sizes_and_spans_are_for_people() {
    assert_eq!((grouped(0), grouped(-1234), grouped(6_120_004)), ("0".into(), "-1,234".into(), "6,120,004".into()));
    assert_eq!((bytes(7.0), bytes(9_400_000.0), bytes(382e6)), ("7 B".into(), "9.4 MB".into(), "382 MB".into()));
    for (millis, expected) in [(12.0, "12 ms"), (58_000.0, "58 s"), (98_000.0, "1 m 38 s"), (7_260_000.0, "2 h 1 m")] {
        assert_eq!(duration(millis), expected);
    }
}

proptest::proptest! {
    #[test]
    fn any_text_survives_yaml(name in "\\PC{0,40}") {
        let text = yaml(&json!({ "name": name, "list": [name] })).unwrap();
        let back: Value = serde_saphyr::from_str(&text).unwrap();
        proptest::prop_assert_eq!(back, json!({ "name": name, "list": [name] }));
    }
}
