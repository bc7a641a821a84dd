//! XDM: a schema's `$ref` and `allOf` resolved to a tree of fields. `lake/schema.rs` alone turns the tree into
//! Arrow and Delta. [`full`] merges a schema's parts, [`resolve`] makes the tree of that, [`check_new`] judges what a
//! caller defines, [`global`] holds the classes and field groups that are everybody's.

mod library;
mod merge;
mod rules;
#[cfg(test)]
mod tests;
mod tree;

use crate::error::Result;
pub use library::{global, globals};
pub use rules::{MAX_SCHEMA_BYTES, check_new, class_of};
use serde::{Deserialize, Serialize};
use serde_json::Value;
pub(crate) use tree::xdm_type;

/// The deepest nesting of a schema, references included.
pub const MAX_DEPTH: usize = 64;
/// The most fields of a schema, those inside objects included.
pub const MAX_FIELDS: usize = 10_000;

/// Finds what a `$ref` names: a resource of the tenant by its `$id` (or `meta:altId`). Global ones need not be found by it.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<Value>;

/// A schema's fields: every `$ref` followed, every `allOf` merged, names and types checked. The order is the schema's.
/// Objects without a single field in them are left out: nothing can be stored there.
pub fn resolve(schema: &Value, lookup: Lookup<'_>) -> Result<FieldTree> {
    tree::tree(&full(schema, lookup)?)
}

/// The schema with its parts merged into `properties`, as `Accept: …xed-full+json` shows it. No `$ref` and no `allOf` is
/// left; a property that was a reference tells so in `meta:referencedFrom`.
pub fn full(schema: &Value, lookup: Lookup<'_>) -> Result<Value> {
    merge::full(schema, lookup)
}

/// Whether two ids name the same resource: `$id` and `meta:altId` end in the same name after the same namespace.
pub fn same(a: &str, b: &str) -> bool {
    canonical(a) == canonical(b)
}

/// `_acme.schemas.0f1e` from either form.
fn canonical(id: &str) -> String {
    match id.strip_prefix("https://ns.adobe.com/") {
        Some(path) => format!("_{}", path.replace('/', ".")),
        None => id.to_string(),
    }
}

/// A field's type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Type {
    /// Text.
    String,
    /// True or false.
    Boolean,
    /// 8-bit integer.
    Byte,
    /// 16-bit integer.
    Short,
    /// 32-bit integer.
    Int,
    /// 64-bit integer.
    Long,
    /// Double-precision number.
    Number,
    /// A day.
    Date,
    /// A moment, microseconds in UTC.
    DateTime,
    /// Named children.
    Object(Vec<Field>),
    /// A list of one type.
    Array(Box<Type>),
    /// Text keys to values of one type.
    Map(Box<Type>),
}

impl Type {
    /// In the words of XDM.
    pub fn word(&self) -> &'static str {
        match self {
            Type::String => "string",
            Type::Boolean => "boolean",
            Type::Byte => "byte",
            Type::Short => "short",
            Type::Int => "int",
            Type::Long => "long",
            Type::Number => "number",
            Type::Date => "date",
            Type::DateTime => "date-time",
            Type::Object(_) => "object",
            Type::Array(_) => "array",
            Type::Map(_) => "map",
        }
    }
}

/// One field of a schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name, as the wire has it.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: Type,
    /// A row without it is rejected (a required child only where its parent is present).
    pub required: bool,
}

/// A schema's fields, in the schema's order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldTree {
    /// Top-level fields.
    pub fields: Vec<Field>,
}

impl FieldTree {
    /// The field at a dotted path, such as `person.name.firstName`; object children only.
    pub fn find(&self, path: &[String]) -> Option<&Field> {
        let (first, rest) = path.split_first()?;
        let mut at = self.fields.iter().find(|f| &f.name == first)?;
        for name in rest {
            let Type::Object(children) = &at.ty else { return None };
            at = children.iter().find(|f| &f.name == name)?;
        }
        Some(at)
    }
}
