//! Reading records: list, one, many by id. Pages are written straight into text.

use super::property::{Gen, Property, Sensitivity};
use super::state::{Kind, Overlay, Row, World};
use super::text::{instant, instant_text, mix, number, quoted};
use super::value::effective;
use super::wire::{Failure, Query, Reply, Seen};
use super::{Sim, config::Switches};
use serde_json::Value;

/// What of a record is wanted.
pub(super) struct Wanted {
    /// Places in the type's properties, in the order of names.
    pub properties: Vec<usize>,
    pub history: Vec<usize>,
    /// Types whose associations come along.
    pub associations: Vec<usize>,
}

/// Who asks, and what for.
pub(super) struct Ask<'a> {
    pub world: &'a World,
    pub kind: usize,
    pub now: i64,
    pub switches: &'a Switches,
    pub family: &'a str,
    /// The most sensitive properties that may be read.
    pub sees: Sensitivity,
}

impl Ask<'_> {
    fn kind(&self) -> &Kind {
        &self.world.kinds[self.kind]
    }

    /// Names become places; unknown ones are ignored.
    pub fn wanted(&self, properties: &[String], history: &[String]) -> Wanted {
        let kind = self.kind();
        let found = |name: &str| {
            let at = *kind.by_name.get(name)?;
            let property = &kind.properties[at];
            let readable = property.archived_at.is_none() && property.sensitivity as u8 <= self.sees as u8;
            readable.then_some(at)
        };
        let mut places: Vec<usize> = if properties.is_empty() {
            kind.def.defaults.iter().filter_map(|name| found(name)).collect()
        } else {
            properties.iter().filter_map(|name| found(name)).collect()
        };
        if self.switches.extra_properties {
            let extra = ["hs_object_id", kind.def.created].into_iter().chain(kind.def.modified);
            places.extend(extra.filter_map(|name| kind.by_name.get(name)));
        }
        places.sort_unstable();
        places.dedup();
        let history: Vec<usize> = history.iter().filter_map(|name| found(name)).collect();
        Wanted { properties: places, history, associations: Vec::new() }
    }

    /// The types of `associations=`. Unknown names are ignored; a custom type's bare name is refused.
    pub fn targets(&self, names: &[String]) -> Result<Vec<usize>, Failure> {
        let mut all = Vec::new();
        for name in names {
            let Some(kind) = self.world.kind(name) else { continue };
            let def = &self.world.kinds[kind].def;
            if def.custom() && *name == def.plural {
                return Err(Failure::plain(400, format!("Unable to infer object type from: {name}")));
            }
            all.push(kind);
        }
        Ok(all)
    }

    /// Appends a record.
    pub fn write(&self, out: &mut String, scratch: &mut String, index: usize, wanted: &Wanted, archived: bool) {
        let (world, kind) = (self.world, self.kind());
        let row = &kind.rows[index];
        out.push_str("{\"id\":\"");
        number(out, row.id);
        out.push_str("\",\"properties\":{");
        let mut first = true;
        let mut nulls = [0u64; 32];
        for (at, place) in wanted.properties.iter().enumerate() {
            let property = &kind.properties[*place];
            scratch.clear();
            if !world.value(kind, index, property, scratch) {
                if let Some(word) = nulls.get_mut(at / 64) {
                    *word |= 1 << (at % 64);
                }
                continue;
            }
            if !first {
                out.push(',');
            }
            first = false;
            out.push_str(&property.key);
            quoted(out, scratch);
        }
        // Those without a value come last.
        for (word, bits) in nulls.iter().enumerate() {
            let mut bits = *bits;
            while bits != 0 {
                let at = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                if !first {
                    out.push(',');
                }
                first = false;
                out.push_str(&kind.properties[wanted.properties[at]].key);
                out.push_str("null");
            }
        }
        out.push('}');
        if !wanted.history.is_empty() {
            out.push_str(",\"propertiesWithHistory\":{");
            for (at, place) in wanted.history.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                let property = &kind.properties[*place];
                out.push_str(&property.key);
                self.write_history(out, index, property);
            }
            out.push('}');
        }
        out.push_str(",\"createdAt\":\"");
        instant(out, world.created(kind, index));
        out.push_str("\",\"updatedAt\":\"");
        instant(out, row.modified);
        out.push_str(if archived { "\",\"archived\":true" } else { "\",\"archived\":false" });
        if let Some(at) = world.archived_at(kind, index).filter(|_| archived) {
            out.push_str(",\"archivedAt\":\"");
            instant(out, at);
            out.push('"');
        }
        out.push_str(",\"url\":\"https://app.hubspot.com/contacts/");
        number(out, world.portal);
        out.push_str("/record/");
        out.push_str(&kind.def.id);
        out.push('/');
        number(out, row.id);
        out.push('"');
        if !wanted.associations.is_empty() {
            self.write_associations(out, index, wanted);
        }
        out.push('}');
    }

    /// Newest first, at most twenty.
    fn write_history(&self, out: &mut String, index: usize, property: &Property) {
        let (world, kind) = (self.world, self.kind());
        let row = kind.rows[index];
        let none = Overlay::default();
        let overlay = kind.overlay(index).unwrap_or(&none);
        let id = overlay.like.map_or(row.id, |(_, id)| id);
        let explicit = overlay.values.get(&property.name);
        let hash = mix(kind.key, property.hash);
        out.push('[');
        let mut written = 0;
        for revision in (0..=row.revision).rev() {
            let set = explicit.is_some_and(|all| all.iter().any(|(at, _)| *at == revision));
            let hidden = explicit.is_some_and(|all| all.iter().any(|(at, _)| *at < revision));
            let changed = match property.from {
                Gen::Modified => true,
                // Made once.
                Gen::Id | Gen::Created | Gen::Merged | Gen::Email | Gen::Domain => revision == 0,
                _ => revision == 0 || (!hidden && effective(hash, id, revision) == revision),
            };
            if !(set || changed) || written == 20 {
                continue;
            }
            let stamp = match revision {
                0 => world.created(kind, index),
                _ => overlay.stamps.get(revision as usize - 1).copied().unwrap_or(row.modified),
            };
            let then = Row { revision, modified: stamp, ..row };
            if written > 0 {
                out.push(',');
            }
            out.push_str("{\"value\":");
            quoted(out, &world.text(kind, index, &then, property).unwrap_or_default());
            out.push_str(",\"timestamp\":\"");
            instant(out, stamp);
            let source = if property.calculated() { "CALCULATED" } else { "CRM_UI" };
            let user = 9_586_500 + stamp % 11;
            out.push_str(&format!("\",\"sourceType\":\"{source}\",\"sourceId\":\"userId:{user}\","));
            out.push_str(&format!("\"sourceLabel\":null,\"updatedByUserId\":{user}}}"));
            written += 1;
        }
        out.push(']');
    }

    /// At most a hundred a type, then a cursor.
    fn write_associations(&self, out: &mut String, index: usize, wanted: &Wanted) {
        let (world, kind) = (self.world, self.kind());
        let id = kind.rows[index].id;
        let mut first = true;
        for to in &wanted.associations {
            let links = world.links(self.kind, id, *to);
            if links.is_empty() {
                continue;
            }
            let target = &world.kinds[*to].def;
            out.push_str(if first { ",\"associations\":{" } else { "," });
            first = false;
            quoted(out, target.qualified.as_ref().unwrap_or(&target.plural));
            out.push_str(":{\"results\":[");
            for (at, link) in links.iter().take(100).enumerate() {
                if at > 0 {
                    out.push(',');
                }
                out.push_str("{\"id\":\"");
                number(out, link.to);
                out.push_str("\",\"type\":");
                quoted(out, &super::associations::old_name(world, self.kind, *to, link));
                out.push('}');
            }
            out.push(']');
            if let Some(next) = links.get(100) {
                let after = super::associations::cursor(&target.id, next.to);
                let link = format!(
                    "{}/crm/v3/objects/{}/{id}/associations/{}?after={after}",
                    super::PUBLIC,
                    kind.def.id,
                    target.id
                );
                out.push_str(",\"paging\":{\"next\":{\"after\":");
                quoted(out, &after);
                out.push_str(",\"link\":");
                quoted(out, &link);
                out.push_str("}}");
            }
            out.push('}');
        }
        if !first {
            out.push('}');
        }
    }
}

