//! Source connections: which data, and how its bytes are to be read (FS §9.1).

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::entities::{self, Entity, Form, How, enabled, formed, named};
use crate::inherited;
use crate::listing;
use crate::params::Params;
use crate::problem::{Problem, invalid};
use crate::registry::CONNECTION_SPECS;
use crate::secrets;
use crate::writing::IfMatch;
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::files::Compression;
use forebay_model::{Document, Error, Resource, Result, code, filter};
use forebay_sources::{Reader, tables};
use forebay_store::Secrets;
use serde_json::{Map, Value, json};

/// Which data.
pub struct SourceConnection;

impl Entity for SourceConnection {
    const RESOURCE: Resource = Resource::SourceConnection;
    const NAME: &'static str = "the source connection";

    async fn complete(app: &App, caller: &Caller, body: &mut Map<String, Value>, how: &How<'_>) -> Result<Secrets> {
        complete(app, caller, body, how.draft).await?;
        if let Some(old) = how.checked()
            && means(&old.body) != means(&Value::Object(body.clone()))
        {
            // What a flow was given of one table says nothing of another, and changes need what they are applied by.
            Self::unused(app, caller, &old.id).await?;
        }
        Ok(Secrets::new())
    }

    async fn unused(app: &App, caller: &Caller, id: &str) -> Result<()> {
        unused(app, caller, "sourceConnectionIds", id).await
    }
}

/// `POST /sourceConnections`
#[utoipa::path(post, path = "/sourceConnections", tag = "Source connections", request_body = Object,
    params(("mode" = Option<String>, Query, description = "`draft`: it may be incomplete")),
    responses((status = 201, description = "`{id, etag}`"), (status = 400, description = "The body is refused")))]
pub async fn create_source_connection(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    Body(body): Body,
) -> Result<Response, Problem> {
    Ok(entities::create::<SourceConnection>(&app, &caller, &params, body).await?)
}

/// `GET /sourceConnections`
#[utoipa::path(get, path = "/sourceConnections", tag = "Source connections",
    params(("property" = Option<Vec<String>>, Query), ("limit" = Option<i64>, Query), ("orderby" = Option<String>, Query),
        ("continuationToken" = Option<String>, Query), ("count" = Option<bool>, Query)),
    responses((status = 200, description = "A page of source connections, or their number")))]
pub async fn list_source_connections(
    State(app): State<App>,
    caller: Caller,
    params: Params,
) -> Result<Response, Problem> {
    Ok(listing::list(&app, &caller, Resource::SourceConnection, "/sourceConnections", &[], &params).await?)
}

/// `GET /sourceConnections/{id}`
#[utoipa::path(get, path = "/sourceConnections/{id}", tag = "Source connections", params(("id" = String, Path)),
    responses((status = 200, description = "The source connection, in an array of one"), (status = 404, description = "Not found")))]
pub async fn get_source_connection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(listing::item(&caller.get(&app, Resource::SourceConnection, &id).await?.body))
}

/// `PATCH /sourceConnections/{id}`
#[utoipa::path(patch, path = "/sourceConnections/{id}", tag = "Source connections", request_body = Object,
    params(("id" = String, Path), ("if-match" = String, Header)),
    responses((status = 200, description = "`{id, etag}`"), (status = 412, description = "Changed since it was read")))]
pub async fn patch_source_connection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    Ok(entities::patch::<SourceConnection>(&app, &caller, &id, &if_match, &body).await?)
}

/// `DELETE /sourceConnections/{id}`: refused while flows use it.
#[utoipa::path(delete, path = "/sourceConnections/{id}", tag = "Source connections", params(("id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 400, description = "Flows use it")))]
pub async fn delete_source_connection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    Ok(entities::delete::<SourceConnection>(&app, &caller, &id, &if_match).await?)
}

/// What flows were made for: the table, where it is one, and whether files bring changes.
fn means(body: &Value) -> (Option<String>, bool) {
    let spec = json!({ "id": body["connectionSpec"]["id"] });
    let table = match reader(&spec) {
        Reader::Tables => tables::rows(body, &Value::Null).ok().map(|rows| rows.table),
        Reader::Files => None,
    };
    (table, truth(body.pointer("/params/cdcEnabled")) == Some(true))
}

/// FLOW-1447-400 while a flow names `id` in its list `member`.
pub async fn unused(app: &App, caller: &Caller, member: &str, id: &str) -> Result<()> {
    let used = filter::parse(&[format!("{member}[]==\"{id}\"")])?;
    if app.store.count(&caller.scope, Resource::Flow, &used).await? == 0 {
        return Ok(());
    }
    let message = format!("flows still refer to {id} in {member}");
    Err(Error::new(Kind::Conflict, &code::FLOW_1447, message).advice("Delete the flows first."))
}

