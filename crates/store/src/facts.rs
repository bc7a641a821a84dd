//! What lists and sums tell of runs, beside their documents. A row is written in the transaction that writes the document
//! (`rows.rs` sees to it), so the two always agree; a list of a thousand flows reads a few rows of each by an index and
//! parses no document. Runs of a flow are numbered here.

use crate::Store;
use crate::cancel::is_cancelled;
use crate::database::{failed, millis, time};
use crate::rows;
use forebay_model::run::Status;
use forebay_model::{Document, Resource, Result, Scope, Time, code};
use serde_json::Value;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row};

/// Documents that an upgrade reads at once.
const PIECE: i64 = 1_000;
/// Names that one statement looks up.
const NAMES: usize = 200;
/// Characters of a message that are kept here; the document has all of it.
const LONGEST: usize = 1_000;
/// A row of [`RunFacts`]; `r` is the table.
const COLUMNS: &str = "r.run_id, r.flow_id, r.number, r.status, r.begun_at, r.started_at, r.completed_at, r.received, r.ingested, \
     r.failed, r.skipped, r.warned, r.bytes, r.kind, r.code, r.message";
/// What a failure is put down to ([`blame`]) stays while the run is as it was.
const BLAME: &str = "code = CASE WHEN run_facts.kind <> '' AND run_facts.status = excluded.status THEN run_facts.code ELSE excluded.code END, \
     message = CASE WHEN run_facts.kind <> '' AND run_facts.status = excluded.status THEN run_facts.message ELSE excluded.message END, \
     kind = CASE WHEN run_facts.status = excluded.status THEN run_facts.kind ELSE excluded.kind END";
/// Milliseconds of a bucket of [`Store::run_sums`].
pub const HOUR: i64 = 3_600_000;

/// What is told of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunFacts {
    /// The run's id.
    pub id: String,
    /// Its flow's, whether or not that is still there.
    pub flow: String,
    /// Which of the flow's runs, from 1.
    pub number: i64,
    /// `pending`, `inProgress`, `success`, `partial`, `failed` or `cancelled`.
    pub status: String,
    /// When it started, or was made; epoch milliseconds, as all times here.
    pub begun: i64,
    /// When it started.
    pub started: Option<i64>,
    /// When it ended.
    pub completed: Option<i64>,
    /// Records read.
    pub received: i64,
    /// Records stored.
    pub ingested: i64,
    /// Records rejected.
    pub failed: i64,
    /// Records left out.
    pub skipped: i64,
    /// Records stored with a null where a value did not convert.
    pub warned: i64,
    /// Bytes read.
    pub bytes: i64,
    /// The kind of its failure, as `model::cause` says it; empty where that is not known.
    pub kind: String,
    /// The code of its failure; empty where there is none.
    pub code: String,
    /// What its failure says.
    pub message: String,
}

impl RunFacts {
    /// Whether nothing more will happen to it.
    pub fn ended(&self) -> bool {
        !matches!(self.status.as_str(), "pending" | "inProgress")
    }

    /// Whether it is in the lake.
    pub fn good(&self) -> bool {
        is_good(&self.status)
    }
}

fn is_good(status: &str) -> bool {
    matches!(status, "success" | "partial")
}

/// Which runs to list: newest first.
#[derive(Debug, Clone, Default)]
pub struct RunsAsked<'a> {
    /// Of this flow.
    pub flow: Option<&'a str>,
    /// In one of these states; any if there are none.
    pub status: &'a [&'a str],
    /// Begun at this moment or later.
    pub from: Option<i64>,
    /// Begun before this moment.
    pub to: Option<i64>,
    /// Older than this run: when it began, and its id (empty: than that moment).
    pub before: Option<(i64, String)>,
    /// At most so many.
    pub limit: usize,
}

/// Sums of the runs that ended in one hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunSums {
    /// Its first millisecond.
    pub at: i64,
    /// Records read.
    pub received: i64,
    /// Records stored.
    pub ingested: i64,
    /// Records rejected.
    pub failed: i64,
    /// Records left out.
    pub skipped: i64,
    /// Bytes read.
    pub bytes: i64,
    /// Runs.
    pub runs: i64,
}

/// Where the scheduler is with a flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// The flow.
    pub flow: String,
    /// When its next run is due; none if it will not be run.
    pub next: Option<Time>,
    /// When a run of it last succeeded.
    pub success: Option<Time>,
    /// When the run that waits to be tried again is tried.
    pub retry: Option<Time>,
}

