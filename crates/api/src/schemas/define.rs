//! Definitions on their way into the registry: judged, completed, and stored unless they would break what is there.

use super::{changes, datasets_of, find, refers, unions};
use crate::App;
use crate::caller::Caller;
use crate::identity;
use crate::writing::{json, object};
use crate::xdm::{Registry, breaks, unknown};
use axum::response::Response;
use forebay_model::error::{Kind, Place};
use forebay_model::{Document, Error, Resource, Result, Time, code, xdm};
use forebay_store::New;
use http::StatusCode;
use serde_json::{Value, json};

const GLOBAL_VERSION: &str = "1.50.0";
/// Digits of a resource's name.
const DIGITS: usize = 48;

/// What the registry itself says of a resource.
pub struct Identity {
    /// `schemas`, `fieldgroups`, `datatypes` or `classes`.
    pub kind: &'static str,
    /// `$id`
    pub id: String,
    /// `meta:altId`
    pub alt: String,
    /// `1.0`
    pub version: String,
    /// When it came.
    pub created: Time,
    /// When it changed.
    pub updated: Time,
}

/// Members that the registry writes; an imported resource comes without them.
pub const COMPUTED: &[&str] = &[
    "$id",
    "meta:altId",
    "meta:resourceType",
    "version",
    "refs",
    "imsOrg",
    "meta:extends",
    "meta:containerId",
    "meta:sandboxId",
    "meta:sandboxType",
    "meta:tenantNamespace",
    "meta:registryMetadata",
    changes::MEMBER,
];

/// Refuses a change of what only the registry writes: it would be dropped.
pub fn computed_stay(old: &Value, new: &Value) -> Result<()> {
    match COMPUTED.iter().find(|name| old.get(**name) != new.get(**name)) {
        None => Ok(()),
        Some(name) => {
            Err(Error::new(Kind::Invalid, &code::FLOW_1423, format!("{name} is written by the registry alone"))
                .at(Place::pointer(format!("/{name}"))))
        }
    }
}

/// Stores a new definition, and answers it.
pub async fn create(app: &App, caller: &Caller, kind: &'static str, body: Value) -> Result<Response> {
    Ok(json(StatusCode::CREATED, &made(app, caller, kind, body).await?))
}

/// Stores a new definition.
pub async fn made(app: &App, caller: &Caller, kind: &'static str, body: Value) -> Result<Value> {
    let name = app.hex(DIGITS);
    let now = app.now();
    let registry = Registry::open(app, caller).await?;
    let tenant = &caller.member.tenant;
    let identity = Identity {
        kind,
        id: format!("https://ns.adobe.com/{tenant}/{kind}/{name}"),
        alt: format!("_{tenant}.{kind}.{name}"),
        version: "1.0".into(),
        created: now,
        updated: now,
    };
    let body = defined(app, caller, &registry, body, &identity)?;
    insert(app, caller, &name, &body).await?;
    Ok(body)
}

/// Stores a completed definition under its name.
pub async fn insert(app: &App, caller: &Caller, name: &str, body: &Value) -> Result<()> {
    let mut stored = body.clone();
    stored[changes::MEMBER] = Value::Array(changes::noted(app, caller, None, body, &[]));
    let new = New::new(Resource::Schema, name, stored).unstamped();
    app.store.insert(&caller.scope, new, app.now()).await?;
    Ok(())
}

