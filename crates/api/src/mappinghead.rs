//! The members of a mapping set beside its mappings: their types, in both dialects. This is not what
//! `validate=False` waives: it is about mappings that do not fit a schema.

use crate::problem::bad;
use forebay_model::Result;
use forebay_model::error::Place;
use serde_json::{Map, Value};

/// What a member may be; null counts as absent.
type Is = fn(&Value) -> bool;

const MEMBERS: [(&str, Is, &str); 8] = [
    ("/name", Value::is_string, "text"),
    ("/version", scalar, "a number or text"),
    ("/xdmSchema", Value::is_string, "text"),
    ("/xdmVersion", scalar, "text"),
    ("/outputSchema", Value::is_object, "an object"),
    ("/outputSchema/schemaRef", Value::is_object, "an object with the schema's id"),
    ("/outputSchema/schemaRef/id", Value::is_string, "text"),
    ("/outputSchema/schemaRef/contentType", Value::is_string, "text"),
];

fn scalar(value: &Value) -> bool {
    value.is_string() || value.is_number()
}

/// Refuses a member of a wrong type, by its place.
pub fn check(body: &Map<String, Value>) -> Result<()> {
    let refused = |pointer: &str, what: &str| {
        let name = pointer.trim_start_matches('/').replace('/', ".");
        Err(bad(format!("{name} must be {what}")).at(Place::pointer(pointer)))
    };
    if !body.get("mappings").is_some_and(Value::is_array) {
        return refused("/mappings", "an array of mappings");
    }
    for (pointer, is, what) in MEMBERS {
        let mut steps = pointer[1..].split('/');
        let first = steps.next().and_then(|name| body.get(name));
        let found = steps.fold(first, |value, name| value?.get(name));
        if found.is_some_and(|value| !value.is_null() && !is(value)) {
            return refused(pointer, what);
        }
    }
    Ok(())
}
