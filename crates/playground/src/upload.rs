//! Uploads in parts: part files beside the content until they are joined or given up.
//!
//! What always holds: a part is replaced as a whole; joining makes one object, or none.

use crate::folder::{Condition, Draft, Failure, Folder, Headers, Stored, hex, unique};
use chrono::{DateTime, Utc};
use md5::{Digest, Md5};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The smallest part that is not the last one.
const SMALLEST: u64 = 5 << 20;

/// Why parts were not joined.
pub(crate) enum Unjoined {
    NoUpload,
    InvalidPart,
    TooSmall,
    Failure(Failure),
}

impl From<Failure> for Unjoined {
    fn from(e: Failure) -> Unjoined {
        Unjoined::Failure(e)
    }
}

impl From<io::Error> for Unjoined {
    fn from(e: io::Error) -> Unjoined {
        Unjoined::Failure(e.into())
    }
}

/// A part that has arrived.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) md5: [u8; 16],
    pub(crate) size: u64,
    pub(crate) modified: i64,
    content: Arc<Mutex<(Draft, File)>>,
}

/// An upload under way.
struct Upload {
    bucket: String,
    key: String,
    headers: Headers,
    parts: BTreeMap<i32, Part>,
}

/// Uploads under way, by id. They do not outlive the process.
#[derive(Default)]
pub(crate) struct Uploads(Mutex<HashMap<String, Upload>>);

impl Uploads {
    pub(crate) fn create(&self, bucket: &str, key: &str, headers: Headers) -> io::Result<String> {
        let id = unique()?;
        let upload = Upload { bucket: bucket.into(), key: key.into(), headers, parts: BTreeMap::new() };
        self.lock().insert(id.clone(), upload);
        Ok(id)
    }

    pub(crate) fn exists(&self, id: &str, bucket: &str, key: &str) -> bool {
        self.lock().get(id).is_some_and(|upload| upload.bucket == bucket && upload.key == key)
    }

    /// Takes a part; false when the upload is gone.
    pub(crate) fn add(&self, id: &str, number: i32, draft: Draft, now: DateTime<Utc>) -> io::Result<bool> {
        let part = Part {
            md5: draft.md5(),
            size: draft.size(),
            modified: now.timestamp(),
            content: Arc::new(Mutex::new({
                let file = draft.reopen()?;
                (draft, file)
            })),
        };
        let mut uploads = self.lock();
        let Some(upload) = uploads.get_mut(id) else { return Ok(false) };
        upload.parts.insert(number, part);
        Ok(true)
    }

    pub(crate) fn parts(&self, id: &str) -> Vec<(i32, Part)> {
        let uploads = self.lock();
        uploads.get(id).map(|u| u.parts.iter().map(|(n, p)| (*n, p.clone())).collect()).unwrap_or_default()
    }

    pub(crate) fn abort(&self, id: &str) -> bool {
        self.lock().remove(id).is_some()
    }

    /// Joins the named parts (number and etag without quotes) into one object. Blocks.
    pub(crate) fn join(
        &self,
        folder: &Folder,
        id: &str,
        named: &[(i32, String)],
        condition: &Condition,
        now: DateTime<Utc>,
    ) -> Result<Stored, Unjoined> {
        let (bucket, key, headers, parts) = {
            let uploads = self.lock();
            let upload = uploads.get(id).ok_or(Unjoined::NoUpload)?;
            (upload.bucket.clone(), upload.key.clone(), upload.headers.clone(), upload.parts.clone())
        };
        let ascending = named.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if named.is_empty() || !ascending {
            return Err(Unjoined::InvalidPart);
        }
        let mut draft = folder.draft(&bucket)?;
        let mut of_parts = Md5::new();
        for (at, (number, etag)) in named.iter().enumerate() {
            let part = parts.get(number).filter(|part| hex(&part.md5) == *etag).ok_or(Unjoined::InvalidPart)?;
            if part.size < SMALLEST && at + 1 < named.len() {
                return Err(Unjoined::TooSmall);
            }
            of_parts.update(part.md5);
            let mut content = part.content.lock().unwrap_or_else(PoisonError::into_inner);
            content.1.rewind()?;
            let mut buffer = vec![0; 1 << 20];
            loop {
                let read = content.1.read(&mut buffer)?;
                if read == 0 {
                    break;
                }
                draft.write(&buffer[..read])?;
            }
        }
        let etag = format!("{}-{}", hex(&of_parts.finalize()), named.len());
        let stored = folder.commit(&bucket, &key, draft, etag, headers, condition, now)?;
        self.lock().remove(id);
        Ok(stored)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Upload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