/// A limit within its bounds.
pub(super) fn limit(query: &Query, default: u64, most: u64, switches: &Switches) -> Result<usize, Failure> {
    let wanted = query.number("limit", default)?;
    if (1..=most).contains(&wanted) {
        return Ok(wanted as usize);
    }
    if switches.lenient_limits {
        return Ok(wanted.clamp(1, most) as usize);
    }
    Err(Failure::invalid(format!("Invalid limit {wanted}: it must be between 1 and {most}")))
}

/// `paging.next` with the cursor, and the link that a client would rather not follow.
pub(super) fn write_paging(out: &mut String, seen: &Seen, query: &Query, after: &str, switches: &Switches) {
    let mut link = if switches.links_to_self { format!("http://{}", seen.host) } else { super::PUBLIC.to_string() };
    link.push_str(seen.path());
    let coded =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let mut sign = '?';
    for (name, value) in query.0.iter().filter(|(name, _)| name != "after") {
        link.push(sign);
        link.push_str(&format!("{name}={}", coded(value)));
        sign = '&';
    }
    link.push(sign);
    link.push_str(&format!("after={}", coded(after)));
    out.push_str(",\"paging\":{\"next\":{\"after\":");
    quoted(out, after);
    out.push_str(",\"link\":");
    quoted(out, &link);
    out.push_str("}}");
}

