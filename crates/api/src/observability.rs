//! Observability (platform.md §7): what was ingested when, computed from the batches of the caller's sandbox. A batch
//! counts at the moment it ended.

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::Problem;
use crate::writing::{json, object};
use axum::extract::State;
use axum::response::Response;
use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, SecondsFormat, TimeDelta, TimeZone, Timelike, Utc};
use forebay_model::error::{Kind, Place};
use forebay_model::{Error, Resource, Result, Time, code, filter};
use forebay_store::List;
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Metrics of one request at most.
const MAX_METRICS: usize = 20;
/// Datapoints of one series at most.
const MAX_POINTS: usize = 10_000;
/// Datapoints of an answer at most, over all series of all metrics.
const MAX_ALL: usize = 100_000;
/// Days of a range that does not say where it begins.
const RANGE: u64 = 30;
/// Batches that are read at once.
const PAGE: usize = 1000;
/// The one number that is no series.
const DATASETS: &str = "stats.ingestion.dataset.count";

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    /// Records that were stored.
    Records,
    /// Batches that succeeded.
    Succeeded,
    /// Batches that failed.
    Failed,
    /// Bytes that were stored.
    Bytes,
    /// Bytes that have been stored since the beginning.
    AllBytes,
}

/// Names of metrics that can be told truthfully here.
const METRICS: &[(&str, Measure)] = &[
    ("timeseries.ingestion.dataset.recordsuccess.count", Measure::Records),
    ("timeseries.ingestion.dataset.batchsuccess.count", Measure::Succeeded),
    ("timeseries.ingestion.dataset.batchfailed.count", Measure::Failed),
    ("timeseries.ingestion.dataset.dailysize", Measure::Bytes),
    ("timeseries.ingestion.dataset.size", Measure::AllBytes),
];

/// What is asked for.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it says the form to readers of openapi.json")]
pub struct MetricsRequest {
    /// ISO 8601; 30 days before the end if it is left out.
    start: Option<String>,
    /// ISO 8601; now if it is left out.
    end: Option<String>,
    /// `MINUTE`, `HOUR`, `DAY`, `WEEK` or `MONTH`; a day if it is left out.
    granularity: Option<String>,
    metrics: Vec<MetricRequest>,
}

/// One metric.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it says the form to readers of openapi.json")]
pub struct MetricRequest {
    name: String,
    filters: Option<Vec<MetricFilter>>,
    /// How several datasets become one number: `sum`, `avg`, `min`, `max` or `count`.
    aggregator: String,
    /// How the batches of a dataset become one number; the sum if it is left out.
    downsample: Option<String>,
}

/// Which datasets.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "it says the form to readers of openapi.json")]
pub struct MetricFilter {
    /// `dataSetId`
    name: String,
    /// Ids with `|` between them.
    value: String,
    /// Each dataset for itself.
    group_by: Option<bool>,
}

/// `POST /metrics` (v2)
#[utoipa::path(post, path = "/metrics", tag = "Observability", request_body = MetricsRequest,
    responses((status = 200, description = "`{metricResponses}`", body = Object), (status = 400, description = "A metric, an aggregator or a time is wrong")))]
