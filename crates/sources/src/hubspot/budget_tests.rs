//! Moments are handed out evenly, shared, and held back.

use super::*;
use crate::Memory;
use std::time::Instant;

fn budget(vault: &Arc<Memory>) -> Budget {
    Budget::new(vault.clone(), "k")
}

async fn moments(budget: &Budget, count: usize) -> Vec<i64> {
    let mut moments = Vec::new();
    for _ in 0..count {
        moments.push(budget.general.local.lock().await.moment(&*budget.general.vault).await.unwrap());
    }
    moments
}

/// §4.4: spread evenly, at 98 % of a hundred in ten seconds.
#[tokio::test]
async fn moments_are_spread_evenly() {
    let vault = Arc::new(Memory::default());
    let budget = budget(&vault);
    let moments = moments(&budget, 200).await;
    let gaps: Vec<i64> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| (100_000..=105_000).contains(gap)), "{gaps:?}");
    assert!(
        moments.iter().enumerate().all(|(at, moment)| moments[at..]
            .iter()
            .filter(|m| *m - moment < 10_000_000)
            .count()
            <= 99)
    );
}

/// §4.4: a state is written for a stretch, not for a call.
#[tokio::test]
async fn two_budgets_never_hold_the_same_moment() {
    let vault = Arc::new(Memory::default());
    let (one, two) = (budget(&vault), budget(&vault));
    let mut all = Vec::new();
    for _ in 0..20 {
        all.extend(moments(&one, 3).await);
        all.extend(moments(&two, 7).await);
    }
    all.sort_unstable();
    assert!(all.windows(2).all(|pair| pair[1] - pair[0] >= 100_000));
    let (_, version) = vault.state("hubspot/calls/k").await.unwrap().unwrap();
    assert!(version <= 55, "{version} writes for {} calls", all.len());
}

/// §4.2: what the account says of its limit holds at once, and for everybody.
#[tokio::test]
async fn a_limit_is_learnt() {
    let vault = Arc::new(Memory::default());
    let one = budget(&vault);
    moments(&one, 1).await;
    one.learn(Some((190.0, 10_000.0))).await;
    moments(&one, 20).await;
    let two = moments(&budget(&vault), 3).await;
    assert!((53_000..=55_000).contains(&(two[2] - two[1])), "{two:?}");
}

