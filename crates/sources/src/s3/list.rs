//! What is there: buckets, one level of a bucket, everything that a selection names.
//!
//! What always holds: keys come in the store's order, page by page, and no page is held longer than it is read; a
//! listing that goes round in circles ends in an error; folder markers (empty objects named like a folder) are not
//! files.

use super::call::{Ask, not_s3};
use super::fault::Fault;
use super::xml::{self, Page};
use super::{Named, S3, Spot, no_file};
use crate::Entry;
use crate::selection::{Pattern, is_pattern};
use forebay_model::files::{Object, Selection};
use forebay_model::{Error, Kind, Result, code};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use std::collections::HashSet;

/// The most entries of one level that are shown: a listing for people, in one answer.
const EXPLORE_LIMIT: usize = 20_000;

/// Which keys of a bucket.
#[derive(Debug, Clone)]
struct Keys {
    bucket: String,
    prefix: String,
    /// One level: what lies deeper comes as folders.
    flat: bool,
}

impl S3 {
    /// The first answer of the listing that the connection's root stands for: proof that the credentials work.
    pub(super) async fn first_page(&self) -> Result<(), Fault> {
        match self.spot("") {
            Spot::Buckets => self.document(&Ask::get(Named::Buckets), xml::buckets).await.map(|_| ()),
            Spot::In { bucket, key } => {
                let keys = Keys { bucket, prefix: key, flat: true };
                self.document(&ask(&keys, None, 1), xml::page).await.map(|_| ())
            }
        }
    }

    /// Page by page.
    fn pages(&self, keys: Keys) -> BoxStream<'static, Result<Page>> {
        let s3 = self.clone();
        let start = Some((None::<String>, HashSet::new()));
        stream::try_unfold(start, move |state| {
            let (s3, keys) = (s3.clone(), keys.clone());
            async move {
                let Some((token, mut seen)) = state else { return Ok(None) };
                let page = s3.document(&ask(&keys, token, 1000), xml::page).await.map_err(|fault| fault.error)?;
                let next = match &page.next {
                    Some(token) if !seen.insert(token.clone()) => return Err(circle(&keys.bucket)),
                    Some(token) => Some((Some(token.clone()), seen)),
                    None => None,
                };
                Ok(Some((page, next)))
            }
        })
        .boxed()
    }

    /// The objects of a bucket under a prefix, folder markers left out.
    fn objects(&self, keys: Keys) -> BoxStream<'static, Result<Object>> {
        let bucket = keys.bucket.clone();
        let pages = self.pages(keys);
        let objects = pages.map_ok(move |page| {
            let bucket = bucket.clone();
            let files = page.objects.into_iter().filter(|object| !is_marker(object));
            stream::iter(files.map(move |object| Ok(Object { bucket: bucket.clone(), ..object })))
        });
        objects.try_flatten().boxed()
    }

    async fn buckets(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        let mut token: Option<String> = None;
        let mut seen = HashSet::new();
        loop {
            let mut ask = Ask::get(Named::Buckets);
            if let Some(token) = token {
                ask = ask.query("continuation-token", token);
            }
            let (page, next) = self.document(&ask, xml::buckets).await.map_err(|fault| fault.error)?;
            names.extend(page);
            match next {
                Some(next) if seen.insert(next.clone()) => token = Some(next),
                Some(_) => return Err(not_s3(&Named::Buckets, "its pages go round in circles")),
                None => return Ok(names),
            }
        }
    }

    /// Is anything there under this prefix?
    async fn any(&self, bucket: &str, prefix: &str) -> Result<bool> {
        let keys = Keys { bucket: bucket.to_string(), prefix: prefix.to_string(), flat: false };
        let page = self.document(&ask(&keys, None, 1), xml::page).await.map_err(|fault| fault.error)?;
        Ok(!page.objects.is_empty())
    }
}

fn ask(keys: &Keys, token: Option<String>, most: u32) -> Ask {
    let mut ask = Ask::get(Named::Bucket(keys.bucket.clone()))
        .query("list-type", "2")
        .query("encoding-type", "url")
        .query("max-keys", most.to_string())
        .query("prefix", keys.prefix.clone());
    if keys.flat {
        ask = ask.query("delimiter", "/");
    }
    match token {
        Some(token) => ask.query("continuation-token", token),
        None => ask,
    }
}

