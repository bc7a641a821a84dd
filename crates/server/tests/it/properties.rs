//! Every column of HubSpot's contacts, mapped to a field of its own type: what a preview shows is what a run lands, and
//! both are right by what the account holds.

use crate::harness::{FLOW, FULL, counts, python, script};
use crate::hubspot::Office;
use forebay_playground::hubspot::{Config, Profile};
use serde_json::{Map, Value, json};
use std::collections::{BTreeSet, HashMap};

/// Rows of one preview: of so many columns, some megabyte.
const ROWS: usize = 10;

/// What a property's text means by its declared type, where it means anything (hubspot.md §10.2). The account's odd
/// spellings are written out by hand.
fn meant(ty: &str, text: &str) -> Result<Value, ()> {
    Ok(match (ty, text) {
        (_, "") => Value::Null,
        ("date", "1709164800000") => json!("2024-02-29"),
        ("date", "-86400000") => json!("1969-12-31"),
        ("date", "2024-03-31T23:30:00Z") => json!("2024-03-31"),
        ("date-time", "1709200800000") => json!("2024-02-29T10:00:00Z"),
        ("date", "0000-00-00") | ("date-time", "yesterday") => return Err(()),
        ("boolean", "TRUE" | "Yes" | "true") => json!(true),
        ("boolean", "False" | "no" | "false") => json!(false),
        ("boolean", _) => return Err(()),
        ("number", text) => json!(text.parse::<f64>().map_err(drop)?),
        _ => json!(text),
    })
}

/// Dates came as milliseconds and failed, and truth in another case.
#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_contacts_lands_in_a_field_of_its_type() {
    let config = Config { contacts: Some(300), profile: Profile::Small, ..Config::default() };
    let office = Office::new(config, &[]).await;
    let forebay = &office.forebay;
    let seen = forebay
        .get(&format!(
            "{FLOW}/connections/{}/explore?objectType=table&object=Hubspot.Contacts&preview=true",
            office.base
        ))
        .await;
    let columns = seen["schema"]["columns"].as_array().unwrap();
    let named = |column: &Value| column["name"].as_str().unwrap().to_string();
    assert!(columns.len() >= 600, "{} columns", columns.len());
    let fields: Map<String, Value> =
        columns.iter().enumerate().map(|(at, column)| (format!("c{at}"), column["xdm"].clone())).collect();
    let (schema, space) = office.wide_schema(fields).await;
    let mut rules: Vec<Value> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| json!({ "sourceType": "ATTRIBUTE", "source": named(column), "destination": format!("{space}.c{at}") }))
        .collect();
    rules.push(json!({ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" }));

    // What is expected of each contact: the fields, and those that cannot be filled.
    let at: HashMap<String, usize> = columns.iter().enumerate().map(|(at, column)| (named(column), at)).collect();
    let old: HashMap<&str, usize> =
        columns.iter().enumerate().filter_map(|(at, column)| Some((column["aliasOf"].as_str()?, at))).collect();
    let mut expected = HashMap::new();
    for contact in office.sim().truth("contacts") {
        let mut row = Map::new();
        let mut wrong = BTreeSet::new();
        let mut put = |name: &str, value: Result<Value, ()>| {
            for at in [at.get(name), old.get(name)].into_iter().flatten() {
                match &value {
                    Ok(Value::Null) => {}
                    Ok(value) => _ = row.insert(format!("c{at}"), value.clone()),
                    Err(()) => _ = wrong.insert(format!("{space}.c{at}")),
                }
            }
        };
        for (property, value) in contact["properties"].as_object().unwrap() {
            let name = format!("properties.{property}");
            let column = &columns[at[&name]];
            let ty = column["meta:xdmType"].as_str().or(column["type"].as_str()).unwrap();
            put(&name, value.as_str().map_or(Ok(Value::Null), |text| meant(ty, text)));
        }
        for name in ["id", "createdAt", "updatedAt", "archived", "url"] {
            put(name, Ok(contact[name].clone()));
        }
        put("_portal_id", Ok(seen["data"][0]["_portal_id"].clone()));
        put("_object_type", Ok(json!("0-1")));
        expected.insert(contact["id"].as_str().unwrap().to_string(), (row, wrong));
    }

    let set = json!({ "outputSchema": { "schemaRef": { "id": schema, "contentType": FULL } }, "mappings": rules });
    let rows = seen["data"].as_array().unwrap();
    let mut faults = 0;
    for rows in rows.chunks(ROWS) {
        let asked = json!({ "data": rows, "mappingSet": set });
        let shown = forebay.post("/data/foundation/conversion/mappingSets/preview", asked).await;
        let mut found: Vec<BTreeSet<String>> = vec![BTreeSet::new(); rows.len()];
        for error in shown["errors"].as_array().unwrap() {
            let record = error["record"].as_u64().unwrap() as usize;
            found[record].insert(error["destination"].as_str().unwrap().to_string());
            faults += 1;
        }
        for (row, found) in rows.iter().zip(&found) {
            let id = row["id"].as_str().unwrap();
            assert_eq!(found, &expected[id].1, "contact {id}");
        }
    }
    assert!(faults > 0, "the account's first contacts hold values that mean nothing");

    let made = office.flow(&schema, Value::Array(rules)).await;
    let runs = forebay.settled(&made.flow).await;
    assert_eq!(runs[0]["state"], "success", "{:#}", runs[0]);
    assert_eq!(counts(&runs[0]).1, expected.len() as u64);
    let lines: Vec<String> =
        expected.iter().map(|(id, (row, _))| json!({ "_id": id, (space.as_str()): row }).to_string()).collect();
    let file = forebay.data.join("expected.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    let compared = std::process::Command::new(python())
        .arg(script("oracle.py"))
        .args(["compare", &made.table.display().to_string(), &file.display().to_string(), "--key", "_id"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&compared.stdout);
    assert!(compared.status.success(), "{said}{}", String::from_utf8_lossy(&compared.stderr));
}
