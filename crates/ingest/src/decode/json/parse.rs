//! One JSON value, checked whole and read only where it is asked: a walk over the bytes that builds no tree. What it
//! leaves are the places of the asked fields. Strict as RFC 8259 is; beyond that, nesting has a limit and a lone
//! surrogate is an error, since no text can hold it. Of a key given twice the last one counts.

use super::plan::{Node, Plan};
use crate::decode::MAX_DEPTH;
use std::fmt;
use std::ops::Range;

/// Why a value cannot be read.
#[derive(Debug, PartialEq)]
pub(super) enum Fault {
    /// The text ends inside the value.
    Short,
    /// Something is wrong at this byte.
    Wrong {
        /// Offset from the value's start.
        at: usize,
        /// What is wrong.
        why: &'static str,
    },
}

/// Where an asked field lies in the text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Slot {
    /// Missing or null.
    Null,
    /// A number, a truth value or a composite, as it is written.
    Raw(Range<usize>),
    /// The characters of a string.
    Text(Range<usize>),
    /// The characters of a string with escapes in it.
    Escaped(Range<usize>),
}

/// Reads the value at the front of `text` (no blanks before it); returns its length.
pub(super) fn value(text: &[u8], plan: &mut Plan, slots: &mut [Slot]) -> Result<usize, Fault> {
    slots.fill(Slot::Null);
    let mut walk = Walk { text, at: 0, plan, slots };
    walk.value(Some(0), 0)?;
    Ok(walk.at)
}

struct Walk<'w> {
    text: &'w [u8],
    at: usize,
    plan: &'w mut Plan,
    slots: &'w mut [Slot],
}

