//! Where one JSON record ends and the next begins: lines, the elements of one array, or documents behind each other.
//!
//! In a file of lines a bad line is rejected by itself. In an array or a row of documents nobody can tell where the
//! next record starts behind a syntax error, so it refuses the file.

use super::parse::Fault;
use crate::decode::compress::Entry;
use crate::decode::{Flow, Halt, MAX_RECORD, unreadable_at};
use memchr::{memchr, memchr_iter, memrchr};

const WINDOW: usize = 256 << 10;
/// Raw bytes that are kept of a record too long to hold.
const KEPT: usize = 8 << 10;

/// What is done with records.
pub(super) trait Take {
    /// Reads the value at the front of the text; returns its length.
    fn parse(&mut self, text: &[u8]) -> Result<usize, Fault>;
    /// Takes the value that was read last, which is an object.
    fn take(&mut self, line: u64, text: &[u8]) -> Flow;
    /// Notes a record that cannot be taken.
    fn reject(&mut self, line: u64, why: String, raw: &[u8]) -> Flow;
}

/// Gives every record of the entry to `take`. With `lines` each line is one, whatever the first bytes look like.
pub(super) fn each_record(input: Entry<'_>, lines: bool, take: &mut dyn Take) -> Flow {
    let mut window =
        Window { input, buffer: vec![0; WINDOW], filled: 0, at: 0, last: false, line: 1, counted: 0, dropped: 0 };
    let first = window.token()?;
    window.count();
    match first {
        None => Ok(()),
        Some(_) if lines => window.lines(take),
        Some(b'[') => window.array(take),
        Some(_) if window.starts_over_lines(take)? => window.documents(take),
        Some(_) => window.lines(take),
    }
}

/// Slides over the input.
struct Window<'r> {
    input: Entry<'r>,
    buffer: Vec<u8>,
    filled: usize,
    at: usize,
    last: bool,
    /// The line that `counted` is in.
    line: u64,
    counted: usize,
    /// Bytes that have left the window.
    dropped: usize,
}

