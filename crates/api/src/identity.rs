//! The primary identity of a schema as the control plane guards it: what is stored by one is never read by another. A
//! descriptor that says it stays while a dataset of the schema has rows, and while a flow cannot do without.

use crate::App;
use crate::caller::Caller;
use crate::dataprep;
use crate::ingestion;
use crate::listing;
use crate::xdm::{Registry, same};
use forebay_model::error::{Kind, Place};
use forebay_model::filter::{self, Query};
use forebay_model::identity::{self, PrimaryIdentity};
use forebay_model::mapping::MappingSet;
use forebay_model::{Document, Error, Resource, Result, code};
use serde_json::Value;

/// The descriptors of a schema, newest first.
pub async fn descriptors(app: &App, caller: &Caller, schema: &str) -> Result<Vec<Document>> {
    let mut all = listing::every(app, caller, Resource::Descriptor, &[]).await?;
    all.retain(|descriptor| identity::of_schema(&descriptor.body, schema));
    Ok(all)
}

/// What a schema's records are told apart by, for a flow with this mapping set.
pub async fn primary(app: &App, caller: &Caller, schema: &str, set: Option<&Value>) -> Result<Option<PrimaryIdentity>> {
    let all = descriptors(app, caller, schema).await?;
    identity::primary(schema, all.iter().map(|descriptor| &descriptor.body), set)
}

/// Whether each identity is still a field of its schema, in a registry that holds a change.
pub async fn still_fit(app: &App, caller: &Caller, registry: &Registry) -> Result<()> {
    for descriptor in listing::every(app, caller, Resource::Descriptor, &[]).await? {
        if descriptor.text("/@type") != Some(identity::DESCRIPTOR) {
            continue;
        }
        let schema = descriptor.text("/xdm:sourceSchema").unwrap_or_default();
        if registry.find(schema).is_none() {
            continue;
        }
        if let Err(fault) = identity::check(&descriptor.body, &registry.tree(schema)?) {
            let message = format!("the descriptor {} would not fit any more: {}", descriptor.id, fault.message);
            return Err(Error::new(Kind::Conflict, &code::HTTP_400, message).advice("Delete the descriptor first."));
        }
    }
    Ok(())
}

/// Refuses to change what records are told apart by, once there are some: rows that are there would be doubled, or
/// merged with others.
pub async fn unwritten(app: &App, caller: &Caller, schema: &str) -> Result<()> {
    for dataset in datasets(app, caller, schema).await? {
        if has_rows(app, caller, &dataset.id).await? {
            let message = format!(
                "the dataset {} has rows already, and they were stored by what identifies them now",
                dataset.id
            );
            return Err(Error::new(Kind::Conflict, &code::HTTP_409, message).advice(
                "Make a new schema and dataset with the identity that you want and load the data there, or delete the dataset first.",
            ));
        }
        ingestion::idle(app, caller, &dataset.id).await?;
        for flow in flows_to(app, caller, &dataset.id).await? {
            let running = [format!("flowId==\"{}\"", flow.id), "state==inProgress".into()];
            if app.store.count(&caller.scope, Resource::Run, &filter::parse(&running)?).await? > 0 {
                let message =
                    format!("the flow {} is writing to the dataset {} of this schema right now", flow.id, dataset.id);
                return Err(
                    Error::new(Kind::Conflict, &code::HTTP_409, message).advice("Try again when the run has ended.")
                );
            }
        }
    }
    Ok(())
}

