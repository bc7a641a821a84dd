//! The scan of a run: an interior operator over a tiny table of parts, one part a row, one partition a task. It is no
//! leaf, since a cluster would send an unknown leaf whole to every task. Rows of a part come in the file's order and
//! its End event comes last.

use super::batch::{self, Output, Sink};
use super::compress::{self, Entry};
use super::source::Source;
use super::{BATCH_ROWS, Flow, Halt, Met, Objects, csv, encoding, json, parquet};
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result as DfResult};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use forebay_model::files::{FileOptions, Format, Part};
use forebay_model::mapping::ast::FieldPath;
use forebay_model::{Error, Result};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use std::fmt;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// What a scan reads from each part.
#[derive(Debug, Clone)]
pub struct ScanSpec {
    /// How the bytes are to be read.
    pub options: FileOptions,
    /// The asked source fields: one output column each, in this order.
    pub columns: Vec<FieldPath>,
    /// Where each of them lies in a record: itself, unless its source has another name for it.
    pub reads: Vec<FieldPath>,
    /// An empty text is no value, as the source has it.
    pub blank_is_null: bool,
    /// The columns' types; text for all but Parquet.
    pub types: Vec<DataType>,
    /// What is met by the way, for whom it is of use.
    pub met: Option<Arc<Met>>,
}

impl ScanSpec {
    /// A scan into text columns.
    pub fn new(options: FileOptions, columns: Vec<FieldPath>) -> ScanSpec {
        let types = vec![DataType::Utf8; columns.len()];
        ScanSpec { options, reads: columns.clone(), columns, types, blank_is_null: false, met: None }
    }

    /// With other places of the fields in landed records, where an empty text is no value.
    pub fn landed(mut self, locate: impl Fn(&FieldPath) -> FieldPath) -> ScanSpec {
        self.reads = self.columns.iter().map(locate).collect();
        self.blank_is_null = true;
        self
    }

    /// With the types that the columns have in the parts' files. A Parquet scan needs this; the others stay as they
    /// are. The first files tell; a column that none of them has is text (and null).
    pub async fn typed(mut self, objects: &Arc<dyn Objects>, parts: &[Part]) -> Result<ScanSpec> {
        if self.options.format == Format::Parquet {
            self.types = parquet::types(objects, parts, &self.options, &self.columns).await?;
        }
        Ok(self)
    }

    /// The scan's output: a column for each field, named as [`column_name`] says, then part, file, line and event.
    pub fn schema(&self) -> SchemaRef {
        batch::schema(self.columns.iter().map(column_name).zip(self.types.iter().cloned()))
    }
}

/// The name of a field's column in the scan's output.
pub fn column_name(path: &FieldPath) -> String {
    path.to_string()
}