/// Stores a changed definition, unless it would break data that is stored under it.
pub async fn rewrite(
    app: &App,
    caller: &Caller,
    kind: &'static str,
    id: &str,
    change: impl FnOnce(&Value) -> Result<Value>,
) -> Result<Response> {
    let mut registry = Registry::open(app, caller).await?;
    let Some(document) = find(&registry, kind, id).cloned() else {
        return Err(unknown(id));
    };
    let now = app.now();
    let identity = Identity {
        kind,
        id: document.text("/$id").unwrap_or_default().to_string(),
        alt: document.text("/meta:altId").unwrap_or_default().to_string(),
        version: next_version(document.text("/version").unwrap_or("1.0")),
        created: document.created,
        updated: now,
    };
    let mut new = defined(app, caller, &registry, change(&document.body)?, &identity)?;
    for maker in ["xdm:createdClientId", "xdm:createdUserId"] {
        new["meta:registryMetadata"][maker] = document.body["meta:registryMetadata"][maker].clone();
    }
    keeps_tags(&document.body, &new)?;
    if new["meta:class"] != document.body["meta:class"] {
        let message = "the class of a schema cannot be changed";
        return Err(Error::new(Kind::Invalid, &code::XDM_1020, message).at(Place::pointer("/meta:class")));
    }
    let datasets = datasets_of(app, caller).await?;
    let mut before = Vec::new();
    for dataset in &datasets {
        let schema = dataset.text("/schemaRef/id").unwrap_or_default();
        before.push((dataset, schema, registry.tree(schema)?));
    }
    registry.put(&new);
    for (dataset, schema, old) in before {
        if let Some(fault) = breaks(&old.fields, &registry.tree(schema)?.fields, "") {
            let message = format!("dataset {} has this schema, and {fault}", dataset.id);
            return Err(
                Error::new(Kind::Conflict, &code::HTTP_400, message).advice("A schema in use can only be extended.")
            );
        }
    }
    dependents_stand(&registry, &document)?;
    identity::still_fit(app, caller, &registry).await?;
    let mut stored = new.clone();
    let before = registry.changes.get(&document.id).map(Vec::as_slice).unwrap_or_default();
    stored[changes::MEMBER] = Value::Array(changes::noted(app, caller, Some(&document.body), &new, before));
    let etag = document.etag.clone();
    app.store
        .update(&caller.scope, Resource::Schema, &document.id, Some(&etag), now, move |_, secrets| {
            Ok((stored, secrets.clone()))
        })
        .await?;
    Ok(json(StatusCode::OK, &new))
}

/// Whether everything that refers to a changed resource, through others too, can still be resolved.
fn dependents_stand(registry: &Registry, changed: &Document) -> Result<()> {
    let mut reached = vec![changed];
    let mut next = 0;
    while next < reached.len() {
        let id = reached[next].text("/$id").unwrap_or_default();
        for other in &registry.documents {
            if refers(&other.body, id) && !reached.iter().any(|known| known.id == other.id) {
                reached.push(other);
            }
        }
        next += 1;
    }
    for dependent in reached.iter().skip(1) {
        if let Err(fault) = xdm::resolve(&dependent.body, &|id| registry.find(id)) {
            let own = dependent.text("/$id").unwrap_or_default();
            let message = format!("{own} refers to this resource and would not stand any more: {}", fault.message);
            return Err(Error::new(Kind::Conflict, &code::HTTP_400, message));
        }
    }
    Ok(())
}

/// `meta:immutableTags` may grow only.
fn keeps_tags(old: &Value, new: &Value) -> Result<()> {
    let none = Vec::new();
    let has = |body: &Value, tag: &Value| body[unions::TAGS].as_array().unwrap_or(&none).contains(tag);
    for tag in old[unions::TAGS].as_array().unwrap_or(&none) {
        if !has(new, tag) {
            let message = format!("the tag {tag} cannot be taken away again");
            return Err(
                Error::new(Kind::Invalid, &code::XDM_1020, message).at(Place::pointer(format!("/{}", unions::TAGS)))
            );
        }
    }
    Ok(())
}

/// `1.3` after `1.2`.
fn next_version(version: &str) -> String {
    let minor = version.split_once('.').and_then(|(_, minor)| minor.parse::<u64>().ok()).unwrap_or(0);
    format!("1.{}", minor + 1)
}

/// A definition as it is stored and shown (platform.md §3.3).
pub fn defined(app: &App, caller: &Caller, registry: &Registry, body: Value, identity: &Identity) -> Result<Value> {
    let kind = identity.kind;
    let mut body = object(body, "the definition")?;
    body.remove(changes::MEMBER);
    body.entry("type").or_insert(json!("object"));
    check_tags(kind, body.get(unions::TAGS))?;
    let mut definition = Value::Object(body);
    let class = match kind {
        "schemas" => Some(with_class(&mut definition, registry)?),
        _ => xdm::class_of(&definition, &|id| registry.find(id)),
    };
    let lookup = |id: &str| registry.find(id);
    xdm::check_new(&definition, &lookup)?;
    let mut refs = Vec::new();
    // `get_mut`: to index what is not there would put it there.
    for part in definition.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(target) = part["$ref"].as_str().map(str::to_string) else {
            continue;
        };
        if !target.starts_with('#') {
            part["type"] = json!("object");
            part["meta:xdmType"] = json!("object");
            refs.push(target);
        }
    }
    let extends = extends(registry, &refs);
    if kind == "classes" && !extends.iter().any(|id| id.as_str().is_some_and(is_behavior)) {
        let message = "a class needs a behavior: name one in allOf, such as https://ns.adobe.com/xdm/data/record";
        return Err(Error::new(Kind::Invalid, &code::XDM_1020, message).at(Place::pointer("/allOf")));
    }
    let computed = json!({
        "$id": identity.id,
        "meta:altId": identity.alt,
        "meta:resourceType": kind,
        "version": identity.version,
        "refs": refs,
        "imsOrg": caller.member.org,
        "meta:extensible": kind != "schemas",
        "meta:abstract": kind != "schemas",
        "meta:extends": extends,
        "meta:xdmType": "object",
        "meta:containerId": "tenant",
        "meta:sandboxId": caller.scope.sandbox,
        "meta:sandboxType": registry.sandbox_type,
        "meta:tenantNamespace": format!("_{}", caller.member.tenant),
        "meta:registryMetadata": {
            "repo:createdDate": identity.created.timestamp_millis(),
            "repo:lastModifiedDate": identity.updated.timestamp_millis(),
            "xdm:createdClientId": caller.member.client,
            "xdm:createdUserId": caller.member.account,
            "xdm:lastModifiedClientId": caller.member.client,
            "xdm:lastModifiedUserId": caller.member.account,
            "eTag": app.hex(32),
            "meta:globalLibVersion": GLOBAL_VERSION,
        },
    });
    for (name, value) in computed.as_object().into_iter().flatten() {
        definition[name] = value.clone();
    }
    if let Some(class) = class {
        definition["meta:class"] = json!(class);
    }
    Ok(definition)
}

