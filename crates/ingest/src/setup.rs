//! What a flow's documents say about its runs: where the data is, how it is read, where it goes.

use forebay_lake::{Lake, Table, layout};
use forebay_model::files::{Compression, FileOptions, Format, Selection, Window};
use forebay_model::filter::Query;
use forebay_model::identity;
use forebay_model::mapping::MappingSet;
use forebay_model::schedule::Schedule;
use forebay_model::xdm::{self, FieldTree};
use forebay_model::{Document, Error, Kind, Resource, Result, Scope, Time, code};
use forebay_sources::tables::{self, Rows};
use forebay_sources::{AccountId, Reader, Secrets, Source};
use forebay_store::{List, Store};
use serde_json::Value;
use std::collections::HashMap;

/// Everything a run needs to know, read from the documents once per claim.
pub struct Setup {
    /// The source connection's id.
    pub source: String,
    /// The target connection's id.
    pub target_connection: String,
    /// The kind of system.
    pub kind: &'static Source,
    /// The base connection.
    pub account: AccountId,
    /// The connection's parameters that are no secrets.
    pub params: Value,
    /// Its secrets, by parameter name.
    pub secrets: Secrets,
    /// What is read.
    pub reads: Reads,
    /// The mapping set; none copies same-named fields.
    pub set: Option<MappingSet>,
    /// The dataset's id.
    pub dataset: String,
    /// The table's place below the lake.
    pub location: String,
    /// The table.
    pub table: Table,
    /// The dataset's fields.
    pub target: FieldTree,
    /// The path of the field that is the dataset's primary identity: it keeps one row for each of its values.
    pub key: Option<Vec<String>>,
    /// The flow's options.
    pub options: Options,
    /// `backfill: false`: files older than this are not wanted; epoch milliseconds.
    pub not_before: Option<i64>,
}

/// What a source connection names.
pub enum Reads {
    /// Files, which are read in place.
    Files {
        /// Which objects.
        selection: Selection,
        /// How their bytes are read.
        options: FileOptions,
        /// They say in `_change_request_type` what each row does (`cdcEnabled`).
        changes: bool,
    },
    /// A table, which is paged and landed.
    Table(Rows),
}

/// `options` of a flow.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Rejected rows in percent of all rows that a run may have; none: no row may be rejected.
    pub partial_percent: Option<f64>,
    /// Failed rows are kept in the diagnostics.
    pub diagnostics: bool,
}

/// FLOW-1445-400 unless the connection is enabled: whoever disables one ends what is read through it.
fn enabled(connection: &Document) -> Result<()> {
    match connection.text("/state") {
        None | Some("enabled") => Ok(()),
        Some(state) => {
            let message = format!("the connection {} is {state}, not enabled", connection.id);
            Err(Error::new(Kind::Refused, &code::FLOW_1445, message)
                .advice("Enable the connection and trigger the run again, or disable the flow."))
        }
    }
}

/// Reads a flow's documents.
pub async fn load(store: &Store, lake: &Lake, scope: &Scope, flow: &Document) -> Result<Setup> {
    let source = store.get(scope, Resource::SourceConnection, first(flow, "/sourceConnectionIds/0")?).await?;
    let target = store.get(scope, Resource::TargetConnection, first(flow, "/targetConnectionIds/0")?).await?;
    let base = store.get(scope, Resource::Connection, first(&source, "/baseConnectionId")?).await?;
    enabled(&base)?;
    let secrets = store.secrets(scope, Resource::Connection, &base.id).await?;
    let dataset = first(&target, "/params/dataSetId")?.to_string();
    let tree = dataset_tree(store, scope, &dataset).await?;
    let location = layout::table(&scope.sandbox, &dataset);
    let kind = kind(&base)?;
    let set = mapping_document(store, scope, flow).await?;
    Ok(Setup {
        reads: match kind.reader {
            Reader::Files => Reads::Files {
                selection: selection(&source)?,
                options: file_options(&source.body)?,
                changes: flag(&source.body["params"]["cdcEnabled"]),
            },
            Reader::Tables => Reads::Table(tables::rows(&source.body, &flow.body)?),
        },
        key: primary_identity(store, scope, &dataset, set.as_ref(), &tree).await?,
        kind,
        set: set.map(|set| MappingSet::parse(&set.body)).transpose()?,
        params: base.body.pointer("/auth/params").cloned().unwrap_or(Value::Null),
        secrets: crate::vault::by_name(secrets),
        account: AccountId { scope: scope.clone(), connection: base.id },
        table: lake.table(&location),
        location,
        dataset,
        target: tree,
        options: options(flow),
        not_before: not_before(flow)?,
        source: source.id,
        target_connection: target.id,
    })
}

