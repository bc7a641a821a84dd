//! Decoded rows on their way out: text columns are collected here and sent as batches of bounded rows and bytes.
//! The metadata columns of `model::event` are made here and nowhere else; a part's End event is always its last row.

use super::{BATCH_BYTES, Flow, Met};
use datafusion::arrow::array::{
    ArrayBuilder, ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray, StringBuilder, UInt32Array,
    UInt64Array, new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use forebay_model::Error;
use forebay_model::event::{EVENT, Event, FILE, Finding, LINE, PART};
use std::sync::Arc;

/// Raw text of a rejected record that is kept.
const RAW: usize = 8 << 10;

/// Takes the batches; says `Gone` when nobody wants more.
pub(crate) type Sink = Box<dyn FnMut(RecordBatch) -> Flow + Send>;

/// The scan's schema: source columns, then part, file, line and event.
pub(crate) fn schema(columns: impl IntoIterator<Item = (String, DataType)>) -> SchemaRef {
    let mut fields: Vec<Field> = columns.into_iter().map(|(name, ty)| Field::new(name, ty, true)).collect();
    fields.push(Field::new(PART, DataType::UInt32, false));
    fields.push(Field::new(FILE, DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into()), false));
    fields.push(Field::new(LINE, DataType::UInt64, false));
    fields.push(Field::new(EVENT, DataType::Utf8, true));
    Arc::new(Schema::new(fields))
}

/// The metadata columns of a scan.
const META: usize = 4;

/// What one part yields.
pub(crate) struct Output {
    schema: SchemaRef,
    sink: Sink,
    limit: usize,
    part: u32,
    /// The file that is decoded, as diagnostics name it.
    pub file: String,
    /// The text columns of the batch under way (unused by formats with types of their own).
    pub text: Vec<StringBuilder>,
    lines: Vec<u64>,
    events: Vec<(usize, String)>,
    records: u64,
    findings: Vec<Finding>,
    /// What is met by the way.
    pub met: Option<Arc<Met>>,
    told: u64,
}

impl Output {
    /// Rows of the part `part`, in batches of at most `limit` rows.
    pub fn new(schema: SchemaRef, part: u32, file: &str, limit: usize, sink: Sink) -> Output {
        let columns = schema.fields().len() - META;
        let text = (0..columns).map(|_| StringBuilder::new()).collect();
        let file = file.to_string();
        let (lines, events, findings) = (Vec::new(), Vec::new(), Vec::new());
        Output {
            schema,
            sink,
            limit: limit.max(1),
            part,
            file,
            text,
            lines,
            events,
            records: 0,
            findings,
            met: None,
            told: 0,
        }
    }

    /// With somebody who notes what is met by the way.
    pub fn meeting(self, met: Option<Arc<Met>>) -> Output {
        Output { met, ..self }
    }

    /// The type of a source column.
    pub fn type_of(&self, column: usize) -> &DataType {
        self.schema.field(column).data_type()
    }

    /// The most rows of a batch.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// From here on rows belong to another file of the part (the next entry of an archive).
    pub fn enter(&mut self, file: &str) -> Flow {
        self.flush()?;
        self.file = file.to_string();
        Ok(())
    }

    /// Rows that still fit into the batch; never 0.
    pub fn room(&self) -> usize {
        self.limit - self.lines.len()
    }

    /// Closes rows whose text columns were appended: one line number each.
    pub fn rows(&mut self, lines: impl IntoIterator<Item = u64>) -> Flow {
        let before = self.lines.len();
        self.lines.extend(lines);
        self.records += (self.lines.len() - before) as u64;
        self.settle()
    }

    /// A record that cannot be stored.
    pub fn reject(&mut self, line: u64, finding: Finding, raw: &[u8]) -> Flow {
        self.records += 1;
        let event = Event::Record {
            rejected: true,
            file: self.file.clone(),
            line,
            findings: vec![finding],
            columns: None,
            raw: (!raw.is_empty()).then(|| cut(raw, RAW)),
        };
        self.event(line, &event)?;
        self.settle()
    }

