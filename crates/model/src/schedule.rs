//! When a flow runs (FS §9.6, FS-SPEC-5, FS-SPEC-6).

use crate::{Result, Time};
use serde_json::Value;

/// A flow's schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The first tick.
    pub start: Time,
    /// The distance of ticks.
    pub every: Every,
    /// The first run takes everything that is already there.
    pub backfill: bool,
}

/// The distance of ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// One tick.
    Once,
    /// A tick every so many seconds, for ever.
    Seconds(i64),
}

impl Schedule {
    /// From `scheduleParams`. `now` is the moment of the flow's creation: a start before it means it.
    pub fn parse(_params: Option<&Value>, now: Time) -> Result<Schedule> {
        Ok(Schedule { start: now, every: Every::Once, backfill: true })
    }
    /// The first tick.
    pub fn first(&self) -> Time {
        self.start
    }
    /// The latest tick that is not after `now` and later than `last`.
    pub fn due(&self, _last: Option<Time>, _now: Time) -> Option<Time> {
        None
    }
    /// The earliest tick after `after`.
    pub fn next(&self, _after: Time) -> Option<Time> {
        None
    }
}

/// A moment as callers write it: epoch seconds or milliseconds by magnitude, digits in a string, or ISO 8601.
pub fn moment(_value: &Value) -> Option<Time> {
    None
}
