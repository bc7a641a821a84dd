//! What is there: buckets, one level of a bucket, everything that a selection names.
//!
//! What always holds: keys come in the store's order, page by page, and no page is held longer than it is read; a
//! listing that goes round in circles ends in an error; folder markers (empty objects named like a folder) are not
//! files.

use super::{Fault, Files, Keys, Named, Page, Spot, Words, no_file};
use crate::Entry;
use crate::selection::{Pattern, is_pattern};
use forebay_model::files::{Object, Selection};
use forebay_model::{Error, Kind, Result, code};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use std::collections::HashSet;

/// The most entries of one level that are shown: a listing for people, in one answer.
const EXPLORE_LIMIT: usize = 20_000;

impl Files {
    /// The first answer of the listing that the connection's root stands for: proof that the credentials work.
    pub(super) async fn first_page(&self) -> Result<(), Fault> {
        match self.root.spot("") {
            Spot::Buckets => self.patiently(|| self.store.buckets(None)).await.map(|_| ()),
            Spot::In { bucket, key } => {
                let keys = Keys { bucket, prefix: key, flat: true };
                self.patiently(|| self.store.page(&keys, None, Some(1))).await.map(|_| ())
            }
        }
    }

    /// Page by page.
    fn pages(&self, keys: Keys, most: Option<u32>) -> BoxStream<'static, Result<Page>> {
        let files = self.clone();
        let start = Some((None::<String>, HashSet::new()));
        stream::try_unfold(start, move |state| {
            let (files, keys) = (files.clone(), keys.clone());
            async move {
                let Some((token, mut seen)) = state else { return Ok(None) };
                let page = files.patiently(|| files.store.page(&keys, token.as_deref(), most)).await;
                let page = page.map_err(|fault| fault.error)?;
                let next = match &page.next {
                    Some(token) if !seen.insert(token.clone()) => return Err(files.circle(&keys.bucket)),
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
        let pages = self.pages(keys, None);
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
            let page = self.patiently(|| self.store.buckets(token.as_deref())).await;
            let (page, next) = page.map_err(|fault| fault.error)?;
            names.extend(page);
            match next {
                Some(next) if seen.insert(next.clone()) => token = Some(next),
                Some(_) => return Err(Named::buckets(self.words()).not_one("its pages go round in circles")),
                None => return Ok(names),
            }
        }
    }

    /// Is anything there under this prefix? A page may be empty and not be the last.
    async fn any(&self, bucket: &str, prefix: &str) -> Result<bool> {
        let keys = Keys { bucket: bucket.to_string(), prefix: prefix.to_string(), flat: false };
        let mut pages = self.pages(keys, Some(1));
        while let Some(page) = pages.try_next().await? {
            if !page.objects.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn words(&self) -> &'static Words {
        self.store.words()
    }

    fn circle(&self, bucket: &str) -> Error {
        let named = Named::bucket(self.words(), bucket);
        let message = format!("the listing of {named} goes round in circles: a continuation token came twice");
        Error::new(Kind::Refused, &code::FLOW_1102, message)
            .advice("The source is at fault. Select a smaller folder, or ask the store's operator.")
    }

    fn no_bucket(&self, path: &str) -> Error {
        if path.trim_matches('/').is_empty() {
            return no_file(path);
        }
        let word = self.words().bucket;
        let message = format!("the path {path:?} does not begin with the name of a {word}");
        Error::new(Kind::Invalid, &code::FLOW_1100, message)
            .advice(format!("Write /{word}/folder/*.csv: a pattern may not stand for the {word}."))
    }
}

/// One level below a path.
pub(super) async fn explore(files: &Files, path: &str) -> Result<Vec<Entry>> {
    let (bucket, prefix) = match files.root.spot(path) {
        Spot::Buckets => {
            let names = files.buckets().await?;
            let entry = |name: String| Entry { folder: true, path: format!("/{name}/"), name };
            return Ok(names.into_iter().map(entry).collect());
        }
        Spot::In { bucket, key } => (bucket, as_folder(key)),
    };
    let root = prefix.is_empty() || files.root.bucket.is_some() && prefix == files.root.folder;
    let mut pages = files.pages(Keys { bucket: bucket.clone(), prefix: prefix.clone(), flat: true }, None);
    let mut entries = Vec::new();
    let mut exists = root;
    while let Some(page) = pages.try_next().await? {
        exists |= !page.objects.is_empty() || !page.folders.is_empty();
        let folders = page.folders.iter().map(|key| (true, key.as_str()));
        let objects =
            page.objects.iter().filter(|object| !is_marker(object)).map(|object| (false, object.key.as_str()));
        for (folder, key) in folders.chain(objects) {
            let name = key.strip_prefix(&prefix).unwrap_or(key);
            let name = if folder { name.strip_suffix('/').unwrap_or(name) } else { name };
            entries.push(Entry { folder, name: name.to_string(), path: files.root.path(&bucket, key) });
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
pub(super) fn list(files: Files, selection: Selection) -> BoxStream<'static, Result<Object>> {
    stream::once(async move { begin(files, selection).await }).try_flatten().boxed()
}

async fn begin(files: Files, selection: Selection) -> Result<BoxStream<'static, Result<Object>>> {
    let path = &selection.path;
    let Spot::In { bucket, key } = files.root.spot(path) else { return Err(files.no_bucket(path)) };
    if is_pattern(&bucket) {
        return Err(files.no_bucket(path));
    }
    // The connection's own folder is a name, not a pattern, whatever characters it has.
    let root = if files.root.bucket.is_some() { files.root.folder.len() } else { 0 };
    let pattern = is_pattern(&key[root..]);
    if selection.folder || key.is_empty() || key.ends_with('/') {
        let prefix = as_folder(key.clone());
        if !pattern || files.any(&bucket, &prefix).await? {
            return Ok(files.objects(Keys { bucket, prefix, flat: !selection.recursive }));
        }
        let below = if selection.recursive { "**" } else { "*" };
        return matching(
            &files,
            bucket,
            &format!("{}{}{below}", escaped(&key[..root]), as_folder(key[root..].to_string())),
        );
    }
    if !pattern {
        let object = files.head(&bucket, &key).await?;
        return Ok(stream::once(async move { Ok(object) }).boxed());
    }
    // A file whose name only looks like a pattern is that file. A refusal may mean that only listing is allowed.
    match files.head(&bucket, &key).await {
        Ok(object) => return Ok(stream::once(async move { Ok(object) }).boxed()),
        Err(e) if matches!(e.kind, Kind::NotFound | Kind::Refused | Kind::Invalid) => {}
        Err(e) => return Err(e),
    }
    matching(&files, bucket, &format!("{}{}", escaped(&key[..root]), &key[root..]))
}

fn matching(files: &Files, bucket: String, pattern: &str) -> Result<BoxStream<'static, Result<Object>>> {
    let pattern = Pattern::parse(pattern)?;
    let objects = files.objects(Keys { bucket, prefix: pattern.prefix.clone(), flat: pattern.flat });
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
