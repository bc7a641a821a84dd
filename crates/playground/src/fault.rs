//! A proxy that stands between a client and the endpoint and misbehaves by a script.
//!
//! It understands HTTP: each request is shown to the script, which says what becomes of it. The `Host` header is
//! passed on as the client signed it. What it was asked is kept, so that tests can count.

use crate::Random;
use bytes::Bytes;
use futures::stream;
use futures::{Stream, StreamExt};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// Requests that are kept: the demo's proxy may live for days.
const KEPT: usize = 100_000;

/// A request, as the script sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its number, from 0.
    pub number: u64,
    /// The method.
    pub method: String,
    /// Path and query as they were sent.
    pub target: String,
    /// The `Range` header.
    pub range: Option<String>,
    /// The `If-Match` header.
    pub if_match: Option<String>,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It is answered.
    Pass,
    /// It is answered later.
    Delay(Duration),
    /// The connection ends before an answer.
    Drop,
    /// The answer's body ends after so many bytes, with the connection, whatever its length was said to be.
    Cut(u64),
    /// The answer's body ends after so many bytes, as if that had been all of it.
    Short(u64),
    /// The body stops after so many bytes, and the connection stays.
    Stall(u64),
    /// Another answer, and the endpoint is not asked.
    Answer {
        /// Status.
        status: u16,
        /// Headers.
        headers: Vec<(String, String)>,
        /// Body.
        body: String,
    },
    /// The endpoint's answer with one text replaced by another in its body.
    Rewrite {
        /// What is replaced.
        from: String,
        /// By what.
        to: String,
    },
}

impl Fault {
    /// An error of S3.
    pub fn error(status: u16, code: &str) -> Fault {
        let body =
            format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>By the script.</Message></Error>");
        Fault::Answer { status, headers: vec![("content-type".into(), "application/xml".into())], body }
    }
}

/// What is asked for each request.
pub type Script = Arc<dyn Fn(&Seen) -> Fault + Send + Sync>;

/// A script that lets `percent` of 100 requests fail, in every way that may pass with the next attempt. The same seed
/// fails the same numbers in the same ways.
pub fn seeded(seed: u64, percent: u64) -> Script {
    Arc::new(move |seen| {
        let mut random = Random::new(seed ^ (seen.number + 1).wrapping_mul(0x2545_f491_4f6c_dd1d));
        if !random.chance(percent) {
            return Fault::Pass;
        }
        match random.below(7) {
            0 => Fault::error(503, "SlowDown"),
            1 => Fault::error(500, "InternalError"),
            2 => Fault::Answer { status: 502, headers: Vec::new(), body: "<html>Bad gateway</html>".into() },
            3 => Fault::Drop,
            4 => Fault::Cut(0),
            5 => Fault::Cut(random.below(4096)),
            _ => Fault::Delay(Duration::from_millis(random.below(20))),
        }
    })
}

/// A running proxy. Dropping it stops it.
pub struct Proxy {
    /// Where it listens.
    pub addr: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Starts between a free port of loopback and `upstream`.
    pub async fn start(upstream: SocketAddr, script: Script) -> io::Result<Proxy> {
        Proxy::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), upstream, script).await
    }

    /// Starts on an address of its own.
    pub async fn start_at(listen: SocketAddr, upstream: SocketAddr, script: Script) -> io::Result<Proxy> {
        let listener = TcpListener::bind(listen).await?;
        let addr = listener.local_addr()?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stage = Arc::new(Stage { upstream, script, seen: seen.clone(), asked: AtomicU64::new(0) });
        Ok(Proxy { addr, seen, task: tokio::spawn(serve(listener, stage)) })
    }

    /// The URL to give to the client.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Everything it was asked so far, the first 100,000 requests at most.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Stage {
    upstream: SocketAddr,
    script: Script,
    seen: Arc<Mutex<Vec<Seen>>>,
    asked: AtomicU64,
}

type Answer = Response<BoxBody<Bytes, io::Error>>;

async fn serve(listener: TcpListener, stage: Arc<Stage>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let stage = stage.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| answer(stage.clone(), request));
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            // A connection that ends badly is what this is for.
            let _ = connection.await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// An error ends the client's connection without an answer.
