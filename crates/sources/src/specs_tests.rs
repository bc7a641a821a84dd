//! What must hold of every built-in spec.

use super::*;
use serde_json::Map;
use std::collections::HashSet;

/// Every JSON Schema of properties in a spec, with where it stands.
fn schemas(spec: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    let name = spec["name"].as_str().unwrap();
    for member in ["authSpec", "encryptionSpecs", "transformationSpec", "transformationSpecs"] {
        for item in spec[member].as_array().into_iter().flatten() {
            found.push((format!("{name}.{member}.{}", item["name"]), &item["spec"]));
        }
    }
    for member in ["sourceSpec", "targetSpec", "scheduleSpec", "optionSpec", "runSpec"] {
        if let Some(schema) = spec.get(member).and_then(|item| item.get("spec")) {
            found.push((format!("{name}.{member}"), schema));
        }
    }
    found
}

fn properties(schema: &Value) -> &Map<String, Value> {
    schema["properties"].as_object().unwrap()
}

#[test]
fn ids_and_names_are_unique() {
    let mut seen = HashSet::new();
    for spec in specs().iter().chain(flow_specs()) {
        let id = spec["id"].as_str().unwrap();
        assert!(id.len() == 36 && id == id.to_lowercase(), "{id}");
        assert!(seen.insert(id) && seen.insert(spec["name"].as_str().unwrap()), "{id}");
        assert_eq!(spec["providerId"], "0ed90a81-07f4-4586-8190-b40eccef1c5a");
        assert_eq!(spec["version"], "1.0");
    }
}

#[test]
fn every_required_property_is_declared() {
    let mut checked = 0;
    for spec in specs().iter().chain(flow_specs()) {
        for (place, schema) in schemas(spec) {
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(properties(schema).contains_key(name.as_str().unwrap()), "{place} requires {name}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 8);
}

#[test]
fn whatever_sounds_secret_is_marked_secret() {
    // Ids of keys are not secrets; S3's are named like keys.
    let excepted = ["s3AccessKey"];
    let mut marked = 0;
    for spec in specs() {
        for auth in spec["authSpec"].as_array().unwrap() {
            for (name, property) in properties(&auth["spec"]) {
                let lower = name.to_lowercase();
                let sounds = ["key", "secret", "token", "password", "credential", "private"];
                let secret = sounds.iter().any(|word| lower.contains(word)) && !excepted.contains(&name.as_str());
                assert_eq!(property["format"] == "password", secret, "{name}");
                marked += usize::from(secret);
            }
        }
    }
    assert!(marked >= 2);
}

/// FS-SPEC-1, FS-SPEC-2.
#[test]
fn the_s3_spec_requires_what_it_declares_and_tutorials_send() {
    let spec = spec("ecadc60c-7455-4d87-84dc-2a0e293d997b").unwrap();
    assert!(spec.get("authSpecs").is_none());
    let auth = &spec["authSpec"][0];
    assert_eq!((&auth["name"], &auth["type"]), (&"Access Key".into(), &"Access Key Auth".into()));
    assert_eq!(auth["spec"]["required"], serde_json::json!(["s3AccessKey", "s3SecretKey"]));
}

/// FS-SPEC-5.
#[test]
fn the_flow_spec_joins_specs_that_exist_and_has_both_names_of_its_transformations() {
    let flow = flow_spec("9753525b-82c7-4dce-8a9b-5ccfce2b9876").unwrap();
    assert_eq!(flow["transformationSpec"], flow["transformationSpecs"]);
    let sources = flow["sourceConnectionSpecIds"].as_array().unwrap();
    assert_eq!(sources.iter().collect::<HashSet<_>>().len(), 12);
    assert!(sources.iter().any(|id| by_spec(id.as_str().unwrap()).is_some()));
    for target in flow["targetConnectionSpecIds"].as_array().unwrap() {
        assert!(spec(target.as_str().unwrap()).unwrap().get("targetSpec").is_some());
    }
}

#[test]
fn every_source_has_its_specs_and_no_spec_has_two() {
    let mut seen = HashSet::new();
    for source in SOURCES {
        for id in source.specs {
            assert_eq!(spec(id).unwrap()["name"], source.name);
            assert!(spec(id).unwrap().get("sourceSpec").is_some());
            assert!(seen.insert(id));
        }
    }
    assert!(by_spec("c604ff05-7f1a-43c0-8e18-33bf874cb11c").is_none());
}

/// FS-SPEC-3, §11.2: the four parameters of the tutorial, all required; and a token alone as a way of its own.
#[test]
fn the_hubspot_spec_has_the_tutorials_parameters_and_a_token_alone() {
    let spec = spec("cc6a4487-9e91-433e-a3a3-9cf6626c1806").unwrap();
    let auth = &spec["authSpec"];
    assert_eq!(auth[0]["name"], "Basic Authentication");
    assert!(auth[0].get("type").is_none());
    let four = serde_json::json!(["clientId", "clientSecret", "accessToken", "refreshToken"]);
    assert_eq!(auth[0]["spec"]["required"], four);
    assert_eq!(
        properties(&auth[0]["spec"]).keys().collect::<Vec<_>>(),
        four.as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect::<Vec<_>>()
    );
    assert_eq!(auth[1]["spec"]["required"], serde_json::json!(["accessToken"]));
}

/// FS-SPEC-5, §6.2.
#[test]
fn the_flow_spec_of_tables_joins_them_and_copies_by_a_delta_column() {
    let flow = flow_spec("14518937-270c-4525-bdec-c2ba7cce3860").unwrap();
    assert_eq!(flow["name"], "CRMToAEP");
    assert_eq!(flow["transformationSpec"], flow["transformationSpecs"]);
    let names: Vec<_> = flow["transformationSpecs"].as_array().unwrap().iter().map(|t| &t["name"]).collect();
    assert_eq!(names, ["Copy", "Mapping"]);
    let sources = flow["sourceConnectionSpecIds"].as_array().unwrap();
    assert_eq!(sources.iter().collect::<HashSet<_>>().len(), 36);
    let tables = sources.iter().filter_map(|id| by_spec(id.as_str().unwrap()));
    assert!(tables.map(|source| source.reader).eq([crate::Reader::Tables]));
}
