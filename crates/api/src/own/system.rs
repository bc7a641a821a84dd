//! How the machinery is, for whoever looks after it; and what the codes mean.

use super::rows::{RunRow, answer};
use super::runs::named_rows;
use crate::App;
use crate::caller::{Caller, Member};
use crate::problem::Problem;
use crate::rights::Right;
use axum::extract::State;
use axum::response::Response;
use forebay_model::health::span;
use forebay_model::{Result, Time, code};
use forebay_store::{Pulse, RunsAsked};
use serde::Serialize;
use std::time::Instant;
use utoipa::ToSchema;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Milliseconds: of a tick that is not in the queue, and of work that nobody takes.
const BEHIND: i64 = 60_000;
const STUCK: i64 = 15 * 60_000;
/// Milliseconds that a database may take.
const SLOW: i64 = 500;
/// Milliseconds that clocks may differ.
const ASTRAY: i64 = 5_000;
/// Failed runs that diagnostics tell of.
const FAILED: usize = 20;
/// A folder of the lake that is never there.
const PROBE: &str = "probe";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Level {
    Ok,
    Warn,
    Error,
}

/// Something that was looked at.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct SystemCheck {
    /// `scheduler`, `workers`, `queue`, `database`, `disk`, `clock`, `lake`, `webhooks` or `key`.
    name: &'static str,
    ok: bool,
    level: Level,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<i64>,
}

impl SystemCheck {
    fn new(name: &'static str, level: Level, message: impl Into<String>) -> SystemCheck {
        SystemCheck { name, ok: level == Level::Ok, level, message: message.into(), advice: None, ms: None }
    }

    fn advice(self, advice: &'static str) -> SystemCheck {
        SystemCheck { advice: Some(advice), ..self }
    }

    fn ms(self, ms: i64) -> SystemCheck {
        SystemCheck { ms: Some(ms), ..self }
    }
}

/// What waits, of the organization.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemQueue {
    queued: i64,
    running: i64,
    /// For a later moment.
    waiting: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_queued_at: Option<i64>,
}

/// Somebody who works on runs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemWorker {
    name: String,
    /// Until when it holds what it works on; it renews that while it lives.
    held_until: i64,
    alive: bool,
    running: i64,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemDatabase {
    /// `sqlite` or `postgres`.
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<i64>,
    ping_ms: i64,
}

#[derive(Serialize, ToSchema)]
pub struct SystemDisk {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    free: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
}

#[derive(Serialize, ToSchema)]
pub struct SystemLake {
    address: String,
}

/// How the machinery is. Times are epoch milliseconds.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemState {
    version: &'static str,
    as_of: i64,
    started_at: i64,
    uptime_ms: i64,
    checks: Vec<SystemCheck>,
    queue: SystemQueue,
    workers: Vec<SystemWorker>,
    database: SystemDatabase,
    disk: SystemDisk,
    lake: SystemLake,
}

/// The same, and what somebody who helps wants to know. No secret is in it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostics {
    system: SystemState,
    /// What the program was started with, each secret masked.
    configuration: String,
    /// The last failed runs of the sandbox, where the caller may see them.
    failed_runs: Vec<RunRow>,
    target: String,
}

/// What a code means.
#[derive(Serialize, ToSchema)]
pub struct CodeText {
    code: &'static str,
    title: &'static str,
    status: u16,
    text: &'static str,
}

/// All codes.
#[derive(Serialize, ToSchema)]
pub struct CodeTexts {
    items: Vec<CodeText>,
}

/// `GET /system`
#[utoipa::path(get, path = "/system", tag = "Forebay", responses((status = 200, description = "How the machinery is", body = SystemState)))]
pub async fn get_system(State(app): State<App>, member: Member) -> Result<Response, Problem> {
    Ok(answer(&look(&app, &member.org).await?.0))
}

/// `GET /system/diagnostics`
#[utoipa::path(get, path = "/system/diagnostics", tag = "Forebay",
    responses((status = 200, description = "The same with configuration and failed runs, to be read and sent", body = Diagnostics)))]
pub async fn get_diagnostics(State(app): State<App>, caller: Caller) -> Result<Response, Problem> {
    let (system, configuration) = look(&app, &caller.member.org).await?;
    let mut failed_runs = Vec::new();
    if caller.may(Right::ReadSources) {
        let asked = RunsAsked { status: &["failed"], limit: FAILED, ..RunsAsked::default() };
        let runs = app.store.list_runs(&caller.scope, &asked).await?;
        failed_runs = named_rows(&app, &caller, &runs, None).await?;
    }
    let target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    Ok(answer(&Diagnostics { system, configuration, failed_runs, target }))
}

