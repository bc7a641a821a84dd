//! Connection specs and flow specs.

use crate::world::{FLOW_SPEC, FLOWS, S3, World};
use serde_json::json;

#[tokio::test]
async fn a_spec_is_found_by_name_with_quotes_or_without_fs_q_2_fs_base_4() {
    let world = World::new().await;
    for value in ["name==amazon-s3", "name==%22amazon-s3%22", "name%3D%3D%22amazon-s3%22", "name=amazon-s3"] {
        let reply = world.get(&format!("{FLOWS}/connectionSpecs?property={value}")).await;
        assert_eq!(reply.body["items"].as_array().map(Vec::len), Some(1), "{value}: {}", reply.body);
        assert_eq!(reply.item()["id"], S3);
        assert_eq!(reply.item()["authSpec"][0]["name"], "Access Key", "FS-SPEC-1");
        assert_eq!(reply.body["_links"], json!({}), "FS-ENV-2");
    }
}

#[tokio::test]
async fn required_parameters_are_declared_ones_fs_spec_2() {
    let world = World::new().await;
    let reply = world.get(&format!("{FLOWS}/connectionSpecs/{S3}")).await;
    assert_eq!(reply.item()["authSpec"][0]["spec"]["required"], json!(["s3AccessKey", "s3SecretKey"]));
}

#[tokio::test]
async fn flow_specs_are_listed_and_looked_up_fs_spec_7_fs_env_1() {
    let world = World::new().await;
    let reply = world.get(&format!("{FLOWS}/flowSpecs?property=name==CloudStorageToAEP")).await;
    assert_eq!(reply.item()["id"], FLOW_SPEC);
    let reply = world.get(&format!("{FLOWS}/flowSpecs/{FLOW_SPEC}")).await;
    assert_eq!(reply.item()["attributes"]["frequency"], "batch");
    for kind in ["flowSpecs", "connectionSpecs"] {
        let reply = world.get(&format!("{FLOWS}/{kind}/nothing")).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (404, "FLOW-1439-404"));
    }
}

#[tokio::test]
async fn a_property_without_an_operator_is_a_projection_fs_q_8() {
    let world = World::new().await;
    let reply = world.get(&format!("{FLOWS}/connectionSpecs?property=name")).await;
    for item in reply.body["items"].as_array().unwrap() {
        let names: Vec<&String> = item.as_object().unwrap().keys().collect();
        assert_eq!(names, ["id", "name"]);
    }
}
