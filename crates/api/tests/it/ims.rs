//! The token endpoint.

use crate::issuer::Signer;
use crate::world::{CLIENT, FLOWS, ORG, OTHER_CLIENT, SECRET, World};
use expect_test::expect;
use forebay_api::bootstrap;
use forebay_model::Resource;
use forebay_store::{Keys, Store};
use secrecy::ExposeSecret;
use serde_json::json;

fn form(id: &str, secret: &str) -> String {
    format!("grant_type=client_credentials&client_id={id}&client_secret={secret}&scope=openid")
}

#[tokio::test]
async fn a_client_gets_a_token_by_body_or_query_pl_ims_1_pl_ims_2() {
    let world = World::new().await;
    let calls = [
        world
            .bare("POST", "/ims/token/v3")
            .header("content-type", "application/x-www-form-urlencoded")
            .text(&form(CLIENT, SECRET)),
        world.bare("POST", &format!("/ims/token/v2?{}", form(CLIENT, SECRET))),
        world.bare("POST", "/ims/token/v2/").text(&form(CLIENT, SECRET)),
    ];
    for call in calls {
        let reply = call.send().await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!((&reply.body["token_type"], &reply.body["expires_in"]), (&"bearer".into(), &86399.into()));
        let token = format!("Bearer {}", reply.body["access_token"].as_str().unwrap());
        let call = world.bare("GET", &format!("{FLOWS}/flows")).header("authorization", &token);
        let reply = call.header("x-api-key", CLIENT).header("x-gw-ims-org-id", ORG).send().await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
}

#[tokio::test]
async fn a_wrong_secret_or_client_is_refused_alike_pl_ims_2() {
    let world = World::new().await;
    for form in [
        form(CLIENT, "wrong"),
        form("nobody", SECRET),
        form("organization", ""),
        "grant_type=client_credentials".into(),
    ] {
        let reply = world.bare("POST", "/ims/token/v3").text(&form).send().await;
        assert_eq!(reply.status, 401, "{form}");
        expect![[r#"{"error":"invalid_client"}"#]].assert_eq(&reply.text);
    }
    let reply =
        world.bare("POST", "/ims/token/v3").text("grant_type=password&client_id=a&client_secret=b").send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["error"]), (400, &"unsupported_grant_type".into()));
}

/// A multipart form.
fn multipart(fields: &[(&str, &str)]) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        body.push_str(&format!("--b1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
    }
    body + "--b1--\r\n"
}

const MULTIPART: &str = "multipart/form-data; boundary=b1";

#[tokio::test]
async fn a_token_is_asked_for_by_a_multipart_form_as_well_pl_ims_2() {
    let world = World::new().await;
    let body = multipart(&[("grant_type", "client_credentials"), ("client_id", CLIENT), ("client_secret", SECRET)]);
    let call = || world.bare("POST", "/ims/token/v3").header("content-type", MULTIPART);
    assert_eq!(call().text(&body).send().await.status, 200);
    for bad in ["", "--b1", "--b1\r\nnonsense", &body[..body.len() - 20]] {
        let reply = call().text(bad).send().await;
        assert_eq!((reply.status.as_u16(), &reply.body["error"]), (400, &"invalid_request".into()), "{bad:?}");
    }
}

#[tokio::test]
async fn the_first_version_gives_a_refresh_token_that_is_good_for_the_next() {
    let world = World::new().await;
    let id = format!("client_id={CLIENT}&client_secret={SECRET}");
    let ask = |rest: String| world.bare("POST", "/ims/token/v1").text(&format!("{id}&{rest}")).send();
    let first = ask("grant_type=client_credentials".into()).await;
    assert_eq!((first.status.as_u16(), &first.body["expires_in"]), (200, &86399.into()), "{}", first.body);
    let refresh = first.body["refresh_token"].as_str().unwrap().to_string();
    world.pass(13 * 86_400_000);
    let second = ask(format!("grant_type=refresh_token&refresh_token={refresh}")).await;
    assert_eq!(second.status, 200, "{}", second.body);
    let access = second.body["access_token"].as_str().unwrap();
    let call = world.bare("GET", &format!("{FLOWS}/flows")).header("authorization", &format!("Bearer {access}"));
    assert_eq!(call.header("x-api-key", CLIENT).header("x-gw-ims-org-id", ORG).send().await.status, 200);
    // It is no access token, and an access token is no refresh token.
    let call = world.bare("GET", &format!("{FLOWS}/flows")).header("authorization", &format!("Bearer {refresh}"));
    assert_eq!(call.header("x-api-key", CLIENT).header("x-gw-ims-org-id", ORG).send().await.status, 401);
    for token in [access, "x", ""] {
        let reply = ask(format!("grant_type=refresh_token&refresh_token={token}")).await;
        assert_eq!(reply.status, 400, "{}", reply.body);
    }
    // Nor is it another client's.
    let reply = world.bare("POST", "/ims/token/v1").text(&format!(
        "client_id={OTHER_CLIENT}&client_secret={SECRET}&grant_type=refresh_token&refresh_token={refresh}"
    ));
    assert_eq!(reply.send().await.body["error"], "invalid_grant");
    world.pass(2 * 86_400_000);
    let reply = ask(format!("grant_type=refresh_token&refresh_token={refresh}")).await;
    assert_eq!((reply.status.as_u16(), &reply.body["error"]), (400, &"invalid_grant".into()), "it has expired");
}

#[tokio::test]
async fn what_needs_a_browser_is_answered_as_an_expired_code_is() {
    let world = World::new().await;
    let ask = |rest: &str| world.bare("POST", "/ims/token/v1").text(rest).send();
    let id = format!("client_id={CLIENT}&client_secret={SECRET}");
    for (rest, status, error) in [
        (format!("{id}&grant_type=authorization_code&code=x"), 400, "invalid_grant"),
        (format!("{id}&grant_type=authorization_code"), 400, "invalid_request"),
        (format!("{id}&grant_type=password"), 400, "unsupported_grant_type"),
        (id.clone(), 400, "invalid_request"),
        (format!("client_id={CLIENT}&client_secret=x&grant_type=authorization_code&code=x"), 401, "invalid_client"),
        (String::new(), 401, "invalid_client"),
    ] {
        let reply = ask(&rest).await;
        assert_eq!((reply.status.as_u16(), &reply.body["error"]), (status, &error.into()), "{rest}");
    }
}

#[tokio::test]
async fn a_jwt_of_a_registered_key_is_exchanged_for_a_token_that_lives_by_milliseconds_p_4() {
    let world = World::new().await;
    let (signer, stranger) = (Signer::ec("k"), Signer::ec("k"));
    let claims = |world: &World| {
        json!({ "iss": ORG, "sub": format!("{CLIENT}@techacct.adobe.com"),
        "aud": format!("https://ims.test/c/{CLIENT}"), "exp": world.app.now().timestamp() + 600 })
    };
    let ask = |token: String| {
        let body = multipart(&[("client_id", CLIENT), ("client_secret", SECRET), ("jwt_token", &token)]);
        world.bare("POST", "/ims/exchange/jwt/").header("content-type", MULTIPART).text(&body).send()
    };
    let reply = ask(signer.sign(&claims(&world))).await;
    assert_eq!((reply.status.as_u16(), &reply.body["error"]), (400, &"invalid_token".into()), "no key is registered");
    let keys = json!({ "publicKeys": [signer.jwk()] });
    let client = format!("/data/foundation/forebay/clients/{CLIENT}");
    assert_eq!(world.call("PATCH", &client).json(keys).send().await.status, 200);
    let reply = ask(signer.sign(&claims(&world))).await;
    assert_eq!((reply.status.as_u16(), &reply.body["expires_in"]), (200, &86_399_000.into()), "{}", reply.body);
    let wrong = |name: &str, value: serde_json::Value| {
        let mut claims = claims(&world);
        claims[name] = value;
        signer.sign(&claims)
    };
    let now = world.app.now().timestamp();
    for token in [
        stranger.sign(&claims(&world)),
        wrong("iss", "RIVAL@AdobeOrg".into()),
        wrong("sub", "somebody@techacct.adobe.com".into()),
        wrong("aud", "https://ims.test/c/somebody".into()),
        wrong("exp", (now - 61).into()),
        wrong("exp", json!(null)),
        "x.y.z".into(),
    ] {
        let reply = ask(token.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.body["error"]), (400, &"invalid_token".into()), "{token}");
    }
    let body =
        multipart(&[("client_id", CLIENT), ("client_secret", "x"), ("jwt_token", &signer.sign(&claims(&world)))]);
    let reply = world.bare("POST", "/ims/exchange/jwt").header("content-type", MULTIPART).text(&body).send().await;
    assert_eq!((reply.status.as_u16(), &reply.body["error"]), (401, &"invalid_client".into()));
}

