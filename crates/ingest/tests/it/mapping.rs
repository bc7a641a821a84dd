//! Mapping, through the operator: a few rows in memory → `MapExec` → what comes out.

mod cases;
mod coercion;
mod composites;
mod functions;
mod nesting;
mod operators;
mod rows;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray, UInt32Array, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Int32Type, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::{ExecutionPlan, collect};
use forebay_ingest::mapping::{MapExec, MapSpec};
use forebay_model::event::{EVENT, FILE, LINE, PART};
use forebay_model::mapping::MappingSet;
use forebay_model::xdm::{Field, FieldTree, Type};
use serde_json::{Value, json};
use std::sync::Arc;

/// Rows of a scan: columns, then `_part`, `_file`, `_line`, `_event`.
pub struct Scan {
    columns: Vec<(String, ArrayRef)>,
    events: Vec<Option<String>>,
}

impl Scan {
    /// Text columns, as a delimited file has them: a header, and rows; `None` is an absent value.
    pub fn text(header: &[&str], rows: &[&[Option<&str>]]) -> Scan {
        let column = |at: usize| -> ArrayRef { Arc::new(rows.iter().map(|row| row[at]).collect::<StringArray>()) };
        let columns = header.iter().enumerate().map(|(at, name)| (name.to_string(), column(at))).collect();
        Scan { columns, events: vec![None; rows.len()] }
    }

    /// Typed columns, as a Parquet file has them.
    pub fn typed(columns: Vec<(&str, ArrayRef)>) -> Scan {
        let rows = columns[0].1.len();
        Scan {
            columns: columns.into_iter().map(|(name, array)| (name.to_string(), array)).collect(),
            events: vec![None; rows],
        }
    }

    /// Sets a row's `_event`.
    pub fn event(mut self, row: usize, event: Value) -> Scan {
        self.events[row] = Some(event.to_string());
        self
    }

    fn batch(self) -> RecordBatch {
        let rows = self.events.len();
        let mut columns = self.columns;
        let files = StringArray::from(vec!["in/people.csv"]);
        let keys = datafusion::arrow::array::Int32Array::from(vec![0; rows]);
        columns.push((PART.into(), Arc::new(UInt32Array::from(vec![7; rows]))));
        columns.push((FILE.into(), Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(files)))));
        columns.push((LINE.into(), Arc::new(UInt64Array::from_iter_values((0..rows as u64).map(|row| row + 2)))));
        columns.push((EVENT.into(), Arc::new(StringArray::from(self.events))));
        let fields: Vec<ArrowField> =
            columns.iter().map(|(name, array)| ArrowField::new(name, array.data_type().clone(), true)).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into_iter().map(|(_, array)| array).collect())
            .unwrap()
    }
}

/// What came out: the target rows as JSON without `_part` and `_event`, and the events by row.
pub struct Mapped {
    pub rows: Vec<Value>,
    pub events: Vec<(usize, Value)>,
    pub batch: RecordBatch,
}

impl Mapped {
    /// `row: code column (value): message`, one line for each finding.
    pub fn findings(&self) -> String {
        let mut lines = String::new();
        for (row, event) in &self.events {
            for finding in event["findings"].as_array().into_iter().flatten() {
                let rejected = if event["rejected"] == true { " rejected" } else { "" };
                let value = finding.get("value").map_or(String::new(), |value| format!(" {value}"));
                lines += &format!(
                    "{row}{rejected}: {} {}{value}: {}\n",
                    finding["code"].as_str().unwrap(),
                    finding["column"].as_str().unwrap(),
                    finding["message"].as_str().unwrap()
                );
            }
        }
        lines
    }
}

pub fn now() -> forebay_model::Time {
    "2024-07-01T10:10:24.500Z".parse().unwrap()
}

pub fn field(name: &str, ty: Type) -> Field {
    Field { name: name.into(), ty, required: false }
}

pub fn required(name: &str, ty: Type) -> Field {
    Field { name: name.into(), ty, required: true }
}

/// A mapping set of `(kind, source, destination)`.
pub fn set(rules: &[(&str, &str, &str)]) -> MappingSet {
    let mappings: Vec<Value> = rules
        .iter()
        .map(|(kind, source, destination)| json!({ "sourceType": kind, "source": source, "destination": destination }))
        .collect();
    MappingSet::parse(&json!({ "mappings": mappings })).unwrap()
}

/// Maps the rows of a scan, as one batch.
pub fn map(target: Vec<Field>, set: Option<MappingSet>, scan: Scan) -> Mapped {
    run(target, set, vec![scan.batch()])
}

fn run(target: Vec<Field>, set: Option<MappingSet>, batches: Vec<RecordBatch>) -> Mapped {
    let schema = batches[0].schema();
    let child = MemorySourceConfig::try_new_exec(&[batches], schema, None).unwrap();
    let exec = MapExec::new(MapSpec { target: FieldTree { fields: target }, set, now: now() }, child).unwrap();
    let expected = exec.schema();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let batches = runtime.block_on(collect(Arc::new(exec), Arc::new(TaskContext::default()))).unwrap();
    let batch = datafusion::arrow::compute::concat_batches(&expected, &batches).unwrap();
    assert_eq!(batch.column_by_name(PART).unwrap().data_type(), &DataType::UInt32);
    let events = batch.column_by_name(EVENT).unwrap().as_string::<i32>();
    let events: Vec<(usize, Value)> = (0..batch.num_rows())
        .filter(|&row| events.is_valid(row))
        .map(|row| (row, serde_json::from_str(events.value(row)).unwrap()))
        .collect();
    let targets: Vec<usize> = (0..batch.num_columns() - 2).collect();
    let rows = forebay_lake::json::rows(&batch.project(&targets).unwrap()).unwrap();
    Mapped { rows, events, batch }
}

/// One expression over one row of text columns; the value as text, or `null`, or what was found wrong.
pub fn evaluate(expression: &str, columns: &[(&str, Option<&str>)]) -> String {
    let header: Vec<&str> = columns.iter().map(|(name, _)| *name).chain(["_"]).collect();
    let row: Vec<Option<&str>> = columns.iter().map(|(_, value)| *value).chain([None]).collect();
    let set = set(&[("EXPRESSION", expression, "out")]);
    let mapped = map(vec![field("out", Type::String)], Some(set), Scan::text(&header, &[&row]));
    match mapped.events.first() {
        Some((_, event)) => {
            format!("failed: {}", event["findings"][0]["message"].as_str().unwrap().trim_start_matches("out is null: "))
        }
        None => mapped.rows[0].get("out").map_or("null".into(), |out| out.as_str().unwrap().to_string()),
    }
}
