//! Between manifests and the documents of the API, both ways. What a manifest cannot say of a document is left as it is.

use super::*;
use crate::identity::PrimaryIdentity;
use crate::schedule::moment;
use crate::xdm::{self, xdm_type};
use serde_json::json;

/// What a secret looks like in a document.
pub const MASK: &str = "********";
/// The connection spec of the lake: what target connections are of.
pub const LAKE: &str = "c604ff05-7f1a-43c0-8e18-33bf874cb11c";
/// How schemas of targets are read.
pub const FULL: &str = "application/vnd.adobe.xed-full+json;version=1";

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_string()
}

fn state(document: &Value) -> State {
    match document["state"].as_str() {
        Some("disabled") => State::Disabled,
        Some("draft") => State::Draft,
        _ => State::Enabled,
    }
}

/// The name of an environment variable for a parameter of a connection: `ORDERS_S3_S3SECRETKEY`.
pub fn variable(connection: &str, parameter: &str) -> String {
    let mut name = String::new();
    for c in format!("{connection}_{parameter}").chars() {
        match c {
            _ if c.is_ascii_alphanumeric() => name.push(c.to_ascii_uppercase()),
            _ if name.ends_with('_') || name.is_empty() => {}
            _ => name.push('_'),
        }
    }
    match name.chars().next() {
        Some('0'..='9') => format!("_{name}"),
        _ => name.trim_end_matches('_').to_string(),
    }
}

/// The manifest of a connection. Secrets are places to read them from.
pub fn connection(document: &Value, spec: &str) -> Connection {
    let name = text(document, "/name");
    let auth = document.get("auth").filter(|auth| auth.is_object()).map(|auth| {
        let mut params = Map::new();
        for (parameter, value) in auth["params"].as_object().into_iter().flatten() {
            let value = match value == MASK {
                true => json!({ "secret": format!("env:{}", variable(&name, parameter)) }),
                false => value.clone(),
            };
            if !value.is_null() {
                params.insert(parameter.clone(), value);
            }
        }
        Auth { kind: text(auth, "/specName"), params }
    });
    Connection { description: text(document, "/description"), spec: spec.into(), auth, state: state(document), name }
}

impl Connection {
    /// Puts names as the spec has them: of the spec itself, of the way to sign in, of its parameters.
    ///
    /// # Errors
    /// For what the spec does not have, and for a secret that is written into the file.
    pub fn fit(&mut self, spec: &Value) -> Result<(), Fault> {
        self.spec = text(spec, "/name");
        let squeeze = |text: &str| text.replace(' ', "").to_lowercase();
        let specs = || spec["authSpec"].as_array().into_iter().flatten();
        let Some(auth) = &mut self.auth else {
            return match specs().next() {
                Some(_) => Err(Fault::new("auth", "auth is missing: type and params")),
                None => Ok(()),
            };
        };
        let wanted = squeeze(&auth.kind);
        let by = |member: &str| specs().find(|known| known[member].as_str().map(squeeze) == Some(wanted.clone()));
        let Some(found) = by("name").or_else(|| by("type")) else {
            let known: Vec<&str> = specs().filter_map(|known| known["name"].as_str()).collect();
            return Err(Fault::new("auth.type", format!("{:?} is none of: {}", auth.kind, known.join(", "))));
        };
        auth.kind = text(found, "/name");
        let rules = found["spec"]["properties"].as_object().cloned().unwrap_or_default();
        let mut params = Map::new();
        for (name, value) in std::mem::take(&mut auth.params) {
            let own = rules.iter().find(|(known, rule)| {
                let aliases = rule["aliases"].as_array().into_iter().flatten();
                known.eq_ignore_ascii_case(&name)
                    || aliases.filter_map(Value::as_str).any(|alias| alias.eq_ignore_ascii_case(&name))
            });
            let spelled = own.map_or(name.clone(), |(known, _)| known.clone());
            if own.is_some_and(|(_, rule)| rule["format"] == "password") && secret(&value).is_none() {
                let at = format!("auth.params.{name}");
                return Err(Fault::new(at, "this is a secret: write {secret: env:NAME} or {secret: file:PATH}"));
            }
            params.insert(spelled, value);
        }
        auth.params = params;
        Ok(())
    }

    /// The document to be sent, with `params` in the place of the manifest's.
    pub fn body(&self, spec: &Value, params: Map<String, Value>) -> Value {
        let mut body = json!({ "name": self.name, "description": self.description,
            "connectionSpec": { "id": spec["id"], "version": spec["version"] } });
        if let Some(auth) = &self.auth {
            body["auth"] = json!({ "specName": auth.kind, "params": params });
        }
        body
    }
}

