//! `forebay explore` and `forebay preview`: what a connection can see, and the first rows of it.

use crate::Session;
use crate::client::{Call, FLOW, get, segment};
use crate::failure::{Exit, Result};
use crate::names::{self, Found, Kind, quoted};
use crate::output::{Column, Format, age, clean, size, text, told, told_of};
use crate::specs::has_tables;
use clap::Args;
use serde_json::{Value, json};

/// Folders that a tree looks into.
const MOST_FOLDERS: usize = 200;

/// `forebay explore`
#[derive(Debug, Clone, Args)]
pub struct Explore {
    /// The connection: its name, its id, or the first characters of its id.
    #[arg(add = crate::completion::names(Kind::Connection))]
    connection: String,
    /// A folder; the root if none is named.
    path: Option<String>,
    /// Folders within folders.
    #[arg(long)]
    tree: bool,
    /// How deep a tree goes.
    #[arg(long, default_value_t = 3, requires = "tree")]
    depth: usize,
}

/// `forebay preview`
#[derive(Debug, Clone, Args)]
pub struct Preview {
    /// The connection: its name, its id, or the first characters of its id.
    #[arg(add = crate::completion::names(Kind::Connection))]
    connection: String,
    /// A file or a table, as `explore` lists it.
    path: String,
    /// How many rows.
    #[arg(long, short = 'n', default_value_t = 20)]
    rows: usize,
    #[command(flatten)]
    reading: Reading,
    /// The columns and their types, and no rows.
    #[arg(long)]
    columns: bool,
}

/// How a file is read; found out where nothing is said.
#[derive(Debug, Clone, Default, Args)]
pub struct Reading {
    /// `delimited`, `json` or `parquet`.
    #[arg(long)]
    pub format: Option<String>,
    /// The character between columns; `\t` is a tab.
    #[arg(long, requires = "format")]
    pub delimiter: Option<String>,
    /// `gzip`, `bzip2`, `deflate`, `zipDeflate`, `tarGzip` or `tar`.
    #[arg(long, requires = "format")]
    pub compression: Option<String>,
    /// Such as UTF-8 or ISO-8859-1.
    #[arg(long, requires = "format")]
    pub encoding: Option<String>,
}

const ENTRIES: &[Column] = &[
    text("TYPE", "/type"),
    text("PATH", "/path"),
    size("SIZE", "/size"),
    age("CHANGED", "/lastModified"),
    told("", "/missingScopes", |value, _, _| match value.as_array() {
        Some(scopes) if !scopes.is_empty() => format!("▲ needs {}", crate::output::plain(value)),
        _ => String::new(),
    }),
];

fn call(connection: &str) -> Call {
    get(format!("{FLOW}/connections/{}/explore", segment(connection)))
}

pub async fn explore(session: &Session, args: Explore) -> Result<Exit> {
    let found = names::find(&session.client, Kind::Connection, &args.connection).await?;
    if args.tree {
        return tree(session, &found, args.path.as_deref(), args.depth).await;
    }
    let rows = entries(session, &found.id, args.path.as_deref()).await?;
    session.screen.list(&told_of(ENTRIES, &rows), &rows)?;
    let file = rows.iter().find(|row| row["canPreview"] == json!(true)).and_then(|row| row["path"].as_str());
    match file {
        Some(path) => session.screen.say(&format!("\nTry: forebay preview {} {}", quoted(&found.name), quoted(path))),
        None if rows.is_empty() => session.screen.say("Nothing is there, or nothing that the credentials may see."),
        None => {}
    }
    Ok(Exit::Ok)
}

async fn entries(session: &Session, id: &str, path: Option<&str>) -> Result<Vec<Value>> {
    let call = match path {
        Some(path) if !matches!(path, "" | "/") => call(id).query("objectType", "folder").query("object", path),
        _ => call(id).query("objectType", "root"),
    };
    Ok(session.client.send(call).await?.body.as_array().cloned().unwrap_or_default())
}