/// `GET …/objects/{type}`.
pub(super) fn list(ask: &Ask, seen: &Seen) -> Result<Reply, Failure> {
    let query = seen.query();
    let archived = query.flag("archived")?;
    let history = query.list("propertiesWithHistory");
    let most = if history.is_empty() { 100 } else { 50 };
    let limit = limit(&query, 10, most, ask.switches)?;
    let after: u64 = match query.get("after") {
        None | Some("") => 0,
        Some(text) => text.parse().map_err(|_| Failure::invalid(format!("Invalid after: {text}")))?,
    };
    let mut wanted = ask.wanted(&query.list("properties"), &history);
    wanted.associations = ask.targets(&query.list("associations"))?;
    let kind = &ask.world.kinds[ask.kind];
    let from = kind.rows.partition_point(|row| row.id < after);
    let mut out = String::with_capacity(limit * (400 + wanted.properties.len() * 44));
    let mut scratch = String::new();
    let mut ids: Vec<u64> = Vec::with_capacity(limit);
    out.push_str("{\"results\":[");
    let mut next = None;
    for index in from..kind.rows.len() {
        if !ask.world.listed(kind, index, archived, ask.now) {
            continue;
        }
        if ids.len() == limit {
            // Near the last id, and not to be computed by anyone.
            next = ids.last().map(|id| (id + 1).to_string());
            break;
        }
        if !ids.is_empty() {
            out.push(',');
        }
        ask.write(&mut out, &mut scratch, index, &wanted, archived);
        ids.push(kind.rows[index].id);
        Sim::count_read(kind, index);
    }
    out.push(']');
    if let Some(after) = next {
        write_paging(&mut out, seen, &query, &after, ask.switches);
    }
    out.push('}');
    Ok(Reply { returned: Some((ask.kind, ids)), ..Reply::json(200, out) })
}

/// The record that an id or a unique value stands for.
pub(super) fn find(ask: &Ask, id: &str, id_property: Option<&str>) -> Result<Option<usize>, Failure> {
    let kind = &ask.world.kinds[ask.kind];
    let Some(name) = id_property.filter(|name| *name != "hs_object_id" && !name.is_empty()) else {
        let Ok(id) = id.parse::<u64>() else {
            if ask.switches.bad_id_fails_batch {
                return Err(Failure::invalid(format!("Invalid input: '{id}' is not a valid object id")));
            }
            return Ok(None);
        };
        return Ok(kind.index(kind.survivor(id)));
    };
    let Some(property) = kind.property(name).filter(|p| p.unique) else {
        return Err(Failure::invalid(format!("Property '{name}' is not a unique property")));
    };
    // Made from the id, unless it was set.
    let digits: String = id.chars().filter(char::is_ascii_digit).collect();
    let computed = digits.parse().ok().and_then(|guess: u64| kind.index(guess));
    let same = |index: &usize| {
        ask.world.text(kind, *index, &kind.rows[*index], property).is_some_and(|text| text.eq_ignore_ascii_case(id))
    };
    if let Some(index) = computed.filter(|index| kind.rows[*index].live() && same(index)) {
        return Ok(Some(index));
    }
    let changed = kind.overlay.keys().map(|at| *at as usize).filter(|index| kind.rows[*index].live());
    Ok(changed.filter(|index| same(index)).min())
}

