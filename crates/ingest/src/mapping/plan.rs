//! A mapping set made ready for one scan and one schema, and the columns its rules give for a batch.
//!
//! Always holds: every rule gives a column of its target's exact Arrow type and the batch's length, whatever is in the
//! rows; an error that Arrow reports for a whole column is narrowed to the rows that cause it.

use super::coerce;
use super::compile::compile;
use super::convert;
use super::fields::Located;
use super::kernel::TooLarge;
use super::lower::NUMBERS;
use super::program::{Inputs, Program};
use super::read::{self, Reader};
use super::shape::{Required, Target};
use super::sink::{Failure, Failures, Sink};
use super::value::{Fault, Value};
use super::{MapSpec, schema};
use chrono::{DateTime, Utc};
use datafusion::arrow::array::{Array, ArrayRef, NullArray, UInt32Array, new_null_array};
use datafusion::arrow::compute::concat;
use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::ScalarValue;
use forebay_model::code;
use forebay_model::error::{Context, Error, Kind, Result};
use forebay_model::mapping::ast::{FieldPath, Node};
use forebay_model::mapping::{MappingSet, Source};
use forebay_model::xdm::{Field, FieldTree, Type};
use std::sync::Arc;

/// Bytes that expressions may make of a batch before it is taken in parts.
const MAX_MADE: usize = 256 << 20;

/// A mapping set, ready to run.
#[derive(Debug)]
pub struct Plan {
    /// The target's columns.
    pub target: SchemaRef,
    /// How the rules' columns make the target's.
    pub targets: Vec<Target>,
    /// What must not be null.
    pub required: Vec<Required>,
    /// The rules, in the set's order.
    pub rules: Vec<Ready>,
    fields: Vec<Located>,
    names: Vec<String>,
    /// What each field is read as by expressions.
    types: Vec<DataType>,
    /// What expressions read: the rows' numbers, and the fields that one of them reads; the others are nothing.
    inputs: SchemaRef,
    now: DateTime<Utc>,
}

/// A rule, ready to run.
#[derive(Debug)]
pub struct Ready {
    /// The target, dotted.
    pub path: String,
    /// The target's type.
    pub ty: Type,
    /// The target's Arrow type.
    pub to: DataType,
    feed: Feed,
}

#[derive(Debug)]
enum Feed {
    Copy(usize),
    Same(ScalarValue),
    Compute(Box<Program>),
}

/// A rule's column of a batch.
#[derive(Debug)]
pub struct Output {
    /// One row for each of the batch's.
    pub column: ArrayRef,
    /// What did not convert.
    pub failures: Vec<Failure>,
}

impl Plan {
    /// Compiles a mapping set against the scan's schema.
    pub fn new(spec: &MapSpec, scan: &Schema) -> Result<Plan> {
        let tree = FieldTree { fields: schema::storable(&spec.target.fields) };
        let target = schema::arrow_schema(&tree);
        let set = match &spec.set {
            Some(set) => set.clone(),
            None => super::identity(scan.fields().iter().map(|field| field.name().as_str()), &tree),
        };
        let mut plan = Plan {
            targets: Target::all(target.fields()),
            required: Required::of(&tree.fields),
            rules: Vec::new(),
            fields: Vec::new(),
            names: Vec::new(),
            types: Vec::new(),
            inputs: Arc::new(Schema::empty()),
            now: spec.now,
            target,
        };
        let mut known = Vec::new();
        for (at, rule) in set.rules.iter().enumerate() {
            let path = rule.destination.join(".");
            let Some(field) = tree.find(&rule.destination) else {
                return Err(no_field(&path));
            };
            let to = schema::arrow_type(&field.ty).unwrap_or(DataType::Null);
            if !Target::feed(&mut plan.targets, &rule.destination, at) {
                return Err(no_field(&path));
            }
            let feed = plan.feed(&rule.source, field, &to, &path, &mut known, scan)?;
            plan.rules.push(Ready { path, ty: field.ty.clone(), to, feed });
        }
        plan.inputs = plan.input_schema();
        Ok(plan)
    }

