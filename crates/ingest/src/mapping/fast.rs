//! Loops over buffers for the operations that mappings use most. Each gives what the row body of its operation gives
//! (a property test compares them), or nothing at all: where a row fails or is of a kind that a loop does not know, the
//! whole batch goes to [`super::kernel::Kernel::by_row`].

mod numbers;
mod texts;

use super::budget::MAX_TEXT;
use super::functions::{Builtin, Gives, Prepared};
use super::kernel::{Input, MAX_BYTES, Operation};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, NullBufferBuilder, StringArray, StringBuilder};
use datafusion::arrow::buffer::BooleanBuffer;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use std::sync::Arc;

/// The operation's column, of the plain type that its values have in this batch.
pub fn run(operation: &Operation, inputs: &[Input], rows: usize) -> Option<ArrayRef> {
    match (operation, inputs) {
        (Operation::Mix, [input]) if !input.same => Some(input.array.clone()),
        (Operation::Truth, [input]) => numbers::truth(input, rows, true),
        (Operation::Unary(operator), [input]) => numbers::unary(*operator, input, rows),
        (Operation::Binary(operator), [left, right]) => numbers::binary(*operator, left, right, rows),
        (Operation::Call(builtin, Some(Prepared::Regex(regex))), [text, _]) if builtin.gives == Gives::Truth => {
            texts::matches(text, regex, rows)
        }
        (Operation::Call(builtin, _), inputs) => call(builtin, inputs, rows),
        _ => None,
    }
}

fn call(builtin: &Builtin, inputs: &[Input], rows: usize) -> Option<ArrayRef> {
    match (builtin.name, inputs) {
        ("trim", [text]) => texts::cut(text, rows, str::trim),
        ("ltrim", [text]) => texts::cut(text, rows, str::trim_start),
        ("rtrim", [text]) => texts::cut(text, rows, str::trim_end),
        ("concat", all) => texts::concat(all, rows),
        ("substr", [text, start]) => texts::substr(text, whole(start)?, i64::MAX, rows),
        ("substr", [text, start, length]) => texts::substr(text, whole(start)?, whole(length)?, rows),
        ("left", [text, count]) => texts::left(text, whole(count)?, rows),
        ("right", [text, count]) => texts::right(text, whole(count)?, rows),
        ("replacestr", [text, find, replace]) => texts::replace(text, same_text(find)?, same_text(replace)?, rows),
        ("lpad", [text, count]) => texts::pad(text, whole(count)?, " ", true, rows),
        ("rpad", [text, count]) => texts::pad(text, whole(count)?, " ", false, rows),
        ("lpad", [text, count, by]) => texts::pad(text, whole(count)?, same_text(by)?, true, rows),
        ("rpad", [text, count, by]) => texts::pad(text, whole(count)?, same_text(by)?, false, rows),
        ("instr", [text, wanted]) => texts::instr(text, wanted, rows),
        ("split", [text, by]) => texts::split(text, same_text(by)?, rows),
        ("explode", [text]) => texts::explode(text, ",", rows),
        ("explode", [text, by]) => texts::explode(text, same_text(by)?, rows),
        ("is_empty", [text]) => texts::is_empty(text, rows),
        ("equalsIgnoreCase", [left, right]) => texts::same_letters(left, right, rows),
        ("to_integer" | "to_bigint", [number]) => numbers::whole(builtin, number, rows),
        ("to_decimal" | "to_float", [number]) => numbers::double(number, rows),
        _ => None,
    }
}

/// A text column, or one text for all rows.
#[derive(Clone, Copy)]
struct Texts<'a> {
    array: &'a StringArray,
    same: bool,
}

impl<'a> Texts<'a> {
    fn of(input: &'a Input) -> Option<Texts<'a>> {
        let array = input.array.as_string_opt::<i32>()?;
        Some(Texts { array, same: input.same })
    }

    #[inline]
    fn get(self, row: usize) -> Option<&'a str> {
        let row = if self.same { 0 } else { row };
        self.array.is_valid(row).then(|| self.array.value(row))
    }

    /// Bytes of all rows together.
    fn bytes(self, rows: usize) -> usize {
        let offsets = self.array.value_offsets();
        let all = (offsets[self.array.len()] - offsets[0]) as usize;
        if self.same { all * rows } else { all }
    }
}

/// A whole number that is the same in every row.
fn whole(input: &Input) -> Option<i64> {
    let there = input.same && *input.array.data_type() == DataType::Int64;
    (there && input.array.is_valid(0)).then(|| input.array.as_primitive::<Int64Type>().value(0))
}

/// A text that is the same in every row.
fn same_text(input: &Input) -> Option<&str> {
    if input.same { Texts::of(input)?.get(0) } else { None }
}

/// None where a text or the texts together are larger than a loop may make them: the rows decide what becomes of that.
#[inline]
fn bounded(builder: &StringBuilder, before: usize) -> Option<()> {
    let bytes = builder.values_slice().len();
    (bytes - before <= MAX_TEXT && bytes <= MAX_BYTES).then_some(())
}

/// A text from each text.
fn each(
    text: Texts<'_>,
    rows: usize,
    mut write: impl FnMut(&str, &mut StringBuilder) -> Option<()>,
) -> Option<ArrayRef> {
    let mut builder = StringBuilder::with_capacity(rows, text.bytes(rows));
    for row in 0..rows {
        let before = builder.values_slice().len();
        match text.get(row) {
            Some(text) => write(text, &mut builder)?,
            None => builder.append_null(),
        }
        bounded(&builder, before)?;
    }
    Some(Arc::new(builder.finish()))
}

/// True or false for each row, and never null.
fn truths(rows: usize, holds: impl FnMut(usize) -> bool) -> ArrayRef {
    Arc::new(BooleanArray::new(BooleanBuffer::collect_bool(rows, holds), None))
}

/// Numbers and their nulls, being built.
struct Numbers<T> {
    values: Vec<T>,
    nulls: NullBufferBuilder,
}

impl<T: Default> Numbers<T> {
    fn new(rows: usize) -> Numbers<T> {
        Numbers { values: Vec::with_capacity(rows), nulls: NullBufferBuilder::new(rows) }
    }

    #[inline]
    fn push(&mut self, value: Option<T>) {
        self.nulls.append(value.is_some());
        self.values.push(value.unwrap_or_default());
    }
}
