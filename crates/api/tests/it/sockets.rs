//! The server as a client meets it: raw bytes over a socket, through the normaliser and hyper.

use crate::world::{CLIENT, ORG, World};
use forebay_api::serve;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub struct Server {
    address: SocketAddr,
    token: String,
    pub stop: Option<oneshot::Sender<()>>,
    pub served: JoinHandle<std::io::Result<()>>,
    pub world: World,
}

pub async fn server() -> Server {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let router = world.router.clone();
    let served = tokio::spawn(async move {
        serve(listener, router, async {
            stopped.await.ok();
        })
        .await
    });
    Server { address, token: world.token(CLIENT, ORG), stop: Some(stop), served, world }
}

impl Server {
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// The four headers of the tutorials.
    pub fn headers(&self) -> String {
        format!(
            "Host: platform.adobe.io\r\nAuthorization: Bearer {}\r\nx-api-key: {CLIENT}\r\nx-gw-ims-org-id: {ORG}\r\nx-sandbox-name: prod\r\n",
            self.token
        )
    }

    /// Sends bytes, and reads until the server closes or `replies` replies with bodies have come.
    async fn exchange(&self, bytes: &[u8], replies: usize) -> Vec<(u16, String)> {
        let mut socket = self.connect().await;
        socket.write_all(bytes).await.unwrap();
        read_replies(&mut socket, replies).await
    }
}

/// Reads replies with a Content-Length.
async fn read_replies(socket: &mut TcpStream, replies: usize) -> Vec<(u16, String)> {
    let mut buffer = Vec::new();
    let mut found = Vec::new();
    let mut chunk = [0u8; 4096];
    while found.len() < replies {
        while let Some((reply, rest)) = reply(&buffer) {
            found.push(reply);
            buffer = rest;
        }
        if found.len() >= replies {
            break;
        }
        match socket.read(&mut chunk).await {
            Ok(0) | Err(_) => break,
            Ok(n) => buffer.extend_from_slice(&chunk[..n]),
        }
    }
    found
}

fn reply(buffer: &[u8]) -> Option<((u16, String), Vec<u8>)> {
    let end = buffer.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&buffer[..end]).to_ascii_lowercase();
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    let length = length.unwrap_or(0);
    if buffer.len() < end + length {
        return None;
    }
    let body = String::from_utf8_lossy(&buffer[end..end + length]).into_owned();
    Some(((status, body), buffer[end + length..].to_vec()))
}

const CREATE: &str = r#"{
        "name": "S3 Base Connection",
        "description": "Base connection for an Amazon S3 account",
        "auth": {
            "specName": "Access Key",
            "params": {
                "s3AccessKey": "{S3_ACCESS_KEY}",
                "s3SecretKey": "{S3_SECRET_KEY}"
            }
        },
        "connectionSpec": {
            "id": "ecadc60c-7455-4d87-84dc-2a0e293d997b",
            "version": "1.0"
        }
    }"#;

/// All four HubSpot tutorials print it so, and leave the shell quote after it open.
const CREATE_HUBSPOT: &str = r#"{
        "name": "connection for hubspot",
        "description": "connection for hubspot",
        "auth": {
            "specName": "Basic Authentication",
            "params": {
                "clientId": "{CLIENT_ID}",
                "clientSecret": "{CLIENT_SECRET}",
                "accessToken": "{ACCESS_TOKEN}",
                "refreshToken": "{REFRESH_TOKEN}"
            }
        },
        "connectionSpec": {
            "id": "cc6a4487-9e91-433e-a3a3-9cf6626c1806",
            "version": "1.0"
        }
    }"#;

