//! An account that changes while it is read.

use super::client::{Here, here, ids};
use forebay_playground::hubspot::{Clock, Config, Lag, Mutation, Profile, SCENARIOS, Switches, Volumes, When, Which};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

const LIST: &str = "/crm/v3/objects/contacts";
const SEARCH: &str = "/crm/v3/objects/contacts/search";

/// An account of `contacts`, whose clock goes a quarter of a second with each request.
fn busy(contacts: u64, lag: Lag) -> Config {
    let volumes = Volumes { contacts, properties: 30, ..Profile::Tiny.volumes() };
    Config {
        profile: Profile::Custom(volumes),
        clock: Clock { per_request: Duration::from_millis(250), ..Clock::default() },
        switches: Switches { lag, ..Switches::default() },
        ..Config::default()
    }
}

fn filter(name: &str, operator: &str, value: i64) -> Value {
    json!({ "propertyName": name, "operator": operator, "value": value.to_string() })
}

/// The ids that were modified at or after an instant, by the keyset of ids: always the first page.
async fn keyset(here: &Here, since: i64) -> BTreeSet<u64> {
    let (mut found, mut last) = (BTreeSet::new(), 0);
    loop {
        let filters = [filter("lastmodifieddate", "GTE", since), filter("hs_object_id", "GT", last as i64)];
        let body = json!({ "filterGroups": [{ "filters": filters }], "limit": 200,
            "sorts": [{ "propertyName": "hs_object_id", "direction": "ASCENDING" }] });
        let answer = here.post(SEARCH, body).await.json();
        let page = ids(answer["results"].as_array().unwrap());
        match page.iter().max() {
            Some(largest) => last = *largest,
            None => return found,
        }
        found.extend(page);
    }
}

/// The same by an offset over a window of time, as many connectors do it.
async fn offset(here: &Here, since: i64, until: i64) -> BTreeSet<u64> {
    let (mut found, mut last, mut after) = (BTreeSet::new(), 0, 0);
    loop {
        let window = json!({ "propertyName": "lastmodifieddate", "operator": "BETWEEN",
            "value": since.to_string(), "highValue": until.to_string() });
        let body = json!({ "filterGroups": [{ "filters": [window, filter("hs_object_id", "GT", last as i64)] }],
            "limit": 200, "after": after, "sorts": ["hs_object_id"] });
        let answer = here.post(SEARCH, body).await.json();
        let page = ids(answer["results"].as_array().unwrap());
        let largest = page.iter().max().copied();
        found.extend(page);
        match answer["paging"]["next"]["after"].as_str() {
            None => return found,
            Some("10000") => (after, last) = (0, largest.unwrap()),
            Some(next) => after = next.parse().unwrap(),
        }
    }
}

#[tokio::test]
async fn an_offset_loses_rows_and_a_keyset_does_not() {
    let mut lost = Vec::new();
    for by_offset in [true, false] {
        let here = here(busy(20_000, Lag::None)).await;
        let sim = here.running.sim();
        let all: BTreeSet<u64> = sim.ids("contacts").into_iter().collect();
        let since = sim.bulk_edit("contacts", &sim.ids("contacts"));
        let which = Which::ChangedSince { ms: since, n: 1 };
        sim.advance(Duration::from_secs(1));
        // Two edits a second, four pages a second.
        sim.script(When::EveryMs { ms: 500 }, Mutation::Edit { object: "contacts".into(), which });
        let until = sim.now_ms();
        let mut found = if by_offset { offset(&here, since, until).await } else { keyset(&here, since).await };
        assert!(found.len() > 19_000);
        sim.clear_scripts();
        found.extend(keyset(&here, until).await);
        lost.push(all.difference(&found).count());
    }
    assert!((1..60).contains(&lost[0]), "the set moves: an offset reader must lose some, and lost {}", lost[0]);
    assert_eq!(lost[1], 0);
}

