//! `forebay specs`: kinds of systems that data can be read from, and what each asks for.

use crate::Session;
use crate::client::{FLOW, get, segment};
use crate::failure::{Exit, Result};
use crate::names::{self, Kind};
use crate::output::{Column, text, told};
use clap::Subcommand;
use serde_json::{Value, json};

/// `forebay specs …`
#[derive(Debug, Clone, Subcommand)]
pub enum SpecsCommand {
    /// All of them.
    List {
        /// Those with this text in their name, label or category.
        filter: Option<String>,
    },
    /// The fields that one asks for; secrets are marked.
    #[command(visible_alias = "get")]
    Show {
        /// Its name or id.
        #[arg(add = crate::completion::names(Kind::Spec))]
        spec: String,
    },
}

const LIST: &[Column] = &[
    text("NAME", "/name"),
    text("LABEL", "/label"),
    text("CATEGORY", "/category"),
    text("READS", "/reads"),
    text("SIGNS IN WITH", "/auth"),
];

const FIELDS: &[Column] = &[
    text("SIGN IN", "/auth"),
    text("FIELD", "/name"),
    text("TYPE", "/type"),
    told("", "/flags", |_, row, _| {
        let mut flags = Vec::new();
        for (name, word) in [("required", "required"), ("secret", "secret")] {
            if row[name] == json!(true) {
                flags.push(word);
            }
        }
        flags.join(", ")
    }),
    text("WHAT", "/description"),
];

pub async fn run(session: &Session, command: SpecsCommand) -> Result<Exit> {
    match command {
        SpecsCommand::List { filter } => {
            let answer = session.client.send(get(format!("{FLOW}/connectionSpecs")).query("limit", 1000)).await?;
            let mut rows: Vec<Value> = answer.items().iter().filter(|spec| is_source(spec)).map(row).collect();
            if let Some(filter) = filter {
                let wanted = filter.to_lowercase();
                rows.retain(|row| row.to_string().to_lowercase().contains(&wanted));
            }
            rows.sort_by_key(|row| row["name"].as_str().unwrap_or_default().to_string());
            session.screen.list(LIST, &rows)?;
            if rows.is_empty() {
                session.screen.say("No connection spec fits. Try: forebay specs list");
            }
        }
        SpecsCommand::Show { spec } => {
            let found = names::find(&session.client, Kind::Spec, &spec).await?;
            let answer = session.client.send(get(format!("{FLOW}/connectionSpecs/{}", segment(&found.id)))).await?;
            let spec = answer.item();
            if session.screen.format == crate::output::Format::Table {
                session.screen.one(LIST, &row(&spec))?;
                session.screen.say("");
                session.screen.list(FIELDS, &fields(&spec))?;
                let name = found.name;
                session.screen.say(&format!("\nTry: forebay connections create --spec {} -i", names::quoted(&name)));
            } else {
                let mut shown = row(&spec);
                shown["fields"] = json!(fields(&spec));
                session.screen.one(LIST, &shown)?;
            }
        }
    }
    Ok(Exit::Ok)
}

fn is_source(spec: &Value) -> bool {
    !spec["sourceSpec"].is_null()
}

/// Whether a spec's data are tables.
pub fn has_tables(spec: &Value) -> bool {
    spec["sourceSpec"]["type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("table"))
}

fn row(spec: &Value) -> Value {
    let ui = &spec["sourceSpec"]["attributes"]["uiAttributes"];
    let auth: Vec<&str> =
        spec["authSpec"].as_array().into_iter().flatten().filter_map(|auth| auth["name"].as_str()).collect();
    json!({ "id": spec["id"], "name": spec["name"], "label": ui.pointer("/label/value"), "category": ui.pointer("/category/key"),
        "reads": if has_tables(spec) { "tables" } else { "files" }, "auth": auth })
}

/// What each way to sign in asks for.
pub fn fields(spec: &Value) -> Vec<Value> {
    let mut rows = Vec::new();
    for auth in spec["authSpec"].as_array().into_iter().flatten() {
        let required: Vec<&str> =
            auth["spec"]["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, rule) in auth["spec"]["properties"].as_object().into_iter().flatten() {
            rows.push(json!({ "auth": auth["name"], "name": name, "title": rule["title"], "type": rule["type"],
                "required": required.contains(&name.as_str()), "secret": rule["format"] == "password",
                "description": rule["description"] }));
        }
    }
    rows
}
