//! A world to test in: a store over a database of its own, an engine that answers from memory, a clock that stands still,
//! ids that count up, and two organizations, of which one has two sandboxes.

use crate::database::Database;
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use forebay_api::{
    App, Engine, Host, Issuer, IssuerSettings, Mapped, Sample, SampleColumn, Settings, Stored, TokenKey, Uploads,
    router,
};
use forebay_model::error::Kind;
use forebay_model::event::Finding;
use forebay_model::files::{FileOptions, Object};
use forebay_model::mapping::{MappingSet, Source};
use forebay_model::table::{TableCommit, TableRows, TableState};
use forebay_model::xdm::{FieldTree, Type};
use forebay_model::{Error, Resource, Result, Scope, Time, code};
use forebay_sources::{Accounts, Gate, Places, Remote};
use forebay_store::{Keys, Limits, New, Store};
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tower::ServiceExt;

pub const ORG: &str = "ACME@AdobeOrg";
pub const OTHER_ORG: &str = "RIVAL@AdobeOrg";
pub const CLIENT: &str = "acme-client";
pub const OTHER_CLIENT: &str = "rival-client";
pub const SECRET: &str = "acme-client-has-a-long-secret-of-its-own";
pub const S3: &str = "ecadc60c-7455-4d87-84dc-2a0e293d997b";
pub const DATALAKE: &str = "c604ff05-7f1a-43c0-8e18-33bf874cb11c";
pub const FLOW_SPEC: &str = "9753525b-82c7-4dce-8a9b-5ccfce2b9876";
pub const HUBSPOT: &str = "cc6a4487-9e91-433e-a3a3-9cf6626c1806";
pub const TABLES_FLOW_SPEC: &str = "14518937-270c-4525-bdec-c2ba7cce3860";
pub const FLOWS: &str = "/data/foundation/flowservice";
pub const XED: &str = "application/vnd.adobe.xed+json; version=1";

/// 2024-07-01T00:00:00Z, in milliseconds.
pub const START: i64 = 1_719_792_000_000;

/// Everything a test needs.
pub struct World {
    pub app: App,
    pub router: Router,
    pub lake: Arc<Memory>,
    clock: Arc<AtomicI64>,
    _database: Database,
}

/// What a test may choose.
#[derive(Default)]
pub struct Choices {
    pub strict: bool,
    /// Addresses that connections may reach.
    pub allow: Vec<&'static str>,
    /// Where the sources are that have an address of their own.
    pub places: Places,
    /// An issuer whose tokens are accepted beside our own.
    pub issuer: Option<IssuerSettings>,
}

impl World {
    pub async fn new() -> World {
        World::with(Choices::default()).await
    }

    pub async fn with(choices: Choices) -> World {
        let database = Database::new();
        let store = Store::open(&database.url(), Keys::from_bytes([7; 32])).await.unwrap();
        let clock = Arc::new(AtomicI64::new(START));
        let lake = Arc::new(Memory::default());
        let ids = AtomicU64::new(0);
        let now = clock.clone();
        let allow = choices.allow.iter().map(|net| net.parse().unwrap()).collect();
        let gate = Gate::new(allow).unwrap();
        let mut tokens = TokenKey::new(b"a key that only the tests know");
        if let Some(issuer) = choices.issuer {
            tokens = tokens.accepting(Issuer::new(issuer, gate.clone()));
        }
        let app = App {
            store,
            engine: lake.clone(),
            accounts: Accounts::new(gate, Arc::new(forebay_sources::Memory::default()), choices.places),
            clock: Arc::new(move || Time::from_timestamp_millis(now.load(Ordering::SeqCst)).unwrap()),
            random: Arc::new(move || {
                let id = u128::from(ids.fetch_add(1, Ordering::SeqCst) + 1);
                id << 96 | id
            }),
            settings: Arc::new(Settings {
                public_url: "http://forebay.test".into(),
                strict: choices.strict,
                uploads: Uploads { request: 1_000, batch: Limits { files: 3, bytes: 2_000, pieces: 4 } },
                demo: false,
                lake: "/srv/forebay/lake".into(),
            }),
            tokens,
            watchers: forebay_api::Watchers::default(),
            metrics: Arc::new(|| "forebay_up 1\n".into()),
            pages: None,
            demo: None,
        };
        let world = World { router: router(app.clone()), app, lake, clock, _database: database };
        world.settle(ORG, CLIENT, "acme", &["prod", "dev"]).await;
        world.settle(OTHER_ORG, OTHER_CLIENT, "rival", &["prod"]).await;
        world
    }

