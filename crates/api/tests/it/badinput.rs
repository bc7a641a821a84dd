//! Input that is wrong, generated from input that is right (`attacks.rs`): every value of every body replaced by values of
//! every other type, every parameter of every query, every id of every path and every header by odd ones. What is wrong
//! is refused with a documented error that names the place; nothing is a failure of ours; a refused write changes nothing.

use crate::attacks::{self, Attack};
use crate::matrix::{Operation, documents, encoded, filled, operations, target};
use crate::world::{Call, Reply, World};
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Ids = BTreeMap<&'static str, String>;

/// A value of each type, and texts that nobody expects.
fn odd() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(-7.5),
        json!(1e300),
        json!(""),
        json!("\u{0}nonsense\u{1F980}"),
        json!("x".repeat(5_000)),
        json!([]),
        json!([[1], null]),
        json!({}),
        json!({ "x": [1] }),
    ]
}

/// The pointers of all values of a document, its root included.
fn pointers(value: &Value, at: String, into: &mut Vec<String>) {
    into.push(at.clone());
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                pointers(member, format!("{at}/{name}"), into);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                pointers(item, format!("{at}/{i}"), into);
            }
        }
        _ => {}
    }
}

/// What is wrong with an answer to wrong input: a failure of ours, or a refusal that says too little.
fn fault(reply: &Reply) -> Option<String> {
    let said = &reply.body;
    let documented = match reply.status.as_u16() {
        200..=299 => return None,
        500.. => return Some("it is a failure of ours".into()),
        _ => {
            said["error_code"].is_string()
                || said["status"].is_number() && (said["title"].is_string())
                || said["error"].is_string()
                || said["code"].is_string()
        }
    };
    (!documented).then(|| "it is not an error as documented".into())
}

fn call<'a>(world: &'a World, operation: &Operation, attack: &Attack, ids: &Ids) -> Call<'a> {
    let call = world.call(&operation.method, &target(operation, attack, ids));
    call.header("if-match", "*").header("accept", attack.accept())
}

