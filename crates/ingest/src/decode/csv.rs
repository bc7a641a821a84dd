//! Delimited text to text columns: one header line, then records.
//!
//! - An empty unquoted field is null, a quoted empty field is the empty text.
//! - Blank lines are skipped. Records with more or fewer fields than the header, with text behind a closing quote,
//!   with bytes of an asked column that are not in the file's encoding, or beyond the limits are rejected, each by
//!   its first physical line.
//! - A quote that is still open at the file's end rejects the record where it is the last line, and refuses the
//!   file where it swallowed lines: nobody can tell which of them were records.
//! - Only asked columns are built.

mod header;
mod records;
mod spans;

use super::batch::Output;
use super::compress::Entry;
use super::{Flow, Halt, MAX_COLUMNS, unreadable_at};
use datafusion::arrow::array::StringBuilder;
use forebay_model::event::Finding;
use forebay_model::mapping::ast::FieldPath;
use forebay_model::{Error, Kind, code};
use records::{Next, Record, Records};
use spans::Span;

/// Fields that are cut before they are copied; what they take stays in the processor's cache.
const GROUP_FIELDS: usize = 16 << 10;

/// Decodes the entry, which is UTF-8, into the output's text columns: one for each of `asked`.
pub(crate) fn decode(mut input: Entry<'_>, delimiter: u8, asked: &[FieldPath], out: &mut Output) -> Flow {
    header::check_delimiter(delimiter, &input.file)?;
    let mut records = Records::new(&mut input, delimiter);
    let Some(names) = names(&mut records)? else { return Ok(()) };
    let line = records.good[0].line;
    let (places, findings) = header::places(asked, &names, records.file(), line)?;
    for finding in findings {
        out.finding(finding);
    }
    let mut fresh = out.met.as_ref().is_some_and(|met| met.header(&names));
    let group = (GROUP_FIELDS / names.len()).clamp(1, 1024);
    loop {
        match records.next(names.len(), group.min(out.room()))? {
            Next::Good => {
                if std::mem::take(&mut fresh) {
                    show(&records, &names, out);
                }
                copy(&records, &names, &places, out)?;
            }
            Next::Bad(bad) => out.reject(bad.line, Finding::new(&code::INGEST_1401, bad.why), &bad.raw)?,
            Next::End => return Ok(()),
        }
    }
}

/// The first record, for whoever notes what is in the columns.
fn show(records: &Records<'_, '_>, names: &[String], out: &Output) {
    let Some(met) = &out.met else { return };
    let text = |span: &Span| super::batch::cut(&records.window()[span.range()], 256);
    met.values(names.iter().map(String::as_str).zip(records.spans.iter().map(text)));
}

/// The names and the rows of a preview.
pub(crate) type Preview = (Vec<String>, Vec<Vec<Option<String>>>);

/// Rows of a preview: the header, and up to `limit` good records. `cut`: the input was cut off, so what stands at its
/// end means nothing.
pub(crate) fn preview(mut input: Entry<'_>, delimiter: u8, limit: usize, cut: &dyn Fn() -> bool) -> Flow<Preview> {
    header::check_delimiter(delimiter, &input.file)?;
    let mut records = Records::new(&mut input, delimiter);
    let Some(names) = names(&mut records)? else { return Ok((Vec::new(), Vec::new())) };
    let mut rows: Vec<Vec<Option<String>>> = Vec::new();
    while rows.len() < limit {
        let next = match records.next(names.len(), limit - rows.len()) {
            // The good records before the fault are a preview too.
            Err(Halt::Failed(_)) if cut() || !rows.is_empty() => break,
            next => next?,
        };
        match next {
            Next::Good => {
                for at in 0..records.good.len() {
                    let spans = &records.spans[at * names.len()..(at + 1) * names.len()];
                    let fields = spans.iter().map(|span| {
                        let raw = &records.window()[span.range()];
                        let text = std::str::from_utf8(raw).ok()?;
                        let text = if span.doubled() { text.replace("\"\"", "\"") } else { text.to_string() };
                        Some(Some(text).filter(|_| !span.missing()))
                    });
                    // A record that is not in the encoding is no good record.
                    if let Some(row) = fields.collect() {
                        rows.push(row);
                    }
                }
            }
            Next::Bad(_) => {}
            Next::End => break,
        }
    }
    if cut() && rows.len() < limit {
        rows.pop();
    }
    Ok((names, rows))
}

/// How many fields the first records have.
pub(crate) fn shape(text: &[u8], delimiter: u8, records: usize) -> Flow<Vec<usize>> {
    let fail = |e| Halt::from(Error::internal("bytes in memory cannot be read").caused_by(e));
    let mut entry = Entry { file: String::new(), compression: None, reader: Box::new(text), fail: &fail };
    let mut found = Records::new(&mut entry, delimiter);
    let mut fields = Vec::new();
    while fields.len() < records {
        match found.header(0) {
            Ok(Some(Ok(count))) => fields.push(count),
            // One that is spoilt agrees with no other.
            Ok(Some(Err(_))) => fields.push(0),
            Ok(None) | Err(_) => break,
        }
    }
    Ok(fields)
}

