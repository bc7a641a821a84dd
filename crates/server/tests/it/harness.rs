//! A real server on loopback with a folder of its own, an S3 endpoint, and the words to drive both.

use crate::database::Database;
use object_store::ObjectStoreExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub const FLOW: &str = "/data/foundation/flowservice";
pub const S3: &str = "ecadc60c-7455-4d87-84dc-2a0e293d997b";
pub const LAKE: &str = "c604ff05-7f1a-43c0-8e18-33bf874cb11c";
pub const FULL: &str = "application/vnd.adobe.xed-full+json;version=1";
const PATIENCE: Duration = Duration::from_secs(120);

/// Puts objects under raw keys, some side by side.
const PUT_RAW: &str = r#"
import boto3, concurrent.futures, json, sys
endpoint, access, secret, bucket, file = sys.argv[1:]
config = boto3.session.Config(s3={"addressing_style": "path"}, max_pool_connections=16)
s3 = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=access, aws_secret_access_key=secret, region_name="us-east-1", config=config)
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    list(pool.map(lambda o: s3.put_object(Bucket=bucket, Key=o[0], Body=o[1].encode()), json.load(open(file))))
"#;

/// The Python that reads tables; `make test` sets it.
pub fn python() -> String {
    std::env::var("FOREBAY_TEST_PYTHON").expect("FOREBAY_TEST_PYTHON is not set: run the tests through `make test`, or point it at a Python with deltalake, duckdb and polars")
}

/// A script beside the workspace.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts").join(name)
}

/// Runs a script and answers its standard output; panics with what it said when it fails.
#[track_caller]
pub fn run_script(name: &str, args: &[&str]) -> String {
    let out = Command::new(python()).arg(script(name)).args(args).output().expect("the script starts");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{name} {args:?} failed:\n{said}\n{}", String::from_utf8_lossy(&out.stderr));
    said
}

/// An S3 endpoint with a bucket of this test's own.
pub struct Bucket {
    pub endpoint: String,
    pub access_key: String,
    pub secret_key: String,
    pub name: String,
    pub store: AmazonS3,
    playground: Option<forebay_playground::Running>,
    _dir: Option<tempfile::TempDir>,
}

