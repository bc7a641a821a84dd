//! Flows: source connections, target connections, transformations and a schedule (FS §9.6).

mod mapping;

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::entities::{self, Entity, Form, How, enabled, formed, named};
use crate::inherited;
use crate::listing;
use crate::params::Params;
use crate::problem::{Problem, invalid};
use crate::registry::FLOW_SPECS;
use crate::sourceconnections::truth;
use crate::writing::IfMatch;
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::schedule::Schedule;
use forebay_model::{Document, Error, Resource, Result, Time, code};
use forebay_store::Secrets;
use http::HeaderMap;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Members whose change is checked like a new flow. A flow can be renamed and disabled whatever became of its
/// connections.
const SUBSTANCE: &[&str] =
    &["flowSpec", "sourceConnectionIds", "targetConnectionIds", "transformations", "scheduleParams", "options"];

/// Source connections, target connections, transformations and a schedule.
pub struct Flow;

impl Entity for Flow {
    const RESOURCE: Resource = Resource::Flow;
    const NAME: &'static str = "the flow";

    async fn complete(app: &App, caller: &Caller, body: &mut Map<String, Value>, how: &How<'_>) -> Result<Secrets> {
        named(body, false)?;
        formed(
            body,
            &[
                ("sourceConnectionIds", Form::Array),
                ("targetConnectionIds", Form::Array),
                ("transformations", Form::Array),
                ("scheduleParams", Form::Object),
                ("options", Form::Object),
                ("labels", Form::Array),
                ("policy", Form::Object),
            ],
        )?;
        policy(body)?;
        crate::labels::of_flow(body)?;
        if how.draft {
            sketch(app, caller, body).await?;
            return Ok(Secrets::new());
        }
        if let Some(old) = how.checked() {
            fixed_start(old, body, how.now)?;
            if SUBSTANCE.iter().all(|name| old.body.get(*name) == body.get(*name)) {
                return Ok(Secrets::new());
            }
        }
        let own = how.old.map(|old| old.id.as_str());
        complete(app, caller, body, own, how.created()).await?;
        Ok(Secrets::new())
    }

    /// Nothing refers to a flow but its runs, and these stay.
    async fn unused(_: &App, _: &Caller, _: &str) -> Result<()> {
        Ok(())
    }

    fn note(body: &mut Map<String, Value>, new: Option<&str>, now: Time) {
        if let Some(id) = new {
            body.insert("runs".into(), json!(format!("/runs?property=flowId=={id}")));
        }
        let operation = if new.is_some() { "create" } else { "update" };
        body.insert("lastOperation".into(), last_operation(operation, now));
    }
}

/// `POST /flows`
#[utoipa::path(post, path = "/flows", tag = "Flows", request_body = Object,
    params(("mode" = Option<String>, Query, description = "`draft`: it may be incomplete, and runs nothing")),
    responses((status = 201, description = "`{id, etag}`"), (status = 400, description = "The body is refused")))]
pub async fn create_flow(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    Body(body): Body,
) -> Result<Response, Problem> {
    if body.get("state").is_some_and(|state| !state.is_null()) {
        let message = "state may not be given when a flow is created";
        return Err(Error::new(Kind::Invalid, &code::FLOW_1410, message).at(Place::pointer("/state")).into());
    }
    Ok(entities::create::<Flow>(&app, &caller, &params, body).await?)
}

/// `GET /flows`
#[utoipa::path(get, path = "/flows", tag = "Flows",
    params(("property" = Option<Vec<String>>, Query), ("limit" = Option<i64>, Query), ("orderby" = Option<String>, Query),
        ("continuationToken" = Option<String>, Query), ("count" = Option<bool>, Query)),
    responses((status = 200, description = "A page of flows, or their number")))]
pub async fn list_flows(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    Ok(listing::list(&app, &caller, Resource::Flow, "/flows", &[], &params).await?)
}

/// `GET /flows/{id}`
#[utoipa::path(get, path = "/flows/{id}", tag = "Flows", params(("id" = String, Path)),
    responses((status = 200, description = "The flow, in an array of one"), (status = 404, description = "Not found")))]
pub async fn get_flow(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    Ok(listing::item(&caller.get(&app, Resource::Flow, &id).await?.body))
}

