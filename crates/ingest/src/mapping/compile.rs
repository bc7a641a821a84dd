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

use super::budget::Budget;
use super::functions::{self, Args, Builtin, Given, Gives, Prepared, absent};
use super::read::Reader;
use super::value::{Members, Num, Outcome, Value};
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
    /// `[a, b]`.
    List(Vec<Formula>),
    /// `{a: b}`.
    Object(Vec<(Formula, Formula)>),
    /// `x -> …`, as an argument.
    Lambda(Box<Formula>),
    /// A lambda's parameter; 0 is the innermost one's.
    Local(usize),
    /// A member or an element of a lambda's parameter, which is then not copied whole.
    Part(usize, Box<Formula>),
}

/// A call of a function.
#[derive(Debug, Clone)]
pub struct Call {
    pub(super) builtin: &'static Builtin,
    pub(super) args: Vec<Formula>,
    /// The pattern, where the call has one that is the same in every row.
    pub(super) prepared: Option<Prepared>,
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
    /// What it may still cost.
    pub budget: &'a Budget,
    /// The innermost lambda that is being applied.
    pub locals: Option<&'a Local<'a>>,
}

impl<'a> Row<'a> {
    /// The parameter of a lambda that is being applied; 0 is the innermost one's.
    fn local(&self, depth: usize) -> Option<&'a Value<'a>> {
        let mut local = self.locals;
        for _ in 0..depth {
            local = local.and_then(|local| local.outer);
        }
        local.map(|local| local.value)
    }
}

/// A lambda's parameter, and the lambdas around it.
#[derive(Debug)]
pub struct Local<'a> {
    /// The element that the lambda is applied to.
    pub value: &'a Value<'a>,
    /// The next lambda.
    pub outer: Option<&'a Local<'a>>,
}

/// Gives a source field's place among those that the run reads.
type Fields<'a> = &'a mut dyn FnMut(&FieldPath) -> usize;

/// Compiles an expression.
pub fn compile(expr: &Expr, field: Fields<'_>) -> Result<Formula> {
    within(expr, field, &mut Vec::new())
}

/// As [`compile`], inside of lambdas with these parameters.
fn within<'e>(expr: &'e Expr, field: Fields<'_>, locals: &mut Vec<&'e str>) -> Result<Formula> {
    let mut compile = |expr: &'e Expr| within(expr, field, locals);
    Ok(match &expr.node {
        Node::Null => Formula::Constant(Value::Null),
        Node::Boolean(b) => Formula::Constant(Value::Bool(*b)),
        Node::Integer(n) => Formula::Constant(Value::Int(*n)),
        Node::Number(n) => Formula::Constant(Value::Number(*n)),
        Node::Text(text) => Formula::Constant(Value::owned(text.clone())),
        Node::Field(path) => Formula::Field(field(path)),
        Node::Unary(operator, operand) => Formula::Unary(*operator, Box::new(compile(operand)?)),
        Node::Binary(operator, left, right) => {
            Formula::Binary(*operator, Box::new(compile(left)?), Box::new(compile(right)?))
        }
        Node::Conditional(condition, yes, no) => {
            Formula::Choice(Box::new([compile(condition)?, compile(yes)?, compile(no)?]))
        }
        Node::Call(name, args) => call(expr, name, args, field, locals)?,
        Node::List(items) => Formula::List(items.iter().map(compile).collect::<Result<_>>()?),
        Node::Object(members) => {
            let mut compiled = Vec::with_capacity(members.len());
            for (key, value) in members {
                compiled.push((compile(key)?, compile(value)?));
            }
            Formula::Object(compiled)
        }
        Node::Lambda(name, body) => {
            locals.push(name);
            let body = within(body, field, locals);
            locals.pop();
            Formula::Lambda(Box::new(body?))
        }
        Node::Local(name) => match locals.iter().rev().position(|local| local == name) {
            Some(depth) => Formula::Local(depth),
            None => return Err(refuse(expr, format!("`{name}` is no lambda's parameter here"))),
        },
    })
}

