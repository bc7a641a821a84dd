//! What an account shows of itself (hubspot.md §5.1, FS-EXP-3).

use super::{CONTACTS, Flow, config, here, wide};
use forebay_model::xdm::Type;
use forebay_playground::hubspot::{Action, Rule};
use forebay_sources::by_spec;

/// §5.1: every table, in a handful of calls, with what is missing to read it.
#[tokio::test]
async fn the_root_lists_every_table_in_a_few_calls() {
    let here = here(config(20)).await;
    let tables = here.remote().tables().await.unwrap();
    assert!(here.sim().summary().requests <= 5, "{:?}", here.sim().summary().calls);
    let table = |path: &str| tables.iter().find(|table| table.path == path);
    let contacts = table(CONTACTS).unwrap();
    assert!(contacts.readable && contacts.missing.is_empty() && contacts.name == "Contacts");
    let goals = table("Hubspot.Goal_Targets").unwrap();
    assert_eq!((goals.readable, goals.missing.as_slice()), (false, &["crm.objects.goals.read".to_string()][..]));
    for path in ["Hubspot.Owners", "Hubspot.Pipelines", "Hubspot.Contacts_Companies", "Hubspot.machines"] {
        assert!(table(path).is_some_and(|table| table.readable), "{path}");
    }
    // An object that is switched off is not listed.
    assert!(tables.len() > 40 && table("Hubspot.All_Deals").is_none());
    let mut paths: Vec<&str> = tables.iter().map(|table| table.path.as_str()).collect();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), tables.len());
}

/// §5.1: the list is there even where parts of it were not granted.
#[tokio::test]
async fn the_root_is_listed_without_the_scopes_for_it() {
    let here = here(config(20)).await;
    for call in ["enablement", "schemas", "introspect", "account"] {
        here.sim().fault(Rule::new(Action::DropScope).call(call));
    }
    let tables = here.remote().tables().await.unwrap();
    assert!(tables.iter().any(|table| table.path == CONTACTS && table.readable));
}

/// FS-EXP-3: both generations of names are there, with types.
#[tokio::test]
async fn columns_have_old_and_new_names() {
    let here = here(wide(20, 60)).await;
    let columns = here.remote().describe("hubspot.contacts").await.unwrap();
    let ty = |name: &str| columns.iter().find(|column| column.name == name).map(|column| column.ty.clone());
    assert_eq!(ty("Properties_Firstname_Value"), Some(Type::String));
    assert_eq!(ty("properties.firstname"), Some(Type::String));
    assert_eq!(ty("Vid"), Some(Type::String));
    assert_eq!((ty("Added_At"), ty("Portal_Id")), (Some(Type::DateTime), Some(Type::Long)));
    for name in ["id", "createdAt", "updatedAt", "archived"] {
        assert!(ty(name).is_some(), "{name}");
    }
    assert!(columns.iter().any(|column| column.ty == Type::Number));
    assert!(columns.iter().any(|column| column.label.is_some()));
    let source = by_spec(super::SPEC).unwrap();
    for column in &columns {
        let path = source.locate(&column.name.parse().unwrap());
        assert!(path.0.len() <= 2, "{}", column.name);
    }
}

/// §5.1 rule 5: a preview shows rows by the names of the columns.
#[tokio::test]
async fn rows_go_by_the_names_of_the_columns() {
    for properties in [40, 700] {
        let here = here(wide(30, properties)).await;
        let rows = here.remote().sample(CONTACTS, 10).await.unwrap();
        assert_eq!(rows.len(), 10);
        let truth = here.sim().truth("contacts");
        for row in &rows {
            let record = truth.iter().find(|record| record["id"] == row["id"]).unwrap();
            assert_eq!((&row["Vid"], &row["Portal_Id"]), (&record["id"], &777_001.into()));
            assert_eq!(row["Added_At"], record["createdAt"]);
            let columns = here.remote().describe(CONTACTS).await.unwrap();
            let named = |name: &String| columns.iter().any(|column| column.name == *name);
            assert!(row.as_object().unwrap().keys().all(named));
        }
        assert!(rows.iter().any(|row| row["Properties_Email_Value"].as_str().is_some_and(|text| text.contains('@'))));
    }
}

/// §5.1 rule 4: sensitive properties are there where they were granted.
#[tokio::test]
async fn sensitive_properties_are_read_where_granted() {
    let here = here(config(40)).await;
    for remote in [here.remote(), here.private()] {
        let columns = remote.describe(CONTACTS).await.unwrap();
        assert!(columns.iter().any(|column| column.name == "properties.passport_number"));
    }
}

/// §5.1, rule 6 of §5: custom objects, one without a date, one whose name is taken elsewhere.
#[tokio::test]
async fn custom_objects_are_tables() {
    let here = here(config(10)).await;
    for (table, object) in [
        ("Hubspot.machines", "machines"),
        ("Hubspot.form_submissions", "form_submissions"),
        ("Hubspot.2-125", "gauges"),
    ] {
        let mut flow = Flow::of(table);
        let brought = flow.run(&here.remote()).await;
        assert!(brought.upserts > 0, "{table}");
        flow.check(here.sim(), object);
        here.sim().edit_random(object, 3);
        assert_eq!(flow.run(&here.remote()).await.upserts, 3, "{table}");
        flow.check(here.sim(), object);
        assert!(!here.remote().describe(table).await.unwrap().is_empty());
    }
}
