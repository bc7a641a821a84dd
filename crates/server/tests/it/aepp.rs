//! aepp, the platform's public Python client, unmodified (flow-service.md §14, platform.md §8.3): `scripts/aepp_client.py`
//! calls every method of it that has an operation here, and judges the answers. Each part has a server of its own.

use crate::harness::{Bucket, Forebay, python, script};
use forebay_playground::hubspot::{Config, Hubspot, Profile};
use serde_json::json;
use std::io::Write;
use std::process::{Command, Stdio};

const CONTACTS: u64 = 200;

/// Runs a part of the program; it prints what was wrong.
async fn part(name: &'static str) {
    let bucket = Bucket::playground("aepp").await;
    bucket.put("in/people.csv", "id,first,email\n1,Ada,a@x.org\n2,Grace,g@x.org\n3,Edsger,e@x.org\n").await;
    let account =
        Hubspot::start(Config { contacts: Some(CONTACTS), profile: Profile::Tiny, ..Config::default() }).await.unwrap();
    let url = account.url();
    let forebay = Forebay::start_with(&[("FOREBAY_HUBSPOT_BASE_URL", &url)]).await;
    let who = account.account();
    let living = account.sim().ids("contacts").len();
    let scene = json!({ "url": forebay.url, "credentials": forebay.credentials,
        "s3": { "endpoint": bucket.endpoint, "accessKey": bucket.access_key, "secretKey": bucket.secret_key,
            "bucket": bucket.name, "path": "/in/people.csv" },
        "hubspot": { "clientId": who.client_id, "clientSecret": who.client_secret, "accessToken": who.access_token,
            "refreshToken": who.refresh_token, "contacts": living } });
    let said = tokio::task::spawn_blocking(move || run(name, &scene.to_string())).await.unwrap();
    assert!(said.is_empty(), "{name}:\n{said}\n");
    bucket.end().await;
}

/// What the program said, with the reason of a failure.
fn run(part: &str, scene: &str) -> String {
    let mut child = Command::new(python())
        .arg(script("aepp_client.py"))
        .arg(part)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python starts");
    child.stdin.take().unwrap().write_all(scene.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).trim().to_string();
    match out.status.success() {
        true => said,
        false => format!("{said}\n{}", String::from_utf8_lossy(&out.stderr)),
    }
}

macro_rules! parts {
    ($($test:ident: $part:literal),* $(,)?) => { $(
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            part($part).await;
        }
    )* };
}

parts! {
    connections_and_specs: "connections",
    files_from_a_bucket_to_rows: "s3",
    flows_sources_and_targets: "flows",
    contacts_of_hubspot_to_rows: "hubspot",
    the_schema_registry: "registry",
    its_own_models_of_schemas: "managers",
    datasets_of_the_catalog: "datasets",
    mapping_sets_and_expressions: "preparation",
    sandboxes_from_first_to_last: "boxes",
    roles_and_policies: "rights",
    batches_by_upload: "uploads",
    labels_of_datasets: "labels",
    metrics_of_ingestion: "metrics",
}

#[test]
fn every_public_method_is_called_or_is_not_ours_for_a_reason() {
    assert_eq!(run("methods", ""), "");
}
