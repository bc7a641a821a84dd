//! The XML that stores of objects answer with, read by events.
//!
//! Text is never trimmed and never normalised: a key may begin with a blank. Nothing here trusts the document's size:
//! callers bound it before.

use percent_encoding::percent_decode_str;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

/// What an error document says; empty where it says nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) region: String,
    /// Azure's second word on a failed sign-in.
    pub(crate) detail: String,
}

/// Reads an error; a body that is no error document says nothing.
pub(crate) fn error(body: &[u8]) -> Told {
    let mut told = Told::default();
    let read = walk(body, "Error", &mut |path, text| match path {
        ["Code"] => told.code = text,
        ["Message"] => told.message = text,
        ["Region"] => told.region = text,
        ["AuthenticationErrorDetail"] => told.detail = text,
        _ => {}
    });
    // A document cut short still says what it said.
    if read.is_err() && told.code.is_empty() { Told::default() } else { told }
}

/// Calls `seen` at the end of each element with its path below the root and its own text.
pub(crate) fn walk(body: &[u8], root: &str, seen: &mut dyn FnMut(&[&str], String)) -> Result<(), &'static str> {
    const NOT: &str = "it is not the XML document that such a store answers with";
    let text = std::str::from_utf8(body).map_err(|_| NOT)?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut path: Vec<Element> = Vec::new();
    let mut closed = false;
    loop {
        match reader.read_event().map_err(|_| NOT)? {
            Event::Start(start) => {
                let name = start.local_name();
                let name: &str = name.as_ref();
                if path.is_empty() && (closed || name != root) {
                    return Err(NOT);
                }
                // Deeper than any document of S3.
                if path.len() > 8 {
                    return Err(NOT);
                }
                let encoded = start.attributes_raw().contains("Encoded=\"true\"");
                path.push(Element { name: name.to_string(), text: String::new(), encoded });
            }
            Event::Empty(empty) => {
                let name = empty.local_name();
                let name: &str = name.as_ref();
                if path.is_empty() && name != root {
                    return Err(NOT);
                }
                closed |= path.is_empty();
                path.push(Element { name: name.to_string(), ..Element::default() });
                report(&mut path, seen);
            }
            Event::End(_) => {
                report(&mut path, seen);
                closed |= path.is_empty();
            }
            Event::Text(text) => push(&mut path, &text.xml_content(XmlVersion::Implicit1_0)),
            Event::CData(text) => push(&mut path, &text.xml_content(XmlVersion::Implicit1_0)),
            Event::GeneralRef(reference) => {
                let named = reference.xml_content(XmlVersion::Implicit1_0);
                match reference.resolve_char_ref().map_err(|_| NOT)? {
                    Some(c) => push(&mut path, c.encode_utf8(&mut [0; 4])),
                    None => push(&mut path, resolve_predefined_entity(&named).ok_or(NOT)?),
                }
            }
            Event::Eof => return if closed && path.is_empty() { Ok(()) } else { Err("the document is cut short") },
            _ => {}
        }
    }
}

/// An element whose end has not come yet.
#[derive(Default)]
struct Element {
    name: String,
    text: String,
    /// Azure writes a name that XML cannot hold in percent encoding, and says so.
    encoded: bool,
}

fn push(path: &mut [Element], text: &str) {
    if let Some(element) = path.last_mut() {
        element.text.push_str(text);
    }
}

fn report(path: &mut Vec<Element>, seen: &mut dyn FnMut(&[&str], String)) {
    let (text, encoded) = path.last_mut().map(|e| (std::mem::take(&mut e.text), e.encoded)).unwrap_or_default();
    let text = if encoded { percent_decode_str(&text).decode_utf8_lossy().into_owned() } else { text };
    let names: Vec<&str> = path.iter().skip(1).map(|element| element.name.as_str()).collect();
    if !names.is_empty() {
        seen(&names, text);
    }
    path.pop();
}

/// `If-Match` wants quotes, and some stores leave them out of their listings.
pub(crate) fn quoted(etag: &str) -> String {
    if etag.is_empty() || etag.ends_with('"') { etag.to_string() } else { format!("\"{etag}\"") }
}

/// The milliseconds of a time of RFC 3339, or of the mail format that HTTP uses.
pub(crate) fn millis_of(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text)
        .or_else(|_| chrono::DateTime::parse_from_rfc2822(text))
        .ok()
        .map(|at| at.timestamp_millis())
}