/// What is behind a dataset.
pub struct Behind<'a> {
    /// Its schema, as it was defined.
    pub schema: &'a Value,
    /// A resource of the registry by its `$id`.
    pub find: &'a dyn Fn(&str) -> Option<Value>,
    /// Whether a field group belongs to this schema alone.
    pub own: &'a dyn Fn(&str) -> bool,
    /// The organization's namespace, with its underscore.
    pub namespace: &'a str,
    /// What tells its rows apart.
    pub key: Option<&'a PrimaryIdentity>,
}

/// The manifest of a dataset, and the field groups that its own fields are in.
pub fn dataset(document: &Value, behind: &Behind<'_>) -> (Dataset, Vec<String>) {
    let mut dataset =
        Dataset { name: text(document, "/name"), description: text(document, "/description"), ..Dataset::default() };
    let mut groups = Vec::new();
    for part in behind.schema["allOf"].as_array().into_iter().flatten() {
        let Some(id) = part["$ref"].as_str() else { continue };
        let Some(found) = (behind.find)(id) else { continue };
        if found["meta:resourceType"] == "classes" {
            let id = text(&found, "/$id");
            dataset.class = (id != CLASS).then_some(id);
            continue;
        }
        let fields = (behind.own)(id).then(|| own_fields(&found, behind.namespace)).flatten();
        match fields {
            Some(fields) => {
                for (name, field) in fields.iter() {
                    dataset.fields.insert(name, field.clone());
                }
                groups.push(id.to_string());
            }
            None => dataset.field_groups.push(id.to_string()),
        }
    }
    dataset.key = behind.key.map(|identity| {
        let own = identity.path.first().is_some_and(|first| first == behind.namespace);
        let field = match own {
            true => identity.path[1..].join("."),
            false => format!("/{}", identity.path.join("/")),
        };
        Key { field, namespace: identity.namespace.clone() }
    });
    (dataset, groups)
}

/// The fields of a group that has nothing but fields below the organization's namespace, each such as a manifest can say.
fn own_fields(group: &Value, namespace: &str) -> Option<Ordered<Field>> {
    let mut found = Ordered::default();
    let parts = group["definitions"].as_object().into_iter().flatten().map(|(_, part)| part);
    for part in parts.chain([group]) {
        for (name, property) in part["properties"].as_object().into_iter().flatten() {
            if name != namespace {
                return None;
            }
            for (name, field) in fields_of(property)?.iter() {
                found.insert(name, field.clone());
            }
        }
    }
    (!found.is_empty()).then_some(found)
}

