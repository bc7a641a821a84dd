//! Mapping sets: both dialects, and a set against a schema.

use crate::error::{Error, Kind, Place};
use crate::mapping::{MappingSet, Source, schema_of, validate};
use crate::xdm::{self, Field, FieldTree, Type};
use expect_test::{Expect, expect};
use serde_json::{Value, json};

fn profile() -> FieldTree {
    let schema = json!({ "type": "object", "title": "Contacts", "allOf": [
        { "$ref": "https://ns.adobe.com/xdm/context/profile" },
        { "$ref": "https://ns.adobe.com/xdm/context/profile-person-details" },
        { "$ref": "https://ns.adobe.com/xdm/context/profile-personal-details" },
    ], "properties": { "_acme": { "type": "object", "properties": {
        "points": { "type": "integer" }, "vip": { "type": "boolean" }, "tags": { "type": "array", "items": { "type": "string" } },
        "big": { "type": "integer", "minimum": -9007199254740991i64, "maximum": 9007199254740991i64 },
    } } } });
    xdm::resolve(&schema, &|_| None).unwrap()
}

fn told(error: &Error) -> String {
    let at = match &error.at {
        Some(Place::Pointer { pointer }) => pointer.clone(),
        Some(Place::Span { start, end }) => format!("{start}..{end}"),
        other => format!("{other:?}"),
    };
    let advice = error.advice.as_deref().map_or(String::new(), |advice| format!(" | {advice}"));
    format!("{} {} @ {at}{advice}", error.code.id, error.message)
}

#[track_caller]
fn parse_fails(body: Value, expected: Expect) {
    expected.assert_eq(&told(&MappingSet::parse(&body).expect_err("the body is wrong")));
}

#[track_caller]
fn check(mappings: Value, expected: Expect) {
    let set = MappingSet::parse(&json!({ "mappings": mappings })).unwrap();
    let answer = match set.check(&profile()) {
        Ok(()) => "fits".to_string(),
        Err(error) => told(&error),
    };
    expected.assert_eq(&answer);
}

fn expression(source: &str, destination: &str) -> Value {
    json!([{ "sourceType": "EXPRESSION", "source": source, "destination": destination }])
}

#[test]
fn p_1_the_legacy_dialect_is_read() {
    let body = json!({ "version": 0, "xdmSchema": "_acme.schemas.0f1e", "xdmVersion": "1.0", "id": null, "mappings": [
        { "destinationXdmPath": "_id", "sourceAttribute": "Vid", "identity": true, "identityGroup": null, "namespaceCode": null, "version": 0 },
        { "destinationXdmPath": "person.name.firstName", "sourceAttribute": "Properties_Firstname_Value", "identity": false, "version": 0 },
        { "destinationXdmPath": "_repo.createDate", "sourceAttribute": "Added_At", "identity": false } ] });
    let set = MappingSet::parse(&body).unwrap();
    assert!(set.rules[0].identity && !set.rules[1].identity);
    assert_eq!(set.rules[1].destination, ["person", "name", "firstName"]);
    assert_eq!(set.rules[1].source, Source::Attribute("Properties_Firstname_Value".parse().unwrap()));
    assert_eq!(schema_of(&body), Some("_acme.schemas.0f1e"));
    set.check(&profile()).unwrap();
}

