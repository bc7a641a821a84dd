//! What a failure means for its run: wait, try again, or end it. The one place of this crate that matches on
//! [`Kind`], and the one that finds our error inside the engine's.

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use forebay_model::{Error, Kind, code};
use std::time::Duration;

/// What to do with a run that met an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Give the run back and claim it again after this long.
    Retry(Duration),
    /// As [`Outcome::Retry`], and list anew: what was pinned is not there any more.
    Replan(Duration),
    /// End it as failed; what it read is to blame. Its objects wait for a re-trigger.
    FailedByData,
    /// End it as failed; something outside is to blame. The next run takes its objects.
    FailedByOutside,
    /// Another holder has the run. Leave everything as it is.
    Lost,
}

/// Gaps between attempts without progress.
const GAPS: [Duration; 4] =
    [Duration::from_secs(10), Duration::from_secs(30), Duration::from_secs(90), Duration::from_secs(270)];

/// Decides. `attempt` counts claims of the run from 1; `attempts` is how many there may be.
pub fn of(error: &Error, attempt: u32, attempts: u32) -> Outcome {
    let gap = GAPS[(attempt.max(1) as usize - 1).min(GAPS.len() - 1)];
    let again = attempt < attempts;
    match error.kind {
        // The source says when it has room for us again: to wait for that is no failed attempt.
        Kind::TooMany { retry_after: Some(wait) } => Outcome::Retry(wait),
        Kind::TooMany { retry_after } | Kind::Unavailable { retry_after } if again => {
            Outcome::Retry(retry_after.unwrap_or(gap))
        }
        Kind::TimedOut if again => Outcome::Retry(gap),
        Kind::Stale if again => Outcome::Replan(Duration::from_secs(1)),
        Kind::Conflict => Outcome::Lost,
        Kind::Invalid | Kind::TooLarge => Outcome::FailedByData,
        Kind::TooMany { .. } | Kind::Unavailable { .. } | Kind::TimedOut | Kind::Stale => Outcome::FailedByOutside,
        Kind::Unauthenticated | Kind::Forbidden | Kind::NotFound | Kind::Refused | Kind::Internal => {
            Outcome::FailedByOutside
        }
    }
}

/// Our error out of the engine's. The engine wraps what our operators return; anything else is the engine's own.
pub fn ours(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(error) => *error,
            Err(inner) => match inner.downcast::<DataFusionError>() {
                Ok(inner) => ours(*inner),
                Err(inner) => Error::internal("the engine failed while it read or wrote").caused_by(inner),
            },
        },
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => ours(*inner),
        DataFusionError::ArrowError(inner, _) => match *inner {
            ArrowError::ExternalError(inner) => ours(DataFusionError::External(inner)),
            other => Error::internal("the engine failed on a record batch").caused_by(other),
        },
        DataFusionError::Shared(inner) => match std::sync::Arc::try_unwrap(inner) {
            Ok(inner) => ours(inner),
            Err(shared) => Error::internal(format!(
                "the engine failed: {}",
                shared.strip_backtrace().lines().next().unwrap_or_default()
            ))
            .caused_by(shared),
        },
        DataFusionError::ObjectStore(inner) => {
            Error::new(Kind::Unavailable { retry_after: None }, &code::CONNECTOR_2001, "the lake's storage failed")
                .caused_by(inner)
        }
        DataFusionError::ResourcesExhausted(why) => Error::new(
            Kind::Unavailable { retry_after: None },
            &code::CONNECTOR_2001,
            "the run needs more memory than `run.memory` allows",
        )
        .caused_by(why),
        other => Error::internal("the engine failed").caused_by(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: Kind, attempt: u32, expected: Outcome) {
        assert_eq!(of(&Error::new(kind, &code::FLOW_1102, "x"), attempt, 5), expected);
    }

    #[test]
    fn trouble_at_the_source_is_tried_again_with_growing_gaps_and_then_ends_the_run() {
        check(Kind::Unavailable { retry_after: None }, 1, Outcome::Retry(GAPS[0]));
        check(Kind::TimedOut, 4, Outcome::Retry(GAPS[3]));
        check(Kind::TimedOut, 5, Outcome::FailedByOutside);
    }

    #[test]
    fn retry_after_is_obeyed() {
        let wait = Duration::from_secs(7);
        check(Kind::TooMany { retry_after: Some(wait) }, 1, Outcome::Retry(wait));
    }

    #[test]
    fn an_object_that_changed_is_listed_anew() {
        check(Kind::Stale, 1, Outcome::Replan(Duration::from_secs(1)));
    }

    #[test]
    fn a_refusal_is_not_tried_again() {
        check(Kind::Refused, 1, Outcome::FailedByOutside);
        check(Kind::Invalid, 1, Outcome::FailedByData);
        check(Kind::Conflict, 1, Outcome::Lost);
    }

    #[test]
    fn our_error_survives_the_engine() {
        let wrapped =
            DataFusionError::External(Box::new(Error::new(Kind::Invalid, &code::FLOW_1102, "gzip ends early")))
                .context("while reading");
        assert_eq!(ours(wrapped).message, "gzip ends early");
    }
}
