//! Metrics of what was ingested.

use crate::world::{ORG, START, World};
use forebay_model::Resource;
use serde_json::{Value, json};

const PATH: &str = "/data/infrastructure/observability/insights/metrics";
const RECORDS: &str = "timeseries.ingestion.dataset.recordsuccess.count";
const DAY: i64 = 86_400_000;

/// Batches of two datasets over three days.
async fn world() -> World {
    let world = World::new().await;
    for (id, dataset, day, status, records, bytes) in [
        ("01A", "d1", -9, "success", 1000, 7),
        ("01B", "d1", 0, "success", 10, 100),
        ("01C", "d1", 0, "success", 20, 200),
        ("01D", "d2", 0, "success", 5, 50),
        ("01E", "d2", 0, "failure", 0, 0),
        ("01F", "d2", 2, "failed", 0, 0),
        ("01G", "d2", 2, "success", 7, 70),
        ("01H", "d2", 2, "processing", 9, 90),
        ("01I", "d1", 9, "success", 999, 9),
    ] {
        let completed = START + day * DAY + 3_600_000;
        let body = json!({ "id": id, "status": status, "completed": completed, "relatedObjects": [{ "type": "dataSet", "id": dataset }],
            "metrics": { "outputRecordCount": records, "outputByteSize": bytes } });
        world.put(&world.scope(), Resource::Batch, id, body).await;
    }
    world
}

fn query(metric: Value) -> Value {
    json!({ "start": "2024-07-01T00:00:00.000Z", "end": "2024-07-03T23:00:00Z", "granularity": "day", "metrics": [metric] })
}

#[tokio::test]
async fn each_day_has_its_sum() {
    let world = world().await;
    let check = async |metric: &str, dps: [f64; 3]| {
        let reply = world.post(PATH, query(json!({ "name": metric, "aggregator": "sum", "downsample": "sum" }))).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        let found = &reply.body["metricResponses"][0];
        let days = ["2024-07-01T00:00:00Z", "2024-07-02T00:00:00Z", "2024-07-03T00:00:00Z"];
        let expected: Value = days
            .iter()
            .zip(dps)
            .map(|(day, value)| (day.to_string(), json!(value)))
            .collect::<serde_json::Map<_, _>>()
            .into();
        assert_eq!(
            found,
            &json!({ "metric": metric, "filters": [], "datapoints": [{ "groupBy": {}, "dps": expected }], "granularity": "DAY" })
        );
    };
    check(RECORDS, [35.0, 0.0, 7.0]).await;
    check("timeseries.ingestion.dataset.batchsuccess.count", [3.0, 0.0, 1.0]).await;
    check("timeseries.ingestion.dataset.batchfailed.count", [1.0, 0.0, 1.0]).await;
    check("timeseries.ingestion.dataset.dailysize", [350.0, 0.0, 70.0]).await;
    // What was ingested before the range counts here.
    check("timeseries.ingestion.dataset.size", [357.0, 357.0, 427.0]).await;
}

#[tokio::test]
async fn datasets_are_chosen_grouped_and_reduced() {
    let world = world().await;
    let filter = |value: &str, group: bool| json!([{ "name": "dataSetId", "value": value, "groupBy": group }]);
    let ask = async |filters: Value, aggregator: &str, downsample: &str| {
        let metric = json!({ "name": RECORDS, "filters": filters, "aggregator": aggregator, "downsample": downsample });
        world.post(PATH, query(metric)).await.body["metricResponses"][0]["datapoints"].clone()
    };
    let first = |points: &Value| points[0]["dps"]["2024-07-01T00:00:00Z"].clone();
    let grouped = ask(filter("d1|d2", true), "sum", "sum").await;
    assert_eq!(
        (&grouped[0]["groupBy"], &grouped[1]["groupBy"]),
        (&json!({ "dataSetId": "d1" }), &json!({ "dataSetId": "d2" }))
    );
    assert_eq!((first(&grouped), &grouped[1]["dps"]["2024-07-01T00:00:00Z"]), (json!(30.0), &json!(5.0)));
    assert_eq!(first(&ask(filter("d1", false), "sum", "avg").await), 15.0);
    assert_eq!(first(&ask(filter("d1|d2", false), "avg", "sum").await), 17.5);
    assert_eq!(first(&ask(json!([]), "max", "min").await), 10.0);
    assert_eq!(first(&ask(json!([]), "count", "sum").await), 2.0);
    let none = ask(filter("somebody-elses", false), "sum", "sum").await;
    assert_eq!(first(&none), 0.0);
    let mut hours = query(json!({ "name": RECORDS, "aggregator": "sum" }));
    hours["granularity"] = json!("HOUR");
    hours["end"] = json!("2024-07-01T02:30:00Z");
    let reply = world.post(PATH, hours).await;
    let expected = json!({ "2024-07-01T00:00:00Z": 0.0, "2024-07-01T01:00:00Z": 35.0, "2024-07-01T02:00:00Z": 0.0 });
    assert_eq!(reply.body["metricResponses"][0]["datapoints"][0]["dps"], expected);
}

