//! Taking a batch back: its files leave the table in one commit, under the rule of every other.
//!
//! Files that compaction has put together with others are no batch's any more, and rows of a merged table have taken the
//! place of older ones: there is nothing to go back to, and the table says so rather than removing half of a batch.

use super::{ATTEMPTS, Change, Committed, Outcome, Txn};
use crate::error::failed;
use crate::keyed;
use crate::store::Table;
use crate::upsert::Replaced;
use datafusion::arrow::datatypes::Schema;
use deltalake::DeltaTable;
use deltalake::kernel::Remove;
use deltalake::protocol::DeltaOperation;
use forebay_model::{Error, Kind, Result, Time, code};
use serde_json::json;

impl Table {
    /// Takes the files of `batch` out of the table, which must hold exactly `rows` rows of it. `txn` is the claim that does
    /// it. [`Kind::Refused`] where the batch's rows cannot be told from others.
    pub async fn revert(&self, txn: &Txn, batch: &str, rows: u64) -> Result<Committed> {
        for attempt in 0..ATTEMPTS {
            let table = self.open().await?;
            let progress = self.progress_of(table.as_ref(), &txn.flow).await?;
            if let Some(committed) = progress.decide(txn)? {
                return Ok(committed);
            }
            let Some(table) = table else {
                return Err(refused(batch, "the dataset has no table"));
            };
            let removes = self.removes(&table, batch, rows, txn.now)?;
            let columns = Schema::empty();
            let mut change = Change::data(txn, &columns, &[]);
            change.removes = removes;
            change.operation = DeltaOperation::Delete { predicate: None };
            change.notes.push(("forebay.reverted".into(), json!(batch)));
            match self.put(Some(table), &change).await {
                Ok(Outcome::Version(version)) => return Ok(Committed { version, already: false }),
                Ok(Outcome::Again) => self.lost(attempt).await,
                Err(error) => return self.settle(txn, error).await,
            }
        }
        Err(self.crowded())
    }

    fn removes(&self, table: &DeltaTable, batch: &str, rows: u64, now: Time) -> Result<Vec<Remove>> {
        let doing = || format!("The lake could not look for the files of batch {batch} in {}.", self.path);
        let snapshot = table.snapshot().map_err(|e| failed(e, doing()))?;
        if keyed::is(snapshot.snapshot().metadata()) {
            return Err(refused(batch, "the dataset keeps one row a key: its rows have taken the place of others"));
        }
        let (mut removes, mut found) = (Vec::new(), 0);
        for file in snapshot.log_data().iter().filter(|file| file.path().contains(batch)) {
            found += file.num_records().unwrap_or_default() as u64;
            let size = u64::try_from(file.size()).unwrap_or_default();
            removes.push(Replaced { path: file.path().to_string(), size }.remove(now));
        }
        if found != rows {
            return Err(refused(batch, "its files were put together with those of others"));
        }
        Ok(removes)
    }
}

fn refused(batch: &str, why: &str) -> Error {
    Error::new(Kind::Refused, &code::HTTP_409, format!("The batch {batch} cannot be taken back: {why}."))
}
