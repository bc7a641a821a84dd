//! Exploring a connection (FS §8.1 to §8.3): folders and tables as a bare array, a file or table as columns and first rows.

use crate::App;
use crate::caller::Caller;
use crate::connections::remote;
use crate::engine::Sample;
use crate::params::Params;
use crate::problem::{Problem, invalid};
use crate::registry::CONNECTION_SPECS;
use crate::secrets::auth_specs;
use crate::sourceconnections::{compression, delimiter, encoding};
use crate::writing::json;
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::Kind;
use forebay_model::files::{FileOptions, Format};
use forebay_model::xdm::Type;
use forebay_model::{Error, Result, code};
use forebay_sources::tables::Table;
use forebay_sources::{AccountId, Entry, Reader, Remote, Secrets};
use http::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

/// Rows of a preview (the public service's own bound is 100).
const PREVIEW: usize = 100;
/// Rows that columns are found out from when no preview is asked for.
const SAMPLE: usize = 100;
/// How long an exploration may take in all.
const PATIENCE: Duration = Duration::from_secs(60);

/// `GET /connections/{id}/explore`
#[utoipa::path(get, path = "/connections/{id}/explore", tag = "Connections",
    params(("id" = String, Path), ("objectType" = Option<String>, Query), ("object" = Option<String>, Query),
        ("fileType" = Option<String>, Query), ("preview" = Option<bool>, Query), ("determineProperties" = Option<bool>, Query),
        ("columnDelimiter" = Option<String>, Query), ("compressionType" = Option<String>, Query), ("encoding" = Option<String>, Query)),
    responses((status = 200, description = "Entries, or columns and rows"), (status = 400, description = "The parameters contradict each other"),
        (status = 404, description = "No such path"), (status = 500, description = "The source failed"), (status = 504, description = "The source timed out")))]
pub async fn explore_connection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let wanted = Wanted::parse(&params)?;
    let remote = remote(&app, &caller, &id).await?;
    Ok(explore(&app, &remote, &wanted).await?)
}

/// `GET /connectionSpecs/{id}/explore`: of a source that needs no credentials (FS-SPEC-4).
#[utoipa::path(get, path = "/connectionSpecs/{id}/explore", tag = "Connection specs",
    params(("id" = String, Path), ("objectType" = Option<String>, Query), ("object" = Option<String>, Query),
        ("fileType" = Option<String>, Query), ("preview" = Option<bool>, Query), ("determineProperties" = Option<bool>, Query),
        ("columnDelimiter" = Option<String>, Query), ("compressionType" = Option<String>, Query), ("encoding" = Option<String>, Query)),
    responses((status = 200, description = "Entries, or columns and rows"), (status = 400, description = "The spec needs a base connection, or nothing reads it"),
        (status = 404, description = "No such spec or path"), (status = 500, description = "The source failed"), (status = 504, description = "The source timed out")))]
pub async fn explore_connection_spec(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let Some(spec) = CONNECTION_SPECS.find(&app, &caller, &id).await? else {
        return Err(CONNECTION_SPECS.unknown(&id).into());
    };
    if spec.get("sourceSpec").is_none_or(Value::is_null) {
        return Err(invalid(format!("the connection spec {} is not a source", spec["name"])).into());
    }
    if auth_specs(&spec).next().is_some() {
        return Err(invalid(format!("sources of the spec {} need credentials", spec["name"]))
            .advice("Create a connection and explore it with GET /connections/{id}/explore.")
            .into());
    }
    let wanted = Wanted::parse(&params)?;
    let source = forebay_sources::runner(&id)?;
    let account = AccountId { scope: caller.scope.clone(), connection: id };
    let remote = app.accounts.open(source, &account, &json!({}), &Secrets::new())?;
    Ok(explore(&app, &remote, &wanted).await?)
}

