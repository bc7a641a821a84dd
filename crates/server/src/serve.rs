//! `forebay serve`: API, scheduler, workers and the lake's keeper in one process over one folder.

use crate::config::{self, Config};
use crate::engine::LakeEngine;
use crate::keeper::Kept;
use crate::{Serve, logs};
use chrono::Utc;
use forebay_api::{App, Issuer, Settings as ApiSettings, TokenKey};
use forebay_ingest::vault::StoreVault;
use forebay_ingest::worker::{Settings, Worker};
use forebay_lake::Lake;
use forebay_model::Time;
use forebay_sources::{Accounts, Gate, Places};
use forebay_store::{Keys, Store};
use secrecy::ExposeSecret;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// This process's worker. The folder's lock lets only one live, so a claim under this name from before this start is
/// that of a process that is gone.
const WORKER: &str = "embedded";
/// How long runs may take to give their claims back when the program ends.
const DRAIN: Duration = Duration::from_secs(8);

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
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    // Held while this process owns the folder.
    _lock: File,
}

impl Running {
    /// Its origin on this machine.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
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

/// Starts the platform and returns once it listens.
pub async fn start(config: Config) -> Result<Running, String> {
    logs::start(&config.log)?;
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new()
        .install_recorder()
        .map_err(|e| format!("metrics cannot be kept: {e}"))?;
    let data = &config.server.data;
    private_folder(data)?;
    let lock = lock(data)?;
    let keys = Keys::open_or_create(&data.join("key-encryption-key"))
        .map_err(|e| said("the key-encryption key could not be read", e))?;
    let mut tokens = TokenKey::new(&keys.derive("access tokens")[..]);
    let store = open_store(data, keys).await?;
    let forfeited = store
        .forfeit(WORKER, Utc::now())
        .await
        .map_err(|e| said("the claims of the last start could not be ended", e))?;
    if forfeited > 0 {
        info!(forfeited, "the last start ended in mid run; {forfeited} runs go on");
    }
    // What a process that was killed had put aside is nobody's; the folder's lock says that it is gone.
    let spill = data.join("spill");
    if spill.is_dir() {
        std::fs::remove_dir_all(&spill).map_err(|e| format!("{} cannot be emptied: {e}", spill.display()))?;
    }
    private_folder(&spill)?;
    let lake = Lake::local(&data.join("lake")).map_err(|e| said("the lake could not be opened", e))?;
    let gate = Gate::new(config.egress.allow.clone()).map_err(|e| said("the way out could not be set up", e))?;
    if let Some(issuer) = config.issuer.settings()? {
        info!(issuer = issuer.issuer, "tokens of another issuer are accepted");
        tokens = tokens.accepting(Issuer::new(issuer, gate.clone()));
    }
    let listener = tokio::net::TcpListener::bind(config.server.listen)
        .await
        .map_err(|e| format!("{} cannot be listened on: {e}", config.server.listen))?;
    let address = listener.local_addr().map_err(|e| format!("the listener has no address: {e}"))?;
    let public_url = match config.server.public_url.trim_end_matches('/') {
        "" => format!("http://{address}"),
        url => url.to_string(),
    };
    let credentials = credentials(&store, data, &public_url).await?;
    let clock: fn() -> Time = Utc::now;
    let vault = StoreVault { store: store.clone(), clock };
    let places = Places { hubspot: config.hubspot.base_url.clone() };
    let accounts = Accounts::new(gate, Arc::new(vault), places);
    let app = App {
        store: store.clone(),
        engine: Arc::new(LakeEngine { lake: lake.clone() }),
        accounts: accounts.clone(),
        clock: Arc::new(clock),
        random: Arc::new(forebay_api::system_random),
        settings: Arc::new(ApiSettings { public_url: public_url.clone(), strict: config.server.strict_headers }),
        tokens,
        metrics: Arc::new(move || metrics.render()),
    };
    let stop = CancellationToken::new();
    let serving = {
        let stop = stop.clone();
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
        settings: Arc::new(settings(&config, public_url)),
        clock,
    };
    let working = tokio::spawn(worker.run(stop.clone()));
    let keeping = tokio::spawn(crate::keeper::keep(store, lake, Kept::of(&config), stop.clone(), clock));
    info!(%address, data = %data.display(), "Forebay listens on http://{address}");
    Ok(Running { address, credentials, stop, tasks: vec![serving, working, keeping], _lock: lock })
}

fn settings(config: &Config, public_url: String) -> Settings {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    Settings {
        name: WORKER.to_string(),
        concurrency: config.run.concurrency,
        tasks: if config.run.tasks == 0 { cores } else { config.run.tasks },
        memory: config.run.memory << 20,
        spill: Some(config.server.data.join("spill")),
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

/// A folder that only its owner can read.
fn private_folder(data: &Path) -> Result<(), String> {
    use std::os::unix::fs::DirBuilderExt;
    if data.is_dir() {
        return Ok(());
    }
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.map_err(|e| format!("the folder {} cannot be made: {e}", data.display()))
}

/// One process per folder: SQLite and the local lake are this process's alone.
fn lock(data: &Path) -> Result<File, String> {
    let path = data.join("forebay.lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|e| format!("{} cannot be opened: {e}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => {
            Err(format!("another Forebay runs over {}; end it or name another folder with --data", data.display()))
        }
        Err(std::fs::TryLockError::Error(e)) => Err(format!("{} cannot be locked: {e}", path.display())),
    }
}

async fn open_store(data: &Path, keys: Keys) -> Result<Store, String> {
    let file = std::path::absolute(data.join("forebay.db"))
        .map_err(|e| format!("{} has no absolute path: {e}", data.display()))?;
    let url = format!("sqlite://{}", file.display());
    Store::open(&url, keys).await.map_err(|e| said("the metadata store could not be opened", e))
}

/// On the first start: an organization, a client and the sandbox `prod`, and the file that says so.
async fn credentials(store: &Store, data: &Path, url: &str) -> Result<PathBuf, String> {
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
    } else if let Ok(text) = std::fs::read_to_string(&path) {
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

/// Writes a file of mode 0600, whole or not at all.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

/// An error for a terminal: what failed, why, what to do.
fn said(what: &str, error: forebay_model::Error) -> String {
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