pub async fn query_metrics(State(app): State<App>, caller: Caller, Body(body): Body) -> Result<Response, Problem> {
    let body = object(body, "the query").map_err(|error| bad(error.message.to_string(), ""))?;
    let end = time(body.get("end"), "/end")?.unwrap_or(app.now());
    let start = match time(body.get("start"), "/start")? {
        Some(start) => start,
        None => days_before(end)?,
    };
    let grain = match body.get("granularity") {
        None | Some(Value::Null) => Grain::Day,
        Some(Value::String(text)) => Grain::parse(text)?,
        Some(_) => return Err(bad("granularity must be a text", "/granularity").into()),
    };
    let metrics = match body.get("metrics") {
        Some(Value::Array(metrics)) if (1..=MAX_METRICS).contains(&metrics.len()) => metrics,
        _ => return Err(bad(format!("metrics must be an array of 1 to {MAX_METRICS} metrics"), "/metrics").into()),
    };
    let mut asked = Vec::new();
    for (index, metric) in metrics.iter().enumerate() {
        asked.push(Query::parse(metric, &format!("/metrics/{index}"))?);
    }
    let buckets = buckets(start, end, grain)?;
    let series: usize = asked.iter().map(Query::count).sum();
    if series.saturating_mul(buckets.len() - 1) > MAX_ALL {
        let message = format!("the metrics have more than {MAX_ALL} datapoints together");
        return Err(bad(message, "/metrics")
            .advice("Ask for fewer datasets, a coarser granularity or a shorter range.")
            .into());
    }
    let points =
        points(&app, &caller, start, end, asked.iter().any(|query| query.measure == Measure::AllBytes)).await?;
    let mut responses = Vec::new();
    for query in &asked {
        let mut groups = Vec::new();
        for (group, datasets) in query.groups() {
            let dps: Map<String, Value> = query
                .series(&points, &buckets, datasets.as_ref())
                .into_iter()
                .map(|(time, value)| (stamp(time), json!(value)))
                .collect();
            groups.push(json!({ "groupBy": group, "dps": dps }));
        }
        responses.push(json!({ "metric": query.name, "filters": query.filters, "datapoints": groups, "granularity": grain.name() }));
    }
    Ok(json(StatusCode::OK, &json!({ "metricResponses": responses })))
}

/// `GET /metrics` (v1): each metric by days, the newest first.
#[utoipa::path(get, path = "/metrics", tag = "Observability",
    params(("metric" = Vec<String>, Query), ("id" = Option<String>, Query, description = "A dataset's id"), ("start" = Option<String>, Query),
        ("end" = Option<String>, Query), ("dateRange" = Option<String>, Query, description = "Two moments with a slash between them")),
    responses((status = 200, description = "The series", body = Vec<Object>), (status = 400, description = "A metric or a time is wrong")))]
pub async fn get_metrics(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    let names: Vec<String> =
        params.all("metric").iter().flat_map(|list| list.split(',').map(|name| name.trim().to_string())).collect();
    if names.is_empty() || names.len() > MAX_METRICS {
        return Err(bad(format!("metric must name 1 to {MAX_METRICS} metrics"), "").into());
    }
    let (mut start, mut end) = (params.one("start")?.map(str::to_string), params.one("end")?.map(str::to_string));
    if let Some(range) = params.one("dateRange")? {
        let Some((from, to)) = range.split_once('/') else {
            return Err(bad("dateRange is two moments with a slash between them", "").into());
        };
        (start, end) = (Some(from.to_string()), Some(to.to_string()));
    }
    let end = time(end.map(Value::String).as_ref(), "")?.unwrap_or(app.now());
    let start = match time(start.map(Value::String).as_ref(), "")? {
        Some(start) => start,
        None => days_before(end)?,
    };
    let buckets = buckets(start, end, Grain::Day)?;
    let dataset = params.one("id")?.map(|id| BTreeSet::from([id.to_string()]));
    let points = points(&app, &caller, start, end, true).await?;
    let mut by_time: BTreeMap<Time, Map<String, Value>> = BTreeMap::new();
    let mut stats = Map::new();
    for name in &names {
        if name == DATASETS {
            let count = app.store.count(&caller.scope, Resource::Dataset, &filter::Query::default()).await?;
            stats.insert(name.clone(), json!(count));
            continue;
        }
        let query = Query::parse(&json!({ "name": name, "aggregator": "sum" }), "")?;
        for (time, value) in query.series(&points, &buckets, dataset.as_ref()) {
            by_time.entry(time).or_default().insert(name.clone(), json!(value));
        }
    }
    let items: Vec<Value> = by_time
        .into_iter()
        .rev()
        .map(|(time, metrics)| json!({ "timestamp": stamp(time), "metrics": metrics }))
        .collect();
    let body = json!([{
        "id": params.one("id")?,
        "imsOrgId": caller.member.org,
        "timeseries": { "granularity": Grain::Day.name(), "items": items, "_page": null, "_links": null },
        "stats": stats,
    }]);
    Ok(json(StatusCode::OK, &body))
}

fn days_before(end: Time) -> Result<Time> {
    end.checked_sub_days(Days::new(RANGE)).ok_or_else(|| bad("the range begins before time did", "/start"))
}

fn stamp(time: Time) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// INSGHT-1000-400.
fn bad(message: impl Into<String>, at: &str) -> Error {
    Error::new(Kind::Invalid, &code::INSGHT_1000, message.into()).at(Place::pointer(at))
}

