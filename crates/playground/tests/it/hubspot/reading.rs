//! Lists, batches, searches, and what the account says of itself.

use super::client::{here, ids};
use forebay_playground::hubspot::Config;
use serde_json::json;
use std::collections::BTreeSet;

#[tokio::test]
async fn a_list_gives_every_record_once_in_the_order_of_ids() {
    let here = here(Config::with_contacts(1_234)).await;
    let all = here.walk("/crm/v3/objects/contacts", "properties=email,rating").await;
    let found = ids(&all);
    assert_eq!(found.len(), 1_234);
    assert!(found.is_sorted());
    assert_eq!(found, here.running.sim().ids("contacts"));
    let texts: BTreeSet<String> = found.iter().map(u64::to_string).collect();
    let lengths: BTreeSet<usize> = texts.iter().map(String::len).collect();
    assert_eq!(lengths, BTreeSet::from([9, 10, 11, 12]));
    let summary = here.running.sim().summary();
    assert_eq!(summary.objects["list contacts"], 13);
    assert_eq!(summary.read_twice, 0);
    let archived = here.walk("/crm/objects/2026-03/0-1", "archived=True").await;
    assert_eq!(ids(&archived), here.running.sim().archived_ids("contacts"));
    assert!(!archived.is_empty() && archived.iter().all(|record| record["archivedAt"].is_string()));
}

#[tokio::test]
async fn the_truth_is_what_a_list_with_all_properties_gives() {
    let here = here(Config::tiny()).await;
    let names: Vec<String> = here.get("/crm/v3/properties/contacts").await.json()["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|property| property["name"].as_str().unwrap().to_string())
        .collect();
    let listed =
        here.walk("/crm/v3/objects/contacts", &format!("properties={},passport_number", names.join(","))).await;
    assert_eq!(listed, here.running.sim().truth("contacts"));
}

#[tokio::test]
async fn a_batch_names_what_it_lacks() {
    let here = here(Config::tiny()).await;
    let sim = here.running.sim();
    let some = sim.ids("contacts");
    let body =
        json!({ "inputs": [{ "id": some[0].to_string() }, { "id": "7" }, { "id": some[3] }], "properties": ["email"] });
    for (path, status) in [("/crm/v3/objects/contacts", 207), ("/crm/objects/2026-09/0-1", 200)] {
        let answer = here.post(&format!("{path}/batch/read"), body.clone()).await;
        assert_eq!(answer.status, status);
        let answer = answer.json();
        assert_eq!((answer["status"].as_str(), answer["numErrors"].as_u64()), (Some("COMPLETE"), Some(1)));
        assert_eq!(answer["errors"][0]["context"]["ids"], json!(["7"]));
        let found: BTreeSet<u64> = ids(answer["results"].as_array().unwrap()).into_iter().collect();
        assert_eq!(found, BTreeSet::from([some[0], some[3]]));
    }
}

#[tokio::test]
async fn a_search_counts_all_and_answers_a_page() {
    let here = here(Config::with_contacts(500)).await;
    let all = here.running.sim().ids("contacts");
    let body = json!({ "filterGroups": [{ "filters": [
            { "propertyName": "hs_object_id", "operator": "GT", "value": all[99].to_string() }] }],
        "sorts": ["hs_object_id"], "limit": 200 });
    let answer = here.post("/crm/v3/objects/contacts/search", body).await;
    assert!(answer.header("x-hubspot-ratelimit-max").is_none());
    let answer = answer.json();
    assert_eq!(answer["total"], 400);
    assert_eq!(ids(answer["results"].as_array().unwrap()), all[100..300]);
    assert_eq!(answer["paging"]["next"]["after"], "200");
}