/// `GET /flows/{id}/runs`: the link target of older pages.
#[utoipa::path(get, path = "/flows/{id}/runs", tag = "Flows",
    params(("id" = String, Path), ("property" = Option<Vec<String>>, Query), ("limit" = Option<i64>, Query),
        ("orderby" = Option<String>, Query), ("continuationToken" = Option<String>, Query), ("count" = Option<bool>, Query)),
    responses((status = 200, description = "A page of the flow's runs"), (status = 404, description = "No such flow")))]
pub async fn list_flow_runs(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    caller.get(&app, Resource::Flow, &id).await?;
    let fixed = [format!("flowId==\"{id}\"")];
    Ok(listing::list(&app, &caller, Resource::Run, &format!("/flows/{id}/runs"), &fixed, &params).await?)
}

/// `PATCH /flows/{id}`
#[utoipa::path(patch, path = "/flows/{id}", tag = "Flows", request_body = Object,
    params(("id" = String, Path), ("if-match" = String, Header)),
    responses((status = 200, description = "`{id, etag}`"), (status = 412, description = "Changed since it was read")))]
pub async fn patch_flow(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    Ok(entities::patch::<Flow>(&app, &caller, &id, &if_match, &body).await?)
}

/// `DELETE /flows/{id}`: stops future runs, keeps what was written.
#[utoipa::path(delete, path = "/flows/{id}", tag = "Flows", params(("id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 404, description = "Not found")))]
pub async fn delete_flow(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    Ok(entities::delete::<Flow>(&app, &caller, &id, &if_match).await?)
}

/// `POST /flows/search` (FS §9.6): in the caller's sandbox, or in those that `x-active-sandbox-ids` names.
#[utoipa::path(post, path = "/flows/search", tag = "Flows", request_body = Object,
    params(("continuationToken" = Option<String>, Query), ("x-active-sandbox-ids" = Option<String>, Header, description = "Ids, joined by commas")),
    responses((status = 200, description = "A page of flows, or their number"), (status = 400, description = "The search is refused")))]
pub async fn search_flows(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, Problem> {
    let asked = listing::Asked::of_search(&body, &params)?;
    let scopes = listing::sandboxes(&app, &caller, &headers).await?;
    Ok(listing::answer_in(&app, &scopes, Resource::Flow, "/flows/search", asked).await?)
}

/// The operation that a flow's document tells of (FS §9.6).
pub fn last_operation(operation: &str, now: Time) -> Value {
    json!({
        "started": now.timestamp_millis(),
        "updated": 0,
        "percentCompleted": 100.0,
        "status": { "value": "completed", "errors": [] },
        "operation": operation,
    })
}

/// `startTime` cannot change once it has passed (FS §9.3).
fn fixed_start(old: &Document, new: &Map<String, Value>, now: Time) -> Result<()> {
    let before = old.body.pointer("/scheduleParams/startTime");
    let after = new.get("scheduleParams").and_then(|schedule| schedule.get("startTime"));
    if before == after {
        return Ok(());
    }
    let schedule = Schedule::parse(old.body.get("scheduleParams"), old.created)?;
    if schedule.first() <= now {
        return Err(Error::new(
            Kind::Invalid,
            &code::FLOW_1423,
            "scheduleParams.startTime has passed and cannot change any more",
        )
        .at(Place::pointer("/scheduleParams/startTime")));
    }
    Ok(())
}

/// Checks a flow and fills in what follows from it. `created` is when it was or is created: a start before it means it.
async fn complete(
    app: &App,
    caller: &Caller,
    body: &mut Map<String, Value>,
    own: Option<&str>,
    created: Time,
) -> Result<()> {
    let spec = FLOW_SPECS.named(app, caller, body, "flowSpec").await?;
    let source = endpoint(app, caller, body, &spec, Side::SOURCE).await?;
    let target = endpoint(app, caller, body, &spec, Side::TARGET).await?;
    options(body)?;
    Schedule::parse(body.get("scheduleParams"), created)?;
    let mapping = transformations(body, &spec)?;
    mapping::check(app, caller, own, (&source, &target), mapping).await?;
    inherit(body, &[source], &[target]);
    Ok(())
}

/// Of a draft only what it refers to is looked at: the rest is checked when it is published.
async fn sketch(app: &App, caller: &Caller, body: &mut Map<String, Value>) -> Result<()> {
    FLOW_SPECS.named(app, caller, body, "flowSpec").await?;
    let mut ends = [Vec::new(), Vec::new()];
    for (side, found) in [Side::SOURCE, Side::TARGET].iter().zip(&mut ends) {
        for (index, id) in body.get(side.ids).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let pointer = format!("/{}/{index}", side.ids);
            let Some(id) = id.as_str() else {
                return Err(invalid(format!("{}[{index}] must be a text", side.ids)).at(Place::pointer(pointer)));
            };
            found.push(inherited::referred(app, caller, side.resource, id, &pointer).await?);
        }
    }
    inherit(body, &ends[0], &ends[1]);
    options(body)?;
    sketched(body)
}