fn kind(base: &Document) -> Result<&'static Source> {
    let spec = first(base, "/connectionSpec/id")?;
    forebay_sources::by_spec(spec).ok_or_else(|| {
        Error::new(
            Kind::Refused,
            &code::CONNECTOR_1001,
            format!("this Forebay cannot run sources of connection spec {spec}"),
        )
    })
}

fn first<'a>(document: &'a Document, pointer: &str) -> Result<&'a str> {
    document.text(pointer).ok_or_else(|| {
        Error::internal(format!("the stored {} {} lacks {pointer}", document.resource.name(), document.id))
    })
}

/// The fields of a dataset: its schema with every `$ref` resolved.
pub async fn dataset_tree(store: &Store, scope: &Scope, dataset: &str) -> Result<FieldTree> {
    let document = store.get(scope, Resource::Dataset, dataset).await?;
    let id = first(&document, "/schemaRef/id")?;
    let all = schemas(store, scope).await?;
    let schema = all.get(id).ok_or_else(|| {
        Error::new(
            Kind::NotFound,
            &code::XDM_1012,
            format!("the schema {id} of dataset {dataset} is not there any more"),
        )
    })?;
    xdm::resolve(schema, &|id| all.get(id).cloned())
}

/// The tenant's schemas, field groups, classes and data types by `$id`.
async fn schemas(store: &Store, scope: &Scope) -> Result<HashMap<String, Value>> {
    let mut schemas = HashMap::new();
    for document in all(store, scope, Resource::Schema).await? {
        if let Some(id) = document.text("/$id") {
            schemas.insert(id.to_string(), document.body.clone());
        }
    }
    Ok(schemas)
}

/// Every document of a kind.
async fn all(store: &Store, scope: &Scope, resource: Resource) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    let mut list = List { query: Query::default(), order: Vec::new(), limit: 1000, after: None };
    loop {
        let page = store.list(scope, resource, &list).await?;
        documents.extend(page.documents);
        match page.next {
            Some(next) => list.after = Some(next),
            None => return Ok(documents),
        }
    }
}

/// The document of the flow's mapping set.
async fn mapping_document(store: &Store, scope: &Scope, flow: &Document) -> Result<Option<Document>> {
    let transformations = flow.body.pointer("/transformations").and_then(Value::as_array);
    let Some(mapping) = transformations.into_iter().flatten().find(|t| t["name"] == "Mapping") else { return Ok(None) };
    let text = |v: &Value| v.as_str().map(str::to_string).or_else(|| v.as_i64().map(|n| n.to_string()));
    let id = text(&mapping["params"]["mappingId"]).unwrap_or_default();
    let version = text(&mapping["params"]["mappingVersion"]).unwrap_or_else(|| "0".into());
    store.get(scope, Resource::MappingSet, &format!("{id}@{version}")).await.map(Some)
}

/// The path of the field that the dataset keeps one row for each value of; none if its schema names none.
pub(crate) async fn primary_identity(
    store: &Store,
    scope: &Scope,
    dataset: &str,
    set: Option<&Document>,
    tree: &FieldTree,
) -> Result<Option<Vec<String>>> {
    let document = store.get(scope, Resource::Dataset, dataset).await?;
    let schema = first(&document, "/schemaRef/id")?;
    let descriptors = all(store, scope, Resource::Descriptor).await?;
    let bodies = descriptors.iter().map(|d| &d.body);
    let Some(found) = identity::primary(schema, bodies, set.map(|d| &d.body))? else { return Ok(None) };
    identity::check_field(&found.path, tree).map_err(|why| {
        Error::new(Kind::Invalid, &code::XDM_1020, format!("dataset {dataset} cannot keep one row a key: {why}"))
    })?;
    Ok(Some(found.path))
}

