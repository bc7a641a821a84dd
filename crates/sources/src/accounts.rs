//! Accounts of sources: what joins a source with one connection's credentials, and what an account keeps between calls,
//! shared by every flow, worker and process that uses it.

use crate::{Gate, Remote, Secrets, Source, hubspot};
use async_trait::async_trait;
use forebay_model::{Result, Scope};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use url::Url;

/// A connection: whose credentials a remote works with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountId {
    /// Its organization and sandbox.
    pub scope: Scope,
    /// The connection's id.
    pub connection: String,
}

/// Where accounts keep what must survive the process and what processes share: renewed tokens, budgets, quotas.
#[async_trait]
pub trait Vault: Send + Sync + fmt::Debug {
    /// The connection's secrets as they are stored now.
    async fn secrets(&self, account: &AccountId) -> Result<Secrets>;

    /// Seals and stores renewed secrets beside the others of the connection; the connection's etag stays as it is. Returns
    /// when they would survive a crash.
    async fn renew(&self, account: &AccountId, renewed: Secrets) -> Result<()>;

    /// Takes or prolongs a named lease; false when another holder has it. A `ttl` of zero gives it up.
    async fn lease(&self, name: &str, holder: &str, ttl: Duration) -> Result<bool>;

    /// A small state and its version, by a key of the source's own making.
    async fn state(&self, key: &str) -> Result<Option<(Value, i64)>>;

    /// Replaces a state if its version is still `expected` (`None`: if there is none yet); false when somebody else was
    /// faster.
    async fn swap(&self, key: &str, expected: Option<i64>, value: &Value) -> Result<bool>;
}

/// A vault that forgets: for one process that keeps nothing, such as a test.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    secrets: BTreeMap<String, Secrets>,
    leases: BTreeMap<String, (String, Instant)>,
    states: BTreeMap<String, (Value, i64)>,
}

impl Memory {
    /// Puts a connection's secrets in.
    pub fn put(&self, connection: &str, secrets: Secrets) {
        self.kept().secrets.insert(connection.to_string(), secrets);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Vault for Memory {
    async fn secrets(&self, account: &AccountId) -> Result<Secrets> {
        Ok(self.kept().secrets.get(&account.connection).cloned().unwrap_or_default())
    }

    async fn renew(&self, account: &AccountId, renewed: Secrets) -> Result<()> {
        self.kept().secrets.entry(account.connection.clone()).or_default().extend(renewed);
        Ok(())
    }

    async fn lease(&self, name: &str, holder: &str, ttl: Duration) -> Result<bool> {
        let (mut kept, now) = (self.kept(), Instant::now());
        if kept.leases.get(name).is_some_and(|(by, until)| by != holder && *until > now) {
            return Ok(false);
        }
        kept.leases.insert(name.to_string(), (holder.to_string(), now + ttl));
        Ok(true)
    }

    async fn state(&self, key: &str) -> Result<Option<(Value, i64)>> {
        Ok(self.kept().states.get(key).cloned())
    }

    async fn swap(&self, key: &str, expected: Option<i64>, value: &Value) -> Result<bool> {
        let mut kept = self.kept();
        let found = kept.states.get(key).map(|(_, version)| *version);
        if found == expected {
            kept.states.insert(key.to_string(), (value.clone(), found.unwrap_or_default() + 1));
        }
        Ok(found == expected)
    }
}

/// What the operator says of sources; never a caller's to choose.
#[derive(Debug, Clone)]
pub struct Places {
    /// Where HubSpot's API is (`hubspot.baseUrl`).
    pub hubspot: Url,
}

impl Default for Places {
    fn default() -> Places {
        Places { hubspot: Url::parse("https://api.hubapi.com").expect("a constant URL is valid") }
    }
}

/// The way from a connection to its remote system. Clones share it.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// The one way out.
    pub gate: Gate,
    /// What accounts keep.
    pub vault: Arc<dyn Vault>,
    /// What the operator says.
    pub places: Places,
    /// HubSpot's accounts: what remotes of one connection share.
    pub(crate) hubspot: hubspot::Known,
}

impl Accounts {
    /// Accounts over a gate and a vault.
    pub fn new(gate: Gate, vault: Arc<dyn Vault>, places: Places) -> Accounts {
        Accounts { gate, vault, places, hubspot: hubspot::Known::default() }
    }

    /// Joins a source with one account. `params` is what the connection shows, `secrets` what was sealed, by parameter
    /// name. Nothing is connected yet.
    pub fn open(
        &self,
        source: &'static Source,
        account: &AccountId,
        params: &Value,
        secrets: &Secrets,
    ) -> Result<Remote> {
        Remote::open(self, source, account, params, secrets)
    }
}
