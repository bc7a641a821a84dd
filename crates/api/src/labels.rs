//! Data usage labels (platform.md §7): on a dataset, on its fields, and on a flow; the list of core labels; and the one
//! thing that a label forbids here, which is to take data out ([`exportable`]).
//!
//! Labels of a dataset are a document of their own beside it, so that they have an etag of their own. It outlives the
//! dataset: the diagnostics of a deleted dataset's batches stay as closed as its rows were.

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::identity;
use crate::problem::Problem;
use crate::rights::Right;
use crate::writing::{IfMatch, check_version, gone, json, object};
use crate::xdm::{Registry, same};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::{Document, Error, Resource, Result, code};
use forebay_store::{New, Secrets};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// The label that forbids to take data out.
const SEALED: &str = "C12";
/// The type of descriptors that put labels on a field.
const DESCRIPTOR: &str = "xdm:descriptorLabel";
/// Labelled fields of a dataset at most.
const MAX_FIELDS: usize = 5_000;

/// The core labels: name, category, and what it says of data.
const CORE: &[(&str, &str, &str)] = &[
    ("C1", "contract", "May leave only in sums over many people, with no identifier of a person or device."),
    ("C2", "contract", "May not be given to third parties."),
    ("C3", "contract", "May not be joined with what identifies a person directly."),
    ("C4", "contract", "May not serve to address advertisements, on the own site or elsewhere."),
    ("C5", "contract", "May not serve to address advertisements by interest across sites."),
    ("C6", "contract", "May not serve to address advertisements on the own site."),
    ("C7", "contract", "May not serve to choose the contents of the own site."),
    ("C8", "contract", "May not serve to measure the own sites and apps."),
    ("C9", "contract", "May not be used in data science."),
    ("C10", "contract", "May not be used where identities have been stitched together."),
    ("C11", "contract", "May not be shared with partners to match segments."),
    ("C12", "contract", "May not be exported in any way."),
    ("I1", "identity", "Identifies a person directly."),
    ("I2", "identity", "Identifies a person together with other data."),
    ("S1", "sensitive", "Tells a place exactly."),
    ("S2", "sensitive", "Tells a place roughly."),
    ("PSPD", "sensitive", "May be personal data of a special category."),
    ("RHD", "sensitive", "Is health data under regulation."),
    ("Third-Party", "partner", "Comes from a partner."),
];

/// The labels of a dataset as they are sent and shown.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "it says the form to readers of openapi.json")]
pub struct LabelPayload {
    /// Labels of the dataset as a whole, such as `core/C2` or `C2`.
    labels: Vec<String>,
    /// Labels of single fields.
    optional_labels: Option<Vec<FieldLabels>>,
}

/// The labels of one field.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it says the form to readers of openapi.json")]
pub struct FieldLabels {
    option: FieldOption,
    labels: Vec<String>,
}

/// Which field.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "it says the form to readers of openapi.json")]
pub struct FieldOption {
    /// The `$id` of the dataset's schema.
    id: String,
    /// Its content type and version.
    content_type: Option<String>,
    /// The JSON pointer of the field in the whole schema.
    schema_path: String,
}

/// `GET /datasets/{id}/labels`
#[utoipa::path(get, path = "/datasets/{id}/labels", tag = "Labels", params(("id" = String, Path)),
    responses((status = 200, description = "The labels; their etag is in the header", body = LabelPayload), (status = 404, description = "No dataset, or no labels")))]
pub async fn get_data_set_labels(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    data_set(&app, &caller, &id).await?;
    Ok(shown(StatusCode::OK, &there(&app, &caller, &id).await?))
}

/// `POST /datasets/{id}/labels`: the first labels of a dataset.
#[utoipa::path(post, path = "/datasets/{id}/labels", tag = "Labels", request_body = LabelPayload, params(("id" = String, Path)),
    responses((status = 201, description = "The labels", body = LabelPayload), (status = 403, description = "It has labels already"), (status = 404, description = "No dataset")))]