    async fn settle(&self, org: &str, client: &str, tenant: &str, sandboxes: &[&str]) {
        let scope = Scope::organization(org);
        let hash: String = Sha256::digest(SECRET.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        let body = json!({ "clientId": client, "tenantId": tenant, "secretHash": hash });
        self.put(&scope, Resource::Client, client, body).await;
        self.put(&scope, Resource::Role, "administrators", forebay_api::administrators(&[client])).await;
        for name in sandboxes {
            let body = json!({ "name": name, "title": name.to_uppercase(), "state": "active", "type": "production",
                "region": "VA7", "isDefault": *name == "prod", "eTag": 1, "createdBy": "a@AdobeID", "modifiedBy": "a@AdobeID" });
            self.put(&scope, Resource::Sandbox, &format!("{tenant}-{name}"), body).await;
        }
    }

    /// Stores a document past the API.
    pub async fn put(&self, scope: &Scope, resource: Resource, id: &str, body: Value) {
        let mut new = New::new(resource, id, body);
        new.stamp = false;
        self.app.store.insert(scope, new, self.app.now()).await.unwrap();
    }

    /// The same database, as another program has it open.
    pub async fn another_store(&self) -> Store {
        Store::open(&self._database.url(), Keys::from_bytes([7; 32])).await.unwrap()
    }

    /// The scope of the caller that `call` speaks for.
    pub fn scope(&self) -> Scope {
        Scope { org: ORG.into(), sandbox: "acme-prod".into(), sandbox_name: "prod".into() }
    }

    /// Copies a flow so often, with so many ended runs of each, past the API: for what must stay fluent.
    pub async fn crowd(&self, flow: &str, flows: i64, runs: i64) {
        use sqlx::{AnyConnection, AssertSqlSafe, Connection};
        let mut raw = AnyConnection::connect(&self._database.url()).await.unwrap();
        let numbers = |most: i64| {
            format!(
                "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {most}) SELECT i FROM n)"
            )
        };
        let (flows, runs, hour) = (numbers(flows), numbers(runs), 3_600_000);
        for sql in [
            format!(
                "INSERT INTO documents (org, sandbox, resource, id, name, state, parent, created_at, updated_at, version, etag, stamped, doc) \
                 SELECT d.org, d.sandbox, d.resource, 'crowd-' || f.i, d.name || f.i, d.state, d.parent, d.created_at + f.i, d.updated_at, 1, d.etag, 1, d.doc \
                 FROM documents d, {flows} f WHERE d.resource = 'flows' AND d.id = '{flow}'"
            ),
            format!(
                "INSERT INTO schedules (org, sandbox, sandbox_name, flow_id, enabled, last_due, next_due) SELECT s.org, s.sandbox, s.sandbox_name, \
                 'crowd-' || f.i, 1, NULL, s.next_due FROM schedules s, {flows} f WHERE s.flow_id = '{flow}'"
            ),
            format!(
                "INSERT INTO run_facts SELECT s.org, s.sandbox, 'run-' || f.i || '-' || r.i, 'crowd-' || f.i, r.i, 'partial', 1, {START} - r.i * {hour} - f.i, \
                 {START} - r.i * {hour} - f.i, {START} - r.i * {hour}, 100, 99, 1, 0, 0, 1000, '', '', '' FROM schedules s, {flows} f, {runs} r WHERE s.flow_id = '{flow}'"
            ),
        ] {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut raw).await.unwrap();
        }
        if self._database.url().starts_with("postgres") {
            // It does so by itself a minute after so many rows.
            sqlx::query("ANALYZE").execute(&mut raw).await.unwrap();
        }
        raw.close().await.unwrap();
    }

