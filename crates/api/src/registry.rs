//! The specs that an organization sees (FS §6): the built-in ones, and those that it has stored. A stored flow spec with
//! the id of a built-in one stands in its place; connection specs that are built in cannot be replaced.

use crate::App;
use crate::caller::Caller;
use forebay_model::error::{Kind, Place};
use forebay_model::{Document, Error, Resource, Result, Scope, code};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// One kind of specs.
pub struct Shelf {
    /// Where stored ones are.
    pub resource: Resource,
    /// What messages call one.
    pub name: &'static str,
    built_in: fn() -> &'static [Value],
}

/// Kinds of systems and the fields they need.
pub static CONNECTION_SPECS: Shelf =
    Shelf { resource: Resource::ConnectionSpec, name: "connection spec", built_in: forebay_sources::specs };

/// Kinds of flows.
pub static FLOW_SPECS: Shelf =
    Shelf { resource: Resource::FlowSpec, name: "flow spec", built_in: forebay_sources::flow_specs };

impl Shelf {
    /// The built-in spec of that id.
    pub fn built_in(&self, id: &str) -> Option<&'static Value> {
        (self.built_in)().iter().find(|spec| spec["id"] == id)
    }

    /// The spec of that id, as its organization sees it.
    pub async fn find(&self, app: &App, caller: &Caller, id: &str) -> Result<Option<Cow<'static, Value>>> {
        let built_in = self.built_in(id).map(Cow::Borrowed);
        if id.is_empty() || built_in.is_some() && self.resource == Resource::ConnectionSpec {
            return Ok(built_in);
        }
        Ok(self.stored(app, caller, id).await?.map(|spec| Cow::Owned(shown(spec))).or(built_in))
    }

    /// The stored spec of that id.
    pub async fn stored(&self, app: &App, caller: &Caller, id: &str) -> Result<Option<Document>> {
        match app.store.get(&organization(caller), self.resource, id).await {
            Ok(document) => Ok(Some(document)),
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Every spec: the built-in ones first, then those that were stored, the newest first.
    pub async fn all(&self, app: &App, caller: &Caller) -> Result<Vec<Cow<'static, Value>>> {
        let mut specs: Vec<Cow<'static, Value>> = (self.built_in)().iter().map(Cow::Borrowed).collect();
        for document in crate::listing::every_in(app, &organization(caller), self.resource, &[]).await? {
            match specs.iter_mut().find(|spec| spec["id"] == document.id) {
                Some(place) => *place = Cow::Owned(shown(document)),
                None => specs.push(Cow::Owned(shown(document))),
            }
        }
        Ok(specs)
    }

    /// FLOW-1439-404.
    pub fn unknown(&self, id: &str) -> Error {
        let kind = self.resource.name();
        let message =
            format!("The requested {kind} resource {id} is not found. Verify the resource ID before trying again.");
        Error::new(Kind::NotFound, &code::FLOW_1439, message)
    }

    /// The spec that a body names in `member` (FS-CON-1), with its version filled in (FS-CON-5).
    pub async fn named(
        &self,
        app: &App,
        caller: &Caller,
        body: &mut Map<String, Value>,
        member: &str,
    ) -> Result<Cow<'static, Value>> {
        let refused = |message: String| {
            Err(Error::new(Kind::Invalid, &code::FLOW_1413, message).at(Place::pointer(format!("/{member}/id"))))
        };
        let Some(wanted) = body.get_mut(member).filter(|spec| spec.is_object()) else {
            return refused(format!("{member}.id is missing"));
        };
        let id = wanted["id"].as_str().unwrap_or_default();
        let Some(spec) = self.find(app, caller, id).await? else {
            return refused(format!("there is no {} with the id {id:?}", self.name));
        };
        match &wanted["version"] {
            Value::Null => wanted["version"] = spec["version"].clone(),
            Value::String(_) | Value::Number(_) => {}
            _ => {
                return Err(crate::problem::invalid(format!("{member}.version must be a string"))
                    .at(Place::pointer(format!("/{member}/version"))));
            }
        }
        Ok(spec)
    }
}

/// Where an organization's specs are: in none of its sandboxes.
pub fn organization(caller: &Caller) -> Scope {
    Scope::organization(&caller.scope.org)
}

/// A stored spec as it is shown: its `version` is the spec's own, so the etag stands beside it.
pub fn shown(document: Document) -> Value {
    let mut body = document.body;
    body["etag"] = document.etag.into();
    body
}
