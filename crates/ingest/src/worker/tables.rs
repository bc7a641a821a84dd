//! What a run of a table does that a run of files does not: it copies before it promotes, and what it leaves to the flow's
//! next run depends on how it ends (`docs/adr/0009`).

use super::{Record, Worker, cursor};
use crate::copy::{self, Carried, Copied, Copy};
use crate::outcome::Outcome;
use crate::plan::Plan;
use crate::promote::Progress;
use crate::raw;
use crate::setup::Setup;
use crate::story;
use forebay_lake::layout;
use forebay_model::files::Part;
use forebay_model::run::trace::Step;
use forebay_model::{Error, Kind, Result, code};
use forebay_sources::Remote;
use forebay_sources::tables::Rows;
use forebay_store::Claim;
use futures::TryStreamExt;
use object_store::path::Path;
use serde_json::json;
use std::sync::Arc;
use tracing::warn;

fn parts_of(record: &Record) -> &[Part] {
    &record.plan.parts
}

impl Worker {
    /// Lands what is new in a table, from the last checkpoint on.
    pub(super) async fn copy(
        &self,
        claim: &Claim,
        setup: &Setup,
        rows: &Rows,
        remote: &Remote,
        record: &mut Option<Record>,
        progress: Arc<Progress>,
    ) -> Result<()> {
        let mut new = match record.take() {
            Some(record) if !record.failed => record,
            before => {
                let new = self.start(claim, setup, before.as_ref()).await?;
                self.save(claim, &new).await?;
                new
            }
        };
        let mut copied = new.copied.take().unwrap_or_default();
        let copying = !copied.done;
        let journal = &progress.journal;
        if !parts_of(&new).is_empty() || !copying {
            let fields = json!({ "segments": parts_of(&new).len(), "landed": copied.landed });
            journal.info(format!("goes on with {} records that were landed before", copied.landed), fields);
        }
        let mut parts = std::mem::take(&mut new.plan.parts);
        let mut done = Ok(());
        if copying {
            journal.begin(Step::Copy);
            let copy = Copy {
                store: &self.store,
                lake: &self.lake,
                claim,
                remote,
                rows,
                deletes: setup.key.is_some(),
                every: self.settings.checkpoint,
                times: new.times,
                progress: progress.clone(),
                clock: self.clock,
            };
            done = copy.run(&mut copied, &mut parts).await;
        }
        if copying {
            let fields = json!({ "landed": copied.landed, "known": copied.known, "leftOut": copied.left_out,
                "unread": copied.unread, "bytes": copied.bytes, "segments": parts.len() });
            let Copied { landed, known, left_out, unread, .. } = copied;
            let much = crate::journal::bytes(copied.bytes);
            let so_far = if done.is_ok() { "copied" } else { "copied so far" };
            journal.info(
                format!("{so_far} {}: {landed} records landed, {known} known already, {left_out} left out, {unread} unreadable, {much}", rows.table),
                fields,
            );
        }
        if copying && done.is_ok() {
            new.times.copy_ended = (self.clock)().timestamp_millis();
            journal.end(Step::Copy);
        }
        new.plan.parts = parts;
        new.copied = Some(copied);
        *record = Some(new);
        done
    }

    /// Where a run of a table begins: at the flow's cursor, with what a failed run has left; a run that was re-triggered, and
    /// one that replays another, at what was landed for it.
    async fn start(&self, claim: &Claim, setup: &Setup, before: Option<&Record>) -> Result<Record> {
        let began = (self.clock)();
        let times = story::Times { copy_started: began.timestamp_millis(), ..story::Times::default() };
        let carried = copy::cursor(claim)?.carried;
        let taken_over = before.is_some_and(|b| b.copied.as_ref().is_some_and(|copied| copied.cursor.is_some()))
            && carried.as_ref().is_none_or(|carried| carried.run != claim.run.id);
        let carried = match carried {
            Some(carried) if raw::are_there(&self.lake, &carried.parts).await? => Some(carried),
            // They have expired: what they held is read from the source once more.
            _ => None,
        };
        let replayed = match claim.params["replayOf"].as_str() {
            Some(run) => Some(self.landed(claim, run).await?),
            None => before.filter(|b| b.owned).map(|b| b.plan.parts.clone()),
        };
        let (mut parts, mut copied, owned) = match (replayed, carried) {
            (Some(parts), _) => (parts, Copied { done: true, again: true, ..Copied::default() }, true),
            // Its own segments: as far as it came.
            (None, Some(carried)) if carried.run == claim.run.id => (carried.parts, carried.copied, false),
            // A later run has taken over what it had landed.
            (None, _) if taken_over => (Vec::new(), Copied { done: true, again: true, ..Copied::default() }, false),
            (None, Some(carried)) => (carried.parts, Copied { done: false, ..carried.copied }, false),
            (None, None) => (Vec::new(), Copied::default(), false),
        };
        if owned && setup.key.is_some() {
            copied.left_out = copy::revive(&self.lake, claim, &mut parts, began).await?;
        }
        for (id, part) in parts.iter_mut().enumerate() {
            part.id = id as u32;
        }
        Ok(Record { plan: Plan { parts, watermark: None }, copied: Some(copied), owned, times, ..Record::default() })
    }