fn call<'e>(
    expr: &'e Expr,
    name: &str,
    args: &'e [Expr],
    field: Fields<'_>,
    locals: &mut Vec<&'e str>,
) -> Result<Formula> {
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
        compiled.push(within(arg, field, locals)?);
    }
    if name == "get"
        && let [Formula::Local(depth), key] = compiled.as_slice()
    {
        return Ok(Formula::Part(*depth, Box::new(key.clone())));
    }
    let mut prepared = None;
    if let Some((at, prepare)) = builtin.prepare
        && let Some(Formula::Constant(Value::Text(text))) = compiled.get(at)
    {
        prepared = Some(prepare(text).map_err(|why| refuse(expr, why))?);
    }
    Ok(Formula::Call(Call { builtin, args: compiled, prepared }))
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
            Formula::Constant(value) => {
                let value = value.view();
                // In a lambda it is looked at once for each element.
                if row.locals.is_some() {
                    row.budget.look(&value)?;
                }
                Ok(value)
            }
            Formula::Field(at) => {
                let value = row.fields.get(*at).map_or(Value::Null, |field| field.get(row.at));
                if row.locals.is_some() {
                    row.budget.look(&value)?;
                }
                Ok(value)
            }
            Formula::Unary(operator, operand) => unary(*operator, operand.eval(row)?),
            Formula::Binary(Binary::And, left, right) => {
                Ok(Value::Bool(left.eval(row)?.truth() && right.eval(row)?.truth()))
            }
            Formula::Binary(Binary::Or, left, right) => {
                Ok(Value::Bool(left.eval(row)?.truth() || right.eval(row)?.truth()))
            }
            Formula::Binary(operator, left, right) => binary(*operator, left.eval(row)?, right.eval(row)?, row.budget),
            Formula::Choice(parts) => {
                let [condition, yes, no] = parts.as_ref();
                if condition.eval(row)?.truth() { yes.eval(row) } else { no.eval(row) }
            }
            Formula::Call(call) => (call.builtin.run)(&Args {
                builtin: call.builtin,
                prepared: call.prepared.as_ref(),
                now: row.now,
                budget: row.budget,
                given: Given::Formulas(&call.args, row),
            }),
            Formula::List(items) => {
                row.budget.elements(items.len())?;
                Ok(Value::List(items.iter().map(|item| item.eval(row)).collect::<std::result::Result<_, _>>()?))
            }
            Formula::Object(members) => object(members, row),
            Formula::Lambda(_) => Err("a lambda is no value".into()),
            Formula::Local(depth) => {
                let Some(value) = row.local(*depth) else {
                    return Ok(Value::Null);
                };
                row.budget.look(value)?;
                Ok(value.view())
            }
            Formula::Part(depth, key) => {
                let key = key.eval(row)?;
                let Some(value) = row.local(*depth) else {
                    return Ok(Value::Null);
                };
                let part = match (value, key.number()) {
                    (Value::Object(members), _) => {
                        row.budget.elements(1)?;
                        let name = key.text();
                        members.iter().find(|(known, _)| Some(known.as_str()) == name.as_deref()).map(|(_, part)| part)
                    }
                    (Value::List(items), Some(n)) => {
                        n.whole().and_then(|n| usize::try_from(n).ok()).and_then(|n| items.get(n))
                    }
                    _ => {
                        row.budget.look(value)?;
                        return Ok(functions::member(value.view(), &key));
                    }
                };
                let Some(part) = part else {
                    return Ok(Value::Null);
                };
                row.budget.look(part)?;
                Ok(part.view())
            }
        }
    }

    /// It gives a list or an object, as far as a look at it tells, or anything that may be one.
    pub fn composite(&self) -> bool {
        match self {
            Formula::List(_) | Formula::Object(_) | Formula::Local(_) | Formula::Part(..) => true,
            Formula::Choice(parts) => parts[1..].iter().any(Formula::composite),
            Formula::Call(call) => {
                call.builtin.gives == Gives::Any && (call.builtin.nested || call.args.iter().any(Formula::composite))
            }
            _ => false,
        }
    }

    /// It is best computed whole, row by row: lists and objects inside of it then need not become columns.
    pub fn by_row(&self) -> bool {
        match self {
            Formula::Constant(_) | Formula::Field(_) => false,
            Formula::List(_) | Formula::Object(_) | Formula::Lambda(_) | Formula::Local(_) | Formula::Part(..) => true,
            Formula::Unary(_, operand) => operand.composite(),
            Formula::Binary(_, left, right) => left.composite() || right.composite(),
            Formula::Choice(parts) => parts.iter().any(Formula::composite),
            Formula::Call(call) => call.builtin.nested || call.args.iter().any(Formula::composite),
        }
    }

    /// How many nodes its DataFusion expression has: `coalesce` asks for each of its arguments twice, `decode` for its
    /// key with every pair, so that some dozens of them in each other would never come to an end.
    pub fn lowered(&self) -> usize {
        let costs: Vec<usize> = self.parts().into_iter().map(Formula::lowered).collect();
        let sum = costs.iter().fold(1, |sum: usize, cost| sum.saturating_add(*cost));
        match self {
            Formula::Call(call) if call.builtin.name == "coalesce" => sum.saturating_mul(2),
            Formula::Call(call) if call.builtin.name == "decode" => {
                let key = costs.first().copied().unwrap_or(0);
                sum.saturating_add(key.saturating_mul(costs.len() / 2))
            }
            _ => sum,
        }
    }

    /// It gives another value each time.
    pub fn varies(&self) -> bool {
        match self {
            Formula::Call(call) if call.builtin.varies => true,
            other => other.parts().into_iter().any(Formula::varies),
        }
    }

    /// What it is made of.
    fn parts(&self) -> Vec<&Formula> {
        match self {
            Formula::Constant(_) | Formula::Field(_) | Formula::Local(_) => Vec::new(),
            Formula::Unary(_, part) | Formula::Lambda(part) | Formula::Part(_, part) => vec![part],
            Formula::Binary(_, left, right) => vec![left, right],
            Formula::Choice(parts) => parts.iter().collect(),
            Formula::Call(call) => call.args.iter().collect(),
            Formula::List(items) => items.iter().collect(),
            Formula::Object(members) => members.iter().flat_map(|(key, value)| [key, value]).collect(),
        }
    }

    /// The same over fields in other places.
    pub fn moved(&self, place: &dyn Fn(usize) -> usize) -> Formula {
        let one = |part: &Formula| Box::new(part.moved(place));
        let all = |parts: &[Formula]| parts.iter().map(|part| part.moved(place)).collect();
        match self {
            Formula::Constant(_) | Formula::Local(_) => self.clone(),
            Formula::Field(at) => Formula::Field(place(*at)),
            Formula::Unary(operator, part) => Formula::Unary(*operator, one(part)),
            Formula::Lambda(part) => Formula::Lambda(one(part)),
            Formula::Part(depth, part) => Formula::Part(*depth, one(part)),
            Formula::Binary(operator, left, right) => Formula::Binary(*operator, one(left), one(right)),
            Formula::Choice(parts) => Formula::Choice(Box::new([0, 1, 2].map(|at| parts[at].moved(place)))),
            Formula::Call(call) => {
                Formula::Call(Call { builtin: call.builtin, args: all(&call.args), prepared: call.prepared.clone() })
            }
            Formula::List(items) => Formula::List(all(items)),
            Formula::Object(members) => {
                Formula::Object(members.iter().map(|(key, value)| (key.moved(place), value.moved(place))).collect())
            }
        }
    }

    /// The fields it reads, each once.
    pub fn fields(&self, into: &mut Vec<usize>) {
        match self {
            Formula::Field(at) if into.contains(at) => {}
            Formula::Field(at) => into.push(*at),
            other => other.parts().into_iter().for_each(|part| part.fields(into)),
        }
    }
}

/// Of a key that comes twice the last value counts.
fn object<'a>(members: &'a [(Formula, Formula)], row: Row<'a>) -> Outcome<'a> {
    row.budget.elements(members.len())?;
    let mut object = Members::default();
    for (key, value) in members {
        let Some(key) = key.eval(row)?.text() else {
            return Err("a key of an object is null".into());
        };
        object.put(key.into_owned(), value.eval(row)?);
    }
    Ok(object.value())
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
pub(super) fn binary<'a>(operator: Binary, left: Value<'a>, right: Value<'a>, budget: &Budget) -> Outcome<'a> {
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
            _ => {
                let (left, right) = (left.text().unwrap_or_default(), right.text().unwrap_or_default());
                budget.text(left.len() + right.len())?;
                Ok(Value::owned(left.into_owned() + &right))
            }
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
