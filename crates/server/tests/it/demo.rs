//! The README's first command, left to itself and left running.

use crate::harness::{FLOW, FULL, LAKE};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const DEMO: &str = "/data/foundation/forebay/demo";

#[test]
fn the_demo_lands_rows_that_other_readers_see() {
    let dir = tempfile::tempdir().unwrap();
    let began = std::time::Instant::now();
    let out = Command::new(env!("CARGO_BIN_EXE_forebay"))
        .args(["demo", "--exit", "--output", "json", "--listen", "127.0.0.1:0", "--data"])
        .arg(dir.path().join("demo"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success(), "{said}\n{}", String::from_utf8_lossy(&out.stderr));
    let told: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("not one JSON document ({e}): {said}"));
    let counts = &told["counts"];
    let sum = ["outputRecordCount", "failedRecordCount", "skippedRecordCount"]
        .iter()
        .map(|c| counts[*c].as_u64().unwrap_or(0))
        .sum::<u64>();
    assert_eq!(counts["inputRecordCount"].as_u64(), Some(sum), "FS-RUN-1");
    assert!(told["steps"].as_array().unwrap().len() >= 19);
    assert!(!told["rows"].as_array().unwrap().is_empty());
    let counted = crate::harness::run_script("oracle.py", &["count", told["table"].as_str().unwrap()]);
    let counted: Value = serde_json::from_str(&counted).unwrap();
    assert_eq!(counted["rows"], counts["outputRecordCount"]);
    let contacts = &told["contacts"];
    let counted = crate::harness::run_script("oracle.py", &["count", contacts["table"].as_str().unwrap()]);
    let counted: Value = serde_json::from_str(&counted).unwrap();
    assert!(counted["rows"].as_u64().unwrap() >= 1_000, "{counted}");
    let named =
        contacts["rows"].as_array().unwrap().iter().filter(|row| row["person"]["name"]["firstName"].is_string());
    assert!(named.count() > 0, "{contacts}");
    assert!(began.elapsed().as_secs() < 60, "the demo takes under 60 s");
}

/// A demo that is left running, and its first client.
struct Demo {
    child: Child,
    told: Value,
    credentials: Value,
    token: String,
    http: reqwest::Client,
}

