//! Secrets never leave (P11), and calls go out only where the operator allows.

use crate::harness::{Bucket, FLOW, FlowSpec, Forebay, S3, id};
use base64::Engine;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const CANARY: &str = "cAnArYs3cr3tW0nderfu1Bird";
const SESSION: &str = "cAnArYs3ss10nT0kenFeather";

/// Every way in which bytes may show a text: itself, hex, base64 at each offset.
fn shapes(text: &str) -> Vec<Vec<u8>> {
    let bytes = text.as_bytes();
    let mut shapes = vec![bytes.to_vec(), bytes.iter().map(|b| format!("{b:02x}")).collect::<String>().into_bytes()];
    for skip in 0..3 {
        let encoded = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&bytes[skip..skip + 18]);
        shapes.push(encoded.into_bytes());
    }
    shapes.push(bytes.iter().rev().copied().collect());
    shapes.push(bytes[5..15].to_vec());
    shapes
}

fn search(dir: &Path, found: &mut Vec<String>, seen: &mut usize) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            search(&path, found, seen);
            continue;
        }
        *seen += 1;
        let bytes = std::fs::read(&path).unwrap_or_default();
        for canary in [CANARY, SESSION] {
            for shape in shapes(canary) {
                if bytes.windows(shape.len()).any(|w| w == shape) {
                    found.push(format!("{} holds {}", path.display(), String::from_utf8_lossy(&shape)));
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_an_answer_a_log_the_database_or_the_lake() {
    let bucket = Bucket::playground("canary").await;
    bucket.put("in/a.csv", "id\n1\n").await;
    let forebay = Forebay::start_with(&[("FOREBAY_LOG_FILTER", "trace")]).await;
    let params = json!({ "s3AccessKey": bucket.access_key, "s3SecretKey": CANARY, "s3SessionToken": SESSION, "serviceUrl": bucket.endpoint, "bucketName": bucket.name });
    let body = json!({ "name": "canary", "auth": { "specName": "Access Key", "params": params }, "connectionSpec": { "id": S3, "version": "1.0" } });
    let base = id(&forebay.post(&format!("{FLOW}/connections"), body).await);
    let at = format!("{FLOW}/connections/{base}");
    let mut answers = vec![
        forebay.get(&at).await,
        forebay.get(&format!("{FLOW}/connections")).await,
        forebay.get(&format!("{at}/test")).await,
    ];
    // What fails is told, and what is told holds no secret.
    answers.push(forebay.call("GET", &format!("{at}/explore?objectType=root"), None, &[]).await.1);
    for filter in ["auth.params.s3SecretKey==cAnArY", "auth.params.s3SecretKey!=x"] {
        answers.push(forebay.call("GET", &format!("{FLOW}/connections?property={filter}"), None, &[]).await.1);
    }
    for op in ["test", "copy", "move"] {
        let patch = json!([{ "op": op, "from": "/auth/params/s3SecretKey", "path": "/description", "value": CANARY }]);
        let (status, answer) = forebay.call("PATCH", &at, Some(patch), &[("if-match", "*")]).await;
        assert_eq!(status, 400, "FLOW-1434: {op} {answer}");
        answers.push(answer);
    }
    let (schema, _) = forebay.people_schema().await;
    let rules = json!([{ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" }]);
    let spec = FlowSpec {
        base: &base,
        path: "/in/",
        kind: "folder",
        format: "delimited",
        properties: Value::Null,
        schema: &schema,
        rules,
        options: Value::Null,
    };
    let made = forebay.flow(spec).await;
    let run = forebay.settled(&made.flow).await.remove(0);
    assert_eq!(run["state"], "failed", "the secret is wrong: {run:#}");
    answers.push(run);
    // A mask that comes back keeps what is stored (FS-ENV-9).
    let item = forebay.get(&at).await;
    let masked = item["items"][0]["auth"]["params"].clone();
    assert_eq!(masked["s3SecretKey"], "********");
    forebay.patch(&at, json!([{ "op": "replace", "path": "/auth/params", "value": masked }])).await;
    let patch = json!([{ "op": "replace", "path": "/auth/params/s3SecretKey", "value": bucket.secret_key }, { "op": "remove", "path": "/auth/params/s3SessionToken" }]);
    forebay.patch(&at, patch).await;
    assert_eq!(forebay.get(&format!("{at}/test")).await["result"], true);

    for answer in &answers {
        let text = answer.to_string();
        assert!(!text.contains(CANARY) && !text.contains(SESSION) && !text.contains(&CANARY[5..15]), "{text}");
    }
    if forebay.database.is_served() {
        // A dump has bytes in hex; here they are as they lie.
        let (url, sealed) = (forebay.database.url(), "SELECT encode(sealed, 'escape') FROM documents");
        let dump =
            crate::database::tool("pg_dump", &[&url]) + &crate::database::tool("psql", &["-At", "-c", sealed, &url]);
        assert!(dump.contains("canary"), "the dump holds the connection");
        std::fs::write(forebay.data.join("dump.sql"), dump).unwrap();
    }
    let (mut found, mut seen) = (Vec::new(), 0);
    search(forebay.data.parent().unwrap(), &mut found, &mut seen);
    assert!(seen > 5, "the search saw {seen} files");
    assert!(found.is_empty(), "{found:#?}");
    assert!(forebay.log().len() > 10_000, "the log is not a trace");
    bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_not_called_unless_the_operator_says_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let forebay = Forebay::start_with(&[("FOREBAY_EGRESS_ALLOW", "")]).await;
    for host in [
        format!("127.0.0.1:{}", address.port()),
        format!("localhost:{}", address.port()),
        format!("0x7f000001:{}", address.port()),
        format!("[::ffff:127.0.0.1]:{}", address.port()),
    ] {
        let params = json!({ "s3AccessKey": "k", "s3SecretKey": "s", "serviceUrl": format!("http://{host}"), "bucketName": "b" });
        let body = json!({ "name": "inside", "auth": { "specName": "Access Key", "params": params }, "connectionSpec": { "id": S3, "version": "1.0" } });
        let base = id(&forebay.post(&format!("{FLOW}/connections"), body).await);
        assert_eq!(forebay.get(&format!("{FLOW}/connections/{base}/test")).await["result"], false, "{host}");
        let (status, answer) =
            forebay.call("GET", &format!("{FLOW}/connections/{base}/explore?objectType=root"), None, &[]).await;
        assert!(status >= 400 && answer.to_string().contains("egress"), "{host}: {status} {answer}");
    }
    assert_eq!(calls.load(Ordering::SeqCst), 0, "no connection reached the private address");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_first_start_leaves_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let forebay = Forebay::start().await;
    for file in ["credentials.json", "key-encryption-key"] {
        let mode = std::fs::metadata(forebay.data.join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
    let members: Vec<&String> = forebay.credentials.as_object().unwrap().keys().collect();
    assert_eq!(members, ["url", "imsOrgId", "clientId", "clientSecret", "apiKey", "sandbox"]);
    assert_eq!(forebay.credentials["apiKey"], forebay.credentials["clientId"]);
    assert!(forebay.credentials["imsOrgId"].as_str().unwrap().ends_with("@AdobeOrg"));
    // A second process over the same folder is refused, and says why.
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_forebay"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&forebay.data)
        .output()
        .unwrap();
    assert!(!out.status.success());
    assert!(
        String::from_utf8_lossy(&out.stderr).contains("another Forebay runs"),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
}
