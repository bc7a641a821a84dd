//! What is told of a run beside its document: its number, attempts, stages, figures, and its log. It is written with what
//! the holder of a claim does anyway, and goes with the run's flow.

use crate::claims::{Claim, check};
use crate::database::{failed, millis};
use crate::rows::{self, not_found};
use crate::{Store, facts, take};
use forebay_model::run::trace::{Ended, Figures, Level, Line, Stage, Trace};
use forebay_model::{Error, Resource, Result, Scope, Time, patch};
use serde_json::Value;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// Lines of one run.
pub const LINES: i64 = 10_000;
/// Of these, the last are for a run's end.
const RESERVED: i64 = 100;
/// Characters of a line.
const LONGEST: usize = 4_096;

/// What the holder of a claim has to tell.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// Merged into the run's body (RFC 7386).
    pub patch: Option<Value>,
    /// Lines for the run's log, oldest first.
    pub lines: Vec<Line>,
    /// The stages so far; none leaves them.
    pub stages: Option<Vec<Stage>>,
    /// The version that was committed.
    pub version: Option<u64>,
    /// How far it is.
    pub progress: Option<Figures>,
    /// The error that ended the attempt, as `model::cause` tells it.
    pub cause: Option<Value>,
}

impl Told {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        let Told { patch, lines, stages, version, progress, cause } = self;
        patch.is_none()
            && lines.is_empty()
            && stages.is_none()
            && version.is_none()
            && progress.is_none()
            && cause.is_none()
    }
}

/// Which lines of a log are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Lines {
    /// At least so important.
    pub level: Level,
    /// So many of them are left out.
    pub start: i64,
    /// At most so many.
    pub limit: i64,
}

impl Store {
    /// Tells of a run, in one transaction; `Stale` when it is no longer ours.
    pub async fn tell(&self, claim: &Claim, told: Told, now: Time) -> Result<()> {
        if told.is_empty() {
            return Ok(());
        }
        let mut tx = self.database.write_of(&claim.scope, Resource::Flow, &claim.flow.id).await?;
        check(&mut tx, claim).await?;
        if let Some(patch) = &told.patch {
            let stored = rows::load(&mut tx, &claim.scope, Resource::Run, &claim.run.id).await?;
            let mut body = stored.document.body.clone();
            patch::merge(&mut body, patch);
            rows::replace(&mut tx, &claim.scope, &rows::renewed(stored, body, now)?).await?;
        }
        keep(&mut tx, claim, told, None).await?;
        tx.commit().await.map_err(failed)
    }

    /// What is told of a run; FLOW-1439-404 if there is no such run. Of one whose flow is gone nothing is known any more.
    pub async fn trace(&self, scope: &Scope, run_id: &str) -> Result<Trace> {
        let mut reader = self.database.readers.acquire().await.map_err(failed)?;
        rows::load(&mut reader, scope, Resource::Run, run_id).await?;
        let mut trace = load(&mut reader, scope, run_id).await?.unwrap_or_default();
        let sql = "SELECT attempt FROM run_queue WHERE org = $1 AND sandbox = $2 AND run_id = $3";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id);
        if let Some(row) = query.fetch_optional(&mut *reader).await.map_err(failed)? {
            trace.attempt = row.try_get(0).map_err(failed)?;
        }
        Ok(trace)
    }

    /// Lines of a run's log, oldest first, and how many of that importance there are.
    pub async fn run_log(&self, scope: &Scope, run_id: &str, wanted: Lines) -> Result<(Vec<Line>, i64)> {
        let mut reader = self.database.readers.acquire().await.map_err(failed)?;
        rows::load(&mut reader, scope, Resource::Run, run_id).await?;
        let sql = "SELECT COUNT(*) FROM run_log WHERE org = $1 AND sandbox = $2 AND run_id = $3 AND level >= $4";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id).bind(wanted.level.number());
        let total = query.fetch_one(&mut *reader).await.map_err(failed)?.try_get(0).map_err(failed)?;
        let sql = "SELECT seq, at, level, message, fields FROM run_log WHERE org = $1 AND sandbox = $2 AND run_id = $3 AND level >= $4 \
                   ORDER BY seq LIMIT $5 OFFSET $6";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id).bind(wanted.level.number());
        let query = query.bind(wanted.limit).bind(wanted.start);
        let rows = query.fetch_all(&mut *reader).await.map_err(failed)?;
        Ok((rows.iter().map(line).collect::<Result<_>>()?, total))
    }
}

fn line(row: &AnyRow) -> Result<Line> {
    let fields = row.try_get::<Option<String>, _>(4).map_err(failed)?;
    Ok(Line {
        seq: row.try_get(0).map_err(failed)?,
        at: row.try_get(1).map_err(failed)?,
        level: Level::of(row.try_get(2).map_err(failed)?),
        message: row.try_get(3).map_err(failed)?,
        fields: fields.map(take::json).transpose()?.unwrap_or_default(),
    })
}

/// Begins the trace of a new run, under its number.
pub(crate) async fn create(connection: &mut AnyConnection, scope: &Scope, run_id: &str, flow_id: &str) -> Result<()> {
    let sql = "INSERT INTO run_traces (org, sandbox, run_id, flow_id, number, trace) \
               SELECT org, sandbox, run_id, $4, number, '{}' FROM run_facts WHERE org = $1 AND sandbox = $2 AND run_id = $3";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id).bind(flow_id);
    query.execute(connection).await.map_err(failed)?;
    Ok(())
}

