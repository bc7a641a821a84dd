//! The two documents S3 answers with beside errors: a page of a listing, and the buckets.

use crate::files::{Page, millis_of, quoted, walk};
use forebay_model::files::Object;
use percent_encoding::percent_decode_str;

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
        ["Contents", "LastModified"] => object.modified = millis_of(text.trim()),
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

/// `encoding-type=url` is the encoding of forms: a plus is a blank.
fn decoded(text: &str) -> String {
    percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
#[path = "xml_tests.rs"]
mod tests;
