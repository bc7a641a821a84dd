//! Connection specs and flow specs.

use crate::world::{FLOW_SPEC, FLOWS, S3, World};
use serde_json::json;

#[tokio::test]
async fn a_spec_is_found_by_name_with_quotes_or_without_fs_q_2_fs_base_4() {
    let world = World::new().await;
    for value in ["name==amazon-s3", "name==%22amazon-s3%22", "name%3D%3D%22amazon-s3%22", "name=amazon-s3"] {
        let reply = world.get(&format!("{FLOWS}/connectionSpecs?property={value}")).await;
        assert_eq!(reply.body["items"].as_array().map(Vec::len), Some(1), "{value}: {}", reply.body);
        assert_eq!(reply.item()["id"], S3);
        assert_eq!(reply.item()["authSpec"][0]["name"], "Access Key", "FS-SPEC-1");
        assert_eq!(reply.body["_links"], json!({}), "FS-ENV-2");
    }
}

#[tokio::test]
async fn required_parameters_are_declared_ones_fs_spec_2() {
    let world = World::new().await;
    let reply = world.get(&format!("{FLOWS}/connectionSpecs/{S3}")).await;
    assert_eq!(reply.item()["authSpec"][0]["spec"]["required"], json!(["s3AccessKey", "s3SecretKey"]));
}

#[tokio::test]
async fn flow_specs_are_listed_and_looked_up_fs_spec_7_fs_env_1() {
    let world = World::new().await;
    let reply = world.get(&format!("{FLOWS}/flowSpecs?property=name==CloudStorageToAEP")).await;
    assert_eq!(reply.item()["id"], FLOW_SPEC);
    let reply = world.get(&format!("{FLOWS}/flowSpecs/{FLOW_SPEC}")).await;
    assert_eq!(reply.item()["attributes"]["frequency"], "batch");
    for kind in ["flowSpecs", "connectionSpecs"] {
        let reply = world.get(&format!("{FLOWS}/{kind}/nothing")).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (404, "FLOW-1439-404"));
    }
}

#[tokio::test]
async fn a_property_without_an_operator_is_a_projection_fs_q_8() {
    let world = World::new().await;
    let reply = world.get(&format!("{FLOWS}/connectionSpecs?property=name")).await;
    for item in reply.body["items"].as_array().unwrap() {
        let names: Vec<&String> = item.as_object().unwrap().keys().collect();
        assert_eq!(names, ["id", "name"]);
    }
}

/// A spec of somebody's own, after the documented template.
fn acme() -> serde_json::Value {
    json!({
        "name": "acme-lists", "providerId": "0ed90a81-07f4-4586-8190-b40eccef1c5a", "version": "1.0",
        "type": "generic-rest-extension",
        "authSpec": [{ "name": "API Key Authentication", "type": "KeyBased", "spec": {
            "$schema": "http://json-schema.org/draft-07/schema#", "type": "object",
            "properties": {
                "host": { "type": "string", "pattern": "^https?://" },
                "authKey1": { "type": "string", "format": "password" },
                "override": { "type": "object", "properties": { "inner": { "type": "string", "format": "password" } } },
                "retries": { "type": "integer", "format": "password" },
            },
            "required": ["host", "authKey1"] } }],
        "sourceSpec": { "attributes": { "uiAttributes": { "isSource": true } },
            "spec": { "type": "object", "properties": { "listId": { "type": "string" } } } },
        "attributes": { "category": "acme", "isDraftModeSupported": true, "forebay": { "runnable": true } },
    })
}