/// What the queue knows of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// `queued`, `running` or `done`.
    pub state: String,
    /// When it was due.
    pub due: Time,
    /// No claim before.
    pub not_before: Time,
    /// Who holds it; empty for nobody.
    pub worker: String,
    /// The epochs of all its claims.
    pub epochs: Vec<i64>,
    /// How often it was claimed since it was (re-)triggered.
    pub attempt: i64,
    /// The batch that it writes.
    pub batch: String,
    /// Its window, once that is fixed.
    pub window: Option<(Option<i64>, Option<i64>)>,
}

/// Keeps what is told of a run, as its document has it now.
pub(crate) async fn keep(connection: &mut AnyConnection, scope: &Scope, run: &Document) -> Result<()> {
    let facts = of(run);
    let sql = format!(
        "INSERT INTO run_facts (org, sandbox, run_id, flow_id, number, status, good, begun_at, started_at, completed_at, received, \
               ingested, failed, skipped, warned, bytes, kind, code, message) \
               VALUES ($1, $2, $3, $4, (SELECT COALESCE(MAX(number), 0) + 1 FROM run_facts WHERE org = $1 AND sandbox = $2 AND flow_id = $4), \
               $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
               ON CONFLICT (org, sandbox, run_id) DO UPDATE SET status = excluded.status, good = excluded.good, begun_at = excluded.begun_at, \
               started_at = excluded.started_at, completed_at = excluded.completed_at, received = excluded.received, \
               ingested = excluded.ingested, failed = excluded.failed, skipped = excluded.skipped, warned = excluded.warned, \
               bytes = excluded.bytes, {BLAME}"
    );
    let query = sqlx::query(AssertSqlSafe(sql))
        .bind(&scope.org)
        .bind(&scope.sandbox)
        .bind(&run.id)
        .bind(&facts.flow)
        .bind(&facts.status)
        .bind(i64::from(is_good(&facts.status)))
        .bind(facts.begun)
        .bind(facts.started)
        .bind(facts.completed)
        .bind(facts.received)
        .bind(facts.ingested)
        .bind(facts.failed)
        .bind(facts.skipped)
        .bind(facts.warned)
        .bind(facts.bytes)
        .bind(&facts.kind)
        .bind(&facts.code)
        .bind(&facts.message);
    query.execute(connection).await.map_err(failed)?;
    Ok(())
}

/// Keeps what is told of all runs that a program stored which knew nothing of it.
pub(crate) async fn fill(connection: &mut AnyConnection) -> Result<()> {
    let sql = format!(
        "SELECT {}, org, sandbox FROM documents WHERE resource = $1 AND NOT EXISTS (SELECT 1 FROM run_facts f \
         WHERE f.org = documents.org AND f.sandbox = documents.sandbox AND f.run_id = documents.id) \
         ORDER BY created_at, id LIMIT $2",
        rows::COLUMNS
    );
    loop {
        let query = sqlx::query(AssertSqlSafe(sql.clone())).bind(Resource::Run.name()).bind(PIECE);
        let found = query.fetch_all(&mut *connection).await.map_err(failed)?;
        for row in &found {
            let text = |i: usize| row.try_get::<String, _>(i).map_err(failed);
            let scope = Scope { org: text(5)?, sandbox: text(6)?, sandbox_name: String::new() };
            keep(&mut *connection, &scope, &rows::document(Resource::Run, row)?).await?;
        }
        if (found.len() as i64) < PIECE {
            return Ok(());
        }
    }
}