#[tokio::test]
async fn an_empty_store_is_filled_once_and_its_client_can_sign_in() {
    let world = World::new().await;
    let database = crate::database::Database::new();
    let store = Store::open(&database.url(), Keys::from_bytes([9; 32])).await.unwrap();
    let now = world.app.now();
    let credentials = bootstrap(&store, now).await.unwrap().expect("the store is empty");
    assert!(bootstrap(&store, now).await.unwrap().is_none(), "the store is filled");
    assert_eq!(credentials.client_secret.expose_secret().len(), 64);
    assert!(!format!("{credentials:?}").contains(credentials.client_secret.expose_secret()));
    let (scope, client) = store.client(&credentials.client_id).await.unwrap().unwrap();
    assert_eq!(scope.org, credentials.organization);
    assert!(!client.body.to_string().contains(credentials.client_secret.expose_secret()));
    let sandbox = store.sandbox(&scope.org, "prod").await.unwrap().unwrap();
    assert_eq!(sandbox.sandbox_name, "prod");

    // A store that was filled before there were roles gets the one of administrators, with all its clients.
    store.delete(&scope, Resource::Role, "administrators", None, now).await.unwrap();
    assert!(bootstrap(&store, now).await.unwrap().is_none());
    let role = store.get(&scope, Resource::Role, "administrators").await.unwrap();
    assert_eq!(role.body["subjects"][0]["subjectId"], credentials.client_id);
}
