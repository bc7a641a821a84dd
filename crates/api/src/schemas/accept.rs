//! The Accept header, which the registry insists on (platform.md §3.2, PL-XDM-1).

use axum::extract::FromRequestParts;
use forebay_model::error::Kind;
use forebay_model::{Error, Result, code};
use http::header;
use http::request::Parts;
use std::convert::Infallible;

/// The header's text.
pub struct Accept(String);

/// How resources are to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Title, ids and version.
    Ids,
    /// As they were defined.
    Raw {
        /// With titles and descriptions.
        texts: bool,
    },
    /// With their parts merged.
    Full {
        /// With titles and descriptions.
        texts: bool,
    },
}

impl<S: Sync> FromRequestParts<S> for Accept {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Accept, Infallible> {
        let text = parts.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        Ok(Accept(text.unwrap_or_default().to_string()))
    }
}

impl Accept {
    /// The shape of a list, or XDM-1006-400.
    pub fn list(&self) -> Result<Shape> {
        for (suffix, _) in self.types() {
            match suffix.as_str() {
                "-id" => return Ok(Shape::Ids),
                "" => return Ok(Shape::Raw { texts: true }),
                _ => {}
            }
        }
        Err(Error::new(
            Kind::Invalid,
            &code::XDM_1006,
            format!("the Accept header {:?} does not fit a list", self.0),
        )
        .advice("Send application/vnd.adobe.xed-id+json or application/vnd.adobe.xed+json."))
    }

    /// The shape of a look-up, or XDM-1007-400.
    pub fn look_up(&self) -> Result<Shape> {
        for (suffix, version) in self.types() {
            if !version {
                continue;
            }
            match suffix.as_str() {
                "" => return Ok(Shape::Raw { texts: true }),
                "-notext" => return Ok(Shape::Raw { texts: false }),
                "-full" | "-full-desc" => return Ok(Shape::Full { texts: true }),
                "-full-notext" => return Ok(Shape::Full { texts: false }),
                _ => {}
            }
        }
        Err(Error::new(
            Kind::Invalid,
            &code::XDM_1007,
            format!("the Accept header {:?} does not fit a look-up", self.0),
        )
        .advice("Send application/vnd.adobe.xed+json; version=1 or application/vnd.adobe.xed-full+json; version=1."))
    }

    /// The media types of the registry in the header: what stands between `xed` and `+json`, and whether version 1 is
    /// asked for.
    fn types(&self) -> Vec<(String, bool)> {
        let mut types = Vec::new();
        for media in self.0.split(',') {
            let media: String = media.to_ascii_lowercase().split_whitespace().collect();
            let (name, parameters) = media.split_once(';').unwrap_or((&media, ""));
            let Some(name) = name.strip_prefix("application/vnd.adobe.") else { continue };
            let Some(name) = name.strip_prefix("xed").or_else(|| name.strip_prefix("xdm")) else { continue };
            let Some(suffix) = name.strip_suffix("+json") else { continue };
            let version = parameters.split(';').any(|parameter| {
                let value = parameter.strip_prefix("version=").unwrap_or_default();
                value == "1" || value.strip_prefix("1.").is_some_and(|minor| minor.parse::<u32>().is_ok())
            });
            types.push((suffix.to_string(), version));
        }
        types
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(text: &str) -> Accept {
        Accept(text.into())
    }

    #[test]
    fn lists_take_ids_or_whole_objects() {
        assert_eq!(accept("application/vnd.adobe.xed-id+json").list().unwrap(), Shape::Ids);
        assert_eq!(accept("application/vnd.adobe.xdm+json").list().unwrap(), Shape::Raw { texts: true });
        for wrong in ["", "*/*", "application/json", "application/vnd.adobe.xed-full+json; version=1"] {
            assert_eq!(accept(wrong).list().unwrap_err().code, &code::XDM_1006, "{wrong}");
        }
    }

    #[test]
    fn look_ups_need_a_version() {
        for text in ["application/vnd.adobe.xed+json; version=1", "application/vnd.adobe.xdm+json;version=1.0"] {
            assert_eq!(accept(text).look_up().unwrap(), Shape::Raw { texts: true }, "{text}");
        }
        let full = "application/vnd.adobe.xed-full-notext+json;  version=1";
        assert_eq!(accept(full).look_up().unwrap(), Shape::Full { texts: false });
        for wrong in ["", "application/vnd.adobe.xed+json", "application/vnd.adobe.xed+json; version=2"] {
            assert_eq!(accept(wrong).look_up().unwrap_err().code, &code::XDM_1007, "{wrong}");
        }
    }
}
