//! Expressions over columns give what their formulas give row by row: values, failures and reasons. Every operator and
//! function, over every type of column, with edge values in every row.

use super::*;
use crate::mapping::value::number_in;
use datafusion::arrow::array::{
    BooleanArray, Date32Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray, UInt64Array,
};
use proptest::prelude::*;
use serde_json::json;

const TEXTS: &[Option<&str>] = &[
    None,
    Some(""),
    Some("  "),
    Some("0"),
    Some("1"),
    Some(" 7 "),
    Some("-3"),
    Some("12.5"),
    Some("1e3"),
    Some("9223372036854775807"),
    Some("3000000000"),
    Some("1e308"),
    Some("Größe 🎈!"),
    Some("ΟΔΟΣ straße"),
    Some("a,b,,c"),
    Some("word"),
    Some("WORD"),
    Some("yes"),
    Some("off"),
    Some("true"),
    Some(" padded\t"),
    Some("[]"),
    Some("{}"),
    Some(" [\"x\",null,2]"),
    Some("[broken"),
    Some("2024-02-29"),
    Some("2019-10-17T11:55:12.345-08:00"),
    Some("Europe/Paris"),
];

const INTS: &[Option<i64>] =
    &[None, Some(0), Some(1), Some(-3), Some(7), Some(i64::MAX), Some(i64::MIN), Some(1_700_000_000_000)];

const NUMBERS_: &[Option<f64>] =
    &[None, Some(0.0), Some(-0.0), Some(1.0), Some(-2.5), Some(1e308), Some(f64::NAN), Some(f64::INFINITY)];

