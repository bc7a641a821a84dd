//! Text of the other side, made fit to be shown: cut, without control characters, and without our secrets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

/// The most of a foreign text that is kept, in bytes.
pub(crate) const LIMIT: usize = 2048;
/// A run of this many bytes of a secret gives it away.
const WINDOW: usize = 8;

/// At most [`LIMIT`] bytes of `text` on one line. A text that repeats a part of a secret, plainly or in a common
/// encoding, is withheld whole: what surrounds the part may be the rest of it in another encoding.
pub(crate) fn shown(text: &str, secrets: &[&SecretString]) -> String {
    if secrets.iter().any(|secret| repeats(text, secret.expose_secret())) {
        return "(withheld: the answer repeated a credential)".to_string();
    }
    let mut kept = String::new();
    for c in text.chars().map(|c| if c.is_control() || c.is_whitespace() { ' ' } else { c }) {
        if c == ' ' && (kept.is_empty() || kept.ends_with(' ')) {
            continue;
        }
        if kept.len() + c.len_utf8() > LIMIT - '…'.len_utf8() {
            kept.push('…');
            break;
        }
        kept.push(c);
    }
    kept.trim_end().to_string()
}

/// The most of a reason why one record could not be read, in bytes: there may be many of them.
const BRIEF: usize = 300;

/// At most [`BRIEF`] bytes of a text that may be shown.
pub(crate) fn brief(text: &str) -> String {
    if text.len() <= BRIEF {
        return text.to_string();
    }
    let end = text.floor_char_boundary(BRIEF - '…'.len_utf8());
    format!("{}…", &text[..end])
}

fn repeats(text: &str, secret: &str) -> bool {
    if secret.is_empty() {
        return false;
    }
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let texts = [text.to_ascii_lowercase(), decoded.to_ascii_lowercase()];
    let reversed: String = secret.chars().rev().collect();
    let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
    let mut forms = vec![(secret.to_string(), WINDOW), (reversed, WINDOW), (hex, 2 * WINDOW)];
    // Base64 has three alignments; the characters at the ends depend on what lies beside the secret.
    for offset in 0..3 {
        let padded = [&b"xxx"[..offset], secret.as_bytes()].concat();
        let encoded = STANDARD_NO_PAD.encode(padded);
        if encoded.len() > 12 {
            forms.push((encoded[4..encoded.len() - 2].to_string(), 12));
        }
    }
    forms.iter().any(|(form, window)| texts.iter().any(|text| shares_a_run(text, &form.to_ascii_lowercase(), *window)))
}

/// Is any run of `window` bytes of `form` (or all of a shorter one) in `text`?
fn shares_a_run(text: &str, form: &str, window: usize) -> bool {
    let (text, form) = (text.as_bytes(), form.as_bytes());
    let window = window.min(form.len());
    if window == 0 || text.len() < window {
        return false;
    }
    let runs: std::collections::HashSet<&[u8]> = form.windows(window).collect();
    text.windows(window).any(|run| runs.contains(run))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY";

    #[track_caller]
    fn check(text: &str, withheld: bool) {
        let shown = shown(text, &[&SecretString::from(SECRET.to_string())]);
        assert_eq!(shown.starts_with("(withheld"), withheld, "{shown}");
        assert!(shown.len() <= LIMIT);
    }

    #[test]
    fn a_reason_is_brief() {
        assert_eq!(brief("short"), "short");
        let long = brief(&"ü".repeat(400));
        assert!(long.len() <= BRIEF && long.len() > BRIEF - 6 && long.ends_with("ü…"), "{long}");
    }

    #[test]
    fn a_secret_is_withheld_in_every_common_encoding() {
        check(&format!("your key {SECRET} is wrong"), true);
        check(&SECRET.to_uppercase(), true);
        check("part only: UtnFEMI/K7", true);
        check("wJalrXUtnFEMI%2FK7MDENG%2FbPxRfiCYzEXAMPLEKEY", true);
        check(&SECRET.chars().rev().collect::<String>(), true);
        check(&SECRET.bytes().map(|b| format!("{b:02X}")).collect::<String>(), true);
        for lead in ["", "a", "ab", "abc"] {
            check(&STANDARD_NO_PAD.encode(format!("{lead}{SECRET}")), true);
        }
    }

    #[test]
    fn ordinary_text_passes_on_one_line() {
        check("The specified bucket does not exist", false);
        assert_eq!(shown(" a\r\n\u{1b}[31mb ", &[]), "a [31mb");
    }

    #[test]
    fn long_text_is_cut_on_a_character() {
        let cut = shown(&"é".repeat(5000), &[]);
        assert!(cut.len() <= LIMIT && cut.ends_with('…'));
    }
}
