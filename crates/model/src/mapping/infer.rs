//! What an expression gives, as far as that is known without a row. A source field's type is not: `None`.

use super::ast::{Binary, Expr, Node, Unary};
use super::functions::{self, Shape};
use crate::xdm::Type;

/// The type of what the expression gives, where it is the same in every row. Null alone has no type.
pub fn infer(expr: &Expr) -> Option<Type> {
    match &expr.node {
        Node::Null | Node::Field(_) | Node::Local(_) | Node::Lambda(..) => None,
        Node::List(items) => unify(items).map(|item| Type::Array(Box::new(item))),
        Node::Object(_) => Some(Type::Object(Vec::new())),
        Node::Boolean(_) => Some(Type::Boolean),
        Node::Integer(_) => Some(Type::Long),
        Node::Number(_) => Some(Type::Number),
        Node::Text(_) => Some(Type::String),
        Node::Unary(Unary::Not, _) => Some(Type::Boolean),
        Node::Unary(Unary::Complement, _) => Some(Type::Long),
        Node::Unary(Unary::Negate, operand) => infer(operand).filter(is_number),
        Node::Binary(operator, left, right) => operation(*operator, left, right),
        Node::Conditional(_, yes, no) => unify([yes.as_ref(), no.as_ref()]),
        Node::Call(name, arguments) => call(name, arguments),
    }
}

/// Types that hold numbers.
pub(super) fn is_number(ty: &Type) -> bool {
    matches!(ty, Type::Byte | Type::Short | Type::Int | Type::Long | Type::Number)
}

fn operation(operator: Binary, left: &Expr, right: &Expr) -> Option<Type> {
    match operator {
        Binary::Equal
        | Binary::NotEqual
        | Binary::Less
        | Binary::LessOrEqual
        | Binary::Greater
        | Binary::GreaterOrEqual => Some(Type::Boolean),
        Binary::And | Binary::Or => Some(Type::Boolean),
        Binary::Add => match (infer(left)?, infer(right)?) {
            (Type::String, _) | (_, Type::String) => Some(Type::String),
            (left, right) => numbers(&left, &right),
        },
        Binary::Subtract | Binary::Multiply | Binary::Remainder => numbers(&infer(left)?, &infer(right)?),
        Binary::Divide => numbers(&infer(left)?, &infer(right)?).map(|_| Type::Number),
    }
}

fn numbers(left: &Type, right: &Type) -> Option<Type> {
    match (left, right) {
        (Type::Number, other) | (other, Type::Number) if is_number(other) => Some(Type::Number),
        (left, right) if is_number(left) && is_number(right) => Some(Type::Long),
        _ => None,
    }
}

/// The one type of all that have one; nulls have none and do not count, anything else unknown makes it unknown.
fn unify<'a>(branches: impl IntoIterator<Item = &'a Expr>) -> Option<Type> {
    let mut common: Option<Type> = None;
    for branch in branches {
        if matches!(&branch.node, Node::Null) || matches!(&branch.node, Node::Call(name, _) if name == "nullify") {
            continue;
        }
        let ty = infer(branch)?;
        common = match common {
            None => Some(ty),
            Some(before) if before == ty => Some(ty),
            Some(before) => Some(numbers(&before, &ty)?),
        };
    }
    common
}

fn call(name: &str, arguments: &[Expr]) -> Option<Type> {
    let function = functions::find(name)?;
    match function.returns {
        Shape::Text => Some(Type::String),
        Shape::Integer if name == "to_integer" => Some(Type::Int),
        Shape::Integer => Some(Type::Long),
        Shape::Number => Some(Type::Number),
        Shape::Boolean => Some(Type::Boolean),
        Shape::Moment => Some(Type::DateTime),
        Shape::Texts => Some(Type::Array(Box::new(Type::String))),
        Shape::Common => unify(results(name, arguments)),
        Shape::Any | Shape::List | Shape::Object | Shape::Map | Shape::Null | Shape::Lambda => None,
    }
}

/// The arguments that may become the result: not the key and the keys of `decode`, not the condition of `iif`.
fn results<'a>(name: &str, arguments: &'a [Expr]) -> Vec<&'a Expr> {
    match name {
        "iif" => arguments.iter().skip(1).collect(),
        "decode" => {
            let last = arguments.len().saturating_sub(1);
            let default = arguments.len().is_multiple_of(2);
            arguments
                .iter()
                .enumerate()
                .filter(|(at, _)| *at >= 2 && (at % 2 == 0 || (default && *at == last)))
                .map(|(_, a)| a)
                .collect()
        }
        _ => arguments.iter().collect(),
    }
}
