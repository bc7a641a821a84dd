//! The one way to the server: headers, the token and its cache, retries, and failures read from answers.

use crate::context::{Context, cache_folder, is_loopback, write_private};
use crate::failure::{Exit, Failure, Result, of_answer};
use crate::output::Screen;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Flow Service.
pub const FLOW: &str = "/data/foundation/flowservice";
/// What is offered beyond the public contract.
pub const OWN: &str = "/data/foundation/forebay";
/// The schema registry.
pub const REGISTRY: &str = "/data/foundation/schemaregistry";
/// Catalog.
pub const CATALOG: &str = "/data/foundation/catalog";

/// How often a call is tried.
const TRIES: u32 = 4;
/// No server is waited for longer than this between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// What a secret looks like in what is shown.
const MASK: &str = "********";

/// One call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The query, before it is encoded.
    pub query: Vec<(String, String)>,
    /// Headers beside those that every call has.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Option<Value>,
    /// It only finds out what the command's own call is to say: made even where that is only shown.
    pub lookup: bool,
}

/// `GET`.
pub fn get(path: impl Into<String>) -> Call {
    call(Method::GET, path)
}

/// `POST`.
pub fn post(path: impl Into<String>, body: Value) -> Call {
    Call { body: Some(body), ..call(Method::POST, path) }
}

/// `DELETE`.
pub fn delete(path: impl Into<String>) -> Call {
    call(Method::DELETE, path)
}

/// `PATCH`, of a version.
pub fn patch(path: impl Into<String>, etag: &str, body: Value) -> Call {
    Call { body: Some(body), ..call(Method::PATCH, path) }.header("if-match", etag)
}

/// Any call.
pub fn call(method: Method, path: impl Into<String>) -> Call {
    Call { method, path: path.into(), query: Vec::new(), headers: Vec::new(), body: None, lookup: false }
}

impl Call {
    /// Adds to the query.
    pub fn query(mut self, name: &str, value: impl ToString) -> Call {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// Adds to the query what is there.
    pub fn maybe(self, name: &str, value: Option<impl ToString>) -> Call {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Call {
        self.headers.push((name, value.into()));
        self
    }

    /// It is a look-up.
    pub fn lookup(mut self) -> Call {
        self.lookup = true;
        self
    }

    fn target(&self) -> String {
        if self.query.is_empty() {
            return self.path.clone();
        }
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.query);
        let joint = if self.path.contains('?') { '&' } else { '?' };
        format!("{}{joint}{}", self.path, query.finish())
    }
}

/// An id as a segment of a path.
pub fn segment(id: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
    percent_encoding::utf8_percent_encode(id, KEPT).to_string()
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Its etag.
    pub etag: Option<String>,
    /// The body, if it is JSON.
    pub body: Value,
    /// The body.
    pub text: String,
}

/// How calls are made.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    /// The command's own call is printed for curl.
    pub as_curl: bool,
    /// The command's own call is told and not made, if it changes something.
    pub dry_run: bool,
}

/// A server, and who asks it.
pub struct Client {
    http: reqwest::Client,
    /// Who asks.
    pub context: Context,
    /// Where it is told.
    pub screen: Screen,
    how: How,
    token: Mutex<Option<SecretString>>,
    secrets: Mutex<Vec<SecretString>>,
}

