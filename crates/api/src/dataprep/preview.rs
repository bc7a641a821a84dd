//! `POST /mappingSets/preview`: a mapping set applied to records that come with it, by the engine that runs flows.

use super::shapes::{PreviewBody, PreviewShown};
use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::problem::{Problem, bad};
use crate::writing::{json, object};
use axum::extract::State;
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::mapping::{self, MappingSet, Source};
use forebay_model::xdm::{Field, FieldTree, Type};
use forebay_model::{Error, Result, code};
use http::StatusCode;
use serde_json::{Value, json};

/// Records of a preview at most.
const MAX_RECORDS: usize = 1000;

/// `POST /mappingSets/preview`: what a run would make of the records, and what would be told about them. One record is
/// answered as an object, several as an array.
#[utoipa::path(post, path = "/mappingSets/preview", tag = "Data Prep", request_body = PreviewBody,
    responses((status = 200, description = "The mapped records", body = PreviewShown), (status = 400, description = "The mapping set or the data is refused")))]
pub async fn preview_mapping_set(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body,
) -> Result<Response, Problem> {
    let mut body = object(body, "the preview")?;
    let set = body.remove("mappingSet").filter(|set| !set.is_null());
    let Some(set) = set else {
        return Err(bad("`mappingSet` is missing").at(Place::pointer("/mappingSet")).into());
    };
    let (records, many) = records(body.remove("data"))?;
    let (set, target) = checked(&app, &caller, &set).await.map_err(below)?;
    let mapped = app.engine.evaluate(set, target, records, app.now()).await?;
    let mut data = Vec::with_capacity(mapped.len());
    let mut errors = Vec::new();
    for (record, mapped) in mapped.into_iter().enumerate() {
        data.push(mapped.row);
        for finding in mapped.findings {
            let mut error = json!({ "record": record, "rejected": mapped.rejected, "code": finding.code, "message": finding.message });
            if let Some(column) = finding.column {
                error["destination"] = json!(column);
            }
            if let Some(value) = finding.value {
                error["value"] = json!(value);
            }
            errors.push(error);
        }
    }
    let data = if many { Value::Array(data) } else { data.pop().unwrap_or(Value::Null) };
    Ok(json(StatusCode::OK, &json!({ "data": data, "errors": errors })))
}

/// The records, and whether they came as an array.
fn records(data: Option<Value>) -> Result<(Vec<Value>, bool)> {
    let wrong = |message: String, at: String| Err(bad(message).at(Place::pointer(at)));
    let (records, many) = match data {
        Some(Value::Array(records)) => (records, true),
        Some(record @ Value::Object(_)) => (vec![record], false),
        None | Some(Value::Null) => return wrong("`data` is missing".into(), "/data".into()),
        Some(_) => return wrong("`data` is neither a record nor an array of records".into(), "/data".into()),
    };
    if records.len() > MAX_RECORDS {
        let message = format!("a preview takes {MAX_RECORDS} records, not {}", records.len());
        return Err(Error::new(Kind::TooLarge, &code::FLOW_1100, message).at(Place::pointer("/data")));
    }
    match records.iter().position(|record| !record.is_object()) {
        Some(at) => wrong(format!("record {at} is no JSON object"), format!("/data/{at}")),
        None => Ok((records, many)),
    }
}

/// The set and what it fills: the schema that it names or, without one, the fields that its mappings name.
async fn checked(app: &App, caller: &Caller, body: &Value) -> Result<(MappingSet, FieldTree)> {
    let tree = super::target(app, caller, body).await?;
    for faults in mapping::validate(body, tree.as_ref())? {
        if let Some(fault) = faults.into_iter().next() {
            return Err(fault);
        }
    }
    let set = MappingSet::parse(body)?;
    let target = match tree {
        Some(tree) => tree,
        None => named(&set)?,
    };
    Ok((set, target))
}

/// A tree of the fields that the mappings name, each of the type that its source shows, or text.
fn named(set: &MappingSet) -> Result<FieldTree> {
    let mut tree = FieldTree { fields: Vec::new() };
    for rule in &set.rules {
        let ty = match &rule.source {
            Source::Expression(expr) => mapping::infer(expr).filter(|ty| !matches!(ty, Type::Object(_))),
            Source::Constant(Value::Bool(_)) => Some(Type::Boolean),
            Source::Constant(Value::Number(number)) => Some(if number.is_i64() { Type::Long } else { Type::Number }),
            _ => None,
        };
        if !put(&mut tree.fields, &rule.destination, ty.unwrap_or(Type::String)) {
            let message = format!("mapping {}: the target field lies inside of another mapping's", rule.index);
            return Err(bad(message).at(Place::pointer(format!("/mappings/{}", rule.index))));
        }
    }
    Ok(tree)
}

fn put(fields: &mut Vec<Field>, path: &[String], ty: Type) -> bool {
    let Some((name, rest)) = path.split_first() else { return false };
    let at = match fields.iter().position(|field| field.name == *name) {
        Some(at) => at,
        None => {
            let whole = if rest.is_empty() { ty.clone() } else { Type::Object(Vec::new()) };
            fields.push(Field { name: name.clone(), ty: whole, required: false });
            if rest.is_empty() {
                return true;
            }
            fields.len() - 1
        }
    };
    match &mut fields[at].ty {
        Type::Object(children) if !rest.is_empty() => put(children, rest, ty),
        _ => false,
    }
}

/// A place in the mapping set is one in the body.
fn below(mut error: Error) -> Error {
    if let Some(Place::Pointer { pointer }) = &error.at {
        error.at = Some(Place::pointer(format!("/mappingSet{pointer}")));
    }
    error
}
