//! Manifests: connections, datasets and flows as people write them into files, one document each, referring to one
//! another by name. The format is told in `docs/book/manifest.md`.
//!
//! Pure: [`convert`] makes manifests of the documents that the API shows, [`diff`] compares two of them. What a manifest
//! leaves out has its default, and what has its default is left out when one is written: so what was exported and applied
//! compares as equal.

pub mod convert;
pub mod diff;
mod ordered;
#[cfg(test)]
mod tests;

pub use ordered::Ordered;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};
use std::fmt;

/// The class that schemas have when a manifest names none.
pub const CLASS: &str = "https://ns.adobe.com/xdm/context/profile";
/// The namespace of a key that names none.
pub const NAMESPACE: &str = "Key";
/// The kinds of manifests.
pub const KINDS: [&str; 3] = ["Connection", "Dataset", "Flow"];

/// One document of a manifest file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
#[expect(clippy::large_enum_variant, reason = "there are hundreds at most, and most of them are flows")]
pub enum Manifest {
    /// Credentials of one account.
    Connection(Connection),
    /// A table of the lake, and its fields.
    Dataset(Dataset),
    /// What is read, how it is mapped, where it goes and when.
    Flow(Flow),
}

/// Credentials of one account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Connection {
    /// What it is called; unique among connections.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The name of its connection spec, such as `amazon-s3`.
    pub spec: String,
    /// How it signs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// Whether it may be used.
    #[serde(default, skip_serializing_if = "State::is_enabled")]
    pub state: State,
}

/// How a connection signs in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Auth {
    /// The name of the auth spec, such as `Access Key`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its parameters. A secret is `{secret: env:NAME}` or `{secret: file:PATH}`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
}

/// A table of the lake.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Dataset {
    /// What it is called; unique among datasets.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The `$id` of its schema's class; [`CLASS`] where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The `$id`s of field groups that its schema has beside the fields of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub field_groups: Vec<String>,
    /// The field that tells its rows apart: rows that come again replace those before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// Fields of its own, below the organization's namespace.
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    pub fields: Ordered<Field>,
}

/// What tells rows apart: `key: order_id`, or `key: {field: order_id, namespace: Orders}`.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// A field of the dataset's own, names joined by dots; or a path from the schema's top, such as `/_id`.
    pub field: String,
    /// What its values are.
    pub namespace: String,
}

/// A field: `order_id: string`, or an object with what else is to be said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Field {
    /// What its values are.
    pub kind: FieldKind,
    /// Rows without it are rejected.
    pub required: bool,
    /// For people.
    pub description: String,
    /// The fields inside an object.
    pub fields: Ordered<Field>,
    /// What an array or a map consists of.
    pub items: Option<Box<Field>>,
}

/// What the values of a field are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum FieldKind {
    #[default]
    String,
    Boolean,
    Byte,
    Short,
    Integer,
    Long,
    Number,
    Date,
    DateTime,
    Object,
    Array,
    Map,
}

/// What is read, how it is mapped, where it goes and when.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Flow {
    /// What it is called; unique among flows.
    pub name: String,
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The name of the connection it reads through.
    pub connection: String,
    /// The name of the dataset it fills.
    pub dataset: String,
    /// What it reads.
    pub source: Source,
    /// What fills each target field. None for files that have the schema's own shape.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mapping: Vec<Rule>,
    /// The column of a table that tells when a record changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta_column: Option<String>,
    /// When it runs.
    #[serde(default, skip_serializing_if = "Schedule::is_default")]
    pub schedule: Schedule,
    /// What becomes of rows that fail.
    #[serde(default, skip_serializing_if = "Options::is_default")]
    pub options: Options,
    /// Whether it runs by itself.
    #[serde(default, skip_serializing_if = "State::is_enabled")]
    pub state: State,
}

/// What a flow reads: files at a `path`, or a `table`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Source {
    /// A file, a folder or a pattern.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// A table, as `explore` lists it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// Whether `path` is a file (or a pattern of files) or a folder.
    #[serde(default, rename = "type", skip_serializing_if = "PathKind::is_file")]
    pub kind: PathKind,
    /// Subfolders too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recursive: bool,
    /// `delimited`, `json` or `parquet`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// How the bytes are read: `columnDelimiter`, `encoding`, `compressionType`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub properties: Map<String, Value>,
    /// Other parameters of the source connection, such as `columns`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub params: Map<String, Value>,
}

/// Whether a path is a file or a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PathKind {
    /// A file, or a pattern of files.
    #[default]
    File,
    /// A folder.
    Folder,
}

impl PathKind {
    fn is_file(&self) -> bool {
        *self == PathKind::File
    }
}

/// What fills one target field: exactly one of `from`, `expression` and `value`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Rule {
    /// The target field, names joined by dots from the schema's top.
    pub to: String,
    /// A field of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// An expression over fields of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// The value itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// What the values are, if this field tells rows apart and the dataset has no `key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

