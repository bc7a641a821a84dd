//! Sessions of browsers: what signs in, what a cookie may do, and how a session ends.

use crate::world::{CLIENT, Call, FLOWS, ORG, OTHER_ORG, Reply, SECRET, World, connection};
use forebay_api::one_time_link;
use forebay_model::{Resource, Scope};
use serde_json::{Value, json};

const SESSION: &str = "/data/foundation/forebay/session";

async fn sign_in(world: &World, body: Value) -> Reply {
    world.bare("POST", SESSION).json(body).send().await
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie(reply: &Reply) -> String {
    let set = reply.headers["set-cookie"].to_str().unwrap();
    set.split(';').next().unwrap().to_string()
}

async fn signed_in(world: &World) -> String {
    let reply = sign_in(world, json!({ "clientId": CLIENT, "clientSecret": SECRET })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    cookie(&reply)
}

/// A request as a page of ours sends it.
fn with<'a>(world: &'a World, cookie: &str, method: &str, path: &str) -> Call<'a> {
    world.bare(method, path).header("cookie", cookie)
}

/// The token of a link.
async fn link(world: &World) -> String {
    let link = one_time_link(&world.app.store, "http://forebay.test/", CLIENT, world.app.now()).await.unwrap();
    assert_eq!(link.expires_at, world.app.now().timestamp_millis() + 15 * 60_000);
    link.url.strip_prefix("http://forebay.test/ui/?token=").unwrap().to_string()
}

/// Actions and outcomes of the organization's trail, newest first.
async fn trail(world: &World) -> Vec<String> {
    let reply = world.get("/data/foundation/audit/events").await;
    let events = reply.body["_embedded"]["events"].as_array().unwrap().clone();
    let text = |event: &Value, name: &str| event[name].as_str().unwrap().to_string();
    events.iter().map(|e| format!("{} {} {}", text(e, "action"), text(e, "status"), text(e, "authId"))).collect()
}

#[tokio::test]
async fn a_secret_signs_in_and_the_answer_says_who_where_and_what() {
    let world = World::new().await;
    let reply = sign_in(&world, json!({ "clientId": CLIENT, "clientSecret": SECRET })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let set = reply.headers["set-cookie"].to_str().unwrap();
    assert!(set.ends_with("; Path=/; Max-Age=86399; HttpOnly; SameSite=Strict"), "{set}");
    assert!(!reply.text.contains(&set[16..60]), "a script must not read the token");
    let body = &reply.body;
    assert_eq!((&body["org"]["id"], &body["client"]["id"]), (&json!(ORG), &json!(CLIENT)));
    assert_eq!((&body["account"], &body["tenant"]), (&json!("acme-client@techacct.adobe.com"), &json!("acme")));
    assert_eq!(body["expiresAt"], json!(world.app.now().timestamp_millis() + 86_400_000));
    assert_eq!(body["lakeUri"], "/srv/forebay/lake");
    let names: Vec<&str> = body["sandboxes"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["dev", "prod"]);
    assert_eq!(body["permissions"]["EnterpriseSource"], json!(["read", "write", "delete"]));
    let again = with(&world, &cookie(&reply), "GET", SESSION).send().await;
    assert_eq!((again.status.as_u16(), &again.body), (200, body));
    assert_eq!(trail(&world).await, ["SignIn Success acme-client"]);
}

#[tokio::test]
async fn a_session_shows_no_more_than_its_roles_cover() {
    let world = World::new().await;
    world.client_with("viewer", &["view-sources"], &["dev"]).await;
    let reply = world.by("viewer", "dev", "GET", SESSION).send().await;
    assert_eq!(reply.body["permissions"], json!({ "EnterpriseSource": ["read"] }));
    assert_eq!(reply.body["sandboxes"].as_array().unwrap().len(), 1, "{}", reply.body);
}

#[tokio::test]
async fn a_link_is_good_once_and_for_a_quarter_of_an_hour() {
    let world = World::new().await;
    let token = link(&world).await;
    let reply = sign_in(&world, json!({ "token": token })).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let used = sign_in(&world, json!({ "token": token })).await;
    assert_eq!((used.status.as_u16(), used.headers.contains_key("set-cookie")), (401, false), "{}", used.text);
    let late = link(&world).await;
    world.pass(15 * 60_000);
    let reply = sign_in(&world, json!({ "token": late })).await;
    assert_eq!(reply.body["detail"], used.body["detail"], "an expired one is told nothing else");
    let expected = ["SignIn Deny acme-client", "SignIn Deny acme-client", "SignIn Success acme-client"];
    assert_eq!(trail(&world).await, expected);
}

#[tokio::test]
async fn of_two_who_use_a_link_at_once_one_is_let_in() {
    let world = World::new().await;
    let token = link(&world).await;
    let tries = (0..8).map(|_| sign_in(&world, json!({ "token": token })));
    let replies = futures::future::join_all(tries).await;
    assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 1);
}

