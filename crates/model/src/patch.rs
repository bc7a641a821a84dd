//! JSON Patch as the contract has it (FS §9.3): `add`, `replace` and `remove` in any case, all or nothing, with two
//! indulgences: `replace` of an absent member adds it, and `remove` may carry a value. `move`, `copy` and `test` are
//! refused, so no patch can read what it may not see. Members that the server keeps cannot be changed.

use crate::code::{self, Code};
use crate::{Error, Kind, Place, Result};
use json_patch::jsonptr::{Pointer, PointerBuf};
use json_patch::{AddOperation, PatchOperation, RemoveOperation, ReplaceOperation};
use serde_json::Value;

/// A merge patch (RFC 7396): members replace others, and null removes them.
pub use json_patch::merge;

/// Members that the server keeps: their names, and the code that says so.
const READ_ONLY: &[(&str, &Code)] = &[
    ("id", &code::FLOW_1423),
    ("createdAt", &code::FLOW_1423),
    ("createdBy", &code::FLOW_1423),
    ("createdClient", &code::FLOW_1423),
    ("updatedAt", &code::FLOW_1423),
    ("updatedBy", &code::FLOW_1423),
    ("updatedClient", &code::FLOW_1423),
    ("imsOrgId", &code::FLOW_1423),
    ("sandboxId", &code::FLOW_1423),
    ("sandboxName", &code::FLOW_1423),
    ("etag", &code::FLOW_1423),
    ("version", &code::FLOW_1423),
    ("inheritedAttributes", &code::FLOW_1423),
    ("lastOperation", &code::FLOW_1423),
    ("lastRunDetails", &code::FLOW_1423),
    ("runs", &code::FLOW_1423),
    ("flowSpec", &code::FLOW_1423),
    ("connectionSpec", &code::FLOW_1414),
];

/// One checked operation.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// What to do.
    pub op: Op,
    /// A JSON pointer, never to the whole document.
    pub path: String,
    /// The new value; null for a removal.
    pub value: Value,
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// Adds a member or an item.
    Add,
    /// Replaces a member, or adds it.
    Replace,
    /// Removes a member or an item.
    Remove,
}

/// Checks the body of a PATCH: a list of operations, or one operation. What is read-only is refused here already.
pub fn parse(body: &Value) -> Result<Vec<Operation>> {
    let items = match body {
        Value::Array(items) if !items.is_empty() => items.as_slice(),
        Value::Object(members) if !members.is_empty() => std::slice::from_ref(body),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(Error::new(Kind::Invalid, &code::FLOW_1405, "The patch is empty: send a list of operations."));
        }
        _ => {
            return Err(Error::new(
                Kind::Invalid,
                &code::FLOW_1455,
                "A patch is a list of objects with op, path and value.",
            ));
        }
    };
    let mut operations = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        operations.push(operation(index, item)?);
    }
    Ok(operations)
}

fn operation(index: usize, item: &Value) -> Result<Operation> {
    let text = |name: &str| match item.get(name).and_then(Value::as_str) {
        Some(text) => Ok(text),
        None => Err(lacking(index, name)),
    };
    let name = text("op")?;
    let op = match name.to_ascii_lowercase().as_str() {
        "add" => Op::Add,
        "replace" => Op::Replace,
        "remove" => Op::Remove,
        _ => {
            let message = format!(
                "Item {index} of the patch has the operation '{name}'; only add, replace and remove are supported."
            );
            return Err(Error::new(Kind::Invalid, &code::FLOW_1434, message).at(Place::pointer(format!("/{index}/op"))));
        }
    };
    let path = text("path")?.to_string();
    check_path(index, &path)?;
    let value = match (op, item.get("value")) {
        (Op::Remove, _) => Value::Null,
        (_, Some(value)) => value.clone(),
        (_, None) => return Err(lacking(index, "value")),
    };
    Ok(Operation { op, path, value })
}

