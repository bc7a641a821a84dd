//! The token endpoint.

use crate::world::{CLIENT, FLOWS, ORG, SECRET, World};
use expect_test::expect;
use forebay_api::bootstrap;
use forebay_model::Resource;
use forebay_store::{Keys, Store};
use secrecy::ExposeSecret;

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
    for path in ["/ims/token/v1", "/ims/exchange/jwt"] {
        assert_eq!(world.bare("POST", path).send().await.status, 404, "{path}");
    }
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
