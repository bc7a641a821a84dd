//! Names and types of columns. Pure.
//!
//! What always holds: a property has two names, today's (`properties.firstname`) and that of the first version of this
//! connector (`Properties_Firstname_Value`), which the tutorials' mappings use (FS-EXP-3). Both lead to the same member of
//! a landed line. The old ones match in any case.

use super::types::What;
use super::wire::Property;
use crate::tables::Column;
use forebay_model::mapping::ast::{FieldPath, Step};
use forebay_model::xdm::Type;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Old names of members that are no properties, and where they are today.
const OLD: [(&str, &str); 4] =
    [("Vid", "id"), ("Added_At", "createdAt"), ("Portal_Id", "_portal_id"), ("Portal-Id", "_portal_id")];

/// Where a column stands in a landed line.
pub(super) fn locate(field: &FieldPath) -> FieldPath {
    let [Step::Name(name)] = field.0.as_slice() else { return field.clone() };
    let inside = |property: &str| FieldPath(["properties", property].map(|name| Step::Name(name.to_string())).to_vec());
    // A column's name that was taken literally: no property has a dot in its own.
    if let Some(property) = name.strip_prefix("properties.") {
        return inside(property);
    }
    if let Some((_, today)) = OLD.iter().find(|(old, _)| old.eq_ignore_ascii_case(name)) {
        return FieldPath::name(*today);
    }
    match old_property(name) {
        Some(property) => inside(&property),
        None => field.clone(),
    }
}

/// The property that an old column name stands for.
fn old_property(name: &str) -> Option<String> {
    let (lead, tail) = ("properties_", "_value");
    let lower = name.to_lowercase();
    let property = lower.strip_prefix(lead)?.strip_suffix(tail)?;
    (!property.is_empty()).then(|| property.to_string())
}

