//! The operations of the language as DataFusion functions over whole columns.
//!
//! There is one body of each operation's meaning, and it works on one row: [`Operation::row`]. A [`Kernel`] runs it in a
//! loop over columns, save where [`super::fast`] has a loop over buffers that gives the same (a property test holds them
//! together). Always holds: the result has the batch's length and exactly the kernel's type; when rows fail, the kernel
//! fails with [`Failed`], which names every failing row of the batch by its number.

use super::budget::Budget;
use super::compile::{Formula, Row, binary, unary};
use super::fast;
use super::functions::{Args, Builtin, Column, Given, Prepared};
use super::mixed::{MixedBuilder, is_mixed, narrow, widen};
use super::read::Reader;
use super::sink::{Failures, Sink};
use super::value::{Outcome, Value};
use chrono::{DateTime, Utc};
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, UInt32Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};
use forebay_model::mapping::ast::{Binary, Unary};
use forebay_model::xdm::Type;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What a kernel does.
#[derive(Debug, Clone)]
pub enum Operation {
    /// A function of the registry, and its pattern where that is the same in every row.
    Call(&'static Builtin, Option<Prepared>),
    /// A whole formula, of lists and objects, over the fields that it reads.
    Rows(Arc<Formula>),
    /// An operator of one operand.
    Unary(Unary),
    /// An operator of two operands, other than `and` and `or`.
    Binary(Binary),
    /// Whether a condition holds.
    Truth,
    /// The value as it is, in a column of mixed types.
    Mix,
}

impl Operation {
    /// The meaning, for one row.
    fn row<'a>(&'a self, columns: &'a Columns<'a>, at: usize, now: DateTime<Utc>) -> Outcome<'a> {
        let Columns { columns, readers, budget } = columns;
        let (row, budget) = (at, budget);
        budget.renew();
        match self {
            Operation::Call(builtin, prepared) => {
                let given = Given::Columns(columns, row);
                (builtin.run)(&Args { builtin, prepared: prepared.as_ref(), now, budget, given })
            }
            Operation::Rows(formula) => formula.eval(Row { fields: readers, at, now, budget, locals: None }),
            Operation::Unary(operator) => unary(*operator, columns[0].get(row)),
            Operation::Binary(operator) => binary(*operator, columns[0].get(row), columns[1].get(row), budget),
            Operation::Truth => Ok(Value::Bool(columns[0].get(row).truth())),
            Operation::Mix => Ok(columns[0].get(row)),
        }
    }

    /// It gives another value each time.
    fn varies(&self) -> bool {
        match self {
            Operation::Call(builtin, _) => builtin.varies,
            Operation::Rows(formula) => formula.varies(),
            _ => false,
        }
    }

    fn name(&self) -> String {
        match self {
            Operation::Call(builtin, _) => builtin.name.to_string(),
            Operation::Rows(_) => "rows".into(),
            Operation::Unary(operator) => format!("{operator:?}").to_lowercase(),
            Operation::Binary(operator) => format!("{operator:?}").to_lowercase(),
            Operation::Truth => "truth".into(),
            Operation::Mix => "mixed".into(),
        }
    }
}

/// A kernel's arguments, ready to be read row by row.
struct Columns<'a> {
    columns: Vec<Column<'a>>,
    readers: Vec<Reader<'a>>,
    budget: Budget,
}

/// The rows of a batch make too much text for one column: the batch is to be taken in parts.
#[derive(Debug)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the batch is too large for the expression")
    }
}

impl std::error::Error for TooLarge {}

impl From<TooLarge> for ArrowError {
    fn from(too_large: TooLarge) -> ArrowError {
        ArrowError::ExternalError(Box::new(too_large))
    }
}

impl TooLarge {
    /// Whether an engine's error says so.
    pub fn is(error: &DataFusionError) -> bool {
        cause::<TooLarge>(error).is_some()
    }
}

/// The error of a type that an engine's error wraps.
fn cause<E: std::error::Error + 'static>(error: &DataFusionError) -> Option<&E> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// The numbers of the rows of a batch for which an expression has no value.
#[derive(Debug)]
pub struct Failed(pub Vec<u32>);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows have no value", self.0.len())
    }
}

impl std::error::Error for Failed {}

impl Failed {
    /// The rows in an engine's error, if it is one of ours.
    pub fn of(error: &DataFusionError) -> Option<&[u32]> {
        cause::<Failed>(error).map(|Failed(rows)| rows.as_slice())
    }
}

/// Bytes of text that a column of a batch may have before the batch is taken in parts.
pub const MAX_BYTES: usize = 64 << 20;

/// An operation over columns. Its last argument is the column of the rows' numbers.
#[derive(Debug)]
pub struct Kernel {
    operation: Operation,
    gives: DataType,
    name: String,
    now: DateTime<Utc>,
    signature: Signature,
}

impl Kernel {
    /// The kernel of an operation that gives columns of a type.
    pub fn new(operation: Operation, gives: DataType, now: DateTime<Utc>) -> Kernel {
        let volatility = if operation.varies() { Volatility::Volatile } else { Volatility::Immutable };
        Kernel { name: operation.name(), operation, gives, now, signature: Signature::variadic_any(volatility) }
    }