/// What a draft says of its transformations and of its schedule has its form, whatever is missing.
fn sketched(body: &Map<String, Value>) -> Result<()> {
    for (index, transformation) in
        body.get("transformations").and_then(Value::as_array).into_iter().flatten().enumerate()
    {
        let params = &transformation["params"];
        if !transformation["name"].is_string() || !(params.is_null() || params.is_object()) {
            return Err(invalid(format!("transformations[{index}] must be an object with name and params"))
                .at(Place::pointer(format!("/transformations/{index}"))));
        }
    }
    let empty = Map::new();
    let schedule = body.get("scheduleParams").and_then(Value::as_object).unwrap_or(&empty);
    for (name, value) in schedule {
        let fits = match name.as_str() {
            "startTime" | "interval" => value.is_number() || value.is_string(),
            "frequency" => value.is_string(),
            "backfill" => value.is_boolean() || value.is_string(),
            _ => true,
        };
        if !fits && !value.is_null() {
            return Err(invalid(format!("scheduleParams.{name} is not of its type"))
                .at(Place::pointer(format!("/scheduleParams/{name}"))));
        }
    }
    Ok(())
}

/// What a flow shows of its connections.
fn inherit(body: &mut Map<String, Value>, sources: &[Document], targets: &[Document]) {
    let brief = |documents: &[Document]| documents.iter().map(inherited::brief_with_base).collect::<Vec<_>>();
    let inherited = json!({
        "sourceConnections": brief(sources),
        "targetConnections": brief(targets),
        "properties": { "isSourceFlow": true },
    });
    body.insert("inheritedAttributes".into(), inherited);
}

