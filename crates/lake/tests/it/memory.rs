//! The writer's memory does not grow with its data (P9). One test: the runner gives each test its own process, and
//! the peak is the process's.

use crate::support::*;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use forebay_lake::{Lake, WriteSpec};
use std::sync::Arc;

const ROWS: usize = 256;
const WIDTH: usize = 2048;

/// Batches of texts that do not compress, made as they are asked for.
#[derive(Debug)]
struct Texts {
    schema: SchemaRef,
    batches: u64,
}

fn texts(number: u64) -> RecordBatch {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(ROWS * WIDTH);
    while bytes.len() < ROWS * WIDTH {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes().map(|b| 33 + b % 94));
    }
    let text = String::from_utf8(bytes).unwrap();
    let names: StringArray = (0..ROWS)
        .map(|i| Some(&text[i * WIDTH..(i + 1) * WIDTH]))
        .collect();
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..ROWS as i64));
    batch(&people(), 0, vec![ids, Arc::new(names)], vec![])
}

impl PartitionStream for Texts {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batches = self.batches;
        let numbers = (0..=batches).map(move |number| {
            let last = number == batches;
            Ok(if last {
                end(&people(), 0, batches * ROWS as u64)
            } else {
                texts(number)
            })
        });
        Box::pin(RecordBatchStreamAdapter::new(
            self.schema.clone(),
            futures::stream::iter(numbers),
        ))
    }
}

/// The process's peak of resident memory, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

async fn write_megabytes(lake: &Lake, megabytes: u64) {
    let schema = input_schema(&people());
    let texts = Texts {
        schema: schema.clone(),
        batches: megabytes * 2,
    };
    let source: Arc<dyn ExecutionPlan> = Arc::new(
        StreamingTableExec::try_new(schema, vec![Arc::new(texts)], None, [], false, None).unwrap(),
    );
    let spec = WriteSpec {
        memory: 16 << 20,
        max_file: 1 << 30,
        ..spec()
    };
    let written = write(lake, spec, source).await.unwrap();
    assert_eq!(written.parts[0].written, megabytes * 2 * ROWS as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_times_the_rows_take_no_more_memory() {
    let dir = tempfile::tempdir().unwrap();
    let lake = Lake::local(dir.path()).unwrap();
    write_megabytes(&lake, 24).await;
    let small = peak();
    write_megabytes(&lake, 240).await;
    let large = peak();
    assert!(
        large < small + 40,
        "{small} MiB for 24 MB of rows, {large} MiB for 240 MB"
    );
}
