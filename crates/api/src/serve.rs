//! The listener: HTTP/1.1 over TCP, with the request-line normaliser before hyper and a limit on everything that a
//! client could make us wait for. A plain `axum::serve` installs no timer and refuses the documented raw quotes.

use crate::normalise::{MAX_HEAD, MAX_HEADERS, Normalised, Patience};
use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, warn};

/// How long a kept-alive connection may be idle.
const IDLE: Duration = Duration::from_secs(75);
/// How long open requests may take to end once the program was asked to stop.
const DRAIN: Duration = Duration::from_secs(8);

/// Turns true when the program was asked to stop: answers that would go on for ever end then. Requests carry it.
#[derive(Clone)]
pub struct Stopping(pub watch::Receiver<bool>);

/// Serves until `shutdown` resolves; then takes no new connection, lets open requests end, and returns.
///
/// # Errors
/// Never today: a connection that fails is logged and a failing `accept` is tried again.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) -> io::Result<()> {
    let (stop, stopped) = watch::channel(false);
    let router = router.layer(axum::Extension(Stopping(stopped.clone())));
    let mut connections = JoinSet::new();
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((socket, _)) => {
                    connections.spawn(connection(socket, router.clone(), stopped.clone()));
                }
                Err(error) => {
                    // No file descriptors, most likely: the next try must not spin.
                    warn!("accepting a connection failed: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
    drop(listener);
    stop.send_replace(true);
    let drain = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(DRAIN, drain).await.is_err() {
        warn!("some requests did not end within {DRAIN:?} and were cut off");
    }
    Ok(())
}

/// One connection, to its end.
async fn connection(socket: TcpStream, router: Router, mut stopped: watch::Receiver<bool>) {
    if let Err(error) = socket.set_nodelay(true) {
        debug!("TCP_NODELAY could not be set: {error}");
    }
    let io = TokioIo::new(Normalised::new(socket, Patience::default()));
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_headers(MAX_HEADERS)
        // Encoding may lengthen a target, threefold at most.
        .max_header_size(2 * MAX_HEAD)
        .max_buf_size(4 * MAX_HEAD)
        .serve_connection(io, TowerToHyperService::new(router));
    tokio::pin!(connection);
    let stop = async move { stopped.wait_for(|stop| *stop).await.is_ok() };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stop => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!("a connection ended: {error}");
    }
}
