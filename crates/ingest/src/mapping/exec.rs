//! The operator between scan and writer: source columns in, target columns out.
//!
//! Always holds: rows, their order and their partitions stay as they are; a row whose `_event` is set on input passes
//! with null targets; every other row has what its rules give, and an `_event` only where something is to be told. Data
//! never fails the plan.

use super::MapSpec;
use super::kernel::TooLarge;
use super::plan::{Output, Plan};
use super::report::{Findings, Origin};
use super::shape::{Empties, Required, masked};
use super::upsert::{self, Changes, Upserts};
use datafusion::arrow::array::{Array, ArrayRef, UInt32Array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use forebay_model::event::{EVENT, PART};
use futures::StreamExt;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Applies a mapping set.
#[derive(Debug)]
pub struct MapExec {
    spec: Arc<MapSpec>,
    upserts: Option<Arc<Upserts>>,
    plan: Arc<Plan>,
    child: Arc<dyn ExecutionPlan>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl MapExec {
    /// Compiles the mapping set against the child's schema; an error is the mapping set's.
    pub fn new(spec: MapSpec, child: Arc<dyn ExecutionPlan>) -> forebay_model::Result<MapExec> {
        let plan = Plan::new(&spec, &child.schema())?;
        Ok(MapExec::over(Arc::new(spec), None, Arc::new(plan), child))
    }

    /// The same for a table that keeps one row a key.
    pub fn upserting(spec: MapSpec, upserts: Upserts, child: Arc<dyn ExecutionPlan>) -> forebay_model::Result<MapExec> {
        let plan = Plan::new(&spec, &child.schema())?;
        Ok(MapExec::over(Arc::new(spec), Some(Arc::new(upserts)), Arc::new(plan), child))
    }

    fn over(
        spec: Arc<MapSpec>,
        upserts: Option<Arc<Upserts>>,
        plan: Arc<Plan>,
        child: Arc<dyn ExecutionPlan>,
    ) -> MapExec {
        let schema = output_schema(&plan.target, upserts.is_some());
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema.clone()),
            datafusion::physical_plan::Partitioning::UnknownPartitioning(child.output_partitioning().partition_count()),
            child.pipeline_behavior(),
            child.boundedness(),
        );
        let metrics = ExecutionPlanMetricsSet::new();
        MapExec { spec, upserts, plan, child, schema, properties: Arc::new(properties), metrics }
    }

    /// What it applies; with the child, all that another process needs to make it anew.
    pub fn spec(&self) -> &MapSpec {
        &self.spec
    }
}

/// The target's columns, those that a merge needs, `_part` and `_event`.
fn output_schema(target: &Schema, upserts: bool) -> SchemaRef {
    let mut fields: Vec<Arc<Field>> = target.fields().iter().cloned().collect();
    if upserts {
        fields.extend(upsert::fields().into_iter().map(Arc::new));
    }
    fields.push(Arc::new(Field::new(PART, DataType::UInt32, true)));
    fields.push(Arc::new(Field::new(EVENT, DataType::Utf8, true)));
    Arc::new(Schema::new(fields))
}

impl DisplayAs for MapExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MapExec: {} rules, {} columns", self.plan.rules.len(), self.plan.target.fields().len())
    }
}

