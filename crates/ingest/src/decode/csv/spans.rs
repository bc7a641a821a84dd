//! Where the fields of delimited text lie. Blocks of 64 bytes become bit masks of the four bytes that mean
//! something (delimiter, quote, line feed, carriage return), and records are cut from mask to mask: the bytes in
//! between are never looked at one by one.
//!
//! The rules are those of RFC 4180 and its kin: a quote opens a quoted field only as the field's first byte, doubled
//! quotes stand for one, `\n`, `\r\n` and `\r` end a record, a quote inside an unquoted field is text.

const QUOTE: u8 = b'"';
/// In [`Span::to`]: the field has doubled quotes.
const DOUBLED: u32 = 1 << 31;
/// In [`Span::from`]: the field was quoted.
const QUOTED: u32 = 1 << 31;

/// One field: its bytes without the quotes around it.
#[derive(Clone, Copy)]
pub(super) struct Span {
    from: u32,
    to: u32,
}

impl Span {
    fn new(from: usize, to: usize, quoted: bool, doubled: bool) -> Span {
        let from = from as u32 | if quoted { QUOTED } else { 0 };
        Span { from, to: to as u32 | if doubled { DOUBLED } else { 0 } }
    }

    /// The field's place in the window.
    #[inline]
    pub fn range(self) -> std::ops::Range<usize> {
        (self.from & !QUOTED) as usize..(self.to & !DOUBLED) as usize
    }

    /// Doubled quotes have to be undone.
    #[inline]
    pub fn doubled(self) -> bool {
        self.to & DOUBLED != 0
    }

    /// Nothing between two delimiters, not even quotes.
    #[inline]
    pub fn missing(self) -> bool {
        self.from == self.to
    }
}

/// Walks the structural bytes of a window.
#[derive(Default)]
pub(super) struct Cursor {
    base: usize,
    mask: u64,
}

impl Cursor {
    /// Goes to the first structural byte at or after `at`.
    pub fn seek(&mut self, window: &[u8], at: usize, delimiter: u8) {
        self.base = at & !63;
        self.mask = mask_at(window, self.base, delimiter) & (!0 << (at & 63));
    }

    #[inline]
    fn next(&mut self, window: &[u8], delimiter: u8) -> Option<usize> {
        while self.mask == 0 {
            self.base += 64;
            if self.base >= window.len() {
                // Stay here: a later call must not run on.
                self.base -= 64;
                return None;
            }
            self.mask = mask_at(window, self.base, delimiter);
        }
        let at = self.base + self.mask.trailing_zeros() as usize;
        self.mask &= self.mask - 1;
        Some(at)
    }
}

#[inline]
fn mask_at(window: &[u8], base: usize, delimiter: u8) -> u64 {
    match window.get(base..base + 64) {
        Some(block) => mask(block.try_into().expect("64 bytes"), delimiter),
        None => {
            let tail = window.get(base..).unwrap_or(&[]);
            let mut block = [0; 64];
            block[..tail.len()].copy_from_slice(tail);
            mask(&block, delimiter) & !(!0 << tail.len())
        }
    }
}

/// Bit i is set where byte i means something. Written so that the compiler compares 16 bytes at a time.
#[inline]
fn mask(block: &[u8; 64], delimiter: u8) -> u64 {
    let mut hits = [0u8; 64];
    for (hit, &byte) in hits.iter_mut().zip(block) {
        *hit = (byte == delimiter) as u8 | (byte == QUOTE) as u8 | (byte == b'\n') as u8 | (byte == b'\r') as u8;
    }
    let mut mask = 0;
    for (at, eight) in hits.chunks_exact(8).enumerate() {
        // Gathers the lowest bit of each of eight bytes.
        let word = u64::from_le_bytes(eight.try_into().expect("eight bytes"));
        mask |= (word.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * at);
    }
    mask
}

