//! Rows of a table, as its newest version has them. A reader sees whole commits only, whatever is being written beside
//! it, and holds one batch at a time. The column that a merged table keeps for itself is shown to nobody.

use crate::error::{failed, recover};
use crate::json;
use crate::schema::arrow_schema;
use crate::store::Table;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::DeltaTable;
use forebay_model::event::VERSION;
use forebay_model::xdm::FieldTree;
use forebay_model::{Error, Result, code};
use futures::StreamExt;
use serde_json::Value;
use std::sync::Arc;

impl Table {
    /// The table's columns; `None` when nothing has been committed yet.
    pub async fn schema(&self) -> Result<Option<SchemaRef>> {
        let Some(table) = self.seen().await? else {
            return Ok(None);
        };
        let snapshot = table.snapshot().map_err(|e| failed(e, self.unread()))?;
        Ok(Some(shown(&snapshot.snapshot().arrow_schema())))
    }

    /// The table's rows as batches, at most `limit` of them. A table that does not exist yet has the columns of
    /// `schema` and no rows.
    pub async fn read(&self, schema: &FieldTree, limit: Option<usize>) -> Result<SendableRecordBatchStream> {
        match self.seen().await? {
            Some(table) => self.stream(&table, limit).await,
            None => {
                let none = futures::stream::empty();
                Ok(Box::pin(RecordBatchStreamAdapter::new(arrow_schema(schema), none)))
            }
        }
    }

    /// The files of a batch that the newest version names: path relative to the table, and bytes. None any more once
    /// they were put together with others.
    pub async fn batch_files(&self, batch: &str) -> Result<Vec<(String, u64)>> {
        let Some(table) = self.seen().await? else {
            return Ok(Vec::new());
        };
        let snapshot = table.snapshot().map_err(|e| failed(e, self.unread()))?;
        let mut views = snapshot.snapshot().file_views(table.log_store().as_ref(), None);
        let mut files = Vec::new();
        while let Some(view) = views.next().await {
            let view = view.map_err(|e| failed(e, self.unread()))?;
            if view.path().contains(batch) {
                files.push((view.path().to_string(), view.size() as u64));
            }
        }
        Ok(files)
    }

    /// At most `limit` rows, as JSON.
    pub async fn rows(&self, limit: usize) -> Result<Vec<Value>> {
        let Some(table) = self.seen().await? else {
            return Ok(Vec::new());
        };
        let mut stream = self.stream(&table, Some(limit)).await?;
        let mut rows = Vec::new();
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(|e| recover(e, &self.unread()))?;
            rows.extend(json::rows(&batch)?);
        }
        Ok(rows)
    }

    /// How many rows the table has: by its log, and only where that does not say, by reading.
    pub async fn count(&self) -> Result<u64> {
        let Some(table) = self.seen().await? else {
            return Ok(0);
        };
        let snapshot = table.snapshot().map_err(|e| failed(e, self.unread()))?;
        let mut total = 0;
        for file in snapshot.log_data().iter() {
            match file.num_records() {
                Some(records) => total += records as u64,
                None => return self.count_by_reading(&table).await,
            }
        }
        Ok(total)
    }

    async fn count_by_reading(&self, table: &DeltaTable) -> Result<u64> {
        let mut stream = self.stream(table, None).await?;
        let mut total = 0;
        while let Some(batch) = stream.next().await {
            total += batch.map_err(|e| recover(e, &self.unread()))?.num_rows() as u64;
        }
        Ok(total)
    }

    pub(crate) async fn stream(&self, table: &DeltaTable, limit: Option<usize>) -> Result<SendableRecordBatchStream> {
        let snapshot = table.snapshot().map_err(|e| failed(e, self.unread()))?;
        let columns = shown(&snapshot.snapshot().arrow_schema());
        if columns.fields().is_empty() {
            let none = futures::stream::empty();
            return Ok(Box::pin(RecordBatchStreamAdapter::new(columns, none)));
        }
        // One file after the other: a preview wants its first rows soon, and little memory.
        let mut config =
            SessionConfig::new().with_target_partitions(1).with_batch_size(limit.unwrap_or(usize::MAX).clamp(1, 8192));
        config.options_mut().execution.parquet.schema_force_view_types = false;
        let session = SessionContext::new_with_config(config);
        table.update_datafusion_session(&session.state()).map_err(|e| failed(e, self.unread()))?;
        let provider = table.table_provider().await.map_err(|e| failed(e, self.unread()))?;
        let mut frame = session.read_table(provider).map_err(|e| recover(e, &self.unread()))?;
        frame = frame.drop_columns(&[VERSION]).map_err(|e| recover(e, &self.unread()))?;
        if limit.is_some() {
            frame = frame.limit(0, limit).map_err(|e| recover(e, &self.unread()))?;
        }
        frame.execute_stream().await.map_err(|e| recover(e, &self.unread()))
    }

    /// The newest state, for a reader: what goes wrong is no run's failure.
    pub(crate) async fn seen(&self) -> Result<Option<DeltaTable>> {
        self.open().await.map_err(|e| Error { code: &code::FLOW_1400, ..e })
    }

    pub(crate) fn unread(&self) -> String {
        format!("The lake could not read {}.", self.path)
    }
}

/// The columns that are the dataset's own.
pub(crate) fn shown(columns: &Schema) -> SchemaRef {
    let own = columns.fields().iter().filter(|f| f.name() != VERSION);
    Arc::new(Schema::new(own.cloned().collect::<Vec<_>>()))
}