#[tokio::test]
async fn an_overlap_shorter_than_the_index_is_late_loses_rows() {
    for (overlap, loses) in [(60_000, true), (300_000, false)] {
        let here = here(busy(2_000, Lag::Fixed(120_000))).await;
        let sim = here.running.sim();
        let edits = Mutation::Edit { object: "contacts".into(), which: Which::Random(1) };
        sim.script(When::EveryMs { ms: 1_000 }, edits);
        let (mut found, mut since) = (BTreeSet::new(), sim.now_ms());
        let start = since;
        for _ in 0..6 {
            sim.advance(Duration::from_secs(180));
            let now = sim.now_ms();
            found.extend(keyset(&here, since).await);
            since = now - overlap;
        }
        sim.clear_scripts();
        let late = sim.now_ms();
        sim.advance(Duration::from_secs(600));
        found.extend(keyset(&here, since.min(late - overlap)).await);
        let changed: BTreeSet<u64> = (sim.truth("contacts").iter())
            .filter(|record| record["updatedAt"].as_str().unwrap() > "2026-03-02T09:00:00Z")
            .map(|record| record["id"].as_str().unwrap().parse().unwrap())
            .collect();
        assert!(changed.len() > 500 && start < since);
        assert_eq!(changed.difference(&found).count() > 0, loses, "with an overlap of {overlap} ms");
    }
}

#[tokio::test]
async fn a_late_index_matches_the_past_and_answers_the_present() {
    let here =
        here(Config { switches: Switches { lag: Lag::Fixed(60_000), ..Switches::default() }, ..Config::tiny() }).await;
    let sim = here.running.sim();
    let all = sim.ids("contacts");
    let before = sim.now_ms();
    sim.edit("contacts", &all[..1]);
    let new = sim.create("contacts", 1)[0];
    sim.archive("contacts", &all[1..2]);
    let search = async |filter: Value| here.post(SEARCH, json!({ "filters": [filter] })).await.json();
    let since = filter("lastmodifieddate", "GTE", before);
    assert_eq!(search(since.clone()).await["total"], 0);
    let old = search(filter("lastmodifieddate", "LT", before)).await;
    // The archived one still counts and is not there; the edited one is outside of what was asked for.
    assert_eq!((old["total"].as_u64(), old["results"].as_array().unwrap().len()), (Some(10), 9));
    assert!(old["results"][0]["properties"]["lastmodifieddate"].as_str().unwrap() > "2026-03-02T09");
    assert!(here.walk(LIST, "").await.iter().any(|record| record["id"] == new.to_string()));
    sim.advance(Duration::from_secs(61));
    assert_eq!(search(since).await["total"], 2);
}

#[tokio::test]
async fn records_go_and_come_back() {
    let here = here(Config::tiny()).await;
    let sim = here.running.sim();
    let all = sim.ids("contacts");
    let old = sim.truth("contacts");
    sim.archive("contacts", &all[..2]);
    sim.purge("contacts", &all[2..3]);
    assert_eq!(ids(&here.walk(LIST, "").await), all[3..]);
    let archived = here.walk(LIST, "archived=true").await;
    assert!(ids(&archived).starts_with(&all[..2]));
    assert_eq!(archived[0]["updatedAt"], old[0]["updatedAt"], "archiving moves no modified date");
    let inputs: Vec<Value> = all[..4].iter().map(|id| json!({ "id": id.to_string() })).collect();
    let batch = async |archived: bool| {
        let body = json!({ "inputs": inputs });
        here.post(&format!("{LIST}/batch/read?archived={archived}"), body).await.json()
    };
    assert_eq!(ids(batch(false).await["results"].as_array().unwrap()), [all[3]]);
    assert_eq!(batch(true).await["results"].as_array().unwrap().len(), 2);
    sim.restore("contacts", &all[..1]);
    let back = here.get(&format!("{LIST}/{}", all[0])).await.json();
    assert!(back["archived"] == false && back["updatedAt"].as_str() > old[0]["updatedAt"].as_str());
    assert_eq!(sim.purged_ids("contacts"), all[2..3]);
    // Ninety days later the bin is empty.
    sim.advance(Duration::from_secs(90 * 86_400));
    assert_eq!(here.walk(LIST, "archived=true").await.len(), 0);
}

