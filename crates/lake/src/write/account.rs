//! What became of each part's records. A part is open from its first row to its End event, and no record may be
//! unaccounted for: a lost or doubled row is a bug of ours and ends the run.

use super::Part;
use forebay_model::event::Finding;
use forebay_model::{Error, Result};
use std::collections::{HashMap, HashSet};

/// Counts of an open part.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub written: u64,
    pub rejected: u64,
    pub warned: u64,
}

/// The parts that one task has seen.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    open: HashMap<u32, Tally>,
    closed: HashSet<u32>,
}

impl Accounts {
    /// Counts rows of a part.
    pub fn add(&mut self, part: u32, rows: Tally) -> Result<()> {
        if self.closed.contains(&part) {
            return Err(Error::internal(format!(
                "Part {part} has rows after its end."
            )));
        }
        let tally = self.open.entry(part).or_default();
        tally.written += rows.written;
        tally.rejected += rows.rejected;
        tally.warned += rows.warned;
        Ok(())
    }

    /// A part's End event.
    pub fn end(
        &mut self,
        part: u32,
        records: u64,
        bytes: u64,
        findings: Vec<Finding>,
    ) -> Result<Part> {
        if !self.closed.insert(part) {
            return Err(Error::internal(format!("Part {part} has ended twice.")));
        }
        let Tally {
            written,
            rejected,
            warned,
        } = self.open.remove(&part).unwrap_or_default();
        if records != written + rejected {
            return Err(Error::internal(format!(
                "Part {part} does not add up: {records} records were read, {written} rows were written and \
                 {rejected} rejected."
            )));
        }
        Ok(Part {
            id: part,
            records,
            written,
            rejected,
            warned,
            bytes,
            findings,
        })
    }

    /// The end of the task's input: every part must have ended.
    pub fn finish(&self) -> Result<()> {
        match self.open.keys().min() {
            Some(part) => Err(Error::internal(format!(
                "Part {part} has no end: its rows stop half way."
            ))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(written: u64, rejected: u64) -> Tally {
        Tally {
            written,
            rejected,
            warned: 0,
        }
    }

    #[track_caller]
    fn check(result: Result<impl std::fmt::Debug>, message: &str) {
        assert_eq!(result.expect_err("must be refused").message, message);
    }

    #[test]
    fn a_part_that_adds_up_is_told_as_it_was() {
        let mut accounts = Accounts::default();
        accounts.add(7, rows(8, 0)).unwrap();
        accounts
            .add(
                7,
                Tally {
                    written: 1,
                    rejected: 1,
                    warned: 1,
                },
            )
            .unwrap();
        let part = accounts.end(7, 10, 99, vec![]).unwrap();
        assert_eq!(
            part,
            Part {
                id: 7,
                records: 10,
                written: 9,
                rejected: 1,
                warned: 1,
                bytes: 99,
                findings: vec![]
            }
        );
        accounts.finish().unwrap();
    }

    #[test]
    fn an_empty_part_has_an_account_too() {
        assert_eq!(Accounts::default().end(0, 0, 0, vec![]).unwrap().records, 0);
    }

    #[test]
    fn a_lost_row_is_found() {
        let mut accounts = Accounts::default();
        accounts.add(1, rows(8, 1)).unwrap();
        check(
            accounts.end(1, 10, 0, vec![]),
            "Part 1 does not add up: 10 records were read, 8 rows were written and 1 rejected.",
        );
    }

    #[test]
    fn a_doubled_row_is_found() {
        let mut accounts = Accounts::default();
        accounts.add(1, rows(11, 0)).unwrap();
        assert!(accounts.end(1, 10, 0, vec![]).is_err());
    }

    #[test]
    fn a_part_ends_once_and_then_has_no_rows() {
        let mut accounts = Accounts::default();
        accounts.end(1, 0, 0, vec![]).unwrap();
        check(accounts.end(1, 0, 0, vec![]), "Part 1 has ended twice.");
        check(
            accounts.add(1, rows(1, 0)),
            "Part 1 has rows after its end.",
        );
    }

    #[test]
    fn a_part_that_stops_half_way_is_found() {
        let mut accounts = Accounts::default();
        accounts.add(3, rows(1, 0)).unwrap();
        check(
            accounts.finish(),
            "Part 3 has no end: its rows stop half way.",
        );
    }
}
