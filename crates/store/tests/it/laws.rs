//! What every test needs: a store of its own, scopes, documents of small size. FOREBAY_TEST_DATABASE says on which database
//! the laws are tried.

mod audit;
mod batches;
mod changes;
mod deliveries;
mod documents;
mod facts;
mod lists;
mod opening;
mod queue;
mod sandboxes;
mod schedules;
mod secrets;
mod sessions;
mod telling;

use crate::database::Database;
use forebay_model::{Document, Resource, Scope, Time};
use forebay_store::{Keys, New, Store};
use serde_json::{Value, json};
use std::time::Duration;

/// Long enough for a lease that nobody lets expire.
pub const LEASE: Duration = Duration::from_secs(15);

/// A store over a database of its own.
pub struct Fixture {
    pub store: Store,
    pub database: Database,
}

impl Fixture {
    pub async fn new() -> Fixture {
        let database = Database::new();
        let store = Store::open(&database.url(), key()).await.expect("it opens");
        Fixture { store, database }
    }

    /// The same database, opened again.
    pub async fn reopened(self) -> Fixture {
        let Fixture { store, database } = self;
        drop(store);
        let store = Store::open(&database.url(), key()).await.expect("it opens again");
        Fixture { store, database }
    }
}

pub fn key() -> Keys {
    Keys::from_bytes([42; 32])
}

/// Seconds after a Monday morning.
pub fn at(seconds: i64) -> Time {
    Time::from_timestamp(1_750_000_000 + seconds, 0).expect("in range")
}

pub fn scope(sandbox: &str) -> Scope {
    Scope { org: "ACME@AdobeOrg".into(), sandbox: sandbox.into(), sandbox_name: format!("{sandbox}-name") }
}

pub fn prod() -> Scope {
    scope("prod")
}

pub async fn put(store: &Store, scope: &Scope, resource: Resource, id: &str, body: Value, now: Time) -> Document {
    store.insert(scope, New::new(resource, id, body), now).await.expect("it is stored")
}

/// An enabled flow that runs every so many minutes from its creation on.
pub async fn flow(store: &Store, id: &str, minutes: i64, now: Time) -> Document {
    let schedule = json!({ "startTime": now.timestamp(), "frequency": "minute", "interval": minutes });
    let body = json!({ "name": id, "state": "enabled", "createdBy": "u1@AdobeID", "flowSpec": { "id": "s", "version": "1.0" }, "scheduleParams": schedule });
    put(store, &prod(), Resource::Flow, id, body, now).await
}
