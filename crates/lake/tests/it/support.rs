//! A small dataset, a run over it, and stores that fail or call back.

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, UInt32Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::memory::{DataSourceExec, MemorySourceConfig};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use forebay_lake::{Diagnostics, File, Lake, Part, Report, Table, Txn, WriteExec, WriteSpec, arrow_schema, layout};
use forebay_model::event::{EVENT, Event, PART};
use forebay_model::xdm::{self, FieldTree, Type};
use forebay_model::{Error, Result, Time};
use futures::stream::BoxStream;
use futures::{FutureExt, StreamExt, future::BoxFuture};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult,
};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;
use url::Url;

pub fn at(millis: i64) -> Time {
    Time::from_timestamp_millis(millis).expect("a time")
}

pub fn field(name: &str, ty: Type) -> xdm::Field {
    xdm::Field { name: name.into(), ty, required: false }
}

/// `id` and `name`.
pub fn people() -> FieldTree {
    FieldTree { fields: vec![field("id", Type::Long), field("name", Type::String)] }
}

pub fn memory_lake(store: Arc<dyn ObjectStore>) -> Lake {
    Lake::new(store, Url::parse("memory:///lake/").unwrap()).unwrap()
}

pub fn new_lake() -> Lake {
    memory_lake(Arc::new(InMemory::new()))
}

pub const TABLE: &str = "tables/sand/people";

pub fn table(lake: &Lake) -> Table {
    lake.table(TABLE)
}

pub fn txn(flow: &str, epochs: &[i64]) -> Txn {
    Txn {
        flow: flow.into(),
        epochs: epochs.to_vec(),
        epoch: *epochs.last().expect("a claim has an epoch"),
        run: format!("run-{flow}"),
        batch: "batch".into(),
        now: at(1_790_000_000_000),
    }
}

/// The columns of `tree`, then `_part` and `_event`.
pub fn input_schema(tree: &FieldTree) -> SchemaRef {
    let mut fields = arrow_schema(tree).fields().to_vec();
    fields.push(Arc::new(Field::new(PART, DataType::UInt32, true)));
    fields.push(Arc::new(Field::new(EVENT, DataType::Utf8, true)));
    Arc::new(Schema::new(fields))
}

/// One batch of a part, with events beside its rows.
pub fn batch(tree: &FieldTree, part: u32, columns: Vec<ArrayRef>, events: Vec<Option<Event>>) -> RecordBatch {
    let rows = columns[0].len();
    let texts = events.iter().map(|e| e.as_ref().map(|e| serde_json::to_string(e).unwrap()));
    let mut columns = columns;
    columns.push(Arc::new(UInt32Array::from(vec![part; rows])));
    columns.push(match events.is_empty() {
        true => Arc::new(StringArray::new_null(rows)),
        false => Arc::new(texts.collect::<StringArray>()),
    });
    RecordBatch::try_new(input_schema(tree), columns).unwrap()
}

/// The last row of a part.
pub fn end(tree: &FieldTree, part: u32, records: u64) -> RecordBatch {
    let columns = arrow_schema(tree);
    let nulls = columns.fields().iter().map(|f| datafusion::arrow::array::new_null_array(f.data_type(), 1)).collect();
    batch(tree, part, nulls, vec![Some(Event::End { records, bytes: records * 10, findings: vec![] })])
}

/// A part of people, `ids` long.
pub fn part(id: u32, ids: std::ops::Range<i64>) -> Vec<RecordBatch> {
    let names: StringArray = ids.clone().map(|i| Some(format!("n{i}"))).collect();
    let count = ids.end - ids.start;
    let columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(ids)), Arc::new(names)];
    vec![batch(&people(), id, columns, vec![]), end(&people(), id, count as u64)]
}

/// A plan that gives these batches, one list a partition.
pub fn source(schema: SchemaRef, partitions: &[Vec<RecordBatch>]) -> Arc<dyn ExecutionPlan> {
    DataSourceExec::from_data_source(MemorySourceConfig::try_new(partitions, schema, None).unwrap())
}

