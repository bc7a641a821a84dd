//! `forebay tables`: what the lake holds, and the way to it with other tools.

use crate::Session;
use crate::client::{CATALOG, OWN, get, segment};
use crate::explore::rows_of;
use crate::failure::{Exit, Failure, Result};
use crate::names::{self, Kind, link_path, quoted};
use crate::output::{Column, Format, age, moment, number, plain, size, text, told};
use clap::{Args, Subcommand};
use futures::StreamExt;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// `forebay tables …`
#[derive(Debug, Clone, Subcommand)]
pub enum TablesCommand {
    /// All tables.
    #[command(visible_alias = "ls")]
    List,
    /// One table: its fields, and how other tools open it.
    Get(Named),
    /// The first rows.
    Preview {
        #[command(flatten)]
        named: Named,
        /// How many rows.
        #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
        rows: u64,
        /// As it was in that version.
        #[arg(long)]
        version: Option<u64>,
    },
    /// Its versions, and what each added.
    History {
        #[command(flatten)]
        named: Named,
        /// How many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
    },
    /// Fetch the Parquet files that it consists of now.
    Export {
        #[command(flatten)]
        named: Named,
        /// The folder that they go to; files that are there already are not fetched again.
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
}

/// One table.
#[derive(Debug, Clone, Args)]
pub struct Named {
    /// Its name, its id, or the first characters of its id.
    #[arg(add = crate::completion::names(Kind::Table))]
    table: String,
}

pub(crate) const LIST: &[Column] = &[
    text("NAME", "/name"),
    number("ROWS", "/rows"),
    size("SIZE", "/bytes"),
    number("FILES", "/files"),
    number("VERSION", "/version"),
    age("CHANGED", "/updatedAt"),
    told("FILLED BY", "/flows", |value, _, _| {
        let flows = value.as_array().into_iter().flatten();
        flows.map(|flow| plain(&flow["name"])).collect::<Vec<_>>().join(", ")
    }),
];

pub(crate) const ONE: &[Column] = &[
    text("name", "/name"),
    text("id", "/id"),
    text("description", "/description"),
    text("schema", "/schema/title"),
    number("rows", "/rows"),
    size("size", "/bytes"),
    number("files", "/files"),
    number("version", "/version"),
    age("changed", "/updatedAt"),
    text("labels", "/labels"),
    text("path", "/path"),
];

const FIELDS: &[Column] = &[
    text("FIELD", "/path"),
    text("TYPE", "/type"),
    told("", "/required", |value, _, _| if value.as_bool() == Some(true) { "required".into() } else { String::new() }),
    text("WHAT", "/description"),
];

const HISTORY: &[Column] = &[
    number("VERSION", "/version"),
    moment("AT", "/at"),
    text("OPERATION", "/operation"),
    number("ROWS ADDED", "/addedRows"),
    number("FILES ADDED", "/addedFiles"),
    number("REMOVED", "/removedFiles"),
    text("FLOW", "/run/flow/name"),
    told("RUN", "/run/id", |value, _, _| names::short(value.as_str().unwrap_or_default()).into()),
];

pub async fn run(session: &Session, command: TablesCommand) -> Result<Exit> {
    let (client, screen) = (&session.client, &session.screen);
    match command {
        TablesCommand::List => {
            let rows = client.send(get(format!("{OWN}/datasets"))).await?.items();
            screen.list(LIST, &rows)?;
            if rows.is_empty() {
                screen.say("No tables yet. Try: forebay flows init CONNECTION PATH --to TABLE");
            }
        }
        TablesCommand::Get(named) => {
            let found = names::find(client, Kind::Table, &named.table).await?;
            let table = client.send(get(path(&found.id, ""))).await?.body;
            screen.one(ONE, &table)?;
            if screen.format == Format::Table {
                let fields = table["fields"].as_array().cloned().unwrap_or_default();
                screen.print("\n")?;
                screen.list(FIELDS, &fields)?;
                if let Some(duckdb) = table["duckdb"].as_str() {
                    screen.say(&format!("\n{}", crate::output::clean(duckdb)));
                }
            }
        }
        TablesCommand::Preview { named, rows, version } => {
            let found = names::find(client, Kind::Table, &named.table).await?;
            let call = get(path(&found.id, "/preview")).query("limit", rows).maybe("version", version);
            let body = client.send(call).await?.body;
            let columns = body["columns"].as_array().into_iter().flatten();
            let named: Vec<String> = columns.filter_map(|column| column["name"].as_str()).map(str::to_string).collect();
            let shown: Vec<Value> = body["rows"].as_array().cloned().unwrap_or_default();
            rows_of(session, &named, &shown)?;
            if shown.is_empty() {
                screen.say("No rows yet.");
            }
        }
        TablesCommand::History { named, limit } => {
            let found = names::find(client, Kind::Table, &named.table).await?;
            let rows = client.send(get(path(&found.id, "/history")).query("limit", limit)).await?.items();
            screen.list(HISTORY, &rows)?;
            match rows.first().and_then(|row| row["version"].as_u64()) {
                Some(version) if screen.format == Format::Table => {
                    screen.say(&format!("\nTry: forebay tables preview {} --version {version}", quoted(&found.name)));
                }
                None => screen.say("Nothing was written yet."),
                _ => {}
            }
        }
        TablesCommand::Export { named, to } => {
            let found = names::find(client, Kind::Table, &named.table).await?;
            return export(session, &found, &to).await;
        }
    }
    Ok(Exit::Ok)
}

fn path(id: &str, rest: &str) -> String {
    format!("{OWN}/datasets/{}{rest}", segment(id))
}

const FETCHED: &[Column] = &[text("FILE", "/file"), size("SIZE", "/bytes")];

/// Fetches the files that its batches have in the table, one by one, each as a whole or not at all.
async fn export(session: &Session, found: &names::Found, to: &Path) -> Result<Exit> {
    let (client, screen) = (&session.client, &session.screen);
    let failed = |e: std::io::Error| Failure::new(Exit::Failed, format!("{} cannot be written: {e}", to.display()));
    std::fs::create_dir_all(to).map_err(failed)?;
    let mut fetched = Vec::new();
    for batch in batches(session, &found.id).await? {
        let mut next = Some(format!("/data/foundation/export/batches/{}/files?limit=100", segment(&batch)));
        while let Some(page) = next.take() {
            let listed = client.send(get(page)).await?.body;
            next = listed
                .pointer("/_links/next/href")
                .and_then(Value::as_str)
                .filter(|link| !link.is_empty())
                .map(link_path);
            for file in listed["data"].as_array().into_iter().flatten() {
                let id = file["dataSetFileId"].as_str().unwrap_or_default();
                let parts = client.send(get(format!("/data/foundation/export/files/{}", segment(id)))).await?.body;
                for part in parts["data"].as_array().into_iter().flatten() {
                    fetched.push(fetch(session, id, part, to).await?);
                }
            }
        }
    }
    screen.list(FETCHED, &fetched)?;
    screen.say(&format!("files in {}: {}", to.display(), fetched.len()));
    if !fetched.is_empty() {
        screen.say(&format!("Try: duckdb -c \"select count(*) from '{}/*.parquet'\"", to.display()));
    }
    Ok(Exit::Ok)
}

async fn batches(session: &Session, dataset: &str) -> Result<Vec<String>> {
    let mut all = Vec::new();
    loop {
        let call = get(format!("{CATALOG}/batches")).query("dataSet", dataset).query("status", "success");
        let page = session.client.send(call.query("limit", 100).query("start", all.len()).lookup()).await?.body;
        let ids: Vec<String> = page.as_object().into_iter().flatten().map(|(id, _)| id.clone()).collect();
        let last = ids.len() < 100;
        all.extend(ids);
        if last {
            return Ok(all);
        }
    }
}

async fn fetch(session: &Session, id: &str, part: &Value, to: &Path) -> Result<Value> {
    let name = part["name"].as_str().unwrap_or_default();
    // A name of the server's is never a path of ours.
    let safe: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
    let file = to.join(safe.trim_start_matches('.'));
    let length = part["length"].as_u64().or_else(|| part["length"].as_str()?.parse().ok());
    let told = |bytes: u64| serde_json::json!({ "file": file.display().to_string(), "bytes": bytes });
    let there = std::fs::metadata(&file).ok().map(|found| found.len());
    if let (Some(there), Some(length)) = (there, length)
        && there == length
    {
        return Ok(told(there));
    }
    let failed = |e: std::io::Error| Failure::new(Exit::Failed, format!("{} cannot be written: {e}", file.display()));
    let beside = file.with_extension("part");
    let call =
        get(format!("/data/foundation/export/files/{}", segment(id))).query("path", name).header("accept", "*/*");
    let mut bytes = session.client.stream(call).await?.bytes_stream();
    let mut out = std::fs::File::create(&beside).map_err(failed)?;
    let mut count = 0;
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk.map_err(|e| Failure::new(Exit::Failed, format!("{name} broke off: {e}")))?;
        count += chunk.len() as u64;
        std::io::Write::write_all(&mut out, &chunk).map_err(failed)?;
    }
    std::fs::rename(&beside, &file).map_err(failed)?;
    Ok(told(count))
}
