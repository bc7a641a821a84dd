//! Buckets in a folder: what the endpoint serves, usable without it.
//!
//! A bucket is a directory of content files and a journal. Each content file is written once under a name of its own
//! and never changed, so a reader keeps what it opened; the journal maps keys, whatever their bytes, to content files,
//! one JSON line a change, and is read whole at start. What always holds: an object is visible with all its bytes or
//! not at all, conditions are judged and the change is made under one lock, and listings are in byte order.

use chrono::{DateTime, Utc};
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// The highest character: no key that matters sorts behind it.
const LAST: char = '\u{10ffff}';

/// What went wrong.
#[derive(Debug)]
pub enum Failure {
    /// No such bucket.
    NoBucket,
    /// The bucket is there already.
    BucketExists,
    /// The bucket still holds objects.
    BucketNotEmpty,
    /// No such key.
    NoKey,
    /// A condition does not hold.
    Condition,
    /// The disk said no.
    Io(io::Error),
}

impl From<io::Error> for Failure {
    fn from(e: io::Error) -> Failure {
        Failure::Io(e)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::NoBucket => f.write_str("no such bucket"),
            Failure::BucketExists => f.write_str("the bucket is there already"),
            Failure::BucketNotEmpty => f.write_str("the bucket is not empty"),
            Failure::NoKey => f.write_str("no such key"),
            Failure::Condition => f.write_str("a condition does not hold"),
            Failure::Io(e) => write!(f, "{e}"),
        }
    }
}

impl std::error::Error for Failure {}

/// When a write may happen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Condition {
    /// Always.
    #[default]
    None,
    /// Only if nothing is there.
    Absent,
    /// Only if something is there.
    Present,
    /// Only over this etag, without quotes.
    Etag(String),
}

/// An object, as the journal has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Bytes.
    pub size: u64,
    /// MD5 of the content in hex, without quotes; of the parts' for an object in parts.
    pub etag: String,
    /// Last change, in whole seconds of the epoch: S3 tells no more.
    pub modified: i64,
    /// Headers that are given back.
    #[serde(default)]
    pub headers: Headers,
    /// The content file.
    file: String,
}

/// Headers that are stored with an object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Headers {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `x-amz-meta-…`.
    pub metadata: BTreeMap<String, String>,
}

/// One page of a listing.
#[derive(Debug, Default)]
pub struct Listing {
    /// Keys and objects.
    pub objects: Vec<(String, Stored)>,
    /// Common prefixes, with the delimiter.
    pub prefixes: Vec<String>,
    /// Where the next page starts.
    pub next: Option<After>,
}

/// A place in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    /// Behind this key.
    Key(String),
    /// Behind every key that begins so.
    Prefix(String),
}

/// Buckets in a folder.
pub struct Folder {
    root: PathBuf,
    buckets: RwLock<BTreeMap<String, Arc<Bucket>>>,
}

struct Bucket {
    dir: PathBuf,
    created: i64,
    state: Mutex<State>,
}

struct State {
    objects: BTreeMap<String, Stored>,
    journal: File,
}

/// One line of a journal.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Put(String, Stored),
    Delete(String),
}

/// Content on its way in: a file nobody sees until it is put.
pub struct Draft {
    path: PathBuf,
    name: String,
    file: File,
    md5: Md5,
    size: u64,
    kept: bool,
}

