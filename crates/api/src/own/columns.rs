//! The columns that a flow's source was seen to have, and what is done with new ones. Runs note what they saw; here
//! people decide.
//!
//! To take a column over is several writes: a field in a field group of ours, the group in the schema, a rule in the
//! mapping set, the set's version in the flow. Each is harmless without the next, and all can be done again.

use super::datasets::{TableField, fields_of};
use super::propagate;
use super::rows::answer;
use crate::App;
use crate::body::{Body, shaped};
use crate::caller::Caller;
use crate::dataprep;
use crate::flows::last_operation;
use crate::identity;
use crate::problem::{Problem, invalid};
use crate::rights::Right;
use crate::schemas::define;
use crate::writing::{self, TRIES};
use crate::xdm::Registry;
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::mapping::MappingSet;
use forebay_model::mapping::ast::{FieldPath, Step};
use forebay_model::xdm::{self, class_of};
use forebay_model::{Document, Resource, Result};
use forebay_store::{DECIDED, POLICY, Past};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Columns of one request.
const MOST: usize = 1_000;
/// Changes of a flow that are looked through for decisions.
const HISTORY: i64 = 200;
/// Characters of a field's name.
const NAME: usize = 64;

/// What is done with columns that are new at the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ColumnPolicy {
    /// They wait for somebody to decide.
    Notify,
    /// They are left out.
    Ignore,
    /// They wait, and the flow is disabled.
    Pause,
    /// The run that meets them takes them over, as approving does.
    Propagate,
}

impl ColumnPolicy {
    /// As the store has it.
    fn text(self) -> &'static str {
        match self {
            ColumnPolicy::Notify => "notify",
            ColumnPolicy::Ignore => "ignore",
            ColumnPolicy::Pause => "pause",
            ColumnPolicy::Propagate => "propagate",
        }
    }

    fn of(text: &str) -> ColumnPolicy {
        [ColumnPolicy::Ignore, ColumnPolicy::Pause, ColumnPolicy::Propagate]
            .into_iter()
            .find(|p| p.text() == text)
            .unwrap_or(ColumnPolicy::Notify)
    }
}

/// A column that the source had at the last run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SeenColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: String,
}

/// A column that is new.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PendingColumn {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
    /// Epoch milliseconds.
    pub first_seen_at: i64,
    /// The run that saw it first.
    pub run: String,
    /// With the policy `propagate`: why no run takes it over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ColumnDecision {
    /// Epoch milliseconds.
    pub at: i64,
    pub by: String,
    /// `approve`, `dismiss` or `policy`.
    pub action: String,
    pub columns: Vec<String>,
}

/// What is kept of a flow's columns.
pub(super) struct Kept {
    pub(super) policy: ColumnPolicy,
    /// Those that were decided on, or that the first run met.
    columns: Vec<SeenColumn>,
    pub(super) pending: Vec<PendingColumn>,
}

/// A column and the fields that it fills.
#[derive(Serialize, ToSchema)]
pub struct ColumnRow {
    name: String,
    #[serde(rename = "type")]
    ty: String,
    mapped: bool,
    /// Paths of the target.
    targets: Vec<String>,
}

/// Source and target of a flow, column by column.
#[derive(Serialize, ToSchema)]
pub struct FlowColumns {
    policy: ColumnPolicy,
    columns: Vec<ColumnRow>,
    pending: Vec<PendingColumn>,
    fields: Vec<TableField>,
    /// Decisions, the newest first.
    history: Vec<ColumnDecision>,
}

/// Another policy.
#[derive(Deserialize, ToSchema)]
pub struct NewColumnPolicy {
    policy: ColumnPolicy,
}

/// A column to be taken over.
#[derive(Deserialize, ToSchema)]
pub struct WantedColumn {
    pub(super) name: String,
    /// `string`, `boolean`, `int`, `long`, `number`, `date` or `date-time`; as it was seen unless given.
    #[serde(rename = "type")]
    pub(super) ty: Option<String>,
    /// The path of a field that is there, or of a new one in the tenant's namespace; made of the name unless given.
    pub(super) target: Option<String>,
}

/// Columns to be taken over.
#[derive(Deserialize, ToSchema)]
pub struct WantedColumns {
    columns: Vec<WantedColumn>,
}

/// Columns to be left out.
#[derive(Deserialize, ToSchema)]
pub struct UnwantedColumns {
    columns: Vec<String>,
}

/// A mapping set in its new version.
#[derive(Serialize, ToSchema)]
pub struct NewMapping {
    id: String,
    version: u64,
}