/// ISO 8601, or a day.
fn time(value: Option<&Value>, at: &str) -> Result<Option<Time>> {
    let text = match value {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => text.trim(),
        Some(_) => return Err(bad("a time is a text such as 2024-07-01T00:00:00Z", at)),
    };
    let day = || {
        let day = text.parse::<NaiveDate>().ok()?;
        Some(Utc.from_utc_datetime(&day.and_time(NaiveTime::MIN)))
    };
    let time = chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc)).or_else(day);
    // Years that no other part of an answer could say.
    match time.filter(|time| (1970..=9999).contains(&time.year())) {
        Some(time) => Ok(Some(time)),
        None => Err(bad(format!("{text:?} is no time such as 2024-07-01T00:00:00Z"), at)),
    }
}

/// The length of what one datapoint stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grain {
    Minute,
    Hour,
    Day,
    Week,
    Month,
}

impl Grain {
    const ALL: [Grain; 5] = [Grain::Minute, Grain::Hour, Grain::Day, Grain::Week, Grain::Month];

    fn name(self) -> &'static str {
        match self {
            Grain::Minute => "MINUTE",
            Grain::Hour => "HOUR",
            Grain::Day => "DAY",
            Grain::Week => "WEEK",
            Grain::Month => "MONTH",
        }
    }

    fn parse(text: &str) -> Result<Grain> {
        let found = Grain::ALL.into_iter().find(|grain| grain.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| {
            bad(format!("granularity is MINUTE, HOUR, DAY, WEEK or MONTH, not {text:?}"), "/granularity")
        })
    }

    /// The beginning of what `time` lies in.
    fn floor(self, time: Time) -> Time {
        let day = time.date_naive();
        let minutes = match self {
            Grain::Minute => i64::from(time.hour() * 60 + time.minute()),
            Grain::Hour => i64::from(time.hour() * 60),
            _ => 0,
        };
        let day = match self {
            Grain::Week => day - TimeDelta::days(i64::from(day.weekday().num_days_from_monday())),
            Grain::Month => day.with_day(1).unwrap_or(day),
            _ => day,
        };
        Utc.from_utc_datetime(&day.and_time(NaiveTime::MIN)) + TimeDelta::minutes(minutes)
    }

    fn next(self, time: Time) -> Time {
        match self {
            Grain::Minute => time + TimeDelta::minutes(1),
            Grain::Hour => time + TimeDelta::hours(1),
            Grain::Day => time + TimeDelta::days(1),
            Grain::Week => time + TimeDelta::days(7),
            Grain::Month => time + Months::new(1),
        }
    }
}

/// The beginnings of all that lies between two moments, and the end of the last.
fn buckets(start: Time, end: Time, grain: Grain) -> Result<Vec<Time>> {
    if start > end {
        return Err(bad("Start date cannot be after end date", "/start"));
    }
    let mut buckets = vec![grain.floor(start)];
    loop {
        let next = grain.next(buckets[buckets.len() - 1]);
        buckets.push(next);
        if next > end {
            return Ok(buckets);
        }
        if buckets.len() > MAX_POINTS {
            let message = format!("the range has more than {MAX_POINTS} datapoints of that granularity");
            return Err(bad(message, "/granularity"));
        }
    }
}

/// A batch that ended.
struct Point {
    dataset: String,
    time: Time,
    succeeded: bool,
    records: f64,
    bytes: f64,
}

