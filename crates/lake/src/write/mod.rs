//! The writer of a promotion: an interior, map-side operator that turns rows into Parquet files under the table,
//! where no reader looks yet, and gives back what it did, one [`Report`] a row. Nothing it writes counts until
//! [`crate::Table::commit`] names it; what an ended or repeated task leaves behind is for the vacuum.
//!
//! Its input has the table's columns, then `_part` and `_event` (`forebay_model::event`). A batch with no event is
//! written untouched. Files that are staged for a merge have three more columns, which come before `_part`:
//! `_forebay_version`, `_forebay_sequence`, `_forebay_deleted`; see [`crate::upsert`]. Names come from the batch, the epoch
//! and a UUID, never from the partition's number: on a cluster that number is the task's own.

mod account;
mod diagnostics;
mod file;
mod roll;
mod task;

use crate::error::{CODE, external};
use crate::layout;
use crate::store::Lake;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use forebay_model::event::{DELETED, EVENT, Finding, PART, SEQUENCE, VERSION};
use forebay_model::{Error, Kind};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub(crate) use file::properties;
pub(crate) use roll::Roll;

/// What to write, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteSpec {
    /// The table's location, from [`layout::table`].
    pub table: String,
    /// The run's id.
    pub run: String,
    /// The batch's id; part of every file's name. Its diagnostics go to [`layout::row_errors`] of the table's sandbox.
    pub batch: String,
    /// The claim's epoch; part of every file's name.
    pub epoch: i64,
    /// A new file is begun when one reaches this many bytes. Files overshoot by at most one row group.
    pub max_file: u64,
    /// Bytes that all tasks of this operator together may hold.
    pub memory: u64,
    /// The files are for [`crate::Table::prepare_merge`], and no commit is to name them.
    #[serde(default)]
    pub staged: bool,
}

/// What one task of the writer did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "report", rename_all = "camelCase")]
pub enum Report {
    /// A data file is complete.
    File(File),
    /// A part is complete.
    Part(Part),
    /// A file of diagnostics is complete.
    Diagnostics(Diagnostics),
}

/// A data file, complete and durable, and not yet part of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// Relative to the table.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Rows.
    pub rows: u64,
    /// Delta's statistics, as JSON.
    pub stats: String,
}

/// The account of one part: `records == written + rejected`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The part's id in the plan.
    pub id: u32,
    /// Records read.
    pub records: u64,
    /// Rows written.
    pub written: u64,
    /// Records not written.
    pub rejected: u64,
    /// Rows written with nulls where values did not convert; they are among `written`.
    pub warned: u64,
    /// Bytes read from the source.
    pub bytes: u64,
    /// About the part as a whole.
    pub findings: Vec<Finding>,
}

/// A file of row errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostics {
    /// Relative to the lake.
    pub path: String,
    /// Lines in it.
    pub lines: u64,
    /// Its findings by code.
    pub codes: BTreeMap<String, Found>,
}

/// How often a code was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Records with it.
    pub records: u64,
    /// What the first of them says, and of which file, line and column.
    pub example: String,
}

/// The one column that the writer gives back: a [`Report`] as JSON.
pub const REPORT: &str = "report";

/// The writer as a node of a plan.
#[derive(Debug)]
pub struct WriteExec {
    spec: WriteSpec,
    lake: Lake,
    child: Arc<dyn ExecutionPlan>,
    columns: SchemaRef,
    properties: Arc<PlanProperties>,
}

impl WriteExec {
    /// The writer over a plan that gives the table's columns, then `_part` and `_event`.
    pub fn new(spec: WriteSpec, lake: Lake, child: Arc<dyn ExecutionPlan>) -> Result<WriteExec> {
        let columns = target_columns(&child.schema())?;
        if spec.staged {
            check_staged(&columns)?;
        }
        check_names(&spec)?;
        let schema = Arc::new(Schema::new(vec![Field::new(REPORT, DataType::Utf8, false)]));
        let properties = Arc::new(PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(child.output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        ));
        Ok(WriteExec { spec, lake, child, columns, properties })
    }

    /// What it writes, and where.
    pub fn spec(&self) -> &WriteSpec {
        &self.spec
    }

    /// The reports in a batch of this operator's output.
    pub fn reports(batch: &datafusion::arrow::array::RecordBatch) -> forebay_model::Result<Vec<Report>> {
        task::reports(batch)
    }
}

fn target_columns(input: &Schema) -> Result<SchemaRef> {
    let fields = input.fields();
    let fits = fields.len() > 2
        && fields[fields.len() - 2].name() == PART
        && fields[fields.len() - 2].data_type() == &DataType::UInt32
        && fields[fields.len() - 1].name() == EVENT
        && fields[fields.len() - 1].data_type() == &DataType::Utf8;
    if !fits {
        return Err(external(Error::internal(format!(
            "The writer's input must be the table's columns, then {PART} (UInt32) and {EVENT} (Utf8)."
        ))));
    }
    Ok(Arc::new(Schema::new(fields[..fields.len() - 2].to_vec())))
}

/// The columns that a merge needs beside the table's own, which are last.
pub(crate) fn staged_fields() -> [Field; 3] {
    [
        Field::new(VERSION, DataType::Int64, true),
        Field::new(SEQUENCE, DataType::Int64, true),
        Field::new(DELETED, DataType::Boolean, true),
    ]
}

fn check_staged(columns: &Schema) -> Result<()> {
    let wanted = staged_fields();
    let last = columns.fields().iter().rev().take(wanted.len()).rev();
    let fits = columns.fields().len() > wanted.len()
        && last.zip(&wanted).all(|(is, asked)| is.name() == asked.name() && is.data_type() == asked.data_type());
    if fits {
        return Ok(());
    }
    Err(external(Error::internal(format!(
        "Rows that are staged for a merge must have {VERSION} (Int64), {SEQUENCE} (Int64) and {DELETED} (Boolean) after \
         the table's columns."
    ))))
}

/// Ids become parts of paths, so they are held to letters, digits, `-`, `_` and `.`.
pub(crate) fn plain(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn check_names(spec: &WriteSpec) -> Result<()> {
    if plain(&spec.run) && plain(&spec.batch) && layout::sandbox(&spec.table).is_some() {
        return Ok(());
    }
    let message = format!(
        "The writer cannot make file names of table {:?}, run {:?} and batch {:?}.",
        spec.table, spec.run, spec.batch
    );
    Err(external(Error::new(Kind::Internal, CODE, message)))
}

impl DisplayAs for WriteExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriteExec: table={}, run={}", self.spec.table, self.spec.run)
    }
}

impl ExecutionPlan for WriteExec {
    fn name(&self) -> &str {
        "WriteExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.child]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let child = children.pop().ok_or_else(|| external(Error::internal("The writer needs an input.")))?;
        Ok(Arc::new(WriteExec::new(self.spec.clone(), self.lake.clone(), child)?))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.child.execute(partition, context)?;
        let tasks = self.child.output_partitioning().partition_count().max(1) as u64;
        let share = usize::try_from(self.spec.memory / tasks).unwrap_or(usize::MAX);
        Ok(task::start(&self.spec, &self.lake, self.columns.clone(), self.schema(), share, input))
    }
}
