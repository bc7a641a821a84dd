//! How long a merge takes, beside delta-rs's own: 100,000 changes (90 % updates spread over the table, 5 % inserts, 5 %
//! deletions) on 5,000,000 rows of six columns.
//!
//! `merge_speed [ROWS [CHANGES [MIB]]]`. Each merge runs in a process of its own, for its peak of memory, over a copy of
//! one table.

// A measurement that meets the unexpected may panic.
#![allow(clippy::unwrap_used)]

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
    new_null_array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use deltalake::delta_datafusion::create_session_state_with_spill_config;
use forebay_lake::{File, Lake, MergeSpec, Prepared, Report, Txn, WriteExec, WriteSpec, arrow_schema};
use forebay_model::Time;
use forebay_model::event::{DELETED, EVENT, Event, PART, SEQUENCE, VERSION};
use forebay_model::xdm::{self, FieldTree, Type};
use futures::StreamExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

const TABLE: &str = "tables/bench/profiles";
const COLUMNS: [&str; 6] = ["_id", "name", "email", "age", "score", "modified"];

fn tree() -> FieldTree {
    let types = [Type::String, Type::String, Type::String, Type::Long, Type::Number, Type::DateTime];
    let fields = COLUMNS.iter().zip(types);
    FieldTree { fields: fields.map(|(name, ty)| xdm::Field { name: name.to_string(), ty, required: false }).collect() }
}

fn input_schema() -> SchemaRef {
    let mut fields = arrow_schema(&tree()).fields().to_vec();
    fields.push(Arc::new(Field::new(VERSION, DataType::Int64, true)));
    fields.push(Arc::new(Field::new(SEQUENCE, DataType::Int64, true)));
    fields.push(Arc::new(Field::new(DELETED, DataType::Boolean, true)));
    fields.push(Arc::new(Field::new(PART, DataType::UInt32, true)));
    fields.push(Arc::new(Field::new(EVENT, DataType::Utf8, true)));
    Arc::new(Schema::new(fields))
}

fn mixed(number: i64) -> u64 {
    let mut x = number.cast_unsigned().wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Rows by their numbers, made as they are asked for.
#[derive(Debug)]
struct Rows {
    schema: SchemaRef,
    /// What the row at a place is: its number, and whether it is deleted.
    row: fn(i64, i64, i64) -> (i64, bool),
    count: i64,
    rows: i64,
    version: i64,
}

impl Rows {
    fn batch(&self, places: std::ops::Range<i64>) -> RecordBatch {
        let of: Vec<(i64, bool)> = places.clone().map(|at| (self.row)(at, self.rows, self.count)).collect();
        let numbers: Vec<i64> = of.iter().map(|o| o.0).collect();
        let text = |make: &dyn Fn(i64) -> String| -> ArrayRef {
            Arc::new(numbers.iter().map(|n| Some(make(*n))).collect::<StringArray>())
        };
        let size = numbers.len();
        let columns: Vec<ArrayRef> = vec![
            text(&|n| format!("{:016x}{n:08x}", mixed(n))),
            text(&|n| format!("Name {} {}", mixed(n) % 5000, self.version)),
            text(&|n| format!("{:x}@example.com", mixed(n + 1))),
            Arc::new(Int64Array::from_iter_values(numbers.iter().map(|n| 18 + n % 70))),
            Arc::new(Float64Array::from_iter_values(numbers.iter().map(|n| (mixed(*n) % 1_000_000) as f64 / 7.0))),
            Arc::new(
                TimestampMicrosecondArray::from_iter_values(
                    numbers.iter().map(|n| 1_700_000_000_000_000 + n * 1_000_003),
                )
                .with_timezone("UTC"),
            ),
            Arc::new(Int64Array::from(vec![self.version; size])),
            Arc::new(Int64Array::from_iter_values(places)),
            Arc::new(of.iter().map(|o| Some(o.1)).collect::<BooleanArray>()),
            Arc::new(UInt32Array::from(vec![0; size])),
            Arc::new(StringArray::new_null(size)),
        ];
        RecordBatch::try_new(self.schema.clone(), columns).unwrap()
    }

    fn end(&self) -> RecordBatch {
        let event = Event::End { records: self.count as u64, bytes: 0, findings: vec![] };
        let mut columns: Vec<ArrayRef> =
            self.schema.fields().iter().map(|f| new_null_array(f.data_type(), 1)).collect();
        let last = columns.len() - 1;
        columns[last - 1] = Arc::new(UInt32Array::from(vec![0]));
        columns[last] = Arc::new(StringArray::from(vec![serde_json::to_string(&event).unwrap()]));
        RecordBatch::try_new(self.schema.clone(), columns).unwrap()
    }
}

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = Rows { schema: self.schema.clone(), ..*self };
        let batches = (0..=((rows.count + 8191) / 8192)).map(move |number| {
            let places = number * 8192..((number + 1) * 8192).min(rows.count);
            Ok(if places.is_empty() { rows.end() } else { rows.batch(places) })
        });
        Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), futures::stream::iter(batches)))
    }
}