#[tokio::test]
async fn a_value_of_a_wrong_type_at_any_place_of_any_body_is_refused_by_its_place_and_changes_nothing() {
    let world = World::new().await;
    let ids = attacks::victim(&world).await;
    let mut faults = Vec::new();
    let mut refused: Vec<(String, usize, String)> = Vec::new();
    let operations = operations(&world).await;
    let known = |attack: &Attack| operations.iter().any(|operation| operation.id == attack.operation);
    let attacks: Vec<Attack> =
        attacks::all().into_iter().filter(|one| !one.body.is_null() && one.own == 200 && known(one)).collect();
    let of = |attack: &Attack| operations.iter().find(|operation| operation.id == attack.operation).unwrap();
    let mut tried = 0;
    for (index, attack) in attacks.iter().enumerate() {
        let operation = of(attack);
        let body: Value = serde_json::from_str(&filled(&attack.body.to_string(), &ids)).unwrap();
        let mut places = Vec::new();
        pointers(&body, String::new(), &mut places);
        for place in places {
            for value in odd() {
                let mut wrong = body.clone();
                *wrong.pointer_mut(&place).unwrap() = value.clone();
                let text = wrong.to_string();
                let reply = call(&world, operation, attack, &ids).text(&text).send().await;
                tried += 1;
                let name =
                    format!("{} {place} = {}", operation.id, value.to_string().chars().take(40).collect::<String>());
                if let Some(fault) = fault(&reply) {
                    faults.push(format!("{name}: {fault}: {} {}", reply.status, reply.text));
                }
                let last = place.rsplit('/').find(|segment| segment.parse::<usize>().is_err()).unwrap_or_default();
                let pointed = ["pointer", "span", "at"].iter().any(|key| !reply.body["report"][*key].is_null());
                if reply.status == 400 && !pointed && !reply.text.contains(last) {
                    faults.push(format!("{name}: the place is not named: {}", reply.text));
                }
                if reply.status.is_client_error() {
                    refused.push((name, index, text));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults of {tried}:\n{}", faults.len(), faults.join("\n"));
    assert!(refused.len() > 500, "{} of {tried}", refused.len());

    // Once more, only what was refused: nothing changes.
    let before = documents(&world).await;
    for (name, index, text) in &refused {
        let attack = &attacks[*index];
        let reply = call(&world, of(attack), attack, &ids).text(text).send().await;
        assert!(reply.status.is_client_error(), "{name} is taken the second time: {}", reply.text);
    }
    let after = documents(&world).await;
    let changed: Vec<&String> =
        after.iter().filter(|(name, body)| before.get(*name) != Some(body)).map(|(n, _)| n).collect();
    assert!(changed.is_empty() && after.len() == before.len(), "refused writes changed {changed:?}");
}

#[tokio::test]
async fn no_query_no_id_and_no_header_is_a_failure_of_ours() {
    let world = World::new().await;
    let ids = attacks::victim(&world).await;
    let mut faults = Vec::new();
    let huge = "x".repeat(20_000);
    let operations = operations(&world).await;
    let queries = [
        "",
        "-1",
        "0",
        "1.5",
        "99999999999999999999",
        "x",
        "true",
        "maybe",
        "%FF",
        "%00",
        "'; DROP TABLE documents; --",
        "==",
        "a==b==c",
        "[]",
        "{}",
        "a[=",
        "id==\"",
        "auth.params.s3SecretKey==x",
        "../..",
        "%2e%2e%2f",
        "\u{1F980}",
        "a,b,,c",
        "-",
        "+",
        "~",
    ];
    for operation in &operations {
        let attacks = attacks::all();
        let attack = attacks.iter().find(|attack| attack.operation == operation.id).unwrap();
        let bare = Attack { query: "", body: Value::Null, ..*attack };
        let at = target(operation, &bare, &ids);
        let body = filled(&attack.body.to_string(), &ids);
        let send = |path: String| {
            let call = world.call(&operation.method, &path).header("accept", attack.accept());
            if attack.body.is_null() { call } else { call.text(&body) }
        };
        // Deleting with an odd query is deleting.
        let reads = operation.method == "GET";
        if reads {
            for name in &operation.query {
                for value in queries.into_iter().chain([huge.as_str()]) {
                    let value = if value.starts_with('%') { value.to_string() } else { encoded(value) };
                    for path in [format!("{at}?{name}={value}"), format!("{at}?{name}={value}&{name}=1")] {
                        let reply = send(path).send().await;
                        if let Some(fault) = fault(&reply) {
                            faults.push(format!(
                                "{} {name}={value:.60}: {fault}: {} {:.300}",
                                operation.id, reply.status, reply.text
                            ));
                        }
                    }
                }
            }
        }
        for (name, value) in attack.path.iter().filter(|(_, value)| value.contains('{')) {
            for id in [
                "00000000-0000-4000-8000-000000000000",
                "x",
                "%00",
                "%FF%FE",
                "..%2F..%2Fflows",
                "'%20OR%201=1",
                "%F0%9F%A6%80",
                "%20",
                "a@b",
                "*",
                "%7B%7D",
                "https%3A%2F%2Fns.adobe.com%2Fxdm%2Fcontext%2Fnothing",
                huge.as_str(),
            ] {
                let shown = encoded(&filled(value, &ids));
                let path = target(operation, attack, &ids).replacen(&shown, id, 1);
                let reply = send(path).header("if-match", "*").send().await;
                let refusal = reply.status.is_client_error() && fault(&reply).is_none();
                let bodiless = operation.method == "HEAD" && reply.status.is_client_error();
                if !(refusal || bodiless) {
                    faults.push(format!("{} {name}={id:.60}: {} {:.300}", operation.id, reply.status, reply.text));
                }
            }
        }
        if !reads {
            continue;
        }
        let values: [&[u8]; 6] = [b"", b"\xff\xfe\x80", b"\"", b"*/*;q=x", b"bytes=9-1,x", huge.as_bytes()];
        for name in [
            "authorization",
            "x-api-key",
            "x-gw-ims-org-id",
            "x-sandbox-name",
            "x-sandbox-id",
            "if-match",
            "accept",
            "accept-encoding",
            "content-type",
            "content-length-x",
            "range",
            "if-range",
            "x-request-id",
            "cookie",
            "forwarded",
            "x-forwarded-for",
            "x-active-sandbox-ids",
        ] {
            for value in values {
                for twice in [false, true] {
                    let call = world.call(&operation.method, &at);
                    let call = if twice { call } else { call.without(name) };
                    let reply = call.raw(name, value).send().await;
                    let text = String::from_utf8_lossy(value);
                    if let Some(fault) = fault(&reply) {
                        faults.push(format!(
                            "{} {name}: {text:.40}: {fault}: {} {:.300}",
                            operation.id, reply.status, reply.text
                        ));
                    }
                    let own = ["authorization", "x-api-key", "x-gw-ims-org-id"].contains(&name);
                    if own && !operation.open && reply.status.is_success() && !(twice && value.is_empty()) {
                        faults.push(format!("{} {name}: {text:.40} is let in", operation.id));
                    }
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
