//! Decoding: bytes of a file, and what the scan says of them. Every case runs with the source's bytes in chunks of
//! 1, 7 and 65,536 bytes, which must make no difference.

mod compress;
mod csv;
mod json;
mod limits;
mod oracle;
mod parquet;
mod sample;

use bytes::Bytes;
use datafusion::arrow::array::{Array, AsArray, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema, UInt32Type, UInt64Type};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::catalog::memory::{DataSourceExec, MemorySourceConfig};
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use expect_test::Expect;
use forebay_ingest::decode::{Objects, ScanExec, ScanSpec};
use forebay_model::event::{EVENT, Event, FILE, LINE, PART};
use forebay_model::files::{FileOptions, Format, Object, Part};
use forebay_model::mapping::ast::{FieldPath, Step};
use forebay_model::{Error, Kind};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

/// Objects in memory, given out in chunks.
#[derive(Debug, Clone)]
pub struct Memory {
    objects: BTreeMap<String, Bytes>,
    chunk: usize,
}

impl Memory {
    pub fn one(key: &str, bytes: impl Into<Bytes>, chunk: usize) -> (Arc<dyn Objects>, Object) {
        let bytes = bytes.into();
        let object = object(key, bytes.len());
        (Arc::new(Memory { objects: BTreeMap::from([(key.to_string(), bytes)]), chunk }), object)
    }
}

pub fn object(key: &str, size: usize) -> Object {
    Object { bucket: "b".into(), key: key.into(), size: size as u64, etag: "\"1\"".into(), modified: 0 }
}

impl Objects for Memory {
    fn read(&self, object: &Object, range: Option<Range<u64>>) -> BoxStream<'static, Result<Bytes, Error>> {
        let Some(bytes) = self.objects.get(&object.key).filter(|_| object.etag == "\"1\"") else {
            let error = Error::new(Kind::Stale, &forebay_model::code::FLOW_1101, format!("{} changed", object.key));
            return futures::stream::iter([Err(error)]).boxed();
        };
        let bytes = match range {
            Some(range) => bytes.slice(range.start as usize..range.end as usize),
            None => bytes.clone(),
        };
        let chunk = self.chunk;
        futures::stream::unfold(bytes, move |mut rest| async move {
            let first = rest.split_to(chunk.min(rest.len()));
            (!first.is_empty()).then_some((Ok(first), rest))
        })
        .boxed()
    }
}

/// A path of names, from `a.b`, with `[0]` for elements.
pub fn path(text: &str) -> FieldPath {
    let mut steps = Vec::new();
    for name in text.split('.') {
        let (name, indexes) = name.split_at(name.find('[').unwrap_or(name.len()));
        steps.push(Step::Name(name.to_string()));
        for index in indexes.split('[').skip(1) {
            steps.push(Step::Index(index.trim_end_matches(']').parse().unwrap()));
        }
    }
    FieldPath(steps)
}

pub fn delimited() -> FileOptions {
    FileOptions::default()
}

pub fn json() -> FileOptions {
    FileOptions { format: Format::Json, ..FileOptions::default() }
}

/// Runs the scan over one partition of parts.
pub fn stream(
    spec: ScanSpec,
    objects: Arc<dyn Objects>,
    parts: &[Part],
) -> Result<SendableRecordBatchStream, DataFusionError> {
    let schema = Arc::new(Schema::new(vec![Field::new("part", DataType::Utf8, false)]));
    let rows: Vec<String> = parts.iter().map(|part| serde_json::to_string(part).unwrap()).collect();
    let table = RecordBatch::try_new(schema.clone(), vec![Arc::new(StringArray::from(rows))])?;
    let child = DataSourceExec::from_data_source(MemorySourceConfig::try_new(&[vec![table]], schema, None)?);
    let plan: Arc<dyn ExecutionPlan> = Arc::new(ScanExec::new(spec, objects, child));
    plan.execute(0, SessionContext::new().task_ctx())
}

