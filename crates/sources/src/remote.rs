//! One account at one system: what the rest of the program sees of the outside world.
//!
//! Clones share connections and what was learnt about the account (a bucket's region). Every call goes through the
//! gate, is retried within [`Patience`], and fails with a typed error that names what was asked for.

use crate::files::Files;
use crate::params::Params;
use crate::tables::{Column, Page, Read, Table};
use crate::{AccountId, Accounts, Reach, Secrets, Source, hubspot};
use bytes::Bytes;
use forebay_model::files::{Object, Selection};
use forebay_model::{Error, Kind, Result, code};
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::Value;
use std::ops::Range;
use std::time::Duration;

/// One account at one system.
#[derive(Clone, Debug)]
pub struct Remote {
    source: &'static Source,
    system: System,
}

/// The systems there are.
#[derive(Clone, Debug)]
enum System {
    Files(Files),
    HubSpot(hubspot::HubSpot),
}

/// One step of a connection test.
#[derive(Debug)]
pub struct Check {
    /// `connect`, `sign in`, `list`, `account`, `read contacts`.
    pub name: &'static str,
    /// It went well.
    pub ok: bool,
    /// How long it took.
    pub millis: u64,
    /// What went wrong; a step that was not reached has none.
    pub error: Option<Error>,
}

/// One entry of a listing, one level deep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// A folder or bucket rather than a file.
    pub folder: bool,
    /// The last segment, without slashes.
    pub name: String,
    /// From the root, with a leading slash, and a trailing one for folders.
    pub path: String,
}

/// How long to go on when the other side fails.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Attempts of one call, and of one stretch of a body without progress.
    pub attempts: u32,
    /// The first pause; each next one is twice as long, all of them shortened by chance.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// All pauses of one call together.
    pub budget: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            attempts: 6,
            first: Duration::from_millis(250),
            longest: Duration::from_secs(20),
            budget: Duration::from_secs(90),
        }
    }
}

impl Remote {
    /// See [`Accounts::open`].
    pub(crate) fn open(
        accounts: &Accounts,
        source: &'static Source,
        account: &AccountId,
        params: &Value,
        secrets: &Secrets,
    ) -> Result<Remote> {
        let system = match source.reach {
            Reach::Files(open) => System::Files(open(&accounts.gate, &Params::new(params, secrets))?),
            Reach::HubSpot => System::HubSpot(hubspot::HubSpot::open(accounts, account, params, secrets)?),
        };
        Ok(Remote { source, system })
    }

    /// The same account with other patience.
    pub fn with_patience(self, patience: Patience) -> Remote {
        let system = match self.system {
            System::Files(files) => System::Files(files.with_patience(patience)),
            System::HubSpot(hubspot) => System::HubSpot(hubspot.with_patience(patience)),
        };
        Remote { system, ..self }
    }

    /// Its source.
    pub fn source(&self) -> &'static Source {
        self.source
    }

    /// Tries the account out, step by step. The steps stop at the first that fails.
    pub async fn test(&self) -> Vec<Check> {
        match &self.system {
            System::Files(files) => files.test().await,
            System::HubSpot(hubspot) => hubspot.test().await,
        }
    }

    /// One level of what the account sees. `""` and `"/"` are the root: the buckets, or the bucket and folder that
    /// the connection names. A folder that is not there is `NotFound`. Sources of files only.
    pub async fn explore(&self, path: &str) -> Result<Vec<Entry>> {
        self.files()?.explore(path).await
    }

    /// Everything that a selection names, in the order of the source's keys. Sources of files only.
    pub fn list(&self, selection: &Selection) -> BoxStream<'static, Result<Object>> {
        match self.files() {
            Ok(files) => files.list(selection),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    /// One file. Sources of files only.
    pub async fn stat(&self, path: &str) -> Result<Object> {
        self.files()?.stat(path).await
    }

    /// The bytes of an object or of a range of it, as long as it is still the object that was listed: a changed one
    /// is `Stale`. A broken body is resumed, a short one is never taken for a whole one. Dropping the stream ends
    /// the call. Sources of files only.
    pub fn read(&self, object: &Object, range: Option<Range<u64>>) -> BoxStream<'static, Result<Bytes>> {
        match self.files() {
            Ok(files) => files.read(object, range),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    /// The tables that the account sees, those it may not read included. Sources of tables only.
    pub async fn tables(&self) -> Result<Vec<Table>> {
        self.in_tables()?.tables().await
    }

    /// The columns of a table, as mappings name them. A table that is not there is `NotFound`. Sources of tables only.
    pub async fn describe(&self, table: &str) -> Result<Vec<Column>> {
        self.in_tables()?.describe(table).await
    }

    /// The first rows of a table: flat objects by the names of [`Remote::describe`]. Sources of tables only.
    pub async fn sample(&self, table: &str, limit: usize) -> Result<Vec<Value>> {
        self.in_tables()?.sample(table, limit).await
    }

    /// What is news to a flow, page by page. The last page may be empty: its cursor is where the next run starts.
    /// Dropping the stream ends the calls. Sources of tables only.
    pub fn pages(&self, read: Read) -> BoxStream<'static, Result<Page>> {
        match self.in_tables() {
            Ok(hubspot) => hubspot.pages(read),
            Err(error) => stream::iter([Err(error)]).boxed(),
        }
    }

    fn files(&self) -> Result<&Files> {
        match &self.system {
            System::Files(files) => Ok(files),
            System::HubSpot(_) => Err(self.has_not("files", "Explore its tables and name one in params.path.")),
        }
    }

    fn in_tables(&self) -> Result<&hubspot::HubSpot> {
        match &self.system {
            System::HubSpot(hubspot) => Ok(hubspot),
            System::Files(_) => Err(self.has_not("tables", "Explore its folders and name a file in params.path.")),
        }
    }

    fn has_not(&self, what: &str, advice: &'static str) -> Error {
        let message = format!("the source {} has no {what}", self.source.name);
        Error::new(Kind::Invalid, &code::FLOW_1100, message).advice(advice)
    }
}
