//! Exploring and testing a connection, against a small S3 endpoint of the test's own.

use crate::world::{Choices, FLOWS, World, connection};
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use expect_test::expect;
use forebay_model::files::{Compression, FileOptions};
use http::StatusCode;
use serde_json::json;

/// One bucket with one folder and one file.
async fn s3(request: Request) -> Response {
    let signed = request.headers().get("authorization").and_then(|v| v.to_str().ok()).unwrap_or_default().to_string();
    if !signed.contains("AKIA0EXAMPLE") {
        let body = "<Error><Code>InvalidAccessKeyId</Code><Message>no</Message></Error>";
        return (StatusCode::FORBIDDEN, body).into_response();
    }
    let path = request.uri().path().trim_end_matches('/').to_string();
    let query = request.uri().query().unwrap_or_default().to_string();
    if request.method() == http::Method::HEAD || query.is_empty() {
        return match path.as_str() {
            "" => {
                "<ListAllMyBucketsResult><Buckets><Bucket><Name>lake</Name></Bucket></Buckets></ListAllMyBucketsResult>"
                    .into_response()
            }
            "/lake/in/a.csv" | "/lake/in/panic.csv" => (
                [("content-length", "9"), ("etag", "\"e1\""), ("last-modified", "Mon, 01 Jul 2024 00:00:00 GMT")],
                "id,total\n",
            )
                .into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        };
    }
    let listing = if query.contains("prefix=in") {
        "<ListBucketResult><IsTruncated>false</IsTruncated>\
         <Contents><Key>in/a.csv</Key><LastModified>2024-07-01T00:00:00.000Z</LastModified><ETag>\"e1\"</ETag><Size>9</Size></Contents>\
         <CommonPrefixes><Prefix>in/2024/</Prefix></CommonPrefixes></ListBucketResult>"
    } else {
        "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
    };
    listing.into_response()
}

async fn world() -> (World, String) {
    let world = World::with(Choices { allow: vec!["127.0.0.0/8"], ..Choices::default() }).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(s3)).await });
    let mut body = connection();
    body["auth"]["params"]["serviceUrl"] = json!(url);
    body["auth"]["params"]["bucketName"] = json!("lake");
    let id = world.created(&format!("{FLOWS}/connections"), body).await;
    (world, format!("{FLOWS}/connections/{id}"))
}

#[tokio::test]
async fn a_folder_is_a_bare_array_fs_exp_2() {
    let (world, path) = world().await;
    let reply = world.get(&format!("{path}/explore?objectType=folder&object=/in/")).await;
    expect![[r#"
        200 [
          {
            "type": "folder",
            "name": "2024",
            "path": "/in/2024/",
            "canPreview": false,
            "canFetchSchema": false
          },
          {
            "type": "file",
            "name": "a.csv",
            "path": "/in/a.csv",
            "canPreview": true,
            "canFetchSchema": true
          }
        ]"#]]
    .assert_eq(&reply.shown());
    let reply = world.get(&format!("{path}/explore?objectType=folder&object=/nothing/")).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (404, "FLOW-1101-404"), "{}", reply.body);
}

#[tokio::test]
async fn a_file_is_its_columns_and_first_rows_fs_exp_1_fs_base_6() {
    let (world, path) = world().await;
    world.lake.rows.lock().unwrap().push(json!({ "id": "c-1", "total": 40 }));
    let query =
        "OBJECTTYPE=file&object=/in/a.csv&FILE_TYPE=Delimited&COMPRESSION_TYPE=GZIP&columnDelimiter=%5Ct&preview=True";
    let reply = world.get(&format!("{path}/explore?{query}")).await;
    expect![[r#"
        200 {
          "format": "flat",
          "schema": {
            "columns": [
              {
                "name": "id",
                "type": "string",
                "xdm": {
                  "type": "string"
                }
              },
              {
                "name": "total",
                "type": "integer",
                "meta:xdmType": "int",
                "xdm": {
                  "type": "integer",
                  "minimum": -2147483648,
                  "maximum": 2147483647
                }
              }
            ]
          },
          "data": [
            {
              "id": "c-1",
              "total": 40
            }
          ]
        }"#]]
    .assert_eq(&reply.shown());
    let sampled = world.lake.sampled.lock().unwrap().pop().unwrap();
    assert_eq!((sampled.0.key.as_str(), sampled.0.size, sampled.0.etag.as_str()), ("in/a.csv", 9, "\"e1\""));
    let options = FileOptions { compression: Some(Compression::Gzip), delimiter: b'\t', ..FileOptions::default() };
    assert_eq!(sampled.1, Some(options));
    let reply = world.get(&format!("{path}/explore?objectType=file&object=/in/a.csv&determineProperties=true")).await;
    assert_eq!(reply.body["properties"], json!({ "fileType": "delimited", "columnDelimiter": "," }));
    assert!(reply.body.get("data").is_none());
    for query in
        ["objectType=file&object=/in/a.csv", "objectType=moon", "objectType=folder", "objectType=table&object=T"]
    {
        assert_eq!(world.get(&format!("{path}/explore?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn a_test_tells_each_check_and_a_failed_login_is_no_error() {
    let (world, path) = world().await;
    let reply = world.get(&format!("{path}/test")).await;
    assert_eq!((reply.status.as_u16(), &reply.body["result"]), (200, &json!(true)), "{}", reply.body);
    assert!(
        reply.body["checks"].as_array().unwrap().iter().all(|check| check["ok"] == true && check["millis"].is_u64())
    );
    let patch = json!([{ "op": "replace", "path": "/auth/params/s3AccessKey", "value": "WRONG" }]);
    assert_eq!(world.patch(&path, patch).await.status, 200);
    let reply = world.get(&format!("{path}/test")).await;
    assert_eq!((reply.status.as_u16(), &reply.body["result"]), (200, &json!(false)));
    assert!(!reply.text.contains("canary"));
    let patch = json!([{ "op": "replace", "path": "/state", "value": "disabled" }]);
    assert_eq!(world.patch(&path, patch).await.status, 200);
    assert_eq!(world.get(&format!("{path}/explore")).await.code(), "FLOW-1445-400");
}

#[tokio::test]
async fn a_forbidden_address_is_not_connected_to() {
    let world = World::new().await;
    let mut body = connection();
    body["auth"]["params"]["serviceUrl"] = json!("http://169.254.169.254");
    let id = world.created(&format!("{FLOWS}/connections"), body).await;
    let reply = world.get(&format!("{FLOWS}/connections/{id}/test")).await;
    assert_eq!((reply.status.as_u16(), &reply.body["result"]), (200, &json!(false)), "{}", reply.body);
}

#[tokio::test]
async fn a_panic_is_caught_and_says_nothing_of_our_insides() {
    let (world, path) = world().await;
    let reply = world.get(&format!("{path}/explore?objectType=file&object=/in/panic.csv&fileType=json")).await;
    assert_eq!((reply.status.as_u16(), reply.code()), (500, "FLOW-1400-500"));
    assert!(!reply.text.contains("broke"), "{}", reply.text);
}
