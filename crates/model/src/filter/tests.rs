//! Tables of cases for the query language, and its properties.

use super::*;
use crate::{Error, Result};
use proptest::prelude::*;
use serde_json::json;

fn query(properties: &[&str]) -> Result<Query> {
    parse(
        &properties
            .iter()
            .map(|text| text.to_string())
            .collect::<Vec<_>>(),
    )
}

fn flow() -> Value {
    json!({
        "id": "f1", "name": "amazon-s3", "state": "enabled", "createdAt": 1719800400000i64, "count": 2.5, "wide": 9007199254740993i64,
        "labels": ["core/C1", "core/C2"], "nothing": null, "comma": "a,b", "quote": "say \"hi\"",
        "scheduleParams": { "frequency": "day", "startTime": "1719900000", "at": "2024-07-01T00:00:00Z" },
        "transformations": [ { "name": "Copy", "params": {} }, { "name": "Mapping", "params": { "mappingId": "m1", "mappingVersion": 0 } } ],
        "inheritedAttributes": { "properties": { "isSourceFlow": true }, "targetConnections": [ { "connectionSpec": { "id": "c604" } } ] },
        "metrics": { "statusSummary": { "status": "failed" } },
    })
}

#[track_caller]
fn check(properties: &[&str], expected: bool) {
    assert_eq!(
        query(properties).expect("it parses").matches(&flow()),
        expected,
        "{properties:?}"
    );
}

#[track_caller]
fn refused(property: &str, expected: &str) {
    let error: Error = query(&[property]).expect_err("it is refused");
    assert_eq!(error.code.id, expected, "{property}: {error}");
    assert!(error.message.ends_with('.'), "{error}");
}

#[test]
fn equality_with_and_without_quotes_and_with_one_sign() {
    check(&["name==\"amazon-s3\""], true);
    check(&["name==amazon-s3"], true);
    check(&["name=amazon-s3"], true);
    check(&[" name == amazon-s3 "], true);
    check(&["name==Amazon-S3"], false);
    check(&["name!=amazon-s3"], false);
    check(&["name!=hubspot"], true);
}

#[test]
fn several_parameters_are_all_needed_and_a_list_is_any_of() {
    check(&["name==amazon-s3", "state==enabled"], true);
    check(&["name==amazon-s3", "state==disabled"], false);
    check(&["name==hubspot, amazon-s3"], true);
    check(&["name!=hubspot,amazon-s3"], false);
    check(&["comma==\"a,b\""], true);
    check(&["comma==a,b"], false);
    check(&["quote==\"say \"\"hi\"\"\""], true);
}

#[test]
fn arrays_are_walked_with_and_without_brackets() {
    check(&["transformations[].params.mappingId==m1"], true);
    check(&["transformations.params.mappingId==m1"], true);
    check(&["transformations[].params.mappingId==m2"], false);
    check(&["labels[]==core/C2"], true);
    check(&["labels==core/C2"], true);
    check(&["labels!=core/C2"], false);
    check(
        &["inheritedAttributes.targetConnections[].connectionSpec.id==c604"],
        true,
    );
}

#[test]
fn words_of_an_enumeration_compare_in_any_case() {
    check(&["metrics.statusSummary.status==Failed"], true);
    check(&["state==ENABLED"], true);
    check(&["scheduleParams.frequency!=Day"], false);
}

#[test]
fn numbers_compare_as_numbers_and_dates_as_text() {
    check(&["createdAt>1590000000000"], true);
    check(&["createdAt<999"], false);
    check(&["createdAt==1719800400000"], true);
    check(&["count>=2.5"], true);
    check(&["count==2.50"], true);
    check(&["wide==9007199254740992"], false);
    check(&["transformations.params.mappingVersion==0"], true);
    check(&["scheduleParams.startTime>9"], true);
    check(&["scheduleParams.at>=2024-06-30"], true);
    check(&["scheduleParams.at<2024-06-30"], false);
    check(&["count>abc"], false);
}

#[test]
fn booleans_compare_in_any_case() {
    check(&["inheritedAttributes.properties.isSourceFlow==true"], true);
    check(&["inheritedAttributes.properties.isSourceFlow==True"], true);
    check(
        &["inheritedAttributes.properties.isSourceFlow==false"],
        false,
    );
}

#[test]
fn a_missing_path_matches_only_not_equal() {
    check(&["nowhere==x"], false);
    check(&["nowhere!=x"], true);
    check(&["nowhere<5"], false);
    check(&["nothing==null"], false);
    check(&["nothing!=x"], true);
    check(&["name.deeper!=x"], true);
}

#[test]
fn each_fault_has_its_code() {
    refused("name~s3", "FLOW-1440-400");
    refused("name=~s3", "FLOW-1440-400");
    refused("createdAt<1,2", "FLOW-1443-400");
    refused("name>=a,b", "FLOW-1443-400");
    refused("id>=a", "FLOW-1448-400");
    refused("flowSpec.id<a", "FLOW-1448-400");
    refused("==a", "FLOW-1449-400");
    refused("a..b==1", "FLOW-1449-400");
    refused("a b==1", "FLOW-1449-400");
    refused("a[0]==1", "FLOW-1449-400");
    refused("\"a\"==1", "FLOW-1449-400");
    refused("a.b.c.d.e.f.g.h.i==1", "FLOW-1449-400");
    refused("a!>1", "FLOW-1450-400");
    refused("a===1", "FLOW-1450-400");
    refused("a=>1", "FLOW-1450-400");
    refused("a<>1", "FLOW-1450-400");
    refused("a!1", "FLOW-1450-400");
    refused("", "FLOW-1451-400");
    refused("createdAt==1,2", "FLOW-1452-400");
    refused("updatedAt>yesterday", "FLOW-1452-400");
    refused("name==\"open", "FLOW-1452-400");
    refused("name==\"a\"b", "FLOW-1452-400");
    refused("name==", "FLOW-1453-400");
    refused("name==\"\"", "FLOW-1453-400");
    refused("name==a,,b", "FLOW-1453-400");
    refused("name==a,", "FLOW-1453-400");
    refused(&format!("name=={}", "x".repeat(2048)), "FLOW-1451-400");
}

