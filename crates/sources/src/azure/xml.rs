//! The two documents Azure answers with beside errors: a page of a listing, and the containers.

use crate::files::{Page, millis_of, quoted, walk};
use forebay_model::files::Object;

/// The root of both documents.
const ROOT: &str = "EnumerationResults";

/// Reads a page of `List Blobs`. `Err` says what is wrong with the document.
pub(super) fn page(body: &[u8]) -> Result<Page, &'static str> {
    let mut page = Page::default();
    let mut blob = Draft::default();
    let mut whole = true;
    walk(body, ROOT, &mut |path, text| match path {
        ["Blobs", "Blob", "Name"] => blob.name = text,
        ["Blobs", "Blob", "Properties", "Content-Length"] => blob.size = text.trim().parse().ok(),
        ["Blobs", "Blob", "Properties", "Etag"] => blob.etag = quoted(text.trim()),
        ["Blobs", "Blob", "Properties", "Last-Modified"] => blob.modified = millis_of(text.trim()),
        ["Blobs", "Blob", "Properties", "ResourceType"] => blob.folder |= text.trim() == "directory",
        ["Blobs", "Blob", "Metadata", name] if name.eq_ignore_ascii_case("hdi_isfolder") => {
            blob.folder |= text.trim().eq_ignore_ascii_case("true");
        }
        ["Blobs", "Blob"] => match std::mem::take(&mut blob) {
            // A folder of an account with folders of its own; what is in it is listed beside it.
            Draft { folder: true, .. } => {}
            blob => match blob.finished() {
                Some(object) => page.objects.push(object),
                None => whole = false,
            },
        },
        ["Blobs", "BlobPrefix", "Name"] => page.folders.push(text),
        ["NextMarker"] if !text.is_empty() => page.next = Some(text),
        _ => {}
    })?;
    if whole { Ok(page) } else { Err("an entry lacks its name, size or time") }
}

/// Reads the names of `List Containers`, and where the next page starts.
pub(super) fn containers(body: &[u8]) -> Result<(Vec<String>, Option<String>), &'static str> {
    let mut names = Vec::new();
    let mut next = None;
    walk(body, ROOT, &mut |path, text| match path {
        ["Containers", "Container", "Name"] => names.push(text),
        ["NextMarker"] if !text.is_empty() => next = Some(text),
        _ => {}
    })?;
    Ok((names, next))
}

/// A blob as its elements come in.
#[derive(Default)]
struct Draft {
    name: String,
    size: Option<u64>,
    etag: String,
    modified: Option<i64>,
    folder: bool,
}

impl Draft {
    fn finished(self) -> Option<Object> {
        let (size, modified) = (self.size?, self.modified?);
        if self.name.is_empty() {
            return None;
        }
        Some(Object { bucket: String::new(), key: self.name, size, etag: self.etag, modified })
    }
}

#[cfg(test)]
#[path = "xml_tests.rs"]
mod tests;