async fn stage(lake: &Lake, rows: Rows, memory: u64) -> Vec<File> {
    let schema = input_schema();
    let input = StreamingTableExec::try_new(schema, vec![Arc::new(rows)], None, [], false, None).unwrap();
    let spec = WriteSpec {
        table: TABLE.into(),
        run: "run".into(),
        batch: "batch".into(),
        epoch: 1,
        max_file: 32 << 20,
        memory,
        staged: true,
    };
    let writer = WriteExec::new(spec, lake.clone(), Arc::new(input)).unwrap();
    let mut reports = writer.execute(0, SessionContext::new().task_ctx()).unwrap();
    let mut files = Vec::new();
    while let Some(batch) = reports.next().await {
        for report in WriteExec::reports(&batch.unwrap()).unwrap() {
            if let Report::File(file) = report {
                files.push(file);
            }
        }
    }
    files
}

async fn merge(lake: &Lake, epoch: i64, files: &[File], memory: u64) -> Prepared {
    let txn = Txn {
        flow: "flow".into(),
        epochs: vec![epoch],
        epoch,
        run: "run".into(),
        batch: "batch".into(),
        now: Time::from_timestamp_millis(1_790_000_000_000).unwrap(),
    };
    let spec = MergeSpec { key: vec!["_id".into()], max_file: 32 << 20, memory, spill: None, progress: Arc::default() };
    let prepared = lake.table(TABLE).prepare_merge(&txn, &tree(), &spec, files).await.unwrap();
    lake.table(TABLE).commit_merge(&txn, &prepared).await.unwrap().unwrap();
    prepared
}

/// Nine in ten update, of which the keys lie all over the table; one in twenty is new; one in twenty deletes.
fn change(at: i64, rows: i64, count: i64) -> (i64, bool) {
    let step = (rows / count).max(1);
    match at % 20 {
        0 => (rows + at, false),
        1 => (at * step, true),
        _ => (at * step, false),
    }
}

fn changes(rows: i64, count: i64) -> Rows {
    Rows { schema: input_schema(), row: change, count, rows, version: 2 }
}

fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 2..].split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

async fn ours(lake: &Lake, dir: &Path, memory: u64) -> String {
    let staged: Vec<File> = serde_json::from_str(&std::fs::read_to_string(dir.join("staged.json")).unwrap()).unwrap();
    let Prepared::Ready(merged) = merge(lake, 2, &staged, memory).await else { panic!("landed") };
    format!("{:?}, files {} -> {}", merged.counts, merged.removed.len(), merged.files.len())
}

