//! Searches (FS §7.2, §6.2, §9.6), orders (FS-Q-9) and `configs` (FS-SPEC-4).

use crate::world::{DATALAKE, FLOW_SPEC, FLOWS, ORG, Reply, S3, World, connection};
use serde_json::{Value, json};

#[track_caller]
fn refused(reply: &Reply, code: &str, pointer: &str) {
    let found = (reply.status.as_u16(), reply.code(), reply.body["report"]["pointer"].as_str().unwrap_or_default());
    assert_eq!(found, (400, code, pointer), "{}", reply.body);
}

fn names(reply: &Reply) -> Vec<&str> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    reply.body["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap_or_default()).collect()
}

#[tokio::test]
async fn connections_are_searched_by_a_body_and_paged_by_links() {
    let world = World::new().await;
    for name in ["a", "b", "c", "d"] {
        world.pass(1000);
        let mut body = connection();
        body["name"] = json!(name);
        world.created(&format!("{FLOWS}/connections"), body).await;
    }
    let path = format!("{FLOWS}/connections/search");
    let search = async |body: Value| world.post(&path, body).await;
    assert_eq!(names(&search(json!({})).await), ["d", "c", "b", "a"]);
    let query = format!("state==ENABLED&name==a,\"b\"&connectionSpec.id=={S3}");
    assert_eq!(names(&search(json!({ "queryString": query, "orderby": "name" })).await), ["a", "b"]);
    assert_eq!(search(json!({ "queryString": "name!=a", "count": true })).await.body, json!({ "count": 3 }));
    assert_eq!(search(json!({ "count": "True" })).await.body, json!({ "count": 4 }));
    let body = json!({ "orderby": "-name", "limit": 3, "count": false });
    let reply = search(body.clone()).await;
    assert_eq!(names(&reply), ["d", "c", "b"]);
    let href = reply.body["_links"]["next"]["href"].as_str().unwrap();
    assert!(href.starts_with("/connections/search?continuationToken="), "{href}");
    let reply = world.post(&format!("{FLOWS}{href}"), body).await;
    assert_eq!((names(&reply), &reply.body["_links"]), (vec!["a"], &json!({})));
    for (body, code, pointer) in [
        (json!([]), "FLOW-1100-400", ""),
        (json!({ "queryString": 7 }), "FLOW-1100-400", "/queryString"),
        (json!({ "queryString": "name~a" }), "FLOW-1440-400", "/queryString"),
        (json!({ "limit": 0 }), "FLOW-1452-400", "/limit"),
        (json!({ "limit": 1001 }), "FLOW-1452-400", "/limit"),
        (json!({ "limit": "many" }), "FLOW-1452-400", "/limit"),
        (json!({ "orderby": "name:desc" }), "FLOW-1432-400", "/orderby"),
        (json!({ "orderby": "shoeSize" }), "FLOW-1433-400", ""),
        (json!({ "count": "maybe" }), "FLOW-1452-400", "/count"),
        (json!({ "count": true, "limit": 1 }), "FLOW-1401-400", ""),
        (json!({ "projectionFields": "name==a" }), "FLOW-1100-400", "/projectionFields"),
        (json!({ "queryString": "auth.params.s3SecretKey==********" }), "FLOW-1448-400", ""),
    ] {
        refused(&search(body).await, code, pointer);
    }
    assert_eq!(world.call("POST", &path).send().await.code(), "FLOW-1405-400");
}

#[tokio::test]
async fn flows_are_searched_in_the_sandboxes_that_a_header_names() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    for name in ["one", "two", "three"] {
        world.pass(1000);
        let mut flow = parts.flow();
        flow["name"] = json!(name);
        world.created(&format!("{FLOWS}/flows"), flow).await;
    }
    let draft = json!({ "name": "elsewhere", "flowSpec": { "id": FLOW_SPEC } });
    let reply = world.stranger("POST", &format!("{FLOWS}/flows?mode=draft"), ORG).json(draft).send().await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let path = format!("{FLOWS}/flows/search");
    let search = async |path: &str, ids: &str, body: Value| {
        world.call("POST", path).header("x-active-sandbox-ids", ids).json(body).send().await
    };
    assert_eq!(names(&world.post(&path, json!({})).await), ["three", "two", "one"], "the caller's own");
    assert_eq!(names(&search(&path, "acme-dev", json!({})).await), ["elsewhere"]);
    let both = "acme-prod, acme-dev";
    assert_eq!(search(&path, both, json!({ "count": true })).await.body, json!({ "count": 4 }));
    refused(&search(&path, both, json!({ "orderby": "name" })).await, "FLOW-1424-400", "");
    let body = json!({ "limit": 2, "projectionFields": "name,state" });
    let (mut at, mut seen) = (path.clone(), Vec::new());
    loop {
        let reply = search(&at, both, body.clone()).await;
        seen.extend(names(&reply).iter().map(|name| name.to_string()));
        let members: Vec<&String> = reply.item().as_object().unwrap().keys().collect();
        assert_eq!(members, ["id", "name", "state"]);
        match reply.body["_links"]["next"]["href"].as_str() {
            Some(href) => at = format!("{FLOWS}{href}"),
            None => break,
        }
    }
    assert_eq!(seen, ["three", "two", "one", "elsewhere"]);
    // Pages of a search that finds nothing in the first sandbox begin in the second.
    let body = json!({ "queryString": "state==draft" });
    assert_eq!(names(&search(&path, both, body).await), ["elsewhere"]);
    for ids in ["rival-prod", "nothing"] {
        let reply = search(&path, ids, json!({})).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (404, "FLOW-2101-404"), "{ids}");
    }
    // The header opens no sandbox that the caller may not read.
    world.client_with("reader", &["view-sources"], &["prod"]).await;
    for (ids, status) in [("acme-prod", 200), ("acme-dev", 403), (both, 403)] {
        let call = world.by("reader", "prod", "POST", &path).header("x-active-sandbox-ids", ids).json(json!({}));
        let reply = call.send().await;
        assert_eq!(reply.status, status, "{ids}: {}", reply.body);
    }
    refused(&search(&format!("{path}?continuationToken=9.x"), both, json!({})).await, "FLOW-1451-400", "");
}

