//! Expressions as text: the least parentheses that read back as the same tree.

use super::ast::{Binary, Expr, FieldPath, Node, Step, Unary};
use super::grammar::{chains, level, level_of};
use super::path::write_name;
use std::fmt;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self, level::CONDITION, &mut Vec::new())
    }
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Multiply => "*",
            Binary::Divide => "/",
            Binary::Remainder => "%",
            Binary::Equal => "==",
            Binary::NotEqual => "!=",
            Binary::Less => "<",
            Binary::LessOrEqual => "<=",
            Binary::Greater => ">",
            Binary::GreaterOrEqual => ">=",
            Binary::And => "and",
            Binary::Or => "or",
        })
    }
}

impl fmt::Display for Unary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unary::Negate => "-",
            Unary::Not => "!",
            Unary::Complement => "~",
        })
    }
}

/// How tightly the node itself binds.
fn binds(node: &Node) -> u8 {
    match node {
        Node::Conditional(..) | Node::Lambda(..) => level::CONDITION,
        Node::Binary(operator, ..) => level_of(*operator),
        Node::Unary(..) => level::UNARY,
        _ => level::VALUE,
    }
}

/// `minimum` is what the place needs, `locals` are the parameters of the lambdas around.
fn write<'a>(f: &mut fmt::Formatter<'_>, expr: &'a Expr, minimum: u8, locals: &mut Vec<&'a str>) -> fmt::Result {
    if binds(&expr.node) < minimum {
        f.write_str("(")?;
        write(f, expr, level::CONDITION, locals)?;
        return f.write_str(")");
    }
    match &expr.node {
        Node::Null => f.write_str("null"),
        Node::Boolean(value) => write!(f, "{value}"),
        Node::Integer(value) => write!(f, "{value}"),
        Node::Number(value) => write!(f, "{value:?}"),
        Node::Text(text) => write_text(f, text),
        Node::Field(path) => write_field(f, path, locals),
        Node::Local(name) => f.write_str(name),
        Node::Unary(operator, operand) => {
            write!(f, "{operator}")?;
            // A sign directly before digits would be part of the literal, and `!~` is an operator of its own.
            let apart = matches!(operand.node, Node::Integer(_) | Node::Number(_) | Node::Unary(Unary::Complement, _));
            write(f, operand, if apart { u8::MAX } else { level::UNARY }, locals)
        }
        Node::Binary(operator, left, right) => {
            let level = level_of(*operator);
            write(f, left, if chains(*operator) { level } else { level + 1 }, locals)?;
            write!(f, " {operator} ")?;
            write(f, right, level + 1, locals)
        }
        Node::Conditional(condition, yes, no) => {
            write(f, condition, level::OR, locals)?;
            f.write_str(" ? ")?;
            write(f, yes, level::CONDITION, locals)?;
            f.write_str(" : ")?;
            write(f, no, level::CONDITION, locals)
        }
        Node::Call(name, arguments) => {
            write!(f, "{name}(")?;
            write_all(f, arguments, locals)?;
            f.write_str(")")
        }
        Node::List(items) => {
            f.write_str("[")?;
            write_all(f, items, locals)?;
            f.write_str("]")
        }
        Node::Object(members) => {
            f.write_str("{")?;
            for (at, (key, value)) in members.iter().enumerate() {
                f.write_str(if at > 0 { ", " } else { "" })?;
                write(f, key, level::OR, locals)?;
                f.write_str(": ")?;
                write(f, value, level::CONDITION, locals)?;
            }
            f.write_str("}")
        }
        Node::Lambda(name, body) => {
            write!(f, "{name} -> ")?;
            locals.push(name);
            write(f, body, level::CONDITION, locals)?;
            locals.pop();
            Ok(())
        }
    }
}

fn write_all<'a>(f: &mut fmt::Formatter<'_>, items: &'a [Expr], locals: &mut Vec<&'a str>) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        f.write_str(if at > 0 { ", " } else { "" })?;
        write(f, item, level::CONDITION, locals)?;
    }
    Ok(())
}

/// A field that has the name of a lambda's parameter stands in braces, as it was written.
fn write_field(f: &mut fmt::Formatter<'_>, path: &FieldPath, locals: &[&str]) -> fmt::Result {
    let Some((Step::Name(first), rest)) = path.0.split_first() else { return Ok(()) };
    if !locals.contains(&first.as_str()) {
        return write!(f, "{path}");
    }
    write!(f, "${{{first}}}")?;
    for step in rest {
        match step {
            Step::Name(name) => {
                f.write_str(".")?;
                write_name(f, name)?;
            }
            Step::Index(index) => write!(f, "[{index}]")?,
            Step::Every => f.write_str("[*]")?,
        }
    }
    Ok(())
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => write!(f, "{c}")?,
        }
    }
    f.write_str("\"")
}
