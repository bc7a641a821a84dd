//! `forebay flows init`: a manifest drafted from the first rows of a file or table, with comments on what to look at.

use crate::Session;
use crate::client::{REGISTRY, get};
use crate::explore::{Reading, look};
use crate::failure::{Exit, Failure, Result};
use crate::names::{self, Kind, quoted};
use crate::output::{Format, yaml};
use clap::Args;
use forebay_model::manifest::{Dataset, Field, FieldKind, Flow, Manifest, Ordered, PathKind, Rule, Schedule, Source};
use forebay_model::mapping::ast::FieldPath;
use serde_json::{Value, json};
use std::path::PathBuf;

/// `forebay flows init`
#[derive(Debug, Clone, Args)]
pub struct Init {
    /// The connection: its name, its id, or the first characters of its id.
    #[arg(add = crate::completion::names(Kind::Connection))]
    connection: String,
    /// A file or a table, as `explore` lists it.
    path: String,
    /// The dataset that it goes to; one that is there already is used as it is.
    #[arg(long, value_name = "TABLE", add = crate::completion::names(Kind::Table))]
    to: String,
    /// What the flow is called; after its table if nothing is said.
    #[arg(long)]
    name: Option<String>,
    /// The column that tells rows apart: rows that come again replace those before.
    #[arg(long, value_name = "COLUMN")]
    key: Option<String>,
    /// The flow reads the whole folder of the file.
    #[arg(long)]
    folder: bool,
    /// Write to this file, which must not be there, and not to stdout.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    reading: Reading,
}

pub async fn run(session: &Session, args: Init) -> Result<Exit> {
    let found = names::find(&session.client, Kind::Connection, &args.connection).await?;
    let seen = look(session, &found, &args.path, &args.reading)
        .await
        .map_err(|failure| failure.next(format!("forebay explore {}", quoted(&found.name))))?;
    let stats = session.client.send(get(format!("{REGISTRY}/stats")).lookup()).await?;
    let tenant = stats.body["tenantId"].as_str().unwrap_or_default();
    let there = names::all(&session.client, Kind::Table).await?.into_iter().find(|table| table.name == args.to);
    let (dataset, flow) = drafted(&args, &found.name, &seen, &format!("_{tenant}"))?;
    let text = match session.screen.format {
        Format::Table | Format::Yaml => commented(&dataset, &flow, there.is_some(), &args)?,
        _ => {
            let mut manifests = vec![json!(Manifest::Flow(flow.clone()))];
            if there.is_none() {
                manifests.insert(0, json!(Manifest::Dataset(dataset.clone())));
            }
            session
                .screen
                .list_text(&[crate::output::text("KIND", "/kind"), crate::output::text("NAME", "/name")], &manifests)?
        }
    };
    match &args.file {
        None => session.screen.print(&text)?,
        Some(file) => {
            let written = std::fs::File::create_new(file)
                .and_then(|mut out| std::io::Write::write_all(&mut out, text.as_bytes()));
            written.map_err(|e| Failure::usage(format!("{} cannot be written: {e}", file.display())))?;
            session.screen.say(&format!("wrote {}", file.display()));
        }
    }
    let file = args.file.map_or("FILE".into(), |file| quoted(&file.display().to_string()));
    session.screen.say(&format!("Try: forebay plan -f {file}"));
    Ok(Exit::Ok)
}

fn drafted(args: &Init, connection: &str, seen: &Value, namespace: &str) -> Result<(Dataset, Flow)> {
    let mut fields = Ordered::default();
    let mut mapping = Vec::new();
    let mut key = None;
    let tables = seen["tables"] == json!(true);
    let columns = || seen["schema"]["columns"].as_array().into_iter().flatten();
    let wanted = alias(columns(), args.key.as_deref());
    // A column under an old name is there under today's, too.
    for column in columns().filter(|column| column["aliasOf"].is_null()) {
        let name = column["name"].as_str().unwrap_or_default();
        // What a path ends with; a header of a file may have any dots.
        let last = if tables { name.rsplit('.').next().unwrap_or(name) } else { name };
        let field = field_name(last, &fields);
        if wanted == Some(name) {
            key = Some(forebay_model::manifest::Key {
                field: field.clone(),
                namespace: forebay_model::manifest::NAMESPACE.into(),
            });
        }
        mapping.push(Rule { to: format!("{namespace}.{field}"), from: Some(written(name, tables)), ..Rule::default() });
        let required = wanted == Some(name);
        let kind = match kind(column) {
            // Files of texts do not say what their columns are; tables do.
            FieldKind::String if !tables => {
                guessed(seen["data"].as_array().into_iter().flatten().map(|row| &row[name]))
            }
            kind => kind,
        };
        fields.insert(field, Field { kind, required, ..Field::default() });
    }
    if fields.is_empty() {
        return Err(Failure::usage(format!("{} has no columns", args.path)).next("forebay preview CONNECTION PATH"));
    }
    if let (Some(wanted), None) = (&args.key, &key) {
        let columns: Vec<&str> = columns().filter_map(|c| c["name"].as_str()).collect();
        return Err(names::unknown("column", wanted, &columns).next("forebay preview CONNECTION PATH --columns"));
    }
    let dataset = Dataset { name: args.to.clone(), key, fields, ..Dataset::default() };
    let flow = Flow {
        name: args.name.clone().unwrap_or_else(|| args.to.clone()),
        connection: connection.into(),
        dataset: args.to.clone(),
        source: source(args, seen),
        mapping,
        delta_column: changed(columns()).filter(|_| tables),
        schedule: Schedule::default(),
        options: forebay_model::manifest::Options { partial_ingestion_percent: Some(5.0), error_diagnostics: true },
        ..Flow::default()
    };
    Ok((dataset, flow))
}

