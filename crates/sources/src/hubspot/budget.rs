//! How many calls an account may make (hubspot.md §4), shared by every process that uses it.
//!
//! What always holds: a call is made at a moment that was reserved for it. Moments are reserved in stretches of half a
//! second in the vault, by compare-and-swap, and handed out from there evenly spaced; two processes never hold the same
//! stretch. A moment that was missed by more than the spare share of the limit is lost. What the account said of its
//! limits, and until when it wants no calls at all, lies in the same state, so that a restart knows it.

use super::fault::Policy;
use crate::{Vault, pause};
use forebay_model::{Error, Kind, Result, code};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;

/// The share of a limit that is used.
const SHARE: f64 = 0.98;
/// Calls in ten seconds before the account has said its limit.
const FIRST: f64 = 100.0;
/// The window of that, in milliseconds.
const WINDOW: f64 = 10_000.0;
/// Searches in a second that are made, and that are allowed.
const SEARCHES: (f64, f64) = (4.6, 5.0);
/// How much of the future is reserved at once, in microseconds.
const BLOCK: i64 = 500_000;
/// The longest wait that a refusal asks for and that is kept inside a run is five minutes, and chance adds a tenth. A hold
/// that ends further ahead than this is from a clock that was set back, in microseconds.
const HELD: i64 = 360_000_000;
/// The same of a reservation: those who wait for the end of a hold have theirs behind it.
const AHEAD: i64 = HELD + 120_000_000;
/// The same of a stop: the longest ends with a day of twenty-five hours.
const STOPPED: i64 = 25 * 3_600_000_000;
/// How long a rate takes to grow from nothing to all of it.
const REGROWTH: f64 = 100_000_000.0;
/// The smallest share of a rate that is left after many refusals.
const LEAST: f64 = 1.0 / 16.0;
/// After so many answers without a word about limits there are none.
const SILENT: u32 = 3;
/// Times that another process may be faster in a row.
const RACES: u32 = 200;

/// The moment now, in microseconds.
pub(super) fn now() -> i64 {
    chrono::Utc::now().timestamp_micros()
}

/// The budget of an account.
pub(super) struct Budget {
    general: Lane,
    search: Lane,
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget").finish_non_exhaustive()
    }
}

struct Lane {
    vault: Arc<dyn Vault>,
    local: Mutex<Local>,
    /// Counts refusals: a moment that was handed out before one is not used.
    epoch: AtomicU64,
}

/// What this process holds of a lane.
struct Local {
    key: String,
    first: Rate,
    next: i64,
    end: i64,
    interval: i64,
    spare: i64,
    /// What the last answer said, until it is in the vault.
    learnt: Option<Rate>,
    known: Rate,
    /// Answers without limits so far.
    silent: u32,
    unlimited: bool,
    /// A limit was met: whatever answers do not say, there is one.
    limited: bool,
    /// One refusal a burst counts.
    held: i64,
    /// Calls under the present name, as long as it is not the account's own.
    called: i64,
    /// Calls that count and were not reserved.
    owed: i64,
}

/// So many calls in so many milliseconds, and the share of them that is used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Rate {
    max: f64,
    window: f64,
    share: f64,
}

impl Rate {
    fn interval(self, factor: f64) -> i64 {
        ((self.window * 1000.0 / (self.max * self.share * factor)) as i64).max(1)
    }

    /// How late a call may use its moment without exceeding the limit: what is unused of it, less one call for the ends of
    /// a window and a half for the network, which does not carry all calls equally fast.
    fn spare(self) -> i64 {
        let unused = (self.max * (1.0 - self.share) - 1.5).max(0.0);
        (unused * self.interval(1.0) as f64) as i64
    }
}

/// What all processes hold of a lane.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Saved {
    /// The first moment that nobody has reserved.
    at: i64,
    rate: Rate,
    /// The share of the rate that refusals have left, and when that was.
    factor: f64,
    since: i64,
    /// No calls before this.
    hold: i64,
    /// No calls before this, and the run is to be given back.
    stop: Option<Stop>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Stop {
    until: i64,
    why: String,
    daily: bool,
}

impl Budget {
    pub(super) fn new(vault: Arc<dyn Vault>, key: &str) -> Budget {
        let lane = |kind: &str, max, window, share| Lane {
            vault: vault.clone(),
            local: Mutex::new(Local::new(format!("hubspot/{kind}/{key}"), Rate { max, window, share })),
            epoch: AtomicU64::new(0),
        };
        Budget {
            general: lane("calls", FIRST, WINDOW, SHARE),
            search: lane("searches", SEARCHES.1, 1000.0, SEARCHES.0 / SEARCHES.1),
        }
    }

