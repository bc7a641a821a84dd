//! An upload on its way into a dataset (platform.md §6): what is kept of it beside its batch, in a member that no answer
//! shows. `api` writes it while files come in, `ingest` takes it from there.

use crate::files::FileOptions;
use crate::{Error, Kind, Result, code};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The member of a batch's document.
pub const MEMBER: &str = "forebay:import";
/// The member that says what is still to be done; a batch without it waits for nobody.
pub const STATE: &str = "state";
/// Uploaded: a worker is to import it.
pub const STAGED: &str = "staged";
/// A worker imports it.
pub const PROCESSING: &str = "processing";

/// An upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Import {
    /// The dataset that it goes to.
    pub dataset: String,
    /// The name of the batch's sandbox.
    pub sandbox_name: String,
    /// How the files are read.
    pub options: FileOptions,
    /// Rejected rows in percent of all that the batch may have; none: no row may be rejected.
    pub partial_percent: Option<f64>,
    /// Rejected rows are kept and told one by one.
    pub diagnostics: bool,
    /// The files, by the names that the caller gave them.
    #[serde(default)]
    pub files: BTreeMap<String, Upload>,
    /// The epochs of all claims so far.
    #[serde(default)]
    pub epochs: Vec<i64>,
    /// Claims since it was completed.
    #[serde(default)]
    pub attempt: u32,
    /// Who claimed it last.
    #[serde(default)]
    pub worker: String,
    /// Until when the last claim holds; epoch milliseconds.
    #[serde(default)]
    pub lease_until: i64,
    /// Not to be claimed before; epoch milliseconds.
    #[serde(default)]
    pub not_before: i64,
    /// What was promoted last, recorded before the commit.
    #[serde(default)]
    pub promoted: Option<Value>,
    /// What the rows did to a dataset that keeps one row a key.
    #[serde(default)]
    pub merged: Option<Value>,
}

/// One uploaded file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// It has come whole.
    pub done: bool,
    /// When it was begun; epoch milliseconds.
    pub modified: i64,
    /// What has come of it, in order, without overlaps.
    pub pieces: Vec<Piece>,
}

/// A range of a file's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The object's name in the batch's folder of uploads.
    pub object: String,
    /// Its first byte's place in the file.
    pub start: u64,
    /// Bytes.
    pub size: u64,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start.saturating_add(self.size)
    }
}

impl Upload {
    /// Bytes that have come.
    pub fn size(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.size).sum()
    }

    /// Takes a piece in; answers the one that it replaces, if it is the same range again.
    pub fn add(&mut self, piece: Piece) -> Result<Option<Piece>> {
        let at = self.pieces.partition_point(|other| other.start < piece.start);
        if let Some(there) =
            self.pieces.get_mut(at).filter(|there| there.start == piece.start && there.size == piece.size)
        {
            return Ok(Some(std::mem::replace(there, piece)));
        }
        let before = at.checked_sub(1).and_then(|before| self.pieces.get(before));
        let overlaps = before.is_some_and(|before| before.end() > piece.start)
            || self.pieces.get(at).is_some_and(|after| piece.end() > after.start);
        if overlaps {
            let message = format!("bytes {} to {} overlap others that have come", piece.start, piece.end());
            return Err(Error::new(Kind::Conflict, &code::HTTP_409, message)
                .advice("Send a range again as it was, or the ranges that are missing."));
        }
        self.pieces.insert(at, piece);
        Ok(None)
    }

    /// The first byte that is missing below those that have come.
    pub fn gap(&self) -> Option<u64> {
        let mut next = 0;
        for piece in &self.pieces {
            if piece.start != next {
                return Some(next);
            }
            next = piece.end();
        }
        None
    }
}

impl Import {
    /// Out of a batch's document; none for a batch that a flow made.
    pub fn of(batch: &Value) -> Result<Option<Import>> {
        match batch.get(MEMBER) {
            None | Some(Value::Null) => Ok(None),
            Some(kept) => serde_json::from_value(kept.clone())
                .map(Some)
                .map_err(|error| Error::internal("What is kept of an upload cannot be read.").caused_by(error)),
        }
    }

    /// Into a batch's document.
    pub fn keep(&self, batch: &mut Value) {
        batch[MEMBER] = serde_json::to_value(self).expect("an upload is plain data");
    }

    /// What the transaction ids of its commits are called.
    pub fn flow(batch: &str) -> String {
        format!("import/{batch}")
    }
}

/// A batch as answers show it.
pub fn shown(mut batch: Value) -> Value {
    if let Value::Object(members) = &mut batch
        && members.remove(MEMBER).is_some()
    {
        members.remove(STATE);
    }
    batch
}

/// Sets or takes away what is still to be done with a batch.
pub fn wait_for(batch: &mut Map<String, Value>, state: Option<&str>) {
    match state {
        Some(state) => batch.insert(STATE.into(), state.into()),
        None => batch.remove(STATE),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(start: u64, size: u64) -> Piece {
        Piece { object: format!("{start}"), start, size }
    }

    #[test]
    fn ranges_come_in_any_order_and_may_come_twice() {
        let mut upload = Upload::default();
        for (start, size) in [(10, 5), (0, 10), (20, 1)] {
            assert_eq!(upload.add(piece(start, size)).unwrap(), None);
        }
        assert_eq!((upload.gap(), upload.size()), (Some(15), 16));
        assert_eq!(upload.add(piece(10, 5)).unwrap(), Some(piece(10, 5)));
        for (start, size) in [(10, 6), (9, 1), (19, 2), (0, 30), (20, 2), (14, 1), (u64::MAX - 1, 0)] {
            let overlaps = !(start == u64::MAX - 1);
            assert_eq!(upload.clone().add(piece(start, size)).is_err(), overlaps, "{start}+{size}");
        }
        upload.add(piece(15, 5)).unwrap();
        assert_eq!((upload.gap(), upload.size()), (None, 21));
    }

    #[test]
    fn what_is_kept_is_not_shown() {
        let batch = serde_json::json!({ "id": "b", "state": "staged", MEMBER: { "dataset": "d" } });
        assert_eq!(shown(batch), serde_json::json!({ "id": "b" }));
        let run = serde_json::json!({ "id": "b", "state": "x" });
        assert_eq!(shown(run.clone()), run);
    }
}