fn source(args: &Init, seen: &Value) -> Source {
    if seen["tables"] == json!(true) {
        return Source { table: Some(args.path.clone()), ..Source::default() };
    }
    let mut source = Source { path: Some(args.path.clone()), ..Source::default() };
    if args.folder {
        source.path = args
            .path
            .rsplit_once('/')
            .map(|(folder, _)| if folder.is_empty() { "/".into() } else { folder.to_string() });
        source.kind = PathKind::Folder;
    }
    let said = |given: &Option<String>, found: &str| {
        let found = || seen["properties"][found].as_str().map(str::to_string);
        given.clone().or_else(found).filter(|text| !text.is_empty())
    };
    source.format = said(&args.reading.format, "fileType").or(Some("delimited".into()));
    let delimited = source.format.as_deref() == Some("delimited");
    for (name, value) in [
        ("columnDelimiter", said(&args.reading.delimiter, "columnDelimiter").filter(|_| delimited)),
        ("compressionType", said(&args.reading.compression, "compressionType")),
        ("encoding", said(&args.reading.encoding, "encoding")),
    ] {
        if let Some(value) = value {
            let value = if value == "\t" { "\\t".into() } else { value };
            source.properties.insert(name.into(), json!(value));
        }
    }
    source
}

/// Today's name of a column that is named by an old one.
fn alias<'a>(mut columns: impl Iterator<Item = &'a Value>, name: Option<&'a str>) -> Option<&'a str> {
    let name = name?;
    columns.find(|column| column["name"] == name).and_then(|column| column["aliasOf"].as_str()).or(Some(name))
}

/// A column as mappings name it: what a table calls `properties.age` is a path; a header of a file is one name.
fn written(column: &str, tables: bool) -> String {
    match column.parse::<FieldPath>() {
        Ok(path) if tables => path.to_string(),
        _ => FieldPath::name(column).to_string(),
    }
}

/// The column that tells when a record changed, by the names that it usually has.
fn changed<'a>(columns: impl Iterator<Item = &'a Value>) -> Option<String> {
    let times = columns.filter(|column| matches!(kind(column), FieldKind::Date | FieldKind::DateTime));
    let mut names = times.filter_map(|column| column["name"].as_str());
    let usual = |name: &str| {
        let plain = name.replace('_', "").to_ascii_lowercase();
        matches!(plain.as_str(), "updatedat" | "modifiedat" | "lastmodified" | "lastmodifieddate")
    };
    names.find(|name| usual(name)).map(str::to_string)
}

/// A column's name as the registry takes it, and as no other column has it.
fn field_name(column: &str, taken: &Ordered<Field>) -> String {
    let mut name: String = column.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    name = name.trim_matches('_').to_string();
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        name = format!("c{name}");
    }
    let mut free = name.clone();
    let mut number = 2;
    while taken.iter().any(|(other, _)| other.eq_ignore_ascii_case(&free)) {
        free = format!("{name}_{number}");
        number += 1;
    }
    free
}

fn kind(column: &Value) -> FieldKind {
    let said = column["meta:xdmType"].as_str().or(column["type"].as_str()).unwrap_or("string");
    match said {
        "byte" | "short" | "int" | "integer" => FieldKind::Integer,
        // What lies inside is kept as its JSON text.
        "object" | "array" | "map" => FieldKind::String,
        other => FieldKind::parse(other).unwrap_or(FieldKind::String),
    }
}

