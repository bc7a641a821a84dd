//! Mappings through the whole program: what a preview shows is what a run lands.

use crate::harness::{Bucket, FULL, FlowSpec, Forebay, column, counts};
use serde_json::{Value, json};

const PREP: &str = "/data/foundation/conversion";

fn records() -> Vec<Value> {
    vec![
        json!({ "id": "1", "who": { "first": "Ada", "last": "Lovelace" }, "items": [{ "sku": "a", "price": 2 }, { "sku": "b" }],
            "agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 5_1_1 like Mac OS X) AppleWebKit/534.46 (KHTML, like Gecko) Version/5.1 Mobile/9B206 Safari/7534.48.3" }),
        json!({ "id": "2", "who": { "first": "Größe" }, "items": [], "agent": null }),
        json!({ "id": "3", "who": null, "items": [{ "price": "x" }] }),
    ]
}

fn rules(tenant: &str) -> Value {
    let rule = |kind: &str, source: &str, to: &str| json!({ "sourceType": kind, "source": source, "destination": to });
    json!([
        rule("ATTRIBUTE", "id", "_id"),
        rule("EXPRESSION", "concat(who.first, \" \", who.last)", "person.name.fullName"),
        rule("EXPRESSION", "join(\"-\", transformArray(items[*].sku, s -> upper(s)))", &format!("_{tenant}.note")),
        rule("EXPRESSION", "size_of(items)", &format!("_{tenant}.visits")),
        rule("EXPRESSION", "max(transformArray(items, i -> to_decimal(i.price)))", &format!("_{tenant}.score")),
        rule("EXPRESSION", "ua_os_name(agent).equals(\"iOS\")", &format!("_{tenant}.active")),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_shows_what_a_run_lands() {
    let bucket = Bucket::playground("prep").await;
    let lines: Vec<String> = records().iter().map(Value::to_string).collect();
    bucket.put("in/people.json", lines.join("\n")).await;
    let forebay = Forebay::start().await;
    let base = forebay.connect(&bucket).await;
    let (schema, tenant) = forebay.people_schema().await;
    let set =
        json!({ "outputSchema": { "schemaRef": { "id": schema, "contentType": FULL } }, "mappings": rules(&tenant) });
    let shown =
        forebay.post(&format!("{PREP}/mappingSets/preview"), json!({ "data": records(), "mappingSet": set })).await;
    let expected = json!([
        { "_id": "1", "person": { "name": { "fullName": "Ada Lovelace" } }, (format!("_{tenant}")): { "visits": 2, "score": 2.0, "active": true, "note": "A-B" } },
        { "_id": "2", "person": { "name": { "fullName": "Größe " } }, (format!("_{tenant}")): { "visits": 0, "active": false, "note": "" } },
        { "_id": "3", "person": { "name": { "fullName": " " } }, (format!("_{tenant}")): { "visits": 1, "active": false, "note": "" } },
    ]);
    let own = format!("_{tenant}");
    for (shown, expected) in shown["data"].as_array().unwrap().iter().zip(expected.as_array().unwrap()) {
        for path in [
            "/_id".to_string(),
            "/person/name/fullName".into(),
            format!("/{own}/visits"),
            format!("/{own}/score"),
            format!("/{own}/active"),
        ] {
            assert_eq!(shown.pointer(&path), expected.pointer(&path), "{path} of {shown}");
        }
    }
    let errors = shown["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert_eq!((&errors[0]["record"], &errors[0]["code"]), (&json!(2), &json!("MAPPER-3700-400")));
    let made = forebay
        .flow(FlowSpec {
            base: &base,
            path: "/in/people.json",
            kind: "file",
            format: "json",
            properties: Value::Null,
            schema: &schema,
            rules: rules(&tenant),
            options: Value::Null,
        })
        .await;
    let runs = forebay.settled(&made.flow).await;
    assert_eq!(runs[0]["state"], "success", "{:#}", runs[0]);
    assert_eq!(counts(&runs[0]), (3, 3, 0, 0));
    for path in [
        "_id".to_string(),
        "person.name.fullName".into(),
        format!("{own}.visits"),
        format!("{own}.note"),
        format!("{own}.score"),
        format!("{own}.active"),
    ] {
        let pointer = format!("/{}", path.replace('.', "/"));
        let mut wanted: Vec<String> = shown["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row.pointer(&pointer).cloned().unwrap_or_default().to_string())
            .collect();
        let mut landed: Vec<String> = column(&made.table, &path).iter().map(Value::to_string).collect();
        wanted.sort();
        landed.sort();
        assert_eq!(landed, wanted, "{path}");
    }
    for (expression, sample, valid) in [
        ("upper(a)", json!({ "a": "x" }), true),
        ("1 / a", json!({ "a": 0 }), false),
        ("1 / a", json!("{\"a\": 1}"), true),
    ] {
        let body = json!({ "expression": expression, "sampleData": sample });
        assert_eq!(forebay.post(&format!("{PREP}/languages/el/validate"), body).await, json!(valid), "{expression}");
    }
    bucket.end().await;
}
