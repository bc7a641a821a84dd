//! Headers, gateway errors and what every answer has in common.

use crate::world::{CLIENT, Choices, FLOWS, ORG, OTHER_ORG, World, connection};
use expect_test::{Expect, expect};
use serde_json::json;

#[track_caller]
fn check(reply: &crate::world::Reply, expected: &Expect) {
    expected.assert_eq(&format!("{} {}", reply.status.as_u16(), reply.body));
}

#[tokio::test]
async fn each_missing_or_bad_header_has_its_own_answer_in_order_fs_hdr_1() {
    let world = World::new().await;
    let path = format!("{FLOWS}/connections");
    let token = format!("Bearer {}", world.token(CLIENT, ORG));

    let none = world.bare("GET", &path).send().await;
    check(&none, &expect![[r#"403 {"error_code":"403010","message":"Oauth token is missing."}"#]]);

    let bad = world.bare("GET", &path).header("authorization", "Bearer nonsense").send().await;
    check(&bad, &expect![[r#"401 {"error_code":"401013","message":"Oauth token is not valid"}"#]]);

    let no_key = world.bare("GET", &path).header("authorization", &token).send().await;
    check(&no_key, &expect![[r#"403 {"error_code":"403000","message":"Api Key is required"}"#]]);

    let bad_key = world.call("GET", &path).without("x-api-key").header("x-api-key", "nobody").send().await;
    check(&bad_key, &expect![[r#"403 {"error_code":"403003","message":"Api Key is invalid"}"#]]);

    let no_org = world.call("GET", &path).without("x-gw-ims-org-id").send().await;
    check(&no_org, &expect![[r#"400 {"error_code":"400003","message":"Missing header"}"#]]);

    let bad_org = world.call("GET", &path).without("x-gw-ims-org-id").header("x-gw-ims-org-id", OTHER_ORG).send().await;
    check(&bad_org, &expect![[r#"403 {"error_code":"403025","message":"Profile is not valid"}"#]]);
}

#[tokio::test]
async fn a_repeated_security_header_is_refused() {
    let world = World::new().await;
    for (name, code) in [("authorization", "401013"), ("x-api-key", "403003"), ("x-gw-ims-org-id", "403025")] {
        let reply = world.call("GET", &format!("{FLOWS}/flows")).header(name, "second").send().await;
        assert_eq!(reply.body["error_code"], code, "{name}");
    }
    let reply = world.call("GET", &format!("{FLOWS}/flows")).header("x-sandbox-name", "dev").send().await;
    assert_eq!((reply.status.as_u16(), reply.code()), (404, "FLOW-2100-404"));
}

#[tokio::test]
async fn an_expired_token_is_refused() {
    let world = World::new().await;
    let call = world.call("GET", &format!("{FLOWS}/flows"));
    world.pass(86_400_000 + 61_000);
    assert_eq!(call.send().await.body["error_code"], "401013");
}

#[tokio::test]
async fn a_missing_sandbox_is_the_default_one_and_an_unknown_one_is_not_found_fs_hdr_3() {
    let world = World::new().await;
    world.created(&format!("{FLOWS}/connections"), connection()).await;
    let path = format!("{FLOWS}/connections?count=true");
    let default = world.call("GET", &path).without("x-sandbox-name").send().await;
    assert_eq!(default.body, json!({ "count": 1 }));
    for (name, status, code) in
        [("nowhere", 404, "FLOW-2100-404"), ("PROD", 404, "FLOW-2100-404"), ("*", 403, "FLOW-2111-403")]
    {
        let reply = world.call("GET", &path).without("x-sandbox-name").header("x-sandbox-name", name).send().await;
        assert_eq!((reply.status.as_u16(), reply.code()), (status, code), "{name}");
    }
    let reply = world.call("GET", &path).header("x-sandbox-id", "acme-dev").send().await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-2110-400"));
}

#[tokio::test]
async fn strict_mode_insists_on_the_sandbox_and_the_content_type_fs_hdr_3() {
    let world = World::with(Choices { strict: true, ..Choices::default() }).await;
    let path = format!("{FLOWS}/connections");
    let reply = world.call("GET", &path).without("x-sandbox-name").send().await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, "FLOW-2105-400"));
    let call = world.call("POST", &path).header("content-type", "application/x-www-form-urlencoded");
    let reply = call.text(&connection().to_string()).send().await;
    assert_eq!(reply.status, 400);
    assert_eq!(reply.body["title"], "BadRequestError");
    assert_eq!(reply.body["detail"], "A valid content-type must be specified");
}

#[tokio::test]
async fn a_json_body_is_read_whatever_the_content_type_says_fs_hdr_3() {
    let world = World::new().await;
    for kind in ["application/x-www-form-urlencoded", "text/plain", "application/json;charset=UTF-8"] {
        let call = world.call("POST", &format!("{FLOWS}/connections")).header("content-type", kind);
        let reply = call.text(&connection().to_string()).send().await;
        assert_eq!(reply.status, 201, "{kind}: {}", reply.body);
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_told_with_line_and_column_a_37() {
    let world = World::new().await;
    let call = world.call("POST", &format!("{FLOWS}/connections"));
    let reply = call.text("{\n  \"name\": \"x\",\n}").header("x-request-id", "r-1").send().await;
    expect![[r#"
        400 {
          "type": "https://ns.adobe.com/aep/errors/FLOW-1100-400",
          "title": "Invalid request",
          "status": 400,
          "report": {
            "detailed-message": "the body is not valid JSON: trailing comma at line 3 column 1",
            "request-id": "r-1"
          },
          "errorMessage": "the body is not valid JSON: trailing comma at line 3 column 1",
          "errorDetails": "the body is not valid JSON: trailing comma at line 3 column 1"
        }"#]]
    .assert_eq(&reply.shown());
    for body in ["", "  \n", "null", "{}"] {
        let reply = world.call("POST", &format!("{FLOWS}/connections")).text(body).send().await;
        assert_eq!(reply.code(), "FLOW-1405-400", "{body:?} (FS-CON-1)");
    }
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_refused() {
    let world = World::new().await;
    let body = format!("{{\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
    let reply = world.call("POST", &format!("{FLOWS}/connections")).text(&body).send().await;
    assert_eq!(reply.status, 413);
    assert_eq!(reply.body["status"], 413);
}

#[tokio::test]
async fn every_answer_has_its_headers_and_repeats_the_request_id_fs_hdr_4() {
    let world = World::new().await;
    let path = format!("{FLOWS}/connections/nothing");
    let reply = world.call("GET", &path).header("x-request-id", "abc-123").send().await;
    assert_eq!(reply.headers["x-request-id"], "abc-123");
    assert_eq!(reply.body["report"]["request-id"], "abc-123");
    let reply = world.call("GET", &path).header("x-request-id", "no \"good\"").send().await;
    assert_ne!(reply.headers["x-request-id"], "no \"good\"");
    for path in [path.as_str(), "/health", "/nowhere", "/openapi.json"] {
        let reply = world.get(path).await;
        assert_eq!(reply.headers["content-type"], "application/json;charset=UTF-8", "{path}");
        assert_eq!(reply.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(reply.headers["cache-control"], "no-store", "{path}");
        assert!(!reply.headers["x-request-id"].is_empty(), "{path}");
    }
}

#[tokio::test]
async fn a_trailing_slash_never_matters_fs_base_3() {
    let world = World::new().await;
    let id = world.created(&format!("{FLOWS}/connections/"), connection()).await;
    for path in ["/connections/", "/runs/", "/connectionSpecs/?property=name==hubspot", &format!("/connections/{id}/")]
    {
        assert_eq!(world.get(&format!("{FLOWS}{path}")).await.status, 200, "{path}");
    }
    assert_eq!(world.get("/data/foundation/sandbox-management/").await.status, 200);
    assert_eq!(world.get("/data/foundation/schemaregistry/stats/").await.status, 200);
}

#[tokio::test]
async fn an_unknown_path_is_404_and_an_unknown_method_405_with_allow() {
    let world = World::new().await;
    let reply = world.get(&format!("{FLOWS}/nothing/here")).await;
    assert_eq!((reply.status.as_u16(), &reply.body["status"]), (404, &json!(404)));
    let reply = world.call("PUT", &format!("{FLOWS}/connections")).send().await;
    assert_eq!(reply.status, 405);
    assert_eq!(reply.headers["allow"], "GET,HEAD,POST");
    assert_eq!(reply.body["title"], "MethodNotAllowedError");
    let reply = world.get("/data/foundation/schemaregistry/nothing").await;
    assert_eq!(reply.code(), "XDM-1012-404");
}

#[tokio::test]
async fn health_and_metrics_need_no_credentials() {
    let world = World::new().await;
    assert_eq!(world.bare("GET", "/health").send().await.body, json!({ "status": "ok", "store": "ok" }));
    assert_eq!(world.bare("GET", "/metrics").send().await.text, "forebay_up 1\n");
}
