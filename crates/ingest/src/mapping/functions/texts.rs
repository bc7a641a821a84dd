//! Functions of texts. Places and lengths are characters, places from 0.

use super::{Args, Builtin, Gives, MANY, builtin};
use crate::mapping::value::{Fault, Outcome, Value};
use std::borrow::Cow;

/// Longer padding than this is a slip, and would exhaust memory.
pub(in crate::mapping) const MAX_PADDED: usize = 1 << 20;

pub(super) static ALL: &[Builtin] = &[
    builtin("concat", 1, MANY, Gives::Text, concat),
    builtin("explode", 1, 2, Gives::Texts, explode),
    builtin("instr", 2, 4, Gives::Whole, instr),
    builtin("replacestr", 3, 3, Gives::Text, replacestr),
    builtin("substr", 2, 3, Gives::Text, substr),
    builtin("lower", 1, 1, Gives::Text, |args| map(args, |text| Cow::Owned(text.to_lowercase()))),
    builtin("upper", 1, 1, Gives::Text, |args| map(args, |text| Cow::Owned(text.to_uppercase()))),
    builtin("split", 2, 2, Gives::Texts, split),
    builtin("join", 2, MANY, Gives::Text, join),
    builtin("lpad", 2, 3, Gives::Text, |args| pad(args, true)),
    builtin("rpad", 2, 3, Gives::Text, |args| pad(args, false)),
    builtin("left", 2, 2, Gives::Text, left),
    builtin("right", 2, 2, Gives::Text, right),
    builtin("ltrim", 1, 1, Gives::Text, |args| cut(args, str::trim_start)),
    builtin("rtrim", 1, 1, Gives::Text, |args| cut(args, str::trim_end)),
    builtin("trim", 1, 1, Gives::Text, |args| cut(args, str::trim)),
    builtin("equals", 2, 2, Gives::Truth, |args| compare(args, |a, b| a == b)),
    builtin("equalsIgnoreCase", 2, 2, Gives::Truth, |args| compare(args, |a, b| a.to_lowercase() == b.to_lowercase())),
];

fn map<'a>(args: &Args<'a>, change: fn(&str) -> Cow<'a, str>) -> Outcome<'a> {
    Ok(args.text(0)?.map_or(Value::Null, |text| Value::Text(change(&text))))
}

/// As [`map`], where the result is a piece of the text.
fn cut<'a>(args: &Args<'a>, piece: fn(&str) -> &str) -> Outcome<'a> {
    Ok(match args.text(0)? {
        None => Value::Null,
        Some(Cow::Borrowed(text)) => Value::Text(Cow::Borrowed(piece(text))),
        Some(Cow::Owned(text)) => Value::owned(piece(&text)),
    })
}

/// Characters `from..to` of a text.
pub(in crate::mapping) fn span(text: &str, from: usize, to: usize) -> &str {
    if text.is_ascii() {
        return &text[from.min(text.len())..to.min(text.len())];
    }
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    &text[byte(from)..byte(to)]
}

/// As [`span`], of a text that may be borrowed.
fn slice<'a>(text: Cow<'a, str>, from: usize, to: usize) -> Value<'a> {
    match text {
        Cow::Borrowed(text) => Value::Text(Cow::Borrowed(span(text, from, to))),
        Cow::Owned(text) => Value::owned(span(&text, from, to)),
    }
}

fn concat<'a>(args: &Args<'a>) -> Outcome<'a> {
    let mut all: Option<String> = None;
    for at in 0..args.len() {
        if let Some(text) = args.text(at)? {
            let all = all.get_or_insert_default();
            args.budget.longer(all.len(), text.len())?;
            all.push_str(&text);
        }
    }
    Ok(all.map_or(Value::Null, Value::owned))
}

/// A whole delimiter; a backslash before a character that regular expressions know stands for that character.
fn explode<'a>(args: &Args<'a>) -> Outcome<'a> {
    let Some(text) = args.text(0)? else {
        return Ok(Value::Null);
    };
    let delimiter = if args.len() > 1 { args.text(1)?.unwrap_or(",".into()) } else { ",".into() };
    let delimiter = unescaped(&delimiter);
    if delimiter.is_empty() {
        args.budget.elements(text.chars().count())?;
        return Ok(Value::List(text.chars().map(|c| Value::owned(c.to_string())).collect()));
    }
    pieces(args, &text, || text.split(delimiter.as_str()))
}

pub(in crate::mapping) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match chars.peek() {
            Some(next) if c == '\\' && "+?^|.[({)*$\\]}".contains(*next) => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

/// Each character of the separator separates.
fn split<'a>(args: &Args<'a>) -> Outcome<'a> {
    let (Some(text), Some(separators)) = (args.text(0)?, args.text(1)?) else {
        return Ok(Value::Null);
    };
    if separators.is_empty() {
        return Ok(Value::List(vec![Value::Text(text)]));
    }
    pieces(args, &text, || text.split(|c| separators.contains(c)))
}

/// An empty text has no pieces.
fn pieces<'a, 't, I: Iterator<Item = &'t str>>(args: &Args<'a>, text: &str, cut: impl Fn() -> I) -> Outcome<'a> {
    if text.is_empty() {
        return Ok(Value::List(Vec::new()));
    }
    args.budget.elements(cut().count())?;
    args.budget.text(text.len())?;
    Ok(Value::List(cut().map(|piece| Value::owned(piece.to_string())).collect()))
}

