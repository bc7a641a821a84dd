//! Upserts against a model that fits into a page, within little memory, and as programs that are not ours read them.

use crate::staged::*;
use crate::support::*;
use forebay_lake::{Counts, Lake, MergeSpec, Prepared};
use forebay_model::event::VERSION;
use proptest::prelude::*;
use std::collections::HashMap;
use std::path::Path;

/// What a run brings.
#[derive(Debug, Clone)]
enum Step {
    Merge(Vec<Change>),
    Append(Vec<Change>),
}

/// The table: for each key the version and name of each of its rows.
type Model = HashMap<String, Vec<(Option<i64>, String)>>;

fn apply(model: &mut Model, changes: &[Change]) -> Counts {
    let mut counts = Counts::default();
    let mut winners: HashMap<&str, &Change> = HashMap::new();
    for change in changes {
        let key = change.key.as_deref().unwrap();
        match winners.get(key) {
            Some(winner) if winner.version > change.version => counts.superseded += 1,
            other => {
                counts.superseded += u64::from(other.is_some());
                winners.insert(key, change);
            }
        }
    }
    for (key, change) in winners {
        let rows = model.remove(key).unwrap_or_default();
        let known = !rows.is_empty();
        if rows.iter().any(|(version, _)| version.is_some_and(|v| v > change.version)) {
            counts.stale += 1;
            model.insert(key.into(), rows);
            continue;
        }
        match (known, change.deleted) {
            (true, true) => counts.deleted += 1,
            (false, true) => counts.absent += 1,
            (true, false) => counts.updated += 1,
            (false, false) => counts.inserted += 1,
        }
        if !change.deleted {
            model.insert(key.into(), vec![(Some(change.version), change.name.clone().unwrap())]);
        }
    }
    counts
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = (0..12u8, 0..6i64, 0..4u8, 0..1000u16).prop_map(|(key, version, kind, name)| {
        // Keys of different lengths, some of which begin with others.
        let key = "x".repeat(usize::from(key % 4)) + &key.to_string();
        if kind == 0 { gone(&key, version) } else { put(&key, &name.to_string(), version) }
    });
    prop::collection::vec(change, 0..30)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let appended = changes().prop_map(|changes| {
        let rows = changes.into_iter().map(|c| Change { name: Some(c.name.unwrap_or_default()), ..c });
        Step::Append(rows.take(5).collect())
    });
    prop::collection::vec(prop_oneof![4 => changes().prop_map(Step::Merge), 1 => appended], 1..8)
}

