//! How the errors of Delta, object_store and DataFusion become ours: their text goes to the log, never to the caller.

use datafusion::error::DataFusionError;
use deltalake::DeltaTableError;
use forebay_model::error::BoxError;
use forebay_model::{Code, Error, Kind, code};
use std::io;
use std::sync::Arc;

/// The code of everything that goes wrong between a decoded row and a committed table.
pub(crate) static CODE: &Code = &code::CONNECTOR_2001;

/// `doing` is a sentence for the caller, such as "The lake could not commit to tables/a/b."
pub(crate) fn failed(error: impl Into<BoxError>, doing: impl Into<String>) -> Error {
    let source = error.into();
    let cause = cause(source.as_ref());
    told(cause, source, doing.into())
}

/// Where nothing but the storage can fail, whatever the error below looks like: Delta turns some of them into text.
pub(crate) fn unreached(error: impl Into<BoxError>, doing: impl Into<String>) -> Error {
    let source = error.into();
    let cause = match cause(source.as_ref()) {
        Cause::Full => Cause::Full,
        _ => Cause::Storage,
    };
    told(cause, source, doing.into())
}

fn told(cause: Cause, source: BoxError, doing: String) -> Error {
    let again = Kind::Unavailable { retry_after: None };
    match cause {
        Cause::Full => Error::new(again, CODE, format!("{doing} Its storage is full."))
            .advice("Free space on the lake's storage, then trigger the run again.")
            .caused_by(source),
        Cause::Storage => Error::new(again, CODE, doing)
            .advice("The lake's storage failed. Try again; if it goes on, look at the storage itself.")
            .caused_by(source),
        // As a promotion says it: it is the same memory, and the same setting.
        Cause::Memory => {
            Error::new(again, CODE, "the run needs more memory than `run.memory` allows").caused_by(source)
        }
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
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => recover(*inner, doing),
        DataFusionError::Shared(inner) => match Arc::try_unwrap(inner) {
            Ok(inner) => recover(inner, doing),
            Err(shared) => failed(DataFusionError::Shared(shared), doing),
        },
        other => failed(other, doing),
    }
}

enum Cause {
    Full,
    Storage,
    Memory,
    Other,
}

fn cause(error: &(dyn std::error::Error + 'static)) -> Cause {
    let mut found = Cause::Other;
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            if matches!(io.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                return Cause::Full;
            }
            found = Cause::Storage;
        }
        if error.downcast_ref::<object_store::Error>().is_some() {
            found = Cause::Storage;
        }
        if let Some(DataFusionError::ResourcesExhausted(_)) = error.downcast_ref() {
            return Cause::Memory;
        }
        // The kernel keeps what lies beneath to itself; it reads the log and little else.
        if let Some(DeltaTableError::KernelError(_)) = error.downcast_ref() {
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
        check(full, kind, "The lake could not write tables/s/d. Its storage is full.");
    }

    #[test]
    fn a_failing_store_may_be_tried_again() {
        let gone = object_store::Error::Generic { store: "s3", source: "connection reset".into() };
        check(gone, Kind::Unavailable { retry_after: None }, "The lake could not write tables/s/d.");
    }

    #[test]
    fn a_fault_below_that_was_turned_into_text_may_be_tried_again_where_only_storage_can_fail() {
        let error = unreached("the store is dead", "The lake could not commit.");
        assert_eq!(error.kind, Kind::Unavailable { retry_after: None });
    }

    #[test]
    fn anything_else_is_our_bug_and_its_text_stays_in_the_log() {
        check("index out of bounds", Kind::Internal, "The lake could not write tables/s/d.");
    }

    #[test]
    fn a_sort_without_room_may_be_tried_again_and_says_which_setting_it_is() {
        let full = || DataFusionError::ResourcesExhausted("no room for 3 MB".into());
        let shared = Arc::new(full().context("merging"));
        for error in [full(), full().context("sorting"), DataFusionError::Shared(shared.clone())] {
            let error = recover(error, "The keys could not be sorted.");
            assert_eq!(error.kind, Kind::Unavailable { retry_after: None });
            assert_eq!(error.message, "the run needs more memory than `run.memory` allows");
        }
    }

    #[test]
    fn our_error_survives_the_engine() {
        let ours = Error::new(Kind::Stale, CODE, "The object has changed.");
        let wrapped = DataFusionError::Shared(Arc::new(external(ours).context("while reading")));
        assert_eq!(recover(wrapped, "The keys could not be sorted.").message, "The object has changed.");
    }
}