/// One level below a path.
pub(super) async fn explore(s3: &S3, path: &str) -> Result<Vec<Entry>> {
    let (bucket, prefix) = match s3.spot(path) {
        Spot::Buckets => {
            let names = s3.buckets().await?;
            let entry = |name: String| Entry { folder: true, path: format!("/{name}/"), name };
            return Ok(names.into_iter().map(entry).collect());
        }
        Spot::In { bucket, key } => (bucket, as_folder(key)),
    };
    let root = prefix.is_empty() || s3.account.bucket.is_some() && prefix == s3.account.folder;
    let mut pages = s3.pages(Keys { bucket: bucket.clone(), prefix: prefix.clone(), flat: true });
    let mut entries = Vec::new();
    let mut exists = root;
    while let Some(page) = pages.try_next().await? {
        exists |= !page.objects.is_empty() || !page.folders.is_empty();
        let folders = page.folders.iter().map(|key| (true, key.as_str()));
        let files = page.objects.iter().filter(|object| !is_marker(object)).map(|object| (false, object.key.as_str()));
        for (folder, key) in folders.chain(files) {
            let name = key.strip_prefix(&prefix).unwrap_or(key);
            let name = if folder { name.strip_suffix('/').unwrap_or(name) } else { name };
            entries.push(Entry { folder, name: name.to_string(), path: s3.path(&bucket, key) });
        }
        if entries.len() >= EXPLORE_LIMIT {
            tracing::warn!("{bucket:?} under {prefix:?} has more than {EXPLORE_LIMIT} entries: the rest is not shown");
            break;
        }
    }
    if !exists {
        let message = format!("there is no folder {path:?}");
        return Err(Error::new(Kind::NotFound, &code::FLOW_1101, message)
            .advice("Explore the folder above it to see what it holds."));
    }
    // Folders first, each kind by name.
    entries.sort_by(|a, b| (!a.folder, &a.path).cmp(&(!b.folder, &b.path)));
    Ok(entries)
}

/// Everything that a selection names.
pub(super) fn list(s3: S3, selection: Selection) -> BoxStream<'static, Result<Object>> {
    stream::once(async move { begin(s3, selection).await }).try_flatten().boxed()
}

async fn begin(s3: S3, selection: Selection) -> Result<BoxStream<'static, Result<Object>>> {
    let path = &selection.path;
    let Spot::In { bucket, key } = s3.spot(path) else { return Err(no_bucket(path)) };
    if is_pattern(&bucket) {
        return Err(no_bucket(path));
    }
    // The connection's own folder is a name, not a pattern, whatever characters it has.
    let root = if s3.account.bucket.is_some() { s3.account.folder.len() } else { 0 };
    let pattern = is_pattern(&key[root..]);
    if selection.folder || key.is_empty() || key.ends_with('/') {
        let prefix = as_folder(key.clone());
        if !pattern || s3.any(&bucket, &prefix).await? {
            return Ok(s3.objects(Keys { bucket, prefix, flat: !selection.recursive }));
        }
        let below = if selection.recursive { "**" } else { "*" };
        return matching(
            &s3,
            bucket,
            &format!("{}{}{below}", escaped(&key[..root]), as_folder(key[root..].to_string())),
        );
    }
    if !pattern {
        let object = s3.head(&bucket, &key).await?;
        return Ok(stream::once(async move { Ok(object) }).boxed());
    }
    // A file whose name only looks like a pattern is that file. A refusal may mean that only listing is allowed.
    match s3.head(&bucket, &key).await {
        Ok(object) => return Ok(stream::once(async move { Ok(object) }).boxed()),
        Err(e) if matches!(e.kind, Kind::NotFound | Kind::Refused | Kind::Invalid) => {}
        Err(e) => return Err(e),
    }
    matching(&s3, bucket, &format!("{}{}", escaped(&key[..root]), &key[root..]))
}

fn matching(s3: &S3, bucket: String, pattern: &str) -> Result<BoxStream<'static, Result<Object>>> {
    let pattern = Pattern::parse(pattern)?;
    let objects = s3.objects(Keys { bucket, prefix: pattern.prefix.clone(), flat: pattern.flat });
    let matching = objects.try_filter(move |object| std::future::ready(pattern.matches(&object.key)));
    Ok(matching.boxed())
}

/// Text that a pattern takes for itself.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|c| if is_pattern(c.encode_utf8(&mut [0; 4])) { vec!['[', c, ']'] } else { vec![c] })
        .collect()
}

/// Folders end with a slash; the root is empty.
fn as_folder(key: String) -> String {
    if key.is_empty() || key.ends_with('/') { key } else { format!("{key}/") }
}

/// An empty object that stands for a folder: `a/`, or Hadoop's `a_$folder$`.
fn is_marker(object: &Object) -> bool {
    object.size == 0 && (object.key.ends_with('/') || object.key.ends_with("_$folder$"))
}

fn circle(bucket: &str) -> Error {
    let message = format!("the listing of bucket {bucket:?} goes round in circles: a continuation token came twice");
    Error::new(Kind::Refused, &code::FLOW_1102, message)
        .advice("The source is at fault. Select a smaller folder, or ask the store's operator.")
}

fn no_bucket(path: &str) -> Error {
    if path.trim_matches('/').is_empty() {
        return no_file(path);
    }
    Error::new(Kind::Invalid, &code::FLOW_1100, format!("the path {path:?} does not begin with the name of a bucket"))
        .advice("Write /bucket/folder/*.csv: a pattern may not stand for the bucket.")
}
