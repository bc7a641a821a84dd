//! HubSpot's answers as they are on the wire (hubspot.md §6). Records stay the text that came, but for the spelling of some
//! values ([`super::forms`]); only what is needed to judge them is read out of it. A body that does not hold what was asked for is refused with a few words.

use super::forms::{Forms, spelled};
use crate::tables::LONGEST_ID;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use twox_hash::XxHash64;

/// Whether a body could be read.
pub(super) type Read<T> = Result<T, &'static str>;

/// What is wanted of records, to judge them by.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// The properties whose values make a record another one.
    pub(super) names: HashSet<String>,
    /// The property that moves when a record changes.
    pub(super) modified: &'static str,
    /// The properties whose values have several spellings.
    pub(super) forms: Forms,
}

/// A record: its text, and what was read out of it.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) text: Bytes,
    /// When it was last changed, in epoch milliseconds.
    pub(super) modified: i64,
    /// When it was archived.
    pub(super) archived_at: Option<i64>,
    /// Of its wanted properties, whatever their order.
    pub(super) hash: u32,
    /// The ids of records that were merged into it.
    pub(super) merged: Vec<String>,
}

/// A page of a list.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) records: Vec<Record>,
    /// Where the next page starts; `None` after the last.
    pub(super) next: Option<String>,
}

/// A page of a search.
#[derive(Debug)]
pub(super) struct Searched {
    pub(super) records: Vec<Record>,
    pub(super) total: Option<u64>,
    /// An offset: it is never used.
    pub(super) next: Option<String>,
}

/// A part of a batch that failed.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) ids: Vec<String>,
    pub(super) category: String,
    pub(super) message: String,
}

#[derive(Deserialize)]
struct Whole<'a> {
    #[serde(borrow)]
    results: Vec<&'a RawValue>,
    #[serde(default)]
    paging: Option<Paging>,
    #[serde(default)]
    total: Option<u64>,
    #[serde(default, borrow)]
    errors: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Paging {
    #[serde(default)]
    next: Option<Next>,
}

#[derive(Deserialize)]
struct Next {
    /// Text, or a number in searches and old versions. The link beside it is never followed.
    #[serde(default)]
    after: Option<serde_json::Value>,
}

impl Paging {
    fn after(self) -> Option<String> {
        match self.next?.after? {
            serde_json::Value::String(after) => Some(after),
            serde_json::Value::Number(after) => Some(after.to_string()),
            _ => None,
        }
    }
}

fn whole(body: &Bytes) -> Read<Whole<'_>> {
    serde_json::from_slice(body).map_err(|_| "it is not whole, or not JSON, or has no results")
}

fn records(body: &Bytes, results: &[&RawValue], wanted: &Wanted) -> Read<Vec<Record>> {
    results.iter().map(|raw| record(body.slice_ref(raw.get().as_bytes()), wanted)).collect()
}

/// A page of a list.
pub(super) fn listed(body: &Bytes, wanted: &Wanted) -> Read<Listed> {
    let whole = whole(body)?;
    let records = records(body, &whole.results, wanted)?;
    Ok(Listed { records, next: whole.paging.and_then(Paging::after) })
}

/// A page of a search.
pub(super) fn searched(body: &Bytes, wanted: &Wanted) -> Read<Searched> {
    let whole = whole(body)?;
    let records = records(body, &whole.results, wanted)?;
    Ok(Searched { records, total: whole.total, next: whole.paging.and_then(Paging::after) })
}

/// A batch, whole or in part, whatever its status was.
pub(super) fn batch(body: &Bytes, wanted: &Wanted) -> Read<(Vec<Record>, Vec<Failure>)> {
    let whole = whole(body)?;
    let failures = failures(&whole);
    if failures.iter().any(|failure| !failure.is_absence() && failure.ids.is_empty()) {
        return Err(NAMELESS);
    }
    Ok((records(body, &whole.results, wanted)?, failures))
}

/// What could not be read is not what is not there: without ids the two cannot be told apart.
pub(super) const NAMELESS: &str = "a part of it failed, and it does not say which";

