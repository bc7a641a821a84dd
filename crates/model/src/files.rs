//! Objects of file sources: what was listed, what a run pins, how its bytes are to be read.

use crate::Time;
use serde::{Deserialize, Serialize};

/// An object as a source lists it. The key is the source's raw string, never normalised.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Object {
    /// The bucket or container.
    pub bucket: String,
    /// The raw key inside it.
    pub key: String,
    /// Bytes.
    pub size: u64,
    /// The entity tag as the source gives it, quotes included.
    pub etag: String,
    /// Last modification, epoch milliseconds, by the source's clock.
    pub modified: i64,
}

/// One object of a plan, or a byte range of it: the unit of work and of accounting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Position in the plan, from 0.
    pub id: u32,
    /// What is read, pinned by key, size and etag.
    pub object: Object,
}

/// File formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text with a one-byte delimiter and a header line.
    Delimited,
    /// One document a line, or an array of documents.
    Json,
    /// Apache Parquet.
    Parquet,
}

/// Compressions and archives, by the contract's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Compression {
    /// bzip2, concatenated streams included.
    Bzip2,
    /// gzip, concatenated members included.
    Gzip,
    /// zlib or raw deflate.
    Deflate,
    /// A zip archive; every entry is read.
    ZipDeflate,
    /// A gzipped tar archive; every regular entry is read.
    TarGzip,
    /// A tar archive.
    Tar,
}

/// How the bytes of a source connection's files are to be read (`data` of the source connection).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileOptions {
    /// Format.
    pub format: Format,
    /// Compression, if declared.
    pub compression: Option<Compression>,
    /// Delimiter of delimited text.
    pub delimiter: u8,
    /// WHATWG label of the text's encoding; `UTF-8` by default.
    pub encoding: String,
    /// Each line of JSON is a document by itself; otherwise the first bytes tell.
    #[serde(default)]
    pub lines: bool,
}

impl Default for FileOptions {
    fn default() -> FileOptions {
        let (format, encoding) = (Format::Delimited, "UTF-8".into());
        FileOptions { format, compression: None, delimiter: b',', encoding, lines: false }
    }
}

/// Which objects a source connection names (`params` of the source connection).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// File, folder or glob, as the caller wrote it (leading `/` or not).
    pub path: String,
    /// `path` is a folder.
    pub folder: bool,
    /// With `folder`: subfolders too.
    pub recursive: bool,
}

/// A span of last-modification times: `start <= modified < end`; an absent bound is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Inclusive.
    pub start: Option<Time>,
    /// Exclusive.
    pub end: Option<Time>,
}
