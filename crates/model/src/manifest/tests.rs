//! What is made of a manifest comes back as the same manifest.

use super::convert::{self, Behind, MASK, Parts};
use super::diff::{between, of_new};
use super::*;
use crate::identity::PrimaryIdentity;
use serde_json::json;

fn manifest(value: Value) -> Manifest {
    serde_json::from_value(value).unwrap()
}

fn s3() -> Value {
    json!({ "id": "s3", "name": "amazon-s3", "version": "1.0", "authSpec": [{ "name": "Access Key", "type": "Access Key Auth",
        "spec": { "properties": { "s3AccessKey": { "aliases": ["accessKeyId"] }, "s3SecretKey": { "format": "password" },
            "bucketName": {} } } }] })
}

fn connection() -> Connection {
    let Manifest::Connection(connection) =
        manifest(json!({ "kind": "Connection", "name": "Orders, S3", "spec": "amazon-s3",
        "auth": { "type": "Access Key", "params": { "s3AccessKey": "AKIA", "bucketName": "orders",
            "s3SecretKey": { "secret": "env:ORDERS_S3_S3SECRETKEY" } } } }))
    else {
        panic!("not a connection")
    };
    connection
}

fn flow() -> Flow {
    let Manifest::Flow(flow) = manifest(json!({
        "kind": "Flow", "name": "orders", "connection": "Orders, S3", "dataset": "Orders",
        "source": { "path": "/in/*.csv", "format": "delimited", "properties": { "columnDelimiter": ";" } },
        "mapping": [{ "to": "_acme.id", "from": "id" }, { "to": "_acme.land", "expression": "upper(country)" },
            { "to": "_acme.shop", "value": 7 }],
        "schedule": { "frequency": "minute", "interval": 15, "start": "2026-11-01T00:00:00Z", "backfill": false },
        "options": { "partialIngestionPercent": 5, "errorDiagnostics": true } }))
    else {
        panic!("not a flow")
    };
    flow
}

#[test]
fn a_connection_comes_back_as_it_was_and_its_secrets_as_places() {
    let wanted = connection();
    let mut params = wanted.auth.clone().unwrap().params;
    params["s3SecretKey"] = json!(MASK);
    let mut document = wanted.body(&s3(), params);
    document["state"] = json!("enabled");
    assert_eq!(convert::connection(&document, "amazon-s3"), wanted);
}

#[test]
fn names_of_a_connection_are_put_as_the_spec_has_them() {
    let mut given = connection();
    let auth = given.auth.as_mut().unwrap();
    auth.kind = "access key auth".into();
    let key = auth.params.remove("s3AccessKey").unwrap();
    auth.params.insert("accesskeyid".into(), key);
    given.fit(&s3()).unwrap();
    assert_eq!(between(&Manifest::Connection(connection()), &Manifest::Connection(given), false), vec![]);
}

#[test]
fn a_secret_in_a_file_is_refused() {
    let mut given = connection();
    given.auth.as_mut().unwrap().params["s3SecretKey"] = json!("wJalr");
    let fault = given.fit(&s3()).unwrap_err();
    assert_eq!(fault.at, "auth.params.s3SecretKey");
    assert!(!fault.message.contains("wJalr"));
}

#[test]
fn a_flow_comes_back_as_it_was() {
    let mut wanted = flow();
    wanted.schedule.end = Some("2027-11-01T00:00:00Z".into());
    let spec = json!({ "id": "s3", "version": "1.0" });
    let source = wanted.source_body("c", &spec);
    let set = wanted.mapping_body("https://schema").unwrap();
    let mut document = json!({ "name": "orders", "state": "enabled", "scheduleParams": wanted.schedule_body(None),
        "options": wanted.options_body(), "transformations": wanted.transformations(Some(("m", 3))) });
    let parts = |document: &Value| {
        convert::flow(&Parts {
            flow: document,
            source: &source,
            connection: "Orders, S3".into(),
            dataset: "Orders".into(),
            set: Some(&set),
        })
    };
    assert_eq!(parts(&document), wanted);
    // As the older tutorials write them.
    document["scheduleParams"] = json!({ "frequency": "Minute", "interval": "15", "startTime": "1793491200", "endTime": "1825027200", "backfill": "false" });
    document["options"] = json!({ "errorDiagnosticsEnabled": "true", "partialIngestionPercent": "5" });
    let older = parts(&document);
    assert_eq!(between(&Manifest::Flow(older), &Manifest::Flow(wanted), false), vec![]);
}

