//! Rows of lists: dataflows and runs in a line each, with what they refer to by name. A row is made of what the store
//! keeps beside the documents; nothing is asked once per row.

use crate::App;
use crate::caller::Caller;
use crate::listing;
use crate::registry::CONNECTION_SPECS;
use crate::rights::Right;
use crate::sourceconnections::reader;
use axum::response::Response;
use forebay_model::error::Kind;
use forebay_model::health::{self, Active, Health, Signs, Standing};
use forebay_model::schedule::{Every, Schedule};
use forebay_model::{Document, Resource, Result, Time};
use forebay_sources::Reader;
use forebay_store::{NewColumns, RunFacts, Tick};
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use utoipa::ToSchema;

/// New columns that a need names.
const NAMED: usize = 20;
/// Runs that a row of a dataflow shows.
pub const LAST: u32 = 8;

/// A JSON answer.
pub fn answer<T: Serialize>(body: &T) -> Response {
    crate::writing::json(StatusCode::OK, &serde_json::to_value(body).unwrap_or_default())
}

/// Something by its name.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    pub id: String,
    /// Its name; its id where it has none, is gone, or may not be read.
    pub name: String,
    /// It is not there any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone: Option<bool>,
}

impl Named {
    pub fn new(id: &str, name: Option<&str>) -> Named {
        let name = name.filter(|name| !name.is_empty()).unwrap_or(id);
        Named { id: id.into(), name: name.into(), gone: None }
    }

    pub fn gone(id: &str) -> Named {
        Named { gone: Some(true), ..Named::new(id, None) }
    }
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum RunStatus {
    Pending,
    InProgress,
    Success,
    /// A success with failed rows.
    Partial,
    Failed,
    Cancelled,
}

impl RunStatus {
    /// From the store's word.
    pub fn of(text: &str) -> RunStatus {
        match text {
            "inProgress" => RunStatus::InProgress,
            "success" => RunStatus::Success,
            "partial" => RunStatus::Partial,
            "failed" => RunStatus::Failed,
            "cancelled" => RunStatus::Cancelled,
            _ => RunStatus::Pending,
        }
    }
}

/// Why a run failed, in short.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RunFault {
    pub code: String,
    pub message: String,
}

/// A run. Times are epoch milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunRow {
    pub id: String,
    /// Which of the flow's runs, from 1.
    pub number: i64,
    pub flow: Named,
    pub status: RunStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// When it was put into the queue, or when it started.
    pub at: i64,
    pub received: i64,
    pub ingested: i64,
    pub failed: i64,
    pub skipped: i64,
    pub warned: i64,
    /// Bytes read.
    pub bytes: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<RunFault>,
}

impl RunRow {
    pub fn new(facts: &RunFacts, flow: Named) -> RunRow {
        let span = facts.started.zip(facts.completed).map(|(from, to)| (to - from).max(0));
        let failed = matches!(facts.status.as_str(), "failed" | "cancelled");
        RunRow {
            id: facts.id.clone(),
            number: facts.number,
            flow,
            status: RunStatus::of(&facts.status),
            started_at: facts.started,
            completed_at: facts.completed,
            duration_ms: span,
            at: facts.begun,
            received: facts.received,
            ingested: facts.ingested,
            failed: facts.failed,
            skipped: facts.skipped,
            warned: facts.warned,
            bytes: facts.bytes,
            error: failed.then(|| RunFault { code: facts.code.clone(), message: facts.message.clone() }),
        }
    }
}

