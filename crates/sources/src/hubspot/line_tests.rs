//! Landed lines, and what the ledger lets through.

use super::super::wire::{Wanted, record};
use super::*;
use bytes::Bytes;
use expect_test::{Expect, expect};
use serde_json::json;

fn living(text: &str) -> Record {
    let wanted = Wanted { names: ["a".to_string()].into(), modified: "lastmodifieddate", ..Wanted::default() };
    record(Bytes::from(text.to_string()), &wanted).unwrap()
}

fn of(id: &str, a: &str, modified: i64) -> Record {
    living(&json!({"id": id, "properties": {"a": a, "lastmodifieddate": modified.to_string()}}).to_string())
}

fn page(assembly: &mut Assembly, ledger: &mut Ledger, given: Given) -> String {
    let now = chrono::DateTime::from_timestamp_millis(1_772_442_000_000).unwrap();
    let page = assembly.page(given, ledger, now);
    assert_eq!(page.entries.len(), page.lines.iter().filter(|byte| **byte == b'\n').count());
    String::from_utf8(page.lines).unwrap()
}

/// Change, version and id of each line.
#[track_caller]
fn check(ledger: &mut Ledger, given: Given, expected: &str) {
    let text = page(&mut Assembly::new(Some(7), "0-1"), ledger, given);
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let shown = |line: Value| {
        let text = |name: &str| line[name].as_str().unwrap().to_string();
        format!("{}{}@{}", text("_change_request_type"), text("id"), line["_version"])
    };
    assert_eq!(lines.map(shown).collect::<Vec<_>>().join(" "), expected);
}

fn alive(records: Vec<Record>) -> Given {
    Given { living: records, ..Given::default() }
}

fn archive(records: Vec<Record>) -> Given {
    Given { archived: records, ..Given::default() }
}

fn gone(id: &str, into: Option<&str>, at: i64) -> Given {
    Given { gone: vec![Gone { id: id.into(), into: into.map(String::from), at }], ..Given::default() }
}

/// The lines as they are, where the flow was given record 9 before.
#[track_caller]
fn text(given: Given, expected: Expect) {
    let mut ledger = Ledger::default();
    ledger.note("9", Seen { version: 1, hash: 1, deleted: false });
    expected.assert_eq(&page(&mut Assembly::new(Some(7), "0-1"), &mut ledger, given));
}