#[tokio::test]
async fn merged_records_answer_under_a_new_id() {
    let here = here(Config::default()).await;
    let sim = here.running.sim();
    let all = sim.ids("contacts");
    let companies = |id: u64| {
        let all = sim.association_truth("contacts", "companies");
        let mine = all.into_iter().filter(|row| row["from"] == id.to_string()).map(|row| row["to"].to_string());
        mine.collect::<BTreeSet<_>>()
    };
    let (a, b, d) = (all[600], all[601], all[602]);
    let both: BTreeSet<String> = companies(a).into_iter().chain(companies(b)).collect();
    let c = sim.merge("contacts", a, b).unwrap();
    assert_eq!(companies(c), both);
    let e = sim.merge("contacts", c, d).unwrap();
    let survivor = here.get(&format!("{LIST}/{e}?properties=hs_merged_object_ids,email")).await.json();
    let merged = survivor["properties"]["hs_merged_object_ids"].as_str().unwrap();
    assert_eq!(
        merged.split(';').collect::<BTreeSet<_>>(),
        [a, b, c, d].map(|id| id.to_string()).iter().map(String::as_str).collect()
    );
    assert_eq!(survivor["properties"]["email"], format!("contact.{a}@example.test"));
    let inputs = [a, b, c, d].map(|id| json!({ "id": id.to_string() }));
    let batch = here.post(&format!("{LIST}/batch/read"), json!({ "inputs": inputs })).await;
    assert_eq!((batch.status, ids(batch.json()["results"].as_array().unwrap())), (200, vec![e]));
    assert!(sim.merges("contacts").contains(&(a, e)));
    // There were some before anyone looked.
    assert_eq!(sim.merges("deals").len(), 4);
    assert!(!ids(&here.walk(LIST, "").await).contains(&a));
}

