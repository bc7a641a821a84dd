//! What this crate asks of the data engine. `server` implements it over `ingest` and `lake`; tests use a double. No
//! type of Arrow or DataFusion crosses it.

use async_trait::async_trait;
use bytes::Bytes;
use forebay_model::event::Finding;
use forebay_model::files::{FileOptions, Object};
use forebay_model::mapping::MappingSet;
use forebay_model::table::{TableCommit, TableRows, TableState};
use forebay_model::xdm::{FieldTree, Type};
use forebay_model::{Result, Time};
use forebay_sources::Remote;
use futures::stream::BoxStream;
use serde_json::Value;
use std::ops::Range;

/// Answers that need the data engine.
#[async_trait]
pub trait Engine: Send + Sync {
    /// The columns and at most `limit` first rows of one object. Without options they are found out.
    async fn sample(
        &self,
        remote: &Remote,
        object: &Object,
        options: Option<FileOptions>,
        limit: usize,
    ) -> Result<Sample>;

    /// What a mapping set makes of records, as a run would: in their order, each with what is to be told about it.
    async fn evaluate(&self, set: MappingSet, target: FieldTree, records: Vec<Value>, now: Time)
    -> Result<Vec<Mapped>>;

    /// At most `limit` rows of a table, as JSON; none before its first commit.
    async fn read(&self, table: &str, schema: &FieldTree, limit: usize) -> Result<Vec<Value>>;

    /// The objects below a folder of the lake, in the order of their names; none if there is no such folder.
    async fn list(&self, folder: &str) -> Result<Vec<Stored>>;

    /// The files that a batch committed to a table, in the order of their names.
    async fn files(&self, table: &str, batch: &str) -> Result<Vec<Stored>>;

    /// The bytes of an object of the lake, or a range of them (inside the object: the caller has checked it).
    async fn bytes(&self, path: &str, range: Option<Range<u64>>) -> Result<BoxStream<'static, Result<Bytes>>>;

    /// Writes an object of the lake, of whatever size, in little memory; answers its bytes. It is there as a whole or, when
    /// the body or the lake fails, not at all.
    async fn stage(&self, path: &str, body: BoxStream<'static, Result<Bytes>>) -> Result<u64>;

    /// Removes objects of the lake that nobody needs. One that stays is no failure.
    async fn discard(&self, paths: &[String]);

    /// What a table's log says of its newest version; none before its first commit. Reads no rows.
    async fn describe(&self, table: &str) -> Result<Option<TableState>>;

    /// At most `limit` commits of a table, the newest first; only those before a version, if one is given.
    async fn history(&self, table: &str, before: Option<u64>, limit: usize) -> Result<Vec<TableCommit>>;

    /// At most `limit` rows of a table as one of its versions has them (`None`: the newest), and its columns.
    /// `NotFound` for a version that is not there, or no more.
    async fn read_at(&self, table: &str, version: Option<u64>, limit: usize) -> Result<TableRows>;

    /// Where other programs find a folder of the lake: an absolute path or a URI.
    fn address(&self, folder: &str) -> String;

    /// The machine and the program that the engine runs in.
    async fn host(&self) -> Result<Host>;
}

/// The machine and the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// When the program started.
    pub started: Time,
    /// The data folder.
    pub folder: String,
    /// Bytes that are free there, and all there are; none where that is not known.
    pub space: Option<(u64, u64)>,
    /// What the program was configured with, each secret masked.
    pub configuration: String,
}

/// A record, mapped.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapped {
    /// The target's fields; nulls are left out.
    pub row: Value,
    /// What did not convert, and what is required and missing.
    pub findings: Vec<Finding>,
    /// A run would not store it.
    pub rejected: bool,
}

/// The first rows of a file, and what it looks like.
#[derive(Debug, Clone)]
pub struct Sample {
    /// How its bytes were read.
    pub options: FileOptions,
    /// Rows are documents rather than flat records.
    pub hierarchical: bool,
    /// Its columns.
    pub columns: Vec<SampleColumn>,
    /// Its first rows, as objects.
    pub rows: Vec<Value>,
}

/// A column of a sample.
#[derive(Debug, Clone)]
pub struct SampleColumn {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// An object of the lake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its path from the lake's root.
    pub path: String,
    /// Its name below the folder that was asked for.
    pub name: String,
    /// Bytes.
    pub size: u64,
}