#[test]
fn a_table_is_told_from_files() {
    let mut wanted = flow();
    wanted.source = Source { table: Some("Hubspot.Contacts".into()), ..Source::default() };
    wanted.delta_column = Some("lastmodifieddate".into());
    let source = wanted.source_body("c", &json!({ "id": "h", "version": "1.0" }));
    assert_eq!(source["data"], json!({ "format": "tabular" }));
    assert_eq!(source["params"], json!({ "path": "Hubspot.Contacts" }));
    let document = json!({ "name": "orders", "state": "enabled", "scheduleParams": wanted.schedule_body(None),
        "options": wanted.options_body(), "transformations": wanted.transformations(Some(("m", 0))) });
    let set = wanted.mapping_body("x").unwrap();
    let found = convert::flow(&Parts {
        flow: &document,
        source: &source,
        connection: wanted.connection.clone(),
        dataset: wanted.dataset.clone(),
        set: Some(&set),
    });
    assert_eq!(found, wanted);
}

fn dataset() -> Dataset {
    let Manifest::Dataset(dataset) = manifest(json!({ "kind": "Dataset", "name": "Orders", "key": "id",
        "fieldGroups": ["https://ns.adobe.com/xdm/context/profile-person-details"],
        "fields": { "id": { "type": "string", "required": true }, "total": "number", "at": "date-time", "day": "date", "n": "integer",
            "big": "long", "small": "short", "tiny": "byte", "yes": "boolean",
            "where": { "type": "object", "fields": { "street": { "type": "string", "description": "and number" } } },
            "tags": { "type": "array", "items": "string" }, "more": { "type": "map", "items": "string" } } }))
    else {
        panic!("not a dataset")
    };
    dataset
}

#[test]
fn a_dataset_comes_back_as_it_was() {
    let wanted = dataset();
    let group = wanted.group_body("_acme").unwrap();
    let schema = wanted.schema_body(&["own".into()]);
    let find = |id: &str| if id == "own" { Some(group.clone()) } else { crate::xdm::global(id).cloned() };
    let key = PrimaryIdentity { path: vec!["_acme".into(), "id".into()], namespace: NAMESPACE.into() };
    let behind = Behind { schema: &schema, find: &find, own: &|id| id == "own", namespace: "_acme", key: Some(&key) };
    let (found, groups) = convert::dataset(&wanted.body("x"), &behind);
    assert_eq!((found, groups), (wanted.clone(), vec!["own".to_string()]));
    assert_eq!(wanted.descriptor_body("x", "_acme").unwrap()["xdm:sourceProperty"], "/_acme/id");
    // The registry takes the fields, and means the same by them.
    let lookup = |id: &str| find(id);
    let mut whole = group.clone();
    whole["meta:resourceType"] = json!("fieldgroups");
    crate::xdm::check_new(&whole, &lookup).unwrap();
    let tree = crate::xdm::resolve(&whole, &lookup).unwrap();
    for (field, ty) in [("tiny", "Byte"), ("small", "Short"), ("n", "Int"), ("big", "Long"), ("more", "Map(String)")] {
        let found = tree.find(&["_acme".to_string(), field.to_string()]).unwrap();
        assert_eq!(format!("{:?}", found.ty), ty, "{field}");
    }
}

#[test]
fn a_group_that_says_more_stays_a_reference() {
    let wanted = dataset();
    let mut group = wanted.group_body("_acme").unwrap();
    group["definitions"]["fields"]["properties"]["_acme"]["properties"]["total"]["enum"] = json!([1, 2]);
    let schema = wanted.schema_body(&["own".into()]);
    let find = |id: &str| if id == "own" { Some(group.clone()) } else { crate::xdm::global(id).cloned() };
    let behind = Behind { schema: &schema, find: &find, own: &|_| true, namespace: "_acme", key: None };
    let (found, groups) = convert::dataset(&wanted.body("x"), &behind);
    assert!(found.fields.is_empty() && groups.is_empty());
    assert_eq!(found.field_groups[1], "own");
}

