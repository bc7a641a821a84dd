//! A store of objects of which one call, the n-th, goes wrong; all others go well.

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// How the call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The call does nothing and fails.
    Before,
    /// The call does its work, and its answer is lost.
    After,
    /// The call does nothing until [`Faulty::wake`], and then its work.
    Sleep,
    /// The task that makes the call panics.
    Panic,
}

#[derive(Debug)]
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    plan: Arc<Plan>,
}

#[derive(Debug)]
struct Plan {
    calls: AtomicUsize,
    at: usize,
    fault: Fault,
    met: Notify,
    wake: Notify,
}

impl Faulty {
    pub fn new(inner: Arc<dyn ObjectStore>, at: usize, fault: Fault) -> Arc<Faulty> {
        let plan = Plan { calls: AtomicUsize::new(0), at, fault, met: Notify::new(), wake: Notify::new() };
        Arc::new(Faulty { inner, plan: Arc::new(plan) })
    }

    /// Whether the n-th call has been made.
    pub fn struck(&self) -> bool {
        self.plan.calls.load(Ordering::SeqCst) > self.plan.at
    }

    /// Waits for the n-th call.
    pub async fn met(&self) {
        self.plan.met.notified().await;
    }

    /// Lets a sleeping call go on.
    pub fn wake(&self) {
        self.plan.wake.notify_one();
    }
}

impl Plan {
    /// `Ok(true)`: the answer is to be lost.
    async fn call(&self) -> Result<bool> {
        if self.calls.fetch_add(1, Ordering::SeqCst) != self.at {
            return Ok(false);
        }
        self.met.notify_one();
        match self.fault {
            Fault::Before => Err(fault()),
            Fault::After => Ok(true),
            Fault::Sleep => {
                self.wake.notified().await;
                Ok(false)
            }
            Fault::Panic => panic!("by the test"),
        }
    }
}

/// A stream whose beginning is a call.
fn streamed<T: Send + 'static>(
    plan: Arc<Plan>,
    open: impl FnOnce() -> BoxStream<'static, Result<T>> + Send + 'static,
) -> BoxStream<'static, Result<T>> {
    let begun = async move {
        match plan.call().await {
            Ok(false) => open(),
            _ => futures::stream::once(async { Err(fault()) }).boxed(),
        }
    };
    futures::stream::once(begun).flatten().boxed()
}

fn fault() -> object_store::Error {
    object_store::Error::Generic { store: "Faulty", source: "by the test".into() }
}

fn answer<T>(lost: bool, result: Result<T>) -> Result<T> {
    if lost { Err(fault()) } else { result }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        let lost = self.plan.call().await?;
        answer(lost, self.inner.put_opts(at, payload, opts).await)
    }

    async fn put_multipart_opts(&self, at: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        let lost = self.plan.call().await?;
        answer(lost, self.inner.put_multipart_opts(at, opts).await)
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> Result<GetResult> {
        let lost = self.plan.call().await?;
        answer(lost, self.inner.get_opts(at, options).await)
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let inner = self.inner.clone();
        streamed(self.plan.clone(), move || inner.delete_stream(locations))
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (inner, prefix) = (self.inner.clone(), prefix.cloned());
        streamed(self.plan.clone(), move || inner.list(prefix.as_ref()))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let lost = self.plan.call().await?;
        answer(lost, self.inner.list_with_delimiter(prefix).await)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let lost = self.plan.call().await?;
        answer(lost, self.inner.copy_opts(from, to, options).await)
    }
}