#[tokio::test]
async fn a_stored_spec_is_answered_whole_and_seen_at_once_in_every_sandbox_fs_env_6() {
    let world = World::new().await;
    let reply = world.post(&format!("{FLOWS}/connectionSpecs"), acme()).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let id = reply.body["id"].as_str().unwrap().to_string();
    let path = format!("{FLOWS}/connectionSpecs/{id}");
    assert_eq!(reply.headers["location"], format!("http://forebay.test{path}").as_str(), "FS-HDR-4");
    let mut whole = acme();
    // What runs is not for a spec to claim.
    whole["attributes"]["forebay"] = json!({ "runnable": false, "reason": "This Forebay has no source for it." });
    for (name, value) in whole.as_object().unwrap() {
        assert_eq!(&reply.body[name], value, "{name}");
    }
    assert_eq!(reply.body["createdBy"], "acme-client@techacct.adobe.com");
    assert_eq!((&reply.body["version"], &reply.body["sandboxId"]), (&json!("1.0"), &serde_json::Value::Null));
    assert_eq!(world.get(&path).await.item(), &reply.body);
    let look = format!("{FLOWS}/connectionSpecs?property=name==\"acme-lists\"").replace('"', "%22");
    assert_eq!(world.get(&look).await.item(), &reply.body);
    let elsewhere = world.stranger("GET", &path, crate::world::ORG).send().await;
    assert_eq!(elsewhere.item(), &reply.body, "specs are the organization's");
    for (method, path) in [("GET", &path), ("PUT", &path)] {
        let call = world.stranger(method, path, crate::world::OTHER_ORG).json(acme());
        assert_eq!(call.send().await.status, 404, "{method}");
    }
    assert_eq!(world.stranger("GET", &look, crate::world::OTHER_ORG).send().await.body["items"], json!([]));

    let mut next = acme();
    next["attributes"]["category"] = json!("lists");
    next["id"] = json!(id);
    world.pass(1000);
    let put = world.call("PUT", &path).json(next.clone()).send().await;
    assert_eq!((put.status.as_u16(), &put.body["attributes"]["category"]), (200, &json!("lists")), "{}", put.body);
    assert_eq!(put.body["createdAt"], reply.body["createdAt"]);
    assert_ne!((&put.body["updatedAt"], &put.body["etag"]), (&reply.body["updatedAt"], &reply.body["etag"]));
    let old = reply.body["etag"].as_str().unwrap();
    let stale = world.call("PUT", &path).header("if-match", old).json(next.clone()).send().await;
    assert_eq!(stale.code(), "FLOW-1404-412");
    next["id"] = json!("other");
    assert_eq!(world.call("PUT", &path).json(next).send().await.code(), "FLOW-1411-400");
}

#[tokio::test]
async fn what_is_wrong_with_a_spec_is_pointed_at_fs_6_1() {
    let world = World::new().await;
    world.created(&format!("{FLOWS}/connectionSpecs"), acme()).await;
    let check = async |kind: &str, mut body: serde_json::Value, pointer: &str, value: serde_json::Value, at: &str| {
        body["name"] = json!("other");
        match body.pointer_mut(pointer) {
            Some(member) => *member = value,
            None => body[pointer.trim_start_matches('/')] = value,
        }
        let before = world.get(&format!("{FLOWS}/{kind}?count=true")).await.body;
        let reply = world.post(&format!("{FLOWS}/{kind}"), body).await;
        let found = (reply.status.as_u16(), reply.code(), reply.body["report"]["pointer"].as_str().unwrap_or_default());
        assert_eq!(found, (400, "FLOW-1100-400", at), "{}", reply.body);
        assert_eq!(world.get(&format!("{FLOWS}/{kind}?count=true")).await.body, before);
    };
    for (pointer, value, at) in [
        ("/name", json!(""), "/name"),
        ("/name", json!("acme-lists"), "/name"),
        ("/name", json!("amazon-s3"), "/name"),
        ("/providerId", json!(null), "/providerId"),
        ("/version", json!([]), "/version"),
        ("/authSpec", json!({}), "/authSpec"),
        ("/authSpec/0/name", json!(7), "/authSpec/0/name"),
        ("/authSpec/0/spec", json!("x"), "/authSpec/0/spec"),
        ("/authSpec/0/spec/type", json!("array"), "/authSpec/0/spec/type"),
        ("/authSpec/0/spec/type", json!("thing"), "/authSpec/0/spec/type"),
        ("/authSpec/0/spec/required", json!("host"), "/authSpec/0/spec/required"),
        ("/authSpec/0/spec/properties/host/pattern", json!("("), "/authSpec/0/spec/properties/host/pattern"),
        ("/authSpec/0/spec/properties/host", json!({ "$ref": "#" }), "/authSpec/0/spec/properties/host/$ref"),
        ("/authSpec/0/spec", json!({ "additionalProperties": { "format": "password" } }), "/authSpec/0/spec"),
        ("/sourceSpec", json!([]), "/sourceSpec"),
        ("/sourceSpec/spec", json!({ "type": 1 }), "/sourceSpec/spec/type"),
        ("/sourceSpec/attributes", json!(1), "/sourceSpec/attributes"),
        ("/attributes", json!("x"), "/attributes"),
        ("/entitlementInfo", json!("x"), "/entitlementInfo"),
    ] {
        check("connectionSpecs", acme(), pointer, value, at).await;
    }
    let twice = json!([acme()["authSpec"][0], acme()["authSpec"][0]]);
    check("connectionSpecs", acme(), "/authSpec", twice, "/authSpec/1/name").await;
    let flow = json!({ "name": "f", "providerId": "p" });
    check("flowSpecs", flow.clone(), "/sourceConnectionSpecIds", json!([1]), "/sourceConnectionSpecIds/0").await;
    check("flowSpecs", flow.clone(), "/targetConnectionSpecIds", json!(["a", "a"]), "/targetConnectionSpecIds/1").await;
    check("flowSpecs", flow.clone(), "/transformationSpecDTOS", json!([{}]), "/transformationSpecDTOS/0/name").await;
    check(
        "flowSpecs",
        flow.clone(),
        "/scheduleSpec",
        json!({ "spec": { "required": 1 } }),
        "/scheduleSpec/spec/required",
    )
    .await;
    let reply = world.post(&format!("{FLOWS}/connectionSpecs"), json!({ "id": "mine", "name": "n" })).await;
    assert_eq!(reply.code(), "FLOW-1411-400");
    let reply = world.call("PUT", &format!("{FLOWS}/connectionSpecs/{S3}")).json(acme()).send().await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1426-400"));
    for kind in ["connectionSpecs", "flowSpecs"] {
        assert_eq!(world.call("PUT", &format!("{FLOWS}/{kind}/nothing")).json(acme()).send().await.status, 404);
    }
}

