//! The tree of a mapping expression. Every node knows its characters, so that an error can point at them.

use serde::{Deserialize, Serialize};

/// Characters of the expression: `start..end`, counted in characters (not bytes) from 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First character.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

/// One step of a field path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// A named child.
    Name(String),
    /// An array element, from 0.
    Index(u64),
    /// `[*]`: every element of an array.
    Every,
}

/// A path to a source field: `name.firstName`, `${First Name}`, `address.street\.name`, `a[0].b`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FieldPath(pub Vec<Step>);

/// An expression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expr {
    /// What it is.
    pub node: Node,
    /// Its characters.
    pub span: Span,
}

/// What an expression is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Node {
    /// `null`.
    Null,
    /// `true`, `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Number(f64),
    /// `"…"` or `'…'`.
    Text(String),
    /// A source field.
    Field(FieldPath),
    /// `-x`, `!x`.
    Unary(Unary, Box<Expr>),
    /// `a + b`, `a and b`, `a == b`, ….
    Binary(Binary, Box<Expr>, Box<Expr>),
    /// `c ? a : b`.
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `f(a, b)`, by the registry's canonical name; `s.equals("x")` is `equals(s, "x")`, `f(a).b` is `get(f(a), "b")`.
    Call(String, Vec<Expr>),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `{"a": b}`: keys and values.
    Object(Vec<(Expr, Expr)>),
    /// `x -> …`, as the argument of a function that takes one.
    Lambda(String, Box<Expr>),
    /// The parameter of a lambda around it.
    Local(String),
}

/// Operators of one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unary {
    /// `-`
    Negate,
    /// `!`, `not`
    Not,
    /// `~`, bitwise
    Complement,
}

/// Operators of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}
