//! Base connections.

use crate::world::{FLOWS, S3, World, connection, source_connection};
use expect_test::expect;
use forebay_model::Resource;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

const PATH: &str = "/data/foundation/flowservice/connections";

#[tokio::test]
async fn a_connection_is_created_and_read_with_its_secret_masked_fs_env_1_6_9() {
    let world = World::new().await;
    let reply = world.post(PATH, connection()).await;
    assert_eq!(reply.status, 201);
    let id = reply.body["id"].as_str().unwrap().to_string();
    assert_eq!(reply.headers["location"], format!("http://forebay.test{PATH}/{id}").as_str(), "FS-HDR-4");
    let names: Vec<&String> = reply.body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["id", "etag"]);
    let etag = reply.body["etag"].as_str().unwrap();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "FS-ETAG-1: {etag}");
    let reply = world.get(&format!("{PATH}/{id}")).await;
    assert!(!reply.text.contains("canary"));
    expect![[r#"
        200 {
          "items": [
            {
              "id": "00000002-0000-4000-8000-000000000002",
              "createdAt": 1719792000000,
              "updatedAt": 1719792000000,
              "name": "warehouse bucket",
              "auth": {
                "specName": "Access Key",
                "params": {
                  "s3AccessKey": "AKIA0EXAMPLE",
                  "s3SecretKey": "********"
                }
              },
              "connectionSpec": {
                "id": "ecadc60c-7455-4d87-84dc-2a0e293d997b",
                "version": "1.0"
              },
              "createdBy": "acme-client@techacct.adobe.com",
              "updatedBy": "acme-client@techacct.adobe.com",
              "createdClient": "acme-client",
              "updatedClient": "acme-client",
              "sandboxId": "acme-prod",
              "sandboxName": "prod",
              "imsOrgId": "ACME@AdobeOrg",
              "state": "enabled",
              "version": "<etag>",
              "etag": "<etag>"
            }
          ]
        }"#]]
    .assert_eq(&reply.shown());
}

#[tokio::test]
async fn either_pair_of_names_in_any_case_is_accepted_fs_spec_2_fs_con_2_3() {
    let world = World::new().await;
    for params in [
        json!({ "accessKeyId": "AKIA", "secretAccessKey": "canary-1" }),
        json!({ "S3ACCESSKEY": "AKIA", "s3secretkey": "canary-2" }),
    ] {
        let mut body = connection();
        body["auth"] = json!({ "specName": "accesskeyauth", "params": params });
        let id = world.created(PATH, body).await;
        let reply = world.get(&format!("{PATH}/{id}")).await;
        assert_eq!(reply.item()["auth"]["params"], json!({ "s3AccessKey": "AKIA", "s3SecretKey": "********" }));
    }
}

#[tokio::test]
async fn the_version_of_the_spec_may_be_absent_or_a_number_fs_con_5() {
    let world = World::new().await;
    for (sent, kept) in [(json!({ "id": S3 }), json!("1.0")), (json!({ "id": S3, "version": 1 }), json!(1))] {
        let mut body = connection();
        body["connectionSpec"] = sent;
        let id = world.created(PATH, body).await;
        assert_eq!(world.get(&format!("{PATH}/{id}")).await.item()["connectionSpec"]["version"], kept);
    }
}

#[track_caller]
fn check(reply: &crate::world::Reply, code: &str, pointer: &str) {
    let found = (reply.status.as_u16(), reply.code(), reply.body["report"]["pointer"].as_str().unwrap_or_default());
    assert_eq!(found, (400, code, pointer), "{}", reply.body);
}

#[tokio::test]
async fn what_is_wrong_is_named_fs_con_1_2_3() {
    let world = World::new().await;
    let with = |pointer: &str, value: Value| {
        let mut body = connection();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let reply = world.post(PATH, with("/connectionSpec/id", json!("nothing"))).await;
    check(&reply, "FLOW-1413-400", "/connectionSpec/id");
    assert_eq!(reply.body["message"], "Please provide a valid spec id", "FS-ERR-2");
    check(&world.post(PATH, with("/auth/specName", json!("Magic"))).await, "FLOW-1415-400", "/auth/specName");
    let params = json!({ "s3AccessKey": "AKIA" });
    let reply = world.post(PATH, with("/auth/params", params)).await;
    check(&reply, "FLOW-1100-400", "/auth/params/s3SecretKey");
    assert!(reply.text.contains("auth.params.s3SecretKey is required"), "{}", reply.text);
    let reply = world.post(PATH, with("/auth/params/s3SecretKey", json!(4711))).await;
    check(&reply, "FLOW-1100-400", "/auth/params/s3SecretKey");
    assert!(!reply.text.contains("4711"));
    check(&world.post(PATH, with("/auth", json!(null))).await, "FLOW-1100-400", "/auth");
    check(&world.post(PATH, with("/name", json!(" "))).await, "FLOW-1100-400", "/name");
    let mut own_id = connection();
    own_id["id"] = json!("mine");
    check(&world.post(PATH, own_id).await, "FLOW-1411-400", "");
}

#[tokio::test]
async fn members_that_the_server_writes_are_not_taken_from_the_body() {
    let world = World::new().await;
    let mut body = connection();
    for name in ["createdBy", "imsOrgId", "sandboxId", "etag", "createdAt", "state", "updatedClient"] {
        body[name] = json!("forged");
    }
    let id = world.created(PATH, body).await;
    assert!(!world.get(&format!("{PATH}/{id}")).await.text.contains("forged"));
}

#[tokio::test]
async fn a_patch_needs_the_current_etag_fs_etag_2_3_4_5() {
    let world = World::new().await;
    let id = world.created(PATH, connection()).await;
    let path = format!("{PATH}/{id}/");
    let etag = world.get(&path).await.item()["etag"].as_str().unwrap().to_string();
    let patch = json!([{ "op": "replace", "path": "/name", "value": "renamed" }]);
    let reply = world.call("PATCH", &path).json(patch.clone()).send().await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1403-400"));
    let reply = world.call("PATCH", &path).header("if-match", "\"stale\"").json(patch.clone()).send().await;
    assert_eq!((reply.status.as_u16(), reply.code()), (412, "FLOW-1404-412"));
    let bare = etag.trim_matches('"');
    let text = format!("Supplied version=[\"stale\"] does not match the current version on entity=[\"{bare}\"]");
    assert!(reply.body["errorMessage"].as_str().unwrap().starts_with(&text), "FS-ERR-2: {}", reply.body);
    assert_eq!(world.get(&path).await.item()["etag"], etag.as_str(), "unchanged");
    let reply = world.call("PATCH", &path).header("if-match", &etag).json(patch.clone()).send().await;
    assert_eq!(reply.status, 200);
    let second = reply.body["etag"].as_str().unwrap().to_string();
    assert_ne!(second, etag);
    let query = url::form_urlencoded::byte_serialize(second.as_bytes()).collect::<String>();
    let reply = world.call("PATCH", &format!("{path}?if-match={query}")).json(patch.clone()).send().await;
    assert_eq!(reply.status, 200, "by query");
    let third = reply.body["etag"].as_str().unwrap().trim_matches('"').to_string();
    for sent in [third.as_str(), "*"] {
        let reply = world.call("PATCH", &path).header("If-Match", sent).json(patch.clone()).send().await;
        assert_eq!(reply.status, 200, "{sent}");
    }
    let item = world.get(&path).await;
    assert_eq!((&item.item()["name"], &item.item()["version"]), (&json!("renamed"), &item.item()["etag"]));
}

#[tokio::test]
async fn a_mask_that_comes_back_keeps_the_secret_and_a_new_value_replaces_it_fs_env_9() {
    let world = World::new().await;
    let id = world.created(PATH, connection()).await;
    let path = format!("{PATH}/{id}");
    let secret = async || {
        let secrets = world.app.store.secrets(&world.scope(), Resource::Connection, &id).await.unwrap();
        secrets["/auth/params/s3SecretKey"].expose_secret().to_string()
    };
    let mut params = world.get(&path).await.item()["auth"]["params"].clone();
    params["serviceUrl"] = json!("https://minio.example.com");
    let reply = world.patch(&path, json!([{ "op": "replace", "path": "/auth/params", "value": params }])).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(secret().await, "canary-s3cr3t");
    let item = world.get(&path).await.item().clone();
    assert_eq!(item["auth"]["params"]["serviceUrl"], "https://minio.example.com");
    let patch = json!([{ "op": "replace", "path": "/auth/params/s3SecretKey", "value": "canary-new" }]);
    assert_eq!(world.patch(&path, patch).await.status, 200);
    assert_eq!(secret().await, "canary-new");
    assert!(!world.get(&path).await.text.contains("canary"));
    let patch = json!([{ "op": "add", "path": "/auth/params/s3SessionToken", "value": "********" }]);
    assert_eq!(world.patch(&path, patch).await.status, 400, "there is no token to keep");
}

#[tokio::test]
async fn no_operation_asks_about_a_secret() {
    let world = World::new().await;
    let id = world.created(PATH, connection()).await;
    let path = format!("{PATH}/{id}");
    for patch in [
        json!([{ "op": "test", "path": "/auth/params/s3SecretKey", "value": "canary-s3cr3t" }]),
        json!([{ "op": "copy", "from": "/auth/params/s3SecretKey", "path": "/name" }]),
        json!([{ "op": "move", "from": "/auth/params/s3SecretKey", "path": "/name" }]),
    ] {
        assert_eq!(world.patch(&path, patch).await.code(), "FLOW-1434-400");
    }
    for query in [
        "property=auth.params.s3SecretKey==canary-s3cr3t",
        "property=auth.params.s3SecretKey==********",
        "property=auth[].params.s3SecretKey!=a",
        "orderby=-auth.params.s3SecretKey",
    ] {
        let reply = world.get(&format!("{PATH}?{query}")).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1448-400"), "{query}");
    }
    let reply = world.get(&format!("{PATH}?property=auth.params.s3AccessKey==AKIA0EXAMPLE&count=true")).await;
    assert_eq!(reply.body, json!({ "count": 1 }));
}

#[tokio::test]
async fn what_cannot_change_is_refused() {
    let world = World::new().await;
    let id = world.created(PATH, connection()).await;
    let path = format!("{PATH}/{id}");
    for (pointer, code) in
        [("/connectionSpec/id", "FLOW-1414-400"), ("/id", "FLOW-1423-400"), ("/etag", "FLOW-1423-400")]
    {
        let reply = world.patch(&path, json!({ "op": "REPLACE", "path": pointer, "value": "x" })).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, code), "{pointer}");
    }
    for (state, code) in [("initializing", "FLOW-1417-400"), ("sleeping", "FLOW-1456-400")] {
        let reply = world.patch(&path, json!([{ "op": "replace", "path": "/state", "value": state }])).await;
        assert_eq!(reply.code(), code);
    }
    let reply = world.patch(&path, json!([{ "op": "remove", "path": "/auth/params/s3SecretKey" }])).await;
    assert_eq!(reply.status, 400, "still required");
}

