//! Upserts: what becomes of each staged row, and what a table then holds.

use crate::read;
use crate::staged::*;
use crate::support::*;
use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
use forebay_lake::{Compact, Counts, Lake, MergeSpec, Upkeep, arrow_schema};
use forebay_model::Kind;
use forebay_model::xdm::{FieldTree, Type};
use object_store::ObjectStoreExt;
use std::num::NonZeroU64;
use std::sync::Arc;

const NONE: Counts = Counts { inserted: 0, updated: 0, deleted: 0, superseded: 0, stale: 0, absent: 0 };

/// Runs one after the other; the counts of the last one, and the rows in the end.
async fn check(runs: &[&[Change]], counts: Counts, rows: &[(&str, &str)]) {
    let lake = new_lake();
    let mut last = NONE;
    for (epoch, changes) in (1..).zip(runs) {
        last = merge(&lake, epoch, changes).await;
        assert_eq!(last.total(), changes.len() as u64);
    }
    assert_eq!(last, counts);
    same(&state(&lake).await, rows);
    assert_eq!(table(&lake).count().await.unwrap(), rows.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_run_makes_the_table() {
    check(&[&[put("b", "B", 1), put("a", "A", 1)]], Counts { inserted: 2, ..NONE }, &[("a", "A"), ("b", "B")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_inserts_updates_and_deletes() {
    check(
        &[
            &[put("a", "A", 1), put("b", "B", 1), put("c", "C", 1)],
            &[put("a", "A2", 2), gone("b", 2), put("d", "D", 2), gone("x", 2)],
        ],
        Counts { inserted: 1, updated: 1, deleted: 1, absent: 1, ..NONE },
        &[("a", "A2"), ("c", "C"), ("d", "D")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_key_in_a_run_the_newest_counts_wherever_it_stands() {
    check(
        &[&[put("a", "new", 3), put("a", "old", 1), put("b", "old", 1), put("a", "older", 0), put("b", "new", 2)]],
        Counts { inserted: 2, superseded: 3, ..NONE },
        &[("a", "new"), ("b", "new")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_equally_new_ones_the_last_in_the_run_counts() {
    check(
        &[&[put("a", "first", 1), put("a", "second", 1), put("b", "x", 1), put("a", "third", 1)]],
        Counts { inserted: 2, superseded: 2, ..NONE },
        &[("a", "third"), ("b", "x")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_takes_part_in_that() {
    check(
        &[
            &[put("a", "A", 1), put("b", "B", 1), put("c", "C", 1)],
            &[put("a", "A2", 2), gone("a", 3), gone("b", 2), put("b", "B3", 3), gone("c", 5), put("c", "late", 4)],
        ],
        Counts { updated: 1, deleted: 2, superseded: 3, ..NONE },
        &[("b", "B3")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_the_tables_row_is_stale() {
    check(
        &[
            &[put("a", "A", 5), put("b", "B", 5), put("c", "C", 5)],
            &[put("a", "old", 4), gone("b", 4), put("c", "same", 5)],
        ],
        Counts { stale: 2, updated: 1, ..NONE },
        &[("a", "A"), ("b", "B"), ("c", "same")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_may_come_back_after_its_deletion() {
    check(
        &[&[put("a", "A", 1)], &[gone("a", 2)], &[put("a", "again", 3)]],
        Counts { inserted: 1, ..NONE },
        &[("a", "again")],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_may_be_nothing_but_deletions() {
    check(&[&[gone("a", 1)]], Counts { absent: 1, ..NONE }, &[]).await;
    check(
        &[&[put("a", "A", 1), put("b", "B", 1)], &[gone("a", 1), gone("b", 2), gone("b", 1), gone("z", 1)]],
        Counts { deleted: 2, superseded: 1, absent: 1, ..NONE },
        &[],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_changes_nothing_is_marked_as_done() {
    let lake = new_lake();
    let (merged, done) = run(&lake, "f", 1, &[]).await;
    assert_eq!((merged.counts, done.version), (NONE, 0));
    run(&lake, "f", 2, &[put("a", "A", 5)]).await;
    let (merged, done) = run(&lake, "f", 3, &[put("a", "old", 4), gone("b", 1)]).await;
    assert_eq!(merged.counts, Counts { stale: 1, absent: 1, ..NONE });
    assert_eq!((merged.files.len(), merged.removed.len(), done.version), (0, 0, 2));
    assert!(table(&lake).progress("f").await.unwrap().landed(&[3]));
    same(&state(&lake).await, &[("a", "A")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_without_a_changed_key_stay_as_they_are() {
    let lake = new_lake();
    for (epoch, key) in [(1, "a"), (2, "b"), (3, "c")] {
        merge(&lake, epoch, &[put(&format!("{key}1"), "old", 1), put(&format!("{key}2"), "old", 1)]).await;
    }
    // Within the range of the first two files, and a key of the second alone.
    let (merged, _) = run(&lake, "f", 4, &[put("a15", "new", 2), put("b2", "new", 2)]).await;
    assert_eq!((merged.scanned, merged.removed.len(), merged.copied, merged.files.len()), (2, 1, 1, 2));
    same(
        &state(&lake).await,
        &[("a1", "old"), ("a15", "new"), ("a2", "old"), ("b1", "old"), ("b2", "new"), ("c1", "old"), ("c2", "old")],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batchs_files_hold_its_own_rows() {
    let lake = new_lake();
    merge(&lake, 1, &[put("a", "A", 1), put("b", "B", 1)]).await;
    let mut other = txn("f", &[2]);
    other.batch = "second".into();
    let files = stage(&lake, &[put("a", "A2", 2)]).await;
    let prepared = table(&lake).prepare_merge(&other, &contacts(), &merge_spec(), &files).await.unwrap();
    table(&lake).commit_merge(&other, &prepared).await.unwrap().unwrap();
    assert_eq!(table(&lake).batch_files("second").await.unwrap().len(), 1);
    assert_eq!(table(&lake).batch_files("batch-").await.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_from_append_only_days_are_older_than_anything() {
    let lake = new_lake();
    append(&lake, "old", 1, &[put("a", "A", 0), put("b", "B", 0), put("a", "A again", 0), put("c", "C", 0)]).await;
    append(&lake, "old", 2, &[put("a", "and again", 0)]).await;
    let counts = merge(&lake, 1, &[put("a", "one", i64::MIN), put("d", "D", -5), gone("c", -5)]).await;
    assert_eq!(counts, Counts { inserted: 1, updated: 1, deleted: 1, ..NONE });
    same(&state(&lake).await, &[("a", "one"), ("b", "B"), ("d", "D")]);
    // Another program's rows too are older than what a merge brings.
    append_beside(&lake, &[put("e", "E", 0)]).await;
    assert_eq!(merge(&lake, 2, &[put("e", "E2", -9)]).await, Counts { updated: 1, ..NONE });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_many_rows_is_judged_by_the_newest_of_them() {
    let lake = new_lake();
    merge(&lake, 1, &[put("a", "merged", 7)]).await;
    append_beside(&lake, &[put("a", "appended", 0), put("b", "B", 0), put("b", "B", 0)]).await;
    assert_eq!(merge(&lake, 2, &[put("a", "stale", 6)]).await, Counts { stale: 1, ..NONE });
    assert_eq!(table(&lake).count().await.unwrap(), 4);
    let counts = merge(&lake, 3, &[put("a", "new", 7), gone("b", 1)]).await;
    assert_eq!(counts, Counts { updated: 1, deleted: 1, ..NONE });
    same(&state(&lake).await, &[("a", "new")]);
}

/// Keys that statistics cut: prefixes of each other, longer than a bound may be, and of characters without a next.
#[tokio::test(flavor = "multi_thread")]
async fn long_keys_are_found_whatever_became_of_their_statistics() {
    let long = |last: &str| format!("{}{last}", "k".repeat(100));
    let top = |count: usize| "\u{10FFFF}".repeat(count);
    let keys =
        [long("a"), long("é"), long(&"z".repeat(300)), top(10), top(40), top(100), "k".repeat(64), String::new()];
    let lake = new_lake();
    for (epoch, key) in (1..).zip(&keys) {
        merge(&lake, epoch, &[put(key, "old", 1)]).await;
    }
    let all: Vec<Change> = keys.iter().map(|k| put(k, "new", 2)).collect();
    let (merged, _) = run(&lake, "f", 100, &all).await;
    assert_eq!(merged.counts, Counts { updated: keys.len() as u64, ..NONE });
    assert_eq!(merged.removed.len(), keys.len());
    assert!(state(&lake).await.values().all(|name| name == "new"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_number_is_a_key_too() {
    let lake = new_lake();
    let spec = MergeSpec { key: vec!["id".into()], ..merge_spec() };
    let run = async |epoch: i64, ids: Vec<i64>, name: &str| {
        let tree = staged_tree(&people());
        let changes: Vec<Change> = ids.iter().map(|_| put("", name, epoch)).collect();
        let names: ArrayRef = Arc::new(StringArray::from(vec![name; ids.len()]));
        let own: Vec<ArrayRef> = vec![Arc::new(Int64Array::from(ids.clone())), names];
        let rows = batch(&tree, 0, [own, technical(0, &changes)].concat(), vec![]);
        let input = source(input_schema(&tree), &[vec![rows, end(&tree, 0, ids.len() as u64)]]);
        let files = write(&lake, staged_spec(), input).await.unwrap().files;
        let txn = txn("f", &[epoch]);
        let prepared = table(&lake).prepare_merge(&txn, &people(), &spec, &files).await.unwrap();
        table(&lake).commit_merge(&txn, &prepared).await.unwrap().unwrap();
        ready(prepared)
    };
    run(1, vec![-300, 2, 10], "old").await;
    run(2, vec![70_000, 80_000], "old").await;
    let merged = run(3, vec![-300, 10, 5], "new").await;
    assert_eq!(merged.counts, Counts { inserted: 1, updated: 2, ..NONE });
    assert_eq!(merged.removed.len(), 1);
    assert_eq!(ids(&lake).await, [-300, 2, 5, 10, 70_000, 80_000]);
}

/// Statistics are kept of the first columns, and of the key wherever it stands.
#[tokio::test(flavor = "multi_thread")]
async fn files_are_passed_over_by_a_key_behind_many_columns() {
    let lake = new_lake();
    let spec = MergeSpec { key: vec!["id".into()], ..merge_spec() };
    let mut tree = FieldTree { fields: (0..40).map(|n| field(&format!("f{n}"), Type::Long)).collect() };
    tree.fields.push(field("id", Type::Long));
    let run = async |epoch: i64, ids: &[i64]| {
        let staged = staged_tree(&tree);
        let changes: Vec<Change> = ids.iter().map(|_| put("", "", epoch)).collect();
        let nothing: ArrayRef = Arc::new(Int64Array::from(vec![None; ids.len()]));
        let mut own = vec![nothing; 40];
        own.push(Arc::new(Int64Array::from(ids.to_vec())));
        let rows = batch(&staged, 0, [own, technical(0, &changes)].concat(), vec![]);
        let input = source(input_schema(&staged), &[vec![rows, end(&staged, 0, ids.len() as u64)]]);
        let files = write(&lake, staged_spec(), input).await.unwrap().files;
        let txn = txn("f", &[epoch]);
        let prepared = table(&lake).prepare_merge(&txn, &tree, &spec, &files).await.unwrap();
        table(&lake).commit_merge(&txn, &prepared).await.unwrap().unwrap();
        ready(prepared)
    };
    run(1, &[1, 2]).await;
    run(2, &[10, 20]).await;
    let merged = run(3, &[15]).await;
    assert_eq!((merged.counts.inserted, merged.scanned), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_the_schemas_fields_only() {
    let lake = new_lake();
    merge(&lake, 1, &[put("a", "A", 1)]).await;
    assert_eq!(table(&lake).schema().await.unwrap().unwrap(), arrow_schema(&contacts()));
    let row = table(&lake).rows(1).await.unwrap().remove(0).to_string();
    assert_eq!(row, r#"{"email":{"kind":"work","address":"a"},"name":"A"}"#);
    let stream = table(&lake).read(&contacts(), None).await.unwrap();
    assert_eq!(stream.schema().fields().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_every_type_are_carried_over() {
    let (lake, tree) = (read::with_everything().await, read::everything());
    let before = table(&lake).rows(10).await.unwrap();
    let staged = staged_tree(&tree);
    let spec = MergeSpec { key: vec!["id".into()], ..merge_spec() };
    // The second row, of nothing but nulls, takes the values of the first, and back; the first is carried over twice.
    for (epoch, from) in [(2, 0), (3, 1)] {
        let mut own: Vec<ArrayRef> = read::rows(&tree).iter().map(|column| column.slice(from, 1)).collect();
        own[0] = Arc::new(datafusion::arrow::array::Int32Array::from(vec![2]));
        let rows = batch(&staged, 0, [own, technical(0, &[put("", "", epoch)])].concat(), vec![]);
        let input = source(input_schema(&staged), &[vec![rows, end(&staged, 0, 1)]]);
        let files = write(&lake, staged_spec(), input).await.unwrap().files;
        let txn = txn("f", &[epoch]);
        let prepared = table(&lake).prepare_merge(&txn, &tree, &spec, &files).await.unwrap();
        table(&lake).commit_merge(&txn, &prepared).await.unwrap().unwrap();
        assert_eq!(ready(prepared).counts, Counts { updated: 1, ..NONE });
        let mut after = table(&lake).rows(10).await.unwrap();
        after.sort_by_key(|row| row["id"].as_i64());
        assert_eq!(after[0], before[0]);
        assert_eq!(after[1]["scores"], after[from]["scores"]);
        assert_eq!(after[1] == before[1], from == 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_came_later_are_carried_over() {
    let lake = new_lake();
    append(&lake, "old", 1, &[put("a", "A", 0), put("b", "B", 0)]).await;
    let mut grown = contacts();
    let Type::Object(email) = &mut grown.fields[0].ty else { panic!() };
    email.push(field("opened", Type::Long));
    grown.fields.push(field("age", Type::Long));
    let stage = async |changes: &[Change], age: i64| {
        let tree = staged_tree(&grown);
        let mut own = columns(changes);
        let opened: ArrayRef = Arc::new(Int64Array::from(vec![age; changes.len()]));
        let email = arrow_schema(&grown).field(0).clone();
        let datafusion::arrow::datatypes::DataType::Struct(fields) = email.data_type().clone() else { panic!() };
        let children = [own[0].as_struct().columns().to_vec(), vec![opened.clone()]].concat();
        own[0] = Arc::new(datafusion::arrow::array::StructArray::new(fields, children, None));
        own.push(opened);
        let rows = batch(&tree, 0, [own, technical(0, changes)].concat(), vec![]);
        let input = source(input_schema(&tree), &[vec![rows, end(&tree, 0, changes.len() as u64)]]);
        write(&lake, staged_spec(), input).await.unwrap().files
    };
    for (epoch, key, age) in [(1, "a", 30), (2, "c", 40), (3, "d", 50)] {
        let files = stage(&[put(key, "new", epoch)], age).await;
        let txn = txn("f", &[epoch]);
        let prepared = table(&lake).prepare_merge(&txn, &grown, &merge_spec(), &files).await.unwrap();
        table(&lake).commit_merge(&txn, &prepared).await.unwrap().unwrap();
    }
    // A flow with the old schema changes a row of a file that has the new columns, and keeps its neighbours.
    merge(&lake, 4, &[put("c", "old flow", 9)]).await;
    let mut rows: Vec<String> = table(&lake).rows(10).await.unwrap().iter().map(|r| r.to_string()).collect();
    rows.sort();
    assert_eq!(
        rows,
        [
            r#"{"email":{"kind":"work","address":"a","opened":30},"name":"new","age":30}"#,
            r#"{"email":{"kind":"work","address":"b"},"name":"B"}"#,
            r#"{"email":{"kind":"work","address":"c"},"name":"old flow"}"#,
            r#"{"email":{"kind":"work","address":"d","opened":50},"name":"new","age":50}"#,
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_keeps_the_versions() {
    let lake = new_lake();
    for epoch in 1..6 {
        merge(&lake, epoch, &[put(&format!("k{epoch}"), "old", 50)]).await;
    }
    let compact = Some(Compact { target: NonZeroU64::new(1 << 20).unwrap(), min_files: 4 });
    let upkeep = Upkeep {
        checkpoint_interval: 1,
        compact,
        vacuum_retention: chrono::Duration::days(7),
        log_retention: chrono::Duration::days(30),
        memory: 64 << 20,
        now: chrono::Utc::now(),
    };
    let kept = table(&lake).maintain(&upkeep).await.unwrap();
    assert_eq!((kept.compacted, kept.compacted_into, kept.checkpoint), (5, 1, true));
    let (merged, _) = run(&lake, "f", 9, &[put("k1", "stale", 49), put("k2", "new", 50), put("k6", "new", 1)]).await;
    assert_eq!(merged.counts, Counts { stale: 1, updated: 1, inserted: 1, ..NONE });
    // Statistics outlive compaction and checkpoint.
    assert!(table(&lake).maintain(&Upkeep { compact: None, ..upkeep }).await.unwrap().checkpoint);
    let (merged, _) = run(&lake, "f", 10, &[put("k6", "newer", 2), gone("nobody", 3)]).await;
    assert_eq!((merged.scanned, merged.removed.len()), (1, 1));
    same(
        &state(&lake).await,
        &[("k1", "old"), ("k2", "new"), ("k3", "old"), ("k4", "old"), ("k5", "old"), ("k6", "newer")],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_is_seen_to_be_alive() {
    let lake = new_lake();
    merge(&lake, 1, &[put("a", "A", 1), put("b", "B", 1)]).await;
    let spec = merge_spec();
    let files = stage(&lake, &[put("a", "A2", 2)]).await;
    table(&lake).prepare_merge(&txn("f", &[2]), &contacts(), &spec, &files).await.unwrap();
    // The staged row for its key and for itself, two rows of the table for the same.
    assert_eq!(spec.progress.load(std::sync::atomic::Ordering::Relaxed), 6);
}

async fn refused(lake: &Lake, tree: &FieldTree, key: &[&str], changes: &[Change]) -> Kind {
    let spec = MergeSpec { key: key.iter().map(|k| k.to_string()).collect(), ..merge_spec() };
    let files = stage(lake, changes).await;
    table(lake).prepare_merge(&txn("f", &[1]), tree, &spec, &files).await.unwrap_err().kind
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_merged_is_refused() {
    let lake = new_lake();
    let one = [put("a", "A", 1)];
    let nobody = [put("a", "A", 1), Change { key: None, ..put("", "B", 1) }];
    assert_eq!(refused(&lake, &contacts(), &["email", "address"], &nobody).await, Kind::Internal);
    assert_eq!(refused(&lake, &contacts(), &["email"], &one).await, Kind::Invalid);
    assert_eq!(refused(&lake, &contacts(), &["gone"], &one).await, Kind::Invalid);
    let reserved = staged_tree(&contacts());
    assert_eq!(refused(&lake, &reserved, &["email", "address"], &one).await, Kind::Invalid);
    assert_eq!(table(&lake).progress("f").await.unwrap().version, None);
}

/// Whoever let the run begin looked before the identity changed, or did not look.
#[tokio::test(flavor = "multi_thread")]
async fn rows_stay_with_the_key_that_they_were_merged_by() {
    let lake = new_lake();
    let by_name = MergeSpec { key: vec!["name".into()], ..merge_spec() };
    append(&lake, "old", 1, &[put("a", "A", 0)]).await;
    merge(&lake, 1, &[put("a", "A1", 1), put("b", "B", 1)]).await;
    let check = async || {
        let files = stage(&lake, &[put("c", "B", 2)]).await;
        let told = table(&lake).prepare_merge(&txn("g", &[9]), &contacts(), &by_name, &files).await.unwrap_err();
        assert_eq!(told.kind, Kind::Invalid);
        assert!(told.message.contains("`email.address`") && told.message.contains("`name`"), "{}", told.message);
        let files = write_contacts(&lake, &[put("a", "twice", 0)]).await;
        let told = table(&lake).commit(&txn("g", &[9]), &contacts(), &files).await.unwrap_err();
        assert_eq!(told.kind, Kind::Invalid);
        assert!(told.message.contains("`email.address`"), "{}", told.message);
        // A run without rows does no harm.
        table(&lake).commit(&txn("g", &[8]), &contacts(), &[]).await.unwrap();
    };
    check().await;
    // Neither compaction nor a checkpoint forgets it.
    merge(&lake, 2, &[put("c", "C", 1)]).await;
    let mut upkeep = Upkeep {
        checkpoint_interval: 1,
        compact: Some(Compact { target: NonZeroU64::new(1 << 20).unwrap(), min_files: 2 }),
        vacuum_retention: chrono::Duration::days(7),
        log_retention: chrono::Duration::days(30),
        memory: 64 << 20,
        now: chrono::Utc::now(),
    };
    let kept = table(&lake).maintain(&upkeep).await.unwrap();
    assert!(kept.compacted > 0 && kept.checkpoint);
    upkeep.now += chrono::Duration::days(90);
    assert!(table(&lake).maintain(&upkeep).await.unwrap().log_entries > 0);
    check().await;
    same(&state(&lake).await, &[("a", "A1"), ("b", "B"), ("c", "C")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_rows_takes_another_key_or_none() {
    let lake = new_lake();
    merge(&lake, 1, &[put("a", "A", 1)]).await;
    merge(&lake, 2, &[gone("a", 2)]).await;
    append(&lake, "g", 1, &[put("a", "A", 0), put("a", "A", 0)]).await;
    append(&lake, "g", 2, &[put("a", "A", 0)]).await;
    let spec = MergeSpec { key: vec!["name".into()], ..merge_spec() };
    let files = stage(&lake, &[put("b", "A", 1)]).await;
    let txn = txn("f", &[3]);
    let prepared = table(&lake).prepare_merge(&txn, &contacts(), &spec, &files).await.unwrap();
    table(&lake).commit_merge(&txn, &prepared).await.unwrap().unwrap();
    same(&state(&lake).await, &[("b", "A")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_staged_file_of_another_length_is_not_believed() {
    let lake = new_lake();
    let mut files = stage(&lake, &[put("a", "A", 1), put("b", "B", 1)]).await;
    files[0].rows += 1;
    let told = table(&lake).prepare_merge(&txn("f", &[1]), &contacts(), &merge_spec(), &files).await;
    assert_eq!(told.unwrap_err().kind, Kind::Internal);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_without_their_versions_cannot_be_staged() {
    let lake = new_lake();
    let input = source(input_schema(&contacts()), &[vec![end(&contacts(), 0, 0)]]);
    assert!(forebay_lake::WriteExec::new(staged_spec(), lake, input).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_history_says_what_was_merged() {
    let lake = new_lake();
    merge(&lake, 1, &[put("a", "A", 1), put("b", "B", 1)]).await;
    merge(&lake, 2, &[put("a", "A2", 2), put("a", "A3", 3)]).await;
    let log = format!("{TABLE}/_delta_log/00000000000000000001.json");
    let bytes = lake.store().get(&log.as_str().into()).await.unwrap().bytes().await.unwrap();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    for said in [
        r#""operation":"MERGE""#,
        r#""numTargetRowsUpdated":1"#,
        r#""numTargetRowsCopied":1"#,
        r#""numSourceRows":2"#,
        r#""forebay.run":"run-f""#,
        r#""deletionTimestamp":1790000000000"#,
        r#""dataChange":true"#,
        r#"target.`email`.`address` = source.`email`.`address`"#,
    ] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
}
