//! `forebay serve`: API, scheduler, workers and the lake's keeper in one process over one folder.

use crate::config::{self, Config};
use crate::engine::LakeEngine;
use crate::place::{Place, write_private};
use crate::{Serve, logs};
use chrono::Utc;
use forebay_api::{App, DemoControl, Issuer, Settings as ApiSettings, TokenKey, Uploads};
use forebay_ingest::vault::StoreVault;
use forebay_ingest::worker::{Propagate, Settings, Worker};
use forebay_lake::Lake;
use forebay_model::{Scope, Time};
use forebay_sources::{Accounts, Gate, Places};
use forebay_store::{Keys, Limits, Store};
use secrecy::ExposeSecret;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpSocket;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How long runs may take to give their claims back when the program ends.
const DRAIN: Duration = Duration::from_secs(8);

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;

/// Serves until Ctrl-C or SIGTERM.
pub async fn command(args: Serve) -> Result<(), String> {
    let mut config = config::read(args.config.as_deref(), std::env::vars())?;
    if let Some(data) = args.data {
        config.server.data = data;
    }
    if let Some(listen) = args.listen {
        config.server.listen = listen;
        config.check()?;
    }
    let running = start(config).await?;
    if let Some(link) = running.link().await {
        tell(&link);
    }
    interrupted().await;
    info!("ending: runs are given back at their last checkpoint");
    running.shutdown().await;
    Ok(())
}

/// Ctrl-C or SIGTERM.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = match signal(SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(e) => {
            warn!(error = %e, "SIGTERM cannot be watched for");
            tokio::signal::ctrl_c().await.ok();
            return;
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// A platform that runs in this process.
pub struct Running {
    address: SocketAddr,
    credentials: PathBuf,
    /// Its database.
    pub store: Store,
    /// Its lake.
    pub lake: Lake,
    public_url: String,
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    _place: Place,
}

impl Running {
    /// Its origin on this machine.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A link that signs the client of the credentials' file in, once. None without such a client: there are other ways in.
    pub async fn link(&self) -> Option<String> {
        let known = std::fs::read(&self.credentials).ok()?;
        let known: serde_json::Value = serde_json::from_slice(&known).ok()?;
        let client = known["clientId"].as_str()?;
        match forebay_api::one_time_link(&self.store, &self.public_url, client, Utc::now()).await {
            Ok(link) => Some(link.url),
            Err(e) => {
                warn!(error = %e, "no link into the UI could be made; sign in with a client's secret");
                None
            }
        }
    }

    /// The file with a client's credentials.
    pub fn credentials(&self) -> PathBuf {
        self.credentials.clone()
    }

    /// Ends it: no new calls, runs are given back.
    pub async fn shutdown(self) {
        self.stop.cancel();
        for task in self.tasks {
            if tokio::time::timeout(DRAIN, task).await.is_err() {
                warn!("a task did not end in time");
            }
        }
    }
}

/// Shows the way into the web UI. Not a line of the log: whoever has the link is the client, and logs are kept.
pub fn tell(link: &str) {
    // Nobody who reads is nobody to be told.
    let _ = writeln!(std::io::stdout(), "UI  {link}  (one-time link, good for 15 minutes)");
}

/// Starts the platform and returns once it listens.
pub async fn start(config: Config) -> Result<Running, String> {
    start_with(config, None).await
}

