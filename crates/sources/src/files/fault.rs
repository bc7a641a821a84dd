//! A failed attempt, and what stores of objects have in common in telling one.

use super::Named;
use forebay_model::{Error, Kind, Time, code};
use http::HeaderMap;
use std::time::Duration;

/// The longest `Retry-After` that is believed.
pub(crate) const LONGEST_WAIT: u64 = 3600;

/// A failed attempt.
#[derive(Debug)]
pub(crate) struct Fault {
    /// What the caller is told when this was the last attempt.
    pub(crate) error: Error,
    /// Trying again may help.
    pub(crate) again: bool,
    /// How long the other side asks us to wait.
    pub(crate) retry_after: Option<Duration>,
    /// The region it says the bucket is in.
    pub(crate) region: Option<String>,
    /// The credentials themselves were not accepted.
    pub(crate) sign_in: bool,
}

impl Fault {
    /// A fault that trying again does not mend.
    pub(crate) fn last(error: Error) -> Fault {
        Fault { error, again: false, retry_after: None, region: None, sign_in: false }
    }

    /// A fault that may pass.
    pub(crate) fn passing(error: Error) -> Fault {
        Fault { again: true, ..Fault::last(error) }
    }

    /// A fault of the credentials.
    pub(crate) fn of_sign_in(error: Error) -> Fault {
        Fault { sign_in: true, ..Fault::last(error) }
    }

    /// The gate's own errors: an endpoint that is not allowed stays so, a connection may work the next time.
    pub(crate) fn of_gate(error: Error) -> Fault {
        match error.kind {
            Kind::Unavailable { .. } | Kind::TimedOut => Fault::passing(error),
            _ => Fault::last(error),
        }
    }

    /// With the wait that the answer asks for.
    pub(crate) fn after(mut self, wait: Option<Duration>) -> Fault {
        self.retry_after = wait;
        if let Kind::Unavailable { retry_after } = &mut self.error.kind {
            *retry_after = wait;
        }
        self
    }

    /// The object that was pinned is not there any more as it was.
    pub(crate) fn changed(message: String) -> Fault {
        Fault::last(
            Error::new(Kind::Stale, &code::FLOW_1102, message)
                .advice("Run again: the new content is picked up. Put finished files under a new name."),
        )
    }
}

/// The connection broke in the middle of a body.
pub(crate) fn broken(named: &Named, error: reqwest::Error) -> Fault {
    let (kind, code) = match error.is_timeout() {
        true => (Kind::TimedOut, &code::FLOW_1104),
        false => (Kind::Unavailable { retry_after: None }, &code::FLOW_1103),
    };
    let what = if error.is_timeout() { "went silent" } else { "broke off" };
    let error = Error::new(kind, code, format!("{named}: the answer {what}")).caused_by(error.without_url());
    Fault::passing(error.advice("Try again later, or check the network between this machine and the source."))
}

/// By how much our clock is off, told from the answer's own date: seconds, ours ahead.
pub(crate) fn skew(headers: &HeaderMap, now: Time) -> Option<i64> {
    let theirs = headers.get(http::header::DATE)?.to_str().ok()?;
    let theirs = chrono::DateTime::parse_from_rfc2822(theirs).ok()?;
    Some(now.signed_duration_since(theirs).num_seconds())
}

/// `Retry-After` in seconds or as a date; anything else is no wish.
pub(crate) fn retry_after(headers: &HeaderMap, now: Time) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
            u64::try_from(at.signed_duration_since(now).num_seconds()).ok()?
        }
    };
    Some(Duration::from_secs(seconds.min(LONGEST_WAIT)))
}
