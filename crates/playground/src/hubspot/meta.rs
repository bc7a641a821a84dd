//! What the account says of itself: details, properties, schemas, owners, pipelines, lists, marketing.

use super::property::Sensitivity;
use super::records::{Ask, texts};
use super::state::{DAY, World};
use super::text::{instant_text, mix};
use super::wire::{Failure, Reply, Seen};
use serde_json::{Value, json};

/// `GET /account-info/…/details`.
pub(super) fn account(portal: u64) -> Reply {
    Reply::value(&json!({ "portalId": portal, "accountType": "STANDARD", "timeZone": "US/Eastern",
        "companyCurrency": "EUR", "additionalCurrencies": ["USD"], "utcOffset": "-05:00",
        "utcOffsetMilliseconds": -18_000_000, "uiDomain": "app.hubspot.com", "dataHostingLocation": "na1" }))
}

/// `GET /account-info/…/api-usage/daily/private-apps`.
pub(super) fn usage(today: u32, limit: Option<u32>, now: i64) -> Reply {
    let resets = (now - 5 * 3_600_000).div_euclid(DAY) * DAY + DAY + 5 * 3_600_000;
    let limit = limit.unwrap_or(super::limits::UNLIMITED);
    Reply::value(&json!({ "results": [{ "name": "private-apps-api-calls-daily", "usageLimit": limit,
        "currentUsage": today, "collectedAt": instant_text(now), "fetchStatus": "SUCCESS",
        "resetsAt": instant_text(resets) }] }))
}

/// `GET …/properties/{type}`.
pub(super) fn properties(ask: &Ask, seen: &Seen) -> Result<Reply, Failure> {
    let query = seen.query();
    let archived = query.flag("archived")?;
    let wanted = sensitivity(ask, query.get("dataSensitivity").unwrap_or("non_sensitive"))?;
    let kind = &ask.world.kinds[ask.kind];
    let mut out = String::from("{\"results\":[");
    let listed = kind.properties.iter().filter(|p| p.archived_at.is_some() == archived && p.sensitivity == wanted);
    for (at, property) in listed.enumerate() {
        if at > 0 {
            out.push(',');
        }
        property.write(&mut out, &kind.def.id);
    }
    out.push_str("]}");
    Ok(Reply::json(200, out))
}

fn sensitivity(ask: &Ask, name: &str) -> Result<Sensitivity, Failure> {
    let wanted = [Sensitivity::Plain, Sensitivity::Sensitive, Sensitivity::Highly];
    let Some(wanted) = wanted.into_iter().find(|s| s.name() == name) else {
        return Err(Failure::invalid(format!("Unable to parse value for dataSensitivity: {name}")));
    };
    if wanted as u8 > ask.sees as u8 {
        let plural = &ask.world.kinds[ask.kind].def.plural;
        let scope = match wanted {
            Sensitivity::Highly => format!("crm.objects.{plural}.highly_sensitive.read.v2"),
            _ => format!("crm.objects.{plural}.sensitive.read.v2"),
        };
        return Err(missing_scope(&scope));
    }
    Ok(wanted)
}

/// 403 with the scopes that would be needed.
pub(super) fn missing_scope(scope: &str) -> Failure {
    let message = "One or more of the following scopes are required.";
    Failure {
        errors: vec![json!({ "message": message, "context": { "requiredGranularScopes": [scope] } })],
        ..Failure::new(
            403,
            "MISSING_SCOPES",
            "This app hasn't been granted all required scopes to make this call. Read more about required scopes \
             here: https://developers.hubspot.com/scopes.",
        )
    }
}

/// `GET …/properties/{type}/{name}`.
pub(super) fn property(ask: &Ask, seen: &Seen, name: &str) -> Result<Reply, Failure> {
    let archived = seen.query().flag("archived")?;
    let kind = &ask.world.kinds[ask.kind];
    let found =
        kind.property(name).filter(|p| p.archived_at.is_some() == archived && p.sensitivity as u8 <= ask.sees as u8);
    let Some(property) = found else {
        return Err(Failure::new(404, "OBJECT_NOT_FOUND", format!("Property {name} does not exist")));
    };
    let mut out = String::new();
    property.write(&mut out, &kind.def.id);
    Ok(Reply::json(200, out))
}