/// When a flow runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Schedule {
    /// How often.
    #[serde(default)]
    pub frequency: Frequency,
    /// Every so many of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<i64>,
    /// The first run: an ISO 8601 moment. Left out it is the moment of creation, and whatever it is later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// No run is due later: an ISO 8601 moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<String>,
    /// The first run takes what is there already.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub backfill: bool,
}

/// How often a flow runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Frequency {
    #[default]
    Once,
    Minute,
    Hour,
    Day,
    Week,
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule { frequency: Frequency::Once, interval: None, start: None, end: None, backfill: true }
    }
}

impl Schedule {
    fn is_default(&self) -> bool {
        *self == Schedule::default()
    }
}

/// What becomes of rows that fail.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Options {
    /// Percent of rows that may fail before the run does.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "whole_if_it_is")]
    pub partial_ingestion_percent: Option<f64>,
    /// Each failed row is noted with file, line and column.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub error_diagnostics: bool,
}

impl Options {
    fn is_default(&self) -> bool {
        *self == Options::default()
    }
}

/// Whether something is in use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is.
    #[default]
    Enabled,
    /// It is not.
    Disabled,
    /// It is not whole yet: a wizard's, which no manifest makes.
    Draft,
}

impl State {
    fn is_enabled(&self) -> bool {
        *self == State::Enabled
    }
}

impl Manifest {
    /// `Connection`, `Dataset` or `Flow`.
    pub fn kind(&self) -> &'static str {
        match self {
            Manifest::Connection(_) => KINDS[0],
            Manifest::Dataset(_) => KINDS[1],
            Manifest::Flow(_) => KINDS[2],
        }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        match self {
            Manifest::Connection(connection) => &connection.name,
            Manifest::Dataset(dataset) => &dataset.name,
            Manifest::Flow(flow) => &flow.name,
        }
    }

    /// What can be judged without a server: the first fault, and where in the document it is.
    pub fn check(&self) -> Result<(), Fault> {
        if self.name().trim().is_empty() {
            return Err(Fault::new("name", "name is empty"));
        }
        match self {
            Manifest::Connection(connection) => connection.check(),
            Manifest::Dataset(dataset) => dataset.check(),
            Manifest::Flow(flow) => flow.check(),
        }
    }
}

/// What is wrong with a manifest, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Members from the document's top, joined by dots.
    pub at: String,
    /// Why.
    pub message: String,
}

impl Fault {
    fn new(at: impl Into<String>, message: impl Into<String>) -> Fault {
        Fault { at: at.into(), message: message.into() }
    }
}

/// What a secret is to be read from: `env:NAME` or `file:PATH`. `None` for a plain value.
pub fn secret(value: &Value) -> Option<&str> {
    let members = value.as_object().filter(|members| members.len() == 1)?;
    members.get("secret")?.as_str()
}

impl Connection {
    fn check(&self) -> Result<(), Fault> {
        for (name, value) in self.auth.iter().flat_map(|auth| &auth.params) {
            let at = || format!("auth.params.{name}");
            match secret(value) {
                Some(from) if from.starts_with("env:") && from.len() > 4 => {}
                Some(from) if from.starts_with("file:") && from.len() > 5 => {}
                Some(_) => return Err(Fault::new(at(), "a secret is `env:NAME` or `file:PATH`")),
                None if value.get("secret").is_some() => {
                    return Err(Fault::new(at(), "a secret is {secret: env:NAME} or {secret: file:PATH}, and no more"));
                }
                None => {}
            }
        }
        Ok(())
    }
}

impl Dataset {
    fn check(&self) -> Result<(), Fault> {
        if self.fields.is_empty() && self.field_groups.is_empty() && self.class.is_none() {
            return Err(Fault::new("fields", "a dataset needs fields, or fieldGroups that have some"));
        }
        check_fields(&self.fields, "fields")?;
        match &self.key {
            Some(key) if !key.field.starts_with('/') && find(&self.fields, &key.field).is_none() => {
                Err(Fault::new("key", format!("the dataset has no field `{}` of its own", key.field)))
            }
            _ => Ok(()),
        }
    }
}

fn check_fields(fields: &Ordered<Field>, at: &str) -> Result<(), Fault> {
    for (name, field) in fields.iter() {
        let at = format!("{at}.{name}");
        if name.trim().is_empty() || name.starts_with('_') {
            return Err(Fault::new(at, "a field's name is not empty and does not begin with `_`"));
        }
        check_field(field, &at)?;
    }
    Ok(())
}

fn check_field(field: &Field, at: &str) -> Result<(), Fault> {
    match field.kind {
        FieldKind::Object if field.fields.is_empty() => Err(Fault::new(at, "an object needs `fields`")),
        FieldKind::Array | FieldKind::Map => match &field.items {
            Some(items) => check_field(items, &format!("{at}.items")),
            None => Err(Fault::new(at, "an array or a map needs `items`: what it consists of")),
        },
        FieldKind::Object => check_fields(&field.fields, &format!("{at}.fields")),
        _ if !field.fields.is_empty() => Err(Fault::new(at, "only an object has `fields`")),
        _ if field.items.is_some() => Err(Fault::new(at, "only an array or a map has `items`")),
        _ => Ok(()),
    }
}

