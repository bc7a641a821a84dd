//! The S3 seed's requests, with curl, exactly as the tutorial prints them but for host, headers' values and ids
//! (FS-BASE-4, FS-SPEC-2, FS-ENV-6), and the cloud-storage part of *explore* and *collect*.

use crate::harness::{Bucket, Forebay};
use serde_json::Value;

/// Runs a shell command line; answers curl's standard output.
#[track_caller]
pub fn shell(forebay: &Forebay, command: &str) -> Value {
    let member = |name: &str| forebay.credentials[name].as_str().unwrap().to_string();
    let command = command
        .replace("https://platform.adobe.io", &forebay.url)
        .replace("http://platform.adobe.io", &forebay.url)
        .replace("{ACCESS_TOKEN}", &forebay.token)
        .replace("{API_KEY}", &member("apiKey"))
        .replace("{IMS_ORG}", &member("imsOrgId"))
        .replace("{SANDBOX_NAME}", &member("sandbox"));
    let out = std::process::Command::new("bash").args(["-c", &command]).output().expect("bash starts");
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{command}\n{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_str(&said).unwrap_or_else(|e| panic!("{command}\nanswered no JSON ({e}): {said}"))
}

/// The headers that the tutorials print.
pub const HEADERS: &str = r#" \
    -H 'Authorization: Bearer {ACCESS_TOKEN}' \
    -H 'x-api-key: {API_KEY}' \
    -H 'x-gw-ims-org-id: {IMS_ORG}' \
    -H 'x-sandbox-name: {SANDBOX_NAME}'"#;

#[tokio::test(flavor = "multi_thread")]
async fn the_s3_tutorial_runs_as_printed() {
    let bucket = Bucket::seaweed("tutorial").await;
    bucket.put("in/people.csv", "id,name\n1,Ada\n2,\"Grace, Rear Admiral\"\n").await;
    let forebay = Forebay::start().await;

    let all = shell(
        &forebay,
        &format!(
            "curl -sS -X GET \\\n    'https://platform.adobe.io/data/foundation/flowservice/connectionSpecs'{HEADERS}"
        ),
    );
    assert!(all["items"].as_array().unwrap().iter().any(|s| s["name"] == "amazon-s3"));

    // Raw quotes in the query, as printed (FS-BASE-4).
    let spec = shell(
        &forebay,
        &format!(
            "curl -sS -X GET \\\n    'https://platform.adobe.io/data/foundation/flowservice/connectionSpecs?property=name==\"amazon-s3\"'{HEADERS}"
        ),
    );
    assert_eq!(spec["items"].as_array().unwrap().len(), 1);
    let spec = &spec["items"][0];
    assert_eq!(
        (spec["id"].as_str(), spec["name"].as_str(), spec["version"].as_str()),
        (Some("ecadc60c-7455-4d87-84dc-2a0e293d997b"), Some("amazon-s3"), Some("1.0"))
    );
    assert_eq!(
        (spec["authSpec"][0]["name"].as_str(), spec["authSpec"][0]["type"].as_str()),
        (Some("Access Key"), Some("Access Key Auth"))
    );
    assert_eq!(spec["authSpec"][0]["spec"]["properties"]["s3SecretKey"]["format"], "password");

    let base = shell(
        &forebay,
        &format!(
            r#"curl -sS -X POST \
    'http://platform.adobe.io/data/foundation/flowservice/connections'{HEADERS} \
    -H 'Content-Type: application/json' \
    -d '{{
        "name": "S3 Base Connection",
        "description": "Base connection for an Amazon S3 account",
        "auth": {{
            "specName": "Access Key",
            "params": {{
                "s3AccessKey": "{}",
                "s3SecretKey": "{}"
            }}
        }},
        "connectionSpec": {{
            "id": "ecadc60c-7455-4d87-84dc-2a0e293d997b",
            "version": "1.0"
        }}
    }}'"#,
            bucket.access_key, bucket.secret_key
        ),
    );
    let base_id = base["id"].as_str().unwrap();
    assert_eq!(base.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "etag"], "FS-ENV-6: exactly these two");
    assert!(base["etag"].as_str().unwrap().starts_with('"'), "FS-ETAG-1");

    // Where the bucket is, is not the tutorial's business: the connection learns it as later editions say it.
    let etag = base["etag"].as_str().unwrap();
    let patch = format!(
        r#"curl -sS -X PATCH 'https://platform.adobe.io/data/foundation/flowservice/connections/{base_id}'{HEADERS} -H 'If-Match: {etag}' \
        -d '[{{"op":"add","path":"/auth/params/serviceUrl","value":"{}"}},{{"op":"add","path":"/auth/params/bucketName","value":"{}"}}]'"#,
        bucket.endpoint, bucket.name
    );
    let patched = shell(&forebay, &patch);
    assert_ne!(patched["etag"], base["etag"], "FS-ETAG-2");

    let at = format!("https://platform.adobe.io/data/foundation/flowservice/connections/{base_id}");
    assert_eq!(shell(&forebay, &format!("curl -sS -X GET '{at}/test'{HEADERS}"))["result"], true);
    let root = shell(&forebay, &format!("curl -sS -X GET '{at}/explore?objectType=root'{HEADERS}"));
    assert_eq!((root[0]["type"].as_str(), root[0]["path"].as_str()), (Some("folder"), Some("/in/")), "{root}");
    let folder = shell(&forebay, &format!("curl -sS -X GET '{at}/explore?objectType=folder&object=/in/'{HEADERS}"));
    assert_eq!(
        (folder[0]["type"].as_str(), folder[0]["path"].as_str()),
        (Some("file"), Some("/in/people.csv")),
        "{folder}"
    );
    let file = shell(
        &forebay,
        &format!(
            "curl -sS -X GET '{at}/explore?objectType=file&object=/in/people.csv&fileType=delimited&preview=true'{HEADERS}"
        ),
    );
    assert_eq!(file["format"], "flat", "{file}");
    assert_eq!(file["data"][1]["name"], "Grace, Rear Admiral", "{file}");

    let item = shell(&forebay, &format!("curl -sS -X GET '{at}'{HEADERS}"));
    assert!(!item.to_string().contains(&bucket.secret_key), "FS-ENV-9: secrets are masked");
}
