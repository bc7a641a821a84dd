//! Compressed objects and archives, as one or more readable entries.
//!
//! A declared compression must be there; an undeclared one is found by its magic bytes, since a gzip file is never
//! delimited text. Inside gzip a tar archive is found by its header. Every regular member of an archive is one
//! entry, named `archive.zip#entry`; folders and macOS resource forks (`__MACOSX/`) are passed over. Zip is read by
//! its central directory through range reads, all else front to back. Truncated or corrupt data is an error with
//! the file and the number of compressed bytes that were read; so is a bomb.

use super::source::{Faults, Source, Stream};
use super::{Flow, Halt, MAX_MEMBERS, MAX_RATIO, RATIO_FROM, unreadable};
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use forebay_model::files::Compression;
use forebay_model::{Error, Kind};
use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes looked at to tell compressions apart: a tar header is one block.
const HEAD: usize = 512;
const READ: usize = 256 << 10;

/// One readable file: the object itself, or a member of it.
pub(crate) struct Entry<'r> {
    /// As diagnostics name it.
    pub file: String,
    /// How the object is compressed, as it turned out.
    pub compression: Option<Compression>,
    /// Its bytes, decompressed.
    pub reader: Box<dyn Read + 'r>,
    /// What a failed read means.
    pub fail: &'r dyn Fn(io::Error) -> Halt,
}

impl Entry<'_> {
    /// Some bytes; 0 at the end.
    pub fn read(&mut self, to: &mut [u8]) -> Flow<usize> {
        loop {
            match self.reader.read(to) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map_err(self.fail),
            }
        }
    }

    /// Fills `to` as far as there are bytes.
    pub fn fill(&mut self, to: &mut [u8]) -> Flow<usize> {
        let mut filled = 0;
        while filled < to.len() {
            match self.read(&mut to[filled..])? {
                0 => break,
                more => filled += more,
            }
        }
        Ok(filled)
    }

    /// Takes up to `size` bytes off the front.
    pub fn ahead(&mut self, size: usize) -> Flow<Vec<u8>> {
        let mut head = vec![0; size];
        let filled = self.fill(&mut head)?;
        head.truncate(filled);
        Ok(head)
    }
}

/// What is done with each entry.
pub(crate) type Visit<'v> = &'v mut dyn FnMut(Entry<'_>) -> Flow;

type Input = Chain<Cursor<Vec<u8>>, Stream>;

/// Visits every entry of the object, in its order.
pub(crate) fn each_entry(source: &Source, declared: Option<Compression>, visit: Visit<'_>) -> Flow {
    let key = &source.object.key;
    let mut stream = source.stream();
    let plain = |e| source.failure(e, |e| unreadable(key, format!("{key} cannot be read")).caused_by(e));
    let head =
        Entry { file: String::new(), compression: None, reader: Box::new(&mut stream), fail: &plain }.ahead(HEAD)?;
    let found = detect(&head, key);
    if let Some(declared) = declared {
        check(declared, &head, key)?;
    }
    let compression = declared.or(found).filter(|_| !head.is_empty());
    let input = Cursor::new(head).chain(stream);
    let guard = Guard { out: Arc::default(), taken: source.counter(), key: key.clone(), faults: source.faults.clone() };
    let name = name_of(compression);
    let corrupt = |e: io::Error| source.failure(e, |e| corrupt(key, name, source.bytes(), e));
    let one = |reader: Box<dyn Read>, visit: Visit<'_>| {
        let reader = Box::new(Guarded { reader, guard: guard.clone() });
        visit(Entry { file: key.clone(), compression, reader, fail: &corrupt })
    };
    match compression {
        None => visit(Entry { file: key.clone(), compression, reader: Box::new(input), fail: &plain })?,
        Some(Compression::Bzip2) => one(Box::new(bzip2::bufread::MultiBzDecoder::new(input)), visit)?,
        Some(Compression::Deflate) => one(deflate(input), visit)?,
        Some(Compression::Gzip) => {
            let mut inside = BufReader::with_capacity(READ, MultiGzDecoder::new(input));
            let head = inside.fill_buf().map_err(corrupt)?;
            if is_tar(head) {
                let reader = Guarded { reader: Box::new(inside), guard };
                return tar(Box::new(reader), key, Compression::TarGzip, &corrupt, visit);
            }
            // What is buffered is handed out first, then reads go straight through.
            one(Box::new(inside), visit)?;
        }
        Some(Compression::TarGzip) => {
            let reader = Guarded { reader: Box::new(MultiGzDecoder::new(input)), guard };
            tar(Box::new(reader), key, Compression::TarGzip, &corrupt, visit)?;
        }
        Some(Compression::Tar) => tar(Box::new(input), key, Compression::Tar, &corrupt, visit)?,
        Some(Compression::ZipDeflate) => {
            drop(input);
            guard.taken.store(0, Ordering::Relaxed);
            zip(source, &guard, &corrupt, visit)?;
        }
    }
    Ok(())
}

