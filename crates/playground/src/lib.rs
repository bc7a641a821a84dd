//! A local S3 endpoint, a HubSpot account, sample data and a fault proxy: for the demo and for tests.
//!
//! [`Playground::start`] serves a folder on loopback with S3's protocol, signatures checked. [`sample::load`] puts
//! deterministic data into it, and [`fault::Proxy`] stands between a client and it and misbehaves by a script.
//! [`hubspot::Hubspot::start`] serves an account of HubSpot's CRM.
//! Nothing here is for production: files are not synced, and one process serves a folder at a time.

pub mod azurite;
pub mod fault;
pub mod folder;
pub mod hubspot;
pub mod orders;
pub mod people;
mod random;
pub mod sample;
mod service;
mod upload;

pub use folder::Folder;
pub use random::Random;

use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::service::{S3Service, S3ServiceBuilder};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How long answers under way may take once the endpoint is told to stop.
const DRAIN: Duration = Duration::from_secs(2);

/// Where and for whom an endpoint is started.
#[derive(Clone)]
pub struct PlaygroundConfig {
    /// The folder that holds the buckets. It is created.
    pub dir: PathBuf,
    /// The address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The access key that requests must be signed with.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
}

impl PlaygroundConfig {
    /// A free port of loopback, with the demo's keys.
    pub fn new(dir: impl Into<PathBuf>) -> PlaygroundConfig {
        PlaygroundConfig {
            dir: dir.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            access_key: "AKIAPLAYGROUND".into(),
            secret_key: "playground-secret-not-for-production".into(),
        }
    }
}

/// The endpoint.
pub struct Playground;

/// A running endpoint. Dropping it stops it at once.
pub struct Running {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The access key.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
    folder: Arc<Folder>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Playground {
    /// Starts serving. Must be called on a Tokio runtime.
    pub async fn start(config: PlaygroundConfig) -> io::Result<Running> {
        let dir = config.dir.clone();
        let folder = tokio::task::spawn_blocking(move || Folder::open(&dir)).await.map_err(io::Error::other)??;
        let folder = Arc::new(folder);
        let mut builder = S3ServiceBuilder::new(service::Service::new(folder.clone()));
        builder.set_auth(service::Account {
            access_key: config.access_key.clone(),
            secret_key: config.secret_key.clone(),
        });
        let listener = TcpListener::bind(config.listen).await?;
        let addr = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, builder.build(), stopped));
        Ok(Running { addr, access_key: config.access_key, secret_key: config.secret_key, folder, stop, task })
    }
}

impl Running {
    /// The URL of the endpoint: what a connection's `serviceUrl` takes.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// What it serves: a way to put and remove objects without a client.
    pub fn folder(&self) -> &Arc<Folder> {
        &self.folder
    }

    /// Stops taking connections, lets the answers under way finish for a moment, and returns.
    pub async fn shutdown(mut self) {
        // Nobody listening any more means that it has stopped already.
        let _ = self.stop.send(true);
        let _ = tokio::time::timeout(DRAIN + Duration::from_secs(1), &mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, service: S3Service, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(answer(stream, service.clone(), stopped.clone()));
                }
                // Too many open files, most likely: they will close.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            },
            _ = connections.join_next(), if !connections.is_empty() => {}
            _ = stopped.changed() => break,
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(DRAIN, drained).await;
}

async fn answer(stream: TcpStream, service: S3Service, mut stopped: watch::Receiver<bool>) {
    // A latency of 40 ms is all that a failure here would cost.
    let _ = stream.set_nodelay(true);
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