impl Bucket {
    /// On the server that `make test` started, where there is one; on the playground's endpoint otherwise.
    pub async fn seaweed(name: &str) -> Bucket {
        let var = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| {
                panic!("{name} is not set: run the tests through `make test`, which starts an S3 server")
            })
        };
        let endpoint = var("FOREBAY_TEST_S3_ENDPOINT");
        let (access_key, secret_key) = (var("FOREBAY_TEST_S3_ACCESS_KEY"), var("FOREBAY_TEST_S3_SECRET_KEY"));
        let name = format!("{name}-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        Bucket::at(endpoint, access_key, secret_key, name, None, None).await
    }

    /// On an endpoint of the playground that lives as long as this value.
    pub async fn playground(name: &str) -> Bucket {
        let dir = tempfile::tempdir().unwrap();
        let config = forebay_playground::PlaygroundConfig::new(dir.path());
        let running = forebay_playground::Playground::start(config).await.unwrap();
        let (endpoint, access, secret) = (running.url(), running.access_key.clone(), running.secret_key.clone());
        Bucket::at(endpoint, access, secret, name.to_string(), Some(running), Some(dir)).await
    }

    async fn at(
        endpoint: String,
        access_key: String,
        secret_key: String,
        name: String,
        playground: Option<forebay_playground::Running>,
        dir: Option<tempfile::TempDir>,
    ) -> Bucket {
        let builder = AmazonS3Builder::new().with_endpoint(&endpoint).with_allow_http(true).with_region("us-east-1");
        let store = builder
            .with_access_key_id(&access_key)
            .with_secret_access_key(&secret_key)
            .with_bucket_name(&name)
            .build()
            .unwrap();
        let bucket = Bucket { endpoint, access_key, secret_key, name, store, playground, _dir: dir };
        bucket.create().await;
        bucket
    }

    /// Makes the bucket: object_store has no call for it, curl signs one.
    async fn create(&self) {
        let url = format!("{}/{}", self.endpoint, self.name);
        let user = format!("{}:{}", self.access_key, self.secret_key);
        let args = [
            "-sS",
            "--fail-with-body",
            "-X",
            "PUT",
            "--aws-sigv4",
            "aws:amz:us-east-1:s3",
            "-H",
            "x-amz-content-sha256: UNSIGNED-PAYLOAD",
            "--user",
            &user,
            &url,
        ];
        let out = tokio::process::Command::new("curl").args(args).output().await.expect("curl starts");
        assert!(
            out.status.success(),
            "the bucket could not be made: {}{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
    }

    /// Puts one object.
    pub async fn put(&self, key: &str, bytes: impl Into<bytes::Bytes>) {
        let bytes: bytes::Bytes = bytes.into();
        self.store.put(&Key::from(key), bytes.into()).await.unwrap();
    }

    /// Puts every file of a folder below a prefix.
    pub async fn put_folder(&self, folder: &Path, prefix: &str) {
        let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
        files.sort();
        for file in files {
            let name = file.file_name().unwrap().to_str().unwrap();
            self.put(&format!("{prefix}/{name}"), std::fs::read(&file).unwrap()).await;
        }
    }

    /// Puts objects under keys that no path type can hold: they are the store's raw strings.
    pub async fn put_raw(&self, objects: &[(String, Vec<u8>)]) {
        if let Some(running) = &self.playground {
            for (key, bytes) in objects {
                running.folder().put(&self.name, key, bytes, chrono::Utc::now()).unwrap();
            }
            return;
        }
        let list: Vec<Value> =
            objects.iter().map(|(key, bytes)| json!([key, String::from_utf8_lossy(bytes)])).collect();
        let work = tempfile::tempdir().unwrap();
        let file = work.path().join("objects.json");
        std::fs::write(&file, Value::Array(list).to_string()).unwrap();
        let mut command = tokio::process::Command::new(python());
        command.args(["-c", PUT_RAW, &self.endpoint, &self.access_key, &self.secret_key, &self.name]).arg(&file);
        let out = command.output().await.expect("python starts");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    /// The playground's endpoint, where the bucket is on one.
    pub fn running(&self) -> &forebay_playground::Running {
        self.playground.as_ref().expect("this bucket is not on the playground")
    }

    /// `auth.params` of a connection to this bucket.
    pub fn params(&self) -> Value {
        json!({ "s3AccessKey": self.access_key, "s3SecretKey": self.secret_key, "serviceUrl": self.endpoint, "bucketName": self.name })
    }

    /// Ends the endpoint, if it is this value's own.
    pub async fn end(self) {
        if let Some(running) = self.playground {
            running.shutdown().await;
        }
    }
}

/// `forebay serve` in a process of its own.
pub struct Forebay {
    pub data: PathBuf,
    pub url: String,
    pub credentials: Value,
    pub token: String,
    child: Option<Child>,
    env: Vec<(String, String)>,
    http: reqwest::Client,
    pub database: Arc<Database>,
    dir: Arc<tempfile::TempDir>,
}

impl Forebay {
    /// Starts a server over an empty folder.
    pub async fn start() -> Forebay {
        Forebay::start_with(&[]).await
    }

    /// Starts a server with more of an environment.
    pub async fn start_with(env: &[(&str, &str)]) -> Forebay {
        Forebay::prepared(env, Database::new(), |_| ()).await
    }

    /// Starts a server over a database and what `prepare` leaves in its folder.
    pub async fn prepared(env: &[(&str, &str)], database: Database, prepare: impl FnOnce(&Forebay)) -> Forebay {
        let dir = tempfile::tempdir().unwrap();
        let env = env.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let mut forebay = Forebay::of(env, Arc::new(database), Arc::new(dir));
        prepare(&forebay);
        forebay.resume().await;
        forebay
    }

    /// Starts another process over the same folder and database.
    pub async fn beside(&self) -> Forebay {
        let mut forebay = Forebay::of(self.env.clone(), self.database.clone(), self.dir.clone());
        forebay.resume().await;
        forebay
    }

    fn of(env: Vec<(String, String)>, database: Arc<Database>, dir: Arc<tempfile::TempDir>) -> Forebay {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Forebay {
            data: dir.path().join("data"),
            url: format!("http://127.0.0.1:{port}"),
            credentials: Value::Null,
            token: String::new(),
            child: None,
            env,
            http: reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap(),
            database,
            dir,
        }
    }

    /// Runs the program with the server's folder and database; answers whether it succeeded and what it said.
    pub fn program(&self, args: &[&str]) -> (bool, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
        command.args(args).arg("--data").arg(&self.data);
        if self.database.is_served() {
            command.env("FOREBAY_DATABASE_URL", self.database.url());
        }
        let out = command.output().unwrap();
        let said = [out.stdout, out.stderr].concat();
        (out.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Starts the server again over the same folder, and waits until it answers.
    pub async fn resume(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.data.with_extension("log")).unwrap();
        let listen = self.url.trim_start_matches("http://");
        let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
        command.args(["serve", "--listen", listen, "--data"]).arg(&self.data);
        command
            .env("FOREBAY_EGRESS_ALLOW", "127.0.0.0/8,::1/128")
            .env("FOREBAY_RUN_TICK_MS", "50")
            .envs(self.env.iter().cloned());
        if self.database.is_served() {
            command.env("FOREBAY_DATABASE_URL", self.database.url());
        }
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let began = Instant::now();
        loop {
            if let Ok(answer) = self.http.get(format!("{}/health", self.url)).send().await
                && answer.status().is_success()
            {
                break;
            }
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(
                ended.is_none() && began.elapsed() < PATIENCE,
                "the server does not come up ({ended:?}):\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.credentials = serde_json::from_slice(&std::fs::read(self.data.join("credentials.json")).unwrap()).unwrap();
        self.sign_in().await;
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// The most memory that the server has had so far, in MiB.
    pub fn peak(&self) -> u64 {
        let process = self.child.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says it");
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() / 1024
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.data.with_extension("log")).unwrap_or_default()
    }

    async fn sign_in(&mut self) {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", self.credentials["clientId"].as_str().unwrap()),
            ("client_secret", self.credentials["clientSecret"].as_str().unwrap()),
            ("scope", "openid"),
        ];
        let answer = self.http.post(format!("{}/ims/token/v3", self.url)).form(&form).send().await.unwrap();
        let body: Value = answer.json().await.unwrap();
        self.token = body["access_token"].as_str().unwrap_or_else(|| panic!("no token: {body}")).to_string();
    }

    /// One call with all headers; answers status and body.
    pub async fn call(&self, method: &str, path: &str, body: Option<Value>, headers: &[(&str, &str)]) -> (u16, Value) {
        let method: reqwest::Method = method.parse().unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token);
        for (header, member) in
            [("x-api-key", "apiKey"), ("x-gw-ims-org-id", "imsOrgId"), ("x-sandbox-name", "sandbox")]
        {
            request = request.header(header, self.credentials[member].as_str().unwrap());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let bytes = answer.bytes().await.unwrap();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        (status, body)
    }

    /// A call that must succeed.
    #[track_caller]
    fn good(path: &str, (status, body): (u16, Value)) -> Value {
        assert!((200..300).contains(&status), "{path} → {status} {body}");
        body
    }

    pub async fn get(&self, path: &str) -> Value {
        Forebay::good(path, self.call("GET", path, None, &[]).await)
    }

    pub async fn post(&self, path: &str, body: Value) -> Value {
        Forebay::good(path, self.call("POST", path, Some(body), &[]).await)
    }

    /// Changes a resource under its current etag.
    pub async fn patch(&self, path: &str, body: Value) -> Value {
        let item = self.get(path).await;
        let etag = item["items"][0]["etag"].as_str().unwrap().to_string();
        Forebay::good(path, self.call("PATCH", path, Some(body), &[("if-match", &etag)]).await)
    }

    /// A connection to a bucket.
    pub async fn connect(&self, bucket: &Bucket) -> String {
        self.connect_by(bucket.params()).await
    }

    /// A connection by `auth.params`.
    pub async fn connect_by(&self, params: Value) -> String {
        let body = json!({ "name": "bucket", "auth": { "specName": "Access Key", "params": params }, "connectionSpec": { "id": S3, "version": "1.0" } });
        id(&self.post(&format!("{FLOW}/connections"), body).await)
    }

    /// A schema of people with typed fields of the tenant's own beside it; answers (`$id`, tenant).
    pub async fn people_schema(&self) -> (String, String) {
        let stats = self.get("/data/foundation/schemaregistry/stats").await;
        let tenant = stats["tenantId"].as_str().unwrap().trim_start_matches('_').to_string();
        let fields = json!({ "visits": { "type": "integer", "meta:xdmType": "long" }, "score": { "type": "number" },
            "active": { "type": "boolean" }, "note": { "type": "string" } });
        let mut properties = json!({});
        properties[format!("_{tenant}")] = json!({ "type": "object", "properties": fields });
        let group = json!({ "type": "object", "title": "Test fields", "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
            "definitions": { "own": { "type": "object", "properties": properties } }, "allOf": [{ "$ref": "#/definitions/own" }] });
        let group = self.post("/data/foundation/schemaregistry/tenant/fieldgroups", group).await;
        let reference = |id: &str| json!({ "$ref": id });
        let schema = json!({ "type": "object", "title": format!("People {}", uuid::Uuid::new_v4()), "allOf": [
            reference("https://ns.adobe.com/xdm/context/profile"), reference("https://ns.adobe.com/xdm/context/profile-person-details"),
            reference("https://ns.adobe.com/xdm/context/profile-personal-details"), reference(group["$id"].as_str().unwrap())] });
        let schema = self.post("/data/foundation/schemaregistry/tenant/schemas", schema).await;
        (schema["$id"].as_str().unwrap().to_string(), tenant)
    }

    pub async fn dataset(&self, schema: &str) -> String {
        let body = json!({ "name": "people", "schemaRef": { "id": schema, "contentType": FULL } });
        let answer = self.post("/data/foundation/catalog/dataSets", body).await;
        answer[0].as_str().unwrap().trim_start_matches("@/dataSets/").to_string()
    }

    /// A flow from a folder of a bucket into a new dataset, by `rules`; answers what it is made of.
    pub async fn flow(&self, spec: FlowSpec<'_>) -> Made {
        self.flow_of(spec, true).await
    }

    /// A flow over one level of a folder, or over all of it.
    pub async fn flow_of(&self, spec: FlowSpec<'_>, recursive: bool) -> Made {
        let dataset = self.dataset(spec.schema).await;
        let mut data = json!({ "format": spec.format });
        data["properties"] = spec.properties.clone();
        let base = self.get(&format!("{FLOW}/connections/{}", spec.base)).await;
        let source = json!({ "name": "files", "baseConnectionId": spec.base, "connectionSpec": base["items"][0]["connectionSpec"], "data": data,
            "params": { "path": spec.path, "type": spec.kind, "recursive": recursive } });
        let source = id(&self.post(&format!("{FLOW}/sourceConnections"), source).await);
        let target = json!({ "name": "lake", "connectionSpec": { "id": LAKE, "version": "1.0" },
            "data": { "schema": { "id": spec.schema, "version": FULL } }, "params": { "dataSetId": dataset } });
        let target = id(&self.post(&format!("{FLOW}/targetConnections"), target).await);
        let set = json!({ "outputSchema": { "schemaRef": { "id": spec.schema, "contentType": FULL } }, "mappings": spec.rules });
        let set = id(&self.post("/data/foundation/conversion/mappingSets", set).await);
        let mut flow = json!({ "name": "flow", "flowSpec": { "id": "9753525b-82c7-4dce-8a9b-5ccfce2b9876", "version": "1.0" },
            "sourceConnectionIds": [source], "targetConnectionIds": [target],
            "transformations": [{ "name": "Mapping", "params": { "mappingId": set, "mappingVersion": 0 } }],
            "scheduleParams": { "startTime": chrono::Utc::now().timestamp(), "frequency": "once" } });
        if !spec.options.is_null() {
            flow["options"] = spec.options.clone();
        }
        let flow = id(&self.post(&format!("{FLOW}/flows"), flow).await);
        let sandboxes = self.get(&format!("{FLOW}/flows/{flow}")).await;
        let sandbox = sandboxes["items"][0]["sandboxId"].as_str().unwrap();
        let table = self.data.join("lake/tables").join(sandbox).join(&dataset);
        Made { flow, target, dataset, table }
    }

    /// Starts a run now; answers its id.
    pub async fn run(&self, flow: &str) -> String {
        id(&self.post(&format!("{FLOW}/runs"), json!({ "flowId": flow })).await)
    }

    /// The runs of a flow, oldest first.
    pub async fn runs(&self, flow: &str) -> Vec<Value> {
        let list = self.get(&format!("{FLOW}/runs?property=flowId=={flow}&orderby=createdAt&limit=1000")).await;
        list["items"].as_array().unwrap().clone()
    }

    /// Waits until no run of the flow is open; answers the runs, oldest first.
    pub async fn settled(&self, flow: &str) -> Vec<Value> {
        let began = Instant::now();
        loop {
            let runs = self.runs(flow).await;
            if !runs.is_empty() && runs.iter().all(|r| r["state"] == "success" || r["state"] == "failed") {
                return runs;
            }
            assert!(began.elapsed() < PATIENCE, "the runs do not end: {runs:#?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }
}

impl Drop for Forebay {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().ok();
            child.wait().ok();
        }
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("--- the server's last words\n{}", tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
        }
    }
}

/// What a flow of a test is made from.
pub struct FlowSpec<'a> {
    pub base: &'a str,
    pub path: &'a str,
    pub kind: &'a str,
    pub format: &'a str,
    pub properties: Value,
    pub schema: &'a str,
    pub rules: Value,
    pub options: Value,
}

/// What was made.
pub struct Made {
    pub flow: String,
    pub target: String,
    pub dataset: String,
    pub table: PathBuf,
}

/// The values of a table's column at a dotted path, sorted, as a reader that is not ours has them.
#[track_caller]
pub fn column(table: &Path, path: &str) -> Vec<Value> {
    let rows = run_script("oracle.py", &["rows", &table.display().to_string(), "--key", path]);
    let pointer = format!("/{}", path.replace('.', "/"));
    rows.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap().pointer(&pointer).cloned().unwrap_or_default())
        .collect()
}

/// Text as a value of a query.
pub fn encoded(text: &str) -> String {
    text.bytes()
        .map(|b| if b.is_ascii_alphanumeric() { (b as char).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// The `id` of an answer.
#[track_caller]
pub fn id(answer: &Value) -> String {
    answer["id"].as_str().unwrap_or_else(|| panic!("no id: {answer}")).to_string()
}

/// The counts of a run: (input, output, failed, skipped); FS-RUN-1 holds or the test fails.
#[track_caller]
pub fn counts(run: &Value) -> (u64, u64, u64, u64) {
    let summary = &run["metrics"]["recordSummary"];
    let count = |name: &str| summary[name].as_u64().unwrap_or_else(|| panic!("no {name}: {run:#}"));
    let skipped = summary["skippedRecordCount"].as_u64().unwrap_or(0);
    let counts = (count("inputRecordCount"), count("outputRecordCount"), count("failedRecordCount"), skipped);
    assert_eq!(counts.0, counts.1 + counts.2 + counts.3, "FS-RUN-1: {run:#}");
    counts
}
