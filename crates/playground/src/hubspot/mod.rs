//! A HubSpot account on loopback: strict where the live service is strict, awkward where it is awkward.
//!
//! [`Hubspot::start`] serves it; [`Sim`] changes it, breaks it and judges who read it, in process or through the
//! control port. What it answers follows what HubSpot publishes and what its users report; where that is not known
//! there is a switch. It is deterministic: the same seed and the same requests give the same bytes. It shares no code
//! with the source that reads it, so that the two cannot be wrong together.

mod act;
mod associations;
mod catalog;
mod change;
mod config;
mod control;
mod damage;
mod dispatch;
mod fault;
mod journal;
mod limits;
mod links;
mod meta;
mod oauth;
mod property;
mod records;
mod route;
mod scenario;
mod script;
mod search;
mod serve;
mod sim;
mod state;
mod strays;
mod text;
mod truth;
mod value;
mod wire;
mod write;

pub use config::{Clock, Config, Lag, Limits, Profile, START_MS, Switches, Volumes};
pub use fault::{Action, Rule};
pub use journal::{Entry, Summary};
pub use limits::Policy;
pub use scenario::SCENARIOS;
pub use script::{Mutation, When, Which};
pub use sim::{Plan, Sim};

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The public host, which links in answers point to.
const PUBLIC: &str = "https://api.hubapi.com";

/// What a client needs to know.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// The client's id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// An access token that works for the first 30 minutes of the virtual clock.
    pub access_token: String,
    /// What gives a new one.
    pub refresh_token: String,
    /// A token that never ends.
    pub private_app_token: String,
    /// The account's number.
    pub portal_id: u64,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account").field("portal_id", &self.portal_id).finish_non_exhaustive()
    }
}

/// The simulated service.
pub struct Hubspot;

/// A running account. Dropping it stops it.
pub struct Running {
    /// Where the API listens.
    pub addr: SocketAddr,
    /// Where the control port listens.
    pub control: Option<SocketAddr>,
    sim: Arc<Sim>,
    tasks: Vec<JoinHandle<()>>,
}

impl Hubspot {
    /// Starts serving. Must be called on a Tokio runtime.
    pub async fn start(config: Config) -> io::Result<Running> {
        for address in [Some(config.listen), config.control].into_iter().flatten() {
            if !address.ip().is_loopback() {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{address} is not on loopback")));
            }
        }
        let listener = TcpListener::bind(config.listen).await?;
        let addr = listener.local_addr()?;
        let control = match config.control {
            Some(address) => Some(TcpListener::bind(address).await?),
            None => None,
        };
        let sim = tokio::task::spawn_blocking(move || Arc::new(Sim::new(config))).await.map_err(io::Error::other)?;
        let mut tasks = vec![tokio::spawn(serve::serve(listener, sim.clone()))];
        let mut at = None;
        if let Some(control) = control {
            at = Some(control.local_addr()?);
            tasks.push(tokio::spawn(control::serve(control, sim.clone())));
        }
        Ok(Running { addr, control: at, sim, tasks })
    }
}

impl Running {
    /// The base URL of the API.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What a client needs to know.
    pub fn account(&self) -> Account {
        self.sim.account()
    }

    /// The account behind it.
    pub fn sim(&self) -> &Arc<Sim> {
        &self.sim
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// 414, as the edge answers it.
fn too_long() -> wire::Failure {
    wire::Failure::html(
        414,
        "<html><head><title>414 Request-URI Too Large</title></head><body>cloudflare</body></html>",
    )
}