/// Over `s`, `t` (texts), `i`, `j` (whole numbers), `f`, `g` (numbers), `b`, `u`, `day`, `at`, and `none`, which is nowhere.
const EXPRESSIONS: &[&str] = &[
    "upper(X)",
    "lower(X)",
    "trim(X)",
    "ltrim(X)",
    "rtrim(X)",
    "concat(X)",
    "concat(X, \"-\", Y)",
    "concat(X, Y, none)",
    "X + Y",
    "X + \" \" + Y",
    "X + 1",
    "1 + X",
    "X + \"1\"",
    "\"a\" + X",
    "X + 0.5",
    "X - Y",
    "X * Y",
    "X / Y",
    "X % Y",
    "X - 1",
    "2 * X",
    "X / 2.0",
    "100 / X",
    "-X",
    "~X",
    "!X",
    "not (X > Y)",
    "X == Y",
    "X != Y",
    "X < Y",
    "X <= Y",
    "X > Y",
    "X >= Y",
    "X == 1",
    "X == \"1\"",
    "X == \"word\"",
    "X < \"m\"",
    "X > 2.5",
    "X == true",
    "X == null",
    "none == X",
    "X != null",
    "X and Y",
    "X or Y",
    "X and 1 / Y > 0",
    "X == 0 or 1 / X > 0",
    "X ? Y : 1",
    "X ? \"a\" : \"b\"",
    "X > 1 ? X : Y",
    "X == 0 ? null : 10 / X",
    "iif(X, upper(Y), 1 / 0)",
    "iif(X, Y, nullify())",
    "iif(X, 1, 2.5)",
    "iif(X > Y, true, \"no\")",
    "decode(X, \"1\", \"one\", \"word\", 2, Y)",
    "decode(X, 1, Y, 0, 1 / X)",
    "decode(X, Y, 1, 2)",
    "coalesce(X, Y)",
    "coalesce(none, X, 1 / Y)",
    "coalesce(X, 0)",
    "coalesce(1 / X, 5)",
    "coalesce(X)",
    "is_empty(X)",
    "is_empty(1 / X)",
    "min(X, Y)",
    "max(X, Y, 3)",
    "max(X)",
    "substr(X, 1)",
    "substr(X, 1, 2)",
    "substr(X, Y)",
    "substr(X, 0, Y)",
    "substr(X, -1, 2)",
    "substr(X, 1, -1)",
    "left(X, 2)",
    "right(X, 2)",
    "left(X, Y)",
    "right(X, -1)",
    "left(X, 0)",
    "replacestr(X, \"o\", \"00\")",
    "replacestr(X, \"\", \"-\")",
    "replacestr(X, Y, \"-\")",
    "replacestr(X, \"ö\", none)",
    "lpad(X, 6, \"öx\")",
    "rpad(X, 6)",
    "lpad(X, 4, \"\")",
    "rpad(X, Y, \"x\")",
    "lpad(X, 99999999, \"x\")",
    "instr(X, \"o\")",
    "instr(X, Y)",
    "instr(X, \"\")",
    "instr(X, \"o\", 1)",
    "instr(X, \"o\", 0, 2)",
    "instr(X, \"o\", Y)",
    "split(X, \",;\")",
    "split(X, \"\")",
    "explode(X)",
    "explode(X, \"\\\\|\")",
    "explode(X, \"\")",
    "explode(X, Y)",
    "join(\"-\", split(X, \",\"), Y)",
    "join(X, Y, \"z\")",
    "join(\",\", X)",
    "equals(X, Y)",
    "equals(X, \"word\")",
    "equalsIgnoreCase(X, Y)",
    "equalsIgnoreCase(X, \"WORD\")",
    "to_integer(X)",
    "to_bigint(X)",
    "to_decimal(X)",
    "to_float(X)",
    "to_integer(X) + to_integer(Y)",
    "to_integer(X) == to_integer(Y)",
    "to_integer(X) != to_integer(Y)",
    "to_integer(X) < 3",
    "to_decimal(X) * 2",
    "date(X)",
    "date(X, \"yyyy-MM-dd\")",
    "date(X, Y)",
    "date(X, \"yyyy\", Y)",
    "format(X, \"yyyy-MM\")",
    "dformat(X, \"HH:mm\")",
    "date_part(\"year\", X)",
    "date_part(X, Y)",
    "set_date_part(\"m\", 4, X)",
    "make_date_time(2019, X, 1, 0, 0, 0, 0, \"UTC\")",
    "zone_date_to_utc(X)",
    "zone_date_to_zone(X, \"Europe/Paris\")",
    "zone_date_to_zone(X, Y)",
    "now()",
    "timestamp()",
    "iif(X, now(), Y)",
    "date(X) > Y",
    "date(X) == date(Y)",
    "iif(X, zone_date_to_zone(Y, \"Asia/Kolkata\"), 1)",
    "max(iif(Y, X, 1))",
    "substr(1 / X, 0, 1) + Y",
    "(X ? Y : 1) + 1",
    "upper(X ? Y : 1)",
    "trim(X + Y)",
    "matches_regex(X, \"[a-z]+\")",
    "matches_regex(X, Y)",
    "extract_regex(X, \"(\\d)(\\d)?\")",
    "sha256(X)",
    "md5(X, Y)",
    "crc32(X, \"UTF-16\")",
    "get_url_host(\"http://\" + X)",
    "get_url_port(X)",
    "get_url_query_str(\"http://a?\" + X, \"append\")",
    "get_url_encoded(X)",
    "get_url_decoded(X)",
    "ua_os_name(X)",
    "fpid_to_ecid(X)",
    "contains_key(X)",
    "size_of(X)",
    "[X, Y, [1 / X]]",
    "{\"a\": X, \"b\": {\"c\": Y}}",
    "{X: Y}",
    "{\"a\": X}.a",
    "[X, Y][1]",
    "get(X, Y)",
    "get(split(X, \",\"), 1) + Y",
    "upper(first(split(X, \",\")))",
    "to_array(false, X, Y, none)",
    "to_array(X, none)",
    "add_to_array(X, Y)",
    "join_arrays(X, [Y])",
    "join(\"-\", to_array(true, X, Y))",
    "array_to_string(X, [Y, X])",
    "transformArray([X, Y, 0], x -> 10 / x)",
    "transformArray(split(X, \",\"), x -> upper(x) + Y)",
    "size_of(filterArray([X, Y], x -> x > 1)) == 1 ? X : [Y]",
    "filterArray([X, Y], x -> x)",
    "flattenArray([[X], [[Y]]])",
    "coalesce(none, [X], Y)",
    "iif(X, [Y], 1 / Y)",
    "decode(X, 1, [1], Y, {\"y\": Y}, X)",
    "[X] == [Y]",
    "!is_empty([X])",
    "first(X) and 1 / Y > 0",
    "str_to_object(X, \",\", \":\")",
    "get_values(X, \"a\", \",\", Y)",
    "get_keys(X)",
    "map_has_keys({\"a\": X}, Y)",
    "map_get_values({\"1\": X, \"a\": Y}, [X, \"1\"])",
    "add_to_map({\"a\": X}, Y)",
    "object_to_map(X)",
    "array_to_map([{\"k\": X}, {\"k\": Y}], \"k\")",
    "arrays_to_object(\"a\", X, \"b\", [Y])",
    "to_object(X, Y)",
    "json_to_object(X)",
    "min([X, Y])",
    "1 / 0",
    "iif(true, X, 1/0)",
    "false and X",
];

fn column<T: Copy, A: FromIterator<Option<T>>>(values: &[Option<T>], picks: &[usize]) -> A {
    picks.iter().map(|pick| values[pick % values.len()]).collect()
}