/// `POST …/properties/{type}/batch/read`.
pub(super) fn properties_batch(ask: &Ask, seen: &Seen) -> Result<Reply, Failure> {
    let body = seen.json()?;
    let archived = body.get("archived").and_then(Value::as_bool).unwrap_or(false);
    let kind = &ask.world.kinds[ask.kind];
    let inputs = body.get("inputs").and_then(Value::as_array).cloned().unwrap_or_default();
    if inputs.len() > 100 {
        return Err(Failure::invalid("The maximum number of inputs supported in a batch request is 100"));
    }
    let names: Vec<String> =
        inputs.iter().filter_map(|i| i.get("name").and_then(Value::as_str)).map(str::to_string).collect();
    let mut out = String::from("{\"status\":\"COMPLETE\",\"results\":[");
    let mut missing = Vec::new();
    let mut first = true;
    for name in names {
        match kind
            .property(&name)
            .filter(|p| p.archived_at.is_some() == archived && p.sensitivity as u8 <= ask.sees as u8)
        {
            Some(property) => {
                if !first {
                    out.push(',');
                }
                first = false;
                property.write(&mut out, &kind.def.id);
            }
            None => missing.push(name),
        }
    }
    out.push(']');
    let status = super::records::write_missing(&mut out, ask, &missing);
    let now = instant_text(ask.now);
    out.push_str(&format!(",\"startedAt\":\"{now}\",\"completedAt\":\"{now}\"}}"));
    Ok(Reply::json(status, out))
}

fn schema(world: &World, kind: usize) -> Value {
    let custom = &world.kinds[kind];
    let def = &custom.def;
    let properties: Vec<Value> = custom
        .properties
        .iter()
        .map(|property| {
            let mut out = String::new();
            property.write(&mut out, &def.id);
            serde_json::from_str(&out).expect("properties are written as JSON")
        })
        .collect();
    let at = instant_text(1_609_459_200_000);
    let associations: Vec<Value> = ["contacts", "companies"]
        .iter()
        .filter_map(|name| world.kind(name))
        .map(|to| {
            let target = &world.kinds[to].def;
            json!({ "id": world.plain(kind, to).to_string(), "fromObjectTypeId": def.id, "toObjectTypeId": target.id,
                "name": format!("{}_to_{}", def.singular, target.singular), "createdAt": at, "updatedAt": at })
        })
        .collect();
    let qualified = def.qualified.clone().unwrap_or_else(|| def.plural.clone());
    json!({ "id": def.id.trim_start_matches("2-"), "name": def.plural, "objectTypeId": def.id,
        "fullyQualifiedName": qualified, "labels": { "singular": def.singular, "plural": def.plural },
        "primaryDisplayProperty": "hs_name", "secondaryDisplayProperties": [], "requiredProperties": ["hs_name"],
        "searchableProperties": ["hs_name"], "properties": properties, "associations": associations,
        "description": "Made by the account's users.", "archived": false, "createdAt": at, "updatedAt": at,
        "createdByUserId": 31, "updatedByUserId": 31, "allowsSensitiveProperties": false })
}

/// `GET …/schemas`.
pub(super) fn schemas(world: &World, seen: &Seen) -> Result<Reply, Failure> {
    let archived = seen.query().flag("archived")?;
    let custom = (0..world.kinds.len())
        .filter(|kind| !archived && world.kinds[*kind].def.custom() && !world.kinds[*kind].def.off);
    Ok(Reply::value(&json!({ "results": custom.map(|kind| schema(world, kind)).collect::<Vec<_>>() })))
}

/// `GET …/schemas/{type}`.
pub(super) fn schema_of(ask: &Ask) -> Reply {
    Reply::value(&schema(ask.world, ask.kind))
}

/// `GET …/object-library/…/enablement`.
pub(super) fn enablement(world: &World) -> Reply {
    let map: serde_json::Map<String, Value> = world
        .kinds
        .iter()
        .filter(|kind| !kind.def.custom())
        .map(|kind| (kind.def.id.clone(), Value::Bool(!kind.def.off)))
        .collect();
    Reply::value(&json!({ "enablementByObjectTypeId": map }))
}