/// The same, as a demo.
pub async fn start_with(config: Config, demo: Option<Arc<dyn DemoControl>>) -> Result<Running, String> {
    logs::start(&config.log)?;
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new()
        .install_recorder()
        .map_err(|e| format!("metrics cannot be kept: {e}"))?;
    let data = &config.server.data;
    let database = database(&config)?;
    let place = Place::take(data, is_shared(&database))?;
    let keys = Keys::open_or_create(&data.join("key-encryption-key"))
        .map_err(|e| said("the key-encryption key could not be read", e))?;
    let mut tokens = TokenKey::new(&keys.derive("access tokens")[..]);
    let store = Store::open_with(&database, keys, config.database.connections)
        .await
        .map_err(|e| said("the metadata store could not be opened", e))?;
    let forfeited = store
        .forfeit(&place.name, Utc::now())
        .await
        .map_err(|e| said("the claims of the last start could not be ended", e))?;
    if forfeited > 0 {
        info!(forfeited, "the last start ended in mid run; {forfeited} runs go on");
    }
    let lake = Lake::local(&data.join("lake")).map_err(|e| said("the lake could not be opened", e))?;
    let gate = Gate::new(config.egress.allow.clone()).map_err(|e| said("the way out could not be set up", e))?;
    if let Some(issuer) = config.issuer.settings()? {
        info!(issuer = issuer.issuer, "tokens of another issuer are accepted");
        tokens = tokens.accepting(Issuer::new(issuer, gate.clone()));
    }
    let (socket, address) =
        bound(config.server.listen).map_err(|e| format!("{} cannot be listened on: {e}", config.server.listen))?;
    let public_url = match config.server.public_url.trim_end_matches('/') {
        "" => format!("http://{address}"),
        url => url.to_string(),
    };
    let credentials = credentials(&store, data, place.first.then_some(&*public_url)).await?;
    // Only now: who finds somebody listening finds the credentials, too.
    let listener =
        socket.listen(BACKLOG).map_err(|e| format!("{} cannot be listened on: {e}", config.server.listen))?;
    let clock: fn() -> Time = Utc::now;
    let vault = StoreVault { store: store.clone(), clock };
    let places = Places { hubspot: config.hubspot.base_url.clone() };
    let accounts = Accounts::new(gate, Arc::new(vault), places);
    let app = App {
        store: store.clone(),
        engine: Arc::new(LakeEngine {
            lake: lake.clone(),
            started: Utc::now(),
            folder: std::path::absolute(data).unwrap_or_else(|_| data.clone()),
            // What holds secrets shows none when it is printed.
            configuration: format!("{config:#?}"),
        }),
        accounts: accounts.clone(),
        clock: Arc::new(clock),
        random: Arc::new(forebay_api::system_random),
        settings: Arc::new(ApiSettings {
            public_url: public_url.clone(),
            strict: config.server.strict_headers,
            uploads: uploads(&config.upload),
            demo: demo.is_some(),
            lake: lake_folder(data)?,
        }),
        tokens,
        watchers: forebay_api::Watchers::default(),
        metrics: Arc::new(move || metrics.render()),
        pages: Some(Arc::new(crate::pages::Site::new())),
        demo,
    };
    let stop = CancellationToken::new();
    let deliverer =
        forebay_api::Deliverer { store: store.clone(), gate: accounts.gate.clone(), clock: app.clock.clone() };
    let telling = tokio::spawn(deliverer.run(stop.clone().cancelled_owned()));
    let serving = {
        let (app, stop) = (app.clone(), stop.clone());
        tokio::spawn(async move {
            if let Err(e) = forebay_api::serve(listener, forebay_api::router(app), stop.cancelled_owned()).await {
                warn!(error = %e, "the API ended");
            }
        })
    };
    let worker = Worker {
        store: store.clone(),
        lake: lake.clone(),
        accounts,
        settings: Arc::new(settings(&config, &place, public_url.clone())),
        columns: Some(Arc::new(Columns(app.clone()))),
        clock,
    };
    let working = tokio::spawn(worker.run(stop.clone()));
    let keeping = tokio::spawn(crate::keeper::keep(store.clone(), lake.clone(), config.clone(), stop.clone(), clock));
    info!(%address, data = %data.display(), "Forebay listens on http://{address}");
    let tasks = vec![serving, working, keeping, telling];
    Ok(Running { address, credentials, store, lake, public_url, stop, tasks, _place: place })
}

/// Takes an address, on which nobody is listened to yet.
fn bound(listen: SocketAddr) -> std::io::Result<(TcpSocket, SocketAddr)> {
    let socket = if listen.is_ipv6() { TcpSocket::new_v6()? } else { TcpSocket::new_v4()? };
    // As a listener has it: the port of a server that has just ended is free.
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}

/// What a run asks the API for.
struct Columns(App);

#[async_trait::async_trait]
impl Propagate for Columns {
    async fn propagate(
        &self,
        scope: &Scope,
        flow: &str,
    ) -> forebay_model::Result<(Vec<String>, Vec<(String, String)>)> {
        let done = forebay_api::propagate(&self.0, scope, flow).await?;
        Ok((done.taken, done.left))
    }
}

