//! When a flow runs (FS §9.6, FS-SPEC-5, FS-SPEC-6). Ticks are `start + k · interval`; ticks that were missed make one
//! catch-up run. Scalars are taken as numbers or strings, as the documented requests have them.

use crate::code;
use crate::{Error, Kind, Place, Result, Time};
use chrono::{DateTime, NaiveDate, NaiveDateTime, SecondsFormat, TimeDelta};
use serde_json::Value;

/// Seconds in 100 years: no interval is longer.
const LONGEST: i64 = 100 * 366 * 86_400;

/// A flow's schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The first tick.
    pub start: Time,
    /// The distance of ticks.
    pub every: Every,
    /// No tick is later. Of a flow that runs once it says nothing.
    pub end: Option<Time>,
    /// The first run takes everything that is already there.
    pub backfill: bool,
}

/// The distance of ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// One tick.
    Once,
    /// A tick every so many seconds; more than zero.
    Seconds(i64),
}

impl Schedule {
    /// From `scheduleParams`. `now` is the moment of the flow's creation: an earlier or absent `startTime` means it, so
    /// the same parameters give the same ticks whenever they are read. No parameters: once, now.
    pub fn parse(params: Option<&Value>, now: Time) -> Result<Schedule> {
        let params = match params {
            None | Some(Value::Null) => {
                return Ok(Schedule { start: now, every: Every::Once, end: None, backfill: true });
            }
            Some(Value::Object(params)) => params,
            Some(_) => {
                return Err(refuse("", "scheduleParams is an object with startTime, frequency and interval.".into()));
            }
        };
        let member = |name: &str| params.get(name).filter(|value| !value.is_null());
        let start = match member("startTime") {
            None => now,
            Some(value) => match moment(value) {
                Some(start) => start.max(now),
                None => {
                    return Err(refuse(
                        "/startTime",
                        format!("startTime is epoch seconds or an ISO 8601 date; {value} is neither."),
                    ));
                }
            },
        };
        let every = every(member("frequency"), member("interval"))?;
        let backfill = match member("backfill") {
            None => true,
            Some(value) => truth(value)
                .ok_or_else(|| refuse("/backfill", format!("backfill is true or false; {value} is neither.")))?,
        };
        let end = match member("endTime").filter(|_| every != Every::Once) {
            None => None,
            Some(value) => match moment(value) {
                Some(end) if end < start => {
                    return Err(refuse(
                        "/endTime",
                        format!(
                            "endTime, {}, lies before the first run, {}: nothing would ever run.",
                            iso(end),
                            iso(start)
                        ),
                    ));
                }
                Some(end) => Some(end),
                None => {
                    return Err(refuse(
                        "/endTime",
                        format!("endTime is epoch seconds or an ISO 8601 date; {value} is neither."),
                    ));
                }
            },
        };
        Ok(Schedule { start, every, end, backfill })
    }

    /// The first tick.
    pub fn first(&self) -> Time {
        self.start
    }

    /// The latest tick that is not after `now` and is later than `last`: a gap is one catch-up tick, also where the end has
    /// come meanwhile.
    pub fn due(&self, last: Option<Time>, now: Time) -> Option<Time> {
        if now < self.start {
            return None;
        }
        let now = self.end.map_or(now, |end| now.min(end));
        let tick = match self.every {
            Every::Once => self.start,
            Every::Seconds(seconds) => {
                self.tick((now - self.start).num_milliseconds().div_euclid(seconds * 1000), seconds)?
            }
        };
        match last {
            Some(last) if tick <= last => None,
            _ => Some(tick),
        }
    }

    /// The earliest tick after `after`.
    pub fn next(&self, after: Time) -> Option<Time> {
        if after < self.start {
            return Some(self.start);
        }
        let next = match self.every {
            Every::Once => None,
            Every::Seconds(seconds) => {
                self.tick((after - self.start).num_milliseconds().div_euclid(seconds * 1000) + 1, seconds)
            }
        };
        next.filter(|next| self.end.is_none_or(|end| *next <= end))
    }

    fn tick(&self, k: i64, seconds: i64) -> Option<Time> {
        let distance = TimeDelta::try_seconds(k.checked_mul(seconds)?)?;
        self.start.checked_add_signed(distance)
    }
}

fn every(frequency: Option<&Value>, interval: Option<&Value>) -> Result<Every> {
    let Some(frequency) = frequency else {
        return Err(refuse("/frequency", "scheduleParams needs a frequency: once, minute, hour, day or week.".into()));
    };
    let name = frequency.as_str().unwrap_or_default().to_ascii_lowercase();
    let (unit, least) = match name.as_str() {
        "once" => return Ok(Every::Once),
        "minute" => (60, 15),
        "hour" => (3_600, 1),
        "day" => (86_400, 1),
        "week" => (604_800, 1),
        _ => {
            return Err(refuse(
                "/frequency",
                format!("frequency is once, minute, hour, day or week, not {frequency}."),
            ));
        }
    };
    let Some(interval) = interval else {
        return Err(refuse("/interval", format!("A frequency of {name} needs an interval of at least {least}.")));
    };
    let Some(count) = whole(interval) else {
        return Err(refuse("/interval", format!("interval is a whole number; {interval} is not.")));
    };
    if count < least {
        return Err(refuse(
            "/interval",
            format!("With a frequency of {name} the interval is at least {least}, not {count}."),
        ));
    }
    match count.checked_mul(unit) {
        Some(seconds) if seconds <= LONGEST => Ok(Every::Seconds(seconds)),
        _ => Err(refuse("/interval", format!("An interval of {count} {name}s is longer than a hundred years."))),
    }
}

