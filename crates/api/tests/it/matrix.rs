//! The isolation matrix, made of the document that is made of the routes: every operation without credentials, and every
//! operation by two strangers (another sandbox of the organization, another organization) who have guessed ids that
//! exist, put into the path, the query and the body. A stranger learns nothing: the answer is that of an id which does
//! not exist. And changes nothing: all documents of the victim compare equal before and after. That each attack would
//! have worked for the victim shows that it was one.
//!
//! An operation that `attacks.rs` does not describe fails the test.

use crate::attacks::{self, Attack, Reach};
use crate::world::{FLOWS, ORG, OTHER_ORG, Reply, World, XED, connection};
use forebay_model::filter::Query;
use forebay_model::{Resource, Scope};
use forebay_store::List;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a reader of answers must never meet.
const CANARY: &str = "canary";

/// Every kind of document, for the comparison before and after.
const RESOURCES: &[Resource] = &[
    Resource::Connection,
    Resource::SourceConnection,
    Resource::TargetConnection,
    Resource::Flow,
    Resource::Run,
    Resource::ConnectionSpec,
    Resource::FlowSpec,
    Resource::Schema,
    Resource::Descriptor,
    Resource::Dataset,
    Resource::Batch,
    Resource::MappingSet,
    Resource::Sandbox,
    Resource::Client,
    Resource::Webhook,
    Resource::Delivery,
    Resource::DatasetLabels,
    Resource::Role,
    Resource::Policy,
    Resource::Draft,
];

/// An operation of the document.
pub struct Operation {
    pub method: String,
    pub path: String,
    pub id: String,
    /// It asks for no credentials.
    pub open: bool,
    /// Names of the query's parameters.
    pub query: Vec<String>,
}

pub async fn operations(world: &World) -> Vec<Operation> {
    let document = world.bare("GET", "/openapi.json").send().await.body;
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                id: operation["operationId"].as_str().unwrap().to_string(),
                open: operation["security"] == json!([{}]),
                query: names(operation, "query"),
            });
        }
    }
    operations
}

fn names(operation: &Value, place: &str) -> Vec<String> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    let here = all.filter(|parameter| parameter["in"] == place);
    here.filter_map(|parameter| parameter["name"].as_str().map(str::to_string)).collect()
}

/// The victim's documents, as the store has them.
pub async fn documents(world: &World) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for scope in [world.scope(), Scope::organization(ORG)] {
        for &resource in RESOURCES {
            let list = List { query: Query::default(), order: Vec::new(), limit: 1000, after: None };
            for document in world.app.store.list(&scope, resource, &list).await.unwrap().documents {
                found.insert(format!("{resource:?} {}", document.id), document.body);
            }
        }
    }
    for (path, bytes) in world.lake.objects.lock().unwrap().iter() {
        found.insert(format!("object {path}"), json!(String::from_utf8_lossy(bytes)));
    }
    found
}

/// An id of the same form that does not exist: each hex digit of its last part is another.
fn ghost(id: &str) -> String {
    let at = id.rfind(['/', '.']).map_or(0, |at| at + 1);
    let other = |c: char| match c.to_digit(16) {
        Some(digit) if c.is_ascii_uppercase() => {
            char::from_digit((digit + 1) % 16, 16).unwrap_or(c).to_ascii_uppercase()
        }
        Some(digit) => char::from_digit((digit + 1) % 16, 16).unwrap_or(c),
        None => c,
    };
    format!("{}{}", &id[..at], id[at..].chars().map(other).collect::<String>())
}

/// Puts ids where a text names their kinds: `{connection}`.
pub fn filled(text: &str, ids: &BTreeMap<&'static str, String>) -> String {
    let mut text = text.to_string();
    for (kind, id) in ids {
        text = text.replace(&format!("{{{kind}}}"), id);
    }
    text
}

