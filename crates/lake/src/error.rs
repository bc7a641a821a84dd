//! How the errors of Delta, object_store and DataFusion become ours: their text goes to the log, never to the caller.

use datafusion::error::DataFusionError;
use forebay_model::error::BoxError;
use forebay_model::{Code, Error, Kind, code};
use std::io;

/// The code of everything that goes wrong between a decoded row and a committed table.
pub(crate) static CODE: &Code = &code::FLOW_1400;

/// `doing` is a sentence for the caller, such as "The lake could not commit to tables/a/b."
pub(crate) fn failed(error: impl Into<BoxError>, doing: impl Into<String>) -> Error {
    let source = error.into();
    let doing = doing.into();
    match cause(source.as_ref()) {
        Cause::Full => Error::new(
            Kind::Unavailable { retry_after: None },
            CODE,
            format!("{doing} Its storage is full."),
        )
        .advice("Free space on the lake's storage, then trigger the run again.")
        .caused_by(source),
        Cause::Storage => Error::new(Kind::Unavailable { retry_after: None }, CODE, doing)
            .advice(
                "The lake's storage failed. Try again; if it goes on, look at the storage itself.",
            )
            .caused_by(source),
        Cause::Other => Error::new(Kind::Internal, CODE, doing).caused_by(source),
    }
}

/// Ours, in the shape that an operator of a plan must return. [`recover`] takes it out again.
pub(crate) fn external(error: Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The error of a plan that ran: ours where one of our operators failed, else a bug.
pub(crate) fn recover(error: DataFusionError, doing: &str) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(ours) => *ours,
            Err(other) => failed(other, doing),
        },
        DataFusionError::Context(_, inner) => recover(*inner, doing),
        other => failed(other, doing),
    }
}

enum Cause {
    Full,
    Storage,
    Other,
}

fn cause(error: &(dyn std::error::Error + 'static)) -> Cause {
    let mut found = Cause::Other;
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            if matches!(
                io.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ) {
                return Cause::Full;
            }
            found = Cause::Storage;
        }
        if error.downcast_ref::<object_store::Error>().is_some() {
            found = Cause::Storage;
        }
        at = error.source();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: impl Into<BoxError>, kind: Kind, message: &str) {
        let error = failed(error, "The lake could not write tables/s/d.");
        assert_eq!(error.kind, kind);
        assert_eq!(error.message, message);
    }

    #[test]
    fn a_full_disk_is_said_and_may_be_tried_again() {
        let full = object_store::Error::Generic {
            store: "folder",
            source: Box::new(io::Error::from(io::ErrorKind::StorageFull)),
        };
        let kind = Kind::Unavailable { retry_after: None };
        check(
            full,
            kind,
            "The lake could not write tables/s/d. Its storage is full.",
        );
    }

    #[test]
    fn a_failing_store_may_be_tried_again() {
        let gone = object_store::Error::Generic {
            store: "s3",
            source: "connection reset".into(),
        };
        check(
            gone,
            Kind::Unavailable { retry_after: None },
            "The lake could not write tables/s/d.",
        );
    }

    #[test]
    fn anything_else_is_our_bug_and_its_text_stays_in_the_log() {
        check(
            "index out of bounds",
            Kind::Internal,
            "The lake could not write tables/s/d.",
        );
    }
}
