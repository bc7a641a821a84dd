//! Regular expressions of mappings. They are written as Java has them and run by an engine whose time grows with the
//! text alone, so that no pattern can hold up a run; what such an engine cannot do (looking around, references back) is
//! refused when the mapping set is stored. A pattern that comes from a row is bounded like one that is written out.

use regex::{Regex, RegexBuilder};

/// The most memory of a compiled pattern.
const MAX_SIZE: usize = 1 << 20;
/// The deepest nesting of groups and classes.
const MAX_NESTING: u32 = 64;
/// The longest pattern.
const MAX_CHARACTERS: usize = 4096;

/// Compiles a pattern; the error is the end of a sentence.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > MAX_CHARACTERS {
        return Err(format!("the pattern is longer than {MAX_CHARACTERS} bytes"));
    }
    let built = RegexBuilder::new(&translated(pattern))
        .size_limit(MAX_SIZE)
        .dfa_size_limit(2 * MAX_SIZE)
        .nest_limit(MAX_NESTING)
        .build();
    built.map_err(|why| reason(pattern, &why))
}

/// Compiles a pattern that a whole text must match.
pub fn compile_whole(pattern: &str) -> Result<Regex, String> {
    compile(pattern)?;
    compile(&format!("^(?:{pattern})\\z"))
}

fn reason(pattern: &str, why: &regex::Error) -> String {
    let around = ["(?=", "(?!", "(?<=", "(?<!", "(?>"].iter().any(|sign| pattern.contains(sign));
    match why {
        _ if around => {
            "the pattern looks around (`(?=`, `(?!`, `(?<=`, `(?<!`, `(?>`), which takes unbounded time and is not available"
                .into()
        }
        regex::Error::CompiledTooBig(_) => "the pattern is too large".into(),
        // The library's message draws the pattern over several lines; the last one says what is wrong.
        other => {
            let text = other.to_string();
            let last = text.lines().last().unwrap_or_default().trim_start_matches("error:").trim();
            format!("the pattern is no regular expression: {last}")
        }
    }
}

/// Java's `\d`, `\w` and `\s` know the letters of ASCII only.
fn translated(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut class = 0usize;
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        match c {
            '[' => class += 1,
            ']' => class = class.saturating_sub(1),
            '\\' => {
                let Some(escaped) = chars.next() else {
                    out.push('\\');
                    break;
                };
                match short(escaped) {
                    Some((members, false)) if class > 0 => out.push_str(members),
                    Some((members, false)) => out.extend(["[", members, "]"]),
                    Some((members, true)) => out.extend(["[^", members, "]"]),
                    None => out.extend(['\\', escaped]),
                }
                continue;
            }
            _ => {}
        }
        out.push(c);
    }
    out
}

/// The members of a class that a letter stands for, and whether it means all others.
fn short(letter: char) -> Option<(&'static str, bool)> {
    Some(match letter {
        'd' => ("0-9", false),
        'D' => ("0-9", true),
        'w' => ("0-9A-Za-z_", false),
        'W' => ("0-9A-Za-z_", true),
        's' => (r" \t\n\x0B\f\r", false),
        'S' => (r" \t\n\x0B\f\r", true),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, whole: bool) {
        assert_eq!(compile_whole(pattern).unwrap().is_match(text), whole, "{pattern} on {text}");
    }

    #[test]
    fn a_whole_text_matches() {
        check("E[0-9]+", "E259", true);
        check("E[0-9]+", "E259\n", false);
        check("a|b", "ab", false);
        check("", "", true);
        check(r"\d+", "٣", false);
        check(r"[\d\s]+", "1 2", true);
        check(r"[^\d]+", "ab", true);
        check(r"[\D]+", "1", false);
        check(r"\w+", "ö", false);
        check(r"\bx\b", "x", true);
        check(r"(?i)ÄB", "äb", true);
    }

    #[test]
    fn what_takes_unbounded_time_is_refused() {
        for pattern in ["(?=a)", "(?!a)b", "(?<=a)b", "(?<!a)b", "(?>a+)"] {
            assert!(compile(pattern).unwrap_err().contains("looks around"), "{pattern}");
        }
        assert!(compile(r"(a)\1").unwrap_err().contains("backreference"));
        assert!(compile("(").unwrap_err().contains("unclosed group"));
        assert!(compile("(((a{100}){100}){100})").unwrap_err().contains("too large"));
        assert!(compile(&"(".repeat(200)).is_err());
        assert!(compile(&"a".repeat(MAX_CHARACTERS + 1)).unwrap_err().contains("longer"));
        assert!(compile("a\\").is_err());
    }

    #[test]
    fn a_hostile_text_takes_linear_time() {
        let nested = compile_whole("(a+)+b").unwrap();
        assert!(!nested.is_match(&"a".repeat(100_000)));
    }
}
