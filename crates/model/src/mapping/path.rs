//! Paths to source fields as text. An attribute is not an expression: a header may hold blanks and punctuation, and
//! is then one name. Whatever is printed here reads back as the same path, as an attribute and in an expression.

use super::ast::{FieldPath, Span, Step};
use super::grammar::{self, MAX_CHARACTERS, MAX_DEPTH, ParseError};
use super::lexer::{braced, in_name, starts_name};
use std::fmt;
use std::str::FromStr;

impl FieldPath {
    /// The part of the path that a scan reads as one column: up to the first `[*]`, behind which there are many values.
    pub fn read(&self) -> FieldPath {
        let end = self.0.iter().position(|step| *step == Step::Every).unwrap_or(self.0.len());
        FieldPath(self.0[..end].to_vec())
    }

    /// A path of one name, whatever the name holds: a header of a delimited file, taken literally.
    pub fn name(name: impl Into<String>) -> FieldPath {
        FieldPath(vec![Step::Name(name.into())])
    }

    /// The path with no escapes, names joined by dots: what a flat file's header would be. Not parsable back.
    pub fn plain(&self) -> String {
        let mut text = String::new();
        for step in &self.0 {
            match step {
                Step::Name(name) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(name);
                }
                Step::Index(index) => text.push_str(&format!("[{index}]")),
                Step::Every => text.push_str("[*]"),
            }
        }
        text
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Name(name) => {
                    if at > 0 {
                        f.write_str(".")?;
                    }
                    write_name(f, name)?;
                }
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Every => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

/// A name as it is, or in `${…}` where it is no identifier.
pub(super) fn write_name(f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    let plain = name.starts_with(starts_name) && name.chars().all(in_name) && !grammar::is_reserved(name);
    if plain {
        return f.write_str(name);
    }
    f.write_str("${")?;
    for c in name.chars() {
        if matches!(c, '}' | '\\') {
            f.write_str("\\")?;
        }
        write!(f, "{c}")?;
    }
    f.write_str("}")
}

impl FromStr for FieldPath {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<FieldPath, ParseError> {
        let chars: Vec<char> = text.chars().collect();
        if chars.len() > MAX_CHARACTERS {
            let span = Span { start: MAX_CHARACTERS, end: chars.len() };
            return Err(ParseError {
                span,
                message: format!("a source field is longer than {MAX_CHARACTERS} characters"),
            });
        }
        let first = chars.iter().position(|c| !c.is_whitespace()).unwrap_or(chars.len());
        let last = chars.iter().rposition(|c| !c.is_whitespace()).map_or(first, |at| at + 1);
        if first == last {
            return Err(ParseError {
                span: Span { start: 0, end: chars.len() },
                message: "the name of the source field is empty".into(),
            });
        }
        let mut reader = Reader { chars: &chars[..last], at: first };
        let steps = match reader.steps()? {
            Some(steps) => steps,
            None => vec![Step::Name(unescaped(&chars[first..last]))],
        };
        if steps.len() > MAX_DEPTH {
            let span = Span { start: first, end: last };
            return Err(ParseError {
                span,
                message: format!("a path may be {MAX_DEPTH} steps deep, this one has {}", steps.len()),
            });
        }
        Ok(FieldPath(steps))
    }
}

/// The whole text as one name.
fn unescaped(chars: &[char]) -> String {
    let mut name = String::new();
    let mut rest = chars.iter().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('\\', Some('.')) => {}
            _ => name.push(*c),
        }
    }
    name
}

struct Reader<'a> {
    chars: &'a [char],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn error(&self, start: usize, message: impl Into<String>) -> ParseError {
        ParseError { span: Span { start, end: self.at.max(start + 1).min(self.chars.len()) }, message: message.into() }
    }

    /// The steps, or `None` when a dot cannot separate names (`No.`, `Acct. No`): then the text is one name.
    fn steps(&mut self) -> Result<Option<Vec<Step>>, ParseError> {
        let mut steps = Vec::new();
        loop {
            let quoted = self.peek(0) == Some('$') && self.peek(1) == Some('{');
            let name = if quoted { self.braced()? } else { self.bare()? };
            let separable =
                !name.is_empty() && !name.starts_with(char::is_whitespace) && !name.ends_with(char::is_whitespace);
            if !separable && !quoted {
                return Ok(None);
            }
            steps.push(Step::Name(name));
            while self.peek(0) == Some('[') && self.at_index()? {
                steps.push(self.index()?);
            }
            match self.peek(0) {
                None => return Ok(Some(steps)),
                Some('.') => self.at += 1,
                Some(_) => return Ok(None),
            }
        }
    }

    fn braced(&mut self) -> Result<String, ParseError> {
        let (name, end) = braced(self.chars, self.at)?;
        self.at = end;
        Ok(name)
    }

    /// Up to a dot or an index.
    fn bare(&mut self) -> Result<String, ParseError> {
        let mut name = String::new();
        while let Some(c) = self.peek(0) {
            match c {
                '.' => break,
                '\\' if self.peek(1) == Some('.') => {
                    name.push('.');
                    self.at += 2;
                    continue;
                }
                '[' if !name.is_empty() && !name.ends_with(char::is_whitespace) && self.at_index()? => break,
                _ => name.push(c),
            }
            self.at += 1;
        }
        Ok(name)
    }

    /// `[12]` or `[*]` before a dot, another index or the end; any other bracket is part of the name.
    fn at_index(&self) -> Result<bool, ParseError> {
        let rest = &self.chars[self.at + 1..];
        let Some(close) = rest.iter().position(|c| *c == ']') else { return Ok(false) };
        if !matches!(rest.get(close + 1), None | Some('.' | '[')) {
            return Ok(false);
        }
        if rest[..close] == ['*'] {
            return Ok(true);
        }
        Ok(close > 0 && rest[..close].iter().all(char::is_ascii_digit))
    }

    /// What [`Reader::at_index`] found.
    fn index(&mut self) -> Result<Step, ParseError> {
        let start = self.at;
        let mut digits = String::new();
        self.at += 1;
        if self.peek(0) == Some('*') {
            self.at += 2;
            return Ok(Step::Every);
        }
        while let Some(c) = self.peek(0).filter(char::is_ascii_digit) {
            digits.push(c);
            self.at += 1;
        }
        self.at += 1;
        let index = digits.parse().map_err(|_| self.error(start, "the index is too large"))?;
        Ok(Step::Index(index))
    }
}
