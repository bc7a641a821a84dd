//! What failed, where, why, and what to do: the four parts of a problem, made of what is kept beside the run as data
//! and of the table of codes. No sentence is taken apart.

use super::errors::RowError;
use super::rows::Material;
use crate::App;
use crate::caller::Caller;
use forebay_model::run::trace::Trace;
use forebay_model::{Code, Document, Result, code};
use forebay_store::RunFacts;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// Where something failed.
#[derive(Default, Serialize, ToSchema)]
pub struct ProblemPlace {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// The bucket, table or connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
}

/// The same failure in earlier runs of the flow.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SeenBefore {
    times: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<i64>,
}

/// A problem in four parts.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem4 {
    code: String,
    title: String,
    /// What failed.
    what: String,
    #[serde(rename = "where")]
    place: ProblemPlace,
    why: String,
    /// What to do.
    #[serde(rename = "do")]
    advice: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen_before: Option<SeenBefore>,
    doc_url: String,
    /// How many records, where it is about records.
    #[serde(skip_serializing_if = "Option::is_none")]
    records: Option<i64>,
}

/// What problems are made of.
pub struct Problems<'a> {
    pub app: &'a App,
    pub caller: &'a Caller,
    pub run: &'a Document,
    pub facts: &'a RunFacts,
    pub trace: &'a Trace,
    pub material: Option<&'a (Material, &'a Document)>,
}

impl Problems<'_> {
    /// All problems of the run, the one that ended it first; `examples` are rows by the codes that they have.
    pub async fn all(&self, examples: &BTreeMap<String, RowError>) -> Result<Vec<Problem4>> {
        let mut problems = Vec::new();
        let mut told = BTreeSet::new();
        if let Some(cause) = &self.trace.cause {
            let text = |name: &str| cause[name].as_str().unwrap_or_default();
            let mut problem = self.problem(text("code"), text("message"), None);
            if let Some(advice) = cause["advice"].as_str() {
                problem.advice = advice.to_string();
            }
            let at = &cause["at"];
            let place = |name: &str| at[name].as_str().map(str::to_string);
            problem.place = ProblemPlace {
                file: place("file"),
                line: at["line"].as_i64(),
                column: place("column"),
                field: place("field"),
                object: self.object(),
            };
            told.insert(text("code").to_string());
            problems.push(problem);
        }
        for activity in self.run.body["activities"].as_array().into_iter().flatten() {
            let found = activity.pointer("/statusSummary/extensions/errors").and_then(Value::as_array);
            for finding in found.into_iter().flatten() {
                let code = finding["code"].as_str().unwrap_or_default();
                let records = finding["recordCount"].as_i64();
                if records.is_none() && !told.insert(code.to_string()) {
                    continue;
                }
                let mut problem = self.problem(code, finding["message"].as_str().unwrap_or_default(), records);
                match examples.get(code) {
                    Some(row) => {
                        problem.why = row.first.message.clone();
                        problem.place = ProblemPlace {
                            file: Some(row.file.clone()).filter(|file| !file.is_empty()),
                            line: Some(row.line).filter(|line| *line > 0),
                            column: row.first.column.clone(),
                            field: row.first.field.clone(),
                            object: None,
                        };
                    }
                    None => problem.place.object = self.object(),
                }
                problems.push(problem);
            }
        }
        if problems.is_empty() && matches!(self.facts.status.as_str(), "failed" | "cancelled") {
            let mut problem = self.problem(&self.facts.code, &self.facts.message, None);
            problem.place.object = self.object();
            problems.push(problem);
        }
        for problem in &mut problems {
            let (times, last_at) = self.app.store.seen_before(&self.caller.scope, self.facts, &problem.code).await?;
            problem.seen_before = (times > 0).then_some(SeenBefore { times, last_at });
        }
        Ok(problems)
    }

    fn problem(&self, id: &str, message: &str, records: Option<i64>) -> Problem4 {
        let known = Code::find(id);
        let fallback: &Code = &code::FLOW_1400;
        let whole = match (self.facts.ended(), self.facts.status.as_str()) {
            (false, _) => format!("An attempt of run {} failed", self.facts.number),
            (true, "cancelled") => format!("Run {} was cancelled", self.facts.number),
            (true, _) => format!("Run {} failed", self.facts.number),
        };
        let what = match (records, known) {
            (None, Some(code)) if code == &code::RUN_CANCELLED => whole,
            (Some(1), Some(code)) => format!("1 row: {}", lower(code.title)),
            (Some(records), Some(code)) => format!("{records} rows: {}", lower(code.title)),
            (None, Some(code)) => format!("{whole}: {}", lower(code.title)),
            (Some(records), None) => format!("{records} rows failed"),
            (None, None) => whole,
        };
        Problem4 {
            code: id.to_string(),
            title: known.map_or(id, |code| code.title).to_string(),
            what,
            place: ProblemPlace::default(),
            why: if message.is_empty() { known.unwrap_or(fallback).title.to_string() } else { message.to_string() },
            advice: known.unwrap_or(fallback).text.to_string(),
            since: self.facts.completed,
            seen_before: None,
            doc_url: format!("/docs/errors.html#{id}"),
            records,
        }
    }

    /// What was read, by name.
    fn object(&self) -> Option<String> {
        let (material, flow) = self.material?;
        let source = material.source(flow);
        let parts: Vec<&str> = [source.connection.name.as_str(), source.what.as_str()]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
        (!parts.is_empty()).then(|| parts.join(": "))
    }
}

fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().collect::<String>() + chars.as_str()).unwrap_or_default()
}