/// The header's names; none when the file has no record at all.
fn names(records: &mut Records<'_, '_>) -> Flow<Option<Vec<String>>> {
    let fields = match records.header(MAX_COLUMNS)? {
        None => return Ok(None),
        Some(Ok(fields)) => fields,
        Some(Err(bad)) => {
            let message = format!("the header of {} cannot be read: {}", records.file(), bad.why);
            return Err(unreadable_at(records.file(), bad.line, message).into());
        }
    };
    if fields > MAX_COLUMNS {
        let message = format!("{} has {fields} columns; {MAX_COLUMNS} is the limit", records.file());
        let error = unreadable_at(records.file(), records.good[0].line, message);
        return Err(Error { kind: Kind::TooLarge, ..error }
            .advice("Check the delimiter, or split the file by columns.")
            .into());
    }
    let mut names = Vec::with_capacity(fields);
    for span in &records.spans {
        let name = String::from_utf8_lossy(&records.window()[span.range()]).into_owned();
        names.push(if span.doubled() { name.replace("\"\"", "\"") } else { name });
    }
    Ok(Some(names))
}

/// Copies a group of good records into the columns.
fn copy(records: &Records<'_, '_>, names: &[String], places: &[Option<usize>], out: &mut Output) -> Flow {
    let (Some(first), Some(last)) = (records.good.first(), records.good.last()) else { return Ok(()) };
    let start = first.text.start;
    let group = &records.window()[start..last.text.end];
    // Usually one fast pass over the whole group proves every field in it.
    let Ok(text) = std::str::from_utf8(group) else { return copy_one_by_one(records, names, places, out) };
    for (column, place) in out.text.iter_mut().zip(places) {
        match place {
            None => append_nulls(column, records.good.len()),
            Some(place) => append(column, text, start, records.spans[*place..].iter().step_by(names.len())),
        }
    }
    out.rows(records.good.iter().map(|record| record.line))
}

fn append<'s>(column: &mut StringBuilder, text: &str, start: usize, spans: impl Iterator<Item = &'s Span>) {
    for span in spans {
        let range = span.range();
        if span.missing() {
            column.append_null();
        } else if span.doubled() {
            append_doubled(column, &text[range.start - start..range.end - start]);
        } else {
            column.append_value(&text[range.start - start..range.end - start]);
        }
    }
}

/// A field whose every quote is doubled, written piece by piece with one of each two.
fn append_doubled(column: &mut StringBuilder, mut text: &str) {
    while let Some(at) = memchr::memchr(b'"', text.as_bytes()) {
        write(column, &text[..=at]);
        text = text.get(at + 2..).unwrap_or("");
    }
    write(column, text);
    column.append_value("");
}

/// A piece of the value that is appended next.
fn write(column: &mut StringBuilder, piece: &str) {
    std::fmt::Write::write_str(column, piece).expect("a column takes any text");
}

fn append_nulls(column: &mut StringBuilder, rows: usize) {
    for _ in 0..rows {
        column.append_null();
    }
}

/// The same where some bytes of the group are not UTF-8: the records at fault are rejected, the others stored.
fn copy_one_by_one(records: &Records<'_, '_>, names: &[String], places: &[Option<usize>], out: &mut Output) -> Flow {
    for (record, spans) in records.good.iter().zip(records.spans.chunks_exact(names.len())) {
        match malformed(records.window(), spans, places) {
            Some(place) => {
                let why = format!("the field is not valid in the file's encoding (column {})", names[place]);
                let mut finding = Finding::new(&code::INGEST_1401, why);
                finding.column = Some(names[place].clone());
                finding.value = Some(super::batch::cut(&records.window()[spans[place].range()], 1 << 10));
                out.reject(record.line, finding, &records.window()[record.text.clone()])?;
            }
            None => copy_one(records, record, spans, places, out)?,
        }
    }
    Ok(())
}

fn malformed(window: &[u8], spans: &[Span], places: &[Option<usize>]) -> Option<usize> {
    places.iter().flatten().copied().find(|&place| std::str::from_utf8(&window[spans[place].range()]).is_err())
}

fn copy_one(
    records: &Records<'_, '_>,
    record: &Record,
    spans: &[Span],
    places: &[Option<usize>],
    out: &mut Output,
) -> Flow {
    for (column, place) in out.text.iter_mut().zip(places) {
        let Some(place) = place else {
            column.append_null();
            continue;
        };
        let range = spans[*place].range();
        let text = std::str::from_utf8(&records.window()[range.clone()]).expect("checked just before");
        append(column, text, range.start, std::iter::once(&spans[*place]));
    }
    out.rows([record.line])
}
