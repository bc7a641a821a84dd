//! What connections, source connections, target connections and flows share: how one comes to be, changes, is published
//! and goes (FS §9.3 to §9.5).
//!
//! A draft is stored as it is: what it says must be of the right form, and what it refers to must exist, but nothing has
//! to be there yet. Publishing checks it as a creation would. All changes are made from one version of the document.

use crate::App;
use crate::caller::Caller;
use crate::params::Params;
use crate::problem::invalid;
use crate::writing::{self, IfMatch, TRIES};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::{Document, Error, Resource, Result, Time, code, patch};
use forebay_store::{New, Secrets};
use serde_json::{Map, Value, json};

/// One of the four.
pub trait Entity {
    /// Its kind.
    const RESOURCE: Resource;
    /// What messages call it.
    const NAME: &'static str;

    /// Checks a body and fills in what follows from it; gives back what is to be sealed.
    async fn complete(app: &App, caller: &Caller, body: &mut Map<String, Value>, how: &How<'_>) -> Result<Secrets>;

    /// Refuses a deletion while something refers to the entity.
    async fn unused(app: &App, caller: &Caller, id: &str) -> Result<()>;

    /// Writes into the body what it tells of an operation on it. `new` is the id of one that is just created.
    fn note(_body: &mut Map<String, Value>, _new: Option<&str>, _now: Time) {}
}

/// How a body is looked at.
pub struct How<'a> {
    /// It is, or stays, a draft: what is missing may be missing.
    pub draft: bool,
    /// What the body was made from: the document before a change. None for a new entity.
    pub old: Option<&'a Document>,
    /// Now.
    pub now: Time,
}

impl How<'_> {
    /// The document before the change, if what holds of it was checked already: it is no draft.
    pub fn checked(&self) -> Option<&Document> {
        self.old.filter(|old| !is_draft(old))
    }

    /// When the entity was created, or is.
    pub fn created(&self) -> Time {
        self.old.map_or(self.now, |old| old.created)
    }
}

/// Whether an entity is a draft.
pub fn is_draft(document: &Document) -> bool {
    document.text("/state") == Some("draft")
}

/// `POST`, with `?mode=draft` or without (FS-ENV-6, FS §9.5).
pub async fn create<E: Entity>(app: &App, caller: &Caller, params: &Params, body: Value) -> Result<Response> {
    let draft = draft(params)?;
    let mut body = writing::object(body, E::NAME)?;
    refuse_id(&body)?;
    let now = app.now();
    caller.sign(&mut body);
    let secrets = E::complete(app, caller, &mut body, &How { draft, old: None, now }).await?;
    let id = app.uuid();
    body.insert("state".into(), json!(if draft { "draft" } else { "enabled" }));
    E::note(&mut body, Some(&id), now);
    let new = New::new(E::RESOURCE, id, Value::Object(body)).secrets(secrets);
    let document = app.store.insert(&caller.scope, new, now).await?;
    Ok(writing::created(app, &document))
}

/// `PATCH` (FS §9.3).
pub async fn patch<E: Entity>(
    app: &App,
    caller: &Caller,
    id: &str,
    if_match: &IfMatch,
    body: &Value,
) -> Result<Response> {
    let sent = if_match.required()?;
    let operations = patch::parse(body)?;
    change::<E>(app, caller, id, Some(sent), |old| {
        let new = writing::object(patch::apply(&old.body, &operations)?, E::NAME)?;
        state(old, &new)?;
        Ok(new)
    })
    .await
}

/// `action?op=publish`: a draft becomes what it says, if that is whole (FS §9.5).
pub async fn publish<E: Entity>(app: &App, caller: &Caller, id: &str, if_match: &IfMatch) -> Result<Response> {
    change::<E>(app, caller, id, if_match.optional(), |old| {
        if !is_draft(old) {
            let message = format!("only a draft can be published, and {} {id} is none", E::RESOURCE.name());
            return Err(Error::new(Kind::Invalid, &code::FLOW_1422, message));
        }
        let mut new = writing::object(old.body.clone(), E::NAME)?;
        new.insert("state".into(), json!("enabled"));
        Ok(new)
    })
    .await
}

