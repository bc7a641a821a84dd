//! Bytes of source files to Arrow columns: decompress, decode, and say file and line of everything.
//!
//! [`ScanExec`] is the operator of a run, [`sample()`] the preview; both go the same way:
//! `source` (bytes of a pinned object) → `compress` (one or many entries) → `encoding` (UTF-8) → `csv`, `json` or
//! `parquet` → `batch` (columns, events). What always holds:
//! - Decoding runs on blocking threads and ends when nobody reads its output any more.
//! - Memory depends on the limits below and on the number of columns, never on the size of a file.
//! - A record that cannot be parsed becomes one rejected record event. A file that cannot be read, or whose rest
//!   cannot be known, is an [`Error`] with a [`Place::File`]: it fails the run, so that nothing is lost in silence.

mod batch;
mod compress;
mod csv;
mod encoding;
mod json;
mod met;
mod parquet;
mod sample;
mod scan;
mod source;

pub use met::Met;
pub use sample::{Sample, SampleColumn, sample};
pub use scan::{ScanExec, ScanSpec, column_name};

use bytes::Bytes;
use forebay_model::files::Object;
use forebay_model::{Error, Kind, Place, Result, code};
use futures::stream::BoxStream;
use std::fmt;
use std::ops::Range;

/// A record of a text format may not be longer; the limit of a delimited file's line, quoted line breaks included.
pub const MAX_RECORD: usize = 16 << 20;
/// A field of delimited text may not be longer.
pub const MAX_FIELD: usize = 8 << 20;
/// Columns of a delimited file.
pub const MAX_COLUMNS: usize = 10_000;
/// Nesting of a JSON document.
pub const MAX_DEPTH: u32 = 128;
/// Members of an archive.
pub const MAX_MEMBERS: u64 = 25_000;
/// Decompressed to compressed bytes, once [`RATIO_FROM`] bytes came out.
pub const MAX_RATIO: u64 = 1_000;
/// Decompressed bytes that are free of the ratio's check.
pub const RATIO_FROM: u64 = 10 << 20;
/// A Parquet footer may not be larger.
pub const MAX_FOOTER: u64 = 16 << 20;
/// Rows of a batch.
pub const BATCH_ROWS: usize = 8_192;
/// Bytes of a batch's columns at which it is sent even with fewer rows.
pub const BATCH_BYTES: usize = 8 << 20;

/// Where the bytes of pinned objects come from: a remote source, or a folder or memory in tests.
pub trait Objects: Send + Sync + fmt::Debug {
    /// The object's bytes, or those of a range of it. Fails when the object is no longer the pinned one (its etag
    /// changed); retries and resuming are this side's business.
    fn read(&self, object: &Object, range: Option<Range<u64>>) -> BoxStream<'static, Result<Bytes>>;
}

/// Why decoding stopped before its end.
#[derive(Debug)]
pub(crate) enum Halt {
    /// Nobody wants more.
    Gone,
    /// The file cannot be read.
    Failed(Box<Error>),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Halt {
        Halt::Failed(Box::new(error))
    }
}

/// What decoding functions return.
pub(crate) type Flow<T = ()> = std::result::Result<T, Halt>;

/// A file that cannot be read, as an error that names it.
pub(crate) fn unreadable(file: &str, message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, &code::INGEST_1401, message.into()).at(Place::File {
        file: file.to_string(),
        line: None,
        column: None,
    })
}

/// The same, with the line.
pub(crate) fn unreadable_at(file: &str, line: u64, message: impl Into<String>) -> Error {
    let place = Place::File { file: file.to_string(), line: Some(line), column: None };
    Error { at: Some(place), ..unreadable(file, message) }
}

/// A decoder that panicked, which bytes made on purpose can bring about in foreign decoders.
pub(crate) fn broken(file: &str, cause: tokio::task::JoinError) -> Error {
    unreadable(file, format!("{file} cannot be decoded: it is corrupt in a way that broke the decoder"))
        .advice("Check the file with another reader, and write it anew.")
        .caused_by(cause)
}