    /// Moves the clock.
    pub fn pass(&self, milliseconds: i64) {
        self.clock.fetch_add(milliseconds, Ordering::SeqCst);
    }

    pub fn token(&self, client: &str, org: &str) -> String {
        self.app.tokens.issue(client, org, self.app.now()).unwrap()
    }

    /// A request with all headers of a good caller.
    pub fn call(&self, method: &str, path: &str) -> Call<'_> {
        let token = self.token(CLIENT, ORG);
        Call { world: self, method: method.into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
            .header("authorization", &format!("Bearer {token}"))
            .header("x-api-key", CLIENT)
            .header("x-gw-ims-org-id", ORG)
            .header("x-sandbox-name", "prod")
    }

    /// A request with no headers at all.
    pub fn bare(&self, method: &str, path: &str) -> Call<'_> {
        Call { world: self, method: method.into(), path: path.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// The request of another client of the organization, in a sandbox of it.
    pub fn by(&self, client: &str, sandbox: &str, method: &str, path: &str) -> Call<'_> {
        let token = self.token(client, ORG);
        self.bare(method, path)
            .header("authorization", &format!("Bearer {token}"))
            .header("x-api-key", client)
            .header("x-gw-ims-org-id", ORG)
            .header("x-sandbox-name", sandbox)
    }

    /// Another client of the organization, with these permission sets in these sandboxes.
    pub async fn client_with(&self, client: &str, sets: &[&str], sandboxes: &[&str]) {
        let scope = Scope::organization(ORG);
        let body = json!({ "clientId": client, "tenantId": "acme", "secretHash": "" });
        self.put(&scope, Resource::Client, client, body).await;
        let subjects = json!([{ "subjectType": "apiIntegration", "subjectId": client }]);
        let body = json!({ "name": format!("role of {client}"), "roleType": "user-defined", "permissionSets": sets,
            "sandboxes": sandboxes, "subjects": subjects });
        self.put(&scope, Resource::Role, &format!("role-{client}"), body).await;
    }

    /// The request of somebody else: the same organization's other sandbox, or another organization.
    pub fn stranger(&self, method: &str, path: &str, org: &str) -> Call<'_> {
        let (client, sandbox) = if org == ORG { (CLIENT, "dev") } else { (OTHER_CLIENT, "prod") };
        let token = self.token(client, org);
        self.bare(method, path)
            .header("authorization", &format!("Bearer {token}"))
            .header("x-api-key", client)
            .header("x-gw-ims-org-id", org)
            .header("x-sandbox-name", sandbox)
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.call("GET", path).send().await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path).json(body).send().await
    }

    /// Patches with the current etag.
    pub async fn patch(&self, path: &str, body: Value) -> Reply {
        let etag = self.get(path).await.body["items"][0]["etag"].as_str().unwrap_or_default().to_string();
        self.call("PATCH", path).header("if-match", &etag).json(body).send().await
    }

    /// The id of a new entity.
    pub async fn created(&self, path: &str, body: Value) -> String {
        let reply = self.post(path, body).await;
        assert!(reply.status.is_success(), "{path}: {} {}", reply.status, reply.body);
        match &reply.body {
            Value::Array(links) => links[0].as_str().unwrap().rsplit('/').next().unwrap().to_string(),
            body => body["id"].as_str().unwrap().to_string(),
        }
    }

    /// A connection, schema, dataset, mapping set, source and target connection, ready for a flow.
    pub async fn dataflow(&self) -> Dataflow {
        let base = self.created(&format!("{FLOWS}/connections"), connection()).await;
        let source = self.created(&format!("{FLOWS}/sourceConnections"), source_connection(&base)).await;
        let schema = self.post("/data/foundation/schemaregistry/tenant/schemas", schema()).await;
        assert_eq!(schema.status, 201, "{}", schema.body);
        let schema = schema.body["$id"].as_str().unwrap().to_string();
        let dataset = self.created("/data/foundation/catalog/dataSets?requestDataSource=true", data_set(&schema)).await;
        let target = self.created(&format!("{FLOWS}/targetConnections"), target_connection(&dataset, &schema)).await;
        let mapping = self.created("/data/foundation/conversion/mappingSets", mapping_set(&schema)).await;
        Dataflow { base, source, schema, dataset, target, mapping }
    }
}