fn fields_of(object: &Value) -> Option<Ordered<Field>> {
    let required: Vec<&str> = object["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut fields = Ordered::default();
    for (name, property) in object["properties"].as_object().into_iter().flatten() {
        let mut field = field_of(property)?;
        field.required = required.contains(&name.as_str());
        fields.insert(name, field);
    }
    Some(fields)
}

/// What a manifest can say of a property.
const SAYABLE: &[&str] = &[
    "type",
    "title",
    "description",
    "format",
    "meta:xdmType",
    "minimum",
    "maximum",
    "properties",
    "required",
    "items",
    "additionalProperties",
];

fn field_of(property: &Value) -> Option<Field> {
    let node = property.as_object()?;
    if node.keys().any(|name| !SAYABLE.contains(&name.as_str())) {
        return None;
    }
    let kind = match xdm_type(node)? {
        "int" => FieldKind::Integer,
        other => FieldKind::parse(other)?,
    };
    let mut field = Field { kind, description: text(property, "/description"), ..Field::default() };
    match kind {
        FieldKind::Object => field.fields = fields_of(property)?,
        FieldKind::Array => field.items = Some(Box::new(field_of(&property["items"])?)),
        FieldKind::Map => field.items = Some(Box::new(field_of(&property["additionalProperties"])?)),
        _ => {}
    }
    Some(field)
}

impl Field {
    fn property(&self) -> Value {
        let integer = |meta: &str, least: i64, most: i64| json!({ "type": "integer", "meta:xdmType": meta, "minimum": least, "maximum": most });
        let mut property = match self.kind {
            FieldKind::String => json!({ "type": "string" }),
            FieldKind::Boolean => json!({ "type": "boolean" }),
            FieldKind::Byte => integer("byte", -128, 127),
            FieldKind::Short => integer("short", -32_768, 32_767),
            FieldKind::Integer => json!({ "type": "integer", "meta:xdmType": "int" }),
            // Exact bounds do not survive a client that reads numbers as doubles.
            FieldKind::Long => integer("long", -9_007_199_254_740_991, 9_007_199_254_740_991),
            FieldKind::Number => json!({ "type": "number" }),
            FieldKind::Date => json!({ "type": "string", "format": "date", "meta:xdmType": "date" }),
            FieldKind::DateTime => json!({ "type": "string", "format": "date-time", "meta:xdmType": "date-time" }),
            FieldKind::Object => object(&self.fields),
            FieldKind::Array => json!({ "type": "array", "items": self.inside() }),
            FieldKind::Map => json!({ "type": "object", "meta:xdmType": "map", "additionalProperties": self.inside() }),
        };
        if !self.description.is_empty() {
            property["description"] = json!(self.description);
        }
        property
    }

    fn inside(&self) -> Value {
        self.items.as_ref().map_or(json!({ "type": "string" }), |items| items.property())
    }
}

fn object(fields: &Ordered<Field>) -> Value {
    let mut node = json!({ "type": "object", "properties": {} });
    let mut required = Vec::new();
    for (name, field) in fields.iter() {
        node["properties"][name] = field.property();
        if field.required {
            required.push(name);
        }
    }
    if !required.is_empty() {
        node["required"] = json!(required);
    }
    node
}

impl Dataset {
    /// How what is made for a dataset is told from what people made: its description.
    pub fn mark(&self) -> String {
        format!("Made for the dataset {}", self.name)
    }

    /// The field group of its own fields; `None` if it has none.
    pub fn group_body(&self, namespace: &str) -> Option<Value> {
        if self.fields.is_empty() {
            return None;
        }
        Some(json!({
            "type": "object",
            "title": format!("{} fields", self.name),
            "description": self.mark(),
            "meta:intendedToExtend": [self.class.as_deref().unwrap_or(CLASS)],
            "definitions": { "fields": { "properties": { namespace: object(&self.fields) } } },
            "allOf": [{ "$ref": "#/definitions/fields" }],
        }))
    }

    /// The schema over its field groups, of which `own` are those with its own fields.
    pub fn schema_body(&self, own: &[String]) -> Value {
        let parts = [self.class.as_deref().unwrap_or(CLASS)].into_iter();
        let parts = parts.chain(self.field_groups.iter().map(String::as_str)).chain(own.iter().map(String::as_str));
        let parts: Vec<Value> = parts.map(|id| json!({ "$ref": id })).collect();
        json!({ "type": "object", "title": self.name, "description": self.mark(), "allOf": parts })
    }

    /// What says which field tells rows apart.
    pub fn descriptor_body(&self, schema: &str, namespace: &str) -> Option<Value> {
        let key = self.key.as_ref()?;
        let property = match key.field.starts_with('/') {
            true => key.field.clone(),
            false => format!("/{namespace}/{}", key.field.replace('.', "/")),
        };
        Some(json!({ "@type": crate::identity::DESCRIPTOR, "xdm:sourceSchema": schema, "xdm:sourceVersion": 1,
            "xdm:sourceProperty": property, "xdm:namespace": key.namespace, "xdm:property": "xdm:code", "xdm:isPrimary": true }))
    }

    /// The dataset itself.
    pub fn body(&self, schema: &str) -> Value {
        json!({ "name": self.name, "description": self.description,
            "schemaRef": { "id": schema, "contentType": FULL } })
    }
}

/// The parts of a flow.
pub struct Parts<'a> {
    /// The flow's document.
    pub flow: &'a Value,
    /// Its source connection.
    pub source: &'a Value,
    /// The name of its base connection.
    pub connection: String,
    /// The name of its dataset.
    pub dataset: String,
    /// Its mapping set, in the version that it names.
    pub set: Option<&'a Value>,
}

/// The manifest of a flow.
pub fn flow(parts: &Parts<'_>) -> Flow {
    let document = parts.flow;
    let transformations = || document["transformations"].as_array().into_iter().flatten();
    let copy = transformations().find(|transformation| transformation["name"] == "Copy");
    let percent = match &document["options"]["partialIngestionPercent"] {
        Value::String(text) => text.parse().ok(),
        value => value.as_f64(),
    };
    Flow {
        name: text(document, "/name"),
        description: text(document, "/description"),
        connection: parts.connection.clone(),
        dataset: parts.dataset.clone(),
        source: source(parts.source),
        mapping: parts.set.map(rules).unwrap_or_default(),
        delta_column: copy.map(|copy| text(copy, "/params/deltaColumn/name")).filter(|name| !name.is_empty()),
        schedule: schedule(&document["scheduleParams"]),
        options: Options {
            partial_ingestion_percent: percent,
            error_diagnostics: truth(&document["options"]["errorDiagnosticsEnabled"]) == Some(true),
        },
        state: state(document),
    }
}

