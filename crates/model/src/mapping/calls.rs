//! Whether the calls of an expression are right: the function exists, gets as many arguments as it takes, lambdas where
//! it takes them, and patterns that can be used. The fault points at the characters to blame.

use super::ast::{Expr, Node};
use super::check::closest;
use super::functions::{self, FUNCTIONS, Function, Shape};
use super::{Rule, Source, grammar, invalid, matching, pattern};
use crate::error::{Error, Place, Result};

/// What is wrong with a call.
struct Wrong<'a> {
    message: String,
    advice: Option<String>,
    at: &'a Expr,
}

impl Wrong<'_> {
    fn error(self, before: &str) -> Error {
        let place = Place::Span { start: self.at.span.start, end: self.at.span.end };
        let fault = invalid(format!("{before}{}", self.message)).at(place);
        match self.advice {
            Some(advice) => fault.advice(advice),
            None => fault,
        }
    }
}

/// The first call in the rule's expression that is wrong.
pub(super) fn calls(rule: &Rule) -> Option<Error> {
    let Source::Expression(expr) = &rule.source else { return None };
    Some(call(expr)?.error(&format!("mapping {} (`/mappings/{}/source`): ", rule.index, rule.index)))
}

/// Parses and checks an expression that stands alone.
pub fn expression(text: &str) -> Result<Expr> {
    let expr = grammar::parse(text).map_err(|why| {
        let place = Place::Span { start: why.span.start, end: why.span.end };
        invalid(why.message.clone()).at(place).caused_by(why)
    })?;
    match call(&expr) {
        Some(wrong) => Err(wrong.error("")),
        None => Ok(expr),
    }
}

/// Innermost calls of earlier arguments come first.
fn call(expr: &Expr) -> Option<Wrong<'_>> {
    match &expr.node {
        Node::Null
        | Node::Boolean(_)
        | Node::Integer(_)
        | Node::Number(_)
        | Node::Text(_)
        | Node::Field(_)
        | Node::Local(_) => None,
        Node::Lambda(..) => Some(Wrong {
            message: "a lambda `x -> …` stands only where a function takes one".into(),
            advice: Some("`transformArray` and `filterArray` take one.".into()),
            at: expr,
        }),
        Node::List(items) => items.iter().find_map(call),
        Node::Object(members) => members.iter().find_map(|(key, value)| call(key).or_else(|| call(value))),
        Node::Unary(_, operand) => call(operand),
        Node::Binary(_, left, right) => call(left).or_else(|| call(right)),
        Node::Conditional(condition, yes, no) => call(condition).or_else(|| call(yes)).or_else(|| call(no)),
        Node::Call(name, arguments) => called(expr, name, arguments),
    }
}

fn called<'a>(expr: &'a Expr, name: &str, arguments: &'a [Expr]) -> Option<Wrong<'a>> {
    let Some(function) = functions::find(name) else {
        let names = FUNCTIONS.iter().flat_map(|f| std::iter::once(&f.name).chain(f.aliases));
        let advice = closest(name, names.copied()).map(|near| format!("The closest function is `{near}`."));
        return Some(Wrong { message: format!("there is no function `{name}`"), advice, at: expr });
    };
    counted(function, expr, arguments)
        .or_else(|| patterned(function, arguments))
        .or_else(|| arguments.iter().enumerate().find_map(|(at, argument)| passed(function, at, argument)))
}

/// More or fewer arguments than the function takes, or keys and values that are no pairs.
fn counted<'a>(function: &Function, expr: &'a Expr, arguments: &[Expr]) -> Option<Wrong<'a>> {
    let given = arguments.len();
    let (least, most) = (function.min_args(), function.max_args());
    let advice = Some(format!("Write `{}`.", function.syntax));
    if given < least || most.is_some_and(|most| given > most) {
        let wanted = match most {
            Some(most) if most == least => format!("{least}"),
            Some(most) => format!("{least} to {most}"),
            None => format!("at least {least}"),
        };
        let s = if wanted == "1" { "" } else { "s" };
        let message = format!("function `{}` takes {wanted} argument{s}, not {given}", function.name);
        return Some(Wrong { message, advice, at: expr });
    }
    if function.paired && !given.is_multiple_of(2) {
        let message = format!("function `{}` takes keys and values in turn: one has no value", function.name);
        return Some(Wrong { message, advice, at: expr });
    }
    None
}

/// An argument that its parameter cannot take, or that is wrong itself.
fn passed<'a>(function: &Function, at: usize, argument: &'a Expr) -> Option<Wrong<'a>> {
    let lambda = function.param(at).is_some_and(|param| param.shape == Shape::Lambda);
    let wrong = |message| Some(Wrong { message, advice: Some(format!("Write `{}`.", function.syntax)), at: argument });
    match &argument.node {
        Node::Lambda(_, body) if lambda => call(body),
        _ if lambda => wrong(format!("function `{}` takes a lambda such as `x -> …` here", function.name)),
        Node::Field(_) => None,
        _ if function.name == functions::HAS_FIELD => {
            wrong(format!("function `{}` takes the path of a field", function.name))
        }
        _ => call(argument),
    }
}

/// A pattern that is written out and cannot be used.
fn patterned<'a>(function: &Function, arguments: &'a [Expr]) -> Option<Wrong<'a>> {
    for (param, at) in function.params.iter().zip(arguments) {
        let Node::Text(text) = &at.node else { continue };
        let (found, advice) = match param.name {
            "FORMAT" => (pattern::parse(text).err(), "Write a Java date pattern, such as `yyyy-MM-dd HH:mm:ss`."),
            "REGEX" => (
                matching::compile(text).err(),
                "Write a regular expression without looking around and references back.",
            ),
            _ => continue,
        };
        if let Some(why) = found {
            let message = format!("function `{}`: {why}", function.name);
            return Some(Wrong { message, advice: Some(advice.into()), at });
        }
    }
    None
}
