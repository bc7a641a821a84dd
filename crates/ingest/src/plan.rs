//! What a run reads, and where the next one starts.
//!
//! The [`Cursor`] is a flow's memory of the objects it has dealt with. S3 tells times by the second, and an object may
//! show up with a time before the last listing, so a watermark alone would lose objects: within [`Cursor::overlap`]
//! of the watermark the cursor remembers each object by bucket, key, etag and time. An object is in one of three
//! states: unknown (a run takes it), seen (some run committed it, or it is older than the flow wants), pending (a run
//! that took it failed because of its content: the schedule goes on without it, a re-trigger of that run lands it).
//! Always holds: an object is taken by at most one committed run, whatever runs were re-triggered in whatever order.

use forebay_model::files::{Object, Part, Window};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// An object a flow has dealt with: bucket, key, etag, last modification in epoch milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Known(pub String, pub String, pub String, pub i64);

impl Known {
    fn of(object: &Object) -> Known {
        Known(object.bucket.clone(), object.key.clone(), object.etag.clone(), object.modified)
    }
}

/// Where a flow's next plan starts. Opaque outside this module; kept as JSON by the store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cursor {
    /// The newest time that a complete listing has seen; objects older than it by more than the overlap are settled.
    #[serde(default)]
    watermark: Option<i64>,
    /// Objects within the overlap that committed runs have taken.
    #[serde(default)]
    seen: Vec<Known>,
    /// Objects of runs that failed because of their content.
    #[serde(default)]
    pending: Vec<Known>,
}

/// What a run reads. Recorded with the run before anything is written; a resumed run reads the same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Pinned objects, in key order.
    pub parts: Vec<Part>,
    /// The watermark after this run; none when the run's window was given by hand, and so says nothing of the rest.
    pub watermark: Option<i64>,
}

/// Which objects a plan may take.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// A window given by hand (`POST /runs`), or the original one of a re-triggered run.
    pub window: Option<Window>,
    /// Objects last modified before this were there before the flow and are not wanted (`backfill: false`).
    pub not_before: Option<i64>,
}

impl Bounds {
    fn admits(&self, modified: i64) -> bool {
        if self.not_before.is_some_and(|t| modified < t) {
            return false;
        }
        let Some(window) = self.window else { return true };
        window.start.is_none_or(|t| modified >= t.timestamp_millis())
            && window.end.is_none_or(|t| modified < t.timestamp_millis())
    }
}

/// Collects a listing into a plan, object by object, so that a listing of millions needs memory only for what is new.
pub struct Planner<'a> {
    cursor: &'a Cursor,
    bounds: Bounds,
    overlap: i64,
    settled: HashSet<Known>,
    taken: Vec<Object>,
    newest: Option<i64>,
    left_out: LeftOut,
}

/// How many listed objects a plan leaves out, and why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// A run has taken them, or they wait for the run that failed by them.
    pub known: u64,
    /// They are older than the watermark by more than the overlap.
    pub old: u64,
    /// They are outside of the window, or were there before the flow.
    pub outside: u64,
}

impl<'a> Planner<'a> {
    /// A plan that starts at `cursor`; `overlap` is in milliseconds.
    pub fn new(cursor: &'a Cursor, bounds: Bounds, overlap: i64) -> Planner<'a> {
        let settled = cursor.seen.iter().chain(&cursor.pending).cloned().collect();
        Planner {
            cursor,
            bounds,
            overlap,
            settled,
            taken: Vec::new(),
            newest: cursor.watermark,
            left_out: LeftOut::default(),
        }
    }

    /// Looks at one listed object.
    pub fn offer(&mut self, object: Object) {
        self.newest = self.newest.max(Some(object.modified));
        let settled = self.cursor.watermark.is_some_and(|w| object.modified < w - self.overlap);
        if settled {
            self.left_out.old += 1;
        } else if !self.bounds.admits(object.modified) {
            self.left_out.outside += 1;
        } else if self.settled.insert(Known::of(&object)) {
            self.taken.push(object);
        } else {
            self.left_out.known += 1;
        }
    }

    /// What it has left out so far.
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    /// The plan of everything offered.
    pub fn finish(self) -> Plan {
        let mut taken = self.taken;
        taken.sort_by(|a, b| (&a.bucket, &a.key).cmp(&(&b.bucket, &b.key)));
        let parts = taken.into_iter().enumerate().map(|(i, object)| Part { id: i as u32, object }).collect();
        Plan { parts, watermark: if self.bounds.window.is_some() { None } else { self.newest } }
    }
}

impl Plan {
    /// The plan of a re-triggered run: of its first plan, what no other run has taken since. What is pending is its
    /// own: a pending object belongs to the one failed run that pinned it.
    pub fn again(&self, cursor: &Cursor, overlap: i64) -> Plan {
        let seen: HashSet<&Known> = cursor.seen.iter().collect();
        let pending: HashSet<&Known> = cursor.pending.iter().collect();
        let mut parts = Vec::new();
        for part in &self.parts {
            let known = Known::of(&part.object);
            let settled = cursor.watermark.is_some_and(|w| part.object.modified < w - overlap);
            if pending.contains(&known) || (!settled && !seen.contains(&known)) {
                parts.push(Part { id: parts.len() as u32, object: part.object.clone() });
            }
        }
        Plan { parts, watermark: None }
    }
}

impl Cursor {
    /// The cursor after a run of `plan` has committed.
    pub fn committed(&self, plan: &Plan, overlap: i64) -> Cursor {
        let taken: HashSet<Known> = plan.parts.iter().map(|p| Known::of(&p.object)).collect();
        let mut next = self.clone();
        next.pending.retain(|k| !taken.contains(k));
        next.seen.extend(taken.iter().cloned());
        next.advanced(plan, overlap)
    }

