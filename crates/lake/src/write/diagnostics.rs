//! Row errors as JSON lines (platform.md §6): an unparsable record with its raw text, any other with its own columns.

use super::{Diagnostics, Found};
use crate::error::failed;
use forebay_model::Result;
use forebay_model::event::Finding;
use object_store::ObjectStore;
use object_store::buffered::BufWriter;
use object_store::path::Path;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

/// A new file is begun past this many bytes, so that each can be shown and fetched.
const FILE_SIZE: u64 = 32 << 20;
/// What is held before it is put; the smallest part that S3 takes.
const BUFFER: usize = 5 << 20;

/// A record with something to say about it.
pub(super) struct Line {
    pub rejected: bool,
    pub file: String,
    pub line: u64,
    pub findings: Vec<Finding>,
    pub columns: Option<Map<String, Value>>,
    pub raw: Option<String>,
}

impl Line {
    /// The line's JSON. A source column of the name of one of our members gives way to it.
    fn into_json(self) -> Value {
        let mut members = self.columns.unwrap_or_default();
        if let Some(raw) = self.raw {
            members.insert("_corrupt_record".into(), raw.into());
        }
        members.insert("_errors".into(), json!(self.findings));
        members.insert("_filename".into(), self.file.into());
        members.insert("_line".into(), self.line.into());
        members.insert("_rejected".into(), self.rejected.into());
        Value::Object(members)
    }
}

/// The diagnostics of one task.
pub(super) struct Lines {
    store: Arc<dyn ObjectStore>,
    folder: String,
    open: Option<Open>,
    pending: Vec<u8>,
}

struct Open {
    path: String,
    writer: BufWriter,
    lines: u64,
    bytes: u64,
    codes: BTreeMap<String, Found>,
}

impl Open {
    fn count(&mut self, line: &Line) {
        let mut counted = BTreeSet::new();
        for finding in &line.findings {
            if !counted.insert(&finding.code) {
                continue;
            }
            let found = self.codes.entry(finding.code.clone()).or_default();
            found.records += 1;
            if found.example.is_empty() {
                let column = finding.column.as_ref().map(|c| format!(", column {c}")).unwrap_or_default();
                found.example = format!("{} ({}, line {}{column})", finding.message, line.file, line.line);
            }
        }
    }
}

impl Lines {
    pub fn new(store: Arc<dyn ObjectStore>, folder: String) -> Lines {
        Lines {
            store,
            folder,
            open: None,
            pending: Vec::new(),
        }
    }

    /// Takes a line; it is written by the next [`Lines::flush`].
    pub fn add(&mut self, line: Line) -> Result<()> {
        let open = self.open.get_or_insert_with(|| {
            let path = format!("{}/part-{}.json", self.folder, uuid::Uuid::new_v4());
            let writer =
                BufWriter::with_capacity(self.store.clone(), Path::from(path.as_str()), BUFFER)
                    .with_max_concurrency(1);
            Open {
                path,
                writer,
                lines: 0,
                bytes: 0,
                codes: BTreeMap::new(),
            }
        });
        open.count(&line);
        serde_json::to_writer(&mut self.pending, &line.into_json())
            .map_err(|e| failed(e, "A row error could not be said in JSON."))?;
        self.pending.push(b'\n');
        open.lines += 1;
        Ok(())
    }

    /// Writes what was taken. Gives back a file that this made complete.
    pub async fn flush(&mut self) -> Result<Option<Diagnostics>> {
        let Some(open) = &mut self.open else {
            return Ok(None);
        };
        open.writer
            .write_all(&self.pending)
            .await
            .map_err(|e| unwritten(e, &open.path))?;
        open.bytes += self.pending.len() as u64;
        self.pending.clear();
        if open.bytes < FILE_SIZE {
            return Ok(None);
        }
        self.close().await
    }

    /// Completes the open file, if there is one.
    pub async fn close(&mut self) -> Result<Option<Diagnostics>> {
        let Some(mut open) = self.open.take() else {
            return Ok(None);
        };
        open.writer
            .write_all(&self.pending)
            .await
            .map_err(|e| unwritten(e, &open.path))?;
        self.pending.clear();
        open.writer
            .shutdown()
            .await
            .map_err(|e| unwritten(e, &open.path))?;
        Ok(Some(Diagnostics {
            path: open.path,
            lines: open.lines,
            codes: open.codes,
        }))
    }

    /// Gives the open file up.
    pub async fn abort(&mut self) {
        if let Some(mut open) = self.open.take() {
            let _ = open.writer.abort().await;
        }
    }
}

fn unwritten(error: std::io::Error, path: &str) -> forebay_model::Error {
    failed(
        error,
        format!("The lake could not write the diagnostics {path}."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use forebay_model::code;

    #[track_caller]
    fn check(columns: Option<Value>, raw: Option<&str>, rejected: bool, expected: Expect) {
        let finding = Finding {
            value: Some("abc".into()),
            ..Finding::new(&code::FLOW_1400, "not a number")
        };
        let line = Line {
            rejected,
            file: "a.csv".into(),
            line: 12,
            findings: vec![Finding {
                column: Some("age".into()),
                ..finding
            }],
            columns: columns.and_then(|c| c.as_object().cloned()),
            raw: raw.map(str::to_string),
        };
        expected.assert_eq(&line.into_json().to_string());
    }

    #[test]
    fn an_unparsable_record_shows_its_raw_text() {
        check(
            None,
            Some("1,\"x"),
            true,
            expect![[
                r#"{"_corrupt_record":"1,\"x","_errors":[{"code":"FLOW-1400-500","message":"not a number","column":"age","value":"abc"}],"_filename":"a.csv","_line":12,"_rejected":true}"#
            ]],
        );
    }

    #[test]
    fn a_parsed_record_shows_its_own_columns() {
        check(
            Some(json!({"id": "1", "age": "abc"})),
            None,
            false,
            expect![[
                r#"{"id":"1","age":"abc","_errors":[{"code":"FLOW-1400-500","message":"not a number","column":"age","value":"abc"}],"_filename":"a.csv","_line":12,"_rejected":false}"#
            ]],
        );
    }

    #[test]
    fn our_members_win_over_columns_of_the_same_name() {
        check(
            Some(json!({"_line": "x"})),
            None,
            true,
            expect![[
                r#"{"_line":12,"_errors":[{"code":"FLOW-1400-500","message":"not a number","column":"age","value":"abc"}],"_filename":"a.csv","_rejected":true}"#
            ]],
        );
    }
}