#[test]
fn p_1_the_current_dialect_and_the_old_source_types_are_read() {
    let body = json!({ "outputSchema": { "schemaRef": { "id": "https://ns.adobe.com/acme/schemas/0f1e" } }, "mappings": [
        { "sourceType": "ATTRIBUTE", "source": "First Name", "destination": "person.name.firstName", "name": "n", "description": "d" },
        { "sourceType": "text/x.schema-path", "source": "mail", "destination": "personalEmail.address" },
        { "sourceType": "EXPRESSION", "source": "concat(${First Name}, ' ', last)", "destination": "person.name.fullName" },
        { "sourceType": "text/x.aep-xl", "source": "1 + n", "destination": "_acme.points" },
        { "sourceType": "STATIC", "source": "yes", "destination": "_acme.vip" },
        { "source": "b", "sourceType": null, "destination": "person.birthDate" } ] });
    let set = MappingSet::parse(&body).unwrap();
    let kinds: Vec<_> = set
        .rules
        .iter()
        .map(|rule| match &rule.source {
            Source::Attribute(path) => format!("attribute {path}"),
            Source::Constant(value) => format!("constant {value}"),
            Source::Expression(tree) => format!("expression {tree}"),
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "attribute ${First Name}",
            "attribute mail",
            "expression concat(${First Name}, \" \", last)",
            "expression 1 + n",
            "constant \"yes\"",
            "attribute b"
        ]
    );
    let fields: Vec<_> = set.fields().iter().map(ToString::to_string).collect();
    assert_eq!(fields, ["${First Name}", "mail", "last", "n", "b"]);
    assert_eq!(schema_of(&body), Some("https://ns.adobe.com/acme/schemas/0f1e"));
    set.check(&profile()).unwrap();
}

#[test]
fn a_set_survives_the_plan_it_is_stored_in() {
    let body = json!({ "mappings": [
        { "sourceType": "EXPRESSION", "source": "iif(a[0].${b c} > -1.5, 'x', null)", "destination": "_id" } ] });
    let set = MappingSet::parse(&body).unwrap();
    let text = serde_json::to_string(&set).unwrap();
    assert_eq!(serde_json::from_str::<MappingSet>(&text).unwrap(), set);
}

#[test]
fn both_dialects_in_one_mapping_must_agree() {
    let both = |a: &str| json!({ "mappings": [{ "source": "x", "sourceAttribute": "x", "destination": "_id", "destinationXdmPath": a }] });
    assert!(MappingSet::parse(&both("_id")).is_ok());
    parse_fails(
        both("person"),
        expect![
            "FLOW-1419-400 mapping 0 names two target fields, `_id` and `person` @ /mappings/0/destinationXdmPath | Send `destination` alone, or the same path in both."
        ],
    );
}

#[test]
fn what_is_no_mapping_set_is_refused_with_its_place() {
    parse_fails(json!([]), expect!["FLOW-1419-400 the mapping set is not a JSON object @ "]);
    parse_fails(json!({}), expect!["FLOW-1419-400 the mapping set has no `mappings` @ /mappings"]);
    parse_fails(json!({ "mappings": {} }), expect!["FLOW-1419-400 `mappings` is not an array @ /mappings"]);
    parse_fails(json!({ "mappings": [1] }), expect!["FLOW-1419-400 mapping 0 is not a JSON object @ /mappings/0"]);
    parse_fails(
        json!({ "mappings": [{ "source": "a" }] }),
        expect![
            "FLOW-1419-400 mapping 0 names no target field: `destination` (or `destinationXdmPath`) is missing or no text @ /mappings/0/destination"
        ],
    );
    parse_fails(
        json!({ "mappings": [{ "destination": "a" }] }),
        expect![
            "FLOW-1419-400 mapping 0 has no source: `source` (or `sourceAttribute`) is missing @ /mappings/0/source"
        ],
    );
    parse_fails(
        json!({ "mappings": [{ "destinationXdmPath": "a", "sourceAttribute": 1 }] }),
        expect!["FLOW-1419-400 mapping 0: `sourceAttribute` is no text @ /mappings/0/sourceAttribute"],
    );
    parse_fails(
        json!({ "mappings": [{ "destination": "a[0].b", "source": "a" }] }),
        expect![
            "FLOW-1419-400 mapping 0: target field `a[0].b`: single elements of an array cannot be filled yet: map the whole array @ /mappings/0/destination"
        ],
    );
    parse_fails(
        json!({ "mappings": [{ "destination": "a", "source": "a", "sourceType": "MAGIC" }] }),
        expect![[
            r#"FLOW-1419-400 mapping 0: `sourceType` "MAGIC" is not known @ /mappings/0/sourceType | Use ATTRIBUTE, EXPRESSION or STATIC."#
        ]],
    );
    parse_fails(
        json!({ "mappings": [{ "destination": "a", "source": [1], "sourceType": "STATIC" }] }),
        expect!["FLOW-1419-400 mapping 0: a STATIC source is text, a number, true or false @ /mappings/0/source"],
    );
    parse_fails(
        json!({ "mappings": [{ "destination": "a", "source": "a + ", "sourceType": "EXPRESSION" }] }),
        expect![
            "FLOW-1419-400 mapping 0 (`/mappings/0/source`): the expression ends too early: a value is expected @ 4..4"
        ],
    );
}

