//! Taking a batch back: its files and no others, once, and not where they can no longer be told from others.

use crate::support::*;
use chrono::{Duration, Utc};
use forebay_lake::{Compact, Lake, Txn, Upkeep, WriteSpec};
use forebay_model::Kind;
use std::num::NonZeroU64;

/// Commits people under a batch of their own.
async fn land(lake: &Lake, batch: &str, ids: std::ops::Range<i64>, epoch: i64) {
    let count = ids.end - ids.start;
    let input = source(input_schema(&people()), &[part(0, ids)]);
    let written = write(lake, WriteSpec { batch: batch.into(), ..spec() }, input).await.unwrap();
    assert_eq!(written.files.iter().map(|file| file.rows).sum::<u64>(), count as u64);
    table(lake).commit(&of(batch, &[epoch]), &people(), &written.files).await.unwrap();
}

fn of(batch: &str, epochs: &[i64]) -> Txn {
    Txn { batch: batch.into(), ..txn("uploads", epochs) }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_files_of_a_batch_go_once_and_an_old_holder_takes_nothing() {
    let lake = new_lake();
    land(&lake, "one", 0..10, 1).await;
    land(&lake, "two", 10..30, 2).await;
    let done = table(&lake).revert(&of("two", &[3]), "two", 20).await.unwrap();
    assert!(!done.already);
    assert_eq!(ids(&lake).await, (0..10).collect::<Vec<_>>());
    assert_eq!(table(&lake).count().await.unwrap(), 10);
    // The answer was lost; the claim, or the one that took over, asks again.
    assert!(table(&lake).revert(&of("two", &[3]), "two", 20).await.unwrap().already);
    assert!(table(&lake).revert(&of("two", &[3, 4]), "two", 20).await.unwrap().already);
    // A holder that was replaced.
    table(&lake).fence("uploads", 9, &people()).await.unwrap();
    assert_eq!(table(&lake).revert(&of("one", &[8]), "one", 10).await.unwrap_err().kind, Kind::Conflict);
    assert_eq!(ids(&lake).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_nobodys_any_more_stay() {
    let lake = new_lake();
    let none = table(&lake).revert(&of("one", &[1]), "one", 1).await.unwrap_err();
    assert_eq!(none.kind, Kind::Refused, "there is no table");
    for n in 0..5 {
        land(&lake, &format!("batch-{n}"), n * 10..(n + 1) * 10, n + 1).await;
    }
    let fewer = table(&lake).revert(&of("batch-2", &[6]), "batch-2", 11).await.unwrap_err();
    assert_eq!(fewer.kind, Kind::Refused);
    let compact = Some(Compact { target: NonZeroU64::new(1 << 20).unwrap(), min_files: 4 });
    let upkeep = Upkeep {
        checkpoint_interval: 1000,
        compact,
        vacuum_retention: Duration::days(7),
        log_retention: Duration::days(30),
        memory: 64 << 20,
        now: Utc::now(),
    };
    assert_eq!(table(&lake).maintain(&upkeep).await.unwrap().compacted, 5);
    let compacted = table(&lake).revert(&of("batch-2", &[6]), "batch-2", 10).await.unwrap_err();
    assert_eq!(compacted.kind, Kind::Refused);
    assert!(compacted.message.contains("put together with those of others"), "{}", compacted.message);
    assert_eq!(table(&lake).count().await.unwrap(), 50);
}
