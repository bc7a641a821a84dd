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
