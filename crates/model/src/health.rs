//! How a dataflow is, measured by its schedule: what it has to do by when, and what it has done. Pure: now is an argument.

use crate::Time;
use crate::schedule::{Every, Schedule};
use chrono::TimeDelta;

/// How a dataflow is, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Its last run succeeded, and the next is not late.
    Healthy,
    /// Nothing has succeeded for more than an interval after it was due.
    Late,
    /// Its last run failed for good, or it is late by more than two intervals.
    Failing,
    /// A run is going on, or waits to be tried again.
    Running,
    /// Disabled.
    Paused,
    /// Not published yet.
    Draft,
    /// Nothing has run yet, and nothing is late.
    New,
    /// Its last run, by its schedule, has succeeded.
    Done,
}

impl Health {
    /// As the wire has it.
    pub fn text(self) -> &'static str {
        match self {
            Health::Healthy => "healthy",
            Health::Late => "late",
            Health::Failing => "failing",
            Health::Running => "running",
            Health::Paused => "paused",
            Health::Draft => "draft",
            Health::New => "new",
            Health::Done => "done",
        }
    }
}

/// Whether a dataflow may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It runs by its schedule.
    Enabled,
    /// It runs nothing.
    Disabled,
    /// It is not complete.
    Draft,
}

impl Standing {
    /// From a flow's `state`.
    pub fn of(state: Option<&str>) -> Standing {
        match state {
            Some("enabled") => Standing::Enabled,
            Some("draft") => Standing::Draft,
            _ => Standing::Disabled,
        }
    }
}

/// What a run that has not ended does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Active {
    /// It goes on since then.
    Running(Time),
    /// It met trouble that may pass, and is tried again then.
    Retrying(Time),
}

/// What is known of a dataflow.
#[derive(Debug, Clone, Copy)]
pub struct Signs {
    /// Whether it may run.
    pub standing: Standing,
    /// Its schedule, where it can be read.
    pub schedule: Option<Schedule>,
    /// The run that has not ended, if there is one.
    pub active: Option<Active>,
    /// How the last run that ended did: true for success.
    pub ended_well: Option<bool>,
    /// When a run last succeeded.
    pub success: Option<Time>,
    /// When the scheduler will start the next run.
    pub next: Option<Time>,
}

/// How fresh its data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freshness {
    /// When the next success is due.
    pub due: Option<Time>,
    /// The distance of runs; none for a flow that runs once.
    pub interval: Option<TimeDelta>,
    /// How long that is past; none if it is not.
    pub late: Option<TimeDelta>,
    /// All of it, in a sentence.
    pub text: String,
}

/// How long a flow that runs once may take to begin.
const GRACE: TimeDelta = TimeDelta::hours(1);

/// What to say of a dataflow.
pub fn judge(signs: &Signs, now: Time) -> (Health, Freshness) {
    let interval = match signs.schedule.map(|schedule| schedule.every) {
        Some(Every::Seconds(seconds)) => TimeDelta::try_seconds(seconds),
        Some(Every::Once) | None => None,
    };
    let due = match (signs.standing, signs.schedule) {
        (Standing::Enabled, Some(schedule)) => match signs.success {
            Some(success) => schedule.next(success),
            None => Some(schedule.first()),
        },
        _ => None,
    };
    let late = due.map(|due| now - due).filter(|late| *late > TimeDelta::zero());
    let health = health(signs, interval, late, now);
    let text = sentence(signs, health, due, late, now);
    (health, Freshness { due, interval, late, text })
}

fn health(signs: &Signs, interval: Option<TimeDelta>, late: Option<TimeDelta>, now: Time) -> Health {
    match signs.standing {
        Standing::Draft => return Health::Draft,
        _ if signs.active.is_some() => return Health::Running,
        Standing::Disabled => return Health::Paused,
        Standing::Enabled => {}
    }
    if signs.ended_well == Some(false) {
        return Health::Failing;
    }
    let Some(interval) = interval else {
        return match (signs.ended_well, late) {
            (Some(_), _) => Health::Done,
            (None, Some(late)) if late > GRACE => Health::Late,
            (None, _) => Health::New,
        };
    };
    match late {
        Some(late) if late > interval * 2 => Health::Failing,
        Some(late) if late > interval => Health::Late,
        _ if signs.ended_well.is_none() => Health::New,
        None if signs.schedule.is_some_and(|schedule| schedule.next(now).is_none()) => Health::Done,
        _ => Health::Healthy,
    }
}

