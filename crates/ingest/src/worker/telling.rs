//! What a worker tells of a run: lines of its log at the moments that matter to an operator, its figures, and the columns
//! that it has met. Nothing here decides anything.

use super::Worker;
use crate::journal::{Journal, bytes};
use crate::outcome::Outcome;
use crate::plan::{LeftOut, Plan};
use crate::promote::{Progress, Promoted};
use crate::story;
use forebay_lake::Committed;
use forebay_model::run::trace::{Ended, Step};
use forebay_model::{Error, Kind, Result, Time, cause, code};
use forebay_store::{Claim, Met, Told};
use serde_json::{Value, json};
use std::time::Duration;
use tracing::warn;

/// New columns that a line names.
const NAMED: usize = 20;

/// The end of a run that somebody has asked for.
pub(super) fn cancelled(by: &str) -> Error {
    Error::new(Kind::Refused, &code::RUN_CANCELLED, format!("The run was cancelled by {by}. Nothing of it was stored."))
        .advice("The flow's next run covers what this one was to cover; trigger the run again to have it done now.")
}

/// What a run reads, and what of the listing it does not.
pub(super) fn planned(journal: &Journal, claim: &Claim, plan: &Plan, left_out: Option<LeftOut>) {
    let (count, size) = (plan.parts.len(), plan.parts.iter().map(|part| part.object.size).sum());
    let mut message = format!("planned {count} objects, {}", bytes(size));
    let side = |time: Option<Time>, open: &str| time.map_or(open.to_string(), |time| time.to_rfc3339());
    let window = [side(claim.window.start, "the beginning"), side(claim.window.end, "now")];
    message.push_str(&format!("; window from {} to {}", window[0], window[1]));
    let mut fields = json!({ "objects": count, "bytes": size, "window": window });
    match left_out {
        None => message.push_str("; the plan was made before"),
        Some(left_out) => {
            let LeftOut { known, old, outside } = left_out;
            for (number, why) in [
                (known, "that other runs took or that wait for one to be re-triggered"),
                (old, "that are older than the last listing by more than the overlap"),
                (outside, "outside of the window, or from before the flow"),
            ] {
                if number > 0 {
                    message.push_str(&format!("; skipped {number} {why}"));
                }
            }
            fields["skipped"] = json!({ "known": known, "old": old, "outside": outside });
        }
    }
    journal.info(message, fields);
}

/// Rows were rejected, and no more than may be.
pub(super) fn judged(journal: &Journal, rejected: u64, percent: f64, allowed: Option<f64>) {
    if let Some(allowed) = allowed.filter(|_| rejected > 0) {
        let fields = json!({ "rejected": rejected, "percent": percent, "allowed": allowed });
        journal.warn(
            format!("{rejected} rows were rejected ({percent:.2} %), {allowed} % may be: the others are stored"),
            fields,
        );
    }
}

/// The rows are in the table.
pub(super) fn committed(journal: &Journal, committed: &Committed, promoted: &Promoted) {
    journal.end(Step::Commit);
    if committed.already {
        journal.info("an earlier attempt had committed these rows", Value::Null);
        return;
    }
    journal.committed(committed.version);
    let fields = json!({ "version": committed.version, "rows": promoted.written, "files": promoted.files.len() });
    journal.info(format!("committed version {} of the table", committed.version), fields);
}

impl Worker {
    /// A run was claimed.
    pub(super) fn claimed(&self, claim: &Claim, journal: &Journal) {
        let (attempt, most) = (claim.attempt, self.settings.attempts);
        let fields = json!({ "attempt": attempt, "attempts": most, "worker": claim.worker, "epoch": claim.epoch });
        let again = if claim.retrigger { "; the run was triggered again" } else { "" };
        journal.info(format!("claimed by {}: attempt {attempt} of {most}{again}", claim.worker), fields);
        let before = claim.trace.attempts.iter().rev().nth(1).filter(|before| before.outcome == Some(Ended::Lost));
        if let Some(before) = before {
            let fields = json!({ "worker": before.worker, "epoch": before.epoch });
            journal.warn(format!("taken over from {}, which did not renew its lease", before.worker), fields);
        }
    }

