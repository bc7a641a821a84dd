//! One task of the writer: one partition of its input, from the first batch to the last report.

use super::account::{Accounts, Tally};
use super::diagnostics::{Line, Lines};
use super::{REPORT, Report, Roll, WriteSpec};
use crate::error::{CODE, external, failed};
use crate::layout;
use crate::store::Lake;
use datafusion::arrow::array::{
    Array, AsArray, BooleanArray, BooleanBufferBuilder, RecordBatch, StringArray, UInt32Array,
};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{SchemaRef, UInt32Type};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use forebay_model::event::Event;
use forebay_model::{Context, Error, Kind, Result};
use futures::StreamExt;
use object_store::path::Path;
use std::sync::Arc;

struct Task {
    columns: SchemaRef,
    output: SchemaRef,
    input: SendableRecordBatchStream,
    files: Roll,
    lines: Lines,
    accounts: Accounts,
    reports: Vec<Report>,
    ended: bool,
}

/// The reports of one partition, as it is written. Dropping the stream leaves nothing that is part of the table.
pub(super) fn start(
    spec: &WriteSpec,
    lake: &Lake,
    columns: SchemaRef,
    output: SchemaRef,
    share: usize,
    input: SendableRecordBatchStream,
) -> SendableRecordBatchStream {
    let sandbox = layout::sandbox(&spec.table).unwrap_or_default();
    let kind = if spec.staged { "staged" } else { "part" };
    let prefix = format!("{kind}-{}-{}", spec.batch, spec.epoch);
    let table = Path::from(spec.table.as_str());
    let task = Task {
        files: Roll::new(lake.store(), table, prefix, columns.clone(), share, spec.max_file),
        columns,
        output: output.clone(),
        input,
        lines: Lines::new(lake.store(), layout::row_errors(sandbox, &spec.batch)),
        accounts: Accounts::default(),
        reports: Vec::new(),
        ended: false,
    };
    let stream = futures::stream::try_unfold(task, |mut task| async move {
        match task.next().await {
            Ok(batch) => Ok(batch.map(|b| (b, task))),
            Err(error) => {
                task.abort().await;
                Err(error)
            }
        }
    });
    Box::pin(RecordBatchStreamAdapter::new(output, stream))
}

impl Task {
    /// The next batch of reports; `None` when all is said.
    async fn next(&mut self) -> datafusion::error::Result<Option<RecordBatch>> {
        while !self.ended {
            match self.input.next().await.transpose()? {
                Some(batch) => self.take(&batch).await.map_err(external)?,
                None => self.finish().await.map_err(external)?,
            }
            if !self.reports.is_empty() {
                return self.say().map(Some).map_err(external);
            }
        }
        Ok(None)
    }

    async fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        let count = self.columns.fields().len();
        let parts = batch.column(count).as_primitive::<UInt32Type>();
        let events = batch.column(count + 1).as_string::<i32>();
        if parts.null_count() > 0 {
            return Err(Error::internal("A row came to the writer with no part."));
        }
        let rows = RecordBatch::try_new(self.columns.clone(), batch.columns()[..count].to_vec()).context(
            Kind::Internal,
            CODE,
            "Rows came to the writer that do not fit its columns.",
        )?;
        if events.null_count() == events.len() {
            count_runs(&mut self.accounts, parts, 0..parts.len())?;
            return self.write(&rows).await;
        }
        let kept = self.sort(parts, events)?;
        let rows = filter_record_batch(&rows, &kept).context(
            Kind::Internal,
            CODE,
            "Rejected rows could not be taken out of a batch.",
        )?;
        let file = self.lines.flush().await?;
        self.reports.extend(file.map(Report::Diagnostics));
        self.write(&rows).await
    }

    /// Deals with a batch's events; gives back which rows are to be written.
    fn sort(&mut self, parts: &UInt32Array, events: &StringArray) -> Result<BooleanArray> {
        let mut kept = BooleanBufferBuilder::new(events.len());
        let mut plain = 0;
        for row in 0..events.len() {
            if events.is_null(row) {
                kept.append(true);
                continue;
            }
            count_runs(&mut self.accounts, parts, plain..row)?;
            plain = row + 1;
            let event = serde_json::from_str(events.value(row)).context(
                Kind::Internal,
                CODE,
                "An event came to the writer that it does not know.",
            )?;
            kept.append(self.event(parts.value(row), event)?);
        }
        count_runs(&mut self.accounts, parts, plain..events.len())?;
        Ok(BooleanArray::new(kept.finish(), None))
    }

    /// Takes one event; says whether its row is to be written.
    fn event(&mut self, part: u32, event: Event) -> Result<bool> {
        match event {
            Event::Record { rejected, file, line, findings, columns, raw } => {
                let (failed, stored) = (u64::from(rejected), u64::from(!rejected));
                self.accounts.add(part, Tally { written: stored, rejected: failed, warned: stored })?;
                self.lines.add(Line { rejected, file, line, findings, columns, raw })?;
                Ok(!rejected)
            }
            Event::End { records, bytes, findings } => {
                self.reports.push(Report::Part(self.accounts.end(part, records, bytes, findings)?));
                Ok(false)
            }
        }
    }

    async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let file = self.files.write(rows).await?;
        self.reports.extend(file.map(Report::File));
        Ok(())
    }

    async fn finish(&mut self) -> Result<()> {
        self.ended = true;
        self.accounts.finish()?;
        let file = self.files.close().await?;
        self.reports.extend(file.map(Report::File));
        let file = self.lines.close().await?;
        self.reports.extend(file.map(Report::Diagnostics));
        Ok(())
    }

    /// What was done since the last time, as a batch.
    fn say(&mut self) -> Result<RecordBatch> {
        let mut texts = Vec::with_capacity(self.reports.len());
        for report in self.reports.drain(..) {
            texts.push(serde_json::to_string(&report).map_err(|e| failed(e, "A report could not be said in JSON."))?);
        }
        RecordBatch::try_new(self.output.clone(), vec![Arc::new(StringArray::from(texts))]).context(
            Kind::Internal,
            CODE,
            "The writer's reports do not make a batch.",
        )
    }

    async fn abort(&mut self) {
        self.files.abort().await;
        self.lines.abort().await;
    }
}

/// Counts ordinary rows by part: rows of a part lie side by side, so this is one look-up a part.
fn count_runs(accounts: &mut Accounts, parts: &UInt32Array, rows: std::ops::Range<usize>) -> Result<()> {
    for run in parts.values()[rows].chunk_by(|a, b| a == b) {
        accounts.add(run[0], Tally { written: run.len() as u64, ..Tally::default() })?;
    }
    Ok(())
}

pub(super) fn reports(batch: &RecordBatch) -> Result<Vec<Report>> {
    let column = batch.column_by_name(REPORT).and_then(|c| c.as_string_opt::<i32>());
    let Some(column) = column else {
        return Err(Error::internal("The plan gave back something other than the writer's reports."));
    };
    let mut reports = Vec::with_capacity(column.len());
    for text in column.iter().flatten() {
        reports.push(serde_json::from_str(text).map_err(|e| failed(e, "A report of the writer cannot be read."))?);
    }
    Ok(reports)
}
