//! What every function of the registry gives (PL §5.3): a table of cases, edges included. A function with fewer than
//! three cases, or with none for null, fails the table.

use super::evaluate;
use forebay_model::mapping::ast::{Expr, Node};
use forebay_model::mapping::functions::FUNCTIONS;
use forebay_model::mapping::grammar;
use std::collections::HashMap;

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 5_1_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like Gecko) Version/5.1 Mobile/9B206 Safari/7534.48.3";
const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";
const PIXEL: &str = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.6099.43 Mobile Safari/537.36";
const IPAD: &str = "Mozilla/5.0 (iPad; CPU OS 9_3 like Mac OS X) AppleWebKit/601.1.46 (KHTML, like Gecko) Version/9.0 Mobile/13E233 Safari/601.1";
const GOOGLE: &str = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)";
const CONSOLE: &str = "Mozilla/5.0 (PlayStation 4 5.55) AppleWebKit/601.2 (KHTML, like Gecko)";

/// The record that the cases read.
const FIELDS: &[(&str, Option<&str>)] = &[
    ("none", None),
    ("empty", Some("")),
    ("blank", Some("  ")),
    ("word", Some("word")),
    ("umlaut", Some("Größe 🎈!")),
    ("number", Some("12.75")),
    ("big", Some("3000000000")),
    ("tags", Some("a|b||c")),
    ("list", Some(r#"["x",null,2]"#)),
    ("objects", Some(r#"[{"id":"a","n":1},{"id":"b","n":2},{"n":3},{"id":"a","n":4}]"#)),
    ("object", Some(r#"{"a":1,"b":{"c":[10,20]},"d":null}"#)),
    ("broken", Some("[1,")),
    ("when", Some("2019-10-17T11:55:12.345-08:00")),
    ("url", Some("https://joe:pw@Example.com:8443/over//there.html?a=1&b=x%20y+z&c#end")),
    ("iphone", Some(IPHONE)),
    ("chrome", Some(CHROME)),
    ("pixel", Some(PIXEL)),
    ("ipad", Some(IPAD)),
    ("google", Some(GOOGLE)),
    ("console", Some(CONSOLE)),
];

/// An expression, and what a text target shows of its value: lists and objects as JSON, `null`, or `failed: …`.
#[rustfmt::skip]
const CASES: &[(&str, &str)] = &[
    // String.
    (r#"concat("a", none, "ö")"#, "aö"),
    ("concat(none, none)", "null"),
    ("concat(empty)", ""),
    ("concat(1, true, 2.5)", "1true2.5"),
    ("concat(list, object)", r#"["x",null,2]{"a":1,"b":{"c":[10,20]},"d":null}"#),
    (r#"explode("a,b,,c")"#, r#"["a","b","","c"]"#),
    (r#"explode("a--b-c", "--")"#, r#"["a","b-c"]"#),
    (r#"explode(tags, "\\|")"#, r#"["a","b","","c"]"#),
    ("explode(empty)", "[]"),
    ("explode(none)", "null"),
    (r#"explode("öaö", "")"#, r#"["ö","a","ö"]"#),
    (r#"instr("adobe.com", "com")"#, "6"),
    (r#"instr(umlaut, "!")"#, "7"),
    (r#"instr("abcabc", "bc", 2)"#, "4"),
    (r#"instr("abcabc", "bc", 0, 2)"#, "4"),
    (r#"instr("abc", "a", 9)"#, "-1"),
    (r#"instr(none, "a")"#, "null"),
    (r#"instr("abc", "c", -1)"#, "failed: instr() takes a start from 0 and an occurrence from 1"),
    (r#"replacestr("a.b.c", ".", "-")"#, "a-b-c"),
    (r#"replacestr(word, "", "-")"#, "word"),
    (r#"replacestr(none, "a", "b")"#, "null"),
    (r#"replacestr(umlaut, "🎈", none)"#, "Größe 🎈!"),
    (r#"substr("This is a substring test", 7, 8)"#, " a subst"),
    ("substr(umlaut, 6, 100)", "🎈!"),
    ("substr(umlaut, 9, 1)", "failed: substr() starts at 9, outside the text's 8 characters"),
    ("substr(word, -1, 1)", "failed: substr() starts at -1, outside the text's 4 characters"),
    ("substr(none, 0, 1)", "null"),
    ("substr(word, 9223372036854775807, 1)", "failed: substr() starts at 9223372036854775807, outside the text's 4 characters"),
    (r#"lower("ÄB")"#, "äb"), ("lower(none)", "null"), ("lcase(12)", "12"),
    (r#"upper("straße")"#, "STRASSE"), ("upper(none)", "null"), ("ucase(true)", "TRUE"),
    (r#"split("a,b;c", ",;")"#, r#"["a","b","c"]"#),
    (r#"split(empty, ",")"#, "[]"),
    (r#"split(none, ",")"#, "null"),
    (r#"split(word, none)"#, "null"),
    (r#"join(" ", to_array(true, "Hello", "world"))"#, "Hello world"),
    (r#"join("-", list, none, "z")"#, "x-2-z"),
    (r#"join("-", none)"#, "null"),
    (r#"join(none, ["a", "b"])"#, "ab"),
    (r#"lpad("bat", 8, "yz")"#, "yzyzybat"),
    (r#"lpad("ö", 3, "🎈")"#, "🎈🎈ö"),
    (r#"lpad(word, 5, "")"#, " word"),
    (r#"lpad(none, 5, "x")"#, "null"),
    (r#"lpad(word, 99999999, "x")"#, "failed: lpad() makes at most 1048576 characters"),
    ("lpad(word, 6, none)", "  word"),
    (r#"lpad(word, -1, "x")"#, "failed: lpad() takes -1 characters"),
    (r#"rpad("bat", 8, "yz")"#, "batyzyzy"), (r#"rpad(word, 2, "x")"#, "word"), (r#"rpad(none, 5, "x")"#, "null"),
    ("left(umlaut, 3)", "Grö"), ("left(word, 99)", "word"), ("left(word, 0)", ""), ("left(none, 1)", "null"),
    ("right(umlaut, 2)", "🎈!"), ("right(none, 1)", "null"), ("right(word, -1)", "failed: right() takes -1 characters"),
    (r#"ltrim("  a ") + "|""#, "a |"), ("ltrim(none)", "null"), ("ltrim(blank)", ""),
    (r#"rtrim("  a ") + "|""#, "  a|"), ("rtrim(none)", "null"), ("rtrim(blank)", ""),
    (r#"trim("\t a \n") + "|""#, "a|"), ("trim(none)", "null"), ("trim(\"\u{a0}x\")", "x"),
    (r#"word.equals("Word")"#, "false"), ("equals(none, none)", "true"), ("equals(none, empty)", "false"), ("equals(1, \"1\")", "true"),
    (r#"word.equalsIgnoreCase("WORD")"#, "true"), (r#""Ä".equalsIgnoreCase("ä")"#, "true"), ("equalsIgnoreCase(none, word)", "false"),

    // Regular expressions.
    (r#"extract_regex("E259,E259B_009,1_1", "([^,]+),[^,]*,([^,]+)")"#, r#"["E259,E259B_009,1_1","E259","1_1"]"#),
    (r#"extract_regex("id=42;", "id=(\d+)")"#, r#"["id=42","42"]"#),
    (r#"extract_regex(word, "x(y)")"#, "null"),
    (r#"extract_regex("ac", "a(b)?c")"#, r#"["ac",null]"#),
    (r#"extract_regex(none, "a")"#, "null"),
    (r#"extract_regex(umlaut, "ö.e")"#, r#"["öße"]"#),
    (r#"extract_regex(word, broken)"#, "failed: the pattern is no regular expression: unclosed character class"),
    (r#"extract_regex("x", "(x)")[1]"#, "x"),
    (r#"matches_regex("E259,E259B_009,1_1", "([^,]+),[^,]*,([^,]+)")"#, "true"),
    (r#"matches_regex(word, "wor")"#, "false"),
    (r#"matches_regex(none, ".*")"#, "false"),
    (r#"matches_regex(word, none)"#, "false"),
    (r#"matches_regex(word, lower("WORD"))"#, "true"),
    (r#"matches_regex("٣", "\d")"#, "false"),
    (r#"matches_regex(word + "!", "(a+)+b")"#, "false"),

    // Hashing.
    (r#"sha1("my text", "UTF-8")"#, "c3599c11e47719df18a2448690840c5dfcce3c80"),
    ("sha1(empty)", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("sha1(none)", "null"),
    (r#"sha1("ä", "UTF-16")"#, "8a5b4c167cc2fd42a2a4752ebaefcc2b8aad3b53"),
    (r#"sha256("my text")"#, "7330d2b39ca35eaf4cb95fc846c21ee6a39af698154a83a586ee270a0d372104"),
    ("sha256(empty)", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), ("sha256(none)", "null"),
    (r#"sha256("ä", "EBCDIC")"#, "failed: sha256() knows no character set \"EBCDIC\": it is UTF-8, UTF-16, ISO-8859-1 or US-ASCII"),
    (r#"left(sha512("my text", "UTF-8"), 16)"#, "a3d7e45a0d9be5fd"), ("sha512(none)", "null"), ("left(sha512(empty), 8)", "cf83e135"),
    (r#"md5("my text", "UTF-8")"#, "d3b96ce8c9fb4e9bd0198d03ba6852c7"), ("md5(none)", "null"),
    (r#"md5("ä", "ISO-8859-1") == md5("ä", "UTF-8")"#, "false"),
    (r#"md5("ä", "US-ASCII") == md5("?")"#, "true"),
    (r#"crc32("my text", "UTF-8")"#, "8df92e80"), ("crc32(empty)", "00000000"), ("crc32(none)", "null"),
    (r#"crc32("a", none) == crc32("a", "utf-8")"#, "true"),

    // URL.
    ("get_url_protocol(url)", "https"), ("get_url_protocol(word)", "null"), ("get_url_protocol(none)", "null"),
    (r#"get_url_protocol("HTTP://x")"#, "HTTP"),
    ("get_url_host(url)", "Example.com"), ("get_url_host(none)", "null"), (r#"get_url_host("mailto:a@b")"#, "null"),
    (r#"get_url_host("http://[2001:db8::1]:80/")"#, "[2001:db8::1]"),
    (r#"get_url_host("https://platform.adobe.com/home")"#, "platform.adobe.com"),
    ("get_url_port(url)", "8443"), ("get_url_port(none)", "null"), (r#"get_url_port("sftp://example.com//home")"#, "22"),
    (r#"get_url_port("foo://example.com")"#, "null"), (r#"get_url_port("http://x:99999")"#, "null"),
    ("get_url_path(url)", "/over//there.html"), ("get_url_path(url, false)", "there.html"), ("get_url_path(none)", "null"),
    (r#"get_url_path("http://x")"#, ""), (r#"get_url_path("sftp://example.com//home/joe/employee.csv")"#, "//home/joe/employee.csv"),
    (r#"get_url_query_str("foo://example.com:8042/over/there?name=ferret#nose", "retain")"#, r##"{"name":"ferret#nose"}"##),
    (r#"get_url_query_str("foo://example.com:8042/over/there?name=ferret#nose", "remove")"#, r#"{"name":"ferret"}"#),
    (r#"get_url_query_str("foo://example.com:8042/over/there?name=ferret#nose", "append")"#, r#"{"name":"ferret","_anchor_":"nose"}"#),
    (r#"get_url_query_str(url, "remove")"#, r#"{"a":"1","b":"x y z","c":""}"#),
    (r#"get_url_query_str(none, "remove")"#, "null"), (r#"get_url_query_str("http://x", "append")"#, "{}"),
    (r#"get_url_query_str(url, "twist")"#, "failed: get_url_query_str() does one of retain, remove and append with the anchor"),
    (r#"get_url_encoded("https://example.com/a-b_c.d")"#, "https%3A%2F%2Fexample.com%2Fa-b_c.d"),
    (r##"get_url_encoded(" !\"#$%&'()*+,/:;<=>?@[|]^`~")"##, "%20%21%22%23%24%25%26%27%28%29%2A%2B%2C%2F%3A%3B%3C%3D%3E%3F%40%5B%7C%5D%5E%60%7E"),
    ("get_url_encoded(none)", "null"), (r#"get_url_encoded("ö")"#, "%C3%B6"),
    (r#"get_url_decoded("https%3A%2F%2Fexample.com%2Fa+b")"#, "https://example.com/a+b"), ("get_url_decoded(none)", "null"),
    (r#"get_url_decoded("%FF")"#, "failed: what is percent-encoded is no UTF-8 text"), (r#"get_url_decoded("100%")"#, "100%"),

    // Date and time. The run's moment is an argument of these tests.
    ("now()", "2024-07-01T10:10:24.500Z"), ("now() == now()", "true"), (r#"format(now(), "yyyy")"#, "2024"),
    ("timestamp()", "1719828624500"), ("timestamp() - timestamp()", "0"), (r#"dformat(timestamp(), "yyyy")"#, "2024"),
    (r#"format(date(when), "HH:mm XXX")"#, "11:55 -08:00"),
    (r#"format(zone_date_to_zone(when, "Europe/Paris"), "HH:mm z VV")"#, "21:55 CEST Europe/Paris"),
    (r#"format(none, "yyyy")"#, "null"),
    (r#"format("2019-10-23T11:24:35Z", "yyyy-MM-dd HH:mm:ss")"#, "2019-10-23 11:24:35"),
    (r#"dformat(1571829875000, "yyyy-MM-dd'T'HH:mm:ss.SSSX")"#, "2019-10-23T11:24:35.000Z"),
    (r#"dformat(none, "yyyy")"#, "null"),
    (r#"dformat(9223372036854775807, "yyyy")"#, "failed: 9223372036854775807 milliseconds are beyond the calendar"),
    (r#"date("2019-10-23 11:24", "yyyy-MM-dd HH:mm")"#, "2019-10-23T11:24:00Z"),
    (r#"date("23.10.2019")"#, "2019-10-23T00:00:00Z"),
    (r#"date(none, "yyyy", "2020-01-01")"#, "2020-01-01T00:00:00Z"),
    (r#"date(empty, "yyyy", now())"#, "2024-07-01T10:10:24.500Z"),
    ("date(none)", "null"),
    ("date(word)", "failed: \"word\" is not a date in any known format"),
    (r#"date("2019-02-29", "yyyy-MM-dd")"#, "failed: \"2019-02-29\" is not a date by the format given"),
    (r#"date_part("MM", date("2019-10-17 11:55:12"))"#, "10"),
    (r#"date_part("dy", when)"#, "290"), (r#"date_part("hh12", "2019-10-17T00:00:00Z")"#, "12"),
    (r#"date_part("SSS", when)"#, "345"),
    (r#"date_part("year", none)"#, "null"),
    (r#"date_part("century", when)"#, "failed: date_part() knows no component \"century\""),
    (r#"set_date_part("m", 4, date("2016-11-09T11:44:44.797"))"#, "2016-04-09T11:44:44.797Z"),
    (r#"set_date_part("d", 31, date("2016-11-09"))"#, "failed: set_date_part() cannot set d to 31"),
    (r#"set_date_part("yy", 2023, "2024-02-29")"#, "failed: set_date_part() cannot set yy to 2023"),
    (r#"set_date_part("m", 4, none)"#, "null"),
    // A clock that goes forward skips times, one that goes back has them twice.
    (r#"make_date_time(2024, 3, 31, 2, 30, 0, 0, "Europe/Paris")"#, "2024-03-31T03:30:00+02:00"),
    (r#"make_date_time(2024, 10, 27, 2, 30, 0, 0, "Europe/Paris")"#, "2024-10-27T02:30:00+02:00"),
    (r#"make_timestamp(2019, 13, 17, 11, 55, 12, 0, "UTC")"#, "failed: make_date_time() has no moment for [2019, 13, 17, 11, 55, 12, 0]"),
    (r#"make_timestamp(2019, none, 17, 11, 55, 12, 0, "UTC")"#, "null"),
    (r#"zone_date_to_utc(make_date_time(2019, 10, 17, 11, 55, 12, 999, "America/Los_Angeles"))"#, "2019-10-17T18:55:12Z"),
    (r#"zone_date_to_utc("2019-10-17T11:55:12 PST")"#, "2019-10-17T19:55:12Z"),
    ("zone_date_to_utc(none)", "null"),
    (r#"zone_date_to_zone(when, "Europe/Paris")"#, "2019-10-17T21:55:12.345+02:00"),
    (r#"zone_date_to_zone(when, "Mars/Olympus")"#, "failed: \"Mars/Olympus\" is not a time zone"),
    (r#"zone_date_to_zone(none, "UTC")"#, "null"),

    // Objects.
    ("size_of([1, 2, 3, 4])", "4"), ("size_of(none)", "0"), ("size_of(umlaut)", "8"), ("size_of(object)", "3"), ("size_of(list)", "3"),
    ("size_of({})", "0"), ("size_of(12)", "2"),
    ("is_empty(none)", "true"), ("is_empty(empty)", "true"), ("is_empty([])", "true"), ("is_empty(\"[]\")", "true"),
    ("is_empty([1, null, 2, 3])", "false"), ("is_empty({})", "true"), ("is_empty(0)", "false"),
    (r#"arrays_to_objects("sku", explode("id1|id2", "\\|"), "price", [22.5, 14.35])"#, r#"[{"sku":"id1","price":22.5},{"sku":"id2","price":14.35}]"#),
    (r#"arrays_to_object("a", [1, 2], "b", ["x"])"#, r#"[{"a":1,"b":"x"},{"a":2,"b":null}]"#),
    (r#"arrays_to_object("a", none)"#, "[]"),
    (r#"arrays_to_object(none, [1])"#, "failed: arrays_to_object() has a key that is null"),
    (r#"to_object("firstName", "John", "lastName", "Doe")"#, r#"{"firstName":"John","lastName":"Doe"}"#),
    (r#"to_object("a", none)"#, r#"{"a":null}"#), (r#"to_object("a", 1, "a", [2])"#, r#"{"a":[2]}"#), (r#"to_object(1, object)"#, r#"{"1":"{\"a\":1,\"b\":{\"c\":[10,20]},\"d\":null}"}"#),
    (r#"str_to_object("firstName=John,lastName=Doe,phone=123 456 7890", "=", ",")"#, r#"{"firstName":"John","lastName":"Doe","phone":"123 456 7890"}"#),
    (r#"str_to_object("firstName - John ; lastName - ; phone - 123 456 7890", "-", ";").get("firstName")"#, "John"),
    (r#"str_to_object("a:1,b:2:3,c,:d")"#, r#"{"a":"1","b":"2:3","":"d"}"#),
    ("str_to_object(none)", "null"), ("str_to_object(empty)", "{}"),
    (r#"get({"a": 1}, "a")"#, "1"), (r#"get({"a": 1}, "b")"#, "null"), (r#"get(none, "a")"#, "null"), (r#"get(object, "b").c[1]"#, "20"),
    (r#"get(list, 0)"#, "x"), ("get(list, 9)", "null"), (r#"get(objects, "id")"#, r#"["a","b",null,"a"]"#), (r#"get(word, "a")"#, "null"),
    (r#"get(list, -1 + 0)"#, "null"), ("[10, 20, 30][1 + 1]", "30"), (r#"{"a": {"b": [1, 2]}}.a.b[1]"#, "2"),
    (r#"contains_key("word")"#, "true"), (r#"contains_key("nowhere.at.all")"#, "false"), ("contains_key(none)", "false"), ("is_set(empty)", "true"),
    ("nullify()", "null"), (r#"coalesce(nullify(), "x")"#, "x"), ("is_empty(nullify())", "true"), ("iif(none, 1, nullify())", "null"),
    (r#"get_keys({"book1": "Pride and Prejudice", "book2": "1984"})"#, r#"["book1","book2"]"#),
    ("get_keys(object)", r#"["a","b","d"]"#), ("get_keys(none)", "null"), ("get_keys({})", "[]"),
    ("get_keys(list)", "failed: get_keys() takes an object, and \"[\"x\",null,2]\" is none"),
    (r#"get_values("firstName - John , lastName - Cena , phone - 555 420 8692", "firstName", "-", ",")"#, "John"),
    (r#"get_values("a:1,b:2", "b", empty)"#, "2"), (r#"get_values("a:1", "z", ":")"#, "null"), (r#"get_values(none, "a", ":")"#, "null"),

    // Arrays.
    (r#"coalesce(null, null, null, "first", null, "second")"#, "first"), ("coalesce(none, empty, word)", ""), ("coalesce(none)", "null"),
    ("coalesce(none, [1])", "[1]"),
    (r#"first("1", "2", "3")"#, "1"), ("first(list)", "x"), ("first([])", "null"), ("first(none)", "null"), ("first(none, 2)", "null"),
    (r#"last("1", "2", "3")"#, "3"), ("last(list)", "2"), ("last([])", "null"), ("last(none)", "null"), ("last([[1], [2, 3]])", "[2,3]"),
    ("add_to_array(['a', 'b'], 'c', 'd')", r#"["a","b","c","d"]"#), ("add_to_array(none, 1)", "[1]"), ("add_to_array(list, none, [3])", r#"["x",null,2,null,[3]]"#),
    ("join_arrays(['a', 'b'], ['c'], ['d', 'e'])", r#"["a","b","c","d","e"]"#), ("join_arrays(none, [1])", "[1]"), ("join_arrays(list, 3)", r#"["x",null,2,3]"#),
    ("to_array(false, 1, null, 2, 3)", "[1,2,3]"), ("to_array(true, 1, none)", "[1,null]"), ("to_array(none, 1, null)", "[1]"),
    ("upsert_array_append([123, 456])", "[123,456]"), ("upsert_array_append(none)", "null"), ("upsert_array_append(1)", "[1]"),
    ("upsert_array_replace([123, 456], 1)", "[123,456]"), ("upsert_array_replace(none)", "null"), ("upsert_array_replace(list)", r#"["x",null,2]"#),
    (r#"array_to_string(";", ["Hello", "world"])"#, "Hello;world"), (r#"array_to_string("-", list)"#, "x-2"), (r#"array_to_string(";", none)"#, "null"),
    ("filterArray([5, -6, 0, 7], x -> x > 0)", "[5,7]"), ("filterArray(none, x -> true)", "null"), (r#"filterArray(objects, o -> o.id == "a")"#, r#"[{"id":"a","n":1},{"id":"a","n":4}]"#),
    ("filterArray([[1], []], x -> !is_empty(x))", "[[1]]"),
    ("transformArray([5, 6, 7], x -> x + 1)", "[6,7,8]"), ("transformArray(none, x -> x)", "null"), ("transformArray(list, (x) -> coalesce(x, word))", r#"["x","word",2]"#),
    ("transformArray([[1, 2], [3]], row -> transformArray(row, x -> x * size_of(row)))", "[[2,4],[3]]"),
    (r#"transformArray(objects, o -> {"key": o.id, "list": [o.n, o["n"]]})[1]"#, r#"{"key":"b","list":[2,2]}"#),
    ("transformArray([1, 0], x -> 10 / x)", "failed: a division by zero"),
    (r#"flattenArray([[["a", "b"], ["c"]], [["d"]]])"#, r#"["a","b","c","d"]"#), ("flattenArray(none)", "null"), ("flattenArray([1, [], null])", "[1,null]"),

    // Maps.
    (r#"map_get_values({"author": "Martin", "price": 17.99}, "author")"#, "Martin"), (r#"map_get_values({"a": 1, "b": 1, "c": 2}, ["c", "a", "b", "z"])"#, "[1,2]"),
    (r#"map_get_values(none, "a")"#, "null"), (r#"map_get_values({"1": "x"}, 1)"#, "x"),
    (r#"map_has_keys({"author": "Martin"}, ["isbn", "author"])"#, "true"), (r#"map_has_keys(object, "z")"#, "false"), (r#"map_has_keys(none, "a")"#, "false"),
    (r#"add_to_map({"a": 1}, {"a": 2, "b": 3})"#, r#"{"a":1,"b":3}"#), (r#"add_to_map(none, {"a": 1})"#, r#"{"a":1}"#), ("add_to_map(none, none)", "null"),
    ("add_to_map({}, word)", "failed: add_to_map() takes an object, and \"word\" is none"),
    (r#"object_to_map({"line1": "345 park ave"})"#, r#"{"line1":"345 park ave"}"#), ("object_to_map(none)", "null"), ("object_to_map(object).b.c", "[10,20]"),
    (r#"array_to_map([{"id": "a", "n": 1}, {"id": "b", "n": 2}], "id")"#, r#"{"a":{"id":"a","n":1},"b":{"id":"b","n":2}}"#), (r#"size_of(array_to_map(objects, "id"))"#, "2"),
    (r#"array_to_map(none, "id")"#, "null"),
    (r#"to_map("firstName", "John", "lastName", "Doe")"#, r#"{"firstName":"John","lastName":"Doe"}"#), (r#"to_map("a", none)"#, r#"{"a":null}"#), (r#"to_map(none, 1)"#, "failed: to_map() has a key that is null"),

    // Logic.
    (r#"decode("ca", "ca", "California", "pa", "Pennsylvania", "N/A")"#, "California"), (r#"decode("x", "a", 1, "b", 2)"#, "null"),
    (r#"decode(none, null, "was null", "other")"#, "was null"), ("decode(1, 1, [1], 2)", "[1]"),
    (r#"iif("s".equalsIgnoreCase("S"), "True", "False")"#, "True"), ("iif(none, 1, 2)", "2"), ("iif(true, [1], 1 / 0)", "[1]"),

    // Aggregation.
    ("min(3, 1, 4)", "1"), ("min(none)", "null"), (r#"min("b", "a")"#, "a"), ("min([3, 2], 5)", "2"),
    ("max(3, 1, 4)", "4"), ("max(none, none)", "null"), ("max(list)", "x"), (r#"max("10", "9")"#, "10"),

    // Conversion (P-6: computed, not copied).
    (r#"to_bigint("1000000.34")"#, "1000000"), ("to_bigint(none)", "null"),
    (r#"to_bigint("1e30")"#, "failed: to_bigint() gives -9223372036854775808 to 9223372036854775807, and the number is beyond"),
    (r#"to_decimal("20.5")"#, "20.5"), ("to_decimal(none)", "null"), ("to_decimal(word)", "failed: to_decimal() takes a number, and \"word\" is none"),
    (r#"to_float("12.3456")"#, "12.3456"), ("to_float(empty)", "null"), ("to_float(none)", "null"),
    (r#"to_integer("12")"#, "12"), ("to_integer(\"-12.75\")", "-12"), ("to_integer(none)", "null"),
    ("to_integer(big)", "failed: to_integer() gives -2147483648 to 2147483647, and the number is beyond"),

    // JSON.
    (r#"json_to_object("{\"info\":{\"firstName\":\"John\",\"lastName\": \"Doe\"}}")"#, r#"{"info":{"firstName":"John","lastName":"Doe"}}"#),
    (r#"json_to_object({"info": {"firstName": "John"}}).info.firstName"#, "John"), ("json_to_object(list)[2]", "2"), ("json_to_object(none)", "null"),
    ("json_to_object(broken)", "failed: json_to_object() takes JSON text, and this is none (line 1, column 3)"), ("json_to_object(blank)", "null"),

    // Special.
    ("size_of(uuid())", "36"), ("uuid() == uuid()", "false"), ("is_empty(guid())", "false"), (r#"matches_regex(uuid(), "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")"#, "true"),
    ("coalesce(none, size_of(guid()))", "36"),
    (r#"matches_regex(fpid_to_ecid("4ed70bee-b654-420a-a3fd-b58b6b65e991"), "\d{38}")"#, "true"), ("fpid_to_ecid(none)", "null"),
    (r#"fpid_to_ecid("4ed70bee-b654-420a-a3fd-b58b6b65e991") == fpid_to_ecid("4ED70BEE-B654-420A-A3FD-B58B6B65E991")"#, "true"),
    ("fpid_to_ecid(word)", "failed: fpid_to_ecid() takes a UUID, and this is none"),

    // User agent.
    ("ua_os_name(iphone)", "iOS"), ("ua_os_name(chrome)", "Windows"), ("ua_os_name(pixel)", "Android"), ("ua_os_name(none)", "null"), ("ua_os_name(word)", "Unknown"),
    ("ua_os_version(iphone)", "5.1.1"), ("ua_os_version(pixel)", "14"), ("ua_os_version(chrome)", "10"), ("ua_os_version(none)", "null"),
    ("ua_os_version_major(iphone)", "iOS 5"), ("ua_os_version_major(ipad)", "iOS 9"), ("ua_os_version_major(none)", "null"),
    ("ua_os_name_version(iphone)", "iOS 5.1.1"), ("ua_os_name_version(word)", "Unknown"), ("ua_os_name_version(none)", "null"),
    ("ua_agent_name(iphone)", "Safari"), ("ua_agent_name(chrome)", "Chrome"), ("ua_agent_name(google)", "Googlebot"), ("ua_agent_name(none)", "null"),
    ("ua_agent_version(iphone)", "5.1"), ("ua_agent_version(chrome)", "120.0.0.0"), ("ua_agent_version(word)", "null"), ("ua_agent_version(none)", "null"),
    ("ua_agent_version_major(iphone)", "Safari 5"), ("ua_agent_version_major(chrome)", "Chrome 120"), ("ua_agent_version_major(none)", "null"),
    ("ua_device_class(iphone)", "Phone"), ("ua_device_class(chrome)", "Desktop"), ("ua_device_class(ipad)", "Tablet"), ("ua_device_class(google)", "Robot"),
    ("ua_device_class(console)", "Game Console"), ("ua_device_class(word)", "Unknown"), ("ua_device_class(none)", "null"),
];

#[test]
fn functions_give_what_the_table_says() {
    let mut wrong = String::new();
    for (expression, expected) in CASES {
        let found = evaluate(expression, FIELDS);
        if found != *expected {
            wrong += &format!("{expression}\n  gives    {found}\n  expected {expected}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn every_function_has_cases_and_one_for_null() {
    let mut cases: HashMap<String, (usize, bool)> = HashMap::new();
    for (expression, _) in CASES {
        let tree = grammar::parse(expression).unwrap_or_else(|why| panic!("{expression}: {why}"));
        count(&tree, &mut cases);
    }
    for function in FUNCTIONS {
        let (seen, null) = cases.get(function.name).copied().unwrap_or_default();
        assert!(seen >= 3, "{} has {seen} cases", function.name);
        assert!(null || function.params.is_empty(), "{} has no case for null", function.name);
    }
}

/// Calls by function, and whether one of their arguments is null.
fn count(expr: &Expr, into: &mut HashMap<String, (usize, bool)>) {
    match &expr.node {
        Node::Call(name, arguments) => {
            let entry = into.entry(name.clone()).or_default();
            entry.0 += 1;
            entry.1 |= arguments.iter().any(|argument| {
                matches!(&argument.node, Node::Null)
                    || matches!(&argument.node, Node::Field(path) if path.plain() == "none")
            });
            arguments.iter().for_each(|argument| count(argument, into));
        }
        Node::Unary(_, part) | Node::Lambda(_, part) => count(part, into),
        Node::Binary(_, left, right) => {
            count(left, into);
            count(right, into);
        }
        Node::Conditional(condition, yes, no) => [condition, yes, no].into_iter().for_each(|part| count(part, into)),
        Node::List(items) => items.iter().for_each(|item| count(item, into)),
        Node::Object(members) => members.iter().for_each(|(key, value)| {
            count(key, into);
            count(value, into);
        }),
        _ => {}
    }
}
