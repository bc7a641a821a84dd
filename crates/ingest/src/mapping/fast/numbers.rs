//! Loops of arithmetic, comparisons, conditions and conversions.

use super::super::compile::arithmetic;
use super::super::functions::Builtin;
use super::super::functions::numbers::{bounds, part};
use super::super::kernel::{Input, MAX_BYTES};
use super::super::mixed;
use super::super::value::{Num, Value, number_in, order_texts, truth_in};
use super::{Numbers, Texts, bounded, truths};
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringBuilder};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use forebay_model::mapping::ast::{Binary, Unary};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write;
use std::sync::Arc;

/// A column that has numbers or texts that read as such.
#[derive(Clone, Copy)]
enum Side<'a> {
    Text(Texts<'a>),
    Int(&'a Int64Array, bool),
    Number(&'a Float64Array, bool),
}

impl<'a> Side<'a> {
    fn of(input: &'a Input) -> Option<Side<'a>> {
        let array = &input.array;
        match array.data_type() {
            DataType::Utf8 => Texts::of(input).map(Side::Text),
            DataType::Int64 => Some(Side::Int(array.as_primitive::<Int64Type>(), input.same)),
            DataType::Float64 if mixed::finite(array.as_primitive::<Float64Type>()) => {
                Some(Side::Number(array.as_primitive::<Float64Type>(), input.same))
            }
            _ => None,
        }
    }

    /// The number in a row, which blank text and null are none of; an error is a text that is no number.
    #[inline]
    fn number(self, row: usize) -> Result<Option<Num>, ()> {
        let at = |same: bool| if same { 0 } else { row };
        match self {
            Side::Text(texts) => match texts.get(row) {
                Some(text) => match number_in(text) {
                    Some(n) => Ok(Some(n)),
                    None if text.trim().is_empty() => Ok(None),
                    None => Err(()),
                },
                None => Ok(None),
            },
            Side::Int(array, same) => {
                let row = at(same);
                Ok(array.is_valid(row).then(|| Num::Int(array.value(row))))
            }
            Side::Number(array, same) => {
                let row = at(same);
                Ok(array.is_valid(row).then(|| Num::Float(array.value(row))))
            }
        }
    }

    #[inline]
    fn value(self, row: usize) -> Value<'a> {
        match self {
            Side::Text(texts) => texts.get(row).map_or(Value::Null, |text| Value::Text(Cow::Borrowed(text))),
            typed => match typed.number(row) {
                Ok(Some(Num::Int(n))) => Value::Int(n),
                Ok(Some(Num::Float(n))) => Value::Number(n),
                _ => Value::Null,
            },
        }
    }
}

pub(super) fn unary(operator: Unary, input: &Input, rows: usize) -> Option<ArrayRef> {
    if operator == Unary::Not {
        return truth(input, rows, false);
    }
    let side = Side::of(input)?;
    let mut out = Computed::new(rows);
    for row in 0..rows {
        out.push(match (operator, side.number(row).ok()?) {
            (_, None) => None,
            (Unary::Negate, Some(Num::Int(n))) => Some(Num::Int(n.checked_neg()?)),
            (Unary::Negate, Some(Num::Float(n))) => Some(Num::Float(-n)),
            (_, Some(n)) => Some(Num::Int(!n.whole()?)),
        });
    }
    Some(out.finish())
}

/// Whether a condition holds, or does not.
pub(super) fn truth(input: &Input, rows: usize, wanted: bool) -> Option<ArrayRef> {
    if input.same {
        return None;
    }
    match input.array.data_type() {
        DataType::Boolean => {
            let array: &BooleanArray = input.array.as_boolean();
            let mut holds = match array.nulls() {
                Some(nulls) => array.values() & nulls.inner(),
                None => array.values().clone(),
            };
            if !wanted {
                holds = !&holds;
            }
            Some(Arc::new(BooleanArray::new(holds, None)))
        }
        DataType::Utf8 => {
            let texts = Texts::of(input)?;
            Some(truths(rows, |row| texts.get(row).is_some_and(truth_in) == wanted))
        }
        _ => None,
    }
}

pub(super) fn binary(operator: Binary, left: &Input, right: &Input, rows: usize) -> Option<ArrayRef> {
    match operator {
        Binary::Add => match (Texts::of(left), Texts::of(right)) {
            (Some(left), Some(right)) => join(left, right, rows),
            _ => add(Side::of(left)?, Side::of(right)?, rows),
        },
        Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Remainder => {
            compute(operator, Side::of(left)?, Side::of(right)?, rows)
        }
        Binary::And | Binary::Or => None,
        _ => compare(operator, Side::of(left)?, Side::of(right)?, rows),
    }
}

/// `+` of texts, while no two of them are numbers.
fn join(left: Texts<'_>, right: Texts<'_>, rows: usize) -> Option<ArrayRef> {
    let mut out = StringBuilder::with_capacity(rows, (left.bytes(rows) + right.bytes(rows)).min(MAX_BYTES));
    for row in 0..rows {
        let before = out.values_slice().len();
        match (left.get(row), right.get(row)) {
            (Some(a), Some(b)) => {
                if number_in(a).is_some() && number_in(b).is_some() {
                    return None;
                }
                out.write_str(a).ok()?;
                out.append_value(b);
            }
            (Some(one), None) | (None, Some(one)) => out.append_value(one),
            (None, None) => out.append_null(),
        }
        bounded(&out, before)?;
    }
    Some(Arc::new(out.finish()))
}

/// `+` of numbers; a text that stays alone, blank or beside null, is no number.
fn add(left: Side<'_>, right: Side<'_>, rows: usize) -> Option<ArrayRef> {
    let mut out = Computed::new(rows);
    for row in 0..rows {
        out.push(match (left.number(row).ok()?, right.number(row).ok()?) {
            (Some(a), Some(b)) => Some(outcome(Binary::Add, a, b)?),
            (None, None) if left.value(row).is_null() && right.value(row).is_null() => None,
            (Some(n), None) if is_typed(left) && right.value(row).is_null() => Some(n),
            (None, Some(n)) if is_typed(right) && left.value(row).is_null() => Some(n),
            _ => return None,
        });
    }
    Some(out.finish())
}

fn is_typed(side: Side<'_>) -> bool {
    !matches!(side, Side::Text(_))
}

fn compute(operator: Binary, left: Side<'_>, right: Side<'_>, rows: usize) -> Option<ArrayRef> {
    let mut out = Computed::new(rows);
    for row in 0..rows {
        let both = match (left.number(row), right.number(row)) {
            (Ok(None), _) | (_, Ok(None)) => None,
            (Ok(Some(a)), Ok(Some(b))) => Some(outcome(operator, a, b)?),
            _ => return None,
        };
        out.push(both);
    }
    Some(out.finish())
}

#[inline]
fn outcome(operator: Binary, left: Num, right: Num) -> Option<Num> {
    arithmetic(operator, left, right).ok()?.number()
}

/// Results of arithmetic: whole numbers and others, as they come.
struct Computed {
    bits: Numbers<i64>,
    floats: Vec<bool>,
    any: [bool; 2],
}

impl Computed {
    fn new(rows: usize) -> Computed {
        Computed { bits: Numbers::new(rows), floats: Vec::with_capacity(rows), any: [false; 2] }
    }

    #[inline]
    fn push(&mut self, value: Option<Num>) {
        let (bits, float) = match value {
            None => (None, false),
            Some(Num::Int(n)) => (Some(n), false),
            Some(Num::Float(n)) => (Some(n.to_bits().cast_signed()), true),
        };
        self.any[usize::from(float)] |= bits.is_some();
        self.floats.push(float);
        self.bits.push(bits);
    }

    fn finish(self) -> ArrayRef {
        let nulls: Option<NullBuffer> = self.bits.nulls.build();
        let bits = Int64Array::new(self.bits.values.into(), nulls);
        match self.any {
            [_, false] => Arc::new(bits),
            [false, true] => {
                let (_, values, nulls) = bits.into_parts();
                Arc::new(Float64Array::new(values.into_inner().into(), nulls))
            }
            [true, true] => mixed::numbers(bits, &self.floats),
        }
    }
}

fn compare(operator: Binary, left: Side<'_>, right: Side<'_>, rows: usize) -> Option<ArrayRef> {
    let holds: fn(Option<Ordering>, bool) -> bool = match operator {
        Binary::Equal => |order, nulls| order == Some(Ordering::Equal) || nulls,
        Binary::NotEqual => |order, nulls| order != Some(Ordering::Equal) && !nulls,
        Binary::Less => |order, _| order.is_some_and(Ordering::is_lt),
        Binary::LessOrEqual => |order, _| order.is_some_and(Ordering::is_le),
        Binary::Greater => |order, _| order.is_some_and(Ordering::is_gt),
        Binary::GreaterOrEqual => |order, _| order.is_some_and(Ordering::is_ge),
        _ => return None,
    };
    // A text that is no number is compared by its letters with everything.
    let letters = |side: Side<'_>| matches!(side, Side::Text(text) if text.same && text.get(0).is_some_and(|t| number_in(t).is_none()));
    Some(match (left, right) {
        (Side::Text(a), Side::Text(b)) if letters(left) || letters(right) => truths(rows, |row| {
            let (a, b) = (a.get(row), b.get(row));
            holds(a.zip(b).map(|(a, b)| a.cmp(b)), a.is_none() && b.is_none())
        }),
        (Side::Text(a), Side::Text(b)) => truths(rows, |row| {
            let (a, b) = (a.get(row), b.get(row));
            let order = a.zip(b).map(|(a, b)| order_texts(a, b));
            holds(order, a.is_none() && b.is_none())
        }),
        _ => truths(rows, |row| {
            let order = match (left.number(row), right.number(row)) {
                (Ok(Some(Num::Int(a))), Ok(Some(Num::Int(b)))) => Some(a.cmp(&b)),
                _ => {
                    let (a, b) = (left.value(row), right.value(row));
                    let nulls = a.is_null() && b.is_null();
                    return holds(a.order(&b), nulls);
                }
            };
            holds(order, false)
        }),
    })
}

/// The whole part of numbers.
pub(super) fn whole(builtin: &Builtin, input: &Input, rows: usize) -> Option<ArrayRef> {
    let (least, most) = bounds(builtin.name);
    let side = Side::of(input)?;
    let mut out = Numbers::new(rows);
    for row in 0..rows {
        out.push(match side.number(row).ok()? {
            Some(n) => Some(part(n, least, most)?),
            None => None,
        });
    }
    Some(Arc::new(Int64Array::new(out.values.into(), out.nulls.build())))
}

/// Numbers as doubles.
pub(super) fn double(input: &Input, rows: usize) -> Option<ArrayRef> {
    let side = Side::of(input)?;
    let mut out = Numbers::new(rows);
    for row in 0..rows {
        out.push(side.number(row).ok()?.map(Num::float));
    }
    Some(Arc::new(Float64Array::new(out.values.into(), out.nulls.build())))
}
