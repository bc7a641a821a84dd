//! Files of JSON lines in the lake, read line by line: of any length, in the memory of one line.

use crate::App;
use crate::engine::Stored;
use bytes::{Bytes, BytesMut};
use forebay_model::Result;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::collections::VecDeque;

/// Bytes of a line at most; what is longer is cut, and so no JSON any more.
const LONGEST: usize = 16 << 20;

/// The lines of several files, one after the other. Blank ones are left out.
pub struct Lines {
    app: App,
    files: VecDeque<Stored>,
    open: Option<BoxStream<'static, Result<Bytes>>>,
    chunk: Bytes,
    partial: BytesMut,
}

impl Lines {
    /// From the first line of the first file on.
    pub fn new(app: &App, files: Vec<Stored>) -> Lines {
        Lines { app: app.clone(), files: files.into(), open: None, chunk: Bytes::new(), partial: BytesMut::new() }
    }

    /// The next line, without its end.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(end) = self.chunk.iter().position(|byte| *byte == b'\n') {
                let piece = self.chunk.split_to(end + 1);
                let line = self.finish(&piece[..end]);
                if line.iter().any(|byte| !byte.is_ascii_whitespace()) {
                    return Ok(Some(line));
                }
                continue;
            }
            let rest = std::mem::take(&mut self.chunk);
            self.keep(&rest);
            if self.fill().await? {
                continue;
            }
            // The last line of a file may have no end.
            let line = self.finish(b"");
            if line.iter().any(|byte| !byte.is_ascii_whitespace()) {
                return Ok(Some(line));
            }
            let Some(file) = self.files.pop_front() else { return Ok(None) };
            self.open = Some(self.app.engine.bytes(&file.path, None).await?);
        }
    }

    /// Reads on in the open file; false at its end.
    async fn fill(&mut self) -> Result<bool> {
        let Some(open) = &mut self.open else { return Ok(false) };
        match open.next().await {
            Some(chunk) => {
                self.chunk = chunk?;
                Ok(true)
            }
            None => {
                self.open = None;
                Ok(false)
            }
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = LONGEST.saturating_sub(self.partial.len());
        self.partial.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    fn finish(&mut self, piece: &[u8]) -> Bytes {
        self.keep(piece);
        self.partial.split().freeze()
    }
}
