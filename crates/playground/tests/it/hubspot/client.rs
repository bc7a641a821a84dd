//! The plainest client there is: one connection a request, no retry, no cleverness.

use bytes::Bytes;
use forebay_playground::hubspot::{Config, Hubspot, Running};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

/// An account with a client for it.
pub struct Here {
    pub running: Running,
    pub token: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|e| panic!("{e} in {}: {}", self.status, String::from_utf8_lossy(&self.bytes)))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

pub async fn here(config: Config) -> Here {
    let running = Hubspot::start(config).await.unwrap();
    let token = running.account().private_app_token;
    Here { running, token }
}

impl Here {
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, String> {
        let stream = TcpStream::connect(self.running.addr).await.map_err(|e| e.to_string())?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| e.to_string())?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request).await.map_err(|e| e.to_string())?;
        let (parts, body) = answer.into_parts();
        let bytes = body.collect().await.map_err(|e| e.to_string())?.to_bytes();
        connection.abort();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, bytes })
    }

    fn request(&self, method: &str, target: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(target)
            .header("host", self.running.addr.to_string())
            .header("authorization", format!("Bearer {}", self.token))
    }

    pub async fn get(&self, target: &str) -> Answer {
        self.send(self.request("GET", target).body(Full::default()).unwrap()).await.unwrap()
    }

    pub async fn get_with(&self, target: &str, name: &str, value: &str) -> Answer {
        let request = self.request("GET", target).header(name, value);
        self.send(request.body(Full::default()).unwrap()).await.unwrap()
    }

    pub async fn try_get(&self, target: &str) -> Result<Answer, String> {
        self.send(self.request("GET", target).body(Full::default()).unwrap()).await
    }

    pub async fn call(&self, method: &str, target: &str, body: Value) -> Answer {
        let request = self.request(method, target).header("content-type", "application/json");
        self.send(request.body(Full::new(body.to_string().into())).unwrap()).await.unwrap()
    }

    pub async fn post(&self, target: &str, body: Value) -> Answer {
        self.call("POST", target, body).await
    }

    pub async fn form(&self, target: &str, body: &str) -> Answer {
        let request = Request::builder()
            .method("POST")
            .uri(target)
            .header("host", self.running.addr.to_string())
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Full::new(body.to_string().into())).unwrap()).await.unwrap()
    }

    /// Every record of a list.
    pub async fn walk(&self, path: &str, query: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.get(&format!("{path}?limit=100&{query}{after}")).await;
            assert_eq!(page.status, 200, "{}", String::from_utf8_lossy(&page.bytes));
            let page = page.json();
            all.extend(page["results"].as_array().unwrap().clone());
            match page["paging"]["next"]["after"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }
}

/// The ids of records.
pub fn ids(records: &[Value]) -> Vec<u64> {
    records.iter().map(|record| record["id"].as_str().unwrap().parse().unwrap()).collect()
}
