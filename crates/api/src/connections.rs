//! Base connections: the credentials of one account (FS §7).

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::configs;
use crate::entities::{self, Entity, How, enabled, named};
use crate::listing;
use crate::params::Params;
use crate::problem::Problem;
use crate::registry::CONNECTION_SPECS;
use crate::secrets;
use crate::writing::{self, IfMatch};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::Kind;
use forebay_model::{Error, Resource, Result, code, filter};
use forebay_sources::{AccountId, Remote};
use forebay_store::Secrets;
use http::StatusCode;
use serde_json::{Map, Value, json};

/// The credentials of one account.
pub struct Connection;

impl Entity for Connection {
    const RESOURCE: Resource = Resource::Connection;
    const NAME: &'static str = "the connection";

    async fn complete(app: &App, caller: &Caller, body: &mut Map<String, Value>, how: &How<'_>) -> Result<Secrets> {
        named(body, false)?;
        let spec = CONNECTION_SPECS.named(app, caller, body, "connectionSpec").await?;
        caller.must_connect(&spec)?;
        let stored = match how.old {
            Some(old) => app.store.secrets(&caller.scope, Resource::Connection, &old.id).await?,
            None => Secrets::new(),
        };
        secrets::seal(body, &spec, &stored, how.draft)
    }

    async fn unused(app: &App, caller: &Caller, id: &str) -> Result<()> {
        let connection = caller.get(app, Resource::Connection, id).await?;
        let spec = connection.text("/connectionSpec/id").unwrap_or_default();
        if let Some(spec) = CONNECTION_SPECS.find(app, caller, spec).await? {
            caller.must_connect(&spec)?;
        }
        for side in ["sourceConnections", "targetConnections"] {
            let used = filter::parse(&[format!("inheritedAttributes.{side}[].baseConnection.id==\"{id}\"")])?;
            if app.store.count(&caller.scope, Resource::Flow, &used).await? > 0 {
                let message = format!("connection {id} is still used by flows");
                return Err(Error::new(Kind::Conflict, &code::FLOW_1418, message).advice("Delete the flows first."));
            }
        }
        Ok(())
    }
}

/// `POST /connections`: stores the credentials of one account. The source is not contacted (FS-CON-4).
#[utoipa::path(post, path = "/connections", tag = "Connections", request_body = Object,
    params(("mode" = Option<String>, Query, description = "`draft`: it may be incomplete")),
    responses((status = 201, description = "`{id, etag}`"), (status = 400, description = "The body is refused")))]
pub async fn create_connection(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    Body(body): Body,
) -> Result<Response, Problem> {
    Ok(entities::create::<Connection>(&app, &caller, &params, body).await?)
}

/// `GET /connections`
#[utoipa::path(get, path = "/connections", tag = "Connections",
    params(("property" = Option<Vec<String>>, Query), ("limit" = Option<i64>, Query), ("orderby" = Option<String>, Query),
        ("continuationToken" = Option<String>, Query), ("count" = Option<bool>, Query)),
    responses((status = 200, description = "A page of connections, or their number")))]
pub async fn list_connections(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    Ok(listing::list(&app, &caller, Resource::Connection, "/connections", &[], &params).await?)
}

/// `GET /connections/{id}`: secrets are masked (FS-ENV-9).
#[utoipa::path(get, path = "/connections/{id}", tag = "Connections", params(("id" = String, Path)),
    responses((status = 200, description = "The connection, in an array of one"), (status = 404, description = "No such connection")))]
pub async fn get_connection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(listing::item(&caller.get(&app, Resource::Connection, &id).await?.body))
}

/// `PATCH /connections/{id}`
#[utoipa::path(patch, path = "/connections/{id}", tag = "Connections", request_body = Object,
    params(("id" = String, Path), ("if-match" = String, Header, description = "The etag it was read with")),
    responses((status = 200, description = "`{id, etag}`"), (status = 412, description = "Changed since it was read")))]
pub async fn patch_connection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    Ok(entities::patch::<Connection>(&app, &caller, &id, &if_match, &body).await?)
}

/// `DELETE /connections/{id}`: refused while flows use it.
#[utoipa::path(delete, path = "/connections/{id}", tag = "Connections", params(("id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 400, description = "Flows use it")))]
pub async fn delete_connection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    Ok(entities::delete::<Connection>(&app, &caller, &id, &if_match).await?)
}

/// `POST /connections/search` (FS §7.2)
#[utoipa::path(post, path = "/connections/search", tag = "Connections", request_body = Object,
    params(("continuationToken" = Option<String>, Query)),
    responses((status = 200, description = "A page of connections, or their number"), (status = 400, description = "The search is refused")))]
pub async fn search_connections(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    Body(body): Body,
) -> Result<Response, Problem> {
    let asked = listing::Asked::of_search(&body, &params)?;
    Ok(listing::answer(&app, &caller, Resource::Connection, "/connections/search", asked).await?)
}

/// `GET /connections/{id}/configs`: what source connections over it may say (FS §7.2).
#[utoipa::path(get, path = "/connections/{id}/configs", tag = "Connections", params(("id" = String, Path)),
    responses((status = 200, description = "`{items}`"), (status = 404, description = "No such connection")))]
pub async fn get_connection_configs(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let connection = caller.get(&app, Resource::Connection, &id).await?;
    let spec = connection.text("/connectionSpec/id").unwrap_or_default();
    Ok(configs::answer(&app, &caller, spec, &params).await?)
}

/// `GET /connections/{id}/test`: tries the stored credentials. A failed login is `false` with 200 (FS §7.2).
#[utoipa::path(get, path = "/connections/{id}/test", tag = "Connections", params(("id" = String, Path)),
    responses((status = 200, description = "`{result}`, and each check with its time")))]
pub async fn test_connection(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let checks = match remote(&app, &caller, &id).await {
        Ok(remote) => remote.test().await,
        Err(error) if error.kind == Kind::Refused => {
            return Ok(writing::json(
                StatusCode::OK,
                &json!({ "result": false, "checks": [{ "name": "configure", "ok": false, "millis": 0, "error": fault(&error) }] }),
            ));
        }
        Err(error) => return Err(error.into()),
    };
    let mut shown = Vec::new();
    for check in &checks {
        let mut entry = json!({ "name": check.name, "ok": check.ok, "millis": check.millis });
        if let Some(error) = &check.error {
            entry["error"] = fault(error);
        }
        shown.push(entry);
    }
    let result = !checks.is_empty() && checks.iter().all(|check| check.ok);
    Ok(writing::json(StatusCode::OK, &json!({ "result": result, "checks": shown })))
}

fn fault(error: &Error) -> Value {
    let mut fault = json!({ "code": error.code.id, "message": error.message });
    if let Some(advice) = &error.advice {
        fault["advice"] = json!(advice);
    }
    fault
}

/// The account behind a connection.
pub async fn remote(app: &App, caller: &Caller, id: &str) -> Result<Remote> {
    let document = caller.get(app, Resource::Connection, id).await?;
    enabled(&document)?;
    let spec = document.text("/connectionSpec/id").unwrap_or_default();
    let source = forebay_sources::runner(spec)?;
    let sealed = app.store.secrets(&caller.scope, Resource::Connection, id).await?;
    let none = json!({});
    let shown = document.body.pointer("/auth/params").unwrap_or(&none);
    let account = AccountId { scope: caller.scope.clone(), connection: document.id.clone() };
    app.accounts.open(source, &account, shown, &secrets::by_name(&sealed))
}
