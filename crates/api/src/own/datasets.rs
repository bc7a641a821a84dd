//! Datasets with what their tables say: rows, versions, and who wrote what. Counts come from the table's log, never from
//! reading rows.

use super::rows::{Named, answer};
use crate::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::{Problem, missing};
use crate::rights::Right;
use crate::xdm::Registry;
use crate::{labels, listing, table_location};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::Kind;
use forebay_model::filter::Query;
use forebay_model::table::TableCommit;
use forebay_model::xdm::{Field, FieldTree, Type};
use forebay_model::{Document, Resource, Result, identity};
use forebay_store::List;
use futures::StreamExt;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use utoipa::ToSchema;

/// Datasets of a list at most.
const MAX_LIMIT: usize = 1_000;
/// Commits of a page at most, and of one that does not say.
const MAX_HISTORY: usize = 200;
const HISTORY: usize = 50;
/// Rows of a preview at most, and of one that does not say.
const MAX_ROWS: usize = 1_000;
const ROWS: usize = 100;
/// Versions that there can be.
const MAX_VERSION: usize = i64::MAX as usize;
/// Tables that are looked at at once.
const AT_ONCE: usize = 8;

/// The schema of a dataset.
#[derive(Clone, Serialize, ToSchema)]
pub struct TableSchema {
    id: String,
    title: String,
}

/// A dataset and its table.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TableRow {
    id: String,
    name: String,
    description: String,
    schema: TableSchema,
    state: String,
    /// By the statistics of its files; none where one has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    bytes: u64,
    files: u64,
    /// None before the first commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// The last commit, epoch milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
    /// Of the dataset and of its fields.
    labels: Vec<String>,
    /// Those that write to it, as far as the caller may see them.
    flows: Vec<Named>,
    /// Where other programs find the table.
    path: String,
    /// It keeps one row a key.
    keyed: bool,
    /// Why the table could not be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// Datasets, the newest first.
#[derive(Serialize, ToSchema)]
pub struct TableList {
    items: Vec<TableRow>,
    total: u64,
}

/// A field of a schema.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub struct TableField {
    /// Names with dots between them; `[]` behind a list, `{}` behind a map.
    pub path: String,
    #[serde(rename = "type")]
    pub ty: String,
    pub required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A dataset with its fields, and how other programs read it.
#[derive(Serialize, ToSchema)]
pub struct TableDetail {
    #[serde(flatten)]
    row: TableRow,
    fields: Vec<TableField>,
    duckdb: String,
    polars: String,
    spark: String,
}

/// The run of a commit.
#[derive(Serialize, ToSchema)]
pub struct CommitRun {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow: Option<Named>,
}

/// A commit.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TableVersion {
    version: u64,
    /// Epoch milliseconds.
    at: i64,
    /// `WRITE`, `MERGE`, `OPTIMIZE` …; `FENCE` where a run only took its turn.
    operation: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<CommitRun>,
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    added_rows: Option<u64>,
    added_files: u64,
    removed_files: u64,
    bytes: u64,
}

/// Commits, the newest first.
#[derive(Serialize, ToSchema)]
pub struct TableHistory {
    items: Vec<TableVersion>,
    /// `before` of the next page, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

/// A column.
#[derive(Serialize, ToSchema)]
pub struct TableColumn {
    name: String,
    #[serde(rename = "type")]
    ty: String,
}

/// First rows.
#[derive(Serialize, ToSchema)]
pub struct TablePreview {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    columns: Vec<TableColumn>,
    #[schema(value_type = Vec<Object>)]
    rows: Vec<Value>,
}

/// `GET /datasets`
#[utoipa::path(get, path = "/datasets", tag = "Forebay", params(("limit" = Option<i64>, Query)),
    responses((status = 200, description = "The datasets and their tables", body = TableList)))]
pub async fn list_tables(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    let limit = params.number("limit", 1, MAX_LIMIT)?.unwrap_or(MAX_LIMIT);
    let list = List { query: Query::default(), order: Vec::new(), limit, after: None };
    let page = app.store.list(&caller.scope, Resource::Dataset, &list).await?;
    let total = match page.next {
        Some(_) => app.store.count(&caller.scope, Resource::Dataset, &Query::default()).await?,
        None => page.documents.len() as u64,
    };
    let around = Around::read(&app, &caller).await?;
    let rows: Vec<_> = page.documents.iter().map(|dataset| around.row(&app, &caller, dataset)).collect();
    let items = futures::stream::iter(rows).buffered(AT_ONCE).collect().await;
    Ok(answer(&TableList { items, total }))
}

/// `GET /datasets/{id}`
#[utoipa::path(get, path = "/datasets/{id}", tag = "Forebay", params(("id" = String, Path)),
    responses((status = 200, description = "The dataset, its table and its fields", body = TableDetail), (status = 404, description = "Not found")))]
