//! Which records belong together, in the shapes of each version.

use super::records::{Ask, inputs, text};
use super::state::{Link, World};
use super::text::{instant_text, number, quoted};
use super::wire::{Failure, Reply, Seen};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

/// The opaque place before a target.
pub(super) fn cursor(type_id: &str, next: u64) -> String {
    STANDARD_NO_PAD.encode(format!("{type_id}-{next}"))
}

fn place(after: &str) -> Result<u64, Failure> {
    let bytes = STANDARD_NO_PAD.decode(after.trim_end_matches('='));
    let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| text.rsplit('-').next()?.parse().ok())
        .ok_or_else(|| Failure::invalid(format!("Invalid paging cursor: {after}")))
}

/// `contact_to_company`: what lists call a link.
pub(super) fn old_name(world: &World, from: usize, to: usize, link: &Link) -> String {
    let plain = format!("{}_to_{}", world.kinds[from].def.singular, world.kinds[to].def.singular);
    let labels = world.link_types(from, to);
    match labels.iter().find(|t| (t.0, t.1) == (link.type_id, link.user)).and_then(|t| t.2) {
        Some("Primary") => plain,
        Some(label) => label.to_lowercase().replace(' ', "_"),
        None if labels.len() > 1 => format!("{plain}_unlabeled"),
        None => plain,
    }
}

/// Targets from a cursor on, each with its links: as many as fit a page, and the next cursor.
fn page(
    ask: &Ask,
    from: u64,
    to: usize,
    after: Option<&str>,
    most: usize,
) -> Result<(Vec<Vec<Link>>, Option<String>), Failure> {
    let start = after.filter(|after| !after.is_empty()).map(place).transpose()?.unwrap_or(0);
    let mut targets: Vec<Vec<Link>> = Vec::new();
    for link in ask.world.links(ask.kind, from, to).into_iter().filter(|link| link.to >= start) {
        if let Some(last) = targets.last_mut().filter(|last| last[0].to == link.to) {
            last.push(link);
            continue;
        }
        if targets.len() == most {
            return Ok((targets, Some(cursor(&ask.world.kinds[to].def.id, link.to))));
        }
        targets.push(vec![link]);
    }
    Ok((targets, None))
}

fn write_target(out: &mut String, ask: &Ask, to: usize, links: &[Link]) {
    out.push_str("{\"toObjectId\":");
    let text = ask.switches.text_target_ids || !matches!(ask.family, "v3" | "v4");
    if text {
        out.push('"');
    }
    number(out, links[0].to);
    if text {
        out.push('"');
    }
    out.push_str(",\"associationTypes\":[");
    for (at, link) in links.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str(if link.user {
            "{\"category\":\"USER_DEFINED\",\"typeId\":"
        } else {
            "{\"category\":\"HUBSPOT_DEFINED\",\"typeId\":"
        });
        number(out, u64::from(link.type_id));
        out.push_str(",\"label\":");
        match ask.world.label(ask.kind, to, link) {
            Some(label) => quoted(out, label),
            None => out.push_str("null"),
        }
        out.push('}');
    }
    out.push_str("]}");
}

fn write_next(out: &mut String, ask: &Ask, id: u64, to: usize, after: Option<String>) {
    let Some(after) = after else { return };
    let (from, to) = (&ask.world.kinds[ask.kind].def.id, &ask.world.kinds[to].def.id);
    let link = format!("{}/crm/v4/objects/{from}/{id}/associations/{to}?after={after}", super::PUBLIC);
    out.push_str(",\"paging\":{\"next\":{\"after\":");
    quoted(out, &after);
    out.push_str(",\"link\":");
    quoted(out, &link);
    out.push_str("}}");
}