fn batch(picks: &[Vec<usize>]) -> RecordBatch {
    let moments = [None, Some(0), Some(-1), Some(1_700_000_000_123_456)];
    let at: TimestampMicrosecondArray = column(&moments, &picks[4]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("s", Arc::new(column::<_, StringArray>(TEXTS, &picks[0]))),
        ("t", Arc::new(column::<_, StringArray>(TEXTS, &picks[1]))),
        ("i", Arc::new(column::<_, Int64Array>(INTS, &picks[2]))),
        ("j", Arc::new(column::<_, Int64Array>(INTS, &picks[3]))),
        ("f", Arc::new(column::<_, Float64Array>(NUMBERS_, &picks[1]))),
        ("g", Arc::new(column::<_, Float64Array>(&NUMBERS_[..6], &picks[2]))),
        ("b", Arc::new(column::<_, BooleanArray>(&[None, Some(true), Some(false)], &picks[3]))),
        ("u", Arc::new(column::<_, UInt64Array>(&[None, Some(1), Some(u64::MAX)], &picks[4]))),
        ("day", Arc::new(column::<_, Date32Array>(&[None, Some(0), Some(19_782)], &picks[0]))),
        ("at", Arc::new(at.with_timezone("UTC"))),
    ];
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap()
}

fn plan(source: &str, ty: &Type, schema: &Schema) -> Plan {
    let set = MappingSet::parse(&json!({ "mappings": [
        { "sourceType": "EXPRESSION", "source": source, "destination": "out" }
    ] }))
    .unwrap_or_else(|why| panic!("{source}: {why}"));
    let field = Field { name: "out".into(), ty: ty.clone(), required: false };
    let spec = MapSpec {
        target: FieldTree { fields: vec![field] },
        set: Some(set),
        now: "2024-07-01T10:10:24.500Z".parse().unwrap(),
    };
    Plan::new(&spec, schema).unwrap_or_else(|why| panic!("{source}: {why}"))
}

/// Both ways over a batch: what the plan gives, and each row on its own.
#[track_caller]
fn check(source: &str, ty: &Type, batch: &RecordBatch) {
    let plan = plan(source, ty, batch.schema_ref());
    let mut found = plan.run(batch, &|_| false).unwrap().remove(0);
    let Feed::Compute(program) = &plan.rules[0].feed else {
        return;
    };
    let fetched: Vec<ArrayRef> = plan.fields.iter().map(|f| f.fetch(batch).unwrap()).collect();
    let plain = plan.plain(&fetched, batch.num_rows()).unwrap();
    let inputs = Inputs {
        readers: plain.columns()[1..].iter().map(Reader::new).collect(),
        batch: plain.clone(),
        names: &plan.names,
    };
    let rows: Vec<usize> = (0..batch.num_rows()).collect();
    let expected = program.by_row(&plan.rules[0], &inputs, &rows, &|_| false).unwrap();
    found.failures.sort_by_key(|failure| failure.row);
    assert_eq!(found.failures, expected.failures, "{source}");
    let read =
        |array: &ArrayRef| -> Vec<String> { rows.iter().map(|row| format!("{:?}", read::at(array, *row))).collect() };
    assert_eq!(read(&found.column), read(&expected.column), "{source} as {ty:?}");
}

fn pairs() -> Vec<(&'static str, &'static str)> {
    let names = ["s", "t", "i", "j", "f", "g", "b", "u", "day", "at", "none"];
    let all = names.iter().flat_map(|x| names.iter().map(move |y| (*x, *y)));
    all.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn columns_give_what_rows_give(
        picks in prop::collection::vec(prop::collection::vec(0usize..1000, 24), 5),
        pair in 0usize..121,
        target in 0usize..6,
    ) {
        let batch = batch(&picks);
        let pairs = pairs();
        let targets = [
            Type::String,
            Type::Long,
            Type::Number,
            Type::Boolean,
            Type::DateTime,
            Type::Array(Box::new(Type::String)),
        ];
        for (at, expression) in EXPRESSIONS.iter().enumerate() {
            // Texts against texts every second time: most columns are texts.
            let (x, y) = if at % 2 == 0 { ("s", "t") } else { pairs[(pair + at * 7) % pairs.len()] };
            let source = expression.replace('X', x).replace('Y', y);
            check(&source, &targets[(target + at) % targets.len()], &batch);
            check(&source, &Type::String, &batch);
        }
    }
}

#[test]
fn clean_columns_give_what_rows_give() {
    // No row fails and no value is absent, so that every loop runs to its end.
    let numbers: Vec<usize> =
        (0..TEXTS.len()).filter(|at| TEXTS[*at].is_some_and(|t| number_in(t).is_some() && t.len() < 6)).collect();
    let words: Vec<usize> = (12..24).collect();
    for (s, t) in [(&numbers, &numbers), (&words, &numbers), (&words, &words)] {
        let cycle = |of: &[usize], step: usize| -> Vec<usize> {
            (0..30).map(|row| of[(row * step + row / 7) % of.len()]).collect()
        };
        let small = cycle(&[1, 2, 3, 4], 1);
        let batch = batch(&[cycle(s, 1), cycle(t, 3), small.clone(), small.clone(), small]);
        for expression in EXPRESSIONS {
            for (x, y) in [("s", "t"), ("t", "s"), ("i", "t"), ("g", "i"), ("i", "j"), ("s", "g")] {
                check(&expression.replace('X', x).replace('Y', y), &Type::String, &batch);
            }
        }
    }
}