/// `GET /codes`
#[utoipa::path(get, path = "/codes", tag = "Forebay", responses((status = 200, description = "What each code means", body = CodeTexts)))]
pub async fn list_codes(_: Member) -> Response {
    let text = |code: &&'static code::Code| CodeText {
        code: code.id,
        title: code.title,
        status: code.status,
        text: code.text,
    };
    answer(&CodeTexts { items: code::ALL.iter().map(text).collect() })
}

async fn look(app: &App, org: &str) -> Result<(SystemState, String)> {
    let now = app.now();
    let began = Instant::now();
    app.store.ping().await?;
    let ping_ms = millis(began);
    let pulse = app.store.pulse(org, now).await?;
    let host = app.engine.host().await?;
    let began = Instant::now();
    let lake = app.engine.list(PROBE).await;
    let lake = match lake {
        Ok(_) => SystemCheck::new("lake", Level::Ok, "The lake answers.").ms(millis(began)),
        Err(error) => SystemCheck::new("lake", Level::Error, error.message.to_string())
            .advice("Look whether the lake's folder or object store is there, and may be read and written."),
    };
    let mut checks = checks(&pulse, now);
    checks.push(database(&pulse, ping_ms));
    checks.push(disk(host.space));
    checks.push(lake);
    checks.push(SystemCheck::new("key", Level::Ok, "The key-encryption key opens the database."));
    let worker = |(name, running, until): &(String, i64, Time)| SystemWorker {
        name: name.clone(),
        held_until: until.timestamp_millis(),
        alive: *until > now,
        running: *running,
    };
    let state = SystemState {
        version: VERSION,
        as_of: now.timestamp_millis(),
        started_at: host.started.timestamp_millis(),
        uptime_ms: (now - host.started).num_milliseconds().max(0),
        queue: SystemQueue {
            queued: pulse.queued,
            running: pulse.running,
            waiting: pulse.waiting,
            oldest_queued_at: pulse.oldest.map(|at| at.timestamp_millis()),
        },
        workers: pulse.workers.iter().map(worker).collect(),
        database: SystemDatabase { kind: pulse.database, bytes: pulse.bytes, ping_ms },
        disk: SystemDisk { path: host.folder, free: host.space.map(|s| s.0), total: host.space.map(|s| s.1) },
        lake: SystemLake { address: app.engine.address("") },
        checks,
    };
    Ok((state, host.configuration))
}

fn millis(since: Instant) -> i64 {
    i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX)
}

/// What the queues and the clock say.
fn checks(pulse: &Pulse, now: Time) -> Vec<SystemCheck> {
    let past = |at: Option<Time>| at.map(|at| now - at).filter(|late| late.num_milliseconds() > 0);
    let scheduler = match past(pulse.next_tick) {
        Some(late) if late.num_milliseconds() > BEHIND => SystemCheck::new(
            "scheduler",
            Level::Error,
            format!("A run has been due for {} and is not in the queue.", span(late)),
        )
        .advice("Look whether `forebay serve` runs, and at its log."),
        _ => SystemCheck::new("scheduler", Level::Ok, "Whatever is due is in the queue."),
    };
    let waits = past(pulse.oldest);
    let workers = match (pulse.abandoned, waits) {
        (1.., _) => SystemCheck::new(
            "workers",
            Level::Error,
            format!("{} runs or batches were left by their worker.", pulse.abandoned),
        )
        .advice("A living worker takes them over; if there is none, start `forebay serve`."),
        (0, Some(late)) if pulse.running == 0 && late.num_milliseconds() > BEHIND => {
            SystemCheck::new("workers", Level::Error, format!("Nobody has taken what has been due for {}.", span(late)))
                .advice("Look whether `forebay serve` runs, and at its log.")
        }
        _ => SystemCheck::new("workers", Level::Ok, format!("{} runs and batches are worked on.", pulse.running)),
    };
    let queue = match waits {
        Some(late) if late.num_milliseconds() > STUCK => SystemCheck::new(
            "queue",
            Level::Warn,
            format!("{} wait; the oldest has been due for {}.", pulse.queued, span(late)),
        )
        .advice("Raise `run.concurrency`, or spread the schedules."),
        _ => SystemCheck::new(
            "queue",
            Level::Ok,
            format!("{} wait for a worker, {} for a later moment.", pulse.queued, pulse.waiting),
        ),
    };
    let clock = match pulse.newest.map(|newest| newest - now) {
        Some(ahead) if ahead.num_milliseconds() > ASTRAY => SystemCheck::new(
            "clock",
            Level::Error,
            format!("The database has entries from {} ahead of this machine's clock.", span(ahead)),
        )
        .advice("Set the clocks of all machines by a time server."),
        _ => SystemCheck::new("clock", Level::Ok, "The clock agrees with the database."),
    };
    let webhooks = match past(pulse.deliveries.1) {
        Some(late) if late.num_milliseconds() > STUCK => SystemCheck::new(
            "webhooks",
            Level::Warn,
            format!("{} deliveries wait; the oldest for {}.", pulse.deliveries.0, span(late)),
        )
        .advice("Look at the deliveries of each webhook for why its receiver refuses them."),
        _ => SystemCheck::new("webhooks", Level::Ok, format!("{} deliveries are on their way.", pulse.deliveries.0)),
    };
    vec![scheduler, workers, queue, clock, webhooks]
}

