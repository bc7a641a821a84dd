//! The stream of what changes: nothing is missed, nothing is told twice, nothing of others is told, and it ends.

use crate::sockets::server;
use crate::world::{CLIENT, Call, FLOWS, ORG, OTHER_ORG, World, connection};
use axum::body::{Body, BodyDataStream};
use forebay_model::Resource;
use forebay_store::New;
use futures::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const EVENTS: &str = "/data/foundation/forebay/events";
/// Longer than a stream ever needs.
const PATIENCE: Duration = Duration::from_secs(20);

/// An open stream.
struct Stream {
    body: BodyDataStream,
    text: String,
    /// The last id that it had.
    id: String,
}

/// One event: its name and what it tells.
type Event = (String, Value);

impl Stream {
    async fn open(call: Call<'_>) -> Stream {
        let response = call.response().await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream { body: Body::into_data_stream(response.into_body()), text: String::new(), id: String::new() }
    }

    /// The next event; none at the stream's end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_string);
                if let Some(id) = field("id: ") {
                    self.id = id;
                }
                let event = field("event: ").map(|name| (name, field("data: ").unwrap()));
                self.text = rest.to_string();
                if let Some((name, data)) = event {
                    return Some((name, serde_json::from_str(&data).unwrap()));
                }
            }
            let piece = tokio::time::timeout(PATIENCE, self.body.next()).await.expect("the stream says something");
            self.text.push_str(std::str::from_utf8(&piece?.unwrap()).unwrap());
        }
    }

    /// Kind, id and action of the next events.
    async fn told(&mut self, count: usize) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..count {
            let (_, event) = self.next().await.expect("it goes on");
            let text = |name: &str| event[name].as_str().unwrap_or_default().to_string();
            told.push(format!("{} {} {}", text("kind"), text("id"), text("action")));
        }
        told
    }
}

async fn connect(world: &World) -> String {
    world.created(&format!("{FLOWS}/connections"), connection()).await
}

#[tokio::test]
async fn what_changes_is_told_in_order() {
    let world = World::new().await;
    let parts = world.dataflow().await;
    let mut stream = Stream::open(world.call("GET", EVENTS)).await;
    let mut flow = parts.flow();
    flow["scheduleParams"] = json!({ "startTime": "1719792000", "frequency": "once" });
    let flow = world.created(&format!("{FLOWS}/flows"), flow).await;
    let run = world.created(&format!("{FLOWS}/runs"), json!({ "flowId": flow })).await;
    let path = format!("{FLOWS}/flows/{flow}");
    let rename = json!([{ "op": "replace", "path": "/name", "value": "new" }]);
    assert_eq!(world.patch(&path, rename).await.status, 200);
    assert_eq!(world.call("DELETE", &path).send().await.status, 204);
    let (name, event) = stream.next().await.unwrap();
    let at = world.app.now().timestamp_millis();
    let expected = json!({ "kind": "flow", "id": flow, "action": "created", "state": "enabled", "at": at });
    assert_eq!((name.as_str(), event), ("flow", expected));
    let (name, event) = stream.next().await.unwrap();
    assert_eq!((name.as_str(), &event["flowId"], &event["id"]), ("run", &json!(flow), &json!(run)));
    assert_eq!(stream.told(1).await, [format!("flow {flow} updated")]);
    let rest = stream.told(2).await;
    assert!(rest.contains(&format!("flow {flow} deleted")) && rest.contains(&format!("run {run} updated")), "{rest:?}");
}

