//! The demo's switches: S3 behind a proxy that can refuse or wait, an account of HubSpot whose tokens can expire, the
//! connections to both, and everything back as it was at first.

use super::client::{Answer, Client, text};
use super::recipes;
use crate::{keeper, playground, serve};
use async_trait::async_trait;
use chrono::Utc;
use forebay_api::{Demo, DemoControl, DemoFault};
use forebay_lake::Lake;
use forebay_model::{Error, Kind, Result, code};
use forebay_playground::fault::{Fault, Proxy, Script};
use forebay_playground::hubspot::{self, Action, Rule};
use forebay_playground::sample;
use forebay_store::Store;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

pub const S3: &str = "ecadc60c-7455-4d87-84dc-2a0e293d997b";
pub const HUBSPOT: &str = "cc6a4487-9e91-433e-a3a3-9cf6626c1806";
/// What the connections are called.
pub const S3_NAME: &str = "Demo S3";
pub const HUBSPOT_NAME: &str = "Demo HubSpot";
/// Marks a folder as a demo's, and keeps the port that its connection to S3 names.
pub const MARK: &str = "demo.json";
const CONNECTIONS: &str = "/data/foundation/flowservice/connections";
/// Contacts of the simulated account.
const CONTACTS: u64 = 1_000;
/// How long a slow S3 takes for each answer.
const SLOW: Duration = Duration::from_secs(3);
/// What is in a sandbox is gone much sooner.
const PATIENCE: Duration = Duration::from_secs(20);

/// The simulated systems, and the way to the platform once it runs.
pub struct Control {
    s3: forebay_playground::Running,
    proxy: Proxy,
    account: hubspot::Running,
    fault: Arc<Mutex<Option<DemoFault>>>,
    open: OnceLock<Open>,
    /// One reset at a time.
    resetting: tokio::sync::Mutex<()>,
}

struct Open {
    store: Store,
    lake: Lake,
    sandbox: String,
    client: tokio::sync::Mutex<Client>,
}

impl Control {
    /// Starts S3 and HubSpot over a folder.
    pub async fn start(data: &Path) -> std::result::Result<Control, String> {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let s3 = playground::start(&data.join("playground"), any).await?;
        let account =
            playground::start_hubspot(hubspot::Config { listen: any, ..playground::living(CONTACTS) }).await?;
        let fault = Arc::new(Mutex::new(None));
        let proxy = proxy(&data.join(MARK), s3.addr, script(fault.clone())).await?;
        Ok(Control { s3, proxy, account, fault, open: OnceLock::new(), resetting: tokio::sync::Mutex::new(()) })
    }

    /// Lets it work on the platform.
    pub fn open(&self, platform: &serve::Running) -> std::result::Result<(), String> {
        let client = Client::new(&platform.url(), &platform.credentials())?;
        let sandbox = client.sandbox();
        let client = tokio::sync::Mutex::new(client);
        let open = Open { store: platform.store.clone(), lake: platform.lake.clone(), sandbox, client };
        self.open.set(open).map_err(|_| "the demo is open already".to_string())
    }

    /// Where S3 is for connections.
    pub fn s3_url(&self) -> String {
        self.proxy.url()
    }

    /// Where HubSpot is.
    pub fn hubspot_url(&self) -> String {
        self.account.url()
    }

    /// What a connection to S3 needs.
    pub fn about_s3(&self) -> Value {
        let mut about = playground::about(&self.s3);
        about["endpoint"] = json!(self.s3_url());
        about
    }

    /// What a connection to HubSpot needs.
    pub fn about_hubspot(&self) -> Value {
        playground::about_hubspot(&self.account)
    }