/// Everything that a resource with these references extends, each once.
fn extends(registry: &Registry, refs: &[String]) -> Vec<Value> {
    let mut extends: Vec<Value> = Vec::new();
    for target in refs {
        let behind = registry.find(target).map(|found| found["meta:extends"].clone());
        let behind = behind.as_ref().and_then(Value::as_array).cloned().unwrap_or_default();
        for id in std::iter::once(json!(target)).chain(behind) {
            if !extends.contains(&id) {
                extends.push(id);
            }
        }
    }
    extends
}

fn is_behavior(id: &str) -> bool {
    xdm::globals("behaviors").iter().any(|behavior| behavior["$id"] == id)
}

/// The one class of a schema: what `allOf` refers to, or `meta:class`, which then is put into `allOf`.
fn with_class(definition: &mut Value, registry: &Registry) -> Result<String> {
    let fault =
        |message: String, at: &str| Err(Error::new(Kind::Invalid, &code::XDM_1020, message).at(Place::pointer(at)));
    let class_at = |id: &str| {
        let found = registry.find(id).filter(|found| found["meta:resourceType"] == "classes")?;
        found["$id"].as_str().map(str::to_string)
    };
    let parts = definition["allOf"].as_array().cloned().unwrap_or_default();
    let classes: Vec<String> = parts.iter().filter_map(|part| class_at(part["$ref"].as_str()?)).collect();
    let said = match &definition["meta:class"] {
        Value::Null => None,
        Value::String(id) => match class_at(id) {
            Some(class) => Some(class),
            None => return fault(format!("meta:class names the class {id}, which does not exist"), "/meta:class"),
        },
        _ => return fault("meta:class must be the $id of a class".into(), "/meta:class"),
    };
    match (classes.as_slice(), said) {
        ([], Some(class)) if definition["allOf"].is_null() || definition["allOf"].is_array() => {
            let mut all = vec![json!({ "$ref": class })];
            all.extend(parts);
            definition["allOf"] = Value::Array(all);
            Ok(class)
        }
        ([], _) => fault(
            "a schema needs a class: name one in allOf, such as https://ns.adobe.com/xdm/context/profile".into(),
            "/allOf",
        ),
        ([class], None) => Ok(class.clone()),
        ([class], Some(said)) if *class == said => Ok(said),
        ([class], Some(said)) => {
            fault(format!("allOf refers to the class {class}, and meta:class says {said}"), "/meta:class")
        }
        (several, _) => {
            fault(format!("a schema has one class, not {}: {}", several.len(), several.join(", ")), "/allOf")
        }
    }
}

/// Tags are for schemas, and there is one.
fn check_tags(kind: &str, tags: Option<&Value>) -> Result<()> {
    let good = match tags {
        None => true,
        Some(Value::Array(tags)) => kind == "schemas" && tags.iter().all(|tag| tag == "union"),
        Some(_) => false,
    };
    if good {
        return Ok(());
    }
    let message = format!("{} of a schema is [\"union\"], or is not there; other resources have none", unions::TAGS);
    Err(Error::new(Kind::Invalid, &code::XDM_1020, message).at(Place::pointer(format!("/{}", unions::TAGS))))
}
