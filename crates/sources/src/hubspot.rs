//! HubSpot: every kind of CRM record, and the tables around them. The spec is `hubspot.json`; what HubSpot does and what
//! we do about it is written in the behaviour contract, whose sections the comments name.
//!
//! What always holds: tokens go to the operator's host and nowhere else; every call goes through `call.rs`, which waits for
//! the account's budget; search finds ids and nothing more, records are read from lists and batches. Start at `pages.rs`
//! for what a run does, `walk.rs` for one kind of record, `call.rs` for one call.

mod account;
mod budget;
mod call;
mod columns;
mod explore;
mod fault;
mod find;
mod forms;
mod line;
mod pages;
mod paths;
mod place;
mod snapshot;
mod token;
mod types;
mod walk;
mod wire;

use crate::tables::{Column, Page, Read, Table};
use crate::{AccountId, Accounts, Check, Patience, Reach, Reader, Secrets, Source};
use account::Account;
pub(crate) use account::Known;
use call::Ask;
use fault::{Fault, Trouble};
use forebay_model::mapping::ast::FieldPath;
use forebay_model::{Error, Kind, Result, code};
use futures::stream::BoxStream;
use paths::Target;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The source.
pub(crate) static SOURCE: Source = Source {
    name: "hubspot",
    specs: &["cc6a4487-9e91-433e-a3a3-9cf6626c1806"],
    reader: Reader::Tables,
    reach: Reach::HubSpot,
};

/// How long to go on (§11): up to a minute between attempts. One call never takes so long that its run looks stuck: what
/// lasts longer than a few minutes is given back, and the run is started again later.
const PATIENCE: Patience = Patience {
    attempts: 40,
    first: Duration::from_secs(1),
    longest: Duration::from_secs(60),
    budget: Duration::from_secs(420),
};

/// One account, with some patience.
#[derive(Clone, Debug)]
pub(crate) struct HubSpot {
    account: Arc<Account>,
    patience: Patience,
}

impl HubSpot {
    pub(crate) fn open(accounts: &Accounts, id: &AccountId, params: &Value, secrets: &Secrets) -> Result<HubSpot> {
        let account = accounts.hubspot.account(accounts, id, params, secrets)?;
        Ok(HubSpot { account, patience: PATIENCE })
    }

    pub(crate) fn with_patience(mut self, patience: Patience) -> HubSpot {
        self.patience = patience;
        self
    }

    /// A person waits for the answer.
    fn hurried(&self) -> HubSpot {
        let longest = self.patience.longest.min(Duration::from_secs(2));
        let budget = self.patience.budget.min(Duration::from_secs(20));
        self.clone().with_patience(Patience {
            attempts: self.patience.attempts.min(3),
            longest,
            budget,
            ..self.patience
        })
    }

    pub(crate) async fn test(&self) -> Vec<Check> {
        let hurried = self.hurried();
        let mut checks: Vec<Check> = Vec::new();
        for name in ["connect", "sign in", "account", "read contacts"] {
            if checks.last().is_some_and(|check| !check.ok) {
                checks.push(Check { name, ok: false, millis: 0, error: None });
                continue;
            }
            let started = Instant::now();
            let error = match name {
                "connect" => hurried.account.gate.connect(&hurried.account.base).await.err(),
                "sign in" => hurried.sign_in().await.err().map(|fault| *fault.error),
                "account" => hurried.meet_again().await.err(),
                _ => hurried.first_contact().await.err().map(|fault| *fault.error),
            };
            let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            checks.push(Check { name, ok: error.is_none(), millis, error });
        }
        checks
    }

    /// With OAuth a renewal proves the client, its secret and the refresh token; a lone token is proved by the next step.
    async fn sign_in(&self) -> Result<(), Fault> {
        let account = &self.account;
        let ready = account.ready_generation();
        match ready {
            Some(generation) => account.renew(generation, self.patience).await.map(|_| ()),
            None => self.details().await.map(|_| ()),
        }
    }

    async fn meet_again(&self) -> Result<()> {
        self.account.facts().met = false;
        self.meet().await
    }

    async fn first_contact(&self) -> Result<(), Fault> {
        let ask = Ask::get(Target::List("0-1".to_string()), "limit=1");
        self.call(&ask, |answer| wire::texts(&answer.body).map(|_| ())).await
    }

    async fn details(&self) -> Result<Option<wire::Details>, Fault> {
        match self.call(&Ask::get(Target::Account, ""), |answer| wire::details(&answer.body)).await {
            Ok(details) => Ok(Some(details)),
            // Some apps may not ask; their records can be read all the same.
            Err(fault) if matches!(fault.trouble, Trouble::Denied(_) | Trouble::Missing) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Makes sure, once for given tokens, that the account is the one the connection was made for.
    async fn meet(&self) -> Result<()> {
        let account = &self.account;
        let _one = account.meeting.lock().await;
        if account.facts().met {
            return Ok(());
        }
        let (kept, _) = account.kept().await?;
        account.recall(&kept);
        if let Some(portal) = kept.portal {
            account.know(portal, kept.zone.as_deref()).await;
        }
        account.budget.open().await?;
        let details = self.details().await.map_err(|fault| *fault.error)?;
        match details {
            Some(details) => account.identify(details.portal, details.zone.as_deref()).await?,
            // The token itself may say whose it is.
            None => {
                if let Some(portal) = self.inspect().await.and_then(|inspected| inspected.hub_id) {
                    account.identify(portal, None).await?;
                }
            }
        }
        account.facts().met = true;
        Ok(())
    }

    /// What was granted, where HubSpot says so: for apps, not for private tokens (§3.3).
    async fn scopes(&self) -> Option<Vec<String>> {
        if let Some(scopes) = self.account.facts().scopes.clone() {
            return Some(scopes);
        }
        let scopes = self.inspect().await?.scopes;
        self.account.facts().scopes = scopes.clone();
        scopes
    }

    /// What HubSpot says of the app's token.
    async fn inspect(&self) -> Option<wire::Inspected> {
        let (app, token) = (self.account.app.as_ref()?, self.account.token(self.patience).await.ok()?);
        let body = token::form(&[
            ("client_id", &app.id),
            ("client_secret", app.secret.expose_secret()),
            ("token_type_hint", "access_token"),
            ("token", token.text.expose_secret()),
        ]);
        let ask = Ask::form(Target::Introspect, body);
        let inspected = self.account.alone(&ask, self.patience, wire::inspected).await;
        inspected.map_err(|fault| tracing::debug!("a HubSpot token is not known better: {}", fault.error)).ok()
    }

    pub(crate) async fn tables(&self) -> Result<Vec<Table>> {
        self.hurried().all_tables().await
    }

    pub(crate) async fn describe(&self, table: &str) -> Result<Vec<Column>> {
        self.hurried().columns_of(table).await
    }

    pub(crate) async fn sample(&self, table: &str, limit: usize) -> Result<Vec<Value>> {
        self.hurried().rows_of(table, limit).await
    }

    pub(crate) fn pages(&self, read: Read) -> BoxStream<'static, Result<Page>> {
        pages::pages(self.clone(), read)
    }
}

/// See [`Source::locate`].
pub(crate) fn locate(field: &FieldPath) -> FieldPath {
    columns::locate(field)
}

fn no_table(path: &str) -> Error {
    Error::new(Kind::NotFound, &code::FLOW_1101, format!("HubSpot has no table {path:?}"))
        .advice("Explore the connection to see its tables, such as Hubspot.Contacts.")
}