/// Something that a person should do.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Need {
    pub severity: Severity,
    pub kind: NeedKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flow: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<Named>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    pub title: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// Since when, epoch milliseconds.
    pub since: i64,
    pub action: NeedAction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    Error,
    Warning,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum NeedKind {
    RunFailed,
    ConnectionFailed,
    SchemaChange,
    Late,
    AutoDisabled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum NeedAction {
    Reauthorise,
    ReviewSchema,
    Retry,
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum FlowState {
    Enabled,
    Disabled,
    Draft,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum FlowHealth {
    Healthy,
    Late,
    Failing,
    Running,
    Paused,
    Draft,
    New,
    Done,
}

impl From<Health> for FlowHealth {
    fn from(health: Health) -> FlowHealth {
        match health {
            Health::Healthy => FlowHealth::Healthy,
            Health::Late => FlowHealth::Late,
            Health::Failing => FlowHealth::Failing,
            Health::Running => FlowHealth::Running,
            Health::Paused => FlowHealth::Paused,
            Health::Draft => FlowHealth::Draft,
            Health::New => FlowHealth::New,
            Health::Done => FlowHealth::Done,
        }
    }
}

/// A connection spec.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SpecName {
    pub id: String,
    pub name: String,
    /// For people.
    pub title: String,
}

/// A base connection.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ConnectionName {
    pub id: String,
    pub name: String,
    /// `gone` where it is not there any more.
    pub state: String,
}

/// Where a dataflow reads from.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowSource {
    /// `files` or `table`.
    pub kind: String,
    pub spec: SpecName,
    pub connection: ConnectionName,
    pub source_connection: String,
    /// The path, or the table.
    pub what: String,
}

/// Where a dataflow writes to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowTarget {
    pub target_connection: String,
    pub dataset: Named,
    /// The schema's `$id`; empty where the dataset is gone.
    pub schema: String,
}

/// A mapping set in a version.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MappingRef {
    pub id: String,
    pub version: i64,
}

/// When a dataflow runs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowSchedule {
    pub frequency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<i64>,
    /// Epoch milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<i64>,
    /// Epoch milliseconds: no run is due later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time: Option<i64>,
    pub backfill: bool,
    /// Such as `every 15 minutes`.
    pub text: String,
}

/// How fresh a dataflow's data is. Times are epoch milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowFreshness {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_success_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_run_at: Option<i64>,
    /// When a run that met trouble is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub late_by_ms: Option<i64>,
    pub text: String,
}

/// What the last run that ended did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowTotals {
    pub rows_last_run: i64,
    pub failed_last_run: i64,
}

/// A dataflow.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FlowRow {
    pub id: String,
    pub name: String,
    pub description: String,
    pub state: FlowState,
    pub etag: String,
    pub source: FlowSource,
    pub target: FlowTarget,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping_set: Option<MappingRef>,
    pub schedule: FlowSchedule,
    pub health: FlowHealth,
    pub freshness: FlowFreshness,
    /// At most eight, the oldest first.
    pub last: Vec<RunRow>,
    pub totals: FlowTotals,
    pub needs: Vec<Need>,
    pub created_by: String,
    pub created_at: i64,
    pub updated_at: i64,
    pub tags: Vec<String>,
}

/// What rows of dataflows are made of: documents by id, runs and ticks by flow.
pub struct Material {
    specs: HashMap<String, SpecName>,
    documents: HashMap<(Resource, String), Document>,
    runs: HashMap<String, Vec<RunFacts>>,
    ticks: HashMap<String, Tick>,
    new: HashMap<String, NewColumns>,
    datasets: bool,
    now: Time,
}

/// Kinds of documents that a row shows something of.
const SHOWN: [Resource; 4] =
    [Resource::SourceConnection, Resource::Connection, Resource::TargetConnection, Resource::Dataset];

impl Material {
    /// For all dataflows of the sandbox.
    pub async fn all(app: &App, caller: &Caller) -> Result<Material> {
        let mut material = Material::read(app, caller, None).await?;
        for resource in SHOWN {
            for document in listing::every(app, caller, resource, &[]).await? {
                material.documents.insert((resource, document.id.clone()), document);
            }
        }
        Ok(material)
    }

    /// For one.
    pub async fn of(app: &App, caller: &Caller, flow: &Document) -> Result<Material> {
        let mut material = Material::read(app, caller, Some(&flow.id)).await?;
        let source = flow.text("/sourceConnectionIds/0").unwrap_or_default();
        if let Some(source) = material.fetch(app, caller, Resource::SourceConnection, source).await? {
            let base = source.text("/baseConnectionId").unwrap_or_default();
            material.fetch(app, caller, Resource::Connection, base).await?;
        }
        let target = flow.text("/targetConnectionIds/0").unwrap_or_default();
        if let Some(target) = material.fetch(app, caller, Resource::TargetConnection, target).await? {
            let dataset = target.text("/params/dataSetId").unwrap_or_default();
            material.fetch(app, caller, Resource::Dataset, dataset).await?;
        }
        Ok(material)
    }

