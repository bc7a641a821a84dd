//! A compiled expression as a DataFusion expression: columns, literals, `CASE`, `AND`/`OR`, `IS NOT NULL`, `IS [NOT]
//! DISTINCT FROM`, `upper` and `lower` of DataFusion, whose meaning is ours, and [`Kernel`]s for everything else.
//!
//! Types are decided here, once: an operation whose values are of one type gives a column of it; where they depend on
//! the rows (`+` of two texts, a choice between a number and a text) the column is a mixed one ([`super::mixed`]).
//! Branches are `CASE`, which computes a branch for the rows that take it and no others. The batch that the expressions
//! read has the rows' numbers as its first column, so that a failure can name its rows, and then the fields.

use super::budget::Budget;
use super::compile::{Call, Formula, Row};
use super::functions::{Builtin, Gives};
use super::kernel::{Kernel, Operation};
use super::mixed::{MixedBuilder, is_mixed, mixed_type};
use super::read::moment_type;
use super::value::{Value, number_in};
use chrono::{DateTime, Utc};
use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;
use datafusion::common::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::functions::string;
use datafusion::logical_expr::{Operator, ScalarUDF};
use datafusion::physical_expr::expressions::{BinaryExpr, Column, IsNotNullExpr, Literal, case};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use forebay_model::mapping::ast::{Binary, Unary};
use std::sync::Arc;

/// The place of the rows' numbers in the batch that expressions read; the fields follow.
pub const NUMBERS: &str = "_row";

/// Nodes that a DataFusion expression may have, those counted again that stand in it more than once.
const MAX_NODES: usize = 5_000;

/// A DataFusion expression and what is known of its values.
#[derive(Debug, Clone)]
pub struct Lowered {
    /// The expression.
    pub expr: Arc<dyn PhysicalExpr>,
    /// Its type; `Null` where there never is a value.
    pub of: DataType,
    /// True or false, and never null.
    sure: bool,
}

/// Makes DataFusion expressions over fields of known types.
#[derive(Debug)]
pub struct Lowering<'a> {
    /// The type that each field is read as.
    pub types: &'a [DataType],
    /// When the run was planned.
    pub now: DateTime<Utc>,
    config: Arc<ConfigOptions>,
}