/// What a run's document says.
fn of(run: &Document) -> RunFacts {
    let body = &run.body;
    let at = |pointer: &str| body.pointer(pointer).and_then(Value::as_i64).filter(|number| *number >= 0);
    let count = |name: &str| at(&format!("/metrics/recordSummary/{name}")).unwrap_or(0);
    let text = |pointer: &str| run.text(pointer).unwrap_or_default().to_string();
    let started = at("/metrics/durationSummary/startedAtUTC");
    let rejected = count("failedRecordCount");
    let status = match Status::parse(run.text("/state").unwrap_or_default()) {
        None | Some(Status::Scheduled) => "pending",
        Some(Status::InProgress) => "inProgress",
        Some(Status::Success) if rejected > 0 => "partial",
        Some(Status::Success) => "success",
        Some(Status::Failed) if is_cancelled(run) || went(run) => "cancelled",
        Some(Status::Failed) => "failed",
    };
    let (code, message) = if matches!(status, "failed" | "cancelled") { why(body) } else { Default::default() };
    RunFacts {
        id: run.id.clone(),
        flow: text("/flowId").replace('\0', ""),
        number: 0,
        status: status.into(),
        begun: started.unwrap_or(millis(run.created)),
        started,
        completed: at("/metrics/durationSummary/completedAtUTC"),
        received: count("inputRecordCount"),
        ingested: count("outputRecordCount"),
        failed: rejected,
        skipped: count("skippedRecordCount"),
        warned: count("warningRecordCount"),
        bytes: at("/metrics/sizeSummary/inputBytes").unwrap_or(0),
        kind: String::new(),
        code,
        message,
    }
}

/// Whether a run ended because its flow was deleted or disabled before it began.
fn went(run: &Document) -> bool {
    run.text("/metrics/statusSummary/errors/0/code") == Some(code::FLOW_1444.id)
}

/// A text that both databases take, of bounded length.
fn plain(value: &Value) -> String {
    value.as_str().unwrap_or_default().chars().filter(|c| *c != '\0').take(LONGEST).collect()
}

/// Notes the error that ended a run: its document says less.
pub(crate) async fn blame(connection: &mut AnyConnection, scope: &Scope, run: &str, cause: &Value) -> Result<()> {
    let sql = "UPDATE run_facts SET kind = $4, code = $5, message = $6 WHERE org = $1 AND sandbox = $2 AND run_id = $3";
    let query = in_scope(sql.into(), scope).bind(run.to_string()).bind(plain(&cause["kind"]));
    query.bind(plain(&cause["code"])).bind(plain(&cause["message"])).execute(connection).await.map_err(failed)?;
    Ok(())
}

/// Code and message of a failure: what the failing activity found.
fn why(body: &Value) -> (String, String) {
    let activities = body["activities"].as_array().into_iter().flatten();
    let failing = activities.map(|activity| &activity["statusSummary"]).find(|summary| summary["status"] == "failed");
    let found = failing.and_then(|summary| {
        let details = summary.pointer("/extensions/errors/0");
        details.or_else(|| summary.pointer("/errors/0"))
    });
    match found.or_else(|| body.pointer("/metrics/statusSummary/errors/0")) {
        Some(problem) => (plain(&problem["code"]), plain(&problem["message"])),
        None => (code::FLOW_1400.id.into(), String::new()),
    }
}

fn facts(row: &AnyRow) -> Result<RunFacts> {
    let text = |i: usize| row.try_get::<String, _>(i).map_err(failed);
    let number = |i: usize| row.try_get::<i64, _>(i).map_err(failed);
    let moment = |i: usize| row.try_get::<Option<i64>, _>(i).map_err(failed);
    Ok(RunFacts {
        id: text(0)?,
        flow: text(1)?,
        number: number(2)?,
        status: text(3)?,
        begun: number(4)?,
        started: moment(5)?,
        completed: moment(6)?,
        received: number(7)?,
        ingested: number(8)?,
        failed: number(9)?,
        skipped: number(10)?,
        warned: number(11)?,
        bytes: number(12)?,
        kind: text(13)?,
        code: text(14)?,
        message: text(15)?,
    })
}

impl Store {
    /// What is told of one run; none if there is no such run.
    pub async fn run_facts(&self, scope: &Scope, run: &str) -> Result<Option<RunFacts>> {
        if run.contains('\0') {
            return Ok(None);
        }
        let sql = format!("SELECT {COLUMNS} FROM run_facts r WHERE r.org = $1 AND r.sandbox = $2 AND r.run_id = $3");
        let query = in_scope(sql, scope).bind(run.to_string());
        let row = query.fetch_optional(&self.database.readers).await.map_err(failed)?;
        row.as_ref().map(facts).transpose()
    }

