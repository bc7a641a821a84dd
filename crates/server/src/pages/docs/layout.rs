//! What every page of the documentation has around its text: the way past the navigation, the table of contents, the
//! pages before and after.

use super::escaped;
use super::summary::{Chapter, Part};

/// A page and its neighbours.
pub struct Shown<'a> {
    /// Which.
    pub chapter: &'a Chapter,
    /// The table of contents.
    pub parts: &'a [Part],
    /// The page before it.
    pub before: Option<&'a Chapter>,
    /// The page after it.
    pub after: Option<&'a Chapter>,
    /// Its text, as HTML.
    pub body: &'a str,
}

/// The whole document.
pub fn page(shown: &Shown<'_>) -> String {
    let title = escaped(&shown.chapter.title);
    format!(
        r##"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title} – Forebay</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/style.css">
</head>
<body>
<a class="skip" href="#text">Skip to the text</a>
<header><a href="/docs/">Forebay documentation</a> <a class="to-contents" href="#contents">Contents</a> <a href="/ui/">Web UI</a></header>
<div class="columns">
<main id="text" tabindex="-1">
{body}
<div class="turn">{before}{after}</div>
</main>
<nav id="contents" aria-label="Contents">
{contents}</nav>
</div>
</body>
</html>
"##,
        body = shown.body,
        before = neighbour(shown.before, "prev", "Before"),
        after = neighbour(shown.after, "next", "Next"),
        contents = contents(shown),
    )
}

fn neighbour(chapter: Option<&Chapter>, relation: &str, word: &str) -> String {
    let Some(chapter) = chapter else {
        return String::new();
    };
    format!("<a rel=\"{relation}\" href=\"/docs/{}\">{word}: {}</a>", chapter.path, escaped(&chapter.title))
}

fn contents(shown: &Shown<'_>) -> String {
    let mut out = String::new();
    for part in shown.parts {
        if !part.title.is_empty() {
            out.push_str(&format!("<h2>{}</h2>\n", escaped(&part.title)));
        }
        out.push_str("<ul>\n");
        for chapter in &part.chapters {
            let current = if chapter == shown.chapter { " aria-current=\"page\"" } else { "" };
            let title = escaped(&chapter.title);
            out.push_str(&format!("<li><a href=\"/docs/{}\"{current}>{title}</a></li>\n", chapter.path));
        }
        out.push_str("</ul>\n");
    }
    out
}
