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

/// Bytes that a compaction may hold.
const COMPACTION: usize = 128 << 20;

/// What the operator says of how things are kept.
pub struct Kept {
    lake: Settings,
    audit_days: u64,
}

impl Kept {
    /// From the configuration.
    pub fn of(config: &Config) -> Kept {
        Kept { lake: config.lake.clone(), audit_days: config.audit.days }
    }
}

/// Keeps until `stop`.
pub async fn keep(store: Store, lake: Lake, kept: Kept, stop: CancellationToken, clock: fn() -> Time) {
    let settings = kept.lake;
    let holder = uuid::Uuid::new_v4().to_string();
    let rhythm = Duration::from_secs(60 * settings.upkeep_minutes.max(1));
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
        if let Err(e) = clean(&store, &lake).await {
            warn!(error = %e, source = ?e.source, "the data of a deleted dataset could not be removed; it is tried again");
        }
        // After the cleaning: a sandbox waits for its folders to be gone.
        match store.settle_sandboxes(clock()).await {
            Ok(0) => {}
            Ok(count) => info!(count, "sandboxes arrived in their next state"),
            Err(e) => warn!(error = %e, source = ?e.source, "a sandbox could not be taken on; it is tried again"),
        }
        if last.elapsed() >= rhythm {
            last = tokio::time::Instant::now();
            match store.audit_expire(clock() - days(kept.audit_days)).await {
                Ok(0) => {}
                Ok(count) => info!(count, "removed old entries of the audit trail"),
                Err(e) => warn!(error = %e, source = ?e.source, "old entries of the audit trail could not be removed"),
            }
            let upkeep = async {
                if let Err(e) = tend(&lake, &settings, clock()).await {
                    warn!(error = %e, source = ?e.source, "the lake could not be looked after; it is tried again");
                }
            };
            let hold = async {
                loop {
                    tokio::time::sleep(TICK).await;
                    store.lease(LEASE, &holder, clock(), TICK * 6).await.ok();
                }
            };
            tokio::select! {
                () = upkeep => {}
                () = hold => {}
                () = stop.cancelled() => return,
            }
        }
    }
}

/// So many days, but not so many that a moment would be out of range.
fn days(days: u64) -> TimeDelta {
    TimeDelta::days(i64::try_from(days).unwrap_or(i64::MAX).min(100 * 366))
}

async fn clean(store: &Store, lake: &Lake) -> Result<()> {
    for cleanup in store.cleanups().await? {
        lake.table(&cleanup.location).remove().await?;
        store.done_cleanup(&cleanup.id).await?;
        info!(location = %cleanup.location, "removed the data of a deleted dataset");
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
