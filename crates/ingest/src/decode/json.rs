//! JSON documents to text columns: one document a line, an array of documents, or documents behind each other; which
//! one it is, the first bytes tell.
//!
//! A string becomes its characters; numbers, truth values and composites become their JSON text as it is written (so
//! a big integer loses nothing); null and missing become null. Only objects are records.

mod frame;
mod parse;
mod plan;

use super::batch::Output;
use super::compress::Entry;
use super::{Flow, Halt};
use datafusion::arrow::array::StringBuilder;
use forebay_model::code;
use forebay_model::event::Finding;
use forebay_model::mapping::ast::FieldPath;
use frame::Take;
use parse::{Fault, Slot};
use plan::Plan;
use serde_json::Value;
use std::collections::HashMap;

/// Decodes the entry, which is UTF-8, into the output's text columns: one for each of `asked`. With `blank_is_null` an
/// empty text is no value; with `lines` each line is a document.
pub(crate) fn decode(
    input: Entry<'_>,
    asked: &[FieldPath],
    blank_is_null: bool,
    lines: bool,
    out: &mut Output,
) -> Flow {
    let (asked, twins) = distinct(asked);
    let slots = vec![Slot::Null; asked.len()];
    frame::each_record(input, lines, &mut Rows { plan: Plan::new(&asked), slots, twins, blank_is_null, nth: 0, out })
}

/// Each path once, and for each column which of them it shows: two names may lie in one place.
fn distinct(asked: &[FieldPath]) -> (Vec<FieldPath>, Vec<usize>) {
    let mut paths: Vec<FieldPath> = Vec::with_capacity(asked.len());
    let mut slots = HashMap::with_capacity(asked.len());
    let mut twins = Vec::with_capacity(asked.len());
    for path in asked {
        let slot = *slots.entry(path).or_insert_with(|| {
            paths.push(path.clone());
            paths.len() - 1
        });
        twins.push(slot);
    }
    (paths, twins)
}

/// The first `limit` good documents.
pub(crate) fn preview(input: Entry<'_>, lines: bool, limit: usize) -> Flow<Vec<Value>> {
    let mut sample = Sample { plan: Plan::new(&[]), documents: Vec::new(), limit };
    match frame::each_record(input, lines, &mut sample) {
        Ok(()) => {}
        Err(Halt::Gone) if sample.documents.len() >= limit => {}
        // The good documents before the fault are a preview too.
        Err(Halt::Failed(_)) if !sample.documents.is_empty() => {}
        Err(halt) => return Err(halt),
    }
    Ok(sample.documents)
}

/// Whether a text begins as JSON records do; it may be cut off anywhere.
pub(crate) fn begins(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let first = text.first().copied();
    let line = text.split(|&byte| byte == b'\n').next().unwrap_or(text);
    let good = |text: &[u8]| matches!(parse::value(text, &mut Plan::new(&[]), &mut []), Ok(_) | Err(Fault::Short));
    matches!(first, Some(b'{' | b'[')) && (good(text) || good(line))
}

struct Rows<'o> {
    plan: Plan,
    slots: Vec<Slot>,
    /// For each column, its slot.
    twins: Vec<usize>,
    blank_is_null: bool,
    nth: usize,
    out: &'o mut Output,
}

impl Take for Rows<'_> {
    fn parse(&mut self, text: &[u8]) -> Result<usize, Fault> {
        parse::value(text, &mut self.plan, &mut self.slots)
    }

    fn take(&mut self, line: u64, text: &[u8]) -> Flow {
        if let Some(met) = &self.out.met {
            met.document(self.nth, text, self.blank_is_null);
            self.nth += 1;
        }
        let text = std::str::from_utf8(text).expect("records are checked before they are given");
        for (column, &slot) in self.out.text.iter_mut().zip(&self.twins) {
            match &self.slots[slot] {
                Slot::Text(range) if self.blank_is_null && range.is_empty() => column.append_null(),
                slot => append(column, text, slot),
            }
        }
        self.out.rows([line])
    }

    fn reject(&mut self, line: u64, why: String, raw: &[u8]) -> Flow {
        self.out.reject(line, Finding::new(&code::INGEST_1401, why), raw)
    }
}

#[inline]
fn append(column: &mut StringBuilder, text: &str, slot: &Slot) {
    match slot {
        Slot::Null => column.append_null(),
        Slot::Raw(range) | Slot::Text(range) => column.append_value(&text[range.clone()]),
        Slot::Escaped(range) => {
            // What is written goes before what is appended.
            parse::unescape(&text[range.clone()], column).expect("a column takes any text");
            column.append_value("");
        }
    }
}

struct Sample {
    plan: Plan,
    documents: Vec<Value>,
    limit: usize,
}

impl Take for Sample {
    fn parse(&mut self, text: &[u8]) -> Result<usize, Fault> {
        parse::value(text, &mut self.plan, &mut [])
    }

    fn take(&mut self, _: u64, text: &[u8]) -> Flow {
        // Numbers too large for serde are no good row of a preview.
        if let Ok(document) = serde_json::from_slice(text) {
            self.documents.push(document);
        }
        if self.documents.len() >= self.limit { Err(Halt::Gone) } else { Ok(()) }
    }

    fn reject(&mut self, _: u64, _: String, _: &[u8]) -> Flow {
        Ok(())
    }
}