impl Window<'_> {
    fn rest(&self) -> &[u8] {
        &self.buffer[self.at..self.filled]
    }

    /// Brings in more behind what is there. False: there is no more.
    fn more(&mut self) -> Flow<bool> {
        if self.last {
            return Ok(false);
        }
        self.count();
        self.buffer.copy_within(self.at..self.filled, 0);
        self.filled -= self.at;
        self.dropped += self.at;
        (self.at, self.counted) = (0, 0);
        if self.filled * 2 > self.buffer.len() {
            self.buffer.resize((self.buffer.len() * 2).min(MAX_RECORD + WINDOW), 0);
        }
        self.filled += self.input.fill(&mut self.buffer[self.filled..])?;
        self.last = self.filled < self.buffer.len();
        Ok(true)
    }

    /// Counts lines up to where we are.
    fn count(&mut self) -> u64 {
        self.line += memchr_iter(b'\n', &self.buffer[self.counted..self.at]).count() as u64;
        self.counted = self.at;
        self.line
    }

    /// Passes over blanks: the next byte, which stays.
    fn token(&mut self) -> Flow<Option<u8>> {
        loop {
            match self.rest().iter().position(|byte| !byte.is_ascii_whitespace()) {
                Some(blanks) => {
                    self.at += blanks;
                    return Ok(Some(self.buffer[self.at]));
                }
                None => {
                    self.at = self.filled;
                    if !self.more()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    fn refuse(&mut self, offset: usize, why: &str) -> Halt {
        self.at += offset;
        let line = self.count();
        // The window may have lost the line's start; then the column is not told.
        let column = memrchr(b'\n', &self.buffer[..self.at]).map(|newline| self.at - newline);
        let column = if line == 1 && column.is_none() { Some(self.dropped + self.at + 1) } else { column };
        let place = column.map(|column| format!(", column {column}")).unwrap_or_default();
        let file = &self.input.file;
        let message = format!("{file} is not JSON from line {line}{place} on: {why}");
        unreadable_at(file, line, message)
            .advice("Correct the file, or upload one document a line, where a bad line spoils only itself.")
            .into()
    }

    // Lines.

    fn lines(&mut self, take: &mut dyn Take) -> Flow {
        let mut searched = 0;
        loop {
            let Some(newline) = memchr(b'\n', &self.rest()[searched..]).map(|found| found + searched) else {
                searched = self.rest().len();
                if searched > MAX_RECORD {
                    self.skip_line(take)?;
                    searched = 0;
                } else if !self.more()? {
                    let end = self.filled;
                    return self.one_line(end, take);
                }
                continue;
            };
            let end = self.at + newline;
            self.one_line(end, take)?;
            (self.at, searched) = (end + 1, 0);
            self.line += 1;
            self.counted = self.at;
        }
    }

    fn one_line(&mut self, end: usize, take: &mut dyn Take) -> Flow {
        let text = self.buffer[self.at..end].trim_ascii();
        if text.is_empty() {
            return Ok(());
        }
        if text.len() > MAX_RECORD {
            return take.reject(self.line, too_long(), text);
        }
        match take.parse(text) {
            Ok(length) if length == text.len() => given(take, self.line, text),
            Ok(length) => {
                let why = format!("the line is not one JSON document: something follows it in column {}", length + 1);
                take.reject(self.line, why, text)
            }
            Err(Fault::Short) => take.reject(self.line, "the line is not JSON: it ends too early".into(), text),
            Err(Fault::Wrong { at, why }) => {
                let why = format!("the line is not JSON: {why} in column {}", at + 1);
                take.reject(self.line, why, text)
            }
        }
    }

    /// Leaves a line that is too long, and keeps only its beginning.
    fn skip_line(&mut self, take: &mut dyn Take) -> Flow {
        let raw = self.rest()[..KEPT + 1].to_vec();
        loop {
            self.at = self.filled;
            self.counted = self.at;
            if !self.more()? {
                break;
            }
            if let Some(newline) = memchr(b'\n', self.rest()) {
                self.at += newline + 1;
                self.counted = self.at;
                break;
            }
        }
        take.reject(self.line, too_long(), &raw)?;
        self.line += 1;
        Ok(())
    }

    // Documents behind each other, and the elements of an array.

    /// Whether the first document goes on behind its first line, and is good.
    fn starts_over_lines(&mut self, take: &mut dyn Take) -> Flow<bool> {
        loop {
            let rest = self.rest();
            let line = memchr(b'\n', rest);
            match take.parse(rest) {
                Ok(length) => return Ok(line.is_some_and(|line| line < length)),
                Err(Fault::Short) if rest.len() <= MAX_RECORD => {
                    if !self.more()? {
                        return Ok(false);
                    }
                }
                Err(_) => return Ok(false),
            }
        }
    }

    fn documents(&mut self, take: &mut dyn Take) -> Flow {
        while self.token()?.is_some() {
            self.document(take)?;
        }
        Ok(())
    }

    fn array(&mut self, take: &mut dyn Take) -> Flow {
        self.at += 1;
        let mut next = self.token()?;
        if next == Some(b']') {
            self.at += 1;
        }
        while next != Some(b']') {
            if next.is_none() {
                return Err(self.refuse(0, "the array is not closed"));
            }
            self.document(take)?;
            next = self.token()?;
            match next {
                Some(b',') => {
                    self.at += 1;
                    next = self.token()?;
                    if next == Some(b']') {
                        return Err(self.refuse(0, "a value is expected"));
                    }
                }
                Some(b']') => self.at += 1,
                Some(_) => return Err(self.refuse(0, "',' or ']' is expected")),
                None => return Err(self.refuse(0, "the array is not closed")),
            }
        }
        match self.token()? {
            None => Ok(()),
            Some(_) => Err(self.refuse(0, "something follows the array")),
        }
    }

    /// The document here, however many lines it has.
    fn document(&mut self, take: &mut dyn Take) -> Flow {
        loop {
            let rest = self.rest();
            let held = rest.len();
            match take.parse(rest) {
                // A number at the window's end may go on behind it.
                Ok(length) if length < held || self.last => {
                    let line = self.count();
                    let text = &self.buffer[self.at..self.at + length];
                    if length > MAX_RECORD {
                        take.reject(line, too_long(), text)?;
                    } else {
                        given(take, line, text)?;
                    }
                    self.at += length;
                    return Ok(());
                }
                Err(Fault::Wrong { at, why }) => return Err(self.refuse(at, why)),
                Ok(_) | Err(Fault::Short) => {
                    if held > MAX_RECORD {
                        return Err(self.refuse(0, &too_long()));
                    }
                    if !self.more()? {
                        return Err(self.refuse(0, "the document that starts here ends too early"));
                    }
                }
            }
        }
    }
}

/// Gives a good record on; only objects are records.
fn given(take: &mut dyn Take, line: u64, text: &[u8]) -> Flow {
    if text.first() != Some(&b'{') {
        return take.reject(line, "the record is not a JSON object".into(), text);
    }
    if std::str::from_utf8(text).is_err() {
        return take.reject(line, "the record is not valid in the file's encoding".into(), text);
    }
    take.take(line, text)
}

fn too_long() -> String {
    format!("the record is longer than {} MiB", MAX_RECORD >> 20)
}
