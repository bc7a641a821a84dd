//! Looks after the lake and what grows old: removes what deleted datasets and sandboxes leave, keeps tables small,
//! checkpointed and free of orphans, takes sandboxes on to their next state, and forgets old entries of the audit trail.
//! One keeper at a time, under a lease.

use crate::config::{Config, Lake as Settings};
use chrono::TimeDelta;
use forebay_lake::{Compact, Lake, Upkeep, layout};
use forebay_model::{Result, Time};
use forebay_store::Store;
use std::num::NonZeroU64;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

const LEASE: &str = "lake-keeper";
/// How often cleanups are looked for; upkeep has its own, longer, rhythm.
const TICK: Duration = Duration::from_secs(5);

/// The longest that an upload may take to be named after it was written.
const STRAY: TimeDelta = TimeDelta::hours(24);

/// Bytes that a compaction may hold.
const COMPACTION: usize = 128 << 20;

/// Keeps until `stop`.
pub async fn keep(store: Store, lake: Lake, config: Config, stop: CancellationToken, clock: fn() -> Time) {
    let holder = uuid::Uuid::new_v4().to_string();
    let rhythm = Duration::from_secs(60 * config.lake.upkeep_minutes.max(1));
    let mut last = tokio::time::Instant::now();
    loop {
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            () = stop.cancelled() => return,
        }
        match store.lease(LEASE, &holder, clock(), TICK * 6).await {
            Ok(true) => {}
            Ok(false) => continue,
            Err(e) => {
                warn!(error = %e, "the keeper's lease could not be taken");
                continue;
            }
        }
        let due = last.elapsed() >= rhythm;
        if due {
            last = tokio::time::Instant::now();
        }
        let work = async {
            if let Err(e) = clean(&store, &lake).await {
                warn!(error = %e, source = ?e.source, "what is to be removed from the lake is not known; it is tried again");
            }
            // After the cleaning: a sandbox waits for its folders to be gone.
            match store.settle_sandboxes(clock()).await {
                Ok(0) => {}
                Ok(count) => info!(count, "sandboxes arrived in their next state"),
                Err(e) => warn!(error = %e, source = ?e.source, "a sandbox could not be taken on; it is tried again"),
            }
            if due {
                upkeep(&store, &lake, &config, clock()).await;
            }
        };
        let hold = async {
            loop {
                tokio::time::sleep(TICK).await;
                match store.lease(LEASE, &holder, clock(), TICK * 6).await {
                    Ok(true) => {}
                    Ok(false) => return warn!("another process keeps the lake now"),
                    Err(e) => warn!(error = %e, "the keeper's lease could not be renewed"),
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = hold => {}
            () = stop.cancelled() => return,
        }
    }
}

/// What is done now and then: old entries of the trail, the tables, the staging area.
async fn upkeep(store: &Store, lake: &Lake, config: &Config, now: Time) {
    match store.audit_expire(now - days(config.audit.days)).await {
        Ok(0) => {}
        Ok(count) => info!(count, "removed old entries of the audit trail"),
        Err(e) => warn!(error = %e, source = ?e.source, "old entries of the audit trail could not be removed"),
    }
    if let Err(e) = store.history_expire(now - days(config.audit.days)).await {
        warn!(error = %e, source = ?e.source, "old entries of the history could not be removed");
    }
    if let Err(e) = tend(lake, &config.lake, now).await {
        warn!(error = %e, source = ?e.source, "the lake could not be looked after; it is tried again");
    }
    if let Err(e) = clear_staging(store, lake, config.upload.abandon_days, now).await {
        warn!(error = %e, source = ?e.source, "the staging area could not be looked after; it is tried again");
    }
}

/// So many days, but not so many that a moment would be out of range.
fn days(days: u64) -> TimeDelta {
    TimeDelta::days(i64::try_from(days).unwrap_or(i64::MAX).min(100 * 366))
}

/// Removes folders that nobody needs. A sandbox that was emptied uses its folders again: another process may have removed
/// one and let users in, so each is asked for again right before.
pub async fn clean(store: &Store, lake: &Lake) -> Result<()> {
    for cleanup in store.cleanups().await? {
        if !store.cleanups().await?.iter().any(|due| due.id == cleanup.id) {
            continue;
        }
        let removed = async {
            lake.table(&cleanup.location).remove().await?;
            store.done_cleanup(&cleanup.id).await
        };
        match removed.await {
            Ok(()) => info!(location = %cleanup.location, "removed the data of a deleted dataset"),
            Err(e) => {
                let location = &cleanup.location;
                warn!(error = %e, source = ?e.source, location, "a folder could not be removed; it is tried again");
            }
        }
    }
    Ok(())
}

/// Gives up batches that nobody completes, and removes what no batch is made of: an upload whose server died before it was
/// named, or that came to its end when its batch had ended.
async fn clear_staging(store: &Store, lake: &Lake, days: u64, now: Time) -> Result<()> {
    let days = TimeDelta::days(i64::try_from(days.clamp(1, 36_500)).unwrap_or(1));
    let abandoned = store.abandon_batches(now - days, now).await?;
    if abandoned > 0 {
        info!(abandoned, "gave up batches that nobody had completed");
    }
    for sandbox in lake.folders("staging").await? {
        for batch in lake.folders(&format!("staging/{sandbox}")).await? {
            if !store.batch_is_live(&sandbox, &batch).await? {
                lake.expire(&format!("staging/{sandbox}/{batch}"), now - STRAY).await?;
            }
        }
    }
    Ok(())
}

async fn tend(lake: &Lake, settings: &Settings, now: Time) -> Result<()> {
    let hours = |h: u64| TimeDelta::hours(i64::try_from(h).unwrap_or(i64::MAX / 3_600_000));
    let upkeep = Upkeep {
        checkpoint_interval: settings.checkpoint_commits,
        compact: NonZeroU64::new(settings.file_size << 20)
            .map(|target| Compact { target, min_files: settings.compact_files }),
        vacuum_retention: hours(settings.vacuum_hours),
        log_retention: hours(24 * settings.log_days),
        memory: COMPACTION,
        now,
    };
    for sandbox in lake.folders("tables").await? {
        for dataset in lake.folders(&format!("tables/{sandbox}")).await? {
            let done = lake.table(&layout::table(&sandbox, &dataset)).maintain(&upkeep).await;
            match done {
                Ok(done) => debug!(%dataset, ?done, "looked after a table"),
                Err(e) => {
                    warn!(%dataset, error = %e, source = ?e.source, "a table could not be looked after; it is tried again")
                }
            }
        }
        lake.expire_batches(&sandbox, now - hours(24 * settings.diagnostics_days)).await?;
    }
    for sandbox in lake.folders("raw").await? {
        lake.expire(&format!("raw/{sandbox}"), now - hours(24 * settings.raw_days)).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay_model::{Resource, Scope};
    use forebay_store::{Keys, staging_folder};
    use object_store::ObjectStoreExt;
    use serde_json::json;

    #[tokio::test]
    async fn batches_left_behind_are_given_up_and_strays_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("db").display().to_string(), Keys::from_bytes([7; 32])).await.unwrap();
        let lake = Lake::local(&dir.path().join("lake")).unwrap();
        let scope = Scope { org: "ACME@AdobeOrg".into(), sandbox: "prod".into(), sandbox_name: "prod".into() };
        let start = chrono::Utc::now();
        let open = async |at: Time| {
            let batch = store.open_batch(&scope, "d", json!({ "status": "loading" }), at).await.unwrap().id;
            let place = format!("{}/x", staging_folder(&scope, &batch));
            lake.store().put(&place.as_str().into(), "x".into()).await.unwrap();
            batch
        };
        let (left, live) = (open(start - TimeDelta::days(8)).await, open(start + TimeDelta::days(1)).await);
        lake.store().put(&"staging/prod/NEVER/x".into(), "x".into()).await.unwrap();
        // A day has not passed since the stray was written.
        clear_staging(&store, &lake, 7, start).await.unwrap();
        assert_eq!(store.get(&scope, Resource::Batch, &left).await.unwrap().body["status"], "abandoned");
        assert_eq!(lake.folders("staging/prod").await.unwrap().len(), 3);
        clear_staging(&store, &lake, 7, start + TimeDelta::days(2)).await.unwrap();
        clean(&store, &lake).await.unwrap();
        assert_eq!(store.get(&scope, Resource::Batch, &live).await.unwrap().body["status"], "loading");
        let mut kept = lake.folders("staging/prod").await.unwrap();
        kept.retain(|folder| lake_has(&dir, folder));
        assert_eq!(kept, [live]);
    }

    fn lake_has(dir: &tempfile::TempDir, batch: &str) -> bool {
        dir.path().join("lake/staging/prod").join(batch).join("x").exists()
    }
}
