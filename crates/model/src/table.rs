//! What the log of a dataset's table tells of it: how large it is, who committed what, rows of a version.

use serde_json::Value;

/// A version of a table, by its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableState {
    /// Its number.
    pub version: u64,
    /// Data files.
    pub files: u64,
    /// Rows, as the files' statistics say; none where one has no statistics.
    pub rows: Option<u64>,
    /// Bytes of the data files.
    pub bytes: u64,
    /// When it was committed, epoch milliseconds.
    pub modified: Option<i64>,
}

/// A commit of a table, by its log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableCommit {
    /// The version that it made.
    pub version: u64,
    /// When, epoch milliseconds.
    pub at: i64,
    /// `WRITE`, `MERGE`, `OPTIMIZE` …; `FENCE` where a run only took its turn.
    pub operation: String,
    /// The run that committed.
    pub run: Option<String>,
    /// Its batch.
    pub batch: Option<String>,
    /// Rows in the files that it added; none where one has no statistics.
    pub added_rows: Option<u64>,
    /// Files that it added.
    pub added_files: u64,
    /// Files that it took away.
    pub removed_files: u64,
    /// Bytes of the files that it added.
    pub bytes: u64,
}

/// Rows of a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableRows {
    /// The version that they are of; none before the first commit.
    pub version: Option<u64>,
    /// Names and types of its columns.
    pub columns: Vec<(String, String)>,
    /// The rows.
    pub rows: Vec<Value>,
}