#[tokio::test]
async fn a_deleted_connection_is_not_found_fs_env_8_fs_err_1() {
    let world = World::new().await;
    let id = world.created(PATH, connection()).await;
    let path = format!("{PATH}/{id}");
    let reply = world.call("DELETE", &path).send().await;
    assert_eq!((reply.status.as_u16(), reply.text.as_str()), (204, ""));
    let reply = world.call("GET", &path).header("x-request-id", "r-2").send().await;
    assert_eq!(reply.status, 404);
    assert_eq!(reply.code(), "FLOW-1439-404");
    assert_eq!(reply.body["report"]["id"], id.as_str());
    assert_eq!(reply.body["report"]["type"], "connections");
    assert_eq!(reply.body["errorMessage"], format!("connections not found with id = [{id}]"), "FS-ERR-2");
    assert_eq!(world.call("DELETE", &path).send().await.status, 404);
}

#[tokio::test]
async fn a_connection_in_use_cannot_be_deleted() {
    let world = World::new().await;
    let flow = world.dataflow().await;
    world.created(&format!("{FLOWS}/flows"), flow.flow()).await;
    let reply = world.call("DELETE", &format!("{PATH}/{}", flow.base)).send().await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1418-400"));
    for (kind, id) in [("sourceConnections", &flow.source), ("targetConnections", &flow.target)] {
        let reply = world.call("DELETE", &format!("{FLOWS}/{kind}/{id}")).send().await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-1447-400"));
    }
}

