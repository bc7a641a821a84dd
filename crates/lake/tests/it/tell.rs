//! What a table's log says of it.

use crate::support::*;
use forebay_model::Kind;
use forebay_model::table::TableCommit;

/// A fence, then two runs of ten and five people.
async fn with_runs() -> forebay_lake::Lake {
    let lake = new_lake();
    table(&lake).fence("f", 1, &people()).await.unwrap();
    for (epoch, ids) in [(1, 0..10), (2, 10..15)] {
        let files = write_people(&lake, ids).await.unwrap();
        table(&lake).commit(&txn("f", &[epoch]), &people(), &files).await.unwrap();
    }
    lake
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_described_by_its_log() {
    assert_eq!(table(&new_lake()).describe().await.unwrap(), None);
    let lake = with_runs().await;
    let state = table(&lake).describe().await.unwrap().unwrap();
    assert_eq!((state.version, state.files, state.rows), (2, 4, Some(15)));
    assert!(state.bytes > 0 && state.modified.is_some(), "{state:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_name_their_runs_newest_first() {
    assert_eq!(table(&new_lake()).commits(None, 9).await.unwrap(), []);
    let lake = with_runs().await;
    let all = table(&lake).commits(None, 9).await.unwrap();
    let shown: Vec<_> =
        all.iter().map(|commit| (commit.version, commit.operation.as_str(), commit.added_rows)).collect();
    assert_eq!(shown, [(2, "WRITE", Some(5)), (1, "WRITE", Some(10)), (0, "FENCE", Some(0))]);
    assert_eq!((all[0].run.as_deref(), all[0].batch.as_deref(), all[0].added_files), (Some("run-f"), Some("batch"), 2));
    let versions = |commits: Vec<TableCommit>| commits.iter().map(|commit| commit.version).collect::<Vec<_>>();
    assert_eq!(versions(table(&lake).commits(None, 1).await.unwrap()), [2]);
    assert_eq!(versions(table(&lake).commits(Some(2), 9).await.unwrap()), [1, 0]);
    assert_eq!(versions(table(&lake).commits(Some(99), 1).await.unwrap()), [2]);
    assert_eq!(table(&lake).commits(Some(0), 9).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_those_of_the_version() {
    let none = table(&new_lake()).rows_at(None, 9).await.unwrap();
    assert_eq!((none.version, none.rows.len()), (None, 0));
    assert_eq!(table(&new_lake()).rows_at(Some(0), 9).await.unwrap_err().kind, Kind::NotFound);
    let lake = with_runs().await;
    for (version, expected) in [(None, 15), (Some(2), 15), (Some(1), 10), (Some(0), 0)] {
        let read = table(&lake).rows_at(version, 100).await.unwrap();
        assert_eq!((read.version, read.rows.len()), (version.or(Some(2)), expected));
        assert_eq!(
            read.columns,
            [("id", "long"), ("name", "string")].map(|(name, ty)| (name.to_string(), ty.to_string()))
        );
    }
    assert_eq!(table(&lake).rows_at(None, 4).await.unwrap().rows.len(), 4);
    assert_eq!(table(&lake).rows_at(Some(3), 9).await.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_says_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let lake = forebay_lake::Lake::local(folder.path()).unwrap();
    let root = folder.path().canonicalize().unwrap();
    assert_eq!(lake.address(TABLE), root.join(TABLE).display().to_string());
    assert_eq!(lake.address(""), root.display().to_string());
    assert_eq!(new_lake().address(TABLE), format!("memory:///lake/{TABLE}"));
}