impl ExecutionPlan for MapExec {
    fn name(&self) -> &str {
        "MapExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.child]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    // A part's rows stay together and in order: no repartitioning between scan and mapping.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let (Some(child), true) = (children.pop(), children.is_empty()) else {
            return Err(DataFusionError::Internal("MapExec has exactly one child".into()));
        };
        if child.schema() == self.child.schema() {
            return Ok(Arc::new(MapExec::over(self.spec.clone(), self.upserts.clone(), self.plan.clone(), child)));
        }
        let plan = Plan::new(&self.spec, &child.schema()).map_err(|why| DataFusionError::External(Box::new(why)))?;
        Ok(Arc::new(MapExec::over(self.spec.clone(), self.upserts.clone(), Arc::new(plan), child)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.child.execute(partition, context)?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let mapper = Mapper {
            plan: self.plan.clone(),
            upserts: self.upserts.clone(),
            schema: self.schema.clone(),
            empties: Empties::default(),
            counts: HashMap::new(),
        };
        let work = Work { input, mapper, left: Vec::new(), metrics };
        let output = futures::stream::unfold(work, |mut work| async move {
            let mapped = work.next().await?;
            Some((mapped, work))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), output)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// A partition under way. A batch whose rows grow too large together is mapped in halves, and those in halves again, so
/// that memory does not grow with what expressions make of a row.
struct Work {
    input: SendableRecordBatchStream,
    mapper: Mapper,
    /// Parts of a batch that are not mapped yet, the next one last.
    left: Vec<RecordBatch>,
    metrics: BaselineMetrics,
}

impl Work {
    async fn next(&mut self) -> Option<Result<RecordBatch>> {
        loop {
            let batch = match self.left.pop() {
                Some(part) => part,
                None => match self.input.next().await? {
                    Ok(batch) => batch,
                    Err(error) => return Some(Err(error)),
                },
            };
            let timer = self.metrics.elapsed_compute().timer();
            let mapped = self.mapper.map(&batch);
            timer.done();
            match mapped {
                Err(error) if batch.num_rows() > 1 && TooLarge::is(&error) => {
                    let half = batch.num_rows() / 2;
                    self.left.push(batch.slice(half, batch.num_rows() - half));
                    self.left.push(batch.slice(0, half));
                }
                Ok(mapped) => {
                    self.metrics.record_output(mapped.num_rows());
                    return Some(Ok(mapped));
                }
                failed => return Some(failed),
            }
        }
    }
}

/// What a partition's batches are mapped with.
pub(super) struct Mapper {
    plan: Arc<Plan>,
    upserts: Option<Arc<Upserts>>,
    schema: SchemaRef,
    empties: Empties,
    /// Rows seen of each part, where their order counts.
    counts: HashMap<u32, i64>,
}

impl Mapper {
    /// Work on batches of a schema, outside of a plan.
    pub(super) fn new(spec: &MapSpec, scan: &Schema) -> forebay_model::Result<Mapper> {
        let plan = Arc::new(Plan::new(spec, scan)?);
        let schema = output_schema(&plan.target, false);
        Ok(Mapper { schema, plan, upserts: None, empties: Empties::default(), counts: HashMap::new() })
    }

    /// A batch of the scan to a batch of the target.
    pub(super) fn map(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        let rows = batch.num_rows();
        let events = batch.column_by_name(EVENT);
        // Valid where the row is an ordinary one.
        let ordinary = events.and_then(|events| match events.null_count() {
            nulls if nulls == rows => None,
            0 => Some(NullBuffer::new_null(rows)),
            _ => events.nulls().map(|nulls| NullBuffer::new(!nulls.inner())),
        });
        let skip = |row: usize| ordinary.as_ref().is_some_and(|ordinary| ordinary.is_null(row));
        let parts = part(batch, rows)?;
        let changes = self.upserts.as_deref().map(|upserts| Changes::of(upserts, batch, &parts)).transpose()?;
        // Of a row that deletes, nothing but the key counts.
        let ignored = |row: usize| skip(row) || changes.as_ref().is_some_and(|changes| changes.deletes(row));
        let outputs = self.plan.run(batch, &skip)?;
        let mut findings = Findings::default();
        let mut columns = Vec::with_capacity(outputs.len());
        for (rule, output) in self.plan.rules.iter().zip(outputs) {
            let Output { column, failures } = output;
            for failure in failures {
                if !ignored(failure.row) {
                    findings.convert(&rule.path, failure);
                }
            }
            columns.push(column);
        }
        let mut targets = self.targets(&columns, rows, ordinary.as_ref())?;
        let mut missing = Vec::new();
        Required::missing(&self.plan.required, &targets, rows, &mut missing);
        for (row, path) in missing {
            if !ignored(row) {
                findings.reject(row, path);
            }
        }
        if let (Some(changes), Some(upserts)) = (changes, self.upserts.as_deref()) {
            let key = upsert::key(&upserts.key, &self.plan.target, &targets).unwrap_or_default();
            changes.judge(&upserts.key, batch, &key, &skip, &mut findings);
            targets.extend(changes.columns(&parts, &mut self.counts));
        }
        targets.push(parts);
        targets.push(findings.column(&Origin::new(batch), events)?);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(self.schema.clone(), targets, &options)?)
    }

    fn targets(&mut self, rules: &[ArrayRef], rows: usize, ordinary: Option<&NullBuffer>) -> Result<Vec<ArrayRef>> {
        let mut columns = Vec::with_capacity(self.schema.fields().len());
        for target in &self.plan.targets {
            let column = target.build(rules, rows, &mut self.empties)?;
            columns.push(masked(&column, ordinary)?);
        }
        Ok(columns)
    }
}

fn part(batch: &RecordBatch, rows: usize) -> Result<ArrayRef> {
    match batch.column_by_name(PART) {
        Some(part) => Ok(super::read::cast(part, &DataType::UInt32)?),
        None => Ok(Arc::new(UInt32Array::new_null(rows))),
    }
}
