//! Webhooks: who is told when a run of a flow ends (FS §10.3). Part of Forebay's own interface; what is sent is what public
//! subscribers know, signed after the open specification "Standard Webhooks". Deliveries show each try.

mod deliver;

pub use deliver::Deliverer;

use crate::App;
use crate::body::Body;
use crate::caller::Caller;
use crate::entities::{self, Entity, How, named, refuse_id};
use crate::listing;
use crate::params::Params;
use crate::problem::{Problem, invalid};
use crate::secrets::MASK;
use crate::writing::{self, IfMatch};
use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forebay_model::error::{Kind, Place};
use forebay_model::notice::{EVENTS, TEST};
use forebay_model::{Error, Resource, Result, code, filter};
use forebay_store::{New, Secrets};
use http::{HeaderValue, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use url::Url;

/// Webhooks of a sandbox.
const MAX_WEBHOOKS: u64 = 20;
/// Characters of an address.
const MAX_URL: usize = 2048;
/// Where the secret is sealed, by its place in the document.
const SECRET: &str = "/secret";
/// What comes before a key in base64.
const KEY_PREFIX: &str = "whsec_";

/// Who is told how runs end.
pub struct Webhook;

impl Entity for Webhook {
    const RESOURCE: Resource = Resource::Webhook;
    const NAME: &'static str = "the webhook";

    async fn complete(app: &App, caller: &Caller, body: &mut Map<String, Value>, how: &How<'_>) -> Result<Secrets> {
        named(body, false)?;
        address(app, body)?;
        texts(body, "events", Some(EVENTS))?;
        texts(body, "flowIds", None)?;
        let stored = match how.old {
            Some(old) => app.store.secrets(&caller.scope, Resource::Webhook, &old.id).await?,
            None => Secrets::new(),
        };
        seal(body, &stored)
    }

    /// What was to be told to a webhook goes with it.
    async fn unused(_: &App, _: &Caller, _: &str) -> Result<()> {
        Ok(())
    }
}

/// `POST /webhooks`: the answer shows the secret, this once, if the server made it.
#[utoipa::path(post, path = "/webhooks", tag = "Webhooks", request_body = Object,
    responses((status = 201, description = "`{id, etag}`, and `secret` if none was sent"), (status = 400, description = "The body is refused")))]
pub async fn create_webhook(State(app): State<App>, caller: Caller, Body(body): Body) -> Result<Response, Problem> {
    let mut body = writing::object(body, Webhook::NAME)?;
    refuse_id(&body)?;
    if app.store.count(&caller.scope, Resource::Webhook, &filter::Query::default()).await? >= MAX_WEBHOOKS {
        return Err(invalid(format!("a sandbox has at most {MAX_WEBHOOKS} webhooks")).into());
    }
    let made = match body.get("secret") {
        None | Some(Value::Null) => {
            let key = [(app.random)().to_be_bytes(), (app.random)().to_be_bytes()].concat();
            Some(format!("{KEY_PREFIX}{}", STANDARD.encode(key)))
        }
        Some(_) => None,
    };
    if let Some(secret) = &made {
        body.insert("secret".into(), json!(secret));
    }
    let now = app.now();
    caller.sign(&mut body);
    body.insert("state".into(), json!("enabled"));
    let secrets = Webhook::complete(&app, &caller, &mut body, &How { draft: false, old: None, now }).await?;
    let new = New::new(Resource::Webhook, app.uuid(), Value::Object(body)).secrets(secrets);
    let document = app.store.insert(&caller.scope, new, now).await?;
    let mut answer = writing::pair(&document);
    if let Some(secret) = made {
        answer["secret"] = json!(secret);
    }
    let mut response = writing::json(StatusCode::CREATED, &answer);
    let link = app.link(&format!("/data/foundation/forebay/webhooks/{}", document.id));
    if let Ok(link) = HeaderValue::from_str(&link) {
        response.headers_mut().insert(header::LOCATION, link);
    }
    Ok(response)
}

/// `GET /webhooks`
#[utoipa::path(get, path = "/webhooks", tag = "Webhooks",
    params(("property" = Option<Vec<String>>, Query), ("limit" = Option<i64>, Query), ("orderby" = Option<String>, Query),
        ("continuationToken" = Option<String>, Query), ("count" = Option<bool>, Query)),
    responses((status = 200, description = "A page of webhooks, or their number")))]
pub async fn list_webhooks(State(app): State<App>, caller: Caller, params: Params) -> Result<Response, Problem> {
    Ok(listing::list(&app, &caller, Resource::Webhook, "/webhooks", &[], &params).await?)
}

/// `GET /webhooks/{id}`: the secret is masked.
#[utoipa::path(get, path = "/webhooks/{id}", tag = "Webhooks", params(("id" = String, Path)),
    responses((status = 200, description = "The webhook, in an array of one"), (status = 404, description = "Not found")))]
pub async fn get_webhook(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    Ok(listing::item(&caller.get(&app, Resource::Webhook, &id).await?.body))
}

/// `PATCH /webhooks/{id}`: `/state` may be enabled or disabled, `/secret` a new one.
#[utoipa::path(patch, path = "/webhooks/{id}", tag = "Webhooks", request_body = Object,
    params(("id" = String, Path), ("if-match" = String, Header)),
    responses((status = 200, description = "`{id, etag}`"), (status = 412, description = "Changed since it was read")))]
