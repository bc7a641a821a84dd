//! Date patterns as Java writes them, taken apart: `yyyy-MM-dd'T'HH:mm:ss.SSSX`. A mapping set with a pattern that
//! cannot be used is refused when it is stored; `ingest` reads and writes dates by what is found here.
//!
//! Letters are [`LETTERS`]; any other is refused by name. Text stands in `'…'` (two quotes are one quote), what may be
//! left out in `[…]`.

/// The letters that mean something (PL §5.3).
pub const LETTERS: &str = "yuYMLdDHhkKmsSaZXxEwWFGzVOQq";

/// How deep `[…]` may nest.
const MAX_DEPTH: usize = 8;

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// Text that stands for itself.
    Literal(String),
    /// A letter, and how often it is repeated.
    Field(char, usize),
    /// What a text may leave out.
    Optional(Vec<Item>),
}

/// Takes a pattern apart; the error says what is wrong with it, as the end of a sentence.
pub fn parse(text: &str) -> Result<Vec<Item>, String> {
    let fault = |why: String| Err(format!("the date pattern `{text}` {why}"));
    let mut chars = text.chars().peekable();
    let mut stack: Vec<Vec<Item>> = Vec::new();
    let mut items = Vec::new();
    while let Some(c) = chars.next() {
        match c {
            '\'' => match quoted(&mut chars) {
                Some(literal) => items.push(Item::Literal(literal)),
                None => return fault("has an open quote".into()),
            },
            '[' if stack.len() == MAX_DEPTH => return fault(format!("nests [ more than {MAX_DEPTH} times")),
            '[' => stack.push(std::mem::take(&mut items)),
            ']' => match stack.pop() {
                Some(outer) => {
                    let inner = std::mem::replace(&mut items, outer);
                    items.push(Item::Optional(inner));
                }
                None => return fault("has a ] without a [".into()),
            },
            '{' | '}' | '#' => return fault(format!("has the reserved character {c}")),
            c if c.is_ascii_alphabetic() => {
                let mut count = 1;
                while chars.next_if_eq(&c).is_some() {
                    count += 1;
                }
                match most(c) {
                    None => return fault(format!("has the letter {c}, which is not supported")),
                    Some(most) if count > most => return fault(format!("repeats {c} more than {most} times")),
                    Some(_) => items.push(Item::Field(c, count)),
                }
            }
            c => items.push(Item::Literal(c.to_string())),
        }
    }
    if stack.is_empty() { Ok(items) } else { fault("has a [ without a ]".into()) }
}

/// How often a letter may be repeated.
fn most(letter: char) -> Option<usize> {
    Some(match letter {
        'S' => 9,
        'y' | 'u' | 'Y' => 10,
        'M' | 'L' | 'E' | 'G' | 'O' | 'Q' | 'q' | 'a' | 'z' | 'V' => 4,
        'X' | 'x' | 'Z' => 5,
        'D' => 3,
        _ if LETTERS.contains(letter) => 2,
        _ => return None,
    })
}

/// The inside of `'…'`.
fn quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    if chars.next_if_eq(&'\'').is_some() {
        return Some("'".into());
    }
    let mut out = String::new();
    loop {
        match chars.next()? {
            '\'' if chars.next_if_eq(&'\'').is_some() => out.push('\''),
            '\'' => return Some(out),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match parse(text) {
            Ok(items) => format!("{items:?}"),
            Err(why) => why,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn a_pattern_is_letters_text_and_options() {
        check("yyyy'o''c'[-S]", r#"[Field('y', 4), Literal("o'c"), Optional([Literal("-"), Field('S', 1)])]"#);
        check("''", r#"[Literal("'")]"#);
    }

    #[test]
    fn what_cannot_be_used_is_refused_by_name() {
        check("yyyy n", "the date pattern `yyyy n` has the letter n, which is not supported");
        check("'x", "the date pattern `'x` has an open quote");
        check("y]", "the date pattern `y]` has a ] without a [");
        check("[y", "the date pattern `[y` has a [ without a ]");
        check("HHH", "the date pattern `HHH` repeats H more than 2 times");
        check("y#", "the date pattern `y#` has the reserved character #");
        check("[[[[[[[[[y]]]]]]]]]", "the date pattern `[[[[[[[[[y]]]]]]]]]` nests [ more than 8 times");
    }

    #[test]
    fn every_letter_is_a_field() {
        for letter in LETTERS.chars() {
            assert_eq!(parse(&letter.to_string()), Ok(vec![Item::Field(letter, 1)]));
        }
    }
}
