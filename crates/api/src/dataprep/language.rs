//! The mapping language: its functions and operators, and whether an expression is one.

use super::shapes::{ExpressionBody, FunctionShown, OperatorShown};
use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::problem::{Problem, bad};
use crate::writing::{json, object};
use axum::extract::State;
use axum::response::Response;
use forebay_model::error::Place;
use forebay_model::mapping::{self, MappingSet, Rule, Source, functions};
use forebay_model::xdm::{Field, FieldTree, Type};
use http::StatusCode;
use serde_json::Value;

/// `GET /languages/el/functions`
#[utoipa::path(get, path = "/languages/el/functions", tag = "Data Prep",
    responses((status = 200, description = "The functions that mappings may call", body = Vec<FunctionShown>)))]
pub async fn list_functions(_: Caller) -> Response {
    let all: Vec<Value> = functions::FUNCTIONS.iter().map(|function| function.describe()).collect();
    json(StatusCode::OK, &Value::Array(all))
}

/// `GET /languages/el/operators`
#[utoipa::path(get, path = "/languages/el/operators", tag = "Data Prep",
    responses((status = 200, description = "The operators", body = Vec<OperatorShown>)))]
pub async fn list_operators(_: Caller) -> Response {
    let all: Vec<Value> = functions::OPERATORS.iter().map(|operator| operator.describe()).collect();
    json(StatusCode::OK, &Value::Array(all))
}

/// `POST /languages/el/validate`: true or false, and nothing else. With sample data, whether the expression has a value
/// for it.
#[utoipa::path(post, path = "/languages/el/validate", tag = "Data Prep", request_body = ExpressionBody,
    responses((status = 200, description = "Whether it is an expression", body = bool), (status = 400, description = "No expression was sent"),
        (status = 404, description = "There is no such mapping set")))]
pub async fn validate_expression(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body,
) -> Result<Response, Problem> {
    let body = object(body, "the expression")?;
    let text = |name: &str| match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(bad(format!("`{name}` is no text")).at(Place::pointer(format!("/{name}")))),
    };
    let Some(expression) = text("expression")? else {
        return Err(bad("`expression` is missing").at(Place::pointer("/expression")).into());
    };
    text("sampleDataType")?;
    if let Some(id) = text("mappingSetId")?.filter(|id| !id.is_empty()) {
        super::newest(&app, &caller, id).await?;
    }
    let valid = match mapping::expression(expression) {
        Ok(parsed) => match sample(body.get("sampleData")) {
            Some(record) => has_value(&app, parsed, record).await?,
            None => true,
        },
        Err(_) => false,
    };
    Ok(json(StatusCode::OK, &Value::Bool(valid)))
}

/// A record to try the expression on: an object, or JSON text of one. Anything else is not looked at.
fn sample(given: Option<&Value>) -> Option<Value> {
    let value = match given? {
        Value::String(text) => serde_json::from_str(text).ok()?,
        other => other.clone(),
    };
    value.is_object().then_some(value)
}

async fn has_value(app: &App, expression: mapping::ast::Expr, record: Value) -> Result<bool, Problem> {
    let ty = mapping::infer(&expression).filter(|ty| !matches!(ty, Type::Object(_))).unwrap_or(Type::String);
    let target = FieldTree { fields: vec![Field { name: "value".into(), ty, required: false }] };
    let source = Source::Expression(expression);
    let rule = Rule { index: 0, destination: vec!["value".into()], source, identity: false };
    let set = MappingSet { rules: vec![rule] };
    let mapped = app.engine.evaluate(set, target, vec![record], app.now()).await?;
    Ok(mapped.iter().all(|mapped| mapped.findings.is_empty()))
}
