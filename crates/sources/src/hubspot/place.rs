//! Where in a list a walk is, where it was, and what it came by.

use super::fault::{Fault, Trouble};
use super::wire::Listed;
use forebay_model::{Error, Kind, code};
use std::collections::HashSet;
use twox_hash::XxHash64;

/// Where in a list a walk is.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// What continues there; `None` at the start.
    pub(super) after: Option<String>,
    /// The first record of the page before.
    pub(super) first: Option<String>,
}

/// Ids in the order of HubSpot: as numbers, where they are numbers.
pub(super) fn by_id(a: &str, b: &str) -> std::cmp::Ordering {
    use std::cmp::Ordering::{Greater, Less};
    match (a.parse::<u64>(), b.parse::<u64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (Ok(_), Err(_)) => Less,
        (Err(_), Ok(_)) => Greater,
        (Err(_), Err(_)) => a.cmp(b),
    }
}

/// Ids that a walk came by.
#[derive(Debug, Default)]
pub(super) struct Met {
    numbers: HashSet<u64>,
    texts: HashSet<String>,
}

impl Met {
    pub(super) fn insert(&mut self, id: &str) {
        match id.parse::<u64>() {
            Ok(number) if !id.starts_with('0') => drop(self.numbers.insert(number)),
            _ => drop(self.texts.insert(id.to_string())),
        }
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        match id.parse::<u64>() {
            Ok(number) if !id.starts_with('0') => self.numbers.contains(&number),
            _ => self.texts.contains(id),
        }
    }
}

/// The places of a list that a walk was at: it never goes to one twice.
#[derive(Debug, Default)]
pub(super) struct Places {
    pub(super) here: Place,
    been: HashSet<u64>,
    started_over: bool,
}

impl Places {
    /// A walk that begins at a place.
    pub(super) fn at(after: Option<String>) -> Places {
        Places { here: Place { after, first: None }, ..Places::default() }
    }

    /// Goes on to the next place; false at the end.
    pub(super) fn go(&mut self, listed: &Listed) -> Result<bool, Fault> {
        self.here = Place { after: listed.next.clone(), first: listed.records.first().map(|record| record.id.clone()) };
        match &self.here.after {
            None => Ok(false),
            Some(next) if self.been.insert(XxHash64::oneshot(0, next.as_bytes())) => Ok(true),
            Some(_) => {
                let message = "HubSpot's list of records leads in a circle";
                Err(Error::new(Kind::Unavailable { retry_after: None }, &code::FLOW_1103, message).into())
            }
        }
    }

    /// A place that was refused may have expired: once, the walk starts over (§11).
    pub(super) fn start_over(&mut self, fault: &Fault) -> bool {
        let again = fault.trouble == Trouble::Wrong && self.here.after.is_some() && !self.started_over;
        if again {
            tracing::warn!("a HubSpot list starts over, since its cursor was refused: {}", fault.error);
            *self = Places { started_over: true, ..Places::default() };
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_ordered_as_numbers_where_they_are_numbers() {
        let mut ids = ["100000000000", "999999999", "b", "1000000000", "a"];
        ids.sort_by(|a, b| by_id(a, b));
        assert_eq!(ids, ["999999999", "1000000000", "100000000000", "a", "b"]);
    }

    #[test]
    fn a_walk_never_goes_to_a_place_twice() {
        let to = |after: Option<&str>| Listed { records: Vec::new(), next: after.map(String::from) };
        let mut places = Places::default();
        assert!(places.go(&to(Some("a"))).unwrap() && places.go(&to(Some("b"))).unwrap());
        assert!(places.go(&to(Some("a"))).is_err());
        assert!(!Places::default().go(&to(None)).unwrap());
    }

    #[test]
    fn ids_that_look_alike_stay_apart() {
        let mut met = Met::default();
        met.insert("10");
        met.insert("007");
        assert!(met.contains("10") && met.contains("007") && !met.contains("010") && !met.contains("7"));
    }
}
