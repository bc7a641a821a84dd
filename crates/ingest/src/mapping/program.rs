//! An expression ready to run: the DataFusion expression that computes a batch, and the formula that says why a row has
//! no value.
//!
//! Always holds: the column and the failures are what [`Formula::eval`] gives row by row. Rows that fail are named by the
//! kernel they fail in ([`Failed`]); they are taken out of the batch, the others are computed again without them, and
//! each of them is evaluated on its own for its reason. So a failing row costs as much as a whole batch only when it is
//! the first to fail in its kernel, and an error of the engine itself costs the batch its speed, never a value.

use super::budget::Budget;
use super::compile::{Formula, Row};
use super::kernel::{Failed, MAX_BYTES, TooLarge};
use super::lower::Lowering;
use super::mixed::narrow;
use super::plan::{Output, Ready};
use super::read::Reader;
use super::sink::{Failure, Failures, Sink};
use super::value::Value;
use chrono::{DateTime, Utc};
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, UInt64Array};
use datafusion::arrow::compute::{concat, filter_record_batch, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::physical_expr::PhysicalExpr;
use std::sync::Arc;

/// An expression, ready to run.
#[derive(Debug)]
pub struct Program {
    formula: Formula,
    /// The fields that it reads, each once.
    pub fields: Vec<usize>,
    expr: Arc<dyn PhysicalExpr>,
    now: DateTime<Utc>,
    /// It gives lists and objects: each goes straight into the target's column.
    straight: bool,
}

/// What expressions read of a batch.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// The rows' numbers and then the fields, as columns.
    pub batch: RecordBatch,
    /// The fields, ready to be read row by row.
    pub readers: Vec<Reader<'a>>,
    /// What the fields are called.
    pub names: &'a [String],
}

impl Program {
    /// Makes the DataFusion expression of a formula over fields of these types.
    pub fn new(formula: Formula, types: &[DataType], now: DateTime<Utc>) -> datafusion::error::Result<Program> {
        let mut fields = Vec::new();
        formula.fields(&mut fields);
        let expr = Lowering::new(types, now).lower(&formula)?.expr;
        let straight = formula.by_row() && formula.composite();
        Ok(Program { formula, fields, expr, now, straight })
    }

    /// The rule's column of a batch; rows that `skip` are not asked for their reasons.
    pub fn run(&self, rule: &Ready, inputs: &Inputs<'_>, skip: &dyn Fn(usize) -> bool) -> Result<Output, ArrowError> {
        if self.straight {
            let all: Vec<usize> = (0..inputs.batch.num_rows()).collect();
            return self.by_row(rule, inputs, &all, skip);
        }
        let (column, failed) = self.evaluate(&inputs.batch)?;
        if failed.is_empty() {
            return Ok(rule.copy(&column));
        }
        let one_by_one = self.by_row(rule, inputs, &failed, skip)?;
        if column.is_empty() {
            return Ok(one_by_one);
        }
        let at_once = rule.copy(&column);
        merged(at_once, one_by_one, &failed, inputs.batch.num_rows())
    }

    /// The values of the rows that do not fail, and the rows that do, in order.
    fn evaluate(&self, batch: &RecordBatch) -> Result<(ArrayRef, Vec<usize>), ArrowError> {
        let mut keep = vec![true; batch.num_rows()];
        let mut left = batch.clone();
        loop {
            let rows = left.num_rows();
            let found = self.expr.evaluate(&left).and_then(|v| v.into_array(rows));
            let error = match found {
                Ok(array) => {
                    let array = narrow(&array).unwrap_or(array);
                    return Ok((array, places(&keep)));
                }
                Err(error) if TooLarge::is(&error) => return Err(TooLarge.into()),
                Err(error) => error,
            };
            let failed = Failed::of(&error).unwrap_or_default();
            if failed.is_empty() {
                tracing::debug!("a batch is mapped row by row: {error}");
                keep.fill(false);
            }
            for row in failed {
                keep[*row as usize] = false;
            }
            let mask = BooleanArray::from(keep.clone());
            left = match filter_record_batch(batch, &mask) {
                Ok(left) if left.num_rows() > 0 => left,
                _ => return Ok((super::read::nothing(0), (0..keep.len()).collect())),
            };
        }
    }

    /// Some rows, each on its own.
    pub(super) fn by_row(
        &self,
        rule: &Ready,
        inputs: &Inputs<'_>,
        rows: &[usize],
        skip: &dyn Fn(usize) -> bool,
    ) -> Result<Output, ArrowError> {
        let mut sink = Sink::new(&rule.ty, &rule.to, rows.len());
        let mut failures = Failures::default();
        let budget = Budget::default();
        for &at in rows {
            budget.renew();
            if sink.bytes() > MAX_BYTES && inputs.batch.num_rows() > 1 {
                return Err(TooLarge.into());
            }
            let row = Row { fields: &inputs.readers, at, now: self.now, budget: &budget, locals: None };
            let outcome = if skip(at) { Ok(Value::Null) } else { self.formula.eval(row) };
            let value = outcome.unwrap_or_else(|reason| {
                failures.0.push(Failure { row: at, below: String::new(), value: self.given(inputs, at), reason });
                Value::Null
            });
            sink.append(value, at, "", &mut failures);
        }
        Ok(Output { column: sink.finish()?, failures: failures.0 })
    }

    /// What the expression read in a row: the one value, or all by name.
    fn given(&self, inputs: &Inputs<'_>, row: usize) -> Option<String> {
        let value = match self.fields.as_slice() {
            [] => return None,
            [one] => inputs.readers[*one].get(row),
            many => {
                let member = |&at: &usize| (inputs.names[at].clone(), inputs.readers[at].get(row));
                Value::Object(many.iter().map(member).collect())
            }
        };
        value.text().map(|text| text.into_owned())
    }
}

/// The places of those that are not kept.
fn places(keep: &[bool]) -> Vec<usize> {
    let lost = keep.iter().enumerate().filter(|(_, keep)| !**keep);
    lost.map(|(row, _)| row).collect()
}

/// The rows that were computed at once and those that were computed one by one, in the batch's order.
fn merged(at_once: Output, one_by_one: Output, failed: &[usize], rows: usize) -> Result<Output, ArrowError> {
    let mut alone = failed.iter().copied().peekable();
    let mut order = Vec::with_capacity(rows);
    let mut kept = Vec::with_capacity(rows - failed.len());
    for row in 0..rows {
        if alone.next_if_eq(&row).is_some() {
            order.push((rows - failed.len() + row - kept.len()) as u64);
        } else {
            order.push(kept.len() as u64);
            kept.push(row);
        }
    }
    let both = concat(&[&at_once.column, &one_by_one.column])?;
    let mut failures = one_by_one.failures;
    failures.extend(at_once.failures.into_iter().map(|failure| Failure { row: kept[failure.row], ..failure }));
    Ok(Output { column: take(&both, &UInt64Array::from(order), None)?, failures })
}