/// The trace of a run; none if its flow is gone.
pub(crate) async fn load(connection: &mut AnyConnection, scope: &Scope, run_id: &str) -> Result<Option<Trace>> {
    if run_id.contains('\0') {
        return Err(not_found(Resource::Run, run_id));
    }
    let sql = "SELECT number, cancelled_by, trace FROM run_traces WHERE org = $1 AND sandbox = $2 AND run_id = $3";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id);
    let Some(row) = query.fetch_optional(connection).await.map_err(failed)? else { return Ok(None) };
    let stored: Trace = serde_json::from_str(row.try_get(2).map_err(failed)?)
        .map_err(|error| Error::internal("What is told of a run cannot be read.").caused_by(error))?;
    let (number, cancelled_by) = (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    Ok(Some(Trace { number, cancelled_by, ..stored }))
}

/// Writes it back: the columns beside it are not its own.
pub(crate) async fn save(connection: &mut AnyConnection, scope: &Scope, run_id: &str, trace: &Trace) -> Result<()> {
    let stored = Trace { number: 0, attempt: 0, cancelled_by: None, ..trace.clone() };
    let text = serde_json::to_string(&stored)
        .map_err(|error| Error::internal("What is told of a run is no JSON.").caused_by(error))?;
    let sql = "UPDATE run_traces SET trace = $4 WHERE org = $1 AND sandbox = $2 AND run_id = $3";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id).bind(text);
    query.execute(connection).await.map_err(failed)?;
    Ok(())
}

/// Keeps what the holder of a claim tells, and how its attempt ended, if it has.
pub(crate) async fn keep(
    connection: &mut AnyConnection,
    claim: &Claim,
    told: Told,
    ended: Option<(Ended, Option<String>, Time)>,
) -> Result<()> {
    let (scope, run) = (&claim.scope, claim.run.id.as_str());
    let last = matches!(ended, Some((Ended::Success | Ended::Failed | Ended::Cancelled, ..)));
    if ended.is_some()
        || told.stages.is_some()
        || told.version.is_some()
        || told.progress.is_some()
        || told.cause.is_some()
    {
        let mut trace = load(&mut *connection, scope, run).await?.unwrap_or_default();
        trace.stages = told.stages.unwrap_or(trace.stages);
        trace.version = told.version.or(trace.version);
        trace.progress = told.progress.or(trace.progress);
        match (&told.cause, &ended) {
            (Some(cause), _) => trace.cause = Some(cause.clone()),
            (None, Some((Ended::Success, ..))) => trace.cause = None,
            _ => {}
        }
        if let (Some(cause), Some((Ended::Failed, ..))) = (&told.cause, &ended) {
            facts::blame(&mut *connection, scope, run, cause).await?;
        }
        if let Some((outcome, error, now)) = ended {
            trace.end_attempt(millis(now), outcome, error);
        }
        save(&mut *connection, scope, run, &trace).await?;
    }
    append(connection, scope, run, &claim.flow.id, told.lines, last).await
}

/// Appends lines to a run's log. When it is full, one line says so; some room is left for the run's end.
pub(crate) async fn append(
    connection: &mut AnyConnection,
    scope: &Scope,
    run_id: &str,
    flow_id: &str,
    lines: Vec<Line>,
    last: bool,
) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let sql = "SELECT COALESCE(MAX(seq), 0) FROM run_log WHERE org = $1 AND sandbox = $2 AND run_id = $3";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id);
    let mut seq: i64 = query.fetch_one(&mut *connection).await.map_err(failed)?.try_get(0).map_err(failed)?;
    let full = if last { LINES } else { LINES - RESERVED };
    for line in lines {
        if seq >= full {
            break;
        }
        seq += 1;
        // The last line that fits says that it is the last.
        let more = seq == full;
        let (level, message, fields) = match more {
            true => (Level::Warn, "… more: the log of this run is full".to_string(), Value::Null),
            false => (line.level, line.message, line.fields),
        };
        let sql = "INSERT INTO run_log (org, sandbox, run_id, seq, flow_id, at, level, message, fields) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(run_id).bind(seq).bind(flow_id);
        let query = query.bind(line.at).bind(level.number()).bind(storable(&message));
        let fields = (!fields.is_null()).then(|| fields.to_string().replace("\\u0000", ""));
        query.bind(fields).execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}

/// A text that both databases take, of bounded length.
pub(crate) fn storable(text: &str) -> String {
    let mut kept: String = text.chars().filter(|&c| c != '\0').take(LONGEST).collect();
    if kept.len() < text.len() && text.chars().count() > LONGEST {
        kept.push('…');
    }
    kept
}

/// What a claim and its end leave of a flow, taken away with it.
pub(crate) async fn forget(connection: &mut AnyConnection, scope: &Scope, flow_id: &str) -> Result<()> {
    for sql in [
        "DELETE FROM run_traces WHERE org = $1 AND sandbox = $2 AND flow_id = $3",
        "DELETE FROM run_log WHERE org = $1 AND sandbox = $2 AND flow_id = $3",
        "DELETE FROM flow_columns WHERE org = $1 AND sandbox = $2 AND flow_id = $3",
    ] {
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(flow_id);
        query.execute(&mut *connection).await.map_err(failed)?;
    }
    Ok(())
}