impl Demo {
    async fn start(data: &Path) -> Demo {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
        command.args(["demo", "--output", "json", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        command.env("FOREBAY_RUN_TICK_MS", "50").stdin(Stdio::null()).stderr(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.find_map(|line| serde_json::from_str(&line.unwrap()).ok()).expect("it tells what it made");
        let credentials: Value =
            serde_json::from_slice(&std::fs::read(data.join("credentials.json")).unwrap()).unwrap();
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap();
        let mut demo = Demo { child, told, credentials, token: String::new(), http };
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", demo.known("clientId")),
            ("client_secret", demo.known("clientSecret")),
            ("scope", "openid"),
        ];
        let answer = demo.http.post(format!("{}/ims/token/v3", demo.url())).form(&form).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        demo.token = answer["access_token"].as_str().unwrap().to_string();
        demo
    }

    fn url(&self) -> &str {
        self.told["url"].as_str().unwrap()
    }

    fn known(&self, name: &str) -> &str {
        self.credentials[name].as_str().unwrap()
    }

    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request =
            self.http.request(method.parse().unwrap(), format!("{}{path}", self.url())).bearer_auth(&self.token);
        request = request.header("x-api-key", self.known("apiKey")).header("x-gw-ims-org-id", self.known("imsOrgId"));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.header("x-sandbox-name", "prod").send().await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&bytes))))
    }

    async fn good(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = self.call(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    async fn made(&self, path: &str, body: Value) -> String {
        let answer = self.good("POST", path, Some(body)).await;
        let id = answer.get("id").or(answer.get("$id")).or(answer.get(0)).and_then(Value::as_str);
        id.unwrap_or_else(|| panic!("{answer}")).trim_start_matches("@/dataSets/").to_string()
    }

    /// Makes what the wizard would make of its state; answers the flow's id.
    async fn cook(&self, recipe: &Value) -> String {
        let state = &recipe["source"];
        let spec = json!({ "id": state["specId"], "version": "1.0" });
        let mut data = json!({ "format": state["data"]["format"], "properties": state["data"]["properties"] });
        if state["data"]["format"] == "tabular" {
            data = json!({ "format": "tabular" });
        }
        let source = json!({ "name": "source", "baseConnectionId": state["connectionId"], "connectionSpec": spec, "data": data,
            "params": state["data"]["params"] });
        let source = self.made(&format!("{FLOW}/sourceConnections"), source).await;
        let schema = &state["target"]["schema"];
        let (mut own, mut tenant, mut key) = (json!({}), String::new(), None);
        for field in schema["fields"].as_array().unwrap() {
            let (space, name) = field["path"].as_str().unwrap().split_once('.').unwrap();
            tenant = space.to_string();
            own[name] = match field["type"].as_str().unwrap() {
                "date-time" => json!({ "type": "string", "format": "date-time" }),
                other => json!({ "type": other }),
            };
            if field["key"] == true {
                key = Some(format!("/{space}/{name}"));
            }
        }
        let fields = json!({ tenant: { "type": "object", "properties": own } });
        let registry = "/data/foundation/schemaregistry/tenant";
        let group = json!({ "type": "object", "title": schema["title"], "meta:intendedToExtend": [schema["class"]],
            "definitions": { "own": { "type": "object", "properties": fields } }, "allOf": [{ "$ref": "#/definitions/own" }] });
        let group = self.good("POST", &format!("{registry}/fieldgroups"), Some(group)).await;
        let schema = json!({ "type": "object", "title": schema["title"], "allOf": [{ "$ref": schema["class"] }, { "$ref": group["$id"] }] });
        let schema = self.good("POST", &format!("{registry}/schemas"), Some(schema)).await["$id"].clone();
        if let Some(key) = key {
            let identity = json!({ "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": schema, "xdm:sourceVersion": 1,
                "xdm:sourceProperty": key, "xdm:namespace": "HubSpot", "xdm:property": "xdm:code", "xdm:isPrimary": true });
            self.good("POST", &format!("{registry}/descriptors"), Some(identity)).await;
        }
        let reference = json!({ "id": schema, "contentType": FULL });
        let dataset = json!({ "name": state["target"]["datasetName"], "schemaRef": reference });
        let dataset = self.made("/data/foundation/catalog/dataSets", dataset).await;
        let target = json!({ "name": "target", "connectionSpec": { "id": LAKE, "version": "1.0" },
            "data": { "schema": { "id": schema, "version": FULL } }, "params": { "dataSetId": dataset } });
        let target = self.made(&format!("{FLOW}/targetConnections"), target).await;
        let set = json!({ "outputSchema": { "schemaRef": reference }, "mappings": state["mapping"] });
        let set = self.made("/data/foundation/conversion/mappingSets", set).await;
        let mapping = json!({ "name": "Mapping", "params": { "mappingId": set, "mappingVersion": 0 } });
        let (transformations, spec) = match state["data"].get("deltaColumn") {
            Some(column) => (
                json!([{ "name": "Copy", "params": { "deltaColumn": column } }, mapping]),
                "14518937-270c-4525-bdec-c2ba7cce3860",
            ),
            None => (json!([mapping]), "9753525b-82c7-4dce-8a9b-5ccfce2b9876"),
        };
        let flow = json!({ "name": state["details"]["name"], "flowSpec": { "id": spec, "version": "1.0" },
            "sourceConnectionIds": [source], "targetConnectionIds": [target], "transformations": transformations,
            "scheduleParams": { "startTime": chrono::Utc::now().timestamp(), "frequency": state["schedule"]["frequency"] },
            "options": { "errorDiagnosticsEnabled": state["details"]["errorDiagnosticsEnabled"],
                "partialIngestionPercent": state["details"]["partialIngestionPercent"] } });
        self.made(&format!("{FLOW}/flows"), flow).await
    }

    /// The flow's newest run, once it has ended so.
    async fn ended(&self, flow: &str, how: &str) -> Value {
        let began = Instant::now();
        loop {
            let runs = self.good("GET", &format!("{FLOW}/runs?property=flowId=={flow}&orderby=-createdAt"), None).await;
            let run = runs["items"][0].clone();
            let status = run["metrics"]["statusSummary"]["status"].as_str().unwrap_or_default();
            if status == how {
                return run;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "{runs}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn tested(&self, recipe: &Value) -> Value {
        let connection = recipe["connection"]["id"].as_str().unwrap();
        self.good("GET", &format!("{FLOW}/connections/{connection}/test"), None).await
    }

    async fn switch(&self, fault: Value) {
        let shown = self.good("PUT", DEMO, Some(json!({ "fault": fault }))).await;
        assert_eq!(shown["fault"], fault);
    }

    /// As Ctrl-C would.
    fn end(&mut self) {
        Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn counts(run: &Value) -> [u64; 3] {
    let summary = &run["metrics"]["recordSummary"];
    ["inputRecordCount", "outputRecordCount", "failedRecordCount"].map(|name| summary[name].as_u64().unwrap_or(0))
}

#[tokio::test]
async fn the_recipes_of_the_demo_land_rows_and_its_faults_are_told_and_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("demo");
    let mut demo = Demo::start(&data).await;
    assert_eq!(demo.told["created"], json!(["Demo S3", "Demo HubSpot"]));
    let shown = demo.good("GET", DEMO, None).await;
    let [s3, hubspot] = [&shown["recipes"][0], &shown["recipes"][1]];

    demo.switch(json!("s3-403")).await;
    let test = demo.tested(s3).await;
    assert_eq!(test["result"], false);
    let said = test.to_string();
    assert!(said.contains("403") || said.contains("denied") || said.contains("refuse"), "{test}");
    let flow = demo.cook(s3).await;
    let run = demo.ended(&flow, "failed").await;
    assert!(run["activities"].to_string().contains("access is denied"), "{run}");
    demo.switch(Value::Null).await;
    assert_eq!(demo.tested(s3).await["result"], true);
    let run = run["id"].as_str().unwrap();
    demo.good("POST", &format!("{FLOW}/runs/{run}/action?op=re_trigger"), None).await;
    let run = demo.ended(&flow, "success").await;
    assert_eq!(counts(&run), [100_000, 99_999, 1], "{run}");

    demo.switch(json!("hubspot-401")).await;
    let test = demo.tested(hubspot).await;
    assert_eq!(test["result"], false);
    assert!(test.to_string().contains("Reconnect the account"), "{test}");
    demo.switch(Value::Null).await;
    assert_eq!(demo.tested(hubspot).await["result"], true);
    let flow = demo.cook(hubspot).await;
    let run = demo.ended(&flow, "success").await;
    assert!(counts(&run)[1] >= 1_000, "{run}");
    let mapped = demo
        .good("GET", &format!("/data/foundation/export/datasets/{}/preview", dataset(&demo, &flow).await), None)
        .await;
    let empty = |row: &Value| row.as_object().unwrap().values().all(|own| own["email"].is_null());
    assert!(!mapped["data"].as_array().unwrap().iter().all(empty), "{mapped}");

    // A start later the port of S3 is the same, or the connection follows it.
    demo.end();
    let demo = Demo::start(&data).await;
    assert_eq!(demo.told["created"], json!([]));
    assert_eq!(demo.told["flows"], json!(["demo-s3", "demo-hubspot"]));
    let shown = demo.good("GET", DEMO, None).await;
    for recipe in shown["recipes"].as_array().unwrap() {
        assert_eq!(demo.tested(recipe).await["result"], true, "{recipe}");
    }
}

async fn dataset(demo: &Demo, flow: &str) -> String {
    let flow = demo.good("GET", &format!("{FLOW}/flows/{flow}"), None).await;
    let target = flow["items"][0]["targetConnectionIds"][0].as_str().unwrap().to_string();
    let target = demo.good("GET", &format!("{FLOW}/targetConnections/{target}"), None).await;
    target["items"][0]["params"]["dataSetId"].as_str().unwrap().to_string()
}

#[tokio::test]
async fn a_demo_is_reset_where_it_runs_and_begins_anew_where_it_has_ended() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("demo");
    let mut demo = Demo::start(&data).await;
    let before = demo.good("GET", DEMO, None).await;
    let flow = demo.cook(&before["recipes"][0]).await;
    demo.ended(&flow, "success").await;
    demo.switch(json!("s3-403")).await;
    let connection = before["recipes"][1]["connection"]["id"].as_str().unwrap();
    let etag = demo.good("GET", &format!("{FLOW}/connections/{connection}"), None).await["items"][0]["etag"].clone();
    let path = format!("{FLOW}/connections/{connection}?if-match={}", etag.as_str().unwrap().replace('"', "%22"));
    demo.good("DELETE", &path, None).await;
    let began = Instant::now();
    let after = demo.good("POST", &format!("{DEMO}/reset"), None).await;
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
    assert_eq!(after["fault"], Value::Null);
    assert_eq!(after["recipes"].as_array().unwrap().len(), 2);
    let (_, flows) = demo.call("GET", &format!("{FLOW}/flows"), None).await;
    assert_eq!(flows["items"], json!([]));
    let sets = demo.good("GET", "/data/foundation/catalog/dataSets", None).await;
    assert_eq!(sets, json!({}));
    for recipe in after["recipes"].as_array().unwrap() {
        assert_eq!(demo.tested(recipe).await["result"], true, "{recipe}");
    }

    let reset = |data: &Path| {
        let out =
            Command::new(env!("CARGO_BIN_EXE_forebay")).args(["demo", "reset", "--data"]).arg(data).output().unwrap();
        (out.status.success(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
    };
    assert!(reset(&data).0, "while it runs");
    demo.end();
    let mine = dir.path().join("mine");
    std::fs::create_dir(&mine).unwrap();
    let (done, said) = reset(&mine);
    assert!(!done && said.contains("no demo's folder") && mine.is_dir(), "{said}");
    let (done, said) = reset(&data);
    assert!(done && !data.exists(), "{said}");
}
