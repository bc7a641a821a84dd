//! How the machinery is: what waits, who works, how large the database is. For people who look after it.

use crate::Store;
use crate::address::Dialect;
use crate::database::{failed, millis, time};
use chrono::TimeDelta;
use forebay_model::{Result, Time};
use sqlx::Row;
use std::time::Duration;

/// What is seen of an organization's queues, and of the database as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulse {
    /// Runs and batches that could begin now.
    pub queued: i64,
    /// Those that somebody works on.
    pub running: i64,
    /// Those that wait for a later moment.
    pub waiting: i64,
    /// Since when the oldest that could begin has been due.
    pub oldest: Option<Time>,
    /// Those whose holder has let its lease expire.
    pub abandoned: i64,
    /// Who works, or waits for work: name, how many runs and batches, and until when it is held to be there.
    pub workers: Vec<(String, i64, Time)>,
    /// The earliest tick that is not in the queue yet.
    pub next_tick: Option<Time>,
    /// What webhooks are still to be told, and since when the oldest of it has been due.
    pub deliveries: (i64, Option<Time>),
    /// The newest moment that any document has.
    pub newest: Option<Time>,
    /// `sqlite` or `postgres`.
    pub database: &'static str,
    /// Bytes of the database.
    pub bytes: Option<i64>,
}

/// Runs and batches of an organization, as `w`.
const WORK: &str = "(SELECT state, not_before, due, worker, lease_until FROM run_queue WHERE org = $1 AND state <> 'done' UNION ALL \
     SELECT state, not_before, due, worker, lease_until FROM batch_queue WHERE org = $1 AND state IN ('queued', 'running')) w";

/// Before the name of a worker, as the name of the lease that says that it is there.
const WORKER: &str = "worker:";
/// How long a worker that has gone is shown.
const GONE: TimeDelta = TimeDelta::hours(1);

impl Store {
    /// Says that a worker is there, and will be for so long.
    pub async fn worker_is_there(&self, name: &str, now: Time, ttl: Duration) -> Result<()> {
        self.lease(&format!("{WORKER}{name}"), name, now, ttl).await.map(|_| ())
    }

    /// How the machinery is.
    pub async fn pulse(&self, org: &str, now: Time) -> Result<Pulse> {
        let readers = &self.database.readers;
        let count =
            |condition: &str| format!("CAST(COALESCE(SUM(CASE WHEN {condition} THEN 1 ELSE 0 END), 0) AS BIGINT)");
        let sql = format!(
            "SELECT {}, {}, {}, {}, MIN(CASE WHEN w.state = 'queued' AND w.not_before <= $2 THEN w.due END) FROM {WORK}",
            count("w.state = 'queued' AND w.not_before <= $2"),
            count("w.state = 'running'"),
            count("w.state = 'queued' AND w.not_before > $2"),
            count("w.state = 'running' AND w.lease_until <= $2"),
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.to_string()).bind(millis(now));
        let work = query.fetch_one(readers).await.map_err(failed)?;
        let number = |i: usize| work.try_get::<i64, _>(i).map_err(failed);
        let sql = format!(
            "SELECT w.worker, COUNT(*), MAX(w.lease_until) FROM {WORK} WHERE w.state = 'running' GROUP BY w.worker ORDER BY w.worker"
        );
        let mut workers = Vec::new();
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(org.to_string());
        for row in query.fetch_all(readers).await.map_err(failed)? {
            let name = row.try_get(0).map_err(failed)?;
            workers.push((name, row.try_get(1).map_err(failed)?, time(row.try_get(2).map_err(failed)?)?));
        }
        let sql = "SELECT holder, expires FROM leases WHERE name LIKE $1 AND expires > $2 ORDER BY holder";
        let query = sqlx::query(sql).bind(format!("{WORKER}%")).bind(millis(now - GONE));
        for row in query.fetch_all(readers).await.map_err(failed)? {
            let (name, until) = (row.try_get::<String, _>(0).map_err(failed)?, time(row.try_get(1).map_err(failed)?)?);
            match workers.iter_mut().find(|(known, ..)| *known == name) {
                Some((_, _, known)) => *known = until.max(*known),
                None => workers.push((name, 0, until)),
            }
        }
        let sql = "SELECT MIN(next_due) FROM schedules WHERE org = $1 AND enabled = 1";
        let next_tick = self.moment(sql, Some(org)).await?;
        let sql = "SELECT COUNT(*), MIN(due) FROM delivery_queue WHERE org = $1";
        let told = sqlx::query(sql).bind(org.to_string()).fetch_one(readers).await.map_err(failed)?;
        let due = told.try_get::<Option<i64>, _>(1).map_err(failed)?.map(time).transpose()?;
        // The trail is the one table that is ordered by time and that every change writes to.
        let newest = self.moment("SELECT MAX(at) FROM audit", None).await?;
        let (database, sql) = match self.database.dialect {
            Dialect::Sqlite => ("sqlite", "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"),
            Dialect::Postgres => ("postgres", "SELECT pg_database_size(current_database())"),
        };
        let bytes = sqlx::query(sql).fetch_one(readers).await.map_err(failed)?;
        Ok(Pulse {
            queued: number(0)?,
            running: number(1)?,
            waiting: number(2)?,
            abandoned: number(3)?,
            oldest: work.try_get::<Option<i64>, _>(4).map_err(failed)?.map(time).transpose()?,
            workers,
            next_tick,
            deliveries: (told.try_get(0).map_err(failed)?, due),
            newest,
            database,
            bytes: bytes.try_get::<Option<i64>, _>(0).map_err(failed)?,
        })
    }

    async fn moment(&self, sql: &'static str, org: Option<&str>) -> Result<Option<Time>> {
        let mut query = sqlx::query(sql);
        if let Some(org) = org {
            query = query.bind(org.to_string());
        }
        let row = query.fetch_one(&self.database.readers).await.map_err(failed)?;
        row.try_get::<Option<i64>, _>(0).map_err(failed)?.map(time).transpose()
    }
}
