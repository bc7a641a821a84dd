//! Records of delimited text, from a window that slides over the input: groups of good records, and each bad one
//! by itself, with its first physical line. A record that does not fit the limit is skipped without being kept.

use super::spans::{Cursor, Parsed, Span, record};
use crate::decode::compress::Entry;
use crate::decode::{Flow, MAX_FIELD, MAX_RECORD, unreadable_at};
use memchr::{memchr, memchr_iter, memchr3};
use std::ops::Range;

/// The window's first size; it doubles for longer records.
const WINDOW: usize = 256 << 10;
/// Raw bytes that are kept of a record too long to hold.
const KEPT: usize = 8 << 10;

/// A good record.
pub(super) struct Record {
    /// Its text, in the window.
    pub text: Range<usize>,
    /// Its first physical line.
    pub line: u64,
}

/// A record that is not what it should be.
pub(super) struct Bad {
    /// Its first physical line.
    pub line: u64,
    /// Why.
    pub why: String,
    /// Its bytes, or the first of them.
    pub raw: Vec<u8>,
}

/// What comes next in the input.
pub(super) enum Next {
    /// [`Records::good`] holds some records.
    Good,
    /// One that cannot be taken.
    Bad(Bad),
    /// Nothing.
    End,
}

/// The sliding window.
pub(super) struct Records<'e, 'r> {
    input: &'e mut Entry<'r>,
    buffer: Vec<u8>,
    filled: usize,
    /// Where the next record starts.
    at: usize,
    /// Nothing follows what is filled.
    last: bool,
    line: u64,
    delimiter: u8,
    cursor: Cursor,
    bad: Option<Bad>,
    /// The records of the group; their fields lie one after the other in `spans`.
    pub good: Vec<Record>,
    /// The fields of the group.
    pub spans: Vec<Span>,
}

impl<'e, 'r> Records<'e, 'r> {
    pub fn new(input: &'e mut Entry<'r>, delimiter: u8) -> Records<'e, 'r> {
        Records {
            input,
            buffer: vec![0; WINDOW],
            filled: 0,
            at: 0,
            last: false,
            line: 1,
            delimiter,
            cursor: Cursor::default(),
            bad: None,
            good: Vec::new(),
            spans: Vec::new(),
        }
    }

    /// The bytes that spans and records point into.
    pub fn window(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }

    /// The file, for messages.
    pub fn file(&self) -> &str {
        &self.input.file
    }

    /// The first record, with however many fields it has (only the first `most` are noted), and that number.
    pub fn header(&mut self, most: usize) -> Flow<Option<Result<usize, Bad>>> {
        loop {
            match self.parse(most)? {
                Step::Record { fields, record: Ok(record) } => {
                    self.good.push(record);
                    return Ok(Some(Ok(fields)));
                }
                Step::Record { record: Err(bad), .. } => return Ok(Some(Err(bad))),
                Step::Cut { open } => {
                    if let Some(bad) = self.more(open)? {
                        return Ok(Some(Err(bad)));
                    }
                }
                Step::End => return Ok(None),
            }
        }
    }

    /// Up to `most` records of exactly `fields` fields, or a bad one. What was given before is forgotten.
    pub fn next(&mut self, fields: usize, most: usize) -> Flow<Next> {
        self.good.clear();
        self.spans.clear();
        if let Some(bad) = self.bad.take() {
            return Ok(Next::Bad(bad));
        }
        while self.good.len() < most {
            let bad = match self.parse(fields)? {
                Step::Record { fields: found, record: Ok(record) } if found == fields => {
                    self.good.push(record);
                    continue;
                }
                Step::Record { fields: found, record: Ok(record) } => {
                    self.spans.truncate(self.good.len() * fields);
                    let why = format!("the record has {found} fields where the header has {fields}");
                    Bad { line: record.line, why, raw: self.buffer[record.text].to_vec() }
                }
                Step::Record { record: Err(bad), .. } => {
                    self.spans.truncate(self.good.len() * fields);
                    bad
                }
                Step::Cut { .. } if !self.good.is_empty() => return Ok(Next::Good),
                Step::Cut { open } => match self.more(open)? {
                    Some(bad) => bad,
                    None => continue,
                },
                Step::End => break,
            };
            if self.good.is_empty() {
                return Ok(Next::Bad(bad));
            }
            self.bad = Some(bad);
            break;
        }
        Ok(if self.good.is_empty() { Next::End } else { Next::Good })
    }

    /// Cuts the record at `at`, if the window has it whole.
    #[inline]
    fn parse(&mut self, want: usize) -> Flow<Step> {
        let window = &self.buffer[..self.filled];
        let before = self.spans.len();
        let line = self.line;
        // Blank lines are no records.
        loop {
            match window.get(self.at) {
                Some(b'\n') => self.at += 1,
                Some(b'\r') if window.get(self.at + 1) == Some(&b'\n') => self.at += 2,
                Some(b'\r') if self.at + 1 < window.len() || self.last => self.at += 1,
                Some(b'\r') => return Ok(Step::Cut { open: None }),
                Some(_) => break,
                None if self.last => return Ok(Step::End),
                None => return Ok(Step::Cut { open: None }),
            }
            self.line += 1;
        }
        if self.line != line {
            self.cursor.seek(window, self.at, self.delimiter);
        }
        let line = self.line;
        match record(window, self.last, &mut self.cursor, self.at, self.delimiter, want, &mut self.spans) {
            Parsed::Record { fields, end, next, breaks, spoilt } => {
                let text = self.at..end;
                self.at = next;
                self.line += breaks;
                let why = match spoilt {
                    Some(breaks) => format!("text behind a closing quote in line {}", line + breaks),
                    None if text.len() > MAX_RECORD => too_long(),
                    None if text.len() > MAX_FIELD
                        && self.spans[before..].iter().any(|s| s.range().len() > MAX_FIELD) =>
                    {
                        format!("a field is longer than {} MiB", MAX_FIELD >> 20)
                    }
                    None => return Ok(Step::Record { fields, record: Ok(Record { text, line }) }),
                };
                let raw = self.buffer[text.start..text.end.min(text.start + KEPT + 1)].to_vec();
                Ok(Step::Record { fields, record: Err(Bad { line, why, raw }) })
            }
            Parsed::Cut { open } => {
                self.spans.truncate(before);
                self.cursor.seek(window, self.at, self.delimiter);
                Ok(Step::Cut { open })
            }
        }
    }

