//! Conversions to numbers, and the least and greatest of values.

use super::{Args, Builtin, MANY, builtin};
use crate::mapping::value::{Num, Outcome, Value, whole};
use std::cmp::Ordering;

pub(super) static ALL: &[Builtin] = &[
    builtin("to_bigint", 1, 1, |args| integer(args, i64::MIN, i64::MAX)),
    builtin("to_integer", 1, 1, |args| {
        integer(args, i64::from(i32::MIN), i64::from(i32::MAX))
    }),
    builtin("to_decimal", 1, 1, decimal),
    builtin("to_float", 1, 1, decimal),
    builtin("min", 1, MANY, |args| extreme(args, Ordering::Less)),
    builtin("max", 1, MANY, |args| extreme(args, Ordering::Greater)),
];

/// The whole part, within bounds.
fn integer<'a>(args: &Args<'a>, least: i64, most: i64) -> Outcome<'a> {
    let n = match args.number(0)? {
        None => return Ok(Value::Null),
        Some(Num::Int(n)) => Some(n),
        Some(Num::Float(n)) => whole(n.trunc()),
    };
    match n {
        Some(n) if (least..=most).contains(&n) => Ok(Value::Int(n)),
        _ => Err(format!(
            "{}() gives {least} to {most}, and the number is beyond",
            args.call.builtin.name
        )
        .into()),
    }
}

fn decimal<'a>(args: &Args<'a>) -> Outcome<'a> {
    args.number(0)?
        .map_or(Ok(Value::Null), |n| Num::Float(n.float()).value())
}

/// Elements of lists count one by one; nulls do not count.
fn extreme<'a>(args: &Args<'a>, wanted: Ordering) -> Outcome<'a> {
    let mut best = Value::Null;
    for at in 0..args.len() {
        for value in args.value(at)?.list() {
            if value.is_null() {
                continue;
            }
            if best.is_null() || value.order(&best) == Some(wanted) {
                best = value;
            }
        }
    }
    Ok(best)
}