fn owner(world: &World, at: usize) -> Value {
    let owner = &world.owners[at];
    let stamp = instant_text(1_600_000_000_000 + at as i64 * 86_461_007);
    let mut body = json!({ "id": owner.id.to_string(), "email": owner.email,
        "type": if owner.queue { "QUEUE" } else { "PERSON" },
        "firstName": owner.first, "lastName": owner.last, "userId": if owner.archived { None } else { owner.user_id },
        "userIdIncludingInactive": owner.user_id, "createdAt": stamp, "updatedAt": stamp, "archived": owner.archived });
    if let Some(fields) = body.as_object_mut() {
        // An owner without one has no such key.
        fields.retain(|name, value| !value.is_null() || !matches!(name.as_str(), "email" | "userId"));
        if at.is_multiple_of(3) && !owner.archived {
            fields.insert(
                "teams".into(),
                json!([{ "id": (178_588 + at).to_string(), "name": format!("Team {at}"), "primary": true }]),
            );
        }
    }
    body
}

/// `GET …/owners`.
pub(super) fn owners(ask: &Ask, seen: &Seen) -> Result<Reply, Failure> {
    let query = seen.query();
    let archived = query.flag("archived")?;
    let limit = super::records::limit(&query, 100, 500, ask.switches)?;
    let after = query.number("after", 0)?;
    let email = query.get("email");
    let listed: Vec<usize> = (0..ask.world.owners.len())
        .filter(|at| {
            let owner = &ask.world.owners[*at];
            owner.archived == archived && owner.id >= after && email.is_none_or(|e| owner.email.as_deref() == Some(e))
        })
        .collect();
    let page: Vec<Value> = listed.iter().take(limit).map(|at| owner(ask.world, *at)).collect();
    let mut out = format!("{{\"results\":{}", Value::Array(page));
    if let Some(next) = listed.get(limit) {
        let after = ask.world.owners[*next].id.to_string();
        super::records::write_paging(&mut out, seen, &query, &after, ask.switches);
    }
    out.push('}');
    Ok(Reply::json(200, out))
}

/// `GET …/owners/{id}`.
pub(super) fn owner_of(ask: &Ask, seen: &Seen, id: &str) -> Result<Reply, Failure> {
    let query = seen.query();
    let archived = query.flag("archived")?;
    let by_user = query.get("idProperty") == Some("userId");
    let id: u64 = id.parse().map_err(|_| Failure::invalid(format!("'{id}' is not a valid owner id")))?;
    let found = ask.world.owners.iter().position(|owner| {
        owner.archived == archived && if by_user { owner.user_id == Some(id) } else { owner.id == id }
    });
    found.map(|at| Reply::value(&owner(ask.world, at))).ok_or_else(Failure::not_found)
}

fn pipelines_of(ask: &Ask) -> Result<Vec<Value>, Failure> {
    let def = &ask.world.kinds[ask.kind].def;
    if !def.pipelines {
        return Err(Failure::invalid(format!("Object type {} does not support pipelines", def.id)));
    }
    let at = instant_text(1_577_836_800_000);
    let stage = |order: usize, id: &str, label: &str, metadata: Value| {
        json!({ "label": label, "displayOrder": order, "metadata": metadata, "id": id, "createdAt": at,
            "updatedAt": at, "archived": false, "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT" })
    };
    let pipeline = |order: usize, id: &str, label: &str, stages: Vec<Value>| {
        json!({ "label": label, "displayOrder": order, "id": id, "stages": stages, "createdAt": at, "updatedAt": at,
            "archived": false })
    };
    // Metadata is text, whatever it means.
    let sales = |prefix: &str| {
        [
            ("appointmentscheduled", "0.2", "false"),
            ("qualifiedtobuy", "0.4", "false"),
            ("closedwon", "1.0", "true"),
            ("closedlost", "0.0", "true"),
        ]
        .iter()
        .enumerate()
        .map(|(at, (id, probability, closed))| {
            stage(at, &format!("{prefix}{id}"), id, json!({ "isClosed": closed, "probability": probability }))
        })
        .collect::<Vec<_>>()
    };
    let support = ["NEW", "WAITING", "OPEN", "CLOSED"].iter().enumerate().map(|(at, name)| {
        stage(
            at,
            &(at + 1).to_string(),
            name,
            json!({ "ticketState": if at == 3 { "CLOSED" } else { "OPEN" }, "isClosed": (at == 3).to_string() }),
        )
    });
    Ok(match def.plural.as_str() {
        "deals" => vec![
            pipeline(0, "default", "Sales Pipeline", sales("")),
            pipeline(1, "renewals", "Renewals", sales("renewal_")),
        ],
        "tickets" => vec![pipeline(0, "0", "Support Pipeline", support.collect())],
        other => vec![pipeline(0, &format!("{other}-pipeline"), "Pipeline", sales(&format!("{other}-")))],
    })
}