/// `labels` are texts, and a policy says nothing by halves (FLOW-1431-400).
fn policy(body: &Map<String, Value>) -> Result<()> {
    let mut labels = body.get("labels").and_then(Value::as_array).into_iter().flatten();
    if let Some(index) = labels.position(|label| !label.is_string()) {
        return Err(invalid(format!("labels[{index}] must be a text")).at(Place::pointer(format!("/labels/{index}"))));
    }
    for (name, value) in body.get("policy").and_then(Value::as_object).into_iter().flatten() {
        let empty = match value {
            Value::Null => true,
            Value::String(text) => text.trim().is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        if empty {
            let message = format!("policy.{name} is empty");
            return Err(Error::new(Kind::Invalid, &code::FLOW_1431, message)
                .at(Place::pointer(format!("/policy/{}", name.replace('~', "~0").replace('/', "~1")))));
        }
    }
    Ok(())
}

/// One end of a flow.
struct Side {
    ids: &'static str,
    resource: Resource,
    specs: &'static str,
}

impl Side {
    const SOURCE: Side =
        Side { ids: "sourceConnectionIds", resource: Resource::SourceConnection, specs: "sourceConnectionSpecIds" };
    const TARGET: Side =
        Side { ids: "targetConnectionIds", resource: Resource::TargetConnection, specs: "targetConnectionSpecIds" };
}

/// The one connection at an end of the flow: there, enabled, and of a spec that the flow spec joins.
async fn endpoint(app: &App, caller: &Caller, body: &Map<String, Value>, spec: &Value, side: Side) -> Result<Document> {
    let pointer = format!("/{}/0", side.ids);
    let ids = body.get(side.ids).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let [Value::String(id)] = ids else {
        return Err(invalid(format!("{} must name exactly one connection", side.ids))
            .at(Place::pointer(format!("/{}", side.ids))));
    };
    let connection = inherited::referred(app, caller, side.resource, id, &pointer).await?;
    enabled(&connection)?;
    let used = connection.text("/connectionSpec/id").unwrap_or_default();
    let legal = spec[side.specs].as_array().is_some_and(|ids| ids.iter().any(|id| id == used));
    if !legal {
        let message = format!("the flow spec {} does not join connections of the spec {used}", spec["name"]);
        return Err(Error::new(Kind::Invalid, &code::FLOW_1413, message).at(Place::pointer(pointer)));
    }
    if let Some(base) = connection.text("/baseConnectionId") {
        enabled(&inherited::referred(app, caller, Resource::Connection, base, &pointer).await?)?;
    }
    if side.resource == Resource::SourceConnection {
        forebay_sources::runner(used).map_err(|error| error.at(Place::pointer(pointer)))?;
    }
    Ok(connection)
}

/// `options` (FS-SPEC-5), scalars as text too (FS-SPEC-6).
fn options(body: &Map<String, Value>) -> Result<()> {
    let Some(options) = body.get("options").filter(|options| !options.is_null()) else { return Ok(()) };
    if !options.is_object() {
        return Err(invalid("options must be an object").at(Place::pointer("/options")));
    }
    if truth(options.get("errorDiagnosticsEnabled")).is_none() {
        return Err(invalid("options.errorDiagnosticsEnabled must be true or false")
            .at(Place::pointer("/options/errorDiagnosticsEnabled")));
    }
    let percent = match options.get("partialIngestionPercent") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::String(text)) => text.parse::<f64>().ok(),
        Some(value) => value.as_f64(),
    };
    match percent {
        Some(percent) if percent > 0.0 && percent <= 100.0 => Ok(()),
        _ => Err(invalid("options.partialIngestionPercent must be a number above 0 and at most 100")
            .at(Place::pointer("/options/partialIngestionPercent"))),
    }
}

/// Checks the list of transformations; gives back the position and the parameters of the mapping.
fn transformations<'a>(body: &'a Map<String, Value>, spec: &Value) -> Result<Option<(usize, &'a Value)>> {
    let known: BTreeSet<&str> = ["transformationSpecs", "transformationSpec"]
        .iter()
        .filter_map(|member| spec[*member].as_array())
        .flatten()
        .filter_map(|transformation| transformation["name"].as_str())
        .collect();
    let mut mapping = None;
    let list = match body.get("transformations") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Array(list)) => list,
        Some(_) => {
            return Err(invalid("transformations must be an array").at(Place::pointer("/transformations")));
        }
    };
    for (index, transformation) in list.iter().enumerate() {
        let at = || Place::pointer(format!("/transformations/{index}"));
        let name = transformation["name"].as_str().unwrap_or_default();
        if !known.contains(name) {
            let message = format!(
                "the transformation {name:?} is none of this flow spec's: {}",
                Vec::from_iter(known).join(", ")
            );
            return Err(invalid(message).at(at()));
        }
        if list[..index].iter().any(|before| before["name"] == name) {
            return Err(invalid(format!("a flow has at most one {name}")).at(at()));
        }
        match name {
            "Mapping" => mapping = Some((index, &transformation["params"])),
            "Copy" => delta_column(&transformation["params"]["deltaColumn"])
                .map_err(|error| error.at(Place::pointer(format!("/transformations/{index}/params/deltaColumn"))))?,
            _ => {}
        }
    }
    Ok(mapping)
}

/// The column that tells when a record changed. That the table has it is for its source to say (FS-EXP-3).
pub fn delta_column(column: &Value) -> Result<()> {
    if column.is_null() {
        return Ok(());
    }
    if column["name"].as_str().is_none_or(|name| name.trim().is_empty()) {
        return Err(invalid("deltaColumn must be an object with a name"));
    }
    match ["dateFormat", "timezone"].into_iter().find(|name| !column[*name].is_null() && !column[*name].is_string()) {
        None => Ok(()),
        Some(name) => Err(invalid(format!("deltaColumn.{name} must be a text"))),
    }
}