fn failures(whole: &Whole<'_>) -> Vec<Failure> {
    let errors =
        whole.errors.iter().flatten().filter_map(|raw| serde_json::from_str::<serde_json::Value>(raw.get()).ok());
    errors
        .map(|error| {
            let text = |name: &str| error[name].as_str().unwrap_or_default().to_string();
            let ids = ["ids", "id", "fromObjectId"].into_iter().flat_map(|name| ids(&error["context"][name]));
            Failure { ids: ids.collect(), category: text("category"), message: text("message") }
        })
        .collect()
}

/// Ids in any form that they come in: texts or numbers, in an array or by themselves.
fn ids(value: &serde_json::Value) -> Vec<String> {
    match value {
        serde_json::Value::Array(several) => several.iter().flat_map(ids).collect(),
        serde_json::Value::String(text) => {
            text.split(',').map(str::trim).filter(|id| !id.is_empty()).map(String::from).collect()
        }
        serde_json::Value::Number(number) => vec![number.to_string()],
        _ => Vec::new(),
    }
}

impl Failure {
    /// Nothing failed: the record is not there.
    pub(super) fn is_absence(&self) -> bool {
        self.category == "OBJECT_NOT_FOUND"
    }

    /// It is of one of the records that were asked for.
    pub(super) fn is_of(&self, asked: &HashSet<&str>) -> bool {
        self.ids.iter().any(|id| asked.contains(id.as_str()))
    }
}

#[derive(Deserialize)]
struct Outer<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(default, borrow)]
    properties: Option<&'a RawValue>,
    #[serde(default, rename = "updatedAt", borrow)]
    updated: Option<&'a RawValue>,
    #[serde(default, rename = "createdAt", borrow)]
    created: Option<&'a RawValue>,
    #[serde(default, rename = "archivedAt", borrow)]
    archived: Option<&'a RawValue>,
}

/// A record of a list, a search or a batch.
pub(super) fn record(text: Bytes, wanted: &Wanted) -> Read<Record> {
    let outer: Outer<'_> = serde_json::from_slice(&text).map_err(|_| "a record has no id")?;
    let id = plain(outer.id).filter(|id| !id.is_empty()).ok_or("a record has no id")?.into_owned();
    if id.len() > LONGEST_ID {
        return Err("a record has an id that is too long");
    }
    let mut judge = Judge { wanted, hash: 0, modified: None, merged: Vec::new(), spelled: Vec::new() };
    if let Some(properties) = outer.properties.filter(|raw| raw.get().starts_with('{')) {
        let mut reader = serde_json::Deserializer::from_str(properties.get());
        (&mut judge).deserialize(&mut reader).map_err(|_| "the properties of a record cannot be read")?;
    }
    let time = |raw: Option<&RawValue>| raw.and_then(plain).and_then(|text| moment(&text));
    let modified = judge.modified.or_else(|| time(outer.updated)).or_else(|| time(outer.created)).unwrap_or(0);
    let archived_at = time(outer.archived);
    let (hash, merged) = ((judge.hash ^ (judge.hash >> 32)) as u32, judge.merged);
    let text = match judge.spelled.is_empty() {
        true => text,
        false => respelled(&text, &judge.spelled),
    };
    Ok(Record { id, modified, archived_at, hash, merged, text })
}

/// A record's text with other values in it, which are parts of that very text, in their order.
fn respelled(text: &[u8], values: &[(&str, String)]) -> Bytes {
    let mut new = Vec::with_capacity(text.len() + 16 * values.len());
    let mut done = 0;
    for (old, value) in values {
        let start = old.as_ptr() as usize - text.as_ptr() as usize;
        new.extend_from_slice(&text[done..start]);
        new.push(b'"');
        new.extend_from_slice(value.as_bytes());
        new.push(b'"');
        done = start + old.len();
    }
    new.extend_from_slice(&text[done..]);
    new.into()
}

/// A text or number as text; `None` for anything else.
fn plain<'a>(raw: &'a RawValue) -> Option<Cow<'a, str>> {
    let text = raw.get();
    match text.as_bytes().first()? {
        b'"' if !text.contains('\\') => Some(Cow::Borrowed(&text[1..text.len() - 1])),
        b'"' => serde_json::from_str::<String>(text).ok().map(Cow::Owned),
        b'0'..=b'9' | b'-' => Some(Cow::Borrowed(text)),
        _ => None,
    }
}