impl<'a> Lowering<'a> {
    /// Over fields of these types.
    pub fn new(types: &'a [DataType], now: DateTime<Utc>) -> Lowering<'a> {
        Lowering { types, now, config: Arc::new(ConfigOptions::default()) }
    }

    /// The DataFusion expression of a formula.
    pub fn lower(&self, formula: &Formula) -> Result<Lowered> {
        if let Some(literal) = self.folded(formula)? {
            return Ok(literal);
        }
        if formula.by_row() || formula.lowered() > MAX_NODES {
            return Ok(self.rows(formula));
        }
        match formula {
            Formula::Constant(value) => literal(value),
            Formula::Field(at) => Ok(self.field(*at)),
            Formula::Unary(operator, operand) => self.unary(*operator, self.lower(operand)?),
            Formula::Binary(Binary::And, left, right) => self.logic(Operator::And, left, right),
            Formula::Binary(Binary::Or, left, right) => self.logic(Operator::Or, left, right),
            Formula::Binary(operator, left, right) => {
                let letters = *operator == Binary::Add && (letters(left) || letters(right));
                self.binary(*operator, self.lower(left)?, self.lower(right)?, letters)
            }
            Formula::Choice(parts) => {
                let [condition, yes, no] = parts.as_ref();
                self.choice(condition, yes, no)
            }
            Formula::Call(call) => self.call(call),
            Formula::List(_) | Formula::Object(_) | Formula::Lambda(_) | Formula::Local(_) | Formula::Part(..) => {
                Ok(self.rows(formula))
            }
        }
    }

    /// The formula whole, over the fields that it reads.
    fn rows(&self, formula: &Formula) -> Lowered {
        let mut fields = Vec::new();
        formula.fields(&mut fields);
        let place = |at: usize| fields.iter().position(|field| *field == at).unwrap_or(usize::MAX);
        let moved = Arc::new(formula.moved(&place));
        let args = fields.iter().map(|at| self.field(*at)).collect();
        let of = match formula {
            Formula::Call(call) => type_of(call.builtin),
            Formula::Unary(Unary::Not, _) => DataType::Boolean,
            Formula::Binary(operator, ..) if truth_value(*operator) => DataType::Boolean,
            _ => mixed_type(),
        };
        self.kernel(Operation::Rows(moved), args, of)
    }

    fn field(&self, at: usize) -> Lowered {
        Lowered { expr: Arc::new(Column::new(&format!("field {at}"), at + 1)), of: self.types[at].clone(), sure: false }
    }

    /// A formula that reads no field, as its value; one that fails stays, for the rows that come to it.
    fn folded(&self, formula: &Formula) -> Result<Option<Lowered>> {
        let mut fields = Vec::new();
        formula.fields(&mut fields);
        if !fields.is_empty() || formula.varies() {
            return Ok(None);
        }
        let row = Row { fields: &[], at: 0, now: self.now, budget: &Budget::default(), locals: None };
        match formula.eval(row) {
            Ok(value) => literal(&value).map(Some),
            Err(_) => Ok(None),
        }
    }

    fn kernel(&self, operation: Operation, args: Vec<Lowered>, of: DataType) -> Lowered {
        let sure = of == DataType::Boolean;
        let mut exprs: Vec<Arc<dyn PhysicalExpr>> = args.into_iter().map(|arg| arg.expr).collect();
        exprs.push(Arc::new(Column::new(NUMBERS, 0)));
        let kernel = Kernel::new(operation, of.clone(), self.now);
        let expr = self.function(Arc::new(ScalarUDF::from(kernel)), exprs, &of);
        Lowered { expr, of, sure }
    }

    fn function(
        &self,
        function: Arc<ScalarUDF>,
        args: Vec<Arc<dyn PhysicalExpr>>,
        of: &DataType,
    ) -> Arc<dyn PhysicalExpr> {
        let name = function.name().to_string();
        let field = Arc::new(Field::new(&name, of.clone(), true));
        Arc::new(ScalarFunctionExpr::new(&name, function, args, field, self.config.clone()))
    }

    fn unary(&self, operator: Unary, operand: Lowered) -> Result<Lowered> {
        let of = match (operator, &operand.of) {
            (Unary::Not, _) => DataType::Boolean,
            (Unary::Complement, _) => DataType::Int64,
            (Unary::Negate, DataType::Int64) => DataType::Int64,
            (Unary::Negate, DataType::Float64) => DataType::Float64,
            (Unary::Negate, _) => mixed_type(),
        };
        Ok(self.kernel(Operation::Unary(operator), vec![operand], of))
    }

    fn binary(&self, operator: Binary, left: Lowered, right: Lowered, letters: bool) -> Result<Lowered> {
        let whole = left.of == DataType::Int64 && right.of == DataType::Int64;
        let float = left.of == DataType::Float64 || right.of == DataType::Float64;
        let of = match operator {
            Binary::Equal if whole => {
                return Ok(native(Operator::IsNotDistinctFrom, left, right));
            }
            Binary::NotEqual if whole => return Ok(native(Operator::IsDistinctFrom, left, right)),
            Binary::Add if letters => DataType::Utf8,
            Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Remainder if whole => DataType::Int64,
            // A double may be one that is no number, which `+` takes as text.
            Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Remainder if float => DataType::Float64,
            Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Remainder => mixed_type(),
            _ => DataType::Boolean,
        };
        Ok(self.kernel(Operation::Binary(operator), vec![left, right], of))
    }

    /// True or false.
    fn truth(&self, value: Lowered) -> Lowered {
        if value.sure {
            return value;
        }
        self.kernel(Operation::Truth, vec![value], DataType::Boolean)
    }

    /// A condition of `CASE`, for which null is false.
    fn condition(&self, value: Lowered) -> Lowered {
        if value.of == DataType::Boolean {
            return value;
        }
        self.truth(value)
    }

    /// Both sides at once where the right one cannot fail, else the right one only where it decides.
    fn logic(&self, operator: Operator, left: &Formula, right: &Formula) -> Result<Lowered> {
        let certain = certain(right);
        let (left, right) = (self.truth(self.lower(left)?), self.truth(self.lower(right)?));
        if certain {
            return Ok(native(operator, left, right));
        }
        let when = |result| vec![(left.expr.clone(), result)];
        let expr = match operator {
            Operator::And => case(None, when(right.expr), Some(boolean(false)))?,
            _ => case(None, when(boolean(true)), Some(right.expr))?,
        };
        Ok(Lowered { expr, of: DataType::Boolean, sure: true })
    }

    fn choice(&self, condition: &Formula, yes: &Formula, no: &Formula) -> Result<Lowered> {
        let condition = self.condition(self.lower(condition)?);
        self.cases(vec![(condition.expr, self.lower(yes)?)], self.lower(no)?)
    }

    /// `CASE`, with its branches brought to one type.
    fn cases(&self, branches: Vec<(Arc<dyn PhysicalExpr>, Lowered)>, otherwise: Lowered) -> Result<Lowered> {
        let all = || branches.iter().map(|(_, b)| b).chain([&otherwise]);
        let mut of = DataType::Null;
        for branch in all() {
            of = match (&of, &branch.of) {
                (DataType::Null, other) => other.clone(),
                (known, other) if known == other || *other == DataType::Null => of,
                _ => mixed_type(),
            };
        }
        if !own(&of) {
            of = mixed_type();
        }
        let sure = all().all(|branch| branch.sure);
        let mut whens = Vec::with_capacity(branches.len());
        for (when, then) in branches {
            whens.push((when, self.as_type(then, &of)?));
        }
        let otherwise = self.as_type(otherwise, &of)?;
        Ok(Lowered { expr: case(None, whens, Some(otherwise))?, of, sure })
    }

    /// A branch as the type that all branches have.
    fn as_type(&self, value: Lowered, of: &DataType) -> Result<Arc<dyn PhysicalExpr>> {
        if value.of == *of {
            return Ok(value.expr);
        }
        if value.of == DataType::Null {
            return Ok(Arc::new(Literal::new(ScalarValue::try_from(of)?)));
        }
        Ok(self.kernel(Operation::Mix, vec![value], mixed_type()).expr)
    }

    fn call(&self, call: &Call) -> Result<Lowered> {
        match (call.builtin.name, call.args.as_slice()) {
            ("iif", [condition, yes, no]) => return self.choice(condition, yes, no),
            ("decode", [key, rest @ ..]) => return self.decode(key, rest),
            ("coalesce", args) => return self.coalesce(args),
            _ => {}
        }
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            args.push(self.lower(arg)?);
        }
        let of = type_of(call.builtin);
        match (call.builtin.name, args.as_slice()) {
            // Those of DataFusion are ours in every letter: Unicode's full mapping, null for null.
            ("upper", [arg]) if arg.of == of => Ok(self.native_text(string::upper(), arg)),
            ("lower", [arg]) if arg.of == of => Ok(self.native_text(string::lower(), arg)),
            ("equals", [a, b]) if a.of == DataType::Utf8 && b.of == DataType::Utf8 => {
                Ok(native(Operator::IsNotDistinctFrom, a.clone(), b.clone()))
            }
            _ => {
                let operation = Operation::Call(call.builtin, call.prepared.clone());
                Ok(self.kernel(operation, args, of))
            }
        }
    }