impl Client {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(context: Context, screen: Screen, how: How, timeout: Duration) -> Result<Client> {
        let mut http = reqwest::Client::builder()
            .user_agent(concat!("forebay/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(10))
            .timeout(timeout)
            // Headers with credentials go nowhere but to the server that was named.
            .redirect(reqwest::redirect::Policy::none());
        if url::Url::parse(&context.url).is_ok_and(|url| is_loopback(&url)) {
            http = http.no_proxy();
        }
        let http = http.build().map_err(|e| Failure::new(Exit::Failed, format!("no HTTP client can be made: {e}")))?;
        if !context.is_private() {
            screen.say(&screen.warn(&format!("▲ {} is not encrypted: secrets travel in the open", context.url)));
        }
        let client = Client { http, context, screen, how, token: Mutex::new(None), secrets: Mutex::new(Vec::new()) };
        if let Some(secret) = client.context.secret() {
            client.hide(secret);
        }
        Ok(client)
    }

    /// What is never shown from now on.
    pub fn hide(&self, secret: &str) {
        if secret.len() >= 4
            && let Ok(mut secrets) = self.secrets.lock()
        {
            secrets.push(secret.to_string().into());
        }
    }

    fn masked(&self, text: &str) -> String {
        let mut text = text.to_string();
        for secret in self.secrets.lock().map(|secrets| secrets.clone()).unwrap_or_default() {
            let plain = secret.expose_secret();
            text = text.replace(plain, MASK);
            let quoted = json!(plain).to_string();
            text = text.replace(quoted.trim_matches('"'), MASK);
        }
        text
    }

    /// Makes a call; an answer that is no success is a failure.
    ///
    /// # Errors
    /// What the server refused, or why it could not be asked.
    pub async fn send(&self, call: Call) -> Result<Answer> {
        if !call.lookup && self.how.as_curl {
            self.screen.print(&self.curl(&call))?;
            return Err(Failure::silent(Exit::Ok));
        }
        if !call.lookup && self.how.dry_run && call.method != Method::GET {
            let told =
                json!({ "dryRun": true, "method": call.method.as_str(), "path": call.target(), "body": call.body });
            self.screen.print(&self.masked(&format!("{told:#}")))?;
            self.screen.say("Nothing was changed: this was a dry run.");
            return Err(Failure::silent(Exit::Ok));
        }
        let (response, _) = self.respond(&call).await?;
        let status = response.status();
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_string()
        };
        let (etag, request) = (header("etag"), header("x-request-id"));
        let text = response.text().await.map_err(|e| self.unreachable(&e))?;
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        self.screen.tell(2, &format!("< {}", self.masked(&text)));
        if !status.is_success() {
            let request = (!request.is_empty()).then_some(request.as_str());
            return Err(self.explained(of_answer(status.as_u16(), &body, request), &call, status, &body));
        }
        Ok(Answer { status: status.as_u16(), etag: (!etag.is_empty()).then_some(etag), body, text })
    }

    /// Makes a call, and reads its answer as it comes.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn stream(&self, call: Call) -> Result<reqwest::Response> {
        if self.how.as_curl && !call.lookup {
            self.screen.print(&self.curl(&call))?;
            return Err(Failure::silent(Exit::Ok));
        }
        let (response, request) = self.respond(&call).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
        Err(self.explained(of_answer(status.as_u16(), &body, request.as_deref()), &call, status, &body))
    }

    /// An old server has not what this program asks for; it says so by a body that is not of the resource.
    fn explained(&self, mut failure: Failure, call: &Call, status: StatusCode, body: &Value) -> Failure {
        let own = call.path.starts_with(OWN);
        let nowhere = body["detail"].as_str().is_some_and(|detail| detail.starts_with("There is nothing at the path"));
        if own && status == StatusCode::NOT_FOUND && (nowhere || body.is_null()) {
            failure.exit = Exit::Failed;
            failure.message =
                format!("the server at {} has no {}: it is older than this program", self.context.url, call.path);
            failure.next = Some("forebay doctor".into());
        }
        if status == StatusCode::FORBIDDEN
            && failure.next.is_none()
            && failure.code.as_deref().is_some_and(|c| c.starts_with("FLOW"))
        {
            failure.next = Some("forebay context show, and ask an administrator for the right".into());
        }
        if status.is_redirection() {
            failure.message = format!("{} points elsewhere ({}): name the server itself", self.context.url, status);
            failure.next = Some("forebay login --url URL".into());
        }
        failure
    }

    async fn respond(&self, call: &Call) -> Result<(reqwest::Response, Option<String>)> {
        let mut renewed = false;
        let mut attempt = 1;
        loop {
            let token = self.token().await?;
            let began = Instant::now();
            let sent = self.request(call, &token).send().await;
            let wait = match &sent {
                Ok(response) => {
                    let request = response.headers().get("x-request-id").and_then(|id| id.to_str().ok());
                    self.screen.tell(
                        1,
                        &format!(
                            "> {} {} {} {} ms {}",
                            call.method,
                            self.masked(&call.target()),
                            response.status().as_u16(),
                            began.elapsed().as_millis(),
                            request.unwrap_or_default()
                        ),
                    );
                    if response.status() == StatusCode::UNAUTHORIZED && !renewed && self.context.token.is_none() {
                        renewed = true;
                        self.forget();
                        continue;
                    }
                    patience(response, attempt)
                }
                // Nothing was sent, or nothing that changes anything.
                Err(e) if e.is_connect() || call.method == Method::GET && !e.is_timeout() => {
                    (attempt < 3).then(|| Duration::from_millis(200 * u64::from(attempt)))
                }
                Err(_) => None,
            };
            match wait.filter(|_| attempt < TRIES) {
                Some(wait) => {
                    self.screen.tell(1, &format!("  trying again in {} ms", wait.as_millis()));
                    tokio::time::sleep(wait).await;
                    attempt += 1;
                }
                None => {
                    let response = sent.map_err(|e| self.unreachable(&e))?;
                    let request = response.headers().get("x-request-id").and_then(|id| id.to_str().ok());
                    let request = request.map(str::to_string);
                    return Ok((response, request));
                }
            }
        }
    }