fn database(pulse: &Pulse, ping: i64) -> SystemCheck {
    let check = match ping > SLOW {
        true => SystemCheck::new("database", Level::Warn, format!("The database ({}) answers slowly.", pulse.database))
            .advice("Look at the disk or the server that it is on."),
        false => SystemCheck::new("database", Level::Ok, format!("The database ({}) answers.", pulse.database)),
    };
    check.ms(ping)
}

fn disk(space: Option<(u64, u64)>) -> SystemCheck {
    let Some((free, total)) = space.filter(|(_, total)| *total > 0) else {
        return SystemCheck::new("disk", Level::Ok, "How much space is left is not known.");
    };
    let percent = free as f64 * 100.0 / total as f64;
    let message = format!("{percent:.0} % of the disk is free ({:.1} GiB).", free as f64 / f64::from(1 << 30));
    let level = if percent < 5.0 {
        Level::Error
    } else if percent < 15.0 {
        Level::Warn
    } else {
        Level::Ok
    };
    let check = SystemCheck::new("disk", level, message);
    if level == Level::Ok { check } else { check.advice("Make room, or shorten `lake.raw_days`.") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    fn now() -> Time {
        Time::from_timestamp(1_750_000_000, 0).expect("in range")
    }

    fn still() -> Pulse {
        Pulse {
            queued: 0,
            running: 0,
            waiting: 0,
            oldest: None,
            abandoned: 0,
            workers: Vec::new(),
            next_tick: None,
            deliveries: (0, None),
            newest: None,
            database: "sqlite",
            bytes: None,
        }
    }

    #[track_caller]
    fn check(pulse: Pulse, name: &str, expected: Level) {
        let found = checks(&pulse, now());
        for check in &found {
            let expected = if check.name == name { expected } else { check.level };
            assert_eq!((check.name, check.level), (check.name, expected), "{}", check.message);
            assert_eq!(check.ok, check.level == Level::Ok);
            assert_eq!(check.advice.is_some(), !check.ok, "what is not well has an advice");
        }
        assert!(found.iter().any(|check| check.name == name));
    }

    #[test]
    fn trouble_is_seen_where_it_is() {
        let ago = |seconds| Some(now() - TimeDelta::seconds(seconds));
        check(still(), "scheduler", Level::Ok);
        check(Pulse { next_tick: ago(60), ..still() }, "scheduler", Level::Ok);
        check(Pulse { next_tick: ago(61), ..still() }, "scheduler", Level::Error);
        check(Pulse { next_tick: ago(-600), ..still() }, "scheduler", Level::Ok);
        check(Pulse { abandoned: 1, ..still() }, "workers", Level::Error);
        check(Pulse { queued: 1, oldest: ago(61), ..still() }, "workers", Level::Error);
        check(Pulse { queued: 1, oldest: ago(61), running: 1, ..still() }, "workers", Level::Ok);
        check(Pulse { queued: 1, oldest: ago(901), running: 1, ..still() }, "queue", Level::Warn);
        check(Pulse { newest: ago(-6), ..still() }, "clock", Level::Error);
        check(Pulse { newest: ago(-5), ..still() }, "clock", Level::Ok);
        check(Pulse { deliveries: (3, ago(901)), ..still() }, "webhooks", Level::Warn);
    }

    #[test]
    fn a_full_disk_is_an_error_and_a_slow_database_a_warning() {
        assert_eq!(disk(None).level, Level::Ok);
        assert_eq!(
            [4, 5, 14, 15].map(|free| disk(Some((free, 100))).level),
            [Level::Error, Level::Warn, Level::Warn, Level::Ok]
        );
        assert_eq!((database(&still(), 500).level, database(&still(), 501).level), (Level::Ok, Level::Warn));
    }
}