    /// Writes what there is to tell; if the run has moved, its figures too.
    pub(super) async fn tell(&self, claim: &Claim, progress: &Progress, moved: bool) -> Result<()> {
        let now = (self.clock)();
        let figures = progress.figures(now);
        let mut told = progress.journal.drain();
        if moved {
            progress.journal.pulse(&figures);
            told.patch = Some(story::in_progress(claim, &figures, now));
            told.progress = Some(figures);
        }
        let kept = Told { patch: None, progress: None, ..told.clone() };
        self.store.tell(claim, told, now).await.inspect_err(|_| progress.journal.put_back(kept))
    }

    /// The worker is shut down: the run is given back.
    pub(super) async fn stopped(&self, claim: &Claim, progress: &Progress) {
        progress.journal.info(format!("{} is shut down: the run is given back", claim.worker), Value::Null);
        if let Err(e) = self.tell(claim, progress, false).await {
            warn!(error = %e, "the run's log could not be written");
        }
        if let Err(e) = self.store.release(claim, (self.clock)()).await {
            warn!(error = %e, "the claim could not be given back; it expires");
        }
    }

    /// All rows are read and written.
    pub(super) fn promoted(&self, promoted: &Promoted, progress: &Progress) {
        progress.figures((self.clock)());
        progress.journal.end(Step::Read);
        let Promoted { records, written, rejected, warned, .. } = promoted;
        let fields = json!({ "records": records, "written": written, "rejected": rejected, "warned": warned,
            "bytes": promoted.bytes_out });
        progress.journal.info(
            format!("read {records} records: {written} written, {rejected} rejected, {warned} with warnings"),
            fields,
        );
    }

    /// The last of a run that succeeded.
    pub(super) fn last(&self, progress: &Progress, promoted: &Promoted) -> Told {
        let figures = progress.figures((self.clock)());
        progress.journal.info(
            format!("the run succeeded: {} records, {} rejected", promoted.records, promoted.rejected),
            json!({ "records": promoted.records, "written": promoted.written, "rejected": promoted.rejected }),
        );
        Told { progress: Some(figures), ..progress.journal.drain() }
    }

    /// The last of a run that failed, or was cancelled: what, where, why, and what to do.
    pub(super) fn failed(&self, progress: &Progress, error: &Error, outcome: Outcome) -> Told {
        let figures = progress.figures((self.clock)());
        let mut fields = json!({ "code": error.code.id, "title": error.code.title, "why": error.message });
        let at = error.at.as_ref().map(|at| at.to_string());
        fields["where"] = json!(at);
        fields["do"] = json!(error.advice);
        let place = at.map(|at| format!(" ({at})")).unwrap_or_default();
        let advice = error.advice.as_ref().map(|advice| format!(" {advice}")).unwrap_or_default();
        if error.code == &code::RUN_CANCELLED {
            progress.journal.warn(format!("{}{advice}", error.message), fields);
        } else {
            let left = match outcome {
                Outcome::FailedByData => " What it read waits for the run to be triggered again.",
                _ => " The flow's next run covers what this one was to cover.",
            };
            let message = format!("the run failed: {}: {}{place}.{advice}{left}", error.code.id, error.message);
            progress.journal.say(forebay_model::run::trace::Level::Error, message, fields);
        }
        Told { progress: Some(figures), cause: Some(cause::told(error)), ..progress.journal.drain() }
    }

