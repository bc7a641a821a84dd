//! `forebay flows`: what is read, how it is mapped, where it goes and when.

use crate::Session;
use crate::client::{Call, FLOW, OWN, delete, get, post, segment};
use crate::failure::{Exit, Result};
use crate::names::{self, Kind, quoted};
use crate::output::{Column, Format, age, number, plain, text, told};
use crate::{draft, output};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// `forebay flows …`
#[derive(Debug, Clone, Subcommand)]
pub enum FlowsCommand {
    /// Draft a manifest from the first rows of a file or table.
    Init(Box<draft::Init>),
    /// All flows, and how they are.
    List {
        /// Those with this health: healthy, late, failing, running, paused, draft, new or done.
        #[arg(long)]
        health: Option<String>,
    },
    /// One flow, and how it is.
    Get(Named),
    /// Let it run by itself.
    Enable(Named),
    /// Let it not run by itself any more.
    Disable(Named),
    /// Delete it; what it wrote stays.
    Delete(Named),
    /// Print its manifest, with the connection and the dataset it refers to.
    Export {
        /// Its name, its id, or the first characters of its id.
        #[arg(add = crate::completion::names(Kind::Flow), required_unless_present = "all")]
        flow: Option<String>,
        /// Every flow, connection and dataset.
        #[arg(long, conflicts_with = "flow")]
        all: bool,
    },
}

/// One flow.
#[derive(Debug, Clone, Args)]
pub struct Named {
    /// Its name, its id, or the first characters of its id.
    #[arg(add = crate::completion::names(Kind::Flow))]
    flow: String,
}

pub(crate) const LIST: &[Column] = &[
    text("NAME", "/name"),
    told("HEALTH", "/health", |value, _, _| health(value.as_str().unwrap_or_default())),
    told("LAST RUNS", "/last", |value, _, _| bars(value)),
    text("FRESHNESS", "/freshness/text"),
    number("ROWS", "/totals/rowsLastRun"),
    number("FAILED", "/totals/failedLastRun"),
    told("FROM → TO", "", |_, row, _| {
        let at = |pointer: &str| row.pointer(pointer).map(plain).unwrap_or_default();
        format!("{} → {}", at("/source/connection/name"), at("/target/dataset/name"))
    }),
    age("NEXT RUN", "/freshness/nextRunAt"),
];

pub(crate) const ONE: &[Column] = &[
    text("name", "/name"),
    text("id", "/id"),
    text("description", "/description"),
    told("health", "/health", |value, _, _| health(value.as_str().unwrap_or_default())),
    text("state", "/state"),
    text("freshness", "/freshness/text"),
    told("last runs", "/last", |value, _, _| bars(value)),
    text("connection", "/source/connection/name"),
    text("reads", "/source/what"),
    text("dataset", "/target/dataset/name"),
    text("schedule", "/schedule/text"),
    age("next run", "/freshness/nextRunAt"),
    number("rows last run", "/totals/rowsLastRun"),
    number("failed last run", "/totals/failedLastRun"),
    told("needs", "/needs", |value, _, _| {
        let needs = value.as_array().into_iter().flatten();
        needs.map(|need| plain(&need["title"])).collect::<Vec<_>>().join("; ")
    }),
    text("by", "/createdBy"),
    age("changed", "/updatedAt"),
];

/// A health with its sign.
pub fn health(word: &str) -> String {
    let sign = match word {
        "healthy" | "done" => "✔",
        "failing" => "✖",
        "late" => "▲",
        "running" => "●",
        "paused" => "‖",
        _ => "·",
    };
    format!("{sign} {word}")
}

/// The last runs, oldest first, as bars by their rows; a failed one is a cross.
pub fn bars(runs: &Value) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let runs = runs.as_array().cloned().unwrap_or_default();
    let most = runs.iter().filter_map(|run| run["ingested"].as_u64()).max().unwrap_or(0).max(1);
    let bar = |run: &Value| match run["status"].as_str().unwrap_or_default() {
        "failed" => '✖',
        "cancelled" => '⊘',
        "pending" | "inProgress" => '●',
        _ => HEIGHTS[(run["ingested"].as_u64().unwrap_or(0) * 7 / most) as usize],
    };
    runs.iter().map(bar).collect()
}

pub async fn run(session: &Session, command: FlowsCommand) -> Result<Exit> {
    let client = &session.client;
    let screen = &session.screen;
    match command {
        FlowsCommand::Init(args) => return draft::run(session, *args).await,
        FlowsCommand::List { health } => {
            let mut rows = client.send(get(format!("{OWN}/flows")).query("limit", 1000)).await?.items();
            let none = rows.is_empty();
            if let Some(health) = health {
                rows.retain(|row| row["health"] == health.as_str());
            }
            screen.list(LIST, &rows)?;
            if none {
                screen.say("No flows yet. Try: forebay flows init CONNECTION PATH --to TABLE");
            }
        }
        FlowsCommand::Get(named) => {
            let found = names::find(client, Kind::Flow, &named.flow).await?;
            let row = client.send(get(format!("{OWN}/flows/{}", segment(&found.id)))).await?.body;
            screen.one(ONE, &row)?;
            if screen.format == Format::Table {
                let name = quoted(&found.name);
                screen.say(&format!("\nTry: forebay runs list --flow {name}, or forebay flows export {name}"));
            }
        }
        FlowsCommand::Enable(named) => switch(session, &named.flow, "enable").await?,
        FlowsCommand::Disable(named) => switch(session, &named.flow, "disable").await?,
        FlowsCommand::Delete(named) => {
            let found = names::find(client, Kind::Flow, &named.flow).await?;
            session.confirm(&format!("Delete the flow {:?}? The rows that it wrote stay in the table.", found.name))?;
            client.send(delete(format!("{FLOW}/flows/{}", segment(&found.id)))).await?;
            screen.say(&format!("deleted the flow {}; its rows stay", found.name));
        }
        FlowsCommand::Export { flow, .. } => {
            let mut call: Call = get(format!("{OWN}/manifest"));
            if let Some(flow) = flow {
                call = call.query("flow", names::find(client, Kind::Flow, &flow).await?.id);
            }
            match screen.format {
                Format::Table | Format::Yaml => {
                    let answer = client.send(call.header("accept", "application/yaml")).await?;
                    screen.print(&answer.text)?;
                }
                _ => {
                    let items = client.send(call).await?.items();
                    let manifests: Vec<Value> = items.iter().map(|item| item["manifest"].clone()).collect();
                    screen.list(&[output::text("KIND", "/kind"), output::text("NAME", "/name")], &manifests)?;
                }
            }
        }
    }
    Ok(Exit::Ok)
}

async fn switch(session: &Session, flow: &str, op: &str) -> Result<()> {
    let found = names::find(&session.client, Kind::Flow, flow).await?;
    let call = post(format!("{FLOW}/flows/{}/action", segment(&found.id)), json!({})).query("op", op);
    session.client.send(Call { body: None, ..call }).await?;
    session.screen.say(&format!("{op}d the flow {}", found.name));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_bars_by_their_rows() {
        let run = |status: &str, ingested: u64| json!({ "status": status, "ingested": ingested });
        let runs =
            json!([run("success", 100), run("failed", 0), run("partial", 50), run("success", 0), run("inProgress", 3)]);
        assert_eq!(bars(&runs), "█✖▄▁●");
        assert_eq!(bars(&Value::Null), "");
    }
}