/// The ids of what a flow needs.
pub struct Dataflow {
    pub base: String,
    pub source: String,
    pub schema: String,
    pub dataset: String,
    pub target: String,
    pub mapping: String,
}

impl Dataflow {
    pub fn flow(&self) -> Value {
        json!({
            "name": "people daily",
            "flowSpec": { "id": FLOW_SPEC, "version": "1.0" },
            "sourceConnectionIds": [self.source],
            "targetConnectionIds": [self.target],
            "transformations": [{ "name": "Mapping", "params": { "mappingId": self.mapping, "mappingVersion": 0 } }],
            "scheduleParams": { "startTime": "1719900000", "frequency": "day", "interval": "1", "backfill": "true" },
            "options": { "errorDiagnosticsEnabled": true, "partialIngestionPercent": 5 },
        })
    }
}

pub fn connection() -> Value {
    json!({
        "name": "warehouse bucket",
        "auth": { "specName": "Access Key", "params": { "s3AccessKey": "AKIA0EXAMPLE", "s3SecretKey": "canary-s3cr3t" } },
        "connectionSpec": { "id": S3, "version": "1.0" },
    })
}

pub fn source_connection(base: &str) -> Value {
    json!({
        "name": "people files",
        "baseConnectionId": base,
        "connectionSpec": { "id": S3, "version": "1.0" },
        "data": { "format": "delimited", "properties": { "columnDelimiter": ";" } },
        "params": { "path": "/in/people.csv", "type": "file", "recursive": false },
    })
}

pub fn schema() -> Value {
    json!({
        "type": "object",
        "title": "Contacts",
        "description": "people",
        "allOf": [
            { "$ref": "https://ns.adobe.com/xdm/context/profile" },
            { "$ref": "https://ns.adobe.com/xdm/context/profile-person-details" },
            { "$ref": "https://ns.adobe.com/xdm/context/profile-personal-details" },
        ],
    })
}

pub fn data_set(schema: &str) -> Value {
    json!({
        "name": "People (EU)",
        "schemaRef": { "id": schema, "contentType": "application/vnd.adobe.xed+json;version=1" },
    })
}

pub fn target_connection(dataset: &str, schema: &str) -> Value {
    json!({
        "name": "lake",
        "connectionSpec": { "id": DATALAKE, "version": "1.0" },
        "data": { "format": "parquet_xdm", "schema": { "id": schema, "version": "application/vnd.adobe.xed-full+json;version=1" } },
        "params": { "dataSetId": dataset },
    })
}

pub fn mapping_set(schema: &str) -> Value {
    json!({
        "version": 0, "xdmSchema": schema, "xdmVersion": "1.0", "id": null,
        "mappings": [{
            "destinationXdmPath": "person.name.firstName", "sourceAttribute": "first_name",
            "identity": false, "identityGroup": null, "namespaceCode": null, "version": 0,
        }],
    })
}

