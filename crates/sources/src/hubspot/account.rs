//! One HubSpot account: its tokens, its budget of calls, and what was learnt of it. Every remote of the same connection in
//! this process shares one.
//!
//! What always holds: a token goes to the configured host and to no other; one renewal at a time, here by a mutex and
//! among processes by a lease; what a renewal brought is stored before it is used; the account behind a connection never
//! changes to another one.

use super::budget::Budget;
use super::paths::{ALL, FAMILIES, Family, Profile, Target};
use crate::params::Params;
use crate::{AccountId, Accounts, Gate, Secrets, Vault};
use forebay_model::{Error, Kind, Place, Result, code};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use twox_hash::XxHash64;
use url::Url;

/// Calls of one connection that are under way at once.
const AT_ONCE: usize = 4;
/// The longest URL, host included, in bytes (§9).
const URL_CAP: usize = 8_000;
/// A token is renewed when less than this is left of it, or a third.
const EARLY: Duration = Duration::from_secs(300);

/// The accounts of this process, by connection. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Known(Arc<Mutex<HashMap<String, Arc<Account>>>>);

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

/// One account.
pub(super) struct Account {
    pub(super) gate: Gate,
    pub(super) base: Url,
    pub(super) vault: Arc<dyn Vault>,
    pub(super) id: AccountId,
    pub(super) budget: Budget,
    pub(super) at_once: Semaphore,
    pub(super) app: Option<App>,
    pub(super) tokens: Mutex<Tokens>,
    pub(super) renewing: tokio::sync::Mutex<()>,
    facts: Mutex<Facts>,
    /// Held while the account is looked up for the first time.
    pub(super) meeting: tokio::sync::Mutex<()>,
    profiles: [AtomicU8; FAMILIES],
    url_cap: AtomicUsize,
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The app that the account let in.
#[derive(Debug, Clone)]
pub(super) struct App {
    pub(super) id: String,
    pub(super) secret: SecretString,
}

/// What the calls carry.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) access: Option<SecretString>,
    pub(super) refresh: Option<SecretString>,
    /// Counts tokens: who was refused with an old one takes the current one.
    pub(super) generation: u64,
    /// Known of tokens that this process renewed itself.
    pub(super) expires: Option<(Instant, Duration)>,
    /// Renewed, but not stored yet: not to be used, not to be lost.
    pub(super) unstored: Option<(SecretString, SecretString, Duration)>,
    /// No early renewal before this.
    pub(super) not_before: Option<Instant>,
    /// Hashes of tokens that our own renewals left behind.
    past: HashSet<u64>,
}

/// A token to send.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) text: SecretString,
    pub(super) generation: u64,
}

/// What is known of the account.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// It was asked who it is since the tokens were last given to us.
    pub(super) met: bool,
    pub(super) portal: Option<i64>,
    pub(super) zone: chrono_tz::Tz,
    /// What was granted, where that is known.
    pub(super) scopes: Option<Vec<String>>,
    /// Custom objects, since when.
    pub(super) schemas: Option<(Instant, Vec<super::wire::Schema>)>,
}

/// What is kept of the account across restarts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    #[serde(default)]
    pub(super) portal: Option<i64>,
    #[serde(default)]
    pub(super) zone: Option<String>,
    /// Which generation of paths each family of calls is at.
    #[serde(default)]
    pub(super) profiles: BTreeMap<String, u8>,
}

impl Known {
    /// The account of a connection. Tokens that were replaced in the connection since are taken over; another app makes it
    /// another account.
    pub(super) fn account(
        &self,
        accounts: &Accounts,
        id: &AccountId,
        params: &serde_json::Value,
        secrets: &Secrets,
    ) -> Result<Arc<Account>> {
        let given = Params::new(params, secrets);
        let (access, refresh) = (given.secret(&["accessToken"]), given.secret(&["refreshToken"]));
        let app = match (given.text(&["clientId"]), given.secret(&["clientSecret"])) {
            (Some(id), Some(secret)) => Some(App { id, secret }),
            _ => None,
        };
        let missing = |name: &str, advice: &'static str| {
            Error::new(Kind::Invalid, &code::FLOW_1100, format!("the connection has no {name}"))
                .at(Place::pointer(format!("/auth/params/{name}")))
                .advice(advice)
        };
        if access.is_none() && refresh.is_none() {
            return Err(missing(
                "accessToken",
                "Give the token of a private app, or all four of clientId, clientSecret, accessToken and refreshToken.",
            ));
        }
        if access.is_none() && app.is_none() {
            return Err(missing("clientSecret", "A refresh token works only together with clientId and clientSecret."));
        }
        let key = connection_key(id);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(account) = known.get(&key).filter(|account| account.is_of(&app, &accounts.places.hubspot)) {
            account.take_over(access, refresh);
            return Ok(account.clone());
        }
        let account = Arc::new(Account::new(accounts, id, app, access, refresh));
        known.insert(key, account.clone());
        Ok(account)
    }
}