pub fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// What an answer says, with the ids that it was asked about masked.
fn said(reply: &Reply, ids: &BTreeMap<&'static str, String>) -> String {
    let headers: BTreeMap<String, String> = reply
        .headers
        .iter()
        .filter(|(name, _)| !["x-request-id", "content-length", "etag", "location"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    let mut text = format!("{} {headers:?} {}", reply.status, reply.text);
    for (kind, id) in ids {
        for form in [id.clone(), encoded(id), id.rsplit(['/', '.']).next().unwrap_or(id).to_string()] {
            text = text.replace(&form, &format!("<{kind}>"));
        }
    }
    text
}

/// A path of the document, filled so that it names nothing.
pub fn nowhere(path: &str) -> String {
    let filled = path.replace("{container}", "tenant").replace("{kind}", "schemas");
    let segments = filled.split('/').map(|segment| if segment.starts_with('{') { "x" } else { segment });
    segments.collect::<Vec<&str>>().join("/")
}

/// Where an attack goes, with its path and its query.
pub fn target(operation: &Operation, attack: &Attack, ids: &BTreeMap<&'static str, String>) -> String {
    let mut path = operation.path.clone();
    for (name, value) in attack.path {
        path = path.replace(&format!("{{{name}}}"), &encoded(&filled(value, ids)));
    }
    assert!(!path.contains('{'), "{}: {path} has a parameter that its attack does not fill", operation.id);
    match attack.query {
        "" => path,
        query => format!("{path}?{}", filled(query, &ids.iter().map(|(kind, id)| (*kind, encoded(id))).collect())),
    }
}

/// One attack by a caller, with the victim's ids or with ids that nobody has.
async fn attack(
    world: &World,
    operation: &Operation,
    attack: &Attack,
    ids: &BTreeMap<&'static str, String>,
    org: Option<&str>,
) -> Reply {
    let path = target(operation, attack, ids);
    let call = match org {
        Some(org) => world.stranger(&operation.method, &path, org),
        None => world.call(&operation.method, &path),
    };
    let call = call.header("x-request-id", "matrix").header("if-match", "*").header("accept", attack.accept());
    match &attack.body {
        Value::Null => call.send().await,
        body => call.header("content-type", "application/json").text(&filled(&body.to_string(), ids)).send().await,
    }
}

#[tokio::test]
async fn no_operation_answers_without_credentials() {
    let world = World::new().await;
    for operation in operations(&world).await {
        let path = nowhere(&operation.path);
        let reply = world.bare(&operation.method, &path).text("{}").send().await;
        let Operation { method, path, id, .. } = &operation;
        if operation.open {
            assert!(path.starts_with("/ims/") || id == "create_session", "{path} is open");
            assert!(reply.status.is_client_error(), "{method} {path}: {}", reply.text);
        } else if ["get_session", "delete_session"].contains(&id.as_str()) {
            assert_eq!(reply.status, 401, "{method} {path}");
        } else if method == "HEAD" {
            assert_eq!(reply.status, 403, "{method} {path}");
        } else {
            let code = (reply.status.as_u16(), &reply.body["error_code"]);
            assert_eq!(code, (403, &json!("403010")), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn strangers_with_guessed_ids_learn_nothing_and_change_nothing() {
    let world = World::new().await;
    let ids = attacks::victim(&world).await;
    let ghosts: BTreeMap<&'static str, String> = ids.iter().map(|(kind, id)| (*kind, ghost(id))).collect();
    let attacks = attacks::all();
    let operations = operations(&world).await;
    let known: BTreeSet<&str> = operations.iter().map(|operation| operation.id.as_str()).collect();
    let described: BTreeSet<&str> = attacks.iter().map(|attack| attack.operation).collect();
    let missing: Vec<&&str> = known.difference(&described).collect();
    assert!(missing.is_empty(), "operations without an attack in attacks.rs: {missing:#?}");

    let before = documents(&world).await;
    let mut faults = Vec::new();
    let mut tried = 0;
    for operation in &operations {
        for one in attacks.iter().filter(|attack| attack.operation == operation.id) {
            for org in [ORG, OTHER_ORG] {
                if one.reach == Reach::Everybody || one.reach == Reach::Organization && org == ORG {
                    continue;
                }
                tried += 1;
                let real = attack(&world, operation, one, &ids, Some(org)).await;
                let name = format!("{} {} ({}) by {org}", operation.method, operation.path, one.query);
                if real.text.contains(CANARY) {
                    faults.push(format!("{name} shows what is not theirs: {}", real.text));
                }
                if one.names_ids() {
                    let none = attack(&world, operation, one, &ghosts, Some(org)).await;
                    let (real, none) = (said(&real, &ids), said(&none, &ghosts));
                    if real != none {
                        faults.push(format!("{name} tells an id that exists from one that does not:\n{real}\n{none}"));
                    }
                }
                if real.status.is_server_error() {
                    faults.push(format!("{name}: {} {}", real.status, real.text));
                }
            }
        }
    }
    let after = documents(&world).await;
    for (name, document) in &before {
        if after.get(name) != Some(document) {
            faults.push(format!("{name} was changed: {document}\nis now {:?}", after.get(name)));
        }
    }
    faults.extend(after.keys().filter(|name| !before.contains_key(*name)).map(|name| format!("{name} was made")));
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n\n"));
    assert!(tried >= 130, "{tried}");

    // The same requests, by whom they belong to: what is deleted is deleted last.
    let mut order: Vec<&Attack> = attacks.iter().filter(|attack| known.contains(attack.operation)).collect();
    order.sort_by_key(|attack| attack.last);
    for one in order {
        let operation = operations.iter().find(|operation| operation.id == one.operation).unwrap();
        let reply = attack(&world, operation, one, &ids, None).await;
        if reply.status.as_u16() != one.own && !(one.own == 200 && reply.status.is_success()) {
            faults.push(format!("{} is no attack: by the victim it is {} {}", one.operation, reply.status, reply.text));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n\n"));
}

#[tokio::test]
async fn a_strangers_continuation_token_shows_nothing() {
    let world = World::new().await;
    for _ in 0..3 {
        world.pass(1);
        world.created(&format!("{FLOWS}/connections"), connection()).await;
    }
    let reply = world.get(&format!("{FLOWS}/connections?limit=1")).await;
    let href = reply.body["_links"]["next"]["href"].as_str().unwrap().to_string();
    for org in [ORG, OTHER_ORG] {
        let reply = world.stranger("GET", &format!("{FLOWS}{href}"), org).header("accept", XED).send().await;
        assert!(reply.status == 400 || reply.body["items"] == json!([]), "{}", reply.body);
    }
}
