//! Named leases and pending cleanups.
use crate::{Store, unfinished};
use forebay_model::{Result, Time};
use std::time::Duration;

/// A location of the lake that nothing names any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleanup {
    /// Its id.
    pub id: String,
    /// A folder of the lake.
    pub location: String,
}

impl Store {
    /// Takes or renews a named lease; false when somebody else holds it.
    pub async fn lease(&self, _name: &str, _holder: &str, _now: Time, _ttl: Duration) -> Result<bool> {
        Err(unfinished())
    }
    /// Notes a location to be removed.
    pub async fn add_cleanup(&self, _location: &str) -> Result<()> {
        Err(unfinished())
    }
    /// What is to be removed.
    pub async fn cleanups(&self) -> Result<Vec<Cleanup>> {
        Err(unfinished())
    }
    /// It is removed.
    pub async fn done_cleanup(&self, _id: &str) -> Result<()> {
        Err(unfinished())
    }
}
