//! Pages beside the API: they go first for GET and HEAD, and nothing of the API changes by them.

use crate::world::{FLOWS, World};
use forebay_api::{App, Asked, Page, Pages, router};
use http::StatusCode;
use std::sync::Arc;

/// One page that keeps, one that does not.
struct Two;

impl Pages for Two {
    fn page(&self, asked: &Asked<'_>) -> Option<Page> {
        let kept = ("etag", "\"1\"".to_string());
        match asked.path {
            "/" => {
                Some(Page { status: 303, headers: vec![("location", format!("/a?{}", asked.query?))], body: "".into() })
            }
            "/a" => Some(Page {
                status: 200,
                headers: vec![],
                body: format!("{} {}", asked.encodings, (asked.nonce)()).into(),
            }),
            "/b" => {
                Some(Page { status: 200, headers: vec![kept, ("cache-control", "no-cache".into())], body: "b".into() })
            }
            _ => None,
        }
    }
}

async fn world() -> World {
    let mut world = World::new().await;
    world.router = router(App { pages: Some(Arc::new(Two)), ..world.app.clone() });
    world
}

#[tokio::test]
async fn a_page_needs_no_caller_and_leaves_no_trace() {
    let world = world().await;
    let reply = world.bare("GET", "/a").header("accept-encoding", "br").send().await;
    assert_eq!((reply.status, reply.text.split(' ').next()), (StatusCode::OK, Some("br")));
    assert_eq!(reply.text.len(), 3 + 32);
    for (name, value) in
        [("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"), ("cache-control", "no-store")]
    {
        assert_eq!(reply.headers[name], value);
    }
    let reply = world.bare("GET", "/?token=x").send().await;
    assert_eq!((reply.status, &reply.headers["location"]), (StatusCode::SEE_OTHER, &"/a?token=x".parse().unwrap()));
    let trail = world.call("GET", "/data/foundation/audit/events").send().await;
    assert!(!trail.text.contains("\"/a\""), "{}", trail.text);
}

#[tokio::test]
async fn a_page_that_the_browser_has_is_not_sent_again() {
    let world = world().await;
    let reply = world.bare("GET", "/b").send().await;
    assert_eq!((reply.text.as_str(), &reply.headers["cache-control"]), ("b", &"no-cache".parse().unwrap()));
    for (known, status) in [("\"1\"", 304), ("\"0\", W/\"1\"", 304), ("\"2\"", 200)] {
        let reply = world.bare("GET", "/b").header("if-none-match", known).send().await;
        assert_eq!(reply.status.as_u16(), status, "{known}");
        assert_eq!(reply.text.is_empty(), status == 304);
    }
}

#[tokio::test]
async fn the_api_answers_for_every_other_path_and_method_as_before() {
    let (plain, world) = (World::new().await, world().await);
    for (method, path) in [("POST", "/a"), ("DELETE", "/b"), ("GET", "/c"), ("GET", "/"), ("GET", "/health")] {
        let [before, after] = [
            plain.bare(method, path).header("x-request-id", "r").send().await,
            world.bare(method, path).header("x-request-id", "r").send().await,
        ];
        assert_eq!((before.status, &before.text), (after.status, &after.text), "{method} {path}");
    }
    let path = format!("{FLOWS}/flows");
    assert_eq!(world.call("GET", &path).send().await.status, StatusCode::OK);
}