    /// The segments that another run has landed.
    async fn landed(&self, claim: &Claim, run: &str) -> Result<Vec<Part>> {
        let plan = self.store.plan(&claim.scope, run).await?;
        let record: Option<Record> = plan.and_then(|plan| serde_json::from_value(plan).ok());
        match record {
            Some(record) if record.copied.is_some() => Ok(record.plan.parts),
            _ => Err(Error::new(
                Kind::Refused,
                &code::FLOW_1422,
                format!("the run {run} has landed no pages that could be replayed"),
            )),
        }
    }

    /// The flow's cursor after a run that has committed; none leaves it.
    pub(super) fn next(&self, claim: &Claim, record: &Record) -> Result<Option<serde_json::Value>> {
        let next = match &record.copied {
            None => serde_json::to_value(cursor(claim)?.committed(&record.plan, self.settings.overlap)),
            Some(copied) if copied.again => return Ok(None),
            Some(copied) => serde_json::to_value(copy::cursor(claim)?.after(copied)),
        };
        Ok(Some(next.expect("a cursor is plain data")))
    }

    /// The flow's cursor after a run that has failed; none leaves it.
    pub(super) fn left(
        &self,
        claim: &Claim,
        record: &mut Record,
        outcome: Outcome,
    ) -> Result<Option<serde_json::Value>> {
        let by_data = outcome == Outcome::FailedByData;
        let left = match &record.copied {
            None if by_data => serde_json::to_value(cursor(claim)?.failed(&record.plan, self.settings.overlap)),
            None => return Ok(None),
            Some(copied) if copied.again => return Ok(None),
            Some(copied) if by_data && copied.done => {
                record.owned = true;
                serde_json::to_value(copy::cursor(claim)?.after(copied))
            }
            Some(copied) if copied.cursor.is_none() => return Ok(None),
            Some(copied) => {
                let (run, parts) = (claim.run.id.clone(), record.plan.parts.clone());
                let carried = Carried { run, parts, copied: copied.clone() };
                serde_json::to_value(copy::Cursor { carried: Some(carried), ..copy::cursor(claim)? })
            }
        };
        Ok(Some(left.expect("a cursor is plain data")))
    }

    /// Takes away the flow's ledgers but the one it has and the one it is about to have. They are listed before the claim is
    /// seen to be held: so nothing of whoever takes the run over can be among them.
    pub(super) async fn prune_ledgers(&self, claim: &Claim, record: &Record) -> Result<()> {
        let Some(new) = record.copied.as_ref().and_then(|copied| copied.ledger.clone()) else { return Ok(()) };
        let keep: Vec<String> = copy::cursor(claim)?.ledger.into_iter().chain([new]).collect();
        let folder = layout::ledgers(&claim.scope.sandbox, &claim.flow.id);
        let listed: object_store::Result<Vec<String>> = self
            .lake
            .store()
            .list(Some(&Path::from(folder.as_str())))
            .map_ok(|meta| meta.location.to_string())
            .try_collect()
            .await;
        let Ok(listed) = listed.inspect_err(|e| warn!(error = %e, folder, "the flow's ledgers could not be listed"))
        else {
            return Ok(());
        };
        if !self.store.renew(claim, (self.clock)(), self.settings.lease).await? {
            return Err(Error::new(Kind::Conflict, &code::FLOW_1422, "the claim was taken over"));
        }
        let stale: Vec<String> = listed.into_iter().filter(|path| !keep.contains(path)).collect();
        self.discard(&stale).await;
        Ok(())
    }
}