#[test]
fn a_target_field_is_filled_once() {
    let body =
        json!({ "mappings": [{ "source": "a", "destination": "_id" }, { "source": "b", "destination": "${_id}" }] });
    parse_fails(
        body,
        expect![
            "FLOW-1419-400 mapping 1: the target field `_id` is filled by an earlier mapping already @ /mappings/1/destination | Remove one of the two, or join them in one expression, such as `coalesce(a, b)`."
        ],
    );
}

#[test]
fn pl_map_3_an_object_and_its_child_may_both_be_mapped() {
    let mappings =
        json!([{ "source": "p", "destination": "person" }, { "source": "f", "destination": "person.name.firstName" }]);
    check(mappings, expect!["fits"]);
}

#[test]
fn a_target_field_must_be_in_the_schema() {
    let attribute = |destination: &str| json!([{ "source": "a", "destination": destination }]);
    check(
        attribute("person.name.firstname"),
        expect![
            "FLOW-1419-400 mapping 0: the schema has no field `person.name.firstname` @ /mappings/0 | The closest field is `person.name.firstName`."
        ],
    );
    check(
        attribute("firstName"),
        expect![
            "FLOW-1419-400 mapping 0: the schema has no field `firstName` @ /mappings/0 | The closest field is `person.name.firstName`."
        ],
    );
    check(
        attribute("acme.points"),
        expect![
            "FLOW-1419-400 mapping 0: the schema has no field `acme.points` @ /mappings/0 | The closest field is `_acme.points`."
        ],
    );
    check(
        attribute("qqqqqqqq.zzzzzzzz"),
        expect![
            "FLOW-1419-400 mapping 0: the schema has no field `qqqqqqqq.zzzzzzzz` @ /mappings/0 | Look up the schema's fields, or add a field group that has this one."
        ],
    );
}