    /// Something about the file as a whole, told at the part's end.
    pub fn finding(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Rows with columns of their own types, complete.
    pub fn columns(&mut self, columns: Vec<ArrayRef>, lines: Vec<u64>) -> Flow {
        self.flush()?;
        self.records += lines.len() as u64;
        if lines.is_empty() {
            return Ok(());
        }
        self.send(columns, lines, Vec::new())
    }

    /// The part's last row.
    pub fn end(mut self, bytes: u64) -> Flow {
        let findings = std::mem::take(&mut self.findings);
        let event = Event::End { records: self.records, bytes, findings };
        self.event(0, &event)?;
        self.flush()
    }

    /// Sends what is there.
    pub fn flush(&mut self) -> Flow {
        if self.lines.is_empty() {
            return Ok(());
        }
        let rows = self.lines.len();
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for at in 0..self.text.len() {
            let column: ArrayRef = match self.schema.field(at).data_type() {
                DataType::Utf8 => {
                    let (rows, bytes) = (self.text[at].len(), self.text[at].values_slice().len());
                    let next = StringBuilder::with_capacity(rows, bytes + bytes / 8);
                    Arc::new(std::mem::replace(&mut self.text[at], next).finish())
                }
                other => new_null_array(other, rows),
            };
            columns.push(column);
        }
        let (lines, events) = (std::mem::take(&mut self.lines), std::mem::take(&mut self.events));
        self.send(columns, lines, events)
    }

    /// A row with nothing but an event.
    fn event(&mut self, line: u64, event: &Event) -> Flow {
        for column in &mut self.text {
            column.append_null();
        }
        let text = serde_json::to_string(event).expect("an event has only text keys");
        self.events.push((self.lines.len(), text));
        self.lines.push(line);
        Ok(())
    }

    fn settle(&mut self) -> Flow {
        let rows = self.lines.len();
        let text: usize = self.text.iter().map(|column| column.values_slice().len() + 4 * rows).sum();
        if rows >= self.limit || text >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    fn send(&mut self, mut columns: Vec<ArrayRef>, lines: Vec<u64>, events: Vec<(usize, String)>) -> Flow {
        if let Some(met) = &self.met {
            met.rows(self.records - self.told);
            self.told = self.records;
        }
        let rows = lines.len();
        let file: ArrayRef = Arc::new(StringArray::from(vec![self.file.as_str()]));
        columns.push(Arc::new(UInt32Array::from(vec![self.part; rows])));
        columns.push(Arc::new(DictionaryArray::<Int32Type>::new(Int32Array::from(vec![0; rows]), file)));
        columns.push(Arc::new(UInt64Array::from(lines)));
        columns.push(Arc::new(sparse(rows, events)));
        let batch = RecordBatch::try_new(self.schema.clone(), columns)
            .map_err(|e| Error::internal("decoded columns do not fit their schema").caused_by(e))?;
        (self.sink)(batch)
    }
}

fn sparse(rows: usize, events: Vec<(usize, String)>) -> StringArray {
    if events.is_empty() {
        return StringArray::new_null(rows);
    }
    let mut column = StringBuilder::with_capacity(rows, events.iter().map(|(_, text)| text.len()).sum());
    for (row, text) in events {
        while column.len() < row {
            column.append_null();
        }
        column.append_value(text);
    }
    while column.len() < rows {
        column.append_null();
    }
    column.finish()
}

/// Raw bytes as text of at most `limit` bytes (and a character's rest).
pub(crate) fn cut(raw: &[u8], limit: usize) -> String {
    let text = String::from_utf8_lossy(&raw[..raw.len().min(limit)]);
    let mut text = text.into_owned();
    // A character cut in two at the limit is no finding of ours.
    if raw.len() > limit && text.ends_with('\u{FFFD}') {
        text.pop();
    }
    text
}