/// The compression that the first bytes show.
fn detect(head: &[u8], key: &str) -> Option<Compression> {
    let key = key.to_ascii_lowercase();
    if head.starts_with(&[0x1F, 0x8B, 8]) {
        let tar = key.ends_with(".tar.gz") || key.ends_with(".tgz");
        return Some(if tar { Compression::TarGzip } else { Compression::Gzip });
    }
    // A bzip2 stream's first block, or its empty end; "BZh" alone may begin a text.
    let block = head.get(4..10).unwrap_or(&[]);
    if head.starts_with(b"BZh") && (block == b"1AY&SY" || block == b"\x17\x72\x45\x38\x50\x90") {
        return Some(Compression::Bzip2);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Some(Compression::ZipDeflate);
    }
    is_tar(head).then_some(Compression::Tar)
}

fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

fn is_zlib(head: &[u8]) -> bool {
    head.len() >= 2 && head[0] & 0x0F == 8 && u16::from_be_bytes([head[0], head[1]]).is_multiple_of(31)
}

/// Refuses a declared compression that is plainly not there.
fn check(declared: Compression, head: &[u8], key: &str) -> Result<(), Error> {
    let there = match declared {
        Compression::Gzip | Compression::TarGzip => head.starts_with(&[0x1F, 0x8B]),
        Compression::Bzip2 => head.starts_with(b"BZh"),
        Compression::ZipDeflate => head.starts_with(b"PK"),
        // Neither raw deflate nor the oldest tar format has a mark.
        Compression::Deflate | Compression::Tar => true,
    };
    if there || head.is_empty() {
        return Ok(());
    }
    let message = format!("{key} is declared as {}, but its first bytes are not", name_of(Some(declared)));
    Err(unreadable(key, message).advice("Correct data.properties.compressionType of the source connection."))
}

/// The contract's name of a compression.
pub(crate) fn name_of(compression: Option<Compression>) -> &'static str {
    match compression {
        None => "plain",
        Some(Compression::Bzip2) => "bzip2",
        Some(Compression::Gzip) => "gzip",
        Some(Compression::Deflate) => "deflate",
        Some(Compression::ZipDeflate) => "zipDeflate",
        Some(Compression::TarGzip) => "tarGzip",
        Some(Compression::Tar) => "tar",
    }
}

fn corrupt(key: &str, name: &str, bytes: u64, cause: io::Error) -> Error {
    let what = match cause.kind() {
        io::ErrorKind::UnexpectedEof => "ends too early",
        _ => "is corrupt",
    };
    let message = format!("the {name} data of {key} {what}, after {bytes} compressed bytes were read");
    unreadable(key, message)
        .advice("Upload the file again, whole, and check its declared compression.")
        .caused_by(cause)
}

fn deflate(mut input: Input) -> Box<dyn Read> {
    let zlib = input.fill_buf().is_ok_and(is_zlib);
    let tail = |input: &mut Input| input.fill_buf().map(|rest| rest.is_empty());
    if zlib {
        Box::new(Ending { reader: ZlibDecoder::new(input), done: move |r: &mut ZlibDecoder<Input>| tail(r.get_mut()) })
    } else {
        Box::new(Ending {
            reader: DeflateDecoder::new(input),
            done: move |r: &mut DeflateDecoder<Input>| tail(r.get_mut()),
        })
    }
}

/// Refuses bytes behind the end of a stream that has no members.
struct Ending<R, F> {
    reader: R,
    done: F,
}