#[test]
fn eleven_terms_are_too_many() {
    assert!(query(&["a==1"; 10]).is_ok());
    assert_eq!(
        query(&["a==1"; 11]).expect_err("too many").code.id,
        "FLOW-1451-400"
    );
}

#[test]
fn a_value_without_an_operator_is_a_projection() {
    let query = query(&["name,state", "labels==core/C1"]).expect("it parses");
    assert!(query.matches(&flow()));
    assert_eq!(
        query.project(flow()),
        json!({ "id": "f1", "name": "amazon-s3", "state": "enabled" })
    );
    assert_eq!(Query::default().project(flow()), flow());
}

#[test]
fn a_search_joins_terms_by_ampersands_outside_quotes() {
    let query = parse_search("state==enabled&comma!=\"x&y\"").expect("it parses");
    assert_eq!(query.terms.len(), 2);
    assert_eq!(query.terms[1].values, ["x&y"]);
    assert!(query.matches(&flow()));
}

#[test]
fn only_a_plain_equality_is_pushed_down() {
    let pushed = |text: &str| {
        query(&[text]).expect("it parses").terms[0]
            .equality()
            .map(|(path, values)| (path, values.to_vec()))
    };
    assert_eq!(
        pushed("flowSpec.id==a,b"),
        Some(("flowSpec.id".into(), vec!["a".into(), "b".into()]))
    );
    assert_eq!(pushed("labels[]==a"), None);
    assert_eq!(pushed("name!=a"), None);
}

#[track_caller]
fn check_order(text: &str, expected: &[&str]) {
    let mut docs = vec![
        json!({"id":"a","n":2,"s":"x"}),
        json!({"id":"b","n":10,"s":"x"}),
        json!({"id":"c","s":"y"}),
        json!({"id":"d","n":2.5,"s":"w"}),
    ];
    let keys = parse_order(text).expect("it parses");
    docs.sort_by(|a, b| compare(&keys, a, b));
    let ids: Vec<&str> = docs.iter().filter_map(|doc| doc["id"].as_str()).collect();
    assert_eq!(ids, expected, "{text}");
    let printed: Vec<String> = keys.iter().map(SortKey::to_string).collect();
    assert_eq!(parse_order(&printed.join(",")).expect("it parses"), keys);
}

#[test]
fn order_is_by_number_text_and_several_keys_with_missing_last() {
    check_order("n", &["a", "d", "b", "c"]);
    check_order("-n", &["b", "d", "a", "c"]);
    check_order("+n", &["a", "d", "b", "c"]);
    check_order(" n", &["a", "d", "b", "c"]);
    check_order("-s,-n", &["c", "b", "a", "d"]);
    check_order("s, n", &["d", "a", "b", "c"]);
}

#[test]
fn bad_orders_have_their_codes() {
    let refused = |text: &str| parse_order(text).expect_err("it is refused").code.id;
    assert_eq!(refused(""), "FLOW-1433-400");
    assert_eq!(refused("a,,b"), "FLOW-1433-400");
    assert_eq!(refused("labels[]"), "FLOW-1433-400");
    assert_eq!(refused("a..b"), "FLOW-1433-400");
    assert_eq!(refused("--a"), "FLOW-1432-400");
    assert_eq!(refused("a desc"), "FLOW-1432-400");
    assert_eq!(refused("a:asc"), "FLOW-1432-400");
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in ".{0,60}", marks in "[a-c.=!<>~\",\\[\\] &+-]{0,24}") {
        let _ = parse_order(&text);
        let _ = parse_search(&marks);
        for text in [text, marks] {
            if let Ok(query) = parse(&[text]) {
                let _ = query.matches(&flow());
                prop_assert_eq!(parse(&query.texts()).expect("what was printed parses"), query);
            }
        }
    }

    #[test]
    fn a_printed_term_parses_to_itself(
        names in prop::collection::vec(("[a-zA-Z_:@$][a-zA-Z0-9_:@-]{0,6}", any::<bool>()), 1..8),
        op in prop::sample::select(vec![Op::Eq, Op::Ne]),
        values in prop::collection::vec("[^\\x00]{1,12}", 1..4),
    ) {
        let path = names.into_iter().map(|(name, each)| Segment { name, each }).collect::<Vec<_>>();
        prop_assume!(!matches!(path[0].name.as_str(), "createdAt" | "updatedAt"));
        let query = Query { terms: vec![Term { path, op, values }], projection: None };
        prop_assert_eq!(parse(&query.texts()).expect("it parses"), query);
    }

    #[test]
    fn not_equal_is_the_opposite_of_equal(value in "[a-z0-9]{1,3}", path in prop::sample::select(vec!["name", "labels", "nowhere", "count", "transformations.name"])) {
        let equal = query(&[&format!("{path}=={value}")]).expect("it parses").matches(&flow());
        let unequal = query(&[&format!("{path}!={value}")]).expect("it parses").matches(&flow());
        prop_assert_ne!(equal, unequal);
    }
}
