//! Upkeep beside commits: nothing that a reader or a run needs is lost.

use crate::support::*;
use chrono::{Duration, Utc};
use forebay_lake::{Compact, Lake, Upkeep};
use forebay_model::{Kind, Time};
use object_store::ObjectStoreExt;
use std::num::NonZeroU64;

fn upkeep(now: Time) -> Upkeep {
    Upkeep {
        checkpoint_interval: 1000,
        compact: None,
        vacuum_retention: Duration::days(7),
        log_retention: Duration::days(30),
        memory: 64 << 20,
        now,
    }
}

fn compact() -> Option<Compact> {
    Some(Compact {
        target: NonZeroU64::new(1 << 20).unwrap(),
        min_files: 4,
    })
}

async fn commit_runs(lake: &Lake, flow: &str, runs: std::ops::Range<i64>) {
    for run in runs {
        let files = write_people(lake, run * 10..(run + 1) * 10).await.unwrap();
        table(lake)
            .commit(&txn(flow, &[run + 1]), &people(), &files)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_there_needs_nothing() {
    let lake = new_lake();
    assert_eq!(
        table(&lake).maintain(&upkeep(Utc::now())).await.unwrap(),
        Default::default()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn small_files_are_put_together_and_rows_and_epochs_stay() {
    let lake = new_lake();
    commit_runs(&lake, "f", 0..5).await;
    let kept = table(&lake)
        .maintain(&Upkeep {
            compact: compact(),
            ..upkeep(Utc::now())
        })
        .await
        .unwrap();
    assert_eq!((kept.compacted, kept.compacted_into), (10, 1));
    assert_eq!(ids(&lake).await, (0..50).collect::<Vec<_>>());
    assert_eq!(table(&lake).count().await.unwrap(), 50);
    let progress = table(&lake).progress("f").await.unwrap();
    assert_eq!((progress.fenced, progress.data), (Some(5), Some(5)));
    let idle = table(&lake)
        .maintain(&Upkeep {
            compact: compact(),
            ..upkeep(Utc::now())
        })
        .await
        .unwrap();
    assert_eq!(idle.compacted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn few_small_files_are_left_alone() {
    let lake = new_lake();
    commit_runs(&lake, "f", 0..1).await;
    let kept = table(&lake)
        .maintain(&Upkeep {
            compact: compact(),
            ..upkeep(Utc::now())
        })
        .await
        .unwrap();
    assert_eq!(kept.compacted, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_and_commits_do_not_disturb_each_other() {
    let lake = new_lake();
    commit_runs(&lake, "f", 0..3).await;
    let committing = tokio::spawn({
        let lake = lake.clone();
        async move { commit_runs(&lake, "f", 3..12).await }
    });
    while !committing.is_finished() {
        table(&lake)
            .maintain(&Upkeep {
                compact: compact(),
                ..upkeep(Utc::now())
            })
            .await
            .unwrap();
    }
    committing.await.unwrap();
    assert_eq!(ids(&lake).await, (0..120).collect::<Vec<_>>());
    assert_eq!(table(&lake).progress("f").await.unwrap().data, Some(12));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_no_version_names_go_after_their_time_and_not_before() {
    let lake = new_lake();
    commit_runs(&lake, "f", 0..1).await;
    let running = write_people(&lake, 10..20).await.unwrap();
    assert_eq!(
        table(&lake)
            .maintain(&upkeep(Utc::now()))
            .await
            .unwrap()
            .vacuumed,
        0
    );
    // A run in flight commits beside the upkeep.
    table(&lake)
        .commit(&txn("f", &[2]), &people(), &running)
        .await
        .unwrap();
    write_people(&lake, 90..99).await.unwrap();
    assert_eq!(data_files(&listing(&lake).await), 6);
    let kept = table(&lake)
        .maintain(&upkeep(Utc::now() + Duration::days(8)))
        .await
        .unwrap();
    assert_eq!(kept.vacuumed, 2);
    assert_eq!(data_files(&listing(&lake).await), 4);
    assert_eq!(ids(&lake).await, (0..20).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_were_put_together_go_after_their_time() {
    let lake = new_lake();
    commit_runs(&lake, "f", 0..4).await;
    table(&lake)
        .maintain(&Upkeep {
            compact: compact(),
            ..upkeep(Utc::now())
        })
        .await
        .unwrap();
    assert_eq!(data_files(&listing(&lake).await), 9);
    table(&lake)
        .maintain(&upkeep(Utc::now() + Duration::days(8)))
        .await
        .unwrap();
    assert_eq!(data_files(&listing(&lake).await), 1);
    assert_eq!(ids(&lake).await, (0..40).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_come_every_so_many_commits() {
    let lake = new_lake();
    let every = |n| Upkeep {
        checkpoint_interval: n,
        ..upkeep(Utc::now())
    };
    let mut written = Vec::new();
    for run in 0..7 {
        commit_runs(&lake, "f", run..run + 1).await;
        if table(&lake).maintain(&every(3)).await.unwrap().checkpoint {
            written.push(run);
        }
    }
    assert_eq!(written, [2, 5]);
    assert_eq!(ids(&lake).await.len(), 70);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retention_shorter_than_any_run_is_refused() {
    let lake = new_lake();
    commit_runs(&lake, "f", 0..1).await;
    let rash = Upkeep {
        vacuum_retention: Duration::minutes(1),
        ..upkeep(Utc::now())
    };
    assert_eq!(
        table(&lake).maintain(&rash).await.unwrap_err().kind,
        Kind::Invalid
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_table_leaves_nothing_and_no_neighbour_suffers() {
    for lake in [
        new_lake(),
        Lake::local(tempfile::tempdir().unwrap().keep().as_path()).unwrap(),
    ] {
        commit_runs(&lake, "f", 0..2).await;
        lake.store()
            .put(&"tables/sand/people2/x".into(), "x".into())
            .await
            .unwrap();
        table(&lake).remove().await.unwrap();
        assert_eq!(listing(&lake).await, ["tables/sand/people2/x"]);
        assert!(table(&lake).rows(1).await.unwrap().is_empty());
        table(&lake).remove().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_go_when_they_are_old() {
    let lake = new_lake();
    lake.store()
        .put(
            &"batches/sand/b1/row_errors/part-1.json".into(),
            "{}".into(),
        )
        .await
        .unwrap();
    lake.store()
        .put(&"batches/other/b1/x.json".into(), "{}".into())
        .await
        .unwrap();
    assert_eq!(
        lake.expire_batches("sand", Utc::now() - Duration::days(30))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        lake.expire_batches("sand", Utc::now() + Duration::days(1))
            .await
            .unwrap(),
        1
    );
    assert_eq!(listing(&lake).await, ["batches/other/b1/x.json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn diagnostics_of_earlier_attempts_can_be_pruned() {
    let lake = new_lake();
    for name in ["part-1.json", "part-2.json"] {
        lake.store()
            .put(&format!("{}/{name}", row_errors()).into(), "{}".into())
            .await
            .unwrap();
    }
    let keep = format!("{}/part-2.json", row_errors());
    assert_eq!(
        lake.prune(&row_errors(), std::slice::from_ref(&keep))
            .await
            .unwrap(),
        1
    );
    assert_eq!(listing(&lake).await, [keep]);
}
