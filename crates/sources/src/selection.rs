//! Patterns over raw keys: `*` and `?` stay within a folder, `**` crosses folders, `[..]` and `{a,b}` choose.
//! Pure. A key is text, not a path: nothing is normalised, and matching is case-sensitive.

use forebay_model::{Error, Kind, Result, code};
use globset::{GlobBuilder, GlobMatcher};

/// The characters that make a path a pattern.
const META: [char; 4] = ['*', '?', '[', '{'];

/// A pattern over keys.
#[derive(Debug)]
pub(crate) struct Pattern {
    matcher: GlobMatcher,
    /// Every matching key begins with this.
    pub(crate) prefix: String,
    /// No matching key has a slash after the prefix: one level need be listed.
    pub(crate) flat: bool,
}

/// Is this path a pattern?
pub(crate) fn is_pattern(path: &str) -> bool {
    path.contains(META)
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Pattern> {
        let glob = GlobBuilder::new(text).literal_separator(true).empty_alternates(true).build().map_err(|e| {
            Error::new(Kind::Invalid, &code::FLOW_1100, format!("the pattern {text:?} cannot be read: {}", e.kind()))
                .advice("Use *, **, ?, [..] and {a,b}; write [[] for a plain bracket and [*] for a plain star.")
        })?;
        let literal = text.find(|c| META.contains(&c) || c == '\\').unwrap_or(text.len());
        let (prefix, rest) = text.split_at(literal);
        // A choice may hold a slash, and so may `**`.
        let flat = !rest.contains('/') && !rest.contains("**");
        Ok(Pattern { matcher: glob.compile_matcher(), prefix: prefix.to_string(), flat })
    }

    pub(crate) fn matches(&self, key: &str) -> bool {
        self.matcher.is_match(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let parsed = Pattern::parse(pattern).unwrap();
        for key in yes {
            assert!(parsed.matches(key), "{pattern} should match {key}");
            assert!(key.starts_with(&parsed.prefix), "{key} lacks the prefix {}", parsed.prefix);
            assert!(!parsed.flat || !key[parsed.prefix.len()..].contains('/'), "{key} is not flat");
        }
        for key in no {
            assert!(!parsed.matches(key), "{pattern} should not match {key}");
        }
    }

    #[test]
    fn a_star_stays_in_its_folder() {
        check("in/*.csv", &["in/a.csv", "in/.csv", "in/a b+%.csv"], &["in/2024/a.csv", "in/a.csv.gz", "In/a.csv"]);
        check("in/*/a.csv", &["in/2024/a.csv"], &["in/a.csv", "in/2024/01/a.csv"]);
        check("*", &["a"], &["a/b"]);
    }

    #[test]
    fn two_stars_cross_folders() {
        check("in/**/*.csv", &["in/a.csv", "in/2024/a.csv", "in/2024/01/a.csv"], &["out/a.csv"]);
        check("in/**", &["in/a", "in/a/b"], &["on/a"]);
        check("**/a.csv", &["a.csv", "x/a.csv"], &["xa.csv"]);
    }

    #[test]
    fn marks_classes_and_choices_choose() {
        check("in/2024-0[1-3]-??.csv", &["in/2024-01-31.csv"], &["in/2024-04-01.csv", "in/2024-01-1.csv"]);
        check("in/{a,b}.csv", &["in/a.csv", "in/b.csv"], &["in/c.csv"]);
        check("in/{a,b/c}.csv", &["in/a.csv", "in/b/c.csv"], &["in/b.csv"]);
        check("in/[!a].csv", &["in/b.csv"], &["in/a.csv"]);
        check("in/日*.csv", &["in/日本.csv"], &["in/月.csv"]);
        check("in/a[[]1].csv", &["in/a[1].csv"], &["in/a1.csv"]);
    }

    #[test]
    fn an_unreadable_pattern_is_invalid() {
        for text in ["in/[a", "in/{a", "in/a}{"] {
            assert_eq!(Pattern::parse(text).unwrap_err().kind, Kind::Invalid, "{text}");
        }
    }
}
