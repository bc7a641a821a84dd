//! What must hold of every built-in spec, and the page of documentation that is made of them.

use super::*;
use crate::Reader;
use serde_json::{Map, json};
use std::collections::HashSet;
use std::fmt::Write as _;

const BATCH: &str = "0ed90a81-07f4-4586-8190-b40eccef1c5a";
const STREAMING: &str = "521eee4d-8cbe-4906-bb48-fb6bd4450033";

/// Ids that published flow specs name and that no public source describes, or describes as something other than a
/// source of ours (`docs/compat.md`).
const FOREIGN: [&str; 5] = [
    // In CloudStorageToAEP; nothing says what they are.
    "b7829c2f-2eb0-4f49-a6ee-55e33008b629",
    "998b8ae3-cec0-43b7-8abe-40b1eb4ee069",
    // In the streaming flow specs: Adobe's own services, and Snowflake as a stream.
    "d27d4907-7351-47dd-bbc2-05a04365703d",
    "51ae16c2-bdad-42fd-9fce-8d5dfddaf140",
    "db4fe783-ef79-4a12-bda9-32b2b1bc3b2c",
];

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

fn auth_specs(spec: &Value) -> &[Value] {
    spec["authSpec"].as_array().unwrap()
}

fn ids(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().unwrap().iter().map(|id| id.as_str().unwrap())
}

#[test]
fn every_file_is_a_spec_of_the_registry() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (below, known) in [("specs", CONNECTION_FILES), ("flow_specs", FLOW_FILES)] {
        let files: Vec<_> = std::fs::read_dir(folder.join(below)).unwrap().map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), known.len());
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(known.contains(&text.as_str()), "{} is not in the list of specs.rs", file.display());
        }
    }
}

#[test]
fn ids_and_names_are_unique() {
    for list in [specs(), flow_specs()] {
        let mut seen = HashSet::new();
        for spec in list {
            let id = spec["id"].as_str().unwrap();
            assert!(id.len() == 36 && id == id.to_lowercase(), "{id}");
            assert!(seen.insert(id) && seen.insert(spec["name"].as_str().unwrap()), "{id}");
            assert_eq!(spec["version"], "1.0");
            let streams =
                spec["attributes"]["connectionType"] == "streaming" || spec["attributes"]["frequency"] == "streaming";
            assert_eq!(spec["providerId"], if streams { STREAMING } else { BATCH }, "{id}");
        }
    }
}

/// FS-SPEC-1, FS §6.1.
#[test]
fn every_schema_is_draft_07_and_declares_what_it_requires() {
    let mut checked = 0;
    for spec in specs().iter().chain(flow_specs()) {
        assert!(spec.get("authSpecs").is_none());
        for (place, schema) in schemas(spec) {
            assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#", "{place}");
            assert!(jsonschema::draft7::meta::is_valid(schema), "{place} is no JSON Schema");
            jsonschema::draft7::new(schema).unwrap();
            for name in schema["required"].as_array().into_iter().flatten() {
                assert!(properties(schema).contains_key(name.as_str().unwrap()), "{place} requires {name}");
                checked += 1;
            }
        }
    }
    assert!(checked >= 150, "{checked}");
}

/// FS-ENV-9, with the names that it lists.
#[test]
fn whatever_sounds_secret_is_marked_secret() {
    // Ids of keys are not secrets, nor is a name or an address, whatever they are called.
    let excepted = ["s3AccessKey", "accessKeyId", "accessKey", "sasKeyName", "accessTokenUrl"];
    let sounds = ["key", "secret", "token", "password", "passphrase", "credential", "connectionstring", "sasuri"];
    let mut marked = HashSet::new();
    for spec in specs() {
        for auth in auth_specs(spec) {
            for (name, property) in properties(&auth["spec"]) {
                let lower = name.to_lowercase();
                let secret = sounds.iter().any(|word| lower.contains(word)) && !excepted.contains(&name.as_str());
                assert_eq!(property["format"] == "password", secret, "{}: {name}", spec["name"]);
                if secret {
                    assert_eq!(property["type"], "string", "{}: {name}", spec["name"]);
                    marked.insert(name.as_str());
                }
            }
        }
    }
    for name in [
        "connectionString",
        "sasUri",
        "s3SessionToken",
        "privateKeyContent",
        "passPhrase",
        "jwtToken",
        "sasKey",
        "credentials",
        "s3SecretKey",
        "clientSecret",
        "accessToken",
        "refreshToken",
        "password",
        "servicePrincipalKey",
        "securityToken",
    ] {
        assert!(marked.contains(name), "{name}");
    }
}

