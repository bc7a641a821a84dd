//! The bytes of one pinned object for a blocking thread: front to back with read-ahead ([`Stream`]), or by ranges
//! ([`Ranges`]). A failure of the source is kept aside in [`Faults`], since decompressors wrap or replace the
//! `io::Error` they are given; [`Source::failure`] puts it back in its place.

use super::{Flow, Halt, Objects, unreadable};
use bytes::{Buf, Bytes};
use forebay_model::files::Object;
use forebay_model::{Error, Kind, Result};
use futures::StreamExt;
use std::io::{self, BufRead, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};

/// Chunks read ahead of the decoder.
const AHEAD: usize = 8;
/// Bytes asked for at once where access is by ranges.
const BLOCK: u64 = 1 << 20;

/// The first failure of the source or of a guard, until someone asks.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<Mutex<Option<Halt>>>);

impl Faults {
    /// Keeps the halt (the first one counts) and gives an `io::Error` to return in its stead.
    pub fn keep(&self, halt: impl Into<Halt>) -> io::Error {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.is_none() {
            *slot = Some(halt.into());
        }
        io::Error::other("the source failed")
    }

    fn take(&self) -> Option<Halt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// One pinned object, and what its reading has to watch.
#[derive(Clone)]
pub(crate) struct Source {
    objects: Arc<dyn Objects>,
    /// What is read.
    pub object: Object,
    runtime: Handle,
    gone: watch::Receiver<()>,
    read: Arc<AtomicU64>,
    /// Failures of the source and of guards.
    pub faults: Faults,
}

impl Source {
    /// `gone`: its sender is dropped when nobody wants the result any more. Call inside a runtime.
    pub fn new(objects: Arc<dyn Objects>, object: Object, gone: watch::Receiver<()>) -> Source {
        let read = Arc::default();
        Source { objects, object, runtime: Handle::current(), gone, read, faults: Faults::default() }
    }

    /// Another object, watched as this one is.
    pub fn of(&self, objects: Arc<dyn Objects>, object: Object) -> Source {
        Source { objects, object, read: Arc::default(), ..self.clone() }
    }

    /// Bytes taken from the source so far.
    pub fn bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The same, for a guard on another reader.
    pub fn counter(&self) -> Arc<AtomicU64> {
        self.read.clone()
    }

    /// What a failed read means: the source's own failure if there was one, else `otherwise`.
    pub fn failure(&self, error: io::Error, otherwise: impl FnOnce(io::Error) -> Error) -> Halt {
        match self.faults.take() {
            Some(halt) => halt,
            None => otherwise(error).into(),
        }
    }

    /// Front to back.
    pub fn stream(&self) -> Stream {
        let (send, chunks) = mpsc::channel(AHEAD);
        let mut bytes = self.objects.read(&self.object, None);
        let mut gone = self.gone.clone();
        self.runtime.spawn(async move {
            loop {
                let chunk = tokio::select! {
                    chunk = bytes.next() => chunk,
                    _ = gone.changed() => return,
                };
                let last = chunk.is_none();
                if send.send(chunk).await.is_err() || last {
                    return;
                }
            }
        });
        Stream {
            chunks,
            current: Bytes::new(),
            ended: false,
            got: 0,
            read: self.read.clone(),
            object: self.object.clone(),
            faults: self.faults.clone(),
        }
    }

    /// By ranges, with a block of read-ahead.
    pub fn ranges(&self) -> Ranges<'_> {
        Ranges { source: self, at: 0, block: Bytes::new(), from: 0 }
    }

    /// One range, whole.
    pub async fn fetch(&self, range: std::ops::Range<u64>) -> Flow<Bytes> {
        let want = range.end.saturating_sub(range.start);
        let mut gone = self.gone.clone();
        let reading = read_range(&*self.objects, &self.object, range);
        let bytes = tokio::select! {
            bytes = reading => bytes?,
            _ = gone.changed() => return Err(Halt::Gone),
        };
        self.read.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if bytes.len() as u64 != want {
            return Err(short(&self.object, bytes.len() as u64, want).into());
        }
        Ok(bytes)
    }

    /// Runs a future of this source's runtime on the blocking thread that decodes.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }
}

/// A range of an object, in one piece.
pub(crate) async fn read_range(objects: &dyn Objects, object: &Object, range: std::ops::Range<u64>) -> Result<Bytes> {
    let mut chunks = objects.read(object, Some(range));
    let Some(first) = chunks.next().await.transpose()? else { return Ok(Bytes::new()) };
    let Some(second) = chunks.next().await.transpose()? else { return Ok(first) };
    let mut all = Vec::with_capacity(first.len() + second.len());
    all.extend_from_slice(&first);
    all.extend_from_slice(&second);
    while let Some(chunk) = chunks.next().await {
        all.extend_from_slice(&chunk?);
    }
    Ok(all.into())
}

fn short(object: &Object, got: u64, want: u64) -> Error {
    let message = format!("{} ended after {got} of {want} bytes", object.key);
    let error = unreadable(&object.key, message);
    Error { kind: Kind::Unavailable { retry_after: None }, ..error }
        .advice("The file may have been replaced while it was read, or the connection broke. Run the flow again.")
}

/// The object front to back, as a blocking reader.
pub(crate) struct Stream {
    chunks: mpsc::Receiver<Option<Result<Bytes>>>,
    current: Bytes,
    ended: bool,
    got: u64,
    read: Arc<AtomicU64>,
    object: Object,
    faults: Faults,
}

impl BufRead for Stream {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() && !self.ended {
            match self.chunks.blocking_recv() {
                Some(Some(Ok(chunk))) => {
                    self.got += chunk.len() as u64;
                    self.read.fetch_add(chunk.len() as u64, Ordering::Relaxed);
                    self.current = chunk;
                }
                Some(Some(Err(error))) => return Err(self.faults.keep(error)),
                Some(None) => {
                    self.ended = true;
                    if self.got != self.object.size {
                        return Err(self.faults.keep(short(&self.object, self.got, self.object.size)));
                    }
                }
                None => return Err(self.faults.keep(Halt::Gone)),
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        self.current.advance(amount);
    }
}

impl Read for Stream {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let from = self.fill_buf()?;
        let amount = from.len().min(to.len());
        to[..amount].copy_from_slice(&from[..amount]);
        self.consume(amount);
        Ok(amount)
    }
}

/// The object by ranges, as a blocking reader with a position.
pub(crate) struct Ranges<'s> {
    source: &'s Source,
    at: u64,
    block: Bytes,
    from: u64,
}

impl Read for Ranges<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let size = self.source.object.size;
        if self.at >= size || to.is_empty() {
            return Ok(0);
        }
        if self.at < self.from || self.at >= self.from + self.block.len() as u64 {
            let end = (self.at + BLOCK.max(to.len() as u64)).min(size);
            let fetched = self.source.wait(self.source.fetch(self.at..end));
            self.block = fetched.map_err(|halt| self.source.faults.keep(halt))?;
            self.from = self.at;
        }
        let rest = &self.block[(self.at - self.from) as usize..];
        let amount = rest.len().min(to.len());
        to[..amount].copy_from_slice(&rest[..amount]);
        self.at += amount as u64;
        Ok(amount)
    }
}

impl Seek for Ranges<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.source.object.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a position before the start"))?;
        Ok(self.at)
    }
}
