//! The built-in connection and flow specs, as the API shows them (FS-SPEC-1 … 7), and the way from a spec to its
//! source. The files are the truth: forms, validation and the list of secret fields all come from them.

use crate::{SOURCES, Source};
use serde_json::Value;
use std::sync::LazyLock;

static SPECS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    [include_str!("s3.json"), include_str!("hubspot.json"), include_str!("datalake.json")]
        .map(parse)
        .into_iter()
        .collect()
});

static FLOW_SPECS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    [include_str!("flow_specs/cloud_storage.json"), include_str!("flow_specs/crm.json")]
        .map(parse)
        .into_iter()
        .collect()
});

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("built-in specs are JSON: a test parses each of them")
}

/// The built-in connection specs.
pub fn specs() -> &'static [Value] {
    &SPECS
}

/// The built-in flow specs.
pub fn flow_specs() -> &'static [Value] {
    &FLOW_SPECS
}

/// A built-in connection spec.
pub fn spec(id: &str) -> Option<&'static Value> {
    SPECS.iter().find(|spec| spec["id"] == id)
}

/// A built-in flow spec.
pub fn flow_spec(id: &str) -> Option<&'static Value> {
    FLOW_SPECS.iter().find(|spec| spec["id"] == id)
}

/// The source that runs a connection spec. A spec without one is listed and stored, and refused when it is to run.
pub fn by_spec(id: &str) -> Option<&'static Source> {
    SOURCES.iter().copied().find(|source| source.specs.contains(&id))
}

#[cfg(test)]
#[path = "specs_tests.rs"]
mod tests;
