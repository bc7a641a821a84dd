//! What the functions of the mapping language do (PL §5.3). Their names, parameters and texts are in the registry,
//! `forebay_model::mapping::functions`; a test compiles and runs each function that is available there.
//!
//! Always holds: an argument is evaluated only when the function asks for it; a null argument that a function cannot do
//! without makes the result null; a function fails with a reason and never panics; characters count, not bytes.

mod dates;
mod logic;
mod numbers;
mod texts;

use super::compile::{Call, Row, shown};
use super::moment::Moment;
use super::pattern::Pattern;
use super::value::{Fault, Num, Outcome, Value};
use std::borrow::Cow;

/// A function of the language.
#[derive(Debug)]
pub struct Builtin {
    /// The registry's canonical name.
    pub name: &'static str,
    /// The fewest arguments.
    pub least: usize,
    /// The most.
    pub most: usize,
    /// The argument that is a date pattern.
    pub pattern: Option<usize>,
    /// What it does.
    pub run: for<'a> fn(&Args<'a>) -> Outcome<'a>,
}

const fn builtin(
    name: &'static str,
    least: usize,
    most: usize,
    run: for<'a> fn(&Args<'a>) -> Outcome<'a>,
) -> Builtin {
    Builtin {
        name,
        least,
        most,
        pattern: None,
        run,
    }
}

const MANY: usize = usize::MAX;

static BUILTINS: &[&[Builtin]] = &[texts::ALL, numbers::ALL, dates::ALL, logic::ALL];

/// The function of that canonical name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS
        .iter()
        .flat_map(|group| group.iter())
        .find(|builtin| builtin.name == name)
}

/// The arguments of a call in a row.
#[derive(Debug)]
pub struct Args<'a> {
    pub(super) call: &'a Call,
    pub(super) row: Row<'a>,
}

impl<'a> Args<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.call.args.len()
    }

    /// An argument's value; null when the call ends before it.
    pub fn value(&self, at: usize) -> Outcome<'a> {
        self.call
            .args
            .get(at)
            .map_or(Ok(Value::Null), |arg| arg.eval(self.row))
    }

    /// As text.
    pub fn text(&self, at: usize) -> Result<Option<Cow<'a, str>>, Fault> {
        Ok(self.value(at)?.text())
    }

    /// As a number; blank text is none.
    pub fn number(&self, at: usize) -> Result<Option<Num>, Fault> {
        let value = self.value(at)?;
        match value.number() {
            Some(number) => Ok(Some(number)),
            None if absent(&value) => Ok(None),
            None => Err(format!(
                "{}() takes a number, and {} is none",
                self.call.builtin.name,
                shown(&value)
            )
            .into()),
        }
    }

    /// As a whole number.
    pub fn whole(&self, at: usize) -> Result<Option<i64>, Fault> {
        let Some(number) = self.number(at)? else {
            return Ok(None);
        };
        match number.whole() {
            Some(whole) => Ok(Some(whole)),
            None => Err(format!(
                "{}() takes a whole number of 64 bits, and {} is none",
                self.call.builtin.name,
                number.float()
            )
            .into()),
        }
    }

    /// As a moment; blank text is none.
    pub fn moment(&self, at: usize) -> Result<Option<Moment>, Fault> {
        let value = self.value(at)?;
        match value.moment() {
            Some(moment) => Ok(Some(moment)),
            None if absent(&value) => Ok(None),
            None => Err(format!("{} is not a date in any known format", shown(&value)).into()),
        }
    }

    /// As a date pattern, which is usually the same in every row and then parsed already.
    pub fn pattern(&self, at: usize) -> Result<Option<Cow<'a, Pattern>>, Fault> {
        if let Some(pattern) = self
            .call
            .pattern
            .as_ref()
            .filter(|_| self.call.builtin.pattern == Some(at))
        {
            return Ok(Some(Cow::Borrowed(pattern)));
        }
        let Some(text) = self.text(at)? else {
            return Ok(None);
        };
        Ok(Some(Cow::Owned(Pattern::parse(&text)?)))
    }
}

/// Null, or blank text.
pub(super) fn absent(value: &Value<'_>) -> bool {
    matches!(value, Value::Null) || matches!(value, Value::Text(text) if text.trim().is_empty())
}