pub fn spec() -> WriteSpec {
    WriteSpec {
        table: TABLE.into(),
        run: "run".into(),
        batch: "batch".into(),
        epoch: 1,
        max_file: 64 << 20,
        memory: 64 << 20,
        staged: false,
    }
}

/// What a plan of the writer reported.
#[derive(Debug, Default)]
pub struct Written {
    pub files: Vec<File>,
    pub parts: Vec<Part>,
    pub diagnostics: Vec<Diagnostics>,
}

pub async fn write(lake: &Lake, spec: WriteSpec, input: Arc<dyn ExecutionPlan>) -> Result<Written> {
    let writer: Arc<dyn ExecutionPlan> = Arc::new(WriteExec::new(spec, lake.clone(), input).map_err(ours)?);
    let context = SessionContext::new().task_ctx();
    let mut written = Written::default();
    for partition in 0..writer.properties().output_partitioning().partition_count() {
        let mut stream = writer.execute(partition, context.clone()).map_err(ours)?;
        while let Some(batch) = stream.next().await {
            for report in WriteExec::reports(&batch.map_err(ours)?)? {
                match report {
                    Report::File(file) => written.files.push(file),
                    Report::Part(part) => written.parts.push(part),
                    Report::Diagnostics(lines) => written.diagnostics.push(lines),
                }
            }
        }
    }
    Ok(written)
}

fn ours(error: datafusion::error::DataFusionError) -> Error {
    match error {
        datafusion::error::DataFusionError::External(inner) => *inner.downcast::<Error>().expect("an error of ours"),
        other => panic!("not an error of ours: {other}"),
    }
}

/// Writes people to files, not committed.
pub async fn write_people(lake: &Lake, ids: std::ops::Range<i64>) -> Result<Vec<File>> {
    let middle = (ids.start + ids.end) / 2;
    let input = source(input_schema(&people()), &[part(0, ids.start..middle), part(1, middle..ids.end)]);
    Ok(write(lake, spec(), input).await?.files)
}

/// The ids in the table, in order.
pub async fn ids(lake: &Lake) -> Vec<i64> {
    let rows = table(lake).rows(1_000_000).await.unwrap();
    let mut ids: Vec<i64> = rows.iter().map(|r| r["id"].as_i64().unwrap()).collect();
    ids.sort_unstable();
    ids
}

/// The paths of all objects of a lake.
pub async fn listing(lake: &Lake) -> Vec<String> {
    let mut paths: Vec<String> = lake.store().list(None).map(|m| m.unwrap().location.to_string()).collect().await;
    paths.sort();
    paths
}

pub fn data_files(paths: &[String]) -> usize {
    paths.iter().filter(|p| p.ends_with(".parquet") && !p.contains("_delta_log") && p.starts_with(TABLE)).count()
}

pub fn row_errors() -> String {
    layout::row_errors("sand", "batch")
}

/// How a store fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// The call does nothing.
    Before,
    /// The call does its work, and its answer is lost.
    After,
}

type Hook = Box<dyn Fn(&Path) -> Option<BoxFuture<'static, ()>> + Send + Sync>;

/// A write to a table's log that has left its caller and is on its way.
pub struct Held {
    /// The caller has sent it.
    pub sent: oneshot::Receiver<()>,
    /// Lets it arrive.
    pub go: oneshot::Sender<()>,
    /// What becomes of it, which its caller never hears.
    pub answer: oneshot::Receiver<object_store::Result<PutResult>>,
}

type Holding = (oneshot::Sender<()>, oneshot::Receiver<()>, oneshot::Sender<object_store::Result<PutResult>>);

/// A store that dies at its n-th call, and stays dead; or that calls back before it writes; or that holds a write up.
pub struct Faulty {
    inner: Arc<dyn ObjectStore>,
    calls: AtomicUsize,
    dies_at: usize,
    fault: Fault,
    before_put: Mutex<Option<Hook>>,
    holding: Mutex<Option<Holding>>,
}