pub async fn get_table(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let dataset = caller.get(&app, Resource::Dataset, &id).await?;
    let around = Around::read(&app, &caller).await?;
    let row = around.row(&app, &caller, &dataset).await;
    let fields = around.fields(dataset.text("/schemaRef/id").unwrap_or_default())?;
    let path = row.path.replace('\\', "\\\\").replace('"', "\\\"");
    let detail = TableDetail {
        fields,
        duckdb: format!("SELECT * FROM delta_scan('{}') LIMIT 100;", row.path.replace('\'', "''")),
        polars: format!("import polars as pl\n\npl.read_delta(\"{path}\").head(100)"),
        spark: format!("spark.read.format(\"delta\").load(\"{path}\").show(100)"),
        row,
    };
    Ok(answer(&detail))
}

/// `GET /datasets/{id}/history`
#[utoipa::path(get, path = "/datasets/{id}/history", tag = "Forebay",
    params(("id" = String, Path), ("limit" = Option<i64>, Query), ("before" = Option<i64>, Query, description = "A version")),
    responses((status = 200, description = "Commits, the newest first", body = TableHistory), (status = 404, description = "Not found")))]
pub async fn get_table_history(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let limit = params.number("limit", 1, MAX_HISTORY)?.unwrap_or(HISTORY);
    let before = params.number("before", 0, MAX_VERSION)?.map(|before| before as u64);
    caller.get(&app, Resource::Dataset, &id).await?;
    let mut commits = app.engine.history(&table_location(&caller.scope, &id), before, limit + 1).await?;
    let more = commits.len() > limit;
    commits.truncate(limit);
    let next = commits.last().filter(|_| more).map(|commit| commit.version);
    let mut items = Vec::new();
    for commit in commits {
        items.push(version(&app, &caller, commit).await?);
    }
    Ok(answer(&TableHistory { items, next }))
}

/// `GET /datasets/{id}/preview`
#[utoipa::path(get, path = "/datasets/{id}/preview", tag = "Forebay",
    params(("id" = String, Path), ("limit" = Option<i64>, Query), ("version" = Option<i64>, Query, description = "The newest unless given")),
    responses((status = 200, description = "First rows", body = TablePreview), (status = 403, description = "The dataset has labels that forbid it"),
        (status = 404, description = "No such dataset, or no such version")))]
pub async fn preview_table(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let limit = params.number("limit", 1, MAX_ROWS)?.unwrap_or(ROWS);
    let version = params.number("version", 0, MAX_VERSION)?.map(|version| version as u64);
    let dataset = caller.get(&app, Resource::Dataset, &id).await?;
    labels::exportable(&app, &caller, &id).await?;
    let mut read = app.engine.read_at(&table_location(&caller.scope, &id), version, limit).await?;
    if read.version.is_none() {
        if version.is_some() {
            return Err(missing("the dataset has no commit yet, and so no versions").into());
        }
        // Before the first commit the columns are those that it will have.
        let registry = Registry::open(&app, &caller).await?;
        let tree = registry.tree(dataset.text("/schemaRef/id").unwrap_or_default())?;
        read.columns = tree.fields.iter().map(|field| (field.name.clone(), field.ty.word().to_string())).collect();
    }
    let columns = read.columns.into_iter().map(|(name, ty)| TableColumn { name, ty }).collect();
    Ok(answer(&TablePreview { version: read.version, columns, rows: read.rows }))
}

async fn version(app: &App, caller: &Caller, commit: TableCommit) -> Result<TableVersion> {
    let run = match &commit.run {
        Some(id) if caller.may(Right::ReadSources) => {
            let facts = app.store.run_facts(&caller.scope, id).await?;
            let mut flow = None;
            if let Some(facts) = &facts {
                let names = app.store.names(&caller.scope, Resource::Flow, &[&facts.flow]).await?;
                let named = names.first().map(|(id, name)| Named::new(id, Some(name)));
                flow = Some(named.unwrap_or_else(|| Named::gone(&facts.flow)));
            }
            Some(CommitRun { id: id.clone(), number: facts.map(|facts| facts.number), flow })
        }
        _ => None,
    };
    Ok(TableVersion {
        version: commit.version,
        at: commit.at,
        operation: commit.operation,
        run,
        batch: commit.batch,
        added_rows: commit.added_rows,
        added_files: commit.added_files,
        removed_files: commit.removed_files,
        bytes: commit.bytes,
    })
}

/// What datasets are shown with.
struct Around {
    registry: Registry,
    descriptors: Vec<Document>,
    labels: HashMap<String, Vec<String>>,
    flows: HashMap<String, Vec<Named>>,
}

