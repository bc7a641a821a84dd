//! Choices, and what is there or not. Only the branch that is taken is evaluated.

use super::{Args, Builtin, Gives, MANY, builtin};
use crate::mapping::value::{Outcome, Value};

pub(super) static ALL: &[Builtin] = &[
    builtin("iif", 3, 3, Gives::Any, |args| args.value(if args.value(0)?.truth() { 1 } else { 2 })),
    builtin("decode", 3, MANY, Gives::Any, decode),
    builtin("coalesce", 1, MANY, Gives::Any, coalesce),
    builtin("is_empty", 1, 1, Gives::Truth, is_empty),
    builtin("nullify", 0, 0, Gives::Any, |_| Ok(Value::Null)),
];

/// Pairs of key and value after the key; what is left over at the end is the default.
fn decode<'a>(args: &Args<'a>) -> Outcome<'a> {
    let key = args.value(0)?;
    let mut at = 1;
    while at + 1 < args.len() {
        if key.equals(&args.value(at)?) {
            return args.value(at + 1);
        }
        at += 2;
    }
    args.value(at)
}

fn coalesce<'a>(args: &Args<'a>) -> Outcome<'a> {
    for at in 0..args.len() {
        let value = args.value(at)?;
        if !value.is_null() {
            return Ok(value);
        }
    }
    Ok(Value::Null)
}

fn is_empty<'a>(args: &Args<'a>) -> Outcome<'a> {
    Ok(Value::Bool(match args.value(0)?.unfolded() {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }))
}