/// What names a connection in the vault.
pub(super) fn connection_key(id: &AccountId) -> String {
    format!("{}/{}/{}", id.scope.org, id.scope.sandbox, id.connection)
}

fn hash(token: &SecretString) -> u64 {
    XxHash64::oneshot(0, token.expose_secret().as_bytes())
}

fn same(a: &SecretString, b: &SecretString) -> bool {
    a.expose_secret() == b.expose_secret()
}

impl Account {
    fn new(
        accounts: &Accounts,
        id: &AccountId,
        app: Option<App>,
        access: Option<SecretString>,
        refresh: Option<SecretString>,
    ) -> Account {
        let tokens = Tokens {
            access,
            refresh,
            generation: 0,
            expires: None,
            unstored: None,
            not_before: None,
            past: HashSet::new(),
        };
        Account {
            gate: accounts.gate.clone(),
            base: accounts.places.hubspot.clone(),
            vault: accounts.vault.clone(),
            id: id.clone(),
            budget: Budget::new(accounts.vault.clone(), &connection_key(id)),
            at_once: Semaphore::new(AT_ONCE),
            app,
            tokens: Mutex::new(tokens),
            renewing: tokio::sync::Mutex::new(()),
            facts: Mutex::default(),
            meeting: tokio::sync::Mutex::new(()),
            profiles: std::array::from_fn(|_| AtomicU8::new(0)),
            url_cap: AtomicUsize::new(URL_CAP),
        }
    }

    fn is_of(&self, app: &Option<App>, base: &Url) -> bool {
        let apps = match (&self.app, app) {
            (Some(ours), Some(theirs)) => ours.id == theirs.id && same(&ours.secret, &theirs.secret),
            (None, None) => true,
            _ => false,
        };
        apps && self.base == *base
    }

    /// Tokens that the connection has now, unless they are ones that our own renewals left behind.
    pub(super) fn take_over(&self, access: Option<SecretString>, refresh: Option<SecretString>) {
        let mut tokens = self.tokens();
        let mut replaced = false;
        let news = |given: &Option<SecretString>, ours: &Option<SecretString>, past: &HashSet<u64>| match (given, ours)
        {
            (Some(given), Some(ours)) => !same(given, ours) && !past.contains(&hash(given)),
            (Some(given), None) => !past.contains(&hash(given)),
            _ => false,
        };
        // What is replaced here is not behind us: it may be put back.
        if news(&refresh, &tokens.refresh, &tokens.past) {
            tokens.refresh = refresh;
            replaced = true;
        }
        if news(&access, &tokens.access, &tokens.past) {
            tokens.access = access;
            replaced = true;
        }
        if replaced {
            tokens.generation += 1;
            tokens.expires = None;
            tokens.unstored = None;
            tokens.not_before = None;
            drop(tokens);
            let mut facts = self.facts();
            (facts.met, facts.scopes, facts.schemas) = (false, None, None);
        }
    }

    /// The generation of tokens that could be renewed; `None` where there is nothing to renew with.
    pub(super) fn ready_generation(&self) -> Option<u64> {
        let tokens = self.tokens();
        (self.app.is_some() && tokens.refresh.is_some()).then_some(tokens.generation)
    }

    /// Takes in which paths answered before.
    pub(super) fn recall(&self, kept: &Kept) {
        for family in ALL {
            if let Some(profile) = kept.profiles.get(&format!("{family:?}")) {
                self.set_profile(family, Profile::of(*profile));
            }
        }
    }

    pub(super) fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that must not appear in a text.
    pub(super) fn secrets(&self) -> Vec<SecretString> {
        let tokens = self.tokens();
        let app = self.app.as_ref().map(|app| &app.secret);
        [tokens.access.as_ref(), tokens.refresh.as_ref(), app].into_iter().flatten().cloned().collect()
    }

    pub(super) fn profile(&self, family: Family) -> Profile {
        Profile::of(self.profiles[family as usize].load(Ordering::Relaxed))
    }

    /// Notes which generation of paths a family answers at; true if that is news.
    pub(super) fn set_profile(&self, family: Family, profile: Profile) -> bool {
        self.profiles[family as usize].swap(profile as u8, Ordering::Relaxed) != profile as u8
    }

