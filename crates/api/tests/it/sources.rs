//! The registry as a client finds it: every built-in connection spec can be connected to, and what cannot run says so.

use crate::world::{FLOWS, World};
use forebay_sources::{flow_specs, specs};
use serde_json::{Map, Value, json};

/// A value that a parameter takes.
fn value(name: &str, property: &Value) -> Value {
    match property["type"].as_str().unwrap() {
        "integer" => json!("22"),
        "boolean" => json!("true"),
        "object" => json!({}),
        _ if !property["enum"].is_null() => property["enum"][0].clone(),
        _ if property["format"] == "uri" => json!(format!("https://canary.example/{name}")),
        _ => json!(format!("canary-of-{name}.")),
    }
}

/// Every parameter of a sign-in, as a form would send them.
fn params(auth: &Value) -> Map<String, Value> {
    let properties = auth["spec"]["properties"].as_object().unwrap();
    properties.iter().map(|(name, property)| (name.clone(), value(name, property))).collect()
}

/// A body for `POST /connections`.
fn connection(spec: &Value, auth: &Value, params: Map<String, Value>) -> Value {
    json!({ "name": format!("a connection to {}", spec["name"]), "connectionSpec": { "id": spec["id"] },
        "auth": { "specName": auth["name"], "params": params } })
}

fn auth_specs(spec: &Value) -> &[Value] {
    spec["authSpec"].as_array().unwrap()
}

/// FS §6.1, FS §11: one answer has them all, and each is found by id and by name.
#[tokio::test]
async fn every_spec_is_listed_and_found_by_name() {
    let world = World::new().await;
    for (kind, list) in [("connectionSpecs", specs()), ("flowSpecs", flow_specs())] {
        let reply = world.get(&format!("{FLOWS}/{kind}")).await;
        assert_eq!(reply.body["items"].as_array().unwrap(), list);
        for spec in list {
            let (id, name) = (spec["id"].as_str().unwrap(), spec["name"].as_str().unwrap().replace(' ', "%20"));
            assert_eq!(world.get(&format!("{FLOWS}/{kind}/{id}")).await.item(), spec);
            let found = world.get(&format!("{FLOWS}/{kind}?property=name==%22{name}%22")).await;
            assert_eq!(found.body["items"], json!([spec]), "{name}");
        }
    }
    let runnable = world.get(&format!("{FLOWS}/connectionSpecs?property=attributes.forebay.runnable==true")).await;
    let expected = specs().iter().filter(|spec| spec["attributes"]["forebay"]["runnable"] == true).count();
    assert_eq!(runnable.body["items"].as_array().unwrap().len(), expected);
}

/// FS-CON-1, FS-CON-3, FS-ENV-9: each way to sign in takes its own parameters, keeps its secrets, and names what is missing.
#[tokio::test]
async fn every_sign_in_takes_its_parameters_and_seals_its_secrets() {
    let world = World::new().await;
    for spec in specs() {
        for auth in auth_specs(spec) {
            let who = format!("{} by {}", spec["name"], auth["name"]);
            let all = params(auth);
            let reply = world.post(&format!("{FLOWS}/connections"), connection(spec, auth, all.clone())).await;
            assert_eq!(reply.status, 201, "{who}: {}", reply.body);
            let id = reply.body["id"].as_str().unwrap();
            let stored = world.get(&format!("{FLOWS}/connections/{id}")).await;
            let shown = &stored.item()["auth"]["params"];
            let mask = json!("********");
            for (name, sent) in &all {
                let secret = auth["spec"]["properties"][name]["format"] == "password";
                assert_eq!(&shown[name], if secret { &mask } else { sent }, "{who}: {name}");
                assert!(!secret || !stored.text.contains(sent.as_str().unwrap()), "{who}: {name}");
            }
            for required in auth["spec"]["required"].as_array().into_iter().flatten() {
                let name = required.as_str().unwrap();
                let mut short = all.clone();
                short.remove(name);
                let reply = world.post(&format!("{FLOWS}/connections"), connection(spec, auth, short)).await;
                assert_eq!(reply.status, 400, "{who} without {name}");
                assert!(reply.text.contains(&format!("auth.params.{name} is required")), "{who}: {}", reply.body);
                assert!(!reply.text.contains("canary"), "{who}: {}", reply.body);
            }
        }
    }
}

/// A spec that nothing runs: its connections are stored, and refused wherever the source would be asked.
#[tokio::test]
async fn what_cannot_run_is_stored_and_refused_with_the_reason() {
    let world = World::new().await;
    let flow = world.dataflow().await;
    let mut seen = 0;
    for spec in specs().iter().filter(|spec| spec["attributes"]["forebay"]["runnable"] == false) {
        let (id, reason) = (&spec["id"], spec["attributes"]["forebay"]["reason"].as_str().unwrap());
        let mut source = json!({ "name": "source", "connectionSpec": { "id": id }, "data": { "format": "tabular" },
            "params": { "path": "something" } });
        if let Some(auth) = auth_specs(spec).first() {
            let base = world.created(&format!("{FLOWS}/connections"), connection(spec, auth, params(auth))).await;
            for call in ["test", "explore", "explore?objectType=root", "explore?objectType=table&object=a"] {
                let reply = world.get(&format!("{FLOWS}/connections/{base}/{call}")).await;
                assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1100-400"), "{call}: {}", reply.body);
                assert!(reply.text.contains(reason), "{call}: {}", reply.body);
            }
            source["baseConnectionId"] = json!(base);
        }
        if spec.get("sourceSpec").is_none() {
            continue;
        }
        let source = world.created(&format!("{FLOWS}/sourceConnections"), source).await;
        let joins = |flow: &&Value| flow["sourceConnectionSpecIds"].as_array().unwrap().contains(id);
        for joined in flow_specs().iter().filter(joins) {
            let mut body = flow.flow();
            body["flowSpec"]["id"] = joined["id"].clone();
            body["sourceConnectionIds"] = json!([source]);
            let reply = world.post(&format!("{FLOWS}/flows"), body).await;
            assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1100-400"), "{}", reply.body);
            assert!(reply.text.contains(reason), "{}", reply.body);
            assert!(reply.text.contains("/sourceConnectionIds"), "{}", reply.body);
            seen += 1;
        }
    }
    assert!(seen >= 45, "{seen}");
}
