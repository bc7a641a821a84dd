//! The document that is made of the routes. `matrix.rs` has the tests that it drives.

use crate::world::World;
use serde_json::Value;
use std::collections::BTreeSet;

#[tokio::test]
async fn the_document_is_served_and_names_every_operation_once() {
    let world = World::new().await;
    let document = world.bare("GET", "/openapi.json").send().await.body;
    assert_eq!(document["openapi"].as_str().map(|v| &v[..2]), Some("3."));
    // The file shows in a review what a change does to the interface.
    expect_test::expect_file!["../../openapi.json"].assert_eq(&format!("{document:#}\n"));
    let items = document["paths"].as_object().unwrap().values();
    let operations: Vec<&Value> = items.flat_map(|item| item.as_object().unwrap().values()).collect();
    assert!(operations.len() >= 60, "{}", operations.len());
    let ids: BTreeSet<&str> = operations.iter().filter_map(|operation| operation["operationId"].as_str()).collect();
    assert_eq!(ids.len(), operations.len(), "operation ids are unique");
}

/// Of two forms with one name the document would show one, for both.
#[test]
fn each_form_has_a_name_of_its_own() {
    fn walk(folder: &std::path::Path, seen: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, seen);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for form in text.split("ToSchema)]").skip(1) {
                let words = form.lines().find(|line| line.contains("struct ") || line.contains("enum ")).unwrap();
                let name = words.split(['{', '(', ';']).next().unwrap().split_whitespace().last().unwrap();
                assert!(seen.insert(name.to_string()), "{}: there is another form {name}", path.display());
            }
        }
    }
    let mut seen = BTreeSet::new();
    walk(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut seen);
    assert!(seen.contains("FlowRow"), "forms are found: {seen:?}");
}
