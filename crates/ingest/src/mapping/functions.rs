//! What the functions of the mapping language do (PL §5.3). Their names, parameters and texts are in the registry,
//! `forebay_model::mapping::functions`; a test compiles and runs each function that is there.
//!
//! Always holds: an argument is evaluated only when the function asks for it, and asked for once, since what is asked
//! twice in each of nested calls is computed exponentially often; a null argument that a function cannot do
//! without makes the result null; a function fails with a reason and never panics; characters count, not bytes.

mod agents;
mod arrays;
mod dates;
mod hashes;
mod logic;
pub(super) mod numbers;
mod objects;
mod patterns;
pub(super) mod texts;
mod urls;

use super::budget::Budget;
use super::compile::{Formula, Local, Row, shown};
use super::moment::Moment;
use super::pattern::Pattern;
use super::read::{Reader, owned};
use super::value::{Fault, Num, Outcome, Value};
use chrono::{DateTime, Utc};
use regex::Regex;
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
    /// The argument that is a pattern, and how it is made ready.
    pub prepare: Option<(usize, Prepare)>,
    /// What its values are.
    pub gives: Gives,
    /// It takes or gives lists and objects, or a lambda: its formula is computed whole, row by row.
    pub nested: bool,
    /// It gives another value each time.
    pub varies: bool,
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
    Builtin { name, least, most, prepare: None, gives, nested: false, varies: false, run }
}

/// A function of lists and objects.
const fn nested(
    name: &'static str,
    least: usize,
    most: usize,
    gives: Gives,
    run: for<'a> fn(&Args<'a>) -> Outcome<'a>,
) -> Builtin {
    Builtin { nested: true, ..builtin(name, least, most, gives, run) }
}

/// Makes a pattern ready; the error is the end of a sentence.
pub type Prepare = fn(&str) -> Result<Prepared, String>;

/// A pattern, ready to be used.
#[derive(Debug, Clone)]
pub enum Prepared {
    /// Of dates.
    Date(Pattern),
    /// A regular expression.
    Regex(Regex),
}

impl PartialEq for Prepared {
    fn eq(&self, other: &Prepared) -> bool {
        match (self, other) {
            (Prepared::Date(a), Prepared::Date(b)) => a == b,
            (Prepared::Regex(a), Prepared::Regex(b)) => a.as_str() == b.as_str(),
            _ => false,
        }
    }
}

const MANY: usize = usize::MAX;

pub(super) use objects::member;

static BUILTINS: &[&[Builtin]] = &[
    texts::ALL,
    numbers::ALL,
    dates::ALL,
    logic::ALL,
    objects::ALL,
    arrays::ALL,
    patterns::ALL,
    hashes::ALL,
    urls::ALL,
    agents::ALL,
];

/// The function of that canonical name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().flat_map(|group| group.iter()).find(|builtin| builtin.name == name)
}

/// The arguments of a call in a row.
#[derive(Debug)]
pub struct Args<'a> {
    /// The function.
    pub builtin: &'a Builtin,
    /// The pattern, where the call has one that is the same in every row.
    pub prepared: Option<&'a Prepared>,
    /// When the run was planned.
    pub now: DateTime<Utc>,
    /// What the row may still cost.
    pub budget: &'a Budget,
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
        if let Some(Prepared::Date(pattern)) = self.prepared {
            return Ok(Some(Cow::Borrowed(pattern)));
        }
        let Some(text) = self.text(at)? else {
            return Ok(None);
        };
        Ok(Some(Cow::Owned(Pattern::parse(&text)?)))
    }

    /// As true or false; none for null.
    pub fn truth(&self, at: usize) -> Result<Option<bool>, Fault> {
        let value = self.value(at)?;
        Ok(if absent(&value) { None } else { Some(value.truth()) })
    }

    /// As a list: null is an empty one, a single value a list of one.
    pub fn list(&self, at: usize) -> Result<Vec<Value<'a>>, Fault> {
        Ok(self.value(at)?.list())
    }

    /// As an object; none for null.
    pub fn object(&self, at: usize) -> Result<Option<Vec<(String, Value<'a>)>>, Fault> {
        match self.value(at)?.unfolded() {
            Value::Object(members) => Ok(Some(members)),
            value if absent(&value) => Ok(None),
            other => Err(format!("{}() takes an object, and {} is none", self.builtin.name, shown(&other)).into()),
        }
    }

    /// A key, as text.
    pub fn key(&self, at: usize) -> Result<String, Fault> {
        let key =
            self.text(at)?.ok_or_else(|| Fault::from(format!("{}() has a key that is null", self.builtin.name)))?;
        Ok(key.into_owned())
    }

    /// What a lambda gives for an element.
    pub fn apply(&self, at: usize, element: &Value<'a>) -> Outcome<'a> {
        let Given::Formulas(formulas, row) = self.given else {
            return Err("a lambda is computed row by row".into());
        };
        let Some(Formula::Lambda(body)) = formulas.get(at) else {
            return Err(format!("{}() takes a lambda", self.builtin.name).into());
        };
        self.budget.elements(1)?;
        let local = Local { value: element, outer: row.locals };
        body.eval(Row { locals: Some(&local), ..row }).map(owned)
    }
}

/// Null, or blank text.
pub(super) fn absent(value: &Value<'_>) -> bool {
    matches!(value, Value::Null) || matches!(value, Value::Text(text) if text.trim().is_empty())
}
