//! `forebay playground`: the local S3 endpoint and the simulated HubSpot account alone.

use crate::Playground;
use forebay_playground::{hubspot, orders, sample};

/// The sample data is the same on every machine.
pub const SEED: u64 = 1;

/// Starts it, prints one JSON line on standard output, and serves until Ctrl-C.
pub async fn command(args: Playground) -> Result<(), String> {
    let temporary;
    let dir = match args.data {
        Some(dir) => dir,
        None => {
            temporary = Temporary::new()?;
            temporary.0.clone()
        }
    };
    let running = start(&dir, args.s3).await?;
    let mut told = serde_json::json!({ "s3": about(&running) });
    let account = match args.hubspot {
        Some(listen) => {
            let config = hubspot::Config {
                listen,
                control: args.hubspot_control,
                seed: args.seed,
                limits: if args.hubspot_limits { hubspot::Limits::professional() } else { hubspot::Limits::default() },
                ..living(args.contacts)
            };
            let account = start_hubspot(config).await?;
            told["hubspot"] = about_hubspot(&account);
            Some(account)
        }
        None => None,
    };
    println!("{told}");
    crate::serve::interrupted().await;
    running.shutdown().await;
    drop(account);
    Ok(())
}

/// An account with so many contacts whose clock goes as ours does.
pub fn living(contacts: u64) -> hubspot::Config {
    let start_ms = chrono::Utc::now().timestamp_millis();
    let clock = hubspot::Clock { start_ms, factor: 1.0, ..hubspot::Clock::default() };
    hubspot::Config { clock, ..hubspot::Config::with_contacts(contacts) }
}

/// Starts the account.
pub async fn start_hubspot(config: hubspot::Config) -> Result<hubspot::Running, String> {
    let listen = config.listen;
    let started = hubspot::Hubspot::start(config).await;
    started.map_err(|e| format!("the HubSpot account could not be started on {listen}: {e}"))
}

/// What scripts need to reach the account.
pub fn about_hubspot(running: &hubspot::Running) -> serde_json::Value {
    let account = running.account();
    serde_json::json!({ "endpoint": running.url(), "control": running.control.map(|at| format!("http://{at}")),
        "clientId": account.client_id, "clientSecret": account.client_secret, "accessToken": account.access_token,
        "refreshToken": account.refresh_token, "privateAppToken": account.private_app_token, "portalId": account.portal_id })
}

/// Starts the endpoint over `dir` and fills it with sample data.
pub async fn start(dir: &std::path::Path, listen: std::net::SocketAddr) -> Result<forebay_playground::Running, String> {
    let config = forebay_playground::PlaygroundConfig { listen, ..forebay_playground::PlaygroundConfig::new(dir) };
    let running = forebay_playground::Playground::start(config)
        .await
        .map_err(|e| format!("the S3 endpoint could not be started on {listen}: {e}"))?;
    let folder = running.folder().clone();
    let loaded = tokio::task::spawn_blocking(move || {
        sample::load(&folder, SEED, chrono::Utc::now())?;
        orders::load(&folder, SEED, chrono::Utc::now(), false)
    });
    let loaded = loaded.await.map_err(|e| format!("the sample data could not be written: {e}"))?;
    loaded.map_err(|e| format!("the sample data could not be written: {e:?}"))?;
    Ok(running)
}

/// What scripts need to reach it.
pub fn about(running: &forebay_playground::Running) -> serde_json::Value {
    serde_json::json!({ "endpoint": running.url(), "accessKeyId": running.access_key, "secretAccessKey": running.secret_key,
        "region": "us-east-1", "bucket": sample::BUCKET })
}

/// A folder that goes when the playground does.
struct Temporary(std::path::PathBuf);

impl Temporary {
    fn new() -> Result<Temporary, String> {
        let dir = std::env::temp_dir().join(format!("forebay-playground-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(&dir).map_err(|e| format!("{} could not be made: {e}", dir.display()))?;
        Ok(Temporary(dir))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_dir_all(&self.0) {
            eprintln!("forebay: {} could not be removed: {e}", self.0.display());
        }
    }
}
