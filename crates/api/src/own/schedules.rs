//! When a schedule would run, before it is one.

use super::rows::answer;
use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::problem::Problem;
use crate::writing::object;
use axum::extract::State;
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::health;
use forebay_model::schedule::{Every, Schedule, moment};
use forebay_model::{Error, Result, Time, code};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Runs of a preview at most, and of one that does not say.
const MOST: i64 = 100;
const COUNT: i64 = 5;

/// A schedule to be tried.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "it says the form to readers of openapi.json")]
pub struct SchedulePreviewRequest {
    /// As a flow has them; none: once, now.
    #[schema(value_type = Option<Object>)]
    schedule_params: Option<Value>,
    /// 1 to 100; 5 unless given.
    count: Option<i64>,
    /// Epoch seconds or milliseconds, or ISO 8601; now unless given.
    #[schema(value_type = Option<i64>)]
    after: Option<Value>,
}

/// The time that a run looks at; open where there is no bound. Epoch milliseconds.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct RunWindow {
    pub from: Option<i64>,
    pub to: Option<i64>,
}

/// A run that would be.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewedRun {
    /// Epoch milliseconds.
    due_at: i64,
    window: RunWindow,
}

/// The runs of a schedule.
#[derive(Serialize, ToSchema)]
pub struct SchedulePreview {
    runs: Vec<PreviewedRun>,
    /// Such as `every 15 minutes`.
    text: String,
    /// What becomes of runs that meet.
    overlap: String,
}

/// `POST /schedules/preview`: the same checks as for a flow that is created now.
#[utoipa::path(post, path = "/schedules/preview", tag = "Forebay", request_body = SchedulePreviewRequest,
    responses((status = 200, description = "The next runs", body = SchedulePreview), (status = 400, description = "The schedule is refused")))]
pub async fn preview_schedule(State(app): State<App>, _: Caller, Body(body): Body) -> Result<Response, Problem> {
    let body = object(body, "the request")?;
    let count = match body.get("count") {
        None | Some(Value::Null) => COUNT,
        Some(value) => match value.as_i64().filter(|count| (1..=MOST).contains(count)) {
            Some(count) => count,
            None => return Err(refused(format!("count is a whole number from 1 to {MOST}"), "/count").into()),
        },
    };
    let now = app.now();
    let after = match body.get("after") {
        None | Some(Value::Null) => now,
        Some(value) => match moment(value) {
            Some(after) => after,
            None => return Err(refused(format!("after is a time; {value} is none"), "/after").into()),
        },
    };
    let schedule = Schedule::parse(body.get("scheduleParams"), now)?;
    Ok(answer(&preview(&schedule, now, after, count)))
}

fn refused(message: String, at: &str) -> Error {
    Error::new(Kind::Invalid, &code::FLOW_1100, message).at(Place::pointer(at))
}

fn preview(schedule: &Schedule, now: Time, after: Time, count: i64) -> SchedulePreview {
    let mut runs: Vec<PreviewedRun> = Vec::new();
    // The first tick is a run, too, where nothing has run yet.
    let mut next = if after <= schedule.start { Some(schedule.start) } else { schedule.next(after) };
    while let Some(due) = next.filter(|_| (runs.len() as i64) < count) {
        let from = match schedule.every {
            _ if due <= schedule.start => (!schedule.backfill).then_some(now),
            Every::Seconds(seconds) => chrono::TimeDelta::try_seconds(seconds).map(|every| due - every),
            Every::Once => None,
        };
        let window = RunWindow { from: from.map(|from| from.timestamp_millis()), to: Some(due.timestamp_millis()) };
        runs.push(PreviewedRun { due_at: due.timestamp_millis(), window });
        next = schedule.next(due);
    }
    let overlap = match schedule.every {
        Every::Once => "It runs once; more runs can be started by hand, one after the other.",
        Every::Seconds(_) => {
            "If a run is still going when the next is due, the next waits for it; ticks that pass meanwhile become one run over the whole time."
        }
    };
    SchedulePreview { runs, text: health::words(schedule), overlap: overlap.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(seconds, 0).expect("in range")
    }

    #[track_caller]
    fn check(schedule: Schedule, after: i64, count: i64, expected: &[(Option<i64>, i64)]) {
        let preview = preview(&schedule, at(1_000), at(after), count);
        let shown: Vec<_> =
            preview.runs.iter().map(|run| (run.window.from.map(|from| from / 1_000), run.due_at / 1_000)).collect();
        assert_eq!(shown, expected);
    }

    #[test]
    fn each_run_looks_at_the_time_since_the_one_before() {
        let schedule = Schedule { start: at(2_000), every: Every::Seconds(900), end: None, backfill: true };
        check(schedule, 1_000, 3, &[(None, 2_000), (Some(2_000), 2_900), (Some(2_900), 3_800)]);
        check(schedule, 2_000, 1, &[(None, 2_000)]);
        check(schedule, 2_001, 2, &[(Some(2_000), 2_900), (Some(2_900), 3_800)]);
        check(Schedule { end: Some(at(3_000)), ..schedule }, 1_000, 5, &[(None, 2_000), (Some(2_000), 2_900)]);
        check(Schedule { backfill: false, ..schedule }, 1_000, 2, &[(Some(1_000), 2_000), (Some(2_000), 2_900)]);
    }

    #[test]
    fn once_is_once() {
        let once = Schedule { start: at(2_000), every: Every::Once, end: None, backfill: true };
        check(once, 1_000, 5, &[(None, 2_000)]);
        check(once, 2_001, 5, &[]);
    }
}