/// `GET …/objects/{type}/{id}`.
pub(super) fn one(ask: &Ask, seen: &Seen, id: &str) -> Result<Reply, Failure> {
    let query = seen.query();
    let archived = query.flag("archived")?;
    let mut wanted = ask.wanted(&query.list("properties"), &query.list("propertiesWithHistory"));
    wanted.associations = ask.targets(&query.list("associations"))?;
    let kind = &ask.world.kinds[ask.kind];
    let found = find(ask, id, query.get("idProperty")).ok().flatten();
    let Some(index) = found.filter(|index| ask.world.listed(kind, *index, archived, ask.now)) else {
        return Err(Failure::not_found());
    };
    let mut out = String::new();
    ask.write(&mut out, &mut String::new(), index, &wanted, archived);
    Sim::count_read(kind, index);
    Ok(Reply { returned: Some((ask.kind, vec![kind.rows[index].id])), ..Reply::json(200, out) })
}

/// Texts of a JSON list; numbers are taken for texts.
pub(super) fn texts(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array);
    list.into_iter().flatten().filter_map(text).collect()
}

/// A text, or a number as one.
pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The ids of a batch's inputs.
pub(super) fn inputs(body: &Value) -> Result<Vec<String>, Failure> {
    let Some(list) = body.get("inputs").and_then(Value::as_array) else {
        return Err(Failure::invalid("Invalid input JSON: required field 'inputs' is missing"));
    };
    let ids = list.iter().map(|input| input.get("id").and_then(text));
    ids.collect::<Option<Vec<String>>>().ok_or_else(|| Failure::invalid("Invalid input JSON: an input has no 'id'"))
}

/// `POST …/objects/{type}/batch/read`.
pub(super) fn batch_read(ask: &Ask, seen: &Seen) -> Result<Reply, Failure> {
    let archived = seen.query().flag("archived")?;
    let body = seen.json()?;
    let asked = inputs(&body)?;
    let history = texts(body.get("propertiesWithHistory"));
    let most = if history.is_empty() { 100 } else { 50 };
    if asked.len() > most {
        let subject = if history.is_empty() { "" } else { " for property histories" };
        let message = format!("The maximum number of inputs supported in a batch request{subject} is {most}");
        return Err(Failure::invalid(message));
    }
    let id_property = body.get("idProperty").and_then(Value::as_str);
    let wanted = ask.wanted(&texts(body.get("properties")), &history);
    let kind = &ask.world.kinds[ask.kind];
    let mut found = Vec::with_capacity(asked.len());
    let mut missing = Vec::new();
    for id in asked {
        match find(ask, &id, id_property)?.filter(|index| ask.world.listed(kind, *index, archived, ask.now)) {
            Some(index) => found.push(index),
            None => missing.push(id),
        }
    }
    // Not the order they were asked in.
    found.sort_unstable_by_key(|index| mix(kind.key, kind.rows[*index].id));
    found.dedup();
    let mut out = String::with_capacity(found.len() * (400 + wanted.properties.len() * 44));
    let mut scratch = String::new();
    let mut ids = Vec::with_capacity(found.len());
    out.push_str("{\"status\":\"COMPLETE\",\"results\":[");
    for (at, index) in found.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        ask.write(&mut out, &mut scratch, index, &wanted, archived);
        ids.push(kind.rows[index].id);
        Sim::count_read(kind, index);
    }
    out.push(']');
    let status = write_missing(&mut out, ask, &missing);
    let now = instant_text(ask.now);
    out.push_str(&format!(",\"startedAt\":\"{now}\",\"completedAt\":\"{now}\"}}"));
    Ok(Reply { returned: Some((ask.kind, ids)), ..Reply::json(status, out) })
}

/// The errors of a batch in which some ids are not there; and its status.
pub(super) fn write_missing(out: &mut String, ask: &Ask, missing: &[String]) -> u16 {
    if missing.is_empty() {
        return 200;
    }
    let message = format!(
        "Could not get some {} objects, they may be deleted or not exist. Check that ids are valid.",
        ask.kind().def.shout()
    );
    let error = serde_json::json!({ "status": "error", "category": "OBJECT_NOT_FOUND", "message": message,
        "context": { "ids": missing }, "errors": [], "links": {} });
    out.push_str(&format!(",\"numErrors\":1,\"errors\":[{error}]"));
    if ask.family == "2026-09" { 200 } else { 207 }
}