pub async fn create_data_set_labels(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let dataset = data_set(&app, &caller, &id).await?;
    let labels = checked(&app, &caller, &dataset, body).await?;
    let new = New::new(Resource::DatasetLabels, id.clone(), labels).unstamped();
    match app.store.insert(&caller.scope, new, app.now()).await {
        Ok(document) => Ok(shown(StatusCode::CREATED, &document)),
        Err(error) if error.kind == Kind::Conflict => {
            let message = format!("the dataset {id} has labels already");
            Err(Error::new(Kind::Forbidden, &code::PES_403, message)
                .advice("Replace them with PUT and their etag in If-Match.")
                .into())
        }
        Err(error) => Err(error.into()),
    }
}

/// `PUT /datasets/{id}/labels`: other labels in place of those that are there.
#[utoipa::path(put, path = "/datasets/{id}/labels", tag = "Labels", request_body = LabelPayload,
    params(("id" = String, Path), ("If-Match" = String, Header)),
    responses((status = 200, description = "The labels", body = LabelPayload), (status = 404, description = "No dataset, or no labels"),
        (status = 412, description = "The etag is not the current one")))]
pub async fn put_data_set_labels(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    let dataset = data_set(&app, &caller, &id).await?;
    let old = there(&app, &caller, &id).await?;
    check_version(if_match.required()?, &old)?;
    let labels = checked(&app, &caller, &dataset, body).await?;
    let kept = sealed(&labels);
    if sealed(&old.body).iter().any(|place| !kept.contains(place)) {
        may_unseal(&caller)?;
    }
    let change = move |_: &Document, secrets: &Secrets| Ok((labels, secrets.clone()));
    let scope = &caller.scope;
    let document = app.store.update(scope, Resource::DatasetLabels, &id, Some(&old.etag), app.now(), change).await?;
    Ok(shown(StatusCode::OK, &document))
}

/// `DELETE /datasets/{id}/labels`
#[utoipa::path(delete, path = "/datasets/{id}/labels", tag = "Labels", params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 204, description = "It has no labels any more"), (status = 404, description = "No dataset, or no labels"),
        (status = 412, description = "The etag is not the current one")))]
pub async fn delete_data_set_labels(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    data_set(&app, &caller, &id).await?;
    let old = there(&app, &caller, &id).await?;
    if let Some(sent) = if_match.optional() {
        check_version(sent, &old)?;
    }
    if !sealed(&old.body).is_empty() {
        may_unseal(&caller)?;
    }
    app.store.delete(&caller.scope, Resource::DatasetLabels, &id, Some(&old.etag), app.now()).await?;
    Ok(gone())
}

/// `GET /labels/core`: the labels that everybody knows.
#[utoipa::path(get, path = "/labels/core", tag = "Labels", responses((status = 200, description = "The core labels")))]
pub async fn list_core_labels(State(app): State<App>, _caller: Caller) -> Response {
    let children: Vec<Value> = CORE.iter().map(|label| core(&app, label)).collect();
    let link = json!({ "href": app.link("/data/foundation/dulepolicy/labels/core") });
    let body = json!({ "_page": { "count": children.len() }, "_links": { "self": link }, "children": children });
    json(StatusCode::OK, &body)
}

/// `GET /labels/core/{name}`
#[utoipa::path(get, path = "/labels/core/{name}", tag = "Labels", params(("name" = String, Path)),
    responses((status = 200, description = "The label"), (status = 404, description = "No such label")))]
pub async fn get_core_label(
    State(app): State<App>,
    _caller: Caller,
    Path(name): Path<String>,
) -> Result<Response, Problem> {
    match CORE.iter().find(|label| label.0 == bare(&name)) {
        Some(label) => Ok(json(StatusCode::OK, &core(&app, label))),
        None => Err(missing(format!("there is no core label {name:?}")).into()),
    }
}

fn core(app: &App, (name, category, text): &(&str, &str, &str)) -> Value {
    let link = app.link(&format!("/data/foundation/dulepolicy/labels/core/{name}"));
    json!({ "name": name, "category": category, "friendlyName": name, "description": text,
        "_links": { "self": { "href": link } } })
}

