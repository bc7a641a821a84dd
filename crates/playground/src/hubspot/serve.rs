//! HTTP: reading requests whole, writing answers as the rules want them.

use super::dispatch::{Ending, Outcome};
use super::sim::{Sim, locked};
use super::wire::{Seen, http_date};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(super) type Body = BoxBody<Bytes, io::Error>;

/// Serves the API until it is dropped.
pub(super) async fn serve(listener: TcpListener, sim: Arc<Sim>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                connections.spawn(connection(stream, sim.clone()));
            }
            // Too many open files, most likely: they will close.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, sim: Arc<Sim>) {
    // A latency of 40 ms is all that a failure here would cost.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| handle(sim.clone(), request));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        // Longer lines than any that is answered otherwise than with 414.
        .max_buf_size(1 << 20)
        .serve_connection(TokioIo::new(stream), service);
    // One that ends badly was meant to, or its client went.
    let _ = connection.await;
}

/// One under way more, for as long as it lives.
struct UnderWay<'a>(&'a std::sync::atomic::AtomicU64);

impl<'a> UnderWay<'a> {
    fn new(count: &'a std::sync::atomic::AtomicU64) -> (UnderWay<'a>, u64) {
        let before = count.fetch_add(1, Ordering::SeqCst);
        (UnderWay(count), before)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An error ends the connection without an answer.
async fn handle(sim: Arc<Sim>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    let text = |name: http::HeaderName| parts.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_string);
    let mut seen = Seen {
        method: parts.method.to_string(),
        target: parts.uri.path_and_query().map_or_else(String::new, ToString::to_string),
        authorization: text(http::header::AUTHORIZATION),
        content_type: text(http::header::CONTENT_TYPE),
        gzip: text(http::header::ACCEPT_ENCODING).is_some_and(|accepted| accepted.contains("gzip")),
        host: text(http::header::HOST).unwrap_or_default(),
        body: Vec::new(),
    };
    seen.body = body.collect().await.map_err(io::Error::other)?.to_bytes().to_vec();
    let (_one, before) = UnderWay::new(&sim.under_way);
    let token = seen.path().starts_with("/oauth/") && seen.path().trim_end_matches('/').ends_with("/token");
    let token = token.then(|| UnderWay::new(&sim.tokens_under_way));
    {
        let mut journal = locked(&sim.journal);
        journal.summary.most_at_once = journal.summary.most_at_once.max(before + 1);
        journal.summary.overlapping_refreshes += u64::from(token.as_ref().is_some_and(|(_, others)| *others > 0));
    }
    let outcome = sim.answer(&seen);
    if !outcome.delay.is_zero() {
        tokio::time::sleep(outcome.delay).await;
    }
    respond(outcome, seen.gzip)
}

fn respond(outcome: Outcome, gzip: bool) -> io::Result<Response<Body>> {
    let Outcome { reply, ending, content_type, now, .. } = outcome;
    if ending == Ending::Drop {
        return Err(io::Error::other("dropped by a rule"));
    }
    let mut headers = HeaderMap::new();
    let usual = if reply.html { "text/html;charset=utf-8" } else { "application/json;charset=utf-8" };
    let content_type = content_type.unwrap_or_else(|| usual.into());
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = http::HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    put("date", &http_date(now));
    if reply.status != 204 {
        put("content-type", &content_type);
    }
    put("x-hubspot-correlation-id", &reply.correlation);
    put("vary", "origin, accept-encoding");
    for (name, value) in &reply.headers {
        put(name, value);
    }
    let mut body = reply.body.into_bytes();
    if gzip && body.len() > 1_024 {
        let mut coder = flate2::write::GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
        coder.write_all(&body)?;
        body = coder.finish()?;
        put("content-encoding", "gzip");
    }
    let bytes = Bytes::from(body);
    let body = match ending {
        Ending::Slow(rate) => slow(bytes, rate),
        Ending::Stall(after) => piece(bytes, after, true),
        Ending::Cut(after, with_length) => {
            if with_length {
                put("content-length", &bytes.len().to_string());
                piece(bytes, after, false)
            } else {
                // Its end looks like the end.
                let kept = bytes.slice(..after.min(bytes.len()));
                BodyExt::boxed(Full::new(kept).map_err(|never| match never {}))
            }
        }
        Ending::Whole | Ending::Drop => BodyExt::boxed(Full::new(bytes).map_err(|never| match never {})),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).map_err(io::Error::other)?;
    *response.headers_mut() = headers;
    Ok(response)
}

/// A part of a body; then silence, or the end of the connection.
fn piece(bytes: Bytes, after: usize, silent: bool) -> Body {
    let kept = bytes.slice(..after.min(bytes.len()));
    let pieces = stream::unfold(Some(kept), move |left| async move {
        match left {
            Some(kept) if !kept.is_empty() => Some((Ok(Frame::data(kept)), None)),
            _ if silent => std::future::pending().await,
            _ => {
                // What was written is on its way before the connection goes.
                tokio::task::yield_now().await;
                Some((Err(io::Error::other("cut by a rule")), None))
            }
        }
    });
    BodyExt::boxed(StreamBody::new(pieces))
}

/// A body, so many bytes a second.
fn slow(bytes: Bytes, rate: u64) -> Body {
    let step = (rate / 20).max(1) as usize;
    let pieces = stream::unfold(bytes, move |mut left| async move {
        if left.is_empty() {
            return None;
        }
        tokio::time::sleep(Duration::from_secs_f64(step as f64 / rate as f64)).await;
        let piece = left.split_to(step.min(left.len()));
        Some((Ok(Frame::data(piece)), left))
    });
    BodyExt::boxed(StreamBody::new(pieces))
}
