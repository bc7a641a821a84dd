//! The bytes of one pinned object.
//!
//! What always holds: the bytes are those of the object that was pinned, all of them in order, or the stream ends in
//! an error. Each request names the etag; each answer's range, size and etag are checked before its first byte is
//! passed on; a body that ends early is asked for again from where it broke.

use super::{Fault, Files, Named, broken, pause, quoted};
use crate::pause::Pauses;
use bytes::Bytes;
use forebay_model::files::Object;
use forebay_model::{Error, Kind, Result, code};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_MATCH, RANGE};
use reqwest::Response;
use std::ops::Range;

/// So much must arrive for a new connection to have been worth it.
const PROGRESS: u64 = 64 << 10;
/// Resumptions a body may need, and one more for each so many bytes of it.
const RESUMPTIONS: u64 = 20;
const BYTES_PER_RESUMPTION: u64 = 16 << 20;

/// A reading under way.
struct Reading {
    files: Files,
    object: Object,
    named: Named,
    /// What is still to come.
    left: Range<u64>,
    body: Option<Response>,
    /// Patience of the present stretch without progress.
    pauses: Pauses,
    /// Bytes since the last connection.
    since: u64,
    resumptions: u64,
}

pub(super) fn read(files: Files, object: Object, range: Option<Range<u64>>) -> BoxStream<'static, Result<Bytes>> {
    let range = range.unwrap_or(0..object.size);
    let left = range.start.min(object.size)..range.end.min(object.size);
    let named = Named::object(files.store.words(), &object.bucket, &object.key);
    let resumptions = RESUMPTIONS + left.end.saturating_sub(left.start) / BYTES_PER_RESUMPTION;
    let pauses = Pauses::new(files.patience);
    let reading = Reading { files, object, named, left, body: None, pauses, since: 0, resumptions };
    stream::unfold(Some(reading), |reading| async move {
        let mut reading = reading?;
        match reading.next().await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some(reading))),
            Ok(None) => None,
            Err(e) => Some((Err(e), None)),
        }
    })
    .boxed()
}

impl Reading {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while self.left.start < self.left.end {
            let fault = match self.step().await {
                Ok(bytes) if bytes.is_empty() => continue,
                Ok(bytes) => return Ok(Some(bytes)),
                Err(fault) => fault,
            };
            self.body = None;
            if self.since >= PROGRESS {
                self.pauses = Pauses::new(self.files.patience);
            }
            self.since = 0;
            if fault.again && self.resumptions == 0 {
                return Err(fault.error);
            }
            self.resumptions = self.resumptions.saturating_sub(1);
            pause(&mut self.pauses, fault).await.map_err(|fault| fault.error)?;
        }
        Ok(None)
    }

    /// The next bytes of the body, which is opened if need be.
    async fn step(&mut self) -> Result<Bytes, Fault> {
        let body = match &mut self.body {
            Some(body) => body,
            None => {
                let opened = self.open().await?;
                self.body.insert(opened)
            }
        };
        let bytes = match body.chunk().await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(Fault::passing(self.short())),
            Err(e) => return Err(broken(&self.named, e)),
        };
        let length = bytes.len() as u64;
        if length > self.left.end - self.left.start {
            return Err(Fault::last(self.named.not_one("it is longer than was asked for")));
        }
        self.left.start += length;
        self.since += length;
        Ok(bytes)
    }

    async fn open(&self) -> Result<Response, Fault> {
        let whole = self.left == (0..self.object.size);
        let mut headers = Vec::new();
        if !self.object.etag.is_empty() {
            headers.push((IF_MATCH, self.object.etag.clone()));
        }
        if !whole {
            headers.push((RANGE, format!("bytes={}-{}", self.left.start, self.left.end - 1)));
        }
        let response = self.files.store.get(&self.object.bucket, &self.object.key, &headers).await?;
        self.check(whole, &response).map_err(Fault::last)?;
        Ok(response)
    }

    /// Is this answer the part of the pinned object that was asked for?
    fn check(&self, whole: bool, response: &Response) -> Result<()> {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let etag = text(ETAG).map(quoted);
        if !self.object.etag.is_empty() && etag.is_some_and(|etag| etag != self.object.etag) {
            return Err(self.changed("it has another etag"));
        }
        let length: Option<u64> = text(CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let expected = self.left.end - self.left.start;
        if whole {
            return match length {
                Some(length) if length != expected => Err(self.changed("it has another size")),
                _ => Ok(()),
            };
        }
        if response.status() != StatusCode::PARTIAL_CONTENT {
            return Err(self.named.not_one("it does not honour Range"));
        }
        let (first, last, total) =
            text(CONTENT_RANGE).and_then(content_range).ok_or_else(|| self.named.not_one("its range is unclear"))?;
        if total.is_some_and(|total| total != self.object.size) {
            return Err(self.changed("it has another size"));
        }
        if first != self.left.start
            || last.checked_add(1) != Some(self.left.end)
            || length.is_some_and(|length| length != expected)
        {
            return Err(self.named.not_one("it is another range than was asked for"));
        }
        Ok(())
    }

    fn changed(&self, how: &str) -> Error {
        Fault::changed(format!("{} changed while it was read: {how}", self.named)).error
    }

    fn short(&self) -> Error {
        let missing = self.left.end - self.left.start;
        let message = format!("{}: the answer ended {missing} bytes early", self.named);
        Error::new(Kind::Unavailable { retry_after: None }, &code::FLOW_1103, message)
            .advice("Try again later, or check the network between this machine and the source.")
    }
}

/// First byte, last byte and total size of `bytes 0-9/100`.
fn content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((first.parse().ok()?, last.parse::<u64>().ok().filter(|last| *last < u64::MAX)?, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read_whole_or_not_at_all() {
        assert_eq!(content_range("bytes 5-9/100"), Some((5, 9, Some(100))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, 9, None)));
        for text in ["bytes */100", "5-9/100", "bytes 5-9", "bytes a-9/1", "bytes 5-18446744073709551615/1", ""] {
            assert_eq!(content_range(text), None, "{text}");
        }
    }
}
