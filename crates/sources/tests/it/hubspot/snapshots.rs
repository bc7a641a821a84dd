//! Tables that are read whole: owners, pipelines, properties, associations (hubspot.md §6.5, §6.7, §7.7).

use super::{Flow, config, here};
use forebay_playground::hubspot::{Action, Config, Rule, Sim};
use std::collections::BTreeSet;

fn links(flow: &Flow) -> BTreeSet<String> {
    flow.lake
        .values()
        .map(|(_, row)| {
            let text = |name: &str| row[name].as_str().unwrap().to_string();
            format!("{}:{}:{}:{}:{}", text("fromId"), text("toId"), text("category"), row["typeId"], row["label"])
        })
        .collect()
}

fn truth(sim: &Sim, from: &str, to: &str) -> BTreeSet<String> {
    let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap().to_string();
    let rows = sim.association_truth(from, to);
    rows.iter()
        .map(|row| {
            format!(
                "{}:{}:{}:{}:{}",
                text(row, "from"),
                text(row, "to"),
                text(row, "category"),
                row["typeId"],
                row["label"]
            )
        })
        .collect()
}

/// §6.5, §7.7: associations move no date; each run of the table finds what came and went.
#[tokio::test]
async fn associations_are_the_truth_and_follow_it() {
    for text_ids in [false, true] {
        let mut account = config(2_500);
        account.switches.text_target_ids = text_ids;
        account.switches.no_association_errors = text_ids;
        account.switches.association_page = 7;
        let here = here(account).await;
        let mut flow = Flow::of("Hubspot.Contacts_Companies");
        let brought = flow.run(&here.remote()).await;
        assert!(brought.upserts > 100 && brought.problems.is_empty(), "{brought:?}");
        assert_eq!(links(&flow), truth(here.sim(), "contacts", "companies"));
        let again = flow.run(&here.remote()).await;
        assert_eq!((again.upserts, again.deletes), (0, 0));
        let (contacts, companies) = (here.sim().ids("contacts"), here.sim().ids("companies"));
        let linked = here.sim().association_truth("contacts", "companies")[3].clone();
        let id = |name: &str| linked[name].as_str().unwrap().parse().unwrap();
        here.sim().dissociate("contacts", id("from"), "companies", id("to"));
        here.sim().associate("contacts", contacts[1_700], "companies", companies[50]);
        let changed = flow.run(&here.remote()).await;
        assert!(changed.upserts <= 1 && changed.deletes >= 1, "{changed:?}");
        assert_eq!(links(&flow), truth(here.sim(), "contacts", "companies"));
    }
}

/// §8: the ids of a list, and a batch for each thousand of them.
#[tokio::test]
async fn associations_are_asked_for_a_thousand_records_at_a_time() {
    let here = here(config(2_500)).await;
    Flow::of("Hubspot.Contacts_Companies").run(&here.remote()).await;
    assert_eq!(here.calls("list contacts"), 25);
    assert!(here.calls("associations contacts") <= 3 + 25, "{:?}", here.sim().summary().objects);
}

/// §6.7: people who left are there too, and ids are those that records name.
#[tokio::test]
async fn owners_include_those_who_left() {
    let here = here(config(10)).await;
    let mut flow = Flow::of("Hubspot.Owners");
    flow.run(&here.remote()).await;
    let archived = flow.lake.values().filter(|(_, row)| row["archived"] == true).count();
    assert!(archived > 0 && archived < flow.lake.len());
    assert!(flow.lake.values().all(|(_, row)| row["id"].is_string() && row["_object_type"] == "owner"));
    let again = flow.run(&here.remote()).await;
    assert_eq!((again.upserts, again.deletes), (0, 0));
}

/// §6.7: kinds without pipelines are no error.
#[tokio::test]
async fn pipelines_stages_and_properties_are_tables() {
    let here = here(config(10)).await;
    for (table, least) in [("Hubspot.Pipelines", 2), ("Hubspot.Pipeline_Stages", 6), ("Hubspot.Properties", 100)] {
        let mut flow = Flow::of(table);
        let brought = flow.run(&here.remote()).await;
        assert!(brought.upserts >= least, "{table}: {brought:?}");
        assert!(flow.lake.values().all(|(_, row)| row["objectTypeId"].is_string()), "{table}");
        let again = flow.run(&here.remote()).await;
        assert_eq!((again.upserts, again.deletes), (0, 0), "{table}");
        let rows = here.remote().sample(table, 3).await.unwrap();
        assert!(!rows.is_empty() && rows[0]["_key"].is_string(), "{table}: {rows:?}");
    }
    let mut flow = Flow::of("Hubspot.Properties");
    flow.run(&here.remote()).await;
    here.sim().add_property("contacts", "one_more", "number");
    assert_eq!(flow.run(&here.remote()).await.upserts, 1);
    here.sim().archive_property("contacts", "one_more");
    assert_eq!(flow.run(&here.remote()).await.deletes, 1);
}

/// §13.3: a table that is read whole starts over when it is cut off, and gives nothing twice.
#[tokio::test]
async fn a_snapshot_that_was_cut_off_gives_nothing_twice() {
    let here = here(config(3_500)).await;
    let mut whole = Flow::of("Hubspot.Contacts_Companies");
    let all = whole.run(&here.remote()).await;
    assert!(all.pages > 2, "{all:?}");
    for most in 1..all.pages {
        let mut cut = Flow::of("Hubspot.Contacts_Companies");
        let begun = cut.try_run(&here.remote(), most).await.unwrap();
        let rest = cut.run(&here.remote()).await;
        assert_eq!((begun.upserts + rest.upserts, rest.deletes), (all.upserts, 0));
        assert_eq!(links(&cut), links(&whole));
    }
}

/// §11: a scope that is gone for a moment ends no rows.
#[tokio::test]
async fn what_is_closed_for_a_moment_ends_nothing() {
    let here = here(Config { missing_scopes: Vec::new(), ..config(10) }).await;
    for (table, path, first) in [
        ("Hubspot.Pipelines", "*/pipelines/*/0-3", 1),
        ("Hubspot.Pipeline_Stages", "*/pipelines/*/0-3", 1),
        ("Hubspot.Properties", "*/properties/*/0-1", 1),
        ("Hubspot.Properties", "*/schemas", 1),
        // The sensitive ones are asked for second.
        ("Hubspot.Properties", "*/properties/*/0-1", 2),
    ] {
        let mut flow = Flow::of(table);
        flow.run(&here.remote()).await;
        let sensitive = |(_, row): &(i64, serde_json::Value)| row["dataSensitivity"] == "sensitive";
        assert!(table != "Hubspot.Properties" || flow.lake.values().any(sensitive));
        // Nothing is remembered of its custom kinds.
        let process = super::accounts(&here.running.url(), here.memory.clone());
        here.sim().fault(Rule::new(Action::DropScope).path(path).times(first, 1_000));
        let before = here.sim().summary().statuses.get(&403).copied();
        let brought = flow.run(&here.remote_of(&process)).await;
        assert_eq!((brought.upserts, brought.deletes), (0, 0), "{table} {path}");
        assert_ne!(here.sim().summary().statuses.get(&403).copied(), before, "{table} {path}");
        here.sim().clear_faults();
    }
}