/// Makes a new body from the current version, checks it and stores it.
async fn change<E: Entity>(
    app: &App,
    caller: &Caller,
    id: &str,
    sent: Option<&str>,
    make: impl Fn(&Document) -> Result<Map<String, Value>>,
) -> Result<Response> {
    for _ in 0..TRIES {
        let now = app.now();
        let old = caller.get(app, E::RESOURCE, id).await?;
        if let Some(sent) = sent {
            writing::check_version(sent, &old)?;
        }
        let mut new = make(&old)?;
        let draft = new.get("state").is_some_and(|state| state == "draft");
        let secrets = E::complete(app, caller, &mut new, &How { draft, old: Some(&old), now }).await?;
        E::note(&mut new, None, now);
        if let Some(document) = writing::replace(app, caller, &old, sent, Value::Object(new), Some(secrets)).await? {
            return Ok(writing::changed(&document));
        }
    }
    Err(writing::too_busy(E::RESOURCE, id))
}

/// `DELETE` (FS-ENV-8). A draft goes like any other.
pub async fn delete<E: Entity>(app: &App, caller: &Caller, id: &str, if_match: &IfMatch) -> Result<Response> {
    caller.get(app, E::RESOURCE, id).await?;
    E::unused(app, caller, id).await?;
    app.store.delete(&caller.scope, E::RESOURCE, id, if_match.optional(), app.now()).await?;
    Ok(writing::gone())
}

/// `?mode=draft`.
fn draft(params: &Params) -> Result<bool> {
    match params.one("mode")? {
        None => Ok(false),
        Some(mode) if mode.eq_ignore_ascii_case("draft") => Ok(true),
        Some(mode) => {
            Err(Error::new(Kind::Invalid, &code::FLOW_1451, format!("mode must be draft or absent, not {mode:?}")))
        }
    }
}

/// The states that a PATCH may set (FS §9.5). A draft leaves its state by being published.
fn state(old: &Document, new: &Map<String, Value>) -> Result<()> {
    let fault =
        |code, message: &'static str| Err(Error::new(Kind::Invalid, code, message).at(Place::pointer("/state")));
    match new.get("state").and_then(Value::as_str) {
        Some("draft") if is_draft(old) => Ok(()),
        Some("enabled" | "disabled") if is_draft(old) => {
            fault(&code::FLOW_1421, "a draft is enabled by publishing it, with POST …/action?op=publish")
        }
        Some("enabled" | "disabled") => Ok(()),
        Some("initializing") => fault(&code::FLOW_1417, "a user's token cannot set the state initializing"),
        _ => fault(&code::FLOW_1456, "state must be enabled or disabled"),
    }
}

/// The id of a new entity is ours to give.
pub fn refuse_id(body: &Map<String, Value>) -> Result<()> {
    match body.get("id") {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(Error::new(Kind::Invalid, &code::FLOW_1411, "a new entity gets its id from the server")),
    }
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

/// What a member is, where it is there. Null is as good as absent, and goes.
pub fn formed(body: &mut Map<String, Value>, members: &[(&str, Form)]) -> Result<()> {
    for (name, form) in members {
        let Some(value) = body.get(*name) else { continue };
        let (fits, wanted) = match form {
            Form::Object => (value.is_object(), "an object"),
            Form::Array => (value.is_array(), "an array"),
            Form::Text => (value.is_string(), "a text"),
        };
        if value.is_null() {
            body.remove(*name);
        } else if !fits {
            return Err(invalid(format!("{name} must be {wanted}")).at(Place::pointer(format!("/{name}"))));
        }
    }
    Ok(())
}

/// What a member may be.
pub enum Form {
    /// An object.
    Object,
    /// An array.
    Array,
    /// A text.
    Text,
}

/// FLOW-1445-400 unless the connection is enabled.
pub fn enabled(document: &Document) -> Result<()> {
    match document.text("/state") {
        Some("enabled") | None => Ok(()),
        Some(state) => {
            let message = format!("{} {} is {state}, not enabled", document.resource.name(), document.id);
            let error = Error::new(Kind::Invalid, &code::FLOW_1445, message);
            Err(if is_draft(document) { error.advice("Publish it first.") } else { error })
        }
    }
}
