//! Operators, by the rules at the top of `mapping/compile.rs`.

use super::evaluate;

/// The fields that the expressions read.
const FIELDS: &[(&str, Option<&str>)] = &[
    ("one", Some("1")),
    ("half", Some("0.5")),
    ("word", Some("word")),
    ("yes", Some("yes")),
    ("off", Some("off")),
    ("blank", Some("")),
    ("none", None),
    ("huge", Some("9223372036854775807")),
    ("day", Some("2024-01-02")),
];

#[track_caller]
fn check(expression: &str, expected: &str) {
    assert_eq!(evaluate(expression, FIELDS), expected, "{expression}");
}

#[test]
fn plus_adds_numbers_and_joins_texts() {
    check("1 + 2", "3");
    check("one + 2", "3");
    check("one + half", "1.5");
    check("one + word", "1word");
    check("word + \" \" + word", "word word");
    check("none + word", "word");
    check("word + none", "word");
    check("none + none", "null");
    check("none + 1", "1");
    check("true + word", "trueword");
}

#[test]
fn arithmetic_is_exact_or_fails_with_a_reason() {
    check("7 / 2", "3.5");
    check("6 / 2", "3");
    check("7 % 3", "1");
    check("7 mod 3", "1");
    check("7 div 2", "3.5");
    check("half * 3", "1.5");
    check("one - 3", "-2");
    check("-one", "-1");
    check("~one", "-2");
    check("1 / 0", "failed: a division by zero");
    check("half % 0", "failed: a division by zero");
    check("huge + 1", "failed: the result does not fit a whole number of 64 bits");
    check("huge * huge", "failed: the result does not fit a whole number of 64 bits");
    check("word * 2", "failed: \"word\" is not a number");
    check("-word", "failed: \"word\" is not a number");
    check("~half", "failed: ~ takes a whole number of 64 bits");
    check("none * 2", "null");
    check("blank - 2", "null");
    check("-none", "null");
    check("1e308 * 10", "failed: the result is too large for a number");
}

#[test]
fn comparisons_are_numeric_where_both_sides_are() {
    check("one < 10", "true");
    check("\"9\" < \"10\"", "true");
    check("\"9a\" < \"10\"", "false");
    check("one == 1.0", "true");
    check("one ne 2", "true");
    check("word == \"word\"", "true");
    check("word != \"Word\"", "true");
    check("yes == true", "true");
    check("none == null", "true");
    check("none == blank", "false");
    check("none != 1", "true");
    check("none < 1", "false");
    check("none >= 1", "false");
    check("date(day) > \"2024-01-01T12:00:00Z\"", "true");
    check("day == date(\"2024-01-02T01:00:00+01:00\")", "true");
}

#[test]
fn truth_follows_the_contracts_words() {
    check("yes and one", "true");
    check("off or none", "false");
    check("!off", "true");
    check("not none", "true");
    check("word && true", "true");
    check("blank || false", "false");
    check("half ? \"a\" : \"b\"", "a");
    check("none ? \"a\" : \"b\"", "b");
    check("one > 0 and word == \"word\" or 1/0 == 1", "true");
}

#[test]
fn a_branch_that_is_not_taken_does_not_fail() {
    check("one == 1 ? \"fine\" : 1/0", "fine");
    check("one == 2 ? \"fine\" : 1/0", "failed: a division by zero");
    check("iif(one == 1, \"fine\", 1/0)", "fine");
    check("coalesce(none, word, 1/0)", "word");
    check("decode(one, 1, \"fine\", 2, 1/0)", "fine");
    check("false and 1/0", "false");
}