fn find<'a>(fields: &'a Ordered<Field>, path: &str) -> Option<&'a Field> {
    match path.split_once('.') {
        None => fields.get(path),
        Some((first, rest)) => find(&fields.get(first)?.fields, rest),
    }
}

impl Flow {
    fn check(&self) -> Result<(), Fault> {
        match (&self.source.path, &self.source.table) {
            (Some(_), None) | (None, Some(_)) => {}
            (Some(_), Some(_)) => return Err(Fault::new("source", "a source is a path or a table, not both")),
            (None, None) => return Err(Fault::new("source", "a source needs a path, or a table")),
        }
        for (index, rule) in self.mapping.iter().enumerate() {
            let at = || format!("mapping[{index}]");
            let given =
                [rule.from.is_some(), rule.expression.is_some(), rule.value.is_some()].iter().filter(|g| **g).count();
            if given != 1 {
                return Err(Fault::new(at(), "a rule has exactly one of from, expression and value"));
            }
            if self.mapping[..index].iter().any(|other| other.to == rule.to) {
                return Err(Fault::new(at(), format!("`{}` is filled twice", rule.to)));
            }
        }
        if self.state == State::Draft {
            return Err(Fault::new("state", "a manifest makes whole flows: state is enabled or disabled"));
        }
        match (self.schedule.frequency, self.schedule.interval) {
            (Frequency::Once, Some(_)) => Err(Fault::new("schedule.interval", "what runs once has no interval")),
            (Frequency::Once, None) | (_, Some(1..)) => Ok(()),
            _ => Err(Fault::new("schedule.interval", "a schedule needs an interval of at least 1")),
        }
    }
}

fn yes() -> bool {
    true
}

fn is_yes(value: &bool) -> bool {
    *value
}

/// 5 rather than 5.0.
fn whole_if_it_is<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => serializer.serialize_i64(*number as i64),
        Some(number) => serializer.serialize_f64(*number),
        None => serializer.serialize_none(),
    }
}

/// A key in its long form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LongKey {
    field: String,
    #[serde(default = "namespace")]
    namespace: String,
}

fn namespace() -> String {
    NAMESPACE.into()
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.namespace == NAMESPACE {
            true => serializer.serialize_str(&self.field),
            false => LongKey { field: self.field.clone(), namespace: self.namespace.clone() }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a field, or an object with field and namespace")
            }
            fn visit_str<E>(self, text: &str) -> Result<Key, E> {
                Ok(Key { field: text.into(), namespace: NAMESPACE.into() })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Key, A::Error> {
                let long = LongKey::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(Key { field: long.field, namespace: long.namespace })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A field in its long form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LongField {
    #[serde(rename = "type")]
    kind: FieldKind,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    required: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "Ordered::is_empty")]
    fields: Ordered<Field>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    items: Option<Box<Field>>,
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.required && self.description.is_empty() && self.fields.is_empty() && self.items.is_none() {
            return self.kind.serialize(serializer);
        }
        let Field { kind, required, description, fields, items } = self.clone();
        LongField { kind, required, description, fields, items }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Field, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Field;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a type such as string or integer, or an object with type")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Field, E> {
                let kind = FieldKind::parse(text).ok_or_else(|| E::custom(unknown_type(text)))?;
                Ok(Field { kind, ..Field::default() })
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Field, A::Error> {
                let long = LongField::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                let LongField { kind, required, description, fields, items } = long;
                Ok(Field { kind, required, description, fields, items })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

fn unknown_type(text: &str) -> String {
    let known: Vec<&str> = FieldKind::ALL.iter().map(|kind| kind.name()).collect();
    format!("{text:?} is no type of a field; there are {}", known.join(", "))
}

impl FieldKind {
    /// All of them.
    pub const ALL: [FieldKind; 12] = [
        FieldKind::String,
        FieldKind::Boolean,
        FieldKind::Byte,
        FieldKind::Short,
        FieldKind::Integer,
        FieldKind::Long,
        FieldKind::Number,
        FieldKind::Date,
        FieldKind::DateTime,
        FieldKind::Object,
        FieldKind::Array,
        FieldKind::Map,
    ];

    /// As a manifest writes it.
    pub fn name(self) -> &'static str {
        match self {
            FieldKind::String => "string",
            FieldKind::Boolean => "boolean",
            FieldKind::Byte => "byte",
            FieldKind::Short => "short",
            FieldKind::Integer => "integer",
            FieldKind::Long => "long",
            FieldKind::Number => "number",
            FieldKind::Date => "date",
            FieldKind::DateTime => "date-time",
            FieldKind::Object => "object",
            FieldKind::Array => "array",
            FieldKind::Map => "map",
        }
    }

    /// The type of that name.
    pub fn parse(text: &str) -> Option<FieldKind> {
        FieldKind::ALL.into_iter().find(|kind| kind.name() == text)
    }
}