impl<R: Read, F: FnMut(&mut R) -> io::Result<bool>> Read for Ending<R, F> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let amount = self.reader.read(to)?;
        if amount == 0 && !to.is_empty() && !(self.done)(&mut self.reader)? {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "bytes behind the end of the deflate stream"));
        }
        Ok(amount)
    }
}

fn tar(
    reader: Box<dyn Read + '_>,
    key: &str,
    compression: Compression,
    fail: &dyn Fn(io::Error) -> Halt,
    visit: Visit<'_>,
) -> Flow {
    let mut archive = tar::Archive::new(reader);
    let mut members = 0;
    for member in archive.entries().map_err(fail)? {
        let member = member.map_err(fail)?;
        members += 1;
        if members > MAX_MEMBERS {
            return Err(crowded(key).into());
        }
        if !member.header().entry_type().is_file() {
            continue;
        }
        let name = String::from_utf8_lossy(&member.path_bytes()).into_owned();
        if !passed_over(&name) {
            let size = member.size();
            let reader = Box::new(Whole { reader: member, left: size });
            visit(Entry { file: format!("{key}#{name}"), compression: Some(compression), reader, fail })?;
        }
    }
    // Behind the archive's end lie blanks, and a checksum that wants to be seen.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(fail)?;
    Ok(())
}

/// A tar member that must be as long as its header says.
struct Whole<R> {
    reader: R,
    left: u64,
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let amount = self.reader.read(to)?;
        self.left = self.left.saturating_sub(amount as u64);
        if amount == 0 && !to.is_empty() && self.left > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(amount)
    }
}

fn zip(source: &Source, guard: &Guard, fail: &dyn Fn(io::Error) -> Halt, visit: Visit<'_>) -> Flow {
    let key = &source.object.key;
    let failed = |e: zip::result::ZipError| match e {
        zip::result::ZipError::UnsupportedArchive(_) | zip::result::ZipError::InvalidPassword => {
            let message = format!("{key} has an entry that is encrypted or compressed by another method than deflate");
            unreadable(key, message).advice("Create the archive anew with the deflate method and no password.").into()
        }
        zip::result::ZipError::Io(e) => fail(e),
        other => fail(io::Error::new(io::ErrorKind::InvalidData, other)),
    };
    let mut archive = zip::ZipArchive::new(source.ranges()).map_err(failed)?;
    if archive.len() as u64 > MAX_MEMBERS {
        return Err(crowded(key).into());
    }
    let guard = Guard { taken: Arc::new(AtomicU64::new(source.object.size)), ..guard.clone() };
    for at in 0..archive.len() {
        let member = archive.by_index(at).map_err(failed)?;
        let name = String::from_utf8_lossy(member.name_raw()).into_owned();
        if member.is_dir() || passed_over(&name) {
            continue;
        }
        let reader = Box::new(Guarded { reader: Box::new(member), guard: guard.clone() });
        let compression = Some(Compression::ZipDeflate);
        visit(Entry { file: format!("{key}#{name}"), compression, reader, fail })?;
    }
    Ok(())
}

fn passed_over(name: &str) -> bool {
    name.ends_with('/') || name.starts_with("__MACOSX/")
}

fn crowded(key: &str) -> Error {
    let message = format!("{key} has more than {MAX_MEMBERS} members");
    Error { kind: Kind::TooLarge, ..unreadable(key, message) }.advice("Split the archive.")
}

/// Watches that little input does not become endless output.
#[derive(Clone)]
struct Guard {
    out: Arc<AtomicU64>,
    taken: Arc<AtomicU64>,
    key: String,
    faults: Faults,
}

struct Guarded<'r> {
    reader: Box<dyn Read + 'r>,
    guard: Guard,
}

impl Read for Guarded<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let amount = self.reader.read(to)?;
        let Guard { out, taken, key, faults } = &self.guard;
        let out = out.fetch_add(amount as u64, Ordering::Relaxed) + amount as u64;
        let taken = taken.load(Ordering::Relaxed).max(1);
        if out > RATIO_FROM && out / taken > MAX_RATIO {
            let message = format!("{key} grows more than {MAX_RATIO} times when it is decompressed");
            let error = Error { kind: Kind::TooLarge, ..unreadable(key, message) };
            return Err(faults.keep(error.advice("If the file is genuine, upload it with less compression.")));
        }
        Ok(amount)
    }
}