fn sentence(signs: &Signs, health: Health, due: Option<Time>, late: Option<TimeDelta>, now: Time) -> String {
    let last = match signs.success {
        Some(success) => format!("last success {} ago", span(now - success)),
        None => "no success yet".to_string(),
    };
    match (health, signs.active) {
        (Health::Draft, _) => "A draft: it runs nothing until it is published.".into(),
        (Health::Paused, _) => format!("Paused; {last}."),
        (Health::Running, Some(Active::Retrying(at))) if at > now => {
            format!("A run met trouble and is tried again in {}; {last}.", span(at - now))
        }
        (Health::Running, Some(Active::Retrying(_))) => {
            format!("A run met trouble and is about to be tried again; {last}.")
        }
        (Health::Running, Some(Active::Running(since))) => format!("Running for {}; {last}.", span(now - since)),
        (Health::Done, _) => format!("Done; {last}."),
        (Health::Failing, _) if signs.ended_well == Some(false) => format!("The last run failed; {last}."),
        (Health::Failing | Health::Late, _) => match late {
            Some(late) => format!("{} late; {last}.", span(late)),
            None => format!("Late; {last}."),
        },
        _ => match signs.next.or(due).filter(|next| *next > now) {
            Some(next) => format!("Next run in {}; {last}.", span(next - now)),
            None if late.is_some() => format!("The next run is about to begin; {last}."),
            None => format!("{}.", capital(&last)),
        },
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}

/// A length of time, in its largest unit.
pub fn span(length: TimeDelta) -> String {
    let seconds = length.num_seconds().max(0);
    let (count, unit) = match seconds {
        0..=59 => (seconds, "second"),
        60..=3_599 => (seconds / 60, "minute"),
        3_600..=86_399 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{s}")
}

/// A schedule, in words.
pub fn words(schedule: &Schedule) -> String {
    let Every::Seconds(seconds) = schedule.every else { return "once".into() };
    let units = [(604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds % unit == 0).unwrap_or((1, "second"));
    match seconds / unit {
        1 => format!("every {name}"),
        count => format!("every {count} {name}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60;
    /// The first tick of every schedule here.
    const FIRST: i64 = 1_000_000;

    fn at(minutes: i64) -> Time {
        Time::from_timestamp(FIRST + minutes * MINUTE, 0).expect("in range")
    }

    /// A flow that runs every fifteen minutes, at the moment 100 minutes after its first tick.
    fn quarterly() -> Signs {
        let schedule = Schedule { start: at(0), every: Every::Seconds(15 * MINUTE), end: None, backfill: true };
        Signs {
            standing: Standing::Enabled,
            schedule: Some(schedule),
            active: None,
            ended_well: Some(true),
            success: Some(at(91)),
            next: Some(at(105)),
        }
    }

    fn once() -> Signs {
        let schedule = Schedule { start: at(0), every: Every::Once, end: None, backfill: true };
        Signs { schedule: Some(schedule), next: None, ..quarterly() }
    }

    #[track_caller]
    fn check(signs: Signs, expected: Health, text: &str) {
        let (health, fresh) = judge(&signs, at(100));
        assert_eq!((health, fresh.text.as_str()), (expected, text));
    }

    #[test]
    fn a_flow_is_healthy_until_it_is_an_interval_late() {
        let with = |success| Signs { success: Some(at(success)), ..quarterly() };
        check(with(91), Health::Healthy, "Next run in 5 minutes; last success 9 minutes ago.");
        // Due at 90, 75, 60.
        check(with(75), Health::Healthy, "Next run in 5 minutes; last success 25 minutes ago.");
        check(with(74), Health::Late, "25 minutes late; last success 26 minutes ago.");
        check(with(60), Health::Late, "25 minutes late; last success 40 minutes ago.");
        check(with(59), Health::Failing, "40 minutes late; last success 41 minutes ago.");
    }

    #[test]
    fn a_schedule_that_has_ended_is_done() {
        let ended = quarterly().schedule.map(|schedule| Schedule { end: Some(at(89)), ..schedule });
        let with = |success| Signs { schedule: ended, success: Some(at(success)), next: None, ..quarterly() };
        check(with(76), Health::Done, "Done; last success 24 minutes ago.");
        // The one of 75 is missing.
        check(with(74), Health::Late, "25 minutes late; last success 26 minutes ago.");
    }

    #[test]
    fn to_be_late_begins_a_moment_after_the_interval() {
        let signs = Signs { success: Some(at(80)), ..quarterly() };
        let edge = at(105);
        assert_eq!(judge(&signs, edge).0, Health::Healthy, "due at 90: exactly one interval");
        assert_eq!(judge(&signs, edge + TimeDelta::milliseconds(1)).0, Health::Late);
        assert_eq!(judge(&signs, at(120)).0, Health::Late, "exactly two");
        assert_eq!(judge(&signs, at(120) + TimeDelta::milliseconds(1)).0, Health::Failing);
        let (_, fresh) = judge(&signs, edge);
        assert_eq!(
            (fresh.due, fresh.interval, fresh.late),
            (Some(at(90)), TimeDelta::try_minutes(15), TimeDelta::try_minutes(15))
        );
    }

    #[test]
    fn a_failed_last_run_is_failing_however_fresh_the_data() {
        check(
            Signs { ended_well: Some(false), ..quarterly() },
            Health::Failing,
            "The last run failed; last success 9 minutes ago.",
        );
        check(
            Signs { ended_well: Some(false), success: None, ..once() },
            Health::Failing,
            "The last run failed; no success yet.",
        );
    }

    #[test]
    fn a_run_that_goes_on_hides_lateness_and_a_retry_is_no_failure() {
        let old = Signs { success: Some(at(0)), ended_well: Some(false), ..quarterly() };
        check(
            Signs { active: Some(Active::Running(at(98))), ..old },
            Health::Running,
            "Running for 2 minutes; last success 1 hour ago.",
        );
        check(
            Signs { active: Some(Active::Retrying(at(101))), ..old },
            Health::Running,
            "A run met trouble and is tried again in 1 minute; last success 1 hour ago.",
        );
        check(
            Signs { active: Some(Active::Retrying(at(99))), ..old },
            Health::Running,
            "A run met trouble and is about to be tried again; last success 1 hour ago.",
        );
    }

    #[test]
    fn what_may_not_run_is_paused_or_a_draft_and_never_late() {
        let old = Signs { success: Some(at(0)), ..quarterly() };
        check(Signs { standing: Standing::Disabled, ..old }, Health::Paused, "Paused; last success 1 hour ago.");
        assert_eq!(judge(&Signs { standing: Standing::Disabled, ..old }, at(100)).1.due, None);
        let going = Signs { standing: Standing::Disabled, active: Some(Active::Running(at(99))), ..old };
        check(going, Health::Running, "Running for 1 minute; last success 1 hour ago.");
        check(
            Signs { standing: Standing::Draft, schedule: None, success: None, ended_well: None, ..old },
            Health::Draft,
            "A draft: it runs nothing until it is published.",
        );
    }

    #[test]
    fn a_flow_that_runs_once_is_new_then_done() {
        let none = Signs { success: None, ended_well: None, ..once() };
        let (health, fresh) = judge(&none, at(-5));
        assert_eq!((health, fresh.text.as_str()), (Health::New, "Next run in 5 minutes; no success yet."));
        assert_eq!(judge(&none, at(60)).0, Health::New);
        assert_eq!(judge(&none, at(61)).0, Health::Late);
        check(once(), Health::Done, "Done; last success 9 minutes ago.");
        assert_eq!(judge(&once(), at(100)).1.due, None);
    }

    #[test]
    fn a_flow_that_never_ran_is_new_until_it_is_late() {
        let none = Signs { success: None, ended_well: None, next: None, ..quarterly() };
        let health = |minutes| judge(&none, at(minutes)).0;
        assert_eq!(
            [-5, 0, 15, 16, 31].map(health),
            [Health::New, Health::New, Health::New, Health::Late, Health::Failing]
        );
        assert_eq!(judge(&none, at(1)).1.text, "The next run is about to begin; no success yet.");
    }

    #[test]
    fn a_schedule_that_cannot_be_read_says_what_is_known() {
        let none = Signs { schedule: None, next: None, ..quarterly() };
        check(none, Health::Done, "Done; last success 9 minutes ago.");
    }

    #[test]
    fn schedules_have_words() {
        let words = |every| words(&Schedule { start: at(0), every, end: None, backfill: true });
        for (seconds, expected) in [
            (900, "every 15 minutes"),
            (3_600, "every hour"),
            (7_200, "every 2 hours"),
            (86_400, "every day"),
            (604_800, "every week"),
            (90 * 60, "every 90 minutes"),
        ] {
            assert_eq!(words(Every::Seconds(seconds)), expected);
        }
        assert_eq!(words(Every::Once), "once");
    }
}