/// What the texts of a column are, if all of them are: files of texts do not say. A number with a leading zero is a text.
fn guessed<'a>(values: impl Iterator<Item = &'a Value>) -> FieldKind {
    let texts: Vec<&str> = values.filter_map(Value::as_str).map(str::trim).filter(|text| !text.is_empty()).collect();
    let digits = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let whole = digits.split_once('.').map_or(digits, |(whole, _)| whole);
        !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit()) && (whole.len() == 1 || !whole.starts_with('0'))
    };
    let fits = |kind: FieldKind, text: &str| match kind {
        FieldKind::Boolean => text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false"),
        FieldKind::Long => digits(text) && text.parse::<i64>().is_ok(),
        FieldKind::Number => digits(text) && text.parse::<f64>().is_ok(),
        FieldKind::Date => text.len() == 10 && text.parse::<chrono::NaiveDate>().is_ok(),
        FieldKind::DateTime => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
        _ => false,
    };
    let kinds = [FieldKind::Boolean, FieldKind::Long, FieldKind::Number, FieldKind::Date, FieldKind::DateTime];
    let mut fitting = kinds.into_iter().filter(|kind| texts.iter().all(|text| fits(*kind, text)));
    fitting.next().filter(|_| !texts.is_empty()).unwrap_or_default()
}

/// The two manifests with what is worth a look said beside it.
fn commented(dataset: &Dataset, flow: &Flow, there: bool, args: &Init) -> Result<String> {
    let mut text = String::from(
        "# Drafted from the first rows: look at the types and at the mapping, then\n#   forebay plan -f FILE\n#   forebay apply -f FILE\n",
    );
    if there {
        text.push_str(&format!(
            "# The dataset {} is there already: its own fields count.\n",
            crate::output::clean(&dataset.name)
        ));
    } else {
        text.push_str(&yaml(&Manifest::Dataset(dataset.clone()))?);
        if dataset.key.is_none() {
            text.push_str("# Rows that come again replace those before, if one field tells them apart; cannot be changed once there are rows:\n# key: FIELD\n");
        }
        text.push_str("---\n");
    }
    let body = yaml(&Manifest::Flow(flow.clone()))?;
    for line in body.lines() {
        if line == "mapping:" {
            text.push_str(
                "# from: a column; expression: a calculation such as upper(country); value: the same in each row\n",
            );
        }
        if line.starts_with("deltaColumn:") {
            text.push_str(DELTA);
        }
        if line == "options:" {
            text.push_str(SCHEDULE);
            text.push_str(
                "# The run fails, and nothing of it shows, if more than this many percent of the rows fail:\n",
            );
        }
        text.push_str(line);
        text.push('\n');
    }
    if flow.source.table.is_none() && !args.folder {
        text.push_str("# To read all files of a folder: source.path the folder, source.type folder; or a pattern such as /in/*.csv\n");
    }
    Ok(text)
}

const DELTA: &str =
    "# Runs after the first read what this column says has changed; without it each run reads everything:\n";
