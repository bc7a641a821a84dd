//! Cancelling a run (`docs/adr/0015`). A run that nobody has claimed ends at once; any other is marked, and whoever holds it,
//! or claims it next, ends it: only a worker can tell whether its rows are in the table already.

use crate::claims::{Claim, of_claim};
use crate::database::{failed, millis};
use crate::rows::{self, not_found};
use crate::schedules::end_unbegun;
use crate::{Store, audit, sandboxes, traces};
use forebay_model::run::trace::{Level, Line};
use forebay_model::run::{Problem, Status};
use forebay_model::{Document, Error, Kind, Resource, Result, Scope, Time, code};
use serde_json::Value;
use sqlx::Row;

impl Store {
    /// Asks for the end of a run, in the name of `by`. Asking again changes nothing; a run that has ended otherwise is
    /// refused with FLOW-1422.
    pub async fn cancel(&self, scope: &Scope, run_id: &str, by: &str, now: Time) -> Result<Document> {
        let mut tx = self.database.write().await?;
        sandboxes::open(&mut tx, scope).await?;
        let run = rows::load(&mut tx, scope, Resource::Run, run_id).await?.document;
        let state = run.text("/state").unwrap_or_default().to_string();
        if is_cancelled(&run) {
            return Ok(run);
        }
        if Status::parse(&state).is_none_or(Status::ended) {
            let message = format!(
                "The run {run_id} has ended: its state is {state}. Only a run that goes on or waits can be cancelled."
            );
            return Err(Error::new(Kind::Invalid, &code::FLOW_1422, message));
        }
        let sql = "SELECT q.state, q.attempt, q.flow_id, t.cancelled_by FROM run_queue q \
                   JOIN run_traces t ON t.org = q.org AND t.sandbox = q.sandbox AND t.run_id = q.run_id \
                   WHERE q.org = $1 AND q.sandbox = $2 AND q.run_id = $3";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id);
        let row =
            query.fetch_optional(&mut *tx).await.map_err(failed)?.ok_or_else(|| not_found(Resource::Run, run_id))?;
        let (queued, attempt): (String, i64) = (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
        let flow_id: String = row.try_get(2).map_err(failed)?;
        if row.try_get::<Option<String>, _>(3).map_err(failed)?.is_some() {
            return Ok(run);
        }
        let sql = "UPDATE run_traces SET cancelled_by = $4 WHERE org = $1 AND sandbox = $2 AND run_id = $3";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id);
        query.bind(traces::storable(by)).execute(&mut *tx).await.map_err(failed)?;
        let unbegun = queued == "queued" && attempt == 0;
        let message = match unbegun {
            true => format!("cancelled by {by} before it began"),
            false => format!("{by} asked for the run to be cancelled"),
        };
        let line = Line { seq: 0, at: millis(now), level: Level::Warn, message, fields: Value::Null };
        traces::append(&mut tx, scope, run_id, &flow_id, vec![line], unbegun).await?;
        let run = match unbegun {
            true => end_unbegun(&mut tx, scope, run_id, &cancelled(by), now).await?,
            false => {
                // It does not wait for its next try.
                let sql = "UPDATE run_queue SET not_before = $4 WHERE org = $1 AND sandbox = $2 AND run_id = $3 AND state = 'queued'";
                let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id);
                query.bind(millis(now)).execute(&mut *tx).await.map_err(failed)?;
                audit::note(&mut tx, &run, "Update").await?;
                run
            }
        };
        tx.commit().await.map_err(failed)?;
        self.database.announce();
        Ok(run)
    }

    /// Who has asked for the end of a claimed run.
    pub async fn cancelled(&self, claim: &Claim) -> Result<Option<String>> {
        let sql = "SELECT cancelled_by FROM run_traces WHERE org = $1 AND sandbox = $2 AND run_id = $3";
        let row = of_claim(sql, claim).fetch_optional(&self.database.readers).await.map_err(failed)?;
        row.map_or(Ok(None), |row| row.try_get(0).map_err(failed))
    }
}

/// What a cancelled run says of itself.
pub(crate) fn cancelled(by: &str) -> Problem {
    Problem::new(&code::RUN_CANCELLED, format!("The run was cancelled by {by}. Nothing of it was stored."))
}

/// Whether a run has ended because somebody asked for it.
pub(crate) fn is_cancelled(run: &Document) -> bool {
    run.text("/metrics/statusSummary/errors/0/code") == Some(code::RUN_CANCELLED.id)
}
