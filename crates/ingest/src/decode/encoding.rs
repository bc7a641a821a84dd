//! Any encoding to UTF-8, streaming. A byte order mark wins over the declared encoding. What is malformed in the
//! declared encoding comes out as the byte 0xFF, which is never UTF-8: so the decoders reject that record and name
//! its line, and nothing is replaced in silence. UTF-8 itself passes untouched and is checked by the decoders.

use super::compress::Entry;
use super::{Flow, unreadable};
use encoding_rs::{DecoderResult, Encoding, UTF_8};
use forebay_model::Error;
use std::io::{self, Read};

const BLOCK: usize = 64 << 10;
/// In the output, a malformed sequence of the input.
const MALFORMED: u8 = 0xFF;

/// The encoding by its WHATWG label, such as `UTF-8`, `ISO-8859-1` or `Shift_JIS`.
pub(crate) fn by_label(label: &str, file: &str) -> Result<&'static Encoding, Error> {
    Encoding::for_label_no_replacement(label.as_bytes()).ok_or_else(|| {
        unreadable(file, format!("the encoding \"{label}\" declared for {file} is not known"))
            .advice("Set data.properties.encoding to a WHATWG label such as UTF-8, UTF-16LE, ISO-8859-1 or Shift_JIS.")
    })
}

/// The entry as UTF-8, without its byte order mark.
pub(crate) fn utf8<'r>(mut entry: Entry<'r>, declared: &'static Encoding) -> Flow<Entry<'r>> {
    let mut head = entry.ahead(4)?;
    if head.starts_with(&[0xFF, 0xFE, 0, 0]) || head.starts_with(&[0, 0, 0xFE, 0xFF]) {
        let message = format!("{} is UTF-32, which is not supported", entry.file);
        return Err(unreadable(&entry.file, message).advice("Convert the file to UTF-8.").into());
    }
    let (encoding, mark) = Encoding::for_bom(&head).unwrap_or((declared, 0));
    head.drain(..mark);
    let Entry { file, compression, reader, fail } = entry;
    let rest: Box<dyn Read + 'r> = Box::new(io::Cursor::new(head).chain(reader));
    if encoding == UTF_8 {
        return Ok(Entry { file, compression, reader: rest, fail });
    }
    let decoder = encoding.new_decoder_without_bom_handling();
    let (raw, text) = (vec![0; BLOCK], Vec::with_capacity(BLOCK * 3));
    let reader = Box::new(Transcoder { rest, decoder, raw, from: 0, to: 0, text, given: 0, ended: false });
    Ok(Entry { file, compression, reader, fail })
}

struct Transcoder<'r> {
    rest: Box<dyn Read + 'r>,
    decoder: encoding_rs::Decoder,
    raw: Vec<u8>,
    from: usize,
    to: usize,
    text: Vec<u8>,
    given: usize,
    ended: bool,
}

impl Transcoder<'_> {
    /// Decodes the next block. After it `text` holds something, or the input is over.
    fn turn(&mut self) -> io::Result<()> {
        self.text.clear();
        self.given = 0;
        let mut last = false;
        if self.from == self.to {
            self.from = 0;
            self.to = self.rest.read(&mut self.raw)?;
            last = self.to == 0;
        }
        self.text.resize(BLOCK * 3 + 16, 0);
        let source = &self.raw[self.from..self.to];
        let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(source, &mut self.text, last);
        self.from += read;
        self.text.truncate(written);
        match result {
            DecoderResult::Malformed(..) => self.text.push(MALFORMED),
            DecoderResult::InputEmpty => self.ended = last,
            DecoderResult::OutputFull => {}
        }
        Ok(())
    }
}

impl Read for Transcoder<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() && !self.ended {
            self.turn()?;
        }
        let rest = &self.text[self.given..];
        let amount = rest.len().min(to.len());
        to[..amount].copy_from_slice(&rest[..amount]);
        self.given += amount;
        Ok(amount)
    }
}
