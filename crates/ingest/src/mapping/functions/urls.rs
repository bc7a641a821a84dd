//! Functions of URLs. A URL is taken apart as it is written (RFC 3986): nothing is made small, decoded or put in order.

use super::{Args, Builtin, Gives, builtin, nested};
use crate::mapping::value::{Fault, Members, Outcome, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

pub(super) static ALL: &[Builtin] = &[
    builtin("get_url_protocol", 1, 1, Gives::Text, |args| part(args, |url| Some(url.scheme))),
    builtin("get_url_host", 1, 1, Gives::Text, |args| part(args, |url| url.host)),
    builtin("get_url_port", 1, 1, Gives::Whole, port),
    builtin("get_url_path", 1, 2, Gives::Text, path),
    nested("get_url_query_str", 2, 2, Gives::Any, query),
    builtin("get_url_encoded", 1, 1, Gives::Text, encoded),
    builtin("get_url_decoded", 1, 1, Gives::Text, decoded),
];

/// All but letters, digits and these.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// The parts of a URL.
#[derive(Debug, PartialEq)]
struct Url<'t> {
    scheme: &'t str,
    host: Option<&'t str>,
    port: Option<u16>,
    path: &'t str,
    query: Option<&'t str>,
    anchor: Option<&'t str>,
}

impl<'t> Url<'t> {
    /// None of a text that is no URL.
    fn parse(text: &'t str) -> Option<Url<'t>> {
        let text = text.trim();
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let (scheme, rest) = text.split_once(':')?;
        let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        if !named {
            return None;
        }
        let (rest, anchor) = cut(rest, '#');
        let (rest, query) = cut(rest, '?');
        let mut url = Url { scheme, host: None, port: None, path: rest, query, anchor };
        if let Some(rest) = rest.strip_prefix("//") {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            url.path = path;
            url.authority(authority)?;
        }
        Some(url)
    }

    /// `user:secret@host:port`; a host of the sixth version stands in brackets.
    fn authority(&mut self, text: &'t str) -> Option<()> {
        let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
        let (host, port) = match text.strip_prefix('[') {
            Some(_) => text.split_at(text.find(']')? + 1),
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        self.host = Some(host).filter(|host| !host.is_empty());
        self.port = match port.strip_prefix(':') {
            Some("") => None,
            Some(digits) => Some(digits.parse().ok()?),
            None if port.is_empty() => None,
            None => return None,
        };
        Some(())
    }
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// The usual port of a scheme.
fn usual(scheme: &str) -> Option<i64> {
    Some(match scheme.to_ascii_lowercase().as_str() {
        "ftp" => 21,
        "sftp" | "ssh" | "scp" => 22,
        "telnet" => 23,
        "smtp" => 25,
        "gopher" => 70,
        "http" | "ws" => 80,
        "pop3" => 110,
        "nntp" => 119,
        "imap" => 143,
        "ldap" => 389,
        "https" | "wss" => 443,
        "rtsp" => 554,
        "ldaps" => 636,
        "ftps" => 990,
        "imaps" => 993,
        _ => return None,
    })
}

fn part<'a>(args: &Args<'a>, of: for<'t> fn(&Url<'t>) -> Option<&'t str>) -> Outcome<'a> {
    let text = args.text(0)?.unwrap_or_default();
    Ok(Url::parse(&text).and_then(|url| of(&url)).map_or(Value::Null, Value::owned))
}

fn port<'a>(args: &Args<'a>) -> Outcome<'a> {
    let text = args.text(0)?.unwrap_or_default();
    let port = Url::parse(&text).and_then(|url| url.port.map(i64::from).or_else(|| usual(url.scheme)));
    Ok(port.map_or(Value::Null, Value::Int))
}

fn path<'a>(args: &Args<'a>) -> Outcome<'a> {
    let text = args.text(0)?.unwrap_or_default();
    let whole = args.truth(1)?.unwrap_or(true);
    let path = Url::parse(&text).map(|url| url.path);
    Ok(path.map_or(Value::Null, |path| {
        Value::owned(if whole { path } else { path.rsplit_once('/').map_or(path, |(_, end)| end) })
    }))
}

fn query<'a>(args: &Args<'a>) -> Outcome<'a> {
    let text = args.text(0)?.unwrap_or_default();
    let anchor = args.text(1)?.unwrap_or("retain".into()).to_lowercase();
    let (retain, append) = match anchor.as_str() {
        "retain" => (true, false),
        "append" => (false, true),
        "remove" => (false, false),
        _ => return Err("get_url_query_str() does one of retain, remove and append with the anchor".into()),
    };
    let Some(url) = Url::parse(&text) else {
        return Ok(Value::Null);
    };
    let mut parameters: Vec<(String, String)> = Vec::new();
    for parameter in url.query.unwrap_or_default().split('&').filter(|parameter| !parameter.is_empty()) {
        args.budget.elements(1)?;
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        parameters.push((plain(name)?, plain(value)?));
    }
    if let (true, Some(anchor), Some((_, last))) = (retain, url.anchor, parameters.last_mut()) {
        last.push('#');
        last.push_str(anchor);
    }
    let mut members = Members::default();
    for (name, value) in parameters {
        members.put(name, Value::owned(value));
    }
    if let (true, Some(anchor)) = (append, url.anchor) {
        members.put("_anchor_".into(), Value::owned(anchor));
    }
    Ok(members.value())
}

/// Percent-decoded, and a plus is a blank, as forms write it.
fn plain(text: &str) -> Result<String, Fault> {
    decode(&text.replace('+', " "))
}

fn decode(text: &str) -> Result<String, Fault> {
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err("what is percent-encoded is no UTF-8 text".into()),
    }
}

fn encoded<'a>(args: &Args<'a>) -> Outcome<'a> {
    let Some(text) = args.text(0)? else {
        return Ok(Value::Null);
    };
    let pieces = utf8_percent_encode(&text, ENCODED);
    args.budget.text(pieces.clone().map(str::len).sum())?;
    Ok(Value::owned(pieces.to_string()))
}

fn decoded<'a>(args: &Args<'a>) -> Outcome<'a> {
    match args.text(0)? {
        Some(text) => decode(&text).map(Value::owned),
        None => Ok(Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_as_it_is_written() {
        let url = |text| Url::parse(text);
        let all = url("foo://joe:pw@Example.com:8042/over/there?name=ferret#nose").unwrap();
        assert_eq!((all.scheme, all.host, all.port), ("foo", Some("Example.com"), Some(8042)));
        assert_eq!((all.path, all.query, all.anchor), ("/over/there", Some("name=ferret"), Some("nose")));
        let six = url("http://[::1]:80/").unwrap();
        assert_eq!((six.host, six.port), (Some("[::1]"), Some(80)));
        let mail = url("mailto:joe@example.com").unwrap();
        assert_eq!((mail.host, mail.path), (None, "joe@example.com"));
        assert_eq!(url("http://example.com?a#b?c").unwrap().anchor, Some("b?c"));
        for wrong in [
            "",
            "example.com",
            "//example.com",
            "1a://b",
            "http://a b",
            "http://a:b/",
            "http://a:99999/",
            "http://[::1/",
        ] {
            assert_eq!(url(wrong), None, "{wrong:?}");
        }
    }
}
