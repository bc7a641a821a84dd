//! Loops of the functions of texts.

use super::super::functions::texts::{MAX_PADDED, span, unescaped};
use super::super::kernel::Input;
use super::super::kernel::MAX_BYTES;
use super::super::value::Value;
use super::{Numbers, Texts, bounded, each, truths};
use datafusion::arrow::array::{ArrayBuilder, ArrayRef, Int64Array, ListArray, StringBuilder};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Field};
use regex::Regex;
use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;

pub(super) fn cut(text: &Input, rows: usize, piece: fn(&str) -> &str) -> Option<ArrayRef> {
    each(Texts::of(text)?, rows, |text, out| {
        out.append_value(piece(text));
        Some(())
    })
}

pub(super) fn concat(inputs: &[Input], rows: usize) -> Option<ArrayRef> {
    let mut all = Vec::with_capacity(inputs.len());
    for input in inputs {
        all.push(Texts::of(input)?);
    }
    let bytes = all.iter().map(|text| text.bytes(rows)).sum::<usize>().min(MAX_BYTES);
    let mut out = StringBuilder::with_capacity(rows, bytes);
    for row in 0..rows {
        let before = out.values_slice().len();
        let mut any = false;
        for text in all.iter().filter_map(|text| text.get(row)) {
            any = true;
            out.write_str(text).ok()?;
        }
        if any {
            out.append_value("");
        } else {
            out.append_null();
        }
        bounded(&out, before)?;
    }
    Some(Arc::new(out.finish()))
}

pub(super) fn substr(text: &Input, start: i64, length: i64, rows: usize) -> Option<ArrayRef> {
    let start = usize::try_from(start).ok()?;
    let end = start.saturating_add(usize::try_from(length).ok()?);
    each(Texts::of(text)?, rows, |text, out| {
        if start > text.len() || (!text.is_ascii() && start > text.chars().count()) {
            return None;
        }
        out.append_value(span(text, start, end));
        Some(())
    })
}

pub(super) fn left(text: &Input, count: i64, rows: usize) -> Option<ArrayRef> {
    let count = usize::try_from(count).ok()?;
    each(Texts::of(text)?, rows, |text, out| {
        out.append_value(span(text, 0, count));
        Some(())
    })
}

pub(super) fn right(text: &Input, count: i64, rows: usize) -> Option<ArrayRef> {
    let count = usize::try_from(count).ok()?;
    each(Texts::of(text)?, rows, |text, out| {
        let characters = if text.is_ascii() { text.len() } else { text.chars().count() };
        out.append_value(span(text, characters.saturating_sub(count), characters));
        Some(())
    })
}

pub(super) fn replace(text: &Input, find: &str, by: &str, rows: usize) -> Option<ArrayRef> {
    if find.is_empty() {
        return None;
    }
    let finder = memchr::memmem::Finder::new(find);
    each(Texts::of(text)?, rows, |text, out| {
        let mut done = 0;
        for found in finder.find_iter(text.as_bytes()) {
            out.write_str(&text[done..found]).ok()?;
            out.write_str(by).ok()?;
            done = found + find.len();
        }
        out.append_value(&text[done..]);
        Some(())
    })
}

pub(super) fn pad(text: &Input, count: i64, by: &str, before: bool, rows: usize) -> Option<ArrayRef> {
    let count = usize::try_from(count).ok().filter(|n| *n <= MAX_PADDED)?;
    let fill: String = if by.is_empty() { " " } else { by }.chars().cycle().take(count).collect();
    each(Texts::of(text)?, rows, |text, out| {
        let characters = if text.is_ascii() { text.len() } else { text.chars().count() };
        let fill = span(&fill, 0, count.saturating_sub(characters));
        if before {
            out.write_str(fill).ok()?;
            out.append_value(text);
        } else {
            out.write_str(text).ok()?;
            out.append_value(fill);
        }
        Some(())
    })
}

pub(super) fn instr(text: &Input, wanted: &Input, rows: usize) -> Option<ArrayRef> {
    let (text, wanted) = (Texts::of(text)?, Texts::of(wanted)?);
    let mut out = Numbers::new(rows);
    for row in 0..rows {
        let both = text.get(row).zip(wanted.get(row));
        out.push(both.map(|(text, wanted)| match text.find(wanted) {
            Some(found) => text[..found].chars().count() as i64,
            None => -1,
        }));
    }
    Some(Arc::new(Int64Array::new(out.values.into(), out.nulls.build())))
}

pub(super) fn split(text: &Input, separators: &str, rows: usize) -> Option<ArrayRef> {
    if separators.is_empty() {
        return None;
    }
    pieces(text, rows, |text, out| {
        let before = out.len();
        text.split(|c| separators.contains(c)).for_each(|piece| out.append_value(piece));
        out.len() - before
    })
}

pub(super) fn explode(text: &Input, delimiter: &str, rows: usize) -> Option<ArrayRef> {
    let delimiter = unescaped(delimiter);
    if delimiter.is_empty() {
        return None;
    }
    pieces(text, rows, |text, out| {
        let before = out.len();
        text.split(delimiter.as_str()).for_each(|piece| out.append_value(piece));
        out.len() - before
    })
}

/// A list of texts from each text; an empty one has none.
fn pieces(text: &Input, rows: usize, cut: impl Fn(&str, &mut StringBuilder) -> usize) -> Option<ArrayRef> {
    let text = Texts::of(text)?;
    let mut items = StringBuilder::with_capacity(rows, text.bytes(rows));
    let mut lists = Numbers::<usize>::new(rows);
    for row in 0..rows {
        lists.push(match text.get(row) {
            Some("") => Some(0),
            Some(text) => Some(cut(text, &mut items)),
            None => None,
        });
    }
    i32::try_from(items.len()).ok()?;
    Some(Arc::new(ListArray::new(
        Arc::new(Field::new_list_field(DataType::Utf8, true)),
        OffsetBuffer::from_lengths(lists.values),
        Arc::new(items.finish()),
        lists.nulls.build(),
    )))
}

pub(super) fn is_empty(text: &Input, rows: usize) -> Option<ArrayRef> {
    let text = Texts::of(text)?;
    Some(truths(rows, |row| {
        let Some(text) = text.get(row) else {
            return true;
        };
        match text.trim_start().as_bytes().first() {
            None => text.is_empty(),
            Some(b'[' | b'{') => match Value::Text(Cow::Borrowed(text)).unfolded() {
                Value::List(items) => items.is_empty(),
                Value::Object(members) => members.is_empty(),
                _ => false,
            },
            Some(_) => false,
        }
    }))
}

pub(super) fn matches(text: &Input, regex: &Regex, rows: usize) -> Option<ArrayRef> {
    let text = Texts::of(text)?;
    Some(truths(rows, |row| text.get(row).is_some_and(|text| regex.is_match(text))))
}

pub(super) fn same_letters(left: &Input, right: &Input, rows: usize) -> Option<ArrayRef> {
    let (left, right) = (Texts::of(left)?, Texts::of(right)?);
    Some(truths(rows, |row| match (left.get(row), right.get(row)) {
        (Some(a), Some(b)) if a.is_ascii() && b.is_ascii() => a.eq_ignore_ascii_case(b),
        (Some(a), Some(b)) => a.to_lowercase() == b.to_lowercase(),
        (a, b) => a.is_none() && b.is_none(),
    }))
}
