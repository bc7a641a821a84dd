//! Tables that are read whole each time: owners, pipelines and their stages, properties, associations (hubspot.md §6.5,
//! §6.7). What differs from the ledger is delivered, and what the ledger has and the account has not is deleted: so are
//! changes of associations found, which move no date (§7.7).

use super::HubSpot;
use super::call::{Answer, Ask};
use super::fault::{Fault, Trouble};
use super::find::Finder;
use super::line::{Assembly, Given, Gone, KEY};
use super::pages::Out;
use super::paths::Target;
use super::place::{Met, Places};
use super::types::{ObjectType, STANDARD, WITH_PIPELINES, What};
use super::wire::{self, Linked, Record, Wanted};
use crate::tables::{LONGEST_ID, Problem, Read};
use bytes::Bytes;
use forebay_model::{Error, Kind, code};
use futures::stream::{self, BoxStream, StreamExt};
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use twox_hash::XxHash64;

/// Owners on a page (§6.7).
const OWNERS: usize = 500;
/// Records whose associations are asked for at once (§6.5).
const LINKED: usize = 1_000;
/// Batches of them that are read at once.
const AT_ONCE: usize = 4;
/// What the ids of custom kinds begin with (§5).
const CUSTOM: &str = "2-";
/// Rows on a page of ours.
const ROWS: usize = 1_000;

/// Some rows, and what could not be read.
#[derive(Debug, Default)]
struct Rows {
    rows: Vec<Record>,
    problems: Vec<Problem>,
    /// What is closed to us: that its rows are not there does not mean that they ended.
    closed: Vec<Closed>,
    /// Parts of kinds that have rows of their own.
    parts: Vec<Part>,
}

/// A kind of record, and which of its properties.
type Part = (String, String);

/// Something that rows could not be asked of.
#[derive(Debug)]
enum Closed {
    /// One kind of record.
    Kind(String),
    /// A part of it, which may never have had rows.
    Part(Part),
    /// Every custom kind.
    Custom,
}

/// What a landed line says that its row is of.
pub(super) fn kind(what: &What) -> String {
    match what {
        What::Objects(object) => object.id.clone(),
        What::Owners => "owner".to_string(),
        What::Pipelines => "pipeline".to_string(),
        What::Stages => "pipeline_stage".to_string(),
        What::Properties => "property".to_string(),
        What::Associations { .. } => "association".to_string(),
    }
}

/// Reads the table and tells what differs from the ledger.
pub(super) async fn run(
    hubspot: HubSpot,
    what: What,
    read: &Read,
    portal: Option<i64>,
    out: &Out,
) -> Result<(), Fault> {
    let at = chrono::Utc::now().timestamp_millis();
    out.begin(Assembly::snapshot(portal, &kind(&what), at)).await?;
    // The parts that have had rows: the ledger does not tell which its rows are of.
    let mut parts = parts(read);
    // Cut off, it starts over: what was delivered is in the ledger.
    let cursor = |parts: &BTreeSet<Part>| json!({ "table": super::walk::table_key(&read.rows.table), "snapshot": at, "parts": parts });
    let mut met = Met::default();
    let mut unread: HashSet<String> = HashSet::new();
    let mut custom_unread = false;
    let mut rows = rows(hubspot, what, at);
    while let Some(found) = rows.next().await {
        let Rows { rows, problems, closed, parts: here } = found?;
        parts.extend(here);
        rows.iter().for_each(|row| met.insert(&row.id));
        unread.extend(problems.iter().map(|problem| problem.id.clone()));
        for closed in closed {
            match closed {
                Closed::Kind(kind) => _ = unread.insert(kind),
                Closed::Part(part) if parts.contains(&part) => _ = unread.insert(part.0),
                Closed::Part(_) => {}
                Closed::Custom => custom_unread = true,
            }
        }
        // An answer without rows is a page all the same: it says that the run goes on.
        let mut chunks = rows.chunks(ROWS);
        let first = chunks.next().unwrap_or_default().to_vec();
        out.give(Given { living: first, problems, cursor: cursor(&parts), ..Given::default() }).await?;
        for rows in chunks {
            out.give(Given { living: rows.to_vec(), cursor: cursor(&parts), ..Given::default() }).await?;
        }
    }
    let owner = |id: &str| id.split(':').next().unwrap_or_default().to_string();
    let unread = |owner: String| unread.contains(&owner) || custom_unread && owner.starts_with(CUSTOM);
    let lost = |id: &String| !met.contains(id) && !unread(owner(id));
    let mut lost: Vec<String> = read.ledger.with(|ledger| ledger.living().filter(lost).collect());
    lost.sort();
    let gone = lost.into_iter().map(|id| Gone { id, into: None, at }).collect();
    out.give(Given { gone, cursor: cursor(&parts), ..Given::default() }).await
}

