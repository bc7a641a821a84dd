//! The Accept header, which the registry insists on (platform.md §3.2, PL-XDM-1).

use axum::extract::FromRequestParts;
use forebay_model::error::Kind;
use forebay_model::{Error, Result, code};
use http::header;
use http::request::Parts;
use std::convert::Infallible;

/// The header's text.
pub struct Accept(String);

/// How the resources of a list are to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listed {
    /// Title, ids and version.
    Ids,
    /// As they were defined.
    Whole,
}

/// How a resource is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// With its parts merged, rather than as it was defined.
    pub full: bool,
    /// With titles and descriptions.
    pub texts: bool,
    /// With what descriptors say of it.
    pub descriptors: bool,
    /// Its fields by their paths, rather than inside each other.
    pub flat: bool,
    /// Fields that a descriptor calls deprecated are marked.
    pub deprecated: bool,
    /// The minor version that is asked for.
    pub minor: Option<u64>,
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
    pub fn list(&self) -> Result<Listed> {
        for (suffix, _) in self.types() {
            match suffix.as_str() {
                "-id" => return Ok(Listed::Ids),
                "" => return Ok(Listed::Whole),
                _ => {}
            }
        }
        Err(Error::new(Kind::Invalid, &code::XDM_1006, format!("the Accept header {:?} does not fit a list", self.0))
            .advice("Send application/vnd.adobe.xed-id+json or application/vnd.adobe.xed+json."))
    }

    /// The shape of a look-up, or XDM-1007-400.
    pub fn look_up(&self) -> Result<Shape> {
        let shapes = self.types().into_iter().filter_map(|(suffix, version)| shape(&suffix, version?));
        shapes.into_iter().next().ok_or_else(|| {
            Error::new(Kind::Invalid, &code::XDM_1007, format!("the Accept header {:?} does not fit a look-up", self.0))
                .advice(
                    "Send application/vnd.adobe.xed+json; version=1 or application/vnd.adobe.xed-full+json; version=1.",
                )
        })
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

    /// The media types of the registry in the header: what stands between `xed` and `+json`, and which version is asked
    /// for, if it is one of the major version 1.
    fn types(&self) -> Vec<(String, Option<Version>)> {
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
            let version = parameters.split(';').find_map(|parameter| match parameter.strip_prefix("version=")? {
                "1" => Some(Version { minor: None }),
                text => text.strip_prefix("1.")?.parse().ok().map(|minor| Version { minor: Some(minor) }),
            });
            types.push((suffix.to_string(), version));
        }
        types
    }
}

/// Version 1, and which minor one.
#[derive(Debug, Clone, Copy)]
struct Version {
    minor: Option<u64>,
}

/// The shape that the words of a media type ask for; none for a word that is not known.
fn shape(suffix: &str, version: Version) -> Option<Shape> {
    let mut shape = Shape {
        full: false,
        texts: true,
        descriptors: false,
        flat: false,
        deprecated: false,
        // `version=1.0` has always meant the newest of the first.
        minor: version.minor.filter(|minor| *minor > 0),
    };
    for word in suffix.split('-').skip(1) {
        match word {
            "full" => shape.full = true,
            "notext" => shape.texts = false,
            "desc" => shape.descriptors = true,
            "flat" => shape.flat = true,
            "deprecated" | "deprecatefield" => shape.deprecated = true,
            _ => return None,
        }
    }
    shape.full |= shape.descriptors || shape.flat || shape.deprecated;
    Some(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(text: &str) -> Accept {
        Accept(text.into())
    }

    #[test]
    fn lists_take_ids_or_whole_objects() {
        assert_eq!(accept("application/vnd.adobe.xed-id+json").list().unwrap(), Listed::Ids);
        assert_eq!(accept("application/vnd.adobe.xdm+json").list().unwrap(), Listed::Whole);
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
        let plain = Shape { full: false, texts: true, descriptors: false, flat: false, deprecated: false, minor: None };
        let full = Shape { full: true, ..plain };
        for (text, expected) in [
            ("application/vnd.adobe.xed+json; version=1", plain),
            ("application/vnd.adobe.xdm+json;version=1.0", plain),
            ("application/vnd.adobe.xed-notext+json; version=1", Shape { texts: false, ..plain }),
            ("application/vnd.adobe.xed-full+json; version=1.2", Shape { minor: Some(2), ..full }),
            ("application/vnd.adobe.xed-full-notext+json;  version=1", Shape { texts: false, ..full }),
            ("application/vnd.adobe.xed-full-desc+json; version=1", Shape { descriptors: true, ..full }),
            ("application/vnd.adobe.xed-flat+json; version=1", Shape { flat: true, ..full }),
            ("application/vnd.adobe.xed-full-flat-notext+json; version=1", Shape { flat: true, texts: false, ..full }),
            ("application/vnd.adobe.xed-deprecated+json; version=1", Shape { deprecated: true, ..full }),
            ("application/vnd.adobe.xed-full-deprecatefield+json; version=1", Shape { deprecated: true, ..full }),
        ] {
            assert_eq!(accept(text).look_up().unwrap(), expected, "{text}");
        }
        for wrong in [
            "",
            "application/vnd.adobe.xed+json",
            "application/vnd.adobe.xed+json; version=2",
            "application/vnd.adobe.xed-fuller+json; version=1",
            "application/vnd.adobe.xed-id+json; version=1",
        ] {
            assert_eq!(accept(wrong).look_up().unwrap_err().code, &code::XDM_1007, "{wrong}");
        }
    }
}