#[test]
fn a_function_must_exist_and_get_its_arguments() {
    check(
        expression("concta(a, b)", "_id"),
        expect![
            "FLOW-1419-400 mapping 0 (`/mappings/0/source`): there is no function `concta` @ 0..12 | The closest function is `concat`."
        ],
    );
    check(
        expression("upper(date(a, 'YYYY-n'))", "_id"),
        expect![
            "FLOW-1419-400 mapping 0 (`/mappings/0/source`): function `date`: the date pattern `YYYY-n` has the letter n, which is not supported @ 14..22 | Write a Java date pattern, such as `yyyy-MM-dd HH:mm:ss`."
        ],
    );
    for good in [
        "guid()",
        "str_to_object(a).get('k')",
        "upper(sha256(a))",
        "matches_regex(a, b)",
        "join(',', filterArray([a, b], x -> x.c > 1))",
        "contains_key('a b.c')",
    ] {
        check(expression(good, "_id"), expect!["fits"]);
    }
    for wrong in [
        ("upper(x -> x)", "6..12: a lambda `x -> …` stands only where a function takes one"),
        ("size_of(transformArray(a, b))", "26..27: function `transformArray` takes a lambda such as `x -> …` here"),
        ("size_of(transformArray(a, x -> nix(x)))", "31..37: there is no function `nix`"),
        ("to_object('a', 1, 'b')", "0..22: function `to_object` takes keys and values in turn: one has no value"),
        ("contains_key(upper(a))", "13..21: function `contains_key` takes the path of a field"),
        ("[{'a': substr()}]", "7..15: function `substr` takes 3 arguments, not 0"),
        (
            "matches_regex(a, '(?=b)')",
            "17..24: function `matches_regex`: the pattern looks around (`(?=`, `(?!`, `(?<=`, `(?<!`, `(?>`), which takes unbounded time and is not available",
        ),
        (
            "extract_regex(a, '(')",
            "17..20: function `extract_regex`: the pattern is no regular expression: unclosed group",
        ),
    ] {
        let fault = crate::mapping::expression(wrong.0).unwrap_err();
        let Some(crate::error::Place::Span { start, end }) = fault.at else { panic!("{}: no span", wrong.0) };
        assert_eq!(format!("{start}..{end}: {}", fault.message), wrong.1, "{}", wrong.0);
    }
    check(
        expression("a == 1 ? substr(a, 1) : b", "_id"),
        expect![
            "FLOW-1419-400 mapping 0 (`/mappings/0/source`): function `substr` takes 3 arguments, not 2 @ 9..21 | Write `substr(INPUT, START_INDEX, LENGTH)`."
        ],
    );
    check(
        expression("date()", "person.birthDate"),
        expect![
            "FLOW-1419-400 mapping 0 (`/mappings/0/source`): function `date` takes 1 to 3 arguments, not 0 @ 0..6 | Write `date(DATE, FORMAT, DEFAULT_DATE)`."
        ],
    );
    check(
        expression("decode(a, 1)", "_id"),
        expect![
            "FLOW-1419-400 mapping 0 (`/mappings/0/source`): function `decode` takes at least 3 arguments, not 2 @ 0..12 | Write `decode(KEY, KEY_1, VALUE_1, …, DEFAULT)`."
        ],
    );
    check(
        expression("trim(a, b)", "_id"),
        expect![
            "FLOW-1419-400 mapping 0 (`/mappings/0/source`): function `trim` takes 1 argument, not 2 @ 0..10 | Write `trim(STRING)`."
        ],
    );
}

#[test]
fn what_can_never_fit_is_refused() {
    check(
        expression("upper(a)", "person.name"),
        expect![
            "FLOW-1419-400 mapping 0: the expression gives text, but the target field `person.name` is an object @ /mappings/0 | Map the object's children one by one, or an object to the object."
        ],
    );
    check(
        expression("a == 1", "_acme.points"),
        expect![
            "FLOW-1419-400 mapping 0: the expression gives true or false, but the target field `_acme.points` is a whole number @ /mappings/0"
        ],
    );
    check(
        expression("now()", "_acme.points"),
        expect![
            "FLOW-1419-400 mapping 0: the expression gives a moment in time, but the target field `_acme.points` is a whole number @ /mappings/0"
        ],
    );
    check(
        expression("1.5", "_acme.vip"),
        expect![
            "FLOW-1419-400 mapping 0: the expression gives a number, but the target field `_acme.vip` is true or false @ /mappings/0"
        ],
    );
    check(
        expression("split(a, ',')", "person.birthDate"),
        expect![
            "FLOW-1419-400 mapping 0: the expression gives an array, but the target field `person.birthDate` is a date @ /mappings/0"
        ],
    );
}

#[test]
fn what_a_row_may_show_to_fit_is_not_refused() {
    for (source, destination) in [
        ("upper(a)", "_acme.points"),
        ("upper(a)", "person.birthDate"),
        ("a + b", "person.name"),
        ("1 + 2", "_id"),
        ("now()", "person.birthDate"),
        ("timestamp()", "_repo.createDate"),
        ("timestamp()", "_acme.big"),
        ("split(a, ',')", "_acme.tags"),
        ("upper(a)", "_acme.tags"),
        ("nullify()", "person.name"),
        ("a eq 1", "_acme.vip"),
    ] {
        check(expression(source, destination), expect!["fits"]);
    }
}