    /// From now on under the account's own number, by which every connection of the same app shares it.
    pub(super) async fn name(&self, portal: i64, app: &str) {
        self.general.local.lock().await.rename(format!("hubspot/calls/{portal}/{app}"));
        self.search.local.lock().await.rename(format!("hubspot/searches/{portal}"));
    }

    /// Waits until a call may be made.
    pub(super) async fn take(&self, search: bool) -> Result<()> {
        if !search {
            return self.general.take().await;
        }
        // Searches queue here, so that waiting for the general lane does not push two of them together.
        loop {
            let mut local = self.search.local.lock().await;
            let epoch = self.search.epoch.load(Ordering::Acquire);
            let at = local.moment(&*self.search.vault).await?;
            sleep_until(at).await;
            self.general.take().await?;
            if self.search.epoch.load(Ordering::Acquire) == epoch {
                local.next = local.next.max(now() - local.spare + local.interval);
                return Ok(());
            }
        }
    }

    /// An error if the account wants no calls for a while, from what is known without asking.
    pub(super) async fn open(&self) -> Result<()> {
        let local = self.general.local.lock().await;
        let key = local.key.clone();
        drop(local);
        let Some((value, _)) = self.general.vault.state(&key).await? else { return Ok(()) };
        match serde_json::from_value::<Saved>(value).ok().and_then(|saved| saved.stop) {
            Some(stop) if stop.holds(now()) => Err(stop.error()),
            _ => Ok(()),
        }
    }

    /// What an ordinary answer said of the limit.
    pub(super) async fn learn(&self, limit: Option<(f64, f64)>) {
        let mut local = self.general.local.lock().await;
        match limit {
            Some((max, window)) if max >= 1.0 && window >= 1.0 => {
                local.silent = 0;
                local.unlimited = false;
                let rate = Rate { max, window, share: SHARE };
                if rate != local.known {
                    // The stretch is ours: it may be used at the new rate at once.
                    local.known = rate;
                    local.learnt = Some(rate);
                    local.interval = rate.interval(1.0);
                    local.spare = rate.spare();
                }
            }
            _ => {
                local.silent = local.silent.saturating_add(1);
                local.unlimited = !local.limited && local.silent >= SILENT && local.known == local.first;
            }
        }
    }

    /// The account refused a call for the sake of a limit: the rate is halved once a burst, and nothing is sent for a while.
    pub(super) async fn refused(&self, policy: Policy, wait: Duration) -> Result<()> {
        let lane = if policy == Policy::Secondly { &self.search } else { &self.general };
        // Whoever waits in the queue of searches finds the new epoch and waits anew.
        lane.epoch.fetch_add(1, Ordering::AcqRel);
        let mut local = lane.local.lock().await;
        let now = now();
        local.limited = true;
        local.unlimited = false;
        if local.held > now && local.held <= now + HELD {
            return Ok(());
        }
        let jitter = 1.0 + pause::chance() / 10.0;
        let hold = now + (wait.as_micros() as f64 * jitter) as i64;
        local.held = hold;
        local.end = 0;
        local
            .change(&*lane.vault, |saved| {
                saved.factor = (saved.share(now) / 2.0).max(LEAST);
                saved.since = hold;
                saved.hold = saved.held(now).max(hold);
            })
            .await
    }

    /// The account wants no calls for so long: told to everybody, and given back as the error.
    pub(super) async fn stop(&self, wait: Duration, why: &str, daily: bool) -> Error {
        let stop = Stop { until: now() + wait.as_micros() as i64, why: why.to_string(), daily };
        self.general.epoch.fetch_add(1, Ordering::AcqRel);
        let mut local = self.general.local.lock().await;
        local.end = 0;
        local.limited = true;
        local.unlimited = false;
        let told = local.change(&*self.general.vault, |saved| saved.stop = Some(stop.clone())).await;
        told.err().unwrap_or_else(|| stop.error())
    }
}

impl Lane {
    async fn take(&self) -> Result<()> {
        loop {
            let epoch = self.epoch.load(Ordering::Acquire);
            let at = self.local.lock().await.moment(&*self.vault).await?;
            sleep_until(at).await;
            if self.epoch.load(Ordering::Acquire) == epoch {
                return Ok(());
            }
        }
    }
}