/// Reads the properties of a record in passing.
struct Judge<'w, 't> {
    wanted: &'w Wanted,
    hash: u64,
    modified: Option<i64>,
    merged: Vec<String>,
    /// Values that get another spelling: as they stand in the text, and the new one.
    spelled: Vec<(&'t str, String)>,
}

impl<'de> DeserializeSeed<'de> for &mut Judge<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Judge<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("properties")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let value: &'de RawValue = map.next_value()?;
            self.property(&name, value);
        }
        Ok(())
    }
}

/// A key, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_string()))
            }
        }
        reader.deserialize_str(Text).map(Name)
    }
}

impl<'t> Judge<'_, 't> {
    fn property(&mut self, name: &str, raw: &'t RawValue) {
        // Absent, null and empty all mean that there is no value (§10.2).
        if matches!(raw.get(), "null" | "\"\"") {
            return;
        }
        if let Some(form) = self.wanted.forms.get(name)
            && let Some(value) = plain(raw).and_then(|text| spelled(*form, &text))
        {
            self.spelled.push((raw.get(), value));
        }
        if name == self.wanted.modified {
            self.modified = plain(raw).and_then(|text| moment(&text));
            return;
        }
        if name == "hs_merged_object_ids" {
            let ids = plain(raw).unwrap_or_default();
            self.merged = ids.split(';').map(str::trim).filter(|id| !id.is_empty()).map(String::from).collect();
        }
        if self.wanted.names.contains(name) {
            let value = plain(raw).unwrap_or(Cow::Borrowed(raw.get()));
            let seed = XxHash64::oneshot(0, name.as_bytes());
            self.hash = self.hash.wrapping_add(XxHash64::oneshot(seed, value.as_bytes()));
        }
    }
}

/// A moment in epoch milliseconds: ISO text with any number of fraction digits, or milliseconds.
pub(super) fn moment(text: &str) -> Option<i64> {
    if let Ok(millis) = text.parse::<i64>() {
        return Some(millis);
    }
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.timestamp_millis())
}

/// A granted token.
#[derive(Deserialize)]
pub(super) struct Granted {
    pub(super) access_token: String,
    #[serde(default)]
    pub(super) refresh_token: Option<String>,
    #[serde(default)]
    pub(super) expires_in: Option<u64>,
    #[serde(default)]
    pub(super) scopes: Option<Vec<String>>,
}

pub(super) fn granted(body: &[u8]) -> Read<Granted> {
    let granted: Granted = serde_json::from_slice(body).map_err(|_| "it has no access token")?;
    if granted.access_token.is_empty() { Err("it has no access token") } else { Ok(granted) }
}

/// What a token is good for.
#[derive(Deserialize)]
pub(super) struct Inspected {
    #[serde(default)]
    pub(super) hub_id: Option<i64>,
    #[serde(default)]
    pub(super) scopes: Option<Vec<String>>,
}

pub(super) fn inspected(body: &[u8]) -> Read<Inspected> {
    serde_json::from_slice(body).map_err(|_| "it is not JSON")
}

/// Who the account is.
#[derive(Deserialize)]
pub(super) struct Details {
    #[serde(rename = "portalId")]
    pub(super) portal: i64,
    #[serde(default, rename = "timeZone")]
    pub(super) zone: Option<String>,
}

pub(super) fn details(body: &[u8]) -> Read<Details> {
    serde_json::from_slice(body).map_err(|_| "it has no portal id")
}

/// A property of a kind of record.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Property {
    pub(super) name: String,
    #[serde(default)]
    pub(super) label: Option<String>,
    #[serde(default, rename = "type")]
    pub(super) ty: Option<String>,
    #[serde(default)]
    pub(super) archived: Option<bool>,
}

#[derive(Deserialize)]
struct Results<T> {
    results: Vec<T>,
}

