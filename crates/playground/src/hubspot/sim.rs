//! The account: its clock, its data, its rules, its journal. Everything that tests may do to it.

use super::Account;
use super::config::{Config, Limits, Switches};
use super::fault::{Rule, Rules};
use super::journal::{Entry, Journal, Summary};
use super::limits::Windows;
use super::oauth::Auth;
use super::script::{Mutation, Scripts, When};
use super::state::{Kind, World};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// The account.
pub struct Sim {
    pub(super) config: Config,
    started: Instant,
    /// How far the virtual clock was moved, in milliseconds.
    pub(super) moved: AtomicI64,
    world: RwLock<World>,
    auth: Mutex<Auth>,
    pub(super) windows: Mutex<Windows>,
    pub(super) rules: Mutex<Rules>,
    pub(super) scripts: Mutex<Scripts>,
    pub(super) journal: Mutex<Journal>,
    settings: RwLock<Arc<(Limits, Switches)>>,
    pub(super) correlations: AtomicU64,
    pub(super) under_way: AtomicU64,
    pub(super) tokens_under_way: AtomicU64,
    /// How many milliseconds each request moves the clock.
    pub(super) per_request: AtomicU64,
    snapshot: Mutex<Option<(World, Auth, i64)>>,
}

/// What a run had to do, for [`Sim::minimum`].
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Plan {
    /// The type.
    pub object: String,
    /// A first load; otherwise what changed is read.
    pub full: bool,
    /// The properties fit the URL of a list.
    pub fits_url: bool,
    /// With history.
    pub history: bool,
    /// How many records changed.
    pub changed: u64,
    /// The archived records are read.
    pub archived: bool,
    /// How many types associations are read to, beside those that ride along.
    pub pairs: u64,
    /// All associations are swept.
    pub sweep: bool,
    /// All ids are compared.
    pub reconcile: bool,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sim {
    pub(super) fn new(config: Config) -> Sim {
        Sim {
            started: Instant::now(),
            moved: AtomicI64::new(0),
            world: RwLock::new(World::new(&config)),
            auth: Mutex::new(Auth::new(&config)),
            windows: Mutex::default(),
            rules: Mutex::new(Rules::new(config.seed)),
            scripts: Mutex::default(),
            journal: Mutex::default(),
            settings: RwLock::new(Arc::new((config.limits, config.switches.clone()))),
            correlations: AtomicU64::new(0),
            under_way: AtomicU64::new(0),
            tokens_under_way: AtomicU64::new(0),
            per_request: AtomicU64::new(config.clock.per_request.as_millis() as u64),
            snapshot: Mutex::default(),
            config,
        }
    }

    pub(super) fn world(&self) -> RwLockReadGuard<'_, World> {
        self.world.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn world_mut(&self) -> RwLockWriteGuard<'_, World> {
        self.world.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn auth(&self) -> MutexGuard<'_, Auth> {
        locked(&self.auth)
    }

    pub(super) fn settings(&self) -> Arc<(Limits, Switches)> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn real_ms(&self) -> u64 {
        self.started.elapsed().as_millis() as u64
    }

    pub(super) fn count_read(kind: &Kind, index: usize) {
        // Two at once may count as one: it is a hint.
        let reads = &kind.reads.0[index];
        reads.store(reads.load(Ordering::Relaxed).saturating_add(1), Ordering::Relaxed);
    }

    /// The account has such an object type.
    pub fn has(&self, object: &str) -> bool {
        self.world().kind(object).is_some()
    }

    /// Moves the clock with each request from now on.
    pub fn set_request_time(&self, by: Duration) {
        self.per_request.store(by.as_millis() as u64, Ordering::SeqCst);
    }

    /// Everything as it was at the start, requests and rules included.
    pub fn reset(&self) {
        *self.world_mut() = World::new(&self.config);
        *self.auth() = Auth::new(&self.config);
        *locked(&self.windows) = Windows::default();
        self.clear_faults();
        self.clear_scripts();
        self.moved.store(0, Ordering::SeqCst);
        self.correlations.store(0, Ordering::SeqCst);
        self.per_request.store(self.config.clock.per_request.as_millis() as u64, Ordering::SeqCst);
        *locked(&self.journal) = Journal::default();
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        *settings = Arc::new((self.config.limits, self.config.switches.clone()));
    }

    /// Keeps data, tokens and clock as they are, for [`Sim::restore_snapshot`].
    pub fn snapshot(&self) {
        let world = self.world().clone();
        let auth = self.auth().clone();
        *locked(&self.snapshot) = Some((world, auth, self.moved.load(Ordering::SeqCst)));
    }

    /// Data, tokens and clock as they were kept; false if they were not.
    pub fn restore_snapshot(&self) -> bool {
        let Some((world, auth, moved)) = locked(&self.snapshot).clone() else { return false };
        *self.world_mut() = world;
        *self.auth() = auth;
        self.moved.store(moved, Ordering::SeqCst);
        true
    }

    /// What a client needs to know.
    pub fn account(&self) -> Account {
        self.auth().account.clone()
    }

    /// The virtual clock, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        let clock = self.config.clock;
        let real =
            if clock.factor == 0.0 { 0.0 } else { self.started.elapsed().as_secs_f64() * 1_000.0 * clock.factor };
        clock.start_ms + self.moved.load(Ordering::SeqCst) + real as i64
    }

    /// Moves the virtual clock, and does what was to happen in between.
    pub fn advance(&self, by: Duration) {
        self.moved.fetch_add(by.as_millis() as i64, Ordering::SeqCst);
        self.settle();
    }

    /// Does what the clock has made due.
    pub(super) fn settle(&self) {
        let due = {
            let mut scripts = locked(&self.scripts);
            if scripts.is_empty() {
                return;
            }
            scripts.due(self.now_ms())
        };
        for (at, mutation) in due {
            self.apply_at(&mutation, None, at);
        }
    }

    /// The instant of a change: no two are the same.
    pub(super) fn stamp(&self) -> i64 {
        self.moved.fetch_add(1, Ordering::SeqCst);
        self.now_ms()
    }

    /// Changes what is enforced.
    pub fn set_limits(&self, limits: Limits) {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        *settings = Arc::new((limits, settings.1.clone()));
        *locked(&self.windows) = Windows::default();
    }

    /// The same, with what was counted so far.
    pub(super) fn change_limits(&self, limits: Limits) {
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        *settings = Arc::new((limits, settings.1.clone()));
    }

    /// Changes the switches. Those that shape the data have no effect any more.
    pub fn set_switches(&self, switches: Switches) {
        self.world_mut().lag = switches.lag;
        let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
        *settings = Arc::new((settings.0, switches));
    }

    /// The switches as they are.
    pub fn switches(&self) -> Switches {
        self.settings().1.clone()
    }

    /// Lets a change happen by itself.
    pub fn script(&self, when: When, mutation: Mutation) {
        locked(&self.scripts).add(when, mutation, self.now_ms());
    }

    /// Ends all scripts.
    pub fn clear_scripts(&self) {
        locked(&self.scripts).clear();
    }

    /// Adds a rule.
    pub fn fault(&self, rule: Rule) {
        locked(&self.rules).add(rule);
    }

    /// Ends all rules.
    pub fn clear_faults(&self) {
        locked(&self.rules).clear();
    }

    /// Ends all access tokens now.
    pub fn expire_tokens(&self) {
        let now = self.now_ms();
        self.auth().expire_all(now);
    }

    /// What was asked, oldest first; at most the last 50,000.
    pub fn requests(&self) -> Vec<Entry> {
        locked(&self.journal).entries.clone()
    }

    /// Counts of what was asked, and what was wrong with it.
    pub fn summary(&self) -> Summary {
        let mut summary = locked(&self.journal).summary();
        summary.refreshes = self.auth().refreshes;
        let world = self.world();
        let twice = |kind: &Kind| kind.reads.0.iter().filter(|n| n.load(Ordering::Relaxed) > 1).count() as u64;
        summary.read_twice = world.kinds.iter().map(twice).sum();
        summary
    }

    /// Forgets what was asked so far.
    pub fn forget_requests(&self) {
        *locked(&self.journal) = Journal::default();
        for kind in &self.world().kinds {
            kind.reads.0.iter().for_each(|n| n.store(0, Ordering::Relaxed));
        }
    }

    /// The fewest requests that a run could make for what it had to do.
    pub fn minimum(&self, plan: &Plan) -> u64 {
        let live = self.ids(&plan.object).len() as u64;
        let gone = self.archived_ids(&plan.object).len() as u64;
        // A walk over nothing is one request too.
        let pages = |n: u64, size: u64| n.div_ceil(size).max(1);
        let size = if plan.history { 50 } else { 100 };
        let mut least = 0;
        if plan.full {
            least +=
                if plan.fits_url || plan.history { pages(live, size) } else { pages(live, 100) + live.div_ceil(size) };
        } else if plan.changed > 0 || !(plan.archived || plan.sweep || plan.reconcile) {
            least += pages(plan.changed, 200) + plan.changed.div_ceil(size);
            least += plan.pairs * plan.changed.div_ceil(1_000);
        }
        if plan.archived {
            least += pages(gone, 100);
        }
        if plan.sweep {
            least += plan.pairs * live.div_ceil(1_000);
        }
        if plan.reconcile {
            least += pages(live, 100);
        }
        least
    }
}