#[tokio::test]
async fn lists_are_paged_by_links_that_clients_can_follow_fs_env_2_3_4_5() {
    let world = World::new().await;
    for n in 0..5 {
        world.pass(1000);
        let mut body = connection();
        body["name"] = json!(format!("c{n}"));
        world.created(PATH, body).await;
    }
    let mut names = Vec::new();
    let mut path = format!("{PATH}?limit=2");
    loop {
        let reply = world.get(&path).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        names.extend(reply.body["items"].as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap().to_string()));
        let Some(href) = reply.body["_links"]["next"]["href"].as_str() else {
            assert_eq!(reply.body["_links"], json!({}));
            break;
        };
        let token = href.strip_prefix("/connections?continuationToken=").expect("the token is the only parameter");
        assert!(!token.contains(['=', '&']), "{token}");
        path = format!("{FLOWS}{href}&limit=2");
    }
    assert_eq!(names, ["c4", "c3", "c2", "c1", "c0"], "newest first (A-25)");
    let reply = world.get(&format!("{PATH}?orderby=name&limit=1&count=False")).await;
    assert_eq!(reply.item()["name"], "c0");
    let reply = world.get(&format!("{PATH}?orderby=-name&limit=1")).await;
    assert_eq!(reply.item()["name"], "c4");
    assert_eq!(world.get(&format!("{PATH}?orderby=+name&limit=1")).await.item()["name"], "c0", "FS-BASE-5");
    let reply = world.get(&format!("{PATH}?count=True&property=name==c1")).await;
    assert_eq!(reply.body, json!({ "count": 1 }));
    assert_eq!(world.get(&format!("{PATH}?count=true&limit=2")).await.code(), "FLOW-1401-400");
    for limit in ["0", "-1", "1001", "many"] {
        assert_eq!(world.get(&format!("{PATH}?limit={limit}")).await.status, 400, "{limit}");
    }
    assert_eq!(world.get(&format!("{PATH}?continuationToken=forged")).await.status, 400);
    assert_eq!(world.get(&format!("{PATH}?property=name~c")).await.code(), "FLOW-1440-400", "FS-Q-6");
}