/// What taking over has made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ColumnsTaken {
    schema: String,
    mapping_set: NewMapping,
    /// Paths by columns.
    targets: BTreeMap<String, String>,
    /// `the next run`, with its time where that is known.
    applies_from: String,
}

/// `GET /flows/{id}/schema`
#[utoipa::path(get, path = "/flows/{id}/schema", tag = "Forebay", params(("id" = String, Path)),
    responses((status = 200, description = "Columns and fields", body = FlowColumns), (status = 404, description = "Not found")))]
pub async fn get_flow_schema(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let flow = caller.get(&app, Resource::Flow, &id).await?;
    Ok(answer(&shown(&app, &caller, &flow, kept(&app, &caller, &id).await?).await?))
}

/// `PUT /flows/{id}/schema/policy`. `propagate` needs the right to change schemas, too.
#[utoipa::path(put, path = "/flows/{id}/schema/policy", tag = "Forebay", request_body = NewColumnPolicy, params(("id" = String, Path)),
    responses((status = 200, description = "Columns and fields", body = FlowColumns), (status = 404, description = "Not found")))]
pub async fn put_flow_schema_policy(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let flow = caller.get(&app, Resource::Flow, &id).await?;
    let NewColumnPolicy { policy } = shaped(body)?;
    if policy == ColumnPolicy::Propagate {
        // From now on the flow does what its owner may do.
        caller.must(Right::WriteSchemas)?;
    }
    app.store.set_schema_policy(&caller.scope, &id, policy.text(), app.now()).await?;
    Ok(answer(&shown(&app, &caller, &flow, kept(&app, &caller, &id).await?).await?))
}

/// `POST /flows/{id}/schema/dismiss`: leaves columns out, for good.
#[utoipa::path(post, path = "/flows/{id}/schema/dismiss", tag = "Forebay", request_body = UnwantedColumns, params(("id" = String, Path)),
    responses((status = 200, description = "Columns and fields", body = FlowColumns), (status = 400, description = "No such column waits"), (status = 404, description = "Not found")))]
pub async fn dismiss_flow_columns(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let flow = caller.get(&app, Resource::Flow, &id).await?;
    let UnwantedColumns { columns } = shaped(body)?;
    let before = kept(&app, &caller, &id).await?;
    for (index, name) in columns.iter().enumerate() {
        waits(&before, name, index)?;
    }
    app.store.settle_columns(&caller.scope, &id, &columns, "dismissed", app.now()).await?;
    Ok(answer(&shown(&app, &caller, &flow, kept(&app, &caller, &id).await?).await?))
}

/// `POST /flows/{id}/schema/approve`: takes columns over. Needs the right to change schemas, too.
#[utoipa::path(post, path = "/flows/{id}/schema/approve", tag = "Forebay", request_body = WantedColumns, params(("id" = String, Path)),
    responses((status = 200, description = "What was made", body = ColumnsTaken), (status = 400, description = "A column, a type or a target is wrong"),
        (status = 404, description = "Not found")))]
pub async fn approve_flow_columns(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let flow = caller.get(&app, Resource::Flow, &id).await?;
    caller.must(Right::WriteSchemas)?;
    let WantedColumns { columns } = shaped(body)?;
    if columns.is_empty() || columns.len() > MOST {
        let message = format!("columns must name 1 to {MOST} columns");
        return Err(invalid(message).at(Place::pointer("/columns")).into());
    }
    let before = kept(&app, &caller, &id).await?;
    let Some(set) = identity::mapping_set(&app, &caller, &flow).await? else {
        return Err(invalid("the flow has no mapping set: columns arrive under their own names").into());
    };
    let registry = Registry::open(&app, &caller).await?;
    let schema = schema_of(&app, &caller, &flow).await?;
    let plan = plan(&caller, &registry, &schema, &before, &columns)?;
    let mapping = set_id(&flow).unwrap_or_default().to_string();
    let version = carry_out(&app, &caller, flow, registry, (&schema, set), &plan).await?;
    let next = app.store.ticks(&caller.scope, Some(&id)).await?.pop().and_then(|tick| tick.next);
    let taken = ColumnsTaken {
        schema,
        mapping_set: NewMapping { id: mapping, version },
        targets: plan.into_iter().map(|column| (column.name, column.target.join("."))).collect(),
        applies_from: match next {
            Some(at) => format!("the next run, at {}", at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true)),
            None => "the next run".into(),
        },
    };
    Ok(answer(&taken))
}