    fn input_schema(&self) -> SchemaRef {
        let mut read = vec![DataType::Null; self.fields.len()];
        for rule in &self.rules {
            if let Feed::Compute(program) = &rule.feed {
                for &at in &program.fields {
                    read[at] = self.types[at].clone();
                }
            }
        }
        let number = ArrowField::new(NUMBERS, DataType::UInt32, false);
        let fields = read.into_iter().zip(&self.names).map(|(of, name)| ArrowField::new(name, of, true));
        Arc::new(Schema::new([number].into_iter().chain(fields).collect::<Vec<_>>()))
    }

    fn feed(
        &mut self,
        source: &Source,
        field: &Field,
        to: &DataType,
        path: &str,
        known: &mut Vec<FieldPath>,
        scan: &Schema,
    ) -> Result<Feed> {
        let mut locate = |wanted: &FieldPath| {
            known.iter().position(|path| path == wanted).unwrap_or_else(|| {
                known.push(wanted.clone());
                let located = Located::find(wanted, scan);
                self.types.push(read::plain_type(&located.data_type(scan)));
                self.fields.push(located);
                self.names.push(wanted.plain());
                known.len() - 1
            })
        };
        Ok(match source {
            Source::Attribute(path) => Feed::Copy(locate(path)),
            Source::Constant(value) => Feed::Same(constant(value, field, to, path)?),
            Source::Expression(expr) => match &expr.node {
                Node::Field(path) => Feed::Copy(locate(path)),
                _ => {
                    let formula = compile(expr, &mut locate)?;
                    let program = Program::new(formula, &self.types, self.now).context(
                        Kind::Internal,
                        &code::FLOW_1400,
                        "an expression could not be planned",
                    )?;
                    Feed::Compute(Box::new(program))
                }
            },
        })
    }

    /// Every rule's column of a batch; rows that `skip` are not looked at.
    pub fn run(&self, batch: &RecordBatch, skip: &dyn Fn(usize) -> bool) -> Result<Vec<Output>, ArrowError> {
        let fetched = self.fields.iter().map(|field| field.fetch(batch)).collect::<Result<Vec<_>, _>>()?;
        let plain = self.plain(&fetched, batch.num_rows())?;
        let inputs = Inputs {
            readers: plain.columns()[1..].iter().map(Reader::new).collect(),
            batch: plain.clone(),
            names: &self.names,
        };
        let rows = batch.num_rows();
        let mut outputs = Vec::with_capacity(self.rules.len());
        let mut made = 0;
        for rule in &self.rules {
            outputs.push(match &rule.feed {
                Feed::Copy(field) => rule.copy(&fetched[*field]),
                Feed::Same(value) => Output { column: value.to_array_of_size(rows)?, failures: Vec::new() },
                Feed::Compute(_) if made > MAX_MADE => rule.too_much(rows),
                Feed::Compute(program) => {
                    let output = program.run(rule, &inputs, skip)?;
                    made += output.column.to_data().get_slice_memory_size()?;
                    if made > MAX_MADE && rows > 1 {
                        return Err(TooLarge.into());
                    }
                    output
                }
            });
        }
        Ok(outputs)
    }

