//! API clients: secrets are told once, and rotation and revocation hold at once.

use crate::issuer::Signer;
use crate::world::{CLIENT, FLOWS, ORG, OTHER_ORG, Reply, World};
use forebay_model::{Resource, Scope};
use serde_json::{Value, json};

const CLIENTS: &str = "/data/foundation/forebay/clients";

async fn token(world: &World, id: &str, secret: &str) -> Reply {
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    world.bare("POST", "/ims/token/v3").text(&form).send().await
}

async fn flows(world: &World, id: &str, token: &Value) -> u16 {
    let bearer = format!("Bearer {}", token.as_str().unwrap());
    let call = world.bare("GET", &format!("{FLOWS}/flows")).header("authorization", &bearer);
    call.header("x-api-key", id).header("x-gw-ims-org-id", ORG).send().await.status.as_u16()
}

#[tokio::test]
async fn a_client_is_made_given_rights_rotated_and_revoked() {
    let world = World::new().await;
    let made = world.post(CLIENTS, json!({ "name": "loader", "description": "nightly" })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let (id, secret) = (made.body["clientId"].as_str().unwrap(), made.body["clientSecret"].as_str().unwrap());
    let path = format!("{CLIENTS}/{id}");

    // The secret is told once, and stored as a hash.
    for reply in [world.get(&path).await, world.get(CLIENTS).await] {
        assert_eq!(reply.status, 200);
        assert!(!reply.text.contains(secret) && !reply.text.contains("secretHash"), "{}", reply.text);
    }
    let stored = world.app.store.get(&Scope::organization(ORG), Resource::Client, id).await.unwrap();
    assert!(!stored.body.to_string().contains(secret));

    // It signs in, and may nothing before it has a role.
    let first = token(&world, id, secret).await.body["access_token"].clone();
    assert_eq!(flows(&world, id, &first).await, 403);
    let role = json!({ "name": "loaders", "permissionSets": ["view-sources"], "sandboxes": ["prod"] });
    let role = world.post("/data/foundation/access-control/administration/roles", role).await;
    let subjects =
        format!("/data/foundation/access-control/administration/roles/{}/subjects", role.body["id"].as_str().unwrap());
    let give = json!([{ "op": "add", "path": "/apiIntegration", "value": id }]);
    assert_eq!(world.call("PATCH", &subjects).json(give).send().await.status, 200);
    assert_eq!(flows(&world, id, &first).await, 200);

    // Rotation: the old secret and its tokens are good for nothing.
    let rotated = world.call("POST", &format!("{path}/rotate")).send().await;
    assert_eq!(rotated.status, 200, "{}", rotated.body);
    let renewed = rotated.body["clientSecret"].as_str().unwrap();
    assert_ne!(renewed, secret);
    assert_eq!(token(&world, id, secret).await.status, 401);
    assert_eq!(flows(&world, id, &first).await, 401);
    let second = token(&world, id, renewed).await.body["access_token"].clone();
    assert_eq!(flows(&world, id, &second).await, 200);

    // Another organization cannot see or touch it.
    for (method, path) in
        [("GET", path.clone()), ("PATCH", path.clone()), ("POST", format!("{path}/rotate")), ("DELETE", path.clone())]
    {
        let reply = world.stranger(method, &path, OTHER_ORG).text("{}").send().await;
        assert_eq!(reply.status, 404, "{method}: {}", reply.text);
    }
    assert_eq!(world.call("DELETE", &path).send().await.status, 204);
    assert_eq!(token(&world, id, renewed).await.status, 401);
    assert_eq!(flows(&world, id, &second).await, 401);
    assert_eq!(world.get(&path).await.status, 404);
    let events = world.get("/data/foundation/audit/events?property=assetType==API%20Client").await;
    let told: Vec<&Value> =
        events.body["_embedded"]["events"].as_array().unwrap().iter().map(|e| &e["action"]).collect();
    assert_eq!(told, ["Delete", "Rotate", "Create"]);
    for text in [secret, renewed] {
        assert!(!events.text.contains(text), "no secret is in the trail");
    }
}

#[tokio::test]
async fn the_tokens_of_a_client_end_when_a_key_of_it_goes() {
    let world = World::new().await;
    let (old, new) = (Signer::ec("old").jwk(), Signer::ec("new").jwk());
    let body = json!({ "name": "signer", "publicKeys": [old] });
    let made = world.post(CLIENTS, body).await;
    let (id, secret) = (made.body["clientId"].as_str().unwrap(), made.body["clientSecret"].as_str().unwrap());
    let path = format!("{CLIENTS}/{id}");
    let give = json!([{ "op": "add", "path": "/apiIntegration", "value": id }]);
    let subjects = "/data/foundation/access-control/administration/roles/administrators/subjects";
    assert_eq!(world.call("PATCH", subjects).json(give).send().await.status, 200);
    let patch = async |change: Value| {
        let reply = world.call("PATCH", &path).json(change).send().await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    };

    let first = token(&world, id, secret).await.body["access_token"].clone();
    patch(json!({ "name": "other" })).await;
    patch(json!({ "publicKeys": [new, old] })).await;
    assert_eq!(flows(&world, id, &first).await, 200, "a key more takes nothing away");
    patch(json!({ "publicKeys": [new] })).await;
    assert_eq!(flows(&world, id, &first).await, 401, "a key went");
    let second = token(&world, id, secret).await.body["access_token"].clone();
    assert_eq!(flows(&world, id, &second).await, 200, "the secret is as good as before");
    patch(json!({ "publicKeys": [old] })).await;
    assert_eq!(flows(&world, id, &second).await, 401, "a key was replaced");
}

#[tokio::test]
async fn the_last_administrator_cannot_be_revoked() {
    let world = World::new().await;
    let own = format!("{CLIENTS}/{CLIENT}");
    assert_eq!(world.call("DELETE", &own).send().await.status, 409);
    let id = world.post(CLIENTS, json!({ "name": "second" })).await.body["clientId"].as_str().unwrap().to_string();
    assert_eq!(world.call("DELETE", &own).send().await.status, 409, "it is no administrator yet");
    let subjects = "/data/foundation/access-control/administration/roles/administrators/subjects";
    let give = json!([{ "op": "add", "path": "/apiIntegration", "value": id }]);
    assert_eq!(world.call("PATCH", subjects).json(give).send().await.status, 200);
    assert_eq!(world.call("DELETE", &own).send().await.status, 204);
    assert_eq!(world.get(CLIENTS).await.status, 401, "and is nobody at once");
}

#[tokio::test]
async fn a_bad_client_is_refused_with_the_place() {
    let world = World::new().await;
    let mut private = Signer::ec("k").jwk();
    private["d"] = json!("AAAA");
    for (body, place) in [
        (json!({}), ""),
        (json!({ "name": 5 }), "/name"),
        (json!({ "name": "" }), "/name"),
        (json!({ "name": "x", "publicKeys": {} }), "/publicKeys"),
        (json!({ "name": "x", "publicKeys": [{ "kty": "oct", "k": "AAAA" }] }), "/publicKeys/0"),
        (json!({ "name": "x", "publicKeys": [Signer::ec("k").jwk(), private] }), "/publicKeys/1"),
    ] {
        let reply = world.post(CLIENTS, body.clone()).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.body);
        assert_eq!(reply.body["report"]["pointer"].as_str().unwrap_or_default(), place, "{body}");
        assert!(!reply.text.contains("AAAA"), "{}", reply.text);
    }
    let path = format!("{CLIENTS}/{CLIENT}");
    for body in [json!({ "secretHash": "x" }), json!({ "clientId": "x" }), json!({ "name": " " }), json!([])] {
        assert_eq!(world.call("PATCH", &path).json(body.clone()).send().await.status, 400, "{body}");
    }
    let reply = world.call("PATCH", &path).json(json!({ "name": "first" })).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["name"]), (200, &json!("first")));
    assert_eq!(world.get(&format!("{CLIENTS}?limit=1")).await.body["_page"]["count"], 1);
}