#[tokio::test]
async fn a_stream_goes_on_where_another_ended_without_loss_or_duplicates() {
    let world = World::new().await;
    let mut stream = Stream::open(world.call("GET", EVENTS)).await;
    let first = connect(&world).await;
    assert_eq!(stream.told(1).await, [format!("connection {first} created")]);
    let (id, missed) = (stream.id.clone(), [connect(&world).await, connect(&world).await]);
    drop(stream);
    let mut again = Stream::open(world.call("GET", EVENTS).header("last-event-id", &id)).await;
    let last = connect(&world).await;
    let ids = [&missed[0], &missed[1], &last];
    assert_eq!(again.told(3).await, ids.map(|id| format!("connection {id} created")));
    // A stream that has told nothing yet has its place as well.
    let idle = Stream::open(world.call("GET", &format!("{EVENTS}?lastEventId={id}"))).await;
    assert!(idle.id.is_empty());
    let mut idle = Stream::open(world.call("GET", EVENTS)).await;
    let newer = connect(&world).await;
    idle.told(1).await;
    let before = idle.id.parse::<i64>().unwrap() - 1;
    let mut idle = Stream::open(world.call("GET", EVENTS).header("last-event-id", &before.to_string())).await;
    assert_eq!(idle.told(1).await, [format!("connection {newer} created")]);
}

#[tokio::test]
async fn a_place_that_is_not_known_is_told_to_read_everything_again() {
    let world = World::new().await;
    connect(&world).await;
    for place in ["99", "-1", "x", "1.5", "99999999999999999999"] {
        let mut stream = Stream::open(world.call("GET", EVENTS).header("last-event-id", place)).await;
        assert_eq!(stream.next().await.unwrap(), ("reset".to_string(), json!({})), "{place}");
        let id = connect(&world).await;
        assert_eq!(stream.told(1).await, [format!("connection {id} created")]);
    }
}

#[tokio::test]
async fn changes_of_other_sandboxes_are_never_told() {
    let world = World::new().await;
    let mut stream = Stream::open(world.call("GET", EVENTS)).await;
    let mut theirs = Stream::open(world.stranger("GET", EVENTS, OTHER_ORG)).await;
    let path = format!("{FLOWS}/connections");
    for org in [ORG, OTHER_ORG] {
        let reply = world.stranger("POST", &path, org).json(connection()).send().await;
        assert_eq!(reply.status, 201, "{}", reply.text);
    }
    let own = connect(&world).await;
    assert_eq!(stream.told(1).await, [format!("connection {own} created")]);
    assert_ne!(theirs.told(1).await, [format!("connection {own} created")]);
    // The address may name the sandbox.
    let call = world.call("GET", &format!("{EVENTS}?sandbox=dev")).without("x-sandbox-name");
    let mut dev = Stream::open(call.header("last-event-id", "0")).await;
    assert!(!dev.told(1).await[0].contains(&own));
    assert_eq!(world.call("GET", &format!("{EVENTS}?sandbox=dev")).send().await.status, 400);
}

#[tokio::test]
async fn only_what_the_caller_may_read_is_told() {
    let world = World::new().await;
    world.client_with("librarian", &["view-schemas"], &["prod"]).await;
    let mut stream = Stream::open(world.by("librarian", "prod", "GET", EVENTS)).await;
    let parts = world.dataflow().await;
    assert_eq!(stream.told(1).await, [format!("schema {} created", parts.schema.rsplit('/').next().unwrap())]);
    let id = stream.id.clone();
    connect(&world).await;
    // It has its place behind what it was not told.
    while stream.id == id {
        let piece = tokio::time::timeout(PATIENCE, stream.body.next()).await.unwrap().unwrap().unwrap();
        stream.text.push_str(std::str::from_utf8(&piece).unwrap());
        if let Some((block, rest)) = stream.text.clone().split_once("\n\n") {
            assert!(!block.contains("data:"), "{block}");
            stream.id = block.strip_prefix("id: ").unwrap_or(&id).to_string();
            stream.text = rest.to_string();
        }
    }
}

#[tokio::test]
async fn an_emptied_sandbox_is_read_again() {
    let world = World::new().await;
    let mut stream = Stream::open(world.call("GET", EVENTS)).await;
    world.app.store.reset(&world.scope()).await.unwrap();
    assert_eq!(stream.next().await.unwrap().0, "reset");
}