async fn delta(dir: &Path, memory: Option<usize>) -> String {
    let url = url::Url::from_directory_path(dir.join(TABLE)).unwrap();
    let table = deltalake::open_table(url).await.unwrap();
    let mut state = create_session_state_with_spill_config(memory, memory.map(|_| 10 << 30));
    if memory.is_some() {
        let mut config = state.config().clone();
        config.options_mut().optimizer.prefer_hash_join = false;
        state = SessionStateBuilder::from(state).with_config(config).build();
    }
    let staged: Vec<File> = serde_json::from_str(&std::fs::read_to_string(dir.join("staged.json")).unwrap()).unwrap();
    let paths: Vec<String> = staged.iter().map(|f| dir.join(TABLE).join(&f.path).display().to_string()).collect();
    let source = SessionContext::new().read_parquet(paths, ParquetReadOptions::default()).await.unwrap();
    let newer = format!("(t.{VERSION} IS NULL OR s.{VERSION} >= t.{VERSION})");
    let all = || COLUMNS.iter().copied().chain([VERSION]);
    let merge = table
        .merge(source, "t._id = s._id")
        .with_source_alias("s")
        .with_target_alias("t")
        .with_session_state(Arc::new(state))
        .when_matched_update(|mut update| {
            update = update.predicate(format!("NOT s.{DELETED} AND {newer}"));
            for name in all() {
                update = update.update(format!("t.{name}"), format!("s.{name}"));
            }
            update
        })
        .unwrap()
        .when_matched_delete(|delete| delete.predicate(format!("s.{DELETED} AND {newer}")))
        .unwrap()
        .when_not_matched_insert(|mut insert| {
            insert = insert.predicate(format!("NOT s.{DELETED}"));
            for name in all() {
                insert = insert.set(name, format!("s.{name}"));
            }
            insert
        })
        .unwrap();
    match merge.await {
        Ok((_, m)) => format!(
            "inserted {}, updated {}, deleted {}, files {} -> {}",
            m.num_target_rows_inserted,
            m.num_target_rows_updated,
            m.num_target_rows_deleted,
            m.num_target_files_removed,
            m.num_target_files_added
        ),
        Err(error) => format!("failed: {error}"),
    }
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

async fn child(what: &str, dir: &Path, memory: u64) {
    let lake = Lake::local(dir).unwrap();
    let (began, used) = (Instant::now(), processor_seconds());
    let said = match what {
        "ours" => ours(&lake, dir, memory).await,
        "delta-rs" => delta(dir, None).await,
        _ => delta(dir, Some(memory as usize)).await,
    };
    let (took, used, peak) = (began.elapsed().as_secs_f64(), processor_seconds() - used, peak());
    let rows = lake.table(TABLE).count().await.unwrap();
    println!("{what:<18} {took:6.1} s, {used:6.1} s of CPU, peak {peak:5} MiB; {said}; {rows} rows");
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [what, dir, memory] = arguments.as_slice()
        && !what.bytes().all(|b| b.is_ascii_digit())
    {
        return child(what, Path::new(dir), memory.parse().unwrap()).await;
    }
    let number = |at: usize, usual: i64| arguments.get(at).map_or(usual, |a| a.parse().unwrap());
    let (rows, count, memory) = (number(0, 5_000_000), number(1, 100_000), number(2, 256).cast_unsigned() << 20);
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().join("base");
    let lake = Lake::local(&base).unwrap();
    let first = Rows { schema: input_schema(), row: |at, _, _| (at, false), count: rows, rows, version: 1 };
    let began = Instant::now();
    let files = stage(&lake, first, memory).await;
    let took = began.elapsed().as_secs_f64();
    println!("{rows} rows staged in {took:.1} s, {} files, peak so far {} MiB", files.len(), peak());
    let began = Instant::now();
    merge(&lake, 1, &files, memory).await;
    println!("first load in {:.1} s, peak so far {} MiB", began.elapsed().as_secs_f64(), peak());
    let staged = stage(&lake, changes(rows, count), memory).await;
    std::fs::write(base.join("staged.json"), serde_json::to_string(&staged).unwrap()).unwrap();
    println!("{count} changes, {} MiB for each merge", memory >> 20);
    for what in ["ours", "delta-rs", "delta-rs bounded"] {
        let place = dir.path().join("copy");
        copy(&base, &place);
        let this = std::env::current_exe().unwrap();
        let done = Command::new(this).arg(what).arg(&place).arg(memory.to_string()).status().unwrap();
        if !done.success() {
            println!("{what}: ended with {done}");
        }
        std::fs::remove_dir_all(&place).unwrap();
    }
}
