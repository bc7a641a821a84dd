//! Reading records: one page of a list, one page of a search, one batch, whatever it takes to get it whole
//! (hubspot.md §6, §9).

use super::HubSpot;
use super::call::Ask;
use super::fault::{Fault, Trouble};
use super::line::Gone;
use super::paths::Target;
use super::place::{Place, by_id};
use super::types::ObjectType;
use super::wire::{self, Failure, Listed, Record, Searched, Wanted};
use crate::tables::Problem;
use forebay_model::{Kind, Result};
use futures::future::BoxFuture;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Records on a page of a list, and in a batch (§6.1, §6.2).
pub(super) const PAGE: usize = 100;
/// Records on a page of a search (§6.3).
const SEARCHED: usize = 200;
/// The smallest page that is asked for when HubSpot fails at larger ones.
const SMALLEST: usize = 25;
/// What HubSpot refuses in a filter is the epoch itself (§6.3).
const FIRST_MOMENT: i64 = 1000;
/// How often a page without records in the middle of a list is asked for again.
const DOUBTS: u32 = 2;

/// So many records may each be refused in a row; where more are, it is the request that is refused.
const FEW: usize = 4;

/// What stays as it is in a query.
const PLAIN: AsciiSet = NON_ALPHANUMERIC.remove(b'_').remove(b'-').remove(b'.').remove(b'~');

/// One kind of record, and what is wanted of it.
#[derive(Debug, Clone)]
pub(super) struct Finder {
    pub(super) hubspot: HubSpot,
    pub(super) object: ObjectType,
    /// The properties that are asked for.
    pub(super) names: Arc<Vec<String>>,
    pub(super) wanted: Arc<Wanted>,
}

/// What became of some ids.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) living: Vec<Record>,
    pub(super) archived: Vec<Record>,
    pub(super) gone: Vec<Gone>,
    pub(super) problems: Vec<Problem>,
}

/// One batch's answer.
#[derive(Debug, Default)]
struct Batch {
    records: Vec<Record>,
    problems: Vec<Problem>,
    /// All of it was refused, for this.
    refused: Option<String>,
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, &PLAIN).to_string()
}

impl Finder {
    fn list_query(&self, after: Option<&str>, names: &[String], limit: usize, archived: bool) -> String {
        let mut query = format!("limit={limit}&archived={archived}");
        if let Some(after) = after {
            query.push_str(&format!("&after={}", encoded(after)));
        }
        if !names.is_empty() {
            let names: Vec<String> = names.iter().map(|name| encoded(name)).collect();
            query.push_str(&format!("&properties={}", names.join("%2C")));
        }
        query
    }

    /// All that is wanted fits one URL (§7.3); there is room for a long `after`.
    pub(super) fn fits(&self) -> bool {
        let query = self.list_query(Some(&"x".repeat(100)), &self.names, PAGE, false);
        let target = Target::List(self.object.id.clone());
        let profile = self.hubspot.account.profile(target.family());
        let url = self.hubspot.account.url(&target, profile, &query);
        url.is_ok_and(|url| url.as_str().len() <= self.hubspot.account.url_cap())
    }

    /// One page of the list.
    pub(super) async fn list(&self, place: &Place, names: &[String], archived: bool) -> Result<Listed, Fault> {
        self.page(place, names, archived, PAGE).await
    }

    /// One page of some records of the list. Where HubSpot fails at it, a smaller page is as good.
    pub(super) async fn page(
        &self,
        place: &Place,
        names: &[String],
        archived: bool,
        mut limit: usize,
    ) -> Result<Listed, Fault> {
        let after = place.after.as_deref();
        let empty = AtomicU32::new(0);
        loop {
            let query = self.list_query(after, names, limit, archived);
            let ask = Ask::get(Target::List(self.object.id.clone()), query);
            let read = |answer: &super::call::Answer| {
                let listed = wire::listed(&answer.body, &self.wanted)?;
                let first = listed.records.first().map(|record| record.id.as_str());
                // The same place again would be walked for ever, and a page twice is another one lost.
                if listed.next.is_some() && listed.next.as_deref() == after {
                    return Err("its next page is the page itself");
                }
                if first.is_some() && first == place.first.as_deref() {
                    return Err("it is the page before once more");
                }
                // Only a missing cursor ends a list; a page without records is doubted, though, before it is believed.
                if first.is_none() && listed.next.is_some() && empty.fetch_add(1, Ordering::Relaxed) < DOUBTS {
                    return Err("it has no records and yet goes on");
                }
                Ok(listed)
            };
            match self.hubspot.call(&ask, read).await {
                Err(fault) if fault.trouble == Trouble::Failing && limit > SMALLEST => limit /= 2,
                other => return other,
            }
        }
    }

    /// One page of ids that were changed since, from an id on, by ascending id (§7.4).
    pub(super) async fn search(&self, since: i64, last: &str) -> Result<Searched, Fault> {
        let modified = self.object.modified;
        let mut filters =
            vec![json!({"propertyName": modified, "operator": "GTE", "value": since.max(FIRST_MOMENT).to_string()})];
        if !last.is_empty() {
            filters.push(json!({"propertyName": "hs_object_id", "operator": "GT", "value": last}));
        }
        let body = json!({
            "filterGroups": [{ "filters": filters }],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": ["hs_object_id", modified],
            "limit": SEARCHED,
        });
        let ask = Ask::post(Target::Search(self.object.id.clone()), &body);
        let read = |answer: &super::call::Answer| {
            let found = wire::searched(&answer.body, &self.wanted)?;
            let astray = |record: &Record| !last.is_empty() && by_id(&record.id, last) != std::cmp::Ordering::Greater;
            if found.records.iter().any(astray) {
                return Err("it has records outside of what was asked for");
            }
            if found.records.is_empty() && (found.next.is_some() || found.total.is_some_and(|total| total > 0)) {
                return Err("it has no records and yet counts some");
            }
            Ok(found)
        };
        self.hubspot.call(&ask, read).await
    }