fn lacking(index: usize, name: &str) -> Error {
    let message = format!("Item {index} of the patch lacks the member '{name}'.");
    Error::new(Kind::Invalid, &code::FLOW_1455, message).at(Place::pointer(format!("/{index}")))
}

fn check_path(index: usize, path: &str) -> Result<()> {
    let fault = |code, message| Error::new(Kind::Invalid, code, message).at(Place::pointer(format!("/{index}/path")));
    let Ok(pointer) = Pointer::parse(path) else {
        return Err(fault(
            &code::FLOW_1423,
            format!("Item {index} of the patch has the path '{path}', which is not a JSON pointer such as /name."),
        ));
    };
    let Some(first) = pointer.first() else {
        return Err(fault(
            &code::FLOW_1423,
            format!("Item {index} of the patch replaces the whole entity; name a member, such as /name."),
        ));
    };
    let first = first.decoded();
    match READ_ONLY.iter().find(|(name, _)| *name == first) {
        Some((name, code)) => {
            Err(fault(code, format!("Item {index} of the patch changes '{name}', which cannot be changed.")))
        }
        None => Ok(()),
    }
}

/// Applies all operations, in order, or none.
pub fn apply(doc: &Value, ops: &[Operation]) -> Result<Value> {
    let mut changed = doc.clone();
    for (index, op) in ops.iter().enumerate() {
        check_path(index, &op.path)?;
        let path = PointerBuf::parse(op.path.clone()).map_err(|_| absent(index, op))?;
        let step = match op.op {
            Op::Remove => PatchOperation::Remove(RemoveOperation { path }),
            Op::Replace if changed.pointer(&op.path).is_some() => {
                PatchOperation::Replace(ReplaceOperation { path, value: op.value.clone() })
            }
            Op::Add | Op::Replace => PatchOperation::Add(AddOperation { path, value: op.value.clone() }),
        };
        json_patch::patch(&mut changed, &[step]).map_err(|_| absent(index, op))?;
    }
    Ok(changed)
}