    /// The longest URL that is sent.
    pub(super) fn url_cap(&self) -> usize {
        self.url_cap.load(Ordering::Relaxed)
    }

    /// One was too long.
    pub(super) fn halve_url_cap(&self, length: usize) {
        self.url_cap.store((length.min(self.url_cap()) / 2).max(500), Ordering::Relaxed);
    }

    /// The URL of a call.
    pub(super) fn url(&self, target: &Target, profile: Profile, query: &str) -> Result<Url> {
        let mut url = self.base.clone();
        let path = format!("{}{}", self.base.path().trim_end_matches('/'), target.path(profile));
        url.set_path(&path);
        url.set_query((!query.is_empty()).then_some(query));
        // Nothing that goes into a path can change the host; this is the wall behind that.
        if url.origin() != self.base.origin() {
            return Err(Error::internal("a HubSpot URL left its host"));
        }
        Ok(url)
    }

    /// The token to send now.
    pub(super) fn current(&self) -> Option<Token> {
        let tokens = self.tokens();
        tokens.access.clone().map(|text| Token { text, generation: tokens.generation })
    }

    /// The key of what is kept of this account across restarts.
    fn kept_key(&self) -> String {
        format!("hubspot/account/{}", connection_key(&self.id))
    }

    /// What is kept, and its version.
    pub(super) async fn kept(&self) -> Result<(Kept, Option<i64>)> {
        let found = self.vault.state(&self.kept_key()).await?;
        let version = found.as_ref().map(|(_, version)| *version);
        let kept = found.and_then(|(value, _)| serde_json::from_value(value).ok()).unwrap_or_default();
        Ok((kept, version))
    }

    /// Changes what is kept. Nothing is written where nothing changes.
    pub(super) async fn keep(&self, work: impl Fn(&mut Kept)) -> Result<()> {
        for _ in 0..20 {
            let (before, version) = self.kept().await?;
            let mut kept = before.clone();
            work(&mut kept);
            if kept == before {
                return Ok(());
            }
            let value =
                serde_json::to_value(&kept).map_err(|e| Error::internal("an account is no JSON").caused_by(e))?;
            if self.vault.swap(&self.kept_key(), version, &value).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Refuses another account than the connection was first made for; else notes what was learnt.
    pub(super) async fn identify(&self, portal: i64, zone: Option<&str>) -> Result<()> {
        let (kept, _) = self.kept().await?;
        if let Some(ours) = kept.portal.filter(|ours| *ours != portal) {
            return Err(Error::new(
                Kind::Refused,
                &code::FLOW_1102,
                format!("the credentials are of HubSpot account {portal}, but this connection reads account {ours}"),
            )
            .advice(
                "Two accounts in one table cannot be told apart. Create another connection for the other account.",
            ));
        }
        self.keep(|kept| {
            kept.portal = Some(portal);
            if let Some(zone) = zone {
                kept.zone = Some(zone.to_string());
            }
        })
        .await?;
        self.know(portal, zone).await;
        Ok(())
    }

    /// Takes in what is known of the account.
    pub(super) async fn know(&self, portal: i64, zone: Option<&str>) {
        {
            let mut facts = self.facts();
            facts.portal = Some(portal);
            if let Some(zone) = zone.and_then(|zone| zone.parse().ok()) {
                facts.zone = zone;
            }
        }
        let app = match &self.app {
            Some(app) => format!("{:016x}", XxHash64::oneshot(0, app.id.as_bytes())),
            None => connection_key(&self.id),
        };
        self.budget.name(portal, &app).await;
    }
}

impl Tokens {
    fn leave_access(&mut self) {
        self.past.extend(self.access.as_ref().map(hash));
    }

    fn leave_refresh(&mut self) {
        // A token that comes back unchanged is not behind us.
        self.past.extend(self.refresh.as_ref().map(hash));
    }

    /// Less is left of the token than is good, as far as that is known.
    pub(super) fn due(&self, now: Instant) -> bool {
        let Some((expires, lifetime)) = self.expires else { return self.access.is_none() };
        let left = expires.saturating_duration_since(now);
        let early = left < EARLY.min(lifetime / 3);
        early && (left.is_zero() || self.not_before.is_none_or(|at| at <= now))
    }

    pub(super) fn put(&mut self, access: SecretString, refresh: SecretString, lifetime: Duration) {
        self.leave_access();
        if self.refresh.as_ref().is_none_or(|ours| !same(ours, &refresh)) {
            self.leave_refresh();
        }
        self.access = Some(access);
        self.refresh = Some(refresh);
        self.generation += 1;
        self.expires = Some((Instant::now() + lifetime, lifetime));
        self.unstored = None;
        self.not_before = None;
    }
}