/// Takes columns over, as planned; answers the new version of the mapping set.
pub(super) async fn carry_out(
    app: &App,
    caller: &Caller,
    flow: Document,
    registry: Registry,
    (schema, set): (&str, Value),
    plan: &[Planned],
) -> Result<u64> {
    extend(app, caller, registry, schema, plan).await?;
    let version = remap(app, caller, set, plan).await?;
    let id = flow.id.clone();
    point(app, caller, flow, version).await?;
    let names: Vec<String> = plan.iter().map(|column| column.name.clone()).collect();
    app.store.settle_columns(&caller.scope, &id, &names, "known", app.now()).await?;
    Ok(version)
}

/// What is kept beside the flow.
pub(super) async fn kept(app: &App, caller: &Caller, flow: &str) -> Result<Kept> {
    let policy = ColumnPolicy::of(&app.store.schema_policy(&caller.scope, flow).await?);
    let (mut columns, mut pending) = (Vec::new(), Vec::new());
    for column in app.store.columns(&caller.scope, flow).await? {
        match column.state.as_str() {
            "pending" => pending.push(PendingColumn {
                name: column.name,
                ty: column.kind,
                sample: column.sample,
                first_seen_at: column.first_seen.timestamp_millis(),
                run: column.first_run,
                reason: None,
            }),
            _ => columns.push(SeenColumn { name: column.name, ty: column.kind }),
        }
    }
    Ok(Kept { policy, columns, pending })
}

/// The decisions that the flow's history tells of, the newest first.
async fn decisions(app: &App, caller: &Caller, flow: &str) -> Result<Vec<ColumnDecision>> {
    let past = app.store.history(&caller.scope, &[(Resource::Flow, flow.to_string())], None, HISTORY).await?;
    Ok(past.iter().filter_map(decision).collect())
}

fn decision(past: &Past) -> Option<ColumnDecision> {
    let first = past.diff.first()?;
    let action = match (first.path.as_str(), first.after.as_ref().and_then(Value::as_str)) {
        (POLICY, _) => "policy",
        (path, Some("known")) if path.starts_with(DECIDED) => "approve",
        (path, Some("dismissed")) if path.starts_with(DECIDED) => "dismiss",
        _ => return None,
    };
    let names = past.diff.iter().filter_map(|difference| difference.path.strip_prefix(DECIDED));
    let columns = names.map(|name| name.replace("~1", "/").replace("~0", "~")).collect();
    Some(ColumnDecision { at: past.at, by: past.account.clone(), action: action.into(), columns })
}

fn waits<'a>(kept: &'a Kept, name: &str, index: usize) -> Result<&'a PendingColumn> {
    kept.pending.iter().find(|column| column.name == name).ok_or_else(|| {
        invalid(format!("no new column of the source is named {name:?}"))
            .at(Place::pointer(format!("/columns/{index}")))
            .advice("GET …/schema lists the columns that wait.")
    })
}