async fn tree(session: &Session, found: &Found, path: Option<&str>, depth: usize) -> Result<Exit> {
    let mut rows = Vec::new();
    let mut looked = 0;
    // Depth first, so that a tree is read from the top: what is still to be shown, the next one last.
    let mut open: Vec<(usize, Value)> = Vec::new();
    let top = entries(session, &found.id, path).await?;
    open.extend(top.into_iter().rev().map(|entry| (0, entry)));
    while let Some((level, entry)) = open.pop() {
        let folder = entry["type"] == "folder";
        if folder && level + 1 < depth && looked < MOST_FOLDERS {
            looked += 1;
            let inside = entries(session, &found.id, entry["path"].as_str()).await?;
            open.extend(inside.into_iter().rev().map(|entry| (level + 1, entry)));
        }
        if session.screen.format == Format::Table {
            let name = clean(entry["name"].as_str().or(entry["path"].as_str()).unwrap_or_default());
            let mark = if folder { "▾ " } else { "  " };
            let size =
                entry["size"].as_f64().map(|size| format!("  {}", crate::output::bytes(size))).unwrap_or_default();
            session.screen.print(&format!("{}{mark}{name}{size}", "  ".repeat(level)))?;
        } else {
            let mut entry = entry;
            entry["level"] = json!(level);
            rows.push(entry);
        }
    }
    if session.screen.format != Format::Table {
        session.screen.list(&told_of(ENTRIES, &rows), &rows)?;
    }
    if looked == MOST_FOLDERS {
        session.screen.say(&format!(
            "Only {MOST_FOLDERS} folders were looked into. Try: forebay explore {} PATH --tree",
            quoted(&found.name)
        ));
    }
    Ok(Exit::Ok)
}

/// Columns and first rows of a file or table, as the API has them.
pub async fn look(session: &Session, found: &Found, path: &str, reading: &Reading) -> Result<Value> {
    let spec = found.body.pointer("/connectionSpec/id").and_then(Value::as_str).unwrap_or_default();
    let spec = session.client.send(get(format!("{FLOW}/connectionSpecs/{}", segment(spec))).lookup()).await?.item();
    let call = call(&found.id).query("object", path).query("preview", true);
    let call = match (has_tables(&spec), &reading.format) {
        (true, _) => call.query("objectType", "table"),
        (false, None) => call.query("objectType", "file").query("determineProperties", true),
        (false, Some(format)) => call
            .query("objectType", "file")
            .query("fileType", format)
            .maybe("columnDelimiter", reading.delimiter.as_deref())
            .maybe("compressionType", reading.compression.as_deref())
            .maybe("encoding", reading.encoding.as_deref()),
    };
    let mut body = session.client.send(call).await?.body;
    body["tables"] = json!(has_tables(&spec));
    Ok(body)
}

pub async fn preview(session: &Session, args: Preview) -> Result<Exit> {
    let found = names::find(&session.client, Kind::Connection, &args.connection).await?;
    let body = look(session, &found, &args.path, &args.reading)
        .await
        .map_err(|failure| failure.next(format!("forebay explore {}", quoted(&found.name))))?;
    let columns = body["schema"]["columns"].as_array().cloned().unwrap_or_default();
    if args.columns {
        session
            .screen
            .list(&[text("COLUMN", "/name"), text("TYPE", "/type"), text("TITLE", "/xdm/title")], &columns)?;
        return Ok(Exit::Ok);
    }
    let named: Vec<String> = columns.iter().filter_map(|column| column["name"].as_str()).map(str::to_string).collect();
    let rows: Vec<Value> = body["data"].as_array().into_iter().flatten().take(args.rows).cloned().collect();
    rows_of(session, &named, &rows)?;
    if let Some(properties) = body["properties"].as_object() {
        let parts: Vec<String> =
            properties.iter().map(|(name, value)| format!("{name} {}", crate::output::plain(value))).collect();
        session.screen.say(&session.screen.dim(&clean(&format!("found out: {}", parts.join(", ")))));
    }
    if session.screen.format == Format::Table {
        let (name, path) = (quoted(&found.name), quoted(&args.path));
        session.screen.say(&format!("Try: forebay flows init {name} {path} --to TABLE > flow.yaml"));
    }
    Ok(Exit::Ok)
}

