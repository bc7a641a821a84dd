//! The HTTP control plane: one file per resource, one list of routes ([`router`]).
//!
//! A request passes the normaliser ([`normalise`]), hyper ([`serve`]), the layers of [`routes`], the [`caller`]
//! extractor, and its handler. Handlers hold no SQL and no status codes for failures: they return errors of the
//! model, and [`problem`] alone renders them. Answers that need the data engine go through the [`Engine`] trait.

mod access;
mod actions;
mod audit;
mod body;
mod bootstrap;
mod caller;
mod catalog;
mod clients;
mod configs;
mod connections;
mod dataprep;
mod demo;
mod engine;
mod entities;
mod explore;
mod export;
mod flows;
mod identity;
mod ims;
mod ingestion;
mod inherited;
mod issuer;
mod jwt;
mod labels;
mod leftover;
mod listing;
mod mappinghead;
mod normalise;
mod observability;
mod own;
mod pages;
mod params;
mod problem;
mod registry;
mod replay;
mod rights;
mod routes;
mod runs;
mod sandboxes;
mod schemas;
mod secrets;
mod serve;
mod shapes;
mod sourceconnections;
mod specs;
mod targetconnections;
mod tokens;
mod webhooks;
mod writing;
mod xdm;

pub use access::roles::administrators;
pub use bootstrap::{Credentials, bootstrap};
pub use demo::{
    Demo, DemoControl, DemoFault, Recipe, RecipeConnection, WizardData, WizardDetails, WizardField, WizardRule,
    WizardSchedule, WizardSchema, WizardState, WizardTarget,
};
pub use engine::{Engine, Host, Mapped, Sample, SampleColumn, Stored};
pub use ingestion::Uploads;
pub use issuer::{Issuer, IssuerSettings};
pub use normalise::{Normalised, Normaliser, Patience};
pub use own::events::Watchers;
pub use own::propagate::{Propagated, propagate};
pub use own::session::{OneTimeLink, one_time_link};
pub use pages::{Asked, Page, Pages};
pub use routes::{openapi, router};
pub use serve::serve;
pub use tokens::TokenKey;
pub use webhooks::Deliverer;

use forebay_model::{Scope, Time};
use forebay_sources::Accounts;
use forebay_store::Store;
use std::sync::Arc;

/// What every handler may touch. Made in `server`, passed down; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The database.
    pub store: Store,
    /// The data engine.
    pub engine: Arc<dyn Engine>,
    /// The way to the outside.
    pub accounts: Accounts,
    /// Tells the time.
    pub clock: Arc<dyn Fn() -> Time + Send + Sync>,
    /// 128 random bits: where ids come from.
    pub random: Arc<dyn Fn() -> u128 + Send + Sync>,
    /// What the operator chose.
    pub settings: Arc<Settings>,
    /// Signs and checks access tokens.
    pub tokens: TokenKey,
    /// Those who watch what changes.
    pub watchers: Watchers,
    /// Renders the metrics, in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// What is served to browsers beside the API.
    pub pages: Option<Arc<dyn Pages>>,
    /// The demo's switches, in a server that is one.
    pub demo: Option<Arc<dyn DemoControl>>,
}

/// What the operator chose.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where clients reach this server, without a trailing slash; absolute links begin with it.
    pub public_url: String,
    /// Refuse what the tutorials leave out: a missing sandbox header, a wrong content type (FS-HDR-3).
    pub strict: bool,
    /// How much clients may upload.
    pub uploads: Uploads,
    /// The server is a demo: its sources are simulated.
    pub demo: bool,
    /// The lake's folder, absolute, or its URI: what people open with tools of their own.
    pub lake: String,
}

impl App {
    /// Now, by the program's clock.
    pub fn now(&self) -> Time {
        (self.clock)()
    }

    /// A new random UUID, version 4.
    pub fn uuid(&self) -> String {
        uuid::Builder::from_random_bytes((self.random)().to_be_bytes()).into_uuid().to_string()
    }

    /// So many random hex digits.
    pub fn hex(&self, digits: usize) -> String {
        let mut text = String::new();
        while text.len() < digits {
            text.push_str(&format!("{:032x}", (self.random)()));
        }
        text.truncate(digits);
        text
    }

    /// An absolute link to a path of this server.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.settings.public_url)
    }
}

/// 128 bits from the operating system: the `random` of a program that runs in earnest.
///
/// # Panics
/// When the operating system gives no random bytes; nothing safe can be done without them.
pub fn system_random() -> u128 {
    let mut bytes = [0u8; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    u128::from_be_bytes(bytes)
}

/// The lake's folder of a dataset: fixed by its sandbox and id.
pub fn table_location(scope: &Scope, dataset: &str) -> String {
    format!("tables/{}/{dataset}", scope.sandbox)
}

/// The lake's folder of a batch's diagnostics.
pub fn batch_location(scope: &Scope, batch: &str) -> String {
    format!("batches/{}/{batch}", scope.sandbox)
}