impl Draft {
    /// Adds bytes.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.md5.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Bytes so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The content so far, to be read.
    pub fn reopen(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    /// The MD5 so far.
    pub fn md5(&self) -> [u8; 16] {
        self.md5.clone().finalize().into()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed now is swept at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Bytes as hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A name that nothing else has.
pub(crate) fn unique() -> io::Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(hex(&bytes))
}

impl Folder {
    /// Opens a folder, and sweeps what an earlier process left half done.
    pub fn open(root: &Path) -> io::Result<Folder> {
        fs::create_dir_all(root)?;
        let mut buckets = BTreeMap::new();
        for entry in fs::read_dir(root)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if entry.path().join("journal").is_file() {
                buckets.insert(name, Arc::new(Bucket::open(&entry.path())?));
            }
        }
        Ok(Folder { root: root.to_path_buf(), buckets: RwLock::new(buckets) })
    }

    /// Adds an empty bucket.
    pub fn create_bucket(&self, name: &str) -> Result<(), Failure> {
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if buckets.contains_key(name) {
            return Err(Failure::BucketExists);
        }
        let dir = self.root.join(name);
        fs::create_dir_all(dir.join("content"))?;
        File::create(dir.join("journal"))?;
        buckets.insert(name.to_string(), Arc::new(Bucket::open(&dir)?));
        Ok(())
    }

    /// Removes an empty bucket.
    pub fn delete_bucket(&self, name: &str) -> Result<(), Failure> {
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.get(name).ok_or(Failure::NoBucket)?;
        if !bucket.state().objects.is_empty() {
            return Err(Failure::BucketNotEmpty);
        }
        fs::remove_dir_all(&bucket.dir)?;
        buckets.remove(name);
        Ok(())
    }

    /// Names of buckets and when they were made, in seconds of the epoch.
    pub fn buckets(&self) -> Vec<(String, i64)> {
        let buckets = self.buckets.read().unwrap_or_else(PoisonError::into_inner);
        buckets.iter().map(|(name, bucket)| (name.clone(), bucket.created)).collect()
    }

    /// Puts an object whole, whatever is there. The bucket must exist. Returns its etag, quoted.
    pub fn put(&self, bucket: &str, key: &str, bytes: &[u8], now: DateTime<Utc>) -> Result<String, Failure> {
        let mut draft = self.draft(bucket)?;
        draft.write(bytes)?;
        let etag = hex(&draft.md5());
        let stored = self.commit(bucket, key, draft, etag, Headers::default(), &Condition::None, now)?;
        Ok(format!("\"{}\"", stored.etag))
    }

    /// Begins content for a bucket.
    pub fn draft(&self, bucket: &str) -> Result<Draft, Failure> {
        let bucket = self.bucket(bucket)?;
        let name = unique()?;
        let path = bucket.content(&name);
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        Ok(Draft { path, name, file, md5: Md5::new(), size: 0, kept: false })
    }

    /// Makes content an object, if the condition holds at that moment.
    #[allow(clippy::too_many_arguments, reason = "each is one column of the journal")]
    pub fn commit(
        &self,
        bucket: &str,
        key: &str,
        mut draft: Draft,
        etag: String,
        headers: Headers,
        condition: &Condition,
        now: DateTime<Utc>,
    ) -> Result<Stored, Failure> {
        let bucket = self.bucket(bucket)?;
        let stored = Stored { size: draft.size, etag, modified: now.timestamp(), headers, file: draft.name.clone() };
        let replaced = bucket.state().put(key, stored.clone(), condition)?;
        draft.kept = true;
        bucket.forget(replaced);
        Ok(stored)
    }

    /// Makes an object of another's content, without copying it.
    pub fn copy(
        &self,
        from: (&str, &str),
        to: (&str, &str),
        headers: Option<Headers>,
        condition: &Condition,
        now: DateTime<Utc>,
    ) -> Result<Stored, Failure> {
        let (source, target) = (self.bucket(from.0)?, self.bucket(to.0)?);
        let name = unique()?;
        let mut stored = {
            let state = source.state();
            let stored = state.objects.get(from.1).ok_or(Failure::NoKey)?;
            fs::hard_link(source.content(&stored.file), target.content(&name))?;
            stored.clone()
        };
        stored.file = name.clone();
        stored.modified = now.timestamp();
        stored.headers = headers.unwrap_or(stored.headers);
        let put = target.state().put(to.1, stored.clone(), condition);
        match put {
            Ok(replaced) => target.forget(replaced),
            Err(e) => {
                target.forget(Some(name));
                return Err(e);
            }
        }
        Ok(stored)
    }

    /// An object.
    pub fn stat(&self, bucket: &str, key: &str) -> Result<Stored, Failure> {
        self.bucket(bucket)?.state().objects.get(key).cloned().ok_or(Failure::NoKey)
    }

    /// An object and its content, which stays readable when the object is replaced.
    pub fn get(&self, bucket: &str, key: &str) -> Result<(Stored, File), Failure> {
        let bucket = self.bucket(bucket)?;
        let state = bucket.state();
        let stored = state.objects.get(key).ok_or(Failure::NoKey)?;
        Ok((stored.clone(), File::open(bucket.content(&stored.file))?))
    }

    /// Removes an object; one that is not there is no failure.
    pub fn delete(&self, bucket: &str, key: &str) -> Result<(), Failure> {
        let bucket = self.bucket(bucket)?;
        let removed = bucket.state().delete(key)?;
        bucket.forget(removed);
        Ok(())
    }

    /// One page of a listing, in byte order of the keys.
    pub fn list(
        &self,
        bucket: &str,
        prefix: &str,
        delimiter: Option<&str>,
        after: Option<&After>,
        most: usize,
    ) -> Result<Listing, Failure> {
        let bucket = self.bucket(bucket)?;
        let state = bucket.state();
        Ok(page(&state.objects, prefix, delimiter.filter(|d| !d.is_empty()), after, most))
    }

    fn bucket(&self, name: &str) -> Result<Arc<Bucket>, Failure> {
        let buckets = self.buckets.read().unwrap_or_else(PoisonError::into_inner);
        buckets.get(name).cloned().ok_or(Failure::NoBucket)
    }

    /// Is there such a bucket?
    pub fn has_bucket(&self, name: &str) -> bool {
        self.bucket(name).is_ok()
    }
}

fn page(
    objects: &BTreeMap<String, Stored>,
    prefix: &str,
    delimiter: Option<&str>,
    after: Option<&After>,
    most: usize,
) -> Listing {
    let mut listing = Listing::default();
    let mut group = match after {
        Some(After::Prefix(group)) => Some(group.clone()),
        _ => None,
    };
    let mut from = match after {
        Some(After::Key(key)) if key.as_str() >= prefix => Bound::Excluded(key.clone()),
        Some(After::Prefix(group)) => Bound::Excluded(format!("{group}{LAST}")),
        _ => Bound::Included(prefix.to_string()),
    };
    let mut last = None;
    'seek: loop {
        for (key, stored) in objects.range((from.clone(), Bound::Unbounded)) {
            let Some(rest) = key.strip_prefix(prefix) else { break 'seek };
            let found = delimiter.and_then(|d| rest.find(d).map(|at| &key[..prefix.len() + at + d.len()]));
            if found.is_some() && found == group.as_deref() {
                continue;
            }
            if listing.objects.len() + listing.prefixes.len() == most {
                listing.next = last;
                break 'seek;
            }
            let Some(found) = found else {
                last = Some(After::Key(key.clone()));
                listing.objects.push((key.clone(), stored.clone()));
                continue;
            };
            listing.prefixes.push(found.to_string());
            last = Some(After::Prefix(found.to_string()));
            from = Bound::Excluded(format!("{found}{LAST}"));
            group = Some(found.to_string());
            continue 'seek;
        }
        break;
    }
    listing
}

impl Bucket {
    fn open(dir: &Path) -> io::Result<Bucket> {
        let path = dir.join("journal");
        let mut objects = BTreeMap::new();
        for line in BufReader::new(File::open(&path)?).split(b'\n') {
            // A line that was cut off by the end of a process never counted.
            match serde_json::from_slice(&line?) {
                Ok(Line::Put(key, stored)) => drop(objects.insert(key, stored)),
                Ok(Line::Delete(key)) => drop(objects.remove(&key)),
                Err(_) => {}
            }
        }
        let live: HashSet<&str> = objects.values().map(|stored| stored.file.as_str()).collect();
        for entry in fs::read_dir(dir.join("content"))? {
            let entry = entry?;
            if !entry.file_name().to_str().is_some_and(|name| live.contains(name)) {
                fs::remove_file(entry.path())?;
            }
        }
        // A fresh journal without history, and without a cut line that the next one would be glued to.
        let fresh = dir.join("journal.new");
        let mut journal = File::create(&fresh)?;
        let mut text = Vec::new();
        for (key, stored) in &objects {
            serde_json::to_writer(&mut text, &Line::Put(key.clone(), stored.clone()))?;
            text.push(b'\n');
        }
        journal.write_all(&text)?;
        fs::rename(&fresh, &path)?;
        let created = fs::metadata(dir.join("content"))?.created().or_else(|_| fs::metadata(dir)?.modified())?;
        let created = DateTime::<Utc>::from(created).timestamp();
        Ok(Bucket { dir: dir.to_path_buf(), created, state: Mutex::new(State { objects, journal }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn content(&self, name: &str) -> PathBuf {
        self.dir.join("content").join(name)
    }

    /// Removes a content file that no object has any more.
    fn forget(&self, name: Option<String>) {
        if let Some(name) = name {
            // What cannot be removed now is swept at the next start.
            let _ = fs::remove_file(self.content(&name));
        }
    }
}

impl State {
    /// Returns the content file that was replaced.
    fn put(&mut self, key: &str, stored: Stored, condition: &Condition) -> Result<Option<String>, Failure> {
        let current = self.objects.get(key);
        match (condition, current) {
            (Condition::None, _) | (Condition::Absent, None) | (Condition::Present, Some(_)) => {}
            (Condition::Etag(etag), Some(current)) if *etag == current.etag => {}
            (Condition::Etag(_) | Condition::Present, None) => return Err(Failure::NoKey),
            _ => return Err(Failure::Condition),
        }
        self.write(&Line::Put(key.to_string(), stored.clone()))?;
        Ok(self.objects.insert(key.to_string(), stored).map(|replaced| replaced.file))
    }

    fn delete(&mut self, key: &str) -> Result<Option<String>, Failure> {
        if !self.objects.contains_key(key) {
            return Ok(None);
        }
        self.write(&Line::Delete(key.to_string()))?;
        Ok(self.objects.remove(key).map(|removed| removed.file))
    }

    /// One write of one line.
    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.journal.write_all(&text)
    }
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
