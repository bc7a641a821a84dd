//! The credentials of a connection: checked against the auth spec, and parted into what the document shows and what
//! is sealed. A document shows the mask in the place of a secret, and a mask that comes back unchanged keeps the
//! secret (FS-ENV-9). Nothing here puts a value into a message.

use crate::problem::invalid;
use forebay_model::error::{Kind, Place};
use forebay_model::{Error, Result, code};
use forebay_store::Secrets;
use jsonschema::error::ValidationErrorKind;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What a secret looks like in a document.
pub const MASK: &str = "********";

/// Where the parameters are in a connection's document.
const PARAMS: &str = "/auth/params/";

/// Words that make a parameter a secret when no spec describes it.
const SECRET_WORDS: &[&str] = &[
    "secret",
    "password",
    "pwd",
    "token",
    "credential",
    "privatekey",
    "passphrase",
    "saskey",
    "sasuri",
    "connectionstring",
];

/// Whether a parameter of that name is a secret in any of the specs, or by its name.
pub fn may_be_secret<'a>(mut specs: impl Iterator<Item = &'a Value>, name: &str) -> bool {
    sounds_secret(name) || specs.any(|spec| auth_specs(spec).any(|auth| marked(&auth["spec"]).contains(name)))
}

/// The parameters that an auth spec marks as passwords, however deep in them the mark is.
pub fn marked(rules: &Value) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut open = vec![rules];
    while let Some(schema) = open.pop() {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if passwords(property) > 0 {
                names.insert(name.as_str());
            }
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            open.extend(schema[keyword].as_array().into_iter().flatten());
        }
        open.extend(["if", "then", "else", "not"].iter().filter_map(|keyword| schema.get(keyword)));
    }
    names
}

/// How often a schema says that something is a password.
pub fn passwords(schema: &Value) -> usize {
    match schema {
        Value::Object(members) => {
            usize::from(members.get("format").is_some_and(|format| format == "password"))
                + members.values().map(passwords).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(passwords).sum(),
        _ => 0,
    }
}

fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['_', '-'], "");
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// How connections of a spec may sign in.
pub fn auth_specs(spec: &Value) -> impl Iterator<Item = &Value> {
    spec["authSpec"].as_array().into_iter().flatten()
}

/// The auth spec of that name: exactly, else in any case, else by its type, blanks aside (FS-CON-2).
fn auth_spec<'a>(spec: &'a Value, name: &str) -> Result<&'a Value> {
    let squeeze = |text: &str| text.replace(' ', "").to_lowercase();
    let exact = auth_specs(spec).find(|auth| auth["name"] == name);
    let by = |member: &str| auth_specs(spec).find(|a| a[member].as_str().map(squeeze) == Some(squeeze(name)));
    if let Some(found) = exact.or_else(|| by("name")).or_else(|| by("type")) {
        return Ok(found);
    }
    let names: Vec<&str> = auth_specs(spec).filter_map(|auth| auth["name"].as_str()).collect();
    Err(Error::new(
        Kind::Invalid,
        &code::FLOW_1415,
        format!("auth.specName {name:?} is none of this connection spec's: {}", names.join(", ")),
    )
    .at(Place::pointer("/auth/specName")))
}