/// Parts of kinds that had rows when the table was read before.
fn parts(read: &Read) -> BTreeSet<Part> {
    let parts = read.cursor.as_ref().and_then(|cursor| serde_json::from_value(cursor["parts"].clone()).ok());
    parts.unwrap_or_default()
}

/// The first rows, for a preview.
pub(super) async fn first(hubspot: &HubSpot, what: &What, limit: usize) -> Result<Vec<Bytes>, Fault> {
    let mut rows = rows(hubspot.clone(), what.clone(), 0);
    let mut first = Vec::new();
    while first.len() < limit {
        let Some(found) = rows.next().await else { break };
        first.extend(found?.rows.into_iter().map(|row| row.text));
    }
    first.truncate(limit);
    Ok(first)
}

fn rows(hubspot: HubSpot, what: What, at: i64) -> BoxStream<'static, Result<Rows, Fault>> {
    match what {
        What::Objects(_) => stream::empty().boxed(),
        What::Owners => {
            stream::iter([false, true]).flat_map(move |archived| owners(hubspot.clone(), archived, at)).boxed()
        }
        What::Pipelines | What::Stages => {
            let stages = what == What::Stages;
            of_kinds(hubspot, move |hubspot, kind| async move { pipelines(hubspot, kind, stages, at).await }, true)
        }
        What::Properties => {
            of_kinds(hubspot, move |hubspot, kind| async move { properties(hubspot, kind, at).await }, false)
        }
        What::Associations { from, to } => links(hubspot, from, to, at),
    }
}

/// A row: members of ours that name it, then its own.
fn row(key: String, ours: &[(&str, &str)], own: &[u8], at: i64) -> Result<Record, Fault> {
    if key.len() > LONGEST_ID {
        let message = "HubSpot sent a row whose key is too long";
        return Err(Error::new(Kind::Unavailable { retry_after: None }, &code::FLOW_1103, message).into());
    }
    let value: Value = serde_json::from_slice(own).unwrap_or_default();
    let mut text = Map::from_iter([(KEY.to_string(), Value::from(key.as_str()))]);
    text.extend(ours.iter().map(|(name, value)| (name.to_string(), Value::from(*value))));
    // A member of its own of the same name wins: then ours says the same.
    text.extend(value.as_object().cloned().unwrap_or_default());
    let text = Value::Object(text);
    let hash = hash(&text);
    let hash = (hash ^ (hash >> 32)) as u32;
    Ok(Record {
        id: key,
        text: Bytes::from(text.to_string()),
        modified: at,
        archived_at: None,
        hash,
        merged: Vec::new(),
    })
}

/// Of a value, whatever the order of its members.
fn hash(value: &Value) -> u64 {
    match value {
        Value::Object(members) => members.iter().fold(1, |sum, (name, value)| {
            let seed = XxHash64::oneshot(hash(value), name.as_bytes());
            sum.wrapping_add(seed)
        }),
        Value::Array(items) => items.iter().fold(2, |sum, item| XxHash64::oneshot(sum, &hash(item).to_le_bytes())),
        other => XxHash64::oneshot(3, other.to_string().as_bytes()),
    }
}

