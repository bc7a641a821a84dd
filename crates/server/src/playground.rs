//! `forebay playground`: the local S3 endpoint, and a simulated HubSpot account if asked, without the platform.

use crate::Playground;

/// The sample data is the same on every machine.
const SEED: u64 = 1;

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
    let hubspot = match args.hubspot {
        Some(listen) => Some(hubspot(listen, args.hubspot_control, args.seed, args.contacts).await?),
        None => None,
    };
    let mut line = serde_json::json!({ "s3": about(&running) });
    if let Some(hubspot) = &hubspot {
        line["hubspot"] = about_hubspot(hubspot);
    }
    println!("{line}");
    crate::serve::interrupted().await;
    drop(hubspot);
    running.shutdown().await;
    Ok(())
}

/// Starts the endpoint over `dir` and fills it with sample data.
pub async fn start(dir: &std::path::Path, listen: std::net::SocketAddr) -> Result<forebay_playground::Running, String> {
    let config = forebay_playground::PlaygroundConfig { listen, ..forebay_playground::PlaygroundConfig::new(dir) };
    let running = forebay_playground::Playground::start(config)
        .await
        .map_err(|e| format!("the S3 endpoint could not be started on {listen}: {e}"))?;
    let folder = running.folder().clone();
    let loaded =
        tokio::task::spawn_blocking(move || forebay_playground::sample::load(&folder, SEED, chrono::Utc::now())).await;
    let loaded = loaded.map_err(|e| format!("the sample data could not be written: {e}"))?;
    loaded.map_err(|e| format!("the sample data could not be written: {e:?}"))?;
    Ok(running)
}

/// Starts a HubSpot account whose clock goes as ours does.
async fn hubspot(
    listen: std::net::SocketAddr,
    control: Option<std::net::SocketAddr>,
    seed: u64,
    contacts: u64,
) -> Result<forebay_playground::hubspot::Running, String> {
    use forebay_playground::hubspot::{Clock, Config, Hubspot, Limits, Profile, Volumes};
    // Everything else grows with the contacts, as in the profiles.
    let volumes = Volumes {
        contacts,
        companies: contacts / 5,
        deals: contacts * 3 / 10,
        tickets: contacts / 10,
        activities: contacts * 2,
        custom: contacts / 5,
        properties: 300,
    };
    let config = Config {
        listen,
        control,
        seed,
        profile: Profile::Custom(volumes),
        limits: Limits::professional(),
        clock: Clock { factor: 1.0, ..Clock::default() },
        ..Config::default()
    };
    Hubspot::start(config).await.map_err(|e| format!("the HubSpot account could not be served on {listen}: {e}"))
}

/// What scripts need to reach the account.
fn about_hubspot(running: &forebay_playground::hubspot::Running) -> serde_json::Value {
    let account = running.account();
    serde_json::json!({ "endpoint": running.url(), "control": running.control.map(|at| format!("http://{at}/__sim")),
        "clientId": account.client_id, "clientSecret": account.client_secret, "accessToken": account.access_token,
        "refreshToken": account.refresh_token, "privateAppToken": account.private_app_token,
        "portalId": account.portal_id })
}

/// What scripts need to reach it.
pub fn about(running: &forebay_playground::Running) -> serde_json::Value {
    serde_json::json!({ "endpoint": running.url(), "accessKeyId": running.access_key, "secretAccessKey": running.secret_key,
        "region": "us-east-1", "bucket": forebay_playground::sample::BUCKET })
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