async fn shown(app: &App, caller: &Caller, flow: &Document, mut kept: Kept) -> Result<FlowColumns> {
    if kept.policy == ColumnPolicy::Propagate {
        let reasons = propagate::reasons(app, caller, flow, &kept).await?;
        for column in &mut kept.pending {
            column.reason = reasons.get(&column.name).cloned();
        }
    }
    let set = match identity::mapping_set(app, caller, flow).await {
        Ok(set) => set.and_then(|set| MappingSet::parse(&set).ok()).unwrap_or_default(),
        // The set is gone, or was never there: nothing is mapped.
        Err(error) if error.kind == Kind::Invalid => MappingSet::default(),
        Err(error) => return Err(error),
    };
    let mut targets: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for rule in &set.rules {
        rule.source.visit(&mut |path: &FieldPath| {
            let Some(Step::Name(column)) = path.0.first() else { return };
            let target = rule.destination.join(".");
            for name in [column.clone(), path.plain()] {
                let known = targets.entry(name).or_default();
                if !known.contains(&target) {
                    known.push(target.clone());
                }
            }
        });
    }
    let mut columns = kept.columns.clone();
    if columns.is_empty() {
        // Nothing was read yet: what the mapping set expects.
        let names = set.fields().into_iter().map(|path| path.plain());
        columns = names.map(|name| SeenColumn { name, ty: String::new() }).collect();
    }
    let row = |column: SeenColumn| {
        let targets = targets.get(&column.name).cloned().unwrap_or_default();
        ColumnRow { mapped: !targets.is_empty(), name: column.name, ty: column.ty, targets }
    };
    let fields = match schema_of(app, caller, flow).await {
        Ok(schema) => fields_of(&Registry::open(app, caller).await?, &schema)?,
        Err(error) if error.kind == Kind::Invalid => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(FlowColumns {
        policy: kept.policy,
        columns: columns.into_iter().map(row).collect(),
        pending: kept.pending,
        fields,
        history: decisions(app, caller, &flow.id).await?,
    })
}

/// The schema of the flow's dataset; `Invalid` where that is gone.
pub(super) async fn schema_of(app: &App, caller: &Caller, flow: &Document) -> Result<String> {
    let gone = |what: &str| invalid(format!("the {what} of the flow is not there any more"));
    let found = |found: Result<Document>, what| match found {
        Err(error) if error.kind == Kind::NotFound => Err(gone(what)),
        other => other,
    };
    let target = flow.text("/targetConnectionIds/0").unwrap_or_default();
    let target = found(caller.get(app, Resource::TargetConnection, target).await, "target connection")?;
    let dataset = target.text("/params/dataSetId").unwrap_or_default();
    let dataset = found(caller.get(app, Resource::Dataset, dataset).await, "dataset")?;
    Ok(dataset.text("/schemaRef/id").unwrap_or_default().to_string())
}

fn set_id(flow: &Document) -> Option<&str> {
    let mut all = flow.body["transformations"].as_array()?.iter();
    all.find(|transformation| transformation["name"] == "Mapping")?["params"]["mappingId"].as_str()
}

/// A column on its way into the target.
pub(super) struct Planned {
    pub(super) name: String,
    pub(super) target: Vec<String>,
    /// The field's definition; none for one that is there.
    pub(super) field: Option<Value>,
}

/// Where each column goes. Everything is checked here, before anything is written.
pub(super) fn plan(
    caller: &Caller,
    registry: &Registry,
    schema: &str,
    kept: &Kept,
    wanted: &[WantedColumn],
) -> Result<Vec<Planned>> {
    if !registry.documents.iter().any(|own| xdm::same(own.text("/$id").unwrap_or_default(), schema)) {
        return Err(invalid(format!(
            "the schema {schema} of the dataset is not the tenant's own, so it cannot be extended"
        )));
    }
    let tree = registry.tree(schema)?;
    let space = format!("_{}", caller.member.tenant);
    let mut planned: Vec<Planned> = Vec::new();
    for (index, column) in wanted.iter().enumerate() {
        let at = |member: &str| Place::pointer(format!("/columns/{index}/{member}"));
        let pending = waits(kept, &column.name, index)?;
        let target: Vec<String> = match &column.target {
            Some(target) => target.split('.').map(str::to_string).collect(),
            None => vec![space.clone(), field_name(&column.name)],
        };
        if planned.iter().any(|other| other.target == target || other.name == column.name) {
            return Err(invalid(format!("{} is named twice", target.join("."))).at(at("target")));
        }
        let there = tree.find(&target).is_some();
        let fits = there || target.len() == 2 && target[0] == space && target[1] == field_name(&target[1]);
        if !fits {
            let message = format!("the schema has no field {}, and a new one is {space}.NAME", target.join("."));
            return Err(invalid(message)
                .at(at("target"))
                .advice("A NAME begins with a letter; letters, digits and _ follow."));
        }
        let ty = column.ty.as_deref().unwrap_or(&pending.ty);
        let definition = definition(&column.name, ty).ok_or_else(|| {
            invalid(format!("type is string, boolean, int, long, number, date or date-time, not {ty:?}")).at(at("type"))
        })?;
        planned.push(Planned { name: column.name.clone(), target, field: (!there).then_some(definition) });
    }
    Ok(planned)
}

/// A column's name, as a field may have it.
fn field_name(column: &str) -> String {
    let mut name: String =
        column.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' }).take(NAME).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert_str(0, "c_");
    }
    name
}

fn definition(title: &str, ty: &str) -> Option<Value> {
    let mut field = match ty {
        "" | "string" => json!({ "type": "string" }),
        "boolean" => json!({ "type": "boolean" }),
        "byte" | "short" | "int" | "integer" => json!({ "type": "integer", "meta:xdmType": "int" }),
        "long" => json!({ "type": "integer", "meta:xdmType": "long" }),
        "number" | "double" => json!({ "type": "number" }),
        "date" => json!({ "type": "string", "format": "date" }),
        "date-time" | "dateTime" => json!({ "type": "string", "format": "date-time" }),
        _ => return None,
    };
    field["title"] = json!(title);
    Some(field)
}

