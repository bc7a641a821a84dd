//! The query string, decoded once. `+` is a space (FS-BASE-5), names may repeat, an empty value counts as absent.

use axum::extract::FromRequestParts;
use forebay_model::error::Kind;
use forebay_model::{Error, Result, code};
use http::request::Parts;
use std::convert::Infallible;

/// The pairs of a query string, in order.
#[derive(Debug, Clone, Default)]
pub struct Params(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Params, Infallible> {
        Ok(Params::parse(parts.uri.query().unwrap_or_default()))
    }
}

impl Params {
    /// From the raw query string.
    pub fn parse(query: &str) -> Params {
        Params(url::form_urlencoded::parse(query.as_bytes()).into_owned().filter(|(_, v)| !v.trim().is_empty()).collect())
    }

    /// Every value of a name.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(n, _)| n == name).map(|(_, v)| v.clone()).collect()
    }

    /// The value of a name; the same value twice is harmless (clients repeat what a link already carries, FS-ENV-3).
    pub fn one(&self, name: &str) -> Result<Option<&str>> {
        self.only(name, |n| n == name)
    }

    /// The value of a name in any case (FS-BASE-6), underscores or not (`FILE_TYPE`).
    pub fn loose(&self, name: &str) -> Result<Option<&str>> {
        self.only(name, |n| n.replace('_', "").eq_ignore_ascii_case(name))
    }

    fn only(&self, name: &str, is: impl Fn(&str) -> bool) -> Result<Option<&str>> {
        let mut found = None;
        for (n, value) in &self.0 {
            if !is(n) {
                continue;
            }
            match found {
                Some(before) if before != value => {
                    return Err(Error::new(
                        Kind::Invalid,
                        &code::FLOW_1451,
                        format!("the query parameter {name} is given twice with different values"),
                    ));
                }
                _ => found = Some(value),
            }
        }
        Ok(found.map(String::as_str))
    }

    /// A yes or no, in any case (`True` from Python).
    pub fn flag(&self, name: &str) -> Result<bool> {
        flag(name, self.loose(name)?)
    }

    /// A whole number between two bounds.
    pub fn number(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>> {
        let Some(text) = self.one(name)? else { return Ok(None) };
        match text.trim().parse::<usize>() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => Err(Error::new(
                Kind::Invalid,
                &code::FLOW_1452,
                format!("{name} must be a whole number from {least} to {most}, not {text:?}"),
            )),
        }
    }
}

fn flag(name: &str, value: Option<&str>) -> Result<bool> {
    match value.map(str::to_ascii_lowercase).as_deref() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Error::new(
            Kind::Invalid,
            &code::FLOW_1452,
            format!("{name} must be true or false, not {other:?}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_is_a_space_and_an_encoded_plus_a_plus() {
        assert_eq!(Params::parse("orderby=+name").one("orderby").unwrap(), Some(" name"));
        assert_eq!(Params::parse("orderby=%2Bname").one("orderby").unwrap(), Some("+name"));
    }

    #[test]
    fn quotes_arrive_raw_or_encoded() {
        for query in ["property=name==\"a\"", "property=name==%22a%22", "property=name%3D%3D%22a%22"] {
            assert_eq!(Params::parse(query).all("property"), ["name==\"a\""]);
        }
    }

    #[test]
    fn flags_are_read_in_any_case() {
        assert!(Params::parse("count=True").flag("count").unwrap());
        assert!(!Params::parse("count=False").flag("count").unwrap());
        assert!(!Params::parse("count=").flag("count").unwrap());
        assert!(Params::parse("count=maybe").flag("count").is_err());
    }

    #[test]
    fn a_repeated_limit_is_harmless_and_a_contradiction_is_not() {
        assert_eq!(Params::parse("limit=5&limit=5").number("limit", 1, 9).unwrap(), Some(5));
        assert!(Params::parse("limit=5&limit=6").number("limit", 1, 9).is_err());
    }
}
