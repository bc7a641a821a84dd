//! The web UI, as `make ui` builds it: one page for all of its addresses, and assets whose names change with their
//! contents. A program built without it says how to build it.

use super::{html, media_type, note};
use forebay_api::{Asked, Page};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Built;

/// Stands in the page for a number that is used once.
const NONCE: &str = "__CSP_NONCE__";
/// Encodings that the build makes beside a file, the better one first, and what it appends to the name.
const PACKED: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// The page or the file at a path below `/ui/`.
pub fn page(asked: &Asked<'_>) -> Page {
    let path = asked.path.trim_start_matches("/ui/");
    let asset = path.starts_with("assets/");
    match Built::get(path) {
        Some(found) if path != "index.html" && path.contains('.') => file(path, found, asset, asked),
        // An address of an older build: the page would be no script.
        _ if asset => Page { status: 404, headers: plain(), body: "There is no such file in this build.\n".into() },
        _ => index(&(asked.nonce)()),
    }
}

fn plain() -> Vec<(&'static str, String)> {
    vec![("content-type", "text/plain; charset=utf-8".to_string())]
}

fn index(nonce: &str) -> Page {
    let text = match Built::get("index.html") {
        Some(found) => String::from_utf8_lossy(&found.data).replace(NONCE, nonce),
        None => note(
            "The web UI is not in this build",
            "<p>Build it with <code>make ui</code>, then build the program again. The API and the command line work \
             without it; the <a href=\"/docs/\">documentation</a> is here.</p>",
        ),
    };
    html(200, policy(nonce), text)
}

/// Scripts, styles and requests of this origin alone.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; \
         font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; \
         frame-ancestors 'none'; object-src 'none'"
    )
}

fn file(path: &str, found: EmbeddedFile, asset: bool, asked: &Asked<'_>) -> Page {
    let caching = if asset { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut headers = vec![
        ("content-type", media_type(path).to_string()),
        ("cache-control", caching.to_string()),
        ("vary", "accept-encoding".to_string()),
    ];
    let packed = PACKED.iter().filter(|(encoding, _)| reads(asked.encodings, encoding)).find_map(|(encoding, end)| {
        let found = Built::get(&format!("{path}{end}"))?;
        Some((*encoding, found))
    });
    let found = match packed {
        Some((encoding, packed)) => {
            headers.push(("content-encoding", encoding.to_string()));
            packed
        }
        None => found,
    };
    headers.push(("etag", etag(&found)));
    Page { status: 200, headers, body: found.data.into_owned().into() }
}

fn etag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let hex: String = hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Whether an `Accept-Encoding` names an encoding without refusing it.
fn reads(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(encoding));
        let refused = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.and_then(|weight| weight.trim().parse::<f32>().ok()).is_some_and(|weight| weight <= 0.0)
        });
        named && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accepted: &str, encoding: &str, expected: bool) {
        assert_eq!(reads(accepted, encoding), expected, "{accepted:?} and {encoding}");
    }

    #[test]
    fn an_encoding_is_used_where_the_browser_reads_it() {
        check("gzip, deflate, br, zstd", "br", true);
        check("gzip;q=0.5, BR ; q=1.0", "br", true);
        check("gzip, br;q=0", "br", false);
        check("gzip, br;q=0.0", "br", false);
        check("", "gzip", false);
        check("brotli", "br", false);
    }

    #[test]
    fn no_address_leads_out_of_the_build() {
        let nonce = || "n".to_string();
        for path in
            ["/ui/assets/../../Cargo.toml", "/ui/assets/%2e%2e/index.html", "/ui/assets/", "/ui/assets//etc/passwd"]
        {
            let asked = Asked { path, query: None, encodings: "br", nonce: &nonce };
            assert_eq!(page(&asked).status, 404, "{path}");
        }
    }

    #[test]
    fn each_address_of_the_ui_is_its_one_page_under_a_strict_policy() {
        let nonce = || "used-once".to_string();
        for path in ["/ui/", "/ui/flows/1?tab=runs", "/ui/index.html", "/ui/../x"] {
            let asked = Asked { path, query: None, encodings: "br", nonce: &nonce };
            let page = page(&asked);
            let header = |name: &str| page.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
            assert_eq!((page.status, header("content-type")), (200, Some("text/html; charset=utf-8")), "{path}");
            let policy = header("content-security-policy").unwrap();
            assert!(policy.contains("default-src 'none'") && policy.contains("'nonce-used-once'"), "{policy}");
            assert!(!policy.contains("unsafe"), "{policy}");
            let text = String::from_utf8(page.body.to_vec()).unwrap();
            assert!(!text.contains(NONCE) && text.contains("<!doctype html>"), "{text}");
        }
    }
}