/// Refuses a primary identity that a flow to a dataset of the schema could not go by: its mapping set names another
/// field, or fills this one with nothing.
pub async fn suits_flows(app: &App, caller: &Caller, schema: &str, descriptor: &Value) -> Result<()> {
    for dataset in datasets(app, caller, schema).await? {
        for flow in flows_to(app, caller, &dataset.id).await? {
            let set = match mapping_set(app, caller, &flow).await {
                Ok(Some(set)) => set,
                // Parquet files have the schema's own shape; a draft's set is looked at when it is published.
                Ok(None) => continue,
                Err(error) if error.kind == Kind::Invalid => continue,
                Err(error) => return Err(error),
            };
            let refuse = |why: String| {
                let message = format!("the flow {} to the dataset {} could not go on: {why}", flow.id, dataset.id);
                Error::new(Kind::Conflict, &code::HTTP_409, message)
                    .at(Place::pointer("/xdm:sourceProperty"))
                    .advice("Change the flow's mapping set first, or delete the flow.")
            };
            let identity = identity::primary(schema, [descriptor], Some(&set))
                .map_err(|fault| refuse(fault.message.into_owned()))?;
            let Some(identity) = identity else { continue };
            let filled = MappingSet::parse(&set).map_err(|fault| refuse(fault.message.into_owned()))?.rules;
            if !filled.iter().any(|rule| identity.path.starts_with(&rule.destination)) {
                return Err(refuse(format!(
                    "no mapping fills `{}`, which each row must have",
                    identity.path.join(".")
                )));
            }
        }
    }
    Ok(())
}

/// The mapping set of a flow, in the version that it names; `None` for a flow without one.
pub async fn mapping_set(app: &App, caller: &Caller, flow: &Document) -> Result<Option<Value>> {
    let mut transformations = flow.body["transformations"].as_array().into_iter().flatten();
    match transformations.find(|transformation| transformation["name"] == "Mapping") {
        Some(mapping) => dataprep::version(app, caller, &mapping["params"], &str::to_string).await.map(Some),
        None => Ok(None),
    }
}

/// Refuses to take a primary identity away while flows bring changes that are applied by it.
pub async fn unneeded(app: &App, caller: &Caller, schema: &str) -> Result<()> {
    for dataset in datasets(app, caller, schema).await? {
        for flow in flows_to(app, caller, &dataset.id).await? {
            if brings_changes(app, caller, &flow).await? {
                let message = format!(
                    "the flow {} brings changes (cdcEnabled) to the dataset {} and applies them by this identity",
                    flow.id, dataset.id
                );
                return Err(Error::new(Kind::Conflict, &code::HTTP_409, message).advice("Delete the flow first."));
            }
        }
    }
    Ok(())
}

async fn brings_changes(app: &App, caller: &Caller, flow: &Document) -> Result<bool> {
    let Some(source) = flow.text("/sourceConnectionIds/0") else { return Ok(false) };
    match caller.get(app, Resource::SourceConnection, source).await {
        Ok(source) => Ok(crate::sourceconnections::truth(source.body.pointer("/params/cdcEnabled")) == Some(true)),
        Err(error) if error.kind == Kind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

async fn datasets(app: &App, caller: &Caller, schema: &str) -> Result<Vec<Document>> {
    let mut datasets = listing::every(app, caller, Resource::Dataset, &[]).await?;
    datasets.retain(|dataset| same(dataset.text("/schemaRef/id").unwrap_or_default(), schema));
    Ok(datasets)
}

/// Whether a batch has left rows in a dataset.
async fn has_rows(app: &App, caller: &Caller, dataset: &str) -> Result<bool> {
    let terms =
        [format!("relatedObjects[].id==\"{dataset}\""), "status==success".into(), "metrics.outputRecordCount>0".into()];
    let query: Query = filter::parse(&terms)?;
    Ok(app.store.count(&caller.scope, Resource::Batch, &query).await? > 0)
}

/// The flows that write to a dataset.
pub async fn flows_to(app: &App, caller: &Caller, dataset: &str) -> Result<Vec<Document>> {
    let mut flows = Vec::new();
    for target in
        listing::every(app, caller, Resource::TargetConnection, &[format!("params.dataSetId==\"{dataset}\"")]).await?
    {
        let used = [format!("targetConnectionIds[]==\"{}\"", target.id)];
        flows.extend(listing::every(app, caller, Resource::Flow, &used).await?);
    }
    Ok(flows)
}