    /// Makes the connections that are missing, and tells their names. One that is there follows S3 to another port.
    pub async fn connections(&self) -> Result<Vec<String>> {
        let mut made = Vec::new();
        let (s3, account) = (self.about_s3(), self.about_hubspot());
        match self.find(S3_NAME, S3).await? {
            None => {
                let params = json!({ "s3AccessKey": s3["accessKeyId"], "s3SecretKey": s3["secretAccessKey"],
                    "serviceUrl": s3["endpoint"], "bucketName": s3["bucket"] });
                self.connect(S3_NAME, "A small S3 server on this machine", S3, "Access Key", params).await?;
                made.push(S3_NAME.to_string());
            }
            Some(found) if found["auth"]["params"]["serviceUrl"] != s3["endpoint"] => {
                let patch = json!([{ "op": "replace", "path": "/auth/params/serviceUrl", "value": s3["endpoint"] }]);
                let path = format!("{CONNECTIONS}/{}", text(&found, "/id"));
                self.call(Method::PATCH, &path, Some(patch), &text(&found, "/etag")).await?;
            }
            Some(_) => {}
        }
        if self.find(HUBSPOT_NAME, HUBSPOT).await?.is_none() {
            let params = json!({ "clientId": account["clientId"], "clientSecret": account["clientSecret"],
                "accessToken": account["accessToken"], "refreshToken": account["refreshToken"] });
            let about = "A simulated HubSpot account on this machine";
            self.connect(HUBSPOT_NAME, about, HUBSPOT, "Basic Authentication", params).await?;
            made.push(HUBSPOT_NAME.to_string());
        }
        Ok(made)
    }

    /// Which of the recipes' flows are there.
    pub async fn flows(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for name in recipes::FLOWS {
            let path = format!("/data/foundation/flowservice/flows?property=name==\"{name}\"&count=true");
            if self.call(Method::GET, &path, None, "").await?["count"].as_u64() > Some(0) {
                found.push(name.to_string());
            }
        }
        Ok(found)
    }

    async fn connect(&self, name: &str, about: &str, spec: &str, auth: &str, params: Value) -> Result<()> {
        let body = json!({ "name": name, "description": about, "auth": { "specName": auth, "params": params },
            "connectionSpec": { "id": spec, "version": "1.0" } });
        self.call(Method::POST, CONNECTIONS, Some(body), "").await.map(|_| ())
    }

    /// The oldest connection of a name.
    async fn find(&self, name: &str, spec: &str) -> Result<Option<Value>> {
        let path = format!(
            "{CONNECTIONS}?property=name==\"{name}\"&property=connectionSpec.id==\"{spec}\"&orderby=createdAt&limit=1"
        );
        Ok(self.call(Method::GET, &path, None, "").await?["items"].get(0).cloned())
    }

    fn opened(&self) -> Result<&Open> {
        self.open.get().ok_or_else(|| conflict("the demo is still starting"))
    }

