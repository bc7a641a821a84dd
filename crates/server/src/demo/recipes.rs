//! What a newcomer can make with nothing typed: for each of the demo's connections all that a dataflow is made of.

use super::control::{HUBSPOT, HUBSPOT_NAME, S3, S3_NAME};
use forebay_api::{
    Recipe, RecipeConnection, WizardData, WizardDetails, WizardField, WizardRule, WizardSchedule, WizardSchema,
    WizardState, WizardTarget,
};
use forebay_playground::orders;
use serde_json::{Map, Value, json};

/// Names of the recipes' flows.
pub const FLOWS: [&str; 2] = ["demo-s3", "demo-hubspot"];

const CLASS: &str = "https://ns.adobe.com/xdm/context/profile";

/// Columns of the account's contacts that are taken, the field they become, and its type.
const CONTACTS: [(&str, &str, &str); 8] = [
    ("Vid", "contactId", "string"),
    ("Properties_Firstname_Value", "firstName", "string"),
    ("Properties_Lastname_Value", "lastName", "string"),
    ("Properties_Email_Value", "email", "string"),
    ("Properties_Lifecyclestage_Value", "lifecycleStage", "string"),
    ("Properties_City_Value", "city", "string"),
    ("Added_At", "addedAt", "date-time"),
    ("updatedAt", "updatedAt", "date-time"),
];

/// Orders from files on S3.
pub fn s3(connection: String, tenant: &str) -> Recipe {
    let columns: Vec<(&str, String, &str)> =
        orders::COLUMNS.iter().map(|(name, kind)| (*name, camel(name), *kind)).collect();
    let data = WizardData {
        params: members(json!({ "path": format!("/{}", orders::FOLDER), "type": "folder", "recursive": false })),
        format: "delimited".into(),
        properties: members(json!({ "columnDelimiter": ",", "compressionType": "gzip" })),
        delta_column: None,
    };
    Recipe {
        id: "s3".into(),
        title: "Orders from S3".into(),
        text:
            "100,000 orders in 20 compressed CSV files become one table. Two rows are odd: see how they are kept apart."
                .into(),
        connection: RecipeConnection { id: connection.clone(), name: S3_NAME.into(), spec_id: S3.into() },
        source: state(S3, connection, data, ("Demo orders", tenant, &columns), "demo-s3"),
        flow_name: FLOWS[0].into(),
    }
}

/// Contacts from HubSpot.
pub fn hubspot(connection: String, tenant: &str) -> Recipe {
    let columns: Vec<(&str, String, &str)> =
        CONTACTS.iter().map(|(column, field, kind)| (*column, field.to_string(), *kind)).collect();
    let data = WizardData {
        params: members(json!({ "path": "Hubspot.Contacts" })),
        format: "tabular".into(),
        properties: Map::new(),
        delta_column: Some(json!({ "name": "updatedAt", "dateFormat": "YYYY-MM-DD", "timezone": "UTC" })),
    };
    Recipe {
        id: "hubspot".into(),
        title: "Contacts from HubSpot".into(),
        text:
            "The contacts of a HubSpot account become one table, a row for each contact. Later runs take what changed."
                .into(),
        connection: RecipeConnection { id: connection.clone(), name: HUBSPOT_NAME.into(), spec_id: HUBSPOT.into() },
        source: state(HUBSPOT, connection, data, ("Demo contacts", tenant, &columns), "demo-hubspot"),
        flow_name: FLOWS[1].into(),
    }
}

fn state(
    spec: &str,
    connection: String,
    data: WizardData,
    (dataset, tenant, columns): (&str, &str, &[(&str, String, &str)]),
    flow: &str,
) -> WizardState {
    let path = |field: &str| format!("_{tenant}.{field}");
    let fields = columns.iter().enumerate().map(|(at, (_, field, kind))| WizardField {
        path: path(field),
        r#type: kind.to_string(),
        // A table's first column is its key; files have none.
        key: at == 0 && data.delta_column.is_some(),
    });
    let rules = columns.iter().map(|(column, field, _)| WizardRule {
        source_type: "ATTRIBUTE".into(),
        source: column.to_string(),
        destination: path(field),
    });
    WizardState {
        spec_id: spec.into(),
        connection_id: connection,
        target: WizardTarget {
            dataset_name: dataset.into(),
            schema: WizardSchema { title: dataset.into(), class: CLASS.into(), fields: fields.collect() },
        },
        mapping: rules.collect(),
        schedule: WizardSchedule { frequency: "once".into() },
        details: WizardDetails {
            name: flow.into(),
            description: format!("{dataset}, made by the demo's recipe"),
            error_diagnostics_enabled: true,
            partial_ingestion_percent: 5,
        },
        data,
    }
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// `order_id` as `orderId`.
fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_string();
    words.fold(first, |mut text, word| {
        let mut letters = word.chars();
        text.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        text.push_str(letters.as_str());
        text
    })
}
