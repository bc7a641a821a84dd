//! A batch taken back: its files leave the table in one commit. That can be done while the files are still the batch's
//! own; once they were put together with others, or merged by a key, nobody can tell its rows from those of others.

use crate::commit::{Change, Outcome};
use crate::error::{CODE, failed};
use crate::store::Table;
use datafusion::arrow::datatypes::Schema;
use deltalake::kernel::{Remove, Transaction};
use deltalake::protocol::DeltaOperation;
use forebay_model::{Error, Kind, Result, Time, code};
use futures::StreamExt;
use serde_json::json;

/// The only epoch there is: to take a batch back twice is to take it back once.
const EPOCH: i64 = 1;

impl Table {
    /// Takes a batch's files out of the table, if together they have `rows` rows. To do it again does nothing.
    pub async fn revert(&self, batch: &str, rows: u64, now: Time) -> Result<()> {
        let flow = format!("revert/{batch}");
        for attempt in 0..crate::commit::ATTEMPTS {
            let table = self.open().await?;
            let progress = self.progress_of(table.as_ref(), &flow).await?;
            if progress.landed(&[EPOCH]) || (table.is_none() && rows == 0) {
                return Ok(());
            }
            let Some(table) = table else {
                return Err(self.mixed(batch));
            };
            let doing = || format!("The lake could not look for the files of batch {batch}.");
            let snapshot = table.snapshot().map_err(|e| failed(e, doing()))?;
            let mut views = snapshot.snapshot().file_views(table.log_store().as_ref(), None);
            let (mut removes, mut found) = (Vec::new(), 0);
            while let Some(view) = views.next().await {
                let view = view.map_err(|e| failed(e, doing()))?;
                if !view.path().contains(batch) {
                    continue;
                }
                found += view.num_records().map_or(0, |records| records as u64);
                removes.push(Remove {
                    path: view.path().to_string(),
                    data_change: true,
                    deletion_timestamp: Some(now.timestamp_millis()),
                    extended_file_metadata: Some(true),
                    partition_values: Some(Default::default()),
                    size: Some(view.size()),
                    ..Remove::default()
                });
            }
            drop(views);
            if found != rows {
                return Err(self.mixed(batch));
            }
            let none = Schema::empty();
            let change = Change {
                schema: &none,
                files: &[],
                key: None,
                removes,
                operation: DeltaOperation::Delete { predicate: None },
                txns: vec![Transaction::new(&flow, EPOCH), Transaction::new(format!("{flow}/data"), EPOCH)],
                notes: vec![("forebay.reverted".into(), json!(batch))],
                time: Some(now.timestamp_millis()),
            };
            match self.put(Some(table), &change).await? {
                Outcome::Version(_) => return Ok(()),
                Outcome::Again => self.lost(attempt).await,
            }
        }
        Err(Error::new(
            Kind::Unavailable { retry_after: None },
            CODE,
            format!("The lake could not take batch {batch} back: others took the next version again and again."),
        ))
    }

    fn mixed(&self, batch: &str) -> Error {
        let message = format!(
            "the rows of batch {batch} cannot be told from others any more: its files were put together with those of other batches"
        );
        Error::new(Kind::Conflict, &code::HTTP_409, message)
    }
}