/// Adds the new fields to our field group of the schema, which is made if there is none.
async fn extend(app: &App, caller: &Caller, registry: Registry, schema: &str, plan: &[Planned]) -> Result<()> {
    let new: Vec<(&String, &Value)> =
        plan.iter().filter_map(|column| Some((column.target.last()?, column.field.as_ref()?))).collect();
    if new.is_empty() {
        return Ok(());
    }
    let space = format!("_{}", caller.member.tenant);
    let body = registry.find(schema).unwrap_or_default();
    let title = format!("Columns of sources: {}", body["title"].as_str().unwrap_or_default());
    let parts = body["allOf"].as_array().cloned().unwrap_or_default();
    let own = parts.iter().filter_map(|part| part["$ref"].as_str()).find(|id| {
        let group = registry.find(id).unwrap_or_default();
        group["meta:resourceType"] == "fieldgroups" && group["title"] == title.as_str()
    });
    let place = format!("/definitions/columns/properties/{space}/properties");
    match own {
        Some(group) => {
            let group = group.to_string();
            let change = |old: &Value| {
                let mut body = old.clone();
                let Some(fields) = body.pointer_mut(&place).and_then(Value::as_object_mut) else {
                    return Err(invalid(format!(
                        "the field group {title:?} was changed so that it cannot be extended"
                    )));
                };
                for (name, field) in &new {
                    fields.insert((*name).clone(), (*field).clone());
                }
                Ok(body)
            };
            define::rewrite(app, caller, "fieldgroups", &group, change).await?;
        }
        None => {
            let fields: serde_json::Map<String, Value> =
                new.iter().map(|(name, field)| ((*name).clone(), (*field).clone())).collect();
            let class = class_of(&body, &|id| registry.find(id));
            let group = json!({
                "type": "object",
                "title": title,
                "description": "Columns of sources that were taken over.",
                "meta:intendedToExtend": class.into_iter().collect::<Vec<_>>(),
                "definitions": { "columns": { "properties": { space: { "type": "object", "properties": fields } } } },
                "allOf": [{ "$ref": "#/definitions/columns" }],
            });
            let group = define::made(app, caller, "fieldgroups", group).await?;
            let change = |old: &Value| {
                let mut body = old.clone();
                let mut parts = body["allOf"].as_array().cloned().unwrap_or_default();
                parts.push(json!({ "$ref": group["$id"] }));
                body["allOf"] = Value::Array(parts);
                Ok(body)
            };
            define::rewrite(app, caller, "schemas", schema, change).await?;
        }
    }
    Ok(())
}

/// A new version of the mapping set, with a rule for each column. A field that has a rule gets the new one.
async fn remap(app: &App, caller: &Caller, mut set: Value, plan: &[Planned]) -> Result<u64> {
    let legacy = set.get("xdmSchema").is_some_and(Value::is_string);
    let id = set["id"].as_str().unwrap_or_default().to_string();
    let mut rules = set["mappings"].as_array().cloned().unwrap_or_default();
    for column in plan {
        let target = column.target.join(".");
        rules.retain(|rule| rule["destination"] != target.as_str() && rule["destinationXdmPath"] != target.as_str());
        let source = FieldPath::name(&column.name).to_string();
        rules.push(match legacy {
            true => json!({ "destinationXdmPath": target, "sourceAttribute": source, "identity": false, "identityGroup": null,
                "namespaceCode": null, "version": 0 }),
            false => json!({ "sourceType": "ATTRIBUTE", "source": source, "destination": target }),
        });
    }
    set["mappings"] = Value::Array(rules);
    dataprep::renew(app, caller, &id, writing::object(set, "the mapping set")?).await
}

/// Has the flow use that version of its mapping set.
async fn point(app: &App, caller: &Caller, mut flow: Document, version: u64) -> Result<()> {
    for _ in 0..TRIES {
        let mut body = flow.body.clone();
        for transformation in body["transformations"].as_array_mut().into_iter().flatten() {
            if transformation["name"] == "Mapping" {
                transformation["params"]["mappingVersion"] = json!(version);
            }
        }
        body["lastOperation"] = last_operation("update", app.now());
        if writing::replace(app, caller, &flow, None, body, None).await?.is_some() {
            return Ok(());
        }
        flow = caller.get(app, Resource::Flow, &flow.id).await?;
    }
    Err(writing::too_busy(Resource::Flow, &flow.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_columns_become_names_of_fields() {
        for (column, expected) in [
            ("age", "age"),
            ("First Name", "First_Name"),
            ("2024", "c_2024"),
            ("_id", "c__id"),
            ("größe", "gr__e"),
            ("", "c_"),
        ] {
            assert_eq!(field_name(column), expected);
            assert_eq!(field_name(&field_name(column)), expected, "twice is once");
        }
    }
}
