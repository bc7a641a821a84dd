//! Values of properties, computed from the record's number, the property and the revision.

use super::property::{Gen, Property};
use super::state::{Kind, MERGED, Overlay, Row, World};
use super::text::{date, instant, mix, number};

const FIRST: [&str; 16] = [
    "Ada",
    "Grace",
    "José",
    "Zoë",
    "Björn",
    "Łukasz",
    "Siobhán",
    "美咲",
    "Олена",
    "محمد",
    "Ngọc",
    "Anne-Marie",
    "李",
    "D'Arcy",
    "Ayşe",
    "Tadeusz",
];
const LAST: [&str; 16] = [
    "Lovelace",
    "Hopper",
    "García Márquez",
    "O'Brien",
    "Müller",
    "Straße",
    "Kowalska",
    "田中",
    "Шевченко",
    "الخوارزمي",
    "Nguyễn",
    "van der Berg",
    "Dubois, Jr.",
    "Smith \"Smitty\"",
    "Ødegård",
    "Novák",
];
const WORDS: [&str; 16] = [
    "alpha", "north", "blue", "steady", "früh", "delta", "west", "green", "open", "späť", "omega", "south", "red",
    "quick", "日本", "closed",
];

const NUMBERS: [&str; 8] = [
    "67340.0",
    "1.0E7",
    "-0",
    "123456789012345678",
    "134376773869;137654776000",
    "+5",
    "-1.5E-3",
    "99999999999999999999999999999999999999999",
];
const DATES: [&str; 8] = [
    "2024-02-29",
    "1709164800000",
    "1899-12-31",
    "9999-12-31",
    "1969-12-31",
    "-86400000",
    "2024-03-31T23:30:00Z",
    "0000-00-00",
];
const DATETIMES: [&str; 8] = [
    "2024-02-29T10:00:00Z",
    "2024-02-29T10:00:00.123Z",
    "2024-02-29T10:00:00.123456Z",
    "2024-02-29T10:00:00.000+05:30",
    "1709200800000",
    "1965-06-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "yesterday",
];
const BOOLS: [&str; 8] = ["TRUE", "Yes", "False", "no", "true", "false", "1", "maybe"];
const CHOICES: [&str; 8] =
    ["gone_option", "one;gone_option", "one;two;three", ";", "one;;two", " one", "ONE", "one;two;"];
const TEXTS: [&str; 8] = [
    "\u{1}\u{2}\u{1f}",
    "\u{202e}reversed\u{202c} שלום",
    "🙂👩‍👩‍👧‍👦",
    "line\nbreak\r\n\ttab",
    "\"quoted\", \\ back",
    "<script>alert(1)</script>",
    "NULL",
    "=1+1",
];

impl World {
    /// Appends the value of a property of a record as it is now; false if it has none.
    pub fn value(&self, kind: &Kind, index: usize, property: &Property, out: &mut String) -> bool {
        self.value_of(kind, index, &kind.rows[index], property, out)
    }

    /// The same for the record as it was when its row was `row`.
    pub fn value_of(&self, kind: &Kind, index: usize, row: &Row, property: &Property, out: &mut String) -> bool {
        let overlay = kind.overlay(index);
        if let Some(overlay) = overlay
            && let Some(explicit) = explicit(overlay, &property.name, row.revision)
        {
            return explicit.is_some_and(|text| {
                out.push_str(text);
                true
            });
        }
        let (at, id) = overlay.and_then(|o| o.like).unwrap_or((index as u32, row.id));
        match property.from {
            Gen::Id => {
                number(out, row.id);
                true
            }
            Gen::Created => {
                instant(out, self.created(kind, index));
                true
            }
            Gen::Modified => {
                instant(out, row.modified);
                true
            }
            Gen::Null => false,
            Gen::Merged => merged(overlay, row, out),
            Gen::Email => {
                out.push_str("contact.");
                number(out, id);
                out.push_str("@example.test");
                true
            }
            Gen::Domain => {
                out.push('c');
                number(out, id);
                out.push_str(".example.test");
                true
            }
            _ if self.nasty && at < 10 => nasty(property, at, out),
            Gen::Calculated => {
                let times = overlay.map_or(0, |o| o.recalculated);
                number(out, mix(property.hash ^ u64::from(times), kind.key ^ id) % 10_000);
                true
            }
            _ => computed(property, mix(kind.key, property.hash), id, row.revision, out),
        }
    }

    /// The value as text.
    pub fn text(&self, kind: &Kind, index: usize, row: &Row, property: &Property) -> Option<String> {
        let mut out = String::new();
        self.value_of(kind, index, row, property, &mut out).then_some(out)
    }
}

fn explicit<'a>(overlay: &'a Overlay, name: &str, revision: u32) -> Option<Option<&'a str>> {
    let set = overlay.values.get(name)?;
    let last = set.iter().rev().find(|(at, _)| *at <= revision)?;
    Some(last.1.as_deref())
}

