//! Expressions as text: the least parentheses that read back as the same tree.

use super::ast::{Binary, Expr, Node, Unary};
use super::grammar::{chains, level, level_of};
use std::fmt;

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self, level::CONDITION)
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
        Node::Conditional(..) => level::CONDITION,
        Node::Binary(operator, ..) => level_of(*operator),
        Node::Unary(..) => level::UNARY,
        _ => level::VALUE,
    }
}

/// `minimum` is what the place needs.
fn write(f: &mut fmt::Formatter<'_>, expr: &Expr, minimum: u8) -> fmt::Result {
    if binds(&expr.node) < minimum {
        f.write_str("(")?;
        write(f, expr, level::CONDITION)?;
        return f.write_str(")");
    }
    match &expr.node {
        Node::Null => f.write_str("null"),
        Node::Boolean(value) => write!(f, "{value}"),
        Node::Integer(value) => write!(f, "{value}"),
        Node::Number(value) => write!(f, "{value:?}"),
        Node::Text(text) => write_text(f, text),
        Node::Field(path) => write!(f, "{path}"),
        Node::Unary(operator, operand) => {
            write!(f, "{operator}")?;
            // A sign directly before digits would be part of the literal, and `!~` is an operator of its own.
            let apart = matches!(operand.node, Node::Integer(_) | Node::Number(_) | Node::Unary(Unary::Complement, _));
            write(f, operand, if apart { u8::MAX } else { level::UNARY })
        }
        Node::Binary(operator, left, right) => {
            let level = level_of(*operator);
            write(f, left, if chains(*operator) { level } else { level + 1 })?;
            write!(f, " {operator} ")?;
            write(f, right, level + 1)
        }
        Node::Conditional(condition, yes, no) => {
            write(f, condition, level::OR)?;
            f.write_str(" ? ")?;
            write(f, yes, level::CONDITION)?;
            f.write_str(" : ")?;
            write(f, no, level::CONDITION)
        }
        Node::Call(name, arguments) => {
            write!(f, "{name}(")?;
            for (at, argument) in arguments.iter().enumerate() {
                if at > 0 {
                    f.write_str(", ")?;
                }
                write(f, argument, level::CONDITION)?;
            }
            f.write_str(")")
        }
    }
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
