//! Contacts with an address as their key, staged and merged.

use crate::support::*;
use datafusion::arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Field};
use forebay_lake::{Committed, Counts, File, Lake, MergeSpec, Merged, Prepared, WriteSpec};
use forebay_model::event::{DELETED, SEQUENCE, VERSION};
use forebay_model::xdm::{FieldTree, Type};
use object_store::ObjectStoreExt;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A change as a source tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub key: Option<String>,
    pub name: Option<String>,
    pub version: i64,
    pub deleted: bool,
}

/// A row that is there.
pub fn put(key: &str, name: &str, version: i64) -> Change {
    Change { key: Some(key.into()), name: Some(name.into()), version, deleted: false }
}

/// A row that is gone.
pub fn gone(key: &str, version: i64) -> Change {
    Change { key: Some(key.into()), name: None, version, deleted: true }
}

/// `email.address`, the key, and `name`.
pub fn contacts() -> FieldTree {
    let email = Type::Object(vec![field("kind", Type::String), field("address", Type::String)]);
    FieldTree { fields: vec![field("email", email), field("name", Type::String)] }
}

/// A tree's columns and those that are staged with them.
pub fn staged_tree(tree: &FieldTree) -> FieldTree {
    let mut fields = tree.fields.clone();
    fields.push(field(VERSION, Type::Long));
    fields.push(field(SEQUENCE, Type::Long));
    fields.push(field(DELETED, Type::Boolean));
    FieldTree { fields }
}

pub fn staged_spec() -> WriteSpec {
    WriteSpec { staged: true, ..spec() }
}

pub fn merge_spec() -> MergeSpec {
    MergeSpec {
        key: vec!["email".into(), "address".into()],
        max_file: 64 << 20,
        memory: 64 << 20,
        spill: None,
        progress: Arc::default(),
    }
}

/// The columns of contacts.
pub fn columns(changes: &[Change]) -> Vec<ArrayRef> {
    let addresses: ArrayRef = Arc::new(changes.iter().map(|c| c.key.as_deref()).collect::<StringArray>());
    let kinds: ArrayRef = Arc::new(StringArray::from(vec![Some("work"); changes.len()]));
    let text = |name: &str| Arc::new(Field::new(name, DataType::Utf8, true));
    let email = StructArray::from(vec![(text("kind"), kinds), (text("address"), addresses)]);
    vec![Arc::new(email), Arc::new(changes.iter().map(|c| c.name.as_deref()).collect::<StringArray>())]
}

/// The three columns of staged rows.
pub fn technical(part: u32, changes: &[Change]) -> Vec<ArrayRef> {
    let first = i64::from(part) << 40;
    vec![
        Arc::new(Int64Array::from_iter_values(changes.iter().map(|c| c.version))),
        Arc::new(Int64Array::from_iter_values(first..first + changes.len() as i64)),
        Arc::new(changes.iter().map(|c| Some(c.deleted)).collect::<BooleanArray>()),
    ]
}

/// One part of a staged run: batches of at most 8,192 rows.
fn staged_part(part: u32, changes: &[Change]) -> Vec<RecordBatch> {
    let tree = staged_tree(&contacts());
    let mut batches = Vec::new();
    for some in changes.chunks(8192) {
        batches.push(batch(&tree, part, [columns(some), technical(part, some)].concat(), vec![]));
    }
    batches.push(end(&tree, part, changes.len() as u64));
    batches
}

/// Stages a run in two parts, one file each.
pub async fn stage(lake: &Lake, changes: &[Change]) -> Vec<File> {
    try_stage(lake, changes).await.unwrap()
}

pub async fn try_stage(lake: &Lake, changes: &[Change]) -> forebay_model::Result<Vec<File>> {
    let (first, second) = changes.split_at(changes.len() / 2);
    // The sequence starts anew in each batch above 8,192 rows: give such runs versions that differ.
    let parts = [staged_part(0, first), staged_part(1, second)];
    let input = source(input_schema(&staged_tree(&contacts())), &parts);
    Ok(write(lake, staged_spec(), input).await?.files)
}

/// Contacts as a dataset without a key has them.
pub async fn write_contacts(lake: &Lake, changes: &[Change]) -> Vec<File> {
    let tree = contacts();
    let parts = [vec![batch(&tree, 0, columns(changes), vec![]), end(&tree, 0, changes.len() as u64)]];
    write(lake, spec(), source(input_schema(&tree), &parts)).await.unwrap().files
}

/// Appends contacts as a dataset without a key does.
pub async fn append(lake: &Lake, flow: &str, epoch: i64, changes: &[Change]) {
    let files = write_contacts(lake, changes).await;
    table(lake).commit(&txn(flow, &[epoch]), &contacts(), &files).await.unwrap();
}

/// Appends contacts to a table that is there as another program does, which asks nobody about keys.
pub async fn append_beside(lake: &Lake, changes: &[Change]) {
    let mut lines = vec![json!({ "commitInfo": { "timestamp": 0, "operation": "WRITE" } }).to_string()];
    for file in write_contacts(lake, changes).await {
        let add = json!({ "path": file.path, "partitionValues": {}, "size": file.size, "modificationTime": 0,
            "dataChange": true, "stats": file.stats });
        lines.push(json!({ "add": add }).to_string());
    }
    let version = table(lake).progress("nobody").await.unwrap().version.unwrap() + 1;
    let log = format!("{TABLE}/_delta_log/{version:020}.json");
    lake.store().put(&log.as_str().into(), lines.join("\n").into()).await.unwrap();
}

pub async fn prepare(lake: &Lake, flow: &str, epoch: i64, changes: &[Change]) -> Prepared {
    let files = stage(lake, changes).await;
    table(lake).prepare_merge(&txn(flow, &[epoch]), &contacts(), &merge_spec(), &files).await.unwrap()
}

#[track_caller]
pub fn ready(prepared: Prepared) -> Merged {
    match prepared {
        Prepared::Ready(merged) => *merged,
        Prepared::Landed(_) => panic!("nothing has landed yet"),
    }
}

/// One run, as its caller does it: prepared until it is committed.
pub async fn run(lake: &Lake, flow: &str, epoch: i64, changes: &[Change]) -> (Merged, Committed) {
    let files = stage(lake, changes).await;
    let txn = txn(flow, &[epoch]);
    loop {
        let prepared = table(lake).prepare_merge(&txn, &contacts(), &merge_spec(), &files).await.unwrap();
        if let Some(committed) = table(lake).commit_merge(&txn, &prepared).await.unwrap() {
            return (ready(prepared), committed);
        }
    }
}

/// One run of the flow `f`; its counts.
pub async fn merge(lake: &Lake, epoch: i64, changes: &[Change]) -> Counts {
    run(lake, "f", epoch, changes).await.0.counts
}

/// Key and name of every row; a key that is there twice is an error.
pub async fn state(lake: &Lake) -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    for row in table(lake).rows(10_000_000).await.unwrap() {
        let key = row["email"]["address"].as_str().unwrap().to_string();
        let twice = state.insert(key, row["name"].as_str().unwrap_or_default().to_string());
        assert!(twice.is_none(), "{row} is there twice");
    }
    state
}

#[track_caller]
pub fn same(state: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    let state: Vec<(&str, &str)> = state.iter().map(|(k, n)| (k.as_str(), n.as_str())).collect();
    assert_eq!(state, expected);
}
