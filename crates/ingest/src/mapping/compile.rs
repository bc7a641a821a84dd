//! Expressions, compiled once for a run, and what they mean for one row.
//!
//! A run computes whole columns, by the DataFusion expression that [`super::lower`] makes of a [`Formula`]. The formula
//! itself is evaluated for a row that fails there, because it can say why. The meaning of an operator or a function is
//! written once, here and in [`super::functions`], for one row: the language is typed by its values (a delimited file
//! has nothing but text), and a value that fails must name its reason and fail alone. Columns that are copied never come
//! here; [`super::coerce`] converts them whole.
//!
//! The rules, which are those of JEXL where it has one:
//! * A field is what the source holds: text of delimited and JSON files, typed values of Parquet.
//! * `+` adds when both sides are numbers or read as numbers, else it joins texts; null is neutral, so that a missing
//!   middle name does not erase a name. `- * / %` are null where a side is null or blank text, and fail where one is no number.
//! * `/` is exact: a whole number where the division leaves nothing, else a number with a fraction. Dividing by zero
//!   and leaving 64 bits fail.
//! * `== != < <= > >=` compare numerically when both sides are or read as numbers, by instant when one is a date and
//!   the other reads as one, else by letters. Null equals null and nothing else, and is neither less nor greater.
//! * `and or not ?:` take the contract's boolean words, then numbers other than zero, then any text that is not empty,
//!   as true; null is false. The right side of `and` and `or` is evaluated only where it decides.
//! * Whatever fails (an unreadable date, a division by zero, a start beyond the text) makes the whole expression null
//!   with a finding (PL-MAP-2), unless it lies in a branch that is not taken. A null is no failure.

use super::functions::{self, Args, Builtin, Given, absent};
use super::pattern::Pattern;
use super::read::Reader;
use super::value::{Num, Outcome, Value};
use chrono::{DateTime, Utc};
use forebay_model::code;
use forebay_model::error::{Error, Kind, Place, Result};
use forebay_model::mapping::ast::{Binary, Expr, FieldPath, Node, Unary};
use std::cmp::Ordering;

/// An expression, ready to run.
#[derive(Debug, Clone)]
pub enum Formula {
    /// The same in every row.
    Constant(Value<'static>),
    /// A field, by its place among those that the run reads.
    Field(usize),
    /// `-x`, `!x`, `~x`.
    Unary(Unary, Box<Formula>),
    /// `a + b`, ….
    Binary(Binary, Box<Formula>, Box<Formula>),
    /// `c ? a : b`.
    Choice(Box<[Formula; 3]>),
    /// A function.
    Call(Call),
}

/// A call of a function.
#[derive(Debug, Clone)]
pub struct Call {
    pub(super) builtin: &'static Builtin,
    pub(super) args: Vec<Formula>,
    /// The date pattern, where the call has one that is the same in every row.
    pub(super) pattern: Option<Pattern>,
}

/// One row, as an expression sees it.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The fields that the run reads.
    pub fields: &'a [Reader<'a>],
    /// The batch's row.
    pub at: usize,
    /// When the run was planned.
    pub now: DateTime<Utc>,
}

/// Compiles an expression; `field` gives a source field's place among those that the run reads.
pub fn compile(expr: &Expr, field: &mut dyn FnMut(&FieldPath) -> usize) -> Result<Formula> {
    Ok(match &expr.node {
        Node::Null => Formula::Constant(Value::Null),
        Node::Boolean(b) => Formula::Constant(Value::Bool(*b)),
        Node::Integer(n) => Formula::Constant(Value::Int(*n)),
        Node::Number(n) => Formula::Constant(Value::Number(*n)),
        Node::Text(text) => Formula::Constant(Value::owned(text.clone())),
        Node::Field(path) => Formula::Field(field(path)),
        Node::Unary(operator, operand) => Formula::Unary(*operator, Box::new(compile(operand, field)?)),
        Node::Binary(operator, left, right) => {
            Formula::Binary(*operator, Box::new(compile(left, field)?), Box::new(compile(right, field)?))
        }
        Node::Conditional(condition, yes, no) => {
            Formula::Choice(Box::new([compile(condition, field)?, compile(yes, field)?, compile(no, field)?]))
        }
        Node::Call(name, args) => call(expr, name, args, field)?,
    })
}