/// Checks a connection's `auth` against its spec; writes the masks into it, and gives back what is to be sealed.
/// `old` is what is sealed already. Of a draft, parameters may be missing, and even what they are for.
pub fn seal(body: &mut Map<String, Value>, spec: &Value, old: &Secrets, draft: bool) -> Result<Secrets> {
    if body.get("auth").is_some_and(Value::is_null) {
        body.remove("auth");
    }
    let Some(auth) = body.get_mut("auth") else {
        return match auth_specs(spec).next() {
            None => Ok(Secrets::new()),
            Some(_) if draft => Ok(Secrets::new()),
            Some(_) => {
                Err(invalid("auth is missing: this connection spec needs specName and params")
                    .at(Place::pointer("/auth")))
            }
        };
    };
    if !auth.is_object() {
        return Err(invalid("auth must be an object with specName and params").at(Place::pointer("/auth")));
    }
    let rules = match auth.get("specName") {
        Some(Value::String(name)) => Some(&auth_spec(spec, name)?["spec"]),
        None | Some(Value::Null) if draft => None,
        _ => {
            return Err(Error::new(Kind::Invalid, &code::FLOW_1415, "auth.specName is missing")
                .at(Place::pointer("/auth/specName")));
        }
    };
    let mut params = match auth.get("params") {
        None | Some(Value::Null) if draft => return Ok(Secrets::new()),
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params.clone(),
        Some(_) => {
            return Err(invalid("auth.params must be an object").at(Place::pointer("/auth/params")));
        }
    };
    let mut kept = restore(&mut params, rules, old);
    if let Some(rules) = rules {
        params = by_their_names(params, rules)?;
        kept = kept.iter().map(|name| spelled(name, rules)).collect();
        kept.extend(restore(&mut params, Some(rules), old));
    }
    let secret = Judge::new(spec, rules);
    let named = |name: &str| kept.contains(name) || secret.is_secret(name);
    if let Some((name, _)) = params.iter().find(|(name, value)| *value == MASK && named(name)) {
        return Err(invalid(format!("auth.params.{name} is the mask, and there is no stored value to keep"))
            .at(Place::pointer(pointer(name))));
    }
    if let Some(rules) = rules
        && !draft
    {
        validate(&params, rules)?;
    }
    let mut secrets = Secrets::new();
    for (name, value) in &mut params {
        if !named(name) {
            continue;
        }
        let text = match value.take() {
            Value::Null => continue,
            Value::String(text) => text,
            other => other.to_string(),
        };
        secrets.insert(pointer(name), SecretString::from(text));
        *value = json!(MASK);
    }
    auth["params"] = Value::Object(params);
    Ok(secrets)
}

/// A parameter's place in a connection's document.
fn pointer(name: &str) -> String {
    format!("{PARAMS}{}", name.replace('~', "~0").replace('/', "~1"))
}

/// Says which parameters are secrets.
struct Judge<'a> {
    marked: BTreeSet<&'a str>,
    rules: Option<&'a Value>,
}

impl<'a> Judge<'a> {
    /// By one auth spec; as long as a draft does not say which, by all that its connection spec has.
    fn new(spec: &'a Value, rules: Option<&'a Value>) -> Judge<'a> {
        let marked = match rules {
            Some(rules) => marked(rules),
            None => auth_specs(spec).flat_map(|auth| marked(&auth["spec"])).collect(),
        };
        Judge { marked, rules }
    }

    fn is_secret(&self, name: &str) -> bool {
        if self.marked.contains(name) {
            return true;
        }
        match self.rules.and_then(|rules| rules["properties"].get(name)) {
            // The name of a key is none.
            Some(property) => {
                let plain = !property["format"].is_null() || property["type"] != "string" || name.ends_with("Name");
                !plain && sounds_secret(name)
            }
            None => sounds_secret(name),
        }
    }
}

/// The name that the spec has for a parameter: an alias or another case is another spelling of the same name
/// (FS-SPEC-2, FS-CON-3). A name that the spec does not know stays as it is.
fn spelled(name: &str, rules: &Value) -> String {
    let Some(properties) = rules["properties"].as_object().filter(|known| !known.contains_key(name)) else {
        return name.to_string();
    };
    let alias = |property: &Value| {
        let aliases = property["aliases"].as_array();
        aliases.into_iter().flatten().filter_map(Value::as_str).any(|alias| alias.eq_ignore_ascii_case(name))
    };
    let known = properties.iter().find(|(known, property)| known.eq_ignore_ascii_case(name) || alias(property));
    known.map_or(name, |(known, _)| known).to_string()
}

/// The parameters under the names that the spec has.
fn by_their_names(given: Map<String, Value>, rules: &Value) -> Result<Map<String, Value>> {
    let mut params = Map::new();
    for (name, value) in given {
        let target = spelled(&name, rules);
        if params.contains_key(&target) {
            return Err(invalid(format!("auth.params has {target} twice, under two spellings"))
                .at(Place::pointer(pointer(&target))));
        }
        params.insert(target, value);
    }
    Ok(params)
}