#[test]
fn a_constant_is_judged_at_once() {
    let constant = |value: Value, destination: &str| json!([{ "sourceType": "STATIC", "source": value, "destination": destination }]);
    for (value, destination) in [
        (json!("5"), "_acme.points"),
        (json!("12.0"), "_acme.points"),
        (json!(5), "_acme.points"),
        (json!("yes"), "_acme.vip"),
        (json!(1), "_id"),
        (json!("2024-07-01"), "person.birthDate"),
        (json!(5_000_000_000i64), "_acme.big"),
    ] {
        check(constant(value, destination), expect!["fits"]);
    }
    check(
        constant(json!("many"), "_acme.points"),
        expect![[
            r#"FLOW-1419-400 mapping 0: the constant "many" cannot be in the target field `_acme.points`, which is a whole number @ /mappings/0"#
        ]],
    );
    check(
        constant(json!(5_000_000_000i64), "_acme.points"),
        expect![
            "FLOW-1419-400 mapping 0: the constant 5000000000 cannot be in the target field `_acme.points`, which is a whole number @ /mappings/0"
        ],
    );
    check(
        constant(json!("maybe"), "_acme.vip"),
        expect![[
            r#"FLOW-1419-400 mapping 0: the constant "maybe" cannot be in the target field `_acme.vip`, which is true or false @ /mappings/0"#
        ]],
    );
    check(
        constant(json!("x"), "person"),
        expect![[
            r#"FLOW-1419-400 mapping 0: the constant "x" cannot be in the target field `person`, which is an object @ /mappings/0"#
        ]],
    );
}

#[test]
fn validation_answers_for_every_mapping() {
    let body = json!({ "mappings": [
        { "source": "a", "destination": "_id" },
        { "source": "a +", "sourceType": "EXPRESSION", "destination": "person.name.firstName" },
        { "source": "nope(a)", "sourceType": "EXPRESSION", "destination": "person.name.nope" },
        { "source": "b", "destination": "_id" } ] });
    let counts = |target| validate(&body, target).unwrap().iter().map(Vec::len).collect::<Vec<_>>();
    let target = profile();
    assert_eq!(counts(Some(&target)), [0, 1, 2, 1]);
    assert_eq!(counts(None), [0, 1, 1, 1]);
    assert!(validate(&json!(null), None).is_err());
}

#[test]
fn too_many_mappings_are_refused() {
    let mappings: Vec<Value> = (0..10_001).map(|n| json!({ "source": "a", "destination": format!("f{n}") })).collect();
    assert_eq!(MappingSet::parse(&json!({ "mappings": mappings })).unwrap_err().kind, Kind::TooLarge);
}

#[test]
fn required_fields_that_nothing_fills_are_told() {
    let leaf = |name: &str, required| Field { name: name.into(), ty: Type::String, required };
    let inner = Field { name: "o".into(), ty: Type::Object(vec![leaf("x", true), leaf("y", false)]), required: false };
    let tree = FieldTree { fields: vec![leaf("_id", true), leaf("a", false), inner] };
    let unfilled = |destinations: &[&str]| {
        let mappings: Vec<Value> = destinations.iter().map(|d| json!({ "source": "s", "destination": d })).collect();
        MappingSet::parse(&json!({ "mappings": mappings })).unwrap().unfilled(&tree)
    };
    assert_eq!(unfilled(&["a"]), ["_id"]);
    assert_eq!(unfilled(&["_id", "o.y"]), ["o.x"]);
    assert_eq!(unfilled(&["_id", "o"]), Vec::<String>::new());
    assert_eq!(unfilled(&["_id"]), Vec::<String>::new());
}
