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
        /// With what descriptors say of it.
        descriptors: bool,
    },
}

/// How descriptors are to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// In pages, rather than all of them by their types.
    pub paged: bool,
    /// As.
    pub form: Form,
}

/// How one descriptor is to be shown in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// By its id.
    Id,
    /// By its path.
    Link,
    /// Whole.
    Whole,
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
        Err(Error::new(Kind::Invalid, &code::XDM_1006, format!("the Accept header {:?} does not fit a list", self.0))
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
                "-full" => return Ok(Shape::Full { texts: true, descriptors: false }),
                "-full-desc" => return Ok(Shape::Full { texts: true, descriptors: true }),
                "-full-notext" => return Ok(Shape::Full { texts: false, descriptors: false }),
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

    /// The form of a list of descriptors, or XDM-1008-400.
    pub fn descriptors(&self) -> Result<Described> {
        for (suffix, _) in self.types() {
            let (paged, rest) = match suffix.strip_prefix("-v2") {
                Some(rest) => (true, rest),
                None => (false, suffix.as_str()),
            };
            let form = match rest {
                "" => Form::Whole,
                "-id" => Form::Id,
                "-link" => Form::Link,
                _ => continue,
            };
            return Ok(Described { paged, form });
        }
        let message = format!("the Accept header {:?} does not fit a list of descriptors", self.0);
        Err(Error::new(Kind::Invalid, &code::XDM_1008, message).advice(
            "Send application/vnd.adobe.xdm+json, …xdm-id+json or …xdm-link+json; with xdm-v2 the list comes in pages.",
        ))
    }

    /// Whether the header fits the look-up of a descriptor; XDM-1009-400 if not.
    pub fn descriptor(&self) -> Result<()> {
        if self.types().iter().any(|(suffix, _)| suffix.is_empty() || suffix == "-v2") {
            return Ok(());
        }
        let message = format!("the Accept header {:?} does not fit a descriptor", self.0);
        Err(Error::new(Kind::Invalid, &code::XDM_1009, message).advice("Send application/vnd.adobe.xdm+json."))
    }

    /// The media types of the registry in the header: what stands between `xed` and `+json`, and whether version 1 is
    /// asked for.
    fn types(&self) -> Vec<(String, bool)> {
        let mut types = Vec::new();
        for media in self.0.split(',') {
            let media: String = media.to_ascii_lowercase().split_whitespace().collect();
            let (name, parameters) = media.split_once(';').unwrap_or((&media, ""));
            let Some(name) = name.strip_prefix("application/vnd.adobe.") else {
                continue;
            };
            let Some(name) = name.strip_prefix("xed").or_else(|| name.strip_prefix("xdm")) else {
                continue;
            };
            let Some(suffix) = name.strip_suffix("+json") else {
                continue;
            };
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
    fn descriptors_are_shown_by_id_by_path_or_whole_pl_xdm_1() {
        for (text, paged, form) in [
            ("application/vnd.adobe.xdm+json", false, Form::Whole),
            ("application/vnd.adobe.xdm-id+json", false, Form::Id),
            ("application/vnd.adobe.xdm-link+json", false, Form::Link),
            ("application/vnd.adobe.xdm-v2+json", true, Form::Whole),
            ("application/vnd.adobe.xdm-v2-link+json", true, Form::Link),
            ("application/vnd.adobe.xed-v2-id+json; version=1", true, Form::Id),
        ] {
            assert_eq!(accept(text).descriptors().unwrap(), Described { paged, form }, "{text}");
        }
        for wrong in ["", "*/*", "application/json", "application/vnd.adobe.xdm-full+json"] {
            assert_eq!(accept(wrong).descriptors().unwrap_err().code, &code::XDM_1008, "{wrong}");
            assert_eq!(accept(wrong).descriptor().unwrap_err().code, &code::XDM_1009, "{wrong}");
        }
        assert!(accept("application/vnd.adobe.xdm+json").descriptor().is_ok());
    }

    #[test]
    fn look_ups_need_a_version() {
        for text in ["application/vnd.adobe.xed+json; version=1", "application/vnd.adobe.xdm+json;version=1.0"] {
            assert_eq!(accept(text).look_up().unwrap(), Shape::Raw { texts: true }, "{text}");
        }
        let full = "application/vnd.adobe.xed-full-notext+json;  version=1";
        assert_eq!(accept(full).look_up().unwrap(), Shape::Full { texts: false, descriptors: false });
        for wrong in ["", "application/vnd.adobe.xed+json", "application/vnd.adobe.xed+json; version=2"] {
            assert_eq!(accept(wrong).look_up().unwrap_err().code, &code::XDM_1007, "{wrong}");
        }
    }
}
