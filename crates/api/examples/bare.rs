//! The least that a control plane could be: one route, one statement of SQLite, no tokens, no checks, no JSON of its own.
//! `bench/control.py` measures the product beside it. Run with the path of a database to make, and a port.
//!
//! `GET /documents/ID` reads one row by its key, `GET /documents?limit=N` the last N, `POST /documents` writes one, as
//! durably as the product does.

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::{StatusCode, header};
use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use std::collections::HashMap;

#[derive(Clone)]
struct App {
    readers: SqlitePool,
    writer: SqlitePool,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (path, port) =
        (args.next().ok_or("usage: bare DATABASE PORT")?, args.next().ok_or("usage: bare DATABASE PORT")?);
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let writer = SqlitePoolOptions::new().max_connections(1).connect_with(options.clone()).await?;
    sqlx::raw_sql("CREATE TABLE documents (id TEXT PRIMARY KEY, doc TEXT NOT NULL)").execute(&writer).await?;
    let readers = SqlitePoolOptions::new().max_connections(4).test_before_acquire(false).connect_with(options).await?;
    let router = Router::new()
        .route("/documents", get(list).post(create))
        .route("/documents/{id}", get(read))
        .with_state(App { readers, writer });
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port.parse()?)).await?;
    axum::serve(listener, router).await?;
    Ok(())
}

fn json(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}

fn failed(error: sqlx::Error) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response()
}

async fn read(State(app): State<App>, Path(id): Path<String>) -> Result<Response, Response> {
    let row = sqlx::query("SELECT doc FROM documents WHERE id = $1").bind(id).fetch_optional(&app.readers).await;
    let row = row.map_err(failed)?.ok_or_else(|| StatusCode::NOT_FOUND.into_response())?;
    Ok(json(StatusCode::OK, row.get(0)))
}

async fn list(State(app): State<App>, Query(query): Query<HashMap<String, i64>>) -> Result<Response, Response> {
    let limit = query.get("limit").copied().unwrap_or(20);
    let rows =
        sqlx::query("SELECT doc FROM documents ORDER BY rowid DESC LIMIT $1").bind(limit).fetch_all(&app.readers);
    let docs: Vec<String> = rows.await.map_err(failed)?.iter().map(|row| row.get(0)).collect();
    Ok(json(StatusCode::OK, format!("[{}]", docs.join(","))))
}

async fn create(State(app): State<App>, body: Bytes) -> Result<Response, Response> {
    let doc = String::from_utf8(body.into()).map_err(|_| StatusCode::BAD_REQUEST.into_response())?;
    let id = uuid::Uuid::new_v4().to_string();
    let mut tx = app.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let insert = sqlx::query("INSERT INTO documents (id, doc) VALUES ($1, $2)").bind(&id).bind(doc);
    insert.execute(&mut *tx).await.map_err(failed)?;
    tx.commit().await.map_err(failed)?;
    Ok(json(StatusCode::CREATED, format!("{{\"id\":\"{id}\"}}")))
}