fn join<'a>(args: &Args<'a>) -> Outcome<'a> {
    let separator = args.text(0)?.unwrap_or_default();
    let mut texts = Vec::new();
    let mut given = false;
    for at in 1..args.len() {
        let value = args.value(at)?;
        given |= !value.is_null();
        texts.extend(value.list().into_iter().filter_map(Value::text));
    }
    if !given {
        return Ok(Value::Null);
    }
    joined(args, &separator, &texts)
}

/// Texts with a separator between them.
pub(super) fn joined<'a>(args: &Args<'a>, separator: &str, texts: &[Cow<'a, str>]) -> Outcome<'a> {
    let between = separator.len() * texts.len().saturating_sub(1);
    args.budget.text(texts.iter().map(|text| text.len()).sum::<usize>() + between)?;
    Ok(Value::owned(texts.join(separator)))
}

fn instr<'a>(args: &Args<'a>) -> Outcome<'a> {
    let (Some(text), Some(wanted)) = (args.text(0)?, args.text(1)?) else {
        return Ok(Value::Null);
    };
    let start = if args.len() > 2 { args.whole(2)?.unwrap_or(0) } else { 0 };
    let occurrence = if args.len() > 3 { args.whole(3)?.unwrap_or(1) } else { 1 };
    if start < 0 || occurrence < 1 {
        return Err("instr() takes a start from 0 and an occurrence from 1".into());
    }
    let mut from = match text.char_indices().map(|(byte, _)| byte).chain([text.len()]).nth(start as usize) {
        Some(byte) => byte,
        None => return Ok(Value::Int(-1)),
    };
    for left in (0..occurrence).rev() {
        let Some(found) = text[from..].find(wanted.as_ref()).map(|found| from + found) else {
            return Ok(Value::Int(-1));
        };
        if left == 0 {
            return Ok(Value::Int(text[..found].chars().count() as i64));
        }
        match text[found..].chars().next() {
            Some(c) => from = found + c.len_utf8(),
            None => return Ok(Value::Int(-1)),
        }
    }
    Ok(Value::Int(-1))
}

fn replacestr<'a>(args: &Args<'a>) -> Outcome<'a> {
    let Some(text) = args.text(0)? else {
        return Ok(Value::Null);
    };
    let (Some(find), Some(replace)) = (args.text(1)?, args.text(2)?) else {
        return Ok(Value::Text(text));
    };
    if find.is_empty() || !text.contains(find.as_ref()) {
        return Ok(Value::Text(text));
    }
    if replace.len() > find.len() {
        let found = memchr::memmem::find_iter(text.as_bytes(), find.as_bytes()).count();
        args.budget.text(text.len() + found * (replace.len() - find.len()))?;
    }
    Ok(Value::owned(text.replace(find.as_ref(), &replace)))
}

fn substr<'a>(args: &Args<'a>) -> Outcome<'a> {
    let (Some(text), Some(start)) = (args.text(0)?, args.whole(1)?) else {
        return Ok(Value::Null);
    };
    let length = if args.len() > 2 { args.whole(2)? } else { Some(i64::MAX) };
    let Some(length) = length else {
        return Ok(Value::Null);
    };
    let characters = text.chars().count() as i64;
    if start < 0 || start > characters {
        return Err(format!("substr() starts at {start}, outside the text's {characters} characters").into());
    }
    if length < 0 {
        return Err(format!("substr() takes {length} characters").into());
    }
    Ok(slice(text, start as usize, start.saturating_add(length) as usize))
}

/// A count of characters; negative ones fail.
fn count(args: &Args<'_>, at: usize) -> Result<Option<usize>, Fault> {
    match args.whole(at)? {
        Some(count) if count < 0 => Err(format!("{}() takes {count} characters", args.builtin.name).into()),
        Some(count) => Ok(Some(count as usize)),
        None => Ok(None),
    }
}

fn left<'a>(args: &Args<'a>) -> Outcome<'a> {
    let (Some(text), Some(count)) = (args.text(0)?, count(args, 1)?) else {
        return Ok(Value::Null);
    };
    Ok(slice(text, 0, count))
}

fn right<'a>(args: &Args<'a>) -> Outcome<'a> {
    let (Some(text), Some(count)) = (args.text(0)?, count(args, 1)?) else {
        return Ok(Value::Null);
    };
    let characters = text.chars().count();
    Ok(slice(text, characters.saturating_sub(count), characters))
}

/// A longer text stays whole; padding that is empty or null is a blank.
fn pad<'a>(args: &Args<'a>, before: bool) -> Outcome<'a> {
    let (Some(text), Some(count)) = (args.text(0)?, count(args, 1)?) else {
        return Ok(Value::Null);
    };
    let padding = args.text(2)?.filter(|padding| !padding.is_empty()).unwrap_or(" ".into());
    if count > MAX_PADDED {
        return Err(Fault::limit(format!("{}() makes at most {MAX_PADDED} characters", args.builtin.name)));
    }
    let missing = count.saturating_sub(text.chars().count());
    if missing == 0 {
        return Ok(Value::Text(text));
    }
    args.budget.text(text.len() + missing)?;
    let fill: String = padding.chars().cycle().take(missing).collect();
    Ok(Value::owned(if before { fill + &text } else { text.into_owned() + &fill }))
}

/// Null equals null only.
fn compare<'a>(args: &Args<'a>, same: fn(&str, &str) -> bool) -> Outcome<'a> {
    Ok(Value::Bool(match (args.text(0)?, args.text(1)?) {
        (Some(a), Some(b)) => same(&a, &b),
        (a, b) => a.is_none() && b.is_none(),
    }))
}