/// `POST …/associations/{from}/{to}/batch/read`.
pub(super) fn batch(ask: &Ask, seen: &Seen, to: usize, old: bool) -> Result<Reply, Failure> {
    let body = seen.json()?;
    let ids = inputs(&body)?;
    if ids.len() > 1_000 {
        let message = format!("The number of inputs ({}) is larger than the maximum of 1000", ids.len());
        return Err(Failure::invalid(message));
    }
    let afters = body.get("inputs").and_then(Value::as_array).into_iter().flatten();
    let afters = afters.map(|input| input.get("after").and_then(text));
    let kind = &ask.world.kinds[ask.kind];
    let mut out = String::from("{\"status\":\"COMPLETE\",\"results\":[");
    let mut empty = Vec::new();
    let mut first = true;
    for (id, after) in ids.into_iter().zip(afters) {
        let Ok(asked) = id.parse::<u64>() else {
            return Err(Failure::invalid(format!("Invalid input: '{id}' is not a valid object id")));
        };
        let from = kind.survivor(asked);
        let (targets, next) = page(ask, from, to, after.as_deref(), ask.switches.association_page.max(1))?;
        if targets.is_empty() {
            empty.push(id);
            continue;
        }
        if !first {
            out.push(',');
        }
        first = false;
        out.push_str("{\"from\":{\"id\":\"");
        number(&mut out, from);
        out.push_str("\"},\"to\":[");
        for (at, links) in targets.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            if old {
                for (at, link) in links.iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    let name = old_name(ask.world, ask.kind, to, link);
                    out.push_str(&format!("{{\"id\":\"{}\",\"type\":\"{name}\"}}", link.to));
                }
            } else {
                write_target(&mut out, ask, to, links);
            }
        }
        out.push(']');
        write_next(&mut out, ask, from, to, next);
        out.push('}');
    }
    out.push(']');
    let mut status = 200;
    if ask.switches.no_association_errors && !empty.is_empty() {
        let errors: Vec<Value> = empty.iter().map(|id| no_association(ask, to, id)).collect();
        out.push_str(&format!(",\"numErrors\":{},\"errors\":{}", errors.len(), Value::Array(errors)));
        status = if ask.family == "2026-09" { 200 } else { 207 };
    }
    let now = instant_text(ask.now);
    out.push_str(&format!(",\"startedAt\":\"{now}\",\"completedAt\":\"{now}\"}}"));
    Ok(Reply::json(status, out))
}

fn no_association(ask: &Ask, to: usize, id: &str) -> Value {
    let (from, to) = (&ask.world.kinds[ask.kind].def, &ask.world.kinds[to].def);
    json!({ "status": "error", "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": format!("No {} is associated with {} {id}.", to.singular, from.singular),
        "context": { "fromObjectId": [id], "fromObjectType": [from.id], "toObjectType": [to.id] },
        "errors": [], "links": {} })
}

/// `GET …/objects/{type}/{id}/associations/{to}`.
pub(super) fn one(ask: &Ask, seen: &Seen, id: &str, to: usize) -> Result<Reply, Failure> {
    let query = seen.query();
    let limit = super::records::limit(&query, 500, 500, ask.switches)?;
    let kind = &ask.world.kinds[ask.kind];
    let asked: u64 = id.parse().map_err(|_| Failure::invalid(format!("'{id}' is not a valid object id")))?;
    let from = kind.survivor(asked);
    if !kind.index(from).is_some_and(|at| kind.rows[at].live()) {
        return Err(Failure::not_found());
    }
    let (targets, next) = page(ask, from, to, query.get("after"), limit)?;
    let mut out = String::from("{\"results\":[");
    for (at, links) in targets.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write_target(&mut out, ask, to, links);
    }
    out.push(']');
    write_next(&mut out, ask, from, to, next);
    out.push('}');
    Ok(Reply::json(200, out))
}

/// `GET …/associations/{from}/{to}/labels`, and its older form `types`.
pub(super) fn labels(ask: &Ask, to: usize, old: bool) -> Reply {
    let all = ask.world.link_types(ask.kind, to).into_iter().map(|(id, user, label)| {
        if old {
            let name = old_name(ask.world, ask.kind, to, &Link { to: 0, user, type_id: id });
            return json!({ "id": id.to_string(), "name": name });
        }
        let category = if user { "USER_DEFINED" } else { "HUBSPOT_DEFINED" };
        json!({ "category": category, "typeId": id, "label": label })
    });
    Reply::value(&json!({ "results": all.collect::<Vec<_>>() }))
}