/// Checks a source connection and fills in what follows from it. Of a draft only what it refers to is looked at: the
/// rest is checked when it is published.
async fn complete(app: &App, caller: &Caller, body: &mut Map<String, Value>, draft: bool) -> Result<()> {
    named(body, !draft)?;
    formed(body, &[("data", Form::Object), ("params", Form::Object), ("baseConnectionId", Form::Text)])?;
    let spec = CONNECTION_SPECS.named(app, caller, body, "connectionSpec").await?;
    if spec.get("sourceSpec").is_none_or(Value::is_null) {
        return Err(invalid(format!("the connection spec {} is not a source", spec["name"]))
            .at(Place::pointer("/connectionSpec/id")));
    }
    match base(app, caller, body, &spec, draft).await? {
        Some(base) => {
            if !draft {
                enabled(&base)?;
            }
            body.insert("inheritedAttributes".into(), json!({ "baseConnection": inherited::brief(&base) }));
        }
        None => {
            body.remove("inheritedAttributes");
        }
    }
    if draft {
        return sketched(body);
    }
    unfiltered(body, &spec)?;
    match forebay_sources::by_spec(spec["id"].as_str().unwrap_or_default()).map(|source| source.reader) {
        Some(Reader::Tables) => table(body),
        Some(Reader::Files) => {
            data(body)?;
            params(body)
        }
        // Nothing reads it yet, and a flow from it is refused: it is stored as it is.
        None => sketched(body),
    }
}

/// What a draft says of its data, or a source that nothing reads yet, has its form.
fn sketched(body: &Map<String, Value>) -> Result<()> {
    let data = body.get("data").unwrap_or(&Value::Null);
    for (name, fits, wanted) in [
        ("format", data["format"].is_null() || data["format"].is_string(), "a text"),
        ("properties", data["properties"].is_null() || data["properties"].is_object(), "an object"),
    ] {
        if !fits {
            return Err(invalid(format!("data.{name} must be {wanted}")).at(Place::pointer(format!("/data/{name}"))));
        }
    }
    Ok(())
}

/// The base connection. A spec without credentials needs none.
async fn base(
    app: &App,
    caller: &Caller,
    body: &Map<String, Value>,
    spec: &Value,
    draft: bool,
) -> Result<Option<Document>> {
    let fault = |message: &'static str| Err(invalid(message).at(Place::pointer("/baseConnectionId")));
    let id = match body.get("baseConnectionId") {
        Some(Value::String(id)) => id,
        _ if draft || secrets::auth_specs(spec).next().is_none() => return Ok(None),
        _ => return fault("baseConnectionId is missing"),
    };
    let base = inherited::referred(app, caller, Resource::Connection, id, "/baseConnectionId").await?;
    if base.text("/connectionSpec/id") != spec["id"].as_str() {
        return Err(invalid("connectionSpec.id is not the base connection's").at(Place::pointer("/connectionSpec/id")));
    }
    Ok(Some(base))
}

/// How data of a connection spec is reached. A spec that nothing reads yet is taken for one of files.
pub fn reader(spec: &Value) -> Reader {
    let source = forebay_sources::by_spec(spec["id"].as_str().unwrap_or_default());
    source.map_or(Reader::Files, |source| source.reader)
}

/// A filter that nobody applies would let in what the caller wants kept out (FS §8.5).
fn unfiltered(body: &Map<String, Value>, spec: &Value) -> Result<()> {
    let filters = body.get("params").and_then(|params| params.get("filters"));
    let at_source = &spec["attributes"]["filterAtSource"]["enabled"];
    if filters.is_none_or(Value::is_null) || *at_source == json!(true) {
        return Ok(());
    }
    Err(invalid(format!("params.filters is not supported by sources of the spec {}", spec["name"]))
        .at(Place::pointer("/params/filters"))
        .advice("Leave it out; the mapping set can leave out columns, and queries of the dataset rows."))
}

/// `data` and `params` of a source of tables.
fn table(body: &Map<String, Value>) -> Result<()> {
    let format = body.get("data").and_then(|data| data.get("format")).and_then(Value::as_str).unwrap_or_default();
    if !format.eq_ignore_ascii_case("tabular") {
        return Err(invalid(format!("data.format must be tabular, not {format:?}: this connection holds tables"))
            .at(Place::pointer("/data/format")));
    }
    let body = Value::Object(body.clone());
    tables::rows(&body, &Value::Null)?;
    match truth(body.pointer("/params/cdcEnabled")) {
        Some(false) => Ok(()),
        _ => Err(invalid("params.cdcEnabled is for files: of tables, changes and deletions come by themselves")
            .at(Place::pointer("/params/cdcEnabled"))),
    }
}