pub async fn patch_webhook(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
    Body(body): Body,
) -> Result<Response, Problem> {
    Ok(entities::patch::<Webhook>(&app, &caller, &id, &if_match, &body).await?)
}

/// `DELETE /webhooks/{id}`: what it was still to be told goes with it.
#[utoipa::path(delete, path = "/webhooks/{id}", tag = "Webhooks", params(("id" = String, Path)),
    responses((status = 204, description = "Deleted"), (status = 404, description = "Not found")))]
pub async fn delete_webhook(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    if_match: IfMatch,
) -> Result<Response, Problem> {
    Ok(entities::delete::<Webhook>(&app, &caller, &id, &if_match).await?)
}

/// `POST /webhooks/{id}/test`: sends an event that says that it is a test.
#[utoipa::path(post, path = "/webhooks/{id}/test", tag = "Webhooks", params(("id" = String, Path)),
    responses((status = 202, description = "`{id}` of the delivery"), (status = 400, description = "The webhook is disabled"),
        (status = 404, description = "Not found")))]
pub async fn test_webhook(State(app): State<App>, caller: Caller, Path(id): Path<String>) -> Result<Response, Problem> {
    let webhook = caller.get(&app, Resource::Webhook, &id).await?;
    if webhook.text("/state") != Some("enabled") {
        let message = format!("the webhook {id} is disabled: it is told nothing");
        return Err(Error::new(Kind::Invalid, &code::FLOW_1422, message).into());
    }
    let about = json!({ "message": "This is a test." });
    let delivery = app.store.enqueue_delivery(&caller.scope, &id, TEST, &about, app.now()).await?;
    Ok(writing::json(StatusCode::ACCEPTED, &json!({ "id": delivery.id })))
}

/// `GET /webhooks/{id}/deliveries`: what it was told or is to be told, and each try.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", tag = "Webhooks",
    params(("id" = String, Path), ("property" = Option<Vec<String>>, Query), ("limit" = Option<i64>, Query),
        ("orderby" = Option<String>, Query), ("continuationToken" = Option<String>, Query), ("count" = Option<bool>, Query)),
    responses((status = 200, description = "A page of deliveries, or their number"), (status = 404, description = "No such webhook")))]
pub async fn list_deliveries(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    let webhook = caller.get(&app, Resource::Webhook, &id).await?;
    let fixed = [format!("webhookId==\"{}\"", webhook.id)];
    let base = format!("/webhooks/{}/deliveries", webhook.id);
    Ok(listing::list(&app, &caller, Resource::Delivery, &base, &fixed, &params).await?)
}

/// `url`: one that the gate lets through, as far as that can be told before its name is looked up.
fn address(app: &App, body: &Map<String, Value>) -> Result<()> {
    let fault = |message: &'static str| Err(invalid(message).at(Place::pointer("/url")));
    let Some(Value::String(text)) = body.get("url") else {
        return fault("url is missing: it is where events are sent to");
    };
    if text.len() > MAX_URL {
        return fault("url is longer than 2048 characters");
    }
    let Ok(url) = Url::parse(text) else {
        return fault("url must be a whole address, such as https://example.com/hook");
    };
    app.accounts.gate.check(&url).map_err(|error| {
        let refused = invalid(error.message).at(Place::pointer("/url"));
        error
            .advice
            .map_or_else(|| invalid("url is not allowed").at(Place::pointer("/url")), |advice| refused.advice(advice))
    })
}

/// A list of texts, each one of `known` where there is such a list.
fn texts(body: &Map<String, Value>, name: &str, known: Option<&[&str]>) -> Result<()> {
    let items = match body.get(name) {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Array(items)) => items,
        Some(_) => return Err(invalid(format!("{name} must be an array")).at(Place::pointer(format!("/{name}")))),
    };
    for (index, item) in items.iter().enumerate() {
        let fits = item.as_str().is_some_and(|text| known.is_none_or(|known| known.contains(&text)));
        if !fits {
            let message = match known {
                Some(known) => format!("{name}[{index}] must be one of {}", known.join(", ")),
                None => format!("{name}[{index}] must be a text"),
            };
            return Err(invalid(message).at(Place::pointer(format!("/{name}/{index}"))));
        }
    }
    Ok(())
}

/// Masks the secret in the document, and gives back what is to be sealed. The mask keeps what is stored.
fn seal(body: &mut Map<String, Value>, stored: &Secrets) -> Result<Secrets> {
    let fault = |message: &'static str| Err(invalid(message).at(Place::pointer(SECRET)));
    let secret = match (body.get("secret"), stored.get(SECRET)) {
        (Some(Value::String(text)), Some(kept)) if text == MASK => kept.clone(),
        (Some(Value::String(text)), _) => SecretString::from(text.clone()),
        _ => return fault("secret must be a text"),
    };
    if key(&secret).is_none_or(|key| !(16..=256).contains(&key.len())) {
        return fault("secret must be 16 to 256 bytes: as they are, or in base64 after whsec_");
    }
    body.insert("secret".into(), json!(MASK));
    Ok(Secrets::from([(SECRET.to_string(), secret)]))
}

/// The bytes that events are signed with.
fn key(secret: &SecretString) -> Option<Vec<u8>> {
    let text = secret.expose_secret();
    match text.strip_prefix(KEY_PREFIX) {
        Some(encoded) => STANDARD.decode(encoded).ok(),
        None => Some(text.as_bytes().to_vec()),
    }
}