#[tokio::test]
async fn some_changes_move_no_modified_date() {
    let here = here(Config::default()).await;
    let sim = here.running.sim();
    let (contact, company) = (sim.ids("contacts")[700], sim.ids("companies")[50]);
    let read = async |names: &str| here.get(&format!("{LIST}/{contact}?properties={names}")).await.json();
    let before = read("hubspotscore").await;
    sim.recalculate("contacts", &[contact]);
    let after = read("hubspotscore").await;
    assert_ne!(before["properties"]["hubspotscore"], after["properties"]["hubspotscore"]);
    assert_eq!(before["updatedAt"], after["updatedAt"]);

    let linked = async || {
        let body = json!({ "inputs": [{ "id": contact.to_string() }] });
        let answer = here.post("/crm/associations/2026-03/0-1/0-2/batch/read", body).await.json();
        answer["results"][0]["to"].as_array().cloned().unwrap_or_default()
    };
    let target = json!(company.to_string());
    assert!(!linked().await.iter().any(|to| to["toObjectId"] == target));
    sim.associate("contacts", contact, "companies", company);
    assert!(linked().await.iter().any(|to| to["toObjectId"] == target));
    assert!(
        sim.association_truth("companies", "contacts")
            .iter()
            .any(|row| row["to"] == contact.to_string() && row["from"] == company.to_string())
    );
    sim.dissociate("contacts", contact, "companies", company);
    assert!(!linked().await.iter().any(|to| to["toObjectId"] == target));
    assert_eq!(read("email").await["updatedAt"], before["updatedAt"]);

    sim.add_property("contacts", "shoe_size", "number");
    let names = async || {
        let answer = here.get("/crm/v3/properties/contacts").await.json();
        answer["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| (p["name"].as_str().unwrap().to_string(), p["type"].clone()))
            .collect::<Vec<_>>()
    };
    assert!(names().await.contains(&("shoe_size".into(), json!("number"))));
    let sizes = here.walk(LIST, "properties=shoe_size").await;
    assert!(sizes.iter().filter(|record| record["properties"]["shoe_size"].is_string()).count() > 500);
    sim.retype_property("contacts", "shoe_size", "string");
    assert!(names().await.contains(&("shoe_size".into(), json!("string"))));
    sim.rename_property("contacts", "shoe_size", "size_of_shoes");
    sim.archive_property("contacts", "rating");
    let found = names().await;
    assert!(found.iter().any(|(name, _)| name == "size_of_shoes"));
    assert!(!found.iter().any(|(name, _)| name == "rating" || name == "shoe_size"));
    let gone = here.post(SEARCH, json!({ "filters": [filter("rating", "GT", 1)] })).await;
    assert_eq!(gone.status, 400);
    assert!(read("rating").await["properties"].get("rating").is_none());
    sim.set_object_enabled("courses", true);
    assert_eq!(here.get("/crm/v3/objects/courses").await.status, 200);
    let enabled = here.get("/crm/object-library/2026-03/enablement").await.json();
    assert_eq!(
        (&enabled["enablementByObjectTypeId"]["0-410"], &enabled["enablementByObjectTypeId"]["0-420"]),
        (&json!(true), &json!(false))
    );
}

#[tokio::test]
async fn history_is_kept_by_revision() {
    let here = here(Config::tiny()).await;
    let sim = here.running.sim();
    let id = sim.ids("deals")[2];
    for stage in ["qualifiedtobuy", "closedwon"] {
        sim.set("deals", id, "dealstage", Some(stage));
    }
    let record = here.get(&format!("/crm/v3/objects/deals/{id}?propertiesWithHistory=dealstage")).await.json();
    let history = record["propertiesWithHistory"]["dealstage"].as_array().unwrap().clone();
    let values: Vec<&Value> = history.iter().map(|old| &old["value"]).collect();
    assert_eq!(values[..2], ["closedwon", "qualifiedtobuy"]);
    sim.edit("deals", &[id]);
    let again = here.get(&format!("/crm/v3/objects/deals/{id}?propertiesWithHistory=dealstage")).await.json();
    assert_eq!(again["propertiesWithHistory"]["dealstage"], json!(history), "another property's edit adds nothing");
}

#[tokio::test]
async fn changes_happen_between_two_pages() {
    let here = here(Config::default()).await;
    let sim = here.running.sim();
    let after = |n| When::After { call: "list".into(), object: Some("contacts".into()), n };
    let contacts = || "contacts".to_string();
    sim.script(after(1), Mutation::Edit { object: contacts(), which: Which::Returned });
    sim.script(after(2), Mutation::Create { object: contacts(), n: 3 });
    sim.script(after(3), Mutation::Purge { object: contacts(), which: Which::Returned });
    let before = sim.ids("contacts");
    let read = ids(&here.walk(LIST, "").await);
    assert_eq!(read[..1_000], before);
    // What was made on the way stands at the end.
    assert_eq!(read[1_000..].len(), 3);
    assert_eq!(sim.ids("contacts").len(), 903);
    let changed = sim.truth("contacts").iter().filter(|r| r["updatedAt"].as_str().unwrap() > "2026-03-02T09").count();
    assert_eq!(changed, 100 + 3);
}

#[tokio::test]
async fn a_crowd_of_associations_has_pages() {
    let here = here(Config::default()).await;
    let sim = here.running.sim();
    let company = sim.ids("companies")[0];
    let truth: BTreeSet<String> = (sim.association_truth("companies", "contacts").into_iter())
        .filter(|row| row["from"] == company.to_string())
        .map(|row| row["to"].as_str().unwrap().to_string())
        .collect();
    assert!(truth.len() > 400);
    sim.set_switches(Switches { association_page: 150, ..Switches::default() });
    let (mut found, mut pages, mut input) = (BTreeSet::new(), 0, json!({ "id": company.to_string() }));
    loop {
        let body = json!({ "inputs": [input] });
        let answer = here.post("/crm/v4/associations/companies/contacts/batch/read", body).await.json();
        let result = &answer["results"][0];
        assert!(result["to"][0]["toObjectId"].is_u64());
        found.extend(result["to"].as_array().unwrap().iter().map(|to| to["toObjectId"].to_string()));
        pages += 1;
        match result["paging"]["next"]["after"].as_str() {
            Some(after) => input = json!({ "id": company.to_string(), "after": after }),
            None => break,
        }
    }
    assert_eq!((found, pages), (truth.clone(), truth.len().div_ceil(150)));
    let inline = here.get(&format!("/crm/v3/objects/companies/{company}?associations=contacts")).await.json();
    let inline = &inline["associations"]["contacts"];
    assert_eq!(inline["results"].as_array().unwrap().len(), 100);
    assert!(inline["paging"]["next"]["after"].is_string());
    let contact = sim.ids("contacts")[5];
    let own = here.get(&format!("/crm/v4/objects/contacts/{contact}/associations/contacts")).await.json();
    assert_eq!(own["results"][0]["toObjectId"], contact, "one is linked to itself");
    let labels = here.get("/crm/v4/associations/contacts/companies/labels").await.json();
    assert!(
        labels["results"]
            .as_array()
            .unwrap()
            .contains(&json!({ "category": "USER_DEFINED", "typeId": 41, "label": "Decision maker" }))
    );
    let old = here
        .post(
            "/crm/v3/associations/contacts/companies/batch/read",
            json!({ "inputs": [{ "id": contact.to_string() }] }),
        )
        .await
        .json();
    assert!(old["results"][0]["to"][0]["type"].as_str().unwrap().starts_with("contact_to_company"));
}

#[tokio::test]
async fn lists_have_members_in_the_order_of_joining() {
    let here = here(Config::default()).await;
    let sim = here.running.sim();
    let members = async || here.walk("/crm/v3/lists/2/memberships/join-order", "").await;
    let ids_of = |all: &[Value]| all.iter().map(|m| m["recordId"].as_str().unwrap().to_string()).collect::<Vec<_>>();
    let before = members().await;
    assert!(before.len() > 150, "more than a page");
    assert!(before.is_sorted_by_key(|member| member["membershipTimestamp"].as_str().unwrap().to_string()));
    let outside = sim.ids("contacts").into_iter().find(|id| !ids_of(&before).contains(&id.to_string())).unwrap();
    sim.join_list(2, outside);
    sim.leave_list(2, before[0]["recordId"].as_str().unwrap().parse().unwrap());
    let mut expected = ids_of(&before[1..]);
    expected.push(outside.to_string());
    assert_eq!(ids_of(&members().await), expected);
}

#[tokio::test]
async fn clients_can_write() {
    let here = here(Config::tiny()).await;
    let sim = here.running.sim();
    let made = here.post(LIST, json!({ "properties": { "email": "new@example.test", "firstname": "Ada" } })).await;
    assert_eq!(made.status, 201);
    let id = made.json()["id"].as_str().unwrap().to_string();
    let again = here.post(LIST, json!({ "properties": { "email": "new@example.test" } })).await;
    assert_eq!((again.status, again.json()["category"].clone()), (409, json!("CONFLICT")));
    let by_mail = here.get(&format!("{LIST}/new@example.test?idProperty=email")).await.json();
    assert_eq!(by_mail["id"], id);
    let changed =
        here.call("PATCH", &format!("{LIST}/{id}"), json!({ "properties": { "firstname": "" } })).await.json();
    assert_eq!(changed["properties"]["firstname"], "");
    for (property, code) in [("nothing", "PROPERTY_DOESNT_EXIST"), ("hs_object_id", "READ_ONLY_VALUE")] {
        let refused = here.post(LIST, json!({ "properties": { property: "1" } })).await.json();
        assert_eq!(refused["errors"][0]["code"], code);
    }
    let batch = json!({ "inputs": [{ "id": id, "properties": { "lastname": "L" } }, { "id": "7", "properties": {} }] });
    let batch = here.post(&format!("{LIST}/batch/update"), batch).await;
    assert_eq!((batch.status, batch.json()["numErrors"].clone()), (207, json!(1)));
    let created =
        here.post(&format!("{LIST}/batch/create"), json!({ "inputs": [{ "properties": { "firstname": "B" } }] })).await;
    let other = created.json()["results"][0]["id"].as_str().unwrap().to_string();
    let merged =
        here.post(&format!("{LIST}/merge"), json!({ "primaryObjectId": id, "objectIdToMerge": other })).await.json();
    let merged = merged["id"].as_str().unwrap().to_string();
    assert!(merged != id && merged != other);
    assert_eq!(
        here.get(&format!("{LIST}/{id}?properties=email")).await.json()["properties"]["email"],
        "new@example.test"
    );
    assert_eq!(here.call("DELETE", &format!("{LIST}/{merged}"), Value::Null).await.status, 204);
    assert_eq!(here.get(&format!("{LIST}/{merged}")).await.status, 404);
    let first = sim.ids("contacts")[0];
    assert_eq!(here.post(&format!("{LIST}/gdpr-delete"), json!({ "objectId": first.to_string() })).await.status, 204);
    assert_eq!(sim.purged_ids("contacts"), [first]);
}

#[tokio::test]
async fn every_scenario_starts_and_the_account_goes_on() {
    for name in SCENARIOS {
        let here = here(Config::default()).await;
        let sim = here.running.sim();
        assert!(sim.scenario(name), "{name}");
        for _ in 0..12 {
            // Some end connections.
            let _ = here.try_get(&format!("{LIST}?limit=100")).await;
        }
        sim.clear_faults();
        sim.clear_scripts();
        assert_eq!(ids(&here.walk(LIST, "").await), sim.ids("contacts"), "{name}");
    }
}

#[tokio::test]
async fn an_account_can_be_put_back() {
    let here = here(Config::tiny()).await;
    let sim = here.running.sim();
    let first = sim.truth("contacts");
    sim.edit_random("contacts", 3);
    sim.snapshot();
    let second = sim.truth("contacts");
    sim.purge("contacts", &sim.ids("contacts"));
    assert!(sim.restore_snapshot());
    assert_eq!(sim.truth("contacts"), second);
    sim.reset();
    assert_eq!(sim.truth("contacts"), first);
    assert_ne!(first, second);
}
