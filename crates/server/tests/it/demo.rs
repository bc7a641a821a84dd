//! The README's first command.

use serde_json::Value;
use std::process::Command;

#[test]
fn the_demo_lands_rows_that_other_readers_see() {
    let dir = tempfile::tempdir().unwrap();
    let began = std::time::Instant::now();
    let out = Command::new(env!("CARGO_BIN_EXE_forebay"))
        .args(["demo", "--exit", "--output", "json", "--listen", "127.0.0.1:0", "--data"])
        .arg(dir.path().join("demo"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said}\n{}", String::from_utf8_lossy(&out.stderr));
    let told: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("not one JSON document ({e}): {said}"));
    let counts = &told["counts"];
    let sum = ["outputRecordCount", "failedRecordCount", "skippedRecordCount"]
        .iter()
        .map(|c| counts[*c].as_u64().unwrap_or(0))
        .sum::<u64>();
    assert_eq!(counts["inputRecordCount"].as_u64(), Some(sum), "FS-RUN-1");
    assert!(told["steps"].as_array().unwrap().len() >= 19);
    assert!(!told["rows"].as_array().unwrap().is_empty());
    let counted = crate::harness::run_script("oracle.py", &["count", told["table"].as_str().unwrap()]);
    let counted: Value = serde_json::from_str(&counted).unwrap();
    assert_eq!(counted["rows"], counts["outputRecordCount"]);
    let contacts = &told["contacts"];
    let counted = crate::harness::run_script("oracle.py", &["count", contacts["table"].as_str().unwrap()]);
    let counted: Value = serde_json::from_str(&counted).unwrap();
    assert!(counted["rows"].as_u64().unwrap() >= 1_000, "{counted}");
    let named =
        contacts["rows"].as_array().unwrap().iter().filter(|row| row["person"]["name"]["firstName"].is_string());
    assert!(named.count() > 0, "{contacts}");
    assert!(began.elapsed().as_secs() < 60, "the demo takes under 60 s");
}
