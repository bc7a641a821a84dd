//! Markdown as HTML: headings get ids, what may be wide gets a box that scrolls by keyboard too, links among the sources
//! become links among the pages.

use super::escaped;
use super::summary::{Chapter, path};
use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html};
use std::collections::BTreeMap;

/// The HTML of a source at a place of the book.
pub fn body(text: &str, place: &str, chapters: &[&Chapter]) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    let events: Vec<Event<'_>> = Parser::new_ext(text, options).collect();
    let mut ids = headings(&events).into_iter();
    let events = events.into_iter().map(|event| match event {
        Event::Start(Tag::Heading { level, classes, attrs, .. }) => {
            Event::Start(Tag::Heading { level, id: ids.next().map(CowStr::from), classes, attrs })
        }
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = linked(&dest_url, place, chapters).map_or(dest_url, CowStr::from);
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        Event::Start(Tag::CodeBlock(kind)) => {
            let language = match &kind {
                CodeBlockKind::Fenced(named) => named.split([' ', ',']).next().unwrap_or_default(),
                CodeBlockKind::Indented => "",
            };
            let class = if language.is_empty() { "text" } else { language };
            Event::Html(format!("<pre tabindex=\"0\"><code class=\"language-{}\">", escaped(class)).into())
        }
        Event::End(TagEnd::CodeBlock) => Event::Html("</code></pre>\n".into()),
        other => other,
    });
    let mut out = String::new();
    html::push_html(&mut out, events);
    out.replace("<table>", "<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"Table\"><table>")
        .replace("</table>", "</table></div>")
}

/// An id for each heading: its words, and a number where they stand twice.
fn headings(events: &[Event<'_>]) -> Vec<String> {
    let (mut ids, mut open, mut seen) = (Vec::new(), None::<String>, BTreeMap::<String, usize>::new());
    for event in events {
        match event {
            Event::Start(Tag::Heading { .. }) => open = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(words) = &mut open {
                    words.push_str(text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let slug = slug(&open.take().unwrap_or_default());
                let times = seen.entry(slug.clone()).or_default();
                ids.push(if *times == 0 { slug } else { format!("{slug}-{times}") });
                *times += 1;
            }
            _ => {}
        }
    }
    ids
}

/// As the well-known renderers make it, so that links work in both.
fn slug(words: &str) -> String {
    let kept = words.trim().to_lowercase();
    kept.chars()
        .filter_map(|c| if c == ' ' { Some('-') } else { (c.is_alphanumeric() || "-_".contains(c)).then_some(c) })
        .collect()
}

/// Where a link among the sources leads among the pages; none for one that is a page's address already, or leads out.
fn linked(to: &str, place: &str, chapters: &[&Chapter]) -> Option<String> {
    if to.contains("://") || to.starts_with(['/', '#']) || to.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = to.split_once('#').map_or((to, ""), |(file, anchor)| (file, anchor));
    let wanted = joined(place, file);
    let chapter = chapters.iter().find(|chapter| chapter.place == wanted || chapter.path == path(&wanted))?;
    let anchor = if anchor.is_empty() { String::new() } else { format!("#{anchor}") };
    Some(format!("/docs/{}{anchor}", chapter.path))
}

/// A place as it is seen from another: `../sources.md` from `tutorials/s3.md` is `sources.md`.
fn joined(from: &str, to: &str) -> String {
    let mut steps: Vec<&str> = from.split('/').collect();
    steps.pop();
    for step in to.split('/').filter(|step| *step != ".") {
        match step {
            ".." if steps.last().is_some_and(|last| *last != "..") => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    steps.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let chapter = |place: &str| Chapter { title: "T".into(), place: place.into(), path: path(place) };
        let chapters = [chapter("start.md"), chapter("tutorials/s3.md"), chapter("../mapping.md")];
        assert_eq!(body(text, "tutorials/s3.md", &chapters.iter().collect::<Vec<_>>()).trim(), expected);
    }

    #[test]
    fn headings_have_ids_that_stand_once() {
        check(
            "# What's `new`?\n\n## A\n\n## A",
            "<h1 id=\"whats-new\">What's <code>new</code>?</h1>\n<h2 id=\"a\">A</h2>\n<h2 id=\"a-1\">A</h2>",
        );
    }

    #[test]
    fn links_among_sources_become_links_among_pages() {
        check("[a](../start.md#x)", "<p><a href=\"/docs/start.html#x\">a</a></p>");
        check("[a](../../mapping.md)", "<p><a href=\"/docs/mapping.html\">a</a></p>");
        check("[a](../mapping.md)", "<p><a href=\"/docs/mapping.html\">a</a></p>");
        check("[a](https://delta.io/)", "<p><a href=\"https://delta.io/\">a</a></p>");
        check("[a](#b)", "<p><a href=\"#b\">a</a></p>");
        check("[a](/ui/)", "<p><a href=\"/ui/\">a</a></p>");
    }

    #[test]
    fn code_keeps_its_language_and_its_signs() {
        check(
            "```sh\na < b && c\n```",
            "<pre tabindex=\"0\"><code class=\"language-sh\">a &lt; b &amp;&amp; c\n</code></pre>",
        );
    }
}