#[tokio::test]
async fn what_signs_nobody_in_is_refused_alike_and_noted() {
    let world = World::new().await;
    let mark = json!({ "organization": ORG });
    world.put(&Scope::organization(""), Resource::Client, "organization", mark).await;
    let wrong = [
        json!({ "token": "0".repeat(64) }),
        json!({ "token": "" }),
        json!({ "clientId": CLIENT, "clientSecret": "wrong" }),
        json!({ "clientId": "nobody", "clientSecret": SECRET }),
        json!({ "clientId": "organization", "clientSecret": "" }),
    ];
    let mut told = Vec::new();
    for body in wrong {
        let reply = world.bare("POST", SESSION).header("x-request-id", "same").json(body).send().await;
        assert_eq!(reply.status, 401);
        told.push(reply.text);
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:#?}");
    // Of an unknown client nobody keeps a trail.
    assert_eq!(trail(&world).await, ["SignIn Deny acme-client", "SignIn Deny ", "SignIn Deny "]);
    let bad = [
        json!({}),
        json!([]),
        json!({ "token": 1 }),
        json!({ "token": "a", "clientId": CLIENT, "clientSecret": SECRET }),
        json!({ "clientId": CLIENT }),
        json!({ "password": "a" }),
    ];
    for body in bad {
        let reply = sign_in(&world, body.clone()).await;
        assert_eq!(reply.status, 400, "{body}");
    }
}

#[tokio::test]
async fn a_link_ends_with_the_clients_secret() {
    let world = World::new().await;
    let token = link(&world).await;
    let reply = world.call("POST", &format!("/data/foundation/forebay/clients/{CLIENT}/rotate")).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(sign_in(&world, json!({ "token": token })).await.status, 401);
}

#[tokio::test]
async fn a_caller_makes_links_for_its_own_client() {
    let world = World::new().await;
    let reply = world.post(&format!("{SESSION}/links"), Value::Null).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let token = reply.body["url"].as_str().unwrap().rsplit('=').next().unwrap().to_string();
    let reply = sign_in(&world, json!({ "token": token })).await;
    assert_eq!(reply.body["client"]["id"], CLIENT);
    assert_eq!(trail(&world).await, ["SignIn Success acme-client", "CreateLink Success acme-client"]);
}

#[tokio::test]
async fn a_cookie_reads_without_other_headers_and_writes_with_one_of_them() {
    let world = World::new().await;
    let cookie = signed_in(&world).await;
    let path = format!("{FLOWS}/connections");
    assert_eq!(with(&world, &cookie, "GET", &path).send().await.status, 200);
    let refused = with(&world, &cookie, "POST", &path).json(connection()).send().await;
    assert_eq!((refused.status.as_u16(), refused.code()), (403, "uri"), "{}", refused.text);
    for (name, value) in [("x-sandbox-name", "prod"), ("x-gw-ims-org-id", ORG), ("x-api-key", CLIENT)] {
        let reply = with(&world, &cookie, "POST", &path).header(name, value).json(connection()).send().await;
        assert_eq!(reply.status, 201, "{name}: {}", reply.text);
    }
    // Among other cookies it is found.
    let many = format!("theme=dark; {cookie};x=forebay_session=1");
    assert_eq!(with(&world, &many, "GET", &path).send().await.status, 200);
}

#[tokio::test]
async fn what_another_site_makes_a_browser_send_is_refused() {
    let world = World::new().await;
    let cookie = signed_in(&world).await;
    let path = format!("{FLOWS}/connections");
    let post = |site: &str| {
        let call = with(&world, &cookie, "POST", &path).header("x-sandbox-name", "prod").json(connection());
        call.header("sec-fetch-site", site)
    };
    let get = |site: &str| with(&world, &cookie, "GET", &path).header("sec-fetch-site", site);
    for site in ["cross-site", "same-site", "", "nonsense"] {
        assert_eq!(post(site).send().await.status, 403, "{site}");
        assert_eq!(get(site).send().await.status, 403, "{site}");
        let body = json!({ "clientId": CLIENT, "clientSecret": SECRET });
        let reply = world.bare("POST", SESSION).header("sec-fetch-site", site).json(body).send().await;
        assert_eq!((reply.status.as_u16(), reply.headers.contains_key("set-cookie")), (403, false), "{site}");
    }
    assert_eq!(post("none").send().await.status, 403);
    assert_eq!(post("same-origin").send().await.status, 201);
    assert_eq!(get("none").send().await.status, 200);
    assert_eq!(get("same-origin").send().await.status, 200);
    let call = post("cross-site").header("sec-fetch-site", "same-origin");
    assert_eq!(call.send().await.status, 403, "twice is not once");
    // A bearer token is sent by nobody's mistake: it wins, and these rules are not its.
    let token = world.token(CLIENT, ORG);
    let call = post("cross-site").header("authorization", &format!("Bearer {token}"));
    let reply = call.header("x-api-key", CLIENT).header("x-gw-ims-org-id", ORG).send().await;
    assert_eq!(reply.status, 201, "{}", reply.text);
}

#[tokio::test]
async fn headers_beside_a_cookie_must_agree_with_it() {
    let world = World::new().await;
    let cookie = signed_in(&world).await;
    let path = format!("{FLOWS}/connections");
    for (name, value, code) in [
        ("x-gw-ims-org-id", OTHER_ORG, "403025"),
        ("x-api-key", "rival-client", "403003"),
        ("authorization", "Bearer x", "401013"),
    ] {
        let reply = with(&world, &cookie, "GET", &path).header(name, value).send().await;
        assert_eq!(reply.body["error_code"], code, "{name}: {}", reply.text);
    }
    let twice = with(&world, &cookie, "GET", &path).header("cookie", &cookie).send().await;
    assert_eq!(twice.body["error_code"], "401013", "which of the two it is, nobody can know");
    for value in ["forebay_session=", "forebay_session", "forebay_sessions=a", "x=1"] {
        let reply = world.bare("GET", &path).header("cookie", value).send().await;
        assert_eq!(reply.body["error_code"], "403010", "{value}");
    }
    for value in ["forebay_session=a.b.c", "forebay_session=\u{fc}"] {
        let reply = world.bare("GET", &path).header("cookie", value).send().await;
        assert_eq!(reply.body["error_code"], "401013", "{value}");
    }
}

#[tokio::test]
async fn who_signs_out_is_out_and_nobody_else() {
    let world = World::new().await;
    let (first, second) = (signed_in(&world).await, signed_in(&world).await);
    assert_ne!(first, second);
    let call = || with(&world, &first, "DELETE", SESSION).header("x-gw-ims-org-id", ORG);
    let reply = call().send().await;
    assert_eq!(reply.status, 204, "{}", reply.text);
    assert!(reply.headers["set-cookie"].to_str().unwrap().starts_with("forebay_session=; Path=/; Max-Age=0;"));
    assert_eq!(with(&world, &first, "GET", SESSION).send().await.status, 401);
    assert_eq!(call().send().await.status, 401);
    let bearer = first.replace("forebay_session=", "Bearer ");
    let call = world.bare("GET", &format!("{FLOWS}/flows")).header("authorization", &bearer);
    let reply = call.header("x-api-key", CLIENT).header("x-gw-ims-org-id", ORG).send().await;
    assert_eq!(reply.body["error_code"], "401013", "{}", reply.text);
    assert_eq!(with(&world, &second, "GET", SESSION).send().await.status, 200);
    // For as long as the token would be accepted.
    world.pass(86_400_000 + 59_000);
    signed_in(&world).await;
    let third = signed_in(&world).await;
    with(&world, &third, "DELETE", SESSION).header("x-api-key", CLIENT).send().await;
    assert_eq!(with(&world, &first, "GET", SESSION).send().await.status, 401);
    assert_eq!(trail(&world).await[0], "SignOut Success acme-client");
}

#[tokio::test]
async fn the_cookie_of_a_deleted_client_or_of_another_secret_is_nobodys() {
    let world = World::new().await;
    world.client_with("second", &["view-sources"], &["*"]).await;
    let token = world.token("second", ORG);
    let cookie = format!("forebay_session={token}");
    assert_eq!(with(&world, &cookie, "GET", SESSION).send().await.status, 200);
    let reply = world.call("DELETE", "/data/foundation/forebay/clients/second").send().await;
    assert_eq!(reply.status, 204, "{}", reply.text);
    assert_eq!(with(&world, &cookie, "GET", SESSION).send().await.status, 401);
    let own = signed_in(&world).await;
    world.call("POST", &format!("/data/foundation/forebay/clients/{CLIENT}/rotate")).send().await;
    assert_eq!(with(&world, &own, "GET", SESSION).send().await.status, 401);
}

#[tokio::test]
async fn nobody_is_told_by_401() {
    let world = World::new().await;
    let reply = world.bare("GET", SESSION).send().await;
    assert_eq!((reply.status.as_u16(), reply.body["status"].as_u64()), (401, Some(401)), "{}", reply.text);
}

#[tokio::test]
async fn a_browser_names_the_sandbox_in_the_address_of_what_is_ours() {
    let world = World::new().await;
    let path = "/data/foundation/forebay/webhooks";
    let cookie = signed_in(&world).await;
    let hook = json!({ "url": "https://hooks.example.com/a" });
    let call = with(&world, &cookie, "POST", path).header("x-sandbox-name", "dev").json(hook);
    assert_eq!(call.send().await.status, 201);
    let count = async |query: &str, header: Option<&str>| {
        let mut call = with(&world, &cookie, "GET", &format!("{path}{query}"));
        if let Some(name) = header {
            call = call.header("x-sandbox-name", name);
        }
        let reply = call.send().await;
        (reply.status.as_u16(), reply.body["items"].as_array().map(Vec::len))
    };
    assert_eq!(count("?sandbox=dev", None).await, (200, Some(1)));
    assert_eq!(count("", None).await, (200, Some(0)));
    assert_eq!(count("?sandbox=dev", Some("dev")).await, (200, Some(1)));
    assert_eq!(count("?sandbox=dev", Some("prod")).await, (400, None));
    assert_eq!(count("?sandbox=nowhere", None).await, (404, None));
}