/// Refuses to give out what a dataset holds where it, or a field of it, is labelled so. `Right::Export` lifts it.
pub async fn exportable(app: &App, caller: &Caller, dataset: &str) -> Result<()> {
    if caller.may(Right::Export) {
        return Ok(());
    }
    let refuse = |what: String| {
        let message = format!("{what} has the label {SEALED}: it may not be exported");
        Err(Error::new(Kind::Forbidden, &code::HTTP_403, message)
            .advice("Ask for a role with the right `export`, or have the label taken away."))
    };
    let labels = match caller.get(app, Resource::DatasetLabels, dataset).await {
        Ok(document) => document.body,
        Err(error) if error.kind == Kind::NotFound => Value::Null,
        Err(error) => return Err(error),
    };
    if seals(&labels["labels"]) {
        return refuse(format!("the dataset {dataset}"));
    }
    for field in labels["optionalLabels"].as_array().into_iter().flatten() {
        if seals(&field["labels"]) {
            let path = field["option"]["schemaPath"].as_str().unwrap_or_default();
            return refuse(format!("the field {path} of the dataset {dataset}"));
        }
    }
    let schema = match caller.get(app, Resource::Dataset, dataset).await {
        Ok(document) => document.text("/schemaRef/id").unwrap_or_default().to_string(),
        Err(error) if error.kind == Kind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for descriptor in identity::descriptors(app, caller, &schema).await? {
        if descriptor.text("/@type") == Some(DESCRIPTOR) && seals(&descriptor.body["xdm:labels"]) {
            let path = descriptor.text("/xdm:sourceProperty").unwrap_or_default();
            return refuse(format!("the field {path} of the dataset {dataset}"));
        }
    }
    Ok(())
}

/// What the labels of a dataset seal: the dataset as a whole (which has no path), and fields.
fn sealed(labels: &Value) -> Vec<&str> {
    let fields = labels["optionalLabels"].as_array().into_iter().flatten().filter(|field| seals(&field["labels"]));
    let fields = fields.filter_map(|field| field["option"]["schemaPath"].as_str());
    seals(&labels["labels"]).then_some("").into_iter().chain(fields).collect()
}

/// Refuses a change of a descriptor that takes the seal from a field. `new` is null for a deletion.
pub fn keeps_seal(caller: &Caller, old: &Value, new: &Value) -> Result<()> {
    let sealed = |descriptor: &Value| descriptor["@type"] == DESCRIPTOR && seals(&descriptor["xdm:labels"]);
    let same = old["xdm:sourceProperty"] == new["xdm:sourceProperty"];
    if sealed(old) && !(sealed(new) && same) { may_unseal(caller) } else { Ok(()) }
}

/// Whoever could take the seal away could take out what it closes: it needs the right that the seal asks for.
fn may_unseal(caller: &Caller) -> Result<()> {
    if caller.may(Right::Export) {
        return Ok(());
    }
    let message = format!("to take the label {SEALED} away needs the right `export`");
    Err(Error::new(Kind::Forbidden, &code::HTTP_403, message).advice("Ask for a role with the right `export`."))
}

fn seals(labels: &Value) -> bool {
    labels.as_array().into_iter().flatten().any(|label| label.as_str().is_some_and(|label| bare(label) == SEALED))
}

/// Checks the labels of a flow, which say something of it and forbid nothing.
pub fn of_flow(flow: &Map<String, Value>) -> Result<()> {
    match flow.get("labels") {
        None | Some(Value::Null) => Ok(()),
        Some(labels) => names(labels, "/labels").map_err(|error| Error { code: &code::FLOW_1100, ..error }),
    }
}

/// A label without the prefix that some write (P-9).
fn bare(label: &str) -> &str {
    label.strip_prefix("core/").unwrap_or(label)
}

/// Whether these are names of labels: core ones, with a prefix or not (P-9), or custom ones with theirs.
fn names(labels: &Value, at: &str) -> Result<()> {
    let Value::Array(labels) = labels else {
        return Err(fault("labels must be an array of names", at));
    };
    for (index, label) in labels.iter().enumerate() {
        let at = format!("{at}/{index}");
        let Some(name) = label.as_str() else {
            return Err(fault("the name of a label is a text", &at));
        };
        let custom = name.strip_prefix("custom/");
        let known = match custom {
            Some(custom) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
                !custom.is_empty() && custom.len() <= 64 && custom.chars().all(plain)
            }
            None => CORE.iter().any(|core| core.0 == bare(name)),
        };
        if !known {
            return Err(fault(format!("{name:?} is no core label, and custom ones begin with custom/"), &at)
                .advice("List the core labels with GET /data/foundation/dulepolicy/labels/core."));
        }
        if labels[..index].iter().any(|other| other.as_str().is_some_and(|other| bare(other) == bare(name))) {
            return Err(fault(format!("the label {name:?} is named twice"), &at));
        }
    }
    Ok(())
}

