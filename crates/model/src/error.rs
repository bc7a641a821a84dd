//! One error type for the whole program. `kind` is for programs, `code`, `message`, `at` and `advice` are for the
//! caller, `source` is for the log. A foreign error becomes ours only by [`Context::context`].

use crate::code::{self, Code};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// What this program's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error below ours; it goes to the log and never to the caller.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What failed, for the two places that act on it: the HTTP renderer and the outcome of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The caller's input is wrong.
    Invalid,
    /// Nobody we know.
    Unauthenticated,
    /// Known, and not allowed.
    Forbidden,
    /// There is no such thing in the caller's scope.
    NotFound,
    /// The input exceeds a limit.
    TooLarge,
    /// It exists already, or is still in use.
    Conflict,
    /// The etag is not the current one.
    Stale,
    /// The remote system said no; trying again will not help.
    Refused,
    /// The remote system asks for fewer calls.
    TooMany {
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// Trying again may help.
    Unavailable {
        /// How long it asks us to wait.
        retry_after: Option<Duration>,
    },
    /// No answer in time.
    TimedOut,
    /// Our bug.
    Internal,
}

/// Where in the caller's input the fault lies.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase", untagged)]
pub enum Place {
    /// A JSON pointer into the request's body.
    Pointer {
        /// RFC 6901 text, such as `/auth/params/s3AccessKey`.
        pointer: String,
    },
    /// Characters of an expression, a filter or a header.
    Span {
        /// First character, from 0.
        start: usize,
        /// One past the last character.
        end: usize,
    },
    /// A place in a file of a source.
    File {
        /// The object's key as the source names it.
        file: String,
        /// Physical line, from 1 (row number in formats without lines).
        line: Option<u64>,
        /// Column name.
        column: Option<String>,
    },
}

impl Place {
    /// A place in the request's body.
    pub fn pointer(pointer: impl Into<String>) -> Place {
        Place::Pointer { pointer: pointer.into() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Pointer { pointer } => write!(f, "{pointer}"),
            Place::Span { start, end } => write!(f, "characters {start} to {end}"),
            Place::File { file, line, column } => {
                write!(f, "{file}")?;
                if let Some(line) = line {
                    write!(f, " line {line}")?;
                }
                if let Some(column) = column {
                    write!(f, " column {column}")?;
                }
                Ok(())
            }
        }
    }
}

/// An error of this program.
#[derive(Debug)]
pub struct Error {
    /// For programs.
    pub kind: Kind,
    /// The contract's code.
    pub code: &'static Code,
    /// What failed and why, in the caller's words.
    pub message: Cow<'static, str>,
    /// Where in the caller's input.
    pub at: Option<Place>,
    /// What to do about it.
    pub advice: Option<Cow<'static, str>>,
    /// For the log.
    pub source: Option<BoxError>,
}

impl Error {
    /// An error with no place, advice or source yet.
    pub fn new(kind: Kind, code: &'static Code, message: impl Into<Cow<'static, str>>) -> Error {
        Error { kind, code, message: message.into(), at: None, advice: None, source: None }
    }

    /// A bug of ours. The message goes to the caller, so it holds no insides.
    pub fn internal(message: impl Into<Cow<'static, str>>) -> Error {
        Error::new(Kind::Internal, &code::FLOW_1400, message)
    }

    /// Says where in the caller's input the fault lies.
    pub fn at(mut self, place: Place) -> Error {
        self.at = Some(place);
        self
    }

    /// Says what the caller can do.
    pub fn advice(mut self, advice: impl Into<Cow<'static, str>>) -> Error {
        self.advice = Some(advice.into());
        self
    }

    /// Keeps what lies beneath, for the log.
    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Error {
        self.source = Some(source.into());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.id, self.message)?;
        if let Some(at) = &self.at {
            write!(f, " (at {at})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|s| s.as_ref() as &(dyn std::error::Error + 'static))
    }
}

/// Turns a foreign error into ours, and says what we were doing.
pub trait Context<T> {
    /// `message` is for the caller; the foreign error's text goes to the log only.
    fn context(self, kind: Kind, code: &'static Code, message: impl Into<Cow<'static, str>>) -> Result<T>;
}

impl<T, E: Into<BoxError>> Context<T> for std::result::Result<T, E> {
    fn context(self, kind: Kind, code: &'static Code, message: impl Into<Cow<'static, str>>) -> Result<T> {
        self.map_err(|e| Error::new(kind, code, message).caused_by(e))
    }
}
