//! What is read out of answers, and what is refused.

use super::*;

fn wanted(names: &[&str]) -> Wanted {
    Wanted {
        names: names.iter().map(|name| name.to_string()).collect(),
        modified: "lastmodifieddate",
        ..Wanted::default()
    }
}

fn read(text: &str) -> Record {
    record(Bytes::from(text.to_string()), &wanted(&["a", "b"])).unwrap()
}

/// The hash is of the wanted values, whatever their order and whatever else comes along (§6.1).
#[test]
fn the_same_content_has_the_same_hash() {
    let first =
        read(r#"{"id":"7","properties":{"a":"1","b":"x\u00e9","lastmodifieddate":"2025-03-09T10:00:01.007Z"}}"#);
    let same = [
        r#"{"properties":{"b":"xé","a":"1","extra":"9"},"id":"7"}"#,
        r#"{"id":7,"properties":{"a":"1","b":"xé","lastmodifieddate":"2026-01-01T00:00:00Z"}}"#,
    ];
    for text in same {
        assert_eq!(read(text).hash, first.hash, "{text}");
        assert_eq!(read(text).id, "7");
    }
    let other = [r#"{"id":"7","properties":{"a":"xé","b":"1"}}"#, r#"{"id":"7","properties":{"a":"1"}}"#];
    for text in other {
        assert_ne!(read(text).hash, first.hash, "{text}");
    }
    // Absent, null and empty are no value (§10.2).
    let none = read(r#"{"id":"1"}"#).hash;
    assert_eq!(none, read(r#"{"id":"1","properties":{"a":null,"b":""}}"#).hash);
    assert_eq!(first.modified, 1_741_514_401_007);
}

/// A record without its date property is dated by what is left (§3.2 of the simulator's plan).
#[test]
fn dates_come_from_the_property_and_else_from_the_record() {
    assert_eq!(
        read(r#"{"id":"1","updatedAt":"2025-03-09T10:00:01Z","properties":{"lastmodifieddate":null}}"#).modified,
        1_741_514_401_000
    );
    assert_eq!(read(r#"{"id":"1","createdAt":"1970-01-01T00:00:01.5Z"}"#).modified, 1_500);
    assert_eq!(read(r#"{"id":"1","properties":{"lastmodifieddate":"1741514401007"}}"#).modified, 1_741_514_401_007);
    assert_eq!(read(r#"{"id":"1","properties":{"lastmodifieddate":"yesterday"}}"#).modified, 0);
    assert_eq!(moment("2025-03-09T10:00:01.123456+01:00"), Some(1_741_510_801_123));
}

#[test]
fn merged_ids_are_split() {
    let record = read(r#"{"id":"9","properties":{"hs_merged_object_ids":"7; 8;"}}"#);
    assert_eq!(record.merged, ["7", "8"]);
}

/// §11: half a page is no page.
#[test]
fn what_is_not_whole_is_refused() {
    let page = r#"{"results":[{"id":"1","properties":{"a":"1"}}],"paging":{"next":{"after":"2","link":"https://x"}}}"#;
    let whole = listed(&Bytes::from(page), &wanted(&["a"])).unwrap();
    assert_eq!((whole.records.len(), whole.next.as_deref()), (1, Some("2")));
    for cut in 0..page.len() {
        assert!(listed(&Bytes::from(&page.as_bytes()[..cut]), &wanted(&[])).is_err(), "{cut}");
    }
    for odd in [
        "",
        "<html></html>",
        "{}",
        "[]",
        "null",
        r#"{"results":null}"#,
        r#"{"results":[{}]}"#,
        r#"{"results":[{"id":null}]}"#,
    ] {
        assert!(listed(&Bytes::from(odd), &wanted(&[])).is_err(), "{odd}");
    }
    let long = |id: usize| format!(r#"{{"results":[{{"id":"{}"}}]}}"#, "x".repeat(id));
    assert!(listed(&Bytes::from(long(LONGEST_ID)), &wanted(&[])).is_ok());
    assert!(listed(&Bytes::from(long(LONGEST_ID + 1)), &wanted(&[])).is_err());
}

#[test]
fn cursors_are_texts_or_numbers() {
    let next = |after: &str| {
        listed(&Bytes::from(format!(r#"{{"results":[],"paging":{{"next":{{"after":{after}}}}}}}"#)), &wanted(&[]))
            .unwrap()
            .next
    };
    assert_eq!(next(r#""MC0y""#).as_deref(), Some("MC0y"));
    assert_eq!(next("200").as_deref(), Some("200"));
    assert_eq!(next("null"), None);
}

/// §6.2: what a batch says of the ids it could not read.
#[test]
fn failures_name_their_ids() {
    let body = r#"{"status":"COMPLETE","results":[],"numErrors":1,"errors":[{"category":"X","message":"m","context":{"ids":["5",6]}}]}"#;
    let (_, failures) = batch(&Bytes::from(body), &wanted(&[])).unwrap();
    assert_eq!(failures[0].ids, ["5", "6"]);
}

/// §6.2: ids come in several forms; a failure that names none says nothing of the records that are missing.
#[test]
fn failures_name_their_ids_in_several_forms_or_are_refused() {
    let body = |context: &str| {
        Bytes::from(format!(r#"{{"results":[],"errors":[{{"category":"INTERNAL_ERROR","message":"m"{context}}}]}}"#))
    };
    for (context, ids) in
        [(r#"{"id":"5"}"#, vec!["5"]), (r#"{"ids":"5, 6"}"#, vec!["5", "6"]), (r#"{"id":5}"#, vec!["5"])]
    {
        let body = body(&format!(r#","context":{context}"#));
        assert_eq!(batch(&body, &wanted(&[])).unwrap().1[0].ids, ids);
        assert_eq!(linked(&body).unwrap().1[0].ids, ids);
    }
    for context in ["", r#","context":{"ids":[]}"#, r#","context":{"ids":null}"#] {
        assert!(batch(&body(context), &wanted(&[])).is_err() && linked(&body(context)).is_err(), "{context}");
    }
    let absent = r#"{"results":[],"errors":[{"category":"OBJECT_NOT_FOUND","message":"m"}]}"#;
    assert!(batch(&Bytes::from(absent), &wanted(&[])).is_ok());
}

/// §2: targets are numbers in old versions and texts in new ones; no associations is no failure.
#[test]
fn associations_are_read_in_both_forms() {
    let body = r#"{"results":[{"from":{"id":"1"},"to":[{"toObjectId":9001,"associationTypes":[{"category":"HUBSPOT_DEFINED","typeId":279,"label":null}]},
        {"toObjectId":"9002","associationTypes":[{"category":"USER_DEFINED","typeId":41,"label":"Boss"}]}],"paging":{"next":{"after":"MC0y"}}}],
        "errors":[{"category":"OBJECT_NOT_FOUND","subCategory":"crm.associations.NO_ASSOCIATIONS_FOUND","message":"No company is associated with contact 2."}]}"#;
    let (links, failures) = linked(&Bytes::from(body)).unwrap();
    let to: Vec<&str> = links[0].to.iter().map(|link| link.to.as_str()).collect();
    assert_eq!((to, links[0].next.as_deref(), failures.len()), (vec!["9001", "9002"], Some("MC0y"), 0));
}

/// Dates came as milliseconds and reached no field of dates (§10.2). The rest of the record stays as it came, to the byte.
#[test]
fn values_of_declared_types_get_one_spelling() {
    use super::super::forms::Form;
    let forms = [("d", Form::Date), ("t", Form::DateTime), ("b", Form::Bool), ("lastmodifieddate", Form::DateTime)];
    let forms = forms.map(|(name, form)| (name.to_string(), form)).into();
    let wanted = Wanted { forms, ..wanted(&["d", "n"]) };
    let came = r#"{ "id":"7", "properties":{"n":"1709164800000", "d" : "1709164800000","b":"Yes","lastmodifieddate":1709200800000 ,
"t":"yesterday","x":"Yes"},"createdAt":"2024-01-01T00:00:00Z"}"#;
    let found = record(Bytes::from(came), &wanted).unwrap();
    let text = std::str::from_utf8(&found.text).unwrap();
    let expected = r#"{ "id":"7", "properties":{"n":"1709164800000", "d" : "2024-02-29","b":"true","lastmodifieddate":"2024-02-29T10:00:00Z" ,
"t":"yesterday","x":"Yes"},"createdAt":"2024-01-01T00:00:00Z"}"#;
    assert_eq!(text, expected);
    assert_eq!(found.modified, 1_709_200_800_000);
    let plain = Wanted { forms: Default::default(), ..wanted };
    assert_eq!(record(Bytes::from(came), &plain).unwrap().hash, found.hash, "it is known by what came");
}