    async fn read(app: &App, caller: &Caller, flow: Option<&str>) -> Result<Material> {
        let mut specs = HashMap::new();
        for spec in CONNECTION_SPECS.all(app, caller).await? {
            let id = spec["id"].as_str().unwrap_or_default().to_string();
            let name = spec["name"].as_str().unwrap_or_default().to_string();
            let title = spec.pointer("/attributes/uiAttributes/label/value").and_then(Value::as_str);
            let title = title.unwrap_or(&name).to_string();
            specs.insert(id.clone(), SpecName { id, name, title });
        }
        let mut runs: HashMap<String, Vec<RunFacts>> = HashMap::new();
        for run in app.store.last_runs(&caller.scope, flow, LAST).await? {
            runs.entry(run.flow.clone()).or_default().push(run);
        }
        let ticks = app.store.ticks(&caller.scope, flow).await?;
        let new = app.store.new_columns(&caller.scope, flow).await?;
        Ok(Material {
            specs,
            documents: HashMap::new(),
            runs,
            ticks: ticks.into_iter().map(|tick| (tick.flow.clone(), tick)).collect(),
            new: new.into_iter().map(|new| (new.flow.clone(), new)).collect(),
            datasets: caller.may(Right::ReadDatasets),
            now: app.now(),
        })
    }