/// Forms are made of auth specs: each field has a name and a line of help, each sign-in a name of its own.
#[test]
fn every_parameter_can_be_shown_in_a_form() {
    for spec in specs() {
        let names: HashSet<&str> = auth_specs(spec).iter().map(|auth| auth["name"].as_str().unwrap()).collect();
        assert_eq!(names.len(), auth_specs(spec).len(), "{}", spec["name"]);
        for auth in auth_specs(spec) {
            for (name, property) in properties(&auth["spec"]) {
                for member in ["type", "title", "description"] {
                    let text = property[member].as_str().unwrap_or_default();
                    assert!(!text.trim().is_empty(), "{}: {name} has no {member}", spec["name"]);
                }
            }
        }
        let ui = &spec["attributes"]["uiAttributes"];
        for member in ["label", "description"] {
            assert!(ui[member]["value"].as_str().is_some_and(|text| !text.is_empty()), "{}: {member}", spec["name"]);
        }
        assert!(ui["category"]["key"].is_string() && spec["attributes"]["category"].is_string(), "{}", spec["name"]);
        for (member, side) in [("sourceSpec", "isSource"), ("targetSpec", "isTarget")] {
            let own = &spec[member]["attributes"]["uiAttributes"];
            assert_eq!(spec.get(member).is_some(), ui[side] == true, "{}: {side}", spec["name"]);
            assert!(spec.get(member).is_none() || own["label"] == ui["label"], "{}", spec["name"]);
        }
    }
}

#[test]
fn a_spec_says_whether_it_runs_and_why_not() {
    let mut runnable = Vec::new();
    for spec in specs() {
        let (id, says) = (spec["id"].as_str().unwrap(), &spec["attributes"]["forebay"]);
        let target = spec.get("targetSpec").is_some();
        if says["runnable"] == true {
            assert!(target || by_spec(id).is_some(), "{id}");
            assert!(says.get("reason").is_none());
            runnable.push(spec["name"].as_str().unwrap());
        } else {
            assert_eq!(says["runnable"], false, "{id}");
            assert!(by_spec(id).is_none(), "{id} runs, and says that it does not");
            let error = runner(id).unwrap_err();
            assert_eq!((error.kind, error.code.id), (Kind::Invalid, "FLOW-1100-400"));
            assert!(error.message.contains(says["reason"].as_str().unwrap()), "{error}");
        }
    }
    assert_eq!(runnable, ["amazon-s3", "azure-blob", "hubspot", "datalake"]);
    assert!(runner("c604ff05-7f1a-43c0-8e18-33bf874cb11c").unwrap_err().message.contains("not the spec of a source"));
    assert!(runner("").unwrap_err().message.contains("no source for it"));
}

/// FS-SPEC-2.
#[test]
fn the_s3_spec_requires_what_it_declares_and_tutorials_send() {
    let spec = spec("ecadc60c-7455-4d87-84dc-2a0e293d997b").unwrap();
    let auth = &spec["authSpec"][0];
    assert_eq!((&auth["name"], &auth["type"]), (&"Access Key".into(), &"Access Key Auth".into()));
    assert_eq!(auth["spec"]["required"], json!(["s3AccessKey", "s3SecretKey"]));
}

