//! Whole runs of a worker: a store over a database of its own, a lake, the playground as the source, and a clock that the
//! test turns.

mod batches;
mod cancels;
mod crashes;
mod faulty;
mod logs;
mod schedules;
mod table_crashes;
mod tables;
mod upserts;

use crate::database::Database;
use forebay_ingest::vault::StoreVault;
use forebay_ingest::worker::{Settings, Worker};
use forebay_lake::{Lake, layout};
use forebay_model::{Resource, Scope, Time};
use forebay_playground::{Playground, PlaygroundConfig, Running};
use forebay_sources::{Accounts, Gate, Places};
use forebay_store::{Keys, List, New, Store};
use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use url::Url;

const S3: &str = "ecadc60c-7455-4d87-84dc-2a0e293d997b";
const SCHEMA: &str = "https://ns.adobe.com/acme/schemas/people";
const BUCKET: &str = "data";
const LEASE: Duration = Duration::from_secs(3_600);
const PATIENCE: Duration = Duration::from_secs(60);

/// The clock of this process: nextest runs one test in it.
static NOW: AtomicI64 = AtomicI64::new(1_750_000_000);

fn now() -> Time {
    Time::from_timestamp(NOW.load(Ordering::SeqCst), 0).expect("in range")
}

fn advance(seconds: i64) {
    NOW.fetch_add(seconds, Ordering::SeqCst);
}

fn scope() -> Scope {
    Scope { org: "ACME@AdobeOrg".into(), sandbox: "prod".into(), sandbox_name: "prod".into() }
}

/// Everything that outlives a worker.
pub struct World {
    store: Store,
    memory: Arc<InMemory>,
    source: Running,
    database: Database,
}

impl World {
    async fn new() -> World {
        let database = Database::new();
        let store = open(&database.url()).await;
        let source = Playground::start(PlaygroundConfig::new(database.path("s3"))).await.unwrap();
        source.folder().create_bucket(BUCKET).unwrap();
        let world = World { store, memory: Arc::new(InMemory::new()), source, database };
        let schema = json!({ "$id": SCHEMA, "type": "object", "title": "People", "properties": {
            "id": { "type": "string" }, "n": { "type": "integer", "meta:xdmType": "long" } } });
        world.put(Resource::Schema, "schema", schema).await;
        world.connect("base", &world.source.url()).await;
        world
    }

    async fn put(&self, resource: Resource, id: &str, body: Value) {
        self.store.insert(&scope(), New::new(resource, id, body), now()).await.unwrap();
    }

    /// A connection to an address.
    async fn connect(&self, id: &str, url: &str) {
        let params = json!({ "s3AccessKey": self.source.access_key, "s3SecretKey": "********", "serviceUrl": url, "bucketName": BUCKET });
        let body = json!({ "name": id, "state": "enabled", "connectionSpec": { "id": S3, "version": "1.0" }, "auth": { "specName": "Access Key", "params": params } });
        let secret = SecretString::from(self.source.secret_key.clone());
        let new =
            New::new(Resource::Connection, id, body).secrets([("/auth/params/s3SecretKey".to_string(), secret)].into());
        self.store.insert(&scope(), new, now()).await.unwrap();
    }

    /// A flow from a folder of a connection into a dataset of its own, which has the flow's name.
    async fn flow(&self, id: &str, base: &str, schedule: Value) {
        self.put(Resource::Dataset, id, json!({ "name": id, "schemaRef": { "id": SCHEMA } })).await;
        self.put(Resource::SourceConnection, &format!("s-{id}"), json!({ "baseConnectionId": base, "connectionSpec": { "id": S3 },
            "data": { "format": "delimited" }, "params": { "path": format!("/{id}/"), "type": "folder", "recursive": true } })).await;
        self.put(Resource::TargetConnection, &format!("t-{id}"), json!({ "params": { "dataSetId": id } })).await;
        let body = json!({ "name": id, "state": "enabled", "createdBy": "u@AdobeID", "flowSpec": { "id": "f", "version": "1.0" },
            "sourceConnectionIds": [format!("s-{id}")], "targetConnectionIds": [format!("t-{id}")],
            "options": { "partialIngestionPercent": 50 }, "scheduleParams": schedule });
        self.put(Resource::Flow, id, body).await;
    }

    /// Puts a file with these ids; it is as old as the clock says.
    fn file(&self, key: &str, ids: &[&str]) {
        let rows: String = ids.iter().enumerate().map(|(n, id)| format!("{id},{n}\n")).collect();
        self.source.folder().put(BUCKET, key, format!("id,n\n{rows}").as_bytes(), now()).unwrap();
    }

