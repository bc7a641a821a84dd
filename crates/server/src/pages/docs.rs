//! The documentation, served below `/docs/`: the book (`docs/book`, Markdown), the reference of the API, made of its
//! description, and a page with every error code. Rendered when the first page is asked for; without scripts, and with
//! one style sheet.

mod codes;
mod layout;
mod markdown;
mod reference;
mod summary;

use super::{html, note};
use forebay_api::{Asked, Page};
use layout::Shown;
use rust_embed::RustEmbed;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use summary::{Chapter, Part};

#[derive(RustEmbed)]
#[folder = "../../docs/book"]
struct Book;

/// Pages that tests make, which lie beside the book.
const GENERATED: [(&str, &str); 3] = [
    ("../compat.md", include_str!("../../../../docs/compat.md")),
    ("../mapping.md", include_str!("../../../../docs/mapping.md")),
    ("../sources.md", include_str!("../../../../docs/sources.md")),
];

const STYLE: &str = include_str!("docs/style.css");

/// Styles and pictures of this origin, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'; object-src 'none'";

/// Every page, by its path.
pub struct Docs(OnceLock<BTreeMap<String, String>>);

impl Docs {
    /// Nothing is rendered yet.
    pub const fn new() -> Docs {
        Docs(OnceLock::new())
    }

    /// The page at a path below `/docs/`.
    pub fn page(&self, asked: &Asked<'_>) -> Page {
        let path = asked.path.trim_start_matches("/docs/");
        if path == "style.css" {
            let headers =
                vec![("content-type", "text/css; charset=utf-8".to_string()), ("cache-control", "no-cache".into())];
            return Page { status: 200, headers, body: STYLE.into() };
        }
        if let Some(text) = picture(path) {
            return text;
        }
        let pages = self.0.get_or_init(rendered);
        match pages.get(if path.is_empty() { "index.html" } else { path }) {
            Some(text) => html(200, POLICY.into(), text.clone()),
            None => {
                let words = "<p>There is no such page in the documentation. <a href=\"/docs/\">Its first page</a></p>";
                html(404, POLICY.into(), note("Not found", words))
            }
        }
    }
}

/// A picture of the book.
fn picture(path: &str) -> Option<Page> {
    let known = [".png", ".svg", ".webp"].iter().any(|end| path.ends_with(end));
    let file = Book::get(path).filter(|_| known)?;
    let headers = vec![("content-type", super::media_type(path).to_string()), ("cache-control", "no-cache".into())];
    Some(Page { status: 200, headers, body: file.data.into_owned().into() })
}

/// The Markdown of a page of the book, by its place from the book's folder.
fn source(place: &str) -> Option<String> {
    if let Some((_, text)) = GENERATED.iter().find(|(name, _)| *name == place) {
        return Some(text.to_string());
    }
    Book::get(place).map(|file| String::from_utf8_lossy(&file.data).into_owned())
}

/// The table of contents.
fn parts() -> Vec<Part> {
    summary::read(&source("SUMMARY.md").unwrap_or_default())
}

fn rendered() -> BTreeMap<String, String> {
    let parts = parts();
    let chapters: Vec<&Chapter> = parts.iter().flat_map(|part| &part.chapters).collect();
    let mut pages = BTreeMap::new();
    for (at, chapter) in chapters.iter().enumerate() {
        let body = match chapter.place.as_str() {
            "api.html" => reference::body(&forebay_api::openapi()),
            "errors.html" => codes::body(),
            place => markdown::body(&source(place).unwrap_or_default(), place, &chapters),
        };
        let before = at.checked_sub(1).and_then(|at| chapters.get(at)).copied();
        let shown = Shown { chapter, parts: &parts, before, after: chapters.get(at + 1).copied(), body: &body };
        let page = layout::page(&shown);
        if at == 0 {
            pages.insert("index.html".to_string(), page.clone());
        }
        pages.insert(chapter.path.clone(), page);
    }
    pages
}

/// Text between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
#[path = "docs/tests.rs"]
mod tests;