    /// Runs the operation over columns of a length; an error is the rows that fail, by place.
    pub(super) fn run(&self, inputs: &[Input], rows: usize) -> Result<std::result::Result<ArrayRef, Vec<usize>>> {
        if let Some(array) = fast::run(&self.operation, inputs, rows) {
            if is_mixed(&self.gives) {
                return Ok(Ok(widen(&array)));
            }
            if *array.data_type() == self.gives {
                return Ok(Ok(array));
            }
        }
        self.by_row(inputs, rows)
    }

    /// As [`Kernel::run`], row by row.
    pub(super) fn by_row(&self, inputs: &[Input], rows: usize) -> Result<std::result::Result<ArrayRef, Vec<usize>>> {
        let columns: Vec<Column<'_>> = inputs.iter().map(Input::column).collect();
        let readers = columns.iter().map(|column| column.reader).collect();
        let columns = Columns { columns, readers, budget: Budget::default() };
        let mut out = Out::new(&self.gives, rows);
        let mut failed = Vec::new();
        for row in 0..rows {
            match self.operation.row(&columns, row, self.now) {
                Ok(value) if failed.is_empty() => {
                    out.push(value);
                    if out.bytes() > MAX_BYTES && rows > 1 {
                        return Err(DataFusionError::External(Box::new(TooLarge)));
                    }
                }
                Ok(_) => {}
                Err(_) => failed.push(row),
            }
        }
        if failed.is_empty() { Ok(Ok(out.finish()?)) } else { Ok(Err(failed)) }
    }
}

/// An argument: a column, or one row that stands for all.
#[derive(Debug, Clone)]
pub struct Input {
    /// The values, of one type where they are of one.
    pub array: ArrayRef,
    /// One row stands for all.
    pub same: bool,
}

impl Input {
    fn new(value: ColumnarValue) -> Result<Input> {
        let (array, same) = match value {
            ColumnarValue::Array(array) => (array, false),
            ColumnarValue::Scalar(scalar) => (scalar.to_array_of_size(1)?, true),
        };
        Ok(Input { array: narrow(&array).unwrap_or(array), same })
    }

    fn column(&self) -> Column<'_> {
        Column { reader: Reader::new(&self.array), same: self.same }
    }
}

/// A kernel's result, being built.
enum Out {
    Typed(Box<Sink>, Failures),
    Mixed(MixedBuilder),
}

impl Out {
    fn new(of: &DataType, rows: usize) -> Out {
        let ty = match of {
            DataType::Utf8 => Type::String,
            DataType::Int64 => Type::Long,
            DataType::Float64 => Type::Number,
            DataType::Boolean => Type::Boolean,
            DataType::Timestamp(..) => Type::DateTime,
            DataType::List(_) => Type::Array(Box::new(Type::String)),
            _ => return Out::Mixed(MixedBuilder::new(rows)),
        };
        Out::Typed(Box::new(Sink::new(&ty, of, rows)), Failures::default())
    }

    fn push(&mut self, value: Value<'_>) {
        match self {
            // The type is the operation's own: nothing can fail to fit it.
            Out::Typed(sink, failures) => {
                sink.append(value, 0, "", failures);
            }
            Out::Mixed(builder) => builder.push(&value),
        }
    }

    /// Bytes of the texts so far.
    #[inline]
    fn bytes(&self) -> usize {
        match self {
            Out::Typed(sink, _) => sink.bytes(),
            Out::Mixed(builder) => builder.bytes(),
        }
    }

    fn finish(self) -> Result<ArrayRef> {
        Ok(match self {
            Out::Typed(sink, _) => sink.finish()?,
            Out::Mixed(builder) => builder.finish(),
        })
    }
}

impl PartialEq for Kernel {
    fn eq(&self, other: &Kernel) -> bool {
        let same = match (&self.operation, &other.operation) {
            (Operation::Call(_, a), Operation::Call(_, b)) => a == b,
            (Operation::Rows(a), Operation::Rows(b)) => Arc::ptr_eq(a, b),
            _ => true,
        };
        same && self.name == other.name && self.gives == other.gives && self.now == other.now
    }
}

impl Eq for Kernel {}

impl Hash for Kernel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.gives.hash(state);
    }
}

impl ScalarUDFImpl for Kernel {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.gives.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let mut values = args.args;
        let numbers = values
            .pop()
            .ok_or_else(|| DataFusionError::Internal(format!("{} has no column of row numbers", self.name)))?;
        let mut inputs = Vec::with_capacity(values.len());
        for value in values {
            inputs.push(Input::new(value)?);
        }
        // A value that is the same in every row is computed once.
        let same = inputs.iter().all(|input| input.same) && !self.operation.varies();
        let rows = if same { args.number_rows.min(1) } else { args.number_rows };
        match self.run(&inputs, rows)? {
            Ok(array) if same && rows == 1 => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)),
            Ok(array) => Ok(ColumnarValue::Array(array)),
            Err(failed) => {
                let numbers = numbers.into_array(args.number_rows)?;
                let numbers = numbers.as_primitive::<UInt32Type>().values();
                let rows = if same { numbers.to_vec() } else { failed.into_iter().map(|row| numbers[row]).collect() };
                Err(DataFusionError::External(Box::new(Failed(rows))))
            }
        }
    }
}