impl Walk<'_> {
    fn wrong<T>(&self, why: &'static str) -> Result<T, Fault> {
        Err(Fault::Wrong { at: self.at, why })
    }

    #[inline]
    fn peek(&self) -> Result<u8, Fault> {
        self.text.get(self.at).copied().ok_or(Fault::Short)
    }

    /// The next byte that is not blank, which stays.
    #[inline]
    fn token(&mut self) -> Result<u8, Fault> {
        loop {
            match self.peek()? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Ok(byte),
            }
        }
    }

    fn value(&mut self, node: Option<usize>, depth: u32) -> Result<(), Fault> {
        let start = self.at;
        let slot = node.and_then(|node| self.plan.nodes[node].slot);
        let found = match self.peek()? {
            b'"' => {
                let (range, escaped) = self.string()?;
                if escaped { Slot::Escaped(range) } else { Slot::Text(range) }
            }
            b'{' => {
                self.object(node, depth + 1)?;
                Slot::Raw(start..self.at)
            }
            b'[' => {
                self.array(node, depth + 1)?;
                Slot::Raw(start..self.at)
            }
            b't' => {
                self.word(b"true")?;
                Slot::Raw(start..self.at)
            }
            b'f' => {
                self.word(b"false")?;
                Slot::Raw(start..self.at)
            }
            b'n' => {
                self.word(b"null")?;
                Slot::Null
            }
            b'-' | b'0'..=b'9' => {
                self.number()?;
                Slot::Raw(start..self.at)
            }
            _ => return self.wrong("a value is expected"),
        };
        if let Some(slot) = slot {
            self.slots[slot] = found;
        }
        Ok(())
    }

    fn object(&mut self, node: Option<usize>, depth: u32) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return self.wrong("the document is nested too deeply");
        }
        let node = node.filter(|&node| !self.plan.nodes[node].names.is_empty());
        self.at += 1;
        if self.token()? == b'}' {
            self.at += 1;
            return Ok(());
        }
        let mut place = 0;
        loop {
            if self.peek()? != b'"' {
                return self.wrong("a quoted name is expected");
            }
            let (name, escaped) = self.string()?;
            if self.token()? != b':' {
                return self.wrong("':' is expected behind the name");
            }
            self.at += 1;
            self.token()?;
            let child = match node {
                None => None,
                Some(node) if escaped => {
                    let mut plain = String::new();
                    let name = String::from_utf8_lossy(&self.text[name]);
                    unescape(&name, &mut plain).expect("a string takes any text");
                    self.plan.child(node, plain.as_bytes())
                }
                Some(node) => self.plan.child_at(node, place, &self.text[name]),
            };
            place += 1;
            if let Some(child) = child {
                self.forget(child);
            }
            self.value(child, depth)?;
            match self.token()? {
                b',' => {
                    self.at += 1;
                    self.token()?;
                }
                b'}' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.wrong("',' or '}' is expected"),
            }
        }
    }

    fn array(&mut self, node: Option<usize>, depth: u32) -> Result<(), Fault> {
        if depth > MAX_DEPTH {
            return self.wrong("the document is nested too deeply");
        }
        let node = node.filter(|&node| !self.plan.nodes[node].elements.is_empty());
        self.at += 1;
        if self.token()? == b']' {
            self.at += 1;
            return Ok(());
        }
        let mut index = 0;
        loop {
            let child = node.and_then(|node| self.plan.nodes[node].element(index));
            self.value(child, depth)?;
            index += 1;
            match self.token()? {
                b',' => {
                    self.at += 1;
                    self.token()?;
                }
                b']' => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.wrong("',' or ']' is expected"),
            }
        }
    }

    /// A field that comes again counts anew, with all below it.
    fn forget(&mut self, node: usize) {
        if self.plan.nodes[node].is_leaf() {
            return;
        }
        let mut below = vec![node];
        while let Some(node) = below.pop() {
            let Node { slot, names, elements, .. } = &self.plan.nodes[node];
            if let Some(slot) = slot {
                self.slots[*slot] = Slot::Null;
            }
            below.extend(names.iter().map(|(_, child)| child).chain(elements.iter().map(|(_, child)| child)));
        }
    }

    fn word(&mut self, word: &'static [u8]) -> Result<(), Fault> {
        let rest = &self.text[self.at..];
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        if word.starts_with(rest) {
            return Err(Fault::Short);
        }
        self.wrong("a value is expected")
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        match self.peek()? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits(),
            _ => return self.wrong("a digit is expected"),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            if let b'+' | b'-' = self.peek()? {
                self.at += 1;
            }
            self.some_digits()?;
        }
        match self.text.get(self.at) {
            Some(b'0'..=b'9') => self.wrong("a number may not start with 0"),
            _ => Ok(()),
        }
    }

    fn some_digits(&mut self) -> Result<(), Fault> {
        if !self.peek()?.is_ascii_digit() {
            return self.wrong("a digit is expected");
        }
        self.digits();
        Ok(())
    }

    fn digits(&mut self) {
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
    }

    /// A string from its opening quote on: where its characters are, and whether some are escaped.
    #[inline]
    fn string(&mut self) -> Result<(Range<usize>, bool), Fault> {
        self.at += 1;
        let (start, mut escaped) = (self.at, false);
        loop {
            self.at = plain_until(self.text, self.at);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Ok((start..self.at - 1, escaped));
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return self.wrong("a control character must be escaped"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        match self.text.get(self.at + 1).ok_or(Fault::Short)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => match self.unit()? {
                0xD800..=0xDBFF => {
                    let pair = match &self.text[self.at..] {
                        [b'\\', b'u', ..] => Some(self.unit()?),
                        [] | [b'\\'] => return Err(Fault::Short),
                        _ => None,
                    };
                    if !matches!(pair, Some(0xDC00..=0xDFFF)) {
                        return self.wrong("a lone surrogate is no character");
                    }
                }
                0xDC00..=0xDFFF => return self.wrong("a lone surrogate is no character"),
                _ => {}
            },
            _ => return self.wrong("there is no such escape"),
        }
        Ok(())
    }

    /// The number of a `\uXXXX`.
    fn unit(&mut self) -> Result<u16, Fault> {
        let mut unit = 0;
        for at in self.at + 2..self.at + 6 {
            let digit = self.text.get(at).ok_or(Fault::Short)?;
            let Some(digit) = char::from(*digit).to_digit(16) else { return self.wrong("\\u needs four hex digits") };
            unit = unit << 4 | digit as u16;
        }
        self.at += 6;
        Ok(unit)
    }
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The first quote, backslash or control character at or after `at`, else the end; eight bytes at a time.
#[inline]
fn plain_until(text: &[u8], mut at: usize) -> usize {
    while let Some(eight) = text.get(at..at + 8) {
        let word = u64::from_le_bytes(eight.try_into().expect("eight bytes"));
        let quotes = word ^ (ONES * b'"' as u64);
        let slashes = word ^ (ONES * b'\\' as u64);
        // In each byte the high bit says: zero (or less than a blank). Above the first hit it may be wrong.
        let zero = quotes.wrapping_sub(ONES) & !quotes | slashes.wrapping_sub(ONES) & !slashes;
        let hits = (zero | word.wrapping_sub(ONES * b' ' as u64) & !word) & HIGHS;
        if hits != 0 {
            return at + hits.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(&byte) = text.get(at) {
        if byte == b'"' || byte == b'\\' || byte < b' ' {
            break;
        }
        at += 1;
    }
    at
}

/// Writes the characters that a checked string stands for.
pub(super) fn unescape(mut text: &str, to: &mut impl fmt::Write) -> fmt::Result {
    while let Some(at) = memchr::memchr(b'\\', text.as_bytes()) {
        to.write_str(&text[..at])?;
        let escape = &text.as_bytes()[at + 1..];
        let (c, length) = match escape[0] {
            b'b' => ('\u{8}', 2),
            b'f' => ('\u{c}', 2),
            b'n' => ('\n', 2),
            b'r' => ('\r', 2),
            b't' => ('\t', 2),
            b'u' => match unit(&escape[1..]) {
                high @ 0xD800..0xDC00 => {
                    let low = unit(&escape[7..]) & 0x3FF;
                    (char::from_u32(0x10000 + ((high & 0x3FF) << 10) + low).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
                }
                code => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6),
            },
            other => (char::from(other), 2),
        };
        to.write_char(c)?;
        text = &text[at + length..];
    }
    to.write_str(text)
}

fn unit(hex: &[u8]) -> u32 {
    hex[..4].iter().fold(0, |unit, &digit| unit << 4 | char::from(digit).to_digit(16).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use forebay_model::mapping::ast::{FieldPath, Step};
    use proptest::prelude::*;
    use serde_json::Value;

    fn name(name: &str) -> Step {
        Step::Name(name.into())
    }

    fn read(text: &str, paths: &[FieldPath]) -> Result<Vec<Option<String>>, Fault> {
        let mut plan = Plan::new(paths);
        let mut slots = vec![Slot::Null; paths.len()];
        let length = value(text.as_bytes(), &mut plan, &mut slots)?;
        assert_eq!(length, text.len());
        let read = slots.into_iter().map(|slot| match slot {
            Slot::Null => None,
            Slot::Raw(range) | Slot::Text(range) => Some(text[range].to_string()),
            Slot::Escaped(range) => {
                let mut plain = String::new();
                unescape(&text[range], &mut plain).unwrap();
                Some(plain)
            }
        });
        Ok(read.collect())
    }

    #[track_caller]
    fn check(text: &str, expected: &[Option<&str>]) {
        let paths = [
            FieldPath(vec![name("a")]),
            FieldPath(vec![name("a"), name("b")]),
            FieldPath(vec![name("l"), Step::Index(1), name("x")]),
            FieldPath(vec![name("é\n")]),
        ];
        let expected: Vec<Option<String>> = expected.iter().map(|text| text.map(str::to_string)).collect();
        assert_eq!(read(text, &paths).unwrap(), expected);
    }

    #[test]
    fn asked_fields_are_found_wherever_they_are() {
        check(
            r#"{"z":[{"a":1}],"a":{"c":0,"b":"x"},"l":[0,{"x":[1, 2]}]}"#,
            &[Some(r#"{"c":0,"b":"x"}"#), Some("x"), Some("[1, 2]"), None],
        );
        check(r#"{"a" : null , "l":[{"x":1}],"\u00e9\n":"q"}"#, &[None, None, None, Some("q")]);
        check(r#"{"a":1e-7,"l":{"x":1}}"#, &[Some("1e-7"), None, None, None]);
        check("{}", &[None, None, None, None]);
    }

    #[test]
    fn of_a_key_given_twice_the_last_counts_with_all_below_it() {
        check(r#"{"a":{"b":1},"a":{"c":2}}"#, &[Some(r#"{"c":2}"#), None, None, None]);
        check(r#"{"a":{"b":1},"a":null}"#, &[None, None, None, None]);
        check(r#"{"a":{"b":1,"b":2}}"#, &[Some(r#"{"b":1,"b":2}"#), Some("2"), None, None]);
    }

    #[test]
    fn escapes_are_undone() {
        check(r#"{"a":"\"\\\/\b\f\n\r\t\u0041\ud83e\udd80é"}"#, &[Some("\"\\/\u{8}\u{c}\n\r\tA🦀é"), None, None, None]);
    }

    #[track_caller]
    fn check_wrong(text: &str, at: usize, why: &'static str) {
        assert_eq!(read(text, &[]), Err(Fault::Wrong { at, why }));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        check_wrong(r#"{"a":1,}"#, 7, "a quoted name is expected");
        check_wrong(r#"{"a" 1}"#, 5, "':' is expected behind the name");
        check_wrong(r#"[1 2]"#, 3, "',' or ']' is expected");
        check_wrong(r#"{"a":01}"#, 6, "a number may not start with 0");
        check_wrong(r#"{"a":1.}"#, 7, "a digit is expected");
        check_wrong(r#"{"a":+1}"#, 5, "a value is expected");
        check_wrong(r#"{"a":nul}"#, 5, "a value is expected");
        check_wrong(r#"{"a":"\x"}"#, 6, "there is no such escape");
        check_wrong(r#"{"a":"\u12g4"}"#, 6, "\\u needs four hex digits");
        check_wrong(r#"{"a":"\ud800x"}"#, 12, "a lone surrogate is no character");
        check_wrong(r#"{"a":"\udc00"}"#, 12, "a lone surrogate is no character");
        check_wrong("{\"a\":\"x\ny\"}", 7, "a control character must be escaped");
        check_wrong(&"[".repeat(200), 128, "the document is nested too deeply");
    }

    #[test]
    fn a_value_cut_anywhere_is_short() {
        let whole = r#"{"a":[true,false,null,-1.5e+3,"\ud83e\udd80"],"b":{}}"#;
        for end in 0..whole.len() {
            // A number alone may end anywhere.
            assert_eq!(read(&whole[..end], &[]), Err(Fault::Short), "{}", &whole[..end]);
        }
    }

    fn document() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec(("[abé\\\\\"]{0,2}", inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect()))
            ]
        })
    }

    proptest! {
        #[test]
        fn every_document_reads_as_serde_reads_it(document in document(), pretty in any::<bool>()) {
            let document = serde_json::json!({ "a": document });
            let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap();
            let paths = [FieldPath(vec![name("a")]), FieldPath(vec![name("a"), name("b")]), FieldPath(vec![name("a"), Step::Index(0)])];
            let expected = [document.get("a"), document["a"].get("b"), document["a"].get(0)];
            for (read, expected) in read(&text, &paths).unwrap().iter().zip(expected) {
                match expected {
                    None | Some(Value::Null) => prop_assert_eq!(read, &None),
                    Some(Value::String(text)) => prop_assert_eq!(read.as_ref(), Some(text)),
                    Some(value) => prop_assert_eq!(&serde_json::from_str::<Value>(read.as_ref().unwrap()).unwrap(), value),
                }
            }
        }

        #[test]
        fn what_serde_refuses_is_refused_and_the_other_way_round(text in r#"[\[\]{}:,"\\u0d8e1\-.n tr\n]{0,24}"#) {
            let text = text.trim_start();
            let ours = value(text.as_bytes(), &mut Plan::new(&[]), &mut []).is_ok_and(|length| text[length..].trim().is_empty());
            prop_assert_eq!(ours, serde_json::from_str::<Value>(text).is_ok(), "{}", text);
        }
    }
}
