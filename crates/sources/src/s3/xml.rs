//! The three documents S3 answers with, read by events: a page of a listing, the buckets, an error.
//!
//! Text is never trimmed and never normalised: a key may begin with a blank. Nothing here trusts the document's size:
//! callers bound it before.

use forebay_model::files::Object;
use percent_encoding::percent_decode_str;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use quick_xml::reader::Reader;

/// One page of a listing. The bucket of its objects is filled in by the caller.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) objects: Vec<Object>,
    pub(super) folders: Vec<String>,
    /// Where the next page starts; `None` on the last one.
    pub(super) next: Option<String>,
}

/// What an error document says; empty where it says nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) code: String,
    pub(super) message: String,
    pub(super) region: String,
}

/// Reads a page of `ListObjectsV2`. `Err` says what is wrong with the document.
pub(super) fn page(body: &[u8]) -> Result<Page, &'static str> {
    let mut page = Page::default();
    let mut truncated = false;
    let mut url = false;
    let mut object = Draft::default();
    let mut whole = true;
    walk(body, "ListBucketResult", &mut |path, text| match path {
        ["Contents", "Key"] => object.key = text,
        ["Contents", "Size"] => object.size = text.trim().parse().ok(),
        ["Contents", "ETag"] => object.etag = quoted(text.trim()),
        ["Contents", "LastModified"] => object.modified = millis(text.trim()),
        ["Contents"] => match std::mem::take(&mut object).finished() {
            Some(object) => page.objects.push(object),
            None => whole = false,
        },
        ["CommonPrefixes", "Prefix"] => page.folders.push(text),
        ["IsTruncated"] => truncated = text.trim() == "true",
        ["NextContinuationToken"] => page.next = Some(text),
        ["EncodingType"] => url = text.trim() == "url",
        _ => {}
    })?;
    if !whole {
        return Err("an entry lacks its key, size or time");
    }
    if url {
        page.objects.iter_mut().for_each(|object| object.key = decoded(&object.key));
        page.folders.iter_mut().for_each(|folder| *folder = decoded(folder));
    }
    match (truncated, &page.next) {
        (true, None) => return Err("it says that there is more and not where"),
        (false, _) => page.next = None,
        _ => {}
    }
    Ok(page)
}

/// Reads the names of `ListBuckets`, and where the next page starts.
pub(super) fn buckets(body: &[u8]) -> Result<(Vec<String>, Option<String>), &'static str> {
    let mut names = Vec::new();
    let mut next = None;
    walk(body, "ListAllMyBucketsResult", &mut |path, text| match path {
        ["Buckets", "Bucket", "Name"] => names.push(text),
        ["ContinuationToken"] if !text.is_empty() => next = Some(text),
        _ => {}
    })?;
    Ok((names, next))
}

/// Reads an error; a body that is no error document says nothing.
pub(super) fn error(body: &[u8]) -> Told {
    let mut told = Told::default();
    let read = walk(body, "Error", &mut |path, text| match path {
        ["Code"] => told.code = text,
        ["Message"] => told.message = text,
        ["Region"] => told.region = text,
        _ => {}
    });
    // A document cut short still says what it said.
    if read.is_err() && told.code.is_empty() { Told::default() } else { told }
}

/// An object as its elements come in.
#[derive(Default)]
struct Draft {
    key: String,
    size: Option<u64>,
    etag: String,
    modified: Option<i64>,
}

impl Draft {
    fn finished(self) -> Option<Object> {
        let (size, modified) = (self.size?, self.modified?);
        if self.key.is_empty() {
            return None;
        }
        Some(Object { bucket: String::new(), key: self.key, size, etag: self.etag, modified })
    }
}

/// Calls `seen` at the end of each element with its path below the root and its own text.
fn walk(body: &[u8], root: &str, seen: &mut dyn FnMut(&[&str], String)) -> Result<(), &'static str> {
    const NOT: &str = "it is not the XML document that S3 answers with";
    let text = std::str::from_utf8(body).map_err(|_| NOT)?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut path: Vec<(String, String)> = Vec::new();
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
                path.push((name.to_string(), String::new()));
            }
            Event::Empty(empty) => {
                let name = empty.local_name();
                let name: &str = name.as_ref();
                if path.is_empty() && name != root {
                    return Err(NOT);
                }
                closed |= path.is_empty();
                path.push((name.to_string(), String::new()));
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

fn push(path: &mut [(String, String)], text: &str) {
    if let Some((_, own)) = path.last_mut() {
        own.push_str(text);
    }
}

fn report(path: &mut Vec<(String, String)>, seen: &mut dyn FnMut(&[&str], String)) {
    let text = path.last_mut().map(|(_, text)| std::mem::take(text)).unwrap_or_default();
    let names: Vec<&str> = path.iter().skip(1).map(|(name, _)| name.as_str()).collect();
    if !names.is_empty() {
        seen(&names, text);
    }
    path.pop();
}

/// `encoding-type=url` is the encoding of forms: a plus is a blank.
fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// `If-Match` wants quotes, and some stores leave them out of their listings.
pub(super) fn quoted(etag: &str) -> String {
    if etag.is_empty() || etag.ends_with('"') { etag.to_string() } else { format!("\"{etag}\"") }
}

fn millis(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis())
}

#[cfg(test)]
#[path = "xml_tests.rs"]
mod tests;