#[tokio::test]
async fn a_stream_ends_with_its_session() {
    let world = World::new().await;
    world.client_with("second", &["view-sources"], &["prod"]).await;
    let cookie = |client: &str| format!("forebay_session={}", world.token(client, ORG));
    let (own, second) = (cookie(CLIENT), cookie("second"));
    let mut ended = Stream::open(world.bare("GET", EVENTS).header("cookie", &own)).await;
    let mut gone = Stream::open(world.bare("GET", EVENTS).header("cookie", &second)).await;
    let mut stays = Stream::open(world.call("GET", EVENTS)).await;
    let sign_out = world.bare("DELETE", "/data/foundation/forebay/session").header("cookie", &own);
    assert_eq!(sign_out.header("x-api-key", CLIENT).send().await.status, 204);
    assert_eq!(world.call("DELETE", "/data/foundation/forebay/clients/second").send().await.status, 204);
    world.pass(60_000);
    assert_eq!(ended.next().await, None);
    assert_eq!(gone.next().await, None);
    connect(&world).await;
    assert!(stays.next().await.is_some());
    // A token's life is over some time, too.
    world.pass(86_500_000);
    assert_eq!(stays.next().await, None);
}

#[tokio::test]
async fn a_right_that_is_taken_away_ends_what_is_told() {
    let world = World::new().await;
    world.client_with("second", &["view-sources"], &["prod"]).await;
    let mut stream = Stream::open(world.by("second", "prod", "GET", EVENTS)).await;
    let scope = forebay_model::Scope::organization(ORG);
    world.app.store.delete(&scope, Resource::Role, "role-second", None, world.app.now()).await.unwrap();
    world.pass(60_000);
    connect(&world).await;
    let told = tokio::time::timeout(Duration::from_secs(3), stream.next()).await;
    assert!(told.is_err(), "{told:?}");
}

#[tokio::test]
async fn a_client_has_so_many_streams_and_no_more() {
    let world = World::new().await;
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(Stream::open(world.call("GET", EVENTS)).await);
    }
    let refused = world.call("GET", EVENTS).send().await;
    assert_eq!((refused.status.as_u16(), refused.headers["retry-after"].to_str().unwrap()), (503, "30"));
    Stream::open(world.stranger("GET", EVENTS, OTHER_ORG)).await;
    open.pop();
    Stream::open(world.call("GET", EVENTS)).await;
}

#[tokio::test]
async fn another_program_over_the_database_is_heard() {
    let world = World::new().await;
    let mut stream = Stream::open(world.call("GET", EVENTS)).await;
    let other = world.another_store().await;
    let new = New::new(Resource::Connection, "of-another", json!({}));
    other.insert(&world.scope(), new, world.app.now()).await.unwrap();
    assert_eq!(stream.told(1).await, ["connection of-another created"]);
}

#[tokio::test]
async fn an_open_stream_does_not_keep_the_server_from_ending() {
    let mut server = server().await;
    let mut socket = server.connect().await;
    let request = format!("GET {EVENTS} HTTP/1.1\r\n{}\r\n", server.headers());
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("retry: 1000") {
        let mut chunk = [0; 4096];
        let read = socket.read(&mut chunk).await.unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&chunk[..read]);
    }
    let began = std::time::Instant::now();
    server.stop.take().unwrap().send(()).unwrap();
    tokio::time::timeout(PATIENCE, &mut server.served).await.unwrap().unwrap().unwrap();
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // The stream has its proper end.
    socket.read_to_end(&mut seen).await.unwrap();
    assert!(String::from_utf8_lossy(&seen).ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn who_hangs_up_leaves_nothing_behind() {
    let server = server().await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = server.connect().await;
        let request = format!("GET {EVENTS} HTTP/1.1\r\n{}\r\n", server.headers());
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut chunk = [0; 64];
        assert_ne!(socket.read(&mut chunk).await.unwrap(), 0);
        sockets.push(socket);
    }
    assert_eq!(server.world.call("GET", EVENTS).send().await.status, 503);
    drop(sockets);
    let free = async {
        while server.world.call("GET", EVENTS).send().await.status != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, free).await.expect("their places are free again");
}