    /// The lake, when nothing fails.
    fn lake(&self) -> Lake {
        lake(self.memory.clone())
    }

    fn worker(&self, name: &str, lake: Lake) -> Worker {
        let settings = Settings {
            name: name.into(),
            concurrency: 2,
            tasks: 2,
            memory: 64 << 20,
            spill: None,
            file_size: 64 << 20,
            attempts: 5,
            lease: LEASE,
            idle: Duration::from_secs(600),
            checkpoint: Duration::ZERO,
            overlap: 24 * 3_600_000,
            tick: Duration::from_millis(5),
            public_url: "http://localhost".into(),
        };
        let gate = Gate::new(vec!["127.0.0.0/8".parse().unwrap()]).unwrap();
        let vault = StoreVault { store: self.store.clone(), clock: now };
        let accounts = Accounts::new(gate, Arc::new(vault), Places::default());
        Worker { store: self.store.clone(), lake, accounts, settings: Arc::new(settings), columns: None, clock: now }
    }

    /// Starts a worker that lives as long as the test, or until the token says so.
    fn start(&self, name: &str) -> CancellationToken {
        let stop = CancellationToken::new();
        tokio::spawn(self.worker(name, self.lake()).run(stop.clone()));
        stop
    }

    /// The runs of a flow, oldest first.
    async fn runs(&self, flow: &str) -> Vec<Value> {
        let query = forebay_model::filter::parse(&[format!("flowId=={flow}")]).unwrap();
        let list = List { query, order: Vec::new(), limit: 1000, after: None };
        let page = self.store.list(&scope(), Resource::Run, &list).await.unwrap();
        page.documents.into_iter().rev().map(|d| d.body).collect()
    }

    /// What is due now is enqueued, once; then all runs of the flow have ended.
    async fn settled(&self, flow: &str) -> Vec<Value> {
        self.store.enqueue_due(now()).await.unwrap();
        let began = Instant::now();
        loop {
            let runs = self.runs(flow).await;
            if runs.iter().all(|r| r["state"] == "success" || r["state"] == "failed") {
                return runs;
            }
            assert!(began.elapsed() < PATIENCE, "the runs do not end: {runs:#?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The raw text of every rejected row that a run's diagnostics hold.
    async fn rejected(&self, run: &Value) -> Vec<String> {
        let batch = run["activities"][1]["targetInfo"][0]["reference"]["ids"][0].as_str().unwrap();
        let store = self.lake().store();
        let mut files = store.list(Some(&layout::row_errors("prod", batch).into()));
        let mut rows = Vec::new();
        while let Some(file) = files.try_next().await.unwrap() {
            let bytes = store.get(&file.location).await.unwrap().bytes().await.unwrap();
            rows.extend(std::str::from_utf8(&bytes).unwrap().lines().map(str::to_string));
        }
        rows
    }

    /// The ids in a dataset, sorted.
    async fn ids(&self, dataset: &str) -> Vec<String> {
        let rows = self.lake().table(&layout::table("prod", dataset)).rows(1_000_000).await.unwrap();
        let mut ids: Vec<String> = rows.iter().map(|r| r["id"].as_str().unwrap().to_string()).collect();
        ids.sort();
        ids
    }
}

async fn open(url: &str) -> Store {
    Store::open(url, Keys::from_bytes([7; 32])).await.unwrap()
}

/// A runtime that can be ended as a process can, with everything that runs in it.
struct Process(tokio::runtime::Runtime);

impl Process {
    /// A worker in a process of its own, which has its own connections to the store.
    fn start(world: &World, lake: Lake, stop: CancellationToken) -> Process {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (worker, url) = (world.worker("process", lake), world.database.url());
        runtime.spawn(async move { Worker { store: open(&url).await, ..worker }.run(stop).await });
        Process(runtime)
    }

    fn kill(self) {
        self.0.shutdown_background();
    }
}

fn lake(store: Arc<dyn object_store::ObjectStore>) -> Lake {
    Lake::new(store, Url::parse("memory:///lake/").unwrap()).unwrap()
}

/// (input, output, failed, skipped); FS-RUN-1 holds or the test fails.
#[track_caller]
fn counts(run: &Value) -> (u64, u64, u64, u64) {
    let summary = &run["metrics"]["recordSummary"];
    let count = |name: &str| summary[name].as_u64().unwrap_or(0);
    let counts = (
        count("inputRecordCount"),
        count("outputRecordCount"),
        count("failedRecordCount"),
        count("skippedRecordCount"),
    );
    assert_eq!(counts.0, counts.1 + counts.2 + counts.3, "FS-RUN-1: {run:#}");
    counts
}
