//! `GET /manifest`: what there is, as manifests, for `forebay plan`, for export and for *Copy as YAML*. The conversion is
//! `model::manifest`; here the documents are gathered, and told is what a change of each has to name.

use crate::App;
use crate::caller::Caller;
use crate::identity;
use crate::listing;
use crate::params::Params;
use crate::problem::{Problem, invalid};
use crate::registry::CONNECTION_SPECS;
use crate::rights::Right;
use crate::xdm::{Registry, same};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use forebay_model::error::{Kind, Place};
use forebay_model::manifest::convert::{self, Behind, Parts};
use forebay_model::manifest::{Connection, Dataset, Flow, Manifest};
use forebay_model::{Document, Error, Resource, Result, code};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// What there is, in an order in which it can be made.
#[derive(Debug, Serialize, ToSchema)]
pub struct ManifestList {
    /// Connections, then datasets, then flows.
    items: Vec<ManifestItem>,
}

/// One manifest, and what is behind it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ManifestItem {
    /// As a file has it: `kind`, `name` and what belongs to the kind. A secret is a place to read it from.
    #[schema(value_type = Object)]
    manifest: Manifest,
    /// What a change has to name.
    refs: ManifestRefs,
}

/// The documents behind a manifest.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManifestRefs {
    /// The id of the connection, dataset or flow.
    id: String,
    /// Its version.
    etag: String,
    /// The flow's source connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_connection: Option<Versioned>,
    /// The flow's target connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_connection: Option<Versioned>,
    /// The flow's mapping set.
    #[serde(skip_serializing_if = "Option::is_none")]
    mapping_set: Option<String>,
    /// The flow's transformations, as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Object>>)]
    transformations: Option<Value>,
    /// The flow's start, as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<Value>,
    /// The connection that the flow reads through.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    /// The dataset that the flow fills.
    #[serde(skip_serializing_if = "Option::is_none")]
    dataset: Option<String>,
    /// The dataset's schema, by its `$id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<String>,
    /// The `$id`s of the field groups with the dataset's own fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<String>>,
    /// The descriptor that says the dataset's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    descriptor: Option<String>,
}

/// A document in a version.
#[derive(Debug, Serialize, ToSchema)]
pub struct Versioned {
    id: String,
    etag: String,
}

impl Versioned {
    fn of(document: &Document) -> Versioned {
        Versioned { id: document.id.clone(), etag: document.etag.clone() }
    }
}

/// `GET /manifest`: one flow with what it refers to, one connection, one dataset, or everything but drafts.
#[utoipa::path(get, path = "/manifest", tag = "Manifests",
    params(("flow" = Option<String>, Query), ("connection" = Option<String>, Query), ("dataset" = Option<String>, Query),
        ("Accept" = Option<String>, Header, description = "`application/yaml` (if nothing is said) or `application/json`")),
    responses((status = 200, description = "The manifests", content((ManifestList = "application/json"), (String = "application/yaml"))),
        (status = 404, description = "No such flow, connection or dataset")))]
