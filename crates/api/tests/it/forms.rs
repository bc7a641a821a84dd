//! Drafts of forms, finding things, and the timeline of a flow.

use crate::world::{FLOWS, World, connection};
use serde_json::{Value, json};

const OWN: &str = "/data/foundation/forebay";

#[tokio::test]
async fn a_draft_is_kept_changed_and_deleted() {
    let world = World::new().await;
    let path = format!("{OWN}/drafts");
    let body = json!({ "kind": "flow", "name": "orders", "step": "preview", "state": { "path": "/in", "n": [1] } });
    let made = world.post(&path, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let (id, etag) = (made.body["id"].as_str().unwrap(), made.body["etag"].as_str().unwrap());
    let one = format!("{path}/{id}");
    let found = world.get(&one).await;
    for (name, value) in body.as_object().unwrap() {
        assert_eq!(&found.item()[name], value);
    }
    assert_eq!(
        (&found.item()["etag"], &found.item()["updatedBy"]),
        (&json!(etag), &json!("acme-client@techacct.adobe.com"))
    );
    let put = |etag: &str| world.call("PUT", &one).header("if-match", etag).json(json!({ "name": "new" }));
    assert_eq!(world.call("PUT", &one).json(json!({ "name": "new" })).send().await.status, 400);
    assert_eq!(put("\"other\"").send().await.status, 412);
    assert_eq!(put(etag).send().await.status, 200);
    assert_eq!(put(etag).send().await.status, 412);
    world.pass(1);
    world.created(&path, json!({ "name": "second" })).await;
    let all = world.get(&path).await;
    let names: Vec<&Value> = all.body["items"].as_array().unwrap().iter().map(|draft| &draft["name"]).collect();
    assert_eq!(names, ["second", "new"]);
    assert_eq!(world.call("DELETE", &one).send().await.status, 204);
    assert_eq!(world.get(&one).await.status, 404);
}

#[tokio::test]
async fn a_draft_has_no_secrets_and_is_not_large() {
    let world = World::new().await;
    let path = format!("{OWN}/drafts");
    let cases = [
        (json!({ "state": { "a": [{ "s3SecretKey": "canary" }] } }), "/state/a/0/s3SecretKey"),
        (json!({ "state": { "password": "canary" } }), "/state/password"),
        (json!({ "state": { "access_token": "canary" } }), "/state/access_token"),
        (json!({ "state": { "text": "x".repeat(256 * 1024) } }), "/state"),
        (json!({ "state": [] }), "/state"),
        (json!({ "kind": "pipe" }), "/kind"),
        (json!({ "name": "a\nb" }), "/name"),
        (json!({ "else": 1 }), "/else"),
    ];
    for (body, place) in cases {
        let reply = world.post(&path, body).await;
        assert_eq!((reply.status.as_u16(), &reply.body["report"]["pointer"]), (400, &json!(place)), "{}", reply.text);
        assert!(!reply.text.contains("canary"));
    }
    let masked = json!({ "state": { "password": "********", "s3SecretKey": "", "continuationToken": "a" } });
    assert_eq!(world.post(&path, masked).await.status, 201);
}

/// Kinds and names of what is found.
async fn found(world: &World, query: &str) -> Vec<String> {
    let reply = world.get(&format!("{OWN}/find?{query}")).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let items = reply.body["items"].as_array().unwrap().clone();
    items.iter().map(|item| format!("{} {}", item["kind"].as_str().unwrap(), item["name"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn things_are_found_by_id_or_a_part_of_the_name() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    world.created(&format!("{FLOWS}/flows"), parts.flow()).await;
    assert_eq!(
        found(&world, "q=PEOPLE").await,
        ["flow people daily", "sourceConnection people files", "dataset People (EU)"]
    );
    assert_eq!(found(&world, "q=people&limit=1").await, ["flow people daily"]);
    assert_eq!(found(&world, &format!("q={}", parts.base)).await, ["connection warehouse bucket"]);
    assert_eq!(found(&world, &format!("q={}", parts.schema)).await, ["schema Contacts"]);
    assert_eq!(found(&world, "q=contacts").await, ["schema Contacts"]);
    assert_eq!(found(&world, "q=PROD").await, ["sandbox PROD"]);
    assert_eq!(found(&world, "q=%25").await, Vec::<String>::new());
    for query in ["", "q=", "q=%20", &format!("q={}", "x".repeat(201)), "q=a&limit=0"] {
        assert_eq!(world.get(&format!("{OWN}/find?{query}")).await.status, 400, "{query}");
    }
    let call = world.call("POST", &format!("{FLOWS}/connections")).header("x-request-id", "req-77");
    call.json(connection()).send().await;
    let reply = world.get(&format!("{OWN}/find?q=req-77")).await;
    let detail = "POST /data/foundation/flowservice/connections by acme-client@techacct.adobe.com at 2024-07-01T00:00:00Z: Success";
    assert_eq!(reply.item()["detail"], detail, "{}", reply.text);
    // Only what the caller may read.
    world.client_with("librarian", &["view-schemas"], &["prod"]).await;
    let reply = world.by("librarian", "prod", "GET", &format!("{OWN}/find?q=e")).send().await;
    assert!(reply.body["items"].as_array().unwrap().iter().all(|i| i["kind"] == "schema"), "{}", reply.text);
    let reply = world.by("librarian", "prod", "GET", &format!("{OWN}/find?q=req-77")).send().await;
    assert_eq!(reply.body["items"], json!([]));
}

#[tokio::test]
async fn a_timeline_tells_runs_and_changes_and_no_secret() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let mut flow = parts.flow();
    flow["scheduleParams"] = json!({ "startTime": "1719792000", "frequency": "once" });
    world.pass(10);
    let id = world.created(&format!("{FLOWS}/flows"), flow).await;
    world.pass(10);
    let rename = json!([{ "op": "replace", "path": "/name", "value": "renamed" }]);
    assert_eq!(world.patch(&format!("{FLOWS}/flows/{id}"), rename).await.status, 200);
    world.pass(10);
    let secret = json!([{ "op": "replace", "path": "/auth/params/s3SecretKey", "value": "canary-new" }]);
    assert_eq!(world.patch(&format!("{FLOWS}/connections/{}", parts.base), secret).await.status, 200);
    world.pass(10);
    world.created(&format!("{FLOWS}/runs"), json!({ "flowId": id })).await;
    let path = format!("{OWN}/flows/{id}/timeline");
    let reply = world.get(&path).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(!reply.text.contains("canary"), "{}", reply.text);
    let items = reply.body["items"].as_array().unwrap();
    let told: Vec<String> = items
        .iter()
        .map(|item| format!("{} {}", item["kind"].as_str().unwrap(), item["summary"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told[..4],
        [
            "run The run waits for its turn.",
            "change Update connection \"warehouse bucket\": auth/params/s3SecretKey",
            "change Update flow \"renamed\": name",
            "change Create flow \"people daily\"",
        ]
    );
    assert_eq!(told.len(), 10, "{told:#?}");
    assert_eq!(items[1]["diff"], json!([{ "path": "/auth/params/s3SecretKey", "after": "(secret changed)" }]));
    assert_eq!(items[2]["diff"], json!([{ "path": "/name", "before": "people daily", "after": "renamed" }]));
    assert_eq!(items[2]["by"], "acme-client@techacct.adobe.com");
    // Page by page it is the same.
    let mut pages = Vec::new();
    let mut before = String::new();
    loop {
        let page = world.get(&format!("{path}?limit=2{before}")).await.body;
        pages.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_i64() else { break };
        before = format!("&before={next}");
    }
    assert_eq!(&pages, items);
    let only = world.get(&format!("{path}?kind=run")).await;
    assert_eq!(only.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.get(&format!("{path}?kind=walk")).await.status, 400);
    assert_eq!(world.get(&format!("{OWN}/flows/none/timeline")).await.status, 404);
}