#[tokio::test]
async fn a_connection_of_a_stored_spec_is_checked_sealed_and_refused_where_it_would_run() {
    let world = World::new().await;
    let spec = world.created(&format!("{FLOWS}/connectionSpecs"), acme()).await;
    let connections = format!("{FLOWS}/connections");
    let params = json!({ "host": "https://acme.example.com", "AUTHKEY1": "canary-1", "override": { "inner": "canary-2" },
        "retries": 31337 });
    let body = json!({ "name": "acme", "connectionSpec": { "id": spec },
        "auth": { "specName": "apikeyauthentication", "params": params } });
    let mut wrong = body.clone();
    wrong["auth"]["params"]["host"] = json!("ftp://x");
    let reply = world.post(&connections, wrong).await;
    assert_eq!(reply.body["report"]["pointer"], "/auth/params/host", "{}", reply.body);
    let base = world.created(&connections, body).await;
    let path = format!("{connections}/{base}");
    let reply = world.get(&path).await;
    assert!(!reply.text.contains("canary") && !reply.text.contains("31337"), "{}", reply.text);
    let masked = json!({ "host": "https://acme.example.com", "authKey1": "********", "override": "********", "retries": "********" });
    assert_eq!(reply.item()["auth"]["params"], masked, "FS-ENV-9");
    // The mask keeps an object and a number as they were, so they still satisfy the spec.
    let patch = json!([{ "op": "replace", "path": "/auth/params", "value": masked }]);
    let reply = world.patch(&path, patch).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let query = "property=auth.params.authKey1==********";
    assert_eq!(world.get(&format!("{connections}?{query}")).await.code(), "FLOW-1448-400");

    for path in [format!("{path}/test"), format!("{path}/explore")] {
        let reply = world.get(&path).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1100-400"), "{path}");
        assert!(reply.text.contains("cannot be read from"), "{}", reply.text);
    }
    let source = json!({ "name": "s", "baseConnectionId": base, "connectionSpec": { "id": spec },
        "data": { "format": "json" }, "params": { "path": "x", "listId": "ab12" } });
    let source = world.created(&format!("{FLOWS}/sourceConnections"), source).await;

    // The spec joins a flow spec of the organization, the flow finds that nobody would run it.
    let parts = world.dataflow().await;
    let mut flow = parts.flow();
    flow["sourceConnectionIds"] = json!([source]);
    let flows = format!("{FLOWS}/flows");
    assert_eq!(world.post(&flows, flow.clone()).await.code(), "FLOW-1413-400", "not joined yet");
    let flow_spec = format!("{FLOWS}/flowSpecs/{FLOW_SPEC}");
    let mut edition = world.get(&flow_spec).await.item().clone();
    edition["sourceConnectionSpecIds"].as_array_mut().unwrap().push(json!(spec));
    let reply = world.call("PUT", &flow_spec).json(edition.clone()).send().await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let seen = world.get(&format!("{FLOWS}/flowSpecs?property=id=={FLOW_SPEC}")).await;
    assert_eq!(seen.body["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(seen.item()["sourceConnectionSpecIds"], edition["sourceConnectionSpecIds"]);
    assert_eq!(seen.item()["transformationSpec"], seen.item()["transformationSpecs"], "A-17");
    let reply = world.post(&flows, flow).await;
    assert_eq!(reply.body["report"]["pointer"], "/sourceConnectionIds/0", "{}", reply.body);
    assert!(reply.text.contains("cannot be read from"), "{}", reply.text);
    assert_eq!(world.post(&flows, parts.flow()).await.status, 201, "what ran before still does");
    let other = world.stranger("GET", &flow_spec, crate::world::OTHER_ORG).send().await;
    assert!(!other.text.contains(&spec), "another organization has the built-in one");
}

#[tokio::test]
async fn a_spec_cannot_make_a_secret_of_what_connections_show() {
    let world = World::new().await;
    let spec = world.created(&format!("{FLOWS}/connectionSpecs"), acme()).await;
    let path = format!("{FLOWS}/connectionSpecs/{spec}");
    let body = json!({ "connectionSpec": { "id": spec }, "auth": { "specName": "KeyBased",
        "params": { "host": "https://a", "authKey1": "canary" } } });
    let connection = world.stranger("POST", &format!("{FLOWS}/connections"), crate::world::ORG).json(body).send().await;
    assert_eq!(connection.status, 201, "{}", connection.body);
    let mut next = acme();
    next["authSpec"][0]["spec"]["properties"]["host"]["format"] = json!("password");
    let reply = world.call("PUT", &path).json(next).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["report"]["pointer"]), (400, &json!("/authSpec")), "{}", reply.body);
}

