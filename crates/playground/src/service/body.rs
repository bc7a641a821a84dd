//! Content on its way out and in.

use super::wire::failed;
use crate::folder::{Draft, Failure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use s3s::dto::StreamingBlob;
use s3s::stream::{ByteStream, RemainingLength};
use s3s::{S3Error, S3ErrorCode, S3Result, StdError, s3_error};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::task::JoinHandle;

/// Bytes of one read.
const CHUNK: u64 = 1 << 20;

/// A range of a file, read a chunk ahead of the client.
pub(super) struct Body {
    file: Arc<File>,
    /// What is not being read yet.
    left: Range<u64>,
    /// The chunk that is being read.
    reading: Option<(u64, JoinHandle<io::Result<Bytes>>)>,
}

impl Body {
    pub(super) fn new(file: File, range: Range<u64>) -> Body {
        Body { file: Arc::new(file), left: range, reading: None }
    }

    fn read_on(&mut self) {
        if self.left.is_empty() {
            return;
        }
        let (file, at) = (self.file.clone(), self.left.start);
        let length = CHUNK.min(self.left.end - at);
        self.left.start += length;
        let read = move || {
            let mut chunk = vec![0; length as usize];
            file.read_exact_at(&mut chunk, at)?;
            Ok(Bytes::from(chunk))
        };
        self.reading = Some((length, tokio::task::spawn_blocking(read)));
    }
}

impl Stream for Body {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.reading.is_none() {
            self.read_on();
        }
        let Some((_, reading)) = &mut self.reading else { return Poll::Ready(None) };
        let chunk = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        match chunk {
            Ok(Ok(chunk)) => {
                self.read_on();
                Poll::Ready(Some(Ok(chunk)))
            }
            Ok(Err(e)) => Poll::Ready(Some(Err(Box::new(e)))),
            Err(e) => Poll::Ready(Some(Err(Box::new(e)))),
        }
    }
}

impl ByteStream for Body {
    fn remaining_length(&self) -> RemainingLength {
        let under_way = self.reading.as_ref().map_or(0, |(length, _)| *length);
        let left = self.left.end - self.left.start + under_way;
        usize::try_from(left).map_or_else(|_| RemainingLength::unknown(), RemainingLength::new_exact)
    }
}

/// Takes a body in, and checks it against the MD5 that its header promised. A short one is an error of its stream.
pub(super) async fn receive(
    mut draft: Draft,
    body: Option<StreamingBlob>,
    md5: Option<&str>,
) -> S3Result<Draft> {
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            // A signature or checksum of the body that does not fit comes here too, and keeps its own code.
            let chunk = chunk.map_err(refused)?;
            let write = move || draft.write(&chunk).map(|()| draft);
            let written = tokio::task::spawn_blocking(write).await.map_err(io::Error::other);
            draft = written.and_then(|written| written).map_err(|e| failed(Failure::Io(e)))?;
        }
    }
    if md5.is_some_and(|md5| md5 != STANDARD.encode(draft.md5())) {
        return Err(s3_error!(BadDigest, "The body has not the MD5 that was promised."));
    }
    Ok(draft)
}

fn refused(error: StdError) -> S3Error {
    match error.downcast::<S3Error>() {
        Ok(error) => *error,
        Err(error) => S3Error::with_source(S3ErrorCode::IncompleteBody, error),
    }
}