/// FS §6.2 and §11: every flow spec joins what it joins there; each source is joined by one flow spec of batches, or
/// by those of streams.
#[test]
fn flow_specs_join_specs_that_exist_or_are_known_to_be_foreign() {
    let mut joined = HashSet::new();
    for flow in flow_specs() {
        let sources: Vec<&str> = ids(&flow["sourceConnectionSpecIds"]).collect();
        assert_eq!(sources.iter().collect::<HashSet<_>>().len(), sources.len(), "{}", flow["name"]);
        for id in sources.iter().copied().chain(ids(&flow["targetConnectionSpecIds"])) {
            assert!(spec(id).is_some() != FOREIGN.contains(&id), "{}: {id}", flow["name"]);
        }
        for id in sources {
            let fresh = joined.insert(id);
            assert!(fresh || flow["attributes"]["frequency"] == "streaming", "{}: {id}", flow["name"]);
            assert!(spec(id).is_none_or(|spec| spec.get("sourceSpec").is_some()), "{id}");
        }
        assert!(
            ids(&flow["targetConnectionSpecIds"]).any(|id| spec(id).is_some_and(|s| s.get("targetSpec").is_some()))
        );
        assert_eq!(flow["transformationSpec"], flow["transformationSpecs"], "A-17");
    }
    for spec in specs().iter().filter(|spec| spec.get("sourceSpec").is_some()) {
        assert!(joined.contains(spec["id"].as_str().unwrap()) || spec["name"] == "profile-store", "{}", spec["name"]);
    }
    let count = |id: &str| ids(&flow_spec(id).unwrap()["sourceConnectionSpecIds"]).count();
    assert_eq!(count("9753525b-82c7-4dce-8a9b-5ccfce2b9876"), 12);
    assert_eq!(count("14518937-270c-4525-bdec-c2ba7cce3860"), 36);
}