fn call(expr: &Expr, name: &str, args: &[Expr], field: &mut dyn FnMut(&FieldPath) -> usize) -> Result<Formula> {
    let Some(builtin) = functions::find(name) else {
        return Err(refuse(expr, format!("the function {name} is not available")));
    };
    if args.len() < builtin.least || args.len() > builtin.most {
        let bounds = match (builtin.least, builtin.most) {
            (least, most) if least == most => format!("{least}"),
            (least, usize::MAX) => format!("at least {least}"),
            (least, most) => format!("{least} to {most}"),
        };
        return Err(refuse(expr, format!("{name}() takes {bounds} arguments and has {}", args.len())));
    }
    let mut compiled = Vec::with_capacity(args.len());
    for arg in args {
        compiled.push(compile(arg, field)?);
    }
    let mut pattern = None;
    if let Some(Formula::Constant(Value::Text(text))) = builtin.pattern.and_then(|at| compiled.get(at)) {
        pattern = Some(Pattern::parse(text).map_err(|why| refuse(expr, why))?);
    }
    Ok(Formula::Call(Call { builtin, args: compiled, pattern }))
}

fn refuse(expr: &Expr, why: String) -> Error {
    Error::new(Kind::Invalid, &code::FLOW_1419, format!("The mapping's expression cannot run: {why}."))
        .at(Place::Span { start: expr.span.start, end: expr.span.end })
        .advice("Correct the mapping set, store it, and let the flow refer to the new version.")
}

impl Formula {
    /// The value in a row, or why there is none.
    pub fn eval<'a>(&'a self, row: Row<'a>) -> Outcome<'a> {
        match self {
            Formula::Constant(value) => Ok(borrowed(value)),
            Formula::Field(at) => Ok(row.fields.get(*at).map_or(Value::Null, |field| field.get(row.at))),
            Formula::Unary(operator, operand) => unary(*operator, operand.eval(row)?),
            Formula::Binary(Binary::And, left, right) => {
                Ok(Value::Bool(left.eval(row)?.truth() && right.eval(row)?.truth()))
            }
            Formula::Binary(Binary::Or, left, right) => {
                Ok(Value::Bool(left.eval(row)?.truth() || right.eval(row)?.truth()))
            }
            Formula::Binary(operator, left, right) => binary(*operator, left.eval(row)?, right.eval(row)?),
            Formula::Choice(parts) => {
                let [condition, yes, no] = parts.as_ref();
                if condition.eval(row)?.truth() { yes.eval(row) } else { no.eval(row) }
            }
            Formula::Call(call) => (call.builtin.run)(&Args {
                builtin: call.builtin,
                fixed: call.pattern.as_ref(),
                now: row.now,
                given: Given::Formulas(&call.args, row),
            }),
        }
    }

    /// The fields it reads, each once.
    pub fn fields(&self, into: &mut Vec<usize>) {
        match self {
            Formula::Constant(_) => {}
            Formula::Field(at) if into.contains(at) => {}
            Formula::Field(at) => into.push(*at),
            Formula::Unary(_, operand) => operand.fields(into),
            Formula::Binary(_, left, right) => {
                left.fields(into);
                right.fields(into);
            }
            Formula::Choice(parts) => parts.iter().for_each(|part| part.fields(into)),
            Formula::Call(call) => call.args.iter().for_each(|arg| arg.fields(into)),
        }
    }
}

/// A constant without a copy of its text.
fn borrowed<'a>(value: &'a Value<'static>) -> Value<'a> {
    match value {
        Value::Text(text) => Value::Text(text.as_ref().into()),
        other => other.clone(),
    }
}

