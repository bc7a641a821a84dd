//! Parameters and fields that no description knows. The service ignores them; a reader that sends them has a mistake.

use super::route::Op;
use super::wire::{Query, Seen};
use serde_json::Value;

const LIST: &[&str] = &["limit", "after", "properties", "propertiesWithHistory", "associations", "archived"];
const ONE: &[&str] = &["properties", "propertiesWithHistory", "associations", "archived", "idProperty"];
const SCHEMAS: &[&str] =
    &["archived", "includePropertyDefinitions", "includeAssociationDefinitions", "includeAuditMetadata"];
const TOKEN: &[&str] =
    &["grant_type", "code", "redirect_uri", "client_id", "client_secret", "refresh_token", "code_verifier", "scope"];

/// What a call takes: parameters of the URL, fields of the body, fields of each of its `inputs`.
type Known = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

/// What is known of a call; `None` where nothing is checked.
fn known(op: &Op) -> Option<Known> {
    let known: Known = match op {
        Op::Token => (&[], TOKEN, &[]),
        Op::List => (LIST, &[], &[]),
        Op::One(_) => (ONE, &[], &[]),
        Op::BatchRead => (&["archived"], &["inputs", "properties", "propertiesWithHistory", "idProperty"], &["id"]),
        Op::Search => (&[], &["filterGroups", "sorts", "query", "properties", "limit", "after"], &[]),
        Op::Properties => (&["archived", "dataSensitivity", "locale", "properties"], &[], &[]),
        Op::Property(_) => (&["archived", "dataSensitivity", "locale", "properties"], &[], &[]),
        Op::Schemas => (SCHEMAS, &[], &[]),
        Op::Enablement | Op::EnablementOf | Op::Account | Op::Labels(_) => (&[], &[], &[]),
        Op::Associations(_) => (&[], &["inputs"], &["id", "after"]),
        Op::AssociationsOne(..) => (&["after", "limit"], &[], &[]),
        Op::Owners => (&["email", "after", "limit", "archived"], &[], &[]),
        Op::Owner(_) => (&["idProperty", "archived"], &[], &[]),
        Op::Pipelines => (&[], &[], &[]),
        Op::ListMembers(..) => (&["after", "before", "limit"], &[], &[]),
        _ => return None,
    };
    Some(known)
}

/// What a request has that its call does not know.
pub(super) fn of(op: &Op, seen: &Seen) -> Vec<String> {
    let Some((parameters, fields, inputs)) = known(op) else { return Vec::new() };
    let mut all: Vec<String> =
        seen.query().0.into_iter().map(|(name, _)| name).filter(|name| !parameters.contains(&name.as_str())).collect();
    if seen.body.is_empty() {
        return all;
    }
    if *op == Op::Token {
        let form = Query::parse(&String::from_utf8_lossy(&seen.body));
        all.extend(form.0.into_iter().map(|(name, _)| name).filter(|name| !fields.contains(&name.as_str())));
        return all;
    }
    let Ok(Value::Object(body)) = serde_json::from_slice::<Value>(&seen.body) else { return all };
    all.extend(body.keys().filter(|name| !fields.contains(&name.as_str())).cloned());
    let listed = body.get("inputs").and_then(Value::as_array);
    for name in listed.into_iter().flatten().filter_map(Value::as_object).flat_map(|input| input.keys()) {
        if !inputs.contains(&name.as_str()) {
            all.push(format!("inputs.{name}"));
        }
    }
    all
}
