//! What a batch's rows have to tell, as `_event` texts: one event for each row, however many its findings.

use super::read;
use super::sink::Failure;
use super::value::Value;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use forebay_model::code::{self, Code};
use forebay_model::event::{EVENT, Event, FILE, Finding, LINE, PART};
use forebay_model::mapping::ast::FieldPath;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A raw value is cut at this many bytes.
const MAX_VALUE: usize = 1024;

/// Findings by row.
#[derive(Debug, Default)]
pub struct Findings(BTreeMap<usize, (bool, Vec<Finding>)>);

impl Findings {
    /// A value did not convert: the row is stored with a null.
    pub fn convert(&mut self, path: &str, failure: Failure) {
        let column = format!("{path}{}", failure.below);
        let code = if failure.reason.limit { &code::MAPPER_3701 } else { &code::MAPPER_3700 };
        let mut finding = Finding::new(code, format!("{column} is null: {}", failure.reason));
        finding.column = Some(column);
        finding.value = failure.value.map(cut);
        self.0.entry(failure.row).or_default().1.push(finding);
    }

    /// A required field is null: the row is not stored.
    pub fn reject(&mut self, row: usize, path: String) {
        let mut finding = Finding::new(&code::INGEST_1555, format!("the required field {path} is empty"));
        finding.column = Some(path);
        self.add(row, finding);
    }

    /// A row that cannot be stored for another reason.
    pub fn refuse(&mut self, row: usize, code: &'static Code, why: String) {
        self.add(row, Finding::new(code, why));
    }

    fn add(&mut self, row: usize, finding: Finding) {
        let (rejected, findings) = self.0.entry(row).or_default();
        *rejected = true;
        findings.push(finding);
    }

    /// The `_event` column: these findings, and the events that came in.
    pub fn column(self, origin: &Origin<'_>, events: Option<&ArrayRef>) -> Result<ArrayRef, ArrowError> {
        let rows = origin.batch.num_rows();
        if let (true, Some(events)) = (self.0.is_empty(), events) {
            return read::cast(events, &DataType::Utf8);
        }
        let events = events.map(|events| read::cast(events, &DataType::Utf8)).transpose()?;
        let mut texts = StringBuilder::new();
        let mut mine = self.0.into_iter().peekable();
        for row in 0..rows {
            let came = events
                .as_ref()
                .filter(|events| events.is_valid(row))
                .map(|events| events.as_string::<i32>().value(row));
            match (came, mine.next_if(|(at, _)| *at == row)) {
                (Some(text), _) => texts.append_value(text),
                (None, Some((_, (rejected, findings)))) => texts.append_value(origin.event(row, rejected, findings)),
                (None, None) => texts.append_null(),
            }
        }
        Ok(Arc::new(texts.finish()))
    }
}

/// Where a batch's rows come from.
#[derive(Debug)]
pub struct Origin<'a> {
    batch: &'a RecordBatch,
}

impl<'a> Origin<'a> {
    /// The rows of a scan's batch.
    pub fn new(batch: &'a RecordBatch) -> Origin<'a> {
        Origin { batch }
    }

    fn event(&self, row: usize, rejected: bool, findings: Vec<Finding>) -> String {
        let file = self.value(FILE, row).text().unwrap_or_default().into_owned();
        let line = self.value(LINE, row).number().and_then(|n| n.whole()).unwrap_or(0).unsigned_abs();
        let event = Event::Record { rejected, file, line, findings, columns: Some(self.columns(row)), raw: None };
        serde_json::to_string(&event).expect("an event has text keys and finite numbers only")
    }

    fn value(&self, column: &str, row: usize) -> Value<'a> {
        self.batch.column_by_name(column).map_or(Value::Null, |array| read::at(array, row))
    }

    /// The record as it was read.
    fn columns(&self, row: usize) -> Map<String, Json> {
        let mut columns = Map::new();
        for (field, array) in self.batch.schema_ref().fields().iter().zip(self.batch.columns()) {
            if ![PART, FILE, LINE, EVENT].contains(&field.name().as_str()) {
                let name = field.name().parse::<FieldPath>().map_or_else(|_| field.name().clone(), |path| path.plain());
                columns.insert(name, read::at(array, row).json());
            }
        }
        columns
    }
}

/// Cut at a character's end.
fn cut(mut text: String) -> String {
    if text.len() > MAX_VALUE {
        text.truncate(text.floor_char_boundary(MAX_VALUE));
        text.shrink_to_fit();
    }
    text
}