pub(super) fn properties(body: &[u8]) -> Read<Vec<Property>> {
    let found: Results<Property> = serde_json::from_slice(body).map_err(|_| "it is not a list of properties")?;
    Ok(found.results.into_iter().filter(|property| property.archived != Some(true)).collect())
}

/// A custom kind of record.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Schema {
    #[serde(rename = "objectTypeId")]
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) archived: Option<bool>,
}

pub(super) fn schemas(body: &[u8]) -> Read<Vec<Schema>> {
    let found: Results<Schema> = serde_json::from_slice(body).map_err(|_| "it is not a list of schemas")?;
    let plain = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    Ok(found.results.into_iter().filter(|schema| schema.archived != Some(true) && plain(&schema.id)).collect())
}

/// Which kinds are switched on, by id; empty where the answer has another form.
pub(super) fn enablement(body: &[u8]) -> Read<Vec<(String, bool)>> {
    let found: serde_json::Value = serde_json::from_slice(body).map_err(|_| "it is not JSON")?;
    let map = found.get("enablementByObjectTypeId").unwrap_or(&found);
    let on = |value: &serde_json::Value| value.as_bool();
    Ok(map.as_object().into_iter().flatten().filter_map(|(id, value)| Some((id.clone(), on(value)?))).collect())
}

/// The texts of a list's results and where the next page starts: for tables that are read as they are.
pub(super) fn texts(body: &Bytes) -> Read<(Vec<Bytes>, Option<String>)> {
    let whole = whole(body)?;
    let texts = whole.results.iter().map(|raw| body.slice_ref(raw.get().as_bytes())).collect();
    Ok((texts, whole.paging.and_then(Paging::after)))
}

/// What one record is associated with.
#[derive(Debug)]
pub(super) struct Linked {
    pub(super) from: String,
    pub(super) to: Vec<Link>,
    /// Where the rest of them starts.
    pub(super) next: Option<String>,
}

/// One association.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) to: String,
    pub(super) category: String,
    pub(super) type_id: i64,
    pub(super) label: Option<String>,
}

#[derive(Deserialize)]
struct LinkedWire<'a> {
    #[serde(borrow)]
    from: IdWire<'a>,
    #[serde(default, borrow)]
    to: Vec<LinkWire<'a>>,
    #[serde(default)]
    paging: Option<Paging>,
}

#[derive(Deserialize)]
struct IdWire<'a> {
    #[serde(borrow)]
    id: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkWire<'a> {
    /// A number in old versions, a text in new ones (§2).
    #[serde(borrow)]
    to_object_id: &'a RawValue,
    #[serde(default)]
    association_types: Vec<TypeWire>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypeWire {
    category: String,
    type_id: i64,
    #[serde(default)]
    label: Option<String>,
}

/// A batch of associations, and what of it failed for another reason than that there are none.
pub(super) fn linked(body: &Bytes) -> Read<(Vec<Linked>, Vec<Failure>)> {
    const ODD: &str = "an association cannot be read";
    let whole = whole(body)?;
    let mut links = Vec::new();
    for raw in &whole.results {
        let found: LinkedWire<'_> = serde_json::from_str(raw.get()).map_err(|_| ODD)?;
        let mut to = Vec::new();
        for target in found.to {
            let id = plain(target.to_object_id).ok_or(ODD)?.into_owned();
            to.extend(target.association_types.into_iter().map(|ty| Link {
                to: id.clone(),
                category: ty.category,
                type_id: ty.type_id,
                label: ty.label,
            }));
        }
        let from = plain(found.from.id).ok_or(ODD)?.into_owned();
        links.push(Linked { from, to, next: found.paging.and_then(Paging::after) });
    }
    let none = |failure: &Failure| {
        let kind = failure.category.to_ascii_uppercase();
        kind.contains("NOT_FOUND") || kind.contains("NO_ASSOCIATIONS") || failure.message.starts_with("No ")
    };
    let failures: Vec<Failure> = failures(&whole).into_iter().filter(|failure| !none(failure)).collect();
    if failures.iter().any(|failure| failure.ids.is_empty()) {
        return Err(NAMELESS);
    }
    Ok((links, failures))
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
