//! Every error code, with what it means and what to do.

use super::escaped;
use forebay_model::code::ALL;

/// The page's text.
pub fn body() -> String {
    let mut out = String::from(
        "<h1 id=\"errors\">Error codes</h1>\n<p>An answer that is an error names one of these codes: as \
         <code>error_code</code>, or at the end of <code>type</code>. So do runs that fail and rows that are kept apart. The \
         command line explains them too: <code>forebay explain FLOW-1404-412</code>.</p>\n",
    );
    for code in ALL {
        out.push_str(&format!(
            "<h2 id=\"{id}\"><code>{id}</code> {title}</h2>\n<p>HTTP status {status}. {text}</p>\n",
            id = escaped(code.id),
            title = escaped(code.title),
            status = code.status,
            text = coded(code.text),
        ));
    }
    out
}

/// Text with code between backticks.
pub fn coded(text: &str) -> String {
    let mut out = String::new();
    for (at, piece) in text.split('`').enumerate() {
        match at % 2 {
            0 => out.push_str(&escaped(piece)),
            _ => out.push_str(&format!("<code>{}</code>", escaped(piece))),
        }
    }
    out
}