    /// Gives the run back after an error, to be tried again.
    pub(super) async fn try_again(
        &self,
        claim: &Claim,
        progress: &Progress,
        error: &Error,
        gap: Duration,
    ) -> Result<()> {
        let now = (self.clock)();
        let (attempt, most) = (claim.attempt, self.settings.attempts);
        let next = now + gap;
        let fields = json!({ "code": error.code.id, "attempt": attempt, "attempts": most, "nextAt": next.timestamp_millis(),
            "waitMs": gap.as_millis() as u64 });
        let message = match error.kind {
            Kind::TooMany { retry_after: Some(_) } => {
                format!("the source asked for a pause: {}; the run goes on in {} s", error.message, gap.as_secs())
            }
            _ => format!(
                "attempt {attempt} of {most} met an error: {}: {}; it is tried again in {} s",
                error.code.id,
                error.message,
                gap.as_secs()
            ),
        };
        progress.journal.warn(message, fields);
        let figures = progress.figures(now);
        let told = Told { progress: Some(figures), cause: Some(cause::told(error)), ..progress.journal.drain() };
        self.store.retry(claim, next, told, error.message.to_string(), now).await
    }

    /// Notes the columns that the run has met. That fails nothing.
    pub(super) async fn note_columns(&self, claim: &Claim, progress: &Progress) {
        let (columns, mapped) = progress.met.columns();
        if columns.is_empty() {
            return;
        }
        let met = columns.into_iter().map(|(name, column)| Met {
            name,
            kind: column.kind.unwrap_or("string").to_string(),
            sample: column.sample,
        });
        let met: Vec<Met> = met.collect();
        let policy = self.store.schema_policy(&claim.scope, &claim.flow.id).await.unwrap_or_default();
        let propagates = policy == "propagate" && self.columns.is_some();
        match self.store.meet_columns(claim, &met, &mapped, (self.clock)()).await {
            Ok(_) if propagates => self.propagate(claim, progress).await,
            Ok(new) if new.is_empty() => {}
            Ok(new) => {
                let more = if new.len() > NAMED { ", …" } else { "" };
                let names = new[..new.len().min(NAMED)].join(", ");
                progress.journal.warn(
                    format!("the source has {} new columns, which are not mapped: {names}{more}", new.len()),
                    json!({ "columns": &new[..new.len().min(NAMED)], "count": new.len() }),
                );
                if policy == "pause" {
                    let message = "the flow is disabled: its policy is to pause when the source has new columns";
                    progress.journal.warn(message, Value::Null);
                }
            }
            Err(e) => warn!(error = %e, source = ?e.source, "the columns that the run has met could not be noted"),
        }
    }

    /// Has the columns that wait taken over, those of earlier runs too. That fails nothing: what was not done, the next run
    /// does.
    async fn propagate(&self, claim: &Claim, progress: &Progress) {
        let Some(columns) = &self.columns else { return };
        let (scope, flow) = (&claim.scope, claim.flow.id.as_str());
        // The claim is ours, and for long enough: nobody else takes them over meanwhile.
        match self.store.renew(claim, (self.clock)(), self.settings.lease).await {
            Ok(true) => {}
            _ => return,
        }
        match columns.propagate(scope, flow).await {
            Ok((taken, left)) => {
                let count = taken.len();
                if count > 0 {
                    let more = if count > NAMED { ", …" } else { "" };
                    let names = taken[..count.min(NAMED)].join(", ");
                    let what = if count == 1 { "one new column" } else { "new columns" };
                    progress.journal.info(
                        format!("took over {what} of the source, which the next run fills: {names}{more}"),
                        json!({ "columns": &taken[..count.min(NAMED)], "count": count }),
                    );
                }
                for (name, reason) in left.iter().take(NAMED) {
                    let message = format!("the new column {name} waits for a decision: {reason}");
                    progress.journal.warn(message, json!({ "column": name }));
                }
            }
            Err(e) => {
                warn!(error = %e, source = ?e.source, "the new columns could not be taken over");
                let message =
                    format!("the new columns could not be taken over; the next run tries again: {}", e.message);
                progress.journal.warn(message, json!({ "code": e.code.id }));
            }
        }
    }
}
