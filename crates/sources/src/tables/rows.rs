//! What a source connection and its flow say of the records that are wanted (flow-service.md §9.1, §9.6). The API checks
//! by it what it takes, and a run reads by it what it was given, so that both mean the same.

use super::Rows;
use forebay_model::error::Place;
use forebay_model::{Error, Kind, Result, code};
use serde_json::Value;
use std::collections::HashSet;

/// Minutes for which a source may hide a change, where nobody says otherwise.
const OVERLAP: i64 = 10;
/// A day.
const MAX_OVERLAP: i64 = 24 * 60;
/// Hours between two sweeps, where nobody says otherwise: a week.
const SWEEP: i64 = 7 * 24;
/// A year.
const MAX_SWEEP: i64 = 366 * 24;

/// Which records a flow reads of a source connection. Both are the bodies of documents; a flow that is not there yet may
/// be null. The first thing that is wrong is pointed at in the source connection.
pub fn rows(source_connection: &Value, flow: &Value) -> Result<Rows> {
    let params = &source_connection["params"];
    let overlap = whole(params, "overlapMinutes", 1, MAX_OVERLAP)?.unwrap_or(OVERLAP);
    let sweep = whole(params, "sweepHours", 0, MAX_SWEEP)?.unwrap_or(SWEEP);
    Ok(Rows {
        table: table(params)?,
        columns: columns(params)?,
        incremental: delta_column(flow).is_some(),
        overlap: overlap * 60_000,
        sweep: sweep * 3_600_000,
    })
}

/// The column that a flow's `Copy` names as the one that tells when a record changed. The name is taken for a yes: what a
/// source goes by is its own affair, and the tutorial's is not among the columns that explore shows (FS-EXP-3).
pub fn delta_column(flow: &Value) -> Option<&str> {
    let mut copies = flow["transformations"].as_array().into_iter().flatten().filter(|t| t["name"] == "Copy");
    let name = copies.find_map(|copy| copy["params"]["deltaColumn"]["name"].as_str())?.trim();
    (!name.is_empty()).then_some(name)
}

/// `path` or `tableName`.
fn table(params: &Value) -> Result<String> {
    let mut found: Option<&str> = None;
    for name in ["path", "tableName"] {
        match &params[name] {
            Value::Null => {}
            Value::String(text) if !text.trim().is_empty() => match found {
                Some(before) if before != text.trim() => {
                    return fault(
                        name,
                        format!("params.path and params.tableName name two tables, {before} and {text}"),
                    );
                }
                _ => found = Some(text.trim()),
            },
            _ => return fault(name, format!("params.{name} must name a table, such as Hubspot.Contacts")),
        }
    }
    match found {
        Some(name) => Ok(name.to_string()),
        None => fault("path", "params.path (or params.tableName) is missing: it names a table".into()),
    }
}

fn columns(params: &Value) -> Result<Vec<String>> {
    let list = match &params["columns"] {
        Value::Null => return Ok(Vec::new()),
        Value::Array(list) => list,
        _ => return fault("columns", "params.columns must be an array of objects with a name".into()),
    };
    let mut names = Vec::new();
    let mut seen = HashSet::new();
    for (index, column) in list.iter().enumerate() {
        let name = column["name"].as_str().map(str::trim).filter(|name| !name.is_empty());
        let Some(name) = name else {
            return fault(&format!("columns/{index}"), format!("params.columns[{index}] has no name"));
        };
        for member in ["type", "meta:xdmType"] {
            if !column[member].is_null() && !column[member].is_string() {
                let message = format!("{member} of params.columns[{index}] must be a text");
                return fault(&format!("columns/{index}/{member}"), message);
            }
        }
        if !column["xdm"].is_null() && !column["xdm"].is_object() {
            return fault(&format!("columns/{index}/xdm"), format!("xdm of params.columns[{index}] must be an object"));
        }
        if !seen.insert(name) {
            return fault(&format!("columns/{index}/name"), format!("params.columns names {name} twice"));
        }
        names.push(name.to_string());
    }
    Ok(names)
}

/// A whole number, or its digits (FS-SPEC-6).
fn whole(params: &Value, name: &str, least: i64, most: i64) -> Result<Option<i64>> {
    let number = match &params[name] {
        Value::Null => return Ok(None),
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_i64(),
    };
    match number {
        Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
        _ => fault(name, format!("params.{name} must be a whole number from {least} to {most}")),
    }
}