async fn explore(app: &App, remote: &Remote, wanted: &Wanted) -> Result<Response> {
    let answer = async {
        match (wanted, remote.source().reader) {
            (Wanted::Root, Reader::Files) => Ok(entries(&remote.explore("").await?)),
            (Wanted::Folder(path), Reader::Files) => Ok(entries(&remote.explore(path).await?)),
            (Wanted::File(file), Reader::Files) => file.look(app, remote).await,
            (Wanted::Root, Reader::Tables) => Ok(tables(&remote.tables().await?)),
            (Wanted::Table { path, preview }, Reader::Tables) => look(remote, path, *preview).await,
            (Wanted::Table { .. }, Reader::Files) => Err(misplaced("files", "file")),
            (Wanted::Folder(_) | Wanted::File(_), Reader::Tables) => Err(misplaced("tables", "table")),
        }
    };
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(answer) => Ok(json(StatusCode::OK, &answer?)),
        Err(_) => Err(Error::new(
            Kind::TimedOut,
            &code::FLOW_1104,
            format!("the source did not answer within {} seconds", PATIENCE.as_secs()),
        )),
    }
}

/// What is to be explored.
#[derive(Debug, PartialEq)]
enum Wanted {
    Root,
    Folder(String),
    File(File),
    Table { path: String, preview: bool },
}

#[derive(Debug, PartialEq)]
struct File {
    path: String,
    /// `None`: to be found out.
    options: Option<FileOptions>,
    preview: bool,
}

impl Wanted {
    /// FS-EXP-1; names in any case (FS-BASE-6).
    fn parse(params: &Params) -> Result<Wanted> {
        let kind = params.loose("objectType")?.unwrap_or("root").to_ascii_lowercase();
        let object = params.loose("object")?;
        match kind.as_str() {
            "root" => Ok(Wanted::Root),
            "folder" => match object {
                // One page writes the root as a folder of this name.
                Some("root") => Ok(Wanted::Root),
                Some(path) => Ok(Wanted::Folder(path.to_string())),
                None => Err(invalid("object is missing: it names the folder")),
            },
            "file" => match object {
                Some(path) => Ok(Wanted::File(File::parse(path, params)?)),
                None => Err(invalid("object is missing: it names the file")),
            },
            "table" => Wanted::table(object, params),
            "rest" => Err(invalid(
                "objectType=rest does not apply: no source of this server reads a REST document by document",
            )),
            other => Err(invalid(format!("objectType must be root, folder, file or table, not {other:?}"))),
        }
    }

    fn table(object: Option<&str>, params: &Params) -> Result<Wanted> {
        let Some(path) = object else {
            return Err(invalid("object is missing: it names the table, such as Hubspot.Contacts"));
        };
        if params.loose("filters")?.is_some() {
            return Err(invalid("filters is not supported: no source of this server filters at its origin"));
        }
        Ok(Wanted::Table { path: path.to_string(), preview: params.flag("preview")? })
    }
}

fn misplaced(held: &str, kind: &str) -> Error {
    invalid(format!("this connection holds {held}"))
        .advice(format!("Send objectType=root to list them, or objectType={kind} and object to see one."))
}

impl File {
    fn parse(path: &str, params: &Params) -> Result<File> {
        let preview = params.flag("preview")?;
        let explicit = [
            params.loose("fileType")?,
            params.loose("columnDelimiter")?,
            params.loose("compressionType")?,
            params.loose("encoding")?,
        ];
        if params.flag("determineProperties")? {
            if explicit.iter().any(Option::is_some) {
                return Err(invalid(
                    "determineProperties=true finds out the file's type, compression, delimiter and encoding: leave out fileType, compressionType, columnDelimiter and encoding",
                ));
            }
            return Ok(File { path: path.to_string(), options: None, preview });
        }
        let [Some(kind), column, packed, charset] = explicit else {
            return Err(invalid(
                "fileType is missing: it is delimited, json or parquet; or send determineProperties=true",
            ));
        };
        let mut options = FileOptions { format: format(kind)?, ..FileOptions::default() };
        if let Some(text) = column {
            options.delimiter = delimiter(text)?;
        }
        if let Some(text) = packed {
            options.compression = compression(text)?;
        }
        if let Some(text) = charset {
            options.encoding = encoding(text)?;
        }
        Ok(File { path: path.to_string(), options: Some(options), preview })
    }

