//! Schemas by example: what is merged, which types and which faults come of it, and the whole global library.

use super::*;
use crate::error::{Error, Kind, Place};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::json;

fn nothing(_: &str) -> Option<Value> {
    None
}

/// A tree as lines `path type!`, `!` where required.
fn lines(fields: &[Field], above: &str, into: &mut String) {
    for field in fields {
        let path = format!("{above}{}", field.name);
        let mark = if field.required { "!" } else { "" };
        into.push_str(&format!("{path} {}{mark}\n", kind(&field.ty)));
        if let Some(children) = children(&field.ty) {
            lines(children, &format!("{path}."), into);
        }
    }
}

fn kind(ty: &Type) -> String {
    match ty {
        Type::Object(_) => "object".into(),
        Type::Array(inner) => format!("array<{}>", kind(inner)),
        Type::Map(inner) => format!("map<{}>", kind(inner)),
        scalar => format!("{scalar:?}").to_lowercase(),
    }
}

fn children(ty: &Type) -> Option<&[Field]> {
    match ty {
        Type::Object(children) => Some(children),
        Type::Array(inner) | Type::Map(inner) => children(inner),
        _ => None,
    }
}

#[track_caller]
fn check(schema: Value, expected: Expect) {
    let mut text = String::new();
    lines(&resolve(&schema, &nothing).unwrap().fields, "", &mut text);
    expected.assert_eq(&text);
}

fn told(error: &Error) -> String {
    let at = match &error.at {
        Some(Place::Pointer { pointer }) => pointer.as_str(),
        _ => "nowhere",
    };
    format!("{} {} @ {at}", error.code.id, error.message)
}

#[track_caller]
fn refuse(schema: Value, expected: Expect) {
    expected.assert_eq(&told(&resolve(&schema, &nothing).unwrap_err()));
}

fn properties(properties: Value) -> Value {
    json!({ "title": "T", "type": "object", "properties": properties })
}