#[tokio::test]
async fn flow_specs_are_searched_grouped_and_projected_fs_6_2() {
    let world = World::new().await;
    let path = format!("{FLOWS}/flowSpecs/search");
    let search = async |body: Value| world.post(&path, body).await;
    let all = world.get(&format!("{FLOWS}/flowSpecs")).await.body["items"].as_array().unwrap().len();
    assert_eq!(search(json!({ "count": true })).await.body, json!({ "count": all }));
    let reply = search(json!({ "queryString": "name==\"CloudStorageToAEP\"", "projectionFields": "name" })).await;
    assert_eq!(reply.body["items"], json!([{ "id": FLOW_SPEC, "name": "CloudStorageToAEP" }]));
    let reply = search(json!({ "orderby": "name", "projectionFields": ["name"] })).await;
    assert!(names(&reply).is_sorted(), "{}", reply.body);
    assert_eq!(names(&search(json!({ "orderby": "name", "limit": 1 })).await).len(), 1);
    let reply = search(json!({ "groupByProperty": "attributes.frequency" })).await;
    let groups = reply.body["groups"].as_array().unwrap();
    let counted: u64 = groups.iter().map(|group| group["count"].as_u64().unwrap()).sum();
    assert_eq!((counted, reply.body["items"].as_array().unwrap().len()), (all as u64, all));
    assert!(groups.iter().any(|group| group["value"] == "batch"));
    refused(&search(json!({ "groupByProperty": "a b" })).await, "FLOW-1432-400", "/groupByProperty");
    refused(&search(json!({ "orderby": "shoeSize" })).await, "FLOW-1433-400", "");
}

#[tokio::test]
async fn lists_are_ordered_by_members_that_have_an_order_fs_q_9() {
    let world = World::new().await;
    for (kind, fine) in [
        ("connections", vec!["name", "-createdAt", "connectionSpec.id", "name,-updatedAt"]),
        ("sourceConnections", vec!["baseConnectionId", "params.path", "-data.format"]),
        ("targetConnections", vec!["params.dataSetId"]),
        ("flows", vec!["scheduleParams.frequency", "-lastRunDetails.startedAtUTC", "state"]),
        ("runs", vec!["flowId", "-metrics.durationSummary.startedAtUTC"]),
    ] {
        for order in fine {
            let reply = world.get(&format!("{FLOWS}/{kind}?orderby={order}")).await;
            assert_eq!(reply.status, 200, "{kind} by {order}: {}", reply.body);
        }
        for order in ["shoeSize", "name.first", "connectionSpec", "transformations", "name,shoeSize", "a..b"] {
            let reply = world.get(&format!("{FLOWS}/{kind}?orderby={order}")).await;
            assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1433-400"), "{kind} by {order}");
        }
    }
}

#[tokio::test]
async fn configs_tell_what_a_spec_lets_its_users_say_fs_spec_4() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let of_spec = format!("{FLOWS}/connectionSpecs/{S3}/configs");
    let reply = world.get(&of_spec).await;
    assert!(reply.body["items"].as_array().unwrap().contains(&json!({ "columnName": "path", "columnType": "string" })));
    assert_eq!(world.get(&format!("{FLOWS}/connections/{}/configs", parts.base)).await.body, reply.body);
    let query = "outputType=activationDatasets&outputField=datasets&start=0&limit=100";
    let reply = world.get(&format!("{FLOWS}/connectionSpecs/{DATALAKE}/configs?{query}&properties=name")).await;
    assert_eq!(reply.body["items"], json!([{ "id": parts.dataset, "name": "People (EU)" }]));
    assert_eq!(reply.body["pageInfo"], json!({ "hasNext": false }));
    let reply = world.get(&format!("{of_spec}?outputType=activationDatasets&start=1&limit=1")).await;
    assert_eq!(reply.body, json!({ "items": [], "pageInfo": { "hasNext": false } }));
    for query in ["authType=IamBasedAuthentication", "outputType=other", "outputType=activationDatasets&outputField=x"]
    {
        assert_eq!(world.get(&format!("{of_spec}?{query}")).await.code(), "FLOW-1100-400", "{query}");
    }
    for path in ["connectionSpecs/nothing/configs", "connections/nothing/configs", "connectionSpecs/nothing/explore"] {
        assert_eq!(world.get(&format!("{FLOWS}/{path}")).await.status, 404, "{path}");
    }
    let reply = world.get(&format!("{FLOWS}/connectionSpecs/{S3}/explore")).await;
    refused(&reply, "FLOW-1100-400", "");
    assert!(reply.text.contains("need credentials"), "{}", reply.text);
    let reply = world.get(&format!("{FLOWS}/connectionSpecs/{DATALAKE}/explore")).await;
    refused(&reply, "FLOW-1100-400", "");
}