    fn request(&self, call: &Call, token: &SecretString) -> reqwest::RequestBuilder {
        let url = format!("{}{}", self.context.url, call.target());
        let mut request = self.http.request(call.method.clone(), url).bearer_auth(token.expose_secret());
        request = request.header("x-api-key", &self.context.client_id);
        request = request.header("x-gw-ims-org-id", &self.context.organization);
        if !call.headers.iter().any(|(name, _)| *name == "x-sandbox-name") {
            request = request.header("x-sandbox-name", &self.context.sandbox);
        }
        if !call.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("accept")) {
            request = request.header("accept", "application/json");
        }
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        match &call.body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// No server, no name, no answer.
    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut why = String::new();
        let mut next: Option<&dyn std::error::Error> = std::error::Error::source(error);
        while let Some(cause) = next {
            why = cause.to_string();
            next = cause.source();
        }
        if error.is_timeout() {
            return Failure::new(Exit::TimedOut, format!("{} did not answer in time", self.context.url))
                .next("forebay doctor, or the same with --timeout SECONDS");
        }
        let url = &self.context.url;
        let failure = Failure::new(Exit::Failed, format!("no server answers at {url}: {why}"));
        match url::Url::parse(url).is_ok_and(|url| is_loopback(&url)) {
            true => failure.next("forebay serve (it has to run), or forebay demo"),
            false => failure.next("forebay doctor"),
        }
    }

    /// The access token: of the environment, of the cache, or a new one.
    async fn token(&self) -> Result<SecretString> {
        if let Some(token) = &self.context.token {
            self.hide(token.expose_secret());
            return Ok(token.clone());
        }
        if let Some(token) = self.token.lock().ok().and_then(|token| token.clone()) {
            return Ok(token);
        }
        let token = match self.cached() {
            Some(token) => token,
            None => self.sign_in().await?,
        };
        self.hide(token.expose_secret());
        if let Ok(mut held) = self.token.lock() {
            *held = Some(token.clone());
        }
        Ok(token)
    }

    fn forget(&self) {
        if let Ok(mut held) = self.token.lock() {
            *held = None;
        }
        if let Some(file) = self.cache_file() {
            std::fs::remove_file(file).ok();
        }
    }

    fn cache_file(&self) -> Option<std::path::PathBuf> {
        let safe = |text: &str| -> String {
            text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(100).collect()
        };
        let name = format!("{}-{}.json", safe(&self.context.url), safe(&self.context.client_id));
        Some(cache_folder()?.join(name))
    }

    fn cached(&self) -> Option<SecretString> {
        let text = std::fs::read_to_string(self.cache_file()?).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        let fits = value["url"] == self.context.url.as_str()
            && value["clientId"] == self.context.client_id.as_str()
            && value["expiresAt"].as_i64()? > self.screen.now.timestamp_millis() + 60_000;
        fits.then(|| value["token"].as_str().map(|token| token.to_string().into()))?
    }

    async fn sign_in(&self) -> Result<SecretString> {
        let Some(secret) = self.context.secret() else {
            return Err(Failure::new(Exit::Forbidden, "there is neither a token nor a client secret")
                .next("forebay login, or set FOREBAY_CLIENT_SECRET"));
        };
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.context.client_id),
            ("client_secret", secret),
            ("scope", "openid,AdobeID,session"),
        ];
        let url = format!("{}/ims/token/v3", self.context.url);
        let response = self.http.post(url).form(&form).send().await.map_err(|e| self.unreachable(&e))?;
        let status = response.status();
        self.screen.tell(1, &format!("> POST /ims/token/v3 {}", status.as_u16()));
        let body: Value = response.json().await.unwrap_or(Value::Null);
        let Some(token) = body["access_token"].as_str().filter(|_| status.is_success()) else {
            let mut failure = of_answer(status.as_u16(), &body, None);
            failure.message = match status {
                StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST => {
                    failure.exit = Exit::Forbidden;
                    format!(
                        "{} does not know the client {}, or its secret is another",
                        self.context.url, self.context.client_id
                    )
                }
                _ => format!("no token is given: {}", failure.message),
            };
            return Err(failure.next("forebay login"));
        };
        let seconds = body["expires_in"].as_i64().unwrap_or(600);
        if let Some(file) = self.cache_file() {
            let kept = json!({ "url": self.context.url, "clientId": self.context.client_id, "token": token,
                "expiresAt": self.screen.now.timestamp_millis() + seconds * 1000 });
            // A cache that cannot be written costs a call, and no more.
            write_private(&file, &kept.to_string()).ok();
        }
        Ok(token.to_string().into())
    }

    /// A call of somebody who is not signed in yet.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn anonymous(&self, call: Call, body: &Value) -> Result<Value> {
        let url = format!("{}{}", self.context.url, call.target());
        let response = self.http.request(call.method.clone(), url).json(body).send().await;
        let response = response.map_err(|e| self.unreachable(&e))?;
        let status = response.status();
        self.screen.tell(1, &format!("> {} {} {}", call.method, call.path, status.as_u16()));
        let body: Value = response.json().await.unwrap_or(Value::Null);
        match status.is_success() {
            true => Ok(body),
            false => Err(of_answer(status.as_u16(), &body, None)),
        }
    }

    /// Whether the server is well, asked without credentials: its version, and what time it has.
    ///
    /// # Errors
    /// When it does not answer, or says that it is not.
    pub async fn health(&self) -> Result<(Option<String>, Option<String>)> {
        let ask = async |path: &str| {
            let url = format!("{}{path}", self.context.url);
            self.http.get(url).send().await.map_err(|e| self.unreachable(&e))
        };
        let response = ask("/health").await?;
        if !response.status().is_success() {
            return Err(Failure::new(Exit::Failed, format!("the server says {} of its health", response.status())));
        }
        let date = response.headers().get("date").and_then(|date| date.to_str().ok()).map(str::to_string);
        let document: Value = ask("/openapi.json").await?.json().await.unwrap_or(Value::Null);
        Ok((document.pointer("/info/version").and_then(Value::as_str).map(str::to_string), date))
    }

    /// The call as curl makes it. Secrets stay out of it.
    pub fn curl(&self, call: &Call) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
        let mut lines =
            vec![format!("curl -sS -X {} {}", call.method, quoted(&format!("{}{}", self.context.url, call.target())))];
        lines.push("-H \"Authorization: Bearer $FOREBAY_TOKEN\"".into());
        let mut header = |name: &str, value: &str| lines.push(format!("-H {}", quoted(&format!("{name}: {value}"))));
        header("x-api-key", &self.context.client_id);
        header("x-gw-ims-org-id", &self.context.organization);
        header("x-sandbox-name", &self.context.sandbox);
        for (name, value) in &call.headers {
            header(name, value);
        }
        if let Some(body) = &call.body {
            header("Content-Type", "application/json");
            lines.push(format!("--data-raw {}", quoted(&format!("{body:#}"))));
        }
        self.masked(&lines.join(" \\\n  "))
    }

    /// Whether the command's own calls are shown and not made.
    pub fn only_shows(&self) -> bool {
        self.how.as_curl || self.how.dry_run
    }
}

/// How long to wait before the next try, if the answer asks for one.
fn patience(response: &reqwest::Response, attempt: u32) -> Option<Duration> {
    let told = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
    let wait = match response.status() {
        StatusCode::TOO_MANY_REQUESTS => told.map_or(Duration::from_secs(1 << attempt.min(4)), Duration::from_secs),
        // Without the header nobody says that nothing has happened.
        StatusCode::SERVICE_UNAVAILABLE => Duration::from_secs(told?),
        _ => return None,
    };
    (wait <= LONGEST_WAIT).then_some(wait)
}
