//! The parameters of a connection: what the caller wrote and what was sealed, read by name.
//!
//! What always holds: a name is matched exactly or, failing that, in any case (FS-CON-3), and then by its aliases; a
//! secret is never turned into text that can be printed.

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::collections::BTreeMap;

/// Sealed parameters, by name.
pub type Secrets = BTreeMap<String, SecretString>;

/// The parameters of one connection.
pub(crate) struct Params<'a> {
    shown: &'a Value,
    sealed: &'a Secrets,
}

impl<'a> Params<'a> {
    pub(crate) fn new(shown: &'a Value, sealed: &'a Secrets) -> Params<'a> {
        Params { shown, sealed }
    }

    /// The first of `names` that is there and not blank.
    pub(crate) fn text(&self, names: &[&str]) -> Option<String> {
        self.secret(names).map(|found| found.expose_secret().to_string())
    }

    /// The same, kept sealed.
    pub(crate) fn secret(&self, names: &[&str]) -> Option<SecretString> {
        names.iter().find_map(|name| {
            let found = self.sealed_value(name).or_else(|| self.shown_value(name))?;
            let trimmed = found.expose_secret().trim();
            if trimmed.is_empty() { None } else { Some(SecretString::from(trimmed.to_string())) }
        })
    }

    fn sealed_value(&self, name: &str) -> Option<SecretString> {
        let exact = self.sealed.get(name);
        let found = exact.or_else(|| self.sealed.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v));
        found.cloned()
    }

    fn shown_value(&self, name: &str) -> Option<SecretString> {
        let members = self.shown.as_object()?;
        let exact = members.get(name);
        let found = exact.or_else(|| members.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v))?;
        match found {
            Value::String(text) => Some(SecretString::from(text.clone())),
            Value::Number(number) => Some(SecretString::from(number.to_string())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check(shown: Value, sealed: &[(&str, &str)], names: &[&str], expected: Option<&str>) {
        let sealed = sealed.iter().map(|(k, v)| (k.to_string(), SecretString::from(v.to_string()))).collect();
        assert_eq!(Params::new(&shown, &sealed).text(names).as_deref(), expected);
    }

    #[test]
    fn names_match_in_any_case_when_no_exact_one_exists() {
        check(json!({"BUCKETNAME": "a"}), &[], &["bucketName"], Some("a"));
        check(json!({"BUCKETNAME": "a", "bucketName": "b"}), &[], &["bucketName"], Some("b"));
    }

    #[test]
    fn sealed_values_win_over_the_mask_that_is_shown() {
        check(json!({"s3SecretKey": "********"}), &[("s3secretkey", "real")], &["s3SecretKey"], Some("real"));
    }

    #[test]
    fn aliases_are_tried_in_order_and_blanks_are_absent() {
        check(json!({"s3AccessKey": " ", "accessKeyId": "k"}), &[], &["s3AccessKey", "accessKeyId"], Some("k"));
        check(json!({"s3AccessKey": {}}), &[], &["s3AccessKey"], None);
    }
}
