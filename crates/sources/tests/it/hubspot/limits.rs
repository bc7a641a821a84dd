//! Limits of the account (hubspot.md §4, §13.5).

use super::{CONTACTS, Flow, accounts, config, here};
use forebay_model::Kind;
use forebay_playground::hubspot::{Action, Limits, Policy, Rule, Summary};
use std::time::{Duration, Instant};

/// §13.5: no window holds more than one call above its limit, which is what a loaded machine may push together; hardly any
/// call is refused.
#[track_caller]
fn kept(summary: &Summary, most: usize, limit: usize) {
    assert!(most <= limit + 1, "{most} of {limit}");
    let refused = summary.statuses.get(&429).copied().unwrap_or_default();
    assert!(refused <= 1, "{:?}", summary.statuses);
}

/// Calls in a second of a load, from the first of up to three loads in which nothing was refused: a refusal slows down, and
/// on a loaded machine one may come. Three in a row are no accident.
async fn unrefused(load: impl AsyncFn() -> (Summary, f64)) -> f64 {
    for _ in 0..3 {
        let (summary, rate) = load().await;
        if !summary.statuses.contains_key(&429) {
            return rate;
        }
    }
    panic!("each of three loads was refused");
}

/// §13.5: the limit is not exceeded, and at least nine tenths of it are used while it is what holds us up.
#[tokio::test]
async fn the_limit_is_used_and_not_exceeded() {
    let rate = unrefused(calls).await;
    assert!(rate >= 0.9 * 19.0, "{rate} calls/s");
}

async fn calls() -> (Summary, f64) {
    let mut account = config(24_000);
    account.switches.archived_percent = 0;
    account.limits = Limits { burst: Some(190), search: Some(5), ..Limits::default() };
    let here = here(account).await;
    let mut flow = Flow::of(CONTACTS);
    flow.rows.columns = vec!["properties.email".into()];
    let started = Instant::now();
    flow.run(&here.remote()).await;
    let taken = started.elapsed().as_secs_f64();
    let summary = here.sim().summary();
    kept(&summary, summary.most_in_ten_seconds, 190);
    let rate = (summary.requests as f64 - 1.0) / taken;
    (summary, rate)
}

/// §4.4: several processes share one budget.
#[tokio::test]
async fn two_processes_stay_under_one_limit() {
    let mut account = config(6_000);
    account.switches.archived_percent = 0;
    account.limits = Limits { burst: Some(100), ..Limits::default() };
    let here = here(account).await;
    let other = accounts(&here.running.url(), here.memory.clone());
    let (one, two) = (here.remote(), here.remote_of(&other));
    let (mut a, mut b) = (Flow::of(CONTACTS), Flow::of(CONTACTS));
    for flow in [&mut a, &mut b] {
        flow.rows.columns = vec!["properties.email".into()];
    }
    futures::future::join(a.run(&one), b.run(&two)).await;
    let summary = here.sim().summary();
    kept(&summary, summary.most_in_ten_seconds, 100);
}

/// §4.1: five searches a second, whatever else is asked; and nearly all of them are used.
#[tokio::test]
async fn searches_have_a_limit_of_their_own() {
    let rate = unrefused(searches).await;
    assert!(rate >= 0.9 * 4.6, "{rate} searches/s");
}

async fn searches() -> (Summary, f64) {
    let mut account = config(6_000);
    account.switches.archived_percent = 0;
    account.limits = Limits { burst: Some(2_500), search: Some(5), ..Limits::default() };
    let here = here(account).await;
    let mut flow = Flow::of(CONTACTS);
    flow.rows.columns = vec!["properties.email".into()];
    flow.run(&here.remote()).await;
    here.sim().advance(Duration::from_secs(7200));
    let ids = here.sim().ids("contacts");
    here.sim().bulk_edit("contacts", &ids);
    here.sim().forget_requests();
    let started = Instant::now();
    assert_eq!(flow.run(&here.remote()).await.upserts, 6_000);
    let taken = started.elapsed().as_secs_f64();
    let summary = here.sim().summary();
    kept(&summary, summary.most_searches_in_a_second, 5);
    let rate = (here.calls("search contacts") - 1) as f64 / taken;
    (summary, rate)
}

/// §4.4: where the account enforces less than it says, the rate falls and everything is still read.
#[tokio::test]
async fn a_refusal_slows_down_and_loses_nothing() {
    let here = here(config(800)).await;
    let limited = |policy, named| Action::RateLimit { policy, retry_after: Some(1), named };
    here.sim().fault(Rule::new(limited(Policy::TenSecondly, true)).call("list").nth(3));
    here.sim().fault(Rule::new(limited(Policy::Secondly, false)).call("search").nth(1));
    let mut flow = Flow::of(CONTACTS);
    let started = Instant::now();
    flow.run(&here.remote()).await;
    assert!(started.elapsed() >= Duration::from_secs(1));
    here.sim().edit_random("contacts", 100);
    flow.run(&here.remote()).await;
    flow.check(here.sim(), "contacts");
}

/// §4.4: when the day's calls are used up the run is given back, and nobody asks again before midnight, even after a
/// restart.
#[tokio::test]
async fn the_daily_limit_gives_the_run_back_until_midnight() {
    let mut account = config(2_000);
    account.limits = Limits { daily: Some(12), ..Limits::default() };
    let here = here(account).await;
    let mut flow = Flow::of(CONTACTS);
    let mut cut = flow.clone();
    let error = cut.try_run(&here.remote(), 99).await.unwrap_err();
    let Kind::TooMany { retry_after: Some(wait) } = error.kind else { panic!("{error:?}") };
    // The account's clock says 09:00 UTC, 04:00 in its time zone.
    assert!((19 * 3600..=20 * 3600).contains(&wait.as_secs()), "{wait:?}");
    let asked = here.sim().summary().requests;
    let other = accounts(&here.running.url(), here.memory.clone());
    for remote in [here.remote(), here.remote_of(&other)] {
        let error = flow.try_run(&remote, 99).await.unwrap_err();
        assert!(matches!(error.kind, Kind::TooMany { retry_after: Some(_) }), "{error:?}");
    }
    assert_eq!(here.sim().summary().requests, asked);
}

/// §11: an account that moves between data centres is left alone for as long as it says.
#[tokio::test]
async fn an_account_that_moves_is_left_alone() {
    let here = here(config(500)).await;
    here.sim().fault(Rule::new(Action::Migration { retry_after: 7_200 }).call("list").nth(2));
    let mut flow = Flow::of(CONTACTS);
    let error = flow.try_run(&here.remote(), 99).await.unwrap_err();
    let Kind::Unavailable { retry_after: Some(wait) } = error.kind else { panic!("{error:?}") };
    assert!((7_190..=7_200).contains(&wait.as_secs()), "{wait:?}");
    let asked = here.sim().summary().requests;
    assert!(flow.try_run(&here.remote(), 99).await.is_err());
    assert_eq!(here.sim().summary().requests, asked);
}

/// §4.4: a limit that is far away holds nothing up.
#[tokio::test]
async fn a_far_limit_costs_nothing() {
    let here = here(config(20_000)).await;
    let mut flow = Flow::of(CONTACTS);
    flow.rows.columns = vec!["properties.email".into()];
    let started = Instant::now();
    flow.run(&here.remote()).await;
    // At the first guess of ten calls a second this would take twenty seconds.
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}