    async fn look(&self, app: &App, remote: &Remote) -> Result<Value> {
        let object = remote.stat(&self.path).await?;
        let limit = if self.preview { PREVIEW } else { SAMPLE };
        let sample = app.engine.sample(remote, &object, self.options.clone(), limit).await?;
        Ok(described(&sample, self.preview, self.options.is_none()))
    }
}

fn format(text: &str) -> Result<Format> {
    match text.to_ascii_lowercase().as_str() {
        "delimited" => Ok(Format::Delimited),
        "json" => Ok(Format::Json),
        "parquet" => Ok(Format::Parquet),
        other => Err(invalid(format!("fileType must be delimited, json or parquet, not {other:?}"))),
    }
}

/// A bare array (FS-EXP-2).
fn entries(entries: &[Entry]) -> Value {
    let shown = entries.iter().map(|entry| {
        json!({
            "type": if entry.folder { "folder" } else { "file" },
            "name": entry.name,
            "path": entry.path,
            "canPreview": !entry.folder,
            "canFetchSchema": !entry.folder,
        })
    });
    Value::Array(shown.collect())
}

/// A bare array (FS-EXP-2). A table that cannot be read says what its account was not granted.
fn tables(tables: &[Table]) -> Value {
    let shown = tables.iter().map(|table| {
        let mut shown = json!({
            "type": "table",
            "name": table.name,
            "path": table.path,
            "canPreview": table.readable,
            "canFetchSchema": table.readable,
        });
        if !table.missing.is_empty() {
            shown["missingScopes"] = json!(table.missing);
        }
        shown
    });
    Value::Array(shown.collect())
}

/// A table's columns and first rows, in the shape that files have.
async fn look(remote: &Remote, path: &str, preview: bool) -> Result<Value> {
    let mut columns = Vec::new();
    for found in remote.describe(path).await? {
        let mut shown = column(&found.name, &found.ty);
        if let Some(label) = found.label {
            shown["xdm"]["title"] = json!(label);
        }
        if let Some(column) = found.alias_of {
            shown["aliasOf"] = json!(column);
        }
        columns.push(shown);
    }
    let mut answer = json!({ "format": "flat", "schema": { "columns": columns } });
    if preview {
        answer["data"] = json!(remote.sample(path, PREVIEW).await?);
    }
    Ok(answer)
}

/// The newer of the two documented shapes.
fn described(sample: &Sample, preview: bool, found_out: bool) -> Value {
    let columns: Vec<Value> = sample.columns.iter().map(|found| column(&found.name, &found.ty)).collect();
    let mut answer = json!({
        "format": if sample.hierarchical { "hierarchical" } else { "flat" },
        "schema": { "columns": columns },
    });
    if preview {
        answer["data"] = json!(sample.rows);
    }
    if found_out {
        let mut properties = json!({ "fileType": sample.options.format });
        if let Some(compression) = sample.options.compression {
            properties["compressionType"] = json!(compression);
        }
        if sample.options.format == Format::Delimited {
            properties["columnDelimiter"] = json!((sample.options.delimiter as char).to_string());
        }
        answer["properties"] = properties;
    }
    answer
}

fn column(name: &str, ty: &Type) -> Value {
    let (ty, meta, xdm) = shown_type(ty);
    let mut shown = json!({ "name": name, "type": ty });
    if let Some(meta) = meta {
        shown["meta:xdmType"] = json!(meta);
    }
    shown["xdm"] = xdm;
    shown
}