/// An operator of one operand.
pub(super) fn unary<'a>(operator: Unary, value: Value<'a>) -> Outcome<'a> {
    if absent(&value) && operator != Unary::Not {
        return Ok(Value::Null);
    }
    match (operator, value.number()) {
        (Unary::Not, _) => Ok(Value::Bool(!value.truth())),
        (Unary::Negate, Some(Num::Int(n))) => n.checked_neg().map(Value::Int).ok_or_else(overflow),
        (Unary::Negate, Some(Num::Float(n))) => Ok(Value::Number(-n)),
        (Unary::Complement, Some(n)) => match n.whole() {
            Some(n) => Ok(Value::Int(!n)),
            None => Err("~ takes a whole number of 64 bits".into()),
        },
        (_, None) => Err(format!("{} is not a number", shown(&value)).into()),
    }
}

/// An operator of two operands that are there; `and` and `or` look at the right one only where it decides.
pub(super) fn binary<'a>(operator: Binary, left: Value<'a>, right: Value<'a>) -> Outcome<'a> {
    let order = |wanted: fn(Ordering) -> bool| Ok(Value::Bool(left.order(&right).is_some_and(wanted)));
    match operator {
        Binary::Equal => Ok(Value::Bool(left.equals(&right))),
        Binary::NotEqual => Ok(Value::Bool(!left.equals(&right))),
        Binary::Less => order(Ordering::is_lt),
        Binary::LessOrEqual => order(Ordering::is_le),
        Binary::Greater => order(Ordering::is_gt),
        Binary::GreaterOrEqual => order(Ordering::is_ge),
        Binary::And => Ok(Value::Bool(left.truth() && right.truth())),
        Binary::Or => Ok(Value::Bool(left.truth() || right.truth())),
        Binary::Add if left.is_null() => Ok(right),
        Binary::Add if right.is_null() => Ok(left),
        Binary::Add => match (left.number(), right.number()) {
            (Some(a), Some(b)) => arithmetic(operator, a, b),
            _ => Ok(Value::owned(left.text().unwrap_or_default().into_owned() + &right.text().unwrap_or_default())),
        },
        Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Remainder => {
            if absent(&left) || absent(&right) {
                return Ok(Value::Null);
            }
            match (left.number(), right.number()) {
                (Some(a), Some(b)) => arithmetic(operator, a, b),
                (None, _) => Err(format!("{} is not a number", shown(&left)).into()),
                (_, None) => Err(format!("{} is not a number", shown(&right)).into()),
            }
        }
    }
}

/// Arithmetic with two numbers.
pub(super) fn arithmetic<'a>(operator: Binary, left: Num, right: Num) -> Outcome<'a> {
    if right.float() == 0.0 && matches!(operator, Binary::Divide | Binary::Remainder) {
        return Err("a division by zero".into());
    }
    if let (Num::Int(a), Num::Int(b)) = (left, right) {
        let whole = match operator {
            Binary::Add => a.checked_add(b),
            Binary::Subtract => a.checked_sub(b),
            Binary::Multiply => a.checked_mul(b),
            Binary::Divide if a.checked_rem(b) == Some(0) => a.checked_div(b),
            Binary::Divide => return Num::Float(a as f64 / b as f64).value(),
            _ => a.checked_rem(b),
        };
        return whole.map(Value::Int).ok_or_else(overflow);
    }
    let (a, b) = (left.float(), right.float());
    Num::Float(match operator {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        _ => a % b,
    })
    .value()
}

fn overflow() -> super::value::Fault {
    "the result does not fit a whole number of 64 bits".into()
}

/// A value in a message, cut short.
pub(super) fn shown(value: &Value<'_>) -> String {
    let text = value.clone().text().unwrap_or_default();
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() { format!("\"{short}…\"") } else { format!("\"{short}\"") }
}
