//! The resources of the schema registry as the rest of this crate uses them: found by either of their ids, and
//! resolved to trees. The language of schemas itself is `model::xdm`.

use crate::App;
use crate::caller::Caller;
use crate::listing;
use crate::schemas::CHANGES;
use forebay_model::error::Kind;
pub use forebay_model::xdm::same;
use forebay_model::xdm::{self, Field, FieldTree, Type};
use forebay_model::{Document, Error, Resource, Result, Scope, code};
use serde_json::Value;
use std::collections::HashMap;

/// The registry of one sandbox: its own resources over the global library.
pub struct Registry {
    by_id: HashMap<String, Value>,
    /// Its own resources, newest first.
    pub documents: Vec<Document>,
    /// What became of them, newest first, by the ids of the documents.
    pub changes: HashMap<String, Vec<Value>>,
    /// `development` or `production`: what its resources tell of the sandbox.
    pub sandbox_type: String,
}

impl Registry {
    /// Reads the sandbox's resources.
    pub async fn open(app: &App, caller: &Caller) -> Result<Registry> {
        let mut documents = listing::every(app, caller, Resource::Schema, &[]).await?;
        let organization = Scope::organization(&caller.scope.org);
        let sandbox = app.store.get(&organization, Resource::Sandbox, &caller.scope.sandbox).await?;
        let sandbox_type = sandbox.text("/type").unwrap_or("production").to_string();
        let mut registry =
            Registry { by_id: HashMap::new(), documents: Vec::new(), changes: HashMap::new(), sandbox_type };
        for document in &mut documents {
            if let Some(Value::Array(changes)) = document.body.as_object_mut().and_then(|body| body.remove(CHANGES)) {
                registry.changes.insert(document.id.clone(), changes);
            }
            registry.put(&document.body);
        }
        registry.documents = documents;
        Ok(registry)
    }

    /// Puts a resource in the place of the one with its ids: to see what a change would do.
    pub fn put(&mut self, body: &Value) {
        for member in ["$id", "meta:altId"] {
            if let Some(id) = body[member].as_str() {
                self.by_id.insert(id.to_string(), body.clone());
            }
        }
    }

    /// A resource by its `$id` or `meta:altId`.
    pub fn find(&self, id: &str) -> Option<Value> {
        self.by_id.get(id).cloned().or_else(|| xdm::global(id).cloned())
    }

    /// A schema's fields.
    pub fn tree(&self, id: &str) -> Result<FieldTree> {
        match self.find(id) {
            Some(schema) => xdm::resolve(&schema, &|id| self.find(id)),
            None => Err(unknown(id)),
        }
    }

    /// A resource with its parts merged.
    pub fn full(&self, body: &Value) -> Result<Value> {
        xdm::full(body, &|id| self.find(id))
    }
}

/// XDM-1012-404.
pub fn unknown(id: &str) -> Error {
    Error::new(Kind::NotFound, &code::XDM_1012, format!("The registry has no resource with the id {id}"))
}

/// The fields of a schema of the caller's sandbox.
pub async fn tree(app: &App, caller: &Caller, id: &str) -> Result<FieldTree> {
    Registry::open(app, caller).await?.tree(id)
}

/// What a change of a schema would break for data that is stored under it: fields that are gone or changed their type,
/// and new required ones. Names the first.
pub fn breaks(old: &[Field], new: &[Field], path: &str) -> Option<String> {
    for field in old {
        let at = format!("{path}{}", field.name);
        match new.iter().find(|candidate| candidate.name == field.name) {
            None => return Some(format!("the field {at} would be gone")),
            Some(candidate) => {
                if let Some(fault) = breaks_type(&field.ty, &candidate.ty, &at) {
                    return Some(fault);
                }
                if candidate.required && !field.required {
                    return Some(format!("the field {at} would become required"));
                }
            }
        }
    }
    let added = new.iter().find(|field| field.required && !old.iter().any(|known| known.name == field.name));
    added.map(|field| format!("the new field {path}{} would be required", field.name))
}

fn breaks_type(old: &Type, new: &Type, at: &str) -> Option<String> {
    match (old, new) {
        (Type::Object(old), Type::Object(new)) => breaks(old, new, &format!("{at}.")),
        (Type::Array(old), Type::Array(new)) => breaks_type(old, new, &format!("{at}[*]")),
        (Type::Map(old), Type::Map(new)) => breaks_type(old, new, &format!("{at}.*")),
        _ if old == new => None,
        _ => Some(format!("the field {at} would change its type")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, ty: Type, required: bool) -> Field {
        Field { name: name.into(), ty, required }
    }

    #[track_caller]
    fn check(old: Field, new: &[Field], expected: Option<&str>) {
        assert_eq!(breaks(&[old], new, "").as_deref(), expected);
    }

    #[test]
    fn fields_may_be_added_and_not_taken_away() {
        let old = || field("a", Type::Object(vec![field("b", Type::Int, false)]), false);
        let with = |children| [field("a", Type::Object(children), false)];
        check(old(), &with(vec![field("b", Type::Int, false), field("c", Type::Int, false)]), None);
        check(old(), &with(vec![field("c", Type::Int, false)]), Some("the field a.b would be gone"));
        check(old(), &with(vec![field("b", Type::Long, false)]), Some("the field a.b would change its type"));
        check(old(), &with(vec![field("b", Type::Int, true)]), Some("the field a.b would become required"));
        check(
            old(),
            &with(vec![field("b", Type::Int, false), field("c", Type::Int, true)]),
            Some("the new field a.c would be required"),
        );
    }
}
