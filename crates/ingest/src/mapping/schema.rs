//! The target as Arrow has it.

use forebay_model::xdm::{Field, Type};

pub use forebay_lake::schema::{arrow_schema, arrow_type};

/// The fields that have a place in the lake: an object with no children has none, and what is left then lines up with
/// the Arrow schema child by child.
pub fn storable(fields: &[Field]) -> Vec<Field> {
    let kept = fields.iter().filter(|field| arrow_type(&field.ty).is_some());
    kept.map(|field| Field { ty: storable_type(&field.ty), ..field.clone() }).collect()
}

fn storable_type(ty: &Type) -> Type {
    match ty {
        Type::Object(children) => Type::Object(storable(children)),
        Type::Array(item) => Type::Array(Box::new(storable_type(item))),
        Type::Map(value) => Type::Map(Box::new(storable_type(value))),
        other => other.clone(),
    }
}