#[track_caller]
fn changed(change: impl FnOnce(&mut Flow), expected: &[&str]) {
    let mut wanted = flow();
    change(&mut wanted);
    let changes = between(&Manifest::Flow(flow()), &Manifest::Flow(wanted), false);
    let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, expected);
}

#[test]
fn each_member_that_differs_is_named() {
    changed(|_| {}, &[]);
    changed(|flow| flow.description = "all".into(), &["description"]);
    changed(|flow| flow.state = State::Disabled, &["state"]);
    changed(|flow| flow.mapping[1].expression = Some("lower(country)".into()), &["mapping._acme.land.expression"]);
    changed(|flow| flow.mapping.reverse(), &[]);
    changed(|flow| flow.schedule.interval = Some(30), &["schedule.interval"]);
    // Left out, the start is whatever the flow has.
    changed(|flow| flow.schedule.start = None, &[]);
    changed(|flow| flow.schedule.start = Some("2026-11-01T01:00:00+01:00".into()), &[]);
    changed(|flow| flow.schedule.end = Some("2027-11-01T00:00:00Z".into()), &["schedule.end"]);
    changed(|flow| flow.source.properties["columnDelimiter"] = json!(","), &["source.properties.columnDelimiter"]);
    changed(|flow| flow.options = Options::default(), &["options.partialIngestionPercent", "options.errorDiagnostics"]);
}

#[test]
fn a_secret_is_compared_by_being_there() {
    let current = Manifest::Connection(connection());
    let mut wanted = connection();
    wanted.auth.as_mut().unwrap().params["s3SecretKey"] = json!({ "secret": "file:/run/key" });
    let wanted = Manifest::Connection(wanted);
    assert_eq!(between(&current, &wanted, false), vec![]);
    let resent = between(&current, &wanted, true);
    assert!(resent.len() == 1 && resent[0].sensitive && resent[0].after == Some(Value::Null));
    let new = of_new(&wanted);
    let secret = new.iter().find(|change| change.path == "auth.params.s3SecretKey").unwrap();
    assert!(secret.sensitive);
}

#[track_caller]
fn refused(value: Value, at: &str) {
    assert_eq!(manifest(value).check().unwrap_err().at, at);
}

#[test]
fn what_can_be_judged_without_a_server_is_judged() {
    let flow = |change: Value| {
        let mut flow =
            json!({ "kind": "Flow", "name": "f", "connection": "c", "dataset": "d", "source": { "path": "/a" } });
        crate::patch::merge(&mut flow, &change);
        flow
    };
    manifest(flow(json!({}))).check().unwrap();
    refused(flow(json!({ "name": " " })), "name");
    refused(flow(json!({ "source": { "table": "t" } })), "source");
    refused(flow(json!({ "source": { "path": null } })), "source");
    refused(flow(json!({ "mapping": [{ "to": "a" }] })), "mapping[0]");
    refused(flow(json!({ "mapping": [{ "to": "a", "from": "b" }, { "to": "a", "value": 1 }] })), "mapping[1]");
    refused(flow(json!({ "schedule": { "frequency": "hour" } })), "schedule.interval");
    refused(flow(json!({ "schedule": { "interval": 3 } })), "schedule.interval");
    refused(flow(json!({ "state": "draft" })), "state");
    refused(json!({ "kind": "Dataset", "name": "d" }), "fields");
    refused(json!({ "kind": "Dataset", "name": "d", "fields": { "a": { "type": "array" } } }), "fields.a");
    refused(json!({ "kind": "Dataset", "name": "d", "fields": { "a": "string" }, "key": "b" }), "key");
    let secret = |value: Value| json!({ "kind": "Connection", "name": "c", "spec": "s", "auth": { "type": "t", "params": { "p": value } } });
    refused(secret(json!({ "secret": "hunter2" })), "auth.params.p");
    refused(secret(json!({ "secret": "env:X", "more": 1 })), "auth.params.p");
}

#[test]
fn variables_are_named_after_what_they_are_for() {
    assert_eq!(convert::variable("orders s3 (EU)", "s3SecretKey"), "ORDERS_S3_EU_S3SECRETKEY");
    assert_eq!(convert::variable("1st", "key"), "_1ST_KEY");
}