/// A request under construction.
pub struct Call<'a> {
    world: &'a World,
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Call<'_> {
    /// Adds a header.
    pub fn header(self, name: &str, value: &str) -> Self {
        self.raw(name, value.as_bytes())
    }

    /// Adds a header of any bytes.
    pub fn raw(mut self, name: &str, value: &[u8]) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Takes a header away.
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| n != name);
        self
    }

    pub fn json(mut self, body: Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.header("content-type", "application/json")
    }

    pub fn text(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self
    }

    /// The answer as it comes.
    pub async fn response(self) -> http::Response<Body> {
        let mut request = Request::builder().method(self.method.as_str()).uri(&self.path);
        for (name, value) in &self.headers {
            request = request.header(name, value.as_slice());
        }
        let request = request.body(Body::from(self.body)).unwrap();
        self.world.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn send(self) -> Reply {
        let response = self.response().await;
        let (parts, mut body) = response.into_parts();
        let endless = parts.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let bytes = match endless {
            true => body.frame().await.unwrap().unwrap().into_data().unwrap(),
            false => body.collect().await.unwrap().to_bytes(),
        };
        Reply {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

/// What came back.
pub struct Reply {
    pub status: StatusCode,
    pub headers: http::HeaderMap,
    pub body: Value,
    pub text: String,
}

impl Reply {
    /// The status and the body, with what the store chooses at random masked, for snapshots.
    pub fn shown(&self) -> String {
        let mut body = self.body.clone();
        mask(&mut body);
        if self.body.is_null() {
            return format!("{} {}", self.status.as_u16(), self.text);
        }
        format!("{} {:#}", self.status.as_u16(), body)
    }

    /// The contract's code in a body of Flow Service.
    pub fn code(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default()
    }

    pub fn item(&self) -> &Value {
        &self.body["items"][0]
    }
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if matches!(name.as_str(), "etag" | "version")
                    && member.as_str().is_some_and(|text| text.starts_with('"'))
                {
                    *member = json!("<etag>");
                }
                mask(member);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

/// An engine that answers from memory.
#[derive(Default)]
pub struct Memory {
    pub rows: Mutex<Vec<Value>>,
    pub objects: Mutex<BTreeMap<String, Vec<u8>>>,
    pub sampled: Mutex<Vec<(Object, Option<FileOptions>)>>,
    /// Of every table.
    pub commits: Mutex<Vec<TableCommit>>,
    /// Free and all bytes of the data folder.
    pub space: Mutex<Option<(u64, u64)>>,
}

impl Memory {
    pub fn store(&self, path: &str, bytes: &str) {
        self.objects.lock().unwrap().insert(path.into(), bytes.as_bytes().to_vec());
    }

    fn below(&self, folder: &str) -> Vec<Stored> {
        let prefix = format!("{folder}/");
        let objects = self.objects.lock().unwrap();
        let below = objects.iter().filter_map(|(path, bytes)| {
            let name = path.strip_prefix(&prefix)?.to_string();
            Some(Stored { path: path.clone(), name, size: bytes.len() as u64 })
        });
        below.collect()
    }
}

#[async_trait]
impl Engine for Memory {
    async fn sample(&self, _: &Remote, object: &Object, options: Option<FileOptions>, limit: usize) -> Result<Sample> {
        self.sampled.lock().unwrap().push((object.clone(), options.clone()));
        if object.key.contains("panic") {
            panic!("the engine broke");
        }
        Ok(Sample {
            options: options.unwrap_or_default(),
            hierarchical: false,
            columns: vec![
                SampleColumn { name: "id".into(), ty: Type::String },
                SampleColumn { name: "total".into(), ty: Type::Int },
            ],
            rows: self.rows.lock().unwrap().iter().take(limit).cloned().collect(),
        })
    }

    // Copies attributes; what expressions give is the engine's to know, and its own tests'.
    async fn evaluate(
        &self,
        set: MappingSet,
        _: FieldTree,
        records: Vec<Value>,
        _: forebay_model::Time,
    ) -> Result<Vec<Mapped>> {
        let mut mapped = Vec::new();
        for record in records {
            let mut row = json!({});
            let mut findings = Vec::new();
            for rule in &set.rules {
                let field = rule.destination.join(".");
                match &rule.source {
                    Source::Attribute(path) => row[&field] = record[path.plain()].clone(),
                    Source::Constant(value) => row[&field] = value.clone(),
                    Source::Expression(_) => findings.push(Finding {
                        column: Some(field.clone()),
                        ..Finding::new(&code::MAPPER_3700, format!("{field} is null: the double computes nothing"))
                    }),
                }
            }
            mapped.push(Mapped { row, findings, rejected: false });
        }
        Ok(mapped)
    }

    async fn read(&self, _: &str, _: &FieldTree, limit: usize) -> Result<Vec<Value>> {
        Ok(self.rows.lock().unwrap().iter().take(limit).cloned().collect())
    }

    async fn list(&self, folder: &str) -> Result<Vec<Stored>> {
        Ok(self.below(folder))
    }

    async fn files(&self, table: &str, batch: &str) -> Result<Vec<Stored>> {
        Ok(self.below(table).into_iter().filter(|file| file.name.contains(batch)).collect())
    }

    async fn bytes(&self, path: &str, range: Option<Range<u64>>) -> Result<BoxStream<'static, Result<Bytes>>> {
        let objects = self.objects.lock().unwrap();
        let Some(bytes) = objects.get(path) else {
            return Err(Error::new(Kind::NotFound, &code::HTTP_404, "no such object"));
        };
        let range = range.map_or(0..bytes.len(), |range| range.start as usize..range.end as usize);
        let bytes = Bytes::copy_from_slice(&bytes[range]);
        Ok(futures::stream::iter([Ok(bytes)]).boxed())
    }

    async fn stage(&self, path: &str, body: BoxStream<'static, Result<Bytes>>) -> Result<u64> {
        let chunks: Vec<Bytes> = body.try_collect().await?;
        let bytes = chunks.concat();
        let size = bytes.len() as u64;
        self.objects.lock().unwrap().insert(path.into(), bytes);
        Ok(size)
    }

    async fn discard(&self, paths: &[String]) {
        self.objects.lock().unwrap().retain(|path, _| !paths.contains(path));
    }

    // Every table has the same commits; one without has none.
    async fn describe(&self, _: &str) -> Result<Option<TableState>> {
        let commits = self.commits.lock().unwrap();
        Ok(commits.last().map(|last| TableState {
            version: last.version,
            files: commits.iter().map(|commit| commit.added_files - commit.removed_files).sum(),
            rows: commits.iter().map(|commit| commit.added_rows).sum(),
            bytes: commits.iter().map(|commit| commit.bytes).sum(),
            modified: Some(last.at),
        }))
    }

    async fn history(&self, _: &str, before: Option<u64>, limit: usize) -> Result<Vec<TableCommit>> {
        let commits = self.commits.lock().unwrap();
        let older = commits.iter().rev().filter(|commit| before.is_none_or(|before| commit.version < before));
        Ok(older.take(limit).cloned().collect())
    }

    async fn read_at(&self, _: &str, version: Option<u64>, limit: usize) -> Result<TableRows> {
        let newest = self.commits.lock().unwrap().last().map(|last| last.version);
        if version.is_some_and(|version| newest.is_none_or(|newest| version > newest)) {
            return Err(Error::new(Kind::NotFound, &code::HTTP_404, "the table has no such version"));
        }
        let rows = self.rows.lock().unwrap().iter().take(limit).cloned().collect();
        Ok(TableRows { version: version.or(newest), columns: vec![("id".into(), "string".into())], rows })
    }

    fn address(&self, folder: &str) -> String {
        format!("/data/lake/{folder}")
    }

    async fn host(&self) -> Result<Host> {
        let started = Time::from_timestamp_millis(START - 5_000).unwrap();
        let space = *self.space.lock().unwrap();
        Ok(Host { started, folder: "/data".into(), space, configuration: "listen: 127.0.0.1:8080".into() })
    }
}
