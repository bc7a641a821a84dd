//! Exactly-once, fenced (house rule: one transaction a run, P1, P5), and columns that only grow.

use crate::support::*;
use forebay_lake::{Committed, Lake, Progress, Upkeep, arrow_schema};
use forebay_model::Kind;
use forebay_model::xdm::{FieldTree, Type};
use futures::FutureExt;
use object_store::memory::InMemory;
use std::sync::Arc;

async fn commit(
    lake: &Lake,
    flow: &str,
    epochs: &[i64],
    ids: std::ops::Range<i64>,
) -> Result<Committed, Kind> {
    let files = write_people(lake, ids).await.unwrap();
    table(lake)
        .commit(&txn(flow, epochs), &people(), &files)
        .await
        .map_err(|e| e.kind)
}

const DONE: fn(u64) -> Result<Committed, Kind> = |version| {
    Ok(Committed {
        version,
        already: false,
    })
};
const ALREADY: fn(u64) -> Result<Committed, Kind> = |version| {
    Ok(Committed {
        version,
        already: true,
    })
};

#[tokio::test(flavor = "multi_thread")]
async fn the_first_commit_makes_the_table_with_its_rows() {
    let lake = new_lake();
    assert_eq!(commit(&lake, "f", &[1], 0..10).await, DONE(0));
    assert_eq!(ids(&lake).await, (0..10).collect::<Vec<_>>());
    assert_eq!(table(&lake).count().await.unwrap(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_of_the_same_claim_does_nothing() {
    let lake = new_lake();
    commit(&lake, "f", &[1], 0..10).await.unwrap();
    assert_eq!(commit(&lake, "f", &[1], 0..10).await, ALREADY(0));
    assert_eq!(ids(&lake).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_claim_of_a_run_that_landed_does_nothing() {
    let lake = new_lake();
    commit(&lake, "f", &[1], 0..10).await.unwrap();
    let progress = table(&lake).fence("f", 2, &people()).await.unwrap();
    assert_eq!(
        progress,
        Progress {
            version: Some(1),
            fenced: Some(2),
            data: Some(1)
        }
    );
    assert!(progress.landed(&[1, 2]));
    assert_eq!(commit(&lake, "f", &[1, 2], 0..10).await, ALREADY(1));
    assert_eq!(ids(&lake).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_run_lands_beside_the_last() {
    let lake = new_lake();
    commit(&lake, "f", &[1], 0..10).await.unwrap();
    assert_eq!(commit(&lake, "f", &[2], 10..20).await, DONE(1));
    assert_eq!(ids(&lake).await, (0..20).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_of_the_same_run_is_not_taken_for_its_data() {
    let lake = new_lake();
    commit(&lake, "f", &[1], 0..10).await.unwrap();
    let progress = table(&lake).fence("f", 3, &people()).await.unwrap();
    assert!(!progress.landed(&[2, 3]));
    assert_eq!(commit(&lake, "f", &[2, 3], 10..20).await, DONE(2));
    assert_eq!(ids(&lake).await, (0..20).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_refuses_the_old_holder() {
    let lake = new_lake();
    commit(&lake, "f", &[1], 0..10).await.unwrap();
    table(&lake).fence("f", 3, &people()).await.unwrap();
    assert_eq!(commit(&lake, "f", &[2], 10..20).await, Err(Kind::Conflict));
    assert_eq!(ids(&lake).await.len(), 10);
    let stale = table(&lake)
        .fence("f", 2, &people())
        .await
        .map_err(|e| e.kind);
    assert_eq!(stale, Err(Kind::Conflict));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_holds_where_there_was_no_table() {
    let lake = new_lake();
    let progress = table(&lake).fence("f", 2, &people()).await.unwrap();
    assert_eq!(
        progress,
        Progress {
            version: Some(0),
            fenced: Some(2),
            data: None
        }
    );
    assert_eq!(commit(&lake, "f", &[1], 0..10).await, Err(Kind::Conflict));
    assert_eq!(
        table(&lake).schema().await.unwrap().unwrap(),
        arrow_schema(&people())
    );
    assert_eq!(ids(&lake).await, Vec::<i64>::new());
    assert_eq!(commit(&lake, "f", &[1, 2], 0..10).await, DONE(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_that_is_there_is_not_written_again() {
    let lake = new_lake();
    table(&lake).fence("f", 2, &people()).await.unwrap();
    assert_eq!(
        table(&lake).fence("f", 2, &people()).await.unwrap().version,
        Some(0)
    );
}

/// The old holder has read the table and found it its own; then the fence lands; then the old holder puts.
async fn fenced_in_between(before: impl AsyncFn(&Lake)) {
    let inner = Arc::new(InMemory::new());
    let lake = memory_lake(inner.clone());
    before(&lake).await;
    let rows = ids(&lake).await.len();
    let other = lake.clone();
    let hook = once_before_commit(move || {
        async move { drop(table(&other).fence("f", 9, &people()).await.unwrap()) }.boxed()
    });
    let slow = memory_lake(Faulty::calling(inner, hook));
    assert_eq!(
        commit(&slow, "f", &[8], 100..110).await,
        Err(Kind::Conflict)
    );
    assert_eq!(ids(&lake).await.len(), rows);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_between_an_old_holders_look_and_its_put_wins() {
    fenced_in_between(async |lake| drop(commit(lake, "f", &[1], 0..10).await.unwrap())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fence_that_makes_the_table_before_an_old_holder_does_wins() {
    fenced_in_between(async |_| ()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_six_racers_with_one_claim_one_commits() {
    for table_exists in [false, true] {
        let lake = new_lake();
        if table_exists {
            commit(&lake, "other", &[1], 0..0).await.unwrap();
        }
        let mut racers = tokio::task::JoinSet::new();
        for _ in 0..6 {
            let lake = lake.clone();
            racers.spawn(async move { commit(&lake, "f", &[4], 0..10).await.unwrap().already });
        }
        let already = racers.join_all().await;
        assert_eq!(already.iter().filter(|a| !**a).count(), 1);
        assert_eq!(ids(&lake).await, (0..10).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn six_flows_at_once_all_land() {
    let lake = new_lake();
    let mut racers = tokio::task::JoinSet::new();
    for flow in 0..6 {
        let lake = lake.clone();
        let ids = flow * 10..(flow + 1) * 10;
        racers.spawn(async move {
            commit(&lake, &format!("flow-{flow}"), &[1], ids)
                .await
                .unwrap()
        });
    }
    assert!(racers.join_all().await.iter().all(|c| !c.already));
    assert_eq!(ids(&lake).await, (0..60).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_no_rows_is_marked_as_done() {
    let lake = new_lake();
    let nothing = table(&lake)
        .commit(&txn("f", &[1]), &people(), &[])
        .await
        .unwrap();
    assert!(!nothing.already);
    assert!(
        table(&lake)
            .commit(&txn("f", &[1]), &people(), &[])
            .await
            .unwrap()
            .already
    );
    assert_eq!(ids(&lake).await, Vec::<i64>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn new_columns_come_in_the_commit_that_brings_them() {
    let lake = new_lake();
    commit(&lake, "f", &[1], 0..2).await.unwrap();
    let inner = Type::Object(vec![field("city", Type::String)]);
    let grown = FieldTree {
        fields: vec![field("address", inner.clone()), field("id", Type::Long)],
    };
    let files = {
        use datafusion::arrow::array::{ArrayRef, Int64Array, StringArray, StructArray};
        use datafusion::arrow::datatypes::{DataType, Field};
        let city: ArrayRef = Arc::new(StringArray::from(vec!["Basel"]));
        let address = StructArray::from(vec![(
            Arc::new(Field::new("city", DataType::Utf8, true)),
            city,
        )]);
        let rows = batch(
            &grown,
            0,
            vec![Arc::new(address), Arc::new(Int64Array::from(vec![2]))],
            vec![],
        );
        let input = source(input_schema(&grown), &[vec![rows, end(&grown, 0, 1)]]);
        write(&lake, spec(), input).await.unwrap().files
    };
    let done = table(&lake)
        .commit(&txn("f", &[2]), &grown, &files)
        .await
        .unwrap();
    assert_eq!(done.version, 1);
    let merged = FieldTree {
        fields: [people().fields, vec![field("address", inner)]].concat(),
    };
    assert_eq!(
        table(&lake).schema().await.unwrap().unwrap(),
        arrow_schema(&merged)
    );
    let mut rows: Vec<String> = table(&lake)
        .rows(10)
        .await
        .unwrap()
        .iter()
        .map(|r| r.to_string())
        .collect();
    rows.sort();
    assert_eq!(
        rows,
        [
            r#"{"id":0,"name":"n0"}"#,
            r#"{"id":1,"name":"n1"}"#,
            r#"{"id":2,"address":{"city":"Basel"}}"#
        ]
    );
    // A flow that does not know the new column still lands.
    assert_eq!(commit(&lake, "old", &[1], 3..5).await, DONE(2));
    assert_eq!(
        table(&lake).schema().await.unwrap().unwrap(),
        arrow_schema(&merged)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_of_another_type_is_refused_and_nothing_lands() {
    let lake = new_lake();
    commit(&lake, "f", &[1], 0..2).await.unwrap();
    let files = write_people(&lake, 2..4).await.unwrap();
    let changed = FieldTree {
        fields: vec![field("id", Type::String)],
    };
    let error = table(&lake)
        .commit(&txn("f", &[2]), &changed, &files)
        .await
        .unwrap_err();
    assert_eq!(error.kind, Kind::Invalid);
    assert!(
        error
            .message
            .contains("the field id is stored as long and cannot become string"),
        "{}",
        error.message
    );
    assert_eq!(ids(&lake).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn epochs_outlive_checkpoints_and_the_clean_up_of_the_log() {
    let lake = new_lake();
    commit(&lake, "landed", &[1], 0..10).await.unwrap();
    commit(&lake, "fenced", &[1], 10..20).await.unwrap();
    table(&lake).fence("fenced", 3, &people()).await.unwrap();
    let soon = chrono::Utc::now() + chrono::Duration::days(100);
    let day = chrono::Duration::days(1);
    let upkeep = Upkeep {
        checkpoint_interval: 1,
        compact: None,
        vacuum_retention: day,
        log_retention: day,
        memory: 64 << 20,
        now: soon,
    };
    assert!(table(&lake).maintain(&upkeep).await.unwrap().checkpoint);
    commit(&lake, "later", &[1], 20..30).await.unwrap();
    let kept = table(&lake).maintain(&upkeep).await.unwrap();
    assert!(kept.log_entries > 0, "{kept:?}");
    assert!(
        !listing(&lake)
            .await
            .iter()
            .any(|p| p.ends_with("00000000000000000000.json"))
    );
    // Landed is landed, and a fence is still no data.
    assert!(commit(&lake, "landed", &[1], 0..10).await.unwrap().already);
    assert_eq!(
        commit(&lake, "fenced", &[2], 30..40).await,
        Err(Kind::Conflict)
    );
    assert!(
        !commit(&lake, "fenced", &[2, 3], 30..40)
            .await
            .unwrap()
            .already
    );
    assert_eq!(ids(&lake).await, (0..40).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_history_says_who_committed() {
    let lake = new_lake();
    commit(&lake, "f", &[7], 0..2).await.unwrap();
    let log = format!("{TABLE}/_delta_log/00000000000000000000.json");
    let bytes = object_store::ObjectStoreExt::get(lake.store().as_ref(), &log.as_str().into())
        .await
        .unwrap();
    let text = String::from_utf8(bytes.bytes().await.unwrap().to_vec()).unwrap();
    for said in [
        r#""forebay.run":"run-f""#,
        r#""forebay.batch":"batch""#,
        r#""forebay.flow":"f""#,
    ] {
        assert!(text.contains(said), "{said} is not in {text}");
    }
}