#[test]
fn a_line_is_ours_in_front_and_the_record_as_it_came() {
    let came =
        "{ \"id\" : \"1\",\r\n \"properties\":{\"a\":\"x\\n\u{1F600}\"},\n\"createdAt\":\"2025-03-04T08:15:00Z\" }";
    text(
        alive(vec![living(came)]),
        expect![[r#"
        {"_change_request_type":"u","_version":1741076100000,"_portal_id":7,"_object_type":"0-1","_extracted_at":"2026-03-02T09:00:00.000000Z","id" : "1",   "properties":{"a":"x\n😀"}, "createdAt":"2025-03-04T08:15:00Z"}
    "#]],
    );
    text(
        gone("9", Some("10"), 5),
        expect![[r#"
        {"_change_request_type":"d","_version":5,"_portal_id":7,"_object_type":"0-1","_extracted_at":"2026-03-02T09:00:00.000000Z","id":"9","archived":true,"_merged_into":"10"}
    "#]],
    );
}

#[test]
fn what_was_given_is_not_given_again() {
    let mut ledger = Ledger::default();
    check(&mut ledger, alive(vec![of("1", "x", 100), of("2", "y", 100)]), "u1@100 u2@100");
    check(&mut ledger, alive(vec![of("1", "x", 100), of("2", "y", 90)]), "");
    check(&mut ledger, alive(vec![of("1", "x", 101), of("2", "z", 100)]), "u1@101 u2@100");
    // Calculated anew under an older date than a version of ours: it does not go back.
    check(&mut ledger, alive(vec![of("1", "w", 99)]), "u1@101");
}

/// §7.5.
#[test]
fn ends_are_told_once_and_are_newer_than_what_they_end() {
    let mut ledger = Ledger::default();
    check(&mut ledger, alive(vec![of("1", "x", 100)]), "u1@100");
    check(&mut ledger, archive(vec![of("1", "x", 100), of("2", "x", 50)]), "d1@101");
    check(&mut ledger, archive(vec![of("1", "x", 100)]), "");
    check(&mut ledger, gone("1", None, 200), "");
    check(&mut ledger, gone("3", None, 200), "");
    // Nor does one that the flow was never given, and a late copy of it does not come to life.
    check(&mut ledger, gone("4", Some("5"), 200), "");
    assert!(ledger.get("4").is_some_and(|seen| seen.deleted));
    check(&mut ledger, alive(vec![of("6", "x", 100)]), "u6@100");
    check(&mut ledger, gone("6", Some("5"), 200), "d6@200");
    check(&mut ledger, gone("6", Some("5"), 200), "");
}

#[test]
fn a_restored_record_is_newer_than_its_end() {
    let mut ledger = Ledger::default();
    check(&mut ledger, alive(vec![of("1", "x", 100)]), "u1@100");
    check(&mut ledger, gone("1", None, 500), "d1@500");
    check(&mut ledger, alive(vec![of("1", "x", 100)]), "u1@501");
    check(&mut ledger, alive(vec![of("1", "x", 100)]), "");
    check(&mut ledger, alive(vec![of("1", "x", 600)]), "u1@600");
}

/// §7.5: a copy that was read just before the merge does not bring the old record back.
#[test]
fn what_was_merged_away_stays_away() {
    let mut ledger = Ledger::default();
    let mut assembly = Assembly::new(None, "0-1");
    let survivor = living(r#"{"id":"9","properties":{"a":"x","lastmodifieddate":"300","hs_merged_object_ids":"1;2"}}"#);
    let text = page(&mut assembly, &mut ledger, alive(vec![of("1", "x", 100), survivor.clone(), of("1", "x", 100)]));
    let changes: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown: Vec<String> =
        changes.iter().map(|c| format!("{}{}", c["_change_request_type"].as_str().unwrap(), c["id"])).collect();
    assert_eq!(shown, ["u\"1\"", "d\"1\"", "u\"9\""]);
    assert_eq!(changes[1]["_portal_id"], Value::Null);
    assert_eq!(page(&mut assembly, &mut ledger, alive(vec![survivor])), "");
}

/// Whatever part of a row's key a table goes by, its end has it.
#[test]
fn the_end_of_a_snapshots_row_has_the_parts_of_its_key() {
    let shown = |kind: &str, key: &str| {
        let members = parts(kind, key).into_iter().map(|(name, value)| (name.to_string(), value));
        Value::Object(members.collect())
    };
    assert_eq!(shown("owner", "5"), json!({"_key": "5", "id": "5"}));
    assert_eq!(
        shown("pipeline_stage", "0-3:default:a:b"),
        json!({"_key": "0-3:default:a:b", "objectTypeId": "0-3", "pipelineId": "default", "id": "a:b"})
    );
    assert_eq!(
        shown("association", "1:2:USER_DEFINED:41"),
        json!({"_key": "1:2:USER_DEFINED:41", "fromId": "1", "toId": "2", "category": "USER_DEFINED", "typeId": 41})
    );
}

/// Rows of a table that is read whole have no dates: their content decides.
#[test]
fn a_snapshot_gives_what_differs() {
    let mut ledger = Ledger::default();
    let mut at =
        |at: i64, given: Given| page(&mut Assembly::snapshot(Some(7), "owner", at), &mut ledger, given).lines().count();
    assert_eq!(at(10, alive(vec![of("k", "x", 10)])), 1);
    assert_eq!(at(20, alive(vec![of("k", "x", 20)])), 0);
    assert_eq!(at(30, alive(vec![of("k", "y", 30)])), 1);
    assert_eq!(at(40, gone("k", None, 40)), 1);
    assert_eq!(at(50, alive(vec![of("k", "y", 50)])), 1);
}