async fn answer(stage: Arc<Stage>, request: Request<Incoming>) -> io::Result<Answer> {
    let fault = (stage.script)(&stage.note(&request));
    match fault {
        Fault::Pass => stage.forward(request).await,
        Fault::Delay(time) => {
            tokio::time::sleep(time).await;
            stage.forward(request).await
        }
        Fault::Drop => Err(io::Error::other("dropped by the script")),
        Fault::Cut(after) => Ok(stage.forward(request).await?.map(|body| cut(body, after, End::Broken))),
        Fault::Stall(after) => Ok(stage.forward(request).await?.map(|body| cut(body, after, End::Silent))),
        Fault::Short(after) => {
            let mut answer = stage.forward(request).await?;
            // Without a length the end of the body is its end, and only the reader can know better.
            answer.headers_mut().remove(http::header::CONTENT_LENGTH);
            Ok(answer.map(|body| cut(body, after, End::Clean)))
        }
        Fault::Answer { status, headers, body } => {
            let mut answer = Response::builder().status(StatusCode::from_u16(status).map_err(io::Error::other)?);
            for (name, value) in headers {
                answer = answer.header(name, value);
            }
            answer.body(whole(body.into())).map_err(io::Error::other)
        }
        Fault::Rewrite { from, to } => {
            let (mut parts, body) = stage.forward(request).await?.into_parts();
            parts.headers.remove(http::header::CONTENT_LENGTH);
            let body = body.collect().await?.to_bytes();
            let text = String::from_utf8_lossy(&body).replace(&from, &to);
            Ok(Response::from_parts(parts, whole(text.into())))
        }
    }
}

impl Stage {
    fn note(&self, request: &Request<Incoming>) -> Seen {
        let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_string);
        let mut all = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = Seen {
            number: self.asked.fetch_add(1, Ordering::Relaxed),
            method: request.method().to_string(),
            target: request.uri().to_string(),
            range: text(http::header::RANGE),
            if_match: text(http::header::IF_MATCH),
        };
        if all.len() < KEPT {
            all.push(seen.clone());
        }
        seen
    }

    async fn forward(&self, request: Request<Incoming>) -> io::Result<Answer> {
        let stream = TcpStream::connect(self.upstream).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let connection = Aborted(tokio::spawn(async move {
            // Its end shows in the body.
            let _ = connection.await;
        }));
        let answer = sender.send_request(request).await.map_err(io::Error::other)?;
        Ok(answer.map(|body| {
            let body = body.map_err(io::Error::other).into_data_stream();
            // The connection lives as long as the body.
            let body = body.map(move |bytes| {
                let _ = &connection;
                bytes.map(Frame::data)
            });
            BodyExt::boxed(StreamBody::new(body))
        }))
    }
}

/// A task that ends with its owner.
struct Aborted(JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn whole(bytes: Bytes) -> BoxBody<Bytes, io::Error> {
    BodyExt::boxed(Full::new(bytes).map_err(|never| match never {}))
}

/// How a body ends before its time.
#[derive(Clone, Copy)]
enum End {
    Clean,
    Broken,
    Silent,
}

fn cut(body: BoxBody<Bytes, io::Error>, after: u64, end: End) -> BoxBody<Bytes, io::Error> {
    let pieces = body.into_data_stream();
    let kept = stream::unfold((pieces, after, false), move |(mut pieces, left, over)| async move {
        if over {
            return None;
        }
        let next = if left == 0 { None } else { pieces.next().await };
        match next {
            Some(Ok(bytes)) => {
                let most = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                let piece = bytes.slice(..most);
                Some((Ok(Frame::data(piece)), (pieces, left - most as u64, false)))
            }
            Some(Err(e)) => Some((Err(e), (pieces, 0, true))),
            None => match end {
                End::Clean => None,
                End::Broken => {
                    // What came before is sent while the server waits, and would be lost with the connection else.
                    for _ in 0..3 {
                        tokio::task::yield_now().await;
                    }
                    Some((Err(io::Error::other("cut by the script")), (pieces, 0, true)))
                }
                End::Silent => std::future::pending().await,
            },
        }
    });
    boxed(kept)
}

fn boxed(stream: impl Stream<Item = io::Result<Frame<Bytes>>> + Send + Sync + 'static) -> BoxBody<Bytes, io::Error> {
    BodyExt::boxed(StreamBody::new(stream))
}
