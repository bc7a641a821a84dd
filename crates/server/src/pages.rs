//! What browsers get beside the API: the web UI below `/ui/` and the book below `/docs/`. Both are compiled in; no page
//! asks another host for anything.

mod docs;
mod ui;

use forebay_api::{Asked, Page, Pages};

/// The pages of this program.
pub struct Site {
    docs: docs::Docs,
}

impl Site {
    /// Nothing is rendered before somebody asks.
    pub const fn new() -> Site {
        Site { docs: docs::Docs::new() }
    }
}

impl Pages for Site {
    fn page(&self, asked: &Asked<'_>) -> Option<Page> {
        match asked.path {
            "/" | "/ui" => Some(moved("/ui/", asked.query)),
            "/docs" => Some(moved("/docs/", asked.query)),
            path if path.starts_with("/docs/") => Some(self.docs.page(asked)),
            path if path.starts_with("/ui/") => Some(ui::page(asked)),
            _ => None,
        }
    }
}

/// The page is elsewhere; what follows the question mark goes along.
fn moved(to: &str, query: Option<&str>) -> Page {
    let to = match query {
        Some(query) => format!("{to}?{query}"),
        None => to.to_string(),
    };
    Page { status: 303, headers: vec![("location", to)], body: Default::default() }
}

/// An HTML page under a content policy.
fn html(status: u16, policy: String, text: String) -> Page {
    let headers = vec![
        ("content-type", "text/html; charset=utf-8".to_string()),
        ("content-security-policy", policy),
        ("cross-origin-opener-policy", "same-origin".into()),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()".into()),
        ("x-frame-options", "DENY".into()),
    ];
    Page { status, headers, body: text.into() }
}

/// The type of a file, by its name.
fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("css") => "text/css; charset=utf-8",
        Some("ico") => "image/x-icon",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json" | "map") => "application/json",
        Some("png") => "image/png",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        Some("webmanifest") => "application/manifest+json",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// A small page with a heading and some words.
fn note(title: &str, words: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><title>{title}</title></head><body><main><h1>{title}</h1>{words}\
         </main></body></html>"
    )
}