#[tokio::test]
async fn a_query_that_is_wrong_says_where() {
    let world = world().await;
    let with = |name: &str, value: Value| {
        let mut body = query(json!({ "name": RECORDS, "aggregator": "sum" }));
        body[name] = value;
        body
    };
    let metric = |name: &str, value: Value| {
        let mut metric = json!({ "name": RECORDS, "aggregator": "sum" });
        metric[name] = value;
        query(metric)
    };
    for (body, at) in [
        (with("start", json!("2024-08-01")), "/start"),
        (with("start", json!("now")), "/start"),
        (with("end", json!(7)), "/end"),
        (with("granularity", json!("AEON")), "/granularity"),
        (with("metrics", json!([])), "/metrics"),
        (with("metrics", json!("x")), "/metrics"),
        (metric("name", json!("timeseries.nothing")), "/metrics/0/name"),
        (metric("aggregator", Value::Null), "/metrics/0/aggregator"),
        (metric("aggregator", json!("median")), "/metrics/0/aggregator"),
        (metric("downsample", json!(1)), "/metrics/0/downsample"),
        (metric("filters", json!({})), "/metrics/0/filters"),
        (metric("filters", json!([{ "name": "inletId", "value": "x" }])), "/metrics/0/filters/0/name"),
        (metric("filters", json!([{ "name": "dataSetId", "value": 7 }])), "/metrics/0/filters/0/value"),
    ] {
        let reply = world.post(PATH, body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, "INSGHT-1000-400"), "{body}: {}", reply.body);
        assert_eq!(reply.body["report"]["pointer"], at, "{body}: {}", reply.body);
        assert_eq!(reply.body["error-chain"][0]["errorCode"], "INSGHT-1000-400");
        assert_eq!(reply.body["report"]["tenantInfo"], json!({ "sandboxName": "prod", "imsOrgId": ORG }));
        assert!(reply.body["title"].as_str().unwrap().starts_with("Bad Request - "));
    }
    let reply = world.call("POST", PATH).text("{").send().await;
    assert_eq!((reply.status.as_u16(), reply.code()), (400, "INSGHT-1000-400"), "{}", reply.body);
}

#[tokio::test]
async fn the_older_query_answers_by_days_the_newest_first() {
    let world = world().await;
    let reply = world.get(&format!("{PATH}?metric={RECORDS}&metric=stats.ingestion.dataset.count&id=d2&dateRange=2024-07-01/2024-07-03T12:00:00Z")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let series = &reply.body[0];
    assert_eq!(
        (&series["id"], &series["imsOrgId"], &series["stats"]["stats.ingestion.dataset.count"]),
        (&json!("d2"), &json!(ORG), &json!(0))
    );
    let items = series["timeseries"]["items"].as_array().unwrap();
    let expected = [("2024-07-03T00:00:00Z", 7.0), ("2024-07-02T00:00:00Z", 0.0), ("2024-07-01T00:00:00Z", 5.0)];
    for (item, (time, value)) in items.iter().zip(expected) {
        assert_eq!(item, &json!({ "timestamp": time, "metrics": { RECORDS: value } }));
    }
    assert_eq!(items.len(), 3);
    for query in [
        "",
        "?metric=nothing",
        "?metric=timeseries.ingestion.dataset.size&dateRange=x",
        "?metric=timeseries.ingestion.dataset.size&start=x",
    ] {
        let reply = world.get(&format!("{PATH}{query}")).await;
        assert_eq!((reply.status.as_u16(), reply.code()), (400, "INSGHT-1000-400"), "{query}: {}", reply.body);
    }
    let other =
        world.stranger("GET", &format!("{PATH}?metric={RECORDS}&start=2024-07-01&end=2024-07-01"), ORG).send().await;
    assert_eq!(other.body[0]["timeseries"]["items"][0]["metrics"][RECORDS], 0.0, "another sandbox");
}

#[tokio::test]
async fn an_answer_tells_each_dataset_once_and_is_not_endless() {
    let world = world().await;
    let of = |value: &str| {
        let filter = json!({ "name": "dataSetId", "value": value, "groupBy": true });
        json!({ "name": RECORDS, "aggregator": "sum", "filters": [filter] })
    };
    let reply = world.post(PATH, query(of(&"d1|".repeat(50)))).await;
    let groups = reply.body["metricResponses"][0]["datapoints"].as_array().unwrap();
    assert_eq!(
        (groups.len(), &groups[0]["groupBy"]),
        (1, &json!({ "dataSetId": "d1" })),
        "an id said again is the same series"
    );

    // 100 hours: 1,000 series of them are just let through, over all metrics.
    let ids = |count: usize| (0..count).map(|id| format!("d{id}")).collect::<Vec<_>>().join("|");
    let ask = async |count: usize| {
        let body = json!({ "start": "2024-07-01T00:00:00Z", "end": "2024-07-05T03:00:00Z", "granularity": "hour",
            "metrics": [of(&ids(500)), of(&ids(count))] });
        world.post(PATH, body).await
    };
    assert_eq!(ask(500).await.status, 200);
    let reply = ask(501).await;
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert!(reply.text.contains("INSGHT-1000-400") && reply.text.contains("100000"), "{}", reply.text);
}