    /// The window ends inside the record at `at`: brings in more, or gives the record up.
    fn more(&mut self, open: Option<u64>) -> Flow<Option<Bad>> {
        if self.last {
            return self.unclosed(open.expect("only an open quote is cut by the end")).map(Some);
        }
        let held = self.filled - self.at;
        if held > MAX_RECORD {
            return self.skip().map(Some);
        }
        self.buffer.copy_within(self.at..self.filled, 0);
        (self.at, self.filled) = (0, held);
        if held * 2 > self.buffer.len() {
            self.buffer.resize((self.buffer.len() * 2).min(MAX_RECORD + WINDOW), 0);
        }
        self.fill()?;
        self.cursor.seek(&self.buffer[..self.filled], 0, self.delimiter);
        Ok(None)
    }

    fn fill(&mut self) -> Flow {
        self.filled += self.input.fill(&mut self.buffer[self.filled..])?;
        self.last = self.filled < self.buffer.len();
        Ok(())
    }

    /// A quote is open at the end of the file. On the last line this spoils one record. Before it, nobody can tell
    /// where records begin again, and the file is refused.
    fn unclosed(&mut self, breaks: u64) -> Flow<Bad> {
        let line = self.line + breaks;
        let raw = self.buffer[self.at..self.filled].to_vec();
        let text = raw.strip_suffix(b"\n").unwrap_or(&raw);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if breaks > 0 || text.contains(&b'\n') || text.contains(&b'\r') {
            return Err(self.open_quote(line));
        }
        self.at = self.filled;
        Ok(Bad { line: self.line, why: format!("the quote opened in line {line} is never closed"), raw })
    }

    fn open_quote(&self, line: u64) -> crate::decode::Halt {
        let message = format!(
            "a quote opened in line {line} of {} is never closed, so the rest of the file cannot be read",
            self.file()
        );
        unreadable_at(self.file(), line, message)
            .advice("Close the quote, or double quotes that are part of a value.")
            .into()
    }

    /// Leaves a record that is too long: reads on to its end and keeps only its beginning.
    fn skip(&mut self) -> Flow<Bad> {
        let raw = self.buffer[self.at..self.at + KEPT + 1].to_vec();
        let line = self.line;
        let mut state = State::Start;
        // The line where the quote that is open was opened.
        let mut opened = line;
        loop {
            while self.at < self.filled {
                let rest = &self.buffer[self.at..self.filled];
                match state {
                    State::Start if rest[0] == b'"' => {
                        (state, opened) = (State::Quoted, self.line);
                        self.at += 1;
                    }
                    State::Start => state = State::Text,
                    State::Text => match memchr3(self.delimiter, b'\n', b'\r', rest) {
                        None => self.at = self.filled,
                        Some(found) => {
                            self.at += found + 1;
                            state = match rest[found] {
                                b'\n' => return Ok(self.skipped(line, raw)),
                                b'\r' => State::Return,
                                _ => State::Start,
                            };
                        }
                    },
                    State::Return => {
                        self.at += (rest[0] == b'\n') as usize;
                        return Ok(self.skipped(line, raw));
                    }
                    State::Quoted => {
                        let found = memchr(b'"', rest);
                        let inside = &rest[..found.unwrap_or(rest.len())];
                        self.line += memchr_iter(b'\n', inside).count() as u64;
                        self.at += inside.len();
                        if found.is_some() {
                            self.at += 1;
                            state = State::Quote;
                        }
                    }
                    State::Quote if rest[0] == b'"' => {
                        state = State::Quoted;
                        self.at += 1;
                    }
                    State::Quote => state = State::Text,
                }
            }
            if self.last {
                match state {
                    State::Quoted => return Err(self.open_quote(opened)),
                    _ => return Ok(self.skipped(line, raw)),
                }
            }
            (self.at, self.filled) = (0, 0);
            self.buffer.truncate(WINDOW);
            self.fill()?;
        }
    }

    fn skipped(&mut self, line: u64, raw: Vec<u8>) -> Bad {
        self.line += 1;
        self.buffer.shrink_to(WINDOW.max(self.filled));
        self.cursor.seek(&self.buffer[..self.filled], self.at, self.delimiter);
        Bad { line, why: too_long(), raw }
    }
}

/// Where a skipped record is at.
enum State {
    Start,
    Text,
    Quoted,
    /// Behind a quote inside a quoted field.
    Quote,
    Return,
}

/// What [`Records::parse`] found.
enum Step {
    Record { fields: usize, record: Result<Record, Bad> },
    Cut { open: Option<u64> },
    End,
}

fn too_long() -> String {
    format!("the record is longer than {} MiB", MAX_RECORD >> 20)
}
