//! The raw zone: pages of table sources as they came, compressed, in segments; and the ledgers of flows.
//!
//! ```text
//! raw/SANDBOX/FLOW/RUN/NAME.jsonl.gz      records, one a line, as the source's pages had them
//! raw/SANDBOX/FLOW/RUN/NAME.ids           their entries, in the lines' order; of deletions that were left out, too
//! ledgers/SANDBOX/FLOW/NAME               every entry that the flow was given
//! ```
//! Always holds: an object is written once, under a name of its own, and never changed; a segment counts only once a
//! run's record names it. What is written and never named expires.

use crate::decode::Objects;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use forebay_lake::{Lake, layout};
use forebay_model::files::{Compression as Named, FileOptions, Format, Object, Part};
use forebay_model::{Context, Error, Kind, Result, Time, code};
use forebay_sources::tables::{self, Entry, Ledger};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::ops::Range;

const STORAGE: Kind = Kind::Unavailable { retry_after: None };
/// What stands for the bucket of landed objects.
const BUCKET: &str = "lake";

/// How landed segments are read.
pub fn options() -> FileOptions {
    FileOptions { format: Format::Json, compression: Some(Named::Gzip), ..FileOptions::default() }
}

/// Writes a segment of a run; it counts once the run's record names the object.
pub async fn land(lake: &Lake, folder: &str, lines: Vec<u8>, entries: Vec<Entry>, now: Time) -> Result<Object> {
    let name = uuid::Uuid::now_v7();
    let key = format!("{folder}/{name}.jsonl.gz");
    let packed = packed(move |to| to.write_all(&lines)).await?;
    let object = Object {
        bucket: BUCKET.into(),
        key: key.clone(),
        size: packed.len() as u64,
        etag: format!("\"{name}\""),
        modified: now.timestamp_millis(),
    };
    let mut ids = Vec::with_capacity(entries.len() * 28);
    for entry in &entries {
        tables::encode(&entry.id, entry.seen, &mut ids).context(
            Kind::Invalid,
            &code::CONNECTOR_1001,
            "a record of the source cannot be noted",
        )?;
    }
    put(lake, &ids_of(&key), ids.into()).await?;
    put(lake, &key, packed).await?;
    Ok(object)
}

/// The entries of a segment, in their order: of each line, and of deletions that have none.
pub async fn entries(lake: &Lake, segment: &Object) -> Result<Vec<Entry>> {
    let path = ids_of(&segment.key);
    let bytes = get(lake, &path).await?;
    let (mut bytes, mut entries) = (&bytes[..], Vec::new());
    while let Some(entry) = tables::decode(&mut bytes).map_err(|e| damaged(&path, e))? {
        entries.push(entry);
    }
    Ok(entries)
}

/// The lines of a segment.
pub async fn lines(lake: &Lake, segment: &Object) -> Result<Vec<u8>> {
    unpacked(get(lake, &segment.key).await?, &segment.key, |from| {
        let mut all = Vec::new();
        from.read_to_end(&mut all).map(|_| all)
    })
    .await
}

/// Writes a ledger under a name of its own, which it answers.
pub async fn write_ledger(lake: &Lake, folder: &str, ledger: Ledger) -> Result<String> {
    let path = format!("{folder}/{}", uuid::Uuid::now_v7());
    put(lake, &path, packed(move |to| ledger.write(to)).await?).await?;
    Ok(path)
}

/// Reads a ledger.
pub async fn read_ledger(lake: &Lake, path: &str) -> Result<Ledger> {
    unpacked(get(lake, path).await?, path, |from| Ledger::read(from)).await
}

/// Whether all segments are still there.
pub async fn are_there(lake: &Lake, parts: &[Part]) -> Result<bool> {
    for part in parts {
        // Written first, and so the first to expire.
        match lake.store().head(&Path::from(ids_of(&part.object.key))).await {
            Ok(_) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(e) => return Err(e).context(STORAGE, &code::CONNECTOR_2001, "the raw zone could not be read"),
        }
    }
    Ok(true)
}

fn ids_of(key: &str) -> String {
    format!("{}.ids", key.trim_end_matches(".jsonl.gz"))
}

/// The folder of a run's segments.
pub fn folder(sandbox: &str, flow: &str, run: &str) -> String {
    format!("{}/{run}", layout::raw(sandbox, flow))
}

async fn put(lake: &Lake, path: &str, bytes: Bytes) -> Result<()> {
    let put = lake.store().put(&Path::from(path), bytes.into()).await;
    put.map(|_| ()).context(STORAGE, &code::CONNECTOR_2001, "a page could not be landed in the raw zone")
}

async fn get(lake: &Lake, path: &str) -> Result<Bytes> {
    let got = match lake.store().get(&Path::from(path)).await {
        Err(object_store::Error::NotFound { .. }) => return Err(expired(path)),
        got => got.context(STORAGE, &code::CONNECTOR_2001, "the raw zone could not be read")?,
    };
    got.bytes().await.context(STORAGE, &code::CONNECTOR_2001, "the raw zone could not be read")
}

fn expired(path: &str) -> Error {
    Error::new(Kind::NotFound, &code::CONNECTOR_2001, format!("{path} is not in the raw zone any more"))
        .advice("Landed pages are kept for lake.raw_days. A new flow into the dataset reads the source anew.")
}

/// What `write` writes, compressed.
async fn packed(
    write: impl FnOnce(&mut BufWriter<GzEncoder<Vec<u8>>>) -> io::Result<()> + Send + 'static,
) -> Result<Bytes> {
    blocking(move || {
        let mut to = BufWriter::new(GzEncoder::new(Vec::new(), Compression::fast()));
        write(&mut to)?;
        to.into_inner().map_err(io::Error::other)?.finish().map(Bytes::from)
    })
    .await
    .context(Kind::Internal, &code::CONNECTOR_2001, "a page could not be compressed")
}

/// What `read` reads of compressed bytes.
async fn unpacked<T: Send + 'static>(
    bytes: Bytes,
    path: &str,
    read: impl FnOnce(&mut BufReader<GzDecoder<&[u8]>>) -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let unpacked = blocking(move || read(&mut BufReader::new(GzDecoder::new(&bytes[..]))));
    unpacked.await.map_err(|e| damaged(path, e))
}

fn damaged(path: &str, cause: io::Error) -> Error {
    Error::internal(format!("{path} of the raw zone is damaged")).caused_by(cause)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Landed segments, as the decoders read them.
#[derive(Debug)]
pub struct Landed(pub Lake);

impl Objects for Landed {
    fn read(&self, object: &Object, range: Option<Range<u64>>) -> BoxStream<'static, Result<Bytes>> {
        let (store, key) = (self.0.store(), object.key.clone());
        let opened = async move {
            let options = GetOptions { range: range.map(Into::into), ..GetOptions::default() };
            let got = match store.get_opts(&Path::from(key.as_str()), options).await {
                Err(object_store::Error::NotFound { .. }) => return Err(expired(&key)),
                got => got.context(STORAGE, &code::CONNECTOR_2001, "the raw zone could not be read")?,
            };
            let chunks = got.into_stream();
            Ok(chunks.map(|chunk| chunk.context(STORAGE, &code::CONNECTOR_2001, "the raw zone could not be read")))
        };
        futures::stream::once(opened).try_flatten().boxed()
    }
}