/// A yes or no as clients write it.
fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn source(document: &Value) -> Source {
    let mut found = Source::default();
    let format = text(document, "/data/format");
    let tabular = format.eq_ignore_ascii_case("tabular");
    for (name, value) in document["params"].as_object().into_iter().flatten() {
        match (name.as_str(), value) {
            (_, Value::Null) => {}
            ("path" | "tableName", Value::String(path)) if tabular => found.table = Some(path.clone()),
            ("path", Value::String(path)) => found.path = Some(path.clone()),
            ("type", Value::String(kind)) if kind.eq_ignore_ascii_case("folder") => found.kind = PathKind::Folder,
            ("type", Value::String(kind)) if kind.eq_ignore_ascii_case("file") => {}
            ("recursive", value) if truth(value).is_some() => found.recursive = truth(value) == Some(true),
            ("cdcEnabled", value) if truth(value) == Some(false) => {}
            _ => {
                found.params.insert(name.clone(), value.clone());
            }
        }
    }
    let data = document["data"].as_object().into_iter().flatten();
    let properties = document["data"]["properties"].as_object().into_iter().flatten();
    for (name, value) in data.chain(properties) {
        // Older clients write properties beside the format.
        if !matches!(name.as_str(), "format" | "properties" | "schema") && !value.is_null() && value != "" {
            found.properties.insert(name.clone(), value.clone());
        }
    }
    found.format = (!tabular && !format.is_empty()).then(|| format.to_ascii_lowercase());
    found
}

fn rules(set: &Value) -> Vec<Rule> {
    let mut found = Vec::new();
    for entry in set["mappings"].as_array().into_iter().flatten() {
        let member = |names: [&str; 2]| names.iter().map(|name| &entry[*name]).find(|v| !v.is_null()).cloned();
        let mut rule = Rule::default();
        if let Some(Value::String(to)) = member(["destination", "destinationXdmPath"]) {
            rule.to = to;
        }
        let from = member(["source", "sourceAttribute"]);
        match entry["sourceType"].as_str().unwrap_or_default().to_ascii_uppercase().as_str() {
            "EXPRESSION" | "TEXT/X.AEP-XL" => rule.expression = from.and_then(|v| v.as_str().map(str::to_string)),
            "STATIC" => rule.value = from,
            _ => rule.from = from.and_then(|value| value.as_str().map(str::to_string)),
        }
        let secondary = truth(&entry["primaryIdentity"]) == Some(false);
        if truth(&entry["identity"]) == Some(true) && !secondary {
            rule.identity = member(["namespaceCode", "identityGroup"]).and_then(|v| v.as_str().map(str::to_string));
        }
        found.push(rule);
    }
    found
}

fn schedule(params: &Value) -> Schedule {
    let frequency = match params["frequency"].as_str().unwrap_or_default().to_ascii_lowercase().as_str() {
        "minute" => Frequency::Minute,
        "hour" => Frequency::Hour,
        "day" => Frequency::Day,
        "week" => Frequency::Week,
        _ => Frequency::Once,
    };
    let interval = match &params["interval"] {
        Value::String(text) => text.trim().parse().ok(),
        value => value.as_i64(),
    };
    Schedule {
        frequency,
        interval: interval.filter(|_| frequency != Frequency::Once),
        start: params.get("startTime").and_then(start),
        end: params.get("endTime").filter(|_| frequency != Frequency::Once).and_then(start),
        backfill: truth(&params["backfill"]).unwrap_or(true),
    }
}

/// A moment in seconds where nothing is lost, as the tutorials have it. What is none stays, for the API to refuse.
fn seconds(text: &str) -> Value {
    match moment(&json!(text)).map(|moment| moment.timestamp_millis()) {
        Some(millis) if millis % 1000 == 0 => json!(millis / 1000),
        Some(millis) => json!(millis),
        None => json!(text),
    }
}

/// A moment, always written the same.
pub fn start(value: &Value) -> Option<String> {
    moment(value).map(|moment| moment.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

impl Frequency {
    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Frequency::Once => "once",
            Frequency::Minute => "minute",
            Frequency::Hour => "hour",
            Frequency::Day => "day",
            Frequency::Week => "week",
        }
    }
}

