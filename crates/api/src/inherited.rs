//! What one entity shows of the entities it refers to: computed when it is written, stored with it, so that filters
//! find it (`inheritedAttributes.targetConnections[].connectionSpec.id==…`).

use crate::App;
use crate::caller::Caller;
use forebay_model::error::{Kind, Place};
use forebay_model::{Document, Error, Resource, Result, code};
use serde_json::{Value, json};

/// `{id, connectionSpec{id, version}}` of a connection.
pub fn brief(document: &Document) -> Value {
    let spec = &document.body["connectionSpec"];
    json!({ "id": document.id, "connectionSpec": { "id": spec["id"], "version": spec["version"] } })
}

/// The same, with the base connection behind it.
pub fn brief_with_base(document: &Document) -> Value {
    let mut brief = brief(document);
    let base = &document.body["inheritedAttributes"]["baseConnection"];
    if base.is_object() {
        brief["baseConnection"] = base.clone();
    }
    brief
}

/// A document that a body refers to; a dangling reference is the body's fault (400), not the address's (404).
pub async fn referred(app: &App, caller: &Caller, resource: Resource, id: &str, pointer: &str) -> Result<Document> {
    match caller.get(app, resource, id).await {
        Ok(document) => Ok(document),
        Err(error) if error.kind == Kind::NotFound => Err(Error::new(
            Kind::Invalid,
            &code::FLOW_1100,
            format!("there is no {} with the id {id:?} in this sandbox", resource.name()),
        )
        .at(Place::pointer(pointer))),
        Err(error) => Err(error),
    }
}
