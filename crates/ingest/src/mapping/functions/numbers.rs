//! Conversions to numbers, and the least and greatest of values.

use super::{Args, Builtin, Gives, MANY, builtin};
use crate::mapping::value::{Num, Outcome, Value, whole};
use std::cmp::Ordering;

pub(super) static ALL: &[Builtin] = &[
    builtin("to_bigint", 1, 1, Gives::Whole, integer),
    builtin("to_integer", 1, 1, Gives::Whole, integer),
    builtin("to_decimal", 1, 1, Gives::Number, decimal),
    builtin("to_float", 1, 1, Gives::Number, decimal),
    builtin("min", 1, MANY, Gives::Any, |args| extreme(args, Ordering::Less)),
    builtin("max", 1, MANY, Gives::Any, |args| extreme(args, Ordering::Greater)),
];

/// The least and the greatest number that a conversion gives.
pub(in crate::mapping) fn bounds(name: &str) -> (i64, i64) {
    match name {
        "to_integer" => (i64::from(i32::MIN), i64::from(i32::MAX)),
        _ => (i64::MIN, i64::MAX),
    }
}

/// The whole part, within bounds.
pub(in crate::mapping) fn part(n: Num, least: i64, most: i64) -> Option<i64> {
    let n = match n {
        Num::Int(n) => n,
        Num::Float(n) => whole(n.trunc())?,
    };
    (least..=most).contains(&n).then_some(n)
}

fn integer<'a>(args: &Args<'a>) -> Outcome<'a> {
    let Some(n) = args.number(0)? else {
        return Ok(Value::Null);
    };
    let name = args.builtin.name;
    let (least, most) = bounds(name);
    part(n, least, most)
        .map(Value::Int)
        .ok_or_else(|| format!("{name}() gives {least} to {most}, and the number is beyond").into())
}

fn decimal<'a>(args: &Args<'a>) -> Outcome<'a> {
    args.number(0)?.map_or(Ok(Value::Null), |n| Num::Float(n.float()).value())
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