fn absent(index: usize, op: &Operation) -> Error {
    let message =
        format!("Item {index} of the patch has the path '{}', and the entity has nothing there to change.", op.path);
    Error::new(Kind::Invalid, &code::FLOW_1423, message).at(Place::pointer(format!("/{index}/path")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn connection() -> Value {
        json!({ "id": "c1", "name": "bucket", "auth": { "specName": "Access Key", "params": { "s3AccessKey": "AKIA" } },
                "transformations": [ { "name": "Mapping" } ], "labels": ["a", "b"] })
    }

    fn run(body: Value) -> Result<Value> {
        apply(&connection(), &parse(&body)?)
    }

    #[track_caller]
    fn check(body: Value, pointer: &str, expected: Value) {
        let changed = run(body).expect("it applies");
        assert_eq!(changed.pointer(pointer).cloned().unwrap_or(Value::Null), expected);
    }

    #[track_caller]
    fn refused(body: Value, expected: &str) {
        let error = run(body.clone()).expect_err("it is refused");
        assert_eq!(error.code.id, expected, "{body}: {error}");
    }

    #[test]
    fn the_documented_operations_apply() {
        check(json!([{"op":"replace","path":"/name","value":"b2"}]), "/name", json!("b2"));
        check(json!([{"op":"add","path":"/description","value":"d"}]), "/description", json!("d"));
        check(json!([{"op":"replace","path":"/auth/params","value":{"x":1}}]), "/auth/params", json!({"x":1}));
        check(
            json!([{"op":"add","path":"/transformations/-","value":{"name":"Copy"}}]),
            "/transformations/1/name",
            json!("Copy"),
        );
        check(
            json!([{"op":"replace","path":"/transformations/0","value":{"name":"M2"}}]),
            "/transformations/0/name",
            json!("M2"),
        );
        check(json!([{"op":"add","path":"/labels/0","value":"z"}]), "/labels", json!(["z", "a", "b"]));
        check(json!([{"op":"remove","path":"/labels/0"}]), "/labels", json!(["b"]));
    }

    #[test]
    fn one_object_stands_for_a_list_of_one_and_case_does_not_matter() {
        check(json!({"op":"ADD","path":"/description","value":"d"}), "/description", json!("d"));
        check(json!([{"op":"Replace","path":"/name","value":"n"}]), "/name", json!("n"));
    }

    #[test]
    fn replace_adds_what_is_absent_and_remove_ignores_a_value() {
        check(json!([{"op":"replace","path":"/description","value":"d"}]), "/description", json!("d"));
        check(
            json!([{"op":"replace","path":"/auth/params/s3SessionToken","value":"t"}]),
            "/auth/params/s3SessionToken",
            json!("t"),
        );
        check(json!([{"op":"remove","path":"/name","value":"whatever"}]), "/name", Value::Null);
        check(json!([{"op":"replace","path":"/name","value":null}]), "/name", Value::Null);
    }

    #[test]
    fn faults_have_their_codes() {
        refused(Value::Null, "FLOW-1405-400");
        refused(json!([]), "FLOW-1405-400");
        refused(json!({}), "FLOW-1405-400");
        refused(json!("x"), "FLOW-1455-400");
        refused(json!(["x"]), "FLOW-1455-400");
        refused(json!([{"path":"/name","value":1}]), "FLOW-1455-400");
        refused(json!([{"op":"add","value":1}]), "FLOW-1455-400");
        refused(json!([{"op":"add","path":"/name"}]), "FLOW-1455-400");
        refused(json!([{"op":"move","from":"/auth/params/s3AccessKey","path":"/name"}]), "FLOW-1434-400");
        refused(json!([{"op":"copy","from":"/auth/params/s3AccessKey","path":"/name"}]), "FLOW-1434-400");
        refused(json!([{"op":"test","path":"/auth/params/s3AccessKey","value":"AKIA"}]), "FLOW-1434-400");
        refused(json!([{"op":"merge","path":"/name","value":1}]), "FLOW-1434-400");
        refused(json!([{"op":"remove","path":"/nowhere"}]), "FLOW-1423-400");
        refused(json!([{"op":"add","path":"/no/where","value":1}]), "FLOW-1423-400");
        refused(json!([{"op":"add","path":"/labels/7","value":1}]), "FLOW-1423-400");
        refused(json!([{"op":"add","path":"name","value":1}]), "FLOW-1423-400");
        refused(json!([{"op":"replace","path":"","value":{}}]), "FLOW-1423-400");
    }

    #[test]
    fn what_the_server_keeps_cannot_be_changed() {
        for path in [
            "/id",
            "/createdAt",
            "/createdBy",
            "/updatedAt",
            "/imsOrgId",
            "/sandboxId",
            "/sandboxName",
            "/etag",
            "/version",
        ] {
            refused(json!([{"op":"replace","path":path,"value":"x"}]), "FLOW-1423-400");
        }
        refused(json!([{"op":"replace","path":"/connectionSpec","value":{"id":"x"}}]), "FLOW-1414-400");
        refused(json!([{"op":"replace","path":"/connectionSpec/id","value":"x"}]), "FLOW-1414-400");
        refused(json!([{"op":"remove","path":"/lastRunDetails"}]), "FLOW-1423-400");
    }

    #[test]
    fn a_later_fault_leaves_nothing_changed() {
        refused(
            json!([{"op":"replace","path":"/name","value":"new"}, {"op":"remove","path":"/nowhere"}]),
            "FLOW-1423-400",
        );
    }

    proptest! {
        #[test]
        fn no_patch_panics_or_touches_the_id(op in "(add|replace|remove)", path in "(/(id|name|auth|params|labels|0|1|-|~01|~1|~|)){0,4}", value in "[a-z]{0,3}") {
            if let Ok(changed) = run(json!([{ "op": op, "path": path, "value": value }])) {
                prop_assert_eq!(&changed["id"], "c1");
            }
        }
    }
}