/// `GET …/pipelines/{type}`, one of them, or its stages.
pub(super) fn pipelines(ask: &Ask, id: Option<&str>, stages: bool) -> Result<Reply, Failure> {
    let all = pipelines_of(ask)?;
    let Some(id) = id else { return Ok(Reply::value(&json!({ "results": all }))) };
    let found = all.into_iter().find(|p| p["id"] == id).ok_or_else(Failure::not_found)?;
    Ok(Reply::value(&if stages { json!({ "results": found["stages"] }) } else { found }))
}

const LISTS: u64 = 12;

fn list_of(world: &World, id: u64) -> Value {
    let at = instant_text(1_650_000_000_000 + id as i64 * 3_600_007);
    let kind = if id % 2 == 1 { "DYNAMIC" } else { "MANUAL" };
    json!({ "listId": id.to_string(), "listVersion": 3, "createdAt": at, "updatedAt": at, "filtersUpdatedAt": at,
        "processingStatus": "COMPLETE", "createdById": "31", "updatedById": "31", "processingType": kind,
        "objectTypeId": "0-1", "name": format!("List {id}"), "size": members(world, id).len(),
        "additionalProperties": { "hs_list_size": members(world, id).len().to_string() } })
}

/// Ids of the contacts of a list, in the order in which they joined.
fn members(world: &World, list: u64) -> Vec<(i64, u64)> {
    let Some(contacts) = world.kind("contacts") else { return Vec::new() };
    let kind = &world.kinds[contacts];
    let joined = |id: u64| match world.listed.get(&(list, id)) {
        Some(changed) => *changed,
        None if !mix(kind.key ^ list, id).is_multiple_of(list + 3) => None,
        None => Some(world.start - (mix(list, id) % (400 * DAY) as u64) as i64),
    };
    let live = kind.rows.iter().filter(|row| row.live());
    let mut all: Vec<(i64, u64)> = live.filter_map(|row| Some((joined(row.id)?, row.id))).collect();
    all.sort_unstable();
    all
}

/// `POST …/lists/search`.
pub(super) fn lists_search(world: &World, seen: &Seen) -> Result<Reply, Failure> {
    let body = seen.json()?;
    let number = |name: &str, default: u64| body.get(name).and_then(Value::as_u64).unwrap_or(default);
    let (count, offset) = (number("count", 20), number("offset", 0));
    if count > 500 {
        return Err(Failure::invalid("count must not be larger than 500"));
    }
    if offset > 10_000 {
        return Err(Failure::invalid("offset must not be larger than 10000"));
    }
    let query = body.get("query").and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let ids = texts(body.get("listIds"));
    let fits = |id: &u64| format!("list {id}").contains(&query) && (ids.is_empty() || ids.contains(&id.to_string()));
    let all: Vec<u64> = (1..=LISTS).filter(fits).collect();
    let page: Vec<Value> =
        all.iter().skip(offset as usize).take(count as usize).map(|id| list_of(world, *id)).collect();
    let next = offset + page.len() as u64;
    Ok(Reply::value(&json!({ "offset": next, "hasMore": next < all.len() as u64, "lists": page, "total": all.len() })))
}

fn list_id(id: &str) -> Result<u64, Failure> {
    id.parse().ok().filter(|id| (1..=LISTS).contains(id)).ok_or_else(Failure::not_found)
}

/// `GET …/lists/{id}`.
pub(super) fn list_one(world: &World, id: &str) -> Result<Reply, Failure> {
    Ok(Reply::value(&json!({ "list": list_of(world, list_id(id)?) })))
}

/// `GET …/lists/{id}/memberships`, also in the order of joining.
pub(super) fn list_members(ask: &Ask, seen: &Seen, id: &str, joined: bool) -> Result<Reply, Failure> {
    let query = seen.query();
    let limit = super::records::limit(&query, 100, 250, ask.switches)?;
    let mut all = members(ask.world, list_id(id)?);
    if !joined {
        all.sort_unstable_by_key(|(_, id)| *id);
    }
    let from = query.number("after", 0)? as usize;
    let page: Vec<Value> = all
        .iter()
        .skip(from)
        .take(limit)
        .map(|(at, id)| json!({ "recordId": id.to_string(), "membershipTimestamp": instant_text(*at) }))
        .collect();
    let mut out = format!("{{\"results\":{},\"total\":{}", Value::Array(page), all.len());
    if from + limit < all.len() {
        super::records::write_paging(&mut out, seen, &query, &(from + limit).to_string(), ask.switches);
    }
    out.push('}');
    Ok(Reply::json(200, out))
}

