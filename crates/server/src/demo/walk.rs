//! `forebay demo --exit`: walks the public API over HTTP alone, as a stranger with the tutorial would: from a token to rows
//! in a table.

use super::client::{Answer, Client, text};
use super::control::Control;
use crate::config::Config;
use crate::{Demo, Output, serve};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

mod hubspot;

const FLOW: &str = "/data/foundation/flowservice";
const S3: &str = "ecadc60c-7455-4d87-84dc-2a0e293d997b";
const LAKE: &str = "c604ff05-7f1a-43c0-8e18-33bf874cb11c";
const FULL: &str = "application/vnd.adobe.xed-full+json;version=1";
/// The run of the demo takes seconds; this is for slow machines.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Walk {
    client: Client,
    output: Output,
    steps: Vec<Value>,
}

/// What the walk ended with.
struct Landed {
    run: Value,
    rows: Vec<Value>,
    table: String,
    failed: Vec<Value>,
}

impl Walk {
    /// Walks to the end.
    pub async fn run(args: &Demo, config: &Config, platform: &serve::Running, control: &Control) -> Result<(), String> {
        let began = Instant::now();
        let client = Client::new(&platform.url(), &platform.credentials())?;
        let mut walk = Walk { client, output: args.output, steps: Vec::new() };
        let landed = walk.everything(&control.about_s3(), &control.about_hubspot(), config).await;
        if let Err(e) = &landed {
            walk.fail(e);
        }
        walk.end(&landed?, platform, [&control.s3_url(), &control.hubspot_url()], began.elapsed());
        Ok(())
    }

    /// Files of a bucket, then contacts of an account.
    async fn everything(&mut self, s3: &Value, account: &Value, config: &Config) -> Result<[Landed; 2], String> {
        self.sign_in().await?;
        Ok([self.files(s3, config).await?, self.contacts(account, config).await?])
    }

    /// platform.md §8.1, step by step.
    async fn files(&mut self, s3: &Value, config: &Config) -> Result<Landed, String> {
        let sandboxes = self.get("See the sandboxes", "/data/foundation/sandbox-management/").await?;
        self.say(format!("sandbox {}", text(&sandboxes, "/sandboxes/0/name")));
        let spec = self.get("Look S3 up", &format!("{FLOW}/connectionSpecs?property=name==\"amazon-s3\"")).await?;
        self.say(format!("{} signs in with {}", text(&spec, "/items/0/id"), text(&spec, "/items/0/authSpec/0/name")));
        let base = self.connect(s3).await?;
        self.explore(&base).await?;
        let source = self.source(&base).await?;
        let schema = self.schema("People").await?;
        let dataset = self.dataset("People", &schema).await?;
        let target = self.target("People in the lake", &schema, &dataset).await?;
        let mapping = self.mapping(&schema, &people()).await?;
        let transformations = json!([{ "name": "Mapping", "params": { "mappingId": mapping, "mappingVersion": 0 } }]);
        let flow = self.flow("people, once", "CloudStorageToAEP", [&source, &target], transformations).await?;
        let landed = self.land(&flow, &dataset, config).await?;
        self.manage(&flow).await?;
        Ok(landed)
    }

    /// Waits for a flow's run, and looks at what came of it.
    async fn land(&mut self, flow: &str, dataset: &str, config: &Config) -> Result<Landed, String> {
        let run = self.watch(flow).await?;
        let failed = self.accounts(&run).await?;
        let preview =
            self.get("Read the rows back", &format!("/data/foundation/export/datasets/{dataset}/preview")).await?;
        let rows = preview.get("data").unwrap_or(&preview).as_array().cloned().unwrap_or_default();
        self.say(format!("{} rows shown", rows.len()));
        let sandbox = text(&run, "/sandboxId");
        let table = config.server.data.join("lake/tables").join(sandbox).join(dataset);
        let table =
            std::fs::canonicalize(&table).map_err(|e| format!("the table is not at {}: {e}", table.display()))?;
        Ok(Landed { run, rows, table: table.display().to_string(), failed })
    }

    async fn sign_in(&mut self) -> Result<(), String> {
        let answer = self.client.sign_in().await?;
        self.step("Get a token", "POST /ims/token/v3", &answer);
        if !answer.status.is_success() {
            return Err(format!("no token was given: {} {}", answer.status, answer.body));
        }
        self.say(format!("a bearer token for {} s", answer.body["expires_in"]));
        Ok(())
    }

