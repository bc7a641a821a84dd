//! A client of the platform that runs in this process: what the demo does, it does by the public API.

use reqwest::{Method, StatusCode};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

/// The first client, with its token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    url: String,
    credentials: Value,
    token: String,
}

/// One answer.
pub struct Answer {
    pub status: StatusCode,
    pub etag: Option<String>,
    pub body: Value,
}

impl Client {
    /// Not signed in yet.
    pub fn new(url: &str, credentials: &Path) -> Result<Client, String> {
        let text = std::fs::read_to_string(credentials)
            .map_err(|e| format!("{} could not be read: {e}", credentials.display()))?;
        let credentials =
            serde_json::from_str(&text).map_err(|e| format!("{} is not JSON: {e}", credentials.display()))?;
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
        let http = http.map_err(|e| e.to_string())?;
        Ok(Client { http, url: url.to_string(), credentials, token: String::new() })
    }

    /// Gets a token, which it keeps; the answer is for those who show it.
    pub async fn sign_in(&mut self) -> Result<Answer, String> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &text(&self.credentials, "/clientId")),
            ("client_secret", &text(&self.credentials, "/clientSecret")),
            ("scope", "openid,session,AdobeID,read_organizations"),
        ];
        let answer = Client::receive(self.http.post(format!("{}/ims/token/v3", self.url)).form(&form)).await?;
        self.token = text(&answer.body, "/access_token");
        Ok(answer)
    }

    /// The sandbox that it works in.
    pub fn sandbox(&self) -> String {
        text(&self.credentials, "/sandbox")
    }

    /// A request with all headers.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        [("x-api-key", "/apiKey"), ("x-gw-ims-org-id", "/imsOrgId"), ("x-sandbox-name", "/sandbox")]
            .iter()
            .fold(request, |request, (header, member)| request.header(*header, text(&self.credentials, member)))
    }

    /// Sends a request, and reads the answer whatever its status.
    pub async fn receive(request: reqwest::RequestBuilder) -> Result<Answer, String> {
        let response = request.send().await.map_err(|e| format!("the platform did not answer: {e}"))?;
        let status = response.status();
        let etag = response.headers().get("etag").and_then(|v| v.to_str().ok()).map(str::to_string);
        let bytes = response.bytes().await.map_err(|e| format!("the answer broke off: {e}"))?;
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Answer { status, etag, body })
    }
}

/// A text inside a value; empty where there is none.
pub fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_string()
}
