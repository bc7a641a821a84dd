//! What every request asks first, kept in memory: who a client is, which sandbox a name means, and the short lists of an
//! organization's own documents.
//!
//! A change through this process is seen by the next request: it forgets everything. What another process over the same
//! database changes is seen after [`LIFE`] at the latest. Of documents only what was found is kept, and never much of anything.

use crate::list::Page;
use forebay_model::{Document, Resource, Scope};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long an answer may be older than the database.
pub const LIFE: Duration = Duration::from_secs(1);
/// More answers than this are not kept.
const MOST: usize = 4_096;

/// A question that is asked again and again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Question {
    /// The client of that id.
    Client(String),
    /// The sandbox of an organization, by its name.
    Sandbox(String, String),
    /// The first so many documents of an organization, newest first.
    First(String, Resource, usize),
    /// Whether the token of that id was revoked.
    Revoked(String),
}

/// Its answer.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Client(Scope, Document),
    Sandbox(Scope),
    First(Arc<Page>),
    Revoked(bool),
}

/// The answers.
#[derive(Default)]
pub(crate) struct Known {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    /// Counts the changes.
    changes: u64,
    answers: HashMap<Question, (Instant, Answer)>,
}

impl Known {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer, if it is known; if not, what [`Known::keep`] wants to know.
    pub(crate) fn ask(&self, question: &Question) -> Result<Answer, u64> {
        let kept = self.kept();
        match kept.answers.get(question) {
            Some((since, answer)) if since.elapsed() < LIFE => Ok(answer.clone()),
            _ => Err(kept.changes),
        }
    }

    /// Keeps an answer that was read after `ask` had none, unless there was a change meanwhile.
    pub(crate) fn keep(&self, question: Question, changes: u64, since: Instant, answer: Answer) {
        let mut kept = self.kept();
        if kept.changes != changes {
            return;
        }
        if kept.answers.len() >= MOST {
            kept.answers.retain(|_, (since, _)| since.elapsed() < LIFE);
        }
        if kept.answers.len() < MOST {
            kept.answers.insert(question, (since, answer));
        }
    }

    /// A document of an organization was changed.
    pub(crate) fn forget(&self) {
        let mut kept = self.kept();
        kept.changes += 1;
        kept.answers.clear();
    }
}