    async fn connect(&mut self, s3: &Value) -> Result<String, String> {
        let body = json!({ "name": "Playground S3", "description": "The demo's local bucket",
            "auth": { "specName": "Access Key", "params": { "s3AccessKey": s3["accessKeyId"], "s3SecretKey": s3["secretAccessKey"],
                "serviceUrl": s3["endpoint"], "bucketName": s3["bucket"] } },
            "connectionSpec": { "id": S3, "version": "1.0" } });
        let base = self.post("Create the connection", &format!("{FLOW}/connections"), body).await?;
        let base = text(&base, "/id");
        self.say(format!("connection {base}"));
        let test = self.get("Test it", &format!("{FLOW}/connections/{base}/test")).await?;
        if test["result"] != json!(true) {
            return Err(format!("the connection's test said {test}"));
        }
        self.say("the source answers".into());
        Ok(base)
    }

    async fn explore(&mut self, base: &str) -> Result<(), String> {
        let explore = format!("{FLOW}/connections/{base}/explore");
        let root = self.get("Explore the root", &format!("{explore}?objectType=root")).await?;
        self.say(names(&root));
        let folder = self.get("Explore a folder", &format!("{explore}?objectType=folder&object=/in")).await?;
        self.say(names(&folder));
        let file = self
            .get(
                "Preview a file",
                &format!("{explore}?objectType=file&object=/in/people.csv&fileType=delimited&preview=true"),
            )
            .await?;
        let columns = file["schema"]["columns"].as_array().map_or(0, Vec::len);
        self.say(format!("{columns} columns, {} rows shown", file["data"].as_array().map_or(0, Vec::len)));
        Ok(())
    }

    async fn source(&mut self, base: &str) -> Result<String, String> {
        let body = json!({ "name": "people files", "baseConnectionId": base, "connectionSpec": { "id": S3, "version": "1.0" },
            "data": { "format": "delimited", "properties": { "columnDelimiter": "," } },
            "params": { "path": "/in/people.csv", "type": "file", "recursive": false } });
        let source = self.post("Say which data", &format!("{FLOW}/sourceConnections"), body).await?;
        self.say(format!("source connection {}", text(&source, "/id")));
        Ok(text(&source, "/id"))
    }

    async fn schema(&mut self, title: &str) -> Result<String, String> {
        let stats = self.get("Ask for the tenant", "/data/foundation/schemaregistry/stats").await?;
        self.say(format!("tenant {}", text(&stats, "/tenantId")));
        let reference = |name: &str| json!({ "$ref": format!("https://ns.adobe.com/xdm/context/{name}") });
        let body = json!({ "type": "object", "title": title, "description": format!("{title} of the demo"),
            "allOf": [reference("profile"), reference("profile-person-details"), reference("profile-personal-details")] });
        let schema = self.post("Create a schema", "/data/foundation/schemaregistry/tenant/schemas", body).await?;
        let schema = text(&schema, "/$id");
        self.say(schema.clone());
        Ok(schema)
    }

    async fn dataset(&mut self, name: &str, schema: &str) -> Result<String, String> {
        let body = json!({ "name": name, "schemaRef": { "id": schema, "contentType": FULL } });
        let dataset =
            self.post("Create a dataset", "/data/foundation/catalog/dataSets?requestDataSource=true", body).await?;
        let dataset = text(&dataset, "/0").trim_start_matches("@/dataSets/").to_string();
        self.say(format!("dataset {dataset}"));
        Ok(dataset)
    }

    async fn target(&mut self, name: &str, schema: &str, dataset: &str) -> Result<String, String> {
        let body = json!({ "name": name, "connectionSpec": { "id": LAKE, "version": "1.0" },
            "data": { "format": "parquet_xdm", "schema": { "id": schema, "version": FULL } }, "params": { "dataSetId": dataset } });
        let target = self.post("Say where it goes", &format!("{FLOW}/targetConnections"), body).await?;
        self.say(format!("target connection {}", text(&target, "/id")));
        Ok(text(&target, "/id"))
    }

    async fn mapping(&mut self, schema: &str, rules: &[Value]) -> Result<String, String> {
        let body = json!({ "outputSchema": { "schemaRef": { "id": schema, "contentType": FULL } }, "mappings": rules });
        let set = self.post("Map the columns", "/data/foundation/conversion/mappingSets", body).await?;
        self.say(format!("mapping set {}", text(&set, "/id")));
        Ok(text(&set, "/id"))
    }

