//! The three limits: ten seconds rolling, searches a second, and the account's day.

use super::config::Limits;
use super::wire::Failure;
use std::collections::VecDeque;

/// The account's time zone is five hours behind UTC.
const ZONE: i64 = 5 * 3_600_000;

/// What was let through, in milliseconds of the clock that counts.
#[derive(Default)]
pub(super) struct Windows {
    burst: VecDeque<i64>,
    search: VecDeque<i64>,
    day: i64,
    pub today: u32,
}

fn expire(window: &mut VecDeque<i64>, before: i64) {
    while window.front().is_some_and(|at| *at <= before) {
        window.pop_front();
    }
}

impl Windows {
    /// Lets a request through, or says which limit it broke. `real` is real or virtual time, by switch; `now` is the
    /// virtual clock, which ends days.
    pub fn admit(&mut self, limits: &Limits, search: bool, in_burst: bool, real: i64, now: i64) -> Option<Policy> {
        let day = (now - ZONE).div_euclid(86_400_000);
        if day != self.day {
            self.day = day;
            self.today = 0;
        }
        expire(&mut self.burst, real - 10_000);
        expire(&mut self.search, real - 1_000);
        let full = |most: Option<u32>, count: usize| most.is_some_and(|most| count >= most as usize);
        let broken = if limits.daily.is_some_and(|most| self.today >= most) {
            Some(Policy::Daily)
        } else if search && full(limits.search, self.search.len()) {
            Some(Policy::Secondly)
        } else if in_burst && full(limits.burst, self.burst.len()) {
            Some(Policy::TenSecondly)
        } else {
            None
        };
        if broken.is_none() || limits.refused_count {
            if in_burst && limits.burst.is_some() {
                self.burst.push_back(real);
            }
            if search && limits.search.is_some() {
                self.search.push_back(real);
            }
        }
        if broken.is_none() {
            self.today += 1;
        }
        broken
    }

    /// What is left of the ten seconds.
    pub fn remaining(&self, limits: &Limits) -> u32 {
        limits.burst.unwrap_or(UNLIMITED).saturating_sub(self.burst.len() as u32)
    }

    /// How full the windows are: ten seconds, one second, the day.
    pub fn levels(&self) -> (usize, usize, u32) {
        (self.burst.len(), self.search.len(), self.today)
    }
}

/// What headers say where nothing is enforced.
pub(super) const UNLIMITED: u32 = 1_000_000;

/// Which limit was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Policy {
    /// `TEN_SECONDLY_ROLLING`.
    TenSecondly,
    /// `SECONDLY`.
    Secondly,
    /// `DAILY`.
    Daily,
}

impl Policy {
    /// The answer, as the service words it.
    pub(super) fn failure(self, portal: u64, named: bool, retry_after: Option<u64>) -> Failure {
        let (message, name) = match self {
            Policy::TenSecondly => ("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING"),
            Policy::Secondly => ("You have reached your secondly limit.", "SECONDLY"),
            Policy::Daily => ("You have reached your daily limit.", "DAILY"),
        };
        let mut extra = vec![("errorType", "RATE_LIMIT".to_string())];
        if named {
            extra.push(("policyName", name.to_string()));
            extra.push(("groupName", format!("publicapi:private-apps:calls:{portal}")));
        }
        let headers = retry_after.map(|seconds| ("retry-after", seconds.to_string())).into_iter().collect();
        Failure { extra, headers, ..Failure::plain(429, message) }
    }
}