/// Rows of data, whose columns nobody knew before.
pub fn rows_of(session: &Session, named: &[String], rows: &[Value]) -> Result<()> {
    let screen = &session.screen;
    match screen.format {
        Format::Table => screen.print(&grid(named, rows, screen.width)),
        Format::Csv => {
            let mut text = crate::output::line(named.iter().cloned());
            for row in rows {
                let cells = named.iter().map(|name| crate::output::cell(row.get(name).unwrap_or(&Value::Null)));
                text.push_str(&crate::output::line(cells));
            }
            screen.print(&text)
        }
        _ => screen.list(&[], rows),
    }
}

/// A table of data that is no wider than the terminal: columns that do not fit are named below it.
fn grid(named: &[String], rows: &[Value], width: Option<usize>) -> String {
    const WIDEST: usize = 40;
    let cell =
        |row: &Value, name: &String| cut(&clean(&crate::output::plain(row.get(name).unwrap_or(&Value::Null))), WIDEST);
    let mut columns = Vec::new();
    let mut used = 0;
    for name in named {
        let head = cut(&clean(name), WIDEST);
        let cells: Vec<String> = rows.iter().map(|row| cell(row, name)).collect();
        let widest = cells.iter().chain([&head]).map(|text| wide(text)).max().unwrap_or(0);
        if width.is_some_and(|width| !columns.is_empty() && used + widest + 2 > width) {
            break;
        }
        used += widest + 2;
        columns.push((head, cells, widest));
    }
    let mut text = String::new();
    let mut line = |cells: Vec<(&String, usize)>| {
        let cells = cells.iter().map(|(cell, width)| format!("{cell}{}", " ".repeat(width - wide(cell))));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    };
    line(columns.iter().map(|(head, _, width)| (head, *width)).collect());
    for index in 0..rows.len() {
        line(columns.iter().map(|(_, cells, width)| (&cells[index], *width)).collect());
    }
    if columns.len() < named.len() {
        let rest: Vec<String> = named[columns.len()..].iter().map(|name| clean(name)).collect();
        text.push_str(&format!("… and {} more columns: {}\n", rest.len(), rest.join(", ")));
    }
    text
}

fn wide(text: &str) -> usize {
    dialoguer::console::measure_text_width(text)
}

fn cut(text: &str, most: usize) -> String {
    dialoguer::console::truncate_str(text, most, "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// They stood there empty for every table and every object.
    #[test]
    fn a_list_has_no_column_that_says_nothing() {
        let heads = |rows: Value| {
            let screen = crate::output::Screen::new(Some(Format::Table), crate::output::Colour::Never, Some(80), 0);
            let rows = rows.as_array().unwrap().clone();
            screen.list_text(&told_of(ENTRIES, &rows), &rows).unwrap().lines().next().unwrap().to_string()
        };
        assert_eq!(heads(json!([{ "type": "table", "path": "Hubspot.Contacts" }])), "TYPE   PATH");
        let some = json!([{ "type": "folder", "path": "/a/" }, { "type": "file", "path": "/b", "size": 3 }]);
        assert_eq!(heads(some), "TYPE    PATH  SIZE");
    }

    #[test]
    fn columns_that_do_not_fit_are_named() {
        let rows = [json!({ "id": 1, "name": "Ana\nMaria", "note": "x".repeat(60) })];
        let named: Vec<String> = ["id", "name", "note"].map(String::from).to_vec();
        assert_eq!(grid(&named, &rows, Some(20)), "id  name\n1   Ana\\nMaria\n… and 1 more columns: note\n");
        assert!(grid(&named, &rows, None).contains(&format!("{}…", "x".repeat(39))));
    }
}