/// The same, to its end.
pub async fn scan(
    spec: ScanSpec,
    objects: Arc<dyn Objects>,
    parts: &[Part],
) -> Result<Vec<RecordBatch>, DataFusionError> {
    stream(spec, objects, parts)?.try_collect().await
}

/// Scans one file and tells everything that came out, a line for each row.
pub async fn told(spec: ScanSpec, objects: Arc<dyn Objects>, object: Object) -> String {
    let mut text = String::new();
    match scan(spec, objects, &[Part { id: 7, object }]).await {
        Ok(batches) => {
            for batch in &batches {
                tell(batch, &mut text);
            }
        }
        Err(error) => {
            let DataFusionError::External(error) = error else { panic!("not ours: {error}") };
            let error = error.downcast::<Error>().expect("one of ours");
            assert!(error.at.is_some() || error.kind == Kind::Stale, "no place: {error}");
            writeln!(text, "{:?}: {error}", error.kind).unwrap();
        }
    }
    text
}

fn tell(batch: &RecordBatch, text: &mut String) {
    let column = |name| batch.column_by_name(name).unwrap();
    let (events, lines) = (column(EVENT).as_string::<i32>(), column(LINE).as_primitive::<UInt64Type>());
    let files = column(FILE).as_dictionary::<Int32Type>().downcast_dict::<StringArray>().unwrap();
    let options = FormatOptions::default().with_null("∅");
    for row in 0..batch.num_rows() {
        assert_eq!(column(PART).as_primitive::<UInt32Type>().value(row), 7);
        let file = files.values().value(files.keys().value(row) as usize);
        let entry = file.split_once('#').map(|(_, entry)| format!("{entry}:")).unwrap_or_default();
        if events.is_null(row) {
            let mut values = Vec::new();
            for at in 0..batch.num_columns() - 4 {
                let formatter = ArrayFormatter::try_new(batch.column(at), &options).unwrap();
                values.push(format!("{}", formatter.value(row)));
            }
            writeln!(text, "{entry}{} {}", lines.value(row), plain(&values.join(" | "))).unwrap();
            continue;
        }
        match serde_json::from_str(events.value(row)).unwrap() {
            Event::Record { rejected, file: named, line, findings, columns, raw } => {
                assert!(rejected && named == file && line == lines.value(row) && columns.is_none());
                let raw = raw.unwrap_or_default();
                let raw: String = raw.chars().take(40).collect();
                writeln!(text, "{entry}{line} REJECTED {}: {} {raw:?}", findings[0].code, findings[0].message).unwrap();
            }
            Event::End { records, bytes, findings } => {
                writeln!(text, "end: {records} records, {bytes} bytes").unwrap();
                for finding in findings {
                    writeln!(text, "  {}: {}", finding.code, finding.message).unwrap();
                }
            }
        }
    }
}

/// With what is not visible escaped.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in text.chars() {
        match c {
            '\u{2028}' => plain.push_str("\\u{2028}"),
            c if c.is_control() => plain.extend(c.escape_default()),
            c => plain.push(c),
        }
    }
    plain
}

/// Runs to the end, on a thread of its own for what blocks.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// One file, whatever the chunks.
#[track_caller]
pub fn check_file(key: &str, bytes: &[u8], options: FileOptions, columns: &str, expected: Expect) {
    let columns: Vec<FieldPath> = columns.split_whitespace().map(path).collect();
    let mut seen: Option<String> = None;
    for chunk in [1, 7, 64 << 10] {
        let (objects, object) = Memory::one(key, bytes.to_vec(), chunk);
        let spec = ScanSpec::new(options.clone(), columns.clone());
        let text = run(told(spec, objects, object));
        if let Some(seen) = &seen {
            assert_eq!(seen, &text, "chunks of {chunk}");
        }
        seen = Some(text);
    }
    expected.assert_eq(&seen.unwrap());
}