fn merged(overlay: Option<&Overlay>, row: &Row, out: &mut String) -> bool {
    let Some(overlay) = overlay.filter(|o| !o.merged_ids.is_empty() && row.flags & MERGED == 0) else { return false };
    for (at, id) in overlay.merged_ids.iter().enumerate() {
        if at > 0 {
            out.push(';');
        }
        number(out, *id);
    }
    true
}

/// The revision at or before `revision` that gave the property its value: a change touches a third of them.
pub(super) fn effective(property: u64, id: u64, revision: u32) -> u32 {
    let mut at = revision;
    while at > 0 && !mix(property ^ u64::from(at), id).is_multiple_of(3) {
        at -= 1;
    }
    at
}

pub(super) fn computed(property: &Property, hash: u64, id: u64, revision: u32, out: &mut String) -> bool {
    let revision = effective(hash, id, revision);
    let drawn = mix(hash ^ (u64::from(revision) << 32), id);
    let rest = drawn >> 8;
    let of_256 = drawn & 255;
    let known = matches!(property.from, Gen::First | Gen::Last | Gen::Name);
    if !known && of_256 < 64 {
        return false;
    }
    // Cleared, which is not the same as never set.
    if !known && of_256 < 68 {
        return true;
    }
    match property.from {
        Gen::First => out.push_str(FIRST[(rest % 16) as usize]),
        Gen::Last => out.push_str(LAST[(rest % 16) as usize]),
        Gen::Name => {
            out.push_str(LAST[(rest % 16) as usize]);
            out.push_str(" & Co. ");
            number(out, rest / 16 % 1_000);
        }
        Gen::Phone => {
            out.push_str("+49 ");
            number(out, 100 + rest % 900);
            out.push(' ');
            number(out, 100_000 + rest / 900 % 900_000);
        }
        Gen::Word => {
            out.push_str(WORDS[(rest % 16) as usize]);
            out.push('-');
            number(out, rest / 16 % 10_000);
        }
        Gen::Sentence => {
            for at in 0..3 + rest % 4 {
                if at > 0 {
                    out.push(' ');
                }
                out.push_str(WORDS[(rest >> (4 * at) & 15) as usize]);
            }
        }
        Gen::Body => {
            for at in 0..1 + rest % 12 {
                out.push_str("<p>");
                out.push_str(WORDS[(rest >> (3 * at) & 15) as usize]);
                out.push_str(" &amp; more</p>\n");
            }
        }
        Gen::Number => {
            number(out, rest % 100_000);
            if rest & 1 == 0 {
                out.push('.');
                number(out, rest / 100_000 % 100);
            }
        }
        Gen::Money => {
            number(out, rest % 1_000_000);
            out.push_str(".50");
        }
        Gen::Date => date(out, 15_000 + (rest % 6_000) as i64),
        Gen::DateTime => instant(out, 1_400_000_000_000 + (rest % 360_000_000_000) as i64),
        Gen::Choice => match &property.options[..] {
            [] => out.push_str("one"),
            options => out.push_str(&options[(rest % options.len() as u64) as usize]),
        },
        Gen::Choices => {
            let mut first = true;
            for (at, option) in property.options.iter().enumerate() {
                if rest >> at & 1 == 1 || (first && at + 1 == property.options.len()) {
                    if !first {
                        out.push(';');
                    }
                    out.push_str(option);
                    first = false;
                }
            }
        }
        Gen::Bool => out.push_str(if rest & 1 == 0 { "true" } else { "false" }),
        Gen::Owner => number(out, 41_000_000 + rest % 12 * 137),
        Gen::Json => {
            out.push_str("{\"latitude\":");
            number(out, rest % 90);
            out.push_str(",\"longitude\":");
            number(out, rest / 90 % 180);
            out.push('}');
        }
        _ => return false,
    }
    true
}

/// What the first ten records of a type hold: nothing, the empty text, and values that break readers.
fn nasty(property: &Property, at: u32, out: &mut String) -> bool {
    let at = at as usize;
    match at {
        0 => return false,
        1 => return true,
        _ => {}
    }
    let at = at - 2;
    match (property.kind.as_str(), property.from) {
        ("number", Gen::Calculated) => out.push_str("12"),
        ("number", _) => out.push_str(NUMBERS[at]),
        ("date", _) => out.push_str(DATES[at]),
        ("datetime", _) => out.push_str(DATETIMES[at]),
        ("bool", _) => out.push_str(BOOLS[at]),
        ("enumeration", _) => out.push_str(CHOICES[at]),
        (_, Gen::Body) => {
            // As long as a note may be.
            let mut left = 65_536;
            let size = TEXTS[at].chars().count() + 7;
            while left >= size {
                out.push_str("<b>");
                out.push_str(TEXTS[at]);
                out.push_str("</b>");
                left -= size;
            }
            out.extend(std::iter::repeat_n('.', left));
        }
        _ => out.push_str(TEXTS[at]),
    }
    true
}