/// Puts the stored secrets back where the mask came back, and says under which names. What was sealed once stays so,
/// whatever became of its spec.
fn restore(params: &mut Map<String, Value>, rules: Option<&Value>, old: &Secrets) -> BTreeSet<String> {
    let mut kept = BTreeSet::new();
    for (name, value) in params.iter_mut() {
        let Some(secret) = old.get(&pointer(name)) else { continue };
        kept.insert(name.clone());
        if value != MASK {
            continue;
        }
        let text = secret.expose_secret();
        let property = rules.and_then(|rules| rules["properties"].get(name));
        *value = match property.map(|property| &property["type"]) {
            // Numbers, objects and the like are sealed as JSON text.
            Some(kind) if kind != "string" => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
            _ => json!(text),
        };
    }
    kept
}

/// FS-CON-3. The validator's own words would quote the values, so each fault is told in ours.
fn validate(params: &Map<String, Value>, rules: &Value) -> Result<()> {
    let validator = match validator(rules) {
        Ok(validator) => validator,
        Err(error) => {
            return Err(Error::internal("the auth spec of this connection spec is not a valid schema")
                .caused_by(error.to_string()));
        }
    };
    let params = Value::Object(
        params.iter().map(|(name, value)| (name.clone(), coerced(value, &rules["properties"][name]))).collect(),
    );
    let mut faults = Vec::new();
    let mut at = None;
    for error in validator.iter_errors(&params) {
        let path = error.instance_path().as_str().to_string();
        let (pointer, text) = match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                (format!("{path}/{name}"), format!("auth.params.{name} is required"))
            }
            other => {
                let name = format!("auth.params{}", path.replace('/', "."));
                (path.clone(), format!("{name} breaks the rule {:?} of the auth spec", other.keyword()))
            }
        };
        at.get_or_insert(format!("/auth/params{pointer}"));
        faults.push(text);
    }
    match at {
        None => Ok(()),
        Some(pointer) => Err(invalid(faults.join("; ")).at(Place::pointer(pointer))),
    }
}

/// A schema of draft 7, whatever it calls itself, compiled. Its patterns are matched in linear time, whoever wrote them.
pub fn validator(schema: &Value) -> Result<jsonschema::Validator, jsonschema::ValidationError<'static>> {
    let mut schema = schema.clone();
    if let Some(members) = schema.as_object_mut() {
        members.remove("$schema");
    }
    jsonschema::draft7::options().with_pattern_options(jsonschema::PatternOptions::regex()).build(&schema)
}

/// A number or a truth that was written as text (FS-SPEC-6, A-38). What was sent is what is stored.
fn coerced(value: &Value, property: &Value) -> Value {
    let read = match (value, property["type"].as_str()) {
        (Value::String(text), Some("integer")) => text.trim().parse::<i64>().ok().map(Value::from),
        (Value::String(text), Some("boolean")) => {
            text.trim().to_ascii_lowercase().parse::<bool>().ok().map(Value::from)
        }
        _ => None,
    };
    read.unwrap_or_else(|| value.clone())
}