/// `data`: the format, and how its bytes are to be read. What cannot be read is refused by name.
fn data(body: &mut Map<String, Value>) -> Result<()> {
    let Some(data) = body.get_mut("data").and_then(Value::as_object_mut) else {
        return Err(invalid("data.format is missing: it is delimited, json or parquet").at(Place::pointer("/data")));
    };
    let format = data.get("format").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    match format.as_str() {
        "delimited" | "json" | "parquet" => {}
        // Older pages say so of files that have the schema's own shape already.
        "json_xdm" | "parquet_xdm" => {}
        "tabular" => {
            return Err(invalid(
                "data.format must be delimited, json or parquet: this connection holds files, not tables",
            )
            .at(Place::pointer("/data/format")));
        }
        other => {
            return Err(invalid(format!("data.format must be delimited, json or parquet, not {other:?}"))
                .at(Place::pointer("/data/format")));
        }
    }
    if data.get("properties").is_some_and(|properties| !properties.is_object() && !properties.is_null()) {
        return Err(invalid("data.properties must be an object").at(Place::pointer("/data/properties")));
    }
    // Older pages write these beside `format`, newer ones under `properties`.
    let properties = data.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    for (name, check) in [
        ("columnDelimiter", (|text| delimiter(text).map(|_| ())) as fn(&str) -> Result<()>),
        ("encoding", |text| encoding(text).map(|_| ())),
        ("compressionType", |text| compression(text).map(|_| ())),
    ] {
        for (holder, pointer) in [(&*data, "/data"), (&properties, "/data/properties")] {
            let at = || Place::pointer(format!("{pointer}/{name}"));
            match holder.get(name) {
                None | Some(Value::Null) => {}
                Some(Value::String(text)) => check(text).map_err(|error| error.at(at()))?,
                Some(_) => return Err(invalid(format!("{name} must be a text")).at(at())),
            }
        }
    }
    Ok(())
}

/// `params` of a file source.
fn params(body: &Map<String, Value>) -> Result<()> {
    let none = Map::new();
    let params = body.get("params").and_then(Value::as_object).unwrap_or(&none);
    let fault = |name: &str, rule: &str| {
        Err(invalid(format!("params.{name} {rule}")).at(Place::pointer(format!("/params/{name}"))))
    };
    match params.get("path") {
        Some(Value::String(path)) if !path.trim().is_empty() => {}
        _ => return fault("path", "is missing: it names a file, a folder or a pattern"),
    }
    match params.get("type") {
        None | Some(Value::Null) => {}
        Some(Value::String(kind)) if ["file", "folder"].contains(&kind.to_ascii_lowercase().as_str()) => {}
        Some(_) => return fault("type", "must be file or folder"),
    }
    if truth(params.get("recursive")).is_none() {
        return fault("recursive", "must be true or false");
    }
    match truth(params.get("cdcEnabled")) {
        Some(_) => Ok(()),
        None => fault("cdcEnabled", "must be true or false"),
    }
}

/// A yes or no as clients write it: `true` or `"true"`. Absent is no.
pub fn truth(value: Option<&Value>) -> Option<bool> {
    match value {
        None | Some(Value::Null) => Some(false),
        Some(Value::Bool(truth)) => Some(*truth),
        Some(Value::String(text)) => match text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        Some(_) => None,
    }
}

/// A delimiter of one byte, written as it is or as `\t`.
pub fn delimiter(text: &str) -> Result<u8> {
    let byte = match text {
        "\\t" => b'\t',
        _ if text.len() == 1 => text.as_bytes()[0],
        _ => {
            return Err(invalid(format!("columnDelimiter must be one character of one byte, or \\t, not {text:?}")));
        }
    };
    match byte {
        b'"' | b'\r' | b'\n' | 0 => Err(invalid(
            "columnDelimiter cannot be a quote, a line end or a NUL: they have another meaning in the file",
        )),
        _ => Ok(byte),
    }
}

/// An encoding's name, as the decoders know it.
pub fn encoding(text: &str) -> Result<String> {
    match encoding_rs::Encoding::for_label(text.trim().as_bytes()) {
        Some(encoding) => Ok(encoding.name().to_string()),
        None => Err(invalid(format!(
            "the encoding {text:?} is not known; UTF-8, UTF-16LE, ISO-8859-1 and windows-1252 are, among others"
        ))),
    }
}

/// A compression's name in any case; an empty one is none.
pub fn compression(text: &str) -> Result<Option<Compression>> {
    match text.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "bzip2" => Ok(Some(Compression::Bzip2)),
        "gzip" => Ok(Some(Compression::Gzip)),
        "deflate" => Ok(Some(Compression::Deflate)),
        "zipdeflate" => Ok(Some(Compression::ZipDeflate)),
        "targzip" => Ok(Some(Compression::TarGzip)),
        "tar" => Ok(Some(Compression::Tar)),
        _ => Err(invalid(format!(
            "compressionType must be bzip2, gzip, deflate, zipDeflate, tarGzip or tar, not {text:?}"
        ))),
    }
}