/// Labels as they are stored: each is one that exists, each field one of the dataset's schema.
async fn checked(app: &App, caller: &Caller, dataset: &Document, body: Value) -> Result<Value> {
    let body = object(body, "the labels")?;
    if let Some(odd) = body.keys().find(|name| !matches!(name.as_str(), "labels" | "optionalLabels")) {
        return Err(fault(format!("{odd} is no member of labels"), &format!("/{odd}")));
    }
    let labels = body.get("labels").cloned().unwrap_or(json!([]));
    names(&labels, "/labels")?;
    let fields = match body.get("optionalLabels") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(fields)) => fields.clone(),
        Some(_) => return Err(fault("optionalLabels must be an array", "/optionalLabels")),
    };
    if fields.len() > MAX_FIELDS {
        return Err(fault(format!("at most {MAX_FIELDS} fields have labels"), "/optionalLabels"));
    }
    if !fields.is_empty() {
        let own = dataset.text("/schemaRef/id").unwrap_or_default();
        let registry = Registry::open(app, caller).await?;
        let full = registry.full(&registry.find(own).unwrap_or_default())?;
        for (index, field) in fields.iter().enumerate() {
            of_field(field, own, &full, &format!("/optionalLabels/{index}"))?;
        }
    }
    Ok(json!({ "labels": labels, "optionalLabels": fields }))
}

/// `{option{id, contentType, schemaPath}, labels}`: a field of the dataset's own schema.
fn of_field(field: &Value, schema: &str, full: &Value, at: &str) -> Result<()> {
    names(&field["labels"], &format!("{at}/labels"))?;
    let Some(id) = field["option"]["id"].as_str() else {
        return Err(fault("option.id is the $id of the dataset's schema", &format!("{at}/option/id")));
    };
    if !same(id, schema) {
        return Err(fault(format!("the dataset's schema is {schema}, not {id}"), &format!("{at}/option/id")));
    }
    let path = format!("{at}/option/schemaPath");
    let Some(pointer) = field["option"]["schemaPath"].as_str() else {
        return Err(fault("option.schemaPath is the JSON pointer of a field", &path));
    };
    if !pointer.starts_with("/properties/") || full.pointer(pointer).is_none_or(|node| !node.is_object()) {
        return Err(fault(format!("the dataset's schema has no field at {pointer:?}"), &path)
            .advice("Read the schema with Accept: application/vnd.adobe.xed-full+json; version=1."));
    }
    Ok(())
}

fn fault(message: impl Into<String>, at: &str) -> Error {
    Error::new(Kind::Invalid, &code::PES_400, message.into()).at(Place::pointer(at))
}

fn missing(message: String) -> Error {
    Error::new(Kind::NotFound, &code::PES_404, message)
}

async fn data_set(app: &App, caller: &Caller, id: &str) -> Result<Document> {
    match caller.get(app, Resource::Dataset, id).await {
        Err(error) if error.kind == Kind::NotFound => Err(missing(format!("there is no dataset {id}"))),
        found => found,
    }
}

async fn there(app: &App, caller: &Caller, id: &str) -> Result<Document> {
    match caller.get(app, Resource::DatasetLabels, id).await {
        Err(error) if error.kind == Kind::NotFound => {
            Err(missing(format!("the dataset {id} has no labels")).advice("Give it the first ones with POST."))
        }
        found => found,
    }
}

fn shown(status: StatusCode, document: &Document) -> Response {
    let mut response = json(status, &document.body);
    if let Ok(etag) = HeaderValue::from_str(&document.etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}
