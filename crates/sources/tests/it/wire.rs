//! What happens on the socket itself, seen from a server that only counts bytes.

use super::{patience, remote};
use forebay_model::files::Object;
use futures::StreamExt;
use serde_json::json;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server that answers anything with an endless body. It gives back how much it could write before the client left.
async fn endless(listener: TcpListener) -> u64 {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.unwrap());
    }
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\netag: \"e\"\r\n\r\n", 1u64 << 40);
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut written = 0;
    while stream.write_all(&[0; 65536]).await.is_ok() {
        written += 65536;
    }
    written
}

#[tokio::test]
async fn dropping_a_body_closes_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(endless(listener));
    let remote = remote(&url, "k", "s", json!({ "bucketName": "bucket" })).with_patience(patience());
    let object = Object { bucket: "bucket".into(), key: "k".into(), size: 1 << 40, etag: "\"e\"".into(), modified: 0 };
    let mut body = remote.read(&object, None);
    let mut read = 0;
    while read < 1 << 20 {
        read += body.next().await.unwrap().unwrap().len() as u64;
    }
    drop(body);
    // Without the end of the connection the server would write a terabyte; what is on the way is bounded by buffers.
    let written = tokio::time::timeout(Duration::from_secs(10), server).await.expect("the connection was not closed");
    assert!(written.unwrap() < read + (64 << 20));
}

#[tokio::test]
async fn requests_are_signed_and_carry_no_secret() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
        String::from_utf8(request).unwrap()
    });
    let remote = remote(&url, "AKIA0", "the-secret-of-the-account", json!({ "bucketName": "bucket" }));
    assert!(remote.explore("in").await.is_err());
    let request = server.await.unwrap().to_ascii_lowercase();
    assert!(
        request
            .starts_with("get /bucket?delimiter=%2f&encoding-type=url&list-type=2&max-keys=1000&prefix=in%2f http/1.1")
    );
    assert!(request.contains("authorization: aws4-hmac-sha256 credential=akia0/"), "{request}");
    assert!(!request.contains("the-secret"), "{request}");
    assert!(!request.contains("accept-encoding"), "a compressed body would not be the object: {request}");
}