    /// Reads records by id: what lives, what is archived, what is gone, and what cannot be read.
    pub(super) async fn look_up(&self, ids: Vec<String>, now: i64) -> Result<Found, Fault> {
        if ids.is_empty() {
            return Ok(Found::default());
        }
        let living = self.batch(ids.clone(), false).await?;
        let failed = |batch: &Batch| batch.problems.iter().map(|problem| problem.id.clone()).collect::<HashSet<_>>();
        let answered = |batch: &Batch| batch.records.iter().map(|record| record.id.clone()).collect::<HashSet<_>>();
        let (bad, here) = (failed(&living), answered(&living));
        let missing: Vec<String> = ids.into_iter().filter(|id| !here.contains(id) && !bad.contains(id)).collect();
        let mut found = Found { living: living.records, problems: living.problems, ..Found::default() };
        if missing.is_empty() {
            return Ok(found);
        }
        let archived = self.batch(missing.clone(), true).await?;
        let (bad, there) = (failed(&archived), answered(&archived));
        let nowhere: Vec<String> = missing.into_iter().filter(|id| !there.contains(id) && !bad.contains(id)).collect();
        if !nowhere.is_empty() {
            // Nobody's word is taken once for the end of a record.
            let again = self.batch(nowhere.clone(), false).await?;
            let (bad, here) = (failed(&again), answered(&again));
            found.living.extend(again.records);
            found.problems.extend(again.problems);
            let living = &found.living;
            let into =
                |id: &String| living.iter().find(|record| record.merged.contains(id)).map(|record| record.id.clone());
            let gone = nowhere.into_iter().filter(|id| !here.contains(id) && !bad.contains(id));
            found.gone = gone.map(|id| Gone { into: into(&id), id, at: now }).collect();
        }
        found.archived = archived.records;
        found.problems.extend(archived.problems);
        Ok(found)
    }

    /// The whole of records that a list of the archive named: their keys may be among their properties.
    pub(super) async fn archived(&self, listed: Vec<Record>) -> Result<Vec<Record>, Fault> {
        if listed.is_empty() {
            return Ok(listed);
        }
        let mut found = self.batch(listed.iter().map(|record| record.id.clone()).collect(), true).await?.records;
        let whole: HashSet<String> = found.iter().map(|record| record.id.clone()).collect();
        // Restored or purged meanwhile: the list's word is good enough until the next run.
        found.extend(listed.into_iter().filter(|record| !whole.contains(&record.id)));
        Ok(found)
    }

    /// One batch; halved where one of its ids spoils it (§6.2).
    fn batch(&self, ids: Vec<String>, archived: bool) -> BoxFuture<'_, Result<Batch, Fault>> {
        Box::pin(async move {
            let inputs: Vec<_> = ids.iter().map(|id| json!({ "id": id })).collect();
            let body = json!({ "inputs": inputs, "properties": &*self.names });
            let ask = Ask::post(Target::Batch(self.object.id.clone()), &body).query(&format!("archived={archived}"));
            let asked: HashSet<&str> = ids.iter().map(String::as_str).collect();
            let read = |answer: &super::call::Answer| {
                let (records, failures) = wire::batch(&answer.body, &self.wanted)?;
                match failures.iter().all(|failure| failure.is_absence() || failure.is_of(&asked)) {
                    true => Ok((records, failures)),
                    false => Err(wire::NAMELESS),
                }
            };
            let fault = match self.hubspot.call(&ask, read).await {
                Ok((records, failures)) => return Ok(Batch { records, problems: problems(failures), refused: None }),
                Err(fault) => fault,
            };
            match fault.trouble {
                Trouble::Wrong | Trouble::Failing if ids.len() > 1 && fault.error.kind != Kind::NotFound => {
                    let (left, right) = ids.split_at(ids.len() / 2);
                    let mut batch = self.batch(left.to_vec(), archived).await?;
                    let rest = self.batch(right.to_vec(), archived).await?;
                    if batch.refused != rest.refused {
                        batch.refused = None;
                    }
                    // It is not the records, then.
                    if batch.refused.is_some() && ids.len() > FEW {
                        return Err(fault);
                    }
                    batch.records.extend(rest.records);
                    batch.problems.extend(rest.problems);
                    Ok(batch)
                }
                Trouble::Wrong if fault.error.kind != Kind::NotFound => {
                    let reason = crate::redact::brief(&fault.error.message);
                    Ok(Batch {
                        records: Vec::new(),
                        problems: ids.into_iter().map(|id| Problem { id, reason: reason.clone() }).collect(),
                        refused: Some(refusal(&fault.error.message)),
                    })
                }
                _ => Err(fault),
            }
        })
    }
}

/// A refusal without what differs from call to call and from record to record.
fn refusal(message: &str) -> String {
    let message = message.split(", correlation id ").next().unwrap_or_default();
    message.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// What a batch could not read, unless it is just not there.
fn problems(failures: Vec<Failure>) -> Vec<Problem> {
    let failures = failures.into_iter().filter(|failure| !failure.is_absence());
    failures
        .flat_map(|failure| {
            let reason = format!("{}: {}", failure.category, failure.message);
            let reason = crate::redact::brief(&crate::redact::shown(&reason, &[]));
            failure.ids.into_iter().map(move |id| Problem { id, reason: reason.clone() })
        })
        .collect()
}
