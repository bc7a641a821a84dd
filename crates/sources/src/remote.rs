//! One account at one system: what the rest of the program sees of the outside world.
//!
//! Clones share connections and what was learnt about the account (a bucket's region). Every call goes through the
//! gate, is retried within [`Patience`], and fails with a typed error that names what was asked for.

use crate::params::Params;
use crate::{AccountId, Accounts, Secrets, Source, s3};
use bytes::Bytes;
use forebay_model::files::{Object, Selection};
use forebay_model::{Error, Result};
use futures::stream::BoxStream;
use serde_json::Value;
use std::ops::Range;
use std::time::Duration;

/// One account at one system.
#[derive(Clone, Debug)]
pub struct Remote {
    source: &'static Source,
    s3: s3::S3,
}

/// One step of a connection test.
#[derive(Debug)]
pub struct Check {
    /// `connect`, `sign in`, `list`.
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
        _account: &AccountId,
        params: &Value,
        secrets: &Secrets,
    ) -> Result<Remote> {
        let s3 = s3::S3::open(&accounts.gate, &Params::new(params, secrets))?;
        Ok(Remote { source, s3 })
    }

    /// The same account with other patience.
    pub fn with_patience(mut self, patience: Patience) -> Remote {
        self.s3 = self.s3.with_patience(patience);
        self
    }

    /// Its source.
    pub fn source(&self) -> &'static Source {
        self.source
    }

    /// Tries the account out, step by step. The steps stop at the first that fails.
    pub async fn test(&self) -> Vec<Check> {
        self.s3.test().await
    }

    /// One level of what the account sees. `""` and `"/"` are the root: the buckets, or the bucket and folder that
    /// the connection names. A folder that is not there is `NotFound`.
    pub async fn explore(&self, path: &str) -> Result<Vec<Entry>> {
        self.s3.explore(path).await
    }

    /// Everything that a selection names, in the order of the source's keys.
    pub fn list(&self, selection: &Selection) -> BoxStream<'static, Result<Object>> {
        self.s3.list(selection)
    }

    /// One file.
    pub async fn stat(&self, path: &str) -> Result<Object> {
        self.s3.stat(path).await
    }

    /// The bytes of an object or of a range of it, as long as it is still the object that was listed: a changed one
    /// is `Stale`. A broken body is resumed, a short one is never taken for a whole one. Dropping the stream ends
    /// the call.
    pub fn read(&self, object: &Object, range: Option<Range<u64>>) -> BoxStream<'static, Result<Bytes>> {
        self.s3.read(object, range)
    }

    /// tmp
    pub fn pages(&self, _: crate::tables::Read) -> BoxStream<'static, Result<crate::tables::Page>> {
        Box::pin(futures::stream::empty())
    }
}