/// `GET /marketing/…/emails`, `forms` and `campaigns`.
pub(super) fn marketing(ask: &Ask, seen: &Seen, what: &str) -> Result<Reply, Failure> {
    let query = seen.query();
    let limit = super::records::limit(&query, 10, 100, ask.switches)?;
    let from = query.number("after", 0)? as usize;
    let archived = query.flag("archived")?;
    let updated_after = query.get("updatedAfter").and_then(super::text::parse_instant);
    let stats = query.flag("includeStats")?;
    let form_types = query.list("formTypes");
    let all: Vec<(usize, Value)> = (0..if archived { 2 } else { 23 })
        .filter(|at| updated_after.is_none_or(|after| stamp(*at) > after))
        .filter(|at| {
            what != "forms"
                || form_types.iter().any(|t| t == "all")
                || form_type(*at) == "hubspot"
                || form_types.iter().any(|t| t == form_type(*at))
        })
        .map(|at| (at, marketed(what, at, archived, stats)))
        .collect();
    let page: Vec<&Value> = all.iter().skip(from).take(limit).map(|(_, value)| value).collect();
    let mut out = format!("{{\"total\":{},\"results\":{}", all.len(), json!(page));
    if from + limit < all.len() {
        super::records::write_paging(&mut out, seen, &query, &(from + limit).to_string(), ask.switches);
    }
    out.push('}');
    Ok(Reply::json(200, out))
}

fn stamp(at: usize) -> i64 {
    1_700_000_000_000 + at as i64 * 86_400_123
}

fn form_type(at: usize) -> &'static str {
    ["hubspot", "captured", "flow", "blog_comment"][at % 4]
}

fn marketed(what: &str, at: usize, archived: bool, stats: bool) -> Value {
    let (created, updated) = (instant_text(stamp(at) - DAY), instant_text(stamp(at)));
    let id = (88_000_000 + at * 31 + usize::from(archived)).to_string();
    match what {
        "emails" => {
            let mut body = json!({ "id": id, "name": format!("Newsletter {at}"), "subject": format!("News {at}"),
                "state": "PUBLISHED", "type": "BATCH_EMAIL", "archived": archived, "isPublished": true,
                "isAb": false, "content": {}, "from": {}, "to": {}, "sendOnPublish": true, "createdAt": created,
                "updatedAt": updated, "publishDate": updated, "businessUnitId": "0" });
            if let Some(fields) = body.as_object_mut().filter(|_| stats) {
                fields.insert(
                    "stats".into(),
                    json!({ "counters": { "sent": 1_000 + at, "open": 300 + at, "click": 40 + at },
                    "ratios": { "openratio": 30.5, "clickratio": 4.25 }, "deviceBreakdown": {}, "qualifierStats": {} }),
                );
            }
            body
        }
        "forms" => {
            let kind = form_type(at);
            json!({ "id": format!("00000000-0000-4000-8000-{at:012}"), "formType": kind, "name": format!("Form {at}"),
                "createdAt": created, "updatedAt": updated, "archived": archived,
                "fieldGroups": [], "configuration": { "language": "en", "cloneable": true,
                    "postSubmitAction": { "type": "thank_you", "value": "Thanks" }, "editable": true,
                    "archivable": true, "recaptchaEnabled": false, "notifyContactOwner": false, "notifyRecipients": [],
                    "createNewContactForNewEmail": false, "prePopulateKnownValues": true,
                    "allowLinkToResetKnownValues": false, "lifecycleStages": [] },
                "displayOptions": { "renderRawHtml": false, "theme": "default_style", "submitButtonText": "Submit",
                    "style": { "fontFamily": "arial", "backgroundWidth": "100%", "labelTextColor": "#33475b",
                        "labelTextSize": "11px", "helpTextColor": "#7C98B6", "helpTextSize": "11px",
                        "legalConsentTextColor": "#33475b", "legalConsentTextSize": "14px", "submitColor": "#ff7a59",
                        "submitAlignment": "left", "submitFontColor": "#ffffff", "submitSize": "12px" } },
                "legalConsentOptions": { "type": "none" } })
        }
        _ => json!({ "id": format!("00000000-0000-4000-9000-{at:012}"), "createdAt": created, "updatedAt": updated,
            "properties": { "hs_name": format!("Campaign {at}") } }),
    }
}
