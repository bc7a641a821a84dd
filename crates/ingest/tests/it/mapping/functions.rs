//! Every function of the registry that is available, with edges: null, empty, characters beyond ASCII.

use super::evaluate;
use forebay_ingest::mapping::moment::Moment;
use forebay_model::mapping::functions::FUNCTIONS;

const FIELDS: &[(&str, Option<&str>)] = &[
    ("none", None),
    ("empty", Some("")),
    ("tags", Some("a|b||c")),
    ("list", Some("[\"x\",null,2]")),
    ("object", Some("{\"a\":1}")),
    ("umlaut", Some("Größe 🎈!")),
    ("number", Some("12.75")),
    ("big", Some("3000000000")),
    ("word", Some("word")),
    ("when", Some("2019-10-17T11:55:12.345-08:00")),
];

#[track_caller]
fn check(expression: &str, expected: &str) {
    assert_eq!(evaluate(expression, FIELDS), expected, "{expression}");
}

#[test]
fn every_available_function_runs_and_gives_what_its_example_says() {
    let mut seen = 0;
    for function in FUNCTIONS.iter().filter(|f| f.available) {
        let builtin = forebay_ingest::mapping::builtin(function.name)
            .unwrap_or_else(|| panic!("{} is not compiled", function.name));
        assert!(builtin.least <= function.min_args(), "{} takes fewer arguments than the registry says", function.name);
        assert!(function.max_args().is_none_or(|most| most <= builtin.most), "{} takes more arguments", function.name);
        let found = evaluate(function.example, FIELDS);
        let expected = match function.name {
            // The run's moment is an argument; these tests give their own.
            "now" => "2024-07-01T10:10:24.500Z".to_string(),
            "timestamp" => "1719828624500".to_string(),
            _ => text_of(function.result),
        };
        let same_moment =
            Moment::parse(&found).zip(Moment::parse(&expected)).is_some_and(|(a, b)| a.micros == b.micros);
        assert!(found == expected || same_moment, "{}: {found} is not {expected}", function.example);
        seen += 1;
    }
    assert!(seen >= 38, "only {seen} functions are available");
}

/// A result as the registry writes it (JSON) as a text target shows it.
fn text_of(result: &str) -> String {
    match serde_json::from_str(result) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => result.to_string(),
    }
}

#[test]
fn concat_takes_null_as_empty() {
    check("concat(\"a\", none, \"ö\")", "aö");
    check("concat(none, none)", "null");
    check("concat(empty)", "");
    check("concat(1, true, 2.5)", "1true2.5");
}