    /// The last runs of every flow that is there, or of one: at most `each` of a flow, the oldest of them first.
    pub async fn last_runs(&self, scope: &Scope, flow: Option<&str>, each: u32) -> Result<Vec<RunFacts>> {
        let of_flow = if flow.is_some() { " AND flow_id = $3" } else { "" };
        // The newest of each flow first, in one pass: asked for beside each run, PostgreSQL looks for it as many times.
        let sql = format!(
            "SELECT {COLUMNS} FROM (SELECT flow_id, MAX(number) AS newest FROM run_facts WHERE org = $1 AND sandbox = $2{of_flow} \
             GROUP BY flow_id) l JOIN run_facts r ON r.flow_id = l.flow_id AND r.number > l.newest - {each} \
             WHERE r.org = $1 AND r.sandbox = $2 AND EXISTS (SELECT 1 FROM schedules s WHERE s.org = $1 AND s.sandbox = $2 \
             AND s.flow_id = l.flow_id) ORDER BY r.flow_id, r.number"
        );
        let mut query = in_scope(sql, scope);
        if let Some(flow) = flow {
            query = query.bind(flow.replace('\0', ""));
        }
        query.fetch_all(&self.database.readers).await.map_err(failed)?.iter().map(facts).collect()
    }

    /// Runs, newest first.
    pub async fn list_runs(&self, scope: &Scope, asked: &RunsAsked<'_>) -> Result<Vec<RunFacts>> {
        let mut sql = format!("SELECT {COLUMNS} FROM run_facts r WHERE r.org = $1 AND r.sandbox = $2");
        let (mut numbers, mut texts) = (Vec::new(), Vec::new());
        let mut mark = 2;
        let mut next = || {
            mark += 1;
            mark
        };
        for (bound, sign) in [(asked.from, ">="), (asked.to, "<")] {
            if let Some(bound) = bound {
                sql.push_str(&format!(" AND r.begun_at {sign} ${}", next()));
                numbers.push(bound);
            }
        }
        if let Some((begun, _)) = &asked.before {
            numbers.push(*begun);
            let (at, id) = (next(), next());
            sql.push_str(&format!(" AND (r.begun_at < ${at} OR (r.begun_at = ${at} AND r.run_id < ${id}))"));
        }
        texts.extend(asked.before.as_ref().map(|(_, id)| id.replace('\0', "")));
        if let Some(flow) = asked.flow {
            sql.push_str(&format!(" AND r.flow_id = ${}", next()));
            texts.push(flow.replace('\0', ""));
        }
        if !asked.status.is_empty() {
            let marks: Vec<String> = asked.status.iter().map(|_| format!("${}", next())).collect();
            sql.push_str(&format!(" AND r.status IN ({})", marks.join(", ")));
            texts.extend(asked.status.iter().map(|status| status.to_string()));
        }
        sql.push_str(&format!(" ORDER BY r.begun_at DESC, r.run_id DESC LIMIT {}", asked.limit));
        let mut query = in_scope(sql, scope);
        for number in numbers {
            query = query.bind(number);
        }
        for text in texts {
            query = query.bind(text);
        }
        query.fetch_all(&self.database.readers).await.map_err(failed)?.iter().map(facts).collect()
    }

    /// The runs that ended from `from` on and before `to`, by hours; hours without any are left out.
    pub async fn run_sums(&self, scope: &Scope, from: Time, to: Time) -> Result<Vec<RunSums>> {
        let sum = |name: &str| format!("CAST(SUM({name}) AS BIGINT)");
        let sums = ["received", "ingested", "failed", "skipped", "bytes"].map(sum).join(", ");
        let sql = format!(
            "SELECT completed_at / {HOUR}, {sums}, COUNT(*) FROM run_facts WHERE org = $1 AND sandbox = $2 \
             AND completed_at >= $3 AND completed_at < $4 GROUP BY completed_at / {HOUR} ORDER BY 1"
        );
        let query = in_scope(sql, scope).bind(millis(from)).bind(millis(to));
        let mut all = Vec::new();
        for row in query.fetch_all(&self.database.readers).await.map_err(failed)? {
            let number = |i: usize| row.try_get::<i64, _>(i).map_err(failed);
            all.push(RunSums {
                at: number(0)? * HOUR,
                received: number(1)?,
                ingested: number(2)?,
                failed: number(3)?,
                skipped: number(4)?,
                bytes: number(5)?,
                runs: number(6)?,
            });
        }
        Ok(all)
    }