/// A yes as clients write it: `true` or `"true"`.
pub(crate) fn flag(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true")))
}

fn selection(source: &Document) -> Result<Selection> {
    let params = &source.body["params"];
    Ok(Selection {
        path: first(source, "/params/path")?.to_string(),
        folder: params["type"].as_str().is_some_and(|t| t.eq_ignore_ascii_case("folder")),
        recursive: flag(&params["recursive"]),
    })
}

/// How a source connection's bytes are read (`data.format`, `data.properties`, older pages: beside `format`).
pub fn file_options(source: &Value) -> Result<FileOptions> {
    let data = &source["data"];
    let property = |name: &str| data["properties"].get(name).or_else(|| data.get(name)).and_then(Value::as_str);
    let format = match data["format"].as_str().unwrap_or("delimited").to_ascii_lowercase().as_str() {
        "delimited" => Format::Delimited,
        "json" | "json_xdm" => Format::Json,
        "parquet" | "parquet_xdm" => Format::Parquet,
        other => {
            return Err(Error::new(Kind::Invalid, &code::FLOW_1451, format!("`{other}` is not a format of files")));
        }
    };
    let compression = compression(property("compressionType").unwrap_or_default())?;
    let delimiter = match property("columnDelimiter") {
        None | Some("") => b',',
        Some("\\t") => b'\t',
        Some(text) if text.len() == 1 => text.as_bytes()[0],
        Some(text) => {
            return Err(Error::new(Kind::Invalid, &code::FLOW_1451, format!("the delimiter `{text}` is not one byte")));
        }
    };
    let encoding = property("encoding").unwrap_or("UTF-8").to_string();
    Ok(FileOptions { format, compression, delimiter, encoding, lines: false })
}

/// The names that the API takes when a source connection is made.
fn compression(name: &str) -> Result<Option<Compression>> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "" => None,
        "bzip2" => Some(Compression::Bzip2),
        "gzip" => Some(Compression::Gzip),
        "deflate" => Some(Compression::Deflate),
        "zipdeflate" => Some(Compression::ZipDeflate),
        "targzip" => Some(Compression::TarGzip),
        "tar" => Some(Compression::Tar),
        _ => return Err(Error::new(Kind::Invalid, &code::FLOW_1451, format!("`{name}` is not a compression"))),
    })
}

fn options(flow: &Document) -> Options {
    let options = &flow.body["options"];
    let percent = &options["partialIngestionPercent"];
    let partial_percent = percent.as_f64().or_else(|| percent.as_str().and_then(|s| s.parse().ok()));
    let asked = flag(&options["errorDiagnosticsEnabled"]);
    // Partial ingestion implies diagnostics (FS-RUN-2).
    Options { partial_percent, diagnostics: asked || partial_percent.is_some() }
}

fn not_before(flow: &Document) -> Result<Option<i64>> {
    let schedule = Schedule::parse(flow.body.get("scheduleParams"), flow.created)?;
    Ok((!schedule.backfill).then(|| flow.created.timestamp_millis()))
}

/// The window that `POST /runs` was given, if any; seconds or milliseconds by magnitude.
pub fn window(params: &Value) -> Result<Option<Window>> {
    let moment = |name: &str| -> Result<Option<Time>> {
        let value = &params[name];
        if value.is_null() {
            return Ok(None);
        }
        let number = value.as_i64().or_else(|| value.as_str().and_then(|s| s.trim().parse().ok()));
        let millis = number.map(|n| if n.abs() >= 100_000_000_000 { n } else { n * 1000 });
        let time = millis.and_then(Time::from_timestamp_millis);
        time.map(Some).ok_or_else(|| {
            Error::new(
                Kind::Invalid,
                &code::FLOW_1451,
                format!("`{name}` is not a time in epoch seconds or milliseconds"),
            )
        })
    };
    let (start, end) = (moment("windowStartTime")?, moment("windowEndTime")?);
    Ok((start.is_some() || end.is_some()).then_some(Window { start, end }))
}
