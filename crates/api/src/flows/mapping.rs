//! A flow's mapping against its dataset (FS §9.6): the set fits the schema, and what tells records apart is the same for
//! all that is written there.

use crate::App;
use crate::caller::Caller;
use crate::dataprep;
use crate::identity;
use crate::inherited;
use crate::problem::invalid;
use crate::sourceconnections::truth;
use crate::xdm;
use forebay_model::error::{Kind, Place};
use forebay_model::identity::PrimaryIdentity;
use forebay_model::mapping::MappingSet;
use forebay_model::xdm::FieldTree;
use forebay_model::{Document, Error, Resource, Result, code};
use serde_json::Value;

/// Checks the mapping of a flow between a source and a target connection. `own` is the flow's id, once it has one;
/// `mapping` the transformation's position and parameters.
pub async fn check(
    app: &App,
    caller: &Caller,
    own: Option<&str>,
    (source, target): (&Document, &Document),
    mapping: Option<(usize, &Value)>,
) -> Result<()> {
    let fitted = check_set(app, caller, source, target, mapping).await?;
    check_identity(app, caller, own, source, &fitted).await
}

/// A dataset, and what is mapped to it.
struct Fitted {
    dataset: Document,
    tree: FieldTree,
    mapped: Option<Mapped>,
}

/// A flow's mapping set.
struct Mapped {
    /// Where the flow names it.
    at: String,
    body: Value,
    rules: MappingSet,
}

/// The mapping set exists in that version, is made for the dataset's schema, and fits it.
async fn check_set(
    app: &App,
    caller: &Caller,
    source: &Document,
    target: &Document,
    mapping: Option<(usize, &Value)>,
) -> Result<Fitted> {
    let dataset = target.text("/params/dataSetId").unwrap_or_default();
    let dataset = inherited::referred(app, caller, Resource::Dataset, dataset, "/targetConnectionIds/0").await?;
    let schema = dataset.text("/schemaRef/id").unwrap_or_default();
    let differ = |what: &str, other: &str, pointer: String| {
        let message = format!("{what} has the schema {other}, the dataset {} has {schema}", dataset.id);
        Err(Error::new(Kind::Invalid, &code::FLOW_1425, message).at(Place::pointer(pointer)))
    };
    if let Some(named) = target.text("/data/schema/id")
        && !xdm::same(named, schema)
    {
        return differ("the target connection", named, "/targetConnectionIds/0".into());
    }
    let tree = xdm::tree(app, caller, schema).await?;
    let Some((index, params)) = mapping else {
        let format = source.text("/data/format").unwrap_or_default();
        if format.to_ascii_lowercase().starts_with("parquet") {
            return Ok(Fitted { dataset, tree, mapped: None });
        }
        let held = if format.eq_ignore_ascii_case("tabular") { "tables" } else { "files" };
        return Err(invalid(format!(
            "transformations must have a Mapping: {format} {held} have no XDM shape of their own"
        ))
        .at(Place::pointer("/transformations")));
    };
    let pointer = |member: &str| format!("/transformations/{index}/params/{member}");
    let set = dataprep::version(app, caller, params, &pointer).await?;
    if let Some(named) = dataprep::schema_of(&set)
        && !xdm::same(named, schema)
    {
        return differ("the mapping set", named, pointer("mappingId"));
    }
    let parsed = MappingSet::parse(&set).map_err(as_mapping_fault)?;
    parsed.check(&tree).map_err(as_mapping_fault)?;
    let mapped = Mapped { at: pointer("mappingId"), body: set, rules: parsed };
    Ok(Fitted { dataset, tree, mapped: Some(mapped) })
}

/// What tells the dataset's records apart is filled by the mapping, is there where changes need it, and is the same for
/// all flows that write to the dataset.
async fn check_identity(
    app: &App,
    caller: &Caller,
    own: Option<&str>,
    source: &Document,
    fitted: &Fitted,
) -> Result<()> {
    let Fitted { dataset, tree, mapped } = fitted;
    let schema = dataset.text("/schemaRef/id").unwrap_or_default();
    let described = identity::primary(app, caller, schema, None).await?;
    let found = identity::primary(app, caller, schema, mapped.as_ref().map(|mapped| &mapped.body)).await?;
    let Some(identity) = &found else {
        if truth(source.body.pointer("/params/cdcEnabled")) == Some(true) {
            let message = format!(
                "the source connection brings changes (cdcEnabled), and nothing tells the records of the schema {schema} apart"
            );
            return Err(invalid(message).at(Place::pointer("/targetConnectionIds/0")).advice(
                "Give the schema a primary identity: POST a descriptor of the type xdm:descriptorIdentity with \"xdm:isPrimary\": true.",
            ));
        }
        return agree(app, caller, own, dataset, None).await;
    };
    if let Some(mapped) = mapped {
        let fault = |message: String| {
            Err(Error::new(Kind::Invalid, &code::FLOW_1419, message).at(Place::pointer(mapped.at.clone())))
        };
        if let Err(message) = forebay_model::identity::check_field(&identity.path, tree) {
            return fault(message);
        }
        if !mapped.rules.rules.iter().any(|rule| identity.path.starts_with(&rule.destination)) {
            let name = identity.path.join(".");
            return fault(format!(
                "no mapping fills {name}, the primary identity of the schema, which each row must have"
            ));
        }
    }
    match described {
        Some(_) => Ok(()),
        None => agree(app, caller, own, dataset, found.as_ref()).await,
    }
}

/// Without a descriptor each flow says for itself what tells records apart; flows to one dataset must say the same.
async fn agree(
    app: &App,
    caller: &Caller,
    own: Option<&str>,
    dataset: &Document,
    identity: Option<&PrimaryIdentity>,
) -> Result<()> {
    let schema = dataset.text("/schemaRef/id").unwrap_or_default();
    let path = |identity: Option<&PrimaryIdentity>| identity.map(|identity| identity.path.join("."));
    for other in identity::flows_to(app, caller, &dataset.id).await? {
        if own == Some(other.id.as_str()) {
            continue;
        }
        let set = identity::mapping_set(app, caller, &other).await?;
        let theirs = identity::primary(app, caller, schema, set.as_ref()).await?;
        if path(theirs.as_ref()) != path(identity) {
            let told = |path: Option<String>| path.map_or("nothing".into(), |path| format!("`{path}`"));
            let message = format!(
                "flow {} tells the records of the dataset {} apart by {}, this one by {}",
                other.id,
                dataset.id,
                told(path(theirs.as_ref())),
                told(path(identity))
            );
            return Err(invalid(message)
                .at(Place::pointer("/transformations"))
                .advice("Mark the same field with `identity` in both mapping sets, or give the schema a descriptor."));
        }
    }
    Ok(())
}

/// FLOW-1419-400, whatever the language called it; the place stays the mapping's own.
fn as_mapping_fault(mut error: Error) -> Error {
    if error.kind == Kind::Invalid {
        error.code = &code::FLOW_1419;
    }
    error
}