fn member(text: &[u8], name: &str) -> String {
    let value: Value = serde_json::from_slice(text).unwrap_or_default();
    match &value[name] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// People, those who left too: records go on naming them.
fn owners(hubspot: HubSpot, archived: bool, at: i64) -> BoxStream<'static, Result<Rows, Fault>> {
    let start = Some((hubspot, None::<String>));
    stream::try_unfold(start, move |state| async move {
        let Some((hubspot, after)) = state else { return Ok(None) };
        let place =
            after.as_ref().map(|after| format!("&{}", super::token::form(&[("after", after)]))).unwrap_or_default();
        let ask = Ask::get(Target::Owners, format!("limit={OWNERS}&archived={archived}{place}"));
        let (texts, next) = hubspot
            .call(&ask, |answer| {
                let (texts, next) = wire::texts(&answer.body)?;
                if next.is_some() && next == after {
                    Err("its next page is the page itself")
                } else {
                    Ok((texts, next))
                }
            })
            .await?;
        let rows = texts.iter().map(|text| row(member(text, "id"), &[], text, at)).collect::<Result<_, _>>()?;
        Ok(Some((Rows { rows, ..Rows::default() }, next.map(|next| (hubspot, Some(next))))))
    })
    .boxed()
}

/// One call for each kind; a kind that was not granted, or has no such thing, has no rows. Nor does it end any: what was
/// granted may be gone for a moment.
fn of_kinds<F, A>(hubspot: HubSpot, ask: F, pipelines: bool) -> BoxStream<'static, Result<Rows, Fault>>
where
    F: Fn(HubSpot, String) -> A + Send + Sync + Copy + 'static,
    A: Future<Output = Result<Rows, Fault>> + Send + 'static,
{
    let kinds = async move {
        let mut kinds: Vec<String> = match pipelines {
            true => WITH_PIPELINES.map(String::from).to_vec(),
            false => STANDARD.iter().map(|kind| kind.id.to_string()).collect(),
        };
        let mut first = Rows::default();
        match hubspot.schemas().await {
            Ok(schemas) => kinds.extend(schemas.into_iter().map(|schema| schema.id)),
            Err(fault) if closed(&fault) => first.closed.push(Closed::Custom),
            Err(fault) => return stream::iter([Err(fault)]).boxed(),
        }
        let rows = stream::iter(kinds).map(move |kind| {
            let found = ask(hubspot.clone(), kind.clone());
            async move {
                match found.await {
                    Err(fault) if closed(&fault) => Ok(Rows { closed: vec![Closed::Kind(kind)], ..Rows::default() }),
                    found => found,
                }
            }
        });
        stream::iter([Ok(first)]).chain(rows.buffered(AT_ONCE)).boxed()
    };
    stream::once(kinds).flatten().boxed()
}

fn closed(fault: &Fault) -> bool {
    matches!(fault.trouble, Trouble::Denied(_) | Trouble::Missing | Trouble::Wrong)
}

async fn pipelines(hubspot: HubSpot, kind: String, stages: bool, at: i64) -> Result<Rows, Fault> {
    let ask = Ask::get(Target::Pipelines(kind.clone()), "");
    let (pipelines, _) = hubspot.call(&ask, |answer| wire::texts(&answer.body)).await?;
    let mut rows = Vec::new();
    for text in pipelines {
        let id = member(&text, "id");
        if !stages {
            rows.push(row(format!("{kind}:{id}"), &[("objectTypeId", &kind)], &text, at)?);
            continue;
        }
        let pipeline: Value = serde_json::from_slice(&text).unwrap_or_default();
        for stage in pipeline["stages"].as_array().into_iter().flatten() {
            let text = stage.to_string();
            let key = format!("{kind}:{id}:{}", member(text.as_bytes(), "id"));
            rows.push(row(key, &[("objectTypeId", &kind), ("pipelineId", &id)], text.as_bytes(), at)?);
        }
    }
    Ok(Rows { rows, ..Rows::default() })
}