/// What was found at a record's start.
pub(super) enum Parsed {
    /// A record.
    Record {
        /// How many fields it has; only the first `want` were noted.
        fields: usize,
        /// End of its text.
        end: usize,
        /// Start of what follows.
        next: usize,
        /// Line breaks in and behind it.
        breaks: u64,
        /// It has text behind a closing quote; so many line breaks into the record.
        spoilt: Option<u64>,
    },
    /// The window ends inside the record; so many line breaks before the quote that is still open, if one is.
    Cut {
        /// Line breaks before the open quote.
        open: Option<u64>,
    },
}

/// Cuts one record, which starts at `start` and is not empty; the cursor stands there. `last`: nothing follows the
/// window.
#[inline]
pub(super) fn record(
    window: &[u8],
    last: bool,
    cursor: &mut Cursor,
    start: usize,
    delimiter: u8,
    want: usize,
    spans: &mut Vec<Span>,
) -> Parsed {
    let (mut fields, mut breaks, mut spoilt) = (0, 0, None);
    let mut at = start;
    loop {
        let (span, stop);
        if window.get(at) == Some(&QUOTE) {
            let opened = breaks;
            let Some((close, doubled)) = quoted(window, last, cursor, delimiter, &mut breaks) else {
                return Parsed::Cut { open: Some(opened) };
            };
            span = Span::new(at + 1, close, true, doubled);
            let Some(end) = unquoted(window, last, cursor, delimiter) else { return Parsed::Cut { open: None } };
            if end != close + 1 && spoilt.is_none() {
                spoilt = Some(breaks);
            }
            stop = end;
        } else {
            let Some(end) = unquoted(window, last, cursor, delimiter) else { return Parsed::Cut { open: None } };
            span = Span::new(at, end, false, false);
            stop = end;
        }
        if fields < want {
            spans.push(span);
        }
        fields += 1;
        match window.get(stop) {
            Some(&byte) if byte == delimiter => at = stop + 1,
            Some(b'\n') => return Parsed::Record { fields, end: stop, next: stop + 1, breaks: breaks + 1, spoilt },
            Some(_) => {
                let paired = window.get(stop + 1) == Some(&b'\n');
                if paired {
                    cursor.next(window, delimiter);
                } else if stop + 1 == window.len() && !last {
                    return Parsed::Cut { open: None };
                }
                let next = stop + 1 + paired as usize;
                return Parsed::Record { fields, end: stop, next, breaks: breaks + 1, spoilt };
            }
            None => return Parsed::Record { fields, end: stop, next: stop, breaks, spoilt },
        }
    }
}

/// The end of an unquoted field: its delimiter, its line break, or the end of the data.
#[inline]
fn unquoted(window: &[u8], last: bool, cursor: &mut Cursor, delimiter: u8) -> Option<usize> {
    loop {
        match cursor.next(window, delimiter) {
            Some(at) if window[at] == QUOTE => {}
            Some(at) => return Some(at),
            None => return last.then_some(window.len()),
        }
    }
}

/// The closing quote of the field whose opening quote is next, and whether doubled quotes lie between.
fn quoted(window: &[u8], last: bool, cursor: &mut Cursor, delimiter: u8, breaks: &mut u64) -> Option<(usize, bool)> {
    cursor.next(window, delimiter)?;
    let mut doubled = false;
    loop {
        let at = cursor.next(window, delimiter)?;
        match window[at] {
            QUOTE => match window.get(at + 1) {
                Some(&QUOTE) => {
                    cursor.next(window, delimiter);
                    doubled = true;
                }
                Some(_) => return Some((at, doubled)),
                None => return last.then_some((at, doubled)),
            },
            b'\n' => *breaks += 1,
            b'\r' if window.get(at + 1) != Some(&b'\n') => *breaks += 1,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_mask_has_a_bit_for_each_structural_byte(bytes in proptest::collection::vec(
            prop_oneof![Just(b'"'), Just(b'\n'), Just(b'\r'), Just(b';'), any::<u8>()], 64)) {
            let block: [u8; 64] = bytes.try_into().unwrap();
            let found = mask(&block, b';');
            for (at, byte) in block.iter().enumerate() {
                prop_assert_eq!(found >> at & 1 == 1, b";\"\r\n".contains(byte), "byte {}", at);
            }
        }
    }
}