/// FS §6.2.
#[test]
fn every_flow_spec_of_the_contract_is_there() {
    let expected = [
        ("9753525b-82c7-4dce-8a9b-5ccfce2b9876", "CloudStorageToAEP"),
        ("14518937-270c-4525-bdec-c2ba7cce3860", "CRMToAEP"),
        ("6499120c-0b15-42dc-936e-847ea3c24d72", "RestStorageToAEP"),
        ("c1a19761-d2c7-4702-b9fa-fe91f0613e81", "Steam data with transformation"),
        ("d8a6f005-7eaf-4153-983e-e8574508b877", "Stream data without transformation"),
        ("d69717ba-71b4-4313-b654-49f9cf126d7a", "Stream data with optional transformation"),
        ("cd2fc47e-e838-4f38-a581-8fff2f99b63a", "Data Landing Zone"),
    ];
    let found: Vec<_> = flow_specs().iter().map(|f| (f["id"].as_str().unwrap(), f["name"].as_str().unwrap())).collect();
    assert_eq!(found, expected);
    let names = |flow: &Value| {
        flow["transformationSpecs"].as_array().unwrap().iter().map(|t| t["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&flow_specs()[1]), ["Copy", "Mapping"]);
    // FS-SPEC-5: batches have a schedule and parameters of runs, streams have neither.
    for flow in &flow_specs()[..3] {
        assert_eq!(flow["scheduleSpec"]["spec"]["required"], json!(["startTime", "frequency"]));
        assert!(flow["runSpec"]["spec"]["required"].as_array().unwrap().len() >= 3);
        assert!(names(flow).contains(&json!("Mapping")));
    }
    for flow in &flow_specs()[3..6] {
        assert!(flow.get("scheduleSpec").is_none() && flow["attributes"]["frequency"] == "streaming");
    }
}

/// FS §11: id, name where a source prints it, and the parameters that the tutorials send, required ones only.
#[test]
fn the_parameters_of_the_tutorials_are_the_required_ones() {
    let check = |id: &str, auth: &str, required: &[&str]| {
        let spec = spec(id).unwrap_or_else(|| panic!("no spec {id}"));
        let found = auth_specs(spec).iter().find(|item| item["name"] == auth);
        let found = found.unwrap_or_else(|| panic!("{} has no {auth}", spec["name"]));
        let declared: Vec<&str> =
            found["spec"]["required"].as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect();
        assert_eq!(declared, required, "{}", spec["name"]);
    };
    let string = "Connection String Based Authentication";
    check("4c10e202-c428-4796-9208-5f1f5732b1cf", "ConnectionString", &["connectionString"]);
    check("4c10e202-c428-4796-9208-5f1f5732b1cf", "SAS URI Authentication", &["sasUri"]);
    check(
        "b3ba5556-48be-44b7-8b85-ff2b69b46dc4",
        "Basic Authentication for adls-gen2",
        &["url", "servicePrincipalId", "servicePrincipalKey", "tenant"],
    );
    check("be5ec48c-5b78-49d5-b8fa-7c89ec4569b8", "Basic Authentication", &["host", "userId", "password"]);
    check(
        "32e8f412-cdf7-464c-9885-78184cb113fd",
        "Basic Authentication for google-cloud",
        &["accessKeyId", "secretAccessKey"],
    );
    check("b7bf2577-4520-42c9-bae9-cad01560f7bc", "Basic Authentication for sftp", &["host", "userName", "password"]);
    check(
        "b7bf2577-4520-42c9-bae9-cad01560f7bc",
        "SSH PublicKey Authentication for sftp",
        &["host", "userName", "privateKeyContent"],
    );
    check("fb2e94c9-c031-467d-8103-6bd6e0a432f2", "Basic Authentication for FTP", &["host", "userName", "password"]);
    for id in [
        "74a1c565-4e59-48d7-9d67-7c03b8a13137",
        "26d738e0-8963-47ea-aadf-c60de735468a",
        "1f372ff9-38a4-4492-96f5-b9a4e4bd00ec",
        "a49bcc7d-8038-43af-b1e4-5a7a089a7d79",
        "ecde33f2-c56f-46cc-bdea-ad151c16cd69",
        "1fe283f6-9bec-11ea-bb37-0242ac130002",
        "3000eb99-cd47-43f3-827c-43caf170f015",
    ] {
        check(id, string, &["connectionString"]);
    }
    check(
        "3416976c-a9ca-4bba-901a-1f08f66978ff",
        "Basic Authentication",
        &["server", "database", "username", "password"],
    );
    check("d6b52d86-f0f8-475f-89d4-ce54c8527328", "ConnectionString", &["connectionString"]);
    check("b2e08744-4f1a-40ce-af30-7abac3e23cf3", "Basic Authentication for Snowflake", &["connectionString"]);
    check(
        "3c9b37f8-13a6-43d8-bad3-b863b941fedd",
        "Basic Authentication",
        &["project", "clientId", "clientSecret", "refreshToken"],
    );
    let salesforce = "cfc0fee1-7dc0-40ef-b73e-d8b134c436f5";
    check(salesforce, "Basic Authentication", &["username", "password", "securityToken"]);
    check(salesforce, "OAuth2 Client Credential", &["environmentUrl", "clientId", "clientSecret", "apiVersion"]);
    check(salesforce, "OAuth2 JWT Token Credential", &["jwtToken", "clientId", "clientSecret", "instanceUrl"]);
    let dynamics = "38ad80fe-8b06-4938-94f4-d4ee80266b07";
    check(dynamics, "Basic Authentication for Dynamics-Online", &["serviceUri", "username", "password"]);
    check(
        dynamics,
        "Service Principal Key Based Authentication",
        &["serviceUri", "servicePrincipalId", "servicePrincipalKey"],
    );
    check("4e98f16f-87d6-4ef0-bdc6-7a2b0fe76e62", "OAuth2 Refresh Code", &["host", "accessToken"]);
    check("4e98f16f-87d6-4ef0-bdc6-7a2b0fe76e62", "Basic Authentication", &["host", "username", "password"]);
    check("bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb", "Streaming Connection", &["dataType"]);
    check(
        "bf9f5905-92b7-48bf-bf20-455bc6b60a4e",
        "Azure EventHub authentication credentials",
        &["sasKeyName", "sasKey", "namespace"],
    );
    check(
        "86043421-563b-46ec-8e6c-e23184711bf6",
        "Aws Kinesis authentication credentials",
        &["accessKeyId", "secretKey", "region"],
    );
    let pubsub = "70116022-a743-464a-bbfe-e226a7f8210c";
    check(pubsub, "Project Based Authentication", &["projectId", "credentials"]);
    check(pubsub, "Topic & Subscription Based Authentication", &["credentials", "topicName", "subscriptionName"]);
    // Neither has a connection of its own.
    for id in ["26f526f2-58f4-4712-961d-e41bf1ccc0e8", "c604ff05-7f1a-43c0-8e18-33bf874cb11c"] {
        assert!(auth_specs(spec(id).unwrap()).is_empty());
    }
    // Names that sources print.
    for (id, name) in [
        ("3c9b37f8-13a6-43d8-bad3-b863b941fedd", "google-big-query"),
        ("bc7b00d6-623a-4dfc-9fdb-f1240aeadaeb", "Streaming Connection"),
        ("26f526f2-58f4-4712-961d-e41bf1ccc0e8", "landing-zone"),
        ("cfc0fee1-7dc0-40ef-b73e-d8b134c436f5", "salesforce"),
        ("be5ec48c-5b78-49d5-b8fa-7c89ec4569b8", "azure-file-storage"),
    ] {
        assert_eq!(spec(id).unwrap()["name"], name);
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
    let four = json!(["clientId", "clientSecret", "accessToken", "refreshToken"]);
    assert_eq!(auth[0]["spec"]["required"], four);
    assert_eq!(
        properties(&auth[0]["spec"]).keys().collect::<Vec<_>>(),
        four.as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect::<Vec<_>>()
    );
    assert_eq!(auth[1]["spec"]["required"], json!(["accessToken"]));
}

#[test]
fn a_flow_spec_joins_sources_of_one_kind() {
    for (id, reader) in [
        ("9753525b-82c7-4dce-8a9b-5ccfce2b9876", Reader::Files),
        ("14518937-270c-4525-bdec-c2ba7cce3860", Reader::Tables),
    ] {
        let sources: Vec<_> = ids(&flow_spec(id).unwrap()["sourceConnectionSpecIds"]).filter_map(by_spec).collect();
        assert!(!sources.is_empty() && sources.iter().all(|source| source.reader == reader), "{id}");
    }
}

/// The page that says what there is: `UPDATE_EXPECT=1` writes it anew.
#[test]
fn the_documentation_is_made_of_the_specs() {
    expect_test::expect_file!["../../../docs/sources.md"].assert_eq(&page());
}

fn page() -> String {
    let mut page = String::from(
        "# Sources\n\n<!-- Made from crates/sources/src/specs by a test: UPDATE_EXPECT=1 cargo nextest run -E 'test(/documentation_is_made/)' -->\n\n\
         Every connection spec that the registry has, with the ways to sign in and their parameters: a question mark\nstands behind optional \
         ones, 🔒 behind those that are sealed. `attributes.forebay.runnable` of a spec says whether\nthis Forebay can run it. A connection to \
         one that it cannot run is checked, sealed and stored; testing it, exploring it\nand a flow from it are refused with FLOW-1100-400 and \
         the reason.\n",
    );
    for (title, runnable) in [("Running", true), ("Known, not running", false)] {
        let _ = write!(page, "\n## {title}\n");
        for spec in specs().iter().filter(|spec| spec["attributes"]["forebay"]["runnable"] == runnable) {
            section(&mut page, spec);
        }
    }
    page.push_str("\n## Flow specs\n\n| name | id | from | to |\n|---|---|---|---|\n");
    for flow in flow_specs() {
        let named = |member: &str| {
            let names = ids(&flow[member]).map(|id| spec(id).map_or(id, |spec| spec["name"].as_str().unwrap()));
            names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        let (from, to) = (named("sourceConnectionSpecIds"), named("targetConnectionSpecIds"));
        let _ = writeln!(page, "| {} | `{}` | {from} | {to} |", text(&flow["name"]), text(&flow["id"]));
    }
    page
}

fn section(page: &mut String, spec: &Value) {
    let ui = &spec["attributes"]["uiAttributes"];
    let _ = write!(
        page,
        "\n### {}\n\n{} Spec `{}`, name `{}`, category {}.\n",
        text(&ui["label"]["value"]),
        text(&ui["description"]["value"]),
        text(&spec["id"]),
        text(&spec["name"]),
        text(&spec["attributes"]["category"]),
    );
    if let Some(reason) = spec["attributes"]["forebay"]["reason"].as_str() {
        let _ = writeln!(page, "{reason}");
    }
    for (at, auth) in auth_specs(spec).iter().enumerate() {
        let schema = &auth["spec"];
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let named = |(name, property): (&String, &Value)| {
            let optional = if required.contains(&name.as_str()) { "" } else { "?" };
            let lock = if property["format"] == "password" { " 🔒" } else { "" };
            format!("`{name}`{optional}{lock}")
        };
        let parameters = properties(schema).iter().map(named).collect::<Vec<_>>().join(", ");
        let _ = writeln!(page, "{}* {}: {parameters}", if at == 0 { "\n" } else { "" }, text(&auth["name"]));
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}
