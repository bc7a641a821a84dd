//! Base connections: the credentials of one account (FS §7).

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::listing;
use crate::params::Params;
use crate::problem::{Problem, invalid};
use crate::secrets;
use crate::writing::{self, IfMatch, TRIES};
use axum::extract::{Path, State};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::{Document, Error, Resource, Result, code, filter, patch};
use forebay_sources::{AccountId, Remote};
use forebay_store::{New, Secrets};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// `POST /connections`: stores the credentials of one account. The source is not contacted (FS-CON-4).
#[utoipa::path(post, path = "/connections", tag = "Connections", request_body = Object,
    responses((status = 201, description = "`{id, etag}`"), (status = 400, description = "The body is refused")))]
pub async fn create_connection(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    Body(body): Body,
) -> Result<Response, Problem> {
    refuse_draft(&params)?;
    let mut body = writing::object(body, "the connection")?;
    refuse_id(&body)?;
    named(&body, false)?;
    let spec = connection_spec(&mut body)?;
    caller.must_connect(spec)?;
    let sealed = secrets::seal(&mut body, spec, &Secrets::new())?;
    caller.sign(&mut body);
    body.insert("state".into(), json!("enabled"));
    let mut new = New::new(Resource::Connection, app.uuid(), Value::Object(body));
    new.secrets = sealed;
    let document = app.store.insert(&caller.scope, new, app.now()).await?;
    Ok(writing::created(&app, &document))
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
    let sent = if_match.required()?;
    let operations = patch::parse(&body)?;
    for _ in 0..TRIES {
        let old = caller.get(&app, Resource::Connection, &id).await?;
        writing::check_version(sent, &old)?;
        let stored = app.store.secrets(&caller.scope, Resource::Connection, &id).await?;
        let mut new = writing::object(patch::apply(&old.body, &operations)?, "the patched connection")?;
        named(&new, false)?;
        state(&new)?;
        let spec = connection_spec(&mut new)?;
        let sealed = secrets::seal(&mut new, spec, &stored)?;
        let written = writing::replace(&app, &caller, &old, Some(sent), Value::Object(new), Some(sealed)).await?;
        if let Some(document) = written {
            return Ok(writing::changed(&document));
        }
    }
    Err(writing::too_busy(Resource::Connection, &id).into())
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
    caller.get(&app, Resource::Connection, &id).await?;
    for side in ["sourceConnections", "targetConnections"] {
        let used = filter::parse(&[format!("inheritedAttributes.{side}[].baseConnection.id==\"{id}\"")])?;
        if app.store.count(&caller.scope, Resource::Flow, &used).await? > 0 {
            return Err(Error::new(
                Kind::Conflict,
                &code::FLOW_1418,
                format!("connection {id} is still used by flows"),
            )
            .advice("Delete the flows first.")
            .into());
        }
    }
    app.store.delete(&caller.scope, Resource::Connection, &id, if_match.optional(), app.now()).await?;
    Ok(writing::gone())
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
    let Some(source) = forebay_sources::by_spec(spec) else {
        return Err(invalid(format!("connection {id} cannot be read from: its connection spec {spec} has no source")));
    };
    let sealed = app.store.secrets(&caller.scope, Resource::Connection, id).await?;
    let none = json!({});
    let shown = document.body.pointer("/auth/params").unwrap_or(&none);
    let account = AccountId { scope: caller.scope.clone(), connection: document.id.clone() };
    app.accounts.open(source, &account, shown, &secrets::by_name(&sealed))
}

/// FLOW-1445-400 unless the connection is enabled.
pub fn enabled(document: &Document) -> Result<()> {
    match document.text("/state") {
        Some("enabled") | None => Ok(()),
        Some(state) => Err(Error::new(
            Kind::Invalid,
            &code::FLOW_1445,
            format!("{} {} is {state}, not enabled", document.resource.name(), document.id),
        )),
    }
}

/// The connection spec that a body names (FS-CON-1), with its version filled in (FS-CON-5).
pub fn connection_spec(body: &mut Map<String, Value>) -> Result<&'static Value> {
    let at = || Place::pointer("/connectionSpec/id");
    let refused = |message: String| Error::new(Kind::Invalid, &code::FLOW_1413, message).at(at());
    let Some(wanted) = body.get_mut("connectionSpec").filter(|spec| spec.is_object()) else {
        return Err(refused("connectionSpec.id is missing".into()));
    };
    let id = wanted["id"].as_str().unwrap_or_default();
    let Some(spec) = forebay_sources::spec(id) else {
        return Err(refused(format!("there is no connection spec with the id {id:?}")));
    };
    match &wanted["version"] {
        Value::Null => wanted["version"] = spec["version"].clone(),
        Value::String(_) | Value::Number(_) => {}
        _ => {
            return Err(
                invalid("connectionSpec.version must be a string").at(Place::pointer("/connectionSpec/version"))
            );
        }
    }
    Ok(spec)
}

/// `name` and `description` are texts; a name is not blank.
pub fn named(body: &Map<String, Value>, required: bool) -> Result<()> {
    match body.get("name") {
        Some(Value::String(name)) if !name.trim().is_empty() => {}
        None if !required => {}
        None => return Err(invalid("name is missing").at(Place::pointer("/name"))),
        Some(_) => {
            return Err(invalid("name must be a text that is not blank").at(Place::pointer("/name")));
        }
    }
    match body.get("description") {
        None | Some(Value::Null | Value::String(_)) => Ok(()),
        Some(_) => Err(invalid("description must be a text").at(Place::pointer("/description"))),
    }
}

/// The states that a PATCH may set (FS §9.5).
pub fn state(body: &Map<String, Value>) -> Result<()> {
    match body.get("state").and_then(Value::as_str) {
        Some("enabled" | "disabled") => Ok(()),
        Some("initializing") => {
            Err(Error::new(Kind::Invalid, &code::FLOW_1417, "a user's token cannot set the state initializing"))
        }
        _ => Err(Error::new(Kind::Invalid, &code::FLOW_1456, "state must be enabled or disabled")),
    }
}

/// The id of a new entity is ours to give.
pub fn refuse_id(body: &Map<String, Value>) -> Result<()> {
    match body.get("id") {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(Error::new(Kind::Invalid, &code::FLOW_1411, "a new entity gets its id from the server")),
    }
}

/// Drafts come later; until then nothing is stored as something it is not.
pub fn refuse_draft(params: &Params) -> Result<()> {
    match params.one("mode")? {
        None => Ok(()),
        Some(mode) => Err(Error::new(
            Kind::Invalid,
            &code::FLOW_1451,
            format!("mode={mode:?} is not supported by this version of the server"),
        )),
    }
}