impl Source {
    /// `data` and `params` of a source connection.
    pub fn bodies(&self) -> (Value, Value) {
        let mut params = Value::Object(self.params.clone());
        let mut data = json!({ "format": self.format.as_deref().unwrap_or("delimited") });
        if let Some(table) = &self.table {
            data["format"] = json!("tabular");
            params["path"] = json!(table);
        }
        if let Some(path) = &self.path {
            params["path"] = json!(path);
            params["type"] = json!(if self.kind == PathKind::Folder { "folder" } else { "file" });
            params["recursive"] = json!(self.recursive);
        }
        if !self.properties.is_empty() {
            data["properties"] = Value::Object(self.properties.clone());
        }
        (data, params)
    }
}

impl Flow {
    /// How what is made for a flow is told from what people made: its description.
    pub fn mark(&self) -> String {
        format!("Made for the flow {}", self.name)
    }

    /// Which data. `connection` is the base connection, `spec` its connection spec.
    pub fn source_body(&self, connection: &str, spec: &Value) -> Value {
        let (data, params) = self.source.bodies();
        json!({ "name": format!("{} source", self.name), "description": self.mark(), "baseConnectionId": connection,
            "connectionSpec": { "id": spec["id"], "version": spec["version"] }, "data": data, "params": params })
    }

    /// Where it goes.
    pub fn target_body(&self, dataset: &str, schema: &str) -> Value {
        json!({ "name": format!("{} target", self.name), "description": self.mark(),
            "connectionSpec": { "id": LAKE, "version": "1.0" },
            "data": { "schema": { "id": schema, "version": FULL } }, "params": { "dataSetId": dataset } })
    }

    /// What fills the fields of a schema; `None` where nothing does.
    pub fn mapping_body(&self, schema: &str) -> Option<Value> {
        if self.mapping.is_empty() {
            return None;
        }
        let rules: Vec<Value> = self.mapping.iter().map(Rule::body).collect();
        Some(json!({ "name": format!("{} mapping", self.name),
            "outputSchema": { "schemaRef": { "id": schema, "contentType": FULL } }, "mappings": rules }))
    }

    /// The list of transformations, with the mapping set and its version.
    pub fn transformations(&self, mapping: Option<(&str, u64)>) -> Value {
        let mut list = Vec::new();
        if let Some(column) = &self.delta_column {
            list.push(json!({ "name": "Copy", "params": { "deltaColumn": { "name": column } } }));
        }
        if let Some((id, version)) = mapping {
            list.push(json!({ "name": "Mapping", "params": { "mappingId": id, "mappingVersion": version } }));
        }
        Value::Array(list)
    }

    /// `scheduleParams`. `kept` is the start that the flow has already.
    pub fn schedule_body(&self, kept: Option<&Value>) -> Value {
        let mut params = json!({ "frequency": self.schedule.frequency.name() });
        if let Some(interval) = self.schedule.interval {
            params["interval"] = json!(interval);
        }
        let start = self.schedule.start.as_deref();
        let same = kept.and_then(self::start).as_deref() == start && start.is_some();
        if let Some(kept) = kept.filter(|_| same || start.is_none()) {
            params["startTime"] = kept.clone();
        } else if let Some(start) = start {
            params["startTime"] = seconds(start);
        }
        if let Some(end) = &self.schedule.end {
            params["endTime"] = seconds(end);
        }
        if !self.schedule.backfill {
            params["backfill"] = json!(false);
        }
        params
    }

    /// `options`.
    pub fn options_body(&self) -> Value {
        let mut options = json!({ "errorDiagnosticsEnabled": self.options.error_diagnostics });
        if let Some(percent) = self.options.partial_ingestion_percent {
            options["partialIngestionPercent"] = json!(percent);
        }
        options
    }
}

impl Rule {
    fn body(&self) -> Value {
        let (kind, source) = match (&self.from, &self.expression, &self.value) {
            (Some(from), ..) => ("ATTRIBUTE", json!(from)),
            (None, Some(expression), _) => ("EXPRESSION", json!(expression)),
            (None, None, value) => ("STATIC", value.clone().unwrap_or_default()),
        };
        let mut body = json!({ "sourceType": kind, "source": source, "destination": self.to });
        if let Some(namespace) = &self.identity {
            body["identity"] = json!(true);
            body["namespaceCode"] = json!(namespace);
        }
        body
    }
}

/// Whether two ids name one resource of the registry.
pub fn same(a: &str, b: &str) -> bool {
    xdm::same(a, b)
}