/// The operator. Its input's first column is text: a [`Part`] as JSON.
#[derive(Debug)]
pub struct ScanExec {
    spec: Arc<ScanSpec>,
    objects: Arc<dyn Objects>,
    child: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl ScanExec {
    /// Reads the parts that `child` names.
    pub fn new(spec: ScanSpec, objects: Arc<dyn Objects>, child: Arc<dyn ExecutionPlan>) -> ScanExec {
        ScanExec::over(Arc::new(spec), objects, child)
    }

    fn over(spec: Arc<ScanSpec>, objects: Arc<dyn Objects>, child: Arc<dyn ExecutionPlan>) -> ScanExec {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(spec.schema()),
            Partitioning::UnknownPartitioning(child.properties().output_partitioning().partition_count()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        ScanExec { spec, objects, child, properties: Arc::new(properties) }
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tasks = self.properties.partitioning.partition_count();
        write!(f, "ScanExec: format={:?} columns={} tasks={tasks}", self.spec.options.format, self.spec.columns.len())
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &str {
        "ScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.child]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> DfResult<TreeNodeRecursion>,
    ) -> DfResult<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> DfResult<Arc<dyn ExecutionPlan>> {
        let child = children.pop().ok_or_else(|| DataFusionError::Internal("a scan has one child".into()))?;
        Ok(Arc::new(ScanExec::over(self.spec.clone(), self.objects.clone(), child)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> DfResult<SendableRecordBatchStream> {
        let rows = context.session_config().batch_size().clamp(1, BATCH_ROWS);
        let (spec, objects) = (self.spec.clone(), self.objects.clone());
        let batches = self
            .child
            .execute(partition, context)?
            .flat_map(|batch| futures::stream::iter(listed(batch)))
            .map_ok(move |part| read(spec.clone(), objects.clone(), part, rows).map_err(external))
            .try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.spec.schema(), batches)))
    }
}

/// Our errors travel through the engine as they are; the run's outcome takes them out again.
fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

fn listed(batch: DfResult<RecordBatch>) -> Vec<DfResult<Part>> {
    match batch.and_then(|batch| parts(&batch)) {
        Ok(parts) => parts.into_iter().map(Ok).collect(),
        Err(e) => vec![Err(e)],
    }
}

fn parts(batch: &RecordBatch) -> DfResult<Vec<Part>> {
    let column = batch.column(0).as_string_opt::<i32>();
    let column = column.ok_or_else(|| DataFusionError::Internal("the scan's input is not a table of parts".into()))?;
    let mut parts = Vec::with_capacity(column.len());
    for text in column.iter().flatten() {
        let part = serde_json::from_str(text);
        parts.push(part.map_err(|e| external(Error::internal("a part of the plan cannot be read").caused_by(e)))?);
    }
    Ok(parts)
}

/// The rows of one part. Decoding starts with the first poll and ends when the stream is dropped.
fn read(
    spec: Arc<ScanSpec>,
    objects: Arc<dyn Objects>,
    part: Part,
    rows: usize,
) -> BoxStream<'static, Result<RecordBatch>> {
    let started = futures::stream::once(async move {
        let (send, receive) = mpsc::channel::<RecordBatch>(2);
        let (alive, gone) = watch::channel(());
        let file = part.object.key.clone();
        let source = Source::new(objects, part.object, gone);
        let sink: Sink = Box::new(move |batch| send.blocking_send(batch).map_err(|_| Halt::Gone));
        let output = Output::new(spec.schema(), part.id, &source.object.key, rows, sink).meeting(spec.met.clone());
        let work = tokio::task::spawn_blocking(move || decode(&spec, &source, output));
        futures::stream::unfold(Some((receive, work, alive, file)), turn)
    });
    started.flatten().boxed()
}

type Work = (mpsc::Receiver<RecordBatch>, tokio::task::JoinHandle<Flow>, watch::Sender<()>, String);

/// The next batch; after the last one, how the work ended.
async fn turn(work: Option<Work>) -> Option<(Result<RecordBatch>, Option<Work>)> {
    let (mut receive, work, alive, file) = work?;
    if let Some(batch) = receive.recv().await {
        return Some((Ok(batch), Some((receive, work, alive, file))));
    }
    let error = match work.await {
        Ok(Ok(())) => return None,
        Ok(Err(Halt::Failed(error))) => *error,
        Ok(Err(Halt::Gone)) => Error::internal(format!("reading {file} was given up")),
        Err(e) => super::broken(&file, e),
    };
    Some((Err(error), None))
}

/// Decodes one part on the thread that calls.
fn decode(spec: &ScanSpec, source: &Source, mut out: Output) -> Flow {
    let encoding = encoding::by_label(&spec.options.encoding, &source.object.key)?;
    let (options, columns) = (&spec.options, &spec.reads);
    match options.format {
        _ if source.object.size == 0 => {}
        Format::Parquet => parquet::each_file(source, options.compression, &mut |file, source| {
            out.enter(file)?;
            parquet::decode(source, columns, &mut out)
        })?,
        Format::Delimited | Format::Json => {
            compress::each_entry(source, options.compression, &mut |entry: Entry<'_>| {
                out.enter(&entry.file)?;
                let entry = encoding::utf8(entry, encoding)?;
                match options.format {
                    Format::Json => json::decode(entry, columns, spec.blank_is_null, options.lines, &mut out),
                    _ => csv::decode(entry, options.delimiter, columns, &mut out),
                }
            })?
        }
    }
    out.enter(&source.object.key)?;
    out.end(source.bytes())
}