fn iso(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// A moment as callers write it: epoch seconds or milliseconds by magnitude, in digits or a number, or ISO 8601.
pub fn moment(value: &Value) -> Option<Time> {
    if let Some(count) = whole(value) {
        let millis = if count >= 100_000_000_000 { count } else { count.checked_mul(1000)? };
        return if count < 0 { None } else { Time::from_timestamp_millis(millis) };
    }
    let text = value.as_str()?.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, form) {
            return Some(time.and_utc());
        }
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc())
}

/// A whole number, or its digits in a string.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Some(whole),
            None => number.as_f64().filter(|real| real.fract() == 0.0 && real.abs() < 9e15).map(|real| real as i64),
        },
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// A boolean, or its word in a string.
fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn refuse(member: &str, message: String) -> Error {
    Error::new(Kind::Invalid, &code::FLOW_1100, message).at(Place::pointer(format!("/scheduleParams{member}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn at(seconds: i64) -> Time {
        Time::from_timestamp(seconds, 0).expect("in range")
    }

    #[track_caller]
    fn check(params: Value, start: i64, every: Every, backfill: bool) {
        let schedule = Schedule::parse(Some(&params), at(1_000)).expect("it parses");
        assert_eq!(schedule, Schedule { start: at(start), every, end: None, backfill }, "{params}");
    }

    #[track_caller]
    fn refused(params: Value, expected: &str) {
        let error = Schedule::parse(Some(&params), at(1_000)).expect_err("it is refused");
        assert_eq!(
            (error.code.id, error.at),
            ("FLOW-1100-400", Some(Place::pointer(format!("/scheduleParams{expected}")))),
            "{params}"
        );
    }

    #[test]
    fn numbers_strings_and_dates_are_read() {
        check(json!({"startTime": 2000, "frequency": "day", "interval": 1}), 2000, Every::Seconds(86_400), true);
        check(
            json!({"startTime": "2000", "frequency": "hour", "interval": "2", "backfill": "false"}),
            2000,
            Every::Seconds(7_200),
            false,
        );
        check(
            json!({"startTime": 1_719_900_000_000i64, "frequency": "week", "interval": 1}),
            1_719_900_000,
            Every::Seconds(604_800),
            true,
        );
        check(
            json!({"startTime": "2024-07-02T06:00:00Z", "frequency": "Minute", "interval": 15, "backfill": "True"}),
            1_719_900_000,
            Every::Seconds(900),
            true,
        );
        check(
            json!({"startTime": "2024-07-02T06:00:00", "frequency": "minute", "interval": 15.0}),
            1_719_900_000,
            Every::Seconds(900),
            true,
        );
        check(json!({"startTime": 2000.0, "frequency": "once"}), 2000, Every::Once, true);
    }

    #[test]
    fn once_ignores_an_interval_as_the_hubspot_tutorial_sends_it() {
        check(
            json!({"startTime": "1567411548", "frequency": "once", "interval": "15"}),
            1_567_411_548,
            Every::Once,
            true,
        );
        check(json!({"frequency": "once", "interval": "0"}), 1_000, Every::Once, true);
    }

    #[test]
    fn a_start_that_is_past_or_absent_means_now() {
        check(json!({"startTime": 999, "frequency": "day", "interval": 1}), 1_000, Every::Seconds(86_400), true);
        check(json!({"frequency": "day", "interval": 1}), 1_000, Every::Seconds(86_400), true);
        assert_eq!(
            Schedule::parse(None, at(5)).expect("it parses"),
            Schedule { start: at(5), every: Every::Once, end: None, backfill: true }
        );
    }

    #[test]
    fn faults_name_the_member() {
        refused(json!("daily"), "");
        refused(json!({"frequency": "minute", "interval": 14}), "/interval");
        refused(json!({"frequency": "hour", "interval": 0}), "/interval");
        refused(json!({"frequency": "day", "interval": -1}), "/interval");
        refused(json!({"frequency": "day", "interval": 1.5}), "/interval");
        refused(json!({"frequency": "day"}), "/interval");
        refused(json!({"frequency": "week", "interval": i64::MAX}), "/interval");
        refused(json!({"interval": 1}), "/frequency");
        refused(json!({"frequency": "month", "interval": 1}), "/frequency");
        refused(json!({"startTime": "soon", "frequency": "once"}), "/startTime");
        refused(json!({"startTime": -5, "frequency": "once"}), "/startTime");
        refused(json!({"frequency": "once", "backfill": "maybe"}), "/backfill");
        refused(json!({"frequency": "day", "interval": 1, "endTime": "soon"}), "/endTime");
        refused(json!({"frequency": "day", "interval": 1, "endTime": 999}), "/endTime");
        refused(json!({"startTime": 2000, "frequency": "day", "interval": 1, "endTime": "1999"}), "/endTime");
    }

    #[test]
    fn moments_are_seconds_or_milliseconds_by_magnitude() {
        assert_eq!(moment(&json!("1719900000")), Some(at(1_719_900_000)));
        assert_eq!(moment(&json!(1_719_900_000_000i64)), Some(at(1_719_900_000)));
        assert_eq!(moment(&json!(99_999_999_999i64)), Some(at(99_999_999_999)));
        assert_eq!(moment(&json!("2024-07-02")), Some(at(1_719_878_400)));
        assert_eq!(moment(&json!(true)), None);
    }

    #[test]
    fn once_has_one_tick() {
        let once = Schedule { start: at(100), every: Every::Once, end: None, backfill: true };
        assert_eq!(once.due(None, at(99)), None);
        assert_eq!(once.due(None, at(500)), Some(at(100)));
        assert_eq!(once.due(Some(at(100)), at(500)), None);
        assert_eq!(once.next(at(99)), Some(at(100)));
        assert_eq!(once.next(at(100)), None);
    }

    #[test]
    fn a_gap_is_one_catch_up_tick() {
        let hourly = Schedule { start: at(0), every: Every::Seconds(3_600), end: None, backfill: true };
        assert_eq!(hourly.due(Some(at(3_600)), at(3_600 * 9 + 12)), Some(at(3_600 * 9)));
        assert_eq!(hourly.due(Some(at(3_600 * 9)), at(3_600 * 9 + 13)), None);
        assert_eq!(hourly.due(Some(at(3_600 * 9)), at(0)), None);
    }

    /// FS-SPEC-5, the older edition.
    #[test]
    fn no_tick_is_later_than_the_end() {
        let params = json!({"startTime": 3_600, "frequency": "hour", "interval": 1, "endTime": "7200"});
        let hourly = Schedule::parse(Some(&params), at(1_000)).expect("it parses");
        assert_eq!(hourly.end, Some(at(7_200)));
        assert_eq!(hourly.next(at(0)), Some(at(3_600)));
        assert_eq!(hourly.next(at(3_600)), Some(at(7_200)));
        assert_eq!(hourly.next(at(7_200)), None);
        assert_eq!(hourly.due(None, at(9_000_000)), Some(at(7_200)), "what was missed is caught up with");
        assert_eq!(hourly.due(Some(at(7_200)), at(9_000_000)), None);
        let between = Schedule { end: Some(at(8_000)), ..hourly };
        assert_eq!((between.next(at(7_200)), between.due(Some(at(3_600)), at(9_000))), (None, Some(at(7_200))));
        let once = json!({"frequency": "once", "endTime": 5});
        assert_eq!(Schedule::parse(Some(&once), at(1_000)).expect("it parses").end, None);
    }

    proptest! {
        #[test]
        fn ticks_are_strictly_later_on_the_grid_and_found_when_due(
            start in 0i64..4_000_000_000, seconds in 1i64..3_000_000, after in -5_000_000_000i64..9_000_000_000, gap in 0i64..50_000_000, millis in 0i64..1000,
        ) {
            let schedule = Schedule { start: at(start), every: Every::Seconds(seconds), end: None, backfill: true };
            let after = at(after) + TimeDelta::milliseconds(millis);
            let next = schedule.next(after).expect("there is always a next tick");
            prop_assert!(next > after);
            prop_assert_eq!((next - schedule.start).num_milliseconds() % (seconds * 1000), 0);
            prop_assert!(next == schedule.start || next - TimeDelta::seconds(seconds) <= after);
            prop_assert_eq!(schedule.due(None, next), Some(next));
            // After a gap there is one tick, it is the latest, and after it there is none.
            let now = next + TimeDelta::seconds(gap);
            let due = schedule.due(Some(after), now).expect("a tick was missed");
            prop_assert!(due >= next && due <= now && now - due < TimeDelta::seconds(seconds));
            prop_assert_eq!(schedule.due(Some(due), now), None);
            prop_assert!(schedule.next(due).expect("there is always a next tick") > now);
        }

        #[test]
        fn no_parameters_panic(start in any::<i64>(), interval in any::<i64>(), text in ".{0,12}", now in 0i64..4_000_000_000) {
            for start in [json!(start), json!(text), json!(start.to_string())] {
                let params = json!({ "startTime": start, "frequency": "minute", "interval": interval });
                if let Ok(schedule) = Schedule::parse(Some(&params), at(now)) {
                    let _ = (schedule.due(None, at(now)), schedule.next(at(now)), schedule.next(schedule.start));
                }
            }
        }
    }
}
