//! What the functions of the mapping language do (PL §5.3). Their names, parameters and texts are in the registry,
//! `forebay_model::mapping::functions`; a test compiles and runs each function that is available there.
//!
//! Always holds: an argument is evaluated only when the function asks for it; a null argument that a function cannot do
//! without makes the result null; a function fails with a reason and never panics; characters count, not bytes.

mod dates;
mod logic;
pub(super) mod numbers;
pub(super) mod texts;

use super::compile::{Formula, Row, shown};
use super::moment::Moment;
use super::pattern::Pattern;
use super::read::Reader;
use super::value::{Fault, Num, Outcome, Value};
use chrono::{DateTime, Utc};
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
    /// What its values are.
    pub gives: Gives,
    /// What it does.
    pub run: for<'a> fn(&Args<'a>) -> Outcome<'a>,
}

/// What the values of a function are, nulls aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// Texts.
    Text,
    /// Whole numbers.
    Whole,
    /// Numbers.
    Number,
    /// True or false, and never null.
    Truth,
    /// Lists of texts.
    Texts,
    /// Moments, shown in UTC.
    Utc,
    /// What the arguments make of it.
    Any,
}

const fn builtin(
    name: &'static str,
    least: usize,
    most: usize,
    gives: Gives,
    run: for<'a> fn(&Args<'a>) -> Outcome<'a>,
) -> Builtin {
    Builtin { name, least, most, pattern: None, gives, run }
}

const MANY: usize = usize::MAX;

static BUILTINS: &[&[Builtin]] = &[texts::ALL, numbers::ALL, dates::ALL, logic::ALL];

/// The function of that canonical name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().flat_map(|group| group.iter()).find(|builtin| builtin.name == name)
}

/// The arguments of a call in a row.
#[derive(Debug)]
pub struct Args<'a> {
    /// The function.
    pub builtin: &'a Builtin,
    /// The date pattern, where the call has one that is the same in every row.
    pub fixed: Option<&'a Pattern>,
    /// When the run was planned.
    pub now: DateTime<Utc>,
    /// Where the values come from.
    pub given: Given<'a>,
}

/// Where the values of arguments come from.
#[derive(Debug, Clone, Copy)]
pub enum Given<'a> {
    /// Each is computed when it is asked for.
    Formulas(&'a [Formula], Row<'a>),
    /// They are there, as columns and a row of them.
    Columns(&'a [Column<'a>], usize),
}

/// A column, or a value that is the same in every row.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    /// Reads it.
    pub reader: Reader<'a>,
    /// There is one row, which stands for all.
    pub same: bool,
}

impl<'a> Column<'a> {
    /// A row's value.
    #[inline]
    pub fn get(&self, row: usize) -> Value<'a> {
        self.reader.get(if self.same { 0 } else { row })
    }
}

impl<'a> Args<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        match self.given {
            Given::Formulas(formulas, _) => formulas.len(),
            Given::Columns(columns, _) => columns.len(),
        }
    }

    /// An argument's value; null when the call ends before it.
    pub fn value(&self, at: usize) -> Outcome<'a> {
        match self.given {
            Given::Formulas(formulas, row) => formulas.get(at).map_or(Ok(Value::Null), |formula| formula.eval(row)),
            Given::Columns(columns, row) => Ok(columns.get(at).map_or(Value::Null, |column| column.get(row))),
        }
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
            None => Err(format!("{}() takes a number, and {} is none", self.builtin.name, shown(&value)).into()),
        }
    }

    /// As a whole number.
    pub fn whole(&self, at: usize) -> Result<Option<i64>, Fault> {
        let Some(number) = self.number(at)? else {
            return Ok(None);
        };
        match number.whole() {
            Some(whole) => Ok(Some(whole)),
            None => {
                Err(format!("{}() takes a whole number of 64 bits, and {} is none", self.builtin.name, number.float())
                    .into())
            }
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
        if let Some(pattern) = self.fixed.filter(|_| self.builtin.pattern == Some(at)) {
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