#[tokio::test]
async fn a_spec_keeps_its_secrets_and_its_provider() {
    let world = World::new().await;
    let spec = world.created(&format!("{FLOWS}/connectionSpecs"), acme()).await;
    let path = format!("{FLOWS}/connectionSpecs/{spec}");
    let before = world.get(&path).await.body;
    for (pointer, value, at) in [
        ("/authSpec/0/spec/properties/authKey1", json!({ "type": "string", "format": "hostname" }), "/authSpec"),
        ("/authSpec/0/spec/properties/override", json!({ "type": "object" }), "/authSpec"),
        ("/authSpec/0/name", json!("Another"), "/authSpec"),
        ("/authSpec", json!([]), "/authSpec"),
        ("/providerId", json!("521eee4d-8cbe-4906-bb48-fb6bd4450033"), "/providerId"),
    ] {
        let mut next = acme();
        *next.pointer_mut(pointer).unwrap() = value;
        let reply = world.call("PUT", &path).json(next).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["report"]["pointer"]), (400, &json!(at)), "{}", reply.body);
    }
    assert_eq!(world.get(&path).await.body, before);
}

#[tokio::test]
async fn a_spec_is_written_by_who_may_write_in_every_sandbox() {
    let world = World::new().await;
    let spec = world.created(&format!("{FLOWS}/connectionSpecs"), acme()).await;
    world.client_with("local", &["manage-sources"], &["prod"]).await;
    world.client_with("all", &["manage-sources"], &["prod", "dev"]).await;
    let flow_spec = world.get(&format!("{FLOWS}/flowSpecs/{FLOW_SPEC}")).await.item().clone();
    let mut other = acme();
    other["name"] = json!("other");
    for (method, path, body) in [
        ("POST", "connectionSpecs".to_string(), other),
        ("PUT", format!("connectionSpecs/{spec}"), acme()),
        ("POST", "flowSpecs".to_string(), json!({ "name": "f", "providerId": "p" })),
        ("PUT", format!("flowSpecs/{FLOW_SPEC}"), flow_spec),
    ] {
        let call =
            |client: &str| world.by(client, "prod", method, &format!("{FLOWS}/{path}")).json(body.clone()).send();
        let reply = call("local").await;
        assert_eq!(reply.status, 403, "{method} {path}: {}", reply.body);
        assert!(reply.text.contains("dev"), "{}", reply.text);
        let reply = call("all").await;
        assert!(reply.status.is_success(), "{method} {path}: {}", reply.body);
    }
}

#[tokio::test]
async fn a_spec_has_a_size() {
    let world = World::new().await;
    let mut spec = acme();
    spec["description"] = json!("x".repeat(60_000));
    let path =
        format!("{FLOWS}/connectionSpecs/{}", world.created(&format!("{FLOWS}/connectionSpecs"), spec.clone()).await);
    spec["description"] = json!("x".repeat(64 * 1024));
    let put = world.call("PUT", &path).json(spec.clone()).send().await;
    spec["name"] = json!("other");
    let post = world.post(&format!("{FLOWS}/connectionSpecs"), spec).await;
    for reply in [put, post] {
        assert_eq!(reply.status, 413, "{}", reply.body);
        assert!(reply.text.contains("65536"), "{}", reply.text);
    }
}