    async fn fetch(&mut self, app: &App, caller: &Caller, resource: Resource, id: &str) -> Result<Option<Document>> {
        match caller.get(app, resource, id).await {
            Ok(document) => {
                self.documents.insert((resource, id.to_string()), document.clone());
                Ok(Some(document))
            }
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn find(&self, resource: Resource, id: &str) -> Option<&Document> {
        self.documents.get(&(resource, id.to_string()))
    }

    /// Where the scheduler is with each flow.
    pub fn ticks(&self) -> impl Iterator<Item = &Tick> {
        self.ticks.values()
    }

    /// A dataflow's row.
    pub fn row(&self, flow: &Document) -> FlowRow {
        let text = |pointer: &str| flow.text(pointer).unwrap_or_default().to_string();
        let name = Named::new(&flow.id, flow.text("/name"));
        let runs = self.runs.get(&flow.id).map(Vec::as_slice).unwrap_or_default();
        let tick = self.ticks.get(&flow.id);
        let standing = Standing::of(flow.text("/state"));
        let schedule = Schedule::parse(flow.body.get("scheduleParams"), flow.created).ok();
        let ended = runs.iter().filter(|run| run.ended() && run.status != "cancelled");
        let ended = ended.max_by_key(|run| (run.completed, run.number));
        let signs = Signs {
            standing,
            schedule,
            active: active(runs, tick),
            ended_well: ended.map(RunFacts::good),
            success: tick.and_then(|tick| tick.success),
            next: tick.and_then(|tick| tick.next),
        };
        let (health, fresh) = health::judge(&signs, self.now);
        let source = self.source(flow);
        let needs = self.needs(flow, &name, &source, (health, &fresh), ended, runs);
        FlowRow {
            id: flow.id.clone(),
            name: name.name.clone(),
            description: text("/description"),
            state: match standing {
                Standing::Enabled => FlowState::Enabled,
                Standing::Disabled => FlowState::Disabled,
                Standing::Draft => FlowState::Draft,
            },
            etag: flow.etag.clone(),
            source,
            target: self.target(flow),
            mapping_set: mapping_set(flow),
            schedule: told(flow, schedule.as_ref()),
            health: health.into(),
            freshness: FlowFreshness {
                last_success_at: signs.success.map(|at| at.timestamp_millis()),
                due_at: fresh.due.map(|at| at.timestamp_millis()),
                next_run_at: signs.next.map(|at| at.timestamp_millis()),
                retry_at: tick.and_then(|tick| tick.retry).map(|at| at.timestamp_millis()),
                interval_ms: fresh.interval.map(|span| span.num_milliseconds()),
                late_by_ms: fresh.late.map(|span| span.num_milliseconds()),
                text: fresh.text,
            },
            last: runs.iter().map(|run| RunRow::new(run, name.clone())).collect(),
            totals: FlowTotals {
                rows_last_run: ended.map_or(0, |run| run.ingested),
                failed_last_run: ended.map_or(0, |run| run.failed),
            },
            needs,
            created_by: text("/createdBy"),
            created_at: flow.created.timestamp_millis(),
            updated_at: flow.updated.timestamp_millis(),
            tags: flow.body["labels"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_string)
                .collect(),
        }
    }

    /// Where a flow reads from.
    pub fn source(&self, flow: &Document) -> FlowSource {
        let id = flow.text("/sourceConnectionIds/0").unwrap_or_default();
        let source = self.find(Resource::SourceConnection, id);
        let inherited = |pointer: &str| flow.text(&format!("/inheritedAttributes/sourceConnections/0/{pointer}"));
        let own = |pointer: &str| source.and_then(|source| source.text(pointer));
        let spec = own("/connectionSpec/id").or(inherited("connectionSpec/id")).unwrap_or_default();
        let base = own("/baseConnectionId").or(inherited("baseConnection/id")).unwrap_or_default();
        let connection = match self.find(Resource::Connection, base) {
            Some(base) => ConnectionName {
                id: base.id.clone(),
                name: Named::new(&base.id, base.text("/name")).name,
                state: base.text("/state").unwrap_or("enabled").to_string(),
            },
            None if base.is_empty() => ConnectionName { id: String::new(), name: String::new(), state: "none".into() },
            None => ConnectionName { id: base.into(), name: base.into(), state: "gone".into() },
        };
        let unknown = || SpecName { id: spec.into(), name: spec.into(), title: spec.into() };
        let tables = !spec.is_empty() && reader(&json!({ "id": spec })) == Reader::Tables;
        FlowSource {
            kind: if tables { "table".into() } else { "files".into() },
            spec: self.specs.get(spec).cloned().unwrap_or_else(unknown),
            connection,
            source_connection: id.into(),
            what: own("/params/path").or(own("/params/tableName")).unwrap_or_default().to_string(),
        }
    }

    /// Where a flow writes to.
    pub fn target(&self, flow: &Document) -> FlowTarget {
        let id = flow.text("/targetConnectionIds/0").unwrap_or_default();
        let target = self.find(Resource::TargetConnection, id);
        let dataset_id = target.and_then(|target| target.text("/params/dataSetId")).unwrap_or_default();
        let dataset = self.find(Resource::Dataset, dataset_id);
        FlowTarget {
            target_connection: id.into(),
            dataset: match dataset {
                Some(dataset) => Named::new(dataset_id, dataset.text("/name").filter(|_| self.datasets)),
                None if dataset_id.is_empty() => Named::new("", None),
                None => Named::gone(dataset_id),
            },
            schema: dataset.and_then(|dataset| dataset.text("/schemaRef/id")).unwrap_or_default().to_string(),
        }
    }

    fn needs(
        &self,
        flow: &Document,
        name: &Named,
        source: &FlowSource,
        (health, fresh): (Health, &health::Freshness),
        ended: Option<&RunFacts>,
        runs: &[RunFacts],
    ) -> Vec<Need> {
        let enabled = flow.text("/state") == Some("enabled");
        let mut needs = Vec::new();
        let need = |severity, kind, title: String, message: String, since, action| Need {
            severity,
            kind,
            flow: Some(name.clone()),
            connection: None,
            run: None,
            code: None,
            title,
            message,
            advice: None,
            since,
            action,
        };
        let failed = ended.filter(|run| run.status == "failed" && enabled);
        if let Some(run) = failed {
            let (kind, action, title) = match is_access(run) {
                true => {
                    let title = format!("{} refuses the connection {}", source.spec.title, source.connection.name);
                    (NeedKind::ConnectionFailed, NeedAction::Reauthorise, title)
                }
                false => {
                    (NeedKind::RunFailed, NeedAction::Retry, format!("Run {} of {} failed", run.number, name.name))
                }
            };
            let code = forebay_model::Code::find(&run.code);
            let since = failing_since(runs, run);
            needs.push(Need {
                connection: (!source.connection.id.is_empty())
                    .then(|| Named::new(&source.connection.id, Some(&source.connection.name))),
                run: Some(run.id.clone()),
                code: Some(run.code.clone()),
                advice: code.map(|code| code.text.to_string()),
                ..need(Severity::Error, kind, title, run.message.clone(), since, action)
            });
        } else if let (Health::Late | Health::Failing, Some(late)) = (health, fresh.late) {
            let severity = if health == Health::Late { Severity::Warning } else { Severity::Error };
            let since = fresh.due.map_or(0, |due| due.timestamp_millis());
            let title = format!("{} is late by {}", name.name, health::span(late));
            needs.push(Need {
                advice: Some(
                    "Look at the scheduler and the workers on the page System: a run that was due has not ended."
                        .into(),
                ),
                ..need(severity, NeedKind::Late, title, fresh.text.clone(), since, NeedAction::Open)
            });
        }
        if let Some(new) = self.new.get(&flow.id) {
            let paused = new.policy == "pause" && flow.text("/state") == Some("disabled");
            if enabled || paused {
                let shown = &new.names[..new.names.len().min(NAMED)];
                let more = match new.names.len() - shown.len() {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                let message =
                    format!("The source has columns that the flow does not know: {}{more}.", shown.join(", "));
                let (severity, kind, title) = match paused {
                    true => (
                        Severity::Error,
                        NeedKind::AutoDisabled,
                        format!("{} was paused by a change of its source", name.name),
                    ),
                    false => {
                        (Severity::Warning, NeedKind::SchemaChange, format!("The source of {} has changed", name.name))
                    }
                };
                let since = new.since.timestamp_millis();
                needs.push(Need {
                    advice: Some("Take the columns over, or leave them out, on the page of the flow's schema.".into()),
                    ..need(severity, kind, title, message, since, NeedAction::ReviewSchema)
                });
            }
        }
        needs
    }
}

/// Whether a run failed because its source let nobody in.
pub fn is_access(run: &RunFacts) -> bool {
    matches!(run.kind.as_str(), "unauthenticated" | "forbidden")
        || (run.kind == "refused" && run.code == forebay_model::code::FLOW_1102.id)
}

fn active(runs: &[RunFacts], tick: Option<&Tick>) -> Option<Active> {
    let run = runs.iter().rev().find(|run| run.status == "inProgress")?;
    match tick.and_then(|tick| tick.retry) {
        Some(at) => Some(Active::Retrying(at)),
        None => Time::from_timestamp_millis(run.begun).map(Active::Running),
    }
}

/// When the first of the failures in a row ended.
fn failing_since(runs: &[RunFacts], last: &RunFacts) -> i64 {
    let mut since = last.completed.unwrap_or(last.begun);
    for run in runs.iter().rev().filter(|run| run.ended() && run.completed <= last.completed) {
        match run.status.as_str() {
            "failed" => since = since.min(run.completed.unwrap_or(run.begun)),
            "cancelled" => {}
            _ => break,
        }
    }
    since
}

fn mapping_set(flow: &Document) -> Option<MappingRef> {
    let mut all = flow.body["transformations"].as_array()?.iter();
    let params = &all.find(|transformation| transformation["name"] == "Mapping")?["params"];
    let version = &params["mappingVersion"];
    let version = version.as_i64().or_else(|| version.as_str()?.trim().parse().ok()).unwrap_or(0);
    Some(MappingRef { id: params["mappingId"].as_str()?.to_string(), version })
}

fn told(flow: &Document, schedule: Option<&Schedule>) -> FlowSchedule {
    let params = &flow.body["scheduleParams"];
    let interval = &params["interval"];
    FlowSchedule {
        frequency: params["frequency"].as_str().unwrap_or("once").to_ascii_lowercase(),
        interval: match schedule.map(|schedule| schedule.every) {
            Some(Every::Once) => None,
            _ => interval.as_i64().or_else(|| interval.as_str()?.trim().parse().ok()),
        },
        start_time: schedule.map(|schedule| schedule.start.timestamp_millis()),
        end_time: schedule.and_then(|schedule| schedule.end).map(|end| end.timestamp_millis()),
        backfill: schedule.is_none_or(|schedule| schedule.backfill),
        text: schedule.map_or_else(|| "no schedule yet".into(), health::words),
    }
}
