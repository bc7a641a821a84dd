//! Requests that are wrong: each is refused with a reason that names its place, and none is ever a 5xx of ours.

use crate::harness::{Bucket, FLOW, FULL, Forebay, LAKE, S3, id};
use serde_json::{Value, json};

const FLOW_SPEC: &str = "9753525b-82c7-4dce-8a9b-5ccfce2b9876";

/// The bodies of the four creating calls, each valid.
async fn bodies(forebay: &Forebay, bucket: &Bucket) -> Vec<(&'static str, Value)> {
    let base = forebay.connect(bucket).await;
    let (schema, _) = forebay.people_schema().await;
    let dataset = forebay.dataset(&schema).await;
    let connection = json!({ "name": "c", "description": "d", "auth": { "specName": "Access Key", "params": bucket.params() }, "connectionSpec": { "id": S3, "version": "1.0" } });
    let source = json!({ "name": "s", "description": "d", "baseConnectionId": base, "connectionSpec": { "id": S3, "version": "1.0" },
        "data": { "format": "delimited", "properties": { "columnDelimiter": ",", "encoding": "UTF-8", "compressionType": "gzip" } },
        "params": { "path": "/in/", "type": "folder", "recursive": true } });
    let target = json!({ "name": "t", "description": "d", "connectionSpec": { "id": LAKE, "version": "1.0" },
        "data": { "format": "parquet_xdm", "schema": { "id": schema, "version": FULL } }, "params": { "dataSetId": dataset } });
    let rules = json!([{ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" }]);
    let set = json!({ "outputSchema": { "schemaRef": { "id": schema, "contentType": FULL } }, "mappings": rules });
    let set = id(&forebay.post("/data/foundation/conversion/mappingSets", set).await);
    let flow = json!({ "name": "f", "description": "d", "flowSpec": { "id": FLOW_SPEC, "version": "1.0" },
        "sourceConnectionIds": [id(&forebay.post(&format!("{FLOW}/sourceConnections"), source.clone()).await)],
        "targetConnectionIds": [id(&forebay.post(&format!("{FLOW}/targetConnections"), target.clone()).await)],
        "transformations": [{ "name": "Mapping", "params": { "mappingId": set, "mappingVersion": 0 } }],
        "options": { "errorDiagnosticsEnabled": true, "partialIngestionPercent": 5 },
        // Far ahead: none of the flows of this test is to run.
        "scheduleParams": { "startTime": 4_000_000_000u64, "frequency": "hour", "interval": 1, "backfill": true } });
    vec![("connections", connection), ("sourceConnections", source), ("targetConnections", target), ("flows", flow)]
}

/// Creating calls of the neighbouring services.
async fn neighbours(forebay: &Forebay) -> Vec<(&'static str, Value)> {
    let (schema, _) = forebay.people_schema().await;
    let made = json!({ "type": "object", "title": "T", "description": "d", "allOf": [{ "$ref": "https://ns.adobe.com/xdm/context/profile" }] });
    let group = json!({ "type": "object", "title": "G", "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
        "definitions": { "own": { "type": "object", "properties": { "x": { "type": "string" } } } }, "allOf": [{ "$ref": "#/definitions/own" }] });
    let rules = json!([{ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" }, { "destinationXdmPath": "person.name.fullName", "sourceAttribute": "name" }]);
    vec![
        ("/data/foundation/schemaregistry/tenant/schemas", made),
        ("/data/foundation/schemaregistry/tenant/fieldgroups", group),
        (
            "/data/foundation/catalog/dataSets",
            json!({ "name": "d", "description": "d", "schemaRef": { "id": schema, "contentType": FULL }, "tags": { "x": ["y"] } }),
        ),
        (
            "/data/foundation/conversion/mappingSets",
            json!({ "name": "n", "outputSchema": { "schemaRef": { "id": schema, "contentType": FULL } }, "mappings": rules }),
        ),
        (
            "/data/foundation/conversion/mappingSets/validate",
            json!({ "outputSchema": { "schemaRef": { "id": schema, "contentType": FULL } }, "mappings": rules }),
        ),
        (
            "/data/foundation/conversion/mappingSets/preview",
            json!({ "data": [{ "id": "1", "name": "Ada" }], "mappingSet": {
                "outputSchema": { "schemaRef": { "id": schema, "contentType": FULL } }, "mappings": rules } }),
        ),
        (
            "/data/foundation/conversion/languages/el/validate",
            json!({ "expression": "upper(x)", "sampleData": { "x": "a" }, "sampleDataType": "application/json" }),
        ),
        (
            "/data/foundation/sandbox-management/sandboxes",
            json!({ "name": "dev", "title": "Dev", "type": "development" }),
        ),
        (
            "/data/foundation/flowservice/runs",
            json!({ "flowId": "x", "params": { "startTime": 1, "windowStartTime": 1, "windowEndTime": 2 } }),
        ),
    ]
}

const ODD: [fn() -> Value; 9] = [
    || Value::Null,
    || json!(-7.5),
    || json!(true),
    || json!([]),
    || json!([[1]]),
    || json!({}),
    || json!({ "x": [1] }),
    || json!("\u{0}nonsense\u{1F980}"),
    || json!(["", 7, null, {}]),
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_a_body_of_any_creating_call_is_a_fault_of_ours() {
    let forebay = Forebay::start().await;
    let mut wrong = Vec::new();
    for (path, body) in neighbours(&forebay).await {
        let mut at = vec![String::new()];
        pointers(&body, String::new(), &mut at);
        for pointer in at {
            for value in ODD {
                let mut body = body.clone();
                *body.pointer_mut(&pointer).unwrap() = value();
                let (status, answer) = forebay.call("POST", path, Some(body), &[]).await;
                if status >= 500 || status >= 400 && answer.to_string().len() < 20 {
                    wrong.push(format!("{path} {pointer} = {}: {status} {answer}", value()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
}

/// The pointers of all values of a document.
fn pointers(value: &Value, at: String, into: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let pointer = format!("{at}/{name}");
                into.push(pointer.clone());
                pointers(member, pointer, into);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let pointer = format!("{at}/{i}");
                into.push(pointer.clone());
                pointers(item, pointer, into);
            }
        }
        _ => {}
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_a_wrong_type_in_any_field_of_the_creating_calls_is_refused_by_name() {
    let bucket = Bucket::playground("types").await;
    let forebay = Forebay::start().await;
    let mut wrong = Vec::new();
    for (resource, body) in bodies(&forebay, &bucket).await {
        let path = format!("{FLOW}/{resource}");
        let mut at = Vec::new();
        pointers(&body, String::new(), &mut at);
        for pointer in at {
            let before = body.pointer(&pointer).unwrap().clone();
            for value in [
                json!(-7.5),
                json!(true),
                json!([]),
                json!([[1]]),
                json!({}),
                json!({ "x": [1] }),
                json!("\u{0}nonsense\u{1F980}"),
            ] {
                if kind(&value) == kind(&before) && !value.is_string() {
                    continue;
                }
                let mut body = body.clone();
                *body.pointer_mut(&pointer).unwrap() = value.clone();
                let (status, answer) = forebay.call("POST", &path, Some(body), &[]).await;
                let text = answer.to_string();
                let named = pointer.split('/').filter(|s| s.len() > 1).any(|segment| text.contains(segment));
                let free = ["/name", "/description", "/version"].iter().any(|end| pointer.ends_with(end))
                    || before.is_string() && value.is_string();
                if status >= 500 || status == 201 && !free && !scalar(&before, &value) || status >= 400 && !named {
                    wrong.push(format!("{resource} {pointer} = {value}: {status} {text}"));
                }
                if status == 201 && free && !(value.is_string() || pointer.ends_with("/version")) {
                    wrong.push(format!("{resource} {pointer} = {value}: a {} was taken for a text", kind(&value)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    bucket.end().await;
}

/// FS-SPEC-6: scalars are coerced; what a parameter of a connection means, only its store can say.
fn scalar(before: &Value, value: &Value) -> bool {
    !(before.is_array() || before.is_object() || value.is_array() || value.is_object())
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_json_ids_that_are_no_ids_and_stale_etags_are_refused() {
    let bucket = Bucket::playground("bodies").await;
    let forebay = Forebay::start().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = |method: &str, path: String, body: Vec<u8>, etag: Option<&'static str>| {
        let mut request =
            http.request(method.parse().unwrap(), format!("{}{path}", forebay.url)).bearer_auth(&forebay.token);
        for (header, member) in
            [("x-api-key", "apiKey"), ("x-gw-ims-org-id", "imsOrgId"), ("x-sandbox-name", "sandbox")]
        {
            request = request.header(header, forebay.credentials[member].as_str().unwrap());
        }
        if let Some(etag) = etag {
            request = request.header("if-match", etag);
        }
        async move {
            let answer = request.body(body).send().await.unwrap();
            (answer.status().as_u16(), answer.text().await.unwrap())
        }
    };
    let collections = ["connections", "sourceConnections", "targetConnections", "flows", "runs"];
    for resource in collections {
        let path = format!("{FLOW}/{resource}");
        let (status, text) = send("POST", path.clone(), b"{\n  \"name\": \"x\",\n  oops }".to_vec(), None).await;
        assert!(status == 400 && text.contains("line 3") && text.contains("column 3"), "{resource}: {status} {text}");
        for body in ["", "null", "[]", "7", "\"x\"", "{}", "\u{feff}{}", "{\"id\":\"x\"}"] {
            let (status, text) = send("POST", path.clone(), body.into(), None).await;
            assert!(status == 400 && text.contains("FLOW-"), "{resource} {body:?}: {status} {text}");
        }
        for body in [
            vec![0xff, 0xfe],
            b"{\"name\": \"\xff\"}".to_vec(),
            "[".repeat(100_000).into_bytes(),
            format!("{{\"a\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000)).into_bytes(),
        ] {
            let (status, text) = send("POST", path.clone(), body, None).await;
            assert!(status == 400, "{resource}: {status} {text}");
        }
        let (status, text) =
            send("POST", path.clone(), format!("{{\"name\":\"{}\"}}", "x".repeat(2 << 20)).into(), None).await;
        assert!(status == 413 && text.contains("larger"), "{resource}: {status} {text}");
        for item in [
            "00000000-0000-0000-0000-000000000000",
            "no-id",
            "%00",
            "..%2Fflows",
            "'; DROP TABLE documents; --",
            "%FF%FE",
            &"x".repeat(4_000),
        ] {
            let (status, text) = send("GET", format!("{path}/{}", item.replace(' ', "%20")), Vec::new(), None).await;
            assert!((400..500).contains(&status), "{resource}/{item}: {status} {text}");
        }
    }
    let base = forebay.connect(&bucket).await;
    let at = format!("{FLOW}/connections/{base}");
    let patch = br#"[{"op":"replace","path":"/name","value":"y"}]"#.to_vec();
    for (etag, expected, code) in [
        (None, 400, "FLOW-1403-400"),
        (Some("\"stale\""), 412, "FLOW-1404-412"),
        (Some("W/\"stale\""), 412, "FLOW-1404-412"),
        (Some("\"a\", \"b\""), 412, "FLOW-1404-412"),
        (Some("garbage\""), 412, "FLOW-1404-412"),
    ] {
        let (status, text) = send("PATCH", at.clone(), patch.clone(), etag).await;
        assert!(status == expected && text.contains(code), "{etag:?}: {status} {text}");
    }
    for (patch, named) in [
        ("{}", ""),
        ("[7]", ""),
        ("[{}]", "op"),
        (r#"[{"op":"explode","path":"/name"}]"#, "explode"),
        (r#"[{"op":"replace","path":"name","value":1}]"#, "name"),
        (r#"[{"op":"replace","path":"/nothing/there","value":1}]"#, "nothing"),
        (r#"[{"op":"replace","path":"/id","value":"x"}]"#, "id"),
        (r#"[{"op":"replace","path":"/name","value":[]}]"#, "name"),
    ] {
        let (status, text) = send("PATCH", at.clone(), patch.into(), Some("*")).await;
        assert!(status == 400 && text.contains(named), "{patch}: {status} {text}");
    }
    for query in [
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=99999999999999999999",
        "orderby=;",
        "property=",
        "property===",
        "property=name",
        "continuationToken=nonsense",
        "count=maybe",
        "limit=5&count=true",
        "property=%FF",
    ] {
        let (status, text) = send("GET", format!("{FLOW}/connections?{query}"), Vec::new(), None).await;
        assert!(status < 500, "{query}: {status} {text}");
    }
    bucket.end().await;
}
