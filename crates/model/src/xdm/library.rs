//! The global library: what every schema may refer to without defining it. Ids, field names and types are those of the
//! public Experience Data Model (repository adobe/xdm, folder `components`), in the form in which the registry shows
//! them: no `xdm:` prefixes, `@id` as `_id`, other vocabularies as objects such as `_repo`. The texts are ours.
//!
//! What it requires is what the model requires: an experience event its `_id` and `timestamp`, a profile nothing.

use serde_json::Value;
use std::sync::LazyLock;

/// Immutable data parsed once; not state.
struct Library {
    classes: Vec<Value>,
    behaviors: Vec<Value>,
    fieldgroups: Vec<Value>,
    datatypes: Vec<Value>,
}

static LIBRARY: LazyLock<Library> = LazyLock::new(|| Library {
    classes: read(include_str!("../../xdm/classes.json")),
    behaviors: read(include_str!("../../xdm/behaviors.json")),
    fieldgroups: read(include_str!("../../xdm/fieldgroups.json")),
    datatypes: read(include_str!("../../xdm/datatypes.json")),
});

fn read(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("the embedded library is JSON: a test reads it")
}

/// The global resource with this `$id` or `meta:altId`.
pub fn global(id: &str) -> Option<&'static Value> {
    let library = &*LIBRARY;
    let all = library.classes.iter().chain(&library.fieldgroups).chain(&library.datatypes).chain(&library.behaviors);
    all.into_iter().find(|resource| resource["$id"] == id || resource["meta:altId"] == id)
}

/// The global resources of a kind, as the path names it: `classes`, `fieldgroups` (or `mixins`), `datatypes`,
/// `behaviors`. There are no global schemas, and none of an unknown kind.
pub fn globals(kind: &str) -> &'static [Value] {
    let library = &*LIBRARY;
    match kind {
        "classes" => &library.classes,
        "fieldgroups" | "mixins" => &library.fieldgroups,
        "datatypes" => &library.datatypes,
        "behaviors" => &library.behaviors,
        _ => &[],
    }
}