/// The old column name of a property.
fn old_name(property: &str) -> String {
    let part = |part: &str| {
        let mut chars = part.chars();
        chars.next().map(|first| first.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    };
    let parts: Vec<String> = property.split('_').map(part).collect();
    format!("Properties_{}_Value", parts.join("_"))
}

/// Today's column name of a property.
fn new_name(property: &str) -> String {
    FieldPath(vec![Step::Name("properties".to_string()), Step::Name(property.to_string())]).to_string()
}

/// The properties that columns stand for, sorted: all there are where no column is named.
pub(super) fn names(properties: &[Property], columns: &[String]) -> Vec<String> {
    let there: BTreeSet<&str> = properties.iter().map(|property| property.name.as_str()).collect();
    if columns.is_empty() {
        return there.into_iter().map(String::from).collect();
    }
    let named = columns.iter().filter_map(|column| {
        let path = locate(&column.parse().unwrap_or_else(|_| FieldPath::name(column)));
        match path.0.as_slice() {
            [Step::Name(lead), Step::Name(property), ..] if lead == "properties" => Some(property.clone()),
            [Step::Name(name)] => Some(name.clone()),
            _ => None,
        }
    });
    let named: BTreeSet<String> = named.filter(|name| there.contains(name.as_str())).collect();
    named.into_iter().collect()
}

fn of_type(ty: Option<&str>) -> Type {
    match ty {
        Some("bool" | "boolean") => Type::Boolean,
        Some("number") => Type::Number,
        Some("date") => Type::Date,
        Some("datetime") => Type::DateTime,
        // Enumerations keep their several values in one text; what is unknown is text.
        _ => Type::String,
    }
}

fn column(name: impl Into<String>, ty: Type, label: Option<&str>) -> Column {
    Column { name: name.into(), ty, label: label.filter(|label| !label.is_empty()).map(String::from), alias_of: None }
}

/// A column under an old name.
fn old(name: impl Into<String>, ty: Type, label: Option<&str>, today: String) -> Column {
    Column { alias_of: Some(today), ..column(name, ty, label) }
}

/// The columns of a kind of record: old names first, then today's.
pub(super) fn of_records(properties: &[Property]) -> Vec<Column> {
    let mut columns = vec![
        old("Vid", Type::String, Some("Record ID"), "id".into()),
        old("Added_At", Type::DateTime, Some("Created"), "createdAt".into()),
        old("Portal_Id", Type::Long, Some("Account"), "_portal_id".into()),
    ];
    let typed = |property: &Property| of_type(property.ty.as_deref());
    columns.extend(properties.iter().map(|p| old(old_name(&p.name), typed(p), p.label.as_deref(), new_name(&p.name))));
    columns.extend([
        column("id", Type::String, None),
        column("createdAt", Type::DateTime, None),
        column("updatedAt", Type::DateTime, None),
        column("archived", Type::Boolean, None),
        column("url", Type::String, None),
        column("_portal_id", Type::Long, None),
        column("_object_type", Type::String, None),
    ]);
    columns.extend(properties.iter().map(|p| column(new_name(&p.name), typed(p), p.label.as_deref())));
    columns
}

/// The columns of any other table.
pub(super) fn of_reference(what: &What) -> Vec<Column> {
    use Type::{Boolean, DateTime, Int, Long, String as Text};
    let own: &[(&str, Type)] = match what {
        What::Objects(_) => &[],
        What::Owners => &[
            ("id", Text),
            ("email", Text),
            ("firstName", Text),
            ("lastName", Text),
            ("type", Text),
            ("userId", Long),
            ("userIdIncludingInactive", Long),
            ("createdAt", DateTime),
            ("updatedAt", DateTime),
            ("archived", Boolean),
        ],
        What::Pipelines => &[
            ("objectTypeId", Text),
            ("id", Text),
            ("label", Text),
            ("displayOrder", Int),
            ("createdAt", DateTime),
            ("updatedAt", DateTime),
            ("archived", Boolean),
        ],
        What::Stages => &[
            ("objectTypeId", Text),
            ("pipelineId", Text),
            ("id", Text),
            ("label", Text),
            ("displayOrder", Int),
            ("metadata.isClosed", Text),
            ("metadata.probability", Text),
            ("createdAt", DateTime),
            ("updatedAt", DateTime),
            ("archived", Boolean),
        ],
        What::Properties => &[
            ("objectTypeId", Text),
            ("name", Text),
            ("label", Text),
            ("type", Text),
            ("fieldType", Text),
            ("groupName", Text),
            ("description", Text),
            ("calculated", Boolean),
            ("hasUniqueValue", Boolean),
            ("hidden", Boolean),
            ("hubspotDefined", Boolean),
            ("dataSensitivity", Text),
            ("createdAt", DateTime),
            ("updatedAt", DateTime),
        ],
        What::Associations { .. } => &[
            ("fromObjectTypeId", Text),
            ("fromId", Text),
            ("toObjectTypeId", Text),
            ("toId", Text),
            ("category", Text),
            ("typeId", Int),
            ("label", Text),
        ],
    };
    let mut columns = vec![column(super::line::KEY, Text, None)];
    columns.extend(own.iter().map(|(name, ty)| column(*name, ty.clone(), None)));
    columns.push(column("_portal_id", Type::Long, None));
    columns
}

/// A row by the names of its columns. Values take the type that the column shows, where they can.
pub(super) fn row(record: &Value, columns: &[Column], portal: Option<i64>, kind: &str) -> Value {
    let mut row = Map::new();
    for column in columns {
        let path = locate(&column.name.parse().unwrap_or_else(|_| FieldPath::name(column.name.clone())));
        let mut value = Some(record);
        for step in &path.0 {
            value = match step {
                Step::Name(name) => value.and_then(|value| value.get(name)),
                Step::Index(_) | Step::Every => None,
            };
        }
        let own = match path.plain().as_str() {
            "_portal_id" => portal.map(Value::from),
            "_object_type" => Some(Value::from(kind)),
            _ => None,
        };
        if let Some(value) = own.or_else(|| value.map(|value| typed(value, &column.ty))) {
            row.insert(column.name.clone(), value);
        }
    }
    Value::Object(row)
}

fn typed(value: &Value, ty: &Type) -> Value {
    let Value::String(text) = value else { return value.clone() };
    let typed = match ty {
        _ if text.is_empty() => Some(Value::Null),
        Type::Boolean => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" => Some(Value::Bool(true)),
            "false" | "no" => Some(Value::Bool(false)),
            _ => None,
        },
        Type::Number => text.trim_start_matches('+').parse::<serde_json::Number>().ok().map(Value::Number),
        _ => None,
    };
    // A value that its type cannot hold is shown as it is (§10.2).
    typed.unwrap_or_else(|| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(column: &str, expected: &str) {
        assert_eq!(locate(&column.parse().unwrap()).to_string(), expected);
    }

    /// FS-EXP-3.
    #[test]
    fn old_names_lead_to_todays_members() {
        check("Vid", "id");
        check("vid", "id");
        check("Added_At", "createdAt");
        check("PORTAL_ID", "_portal_id");
        check("Properties_Firstname_Value", "properties.firstname");
        check("properties_hs_lead_status_value", "properties.hs_lead_status");
        check("properties.firstname", "properties.firstname");
        check("${properties.firstname}", "properties.firstname");
        check("updatedAt", "updatedAt");
        check("Properties__Value", "Properties__Value");
    }

    #[test]
    fn every_shown_column_leads_to_its_value() {
        let property = |name: &str, ty: &str| Property {
            name: name.into(),
            label: Some("L".into()),
            ty: Some(ty.into()),
            archived: None,
        };
        let columns = of_records(&[property("hs_score", "number"), property("vip", "bool")]);
        let record =
            json!({"id": "7", "createdAt": "2026-01-01T00:00:00Z", "properties": {"hs_score": "1.5", "vip": "Yes"}});
        let row = row(&record, &columns, Some(9), "0-1");
        assert_eq!(row["Vid"], "7");
        assert_eq!(row["Portal_Id"], 9);
        assert_eq!((&row["Properties_Hs_Score_Value"], &row["properties.hs_score"]), (&json!(1.5), &json!(1.5)));
        assert_eq!(row["Properties_Vip_Value"], true);
        assert!(row.get("archived").is_none());
    }

    /// Whoever drafts a mapping of every column maps each value once.
    #[test]
    fn an_old_name_says_which_column_it_is() {
        let property = Property { name: "hs_score".into(), label: None, ty: None, archived: None };
        let columns = of_records(&[property]);
        let today = |name: &str| columns.iter().find(|c| c.name == name).unwrap().alias_of.clone();
        assert_eq!(today("Properties_Hs_Score_Value").as_deref(), Some("properties.hs_score"));
        assert_eq!((today("Vid").as_deref(), today("Portal_Id").as_deref()), (Some("id"), Some("_portal_id")));
        for column in &columns {
            if let Some(today) = &column.alias_of {
                let found = columns.iter().find(|other| other.name == *today).unwrap();
                assert_eq!((found.alias_of.as_ref(), &found.ty), (None, &column.ty), "{}", column.name);
                assert_eq!(locate(&column.name.parse().unwrap()), locate(&today.parse().unwrap()));
            }
        }
    }

    #[test]
    fn columns_choose_properties_by_either_name() {
        let property = |name: &str| Property { name: name.into(), label: None, ty: None, archived: None };
        let all = [property("b"), property("a_c"), property("d")];
        let chosen = |columns: &[&str]| names(&all, &columns.iter().map(|c| c.to_string()).collect::<Vec<_>>());
        assert_eq!(chosen(&[]), ["a_c", "b", "d"]);
        assert_eq!(chosen(&["Properties_A_C_Value", "properties.b", "Vid", "properties.none"]), ["a_c", "b"]);
    }
}
