//! The store as the vault of accounts: secrets by parameter name, leases, and states that processes share.

use async_trait::async_trait;
use forebay_model::{Resource, Result, Time};
use forebay_sources::{AccountId, Secrets, Vault};
use forebay_store::Store;
use serde_json::Value;
use std::time::Duration;

/// Where the parameters of a connection lie in its document.
const PARAMS: &str = "/auth/params/";

/// A vault over the store.
#[derive(Debug, Clone)]
pub struct StoreVault {
    /// The database.
    pub store: Store,
    /// What time it is: leases are told by it.
    pub clock: fn() -> Time,
}

/// Secrets by parameter name, as sources know them.
pub(crate) fn by_name(sealed: forebay_store::Secrets) -> Secrets {
    let name = |pointer: String| pointer.rsplit('/').next().unwrap_or_default().to_string();
    sealed.into_iter().map(|(pointer, secret)| (name(pointer), secret)).collect()
}

#[async_trait]
impl Vault for StoreVault {
    async fn secrets(&self, account: &AccountId) -> Result<Secrets> {
        let sealed = self.store.secrets(&account.scope, Resource::Connection, &account.connection).await?;
        Ok(by_name(sealed))
    }

    async fn renew(&self, account: &AccountId, renewed: Secrets) -> Result<()> {
        let renewed = renewed.into_iter().map(|(name, secret)| (format!("{PARAMS}{name}"), secret)).collect();
        self.store.reseal(&account.scope, Resource::Connection, &account.connection, &renewed).await
    }

    async fn lease(&self, name: &str, holder: &str, ttl: Duration) -> Result<bool> {
        self.store.lease(name, holder, (self.clock)(), ttl).await
    }

    async fn state(&self, key: &str) -> Result<Option<(Value, i64)>> {
        self.store.state(key).await
    }

    async fn swap(&self, key: &str, expected: Option<i64>, value: &Value) -> Result<bool> {
        self.store.swap_state(key, expected, value).await
    }
}
