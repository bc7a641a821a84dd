//! The table itself.

use super::{Function, Group, Operation, Operator, Param, Shape};
use crate::mapping::ast::{Binary, Unary};

const fn need(name: &'static str, shape: Shape) -> Param {
    Param { name, shape, optional: false }
}

const fn may(name: &'static str, shape: Shape) -> Param {
    Param { name, shape, optional: true }
}

/// A function.
const fn make(name: &'static str, group: Group, params: &'static [Param], returns: Shape) -> Function {
    Function {
        name,
        aliases: &[],
        group,
        params,
        variadic: false,
        paired: false,
        returns,
        syntax: "",
        doc: "",
        example: "",
        result: "",
        since: "0.1.0",
    }
}

impl Function {
    const fn also(self, aliases: &'static [&'static str]) -> Function {
        Function { aliases, ..self }
    }

    const fn many(self) -> Function {
        Function { variadic: true, ..self }
    }

    const fn pairs(self) -> Function {
        Function { variadic: true, paired: true, ..self }
    }

    const fn told(
        self,
        syntax: &'static str,
        doc: &'static str,
        example: &'static str,
        result: &'static str,
    ) -> Function {
        Function { syntax, doc, example, result, ..self }
    }
}

use Group as G;
use Shape as S;

const TEXT: &[Param] = &[need("INPUT", S::Text)];
const ANY: &[Param] = &[need("INPUT", S::Any)];
const HASHED: &[Param] = &[need("INPUT", S::Text), may("CHARSET", S::Text)];
const MATCHED: &[Param] = &[need("STRING", S::Text), need("REGEX", S::Text)];
const PAIRS: &[Param] = &[need("KEY", S::Text), need("VALUE", S::Any)];
const VALUES: &[Param] = &[need("INPUT", S::Any)];
const MAPPED: &[Param] = &[need("MAP", S::Map), need("KEY", S::Any)];
const URL: &[Param] = &[need("URL", S::Text)];
const AGENT: &[Param] = &[need("USER_AGENT", S::Text)];
const PADDED: &[Param] = &[need("INPUT", S::Text), need("COUNT", S::Integer), need("PADDING", S::Text)];
const COUNTED: &[Param] = &[need("STRING", S::Text), need("COUNT", S::Integer)];
const COMPARED: &[Param] = &[need("STRING1", S::Text), need("STRING2", S::Text)];
const CONVERTED: &[Param] = &[need("STRING", S::Any)];
const OPTIONS: &[Param] = &[need("OPTIONS", S::Any)];