/// A type's name, its XDM name where that differs, and its schema.
fn shown_type(ty: &Type) -> (&'static str, Option<&'static str>, Value) {
    let integer = |least: i64, most: i64| json!({ "type": "integer", "minimum": least, "maximum": most });
    match ty {
        Type::String => ("string", None, json!({ "type": "string" })),
        Type::Boolean => ("boolean", None, json!({ "type": "boolean" })),
        Type::Byte => ("integer", Some("byte"), integer(i8::MIN.into(), i8::MAX.into())),
        Type::Short => ("integer", Some("short"), integer(i16::MIN.into(), i16::MAX.into())),
        Type::Int => ("integer", Some("int"), integer(i32::MIN.into(), i32::MAX.into())),
        // Exact bounds do not survive a client that reads numbers as doubles.
        Type::Long => ("long", Some("long"), integer(-9_007_199_254_740_991, 9_007_199_254_740_991)),
        Type::Number => ("number", None, json!({ "type": "number" })),
        Type::Date => ("date", Some("date"), json!({ "type": "string", "format": "date" })),
        Type::DateTime => ("date-time", Some("date-time"), json!({ "type": "string", "format": "date-time" })),
        Type::Object(fields) => {
            let mut properties = json!({});
            for field in fields {
                properties[&field.name] = shown_type(&field.ty).2;
            }
            ("object", None, json!({ "type": "object", "properties": properties }))
        }
        Type::Array(item) => ("array", None, json!({ "type": "array", "items": shown_type(item).2 })),
        Type::Map(value) => {
            ("object", Some("map"), json!({ "type": "object", "additionalProperties": shown_type(value).2 }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &str) -> Result<Wanted> {
        Wanted::parse(&Params::parse(query))
    }

    #[test]
    fn parameter_names_match_in_any_case() {
        let expected = parse("objectType=file&object=/a.csv&fileType=delimited&compressionType=gzip").unwrap();
        for query in [
            "OBJECTTYPE=FILE&object=/a.csv&FileType=Delimited&CompressionType=GZIP",
            "objecttype=File&OBJECT=/a.csv&FILE_TYPE=delimited&COMPRESSION_TYPE=gzip",
        ] {
            assert_eq!(parse(query).unwrap(), expected);
        }
    }

    #[test]
    fn without_parameters_the_root_is_explored() {
        for query in ["", "objectType=root", "objectType=folder&object=root", "objectType="] {
            assert_eq!(parse(query).unwrap(), Wanted::Root);
        }
    }

    #[test]
    fn delimiters_are_one_byte_in_any_documented_form() {
        for (query, expected) in [("%3B", b';'), ("%5Ct", b'\t'), ("%09", b'\t'), ("|", b'|'), ("%2C", b',')] {
            let wanted = parse(&format!("objectType=file&object=a&fileType=delimited&columnDelimiter={query}"));
            let Ok(Wanted::File(File { options: Some(options), .. })) = wanted else { panic!("{query}: {wanted:?}") };
            assert_eq!(options.delimiter, expected, "{query}");
        }
    }

    #[test]
    fn a_table_is_named_by_its_path() {
        let wanted = Wanted::Table { path: "Hubspot.Contacts".into(), preview: true };
        assert_eq!(parse("objectType=TABLE&object=Hubspot.Contacts&preview=True").unwrap(), wanted);
    }

    #[test]
    fn contradictions_are_refused() {
        for query in [
            "objectType=bucket",
            "objectType=folder",
            "objectType=file&object=a",
            "objectType=file&object=a&fileType=xml",
            "objectType=file&object=a&fileType=json&determineProperties=true",
            "objectType=file&object=a&determineProperties=true&columnDelimiter=;",
            "objectType=file&object=a&fileType=delimited&columnDelimiter=ab",
            "objectType=file&object=a&fileType=delimited&encoding=klingon",
            "objectType=file&object=a&fileType=delimited&compressionType=rar",
            "objectType=table",
            "objectType=table&object=a&filters=e30",
            "objectType=rest&object=json",
        ] {
            assert_eq!(parse(query).unwrap_err().code, &code::FLOW_1100, "{query}");
        }
    }
}