async fn as_the_model(steps: &[Step]) {
    let lake = new_lake();
    let mut model = Model::new();
    for (epoch, step) in (1..).zip(steps) {
        match step {
            Step::Merge(changes) => {
                assert_eq!(merge(&lake, epoch, changes).await, apply(&mut model, changes));
            }
            Step::Append(rows) => {
                match table(&lake).progress("f").await.unwrap().data {
                    None => append(&lake, "g", epoch, rows).await,
                    Some(_) => append_beside(&lake, rows).await,
                }
                for row in rows {
                    let rows = model.entry(row.key.clone().unwrap()).or_default();
                    rows.push((None, row.name.clone().unwrap()));
                }
            }
        }
        let mut expected: Vec<(String, String)> = Vec::new();
        for (key, rows) in &model {
            expected.extend(rows.iter().map(|(_, name)| (key.clone(), name.clone())));
        }
        let mut found: Vec<(String, String)> = Vec::new();
        for row in table(&lake).rows(10_000).await.unwrap() {
            let name = row["name"].as_str().unwrap_or_default().to_string();
            found.push((row["email"]["address"].as_str().unwrap().to_string(), name));
        }
        expected.sort();
        found.sort();
        assert_eq!(found, expected, "after step {epoch}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_runs_do_what_the_model_does(steps in steps()) {
        tokio::runtime::Runtime::new().unwrap().block_on(as_the_model(&steps));
    }
}

/// The process's peak of resident memory, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn key(number: i64) -> String {
    format!("{:016x}-{number:012}@example.com", number.cast_unsigned().wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

async fn merge_within(lake: &Lake, epoch: i64, memory: u64, changes: &[Change]) -> Counts {
    let files = stage(lake, changes).await;
    let spec = MergeSpec { memory, ..merge_spec() };
    let txn = txn("f", &[epoch]);
    let prepared = table(lake).prepare_merge(&txn, &contacts(), &spec, &files).await.unwrap();
    assert!(table(lake).commit_merge(&txn, &prepared).await.unwrap().is_some());
    let Prepared::Ready(merged) = prepared else { panic!("nothing has landed yet") };
    merged.counts
}

/// Several chunks of keys, and a sort that spills. One test: the peak is the process's, and each test has its own.
#[tokio::test(flavor = "multi_thread")]
async fn three_hundred_thousand_changes_fit_into_64_mib() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::local(dir.path()).unwrap();
    let memory = 64 << 20;
    let table_rows: Vec<Change> = (0..200_000).map(|n| put(&key(n), "old", 1)).collect();
    let counts = merge_within(&lake, 1, memory, &table_rows).await;
    assert_eq!(counts, Counts { inserted: 200_000, ..Counts::default() });
    drop(table_rows);
    // Of each key two changes: the older one is last.
    let mut changes: Vec<Change> = (100_000..250_000).map(|n| put(&key(n), "new", 3)).collect();
    changes.extend((100_000..250_000).map(|n| gone(&key(n), 2)));
    let before = peak();
    let counts = merge_within(&lake, 2, memory, &changes).await;
    let more = peak() - before;
    let expected = Counts { inserted: 50_000, updated: 100_000, superseded: 150_000, ..Counts::default() };
    assert_eq!(counts, expected);
    assert_eq!(table(&lake).count().await.unwrap(), 250_000);
    // Staging is among it.
    assert!(more < 120, "the merge took {more} MiB");
}

/// Many times what the sort may hold, of keys of any length. (A batch of long keys alone was more than it may hold.)
#[tokio::test(flavor = "multi_thread")]
async fn a_sort_never_asks_for_more_than_it_has() {
    for (width, rows) in [(1, 250_000), (24, 250_000), (400, 60_000)] {
        let lake = new_lake();
        let changes: Vec<Change> = (0..rows)
            .map(|n: i64| put(&format!("{:x}{}", n.wrapping_mul(0x9e37_79b9) & 0xf_ffff, "k".repeat(width)), "x", n))
            .collect();
        let files = stage(&lake, &changes).await;
        let spec = MergeSpec { memory: 1, ..merge_spec() };
        let prepared = table(&lake).prepare_merge(&txn("f", &[1]), &contacts(), &spec, &files).await.unwrap();
        assert_eq!(ready(prepared).counts.total(), rows as u64, "{width}");
    }
}

/// The least memory there is: a sort that must spill, and keys that come in several chunks.
#[tokio::test(flavor = "multi_thread")]
async fn little_memory_gives_the_same_rows() {
    let lake = new_lake();
    let counts = merge_within(&lake, 1, 1, &(0..30_000).map(|n| put(&key(n), "old", 1)).collect::<Vec<_>>()).await;
    assert_eq!(counts, Counts { inserted: 30_000, ..Counts::default() });
    let mut changes = Vec::new();
    for n in 10_000..50_000 {
        changes.push(put(&key(n), "new", 3));
        changes.push(if n % 4 == 0 { gone(&key(n), 4) } else { put(&key(n), "older", 2) });
        changes.push(put(&key(n), "oldest", 0));
    }
    let counts = merge_within(&lake, 2, 1, &changes).await;
    let expected = Counts {
        inserted: 15_000,
        updated: 15_000,
        deleted: 5000,
        absent: 5000,
        superseded: 80_000,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
    let state = state(&lake).await;
    assert_eq!(state.len(), 40_000);
    assert_eq!(state.values().filter(|name| *name == "new").count(), 30_000);
}

/// Rows of a table as each of three programs that are not ours must have them.
#[track_caller]
fn judged(table: &Path, expected: &str) {
    let python = std::env::var("FOREBAY_TEST_PYTHON").expect("FOREBAY_TEST_PYTHON is set by scripts/with-services.sh");
    let file = table.parent().unwrap().join("expected.jsonl");
    std::fs::write(&file, expected).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/oracle.py");
    let out = std::process::Command::new(python)
        .arg(script)
        .arg("compare")
        .arg(table)
        .arg(&file)
        .args(["--key", "email.address"])
        .output()
        .expect("the script starts");
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_programs_read_what_was_merged() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::local(dir.path()).unwrap();
    append(&lake, "old", 1, &[put("a", "A", 0), put("a", "A", 0), put("b", "B", 0), put("z", "Z", 0)]).await;
    merge(&lake, 1, &[put("a", "A1", 1), put("c", "C1", 1), put("d", "D1", 1)]).await;
    merge(&lake, 2, &[gone("c", 2), put("d", "stale", 0), put("e", "E2", 2), put("e", "E1", 1)]).await;
    let row = |key: &str, name: &str, version: &str| {
        format!(r#"{{"email":{{"kind":"work","address":"{key}"}},"name":"{name}","{VERSION}":{version}}}"#)
    };
    let rows =
        [row("a", "A1", "1"), row("b", "B", "null"), row("d", "D1", "1"), row("e", "E2", "2"), row("z", "Z", "null")];
    judged(&dir.path().canonicalize().unwrap().join(TABLE), &(rows.join("\n") + "\n"));
}