/// Every function, group by group.
#[rustfmt::skip]
pub static FUNCTIONS: &[Function] = &[
    // String.
    make("concat", G::String, &[need("STRING", S::Text)], S::Text).many()
        .told("concat(STRING_1, STRING_2, …)", "Puts texts one after another. A null counts as empty text; all nulls give null.", r#"concat("Hi, ", "there", "!")"#, r#""Hi, there!""#),
    make("explode", G::String, &[need("STRING", S::Text), may("DELIMITER", S::Text)], S::Texts)
        .told("explode(STRING, DELIMITER)", "Cuts a text into a list at each place where the whole delimiter stands; several characters are one delimiter. Without it, at commas.", r#"explode("Hi, there!", " ")"#, r#"["Hi,", "there!"]"#),
    make("instr", G::String, &[need("INPUT", S::Text), need("SUBSTRING", S::Text), may("START_POSITION", S::Integer), may("OCCURRENCE", S::Integer)], S::Integer)
        .told("instr(INPUT, SUBSTRING, START_POSITION, OCCURRENCE)", "Where a text stands in another, counted from 0; -1 if it does not. Looks from START_POSITION on, for the OCCURRENCE-th time (the first by default).", r#"instr("adobe.com", "com")"#, "6"),
    make("replacestr", G::String, &[need("INPUT", S::Text), need("TO_FIND", S::Text), need("TO_REPLACE", S::Text)], S::Text)
        .told("replacestr(INPUT, TO_FIND, TO_REPLACE)", "Replaces every occurrence of a text by another. The text is taken literally; it is no pattern.", r#"replacestr("This is a string re test", "re", "replace")"#, r#""This is a string replace test""#),
    make("substr", G::String, &[need("INPUT", S::Text), need("START_INDEX", S::Integer), need("LENGTH", S::Integer)], S::Text)
        .told("substr(INPUT, START_INDEX, LENGTH)", "LENGTH characters from START_INDEX on, counted from 0. Fewer where the text ends.", r#"substr("This is a substring test", 7, 8)"#, r#"" a subst""#),
    make("lower", G::String, TEXT, S::Text).also(&["lcase"])
        .told("lower(INPUT)", "The text in small letters.", r#"lower("HeLLo")"#, r#""hello""#),
    make("upper", G::String, TEXT, S::Text).also(&["ucase"])
        .told("upper(INPUT)", "The text in capitals.", r#"upper("HeLLo")"#, r#""HELLO""#),
    make("split", G::String, &[need("INPUT", S::Text), need("SEPARATOR", S::Text)], S::Texts)
        .told("split(INPUT, SEPARATOR)", "Cuts a text into a list at each of the separator's characters; every single one of them separates.", r#"split("Hello world", " ")"#, r#"["Hello", "world"]"#),
    make("join", G::String, &[need("SEPARATOR", S::Text), need("OBJECTS", S::Any)], S::Text).many()
        .told("join(SEPARATOR, OBJECTS)", "Joins the elements of a list, or several values, with the separator between them. Nulls are left out.", r#"join(" ", split("Hello,world", ","))"#, r#""Hello world""#),
    make("lpad", G::String, PADDED, S::Text)
        .told("lpad(INPUT, COUNT, PADDING)", "Fills a text up to COUNT characters from its left side, by repeating PADDING; a blank if that is empty. A longer text stays whole.", r#"lpad("bat", 8, "yz")"#, r#""yzyzybat""#),
    make("rpad", G::String, PADDED, S::Text)
        .told("rpad(INPUT, COUNT, PADDING)", "Fills a text up to COUNT characters from its right side, by repeating PADDING; a blank if that is empty. A longer text stays whole.", r#"rpad("bat", 8, "yz")"#, r#""batyzyzy""#),
    make("left", G::String, COUNTED, S::Text)
        .told("left(STRING, COUNT)", "The first COUNT characters.", r#"left("abcde", 2)"#, r#""ab""#),
    make("right", G::String, COUNTED, S::Text)
        .told("right(STRING, COUNT)", "The last COUNT characters.", r#"right("abcde", 2)"#, r#""de""#),
    make("ltrim", G::String, TEXT, S::Text)
        .told("ltrim(STRING)", "The text without white space at its beginning.", r#"ltrim(" hello")"#, r#""hello""#),
    make("rtrim", G::String, TEXT, S::Text)
        .told("rtrim(STRING)", "The text without white space at its end.", r#"rtrim("hello ")"#, r#""hello""#),
    make("trim", G::String, TEXT, S::Text)
        .told("trim(STRING)", "The text without white space at either end.", r#"trim(" hello ")"#, r#""hello""#),
    make("equals", G::String, COMPARED, S::Boolean)
        .told("STRING1.equals(STRING2)", "Whether two texts are the same, small letters and capitals told apart.", r#""string1".equals("STRING1")"#, "false"),
    make("equalsIgnoreCase", G::String, COMPARED, S::Boolean)
        .told("STRING1.equalsIgnoreCase(STRING2)", "Whether two texts are the same, small letters and capitals taken as one.", r#""string1".equalsIgnoreCase("STRING1")"#, "true"),

    // Regular expressions.
    make("extract_regex", G::Regex, MATCHED, S::Texts)
        .told("extract_regex(STRING, REGEX)", "The first match of a pattern in a text, then the match's groups, as a list; null where nothing matches.", r#"extract_regex("E259,E259B_009,1_1", "([^,]+),[^,]*,([^,]+)")"#, r#"["E259,E259B_009,1_1", "E259", "1_1"]"#),
    make("matches_regex", G::Regex, MATCHED, S::Boolean)
        .told("matches_regex(STRING, REGEX)", "Whether the whole text matches a pattern; false for null.", r#"matches_regex("E259,E259B_009,1_1", "([^,]+),[^,]*,([^,]+)")"#, "true"),

    // Hashing.
    make("sha1", G::Hash, HASHED, S::Text)
        .told("sha1(INPUT, CHARSET)", "The SHA-1 hash of a text's bytes, in hexadecimal. CHARSET is UTF-8 (the default), UTF-16, ISO-8859-1 or US-ASCII.", r#"sha1("my text", "UTF-8")"#, r#""c3599c11e47719df18a2448690840c5dfcce3c80""#),
    make("sha256", G::Hash, HASHED, S::Text)
        .told("sha256(INPUT, CHARSET)", "The SHA-256 hash of a text's bytes, in hexadecimal. CHARSET as for `sha1`.", r#"sha256("my text", "UTF-8")"#, r#""7330d2b39ca35eaf4cb95fc846c21ee6a39af698154a83a586ee270a0d372104""#),
    make("sha512", G::Hash, HASHED, S::Text)
        .told("sha512(INPUT, CHARSET)", "The SHA-512 hash of a text's bytes, in hexadecimal. CHARSET as for `sha1`.", r#"sha512("my text", "UTF-8")"#, r#""a3d7e45a0d9be5fd4e4b9a3b8c9c2163c21ef708bf11b4232bb21d2a8704ada2cdcd7b367dd0788a89a5c908cfe377aceb1072a7b386b7d4fd2ff68a8fd24d16""#),
    make("md5", G::Hash, HASHED, S::Text)
        .told("md5(INPUT, CHARSET)", "The MD5 hash of a text's bytes, in hexadecimal. CHARSET as for `sha1`.", r#"md5("my text", "UTF-8")"#, r#""d3b96ce8c9fb4e9bd0198d03ba6852c7""#),
    make("crc32", G::Hash, HASHED, S::Text)
        .told("crc32(INPUT, CHARSET)", "The 32-bit cyclic redundancy check of a text's bytes, in hexadecimal. CHARSET as for `sha1`.", r#"crc32("my text", "UTF-8")"#, r#""8df92e80""#),

    // URL.
    make("get_url_protocol", G::Url, URL, S::Text)
        .told("get_url_protocol(URL)", "The scheme of a URL; null where the text is none.", r#"get_url_protocol("https://platform.adobe.com/home")"#, r#""https""#),
    make("get_url_host", G::Url, URL, S::Text)
        .told("get_url_host(URL)", "The host of a URL, as it is written; null where there is none.", r#"get_url_host("https://platform.adobe.com/home")"#, r#""platform.adobe.com""#),
    make("get_url_port", G::Url, URL, S::Integer)
        .told("get_url_port(URL)", "The port of a URL, else the usual one of its scheme; null where neither is known.", r#"get_url_port("sftp://example.com//home/joe/employee.csv")"#, "22"),
    make("get_url_path", G::Url, &[need("URL", S::Text), may("FULL_PATH", S::Boolean)], S::Text)
        .told("get_url_path(URL, FULL_PATH)", "The path of a URL; with FULL_PATH false, what follows its last slash.", r#"get_url_path("sftp://example.com//home/joe/employee.csv")"#, r#""//home/joe/employee.csv""#),
    make("get_url_query_str", G::Url, &[need("URL", S::Text), need("ANCHOR", S::Text)], S::Object)
        .told("get_url_query_str(URL, ANCHOR)", "The parameters of a URL as an object, percent-decoded. The anchor is kept with the last value (`retain`), left out (`remove`) or given as `_anchor_` (`append`).", r#"get_url_query_str("foo://example.com:8042/over/there?name=ferret#nose", "append")"#, r#"{"name": "ferret", "_anchor_": "nose"}"#),
    make("get_url_encoded", G::Url, URL, S::Text)
        .told("get_url_encoded(URL)", "The text percent-encoded: all but letters, digits, `-`, `_` and `.`.", r#"get_url_encoded("https://example.com/partneralliance_asia-pacific_2022")"#, r#""https%3A%2F%2Fexample.com%2Fpartneralliance_asia-pacific_2022""#),
    make("get_url_decoded", G::Url, URL, S::Text)
        .told("get_url_decoded(URL)", "The text percent-decoded; a plus stays.", r#"get_url_decoded("https%3A%2F%2Fexample.com%2Fpartneralliance_asia-pacific_2022")"#, r#""https://example.com/partneralliance_asia-pacific_2022""#),

    // Date and time.
    make("now", G::Date, &[], S::Moment)
        .told("now()", "The moment the run was planned: the same in every row of a run.", "now()", r#""2024-07-01T10:10:24Z""#),
    make("timestamp", G::Date, &[], S::Integer)
        .told("timestamp()", "`now()` in milliseconds since 1970.", "timestamp()", "1719828624000"),
    make("format", G::Date, &[need("DATE", S::Moment), need("FORMAT", S::Text)], S::Text)
        .told("format(DATE, FORMAT)", "A moment as text, by a Java date pattern.", r#"format(date("2019-10-23T11:24:35Z"), "yyyy-MM-dd HH:mm:ss")"#, r#""2019-10-23 11:24:35""#),
    make("dformat", G::Date, &[need("TIMESTAMP", S::Integer), need("FORMAT", S::Text)], S::Text)
        .told("dformat(TIMESTAMP, FORMAT)", "Milliseconds since 1970 as text in UTC, by a Java date pattern.", r#"dformat(1571829875000, "yyyy-MM-dd'T'HH:mm:ss.SSSX")"#, r#""2019-10-23T11:24:35.000Z""#),
    make("date", G::Date, &[need("DATE", S::Text), may("FORMAT", S::Text), may("DEFAULT_DATE", S::Moment)], S::Moment)
        .told("date(DATE, FORMAT, DEFAULT_DATE)", "Reads a moment from text. FORMAT is the Java pattern of the text that comes in; without it the usual forms are tried in turn. DEFAULT_DATE stands in for null.", r#"date("2019-10-23 11:24", "yyyy-MM-dd HH:mm", now())"#, r#""2019-10-23T11:24:00Z""#),
    make("date_part", G::Date, &[need("COMPONENT", S::Text), need("DATE", S::Moment)], S::Integer)
        .told("date_part(COMPONENT, DATE)", "A part of a moment as a number: year (yyyy, yy), quarter (qq, q), month (mm, m), dayofyear (dy, y), day (dd, d), week (ww, w), weekday (dw), hour (hh, hh24, hh12), minute (mi, n), second (ss, s) or millisecond (ms, SSS).", r#"date_part("MM", date("2019-10-17 11:55:12"))"#, "10"),
    make("set_date_part", G::Date, &[need("COMPONENT", S::Text), need("VALUE", S::Integer), need("DATE", S::Moment)], S::Moment)
        .told("set_date_part(COMPONENT, VALUE, DATE)", "A moment with one part replaced: year (yyyy, yy), month (mm, m), day (dd, d), hour (hh), minute (mi, n) or second (ss, s).", r#"set_date_part("m", 4, date("2016-11-09T11:44:44.797"))"#, r#""2016-04-09T11:44:44.797Z""#),
    make("make_date_time", G::Date, &[need("YEAR", S::Integer), need("MONTH", S::Integer), need("DAY", S::Integer), need("HOUR", S::Integer), need("MINUTE", S::Integer), need("SECOND", S::Integer), need("NANOSECOND", S::Integer), need("TIMEZONE", S::Text)], S::Moment).also(&["make_timestamp"])
        .told("make_date_time(YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, NANOSECOND, TIMEZONE)", "A moment from its parts, told in a time zone.", r#"make_date_time(2019, 10, 17, 11, 55, 12, 999, "America/Los_Angeles")"#, r#""2019-10-17T18:55:12Z""#),
    make("zone_date_to_utc", G::Date, &[need("DATE", S::Moment)], S::Moment)
        .told("zone_date_to_utc(DATE)", "A moment of any time zone, told in UTC.", r#"zone_date_to_utc("2019-10-17T11:55:12-08:00")"#, r#""2019-10-17T19:55:12Z""#),
    make("zone_date_to_zone", G::Date, &[need("DATE", S::Moment), need("ZONE", S::Text)], S::Moment)
        .told("zone_date_to_zone(DATE, ZONE)", "A moment told on the clocks of a time zone.", r#"zone_date_to_zone(date("2021-10-26T13:43:59Z"), "Europe/Paris")"#, r#""2021-10-26T15:43:59+02:00""#),

    // Objects.
    make("is_empty", G::Object, ANY, S::Boolean)
        .told("is_empty(INPUT)", "Whether a value is null, an empty text, or a list or object with nothing in it.", r#"is_empty("")"#, "true"),
    make("arrays_to_object", G::Object, PAIRS, S::List).pairs().also(&["arrays_to_objects"])
        .told("arrays_to_object(KEY_1, LIST_1, …)", "A list of objects from keys and lists: the first object has the first element of each list. The longest list counts; where another ends, its key is null.", r#"arrays_to_objects("sku", explode("id1|id2", "\|"), "price", [22.5, 14.35])"#, r#"[{"sku": "id1", "price": 22.5}, {"sku": "id2", "price": 14.35}]"#),
    make("to_object", G::Object, PAIRS, S::Object).pairs()
        .told("to_object(KEY_1, VALUE_1, …)", "An object from keys and values in turn.", r#"to_object("firstName", "John", "lastName", "Doe")"#, r#"{"firstName": "John", "lastName": "Doe"}"#),
    make("str_to_object", G::Object, &[need("STRING", S::Text), may("VALUE_DELIMITER", S::Text), may("FIELD_DELIMITER", S::Text)], S::Object)
        .told("str_to_object(STRING, VALUE_DELIMITER, FIELD_DELIMITER)", "An object from text such as `a:1,b:2`, without the white space around keys and values; the delimiters are `:` and `,` by default. Its values are read by `.get(\"a\")`.", r#"str_to_object("firstName - John ; lastName - ; phone - 123 456 7890", "-", ";")"#, r#"{"firstName": "John", "lastName": "", "phone": "123 456 7890"}"#),
    make("get", G::Object, &[need("OBJECT", S::Any), need("KEY", S::Any)], S::Any)
        .told("OBJECT.get(KEY)", "A member of an object, or the element of a list at a place counted from 0; null where there is none. `f(a).b` and `f(a)[0]` are the same. Of a list of objects, a name gives each one's member.", r#"str_to_object("a=1,b=2", "=", ",").get("a")"#, r#""1""#),
    make("contains_key", G::Object, &[need("INPUT", S::Any)], S::Boolean).also(&["is_set"])
        .told("contains_key(INPUT)", "Whether the record has a value at a path, which is written as text or as a field. A field that is null counts as missing.", r#"contains_key("evars.evar.field1")"#, "false"),
    make("nullify", G::Object, &[], S::Null)
        .told("nullify()", "Null: leaves the field out that an object copy would have filled.", "nullify()", "null"),
    make("get_keys", G::Object, &[need("OBJECT", S::Object)], S::Texts)
        .told("get_keys(OBJECT)", "The names of an object's members, in their order.", r#"get_keys({"book1": "Pride and Prejudice", "book2": "1984"})"#, r#"["book1", "book2"]"#),
    make("get_values", G::Object, &[need("STRING", S::Text), need("KEY", S::Text), need("VALUE_DELIMITER", S::Text), may("FIELD_DELIMITER", S::Text)], S::Text)
        .told("get_values(STRING, KEY, VALUE_DELIMITER, FIELD_DELIMITER)", "The value of a key in text such as `a:1,b:2`, without the white space around it; null where the key is missing. The delimiters are `:` and `,` where they are null or empty.", r#"get_values("firstName - John , lastName - Cena , phone - 555 420 8692", "firstName", "-", ",")"#, r#""John""#),

    // Arrays.
    make("coalesce", G::Array, &[need("INPUT", S::Any)], S::Common).many()
        .told("coalesce(INPUT, …)", "The first value that is not null.", r#"coalesce(null, null, "first", null, "second")"#, r#""first""#),
    make("first", G::Array, VALUES, S::Any).many()
        .told("first(INPUT)", "The first element of a list, or the first of several values; null of an empty list.", r#"first("1", "2", "3")"#, r#""1""#),
    make("last", G::Array, VALUES, S::Any).many()
        .told("last(INPUT)", "The last element of a list, or the last of several values; null of an empty list.", r#"last("1", "2", "3")"#, r#""3""#),
    make("add_to_array", G::Array, &[need("ARRAY", S::List), need("VALUES", S::Any)], S::List).many()
        .told("add_to_array(ARRAY, VALUE_1, …)", "The list with values added at its end. A null list is an empty one.", r#"add_to_array(["a", "b"], "c", "d")"#, r#"["a", "b", "c", "d"]"#),
    make("join_arrays", G::Array, &[need("ARRAY", S::List), need("VALUES", S::List)], S::List).many()
        .told("join_arrays(ARRAY, ARRAY_1, …)", "The elements of several lists as one list. A null list is an empty one.", r#"join_arrays(["a", "b"], ["c"], ["d", "e"])"#, r#"["a", "b", "c", "d", "e"]"#),
    make("to_array", G::Array, &[need("INCLUDE_NULLS", S::Boolean), need("VALUES", S::Any)], S::List).many()
        .told("to_array(INCLUDE_NULLS, VALUE_1, …)", "A list of the values, with or without the nulls among them.", "to_array(false, 1, null, 2, 3)", "[1, 2, 3]"),
    make("size_of", G::Array, &[need("INPUT", S::Any)], S::Integer)
        .told("size_of(INPUT)", "How many elements a list has, members an object, or characters a text; 0 of null.", "size_of([1, 2, 3, 4])", "4"),
    make("upsert_array_append", G::Array, &[need("ARRAY", S::List)], S::List)
        .told("upsert_array_append(ARRAY)", "The list as it is. It says how a profile takes the list in; there is no profile here.", "upsert_array_append([123, 456])", "[123, 456]"),
    make("upsert_array_replace", G::Array, &[need("ARRAY", S::List), may("INDEX", S::Integer)], S::List)
        .told("upsert_array_replace(ARRAY, INDEX)", "The list as it is. It says how a profile takes the list in; there is no profile here.", "upsert_array_replace([123, 456], 1)", "[123, 456]"),
    make("array_to_string", G::Array, &[need("SEPARATOR", S::Text), need("ARRAY", S::List)], S::Text)
        .told("array_to_string(SEPARATOR, ARRAY)", "The elements as one text, with the separator between them. Nulls are left out.", r#"array_to_string(";", ["Hello", "world"])"#, r#""Hello;world""#),
    make("filterArray", G::Array, &[need("ARRAY", S::List), need("PREDICATE", S::Lambda)], S::List)
        .told("filterArray(ARRAY, x -> PREDICATE)", "The elements for which the condition holds.", "filterArray([5, -6, 0, 7], x -> x > 0)", "[5, 7]"),
    make("transformArray", G::Array, &[need("ARRAY", S::List), need("TRANSFORM", S::Lambda)], S::List)
        .told("transformArray(ARRAY, x -> TRANSFORM)", "A list of what the expression gives for each element.", "transformArray([5, 6, 7], x -> x + 1)", "[6, 7, 8]"),
    make("flattenArray", G::Array, &[need("ARRAY", S::List)], S::List)
        .told("flattenArray(ARRAY)", "The elements of a list of lists, however deep, as one list.", r#"flattenArray([[["a", "b"], ["c"]], [["d"]]])"#, r#"["a", "b", "c", "d"]"#),

    // Maps.
    make("map_get_values", G::Map, MAPPED, S::Any)
        .told("map_get_values(MAP, KEY)", "The value of a key. Of a list of keys, the values of those that are there, as a list without repeats.", r#"map_get_values({"author": "Martin", "price": 17.99}, "author")"#, r#""Martin""#),
    make("map_has_keys", G::Map, MAPPED, S::Boolean)
        .told("map_has_keys(MAP, KEY)", "Whether a map has a key, or one of a list of keys.", r#"map_has_keys({"author": "Martin"}, ["isbn", "author"])"#, "true"),
    make("add_to_map", G::Map, &[need("MAP", S::Map), need("MAPS", S::Map)], S::Map).many()
        .told("add_to_map(MAP_1, MAP_2, …)", "The members of several maps as one map. Of a key that comes more than once, the first value counts.", r#"add_to_map({"a": 1}, {"a": 2, "b": 3})"#, r#"{"a": 1, "b": 3}"#),
    make("object_to_map", G::Map, &[need("OBJECT", S::Object)], S::Map)
        .told("object_to_map(OBJECT)", "A map of an object's members; null for null.", r#"object_to_map({"line1": "345 park ave", "city": "san jose"})"#, r#"{"line1": "345 park ave", "city": "san jose"}"#),
    make("array_to_map", G::Map, &[need("ARRAY", S::List), need("KEY", S::Text)], S::Map)
        .told("array_to_map(ARRAY, KEY)", "A map from a list of objects: each under the value that its member KEY has. Objects without one are left out; of two with the same, the first counts.", r#"array_to_map([{"id": "a", "n": 1}, {"id": "b", "n": 2}], "id")"#, r#"{"a": {"id": "a", "n": 1}, "b": {"id": "b", "n": 2}}"#),
    make("to_map", G::Map, PAIRS, S::Map).pairs()
        .told("to_map(KEY_1, VALUE_1, …)", "A map from keys and values in turn.", r#"to_map("firstName", "John", "lastName", "Doe")"#, r#"{"firstName": "John", "lastName": "Doe"}"#),

    // Logic.
    make("decode", G::Logic, &[need("KEY", S::Any), need("KEY_1", S::Any), need("VALUE_1", S::Any), may("OPTIONS", S::Any)], S::Common).many()
        .told("decode(KEY, KEY_1, VALUE_1, …, DEFAULT)", "Looks the key up among pairs of key and value, and gives the value of the first that is equal; else the default at the end, or null without one.", r#"decode("ca", "ca", "California", "pa", "Pennsylvania", "N/A")"#, r#""California""#),
    make("iif", G::Logic, &[need("EXPRESSION", S::Boolean), need("TRUE_VALUE", S::Any), need("FALSE_VALUE", S::Any)], S::Common)
        .told("iif(EXPRESSION, TRUE_VALUE, FALSE_VALUE)", "One value if the condition is true, the other if it is false or null.", r#"iif("s".equalsIgnoreCase("S"), "True", "False")"#, r#""True""#),

    // Aggregation.
    make("min", G::Aggregation, OPTIONS, S::Common).many()
        .told("min(OPTIONS)", "The least of the values, in their natural order; nulls do not count.", "min(3, 1, 4)", "1"),
    make("max", G::Aggregation, OPTIONS, S::Common).many()
        .told("max(OPTIONS)", "The greatest of the values, in their natural order; nulls do not count.", "max(3, 1, 4)", "4"),

    // Conversion.
    make("to_bigint", G::Conversion, CONVERTED, S::Integer)
        .told("to_bigint(STRING)", "A whole number of 64 bits; a fraction is cut off.", r#"to_bigint("1000000.34")"#, "1000000"),
    make("to_decimal", G::Conversion, CONVERTED, S::Number)
        .told("to_decimal(STRING)", "A number in double precision.", r#"to_decimal("20.5")"#, "20.5"),
    make("to_float", G::Conversion, CONVERTED, S::Number)
        .told("to_float(STRING)", "A number in double precision.", r#"to_float("12.3456")"#, "12.3456"),
    make("to_integer", G::Conversion, CONVERTED, S::Integer)
        .told("to_integer(STRING)", "A whole number of 32 bits; a fraction is cut off.", r#"to_integer("12")"#, "12"),

    // JSON.
    make("json_to_object", G::Json, &[need("STRING", S::Text)], S::Any)
        .told("json_to_object(STRING)", "The object or list that a JSON text tells.", r#"json_to_object("{\"info\": {\"firstName\": \"John\"}}")"#, r#"{"info": {"firstName": "John"}}"#),

    // Special.
    make("uuid", G::Special, &[], S::Text).also(&["guid"])
        .told("uuid()", "A random id, another in every row and call.", "uuid()", r#""7c0267d2-bb74-4e1a-9275-3bf4fccda5f4""#),
    make("fpid_to_ecid", G::Special, &[need("STRING", S::Text)], S::Text)
        .told("fpid_to_ecid(STRING)", "An id of 38 digits for a first-party device id (a UUID): always the same for the same. It is not the one that Adobe's edge network gives, whose rule is not public.", r#"fpid_to_ecid("4ed70bee-b654-420a-a3fd-b58b6b65e991")"#, r#""41154987851793272219008282893490040650""#),

    // User agent.
    make("ua_os_name", G::UserAgent, AGENT, S::Text)
        .told("ua_os_name(USER_AGENT)", "The operating system; `Unknown` where the text does not say.", r#"ua_os_name("Mozilla/5.0 (iPhone; CPU iPhone OS 5_1_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like Gecko) Version/5.1 Mobile/9B206 Safari/7534.48.3")"#, r#""iOS""#),
    make("ua_os_version", G::UserAgent, AGENT, S::Text)
        .told("ua_os_version(USER_AGENT)", "The operating system's version.", r#"ua_os_version("Mozilla/5.0 (iPhone; CPU iPhone OS 5_1_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like Gecko) Version/5.1 Mobile/9B206 Safari/7534.48.3")"#, r#""5.1.1""#),
    make("ua_os_version_major", G::UserAgent, AGENT, S::Text)
        .told("ua_os_version_major(USER_AGENT)", "The operating system and its major version.", r#"ua_os_version_major("Mozilla/5.0 (iPhone; CPU iPhone OS 5_1_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like Gecko) Version/5.1 Mobile/9B206 Safari/7534.48.3")"#, r#""iOS 5""#),
    make("ua_os_name_version", G::UserAgent, AGENT, S::Text)
        .told("ua_os_name_version(USER_AGENT)", "The operating system and its version.", r#"ua_os_name_version("Mozilla/5.0 (iPhone; CPU iPhone OS 5_1_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like Gecko) Version/5.1 Mobile/9B206 Safari/7534.48.3")"#, r#""iOS 5.1.1""#),
    make("ua_agent_name", G::UserAgent, AGENT, S::Text)
        .told("ua_agent_name(USER_AGENT)", "The program; `Unknown` where the text does not say.", r#"ua_agent_name("Mozilla/5.0 (iPhone; CPU iPhone OS 5_1_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like Gecko) Version/5.1 Mobile/9B206 Safari/7534.48.3")"#, r#""Safari""#),
    make("ua_agent_version", G::UserAgent, AGENT, S::Text)
        .told("ua_agent_version(USER_AGENT)", "The program's version.", r#"ua_agent_version("Mozilla/5.0 (iPhone; CPU iPhone OS 5_1_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like Gecko) Version/5.1 Mobile/9B206 Safari/7534.48.3")"#, r#""5.1""#),
    make("ua_agent_version_major", G::UserAgent, AGENT, S::Text)
        .told("ua_agent_version_major(USER_AGENT)", "The program and its major version.", r#"ua_agent_version_major("Mozilla/5.0 (iPhone; CPU iPhone OS 5_1_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like Gecko) Version/5.1 Mobile/9B206 Safari/7534.48.3")"#, r#""Safari 5""#),
    make("ua_device_class", G::UserAgent, AGENT, S::Text)
        .told("ua_device_class(USER_AGENT)", "The kind of device: Desktop, Phone, Tablet, Mobile, TV, Game Console, Robot or Unknown.", r#"ua_device_class("Mozilla/5.0 (iPhone; CPU iPhone OS 5_1_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like Gecko) Version/5.1 Mobile/9B206 Safari/7534.48.3")"#, r#""Phone""#),
];

const fn one(
    symbol: &'static str,
    method: &'static str,
    operation: Unary,
    doc: &'static str,
    example: &'static str,
) -> Operator {
    Operator { symbol, method, operation: Operation::Unary(operation), doc, example }
}

const fn two(
    symbol: &'static str,
    method: &'static str,
    operation: Binary,
    doc: &'static str,
    example: &'static str,
) -> Operator {
    Operator { symbol, method, operation: Operation::Binary(operation), doc, example }
}

/// Every operator, the loosest last; words and symbols of one meaning stand together.
#[rustfmt::skip]
pub static OPERATORS: &[Operator] = &[
    one("-", "negate", Unary::Negate, "The number with its sign turned.", "-a"),
    one("!", "not", Unary::Not, "True for false, and the reverse.", "!a"),
    one("not", "not", Unary::Not, "True for false, and the reverse.", "not a"),
    one("~", "complement", Unary::Complement, "A whole number with every bit turned.", "~a"),
    two("*", "multiply", Binary::Multiply, "The product.", "a * 2"),
    two("/", "divide", Binary::Divide, "The quotient; null when dividing by zero.", "a / 2"),
    two("div", "divide", Binary::Divide, "The quotient; null when dividing by zero.", "a div 2"),
    two("%", "mod", Binary::Remainder, "What a division leaves.", "a % 2"),
    two("mod", "mod", Binary::Remainder, "What a division leaves.", "a mod 2"),
    two("+", "add", Binary::Add, "The sum; of texts, one after the other.", "a + 2"),
    two("-", "subtract", Binary::Subtract, "The difference.", "a - 2"),
    two("<", "lessThan", Binary::Less, "Whether the left is less.", "a < 2"),
    two("lt", "lessThan", Binary::Less, "Whether the left is less.", "a lt 2"),
    two("<=", "lessThanOrEqual", Binary::LessOrEqual, "Whether the left is less or equal.", "a <= 2"),
    two("le", "lessThanOrEqual", Binary::LessOrEqual, "Whether the left is less or equal.", "a le 2"),
    two(">", "greaterThan", Binary::Greater, "Whether the left is greater.", "a > 2"),
    two("gt", "greaterThan", Binary::Greater, "Whether the left is greater.", "a gt 2"),
    two(">=", "greaterThanOrEqual", Binary::GreaterOrEqual, "Whether the left is greater or equal.", "a >= 2"),
    two("ge", "greaterThanOrEqual", Binary::GreaterOrEqual, "Whether the left is greater or equal.", "a ge 2"),
    two("==", "equals", Binary::Equal, "Whether both are equal; null is equal to null.", "a == 2"),
    two("eq", "equals", Binary::Equal, "Whether both are equal; null is equal to null.", "a eq 2"),
    two("!=", "notEquals", Binary::NotEqual, "Whether the two differ.", "a != 2"),
    two("ne", "notEquals", Binary::NotEqual, "Whether the two differ.", "a ne 2"),
    two("&&", "and", Binary::And, "Whether both are true.", "a && b"),
    two("and", "and", Binary::And, "Whether both are true.", "a and b"),
    two("||", "or", Binary::Or, "Whether one is true.", "a || b"),
    two("or", "or", Binary::Or, "Whether one is true.", "a or b"),
    Operator { symbol: "?:", method: "ternary", operation: Operation::Conditional, doc: "One value if the condition is true, else the other.", example: "a ? 1 : 2" },
];