    /// Where the scheduler is with every flow, or with one.
    pub async fn ticks(&self, scope: &Scope, flow: Option<&str>) -> Result<Vec<Tick>> {
        let of_flow = if flow.is_some() { " AND s.flow_id = $3" } else { "" };
        let of_run = if flow.is_some() { " AND r.flow_id = $3" } else { "" };
        let sql = format!(
            "SELECT s.flow_id, CASE WHEN s.enabled = 1 THEN s.next_due END, g.at, \
             (SELECT MAX(q.not_before) FROM run_queue q WHERE q.org = s.org AND q.sandbox = s.sandbox AND q.flow_id = s.flow_id \
              AND q.state = 'queued' AND q.attempt > 0) \
             FROM schedules s LEFT JOIN (SELECT flow_id, MAX(completed_at) AS at FROM run_facts r WHERE r.org = $1 AND r.sandbox = $2 \
             AND r.good = 1{of_run} GROUP BY flow_id) g ON g.flow_id = s.flow_id WHERE s.org = $1 AND s.sandbox = $2{of_flow}"
        );
        let mut query = in_scope(sql, scope);
        if let Some(flow) = flow {
            query = query.bind(flow.replace('\0', ""));
        }
        let mut ticks = Vec::new();
        for row in query.fetch_all(&self.database.readers).await.map_err(failed)? {
            let moment = |i: usize| row.try_get::<Option<i64>, _>(i).map_err(failed)?.map(time).transpose();
            let flow = row.try_get(0).map_err(failed)?;
            ticks.push(Tick { flow, next: moment(1)?, success: moment(2)?, retry: moment(3)? });
        }
        Ok(ticks)
    }

    /// How often runs of a flow failed with that code before this one began, and when one of them last did.
    pub async fn seen_before(&self, scope: &Scope, run: &RunFacts, code: &str) -> Result<(i64, Option<i64>)> {
        let sql = "SELECT COUNT(*), MAX(completed_at) FROM run_facts WHERE org = $1 AND sandbox = $2 AND flow_id = $3 AND number < $4 AND code = $5";
        let query = in_scope(sql.into(), scope).bind(run.flow.clone()).bind(run.number).bind(code.replace('\0', ""));
        let row = query.fetch_one(&self.database.readers).await.map_err(failed)?;
        Ok((row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?))
    }

    /// The names of those of these documents that are there, by their ids; empty for one without.
    pub async fn names(&self, scope: &Scope, resource: Resource, ids: &[&str]) -> Result<Vec<(String, String)>> {
        let mut names = Vec::new();
        for ids in ids.chunks(NAMES) {
            let marks: Vec<String> = (0..ids.len()).map(|i| format!("${}", i + 4)).collect();
            let sql = format!(
                "SELECT id, COALESCE(name, '') FROM documents WHERE org = $1 AND sandbox = $2 AND resource = $3 AND id IN ({})",
                marks.join(", ")
            );
            let mut query = in_scope(sql, scope).bind(resource.name());
            for id in ids {
                query = query.bind(id.replace('\0', ""));
            }
            for row in query.fetch_all(&self.database.readers).await.map_err(failed)? {
                names.push((row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?));
            }
        }
        Ok(names)
    }

    /// What the queue knows of a run; none if its flow is gone.
    pub async fn queued(&self, scope: &Scope, run: &str) -> Result<Option<Queued>> {
        let sql = "SELECT state, due, not_before, worker, epochs, attempt, batch, windowed, window_start, window_end FROM run_queue \
                   WHERE org = $1 AND sandbox = $2 AND run_id = $3";
        let query = in_scope(sql.into(), scope).bind(run.replace('\0', ""));
        let Some(row) = query.fetch_optional(&self.database.readers).await.map_err(failed)? else { return Ok(None) };
        let text = |i: usize| row.try_get::<String, _>(i).map_err(failed);
        let number = |i: usize| row.try_get::<i64, _>(i).map_err(failed);
        let moment = |i: usize| row.try_get::<Option<i64>, _>(i).map_err(failed);
        Ok(Some(Queued {
            state: text(0)?,
            due: time(number(1)?)?,
            not_before: time(number(2)?)?,
            worker: text(3)?,
            epochs: serde_json::from_str(&text(4)?).unwrap_or_default(),
            attempt: number(5)?,
            batch: text(6)?,
            window: if number(7)? == 1 { Some((moment(8)?, moment(9)?)) } else { None },
        }))
    }
}

/// A statement whose first two parameters are the scope.
fn in_scope<'q>(sql: String, scope: &Scope) -> Query<'q, Any, AnyArguments> {
    sqlx::query(AssertSqlSafe(sql)).bind(scope.org.clone()).bind(scope.sandbox.clone())
}