    fn native_text(&self, function: Arc<ScalarUDF>, arg: &Lowered) -> Lowered {
        Lowered {
            expr: self.function(function, vec![arg.expr.clone()], &DataType::Utf8),
            of: DataType::Utf8,
            sure: false,
        }
    }

    /// Pairs of key and value; what is left over at the end is the default.
    fn decode(&self, key: &Formula, rest: &[Formula]) -> Result<Lowered> {
        let key = self.lower(key)?;
        let (pairs, otherwise) = rest.as_chunks::<2>();
        let mut branches = Vec::with_capacity(pairs.len());
        for [wanted, value] in pairs {
            let same = self.binary(Binary::Equal, key.clone(), self.lower(wanted)?, false)?;
            branches.push((same.expr, self.lower(value)?));
        }
        let otherwise = match otherwise {
            [otherwise] => self.lower(otherwise)?,
            _ => literal(&Value::Null)?,
        };
        self.cases(branches, otherwise)
    }

    fn coalesce(&self, args: &[Formula]) -> Result<Lowered> {
        let Some((last, first)) = args.split_last() else {
            return literal(&Value::Null);
        };
        let last = self.lower(last)?;
        let mut branches = Vec::with_capacity(first.len());
        for arg in first {
            let arg = self.lower(arg)?;
            if arg.of != DataType::Null {
                let there: Arc<dyn PhysicalExpr> = Arc::new(IsNotNullExpr::new(arg.expr.clone()));
                branches.push((there, arg));
            }
        }
        if branches.is_empty() {
            return Ok(if own(&last.of) { last } else { self.kernel(Operation::Mix, vec![last], mixed_type()) });
        }
        self.cases(branches, last)
    }
}