#[test]
fn types_come_from_json_schema() {
    check(
        properties(json!({
            "text": { "type": "string" }, "mail": { "type": "string", "format": "email" }, "choice": { "enum": ["a"] },
            "day": { "type": "string", "format": "date" }, "moment": { "type": "string", "format": "date-time" },
            "flag": { "type": "boolean" }, "ratio": { "type": "number" }, "whole": { "type": "integer" },
            "byte": { "type": "integer", "minimum": -128, "maximum": 128 }, "percent": { "type": "integer", "minimum": 0, "maximum": 100 },
            "short": { "type": "integer", "minimum": -32768, "maximum": 32768 }, "count": { "type": "integer", "minimum": 0 },
            "int": { "type": "integer", "minimum": -2147483648i64, "maximum": 2147483647i64 },
            "long": { "type": "integer", "minimum": -9007199254740991i64, "maximum": 9007199254740991i64 },
            "either": { "type": ["null", "string"] }, "list": { "type": "array", "items": { "type": "number" } },
            "map": { "type": "object", "additionalProperties": { "type": "integer" } },
            "object": { "type": "object", "properties": { "a": { "type": "string" } } }, "nothing": { "type": "object", "properties": {} }
        })),
        expect![[r#"
            text string
            mail string
            choice string
            day date
            moment datetime
            flag boolean
            ratio number
            whole int
            byte byte
            percent byte
            short short
            count int
            int int
            long long
            either string
            list array<number>
            map map<int>
            object object
            object.a string
        "#]],
    );
}

#[test]
fn the_registrys_own_type_goes_first() {
    check(
        properties(json!({
            "a": { "type": "integer", "meta:xdmType": "long" }, "b": { "type": "string", "meta:xdmType": "date-time" },
            "c": { "type": "object", "meta:xdmType": "map" }, "d": { "type": "number", "meta:xdmType": "double" }
        })),
        expect![[r#"
            a long
            b datetime
            c map<string>
            d number
        "#]],
    );
}

#[test]
fn pl_xdm_the_tutorials_schema_has_the_fields_they_map() {
    let schema = json!({ "type": "object", "title": "Contacts", "description": "people", "allOf": [
        { "$ref": "https://ns.adobe.com/xdm/context/profile" },
        { "$ref": "https://ns.adobe.com/xdm/context/profile-person-details" },
        { "$ref": "https://ns.adobe.com/xdm/context/profile-personal-details" } ] });
    let tree = resolve(&schema, &nothing).unwrap();
    let find = |path: &str| tree.find(&path.split('.').map(str::to_string).collect::<Vec<_>>()).map(|f| f.ty.clone());
    for (path, ty) in [
        ("_id", Type::String),
        ("person.name.firstName", Type::String),
        ("person.name.lastName", Type::String),
        ("person.name.fullName", Type::String),
        ("person.birthDate", Type::Date),
        ("person.birthYear", Type::Short),
        ("personalEmail.address", Type::String),
        ("personalEmail.primary", Type::Boolean),
        ("homeAddress.city", Type::String),
        ("homeAddress._schema.latitude", Type::Number),
        ("_repo.createDate", Type::DateTime),
    ] {
        assert_eq!(find(path), Some(ty), "{path}");
    }
    assert!(tree.fields.iter().all(|f| !f.required), "a profile requires nothing: tutorials do not map `_id`");
    let first: Vec<_> = tree.fields.iter().map(|f| f.name.as_str()).collect();
    let place = |name: &str| first.iter().position(|n| *n == name).unwrap();
    assert!(
        place("_id") < place("person") && place("person") < place("personalEmail"),
        "the order is the schema's: {first:?}"
    );
}

#[test]
fn an_experience_event_requires_its_id_and_time() {
    check(
        json!({ "title": "E", "type": "object", "allOf": [{ "$ref": "https://ns.adobe.com/xdm/context/experienceevent" }] }),
        expect![[r#"
            identityMap map<array<object>>
            identityMap.id string
            identityMap.authenticatedState string
            identityMap.primary boolean
            _id string!
            timestamp datetime!
            eventType string
            eventMergeId string
            producedBy string
        "#]],
    );
}

#[test]
fn every_global_resource_resolves_and_is_found_by_both_names() {
    let mut seen = 0;
    for kind in ["classes", "fieldgroups", "datatypes", "behaviors"] {
        for resource in globals(kind) {
            let tree = resolve(resource, &nothing).unwrap_or_else(|e| panic!("{}: {e}", resource["$id"]));
            let empty = tree.fields.is_empty();
            let hollow = ["https://ns.adobe.com/xdm/data/adhoc", "https://ns.adobe.com/xdm/common/extensible"];
            assert_eq!(empty, hollow.contains(&resource["$id"].as_str().unwrap()), "{}", resource["$id"]);
            for name in ["$id", "meta:altId"] {
                assert_eq!(global(resource[name].as_str().unwrap()), Some(resource));
            }
            assert!(
                resource["title"].is_string() && resource["description"].is_string() && resource["version"] == "1.0"
            );
            seen += 1;
        }
    }
    assert_eq!(seen, 24);
    assert_eq!(globals("mixins"), globals("fieldgroups"));
    assert!(globals("schemas").is_empty() && globals("nonsense").is_empty());
    assert!(global("_xdm.context.profile").is_some() && global("nonsense").is_none());
}

#[test]
fn a_tenants_field_group_is_looked_up_and_local_references_are_followed() {
    let group = json!({ "$id": "https://ns.adobe.com/acme/mixins/1", "type": "object", "title": "Loyalty",
        "definitions": { "custom": { "properties": { "_acme": { "type": "object", "required": ["id"], "properties": {
            "id": { "type": "string" }, "owner": { "title": "Owner", "$ref": "https://ns.adobe.com/xdm/context/person-name" } } } } } },
        "allOf": [{ "$ref": "#/definitions/custom" }] });
    let schema = json!({ "title": "S", "type": "object", "required": ["_id"], "allOf": [
        { "$ref": "https://ns.adobe.com/xdm/data/record" }, { "$ref": "https://ns.adobe.com/acme/mixins/1" } ],
        "properties": { "_acme": { "type": "object", "properties": { "more": { "type": "integer" } } } } });
    let lookup = |id: &str| (id == "https://ns.adobe.com/acme/mixins/1").then(|| group.clone());
    let mut text = String::new();
    lines(&resolve(&schema, &lookup).unwrap().fields, "", &mut text);
    expect![[r#"
        _id string!
        _acme object
        _acme.id string!
        _acme.owner object
        _acme.owner.firstName string
        _acme.owner.lastName string
        _acme.owner.middleName string
        _acme.owner.courtesyTitle string
        _acme.owner.suffix string
        _acme.owner.fullName string
        _acme.more int
    "#]]
    .assert_eq(&text);
    let merged = full(&schema, &lookup).unwrap();
    assert_eq!(merged["title"], "S");
    assert_eq!(merged.get("allOf"), None);
    assert_eq!(merged["required"], json!(["_id"]));
    let owner = merged.pointer("/properties/_acme/properties/owner").unwrap();
    assert_eq!(owner["title"], "Owner");
    assert_eq!(owner["meta:referencedFrom"], "https://ns.adobe.com/xdm/context/person-name");
    assert_eq!(owner["properties"]["firstName"]["meta:xdmType"], "string");
    assert!(!merged.to_string().contains("$ref"));
}

#[test]
fn an_unknown_reference_is_named() {
    let error =
        resolve(&json!({ "allOf": [{ "$ref": "https://ns.adobe.com/acme/mixins/none" }] }), &nothing).unwrap_err();
    assert_eq!(error.kind, Kind::NotFound);
    expect!["XDM-1012-404 the resource `https://ns.adobe.com/acme/mixins/none`, which a `$ref` names, is not found @ "]
        .assert_eq(&told(&error));
    refuse(
        properties(json!({ "a": { "$ref": "https://ns.adobe.com/xdm/context/person#/definitions/none" } })),
        expect![
            "XDM-1012-404 the resource `https://ns.adobe.com/xdm/context/person#/definitions/none`, which a `$ref` names, is not found @ /properties/a"
        ],
    );
}

#[test]
fn rel_e_circles_and_doubling_references_end() {
    let node = json!({ "$id": "node", "type": "object", "properties": { "next": { "$ref": "node" } } });
    let lookup = |id: &str| (id == "node").then(|| node.clone());
    let error = resolve(&json!({ "allOf": [{ "$ref": "node" }] }), &lookup).unwrap_err();
    expect!["XDM-1020-400 `node` refers back to itself: node → node @ /properties/next"].assert_eq(&told(&error));
    let double = |id: &str| {
        let n: u32 = id.strip_prefix('d')?.parse().ok()?;
        let next = json!({ "$ref": format!("d{}", n + 1) });
        Some(json!({ "type": "object", "properties": { "a": next, "b": next } }))
    };
    let error = resolve(&json!({ "allOf": [{ "$ref": "d0" }] }), &double).unwrap_err();
    assert!(error.message.contains("nested deeper"), "{error}");
    let wide = |id: &str| {
        let n: u32 = id.strip_prefix('w')?.parse().ok()?;
        let next = if n == 20 { json!({ "type": "string" }) } else { json!({ "$ref": format!("w{}", n + 1) }) };
        Some(json!({ "type": "object", "properties": { "a": next, "b": next } }))
    };
    let error = resolve(&json!({ "allOf": [{ "$ref": "w0" }] }), &wide).unwrap_err();
    assert_eq!(error.kind, Kind::TooLarge);
    let hollow = |id: &str| {
        let n: u32 = id.strip_prefix('h')?.parse().ok()?;
        let next = json!({ "$ref": format!("h{}", n + 1) });
        Some(if n == 25 { json!({}) } else { json!({ "allOf": [next, next] }) })
    };
    let error = resolve(&json!({ "allOf": [{ "$ref": "h0" }] }), &hollow).unwrap_err();
    assert_eq!(error.kind, Kind::TooLarge);
    let mut deep = json!({ "type": "string" });
    for _ in 0..200 {
        deep = properties(json!({ "a": deep }));
    }
    assert!(resolve(&deep, &nothing).unwrap_err().message.contains("nested deeper"));
    let mut list = json!({ "type": "string" });
    for _ in 0..200 {
        list = json!({ "type": "array", "items": list });
    }
    assert!(resolve(&properties(json!({ "a": list })), &nothing).unwrap_err().message.contains("nested deeper"));
}

#[test]
fn faults_name_the_field() {
    refuse(json!(1), expect!["XDM-1020-400 the schema is not a JSON object @ "]);
    refuse(
        properties(json!({ "a": { "type": "array" } })),
        expect!["XDM-1020-400 the array `a` does not say what its `items` are @ /properties/a"],
    );
    refuse(properties(json!({ "a": {} })), expect!["XDM-1020-400 the field `a` has no type @ /properties/a"]);
    refuse(
        properties(json!({ "a": { "type": "blob" } })),
        expect![[r#"XDM-1020-400 the field `a` has the type "blob", which is not known @ /properties/a"#]],
    );
    refuse(
        properties(json!({ "o": { "type": "object", "properties": { "a b": { "type": "string" } } } })),
        expect![
            "XDM-1020-400 `a b` is no name for a field: letters, digits, `-` and `_` are allowed @ /properties/o/properties/a b"
        ],
    );
    refuse(
        properties(json!({ "Mail": { "type": "string" }, "mail": { "type": "string" } })),
        expect![
            "XDM-1020-400 the fields `Mail` and `mail` differ in capitals only, which a table cannot hold @ /properties/mail"
        ],
    );
    refuse(
        properties(json!({ "_event": { "type": "string" } })),
        expect!["XDM-1020-400 the name `_event` is kept for the system @ /properties/_event"],
    );
    refuse(json!({ "allOf": {} }), expect!["XDM-1020-400 `allOf` is not of the form that JSON Schema has for it @ "]);
    let two = json!({ "allOf": [properties(json!({ "o": properties(json!({ "a": { "type": "string" } })) })), properties(json!({ "o": properties(json!({ "a": { "type": "boolean" } })) }))] });
    refuse(
        two,
        expect![
            "XDM-1413-400 the field `o.a` is defined twice, with the types string and boolean @ /properties/o/properties/a"
        ],
    );
}

#[track_caller]
fn check_body(body: Value, expected: Expect) {
    let answer = match check_new(&body, &nothing) {
        Ok(()) => "good".to_string(),
        Err(error) => told(&error),
    };
    expected.assert_eq(&answer);
}

#[test]
fn a_new_definition_is_judged_before_it_is_stored() {
    let custom = json!({ "title": "Loyalty", "type": "object", "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
        "definitions": { "f": { "type": "object", "properties": { "_acme": { "type": "object", "properties": { "id-1": { "type": "string" } } } } } },
        "allOf": [{ "$ref": "#/definitions/f" }] });
    check_body(custom, expect!["good"]);
    check_body(
        json!({ "type": "object", "title": "C", "allOf": [{ "$ref": "https://ns.adobe.com/xdm/context/profile" }] }),
        expect!["good"],
    );
    check_body(json!([]), expect!["XDM-1020-400 the definition is not a JSON object @ "]);
    check_body(json!({ "type": "object" }), expect!["XDM-1020-400 `title` is missing, empty or no text @ /title"]);
    check_body(
        json!({ "title": " ", "type": "object" }),
        expect!["XDM-1020-400 `title` is missing, empty or no text @ /title"],
    );
    check_body(json!({ "title": "T" }), expect![[r#"XDM-1020-400 `type` is missing: write "type": "object" @ /type"#]]);
    check_body(
        json!({ "title": "T", "type": "string" }),
        expect![[r#"XDM-1020-400 `type` must be "object", not "string" @ /type"#]],
    );
    check_body(
        properties(json!({ "o": properties(json!({ "_x": { "type": "string" } })) })),
        expect![
            "XDM-1020-400 the field `_x` may not begin with `_`: only the tenant's namespace and system fields do @ /properties/o/properties/_x"
        ],
    );
    check_body(properties(json!({ "o": properties(json!({ "_id": { "type": "string" } })) })), expect!["good"]);
    check_body(
        json!({ "title": "T", "type": "object", "allOf": [{ "$ref": "urn:none" }] }),
        expect!["XDM-1012-404 the resource `urn:none`, which a `$ref` names, is not found @ "],
    );
    let large = json!({ "title": "T", "type": "object", "description": "x".repeat(MAX_SCHEMA_BYTES) });
    assert_eq!(check_new(&large, &nothing).unwrap_err().kind, Kind::TooLarge);
}

#[test]
fn a_schemas_class_is_said_or_is_among_its_parts() {
    let schema = json!({ "allOf": [{ "$ref": "https://ns.adobe.com/xdm/context/identitymap" }, { "$ref": "_xdm.context.profile" }] });
    assert_eq!(class_of(&schema, &nothing).as_deref(), Some("https://ns.adobe.com/xdm/context/profile"));
    assert_eq!(class_of(&json!({ "meta:class": "urn:c" }), &nothing).as_deref(), Some("urn:c"));
    assert_eq!(class_of(&json!({ "allOf": [] }), &nothing), None);
}

#[test]
fn a_property_named_like_a_keyword_is_a_property() {
    check(
        properties(
            json!({ "required": { "type": "string" }, "items": { "type": "string" }, "title": { "type": "string" } }),
        ),
        expect![[r#"
        required string
        items string
        title string
    "#]],
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "$ref",
        "allOf",
        "properties",
        "required",
        "items",
        "type",
        "additionalProperties",
        "meta:xdmType",
        "a",
        "b",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(vec![
            "object",
            "string",
            "array",
            "map",
            "#",
            "#/properties/a",
            "https://ns.adobe.com/xdm/context/person",
            "a"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..4)
                .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(k, v)| (k.to_string(), v)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_schema_panics_and_merging_twice_changes_nothing(schema in any_json()) {
        let _ = check_new(&schema, &nothing);
        if let Ok(once) = full(&schema, &nothing) {
            prop_assert_eq!(full(&once, &nothing).unwrap(), once);
        }
    }
}

#[test]
fn both_ids_of_a_resource_are_the_same() {
    assert!(same("https://ns.adobe.com/acme/schemas/0f1e", "_acme.schemas.0f1e"));
    assert!(same("_xdm.context.profile", "https://ns.adobe.com/xdm/context/profile"));
    assert!(!same("https://ns.adobe.com/acme/schemas/0f1e", "_acme.schemas.0f1d"));
}