impl Faulty {
    pub fn new(inner: Arc<dyn ObjectStore>, dies_at: usize, fault: Fault) -> Arc<Faulty> {
        let (before_put, holding) = (Mutex::new(None), Mutex::new(None));
        Arc::new(Faulty { inner, calls: AtomicUsize::new(0), dies_at, fault, before_put, holding })
    }

    /// Holds up the first write to a table's log.
    pub fn holding(inner: Arc<dyn ObjectStore>) -> (Arc<Faulty>, Held) {
        let store = Faulty::new(inner, usize::MAX, Fault::Before);
        let (was_sent, sent) = oneshot::channel();
        let (go, may_go) = oneshot::channel();
        let (say, answer) = oneshot::channel();
        *store.holding.lock().unwrap() = Some((was_sent, may_go, say));
        (store, Held { sent, go, answer })
    }

    /// Runs `hook` before each put, and waits for what it gives back.
    pub fn calling(inner: Arc<dyn ObjectStore>, hook: Hook) -> Arc<Faulty> {
        let store = Faulty::new(inner, usize::MAX, Fault::Before);
        *store.before_put.lock().unwrap() = Some(hook);
        store
    }

    pub fn died(&self) -> bool {
        self.calls.load(Ordering::SeqCst) > self.dies_at
    }

    /// `Err` if this call is not made; `Ok(true)` if its answer is lost.
    fn call(&self) -> object_store::Result<bool> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        match call.cmp(&self.dies_at) {
            std::cmp::Ordering::Less => Ok(false),
            std::cmp::Ordering::Equal if self.fault == Fault::After => Ok(true),
            _ => Err(dead()),
        }
    }
}

fn dead() -> object_store::Error {
    object_store::Error::Generic { store: "Faulty", source: "the store is dead".into() }
}

fn answer<T>(lost: bool, result: object_store::Result<T>) -> object_store::Result<T> {
    if lost { Err(dead()) } else { result }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faulty")
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faulty")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(&self, at: &Path, payload: PutPayload, opts: PutOptions) -> object_store::Result<PutResult> {
        let waits = self.before_put.lock().unwrap().as_ref().and_then(|hook| hook(at));
        if let Some(waits) = waits {
            waits.await;
        }
        let held = match at.as_ref().contains("_delta_log") {
            true => self.holding.lock().unwrap().take(),
            false => None,
        };
        if let Some((was_sent, may_go, say)) = held {
            let (inner, at) = (self.inner.clone(), at.clone());
            tokio::spawn(async move {
                may_go.await.unwrap();
                say.send(inner.put_opts(&at, payload, opts).await).unwrap();
            });
            was_sent.send(()).unwrap();
            return std::future::pending().await;
        }
        let lost = self.call()?;
        answer(lost, self.inner.put_opts(at, payload, opts).await)
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        opts: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        let lost = self.call()?;
        answer(lost, self.inner.put_multipart_opts(at, opts).await)
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> object_store::Result<GetResult> {
        let lost = self.call()?;
        answer(lost, self.inner.get_opts(at, options).await)
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, object_store::Result<Path>>,
    ) -> BoxStream<'static, object_store::Result<Path>> {
        match self.call() {
            Ok(false) => self.inner.delete_stream(locations),
            _ => futures::stream::once(async { Err(dead()) }).boxed(),
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        match self.call() {
            Ok(false) => self.inner.list(prefix),
            _ => futures::stream::once(async { Err(dead()) }).boxed(),
        }
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> object_store::Result<ListResult> {
        let lost = self.call()?;
        answer(lost, self.inner.list_with_delimiter(prefix).await)
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> object_store::Result<()> {
        let lost = self.call()?;
        answer(lost, self.inner.copy_opts(from, to, options).await)
    }
}

/// A hook that runs once, before the first write to a table's log.
pub fn once_before_commit(work: impl FnOnce() -> BoxFuture<'static, ()> + Send + 'static) -> Hook {
    let work = Mutex::new(Some(work));
    Box::new(move |path| {
        if !path.as_ref().contains("_delta_log") {
            return None;
        }
        let work = work.lock().unwrap().take()?;
        Some(async move { work().await }.boxed())
    })
}