/// An operator of DataFusion that is never null here.
fn native(operator: Operator, left: Lowered, right: Lowered) -> Lowered {
    Lowered { expr: Arc::new(BinaryExpr::new(left.expr, operator, right.expr)), of: DataType::Boolean, sure: true }
}

fn boolean(value: bool) -> Arc<dyn PhysicalExpr> {
    Arc::new(Literal::new(ScalarValue::Boolean(Some(value))))
}

/// A value that is the same in every row.
fn literal(value: &Value<'_>) -> Result<Lowered> {
    let scalar = match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(b) => ScalarValue::Boolean(Some(*b)),
        Value::Int(n) => ScalarValue::Int64(Some(*n)),
        Value::Number(n) => ScalarValue::Float64(Some(*n)),
        Value::Text(text) => ScalarValue::Utf8(Some(text.to_string())),
        other => {
            let mut builder = MixedBuilder::new(1);
            builder.push(other);
            let array: ArrayRef = builder.finish();
            ScalarValue::try_from_array(&array, 0)?
        }
    };
    Ok(Lowered { of: scalar.data_type(), sure: matches!(value, Value::Bool(_)), expr: Arc::new(Literal::new(scalar)) })
}

/// The type of a function's values.
fn type_of(builtin: &Builtin) -> DataType {
    match builtin.gives {
        Gives::Text => DataType::Utf8,
        Gives::Whole => DataType::Int64,
        Gives::Number => DataType::Float64,
        Gives::Truth => DataType::Boolean,
        Gives::Texts => DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))),
        Gives::Utc => moment_type(),
        Gives::Any => mixed_type(),
    }
}

/// The operator gives true or false.
fn truth_value(operator: Binary) -> bool {
    !matches!(operator, Binary::Add | Binary::Subtract | Binary::Multiply | Binary::Divide | Binary::Remainder)
}

/// A text that no number can be made of, so that `+` joins whatever stands on its other side.
fn letters(formula: &Formula) -> bool {
    matches!(formula, Formula::Constant(Value::Text(text)) if number_in(text).is_none())
}

/// Whether a result of that type becomes the target's as its values one by one do. Others (64 bits without a sign,
/// objects, maps) are read value by value, as a mixed column has them.
fn own(of: &DataType) -> bool {
    match of {
        DataType::List(item) => *item.data_type() == DataType::Utf8,
        DataType::Struct(_) => is_mixed(of),
        DataType::UInt64 | DataType::Map(..) => false,
        _ => true,
    }
}

/// Whether a formula fails in no row, as far as a look at it tells.
fn certain(formula: &Formula) -> bool {
    match formula {
        Formula::Constant(_) | Formula::Field(_) => true,
        Formula::Unary(operator, operand) => *operator == Unary::Not && certain(operand),
        Formula::Binary(operator, left, right) => truth_value(*operator) && certain(left) && certain(right),
        Formula::Choice(parts) => parts.iter().all(certain),
        Formula::List(_) | Formula::Object(_) | Formula::Lambda(_) | Formula::Local(_) | Formula::Part(..) => false,
        Formula::Call(call) => {
            const CERTAIN: &[&str] = &[
                "coalesce",
                "contains_key",
                "decode",
                "equals",
                "equalsIgnoreCase",
                "iif",
                "is_empty",
                "lower",
                "ltrim",
                "rtrim",
                "trim",
                "upper",
            ];
            CERTAIN.contains(&call.builtin.name) && call.args.iter().all(certain)
        }
    }
}
