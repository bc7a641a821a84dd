//! The rare-event channel of a promotion: one nullable text column, `_event`, that runs beside the rows from the
//! scan through the mapping to the writer. Null means an ordinary row. Everything that is not an ordinary row
//! (a record that cannot be parsed, a row that is rejected, a value that did not convert, the end of a part)
//! is one [`Event`] as JSON there. So the ordinary path pays for nothing but an empty null buffer.
//!
//! Metadata columns, always last: scan output has [`PART`], [`FILE`], [`LINE`], [`EVENT`]; mapping output has
//! [`PART`], [`EVENT`]. Rows that are staged for a merge have [`VERSION`], [`SEQUENCE`], [`DELETED`] before those two.

use crate::code::Code;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// UInt32: the part's id.
pub const PART: &str = "_part";
/// Dictionary(Int32, Utf8): the object's key (`archive.zip#entry` inside archives), one value a batch.
pub const FILE: &str = "_file";
/// UInt64: first physical line of the record, from 1; row number in formats without lines.
pub const LINE: &str = "_line";
/// Utf8, nullable: an [`Event`] as JSON, or null for an ordinary row.
pub const EVENT: &str = "_event";

/// Int64: when the record was modified at its source, epoch milliseconds. A merged table keeps it beside its own
/// columns: a row is replaced only by one that is at least as new.
pub const VERSION: &str = "_forebay_version";
/// Int64: the record's place in its run, `part id << 40 | row`. Of two records of one version the later one counts.
pub const SEQUENCE: &str = "_forebay_sequence";
/// Boolean: the record says that its key is to be deleted.
pub const DELETED: &str = "_forebay_deleted";

/// Something about a record, said in the diagnostics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// `INGEST-1401-400`, `MAPPER-3700-400`, ….
    pub code: String,
    /// Why, in the caller's words.
    pub message: String,
    /// The target or source column, where one is to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The raw value, cut at 1 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl Finding {
    /// A finding with no column.
    pub fn new(code: &'static Code, message: impl Into<String>) -> Finding {
        Finding { code: code.id.to_string(), message: message.into(), column: None, value: None }
    }
}

/// What is not an ordinary row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "camelCase")]
pub enum Event {
    /// A record that is rejected (`rejected`), or one that is stored with nulls where values did not convert.
    Record {
        /// Not stored.
        rejected: bool,
        /// The object's key.
        file: String,
        /// First physical line, from 1.
        line: u64,
        /// What is wrong; never empty.
        findings: Vec<Finding>,
        /// The record's source columns, where it could be parsed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        columns: Option<Map<String, Value>>,
        /// The record's raw text, cut at 8 KiB, where it could not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        raw: Option<String>,
    },
    /// The part is read to its end. Exactly one per part, the part's last row; it stands for no record.
    End {
        /// Records read, rejected ones included.
        records: u64,
        /// Bytes read from the source.
        bytes: u64,
        /// About the file as a whole, such as a mapped column that its header lacks. Not counted as failed records.
        #[serde(default)]
        findings: Vec<Finding>,
    },
}