#[test]
fn explode_and_split_cut_differently() {
    check("explode(\"a,b,,c\")", r#"["a","b","","c"]"#);
    check("explode(\"a--b-c\", \"--\")", r#"["a","b-c"]"#);
    check("explode(tags, \"\\\\|\")", r#"["a","b","","c"]"#);
    check("explode(empty)", "[]");
    check("explode(none)", "null");
    check("split(\"a,b;c\", \",;\")", r#"["a","b","c"]"#);
    check("split(tags, \"|\")", r#"["a","b","","c"]"#);
    check("split(umlaut, \"ö\")", r#"["Gr","ße 🎈!"]"#);
    check("split(none, \",\")", "null");
}

#[test]
fn join_takes_lists_values_and_json_text() {
    check("join(\"-\", list)", "x-2");
    check("join(\"-\", split(tags, \"|\"), \"d\")", "a-b--c-d");
    check("join(\", \", \"a\", none, \"b\")", "a, b");
    check("join(\"-\", none)", "null");
}

#[test]
fn places_are_characters_from_zero() {
    check("substr(\"This is a substring test\", 7, 8)", " a subst");
    check("substr(umlaut, 2, 3)", "öße");
    check("substr(umlaut, 6, 100)", "🎈!");
    check("substr(umlaut, 8, 1)", "");
    check("substr(umlaut, 9, 1)", "failed: substr() starts at 9, outside the text's 8 characters");
    check("substr(umlaut, -1, 1)", "failed: substr() starts at -1, outside the text's 8 characters");
    check("substr(word, 0, -1)", "failed: substr() takes -1 characters");
    check("substr(word, word, 1)", "failed: substr() takes a number, and \"word\" is none");
    check("substr(none, 0, 1)", "null");
    check("instr(\"adobe.com\", \"com\")", "6");
    check("instr(umlaut, \"e\")", "4");
    check("instr(\"abcabc\", \"bc\", 2)", "4");
    check("instr(\"abcabc\", \"bc\", 0, 2)", "4");
    check("instr(\"abc\", \"x\")", "-1");
    check("instr(\"abc\", \"a\", 9)", "-1");
    check("instr(none, \"a\")", "null");
    check("left(umlaut, 3)", "Grö");
    check("left(word, 99)", "word");
    check("left(word, 0)", "");
    check("right(umlaut, 2)", "🎈!");
    check("right(word, -1)", "failed: right() takes -1 characters");
    check("left(none, 1)", "null");
}

#[test]
fn padding_and_trimming_count_characters() {
    check("lpad(\"bat\", 8, \"yz\")", "yzyzybat");
    check("rpad(\"bat\", 8, \"yz\")", "batyzyzy");
    check("lpad(\"ö\", 3, \"🎈\")", "🎈🎈ö");
    check("lpad(word, 2, \"x\")", "word");
    check("lpad(word, 5, \"\")", " word");
    check("lpad(none, 5, \"x\")", "null");
    check("lpad(word, 99999999, \"x\")", "failed: lpad() makes at most 1048576 characters");
    check("ltrim(\"  a \") + \"|\"", "a |");
    check("rtrim(\"  a \") + \"|\"", "  a|");
    check("trim(\"  a \") + \"|\"", "a|");
    check("trim(none)", "null");
}

#[test]
fn texts_are_changed_and_compared() {
    check("upper(umlaut)", "GRÖSSE 🎈!");
    check("ucase(word)", "WORD");
    check("lcase(\"ÄB\")", "äb");
    check("replacestr(\"a.b.c\", \".\", \"-\")", "a-b-c");
    check("replacestr(word, \"\", \"-\")", "word");
    check("replacestr(none, \"a\", \"b\")", "null");
    check("word.equals(\"Word\")", "false");
    check("word.equalsIgnoreCase(\"WORD\")", "true");
    check("equals(none, none)", "true");
    check("equals(none, empty)", "false");
}

#[test]
fn conversions_cut_fractions_and_check_ranges() {
    check("to_integer(number)", "12");
    check("to_integer(\"-12.75\")", "-12");
    check("to_integer(big)", "failed: to_integer() gives -2147483648 to 2147483647, and the number is beyond");
    check("to_bigint(big)", "3000000000");
    check(
        "to_bigint(\"1e30\")",
        "failed: to_bigint() gives -9223372036854775808 to 9223372036854775807, and the number is beyond",
    );
    check("to_decimal(number)", "12.75");
    check("to_float(word)", "failed: to_float() takes a number, and \"word\" is none");
    check("to_float(empty)", "null");
    check("to_integer(none)", "null");
}

#[test]
fn logic_takes_the_first_that_fits() {
    check("decode(\"x\", \"a\", 1, \"b\", 2)", "null");
    check("decode(\"b\", \"a\", 1, \"b\", 2, 3)", "2");
    check("decode(none, null, \"was null\", \"other\")", "was null");
    check("iif(none, 1, 2)", "2");
    check("coalesce(none, empty, word)", "");
    check("is_empty(none)", "true");
    check("is_empty(empty)", "true");
    check("is_empty(\"[]\")", "true");
    check("is_empty(object)", "false");
    check("nullify()", "null");
    check("min(3, \"1\", none, 2)", "1");
    check("max(\"b\", \"c\", \"a\")", "c");
    check("max(list)", "x");
    check("min(none)", "null");
}

#[test]
fn dates_are_read_by_format_default_or_guess() {
    check("date(\"2019-10-23 11:24\", \"yyyy-MM-dd HH:mm\")", "2019-10-23T11:24:00Z");
    check("date(\"23.10.2019\")", "2019-10-23T00:00:00Z");
    check("date(none, \"yyyy\", \"2020-01-01\")", "2020-01-01T00:00:00Z");
    check("date(empty, \"yyyy\", now())", "2024-07-01T10:10:24.500Z");
    check("date(none)", "null");
    check("date(word)", "failed: \"word\" is not a date in any known format");
    check("date(\"2019\", \"yyyy-MM\")", "failed: \"2019\" is not a date by the format given");
    check("date(word, word)", "failed: the date pattern `word` has the letter o, which is not supported");
}

#[test]
fn dates_are_told_by_the_clock_of_their_zone() {
    check("format(date(when), \"HH:mm XXX\")", "11:55 -08:00");
    check("format(zone_date_to_utc(when), \"HH:mm\")", "19:55");
    check("zone_date_to_zone(when, \"Europe/Paris\")", "2019-10-17T21:55:12.345+02:00");
    check("format(zone_date_to_zone(when, \"Europe/Paris\"), \"HH:mm z VV\")", "21:55 CEST Europe/Paris");
    check("zone_date_to_zone(when, \"Mars/Olympus\")", "failed: \"Mars/Olympus\" is not a time zone");
    check("zone_date_to_utc(\"2019-10-17T11:55:12 PST\")", "2019-10-17T19:55:12Z");
    check("dformat(1571829875000, \"yyyy-MM-dd'T'HH:mm:ss.SSSX\")", "2019-10-23T11:24:35.000Z");
    check("dformat(timestamp(), \"yyyy\")", "2024");
    check("dformat(none, \"yyyy\")", "null");
    check("dformat(9223372036854775807, \"yyyy\")", "failed: 9223372036854775807 milliseconds are beyond the calendar");
}

#[test]
fn parts_of_dates_are_read_and_set() {
    check("date_part(\"year\", when)", "2019");
    check("date_part(\"QQ\", when)", "4");
    check("date_part(\"dy\", when)", "290");
    check("date_part(\"w\", when)", "42");
    check("date_part(\"dw\", when)", "4");
    check("date_part(\"hh12\", \"2019-10-17T15:00:00Z\")", "3");
    check("date_part(\"ms\", when)", "345");
    check("date_part(\"century\", when)", "failed: date_part() knows no component \"century\"");
    check("date_part(\"year\", none)", "null");
    check("set_date_part(\"m\", 4, date(\"2016-11-09T11:44:44.797\"))", "2016-04-09T11:44:44.797Z");
    check("set_date_part(\"d\", 31, date(\"2016-11-09\"))", "failed: set_date_part() cannot set d to 31");
    check("set_date_part(\"yy\", 2020, when)", "2020-10-17T11:55:12.345-08:00");
}

#[test]
fn dates_are_made_from_parts() {
    check(
        "zone_date_to_utc(make_date_time(2019, 10, 17, 11, 55, 12, 999, \"America/Los_Angeles\"))",
        "2019-10-17T18:55:12Z",
    );
    check(
        "make_timestamp(2019, 13, 17, 11, 55, 12, 0, \"UTC\")",
        "failed: make_date_time() has no moment for [2019, 13, 17, 11, 55, 12, 0]",
    );
    check("make_timestamp(2019, none, 17, 11, 55, 12, 0, \"UTC\")", "null");
}