#[tokio::test]
async fn the_first_tutorials_requests_run_as_printed_fs_base_2_4() {
    let server = server().await;
    let headers = server.headers();
    let all = format!("GET /data/foundation/flowservice/connectionSpecs HTTP/1.1\r\n{headers}\r\n");
    let one = format!(
        "GET /data/foundation/flowservice/connectionSpecs?property=name==\"amazon-s3\" HTTP/1.1\r\n{headers}\r\n"
    );
    let hubspot = one.replace("amazon-s3", "hubspot");
    let create = |body: &str| {
        let length = body.len();
        format!(
            "POST /data/foundation/flowservice/connections HTTP/1.1\r\n{headers}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
    };
    let requests = [(&all, 200), (&one, 200), (&create(CREATE), 201), (&hubspot, 200), (&create(CREATE_HUBSPOT), 201)];
    for (request, status) in requests {
        let replies = server.exchange(request.as_bytes(), 1).await;
        assert_eq!(replies[0].0, status, "{}", replies[0].1);
    }
    // The same over one connection, pipelined, cut into pieces of seven bytes.
    let mut socket = server.connect().await;
    socket.set_nodelay(true).unwrap();
    for piece in [all, one, create(CREATE)].concat().as_bytes().chunks(7) {
        socket.write_all(piece).await.unwrap();
    }
    let replies = read_replies(&mut socket, 3).await;
    assert_eq!(replies.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [200, 200, 201]);
    let spec: serde_json::Value = serde_json::from_str(&replies[1].1).unwrap();
    assert_eq!(spec["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(spec["items"][0]["id"], "ecadc60c-7455-4d87-84dc-2a0e293d997b");
}

#[tokio::test]
async fn a_chunked_body_with_raw_quotes_is_read_whole_and_the_connection_lives_on() {
    let server = server().await;
    let headers = server.headers();
    let (a, b) = CREATE.split_at(30);
    let body = format!("{:x}\r\n{a}\r\n{:X};note=\"<\"\r\n{b}\r\n0\r\n\r\n", a.len(), b.len());
    let request = format!(
        "POST /data/foundation/flowservice/connections HTTP/1.1\r\n{headers}Transfer-Encoding: chunked\r\n\r\n{body}\
         GET /data/foundation/flowservice/runs?property=createdAt>1590000000000 HTTP/1.1\r\n{headers}\r\n"
    );
    let replies = server.exchange(request.as_bytes(), 2).await;
    assert_eq!(replies.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [201, 200], "{replies:?}");
}

#[tokio::test]
async fn a_client_that_expects_100_continue_is_told_to_go_on() {
    let server = server().await;
    let mut socket = server.connect().await;
    let head = format!(
        "POST /data/foundation/flowservice/connections HTTP/1.1\r\n{}Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        server.headers(),
        CREATE.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let first = read_replies(&mut socket, 1).await;
    assert_eq!(first[0].0, 100);
    socket.write_all(CREATE.as_bytes()).await.unwrap();
    assert_eq!(read_replies(&mut socket, 1).await[0].0, 201);
}

#[tokio::test]
async fn ambiguous_requests_are_refused_and_the_connection_is_closed() {
    let server = server().await;
    let headers = server.headers();
    let smuggled = format!("0\r\n\r\nGET /data/foundation/flowservice/flows HTTP/1.1\r\n{headers}\r\n");
    for framing in [
        format!("Content-Length: {}\r\nTransfer-Encoding: chunked\r\n", smuggled.len()),
        format!("Transfer-Encoding: chunked\r\nContent-Length: {}\r\n", smuggled.len()),
        "Content-Length: 5\r\nContent-Length: 6\r\n".into(),
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n".into(),
        "Transfer-Encoding : chunked\r\n".into(),
    ] {
        let request =
            format!("POST /data/foundation/flowservice/connections HTTP/1.1\r\n{headers}{framing}\r\n{smuggled}");
        let replies = server.exchange(request.as_bytes(), 2).await;
        assert_eq!(replies.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [400], "{framing}");
    }
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let server = server().await;
    let request = format!("GET /health HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(200 * 1024));
    let mut socket = server.connect().await;
    // The server may close before it has read everything.
    let _ = socket.write_all(request.as_bytes()).await;
    let replies = read_replies(&mut socket, 1).await;
    assert!(replies.first().is_none_or(|(status, _)| *status == 431), "{replies:?}");
    let request = format!("GET /health HTTP/1.1\r\n{}\r\n", "X-Many: 1\r\n".repeat(101));
    let replies = server.exchange(request.as_bytes(), 1).await;
    assert_eq!(replies[0].0, 431);
}

#[tokio::test]
async fn shutting_down_ends_idle_connections_and_serves_no_new_ones() {
    let mut server = server().await;
    let mut idle = server.connect().await;
    idle.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert_eq!(read_replies(&mut idle, 1).await[0].0, 200);
    server.stop.take().unwrap().send(()).unwrap();
    (&mut server.served).await.unwrap().unwrap();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(rest.is_empty(), "the idle connection is closed");
    assert!(TcpStream::connect(server.address).await.is_err());
}

/// A refusal that came before the body was read once closed the connection without a word: the next request of a
/// client that keeps connections was lost.
#[tokio::test]
async fn a_body_that_nobody_read_does_not_cost_the_connection() {
    let server = server().await;
    for path in ["/nothing/here", "/data/foundation/flowservice/connections"] {
        let mut socket = server.connect().await;
        for body in ["{}".to_string(), "x".repeat(100_000)] {
            let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
            socket.write_all(head.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
            socket.write_all(body.as_bytes()).await.unwrap();
            let replies = read_replies(&mut socket, 1).await;
            assert_eq!(replies.len(), 1, "{path}");
            assert!([403, 404].contains(&replies[0].0), "{path}: {replies:?}");
        }
    }
    // Much more than would be read, and a client that waits to be asked: told to go.
    for extra in ["Content-Length: 9000000\r\n", "Content-Length: 7\r\nExpect: 100-continue\r\n"] {
        let mut socket = server.connect().await;
        let head = format!("POST /nothing/here HTTP/1.1\r\nHost: x\r\n{extra}\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer).to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 404") && answer.contains("connection: close"), "{answer}");
    }
}