/// A limit that is far away holds nothing up and writes next to nothing.
#[tokio::test]
async fn a_far_limit_or_none_costs_nothing() {
    let vault = Arc::new(Memory::default());
    for limit in [Some((1e9, 10_000.0)), None] {
        let budget = budget(&vault);
        for _ in 0..SILENT {
            budget.learn(limit).await;
        }
        moments(&budget, 5).await;
        let started = Instant::now();
        for _ in 0..5_000 {
            budget.take(false).await.unwrap();
        }
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
    assert!(vault.state("hubspot/calls/k").await.unwrap().unwrap().1 < 20);
}

/// §4.4: one shrink a burst, and the rate grows back.
#[tokio::test]
async fn a_burst_of_refusals_halves_the_rate_once() {
    let vault = Arc::new(Memory::default());
    let budget = budget(&vault);
    moments(&budget, 3).await;
    for _ in 0..8 {
        budget.refused(Policy::Rolling, Duration::from_secs(10)).await.unwrap();
    }
    let after = moments(&budget, 3).await;
    assert!(after[0] >= now() + 9_500_000, "nothing for ten seconds");
    let gap = after[2] - after[1];
    assert!((200_000..=210_000).contains(&gap), "{gap}");
    let (value, _) = vault.state("hubspot/calls/k").await.unwrap().unwrap();
    let saved: Saved = serde_json::from_value(value).unwrap();
    assert_eq!(saved.share(saved.since), 0.5);
    assert_eq!(saved.share(saved.since + 60_000_000), 1.0);
    assert_eq!(saved.share(saved.since + 20_000_000), 0.7);
}

/// §4.4, §11: a stop is known to whoever comes next.
#[tokio::test]
async fn a_stop_outlives_the_process() {
    let vault = Arc::new(Memory::default());
    let error = budget(&vault).stop(Duration::from_secs(3600), "used up", true).await;
    assert!(matches!(error.kind, Kind::TooMany { retry_after: Some(wait) } if wait > Duration::from_secs(3590)));
    let next = budget(&vault);
    assert!(matches!(next.open().await.unwrap_err().kind, Kind::TooMany { .. }));
    assert!(matches!(next.take(false).await.unwrap_err().kind, Kind::TooMany { .. }));
    assert!(matches!(next.take(true).await.unwrap_err().kind, Kind::TooMany { .. }));
}

/// A clock that was set back does not stop the account for hours.
#[tokio::test]
async fn a_reservation_from_the_future_is_not_believed() {
    let hour = 3_600_000_000;
    let stop = |until| Some(Stop { until, why: "so".into(), daily: true });
    for (at, hold, stop) in [
        (now() + hour, 0, None),
        (0, now() + hour, None),
        (0, 0, stop(now() + 26 * hour)),
        (now() + hour, now() + hour, None),
    ] {
        let vault = Arc::new(Memory::default());
        let rate = Rate { max: FIRST, window: WINDOW, share: SHARE };
        let far = Saved { at, rate, factor: 1.0, since: hold, hold, stop };
        vault.swap("hubspot/calls/k", None, &serde_json::to_value(&far).unwrap()).await.unwrap();
        let budget = budget(&vault);
        budget.open().await.unwrap();
        assert!(moments(&budget, 1).await[0] <= now() + 1_000_000);
        budget.refused(Policy::Rolling, Duration::from_secs(30)).await.unwrap();
        let held = moments(&budget, 1).await[0] - now();
        assert!((29_000_000..34_000_000).contains(&held), "{held}");
    }
    // So is what this process holds.
    let budget = budget(&Arc::new(Memory::default()));
    {
        let mut local = budget.general.local.lock().await;
        (local.next, local.end, local.held) = (now() + hour, now() + hour + BLOCK, now() + hour);
    }
    assert!(moments(&budget, 1).await[0] <= now() + 1_000_000);
    budget.refused(Policy::Rolling, Duration::from_secs(30)).await.unwrap();
    assert!(moments(&budget, 1).await[0] > now() + 29_000_000);
}

/// §4.4: the longest wait that is kept inside a run is kept whole, and what is reserved behind it is reserved once.
#[tokio::test]
async fn a_long_hold_is_kept() {
    let vault = Arc::new(Memory::default());
    let (one, two) = (budget(&vault), budget(&vault));
    one.refused(Policy::Rolling, Duration::from_secs(300)).await.unwrap();
    let mut all = moments(&one, 4).await;
    all.extend(moments(&two, 4).await);
    all.sort_unstable();
    assert!(all[0] >= now() + 299_000_000, "{all:?}");
    assert!(all.windows(2).all(|pair| pair[1] - pair[0] >= 100_000), "{all:?}");
}

/// §4.2: an account that refuses calls has a limit, whether its answers say so or not.
#[tokio::test]
async fn a_limit_that_was_met_is_not_forgotten() {
    let vault = Arc::new(Memory::default());
    let budget = budget(&vault);
    for _ in 0..SILENT {
        budget.learn(None).await;
    }
    budget.refused(Policy::Rolling, Duration::from_millis(1)).await.unwrap();
    for _ in 0..SILENT {
        budget.learn(None).await;
    }
    let moments = moments(&budget, 3).await;
    assert!(moments[2] - moments[1] >= 100_000, "{moments:?}");
}

/// §4.1: no window of a second holds six searches.
#[test]
fn a_second_never_holds_six_searches() {
    let rate = Rate { max: SEARCHES.1, window: 1000.0, share: SEARCHES.0 / SEARCHES.1 };
    assert!(5 * rate.interval(1.0) - rate.spare() > 1_000_000);
    for max in [100.0, 110.0, 190.0, 250.0] {
        let rate = Rate { max, window: WINDOW, share: SHARE };
        let most = (10_000_000 + rate.spare()) / rate.interval(1.0) + 1;
        assert!(most as f64 <= max, "{most} of {max}");
    }
}