impl Local {
    fn new(key: String, first: Rate) -> Local {
        Local {
            key,
            first,
            next: 0,
            end: 0,
            interval: first.interval(1.0),
            spare: first.spare(),
            learnt: None,
            known: first,
            silent: 0,
            unlimited: false,
            limited: false,
            held: 0,
            called: 0,
            owed: 0,
        }
    }

    fn rename(&mut self, key: String) {
        if self.key != key {
            self.key = key;
            // What was reserved under the other name is worth nothing here; what was called under it counts.
            self.end = 0;
            self.owed = std::mem::take(&mut self.called);
        }
    }

    /// The moment at which a call may be made.
    async fn moment(&mut self, vault: &dyn Vault) -> Result<i64> {
        loop {
            let now = now();
            if self.unlimited {
                return Ok(now);
            }
            if self.next > now + AHEAD {
                // The clock was set back: what was reserved by the old one would be waited for as long.
                (self.next, self.end) = (0, 0);
            }
            let at = self.next.max(now - self.spare);
            if at < self.end {
                self.next = at + self.interval;
                self.called = (self.called + 1).min(100);
                return Ok(at);
            }
            self.reserve(vault).await?;
        }
    }

    async fn reserve(&mut self, vault: &dyn Vault) -> Result<()> {
        let (learnt, spare, owed) = (self.learnt.take(), self.spare, std::mem::take(&mut self.owed));
        let mut got = (0, 0, 1, self.known);
        let mut stopped = None;
        self.change(vault, |saved| {
            let now = now();
            if let Some(rate) = learnt {
                saved.rate = rate;
            }
            stopped = saved.stop.clone().filter(|stop| stop.holds(now));
            if stopped.is_some() {
                return;
            }
            let interval = saved.rate.interval(saved.share(now));
            // The clock that reserved this was ahead of ours by far: it was set back since.
            let free = if saved.at > now + AHEAD { now } else { saved.at };
            let start = (free.max(now - spare) + owed * interval).max(saved.held(now));
            let count = (BLOCK / interval).max(1);
            saved.at = start + count * interval;
            got = (start, saved.at, interval, saved.rate);
        })
        .await?;
        if let Some(stop) = stopped {
            return Err(stop.error());
        }
        (self.next, self.end, self.interval, self.known) = got;
        self.spare = self.known.spare();
        Ok(())
    }

    /// Changes what all processes hold.
    async fn change(&self, vault: &dyn Vault, mut work: impl FnMut(&mut Saved)) -> Result<()> {
        for _ in 0..RACES {
            let found = vault.state(&self.key).await?;
            let version = found.as_ref().map(|(_, version)| *version);
            let saved = found.and_then(|(value, _)| serde_json::from_value::<Saved>(value).ok());
            let mut saved =
                saved.unwrap_or(Saved { at: 0, rate: self.first, factor: 1.0, since: 0, hold: 0, stop: None });
            work(&mut saved);
            let value =
                serde_json::to_value(&saved).map_err(|e| Error::internal("a budget is no JSON").caused_by(e))?;
            if vault.swap(&self.key, version, &value).await? {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(5).mul_f64(pause::chance())).await;
        }
        Err(Error::new(
            Kind::Unavailable { retry_after: None },
            &code::FLOW_1103,
            "the account's budget of calls is contended",
        ))
    }
}

impl Saved {
    /// The share of the rate that may be used now: it grows back as time passes.
    fn share(&self, now: i64) -> f64 {
        if self.since > now + HELD {
            // From a clock that was set back: as good as long ago.
            return 1.0;
        }
        (self.factor + (now - self.since).max(0) as f64 / REGROWTH).min(1.0)
    }

    /// Until when there are no calls, as far as that can be believed.
    fn held(&self, now: i64) -> i64 {
        if self.hold > now + HELD { 0 } else { self.hold }
    }
}

impl Stop {
    /// It is on, as far as that can be believed.
    fn holds(&self, now: i64) -> bool {
        self.until > now && self.until <= now + STOPPED
    }

    fn error(&self) -> Error {
        let left = Some(Duration::from_micros(u64::try_from(self.until - now()).unwrap_or(1)));
        let kind =
            if self.daily { Kind::TooMany { retry_after: left } } else { Kind::Unavailable { retry_after: left } };
        Error::new(kind, &code::FLOW_1103, self.why.clone())
            .advice("Nothing is lost: the run goes on by itself when the account takes calls again.")
    }
}

async fn sleep_until(at: i64) {
    let left = at - now();
    if left > 0 {
        tokio::time::sleep(Duration::from_micros(left.unsigned_abs())).await;
    }
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
