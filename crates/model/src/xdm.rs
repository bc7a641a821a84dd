//! XDM: a schema's `$ref` and `allOf` resolved to a tree of fields. `lake/schema.rs` alone turns the tree into
//! Arrow and Delta.

use serde::{Deserialize, Serialize};

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