    /// The cursor after a run of `plan` has failed because of what it read: its objects wait for a re-trigger.
    pub fn failed(&self, plan: &Plan, overlap: i64) -> Cursor {
        let mut next = self.clone();
        let pending: HashSet<Known> = self.pending.iter().cloned().collect();
        next.pending.extend(plan.parts.iter().map(|p| Known::of(&p.object)).filter(|k| !pending.contains(k)));
        next.advanced(plan, overlap)
    }

    fn advanced(mut self, plan: &Plan, overlap: i64) -> Cursor {
        self.watermark = self.watermark.max(plan.watermark);
        if let Some(watermark) = self.watermark {
            self.seen.retain(|k| k.3 >= watermark - overlap);
        }
        self.seen.sort_by(|a, b| (a.3, &a.0, &a.1, &a.2).cmp(&(b.3, &b.0, &b.1, &b.2)));
        self.seen.dedup();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVERLAP: i64 = 10_000;

    fn object(name: &str, modified: i64) -> Object {
        Object { bucket: "b".into(), key: name.into(), size: 1, etag: format!("\"{name}\""), modified }
    }

    fn plan(cursor: &Cursor, bounds: Bounds, listing: &[(&str, i64)]) -> Plan {
        let mut planner = Planner::new(cursor, bounds, OVERLAP);
        for (name, modified) in listing {
            planner.offer(object(name, *modified));
        }
        planner.finish()
    }

    fn names(plan: &Plan) -> Vec<&str> {
        plan.parts.iter().map(|p| p.object.key.as_str()).collect()
    }

    #[test]
    fn a_second_run_over_unchanged_files_reads_nothing_and_a_new_file_brings_only_itself() {
        let first = plan(&Cursor::default(), Bounds::default(), &[("a", 1_000), ("b", 2_000)]);
        assert_eq!(names(&first), ["a", "b"]);
        let cursor = Cursor::default().committed(&first, OVERLAP);
        assert!(plan(&cursor, Bounds::default(), &[("a", 1_000), ("b", 2_000)]).parts.is_empty());
        assert_eq!(names(&plan(&cursor, Bounds::default(), &[("a", 1_000), ("b", 2_000), ("c", 2_000)])), ["c"]);
    }

    #[test]
    fn an_object_put_in_the_second_of_the_listing_is_taken_by_the_next_run_once() {
        let first = plan(&Cursor::default(), Bounds::default(), &[("a", 5_000)]);
        let cursor = Cursor::default().committed(&first, OVERLAP);
        let second = plan(&cursor, Bounds::default(), &[("a", 5_000), ("late", 5_000)]);
        assert_eq!(names(&second), ["late"]);
        let cursor = cursor.committed(&second, OVERLAP);
        assert!(plan(&cursor, Bounds::default(), &[("a", 5_000), ("late", 5_000)]).parts.is_empty());
    }

    #[test]
    fn a_file_that_was_rewritten_is_new() {
        let first = plan(&Cursor::default(), Bounds::default(), &[("a", 5_000)]);
        let cursor = Cursor::default().committed(&first, OVERLAP);
        assert_eq!(names(&plan(&cursor, Bounds::default(), &[("a", 6_000)])), ["a"]);
    }

    #[test]
    fn what_is_older_than_the_overlap_is_settled_and_forgotten() {
        let first = plan(&Cursor::default(), Bounds::default(), &[("a", 1_000), ("z", 50_000)]);
        let cursor = Cursor::default().committed(&first, OVERLAP);
        assert_eq!(cursor.seen.len(), 1);
        assert!(plan(&cursor, Bounds::default(), &[("a", 1_000), ("z", 50_000)]).parts.is_empty());
    }

    #[test]
    fn a_run_that_failed_by_its_data_does_not_stop_the_next_and_is_landed_by_its_re_trigger() {
        let bad = plan(&Cursor::default(), Bounds::default(), &[("bad", 1_000)]);
        let cursor = Cursor::default().failed(&bad, OVERLAP);
        let next = plan(&cursor, Bounds::default(), &[("bad", 1_000), ("good", 90_000)]);
        assert_eq!(names(&next), ["good"]);
        let cursor = cursor.committed(&next, OVERLAP);
        let again = bad.again(&cursor, OVERLAP);
        assert_eq!(names(&again), ["bad"]);
        let after = cursor.committed(&again, OVERLAP);
        assert_eq!(after.watermark, cursor.watermark, "a re-trigger does not move the cursor back");
        assert!(bad.again(&after, OVERLAP).parts.is_empty());
        assert!(plan(&after, Bounds::default(), &[("bad", 1_000), ("good", 90_000)]).parts.is_empty());
    }

    #[test]
    fn a_run_that_failed_by_the_outside_leaves_its_objects_to_the_next_and_its_re_trigger_finds_nothing() {
        let first = plan(&Cursor::default(), Bounds::default(), &[("a", 1_000)]);
        let cursor = Cursor::default();
        let next = plan(&cursor, Bounds::default(), &[("a", 1_000), ("b", 2_000)]);
        assert_eq!(names(&next), ["a", "b"]);
        let cursor = cursor.committed(&next, OVERLAP);
        assert!(first.again(&cursor, OVERLAP).parts.is_empty());
    }

    #[test]
    fn a_window_given_by_hand_leaves_the_rest_to_others() {
        let at = |ms| chrono::DateTime::from_timestamp_millis(ms);
        let bounds = Bounds { window: Some(Window { start: at(2_000), end: at(3_000) }), not_before: None };
        let some = plan(&Cursor::default(), bounds, &[("a", 1_000), ("b", 2_000), ("c", 3_000)]);
        assert_eq!(names(&some), ["b"]);
        let cursor = Cursor::default().committed(&some, OVERLAP);
        assert_eq!(names(&plan(&cursor, Bounds::default(), &[("a", 1_000), ("b", 2_000), ("c", 3_000)])), ["a", "c"]);
    }

    #[test]
    fn without_backfill_older_files_are_skipped_for_good() {
        let bounds = Bounds { window: None, not_before: Some(2_000) };
        let first = plan(&Cursor::default(), bounds, &[("old", 1_000), ("new", 2_000)]);
        assert_eq!(names(&first), ["new"]);
    }

    proptest::proptest! {
        /// Any order of commits, failures by data, failures by the outside and re-triggers takes each object at most
        /// once, and once every failed run has been re-triggered, exactly once.
        #[test]
        fn each_object_is_taken_exactly_once(steps in proptest::collection::vec((0u8..4, 0i64..40_000), 1..30)) {
            let mut cursor = Cursor::default();
            let (mut listing, mut failed, mut landed) = (Vec::new(), Vec::new(), Vec::new());
            let mut clock = 0;
            for (i, (what, gap)) in steps.into_iter().enumerate() {
                clock += gap;
                listing.push((format!("o{i}"), clock));
                let offered: Vec<(&str, i64)> = listing.iter().map(|(n, t)| (n.as_str(), *t)).collect();
                let new = plan(&cursor, Bounds::default(), &offered);
                match what {
                    0 => { cursor = cursor.failed(&new, OVERLAP); failed.push(new); }
                    1 => failed.push(new),
                    2 if !failed.is_empty() => {
                        let again = failed.remove(0).again(&cursor, OVERLAP);
                        landed.extend(names(&again).into_iter().map(String::from));
                        cursor = cursor.committed(&again, OVERLAP);
                    }
                    _ => { landed.extend(names(&new).into_iter().map(String::from)); cursor = cursor.committed(&new, OVERLAP); }
                }
            }
            for plan in failed {
                let again = plan.again(&cursor, OVERLAP);
                landed.extend(names(&again).into_iter().map(String::from));
                cursor = cursor.committed(&again, OVERLAP);
            }
            let offered: Vec<(&str, i64)> = listing.iter().map(|(n, t)| (n.as_str(), *t)).collect();
            let last = plan(&cursor, Bounds::default(), &offered);
            landed.extend(names(&last).into_iter().map(String::from));
            landed.sort();
            let mut expected: Vec<String> = listing.into_iter().map(|(n, _)| n).collect();
            expected.sort();
            proptest::prop_assert_eq!(landed, expected);
        }
    }
}
