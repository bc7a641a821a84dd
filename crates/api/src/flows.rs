//! Flows: source connections, target connections, transformations and a schedule (FS §9.6).

mod mapping;

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::connections::{enabled, named, refuse_draft, refuse_id, state};
use crate::inherited;
use crate::listing;
use crate::params::Params;
use crate::problem::{Problem, invalid};
use crate::sourceconnections::truth;
use crate::writing::{self, IfMatch, TRIES};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::schedule::Schedule;
use forebay_model::{Document, Error, Resource, Result, Time, code, patch};
use forebay_store::New;
use serde_json::{Map, Value, json};

/// Members whose change is checked like a new flow. A flow can be renamed and disabled whatever became of its
/// connections.
const SUBSTANCE: &[&str] =
    &["flowSpec", "sourceConnectionIds", "targetConnectionIds", "transformations", "scheduleParams", "options"];

/// `POST /flows`
#[utoipa::path(post, path = "/flows", tag = "Flows", request_body = Object,
    responses((status = 201, description = "`{id, etag}`"), (status = 400, description = "The body is refused")))]
pub async fn create_flow(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    Body(body): Body,
) -> Result<Response, Problem> {
    refuse_draft(&params)?;
    let mut body = writing::object(body, "the flow")?;
    refuse_id(&body)?;
    if body.get("state").is_some_and(|state| !state.is_null()) {
        let message = "state may not be given when a flow is created";
        return Err(Error::new(Kind::Invalid, &code::FLOW_1410, message).at(Place::pointer("/state")).into());
    }
    let now = app.now();
    caller.sign(&mut body);
    complete(&app, &caller, &mut body, now).await?;
    let id = app.uuid();
    body.insert("state".into(), json!("enabled"));
    body.insert("runs".into(), json!(format!("/runs?property=flowId=={id}")));
    body.insert("lastOperation".into(), last_operation("create", now));
    let new = New::new(Resource::Flow, id, Value::Object(body));
    let document = app.store.insert(&caller.scope, new, now).await?;
    Ok(writing::created(&app, &document))
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
    let sent = if_match.required()?;
    let operations = patch::parse(&body)?;
    for _ in 0..TRIES {
        let now = app.now();
        let old = caller.get(&app, Resource::Flow, &id).await?;
        writing::check_version(sent, &old)?;
        let mut new = writing::object(patch::apply(&old.body, &operations)?, "the patched flow")?;
        state(&new)?;
        fixed_start(&old, &new, now)?;
        named(&new, false)?;
        if SUBSTANCE.iter().any(|name| old.body.get(*name) != new.get(*name)) {
            complete(&app, &caller, &mut new, old.created).await?;
        }
        new.insert("lastOperation".into(), last_operation("update", now));
        if let Some(document) = writing::replace(&app, &caller, &old, Some(sent), Value::Object(new), None).await? {
            return Ok(writing::changed(&document));
        }
    }
    Err(writing::too_busy(Resource::Flow, &id).into())
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
    app.store.delete(&caller.scope, Resource::Flow, &id, if_match.optional(), app.now()).await?;
    Ok(writing::gone())
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
async fn complete(app: &App, caller: &Caller, body: &mut Map<String, Value>, created: Time) -> Result<()> {
    named(body, false)?;
    let spec = flow_spec(body)?;
    let source = endpoint(app, caller, body, spec, Side::SOURCE).await?;
    let target = endpoint(app, caller, body, spec, Side::TARGET).await?;
    options(body)?;
    Schedule::parse(body.get("scheduleParams"), created)?;
    let mapping = transformations(body, spec)?;
    let own = body.get("id").and_then(Value::as_str);
    mapping::check(app, caller, own, (&source, &target), mapping).await?;
    body.insert(
        "inheritedAttributes".into(),
        json!({
            "sourceConnections": [inherited::brief_with_base(&source)],
            "targetConnections": [inherited::brief_with_base(&target)],
            "properties": { "isSourceFlow": true },
        }),
    );
    Ok(())
}

fn flow_spec(body: &mut Map<String, Value>) -> Result<&'static Value> {
    let at = || Place::pointer("/flowSpec/id");
    let Some(wanted) = body.get_mut("flowSpec").filter(|spec| spec.is_object()) else {
        return Err(Error::new(Kind::Invalid, &code::FLOW_1413, "flowSpec.id is missing").at(at()));
    };
    let id = wanted["id"].as_str().unwrap_or_default();
    let Some(spec) = forebay_sources::flow_spec(id) else {
        let message = format!("there is no flow spec with the id {id:?}");
        return Err(Error::new(Kind::Invalid, &code::FLOW_1413, message).at(at()));
    };
    if wanted["version"].is_null() {
        wanted["version"] = spec["version"].clone();
    }
    Ok(spec)
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
    let known: Vec<&str> = ["transformationSpecs", "transformationSpec"]
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
        if !known.contains(&name) {
            let message = format!("the transformation {name:?} is none of this flow spec's: {}", known.join(", "));
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