fn fault<T>(member: &str, message: String) -> Result<T> {
    Err(Error::new(Kind::Invalid, &code::FLOW_1100, message).at(Place::pointer(format!("/params/{member}"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn flow(transformations: Value) -> Value {
        json!({ "transformations": transformations })
    }

    fn copy(params: Value) -> Value {
        flow(json!([{ "name": "Mapping", "params": { "mappingId": "m" } }, { "name": "Copy", "params": params }]))
    }

    #[track_caller]
    fn refused(params: Value, pointer: &str) {
        let error = rows(&json!({ "params": params }), &Value::Null).expect_err("it is refused");
        let expected = Some(Place::pointer(format!("/params{pointer}")));
        assert_eq!((error.kind, error.code.id, error.at), (Kind::Invalid, "FLOW-1100-400", expected), "{params}");
    }

    #[test]
    fn a_table_goes_by_either_name_and_the_rest_has_defaults_a_27() {
        for name in ["path", "tableName"] {
            let found = rows(&json!({ "params": { name: "Hubspot.Contacts" } }), &Value::Null).unwrap();
            let expected = Rows {
                table: "Hubspot.Contacts".into(),
                columns: Vec::new(),
                incremental: false,
                overlap: 600_000,
                sweep: 604_800_000,
            };
            assert_eq!(found, expected);
        }
        let both = json!({ "params": { "path": "T", "tableName": "T" } });
        assert_eq!(rows(&both, &Value::Null).unwrap().table, "T");
    }

    #[test]
    fn numbers_are_read_as_such_and_as_digits() {
        let params = json!({ "path": "T", "overlapMinutes": "5", "sweepHours": 24,
            "columns": [{ "name": "a", "type": "string", "xdm": { "type": "string" } }, { "name": "b", "meta:xdmType": "int" }] });
        let found = rows(&json!({ "params": params }), &Value::Null).unwrap();
        assert_eq!((found.overlap, found.sweep, found.columns), (300_000, 86_400_000, vec!["a".into(), "b".into()]));
        let never = rows(&json!({ "params": { "path": "T", "sweepHours": 0 } }), &Value::Null).unwrap();
        assert_eq!(never.sweep, 0);
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        refused(json!({}), "/path");
        refused(json!({ "path": " " }), "/path");
        refused(json!({ "tableName": 7 }), "/tableName");
        refused(json!({ "path": "A", "tableName": "B" }), "/tableName");
        refused(json!({ "path": "T", "overlapMinutes": 0 }), "/overlapMinutes");
        refused(json!({ "path": "T", "overlapMinutes": 1441 }), "/overlapMinutes");
        refused(json!({ "path": "T", "overlapMinutes": 1.5 }), "/overlapMinutes");
        refused(json!({ "path": "T", "sweepHours": -1 }), "/sweepHours");
        refused(json!({ "path": "T", "sweepHours": "often" }), "/sweepHours");
        refused(json!({ "path": "T", "columns": "a,b" }), "/columns");
        refused(json!({ "path": "T", "columns": ["a"] }), "/columns/0");
        refused(json!({ "path": "T", "columns": [{ "name": "a" }, { "name": "" }] }), "/columns/1");
        refused(json!({ "path": "T", "columns": [{ "name": "a" }, { "name": "a" }] }), "/columns/1/name");
        refused(json!({ "path": "T", "columns": [{ "name": "a", "type": 1 }] }), "/columns/0/type");
        refused(json!({ "path": "T", "columns": [{ "name": "a", "xdm": "string" }] }), "/columns/0/xdm");
    }

    #[test]
    fn a_delta_column_of_any_name_makes_a_flow_incremental_fs_exp_3() {
        let source = json!({ "params": { "path": "Hubspot.Contacts" } });
        let incremental = |flow: &Value| rows(&source, flow).unwrap().incremental;
        let tutorial = json!({ "deltaColumn": { "name": "updatedAt", "dateFormat": "YYYY-MM-DD", "timezone": "UTC" } });
        assert!(incremental(&copy(tutorial)));
        for params in [json!({}), json!(null), json!({ "mode": "append" }), json!({ "deltaColumn": { "name": "" } })] {
            assert!(!incremental(&copy(params)));
        }
        assert!(!incremental(&flow(json!([{ "name": "Mapping", "params": { "deltaColumn": { "name": "x" } } }]))));
        assert!(!incremental(&Value::Null));
    }
}