pub async fn get_manifest(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.must(Right::ReadDatasets)?;
    caller.must(Right::ReadSchemas)?;
    let asked = ["flow", "connection", "dataset"].map(|name| params.one(name));
    let [flow, connection, dataset] = asked;
    let gathered = match (flow?, connection?, dataset?) {
        (None, None, None) => everything(&app, &caller).await?,
        (Some(id), None, None) => one_flow(&app, &caller, &caller.get(&app, Resource::Flow, id).await?).await?,
        (None, Some(id), None) => {
            vec![connection_item(&app, &caller, &caller.get(&app, Resource::Connection, id).await?).await?]
        }
        (None, None, Some(id)) => {
            let document = caller.get(&app, Resource::Dataset, id).await?;
            vec![Tables::open(&app, &caller).await?.item(&document, &caller)?]
        }
        _ => return Err(invalid("flow, connection and dataset exclude one another: send one, or none").into()),
    };
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    if accept.contains("json") && !accept.contains("yaml") {
        return Ok(crate::writing::json(StatusCode::OK, &json!(ManifestList { items: gathered })));
    }
    let mut text = String::new();
    for item in &gathered {
        if !text.is_empty() {
            text.push_str("---\n");
        }
        let yaml = serde_saphyr::to_string(&item.manifest)
            .map_err(|e| Error::internal("a manifest could not be written as YAML").caused_by(e))?;
        text.push_str(yaml.trim_end());
        text.push('\n');
    }
    let yaml = HeaderValue::from_static("application/yaml; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, yaml)], text).into_response())
}

async fn everything(app: &App, caller: &Caller) -> Result<Vec<ManifestItem>> {
    let mut items = Vec::new();
    let mut connections = BTreeMap::new();
    for document in oldest_first(listing::every(app, caller, Resource::Connection, &[]).await?) {
        connections.insert(document.id.clone(), name(&document));
        if document.text("/state") != Some("draft") {
            items.push(connection_item(app, caller, &document).await?);
        }
    }
    let tables = Tables::open(app, caller).await?;
    let mut datasets = BTreeMap::new();
    for document in oldest_first(listing::every(app, caller, Resource::Dataset, &[]).await?) {
        datasets.insert(document.id.clone(), name(&document));
        items.push(tables.item(&document, caller)?);
    }
    let by_id = |documents: Vec<Document>| -> BTreeMap<String, Document> {
        documents.into_iter().map(|document| (document.id.clone(), document)).collect()
    };
    let sources = by_id(listing::every(app, caller, Resource::SourceConnection, &[]).await?);
    let targets = by_id(listing::every(app, caller, Resource::TargetConnection, &[]).await?);
    for document in oldest_first(listing::every(app, caller, Resource::Flow, &["state!=draft".into()]).await?) {
        let source = document.text("/sourceConnectionIds/0").and_then(|id| sources.get(id));
        let target = document.text("/targetConnectionIds/0").and_then(|id| targets.get(id));
        let (Some(source), Some(target)) = (source, target) else { continue };
        let set = identity::mapping_set(app, caller, &document).await?;
        let named = |names: &BTreeMap<String, String>, id: Option<&str>| {
            id.and_then(|id| names.get(id)).cloned().unwrap_or_default()
        };
        let connection = named(&connections, source.text("/baseConnectionId"));
        let dataset = named(&datasets, target.text("/params/dataSetId"));
        items.push(flow_item(&document, source, target, connection, dataset, set.as_ref()));
    }
    Ok(items)
}

/// A flow, and before it what it refers to.
async fn one_flow(app: &App, caller: &Caller, flow: &Document) -> Result<Vec<ManifestItem>> {
    let end = async |resource, pointer: &str| match flow.text(pointer) {
        Some(id) => present(app, caller, resource, id, flow).await,
        None => Err(incomplete(flow, pointer)),
    };
    let source = end(Resource::SourceConnection, "/sourceConnectionIds/0").await?;
    let target = end(Resource::TargetConnection, "/targetConnectionIds/0").await?;
    let mut items = Vec::new();
    let (mut connection, mut dataset) = (String::new(), String::new());
    if let Some(id) = source.text("/baseConnectionId") {
        let document = present(app, caller, Resource::Connection, id, flow).await?;
        connection = name(&document);
        items.push(connection_item(app, caller, &document).await?);
    }
    if let Some(id) = target.text("/params/dataSetId") {
        let document = present(app, caller, Resource::Dataset, id, flow).await?;
        dataset = name(&document);
        items.push(Tables::open(app, caller).await?.item(&document, caller)?);
    }
    let set = identity::mapping_set(app, caller, flow).await?;
    items.push(flow_item(flow, &source, &target, connection, dataset, set.as_ref()));
    Ok(items)
}

/// A part of the flow that must be there for a manifest of it.
async fn present(app: &App, caller: &Caller, resource: Resource, id: &str, flow: &Document) -> Result<Document> {
    match caller.get(app, resource, id).await {
        Ok(document) => Ok(document),
        Err(error) if error.kind == Kind::NotFound => Err(incomplete(flow, resource.name())),
        Err(error) => Err(error),
    }
}

fn incomplete(flow: &Document, what: &str) -> Error {
    let message = format!("the flow {} is not whole, and a manifest says whole flows: {what} is missing", flow.id);
    Error::new(Kind::Invalid, &code::FLOW_1100, message).at(Place::pointer("/flow"))
}

fn oldest_first(mut documents: Vec<Document>) -> Vec<Document> {
    documents.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
    documents
}

/// What a document is called; what has no name is called by its id.
fn name(document: &Document) -> String {
    document.text("/name").filter(|name| !name.trim().is_empty()).unwrap_or(&document.id).to_string()
}

async fn connection_item(app: &App, caller: &Caller, document: &Document) -> Result<ManifestItem> {
    let id = document.text("/connectionSpec/id").unwrap_or_default();
    let spec = CONNECTION_SPECS.find(app, caller, id).await?;
    let spec = spec.as_ref().and_then(|spec| spec["name"].as_str()).unwrap_or(id);
    let mut manifest: Connection = convert::connection(&document.body, spec);
    manifest.name = name(document);
    Ok(item(document, Manifest::Connection(manifest)))
}

fn item(document: &Document, manifest: Manifest) -> ManifestItem {
    let refs = ManifestRefs { id: document.id.clone(), etag: document.etag.clone(), ..ManifestRefs::default() };
    ManifestItem { manifest, refs }
}

fn flow_item(
    document: &Document,
    source: &Document,
    target: &Document,
    connection: String,
    dataset: String,
    set: Option<&Value>,
) -> ManifestItem {
    let mut manifest: Flow =
        convert::flow(&Parts { flow: &document.body, source: &source.body, connection, dataset, set });
    manifest.name = name(document);
    let mut item = item(document, Manifest::Flow(manifest));
    let text = |from: &Document, pointer: &str| from.text(pointer).map(str::to_string);
    item.refs.source_connection = Some(Versioned::of(source));
    item.refs.target_connection = Some(Versioned::of(target));
    item.refs.mapping_set = set.and_then(|set| set["id"].as_str()).map(str::to_string);
    item.refs.transformations = document.body.get("transformations").filter(|list| list.is_array()).cloned();
    item.refs.start_time = document.body.pointer("/scheduleParams/startTime").cloned();
    item.refs.connection = text(source, "/baseConnectionId");
    item.refs.dataset = text(target, "/params/dataSetId");
    item
}

/// The schemas behind datasets.
struct Tables {
    registry: Registry,
    descriptors: Vec<Document>,
    /// Field groups, and the schemas and other resources that refer to them.
    used: BTreeMap<String, BTreeSet<String>>,
}

impl Tables {
    async fn open(app: &App, caller: &Caller) -> Result<Tables> {
        let registry = Registry::open(app, caller).await?;
        let descriptors = listing::every(app, caller, Resource::Descriptor, &[]).await?;
        let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for document in &registry.documents {
            for part in document.body["refs"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                used.entry(part.to_string()).or_default().insert(document.id.clone());
            }
        }
        Ok(Tables { registry, descriptors, used })
    }

    fn item(&self, document: &Document, caller: &Caller) -> Result<ManifestItem> {
        let schema = document.text("/schemaRef/id").unwrap_or_default();
        let found = self.registry.find(schema).unwrap_or_default();
        let described = self.descriptors.iter().find(|descriptor| {
            forebay_model::identity::is_primary(&descriptor.body)
                && same(descriptor.text("/xdm:sourceSchema").unwrap_or_default(), schema)
        });
        let described = described.map(|descriptor| &descriptor.body);
        let key = forebay_model::identity::primary(schema, described, None)?;
        let of_tenant = |id: &str| self.registry.documents.iter().any(|document| document.text("/$id") == Some(id));
        let behind = Behind {
            schema: &found,
            find: &|id| self.registry.find(id),
            own: &|id| of_tenant(id) && self.used.get(id).is_some_and(|users| users.len() == 1),
            namespace: &format!("_{}", caller.member.tenant),
            key: key.as_ref(),
        };
        let (mut manifest, groups): (Dataset, Vec<String>) = convert::dataset(&document.body, &behind);
        manifest.name = name(document);
        let mut item = item(document, Manifest::Dataset(manifest));
        item.refs.schema = Some(schema.to_string());
        item.refs.groups = Some(groups);
        item.refs.descriptor = described.and_then(|body| body["@id"].as_str()).map(str::to_string);
        Ok(item)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_secret_is_masked_in_one_way() {
        assert_eq!(forebay_model::manifest::convert::MASK, crate::secrets::MASK);
    }
}