/// The batches that ended between two moments; from the beginning where sums since then are asked for.
async fn points(app: &App, caller: &Caller, start: Time, end: Time, all: bool) -> Result<Vec<Point>> {
    let mut terms = vec![format!("completed<={}", end.timestamp_millis())];
    if !all {
        terms.push(format!("completed>={}", start.timestamp_millis()));
    }
    let mut list = List { query: filter::parse(&terms)?, order: Vec::new(), limit: PAGE, after: None };
    let mut points = Vec::new();
    loop {
        let page = app.store.list(&caller.scope, Resource::Batch, &list).await?;
        for batch in page.documents {
            let body = &batch.body;
            let related = body["relatedObjects"].as_array().into_iter().flatten();
            let dataset = related.into_iter().find(|object| object["type"] == "dataSet");
            let succeeded = match body["status"].as_str() {
                // What was taken back later had been ingested.
                Some("success" | "inactive") => true,
                Some("failed" | "failure") => false,
                _ => continue,
            };
            let Some(time) = body["completed"].as_i64().and_then(Time::from_timestamp_millis) else { continue };
            let metrics = &body["metrics"];
            let number = |name: &str| metrics[name].as_f64();
            points.push(Point {
                dataset: dataset.and_then(|object| object["id"].as_str()).unwrap_or_default().to_string(),
                time,
                succeeded,
                records: number("outputRecordCount").unwrap_or(0.0),
                bytes: number("outputByteSize").or(number("inputByteSize")).unwrap_or(0.0),
            });
        }
        match page.next {
            Some(next) => list.after = Some(next),
            None => return Ok(points),
        }
    }
}

/// How several numbers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reduce {
    Sum,
    Average,
    Least,
    Most,
    Count,
}

impl Reduce {
    fn parse(value: &Value, at: &str) -> Result<Reduce> {
        match value.as_str().map(str::to_ascii_lowercase).as_deref() {
            Some("sum" | "zimsum") => Ok(Reduce::Sum),
            Some("avg") => Ok(Reduce::Average),
            Some("min" | "mimmin") => Ok(Reduce::Least),
            Some("max" | "mimmax") => Ok(Reduce::Most),
            Some("count") => Ok(Reduce::Count),
            Some(other) => Err(bad(format!("{other:?} is none of sum, avg, min, max and count"), at)),
            None => Err(bad("it is missing, or no text: sum, avg, min, max or count", at)),
        }
    }

    /// Nothing comes to nothing, but for sums, which come to 0.
    fn apply(self, numbers: &[f64]) -> Option<f64> {
        // The sum of nothing is -0.0 to the standard library.
        let sum = numbers.iter().fold(0.0, |sum, number| sum + number);
        match self {
            Reduce::Sum => Some(sum),
            Reduce::Count => Some(numbers.len() as f64),
            Reduce::Average => (!numbers.is_empty()).then(|| sum / numbers.len() as f64),
            Reduce::Least => numbers.iter().copied().reduce(f64::min),
            Reduce::Most => numbers.iter().copied().reduce(f64::max),
        }
    }
}

/// One metric of a request.
#[derive(Debug)]
struct Query {
    name: String,
    measure: Measure,
    filters: Value,
    /// Datasets; none for all.
    datasets: Option<BTreeSet<String>>,
    grouped: bool,
    aggregator: Reduce,
    downsample: Reduce,
}

impl Query {
    fn parse(metric: &Value, at: &str) -> Result<Query> {
        let name = metric["name"].as_str().unwrap_or_default();
        let Some((_, measure)) = METRICS.iter().find(|(known, _)| *known == name) else {
            return Err(bad(format!("{name:?} is no metric that is known here"), &format!("{at}/name")));
        };
        let mut query = Query {
            name: name.to_string(),
            measure: *measure,
            filters: metric["filters"].clone(),
            datasets: None,
            grouped: false,
            aggregator: Reduce::parse(&metric["aggregator"], &format!("{at}/aggregator"))?,
            downsample: match &metric["downsample"] {
                Value::Null => Reduce::Sum,
                said => Reduce::parse(said, &format!("{at}/downsample"))?,
            },
        };
        let filters = match &metric["filters"] {
            Value::Null => return Ok(Query { filters: json!([]), ..query }),
            Value::Array(filters) => filters,
            _ => return Err(bad("filters must be an array", &format!("{at}/filters"))),
        };
        for (index, filter) in filters.iter().enumerate() {
            let at = format!("{at}/filters/{index}");
            let name = filter["name"].as_str().unwrap_or_default();
            if !["datasetid", "datasets", "dataset"].contains(&name.to_ascii_lowercase().as_str()) {
                return Err(bad(format!("filters go by dataSetId, not by {name:?}"), &format!("{at}/name")));
            }
            let Some(ids) = filter["value"].as_str() else {
                return Err(bad("value is the ids of datasets with | between them", &format!("{at}/value")));
            };
            let ids = ids.split('|').map(|id| id.trim().to_string()).filter(|id| !id.is_empty());
            query.datasets.get_or_insert_default().extend(ids);
            query.grouped |= filter["groupBy"] == true;
        }
        Ok(query)
    }