#[tokio::test]
async fn a_source_connection_is_checked_against_its_base() {
    let world = World::new().await;
    let base = world.created(PATH, connection()).await;
    let path = format!("{FLOWS}/sourceConnections");
    let with = |pointer: &str, value: Value| {
        let mut body = source_connection(&base);
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    for (pointer, value, at) in [
        ("/baseConnectionId", json!("nothing"), "/baseConnectionId"),
        ("/connectionSpec/id", json!(crate::world::DATALAKE), "/connectionSpec/id"),
        ("/data/format", json!("xml"), "/data/format"),
        ("/data/properties/columnDelimiter", json!("||"), "/data/properties/columnDelimiter"),
        ("/data/properties", json!({ "encoding": "klingon" }), "/data/properties/encoding"),
        ("/data/properties", json!({ "compressionType": "rar" }), "/data/properties/compressionType"),
        ("/params/path", json!(""), "/params/path"),
        ("/params/type", json!("bucket"), "/params/type"),
        ("/params/recursive", json!("maybe"), "/params/recursive"),
        ("/params", json!({ "path": "/in", "cdcEnabled": "maybe" }), "/params/cdcEnabled"),
        ("/params", json!({ "path": "/in", "filters": { "type": "PQL" } }), "/params/filters"),
        ("/data/format", json!("tabular"), "/data/format"),
        ("/name", json!(7), "/name"),
    ] {
        let reply = world.post(&path, with(pointer, value)).await;
        assert_eq!(
            (reply.status.as_u16(), reply.body["report"]["pointer"].as_str()),
            (400, Some(at)),
            "{}",
            reply.body
        );
    }
    let mut older = source_connection(&base);
    older["data"] = json!({ "format": "delimited", "columnDelimiter": "\\t", "properties": null });
    older["params"]["recursive"] = json!("true");
    let id = world.created(&path, older).await;
    expect![[r#"
        200 {
          "items": [
            {
              "id": "00000011-0000-4000-8000-000000000011",
              "createdAt": 1719792000000,
              "updatedAt": 1719792000000,
              "name": "people files",
              "baseConnectionId": "00000002-0000-4000-8000-000000000002",
              "connectionSpec": {
                "id": "ecadc60c-7455-4d87-84dc-2a0e293d997b",
                "version": "1.0"
              },
              "data": {
                "format": "delimited",
                "columnDelimiter": "\\t",
                "properties": null
              },
              "params": {
                "path": "/in/people.csv",
                "type": "file",
                "recursive": "true"
              },
              "createdBy": "acme-client@techacct.adobe.com",
              "updatedBy": "acme-client@techacct.adobe.com",
              "createdClient": "acme-client",
              "updatedClient": "acme-client",
              "sandboxId": "acme-prod",
              "sandboxName": "prod",
              "imsOrgId": "ACME@AdobeOrg",
              "inheritedAttributes": {
                "baseConnection": {
                  "id": "00000002-0000-4000-8000-000000000002",
                  "connectionSpec": {
                    "id": "ecadc60c-7455-4d87-84dc-2a0e293d997b",
                    "version": "1.0"
                  }
                }
              },
              "state": "enabled",
              "version": "<etag>",
              "etag": "<etag>"
            }
          ]
        }"#]]
    .assert_eq(&world.get(&format!("{path}/{id}")).await.shown());
    let reply = world
        .patch(&format!("{path}/{id}"), json!([{ "op": "replace", "path": "/params/path", "value": "/out" }]))
        .await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(world.get(&format!("{path}/{id}")).await.item()["params"]["path"], "/out");
}
