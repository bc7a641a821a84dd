//! Pauses between attempts: they double, chance shortens them, and the other side's `Retry-After` is honoured.

use crate::Patience;
use std::time::Duration;

/// How far one call, or one stretch of a body without progress, has got with its patience.
#[derive(Debug)]
pub(crate) struct Pauses {
    patience: Patience,
    taken: u32,
    spent: Duration,
}

impl Pauses {
    pub(crate) fn new(patience: Patience) -> Pauses {
        Pauses { patience, taken: 0, spent: Duration::ZERO }
    }

    /// How long to wait before the next attempt; `None` when it is time to give up. `chance` is from 0 to 1.
    pub(crate) fn next(&mut self, retry_after: Option<Duration>, chance: f64) -> Option<Duration> {
        if self.taken + 1 >= self.patience.attempts {
            return None;
        }
        let doubled = self.patience.first.saturating_mul(1 << self.taken.min(20)).min(self.patience.longest);
        // Between half and all of it, so that many callers do not come back together.
        let own = doubled.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0);
        let pause = retry_after.map_or(own, |asked| asked.max(own));
        if self.spent + pause > self.patience.budget {
            return None;
        }
        self.taken += 1;
        self.spent += pause;
        Some(pause)
    }
}

/// A number from 0 to 1.
pub(crate) fn chance() -> f64 {
    getrandom::u32().map_or(0.5, |bits| f64::from(bits) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(asked: &[Option<u64>], chance: f64, expected: &[u64]) {
        let patience = Patience {
            attempts: 5,
            first: Duration::from_secs(1),
            longest: Duration::from_secs(3),
            budget: Duration::from_secs(40),
        };
        let mut pauses = Pauses::new(patience);
        let mut got = Vec::new();
        for asked in asked {
            match pauses.next(asked.map(Duration::from_secs), chance) {
                Some(pause) => got.push(pause.as_millis() as u64),
                None => break,
            }
        }
        assert_eq!(got, expected);
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_end_with_the_attempts() {
        check(&[None; 9], 1.0, &[1000, 2000, 3000, 3000]);
    }

    #[test]
    fn chance_shortens_a_pause_by_half_at_most() {
        check(&[None; 9], 0.0, &[500, 1000, 1500, 1500]);
    }

    #[test]
    fn a_longer_retry_after_wins_and_one_past_the_budget_ends_it() {
        check(&[Some(30), None, Some(30)], 1.0, &[30_000, 2000]);
    }
}