    /// How many series there are.
    fn count(&self) -> usize {
        self.datasets.as_ref().filter(|_| self.grouped).map_or(1, BTreeSet::len)
    }

    /// What is told apart, and the datasets in it.
    fn groups(&self) -> Vec<(Value, Option<BTreeSet<String>>)> {
        match &self.datasets {
            Some(datasets) if self.grouped => {
                datasets.iter().map(|id| (json!({ "dataSetId": id }), Some(BTreeSet::from([id.clone()])))).collect()
            }
            datasets => vec![(json!({}), datasets.clone())],
        }
    }

    fn value(&self, point: &Point) -> Option<f64> {
        match self.measure {
            Measure::Failed => (!point.succeeded).then_some(1.0),
            _ if !point.succeeded => None,
            Measure::Succeeded => Some(1.0),
            Measure::Records => Some(point.records),
            Measure::Bytes | Measure::AllBytes => Some(point.bytes),
        }
    }

    /// The numbers at the beginnings of the buckets: per dataset first, then of all datasets together.
    fn series(&self, points: &[Point], buckets: &[Time], datasets: Option<&BTreeSet<String>>) -> Vec<(Time, f64)> {
        let mut by_bucket: Vec<BTreeMap<&str, Vec<f64>>> = vec![BTreeMap::new(); buckets.len().saturating_sub(1)];
        let mut before: BTreeMap<&str, f64> = BTreeMap::new();
        for point in points {
            if datasets.is_some_and(|wanted| !wanted.contains(&point.dataset)) {
                continue;
            }
            let Some(value) = self.value(point) else { continue };
            // The bucket that begins last before it.
            match buckets.partition_point(|begin| *begin <= point.time).checked_sub(1) {
                None => *before.entry(&point.dataset).or_default() += value,
                Some(at) if at < by_bucket.len() => {
                    by_bucket[at].entry(&point.dataset).or_default().push(value);
                }
                Some(_) => {}
            }
        }
        let mut series = Vec::new();
        for (bucket, begin) in by_bucket.into_iter().zip(buckets) {
            let each: Vec<f64> = match self.measure {
                Measure::AllBytes => {
                    for (dataset, values) in bucket {
                        *before.entry(dataset).or_default() += values.iter().sum::<f64>();
                    }
                    before.values().copied().collect()
                }
                _ => bucket.values().filter_map(|values| self.downsample.apply(values)).collect(),
            };
            series.extend(self.aggregator.apply(&each).map(|value| (*begin, value)));
        }
        series
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        time(Some(&json!(text)), "").unwrap().unwrap()
    }

    #[track_caller]
    fn floor(grain: Grain, text: &str, begin: &str, next: &str) {
        let found = grain.floor(at(text));
        assert_eq!((found, grain.next(found)), (at(begin), at(next)), "{grain:?} of {text}");
    }

    #[test]
    fn datapoints_begin_where_their_clock_does() {
        let moment = "2024-02-29T13:45:59.5Z";
        floor(Grain::Minute, moment, "2024-02-29T13:45:00Z", "2024-02-29T13:46:00Z");
        floor(Grain::Hour, moment, "2024-02-29T13:00:00Z", "2024-02-29T14:00:00Z");
        floor(Grain::Day, moment, "2024-02-29", "2024-03-01");
        floor(Grain::Week, moment, "2024-02-26", "2024-03-04");
        floor(Grain::Month, moment, "2024-02-01", "2024-03-01");
        floor(Grain::Day, "2024-07-01T01:00:00+02:00", "2024-06-30", "2024-07-01");
    }

    #[test]
    fn a_range_has_an_end_and_is_not_endless() {
        assert_eq!(buckets(at("2024-07-01"), at("2024-07-03"), Grain::Day).unwrap().len(), 4);
        assert!(buckets(at("2024-07-03"), at("2024-07-01"), Grain::Day).is_err());
        assert!(buckets(at("1970-01-01"), at("9999-12-31"), Grain::Minute).is_err());
        for odd in ["yesterday", "2024-13-01", "99999-01-01", "-1-01-01", ""] {
            assert!(time(Some(&json!(odd)), "").is_err(), "{odd}");
        }
    }
}
