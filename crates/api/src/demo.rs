//! The demo's own switches: what a newcomer can try with nothing typed, and what can be broken and repaired. Only a server
//! that `forebay demo` started has them; elsewhere they are not found.

use crate::App;
use crate::body::{Body, shaped};
use crate::caller::Member;
use crate::problem::{Problem, missing};
use crate::rights::Right;
use crate::writing::json;
use async_trait::async_trait;
use axum::extract::State;
use axum::response::Response;
use forebay_model::{Error, Result};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::sync::Arc;
use utoipa::ToSchema;

/// What `server` does for the demo.
#[async_trait]
pub trait DemoControl: Send + Sync {
    /// What there is to try, and what is broken.
    async fn shown(&self) -> Result<Demo>;
    /// Breaks one thing and repairs all others.
    async fn switch(&self, fault: Option<DemoFault>) -> Result<()>;
    /// Everything as it was at the first start.
    async fn reset(&self) -> Result<()>;
    /// The sandbox that it is played in.
    fn sandbox(&self) -> String;
}

/// What can be broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DemoFault {
    /// S3 says that access is denied.
    #[serde(rename = "s3-403")]
    S3Denied,
    /// S3 takes seconds for each answer.
    #[serde(rename = "s3-slow")]
    S3Slow,
    /// HubSpot's tokens have expired and cannot be renewed.
    #[serde(rename = "hubspot-401")]
    HubspotExpired,
}

/// What the demo has.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Demo {
    /// The server is a demo.
    pub active: bool,
    /// What can be tried.
    pub recipes: Vec<Recipe>,
    /// What is broken now, if anything.
    pub fault: Option<DemoFault>,
}

/// A dataflow that can be made with nothing typed.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recipe {
    /// `s3` or `hubspot`.
    pub id: String,
    /// What it does, in a few words.
    pub title: String,
    /// What one sees on the way.
    pub text: String,
    /// The connection that is there already.
    pub connection: RecipeConnection,
    /// The state that the wizard starts from.
    pub source: WizardState,
    /// What the flow is called.
    pub flow_name: String,
}

/// A connection of the demo.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecipeConnection {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its connection spec.
    pub spec_id: String,
}

/// All that a dataflow is made of, as the wizard keeps it in drafts.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WizardState {
    /// The connection spec.
    pub spec_id: String,
    /// The connection.
    pub connection_id: String,
    /// Which data: members of a source connection.
    pub data: WizardData,
    /// Where it goes.
    pub target: WizardTarget,
    /// Rules of the mapping set.
    pub mapping: Vec<WizardRule>,
    /// `scheduleParams` of the flow, without a start: it starts when it is made.
    pub schedule: WizardSchedule,
    /// What the flow is called, and how it treats bad rows.
    pub details: WizardDetails,
}

/// `params` and `data` of a source connection.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WizardData {
    /// `params`: path and more.
    #[schema(value_type = Object)]
    pub params: Map<String, Value>,
    /// `data.format`.
    pub format: String,
    /// `data.properties`.
    #[schema(value_type = Object)]
    pub properties: Map<String, Value>,
    /// Which column tells what has changed; tables need it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub delta_column: Option<Value>,
}

/// A new dataset, and the schema that is made for it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WizardTarget {
    /// What the dataset is called.
    pub dataset_name: String,
    /// Its schema.
    pub schema: WizardSchema,
}

/// A schema to be made: fields of the organization's own, in a field group of a class.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WizardSchema {
    /// What it is called.
    pub title: String,
    /// The class.
    pub class: String,
    /// The fields.
    pub fields: Vec<WizardField>,
}

/// A field of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WizardField {
    /// Where it is, from the schema's root: it begins with the organization's namespace.
    pub path: String,
    /// `string`, `integer`, `number` or `date-time`.
    pub r#type: String,
    /// Whether it is the primary identity, which makes one row for each of its values.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub key: bool,
}

/// A rule of a mapping set.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WizardRule {
    /// `ATTRIBUTE` or `EXPRESSION`.
    pub source_type: String,
    /// A column, or an expression.
    pub source: String,
    /// A field of the schema.
    pub destination: String,
}

/// When it runs.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WizardSchedule {
    /// `once`, `minute`, `hour`, `day` or `week`.
    pub frequency: String,
}

/// The flow's name and options.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WizardDetails {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Rows that fail are kept for a look.
    pub error_diagnostics_enabled: bool,
    /// How many of 100 rows may fail before the run does.
    pub partial_ingestion_percent: u8,
}

/// What is to be broken; null repairs everything.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DemoChange {
    /// The one thing, or null.
    #[serde(deserialize_with = "Option::deserialize")]
    fault: Option<DemoFault>,
}

/// `GET /demo`: what there is to try, and what is broken.
#[utoipa::path(get, path = "/demo", tag = "Demo",
    responses((status = 200, description = "The demo", body = Demo), (status = 404, description = "This server is no demo")))]
pub async fn get_demo(State(app): State<App>, _: Member) -> Result<Response, Problem> {
    Ok(answer(&*control(&app)?).await?)
}

/// `PUT /demo`: breaks one thing, or repairs all with null.
#[utoipa::path(put, path = "/demo", tag = "Demo", request_body = DemoChange,
    responses((status = 200, description = "The demo", body = Demo), (status = 400, description = "There is no such fault"), (status = 404, description = "This server is no demo")))]
pub async fn put_demo(State(app): State<App>, _: Member, Body(body): Body) -> Result<Response, Problem> {
    let demo = control(&app)?;
    let change: DemoChange = shaped(body)?;
    demo.switch(change.fault).await?;
    Ok(answer(&*demo).await?)
}

/// `POST /demo/reset`: empties the sandbox, restores the simulated systems and their connections.
#[utoipa::path(post, path = "/demo/reset", tag = "Demo",
    responses((status = 200, description = "The demo, as at its first start", body = Demo), (status = 404, description = "This server is no demo")))]
pub async fn reset_demo(State(app): State<App>, member: Member) -> Result<Response, Problem> {
    let demo = control(&app)?;
    member.must_in(Right::ResetSandboxes, &demo.sandbox())?;
    demo.reset().await?;
    Ok(answer(&*demo).await?)
}

fn control(app: &App) -> Result<Arc<dyn DemoControl>> {
    app.demo.clone().ok_or_else(|| missing("this server is no demo; `forebay demo` starts one"))
}

async fn answer(demo: &dyn DemoControl) -> Result<Response> {
    let body = serde_json::to_value(demo.shown().await?);
    let body = body.map_err(|e| Error::internal("the demo could not be shown").caused_by(e))?;
    Ok(json(StatusCode::OK, &body))
}