    /// One call of the platform; signs in where it must.
    async fn call(&self, method: Method, path: &str, body: Option<Value>, etag: &str) -> Result<Value> {
        let mut client = self.opened()?.client.lock().await;
        let mut answer = once(&client, &method, path, &body, etag).await?;
        if matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let signed = client.sign_in().await.map_err(unanswered)?;
            if !signed.status.is_success() {
                return Err(conflict("the demo's own client was refused").advice(
                    "Its secret in credentials.json is not valid any more; `forebay demo reset` begins anew.",
                ));
            }
            answer = once(&client, &method, path, &body, etag).await?;
        }
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        let told = ["/errorDetails", "/detail", "/message"].map(|member| text(&answer.body, member));
        let told = told.into_iter().find(|text| !text.is_empty()).unwrap_or_default();
        Err(conflict(format!("{method} {path} was answered {}: {told}", answer.status.as_u16())))
    }

    /// Empties the sandbox and waits until it can be used.
    async fn empty(&self) -> Result<()> {
        let open = self.opened()?;
        let path = format!("/data/foundation/sandbox-management/sandboxes/{}", open.sandbox);
        self.call(Method::PUT, &path, Some(json!({ "action": "reset" })), "").await?;
        let began = Instant::now();
        loop {
            // The keeper would do the same, in its own time.
            keeper::clean(&open.store, &open.lake).await?;
            open.store.settle_sandboxes(Utc::now()).await?;
            if self.call(Method::GET, &path, None, "").await?["state"] == json!("active") {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(conflict("the sandbox is still being emptied").advice("Try again in a moment."));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The simulated systems as they were at first.
    async fn restore(&self) -> Result<()> {
        let (folder, sim) = (self.s3.folder().clone(), self.account.sim().clone());
        let done = tokio::task::spawn_blocking(move || {
            sim.reset();
            sample::restore(&folder, playground::SEED, Utc::now())
        });
        let done = done.await.map_err(|e| Error::internal("the sample data could not be restored").caused_by(e))?;
        done.map_err(|e| conflict(format!("the sample data could not be restored: {e:?}")))
    }
}

#[async_trait]
impl DemoControl for Control {
    async fn shown(&self) -> Result<Demo> {
        let stats = self.call(Method::GET, "/data/foundation/schemaregistry/stats", None, "").await?;
        let tenant = text(&stats, "/tenantId");
        let (s3, hubspot) = (self.find(S3_NAME, S3).await?, self.find(HUBSPOT_NAME, HUBSPOT).await?);
        let id = |found: Value| text(&found, "/id");
        let recipes = [
            s3.map(|found| recipes::s3(id(found), tenant.trim_start_matches('_'))),
            hubspot.map(|found| recipes::hubspot(id(found), tenant.trim_start_matches('_'))),
        ];
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Demo { active: true, recipes: recipes.into_iter().flatten().collect(), fault })
    }

    async fn switch(&self, fault: Option<DemoFault>) -> Result<()> {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        let sim = self.account.sim();
        sim.clear_faults();
        if fault == Some(DemoFault::HubspotExpired) {
            let body = json!({ "status": "BAD_REFRESH_TOKEN", "error": "invalid_grant",
                "message": "refresh token is invalid, expired or revoked" });
            let refused = Action::Answer { status: 400, headers: Vec::new(), body: body.to_string() };
            sim.fault(Rule::new(refused).call("token"));
            sim.fault(Rule::new(Action::ExpireTokens));
        }
        Ok(())
    }

    async fn reset(&self) -> Result<()> {
        let _one = self.resetting.lock().await;
        self.switch(None).await?;
        // Nothing may read the systems while they change.
        self.empty().await?;
        self.restore().await?;
        self.connections().await.map(|_| ())
    }

    fn sandbox(&self) -> String {
        self.open.get().map(|open| open.sandbox.clone()).unwrap_or_default()
    }
}

async fn once(client: &Client, method: &Method, path: &str, body: &Option<Value>, etag: &str) -> Result<Answer> {
    let mut request = client.request(method.clone(), path);
    if !etag.is_empty() {
        request = request.header("if-match", etag);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    Client::receive(request).await.map_err(unanswered)
}

fn conflict(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(Kind::Conflict, &code::HTTP_409, message)
}

fn unanswered(told: String) -> Error {
    conflict("the platform did not answer the demo").caused_by(told)
}

/// What the proxy before S3 does, by the fault that is on.
fn script(fault: Arc<Mutex<Option<DemoFault>>>) -> Script {
    Arc::new(move |_| match *fault.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(DemoFault::S3Denied) => Fault::Answer {
            status: 403,
            headers: vec![("content-type".into(), "application/xml".into())],
            body: "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
                .into(),
        },
        Some(DemoFault::S3Slow) => Fault::Delay(SLOW),
        _ => Fault::Pass,
    })
}

/// The proxy, on the port that it had the last time if that is free, so that connections go on working.
async fn proxy(mark: &Path, s3: SocketAddr, script: Script) -> std::result::Result<Proxy, String> {
    let known = std::fs::read_to_string(mark).ok().and_then(|text| serde_json::from_str::<Value>(&text).ok());
    let port = known.and_then(|known| u16::try_from(known["s3Port"].as_u64()?).ok()).unwrap_or(0);
    let listen = |port| SocketAddr::from(([127, 0, 0, 1], port));
    let started = match Proxy::start_at(listen(port), s3, script.clone()).await {
        Ok(proxy) => Ok(proxy),
        Err(_) => Proxy::start_at(listen(0), s3, script).await,
    };
    let proxy = started.map_err(|e| format!("no port for the demo's S3 is free: {e}"))?;
    let text = json!({ "s3Port": proxy.addr.port() }).to_string();
    std::fs::write(mark, text).map_err(|e| format!("{} cannot be written: {e}", mark.display()))?;
    Ok(proxy)
}