    /// The batch that expressions read.
    fn plain(&self, fetched: &[ArrayRef], rows: usize) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(fetched.len() + 1);
        columns.push(Arc::new(UInt32Array::from_iter_values(0..rows as u32)));
        for (array, field) in fetched.iter().zip(&self.inputs.fields()[1..]) {
            columns.push(match field.data_type() {
                DataType::Null => Arc::new(NullArray::new(rows)),
                of => read::cast(array, of)?,
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(self.inputs.clone(), columns, &options)
    }
}

impl Ready {
    /// The rules before have used up what a row may have.
    fn too_much(&self, rows: usize) -> Output {
        let why = format!("what the mappings make of the record is larger than {} MiB", MAX_MADE >> 20);
        let failure = |row| Failure { row, below: String::new(), value: None, reason: Fault::limit(why.clone()) };
        Output { column: new_null_array(&self.to, rows), failures: (0..rows).map(failure).collect() }
    }

    /// A column that was read or computed, as the target's.
    pub(super) fn copy(&self, array: &ArrayRef) -> Output {
        let mut failures = Failures::default();
        match coerce::column(array, &self.ty, &self.to, &mut failures) {
            Ok(column) => Output { column, failures: failures.0 },
            Err(_) => self.copy_by_row(array),
        }
    }

    /// The slow way, for a column that Arrow refuses as a whole: only the rows to blame become null.
    fn copy_by_row(&self, array: &ArrayRef) -> Output {
        let mut failures = Vec::new();
        let mut rows = Vec::with_capacity(array.len());
        for row in 0..array.len() {
            let mut below = Failures::default();
            let one = coerce::column(&array.slice(row, 1), &self.ty, &self.to, &mut below).unwrap_or_else(|why| {
                tracing::debug!(mapping.target = %self.path, "a value could not be converted: {why}");
                let value = read::at(array, row).text().map(|text| text.into_owned());
                below.0 = vec![Failure {
                    row: 0,
                    below: String::new(),
                    value,
                    reason: format!("the value is not {}", convert::type_name(&self.ty)).into(),
                }];
                new_null_array(&self.to, 1)
            });
            failures.extend(below.0.into_iter().map(|failure| Failure { row, ..failure }));
            rows.push(one);
        }
        let parts: Vec<&dyn Array> = rows.iter().map(AsRef::as_ref).collect();
        let column = concat(&parts).unwrap_or_else(|_| new_null_array(&self.to, array.len()));
        Output { column, failures }
    }
}

/// The one value of a constant; the mapping set's own check refuses one that does not fit before it is stored.
fn constant(value: &serde_json::Value, field: &Field, to: &DataType, path: &str) -> Result<ScalarValue> {
    let mut sink = Sink::new(&field.ty, to, 1);
    let mut failures = Failures::default();
    sink.append(Value::from_json(value.clone()), 0, "", &mut failures);
    if let Some(failure) = failures.0.first() {
        let message = format!("The constant of the mapping to {path} does not fit: {}.", failure.reason);
        return Err(
            Error::new(Kind::Invalid, &code::FLOW_1419, message).advice("Correct the mapping set and store it anew.")
        );
    }
    let array = sink.finish().context(Kind::Internal, &code::FLOW_1400, "a constant could not be made a column")?;
    ScalarValue::try_from_array(&array, 0).context(
        Kind::Internal,
        &code::FLOW_1400,
        "a constant could not be made a column",
    )
}

fn no_field(path: &str) -> Error {
    Error::new(Kind::Invalid, &code::FLOW_1419, format!("The mapping's target {path} is not in the schema."))
        .advice("Correct the mapping set, store it, and let the flow refer to the new version.")
}

/// One rule for each target field that a column has the name of: whole fields first, then dotted names of leaves.
pub fn identity<'a>(columns: impl Iterator<Item = &'a str>, target: &FieldTree) -> MappingSet {
    let mut set = MappingSet::default();
    for column in columns.filter(|name| !is_metadata(name)) {
        let name = column.parse::<FieldPath>().map_or_else(|_| column.to_string(), |path| path.plain());
        let dotted: Vec<String> = name.split('.').map(str::to_string).collect();
        let destination = match (target.find(std::slice::from_ref(&name)), target.find(&dotted)) {
            (Some(_), _) => vec![name.clone()],
            (None, Some(_)) => dotted,
            (None, None) => continue,
        };
        let source = column.parse().unwrap_or_else(|_| FieldPath::name(name));
        let index = set.rules.len();
        set.rules.push(forebay_model::mapping::Rule {
            index,
            destination,
            source: Source::Attribute(source),
            identity: false,
        });
    }
    set
}

fn is_metadata(name: &str) -> bool {
    use forebay_model::event::{EVENT, FILE, LINE, PART};
    [PART, FILE, LINE, EVENT].contains(&name)
}

#[cfg(test)]
mod tests;