fn uploads(config: &config::Upload) -> Uploads {
    let bytes = |unit: u32, count: u64| count.saturating_mul(1 << unit).min(i64::MAX as u64);
    Uploads {
        request: bytes(20, config.request_mb),
        batch: Limits { files: config.batch_files, bytes: bytes(30, config.batch_gb), pieces: config.file_ranges },
    }
}

fn settings(config: &Config, place: &Place, public_url: String) -> Settings {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    Settings {
        name: place.name.clone(),
        concurrency: config.run.concurrency,
        tasks: if config.run.tasks == 0 { cores } else { config.run.tasks },
        memory: config.run.memory << 20,
        spill: Some(place.spill.clone()),
        file_size: config.lake.file_size << 20,
        attempts: config.run.attempts,
        lease: Duration::from_secs(config.run.lease_seconds.max(1)),
        idle: Duration::from_secs(60 * config.run.idle_minutes.max(1)),
        checkpoint: Duration::from_secs(config.run.checkpoint_seconds),
        overlap: config.run.overlap_hours * 3_600_000,
        tick: Duration::from_millis(config.run.tick_ms.max(10)),
        public_url,
    }
}

/// Where the metadata is: at the configured address, or in the data folder.
pub fn database(config: &Config) -> Result<String, String> {
    match config.database.url.expose_secret() {
        "" => {
            let data = &config.server.data;
            let file = std::path::absolute(data.join("forebay.db"))
                .map_err(|e| format!("{} has no absolute path: {e}", data.display()))?;
            Ok(format!("sqlite://{}", file.display()))
        }
        url => Ok(url.to_string()),
    }
}

/// Where the lake is, for people.
fn lake_folder(data: &Path) -> Result<String, String> {
    let folder = std::path::absolute(data.join("lake"));
    let folder = folder.map_err(|e| format!("{} has no absolute path: {e}", data.display()))?;
    Ok(folder.display().to_string())
}

/// Whether several processes may live in the data folder.
fn is_shared(database: &str) -> bool {
    database.starts_with("postgres")
}

/// On the first start: an organization, a client and the sandbox `prod`, and the file that says so. It has the URL of the
/// folder's first process.
async fn credentials(store: &Store, data: &Path, url: Option<&str>) -> Result<PathBuf, String> {
    let path = data.join("credentials.json");
    let made = forebay_api::bootstrap(store, Utc::now())
        .await
        .map_err(|e| said("the first client could not be created", e))?;
    if let Some(made) = made {
        let text = serde_json::json!({ "url": url, "imsOrgId": made.organization, "clientId": made.client_id,
            "clientSecret": made.client_secret.expose_secret(), "apiKey": made.client_id, "sandbox": made.sandbox });
        let text = serde_json::to_string_pretty(&text).expect("plain JSON");
        write_private(&path, &text).map_err(|e| format!("{} cannot be written: {e}", path.display()))?;
        info!(file = %path.display(), "first start: a client was created; its credentials are in {}", path.display());
    } else if let (Some(url), Ok(text)) = (url, std::fs::read_to_string(&path)) {
        // The port may be another one than last time.
        if let Ok(mut value) = serde_json::from_str::<serde_json::Value>(&text)
            && value["url"] != url
        {
            value["url"] = url.into();
            let text = serde_json::to_string_pretty(&value).expect("plain JSON");
            write_private(&path, &text).map_err(|e| format!("{} cannot be written: {e}", path.display()))?;
        }
    }
    Ok(path)
}

/// An error for a terminal: what failed, why, what to do.
pub fn said(what: &str, error: forebay_model::Error) -> String {
    let mut text = format!("{what}: {}", error.message);
    if let Some(advice) = &error.advice {
        text.push_str(&format!("\n{advice}"));
    }
    let mut below: Option<&dyn std::error::Error> = std::error::Error::source(&error);
    while let Some(cause) = below {
        text.push_str(&format!("\n  because: {cause}"));
        below = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file with the credentials was written after the port was open: who waited for the one missed the other.
    #[tokio::test]
    async fn an_address_is_taken_before_anybody_is_listened_to() {
        let (socket, address) = bound("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
        let _listener = socket.listen(BACKLOG).unwrap();
        assert!(tokio::net::TcpStream::connect(address).await.is_ok());
    }
}