async fn properties(hubspot: HubSpot, kind: String, at: i64) -> Result<Rows, Fault> {
    let mut found = Rows::default();
    let mut shut = false;
    for sensitivity in ["non_sensitive", "sensitive", "highly_sensitive"] {
        let part = (kind.clone(), sensitivity.to_string());
        if shut {
            found.closed.push(Closed::Part(part));
            continue;
        }
        let query = format!("archived=false&dataSensitivity={sensitivity}");
        let ask = Ask::get(Target::Properties(kind.clone()), query);
        match hubspot.call(&ask, |answer| wire::texts(&answer.body)).await {
            Ok((texts, _)) => {
                if !texts.is_empty() && sensitivity != "non_sensitive" {
                    found.parts.push(part);
                }
                for text in texts {
                    let key = format!("{kind}:{}", member(&text, "name"));
                    found.rows.push(row(key, &[("objectTypeId", &kind)], &text, at)?);
                }
            }
            // What is sensitive may be closed where the rest is not.
            Err(fault) if closed(&fault) && sensitivity != "non_sensitive" => {
                found.closed.push(Closed::Part(part));
                shut = true;
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(found)
}

/// Which records go together: the ids of one side from the list, then a thousand of them at once (§6.5).
fn links(hubspot: HubSpot, from: ObjectType, to: ObjectType, at: i64) -> BoxStream<'static, Result<Rows, Fault>> {
    let wanted = Arc::new(Wanted { modified: from.modified, ..Wanted::default() });
    let finder = Finder { hubspot: hubspot.clone(), object: from.clone(), names: Arc::default(), wanted };
    let ids = stream::try_unfold(Some((finder, Places::default())), |state| async move {
        let Some((finder, mut places)) = state else { return Ok(None) };
        let mut ids = Vec::new();
        let mut more = true;
        while more && ids.len() < LINKED {
            let listed = finder.list(&places.here, &[], false).await?;
            more = places.go(&listed)?;
            ids.extend(listed.records.into_iter().map(|record| record.id));
        }
        let rest = more.then_some((finder, places));
        Ok::<_, Fault>(Some((ids, rest)))
    });
    let answers = ids.flat_map_unordered(AT_ONCE, move |ids: Result<Vec<String>, Fault>| match ids {
        Ok(ids) => linked(hubspot.clone(), from.clone(), to.clone(), ids, at),
        Err(fault) => stream::iter([Err(fault)]).boxed(),
    });
    answers.boxed()
}

/// Answer by answer: what is linked to many records is not gathered.
fn linked(
    hubspot: HubSpot,
    from: ObjectType,
    to: ObjectType,
    ids: Vec<String>,
    at: i64,
) -> BoxStream<'static, Result<Rows, Fault>> {
    let waiting: Vec<Value> = ids.into_iter().map(|id| json!({ "id": id })).collect();
    stream::try_unfold((hubspot, from, to, waiting), move |(hubspot, from, to, mut waiting)| async move {
        if waiting.is_empty() {
            return Ok(None);
        }
        let mut found = Rows::default();
        let inputs: Vec<Value> = waiting.drain(..waiting.len().min(LINKED)).collect();
        let asked = inputs.clone();
        let from_ids: HashSet<&str> = asked.iter().filter_map(|input| input["id"].as_str()).collect();
        let ask = Ask::post(Target::Associations(from.id.clone(), to.id.clone()), &json!({ "inputs": inputs }));
        let read = |answer: &Answer| {
            let (links, failures) = wire::linked(&answer.body)?;
            let stuck = links
                .iter()
                .any(|link| link.next.is_some() && asked.contains(&json!({"id": link.from, "after": link.next})));
            if stuck {
                return Err("its next page is the page itself");
            }
            let named = failures.iter().all(|failure| failure.is_of(&from_ids));
            if named { Ok((links, failures)) } else { Err(wire::NAMELESS) }
        };
        let (links, failures) = hubspot.call(&ask, read).await?;
        for Linked { from: id, to: targets, next } in links {
            for target in targets {
                let key = format!("{id}:{}:{}:{}", target.to, target.category, target.type_id);
                let text = json!({
                    "fromObjectTypeId": from.id, "fromId": id, "toObjectTypeId": to.id, "toId": target.to,
                    "category": target.category, "typeId": target.type_id, "label": target.label,
                });
                found.rows.push(row(key, &[], text.to_string().as_bytes(), at)?);
            }
            waiting.extend(next.map(|after| json!({ "id": id, "after": after })));
        }
        for failure in failures {
            let reason = crate::redact::shown(&format!("{}: {}", failure.category, failure.message), &[]);
            let reason = crate::redact::brief(&reason);
            found.problems.extend(failure.ids.into_iter().map(|id| Problem { id, reason: reason.clone() }));
        }
        Ok(Some((found, (hubspot, from, to, waiting))))
    })
    .boxed()
}