    async fn flow(
        &mut self,
        name: &str,
        spec: &str,
        [source, target]: [&str; 2],
        transformations: Value,
    ) -> Result<String, String> {
        let spec = self.get("Look the flow spec up", &format!("{FLOW}/flowSpecs?property=name=={spec}")).await?;
        let spec = text(&spec, "/items/0/id");
        self.say(spec.clone());
        let body = json!({ "name": name, "flowSpec": { "id": spec, "version": "1.0" },
            "sourceConnectionIds": [source], "targetConnectionIds": [target],
            "transformations": transformations,
            "scheduleParams": { "startTime": chrono::Utc::now().timestamp().to_string(), "frequency": "once", "interval": "15" },
            "options": { "errorDiagnosticsEnabled": true, "partialIngestionPercent": 5 } });
        let flow = self.post("Create the flow", &format!("{FLOW}/flows"), body).await?;
        self.say(format!("flow {}", text(&flow, "/id")));
        Ok(text(&flow, "/id"))
    }

    /// Waits for the flow's run to end.
    async fn watch(&mut self, flow: &str) -> Result<Value, String> {
        let path = format!("{FLOW}/runs?property=flowId=={flow}");
        let began = Instant::now();
        loop {
            let answer = Client::receive(self.client.request(Method::GET, &path)).await?;
            let run = answer.body["items"][0].clone();
            let status = text(&run, "/metrics/statusSummary/status");
            if self.output == Output::Text && std::io::stdout().is_terminal() {
                let records = &run["metrics"]["recordSummary"]["inputRecordCount"];
                print!(
                    "\r\x1b[2K      … {} {}",
                    if status.is_empty() { "waiting" } else { &status },
                    if records.is_null() { String::new() } else { format!("{records} records") }
                );
                std::io::stdout().flush().ok();
            }
            if status == "success" || status == "failed" || began.elapsed() > PATIENCE {
                if self.output == Output::Text && std::io::stdout().is_terminal() {
                    print!("\r\x1b[2K");
                }
                self.step("Watch the run", &format!("GET {path}"), &answer);
                self.say(format!("{status}: {}", run["metrics"]["recordSummary"]));
                return if status == "success" {
                    Ok(run)
                } else {
                    Err(format!("the run is {status}: {}", run["activities"]))
                };
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The batch agrees with the run; the failed rows are at hand.
    async fn accounts(&mut self, run: &Value) -> Result<Vec<Value>, String> {
        let promotion = run["activities"]
            .as_array()
            .and_then(|a| a.iter().find(|a| a["id"] == "promotionActivity"))
            .cloned()
            .unwrap_or_default();
        let batch = text(&promotion, "/targetInfo/0/reference/ids/0");
        let value = self.get("Look at the batch", &format!("/data/foundation/catalog/batches/{batch}")).await?;
        let metrics = &value[&batch]["metrics"];
        let summary = &run["metrics"]["recordSummary"];
        if metrics["outputRecordCount"] != summary["outputRecordCount"] {
            return Err(format!("the batch says {metrics} and the run {summary}"));
        }
        self.say(format!("{} {metrics}", text(&value[&batch], "/status")));
        let meta = format!("/data/foundation/export/batches/{batch}/meta?path=");
        let files = self.get("See what was read", &format!("{meta}input_files")).await?;
        self.say(format!("{} list of input files", files["data"].as_array().map_or(0, Vec::len)));
        let some = |name: &str| summary[name].as_u64().unwrap_or(0) > 0;
        if !some("failedRecordCount") && !some("warningRecordCount") {
            return Ok(Vec::new());
        }
        let samples = self.get("See what failed", &format!("{meta}row_error_samples.json")).await?;
        let rows = samples.as_array().cloned().unwrap_or_default();
        if let Some(row) = rows.first() {
            self.say(format!("{} line {}: {}", text(row, "/_filename"), row["_line"], text(row, "/_errors/0/message")));
        }
        Ok(rows)
    }

    async fn manage(&mut self, flow: &str) -> Result<(), String> {
        let path = format!("{FLOW}/flows/{flow}");
        let item = self.get("Read the flow", &path).await?;
        let etag = text(&item, "/items/0/etag");
        self.say(format!("etag {etag}"));
        let patch = json!([{ "op": "replace", "path": "/name", "value": "people of the demo" }]);
        let request = |walk: &Walk| walk.client.request(Method::PATCH, &path).header("if-match", &etag).json(&patch);
        let changed = self.send("Rename it", &format!("PATCH {path}"), request(self)).await?;
        self.say(format!("etag {}", text(&changed.body, "/etag")));
        let stale = Client::receive(request(self)).await?;
        if stale.status != StatusCode::PRECONDITION_FAILED {
            return Err(format!("a stale etag was answered {}", stale.status));
        }
        self.step("Rename it with the old etag", &format!("PATCH {path}"), &stale);
        self.say("refused, as it must be".into());
        Ok(())
    }

    async fn get(&mut self, title: &str, path: &str) -> Result<Value, String> {
        let request = self.client.request(Method::GET, path);
        Ok(self.send(title, &format!("GET {path}"), request).await?.body)
    }

    async fn post(&mut self, title: &str, path: &str, body: Value) -> Result<Value, String> {
        let request = self.client.request(Method::POST, path).json(&body);
        Ok(self.send(title, &format!("POST {path}"), request).await?.body)
    }

    async fn send(&mut self, title: &str, what: &str, request: reqwest::RequestBuilder) -> Result<Answer, String> {
        let answer = Client::receive(request).await?;
        self.step(title, what, &answer);
        if !answer.status.is_success() {
            return Err(format!("{what} was answered {}: {}", answer.status, answer.body));
        }
        Ok(answer)
    }

    fn step(&mut self, title: &str, what: &str, answer: &Answer) {
        let mut step =
            json!({ "step": self.steps.len() + 1, "title": title, "request": what, "status": answer.status.as_u16() });
        if let Some(etag) = &answer.etag {
            step["etag"] = json!(etag);
        }
        self.steps.push(step);
        if self.output == Output::Text {
            println!("{:>3}  {title:<28} {} {}", self.steps.len(), answer.status.as_u16(), short(what));
        }
    }

    fn say(&mut self, what: String) {
        if self.output == Output::Text {
            println!("     {:<28}   {what}", "");
        }
        if let Some(step) = self.steps.last_mut() {
            step["result"] = json!(what);
        }
    }

    fn fail(&self, error: &str) {
        if self.output == Output::Json {
            println!("{}", json!({ "steps": self.steps, "error": error }));
        }
    }

    fn end(&self, [people, contacts]: &[Landed; 2], platform: &serve::Running, places: [&str; 2], took: Duration) {
        if self.output == Output::Json {
            let mut told = people.json();
            told["steps"] = json!(self.steps);
            told["contacts"] = contacts.json();
            told["url"] = json!(platform.url());
            told["s3"] = json!(places[0]);
            told["hubspot"] = json!(places[1]);
            told["seconds"] = json!(took.as_secs_f64());
            println!("{told}");
            return;
        }
        people.show("People, from a file on S3");
        contacts.show("Contacts, from HubSpot");
        println!("Done in {:.1} s.", took.as_secs_f64());
    }
}

impl Landed {
    /// How to look at the table with another program.
    fn open(&self) -> String {
        format!("duckdb -c \"INSTALL delta; LOAD delta; FROM delta_scan('{}') LIMIT 10\"", self.table)
    }

    fn json(&self) -> Value {
        json!({ "counts": self.run["metrics"]["recordSummary"], "rows": self.rows, "failedRows": self.failed,
            "table": self.table, "open": self.open() })
    }

    fn show(&self, title: &str) {
        let summary = &self.run["metrics"]["recordSummary"];
        let count = |name: &str| summary[name].as_u64().unwrap_or(0);
        let (input, output, failed, skipped) = (
            count("inputRecordCount"),
            count("outputRecordCount"),
            count("failedRecordCount"),
            count("skippedRecordCount"),
        );
        println!("\n{title}: {input} received = {output} ingested + {failed} failed + {skipped} skipped\n");
        for row in self.rows.iter().take(5) {
            println!("  {row}");
        }
        println!("\nOpen the table:\n  {}\n", self.open());
    }
}

/// A rule of a mapping set.
fn rule(kind: &str, source: &str, destination: &str) -> Value {
    json!({ "sourceType": kind, "source": source, "destination": destination })
}

/// How the columns of the people become fields.
fn people() -> Vec<Value> {
    vec![
        rule("ATTRIBUTE", "id", "_id"),
        rule("ATTRIBUTE", "firstName", "person.name.firstName"),
        rule("ATTRIBUTE", "lastName", "person.name.lastName"),
        rule("EXPRESSION", "concat(firstName, \" \", lastName)", "person.name.fullName"),
        rule("ATTRIBUTE", "birthDate", "person.birthDate"),
        rule("EXPRESSION", "lower(email)", "personalEmail.address"),
        rule("ATTRIBUTE", "createdAt", "_repo.createDate"),
    ]
}

fn names(entries: &Value) -> String {
    let paths: Vec<&str> = entries.as_array().into_iter().flatten().filter_map(|e| e["path"].as_str()).collect();
    paths.join("  ")
}

/// The request on one line of a terminal.
fn short(what: &str) -> String {
    what.replace("/data/foundation", "…")
}