impl Around {
    async fn read(app: &App, caller: &Caller) -> Result<Around> {
        let mut labels = HashMap::new();
        for document in listing::every(app, caller, Resource::DatasetLabels, &[]).await? {
            let fields = document.body["optionalLabels"].as_array().into_iter().flatten();
            let all = std::iter::once(&document.body)
                .chain(fields)
                .flat_map(|of| of["labels"].as_array().into_iter().flatten());
            let all: BTreeSet<&str> = all.filter_map(Value::as_str).collect();
            labels.insert(document.id.clone(), all.into_iter().map(str::to_string).collect());
        }
        let mut flows: HashMap<String, Vec<Named>> = HashMap::new();
        if caller.may(Right::ReadSources) {
            let mut targets = HashMap::new();
            for target in listing::every(app, caller, Resource::TargetConnection, &[]).await? {
                let dataset = target.text("/params/dataSetId").unwrap_or_default().to_string();
                targets.insert(target.id, dataset);
            }
            for flow in listing::every(app, caller, Resource::Flow, &[]).await? {
                let target = flow.text("/targetConnectionIds/0").unwrap_or_default();
                if let Some(dataset) = targets.get(target) {
                    flows.entry(dataset.clone()).or_default().push(Named::new(&flow.id, flow.text("/name")));
                }
            }
        }
        Ok(Around {
            registry: Registry::open(app, caller).await?,
            descriptors: listing::every(app, caller, Resource::Descriptor, &[]).await?,
            labels,
            flows,
        })
    }

    /// One table that cannot be read does not hide the others.
    async fn row(&self, app: &App, caller: &Caller, dataset: &Document) -> TableRow {
        let text = |pointer: &str| dataset.text(pointer).unwrap_or_default().to_string();
        let location = table_location(&caller.scope, &dataset.id);
        let (state, error) = match app.engine.describe(&location).await {
            Ok(state) => (state, None),
            Err(error) => {
                tracing::warn!(dataset.id, %error, "a table could not be described");
                (None, Some(error.message.to_string()))
            }
        };
        let schema = text("/schemaRef/id");
        let found = self.registry.find(&schema);
        let title = found.as_ref().and_then(|schema| schema["title"].as_str()).unwrap_or_default().to_string();
        let bodies = self.descriptors.iter().map(|descriptor| &descriptor.body);
        TableRow {
            id: dataset.id.clone(),
            name: Named::new(&dataset.id, dataset.text("/name")).name,
            description: text("/description"),
            keyed: matches!(identity::primary(&schema, bodies, None), Ok(Some(_))),
            schema: TableSchema { id: schema, title },
            state: text("/state"),
            rows: state.as_ref().map_or(Some(0), |state| state.rows).filter(|_| error.is_none()),
            bytes: state.as_ref().map_or(0, |state| state.bytes),
            files: state.as_ref().map_or(0, |state| state.files),
            version: state.as_ref().map(|state| state.version),
            updated_at: state.as_ref().and_then(|state| state.modified),
            labels: self.labels.get(&dataset.id).cloned().unwrap_or_default(),
            flows: self.flows.get(&dataset.id).cloned().unwrap_or_default(),
            path: app.engine.address(&location),
            error,
        }
    }

    /// The fields of a schema; none of one that is gone.
    fn fields(&self, schema: &str) -> Result<Vec<TableField>> {
        fields_of(&self.registry, schema)
    }
}

/// The fields of a schema, each with its description; none of one that is gone.
pub fn fields_of(registry: &Registry, schema: &str) -> Result<Vec<TableField>> {
    let tree = match registry.tree(schema) {
        Ok(tree) => tree,
        Err(error) if error.kind == Kind::NotFound => FieldTree::default(),
        Err(error) => return Err(error),
    };
    let full = match registry.find(schema) {
        Some(found) => registry.full(&found)?,
        None => Value::Null,
    };
    let mut fields = Vec::new();
    flatten(&tree.fields, "", &full, &mut fields);
    Ok(fields)
}

fn flatten(tree: &[Field], path: &str, node: &Value, fields: &mut Vec<TableField>) {
    for field in tree {
        let shown = &node["properties"][&field.name];
        let description = shown["description"].as_str().or(shown["title"].as_str());
        let at = format!("{path}{}", field.name);
        fields.push(TableField {
            path: at.clone(),
            ty: field.ty.word().into(),
            required: field.required,
            description: description.filter(|text| !text.is_empty()).map(str::to_string),
        });
        deeper(&field.ty, &at, shown, fields);
    }
}

fn deeper(ty: &Type, at: &str, node: &Value, fields: &mut Vec<TableField>) {
    match ty {
        Type::Object(children) => flatten(children, &format!("{at}."), node, fields),
        Type::Array(inner) => deeper(inner, &format!("{at}[]"), &node["items"], fields),
        Type::Map(inner) => deeper(inner, &format!("{at}{{}}"), &node["additionalProperties"], fields),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_by_their_paths() {
        let field = |name: &str, ty| Field { name: name.into(), ty, required: false };
        let inner = Type::Object(vec![field("b", Type::Int)]);
        let tree = [
            field("a", inner.clone()),
            field("l", Type::Array(Box::new(inner.clone()))),
            field("m", Type::Map(Box::new(inner))),
        ];
        let mut fields = Vec::new();
        flatten(&tree, "", &Value::Null, &mut fields);
        let shown: Vec<_> = fields.iter().map(|field| (field.path.as_str(), field.ty.as_str())).collect();
        assert_eq!(
            shown,
            [("a", "object"), ("a.b", "int"), ("l", "array"), ("l[].b", "int"), ("m", "map"), ("m{}.b", "int")]
        );
    }
}
