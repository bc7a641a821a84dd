//! What a file is, from its name and its first bytes: compression by magic bytes (by suffix where a compression has
//! none), then Parquet by its magic bytes, JSON by its first document, and else delimited text, whose delimiter is
//! the one that cuts the first records into equally many fields.

use crate::decode::compress::{Entry, each_entry};
use crate::decode::source::Source;
use crate::decode::{Flow, Halt, csv, encoding, json};
use encoding_rs::Encoding;
use forebay_model::files::{Compression, FileOptions, Format};
use std::io::Cursor;

/// Bytes that are looked at.
const HEAD: usize = 64 << 10;
/// Records that have to agree.
const RECORDS: usize = 50;
/// In the order of preference, the usual ones first.
const DELIMITERS: &[u8] = b",\t;|\x01^~:";

/// How the file is to be read.
pub(super) fn properties(source: &Source) -> Flow<FileOptions> {
    let key = source.object.key.to_ascii_lowercase();
    let mut options = FileOptions::default();
    if source.object.size == 0 {
        return Ok(options);
    }
    let declared = by_suffix(&key);
    let seen = each_entry(source, declared, &mut |mut entry: Entry<'_>| {
        let head = entry.ahead(HEAD)?;
        // An archive may begin with an empty member.
        if head.is_empty() && entry.file != source.object.key {
            return Ok(());
        }
        options.compression = entry.compression;
        let name = entry.file.to_ascii_lowercase();
        of_text(head, &name, &mut options)?;
        Err(Halt::Gone)
    });
    match seen {
        Ok(()) | Err(Halt::Gone) => Ok(options),
        Err(halt) => Err(halt),
    }
}

/// Compressions without a mark of their own.
fn by_suffix(key: &str) -> Option<Compression> {
    match key.rsplit_once('.')?.1 {
        "deflate" | "zlib" | "zz" => Some(Compression::Deflate),
        "tar" => Some(Compression::Tar),
        _ => None,
    }
}

fn of_text(head: Vec<u8>, name: &str, options: &mut FileOptions) -> Flow {
    if head.starts_with(b"PAR1") {
        options.format = Format::Parquet;
        return Ok(());
    }
    let cut = head.len() == HEAD;
    options.encoding = encoding_of(&head, cut).to_string();
    let encoding = encoding::by_label(&options.encoding, name)?;
    let fail = |e| Halt::from(forebay_model::Error::internal("bytes in memory cannot be read").caused_by(e));
    let raw = Entry { file: name.to_string(), compression: None, reader: Box::new(Cursor::new(head)), fail: &fail };
    let mut text = encoding::utf8(raw, encoding)?.ahead(4 * HEAD)?;
    if json::begins(&text) {
        options.format = Format::Json;
        return Ok(());
    }
    if cut {
        // The last record may be cut in two.
        let whole = memchr::memrchr2(b'\n', b'\r', &text).map_or(text.len(), |at| at + 1);
        text.truncate(whole);
    }
    options.delimiter = delimiter_of(&text, name)?;
    Ok(())
}

/// By the byte order mark, by zeros where 16 bits hold a character, or else UTF-8 if it is.
fn encoding_of(head: &[u8], cut: bool) -> &'static str {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return encoding.name();
    }
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|&&byte| byte == 0).count();
    let (even, odd, most) = (zeros(0), zeros(1), head.len() / 8);
    if odd > most && even * 8 < odd {
        return "UTF-16LE";
    }
    if even > most && odd * 8 < even {
        return "UTF-16BE";
    }
    match std::str::from_utf8(head) {
        Ok(_) => "UTF-8",
        // The last character may be cut in two.
        Err(e) if cut && e.error_len().is_none() => "UTF-8",
        Err(_) => "ISO-8859-1",
    }
}

/// The delimiter whose records have the same number of fields throughout, and most of them.
fn delimiter_of(text: &[u8], name: &str) -> Flow<u8> {
    let preferred = name.ends_with(".tsv") || name.contains(".tsv.");
    let (mut best, mut found) = ((0, 0), if preferred { b'\t' } else { b',' });
    for &delimiter in DELIMITERS {
        let fields = csv::shape(text, delimiter, RECORDS)?;
        let Some(&first) = fields.first() else { continue };
        if first < 2 {
            continue;
        }
        let agreeing = fields.iter().filter(|&&count| count == first).count();
        let share = 100 * agreeing / fields.len();
        // Rare marks have to be right throughout; a colon stands in many texts.
        let usual = matches!(delimiter, b',' | b'\t' | b';' | b'|');
        if share < if usual { 60 } else { 100 } || (!usual && best.0 > 0) {
            continue;
        }
        if (share, first) > best {
            (best, found) = ((share, first), delimiter);
        }
    }
    Ok(found)
}