/// The sealed parameters by their names, as a source wants them.
pub fn by_name(secrets: &Secrets) -> forebay_sources::Secrets {
    let mut named = forebay_sources::Secrets::new();
    for (pointer, secret) in secrets {
        if let Some(name) = pointer.strip_prefix(PARAMS) {
            named.insert(name.replace("~1", "/").replace("~0", "~"), secret.clone());
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> Value {
        json!({ "authSpec": [ { "name": "Access Key", "type": "Access Key Auth", "spec": {
            "type": "object",
            "properties": {
                "key": { "type": "string", "aliases": ["accessKeyId"] },
                "secretKey": { "type": "string", "format": "password" },
            },
            "required": ["key", "secretKey"] } } ] })
    }

    fn seal_params(name: &str, params: Value, old: &[(&str, &str)]) -> Result<(Value, Vec<(String, String)>)> {
        let old = old.iter().map(|(k, v)| (k.to_string(), SecretString::from(v.to_string()))).collect();
        let mut body = Map::new();
        body.insert("auth".into(), json!({ "specName": name, "params": params }));
        let sealed = seal(&mut body, &spec(), &old, false)?;
        let sealed = sealed.into_iter().map(|(k, v)| (k, v.expose_secret().to_string())).collect();
        Ok((body["auth"]["params"].clone(), sealed))
    }

    #[test]
    fn a_secret_is_masked_in_the_document_and_sealed_beside_it() {
        let (shown, sealed) = seal_params("Access Key", json!({ "key": "k", "secretKey": "s" }), &[]).unwrap();
        assert_eq!(shown, json!({ "key": "k", "secretKey": "********" }));
        assert_eq!(sealed, [("/auth/params/secretKey".to_string(), "s".to_string())]);
    }

    #[test]
    fn aliases_and_other_cases_are_the_same_parameter() {
        for name in ["Access Key", "access key", "AccessKeyAuth", "accesskey"] {
            let (shown, _) = seal_params(name, json!({ "ACCESSKEYID": "k", "secretkey": "s" }), &[]).unwrap();
            assert_eq!(shown, json!({ "key": "k", "secretKey": "********" }));
        }
    }

    #[test]
    fn the_mask_keeps_the_stored_secret_and_is_no_secret_itself() {
        let stored = [("/auth/params/secretKey", "old")];
        let (_, sealed) = seal_params("Access Key", json!({ "key": "k2", "secretKey": MASK }), &stored).unwrap();
        assert_eq!(sealed, [("/auth/params/secretKey".to_string(), "old".to_string())]);
        assert!(seal_params("Access Key", json!({ "key": "k", "secretKey": MASK }), &[]).is_err());
    }

    #[test]
    fn faults_name_the_parameter_and_never_its_value() {
        let error = seal_params("Access Key", json!({ "secretKey": 4711 }), &[]).unwrap_err();
        assert!(error.message.contains("auth.params.key is required"), "{error}");
        assert!(error.message.contains("auth.params.secretKey"), "{error}");
        assert!(!format!("{error:?}").contains("4711"), "{error:?}");
        assert_eq!(seal_params("Nothing", json!({}), &[]).unwrap_err().code, &code::FLOW_1415);
    }

    #[test]
    fn scalars_as_text_are_what_they_say_fs_spec_6() {
        let spec = json!({ "authSpec": [ { "name": "Basic", "spec": { "type": "object", "properties": {
            "port": { "type": "integer", "minimum": 1 }, "enableSsl": { "type": "boolean" },
            "sasKeyName": { "type": "string" } } } } ] });
        let sealed = |params: Value| {
            let mut body = Map::new();
            body.insert("auth".into(), json!({ "specName": "Basic", "params": params }));
            seal(&mut body, &spec, &Secrets::new(), false)
                .map(|secrets| (body["auth"]["params"].clone(), secrets.len()))
        };
        let sent = json!({ "port": "9042", "enableSsl": "True", "sasKeyName": "reader" });
        assert_eq!(sealed(sent.clone()).unwrap(), (sent, 0));
        for bad in
            [json!({ "port": "0" }), json!({ "port": "x" }), json!({ "port": 1.5 }), json!({ "enableSsl": "yes" })]
        {
            assert_eq!(sealed(bad.clone()).unwrap_err().kind, Kind::Invalid, "{bad}");
        }
    }

    #[test]
    fn unknown_parameters_are_kept_and_sealed_when_they_sound_secret() {
        let given = json!({ "key": "k", "secretKey": "s", "region": "eu", "refreshToken": "t" });
        let (shown, sealed) = seal_params("Access Key", given, &[]).unwrap();
        assert_eq!(shown["region"], "eu");
        assert_eq!(shown["refreshToken"], MASK);
        assert_eq!(sealed.len(), 2);
    }
}
