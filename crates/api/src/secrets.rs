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

/// Whether a parameter of that name is a secret in any built-in spec, or by its name.
pub fn may_be_secret(name: &str) -> bool {
    let marked = |spec: &Value| {
        auth_specs(spec).any(|auth| auth["spec"]["properties"].get(name).is_some_and(|p| p["format"] == "password"))
    };
    sounds_secret(name) || forebay_sources::specs().iter().any(marked)
}

fn sounds_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace(['_', '-'], "");
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

fn auth_specs(spec: &Value) -> impl Iterator<Item = &Value> {
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
/// `old` is what is sealed already.
pub fn seal(body: &mut Map<String, Value>, spec: &Value, old: &Secrets) -> Result<Secrets> {
    let Some(auth) = body.get_mut("auth").filter(|auth| !auth.is_null()) else {
        return match auth_specs(spec).next() {
            None => Ok(Secrets::new()),
            Some(_) => {
                Err(invalid("auth is missing: this connection spec needs specName and params")
                    .at(Place::pointer("/auth")))
            }
        };
    };
    let Some(name) = auth.get("specName").and_then(Value::as_str) else {
        return Err(Error::new(Kind::Invalid, &code::FLOW_1415, "auth.specName is missing")
            .at(Place::pointer("/auth/specName")));
    };
    let rules = &auth_spec(spec, name)?["spec"];
    let given = match auth.get("params") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params.clone(),
        Some(_) => {
            return Err(invalid("auth.params must be an object").at(Place::pointer("/auth/params")));
        }
    };
    let mut params = by_their_names(given, rules)?;
    restore(&mut params, rules, old)?;
    validate(&params, rules)?;
    let mut secrets = Secrets::new();
    for (name, value) in &mut params {
        if !is_secret(rules, name) {
            continue;
        }
        let text = match value.take() {
            Value::Null => continue,
            Value::String(text) => text,
            other => other.to_string(),
        };
        secrets.insert(format!("{PARAMS}{}", name.replace('~', "~0").replace('/', "~1")), SecretString::from(text));
        *value = json!(MASK);
    }
    auth["params"] = Value::Object(params);
    Ok(secrets)
}

fn is_secret(rules: &Value, name: &str) -> bool {
    match rules["properties"].get(name) {
        Some(property) => {
            // The name of a key is none.
            let plain = !property["format"].is_null() || property["type"] != "string" || name.ends_with("Name");
            property["format"] == "password" || (!plain && sounds_secret(name))
        }
        None => sounds_secret(name),
    }
}

/// The parameters under the names that the spec has: an alias or another case is another spelling of the same name
/// (FS-SPEC-2, FS-CON-3). Members that the spec does not know are kept.
fn by_their_names(given: Map<String, Value>, rules: &Value) -> Result<Map<String, Value>> {
    let Some(properties) = rules["properties"].as_object() else {
        return Ok(given);
    };
    let mut params = Map::new();
    for (name, value) in given {
        let alias = |wanted: &Value| {
            wanted["aliases"].as_array().is_some_and(|aliases| {
                aliases.iter().filter_map(Value::as_str).any(|alias| alias.eq_ignore_ascii_case(&name))
            })
        };
        let known = if properties.contains_key(&name) {
            None
        } else {
            properties.iter().find(|(k, p)| k.eq_ignore_ascii_case(&name) || alias(p)).map(|(k, _)| k.clone())
        };
        let target = known.unwrap_or(name);
        if params.contains_key(&target) {
            return Err(invalid(format!("auth.params has {target} twice, under two spellings"))
                .at(Place::pointer(format!("{PARAMS}{target}"))));
        }
        params.insert(target, value);
    }
    Ok(params)
}

/// Puts the stored secrets back where the mask came back.
fn restore(params: &mut Map<String, Value>, rules: &Value, old: &Secrets) -> Result<()> {
    for (name, value) in params.iter_mut() {
        if value != MASK || !is_secret(rules, name) {
            continue;
        }
        let pointer = format!("{PARAMS}{name}");
        match old.get(&pointer) {
            Some(secret) => *value = json!(secret.expose_secret()),
            None => {
                return Err(invalid(format!("auth.params.{name} is the mask, and there is no stored value to keep"))
                    .at(Place::pointer(pointer)));
            }
        }
    }
    Ok(())
}

/// FS-CON-3. The validator's own words would quote the values, so each fault is told in ours.
fn validate(params: &Map<String, Value>, rules: &Value) -> Result<()> {
    let validator = match jsonschema::draft7::new(rules) {
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
        let sealed = seal(&mut body, &spec(), &old)?;
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
            seal(&mut body, &spec, &Secrets::new()).map(|secrets| (body["auth"]["params"].clone(), secrets.len()))
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