const SCHEDULE: &str = "# Runs once, when it is applied. To run it again and again:\n# schedule:\n#   frequency: minute   # or hour, day, week\n#   interval: 15\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_fields_that_the_registry_takes() {
        let mut taken = Ordered::default();
        for (column, expected) in [
            ("id", "id"),
            ("E-Mail Address", "E_Mail_Address"),
            ("1st", "c1st"),
            ("_id", "id_2"),
            ("größe", "gr__e"),
            ("%", "c"),
        ] {
            let name = field_name(column, &taken);
            assert_eq!(name, expected, "{column}");
            taken.insert(name, Field::default());
        }
    }

    #[test]
    fn texts_that_are_all_of_a_kind_are_of_that_kind() {
        for (values, expected) in [
            (json!(["1", "20", ""]), FieldKind::Long),
            (json!(["0017", "3"]), FieldKind::String),
            (json!(["1.5", "-2", "0.25"]), FieldKind::Number),
            (json!(["1.234,50"]), FieldKind::String),
            (json!(["true", "FALSE"]), FieldKind::Boolean),
            (json!(["2026-11-25"]), FieldKind::Date),
            (json!(["2026-11-25T10:00:00Z", "2026-11-25T10:00:00.5+01:00"]), FieldKind::DateTime),
            (json!(["NaN", "inf"]), FieldKind::String),
            (json!(["", null]), FieldKind::String),
            (json!([]), FieldKind::String),
        ] {
            assert_eq!(guessed(values.as_array().unwrap().iter()), expected, "{values}");
        }
    }

    fn seen() -> Value {
        json!({ "tables": false, "properties": { "fileType": "delimited", "columnDelimiter": ";", "compressionType": "gzip" },
            "schema": { "columns": [{ "name": "order id", "type": "integer", "meta:xdmType": "int" }, { "name": "total", "type": "number" },
                { "name": "tags", "type": "array" }] } })
    }

    fn init() -> Init {
        Init {
            connection: "c".into(),
            path: "/in/orders.csv.gz".into(),
            to: "orders".into(),
            name: None,
            key: Some("order id".into()),
            folder: true,
            file: None,
            reading: Reading::default(),
        }
    }

    /// HubSpot's properties have an old name and today's: they were mapped twice, and every run read everything.
    #[test]
    fn a_table_is_drafted_with_each_column_once_and_what_tells_of_changes() {
        let seen = json!({ "tables": true, "schema": { "columns": [
            { "name": "Vid", "type": "string", "aliasOf": "id" },
            { "name": "Properties_Age_Value", "type": "number", "aliasOf": "properties.age" },
            { "name": "id", "type": "string" }, { "name": "createdAt", "type": "date-time" },
            { "name": "updatedAt", "type": "date-time" }, { "name": "properties.age", "type": "number" }] } });
        for key in ["id", "Vid"] {
            let args = Init { key: Some(key.into()), path: "Hubspot.Contacts".into(), folder: false, ..init() };
            let (dataset, flow) = drafted(&args, "c", &seen, "_acme").unwrap();
            let text = commented(&dataset, &flow, false, &args).unwrap();
            assert_eq!(crate::files::parse("draft.yaml", &text).unwrap()[1].manifest, Manifest::Flow(flow));
            expect_test::expect![[r#"
                # Drafted from the first rows: look at the types and at the mapping, then
                #   forebay plan -f FILE
                #   forebay apply -f FILE
                kind: Dataset
                name: orders
                key: id
                fields:
                  id:
                    type: string
                    required: true
                  createdAt: date-time
                  updatedAt: date-time
                  age: number
                ---
                kind: Flow
                name: orders
                connection: c
                dataset: orders
                source:
                  table: Hubspot.Contacts
                # from: a column; expression: a calculation such as upper(country); value: the same in each row
                mapping:
                - to: _acme.id
                  from: id
                - to: _acme.createdAt
                  from: createdAt
                - to: _acme.updatedAt
                  from: updatedAt
                - to: _acme.age
                  from: properties.age
                # Runs after the first read what this column says has changed; without it each run reads everything:
                deltaColumn: updatedAt
                # Runs once, when it is applied. To run it again and again:
                # schedule:
                #   frequency: minute   # or hour, day, week
                #   interval: 15
                # The run fails, and nothing of it shows, if more than this many percent of the rows fail:
                options:
                  partialIngestionPercent: 5
                  errorDiagnostics: true
            "#]]
            .assert_eq(&text);
        }
    }

    #[test]
    fn a_draft_reads_back_as_what_was_drafted() {
        let args = init();
        let (dataset, flow) = drafted(&args, "c", &seen(), "_acme").unwrap();
        let text = commented(&dataset, &flow, false, &args).unwrap();
        let entries = crate::files::parse("draft.yaml", &text).unwrap();
        assert_eq!(entries[0].manifest, Manifest::Dataset(dataset));
        assert_eq!(entries[1].manifest, Manifest::Flow(flow));
        expect_test::expect![[r#"
            # Drafted from the first rows: look at the types and at the mapping, then
            #   forebay plan -f FILE
            #   forebay apply -f FILE
            kind: Dataset
            name: orders
            key: order_id
            fields:
              order_id:
                type: integer
                required: true
              total: number
              tags: string
            ---
            kind: Flow
            name: orders
            connection: c
            dataset: orders
            source:
              path: /in
              type: folder
              format: delimited
              properties:
                columnDelimiter: ;
                compressionType: gzip
            # from: a column; expression: a calculation such as upper(country); value: the same in each row
            mapping:
            - to: _acme.order_id
              from: ${order id}
            - to: _acme.total
              from: total
            - to: _acme.tags
              from: tags
            # Runs once, when it is applied. To run it again and again:
            # schedule:
            #   frequency: minute   # or hour, day, week
            #   interval: 15
            # The run fails, and nothing of it shows, if more than this many percent of the rows fail:
            options:
              partialIngestionPercent: 5
              errorDiagnostics: true
        "#]]
        .assert_eq(&text);
    }

    #[test]
    fn a_key_that_is_no_column_is_refused() {
        let args = Init { key: Some("orderid".into()), ..init() };
        let failure = drafted(&args, "c", &seen(), "_acme").unwrap_err();
        assert!(failure.message.contains("Did you mean \"order id\"?"), "{}", failure.message);
    }
}
